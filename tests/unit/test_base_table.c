/* The hash table of 64-bit keys, against a plain array. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "base/table.h"

static struct arena arena;
static struct table table;

static void
init(void)
{
    arena_init(&arena, (size_t)64 * 1024 * 1024);
}

static void
release(void)
{
    arena_release(&arena);
}

TestSuite(base_table, .init = init, .fini = release);

Test(base_table, what_was_added_is_found_and_nothing_else)
{
    enum { KEYS = 20000 };

    cr_assert(table_init(&table, &arena, 0));
    for (uint64_t key = 0; key < KEYS; key++) {
        cr_assert_eq(table_find(&table, key * 3), TABLE_NONE);
        cr_assert(table_add(&table, key * 3, (uint32_t)key));
    }
    cr_assert_eq(table.count, KEYS);
    for (uint64_t key = 0; key < KEYS * 3; key++)
        cr_assert_eq(table_find(&table, key), key % 3 == 0 ? (uint32_t)(key / 3) : TABLE_NONE);
}

/* Keys that differ only where a poor hash would not look. */
Test(base_table, keys_of_one_pattern_stay_apart)
{
    cr_assert(table_init(&table, &arena, 0));
    for (uint32_t shift = 0; shift < 64; shift++)
        cr_assert(table_add(&table, UINT64_C(1) << shift, shift));
    cr_assert(table_add(&table, 0, 100));
    cr_assert(table_add(&table, UINT64_MAX, 101));
    for (uint32_t shift = 0; shift < 64; shift++)
        cr_assert_eq(table_find(&table, UINT64_C(1) << shift), shift);
    cr_assert_eq(table_find(&table, 0), 100);
    cr_assert_eq(table_find(&table, UINT64_MAX), 101);
    cr_assert_eq(table_find(&table, 3), TABLE_NONE);
}

Test(base_table, expected_keys_fit_without_growth)
{
    const struct table_slot *slots;

    cr_assert(table_init(&table, &arena, 1000));
    slots = table.slots;
    for (uint64_t key = 0; key < 1000; key++)
        cr_assert(table_add(&table, key, 1));
    cr_assert_eq(table.slots, slots);
}

Test(base_table, setting_replaces_one_value)
{
    cr_assert(table_init(&table, &arena, 0));
    for (uint64_t key = 0; key < 100; key++)
        cr_assert(table_add(&table, key, (uint32_t)key));
    table_set(&table, 7, 1000);
    for (uint64_t key = 0; key < 100; key++)
        cr_assert_eq(table_find(&table, key), key == 7 ? 1000 : (uint32_t)key);
}

Test(base_table, a_spent_arena_leaves_the_table_as_it_was)
{
    struct arena small;
    uint64_t added = 0;

    arena_init(&small, 16 * 1024);
    cr_assert(table_init(&table, &small, 0));
    while (added < 100000 && table_add(&table, added, (uint32_t)added))
        added++;
    cr_assert_lt(added, 100000);
    cr_assert_eq(table.count, added);
    cr_assert_not(table_add(&table, added, 1));
    for (uint64_t key = 0; key < added; key++)
        cr_assert_eq(table_find(&table, key), (uint32_t)key);
    cr_assert_eq(table_find(&table, added), TABLE_NONE);
    arena_release(&small);
}
