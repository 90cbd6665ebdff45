/* check.c - check and bulk check: decisions for one subject at a time (question.h). */
#include "engine/audit_decision.h"
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

    if (question_must_spend(question, verdict)) {
        status = audit_check_room(worker, error);
        return status == BEHALF_OK ? must_spend(question, check->use, error) : status;
    }
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

static void
set_result(const struct snapshot *snapshot, const struct question *question,
           const struct verdict *verdict, struct check_result *result)
{
    /* Field by field: a whole struct is cleared first. */
    result->decision = verdict->decision;
    result->reason = verdict->reason;
    result->requestable = verdict->requestable;
    result->decision_id.text[0] = '\0';
    result->missing = verdict->missing;
    result->valid_until = verdict->valid_until;
    result->explanation = question->explanation;
    result->checked_at = snapshot->token;
}

static void
count_check(struct worker_counts *counts, bool is_delegated, const struct check_result *result)
{
    metric_add(&counts->decisions[result->decision], 1);
    if (is_delegated)
        metric_add(&counts->reasons[result->reason], 1);
}

/* --- recorded checks --- */

/* What a record of the check says; `question` was bound. */
static enum status
record(struct engine_worker *worker, struct snapshot *snapshot, const struct check *check,
       const struct guard *guard, const struct check_result *result, int64_t begun_ns,
       struct audit_kept *kept, struct error *error)
{
    struct audit_decision decision;

    audit_describe_check(check, guard, &decision);
    decision.decision = result->decision;
    decision.reason = result->reason;
    decision.missing = result->missing;
    decision.decision_id = &result->decision_id;
    decision.begun_ns = begun_ns;
    return audit_decision_put(worker, snapshot, &decision, kept, error);
}

/* Puts the allow on the queue for a caller that holds no thread meanwhile. */
static enum status
record_and_leave(struct engine_worker *worker, struct snapshot *snapshot, const struct check *check,
                 const struct guard *guard, const struct check_result *result, int64_t begun_ns,
                 struct error *error)
{
    struct audit_kept *kept = NULL;
    enum status status = audit_keep(snapshot, check->recording, &kept, error);

    if (status != BEHALF_OK)
        return status;
    kept->result = *result;
    kept->publication = worker->publication;
    status = record(worker, snapshot, check, guard, result, begun_ns, kept, error);
    return status == BEHALF_OK ? BEHALF_MUST_RECORD : status;
}

static enum status
record_decided(struct engine_worker *worker, struct snapshot *snapshot, const struct check *check,
               const struct question *question, int64_t begun_ns, struct check_result *result,
               struct error *error)
{
    bool waits =
        audit_is_strict(worker) && check->actor_count > 0 && result->decision == DECISION_ALLOW;

    decision_id_make(worker, &result->decision_id);
    if (waits)
        return record_and_leave(worker, snapshot, check, question->guard, result, begun_ns, error);
    return record(worker, snapshot, check, question->guard, result, begun_ns, NULL, error);
}

/* Whether nothing that was decided by can have changed: neither a revision nor an end came. */
static bool
still_holds(const struct engine_worker *worker, const struct audit_kept *kept)
{
    const struct check_result *result = &kept->result;

    return worker->publication == kept->publication &&
           (result->valid_until == 0 ||
            clock_read(&worker->engine->clock).now < result->valid_until);
}

/* The third step: the answer is the allow that was recorded, if all that it was decided by is as
 * it was; else the check is decided again. What is no allow then is recorded too, under its id. */
static enum status
answer_recorded(struct engine_worker *worker, const struct engine_request *request,
                const struct check *check, struct check_result *result, struct error *error)
{
    const struct audit_kept *kept = check->recording->inside;
    int64_t begun_ns = audit_now(worker);
    struct snapshot snapshot;
    struct question question;
    struct verdict verdict;
    enum status status;

    if (kept == NULL || kept->status != BEHALF_OK)
        return error_set(error, BEHALF_AUDIT_UNAVAILABLE,
                         "the record of the decision may not be on the disk");
    status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    *result = kept->result;
    if (!still_holds(worker, kept)) {
        status = decide_check(worker, &snapshot, check, &question, &verdict, error);
        if (status == BEHALF_OK)
            set_result(&snapshot, &question, &verdict, result);
        result->decision_id = kept->result.decision_id;
        if (status == BEHALF_OK && result->decision != DECISION_ALLOW)
            status =
                record(worker, &snapshot, check, question.guard, result, begun_ns, NULL, error);
    }
    if (status == BEHALF_OK)
        count_check(&worker->counts, true, result);
    snapshot_close(&snapshot);
    return status;
}

