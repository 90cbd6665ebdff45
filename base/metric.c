/* metric.c - buckets of histograms. */
#include "base/metric.h"

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

const uint64_t metric_times_ns[METRIC_BUCKETS - 1] = {
    10 * US, 25 * US, 50 * US,  100 * US, 250 * US, 500 * US, 1 * MS,    2500 * US, 5 * MS, 10 * MS,
    25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S,    2500 * MS, 5 * S,     10 * S,
};

const uint64_t metric_sizes[METRIC_BUCKETS - 1] = {
    1,    2,    4,    8,    16,    32,    64,    128,    256,    512,
    1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072, 262144,
};

void
metric_observe(struct metric_histogram *histogram, const uint64_t bounds[METRIC_BUCKETS - 1],
               uint64_t value, uint64_t times)
{
    size_t at = 0;

    while (at < METRIC_BUCKETS - 1 && value > bounds[at])
        at++;
    metric_add(&histogram->counts[at], times);
    metric_add(&histogram->sum, value * times);
}

void
metric_gather(const struct metric_histogram *histogram, struct metric_reading *reading)
{
    for (size_t at = 0; at < METRIC_BUCKETS; at++)
        reading->counts[at] += metric_read(&histogram->counts[at]);
    reading->sum += metric_read(&histogram->sum);
}
