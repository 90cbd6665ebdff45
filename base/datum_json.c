/* datum_json.c - JSON text and data. Jansson parses; nothing of it leaves this file.
 *
 * The text is scanned once before: Jansson recurses up to 2,048 deep, so depth is refused here; and
 * it refuses integers beyond 64 bits, so these get a fraction that makes them doubles. Jansson's
 * values lie on the heap for the time of the call, at most some 70 bytes for a byte of text. */
#include "base/datum.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER_SIZE 32
#define FRACTION SLICE_LITERAL(".0")

struct json_builder {
    struct arena *arena;
    struct error *error;
};

static enum status
spent(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                     "the values of the request need more memory than it may use");
}

/* Line and column (in bytes) of a byte of the text. */
static void
set_place(struct error *error, struct slice text, size_t at)
{
    uint32_t line = 1;
    size_t line_start = 0;

    for (size_t index = 0; index < at; index++) {
        if (text.data[index] == '\n') {
            line++;
            line_start = index + 1;
        }
    }
    error_at(error, line, (uint32_t)(at - line_start) + 1,
             (struct slice){text.data + at, text.size - at});
}

static size_t
skip_string(struct slice text, size_t at)
{
    for (at++; at < text.size && text.data[at] != '"'; at++)
        if (text.data[at] == '\\')
            at++;
    return at < text.size ? at + 1 : text.size;
}

static bool
is_number_byte(char byte)
{
    return (byte >= '0' && byte <= '9') || byte == '.' || byte == 'e' || byte == 'E' ||
           byte == '+' || byte == '-';
}

/* Whether the number is an integer with so many digits that it may be beyond 64 signed bits, but
 * not one that fits. */
static bool
is_large_integer(struct slice number)
{
    size_t first = number.data[0] == '-' ? 1 : 0;
    struct slice digits = {number.data + first, number.size - first};

    for (size_t index = 0; index < digits.size; index++)
        if (digits.data[index] < '0' || digits.data[index] > '9')
            return false;
    if (digits.size != 19)
        return digits.size > 19;
    return memcmp(digits.data, first > 0 ? "9223372036854775808" : "9223372036854775807", 19) > 0;
}

/* Refuses what is too deep, and gives every large integer a fraction: in `widened`, which stays
 * empty when there is none. */
static enum status
scan(struct slice text, struct buffer *widened, struct error *error)
{
    size_t depth = 0;
    size_t copied = 0;
    size_t at = 0;

    while (at < text.size) {
        char byte = text.data[at];
        size_t start = at;

        if (byte == '"') {
            at = skip_string(text, at);
        } else if (is_number_byte(byte)) {
            while (at < text.size && is_number_byte(text.data[at]))
                at++;
            if (is_large_integer((struct slice){text.data + start, at - start})) {
                buffer_add(widened, text.data + copied, at - copied);
                buffer_add_slice(widened, FRACTION);
                copied = at;
            }
        } else {
            at++;
            if (byte == '[' || byte == '{')
                depth++;
            else if ((byte == ']' || byte == '}') && depth > 0)
                depth--;
            if (depth > DATUM_DEPTH_MAX) {
                (void)error_set(error, BEHALF_MALFORMED_REQUEST,
                                "lists and maps in JSON are nested deeper than %d",
                                DATUM_DEPTH_MAX);
                set_place(error, text, start);
                return BEHALF_MALFORMED_REQUEST;
            }
        }
    }
    if (copied > 0)
        buffer_add(widened, text.data + copied, text.size - copied);
    return BEHALF_OK;
}

/* Recursion: `scan` saw that the text is not too deep. */
static enum status build(struct json_builder *builder, json_t *json, struct datum *datum);

static enum status
build_list(struct json_builder *builder, json_t *json, struct datum *datum)
{
    size_t count = json_array_size(json);
    const struct datum **items = arena_take_array(builder->arena, count, sizeof *items);
    struct datum *data = arena_take_array(builder->arena, count, sizeof *data);
    enum status status = BEHALF_OK;

    if (items == NULL || data == NULL)
        return spent(builder->error);
    datum->kind = DATUM_LIST;
    datum->as.list.items = items;
    datum->as.list.count = count;
    for (size_t index = 0; index < count && status == BEHALF_OK; index++) {
        items[index] = &data[index];
        status = build(builder, json_array_get(json, index), &data[index]);
    }
    return status;
}

static enum status
build_map(struct json_builder *builder, json_t *json, struct datum *datum)
{
    size_t count = json_object_size(json);
    struct datum_field *fields = arena_take_array(builder->arena, count, sizeof *fields);
    struct datum *data = arena_take_array(builder->arena, count, sizeof *data);
    struct slice twice;
    size_t index = 0;

    if (fields == NULL || data == NULL)
        return spent(builder->error);
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        enum status status;

        BEHALF_ASSERT(index < count);
        fields[index].key = arena_copy(builder->arena, slice_of(json_object_iter_key(at)));
        if (fields[index].key.data == NULL)
            return spent(builder->error);
        fields[index].value = &data[index];
        status = build(builder, json_object_iter_value(at), &data[index]);
        if (status != BEHALF_OK)
            return status;
        index++;
    }
    if (!datum_sort_fields(fields, count, &twice)) /* Jansson was told to refuse them */
        return error_set(builder->error, BEHALF_MALFORMED_REQUEST, "a key of JSON stands twice");
    datum->kind = DATUM_MAP;
    datum->as.map.fields = fields;
    datum->as.map.count = count;
    return BEHALF_OK;
}

