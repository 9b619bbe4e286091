/* forks RATE WORKERS: fork noise, RATE trivial processes a second from WORKERS processes, until stdin closes.
 *
 * Each process is forked, ends at once and is reaped. What falls behind is not made up for. At the end:
 *   forks MADE SECONDS CPU_SECONDS     CPU of all of it, children included, user and system
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NANO 1000000000L

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NANO + t.tv_nsec;
}

static void noise(long gap, volatile long *made) {
    for (long next = now();;) {
        pid_t child = fork();
        if (child == 0) _exit(0);
        if (child > 0) { waitpid(child, NULL, 0); ++*made; }
        next += gap;
        long late = now() - next;
        if (late >= 0) { if (late > NANO / 10) next += late; continue; }
        struct timespec until = {next / NANO, next % NANO};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    }
}

int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: forks RATE WORKERS\n"); return 2; }
    long rate = atol(argv[1]), workers = atol(argv[2]), sum = 0;
    volatile long *made = mmap(NULL, sizeof(long) * workers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (rate < 1 || workers < 1 || made == MAP_FAILED) return 2;
    pid_t pids[workers];
    long began = now();
    for (long n = 0; n < workers; n++)
        if ((pids[n] = fork()) == 0) noise(NANO * workers / rate, made + n);
    char line[64];
    while (read(0, line, sizeof line) > 0) {}
    for (long n = 0; n < workers; n++) kill(pids[n], SIGTERM);
    for (long n = 0; n < workers; n++) { waitpid(pids[n], NULL, 0); sum += made[n]; }
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    printf("forks %ld %.3f %.3f\n", sum, (now() - began) / 1e9, cpu);
    return 0;
}
