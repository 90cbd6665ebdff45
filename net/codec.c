/* codec.c - the cursor, and the packer of msgpack-c behind a few names. */
#include "net/codec.h"

#include <msgpack.h>

#include "base/bytes.h"
#include "base/relationship.h"
#include "base/utf8.h"

/* --- reading --- */

static inline size_t
bytes_left(const struct reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static bool
take_bytes(struct reader *reader, struct value *value, enum value_kind kind, size_t size)
{
    if (bytes_left(reader) < size)
        return false;
    value->kind = kind;
    value->bytes = (struct slice){(const char *)reader->at, size};
    reader->at += size;
    return true;
}

/* A big-endian number of 1, 2, 4 or 8 bytes. */
static bool
take_number(struct reader *reader, unsigned width, uint64_t *number)
{
    if (bytes_left(reader) < width)
        return false;
    switch (width) {
    case 1:
        *number = reader->at[0];
        break;
    case 2:
        *number = bytes_get_u16(reader->at);
        break;
    case 4:
        *number = bytes_get_u32(reader->at);
        break;
    default:
        *number = bytes_get_u64(reader->at);
        break;
    }
    reader->at += width;
    return true;
}

static void
set_signed(struct value *value, int64_t number)
{
    value->kind = number < 0 ? VALUE_NEGATIVE : VALUE_UNSIGNED;
    value->number = (uint64_t)number;
}

static bool
take_signed(struct reader *reader, unsigned width, struct value *value)
{
    uint64_t bits = 0;

    if (!take_number(reader, width, &bits))
        return false;
    switch (width) {
    case 1:
        set_signed(value, (int8_t)bits);
        break;
    case 2:
        set_signed(value, (int16_t)bits);
        break;
    case 4:
        set_signed(value, (int32_t)bits);
        break;
    default:
        set_signed(value, (int64_t)bits);
        break;
    }
    return true;
}

static bool
take_float(struct reader *reader, unsigned width, struct value *value)
{
    value->kind = VALUE_FLOAT;
    if (!take_number(reader, width, &value->number))
        return false;
    if (width == 4) {
        uint32_t bits = (uint32_t)value->number;
        float single;
        double wide;

        memcpy(&single, &bits, sizeof single);
        wide = (double)single;
        memcpy(&value->number, &wide, sizeof wide);
    }
    return true;
}

static bool
take_sized(struct reader *reader, unsigned width, enum value_kind kind, struct value *value)
{
    uint64_t size = 0;

    return take_number(reader, width, &size) && take_bytes(reader, value, kind, size);
}

/* Type bytes 0xC0 to 0xDF. */
static bool
next_long(struct reader *reader, uint8_t lead, struct value *value)
{
    switch (lead) {
    case 0xC0:
        value->kind = VALUE_NIL;
        return true;
    case 0xC2:
    case 0xC3:
        value->kind = VALUE_BOOL;
        value->number = lead & 1;
        return true;
    case 0xC4:
    case 0xC5:
    case 0xC6:
        return take_sized(reader, 1U << (lead - 0xC4), VALUE_BINARY, value);
    case 0xCA:
    case 0xCB:
        return take_float(reader, 4U << (lead - 0xCA), value);
    case 0xCC:
    case 0xCD:
    case 0xCE:
    case 0xCF:
        value->kind = VALUE_UNSIGNED;
        return take_number(reader, 1U << (lead - 0xCC), &value->number);
    case 0xD0:
    case 0xD1:
    case 0xD2:
    case 0xD3:
        return take_signed(reader, 1U << (lead - 0xD0), value);
    case 0xD9:
    case 0xDA:
    case 0xDB:
        return take_sized(reader, 1U << (lead - 0xD9), VALUE_TEXT, value);
    case 0xDC:
    case 0xDD:
        value->kind = VALUE_ARRAY;
        return take_number(reader, 2U << (lead - 0xDC), &value->number);
    case 0xDE:
    case 0xDF:
        value->kind = VALUE_MAP;
        return take_number(reader, 2U << (lead - 0xDE), &value->number);
    default:
        return false;
    }
}

bool
reader_next(struct reader *reader, struct value *value)
{
    uint8_t lead;

    if (reader->at == reader->end)
        return false;
    lead = *reader->at++;
    value->number = 0;
    value->bytes = (struct slice){NULL, 0};
    if (lead >= 0xA0 && lead < 0xC0)
        return take_bytes(reader, value, VALUE_TEXT, lead & 0x1FU);
    if (lead >= 0xC0 && lead < 0xE0)
        return next_long(reader, lead, value);
    if (lead >= 0xE0) {
        set_signed(value, (int8_t)lead);
        return true;
    }
    value->kind = lead < 0x80 ? VALUE_UNSIGNED : lead < 0x90 ? VALUE_MAP : VALUE_ARRAY;
    value->number = lead < 0x80 ? lead : lead & 0x0FU;
    return true;
}

bool
reader_skip(struct reader *reader, struct slice *bytes)
{
    const uint8_t *start = reader->at;
    uint64_t pending = 1;
    struct value value;

    while (pending > 0) {
        /* Each value needs a byte, so a count above the bytes left is a lie. */
        if (pending > bytes_left(reader) || !reader_next(reader, &value))
            return false;
        pending--;
        if (value.kind == VALUE_ARRAY)
            pending += value.number;
        else if (value.kind == VALUE_MAP)
            pending += value.number * 2;
    }
    *bytes = (struct slice){(const char *)start, (size_t)(reader->at - start)};
    return true;
}

const char *
value_kind_text(enum value_kind kind)
{
    switch (kind) {
    case VALUE_NIL:
        return "nil";
    case VALUE_BOOL:
        return "a boolean";
    case VALUE_UNSIGNED:
        return "an integer";
    case VALUE_NEGATIVE:
        return "a negative integer";
    case VALUE_FLOAT:
        return "a float";
    case VALUE_TEXT:
        return "a string";
    case VALUE_BINARY:
        return "binary";
    case VALUE_ARRAY:
        return "an array";
    case VALUE_MAP:
        return "a map";
    }
    BEHALF_UNREACHABLE();
}

/* --- writing --- */

static int
append(void *context, const char *bytes, size_t size)
{
    struct buffer *out = context;

    buffer_add(out, bytes, size);
    return 0;
}

static inline msgpack_packer
packer_of(struct buffer *out)
{
    msgpack_packer packer;

    msgpack_packer_init(&packer, out, append);
    return packer;
}

void
codec_put_nil(struct buffer *out)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_nil(&packer);
}

