/* Sets of resources, against a plain array that says of each sequence what is known of it. */
#include <criterion/criterion.h>

#include "eval/resource_set.h"

#define SEQUENCES 3000

enum known { DENIED, OPEN, ALLOWED };

static struct arena arena;
static uint64_t random_state;

static void
init(void)
{
    arena_init(&arena, (size_t)64 * 1024 * 1024);
    random_state = 1;
}

static void
release(void)
{
    arena_release(&arena);
}

TestSuite(resource_set, .init = init, .fini = release);

static uint32_t
next_random(uint32_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(random_state >> 33) % below;
}

static void
add_run(struct resource_gather *gather, const uint64_t *entries, uint32_t count)
{
    while (count > 0) {
        uint32_t room;
        uint64_t *place = resource_gather_room(gather, &room);

        cr_assert_not_null(place);
        room = room < count ? room : count;
        memcpy(place, entries, room * sizeof *entries);
        resource_gather_add(gather, room);
        entries += room;
        count -= room;
    }
}

/* One that holds about one of `sparse` sequences, and what it says. */
static struct resource_set
make_set(uint32_t sparse, enum known *known)
{
    struct resource_gather gather;
    struct resource_set set;

    resource_gather_init(&gather, &arena, 0, 0);
    for (uint64_t sequence = 0; sequence < SEQUENCES; sequence++) {
        uint64_t entry = RESOURCE_ENTRY(sequence, next_random(2) == 0);

        known[sequence] = DENIED;
        if (next_random(sparse) > 0)
            continue;
        known[sequence] = RESOURCE_OPEN(entry) ? OPEN : ALLOWED;
        add_run(&gather, &entry, 1);
    }
    cr_assert(resource_gather_end(&gather, &set));
    return set;
}

static void
assert_says(struct resource_set set, const enum known *known)
{
    uint32_t at = 0;

    for (uint64_t sequence = 0; sequence < SEQUENCES; sequence++) {
        cr_assert_eq(resource_set_lower_bound(set, sequence), at);
        if (known[sequence] != DENIED)
            cr_assert_eq(set.entries[at++], RESOURCE_ENTRY(sequence, known[sequence] == OPEN));
    }
    cr_assert_eq(set.count, at);
}

static void
assert_operations(uint32_t sparse_a, uint32_t sparse_b)
{
    enum known in_a[SEQUENCES];
    enum known in_b[SEQUENCES];
    enum known either[SEQUENCES];
    enum known both[SEQUENCES];
    enum known less[SEQUENCES];
    struct resource_set a = make_set(sparse_a, in_a);
    struct resource_set b = make_set(sparse_b, in_b);
    struct resource_set result;

    for (size_t i = 0; i < SEQUENCES; i++) {
        enum known not_in_b = in_b[i] == DENIED ? ALLOWED : in_b[i] == OPEN ? OPEN : DENIED;

        either[i] = in_a[i] > in_b[i] ? in_a[i] : in_b[i];
        both[i] = in_a[i] < in_b[i] ? in_a[i] : in_b[i];
        less[i] = in_a[i] < not_in_b ? in_a[i] : not_in_b;
    }
    cr_assert(resource_set_union(&arena, a, b, &result));
    assert_says(result, either);
    cr_assert(resource_set_intersection(&arena, a, b, &result));
    assert_says(result, both);
    cr_assert(resource_set_difference(&arena, a, b, &result));
    assert_says(result, less);
}

Test(resource_set, operations_say_what_the_tables_of_operators_say)
{
    static const uint32_t sparse[] = {1, 2, 10, 700, SEQUENCES * 100};

    for (size_t a = 0; a < BEHALF_COUNT_OF(sparse); a++)
        for (size_t b = 0; b < BEHALF_COUNT_OF(sparse); b++)
            assert_operations(sparse[a], sparse[b]);
}

Test(resource_set, opened_holds_the_same_and_nothing_for_certain)
{
    enum known known[SEQUENCES];
    struct resource_set set = make_set(3, known);
    struct resource_set opened;

    for (size_t i = 0; i < SEQUENCES; i++)
        known[i] = known[i] == DENIED ? DENIED : OPEN;
    cr_assert(resource_set_opened(&arena, set, &opened));
    assert_says(opened, known);
}

Test(resource_set, runs_in_order_are_kept_as_they_are)
{
    struct resource_gather gather;
    struct resource_set set;
    uint64_t entries[SEQUENCES];

    resource_gather_init(&gather, &arena, 0, 0);
    for (uint64_t i = 0; i < SEQUENCES; i++)
        entries[i] = RESOURCE_ENTRY(i << 30, i % 2);
    add_run(&gather, entries, SEQUENCES);
    cr_assert(!gather.disordered);
    cr_assert(resource_gather_end(&gather, &set));
    cr_assert_eq(set.count, SEQUENCES);
    cr_assert_arr_eq(set.entries, entries, sizeof entries);
}

