/* clock.h - the time by which relationships expire; the only source of `now` for expirations.
 *
 * now = max(wall, trusted, floor), where
 *   wall     is what the system says,
 *   trusted  is where the monotonic clock has come to since the wall clock was last believed,
 *   floor    is the latest time that was answered with and believed; kept in the store.
 * Always true: while the clock is believed `now` never goes back, in this process or after a
 * restart, so a wall clock that is set back or stands still revives nothing that has expired.
 *
 * A wall clock more than CLOCK_STEP_MAX_NS ahead of trusted is not believed (ENGINE_CLOCK_AHEAD):
 * `now` still follows it, so that nothing lives longer than it may, but nothing of it is kept (the
 * floor stays, commits carry the trusted time) and nothing is swept. It ends by itself when the
 * wall clock comes back, or by an operator: confirmed, the wall clock is the trusted time from here
 * on; rejected (ENGINE_CLOCK_REJECTED), it is left out until it agrees again.
 *
 * What is swept is swept by trusted, which a step of the wall clock does not move: a wall clock
 * that runs ahead denies too early, but removes nothing too early.
 *
 * At a start nothing tells a step from the time that the server was down. A wall clock at most
 * CLOCK_STEP_MAX_NS behind the time last trusted, or CLOCK_DOWN_MAX_NS ahead of it, is believed;
 * one that was ahead already when the server stopped is not, and has to be confirmed or rejected
 * again: how long the server was down nobody knows.
 * Threads: any; one atomic load or two, no lock. Memory: in the engine. */
#ifndef BEHALF_ENGINE_CLOCK_H
#define BEHALF_ENGINE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "engine/engine.h"
#include "storage/store.h"

#define CLOCK_STEP_MAX_NS (INT64_C(3600) * 1000000000)
#define CLOCK_DOWN_MAX_NS (INT64_C(30) * 24 * 3600 * 1000000000)

struct clock {
    const struct env *env;              /* borrowed */
    atomic_int_fast64_t trusted_offset; /* trusted = this + the monotonic clock */
    atomic_int_fast64_t floor;
    atomic_bool rejected;
};

/* `kept`: what the last life left, or NULL. `head_ns`: the time of the newest commit, 0 = none. */
void clock_init(struct clock *clock, const struct env *env, const struct store_clock *kept,
                int64_t head_ns);

/* One look at the clocks. */
struct clock_reading {
    enum engine_clock_state state;
    int64_t now;     /* by which relationships expire */
    int64_t kept;    /* the same, but never beyond what is believed: for commits and the floor */
    int64_t trusted; /* by which they are swept, unless the state is AHEAD */
    int64_t wall;
};

struct clock_reading clock_read(struct clock *clock);

/* Takes the wall clock as it stands for the trusted time, or leaves it out until it agrees. Where
 * there is nothing to decide they change nothing. Return what holds then. */
struct clock_reading clock_confirm(struct clock *clock);
struct clock_reading clock_reject(struct clock *clock);

/* A rejection is over once the clocks agree again; called now and then by one thread. */
void clock_settle(struct clock *clock, const struct clock_reading *reading);

/* What the next life has to know. */
struct store_clock clock_to_keep(const struct clock_reading *reading);

#endif
