/* Places, pins and sections, and what waits for them. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "graph/readers.h"

static struct readers *readers;

static void
open_readers(void)
{
    readers = readers_new();
}

static void
close_readers(void)
{
    readers_free(readers);
}

static void
retire_one(size_t bytes)
{
    struct retirees retirees = {.count = 0};

    retirees_add(&retirees, memory_new(bytes), bytes);
    readers_retire(readers, &retirees);
    cr_assert_eq(retirees.count, 0);
}

static size_t
waiting(void)
{
    readers_collect(readers);
    return readers_retired_bytes(readers);
}

TestSuite(readers, .init = open_readers, .fini = close_readers);

Test(readers, what_nobody_reads_is_freed)
{
    retire_one(100);
    cr_assert_eq(readers_retired_bytes(readers), 100);
    cr_assert_eq(waiting(), 0);
}

Test(readers, a_section_that_began_before_keeps_it)
{
    struct reader *reader = readers_claim(readers, &readers, 1);

    retire_one(100);
    cr_assert_eq(waiting(), 100);
    reader_enter(readers, reader); /* the next section began after it */
    cr_assert_eq(waiting(), 0);
    retire_one(50);
    cr_assert_eq(waiting(), 50);
    reader_leave(reader);
    cr_assert_eq(waiting(), 0);
    retire_one(25);
    cr_assert_eq(waiting(), 0);
    reader_release(reader);
}

Test(readers, the_oldest_section_counts)
{
    struct reader *old = readers_claim(readers, &readers, 1);
    struct reader *young;

    retire_one(1);
    young = readers_claim(readers, &readers, 1);
    retire_one(2);
    cr_assert_eq(waiting(), 3);
    reader_release(old);
    cr_assert_eq(waiting(), 2);
    reader_release(young);
    cr_assert_eq(waiting(), 0);
}

Test(readers, a_pin_lasts_from_claim_to_release)
{
    struct reader_pins pins;
    struct reader *first = readers_claim(readers, &readers, 7);
    struct reader *second = readers_claim(readers, &readers, 9);

    reader_leave(first);
    readers_pins(readers, &pins);
    cr_assert_eq(pins.count, 2);
    cr_assert_eq(pins.revisions[0] + pins.revisions[1], 16);
    reader_release(second);
    readers_pins(readers, &pins);
    cr_assert_eq(pins.count, 1);
    cr_assert_eq(pins.revisions[0], 7);
    reader_release(first);
}

Test(readers, places_are_given_once_and_again_after_their_release)
{
    struct reader *taken[READERS_MAX];

    for (size_t at = 0; at < READERS_MAX; at++) {
        taken[at] = readers_claim(readers, &taken, at);
        cr_assert_not_null(taken[at]);
        for (size_t before = 0; before < at; before++)
            cr_assert_neq(taken[before], taken[at]);
    }
    cr_assert_null(readers_claim(readers, &taken, 1));
    reader_release(taken[5]);
    cr_assert_eq(readers_claim(readers, &taken, 1), taken[5]);
    for (size_t at = 0; at < READERS_MAX; at++)
        reader_release(taken[at]);
}

/* Nobody has to ask for it. */
Test(readers, many_retirements_free_each_other)
{
    for (uint32_t at = 0; at < 1000; at++)
        retire_one(10);
    cr_assert_leq(readers_retired_bytes(readers), 64 * 10);
}
