/* Counts the syncs of a process and its children, and slows each one down.
 *
 * SYNC_COUNTS names a file of two 64-bit numbers: syncs of write-ahead logs, which are SQLite's
 * commits, and all others. SYNC_MILLISECONDS is how long each sync sleeps first. Loaded with
 * LD_PRELOAD, because the server must not know of it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef int (*sync_function)(int);

static uint64_t *counts;
static long milliseconds;

__attribute__((constructor)) static void open_counts(void)
{
    const char *path = getenv("SYNC_COUNTS"), *slow = getenv("SYNC_MILLISECONDS");
    int file = path ? open(path, O_RDWR) : -1;
    milliseconds = slow ? atol(slow) : 0;
    if (file < 0)
        return;
    void *memory = mmap(NULL, 2 * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (memory != MAP_FAILED)
        counts = memory;
}

static int is_log(int file)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && memcmp(path + length - 4, "-wal", 4) == 0;
}

static int count_and_sync(const char *name, int file)
{
    if (counts)
        __atomic_add_fetch(&counts[is_log(file) ? 0 : 1], 1, __ATOMIC_RELAXED);
    if (milliseconds) {
        struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    return ((sync_function)dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return count_and_sync("fsync", file); }
int fdatasync(int file) { return count_and_sync("fdatasync", file); }
