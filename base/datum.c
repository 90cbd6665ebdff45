/* datum.c - data as canonical bytes.
 * Always true: a length or count is compared with the bytes that are left before memory is taken
 * for it, so that bytes from a damaged disk cannot ask for more memory than
 * they themselves have. */
#include "base/datum.h"

#include <math.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/utf8.h"

enum tag { TAG_NULL, TAG_FALSE, TAG_TRUE, TAG_INT, TAG_DOUBLE, TAG_STRING, TAG_LIST, TAG_MAP };

#define SMALLEST_FIELD 5 /* bytes: the size of an empty key and the tag of its value */

struct datum_reader {
    struct slice rest;
    struct arena *arena;
    struct error *error;
};

const struct datum *
datum_field(const struct datum *map, struct slice key)
{
    size_t low = 0;
    size_t high;

    if (map == NULL || map->kind != DATUM_MAP)
        return NULL;
    high = map->as.map.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(map->as.map.fields[middle].key, key);

        if (order == 0)
            return map->as.map.fields[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int
compare_fields(const void *a, const void *b)
{
    const struct datum_field *left = a;
    const struct datum_field *right = b;

    return slice_compare(left->key, right->key);
}

bool
datum_sort_fields(struct datum_field *fields, size_t count, struct slice *twice)
{
    if (count > 1)
        qsort(fields, count, sizeof *fields, compare_fields);
    for (size_t index = 1; index < count; index++) {
        if (slice_equal(fields[index - 1].key, fields[index].key)) {
            *twice = fields[index].key;
            return false;
        }
    }
    return true;
}

static bool
is_utf8(struct slice text)
{
    return utf8_is_valid(text.data, text.size);
}

static bool validate_at(const struct datum *datum, size_t depth, const char **reason);

static bool
validate_map(const struct datum *datum, size_t depth, const char **reason)
{
    for (size_t index = 0; index < datum->as.map.count; index++) {
        const struct datum_field *field = &datum->as.map.fields[index];

        *reason = "a key is not UTF-8";
        if (!is_utf8(field->key))
            return false;
        *reason = "the keys of a map do not ascend";
        if (index > 0 && slice_compare(field[-1].key, field->key) >= 0)
            return false;
        if (!validate_at(field->value, depth + 1, reason))
            return false;
    }
    return true;
}

/* Recursion: at most DATUM_DEPTH_MAX deep. */
static bool
validate_at(const struct datum *datum, size_t depth, const char **reason)
{
    *reason = "lists and maps are nested too deep";
    if ((datum->kind == DATUM_LIST || datum->kind == DATUM_MAP) && depth >= DATUM_DEPTH_MAX)
        return false;
    switch (datum->kind) {
    case DATUM_NULL:
    case DATUM_BOOL:
    case DATUM_INT:
        return true;
    case DATUM_DOUBLE:
        *reason = "a double is not finite";
        return isfinite(datum->as.real);
    case DATUM_STRING:
        *reason = "a string is not UTF-8";
        return is_utf8(datum->as.string);
    case DATUM_LIST:
        for (size_t index = 0; index < datum->as.list.count; index++)
            if (!validate_at(datum->as.list.items[index], depth + 1, reason))
                return false;
        return true;
    case DATUM_MAP:
        return validate_map(datum, depth, reason);
    }
    *reason = "the kind does not exist";
    return false;
}

bool
datum_validate(const struct datum *datum, const char **reason)
{
    return validate_at(datum, 0, reason);
}

static void
put_u32(struct buffer *out, size_t value)
{
    char bytes[4];

    BEHALF_ASSERT(value <= UINT32_MAX);
    bytes_put_u32(bytes, (uint32_t)value);
    buffer_add(out, bytes, sizeof bytes);
}

static void
put_u64(struct buffer *out, uint64_t value)
{
    char bytes[8];

    bytes_put_u64(bytes, value);
    buffer_add(out, bytes, sizeof bytes);
}

static void
put_tag(struct buffer *out, enum tag tag)
{
    buffer_add_byte(out, (char)tag);
}

static void
put_text(struct buffer *out, struct slice text)
{
    put_u32(out, text.size);
    buffer_add_slice(out, text);
}

static void
encode_at(const struct datum *datum, size_t depth, struct buffer *out)
{
    uint64_t bits;

    switch (datum->kind) {
    case DATUM_NULL:
        put_tag(out, TAG_NULL);
        break;
    case DATUM_BOOL:
        put_tag(out, datum->as.boolean ? TAG_TRUE : TAG_FALSE);
        break;
    case DATUM_INT:
        put_tag(out, TAG_INT);
        put_u64(out, (uint64_t)datum->as.integer);
        break;
    case DATUM_DOUBLE:
        put_tag(out, TAG_DOUBLE);
        memcpy(&bits, &datum->as.real, sizeof bits);
        put_u64(out, bits);
        break;
    case DATUM_STRING:
        put_tag(out, TAG_STRING);
        put_text(out, datum->as.string);
        break;
    case DATUM_LIST:
        BEHALF_ASSERT(depth < DATUM_DEPTH_MAX);
        put_tag(out, TAG_LIST);
        put_u32(out, datum->as.list.count);
        for (size_t index = 0; index < datum->as.list.count; index++)
            encode_at(datum->as.list.items[index], depth + 1, out);
        break;
    case DATUM_MAP:
        BEHALF_ASSERT(depth < DATUM_DEPTH_MAX);
        put_tag(out, TAG_MAP);
        put_u32(out, datum->as.map.count);
        for (size_t index = 0; index < datum->as.map.count; index++) {
            put_text(out, datum->as.map.fields[index].key);
            encode_at(datum->as.map.fields[index].value, depth + 1, out);
        }
        break;
    }
}

void
datum_encode(const struct datum *datum, struct buffer *out)
{
    encode_at(datum, 0, out);
}

static enum status
corrupt(struct datum_reader *reader, const char *what)
{
    return error_set(reader->error, BEHALF_STORAGE_CORRUPT, "cannot read a stored value: %s", what);
}

static enum status
spent(struct datum_reader *reader)
{
    return error_set(reader->error, BEHALF_BUDGET_EXHAUSTED,
                     "the values of the request need more memory than it may use");
}

static enum status
too_short(struct datum_reader *reader)
{
    return corrupt(reader, "it ends too early");
}

/* NULL when fewer bytes are left. */
static const char *
take_bytes(struct datum_reader *reader, size_t size)
{
    const char *bytes = reader->rest.data;

    if (reader->rest.size < size || bytes == NULL)
        return NULL;
    reader->rest.data += size;
    reader->rest.size -= size;
    return bytes;
}

static enum status
take_u32(struct datum_reader *reader, size_t *value)
{
    const char *bytes = take_bytes(reader, 4);

    if (bytes == NULL)
        return too_short(reader);
    *value = bytes_get_u32(bytes);
    return BEHALF_OK;
}

static enum status
take_text(struct datum_reader *reader, struct slice *text)
{
    size_t size = 0;
    enum status status = take_u32(reader, &size);

    if (status != BEHALF_OK)
        return status;
    *text = (struct slice){take_bytes(reader, size), size};
    if (text->data == NULL)
        return too_short(reader);
    return is_utf8(*text) ? BEHALF_OK : corrupt(reader, "a string is not UTF-8");
}

static enum status decode_at(struct datum_reader *reader, size_t depth, struct datum *datum);

static enum status
decode_list(struct datum_reader *reader, size_t depth, struct datum *datum)
{
    const struct datum **items;
    struct datum *data;
    size_t count = 0;
    enum status status = take_u32(reader, &count);

    if (status != BEHALF_OK)
        return status;
    if (count > reader->rest.size)
        return corrupt(reader, "a list ends too early");
    items = arena_take_array(reader->arena, count, sizeof *items);
    data = arena_take_array(reader->arena, count, sizeof *data);
    if (items == NULL || data == NULL)
        return spent(reader);
    datum->kind = DATUM_LIST;
    datum->as.list.items = items;
    datum->as.list.count = count;
    for (size_t index = 0; index < count && status == BEHALF_OK; index++) {
        items[index] = &data[index];
        status = decode_at(reader, depth + 1, &data[index]);
    }
    return status;
}

static enum status
decode_map(struct datum_reader *reader, size_t depth, struct datum *datum)
{
    struct datum_field *fields;
    struct datum *data;
    size_t count = 0;
    enum status status = take_u32(reader, &count);

    if (status != BEHALF_OK)
        return status;
    if (count > reader->rest.size / SMALLEST_FIELD)
        return corrupt(reader, "a map ends too early");
    fields = arena_take_array(reader->arena, count, sizeof *fields);
    data = arena_take_array(reader->arena, count, sizeof *data);
    if (fields == NULL || data == NULL)
        return spent(reader);
    datum->kind = DATUM_MAP;
    datum->as.map.fields = fields;
    datum->as.map.count = count;
    for (size_t index = 0; index < count; index++) {
        fields[index].value = &data[index];
        status = take_text(reader, &fields[index].key);
        if (status == BEHALF_OK && index > 0 &&
            slice_compare(fields[index - 1].key, fields[index].key) >= 0)
            status = corrupt(reader, "the keys of a map do not ascend");
        if (status == BEHALF_OK)
            status = decode_at(reader, depth + 1, &data[index]);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

static enum status
decode_number(struct datum_reader *reader, enum datum_kind kind, struct datum *datum)
{
    const char *bytes = take_bytes(reader, 8);
    uint64_t bits;

    if (bytes == NULL)
        return too_short(reader);
    datum->kind = kind;
    bits = bytes_get_u64(bytes);
    if (kind == DATUM_INT) {
        datum->as.integer = (int64_t)bits;
        return BEHALF_OK;
    }
    memcpy(&datum->as.real, &bits, sizeof bits);
    return isfinite(datum->as.real) ? BEHALF_OK : corrupt(reader, "a double is not finite");
}

/* Recursion: at most DATUM_DEPTH_MAX deep. */
static enum status
decode_at(struct datum_reader *reader, size_t depth, struct datum *datum)
{
    const char *tag = take_bytes(reader, 1);

    if (tag == NULL)
        return too_short(reader);
    switch (*tag) {
    case TAG_NULL:
        datum->kind = DATUM_NULL;
        return BEHALF_OK;
    case TAG_FALSE:
    case TAG_TRUE:
        datum->kind = DATUM_BOOL;
        datum->as.boolean = *tag == TAG_TRUE;
        return BEHALF_OK;
    case TAG_INT:
        return decode_number(reader, DATUM_INT, datum);
    case TAG_DOUBLE:
        return decode_number(reader, DATUM_DOUBLE, datum);
    case TAG_STRING:
        datum->kind = DATUM_STRING;
        return take_text(reader, &datum->as.string);
    case TAG_LIST:
    case TAG_MAP:
        if (depth >= DATUM_DEPTH_MAX)
            return corrupt(reader, "it is nested too deep");
        return *tag == TAG_LIST ? decode_list(reader, depth, datum)
                                : decode_map(reader, depth, datum);
    default:
        return corrupt(reader, "a tag does not exist");
    }
}

enum status
datum_decode(struct slice bytes, struct arena *arena, const struct datum **datum,
             struct error *error)
{
    struct datum_reader reader = {bytes, arena, error};
    struct datum *result = arena_take_array(arena, 1, sizeof *result);
    enum status status = result == NULL ? spent(&reader) : decode_at(&reader, 0, result);

    if (status != BEHALF_OK)
        return status;
    if (reader.rest.size > 0)
        return corrupt(&reader, "bytes stand behind it");
    *datum = result;
    return BEHALF_OK;
}

/* Bytes of the encoded value that `bytes` begin with; 0 when they are damaged. Recursion: at most
 * DATUM_DEPTH_MAX deep. */
static size_t
encoded_size(struct slice bytes, size_t depth)
{
    size_t count;
    size_t size;
    bool map;

    if (bytes.size == 0)
        return 0;
    if (bytes.data[0] >= TAG_NULL && bytes.data[0] <= TAG_TRUE)
        return 1;
    if (bytes.data[0] == TAG_INT || bytes.data[0] == TAG_DOUBLE)
        return bytes.size >= 9 ? 9 : 0;
    if (bytes.size < 5 || bytes.data[0] < TAG_STRING || bytes.data[0] > TAG_MAP)
        return 0;
    count = bytes_get_u32(bytes.data + 1);
    if (bytes.data[0] == TAG_STRING)
        return count <= bytes.size - 5 ? count + 5 : 0;
    if (depth >= DATUM_DEPTH_MAX)
        return 0;
    map = bytes.data[0] == TAG_MAP;
    for (size = 5; count > 0; count--) {
        size_t inner;

        if (map) {
            if (bytes.size - size < 4 || bytes_get_u32(bytes.data + size) > bytes.size - size - 4)
                return 0;
            size += 4 + (size_t)bytes_get_u32(bytes.data + size);
        }
        inner = encoded_size((struct slice){bytes.data + size, bytes.size - size}, depth + 1);
        if (inner == 0)
            return 0;
        size += inner;
    }
    return size;
}

bool
datum_open_map(struct slice bytes, struct datum_cursor *cursor)
{
    if (bytes.size < 5 || bytes.data[0] != TAG_MAP)
        return false;
    *cursor =
        (struct datum_cursor){{bytes.data + 5, bytes.size - 5}, bytes_get_u32(bytes.data + 1)};
    return cursor->left > 0 || cursor->rest.size == 0;
}

bool
datum_next_field(struct datum_cursor *cursor, struct slice *key, struct slice *value)
{
    struct slice rest = cursor->rest;

    if (cursor->left == 0 || rest.size < 4)
        return false;
    *key = (struct slice){rest.data + 4, bytes_get_u32(rest.data)};
    if (key->size > rest.size - 4)
        return false;
    rest = (struct slice){key->data + key->size, rest.size - 4 - key->size};
    *value = (struct slice){rest.data, encoded_size(rest, 1)};
    cursor->rest = (struct slice){rest.data + value->size, rest.size - value->size};
    cursor->left--;
    return value->size > 0 && (cursor->left > 0 || cursor->rest.size == 0);
}

bool
datum_read_scalar(struct slice bytes, struct datum *datum)
{
    struct datum_reader reader = {bytes, NULL, NULL};

    return bytes.size > 0 && bytes.data[0] < TAG_LIST &&
           decode_at(&reader, 0, datum) == BEHALF_OK && reader.rest.size == 0;
}
