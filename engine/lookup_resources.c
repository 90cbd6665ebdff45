/* lookup_resources.c - which resources of a type may this subject reach?
 *
 * The walk goes from the subject towards resources: along stored edges in reverse, along the
 * schema's reachability graph (struct schema_entry) from member to member, and only where the
 * target permission can still be reached. An edge whose condition is false leads nowhere. A node
 * (object, member) that was reached through certain steps and edges whose conditions hold is an
 * answer; one that was not is a candidate, which the evaluation core checks at the same snapshot.
 *
 * Always true: whatever check allows is reached by the walk, since each way by which a subject can
 * be counted to a node is an entry, and operators that only take away are walked as if they did
 * not.
 * Costs: 16 bytes a node visited, 8 bytes a candidate; checks only for the page asked. */
#include <stdlib.h>

#include "base/bytes.h"
#include "engine/request.h"
#include "engine/token.h"

#define UNCERTAIN 0u
#define CERTAIN 1u

struct step {
    uint64_t object;
    uint32_t member;
    bool certain;
};

struct candidate {
    uint64_t node;
    bool certain;
};

struct walk {
    struct snapshot *snapshot;
    const struct schema *schema;
    struct arena *arena;
    struct condition_scope scope;
    int64_t until; /* the earliest expiration among the edges walked and the candidates checked */
    uint32_t target;
    bool *leads;          /* by member: can lead to the target */
    struct table visited; /* node key -> UNCERTAIN or CERTAIN */
    struct step *steps;   /* to be walked from */
    uint32_t step_count;
    uint32_t step_size;
    struct candidate *candidates;
    uint32_t candidate_count;
    uint32_t candidate_size;
};

/* --- which members lead to the target --- */

/* The entries of members turned round: sources[first[m]..first[m + 1]) lead to member m. */
struct turned {
    uint32_t *first;
    uint32_t *sources;
};

static bool
turn_entries(struct walk *walk, struct turned *turned)
{
    const struct schema *schema = walk->schema;
    size_t members = schema->member_count;

    turned->first = arena_take_array(walk->arena, members + 2, sizeof *turned->first);
    turned->sources = arena_take_array(walk->arena, schema->entry_count, sizeof *turned->sources);
    if (turned->first == NULL || turned->sources == NULL)
        return false;
    for (uint32_t member = 0; member < members; member++) {
        const struct schema_member *row = &schema->members[member];

        for (uint32_t at = row->first_entry; at < row->first_entry + row->entry_count; at++)
            turned->first[schema->entries[at].target + 2]++;
    }
    for (size_t member = 0; member < members; member++)
        turned->first[member + 2] += turned->first[member + 1];
    /* first[m + 1] is where the next source of m goes, and at the end where those of m + 1
     * begin. */
    for (uint32_t member = 0; member < members; member++) {
        const struct schema_member *row = &schema->members[member];

        for (uint32_t at = row->first_entry; at < row->first_entry + row->entry_count; at++)
            turned->sources[turned->first[schema->entries[at].target + 1]++] = member;
    }
    return true;
}

/* Goes from the target backwards; each member and entry is looked at once. */
static enum status
find_leads(struct walk *walk, struct error *error)
{
    uint32_t members = walk->schema->member_count;
    uint32_t *found = arena_take_array(walk->arena, members, sizeof *found);
    uint32_t count = 0;
    struct turned turned;

    walk->leads = arena_take_array(walk->arena, members, sizeof *walk->leads);
    if (found == NULL || walk->leads == NULL || !turn_entries(walk, &turned))
        return eval_spent(error);
    walk->leads[walk->target] = true;
    found[count++] = walk->target;
    for (uint32_t done = 0; done < count; done++) {
        for (uint32_t at = turned.first[found[done]]; at < turned.first[found[done] + 1]; at++) {
            uint32_t source = turned.sources[at];

            if (!walk->leads[source]) {
                walk->leads[source] = true;
                found[count++] = source;
            }
        }
    }
    return BEHALF_OK;
}

/* --- the walk --- */

static enum status
add_candidate(struct walk *walk, uint64_t node, bool certain, struct error *error)
{
    struct candidate *candidates = arena_grow(walk->arena, walk->candidates, walk->candidate_count,
                                              &walk->candidate_size, sizeof *candidates);

    if (candidates == NULL)
        return eval_spent(error);
    walk->candidates = candidates;
    candidates[walk->candidate_count++] = (struct candidate){node, certain};
    return BEHALF_OK;
}

