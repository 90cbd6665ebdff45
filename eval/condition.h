/* condition.h - what one stored edge is worth by itself: whether the schema allows it at all, and
 * what its caveat and its expiration say.
 *
 * Always true: every reader of edges (evaluation, lookups, expand) asks here and nowhere else, so
 * that they cannot disagree. An error of a caveat is a value (open, its doubt a fault), never an
 * allow; only what ends the whole request is a status: BUDGET_EXHAUSTED, STORAGE_CORRUPT.
 * Threads: one request. Memory: the arena's. */
#ifndef BEHALF_EVAL_CONDITION_H
#define BEHALF_EVAL_CONDITION_H

#include "base/datum.h"
#include "eval/binding.h"
#include "graph/graph.h"
#include "eval/value.h"

/* What conditions are decided with. */
struct condition_scope {
    const struct binding *binding;
    const struct datum *context; /* of the request: a map, or NULL */
    struct arena *arena;
    struct budget *budget;
};

/* Whether `relation` allows an edge that was read as of `variant`'s kind (its type, relation or
 * wildcard; `variant` is the first of the kind). */
static inline bool
condition_allows(const struct binding *binding, uint32_t relation,
                 const struct schema_variant *variant, const struct edge_traits *traits)
{
    if (BEHALF_LIKELY(traits == NULL && variant->caveat == SCHEMA_NONE && !variant->expiring))
        return true;
    return binding_allows(binding, &(struct edge_kind){
                                       .relation = relation,
                                       .subject_type = variant->type,
                                       .subject_relation = variant->relation,
                                       .caveat = traits == NULL ? LABEL_NONE : traits->caveat,
                                       .wildcard = variant->wildcard,
                                       .expiring = traits != NULL && traits->expires_at != 0,
                                   });
}

/* The decision of an edge that is allowed and has traits, until the edge expires; a deny as well,
 * which counts among the edges of an arrow's .all for as long as the edge is there. */
enum status condition_value(const struct condition_scope *scope, const struct edge_traits *traits,
                            struct value *value, struct error *error) BEHALF_MUST_USE;

/* Takes the steps of a residual from the budget; one that ends with them says so the next time. */
void condition_note_steps(struct budget *budget, uint32_t steps);

#endif
