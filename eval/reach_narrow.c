/* reach_narrow.c - the cheaper side of a wide walk.
 *
 * A document shared with 10,000 groups and a user in five of them must not cost 10,000 questions.
 * When a walk turns out to be wide, the few objects that the subject may reach at all are found
 * from the subject's side (reverse.h is an upper bound), and only those of them are walked that
 * stand on the relation. A far node that is left out is a deny for ever: nothing leads from the
 * subject to it. How much is spent on finding them is in proportion to what was already walked, so
 * that a subject with more memberships than the relation has edges costs a fraction more and no
 * multiple. Not for .all, where objects without the subject decide as well. */
#include "eval/reach_private.h"
#include "eval/limits.h"

/* What was found for one member; kept for the whole request. */
struct reach_narrow {
    struct reach_narrow *next;
    uint32_t member;
    struct reverse_walk walk; /* cut: to be tried again with more */
};

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
    /* Not before it may go twice as far: all that was tried together is in proportion as well. */
    if (row->walk.cut && row->walk.most <= most / 2) {
        row->walk = (struct reverse_walk){
            .view = reach->view,
            .scope = reach->scope,
            .target = member,
            .most = most,
        };
        status = reverse_walk(&row->walk, &reach->subject, error);
        /* What a walk found that did not end says nothing. */
        row->walk.cut = row->walk.cut || status != BEHALF_OK;
    }
    if (status == BEHALF_OK && !row->walk.cut)
        *narrow = &row->walk;
    return status;
}

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
