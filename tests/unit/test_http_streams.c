/* test_http_streams.c - work, replies from other threads, streams, and peers that leave. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test_http_server_support.h"

TestSuite(http_streams, .init = http_reset);

#define STREAM_HEAD                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"         \
    "X-Accel-Buffering: no\r\n" HTTP_ALWAYS "\r\n"

static const struct http_response events = {.status = 200, .type = {"text/event-stream", 17}};

static int
ask(void)
{
    int fd = http_connect();

    http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
    return fd;
}

Test(http_streams, one_request_at_a_time_is_in_work)
{
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, HTTP_GET_HEAD("/later/1") "\r\n" HTTP_GET_HEAD("/later/2") "\r\n");
    exchange = http_take();
    http_settle();
    cr_assert_eq(http_handled_count(), 2); /* this one and that of http_settle */
    http_answer(exchange, "1");
    exchange = http_take();
    cr_assert(slice_equal(http_exchange_request(exchange)->path, slice_of("/later/2")));
    http_answer(exchange, "2");
    cr_assert_neq(strstr(http_reply(fd), "\r\n\r\n1"), NULL);
    cr_assert_neq(strstr(http_reply(fd), "\r\n\r\n2"), NULL);
    (void)close(fd);
    http_end();
}

/* More than 64 KiB wait in the socket, and all is served. */
Test(http_streams, what_does_not_fit_waits_outside)
{
    struct buffer sent;
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = http_connect();
    buffer_init(&sent);
    buffer_add_text(&sent, HTTP_GET_HEAD("/later") "\r\n");
    for (int at = 0; at < 5; at++) {
        buffer_add_text(&sent,
                        "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 40000\r\n\r\n");
        memset(buffer_reserve(&sent, 40000), 'a', 40000);
        buffer_added(&sent, 40000);
    }
    http_send(fd, buffer_slice(&sent));
    exchange = http_take();
    http_settle();
    http_answer(exchange, "1");
    cr_assert_neq(strstr(http_reply(fd), "\r\n\r\n1"), NULL);
    for (int at = 0; at < 5; at++)
        cr_assert_neq(strstr(http_reply(fd), "\r\n\r\nPOST /echo aaaa"), NULL);
    (void)close(fd);
    buffer_release(&sent);
    http_end();
}

Test(http_streams, a_peer_that_closes_is_gone)
{
    int fd;
    struct http_exchange *exchange;

    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert_eq(http_gone_count(), 0);
    (void)close(fd);
    http_wait_gone(1);
    cr_assert(http_exchange_is_gone(exchange));
    http_answer(exchange, "nobody reads this");
    http_end();
}

Test(http_streams, a_peer_that_half_closes_is_gone)
{
    int fd;
    struct http_exchange *exchange;

    http_begin();
    fd = ask();
    exchange = http_take();
    (void)shutdown(fd, SHUT_WR);
    http_wait_gone(1);
    http_answer(exchange, "");
    http_expect_close(fd);
    http_end();
}

Test(http_streams, a_peer_that_resets_is_gone)
{
    const struct linger reset = {.l_onoff = 1};
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = ask();
    exchange = http_take();
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
    http_wait_gone(1);
    http_answer(exchange, "");
    http_end();
}

/* Also when nothing more is read of it. */
static void
assert_gone_behind_a_full_input(bool resets)
{
    const struct linger reset = {.l_onoff = 1};
    struct buffer sent;
    int fd;

    http_begin();
    fd = http_connect();
    buffer_init(&sent);
    buffer_add_text(&sent, HTTP_GET_HEAD("/later") "\r\n");
    /* More than may wait, but no more than the socket holds: a close that TCP cannot deliver is
     * seen by nobody. */
    memset(buffer_reserve(&sent, 90000), 'G', 90000);
    buffer_added(&sent, 90000);
    http_send(fd, buffer_slice(&sent));
    buffer_release(&sent);
    for (int at = 0; at < 20; at++)
        http_settle();
    cr_assert_eq(http_gone_count(), 0);
    if (resets)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
    http_wait_gone(1);
    http_answer(http_take(), "");
    http_end();
}

Test(http_streams, a_peer_is_gone_behind_a_full_input)
{
    assert_gone_behind_a_full_input(false);
}

Test(http_streams, a_reset_is_seen_behind_a_full_input)
{
    assert_gone_behind_a_full_input(true);
}

Test(http_streams, an_answered_exchange_is_never_gone)
{
    int fd;

    http_begin();
    fd = ask();
    http_answer(http_take(), "x");
    (void)http_reply(fd);
    (void)close(fd);
    for (struct http_stats stats = {.connections = 1}; stats.connections > 0;)
        http_server_stats(http_server, &stats);
    cr_assert_eq(http_gone_count(), 0);
    http_end();
}

