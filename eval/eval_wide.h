/* eval_wide.h - what a check that turns out to be wide may use beside its own thread and arena.
 *
 * Always true: before a check is wide there is a pointer to the executor and no memory; what is
 * taken then is bounded by LIMIT_WIDE_ARENA.
 * Threads: one request; one evaluation at a time. */
#ifndef BEHALF_EVAL_EVAL_WIDE_H
#define BEHALF_EVAL_EVAL_WIDE_H

#include "eval/executor.h"
#include "eval/key_set.h"

/* Nodes visited by frontiers (frontier.h). */
struct eval_visited {
    struct arena arena;
    struct key_set keys;
};

struct eval_wide {
    struct executor *executor;
    struct eval_visited *visited; /* NULL until needed */
};

void eval_visited_free(struct eval_visited *visited); /* accepts NULL */

/* Lets go of the memory; an evaluation that has used it is not to be used again. */
static inline void
eval_wide_release(struct eval_wide *wide)
{
    if (BEHALF_UNLIKELY(wide->visited != NULL))
        eval_visited_free(wide->visited);
    wide->visited = NULL;
}

#endif
