/* method_attributes.c - attributes of objects, written and read. */
#include "net/contexts.h"
#include "net/caller.h"
#include "net/results.h"

/* --- writing --- */

static enum status
decode_op(struct decoder *decoder, void *into)
{
    static const char *const names[] = {
        [ATTRIBUTES_SET] = "set",
        [ATTRIBUTES_MERGE] = "merge",
        [ATTRIBUTES_DELETE] = "delete",
    };
    size_t place = ATTRIBUTES_SET;
    enum status status = decode_word(decoder, names, BEHALF_COUNT_OF(names),
                                     "must be \"set\", \"merge\" or \"delete\"", &place);

    *(enum attributes_op *)into = (enum attributes_op)place;
    return status;
}

static enum status
decode_update(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(engine_attributes_update, object, "object", decode_resource, FIELD_REQUIRED),
        FIELD(engine_attributes_update, op, "op", decode_op, FIELD_REQUIRED),
        FIELD(engine_attributes_update, attributes, "attributes", decode_context, FIELD_OPTIONAL),
    };
    const struct engine_attributes_update *update = into;
    enum status status = DECODE_MAP(decoder, fields, into, NULL);

    if (status != BEHALF_OK || (update->attributes == NULL) == (update->op == ATTRIBUTES_DELETE))
        return status;
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          update->attributes == NULL ? "the argument 'attributes' is missing"
                                                     : "a delete takes no 'attributes'");
}

/* Into a struct engine_attributes_write. */
static enum status
decode_attribute_updates(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = ENGINE_ATTRIBUTE_UPDATES_MAX,
        .too_many = BEHALF_TOO_MANY_UPDATES_IN_REQUEST,
        .element_size = sizeof(struct engine_attributes_update),
        .decode = decode_update,
    };
    struct engine_attributes_write *attributes = into;
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, &attributes->update_count);

    attributes->updates = items;
    return status;
}

struct attributes_write_arguments {
    struct write_options write;
    struct engine_attributes_write attributes;
};

enum status
method_attributes_write(const struct method_context *context, struct wire_reader arguments,
                        struct engine_write *write, struct error *error)
{
    static const struct field fields[] = {
        FIELD(attributes_write_arguments, attributes, "updates", decode_attribute_updates,
              FIELD_REQUIRED),
        WRITE_FIELDS(attributes_write_arguments),
    };
    struct attributes_write_arguments *call = method_take(context, sizeof *call, error);
    enum status status;

    if (call == NULL)
        return BEHALF_BUDGET_EXHAUSTED;
    status = METHOD_DECODE(context, arguments, fields, call, error);
    for (size_t at = 0; status == BEHALF_OK && at < call->attributes.update_count; at++)
        status = caller_check_write(context->caller, call->attributes.updates[at].object.type,
                                    (struct slice){NULL, 0}, error);
    if (status != BEHALF_OK)
        return status;
    method_write_begin(write, WRITE_ATTRIBUTES, &call->write);
    write->attributes = &call->attributes;
    return BEHALF_OK;
}

/* --- reading --- */

struct attributes_read_arguments {
    struct read_arguments read;
    struct object object;
};

enum status
method_attributes_read(const struct method_context *context, struct wire_reader arguments,
                       struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(attributes_read_arguments, object, "object", decode_resource, FIELD_REQUIRED),
        READ_FIELDS(attributes_read_arguments),
    };
    struct attributes_read_arguments call = {.read.deadline_ms = 0};
    struct engine_request request;
    struct engine_attributes_result result;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status != BEHALF_OK)
        return status;
    request = method_request(context, &call.read, LIMIT_CHECK_DEADLINE_MS);
    status = engine_attributes_read(context->worker, &request, &call.object, &result, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2);
    codec_put_literal(out, "attributes");
    if (result.attributes != NULL)
        context_put(out, result.attributes);
    else
        codec_put_map(out, 0);
    codec_put_literal(out, "read_at");
    result_put_token(out, &result.read_at);
    return BEHALF_OK;
}
