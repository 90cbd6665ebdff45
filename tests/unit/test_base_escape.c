/* test_base_escape.c - text from outside for a terminal. */
#include <criterion/criterion.h>

#include "base/escape.h"

static void
expect_escaped(const char *text, const char *expected)
{
    struct buffer out;

    buffer_init(&out);
    escape_text(slice_of(text), &out);
    cr_assert_str_eq(out.data, expected);
    buffer_release(&out);
}

Test(escape, controls_and_bytes_that_are_no_text)
{
    expect_escaped("a\x1b[31mb\xc2\x9b\xff ż\n", "a\\u001B[31mb\\u009B\\xFF ż\\u000A");
    expect_escaped("\r\t\x7f\xed\xa0\x80", "\\u000D\\u0009\\u007F\\xED\\xA0\\x80");
}

Test(escape, marks_of_direction)
{
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what has to be escaped */
    expect_escaped("\u202Agpj.\u202E", "\\u202Agpj.\\u202E");
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what has to be escaped */
    expect_escaped("\u2066\u2069\u200E\u200F\u061C", "\\u2066\\u2069\\u200E\\u200F\\u061C");
}

Test(escape, what_is_not_seen)
{
    expect_escaped("\u200B\u200D\u2060\uFEFF", "\\u200B\\u200D\\u2060\\uFEFF");
    expect_escaped("a\u00ADb\u2063\uFE0F\u3164", "a\\u00ADb\\u2063\\uFE0F\\u3164");
    expect_escaped("\u2028\u2029", "\\u2028\\u2029");
    expect_escaped("ann\U000E0041\U000E007F", "ann\\uDB40\\uDC41\\uDB40\\uDC7F");
}

Test(escape, inside_of_a_json_string)
{
    struct buffer out;

    buffer_init(&out);
    /* NOLINTNEXTLINE(misc-misleading-bidirectional): that is what has to be escaped */
    escape_json(slice_of("a\"b\\\n\x1b\xff\u202E\u200B\u061Cż\U000E0041"), &out);
    cr_assert_str_eq(out.data,
                     "a\\\"b\\\\\\u000a\\u001b\\ufffd\\u202e\\u200b\\u061cż\\udb40\\udc41");
    buffer_release(&out);
}

Test(escape, what_is_seen_stays)
{
    expect_escaped("", "");
    expect_escaped("żółw 漢字 שלום \U0001F600", "żółw 漢字 שלום \U0001F600");
    expect_escaped("\u200A\u2010\u2027\u202F\uFDFF\uFE10", "\u200A\u2010\u2027\u202F\uFDFF\uFE10");
}
