/* directory.c - the lock, the high-water mark, and the copy that a damaged log is opened from.
 * Always true: once HWM exists, one of its slots is complete on disk at every moment. The database
 * folder is only replaced by a rename of a complete one. */
#include "storage/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"

#define MARK_MAGIC "BHLFHWM1"
#define MARK_SLOT_SIZE 64
#define MARK_HASHED_SIZE 56
#define MARK_REVISIONS 1000
#define MARK_NS INT64_C(1000000000)

struct directory {
    char *path;
    char *database;
    char *salvage;
    char *unfinished; /* the folder for a new database */
    int lock;
    int mark; /* open file, or -1 */
    bool marked;
    bool pending; /* the other slot has a newer mark that is not synced */
    bool complained;
    int slot; /* slot of the newest synced mark; the next goes to the other */
    uint64_t counter;
    uint64_t revision;
    uint64_t synced_revision;
    int64_t synced_ns; /* monotonic */
    uint8_t incarnation[INCARNATION_SIZE];
};

static char *
join(const char *path, const char *name)
{
    struct buffer buffer;
    size_t size;

    buffer_init(&buffer);
    buffer_add_format(&buffer, "%s/%s", path, name);
    return buffer_take(&buffer, &size);
}

static enum status
failed(struct error *error, const char *what, const char *path)
{
    return error_set(error, BEHALF_STORAGE_FAILED, "cannot %s '%s': %s", what, path,
                     strerror(errno));
}

/* Syncs a directory: names that were made, renamed or removed in it are durable only after that. */
static void
directory_sync(const char *path)
{
    int file = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (file >= 0) {
        (void)fsync(file);
        (void)close(file);
    }
}

/* --- high-water mark --- */

static bool
slot_read(struct directory *directory, const char *slot, int number)
{
    uint64_t counter = bytes_get_u64(slot + 8);

    if (memcmp(slot, MARK_MAGIC, 8) != 0 ||
        bytes_get_u64(slot + MARK_HASHED_SIZE) !=
            digest_checksum((struct slice){slot, MARK_HASHED_SIZE}))
        return false;
    if (directory->marked && counter < directory->counter)
        return true;
    directory->marked = true;
    directory->slot = number;
    directory->counter = counter;
    directory->revision = bytes_get_u64(slot + 16);
    directory->synced_revision = directory->revision;
    memcpy(directory->incarnation, slot + 24, INCARNATION_SIZE);
    return true;
}

static void
slot_fill(const struct directory *directory, char slot[MARK_SLOT_SIZE])
{
    memset(slot, 0, MARK_SLOT_SIZE);
    memcpy(slot, MARK_MAGIC, 8);
    bytes_put_u64(slot + 8, directory->counter);
    bytes_put_u64(slot + 16, directory->revision);
    memcpy(slot + 24, directory->incarnation, INCARNATION_SIZE);
    bytes_put_u64(slot + MARK_HASHED_SIZE, digest_checksum((struct slice){slot, MARK_HASHED_SIZE}));
}

static enum status
mark_read(struct directory *directory, int mode, struct error *error)
{
    char *path = join(directory->path, "HWM");
    char slots[2 * MARK_SLOT_SIZE];
    enum status status = BEHALF_OK;
    ssize_t size;
    bool any = false;

    directory->mark = open(path, mode | O_NOFOLLOW | O_CLOEXEC);
    if (directory->mark < 0) {
        if (errno != ENOENT)
            status = failed(error, "open high-water mark", path);
        goto done;
    }
    size = pread(directory->mark, slots, sizeof slots, 0);
    /* After a kill the newest slot may be in the page cache only. Synced here, before the other
     * slot is overwritten: otherwise a power cut could leave no complete slot. */
    if (size < 0 || (mode != O_RDONLY && fdatasync(directory->mark) != 0)) {
        status = failed(error, "read high-water mark", path);
        goto done;
    }
    /* A power cut may have torn one slot; then the other is complete. */
    for (ssize_t at = 0; at + MARK_SLOT_SIZE <= size; at += MARK_SLOT_SIZE)
        any = slot_read(directory, slots + at, (int)(at / MARK_SLOT_SIZE)) || any;
    if (!any)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "high-water mark '%s' is damaged: it cannot be told whether "
                           "acknowledged data was lost",
                           path);
