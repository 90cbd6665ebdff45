/* The client's MessagePack: what is written reads back, and no bytes are read beyond their end. */
#include <criterion/criterion.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_internal.h"

static struct behalf_value
value_of(const struct behalf_writer *writer)
{
    struct behalf_value value;

    value.bytes = behalf_writer_bytes(writer, &value.size);
    return value;
}

Test(client_msgpack, integers_read_back_at_every_width)
{
    static const uint64_t numbers[] = {0,         1,         127,   128,        255,
                                       256,       65535,     65536, UINT32_MAX, (uint64_t)1 << 32,
                                       INT64_MAX, UINT64_MAX};
    static const int64_t negatives[] = {-1,        -32,    -33,       -128,        -129,
                                        INT16_MIN, -32769, INT32_MIN, -2147483649, INT64_MIN};
    struct behalf_writer *writer = behalf_writer_new();
    uint64_t number;
    int64_t negative;

    for (size_t index = 0; index < BEHALF_COUNT_OF(numbers); index++) {
        behalf_writer_clear(writer);
        behalf_write_uint(writer, numbers[index]);
        cr_assert(behalf_value_uint(value_of(writer), &number));
        cr_assert_eq(number, numbers[index]);
        cr_assert_eq(behalf_value_int(value_of(writer), &negative), number <= INT64_MAX);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(negatives); index++) {
        behalf_writer_clear(writer);
        behalf_write_int(writer, negatives[index]);
        cr_assert(behalf_value_int(value_of(writer), &negative));
        cr_assert_eq(negative, negatives[index]);
        cr_assert_not(behalf_value_uint(value_of(writer), &number));
    }
    behalf_writer_free(writer);
}

Test(client_msgpack, a_small_number_in_a_signed_format_is_unsigned_too)
{
    struct behalf_value value = {(const unsigned char *)"\xD3\0\0\0\0\0\0\0\x2A", 9};
    uint64_t number = 0;

    cr_assert(behalf_value_uint(value, &number));
    cr_assert_eq(number, 42);
}

Test(client_msgpack, strings_read_back_at_every_width)
{
    static const size_t sizes[] = {0, 1, 31, 32, 255, 256, 65535, 65536};
    struct behalf_writer *writer = behalf_writer_new();
    char *text = calloc(65536, 1);
    const char *data;
    size_t size;

    memset(text, 'a', 65536);
    for (size_t index = 0; index < BEHALF_COUNT_OF(sizes); index++) {
        behalf_writer_clear(writer);
        behalf_write_string(writer, text, sizes[index]);
        cr_assert(behalf_value_string(value_of(writer), &data, &size));
        cr_assert_eq(size, sizes[index]);
        cr_assert_eq(behalf_value_measure(value_of(writer).bytes, value_of(writer).size),
                     value_of(writer).size);
    }
    behalf_writer_free(writer);
    free(text);
}

static void
write_sample(struct behalf_writer *writer)
{
    behalf_write_map(writer, 4);
    behalf_write_text(writer, "list");
    behalf_write_array(writer, 20);
    for (uint64_t item = 0; item < 20; item++)
        behalf_write_uint(writer, item);
    behalf_write_text(writer, "real");
    behalf_write_double(writer, 2.5);
    behalf_write_text(writer, "yes");
    behalf_write_bool(writer, true);
    behalf_write_text(writer, "none");
    behalf_write_nil(writer);
}

Test(client_msgpack, maps_and_arrays_give_their_parts)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value map;
    struct behalf_value rest;
    struct behalf_value item;
    double real = 0;
    uint64_t number = 0;
    uint32_t count;
    bool truth = false;

    write_sample(writer);
    map = value_of(writer);
    cr_assert_eq(behalf_value_type(map), BEHALF_TYPE_MAP);
    cr_assert(behalf_value_array(behalf_value_get(map, "list"), &count, &rest));
    cr_assert_eq(count, 20);
    for (uint64_t index = 0; index < count; index++) {
        cr_assert(behalf_value_next(&rest, &item));
        cr_assert(behalf_value_uint(item, &number));
        cr_assert_eq(number, index);
    }
    cr_assert(behalf_value_double(behalf_value_get(map, "real"), &real));
    cr_assert_eq(real, 2.5);
    cr_assert(behalf_value_bool(behalf_value_get(map, "yes"), &truth));
    cr_assert(truth);
    cr_assert_eq(behalf_value_type(behalf_value_get(map, "none")), BEHALF_TYPE_NIL);
    cr_assert_null(behalf_value_get(map, "absent").bytes);
    cr_assert_null(behalf_value_get(item, "list").bytes, "a number has no members");
    behalf_writer_free(writer);
}

Test(client_msgpack, a_scan_finds_the_end_however_the_bytes_are_split)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value whole;

    write_sample(writer);
    whole = value_of(writer);
    for (size_t step = 1; step <= whole.size; step++) {
        enum client_scan_result result = CLIENT_SCAN_MORE;
        struct client_scan scan;

        client_scan_start(&scan);
        for (size_t size = 0; size < whole.size; size += step) {
            cr_assert_eq(result, CLIENT_SCAN_MORE);
            result = client_scan_go(&scan, whole.bytes, size, 1000);
        }
        cr_assert_neq(result, CLIENT_SCAN_BROKEN);
        cr_assert_eq(client_scan_go(&scan, whole.bytes, whole.size, 1000), CLIENT_SCAN_WHOLE);
        cr_assert_eq(scan.at, whole.size);
    }
    behalf_writer_free(writer);
}

