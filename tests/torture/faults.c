/* faults.c - a library that is preloaded into the server: errors of calls on regular files, a clock
 * that is set, and a file system that claims to have space.
 *
 * The harness maps the same page (TORTURE_CONTROL names its file) and arms it while the server
 * runs. Always true: with a page of zeros every call does what it does without this library. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The order is that of CALLS in control.py. */
enum {
    CALL_WRITE = 1,
    CALL_PWRITE = 2,
    CALL_FSYNC = 4,
    CALL_FDATASYNC = 8,
    CALL_PREAD = 16,
    CALL_FTRUNCATE = 32,
    CALL_FALLOCATE = 64,
    CALL_CREATE = 128,
    CALL_RENAME = 256,
};

struct control {
    _Atomic int64_t wall_offset_ns;
    _Atomic int64_t monotonic_offset_ns;
    _Atomic int64_t space_bytes; /* free space to claim; 0 = the truth */
    _Atomic int64_t calls;       /* which calls fail */
    _Atomic int64_t error;
    _Atomic int64_t countdown; /* the call that fails is the one that takes it from 1 to 0 */
    _Atomic int64_t forever;   /* all later ones fail, too */
    _Atomic int64_t struck;    /* how many have failed */
};

static struct control nothing;
static struct control *control = &nothing;

__attribute__((constructor)) static void
attach(void)
{
    const char *path = getenv("TORTURE_CONTROL");
    int file = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page;

    if (file < 0)
        return;
    page = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (page != MAP_FAILED)
        control = page;
}

#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL)                                                                              \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int
strikes(int64_t call)
{
    int64_t left;

    if ((control->calls & call) == 0)
        return 0;
    left = atomic_fetch_sub(&control->countdown, 1);
    if (left != 1 && (left > 1 || !control->forever))
        return 0;
    control->struck++;
    errno = (int)control->error;
    return 1;
}

/* Sockets and event descriptors do not fail as disks do: they are left alone. */
static int
strikes_file(int64_t call, int file)
{
    struct stat status;

    if ((control->calls & call) == 0 || file <= 2 || fstat(file, &status) != 0 ||
        !S_ISREG(status.st_mode))
        return 0;
    return strikes(call);
}

ssize_t
write(int file, const void *data, size_t size)
{
    NEXT(write);
    return strikes_file(CALL_WRITE, file) ? -1 : next(file, data, size);
}

ssize_t
pwrite(int file, const void *data, size_t size, off_t offset)
{
    NEXT(pwrite);
    return strikes_file(CALL_PWRITE, file) ? -1 : next(file, data, size, offset);
}

ssize_t
pwrite64(int file, const void *data, size_t size, off64_t offset)
{
    NEXT(pwrite64);
    return strikes_file(CALL_PWRITE, file) ? -1 : next(file, data, size, offset);
}

ssize_t
pread(int file, void *data, size_t size, off_t offset)
{
    NEXT(pread);
    return strikes_file(CALL_PREAD, file) ? -1 : next(file, data, size, offset);
}

ssize_t
pread64(int file, void *data, size_t size, off64_t offset)
{
    NEXT(pread64);
    return strikes_file(CALL_PREAD, file) ? -1 : next(file, data, size, offset);
}

int
fsync(int file)
{
    NEXT(fsync);
    return strikes(CALL_FSYNC) ? -1 : next(file);
}

int
fdatasync(int file)
{
    NEXT(fdatasync);
    return strikes(CALL_FDATASYNC) ? -1 : next(file);
}

int
ftruncate(int file, off_t size)
{
    NEXT(ftruncate);
    return strikes_file(CALL_FTRUNCATE, file) ? -1 : next(file, size);
}

int
ftruncate64(int file, off64_t size)
{
    NEXT(ftruncate64);
    return strikes_file(CALL_FTRUNCATE, file) ? -1 : next(file, size);
}

int
fallocate(int file, int mode, off_t offset, off_t size)
{
    NEXT(fallocate);
    return strikes_file(CALL_FALLOCATE, file) ? -1 : next(file, mode, offset, size);
}

int
fallocate64(int file, int mode, off64_t offset, off64_t size)
{
    NEXT(fallocate64);
    return strikes_file(CALL_FALLOCATE, file) ? -1 : next(file, mode, offset, size);
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
    return (flags & O_CREAT) != 0 && strikes(CALL_CREATE) ? -1 : next(path, flags, mode);
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
    return (flags & O_CREAT) != 0 && strikes(CALL_CREATE) ? -1 : next(path, flags, mode);
}

int
rename(const char *from, const char *to)
{
    NEXT(rename);
    return strikes(CALL_RENAME) ? -1 : next(from, to);
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    int64_t offset = 0, ns;
    int result;

    NEXT(clock_gettime);
    result = next(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
        offset = control->wall_offset_ns;
    else if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
        offset = control->monotonic_offset_ns;
    if (result == 0 && offset != 0) {
        ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + offset;
        now->tv_sec = ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return result;
}

static void
claim_space(fsblkcnt_t *free_blocks, fsblkcnt_t *available, unsigned long size)
{
    if (control->space_bytes != 0)
        *free_blocks = *available = (fsblkcnt_t)control->space_bytes / size;
}

int
statvfs(const char *path, struct statvfs *space)
{
    int result;

    NEXT(statvfs);
    result = next(path, space);
    if (result == 0)
        claim_space(&space->f_bfree, &space->f_bavail, space->f_frsize);
    return result;
}

int
statvfs64(const char *path, struct statvfs64 *space)
{
    int result;

    NEXT(statvfs64);
    result = next(path, space);
    if (result == 0)
        claim_space(&space->f_bfree, &space->f_bavail, space->f_frsize);
    return result;
}

int
fstatvfs(int file, struct statvfs *space)
{
    int result;

    NEXT(fstatvfs);
    result = next(file, space);
    if (result == 0)
        claim_space(&space->f_bfree, &space->f_bavail, space->f_frsize);
    return result;
}

int
fstatvfs64(int file, struct statvfs64 *space)
{
    int result;

    NEXT(fstatvfs64);
    result = next(file, space);
    if (result == 0)
        claim_space(&space->f_bfree, &space->f_bavail, space->f_frsize);
    return result;
}
