/* results.c - encoding of what several methods answer. */
#include "net/results.h"

#include "net/contexts.h"

void
result_put_error(struct buffer *out, const struct error *error)
{
    struct error unknown;
    size_t count = 3;

    if (BEHALF_UNLIKELY(error->status <= BEHALF_MUST_RECORD ||
                        error->status >= BEHALF_STATUS_COUNT)) {
        error_internal(&unknown, "an error has a reason", __FILE__, __LINE__, "status %d",
                       (int)error->status);
        error = &unknown;
    }
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
result_put_time(struct buffer *out, int64_t time_ns)
{
    if (time_ns == 0)
        codec_put_nil(out);
    else
        codec_put_time(out, time_ns);
}

void
result_put_missing(struct buffer *out, const struct missing_context *missing)
{
    codec_put_text(out, SLICE_LITERAL("missing"));
    codec_put_array(out, missing->count);
    for (size_t index = 0; index < missing->count; index++)
        codec_put_text(out, missing->names[index]);
}

size_t
result_delegated_pairs(enum engine_reason reason, const struct record_id_text *decision_id)
{
    return (size_t)(reason != REASON_NONE) + (decision_id->text[0] != '\0');
}

void
result_put_delegated(struct buffer *out, enum engine_reason reason,
                     const struct record_id_text *decision_id)
{
    if (reason != REASON_NONE) {
        codec_put_text(out, SLICE_LITERAL("reason"));
        codec_put_text(out, engine_reason_word(reason));
    }
    if (decision_id->text[0] != '\0') {
        codec_put_text(out, SLICE_LITERAL("decision_id"));
        codec_put_text(out, slice_of(decision_id->text));
    }
}

size_t
result_item_pairs(const struct check_item *item)
{
    if (item->status != BEHALF_OK)
        return 1;
    return 2 + (size_t)(item->decision == DECISION_CONDITIONAL) + (item->explanation != NULL) +
           result_delegated_pairs(item->reason, &item->decision_id);
}

enum status
result_put_item(struct buffer *out, const struct check_item *item, struct arena *arena,
                struct error *error)
{
    if (item->status != BEHALF_OK) {
        codec_put_text(out, SLICE_LITERAL("error"));
        result_put_error(out, item->error);
        return BEHALF_OK;
    }
    codec_put_text(out, SLICE_LITERAL("decision"));
    result_put_decision(out, item->decision);
    if (BEHALF_UNLIKELY(result_delegated_pairs(item->reason, &item->decision_id) > 0))
        result_put_delegated(out, item->reason, &item->decision_id);
    if (item->decision == DECISION_CONDITIONAL)
        result_put_missing(out, &item->missing);
    codec_put_text(out, SLICE_LITERAL("valid_until"));
    result_put_time(out, item->valid_until);
    if (item->explanation == NULL)
        return BEHALF_OK;
    codec_put_text(out, SLICE_LITERAL("trace"));
    return result_put_trace(out, item->explanation, arena, error);
}

/* --- relationships and their conditions --- */

enum status
result_put_context(struct buffer *out, struct slice bytes, struct error *error)
{
    const struct datum *context = NULL;
    struct arena arena;
    enum status status;

    arena_init(&arena, LIMIT_CHECK_ARENA);
    status = datum_decode(bytes, &arena, &context, error);
    if (status == BEHALF_OK)
        context_put(out, context);
    arena_release(&arena);
    return status;
}

size_t
result_condition_pairs(const struct expand_condition *condition)
{
    return (size_t)(condition->caveat.size > 0) + (condition->expires_at != 0);
}

enum status
result_put_condition(struct buffer *out, const struct expand_condition *condition,
                     struct error *error)
{
    enum status status = BEHALF_OK;

    if (condition->expires_at != 0) {
        codec_put_literal(out, "expires_at");
        codec_put_time(out, condition->expires_at);
    }
    if (condition->caveat.size == 0)
        return BEHALF_OK;
    codec_put_literal(out, "caveat");
    codec_put_map(out, condition->context.size > 0 ? 2 : 1);
    codec_put_literal(out, "name");
    codec_put_text(out, condition->caveat);
    if (condition->context.size > 0) {
        codec_put_literal(out, "context");
        status = result_put_context(out, condition->context, error);
    }
    return status;
}

static void
put_object_map(struct buffer *out, const struct object *object, bool with_relation)
{
    with_relation = with_relation && object->relation.size > 0;
    codec_put_map(out, with_relation ? 3 : 2);
    codec_put_literal(out, "type");
    codec_put_text(out, object->type);
    if (object->wildcard) {
        codec_put_literal(out, "wildcard");
        codec_put_bool(out, true);
    } else {
        codec_put_literal(out, "id");
        codec_put_text(out, object->id);
    }
    if (with_relation) {
        codec_put_literal(out, "relation");
        codec_put_text(out, object->relation);
    }
}

enum status
result_put_relationship(struct buffer *out, const struct relationship *relationship,
                        struct buffer *scratch, struct error *error)
{
    struct expand_condition condition = {relationship->caveat, relationship->context,
                                         relationship->expires_at};
    size_t pairs = result_condition_pairs(&condition);

    if (pairs == 0) {
        buffer_clear(scratch);
        relationship_print(relationship, scratch);
        codec_put_text(out, buffer_slice(scratch));
        return BEHALF_OK;
    }
    codec_put_map(out, 3 + pairs);
    codec_put_literal(out, "resource");
    put_object_map(out, &relationship->resource, false);
    codec_put_literal(out, "relation");
    codec_put_text(out, relationship->resource.relation);
    codec_put_literal(out, "subject");
    put_object_map(out, &relationship->subject, true);
    return result_put_condition(out, &condition, error);
}
