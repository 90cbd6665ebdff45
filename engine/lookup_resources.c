/* lookup_resources.c - which resources of a type may this subject reach?
 * The walk of reverse.h finds them; what it did not find for certain is a candidate, which the
 * evaluation core checks at the same snapshot. Checks are made only for the page asked. */
#include "base/bytes.h"
#include "engine/eval.h"
#include "engine/request.h"
#include "engine/reverse.h"
#include "engine/token.h"

/* --- the page --- */

struct page {
    struct snapshot *snapshot;
    struct reverse_walk walk;
    struct arena *results;
    struct lookup_resources_result *result;
    size_t limit;
    uint64_t last;       /* last node given, or left behind by the page before */
    struct arena memory; /* of the checks; thrown away when it has grown */
    struct eval eval;
    struct eval_subject subject;
    int64_t until;      /* the earliest expiration of the walk and of the candidates checked */
    struct value chain; /* of delegation: AND-ed into each decision */
};

#define PAGE_MEMORY_KEPT ((size_t)4 * 1024 * 1024)

static void
refresh_eval(struct page *page)
{
    struct snapshot *snapshot = page->snapshot;

    arena_reset(&page->memory, LIMIT_CHECK_ARENA);
    eval_init(&page->eval, VALUE_DECISION, snapshot->binding, &snapshot->view, &page->memory,
              &page->subject, page->walk.scope.context);
}

/* Checks of one subject share what they learn. One that finds too little memory behind that is made
 * again on its own: its answer must not depend on the others. */
static enum status
check_candidate(struct page *page, uint64_t node, struct value *value, struct error *error)
{
    uint32_t target = page->walk.target;
    bool reused = page->eval.schema != NULL && page->memory.used_bytes < PAGE_MEMORY_KEPT;
    enum status status;

    if (!reused)
        refresh_eval(page);
    status = eval_node(&page->eval, node, target, value, error);
    if (status != BEHALF_BUDGET_EXHAUSTED || !reused || page->snapshot->budget.edges_left == 0)
        return status;
    refresh_eval(page);
    error->status = BEHALF_OK;
    return eval_node(&page->eval, node, target, value, error);
}

static enum status
add_undecided(struct page *page, uint64_t node, const struct error *problem, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct lookup_undecided *row = &result->undecided[result->undecided_count];
    enum status status = resolver_id(&page->snapshot->resolver, node, &row->id, error);

    row->error = *problem;
    result->undecided_count += status == BEHALF_OK;
    return status;
}

static enum status
add_resource(struct page *page, uint64_t node, const struct verdict *verdict, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct lookup_resource *row = &result->resources[result->resource_count];
    enum status status = resolver_id(&page->snapshot->resolver, node, &row->id, error);

    row->decision = verdict->decision;
    row->missing = verdict->missing;
    result->resource_count += status == BEHALF_OK;
    return status;
}

static void
note_expiration(struct page *page, int64_t until)
{
    if (until < page->until)
        page->until = until;
}

/* Decides one candidate. `problem` is its own error when it has one, `error` the request's. */
static enum status
decide_candidate(struct page *page, const struct reverse_node *candidate, struct verdict *verdict,
                 struct error *problem, struct error *error)
{
    struct snapshot *snapshot = page->snapshot;
    struct value value = value_decision(true);
    enum status status = BEHALF_OK;

    problem->status = BEHALF_OK;
    if (!candidate->certain)
        status = check_candidate(page, candidate->node, &value, error);
    if (status == BEHALF_OK &&
        !value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, &value, &page->chain))
        status = budget_memory_spent(error);
    if (status != BEHALF_OK)
        return status;
    note_expiration(page, value.until);
    status = verdict_of(snapshot, &value, verdict, problem);
    if (verdict_is_of_value(status))
        return BEHALF_OK;
    *error = *problem;
    return status;
}

/* Fills the page in order of nodes, and looks one answer ahead to know whether another follows. */
static enum status
fill_page(struct page *page, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    const struct reverse_walk *walk = &page->walk;

    result->complete = true;
    for (uint32_t i = 0; i < walk->found_count; i++) {
        const struct reverse_node *candidate = &walk->found[i];
        struct error problem;
        struct verdict verdict;
        enum status status;

        if (candidate->node <= page->last)
            continue;
        status = decide_candidate(page, candidate, &verdict, &problem, error);
        if (status != BEHALF_OK)
            return status;
        if (problem.status == BEHALF_OK && verdict.decision == DECISION_DENY)
            continue;
        if (result->resource_count + result->undecided_count == page->limit) {
            result->complete = false;
            return BEHALF_OK;
        }
        status = problem.status == BEHALF_OK
                     ? add_resource(page, candidate->node, &verdict, error)
                     : add_undecided(page, candidate->node, &problem, error);
        if (status != BEHALF_OK)
            return status;
        page->last = candidate->node;
    }
    return BEHALF_OK;
}

