/* budget.c - the slow half of the budget: the clock, the cancel flag, the end of the budget.
 * Always true: once `ended` is set, both counters are 0, so every later budget_spend comes here and
 * fails in the same way. Only budget_renew revives a budget, and never after a missed deadline. */
#include "graph/budget.h"

void
budget_init(struct budget *budget, const struct env *env, uint64_t edges, int64_t deadline_ns,
            const atomic_bool *cancelled)
{
    *budget = (struct budget){
        .edges_left = edges,
        .edges_granted = edges,
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
    budget->edges_granted += edges - budget->edges_left;
    budget->edges_left = edges;
}

/* Ends the budget: with both counters at 0, every later call takes the slow path and ends here. */
static enum status
end(struct budget *budget, enum status status, struct error *error)
{
    budget->ended = status;
    budget->edges_granted -= budget->edges_left; /* given up, not visited */
    budget->edges_left = 0;
    budget->edges_until_clock = 0;
    switch ((int)status) {
    /* No message: the engine runs the request again, on the pool, and no client sees this
     * status. */
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

/* Takes the missing edges from the shared counter, and a clock interval's worth where there are
 * that many, so that the threads of a wide walk rarely meet at its cache line. Relaxed: the counter
 * publishes no data. */
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
    /* The caller has gone and will not read the message. */
    if (budget->cancelled != NULL && atomic_load_explicit(budget->cancelled, memory_order_acquire))
        return end(budget, BEHALF_DEADLINE, error);
    now = env_monotonic_ns(budget->env);
    /* A deadline relative to the first look at the clock: a short check that ends before that never
     * reads the clock. */
    if (budget->deadline_ns == 0)
        budget->deadline_ns = now + budget->span_ns;
    if (now >= budget->deadline_ns)
        return end(budget, BEHALF_DEADLINE, error);
    if (budget->yield_ns != 0 && now >= budget->yield_ns &&
        atomic_load_explicit(budget->others_wait, memory_order_relaxed))
        return end(budget, BEHALF_WOULD_BLOCK, error);
    /* Up to here the budget is unchanged, so a refusal above reports the first bound reached. */
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
