/* delegated.c - the conditions of a delegated decision, each decided where delegated.h says. */
#include "engine/delegated.h"

#include "base/bytes.h"
#include "engine/record_cache.h"
#include "engine/scope.h"
#include "engine/seen.h"

/* --- record conditions --- */

/* A revision to read records at: the request's, or the newest when it looks again. */
struct records {
    struct engine *engine;
    struct graph_view *view;
    const struct binding *binding;
    const struct stops *stops;
    struct arena *arena;
    int64_t last_seen; /* 0 = as it is */
};

enum status
delegated_check_request(const struct engine_request *request, const struct engine_delegation *asked,
                        struct error *error)
{
    if (!request_is_of_the_past(request) || asked == NULL || !asked->given)
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "'%s' cannot stand beside 'grant': sessions and grants are read at the newest "
                     "revision",
                     request->consistency == CONSISTENCY_AT_TIME ? "at_time" : "at_exact_snapshot");
}

enum status
delegated_check_parties(const struct delegated_parties *parties, struct error *error)
{
    if (parties->actor_count > 0)
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "'grant' needs 'actor': whoever shows a grant is the agent it was given to");
}

/* Follows the parents up to the root. The chain stays empty where one of them does not exist, and
 * where there is no root among as many as a chain may have. */
static enum status
read_chain(const struct records *records, const struct record_id *named,
           struct delegated *delegated, struct error *error)
{
    const struct grant *found[ENGINE_CHAIN_MAX];
    const struct record_id *id = named;
    size_t count = 0;

    delegated->length = 0;
    while (count < ENGINE_CHAIN_MAX) {
        const struct grant *grant;
        enum status status = record_cache_grant(records->engine->records, records->view, id,
                                                records->arena, &grant, error);

        if (status != BEHALF_OK || grant == NULL)
            return status;
        found[count++] = grant;
        if (grant->is_root) {
            delegated->length = count;
            for (size_t at = 0; at < count; at++)
                delegated->chain[at] = found[count - 1 - at];
            return BEHALF_OK;
        }
        id = &grant->parent;
    }
    return BEHALF_OK;
}

static enum status
read_session(const struct records *records, struct delegated *delegated, struct error *error)
{
    enum status status;

    delegated->session = NULL;
    delegated->last_seen = 0;
    if (delegated->length == 0)
        return BEHALF_OK;
    status =
        record_cache_session(records->engine->records, records->view, &delegated->chain[0]->session,
                             records->arena, &delegated->session, error);
    if (status != BEHALF_OK || delegated->session == NULL)
        return status;
    delegated->last_seen = records->last_seen;
    if (records->last_seen != 0)
        return BEHALF_OK;
    return seen_at(records->engine->seen, delegated->session, records->view->may_block,
                   &delegated->last_seen, error);
}

static void
note_chain(struct delegated *delegated)
{
    delegated->has_uses = false;
    delegated->has_binding_or_tools = false;
    for (size_t at = 0; at < delegated->length; at++) {
        const struct grant *grant = delegated->chain[at];

        delegated->agents[at] = grant->delegatee;
        delegated->has_uses = delegated->has_uses || grant->uses != 0;
        delegated->has_binding_or_tools =
            delegated->has_binding_or_tools || grant->method.count > 0 || grant->tools.count > 0;
    }
}

/* Reads the records and decides their conditions. */
static enum status
decide_records(const struct records *records, int64_t now, struct delegated *delegated,
               struct error *error)
{
    struct record_facts facts = {.binding = records->binding, .stops = records->stops};
    size_t at;
    enum status status = read_chain(records, &delegated->asked->grant, delegated, error);

    if (status == BEHALF_OK)
        status = read_session(records, delegated, error);
    if (status != BEHALF_OK)
        return status;
    note_chain(delegated);
    facts.session = delegated->session;
    facts.chain = delegated->chain;
    facts.length = delegated->length;
    facts.last_seen = delegated->last_seen;
    delegated->now = now;
    delegated->record_reason = record_conditions(&facts, now, &at, &delegated->ends);
    return BEHALF_OK;
}

