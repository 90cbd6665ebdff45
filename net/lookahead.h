/* lookahead.h - what the checks of a read will look for, before the first of them is answered.
 *
 * A client that sends many requests at once has them wait for one another anyway; so the memory
 * that they need is asked for in time (engine_prefetch). Nothing depends on it: whatever is not
 * understood here is passed over, and every request is decoded and decided for itself.
 * Threads: the worker's. */
#ifndef BEHALF_NET_LOOKAHEAD_H
#define BEHALF_NET_LOOKAHEAD_H

#include <stddef.h>

#include "base/slice.h"
#include "engine/engine.h"

/* The resource and subject of a check, as far as they are written as plain text: slices of the
 * frame. False for every other frame. */
bool lookahead_read(struct slice frame, struct engine_pair *pair);

struct lookahead {
    struct engine_pair pairs[ENGINE_PREFETCH_MAX];
    const struct engine_pair *of_frame[ENGINE_PREFETCH_MAX]; /* for struct check; NULL = not seen */
};

/* Whole frames, at most ENGINE_PREFETCH_MAX; what was seen holds as long as they stay. */
void lookahead(struct engine_worker *worker, const struct slice *frames, size_t count,
               struct lookahead *ahead);

#endif
