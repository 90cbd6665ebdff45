/* test_http_head.c - which heads are requests, and what the others are refused with; each of them
 * also byte by byte and in every cut. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/test_http_support.h"

#define END "\r\n"

static void
assert_text(struct slice text, const char *expected)
{
    cr_assert(slice_equal(text, slice_of(expected)), "'%.*s' is not '%s'", SLICE_PRINTF(text),
              expected);
}

Test(http_head, a_request_is_taken_apart)
{
    static const char bytes[] = "POST /a/b%2F?x=1&y=?/ HTTP/1.1\r\nHOST: A:1\r\nEmpty:\r\n"
                                "Accept: \t a, b;q=0.5\t \r\ncontent-length:12\r\n\r\nrest";
    struct http_reading reading;

    http_read_head(slice_of(bytes), &reading);
    cr_assert_eq(reading.state, HEAD_COMPLETE);
    cr_assert_eq(reading.refusal.status, 0, "%s", reading.refusal.why);
    cr_assert_eq(reading.head_size, sizeof bytes - 1 - 4);
    cr_assert_eq(reading.request.method, HTTP_POST);
    assert_text(reading.request.target, "/a/b%2F?x=1&y=?/");
    assert_text(reading.request.path, "/a/b%2F");
    assert_text(reading.request.query, "x=1&y=?/");
    cr_assert_eq(reading.request.field_count, 4);
    assert_text(reading.request.fields[0].name, "HOST");
    assert_text(reading.request.fields[0].value, "A:1");
    assert_text(reading.request.fields[1].name, "Empty");
    assert_text(reading.request.fields[1].value, "");
    assert_text(reading.request.fields[2].value, "a, b;q=0.5");
    cr_assert_eq(reading.meaning.content_length, 12);
    cr_assert_not(reading.meaning.is_chunked || reading.meaning.closes ||
                  reading.meaning.expects_continue);
}

Test(http_head, five_methods_are_known)
{
    static const struct {
        const char *text;
        enum http_method method;
    } cases[] = {{"GET", HTTP_GET},
                 {"HEAD", HTTP_HEAD},
                 {"POST", HTTP_POST},
                 {"DELETE", HTTP_DELETE},
                 {"OPTIONS", HTTP_OPTIONS}};
    static const char *const others[] = {"PUT", "PATCH", "TRACE",      "get",
                                         "G",   "GETS",  "Q!#$%&'*+-."};

    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        char bytes[128];
        struct http_reading reading;

        (void)snprintf(bytes, sizeof bytes, "%s / HTTP/1.1\r\n" HTTP_HOST END, cases[at].text);
        http_read_head(slice_of(bytes), &reading);
        cr_assert_eq(reading.refusal.status, 0);
        cr_assert_eq(reading.request.method, cases[at].method);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(others); at++) {
        char bytes[128];

        (void)snprintf(bytes, sizeof bytes, "%s / HTTP/1.1\r\n" HTTP_HOST END, others[at]);
        cr_assert_eq(http_head_status(bytes), 501, "%s", others[at]);
    }
}

Test(http_head, what_is_no_request_line_is_400)
{
    static const char *const lines[] = {
        "\r\n" HTTP_LINE,
        "\n",
        " GET / HTTP/1.1\r\n",
        "GET  / HTTP/1.1\r\n",
        "GET\t/ HTTP/1.1\r\n",
        "GET / HTTP/1.1 \r\n",
        "GET /  HTTP/1.1\r\n",
        "GET /\r\n",
        "GET / \r\n",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\rX",
        "GET / HTTP/1.1\r\r\n",
        "GET / http/1.1\r\n",
        "GET / HTTP/1.\r\n",
        "GET / HTTP/11\r\n",
        "GET / HTTP/1.10\r\n",
        "GET / HTTP/01.1\r\n",
        "GET / HTTP/x.1\r\n",
        "GET / FTP/1.1\r\n",
        "G(T / HTTP/1.1\r\n",
        "G\x80T / HTTP/1.1\r\n",
        "\x16\x03\x01",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(lines); at++) {
        char bytes[128];

        (void)snprintf(bytes, sizeof bytes, "%s" HTTP_HOST END, lines[at]);
        cr_assert_eq(http_head_status(bytes), 400, "line %zu: %s", at, lines[at]);
    }
    cr_assert_eq(http_head_status_of((struct slice){"G\0T / HTTP/1.1\r\n\r\n", 18}), 400);
}

Test(http_head, other_versions_are_505)
{
    static const char *const versions[] = {"0.9", "1.2", "2.0", "3.1", "0.1", "9.9"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(versions); at++) {
        char bytes[128];

        (void)snprintf(bytes, sizeof bytes, "GET / HTTP/%s\r\n" HTTP_HOST END, versions[at]);
        cr_assert_eq(http_head_status(bytes), 505, "%s", versions[at]);
    }
}

Test(http_head, version_1_0_is_an_option_and_ends_the_connection)
{
    struct http_reading reading;

    cr_assert_eq(http_strict_status("GET / HTTP/1.0\r\n" HTTP_HOST END), 505);
    http_read_head(slice_of("GET / HTTP/1.0\r\n" HTTP_HOST END), &reading);
    cr_assert_eq(reading.refusal.status, 0);
    cr_assert(reading.meaning.closes);
    /* It needs a Host, knows no chunks, and its expectations are ignored (RFC 9110 10.1.1). */
    cr_assert_eq(http_head_status("GET / HTTP/1.0\r\n\r\n"), 400);
    cr_assert_eq(
        http_head_status("POST / HTTP/1.0\r\n" HTTP_HOST "Transfer-Encoding: chunked\r\n\r\n"),
        400);
    http_read_head(slice_of("POST / HTTP/1.0\r\n" HTTP_HOST "Expect: 100-continue\r\n\r\n"),
                   &reading);
    cr_assert_eq(reading.refusal.status, 0);
    cr_assert_not(reading.meaning.expects_continue);
}

