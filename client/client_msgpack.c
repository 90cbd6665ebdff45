/* client_msgpack.c - MessagePack, written and read.
 * Always true: no read passes the end of the bytes given, whatever they say; no count is believed
 * beyond the bytes that are there; nothing recurses.
 * Source: the MessagePack specification. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "client/client_internal.h"

#define BYTES_FIRST_CAPACITY 256

bool
client_bytes_reserve(struct client_bytes *bytes, size_t extra)
{
    size_t capacity = bytes->capacity > 0 ? bytes->capacity : BYTES_FIRST_CAPACITY;
    unsigned char *data;

    if (extra > SIZE_MAX / 2 - bytes->size)
        return false;
    if (bytes->size + extra <= bytes->capacity)
        return true;
    while (capacity < bytes->size + extra)
        capacity *= 2;
    data = realloc(bytes->data, capacity);
    if (data == NULL)
        return false;
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

bool
client_bytes_add(struct client_bytes *bytes, const void *data, size_t size)
{
    if (!client_bytes_reserve(bytes, size))
        return false;
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    return true;
}

void
client_bytes_drop(struct client_bytes *bytes, size_t count)
{
    bytes->size -= count;
    if (bytes->size > 0 && count > 0)
        memmove(bytes->data, bytes->data + count, bytes->size);
}

void
client_bytes_release(struct client_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct client_bytes){0};
}

/* --- writing --- */

struct behalf_writer *
behalf_writer_new(void)
{
    return calloc(1, sizeof(struct behalf_writer));
}

void
behalf_writer_free(struct behalf_writer *writer)
{
    if (writer == NULL)
        return;
    client_bytes_release(&writer->bytes);
    free(writer);
}

void
behalf_writer_clear(struct behalf_writer *writer)
{
    writer->bytes.size = 0;
    writer->failed = false;
}

const unsigned char *
behalf_writer_bytes(const struct behalf_writer *writer, size_t *size)
{
    *size = writer->failed ? 0 : writer->bytes.size;
    return writer->failed ? NULL : writer->bytes.data;
}

void
behalf_write_raw(struct behalf_writer *writer, const void *bytes, size_t size)
{
    if (writer->failed || !client_bytes_add(&writer->bytes, bytes, size))
        writer->failed = true;
}

static void
write_tag_u8(struct behalf_writer *writer, unsigned tag, uint8_t value)
{
    unsigned char bytes[2] = {(unsigned char)tag, value};

    behalf_write_raw(writer, bytes, sizeof bytes);
}

static void
write_tag_u16(struct behalf_writer *writer, unsigned tag, uint16_t value)
{
    unsigned char bytes[3] = {(unsigned char)tag};

    bytes_put_u16(bytes + 1, value);
    behalf_write_raw(writer, bytes, sizeof bytes);
}

static void
write_tag_u32(struct behalf_writer *writer, unsigned tag, uint32_t value)
{
    unsigned char bytes[5] = {(unsigned char)tag};

    bytes_put_u32(bytes + 1, value);
    behalf_write_raw(writer, bytes, sizeof bytes);
}

static void
write_tag_u64(struct behalf_writer *writer, unsigned tag, uint64_t value)
{
    unsigned char bytes[9] = {(unsigned char)tag};

    bytes_put_u64(bytes + 1, value);
    behalf_write_raw(writer, bytes, sizeof bytes);
}

static void
write_byte(struct behalf_writer *writer, unsigned byte)
{
    unsigned char value = (unsigned char)byte;

    behalf_write_raw(writer, &value, 1);
}

void
behalf_write_map(struct behalf_writer *writer, uint32_t pairs)
{
    if (pairs < 16)
        write_byte(writer, 0x80 | pairs);
    else if (pairs <= UINT16_MAX)
        write_tag_u16(writer, 0xDE, (uint16_t)pairs);
    else
        write_tag_u32(writer, 0xDF, pairs);
}

void
behalf_write_array(struct behalf_writer *writer, uint32_t items)
{
    if (items < 16)
        write_byte(writer, 0x90 | items);
    else if (items <= UINT16_MAX)
        write_tag_u16(writer, 0xDC, (uint16_t)items);
    else
        write_tag_u32(writer, 0xDD, items);
}

void
behalf_write_text(struct behalf_writer *writer, const char *text)
{
    behalf_write_string(writer, text, strlen(text));
}

void
behalf_write_string(struct behalf_writer *writer, const char *data, size_t size)
{
    if (size > UINT32_MAX) {
        writer->failed = true;
        return;
    }
    if (size < 32)
        write_byte(writer, 0xA0 | (unsigned)size);
    else if (size <= UINT8_MAX)
        write_tag_u8(writer, 0xD9, (uint8_t)size);
    else if (size <= UINT16_MAX)
        write_tag_u16(writer, 0xDA, (uint16_t)size);
    else
        write_tag_u32(writer, 0xDB, (uint32_t)size);
    behalf_write_raw(writer, data, size);
}

