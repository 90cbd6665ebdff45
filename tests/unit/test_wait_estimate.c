/* test_wait_estimate.c - what a queue is expected to make requests wait, by a clock of numbers. */
#include <criterion/criterion.h>

#include "engine/wait_estimate.h"

#define MS INT64_C(1000000)

Test(wait_estimate, nothing_is_expected_before_anything_was_measured)
{
    struct wait_estimate estimate = {.units = 0};

    wait_estimate_begin(&estimate, 5 * MS);
    cr_assert_eq(wait_estimate_ns(&estimate, 900 * MS, 1000), 0);
}

Test(wait_estimate, a_queue_is_as_fast_as_it_was_drained)
{
    struct wait_estimate estimate = {.units = 0};

    wait_estimate_begin(&estimate, 1 * MS);
    wait_estimate_begin(&estimate, 2 * MS); /* something waits already */
    wait_estimate_drained(&estimate, 3 * MS, 1, true);
    wait_estimate_drained(&estimate, 5 * MS, 1, true);
    wait_estimate_drained(&estimate, 17 * MS, 6, false);
    cr_assert_eq(wait_estimate_ns(&estimate, 17 * MS, 10), 20 * MS);
}

/* One gap of 91 ms among 9 units of 1 ms: half of the units took 1 ms, and the queue 10 ms each. */
Test(wait_estimate, gaps_count_as_what_is_done_does)
{
    struct wait_estimate estimate = {.units = 0};
    int64_t now = 1 * MS;

    wait_estimate_begin(&estimate, now);
    for (int unit = 0; unit < 9; unit++)
        wait_estimate_drained(&estimate, now += MS, 1, true);
    wait_estimate_drained(&estimate, now += 91 * MS, 1, true);
    cr_assert_eq(wait_estimate_ns(&estimate, now, 7), 70 * MS);
}

Test(wait_estimate, time_in_which_nothing_waits_is_no_time_of_the_queue)
{
    struct wait_estimate estimate = {.units = 0};

    wait_estimate_begin(&estimate, 1 * MS);
    wait_estimate_drained(&estimate, 3 * MS, 1, false);
    wait_estimate_drained(&estimate, 1000 * MS, 1, false); /* it found nobody waiting */
    wait_estimate_note(&estimate, 4 * MS, 1);
    cr_assert_eq(wait_estimate_ns(&estimate, 1000 * MS, 2), 6 * MS);
}

Test(wait_estimate, what_is_overdue_is_expected_of_everybody)
{
    struct wait_estimate estimate = {.units = 0};

    wait_estimate_begin(&estimate, 1 * MS);
    wait_estimate_drained(&estimate, 3 * MS, 1, true);
    cr_assert_eq(wait_estimate_ns(&estimate, 5 * MS, 1), 2 * MS);
    cr_assert_eq(wait_estimate_ns(&estimate, 3005 * MS, 1), 3002 * MS);
    wait_estimate_drained(&estimate, 3005 * MS, 1, false);
    cr_assert_lt(wait_estimate_ns(&estimate, 9000 * MS, 1), 1600 * MS, "nobody waits: none is");
}

/* 1,000 units of 0.1 ms, a stall of five seconds, and the same again. */
Test(wait_estimate, a_stall_is_forgotten_after_some_tenths_of_a_second)
{
    struct wait_estimate estimate = {.units = 0};
    int64_t now = 1 * MS;

    wait_estimate_begin(&estimate, now);
    for (int unit = 0; unit < 1000; unit++)
        wait_estimate_drained(&estimate, now += MS / 10, 1, true);
    cr_assert_eq(wait_estimate_ns(&estimate, now, 1), MS / 10);
    wait_estimate_drained(&estimate, now += 5000 * MS, 1, true);
    cr_assert_gt(wait_estimate_ns(&estimate, now, 1), 4 * MS);
    for (int unit = 0; unit < 5000; unit++)
        wait_estimate_drained(&estimate, now += MS / 10, 1, true);
    cr_assert_lt(wait_estimate_ns(&estimate, now, 1), MS / 8);
}

/* Jobs that become a thousand times as long: some tens of them are enough to see it. */
Test(wait_estimate, a_change_is_seen_within_tens_of_units)
{
    struct wait_estimate estimate = {.units = 0};
    int64_t now = 1 * MS;

    wait_estimate_begin(&estimate, now);
    for (int unit = 0; unit < 5000; unit++)
        wait_estimate_drained(&estimate, now += MS / 10, 1, true);
    for (int unit = 0; unit < 64; unit++)
        wait_estimate_drained(&estimate, now += 100 * MS, 1, true);
    cr_assert_gt(wait_estimate_ns(&estimate, now, 1), 60 * MS);
}

Test(wait_estimate, a_refusal_says_when_to_come_back_within_its_bounds)
{
    static const struct {
        int64_t wait_ns;
        uint32_t retry_after_ms;
    } cases[] = {
        {0, RETRY_AFTER_MS_MIN},          {999999, RETRY_AFTER_MS_MIN},    {250 * MS, 250},
        {10000 * MS, RETRY_AFTER_MS_MAX}, {INT64_MAX, RETRY_AFTER_MS_MAX},
    };

    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        struct error error = {.status = BEHALF_OK};

        cr_assert_eq(wait_refuse(cases[at].wait_ns, 7, "writes", &error), BEHALF_OVERLOADED);
        cr_assert_eq(error.status, BEHALF_OVERLOADED);
        cr_assert_eq(error.retry_after_ms, cases[at].retry_after_ms);
        cr_assert_str_eq(error.message, "7 writes are waiting; this one would wait too long");
    }
}
