/* resource_checks.c - decides resources for one subject, its actors or a grant. */
#include "engine/resource_checks.h"

#include "engine/scope.h"

#define EVALUATION_KEPT ((size_t)4 * 1024 * 1024)

/* --- what concerns all resources --- */

static enum status
bind_parties(struct resource_checks *checks, const struct resource_checks_asked *asked,
             struct error *error)
{
    struct snapshot *snapshot = checks->snapshot;
    enum status status = request_subject(snapshot, asked->subject, &checks->subject, error);

    if (status == BEHALF_OK)
        status = request_chain(snapshot, asked->subject, &checks->subject, asked->actors,
                               asked->actor_count, &checks->chain, error);
    if (status != BEHALF_OK)
        return status;
    checks->parties = (struct delegated_parties){
        .principal = checks->subject,
        .actors = checks->chain.actors,
        .actor_count = checks->chain.count,
    };
    return BEHALF_OK;
}

static enum status
open_grant(struct resource_checks *checks, bool decides, struct error *error)
{
    struct delegated *delegated = &checks->delegated;
    enum status status =
        delegated_open(checks->snapshot, checks->grant, &checks->parties, delegated, error);

    if (status != BEHALF_OK)
        return status;
    checks->reason = delegated->reason;
    checks->until = checks->reason == REASON_NONE ? delegated->ends : delegated->reason_until;
    if (checks->reason == REASON_NONE && decides) {
        checks->reason =
            delegated->has_uses ? REASON_SINGLE_CHECK_REQUIRED : delegated_call(delegated);
        if (checks->reason != REASON_NONE)
            checks->until = VALUE_FOR_EVER;
    }
    return BEHALF_OK;
}

static enum status
open_hops(struct resource_checks *checks, struct error *error)
{
    struct snapshot *snapshot = checks->snapshot;
    struct verdict verdict;
    bool stopped;
    enum status status = delegated_is_stopped(snapshot, &checks->parties, &stopped, error);

    if (status == BEHALF_OK && stopped)
        checks->reason = REASON_AGENT_STOPPED;
    if (status != BEHALF_OK || stopped)
        return status;
    status = request_chain_value(snapshot, &checks->chain, &checks->inputs, &checks->hops, error);
    if (status == BEHALF_OK)
        status = verdict_of(snapshot, &checks->hops, &verdict, error);
    if (status != BEHALF_OK)
        return status;
    checks->until = checks->hops.until;
    if (verdict.decision == DECISION_DENY)
        checks->reason = REASON_NO_GRANT;
    return BEHALF_OK;
}

enum status
resource_checks_open(struct resource_checks *checks, struct engine_worker *worker,
                     struct snapshot *snapshot, const struct resource_checks_asked *asked,
                     struct error *error)
{
    enum status status;

    checks->snapshot = snapshot;
    checks->worker = worker;
    checks->inputs = asked->inputs;
    checks->grant = asked->grant != NULL && asked->grant->given ? asked->grant : NULL;
    checks->reason = REASON_NONE;
    checks->until = VALUE_FOR_EVER;
    checks->member = SCHEMA_NONE;
    checks->eval.schema = NULL;
    arena_init_request(&checks->evaluation, LIMIT_CHECK_SCRATCH);
    arena_init_request(&checks->memory, LIMIT_CHECK_SCRATCH);
    status = bind_parties(checks, asked, error);
    if (status != BEHALF_OK)
        return status;
    return checks->grant != NULL ? open_grant(checks, asked->decides, error)
                                 : open_hops(checks, error);
}

void
resource_checks_close(struct resource_checks *checks)
{
    arena_release(&checks->evaluation);
    arena_release(&checks->memory);
}

/* --- one resource --- */

static void
refresh_eval(struct resource_checks *checks, uint64_t resource)
{
    struct snapshot *snapshot = checks->snapshot;
    const struct inputs *inputs = &checks->inputs;

    arena_reset(&checks->evaluation, LIMIT_CHECK_SCRATCH);
    eval_init(&checks->eval, VALUE_DECISION, snapshot->binding, &snapshot->view,
              &checks->evaluation, &checks->subject, inputs->context,
              inputs_attributes_of(&checks->attributes, snapshot, inputs, checks->subject.node,
                                   resource));
}

/* Whether what was learnt of other resources may be used for this one. */
static bool
may_reuse(const struct resource_checks *checks, uint64_t resource)
{
    if (checks->eval.schema == NULL || checks->evaluation.used_bytes >= EVALUATION_KEPT)
        return false;
    return checks->eval.scope.attributes == NULL ||
           inputs_are_same(&checks->attributes, &checks->inputs, resource);
}

/* D1: the answer must not depend on what was learnt before. */
static enum status
own_right(struct resource_checks *checks, uint64_t resource, uint32_t member, struct value *value,
          struct error *error)
{
    bool reused = may_reuse(checks, resource);
    enum status status;

    if (!reused)
        refresh_eval(checks, resource);
    status = eval_node(&checks->eval, resource, member, value, error);
    if (budget_may_lack_memory(status) && reused && checks->snapshot->budget.edges_left > 0) {
        refresh_eval(checks, resource);
        error->status = BEHALF_OK;
        status = eval_node(&checks->eval, resource, member, value, error);
    }
    if (status != BEHALF_OK)
        checks->eval.schema = NULL; /* it must not be used again */
    return status;
}

/* The id by which selectors know the resource. */
static enum status
name_resource(struct resource_checks *checks, uint64_t resource, struct slice *id,
              struct error *error)
{
    struct snapshot *snapshot = checks->snapshot;
    struct resolver resolver;

