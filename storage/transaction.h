/* transaction.h - one write while it is collected; seen by transaction*.c, commit.c, replay.c and
 * verify_edges.c.
 * Always true: nothing reaches the adapter before commit. All bytes are in the arena until commit
 * or abort frees it.
 * Threads: writer only. */
#ifndef BEHALF_STORAGE_TRANSACTION_H
#define BEHALF_STORAGE_TRANSACTION_H

#include "storage/store_internal.h"

#define SLOTS_NONE UINT32_MAX

/* A hash table from bytes, which the holder keeps, to item numbers. It stores hashes only: the
 * caller compares the bytes of each candidate. */
struct transaction_slot {
    uint64_t hash;
    uint32_t item; /* item + 1; 0 in a free slot */
};

struct slots {
    struct transaction_slot *at;
    size_t size; /* a power of two; 0 before the first */
    size_t count;
};

void slots_add(struct slots *slots, uint64_t hash, uint32_t item);
/* The next item with this hash, or SLOTS_NONE. *at is the position to resume from; begin with
 * SIZE_MAX. */
uint32_t slots_next(const struct slots *slots, uint64_t hash, size_t *at);

struct transaction_name {
    uint64_t node;
    uint16_t type;
    bool fresh; /* created by this transaction */
    struct slice id;
};

struct transaction_label {
    enum label_kind kind;
    uint16_t label;
    struct slice name;
};

/* One for each store_change, with the same index. */
struct transaction_edge {
    struct slice old_value; /* superseded; empty when there was none */
    struct slice tail;      /* new; empty for a removal */
    int64_t old_expires_at;
    int64_t expires_at;
};

/* One for each store_record_change, with the same index. */
struct transaction_record {
    struct slice key;        /* encoded */
    struct slice old_value;  /* superseded; empty when there was none */
    struct slice tail;       /* new; empty for a removal */
    struct store_record old; /* points into old_value */
};

/* Keys of one keyspace that were read in one batch, ascending, and their values. An absent key is
 * an answer too. */
struct transaction_prefetched {
    struct slice *keys;
    struct kv_found *found; /* same index */
    struct slots slots;
};

struct transaction_count {
    struct edge_variant variant;
    int64_t delta;
};

struct store_transaction {
    struct store *store;
    /* The newest state, without a snapshot of the adapter: nothing is written between begin and
     * commit, and opening a snapshot takes a lock that background work holds too. */
    struct store_snapshot snapshot;
    struct arena arena;
    struct buffer value; /* scratch */
    struct buffer tail;  /* scratch */

    struct transaction_name *names;
    size_t name_count;
    size_t name_capacity;
    struct slots name_slots;
    struct slots fresh_slots; /* new nodes, by node */
    struct transaction_label *labels;
    size_t label_count;
    size_t label_capacity;
    struct slots label_slots;

    struct transaction_prefetched names_read;
    struct transaction_prefetched edges_read;

    struct edge_key *touched; /* every key put or removed, changed or not */
    size_t touched_count;
    size_t touched_capacity;
    struct slots touched_slots;
    struct store_change *changes;
    struct transaction_edge *edges;
    size_t change_count;
    size_t change_capacity;
    size_t edge_capacity;
    struct transaction_count *counts;
    size_t count_count;
    size_t count_capacity;

    struct slice *records_touched; /* encoded keys of every record put or removed */
    size_t records_touched_count;
    size_t records_touched_capacity;
    struct slots records_touched_slots;
    struct store_record_change *record_changes;
    struct transaction_record *records;
    size_t record_count;
    size_t record_change_capacity;
    size_t record_capacity;

    bool has_schema;
    bool has_request;
    bool is_sweep;
    bool is_stop; /* the order that a new incarnation begins with */
    struct slice schema;
    struct slice metadata; /* empty = none */
    struct slice caller;   /* empty = none */
    uint8_t request_key[REQUEST_DIGEST_SIZE];
    uint8_t request_digest[DIGEST_SIZE];
    int64_t sweep_time_ns;
};

/* Reads a key of KV_NAMES or KV_FORWARD, from the prefetched keys if it is among them. The value is
 * valid until the next call. */
enum status transaction_get(struct store_transaction *transaction, enum kv_keyspace keyspace,
                            struct slice key, struct kv_found *result,
                            struct error *error) BEHALF_MUST_USE;

/* Whether this transaction put or removed the edge already. */
bool transaction_touched(const struct store_transaction *transaction, const struct edge_key *key);

bool transaction_record_touched(const struct store_transaction *transaction,
                                const struct store_record_key *key);

/* A copy of the bytes that lives as long as the transaction. */
struct slice transaction_keep(struct store_transaction *transaction, struct slice bytes);

/* Adds a label or node with the number that a changelog entry gives it. STORAGE_CORRUPT when the
 * name or the number is in use. */
enum status transaction_adopt_label(struct store_transaction *transaction, enum label_kind kind,
                                    uint16_t label, struct slice name,
                                    struct error *error) BEHALF_MUST_USE;
enum status transaction_adopt_node(struct store_transaction *transaction, uint64_t node,
                                   struct slice id, struct error *error) BEHALF_MUST_USE;

/* Commits. When `entry` is not NULL, only if the changelog entry comes out as these bytes. */
enum status transaction_commit_as(struct store_transaction *transaction, int64_t time_ns,
                                  const struct slice *entry, uint64_t *revision,
                                  struct error *error) BEHALF_MUST_USE;

#endif
