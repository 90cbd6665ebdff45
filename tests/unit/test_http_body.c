/* test_http_body.c - bodies of a known length and in chunks, in every cut. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/test_http_support.h"

#define SIZE_MAX_HERE 100

static void
assert_chunked(const char *bytes, const char *content, size_t left)
{
    struct http_body_reading reading;

    http_read_chunked(slice_of(bytes), SIZE_MAX_HERE, &reading);
    cr_assert_eq(reading.state, BODY_COMPLETE, "%s: %s", bytes, reading.refusal.why);
    cr_assert(slice_equal(buffer_slice(&reading.content), slice_of(content)), "%s", bytes);
    cr_assert_eq(reading.left, left);
    buffer_release(&reading.content);
}

static void
assert_refused(const char *bytes, unsigned status)
{
    struct http_body_reading reading;

    http_read_chunked(slice_of(bytes), SIZE_MAX_HERE, &reading);
    cr_assert_eq(reading.state, BODY_REFUSED, "%s", bytes);
    cr_assert_eq(reading.refusal.status, status, "%s", bytes);
    buffer_release(&reading.content);
}

Test(http_body, a_length_ends_the_body)
{
    struct http_body_reading reading;

    http_read_length(slice_of("abcdefg"), 5, &reading);
    cr_assert_eq(reading.state, BODY_COMPLETE);
    cr_assert(slice_equal(buffer_slice(&reading.content), slice_of("abcde")));
    cr_assert_eq(reading.left, 2);
    buffer_release(&reading.content);
    http_read_length(slice_of("abcd"), 5, &reading);
    cr_assert_eq(reading.state, BODY_PARTIAL);
    buffer_release(&reading.content);
    http_read_length(slice_of("abcd"), 0, &reading);
    cr_assert_eq(reading.state, BODY_COMPLETE);
    cr_assert_eq(reading.left, 4);
    buffer_release(&reading.content);
}

Test(http_body, chunks_are_joined)
{
    assert_chunked("0\r\n\r\n", "", 0);
    assert_chunked("000\r\n\r\nGET", "", 3);
    assert_chunked("3\r\nabc\r\n0\r\n\r\n", "abc", 0);
    assert_chunked("1\r\na\r\n2\r\nbc\r\n0\r\n\r\nnext", "abc", 4);
    assert_chunked("A\r\n0123456789\r\n00a\r\nabcdefghij\r\n0\r\n\r\n", "0123456789abcdefghij", 0);
    /* Content may look like framing. */
    assert_chunked("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", "\r\n0\r\n\r\n", 0);
}

Test(http_body, a_size_has_eight_digits)
{
    assert_chunked("0000001\r\na\r\n0\r\n\r\n", "a", 0);
    assert_chunked("00000001\r\na\r\n00000000\r\n\r\n", "a", 0);
    assert_refused("000000001\r\na\r\n0\r\n\r\n", 400);
    assert_refused("1\r\na\r\n000000000\r\n\r\n", 400);
    assert_refused("FFFFFFFF\r\n", 413);
    assert_refused("1FFFFFFFF\r\n", 400);
    assert_refused("10000000000000001\r\n", 400); /* 1 in 64 bits */
}

Test(http_body, what_is_no_chunk_is_400)
{
    static const char *const bad[] = {
        "\r\n",
        "\n",
        ";a\r\n",
        "3;a=b\r\nabc\r\n",
        "3 ;a\r\nabc\r\n",
        "3 \r\nabc\r\n",
        " 3\r\nabc\r\n",
        "\t3\r\n",
        "+3\r\nabc\r\n",
        "-3\r\n",
        "0x3\r\nabc\r\n",
        "g\r\n",
        "3\nabc\n",
        "3\r\rabc",
        "3\rabc",
        "3\r\nabcd\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc\rX",
        "3\r\nabc0\r\n",
        "3\r\nab\r\n0\r\n\r\n",
        "0\r\nX: 1\r\n\r\n",
        "0\r\n\n",
        "0\n\n",
        "0\r\n\rX",
        "0;a\r\n\r\n",
        "0\r\n0\r\n\r\n",
        "3,3\r\nabc\r\n",
        "3\r\nabc\r\n\r\n",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++)
        assert_refused(bad[at], 400);
}

/* `size` bytes in chunks of `chunk`. */
static struct slice
chunks(struct buffer *out, size_t size, size_t chunk)
{
    buffer_clear(out);
    while (size > 0) {
        size_t here = size < chunk ? size : chunk;

        buffer_add_format(out, "%zx\r\n", here);
        for (size_t at = 0; at < here; at++)
            buffer_add_byte(out, 'a');
        buffer_add_text(out, "\r\n");
        size -= here;
    }
    buffer_add_text(out, "0\r\n\r\n");
    return buffer_slice(out);
}

Test(http_body, chunks_have_as_many_bytes_as_allowed)
{
    static const size_t pieces[] = {1, 7, 99, 100, 1000};
    struct buffer out;

    buffer_init(&out);
    for (size_t at = 0; at < BEHALF_COUNT_OF(pieces); at++) {
        for (size_t size = SIZE_MAX_HERE - 1; size <= SIZE_MAX_HERE + 1; size++) {
            struct http_body_reading reading;

            http_read_chunked(chunks(&out, size, pieces[at]), SIZE_MAX_HERE, &reading);
            cr_assert_eq(reading.state, size <= SIZE_MAX_HERE ? BODY_COMPLETE : BODY_REFUSED);
            cr_assert_eq(reading.refusal.status, size <= SIZE_MAX_HERE ? 0U : 413U);
            cr_assert_leq(reading.content.size, SIZE_MAX_HERE);
            buffer_release(&reading.content);
        }
    }
    buffer_release(&out);
}

Test(http_body, a_body_of_nothing_may_be_all_that_is_allowed)
{
    struct http_body_reading reading;

    http_read_chunked(slice_of("0\r\n\r\n"), 0, &reading);
    cr_assert_eq(reading.state, BODY_COMPLETE);
    buffer_release(&reading.content);
    http_read_chunked(slice_of("1\r\na"), 0, &reading);
    cr_assert_eq(reading.refusal.status, 413);
    buffer_release(&reading.content);
}
