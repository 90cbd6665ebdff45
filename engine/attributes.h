/* attributes.h - the attributes of objects, in the engine: from the store to the parameters of
 * caveats.
 *
 * Always true: attributes are those of the view's revision, as relationships are. What cannot be
 * read is a status, never an absence: an object that has none and one whose attributes wait for
 * storage are told apart. A schema without `use attributes` costs a request nothing.
 * Threads: a request's. Memory: what is found lives in the arena. */
#ifndef BEHALF_ENGINE_ATTRIBUTES_H
#define BEHALF_ENGINE_ATTRIBUTES_H

#include "base/datum.h"
#include "engine/record_cache.h"
#include "graph/graph.h"

/* The attributes of a node at the view's revision: a map, or NULL when it has none. What the view
 * lent before stays valid. WOULD_BLOCK when they would have to be read and the view may not block;
 * BUDGET_EXHAUSTED, OVERLOADED, STORAGE_*, REVISION_EXPIRED. */
enum status attributes_find(struct record_cache *cache, struct graph_view *view, uint64_t node,
                            struct arena *arena, const struct datum **attributes,
                            struct error *error) BEHALF_MUST_USE;

/* A stored body: a map whose strings point into the body. STORAGE_CORRUPT, BUDGET_EXHAUSTED. */
enum status attributes_decode(struct slice body, struct arena *arena,
                              const struct datum **attributes, struct error *error) BEHALF_MUST_USE;

#endif
