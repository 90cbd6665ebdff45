/* slot_table.c - insertion, removal and the sweep of the caches' bucket array. */
#include "engine/slot_table.h"

#include "base/memory.h"

#define SMALLEST_SLOTS UINT32_C(16)
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
    memory_free(table->slots);
    *table = (struct slot_table){0};
}

static void
put(struct slot_table *table, uint64_t key, uint64_t value)
{
    uint32_t at = (uint32_t)digest_hash_u64(key) & table->mask;

    while (table->slots[at].value != 0)
        at = (at + 1) & table->mask;
    table->slots[at] = (struct slot){key, value};
    table->count++;
}

static void
grow(struct slot_table *table, uint32_t count)
{
    struct slot_table grown = {.slots = memory_new_array(count, sizeof *grown.slots),
                               .mask = count - 1};

    for (uint32_t at = 0; table->slots != NULL && at <= table->mask; at++) {
        if (table->slots[at].value != 0)
            put(&grown, table->slots[at].key, table->slots[at].value);
    }
    slot_table_release(table);
    *table = grown;
}

bool
slot_table_add(struct slot_table *table, uint64_t key, uint64_t value, uint32_t count_max)
{
    uint32_t slots = table->slots == NULL ? 0 : table->mask + 1;

    BEHALF_ASSERT(value != 0);
    if (table->count + 1 > slots - slots / 4) {
        uint32_t wanted = slots == 0 ? SMALLEST_SLOTS : slots * 2;

        if (wanted > count_max)
            return false;
        grow(table, wanted);
    }
    BEHALF_ASSERT(table->slots != NULL);
    put(table, key, value);
    return true;
}

void
slot_table_remove(struct slot_table *table, struct slot *slot)
{
    uint32_t gap = (uint32_t)(slot - table->slots);
    uint32_t at = gap;

    BEHALF_ASSERT(slot->value != 0);
    for (;;) {
        uint32_t home;

        at = (at + 1) & table->mask;
        if (table->slots[at].value == 0)
            break;
        /* The slot at `at` may move into the gap unless its home lies behind the gap, for then a
         * probe from home would no longer come by. Distances are taken around the ring. */
        home = (uint32_t)digest_hash_u64(table->slots[at].key) & table->mask;
        if (((at - home) & table->mask) < ((at - gap) & table->mask))
            continue;
        table->slots[gap] = table->slots[at];
        gap = at;
    }
    table->slots[gap] = (struct slot){0, 0};
    table->count--;
}

struct slot *
slot_table_sweep(struct slot_table *table, uint32_t kinds, uint32_t *steps)
{
    if (table->slots == NULL) {
        *steps = 0;
        return NULL;
    }
    while (*steps > 0) {
        struct slot *slot = &table->slots[table->hand & table->mask];

        *steps -= 1;
        if (slot->value != 0 && (kinds >> (slot->value & SLOT_KIND_MASK) & 1) != 0) {
            /* The hand stays: when the holder removes this slot, another one moves in. */
            if ((slot->value & SLOT_USED) == 0)
                return slot;
            slot->value &= ~SLOT_USED;
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
