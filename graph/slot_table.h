/* slot_table.h - the bucket array under the caches: 64-bit keys to tagged words.
 *
 * When chosen: for the caches of the graph, of names and of records, and for times of sessions,
 * which need lookups without a lock, eviction by second chance (CLOCK), and removal without
 * gravestones. The keys of one request or schema are in base/table.h.
 * Always true: open addressing with linear probing; at most three quarters full; a slot whose value
 * is 0 is free; no gap lies between a slot and the place where its key hashes to. Equal keys may
 * stand several times, where the holder tells them apart by what the value points to.
 *
 * A value is  | payload or pointer 60 | used 1 | kind 3 |, never 0. The kinds are the holder's; the
 * used bit is set by the holder on a hit and taken away by the sweep.
 *
 * Threads: the holder's lock guards all that changes a table. slot_table_look and
 * slot_table_prefetch need no lock. A look reads a value before its key; slots are written the
 * other way around. It can be misled by a removal alone, which moves slots: `sequence` is odd while
 * one goes on, and a look during which it changed says so. The array that a look reads may have
 * been replaced by a greater one meanwhile: it is as it was then, so that the look saw the state of
 * a moment after it began. The holder retires it (readers.h), and calls a look within a section.
 * Memory: one block, which grows by doubling up to the holder's bound and never shrinks. */
#ifndef BEHALF_GRAPH_SLOT_TABLE_H
#define BEHALF_GRAPH_SLOT_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/digest.h"

#define SLOT_KIND_MASK UINT64_C(7)
#define SLOT_USED UINT64_C(8)
#define SLOT_PAYLOAD_SHIFT 4

struct slot {
    _Atomic uint64_t key;
    _Atomic uint64_t value;
};

struct slot_table {
    /* Address of the slots, a multiple of 64, and the logarithm of their count in the bits that are
     * free so: both are read at once. 0 before the first key. */
    _Atomic uintptr_t array;
    _Atomic uint32_t sequence;
    uint32_t count;
    uint32_t hand; /* where the sweep goes on */
};

/* The largest table within `bytes`, as a slot count; 0 when not even the smallest fits. */
uint32_t slot_table_count_within(size_t bytes);

void slot_table_release(struct slot_table *table); /* accepts a table of zeroes */

#define SLOT_ARRAY_LOG UINT64_C(63)

static inline struct slot *
slot_array_slots(uintptr_t array)
{
    return (struct slot *)(array & ~(uintptr_t)SLOT_ARRAY_LOG);
}

static inline uint32_t
slot_array_mask(uintptr_t array)
{
    return (UINT32_C(1) << (array & SLOT_ARRAY_LOG)) - 1;
}

/* --- without a lock --- */

/* Finds the first slot of `key`. *value is 0 when there is none. False when slots were moved
 * meanwhile, and nothing is known. */
static inline bool
slot_table_look(struct slot_table *table, uint64_t key, struct slot **slot, uint64_t *value)
{
    /* First: where the holder has just hashed the key for its shard, that hash is taken. */
    uint32_t at = (uint32_t)digest_hash_u64(key);
    uint32_t sequence = atomic_load_explicit(&table->sequence, memory_order_acquire);
    uintptr_t array = atomic_load_explicit(&table->array, memory_order_acquire);
    uint32_t mask = slot_array_mask(array);
    uint64_t found = 0;

    if (array != 0) {
        do {
            *slot = &slot_array_slots(array)[at++ & mask];
            found = atomic_load_explicit(&(*slot)->value, memory_order_acquire);
        } while (found != 0 && atomic_load_explicit(&(*slot)->key, memory_order_acquire) != key);
    }
    *value = found;
    /* Relaxed: the loads above are acquiring, so this one comes after them, and a value that a
     * removal wrote brings the odd sequence that was written before it. */
    return (sequence & 1) == 0 &&
           atomic_load_explicit(&table->sequence, memory_order_relaxed) == sequence;
}

