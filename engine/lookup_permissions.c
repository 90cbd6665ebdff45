/* lookup_permissions.c - every permission of one resource. */
#include "engine/audit_decision.h"
#include "engine/audit_fields.h"

static size_t
permission_count(const struct schema *schema, uint32_t type)
{
    const struct schema_type *row = &schema->types[type];
    size_t count = 0;

    for (uint32_t i = 0; i < row->member_count; i++)
        count += schema->members[row->first_member + i].kind == SCHEMA_PERMISSION;
    return count;
}

/* Why nothing is listed at all: no active grant, or a stop. */
static enum engine_reason
empty_by(const struct question *question)
{
    const struct guard *guard = question->guard;

    if (guard == NULL)
        return REASON_NONE;
    if (guard->delegated != NULL)
        return guard->delegated->reason;
    return guard->stopped ? REASON_AGENT_STOPPED : REASON_NONE;
}

/* What was learnt for one permission is of no use to the next. */
static void
forget(struct snapshot *snapshot, struct question *question)
{
    question->chain_decided = false;
    arena_reset(snapshot->scratch, snapshot->scratch->cap_bytes);
    reach_wide_release(&snapshot->wide);
}

/* Decides every permission of the type on the resource: with one evaluation, unless conditions see
 * which permission is asked. */
static enum status
decide_permissions(struct snapshot *snapshot, struct question *question, uint32_t type,
                   struct lookup_permissions_result *result, struct error *error)
{
    const struct schema *schema = snapshot->binding->schema;
    const struct schema_type *row = &schema->types[type];
    bool each = inputs_read(snapshot, CAVEAT_ACTION);
    struct inputs_attributes attributes;
    struct eval eval;
    bool begun = false;

