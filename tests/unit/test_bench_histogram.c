/* The load tool's histogram: exact where it says so, within 1/64 everywhere. */
#include <criterion/criterion.h>
#include <string.h>

#include "bench/bench_histogram.h"

static struct histogram histogram;

Test(bench_histogram, every_value_lies_in_its_bucket)
{
    for (uint64_t value = 0; value < 100000; value++) {
        uint32_t bucket = histogram_bucket(value);
        uint64_t end = histogram_bucket_end(bucket);
        uint64_t before = bucket > 0 ? histogram_bucket_end(bucket - 1) : 0;

        cr_assert(value <= end && (bucket == 0 || value > before), "value %lu in bucket %u",
                  (unsigned long)value, bucket);
        cr_assert(end - value <= value / 64, "bucket of %lu is too wide", (unsigned long)value);
    }
}

Test(bench_histogram, buckets_follow_one_another_up_to_the_last)
{
    for (uint32_t bucket = 0; bucket + 1 < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t end = histogram_bucket_end(bucket);

        cr_assert_eq(histogram_bucket(end), bucket);
        cr_assert_eq(histogram_bucket(end + 1), bucket + 1);
    }
    cr_assert_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

Test(bench_histogram, percentiles_of_one_to_a_thousand)
{
    memset(&histogram, 0, sizeof histogram);
    for (uint64_t value = 1; value <= 1000; value++)
        histogram_add(&histogram, value);
    cr_assert_eq(histogram.count, 1000);
    cr_assert_eq(histogram.max, 1000);
    cr_assert_eq(histogram.sum, 500500);
    cr_assert_eq(histogram_percentile(&histogram, 0.1), 1);
    cr_assert_eq(histogram_percentile(&histogram, 5), 50);
    cr_assert_eq(histogram_percentile(&histogram, 10), 100);
    cr_assert(histogram_percentile(&histogram, 50) >= 500);
    cr_assert(histogram_percentile(&histogram, 50) <= 507);
    cr_assert(histogram_percentile(&histogram, 99) >= 990);
    cr_assert_eq(histogram_percentile(&histogram, 100), 1000);
}

Test(bench_histogram, one_value_is_every_percentile)
{
    memset(&histogram, 0, sizeof histogram);
    histogram_add(&histogram, 123456789);
    cr_assert_eq(histogram_percentile(&histogram, 0), 123456789);
    cr_assert_eq(histogram_percentile(&histogram, 50), 123456789);
    cr_assert_eq(histogram_percentile(&histogram, 99.9), 123456789);
}

Test(bench_histogram, an_empty_one_has_only_zeroes)
{
    memset(&histogram, 0, sizeof histogram);
    cr_assert_eq(histogram_percentile(&histogram, 50), 0);
}

Test(bench_histogram, merging_is_adding)
{
    static struct histogram other;

    memset(&histogram, 0, sizeof histogram);
    memset(&other, 0, sizeof other);
    histogram_add(&histogram, 10);
    histogram_add(&other, 20);
    histogram_add(&other, 5000);
    histogram_merge(&histogram, &other);
    cr_assert_eq(histogram.count, 3);
    cr_assert_eq(histogram.max, 5000);
    cr_assert_eq(histogram.sum, 5030);
    cr_assert_eq(histogram_percentile(&histogram, 60), 20);
}

Test(bench_histogram, the_rarest_percentile_is_the_rarest_value)
{
    memset(&histogram, 0, sizeof histogram);
    for (int times = 0; times < 99999; times++)
        histogram_add(&histogram, 40);
    histogram_add(&histogram, 1000000);
    cr_assert_eq(histogram_percentile(&histogram, 99.99), 40);
    cr_assert_eq(histogram_percentile(&histogram, 99.999), 40);
    cr_assert_eq(histogram_percentile(&histogram, 99.9995), 1000000);
}
