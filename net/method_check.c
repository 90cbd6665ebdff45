/* method_check.c - check and check_bulk: the calls that loops answer themselves. */
#include "net/contexts.h"
#include "net/methods.h"
#include "net/results.h"

struct check_arguments {
    struct read_arguments read;
    struct check check;
    struct actors actors;
};

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
        FIELD(check_arguments, check.explain, "explain", decode_flag, FIELD_OPTIONAL),
        READ_FIELDS(check_arguments),
    };
    struct check_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct check_result result;
    struct check_item item;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    call.check.ahead = context->ahead;
    call.check.actors = call.actors.objects;
    call.check.actor_count = call.actors.count;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    status = engine_check(context->worker, &request, &call.check, &result, error);
    if (status != BEHALF_OK)
        return status;
    item = (struct check_item){.decision = result.decision,
                               .missing = result.missing,
                               .valid_until = result.valid_until,
                               .explanation = result.explanation};
    codec_put_map(out, 1 + result_item_pairs(&item));
    status = result_put_item(out, &item, context->arena, error);
    codec_put_text(out, SLICE_LITERAL("checked_at"));
    result_put_token(out, &result.checked_at);
    return status;
}

struct check_bulk_arguments {
    struct read_arguments read;
    struct checks checks;
};

enum status
method_check_bulk(const struct method_context *context, struct wire_reader arguments,
                  struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(check_bulk_arguments, checks, "items", decode_checks, FIELD_REQUIRED),
        READ_FIELDS(check_bulk_arguments),
    };
    struct check_bulk_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct check_bulk_result result;
    size_t mark = out->size;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
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
