/* test_http_limits.c - what one peer, and all of them, can make a server hold, and for how long.
 * The clock is the test's: nothing is closed before its time, and all of it is after. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/server.h"
#include "tests/unit/test_http_server_support.h"

TestSuite(http_limits, .init = http_reset);

#define REFUSED "HTTP/1.1 503 Service Unavailable\r\n"
#define TICKS_MS 600 /* of the server are shorter: it has looked at its clock */

/* Still open after the server has looked at its clock. */
static void
assert_open(int fd)
{
    struct pollfd poller = {.fd = fd, .events = POLLIN};

    cr_assert_eq(poll(&poller, 1, TICKS_MS), 0, "closed too early");
}

/* `seconds` are allowed for what the peer has sent. */
static void
assert_closed_after(int fd, double seconds)
{
    http_settle();
    http_advance(seconds);
    assert_open(fd);
    http_advance(0.1);
    http_expect_close(fd);
}

Test(http_limits, an_idle_connection_has_a_minute)
{
    int fd;

    http_begin();
    fd = http_connect();
    assert_closed_after(fd, 60);
    fd = http_connect();
    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    (void)http_reply(fd);
    assert_closed_after(fd, 60);
    http_end();
}

Test(http_limits, a_head_has_ten_seconds)
{
    int fd;

    http_begin();
    fd = http_connect();
    http_settle();
    http_advance(50); /* the time begins with the first byte */
    http_send_text(fd, "G");
    http_settle();
    http_advance(9);
    http_send_text(fd, "ET /echo HTTP/1.1\r\n"); /* and not with the last */
    assert_closed_after(fd, 1);
    http_end();
}

Test(http_limits, a_body_has_ten_seconds_and_one_for_each_64_KiB)
{
    static char piece[65536];
    int fd;

    http_verdict.body_max = HTTP_BODY_SIZE_MAX;
    http_begin();
    fd = http_connect();
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
    assert_closed_after(fd, 10);
    fd = http_connect();
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n");
    for (int at = 0; at < 3; at++)
        http_send(fd, (struct slice){piece, sizeof piece});
    for (int at = 0; at < 20; at++)
        http_settle(); /* all of it is read */
    assert_closed_after(fd, 13);
    http_end();
}

Test(http_limits, times_are_options)
{
    int fd;

    http_options.head_s = 2;
    http_options.body_s = 3;
    http_options.idle_s = 4;
    http_begin();
    fd = http_connect();
    assert_closed_after(fd, 4);
    fd = http_connect();
    http_send_text(fd, "G");
    assert_closed_after(fd, 2);
    fd = http_connect();
    http_send_text(fd, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\n\r\n");
    assert_closed_after(fd, 3);
    http_end();
}

Test(http_limits, work_has_all_the_time_it_takes)
{
    int fd;

    http_begin();
    fd = http_connect();
    http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
    http_settle();
    http_advance(3600);
    assert_open(fd);
    http_answer(http_take(), "x");
    cr_assert_neq(strstr(http_reply(fd), "\r\n\r\nx"), NULL);
    (void)close(fd);
    http_end();
}

Test(http_limits, a_reply_that_is_not_read_has_thirty_seconds)
{
    static char body[8 * 1024 * 1024];
    struct http_exchange *exchange;
    struct buffer out;
    struct http_stats stats;
    int window = 65536; /* of the peer's socket; the server's own takes 128 KiB */
    int fd;

    http_begin();
    fd = http_connect();
    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window), 0);
    http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
    exchange = http_take();
    http_respond(exchange, &(struct http_response){.status = 200, .body = {body, sizeof body}});
    http_settle();
    http_advance(30);
    (void)poll(NULL, 0, TICKS_MS);
    http_server_stats(http_server, &stats);
    cr_assert_geq(stats.connections, 1);
    /* What is read within that time gives another thirty. */
    buffer_init(&out);
    http_receive(fd, &out, 1024 * 1024);
    for (int at = 0; at < 20; at++)
        http_settle();
    http_advance(30);
    (void)poll(NULL, 0, TICKS_MS);
    http_server_stats(http_server, &stats);
    cr_assert_geq(stats.connections, 1);
    http_advance(0.1);
    for (stats.connections = 1; stats.connections > 0;)
        http_server_stats(http_server, &stats);
    http_receive_all(fd, &out);
    cr_assert_lt(out.size, sizeof body);
    buffer_release(&out);
    (void)close(fd);
    http_end();
}

