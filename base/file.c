/* file.c - replacing files without losing what they are. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"

#define READ_SIZE ((size_t)64 * 1024)

#define LINKS_MAX 40        /* as the kernel */
#define INHERITED_FD_MAX 64 /* what a shell redirects has a small number */
#define MODE_BITS 07777

void
file_occupy_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            abort(); /* no /dev/null, or no descriptors: nothing can be said anywhere */
}

bool
file_flush_output(void)
{
    errno = 0;
    return fflush(stdout) == 0 && !ferror(stdout);
}

static bool
write_all(int fd, struct slice text)
{
    while (text.size > 0) {
        ssize_t count = write(fd, text.data, text.size);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        text.data += count;
        text.size -= (size_t)count;
    }
    return true;
}

/* Closes `fd` whatever happened before; keeps the errno of the first failure. */
static bool
finish(int fd, bool good)
{
    int problem = errno;
    bool closed = close(fd) == 0;

    if (good)
        return closed;
    errno = problem;
    return false;
}

/* The descriptor of this process that is open for writing on the file; -1 when there is none. */
static int
find_open(const struct stat *facts)
{
    for (int fd = STDOUT_FILENO; fd < INHERITED_FD_MAX; fd++) {
        struct stat open_facts;

        if (fstat(fd, &open_facts) == 0 && open_facts.st_dev == facts->st_dev &&
            open_facts.st_ino == facts->st_ino && (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
            return fd;
    }
    return -1;
}

/* Text that was printed before comes first. */
static bool
write_to_open(int fd, struct slice text)
{
    return fflush(fd == STDERR_FILENO ? stderr : stdout) == 0 && write_all(fd, text);
}

static bool
write_in_place(const char *path, struct slice text, int flags)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags, 0666);

    return fd >= 0 && finish(fd, write_all(fd, text));
}

/* Puts the path behind all links into `path`, which need not exist. */
static bool
follow_links(struct buffer *path)
{
    char target[PATH_MAX];
    struct stat facts;

    for (int links = 0; lstat(path->data, &facts) == 0 && S_ISLNK(facts.st_mode); links++) {
        ssize_t size = readlink(path->data, target, sizeof target);
        const char *slash = strrchr(path->data, '/');

        if (size < 0 || (size_t)size == sizeof target || links == LINKS_MAX) {
            errno = size < 0 ? errno : ELOOP;
            return false;
        }
        path->size = target[0] == '/' || slash == NULL ? 0 : (size_t)(slash - path->data) + 1;
        buffer_add(path, target, (size_t)size);
    }
    return true;
}

/* The old file's owner and mode, or those of any new file. The owner goes first: a change of it
 * clears bits of the mode. */
static bool
dress(int fd, const struct stat *old)
{
    mode_t mask;

    if (old == NULL) {
        mask = umask(0);
        (void)umask(mask);
        return fchmod(fd, 0666 & ~mask) == 0;
    }
    return fchown(fd, old->st_uid, old->st_gid) == 0 && fchmod(fd, old->st_mode & MODE_BITS) == 0;
}

/* The name is on disk when its folder is; a file system that cannot sync a folder loses nothing. */
static void
sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)fsync(fd);
    (void)close(fd);
}

enum outcome { REPLACED, FAILED, CANNOT_REPLACE };

/* Through a file of its own name in the same folder. `old` is NULL when there is no file yet. */
static enum outcome
replace(const char *path, const struct stat *old, struct slice text)
{
    const char *slash = strrchr(path, '/');
    struct buffer beside;
    struct buffer folder;
    enum outcome outcome = CANNOT_REPLACE;
    bool dressed = false;
    int problem = 0;
    int fd;

    buffer_init(&beside);
    buffer_init(&folder);
    if (slash != NULL)
        buffer_add(&folder, path, (size_t)(slash - path) + 1);
    else
        buffer_add_text(&folder, "./");
    buffer_add_format(&beside, "%s.behalf-XXXXXX", folder.data);
    fd = mkostemp(beside.data, O_CLOEXEC);
    if (fd >= 0) {
        dressed = dress(fd, old);
        if (dressed)
            outcome = finish(fd, write_all(fd, text) && fsync(fd) == 0) ? REPLACED : FAILED;
        else
            (void)close(fd);
        if (outcome == REPLACED && rename(beside.data, path) != 0)
            outcome = CANNOT_REPLACE; /* a mount point */
        problem = errno;
        if (outcome == REPLACED)
            sync_folder(folder.data);
        else
            (void)unlink(beside.data);
    } else {
        problem = errno;
    }
    buffer_release(&beside);
    buffer_release(&folder);
    errno = problem;
    return outcome;
}

static bool
replace_plain(const char *path, const struct stat *old, struct slice text)
{
    enum outcome outcome = CANNOT_REPLACE;

    /* Whoever made a file read-only does not want it replaced. */
    if (old != NULL && access(path, W_OK) != 0)
        return false;
    if (old == NULL || old->st_nlink == 1)
        outcome = replace(path, old, text);
    if (outcome == CANNOT_REPLACE && old != NULL)
        return write_in_place(path, text, O_TRUNC);
    return outcome == REPLACED;
}

bool
file_replace(const char *path, struct slice text)
{
    struct buffer behind;
    struct stat facts;
    bool good;
    int fd;

    if (stat(path, &facts) == 0) {
        fd = S_ISDIR(facts.st_mode) ? -1 : find_open(&facts);
        if (fd >= 0)
            return write_to_open(fd, text);
        if (!S_ISREG(facts.st_mode))
            return write_in_place(path, text, 0);
    } else if (errno != ENOENT) {
        return false;
    }
    buffer_init(&behind);
    buffer_add_text(&behind, path);
    good = follow_links(&behind);
    if (good)
        good = replace_plain(behind.data, stat(behind.data, &facts) == 0 ? &facts : NULL, text);
    buffer_release(&behind);
    return good;
}

bool
file_load(const char *path, struct buffer *out, int *problem)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "rb");
    size_t count;

    *problem = errno;
    if (file == NULL)
        return false;
    errno = 0;
    do {
        count = fread(buffer_reserve(out, READ_SIZE), 1, READ_SIZE, file);
        buffer_added(out, count);
    } while (count > 0 && out->size <= FILE_SIZE_MAX);
    *problem = ferror(file) != 0 ? errno : out->size > FILE_SIZE_MAX ? EFBIG : 0;
    if (!standard)
        (void)fclose(file);
    return *problem == 0;
}
