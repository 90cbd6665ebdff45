/* method_grant.c - grants: created, delegated, revoked, read; and pages of records. */
#include "net/caller.h"
#include "net/results.h"
#include "net/shapes_agents.h"

/* --- writing --- */

struct grant_create_arguments {
    struct write_options write;
    struct engine_root_grant grant;
};

enum status
method_grants_create(const struct method_context *context, struct wire_reader arguments,
                     struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(grant_create_arguments, grant.session, "session", decode_session_id, FIELD_REQUIRED),
        FIELD(grant_create_arguments, grant.approval, "approval", decode_approval, FIELD_REQUIRED),
        TERMS_FIELDS(grant_create_arguments, grant.terms, FIELD_REQUIRED),
        WRITE_FIELDS(grant_create_arguments),
    };
    struct grant_create_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status != BEHALF_OK)
        return status;
    if (!end_is_given(&call->grant.terms.end))
        return error_set(error, BEHALF_MALFORMED_REQUEST, MESSAGE_NO_END);
    method_write_begin(write, WRITE_GRANT_CREATE, &call->write);
    write->root_grant = &call->grant;
    return BEHALF_OK;
}

struct grant_delegate_arguments {
    struct write_options write;
    struct engine_delegated_grant grant;
};

enum status
method_grants_delegate(const struct method_context *context, struct wire_reader arguments,
                       struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(grant_delegate_arguments, grant.parent, "parent", decode_grant_id, FIELD_REQUIRED),
        FIELD(grant_delegate_arguments, grant.actor, "actor", decode_resource, FIELD_REQUIRED),
        FIELD(grant_delegate_arguments, grant.delegatee, "delegatee", decode_resource,
              FIELD_REQUIRED),
        TERMS_FIELDS(grant_delegate_arguments, grant.terms, FIELD_REQUIRED),
        WRITE_FIELDS(grant_delegate_arguments),
    };
    struct grant_delegate_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status == BEHALF_OK)
        status = caller_check_bound(context->caller, &call->grant.actor, "actor", error);
    if (status != BEHALF_OK)
        return status;
    method_write_begin(write, WRITE_GRANT_DELEGATE, &call->write);
    write->delegated_grant = &call->grant;
    return BEHALF_OK;
}

void
method_grant_made(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, 2);
    codec_put_literal(out, "grant");
    result_put_id(out, &write->grant, RECORD_PREFIX_GRANT);
    codec_put_literal(out, "written_at");
    result_put_token(out, &write->written_at);
}

struct grant_revoke_arguments {
    struct write_options write;
    struct engine_grant_revoke revoke;
};

enum status
method_grants_revoke(const struct method_context *context, struct wire_reader arguments,
                     struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(grant_revoke_arguments, revoke.grant, "grant", decode_grant_id, FIELD_REQUIRED),
        FIELD(grant_revoke_arguments, revoke.reason, "reason", decode_reason, FIELD_REQUIRED),
        WRITE_FIELDS(grant_revoke_arguments),
    };
    struct grant_revoke_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status != BEHALF_OK)
        return status;
    method_write_begin(write, WRITE_GRANT_REVOKE, &call->write);
    write->grant_revoke = &call->revoke;
    return BEHALF_OK;
}

/* --- reading --- */

struct grant_read_arguments {
    struct read_arguments read;
    struct record_id grant;
};

enum status
method_grants_read(const struct method_context *context, struct wire_reader arguments,
                   struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(grant_read_arguments, grant, "grant", decode_grant_id, FIELD_REQUIRED),
        READ_FIELDS(grant_read_arguments),
    };
    struct grant_read_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct engine_record_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    status = engine_grant_read(context->worker, &request, &call.grant, &result, error);
    if (status == BEHALF_OK)
        status = result_put_record(out, "grant", RECORD_PREFIX_GRANT, &result.record, 1,
                                   context->arena, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}

struct grant_list_arguments {
    struct read_arguments read;
    struct engine_record_list list;
    bool of_session;
};

/* struct grant_list_arguments */
static enum status
decode_listed_session(struct decoder *decoder, void *into)
{
    struct grant_list_arguments *call = into;

    call->of_session = true;
    return decode_session_id(decoder, &call->list.session);
}

enum status
method_grants_list(const struct method_context *context, struct wire_reader arguments,
                   struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        {"session", 7, 0, decode_listed_session, FIELD_OPTIONAL},
        FIELD(grant_list_arguments, list.object, "agent", decode_resource, FIELD_OPTIONAL),
        FIELD(grant_list_arguments, list.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(grant_list_arguments, list.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(grant_list_arguments),
    };
    struct grant_list_arguments call = {.list.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    if (call.of_session == (call.list.object.type.size > 0))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "one of the arguments 'session' and 'agent' is needed");
    call.list.by = call.of_session ? LIST_GRANTS_OF_SESSION : LIST_GRANTS_OF_AGENT;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    return method_record_page(context, &request, &call.list, out, error);
}

static enum status
put_listed(struct buffer *out, enum record_list_by by, const struct engine_record *record,
           struct arena *arena, struct error *error)
{
    switch (by) {
    case LIST_SESSIONS_OF_PRINCIPAL:
    case LIST_SESSIONS_OF_AGENT:
        return result_put_record(out, "session", RECORD_PREFIX_SESSION, record, 0, arena, error);
    case LIST_GRANTS_OF_SESSION:
    case LIST_GRANTS_OF_AGENT:
        return result_put_record(out, "grant", RECORD_PREFIX_GRANT, record, 0, arena, error);
    case LIST_REQUESTS_OF_PRINCIPAL:
        return result_put_access_request(out, record, 0, arena, error);
    }
    BEHALF_UNREACHABLE();
}

enum status
method_record_page(const struct method_context *context, const struct engine_request *request,
                   const struct engine_record_list *list, struct buffer *out, struct error *error)
{
    static const char *const names[] = {
        [LIST_SESSIONS_OF_PRINCIPAL] = "sessions", [LIST_SESSIONS_OF_AGENT] = "sessions",
        [LIST_GRANTS_OF_SESSION] = "grants",       [LIST_GRANTS_OF_AGENT] = "grants",
        [LIST_REQUESTS_OF_PRINCIPAL] = "requests",
    };
    struct engine_record_list_result result;
    enum status status = engine_record_list(context->worker, request, list, &result, error);

    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 4);
    codec_put_text(out, slice_of(names[list->by]));
    codec_put_array(out, result.record_count);
    for (size_t index = 0; status == BEHALF_OK && index < result.record_count; index++)
        status = put_listed(out, list->by, &result.records[index], context->arena, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_literal(out, "complete");
    codec_put_bool(out, result.complete);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result.cursor);
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}
