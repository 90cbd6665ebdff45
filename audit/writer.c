/* writer.c - see writer.h. */
#include "audit/writer.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/record.h"

/* --- life --- */

static enum status
open_folder(struct writer *writer, struct error *error)
{
    const char *path = writer->options->directory;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return files_error("make the folder", path, error);
    writer->folder = files_open_folder(path, error);
    if (writer->folder < 0)
        return error->status;
    if (flock(writer->folder, LOCK_EX | LOCK_NB) != 0)
        return error_set(error, BEHALF_STORAGE_FAILED,
                         "audit log: '%s' is in use by another process", path);
    return BEHALF_OK;
}

/* The public key is there before the secret one: with the latter the log exists. */
static enum status
make_key(struct writer *writer, struct error *error)
{
    const struct slice origin = writer->options->origin;
    struct checkpoint_key *key = &writer->key;
    struct buffer text;
    enum status status;

    if (!checkpoint_origin_is_valid(origin))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "audit log: '%.*s' is no origin: 1 to %d visible ASCII characters without "
                         "'+'",
                         SLICE_PRINTF(origin), CHECKPOINT_ORIGIN_MAX);
    *key = (struct checkpoint_key){.has_secret = true};
    memcpy(key->origin, origin.data, origin.size);
    writer->options->env->random_bytes(writer->options->env->context, key->secret,
                                       sizeof key->secret);
    digest_public_key(key->secret, key->public);
    buffer_init(&text);
    checkpoint_print_public(key, &text);
    status = files_replace(writer->folder, "key.pub", buffer_slice(&text), error);
    buffer_clear(&text);
    checkpoint_print_secret(key, &text);
    if (status == BEHALF_OK)
        status = files_replace(writer->folder, "key", buffer_slice(&text), error);
    digest_forget(text.data, text.size);
    buffer_release(&text);
    return status;
}

/* One that is missing is made again: it follows from the secret key. */
static enum status
check_public(struct writer *writer, struct error *error)
{
    struct buffer expected;
    struct buffer text;
    enum status status;

    buffer_init(&expected);
    buffer_init(&text);
    checkpoint_print_public(&writer->key, &expected);
    status = files_load(writer->folder, "key.pub", CHECKPOINT_SIZE_MAX, &text, error);
    if (status == BEHALF_DONE)
        status = files_replace(writer->folder, "key.pub", buffer_slice(&expected), error);
    else if (status == BEHALF_OK && !slice_equal(buffer_slice(&text), buffer_slice(&expected)))
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "audit log: its file 'key.pub' is not of its 'key'");
    buffer_release(&expected);
    buffer_release(&text);
    return status;
}

static enum status
open_key(struct writer *writer, struct error *error)
{
    uint64_t first;
    uint64_t last;
    bool found;
    struct buffer text;
    enum status status;

    buffer_init(&text);
    status = files_load(writer->folder, "key", CHECKPOINT_SIZE_MAX, &text, error);
    if (status == BEHALF_OK)
        status = checkpoint_read_secret(buffer_slice(&text), &writer->key, error);
    digest_forget(text.data, text.size);
    buffer_release(&text);
    if (status == BEHALF_OK)
        return check_public(writer, error);
    if (status != BEHALF_DONE)
        return status;
    status = files_segments(writer->folder, &first, &last, &found, error);
    if (status == BEHALF_OK && found)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "audit log: the folder has records and no file 'key'");
    return status == BEHALF_OK ? make_key(writer, error) : status;
}

enum status
writer_open(const struct audit_options *options, struct writer *writer, struct writer_found *found,
            struct error *error)
{
    enum status status;

    *writer = (struct writer){.options = options,
                              .folder = -1,
                              .lines_fd = -1,
                              .leaves_fd = -1,
                              .roots_fd = -1,
                              .checkpoints_fd = -1};
    *found = (struct writer_found){.recovered = false};
    buffer_init(&writer->lines);
    buffer_init(&writer->leaves);
    buffer_init(&writer->newest);
    status = open_folder(writer, error);
    if (status == BEHALF_OK)
        status = open_key(writer, error);
    if (status == BEHALF_OK &&
        (writer->roots_fd = files_open(writer->folder, "roots", true, error)) < 0)
        status = error->status;
    if (status == BEHALF_OK &&
        (writer->checkpoints_fd = files_open(writer->folder, "checkpoints", true, error)) < 0)
        status = error->status;
    if (status == BEHALF_OK)
        status = recover(writer, found, error);
    return status;
}

