/* recorder.c - a library that is preloaded into the server and writes down, in order, what it does
 * to files, so that powercut.py can make the states that a power cut might have left.
 *
 * TORTURE_RECORD names the file of records, TORTURE_BELOW the folder whose files are recorded. A
 * record is a header and its bytes. Always true: a call and its record are made under one lock, so
 * that the order of the records is that of the calls. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* The numbers are those of powercut.py. */
enum {
    OP_CREATE = 1,
    OP_WRITE,
    OP_SYNC,
    OP_SYNC_FOLDER,
    OP_RENAME,
    OP_UNLINK,
    OP_TRUNCATE,
    OP_MKDIR
};

struct header {
    int64_t time_ns;
    int64_t file; /* number of the inode */
    int64_t offset;
    int32_t op;
    int32_t size; /* of the bytes that follow */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int records = -1;
static const char *below;

#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL)                                                                              \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static ssize_t
real_write(int file, const void *data, size_t size)
{
    static ssize_t (*next)(int, const void *, size_t);

    if (next == NULL)
        next = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    return next(file, data, size);
}

static void
note(int op, int64_t file, int64_t offset, const void *data, size_t size)
{
    struct header header = {.op = op, .file = file, .offset = offset, .size = (int32_t)size};
    struct timespec now;

    if (records < 0)
        return;
    clock_gettime(CLOCK_MONOTONIC, &now);
    header.time_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
    if (real_write(records, &header, sizeof header) < 0 || real_write(records, data, size) < 0)
        abort();
}

__attribute__((constructor)) static void
attach(void)
{
    const char *path = getenv("TORTURE_RECORD");

    below = getenv("TORTURE_BELOW");
    if (path != NULL && below != NULL)
        records = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int
is_ours(const char *path)
{
    return records >= 0 && strncmp(path, below, strlen(below)) == 0;
}

/* The path of an open file or folder below ours; false for all others. */
static int
path_of(int file, char path[PATH_MAX])
{
    char link[64];
    ssize_t size;

    if (records < 0 || file <= 2)
        return 0;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    size = readlink(link, path, PATH_MAX - 1);
    if (size <= 0)
        return 0;
    path[size] = '\0';
    return is_ours(path);
}

static int64_t
inode_of(int file)
{
    struct stat about;

    return fstat(file, &about) == 0 ? (int64_t)about.st_ino : -1;
}

ssize_t
write(int file, const void *data, size_t size)
{
    char path[PATH_MAX];
    off_t at;
    ssize_t result;

    if (!path_of(file, path))
        return real_write(file, data, size);
    pthread_mutex_lock(&lock);
    at = lseek(file, 0, SEEK_CUR);
    result = real_write(file, data, size);
    if (result > 0)
        note(OP_WRITE, inode_of(file), at, data, (size_t)result);
    pthread_mutex_unlock(&lock);
    return result;
}

static ssize_t
write_at(ssize_t (*next)(int, const void *, size_t, off64_t), int file, const void *data,
         size_t size, off64_t offset)
{
    char path[PATH_MAX];
    ssize_t result;

    if (!path_of(file, path))
        return next(file, data, size, offset);
    pthread_mutex_lock(&lock);
    result = next(file, data, size, offset);
    if (result > 0)
        note(OP_WRITE, inode_of(file), offset, data, (size_t)result);
    pthread_mutex_unlock(&lock);
    return result;
}

ssize_t
pwrite(int file, const void *data, size_t size, off_t offset)
{
    NEXT(pwrite);
    return write_at(next, file, data, size, offset);
}

ssize_t
pwrite64(int file, const void *data, size_t size, off64_t offset)
{
    NEXT(pwrite64);
    return write_at(next, file, data, size, offset);
}

static int
sync_with(int (*next)(int), int file)
{
    char path[PATH_MAX];
    struct stat about;
    int result;

    if (!path_of(file, path) || fstat(file, &about) != 0)
        return next(file);
    pthread_mutex_lock(&lock);
    result = next(file);
    if (result == 0)
        note(S_ISDIR(about.st_mode) ? OP_SYNC_FOLDER : OP_SYNC, (int64_t)about.st_ino, 0, path,
             strlen(path));
    pthread_mutex_unlock(&lock);
    return result;
}

int
fsync(int file)
{
    NEXT(fsync);
    return sync_with(next, file);
}

int
fdatasync(int file)
{
    NEXT(fdatasync);
    return sync_with(next, file);
}

int
ftruncate(int file, off_t size)
{
    char path[PATH_MAX];
    int result;

    NEXT(ftruncate);
    if (!path_of(file, path))
        return next(file, size);
    pthread_mutex_lock(&lock);
    result = next(file, size);
    if (result == 0)
        note(OP_TRUNCATE, inode_of(file), size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int
ftruncate64(int file, off64_t size)
{
    return ftruncate(file, size);
}

static int
open_with(int (*next)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    int existed, result;

    if ((flags & (O_CREAT | O_TRUNC)) == 0 || !is_ours(path))
        return next(path, flags, mode);
    pthread_mutex_lock(&lock);
    existed = access(path, F_OK) == 0;
    result = next(path, flags, mode);
    if (result >= 0 && !existed)
        note(OP_CREATE, inode_of(result), 0, path, strlen(path));
    else if (result >= 0 && (flags & O_TRUNC) != 0)
        note(OP_TRUNCATE, inode_of(result), 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int
open(const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    NEXT(open);
    va_start(list, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open_with(next, path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    NEXT(open64);
    va_start(list, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;
    va_end(list);
    return open_with(next, path, flags, mode);
}

int
rename(const char *from, const char *to)
{
    char both[2 * PATH_MAX];
    int result;

    NEXT(rename);
    if (!is_ours(from))
        return next(from, to);
    pthread_mutex_lock(&lock);
    result = next(from, to);
    if (result == 0)
        note(OP_RENAME, 0, 0, both, (size_t)snprintf(both, sizeof both, "%s%c%s", from, '\n', to));
    pthread_mutex_unlock(&lock);
    return result;
}

int
unlink(const char *path)
{
    int result;

    NEXT(unlink);
    if (!is_ours(path))
        return next(path);
    pthread_mutex_lock(&lock);
    result = next(path);
    if (result == 0)
        note(OP_UNLINK, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return result;
}

int
mkdir(const char *path, mode_t mode)
{
    int result;

    NEXT(mkdir);
    if (!is_ours(path))
        return next(path, mode);
    pthread_mutex_lock(&lock);
    result = next(path, mode);
    if (result == 0)
        note(OP_MKDIR, 0, 0, path, strlen(path));
    pthread_mutex_unlock(&lock);
    return result;
}