void
codec_put_bool(struct buffer *out, bool value)
{
    msgpack_packer packer = packer_of(out);

    if (value)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
}

void
codec_put_unsigned(struct buffer *out, uint64_t value)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_uint64(&packer, value);
}

void
codec_put_signed(struct buffer *out, int64_t value)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_int64(&packer, value);
}

void
codec_put_double(struct buffer *out, double value)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_double(&packer, value);
}

/* Nearly all texts of replies are short, tokens are the longest: two headers, written in place. */
void
codec_put_text(struct buffer *out, struct slice text)
{
    size_t head = text.size < 0x20 ? 1 : 2;
    msgpack_packer packer;
    char *bytes;

    if (BEHALF_UNLIKELY(text.size > UINT8_MAX)) {
        packer = packer_of(out);
        (void)msgpack_pack_str_with_body(&packer, text.data, text.size);
        return;
    }
    bytes = buffer_reserve(out, head + text.size);
    if (head == 1) {
        bytes[0] = (char)(0xA0 | text.size);
    } else {
        bytes[0] = (char)0xD9;
        bytes[1] = (char)text.size;
    }
    if (text.size > 0)
        memcpy(bytes + head, text.data, text.size);
    buffer_added(out, head + text.size);
}

void
codec_put_literal(struct buffer *out, const char *text)
{
    codec_put_text(out, slice_of(text));
}

void
codec_put_binary(struct buffer *out, struct slice bytes)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_bin_with_body(&packer, bytes.size > 0 ? bytes.data : "", bytes.size);
}

void
codec_put_array(struct buffer *out, size_t count)
{
    msgpack_packer packer = packer_of(out);

    (void)msgpack_pack_array(&packer, count);
}

void
codec_put_map(struct buffer *out, size_t count)
{
    msgpack_packer packer;

    if (BEHALF_LIKELY(count < 0x10)) {
        buffer_add_byte(out, (char)(0x80 | count));
        return;
    }
    packer = packer_of(out);
    (void)msgpack_pack_map(&packer, count);
}

/* Printed in place, behind the one byte of a short text's header: checks do not allocate. */
void
codec_put_time(struct buffer *out, int64_t time_ns)
{
    size_t head = out->size;

    buffer_add_byte(out, 0);
    time_print(time_ns, out);
    BEHALF_ASSERT(out->size - head - 1 < 0x20);
    out->data[head] = (char)(0xA0 | (out->size - head - 1));
}

void
codec_put_message(struct buffer *out, struct slice text)
{
    char clean[ERROR_MESSAGE_SIZE];
    size_t size = 0;
    uint32_t point = 0;

    for (size_t at = 0; at < text.size && size + 4 <= sizeof clean;) {
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        if (length == 0) {
            clean[size++] = '?';
            at++;
            continue;
        }
        memcpy(clean + size, text.data + at, length);
        size += length;
        at += length;
    }
    codec_put_text(out, (struct slice){clean, size});
}

const char *
codec_library_version(void)
{
    return msgpack_version();
}