static void
close_file(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void
writer_close(struct writer *writer)
{
    close_file(&writer->lines_fd);
    close_file(&writer->leaves_fd);
    close_file(&writer->roots_fd);
    close_file(&writer->checkpoints_fd);
    close_file(&writer->folder);
    digest_forget(&writer->key, sizeof writer->key);
    buffer_release(&writer->lines);
    buffer_release(&writer->leaves);
    buffer_release(&writer->newest);
}

/* --- adding --- */

bool
writer_has_room(const struct writer *writer)
{
    return writer->subtree.size < AUDIT_SEGMENT_RECORDS;
}

void
writer_add(struct writer *writer, int64_t ts_ns, struct slice fields)
{
    size_t start = writer->lines.size;

    BEHALF_ASSERT(writer_has_room(writer));
    record_print(fields, writer->tree.size, ts_ns, writer->previous, &writer->lines);
    merkle_leaf((struct slice){writer->lines.data + start, writer->lines.size - start},
                writer->previous);
    buffer_add_byte(&writer->lines, '\n');
    buffer_add(&writer->leaves, writer->previous, DIGEST_SIZE);
    merkle_add(&writer->tree, 0, writer->previous);
    merkle_add(&writer->subtree, 0, writer->previous);
}

/* --- writing --- */

static enum status
write_rest(int fd, const char *name, const struct buffer *bytes, uint64_t start, size_t *written,
           struct error *error)
{
    const struct slice rest = {bytes->data + *written, bytes->size - *written};
    enum status status = files_write(fd, name, rest, start + *written, error);

    if (status == BEHALF_OK)
        *written = bytes->size;
    return status;
}

enum status
writer_write(struct writer *writer, struct error *error)
{
    enum status status = write_rest(writer->lines_fd, "lines", &writer->lines, writer->lines_at,
                                    &writer->lines_written, error);

    if (status == BEHALF_OK)
        status = write_rest(writer->leaves_fd, "leaves", &writer->leaves, writer->leaves_at,
                            &writer->leaves_written, error);
    return status;
}

/* A sync that failed may have thrown pages away: everything is written again. */
static enum status
sync_lines(struct writer *writer, struct error *error)
{
    enum status status = files_sync(writer->lines_fd, "lines", error);

    if (status != BEHALF_OK) {
        writer->lines_written = 0;
        writer->leaves_written = 0;
        return status;
    }
    writer->lines_at += writer->lines.size;
    writer->leaves_at += writer->leaves.size;
    buffer_clear(&writer->lines);
    buffer_clear(&writer->leaves);
    writer->lines_written = 0;
    writer->leaves_written = 0;
    writer->synced = writer->tree.size;
    return BEHALF_OK;
}

/* --- segments --- */

enum status
writer_open_segment(struct writer *writer, struct error *error)
{
    char name[FILES_NAME_SIZE];

    close_file(&writer->lines_fd);
    close_file(&writer->leaves_fd);
    files_name(FILES_LINES, writer->segment, name);
    writer->lines_fd = files_open(writer->folder, name, true, error);
    if (writer->lines_fd < 0)
        return error->status;
    files_name(FILES_LEAVES, writer->segment, name);
    writer->leaves_fd = files_open(writer->folder, name, true, error);
    if (writer->leaves_fd < 0)
        return error->status;
    return fsync(writer->folder) == 0 ? BEHALF_OK
                                      : files_error("sync", writer->options->directory, error);
}

static bool
last_line_time(struct slice tail, int64_t *ts_ns)
{
    struct record_facts facts;
    const char *before;

    if (tail.size == 0 || tail.data[--tail.size] != '\n')
        return false;
    before = memrchr(tail.data, '\n', tail.size);
    if (before != NULL) {
        tail.size -= (size_t)(before + 1 - tail.data);
        tail.data = before + 1;
    }
    if (!record_read(tail, &facts))
        return false;
    *ts_ns = facts.ts_ns;
    return true;
}

/* The time of the last line of a full segment. */
static enum status
last_time(struct writer *writer, uint64_t segment, int64_t *ts_ns, struct error *error)
{
    char name[FILES_NAME_SIZE];
    struct buffer tail;
    uint64_t size = 0;
    size_t count;
    enum status status;
    int fd;

    files_name(FILES_LINES, segment, name);
    fd = files_open(writer->folder, name, false, error);
    if (fd < 0)
        return error->status;
    status = files_size(fd, name, &size, error);
    count = size < RECORD_LINE_MAX ? (size_t)size : RECORD_LINE_MAX;
    buffer_init(&tail);
    if (status == BEHALF_OK)
        status = files_read(fd, name, buffer_reserve(&tail, count), count, size - count, error);
    if (status == BEHALF_OK) {
        buffer_added(&tail, count);
        if (!last_line_time(buffer_slice(&tail), ts_ns))
            status = error_set(error, BEHALF_STORAGE_CORRUPT,
                               "audit log: the end of '%s' is no record", name);
    }
    buffer_release(&tail);
    (void)close(fd);
    return status;
}

/* Whole segments that ended too long ago, the oldest first. One that cannot be read stays. */
enum status
writer_retain(struct writer *writer, int64_t now_ns, struct error *error)
{
    uint64_t first;
    uint64_t last;
    bool found;
    enum status status;

    if (writer->options->keep_ns == 0)
        return BEHALF_OK;
    status = files_segments(writer->folder, &first, &last, &found, error);
    for (; status == BEHALF_OK && found && first + 1 < writer->segment; first++) {
        int64_t ts_ns = 0;

        status = last_time(writer, first, &ts_ns, error);
        if (status != BEHALF_OK || ts_ns > now_ns - writer->options->keep_ns)
            break;
        status = files_remove_segment(writer->folder, first, error);
    }
    return status == BEHALF_STORAGE_CORRUPT ? BEHALF_OK : status;
}

static enum status
next_segment(struct writer *writer, struct error *error)
{
    enum status status;

    writer->segment++;
    status = writer_open_segment(writer, error);
    if (status != BEHALF_OK) {
        writer->segment--;
        return status;
    }
    writer->lines_at = 0;
    writer->leaves_at = 0;
    writer->subtree = (struct merkle_frontier){.size = 0};
    return BEHALF_OK;
}

/* Its root, a checkpoint, and the next segment's files. Each step may be repeated. */
static enum status
finish_segment(struct writer *writer, struct error *error)
{
    uint8_t root[DIGEST_SIZE];
    enum status status;

    merkle_root(&writer->subtree, root);
    status = files_write(writer->roots_fd, "roots", (struct slice){(const char *)root, sizeof root},
                         writer->segment * DIGEST_SIZE, error);
    if (status == BEHALF_OK)
        status = files_sync(writer->roots_fd, "roots", error);
    if (status == BEHALF_OK)
        status = writer_sign(writer, error);
    if (status == BEHALF_OK)
        status = next_segment(writer, error);
    return status;
}

enum status
writer_commit(struct writer *writer, struct error *error)
{
    enum status status = BEHALF_OK;

    if (writer->lines.size > 0) {
        status = writer_write(writer, error);
        if (status == BEHALF_OK)
            status = sync_lines(writer, error);
    }
    if (status == BEHALF_OK && !writer_has_room(writer))
        status = finish_segment(writer, error);
    return status;
}

enum status
writer_sign(struct writer *writer, struct error *error)
{
    struct checkpoint checkpoint = {.size = writer->synced};
    struct buffer note;
    enum status status;

    BEHALF_ASSERT(writer->lines.size == 0 && writer->synced == writer->tree.size);
    if (writer->synced == writer->signed_size && writer->checkpoints_end > 0)
        return BEHALF_OK;
    merkle_root(&writer->tree, checkpoint.root);
    buffer_init(&note);
    checkpoint_sign(&writer->key, &checkpoint, &note);
    status = files_sync(writer->leaves_fd, "leaves", error);
    if (status == BEHALF_OK)
        status = files_write(writer->checkpoints_fd, "checkpoints", buffer_slice(&note),
                             writer->checkpoints_end, error);
    if (status == BEHALF_OK)
        status = files_sync(writer->checkpoints_fd, "checkpoints", error);
    if (status == BEHALF_OK) {
        writer->checkpoints_end += note.size;
        writer->signed_size = checkpoint.size;
        buffer_clear(&writer->newest);
        buffer_add_slice(&writer->newest, buffer_slice(&note));
    }
    buffer_release(&note);
    return status;
}
