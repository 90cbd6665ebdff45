/* contexts.c - values for conditions, from and to MessagePack. */
#include "net/contexts.h"

#include <math.h>

#include "base/utf8.h"

static enum status
cut_short(struct decoder *decoder)
{
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
}

/* Recursion: as deep as the path may be long. */
static enum status decode_value(struct decoder *decoder, size_t depth, struct datum *datum);

/* --- lists and maps --- */

static enum status
too_deep(struct decoder *decoder)
{
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          "lists and maps are nested too deep here");
}

static enum status
decode_items(struct decoder *decoder, uint64_t count, size_t depth, struct datum *datum)
{
    static const struct slice unnamed = {NULL, 0};
    bool in_list = decoder->path[decoder->depth - 1].index != ERROR_NO_INDEX;
    const struct datum **items;
    struct datum *data;
    enum status status = BEHALF_OK;

    if (count > (uint64_t)(decoder->reader.end - decoder->reader.at))
        return cut_short(decoder);
    items = arena_take_array(decoder->arena, (size_t)count, sizeof *items);
    data = arena_take_array(decoder->arena, (size_t)count, sizeof *data);
    if (items == NULL || data == NULL)
        return decoder_no_memory(decoder);
    /* A step of the path has one index: that of the list around this one. */
    if (in_list && !decoder_enter(decoder, unnamed))
        return too_deep(decoder);
    for (size_t index = 0; index < count && status == BEHALF_OK; index++) {
        decoder_element(decoder, index);
        items[index] = &data[index];
        status = decode_value(decoder, depth + 1, &data[index]);
    }
    if (status != BEHALF_OK)
        return status;
    decoder_elements_end(decoder);
    if (in_list)
        decoder_leave(decoder);
    datum->kind = DATUM_LIST;
    datum->as.list.items = items;
    datum->as.list.count = (size_t)count;
    return BEHALF_OK;
}

static enum status
decode_key(struct decoder *decoder, struct slice *key)
{
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_TEXT, "a map with strings as keys", &value);

    if (status != BEHALF_OK)
        return status;
    if (value.bytes.size > 0 && memchr(value.bytes.data, '\0', value.bytes.size) != NULL)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "a key has a NUL in it");
    if (!utf8_is_valid(value.bytes.data, value.bytes.size))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "a key is not UTF-8");
    *key = value.bytes;
    return BEHALF_OK;
}

static enum status
decode_fields(struct decoder *decoder, uint64_t count, size_t depth, struct datum *datum)
{
    struct datum_field *fields;
    struct datum *data;
    struct slice twice = {NULL, 0};

    if (count > (uint64_t)(decoder->reader.end - decoder->reader.at) / 2)
        return cut_short(decoder);
    fields = arena_take_array(decoder->arena, (size_t)count, sizeof *fields);
    data = arena_take_array(decoder->arena, (size_t)count, sizeof *data);
    if (fields == NULL || data == NULL)
        return decoder_no_memory(decoder);
    for (size_t index = 0; index < count; index++) {
        enum status status = decode_key(decoder, &fields[index].key);

        if (status != BEHALF_OK)
            return status;
        if (!decoder_enter(decoder, fields[index].key))
            return too_deep(decoder);
        fields[index].value = &data[index];
        status = decode_value(decoder, depth + 1, &data[index]);
        if (status != BEHALF_OK)
            return status;
        decoder_leave(decoder);
    }
    if (!datum_sort_fields(fields, (size_t)count, &twice))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the key '%.*s' stands twice",
                              twice.size < 64 ? (int)twice.size : 64, twice.data);
    datum->kind = DATUM_MAP;
    datum->as.map.fields = fields;
    datum->as.map.count = (size_t)count;
    return BEHALF_OK;
}

/* --- values --- */

static enum status
decode_float(struct decoder *decoder, uint64_t bits, struct datum *datum)
{
    datum->kind = DATUM_DOUBLE;
    memcpy(&datum->as.real, &bits, sizeof bits);
    if (!isfinite(datum->as.real))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the number is not finite");
    return BEHALF_OK;
}

static enum status
decode_integer(const struct wire_value *value, struct datum *datum)
{
    datum->kind = DATUM_INT;
    datum->as.integer = (int64_t)value->number;
    if (value->kind == VALUE_UNSIGNED && value->number > INT64_MAX) {
        datum->kind = DATUM_DOUBLE;
        datum->as.real = (double)value->number;
    }
    return BEHALF_OK;
}

static enum status
decode_string(struct decoder *decoder, struct slice text, struct datum *datum)
{
    datum->kind = DATUM_STRING;
    datum->as.string = text;
    if (!utf8_is_valid(text.data, text.size))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the string is not UTF-8");
    return BEHALF_OK;
}

