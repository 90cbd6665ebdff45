/* slot_table.c - insertion, removal and the sweep of the caches' bucket array. */
#include "graph/slot_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define SMALLEST_LOG 4
#define SMALLEST_SLOTS (UINT32_C(1) << SMALLEST_LOG)
#define LARGEST_SLOTS (UINT32_C(1) << 30)

uint32_t
slot_table_count_within(size_t bytes)
{
    size_t fitting = bytes / sizeof(struct slot);
    uint32_t count = SMALLEST_SLOTS;

    if (fitting < SMALLEST_SLOTS)
        return 0;
    while (count < LARGEST_SLOTS && (size_t)count * 2 <= fitting)
        count *= 2;
    return count;
}

void
slot_table_release(struct slot_table *table)
{
    free(slot_array_slots(slot_table_array(table)));
    memset(table, 0, sizeof *table);
}

/* The key first, the value with a release: who sees the value sees its key. */
static void
fill(struct slot *slot, uint64_t key, uint64_t value)
{
    atomic_store_explicit(&slot->key, key, memory_order_release);
    atomic_store_explicit(&slot->value, value, memory_order_release);
}

static void
put(uintptr_t array, uint64_t key, uint64_t value)
{
    uint32_t at = (uint32_t)digest_hash_u64(key);

    while (slot_value(&slot_array_slots(array)[at & slot_array_mask(array)]) != 0)
        at++;
    fill(&slot_array_slots(array)[at & slot_array_mask(array)], key, value);
}

/* The old array is left as it is: who still looks at it sees a past that was true. */
static void *
grow(struct slot_table *table, unsigned log)
{
    size_t bytes = ((size_t)1 << log) * sizeof(struct slot);
    struct slot *slots = aligned_alloc(64, bytes);
    uintptr_t array = (uintptr_t)slots | log;
    size_t before = slot_table_slots(table);
    struct slot *old = slot_array_slots(slot_table_array(table));

    BEHALF_ASSERT(slots != NULL);
    memset(slots, 0, bytes);
    for (size_t at = 0; at < before; at++) {
        if (slot_value(&old[at]) != 0)
            put(array, slot_key(&old[at]), slot_value(&old[at]));
    }
    atomic_store_explicit(&table->array, array, memory_order_release);
    return old;
}

size_t
slot_table_growth(struct slot_table *table)
{
    size_t slots = slot_table_slots(table);

    if (table->count + 1 <= slots - slots / 4)
        return 0;
    return (slots == 0 ? (size_t)1 << SMALLEST_LOG : slots) * sizeof(struct slot);
}

bool
slot_table_add(struct slot_table *table, uint64_t key, uint64_t value, uint32_t count_max,
               void **replaced)
{
    uint32_t slots = (uint32_t)slot_table_slots(table);

    BEHALF_ASSERT(value != 0);
    *replaced = NULL;
    if (table->count + 1 > slots - slots / 4) {
        unsigned log =
            slots == 0 ? SMALLEST_LOG : (unsigned)(slot_table_array(table) & SLOT_ARRAY_LOG) + 1;

        if (UINT32_C(1) << log > count_max)
            return false;
        *replaced = grow(table, log);
    }
    put(slot_table_array(table), key, value);
    table->count++;
    return true;
}

/* Moves slots into the gap, one after the other, and frees the last place. */
static void
close_gap(struct slot *slots, uint32_t mask, uint32_t gap)
{
    uint32_t at = gap;

    for (;;) {
        uint32_t home;

        at = (at + 1) & mask;
        if (slot_value(&slots[at]) == 0)
            break;
        /* The slot at `at` may move into the gap unless its home lies behind the gap, for then a
         * probe from home would no longer come by. Distances are taken around the ring. */
        home = (uint32_t)digest_hash_u64(slot_key(&slots[at])) & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        fill(&slots[gap], slot_key(&slots[at]), slot_value(&slots[at]));
        gap = at;
    }
    fill(&slots[gap], 0, 0);
}

void
slot_table_remove(struct slot_table *table, struct slot *slot)
{
    uintptr_t array = slot_table_array(table);
    struct slot *slots = slot_array_slots(array);
    uint32_t sequence = atomic_load_explicit(&table->sequence, memory_order_relaxed);

    BEHALF_ASSERT(slot_value(slot) != 0);
    /* Relaxed: the slots are written with a release, so who sees one of them moved sees this. */
    atomic_store_explicit(&table->sequence, sequence + 1, memory_order_relaxed);
    close_gap(slots, slot_array_mask(array), (uint32_t)(slot - slots));
    atomic_store_explicit(&table->sequence, sequence + 2, memory_order_release);
    table->count--;
}

struct slot *
slot_table_sweep(struct slot_table *table, uint32_t kinds, uint32_t *steps)
{
    size_t slots = slot_table_slots(table);

    if (slots == 0) {
        *steps = 0;
        return NULL;
    }
    while (*steps > 0) {
        struct slot *slot = slot_table_at(table, table->hand & (slots - 1));
        uint64_t value = slot_value(slot);

        *steps -= 1;
        if (value != 0 && (kinds >> (value & SLOT_KIND_MASK) & 1) != 0) {
            /* The hand stays: when the holder removes this slot, another one moves in. */
            if ((value & SLOT_USED) == 0)
                return slot;
            slot_set_value(slot, value & ~SLOT_USED);
        }
        table->hand++;
    }
    return NULL;
}

struct slot *
slot_table_victim(struct slot_table *table, uint32_t kinds)
{
    uint32_t steps = SLOT_SWEEP_STEPS;
    struct slot *slot = slot_table_sweep(table, kinds, &steps);

    if (slot == NULL) {
        /* All were used, and are not marked so any more: back, and the first one it is. */
        table->hand -= SLOT_SWEEP_STEPS;
        steps = SLOT_SWEEP_STEPS;
        slot = slot_table_sweep(table, kinds, &steps);
    }
    return slot;
}
