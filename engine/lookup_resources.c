/* lookup_resources.c - which resources of a type may this subject reach?
 * candidates.h finds them, so many at a time, or a grant names them; what is open is checked at the
 * same snapshot. Checks are made only for the page asked. What was found beyond it waits for the
 * next page in page_cache.h.
 * With a grant, a page after the first sees relationships at the cursor's revision and records at
 * the newest; its cursor is good for a while only: names that were listed must not outlive by much
 * what was taken away. */
#include <stdlib.h>

#include "base/bytes.h"
#include "eval/candidates.h"
#include "eval/eval.h"
#include "engine/audit_decision.h"
#include "engine/page_cache.h"
#include "engine/page_room.h"
#include "engine/resource_checks.h"
#include "engine/scope.h"
#include "engine/token.h"

/* --- the page --- */

#define ROWS_AT_ONCE 64

struct resource_page {
    struct engine_worker *worker;
    struct snapshot *snapshot;
    struct resource_checks checks;
    struct inputs_attributes attributes; /* of the search for candidates: the resource is open */
    uint32_t target;                     /* member */
    uint64_t type_node;                  /* the wildcard of its type */
    struct page_key key;
    struct arena finding;      /* of candidates.h, for one stretch of them */
    struct resource_set found; /* all that may be answers, behind `after` up to `to` */
    uint64_t after;
    uint64_t to;
    int64_t found_until;          /* the earliest expiration met by finding them */
    const struct page_walk *kept; /* where they were found; NULL: in `finding` */
    bool named;                   /* a grant names all of them */
    bool recorded;                /* for the audit: */
    int64_t begun_ns;
    uint64_t looked_at; /* candidates of this page */
    int64_t begun;      /* with a grant: believed time of the first page */
    struct arena *results;
    struct lookup_resources_result *result;
    size_t limit;
    struct page_room room;
    uint64_t last; /* sequence of the last given, or left behind by the page before */
    int64_t until; /* the earliest expiration of the walk and of the candidates checked */
    uint32_t undecided_size;
    uint64_t unnamed[ROWS_AT_ONCE]; /* nodes of the last rows, which have no id yet */
    size_t unnamed_count;
};

#define PREFETCHED 8 /* candidates ahead */

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
    struct value value;
    enum status status =
        resource_checks_decide(&page->checks, node, page->target, open, &value, error);

    problem->status = BEHALF_OK;
    if (status != BEHALF_OK)
        return status;
    note_expiration(page, value.until);
    status = verdict_of(page->snapshot, &value, verdict, problem);
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
    bool decided = !open && resource_checks_are_plain(&page->checks);
    bool room;
    size_t bytes;
    enum status status = BEHALF_OK;

    page->looked_at++;
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
                  .context = page->checks.inputs.context,
                  .attributes =
                      inputs_attributes_of(&page->attributes, snapshot, &page->checks.inputs,
                                           page->checks.subject.node, 0),
                  .arena = &page->finding,
                  .budget = &snapshot->budget},
        .subject = &page->checks.subject,
        .after = page->after,
    };
    enum status status;

    page->attributes.common.open = UINT32_C(1) << CAVEAT_RESOURCE;
    page_walk_give(page->kept);
    page->kept = NULL;
    arena_reset(&page->finding, LIMIT_LOOKUP_SCRATCH);
    status = candidates_find(&candidates, page->target, &page->found, &page->to, error);
    page->found_until = candidates.until;
    note_expiration(page, candidates.until);
    return status;
}

/* --- objects that a grant names --- */

/* How many objects the grant names for the action; SIZE_MAX where it selects others too. */
static size_t
count_named(const struct grant *grant, uint16_t type, uint16_t action)
{
    const struct grant_element *elements = record_at(grant, grant->elements);
    size_t count = 0;

    for (uint32_t at = 0; at < grant->elements.count; at++) {
        if (!scope_element_carries(grant, &elements[at], type, action))
            continue;
        if (elements[at].form != SELECTOR_OBJECT)
            return SIZE_MAX;
        count++;
    }
    return count;
}