void
behalf_write_uint(struct behalf_writer *writer, uint64_t value)
{
    if (value < 0x80)
        write_byte(writer, (unsigned)value);
    else if (value <= UINT8_MAX)
        write_tag_u8(writer, 0xCC, (uint8_t)value);
    else if (value <= UINT16_MAX)
        write_tag_u16(writer, 0xCD, (uint16_t)value);
    else if (value <= UINT32_MAX)
        write_tag_u32(writer, 0xCE, (uint32_t)value);
    else
        write_tag_u64(writer, 0xCF, value);
}

void
behalf_write_int(struct behalf_writer *writer, int64_t value)
{
    if (value >= 0)
        behalf_write_uint(writer, (uint64_t)value);
    else if (value >= -32)
        write_byte(writer, 0x100U - (unsigned)-value);
    else if (value >= INT8_MIN)
        write_tag_u8(writer, 0xD0, (uint8_t)value);
    else if (value >= INT16_MIN)
        write_tag_u16(writer, 0xD1, (uint16_t)value);
    else if (value >= INT32_MIN)
        write_tag_u32(writer, 0xD2, (uint32_t)value);
    else
        write_tag_u64(writer, 0xD3, (uint64_t)value);
}

void
behalf_write_double(struct behalf_writer *writer, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    write_tag_u64(writer, 0xCB, bits);
}

void
behalf_write_bool(struct behalf_writer *writer, bool value)
{
    write_byte(writer, value ? 0xC3 : 0xC2);
}

void
behalf_write_nil(struct behalf_writer *writer)
{
    write_byte(writer, 0xC0);
}

/* --- reading: heads --- */

/* The head of a value: the bytes it takes itself, payload that follows, values that follow. */
struct msgpack_head {
    size_t size;      /* tag and length */
    uint64_t payload; /* bytes */
    uint64_t values;  /* contained values (a map: twice its pairs) */
    enum behalf_type type;
};

enum head_result { HEAD_WHOLE, HEAD_MORE, HEAD_BROKEN };

static uint64_t
read_number(const unsigned char *at, size_t width)
{
    uint64_t value = 0;

    for (size_t index = 0; index < width; index++)
        value = value << 8 | at[index];
    return value;
}

/* Tags 0xC0 to 0xDF: width of the length or number behind the tag, and what it means. */
struct tag_shape {
    uint8_t width;
    uint8_t kind;
};

enum tag_kind { TAG_BROKEN, TAG_FIXED, TAG_PAYLOAD, TAG_ARRAY, TAG_MAP, TAG_EXT, TAG_FIXED_EXT };

static const struct tag_shape tag_shapes[32] = {
    {0, TAG_FIXED},      {0, TAG_BROKEN},    {0, TAG_FIXED},     {0, TAG_FIXED}, /* nil - bool */
    {1, TAG_PAYLOAD},    {2, TAG_PAYLOAD},   {4, TAG_PAYLOAD},                   /* binary */
    {1, TAG_EXT},        {2, TAG_EXT},       {4, TAG_EXT},                       /* ext */
    {4, TAG_FIXED},      {8, TAG_FIXED},                                         /* float */
    {1, TAG_FIXED},      {2, TAG_FIXED},     {4, TAG_FIXED},     {8, TAG_FIXED}, /* uint */
    {1, TAG_FIXED},      {2, TAG_FIXED},     {4, TAG_FIXED},     {8, TAG_FIXED}, /* int */
    {1, TAG_FIXED_EXT},  {2, TAG_FIXED_EXT}, {4, TAG_FIXED_EXT}, {8, TAG_FIXED_EXT},
    {16, TAG_FIXED_EXT},                                       /* fixext */
    {1, TAG_PAYLOAD},    {2, TAG_PAYLOAD},   {4, TAG_PAYLOAD}, /* string */
    {2, TAG_ARRAY},      {4, TAG_ARRAY},     {2, TAG_MAP},       {4, TAG_MAP},
};

