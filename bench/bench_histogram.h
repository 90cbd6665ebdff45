/* bench_histogram.h - latencies in buckets of at most 1.6 % width.
 *
 * Log-linear, after HdrHistogram: values below 64 have a bucket each; above, every power of two is
 * cut into 64 equal buckets. Recording is a shift and an increment.
 * Always true: count is the sum of all buckets; a percentile is never below the true value's bucket
 * and never above its upper end; max is exact.
 * Threads: one writer; merge after the threads have ended. */
#ifndef BEHALF_BENCH_HISTOGRAM_H
#define BEHALF_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS 6    /* 64 buckets for each power of two: 1/64 of relative error */
#define HISTOGRAM_POWERS 36 /* values up to 2^41; above, the last bucket */
#define HISTOGRAM_BUCKETS ((HISTOGRAM_POWERS + 1) << HISTOGRAM_BITS)

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t max;
    uint64_t sum;
};

static inline uint32_t
histogram_bucket(uint64_t value)
{
    unsigned shift;

    if (value < (1U << HISTOGRAM_BITS))
        return (uint32_t)value;
    shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    if (shift >= HISTOGRAM_POWERS)
        return HISTOGRAM_BUCKETS - 1;
    /* The top bit of the shifted value is the power itself: it carries into the next row. */
    return (uint32_t)((shift << HISTOGRAM_BITS) + (value >> shift));
}

static inline void
histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[histogram_bucket(value)]++;
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
}

/* Largest value that falls into a bucket. */
uint64_t histogram_bucket_end(uint32_t bucket);

void histogram_merge(struct histogram *into, const struct histogram *from);

/* The value that `percent` (0 to 100) of all values do not exceed, at a bucket's precision; 0 when
 * there are none. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

#endif
