/* method_session.c - sessions: created, changed, read. */
#include "net/methods.h"
#include "net/results.h"
#include "net/shapes_agents.h"

/* --- writing --- */

struct session_create_arguments {
    struct write_options write;
    struct engine_new_session session;
};

/* struct engine_new_session: two members of it. */
static enum status
decode_idle_timeout(struct decoder *decoder, void *into)
{
    struct engine_new_session *session = into;

    session->has_idle_timeout = true;
    return decode_u32(decoder, &session->idle_timeout_s);
}

enum status
method_sessions_create(const struct method_context *context, struct wire_reader arguments,
                       struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(session_create_arguments, session.principal, "principal", decode_resource,
              FIELD_REQUIRED),
        FIELD(session_create_arguments, session.agent, "agent", decode_resource, FIELD_REQUIRED),
        FIELD(session_create_arguments, session.client, "client", decode_client, FIELD_OPTIONAL),
        END_FIELDS(session_create_arguments, session.end),
        FIELD(session_create_arguments, session, "idle_timeout_s", decode_idle_timeout,
              FIELD_OPTIONAL),
        FIELD(session_create_arguments, session.evidence, "evidence", decode_evidence,
              FIELD_OPTIONAL),
        FIELD(session_create_arguments, session.grant, "grant", decode_new_grant, FIELD_OPTIONAL),
        WRITE_FIELDS(session_create_arguments),
    };
    struct session_create_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status != BEHALF_OK)
        return status;
    if (!end_is_given(&call->session.end))
        return error_set(error, BEHALF_MALFORMED_REQUEST, MESSAGE_NO_END);
    method_write_begin(write, WRITE_SESSION_CREATE, &call->write);
    write->new_session = &call->session;
    return BEHALF_OK;
}

void
method_session_made(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, write->has_grant ? 3 : 2);
    codec_put_literal(out, "session");
    result_put_id(out, &write->session, RECORD_PREFIX_SESSION);
    if (write->has_grant) {
        codec_put_literal(out, "grant");
        result_put_id(out, &write->grant, RECORD_PREFIX_GRANT);
    }
    codec_put_literal(out, "written_at");
    result_put_token(out, &write->written_at);
}

struct session_change_arguments {
    struct write_options write;
    struct engine_session_change change;
};

static enum status
change_session(const struct method_context *context, struct wire_reader arguments,
               enum session_change change, struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(session_change_arguments, change.session, "session", decode_session_id,
              FIELD_REQUIRED),
        FIELD(session_change_arguments, change.reason, "reason", decode_reason, FIELD_REQUIRED),
        WRITE_FIELDS(session_change_arguments),
    };
    struct session_change_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status != BEHALF_OK)
        return status;
    call->change.change = change;
    method_write_begin(write, WRITE_SESSION_CHANGE, &call->write);
    write->session_change = &call->change;
    return BEHALF_OK;
}

enum status
method_sessions_suspend(const struct method_context *context, struct wire_reader arguments,
                        struct engine_write *write, struct error *error)
{
    return change_session(context, arguments, SESSION_SUSPEND, write, error);
}

enum status
method_sessions_resume(const struct method_context *context, struct wire_reader arguments,
                       struct engine_write *write, struct error *error)
{
    return change_session(context, arguments, SESSION_RESUME, write, error);
}

enum status
method_sessions_revoke(const struct method_context *context, struct wire_reader arguments,
                       struct engine_write *write, struct error *error)
{
    return change_session(context, arguments, SESSION_REVOKE, write, error);
}

void
method_record_written(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, 1);
    codec_put_literal(out, "written_at");
    result_put_token(out, &write->written_at);
}

/* --- reading --- */

struct session_read_arguments {
    struct read_arguments read;
    struct record_id session;
};

enum status
method_sessions_read(const struct method_context *context, struct wire_reader arguments,
                     struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(session_read_arguments, session, "session", decode_session_id, FIELD_REQUIRED),
        READ_FIELDS(session_read_arguments),
    };
    struct session_read_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct engine_record_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    status = engine_session_read(context->worker, &request, &call.session, &result, error);
    if (status == BEHALF_OK)
        status = result_put_record(out, "session", RECORD_PREFIX_SESSION, &result.record, 1,
                                   context->arena, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}

struct session_list_arguments {
    struct read_arguments read;
    struct engine_record_list list;
    struct object principal;
    struct object agent;
};

enum status
method_sessions_list(const struct method_context *context, struct wire_reader arguments,
                     struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(session_list_arguments, principal, "principal", decode_resource, FIELD_OPTIONAL),
        FIELD(session_list_arguments, agent, "agent", decode_resource, FIELD_OPTIONAL),
        FIELD(session_list_arguments, list.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(session_list_arguments, list.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(session_list_arguments),
    };
    struct session_list_arguments call = {.list.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    bool of_principal;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    of_principal = call.principal.type.size > 0;
    if (of_principal == (call.agent.type.size > 0))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "one of the arguments 'principal' and 'agent' is needed");
    call.list.by = of_principal ? LIST_SESSIONS_OF_PRINCIPAL : LIST_SESSIONS_OF_AGENT;
    call.list.object = of_principal ? call.principal : call.agent;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    return method_record_page(context, &request, &call.list, out, error);
}