/* Reaches a node. It is walked from once, and once more if it turns out to be certain later. */
static enum status
reach(struct walk *walk, uint64_t object, uint32_t member, bool certain, struct error *error)
{
    uint64_t key = eval_key(object, member);
    uint32_t seen = table_find(&walk->visited, key);
    struct step *steps;

    if (seen == CERTAIN || (seen == UNCERTAIN && !certain))
        return BEHALF_OK;
    if (seen == UNCERTAIN)
        table_set(&walk->visited, key, CERTAIN);
    else if (!table_add(&walk->visited, key, certain ? CERTAIN : UNCERTAIN))
        return eval_spent(error);
    if (member == walk->target) {
        enum status status = add_candidate(walk, object, certain, error);

        if (status != BEHALF_OK)
            return status;
    }
    steps = arena_grow(walk->arena, walk->steps, walk->step_count, &walk->step_size, sizeof *steps);
    if (steps == NULL)
        return eval_spent(error);
    walk->steps = steps;
    steps[walk->step_count++] = (struct step){object, member, certain};
    return BEHALF_OK;
}

/* A kind of stored edge to be walked against its direction, and where it leads. */
struct reverse_step {
    uint64_t subject;
    uint32_t relation;
    const struct schema_variant *variant; /* the first of its kind */
    uint32_t target;
    bool certain;
};

static void
note_expiration(struct walk *walk, int64_t until)
{
    if (until < walk->until)
        walk->until = until;
}

/* Takes one edge of the step. */
static enum status
reach_resource(struct walk *walk, const struct reverse_step *step, uint64_t resource,
               const struct edge_traits *traits, struct error *error)
{
    struct value value = value_decision(true);
    enum status status = BEHALF_OK;

    if (!condition_allows(walk->snapshot->binding, step->relation, step->variant, traits))
        return BEHALF_OK;
    if (traits != NULL)
        status = condition_value(&walk->scope, traits, &value, error);
    if (status != BEHALF_OK || !value.upper)
        return status;
    note_expiration(walk, value.until);
    return reach(walk, resource, step->target, step->certain && value.lower, error);
}

/* Reaches the target on every resource that names the subject on the relation. */
static enum status
reach_resources(struct walk *walk, const struct reverse_step *step, struct error *error)
{
    const struct binding *binding = walk->snapshot->binding;
    uint16_t type_label = binding->type_labels[walk->schema->members[step->relation].type];
    uint32_t subject_relation = step->variant->relation;
    struct graph_range range = {
        .direction = EDGE_REVERSE,
        .node = step->subject,
        .relation = binding->member_labels[step->relation],
        .subject_relation =
            subject_relation == SCHEMA_NONE ? LABEL_NONE : binding->member_labels[subject_relation],
        .from = NODE_WILDCARD(type_label),
        .to = NODE_WILDCARD(type_label) + NODE_SEQUENCE_LOCAL,
    };
    uint64_t nodes[LIMIT_EDGE_BATCH_GROWN];
    struct graph_batch batch = {.nodes = nodes, .capacity = BEHALF_COUNT_OF(nodes)};

    do {
        enum status status = graph_view_read(&walk->snapshot->view, &range, &batch, error);

        for (size_t i = 0; status == BEHALF_OK && i < batch.count; i++)
            status = reach_resource(walk, step, nodes[i],
                                    batch.traits == NULL ? NULL : batch.traits[i], error);
        if (status != BEHALF_OK)
            return status;
        if (batch.count > 0)
            range.from = nodes[batch.count - 1] + 1;
    } while (batch.count == batch.capacity);
    return BEHALF_OK;
}

/* The first of the relation's variants of a kind; NULL when it does not allow the kind. */
static const struct schema_variant *
find_variant(const struct schema *schema, uint32_t relation, uint32_t type,
             uint32_t subject_relation, bool wildcard)
{
    const struct schema_member *row = &schema->members[relation];

    for (uint32_t i = 0; i < row->variant_count; i++) {
        const struct schema_variant *variant = &schema->variants[row->first_variant + i];

        if (variant->type == type && variant->relation == subject_relation &&
            variant->wildcard == wildcard)
            return variant;
    }
    return NULL;
}

/* `source`: the member whose userset is the subject; SCHEMA_NONE for a plain subject. */
static enum status
reach_by_relation(struct walk *walk, uint64_t object, uint32_t source,
                  const struct schema_entry *entry, bool certain, struct error *error)
{
    struct reverse_step step = {
        .subject = entry->wildcard ? NODE_WILDCARD(NODE_TYPE(object)) : object,
        .relation = entry->target,
        .variant =
            find_variant(walk->schema, entry->target, binding_type(walk->snapshot->binding, object),
                         source, entry->wildcard),
        .target = entry->target,
        .certain = certain,
    };

    BEHALF_ASSERT(step.variant != NULL);
    return reach_resources(walk, &step, error);
}

