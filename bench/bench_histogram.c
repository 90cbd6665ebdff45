/* bench_histogram.c - see bench_histogram.h. */
#include "bench/bench_histogram.h"

uint64_t
histogram_bucket_end(uint32_t bucket)
{
    uint32_t row = bucket >> HISTOGRAM_BITS;
    uint64_t inside = bucket & ((1U << HISTOGRAM_BITS) - 1);

    /* Rows 0 and 1 are exact: 64 values each, one a bucket. */
    if (row <= 1)
        return bucket;
    return ((((uint64_t)1 << HISTOGRAM_BITS) + inside + 1) << (row - 1)) - 1;
}

void
histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++)
        into->buckets[bucket] += from->buckets[bucket];
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
}

uint64_t
histogram_percentile(const struct histogram *histogram, double percent)
{
    double wanted = percent / 100.0 * (double)histogram->count;
    uint64_t seen = 0;

    if (histogram->count == 0)
        return 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t end = histogram_bucket_end(bucket);

        seen += histogram->buckets[bucket];
        if (seen > 0 && (double)seen >= wanted)
            return end < histogram->max ? end : histogram->max;
    }
    return histogram->max;
}
