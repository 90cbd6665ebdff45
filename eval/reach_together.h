/* reach_together.h - several decisions at once, on one thread.
 *
 * A walk of nodes that are in no cache of the processor waits for memory at each of them. Walks of
 * different questions need nothing of each other: so they take steps in turn, and while one waits
 * for its next node, the others use theirs.
 *
 * Always true: a walk shares nothing with another but the view, its budget and the arena; what it
 * decides is what eval_node decides alone. It decides or is left open: where a node is not plain
 * (plain.h), a walk becomes wide, or anything stops it, the question is to be asked by itself,
 * which also says what stopped it.
 * Threads: the view's. Memory: from the arena of the lanes. */
#ifndef BEHALF_EVAL_REACH_TOGETHER_H
#define BEHALF_EVAL_REACH_TOGETHER_H

#include "eval/reach.h"

#define REACH_TOGETHER_MAX 16

struct reach_lane {
    struct reach reach; /* fresh, without `wide`; used by this lane alone */
    uint64_t object;
    uint32_t member;
    bool decided; /* set by reach_together: `holds` is the decision */
    bool holds;
};

/* At most REACH_TOGETHER_MAX lanes, over one view and one arena. */
void reach_together(struct reach_lane *lanes, size_t count);

#endif
