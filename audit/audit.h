/* audit.h - CONTRACT of the audit floor: a log that can be added to, and not changed unseen.
 *
 * Record n is one line of JSON in RFC 8785 form. The lines are the leaves of the Merkle tree of
 * RFC 6962 section 2.1: a leaf is SHA-256(0x00, line without its newline), a node SHA-256(0x01,
 * left, right). Files in the log's folder, all 0600:
 *
 *   NNNNNNNNNNNN.jsonl    lines of segment N, AUDIT_SEGMENT_RECORDS of them: a perfect subtree
 *   NNNNNNNNNNNN.leaves   32 bytes a line
 *   roots                 32 bytes a full segment
 *   checkpoints           every checkpoint that was signed: C2SP tlog-checkpoint in a signed note
 *   key, key.pub          Ed25519; key.pub is the verifier key of the signed note, as text
 *   note                  what the owner keeps beside the log (audit_keep_note)
 *
 * Always true: `seq` counts from 0 without a gap; `prev` of a line is the leaf hash of the line
 * before, 64 zeros in the first. No checkpoint is ever signed that is inconsistent with an older
 * one: opening recomputes the last segment, cuts a torn last line (and says so in a line
 * `log.recovered`), and refuses when the newest checkpoint does not fit. A checkpoint is made every
 * ten seconds with news, at a segment's end and at close. Retention drops whole segments, the
 * oldest first, never `roots` and `checkpoints`.
 *
 * Knows nothing of Behalf but for the names of the fields that it writes itself: `v`, `seq`, `ts`,
 * `prev`, and `event` of its own lines (log.opened, log.recovered). No floor but base/.
 * Threads: a log has one thread, which makes and hashes the lines and writes them; audit_put may be
 * called on any thread and never waits for the disk. A reader belongs to one thread, needs no log
 * and no lock: it reads files.
 * Errors: AUDIT_UNAVAILABLE, STORAGE_CORRUPT (the files do not fit each other), STORAGE_FAILED. */
#ifndef BEHALF_AUDIT_AUDIT_H
#define BEHALF_AUDIT_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/env.h"
#include "base/error.h"
#include "base/merkle.h"
#include "base/slice.h"

struct audit;
struct audit_reader;

#define AUDIT_SEGMENT_RECORDS UINT64_C(65536)
#define AUDIT_QUEUE_RECORDS 65536
#define AUDIT_QUEUE_BYTES ((size_t)64 * 1024 * 1024)
#define AUDIT_LINE_SIZE_MAX ((size_t)256 * 1024) /* of what is put, as canonical bytes */
#define AUDIT_NOTE_SIZE_MAX ((size_t)4096)

struct audit_options {
    const char *directory; /* made where it is missing */
    struct slice origin;   /* of the checkpoints, kept from when the log is made: one line of text
                               without blanks and '+' */
    const struct env *env; /* borrowed */
    int64_t keep_ns;       /* of whole segments, by the time of their last line; 0 = for ever */
};

/* STORAGE_CORRUPT: the newest checkpoint does not fit the files; nothing was changed. */
enum status audit_open(const struct audit_options *options, struct audit **audit,
                       struct error *error) BEHALF_MUST_USE;
/* Writes what is queued, signs a last checkpoint, joins the thread. */
void audit_close(struct audit *audit); /* accepts NULL */

/* --- adding --- */

/* What an entry may take of the queue. */
enum audit_place {
    AUDIT_PLACE_DECISION, /* all of it: what is not recorded is not answered */
    AUDIT_PLACE_CHANGE,   /* all but the last eighth: it is put again later */
    AUDIT_PLACE_APPENDED, /* three quarters: what others report leaves room for changes */
    AUDIT_PLACE_SAMPLE,   /* half; what finds no room is counted and dropped */
    AUDIT_PLACE_STRANGER, /* the same: who has no key must not fill the log */
};

/* Who waits until a line is on the disk. The caller's storage, until `done`. */
struct audit_waiter {
    /* On the log's thread; must not block. Not BEHALF_OK: the line may not be on the disk, or is
     * not. */
    void (*done)(struct audit_waiter *waiter, enum status status);
    struct audit_waiter *next; /* the log's */
};

/* Adds one record: `fields` are the canonical bytes (base/datum.h) of a map with `event` and
 * without the fields that the log writes; integers lie within 2^53, there are no doubles and no
 * null. `ts_ns` is its time (nanoseconds since 1970). The bytes are copied. Records of one thread
 * stand in its order. `waiter` NULL: nobody waits, the line is on the disk within a second.
 * AUDIT_UNAVAILABLE: there is no room, or the log cannot be written; MALFORMED_REQUEST: they are no
 * such map, or larger than AUDIT_LINE_SIZE_MAX. Then `done` is not called. */
enum status audit_put(struct audit *audit, enum audit_place place, int64_t ts_ns,
                      struct slice fields, struct audit_waiter *waiter,
                      struct error *error) BEHALF_MUST_USE;
