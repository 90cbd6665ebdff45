/* JSON text as MessagePack, and times of replies. */
#include <criterion/criterion.h>
#include <string.h>

#include "client/client_internal.h"

static struct behalf_writer *writer;
static struct behalf_error error;

static void
begin(void)
{
    writer = behalf_writer_new();
}

static void
end(void)
{
    behalf_writer_free(writer);
}

TestSuite(client_json, .init = begin, .fini = end);

static void
expect_bytes(const char *text, const void *bytes, size_t size)
{
    const unsigned char *got;
    size_t got_size;

    behalf_writer_clear(writer);
    cr_assert_eq(behalf_write_json(writer, text, &error), BEHALF_SUCCESS, "%s: %s", text,
                 error.message);
    got = behalf_writer_bytes(writer, &got_size);
    cr_assert_eq(got_size, size, "%s", text);
    cr_assert_eq(memcmp(got, bytes, size), 0, "%s", text);
}

#define EXPECT(text, literal) expect_bytes(text, literal, sizeof(literal) - 1)

Test(client_json, values_of_every_kind)
{
    EXPECT("{}", "\x80");
    EXPECT(" [ ] ", "\x90");
    EXPECT("[true,false,null]", "\x93\xC3\xC2\xC0");
    EXPECT("\t{\"a\" : [1 , -1],\r\n\"b\":{}}", "\x82\xA1"
                                                "a\x92\x01\xFF\xA1"
                                                "b\x80");
    EXPECT("\"\"", "\xA0");
}

Test(client_json, whole_numbers_stay_whole)
{
    EXPECT("0", "\x00");
    EXPECT("-0", "\x00");
    EXPECT("18446744073709551615", "\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    EXPECT("18446744073709551616", "\xCB\x43\xF0\x00\x00\x00\x00\x00\x00");
    EXPECT("-9223372036854775807", "\xD3\x80\x00\x00\x00\x00\x00\x00\x01");
    EXPECT("-9223372036854775808", "\xD3\x80\x00\x00\x00\x00\x00\x00\x00");
    EXPECT("-9223372036854775809", "\xCB\xC3\xE0\x00\x00\x00\x00\x00\x00");
    EXPECT("1.0", "\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00");
    EXPECT("5E-1", "\xCB\x3F\xE0\x00\x00\x00\x00\x00\x00");
    EXPECT("1e0", "\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00");
}

Test(client_json, strings_and_their_escapes)
{
    EXPECT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\xA8\"\\/\b\f\n\r\t");
    EXPECT("\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\\u0000\"", "\xAB"
                                                             "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98"
                                                             "\x80\x00");
    EXPECT("\"\xC3\xA9\x7F\"", "\xA3\xC3\xA9\x7F");
}

Test(client_json, heads_of_every_width)
{
    char text[70000 * 2 + 2];

    for (size_t count = 15; count <= 65536; count = count == 15      ? 16
                                                    : count == 16    ? 65535
                                                    : count == 65535 ? 65536
                                                                     : SIZE_MAX) {
        struct behalf_value rest;
        struct behalf_value item;
        uint32_t found;
        uint64_t last = 0;

        text[0] = '[';
        for (size_t index = 0; index < count; index++) {
            text[1 + 2 * index] = (char)('0' + index % 10);
            text[2 + 2 * index] = ',';
        }
        text[2 * count] = ']';
        text[2 * count + 1] = '\0';
        behalf_writer_clear(writer);
        cr_assert_eq(behalf_write_json(writer, text, &error), BEHALF_SUCCESS);
        item.bytes = behalf_writer_bytes(writer, &item.size);
        cr_assert_eq(behalf_value_measure(item.bytes, item.size), item.size);
        cr_assert_eq(item.size, count + (count < 16 ? 1 : count < 65536 ? 3 : 5));
        cr_assert(behalf_value_array(item, &found, &rest) && found == count);
        for (size_t index = 0; index < count; index++)
            cr_assert(behalf_value_next(&rest, &item) && behalf_value_uint(item, &last) &&
                      last == index % 10);
    }
}

