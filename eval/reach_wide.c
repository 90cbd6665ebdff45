/* reach_wide.c - walks of plain members that turn out to be wide.
 *
 * When a walk of reach.c has seen LIMIT_WIDE_EDGES edges, the node it began with is asked
 * anew, from the cheaper side: from the subject, when it reaches little (reverse.h; for a plain
 * member it is exact), else as a frontier, which several threads may share (frontier.h). */
#include "base/memory.h"
#include "eval/reach_private.h"
#include "eval/frontier.h"
#include "eval/limits.h"

/* --- memory --- */

static void
take_visited(struct reach_wide *wide)
{
    wide->visited = memory_new(sizeof *wide->visited);
    arena_init_request(&wide->visited->arena, LIMIT_WIDE_ARENA);
    key_set_init(&wide->visited->keys, &wide->visited->arena);
}

void
reach_visited_free(struct reach_visited *visited)
{
    if (visited == NULL)
        return;
    key_set_release(&visited->keys);
    arena_release(&visited->arena);
    memory_free(visited);
}

/* --- asking --- */

enum status
reach_visit(struct reach *reach, uint64_t object, uint32_t member, bool *taken, struct error *error)
{
    *taken = reach->hand != NULL || key_set_has(reach->visited, eval_key(object, member));
    return reach->hand == NULL ? BEHALF_OK : frontier_add(reach->hand, object, member, error);
}

/* From the subject's side: *known when it reaches little enough. */
static enum status
ask_reverse(struct reach *reach, uint64_t object, uint32_t member, uint32_t walked, bool *known,
            bool *holds, struct error *error)
{
    const struct reverse_walk *walk;
    enum status status = reach_narrowed(reach, member, walked, &walk, error);
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
        return REACH_BROKEN(reach, object, member, "what reaches a plain member is certain", error);
    *holds = true;
    return BEHALF_OK;
}

/* What a frontier has denied stays denied; what it met before an allow is not known. */
static enum status
ask_frontier(struct reach *reach, uint64_t object, uint32_t member, bool *holds,
             struct error *error)
{
    struct reach_wide *wide = reach->wide;
    enum status status;

    if (wide->visited == NULL)
        take_visited(wide);
    status = frontier_walk(reach, object, member, holds, error);
    reach->visited = &wide->visited->keys;
    if (status == BEHALF_OK && !*holds)
        return BEHALF_OK;
    reach->visited = NULL;
    reach_wide_release(wide);
    return status;
}

enum status
reach_widen(struct reach *reach, uint64_t object, uint32_t member, uint32_t walked, bool *holds,
            struct error *error)
{
    bool known;
    enum status status = ask_reverse(reach, object, member, walked, &known, holds, error);

    return status != BEHALF_OK || known ? status
                                        : ask_frontier(reach, object, member, holds, error);
}