Test(http_limits, without_options_every_bound_is_that_of_the_contract)
{
    const struct http_options *set;

    http_begin();
    set = &http_server->options;
    cr_assert_eq(set->connections, 10000);
    cr_assert_eq(set->connections_per_address, 256);
    cr_assert_eq(http_server->listener.seats.most, 256);
    cr_assert_eq(set->body_sum, (size_t)512 * 1024 * 1024);
    cr_assert_eq(set->output_sum, (size_t)512 * 1024 * 1024);
    cr_assert_eq(set->head_size, (size_t)16 * 1024);
    cr_assert_eq(set->head_s, 10);
    cr_assert_eq(set->body_s, 10);
    cr_assert_eq(set->idle_s, 60);
    cr_assert_eq(set->write_stall_s, 30);
    http_end();
}

/* --- connections --- */

Test(http_limits, connections_are_counted)
{
    enum { MOST = 5 };
    int fds[MOST];
    struct http_stats stats;

    http_options.connections = MOST;
    http_begin();
    for (int at = 0; at < MOST; at++) {
        fds[at] = http_connect();
        http_send_text(fds[at], HTTP_GET_HEAD("/echo") "\r\n");
        (void)http_reply(fds[at]);
    }
    http_expect_status(http_connect(), REFUSED);
    http_server_stats(http_server, &stats);
    cr_assert_eq(stats.connections, MOST);
    cr_assert_eq(stats.accepted, MOST);
    cr_assert_eq(stats.refused_connections, 1);
    /* One that ends makes room. */
    (void)close(fds[0]);
    do
        http_server_stats(http_server, &stats);
    while (stats.connections == MOST);
    http_settle();
    for (int at = 1; at < MOST; at++)
        (void)close(fds[at]);
    http_end();
}

Test(http_limits, connections_of_one_address_are_counted)
{
    enum { MOST = 4 };
    int fds[MOST];
    int other;
    struct http_stats stats;

    http_options.connections_per_address = MOST;
    http_begin();
    for (int at = 0; at < MOST; at++) {
        fds[at] = http_connect_from("127.0.0.2");
        http_send_text(fds[at], HTTP_GET_HEAD("/echo") "\r\n");
        (void)http_reply(fds[at]);
    }
    http_expect_status(http_connect_from("127.0.0.2"), REFUSED);
    other = http_connect_from("127.0.0.3");
    http_send_text(other, HTTP_GET_HEAD("/echo") "\r\n");
    (void)http_reply(other);
    (void)close(fds[0]);
    do
        http_server_stats(http_server, &stats);
    while (stats.connections > MOST);
    fds[0] = http_connect_from("127.0.0.2");
    http_send_text(fds[0], HTTP_GET_HEAD("/echo") "\r\n");
    (void)http_reply(fds[0]);
    for (int at = 0; at < MOST; at++)
        (void)close(fds[at]);
    (void)close(other);
    http_end();
}

