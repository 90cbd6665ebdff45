/* test_datum.c - data as JSON and as canonical bytes. */
#include <criterion/criterion.h>

#include "base/datum.h"

#define CAP ((size_t)1024 * 1024)

static const struct datum *
parse(struct arena *arena, struct slice text)
{
    const struct datum *datum = NULL;
    struct error error;
    const char *reason = "";

    cr_assert_eq(datum_parse_json(text, arena, &datum, &error), BEHALF_OK, "%.*s: %s",
                 SLICE_PRINTF(text), error.message);
    cr_assert(datum_validate(datum, &reason), "%s", reason);
    return datum;
}

/* What is printed, what the bytes mean: both come back the same. */
static void
expect_round_trip(struct arena *arena, const struct datum *datum, const char *printed)
{
    const struct datum *again = NULL;
    struct buffer json;
    struct buffer bytes;
    struct buffer twice;

    buffer_init(&json);
    buffer_init(&bytes);
    buffer_init(&twice);
    datum_print_json(datum, &json);
    if (printed != NULL)
        cr_expect_str_eq(json.data, printed);
    datum_encode(datum, &bytes);
    cr_assert_eq(datum_decode(buffer_slice(&bytes), arena, &again, NULL), BEHALF_OK);
    datum_encode(again, &twice);
    cr_expect(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)));
    buffer_clear(&twice);
    datum_encode(parse(arena, buffer_slice(&json)), &twice);
    cr_expect(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)), "%s", json.data);
    buffer_release(&json);
    buffer_release(&bytes);
    buffer_release(&twice);
}

static void
expect_json(const char *text, const char *printed)
{
    struct arena arena;

    arena_init(&arena, CAP);
    expect_round_trip(&arena, parse(&arena, slice_of(text)), printed);
    arena_release(&arena);
}

static bool
same_bytes(struct slice a, struct slice b)
{
    struct arena arena;
    struct buffer left;
    struct buffer right;
    bool same;

    arena_init(&arena, CAP);
    buffer_init(&left);
    buffer_init(&right);
    datum_encode(parse(&arena, a), &left);
    datum_encode(parse(&arena, b), &right);
    same = slice_equal(buffer_slice(&left), buffer_slice(&right));
    buffer_release(&left);
    buffer_release(&right);
    arena_release(&arena);
    return same;
}

static void
expect_different(const char *a, const char *b)
{
    cr_expect_not(same_bytes(slice_of(a), slice_of(b)), "%s and %s", a, b);
}

static void
expect_refused(struct slice text, uint32_t line, uint32_t column)
{
    const struct datum *datum = NULL;
    struct arena arena;
    struct error error;

    arena_init(&arena, CAP);
    cr_expect_eq(datum_parse_json(text, &arena, &datum, &error), BEHALF_MALFORMED_REQUEST, "%.*s",
                 SLICE_PRINTF(text));
    cr_expect_null(datum);
    if (line > 0) {
        cr_expect_eq(error.line, line, "%.*s: %u", SLICE_PRINTF(text), error.line);
        cr_expect_eq(error.column, column, "%.*s: %u", SLICE_PRINTF(text), error.column);
    }
    arena_release(&arena);
}

Test(datum, json_is_printed_canonically)
{
    expect_json("null", "null");
    expect_json(" [ true , false ] ", "[true,false]");
    expect_json("{\"b\":1,\"a\":{\"d\":[],\"c\":{}}}", "{\"a\":{\"c\":{},\"d\":[]},\"b\":1}");
    expect_json("\"\\u00e9\\n\\t\\u0001\\\"\\\\\\/\"", "\"é\\n\\t\\u0001\\\"\\\\/\"");
    expect_json("\"\\ud83d\\ude00\"", "\"😀\"");
    expect_json("\"a\\u0000b\"", "\"a\\u0000b\"");
    expect_json("\"\\u007f\"", "\"\\u007f\"");
}

Test(datum, numbers_keep_their_kind)
{
    expect_json("1", "1");
    expect_json("-0", "0");
    expect_json("1.0", "1.0");
    expect_json("-0.0", "-0.0");
    expect_json("1e2", "100.0");
}

Test(datum, numbers_print_as_short_as_they_can)
{
    expect_json("0.1", "0.1");
    expect_json("0.30000000000000004", "0.30000000000000004");
    expect_json("1e300", "1e+300");
    expect_json("5e-324", "4.94065645841247e-324");
    expect_json("123456789012345680.0", "1.2345678901234568e+17");
    expect_json("3.0000000000000001", "3.0");
}

