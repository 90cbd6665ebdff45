/* recover.c - from files as a crash left them to a log that goes on.
 *
 * What may be found after a kill or a power cut: lines beyond the last sync, whole, torn or full of
 * zeros; leaves with or without their lines; a root or a checkpoint that is torn, or missing though
 * its segment is full; a segment's successor that was not made. What the newest checkpoint covers
 * must be there: else nothing is touched, and the log does not open. */
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/record.h"
#include "audit/tree.h"
#include "audit/writer.h"

/* --- checkpoints --- */

#define TAIL_BYTES ((size_t)16 * 1024) /* more than one note takes */

/* Where the last whole note begins in the tail; false when there is none. It is found from its
 * empty line: three lines stand before it, one after. */
static bool
find_last_note(struct slice tail, size_t *start)
{
    const char *bytes = tail.data;
    bool found = false;

    for (size_t at = 0; at + 1 < tail.size; at++) {
        size_t lines = 3;
        size_t begin = at + 1;

        if (bytes[at] != '\n' || bytes[at + 1] != '\n' ||
            memchr(bytes + at + 2, '\n', tail.size - at - 2) == NULL)
            continue;
        while (begin > 0 && lines > 0)
            lines -= bytes[--begin] == '\n' && begin != at;
        *start = lines == 0 ? begin + 1 : 0;
        found = true;
    }
    return found;
}

/* Names the file in front of what is wrong in it. */
static enum status
in_checkpoints(struct error *error)
{
    const struct error problem = *error;

    return error_set(error, problem.status, "audit log: 'checkpoints': %s", problem.message);
}

/* The newest whole note; a torn one behind it was never told to anybody. */
static enum status
read_checkpoints(struct writer *writer, struct checkpoint *newest, struct error *error)
{
    struct buffer tail;
    uint64_t size = 0;
    size_t count;
    size_t start;
    size_t length = 0;
    enum status status = files_size(writer->checkpoints_fd, "checkpoints", &size, error);

    *newest = (struct checkpoint){.size = 0};
    if (status != BEHALF_OK)
        return status;
    count = size < TAIL_BYTES ? (size_t)size : TAIL_BYTES;
    buffer_init(&tail);
    status = files_read(writer->checkpoints_fd, "checkpoints", buffer_reserve(&tail, count), count,
                        size - count, error);
    if (status == BEHALF_OK) {
        buffer_added(&tail, count);
        if (find_last_note(buffer_slice(&tail), &start)) {
            const struct slice note = {tail.data + start, tail.size - start};

            status = checkpoint_read(&writer->key, note, newest, &length, error);
            if (status == BEHALF_DONE)
                status = error_set(error, BEHALF_STORAGE_CORRUPT,
                                   "audit log: the end of 'checkpoints' is no checkpoint");
            else if (status != BEHALF_OK)
                status = in_checkpoints(error);
            if (status == BEHALF_OK) {
                buffer_add(&writer->newest, note.data, length);
                writer->checkpoints_end = size - count + start + length;
            }
        }
    }
    buffer_release(&tail);
    writer->signed_size = newest->size;
    return status;
}

/* --- the last segment --- */

/* Its lines, one behind the other, as far as they fit. The file is mapped, since it may be larger
 * than what memory is for; nobody else cuts it, as the folder is locked. */
struct segment_lines {
    struct slice text;
    struct buffer leaves; /* of the lines that fit */
    size_t size;          /* of them in bytes */
};

static enum status
load_lines(struct writer *writer, struct segment_lines *lines, struct error *error)
{
    uint64_t size = 0;
    enum status status = files_size(writer->lines_fd, "lines", &size, error);
    void *bytes;

    if (status != BEHALF_OK || size == 0)
        return status;
    bytes = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, writer->lines_fd, 0);
    if (bytes == MAP_FAILED)
        return files_error("map", "lines", error);
    lines->text = (struct slice){bytes, (size_t)size};
    return BEHALF_OK;
}

static void
release_lines(struct segment_lines *lines)
{
    if (lines->text.size > 0)
        (void)munmap((void *)(uintptr_t)lines->text.data, lines->text.size);
    buffer_release(&lines->leaves);
}