Test(http_limits, without_descriptors_a_connection_is_refused_and_the_loop_rests)
{
    struct rlimit limit;
    struct rlimit few;
    struct http_stats stats;
    int waiting[4];
    int probe;
    struct timespec before;
    struct timespec after;

    http_begin();
    http_settle();
    do /* or the server would have the descriptor of a connection that it closes later */
        http_server_stats(http_server, &stats);
    while (stats.connections > 0);
    for (size_t at = 0; at < BEHALF_COUNT_OF(waiting); at++)
        waiting[at] = socket(AF_INET, SOCK_STREAM, 0);
    probe = open("/dev/null", O_RDONLY);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = (rlim_t)probe; /* what is open stays; nothing more is opened */
    (void)close(probe);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
        const char *colon = strrchr(http_server_address(http_server), ':');

        to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
        for (size_t at = 0; at < BEHALF_COUNT_OF(waiting); at++)
            cr_assert_eq(connect(waiting[at], (struct sockaddr *)(void *)&to, sizeof to), 0);
    }
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (size_t at = 0; at < BEHALF_COUNT_OF(waiting); at++)
        cr_assert(strncmp(http_reply(waiting[at]), REFUSED, strlen(REFUSED)) == 0);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    /* Four times it rested; a loop that spins would have burnt all of that. */
    cr_assert_lt((double)(after.tv_sec - before.tv_sec) * 1e9 +
                     (double)(after.tv_nsec - before.tv_nsec),
                 1e8);
    http_server_stats(http_server, &stats);
    cr_assert_eq(stats.refused_connections, BEHALF_COUNT_OF(waiting));
    for (size_t at = 0; at < BEHALF_COUNT_OF(waiting); at++)
        http_expect_close(waiting[at]);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    http_settle();
    http_end();
}

/* --- sums --- */

Test(http_limits, all_bodies_have_one_sum)
{
    struct http_exchange *held;
    int first;
    int second;

    http_options.body_sum = 1000;
    http_begin();
    first = http_connect();
    http_send_text(first, "POST /later HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nabcd");
    held = http_take();
    for (int size = 995; size <= 997; size++) {
        char request[2048];
        int head = snprintf(request, sizeof request,
                            "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                            "Content-Length: %d\r\n\r\n",
                            size);

        memset(request + head, 'a', (size_t)size);
        second = http_connect();
        http_send(second, (struct slice){request, (size_t)(head + size)});
        http_expect_status(second, size <= 996 ? "HTTP/1.1 200 OK\r\n" : REFUSED);
    }
    /* An answered one makes room. */
    http_answer(held, "");
    (void)http_reply(first);
    second = http_connect();
    {
        char request[2048];
        int head = snprintf(request, sizeof request,
                            "POST /echo HTTP/1.1\r\nHost: test\r\nConnection: close\r\n"
                            "Content-Length: 1000\r\n\r\n");

        memset(request + head, 'a', 1000);
        http_send(second, (struct slice){request, (size_t)(head + 1000)});
    }
    http_expect_status(second, "HTTP/1.1 200 OK\r\n");
    (void)close(first);
    http_end();
}

Test(http_limits, all_replies_that_wait_have_one_sum)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n" HTTP_ALWAYS "\r\n";
    static char body[6000];

    http_options.output_sum = sizeof head - 1 + 5000;
    http_begin();
    for (size_t size = 4999; size <= 5001; size++) {
        int fd = http_connect();

        http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
        http_respond(http_take(), &(struct http_response){.status = 200, .body = {body, size}});
        if (size <= 5000) {
            cr_assert(strncmp(http_reply(fd), "HTTP/1.1 200 OK\r\n", 17) == 0);
            (void)close(fd);
        } else {
            http_expect_close(fd); /* nothing of it was sent */
        }
    }
    /* A stream is cut, and its answerer told. */
    {
        int fd = http_connect();
        struct http_exchange *exchange;

        http_send_text(fd, HTTP_GET_HEAD("/later") "\r\n");
        exchange = http_take();
        cr_assert(http_stream_begin(exchange, &(struct http_response){.status = 200}));
        (void)http_stream_write(exchange, (struct slice){body, sizeof body});
        http_wait_gone(1);
        http_stream_end(exchange);
        (void)close(fd);
    }
    http_settle();
    http_end();
}
