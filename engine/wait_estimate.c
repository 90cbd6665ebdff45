/* wait_estimate.c - see wait_estimate.h. */
#include "engine/wait_estimate.h"

/* The mean is of what was measured in about so long, and of at least so many units. */
#define WINDOW_NS INT64_C(100000000)
#define UNITS_LEAST 32

static int64_t
unit_ns(const struct wait_estimate *estimate)
{
    return estimate->units > 0 ? estimate->took_ns / (int64_t)estimate->units : 0;
}

void
wait_estimate_note(struct wait_estimate *estimate, int64_t took_ns, uint64_t units)
{
    estimate->took_ns += took_ns;
    estimate->units += units;
    while (estimate->took_ns > 2 * WINDOW_NS && estimate->units >= 2 * UNITS_LEAST) {
        estimate->took_ns /= 2;
        estimate->units /= 2;
    }
}

void
wait_estimate_begin(struct wait_estimate *estimate, int64_t now_ns)
{
    if (estimate->since_ns == 0)
        estimate->since_ns = now_ns;
}

void
wait_estimate_end(struct wait_estimate *estimate)
{
    estimate->since_ns = 0;
}

void
wait_estimate_drained(struct wait_estimate *estimate, int64_t now_ns, uint64_t units, bool waiting)
{
    if (estimate->since_ns != 0)
        wait_estimate_note(estimate, now_ns - estimate->since_ns, units);
    estimate->since_ns = waiting ? now_ns : 0;
}

int64_t
wait_estimate_ns(const struct wait_estimate *estimate, int64_t now_ns, uint64_t units)
{
    int64_t each = unit_ns(estimate);
    int64_t wait = (int64_t)units * each;
    int64_t overdue = now_ns - estimate->since_ns - each;

    if (estimate->since_ns != 0 && estimate->units > 0 && overdue > 0)
        wait += overdue;
    return wait;
}

enum status
wait_refuse(int64_t wait_ns, uint32_t length, const char *what, struct error *error)
{
    int64_t retry_ms = wait_ns / 1000000;

    error_set(error, BEHALF_OVERLOADED, "%u %s are waiting; this one would wait too long", length,
              what);
    error_hint(error, "repeat it after retry_after_ms, or send less at a time");
    if (error != NULL)
        error->retry_after_ms = (uint32_t)(retry_ms < RETRY_AFTER_MS_MIN   ? RETRY_AFTER_MS_MIN
                                           : retry_ms > RETRY_AFTER_MS_MAX ? RETRY_AFTER_MS_MAX
                                                                           : retry_ms);
    return BEHALF_OVERLOADED;
}