/* Takes lines until one does not fit its place. */
static void
take_lines(struct writer *writer, struct segment_lines *lines)
{
    const char *at = lines->text.data;
    const char *end = lines->text.size > 0 ? at + lines->text.size : at;

    while (at < end && writer_has_room(writer)) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct slice line = {at, newline == NULL ? 0 : (size_t)(newline - at)};

        if (newline == NULL || !record_is_next(line, writer->tree.size, writer->previous))
            break;
        merkle_leaf(line, writer->previous);
        merkle_add(&writer->tree, 0, writer->previous);
        merkle_add(&writer->subtree, 0, writer->previous);
        buffer_add(&lines->leaves, writer->previous, DIGEST_SIZE);
        at = newline + 1;
    }
    lines->size = (size_t)(lines->text.size > 0 ? at - lines->text.data : 0);
}

/* Against the newest checkpoint, before anything is changed. The leaves of the last segment are
 * those of its lines. */
struct recomputed {
    struct tree tree;
    uint64_t first; /* of the last segment */
    const struct buffer *leaves;
};

static enum status
node(void *context, unsigned level, uint64_t index, uint8_t hash[DIGEST_SIZE], struct error *error)
{
    struct recomputed *recomputed = context;
    struct merkle_source source = tree_source(&recomputed->tree);
    struct merkle_frontier frontier = {.size = 0};
    uint64_t start = index << level;
    uint64_t count = UINT64_C(1) << level;

    if (start + count <= recomputed->first)
        return source.node(source.context, level, index, hash, error);
    if (start < recomputed->first) { /* the last segment is full, and has no root yet */
        uint8_t right[DIGEST_SIZE];
        enum status status = node(context, level - 1, 2 * index, hash, error);

        if (status == BEHALF_OK)
            status = node(context, level - 1, 2 * index + 1, right, error);
        if (status == BEHALF_OK)
            merkle_node(hash, right, hash);
        return status;
    }
    for (uint64_t at = start - recomputed->first; count > 0; at++, count--)
        merkle_add(&frontier, 0, (const uint8_t *)recomputed->leaves->data + at * DIGEST_SIZE);
    merkle_root(&frontier, hash);
    return BEHALF_OK;
}

static enum status
check_newest(struct writer *writer, const struct segment_lines *lines,
             const struct checkpoint *newest, struct error *error)
{
    struct recomputed recomputed = {.first = writer->segment * AUDIT_SEGMENT_RECORDS,
                                    .leaves = &lines->leaves};
    const struct merkle_source source = {.node = node, .context = &recomputed};
    char name[FILES_NAME_SIZE];
    uint8_t root[DIGEST_SIZE];
    enum status status;

    if (writer->checkpoints_end == 0 && lines->text.size > 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "audit log: it has records, and 'checkpoints' no whole one of them");
    files_name(FILES_LINES, writer->segment, name);
    if (newest->size > writer->tree.size)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "audit log: its newest checkpoint is of %" PRIu64 " records, and %" PRIu64
                         " are there and fit; record %" PRIu64
                         ", in '%s', is missing or was changed",
                         newest->size, writer->tree.size, writer->tree.size, name);
    if (newest->size == 0)
        return BEHALF_OK;
    status = tree_open(writer->folder, &recomputed.tree, error);
    if (status != BEHALF_OK)
        return status;
    status = merkle_range(&source, 0, newest->size, root, error);
    if (status == BEHALF_OK && memcmp(root, newest->root, DIGEST_SIZE) != 0)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "audit log: the records in '%s', with 'roots' and .leaves before it, do "
                           "not give the root of the newest of 'checkpoints', of %" PRIu64
                           " records: something was changed",
                           name, newest->size);
    tree_close(&recomputed.tree);
    return status;
}

/* --- mending --- */

static enum status
mend_segment(struct writer *writer, const struct segment_lines *lines, struct writer_found *found,
             struct error *error)
{
    uint64_t leaves = 0;
    enum status status = files_size(writer->leaves_fd, "leaves", &leaves, error);

