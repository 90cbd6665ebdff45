/* files.c - see files.h. */
#include "audit/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

void
files_name(enum files_kind kind, uint64_t segment, char name[FILES_NAME_SIZE])
{
    (void)snprintf(name, FILES_NAME_SIZE, "%012" PRIu64 ".%s", segment,
                   kind == FILES_LINES ? "jsonl" : "leaves");
}

enum status
files_error(const char *what, const char *name, struct error *error)
{
    return error_set(error, BEHALF_STORAGE_FAILED, "audit log: cannot %s '%s': %s", what, name,
                     strerror(errno));
}

int
files_open_folder(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        (void)files_error("open the folder", path, error);
    return fd;
}

int
files_open(int folder, const char *name, bool writable, struct error *error)
{
    int flags = writable ? O_RDWR | O_CREAT : O_RDONLY;
    int fd = openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        (void)files_error("open", name, error);
    return fd;
}

enum status
files_write(int fd, const char *name, struct slice bytes, uint64_t offset, struct error *error)
{
    size_t done = 0;

    while (done < bytes.size) {
        ssize_t count = pwrite(fd, bytes.data + done, bytes.size - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return files_error("write", name, error);
        done += (size_t)count;
    }
    return BEHALF_OK;
}

enum status
files_read(int fd, const char *name, void *bytes, size_t size, uint64_t offset, struct error *error)
{
    size_t done = 0;

    while (done < size) {
        ssize_t count = pread(fd, (char *)bytes + done, size - done, (off_t)(offset + done));

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return files_error("read", name, error);
        if (count == 0)
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "audit log: '%s' ends at byte %" PRIu64 ", %zu before it should", name,
                             offset + done, size - done);
        done += (size_t)count;
    }
    return BEHALF_OK;
}

int (*files_sync_call)(int fd) = fdatasync;

enum status
files_sync(int fd, const char *name, struct error *error)
{
    return files_sync_call(fd) == 0 ? BEHALF_OK : files_error("sync", name, error);
}

enum status
files_cut(int fd, const char *name, uint64_t size, struct error *error)
{
    return ftruncate(fd, (off_t)size) == 0 ? BEHALF_OK : files_error("cut", name, error);
}

enum status
files_size(int fd, const char *name, uint64_t *size, struct error *error)
{
    struct stat about;

    if (fstat(fd, &about) != 0)
        return files_error("look at", name, error);
    *size = (uint64_t)about.st_size;
    return BEHALF_OK;
}

enum status
files_load(int folder, const char *name, size_t most, struct buffer *out, struct error *error)
{
    uint64_t size = 0;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    enum status status;

    if (fd < 0 && errno == ENOENT)
        return BEHALF_DONE;
    if (fd < 0)
        return files_error("open", name, error);
    status = files_size(fd, name, &size, error);
    if (status == BEHALF_OK && size > most)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "audit log: '%s' has %" PRIu64 " bytes; at most %zu are expected", name,
                           size, most);
    if (status == BEHALF_OK) {
        char *bytes = buffer_reserve(out, (size_t)size);

        status = files_read(fd, name, bytes, (size_t)size, 0, error);
        if (status == BEHALF_OK)
            buffer_added(out, (size_t)size);
    }
    (void)close(fd);
    return status;
}

enum status
files_replace(int folder, const char *name, struct slice bytes, struct error *error)
{
    char new_name[FILES_NAME_SIZE + 4];
    enum status status;
    int fd;

    (void)snprintf(new_name, sizeof new_name, "%s.new", name);
    fd = files_open(folder, new_name, true, error);
    if (fd < 0)
        return error->status;
    status = files_cut(fd, new_name, 0, error);
    if (status == BEHALF_OK)
        status = files_write(fd, new_name, bytes, 0, error);
    if (status == BEHALF_OK)
        status = files_sync(fd, new_name, error);
    (void)close(fd);
    if (status == BEHALF_OK && renameat(folder, new_name, folder, name) != 0)
        status = files_error("replace", name, error);
    if (status == BEHALF_OK && fsync(folder) != 0)
        status = files_error("sync the folder of", name, error);
    return status;
}

/* The number of a file with lines. */
static bool
read_number(const char *name, uint64_t *segment)
{
    size_t digits = strspn(name, "0123456789");

    if (digits != 12 || strcmp(name + digits, ".jsonl") != 0)
        return false;
    *segment = 0;
    for (size_t at = 0; at < digits; at++)
        *segment = *segment * 10 + (uint64_t)(name[at] - '0');
    return true;
}

enum status
files_segments(int folder, uint64_t *first, uint64_t *last, bool *found, struct error *error)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    uint64_t segment;

    *found = false;
    if (entries == NULL) {
        enum status status = files_error("list", "the folder", error);

        if (fd >= 0)
            (void)close(fd);
        return status;
    }
    while ((entry = readdir(entries)) != NULL) {
        if (!read_number(entry->d_name, &segment))
            continue;
        *first = !*found || segment < *first ? segment : *first;
        *last = !*found || segment > *last ? segment : *last;
        *found = true;
    }
    (void)closedir(entries);
    return BEHALF_OK;
}

enum status
files_remove_segment(int folder, uint64_t segment, struct error *error)
{
    static const enum files_kind kinds[] = {FILES_LINES, FILES_LEAVES};
    char name[FILES_NAME_SIZE];

    for (size_t at = 0; at < BEHALF_COUNT_OF(kinds); at++) {
        files_name(kinds[at], segment, name);
        if (unlinkat(folder, name, 0) != 0 && errno != ENOENT)
            return files_error("remove", name, error);
    }
    return BEHALF_OK;
}

enum status
files_keep_note(int folder, struct slice bytes, struct error *error)
{
    char checksum[8];
    struct buffer text;
    enum status status;

    if (bytes.size > AUDIT_NOTE_SIZE_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "audit log: a note of %zu bytes; at most %zu are kept", bytes.size,
                         AUDIT_NOTE_SIZE_MAX);
    buffer_init(&text);
    bytes_put_u64(checksum, digest_checksum(bytes));
    buffer_add(&text, checksum, sizeof checksum);
    buffer_add_slice(&text, bytes);
    status = files_replace(folder, "note", buffer_slice(&text), error);
    buffer_release(&text);
    return status;
}

enum status
files_load_note(int folder, struct buffer *bytes, bool *found, struct error *error)
{
    struct buffer text;
    struct slice note;
    enum status status;

    buffer_init(&text);
    status = files_load(folder, "note", 8 + AUDIT_NOTE_SIZE_MAX, &text, error);
    *found = status == BEHALF_OK;
    if (*found) {
        note = (struct slice){text.data + 8, text.size < 8 ? 0 : text.size - 8};
        if (text.size < 8 || bytes_get_u64(text.data) != digest_checksum(note))
            status = error_set(error, BEHALF_STORAGE_CORRUPT, "audit log: its note is damaged");
        else
            buffer_add_slice(bytes, note);
    }
    buffer_release(&text);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}
