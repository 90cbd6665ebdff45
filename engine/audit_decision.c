/* audit_decision.c - from what was decided to a record. */
#include "engine/audit_decision.h"

#include "base/datum.h"
#include "engine/audit_fields.h"
#include "engine/audit_log.h"

/* How long a thread of the pool waits for a log that is behind, before it decides all the same. */
#define ROOM_WAIT_NS INT64_C(100000000)

#define CONTEXT_TEXT_MAX ((size_t)64 * 1024) /* a longer one is recorded by its digest */
#define MISSING_MAX 256                      /* names of a record */

/* --- samples --- */

void
audit_sample_begin(struct engine_worker *worker)
{
    const struct engine *engine = worker->engine;
    uint32_t sample = engine->audit != NULL ? engine->audit->sample : 0;
    uint64_t drawn = 0;

    worker->sample_left = 0;
    if (sample == 0)
        return;
    /* Up to twice as far as one in so many, at random: nobody can count what is recorded. */
    engine->env->random_bytes(engine->env->context, &drawn, sizeof drawn);
    worker->sample_left = 1 + (uint32_t)(drawn % (2 * (uint64_t)sample - 1));
}

bool
audit_take_sample(struct engine_worker *worker)
{
    if (--worker->sample_left > 0)
        return false;
    audit_sample_begin(worker);
    return true;
}

/* --- what a check says --- */

void
audit_describe_check(const struct check *check, const struct guard *guard,
                     struct audit_decision *decision)
{
    *decision = (struct audit_decision){
        .kind = AUDIT_KIND_DECISION,
        .permission = check->permission,
        .resource = &check->resource,
        .subject = &check->subject,
        .actors = check->actors,
        .actor_count = check->actor_count,
        .context = check->context,
        .properties = check->properties,
        .lets_through = true,
    };
    if (guard == NULL)
        return;
    decision->parties = &guard->parties;
    decision->delegated = guard->delegated;
    decision->is_stopped = guard->stopped;
    decision->outcomes = &guard->outcomes;
}

int64_t
audit_now(const struct engine_worker *worker)
{
    return env_monotonic_ns(worker->engine->env);
}

/* --- conditions --- */

/* In the order of their names, which is that of the record's keys. */
enum condition { D1, D10A, D10B, D2, D3, D4, D5, D6, D7, D8, D9, CONDITIONS };

#define CONDITION(name)                                                                            \
    {                                                                                              \
        name, sizeof name - 1                                                                      \
    }

static const struct slice condition_names[CONDITIONS] = {
    CONDITION("D1"), CONDITION("D10a"), CONDITION("D10b"), CONDITION("D2"),
    CONDITION("D3"), CONDITION("D4"),   CONDITION("D5"),   CONDITION("D6"),
    CONDITION("D7"), CONDITION("D8"),   CONDITION("D9"),
};

static struct slice
outcome_word(enum condition_outcome outcome)
{
    switch (outcome) {
    case CONDITION_DENY:
        return SLICE_LITERAL("deny");
    case CONDITION_CONDITIONAL:
        return SLICE_LITERAL("conditional");
    case CONDITION_ALLOW:
    case CONDITION_OPEN:
        break;
    }
    return SLICE_LITERAL("allow");
}

/* Those before the one that denied hold. `order` are yes or no, in the order of their decision. */
static void
set_until(const enum condition *order, size_t count, enum engine_reason reason,
          enum condition_outcome outcomes[CONDITIONS])
{
    struct slice denied = engine_reason_condition(reason);

    for (size_t at = 0; at < count; at++) {
        bool denies = slice_equal(denied, condition_names[order[at]]);

        outcomes[order[at]] = denies ? CONDITION_DENY : CONDITION_ALLOW;
        if (denies)
            return;
    }
}

