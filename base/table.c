/* table.c - growth and insertion of the 64-bit hash table. */
#include "base/table.h"

#define SMALLEST_SLOTS UINT32_C(16)
#define LARGEST_SLOTS (UINT32_C(1) << 30)

static struct table_slot *
free_slot(struct table_slot *slots, uint32_t mask, uint64_t key)
{
    uint32_t at = (uint32_t)digest_hash_u64(key) & mask;

    while (slots[at].value != TABLE_NONE) {
        BEHALF_ASSERT(slots[at].key != key);
        at = (at + 1) & mask;
    }
    return &slots[at];
}

static struct table_slot *
take_slots(struct arena *arena, uint32_t count)
{
    struct table_slot *slots = arena_take(arena, count * sizeof *slots);

    for (uint32_t i = 0; slots != NULL && i < count; i++)
        slots[i] = (struct table_slot){0, TABLE_NONE};
    return slots;
}

bool
table_init(struct table *table, struct arena *arena, uint32_t expected)
{
    uint32_t count = SMALLEST_SLOTS;

    while (count < LARGEST_SLOTS && count / 2 < expected)
        count *= 2;
    *table = (struct table){.slots = take_slots(arena, count), .mask = count - 1, .arena = arena};
    return table->slots != NULL;
}

static bool
grow(struct table *table)
{
    uint32_t count = (table->mask + 1) * 2;
    struct table_slot *slots;

    if (count > LARGEST_SLOTS)
        return false;
    slots = take_slots(table->arena, count);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i <= table->mask; i++) {
        if (table->slots[i].value != TABLE_NONE)
            *free_slot(slots, count - 1, table->slots[i].key) = table->slots[i];
    }
    table->slots = slots;
    table->mask = count - 1;
    return true;
}

bool
table_add(struct table *table, uint64_t key, uint32_t value)
{
    BEHALF_ASSERT(value != TABLE_NONE);
    if (table->count >= (table->mask + 1) / 2 && !grow(table))
        return false;
    *free_slot(table->slots, table->mask, key) = (struct table_slot){key, value};
    table->count++;
    return true;
}

void
table_set(struct table *table, uint64_t key, uint32_t value)
{
    uint32_t at = (uint32_t)digest_hash_u64(key) & table->mask;

    BEHALF_ASSERT(value != TABLE_NONE);
    while (table->slots[at].key != key || table->slots[at].value == TABLE_NONE) {
        BEHALF_ASSERT(table->slots[at].value != TABLE_NONE);
        at = (at + 1) & table->mask;
    }
    table->slots[at].value = value;
}
