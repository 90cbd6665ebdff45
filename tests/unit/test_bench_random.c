/* What the load tool draws: the same from the same seed, and as often as it says. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "bench/bench_mix.h"
#include "bench/bench_schedule.h"
#include "bench/bench_zipf.h"

#define DRAWS 200000

/* --- random numbers --- */

Test(bench_random, the_first_numbers_of_a_seed_are_those_of_the_algorithm)
{
    struct bench_random random = {0};

    /* The published outputs of SplitMix64 from state 0. */
    cr_assert_eq(bench_random_next(&random), UINT64_C(0xE220A8397B1DCDAF));
    cr_assert_eq(bench_random_next(&random), UINT64_C(0x6E789E6AA1B965F4));
    cr_assert_eq(bench_random_next(&random), UINT64_C(0x06C45D188009454F));
}

Test(bench_random, numbers_below_a_bound_reach_each_of_them_alike)
{
    struct bench_random random = bench_random_of(7, 1);
    uint32_t counts[10] = {0};

    for (int draw = 0; draw < DRAWS; draw++) {
        uint32_t number = bench_random_below(&random, 10);

        cr_assert(number < 10);
        counts[number]++;
    }
    for (int number = 0; number < 10; number++)
        cr_assert(counts[number] > DRAWS / 10 - 1000 && counts[number] < DRAWS / 10 + 1000);
}

Test(bench_random, parts_of_a_seed_are_different)
{
    struct bench_random first = bench_random_of(1, 1);
    struct bench_random again = bench_random_of(1, 1);
    struct bench_random second = bench_random_of(1, 2);
    struct bench_random other = bench_random_of(2, 1);
    uint64_t number = bench_random_next(&first);

    cr_assert_eq(number, bench_random_next(&again));
    cr_assert_neq(number, bench_random_next(&second));
    cr_assert_neq(number, bench_random_next(&other));
}

/* --- Zipf --- */

/* Draws and compares each rank's share with 1 / (rank + 1)^theta, normed. */
static void
check_shares(uint64_t count, double theta)
{
    struct bench_random random = bench_random_of(42, count);
    uint32_t counts[100] = {0};
    struct bench_zipf zipf;
    double sum = 0;

    bench_zipf_init(&zipf, count, theta);
    for (int draw = 0; draw < DRAWS; draw++) {
        uint64_t rank = bench_zipf_next(&zipf, &random);

        cr_assert(rank < count);
        counts[rank]++;
    }
    for (uint64_t rank = 0; rank < count; rank++)
        sum += pow((double)rank + 1, -theta);
    for (uint64_t rank = 0; rank < count; rank++) {
        double expected = DRAWS * pow((double)rank + 1, -theta) / sum;

        /* Five standard deviations. */
        cr_assert(fabs(counts[rank] - expected) < 5 * sqrt(expected) + 1,
                  "theta %g, rank %lu: %u instead of %.0f", theta, (unsigned long)rank,
                  counts[rank], expected);
    }
}

Test(bench_zipf, shares_are_those_of_the_law)
{
    static const double thetas[] = {0, 0.5, 0.99, 1, 1.01, 2};

    for (size_t index = 0; index < sizeof thetas / sizeof thetas[0]; index++) {
        check_shares(100, thetas[index]);
        check_shares(3, thetas[index]);
    }
}

Test(bench_zipf, of_one_there_is_one)
{
    struct bench_random random = bench_random_of(1, 1);
    struct bench_zipf zipf;

    bench_zipf_init(&zipf, 1, 0.99);
    for (int draw = 0; draw < 100; draw++)
        cr_assert_eq(bench_zipf_next(&zipf, &random), 0);
}

Test(bench_zipf, scattering_is_one_to_one_and_leaves_no_neighbours)
{
    bool seen[1000] = {false};

    for (uint64_t rank = 0; rank < 1000; rank++) {
        uint64_t place = bench_zipf_scatter(rank, 1000);
        uint64_t next = bench_zipf_scatter(rank + 1, 1000);

        cr_assert(place < 1000 && !seen[place]);
        seen[place] = true;
        cr_assert(next != place + 1);
    }
}

/* --- mixes --- */

static void
assert_mix(const char *text, const char *printed)
{
    struct bench_mix mix;
    const char *problem;
    struct buffer out;

    buffer_init(&out);
    cr_assert(bench_mix_parse(text, &mix, &problem), "%s: %s", text, problem);
    bench_mix_print(&mix, &out);
    cr_assert(slice_equal(buffer_slice(&out), slice_of(printed)), "%s gives %.*s", text,
              SLICE_PRINTF(buffer_slice(&out)));
    buffer_release(&out);
}

