/* reader.c - lines of a log by their numbers, also while it grows. */
#include "audit/reader.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "audit/record.h"
#include "base/memory.h"

#define READ_BYTES ((size_t)256 * 1024)
#define READ_BYTES_MAX ((size_t)16 * 1024 * 1024) /* of one line */

enum status
audit_reader_open(const char *directory, struct audit_reader **reader, struct error *error)
{
    struct audit_reader *opened = memory_new(sizeof *opened);
    enum status status = BEHALF_OK;

    opened->fd = -1;
    opened->tree = (struct tree){.folder = -1, .roots = -1, .leaves = -1};
    buffer_init(&opened->buffer);
    opened->folder = files_open_folder(directory, error);
    if (opened->folder < 0)
        status = error->status;
    if (status == BEHALF_OK)
        status = tree_open(opened->folder, &opened->tree, error);
    if (status != BEHALF_OK) {
        audit_reader_close(opened);
        return status;
    }
    *reader = opened;
    return BEHALF_OK;
}

static void
close_segment(struct audit_reader *reader)
{
    if (reader->fd >= 0)
        (void)close(reader->fd);
    reader->fd = -1;
    reader->offset = 0;
    reader->used = 0;
    buffer_clear(&reader->buffer);
}

void
audit_reader_close(struct audit_reader *reader)
{
    if (reader == NULL)
        return;
    close_segment(reader);
    tree_close(&reader->tree);
    if (reader->folder >= 0)
        (void)close(reader->folder);
    buffer_release(&reader->buffer);
    memory_free(reader);
}

/* A line is written before its leaf, so what has a leaf is whole. */
enum status
audit_reader_bounds(struct audit_reader *reader, uint64_t *first, uint64_t *size,
                    struct error *error)
{
    uint64_t oldest = 0;
    uint64_t newest = 0;
    uint64_t leaves = 0;
    bool found;
    enum status status = files_segments(reader->folder, &oldest, &newest, &found, error);

    if (status == BEHALF_OK && found) {
        char name[FILES_NAME_SIZE];
        bool exists;

        files_name(FILES_LEAVES, newest, name);
        exists = faccessat(reader->folder, name, F_OK, 0) == 0; /* a log that was just made */
        status = exists ? tree_leaf_count(&reader->tree, newest, &leaves, error) : BEHALF_OK;
    }
    if (status != BEHALF_OK)
        return status;
    *first = oldest * AUDIT_SEGMENT_RECORDS;
    *size = newest * AUDIT_SEGMENT_RECORDS + leaves;
    reader->size = *size;
    return BEHALF_OK;
}

/* Reads more of the segment behind what is in the buffer; *more is false at its end. */
static enum status
fill(struct audit_reader *reader, bool *more, struct error *error)
{
    ssize_t count;

    buffer_drop(&reader->buffer, reader->used);
    reader->offset += reader->used;
    reader->used = 0;
    if (reader->buffer.size >= READ_BYTES_MAX)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "audit log: record %" PRIu64 " has no end within %zu bytes", reader->at,
                         READ_BYTES_MAX);
    count = pread(reader->fd, buffer_reserve(&reader->buffer, READ_BYTES), READ_BYTES,
                  (off_t)(reader->offset + reader->buffer.size));
    if (count < 0)
        return files_error("read", "lines", error);
    buffer_added(&reader->buffer, (size_t)count);
    *more = count > 0;
    return BEHALF_OK;
}

/* The next line of the segment; BEHALF_DONE where it has no more. */
static enum status
take_line(struct audit_reader *reader, struct slice *line, struct error *error)
{
    size_t looked = 0;
    bool more = true;

    while (more) {
        const char *start = reader->buffer.data + reader->used;
        size_t left = reader->buffer.size - reader->used;
        const char *newline = left > looked ? memchr(start + looked, '\n', left - looked) : NULL;
        enum status status;

        if (newline != NULL) {
            *line = (struct slice){start, (size_t)(newline - start)};
            reader->used += line->size + 1;
            return BEHALF_OK;
        }
        looked = left;
        status = fill(reader, &more, error);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_DONE;
}

static enum status
open_segment(struct audit_reader *reader, uint64_t segment, struct error *error)
{
    char name[FILES_NAME_SIZE];

    close_segment(reader);
    files_name(FILES_LINES, segment, name);
    reader->fd = files_open(reader->folder, name, false, error);
    reader->segment = segment;
    return reader->fd < 0 ? error->status : BEHALF_OK;
}

enum status
audit_reader_seek(struct audit_reader *reader, uint64_t seq, struct error *error)
{
    uint64_t first;
    uint64_t size;
    uint64_t segment = seq / AUDIT_SEGMENT_RECORDS;
    enum status status = audit_reader_bounds(reader, &first, &size, error);

    if (status != BEHALF_OK)
        return status;
    if (seq < first || seq > size)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "audit log: there is no record %" PRIu64 "; it has %" PRIu64 " to %" PRIu64
                         " now",
                         seq, first, size);
    close_segment(reader);
    reader->at = segment * AUDIT_SEGMENT_RECORDS;
    if (seq == size && reader->at == seq) { /* its file may not be there yet */
        return BEHALF_OK;
    }
    status = open_segment(reader, segment, error);
    while (status == BEHALF_OK && reader->at < seq) {
        struct slice line;

        status = take_line(reader, &line, error);
        reader->at += status == BEHALF_OK;
    }
    if (status == BEHALF_DONE)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "audit log: record %" PRIu64 " has a leaf and no line", reader->at);
    return status;
}

