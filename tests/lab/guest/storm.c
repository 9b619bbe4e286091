/* storm PARENT KILLS PARALLEL MIB [group] [clone] [deep N] [gap MS] [hold N MS] [stay]: OOM kills whose cgroups are gone at once.
 *
 * Makes KILLS cgroups directly beneath the cgroup directory PARENT, PARALLEL at a time. Each has memory.max MIB; a
 * process in it allocates until the kernel kills it; the process is reaped and the cgroup removed at once. Names are
 * 64 hexadecimal digits, as a runtime gives them.
 *
 *   group     memory.oom.group=1
 *   deep N    the one that allocates is N forks below the one that was moved in; those above it wait
 *   gap MS    a pause after each
 *   hold N MS after N kills, a pause of MS after each until the standard input ends: the storm goes on as long as it must
 *   stay      the cgroups stay: each of PARALLEL has one, made before its first kill, for all its kills
 *   clone     the first one is born in the cgroup (CLONE_INTO_CGROUP), it is never moved
 *
 * The truth, a line for each cgroup when it is gone (write(2) of one line each, so lines of PARALLEL never mix):
 *   kill NAME EVENTS PID[,PID...]    EVENTS: oom_kill of its memory.events just before the removal
 * and "done KILLS SECONDS" at the end. With any other course of things it says so and fails.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEEPEST 8

static struct {
    const char *parent;
    long kills, parallel, mib;
    int group, clone, deep, gap, hold, hold_ms, stay;
} want;

/* Shared with the processes in the cgroup, which write down who they are. */
struct family { volatile pid_t pids[DEEPEST + 1]; };

static void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    int saved = errno;
    dprintf(2, "storm: ");
    vdprintf(2, format, list);
    dprintf(2, ": %s\n", strerror(saved));
    _exit(1);
}

static int put(int dir, const char *name, const char *format, ...) {
    char text[64];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
    int ok = fd >= 0 && write(fd, text, size) == size;
    int saved = errno;
    close(fd);
    errno = saved;
    return ok;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void __attribute__((noreturn)) eat(void) {
    size_t size = (size_t)(want.mib + 8) << 20;
    volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("mmap");
    for (size_t at = 0; at < size; at += 4096) memory[at] = 1;
    errno = 0;
    fail("the limit did not fire");
    __builtin_unreachable();
}

/* The life of the process at a depth: the deepest one eats, those above wait for their child and go. */
static void __attribute__((noreturn)) live(struct family *family, int depth) {
    family->pids[depth] = getpid();
    if (depth == want.deep) eat();
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) live(family, depth + 1);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    if (want.group) for (;;) pause();
    _exit(0);
}

static pid_t fork_into(int group) {
    struct clone_args args = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group};
    return syscall(SYS_clone3, &args, sizeof args);
}

static long oom_kill(int dir) {
    char text[512];
    int fd = openat(dir, "memory.events", O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return -1;
    text[n] = 0;
    char *line = strstr(text, "\noom_kill ");
    return line ? atol(line + 10) : -1;
}

static void one(const char *name, struct family *family) {
    char path[PATH_MAX], pids[16 * (DEEPEST + 1)] = "", line[256];
    int gate[2];
    snprintf(path, sizeof path, "%s/%s", want.parent, name);
    if (mkdir(path, 0755) && !(want.stay && errno == EEXIST)) fail("mkdir %s", path);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) fail("%s", path);
    if (!put(dir, "memory.max", "%ld", want.mib << 20)) fail("memory.max");
    if (want.group && !put(dir, "memory.oom.group", "1")) fail("memory.oom.group");
    memset((void *)family->pids, 0, sizeof family->pids);
    if (pipe2(gate, O_CLOEXEC)) fail("pipe");
    pid_t first = want.clone ? fork_into(dir) : fork();
    if (first < 0) fail("fork");
    if (first == 0) {
        char go;
        close(gate[1]);
        if (read(gate[0], &go, 1) < 0) fail("read");
        live(family, 0);
    }
    if (!want.clone && !put(dir, "cgroup.procs", "%d", first)) fail("cgroup.procs");
    close(gate[0]);
    close(gate[1]);
    int status, last = 0;
    for (pid_t pid; (pid = wait(&status)) > 0 || errno == EINTR;) /* orphans become ours */
        if (pid == first) last = status;
    int killed = WIFSIGNALED(last) && WTERMSIG(last) == SIGKILL;
    if (killed != (want.group || want.deep == 0)) { errno = 0; fail("%s: the first one ended with %x", name, last); }
    long events = oom_kill(dir);
    close(dir);
    while (!want.stay && rmdir(path) && errno == EBUSY) {}
    for (int depth = want.group ? 0 : want.deep; depth <= want.deep; depth++)
        sprintf(pids + strlen(pids), "%s%d", *pids ? "," : "", (int)family->pids[depth]);
    int size = snprintf(line, sizeof line, "kill %s %ld %s\n", name, events, pids);
    if (write(1, line, size) != size) fail("stdout");
}

static void work(long from) {
    char name[65];
    int told = 0;
    struct timespec t, began;
    clock_gettime(CLOCK_BOOTTIME, &began);
    struct family *family = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (family == MAP_FAILED) fail("mmap");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1)) fail("prctl");
    for (long n = from; n < want.kills; n += want.parallel) {
        clock_gettime(CLOCK_BOOTTIME, &t);
        long id = want.stay ? from : n, at = want.stay ? began.tv_sec : t.tv_sec;
        snprintf(name, sizeof name, "%016lx%016lx%016lx%016lx", at, (long)getpid(), from, id);
        one(name, family);
        struct pollfd input = {.fd = 0, .events = POLLIN};
        if (want.hold && n >= want.hold && !told) told = poll(&input, 1, want.hold_ms) > 0;
        struct timespec gap = {want.gap / 1000, want.gap % 1000 * 1000000L};
        nanosleep(&gap, NULL);
    }
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: storm PARENT KILLS PARALLEL MIB [group] [clone] [deep N] [gap MS] [hold N MS] [stay]\n");
        return 2;
    }
    want.parent = argv[1];
    want.kills = atol(argv[2]), want.parallel = atol(argv[3]), want.mib = atol(argv[4]);
    for (char **v = argv + 5; *v; v++) {
        if (!strcmp(*v, "group")) want.group = 1;
        else if (!strcmp(*v, "clone")) want.clone = 1;
        else if (!strcmp(*v, "stay")) want.stay = 1;
        else if (!strcmp(*v, "gap") && v[1]) want.gap = atoi(*++v);
        else if (!strcmp(*v, "hold") && v[1] && v[2]) want.hold = atoi(*++v), want.hold_ms = atoi(*++v);
        else if (!strcmp(*v, "deep") && v[1] && atoi(v[1]) <= DEEPEST) want.deep = atoi(*++v);
        else { fprintf(stderr, "storm: %s?\n", *v); return 2; }
    }
    double began = now();
    for (long n = 0; n < want.parallel; n++)
        if (fork() == 0) { work(n); _exit(0); }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    if (failed) return 1;
    printf("done %ld %.3f\n", want.kills, now() - began);
    return 0;
}
