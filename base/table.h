/* table.h - an open-addressing hash table from 64-bit keys to 32-bit values.
 * When chosen: for request-local and per-schema maps of ids. Byte strings are kept in an array by
 * the holder and found by their hash with an equality callback of the holder's (see name tables).
 * Always true: a full 64-bit key is compared, never its hash alone; removal does not exist; the
 * value TABLE_NONE means absent. At most half full.
 * Memory: all from the arena given at init; growth takes a new block there and leaves the old one.
 * Threads: none. */
#ifndef BEHALF_BASE_TABLE_H
#define BEHALF_BASE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/digest.h"

#define TABLE_NONE UINT32_MAX

struct table_slot {
    uint64_t key;
    uint32_t value; /* TABLE_NONE in a free slot */
};

struct table {
    struct table_slot *slots;
    uint32_t mask; /* slot count - 1; a power of two */
    uint32_t count;
    struct arena *arena;
};

/* `expected` keys fit without growth. False when the arena is spent. */
bool table_init(struct table *table, struct arena *arena, uint32_t expected) BEHALF_MUST_USE;

static inline uint32_t
table_find(const struct table *table, uint64_t key)
{
    uint32_t at = (uint32_t)digest_hash_u64(key) & table->mask;

    while (table->slots[at].value != TABLE_NONE && table->slots[at].key != key)
        at = (at + 1) & table->mask;
    return table->slots[at].value;
}

/* Adds a key that is absent (asserted). False when the arena is spent; the table is then
 * unchanged. */
bool table_add(struct table *table, uint64_t key, uint32_t value) BEHALF_MUST_USE;

/* Replaces the value of a key that is present (asserted). */
void table_set(struct table *table, uint64_t key, uint32_t value);

#endif