/* Brings the slot of `key` nearer. Outside of sections as well: an array that is freed meanwhile
 * is not read. */
static inline void
slot_table_prefetch(struct slot_table *table, uint64_t key)
{
    uint32_t at = (uint32_t)digest_hash_u64(key);
    uintptr_t array = atomic_load_explicit(&table->array, memory_order_relaxed);

    if (array != 0)
        __builtin_prefetch(slot_array_slots(array) + (at & slot_array_mask(array)));
}

/* Puts `next` in the place of a value, if the slot still has it. Only of a value that points to
 * nothing, or to the same. */
static inline void
slot_try_value(struct slot *slot, uint64_t value, uint64_t next)
{
    /* Relaxed: it says nothing of what the value points to. */
    (void)atomic_compare_exchange_strong_explicit(&slot->value, &value, next, memory_order_relaxed,
                                                  memory_order_relaxed);
}

/* Gives the slot another chance, if it still has this value. */
static inline void
slot_mark_used(struct slot *slot, uint64_t value)
{
    if ((value & SLOT_USED) == 0)
        slot_try_value(slot, value, value | SLOT_USED);
}

/* --- under the holder's lock --- */

/* Relaxed in all below: the lock orders them. */
static inline uintptr_t
slot_table_array(const struct slot_table *table)
{
    return atomic_load_explicit(&table->array, memory_order_relaxed);
}

static inline uint64_t
slot_value(const struct slot *slot)
{
    return atomic_load_explicit(&slot->value, memory_order_relaxed);
}

static inline uint64_t
slot_key(const struct slot *slot)
{
    return atomic_load_explicit(&slot->key, memory_order_relaxed);
}

/* Puts another value in the place of one; not 0. Release: with what it points to. */
static inline void
slot_set_value(struct slot *slot, uint64_t value)
{
    atomic_store_explicit(&slot->value, value, memory_order_release);
}

/* 0 before the first key. */
static inline size_t
slot_table_slots(const struct slot_table *table)
{
    uintptr_t array = slot_table_array(table);

    return array == 0 ? 0 : (size_t)slot_array_mask(array) + 1;
}

static inline size_t
slot_table_bytes(const struct slot_table *table)
{
    return slot_table_slots(table) * sizeof(struct slot);
}

/* The slot at a place, used or free, for who walks them all. */
static inline struct slot *
slot_table_at(const struct slot_table *table, size_t at)
{
    return &slot_array_slots(slot_table_array(table))[at];
}

/* The first slot of `key` from place `at` on, or NULL: the loop under the two functions below. */
static inline struct slot *
slot_table_probe(const struct slot_table *table, uint64_t key, uint32_t at)
{
    uintptr_t array = slot_table_array(table);

    for (;;) {
        struct slot *slot = &slot_array_slots(array)[at++ & slot_array_mask(array)];

        if (slot_value(slot) == 0)
            return NULL;
        if (slot_key(slot) == key)
            return slot;
    }
}

/* The first slot of `key`, or NULL. Good until the next add or remove. */
static inline struct slot *
slot_table_find(const struct slot_table *table, uint64_t key)
{
    if (slot_table_array(table) == 0)
        return NULL;
    return slot_table_probe(table, key, (uint32_t)digest_hash_u64(key));
}

/* The next slot of the same key, or NULL. */
static inline struct slot *
slot_table_next(const struct slot_table *table, const struct slot *slot)
{
    return slot_table_probe(table, slot_key(slot), (uint32_t)(slot - slot_table_at(table, 0)) + 1);
}

/* Bytes that the next added slot makes the table grow by; mostly 0. */
size_t slot_table_growth(struct slot_table *table);

/* Adds a slot. False, with nothing changed, when the table would have to grow beyond `count_max`.
 * *replaced is the array to be retired after a growth, else NULL. */
bool slot_table_add(struct slot_table *table, uint64_t key, uint64_t value, uint32_t count_max,
                    void **replaced) BEHALF_MUST_USE;

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

#endif
