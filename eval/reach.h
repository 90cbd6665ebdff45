/* reach.h - whether a node of a plain member (plain.h) holds one subject: reachability, without
 * values and without a stack. The core (eval.h) asks it one question; it knows nothing of the core.
 *
 * A node is walked breadth first from its own side. A walk that turns out to be wide goes on from
 * the cheaper side: from the subject, when that reaches little (reverse.h), else as a frontier that
 * several threads share (frontier.h).
 *
 * Always true: an edge with a caveat or an expiration is not seen here, as no plain member allows
 * one. What a walk has shown stays: a node that was denied is never walked again. A walk that
 * failed has shown nothing.
 * Threads: one request, one thread at a time; a frontier gives each thread a reach of its own.
 * Memory: the arena given. Before a check is wide there is a pointer to the executor and no memory;
 * what is taken then is bounded by LIMIT_WIDE_ARENA.
 * Errors: those of graph.h and budget.h; after one the reach must not be used again. */
#ifndef BEHALF_EVAL_REACH_H
#define BEHALF_EVAL_REACH_H

#include "eval/executor.h"
#include "eval/key_set.h"
#include "eval/reverse.h"

/* Nodes visited by frontiers. */
struct reach_visited {
    struct arena arena;
    struct key_set keys;
};

/* What a check that turns out to be wide may use beside its own thread and arena. */
struct reach_wide {
    struct executor *executor;
    struct reach_visited *visited; /* NULL until needed */
};

void reach_visited_free(struct reach_visited *visited); /* accepts NULL */

/* Lets go of the memory; a reach that has used it is not to be used again. */
static inline void
reach_wide_release(struct reach_wide *wide)
{
    if (BEHALF_UNLIKELY(wide->visited != NULL))
        reach_visited_free(wide->visited);
    wide->visited = NULL;
}

struct reach_narrow;
struct reach_search;
struct frontier_hand;

struct reach {
    struct condition_scope scope; /* the subject's side meets conditions */
    struct graph_view *view;
    struct eval_subject subject;
    uint16_t subject_label; /* of the subject's relation; LABEL_NONE for a plain subject */

    struct reach_search *search;  /* NULL until a walk */
    struct reach_narrow *narrows; /* what was found from the subject's side */
    /* Set after reach_init by who wants wide walks to be shared, with a view that may block. NULL:
     * this thread alone does it all. */
    struct reach_wide *wide;
    struct key_set *visited;    /* nodes that frontiers denied; of a hand, all that was met */
    struct frontier_hand *hand; /* NULL, or whose keys of a frontier are looked at */
};

/* `scope->arena` holds all that is found out. */
void reach_init(struct reach *reach, const struct condition_scope *scope, struct graph_view *view,
                const struct eval_subject *subject);

/* Whether the member can hold the subject at all, by the schema. */
static inline bool
reach_may_hold(const struct reach *reach, uint32_t member)
{
    return schema_reaches(reach->scope.binding->schema, member, reach->subject.type,
                          reach->subject.member != SCHEMA_NONE);
}

/* Whether the subject can be reached through objects of which `child` is asked (SCHEMA_NONE = of
 * which nothing is); the identity of a userset counts. */
static inline bool
reach_leads_on(const struct reach *reach, uint32_t child)
{
    return child != SCHEMA_NONE && (child == reach->subject.member || reach_may_hold(reach, child));
}

/* Whether a node of a plain member holds the subject. */
enum status reach_ask(struct reach *reach, uint64_t object, uint32_t member, bool *holds,
                      struct error *error) BEHALF_MUST_USE;

/* Of the far nodes that a walk goes on from with `member`, which need not be plain, those that may
 * hold the subject; every other is a deny for ever. NULL when finding them is not worth it:
 * `walked` edges were read so far. */
enum status reach_narrowed(struct reach *reach, uint32_t member, uint32_t walked,
                           const struct reverse_walk **narrow, struct error *error) BEHALF_MUST_USE;

#endif
