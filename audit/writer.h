/* writer.h - the files of a log while it grows; no thread and no queue.
 *
 * Always true: what is in `lines` and `leaves` was not synced yet and is kept until it is, so a
 * write or a sync that failed is repeated from there. `tree` has every record that was added;
 * `synced` of them are on the disk. A segment that is full is finished (root, checkpoint, next
 * file) before anything is added. A checkpoint is signed of synced records only, with synced
 * leaves; otherwise leaves are not synced, as opening makes those of the last segment again.
 * A log that was made has a checkpoint, if only of nothing.
 * After a failure the same call is made again; nothing else may be called until it succeeds.
 * Threads: one. Errors: STORAGE_FAILED; of writer_open STORAGE_CORRUPT too. */
#ifndef BEHALF_AUDIT_WRITER_H
#define BEHALF_AUDIT_WRITER_H

#include "audit/checkpoint.h"
#include "audit/files.h"
#include "base/merkle.h"

struct writer {
    const struct audit_options *options;
    struct checkpoint_key key;
    int folder;
    int lines_fd;
    int leaves_fd;
    int roots_fd;
    int checkpoints_fd;
    struct merkle_frontier tree;    /* its size is the next seq */
    struct merkle_frontier subtree; /* of the segment alone */
    uint8_t previous[DIGEST_SIZE];
    uint64_t segment; /* of the next record, or the full one that is not finished */
    uint64_t synced;
    struct buffer lines; /* since the last sync */
    struct buffer leaves;
    size_t lines_written; /* of them */
    size_t leaves_written;
    uint64_t lines_at; /* where they begin in their files */
    uint64_t leaves_at;
    uint64_t signed_size; /* of the newest checkpoint */
    uint64_t checkpoints_end;
    struct buffer newest; /* the newest note; empty = none was made */
};

/* What opening found, for the line that says so. */
struct writer_found {
    bool recovered;
    uint64_t cut_bytes;  /* of a torn end */
    uint64_t cut_leaves; /* hashes without a line */
};

enum status writer_open(const struct audit_options *options, struct writer *writer,
                        struct writer_found *found, struct error *error) BEHALF_MUST_USE;
void writer_close(struct writer *writer); /* after a failed writer_open too */

/* Whether a record may be added now: else writer_commit comes first. */
bool writer_has_room(const struct writer *writer);
void writer_add(struct writer *writer, int64_t ts_ns, struct slice fields);
/* Writes without a sync. */
enum status writer_write(struct writer *writer, struct error *error) BEHALF_MUST_USE;
/* Writes and syncs what was added, and finishes a segment that is full. */
enum status writer_commit(struct writer *writer, struct error *error) BEHALF_MUST_USE;
/* Signs what is synced, when that is news. Everything was committed. */
enum status writer_sign(struct writer *writer, struct error *error) BEHALF_MUST_USE;
/* Drops the segments that are too old. The one before the last stays: its last leaf is the `prev`
 * of the next line. */
enum status writer_retain(struct writer *writer, int64_t now_ns,
                          struct error *error) BEHALF_MUST_USE;

/* recover.c: brings the files into a state that fits, and fills the writer. */
enum status recover(struct writer *writer, struct writer_found *found,
                    struct error *error) BEHALF_MUST_USE;
/* Opens the two files of `segment`. */
enum status writer_open_segment(struct writer *writer, struct error *error) BEHALF_MUST_USE;

#endif
