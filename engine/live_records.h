/* live_records.h - how many sessions and grants are live: neither ended nor revoked themselves.
 *
 * They end by the clock, without a write, so they are counted anew from time to time, by a thread
 * of low priority that rests thirty times as long as it took. What is shown is up to so old.
 * Threads: open and free those of the engine, reading any. A count that fails is tried again at the
 * next time, and the last one stands. */
#ifndef BEHALF_ENGINE_LIVE_RECORDS_H
#define BEHALF_ENGINE_LIVE_RECORDS_H

#include "engine/state.h"

struct live_records;

/* Its thread begins after some seconds. */
struct live_records *live_records_new(struct engine *engine);
/* Breaks off a count that is under way. Accepts NULL. */
void live_records_free(struct live_records *live);

/* Zeroes before the first count. `live` may be NULL. */
void live_records_read(const struct live_records *live, uint64_t *sessions, uint64_t *grants);

/* Counts now, on the caller's thread. DEADLINE when it was broken off. */
enum status live_records_count(struct live_records *live, struct error *error) BEHALF_MUST_USE;

#endif
