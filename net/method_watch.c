/* method_watch.c - streams are opened, given credit and ended. */
#include "net/methods.h"
#include "net/results.h"
#include "net/stream.h"

static enum status
decode_bytes(struct decoder *decoder, void *into)
{
    return decode_number(decoder, LIMIT_STREAM_CREDIT, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         into);
}

static enum status
decode_stream(struct decoder *decoder, void *into)
{
    return decode_number(decoder, UINT64_MAX, BEHALF_MALFORMED_REQUEST, into);
}

static enum status
decode_from(struct decoder *decoder, void *into)
{
    const struct slice *token = into;
    enum status status = decode_text(decoder, into);

    if (status == BEHALF_OK && token->size > LIMIT_TOKEN)
        return decoder_refuse(decoder, BEHALF_UNKNOWN_TOKEN, "no token is so long");
    return status;
}

/* Requests that come without one cannot be sent anything later. */
static enum status
check_connection(const struct method_context *context, struct error *error)
{
    return context->connection != NULL
               ? BEHALF_OK
               : error_set(error, BEHALF_MALFORMED_REQUEST, "a stream needs a connection");
}

/* --- watch --- */

struct watch_filter {
    bool given;
    struct relationship_filter words;
};

struct watch_arguments {
    struct slice from;
    struct watch_filter filter;
    uint64_t credit;
};

static enum status
decode_watch_filter(struct decoder *decoder, void *into)
{
    struct watch_filter *filter = into;

    filter->given = true;
    return decode_filter(decoder, &filter->words);
}

enum status
method_watch(const struct method_context *context, struct wire_reader arguments, struct buffer *out,
             struct error *error)
{
    static const struct field fields[] = {
        FIELD(watch_arguments, from, "from", decode_from, FIELD_OPTIONAL),
        FIELD(watch_arguments, filter, "filter", decode_watch_filter, FIELD_OPTIONAL),
        FIELD(watch_arguments, credit, "credit", decode_bytes, FIELD_OPTIONAL),
    };
    struct watch_arguments call = {.credit = LIMIT_STREAM_CREDIT_DEFAULT};
    struct stream_opening opening;
    struct engine_token token;
    uint64_t id = 0;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = check_connection(context, error);
    if (status != BEHALF_OK)
        return status;
    opening = (struct stream_opening){
        .from = call.from,
        .filter = call.filter.given ? &call.filter.words : NULL,
        .credit = call.credit,
    };
    status = stream_open(context->connection, &opening, &id, &token, error);
    if (status != BEHALF_OK)
        return status;
    codec_put_map(out, 2);
    codec_put_literal(out, "stream");
    codec_put_unsigned(out, id);
    codec_put_literal(out, "token");
    result_put_token(out, &token);
    return BEHALF_OK;
}

/* --- watch.credit, watch.end --- */

struct stream_arguments {
    uint64_t stream;
    uint64_t bytes;
};

static void
put_open(struct buffer *out, bool open)
{
    codec_put_map(out, 1);
    codec_put_literal(out, "open");
    codec_put_bool(out, open);
}

enum status
method_watch_credit(const struct method_context *context, struct wire_reader arguments,
                    struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(stream_arguments, stream, "stream", decode_stream, FIELD_REQUIRED),
        FIELD(stream_arguments, bytes, "bytes", decode_bytes, FIELD_REQUIRED),
    };
    struct stream_arguments call = {.stream = 0};
    bool open = false;
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = check_connection(context, error);
    if (status != BEHALF_OK)
        return status;
    status = stream_give_credit(context->connection, call.stream, call.bytes, &open, error);
    if (status == BEHALF_OK)
        put_open(out, open);
    return status;
}

enum status
method_watch_end(const struct method_context *context, struct wire_reader arguments,
                 struct buffer *out, struct error *error)
{
    static const struct field fields[] = {
        FIELD(stream_arguments, stream, "stream", decode_stream, FIELD_REQUIRED),
    };
    struct stream_arguments call = {.stream = 0};
    enum status status = METHOD_DECODE(context, arguments, fields, &call, error);

    if (status == BEHALF_OK)
        status = check_connection(context, error);
    if (status != BEHALF_OK)
        return status;
    put_open(out, stream_stop(context->connection, call.stream));
    return BEHALF_OK;
}