/* --- D9 --- */

static enum engine_reason
mismatch(const struct delegated *delegated, const struct delegated_parties *parties)
{
    size_t last = parties->actor_count - 1;

    if (parties->actors[last] != delegated->agents[delegated->length - 1])
        return REASON_ACTOR_MISMATCH;
    if (parties->actor_count > 1) {
        if (parties->actor_count != delegated->length)
            return REASON_ACT_CHAIN_MISMATCH;
        for (size_t at = 0; at < last; at++) {
            if (parties->actors[at] != delegated->agents[at])
                return REASON_ACT_CHAIN_MISMATCH;
        }
    }
    if (parties->principal.member != SCHEMA_NONE ||
        parties->principal.node != delegated->session->principal)
        return REASON_PRINCIPAL_MISMATCH;
    return REASON_NONE;
}

void
delegated_match(struct delegated *delegated, const struct delegated_parties *parties)
{
    enum engine_reason reason = delegated->record_reason;

    /* D9 stands between D2, without which there are no parties to compare with, and the others. */
    if (reason != REASON_NO_GRANT) {
        enum engine_reason other = mismatch(delegated, parties);

        if (other != REASON_NONE)
            reason = other;
    }
    delegated->reason = reason;
    delegated->reason_until =
        reason == REASON_GRANT_NOT_YET_VALID ? delegated->ends : VALUE_FOR_EVER;
}

void
delegated_each(const struct snapshot *snapshot, const struct delegated *delegated,
               const struct delegated_parties *parties, struct delegated_reasons *reasons)
{
    const struct record_facts facts = {
        .binding = snapshot->binding,
        .stops = snapshot->newest->stops,
        .session = delegated->session,
        .chain = delegated->chain,
        .length = delegated->length,
        .last_seen = delegated->last_seen,
    };
    struct record_reasons each;

    record_conditions_each(&facts, delegated->now, &each);
    *reasons = (struct delegated_reasons){
        .d2 = each.d2,
        .d6 = each.d6,
        .d7 = each.d7,
        .d4 = each.d4,
        .d5 = each.d5,
    };
    if (each.d2 == REASON_NONE)
        reasons->d9 = mismatch(delegated, parties);
}

/* --- opening --- */

static enum status
check_open(struct snapshot *snapshot, const struct engine_delegation *asked,
           const struct delegated_parties *parties, struct error *error)
{
    enum status status = delegated_check_request(snapshot->request, asked, error);

    if (status == BEHALF_OK)
        status = delegated_check_parties(parties, error);
    if (status != BEHALF_OK)
        return status;
    if (!store_is_writable(snapshot->engine->store) || atomic_load(&snapshot->engine->broken))
        return error_set(error, BEHALF_SERVICE_READ_ONLY,
                         "the store takes no writes, so that no grant could be revoked: nothing is "
                         "decided by grants");
    return BEHALF_OK;
}

/* A view of the newest published revision, where the snapshot is of an older one. */
static void
view_newest(struct snapshot *snapshot, uint64_t revision, struct graph_view *view)
{
    graph_view_init(view, snapshot->engine->graph, snapshot->engine->store, revision,
                    snapshot->view.now, snapshot->view.may_block, &snapshot->budget);
}

enum status
delegated_open(struct snapshot *snapshot, const struct engine_delegation *asked,
               const struct delegated_parties *parties, struct delegated *delegated,
               struct error *error)
{
    struct records records = {
        .engine = snapshot->engine,
        .view = &snapshot->view,
        .binding = snapshot->newest->binding,
        .stops = snapshot->newest->stops,
        .arena = snapshot->request->arena,
        .last_seen = snapshot->last_seen,
    };
    int64_t now = snapshot->view.now;
    struct graph_view newest;
    enum status status = parties != NULL ? check_open(snapshot, asked, parties, error) : BEHALF_OK;

