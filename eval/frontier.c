/* frontier.c - keys that wait, those who take slices of them, and how it ends.
 * Always true: under `lock` nothing is looked at and nothing read from storage; whoever is at a
 * slice is counted in `busy`, so that no key waits and nobody is busy only when all were looked
 * at. Locks: the frontier's before the executor's. */
#include "eval/frontier.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "eval/reach_private.h"
#include "eval/limits.h"

#define FRESH_KEYS 1024 /* that a thread gathers before it shows them to others */
#define PREFETCH_AHEAD 8

enum outcome { OUTCOME_OPEN, OUTCOME_FOUND, OUTCOME_FAILED };

/* A share that is offered, or taken. */
struct helper {
    struct executor_share share; /* first: the executor gives it back */
    struct frontier *frontier;
    bool out; /* offered or at work; guarded by the frontier's lock */
};

struct frontier {
    const struct reach *asker;
    struct executor *executor;
    struct budget empty;    /* what a budget begins with: deadline, clock, no edges */
    _Atomic uint64_t edges; /* of the request's budget, that nobody has taken yet */
    _Atomic int outcome;    /* enum outcome; leaves OPEN once, under the lock */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    uint64_t
        *waiting; /* taken from the end; as many as the set of those visited, which is bounded */
    size_t waiting_count;
    size_t waiting_size;
    uint64_t edges_kept; /* that were left when it ended */
    uint32_t busy;
    enum status status; /* OUTCOME_FAILED: of the first failure */
    struct error failure;
    uint32_t helper_count;
    struct helper helpers[LIMIT_WIDE_HELPERS];
};

/* One thread's part. */
struct frontier_hand {
    struct frontier *frontier;
    struct reach reach;
    uint32_t slice_count;
    uint32_t fresh_count;
    uint64_t slice[LIMIT_WIDE_SLICE];
    uint64_t fresh[FRESH_KEYS]; /* reached by this thread */
};

static bool
is_open(struct frontier *frontier)
{
    return atomic_load_explicit(&frontier->outcome, memory_order_relaxed) == OUTCOME_OPEN;
}

/* The first outcome stays. Nobody gets any more edges. */
static void
conclude(struct frontier *frontier, enum outcome outcome, enum status status,
         const struct error *error)
{
    pthread_mutex_lock(&frontier->lock);
    if (is_open(frontier)) {
        frontier->edges_kept = atomic_exchange(&frontier->edges, 0);
        frontier->status = status;
        if (outcome == OUTCOME_FAILED)
            frontier->failure = *error;
        atomic_store(&frontier->outcome, (int)outcome);
        pthread_cond_signal(&frontier->changed); /* the asker may wait */
    }
    pthread_mutex_unlock(&frontier->lock);
}

/* --- keys --- */

/* Under the lock. */
static void
put_waiting(struct frontier *frontier, const uint64_t *keys, size_t count)
{
    frontier->waiting = memory_reserve(frontier->waiting, frontier->waiting_count + count,
                                       &frontier->waiting_size, sizeof *keys);
    memcpy(frontier->waiting + frontier->waiting_count, keys, count * sizeof *keys);
    frontier->waiting_count += count;
}

/* Under the lock: offers the shares that are not out. */
static void
ask_for_help(struct frontier *frontier)
{
    for (uint32_t at = 0; at < frontier->helper_count; at++) {
        struct helper *helper = &frontier->helpers[at];

        if (helper->out)
            continue;
        helper->out = true;
        frontier->executor->offer(frontier->executor, &helper->share);
    }
}

/* Under the lock: shows what this thread has reached. */
static void
show_fresh(struct frontier_hand *hand)
{
    struct frontier *frontier = hand->frontier;

    if (hand->fresh_count == 0)
        return;
    put_waiting(frontier, hand->fresh, hand->fresh_count);
    hand->fresh_count = 0;
    if (frontier->waiting_count > LIMIT_WIDE_KEYS && is_open(frontier))
        ask_for_help(frontier);
    pthread_cond_signal(&frontier->changed);
}

enum status
frontier_add(struct frontier_hand *hand, uint64_t object, uint32_t member, struct error *error)
{
    uint64_t key = eval_key(object, member);

    switch (key_set_add(hand->reach.visited, key)) {
    case KEY_SET_FULL:
        return budget_memory_spent(error);
    case KEY_SET_PRESENT:
        return BEHALF_OK;
    case KEY_SET_ADDED:
        break;
    }
    hand->fresh[hand->fresh_count++] = key;
    if (hand->fresh_count == FRESH_KEYS) {
        pthread_mutex_lock(&hand->frontier->lock);
        show_fresh(hand);
        pthread_mutex_unlock(&hand->frontier->lock);
    }
    return BEHALF_OK;
}