static void
by_grant(const struct audit_decision *decision, enum condition_outcome outcomes[CONDITIONS])
{
    static const enum condition order[] = {D2, D9, D6, D7, D4, D5, D10A};
    const struct condition_outcomes *values = decision->outcomes;
    bool calls = decision->lets_through && decision->reason != REASON_SINGLE_CHECK_REQUIRED;

    set_until(order, BEHALF_COUNT_OF(order) - (calls ? 0 : 1), decision->reason, outcomes);
    if (values == NULL)
        return;
    outcomes[D3] = values->d3;
    outcomes[D8] = values->d8;
    outcomes[D1] = values->d1;
    if (decision->reason == REASON_USES_EXHAUSTED)
        outcomes[D10B] = CONDITION_DENY;
    else if (decision->delegated->has_uses && decision->decision == DECISION_ALLOW)
        outcomes[D10B] = CONDITION_ALLOW;
}

/* By relationships: the stops, the hops, the ceilings and the principal's own right. */
static void
by_actors(const struct audit_decision *decision, enum condition_outcome outcomes[CONDITIONS])
{
    const struct condition_outcomes *values = decision->outcomes;
    bool stopped = decision->is_stopped || decision->reason == REASON_AGENT_STOPPED;

    outcomes[D7] = stopped ? CONDITION_DENY : CONDITION_ALLOW;
    if (decision->reason == REASON_NO_GRANT)
        outcomes[D2] = CONDITION_DENY;
    if (values == NULL || stopped)
        return;
    if (decision->actor_count > 0)
        outcomes[D2] = values->hops;
    outcomes[D8] = values->d8;
    outcomes[D1] = values->d1;
}

static void
put_conditions(struct audit_fields *fields, const struct audit_decision *decision)
{
    enum condition_outcome outcomes[CONDITIONS] = {CONDITION_OPEN};
    struct audit_fields map;

    if (decision->delegated != NULL)
        by_grant(decision, outcomes);
    else if (decision->parties != NULL)
        by_actors(decision, outcomes);
    else
        outcomes[D1] = (enum condition_outcome)(CONDITION_DENY + (int)decision->decision);
    AUDIT_KEY(fields, "conditions");
    map = audit_open_map(fields->out);
    for (size_t at = 0; at < CONDITIONS; at++) {
        if (outcomes[at] == CONDITION_OPEN)
            continue;
        audit_add_key(&map, condition_names[at].data, (uint32_t)condition_names[at].size);
        audit_add_text(fields->out, outcome_word(outcomes[at]));
    }
    audit_close_fields(&map);
}

/* --- the fields, in the order of their names --- */

static void
put_approval(struct audit_fields *fields, const struct delegated *delegated)
{
    const struct grant *root;
    struct audit_fields map;

    if (delegated == NULL || delegated->length == 0)
        return;
    root = delegated->chain[0];
    AUDIT_KEY(fields, "approval");
    map = audit_open_map(fields->out);
    AUDIT_TEXT(&map, "approver", record_text(root, root->approver));
    AUDIT_KEY(&map, "at");
    audit_add_time(fields->out, root->approved_at);
    AUDIT_TEXT(&map, "channel", record_channel(root));
    audit_close_fields(&map);
}

static void
put_actors(struct audit_fields *fields, const struct audit_decision *decision)
{
    if (decision->actor_count == 0)
        return;
    AUDIT_KEY(fields, "actors");
    audit_add_count(fields->out, AUDIT_TAG_LIST, (uint32_t)decision->actor_count);
    for (size_t at = 0; at < decision->actor_count; at++)
        audit_add_object(fields->out, &decision->actors[at]);
}

static void
put_binding(struct audit_fields *fields, const struct engine_binding *binding)
{
    struct audit_fields map;

    if (binding->method.size == 0)
        return;
    AUDIT_KEY(fields, "binding");
    map = audit_open_map(fields->out);
    AUDIT_KEY(&map, "digest");
    audit_add_hex(fields->out, binding->digest);
    AUDIT_TEXT(&map, "method", binding->method);
    audit_close_fields(&map);
}

/* The name of an agent of the chain: mostly the request has it. */
static enum status
name_agent(struct snapshot *snapshot, const struct audit_decision *decision, uint64_t node,
           struct object *agent, struct error *error)
{
    const struct delegated_parties *parties = decision->parties;

