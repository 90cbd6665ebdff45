/* watch_record.h - what became of a record, in the words of engine/watch.h.
 * Threads: pure functions. Memory: words are static or in the arena. */
#ifndef BEHALF_ENGINE_WATCH_RECORD_H
#define BEHALF_ENGINE_WATCH_RECORD_H

#include "engine/changes.h"
#include "engine/watch.h"

/* Of a change that has its names. STORAGE_CORRUPT, BUDGET_EXHAUSTED. */
enum status watch_record_of(const struct change *change, struct arena *arena,
                            struct watch_record *record, struct error *error) BEHALF_MUST_USE;

#endif