static enum status
build(struct json_builder *builder, json_t *json, struct datum *datum)
{
    switch (json_typeof(json)) {
    case JSON_NULL:
        datum->kind = DATUM_NULL;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        datum->kind = DATUM_BOOL;
        datum->as.boolean = json_is_true(json);
        break;
    case JSON_INTEGER:
        datum->kind = DATUM_INT;
        datum->as.integer = (int64_t)json_integer_value(json);
        break;
    case JSON_REAL:
        datum->kind = DATUM_DOUBLE;
        datum->as.real = json_real_value(json);
        break;
    case JSON_STRING:
        datum->kind = DATUM_STRING;
        datum->as.string = arena_copy(
            builder->arena, (struct slice){json_string_value(json), json_string_length(json)});
        return datum->as.string.data == NULL ? spent(builder->error) : BEHALF_OK;
    case JSON_ARRAY:
        return build_list(builder, json, datum);
    case JSON_OBJECT:
        return build_map(builder, json, datum);
    }
    return BEHALF_OK;
}

static enum status
refuse(struct slice text, const json_error_t *found, bool widened, struct error *error)
{
    int size = (int)strcspn(found->text, "\n");

    (void)error_set(error, BEHALF_MALFORMED_REQUEST, "the text is not JSON: %.*s", size,
                    found->text);
    if (!widened && found->position >= 0 && (size_t)found->position <= text.size)
        set_place(error, text, found->position > 0 ? (size_t)found->position - 1 : 0);
    return BEHALF_MALFORMED_REQUEST;
}

enum status
datum_parse_json(struct slice text, struct arena *arena, const struct datum **datum,
                 struct error *error)
{
    struct json_builder builder = {arena, error};
    struct datum *result = arena_take_array(arena, 1, sizeof *result);
    struct buffer widened;
    struct slice source = text;
    json_error_t found;
    json_t *json = NULL;
    enum status status;

    buffer_init(&widened);
    status = result == NULL ? spent(error) : scan(text, &widened, error);
    if (status != BEHALF_OK)
        goto done;
    if (widened.size > 0)
        source = buffer_slice(&widened);
    json = json_loadb(source.size > 0 ? source.data : "", source.size,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &found);
    status = json == NULL ? refuse(text, &found, widened.size > 0, error)
                          : build(&builder, json, result);
    if (status == BEHALF_OK)
        *datum = result;
done:
    json_decref(json);
    buffer_release(&widened);
    return status;
}

/* Like all that prints, it ends once the buffer has `end` bytes. */
static void
print_string(struct slice text, size_t end, struct buffer *out)
{
    buffer_add_byte(out, '"');
    for (size_t index = 0; index < text.size && out->size < end; index++) {
        char byte = text.data[index];

        if (byte == '"' || byte == '\\') {
            buffer_add_byte(out, '\\');
            buffer_add_byte(out, byte);
        } else if (byte == '\n') {
            buffer_add_text(out, "\\n");
        } else if (byte == '\r') {
            buffer_add_text(out, "\\r");
        } else if (byte == '\t') {
            buffer_add_text(out, "\\t");
        } else if ((unsigned char)byte < 0x20 || byte == 0x7F) {
            buffer_add_format(out, "\\u%04x", (unsigned)byte);
        } else {
            buffer_add_byte(out, byte);
        }
    }
    buffer_add_byte(out, '"');
}

/* 17 digits are always enough, 15 always survive; a fraction keeps it from reading
 * as an integer. */
static void
print_double(double value, struct buffer *out)
{
    char text[NUMBER_SIZE];

    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_add_text(out, text);
    if (text[strcspn(text, ".e")] == '\0')
        buffer_add_slice(out, FRACTION);
}

static void
print_at(const struct datum *datum, size_t depth, size_t end, struct buffer *out)
{
    BEHALF_ASSERT(depth <= DATUM_DEPTH_MAX);
    switch (datum->kind) {
    case DATUM_NULL:
        buffer_add_text(out, "null");
        break;
    case DATUM_BOOL:
        buffer_add_text(out, datum->as.boolean ? "true" : "false");
        break;
    case DATUM_INT:
        buffer_add_format(out, "%lld", (long long)datum->as.integer);
        break;
    case DATUM_DOUBLE:
        print_double(datum->as.real, out);
        break;
    case DATUM_STRING:
        print_string(datum->as.string, end, out);
        break;
    case DATUM_LIST:
        buffer_add_byte(out, '[');
        for (size_t index = 0; index < datum->as.list.count && out->size < end; index++) {
            if (index > 0)
                buffer_add_byte(out, ',');
            print_at(datum->as.list.items[index], depth + 1, end, out);
        }
        buffer_add_byte(out, ']');
        break;
    case DATUM_MAP:
        buffer_add_byte(out, '{');
        for (size_t index = 0; index < datum->as.map.count && out->size < end; index++) {
            if (index > 0)
                buffer_add_byte(out, ',');
            print_string(datum->as.map.fields[index].key, end, out);
            buffer_add_byte(out, ':');
            print_at(datum->as.map.fields[index].value, depth + 1, end, out);
        }
        buffer_add_byte(out, '}');
        break;
    }
}

void
datum_print_json(const struct datum *datum, struct buffer *out)
{
    print_at(datum, 0, SIZE_MAX, out);
}

void
datum_print_encoded(struct slice bytes, struct buffer *out)
{
    const struct datum *datum = NULL;
    struct arena arena;
    struct error error = {.status = BEHALF_OK};

    arena_init(&arena, SIZE_MAX / 2);
    BEHALF_ASSERT(datum_decode(bytes, &arena, &datum, &error) == BEHALF_OK);
    datum_print_json(datum, out);
    arena_release(&arena);
}

void
datum_print_json_start(const struct datum *datum, size_t size, struct buffer *out)
{
    print_at(datum, 0, out->size + size, out);
}
