/* method_schema.c - writing and reading the schema. */
#include "net/methods.h"
#include "net/results.h"

struct schema_write_arguments {
    struct slice text;
    uint32_t deadline_ms;
};

enum status
method_schema_write(const struct method_context *context, struct wire_reader arguments,
                    struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(schema_write_arguments, text, "text", decode_schema_text, FIELD_REQUIRED),
        FIELD(schema_write_arguments, deadline_ms, "deadline_ms", decode_deadline, FIELD_OPTIONAL),
    };
    struct schema_write_arguments call = {.text = {NULL, 0}};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    write->kind = WRITE_SCHEMA;
    write->schema_text = call.text;
    return BEHALF_OK;
}

void
method_schema_written(const struct engine_write *write, struct buffer *out)
{
    codec_put_map(out, 2);
    codec_put_literal(out, "revision");
    codec_put_unsigned(out, write->revision);
    codec_put_literal(out, "written_at");
    result_put_token(out, &write->written_at);
}

struct schema_read_arguments {
    struct read_arguments read;
};

enum status
method_schema_read(const struct method_context *context, struct wire_reader arguments,
                   struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        READ_FIELDS(schema_read_arguments),
    };
    struct schema_read_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct schema_read_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_LOOKUP_DEADLINE_MS);
    status = engine_schema_read(context->worker, &request, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2);
    codec_put_literal(out, "text");
    codec_put_text(out, result.text);
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}
