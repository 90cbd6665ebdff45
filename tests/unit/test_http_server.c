/* test_http_server.c - requests and replies over sockets. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test_http_server_support.h"

TestSuite(http_server, .init = http_reset);

#define OK_REPLY(length, body)                                                                     \
    "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n" HTTP_ALWAYS "\r\n" body
#define CLOSING_REPLY(length, body)                                                                \
    "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\nConnection: close\r\n" HTTP_ALWAYS "\r\n" body

Test(http_server, requests_follow_on_one_connection)
{
    int fd;

    http_begin();
    fd = http_connect();
    for (int at = 0; at < 3; at++) {
        http_send_text(fd, "POST /echo?x HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
        http_expect(fd, OK_REPLY("14", "POST /echo abc"));
    }
    http_send_text(fd, HTTP_GET_HEAD("/echo") "Connection: close\r\n\r\n");
    http_expect(fd, CLOSING_REPLY("10", "GET /echo "));
    http_expect_close(fd);
    http_end();
}

Test(http_server, requests_that_come_together_are_answered_in_order)
{
    struct buffer sent;
    int fd;

    http_begin();
    fd = http_connect();
    buffer_init(&sent);
    for (int at = 0; at < 200; at++)
        buffer_add_format(
            &sent, "POST /echo/%d HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab", at);
    http_send(fd, buffer_slice(&sent));
    for (int at = 0; at < 200; at++) {
        char body[64];

        (void)snprintf(body, sizeof body, "\r\n\r\nPOST /echo/%d ab", at);
        cr_assert_neq(strstr(http_reply(fd), body), NULL);
    }
    (void)close(fd);
    buffer_release(&sent);
    http_end();
}

static void
assert_same_in_every_cut(const char *request)
{
    struct buffer whole;
    size_t size = strlen(request);
    int fd = http_connect();

    buffer_init(&whole);
    http_send_text(fd, request);
    http_receive_all(fd, &whole);
    (void)close(fd);
    cr_assert_gt(whole.size, 0);
    for (size_t cut = 0; cut < size; cut++) { /* 0: byte by byte */
        struct buffer other;

        buffer_init(&other);
        fd = http_connect();
        for (size_t at = 0; at < size;) {
            size_t end = cut == 0 ? at + 1 : at == 0 ? cut : size;

            http_send(fd, (struct slice){request + at, end - at});
            at = end;
        }
        http_receive_all(fd, &other);
        cr_assert_str_eq(other.data, whole.data, "cut at %zu", cut);
        buffer_release(&other);
        (void)close(fd);
    }
    buffer_release(&whole);
}

Test(http_server, pieces_make_no_difference)
{
    http_options.allow_chunked = true;
    http_begin();
    assert_same_in_every_cut("POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
                             "GET /echo/2 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert_same_in_every_cut("POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    assert_same_in_every_cut("GET /echo HTTP/1.1\r\nHost: test\r\nX : y\r\n\r\n");
    assert_same_in_every_cut("POST /echo HTTP/1.1\r\nHost: test\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n");
    http_end();
}

Test(http_server, each_refusal_has_its_status_and_closes)
{
    static const struct {
        const char *request;
        const char *line;
    } cases[] = {
        {"GET /echo\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET http://test/ HTTP/1.1\r\nHost: test\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET /echo HTTP/1.1\nHost: test\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {"GET /echo HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "Host: test\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "X: a\r\n b\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "X : a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") ": a\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "Content-Length: +2\r\n\r\nab", "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
         "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "X-Request-ID: 1\r\nx-request-id: 1\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\n"},
        {HTTP_GET_HEAD("/echo") "Idempotency-Key: 1\r\nIdempotency-Key: 1\r\n\r\n",
         "HTTP/1.1 400 Bad Request\r\n"},
        {"GET /echo HTTP/1.1\r\nHost: other\r\n\r\n", "HTTP/1.1 421 Misdirected Request\r\n"},
        {"PUT /echo HTTP/1.1\r\nHost: test\r\n\r\n", "HTTP/1.1 501 Not Implemented\r\n"},
        {"GET /echo HTTP/1.0\r\nHost: test\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
        {HTTP_GET_HEAD("/echo") "Expect: x\r\n\r\n", "HTTP/1.1 417 Expectation Failed\r\n"},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 65537\r\n\r\n",
         "HTTP/1.1 413 Content Too Large\r\n"},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 99999999999999999999\r\n\r\n",
         "HTTP/1.1 413 Content Too Large\r\n"},
    };
    struct http_stats stats;

    http_begin();
    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        int fd = http_connect();

        /* What follows is not looked at. */
        http_send_text(fd, cases[at].request);
        http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
        http_expect_status(fd, cases[at].line);
    }
    cr_assert_eq(http_handled_count(), 0);
    http_server_stats(http_server, &stats);
    cr_assert_eq(stats.refused_requests, BEHALF_COUNT_OF(cases));
    cr_assert_eq(stats.requests, 0);
    http_end();
}