static int
compare_entries(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The candidates are what this grant names. One that was never stored has no relationships: nobody
 * reaches it, but for itself. */
static enum status
take_named(struct resource_page *page, const struct grant *grant, size_t count, uint16_t action,
           struct error *error)
{
    const struct grant_element *elements = record_at(grant, grant->elements);
    uint16_t type = NODE_TYPE(page->type_node);
    uint64_t *entries = arena_take_array(&page->finding, count + 1, sizeof *entries);
    uint32_t taken = 0;
    uint32_t kept = 0;

    if (entries == NULL)
        return budget_memory_spent(error);
    for (uint32_t at = 0; at < grant->elements.count; at++) {
        uint64_t node;
        enum status status;

        if (!scope_element_carries(grant, &elements[at], type, action))
            continue;
        status = resolver_node(&page->snapshot->resolver, type, record_text(grant, elements[at].id),
                               &node, error);
        if (status != BEHALF_OK)
            return status;
        if (!NODE_IS_LOCAL(node) || node == page->checks.subject.node)
            entries[taken++] = RESOURCE_ENTRY(node & NODE_SEQUENCE_MASK, true);
    }
    qsort(entries, taken, sizeof *entries, compare_entries);
    for (uint32_t at = 0; at < taken; at++)
        if (kept == 0 || entries[kept - 1] != entries[at])
            entries[kept++] = entries[at];
    page->found = (struct resource_set){entries, kept};
    page->to = RESOURCE_END;
    return BEHALF_OK;
}

/* Takes the objects of the grant of the chain that names the fewest, where one names all. */
static enum status
find_named(struct resource_page *page, struct error *error)
{
    const struct delegated *delegated = &page->checks.delegated;
    uint16_t action = page->snapshot->binding->member_labels[page->target];
    const struct grant *best = NULL;
    size_t fewest = SIZE_MAX;

    if (page->checks.grant == NULL)
        return BEHALF_OK;
    for (size_t at = 0; at < delegated->length; at++) {
        size_t count = count_named(delegated->chain[at], NODE_TYPE(page->type_node), action);

        if (count < fewest) {
            fewest = count;
            best = delegated->chain[at];
        }
    }
    page->named = best != NULL;
    return page->named ? take_named(page, best, fewest, action, error) : BEHALF_OK;
}

/* --- from page to page --- */

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

    if (page->named || page->kept != NULL || count == 0 ||
        NODE_IS_LOCAL(node_at(page, page->found.count - 1)))
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

/* The position: node 8 | with a grant, believed time of the first page 8. */
static void
make_cursor(struct resource_page *page, uint64_t digest)
{
    struct cursor cursor = {.revision = page->snapshot->revision, .request_digest = digest};

    bytes_put_u64(cursor.position, page->type_node | page->last);
    if (page->checks.grant != NULL)
        bytes_put_u64(cursor.position + 8, (uint64_t)page->begun);
    cursor_seal(page->snapshot->engine->store, &cursor, &page->result->cursor);
    keep_rest(page);
}

static enum status
make_page(struct resource_page *page, uint64_t digest, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    enum status status = fill_page(page, error);

    if (status == BEHALF_OK && !result->complete)
        make_cursor(page, digest);
    result->complete = result->complete && result->undecided_count == 0;
    return status;
}

static bool
allows_something(const struct lookup_resources_result *result)
{
    for (size_t at = 0; at < result->resource_count; at++)
        if (result->resources[at].decision == DECISION_ALLOW)
            return true;
    return false;
}

/* Nothing of a page is left when the records, as they are now, deny. */
static enum status
look_again(struct resource_page *page, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct engine_token token;
    enum engine_reason reason;
    enum status status;

    if (result->resource_count + result->undecided_count == 0 ||
        !resource_checks_can_be_stopped(&page->checks))
        return BEHALF_OK;
    status =
        resource_checks_look_again(&page->checks, allows_something(result), &reason, &token, error);
    if (status == BEHALF_OK && reason != REASON_NONE)
        *result = (struct lookup_resources_result){
            .complete = true, .reason = reason, .looked_up_at = token};
    return status;
}

/* --- the request --- */

static uint64_t
digest_of(const struct engine_request *request, const struct lookup_resources *lookup,
          struct page_key *key)
{
    struct slice parts[9 + 2 * ENGINE_ACTORS_MAX] = {
        SLICE_LITERAL("lookup_resources"),
        lookup->resource_type,
        lookup->permission,
        lookup->subject.type,
        lookup->subject.id,
        lookup->subject.relation,
        request_time(request),
    };
    struct buffer context;
    size_t count = 7;
    uint64_t digest;

    buffer_init(&context);
    if (lookup->context != NULL)
        datum_encode(lookup->context, &context);
    inputs_print_properties(lookup->properties, &context);
    parts[count++] = buffer_slice(&context);
    for (size_t i = 0; i < lookup->actor_count && i < ENGINE_ACTORS_MAX; i++) {
        parts[count++] = lookup->actors[i].type;
        parts[count++] = lookup->actors[i].id;
    }
    if (lookup->delegation != NULL && lookup->delegation->given)
        parts[count++] =
            (struct slice){(const char *)lookup->delegation->grant.bytes, RECORD_ID_SIZE};
    digest = cursor_request_digest(parts, count, key->request);
    buffer_release(&context);
    return digest;
}

static enum status
bind_target(struct resource_page *page, const struct lookup_resources *lookup, struct error *error)
{
    const struct binding *binding = page->snapshot->binding;
    uint32_t type;
    enum status status = schema_resolve_type(binding->schema, lookup->resource_type, &type, error);

    if (status == BEHALF_OK)
        status =
            schema_resolve_member(binding->schema, type, lookup->permission, &page->target, error);
    if (status == BEHALF_OK)
        page->type_node = NODE_WILDCARD(binding->type_labels[type]);
    return status;
}

/* Finds all that may be answers. */
static enum status
find_first(struct resource_page *page, struct error *error)
{
    enum status status = find_named(page, error);

    if (status != BEHALF_OK || page->named || find_kept(page))
        return status;
    return find(page, error);
}

static enum status
record(const struct resource_page *page, const struct lookup_resources *lookup, struct error *error)
{
    const struct lookup_resources_result *result = page->result;
    const struct resource_checks *checks = &page->checks;
    const struct audit_decision decision = {
        .kind = AUDIT_KIND_LOOKUP,
        .permission = lookup->permission,
        .resource_type = lookup->resource_type,
        .subject = &lookup->subject,
        .actors = lookup->actors,
        .actor_count = lookup->actor_count,
        .parties = &checks->parties,
        .delegated = checks->grant != NULL ? &checks->delegated : NULL,
        .is_stopped = result->reason == REASON_AGENT_STOPPED,
        .context = lookup->context,
        .properties = lookup->properties,
        .decision = result->resource_count > 0 ? DECISION_ALLOW : DECISION_DENY,
        .reason = result->reason,
        .has_counts = true,
        .in = page->looked_at,
        .out = result->resource_count,
        .decision_id = &result->decision_id,
        .begun_ns = page->begun_ns,
    };

    return audit_decision_put(page->worker, page->snapshot, &decision, NULL, error);
}

/* In the record before the answer, and where it must be on the disk, looked at once more. */
static enum status
finish(struct resource_page *page, const struct lookup_resources *lookup, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    const struct record_id_text id = result->decision_id;
    enum status status = record(page, lookup, error);

    if (status != BEHALF_OK || !audit_is_strict(page->worker) || lookup->actor_count == 0 ||
        result->resource_count + result->undecided_count == 0)
        return status;
    status = audit_wait(page->worker, error);
    if (status == BEHALF_OK)
        status = look_again(page, error);
    if (status != BEHALF_OK || result->reason == REASON_NONE)
        return status;
    result->decision_id = id;
    return record(page, lookup, error);
}

/* Decides once what concerns all resources, finds what may be answers, and makes the page. */
static enum status
answer(struct resource_page *page, const struct lookup_resources *lookup, uint64_t digest,
       struct error *error)
{
    const struct inputs_request request = {
        delegated_is_asked(lookup->actor_count, lookup->delegation), UINT32_C(1)
                                                                         << CAVEAT_RESOURCE};
    struct resource_checks_asked asked = {
        .subject = &lookup->subject,
        .actors = lookup->actors,
        .actor_count = lookup->actor_count,
        .grant = lookup->delegation,
        .inputs = {.context = lookup->context, .action = lookup->permission},
    };
    struct resource_checks *checks = &page->checks;
    struct lookup_resources_result *result = page->result;
    enum status status = bind_target(page, lookup, error);

    if (status == BEHALF_OK)
        status = inputs_count(page->snapshot, lookup->properties, &request,
                              &asked.inputs.properties, error);
    if (status == BEHALF_OK)
        status = resource_checks_open(checks, page->worker, page->snapshot, &asked, error);
    if (status != BEHALF_OK)
        return status;
    if (checks->grant != NULL && lookup->cursor.size == 0)
        page->begun = clock_read(&page->worker->engine->clock).kept;
    page->until = VALUE_FOR_EVER;
    result->complete = true;
    if (checks->reason == REASON_NONE)
        status = find_first(page, error);
    if (status == BEHALF_OK && checks->reason == REASON_NONE)
        status = make_page(page, digest, error);
    if (status != BEHALF_OK)
        return status;
    result->reason = checks->reason;
    result->valid_until = verdict_time(page->until < checks->until ? page->until : checks->until);
    result->looked_up_at = page->snapshot->token;
    status = look_again(page, error);
    if (status != BEHALF_OK)
        return status;
    if (page->recorded || !resource_checks_are_plain(checks))
        decision_id_make(page->worker, &result->decision_id);
    return page->recorded ? finish(page, lookup, error) : BEHALF_OK;
}

/* Goes on behind the page before. */
static enum status
open_cursor(struct resource_page *page, const struct lookup_resources *lookup, uint64_t digest,
            struct cursor *cursor, struct error *error)
{
    struct engine *engine = page->worker->engine;
    enum status status = cursor_open(engine->store, lookup->cursor, digest, cursor, error);

    if (status != BEHALF_OK)
        return status;
    page->after = page->last = bytes_get_u64(cursor->position) & NODE_SEQUENCE_MASK;
    if (lookup->delegation == NULL || !lookup->delegation->given)
        return BEHALF_OK;
    page->begun = (int64_t)bytes_get_u64(cursor->position + 8);
    if (clock_read(&engine->clock).now - page->begun < LIMIT_GRANT_CURSOR_NS)
        return BEHALF_OK;
    error_set(error, BEHALF_INVALID_CURSOR,
              "the cursor of a lookup by a grant is good for %lld minutes from the first page",
              (long long)(LIMIT_GRANT_CURSOR_NS / 60000000000));
    error_hint(error, "begin again, without a cursor");
    return BEHALF_INVALID_CURSOR;
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
        .worker = worker,
        .snapshot = &snapshot,
        .to = RESOURCE_END,
        .results = request->arena,
        .result = &found,
        .room = page_room_of(lookup->most_bytes),
    };
    uint64_t digest = digest_of(request, lookup, &page.key);
    enum status status = request_limit(lookup->limit, &page.limit, error);

    if (status == BEHALF_OK && lookup->cursor.size > 0)
        status = open_cursor(&page, lookup, digest, &cursor, error);
    if (status != BEHALF_OK)
        return status;
    if (audit_must_leave_loop(worker, lookup->actor_count))
        return BEHALF_WOULD_BLOCK;
    page.recorded = audit_concerns(worker, lookup->actor_count);
    page.begun_ns = page.recorded ? audit_now(worker) : 0;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    page.key.revision = snapshot.revision;
    arena_init_request(&page.finding, LIMIT_LOOKUP_SCRATCH);
    status = answer(&page, lookup, digest, error);
    if (status == BEHALF_OK)
        *result = found;
    page_walk_give(page.kept);
    arena_release(&page.finding);
    resource_checks_close(&page.checks);
    snapshot_close(&snapshot);
    return status;
}