Test(client_msgpack, cut_off_bytes_are_never_read)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value whole;

    write_sample(writer);
    whole = value_of(writer);
    for (size_t size = 0; size < whole.size; size++) {
        /* A copy of just this size: a sanitizer sees any read beyond it. */
        unsigned char *bytes = malloc(size + 1);
        struct behalf_value cut = {bytes, size};
        struct behalf_value item;

        memcpy(bytes, whole.bytes, size);
        cr_assert_eq(behalf_value_measure(bytes, size), 0);
        cr_assert_not(behalf_value_next(&cut, &item));
        (void)behalf_value_get(cut, "none");
        (void)behalf_value_type(cut);
        free(bytes);
    }
    behalf_writer_free(writer);
}

Test(client_msgpack, counts_are_not_believed)
{
    static const struct behalf_value lies[] = {
        {(const unsigned char *)"\xDD\xFF\xFF\xFF\xFF", 5},
        {(const unsigned char *)"\xDF\xFF\xFF\xFF\xFF", 5},
        {(const unsigned char *)"\xDB\xFF\xFF\xFF\xFF", 5},
        {(const unsigned char *)"\xC6\xFF\xFF\xFF\xFF", 5},
        {(const unsigned char *)"\xC9\xFF\xFF\xFF\xFF", 5},
    };
    struct client_scan scan;
    struct behalf_value rest;
    const char *data;
    uint32_t count;
    size_t size;

    for (size_t index = 0; index < BEHALF_COUNT_OF(lies); index++) {
        client_scan_start(&scan);
        cr_assert_eq(client_scan_go(&scan, lies[index].bytes, lies[index].size, 1 << 20),
                     CLIENT_SCAN_BROKEN);
        cr_assert_not(behalf_value_array(lies[index], &count, &rest));
        cr_assert_not(behalf_value_map(lies[index], &count, &rest));
        cr_assert_not(behalf_value_string(lies[index], &data, &size));
    }
}

Test(client_msgpack, the_reserved_byte_is_broken)
{
    cr_assert_eq(behalf_value_measure("\xC1", 1), SIZE_MAX);
    cr_assert_eq(behalf_value_measure("\x92\x01\xC1", 3), SIZE_MAX);
}

Test(client_msgpack, random_bytes_do_no_harm)
{
    uint64_t state = 88172645463325252U;
    unsigned char bytes[64];

    for (int round = 0; round < 200000; round++) {
        struct behalf_value value = {bytes, sizeof bytes};
        struct behalf_value item;
        struct behalf_error error;

        for (size_t index = 0; index < sizeof bytes; index++) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes[index] = (unsigned char)state;
        }
        /* Mostly a map, so that the walk goes somewhere. */
        if (round % 4 != 0)
            bytes[0] = (unsigned char)(0x80 | (bytes[0] & 0x0F));
        (void)client_error_read(&error, value);
        while (behalf_value_next(&value, &item))
            (void)behalf_value_get(item, "a");
    }
}

Test(client_msgpack, an_error_keeps_all_the_server_said)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_error error;

    behalf_write_map(writer, 6);
    behalf_write_text(writer, "code");
    behalf_write_text(writer, "INVALID_ARGUMENT");
    behalf_write_text(writer, "reason");
    behalf_write_text(writer, "SCHEMA_TYPE_ERROR");
    behalf_write_text(writer, "message");
    behalf_write_text(writer, "there is no definition 'usr'");
    behalf_write_text(writer, "hint");
    behalf_write_text(writer, "did you mean 'user'?");
    behalf_write_text(writer, "at");
    behalf_write_map(writer, 3);
    behalf_write_text(writer, "line");
    behalf_write_uint(writer, 9);
    behalf_write_text(writer, "column");
    behalf_write_uint(writer, 29);
    behalf_write_text(writer, "text");
    behalf_write_text(writer, "usr");
    behalf_write_text(writer, "index");
    behalf_write_uint(writer, 7);
    cr_assert_eq(client_error_read(&error, value_of(writer)), BEHALF_FAILED_SERVER);
    cr_assert_str_eq(error.code, "INVALID_ARGUMENT");
    cr_assert_str_eq(error.reason, "SCHEMA_TYPE_ERROR");
    cr_assert_str_eq(error.message, "there is no definition 'usr'");
    cr_assert_str_eq(error.hint, "did you mean 'user'?");
    cr_assert_str_eq(error.text, "usr");
    cr_assert_eq(error.line, 9);
    cr_assert_eq(error.column, 29);
    cr_assert_eq(error.index, 7);
    behalf_writer_free(writer);
}

Test(client_msgpack, anything_else_in_the_place_of_an_error_is_an_error)
{
    struct behalf_value values[] = {{(const unsigned char *)"\xC3", 1},
                                    {(const unsigned char *)"\x80", 1},
                                    {(const unsigned char *)"\xA3"
                                                            "bad",
                                     4}};
    struct behalf_error error;

    for (size_t index = 0; index < BEHALF_COUNT_OF(values); index++) {
        cr_assert_eq(client_error_read(&error, values[index]), BEHALF_FAILED_SERVER);
        cr_assert_neq(error.message[0], '\0');
        cr_assert_eq(error.index, -1);
    }
    cr_assert_str_eq(error.message, "bad");
}

Test(client, a_time_that_is_left_is_never_for_ever)
{
    cr_expect_eq(client_poll_ms(-1), 0);
    cr_expect_eq(client_poll_ms(0), 0);
    cr_expect_eq(client_poll_ms(30000), 30000);
    cr_expect_eq(client_poll_ms(UINT32_MAX), INT_MAX);
}
