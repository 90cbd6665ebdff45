/* filter_resources.c - which of these resources are allowed? One question each, at one snapshot.
 * Always true: the answer keeps the order of the resources, and each repeat. What is said of a
 * resource is what a check says; one that cannot be decided stands in `undecided` with its error
 * and fails nothing else. */
#include "base/bytes.h"
#include "engine/audit_decision.h"
#include "engine/audit_fields.h"
#include "engine/resource_checks.h"

struct filtering {
    struct resource_checks checks;
    struct snapshot *snapshot;
    const struct filter_resources *filter;
    struct filter_resources_result *result;
    uint32_t conditional_size;
    uint32_t undecided_size;
    int64_t begun_ns;
    bool recorded;
    uint32_t type; /* of the last resource, and the permission there */
    uint32_t member;
};

static enum status
add_conditional(struct filtering *filtering, size_t index, const struct verdict *verdict,
                struct error *error)
{
    struct filter_resources_result *result = filtering->result;
    struct filter_conditional *rows =
        arena_grow(filtering->snapshot->request->arena, result->conditional,
                   (uint32_t)result->conditional_count, &filtering->conditional_size, sizeof *rows);

    if (rows == NULL)
        return budget_memory_spent(error);
    result->conditional = rows;
    rows[result->conditional_count++] = (struct filter_conditional){index, verdict->missing};
    return BEHALF_OK;
}

static enum status
add_undecided(struct filtering *filtering, size_t index, const struct error *problem,
              struct error *error)
{
    struct filter_resources_result *result = filtering->result;
    struct filter_undecided *rows =
        arena_grow(filtering->snapshot->request->arena, result->undecided,
                   (uint32_t)result->undecided_count, &filtering->undecided_size, sizeof *rows);

    if (rows == NULL)
        return budget_memory_spent(error);
    result->undecided = rows;
    rows[result->undecided_count++] = (struct filter_undecided){index, *problem};
    return BEHALF_OK;
}

static enum status
bind_resource(struct filtering *filtering, const struct object *resource, uint64_t *node,
              struct error *error)
{
    uint32_t type;
    enum status status = request_resource(filtering->snapshot, resource, &type, node, error);

    if (status != BEHALF_OK || type == filtering->type)
        return status;
    filtering->type = SCHEMA_NONE;
    status = schema_resolve_member(filtering->snapshot->binding->schema, type,
                                   filtering->filter->permission, &filtering->member, error);
    if (status == BEHALF_OK)
        filtering->type = type;
    return status;
}

static enum status
decide_resource(struct filtering *filtering, const struct object *resource, struct verdict *verdict,
                struct error *error)
{
    struct value value;
    uint64_t node;
    enum status status = bind_resource(filtering, resource, &node, error);

    if (status == BEHALF_OK)
        status = resource_checks_decide(&filtering->checks, node, filtering->member, true, &value,
                                        error);
    return status == BEHALF_OK ? verdict_of(filtering->snapshot, &value, verdict, error) : status;
}

/* Each resource has the budget of a check. */
static enum status
filter_one(struct filtering *filtering, size_t index, struct error *error)
{
    struct filter_resources_result *result = filtering->result;
    struct verdict verdict;
    struct error problem = {.status = BEHALF_OK};
    enum status status;

    if (!filtering->snapshot->budget.is_inline)
        budget_renew(&filtering->snapshot->budget, LIMIT_CHECK_EDGES);
    (void)arena_was_refused(); /* what a resource before was refused is not this one's */
    status = decide_resource(filtering, &filtering->filter->resources[index], &verdict, &problem);
    if (verdict_ends_request(status)) {
        *error = problem;
        return status;
    }
    if (status != BEHALF_OK)
        return add_undecided(filtering, index, &problem, error);
    if (verdict.decision == DECISION_CONDITIONAL)
        return add_conditional(filtering, index, &verdict, error);
    if (verdict.decision == DECISION_ALLOW)
        result->allowed[result->allowed_count++] = index;
    return BEHALF_OK;
}

static enum status
filter_all(struct filtering *filtering, struct error *error)
{
    struct filter_resources_result *result = filtering->result;
    size_t count = filtering->filter->resource_count;
    enum status status = BEHALF_OK;

    result->allowed =
        arena_take_array(filtering->snapshot->request->arena, count + 1, sizeof *result->allowed);
    if (result->allowed == NULL)
        return budget_memory_spent(error);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++)
        status = filter_one(filtering, index, error);
    return status;
}

/* Nothing of an answer is left when the records, as they are now, deny. */
static enum status
look_again(struct filtering *filtering, struct error *error)
{
    struct filter_resources_result *result = filtering->result;
    struct engine_token token;
    enum engine_reason reason;
    enum status status;

    if (result->allowed_count + result->conditional_count == 0)
        return BEHALF_OK;
    status = resource_checks_look_again(&filtering->checks, result->allowed_count > 0, &reason,
                                        &token, error);
    if (status == BEHALF_OK && reason != REASON_NONE)
        *result = (struct filter_resources_result){.reason = reason, .checked_at = token};
    return status;
}

