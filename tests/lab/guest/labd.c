/* labd: PID 1 of the guest, and the host's hand in it.
 *
 * Listens on TCP (the host reaches it through QEMU's port forwarding). Each connection is served by a
 * process of its own. Frames, both ways: one type byte, a big-endian u32 length, the payload.
 *
 *   host to guest  R  cgroup NUL flags NUL arg NUL arg NUL ...   run a command; flag p: on a pty; flag w: see below
 *                  I  bytes for its stdin; an empty one closes stdin
 *                  S  a signal number for its process group
 *                  W  rows SPACE columns, the window of the pty
 *                  G  path: send a file (also /dev/kmsg, record by record, as far as it can be read now)
 *   guest to host  P  pid    O  stdout    E  stderr    X  exit code, or minus a signal number
 *                  F  errno: it could not be started or read
 *
 * A command runs in the cgroup it names (made when missing). When the host hangs up, the command is killed.
 *
 * With the flag w the connection is handed to usr/local/lib/lab/warm, which starts the command and then becomes
 * `labd follow CONNECTION PID IN OUT ERR MINE CGROUP`: from then on it is served like any other.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_FRAME = 1 << 20, MAX_ARGS = 512 };
static char buffer[MAX_FRAME + 1];

static int write_all(int fd, const char *p, size_t n) {
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0) { if (errno == EINTR) continue; return -1; }
        p += w; n -= w;
    }
    return 0;
}

static int read_all(int fd, char *p, size_t n) {
    while (n) {
        ssize_t r = read(fd, p, n);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) return -1;
        p += r; n -= r;
    }
    return 0;
}

static void put(int s, char type, const void *p, uint32_t n) {
    char head[5] = {type};
    uint32_t be = htonl(n);
    memcpy(head + 1, &be, 4);
    write_all(s, head, 5);
    write_all(s, p, n);
}

static void put_number(int s, char type, long n) {
    char text[24];
    put(s, type, text, snprintf(text, sizeof text, "%ld", n));
}

/* One frame into the buffer, NUL-terminated; -1 when the host has hung up. */
static long get(int s, char *type) {
    char head[5];
    uint32_t be;
    if (read_all(s, head, 5)) return -1;
    *type = head[0];
    memcpy(&be, head + 1, 4);
    uint32_t n = ntohl(be);
    if (n > MAX_FRAME || read_all(s, buffer, n)) return -1;
    buffer[n] = 0;
    return n;
}

/* The host hangs up first. Closed before what it has sent last is read, the connection would be reset, and the
 * reset takes with it what is still on its way to the host: the exit code. */
static void until_hung_up(int s) {
    char ignored[1 << 12];
    shutdown(s, SHUT_WR);
    for (;;) {
        ssize_t n = read(s, ignored, sizeof ignored);
        if (n == 0 || (n < 0 && errno != EINTR)) return;
    }
}

static void write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, text, strlen(text)) < 0) { /* the caller looks at the effect */ }
    close(fd);
}

static void send_file(int s) {
    int fd = open(buffer, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) { put_number(s, 'F', errno); return; }
    for (;;) {
        ssize_t n = read(fd, buffer, 1 << 16);
        if (n < 0 && (errno == EINTR || errno == EPIPE)) continue; /* EPIPE: kmsg records overwritten */
        if (n < 0 && errno != EAGAIN) { put_number(s, 'F', errno); return; }
        if (n <= 0) break;
        put(s, 'O', buffer, n);
    }
    put_number(s, 'X', 0);
}

struct command { int in, out, err, pty; pid_t pid; };

