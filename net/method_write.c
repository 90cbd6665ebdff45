/* method_write.c - relationships: writing, deleting, reading. */
#include "net/caller.h"
#include "net/results.h"

struct write_arguments {
    struct updates updates;
    struct preconditions preconditions;
    struct slice metadata;
    struct slice idempotency_key;
    uint32_t deadline_ms; /* see method_deadline_ns; here it is only looked at */
};

/* Preconditions too: what holds outside of the scope is not the caller's to learn. */
static enum status
check_preconditions(const struct key *caller, const struct preconditions *preconditions,
                    struct error *error)
{
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && at < preconditions->count; at++) {
        const struct relationship_filter *filter = &preconditions->items[at].filter;

        status = caller_check_write(caller, filter->resource_type, filter->relation, error);
    }
    return status;
}

static enum status
check_updates(const struct key *caller, const struct updates *updates, struct error *error)
{
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && at < updates->count; at++) {
        const struct object *resource = &updates->items[at].relationship.resource;

        status = caller_check_write(caller, resource->type, resource->relation, error);
        if (status != BEHALF_OK)
            error_index(error, at);
    }
    return status;
}

enum status
method_relationships_write(const struct method_context *context, struct wire_reader arguments,
                           struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(write_arguments, updates, "updates", decode_updates, FIELD_REQUIRED),
        FIELD(write_arguments, preconditions, "preconditions", decode_preconditions,
              FIELD_OPTIONAL),
        FIELD(write_arguments, metadata, "metadata", decode_metadata, FIELD_OPTIONAL),
        FIELD(write_arguments, idempotency_key, "idempotency_key", decode_idempotency_key,
              FIELD_OPTIONAL),
        FIELD(write_arguments, deadline_ms, "deadline_ms", decode_deadline, FIELD_OPTIONAL),
    };
    struct write_arguments call = {.metadata = {NULL, 0}};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK && BEHALF_UNLIKELY(context->caller->scope_count > 0)) {
        status = check_updates(context->caller, &call.updates, error);
        if (status == BEHALF_OK)
            status = check_preconditions(context->caller, &call.preconditions, error);
    }
    if (status != BEHALF_OK)
        return status;
    write->kind = WRITE_RELATIONSHIPS;
    write->updates = call.updates.items;
    write->update_count = call.updates.count;
    write->preconditions = call.preconditions.items;
    write->precondition_count = call.preconditions.count;
    write->metadata = call.metadata;
    write->idempotency_key = call.idempotency_key;
    return BEHALF_OK;
}

void
method_relationships_written(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, 2);
    codec_put_literal(out, "written_at");
    result_put_token(out, &write->written_at);
    codec_put_literal(out, "deleted");
    if (write->repeated)
        codec_put_nil(out);
    else
        codec_put_unsigned(out, write->count);
}

struct delete_arguments {
    struct relationship_filter filter;
    struct preconditions preconditions;
    uint32_t limit;
    uint32_t deadline_ms;
};

enum status
method_relationships_delete(const struct method_context *context, struct wire_reader arguments,
                            struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(delete_arguments, filter, "filter", decode_filter, FIELD_REQUIRED),
        FIELD(delete_arguments, preconditions, "preconditions", decode_preconditions,
              FIELD_OPTIONAL),
        FIELD(delete_arguments, limit, "limit", decode_delete_limit, FIELD_OPTIONAL),
        FIELD(delete_arguments, deadline_ms, "deadline_ms", decode_deadline, FIELD_OPTIONAL),
    };
    struct delete_arguments call = {.limit = 0};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = caller_check_write(context->caller, call.filter.resource_type,
                                    call.filter.relation, error);
    if (status == BEHALF_OK)
        status = check_preconditions(context->caller, &call.preconditions, error);
    if (status != BEHALF_OK)
        return status;
    write->kind = WRITE_DELETE;
    write->filter = call.filter;
    write->limit = call.limit;
    write->preconditions = call.preconditions.items;
    write->precondition_count = call.preconditions.count;
    return BEHALF_OK;
}

void
method_relationships_deleted(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, 3);
    codec_put_literal(out, "deleted_at");
    result_put_token(out, &write->written_at);
    codec_put_literal(out, "count");
    codec_put_unsigned(out, write->count);
    codec_put_literal(out, "complete");
    codec_put_bool(out, write->complete);
}

struct read_relationships_arguments {
    struct read_arguments read;
    struct relationships_read relationships;
};

enum status
method_relationships_read(const struct method_context *context, struct wire_reader arguments,
                          struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(read_relationships_arguments, relationships.filter, "filter", decode_filter,
              FIELD_REQUIRED),
        FIELD(read_relationships_arguments, relationships.limit, "limit", decode_page_limit,
              FIELD_OPTIONAL),
        FIELD(read_relationships_arguments, relationships.cursor, "cursor", decode_cursor,
              FIELD_OPTIONAL),
        READ_FIELDS(read_relationships_arguments),
    };
    struct read_relationships_arguments call = {.relationships.most_bytes = LIMIT_PAGE_BYTES};
    struct engine_request request;
    struct relationships_read_result result;
    struct buffer text;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status =
        engine_relationships_read(context->worker, &request, &call.relationships, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 4);
    codec_put_literal(out, "relationships");
    codec_put_array(out, result.relationship_count);
    buffer_init(&text);
    for (size_t index = 0; status == BEHALF_OK && index < result.relationship_count; index++)
        status = result_put_relationship(out, &result.relationships[index], &text, error);
    buffer_release(&text);
    codec_put_literal(out, "complete");
    codec_put_bool(out, result.complete);
    codec_put_literal(out, "cursor");
    result_put_cursor(out, &result.cursor);
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return status;
}
