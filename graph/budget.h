/* budget.h - the work one request may still do: edges to visit, and time.
 * Always true: a spent budget stays spent until budget_renew, so every later step of the request
 * fails as well; a missed deadline stays missed even then.
 * Threads: one budget per thread; several may draw on the shared edges of one request. The clock is
 * read once every BUDGET_CLOCK_EDGES edges. */
#ifndef BEHALF_GRAPH_BUDGET_H
#define BEHALF_GRAPH_BUDGET_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/env.h"
#include "base/error.h"

#define BUDGET_CLOCK_EDGES 1024

struct budget {
    uint64_t edges_left;
    uint64_t edges_granted; /* so far; what is not left of them was visited */
    uint64_t edges_until_clock;
    int64_t deadline_ns; /* 0 = `span_ns` after the first look at the clock */
    int64_t span_ns;
    const struct env *env;
    const atomic_bool *cancelled; /* may be NULL */
    /* NULL, or the edges left to a request that several threads work for: each has a budget of its
     * own and takes edges from here, BUDGET_CLOCK_EDGES at a time. */
    _Atomic uint64_t *shared;
    /* For a request that yields: from `yield_ns` on it ends with WOULD_BLOCK as soon as others
     * wait. 0 and NULL = it does not yield. */
    int64_t yield_ns;
    const atomic_bool *others_wait;
    enum status ended; /* why the budget is spent; BEHALF_OK = it is not */
    bool is_inline;    /* on an event loop: a spent budget means WOULD_BLOCK */
};

void budget_init(struct budget *budget, const struct env *env, uint64_t edges, int64_t deadline_ns,
                 const atomic_bool *cancelled);

/* Gives the next part of the request a new number of edges; a missed deadline stays missed. */
void budget_renew(struct budget *budget, uint64_t edges);

/* The edges visited so far, by all threads that worked for the request. */
static inline uint64_t
budget_visited(const struct budget *budget)
{
    return budget->edges_granted > budget->edges_left ? budget->edges_granted - budget->edges_left
                                                      : 0;
}

/* The slow half of budget_spend: reads the clock and reports the bound that was reached. */
enum status budget_spend_slow(struct budget *budget, uint64_t edges,
                              struct error *error) BEHALF_MUST_USE;

/* The two halves of budget_memory_spent. */
enum status budget_memory_refused(struct error *error); /* OVERLOADED */
enum status budget_describe_memory(struct error *error);

/* Describes that the request's memory is spent, or that other requests left it none; call it on the
 * thread whose allocation was refused. Where memory runs out elsewhere, dispatch.c tells the two
 * apart for the whole reply. In the header, so that analyzers see that it never returns
 * BEHALF_OK. */
static inline enum status
budget_memory_spent(struct error *error)
{
    enum status status = budget_describe_memory(error);

    BEHALF_ASSUME(status != BEHALF_OK);
    return status;
}

/* Whether the request could get further with memory of its own. */
static inline bool
budget_may_lack_memory(enum status status)
{
    return status == BEHALF_BUDGET_EXHAUSTED || status == BEHALF_OVERLOADED;
}

/* Pays for `edges` edges about to be visited. BUDGET_EXHAUSTED, DEADLINE or WOULD_BLOCK. */
static inline enum status
budget_spend(struct budget *budget, uint64_t edges, struct error *error)
{
    if (BEHALF_LIKELY(edges < budget->edges_until_clock && edges <= budget->edges_left)) {
        budget->edges_left -= edges;
        budget->edges_until_clock -= edges;
        return BEHALF_OK;
    }
    return budget_spend_slow(budget, edges, error);
}

/* Accounts for `edges` read from storage for the cache. The request does not pay for them, or its
 * answer would depend on what is in memory; but reading them took time, so the clock is read
 * sooner. */
static inline void
budget_note_load(struct budget *budget, uint64_t edges)
{
    budget->edges_until_clock -=
        edges < budget->edges_until_clock ? edges : budget->edges_until_clock;
}

#endif
