/* work [prefix ...] verb: the load in the test containers, one line on stdout for each thing it has done.
 *
 * Prefixes, in any number and order:
 *   wait             print "ready", then wait for SIGUSR1 (everybody else ignores that signal)
 *   fork             do the rest in a child; report how it died; then sleep for ever
 *   until            from now on exit with 0 at SIGUSR2
 *   polite CODE      from now on exit with CODE at SIGTERM
 *   crowd N          fork N children that sleep, then go on
 *   name COMM        change the task's name
 * Verbs:
 *   eat MB           touch MB of anonymous memory, print "ate", sleep for ever
 *   forkeat MB N     N times one after another: a child that eats MB; report how it died; then sleep
 *   multi P MB       P children eat MB each, at once; report each death; then sleep
 *   burst N MB       as forkeat, without a report for each
 *   leak KB MB       touch KB more each second, by the clock, up to MB; then print "ate", sleep for ever
 *   saw KB MB        the same, but at MB give all of it back and begin again; for ever
 *   spin SECONDS     burn CPU
 *   write FILE MB    write with fsync in steps of 1 MiB; for ever when MB is 0
 *   exit CODE        exit with it
 *   crash            write to address 0
 *   sleep            sleep for ever
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void rest(void) { for (;;) pause(); }

static void eat(long mib) {
    for (long i = 0; i < mib; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) { perror("mmap"); _exit(3); }
        for (long j = 0; j < 1 << 20; j += 4096) p[j] = (char)(i + j + 1);
    }
}

static void grow(long kib, long mib, int again) {
    size_t size = (size_t)mib << 20, step = 64 << 10;
    char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) { perror("mmap"); _exit(3); }
    madvise(p, size, MADV_NOHUGEPAGE);
    do {
        struct timespec begun, now, nap = { .tv_nsec = 50000000 };
        clock_gettime(CLOCK_MONOTONIC, &begun);
        for (size_t at = 0; at < size;) {
            clock_gettime(CLOCK_MONOTONIC, &now);
            double seconds = now.tv_sec - begun.tv_sec + (now.tv_nsec - begun.tv_nsec) / 1e9;
            for (; at < size && at < seconds * kib * 1024; at += step)
                for (size_t j = 0; j < step; j += 4096) p[at + j] = (char)(at + j + 1);
            nanosleep(&nap, NULL);
        }
        if (again) madvise(p, size, MADV_DONTNEED);
    } while (again);
}

static void report(pid_t pid, int status) {
    if (WIFSIGNALED(status)) printf("child %d died: signal %d\n", pid, WTERMSIG(status));
    else printf("child %d died: exit %d\n", pid, WEXITSTATUS(status));
}

/* Wait for one child, reaping whatever else has been orphaned to us (we are often PID 1). */
static int wait_for(pid_t child) {
    int status = 0;
    for (pid_t p; (p = wait(&status)) != child;) if (p < 0) return 0;
    return status;
}

static int eater(long mib, int loud) {
    pid_t child = fork();
    if (child == 0) { eat(mib); rest(); }
    int status = wait_for(child);
    if (loud) report(child, status);
    return status;
}

static void wait_for_go(void) {
    sigset_t set;
    int sig;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGUSR1, SIG_DFL);
    printf("ready\n");
    sigwait(&set, &sig);
    signal(SIGUSR1, SIG_IGN);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int write_file(const char *path, long mib) {
    char *block = malloc(1 << 20);
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    if (fd < 0 || !block) { perror(path); return 1; }
    memset(block, 7, 1 << 20);
    for (long i = 0; !mib || i < mib; i++) {
        if (!mib && i % 8 == 0) lseek(fd, 0, SEEK_SET);
        if (write(fd, block, 1 << 20) < 0) { perror(path); return 1; }
        fsync(fd);
    }
    printf("wrote\n");
    return 0;
}

static int code_at_term;

static void leave(int sig) { _exit(sig == SIGTERM ? code_at_term : 0); }

static long number(char **v, int at) {
    for (int i = 0; i <= at; i++)
        if (!v[i]) { fprintf(stderr, "work: an argument is missing\n"); exit(2); }
    return atol(v[at]);
}

static char **prefixes(char **v) {
    for (; *v; v++) {
        if (!strcmp(*v, "wait")) wait_for_go();
        else if (!strcmp(*v, "until")) signal(SIGUSR2, leave);
        else if (!strcmp(*v, "polite")) { code_at_term = (int)number(v++, 1); signal(SIGTERM, leave); }
        else if (!strcmp(*v, "name")) { number(v, 1); prctl(PR_SET_NAME, *++v); }
        else if (!strcmp(*v, "crowd")) {
            for (long n = number(v++, 1); n > 0; n--) if (fork() == 0) rest();
        } else if (!strcmp(*v, "fork")) {
            pid_t child = fork();
            if (child) { report(child, wait_for(child)); rest(); }
        } else break;
    }
    return v;
}

int main(int argc, char **argv) {
    (void)argc;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGUSR1, SIG_IGN);
    char **v = prefixes(argv + 1);
    const char *verb = *v ? *v : "sleep";
    if (!strcmp(verb, "eat")) {
        eat(number(v, 1));
        printf("ate %s\n", v[1]);
    } else if (!strcmp(verb, "leak") || !strcmp(verb, "saw")) {
        grow(number(v, 1), number(v, 2), *verb == 's');
        printf("ate %s\n", v[2]);
    } else if (!strcmp(verb, "forkeat")) {
        for (long n = number(v, 2); n > 0; n--) eater(number(v, 1), 1);
        printf("done\n");
    } else if (!strcmp(verb, "burst")) {
        for (long n = number(v, 1); n > 0; n--) eater(number(v, 2), 0);
        printf("done\n");
    } else if (!strcmp(verb, "multi")) {
        for (long n = number(v, 1); n > 0; n--) if (fork() == 0) { eat(number(v, 2)); rest(); }
        int status;
        for (pid_t p; (p = wait(&status)) > 0;) report(p, status);
    } else if (!strcmp(verb, "spin")) {
        volatile long x = 0;
        for (time_t end = time(NULL) + number(v, 1); time(NULL) < end;) for (int i = 0; i < 1000000; i++) x++;
        return 0;
    } else if (!strcmp(verb, "exit")) {
        return (int)number(v, 1);
    } else if (!strcmp(verb, "crash")) {
        *(volatile int *)0 = 1;
    } else if (!strcmp(verb, "write")) {
        return write_file(v[1], number(v, 2));
    } else if (strcmp(verb, "sleep")) {
        fprintf(stderr, "work: no such verb: %s\n", verb);
        return 2;
    }
    rest();
}