static enum status
make_page(struct page *page, uint64_t digest, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct snapshot *snapshot = page->snapshot;
    size_t most = page->limit < page->walk.found_count ? page->limit : page->walk.found_count;
    enum status status;

    result->resources = arena_take_array(page->results, most, sizeof *result->resources);
    result->undecided = arena_take_array(page->results, most, sizeof *result->undecided);
    if (result->resources == NULL || result->undecided == NULL)
        return budget_memory_spent(error);
    status = fill_page(page, error);
    if (status == BEHALF_OK && !result->complete) {
        struct cursor cursor = {.revision = snapshot->revision, .request_digest = digest};

        bytes_put_u64(cursor.position, page->last);
        cursor_seal(snapshot->engine->store, &cursor, &result->cursor);
    }
    result->complete = result->complete && result->undecided_count == 0;
    result->valid_until = verdict_time(page->until);
    result->looked_up_at = snapshot->token;
    return status;
}

/* --- the request --- */

static uint64_t
digest_of(const struct lookup_resources *lookup)
{
    struct slice parts[7 + 2 * ENGINE_ACTORS_MAX] = {
        SLICE_LITERAL("lookup_resources"),
        lookup->resource_type,
        lookup->permission,
        lookup->subject.type,
        lookup->subject.id,
        lookup->subject.relation,
    };
    struct buffer context;
    size_t count = 6;
    uint64_t digest;

    buffer_init(&context);
    if (lookup->context != NULL)
        datum_encode(lookup->context, &context);
    parts[count++] = buffer_slice(&context);
    for (size_t i = 0; i < lookup->actor_count && i < ENGINE_ACTORS_MAX; i++) {
        parts[count++] = lookup->actors[i].type;
        parts[count++] = lookup->actors[i].id;
    }
    digest = cursor_request_digest(parts, count);
    buffer_release(&context);
    return digest;
}

static enum status
bind_lookup(struct page *page, const struct lookup_resources *lookup, struct request_chain *chain,
            struct error *error)
{
    struct snapshot *snapshot = page->snapshot;
    uint32_t type;
    enum status status = request_type(snapshot, lookup->resource_type, &type, error);

    if (status == BEHALF_OK)
        status = request_member(snapshot, type, lookup->permission, &page->walk.target, error);
    if (status == BEHALF_OK)
        status = request_subject(snapshot, &lookup->subject, &page->subject, error);
    if (status == BEHALF_OK)
        status = request_chain(snapshot, &lookup->subject, &page->subject, lookup->actors,
                               lookup->actor_count, chain, error);
    page->walk.view = &snapshot->view;
    page->walk.scope = (struct condition_scope){
        .binding = snapshot->binding,
        .context = lookup->context,
        .arena = snapshot->scratch,
        .budget = &snapshot->budget,
    };
    return status;
}

/* Decides the chain once, walks, and makes the page. */
static enum status
answer(struct page *page, const struct lookup_resources *lookup, uint64_t digest,
       struct error *error)
{
    struct request_chain chain;
    struct verdict hops;
    enum status status = bind_lookup(page, lookup, &chain, error);

    if (status == BEHALF_OK)
        status = request_chain_value(page->snapshot, &chain, lookup->context, &page->chain, error);
    if (status == BEHALF_OK)
        status = verdict_of(page->snapshot, &page->chain, &hops, error);
    if (status != BEHALF_OK)
        return status;
    page->until = page->chain.until;
    if (hops.decision != DECISION_DENY) {
        status = reverse_walk(&page->walk, &page->subject, error);
        note_expiration(page, page->walk.until);
    }
    return status == BEHALF_OK ? make_page(page, digest, error) : status;
}

enum status
engine_lookup_resources(struct engine_worker *worker, const struct engine_request *request,
                        const struct lookup_resources *lookup,
                        struct lookup_resources_result *result, struct error *error)
{
    struct lookup_resources_result found = {.resource_count = 0};
    struct cursor cursor = {.revision = 0};
    struct snapshot snapshot;
    uint64_t digest = digest_of(lookup);
    struct page page = {.snapshot = &snapshot, .results = request->arena, .result = &found};
    enum status status = request_limit(lookup->limit, &page.limit, error);

    if (status == BEHALF_OK && lookup->cursor.size > 0) {
        status = cursor_open(worker->engine->store, lookup->cursor, digest, &cursor, error);
        page.last = bytes_get_u64(cursor.position);
    }
    if (status != BEHALF_OK)
        return status;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    arena_init(&page.memory, LIMIT_CHECK_ARENA);
    status = answer(&page, lookup, digest, error);
    if (status == BEHALF_OK)
        *result = found;
    arena_release(&page.memory);
    snapshot_close(&snapshot);
    return status;
}
