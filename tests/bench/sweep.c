/* sweep: the least that reading the files of a sweep can cost. What is to be read comes on stdin, a line each:
 *   kept PATH          pread(2) on a descriptor that stays open
 *   TURN PATH          openat(2), read(2), close(2), in every TENTH sweep, those of the same TURN together
 * and after a line "go" a sweep for each further line, "k N" (the kept ones only) or "s N" (all that sweep N reads).
 * Prints the nanoseconds of each.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST 65536
#define TENTH 10

static int kept[MOST], turns[MOST];
static char *opened[MOST];
static char page[4096];

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(void) {
    int keep = 0, open_too = 0;
    char line[1024];
    while (fgets(line, sizeof line, stdin) && strcmp(line, "go\n")) {
        line[strcspn(line, "\n")] = 0;
        char *path = strchr(line, ' ') + 1;
        if (!strncmp(line, "kept ", 5)) {
            if ((kept[keep++] = open(path, O_RDONLY | O_CLOEXEC)) < 0) { perror(path); return 1; }
        } else {
            turns[open_too] = atoi(line);
            opened[open_too++] = strdup(path);
        }
    }
    while (fgets(line, sizeof line, stdin)) {
        long sweep = atol(line + 2), begun = now();
        for (int i = 0; i < keep; i++)
            if (pread(kept[i], page, sizeof page, 0) < 0) { perror("pread"); return 1; }
        for (int i = 0; *line == 's' && i < open_too; i++) {
            if ((turns[i] + sweep) % TENTH) continue;
            int fd = open(opened[i], O_RDONLY | O_CLOEXEC);
            if (fd < 0 || read(fd, page, sizeof page) < 0) { perror(opened[i]); return 1; }
            close(fd);
        }
        printf("%ld\n", now() - begun);
        fflush(stdout);
    }
    return 0;
}