/* --- streams --- */

static void *
write_lines(void *context)
{
    struct http_exchange *exchange = context;

    cr_assert(http_stream_begin(exchange, &events));
    for (int at = 0; at < 100; at++) {
        char line[32];
        int size = snprintf(line, sizeof line, "data: %d\n\n", at);

        cr_assert(http_stream_write(exchange, (struct slice){line, (size_t)size}));
    }
    http_stream_end(exchange);
    return NULL;
}

Test(http_streams, a_stream_of_another_thread_is_chunked)
{
    pthread_t thread;
    int fd;

    http_begin();
    fd = ask();
    cr_assert_eq(pthread_create(&thread, NULL, write_lines, http_take()), 0);
    http_expect(fd, STREAM_HEAD);
    for (int at = 0; at < 100; at++) {
        char chunk[64];

        (void)snprintf(chunk, sizeof chunk, "%x\r\ndata: %d\n\n\r\n", at < 10 ? 9 : 10, at);
        http_expect(fd, chunk);
    }
    http_expect(fd, "0\r\n\r\n");
    (void)pthread_join(thread, NULL);
    /* The connection goes on. */
    http_send_text(fd, HTTP_GET_HEAD("/echo") "Connection: close\r\n\r\n");
    cr_assert_neq(strstr(http_reply(fd), "\r\n\r\nGET /echo "), NULL);
    http_expect_close(fd);
    http_end();
}

Test(http_streams, an_empty_write_ends_nothing)
{
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert(http_stream_begin(exchange, &events));
    cr_assert(http_stream_write(exchange, (struct slice){NULL, 0}));
    cr_assert(http_stream_write(exchange, slice_of("a")));
    http_stream_end(exchange);
    http_expect(fd, STREAM_HEAD "1\r\na\r\n0\r\n\r\n");
    (void)close(fd);
    http_end();
}

Test(http_streams, of_head_a_stream_has_its_head_alone)
{
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, "HEAD /later HTTP/1.1\r\nHost: test\r\n\r\n");
    exchange = http_take();
    cr_assert(http_stream_begin(exchange, &events));
    cr_assert(http_stream_write(exchange, slice_of("a")));
    http_stream_end(exchange);
    http_expect(fd, STREAM_HEAD);
    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    cr_assert_neq(strstr(http_reply(fd), "\r\n\r\nGET /echo "), NULL);
    (void)close(fd);
    http_end();
}

Test(http_streams, an_event_stream_is_kept_alive_by_comments)
{
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert(http_stream_begin(exchange, &events));
    http_expect(fd, STREAM_HEAD);
    http_advance(15.1);
    http_expect(fd, "2\r\n:\n\r\n");
    http_advance(15.1);
    http_expect(fd, "2\r\n:\n\r\n");
    /* Never within a line. */
    cr_assert(http_stream_write(exchange, slice_of("data: ")));
    http_expect(fd, "6\r\ndata: \r\n");
    http_advance(30);
    http_settle();
    cr_assert(http_stream_write(exchange, slice_of("1\n")));
    http_expect(fd, "2\r\n1\n\r\n");
    http_advance(15.1);
    http_expect(fd, "2\r\n:\n\r\n");
    http_stream_end(exchange);
    http_expect(fd, "0\r\n\r\n");
    (void)close(fd);
    http_end();
}

Test(http_streams, a_stream_that_nobody_reads_is_bounded_by_8_MiB)
{
    static char piece[1024 * 1024];
    struct http_exchange *exchange;
    struct buffer out;
    size_t taken = 0;
    int fd;

    memset(piece, 'a', sizeof piece);
    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert(http_stream_begin(exchange, &events));
    while (http_stream_write(exchange, (struct slice){piece, sizeof piece})) {
        taken += sizeof piece;
        cr_assert_leq(taken, (size_t)64 * 1024 * 1024);
    }
    cr_assert_geq(taken, HTTP_OUTPUT_SIZE_MAX - sizeof piece);
    cr_assert_not(http_stream_write(exchange, slice_of("b")));
    http_wait_gone(1);
    http_stream_end(exchange);
    /* It is cut, not ended: nobody can take it for whole. */
    buffer_init(&out);
    http_receive_all(fd, &out);
    cr_assert_leq(out.size, taken + 4096);
    cr_assert(out.size < 5 || memcmp(out.data + out.size - 5, "0\r\n\r\n", 5) != 0);
    buffer_release(&out);
    (void)close(fd);
    http_end();
}