    for (size_t at = 0; at < parties->actor_count; at++) {
        if (parties->actors[at] == node) {
            *agent = decision->actors[at];
            return BEHALF_OK;
        }
    }
    *agent = (struct object){
        .type = store_label_name(snapshot->engine->store, LABEL_TYPE, NODE_TYPE(node))};
    return resolver_id(&snapshot->resolver, node, &agent->id, error);
}

static enum status
put_chain(struct audit_fields *fields, struct snapshot *snapshot,
          const struct audit_decision *decision, struct error *error)
{
    const struct delegated *delegated = decision->delegated;

    if (delegated == NULL || delegated->length == 0)
        return BEHALF_OK;
    AUDIT_KEY(fields, "chain");
    audit_add_count(fields->out, AUDIT_TAG_LIST, (uint32_t)delegated->length);
    for (size_t at = 0; at < delegated->length; at++) {
        struct audit_fields map = audit_open_map(fields->out);
        struct object agent;
        enum status status = name_agent(snapshot, decision, delegated->agents[at], &agent, error);

        if (status != BEHALF_OK)
            return status;
        AUDIT_KEY(&map, "agent");
        audit_add_object(fields->out, &agent);
        AUDIT_KEY(&map, "expires_at");
        audit_add_time(fields->out, delegated->chain[at]->expires_at);
        AUDIT_KEY(&map, "grant");
        audit_add_id(fields->out, &delegated->chain[at]->id, RECORD_PREFIX_GRANT);
        audit_close_fields(&map);
    }
    return BEHALF_OK;
}

static void
put_digest(struct audit_fields *fields, const struct buffer *text)
{
    const struct slice bytes = buffer_slice(text);
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(&bytes, 1, digest);
    audit_add_hex(fields->out, digest);
}

static void
put_context(struct audit_fields *fields, const struct audit_log *log, const struct datum *context)
{
    struct buffer text;

    if (context == NULL)
        return;
    buffer_init(&text);
    datum_print_json(context, &text);
    if (log->full_context && text.size <= CONTEXT_TEXT_MAX) {
        AUDIT_KEY(fields, "context");
        audit_add_text(fields->out, buffer_slice(&text));
    } else {
        AUDIT_KEY(fields, "context_sha256");
        put_digest(fields, &text);
    }
    buffer_release(&text);
}

static void
put_properties(struct audit_fields *fields, const struct check_properties *properties)
{
    struct datum_field given[3];
    struct datum map = {.kind = DATUM_MAP, .as.map.fields = given};
    struct buffer text;
    size_t count = 0;

    if (properties == NULL)
        return;
    if (properties->action != NULL)
        given[count++] = (struct datum_field){SLICE_LITERAL("action"), properties->action};
    if (properties->resource != NULL)
        given[count++] = (struct datum_field){SLICE_LITERAL("resource"), properties->resource};
    if (properties->subject != NULL)
        given[count++] = (struct datum_field){SLICE_LITERAL("subject"), properties->subject};
    map.as.map.count = count;
    buffer_init(&text);
    datum_print_json(&map, &text);
    AUDIT_KEY(fields, "properties_sha256");
    put_digest(fields, &text);
    buffer_release(&text);
}

static void
put_counts(struct audit_fields *fields, const struct audit_decision *decision)
{
    struct audit_fields map;

    if (!decision->has_counts)
        return;
    AUDIT_KEY(fields, "counts");
    map = audit_open_map(fields->out);
    AUDIT_KEY(&map, "in");
    audit_add_integer(fields->out, decision->in);
    AUDIT_KEY(&map, "out");
    audit_add_integer(fields->out, decision->out);
    audit_close_fields(&map);
}

static void
put_missing(struct audit_fields *fields, const struct missing_context *missing)
{
    size_t count = missing->count < MISSING_MAX ? missing->count : MISSING_MAX;

    if (count == 0)
        return;
    AUDIT_KEY(fields, "missing");
    audit_add_count(fields->out, AUDIT_TAG_LIST, (uint32_t)count);
    for (size_t at = 0; at < count; at++)
        audit_add_text(fields->out, missing->names[at]);
}