/* --- a thread's work --- */

static uint32_t
member_of(uint64_t key)
{
    return (uint32_t)(key & UINT16_MAX);
}

static uint64_t
object_of(const struct reach *reach, uint64_t key)
{
    uint32_t type = reach->scope.binding->schema->members[member_of(key)].type;

    return NODE_WILDCARD(reach->scope.binding->type_labels[type]) | key >> 16;
}

static void
prefetch(const struct frontier_hand *hand, uint32_t at)
{
    if (at < hand->slice_count)
        graph_prefetch(hand->reach.view->graph, object_of(&hand->reach, hand->slice[at]),
                       EDGE_FORWARD);
}

/* What is not in memory is loaded for the whole slice. */
static void
prepare_slice(const struct frontier_hand *hand)
{
    uint64_t objects[LIMIT_WIDE_SLICE];

    if (BEHALF_LIKELY(hand->reach.view->loads == 0))
        return;
    for (uint32_t at = 0; at < hand->slice_count; at++)
        objects[at] = object_of(&hand->reach, hand->slice[at]);
    graph_view_prepare(hand->reach.view, objects, hand->slice_count, EDGE_FORWARD);
}

static void
look_at_slice(struct frontier_hand *hand)
{
    struct reach *reach = &hand->reach;

    prepare_slice(hand);
    for (uint32_t at = 0; at < PREFETCH_AHEAD; at++)
        prefetch(hand, at);
    for (uint32_t at = 0; at < hand->slice_count && is_open(hand->frontier); at++) {
        uint64_t key = hand->slice[at];
        bool found = false;
        struct error error;
        enum status status;

        prefetch(hand, at + PREFETCH_AHEAD);
        status = reach_look(reach, object_of(reach, key), member_of(key), &found, &error);
        if (status != BEHALF_OK)
            conclude(hand->frontier, OUTCOME_FAILED, status, &error);
        else if (found)
            conclude(hand->frontier, OUTCOME_FOUND, BEHALF_OK, NULL);
    }
}

/* Under the lock: half of what waits, as others want some too. */
static void
take_slice(struct frontier_hand *hand)
{
    struct frontier *frontier = hand->frontier;
    size_t count = (frontier->waiting_count + 1) / 2;

    if (count > LIMIT_WIDE_SLICE)
        count = LIMIT_WIDE_SLICE;
    frontier->waiting_count -= count;
    memcpy(hand->slice, frontier->waiting + frontier->waiting_count, count * sizeof *hand->slice);
    hand->slice_count = (uint32_t)count;
}

/* Under the lock: whether there is a slice to take. The asker waits for those that may still bring
 * keys; who helps leaves, and is asked again when there are many. */
static bool
goes_on(struct frontier *frontier, bool is_asker)
{
    while (is_asker && is_open(frontier) && frontier->waiting_count == 0 && frontier->busy > 0)
        pthread_cond_wait(&frontier->changed, &frontier->lock);
    if (!is_open(frontier) || frontier->waiting_count == 0)
        return false;
    return is_asker || !frontier->executor->is_wanted(frontier->executor);
}

static void
work(struct frontier_hand *hand, bool is_asker)
{
    struct frontier *frontier = hand->frontier;

    pthread_mutex_lock(&frontier->lock);
    while (goes_on(frontier, is_asker)) {
        take_slice(hand);
        frontier->busy++;
        pthread_mutex_unlock(&frontier->lock);
        look_at_slice(hand);
        pthread_mutex_lock(&frontier->lock);
        BEHALF_ASSERT(frontier->busy > 0);
        frontier->busy--;
        show_fresh(hand);
        if (frontier->busy == 0)
            pthread_cond_signal(&frontier->changed);
    }
    pthread_mutex_unlock(&frontier->lock);
}

/* `view` and `arena` are of the thread that works. */
static enum status
init_hand(struct frontier_hand *hand, struct frontier *frontier, struct graph_view *view,
          struct arena *arena, struct error *error)
{
    const struct reach *asker = frontier->asker;
    const struct condition_scope scope = {asker->scope.binding, asker->scope.context, arena,
                                          view->budget};

    hand->frontier = frontier;
    hand->slice_count = 0;
    hand->fresh_count = 0;
    reach_init(&hand->reach, &scope, view, &asker->subject);
    hand->reach.visited = &asker->wide->visited->keys;
    hand->reach.hand = hand;
    return reach_narrow_share(&hand->reach, asker, error);
}