    found->cut_bytes = lines->text.size - lines->size;
    if (status == BEHALF_OK && leaves > lines->leaves.size)
        found->cut_leaves = (leaves - lines->leaves.size) / DIGEST_SIZE;
    found->recovered = found->cut_bytes > 0 || found->cut_leaves > 0;
    if (status == BEHALF_OK)
        status = files_cut(writer->lines_fd, "lines", lines->size, error);
    if (status == BEHALF_OK)
        status = files_write(writer->leaves_fd, "leaves", buffer_slice(&lines->leaves), 0, error);
    if (status == BEHALF_OK)
        status = files_cut(writer->leaves_fd, "leaves", lines->leaves.size, error);
    if (status == BEHALF_OK)
        status = files_sync(writer->lines_fd, "lines", error);
    if (status == BEHALF_OK)
        status = files_sync(writer->leaves_fd, "leaves", error);
    writer->lines_at = lines->size;
    writer->leaves_at = lines->leaves.size;
    writer->synced = writer->tree.size;
    return status;
}

static enum status
mend_ends(struct writer *writer, struct error *error)
{
    enum status status = files_cut(writer->roots_fd, "roots", writer->segment * DIGEST_SIZE, error);

    return status == BEHALF_OK
               ? files_cut(writer->checkpoints_fd, "checkpoints", writer->checkpoints_end, error)
               : status;
}

/* The full segments, by their roots. The leaf before the first line of the last segment is the last
 * of the segment before, whose leaves are synced. */
static enum status
take_roots(struct writer *writer, struct error *error)
{
    char name[FILES_NAME_SIZE];
    enum status status = BEHALF_OK;
    int fd;

    for (uint64_t at = 0; status == BEHALF_OK && at < writer->segment; at++) {
        uint8_t root[DIGEST_SIZE];

        status = files_read(writer->roots_fd, "roots", root, sizeof root, at * DIGEST_SIZE, error);
        if (status == BEHALF_OK)
            merkle_add(&writer->tree, TREE_SEGMENT_LEVEL, root);
    }
    if (status != BEHALF_OK || writer->segment == 0)
        return status;
    files_name(FILES_LEAVES, writer->segment - 1, name);
    fd = files_open(writer->folder, name, false, error);
    if (fd < 0)
        return error->status;
    status = files_read(fd, name, writer->previous, DIGEST_SIZE,
                        (AUDIT_SEGMENT_RECORDS - 1) * DIGEST_SIZE, error);
    (void)close(fd);
    return status;
}

/* The segment that goes on: the last with lines. It may be full, and have a root already, where a
 * crash came before its successor was made: that root, which may be torn, is made anew.*/
static enum status
find_last(struct writer *writer, struct error *error)
{
    uint64_t roots;
    uint64_t first;
    bool found;
    enum status status = files_size(writer->roots_fd, "roots", &roots, error);

    if (status == BEHALF_OK)
        status = files_segments(writer->folder, &first, &writer->segment, &found, error);
    if (status != BEHALF_OK)
        return status;
    roots /= DIGEST_SIZE;
    if (!found)
        writer->segment = 0;
    if (roots == writer->segment || (found && roots == writer->segment + 1))
        return BEHALF_OK;
    return error_set(error, BEHALF_STORAGE_CORRUPT,
                     "audit log: 'roots' names %" PRIu64 " full segments, and the last with lines "
                     "is %" PRIu64,
                     roots, writer->segment);
}

enum status
recover(struct writer *writer, struct writer_found *found, struct error *error)
{
    struct segment_lines lines = {.size = 0};
    struct checkpoint newest;
    enum status status = read_checkpoints(writer, &newest, error);

    buffer_init(&lines.leaves);
    if (status == BEHALF_OK)
        status = find_last(writer, error);
    if (status == BEHALF_OK)
        status = take_roots(writer, error);
    if (status == BEHALF_OK)
        status = writer_open_segment(writer, error);
    if (status == BEHALF_OK)
        status = load_lines(writer, &lines, error);
    if (status == BEHALF_OK) {
        take_lines(writer, &lines);
        status = check_newest(writer, &lines, &newest, error);
    }
    if (status == BEHALF_OK)
        status = mend_segment(writer, &lines, found, error);
    if (status == BEHALF_OK)
        status = mend_ends(writer, error);
    if (status == BEHALF_OK && writer->checkpoints_end == 0)
        status = writer_sign(writer, error); /* of nothing: from now on there must be one */
    release_lines(&lines);
    return status;
}