Test(datum, integers_beyond_64_bits_are_doubles)
{
    expect_json("9223372036854775807", "9223372036854775807");
    expect_json("-9223372036854775808", "-9223372036854775808");
    expect_json("9223372036854775808", "9.223372036854776e+18");
}

Test(datum, depth_is_limited)
{
    expect_json("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]");
    expect_refused(SLICE_LITERAL("[[[[[[[[[[[[[[[[\n[1]]]]]]]]]]]]]]]]]"), 2, 1);
    expect_json("\"[[[[[[[[[[[[[[[[[[[[[[[[[[\"", NULL);
}

Test(datum, what_is_not_json_is_refused_with_its_place)
{
    expect_refused(SLICE_LITERAL(""), 0, 0);
    expect_refused(SLICE_LITERAL("{\"a\":1,\"a\":2}"), 1, 10);
    expect_refused(SLICE_LITERAL("{\n  \"a\": x}"), 2, 8);
    expect_refused(SLICE_LITERAL("[1,]"), 1, 4);
    expect_refused(SLICE_LITERAL("1 2"), 1, 3);
    expect_refused(SLICE_LITERAL("{a:1}"), 0, 0);
    expect_refused(SLICE_LITERAL("01"), 0, 0);
    expect_refused(SLICE_LITERAL("1e999"), 0, 0);
    expect_refused(SLICE_LITERAL("NaN"), 0, 0);
    expect_refused(SLICE_LITERAL("\"\\ud800\""), 0, 0);
    expect_refused(SLICE_LITERAL("\"\xC0\x80\""), 0, 0);
    expect_refused(SLICE_LITERAL("\"a"), 0, 0);
    expect_refused(SLICE_LITERAL("\"\t\""), 0, 0);
    expect_refused(SLICE_LITERAL("{\"a\\u0000\":1}"), 0, 0);
    expect_refused(SLICE_LITERAL("{\"b\":9223372036854775808,\"a\":1,\"a\":2}"), 0, 0);
}

/* what must not share a key. */
Test(datum, different_data_have_different_bytes)
{
    static const char *const scalars[] = {"1",    "1.0",   "\"1\"",    "true",     "null",
                                          "\"\"", "false", "0",        "\"null\"", "[]",
                                          "{}",   "[1]",   "{\"1\":1}"};

    for (size_t a = 0; a < BEHALF_COUNT_OF(scalars); a++)
        for (size_t b = 0; b < a; b++)
            expect_different(scalars[a], scalars[b]);
    expect_different("[[\"a\"],\"b\"]", "[[\"a\",\"b\"]]");
    expect_different("[\"a,b\"]", "[\"a\",\"b\"]");
    expect_different("{\"a\":\"x,'b:'y\"}", "{\"a\":\"x\",\"b\":\"y\"}");
    expect_different("\"a\\bc\"", "\"ac\"");
    expect_different("\"a\\b\"", "\"a\\u0007\"");
    expect_different("\"a\\u0001\"", "\"a\\\\u0001\"");
    expect_different("9007199254740991", "9007199254740992");
    expect_different("9007199254740993", "9007199254740992");
    expect_different("9007199254740993", "9007199254740992.0");
    expect_different("{\"a\":\"\"}", "{}");
    expect_different("{\"a\":null}", "{}");
    expect_different("\"a\\u0000b\"", "\"a\"");
    expect_different("\"a\\u0000\"", "\"a\"");
    expect_different("\"\\u00e9\"", "\"e\\u0301\"");
    expect_different("0.0", "-0.0");
    expect_different("[1,2]", "[2,1]");
}

Test(datum, order_of_keys_and_spelling_do_not_matter)
{
    cr_expect(same_bytes(SLICE_LITERAL("{\"a\":1,\"b\":[true]}"),
                         SLICE_LITERAL("{ \"b\" : [ true ] , \"a\" : 1 }")));
    cr_expect(same_bytes(SLICE_LITERAL("\"\\u0061\""), SLICE_LITERAL("\"a\"")));
    cr_expect(same_bytes(SLICE_LITERAL("1.50"), SLICE_LITERAL("15e-1")));
    cr_expect(same_bytes(SLICE_LITERAL("{\"z\":0,\"é\":1,\"a\":2}"),
                         SLICE_LITERAL("{\"a\":2,\"\\u00e9\":1,\"z\":0}")));
}

