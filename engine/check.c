/* check.c - check and bulk check: decisions for one subject at a time (question.h). */
#include "engine/denial.h"
#include "engine/explain_conditions.h"
#include "engine/prefetch.h"
#include "engine/question.h"
#include "eval/reach_together.h"

/* --- check --- */

/* Says what is to be spent; the check is decided again once it is. */
static enum status
must_spend(const struct question *question, struct engine_use *use, struct error *error)
{
    const struct delegated *delegated = question->guard->delegated;

    if (use == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the grant has uses: it takes a check that can spend one");
    for (size_t at = 0; at < delegated->length; at++)
        use->chain[at] = delegated->chain[at]->id;
    use->chain_length = delegated->length;
    use->delegation = *delegated->asked;
    return BEHALF_MUST_SPEND;
}

/* What is left once a guarded question is decided: a use to spend, or the last look. */
static enum status
finish(struct engine_worker *worker, struct snapshot *snapshot, struct question *question,
       const struct check *check, struct verdict *verdict, struct error *error)
{
    enum engine_reason none = verdict->reason;
    enum status status = BEHALF_OK;

    if (question_must_spend(question, verdict))
        return must_spend(question, check->use, error);
    if (verdict->decision == DECISION_ALLOW)
        status = question_look_again(worker, snapshot, question->guard, verdict, &snapshot->token,
                                     error);
    if (status != BEHALF_OK || verdict->reason == none)
        return status;
    if (question->explain)
        question->explanation = explain_reason(snapshot, verdict->reason);
    return question->find_requestable ? denial_of_records(snapshot, question->guard, verdict, error)
                                      : BEHALF_OK;
}

/* A use that was taken counts from its own revision on: an older state must not be decided by. */
static enum status
check_spent(const struct snapshot *snapshot, const struct engine_use *use, struct error *error)
{
    if (BEHALF_LIKELY(use == NULL || !use->spent || use->write->revision <= snapshot->revision))
        return BEHALF_OK;
    return error_internal(error, "a use is published before it is answered", __FILE__, __LINE__,
                          "revision %llu", (unsigned long long)snapshot->revision);
}

static enum status
decide_check(struct engine_worker *worker, struct snapshot *snapshot, const struct check *check,
             struct question *question, struct verdict *verdict, struct error *error)
{
    static const struct engine_pair nothing = {.resource_hash = 0};
    struct inputs_attributes attributes;
    struct eval eval;
    enum status status = question_bind(
        snapshot, check, check->ahead != NULL ? check->ahead : &nothing, NULL, question, error);

    question->kind = QUESTION_CHECK;
    if (status != BEHALF_OK)
        return status;
    question_init_eval(question, snapshot, &attributes, &eval);
    status = question_decide(snapshot, &eval, question, NULL, verdict, error);
    if (BEHALF_LIKELY(question->guard == NULL) || status != BEHALF_OK)
        return status;
    status = check_spent(snapshot, check->use, error);
    return status == BEHALF_OK ? finish(worker, snapshot, question, check, verdict, error) : status;
}

enum status
engine_check(struct engine_worker *worker, const struct engine_request *request,
             const struct check *check, struct check_result *result, struct error *error)
{
    struct snapshot snapshot;
    struct question question;
    struct verdict verdict;
    enum status status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = decide_check(worker, &snapshot, check, &question, &verdict, error);
    if (BEHALF_LIKELY(status == BEHALF_OK)) {
        /* Field by field: a whole struct is cleared first. */
        result->decision = verdict.decision;
        result->reason = verdict.reason;
        result->requestable = verdict.requestable;
        result->decision_id.text[0] = '\0';
        result->missing = verdict.missing;
        result->valid_until = verdict.valid_until;
        result->explanation = question.explanation;
        result->checked_at = snapshot.token;
        metric_add(&worker->counts.decisions[verdict.decision], 1);
        if (question_is_delegated(&question)) {
            metric_add(&worker->counts.reasons[verdict.reason], 1);
            decision_id_make(worker, &result->decision_id);
        }
    } else {
        result->explanation = verdict_is_of_value(status) ? question.explanation : NULL;
    }
    snapshot_close(&snapshot);
    return status;
}

/* --- bulk --- */

/* The evaluation that items of one subject share, one after the other. */
struct shared_eval {
    struct eval eval;
    struct inputs_attributes attributes; /* where caveats read any */
    bool usable;
};

static bool
same_subject(const struct eval_subject *a, const struct eval_subject *b)
{
    return a->node == b->node && a->type == b->type && a->member == b->member;
}

static void
drop_shared(struct snapshot *snapshot, struct shared_eval *shared)
{
    shared->usable = false;
    arena_reset(snapshot->scratch, snapshot->scratch->cap_bytes);
    reach_wide_release(&snapshot->wide);
}

/* Whether what the evaluation learnt holds for the item as well: of the same subject, the very
 * context, and, where caveats read attributes, what they read. */
static bool
is_for(const struct shared_eval *shared, const struct question *question)
{
    return same_subject(&shared->eval.subject, &question->subject) &&
           shared->eval.scope.context == question->inputs.context &&
           (shared->eval.scope.attributes == NULL ||
            inputs_are_same(&shared->attributes, &question->inputs, question->resource));
}

/* Readies the evaluation for an item; whether it was used before. One that is explained has its
 * own, so that what it can be told does not depend on those before it. */
static bool
share(struct shared_eval *shared, struct snapshot *snapshot, const struct question *question)
{
    if (shared->usable && !question->explain && is_for(shared, question))
        return true;
    drop_shared(snapshot, shared);
    question_init_eval(question, snapshot, &shared->attributes, &shared->eval);
    shared->usable = true;
    return false;
}

/* An item that finds too little memory behind what earlier ones needed is decided again on its own:
 * its answer must not depend on them. */
static enum status
decide_shared(struct snapshot *snapshot, struct shared_eval *shared, struct question *question,
              struct verdict *verdict, struct error *error)
{
    bool reused = share(shared, snapshot, question);
    enum status status = question_decide(snapshot, &shared->eval, question, NULL, verdict, error);

    if (budget_may_lack_memory(status) && reused && snapshot->budget.edges_left > 0) {
        shared->usable = false;
        question->chain_decided = false;
        (void)share(shared, snapshot, question);
        status = question_decide(snapshot, &shared->eval, question, NULL, verdict, error);
    }
    shared->usable = verdict_is_of_value(status) && !question->explain;
    return status;
}

/* --- windows of a bulk --- */

struct bulk {
    struct engine_worker *worker;
    struct snapshot *snapshot;
    const struct check *checks;
    size_t count;
    size_t done;
    struct check_item *items;
    struct guard **guards; /* by item; NULL where none has one so far */
    struct opened_grant *opened;
    struct shared_eval shared;
};

/* Consecutive items that are decided together. */
struct window {
    const struct check *checks;
    size_t count;
    struct engine_pair ahead[ENGINE_PREFETCH_MAX];
    struct question questions[ENGINE_PREFETCH_MAX];
    struct {
        bool bound;   /* the question is; where not, binding it again says why */
        bool decided; /* the value of its node is, which is `holds` */
        bool holds;
    } items[ENGINE_PREFETCH_MAX];
};

_Static_assert(ENGINE_PREFETCH_MAX <= REACH_TOGETHER_MAX, "a window is walked together");

/* Binds the questions of a window. Its names and edges are prefetched together first, so that the
 * cache misses of the items overlap. */
static void
bind_window(struct bulk *bulk, struct window *window)
{
    const struct snapshot *snapshot = bulk->snapshot;

    for (size_t at = 0; at < window->count; at++)
        window->ahead[at] =
            (struct engine_pair){window->checks[at].resource, window->checks[at].subject, 0, 0};
    prefetch_pairs(snapshot->engine, snapshot->binding, snapshot->revision, window->ahead,
                   window->count);
    for (size_t at = 0; at < window->count; at++) {
        struct error ignored;

        window->questions[at].kind = QUESTION_ITEM;
        window->items[at].bound =
            question_bind(bulk->snapshot, &window->checks[at], &window->ahead[at], &bulk->opened,
                          &window->questions[at], &ignored) == BEHALF_OK;
        window->items[at].decided = false;
    }
}

/* Whether two neighbours share an evaluation: what the first one visits is known to the second. */
static bool
share_subject(const struct window *window, size_t first)
{
    return first + 1 < window->count && window->items[first].bound &&
           window->items[first + 1].bound &&
           same_subject(&window->questions[first].subject, &window->questions[first + 1].subject);
}

static bool
is_for_lane(const struct window *window, size_t at)
{
    return window->items[at].bound && !window->questions[at].explain &&
           !share_subject(window, at) && !(at > 0 && share_subject(window, at - 1));
}

/* Decides the items that need no values by interleaved walks. A walk that fails decides nothing:
 * its item is evaluated alone afterwards, with a budget and an error of its own. */
static void
walk_window(struct snapshot *snapshot, struct shared_eval *shared, struct window *window)
{
    struct reach_lane *lanes;
    size_t places[ENGINE_PREFETCH_MAX];
    size_t count = 0;

    for (size_t at = 0; at < window->count; at++) {
        if (is_for_lane(window, at))
            places[count++] = at;
    }
    if (count < 2)
        return;
    drop_shared(snapshot, shared);
    if (!snapshot->budget.is_inline)
        budget_renew(&snapshot->budget, LIMIT_CHECK_EDGES);
    lanes = arena_take(snapshot->scratch, count * sizeof *lanes);
    if (lanes == NULL)
        return;
    for (size_t lane = 0; lane < count; lane++) {
        const struct question *question = &window->questions[places[lane]];
        /* Without attributes: no edge of a plain member has a condition. */
        const struct condition_scope scope = {
            .binding = snapshot->binding,
            .context = question->inputs.context,
            .arena = snapshot->scratch,
            .budget = &snapshot->budget,
        };

        reach_init(&lanes[lane].reach, &scope, &snapshot->view, &question->subject);
        lanes[lane].object = question->resource;
        lanes[lane].member = question->member;
    }
    reach_together(lanes, count);
    for (size_t lane = 0; lane < count; lane++) {
        window->items[places[lane]].decided = lanes[lane].decided;
        window->items[places[lane]].holds = lanes[lane].holds;
    }
}

static enum status
decide_bound(struct snapshot *snapshot, struct shared_eval *shared, struct window *window,
             size_t at, struct verdict *verdict, struct error *error)
{
    struct question *question = &window->questions[at];

    if (window->items[at].decided) {
        struct value known = value_decision(window->items[at].holds);
        enum status status = question_decide(snapshot, NULL, question, &known, verdict, error);

        if (!budget_may_lack_memory(status))
            return status;
        question->chain_decided = false; /* on its own, with memory of its own */
    }
    return decide_shared(snapshot, shared, question, verdict, error);
}

/* The guard of an item is asked again when the bulk is about to leave. */
static enum status
keep_guard(struct bulk *bulk, size_t at, struct guard *guard, struct error *error)
{
    if (bulk->guards == NULL)
        bulk->guards =
            arena_take_array(bulk->snapshot->request->arena, bulk->count, sizeof(struct guard *));
    if (bulk->guards == NULL)
        return budget_memory_spent(error);
    bulk->guards[at] = guard;
    return BEHALF_OK;
}

/* Each item has the budget of a check, and its error stands for itself. */
static enum status
decide_item(struct bulk *bulk, struct window *window, size_t at, struct error *error)
{
    struct snapshot *snapshot = bulk->snapshot;
    struct question *question = &window->questions[at];
    struct check_item *item = &bulk->items[bulk->done + at];
    struct verdict verdict;
    struct error problem = {.status = BEHALF_OK};
    enum status status = BEHALF_OK;

    if (!snapshot->budget.is_inline)
        budget_renew(&snapshot->budget, LIMIT_CHECK_EDGES);
    (void)arena_was_refused(); /* what an item before was refused is not this one's */
    if (!window->items[at].bound)
        status = question_bind(snapshot, &window->checks[at], &window->ahead[at], &bulk->opened,
                               question, &problem);
    if (status == BEHALF_OK)
        status = decide_bound(snapshot, &bulk->shared, window, at, &verdict, &problem);
    if (verdict_ends_request(status)) {
        *error = problem;
        return status;
    }
    if (status == BEHALF_OK && BEHALF_UNLIKELY(question->guard != NULL))
        status = keep_guard(bulk, bulk->done + at, question->guard, &problem);
    status = item_set(snapshot, status, &verdict, &problem, item, error);
    item->explanation = question->explanation;
    return status;
}

/* Whether an event loop leaves the request to the pool. The pool starts again from the first item,
 * so it is better decided early: a request that is expected to visit half of a loop's edges could
 * need all of them. */
static bool
would_take_long(const struct snapshot *snapshot, size_t done, size_t count)
{
    uint64_t visited = LIMIT_INLINE_EDGES - snapshot->budget.edges_left;

    return snapshot->budget.is_inline && done > 0 &&
           visited * count > LIMIT_INLINE_EDGES / 2 * done;
}

/* Decides the next items, a few at first where they tell whether the rest would take long. */
static enum status
decide_window(struct bulk *bulk, struct error *error)
{
    bool is_sample = bulk->snapshot->budget.is_inline && bulk->done == 0;
    size_t most = is_sample ? LIMIT_INLINE_SAMPLE : ENGINE_PREFETCH_MAX;
    struct window window; /* not cleared: that would cost more than an item */
    enum status status = BEHALF_OK;

    if (would_take_long(bulk->snapshot, bulk->done, bulk->count))
        return BEHALF_WOULD_BLOCK;
    window.checks = bulk->checks + bulk->done;
    window.count = bulk->count - bulk->done < most ? bulk->count - bulk->done : most;
    bind_window(bulk, &window);
    walk_window(bulk->snapshot, &bulk->shared, &window);
    for (size_t at = 0; status == BEHALF_OK && at < window.count; at++)
        status = decide_item(bulk, &window, at, error);
    bulk->done += window.count;
    return status;
}

/* Looks once more at what allows: however long the bulk took, no item of it outlives what was
 * revoked meanwhile. */
static enum status
finish_bulk(struct bulk *bulk, struct engine_token *checked_at, struct error *error)
{
    for (size_t at = 0; bulk->guards != NULL && at < bulk->count; at++) {
        struct check_item *item = &bulk->items[at];
        struct verdict verdict = {.decision = item->decision, .valid_until = item->valid_until};
        enum status status;

        if (bulk->guards[at] == NULL)
            continue;
        if (bulk->guards[at]->parties.actor_count > 0 && item->status == BEHALF_OK)
            decision_id_make(bulk->worker, &item->decision_id);
        if (item->status != BEHALF_OK || item->decision != DECISION_ALLOW)
            continue;
        /* What the look reads is of this item alone: a thousand would fill the memory. */
        drop_shared(bulk->snapshot, &bulk->shared);
        status = question_look_again(bulk->worker, bulk->snapshot, bulk->guards[at], &verdict,
                                     checked_at, error);
        if (status == BEHALF_OK && bulk->checks[at].find_requestable)
            status = denial_of_records(bulk->snapshot, bulk->guards[at], &verdict, error);
        if (status != BEHALF_OK)
            return status;
        if (verdict.reason != REASON_NONE && item->explanation != NULL)
            item->explanation = explain_reason(bulk->snapshot, verdict.reason);
        item->decision = verdict.decision;
        item->reason = verdict.reason;
        item->requestable = verdict.requestable;
        item->valid_until = verdict.valid_until;
    }
    return BEHALF_OK;
}

/* A past state beside a grant is refused before any item is decided. */
static enum status
check_items(const struct engine_request *request, const struct check *checks, size_t count,
            struct error *error)
{
    if (!request_is_of_the_past(request))
        return BEHALF_OK;
    for (size_t at = 0; at < count; at++) {
        enum status status = delegated_check_request(request, checks[at].delegation, error);

        if (status != BEHALF_OK) {
            error_index(error, at);
            return status;
        }
    }
    return BEHALF_OK;
}

static void
count_decisions(struct worker_counts *counts, const struct check_item *items, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (items[at].status != BEHALF_OK)
            continue;
        metric_add(&counts->decisions[items[at].decision], 1);
        if (items[at].decision_id.text[0] != '\0')
            metric_add(&counts->reasons[items[at].reason], 1);
    }
}

