/* test_json_out.c - JSON as it is sent: order, escapes, and MessagePack said in JSON. */
#include "net/json_out.h"

#include <criterion/criterion.h>

#include "base/arena.h"

static struct buffer out;
static struct json_out json;

static void
begin(void)
{
    buffer_init(&out);
    json = json_begin(&out);
}

static void
end(void)
{
    buffer_release(&out);
}

TestSuite(json_out, .init = begin, .fini = end);

Test(json_out, members_stand_in_the_order_in_which_they_are_put)
{
    json_open_map(&json, NULL);
    json_put_bool(&json, "z", true);
    json_open_map(&json, "a");
    json_close_map(&json);
    json_open_list(&json, "list");
    json_put_unsigned(&json, NULL, UINT64_MAX);
    json_put_text(&json, NULL, SLICE_LITERAL("x"));
    json_open_list(&json, NULL);
    json_close_list(&json);
    json_close_list(&json);
    json_put_bool(&json, "b", false);
    json_put_time(&json, "t", INT64_C(1800000000500000000));
    json_close_map(&json);
    cr_expect_str_eq(out.data, "{\"z\":true,\"a\":{},\"list\":[18446744073709551615,\"x\",[]],"
                               "\"b\":false,\"t\":\"2027-01-15T08:00:00.5Z\"}");
}

Test(json_out, texts_are_escaped)
{
    json_put_text(&json, "k\"",
                  SLICE_LITERAL("a\"b\\c\n\r\t\x01\x7f\0z \xC3\xA9 \xF0\x9F\x98\x80"));
    cr_expect_str_eq(out.data, "\"k\\\"\":\"a\\\"b\\\\c\\n\\u000d\\u0009\\u0001\\u007f\\u0000z "
                               "\xC3\xA9 \xF0\x9F\x98\x80\"");
}

Test(json_out, what_is_not_utf_8_is_replaced)
{
    json_put_text(&json, NULL,
                  SLICE_LITERAL("a\xC3"
                                "b\xFF\xED\xA0\x80\xE2\x82"));
    cr_expect_str_eq(out.data, "\"a?b??????\"");
}

/* Reads back as the same datum. */
Test(json_out, every_value_of_messagepack_has_its_json)
{
    const struct datum *datum = NULL;
    struct wire_reader reader;
    struct buffer wire;
    struct arena arena;
    struct error error;

    buffer_init(&wire);
    codec_put_map(&wire, 7);
    codec_put_literal(&wire, "nil");
    codec_put_nil(&wire);
    codec_put_literal(&wire, "yes");
    codec_put_bool(&wire, true);
    codec_put_literal(&wire, "big");
    codec_put_unsigned(&wire, UINT64_MAX);
    codec_put_literal(&wire, "small");
    codec_put_signed(&wire, INT64_MIN);
    codec_put_literal(&wire, "half");
    codec_put_double(&wire, 0.5);
    codec_put_literal(&wire, "list");
    codec_put_array(&wire, 2);
    codec_put_map(&wire, 0);
    codec_put_text(&wire, SLICE_LITERAL("\""));
    codec_put_literal(&wire, "last");
    codec_put_array(&wire, 0);
    json_open_list(&json, NULL);
    reader = reader_of(buffer_slice(&wire));
    cr_assert(json_put_wire(&json, NULL, &reader));
    json_put_bool(&json, NULL, true);
    json_close_list(&json);
    cr_expect_str_eq(out.data, "[{\"nil\":null,\"yes\":true,\"big\":18446744073709551615,"
                               "\"small\":-9223372036854775808,\"half\":0.5,\"list\":[{},\"\\\"\"],"
                               "\"last\":[]},true]");
    arena_init(&arena, SIZE_MAX);
    cr_expect_eq(datum_parse_json(buffer_slice(&out), &arena, &datum, &error), BEHALF_OK, "%s",
                 error.message);
    arena_release(&arena);
    buffer_release(&wire);
}

Test(json_out, bytes_that_are_no_value_are_refused)
{
    static const char *const wrong[] = {"",
                                        "\x81",
                                        "\x81\xA1"
                                        "a",
                                        "\x92\x01",
                                        "\xC4\x01x",
                                        "\x81\x01\x01",
                                        "\xA5"
                                        "abc"};

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        struct wire_reader reader = reader_of(slice_of(wrong[index]));

        cr_expect_not(json_put_wire(&json, NULL, &reader), "row %zu", index);
    }
}