Test(http_head, a_target_is_in_origin_form)
{
    static const char *const bad[] = {
        "http://a:1/x",
        "a:1",
        "*",
        "x",
        "?x",
        "",
        "/x#y",
        "/\"",
        "/<",
        "/>",
        "/\\",
        "/^",
        "/`",
        "/{",
        "/|",
        "/}",
        "/[",
        "/]",
        "/%",
        "/%4",
        "/%4g",
        "/%g",
        "/x?%zz=1",
        "/\x80"
        "x",
        "/\x7f",
        "/x\x01",
    };
    static const char *const good[] = {
        "/", "//", "/a//b", "/?", "/%00%fF%Aa", "/!$&'()*+,;=:@-._~", "/x?a=/?b:@", "/.."};
    char bytes[128];

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        (void)snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n" HTTP_HOST END, bad[at]);
        cr_assert_eq(http_head_status(bytes), 400, "target %s", bad[at]);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(good); at++) {
        (void)snprintf(bytes, sizeof bytes, "GET %s HTTP/1.1\r\n" HTTP_HOST END, good[at]);
        cr_assert_eq(http_head_status(bytes), 0, "target %s", good[at]);
    }
    cr_assert_eq(http_head_status("OPTIONS * HTTP/1.1\r\n" HTTP_HOST END), 400);
    cr_assert_eq(http_head_status("CONNECT a:1 HTTP/1.1\r\n" HTTP_HOST END), 400);
}

/* `count` times a byte between two texts. */
static struct slice
padded(struct buffer *out, const char *before, char byte, size_t count, const char *after)
{
    buffer_clear(out);
    buffer_add_text(out, before);
    for (size_t at = 0; at < count; at++)
        buffer_add_byte(out, byte);
    buffer_add_text(out, after);
    return buffer_slice(out);
}

Test(http_head, a_target_has_8_KiB)
{
    struct buffer out;
    size_t most = 8192 - 1; /* beside the '/' */

    buffer_init(&out);
    cr_assert_eq(
        http_head_status_of(padded(&out, "GET /", 'a', most - 1, " HTTP/1.1\r\n" HTTP_HOST END)),
        0);
    cr_assert_eq(
        http_head_status_of(padded(&out, "GET /", 'a', most, " HTTP/1.1\r\n" HTTP_HOST END)), 0);
    cr_assert_eq(
        http_head_status_of(padded(&out, "GET /", 'a', most + 1, " HTTP/1.1\r\n" HTTP_HOST END)),
        414);
    /* Also when its end never comes. */
    cr_assert_eq(http_head_status_of(padded(&out, "GET /", 'a', most + 1, "")), 414);
    buffer_release(&out);
}

