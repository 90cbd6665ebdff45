/* wait_estimate.h - how long a queue will make a request wait, by what it took lately.
 *
 * What is measured while something waits is the time from one unit of work to the next, not how
 * long a unit runs: so it includes all that keeps the workers from the queue, be it other work,
 * upkeep, or a core that another process has. While nothing waits there is no such time, and the
 * owner gives what a unit took instead. The mean is the sum of the times by the number of units, as
 * on a busy machine most of the time passes in the few gaps in which nothing is done. What is
 * measured has half its weight after a tenth of a second of other measurements; while a stall
 * lasts, what the unit at hand is overdue is added to each estimate.
 * Threads: none; the owner locks. */
#ifndef BEHALF_ENGINE_WAIT_ESTIMATE_H
#define BEHALF_ENGINE_WAIT_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct wait_estimate {
    int64_t since_ns; /* when the unit at hand began; 0 = nothing waits */
    int64_t took_ns;  /* lately, for */
    uint64_t units;   /* so many; 0 = nothing was measured yet */
};

/* Something waits from now on, if nothing did. */
void wait_estimate_begin(struct wait_estimate *estimate, int64_t now_ns);
/* Nothing waits any more, and nothing of it was done: what waited has expired. */
void wait_estimate_end(struct wait_estimate *estimate);
/* So many units were done since the last call, or since something began to wait. `waiting`: more
 * is queued. */
void wait_estimate_drained(struct wait_estimate *estimate, int64_t now_ns, uint64_t units,
                           bool waiting);
/* So many units took that long. */
void wait_estimate_note(struct wait_estimate *estimate, int64_t took_ns, uint64_t units);

/* Until so many units are done. */
int64_t wait_estimate_ns(const struct wait_estimate *estimate, int64_t now_ns, uint64_t units);

#define RETRY_AFTER_MS_MIN 1
#define RETRY_AFTER_MS_MAX 10000

/* OVERLOADED, with the wait as `retry_after_ms`. `what` waits: "requests of its kind". */
enum status wait_refuse(int64_t wait_ns, uint32_t length, const char *what, struct error *error);

#endif