Test(datum, fields_are_found_by_key)
{
    struct arena arena;
    const struct datum *map;

    arena_init(&arena, CAP);
    map = parse(&arena, SLICE_LITERAL("{\"c\":3,\"a\":1,\"bb\":2,\"\":0}"));
    cr_expect_eq(datum_field(map, SLICE_LITERAL("bb"))->as.integer, 2);
    cr_expect_eq(datum_field(map, SLICE_LITERAL(""))->as.integer, 0);
    cr_expect_null(datum_field(map, SLICE_LITERAL("b")));
    cr_expect_null(datum_field(map, SLICE_LITERAL("d")));
    cr_expect_null(datum_field(NULL, SLICE_LITERAL("a")));
    arena_release(&arena);
}

static void
expect_corrupt(struct slice bytes)
{
    const struct datum *datum = NULL;
    struct arena arena;
    struct error error;

    arena_init(&arena, CAP);
    cr_expect_eq(datum_decode(bytes, &arena, &datum, &error), BEHALF_STORAGE_CORRUPT);
    cr_expect_null(datum);
    arena_release(&arena);
}

Test(datum, bytes_that_encoding_cannot_give_are_refused)
{
    expect_corrupt(SLICE_LITERAL(""));
    expect_corrupt(SLICE_LITERAL("\x08"));
    expect_corrupt(SLICE_LITERAL("\xFF"));
    expect_corrupt(SLICE_LITERAL("\x00\x00"));
    expect_corrupt(SLICE_LITERAL("\x03\0\0\0\0\0\0\0"));
    expect_corrupt(SLICE_LITERAL("\x04\x7F\xF0\0\0\0\0\0\0"));
    expect_corrupt(SLICE_LITERAL("\x05\0\0\0\x02x"));
    expect_corrupt(SLICE_LITERAL("\x05\0\0\0\x01\xFF"));
    expect_corrupt(SLICE_LITERAL("\x06\xFF\xFF\xFF\xFF"));
    expect_corrupt(SLICE_LITERAL("\x07\0\0\0\x01"));
    expect_corrupt(SLICE_LITERAL("\x07\0\0\0\x02\0\0\0\x01"
                                 "b\x00\0\0\0\x01"
                                 "a\x00"));
    expect_corrupt(SLICE_LITERAL("\x07\0\0\0\x02\0\0\0\x01"
                                 "a\x00\0\0\0\x01"
                                 "a\x00"));
}

Test(datum, nested_bytes_are_limited_too)
{
    char bytes[(DATUM_DEPTH_MAX + 1) * 5 + 1];
    struct arena arena;
    const struct datum *datum = NULL;

    for (size_t index = 0; index <= DATUM_DEPTH_MAX; index++)
        memcpy(bytes + index * 5, "\x06\0\0\0\x01", 5);
    bytes[sizeof bytes - 1] = 0;
    expect_corrupt((struct slice){bytes, sizeof bytes});
    arena_init(&arena, CAP);
    cr_expect_eq(datum_decode((struct slice){bytes + 5, sizeof bytes - 5}, &arena, &datum, NULL),
                 BEHALF_OK);
    arena_release(&arena);
}

Test(datum, memory_is_that_of_the_arena)
{
    const struct datum *datum = NULL;
    struct arena arena;
    struct buffer text;
    struct error error;

    buffer_init(&text);
    buffer_add_text(&text, "[0");
    for (int count = 0; count < 4000; count++)
        buffer_add_text(&text, ",1");
    buffer_add_text(&text, "]");
    arena_init(&arena, 1024);
    cr_expect_eq(datum_parse_json(buffer_slice(&text), &arena, &datum, &error),
                 BEHALF_BUDGET_EXHAUSTED);
    cr_expect_null(datum);
    arena_release(&arena);
    buffer_release(&text);
}

