/* test_http_response.c - what is written, byte for byte, and what is not. */
#include <criterion/criterion.h>

#include "http/response.h"

#define ALWAYS                                                                                     \
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: "              \
    "same-origin\r\n"

static struct buffer out;

static void
begin(void)
{
    buffer_init(&out);
}

static void
end(void)
{
    buffer_release(&out);
}

TestSuite(http_response, .init = begin, .fini = end);

static void
assert_written(const struct response_framing *framing, const struct http_response *response,
               const char *expected)
{
    buffer_clear(&out);
    cr_assert(response_write(&out, framing, response));
    cr_assert_str_eq(out.data, expected);
}

Test(http_response, every_reply_has_the_same_fields)
{
    const struct response_framing plain = {.length = RESPONSE_SIZED};
    const struct response_framing tls = {.length = RESPONSE_SIZED, .is_tls = true, .closes = true};
    const struct http_field fields[] = {{SLICE_LITERAL("Retry-After"), SLICE_LITERAL("1")}};
    const struct http_response response = {
        .status = 429,
        .type = SLICE_LITERAL("text/plain"),
        .fields = fields,
        .field_count = 1,
        .body = SLICE_LITERAL("later\n"),
    };

    assert_written(&plain, &response,
                   "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n"
                   "Content-Length: 6\r\n" ALWAYS "Retry-After: 1\r\n\r\nlater\n");
    assert_written(&tls, &response,
                   "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\n"
                   "Content-Length: 6\r\nConnection: close\r\n" ALWAYS
                   "Strict-Transport-Security: max-age=31536000\r\nRetry-After: 1\r\n\r\nlater\n");
}

Test(http_response, of_head_the_length_alone_is_sent)
{
    const struct response_framing framing = {.length = RESPONSE_SIZED, .is_head = true};
    const struct http_response response = {.status = 200, .body = SLICE_LITERAL("12345")};

    assert_written(&framing, &response, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" ALWAYS "\r\n");
}

Test(http_response, without_content_there_is_no_length)
{
    const struct response_framing framing = {.length = RESPONSE_SIZED};
    const struct http_response none = {.status = 204, .body = SLICE_LITERAL("x")};
    const struct http_response empty = {.status = 200};

    assert_written(&framing, &none, "HTTP/1.1 204 No Content\r\n" ALWAYS "\r\n");
    assert_written(&framing, &empty, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" ALWAYS "\r\n");
}

Test(http_response, a_stream_is_chunked_or_ends_with_its_connection)
{
    const struct response_framing chunked = {.length = RESPONSE_CHUNKED};
    const struct response_framing closing = {.length = RESPONSE_UNTIL_CLOSE, .closes = true};
    const struct http_response response = {.status = 200,
                                           .type = SLICE_LITERAL("text/event-stream"),
                                           .body = SLICE_LITERAL("never sent")};

    assert_written(&chunked, &response,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                   "Transfer-Encoding: chunked\r\nX-Accel-Buffering: no\r\n" ALWAYS "\r\n");
    assert_written(&closing, &response,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                   "X-Accel-Buffering: no\r\nConnection: close\r\n" ALWAYS "\r\n");
    buffer_clear(&out);
    response_write_chunk(&out, SLICE_LITERAL("0123456789abcdef0"));
    response_write_last_chunk(&out);
    cr_assert_str_eq(out.data, "11\r\n0123456789abcdef0\r\n0\r\n\r\n");
}

Test(http_response, what_the_reader_would_refuse_is_not_written)
{
    static const struct http_field bad[] = {
        {{"X", 1}, {"a\r\nSet-Cookie: b", 16}},
        {{"X", 1}, {"a\nb", 3}},
        {{"X", 1}, {"a\rb", 3}},
        {{"X", 1}, {"a\0b", 3}},
        {{"X", 1}, {"\x7f", 1}},
        {{"X", 1}, {"\xc3\xa9", 2}},
        {{"X", 1}, {"\x1f", 1}},
        {{"", 0}, {"a", 1}},
        {{"X ", 2}, {"a", 1}},
        {{"X:", 2}, {"a", 1}},
        {{"X\n", 2}, {"a", 1}},
        {{"Content-Length", 14}, {"0", 1}},
        {{"transfer-encoding", 17}, {"chunked", 7}},
        {{"CONNECTION", 10}, {"close", 5}},
        {{"Content-Type", 12}, {"a", 1}},
        {{"Cache-Control", 13}, {"public", 6}},
    };
    const struct response_framing framing = {.length = RESPONSE_SIZED};
    struct http_response response = {.status = 200, .field_count = 1};

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        response.fields = &bad[at];
        cr_assert_not(response_write(&out, &framing, &response), "field %zu", at);
        cr_assert_eq(out.size, 0);
    }
    response = (struct http_response){.status = 200, .type = SLICE_LITERAL("a\r\nb")};
    cr_assert_not(response_write(&out, &framing, &response));
    for (unsigned status = 0; status < 200; status++) {
        response = (struct http_response){.status = status};
        cr_assert_not(response_write(&out, &framing, &response), "status %u", status);
    }
    response = (struct http_response){.status = 600};
    cr_assert_not(response_write(&out, &framing, &response));
    cr_assert_eq(out.size, 0);
}

Test(http_response, a_value_may_have_every_visible_byte_and_tab)
{
    char value[128];
    size_t size = 0;
    struct http_field field = {SLICE_LITERAL("X"), {value, 0}};
    const struct response_framing framing = {.length = RESPONSE_SIZED};
    struct http_response response = {.status = 200, .fields = &field, .field_count = 1};

    value[size++] = '\t';
    for (char byte = 0x20; byte < 0x7f; byte++)
        value[size++] = byte;
    field.value.size = size;
    cr_assert(response_write(&out, &framing, &response));
}

Test(http_response, a_line_of_text_says_why)
{
    const struct response_framing framing = {.length = RESPONSE_SIZED, .closes = true};

    response_write_text(&out, &framing, 400, "no", NULL);
    cr_assert_str_eq(out.data, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 3\r\nConnection: close\r\n" ALWAYS "\r\nno\n");
}
