/* test_codec.c - the cursor, the packer, and text for the outside. */
#include "net/codec.h"

#include <criterion/criterion.h>

static struct wire_value
read_one(const char *bytes, size_t size)
{
    struct wire_reader reader = reader_of((struct slice){bytes, size});
    struct wire_value value;

    cr_assert(reader_next(&reader, &value));
    cr_assert_eq(reader.at, reader.end);
    return value;
}

Test(codec, integers_of_every_width)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum value_kind kind;
        uint64_t number;
    } rows[] = {
        {"\x00", 1, VALUE_UNSIGNED, 0},
        {"\x7F", 1, VALUE_UNSIGNED, 127},
        {"\xFF", 1, VALUE_NEGATIVE, UINT64_MAX},
        {"\xCC\xFF", 2, VALUE_UNSIGNED, 255},
        {"\xCD\x01\x02", 3, VALUE_UNSIGNED, 0x102},
        {"\xCE\x01\x02\x03\x04", 5, VALUE_UNSIGNED, 0x1020304},
        {"\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 9, VALUE_UNSIGNED, UINT64_MAX},
        {"\xD0\x05", 2, VALUE_UNSIGNED, 5},
        {"\xD0\xFB", 2, VALUE_NEGATIVE, (uint64_t)-5},
        {"\xD1\x80\x00", 3, VALUE_NEGATIVE, (uint64_t)-32768},
        {"\xD2\x80\x00\x00\x00", 5, VALUE_NEGATIVE, (uint64_t)INT32_MIN},
        {"\xD3\x80\x00\x00\x00\x00\x00\x00\x00", 9, VALUE_NEGATIVE, UINT64_C(1) << 63},
        {"\xC3", 1, VALUE_BOOL, 1},
        {"\xC2", 1, VALUE_BOOL, 0},
        {"\xC0", 1, VALUE_NIL, 0},
        {"\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00", 9, VALUE_FLOAT, UINT64_C(0x3FF) << 52},
        {"\xCA\x3F\x80\x00\x00", 5, VALUE_FLOAT, UINT64_C(0x3FF) << 52},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        struct wire_value value = read_one(rows[index].bytes, rows[index].size);

        cr_assert_eq(value.kind, rows[index].kind, "row %zu", index);
        cr_assert_eq(value.number, rows[index].number, "row %zu", index);
    }
}

Test(codec, reading_stays_inside_its_bytes)
{
    /* Two bytes each, of values that announce more. */
    static const unsigned char cut[][2] = {
        {0xA3, 'a'}, {0xCD, 0x01}, {0xD9, 0x05}, {0xC4, 0x02}, {0xDC, 0x00}, {0xCB, 0x00},
    };
    struct wire_value value;

    for (size_t index = 0; index < BEHALF_COUNT_OF(cut); index++) {
        struct wire_reader reader = {cut[index], cut[index] + sizeof cut[index]};

        cr_assert_not(reader_next(&reader, &value), "row %zu", index);
    }
    cr_assert_not(reader_next(&(struct wire_reader){NULL, NULL}, &value));
}

Test(codec, skip_refuses_counts_that_lie)
{
    struct wire_reader reader = reader_of(SLICE_LITERAL("\xDD\xFF\xFF\xFF\xFF\x01"));
    struct slice bytes;

    cr_assert_not(reader_skip(&reader, &bytes));
    reader = reader_of(SLICE_LITERAL("\x92\x81\x01\x02\xA1z\x05"));
    cr_assert(reader_skip(&reader, &bytes));
    cr_assert_eq(bytes.size, 6);
    cr_assert_eq(*reader.at, 5);
}

Test(codec, what_is_written_is_read)
{
    struct buffer out;
    struct wire_reader reader;
    struct wire_value value;

    buffer_init(&out);
    codec_put_map(&out, 2);
    codec_put_literal(&out, "one");
    codec_put_unsigned(&out, UINT64_MAX);
    codec_put_signed(&out, INT64_MIN);
    codec_put_double(&out, 0.5);
    codec_put_time(&out, INT64_C(1893456000500000000));
    codec_put_nil(&out);
    codec_put_binary(&out, SLICE_LITERAL("\x00\xFF"));
    reader = reader_of(buffer_slice(&out));
    cr_assert(reader_next(&reader, &value) && value.kind == VALUE_MAP && value.number == 2);
    cr_assert(reader_next(&reader, &value) && slice_equal(value.bytes, SLICE_LITERAL("one")));
    cr_assert(reader_next(&reader, &value) && value.number == UINT64_MAX);
    cr_assert(reader_next(&reader, &value) && value.kind == VALUE_NEGATIVE);
    cr_assert_eq(value.number, UINT64_C(1) << 63);
    cr_assert(reader_next(&reader, &value) && value.kind == VALUE_FLOAT);
    cr_assert_eq(value.number, UINT64_C(0x3FE) << 52);
    cr_assert(reader_next(&reader, &value) && value.kind == VALUE_TEXT);
    cr_assert(slice_equal(value.bytes, SLICE_LITERAL("2030-01-01T00:00:00.5Z")));
    cr_assert(reader_next(&reader, &value) && value.kind == VALUE_NIL);
    cr_assert(reader_next(&reader, &value) && value.kind == VALUE_BINARY && value.bytes.size == 2);
    cr_assert_eq(reader.at, reader.end);
    buffer_release(&out);
}

Test(codec, messages_are_utf8_whatever_a_client_sent)
{
    struct buffer out;
    struct wire_value value;

    buffer_init(&out);
    codec_put_message(&out, SLICE_LITERAL("a\xFF\xC3\xA9\xC3"));
    value = read_one(out.data, out.size);
    cr_assert(slice_equal(value.bytes, SLICE_LITERAL("a?\xC3\xA9?")));
    buffer_release(&out);
}