Test(http_server, a_refusal_has_the_field_by_which_it_is_known)
{
    static const struct {
        const char *request;
        const char *echoed; /* NULL = none */
    } cases[] = {
        {"PUT /echo HTTP/1.1\r\nHost: test\r\nx-request-id: a~!\r\n\r\n", "a~!"},
        {"GET /echo HTTP/1.1\r\nHost: other\r\nX-Request-ID: r1\r\n\r\n", "r1"},
        {HTTP_GET_HEAD("/echo") "X-Request-ID: r1\r\nContent-Length: +2\r\n\r\n", "r1"},
        {"POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 65537\r\n"
         "X-Request-ID: r1\r\n\r\n",
         "r1"},
        {HTTP_GET_HEAD("/echo") "Expect: x\r\nX-Request-ID: r1\r\n\r\n", "r1"},
        {HTTP_GET_HEAD("/echo") "Expect: x\r\nX-Request-Id2: r1\r\n\r\n", NULL},
        {HTTP_GET_HEAD("/echo") "Expect: x\r\nX-Request-ID: a b\r\n\r\n", NULL},
        {HTTP_GET_HEAD("/echo") "Expect: x\r\nX-Request-ID:\r\n\r\n", NULL},
        {HTTP_GET_HEAD("/echo") "X-Request-ID: r1\r\nX-Request-ID: r1\r\n\r\n", NULL},
        {HTTP_GET_HEAD("/echo") "X-Request-ID: r1\r\nX : a\r\n\r\n", NULL},
    };

    http_options.echoed = "X-Request-ID";
    http_begin();
    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        int fd = http_connect();
        const char *found;
        struct buffer reply;

        buffer_init(&reply);
        http_send_text(fd, cases[at].request);
        http_receive_all(fd, &reply);
        found = strstr(reply.data, "\r\nX-Request-ID: ");
        cr_expect_eq(found != NULL, cases[at].echoed != NULL, "case %zu", at);
        if (found != NULL && cases[at].echoed != NULL)
            cr_expect_eq(strncmp(found + 16, cases[at].echoed, strlen(cases[at].echoed)), 0);
        cr_expect_not_null(strstr(reply.data, "\r\n\r\n"));
        buffer_release(&reply);
        (void)close(fd);
    }
    http_end();
}

Test(http_server, a_field_that_is_echoed_has_at_most_256_bytes)
{
    char request[512];

    http_options.echoed = "X-Request-ID";
    http_begin();
    for (int size = 256; size <= 257; size++) {
        int fd = http_connect();
        struct buffer reply;

        buffer_init(&reply);
        (void)snprintf(request, sizeof request,
                       HTTP_GET_HEAD("/echo") "Expect: x\r\nX-Request-ID: %0*d\r\n\r\n", size, 0);
        http_send_text(fd, request);
        http_receive_all(fd, &reply);
        cr_expect_eq(strstr(reply.data, "X-Request-ID") != NULL, size == 256);
        buffer_release(&reply);
        (void)close(fd);
    }
    http_end();
}