/* --- helpers --- */

/* What a budget has left goes back to where it was taken from. Under the lock. */
static void
give_back(struct frontier *frontier, struct budget *budget)
{
    BEHALF_ASSERT(budget->shared == &frontier->edges);
    frontier->edges_kept += budget->edges_left;
}

static void
run_helper(struct executor_share *share, struct arena *scratch)
{
    struct helper *helper = (struct helper *)share;
    struct frontier *frontier = helper->frontier;
    const struct graph_view *asked = frontier->asker->view;
    struct budget budget = frontier->empty;
    struct graph_view view;
    struct frontier_hand hand;
    struct error error;
    enum status status;

    (void)arena_was_refused(); /* of what this thread did before */
    graph_view_init(&view, asked->graph, asked->store, asked->revision, asked->now, true, &budget);
    status = init_hand(&hand, frontier, &view, scratch, &error);
    if (status == BEHALF_OK)
        work(&hand, false);
    else
        conclude(frontier, OUTCOME_FAILED, status, &error);
    graph_view_release(&view);
    pthread_mutex_lock(&frontier->lock);
    give_back(frontier, &budget);
    helper->out = false;
    pthread_cond_signal(&frontier->changed);
    pthread_mutex_unlock(&frontier->lock);
}

/* Takes back what was offered, and waits for those who have begun: they are at their last slice. */
static void
end_help(struct frontier *frontier)
{
    struct executor *executor = frontier->executor;

    pthread_mutex_lock(&frontier->lock);
    for (uint32_t at = 0; at < frontier->helper_count; at++) {
        struct helper *helper = &frontier->helpers[at];

        if (helper->out && executor->withdraw(executor, &helper->share))
            helper->out = false;
        while (helper->out)
            pthread_cond_wait(&frontier->changed, &frontier->lock);
    }
    pthread_mutex_unlock(&frontier->lock);
}

/* --- the walk --- */

static void
init_frontier(struct frontier *frontier, struct reach *reach)
{
    struct budget *budget = reach->view->budget;
    unsigned threads = reach->wide->executor->thread_count;

    frontier->asker = reach;
    frontier->executor = reach->wide->executor;
    frontier->helper_count = threads < LIMIT_WIDE_HELPERS ? threads : LIMIT_WIDE_HELPERS;
    for (uint32_t at = 0; at < frontier->helper_count; at++)
        frontier->helpers[at] = (struct helper){{.run = run_helper}, frontier, false};
    atomic_init(&frontier->outcome, OUTCOME_OPEN);
    atomic_init(&frontier->edges, budget->edges_left);
    budget->edges_left = 0;
    budget->shared = &frontier->edges;
    frontier->empty = *budget;
    pthread_mutex_init(&frontier->lock, NULL);
    pthread_cond_init(&frontier->changed, NULL);
}

static void
release_frontier(struct frontier *frontier, struct budget *budget)
{
    budget->shared = NULL;
    budget->edges_left += atomic_load(&frontier->edges) + frontier->edges_kept;
    pthread_cond_destroy(&frontier->changed);
    pthread_mutex_destroy(&frontier->lock);
    memory_free(frontier->waiting);
}

/* What the walk came to, once nobody works for it any more. */
static enum status
take_outcome(const struct frontier *frontier, bool *found, struct error *error)
{
    *found = atomic_load(&frontier->outcome) == OUTCOME_FOUND;
    if (frontier->status != BEHALF_OK)
        *error = frontier->failure;
    return frontier->status;
}

enum status
frontier_walk(struct reach *reach, uint64_t object, uint32_t member, bool *found,
              struct error *error)
{
    struct frontier frontier = {.waiting = NULL};
    struct frontier_hand hand;
    enum status status;

    init_frontier(&frontier, reach);
    status = init_hand(&hand, &frontier, reach->view, reach->scope.arena, error);
    if (status == BEHALF_OK)
        status = frontier_add(&hand, object, member, error);
    if (status == BEHALF_OK) {
        pthread_mutex_lock(&frontier.lock);
        show_fresh(&hand);
        pthread_mutex_unlock(&frontier.lock);
        work(&hand, true);
        end_help(&frontier);
        if (BEHALF_UNLIKELY(is_open(&frontier) && frontier.waiting_count != 0))
            status = REACH_BROKEN(reach, object, member, "a deny needs all keys looked at", error);
        else
            status = take_outcome(&frontier, found, error);
    }
    release_frontier(&frontier, reach->view->budget);
    return status;
}
