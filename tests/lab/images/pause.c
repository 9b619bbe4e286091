/* pause: the first process of a pod's sandbox. Reaps what is orphaned to it, ends on TERM and INT. */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int sig) { (void)sig; _exit(0); }
static void reap(int sig) { (void)sig; while (waitpid(-1, NULL, WNOHANG) > 0) {} }

int main(void) {
    struct sigaction a = {.sa_handler = end};
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGINT, &a, NULL);
    a.sa_handler = reap;
    sigaction(SIGCHLD, &a, NULL);
    for (;;) pause();
}
