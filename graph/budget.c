/* budget.c - the rare half of paying for edges: the clock, the cancel flag, the end of the
 * budget. */
#include "graph/budget.h"

void
budget_init(struct budget *budget, const struct env *env, uint64_t edges, int64_t deadline_ns,
            const atomic_bool *cancelled)
{
    *budget = (struct budget){
        .edges_left = edges,
        .edges_until_clock = BUDGET_CLOCK_EDGES,
        .deadline_ns = deadline_ns,
        .env = env,
        .cancelled = cancelled,
    };
}

void
budget_renew(struct budget *budget, uint64_t edges)
{
    if (budget->ended == BEHALF_DEADLINE)
        return;
    budget->ended = BEHALF_OK;
    budget->edges_left = edges;
}

/* From here on every call comes here again, and ends in the same way. */
static enum status
end(struct budget *budget, enum status status, struct error *error)
{
    budget->ended = status;
    budget->edges_left = 0;
    budget->edges_until_clock = 0;
    switch ((int)status) {
    case BEHALF_WOULD_BLOCK:
        break;
    case BEHALF_DEADLINE:
        error_set(error, status, "the request did not end before its deadline");
        break;
    default:
        error_set(error, status, "the request visited more relationships than its budget allows");
        error_hint(error, "ask for a narrower resource or subject, or split the request");
    }
    return status;
}

/* Takes what is missing from the edges that are shared, and some more where there are more.
 * Relaxed: it is a number, and nothing else is handed over by it. */
static bool
refill(struct budget *budget, uint64_t edges)
{
    uint64_t missing = edges - budget->edges_left;
    uint64_t wanted = missing > BUDGET_CLOCK_EDGES ? missing : BUDGET_CLOCK_EDGES;
    uint64_t left;
    uint64_t taken;

    if (budget->shared == NULL)
        return false;
    left = atomic_load_explicit(budget->shared, memory_order_relaxed);
    do {
        if (left < missing)
            return false;
        taken = left < wanted ? left : wanted;
    } while (!atomic_compare_exchange_weak_explicit(budget->shared, &left, left - taken,
                                                    memory_order_relaxed, memory_order_relaxed));
    budget->edges_left += taken;
    return true;
}

enum status
budget_spend_slow(struct budget *budget, uint64_t edges, struct error *error)
{
    int64_t now;

    if (budget->ended != BEHALF_OK)
        return end(budget, budget->ended, error);
    if (edges > budget->edges_left && !refill(budget, edges))
        return end(budget, budget->is_inline ? BEHALF_WOULD_BLOCK : BEHALF_BUDGET_EXHAUSTED, error);
    /* Nobody reads what is said to a caller that has gone. */
    if (budget->cancelled != NULL && atomic_load_explicit(budget->cancelled, memory_order_acquire))
        return end(budget, BEHALF_DEADLINE, error);
    now = env_monotonic_ns(budget->env);
    if (budget->deadline_ns == 0)
        budget->deadline_ns = now + budget->span_ns;
    if (now >= budget->deadline_ns)
        return end(budget, BEHALF_DEADLINE, error);
    if (budget->yield_ns != 0 && now >= budget->yield_ns &&
        atomic_load_explicit(budget->others_wait, memory_order_relaxed))
        return end(budget, BEHALF_WOULD_BLOCK, error);
    budget->edges_left -= edges;
    budget->edges_until_clock = BUDGET_CLOCK_EDGES;
    return BEHALF_OK;
}

enum status
budget_memory_refused(struct error *error)
{
    arena_describe_refusal(error);
    return BEHALF_OVERLOADED;
}

enum status
budget_describe_memory(struct error *error)
{
    if (arena_was_refused())
        return budget_memory_refused(error);
    (void)error_set(error, BEHALF_BUDGET_EXHAUSTED,
                    "the request needs more memory than its budget allows");
    error_hint(error, "ask for a narrower resource or subject, or split the request");
    return BEHALF_BUDGET_EXHAUSTED;
}
