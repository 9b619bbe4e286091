/* leafwatch DIRECTORY (notified | MILLISECONDS): what a reader of the leaves' own memory.events gets to see.
 *
 * Reads memory.events of every cgroup directly beneath DIRECTORY, either when inotify says that it was modified (a
 * watch is set as soon as the cgroup appears: nobody in user space can know more or sooner), or at an interval, as
 * cAdvisor does (10 s by default). Prints "ready"; when stdin closes, "seen LEAVES KILLS": how many cgroups it read at
 * least once, and the sum of the largest oom_kill that it saw of each.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct leaf { struct leaf *next; char name[NAME_MAX + 1]; int fd, wd; long kills; };
static struct leaf *leaves;
static const char *directory;
static int notify = -1;

static void look(struct leaf *leaf) {
    char text[512];
    ssize_t n = leaf->fd < 0 ? -1 : pread(leaf->fd, text, sizeof text - 1, 0);
    if (n <= 0) { /* ENODEV: gone */
        if (leaf->fd >= 0) close(leaf->fd);
        leaf->fd = -1;
        return;
    }
    text[n] = 0;
    char *line = strstr(text, "\noom_kill ");
    long kills = line ? atol(line + 10) : 0;
    if (kills > leaf->kills) leaf->kills = kills;
}

static void found(const char *name) {
    char path[PATH_MAX];
    struct leaf *leaf = leaves;
    while (leaf && strcmp(leaf->name, name)) leaf = leaf->next;
    if (leaf) { look(leaf); return; }
    snprintf(path, sizeof path, "%s/%s/memory.events", directory, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (!(leaf = calloc(1, sizeof *leaf))) exit(1);
    snprintf(leaf->name, sizeof leaf->name, "%s", name);
    leaf->fd = fd;
    leaf->wd = notify < 0 ? -1 : inotify_add_watch(notify, path, IN_MODIFY);
    leaf->next = leaves;
    leaves = leaf;
    look(leaf);
}

static void sweep(void) {
    DIR *d = opendir(directory);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_type == DT_DIR && e->d_name[0] != '.') found(e->d_name);
    closedir(d);
}

static void events(void) {
    char buffer[65536] __attribute__((aligned(8)));
    ssize_t size = read(notify, buffer, sizeof buffer);
    for (char *at = buffer; at < buffer + size;) {
        struct inotify_event *event = (struct inotify_event *)at;
        at += sizeof *event + event->len;
        if (event->mask & IN_CREATE && event->mask & IN_ISDIR) found(event->name);
        if (event->mask & IN_MODIFY)
            for (struct leaf *leaf = leaves; leaf; leaf = leaf->next)
                if (leaf->wd == event->wd) { look(leaf); break; }
    }
}

int main(int argc, char **argv) {
    if (argc != 3) { fprintf(stderr, "usage: leafwatch DIRECTORY (notified | MILLISECONDS)\n"); return 2; }
    directory = argv[1];
    int interval = strcmp(argv[2], "notified") ? atoi(argv[2]) : -1;
    if (interval < 0) {
        notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (inotify_add_watch(notify, directory, IN_CREATE) < 0) { perror(directory); return 1; }
    }
    sweep();
    dprintf(1, "ready\n");
    struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = notify, .events = POLLIN}};
    for (;;) {
        int ready = poll(fds, 2, interval);
        if (ready < 0 && errno != EINTR) { perror("poll"); return 1; }
        if (fds[1].revents) events();
        if (ready == 0) sweep();
        if (fds[0].revents) break;
    }
    long count = 0, kills = 0;
    for (struct leaf *leaf = leaves; leaf; leaf = leaf->next) { count++; kills += leaf->kills; }
    printf("seen %ld %ld\n", count, kills);
    return 0;
}