static struct slice
decision_word(enum decision decision)
{
    switch (decision) {
    case DECISION_DENY:
        return SLICE_LITERAL("deny");
    case DECISION_CONDITIONAL:
        return SLICE_LITERAL("conditional");
    case DECISION_ALLOW:
        return SLICE_LITERAL("allow");
    }
    BEHALF_UNREACHABLE();
}

static struct slice
kind_word(enum audit_kind kind)
{
    switch (kind) {
    case AUDIT_KIND_DECISION:
        return SLICE_LITERAL("decision");
    case AUDIT_KIND_FILTER:
        return SLICE_LITERAL("filter");
    case AUDIT_KIND_LOOKUP:
        return SLICE_LITERAL("lookup");
    }
    BEHALF_UNREACHABLE();
}

static void
put_outcome(struct audit_fields *fields, const struct audit_decision *decision)
{
    AUDIT_KEY(fields, "decision");
    audit_add_text(fields->out, decision_word(decision->decision));
    AUDIT_KEY(fields, "decision_id");
    audit_add_text(fields->out, slice_of(decision->decision_id->text));
    if (decision->dropped_sha256 != NULL) {
        AUDIT_KEY(fields, "dropped_sha256");
        audit_add_hex(fields->out, decision->dropped_sha256);
    }
    AUDIT_KEY(fields, "event");
    audit_add_text(fields->out, kind_word(decision->kind));
}

/* From `grant` to `now`. */
static void
put_moment(struct audit_fields *fields, struct snapshot *snapshot,
           const struct audit_decision *decision)
{
    const struct delegated *delegated = decision->delegated;
    int64_t now = delegated != NULL ? delegated->now : snapshot->view.now;
    int64_t took = audit_now(snapshot->worker) - decision->begun_ns;

    if (now == 0)
        now = clock_read(&snapshot->engine->clock).now;
    if (delegated != NULL) {
        AUDIT_KEY(fields, "grant");
        audit_add_id(fields->out, &delegated->asked->grant, RECORD_PREFIX_GRANT);
    }
    if (delegated != NULL && delegated->session != NULL) {
        AUDIT_KEY(fields, "last_seen");
        audit_add_time(fields->out, delegated->last_seen);
    }
    AUDIT_KEY(fields, "latency_us");
    audit_add_integer(fields->out, took > 0 ? (uint64_t)took / 1000 : 0);
    put_missing(fields, &decision->missing);
    AUDIT_KEY(fields, "now");
    audit_add_time(fields->out, now);
}

static void
put_resource(struct audit_fields *fields, const struct audit_decision *decision)
{
    static const struct slice all = {"*", 1};

    if (decision->resource == NULL && decision->resource_type.size == 0)
        return;
    AUDIT_KEY(fields, "resource");
    if (decision->resource != NULL)
        audit_add_object(fields->out, decision->resource);
    else
        audit_add_object(fields->out, &(struct object){.type = decision->resource_type, .id = all});
}

/* From `permission` to the end. */
static void
put_rest(struct audit_fields *fields, const struct snapshot *snapshot,
         const struct audit_decision *decision)
{
    const struct delegated *delegated = decision->delegated;
    uint64_t denied = snapshot->denied_revision;
    struct audit_fields map;

    AUDIT_TEXT(fields, "permission", decision->permission);
    AUDIT_KEY(fields, "principal");
    audit_add_object(fields->out, decision->subject);
    put_properties(fields, decision->properties);
    AUDIT_TEXT(fields, "reason", engine_reason_word(decision->reason));
    AUDIT_TEXT(fields, "request_id", snapshot->request->request_id);
    put_resource(fields, decision);
    AUDIT_KEY(fields, "revision");
    audit_add_integer(fields->out, denied != 0 ? denied : snapshot->revision);
    AUDIT_KEY(fields, "schema_revision");
    audit_add_integer(fields->out, snapshot->binding->revision);
    AUDIT_KEY(fields, "schema_sha256");
    audit_add_hex(fields->out, snapshot->binding->digest);
    if (delegated != NULL && delegated->session != NULL) {
        AUDIT_KEY(fields, "session");
        audit_add_id(fields->out, &delegated->session->id, RECORD_PREFIX_SESSION);
    }
    if (delegated == NULL || delegated->asked->tool.name.size == 0)
        return;
    AUDIT_KEY(fields, "tool");
    map = audit_open_map(fields->out);
    AUDIT_TEXT(&map, "name", delegated->asked->tool.name);
    AUDIT_KEY(&map, "sha256");
    audit_add_hex(fields->out, delegated->asked->tool.sha256);
    audit_close_fields(&map);
}