    if (status != BEHALF_OK)
        return status;
    /* One time for all that the request decides; where relationships expire, it was read. */
    if (now == 0)
        now = clock_read(&snapshot->engine->clock).now;
    delegated->asked = asked;
    if (snapshot->revision == snapshot->newest->revision) {
        status = decide_records(&records, now, delegated, error);
    } else {
        view_newest(snapshot, snapshot->newest->revision, &newest);
        records.view = &newest;
        status = decide_records(&records, now, delegated, error);
        graph_view_release(&newest);
    }
    if (status != BEHALF_OK)
        return status;
    delegated->reason = delegated->record_reason;
    delegated->reason_until = VALUE_FOR_EVER;
    if (parties != NULL)
        delegated_match(delegated, parties);
    return BEHALF_OK;
}

/* --- D10 --- */

static bool
is_bound_to(const struct grant *grant, const struct engine_binding *binding)
{
    return slice_equal(record_text(grant, grant->method), binding->method) &&
           memcmp(grant->digest, binding->digest, sizeof grant->digest) == 0;
}

static bool
has_tool(const struct grant *grant, const struct engine_tool *shown)
{
    const struct grant_tool *tools = record_at(grant, grant->tools);

    for (uint32_t at = 0; at < grant->tools.count; at++) {
        if (slice_equal(record_text(grant, tools[at].name), shown->name) &&
            memcmp(tools[at].sha256, shown->sha256, sizeof tools[at].sha256) == 0)
            return true;
    }
    return false;
}

enum engine_reason
delegated_call(const struct delegated *delegated)
{
    if (!delegated->has_binding_or_tools)
        return REASON_NONE;
    for (size_t at = 0; at < delegated->length; at++) {
        const struct grant *grant = delegated->chain[at];

        if (grant->method.count > 0 && !is_bound_to(grant, &delegated->asked->binding))
            return REASON_BINDING_MISMATCH;
    }
    for (size_t at = 0; at < delegated->length; at++) {
        const struct grant *grant = delegated->chain[at];

        if (grant->tools.count > 0 && !has_tool(grant, &delegated->asked->tool))
            return REASON_TOOL_CHANGED;
    }
    return REASON_NONE;
}

enum status
delegated_uses_left(struct snapshot *snapshot, const struct delegated *delegated, bool *left,
                    struct error *error)
{
    *left = true;
    for (size_t at = 0; *left && at < delegated->length; at++) {
        const struct grant *grant = delegated->chain[at];
        uint64_t count;
        enum status status;

        if (grant->uses == 0)
            continue;
        status = record_cache_uses(snapshot->engine->records, &snapshot->view, &grant->id, &count,
                                   error);
        if (status != BEHALF_OK)
            return status;
        *left = count > 0;
    }
    return BEHALF_OK;
}

/* --- D3 and D8 --- */

/* *value = *value and `other`; where that denies first, *reason becomes `denies`. */
static enum status
and_value(struct snapshot *snapshot, struct value *value, const struct value *other,
          enum engine_reason denies, enum engine_reason *reason, struct error *error)
{
    if (!value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, value, other))
        return budget_memory_spent(error);
    if (!value->upper && *reason == REASON_NONE)
        *reason = denies;
    return BEHALF_OK;
}

enum status
constraint_value(struct snapshot *snapshot, const struct delegated *delegated, size_t at,
                 const struct grant_constraint *constraint, uint64_t resource,
                 const struct inputs *inputs, struct value *value, struct error *error)
{
    const struct binding *binding = snapshot->binding;
    struct inputs_attributes attributes;
    const struct condition_scope scope = {
        .binding = binding,
        .context = inputs->context,
        .attributes = inputs_attributes_of(&attributes, snapshot, inputs,
                                           delegated->session->principal, resource),
        .arena = snapshot->scratch,
        .budget = &snapshot->budget,
    };
    const struct edge_traits traits = {
        .caveat = constraint->caveat,
        .context = record_text(delegated->chain[at], constraint->context),
    };
    uint32_t caveat = binding_caveat(binding, constraint->caveat);

    *value = value_decision(false);
    if (caveat == SCHEMA_NONE ||
        memcmp(binding->caveat_digests[caveat], constraint->digest, DIGEST_SIZE) != 0)
        return BEHALF_OK;
    return condition_value(&scope, &traits, value, error);
}

