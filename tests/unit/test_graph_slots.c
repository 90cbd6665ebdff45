/* The bucket array of the caches against a plain list, and the edge sets' searches. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/memory.h"
#include "graph/edge_set.h"
#include "graph/slot_table.h"

#define VALUE(number) ((uint64_t)(number) << SLOT_PAYLOAD_SHIFT)

/* A generator of its own, so that a failure repeats. */
static uint64_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static size_t
count_of_key(const struct slot_table *table, uint64_t key)
{
    struct slot *slot = slot_table_find(table, key);
    size_t count = 0;

    while (slot != NULL) {
        count++;
        slot = slot_table_next(table, slot);
    }
    return count;
}

Test(graph_slots, random_steps_match_a_plain_list)
{
    enum { KEYS = 40, STEPS = 20000, MOST = 64 };
    size_t counts[KEYS] = {0};
    struct slot_table table = {0};
    uint64_t state = 7;
    uint32_t total = 0;
    void *replaced;

    for (uint32_t step = 0; step < STEPS; step++) {
        uint64_t key = next_random(&state) % KEYS;

        if (next_random(&state) % 2 == 0) {
            bool added = slot_table_add(&table, key, VALUE(1), MOST, &replaced);

            free(replaced);
            cr_assert_eq(added, total < MOST - MOST / 4);
            counts[key] += added;
            total += added;
        } else if (counts[key] > 0) {
            slot_table_remove(&table, slot_table_find(&table, key));
            counts[key]--;
            total--;
        }
        cr_assert_eq(table.count, total);
        for (uint64_t at = 0; at < KEYS; at++)
            cr_assert_eq(count_of_key(&table, at), counts[at], "key %lu, step %u",
                         (unsigned long)at, step);
    }
    slot_table_release(&table);
}

Test(graph_slots, the_sweep_gives_a_second_chance)
{
    struct slot_table table = {0};
    uint32_t steps = 16;
    struct slot *slot;
    void *replaced;

    cr_assert(slot_table_add(&table, 1, VALUE(1) | SLOT_USED, 16, &replaced));
    cr_assert_null(replaced);
    cr_assert_null(slot_table_sweep(&table, 1, &steps));
    cr_assert_eq(steps, 0);
    steps = 16;
    slot = slot_table_sweep(&table, 1, &steps);
    cr_assert_not_null(slot);
    cr_assert_eq(slot_key(slot), 1);
    steps = 16;
    cr_assert_null(slot_table_sweep(&table, 2, &steps));
    slot_table_release(&table);
}

Test(graph_slots, a_victim_is_found_although_all_are_used)
{
    struct slot_table table = {0};
    void *replaced;

    cr_assert_null(slot_table_victim(&table, 1));
    for (uint64_t key = 0; key < 12; key++)
        cr_assert(slot_table_add(&table, key, VALUE(1) | SLOT_USED, 16, &replaced));
    cr_assert_not_null(slot_table_victim(&table, 1));
    cr_assert_null(slot_table_victim(&table, 2));
    slot_table_release(&table);
}

/* What a reader sees without the lock is what the holder sees, as long as nothing moves. */
Test(graph_slots, a_look_finds_what_is_there_and_notices_a_removal)
{
    enum { KEYS = 40 };
    struct slot_table table = {0};
    struct slot *slot = NULL;
    uint64_t value = 7;
    void *replaced;

    cr_assert(slot_table_look(&table, 1, &slot, &value));
    cr_assert_eq(value, 0);
    for (uint64_t key = 0; key < KEYS; key++) {
        cr_assert(slot_table_add(&table, key, VALUE(key + 1), 64, &replaced));
        free(replaced);
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        cr_assert(slot_table_look(&table, key, &slot, &value));
        cr_assert_eq(value, VALUE(key + 1));
        cr_assert_eq(slot_key(slot), key);
    }
    slot_table_remove(&table, slot_table_find(&table, 3));
    cr_assert(slot_table_look(&table, 3, &slot, &value));
    cr_assert_eq(value, 0);
    atomic_fetch_add(&table.sequence, 1); /* as within a removal */
    cr_assert_not(slot_table_look(&table, 4, &slot, &value));
    slot_table_release(&table);
}

Test(graph_slots, a_slot_is_marked_only_with_the_value_that_was_seen)
{
    struct slot_table table = {0};
    struct slot *slot;
    void *replaced;

    cr_assert(slot_table_add(&table, 1, VALUE(1), 16, &replaced));
    slot = slot_table_find(&table, 1);
    slot_mark_used(slot, VALUE(2));
    cr_assert_eq(slot_value(slot), VALUE(1));
    slot_mark_used(slot, VALUE(1));
    cr_assert_eq(slot_value(slot), VALUE(1) | SLOT_USED);
    slot_table_release(&table);
}

Test(graph_slots, sizes_within_bytes)
{
    cr_assert_eq(slot_table_count_within(255), 0);
    cr_assert_eq(slot_table_count_within(256), 16);
    cr_assert_eq(slot_table_count_within(511), 16);
    cr_assert_eq(slot_table_count_within(512), 32);
}

Test(graph_slots, lower_bound_of_every_run)
{
    uint64_t nodes[40];

    for (size_t count = 0; count < BEHALF_COUNT_OF(nodes); count++) {
        struct edge_run run = {nodes, count};

        nodes[count] = 0;
        for (size_t at = 0; at < count; at++)
            nodes[at] = 10 + 2 * at;
        for (uint64_t node = 5; node < 100; node++) {
            size_t expected = 0;

            while (expected < count && nodes[expected] < node)
                expected++;
            cr_assert_eq(edge_run_lower_bound(run, node), expected);
        }
        cr_assert_eq(edge_run_lower_bound(run, UINT64_MAX), count);
        cr_assert_eq(edge_run_lower_bound(run, 0), 0);
    }
}

/* Directories on both sides of the length up to which they are walked. */
Test(graph_slots, groups_are_found_in_short_and_long_directories)
{
    for (uint32_t groups = 1; groups < 20; groups++) {
        size_t size = sizeof(struct edge_set) + groups * (sizeof(struct edge_group) + 8);
        struct edge_set *set = memory_new(size);
        uint64_t *nodes = memory_new_array(groups, sizeof *nodes);
        const char *reason;

        set->group_count = groups;
        for (uint32_t at = 0; at < groups; at++) {
            set->groups[at] = (struct edge_group){2 * at + 1, at + 1};
            nodes[at] = 100 + at;
        }
        memcpy(set->groups + groups, nodes, groups * sizeof *nodes);
        cr_assert(edge_set_validate(set, &reason), "%s", reason);
        cr_assert_eq(edge_block_bytes(set), size);
        for (uint32_t key = 0; key <= 2 * groups; key++) {
            struct edge_run run = edge_set_run(set, key);

            cr_assert_eq(run.count, key % 2);
            cr_assert(run.count == 0 || run.nodes[0] == 100 + key / 2);
            cr_assert_eq(edge_set_contains(set, key, 100 + key / 2), key % 2 == 1);
        }
        memory_free(nodes);
        memory_free(set);
    }
}
