/* eval_wide.c - walks of plain members that turn out to be wide.
 *
 * When a walk of eval_plain.c has seen LIMIT_WIDE_EDGES edges, the node it began with is asked
 * anew, from the cheaper side: from the subject, when it reaches little (reverse.h; for a plain
 * member it is exact), else as a frontier, which several threads may share (frontier.h). */
#include "base/memory.h"
#include "eval/eval_private.h"
#include "eval/frontier.h"
#include "eval/limits.h"

/* --- memory --- */

static void
take_visited(struct eval_wide *wide)
{
    wide->visited = memory_new(sizeof *wide->visited);
    arena_init_request(&wide->visited->arena, LIMIT_WIDE_ARENA);
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

/* --- asking --- */

enum status
eval_visit(struct eval *eval, uint64_t object, uint32_t member, bool *taken, struct error *error)
{
    *taken = eval->hand != NULL || key_set_has(eval->visited, eval_key(object, member));
    return eval->hand == NULL ? BEHALF_OK : frontier_add(eval->hand, object, member, error);
}

/* From the subject's side: *known when it reaches little enough. */
static enum status
ask_reverse(struct eval *eval, uint64_t object, uint32_t member, uint32_t walked, bool *known,
            bool *holds, struct error *error)
{
    const struct reverse_walk *walk;
    enum status status = eval_narrowed(eval, member, walked, &walk, error);
    uint32_t at;

    *known = status == BEHALF_OK && walk != NULL;
    if (!*known)
        return status;
    at = reverse_lower_bound(walk, object);
    if (at == walk->found.count || reverse_node(walk, at) != object) {
        *holds = false;
        return BEHALF_OK;
    }
    if (BEHALF_UNLIKELY(RESOURCE_OPEN(walk->found.entries[at])))
        return EVAL_BROKEN(eval, object, member, "what reaches a plain member is certain", error);
    *holds = true;
    return BEHALF_OK;
}

/* What a frontier has denied stays denied; what it met before an allow is not known. */
static enum status
ask_frontier(struct eval *eval, uint64_t object, uint32_t member, bool *holds, struct error *error)
{
    struct eval_wide *wide = eval->wide;
    enum status status;

    if (wide->visited == NULL)
        take_visited(wide);
    status = frontier_walk(eval, object, member, holds, error);
    eval->visited = &wide->visited->keys;
    if (status == BEHALF_OK && !*holds)
        return BEHALF_OK;
    eval->visited = NULL;
    eval_wide_release(wide);
    return status;
}

enum status
eval_widen(struct eval *eval, uint64_t object, uint32_t member, uint32_t walked, bool *holds,
           struct error *error)
{
    bool known;
    enum status status = ask_reverse(eval, object, member, walked, &known, holds, error);

    return status != BEHALF_OK || known ? status : ask_frontier(eval, object, member, holds, error);
}
