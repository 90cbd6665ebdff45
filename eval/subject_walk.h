/* subject_walk.h - the subjects of a plain member (plain.h), in bounded memory.
 *
 * A plain member is a union over unconditional edges, so its subjects are those of all nodes that
 * can be reached. The search visits each node once and collects the smallest subjects after
 * `after`, one window at a time. The subjects domain of eval.h computes the same set, but keeps one
 * set per node.
 *
 * Always true: `found` has every subject in (after, to], in ascending order, none of them excluded.
 * Costs: a bit or two for each node where nodes were created together, at most about 100 bytes; 8
 * to 32 bytes for each subject of the window. Memory: the arena's. Threads: one request.
 * Errors: those of graph.h and budget.h. */
#ifndef BEHALF_EVAL_SUBJECT_WALK_H
#define BEHALF_EVAL_SUBJECT_WALK_H

#include "eval/reverse.h"
#include "eval/subject_set.h"

struct subject_walk {
    const struct binding *binding;
    struct graph_view *view;
    struct arena *arena;
    struct eval_subject kind; /* `node` is unused */
    uint64_t after;           /* subjects up to this sequence are skipped */
    uint32_t window;          /* how many of the following are wanted; 0 = all */

    struct subject_set found;
    uint64_t to; /* RESOURCE_END when there are no more */
};

/* Searches from a node of a plain member. The caller sets the fields above `found`. */
enum status subject_walk(struct subject_walk *walk, uint64_t object, uint32_t member,
                         struct error *error) BEHALF_MUST_USE;

#endif