Test(client_json, what_is_not_json_is_refused_at_its_place)
{
    static const struct {
        const char *text;
        uint32_t line;
        uint32_t column;
    } rows[] = {
        {"", 1, 1},
        {"{", 1, 2},
        {"[1 2]", 1, 4},
        {"{\"a\"\n 1}", 2, 2},
        {"{a:1}", 1, 2},
        {"{\"a\":1,}", 1, 8},
        {"[1,]", 1, 4},
        {"01", 1, 1},
        {"-", 1, 1},
        {"+1", 1, 1},
        {"1.", 1, 1},
        {"1e", 1, 1},
        {".5", 1, 1},
        {"0x10", 1, 2},
        {"NaN", 1, 1},
        {"Infinity", 1, 1},
        {"1e999", 1, 1},
        {"'a'", 1, 1},
        {"\"a", 1, 3},
        {"\"a\n\"", 1, 3},
        {"\"\\x\"", 1, 3},
        {"\"\\u12g4\"", 1, 6},
        {"\"\\uD800\"", 1, 8},
        {"\"\\uDC00\"", 1, 8},
        {"\"\\uD800\\u0041\"", 1, 14},
        {"\"\xFF\"", 1, 2},
        {"\"\\", 1, 3},
        {"truth", 1, 1},
        {"{} {}", 1, 4},
    };
    size_t size;

    behalf_write_uint(writer, 7);
    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        cr_assert_eq(behalf_write_json(writer, rows[index].text, &error), BEHALF_FAILED_USAGE,
                     "'%s'", rows[index].text);
        cr_assert_eq(error.line, rows[index].line, "'%s'", rows[index].text);
        cr_assert_eq(error.column, rows[index].column, "'%s': column %u", rows[index].text,
                     error.column);
        cr_assert_not_null(behalf_writer_bytes(writer, &size));
        cr_assert_eq(size, 1, "'%s' left something behind", rows[index].text);
    }
    cr_assert_eq(behalf_write_json(writer, "[", NULL), BEHALF_FAILED_USAGE);
}

Test(client_json, nesting_has_a_bound)
{
    char text[131];

    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = '\0';
    cr_assert_eq(behalf_write_json(writer, text, &error), BEHALF_FAILED_USAGE);
    cr_assert_not_null(strstr(error.message, "too deep"), "%s", error.message);
    text[129] = '\0';
    cr_assert_eq(behalf_write_json(writer, text + 1, &error), BEHALF_SUCCESS);
}

/* --- times --- */

static bool
read_time(const char *text, int64_t *time)
{
    struct behalf_value value;

    behalf_writer_clear(writer);
    behalf_write_text(writer, text);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    return behalf_value_time(value, time);
}

Test(client_json, times_of_replies)
{
    static const struct {
        const char *text;
        int64_t time;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"2000-02-29T23:59:59.5Z", INT64_C(951868799500000000)},
        {"2027-01-01T00:00:00Z", INT64_C(1798761600000000000)},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
    };
    static const char *const bad[] = {
        "",
        "2027-01-01",
        "2027-01-01T00:00:00",
        "2027-01-01 00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-01-00T00:00:00Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:00:00.Z",
        "2027-01-01T00:00:00.0123456789Z",
        "2027-01-01T00:00:00,5Z",
        "2027-01-01T00:00:0aZ",
        "1969-12-31T23:59:59Z",
        "2262-04-11T23:47:16.854775808Z",
        "2027-01-01T00:00:00Zx",
    };
    int64_t time = -1;

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        cr_assert(read_time(rows[index].text, &time), "%s", rows[index].text);
        cr_assert_eq(time, rows[index].time, "%s", rows[index].text);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++)
        cr_assert_not(read_time(bad[index], &time), "%s", bad[index]);
    cr_assert_eq(time, INT64_MAX, "nothing was written");
}