/* The object of a node stands on the tupleset in any form that the schema allows: plainly, or as a
 * userset, whose relation an arrow ignores. */
static enum status
reach_by_arrow(struct walk *walk, uint64_t object, const struct schema_entry *entry, bool certain,
               struct error *error)
{
    const struct schema_member *tupleset = &walk->schema->members[entry->tupleset];
    uint32_t type = binding_type(walk->snapshot->binding, object);
    struct reverse_step step = {
        .subject = object,
        .relation = entry->tupleset,
        .target = entry->target,
        .certain = certain,
    };
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && i < tupleset->variant_count; i++) {
        step.variant = &walk->schema->variants[tupleset->first_variant + i];
        if (step.variant->type == type && !step.variant->wildcard && !step.variant->repeats)
            status = reach_resources(walk, &step, error);
    }
    return status;
}

/* Takes one entry of the reachability graph from a node, or from the plain subject itself. */
static enum status
take_entry(struct walk *walk, uint64_t object, uint32_t source, const struct schema_entry *entry,
           bool certain, struct error *error)
{
    if (!walk->leads[entry->target])
        return BEHALF_OK;
    certain = certain && entry->certain;
    switch (entry->kind) {
    case SCHEMA_ENTRY_STORED:
        return reach_by_relation(walk, object, source, entry, certain, error);
    case SCHEMA_ENTRY_COMPUTED:
    case SCHEMA_ENTRY_SELF:
        return reach(walk, object, entry->target, certain, error);
    case SCHEMA_ENTRY_ARROW:
        return reach_by_arrow(walk, object, entry, certain, error);
    }
    BEHALF_UNREACHABLE();
}

static enum status
take_entries(struct walk *walk, uint64_t object, uint32_t source, uint32_t first, uint32_t count,
             bool certain, struct error *error)
{
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && i < count; i++)
        status =
            take_entry(walk, object, source, &walk->schema->entries[first + i], certain, error);
    return status;
}

static enum status
walk_from(struct walk *walk, const struct eval_subject *subject, struct error *error)
{
    const struct schema_type *type = &walk->schema->types[subject->type];
    enum status status;

    if (subject->member != SCHEMA_NONE)
        status = reach(walk, subject->node, subject->member, true, error);
    else
        status = take_entries(walk, subject->node, SCHEMA_NONE, type->first_entry,
                              type->entry_count, true, error);
    while (status == BEHALF_OK && walk->step_count > 0) {
        struct step step = walk->steps[--walk->step_count];
        const struct schema_member *member = &walk->schema->members[step.member];

        status = take_entries(walk, step.object, step.member, member->first_entry,
                              member->entry_count, step.certain, error);
    }
    return status;
}

/* Certain before uncertain, so that the first of equal nodes is the one to keep. */
static int
compare_candidates(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return (int)y->certain - (int)x->certain;
}

static void
sort_candidates(struct walk *walk)
{
    uint32_t kept = 0;

    if (walk->candidate_count == 0)
        return;
    qsort(walk->candidates, walk->candidate_count, sizeof *walk->candidates, compare_candidates);
    for (uint32_t i = 0; i < walk->candidate_count; i++) {
        if (kept == 0 || walk->candidates[kept - 1].node != walk->candidates[i].node)
            walk->candidates[kept++] = walk->candidates[i];
    }
    walk->candidate_count = kept;
}

/* --- the page --- */

struct page {
    struct walk *walk;
    struct arena *results;
    struct lookup_resources_result *result;
    size_t limit;
    uint64_t last;       /* last node given, or left behind by the page before */
    struct arena memory; /* of the checks; thrown away when it has grown */
    struct eval eval;
    struct eval_subject subject;
    struct value chain; /* of delegation: AND-ed into each decision */
};

#define PAGE_MEMORY_KEPT ((size_t)4 * 1024 * 1024)

static void
refresh_eval(struct page *page)
{
    struct snapshot *snapshot = page->walk->snapshot;

    arena_reset(&page->memory, LIMIT_CHECK_ARENA);
    eval_init(&page->eval, VALUE_DECISION, snapshot->binding, &snapshot->view, &page->memory,
              &page->subject, page->walk->scope.context);
}

/* Checks of one subject share what they learn. One that finds too little memory behind that is made
 * again on its own: its answer must not depend on the others. */
static enum status
check_candidate(struct page *page, uint64_t node, struct value *value, struct error *error)
{
    uint32_t target = page->walk->target;
    bool reused = page->eval.schema != NULL && page->memory.used_bytes < PAGE_MEMORY_KEPT;
    enum status status;

    if (!reused)
        refresh_eval(page);
    status = eval_node(&page->eval, node, target, value, error);
    if (status != BEHALF_BUDGET_EXHAUSTED || !reused ||
        page->walk->snapshot->budget.edges_left == 0)
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
    enum status status = resolver_id(&page->walk->snapshot->resolver, node, &row->id, error);

    row->error = *problem;
    result->undecided_count += status == BEHALF_OK;
    return status;
}