/* --- check --- */

/* `begun_ns`: NULL where it is not recorded. */
static enum status
answer_check(struct engine_worker *worker, const struct engine_request *request,
             const struct check *check, const int64_t *begun_ns, struct check_result *result,
             struct error *error)
{
    struct snapshot snapshot;
    struct question question;
    struct verdict verdict;
    enum status status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = decide_check(worker, &snapshot, check, &question, &verdict, error);
    if (BEHALF_LIKELY(status == BEHALF_OK)) {
        set_result(&snapshot, &question, &verdict, result);
        if (BEHALF_UNLIKELY(begun_ns != NULL))
            status = record_decided(worker, &snapshot, check, &question, *begun_ns, result, error);
        else if (question_is_delegated(&question))
            decision_id_make(worker, &result->decision_id);
        if (BEHALF_LIKELY(status == BEHALF_OK))
            count_check(&worker->counts, question_is_delegated(&question), result);
    } else {
        result->explanation = verdict_is_of_value(status) ? question.explanation : NULL;
    }
    snapshot_close(&snapshot);
    return status;
}

/* For a caller that waits on its own thread. */
static void
nobody_waits(struct engine_recording *recording, enum status status)
{
    (void)recording;
    (void)status;
}

static enum status
check_strictly(struct engine_worker *worker, const struct engine_request *request,
               const struct check *check, struct check_result *result, struct error *error)
{
    struct engine_recording own = {.recorded = nobody_waits};
    struct check asked = *check;
    int64_t begun_ns = audit_now(worker);
    enum status status;

    if (check->recording != NULL && check->recording->done)
        return answer_recorded(worker, request, check, result, error);
    if (!worker->may_block)
        return BEHALF_WOULD_BLOCK;
    if (check->recording != NULL)
        return answer_check(worker, request, check, &begun_ns, result, error);
    asked.recording = &own;
    status = answer_check(worker, request, &asked, &begun_ns, result, error);
    if (status != BEHALF_MUST_RECORD)
        return status;
    status = audit_wait(worker, error);
    return status == BEHALF_OK ? answer_recorded(worker, request, &asked, result, error) : status;
}

