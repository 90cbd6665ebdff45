/* eval_wide.c - checks that turn out to be wide.
 *
 * The evaluation goes into one node after the other, and remembers each. That is right for all that
 * a schema can say, and more than a part of unions needs: whether a node holds the subject is there
 * whether one of those that can be reached does. So when a check has seen LIMIT_WIDE_EDGES edges,
 * the outermost node of such a part that is being evaluated is begun anew, from the cheaper side:
 * from the subject, when it reaches little (reverse.h; in such a part it is exact), else as a
 * frontier, which several threads may share (frontier.h). Whatever stands around that part is the
 * evaluation's as before. What it had found out inside is forgotten, and little was lost. */
#include "base/memory.h"
#include "engine/eval_private.h"
#include "engine/frontier.h"
#include "engine/limits.h"

/* --- memory --- */

static void
take_visited(struct eval_wide *wide)
{
    wide->visited = memory_new(sizeof *wide->visited);
    arena_init(&wide->visited->arena, LIMIT_WIDE_ARENA);
    key_set_init(&wide->visited->keys, &wide->visited->arena);
}

void
eval_visited_free(struct eval_visited *visited)
{
    if (visited == NULL)
        return;
    key_set_release(&visited->keys);
    arena_release(&visited->arena);
    memory_free(visited);
}

void
eval_wide_mark(struct eval *eval)
{
    uint64_t left = eval->view->budget->edges_left;

    eval->wide_below = left > LIMIT_WIDE_EDGES ? left - LIMIT_WIDE_EDGES : 0;
}

/* --- a key of a frontier --- */

enum status
eval_visit(struct eval *eval, uint64_t object, uint32_t member, bool *denied, struct error *error)
{
    if (eval->hand == NULL) {
        *denied = key_set_has(eval->visited, eval_key(object, member));
        return BEHALF_OK;
    }
    *denied = true;
    return frontier_add(eval->hand, object, member, error);
}

enum status
eval_look(struct eval *eval, uint64_t object, uint32_t member, bool *found, struct error *error)
{
    const struct schema_member *row = &eval->schema->members[member];
    enum status status = BEHALF_OK;

    if (row->kind == SCHEMA_RELATION) {
        struct value value;

        status = eval_direct(eval, object, member, &value, error);
        *found = status == BEHALF_OK && value.lower;
        if (status != BEHALF_OK || *found || !row->has_usersets)
            return status;
    }
    status = eval_push(eval, object, row->root, EVAL_NONE, false, error);
    if (status == BEHALF_OK)
        status = eval_run(eval, 0, error);
    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(eval->result.lower == eval->result.upper);
    *found = eval->result.lower;
    return BEHALF_OK;
}

/* --- turning to it --- */

/* The outermost frame of a node of unions; NULL when there is none. */
static struct eval_frame *
find_unions(struct eval *eval)
{
    for (uint32_t at = 0; at < eval->frame_count; at++) {
        struct eval_frame *frame = &eval->frames[at];

        if (frame->entry != EVAL_NONE && eval->binding->unions[eval->entries[frame->entry].member])
            return frame;
    }
    return NULL;
}

/* Forgets what was found behind a node, and the frames from its own on. The nodes before it stay
 * as they are: none of them is in its part, or it would have been the outermost. */
static enum status
forget_behind(struct eval *eval, struct eval_frame *frame, struct error *error)
{
    uint32_t kept = frame->entry + 1;

    eval->pending_count = frame->pending_base;
    while (eval_top(eval) != frame) {
        eval_walk_stop(eval, &eval_top(eval)->walk);
        eval->frame_count--;
    }
    eval_walk_stop(eval, &frame->walk);
    eval->frame_count--;
    eval->entry_count = kept;
    if (!table_init(&eval->index, eval->arena, kept))
        return budget_memory_spent(error);
    for (uint32_t at = 0; at < kept; at++) {
        if (!table_add(&eval->index, eval_key(eval->entries[at].object, eval->entries[at].member),
                       at))
            return budget_memory_spent(error);
    }
    return BEHALF_OK;
}

/* From the subject's side: *known when it reaches little enough. */
static enum status
ask_reverse(struct eval *eval, const struct eval_entry *entry, bool *known, bool *found,
            struct error *error)
{
    const struct reverse_walk *walk;
    enum status status = eval_narrowed(eval, entry->member, LIMIT_WIDE_EDGES, &walk, error);
    uint32_t at;

    *known = status == BEHALF_OK && walk != NULL;
    if (!*known)
        return status;
    at = reverse_lower_bound(walk, entry->object);
    *found = at < walk->found_count && walk->found[at].node == entry->object;
    BEHALF_ASSERT(!*found || walk->found[at].certain);
    return BEHALF_OK;
}

static enum status
walk_frontier(struct eval *eval, const struct eval_entry *entry, bool *found, struct error *error)
{
    struct eval_wide *wide = eval->wide;
    enum status status;

    if (wide->visited == NULL)
        take_visited(wide);
    status = frontier_walk(eval, entry->object, entry->member, found, error);
    eval->visited = &wide->visited->keys;
    if (status == BEHALF_OK && !*found)
        return BEHALF_OK;
    eval->visited = NULL;
    eval_wide_release(wide);
    return status;
}

enum status
eval_widen(struct eval *eval, struct error *error)
{
    struct eval_frame *frame = eval->solving ? NULL : find_unions(eval);
    struct eval_entry *entry;
    bool known = false;
    bool found = false;
    enum status status = BEHALF_OK;

    if (frame != NULL) {
        entry = &eval->entries[frame->entry];
        status = forget_behind(eval, frame, error);
        if (status == BEHALF_OK)
            status = ask_reverse(eval, entry, &known, &found, error);
        if (status == BEHALF_OK && !known)
            status = walk_frontier(eval, entry, &found, error);
        entry->state = ENTRY_FINAL;
        entry->value = value_decision(found);
        eval->result = entry->value;
        eval->result_low = EVAL_NONE;
        eval->has_result = true;
    }
    eval_wide_mark(eval);
    return status;
}
