/* lookup_resources.c - which resources of a type may this subject reach?
 * candidates.h finds them, so many at a time; what it leaves open the evaluation core checks at the
 * same snapshot. Checks are made only for the page asked. What was found beyond it waits for the
 * next page in page_cache.h. */
#include "base/bytes.h"
#include "eval/candidates.h"
#include "eval/eval.h"
#include "engine/page_cache.h"
#include "engine/page_room.h"
#include "engine/request.h"
#include "engine/token.h"

/* --- the page --- */

#define ROWS_AT_ONCE 64

struct resource_page {
    struct snapshot *snapshot;
    const struct datum *context; /* of the request */
    uint32_t target;             /* member */
    uint64_t type_node;          /* the wildcard of its type */
    struct page_key key;
    struct arena finding;      /* of candidates.h, for one stretch of them */
    struct resource_set found; /* all that may be answers, behind `after` up to `to` */
    uint64_t after;
    uint64_t to;
    int64_t found_until;          /* the earliest expiration met by finding them */
    const struct page_walk *kept; /* where they were found; NULL: in `finding` */
    struct arena *results;
    struct lookup_resources_result *result;
    size_t limit;
    struct page_room room;
    uint64_t last;       /* sequence of the last given, or left behind by the page before */
    struct arena memory; /* of the checks; thrown away when it has grown */
    struct eval eval;
    struct eval_subject subject;
    int64_t until;      /* the earliest expiration of the walk and of the candidates checked */
    struct value chain; /* of delegation: AND-ed into each decision */
    uint32_t undecided_size;
    uint64_t unnamed[ROWS_AT_ONCE]; /* nodes of the last rows, which have no id yet */
    size_t unnamed_count;
};

#define PAGE_MEMORY_KEPT ((size_t)4 * 1024 * 1024)
#define PREFETCHED 8 /* candidates ahead */

static void
refresh_eval(struct resource_page *page)
{
    struct snapshot *snapshot = page->snapshot;

    arena_reset(&page->memory, LIMIT_CHECK_SCRATCH);
    eval_init(&page->eval, VALUE_DECISION, snapshot->binding, &snapshot->view, &page->memory,
              &page->subject, page->context);
}

/* Checks of one subject share what they learn. One that finds too little memory behind that is made
 * again on its own: its answer must not depend on the others. */
static enum status
check_candidate(struct resource_page *page, uint64_t node, struct value *value, struct error *error)
{
    uint32_t target = page->target;
    bool reused = page->eval.schema != NULL && page->memory.used_bytes < PAGE_MEMORY_KEPT;
    enum status status;

    if (!reused)
        refresh_eval(page);
    status = eval_node(&page->eval, node, target, value, error);
    if (!budget_may_lack_memory(status) || !reused || page->snapshot->budget.edges_left == 0)
        return status;
    refresh_eval(page);
    error->status = BEHALF_OK;
    return eval_node(&page->eval, node, target, value, error);
}

static enum status
name_rows(struct resource_page *page, struct error *error)
{
    struct lookup_resource *rows =
        page->result->resources + page->result->resource_count - page->unnamed_count;
    struct slice ids[ROWS_AT_ONCE];
    enum status status =
        resolver_ids(&page->snapshot->resolver, page->unnamed, page->unnamed_count, ids, error);

    for (size_t i = 0; status == BEHALF_OK && i < page->unnamed_count; i++) {
        rows[i].id = ids[i];
        page_room_give(&page->room, page_id_spare(ids[i]));
    }
    page->unnamed_count = 0;
    return status;
}

/* Whether a row of so many bytes has room in the page. What the last rows keep for their ids is
 * given back only when it is needed. */
static enum status
has_room(struct resource_page *page, size_t bytes, bool *room, struct error *error)
{
    const struct lookup_resources_result *result = page->result;
    enum status status = BEHALF_OK;

    if (!page_room_has(&page->room, bytes))
        status = name_rows(page, error);
    *room =
        page_room_has(&page->room, bytes) || result->resource_count + result->undecided_count == 0;
    return status;
}

/* Rare, and large: made when needed. */
static enum status
add_undecided(struct resource_page *page, uint64_t node, const struct error *problem,
              struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct lookup_undecided *rows =
        arena_grow(page->results, result->undecided, (uint32_t)result->undecided_count,
                   &page->undecided_size, sizeof *rows);
    enum status status;

    if (rows == NULL)
        return budget_memory_spent(error);
    result->undecided = rows;
    rows[result->undecided_count].error = *problem;
    status = resolver_id(&page->snapshot->resolver, node, &rows[result->undecided_count].id, error);
    if (status != BEHALF_OK)
        return status;
    page_room_give(&page->room, page_id_spare(rows[result->undecided_count++].id));
    return BEHALF_OK;
}

