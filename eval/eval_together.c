/* eval_together.c - see eval_together.h.
 * Always true: `open` are the lanes whose walk goes on, in no order; each has a next node. */
#include "eval/eval_together.h"

#include "eval/eval_private.h"

/* What eval_ask would ask of the edges of plain members. */
static bool
is_for_lane(const struct eval_lane *lane)
{
    const struct eval *eval = &lane->eval;

    return eval->binding->plain[lane->member].plain && eval_reaches(eval, lane->member) &&
           !(eval->subject.member == lane->member && eval->subject.node == lane->object);
}

/* Whether the lane's walk goes on. One that anything stops is not decided, whatever it saw. */
static bool
take_in(struct eval_lane *lane, enum status status, enum plain_progress progress)
{
    lane->decided = status == BEHALF_OK && (progress == PLAIN_HOLDS || progress == PLAIN_DENIES);
    lane->holds = lane->decided && progress == PLAIN_HOLDS;
    return status == BEHALF_OK && progress == PLAIN_GOES_ON;
}

static size_t
begin_all(struct eval_lane *lanes, size_t count, struct eval_lane **open)
{
    const struct eval *before = NULL;
    size_t open_count = 0;

    for (size_t at = 0; at < count; at++) {
        struct eval_lane *lane = &lanes[at];
        enum plain_progress progress;
        struct error ignored;
        enum status status;

        lane->decided = lane->holds = false;
        if (!is_for_lane(lane))
            continue;
        status =
            eval_plain_begin(&lane->eval, lane->object, lane->member, before, &progress, &ignored);
        if (!take_in(lane, status, progress))
            continue;
        open[open_count++] = lane;
        before = &lane->eval;
    }
    return open_count;
}

void
eval_together(struct eval_lane *lanes, size_t count)
{
    struct eval_lane *open[EVAL_TOGETHER_MAX];
    size_t open_count;

    BEHALF_ASSERT(count <= EVAL_TOGETHER_MAX);
    open_count = begin_all(lanes, count, open);
    while (open_count > 0) {
        size_t kept = 0;

        for (size_t at = 0; at < open_count; at++)
            eval_plain_fetch(&open[at]->eval);
        for (size_t at = 0; at < open_count; at++) {
            struct eval_lane *lane = open[at];
            enum plain_progress progress;
            struct error ignored;
            enum status status = eval_plain_step(&lane->eval, &progress, &ignored);

            if (take_in(lane, status, progress))
                open[kept++] = lane;
        }
        open_count = kept;
    }
}
