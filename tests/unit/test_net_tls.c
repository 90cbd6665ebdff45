/* A server whose port speaks TLS, by clients over loopback. */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tcp.h"
#include "base/tls.h"
#include "engine/engine.h"
#include "net/server.h"
#include "storage/store.h"
#include "tests/support/certificates.h"

#define WAIT_MS 20000

static char folder[] = "/tmp/behalf-net-tls-XXXXXX";
static char certificate_path[64];
static char key_path[64];
static struct store *store;
static struct engine *engine;
static struct tls_server *tls_server;
static struct tls_client *tls_client;
static struct server *server;

static void
begin(void)
{
    struct certificate *made = certificate_new(&(struct certificate_wish){.names = "IP:127.0.0.1"});
    struct engine_options engine_options = {
        .env = env_system(), .workers = 1, .sweep_every_ns = ENGINE_SWEEP_NEVER};
    struct server_options options = {
        .env = env_system(), .listen_address = "127.0.0.1:0", .loops = 1};
    struct error error;

    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/server.pem", folder);
    (void)snprintf(key_path, sizeof key_path, "%s/server.key", folder);
    certificate_write(made, certificate_path);
    certificate_write_key(made, key_path);
    certificate_free(made);
    cr_assert_eq(tls_server_new(&(struct tls_server_files){certificate_path, key_path, NULL, NULL},
                                &tls_server, &error),
                 BEHALF_OK);
    cr_assert_eq(
        tls_client_new(&(struct tls_client_files){.ca = certificate_path}, &tls_client, &error),
        BEHALF_OK);
    cr_assert_eq(store_open(&(struct store_options){.env = env_system()}, &store, &error),
                 BEHALF_OK);
    engine_options.store = store;
    cr_assert_eq(engine_open(&engine_options, &engine, &error), BEHALF_OK);
    options.engine = engine;
    options.tls = tls_server;
    cr_assert_eq(server_open(&options, &server, &error), BEHALF_OK, "%s", error.message);
    cr_assert_eq(server_start(server, &error), BEHALF_OK);
}

static void
end(void)
{
    cr_assert(server_drain(server));
    server_close(server);
    engine_close(engine);
    store_close(store);
    tls_client_free(tls_client);
    tls_server_free(tls_server);
    (void)unlink(certificate_path);
    (void)unlink(key_path);
    (void)rmdir(folder);
}

TestSuite(net_tls, .init = begin, .fini = end);

/* --- a client --- */

struct caller {
    int fd;
    struct tls *tls;
};

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
wait_for(int fd, bool writable)
{
    struct pollfd watched = {.fd = fd, .events = writable ? POLLOUT : POLLIN};

    cr_assert_eq(poll(&watched, 1, WAIT_MS), 1, "the server says nothing");
}

static struct caller
call(void)
{
    struct caller made = {.fd = dial()};
    struct error error;
    enum tls_progress progress;

    made.tls = tls_connect(tls_client, made.fd, "127.0.0.1");
    cr_assert_not_null(made.tls);
    while ((progress = tls_handshake(made.tls, &error)) != TLS_DONE) {
        cr_assert_neq(progress, TLS_FAILED, "%s", error.message);
        wait_for(made.fd, progress == TLS_WANT_WRITE);
    }
    return made;
}

static void
hang_up(struct caller *caller)
{
    tls_free(caller->tls);
    (void)close(caller->fd);
}

static void
send_all(struct caller *caller, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t count = tls_send(caller->tls, bytes, size);

        if (count < 0) {
            cr_assert_eq(errno, EAGAIN);
            wait_for(caller->fd, tls_wants_write(caller->tls));
            continue;
        }
        bytes += count;
        size -= (size_t)count;
    }
}

static void
receive_all(struct caller *caller, char *bytes, size_t size)
{
    size_t got = 0;

    while (got < size) {
        ssize_t count = tls_recv(caller->tls, bytes + got, size - got);

        if (count < 0) {
            cr_assert_eq(errno, EAGAIN, "%s", strerror(errno));
            wait_for(caller->fd, tls_wants_write(caller->tls));
            continue;
        }
        cr_assert_gt(count, 0, "the server hung up");
        got += (size_t)count;
    }
}

/* [0, 5, "ping", []] and [1, 5, nil, {}] */
#define PING "\x94\x00\x05\xa4ping\x90"
#define PONG "\x94\x01\x05\xc0\x80"
#define PING_SIZE (sizeof PING - 1)
#define PONG_SIZE (sizeof PONG - 1)

static void
expect_pongs(struct caller *caller, size_t count)
{
    char *bytes = malloc(count * PONG_SIZE);

    receive_all(caller, bytes, count * PONG_SIZE);
    for (size_t at = 0; at < count; at++)
        cr_assert_arr_eq(bytes + at * PONG_SIZE, PONG, PONG_SIZE);
    free(bytes);
}

Test(net_tls, requests_are_answered)
{
    struct caller caller = call();

    send_all(&caller, PING, PING_SIZE);
    expect_pongs(&caller, 1);
    send_all(&caller, PING, PING_SIZE);
    expect_pongs(&caller, 1);
    hang_up(&caller);
}

/* Far more than one read takes: what OpenSSL holds already makes no descriptor readable, and the
 * client sends nothing more. */
Test(net_tls, what_came_with_other_bytes_is_answered)
{
    enum { COUNT = 60000 };
    char *bytes = malloc(COUNT * PING_SIZE);
    struct caller caller = call();

    for (size_t at = 0; at < COUNT; at++)
        memcpy(bytes + at * PING_SIZE, PING, PING_SIZE);
    for (size_t size = 1; size <= COUNT; size = size * 7 + 1) {
        send_all(&caller, bytes, size * PING_SIZE);
        expect_pongs(&caller, size);
    }
    hang_up(&caller);
    free(bytes);
}

/* A request in the same segment as the last message of the handshake. */
Test(net_tls, bytes_behind_the_handshake_are_answered)
{
    for (int count = 0; count < 20; count++) {
        struct caller caller = call();

        send_all(&caller, PING, PING_SIZE);
        expect_pongs(&caller, 1);
        hang_up(&caller);
    }
}

Test(net_tls, one_byte_at_a_time_is_answered)
{
    struct caller caller = call();

    for (size_t at = 0; at < PING_SIZE; at++)
        send_all(&caller, PING + at, 1);
    expect_pongs(&caller, 1);
    hang_up(&caller);
}

Test(net_tls, a_malformed_frame_is_answered_and_ends_with_a_goodbye)
{
    struct caller caller = call();
    char bytes[512];
    ssize_t count;

    send_all(&caller, "\xc1", 1);
    do {
        count = tls_recv(caller.tls, bytes, sizeof bytes);
        if (count < 0) {
            cr_assert_eq(errno, EAGAIN, "%s", strerror(errno));
            wait_for(caller.fd, false);
        }
    } while (count != 0);
    hang_up(&caller);
}

Test(net_tls, who_speaks_no_tls_is_closed_without_an_answer)
{
    int fd = dial();
    char bytes[64];
    ssize_t count;

    cr_assert_eq(send(fd, PING, PING_SIZE, MSG_NOSIGNAL), (ssize_t)PING_SIZE);
    wait_for(fd, false);
    count = recv(fd, bytes, sizeof bytes, 0);
    /* At most an alert of TLS: a reply would begin with an array of four. */
    cr_assert(count <= 0 || bytes[0] == 0x15);
    (void)close(fd);
}
