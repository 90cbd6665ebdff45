/* check.c - check, bulk check and lookup of permissions: decisions for one subject at a time.
 * Delegation is an intersection: the principal's own decision and every hop of the chain. */
#include "engine/explain.h"
#include "engine/prefetch.h"
#include "eval/reach_together.h"

/* One question, bound to the snapshot. */
struct question {
    uint64_t resource;
    uint32_t member;
    struct eval_subject subject;
    struct request_chain chain;
    const struct datum *context;
    bool explain;
    const struct explanation *explanation; /* once it is decided; NULL unless asked for */

    /* The chain once it is decided: it is the same for all permissions of a resource. */
    bool chain_decided;
    struct value chain_value;
};

static uint64_t
id_hash_of(const struct object *object, const struct object *ahead, uint64_t hash)
{
    bool same = object->id.data == ahead->id.data && object->id.size == ahead->id.size;

    return same ? hash : name_id_hash(object->id);
}

static enum status
bind_question(struct snapshot *snapshot, const struct check *check, const struct engine_pair *ahead,
              struct question *question, struct error *error)
{
    uint64_t hash = id_hash_of(&check->resource, &ahead->resource, ahead->resource_hash);
    uint32_t type;
    enum status status = request_resource_hashed(snapshot, &check->resource, hash, &type,
                                                 &question->resource, error);

    question->context = check->context;
    question->explain = check->explain;
    question->explanation = NULL;
    question->chain_decided = false;
    if (status == BEHALF_OK)
        status = schema_resolve_member(snapshot->binding->schema, type, check->permission,
                                       &question->member, error);
    if (status == BEHALF_OK)
        status = request_subject_hashed(
            snapshot, &check->subject,
            id_hash_of(&check->subject, &ahead->subject, ahead->subject_hash), &question->subject,
            error);
    if (status == BEHALF_OK)
        status = request_chain(snapshot, &check->subject, &question->subject, check->actors,
                               check->actor_count, &question->chain, error);
    return status;
}

/* *value = *value and the chain of delegation, which is decided where it can still matter. */
static enum status
and_chain(struct snapshot *snapshot, struct question *question, struct value *value,
          struct error *error)
{
    enum status status = BEHALF_OK;

    if (question->chain.count == 0 || !value->upper)
        return BEHALF_OK;
    if (!question->chain_decided)
        status = request_chain_value(snapshot, &question->chain, question->context,
                                     &question->chain_value, error);
    if (status != BEHALF_OK)
        return status;
    question->chain_decided = true;
    return value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, value,
                         &question->chain_value)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

/* Explains a value whose verdict is known. What stops it stops the request. */
static enum status
explain_value(struct snapshot *snapshot, struct eval *eval, struct question *question,
              const struct value *value, enum status verdict, struct error *error)
{
    const struct explain_question asked = {
        .eval = eval,
        .resource = question->resource,
        .member = question->member,
        .chain = &question->chain,
        .value = *value,
    };
    struct error problem;
    enum status status;

    if (snapshot->budget.is_inline) /* texts and patterns take too long for an event loop */
        return BEHALF_WOULD_BLOCK;
    status = explain(snapshot, &asked, &question->explanation, &problem);
    if (status == BEHALF_OK)
        return verdict;
    *error = problem;
    return status;
}

static enum status
decide(struct snapshot *snapshot, struct eval *eval, struct question *question,
       struct verdict *verdict, struct error *error)
{
    struct value value;
    enum status status = eval_node(eval, question->resource, question->member, &value, error);

    if (status == BEHALF_OK)
        status = and_chain(snapshot, question, &value, error);
    if (status != BEHALF_OK)
        return status;
    status = verdict_of(snapshot, &value, verdict, error);
    return BEHALF_UNLIKELY(question->explain) && verdict_is_of_value(status)
               ? explain_value(snapshot, eval, question, &value, status, error)
               : status;
}

static void
init_eval(struct eval *eval, struct snapshot *snapshot, const struct question *question)
{
    eval_init(eval, VALUE_DECISION, snapshot->binding, &snapshot->view, snapshot->scratch,
              &question->subject, question->context);
    /* What is explained is remembered node by node. */
    if (snapshot->view.may_block && !question->explain)
        eval->reach.wide = &snapshot->wide;
}

enum status
engine_check(struct engine_worker *worker, const struct engine_request *request,
             const struct check *check, struct check_result *result, struct error *error)
{
    static const struct engine_pair nothing = {.resource_hash = 0};
    struct snapshot snapshot;
    struct question question;
    struct verdict verdict;
    struct eval eval;
    enum status status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = bind_question(&snapshot, check, check->ahead != NULL ? check->ahead : &nothing,
                           &question, error);
    if (status == BEHALF_OK) {
        init_eval(&eval, &snapshot, &question);
        status = decide(&snapshot, &eval, &question, &verdict, error);
    }
    if (status == BEHALF_OK)
        *result = (struct check_result){
            .decision = verdict.decision,
            .missing = verdict.missing,
            .valid_until = verdict.valid_until,
            .explanation = question.explanation,
            .checked_at = snapshot.token,
        };
    else
        result->explanation = verdict_is_of_value(status) ? question.explanation : NULL;
    snapshot_close(&snapshot);
    return status;
}