enum status
engine_check_bulk(struct engine_worker *worker, const struct engine_request *request,
                  const struct check *checks, size_t count, struct check_bulk_result *result,
                  struct error *error)
{
    struct snapshot snapshot;
    struct bulk bulk = {
        .worker = worker,
        .snapshot = &snapshot,
        .checks = checks,
        .count = count,
        .shared.usable = false,
    };
    enum status status;

    if (count > ENGINE_BULK_ITEMS_MAX)
        return error_set(error, BEHALF_TOO_MANY_CHECKS_IN_REQUEST,
                         "%zu checks in one request; at most %d are allowed", count,
                         ENGINE_BULK_ITEMS_MAX);
    if (!worker->may_block && count > LIMIT_INLINE_ITEMS)
        return BEHALF_WOULD_BLOCK;
    status = check_items(request, checks, count, error);
    if (status == BEHALF_OK)
        status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    bulk.items = arena_take_array(request->arena, count, sizeof *bulk.items);
    if (bulk.items == NULL)
        status = budget_memory_spent(error);
    while (status == BEHALF_OK && bulk.done < count)
        status = decide_window(&bulk, error);
    if (status == BEHALF_OK)
        status = finish_bulk(&bulk, &snapshot.token, error);
    if (status == BEHALF_OK) {
        count_decisions(&worker->counts, bulk.items, count);
        *result = (struct check_bulk_result){.items = bulk.items, .checked_at = snapshot.token};
    }
    snapshot_close(&snapshot);
    return status;
}