static enum status
and_constraints(struct snapshot *snapshot, const struct delegated *delegated, size_t at,
                uint64_t resource, const struct inputs *inputs, struct value *value,
                enum engine_reason *reason, struct error *error)
{
    const struct grant *grant = delegated->chain[at];
    const struct grant_constraint *constraints = record_at(grant, grant->constraints);
    enum status status = BEHALF_OK;

    for (uint32_t i = 0; status == BEHALF_OK && value->upper && i < grant->constraints.count; i++) {
        struct value held;

        status = constraint_value(snapshot, delegated, at, &constraints[i], resource, inputs, &held,
                                  error);
        if (status == BEHALF_OK)
            status = and_value(snapshot, value, &held, REASON_CONSTRAINT_FAILED, reason, error);
    }
    return status;
}

/* *value = *value and what the agent has of one ceiling. */
static enum status
and_ceiling(struct snapshot *snapshot, struct eval *eval, uint64_t resource, uint32_t ceiling,
            struct value *value, struct error *error)
{
    struct value held;
    enum status status;

    if (ceiling == SCHEMA_NONE || !value->upper)
        return BEHALF_OK;
    status = eval_node(eval, resource, ceiling, &held, error);
    if (status != BEHALF_OK)
        return status;
    return value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, value, &held)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

enum status
ceiling_value(struct snapshot *snapshot, const uint64_t *actors, size_t count, uint64_t resource,
              uint32_t member, const struct inputs *inputs, struct value *value,
              struct error *error)
{
    const struct binding *binding = snapshot->binding;
    uint32_t of_type = binding->type_ceilings[binding->schema->members[member].type];
    uint32_t of_member = binding->member_ceilings[member];
    enum status status = BEHALF_OK;

    *value = value_decision(true);
    if (of_type == SCHEMA_NONE && of_member == SCHEMA_NONE)
        return BEHALF_OK;
    for (size_t at = 0; status == BEHALF_OK && value->upper && at < count; at++) {
        const struct eval_subject agent = {
            .node = actors[at],
            .type = binding_type(binding, actors[at]),
            .member = SCHEMA_NONE,
        };
        struct inputs_attributes attributes;
        struct eval eval;

        eval_init(&eval, VALUE_DECISION, binding, &snapshot->view, snapshot->scratch, &agent,
                  inputs->context,
                  inputs_attributes_of(&attributes, snapshot, inputs, actors[at], resource));
        status = and_ceiling(snapshot, &eval, resource, of_type, value, error);
        if (status == BEHALF_OK)
            status = and_ceiling(snapshot, &eval, resource, of_member, value, error);
    }
    return status;
}

enum status
delegated_value(struct snapshot *snapshot, const struct delegated *delegated, uint64_t resource,
                struct slice id, uint32_t member, const struct inputs *inputs, struct value *value,
                enum engine_reason *reason, struct condition_outcomes *outcomes,
                struct error *error)
{
    enum status status = BEHALF_OK;
    struct value other;

    BEHALF_ASSERT(delegated->reason == REASON_NONE && delegated->length > 0);
    *value = value_decision(true);
    value->until = delegated->ends;
    *reason = REASON_NONE;
    /* All scopes before the constraints: the order of the reasons. */
    for (size_t at = 0; status == BEHALF_OK && value->upper && at < delegated->length; at++) {
        status = scope_value(snapshot, delegated->chain[at], resource, id, member, inputs, &other,
                             error);
        if (status == BEHALF_OK)
            status = and_value(snapshot, value, &other, REASON_SCOPE_EXCLUDED, reason, error);
    }
    for (size_t at = 0; status == BEHALF_OK && value->upper && at < delegated->length; at++)
        status = and_constraints(snapshot, delegated, at, resource, inputs, value, reason, error);
    outcomes->d3 = condition_outcome(value);
    if (status != BEHALF_OK || !value->upper)
        return status;
    status = ceiling_value(snapshot, delegated->agents, delegated->length, resource, member, inputs,
                           &other, error);
    outcomes->d8 = condition_outcome(&other);
    return status == BEHALF_OK
               ? and_value(snapshot, value, &other, REASON_AGENT_CEILING, reason, error)
               : status;
}

