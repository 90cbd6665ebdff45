/* reach_wide.c - chooses the method for a walk that turns out to be wide.
 *
 * When a walk of reach.c has followed LIMIT_WIDE_EDGES edges, its first node is asked again by a
 * cheaper method: by the reverse walk from the subject, if the subject reaches little (reverse.h;
 * exact for a plain member), otherwise by a parallel search (frontier.h).
 *
 * Always true: `visited` contains proven denies only. It is kept after a search that denied, and
 * dropped after any other. */
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
    /* A thread of a parallel search always hands a node over: the shared set decides whether it is
     * new. */
    *taken = reach->hand != NULL || key_set_has(reach->visited, eval_key(object, member));
    return reach->hand == NULL ? BEHALF_OK : frontier_add(reach->hand, object, member, error);
}

/* Asks the reverse walk. *known: it ended within its bound, so it decides alone. A plain member has
 * no operator or condition that could leave an entry open. */
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

/* Runs a parallel search. After a deny every visited key is a deny, and later searches skip them.
 * After an allow or an error the visited keys prove nothing, so they are forgotten. */
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

/* The reverse walk comes first: its cost is bounded by what was walked already, and it needs no
 * other thread. */
enum status
reach_widen(struct reach *reach, uint64_t object, uint32_t member, uint32_t walked, bool *holds,
            struct error *error)
{
    bool known;
    enum status status = ask_reverse(reach, object, member, walked, &known, holds, error);

    return status != BEHALF_OK || known ? status
                                        : ask_frontier(reach, object, member, holds, error);
}