/* Sequences far apart and next to one another, so that every digit of the sorting counts. */
Test(resource_set, runs_in_any_order_end_in_order)
{
    for (unsigned spread = 0; spread <= 35; spread += 5) {
        for (uint32_t runs = 1; runs < 3000; runs = runs * 2 + 1) {
            struct resource_gather gather;
            enum known known[SEQUENCES] = {DENIED};
            struct resource_set set;
            uint32_t count = 0;

            arena_reset(&arena, (size_t)64 * 1024 * 1024);
            resource_gather_init(&gather, &arena, 0, 0);
            for (uint32_t run = 0; run < runs; run++) {
                uint64_t entries[3];
                uint32_t size = 0;

                for (uint32_t i = 0; i < 3; i++) {
                    uint32_t at = i * (SEQUENCES / 3) + next_random(SEQUENCES / 3);
                    bool open = next_random(2) == 0;

                    entries[size++] = RESOURCE_ENTRY((uint64_t)at << spread, open);
                    known[at] = open && known[at] == DENIED ? OPEN : open ? known[at] : ALLOWED;
                }
                add_run(&gather, entries, size);
            }
            cr_assert(resource_gather_end(&gather, &set));
            for (uint64_t i = 0; i < SEQUENCES; i++)
                if (known[i] != DENIED)
                    cr_assert_eq(set.entries[count++],
                                 RESOURCE_ENTRY(i << spread, known[i] == OPEN));
            cr_assert_eq(set.count, count);
        }
    }
}

Test(resource_set, the_same_resources_over_and_over_take_no_more_memory)
{
    struct resource_gather gather;
    uint64_t entries[100];
    struct resource_set set;

    arena_reset(&arena, 64 * 1024);
    resource_gather_init(&gather, &arena, 0, 0);
    for (uint64_t i = 0; i < 100; i++)
        entries[i] = RESOURCE_ENTRY(i, true);
    for (size_t run = 0; run < 10000; run++)
        add_run(&gather, entries, 100);
    cr_assert(resource_gather_end(&gather, &set));
    cr_assert_eq(set.count, 100);
    cr_assert_arr_eq(set.entries, entries, sizeof entries);
}

/* Runs of every third sequence and of all of them, the greater ones first or last: the window ends
 * at some sequence, and has everything up to it. */
Test(resource_set, a_window_holds_the_least_of_all_and_says_how_far)
{
    for (uint32_t window = 1; window < 200; window = window * 2 + 1) {
        for (unsigned order = 0; order < 4; order++) {
            const uint64_t after = 1000;
            struct resource_gather gather;
            struct resource_set set;

            resource_gather_init(&gather, &arena, after, window);
            for (uint64_t run = 0; run < 20; run++) {
                uint64_t begin = after + 1 + (order % 2 == 0 ? run : 19 - run) * 100;
                uint64_t step = order < 2 ? 1 : 3;

                for (uint64_t sequence = begin; sequence < begin + 100; sequence += step) {
                    uint64_t entry = RESOURCE_ENTRY(sequence, false);

                    if (sequence <= gather.to)
                        add_run(&gather, &entry, 1);
                }
                cr_assert_leq(gather.size, 16 + 4 * window);
            }
            cr_assert(resource_gather_end(&gather, &set));
            cr_assert_geq(set.count, window);
            cr_assert_eq(gather.to, RESOURCE_SEQUENCE(set.entries[set.count - 1]));
            for (uint32_t i = 0; i < set.count; i++)
                cr_assert_eq(RESOURCE_SEQUENCE(set.entries[i]),
                             after + 1 + (order < 2 ? i : i / 34 * 100 + i % 34 * 3));
        }
    }
}

Test(resource_set, a_wide_window_holds_everything)
{
    struct resource_gather gather;
    struct resource_set set;
    uint64_t entry = RESOURCE_ENTRY(7, true);

    resource_gather_init(&gather, &arena, 0, 2);
    add_run(&gather, &entry, 1);
    cr_assert(resource_gather_end(&gather, &set));
    cr_assert_eq(gather.to, RESOURCE_END);
    cr_assert_eq(set.count, 1);
}

Test(resource_set, spent_memory_is_said)
{
    const struct resource_set none = {NULL, 0};
    struct resource_gather gather;
    struct resource_set set;
    uint32_t room;

    arena_reset(&arena, 0);
    resource_gather_init(&gather, &arena, 0, 0);
    cr_assert_null(resource_gather_room(&gather, &room));
    cr_assert(!resource_set_union(&arena, none, none, &set));
    cr_assert(!resource_set_intersection(&arena, none, none, &set));
    cr_assert(!resource_set_difference(&arena, none, none, &set));
    cr_assert(!resource_set_opened(&arena, none, &set));
}
