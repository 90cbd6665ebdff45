/* reach_together.h - interleaves the walks of several questions on one thread.
 *
 * A walk over nodes that are in no cache of the processor waits for memory at each of them. Walks
 * of different questions are independent, so they take steps in turn: while one waits for its next
 * node, the others use theirs.
 *
 * Always true: walks share nothing but the view, its budget and the arena, and a decided lane has
 * the decision that eval_node would give. A lane may be left undecided: its node is not plain
 * (plain.h), its walk is wide, or something stopped it. The caller then evaluates that question by
 * itself, which also reports what stopped it.
 * Threads: the view's. Memory: from the arena of the lanes. */
#ifndef BEHALF_EVAL_REACH_TOGETHER_H
#define BEHALF_EVAL_REACH_TOGETHER_H

#include "eval/reach.h"

#define REACH_TOGETHER_MAX 16

struct reach_lane {
    struct reach reach; /* fresh, without `wide`, for this lane alone */
    uint64_t object;
    uint32_t member;
    bool decided; /* set by reach_together: `holds` is the decision */
    bool holds;
};

/* At most REACH_TOGETHER_MAX lanes, over one view and one arena. */
void reach_together(struct reach_lane *lanes, size_t count);

#endif