static enum status
add_resource(struct resource_page *page, uint64_t node, const struct verdict *verdict,
             struct error *error)
{
    struct lookup_resources_result *result = page->result;

    result->resources[result->resource_count++] =
        (struct lookup_resource){.decision = verdict->decision, .missing = verdict->missing};
    page->unnamed[page->unnamed_count++] = node;
    return page->unnamed_count == ROWS_AT_ONCE ? name_rows(page, error) : BEHALF_OK;
}

static void
note_expiration(struct resource_page *page, int64_t until)
{
    if (until < page->until)
        page->until = until;
}

/* Decides one candidate. `problem` is its own error when it has one, `error` the request's. */
static enum status
decide_candidate(struct resource_page *page, uint64_t node, bool open, struct verdict *verdict,
                 struct error *problem, struct error *error)
{
    struct snapshot *snapshot = page->snapshot;
    struct value value = value_decision(true);
    enum status status = BEHALF_OK;

    problem->status = BEHALF_OK;
    if (open)
        status = check_candidate(page, node, &value, error);
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

/* The next resource of the page; *full when there is no room for it. */
static enum status
add_candidate(struct resource_page *page, uint64_t node, bool open, bool *full, struct error *error)
{
    const struct lookup_resources_result *result = page->result;
    struct verdict verdict = {.decision = DECISION_ALLOW};
    struct error problem;
    bool decided = !open && page->chain.lower;
    bool room;
    size_t bytes;
    enum status status = BEHALF_OK;

    if (!decided) {
        status = decide_candidate(page, node, open, &verdict, &problem, error);
        decided = problem.status == BEHALF_OK;
    }
    if (status != BEHALF_OK || (decided && verdict.decision == DECISION_DENY))
        return status;
    bytes = PAGE_ID_BYTES +
            (decided ? page_row_bytes(verdict.decision, &verdict.missing) : PAGE_UNDECIDED_BYTES);
    status = has_room(page, bytes, &room, error);
    *full = !room || result->resource_count + result->undecided_count == page->limit;
    if (status != BEHALF_OK || *full)
        return status;
    page_room_take(&page->room, bytes);
    page->last = node & NODE_SEQUENCE_MASK;
    return decided ? add_resource(page, node, &verdict, error)
                   : add_undecided(page, node, &problem, error);
}

static uint64_t
node_at(const struct resource_page *page, uint32_t at)
{
    return page->type_node | RESOURCE_SEQUENCE(page->found.entries[at]);
}

/* The first of what was found that is not given yet. */
static uint32_t
first_left(const struct resource_page *page)
{
    return resource_set_lower_bound(page->found, page->last + 1);
}

/* Room for as many rows as what was found, from `first` on, can become. */
static enum status
make_room(struct resource_page *page, uint32_t first, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    size_t left = page->found.count - first;
    size_t size =
        left < page->limit - result->resource_count ? result->resource_count + left : page->limit;
    struct lookup_resource *rows = arena_take(page->results, size * sizeof *rows);

    if (rows == NULL)
        return budget_memory_spent(error);
    if (result->resource_count > 0)
        memcpy(rows, result->resources, result->resource_count * sizeof *rows);
    result->resources = rows;
    return BEHALF_OK;
}

/* In order of nodes, and one answer ahead to know whether another follows. */
static enum status
add_found(struct resource_page *page, bool *full, struct error *error)
{
    uint32_t first = first_left(page);
    enum status status = make_room(page, first, error);

    for (uint32_t at = first; status == BEHALF_OK && !*full && at < page->found.count; at++) {
        bool open = RESOURCE_OPEN(page->found.entries[at]);

        if (open && page->found.count - at > PREFETCHED)
            graph_prefetch(page->snapshot->view.graph, node_at(page, at + PREFETCHED),
                           EDGE_FORWARD);
        status = add_candidate(page, node_at(page, at), open, full, error);
    }
    return status;
}

/* Finds the next stretch of what may be answers. */
static enum status
find(struct resource_page *page, struct error *error)
{
    struct snapshot *snapshot = page->snapshot;
    struct candidates candidates = {
        .view = &snapshot->view,
        .scope = {.binding = snapshot->binding,
                  .context = page->context,
                  .arena = &page->finding,
                  .budget = &snapshot->budget},
        .subject = &page->subject,
        .after = page->after,
    };
    enum status status;

    page_walk_give(page->kept);
    page->kept = NULL;
    arena_reset(&page->finding, LIMIT_LOOKUP_SCRATCH);
    status = candidates_find(&candidates, page->target, &page->found, &page->to, error);
    page->found_until = candidates.until;
    note_expiration(page, candidates.until);
    return status;
}

/* Takes what the page before left behind. */
static bool
find_kept(struct resource_page *page)
{
    struct snapshot *snapshot = page->snapshot;

    page->kept =
        page_cache_find(snapshot->engine->pages, &page->key, page->after, snapshot->view.now);
    if (page->kept == NULL)
        return false;
    page->found =
        (struct resource_set){page->kept->lists[0].entries, (uint32_t)page->kept->lists[0].count};
    page->to = page->kept->to;
    note_expiration(page, page->kept->until);
    return true;
}

/* Keeps what is left for the next page. A walk that was kept stays so; a node that only this
 * request knows by its number is of no use to another. */
static void
keep_rest(struct resource_page *page)
{
    uint32_t first = first_left(page);
    uint32_t count = page->found.count - first;

    if (page->kept != NULL || count == 0 || NODE_IS_LOCAL(node_at(page, page->found.count - 1)))
        return;
    page_cache_keep(page->snapshot->engine->pages,
                    &(struct page_walk){.key = page->key,
                                        .after = page->last,
                                        .to = page->to,
                                        .now = page->snapshot->view.now,
                                        .until = page->found_until,
                                        .lists = {{page->found.entries + first, count}}});
}

static enum status
fill_page(struct resource_page *page, struct error *error)
{
    bool full = false;
    enum status status = add_found(page, &full, error);

    while (status == BEHALF_OK && !full && page->to != RESOURCE_END) {
        page->after = page->to;
        status = find(page, error);
        if (status == BEHALF_OK)
            status = add_found(page, &full, error);
    }
    page->result->complete = !full;
    return status == BEHALF_OK ? name_rows(page, error) : status;
}

static enum status
make_page(struct resource_page *page, uint64_t digest, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct snapshot *snapshot = page->snapshot;
    enum status status = fill_page(page, error);

    if (status == BEHALF_OK && !result->complete) {
        struct cursor cursor = {.revision = snapshot->revision, .request_digest = digest};

        bytes_put_u64(cursor.position, page->type_node | page->last);
        cursor_seal(snapshot->engine->store, &cursor, &result->cursor);
        keep_rest(page);
    }
    result->complete = result->complete && result->undecided_count == 0;
    result->valid_until = verdict_time(page->until);
    result->looked_up_at = snapshot->token;
    return status;
}

/* --- the request --- */

static uint64_t
digest_of(const struct lookup_resources *lookup, struct page_key *key)
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
    digest = cursor_request_digest(parts, count, key->request);
    buffer_release(&context);
    return digest;
}

