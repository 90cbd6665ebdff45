/* method_check.c - check, check_bulk and filter_resources: decisions. */
#include "net/caller.h"
#include "net/contexts.h"
#include "net/methods.h"
#include "net/results.h"
#include "net/shapes_agents.h"

struct check_arguments {
    struct check check; /* first: begin_check */
    struct read_arguments read;
    struct actors actors;
    struct engine_delegation *delegation;
    struct slice request_id;
};

/* Clears what the request may leave out. The members before are decoded in any case; clearing them
 * too would cost as much as a look at the graph. */
static void
begin_check(struct check_arguments *call)
{
    const size_t given = offsetof(struct check_arguments, check.ahead);

    memset((char *)call + given, 0, sizeof *call - given);
}

/* What a decision by a grant needs besides. A loop has nothing that would outlive the request: what
 * a use needs there is of no use but to say that the pool is to ask. */
static enum status
begin_delegated(const struct method_context *context, struct slice arguments,
                struct check_arguments *call, struct error *error)
{
    struct engine_delegation *delegation = call->delegation;
    struct engine_use *use = context->use;

    if (!delegation->given)
        return error_set(error, BEHALF_MALFORMED_REQUEST, MESSAGE_NO_GRANT);
    if (delegation->idempotency_key.size > 0)
        method_digest(SLICE_LITERAL("check"), arguments, delegation->request_digest);
    if (use == NULL)
        use = method_take(context, sizeof *use, error);
    if (use == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    call->check.delegation = delegation;
    call->check.use = use;
    return BEHALF_OK;
}

enum status
method_check(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
             struct error *error)
{
    static const struct field fields[] = {
        FIELD(check_arguments, check.resource, "resource", decode_resource, FIELD_REQUIRED),
        FIELD(check_arguments, check.permission, "permission", decode_relation_name,
              FIELD_REQUIRED),
        FIELD(check_arguments, check.subject, "subject", decode_subject, FIELD_REQUIRED),
        FIELD(check_arguments, actors, "actor", decode_actors, FIELD_OPTIONAL),
        FIELD(check_arguments, check.context, "context", decode_context, FIELD_OPTIONAL),
        FIELD(check_arguments, check.properties, "properties", decode_properties, FIELD_OPTIONAL),
        FIELD(check_arguments, check.explain, "explain", decode_flag, FIELD_OPTIONAL),
        READ_FIELDS(check_arguments),
        DELEGATION_FIELDS(check_arguments),
        CALL_FIELDS(check_arguments),
    };
    const struct slice bytes = {(const char *)arguments.at, (size_t)(arguments.end - arguments.at)};
    struct check_arguments call;
    struct engine_request request;
    struct check_result result;
    struct check_item item;
    enum status status;

    begin_check(&call);
    status = METHOD_DECODE(context, arguments, fields, &call, error);
    if (status == BEHALF_OK)
        status = caller_check_actors(context->caller, ROLE_CHECK, call.actors.objects,
                                     call.actors.count, error);
    if (status == BEHALF_OK && BEHALF_UNLIKELY(call.delegation != NULL))
        status = begin_delegated(context, bytes, &call, error);
    if (status != BEHALF_OK)
        return status;
    call.check.ahead = context->ahead;
    call.check.recording = context->recording;
    call.check.actors = call.actors.objects;
    call.check.actor_count = call.actors.count;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    request.request_id = call.request_id;
    status = engine_check(context->worker, &request, &call.check, &result, error);
    if (status != BEHALF_OK)
        return status;
    /* Field by field: a whole struct is cleared first. */
    item.status = BEHALF_OK;
    item.decision = result.decision;
    item.reason = result.reason;
    item.decision_id.text[0] = '\0';
    if (BEHALF_UNLIKELY(result.decision_id.text[0] != '\0'))
        item.decision_id = result.decision_id;
    item.missing = result.missing;
    item.valid_until = result.valid_until;
    item.explanation = result.explanation;
    codec_put_map(out, 1 + result_item_pairs(&item));
    status = result_put_item(out, &item, context->arena, error);
    codec_put_text(out, SLICE_LITERAL("checked_at"));
    result_put_token(out, &result.checked_at);
    return status;
}

struct check_bulk_arguments {
    struct read_arguments read;
    struct checks checks;
    struct slice request_id;
};

/* One item that the caller may not ask for refuses the request, and carries the index. */
static enum status
check_items(const struct key *caller, const struct checks *checks, struct error *error)
{
    enum status status = BEHALF_OK;

    for (size_t index = 0; status == BEHALF_OK && index < checks->count; index++) {
        const struct check *item = &checks->items[index];

        status = caller_check_actors(caller, ROLE_CHECK, item->actors, item->actor_count, error);
        if (status != BEHALF_OK)
            error_index(error, index);
    }
    return status;
}

enum status
method_check_bulk(const struct method_context *context, struct wire_reader arguments,
                  struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(check_bulk_arguments, checks, "items", decode_checks, FIELD_REQUIRED),
        READ_FIELDS(check_bulk_arguments),
        FIELD(check_bulk_arguments, request_id, "request_id", decode_request_id, FIELD_OPTIONAL),
    };
    struct check_bulk_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct check_bulk_result result;
    size_t mark = out->size;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = check_items(context->caller, &call.checks, error);
    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    request.request_id = call.request_id;
    status = engine_check_bulk(context->worker, &request, call.checks.items, call.checks.count,
                               &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2);
    codec_put_text(out, SLICE_LITERAL("checked_at"));
    result_put_token(out, &result.checked_at);
    codec_put_text(out, SLICE_LITERAL("results"));
    codec_put_array(out, call.checks.count);
    for (size_t index = 0; status == BEHALF_OK && index < call.checks.count; index++) {
        if (out->size - mark > LIMIT_MESSAGE_SIZE)
            break; /* the caller refuses it */
        codec_put_map(out, result_item_pairs(&result.items[index]));
        status = result_put_item(out, &result.items[index], context->arena, error);
    }
    return status;
}

