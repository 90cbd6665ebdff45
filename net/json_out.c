/* json_out.c - JSON as it is sent. */
#include "net/json_out.h"

#include "base/relationship.h"
#include "base/utf8.h"

#define WIRE_DEPTH_MAX 512 /* a trace of EXPLAIN_DEPTH_MAX levels, with the contexts in it */

struct json_out
json_begin(struct buffer *buffer)
{
    return (struct json_out){.buffer = buffer};
}

/* --- texts --- */

static void
put_escaped(struct buffer *out, unsigned char byte)
{
    switch (byte) {
    case '"':
        buffer_add(out, "\\\"", 2);
        return;
    case '\\':
        buffer_add(out, "\\\\", 2);
        return;
    case '\n':
        buffer_add(out, "\\n", 2);
        return;
    default:
        buffer_add_format(out, "\\u%04x", (unsigned)byte);
        return;
    }
}

/* How much of the text stands in JSON as it is. */
static size_t
plain_prefix(struct slice text)
{
    size_t at = 0;

    while (at < text.size) {
        unsigned char byte = (unsigned char)text.data[at];
        uint32_t point;
        size_t width = 1;

        if (byte < 0x20 || byte == '"' || byte == '\\' || byte == 0x7F)
            break;
        if (byte >= 0x80)
            width = utf8_decode(text.data + at, text.size - at, &point);
        if (width == 0)
            break;
        at += width;
    }
    return at;
}

static void
put_string(struct buffer *out, struct slice text)
{
    buffer_add_byte(out, '"');
    while (text.size > 0) {
        size_t plain = plain_prefix(text);

        buffer_add(out, text.data, plain);
        text.data += plain;
        text.size -= plain;
        if (text.size == 0)
            break;
        if ((unsigned char)*text.data >= 0x80)
            buffer_add_byte(out, '?');
        else
            put_escaped(out, (unsigned char)*text.data);
        text.data++;
        text.size--;
    }
    buffer_add_byte(out, '"');
}

/* --- structure --- */

static void
begin_value(struct json_out *json, const char *name)
{
    if (json->follows)
        buffer_add_byte(json->buffer, ',');
    json->follows = true;
    if (name == NULL)
        return;
    put_string(json->buffer, slice_of(name));
    buffer_add_byte(json->buffer, ':');
}

static void
open_with(struct json_out *json, const char *name, char bracket)
{
    begin_value(json, name);
    buffer_add_byte(json->buffer, bracket);
    json->follows = false;
}

static void
close_with(struct json_out *json, char bracket)
{
    buffer_add_byte(json->buffer, bracket);
    json->follows = true;
}

void
json_open_map(struct json_out *json, const char *name)
{
    open_with(json, name, '{');
}

void
json_close_map(struct json_out *json)
{
    close_with(json, '}');
}

void
json_open_list(struct json_out *json, const char *name)
{
    open_with(json, name, '[');
}

void
json_close_list(struct json_out *json)
{
    close_with(json, ']');
}

/* --- values --- */

void
json_put_text(struct json_out *json, const char *name, struct slice text)
{
    begin_value(json, name);
    put_string(json->buffer, text);
}

void
json_put_bool(struct json_out *json, const char *name, bool value)
{
    begin_value(json, name);
    buffer_add_slice(json->buffer, value ? SLICE_LITERAL("true") : SLICE_LITERAL("false"));
}

void
json_put_unsigned(struct json_out *json, const char *name, uint64_t value)
{
    begin_value(json, name);
    buffer_add_format(json->buffer, "%llu", (unsigned long long)value);
}

void
json_put_time(struct json_out *json, const char *name, int64_t time_ns)
{
    begin_value(json, name);
    buffer_add_byte(json->buffer, '"');
    time_print(time_ns, json->buffer);
    buffer_add_byte(json->buffer, '"');
}

/* --- MessagePack --- */

static void
put_number(struct buffer *out, const struct wire_value *value)
{
    struct datum datum = {.kind = DATUM_DOUBLE};

    if (value->kind == VALUE_UNSIGNED) {
        buffer_add_format(out, "%llu", (unsigned long long)value->number);
        return;
    }
    if (value->kind == VALUE_NEGATIVE) {
        buffer_add_format(out, "%lld", (long long)(int64_t)value->number);
        return;
    }
    memcpy(&datum.as.real, &value->number, sizeof datum.as.real);
    datum_print_json(&datum, out);
}

/* Recursion: WIRE_DEPTH_MAX deep at most. */
static bool put_wire(struct json_out *json, struct wire_reader *reader, unsigned depth);

static bool
put_pairs(struct json_out *json, struct wire_reader *reader, uint64_t count, unsigned depth)
{
    struct wire_value key;

    json_open_map(json, NULL);
    for (uint64_t pair = 0; pair < count; pair++) {
        if (!reader_next(reader, &key) || key.kind != VALUE_TEXT)
            return false;
        json_put_text(json, NULL, key.bytes);
        buffer_add_byte(json->buffer, ':');
        json->follows = false;
        if (!put_wire(json, reader, depth + 1))
            return false;
    }
    json_close_map(json);
    return true;
}

static bool
put_wire(struct json_out *json, struct wire_reader *reader, unsigned depth)
{
    struct wire_value value;

    if (depth > WIRE_DEPTH_MAX || !reader_next(reader, &value))
        return false;
    switch (value.kind) {
    case VALUE_NIL:
        begin_value(json, NULL);
        buffer_add_slice(json->buffer, SLICE_LITERAL("null"));
        return true;
    case VALUE_BOOL:
        json_put_bool(json, NULL, value.number != 0);
        return true;
    case VALUE_UNSIGNED:
    case VALUE_NEGATIVE:
    case VALUE_FLOAT:
        begin_value(json, NULL);
        put_number(json->buffer, &value);
        return true;
    case VALUE_TEXT:
        json_put_text(json, NULL, value.bytes);
        return true;
    case VALUE_BINARY:
        return false;
    case VALUE_MAP:
        return put_pairs(json, reader, value.number, depth);
    case VALUE_ARRAY:
        break;
    }
    json_open_list(json, NULL);
    for (uint64_t element = 0; element < value.number; element++)
        if (!put_wire(json, reader, depth + 1))
            return false;
    json_close_list(json);
    return true;
}

bool
json_put_wire(struct json_out *json, const char *name, struct wire_reader *reader)
{
    begin_value(json, name);
    json->follows = false;
    return put_wire(json, reader, 0);
}