/* --- bulk --- */

/* The evaluation that items of one subject share, one after the other. */
struct shared_eval {
    struct eval eval;
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

/* Readies the evaluation for an item; whether it was used before. Items share it with their subject
 * and their very context; one that is explained has its own, so that what it can be told does not
 * depend on those before it. */
static bool
share(struct shared_eval *shared, struct snapshot *snapshot, const struct question *question)
{
    if (shared->usable && !question->explain &&
        same_subject(&shared->eval.subject, &question->subject) &&
        shared->eval.scope.context == question->context)
        return true;
    drop_shared(snapshot, shared);
    init_eval(&shared->eval, snapshot, question);
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
    enum status status = decide(snapshot, &shared->eval, question, verdict, error);

    if (budget_may_lack_memory(status) && reused && snapshot->budget.edges_left > 0) {
        shared->usable = false;
        question->chain_decided = false;
        (void)share(shared, snapshot, question);
        status = decide(snapshot, &shared->eval, question, verdict, error);
    }
    shared->usable = verdict_is_of_value(status) && !question->explain;
    return status;
}

/* What ends the whole request: the other items would fare no better. */
static bool
ends_request(enum status status)
{
    return status == BEHALF_WOULD_BLOCK || status == BEHALF_DEADLINE ||
           status == BEHALF_STORAGE_FAILED || status == BEHALF_STORAGE_CORRUPT ||
           status == BEHALF_REVISION_EXPIRED || status == BEHALF_INTERNAL;
}

static enum status
set_item(struct snapshot *snapshot, enum status status, const struct verdict *verdict,
         const struct error *problem, struct check_item *item, struct error *error)
{
    *item = (struct check_item){.status = status};
    if (status == BEHALF_OK) {
        item->decision = verdict->decision;
        item->missing = verdict->missing;
        item->valid_until = verdict->valid_until;
        return BEHALF_OK;
    }
    item->error = arena_take(snapshot->request->arena, sizeof *item->error);
    if (item->error == NULL)
        return budget_memory_spent(error);
    *item->error = *problem;
    return BEHALF_OK;
}

/* --- windows of a bulk --- */

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
bind_window(struct snapshot *snapshot, struct window *window)
{
    for (size_t at = 0; at < window->count; at++)
        window->ahead[at] =
            (struct engine_pair){window->checks[at].resource, window->checks[at].subject, 0, 0};
    prefetch_pairs(snapshot->engine, snapshot->binding, snapshot->revision, window->ahead,
                   window->count);
    for (size_t at = 0; at < window->count; at++) {
        struct error ignored;

        window->items[at].bound = bind_question(snapshot, &window->checks[at], &window->ahead[at],
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
        const struct condition_scope scope = {snapshot->binding, question->context,
                                              snapshot->scratch, &snapshot->budget};

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

/* An item whose node is decided already: what is left is its chain. */
static enum status
decide_rest(struct snapshot *snapshot, struct question *question, bool holds,
            struct verdict *verdict, struct error *error)
{
    struct value value = value_decision(holds);
    enum status status = and_chain(snapshot, question, &value, error);

    return status == BEHALF_OK ? verdict_of(snapshot, &value, verdict, error) : status;
}

static enum status
decide_bound(struct snapshot *snapshot, struct shared_eval *shared, struct window *window,
             size_t at, struct verdict *verdict, struct error *error)
{
    struct question *question = &window->questions[at];

    if (window->items[at].decided) {
        enum status status =
            decide_rest(snapshot, question, window->items[at].holds, verdict, error);

        if (!budget_may_lack_memory(status))
            return status;
        question->chain_decided = false; /* on its own, with memory of its own */
    }
    return decide_shared(snapshot, shared, question, verdict, error);
}

/* Each item has the budget of a check, and its error stands for itself. */
static enum status
decide_item(struct snapshot *snapshot, struct shared_eval *shared, struct window *window, size_t at,
            struct check_item *item, struct error *error)
{
    struct verdict verdict;
    struct error problem = {.status = BEHALF_OK};
    enum status status = BEHALF_OK;

    if (!snapshot->budget.is_inline)
        budget_renew(&snapshot->budget, LIMIT_CHECK_EDGES);
    (void)arena_was_refused(); /* what an item before was refused is not this one's */
    if (!window->items[at].bound)
        status = bind_question(snapshot, &window->checks[at], &window->ahead[at],
                               &window->questions[at], &problem);
    if (status == BEHALF_OK)
        status = decide_bound(snapshot, shared, window, at, &verdict, &problem);
    if (ends_request(status)) {
        *error = problem;
        return status;
    }
    status = set_item(snapshot, status, &verdict, &problem, item, error);
    item->explanation = window->questions[at].explanation;
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
decide_window(struct snapshot *snapshot, struct shared_eval *shared, const struct check *checks,
              size_t count, struct check_item *items, size_t *done, struct error *error)
{
    bool is_sample = snapshot->budget.is_inline && *done == 0;
    size_t most = is_sample ? LIMIT_INLINE_SAMPLE : ENGINE_PREFETCH_MAX;
    struct window window; /* not cleared: that would cost more than an item */
    enum status status = BEHALF_OK;

    if (would_take_long(snapshot, *done, count))
        return BEHALF_WOULD_BLOCK;
    window.checks = checks + *done;
    window.count = count - *done < most ? count - *done : most;
    bind_window(snapshot, &window);
    walk_window(snapshot, shared, &window);
    for (size_t at = 0; status == BEHALF_OK && at < window.count; at++)
        status = decide_item(snapshot, shared, &window, at, &items[*done + at], error);
    *done += window.count;
    return status;
}

enum status
engine_check_bulk(struct engine_worker *worker, const struct engine_request *request,
                  const struct check *checks, size_t count, struct check_bulk_result *result,
                  struct error *error)
{
    struct snapshot snapshot;
    struct shared_eval shared = {.usable = false};
    struct check_item *items;
    size_t done = 0;
    enum status status;

    if (count > ENGINE_BULK_ITEMS_MAX)
        return error_set(error, BEHALF_TOO_MANY_CHECKS_IN_REQUEST,
                         "%zu checks in one request; at most %d are allowed", count,
                         ENGINE_BULK_ITEMS_MAX);
    if (!worker->may_block && count > LIMIT_INLINE_ITEMS)
        return BEHALF_WOULD_BLOCK;
    status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    items = arena_take_array(request->arena, count, sizeof *items);
    if (items == NULL)
        status = budget_memory_spent(error);
    while (status == BEHALF_OK && done < count)
        status = decide_window(&snapshot, &shared, checks, count, items, &done, error);
    if (status == BEHALF_OK)
        *result = (struct check_bulk_result){.items = items, .checked_at = snapshot.token};
    snapshot_close(&snapshot);
    return status;
}

/* --- permissions --- */

static size_t
permission_count(const struct schema *schema, uint32_t type)
{
    const struct schema_type *row = &schema->types[type];
    size_t count = 0;

    for (uint32_t i = 0; i < row->member_count; i++)
        count += schema->members[row->first_member + i].kind == SCHEMA_PERMISSION;
    return count;
}

/* Decides every permission of the type on the resource, all with one evaluation. */
static enum status
decide_permissions(struct snapshot *snapshot, struct question *question, uint32_t type,
                   struct lookup_permissions_result *result, struct error *error)
{
    const struct schema *schema = snapshot->binding->schema;
    const struct schema_type *row = &schema->types[type];
    struct eval eval;

    init_eval(&eval, snapshot, question);
    for (uint32_t i = 0; i < row->member_count; i++) {
        struct lookup_permission *permission = &result->permissions[result->permission_count];
        struct verdict verdict;
        struct error problem;
        enum status status;

        question->member = row->first_member + i;
        if (schema->members[question->member].kind != SCHEMA_PERMISSION)
            continue;
        status = decide(snapshot, &eval, question, &verdict, &problem);
        if (!verdict_is_of_value(status)) {
            *error = problem;
            return status;
        }
        status = set_item(snapshot, status, &verdict, &problem, &permission->item, error);
        if (status != BEHALF_OK)
            return status;
        permission->permission =
            arena_copy(snapshot->request->arena, schema->members[question->member].name);
        if (permission->permission.data == NULL)
            return budget_memory_spent(error);
        result->permission_count++;
    }
    return BEHALF_OK;
}

enum status
engine_lookup_permissions(struct engine_worker *worker, const struct engine_request *request,
                          const struct lookup_permissions *lookup,
                          struct lookup_permissions_result *result, struct error *error)
{
    struct lookup_permissions_result found = {.permission_count = 0};
    struct snapshot snapshot;
    struct question question = {.context = lookup->context};
    uint32_t type = SCHEMA_NONE;
    enum status status = snapshot_open(worker, request, REQUEST_LOOKUP, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = request_resource(&snapshot, &lookup->resource, &type, &question.resource, error);
    if (status == BEHALF_OK)
        status = request_subject(&snapshot, &lookup->subject, &question.subject, error);
    if (status == BEHALF_OK)
        status = request_chain(&snapshot, &lookup->subject, &question.subject, lookup->actors,
                               lookup->actor_count, &question.chain, error);
    if (status == BEHALF_OK) {
        found.permissions =
            arena_take_array(request->arena, permission_count(snapshot.binding->schema, type),
                             sizeof *found.permissions);
        status = found.permissions == NULL
                     ? budget_memory_spent(error)
                     : decide_permissions(&snapshot, &question, type, &found, error);
    }
    found.looked_up_at = snapshot.token;
    if (status == BEHALF_OK)
        *result = found;
    snapshot_close(&snapshot);
    return status;
}