static enum status
bind_lookup(struct resource_page *page, const struct lookup_resources *lookup,
            struct request_chain *chain, struct error *error)
{
    struct snapshot *snapshot = page->snapshot;
    uint32_t type;
    enum status status =
        schema_resolve_type(snapshot->binding->schema, lookup->resource_type, &type, error);

    if (status == BEHALF_OK)
        status = schema_resolve_member(snapshot->binding->schema, type, lookup->permission,
                                       &page->target, error);
    if (status == BEHALF_OK)
        status = request_subject(snapshot, &lookup->subject, &page->subject, error);
    if (status == BEHALF_OK)
        status = request_chain(snapshot, &lookup->subject, &page->subject, lookup->actors,
                               lookup->actor_count, chain, error);
    if (status == BEHALF_OK)
        page->type_node = NODE_WILDCARD(snapshot->binding->type_labels[type]);
    return status;
}

/* Decides the chain once, finds all that may be answers, and makes the page. */
static enum status
answer(struct resource_page *page, const struct lookup_resources *lookup, uint64_t digest,
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
    if (hops.decision != DECISION_DENY && !find_kept(page))
        status = find(page, error);
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
    struct resource_page page = {
        .snapshot = &snapshot,
        .context = lookup->context,
        .to = RESOURCE_END,
        .results = request->arena,
        .result = &found,
        .room = page_room_of(lookup->most_bytes),
    };
    uint64_t digest = digest_of(lookup, &page.key);
    enum status status = request_limit(lookup->limit, &page.limit, error);

    if (status == BEHALF_OK && lookup->cursor.size > 0) {
        status = cursor_open(worker->engine->store, lookup->cursor, digest, &cursor, error);
        page.after = page.last = bytes_get_u64(cursor.position) & NODE_SEQUENCE_MASK;
    }
    if (status != BEHALF_OK)
        return status;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    page.key.revision = snapshot.revision;
    arena_init_request(&page.memory, LIMIT_CHECK_SCRATCH);
    arena_init_request(&page.finding, LIMIT_LOOKUP_SCRATCH);
    status = answer(&page, lookup, digest, error);
    if (status == BEHALF_OK)
        *result = found;
    page_walk_give(page.kept);
    arena_release(&page.finding);
    arena_release(&page.memory);
    snapshot_close(&snapshot);
    return status;
}