Test(http_head, a_head_has_16_KiB)
{
    static const char before[] = HTTP_START "X: ";
    static const char after[] = "\r\n\r\n";
    struct buffer out;
    size_t most = 16384 - (sizeof before - 1) - (sizeof after - 1);
    struct http_reading reading;

    buffer_init(&out);
    cr_assert_eq(http_head_status_of(padded(&out, before, 'a', most - 1, after)), 0);
    http_read_head(padded(&out, before, 'a', most, after), &reading);
    cr_assert_eq(reading.refusal.status, 0);
    cr_assert_eq(reading.head_size, 16384);
    cr_assert_eq(http_head_status_of(padded(&out, before, 'a', most + 1, after)), 431);
    /* Refused with the last byte that fits, not when more come. */
    http_read_head(padded(&out, before, 'a', 16384 - sizeof before, ""), &reading);
    cr_assert_eq(reading.state, HEAD_PARTIAL);
    http_read_head(padded(&out, before, 'a', 16384 - sizeof before + 1, ""), &reading);
    cr_assert_eq(reading.refusal.status, 431);
    cr_assert_eq(http_head_status_of(padded(&out, "", 'G', 16384, "")), 431);
    buffer_release(&out);
}

Test(http_head, a_head_has_as_many_bytes_as_its_listener_says)
{
    struct head head;
    struct slice bytes = slice_of(HTTP_START END);

    head_init(&head, bytes.size, false);
    cr_assert_eq(head_read(&head, bytes.data, bytes.size), HEAD_COMPLETE);
    head_init(&head, bytes.size - 1, false);
    cr_assert_eq(head_read(&head, bytes.data, bytes.size), HEAD_REFUSED);
    cr_assert_eq(head.refusal.status, 431);
}

Test(http_head, a_head_has_64_fields)
{
    struct buffer out;

    buffer_init(&out);
    for (size_t count = 63; count <= 65; count++) {
        buffer_clear(&out);
        buffer_add_text(&out, HTTP_START);
        for (size_t at = 1; at < count; at++)
            buffer_add_format(&out, "X-%zu: 1\r\n", at);
        buffer_add_text(&out, END);
        cr_assert_eq(http_head_status_of(buffer_slice(&out)), count <= 64 ? 0U : 431U, "%zu",
                     count);
    }
    buffer_release(&out);
}

Test(http_head, a_field_that_others_may_read_differently_is_400)
{
    static const char *const fields[] = {
        "X : 1\r\n",    "X\t: 1\r\n",  " X: 1\r\n",    "\tX: 1\r\n",         ": 1\r\n",
        "X: 1\n",       "X: 1\r",      "X: 1\r\r\n",   "X: 1\r\n 2\r\n",     "X: 1\r\n\t2\r\n",
        "X: a\rb\r\n",  "X\r\n",       "X\n",          "X y: 1\r\n",         "X(: 1\r\n",
        "X\x80: 1\r\n", "X: \x01\r\n", "X: a\x7f\r\n", "X: caf\xc3\xa9\r\n", "X: \xff\r\n",
        "\n",
    };
    char bytes[128];

    for (size_t at = 0; at < BEHALF_COUNT_OF(fields); at++) {
        (void)snprintf(bytes, sizeof bytes, HTTP_START "%s" END, fields[at]);
        cr_assert_eq(http_head_status(bytes), 400, "field %zu: %s", at, fields[at]);
        /* Also as the first one. */
        (void)snprintf(bytes, sizeof bytes, HTTP_LINE "%s" HTTP_HOST END, fields[at]);
        cr_assert_eq(http_head_status(bytes), 400, "first field %zu: %s", at, fields[at]);
    }
    cr_assert_eq(
        http_head_status_of((struct slice){HTTP_START "X: \0\r\n\r\n", sizeof HTTP_START - 1 + 8}),
        400);
    cr_assert_eq(
        http_head_status_of((struct slice){HTTP_START "X\0: 1\r\n\r\n", sizeof HTTP_START - 1 + 9}),
        400);
}

/* Of all 256 bytes, those are taken that the page names. */
Test(http_head, each_byte_has_its_places)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char value[] = HTTP_START "X: a?b\r\n\r\n";
        char name[] = HTTP_START "a?b: 1\r\n\r\n";
        struct slice bytes = {value, sizeof value - 1};
        bool is_token = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                        (byte >= 'a' && byte <= 'z') ||
                        (byte != 0 && strchr("!#$%&'*+-.^_`|~", (int)byte) != NULL);

        *strchr(value, '?') = (char)byte;
        cr_assert_eq(http_head_status_of(bytes) == 0,
                     byte == '\t' || (byte >= 0x20 && byte <= 0x7e), "value 0x%02x", byte);
        *strchr(name, '?') = (char)byte;
        bytes = (struct slice){name, sizeof name - 1};
        /* A colon ends the name: "a" with the value "b: 1". */
        cr_assert_eq(http_head_status_of(bytes) == 0, is_token || byte == ':', "name 0x%02x", byte);
    }
}