/* --- stops without a grant --- */

static bool
is_stopped(const struct stops *stops, enum stop_scope scope, uint64_t node)
{
    return stop_is_in_force(stops_on(stops, scope, node, (struct slice){NULL, 0}));
}

static bool
cut_off(const struct stops *stops, const struct binding *binding,
        const struct delegated_parties *parties)
{
    const struct eval_subject *principal = &parties->principal;
    bool is_agent = binding_is_agent_type(binding, principal->type);

    if (is_agent && principal->member == SCHEMA_NONE &&
        is_stopped(stops, STOP_AGENT, principal->node))
        return true;
    for (size_t at = 0; at < parties->actor_count; at++) {
        if (is_stopped(stops, STOP_AGENT, parties->actors[at]))
            return true;
    }
    if (parties->actor_count > 0 && is_stopped(stops, STOP_PRINCIPAL, principal->node))
        return true;
    return (parties->actor_count > 0 || is_agent) && is_stopped(stops, STOP_EVERYTHING, 0);
}

/* A party that has no node at the request's revision may have got one since, by the very stop. */
static enum status
name_again(struct snapshot *snapshot, struct graph_view *newest, uint64_t *node,
           struct error *error)
{
    struct resolver resolver;
    struct slice id;
    uint64_t found;
    enum status status;

    if (!NODE_IS_LOCAL(*node))
        return BEHALF_OK;
    status = resolver_id(&snapshot->resolver, *node, &id, error);
    if (status != BEHALF_OK)
        return status;
    resolver_init(&resolver, snapshot->engine->names, newest, snapshot->request->arena);
    status = resolver_node(&resolver, NODE_TYPE(*node), id, &found, error);
    if (status == BEHALF_OK)
        *node = found;
    return status;
}

/* Stops are read at `revision`, so the parties are named there too. */
static enum status
cut_off_at(struct snapshot *snapshot, uint64_t revision, const struct stops *stops,
           const struct delegated_parties *parties, bool *stopped, struct error *error)
{
    uint64_t actors[ENGINE_ACTORS_MAX];
    struct delegated_parties named = *parties;
    struct graph_view newest;
    enum status status;

    *stopped = cut_off(stops, snapshot->binding, parties);
    if (*stopped || revision == snapshot->revision || stops_are_none(stops))
        return BEHALF_OK;
    view_newest(snapshot, revision, &newest);
    status = name_again(snapshot, &newest, &named.principal.node, error);
    for (size_t at = 0; status == BEHALF_OK && at < parties->actor_count; at++) {
        actors[at] = parties->actors[at];
        status = name_again(snapshot, &newest, &actors[at], error);
    }
    graph_view_release(&newest);
    named.actors = actors;
    if (status == BEHALF_OK)
        *stopped = cut_off(stops, snapshot->binding, &named);
    return status;
}

enum status
delegated_is_stopped(struct snapshot *snapshot, const struct delegated_parties *parties,
                     bool *stopped, struct error *error)
{
    return cut_off_at(snapshot, snapshot->newest->revision, snapshot->newest->stops, parties,
                      stopped, error);
}