    for (uint32_t i = 0; i < row->member_count; i++) {
        struct lookup_permission *permission = &result->permissions[result->permission_count];
        struct verdict verdict;
        struct error problem;
        enum status status;

        question->member = row->first_member + i;
        if (schema->members[question->member].kind != SCHEMA_PERMISSION)
            continue;
        question->inputs.action = schema->members[question->member].name;
        if (each && begun)
            forget(snapshot, question);
        if (each || !begun)
            question_init_eval(question, snapshot, &attributes, &eval);
        begun = true;
        status = question_decide(snapshot, &eval, question, NULL, &verdict, &problem);
        if (!verdict_is_of_value(status)) {
            *error = problem;
            return status;
        }
        status = item_set(snapshot, status, &verdict, &problem, &permission->item, error);
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

/* A list with anything that is no deny leaves only after a last look at who asks for it. */
static enum status
look_again(struct engine_worker *worker, struct snapshot *snapshot, struct guard *guard,
           struct lookup_permissions_result *result, struct error *error)
{
    struct verdict verdict = {.decision = DECISION_DENY};
    bool found = false;
    enum status status;

    for (size_t at = 0; at < result->permission_count; at++) {
        const struct check_item *item = &result->permissions[at].item;

        if (item->status != BEHALF_OK || item->decision == DECISION_DENY)
            continue;
        found = true;
        /* What is conditional is a result, but not yet an allow that the session was used for. */
        if (verdict.decision != DECISION_ALLOW)
            verdict.decision = item->decision;
    }
    if (guard == NULL || !found)
        return BEHALF_OK;
    status = question_look_again(worker, snapshot, guard, &verdict, &snapshot->token, error);
    if (status == BEHALF_OK && verdict.reason != REASON_NONE) {
        result->permission_count = 0;
        result->reason = verdict.reason;
    }
    return status;
}

static enum status
bind(struct snapshot *snapshot, const struct lookup_permissions *lookup, struct question *question,
     uint32_t *type, struct error *error)
{
    enum status status =
        request_resource(snapshot, &lookup->resource, type, &question->resource, error);

    if (status == BEHALF_OK)
        status = request_subject(snapshot, &lookup->subject, &question->subject, error);
    if (status == BEHALF_OK)
        status = inputs_count(
            snapshot, lookup->properties,
            &(struct inputs_request){delegated_is_asked(lookup->actor_count, lookup->delegation),
                                     UINT32_C(1) << CAVEAT_ACTION},
            &question->inputs.properties, error);
    return status == BEHALF_OK
               ? question_guard(snapshot, &lookup->subject, lookup->actors, lookup->actor_count,
                                lookup->delegation, NULL, question, error)
               : status;
}

/* SHA-256 of the permissions that are not allowed, each with a newline, and how many are. */
static uint64_t
digest_dropped(const struct lookup_permissions_result *result, uint8_t digest[DIGEST_SIZE])
{
    struct buffer text;
    struct slice bytes;
    uint64_t allowed = 0;

    buffer_init(&text);
    for (size_t at = 0; at < result->permission_count; at++) {
        const struct lookup_permission *row = &result->permissions[at];

        if (row->item.status == BEHALF_OK && row->item.decision == DECISION_ALLOW) {
            allowed++;
            continue;
        }
        buffer_add_slice(&text, row->permission);
        buffer_add_byte(&text, '\n');
    }
    bytes = buffer_slice(&text);
    digest_sha256(&bytes, 1, digest);
    buffer_release(&text);
    return allowed;
}

static enum status
record(struct snapshot *snapshot, const struct lookup_permissions *lookup,
       const struct question *question, const struct lookup_permissions_result *result,
       int64_t begun_ns, struct error *error)
{
    const struct guard *guard = question->guard;
    uint8_t dropped[DIGEST_SIZE];
    const uint64_t allowed = digest_dropped(result, dropped);
    const struct audit_decision decision = {
        .kind = AUDIT_KIND_LOOKUP,
        .resource = &lookup->resource,
        .subject = &lookup->subject,
        .actors = lookup->actors,
        .actor_count = lookup->actor_count,
        .parties = guard != NULL ? &guard->parties : NULL,
        .delegated = guard != NULL ? guard->delegated : NULL,
        .is_stopped = guard != NULL && guard->stopped,
        .context = lookup->context,
        .properties = lookup->properties,
        .decision = allowed > 0 ? DECISION_ALLOW : DECISION_DENY,
        .reason = result->reason,
        .has_counts = true,
        .in = result->permission_count,
        .out = allowed,
        .dropped_sha256 = dropped,
        .decision_id = &result->decision_id,
        .begun_ns = begun_ns,
    };

    return audit_decision_put(snapshot->worker, snapshot, &decision, NULL, error);
}

/* In the record before the answer, and where it must be on the disk, looked at once more. */
static enum status
finish(struct snapshot *snapshot, const struct lookup_permissions *lookup,
       const struct question *question, int64_t begun_ns, struct lookup_permissions_result *result,
       struct error *error)
{
    struct engine_worker *worker = snapshot->worker;
    enum status status = record(snapshot, lookup, question, result, begun_ns, error);

    if (status != BEHALF_OK || !audit_is_strict(worker) || lookup->actor_count == 0 ||
        result->permission_count == 0)
        return status;
    status = audit_wait(worker, error);
    if (status == BEHALF_OK)
        status = look_again(worker, snapshot, question->guard, result, error);
    return status == BEHALF_OK && result->reason != REASON_NONE
               ? record(snapshot, lookup, question, result, begun_ns, error)
               : status;
}

enum status
engine_lookup_permissions(struct engine_worker *worker, const struct engine_request *request,
                          const struct lookup_permissions *lookup,
                          struct lookup_permissions_result *result, struct error *error)
{
    struct lookup_permissions_result found = {.permission_count = 0};
    struct snapshot snapshot;
    struct question question = {
        .kind = QUESTION_LIST,
        .id = lookup->resource.id,
        .inputs.context = lookup->context,
    };
    uint32_t type = SCHEMA_NONE;
    int64_t begun_ns;
    bool recorded;
    enum status status;

    if (audit_must_leave_loop(worker, lookup->actor_count))
        return BEHALF_WOULD_BLOCK;
    recorded = audit_concerns(worker, lookup->actor_count);
    begun_ns = recorded ? audit_now(worker) : 0;
    status = snapshot_open(worker, request, REQUEST_LOOKUP, 0, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    status = bind(&snapshot, lookup, &question, &type, error);
    if (status == BEHALF_OK)
        found.reason = empty_by(&question);
    if (status == BEHALF_OK && found.reason == REASON_NONE) {
        found.permissions =
            arena_take_array(request->arena, permission_count(snapshot.binding->schema, type),
                             sizeof *found.permissions);
        status = found.permissions == NULL
                     ? budget_memory_spent(error)
                     : decide_permissions(&snapshot, &question, type, &found, error);
    }
    if (status == BEHALF_OK)
        status = look_again(worker, &snapshot, question.guard, &found, error);
    if (status == BEHALF_OK && (recorded || question_is_delegated(&question)))
        decision_id_make(worker, &found.decision_id);
    if (status == BEHALF_OK && recorded)
        status = finish(&snapshot, lookup, &question, begun_ns, &found, error);
    found.looked_up_at = snapshot.token;
    if (status == BEHALF_OK)
        *result = found;
    snapshot_close(&snapshot);
    return status;
}
