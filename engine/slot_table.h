/* slot_table.h - the bucket array under the engine's two caches: 64-bit keys to tagged words.
 *
 * When chosen: for the graph cache and the name cache, which both need eviction by second chance
 * (CLOCK), and removal without gravestones. The keys of one request or schema are in base/table.h.
 * Always true: open addressing with linear probing; at most three quarters full; a slot whose value
 * is 0 is free; no gap lies between a slot and the place where its key hashes to. Equal keys may
 * stand several times, where the holder tells them apart by what the value points to.
 *
 * A value is  | payload or pointer 61 | used 1 | kind 2 |, never 0. The kinds are the holder's; the
 * used bit is set by the holder on a hit and taken away by the sweep.
 * Threads: none of its own; the holder's lock guards a table.
 * Memory: one block, which grows by doubling up to the holder's bound and never shrinks. */
#ifndef BEHALF_ENGINE_SLOT_TABLE_H
#define BEHALF_ENGINE_SLOT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/digest.h"

#define SLOT_KIND_MASK UINT64_C(3)
#define SLOT_USED UINT64_C(4)
#define SLOT_PAYLOAD_SHIFT 3

struct slot {
    uint64_t key;
    uint64_t value;
};

struct slot_table {
    struct slot *slots; /* NULL before the first key */
    uint32_t mask;      /* slot count - 1; a power of two */
    uint32_t count;
    uint32_t hand; /* where the sweep goes on */
};

/* The largest table within `bytes`, as a slot count; 0 when not even the smallest fits. */
uint32_t slot_table_count_within(size_t bytes);

void slot_table_release(struct slot_table *table); /* accepts a table of zeroes */

static inline size_t
slot_table_bytes(const struct slot_table *table)
{
    return table->slots == NULL ? 0 : ((size_t)table->mask + 1) * sizeof *table->slots;
}

/* The first slot of `key` from place `at` on, or NULL: the loop under the two functions below. */
static inline struct slot *
slot_table_probe(const struct slot_table *table, uint64_t key, uint32_t at)
{
    for (;;) {
        struct slot *slot = &table->slots[at & table->mask];

        if (slot->value == 0)
            return NULL;
        if (slot->key == key)
            return slot;
        at++;
    }
}

/* The first slot of `key`, or NULL. Good until the next add or remove. */
static inline struct slot *
slot_table_find(const struct slot_table *table, uint64_t key)
{
    if (table->slots == NULL)
        return NULL;
    return slot_table_probe(table, key, (uint32_t)digest_hash_u64(key));
}

/* The next slot of the same key, or NULL. */
static inline struct slot *
slot_table_next(const struct slot_table *table, const struct slot *slot)
{
    return slot_table_probe(table, slot->key, (uint32_t)(slot - table->slots) + 1);
}

/* Adds a slot. False, with nothing changed, when the table would have to grow beyond
 * `count_max`. */
bool slot_table_add(struct slot_table *table, uint64_t key, uint64_t value,
                    uint32_t count_max) BEHALF_MUST_USE;

/* Frees a slot and closes the gap: others may move, so every slot pointer is void after it. */
void slot_table_remove(struct slot_table *table, struct slot *slot);

/* Second chance: moves the hand over at most *steps slots, takes away used bits, and stops at a
 * slot that had none and whose kind is in the bit set `kinds` (1 << kind). NULL when there was
 * none. *steps becomes what is left. */
struct slot *slot_table_sweep(struct slot_table *table, uint32_t kinds, uint32_t *steps);

/* Slots that one hold of a lock looks at, at most. */
#define SLOT_SWEEP_STEPS UINT32_C(64)

/* A slot to be given up now, for room: the first unused one among the next SLOT_SWEEP_STEPS of the
 * hand, or the first of them when all were used; NULL when none is of these kinds. */
struct slot *slot_table_victim(struct slot_table *table, uint32_t kinds);

/* Bytes that an allocation of `size` really takes: chunks of 16 with 8 bytes of the allocator's. */
static inline size_t
slot_allocation_bytes(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;

    return chunk < 32 ? 32 : chunk;
}

#endif