static _Noreturn void become(char **argv, const char *procs, int pty, int in, int out, int err) {
    write_file("/proc/self/oom_score_adj", "0");
    write_file(procs, "0");
    setsid();
    if (pty) ioctl(in, TIOCSCTTY, 0);
    dup2(in, 0); dup2(out, 1); dup2(err, 2);
    signal(SIGPIPE, SIG_DFL);
    execvp(argv[0], argv);
    dprintf(2, "labd: %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Started is what has its program: a signal for a process group that is not there yet would be lost. */
static int start(struct command *c, char **argv, const char *procs) {
    int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, until_exec[2];
    char nothing;
    if (pipe2(until_exec, O_CLOEXEC)) return -1;
    if (c->pty) {
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (master < 0 || grantpt(master) || unlockpt(master)) return -1;
        in[0] = out[1] = err[1] = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (in[0] < 0) return -1;
        in[1] = out[0] = master;
    } else if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
        return -1;
    }
    c->pid = fork();
    if (c->pid < 0) return -1;
    if (c->pid == 0) become(argv, procs, c->pty, in[0], out[1], err[1]);
    close(in[0]);
    if (!c->pty) { close(out[1]); close(err[1]); }
    close(until_exec[1]);
    while (read(until_exec[0], &nothing, 1) < 0 && errno == EINTR) {}
    close(until_exec[0]);
    c->in = in[1]; c->out = out[0]; c->err = err[0];
    return 0;
}

/* Pass on what can be read now; 0 at the end of the stream. */
static int pass(int s, char type, int *fd) {
    char chunk[1 << 16];
    ssize_t n = read(*fd, chunk, sizeof chunk);
    if (n > 0) { put(s, type, chunk, n); return 1; }
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return 1;
    *fd = -1;
    return 0;
}

static void drain(int s, char type, int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (fd >= 0 && poll(&p, 1, 0) > 0 && pass(s, type, &fd)) {}
}

/* One frame from the host for a running command; -1 when it has hung up. */
static int obey(int s, struct command *c) {
    char type;
    long n = get(s, &type);
    if (n < 0) return -1;
    if (type == 'I' && n == 0 && !c->pty) { close(c->in); c->in = -1; }
    else if (type == 'I' && c->in >= 0) write_all(c->in, buffer, n);
    else if (type == 'S') kill(-c->pid, atoi(buffer));
    else if (type == 'W' && c->pty) {
        struct winsize w = {0};
        sscanf(buffer, "%hu %hu", &w.ws_row, &w.ws_col);
        ioctl(c->out, TIOCSWINSZ, &w);
    }
    return 0;
}

/* Serve a command until its end; its cgroup is removed if it was made for it. */
static void follow(int s, struct command c, const char *cgroup, int mine) {
    char dir[4096], killer[4200];
    snprintf(dir, sizeof dir, "/sys/fs/cgroup/%.4000s", cgroup);
    snprintf(killer, sizeof killer, "%s/cgroup.kill", dir);
    put_number(s, 'P', c.pid);
    int pidfd = syscall(SYS_pidfd_open, c.pid, 0), gone = 0, status = 0;
    for (;;) {
        struct pollfd f[] = {{s, POLLIN, 0}, {c.out, POLLIN, 0}, {c.err, POLLIN, 0}, {pidfd, POLLIN, 0}};
        if (poll(f, 4, -1) < 0) continue;
        if (f[0].revents && obey(s, &c)) { gone = 1; break; }
        if (f[1].revents) pass(s, 'O', &c.out);
        if (f[2].revents) pass(s, 'E', &c.err);
        if (f[3].revents) break;
    }
    if (gone) {
        if (mine) write_file(killer, "1");
        kill(-c.pid, SIGKILL);
    }
    while (waitpid(c.pid, &status, 0) < 0 && errno == EINTR) {}
    drain(s, 'O', c.out);
    drain(s, 'E', c.err);
    /* Without a hang-up it stays while something that the command has started lives there. One that somebody else
     * has removed is not waited for: the next of that name would be taken from its maker. */
    for (int tries = gone ? 1000 : 1; mine && tries > 0 && rmdir(dir) && errno != ENOENT; tries--) usleep(5000);
    put_number(s, 'X', WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

/* Hand the connection and the request to the interpreter that is warm; -1 when there is none. */
static int hand_over(int s, long n) {
    struct sockaddr_un warm = {.sun_family = AF_UNIX, .sun_path = "/run/lab/warm"};
    union { struct cmsghdr head; char bytes[CMSG_SPACE(sizeof s)]; } control = {0};
    struct iovec data = {buffer, n};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *fds = CMSG_FIRSTHDR(&message);
    fds->cmsg_level = SOL_SOCKET;
    fds->cmsg_type = SCM_RIGHTS;
    fds->cmsg_len = CMSG_LEN(sizeof s);
    memcpy(CMSG_DATA(fds), &s, sizeof s);
    int to = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    return to < 0 || connect(to, (struct sockaddr *)&warm, sizeof warm) || sendmsg(to, &message, 0) < 0 ? -1 : 0;
}

static void run(int s, long n) {
    char dir[4096], procs[4200], *argv[MAX_ARGS] = {0}, *cgroup = buffer, *end = buffer + n;
    int args = 0;
    snprintf(dir, sizeof dir, "/sys/fs/cgroup/%.4000s", cgroup);
    snprintf(procs, sizeof procs, "%s/cgroup.procs", dir);
    char *flags = cgroup + strlen(cgroup) + 1;
    if (strchr(flags, 'w')) {
        if (!hand_over(s, n)) _exit(0); /* the connection is no longer ours */
        put_number(s, 'F', errno);
        return;
    }
    struct command c = {.pty = strchr(flags, 'p') != NULL};
    cgroup = strdup(cgroup); /* the buffer takes the next frames */
    for (char *p = flags + strlen(flags) + 1; p < end && args < MAX_ARGS - 1; p += strlen(p) + 1) argv[args++] = strdup(p);
    int mine = mkdir(dir, 0755) == 0;
    if ((!mine && errno != EEXIST) || !args || start(&c, argv, procs)) { put_number(s, 'F', errno); return; }
    follow(s, c, cgroup, mine);
}

static void reap(int sig) {
    int saved = errno;
    (void)sig;
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    errno = saved;
}

int main(int argc, char **argv) {
    if (argc == 9 && !strcmp(argv[1], "follow")) {
        struct command c = {.pid = atoi(argv[3]), .in = atoi(argv[4]), .out = atoi(argv[5]), .err = atoi(argv[6])};
        signal(SIGPIPE, SIG_IGN);
        follow(atoi(argv[2]), c, argv[8], atoi(argv[7]));
        until_hung_up(atoi(argv[2]));
        return 0;
    }
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(argc > 1 ? atoi(argv[1]) : 7000)};
    struct sigaction a = {.sa_handler = reap, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
    int one = 1, l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(l, (struct sockaddr *)&any, sizeof any) || listen(l, 64)) { perror("labd"); return 1; }
    sigaction(SIGCHLD, &a, NULL);
    signal(SIGPIPE, SIG_IGN);
    dprintf(1, "LAB-READY\n");
    for (;;) {
        int s = accept4(l, NULL, NULL, SOCK_CLOEXEC);
        if (s < 0) continue;
        setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (fork() == 0) {
            char type;
            signal(SIGCHLD, SIG_DFL);
            long n = get(s, &type);
            if (n >= 0 && type == 'G') send_file(s);
            else if (n >= 0 && type == 'R') run(s, n);
            until_hung_up(s);
            _exit(0);
        }
        close(s);
    }
}
