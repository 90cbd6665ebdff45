/* upkeep.h - what the writer thread does that nobody asked for: watch and keep the clock, keep
 * when sessions were used, give up history that is older than it is kept, and say when a sweep is
 * due.
 *
 * Always true: it is asked at least every UPKEEP_TICK_MS; a change of the clock's state is logged
 * and kept at once, the clock otherwise every 10 s while relationships or records can expire.
 * Threads: the writer thread. */
#ifndef BEHALF_ENGINE_UPKEEP_H
#define BEHALF_ENGINE_UPKEEP_H

#include "engine/state.h"

#define UPKEEP_TICK_MS 1000

struct upkeep {
    struct engine *engine;
    enum engine_clock_state state; /* the last that was seen */
    int64_t keep_due_ns;           /* monotonic */
    int64_t sweep_due_ns;          /* monotonic */
    int64_t trim_due_ns;           /* monotonic */
    bool keep_failed;              /* and was logged */
    bool seen_failed;
    bool trim_failed;
    bool sweep_failed;
};

void upkeep_init(struct upkeep *upkeep, struct engine *engine);
/* Does what is due; whether a sweep is. */
bool upkeep_step(struct upkeep *upkeep);
/* The sweep that was due was answered; whether the next is due at once. */
bool upkeep_swept(struct upkeep *upkeep, const struct engine_write *sweep);
/* Keeps the clock, and when sessions were used, for the next start. */
void upkeep_end(struct upkeep *upkeep);

#endif
