/* reach_narrow.c - semi-join: limits a wide walk to the far nodes that the subject may reach.
 *
 * A document shared with 10,000 groups and a user who is in five of them must not cost 10,000
 * questions. When a walk turns out to be wide, the reverse walk from the subject finds the few
 * objects that the subject may reach at all, and only the edges to those are probed.
 *
 * Always true: the reverse walk is an upper bound (reverse.h), so a far node that is left out is a
 * deny for the whole request. A reverse walk that was cut is no bound and is never used.
 *
 * Cost: the reverse walk may visit LIMIT_NARROW_FACTOR nodes for each edge walked so far, so a
 * subject with more memberships than the relation has edges adds a constant factor at most.
 *
 * Not for `.all`, where objects without the subject decide too. */
#include "eval/reach_private.h"
#include "eval/limits.h"

/* The reverse walk to one member, kept for the whole request. */
struct reach_narrow {
    struct reach_narrow *next;
    uint32_t member;
    struct reverse_walk walk; /* cut: no result yet, to be tried with a larger bound */
};

/* The row of a member, created as `cut` with a bound of 0. Requests have few of them, so a list is
 * enough. */
static struct reach_narrow *
find_narrow(struct reach *reach, uint32_t member)
{
    struct reach_narrow *narrow = reach->narrows;

    while (narrow != NULL && narrow->member != member)
        narrow = narrow->next;
    if (narrow != NULL)
        return narrow;
    narrow = arena_take_array(reach->scope.arena, 1, sizeof *narrow);
    if (narrow == NULL)
        return NULL;
    narrow->member = member;
    narrow->walk.cut = true;
    narrow->next = reach->narrows;
    reach->narrows = narrow;
    return narrow;
}

enum status
reach_narrowed(struct reach *reach, uint32_t member, uint32_t walked,
               const struct reverse_walk **narrow, struct error *error)
{
    struct reach_narrow *row = find_narrow(reach, member);
    uint32_t most =
        walked < UINT32_MAX / LIMIT_NARROW_FACTOR ? walked * LIMIT_NARROW_FACTOR : UINT32_MAX;
    enum status status = BEHALF_OK;

    *narrow = NULL;
    if (row == NULL)
        return budget_memory_spent(error);
    /* A retry must be allowed to go twice as far: then the costs of all attempts form a geometric
     * series, and their sum is in proportion too. */
    if (row->walk.cut && row->walk.most <= most / 2) {
        row->walk = (struct reverse_walk){
            .view = reach->view,
            .scope = reach->scope,
            .target = member,
            .most = most,
        };
        status = reverse_walk(&row->walk, &reach->subject, error);
        /* A walk that failed is not a bound either. */
        row->walk.cut = row->walk.cut || status != BEHALF_OK;
    }
    if (status == BEHALF_OK && !row->walk.cut)
        *narrow = &row->walk;
    return status;
}

/* Copies finished walks. The copies share the entries, which are immutable; the asker's arena
 * outlives its helpers (frontier.c). */
enum status
reach_narrow_share(struct reach *reach, const struct reach *other, struct error *error)
{
    for (const struct reach_narrow *row = other->narrows; row != NULL; row = row->next) {
        struct reach_narrow *copy = row->walk.cut ? NULL : find_narrow(reach, row->member);

        if (copy == NULL && !row->walk.cut)
            return budget_memory_spent(error);
        if (copy != NULL)
            copy->walk = row->walk;
    }
    return BEHALF_OK;
}