static enum status
decode_value(struct decoder *decoder, size_t depth, struct datum *datum)
{
    struct wire_value value;

    if (!reader_next(&decoder->reader, &value))
        return cut_short(decoder);
    switch (value.kind) {
    case VALUE_NIL:
        datum->kind = DATUM_NULL;
        return BEHALF_OK;
    case VALUE_BOOL:
        datum->kind = DATUM_BOOL;
        datum->as.boolean = value.number != 0;
        return BEHALF_OK;
    case VALUE_UNSIGNED:
    case VALUE_NEGATIVE:
        return decode_integer(&value, datum);
    case VALUE_FLOAT:
        return decode_float(decoder, value.number, datum);
    case VALUE_TEXT:
        return decode_string(decoder, value.bytes, datum);
    case VALUE_BINARY:
        return decoder_mismatch(decoder, &value, "something that JSON can say");
    case VALUE_ARRAY:
        return depth == DATUM_DEPTH_MAX ? too_deep(decoder)
                                        : decode_items(decoder, value.number, depth, datum);
    case VALUE_MAP:
        return depth == DATUM_DEPTH_MAX ? too_deep(decoder)
                                        : decode_fields(decoder, value.number, depth, datum);
    }
    BEHALF_UNREACHABLE();
}

/* --- whole contexts --- */

/* `too_large` is the status of one beyond LIMIT_CONTEXT. */
static enum status
decode_whole(struct decoder *decoder, enum status too_large, const struct datum **context)
{
    struct wire_reader peek = decoder->reader;
    struct slice raw = {NULL, 0};
    struct wire_value value;
    struct datum *datum;
    enum status status;

    if (reader_next(&peek, &value) && value.kind != VALUE_MAP)
        return decoder_mismatch(decoder, &value, "a map");
    peek = decoder->reader;
    if (!reader_skip(&peek, &raw))
        return cut_short(decoder);
    if (raw.size > LIMIT_CONTEXT)
        return decoder_refuse(decoder, too_large, "%zu bytes; at most %zu are allowed", raw.size,
                              LIMIT_CONTEXT);
    datum = arena_take(decoder->arena, sizeof *datum);
    if (datum == NULL)
        return decoder_no_memory(decoder);
    status = decode_value(decoder, 0, datum);
    if (status == BEHALF_OK)
        *context = datum;
    return status;
}

enum status
decode_context(struct decoder *decoder, void *into)
{
    return decode_whole(decoder, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, into);
}

static enum status
keep_encoded(struct decoder *decoder, const struct datum *datum, struct slice *context)
{
    struct buffer bytes;

    buffer_init(&bytes);
    datum_encode(datum, &bytes);
    *context = arena_copy(decoder->arena, buffer_slice(&bytes));
    buffer_release(&bytes);
    return context->data == NULL ? decoder_no_memory(decoder) : BEHALF_OK;
}

/* The data is needed for its bytes alone: it is many times larger and lies in an arena
 * of its own. */
static enum status
decode_encoded(struct decoder *decoder, enum status too_large, struct slice *bytes)
{
    struct arena *request = decoder->arena;
    const struct datum *datum = NULL;
    struct arena scratch;
    enum status status;

    arena_init(&scratch, LIMIT_CHECK_ARENA);
    decoder->arena = &scratch;
    status = decode_whole(decoder, too_large, &datum);
    decoder->arena = request;
    if (status == BEHALF_OK && datum != NULL && datum->as.map.count > 0)
        status = keep_encoded(decoder, datum, bytes);
    arena_release(&scratch);
    return status;
}

enum status
decode_stored_context(struct decoder *decoder, void *into)
{
    return decode_encoded(decoder, BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE, into);
}

enum status
decode_canonical_map(struct decoder *decoder, size_t largest, struct slice *bytes)
{
    enum status status = decode_encoded(decoder, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, bytes);

    if (status == BEHALF_OK && bytes->size > largest)
        return decoder_refuse(decoder, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                              "takes %zu bytes in storage; at most %zu are allowed", bytes->size,
                              largest);
    return status;
}

/* --- writing --- */

/* Recursion: at most DATUM_DEPTH_MAX deep. */
void
context_put(struct buffer *out, const struct datum *datum)
{
    switch (datum->kind) {
    case DATUM_NULL:
        codec_put_nil(out);
        return;
    case DATUM_BOOL:
        codec_put_bool(out, datum->as.boolean);
        return;
    case DATUM_INT:
        codec_put_signed(out, datum->as.integer);
        return;
    case DATUM_DOUBLE:
        codec_put_double(out, datum->as.real);
        return;
    case DATUM_STRING:
        codec_put_text(out, datum->as.string);
        return;
    case DATUM_LIST:
        codec_put_array(out, datum->as.list.count);
        for (size_t index = 0; index < datum->as.list.count; index++)
            context_put(out, datum->as.list.items[index]);
        return;
    case DATUM_MAP:
        codec_put_map(out, datum->as.map.count);
        for (size_t index = 0; index < datum->as.map.count; index++) {
            codec_put_text(out, datum->as.map.fields[index].key);
            context_put(out, datum->as.map.fields[index].value);
        }
        return;
    }
    BEHALF_UNREACHABLE();
}
