/* Writes down what a process does to the files below a folder, in order, and does it.

   Loaded with LD_PRELOAD. RECORD_BELOW is the folder, RECORD_TO the journal, which is appended to:
   a head for each operation, then its text or its bytes. tests/crash/journal.py reads it. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST_FILES = 4096 };

struct head {
    uint8_t kind;
    uint8_t unused[3];
    uint32_t process;
    int32_t descriptor;
    uint32_t length;
    int64_t place;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const char *below;
static size_t below_length;
static int journal = -1;
static char is_ours[MOST_FILES];

static int (*real_open)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

__attribute__((constructor)) static void begin(void)
{
    real_open = dlsym(RTLD_NEXT, "open64");
    real_openat = dlsym(RTLD_NEXT, "openat64");
    real_close = dlsym(RTLD_NEXT, "close");
    real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
    real_write = dlsym(RTLD_NEXT, "write");
    real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
    real_fsync = dlsym(RTLD_NEXT, "fsync");
    real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
    real_unlink = dlsym(RTLD_NEXT, "unlink");
    real_rename = dlsym(RTLD_NEXT, "rename");
    below = getenv("RECORD_BELOW");
    const char *to = getenv("RECORD_TO");
    if (below == NULL || to == NULL)
        return;
    below_length = strlen(below);
    journal = real_open(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* The index of SQLite's log is no file that outlives anything. */
static int is_below(const char *path)
{
    size_t length = strlen(path);
    int is_index = length > 4 && strcmp(path + length - 4, "-shm") == 0;
    return journal >= 0 && !is_index && strncmp(path, below, below_length) == 0;
}

static int is_watched(int descriptor)
{
    return journal >= 0 && descriptor >= 0 && descriptor < MOST_FILES && is_ours[descriptor];
}

static void note(char kind, int descriptor, int64_t place, const void *data, size_t length)
{
    struct head head = {
        .kind = kind,
        .process = getpid(),
        .descriptor = descriptor,
        .length = length,
        .place = place,
    };
    struct iovec parts[] = {{&head, sizeof head}, {(void *)data, length}};
    if (writev(journal, parts, 2) != (ssize_t)(sizeof head + length))
        abort();
}

static int note_open(int descriptor, const char *path, int flags)
{
    if (descriptor >= 0 && descriptor < MOST_FILES && is_below(path)) {
        is_ours[descriptor] = 1;
        note('o', descriptor, flags, path, strlen(path));
    }
    return descriptor;
}

#define MODE_OF(flags)                                \
    mode_t mode = 0;                                  \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {          \
        va_list rest;                                 \
        va_start(rest, flags);                        \
        mode = va_arg(rest, mode_t);                  \
        va_end(rest);                                 \
    }
#define IN_TURN(type, call, noted)                    \
    pthread_mutex_lock(&turn);                        \
    type result = call;                               \
    if (result >= 0) {                                \
        noted;                                        \
    }                                                 \
    pthread_mutex_unlock(&turn);                      \
    return result

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    IN_TURN(int, real_open(path, flags, mode), note_open(result, path, flags));
}

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    IN_TURN(int, real_open(path, flags, mode), note_open(result, path, flags));
}

int openat64(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    IN_TURN(int, real_openat(folder, path, flags, mode), note_open(result, path, flags));
}

int openat(int folder, const char *path, int flags, ...)
{
    MODE_OF(flags)
    IN_TURN(int, real_openat(folder, path, flags, mode), note_open(result, path, flags));
}

int close(int descriptor)
{
    if (!is_watched(descriptor))
        return real_close(descriptor);
    pthread_mutex_lock(&turn);
    is_ours[descriptor] = 0;
    note('c', descriptor, 0, "", 0);
    int result = real_close(descriptor);
    pthread_mutex_unlock(&turn);
    return result;
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t place)
{
    if (!is_watched(descriptor))
        return real_pwrite(descriptor, data, length, place);
    IN_TURN(ssize_t, real_pwrite(descriptor, data, length, place),
            note('w', descriptor, place, data, result));
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t place)
{
    return pwrite64(descriptor, data, length, place);
}

/* -1: where the one before ended. */
ssize_t write(int descriptor, const void *data, size_t length)
{
    if (!is_watched(descriptor))
        return real_write(descriptor, data, length);
    IN_TURN(ssize_t, real_write(descriptor, data, length),
            note('w', descriptor, -1, data, result));
}

int ftruncate64(int descriptor, off64_t size)
{
    if (!is_watched(descriptor))
        return real_ftruncate(descriptor, size);
    IN_TURN(int, real_ftruncate(descriptor, size), note('t', descriptor, size, "", 0));
}

int ftruncate(int descriptor, off_t size)
{
    return ftruncate64(descriptor, size);
}

int fsync(int descriptor)
{
    if (!is_watched(descriptor))
        return real_fsync(descriptor);
    IN_TURN(int, real_fsync(descriptor), note('s', descriptor, 0, "", 0));
}

int fdatasync(int descriptor)
{
    if (!is_watched(descriptor))
        return real_fdatasync(descriptor);
    IN_TURN(int, real_fdatasync(descriptor), note('s', descriptor, 0, "", 0));
}

int unlink(const char *path)
{
    if (!is_below(path))
        return real_unlink(path);
    IN_TURN(int, real_unlink(path), note('u', -1, 0, path, strlen(path)));
}

int rename(const char *from, const char *to)
{
    if (!is_below(to))
        return real_rename(from, to);
    char both[2 * PATH_MAX];
    int length = snprintf(both, sizeof both, "%s%c%s", from, '\n', to);
    IN_TURN(int, real_rename(from, to), note('r', -1, 0, both, length));
}