static enum behalf_type
tag_type(unsigned tag)
{
    static const uint8_t types[32] = {
        BEHALF_TYPE_NIL,    BEHALF_TYPE_NONE,   BEHALF_TYPE_BOOL,   BEHALF_TYPE_BOOL,
        BEHALF_TYPE_BINARY, BEHALF_TYPE_BINARY, BEHALF_TYPE_BINARY, BEHALF_TYPE_NONE,
        BEHALF_TYPE_NONE,   BEHALF_TYPE_NONE,   BEHALF_TYPE_DOUBLE, BEHALF_TYPE_DOUBLE,
        BEHALF_TYPE_UINT,   BEHALF_TYPE_UINT,   BEHALF_TYPE_UINT,   BEHALF_TYPE_UINT,
        BEHALF_TYPE_INT,    BEHALF_TYPE_INT,    BEHALF_TYPE_INT,    BEHALF_TYPE_INT,
        BEHALF_TYPE_NONE,   BEHALF_TYPE_NONE,   BEHALF_TYPE_NONE,   BEHALF_TYPE_NONE,
        BEHALF_TYPE_NONE,   BEHALF_TYPE_STRING, BEHALF_TYPE_STRING, BEHALF_TYPE_STRING,
        BEHALF_TYPE_ARRAY,  BEHALF_TYPE_ARRAY,  BEHALF_TYPE_MAP,    BEHALF_TYPE_MAP,
    };

    if (tag < 0x80)
        return BEHALF_TYPE_UINT;
    if (tag < 0x90)
        return BEHALF_TYPE_MAP;
    if (tag < 0xA0)
        return BEHALF_TYPE_ARRAY;
    if (tag < 0xC0)
        return BEHALF_TYPE_STRING;
    if (tag >= 0xE0)
        return BEHALF_TYPE_INT;
    return (enum behalf_type)types[tag - 0xC0];
}

static enum head_result
head_read(const unsigned char *at, size_t size, struct msgpack_head *head)
{
    unsigned tag;
    struct tag_shape shape;
    uint64_t number;

    if (size == 0)
        return HEAD_MORE;
    tag = at[0];
    *head = (struct msgpack_head){.size = 1, .type = tag_type(tag)};
    if (tag < 0xC0 || tag >= 0xE0) {
        if (tag >= 0x80 && tag < 0x90)
            head->values = 2 * (uint64_t)(tag & 0x0F);
        else if (tag >= 0x90 && tag < 0xA0)
            head->values = tag & 0x0F;
        else if (tag >= 0xA0 && tag < 0xC0)
            head->payload = tag & 0x1F;
        return HEAD_WHOLE;
    }
    shape = tag_shapes[tag - 0xC0];
    if (shape.kind == TAG_BROKEN)
        return HEAD_BROKEN;
    if (shape.kind == TAG_FIXED || shape.kind == TAG_FIXED_EXT) {
        head->payload = (uint64_t)shape.width + (shape.kind == TAG_FIXED_EXT ? 1 : 0);
        return HEAD_WHOLE;
    }
    if (size < 1 + (size_t)shape.width)
        return HEAD_MORE;
    head->size = 1 + (size_t)shape.width;
    number = read_number(at + 1, shape.width);
    if (shape.kind == TAG_PAYLOAD)
        head->payload = number;
    else if (shape.kind == TAG_EXT)
        head->payload = number + 1;
    else
        head->values = shape.kind == TAG_MAP ? 2 * number : number;
    return HEAD_WHOLE;
}

void
client_scan_start(struct client_scan *scan)
{
    *scan = (struct client_scan){.at = 0, .left = 1};
}

enum client_scan_result
client_scan_go(struct client_scan *scan, const unsigned char *data, size_t size, size_t whole_max)
{
    struct msgpack_head head;

    while (scan->left > 0) {
        switch (head_read(data + scan->at, size - scan->at, &head)) {
        case HEAD_MORE:
            return CLIENT_SCAN_MORE;
        case HEAD_BROKEN:
            return CLIENT_SCAN_BROKEN;
        case HEAD_WHOLE:
            break;
        }
        if (head.payload > whole_max || head.values > whole_max || scan->left > whole_max)
            return CLIENT_SCAN_BROKEN;
        if (head.payload > size - scan->at - head.size)
            return CLIENT_SCAN_MORE;
        scan->at += head.size + (size_t)head.payload;
        scan->left += head.values - 1;
    }
    return CLIENT_SCAN_WHOLE;
}

size_t
behalf_value_measure(const void *bytes, size_t size)
{
    struct client_scan scan;

    client_scan_start(&scan);
    switch (client_scan_go(&scan, bytes, size, SIZE_MAX / 4)) {
    case CLIENT_SCAN_WHOLE:
        return scan.at;
    case CLIENT_SCAN_MORE:
        return 0;
    case CLIENT_SCAN_BROKEN:
        break;
    }
    return SIZE_MAX;
}

/* --- reading: values --- */

/* The head of a value whose own bytes (payload included) are all there. */
static bool
value_head(struct behalf_value value, struct msgpack_head *head)
{
    return value.bytes != NULL && head_read(value.bytes, value.size, head) == HEAD_WHOLE &&
           head->payload <= value.size - head->size;
}

enum behalf_type
behalf_value_type(struct behalf_value value)
{
    struct msgpack_head head;

    return value_head(value, &head) ? head.type : BEHALF_TYPE_NONE;
}