Test(http_server, heads_and_targets_have_their_sizes)
{
    static const size_t most = 1024;
    struct buffer sent;

    http_options.head_size = most;
    http_begin();
    buffer_init(&sent);
    for (size_t size = most - 1; size <= most + 1; size++) {
        int fd = http_connect();

        buffer_clear(&sent);
        buffer_add_text(&sent, HTTP_GET_HEAD("/echo") "Connection: close\r\nX: ");
        while (sent.size < size - 4)
            buffer_add_byte(&sent, 'a');
        buffer_add_text(&sent, "\r\n\r\n");
        http_send(fd, buffer_slice(&sent));
        http_expect_status(fd, size <= most ? "HTTP/1.1 200 OK\r\n"
                                            : "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    }
    buffer_release(&sent);
    http_end();
}

/* `size` bytes of content after `head`, which has %zu for the length. */
static int
send_body(const char *head, size_t size)
{
    struct buffer sent;
    int fd = http_connect();

    buffer_init(&sent);
    buffer_add_text(&sent, "POST /later HTTP/1.1\r\nHost: test\r\nConnection: close\r\n");
    if (head != NULL)
        buffer_add_format(&sent, "%s\r\n\r\n%zx\r\n", head, size);
    else
        buffer_add_format(&sent, "Content-Length: %zu\r\n\r\n", size);
    memset(buffer_reserve(&sent, size), 'a', size);
    buffer_added(&sent, size);
    if (head != NULL)
        buffer_add_text(&sent, "\r\n0\r\n\r\n");
    http_send(fd, buffer_slice(&sent));
    buffer_release(&sent);
    return fd;
}

static void
assert_body_max(const char *head, size_t most)
{
    for (size_t size = most - 1; size <= most + 1; size++) {
        int fd = send_body(head, size);

        if (size <= most) {
            struct http_exchange *exchange = http_take();

            cr_assert_eq(http_exchange_request(exchange)->body.size, size);
            http_answer(exchange, "");
            http_expect_status(fd, "HTTP/1.1 200 OK\r\n");
        } else {
            char byte;

            /* More than 64 KiB of the body may be under way: the rest meets a reset. */
            cr_assert_eq(recv(fd, &byte, 1, 0), 1);
            cr_assert_eq(byte, 'H');
            (void)close(fd);
        }
    }
}

Test(http_server, a_body_has_as_many_bytes_as_its_judge_says)
{
    http_options.allow_chunked = true;
    http_begin();
    http_verdict.body_max = 1000;
    assert_body_max(NULL, 1000);
    assert_body_max("Transfer-Encoding: chunked", 1000);
    http_verdict.body_max = SIZE_MAX;
    assert_body_max(NULL, HTTP_BODY_SIZE_MAX);
    assert_body_max("Transfer-Encoding: chunked", HTTP_BODY_SIZE_MAX);
    http_options.judge = NULL;
    http_end();
}

Test(http_server, without_a_judge_a_body_has_64_KiB)
{
    http_options.judge = NULL;
    http_begin();
    assert_body_max(NULL, 64 * 1024);
    http_end();
}

Test(http_server, a_judge_refuses_before_the_body)
{
    int fd;

    http_begin();
    http_verdict = (struct http_verdict){.status = 404};
    fd = http_connect();
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n");
    http_expect_status(fd, "HTTP/1.1 404 Not Found\r\n");
    cr_assert_eq(http_handled_count(), 0);
    http_end();
}

/* The reply arrives although the body was not wanted: no reset overtakes it. */
Test(http_server, the_body_of_a_refused_request_is_thrown_away)
{
    struct buffer body;

    http_begin();
    http_verdict = (struct http_verdict){.status = 403};
    buffer_init(&body);
    memset(buffer_reserve(&body, 60000), 'a', 60000);
    buffer_added(&body, 60000);
    for (int round = 0; round < 20; round++) {
        int fd = http_connect();

        http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 60000\r\n\r\n");
        http_send(fd, buffer_slice(&body));
        http_expect_status(fd, "HTTP/1.1 403 Forbidden\r\n");
    }
    buffer_release(&body);
    http_end();
}

Test(http_server, a_refused_peer_that_never_ends_is_closed)
{
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, "x\r\n");
    cr_assert(strncmp(http_reply(fd), "HTTP/1.1 400 ", 13) == 0);
    for (struct http_stats stats = {.connections = 1}; stats.connections > 0;) {
        http_advance(1);
        http_server_stats(http_server, &stats);
        usleep(1000);
    }
    (void)close(fd);
    http_end();
}

Test(http_server, what_is_expected_is_said)
{
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n"
                       "Expect: 100-continue\r\n\r\n");
    http_expect(fd, "HTTP/1.1 100 Continue\r\n\r\n");
    http_send_text(fd, "ab");
    http_expect(fd, OK_REPLY("13", "POST /echo ab"));
    /* Not when the body is here, or there is none. */
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n"
                       "Expect: 100-continue\r\n\r\nab");
    http_expect(fd, OK_REPLY("13", "POST /echo ab"));
    http_send_text(fd, HTTP_GET_HEAD("/echo") "Expect: 100-continue\r\n\r\n");
    http_expect(fd, OK_REPLY("10", "GET /echo "));
    /* What is refused is not asked for. */
    http_verdict = (struct http_verdict){.status = 403};
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n"
                       "Expect: 100-continue\r\n\r\n");
    http_expect_status(fd, "HTTP/1.1 403 Forbidden\r\n");
    http_end();
}

