/* results.c - encoding of what several methods answer. */
#include "net/results.h"

void
result_put_error(struct buffer *out, const struct error *error)
{
    size_t count = 3;

    BEHALF_ASSERT(error->status > BEHALF_WOULD_BLOCK && error->status < BEHALF_STATUS_COUNT);
    count += error->hint[0] != '\0';
    count += error->line > 0;
    count += error->index != ERROR_NO_INDEX;
    count += error->retry_after_ms > 0;
    codec_put_map(out, count);
    codec_put_literal(out, "code");
    codec_put_literal(out, status_code(error->status));
    codec_put_literal(out, "reason");
    codec_put_literal(out, status_name(error->status));
    codec_put_literal(out, "message");
    codec_put_message(
        out, slice_of(error->message[0] != '\0' ? error->message : status_text(error->status)));
    if (error->hint[0] != '\0') {
        codec_put_literal(out, "hint");
        codec_put_message(out, slice_of(error->hint));
    }
    if (error->line > 0) {
        codec_put_literal(out, "at");
        codec_put_map(out, 3);
        codec_put_literal(out, "line");
        codec_put_unsigned(out, error->line);
        codec_put_literal(out, "column");
        codec_put_unsigned(out, error->column);
        codec_put_literal(out, "text");
        codec_put_message(out, slice_of(error->text));
    }
    if (error->index != ERROR_NO_INDEX) {
        codec_put_literal(out, "index");
        codec_put_unsigned(out, (uint64_t)error->index);
    }
    if (error->retry_after_ms > 0) {
        codec_put_literal(out, "retry_after_ms");
        codec_put_unsigned(out, error->retry_after_ms);
    }
}

void
result_put_decision(struct buffer *out, enum decision decision)
{
    switch (decision) {
    case DECISION_DENY:
        codec_put_text(out, SLICE_LITERAL("deny"));
        return;
    case DECISION_CONDITIONAL:
        codec_put_text(out, SLICE_LITERAL("conditional"));
        return;
    case DECISION_ALLOW:
        codec_put_text(out, SLICE_LITERAL("allow"));
        return;
    }
    BEHALF_UNREACHABLE();
}

void
result_put_token(struct buffer *out, const struct engine_token *token)
{
    codec_put_text(out, slice_of(token->text));
}

void
result_put_cursor(struct buffer *out, const struct engine_token *cursor)
{
    if (cursor->text[0] == '\0')
        codec_put_nil(out);
    else
        codec_put_text(out, slice_of(cursor->text));
}

void
result_put_object(struct buffer *out, const struct object *object, struct buffer *scratch)
{
    buffer_clear(scratch);
    object_print(object, scratch);
    codec_put_text(out, buffer_slice(scratch));
}

void
result_put_item(struct buffer *out, const struct check_item *item)
{
    if (item->status == BEHALF_OK) {
        codec_put_text(out, SLICE_LITERAL("decision"));
        result_put_decision(out, item->decision);
    } else {
        codec_put_text(out, SLICE_LITERAL("error"));
        result_put_error(out, item->error);
    }
}