done:
    memory_free(path);
    return status;
}

/* Writes the first mark under another name and renames it, so HWM never exists without a slot. */
static bool
mark_create(struct directory *directory)
{
    char slot[MARK_SLOT_SIZE];
    char *path = join(directory->path, "HWM");
    char *aside = join(directory->path, "HWM.new");
    bool created = false;
    int file;

    /* Left by an interrupted start, or planted as a link to be written through. */
    (void)unlink(aside);
    file = open(aside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    slot_fill(directory, slot);
    if (file >= 0 && pwrite(file, slot, sizeof slot, 0) == (ssize_t)sizeof slot &&
        fsync(file) == 0 && rename(aside, path) == 0) {
        directory_sync(directory->path); /* also makes the name of the database durable */
        directory->mark = file;
        directory->slot = 0;
        directory->synced_revision = directory->revision;
        created = true;
    } else if (file >= 0) {
        (void)close(file);
    }
    memory_free(path);
    memory_free(aside);
    return created;
}

bool
directory_mark(const struct directory *directory, uint64_t *revision,
               uint8_t incarnation[INCARNATION_SIZE])
{
    if (!directory->marked)
        return false;
    *revision = directory->revision;
    memcpy(incarnation, directory->incarnation, INCARNATION_SIZE);
    return true;
}

/* Writes the slot that is not the newest synced one: a power cut may tear an unsynced write. */
static bool
slot_write(struct directory *directory)
{
    char slot[MARK_SLOT_SIZE];
    int next = 1 - directory->slot;

    slot_fill(directory, slot);
    return pwrite(directory->mark, slot, sizeof slot, (off_t)next * MARK_SLOT_SIZE) ==
           (ssize_t)sizeof slot;
}

enum status
directory_set_mark(struct directory *directory, uint64_t revision,
                   const uint8_t incarnation[INCARNATION_SIZE], struct error *error)
{
    bool created = directory->mark < 0;

    if (directory->marked && !created && revision == directory->revision &&
        memcmp(incarnation, directory->incarnation, INCARNATION_SIZE) == 0)
        return BEHALF_OK;
    directory->marked = true;
    directory->revision = revision;
    directory->counter++;
    memcpy(directory->incarnation, incarnation, INCARNATION_SIZE);
    if (created ? !mark_create(directory) : !slot_write(directory))
        return failed(error, "write the high-water mark of", directory->path);
    directory->pending = !created;
    return BEHALF_OK;
}

void
directory_sync_mark(struct directory *directory, int64_t monotonic_ns, bool lazy)
{
    if (!directory->pending)
        return;
    if (lazy && directory->revision - directory->synced_revision < MARK_REVISIONS &&
        monotonic_ns - directory->synced_ns < MARK_NS)
        return;
    directory->synced_ns = monotonic_ns;
    /* Written again before the sync: after a sync that failed, the kernel may have thrown the bytes
     * away. */
    if (!slot_write(directory) || fdatasync(directory->mark) != 0) {
        if (!directory->complained)
            log_line(LOG_WARN, "cannot sync the high-water mark", "path=\"%s\" reason=\"%s\"",
                     directory->path, strerror(errno));
        directory->complained = true;
        return;
    }
    directory->pending = false;
    directory->slot = 1 - directory->slot;
    directory->synced_revision = directory->revision;
}

/* --- opening --- */

static enum status
lock_take(struct directory *directory, int mode, struct error *error)
{
    char *path = join(directory->path, "LOCK");
    enum status status = BEHALF_OK;

    directory->lock = open(path, mode | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (directory->lock < 0)
        status = failed(error, "open lock", path);
    else if (flock(directory->lock, LOCK_EX | LOCK_NB) != 0)
        status = errno == EWOULDBLOCK
                     ? error_set(error, BEHALF_STORAGE_FAILED,
                                 "cannot open store '%s': used by another process", directory->path)
                     : failed(error, "lock", path);
    memory_free(path);
    return status;
}

static void
sync_parent(const char *path)
{
    char *parent = join(path, "..");

    directory_sync(parent);
    memory_free(parent);
}

/* Finishes a directory_salvage_accept that was interrupted between its two renames: an accepted
 * copy exists, and no database. */
static enum status
salvage_finish(struct directory *directory, struct error *error)
{
    char *damaged = join(directory->path, "db.damaged-1");
    enum status status = BEHALF_OK;

    if (!directory_has_database(directory) && access(damaged, F_OK) == 0 &&
        access(directory->salvage, F_OK) == 0 &&
        rename(directory->salvage, directory->database) != 0)
        status = failed(error, "rename", directory->salvage);
    memory_free(damaged);
    return status;
}

/* Refuses a directory that others may use: a writer could replace a file by a link, and a reader
 * has the key that signs tokens. */
static enum status
check_owner(const char *path, const struct stat *about, struct error *error)
{
    if (about->st_uid == geteuid() && (about->st_mode & 077) == 0)
        return BEHALF_OK;
    (void)error_set(error, BEHALF_STORAGE_FAILED,
                    "cannot open store '%s': its directory must belong to the server's user and be "
                    "closed to all others; it belongs to user %ju and has mode %04o",
                    path, (uintmax_t)about->st_uid, (unsigned)about->st_mode & 07777);
    error_hint(error, "chown it to the user that the server runs as, and chmod 700 %.200s", path);
    return BEHALF_STORAGE_FAILED;
}

static struct directory *
directory_new(const char *path)
{
    struct directory *result = memory_new(sizeof *result);

    result->path = memory_copy(path, strlen(path) + 1);
    result->database = join(path, "db");
    result->salvage = join(path, "db.salvage");
    result->unfinished = join(path, "db.new");
    result->lock = -1;
    result->mark = -1;
    return result;
}

enum status
directory_open_to_read(const char *path, struct directory **directory, struct error *error)
{
    struct directory *result = directory_new(path);
    enum status status = lock_take(result, O_RDONLY, error);

    if (status == BEHALF_OK)
        status = mark_read(result, O_RDONLY, error);
    if (status != BEHALF_OK)
        directory_close(result);
    else
        *directory = result;
    return status;
}

enum status
directory_open(const char *path, struct directory **directory, struct error *error)
{
    struct directory *result;
    struct stat about;
    enum status status = BEHALF_OK;

    if (mkdir(path, 0700) == 0)
        sync_parent(path);
    else if (errno != EEXIST)
        return failed(error, "make data directory", path);
    if (stat(path, &about) != 0)
        return failed(error, "open data directory", path);
    if (!S_ISDIR(about.st_mode))
        return error_set(error, BEHALF_STORAGE_FAILED, "cannot open store '%s': not a directory",
                         path);
    status = check_owner(path, &about, error);
    if (status != BEHALF_OK)
        return status;
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return failed(error, "use data directory", path);
    result = directory_new(path);
    status = lock_take(result, O_RDWR | O_CREAT, error);
    if (status == BEHALF_OK)
        status = mark_read(result, O_RDWR, error);
    if (status == BEHALF_OK)
        status = salvage_finish(result, error);
    if (status != BEHALF_OK)
        directory_close(result);
    else
        *directory = result;
    return status;
}

void
directory_close(struct directory *directory)
{
    if (directory == NULL)
        return;
    if (directory->mark >= 0)
        (void)close(directory->mark);
    if (directory->lock >= 0)
        (void)close(directory->lock); /* releases the lock */
    memory_free(directory->path);
    memory_free(directory->database);
    memory_free(directory->salvage);
    memory_free(directory->unfinished);
    memory_free(directory);
}

const char *
directory_path(const struct directory *directory)
{
    return directory->path;
}

const char *
directory_database(const struct directory *directory)
{
    return directory->database;
}

bool
directory_has_database(const struct directory *directory)
{
    char *path = join(directory->database, "CURRENT");
    bool there = access(path, F_OK) == 0;

    memory_free(path);
    return there;
}

/* --- the copy --- */

static bool
ends_with(const char *text, const char *end)
{
    size_t size = strlen(text);
    size_t end_size = strlen(end);

    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static bool
file_copy(const char *from, const char *to)
{
    char block[16384];
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good = source >= 0 && target >= 0;
    ssize_t size = 1;

    while (good && size > 0) {
        size = read(source, block, sizeof block);
        good = size >= 0 && write(target, block, (size_t)size) == size;
    }
    good = good && fsync(target) == 0;
    if (source >= 0)
        (void)close(source);
    if (target >= 0)
        (void)close(target);
    return good;
}

/* Calls `each` for the files of a directory until it fails. */
static bool
files_visit(const char *path, bool (*each)(const char *from, const char *name, const char *to),
            const char *to)
{
    DIR *listing = opendir(path);
    const struct dirent *entry;
    bool good = true;

    if (listing == NULL)
        return false;
    for (errno = 0; good && (entry = readdir(listing)) != NULL; errno = 0)
        if (entry->d_name[0] != '.')
            good = each(path, entry->d_name, to);
    /* An error of readdir looks like the end, and files would be missing from the copy. */
    good = good && errno == 0;
    (void)closedir(listing);
    return good;
}

/* Sorted files never change, so a hard link is a copy. All others are copied, because the engine
 * truncates and deletes logs while it recovers. */
static bool
salvage_file(const char *from, const char *name, const char *to)
{
    char *source = join(from, name);
    char *target = join(to, name);
    bool good;

    if (strcmp(name, "LOCK") == 0)
        good = true;
    else if (ends_with(name, ".sst"))
        good = link(source, target) == 0;
    else
        good = file_copy(source, target);
    memory_free(source);
    memory_free(target);
    return good;
}

static bool
unlink_file(const char *from, const char *name, const char *to)
{
    char *path = join(from, name);
    bool good = unlink(path) == 0;

    (void)to;
    memory_free(path);
    return good;
}

enum status
directory_create(struct directory *directory, const char **path, struct error *error)
{
    if (files_visit(directory->unfinished, unlink_file, NULL))
        (void)rmdir(directory->unfinished);
    if (mkdir(directory->unfinished, 0700) != 0)
        return failed(error, "make the store in", directory->unfinished);
    *path = directory->unfinished;
    return BEHALF_OK;
}

enum status
directory_created(struct directory *directory, struct error *error)
{
    /* Fails when a database without its CURRENT file is there, so nothing replaces it. */
    if (rename(directory->unfinished, directory->database) != 0)
        return failed(error, "put the new store in place at", directory->database);
    directory_sync(directory->path);
    return BEHALF_OK;
}

void
directory_salvage_drop(struct directory *directory)
{
    if (files_visit(directory->salvage, unlink_file, NULL))
        (void)rmdir(directory->salvage);
}

enum status
directory_salvage_copy(struct directory *directory, const char **path, struct error *error)
{
    directory_salvage_drop(directory);
    if (mkdir(directory->salvage, 0700) != 0 ||
        !files_visit(directory->database, salvage_file, directory->salvage))
        return failed(error, "copy the damaged store to", directory->salvage);
    *path = directory->salvage;
    return BEHALF_OK;
}

enum status
directory_salvage_accept(struct directory *directory, struct error *error)
{
    enum status status = BEHALF_OK;
    char *damaged = NULL;

    for (int number = 1; number < 1000; number++) {
        char name[32];

        memory_free(damaged);
        (void)snprintf(name, sizeof name, "db.damaged-%d", number);
        damaged = join(directory->path, name);
        if (access(damaged, F_OK) != 0)
            break;
    }
    if (rename(directory->database, damaged) != 0)
        status = failed(error, "rename", directory->database);
    else if (rename(directory->salvage, directory->database) != 0)
        status = failed(error, "rename", directory->salvage);
    directory_sync(directory->path);
    memory_free(damaged);
    return status;
}
