/* note.c - the file NOTE: hints that one run of a store leaves to the next start.
 *
 *   magic(8) bytes... XXH3 of all before it(8)
 *
 * Always true: the file is replaced by a rename, so it is found whole or not at all while the
 * machine runs. Nothing is synced: after a power cut there is an old note, a damaged one or none,
 * and the store loses nothing by that. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/memory.h"
#include "storage/store_internal.h"

#define NOTE_MAGIC "BHLFNOTE"
#define NOTE_FRAME_SIZE 16

static char *
path_of(const struct store *store, const char *name)
{
    struct buffer path;
    size_t size;

    buffer_init(&path);
    buffer_add_format(&path, "%s/%s", directory_path(store->directory), name);
    return buffer_take(&path, &size);
}

static enum status
failed(const char *what, const char *path, struct error *error)
{
    return error_set(error, BEHALF_STORAGE_FAILED, "cannot %s '%s': %s", what, path,
                     strerror(errno));
}

static bool
write_all(int file, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t written = write(file, bytes.data, bytes.size);

        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0)
            bytes = (struct slice){bytes.data + written, bytes.size - (size_t)written};
    }
    return true;
}

static bool
write_file(const char *path, struct slice bytes)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool good;

    if (file < 0)
        return false;
    good = write_all(file, bytes);
    return close(file) == 0 && good;
}

enum status
store_leave_note(struct store *store, struct slice bytes, struct error *error)
{
    enum status status = BEHALF_OK;
    char checksum[8];
    struct buffer note;
    char *path;
    char *unfinished;

    if (store->directory == NULL)
        return BEHALF_OK;
    BEHALF_ASSERT(bytes.size <= STORE_NOTE_SIZE_MAX);
    path = path_of(store, "NOTE");
    unfinished = path_of(store, "NOTE.new");
    buffer_init(&note);
    buffer_add(&note, NOTE_MAGIC, 8);
    buffer_add_slice(&note, bytes);
    bytes_put_u64(checksum, digest_checksum(buffer_slice(&note)));
    buffer_add(&note, checksum, sizeof checksum);
    if (!write_file(unfinished, buffer_slice(&note)))
        status = failed("write", unfinished, error);
    else if (rename(unfinished, path) != 0)
        status = failed("rename", unfinished, error);
    if (status != BEHALF_OK)
        (void)unlink(unfinished);
    buffer_release(&note);
    memory_free(unfinished);
    memory_free(path);
    return status;
}

static bool
is_whole(struct slice note)
{
    return note.size >= NOTE_FRAME_SIZE && memcmp(note.data, NOTE_MAGIC, 8) == 0 &&
           bytes_get_u64(note.data + note.size - 8) ==
               digest_checksum((struct slice){note.data, note.size - 8});
}

/* Stops after the size of the largest note: a larger file is not a note. */
static bool
read_file(int file, struct buffer *bytes)
{
    ssize_t size = 1;

    while (size > 0 && bytes->size <= STORE_NOTE_SIZE_MAX + NOTE_FRAME_SIZE) {
        size = read(file, buffer_reserve(bytes, 65536), 65536);
        if (size > 0)
            buffer_added(bytes, (size_t)size);
        else if (size < 0 && errno == EINTR)
            size = 1;
    }
    return size == 0;
}

enum status
store_read_note(struct store *store, struct buffer *bytes, bool *found, struct error *error)
{
    enum status status = BEHALF_OK;
    struct buffer note;
    char *path;
    int file;

    *found = false;
    if (store->directory == NULL)
        return BEHALF_OK;
    buffer_init(&note);
    path = path_of(store, "NOTE");
    file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (file < 0 && errno != ENOENT)
        status = failed("open", path, error);
    if (file >= 0 && !read_file(file, &note))
        status = error_set(error, BEHALF_STORAGE_FAILED, "cannot read '%s'", path);
    else if (file >= 0 && !is_whole(buffer_slice(&note)))
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "'%s' is damaged", path);
    if (file >= 0)
        (void)close(file);
    *found = file >= 0 && status == BEHALF_OK;
    if (*found)
        buffer_add(bytes, note.data + 8, note.size - NOTE_FRAME_SIZE);
    buffer_release(&note);
    memory_free(path);
    return status;
}
