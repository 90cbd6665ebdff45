/* method_request.c - access requests: made, approved, denied, cancelled, read and listed. */
#include "net/caller.h"
#include "net/denial.h"
#include "net/results.h"
#include "net/shapes_agents.h"

/* --- create --- */

struct request_create_arguments {
    struct write_options write;
    struct engine_new_access_request request;
    struct slice denial; /* sealed; empty = none */
    struct engine_denial opened;
};

/* The words of a denial over AuthZEN that asked for the same: the subject and the resource without
 * properties. */
static enum status
open_denial(const struct method_context *context, struct request_create_arguments *call,
            struct error *error)
{
    struct engine_new_access_request *request = &call->request;
    const struct authzen_words words = {
        .subject = {.type = request->principal.type, .id = request->principal.id},
        .resource = {.type = request->resource.type, .id = request->resource.id},
        .action = request->permission,
    };
    uint8_t digest[DIGEST_SIZE];

    if (call->denial.size == 0)
        return BEHALF_OK;
    denial_digest(slice_of(context->caller->name), &request->agent, 1, &words, digest);
    request->denial = &call->opened;
    return engine_denial_open(context->engine, call->denial, digest, &call->opened, error);
}

enum status
method_requests_create(const struct method_context *context, struct wire_reader arguments,
                       struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(request_create_arguments, request.principal, "principal", decode_resource,
              FIELD_REQUIRED),
        FIELD(request_create_arguments, request.agent, "agent", decode_resource, FIELD_REQUIRED),
        FIELD(request_create_arguments, request.resource, "resource", decode_resource,
              FIELD_REQUIRED),
        FIELD(request_create_arguments, request.permission, "permission", decode_relation_name,
              FIELD_REQUIRED),
        FIELD(request_create_arguments, denial, "denial", decode_text, FIELD_OPTIONAL),
        FIELD(request_create_arguments, request.requested, "requested", decode_requested,
              FIELD_OPTIONAL),
        FIELD(request_create_arguments, request.justification, "justification",
              decode_justification, FIELD_OPTIONAL),
        END_FIELDS(request_create_arguments, request.end),
        WRITE_FIELDS(request_create_arguments),
    };
    struct request_create_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status == BEHALF_OK)
        status = caller_check_bound(context->caller, &call->request.agent, "agent", error);
    if (status == BEHALF_OK)
        status = open_denial(context, call, error);
    if (status != BEHALF_OK)
        return status;
    method_write_begin(write, WRITE_REQUEST_CREATE, &call->write);
    write->new_access_request = &call->request;
    return BEHALF_OK;
}

/* --- approve --- */

struct request_approve_arguments {
    struct write_options write;
    struct engine_access_approval approval;
};

enum status
method_requests_approve(const struct method_context *context, struct wire_reader arguments,
                        struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(request_approve_arguments, approval.request, "request", decode_access_request_id,
              FIELD_REQUIRED),
        FIELD(request_approve_arguments, approval.grant.session, "session", decode_session_id,
              FIELD_REQUIRED),
        FIELD(request_approve_arguments, approval.grant.approval.approver, "approver",
              decode_resource, FIELD_REQUIRED),
        FIELD(request_approve_arguments, approval.grant.approval.channel, "channel", decode_name,
              FIELD_OPTIONAL),
        FIELD(request_approve_arguments, approval.grant.approval.evidence, "evidence",
              decode_evidence, FIELD_OPTIONAL),
        TERMS_FIELDS(request_approve_arguments, approval.grant.terms, FIELD_OPTIONAL),
        WRITE_FIELDS(request_approve_arguments),
    };
    struct request_approve_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status != BEHALF_OK)
        return status;
    method_write_begin(write, WRITE_REQUEST_APPROVE, &call->write);
    write->access_approval = &call->approval;
    return BEHALF_OK;
}

/* Of what was made, and of what was approved. */
void
method_request_written(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, write->has_grant ? 3 : 2);
    codec_put_literal(out, "request");
    result_put_id(out, &write->access_request, RECORD_PREFIX_REQUEST);
    if (write->has_grant) {
        codec_put_literal(out, "grant");
        result_put_id(out, &write->grant, RECORD_PREFIX_GRANT);
    }
    codec_put_literal(out, "written_at");
    result_put_token(out, &write->written_at);
}

/* --- deny, cancel --- */

struct request_close_arguments {
    struct write_options write;
    struct engine_access_refusal refusal;
};

static enum status
close_request(const struct method_context *context, struct wire_reader arguments,
              enum access_request_close close, struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(request_close_arguments, refusal.request, "request", decode_access_request_id,
              FIELD_REQUIRED),
        FIELD(request_close_arguments, refusal.reason, "reason", decode_reason, FIELD_REQUIRED),
        FIELD(request_close_arguments, refusal.approver, "approver", decode_resource,
              FIELD_OPTIONAL),
        WRITE_FIELDS(request_close_arguments),
    };
    struct request_close_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    if (status != BEHALF_OK)
        return status;
    call->refusal.close = close;
    method_write_begin(write, WRITE_REQUEST_CLOSE, &call->write);
    write->access_refusal = &call->refusal;
    return BEHALF_OK;
}

enum status
method_requests_deny(const struct method_context *context, struct wire_reader arguments,
                     struct engine_write *write, struct error *error)
{
    return close_request(context, arguments, ACCESS_REQUEST_DENY, write, error);
}

enum status
method_requests_cancel(const struct method_context *context, struct wire_reader arguments,
                       struct engine_write *write, struct error *error)
{
    return close_request(context, arguments, ACCESS_REQUEST_CANCEL, write, error);
}

/* --- reading --- */

struct request_read_arguments {
    struct read_arguments read;
    struct record_id request;
};

enum status
method_requests_read(const struct method_context *context, struct wire_reader arguments,
                     struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(request_read_arguments, request, "request", decode_access_request_id, FIELD_REQUIRED),
        READ_FIELDS(request_read_arguments),
    };
    struct request_read_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct engine_record_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    status = engine_access_request_read(context->worker, &request, &call.request, &result, error);
    if (status == BEHALF_OK)
        status = result_put_access_request(out, &result.record, 1, context->arena, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}

struct request_list_arguments {
    struct read_arguments read;
    struct engine_record_list list;
};

/* struct engine_record_list: two members of it. */
static enum status
decode_listed_status(struct decoder *decoder, void *into)
{
    struct engine_record_list *list = into;
    struct slice word = {NULL, 0};
    enum status status = decode_text(decoder, &word);

    if (status != BEHALF_OK)
        return status;
    list->has_status = true;
    for (int at = ACCESS_REQUEST_PENDING; at <= ACCESS_REQUEST_EXPIRED; at++) {
        list->status = (enum access_request_status)at;
        if (slice_equal(word, engine_access_request_word(list->status)))
            return BEHALF_OK;
    }
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          "must be pending, approved, denied, cancelled or expired");
}

enum status
method_requests_list(const struct method_context *context, struct wire_reader arguments,
                     struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(request_list_arguments, list.object, "principal", decode_resource, FIELD_REQUIRED),
        FIELD(request_list_arguments, list, "status", decode_listed_status, FIELD_OPTIONAL),
        FIELD(request_list_arguments, list.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(request_list_arguments, list.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(request_list_arguments),
    };
    struct request_list_arguments call = {
        .list = {.by = LIST_REQUESTS_OF_PRINCIPAL, .most_bytes = LIMIT_PAGE_BYTES}};
    struct engine_request request;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    return method_record_page(context, &request, &call.list, out, error);
}