Test(http_server, head_is_answered_without_content)
{
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, "HEAD /echo HTTP/1.1\r\nHost: test\r\n\r\n");
    http_expect(fd, OK_REPLY("11", ""));
    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    http_expect(fd, OK_REPLY("10", "GET /echo "));
    http_send_text(fd, "HEAD /echo HTTP/1.1\r\nHost: other\r\n\r\n");
    http_expect(fd, "HTTP/1.1 421 Misdirected Request\r\nContent-Type: text/plain\r\n"
                    "Content-Length: 33\r\nConnection: close\r\n" HTTP_ALWAYS "\r\n");
    http_expect_close(fd);
    http_end();
}

Test(http_server, version_1_0_ends_with_its_reply)
{
    int fd;

    http_options.allow_http_1_0 = true;
    http_begin();
    fd = http_connect();
    http_send_text(fd, "GET /echo HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
    http_expect(fd, CLOSING_REPLY("10", "GET /echo "));
    http_expect_close(fd);
    fd = http_connect();
    http_send_text(fd, "GET /later HTTP/1.0\r\nHost: test\r\n\r\n");
    {
        struct http_exchange *exchange = http_take();

        cr_assert(http_stream_begin(exchange, &(struct http_response){.status = 200}));
        cr_assert(http_stream_write(exchange, SLICE_LITERAL("abc")));
        http_stream_end(exchange);
    }
    http_expect(fd, "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nConnection: close\r\n" HTTP_ALWAYS
                    "\r\nabc");
    http_expect_close(fd);
    http_end();
}

Test(http_server, an_address_is_its_authority_without_others)
{
    char request[256];
    int fd;

    http_options.authorities = NULL;
    http_begin();
    fd = http_connect();
    (void)snprintf(request, sizeof request, "GET /echo HTTP/1.1\r\nHost: %s\r\n\r\n",
                   http_server_address(http_server));
    http_send_text(fd, request);
    http_expect(fd, OK_REPLY("10", "GET /echo "));
    (void)snprintf(request, sizeof request, "GET /echo HTTP/1.1\r\nHost: LocalHost%s\r\n\r\n",
                   strrchr(http_server_address(http_server), ':'));
    http_send_text(fd, request);
    http_expect(fd, OK_REPLY("10", "GET /echo "));
    http_send_text(fd, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
    http_expect_status(fd, "HTTP/1.1 421 Misdirected Request\r\n");
    http_end();
}

Test(http_server, a_request_is_shown_as_it_came)
{
    struct http_exchange *exchange;
    const struct http_request *request;
    int fd;

    http_begin();
    fd = http_connect();
    http_advance(5);
    http_send_text(fd, "POST /later/a?b=%20 HTTP/1.1\r\nHost: TEST\r\nX-Any: 1\r\nx-any: 2\r\n"
                       "Content-Length: 3\r\n\r\na\nb");
    exchange = http_take();
    request = http_exchange_request(exchange);
    cr_assert_eq(request->method, HTTP_POST);
    cr_assert(slice_equal(request->target, slice_of("/later/a?b=%20")));
    cr_assert(slice_equal(request->query, slice_of("b=%20")));
    cr_assert(slice_equal(request->body, slice_of("a\nb")));
    cr_assert(slice_equal(request->peer, slice_of("127.0.0.1")));
    cr_assert_eq(request->field_count, 4);
    cr_assert(slice_equal(http_request_field(request, "X-ANY"), slice_of("1")));
    cr_assert_eq(http_request_field(request, "X").data, NULL);
    cr_assert_eq(http_exchange_arrived_ns(exchange), INT64_C(6000000000));
    cr_assert_eq(http_exchange_owner(exchange), NULL);
    http_exchange_set_owner(exchange, &fd);
    cr_assert_eq(http_exchange_owner(exchange), &fd);
    cr_assert_not(http_exchange_is_gone(exchange));
    http_answer(exchange, "x");
    http_expect(fd, OK_REPLY("1", "x"));
    (void)close(fd);
    http_end();
}

Test(http_server, a_reply_that_must_not_be_sent_is_500)
{
    static const struct http_field field = {{"Location", 8}, {"/\r\nSet-Cookie: a=b", 18}};
    static const char failure[] =
        "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n"
        "Content-Length: 28\r\n" HTTP_ALWAYS "\r\nthe reply could not be sent\n";
    struct buffer large;
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
    http_respond(http_take(),
                 &(struct http_response){.status = 200, .fields = &field, .field_count = 1});
    http_expect(fd, failure);
    buffer_init(&large);
    for (size_t size = HTTP_OUTPUT_SIZE_MAX; size <= HTTP_OUTPUT_SIZE_MAX + 1; size++) {
        memset(buffer_reserve(&large, size), 'a', size);
        large.size = size;
        http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
        http_respond(http_take(),
                     &(struct http_response){.status = 200, .body = buffer_slice(&large)});
        if (size == HTTP_OUTPUT_SIZE_MAX) {
            struct buffer out;

            buffer_init(&out);
            http_receive(fd, &out, strlen(OK_REPLY("8388608", "")) + size);
            cr_assert(slice_starts_with(buffer_slice(&out), slice_of(OK_REPLY("8388608", "aaa"))));
            buffer_release(&out);
        } else {
            http_expect(fd, failure);
        }
    }
    buffer_release(&large);
    http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
    {
        struct http_exchange *exchange = http_take();

        cr_assert_not(http_stream_begin(
            exchange, &(struct http_response){.status = 200, .fields = &field, .field_count = 1}));
        http_stream_end(exchange);
    }
    http_expect(fd, failure);
    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    http_expect(fd, OK_REPLY("10", "GET /echo "));
    (void)close(fd);
    http_end();
}

Test(http_server, an_address_that_is_none_is_an_error)
{
    static const char *const bad[] = {"",           "127.0.0.1",   ":80",         "localhost:80",
                                      "127.0.0.1:", "::1:80",      "[::1]",       "127.0.0.1:65536",
                                      "1.2.3:80",   "[1.2.3.4]:1", "127.0.0.1:8x"};
    struct error error;
    struct http_server *server;

    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        http_options.address = bad[at];
        cr_assert_eq(http_server_open(&http_options, &server, &error), BEHALF_MALFORMED_REQUEST,
                     "%s", bad[at]);
    }
    http_options.address = "[::1]:0";
    cr_assert_eq(http_server_open(&http_options, &server, &error), BEHALF_OK);
    cr_assert(strncmp(http_server_address(server), "[::1]:", 6) == 0);
    http_options.address = http_server_address(server);
    {
        struct http_server *second;

        cr_assert_eq(http_server_open(&http_options, &second, &error), BEHALF_OVERLOADED);
    }
    http_server_close(server);
}