Test(http_head, once_only_fields_occur_once)
{
    static const char *const once[] = {
        "Host: a:1",
        "Authorization: Bearer x",
        "Content-Length: 0",
        "Content-Type: a",
        "Origin: http://a",
        "Cookie: a=b",
        "X-Request-ID: 1",
        "Idempotency-Key: 1",
        "MCP-Protocol-Version: 1",
        "Mcp-Session-Id: 1",
        "mcp-anything: 1",
        "Expect: 100-continue",
        "Transfer-Encoding: chunked",
    };
    static const char *const often[] = {"Accept: a", "Connection: keep-alive", "X-Other: 1",
                                        "Forwarded: for=a", "Mcp: 1"};
    char bytes[256];

    for (size_t at = 0; at < BEHALF_COUNT_OF(once); at++) {
        const char *host = at == 0 ? "" : HTTP_HOST;

        (void)snprintf(bytes, sizeof bytes, HTTP_LINE "%s%s\r\n\r\n", host, once[at]);
        cr_assert_eq(http_head_status(bytes), 0, "%s", once[at]);
        (void)snprintf(bytes, sizeof bytes, HTTP_LINE "%s%s\r\nX: 1\r\n%s\r\n\r\n", host, once[at],
                       once[at]);
        cr_assert_eq(http_head_status(bytes), 400, "%s", once[at]);
        /* The case of the second name does not hide it. */
        for (char *letter = bytes + strlen(bytes) - strlen(once[at]) - 4; *letter != ':'; letter++)
            *letter = (char)(*letter >= 'a' && *letter <= 'z'   ? *letter - 32
                             : *letter >= 'A' && *letter <= 'Z' ? *letter + 32
                                                                : *letter);
        cr_assert_eq(http_head_status(bytes), 400, "%s", bytes);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(often); at++) {
        (void)snprintf(bytes, sizeof bytes, HTTP_START "%s\r\n%s\r\n\r\n", often[at], often[at]);
        cr_assert_eq(http_head_status(bytes), 0, "%s", often[at]);
    }
}

Test(http_head, a_host_is_one_of_ours)
{
    cr_assert_eq(http_head_status(HTTP_LINE END), 400);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: a:1\r\n\r\n"), 0);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: A:1\r\n\r\n"), 0);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: [::1]:1\r\n\r\n"), 0);
    cr_assert_eq(http_head_status(HTTP_LINE "Host:\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: a\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: a:12\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: aa:1\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: a:1, a:1\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: a:1.\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: x@a:1\r\n\r\n"), 421);
    cr_assert_eq(http_head_status(HTTP_LINE "Host: evil.example\r\n\r\n"), 421);
    /* Before the method or the body is looked at, but after what is no HTTP. */
    cr_assert_eq(http_head_status("PUT / HTTP/1.1\r\nHost: b\r\nExpect: x\r\n\r\n"), 421);
    cr_assert_eq(http_head_status("PUT / HTTP/1.1\r\nHost: b\r\nContent-Length: x\r\n\r\n"), 400);
    cr_assert_eq(http_head_status("GET / HTTP/1.1\r\nHost: b\r\nOrigin: a\r\nOrigin: b\r\n\r\n"),
                 400);
}

Test(http_head, a_length_is_plain_digits)
{
    static const char *const bad[] = {
        "",    "+2", "-2", "2,2", "2, 2", "2 2", "0x10", "1e3", "2.0", " 2 2", "\"2\"", "two",
        "2;a", "00", "02", "1_0", "1a",   "a1",  ",2",   "2,",  "+0",  "-0",   "0 0",
    };
    static const struct {
        const char *text;
        uint64_t length;
    } good[] = {
        {"0", 0},
        {"9", 9},
        {"10", 10},
        {"  7\t", 7},
        {"18446744073709551614", UINT64_MAX - 1},
        {"18446744073709551615", UINT64_MAX},
        {"18446744073709551616", UINT64_MAX}, /* more than can be is too much as well */
        {"99999999999999999999999999", UINT64_MAX},
    };
    char bytes[256];

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        (void)snprintf(bytes, sizeof bytes, HTTP_START "Content-Length: %s\r\n\r\n", bad[at]);
        cr_assert_eq(http_head_status(bytes), 400, "length '%s'", bad[at]);
        cr_assert_eq(http_strict_status(bytes), 400, "length '%s'", bad[at]);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(good); at++) {
        struct http_reading reading;

        (void)snprintf(bytes, sizeof bytes, HTTP_START "Content-Length: %s\r\n\r\n", good[at].text);
        http_read_head(slice_of(bytes), &reading);
        cr_assert_eq(reading.refusal.status, 0, "length '%s'", good[at].text);
        cr_assert_eq(reading.meaning.content_length, good[at].length, "'%s'", good[at].text);
    }
}