static enum status
build(struct snapshot *snapshot, const struct audit_decision *decision, struct buffer *out,
      struct error *error)
{
    const struct delegated *delegated = decision->delegated;
    struct audit_fields fields;
    enum status status;

    buffer_clear(out);
    fields = audit_open_map(out);
    put_actors(&fields, decision);
    put_approval(&fields, delegated);
    if (delegated != NULL)
        put_binding(&fields, &delegated->asked->binding);
    AUDIT_TEXT(&fields, "caller", snapshot->request->caller);
    status = put_chain(&fields, snapshot, decision, error);
    if (status != BEHALF_OK)
        return status;
    put_conditions(&fields, decision);
    put_context(&fields, snapshot->engine->audit, decision->context);
    put_counts(&fields, decision);
    put_outcome(&fields, decision);
    put_moment(&fields, snapshot, decision);
    put_rest(&fields, snapshot, decision);
    audit_close_fields(&fields);
    return BEHALF_OK;
}

/* --- putting --- */

struct waiting {
    struct audit_kept kept; /* first */
    struct audit_waiter waiter;
};

/* On the log's thread. */
static void
recorded(struct audit_waiter *waiter, enum status status)
{
    struct waiting *waiting =
        (struct waiting *)(void *)((char *)waiter - offsetof(struct waiting, waiter));
    struct engine_recording *recording = waiting->kept.recording;

    waiting->kept.status = status;
    recording->recorded(recording, status); /* it may be freed by now */
}

enum status
audit_keep(const struct snapshot *snapshot, struct engine_recording *recording,
           struct audit_kept **kept, struct error *error)
{
    struct waiting *waiting = arena_take(snapshot->request->arena, sizeof *waiting);

    if (waiting == NULL)
        return budget_memory_spent(error);
    waiting->kept.recording = recording;
    waiting->kept.status = BEHALF_AUDIT_UNAVAILABLE;
    waiting->waiter = (struct audit_waiter){.done = recorded};
    recording->inside = &waiting->kept;
    *kept = &waiting->kept;
    return BEHALF_OK;
}

enum status
audit_decision_put(struct engine_worker *worker, struct snapshot *snapshot,
                   const struct audit_decision *decision, struct audit_kept *kept,
                   struct error *error)
{
    bool is_sample = decision->actor_count == 0;
    struct waiting *waiting = (struct waiting *)(void *)kept;
    struct error ignored;
    enum status status = build(snapshot, decision, &worker->record, error);

    if (status == BEHALF_OK)
        status = audit_put(worker->engine->audit->audit,
                           is_sample ? AUDIT_PLACE_SAMPLE : AUDIT_PLACE_DECISION,
                           env_wall_ns(worker->engine->env), buffer_slice(&worker->record),
                           waiting != NULL ? &waiting->waiter : NULL, is_sample ? &ignored : error);
    return is_sample ? BEHALF_OK : status;
}

enum status
audit_check_room(const struct engine_worker *worker, struct error *error)
{
    if (worker->engine->audit == NULL ||
        audit_has_room(worker->engine->audit->audit, AUDIT_PLACE_DECISION))
        return BEHALF_OK;
    return error_set(error, BEHALF_AUDIT_UNAVAILABLE,
                     "the decision could not be recorded now, so no use of the grant is taken");
}

bool
audit_holds_back(const struct engine_worker *worker)
{
    const struct audit *audit = worker->engine->audit->audit;

    if (!worker->may_block)
        return audit_is_strict(worker) || audit_is_behind(audit);
    audit_await_room(audit, ROOM_WAIT_NS);
    return false;
}

enum status
audit_wait(struct engine_worker *worker, struct error *error)
{
    BEHALF_ASSERT(worker->may_block);
    return audit_flush(worker->engine->audit->audit, error);
}
