/* prefetch.h - engine_prefetch (engine.h) for who has a snapshot already.
 * Always true: nothing is answered and nothing changed; it may see less than there is. */
#ifndef BEHALF_ENGINE_PREFETCH_H
#define BEHALF_ENGINE_PREFETCH_H

#include "engine/state.h"

/* At most ENGINE_PREFETCH_MAX pairs, of a request at this revision. */
void prefetch_pairs(struct engine *engine, const struct binding *binding, uint64_t revision,
                    struct engine_pair *pairs, size_t count);

#endif
