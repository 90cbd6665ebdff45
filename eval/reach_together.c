/* reach_together.c - interleaved walks; reach_together.h has the contract.
 * Always true: `open` holds the lanes whose walk goes on, in any order, and each has a next node. A
 * lane is decided only by a step that succeeded. */
#include "eval/reach_together.h"

#include "eval/reach_private.h"

/* Whether eval_ask would answer this question by reach.c: plain, possible by the schema, and no
 * identity. The last two are decided by eval_ask without any edge, so they are left to it. */
static bool
is_for_lane(const struct reach_lane *lane)
{
    const struct reach *reach = &lane->reach;

    return reach->scope.binding->plain[lane->member].plain && reach_may_hold(reach, lane->member) &&
           !(reach->subject.member == lane->member && reach->subject.node == lane->object);
}

/* Records the outcome of a step; true when the walk goes on. A lane that an error stopped is
 * undecided, whatever it saw: a deny would be wrong, since nodes were left out. */
static bool
take_in(struct reach_lane *lane, enum status status, enum reach_progress progress)
{
    lane->decided = status == BEHALF_OK && (progress == REACH_HOLDS || progress == REACH_DENIES);
    lane->holds = lane->decided && progress == REACH_HOLDS;
    return status == BEHALF_OK && progress == REACH_GOES_ON;
}

/* Begins every lane for which reach.c is responsible, and collects those whose walk goes on. Errors
 * are dropped: the caller meets them again when it evaluates the undecided question. */
static size_t
begin_all(struct reach_lane *lanes, size_t count, struct reach_lane **open)
{
    const struct reach *before = NULL;
    size_t open_count = 0;

    for (size_t at = 0; at < count; at++) {
        struct reach_lane *lane = &lanes[at];
        enum reach_progress progress;
        struct error ignored;
        enum status status;

        lane->decided = lane->holds = false;
        if (!is_for_lane(lane))
            continue;
        /* A lane whose first node decides by its own edges ends here; the others take part in the
         * rounds. */
        status = reach_begin(&lane->reach, lane->object, lane->member, before, &progress, &ignored);
        if (!take_in(lane, status, progress))
            continue;
        open[open_count++] = lane;
        before = &lane->reach;
    }
    return open_count;
}

void
reach_together(struct reach_lane *lanes, size_t count)
{
    struct reach_lane *open[REACH_TOGETHER_MAX];
    size_t open_count;

    BEHALF_ASSERT(count <= REACH_TOGETHER_MAX);
    open_count = begin_all(lanes, count, open);
    while (open_count > 0) {
        size_t kept = 0;

        for (size_t at = 0; at < open_count; at++)
            /* First all fetches, then all steps, so that the memory accesses of one round
             * overlap. */
            reach_fetch(&open[at]->reach);
        for (size_t at = 0; at < open_count; at++) {
            struct reach_lane *lane = open[at];
            enum reach_progress progress;
            struct error ignored;
            enum status status = reach_step(&lane->reach, &progress, &ignored);

            if (take_in(lane, status, progress))
                open[kept++] = lane;
        }
        /* Lanes are compacted in place; a lane that ended makes the rounds of the others
         * shorter. */
        open_count = kept;
    }
}