Test(datum, validation_notices_what_is_broken)
{
    static const struct datum null = {.kind = DATUM_NULL};
    struct datum_field fields[2] = {{SLICE_LITERAL("b"), &null}, {SLICE_LITERAL("a"), &null}};
    struct datum map = {.kind = DATUM_MAP, .as.map = {fields, 2}};
    struct datum text = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("\xFF")};
    struct datum real = {.kind = DATUM_DOUBLE, .as.real = 1.0 / 0.0};
    struct slice twice;
    const char *reason;

    cr_expect_not(datum_validate(&map, &reason));
    cr_expect(datum_sort_fields(fields, 2, &twice));
    cr_expect(datum_validate(&map, &reason));
    fields[1].key = fields[0].key;
    cr_expect_not(datum_sort_fields(fields, 2, &twice));
    cr_expect(slice_equal(twice, SLICE_LITERAL("a")));
    cr_expect_not(datum_validate(&text, &reason));
    cr_expect_not(datum_validate(&real, &reason));
}

/* The fields of an encoded map, one "key=size" for each; "damaged" where reading ends early. */
static void
expect_fields(struct slice bytes, const char *expected)
{
    struct datum_cursor cursor;
    struct buffer found;
    bool fine = datum_open_map(bytes, &cursor);

    buffer_init(&found);
    while (fine && cursor.left > 0) {
        struct slice key;
        struct slice value;

        fine = datum_next_field(&cursor, &key, &value);
        if (fine)
            buffer_add_format(&found, "%.*s=%zu ", SLICE_PRINTF(key), value.size);
    }
    if (!fine)
        buffer_add_text(&found, "damaged");
    cr_expect_str_eq(buffer_slice(&found).size == 0 ? "" : found.data, expected);
    buffer_release(&found);
}

Test(datum, fields_of_encoded_maps_are_read_in_place)
{
    const struct datum *datum = NULL;
    struct arena arena;
    struct buffer bytes;
    struct error error;

    arena_init(&arena, 1 << 20);
    buffer_init(&bytes);
    cr_assert_eq(datum_parse_json(SLICE_LITERAL("{\"a\":1,\"bb\":\"xyz\",\"c\":[true,{\"d\":[]}],"
                                                "\"e\":{},\"f\":null}"),
                                  &arena, &datum, &error),
                 BEHALF_OK);
    datum_encode(datum, &bytes);
    expect_fields(buffer_slice(&bytes), "a=9 bb=8 c=21 e=5 f=1 ");
    for (size_t size = 1; size < bytes.size; size++) {
        struct slice cut = {bytes.data, size};
        struct datum_cursor cursor;
        struct slice key;
        struct slice value;
        bool fine = datum_open_map(cut, &cursor);

        while (fine && cursor.left > 0)
            fine = datum_next_field(&cursor, &key, &value);
        cr_expect_not(fine, "%zu bytes", size);
    }
    buffer_add_byte(&bytes, 0);
    expect_fields(buffer_slice(&bytes), "a=9 bb=8 c=21 e=5 damaged");
    expect_fields(SLICE_LITERAL("\x07\0\0\0\0"), "");
    expect_fields(SLICE_LITERAL("\x07\0\0\0\0\0"), "damaged");
    expect_fields(SLICE_LITERAL("\x06\0\0\0\0"), "damaged");
    expect_fields((struct slice){NULL, 0}, "damaged");
    buffer_release(&bytes);
    arena_release(&arena);
}

Test(datum, scalars_are_read_without_memory)
{
    struct datum datum;

    cr_expect(datum_read_scalar(SLICE_LITERAL("\x03\0\0\0\0\0\0\1\2"), &datum));
    cr_expect(datum.kind == DATUM_INT && datum.as.integer == 258);
    cr_expect(datum_read_scalar(SLICE_LITERAL("\x02"), &datum));
    cr_expect(datum.kind == DATUM_BOOL && datum.as.boolean);
    cr_expect(datum_read_scalar(SLICE_LITERAL("\x05\0\0\0\3abc"), &datum));
    cr_expect(datum.kind == DATUM_STRING && slice_equal(datum.as.string, SLICE_LITERAL("abc")));
    cr_expect_not(datum_read_scalar(SLICE_LITERAL("\x05\0\0\0\3ab"), &datum));
    cr_expect_not(datum_read_scalar(SLICE_LITERAL("\x05\0\0\0\3abcd"), &datum));
    cr_expect_not(datum_read_scalar(SLICE_LITERAL("\x05\0\0\0\1\xFF"), &datum));
    cr_expect_not(datum_read_scalar(SLICE_LITERAL("\x06\0\0\0\0"), &datum));
    cr_expect_not(datum_read_scalar(SLICE_LITERAL("\x08"), &datum));
    cr_expect_not(datum_read_scalar((struct slice){NULL, 0}, &datum));
}
