/* eval_narrow.c - the cheaper side of a wide walk.
 *
 * A document shared with 10,000 groups and a user in five of them must not cost 10,000 questions.
 * When a walk turns out to be wide, the few objects that the subject may reach at all are found
 * from the subject's side (reverse.h is an upper bound), and only those of them are walked that
 * stand on the relation. A far node that is left out is a deny for ever: nothing leads from the
 * subject to it. How much is spent on finding them is in proportion to what was already walked, so
 * that a subject with more memberships than the relation has edges costs a fraction more and no
 * multiple. Not for .all, where objects without the subject decide as well. */
#include "eval/eval_private.h"
#include "eval/limits.h"

/* What was found for one member; kept for the whole evaluation. */
struct eval_narrow {
    struct eval_narrow *next;
    uint32_t member;
    struct reverse_walk walk; /* cut: to be tried again with more */
};

static struct eval_narrow *
find_narrow(struct eval *eval, uint32_t member)
{
    struct eval_narrow *narrow = eval->narrows;

    while (narrow != NULL && narrow->member != member)
        narrow = narrow->next;
    if (narrow != NULL)
        return narrow;
    narrow = arena_take_array(eval->arena, 1, sizeof *narrow);
    if (narrow == NULL)
        return NULL;
    narrow->member = member;
    narrow->walk.cut = true;
    narrow->next = eval->narrows;
    eval->narrows = narrow;
    return narrow;
}

enum status
eval_narrowed(struct eval *eval, uint32_t member, uint32_t walked,
              const struct reverse_walk **narrow, struct error *error)
{
    struct eval_narrow *row = find_narrow(eval, member);
    uint32_t most =
        walked < UINT32_MAX / LIMIT_NARROW_FACTOR ? walked * LIMIT_NARROW_FACTOR : UINT32_MAX;
    enum status status = BEHALF_OK;

    *narrow = NULL;
    if (row == NULL)
        return budget_memory_spent(error);
    /* Not before it may go twice as far: all that was tried together is in proportion as well. */
    if (row->walk.cut && row->walk.most <= most / 2) {
        row->walk = (struct reverse_walk){
            .view = eval->view,
            .scope = eval->scope,
            .target = member,
            .most = most,
        };
        status = reverse_walk(&row->walk, &eval->subject, error);
        /* What a walk found that did not end says nothing. */
        row->walk.cut = row->walk.cut || status != BEHALF_OK;
    }
    if (status == BEHALF_OK && !row->walk.cut)
        *narrow = &row->walk;
    return status;
}

enum status
eval_narrow_share(struct eval *eval, const struct eval *other, struct error *error)
{
    for (const struct eval_narrow *row = other->narrows; row != NULL; row = row->next) {
        struct eval_narrow *copy = row->walk.cut ? NULL : find_narrow(eval, row->member);

        if (copy == NULL && !row->walk.cut)
            return budget_memory_spent(error);
        if (copy != NULL)
            copy->walk = row->walk;
    }
    return BEHALF_OK;
}

enum status
eval_narrow(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    struct eval_walk *walk = &frame->walk;

    if (eval->domain != VALUE_DECISION ||
        eval->schema->rewrites[frame->rewrite].op == REWRITE_ARROW_ALL)
        return BEHALF_OK;
    return eval_narrowed(eval, walk->child, walk->walked, &walk->narrow, error);
}
