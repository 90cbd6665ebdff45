/* reach.h - whether a node of a plain member (plain.h) holds one subject. This is reachability,
 * without values and without a stack. The core (eval.h) calls it; it knows nothing of the core.
 *
 * The search is breadth first from the node's own side. A walk that turns out to be wide continues
 * by a cheaper method: by the reverse walk from the subject if the subject reaches little
 * (reverse.h), otherwise as a parallel search (frontier.h).
 *
 * Always true: an edge with a caveat or an expiration is ignored, since no plain member allows one.
 * Conclusions last for the whole request: a node that was denied is never visited again. A walk
 * that failed has concluded nothing.
 *
 * Threads: one request, one thread at a time; in a parallel search each thread has a reach of its
 * own. Memory: the given arena. Until a check is wide it holds a pointer to the executor and no
 * memory; what it takes then is bounded by LIMIT_WIDE_ARENA.
 * Errors: those of graph.h and budget.h. After an error the reach must not be used again. */
#ifndef BEHALF_EVAL_REACH_H
#define BEHALF_EVAL_REACH_H

#include "eval/executor.h"
#include "eval/key_set.h"
#include "eval/reverse.h"

/* The nodes that parallel searches have visited. */
struct reach_visited {
    struct arena arena;
    struct key_set keys;
};

/* What a wide check may use in addition to its own thread and arena. */
struct reach_wide {
    struct executor *executor;
    struct reach_visited *visited; /* NULL until needed */
};

void reach_visited_free(struct reach_visited *visited); /* accepts NULL */

/* Frees the memory; a reach that has used it must not be used again. */
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
    struct condition_scope scope; /* for the reverse walk, which evaluates conditions */
    struct graph_view *view;
    struct eval_subject subject;
    uint16_t subject_label; /* of the subject's relation; LABEL_NONE for a plain subject */

    struct reach_search *search;  /* NULL until the first walk */
    struct reach_narrow *narrows; /* reverse walks from the subject, by member */
    /* The caller sets this after reach_init, with a view that may block, to allow parallel
     * searches. NULL: this thread does all the work. */
    struct reach_wide *wide;
    /* keys denied by parallel searches; with `hand`, all keys reached */
    struct key_set *visited;
    struct frontier_hand *hand; /* non-NULL: this reach visits keys for that thread's search */
};

/* `scope->arena` provides the memory for everything that is remembered. */
void reach_init(struct reach *reach, const struct condition_scope *scope, struct graph_view *view,
                const struct eval_subject *subject);

/* Whether the schema lets the member hold the subject at all. */
static inline bool
reach_may_hold(const struct reach *reach, uint32_t member)
{
    return schema_reaches(reach->scope.binding->schema, member, reach->subject.type,
                          reach->subject.member != SCHEMA_NONE);
}

/* Whether the subject may be reached through far objects that are asked for `child` (SCHEMA_NONE:
 * they are asked for nothing). The identity of a userset counts. */
static inline bool
reach_leads_on(const struct reach *reach, uint32_t child)
{
    return child != SCHEMA_NONE && (child == reach->subject.member || reach_may_hold(reach, child));
}

/* Whether a node of a plain member holds the subject. */
enum status reach_ask(struct reach *reach, uint64_t object, uint32_t member, bool *holds,
                      struct error *error) BEHALF_MUST_USE;

/* The far nodes that may hold the subject by `member`, which need not be plain; any other far node
 * is a deny for the whole request. NULL when the search for them would cost too much compared with
 * the `walked` edges that were read so far. */
enum status reach_narrowed(struct reach *reach, uint32_t member, uint32_t walked,
                           const struct reverse_walk **narrow, struct error *error) BEHALF_MUST_USE;

#endif
