/* test_net_slow.c - clients that begin a frame and do not end it. The clock is the test's: nothing
 * is closed before its time, and all of it is after. */
#include <criterion/criterion.h>

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/tcp.h"
#include "engine/engine.h"
#include "net/limits.h"
#include "net/server.h"
#include "storage/store.h"

#define WAIT_MS 20000
/* [0, 5, "ping", []] and [1, 5, nil, {}] */
#define PING "\x94\x00\x05\xa4ping\x90"
#define PONG "\x94\x01\x05\xc0\x80"
#define PIECE ((size_t)LIMIT_FRAME_RATE) /* a second's worth */
#define PIECES 16                        /* of the frame below */

static atomic_int_fast64_t clock_ns = INT64_C(1000000000);
static struct env env;
static struct store *store;
static struct engine *engine;
static struct server *server;
static int honest; /* another client of the same loop */

static int64_t
read_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_ns);
}

static int
dial(void)
{
    union tcp_address address;
    socklen_t size;
    int fd;

    cr_assert_eq(tcp_parse(server_address(server), &address, &size, NULL), BEHALF_OK);
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, &address.any, size), 0);
    return fd;
}

static void
begin(void)
{
    struct engine_options engine_options = {
        .env = env_system(), .workers = 1, .sweep_every_ns = ENGINE_SWEEP_NEVER};
    struct server_options options = {.env = &env, .listen_address = "127.0.0.1:0", .loops = 1};
    struct error error;

    env = *env_system();
    env.monotonic_ns = read_clock;
    cr_assert_eq(store_open(&(struct store_options){.env = env_system()}, &store, &error),
                 BEHALF_OK);
    engine_options.store = store;
    cr_assert_eq(engine_open(&engine_options, &engine, &error), BEHALF_OK);
    options.engine = engine;
    cr_assert_eq(server_open(&options, &server, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(server_start(server, &error), BEHALF_OK);
    honest = dial();
}

static void
end(void)
{
    (void)close(honest);
    cr_assert(server_drain(server));
    server_close(server);
    engine_close(engine);
    store_close(store);
}

TestSuite(net_slow, .init = begin, .fini = end);

static void
send_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = send(fd, bytes, size, MSG_NOSIGNAL);

        cr_assert_gt(count, 0, "the server hung up");
        bytes += count;
        size -= (size_t)count;
    }
}

static void
expect(int fd, const char *bytes, size_t size)
{
    char got[64];

    for (size_t at = 0; at < size;) {
        struct pollfd watched = {.fd = fd, .events = POLLIN};
        ssize_t count;

        cr_assert_eq(poll(&watched, 1, WAIT_MS), 1, "the server says nothing");
        count = recv(fd, got + at, size - at, 0);
        cr_assert_gt(count, 0, "the server hung up");
        at += (size_t)count;
    }
    cr_assert_arr_eq(got, bytes, size);
}

/* The loop has read all that was sent before: it reads 64 KiB of a connection in a turn, and each
 * of these replies takes one. */
static void
settle(void)
{
    for (size_t turn = 0; turn < PIECES + 4; turn++) {
        send_all(honest, PING, sizeof PING - 1);
        expect(honest, PONG, sizeof PONG - 1);
    }
}

/* Until the loop has looked at its connections since. */
static void
advance_ms(int64_t ms)
{
    int64_t now_ns = atomic_fetch_add(&clock_ns, ms * 1000000) + ms * 1000000;

    while (server_alive_ns(server) < now_ns)
        (void)poll(NULL, 0, 1);
    settle(); /* and has done what that look led to */
}

static bool
is_open(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};

    return poll(&watched, 1, 0) == 0;
}

static void
expect_closed(int fd)
{
    struct pollfd watched = {.fd = fd, .events = POLLIN};
    char byte;

    cr_assert_eq(poll(&watched, 1, WAIT_MS), 1, "still open");
    cr_assert_leq(recv(fd, &byte, 1, 0), 0);
    (void)close(fd);
}

/* [0, 5, "ping", [{"payload": ...}]], PIECES * PIECE bytes long. */
static struct buffer
large_ping(void)
{
    static const char head[] = "\x94\x00\x05\xa4ping\x91\x81\xa7payload\xdb";
    size_t payload = PIECES * PIECE - (sizeof head - 1) - 4;
    struct buffer frame;

    buffer_init(&frame);
    buffer_add(&frame, head, sizeof head - 1);
    for (int shift = 24; shift >= 0; shift -= 8)
        buffer_add_byte(&frame, (char)(payload >> shift & 0xFF));
    memset(buffer_reserve(&frame, payload), 'p', payload);
    buffer_added(&frame, payload);
    cr_assert_eq(frame.size, PIECES * PIECE);
    return frame;
}

Test(net_slow, a_begun_frame_has_ten_seconds_however_it_drips)
{
    int fd = dial();

    send_all(fd, PING, 1);
    settle();
    advance_ms(9000);
    send_all(fd, PING + 1, 1);
    settle();
    advance_ms(1000);
    cr_assert(is_open(fd), "closed too early");
    advance_ms(1);
    expect_closed(fd);
}

Test(net_slow, a_whole_frame_begins_the_time_anew)
{
    int fd = dial();

    send_all(fd, PING, 1);
    settle();
    advance_ms(9000);
    send_all(fd, PING + 1, sizeof PING - 2);
    send_all(fd, PING, 1);
    expect(fd, PONG, sizeof PONG - 1);
    settle();
    advance_ms(10000);
    cr_assert(is_open(fd), "closed too early");
    advance_ms(1);
    expect_closed(fd);
}

Test(net_slow, each_64_KiB_of_a_frame_give_it_a_second_more)
{
    struct buffer frame = large_ping();
    int fd = dial();

    send_all(fd, frame.data, 3 * PIECE);
    settle();
    advance_ms(13000);
    cr_assert(is_open(fd), "closed too early");
    advance_ms(1);
    expect_closed(fd);
    buffer_release(&frame);
}

/* One more than the least rate: slower than a frame of ten seconds, and never late. */
Test(net_slow, a_frame_that_keeps_the_rate_is_answered)
{
    struct buffer frame = large_ping();
    int fd = dial();
    char start[sizeof PONG - 2];

    for (size_t piece = 0; piece < PIECES; piece++) {
        send_all(fd, frame.data + piece * PIECE, PIECE);
        settle();
        if (piece + 1 < PIECES)
            advance_ms(piece == 0 ? 10000 : 1000);
    }
    memcpy(start, PONG, sizeof start); /* all but the map, which has the payload here */
    expect(fd, start, sizeof start);
    (void)close(fd);
    buffer_release(&frame);
}

Test(net_slow, a_frame_that_falls_behind_the_rate_is_closed)
{
    struct buffer frame = large_ping();
    int fd = dial();

    for (size_t piece = 0; piece < 8; piece++) {
        send_all(fd, frame.data + piece * PIECE / 2, PIECE / 2);
        settle();
        advance_ms(piece == 0 ? 10000 : 500);
    }
    /* 13.5 s have passed, and 14 are allowed for what came. */
    cr_assert(is_open(fd), "closed too early");
    advance_ms(501);
    expect_closed(fd);
    buffer_release(&frame);
}