/* Whether audit_put would find room now: asked before work is done for it. */
bool audit_has_room(const struct audit *audit, enum audit_place place);
/* Whether the log's thread has fallen behind: a quarter of the queue waits. */
bool audit_is_behind(const struct audit *audit);
/* Waits while it is, as long as the log can be written, and at most so long. */
void audit_await_room(const struct audit *audit, int64_t most_ns);
/* Waits until all that was put before is on the disk. */
enum status audit_flush(struct audit *audit, struct error *error) BEHALF_MUST_USE;

/* A few bytes that the owner keeps beside the log, replaced as a whole and durably: how far it has
 * followed something else. Not part of what is signed; of one thread. *found is false when there
 * are none. MALFORMED_REQUEST: more than AUDIT_NOTE_SIZE_MAX. */
enum status audit_keep_note(struct audit *audit, struct slice bytes,
                            struct error *error) BEHALF_MUST_USE;
enum status audit_read_note(struct audit *audit, struct buffer *bytes, bool *found,
                            struct error *error) BEHALF_MUST_USE;

/* The newest checkpoint, after one was made of all lines that are on the disk. Waits for the log's
 * thread. */
enum status audit_checkpoint(struct audit *audit, struct buffer *note,
                             struct error *error) BEHALF_MUST_USE;

struct audit_stats {
    uint64_t size;    /* records on the disk */
    uint64_t queued;  /* records in memory */
    uint64_t dropped; /* samples and strangers that found no room */
    uint64_t refused; /* that were AUDIT_UNAVAILABLE */
    uint64_t syncs;
    bool writable;
};

void audit_stats_read(const struct audit *audit, struct audit_stats *stats); /* any thread */

/* --- reading --- */

/* Of a log that is being written, or of a copy of its folder. NOT there: STORAGE_FAILED. */
enum status audit_reader_open(const char *directory, struct audit_reader **reader,
                              struct error *error) BEHALF_MUST_USE;
void audit_reader_close(struct audit_reader *reader); /* accepts NULL */

/* The first record that was not dropped, and one more than the last whole line. */
enum status audit_reader_bounds(struct audit_reader *reader, uint64_t *first, uint64_t *size,
                                struct error *error) BEHALF_MUST_USE;
/* Goes to a record, which must lie within the bounds or at the end. */
enum status audit_reader_seek(struct audit_reader *reader, uint64_t seq,
                              struct error *error) BEHALF_MUST_USE;
/* The first record whose segment may hold times from `ts_ns` on, give or take a second. */
enum status audit_reader_find(struct audit_reader *reader, int64_t ts_ns, uint64_t *seq,
                              struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with the next line, without its newline, valid until the next call; or BEHALF_DONE. */
enum status audit_reader_next(struct audit_reader *reader, uint64_t *seq, struct slice *line,
                              struct error *error) BEHALF_MUST_USE;

/* Inclusion of a record in the tree of the first `size` (RFC 6962 2.1.1), and consistency of the
 * trees of `from` and `size` (2.1.2). MALFORMED_REQUEST for numbers that are none of this log.
 * Records that were dropped have no inclusion proof: STORAGE_FAILED says so. */
enum status audit_prove_inclusion(struct audit_reader *reader, uint64_t seq, uint64_t size,
                                  struct merkle_proof *proof, struct error *error) BEHALF_MUST_USE;
enum status audit_prove_consistency(struct audit_reader *reader, uint64_t from, uint64_t size,
                                    struct merkle_proof *proof,
                                    struct error *error) BEHALF_MUST_USE;

/* What a checkpoint says, for who keeps one and checks a proof by it (base/merkle.h). */
struct audit_note {
    struct slice origin; /* in the text of the note */
    uint64_t size;
    uint8_t root[DIGEST_SIZE];
};

/* `key`: the verifier key, as text, that must have signed it; empty = nobody's signature is looked
 * at. MALFORMED_REQUEST says why it is none, or not signed by that key. */
enum status audit_note_read(struct slice note, struct slice key, struct audit_note *read,
                            struct error *error) BEHALF_MUST_USE;

/* --- verifying --- */

struct audit_verification {
    uint64_t records;        /* that were read */
    uint64_t segments;       /* with what is left of them */
    uint64_t signed_records; /* of the newest checkpoint */
    bool ok;
    uint64_t wrong_seq;    /* of the first that is wrong; when `ok` is false */
    uint64_t wrong_offset; /* in its file */
    char wrong_file[64];
    char wrong[192]; /* what, for a reader */
};

struct audit_progress {
    /* From time to time, every few thousand records; false ends the verification with DEADLINE. */
    bool (*go_on)(void *context, uint64_t records, uint64_t of);
    void *context;
};

/* Reads everything: lines against `seq`, `prev` and .leaves, these against `roots` and every
 * checkpoint, their signatures against the key. `key` is a verifier key as text; empty = key.pub of
 * the folder. `checkpoint` is a signed note that the log must be consistent with; empty = none
 * beside its own. What lies after the newest checkpoint is checked against `prev` and .leaves only.
 * BEHALF_OK with what was found, whatever it is; an error where it could not be read. */
enum status audit_verify(const char *directory, struct slice key, struct slice checkpoint,
                         const struct audit_progress *progress,
                         struct audit_verification *verification,
                         struct error *error) BEHALF_MUST_USE;

#endif
