/* codec.c - the cursor, and the packer of msgpack-c behind a few names. */
#include "net/codec.h"

#include <msgpack.h>

#include "base/bytes.h"
#include "base/relationship.h"
#include "base/utf8.h"

/* --- reading --- */

static inline size_t
bytes_left(const struct wire_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* The number of a value whose first byte was read: in that byte, or in the bytes after it. */
static inline bool
take_number(struct wire_reader *reader, uint8_t first, const struct head *head, uint64_t *number)
{
    *number = first & head->mask;
    if (BEHALF_LIKELY(head->width == 0))
        return true;
    if (bytes_left(reader) < head->width)
        return false;
    *number = head->width == 1   ? reader->at[0]
              : head->width == 2 ? bytes_get_u16(reader->at)
              : head->width == 4 ? bytes_get_u32(reader->at)
                                 : bytes_get_u64(reader->at);
    reader->at += head->width;
    return true;
}

static void
set_signed(struct wire_value *value, unsigned width)
{
    uint64_t bits = value->number;
    int64_t number = width <= 1   ? (int8_t)bits
                     : width == 2 ? (int16_t)bits
                     : width == 4 ? (int32_t)bits
                                  : (int64_t)bits;

    value->kind = number < 0 ? VALUE_NEGATIVE : VALUE_UNSIGNED;
    value->number = (uint64_t)number;
}

static void
widen_float(struct wire_value *value)
{
    uint32_t bits = (uint32_t)value->number;
    float single;
    double wide;

    memcpy(&single, &bits, sizeof single);
    wide = (double)single;
    memcpy(&value->number, &wide, sizeof wide);
}

bool
reader_next_any(struct wire_reader *reader, struct wire_value *value)
{
    const struct head *head;
    uint8_t first;

    if (reader->at == reader->end)
        return false;
    first = *reader->at++;
    head = &head_table[first];
    value->bytes = (struct slice){NULL, 0};
    if (BEHALF_UNLIKELY(head->kind == HEAD_FORBIDDEN))
        return false;
    value->kind = (enum value_kind)head->kind;
    if (!take_number(reader, first, head, &value->number))
        return false;
    if (head->kind == VALUE_TEXT || head->kind == VALUE_BINARY) {
        if (bytes_left(reader) < value->number)
            return false;
        value->bytes = (struct slice){(const char *)reader->at, (size_t)value->number};
        reader->at += value->number;
        value->number = 0;
    } else if (head->kind == VALUE_NEGATIVE) {
        set_signed(value, head->width);
    } else if (head->kind == VALUE_FLOAT && head->width == 4) {
        widen_float(value);
    }
    return true;
}

bool
reader_skip(struct wire_reader *reader, struct slice *bytes)
{
    const uint8_t *start = reader->at;
    uint64_t pending = 1;
    struct wire_value value;

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
        bytes[0] = (char)(HEAD_FIXTEXT | text.size);
    } else {
        bytes[0] = (char)HEAD_TEXT8;
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
        buffer_add_byte(out, (char)(HEAD_FIXMAP | count));
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
    out->data[head] = (char)(HEAD_FIXTEXT | (out->size - head - 1));
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
