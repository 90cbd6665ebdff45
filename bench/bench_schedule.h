/* bench_schedule.h - when the requests of an open loop are due.
 *
 * Always true: request k is due at start + k x interval, whatever happened to those before it: a
 * slow answer delays no later due time, so the wait it causes is counted and not left out
 * (coordinated omission). Times are computed from k, not added up: no drift.
 * Threads: none; each thread has the schedule of its share. */
#ifndef BEHALF_BENCH_SCHEDULE_H
#define BEHALF_BENCH_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct bench_schedule {
    int64_t start_ns;
    double interval_ns;
    uint64_t next; /* number of the request that is due next */
};

/* Share `index` of `shares` of a rate of `per_second` in all; shares take turns. */
static inline struct bench_schedule
bench_schedule_of(int64_t start_ns, double per_second, uint32_t index, uint32_t shares)
{
    double apart_ns = 1e9 / per_second;

    return (struct bench_schedule){.start_ns = start_ns + (int64_t)(apart_ns * index),
                                   .interval_ns = apart_ns * shares};
}

static inline int64_t
bench_schedule_due(const struct bench_schedule *schedule)
{
    return schedule->start_ns + (int64_t)((double)schedule->next * schedule->interval_ns);
}

/* Takes the next request if it is due by now: `*due_ns` is when it was meant to start. */
static inline bool
bench_schedule_take(struct bench_schedule *schedule, int64_t now_ns, int64_t *due_ns)
{
    int64_t due = bench_schedule_due(schedule);

    if (due > now_ns)
        return false;
    *due_ns = due;
    schedule->next++;
    return true;
}

#endif
