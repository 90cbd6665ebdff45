/* budget.h - how much of the graph one request may still visit, and until when.
 * Always true: a spent budget stays spent, so that every later step of the request fails as well.
 * Threads: one budget, one thread; several may share the edges of one request. The clock is read
 * once every BUDGET_CLOCK_EDGES edges. */
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
    uint64_t edges_until_clock;
    int64_t deadline_ns; /* 0 = `span_ns` behind the first look at the clock */
    int64_t span_ns;
    const struct env *env;
    const atomic_bool *cancelled; /* may be NULL */
    /* NULL, or the edges left of a request that several threads work for: each takes them from
     * there, BUDGET_CLOCK_EDGES at a time, and has a budget of its own. */
    _Atomic uint64_t *shared;
    /* Of a request that gives way: from `yield_ns` on it ends with WOULD_BLOCK as soon as others
     * wait. 0, NULL = it does not. */
    int64_t yield_ns;
    const atomic_bool *others_wait;
    enum status ended; /* why nothing more may be spent; BEHALF_OK = it may */
    bool is_inline;    /* on an event loop: a spent budget means WOULD_BLOCK, the pool goes on */
};

void budget_init(struct budget *budget, const struct env *env, uint64_t edges, int64_t deadline_ns,
                 const atomic_bool *cancelled);

/* Gives another part of the request edges of its own; a deadline that has passed stays passed. */
void budget_renew(struct budget *budget, uint64_t edges);

/* The slow half of budget_spend: reads the clock and says which bound was reached. */
enum status budget_spend_slow(struct budget *budget, uint64_t edges,
                              struct error *error) BEHALF_MUST_USE;

/* The two halves of budget_memory_spent. */
enum status budget_memory_refused(struct error *error); /* OVERLOADED */
enum status budget_describe_memory(struct error *error);

/* Describes that the request's memory, the other half of its budget, is spent, or that others left
 * it none; on the thread that was refused. Where memory is missed otherwise, dispatch.c tells them
 * apart for the whole reply. In the header, so that analyzers see that it is never BEHALF_OK. */
static inline enum status
budget_memory_spent(struct error *error)
{
    enum status status = budget_describe_memory(error);

    BEHALF_ASSUME(status != BEHALF_OK);
    return status;
}

/* Of a status: with memory of its own the request may get further. */
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

/* `edges` were read from storage for everybody: nobody pays for them, or an answer would depend on
 * what is in memory, but they took time, so the clock is looked at the sooner. */
static inline void
budget_note_load(struct budget *budget, uint64_t edges)
{
    budget->edges_until_clock -=
        edges < budget->edges_until_clock ? edges : budget->edges_until_clock;
}

#endif
