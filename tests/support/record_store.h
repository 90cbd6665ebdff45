/* record_store.h - a store with numbered sessions, grants, uses and attributes, for programs that
 * test what the engine keeps of them in memory.
 * Always true: a step that fails ends the program with its message. A version of a record is told
 * apart by its value, from which all that it holds is made, and checked when it is read: a block
 * that mixes two versions ends the program too. The value 0 is: there is no record.
 * Threads: writing functions on one thread, which is the store's writer. */
#ifndef BEHALF_TESTS_RECORD_STORE_H
#define BEHALF_TESTS_RECORD_STORE_H

#include "engine/record_cache.h"

struct record_store {
    struct store *store;
    uint64_t principal; /* nodes */
    uint64_t agent;
};

/* Takes over the store, which is new. */
void record_store_open(struct record_store *record_store, struct store *store);
void record_store_close(struct record_store *record_store);

struct record_id record_store_id(uint32_t number);

struct record_value {
    enum record_kind kind;
    uint32_t number;
    uint32_t value;
};

/* One transaction, synced; its revision. Tells no cache. */
uint64_t record_store_commit(struct record_store *record_store, const struct record_value *values,
                             size_t count);
/* Tells the cache of one that was committed as `revision`. */
void record_store_tell(const struct record_store *record_store, struct record_cache *cache,
                       const struct record_value *values, size_t count, uint64_t revision,
                       uint64_t published);
/* Commits, tells the cache and trims it. */
uint64_t record_store_write(struct record_store *record_store, struct record_cache *cache,
                            enum record_kind kind, uint32_t number, uint32_t value);

/* The block of a version, as the writer has it. */
void record_store_block(const struct record_store *record_store, const struct record_value *value,
                        uint64_t revision, struct buffer *block);

/* The value by the cache, as the view sees it. */
enum status record_store_ask(struct record_cache *cache, struct graph_view *view,
                             enum record_kind kind, uint32_t number, struct arena *arena,
                             uint32_t *value, struct error *error) BEHALF_MUST_USE;
/* The value that the storage has. */
uint32_t record_store_find(const struct record_store *record_store, uint64_t revision,
                           enum record_kind kind, uint32_t number);

/* Of blocks. */
uint32_t record_store_session_value(const struct session *session, uint32_t number);
uint32_t record_store_grant_value(const struct grant *grant, uint32_t number);

#endif
