/* undertaker COUNTER POD: remove a pod's cgroups at the very moment its OOM kill is counted.
 *
 * COUNTER is the memory.events of an ancestor that lives on, POD the pod's cgroup directory. Prints "ready",
 * spins until oom_kill of COUNTER rises, kills all of POD and removes its directories, leaves first, then prints
 * how long that took. Spinning, because the kernel holds back notifications of memory.events for up to 10 ms.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long oom_kill(int fd) {
    char text[512];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) { perror("memory.events"); exit(1); }
    text[n] = 0;
    char *line = strstr(text, "\noom_kill ");
    return line ? atol(line + 10) : 0;
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* One pass, leaves first; 0 when the directory itself is gone. */
static int bury(const char *dir) {
    DIR *d = opendir(dir);
    if (d) {
        for (struct dirent *e; (e = readdir(d));) {
            char child[PATH_MAX];
            if (e->d_type != DT_DIR || e->d_name[0] == '.') continue;
            if (snprintf(child, sizeof child, "%s/%s", dir, e->d_name) < PATH_MAX) bury(child);
        }
        closedir(d);
    }
    return rmdir(dir) && errno != ENOENT;
}

int main(int argc, char **argv) {
    char killer[PATH_MAX];
    if (argc != 3) { fprintf(stderr, "usage: undertaker COUNTER POD\n"); return 2; }
    int counter = open(argv[1], O_RDONLY);
    snprintf(killer, sizeof killer, "%s/cgroup.kill", argv[2]);
    int kill_fd = open(killer, O_WRONLY);
    if (counter < 0 || kill_fd < 0) { perror("undertaker"); return 1; }
    long before = oom_kill(counter);
    dprintf(1, "ready\n");
    while (oom_kill(counter) == before) sched_yield();
    double counted = now_ms();
    if (write(kill_fd, "1", 1) < 0) perror("cgroup.kill");
    close(kill_fd);
    while (bury(argv[2])) sched_yield();
    dprintf(1, "gone %.3f ms after the count\n", now_ms() - counted);
    return 0;
}