enum status
engine_check(struct engine_worker *worker, const struct engine_request *request,
             const struct check *check, struct check_result *result, struct error *error)
{
    int64_t begun_ns;

    if (BEHALF_LIKELY(!audit_concerns(worker, check->actor_count)))
        return answer_check(worker, request, check, NULL, result, error);
    if (audit_must_leave_loop(worker, check->actor_count))
        return BEHALF_WOULD_BLOCK;
    if (audit_is_strict(worker) && check->actor_count > 0)
        return check_strictly(worker, request, check, result, error);
    begun_ns = audit_now(worker);
    return answer_check(worker, request, check, &begun_ns, result, error);
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
    int64_t begun_ns;
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

/* Looks once more at an item that allows. */
static enum status
look_at_item(struct bulk *bulk, size_t at, struct engine_token *checked_at, struct error *error)
{
    struct check_item *item = &bulk->items[at];
    struct verdict verdict = {.decision = item->decision, .valid_until = item->valid_until};
    enum status status;

    /* What the look reads is of this item alone: a thousand would fill the memory. */
    drop_shared(bulk->snapshot, &bulk->shared);
    bulk->snapshot->denied_revision = 0;
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
    return BEHALF_OK;
}

static enum status
record_item(struct bulk *bulk, size_t at, struct error *error)
{
    const struct check_item *item = &bulk->items[at];
    struct audit_decision decision;

    audit_describe_check(&bulk->checks[at], bulk->guards != NULL ? bulk->guards[at] : NULL,
                         &decision);
    decision.decision = item->decision;
    decision.reason = item->reason;
    decision.missing = item->missing;
    decision.decision_id = &item->decision_id;
    decision.begun_ns = bulk->begun_ns;
    return audit_decision_put(bulk->worker, bulk->snapshot, &decision, NULL, error);
}

static bool
item_allows(const struct bulk *bulk, size_t at)
{
    return bulk->items[at].status == BEHALF_OK && bulk->items[at].decision == DECISION_ALLOW &&
           bulk->guards != NULL && bulk->guards[at] != NULL;
}

static enum status
finish_item(struct bulk *bulk, size_t at, struct engine_token *checked_at, struct error *error)
{
    struct check_item *item = &bulk->items[at];
    bool delegated = bulk->checks[at].actor_count > 0;
    bool recorded;
    enum status status = BEHALF_OK;

    if (item->status != BEHALF_OK)
        return BEHALF_OK;
    bulk->snapshot->denied_revision = 0;
    recorded = audit_concerns(bulk->worker, bulk->checks[at].actor_count);
    if (BEHALF_UNLIKELY(delegated || recorded))
        decision_id_make(bulk->worker, &item->decision_id);
    if (item_allows(bulk, at))
        status = look_at_item(bulk, at, checked_at, error);
    return status == BEHALF_OK && BEHALF_UNLIKELY(recorded) ? record_item(bulk, at, error) : status;
}

/* Every allow by actors is on the disk now. What was withdrawn meanwhile is denied, and that is
 * recorded too. */
static enum status
look_at_recorded(struct bulk *bulk, struct engine_token *checked_at, struct error *error)
{
    enum status status = audit_wait(bulk->worker, error);

    for (size_t at = 0; status == BEHALF_OK && at < bulk->count; at++) {
        if (!item_allows(bulk, at) || bulk->checks[at].actor_count == 0)
            continue;
        status = look_at_item(bulk, at, checked_at, error);
        if (status == BEHALF_OK && bulk->items[at].decision != DECISION_ALLOW)
            status = record_item(bulk, at, error);
    }
    return status;
}

/* Looks once more at what allows: however long the bulk took, no item of it outlives what was
 * revoked meanwhile. Then it is recorded. */
static enum status
finish_bulk(struct bulk *bulk, struct engine_token *checked_at, struct error *error)
{
    bool waits = false;
    enum status status = BEHALF_OK;

    if (BEHALF_LIKELY(bulk->guards == NULL && bulk->worker->sample_left == 0))
        return BEHALF_OK;
    for (size_t at = 0; status == BEHALF_OK && at < bulk->count; at++) {
        status = finish_item(bulk, at, checked_at, error);
        waits = waits || (item_allows(bulk, at) && bulk->checks[at].actor_count > 0);
    }
    return status == BEHALF_OK && waits && audit_is_strict(bulk->worker)
               ? look_at_recorded(bulk, checked_at, error)
               : status;
}

static bool
must_leave_loop(const struct engine_worker *worker, const struct check *checks, size_t count)
{
    size_t actors = 0;

    for (size_t at = 0; at < count; at++)
        actors += checks[at].actor_count;
    return audit_must_leave_loop(worker, actors);
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
count_decisions(struct worker_counts *counts, const struct check *checks,
                const struct check_item *items, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (items[at].status != BEHALF_OK)
            continue;
        metric_add(&counts->decisions[items[at].decision], 1);
        if (checks[at].actor_count > 0)
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
        .begun_ns = worker->engine->audit != NULL ? audit_now(worker) : 0,
        .shared.usable = false,
    };
    enum status status;

    if (count > ENGINE_BULK_ITEMS_MAX)
        return error_set(error, BEHALF_TOO_MANY_CHECKS_IN_REQUEST,
                         "%zu checks in one request; at most %d are allowed", count,
                         ENGINE_BULK_ITEMS_MAX);
    if ((!worker->may_block && count > LIMIT_INLINE_ITEMS) ||
        must_leave_loop(worker, checks, count))
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
        count_decisions(&worker->counts, checks, bulk.items, count);
        *result = (struct check_bulk_result){.items = bulk.items, .checked_at = snapshot.token};
    }
    snapshot_close(&snapshot);
    return status;
}
