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
