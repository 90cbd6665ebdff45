/* warming.h - the thread of the warm-up (graph/warm.h), and the note that the next one begins with.
 *
 * What the note names is loaded at the priority of requests, since these would otherwise load the
 * same at several times the cost. Everything else is loaded at a low one, and while checks wait
 * for the pool it pauses again and again. When it is through, it looks now and then whether much
 * was written since, as by a load, and goes over everything again once that is over.
 *
 * Threads: all on the thread that opens and closes the engine, but for warming_stats_read. A
 * warm-up that fails ends with a line in the log; requests go on without. */
#ifndef BEHALF_ENGINE_WARMING_H
#define BEHALF_ENGINE_WARMING_H

#include "engine/engine.h"

struct warming;

/* Begins, unless `warm` is ENGINE_WARM_OFF. The pool is there. */
struct warming *warming_new(struct engine *engine, enum engine_warm warm);
/* Breaks off what is under way, within some milliseconds. Accepts NULL. */
void warming_stop(struct warming *warming);
/* Leaves the note, when nobody else uses the graph any more. Accepts NULL. */
void warming_free(struct warming *warming);

void warming_stats_read(struct warming *warming, struct engine_warming *stats); /* any thread */

#endif
