/* changelog.h - the bytes of one transaction in the changelog.
 *
 *   entry   version(1) = 1, revision(8), time(8), chain hash of the revision before(32), records
 *   record  kind(1), then
 *     1 label     label kind(1) label(2) size(2) name       names come before their first use
 *     2 node      node(8) size(2) id
 *     3 put       forward key(20) size(4) edge tail (keys.h)
 *     4 remove    forward key(20)
 *     5 schema    size(4) text
 *     6 metadata  size(4) bytes
 *     7 request   digest of the idempotency key(16) request digest(32)
 *     8 sweep     time(8)
 *     9 record put     kind(1) size(1) id size(4) record tail (keys.h)
 *    10 record remove  kind(1) size(1) id
 *    11 caller         size(1) name of the key that the write came with
 *
 * Always true: an entry is self-contained, so replaying all entries rebuilds every family but those
 * that belong to a store alone. Its records are ordered by kind (puts and removes mixed, of edges
 * and of records, in the order of the transaction), kinds 5 to 8 and 11 at most once. A sweep
 * record says that no request asked for this transaction: it only removed edges that had expired,
 * and records that had ended, at its time. The chain is h_n = SHA-256(h_(n-1), entry n) with 32
 * zero bytes for h_0: an entry cannot be changed, dropped or inserted without changing the head
 * record.
 * Memory: decoded slices point into the entry. Threads: pure functions.
 * Errors: STORAGE_CORRUPT for bytes that no encoder makes. */
#ifndef BEHALF_STORAGE_CHANGELOG_H
#define BEHALF_STORAGE_CHANGELOG_H

#include "storage/keys.h"

#define CHANGELOG_HEADER_SIZE (1 + 8 + 8 + DIGEST_SIZE)

enum changelog_kind {
    CHANGELOG_LABEL = 1,
    CHANGELOG_NODE,
    CHANGELOG_PUT,
    CHANGELOG_REMOVE,
    CHANGELOG_SCHEMA,
    CHANGELOG_METADATA,
    CHANGELOG_REQUEST,
    CHANGELOG_SWEEP,
    CHANGELOG_RECORD_PUT,
    CHANGELOG_RECORD_REMOVE,
    CHANGELOG_CALLER
};

struct changelog_header {
    uint64_t revision;
    int64_t time_ns;
    uint8_t previous[DIGEST_SIZE];
};

struct changelog_record {
    enum changelog_kind kind;
    enum label_kind label_kind;  /* label */
    uint16_t label;              /* label */
    uint64_t node;               /* node */
    struct edge edge;            /* put (all but created_revision), remove (key only) */
    struct store_record record;  /* record put (all but created_revision), remove (key only) */
    struct slice bytes;          /* name, id, text, metadata, digest of the idempotency key, tail
                                    of a record put, or caller */
    uint8_t digest[DIGEST_SIZE]; /* request */
    int64_t time_ns;             /* sweep */
};

/* Reads an entry from its start. */
struct changelog_reader {
    struct slice rest;
    enum changelog_kind last; /* of the previous record */
};

void changelog_begin(struct buffer *entry, const struct changelog_header *header);
void changelog_add_label(struct buffer *entry, enum label_kind kind, uint16_t label,
                         struct slice name);
void changelog_add_node(struct buffer *entry, uint64_t node, struct slice id);
void changelog_add_put(struct buffer *entry, const struct edge_key *key, struct slice tail);
void changelog_add_remove(struct buffer *entry, const struct edge_key *key);
void changelog_add_schema(struct buffer *entry, struct slice text);
void changelog_add_metadata(struct buffer *entry, struct slice metadata);
void changelog_add_request(struct buffer *entry, const uint8_t key[REQUEST_DIGEST_SIZE],
                           const uint8_t digest[DIGEST_SIZE]);
void changelog_add_sweep(struct buffer *entry, int64_t time_ns);
void changelog_add_record_put(struct buffer *entry, const struct store_record_key *key,
                              struct slice tail);
void changelog_add_record_remove(struct buffer *entry, const struct store_record_key *key);
void changelog_add_caller(struct buffer *entry, struct slice caller);

enum status changelog_open(struct slice entry, struct changelog_reader *reader,
                           struct changelog_header *header, struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with a record, or BEHALF_DONE. */
enum status changelog_next(struct changelog_reader *reader, struct changelog_record *record,
                           struct error *error) BEHALF_MUST_USE;

/* The next link of the chain. `next` may be `previous`. */
void changelog_chain(const uint8_t previous[DIGEST_SIZE], struct slice entry,
                     uint8_t next[DIGEST_SIZE]);

#endif