    if (NODE_IS_LOCAL(resource))
        return resolver_id(&snapshot->resolver, resource, id, error);
    resolver_init(&resolver, snapshot->engine->names, &snapshot->view, &checks->memory);
    return resolver_id(&resolver, resource, id, error);
}

/* What a grant or actors leave of an allow: D3 and D8, or the hops and D8. */
static enum status
decide_limits(struct resource_checks *checks, uint64_t resource, struct slice id, uint32_t member,
              struct value *value, struct error *error)
{
    struct snapshot *snapshot = checks->snapshot;
    struct condition_outcomes outcomes;
    enum engine_reason reason;
    enum status status;

    if (checks->grant != NULL)
        return delegated_value(snapshot, &checks->delegated, resource, id, member, &checks->inputs,
                               value, &reason, &outcomes, error);
    status = ceiling_value(snapshot, checks->chain.actors, checks->chain.count, resource, member,
                           &checks->inputs, value, error);
    if (status == BEHALF_OK &&
        !value_combine(VALUE_DECISION, VALUE_INTERSECTION, snapshot->scratch, value, &checks->hops))
        status = budget_memory_spent(error);
    return status;
}

/* Whether the grant selects all objects of the type for the action. */
static bool
selects_all(struct resource_checks *checks, const struct grant *grant, uint16_t type,
            uint16_t action)
{
    const struct grant_element *elements = record_at(grant, grant->elements);
    bool all = false;

    for (uint32_t at = 0; at < grant->elements.count; at++) {
        if (!scope_element_carries(grant, &elements[at], type, action))
            continue;
        all = all || elements[at].form == SELECTOR_TYPE;
        checks->by_id = checks->by_id || elements[at].form == SELECTOR_OBJECT;
    }
    return all;
}

/* Learns what the limits of a permission hang on. Where each grant selects every object, no ceiling
 * stands, and constraints see no resource, they are decided once. */
static enum status
prepare(struct resource_checks *checks, uint64_t resource, uint32_t member, struct error *error)
{
    const struct binding *binding = checks->snapshot->binding;
    uint32_t type = binding->schema->members[member].type;
    enum status status = BEHALF_OK;

    checks->by_id = false;
    checks->is_same = binding->type_ceilings[type] == SCHEMA_NONE &&
                      binding->member_ceilings[member] == SCHEMA_NONE;
    for (size_t at = 0; checks->grant != NULL && at < checks->delegated.length; at++) {
        const struct grant *grant = checks->delegated.chain[at];
        bool all =
            selects_all(checks, grant, binding->type_labels[type], binding->member_labels[member]);

        if (!all ||
            (grant->constraints.count > 0 && inputs_read(checks->snapshot, CAVEAT_RESOURCE)))
            checks->is_same = false;
    }
    if (checks->is_same)
        status =
            decide_limits(checks, resource, (struct slice){NULL, 0}, member, &checks->same, error);
    if (status == BEHALF_OK)
        checks->member = member;
    return status;
}

static enum status
limits(struct resource_checks *checks, uint64_t resource, uint32_t member, struct value *value,
       struct error *error)
{
    struct slice id = {NULL, 0};
    enum status status = BEHALF_OK;

    if (checks->is_same) {
        *value = checks->same;
        return BEHALF_OK;
    }
    if (checks->by_id)
        status = name_resource(checks, resource, &id, error);
    return status == BEHALF_OK ? decide_limits(checks, resource, id, member, value, error) : status;
}

static enum status
decide(struct resource_checks *checks, uint64_t resource, uint32_t member, bool open,
       struct value *value, struct error *error)
{
    struct value own;
    enum status status = limits(checks, resource, member, value, error);

    if (status != BEHALF_OK || !open || !value->upper)
        return status;
    status = own_right(checks, resource, member, &own, error);
    if (status != BEHALF_OK)
        return status;
    return value_combine(VALUE_DECISION, VALUE_INTERSECTION, checks->snapshot->scratch, value, &own)
               ? BEHALF_OK
               : budget_memory_spent(error);
}

enum status
resource_checks_decide(struct resource_checks *checks, uint64_t resource, uint32_t member,
                       bool open, struct value *value, struct error *error)
{
    struct snapshot *snapshot = checks->snapshot;
    struct arena *scratch = snapshot->scratch;
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(checks->reason == REASON_NONE);
    *value = value_decision(true);
    if (!resource_checks_are_plain(checks)) {
        if (checks->member != member)
            status = prepare(checks, resource, member, error);
        if (status != BEHALF_OK)
            return status;
        /* Thousands of resources would fill the scratch, which is for the whole request. */
        arena_reset(&checks->memory, LIMIT_CHECK_SCRATCH);
        snapshot->scratch = &checks->memory;
        status = decide(checks, resource, member, open, value, error);
        snapshot->scratch = scratch;
    } else if (open) {
        status = own_right(checks, resource, member, value, error);
    }
    if (status == BEHALF_OK && value->until < checks->until)
        checks->until = value->until;
    return status;
}

/* --- before the answer --- */

enum status
resource_checks_look_again(struct resource_checks *checks, bool allowed, enum engine_reason *reason,
                           struct engine_token *token, struct error *error)
{
    struct delegated *delegated = checks->grant != NULL ? &checks->delegated : NULL;
    enum status status;

    *reason = REASON_NONE;
    if (!resource_checks_can_be_stopped(checks))
        return BEHALF_OK;
    status = delegated_look_again(checks->worker, checks->snapshot, delegated, &checks->parties,
                                  reason, token, error);
    if (status == BEHALF_OK && *reason == REASON_NONE && allowed && delegated != NULL)
        delegated_touch(checks->snapshot, delegated);
    return status;
}
