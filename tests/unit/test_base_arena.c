/* Request memory: aligned, capped, and empty again after a reset. */
#include <criterion/criterion.h>

#include <stdint.h>
#include <string.h>

#include "base/arena.h"

#define CAP ((size_t)1024 * 1024)

static struct arena arena;

static void
release(void)
{
    arena_release(&arena);
}

TestSuite(base_arena, .fini = release);

Test(base_arena, blocks_are_aligned_and_do_not_overlap)
{
    char *blocks[200];

    arena_init(&arena, CAP);
    for (size_t at = 0; at < BEHALF_COUNT_OF(blocks); at++) {
        blocks[at] = arena_take(&arena, at + 1);
        cr_assert_not_null(blocks[at]);
        cr_assert_eq((uintptr_t)blocks[at] % 16, 0);
        memset(blocks[at], (int)at, at + 1);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(blocks); at++) {
        for (size_t byte = 0; byte <= at; byte++)
            cr_assert_eq((unsigned char)blocks[at][byte], at);
    }
}

Test(base_arena, the_cap_holds_and_is_said_by_null)
{
    size_t taken = 0;

    arena_init(&arena, 100000);
    while (arena_take(&arena, 1000) != NULL)
        taken += 1000;
    cr_assert_geq(taken, 90000);
    cr_assert_null(arena_take(&arena, CAP));
}

Test(base_arena, a_block_above_the_cap_is_refused_and_smaller_ones_still_fit)
{
    arena_init(&arena, 50000);
    cr_assert_null(arena_take(&arena, 50001));
    cr_assert_not_null(arena_take(&arena, 40000));
    cr_assert_null(arena_take(&arena, 40000));
    cr_assert_not_null(arena_take(&arena, 100));
}

Test(base_arena, sizes_that_overflow_are_refused)
{
    arena_init(&arena, SIZE_MAX);
    cr_assert_null(arena_take(&arena, SIZE_MAX));
    cr_assert_null(arena_take(&arena, SIZE_MAX - 8));
    cr_assert_null(arena_take_array(&arena, SIZE_MAX / 2, 3));
    cr_assert_null(arena_copy(&arena, (struct slice){"", SIZE_MAX}).data);
}

Test(base_arena, arrays_are_zeroed_also_in_used_memory)
{
    unsigned char *bytes;

    arena_init(&arena, CAP);
    bytes = arena_take(&arena, 512);
    memset(bytes, 0xFF, 512);
    arena_reset(&arena, CAP);
    bytes = arena_take_array(&arena, 64, 8);
    for (size_t at = 0; at < 512; at++)
        cr_assert_eq(bytes[at], 0);
}

Test(base_arena, a_reset_gives_the_whole_cap_back_and_keeps_the_first_chunk)
{
    void *first;

    arena_init(&arena, CAP);
    first = arena_take(&arena, 16);
    for (int round = 0; round < 100; round++) {
        arena_reset(&arena, CAP);
        cr_assert_eq(arena_take(&arena, 16), first);
        cr_assert_not_null(arena_take(&arena, 1000));
    }
    for (int round = 0; round < 20; round++) {
        arena_reset(&arena, CAP);
        cr_assert_not_null(arena_take(&arena, CAP - 64));
    }
}

Test(base_arena, copies_end_with_a_nul_that_is_not_counted)
{
    struct slice copy;

    arena_init(&arena, CAP);
    copy = arena_copy(&arena, (struct slice){"a\0b", 3});
    cr_assert_eq(copy.size, 3);
    cr_assert_eq(memcmp(copy.data, "a\0b\0", 4), 0);
    copy = arena_copy(&arena, (struct slice){NULL, 0});
    cr_assert_eq(copy.size, 0);
    cr_assert_not_null(copy.data);
    cr_assert_eq(copy.data[0], '\0');
}

Test(base_arena, an_arena_of_zeroes_may_be_released_and_reset)
{
    arena = (struct arena){0};
    arena_release(&arena);
    arena_reset(&arena, 1000);
    cr_assert_not_null(arena_take(&arena, 500));
}

/* --- all requests together --- */

#define KIB ((size_t)1024)
#define BOUND (8192 * KIB)

static struct arena others;

static void
release_both(void)
{
    arena_release(&arena);
    arena_release(&others);
    cr_expect_eq(arena_request_bytes(), 0, "what was taken is given back");
}

Test(base_arena, all_requests_share_a_bound, .fini = release_both)
{
    arena_bound_requests(BOUND);
    arena_init_request(&others, 2 * BOUND);
    arena_init_request(&arena, 2 * BOUND);
    cr_assert_not_null(arena_take(&others, 6000 * KIB));
    cr_assert_not_null(arena_take(&arena, 1000 * KIB), "a small one has the last quarter");
    cr_assert_not(arena_was_refused());
    cr_assert_null(arena_take(&others, 1000 * KIB), "a large one has not");
    cr_assert(arena_was_refused());
    cr_assert_not(arena_was_refused(), "it is said once");
    arena_release(&others);
    cr_assert_not_null(arena_take(&arena, 5000 * KIB), "what was given back may be taken again");
}

Test(base_arena, a_cap_of_its_own_is_no_refusal_for_the_sake_of_others, .fini = release_both)
{
    arena_bound_requests(BOUND);
    arena_init_request(&arena, 100 * KIB);
    cr_assert_null(arena_take(&arena, 200 * KIB));
    cr_assert_not(arena_was_refused());
}

Test(base_arena, first_chunks_and_other_arenas_do_not_count, .fini = release_both)
{
    arena_bound_requests(0);
    arena_init_request(&arena, BOUND);
    cr_assert_not_null(arena_take(&arena, ARENA_FIRST_CHUNK));
    cr_assert_null(arena_take(&arena, 1));
    arena_init(&others, BOUND);
    cr_assert_not_null(arena_take(&others, BOUND));
    cr_assert_eq(arena_request_bytes(), 0);
}

Test(base_arena, a_reset_gives_back_all_but_a_usual_first_chunk, .fini = release_both)
{
    arena_bound_requests(BOUND);
    arena_init_request(&arena, BOUND);
    cr_assert_not_null(arena_take(&arena, 2 * ARENA_FIRST_CHUNK));
    cr_assert_gt(arena_request_bytes(), 0);
    arena_reset(&arena, BOUND);
    cr_assert_eq(arena_request_bytes(), 0);
}