bool
behalf_value_bool(struct behalf_value value, bool *result)
{
    struct msgpack_head head;

    if (!value_head(value, &head) || head.type != BEHALF_TYPE_BOOL)
        return false;
    *result = value.bytes[0] == 0xC3;
    return true;
}

/* A signed number of any width, and whether it is negative. */
static int64_t
read_signed(const unsigned char *at, size_t width)
{
    uint64_t value = read_number(at, width);
    uint64_t sign = (uint64_t)1 << (8 * width - 1);

    /* Sign extension without shifting a negative number. */
    return (int64_t)((value ^ sign) - sign);
}

bool
behalf_value_uint(struct behalf_value value, uint64_t *result)
{
    struct msgpack_head head;
    int64_t number;

    if (!value_head(value, &head))
        return false;
    if (head.type == BEHALF_TYPE_UINT) {
        *result = head.payload == 0 ? value.bytes[0] : read_number(value.bytes + 1, head.payload);
        return true;
    }
    /* Some writers send small numbers in the signed formats. */
    if (head.type != BEHALF_TYPE_INT || !behalf_value_int(value, &number) || number < 0)
        return false;
    *result = (uint64_t)number;
    return true;
}

bool
behalf_value_int(struct behalf_value value, int64_t *result)
{
    struct msgpack_head head;
    uint64_t number;

    if (!value_head(value, &head))
        return false;
    if (head.type == BEHALF_TYPE_INT) {
        *result = head.payload == 0 ? (int64_t)value.bytes[0] - 0x100
                                    : read_signed(value.bytes + 1, head.payload);
        return true;
    }
    if (head.type != BEHALF_TYPE_UINT || !behalf_value_uint(value, &number) || number > INT64_MAX)
        return false;
    *result = (int64_t)number;
    return true;
}

bool
behalf_value_double(struct behalf_value value, double *result)
{
    struct msgpack_head head;
    uint64_t bits;
    uint32_t bits_single;
    float single;

    if (!value_head(value, &head) || head.type != BEHALF_TYPE_DOUBLE)
        return false;
    if (head.payload == sizeof single) {
        bits_single = bytes_get_u32(value.bytes + 1);
        memcpy(&single, &bits_single, sizeof single);
        *result = (double)single;
    } else {
        bits = bytes_get_u64(value.bytes + 1);
        memcpy(result, &bits, sizeof bits);
    }
    return true;
}

bool
behalf_value_string(struct behalf_value value, const char **data, size_t *size)
{
    struct msgpack_head head;

    if (!value_head(value, &head) ||
        (head.type != BEHALF_TYPE_STRING && head.type != BEHALF_TYPE_BINARY))
        return false;
    *data = (const char *)value.bytes + head.size;
    *size = (size_t)head.payload;
    return true;
}

bool
behalf_value_is(struct behalf_value value, const char *text)
{
    const char *data;
    size_t size;

    return behalf_value_string(value, &data, &size) && size == strlen(text) &&
           memcmp(data, text, size) == 0;
}

static bool
open_container(struct behalf_value value, enum behalf_type type, uint32_t *count,
               struct behalf_value *rest)
{
    struct msgpack_head head;
    uint64_t each = type == BEHALF_TYPE_MAP ? 2 : 1;

    if (!value_head(value, &head) || head.type != type || head.values > value.size - head.size)
        return false;
    *count = (uint32_t)(head.values / each);
    *rest = (struct behalf_value){value.bytes + head.size, value.size - head.size};
    return true;
}

bool
behalf_value_array(struct behalf_value value, uint32_t *count, struct behalf_value *rest)
{
    return open_container(value, BEHALF_TYPE_ARRAY, count, rest);
}

bool
behalf_value_map(struct behalf_value value, uint32_t *count, struct behalf_value *rest)
{
    return open_container(value, BEHALF_TYPE_MAP, count, rest);
}

bool
behalf_value_next(struct behalf_value *rest, struct behalf_value *item)
{
    size_t size;

    if (rest->bytes == NULL || rest->size == 0)
        return false;
    size = behalf_value_measure(rest->bytes, rest->size);
    if (size == 0 || size == SIZE_MAX)
        return false;
    *item = (struct behalf_value){rest->bytes, size};
    rest->bytes += size;
    rest->size -= size;
    return true;
}

struct behalf_value
behalf_value_get(struct behalf_value map, const char *key)
{
    struct behalf_value rest;
    struct behalf_value name;
    struct behalf_value item;
    uint32_t count;

    if (behalf_value_map(map, &count, &rest))
        for (uint32_t index = 0; index < count; index++) {
            if (!behalf_value_next(&rest, &name) || !behalf_value_next(&rest, &item))
                break;
            if (behalf_value_is(name, key))
                return item;
        }
    return (struct behalf_value){NULL, 0};
}