/* Of the records of a chain, as far as they exist. */
static bool
chain_is_stopped(const struct stops *stops, const struct delegated *delegated)
{
    const struct session *session = delegated->session;
    bool stopped = false;

    if (session != NULL)
        stopped = is_stopped(stops, STOP_PRINCIPAL, session->principal) ||
                  is_stopped(stops, STOP_AGENT, session->agent) ||
                  stop_is_in_force(
                      stops_on(stops, STOP_CLIENT, 0, record_text(session, session->client)));
    for (size_t at = 0; at < delegated->length; at++)
        stopped = stopped || is_stopped(stops, STOP_AGENT, delegated->agents[at]);
    return stopped;
}

enum status
delegated_names_stopped(struct snapshot *snapshot, const struct delegated *delegated,
                        const struct delegated_parties *parties, bool *stopped, struct error *error)
{
    struct published *published = engine_published(snapshot->engine);
    enum status status =
        cut_off_at(snapshot, published->revision, published->stops, parties, stopped, error);

    if (status == BEHALF_OK && !*stopped && delegated != NULL)
        *stopped = chain_is_stopped(published->stops, delegated);
    published_unref(published);
    return status;
}

/* --- once more before the answer --- */

/* Decides again what `published` and the time say. */
static enum status
decide_again(struct snapshot *snapshot, const struct published *published, int64_t now,
             struct delegated *delegated, const struct delegated_parties *parties,
             struct error *error)
{
    struct graph_view view;
    struct records records = {
        .engine = snapshot->engine,
        .view = &view,
        .binding = published->binding,
        .stops = published->stops,
        .arena = snapshot->scratch, /* of nothing that is still needed: all is decided */
    };
    enum status status;

    view_newest(snapshot, published->revision, &view);
    status = decide_records(&records, now, delegated, error);
    graph_view_release(&view);
    if (status == BEHALF_OK)
        delegated_match(delegated, parties);
    return status;
}

enum status
delegated_look_again(struct engine_worker *worker, struct snapshot *snapshot,
                     struct delegated *delegated, const struct delegated_parties *parties,
                     enum engine_reason *reason, struct engine_token *token, struct error *error)
{
    struct engine *engine = worker->engine;
    struct clock_reading time = {.now = 0};
    struct published *published;
    bool is_newest;
    bool stopped = false;
    enum status status = BEHALF_OK;

    *reason = REASON_NONE;
    if (delegated != NULL) {
        time = clock_read(&engine->clock);
        delegated->kept = time.kept;
    }
    /* As late as can be: what was published before this load is seen. */
    is_newest =
        atomic_load_explicit(&engine->publication, memory_order_acquire) == worker->publication;
    if (BEHALF_LIKELY(is_newest && (delegated == NULL || time.now < delegated->ends)))
        return BEHALF_OK;
    published = engine_published(engine);
    if (published->records_revision != snapshot->newest->records_revision ||
        (delegated != NULL && time.now >= delegated->ends)) {
        if (delegated != NULL) {
            status = decide_again(snapshot, published, time.now, delegated, parties, error);
            *reason = status == BEHALF_OK ? delegated->reason : REASON_NONE;
        } else {
            status = cut_off_at(snapshot, published->revision, published->stops, parties, &stopped,
                                error);
            *reason = stopped ? REASON_AGENT_STOPPED : REASON_NONE;
        }
        if (*reason != REASON_NONE) {
            *token = published->token;
            snapshot->denied_revision = published->revision;
        }
    }
    published_unref(published);
    return status;
}

void
delegated_touch(struct snapshot *snapshot, const struct delegated *delegated)
{
    seen_touch(snapshot->engine->seen, delegated->session, delegated->kept);
}

/* --- decision ids --- */

void
decision_id_make(struct engine_worker *worker, struct record_id_text *text)
{
    int64_t now = env_wall_ns(worker->engine->env);
    struct record_id id;

    /* Ascending also where the clock stands or is set back. */
    if (now <= worker->decided_ns)
        now = worker->decided_ns + 1;
    worker->decided_ns = now;
    bytes_put_u64((char *)id.bytes, (uint64_t)now);
    bytes_put_u64((char *)id.bytes + 8, worker->decision_salt);
    record_id_print(&id, RECORD_PREFIX_DECISION, text);
}
