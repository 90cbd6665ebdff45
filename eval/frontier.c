/* frontier.c - parallel breadth-first search over plain members.
 *
 * Always true: the search is finished exactly when the queue is empty and `busy` is 0, or when an
 * outcome is set. A thread that visits a slice counts in `busy`, and puts its last successors into
 * the queue before it gives up the lock under which it decrements `busy`. So the queue cannot look
 * exhausted while keys are in the hands of a thread.
 *
 * Under `lock` no key is visited and no storage is read. Lock order: the frontier's lock before the
 * executor's. */
#include "eval/frontier.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "eval/reach_private.h"
#include "eval/limits.h"

#define FRESH_KEYS 1024 /* that a thread collects before it queues them: one lock for many keys */
#define PREFETCH_AHEAD 8

enum outcome { OUTCOME_OPEN, OUTCOME_FOUND, OUTCOME_FAILED };

/* A share of the search that a thread of the pool may run. */
struct helper {
    struct executor_share share; /* first member: run_helper gets the share and casts it */
    struct frontier *frontier;
    bool out; /* offered or running; guarded by the frontier's lock */
};

struct frontier {
    const struct reach *asker;
    struct executor *executor;
    struct budget empty;    /* initial budget of a thread: deadline, clock, no edges */
    _Atomic uint64_t edges; /* left of the request's budget for all threads to draw on */
    _Atomic int outcome;    /* enum outcome; set once, under the lock */

    pthread_mutex_t lock; /* guards all fields below */
    pthread_cond_t changed;
    /* The queue; slices are taken from its end. A key enters once, so it is no longer than the set
     * of visited keys, which is bounded. */
    uint64_t *waiting;
    size_t waiting_count;
    size_t waiting_size;
    uint64_t edges_kept; /* edges that are left over at the end */
    uint32_t busy;
    enum status status; /* of the first failure; OUTCOME_FAILED */
    struct error failure;
    uint32_t helper_count;
    struct helper helpers[LIMIT_WIDE_HELPERS];
};

/* The state of one thread in the search. */
struct frontier_hand {
    struct frontier *frontier;
    struct reach reach;
    uint32_t slice_count;
    uint32_t fresh_count;
    uint64_t slice[LIMIT_WIDE_SLICE];
    uint64_t fresh[FRESH_KEYS]; /* reached by this thread, not queued yet */
};

/* Relaxed and without the lock: a late answer costs a few useless visits. The result itself
 * is read after all threads have passed the lock (end_help). */
static bool
is_open(struct frontier *frontier)
{
    return atomic_load_explicit(&frontier->outcome, memory_order_relaxed) == OUTCOME_OPEN;
}

/* Sets the outcome, unless there is one: the first one wins. Without edges in the shared budget the
 * other threads stop at their next draw, and the error that this gives them comes too late to
 * count. The asker is the only thread that ever waits on `changed`, so a signal is enough here and
 * below. */
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
        pthread_cond_signal(&frontier->changed); /* wakes the asker */
    }
    pthread_mutex_unlock(&frontier->lock);
}

/* --- keys --- */

/* Under the lock. The queue is on the heap, as the arena belongs to one thread. */
static void
put_waiting(struct frontier *frontier, const uint64_t *keys, size_t count)
{
    frontier->waiting = memory_reserve(frontier->waiting, frontier->waiting_count + count,
                                       &frontier->waiting_size, sizeof *keys);
    memcpy(frontier->waiting + frontier->waiting_count, keys, count * sizeof *keys);
    frontier->waiting_count += count;
}

/* Under the lock: offers every share that is neither offered nor running. */
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

/* Under the lock: moves the keys that this thread collected to the queue, and asks for help when it
 * is long. */
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

    /* The set decides which of several threads queues a key: exactly one gets ADDED. */
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

/* Loads the edges that are not in memory for the whole slice together: one snapshot and one
 * scan. */
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

/* Visits the keys of a slice, without the lock. Keys that are skipped because an outcome is set
 * need no visit: only a deny requires all of them, and there is none any more. */
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

/* Under the lock: takes half of the queue, at most a slice, and leaves the rest for other
 * threads. */
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

/* Under the lock: whether there is a slice to take. The asker waits while busy threads may still
 * queue keys, because only it may conclude a deny. A helper leaves instead, and is asked again when
 * the queue is long. */
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
        /* Before the lock is released: from here to the decrement, the asker must not take an empty
         * queue for a finished search. */
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

/* `view` and `arena` belong to the thread. The asker's reverse walks are shared, because finding
 * them again would cost each thread the same edges. */
static enum status
init_hand(struct frontier_hand *hand, struct frontier *frontier, struct graph_view *view,
          struct arena *arena, struct error *error)
{
    const struct reach *asker = frontier->asker;
    /* Without attributes, which threads do not share: no edge of a plain member has a condition. */
    const struct condition_scope scope = {
        .binding = asker->scope.binding,
        .context = asker->scope.context,
        .arena = arena,
        .budget = view->budget,
    };

    hand->frontier = frontier;
    hand->slice_count = 0;
    hand->fresh_count = 0;
    reach_init(&hand->reach, &scope, view, &asker->subject);
    hand->reach.visited = &asker->wide->visited->keys;
    hand->reach.hand = hand;
    return reach_narrow_share(&hand->reach, asker, error);
}

/* --- helpers --- */

/* Under the lock: returns the unused edges of a thread's budget. */
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

    (void)arena_was_refused(); /* clears the mark of an earlier request */
    graph_view_init(&view, asked->graph, asked->store, asked->revision, asked->now, true, &budget);
    status = init_hand(&hand, frontier, &view, scratch, &error);
    if (status == BEHALF_OK)
        work(&hand, false);
    else
        conclude(frontier, OUTCOME_FAILED, status, &error);
    /* Before `out` is cleared: afterwards the asker may end the request, and the frontier is on its
     * stack. */
    graph_view_release(&view);
    pthread_mutex_lock(&frontier->lock);
    give_back(frontier, &budget);
    helper->out = false;
    pthread_cond_signal(&frontier->changed);
    pthread_mutex_unlock(&frontier->lock);
}

/* Withdraws the shares that no thread has taken, and waits for the others. These leave after at
 * most one more slice, as the queue is empty or an outcome is set. Afterwards no other thread
 * refers to the frontier. */
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
    /* After `shared` is set and the edges are moved out: helpers copy this budget, and draw on the
     * shared edges. */
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

/* The result, after all helpers have left. Without an outcome it is a deny: the caller has checked
 * that the queue is empty. */
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
