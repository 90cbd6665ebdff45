/* condition.h - what one stored edge is worth by itself: whether the schema allows it, and what its
 * caveat and its expiration say.
 *
 * Always true: every reader of edges (evaluation, lookups, expand) decides this here, so readers
 * cannot disagree. An error of a caveat is a value (open, with a fault as its doubt), and never an
 * allow. A status is returned only for what ends the whole request: the errors of budget.h and of
 * the storage, and WOULD_BLOCK on an event loop.
 * Threads: one request. Memory: the arena's. */
#ifndef BEHALF_EVAL_CONDITION_H
#define BEHALF_EVAL_CONDITION_H

#include "base/datum.h"
#include "eval/binding.h"
#include "graph/graph.h"
#include "eval/value.h"
#include "schema/caveat.h"

/* The maps of the reserved parameters, for one subject and one resource: each is found when a
 * caveat that reads it is first evaluated. */
struct condition_attributes {
    /* Puts a map, or NULL for an empty one, into `maps`, for as long as the arena. WOULD_BLOCK, and
     * the errors of the storage and of budget.h. */
    enum status (*find)(struct condition_attributes *attributes, enum caveat_reserved which,
                        struct arena *arena, struct error *error);
    const struct datum *maps[CAVEAT_RESERVED_COUNT];
    uint32_t found; /* bit i: maps[i] was found */
    uint32_t open;  /* bit i: parameter i is unknown: more than one subject or resource is meant */
};

/* The inputs of a condition. */
struct condition_scope {
    const struct binding *binding;
    const struct datum *context;             /* of the request: a map, or NULL */
    struct condition_attributes *attributes; /* NULL where no condition reads any */
    struct arena *arena;
    struct budget *budget;
};

/* Whether `relation` allows an edge that was read in the range of `variant`, the first variant of
 * its kind. The common case, an edge without traits and a first variant without any, needs no
 * probe. */
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

/* The decision of an allowed edge with traits, valid until the edge expires. This holds for a deny
 * too: `.all` counts the edge as an operand as long as it exists. */
enum status condition_value(const struct condition_scope *scope, const struct edge_traits *traits,
                            struct value *value, struct error *error) BEHALF_MUST_USE;

/* What the caveat is evaluated with, beside the stored context; finds what it reads. The statuses
 * are those of condition_value. */
enum status condition_inputs(const struct condition_scope *scope, const struct caveat *caveat,
                             struct caveat_inputs *inputs, struct error *error) BEHALF_MUST_USE;

/* Charges the steps of a residual to the budget. If they exhaust it, the next charge reports
 * that. */
void condition_note_steps(struct budget *budget, uint32_t steps);

#endif
