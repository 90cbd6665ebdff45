/* metric.h - counters and histograms that one thread writes and any thread reads.
 *
 * Always true: only the thread that owns a counter changes it, so that adding needs neither a lock
 * nor an atomic read-modify-write: a load, an addition and a store. Relaxed: a figure orders no
 * data, and a reader may see one of two counters before the other. None ever decreases.
 * Threads: add and observe the owner's; read and gather any. */
#ifndef BEHALF_BASE_METRIC_H
#define BEHALF_BASE_METRIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef _Atomic uint64_t metric_counter;

static inline void
metric_add(metric_counter *counter, uint64_t count)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + count,
                          memory_order_relaxed);
}

static inline uint64_t
metric_read(const metric_counter *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

#define METRIC_BUCKETS 20 /* the last one is without a bound */

/* Upper bounds, ascending, of all buckets but the last. */
extern const uint64_t metric_times_ns[METRIC_BUCKETS - 1]; /* 10 us to 10 s */
extern const uint64_t metric_sizes[METRIC_BUCKETS - 1];    /* powers of two from 1 */

struct metric_histogram {
    metric_counter counts[METRIC_BUCKETS];
    metric_counter sum;
};

/* `times` observations of the same value. */
void metric_observe(struct metric_histogram *histogram, const uint64_t bounds[METRIC_BUCKETS - 1],
                    uint64_t value, uint64_t times);

/* Histograms of several threads, added up. */
struct metric_reading {
    uint64_t counts[METRIC_BUCKETS];
    uint64_t sum;
};

void metric_gather(const struct metric_histogram *histogram, struct metric_reading *reading);

#endif