enum status
audit_reader_next(struct audit_reader *reader, uint64_t *seq, struct slice *line,
                  struct error *error)
{
    uint64_t first;
    uint64_t size;
    enum status status = BEHALF_OK;

    if (reader->at >= reader->size) {
        status = audit_reader_bounds(reader, &first, &size, error);
        if (status == BEHALF_OK && reader->at >= size)
            return BEHALF_DONE;
    }
    if (status == BEHALF_OK &&
        (reader->fd < 0 || reader->segment != reader->at / AUDIT_SEGMENT_RECORDS))
        status = open_segment(reader, reader->at / AUDIT_SEGMENT_RECORDS, error);
    if (status == BEHALF_OK)
        status = take_line(reader, line, error);
    if (status == BEHALF_DONE)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "audit log: record %" PRIu64 " has a leaf and no line", reader->at);
    if (status == BEHALF_OK)
        *seq = reader->at++;
    return status;
}

/* --- by time --- */

static enum status
first_time(struct audit_reader *reader, uint64_t segment, int64_t *ts_ns, struct error *error)
{
    struct record_facts facts;
    struct slice line;
    enum status status = open_segment(reader, segment, error);

    if (status == BEHALF_OK)
        status = take_line(reader, &line, error);
    if (status == BEHALF_OK && record_read(line, &facts))
        *ts_ns = facts.ts_ns;
    else if (status == BEHALF_OK || status == BEHALF_DONE)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "audit log: segment %" PRIu64 " does not begin with a record", segment);
    return status;
}

/* The last segment that begins a second before, or earlier. */
enum status
audit_reader_find(struct audit_reader *reader, int64_t ts_ns, uint64_t *seq, struct error *error)
{
    uint64_t first;
    uint64_t size;
    uint64_t low;
    uint64_t high;
    enum status status = audit_reader_bounds(reader, &first, &size, error);

    if (status != BEHALF_OK)
        return status;
    low = first / AUDIT_SEGMENT_RECORDS;
    high = size == first ? low : (size - 1) / AUDIT_SEGMENT_RECORDS;
    while (status == BEHALF_OK && low < high) {
        uint64_t middle = high - (high - low) / 2;
        int64_t begins = 0;

        status = first_time(reader, middle, &begins, error);
        if (status == BEHALF_OK && begins <= ts_ns - INT64_C(1000000000))
            low = middle;
        else
            high = middle - 1;
    }
    *seq = low * AUDIT_SEGMENT_RECORDS;
    return status;
}

/* --- proofs --- */

static enum status
out_of_range(uint64_t number, uint64_t size, struct error *error)
{
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "audit log: %" PRIu64 " does not fit a tree of %" PRIu64 " records", number,
                     size);
}

static enum status
check_size(struct audit_reader *reader, uint64_t size, struct error *error)
{
    uint64_t first;
    uint64_t have;
    enum status status = audit_reader_bounds(reader, &first, &have, error);

    if (status == BEHALF_OK && size > have)
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "audit log: it has %" PRIu64 " records, and the tree asked for %" PRIu64,
                           have, size);
    return status;
}

enum status
audit_prove_inclusion(struct audit_reader *reader, uint64_t seq, uint64_t size,
                      struct merkle_proof *proof, struct error *error)
{
    const struct merkle_source source = tree_source(&reader->tree);
    enum status status = check_size(reader, size, error);

    if (status == BEHALF_OK && seq >= size)
        status = out_of_range(seq, size, error);
    return status == BEHALF_OK ? merkle_prove_inclusion(&source, seq, size, proof, error) : status;
}

enum status
audit_prove_consistency(struct audit_reader *reader, uint64_t from, uint64_t size,
                        struct merkle_proof *proof, struct error *error)
{
    const struct merkle_source source = tree_source(&reader->tree);
    enum status status = check_size(reader, size, error);

    if (status == BEHALF_OK && (from == 0 || from > size))
        status = out_of_range(from, size, error);
    return status == BEHALF_OK ? merkle_prove_consistency(&source, from, size, proof, error)
                               : status;
}
