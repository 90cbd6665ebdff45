/* filter.h - relationship filters: checked, bound to ids, and run over the store.
 *
 * Always true: a filter that names a type, id or relation that was never stored matches nothing
 * (and is not an error, unless the schema has no such definition or relation: UNKNOWN_DEFINITION,
 * UNKNOWN_RELATION_OR_PERMISSION); an empty or contradictory one is INVALID_FILTER.
 * The wildcard is a subject of its own: subject_wildcard selects it alone, an id never, and a
 * filter for plain subjects leaves it out.
 * A relationship that has expired at the view's `now` matches nothing.
 * The cheapest index is chosen by the filter alone: forward for a resource id, else reverse for a
 * subject id or the wildcard, else forward for a resource's prefix or type, else reverse for a
 * subject's type; what the index cannot express is filtered edge by edge.
 * Threads: none of its own; reads one store snapshot at one revision and one time. */
#ifndef BEHALF_ENGINE_FILTER_H
#define BEHALF_ENGINE_FILTER_H

#include "base/arena.h"
#include "eval/binding.h"
#include "graph/budget.h"
#include "engine/engine.h"

struct filter_scan; /* in the arena */

/* What is looked through; borrowed while the scan is open. */
struct filter_view {
    const struct binding *binding;
    const struct store_snapshot *snapshot;
    uint64_t revision;
    int64_t now;
};

/* Whether no field is set. */
bool filter_is_empty(const struct relationship_filter *filter);

/* INVALID_FILTER, INVALID_OBJECT_ID; names are not looked up. */
enum status filter_check(const struct relationship_filter *filter,
                         struct error *error) BEHALF_MUST_USE;

/* Starts at the first match at or behind `from` (NULL = the first of all), in index order. */
enum status filter_scan_open(const struct relationship_filter *filter,
                             const struct filter_view *view, const struct edge_key *from,
                             struct arena *arena, struct filter_scan **scan,
                             struct error *error) BEHALF_MUST_USE;
/* From here on every edge visited, matching or not, is paid from `budget` (borrowed). */
void filter_scan_pay(struct filter_scan *scan, struct budget *budget);
/* BEHALF_OK with an edge (context valid until the next call), or BEHALF_DONE. */
enum status filter_scan_next(struct filter_scan *scan, struct edge *edge,
                             struct error *error) BEHALF_MUST_USE;
void filter_scan_close(struct filter_scan *scan); /* accepts NULL */

#endif
