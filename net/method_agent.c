/* method_agent.c - stops, and the audit of standing access. */
#include "net/methods.h"
#include "net/results.h"
#include "net/shapes_agents.h"

/* --- stops --- */

struct stop_arguments {
    struct write_options write;
    struct engine_stop_order order;
    struct object agent;
    struct object principal;
    bool everything;
};

/* BEHALF_OK where exactly one scope is given. */
static enum status
choose_scope(struct stop_arguments *call, struct error *error)
{
    bool agent = call->agent.type.size > 0;
    bool principal = call->principal.type.size > 0;
    bool client = call->order.client.size > 0;

    if (agent + principal + client + call->everything != 1)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "one of the arguments 'agent', 'client', 'principal' and 'everything' is "
                         "needed");
    if (agent)
        call->order.scope = STOP_AGENT;
    else if (principal)
        call->order.scope = STOP_PRINCIPAL;
    else
        call->order.scope = client ? STOP_CLIENT : STOP_EVERYTHING;
    call->order.object = agent ? call->agent : call->principal;
    return BEHALF_OK;
}

static enum status
order_stop(const struct method_context *context, struct wire_reader arguments, bool restore,
           struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(stop_arguments, order.reason, "reason", decode_reason, FIELD_REQUIRED),
        FIELD(stop_arguments, agent, "agent", decode_resource, FIELD_OPTIONAL),
        FIELD(stop_arguments, order.client, "client", decode_client, FIELD_OPTIONAL),
        FIELD(stop_arguments, principal, "principal", decode_resource, FIELD_OPTIONAL),
        FIELD(stop_arguments, everything, "everything", decode_true, FIELD_OPTIONAL),
        WRITE_FIELDS(stop_arguments),
    };
    struct stop_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status == BEHALF_OK)
        status = choose_scope(call, error);
    if (status != BEHALF_OK)
        return status;
    call->order.restore = restore;
    method_write_begin(write, WRITE_STOP, &call->write);
    write->stop_order = &call->order;
    return BEHALF_OK;
}

enum status
method_agents_kill(const struct method_context *context, struct wire_reader arguments,
                   struct engine_write *write, struct error *error)
{
    return order_stop(context, arguments, false, write, error);
}

enum status
method_agents_restore(const struct method_context *context, struct wire_reader arguments,
                      struct engine_write *write, struct error *error)
{
    return order_stop(context, arguments, true, write, error);
}

static const char *
stop_scope_name(enum stop_scope scope)
{
    switch (scope) {
    case STOP_AGENT:
        return "agent";
    case STOP_CLIENT:
        return "client";
    case STOP_PRINCIPAL:
        return "principal";
    case STOP_EVERYTHING:
        return "everything";
    }
    BEHALF_UNREACHABLE();
}

static void
put_stop(struct buffer *out, const struct engine_stop *stop)
{
    codec_put_map(out, 4 + (size_t)(stop->object.size > 0) + (stop->client.size > 0) +
                           (stop->by.size > 0) + (stop->reason.size > 0));
    codec_put_literal(out, "scope");
    codec_put_literal(out, stop_scope_name(stop->scope));
    if (stop->object.size > 0) {
        codec_put_literal(out, stop_scope_name(stop->scope));
        codec_put_text(out, stop->object);
    }
    if (stop->client.size > 0) {
        codec_put_literal(out, "client");
        codec_put_text(out, stop->client);
    }
    codec_put_literal(out, "epoch");
    codec_put_unsigned(out, stop->epoch);
    codec_put_literal(out, "in_force");
    codec_put_bool(out, stop->in_force);
    if (stop->by.size > 0) {
        codec_put_literal(out, "by");
        codec_put_text(out, stop->by);
    }
    if (stop->reason.size > 0) {
        codec_put_literal(out, "reason");
        codec_put_text(out, stop->reason);
    }
    codec_put_literal(out, "at");
    result_put_time(out, stop->at);
}

struct stops_arguments {
    struct read_arguments read;
};

enum status
method_agents_stopped(const struct method_context *context, struct wire_reader arguments,
                      struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        READ_FIELDS(stops_arguments),
    };
    struct stops_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct engine_stops_result result;
    size_t mark = out->size;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status = engine_stops_read(context->worker, &request, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2);
    codec_put_literal(out, "stops");
    codec_put_array(out, result.stop_count);
    for (size_t index = 0; index < result.stop_count; index++) {
        if (out->size - mark > LIMIT_MESSAGE_SIZE)
            break; /* the caller refuses it */
        put_stop(out, &result.stops[index]);
    }
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}

/* --- audit --- */

struct audit_arguments {
    struct read_arguments read;
    struct agents_audit audit;
    struct type_names types;
};

static void
put_finding(struct buffer *out, const struct agents_finding *finding)
{
    codec_put_map(out, finding->is_delegation ? 3 : 5);
    codec_put_literal(out, "kind");
    codec_put_literal(out, finding->is_delegation ? "standing_delegation" : "standing_access");
    codec_put_literal(out, "agent");
    codec_put_text(out, finding->agent);
    if (finding->is_delegation) {
        codec_put_literal(out, "principal");
        codec_put_text(out, finding->principal);
        return;
    }
    codec_put_literal(out, "resource_type");
    codec_put_text(out, finding->resource_type);
    codec_put_literal(out, "permission");
    codec_put_text(out, finding->permission);
    codec_put_literal(out, "example");
    codec_put_text(out, finding->example);
}

enum status
method_agents_audit(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(audit_arguments, types, "types", decode_type_names, FIELD_OPTIONAL),
        FIELD(audit_arguments, audit.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(audit_arguments, audit.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(audit_arguments),
    };
    struct audit_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct agents_audit_result result;
    size_t mark = out->size;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    call.audit.types = call.types.items;
    call.audit.type_count = call.types.count;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status = engine_agents_audit(context->worker, &request, &call.audit, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 4);
    codec_put_literal(out, "findings");
    codec_put_array(out, result.finding_count);
    for (size_t index = 0; index < result.finding_count; index++) {
        if (out->size - mark > LIMIT_MESSAGE_SIZE)
            break; /* the caller refuses it */
        put_finding(out, &result.findings[index]);
    }
    codec_put_literal(out, "complete");
    codec_put_bool(out, result.complete);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result.cursor);
    codec_put_literal(out, "audited_at");
    result_put_token(out, &result.audited_at);
    return BEHALF_OK;
}