Test(http_streams, what_is_read_may_be_written_again)
{
    static char piece[1024 * 1024];
    struct http_exchange *exchange;
    struct buffer out;
    int fd;

    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert(http_stream_begin(exchange, &events));
    http_expect(fd, STREAM_HEAD);
    buffer_init(&out);
    for (int at = 0; at < 32; at++) {
        cr_assert(http_stream_write(exchange, (struct slice){piece, sizeof piece}));
        buffer_clear(&out);
        http_receive(fd, &out, sizeof piece + strlen("100000\r\n\r\n"));
    }
    http_stream_end(exchange);
    http_expect(fd, "0\r\n\r\n");
    buffer_release(&out);
    (void)close(fd);
    http_end();
}

Test(http_streams, a_peer_that_leaves_a_stream_is_gone)
{
    struct http_exchange *exchange;
    int fd;

    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert(http_stream_begin(exchange, &events));
    http_expect(fd, STREAM_HEAD);
    (void)close(fd);
    http_wait_gone(1);
    cr_assert_not(http_stream_write(exchange, slice_of("a")));
    http_stream_end(exchange);
    http_end();
}

Test(http_streams, a_gone_exchange_may_still_begin)
{
    struct http_exchange *exchange;

    http_begin();
    (void)close(ask());
    exchange = http_take();
    http_wait_gone(1);
    cr_assert_not(http_stream_begin(exchange, &events));
    cr_assert_not(http_stream_write(exchange, slice_of("a")));
    http_stream_end(exchange);
    http_end();
}

/* --- stopping --- */

static void *
drain(void *context)
{
    *(bool *)context = http_server_drain(http_server);
    return NULL;
}

/* Until nobody can connect. */
static void
wait_stopped_accepting(void)
{
    struct http_stats stats;

    do
        http_server_stats(http_server, &stats);
    while (stats.connections > 1);
}

Test(http_streams, a_drain_waits_for_what_is_in_work)
{
    struct http_exchange *exchange;
    pthread_t thread;
    bool in_time = false;
    int working;
    int idle;
    int begun;

    http_begin();
    idle = http_connect();
    begun = http_connect();
    http_send_text(begun, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nab");
    http_settle();
    working = ask();
    exchange = http_take();
    cr_assert_eq(pthread_create(&thread, NULL, drain, &in_time), 0);
    http_expect_close(idle);
    http_expect_close(begun);
    wait_stopped_accepting();
    http_answer(exchange, "x");
    http_expect(working, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n" HTTP_ALWAYS
                         "\r\nx");
    http_expect_close(working);
    (void)pthread_join(thread, NULL);
    cr_assert(in_time);
    http_server_close(http_server);
}

Test(http_streams, a_drain_that_was_announced_has_what_is_left_of_ten_seconds)
{
    struct http_exchange *exchange;
    int fd;

    http_begin();
    http_advance(100);
    fd = ask();
    exchange = http_take();
    http_server_stopping(http_server);
    http_advance(9);
    http_server_stopping(http_server); /* said again: no new time */
    http_settle();                     /* and others are still answered */
    cr_assert_eq(http_gone_count(), 0);
    http_advance(1);
    cr_assert_not(http_server_drain(http_server), "nobody moves the clock any more");
    cr_assert_eq(http_gone_count(), 1);
    http_expect_close(fd);
    http_answer(exchange, "late");
    http_server_close(http_server);
}

Test(http_streams, replies_end_their_connections_once_a_stop_is_announced)
{
    int fd;

    http_begin();
    http_server_stopping(http_server);
    fd = http_connect();
    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    http_expect(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n" HTTP_ALWAYS
                    "\r\nGET /echo ");
    http_expect_close(fd);
    http_end();
}

Test(http_streams, a_drain_ends_after_ten_seconds)
{
    struct http_exchange *exchange;
    pthread_t thread;
    bool in_time = true;
    int fd;

    http_begin();
    fd = ask();
    exchange = http_take();
    cr_assert_eq(pthread_create(&thread, NULL, drain, &in_time), 0);
    /* The clock goes on only when the loop has seen that it is to stop: accepting ends then. */
    while (http_gone_count() == 0) {
        http_advance(1);
        (void)poll(NULL, 0, 1);
    }
    (void)pthread_join(thread, NULL);
    cr_assert_not(in_time);
    http_expect_close(fd);
    http_answer(exchange, "late");
    http_server_close(http_server);
}

Test(http_streams, a_server_that_never_started_is_closed)
{
    struct error error;

    cr_assert_eq(http_server_open(&http_options, &http_server, &error), BEHALF_OK);
    http_server_close(http_server);
    http_server_close(NULL);
}
