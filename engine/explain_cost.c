/* explain_cost.c - chooses which of several grounds to show.
 *
 * The cost of an allow is the number of relationships in its smallest proof, each counted as often
 * as it is needed. The cost of a deny is the number of things missing on the shortest path to an
 * allow. An alternative costs as much as its cheapest ground, any other claim the sum of its
 * grounds.
 *
 * Costs begin as unknown and only fall, claim by claim, until none falls any more (Bellman 1958).
 * So a known cost has a proof that ends in leaves, and following `best` never returns to the same
 * claim: on such a circle all claims have the same cost, and the one that was set last would have
 * been set from a more expensive one. */
#include "engine/explain_private.h"

#define PASSES_MAX 100

/* Cost of a deny where nothing is stored: an edge to some object, and an edge from that object. */
#define COST_OF_NOTHING 2

bool
claim_is_alternative(const struct claim *claim)
{
    return claim->kind == EXPLAIN_MEMBER || claim->kind == EXPLAIN_UNION;
}

bool
cost_is_nearer(const struct claim *a, const struct claim *b)
{
    return a->cost != b->cost ? a->cost < b->cost : a->held > b->held;
}

static uint32_t
sum(uint32_t a, uint32_t b)
{
    return b > CLAIM_COST_NONE - a ? CLAIM_COST_NONE : a + b;
}

/* --- one claim --- */

struct cost {
    uint32_t cost;
    uint32_t held;
    const struct claim *best;
};

static struct cost
cost_of_any(const struct claim *claim)
{
    struct cost least = {.cost = CLAIM_COST_NONE};

    for (uint32_t i = 0; i < claim->ground_count; i++) {
        const struct claim *ground = claim->grounds[i];

        if (ground->cost == CLAIM_COST_NONE)
            continue;
        if (least.best == NULL || cost_is_nearer(ground, least.best))
            least = (struct cost){ground->cost, ground->held, ground};
    }
    if (claim->outcome == OUTCOME_DENY && claim->ground_count == 0 && claim->grown &&
        !claim->hopeless)
        least.cost = COST_OF_NOTHING;
    return least;
}

/* A right operand that holds must be removed, which costs one. In a proof the right operand is
 * free. */
static uint32_t
cost_in(const struct claim *claim, const struct claim *ground)
{
    if (claim->kind == EXPLAIN_EXCLUSION && ground->outcome != claim->outcome)
        return claim->outcome == OUTCOME_DENY ? 1 : 0;
    return ground->cost;
}

static struct cost
cost_of_all(const struct claim *claim)
{
    struct cost all = {.held = claim->holding};
    bool known = claim->ground_count > 0 && (claim->grown || claim->outcome != OUTCOME_ALLOW);

    for (uint32_t i = 0; i < claim->ground_count; i++) {
        all.cost = sum(all.cost, cost_in(claim, claim->grounds[i]));
        all.held = sum(all.held, claim->grounds[i]->held);
    }
    if (!known)
        all.cost = CLAIM_COST_NONE;
    return all;
}

/* A relationship is one step of a proof. In a deny or an open claim its condition adds one where
 * the condition is what fails. */
static struct cost
cost_of_edge(const struct claim *claim)
{
    struct cost edge = {.held = 1};

    if (claim->outcome == OUTCOME_ALLOW || claim->ground_count == 0 ||
        outcome_of(&claim->condition) == OUTCOME_OPEN)
        edge.cost = 1;
    if (claim->ground_count > 0) {
        edge.cost = sum(edge.cost, claim->grounds[0]->cost);
        edge.held = sum(edge.held, claim->grounds[0]->held);
    }
    return edge;
}

static struct cost
cost_of(const struct claim *claim)
{
    switch (claim->kind) {
    case EXPLAIN_MEMBER:
    case EXPLAIN_UNION:
    case EXPLAIN_DELEGATION:
        return cost_of_any(claim);
    case EXPLAIN_INTERSECTION:
    case EXPLAIN_EXCLUSION:
    case EXPLAIN_ALL:
        return cost_of_all(claim);
    case EXPLAIN_RELATIONSHIP:
        return cost_of_edge(claim);
    case EXPLAIN_ABSENT:
        return (struct cost){.cost = 1};
    case EXPLAIN_IDENTITY:
        return (struct cost){.cost = claim->outcome == OUTCOME_ALLOW ? 0 : CLAIM_COST_NONE};
    case EXPLAIN_CONDITION:
    case EXPLAIN_MORE:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* Recomputes a cost; true when it fell. */
static bool
lower(struct claim *claim)
{
    struct cost cost = cost_of(claim);

    if (cost.cost >= claim->cost)
        return false;
    claim->cost = cost.cost;
    claim->held = cost.held;
    claim->best = cost.best;
    return true;
}

/* --- all of them --- */

/* From last to first: grounds mostly come after the claims that use them, so one pass settles most
 * costs. */
void
cost_settle(struct search *search)
{
    bool fell = true;

    for (uint32_t at = 0; at < search->claim_count; at++) {
        search->claims[at]->cost = CLAIM_COST_NONE;
        search->claims[at]->best = NULL;
    }
    for (uint32_t pass = 0; fell && pass < PASSES_MAX; pass++) {
        fell = false;
        for (uint32_t at = search->claim_count; at > 0; at--)
            fell = lower(search->claims[at - 1]) || fell;
    }
    search->bound = search->bound || fell;
}

/* --- a first proof --- */

struct cost_level {
    struct claim *claim;
    uint32_t next; /* index of the next ground */
};

struct levels {
    struct cost_level *at;
    uint32_t count;
    uint32_t size;
};

static enum status
enter(struct search *search, struct levels *levels, struct claim *claim, struct error *error)
{
    struct cost_level *at =
        arena_grow(search->arena, levels->at, levels->count, &levels->size, sizeof *at);

    if (at == NULL)
        return budget_memory_spent(error);
    levels->at = at;
    at[levels->count++] = (struct cost_level){.claim = claim};
    claim->visited = true;
    return BEHALF_OK;
}

/* Each claim is entered once. A claim that is left without a proof depends on one further up the
 * path; cost_settle finds its proof, since all its grounds were examined. */
enum status
cost_prove(struct search *search, struct claim *root, struct error *error)
{
    struct levels levels = {.at = NULL};
    enum status status = root->visited ? BEHALF_OK : enter(search, &levels, root, error);

    while (status == BEHALF_OK && levels.count > 0) {
        struct cost_level *level = &levels.at[levels.count - 1];
        struct claim *claim = level->claim;

        if (level->next < claim->ground_count) {
            struct claim *ground = claim->grounds[level->next];

            if (ground->outcome == OUTCOME_ALLOW && !ground->visited) {
                status = enter(search, &levels, ground, error);
                continue;
            }
            level->next++;
            if (!claim_is_alternative(claim) || !lower(claim))
                continue;
            levels.count--;
        } else if (!claim->grown) {
            status = search_grow(search, claim, error);
        } else {
            (void)lower(claim);
            levels.count--;
        }
    }
    return status;
}