static void
assert_no_mix(const char *text, const char *expected)
{
    struct bench_mix mix = {.total = 77};
    const char *problem;

    cr_assert_not(bench_mix_parse(text, &mix, &problem), "%s", text);
    cr_assert_str_eq(problem, expected, "%s: %s", text, problem);
    cr_assert_eq(mix.total, 77);
}

Test(bench_mix, methods_with_weights_in_any_order)
{
    assert_mix("check", "check=1");
    assert_mix("write=5,check=90,lookup=5", "check=90,lookup_resources=5,write=5");
    assert_mix("bulk=2,ping,expand=3,lookup_subjects=4,lookup_permissions=1000000",
               "check_bulk=2,lookup_subjects=4,lookup_permissions=1000000,expand=3,ping=1");
}

Test(bench_mix, what_is_no_mix_is_refused)
{
    assert_no_mix("", "no such method");
    assert_no_mix("chekc", "no such method");
    assert_no_mix("check,", "no such method");
    assert_no_mix(",check", "no such method");
    assert_no_mix("=3", "no such method");
    assert_no_mix("check=1,check=2", "a method stands twice");
    assert_no_mix("bulk,check_bulk", "a method stands twice");
    assert_no_mix("check=", "a weight is a number from 1 to 1000000");
    assert_no_mix("check=0", "a weight is a number from 1 to 1000000");
    assert_no_mix("check=-1", "a weight is a number from 1 to 1000000");
    assert_no_mix("check=1000001", "a weight is a number from 1 to 1000000");
    assert_no_mix("check=1.5", "a weight is a number from 1 to 1000000");
}

Test(bench_mix, each_draw_falls_on_a_method_as_often_as_its_weight)
{
    uint32_t counts[METHOD_COUNT] = {0};
    struct bench_mix mix;
    const char *problem;

    cr_assert(bench_mix_parse("check=90,write=6,lookup=4", &mix, &problem));
    cr_assert_eq(mix.total, 100);
    for (uint32_t draw = 0; draw < mix.total; draw++)
        counts[bench_mix_pick(&mix, draw)]++;
    cr_assert_eq(counts[METHOD_CHECK], 90);
    cr_assert_eq(counts[METHOD_WRITE], 6);
    cr_assert_eq(counts[METHOD_LOOKUP_RESOURCES], 4);
    cr_assert_eq(bench_mix_single(&mix), METHOD_COUNT);
    cr_assert(bench_mix_parse("expand=7", &mix, &problem));
    cr_assert_eq(bench_mix_single(&mix), METHOD_EXPAND);
}

/* --- the schedule of an open loop --- */

Test(bench_schedule, requests_are_due_at_the_rate_without_drift)
{
    struct bench_schedule schedule = bench_schedule_of(1000, 3, 0, 1);
    int64_t due = 0;

    /* A third of a second is no whole number of nanoseconds: added up it would drift. */
    for (int number = 0; number < 3000000; number++)
        cr_assert(bench_schedule_take(&schedule, INT64_MAX, &due));
    cr_assert_eq(bench_schedule_due(&schedule), 1000 + INT64_C(1000000000000000));
}

Test(bench_schedule, nothing_is_due_early_and_nothing_is_left_out)
{
    struct bench_schedule schedule = bench_schedule_of(0, 1000, 0, 1);
    int64_t due = -1;

    cr_assert(bench_schedule_take(&schedule, 0, &due));
    cr_assert_eq(due, 0);
    cr_assert_not(bench_schedule_take(&schedule, 999999, &due));
    cr_assert_eq(due, 0);
    /* After a stall of ten milliseconds the due times are those meant, not the present. */
    for (int64_t number = 1; number <= 10; number++) {
        cr_assert(bench_schedule_take(&schedule, 10000000, &due));
        cr_assert_eq(due, number * 1000000);
    }
    cr_assert_not(bench_schedule_take(&schedule, 10000000, &due));
}

Test(bench_schedule, threads_take_turns)
{
    struct bench_schedule first = bench_schedule_of(5000, 1000, 0, 2);
    struct bench_schedule second = bench_schedule_of(5000, 1000, 1, 2);
    int64_t due;

    for (int64_t number = 0; number < 1000; number++) {
        struct bench_schedule *turn = number % 2 == 0 ? &first : &second;

        cr_assert(bench_schedule_take(turn, INT64_MAX, &due));
        cr_assert_eq(due, 5000 + number * 1000000);
    }
}
