/* reach_together.c - see reach_together.h.
 * Always true: `open` are the lanes whose walk goes on, in no order; each has a next node. */
#include "eval/reach_together.h"

#include "eval/reach_private.h"

/* What eval_ask would ask of the edges of plain members. */
static bool
is_for_lane(const struct reach_lane *lane)
{
    const struct reach *reach = &lane->reach;

    return reach->scope.binding->plain[lane->member].plain && reach_may_hold(reach, lane->member) &&
           !(reach->subject.member == lane->member && reach->subject.node == lane->object);
}

/* Whether the lane's walk goes on. One that anything stops is not decided, whatever it saw. */
static bool
take_in(struct reach_lane *lane, enum status status, enum reach_progress progress)
{
    lane->decided = status == BEHALF_OK && (progress == REACH_HOLDS || progress == REACH_DENIES);
    lane->holds = lane->decided && progress == REACH_HOLDS;
    return status == BEHALF_OK && progress == REACH_GOES_ON;
}

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
            reach_fetch(&open[at]->reach);
        for (size_t at = 0; at < open_count; at++) {
            struct reach_lane *lane = open[at];
            enum reach_progress progress;
            struct error ignored;
            enum status status = reach_step(&lane->reach, &progress, &ignored);

            if (take_in(lane, status, progress))
                open[kept++] = lane;
        }
        open_count = kept;
    }
}