Test(http_head, transfer_encoding_is_chunked_alone_or_nothing)
{
    static const char *const bad[] = {
        "",          "identity",    "gzip",     "gzip, chunked", "chunked, chunked", "chunked,",
        ", chunked", "chunked;q=1", "xchunked", "chunkedx",      "\"chunked\"",      "chunked gzip",
        "chunke",
    };
    struct http_reading reading;
    char bytes[256];

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        (void)snprintf(bytes, sizeof bytes, HTTP_START "Transfer-Encoding: %s\r\n\r\n", bad[at]);
        cr_assert_eq(http_head_status(bytes), 400, "coding '%s'", bad[at]);
    }
    http_read_head(slice_of(HTTP_START "Transfer-Encoding: \tChUnKeD \r\n\r\n"), &reading);
    cr_assert_eq(reading.refusal.status, 0);
    cr_assert(reading.meaning.is_chunked);
    /* The same where chunks are not allowed. */
    cr_assert_eq(http_strict_status(HTTP_START "Transfer-Encoding: chunked\r\n\r\n"), 400);
    cr_assert_eq(http_strict_status(HTTP_START "Transfer-Encoding:\r\n\r\n"), 400);
}

Test(http_head, a_body_is_framed_in_one_way)
{
    cr_assert_eq(
        http_head_status(HTTP_START "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
        400);
    cr_assert_eq(
        http_head_status(HTTP_START "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
        400);
    cr_assert_eq(http_head_status(HTTP_START "Content-Length: 3\r\nContent-Length: 3\r\n\r\n"),
                 400);
    cr_assert_eq(http_head_status(HTTP_START "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"),
                 400);
    cr_assert_eq(
        http_head_status(HTTP_START
                         "Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n"),
        400);
    /* Names that a careless reader takes for these are other fields. */
    cr_assert_eq(http_head_status(HTTP_START "Content_Length: 3\r\n\r\n"), 0);
    cr_assert_eq(http_head_status(HTTP_START "Transfer-Encoding : chunked\r\n\r\n"), 400);
    cr_assert_eq(http_head_status(HTTP_START "X: 1\r\n Transfer-Encoding: chunked\r\n\r\n"), 400);
}

Test(http_head, only_100_continue_is_expected)
{
    struct http_reading reading;

    http_read_head(slice_of(HTTP_START "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
                   &reading);
    cr_assert_eq(reading.refusal.status, 0);
    cr_assert(reading.meaning.expects_continue);
    cr_assert_eq(http_head_status(HTTP_START "Expect:\r\n\r\n"), 417);
    cr_assert_eq(http_head_status(HTTP_START "Expect: 200-ok\r\n\r\n"), 417);
    cr_assert_eq(http_head_status(HTTP_START "Expect: 100-continue, x\r\n\r\n"), 417);
}

Test(http_head, close_is_found_in_every_list)
{
    static const struct {
        const char *fields;
        bool closes;
    } cases[] = {
        {"", false},
        {"Connection: close\r\n", true},
        {"Connection: CLOSE\r\n", true},
        {"Connection: keep-alive , Close\r\n", true},
        {"Connection: close,x\r\n", true},
        {"Connection: x\r\nConnection: ,close,\r\n", true},
        {"Connection: close\r\nConnection: keep-alive\r\n", true},
        {"Connection: keep-alive\r\n", false},
        {"Connection:\r\n", false},
        {"Connection: closed, xclose, close x\r\n", false},
        {"Close: close\r\n", false},
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        struct http_reading reading;
        char bytes[128];

        (void)snprintf(bytes, sizeof bytes, HTTP_START "%s\r\n", cases[at].fields);
        http_read_head(slice_of(bytes), &reading);
        cr_assert_eq(reading.refusal.status, 0);
        cr_assert_eq(reading.meaning.closes, cases[at].closes, "%s", cases[at].fields);
    }
}

Test(http_head, a_head_is_partial_until_its_last_byte)
{
    static const char bytes[] = HTTP_START "Accept: a\r\n\r\n";

    for (size_t size = 0; size < sizeof bytes - 1; size++) {
        struct head head;

        head_init(&head, HTTP_HEAD_SIZE_MAX, false);
        cr_assert_eq(head_read(&head, bytes, size), HEAD_PARTIAL, "%zu", size);
    }
}