/* --- filter_resources --- */

struct filter_arguments {
    struct read_arguments read;
    struct filter_resources filter;
    struct resources resources;
    struct actors actors;
    struct engine_delegation *delegation;
    struct slice request_id;
};

/* Rows {index, missing} or {index, error}; an index is a place in the resources asked. */
static void
put_filter_rows(struct buffer *out, const struct filter_resources_result *result)
{
    size_t mark = out->size;

    codec_put_literal(out, "conditional");
    codec_put_array(out, result->conditional_count);
    for (size_t row = 0; row < result->conditional_count; row++) {
        if (out->size - mark > LIMIT_MESSAGE_SIZE)
            return; /* the caller refuses it */
        codec_put_map(out, 2);
        codec_put_text(out, SLICE_LITERAL("index"));
        codec_put_unsigned(out, result->conditional[row].index);
        result_put_missing(out, &result->conditional[row].missing);
    }
    codec_put_literal(out, "undecided");
    codec_put_array(out, result->undecided_count);
    for (size_t row = 0; row < result->undecided_count; row++) {
        if (out->size - mark > LIMIT_MESSAGE_SIZE)
            return;
        codec_put_map(out, 2);
        codec_put_text(out, SLICE_LITERAL("index"));
        codec_put_unsigned(out, result->undecided[row].index);
        codec_put_literal(out, "error");
        result_put_error(out, &result->undecided[row].error);
    }
}

static void
put_filter(struct buffer *out, const struct filter_resources *filter,
           const struct filter_resources_result *result)
{
    struct buffer scratch;

    codec_put_map(out, 5 + result_delegated_pairs(result->reason, &result->decision_id));
    codec_put_literal(out, "resources");
    codec_put_array(out, result->allowed_count);
    buffer_init(&scratch);
    for (size_t row = 0; row < result->allowed_count; row++)
        result_put_object(out, &filter->resources[result->allowed[row]], &scratch);
    buffer_release(&scratch);
    put_filter_rows(out, result);
    result_put_delegated(out, result->reason, &result->decision_id);
    codec_put_literal(out, "valid_until");
    result_put_time(out, result->valid_until);
    codec_put_literal(out, "checked_at");
    result_put_token(out, &result->checked_at);
}

enum status
method_filter_resources(const struct method_context *context, struct wire_reader arguments,
                        struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(filter_arguments, resources, "resources", decode_resources, FIELD_REQUIRED),
        FIELD(filter_arguments, filter.permission, "permission", decode_relation_name,
              FIELD_REQUIRED),
        FIELD(filter_arguments, filter.subject, "subject", decode_subject, FIELD_REQUIRED),
        FIELD(filter_arguments, actors, "actor", decode_actors, FIELD_OPTIONAL),
        FIELD(filter_arguments, filter.context, "context", decode_context, FIELD_OPTIONAL),
        FIELD(filter_arguments, filter.properties, "properties", decode_properties, FIELD_OPTIONAL),
        READ_FIELDS(filter_arguments),
        DELEGATION_FIELDS(filter_arguments),
        CALL_FIELDS(filter_arguments),
    };
    struct filter_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct filter_resources_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = caller_check_actors(context->caller, ROLE_CHECK, call.actors.objects,
                                     call.actors.count, error);
    if (status != BEHALF_OK)
        return status;
    if (call.delegation != NULL && !call.delegation->given)
        return error_set(error, BEHALF_MALFORMED_REQUEST, MESSAGE_NO_GRANT);
    call.filter.resources = call.resources.items;
    call.filter.resource_count = call.resources.count;
    call.filter.actors = call.actors.objects;
    call.filter.actor_count = call.actors.count;
    call.filter.delegation = call.delegation;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    request.request_id = call.request_id;
    status = engine_filter_resources(context->worker, &request, &call.filter, &result, error);
    if (status == BEHALF_OK)
        put_filter(out, &call.filter, &result);
    return status;
}
