/* method_history.c - what changed for an object, page by page. */
#include "net/methods.h"
#include "net/results.h"
#include "net/results_watch.h"

struct history_arguments {
    struct read_arguments read;
    struct history history;
};

enum status
method_relationships_history(const struct method_context *context, struct wire_reader arguments,
                             struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(history_arguments, history.object, "object", decode_resource, FIELD_REQUIRED),
        FIELD(history_arguments, history.limit, "limit", decode_page_limit, FIELD_OPTIONAL),
        FIELD(history_arguments, history.cursor, "cursor", decode_cursor, FIELD_OPTIONAL),
        READ_FIELDS(history_arguments),
    };
    struct history_arguments call = {.history.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    struct history_result result;
    struct buffer text;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status = engine_history(context->worker, &request, &call.history, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 5);
    codec_put_literal(out, "revisions");
    codec_put_array(out, result.message_count);
    buffer_init(&text);
    for (uint32_t at = 0; status == BEHALF_OK && at < result.message_count; at++)
        status = result_put_changes(out, 0, &result.messages[at], &text, error);
    buffer_release(&text);
    codec_put_literal(out, "retained_from");
    codec_put_unsigned(out, result.retained_from);
    codec_put_literal(out, "complete");
    codec_put_bool(out, result.complete);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result.cursor);
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return status;
}