static enum status
add_resource(struct page *page, uint64_t node, const struct verdict *verdict, struct error *error)
{
    struct lookup_resources_result *result = page->result;
    struct lookup_resource *row = &result->resources[result->resource_count];
    enum status status = resolver_id(&page->walk->snapshot->resolver, node, &row->id, error);

    row->decision = verdict->decision;
    row->missing = verdict->missing;
    result->resource_count += status == BEHALF_OK;
    return status;
}

/* Decides one candidate. `problem` is its own error when it has one, `error` the request's. */
static enum status
decide_candidate(struct page *page, const struct candidate *candidate, struct verdict *verdict,
                 struct error *problem, struct error *error)
{
    struct snapshot *snapshot = page->walk->snapshot;
    struct value value = value_decision(true);
    enum status status = BEHALF_OK;

    problem->status = BEHALF_OK;
    if (!candidate->certain)
        status = check_candidate(page, candidate->node, &value, error);
    if (status == BEHALF_OK &&
        !value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, &value, &page->chain))
        status = eval_spent(error);
    if (status != BEHALF_OK)
        return status;
    note_expiration(page->walk, value.until);
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
    struct walk *walk = page->walk;

    result->complete = true;
    for (uint32_t i = 0; i < walk->candidate_count; i++) {
        const struct candidate *candidate = &walk->candidates[i];
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
    struct snapshot *snapshot = page->walk->snapshot;
    size_t most =
        page->limit < page->walk->candidate_count ? page->limit : page->walk->candidate_count;
    enum status status;

    result->resources = arena_take_array(page->results, most, sizeof *result->resources);
    result->undecided = arena_take_array(page->results, most, sizeof *result->undecided);
    if (result->resources == NULL || result->undecided == NULL)
        return eval_spent(error);
    status = fill_page(page, error);
    if (status == BEHALF_OK && !result->complete) {
        struct cursor cursor = {.revision = snapshot->revision, .request_digest = digest};

        bytes_put_u64(cursor.position, page->last);
        cursor_seal(snapshot->engine->store, &cursor, &result->cursor);
    }
    result->complete = result->complete && result->undecided_count == 0;
    result->valid_until = verdict_time(page->walk->until);
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

/* Walks, decides the chain once, and makes the page. */
static enum status
answer(struct snapshot *snapshot, const struct lookup_resources *lookup, struct page *page,
       uint64_t digest, struct error *error)
{
    struct walk *walk = page->walk;
    struct eval_subject subject;
    struct request_chain chain;
    uint32_t type;
    struct verdict hops;
    enum status status = request_type(snapshot, lookup->resource_type, &type, error);

    if (status == BEHALF_OK)
        status = request_member(snapshot, type, lookup->permission, &walk->target, error);
    if (status == BEHALF_OK)
        status = request_subject(snapshot, &lookup->subject, &subject, error);
    if (status == BEHALF_OK)
        status = request_chain(snapshot, &lookup->subject, &subject, lookup->actors,
                               lookup->actor_count, &chain, error);
    if (status == BEHALF_OK)
        status = request_chain_value(snapshot, &chain, lookup->context, &page->chain, error);
    if (status == BEHALF_OK)
        status = verdict_of(snapshot, &page->chain, &hops, error);
    if (status != BEHALF_OK)
        return status;
    note_expiration(walk, page->chain.until);
    page->subject = subject;
    if (!table_init(&walk->visited, walk->arena, 64))
        return eval_spent(error);
    if (hops.decision != DECISION_DENY) {
        status = find_leads(walk, error);
        if (status == BEHALF_OK)
            status = walk_from(walk, &subject, error);
        sort_candidates(walk);
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
    struct walk walk = {.snapshot = &snapshot};
    struct page page = {.walk = &walk, .results = request->arena, .result = &found};
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
    walk.schema = snapshot.binding->schema;
    walk.arena = snapshot.scratch;
    walk.until = VALUE_FOR_EVER;
    walk.scope = (struct condition_scope){
        .binding = snapshot.binding,
        .context = lookup->context,
        .arena = snapshot.scratch,
        .budget = &snapshot.budget,
    };
    arena_init(&page.memory, LIMIT_CHECK_ARENA);
    status = answer(&snapshot, lookup, &page, digest, error);
    if (status == BEHALF_OK)
        *result = found;
    arena_release(&page.memory);
    snapshot_close(&snapshot);
    return status;
}