/* SHA-256 of the resources that are not in the answer, as text, each with a newline. */
static void
digest_dropped(const struct filtering *filtering, uint8_t digest[DIGEST_SIZE])
{
    const struct filter_resources *filter = filtering->filter;
    const struct filter_resources_result *result = filtering->result;
    struct buffer text;
    struct slice bytes;
    size_t next = 0;

    buffer_init(&text);
    for (size_t index = 0; index < filter->resource_count; index++) {
        const struct object *resource = &filter->resources[index];

        if (next < result->allowed_count && result->allowed[next] == index) {
            next++;
            continue;
        }
        buffer_add_slice(&text, resource->type);
        buffer_add_byte(&text, ':');
        buffer_add_slice(&text, resource->id);
        buffer_add_byte(&text, '\n');
    }
    bytes = buffer_slice(&text);
    digest_sha256(&bytes, 1, digest);
    buffer_release(&text);
}

static enum status
record(const struct filtering *filtering, struct error *error)
{
    const struct filter_resources *filter = filtering->filter;
    const struct filter_resources_result *result = filtering->result;
    const struct resource_checks *checks = &filtering->checks;
    uint8_t dropped[DIGEST_SIZE];
    const struct audit_decision decision = {
        .kind = AUDIT_KIND_FILTER,
        .permission = filter->permission,
        .subject = &filter->subject,
        .actors = filter->actors,
        .actor_count = filter->actor_count,
        .parties = &checks->parties,
        .delegated = checks->grant != NULL ? &checks->delegated : NULL,
        .is_stopped = result->reason == REASON_AGENT_STOPPED,
        .lets_through = true,
        .context = filter->context,
        .properties = filter->properties,
        .decision = result->allowed_count > 0 ? DECISION_ALLOW : DECISION_DENY,
        .reason = result->reason,
        .has_counts = true,
        .in = filter->resource_count,
        .out = result->allowed_count,
        .dropped_sha256 = dropped,
        .decision_id = &result->decision_id,
        .begun_ns = filtering->begun_ns,
    };

    digest_dropped(filtering, dropped);
    return audit_decision_put(filtering->snapshot->worker, filtering->snapshot, &decision, NULL,
                              error);
}

/* In the record before the answer, and where it must be on the disk, looked at once more. */
static enum status
finish(struct filtering *filtering, struct engine_worker *worker, struct error *error)
{
    struct filter_resources_result *result = filtering->result;
    const struct record_id_text id = result->decision_id;
    enum status status = record(filtering, error);

    if (status != BEHALF_OK || !audit_is_strict(worker) || filtering->filter->actor_count == 0 ||
        result->allowed_count + result->conditional_count == 0)
        return status;
    status = audit_wait(worker, error);
    if (status == BEHALF_OK)
        status = look_again(filtering, error);
    if (status != BEHALF_OK || result->reason == REASON_NONE)
        return status;
    result->decision_id = id;
    return record(filtering, error);
}

static enum status
answer(struct filtering *filtering, struct engine_worker *worker, struct error *error)
{
    const struct filter_resources *filter = filtering->filter;
    struct resource_checks *checks = &filtering->checks;
    struct filter_resources_result *result = filtering->result;
    const struct inputs_request request = {
        delegated_is_asked(filter->actor_count, filter->delegation), 0};
    struct resource_checks_asked asked = {
        .subject = &filter->subject,
        .actors = filter->actors,
        .actor_count = filter->actor_count,
        .grant = filter->delegation,
        .inputs = {.context = filter->context, .action = filter->permission},
        .decides = true,
    };
    enum status status = inputs_count(filtering->snapshot, filter->properties, &request,
                                      &asked.inputs.properties, error);

    if (status == BEHALF_OK)
        status = resource_checks_open(checks, worker, filtering->snapshot, &asked, error);
    if (status == BEHALF_OK && checks->reason == REASON_NONE)
        status = filter_all(filtering, error);
    if (status != BEHALF_OK)
        return status;
    result->reason = checks->reason;
    result->valid_until = verdict_time(checks->until);
    result->checked_at = filtering->snapshot->token;
    status = look_again(filtering, error);
    if (status != BEHALF_OK)
        return status;
    if (filtering->recorded || !resource_checks_are_plain(checks))
        decision_id_make(worker, &result->decision_id);
    return filtering->recorded ? finish(filtering, worker, error) : BEHALF_OK;
}

enum status
engine_filter_resources(struct engine_worker *worker, const struct engine_request *request,
                        const struct filter_resources *filter,
                        struct filter_resources_result *result, struct error *error)
{
    struct filter_resources_result found = {.allowed_count = 0};
    struct snapshot snapshot;
    struct filtering filtering = {
        .snapshot = &snapshot, .filter = filter, .result = &found, .type = SCHEMA_NONE};
    enum status status;

    if (filter->resource_count > ENGINE_FILTER_RESOURCES_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "%zu resources in one request; at most %d are allowed",
                         filter->resource_count, ENGINE_FILTER_RESOURCES_MAX);
    if ((!worker->may_block && filter->resource_count > LIMIT_INLINE_ITEMS) ||
        audit_must_leave_loop(worker, filter->actor_count))
        return BEHALF_WOULD_BLOCK;
    filtering.recorded = audit_concerns(worker, filter->actor_count);
    filtering.begun_ns = filtering.recorded ? audit_now(worker) : 0;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, 0, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    status = answer(&filtering, worker, error);
    if (status == BEHALF_OK)
        *result = found;
    resource_checks_close(&filtering.checks);
    snapshot_close(&snapshot);
    return status;
}
