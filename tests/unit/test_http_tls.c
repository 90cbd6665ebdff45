/* test_http_tls.c - the same server behind TLS. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/certificates.h"
#include "tests/unit/test_http_server_support.h"

#define TLS_ALWAYS HTTP_ALWAYS "Strict-Transport-Security: max-age=31536000\r\n"

static char directory[] = "/tmp/behalf-http-tls-XXXXXX";
static char certificate_path[64];
static char key_path[64];
static struct tls_server *server;
static struct tls_client *client;

static void
begin(void)
{
    const struct certificate_wish wish = {.names = "DNS:test", .is_authority = true};
    struct certificate *certificate = certificate_new(&wish);
    struct error error;

    http_reset();
    cr_assert_neq(mkdtemp(directory), NULL);
    (void)snprintf(certificate_path, sizeof certificate_path, "%s/c", directory);
    (void)snprintf(key_path, sizeof key_path, "%s/k", directory);
    certificate_write(certificate, certificate_path);
    certificate_write_key(certificate, key_path);
    certificate_free(certificate);
    cr_assert_eq(
        tls_server_new(&(struct tls_server_files){.certificate = certificate_path, .key = key_path},
                       &server, &error),
        BEHALF_OK, "%s", error.message);
    cr_assert_eq(
        tls_client_new(&(struct tls_client_files){.ca = certificate_path}, &client, &error),
        BEHALF_OK, "%s", error.message);
    http_options.tls = server;
    http_options.allow_chunked = true;
    http_begin();
}

static void
end(void)
{
    http_end();
    tls_client_free(client);
    tls_server_free(server);
    (void)unlink(certificate_path);
    (void)unlink(key_path);
    (void)rmdir(directory);
}

TestSuite(http_tls, .init = begin, .fini = end);

/* --- a peer that waits --- */

static void
wait_for(int fd, const struct tls *tls)
{
    struct pollfd poller = {.fd = fd, .events = tls_wants_write(tls) ? POLLOUT : POLLIN};

    cr_assert_eq(poll(&poller, 1, 10000), 1, "nothing happened");
}

static struct tls *
connect_tls(int *fd)
{
    enum tls_progress progress;
    struct error error;
    struct tls *tls;

    *fd = http_connect();
    (void)fcntl(*fd, F_SETFL, O_NONBLOCK);
    tls = tls_connect(client, *fd, "test");
    while ((progress = tls_handshake(tls, &error)) != TLS_DONE) {
        cr_assert_neq(progress, TLS_FAILED, "%s", error.message);
        wait_for(*fd, tls);
    }
    return tls;
}

static void
send_tls(int fd, struct tls *tls, struct slice bytes)
{
    while (bytes.size > 0) {
        ssize_t sent = tls_send(tls, bytes.data, bytes.size);

        if (sent < 0) {
            cr_assert_eq(errno, EAGAIN);
            wait_for(fd, tls);
            continue;
        }
        bytes = (struct slice){bytes.data + sent, bytes.size - (size_t)sent};
    }
}

static void
expect_tls(int fd, struct tls *tls, const char *expected)
{
    struct buffer out;

    buffer_init(&out);
    while (out.size < strlen(expected)) {
        size_t room = strlen(expected) - out.size;
        ssize_t count = tls_recv(tls, buffer_reserve(&out, room), room);

        if (count < 0 && errno == EAGAIN) {
            wait_for(fd, tls);
            continue;
        }
        cr_assert_gt(count, 0, "ended behind %s", out.data);
        buffer_added(&out, (size_t)count);
    }
    cr_assert_str_eq(out.data, expected);
    buffer_release(&out);
}

static void
expect_end(int fd, struct tls *tls)
{
    char byte;
    ssize_t count;

    while ((count = tls_recv(tls, &byte, 1)) < 0 && errno == EAGAIN)
        wait_for(fd, tls);
    cr_assert_eq(count, 0, "not an end with a goodbye");
}

Test(http_tls, requests_are_answered)
{
    int fd;
    struct tls *tls = connect_tls(&fd);

    for (int at = 0; at < 3; at++) {
        send_tls(fd, tls,
                 slice_of("POST /echo HTTP/1.1\r\nHost: test\r\n"
                          "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"));
        expect_tls(fd, tls,
                   "HTTP/1.1 200 OK\r\nContent-Length: 13\r\n" TLS_ALWAYS "\r\nPOST /echo ab");
    }
    send_tls(fd, tls, slice_of(HTTP_GET_HEAD("/echo") "Connection: close\r\n\r\n"));
    expect_tls(fd, tls,
               "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n" TLS_ALWAYS
               "\r\nGET /echo ");
    expect_end(fd, tls);
    tls_free(tls);
    (void)close(fd);
}

Test(http_tls, a_body_of_many_records_arrives)
{
    struct http_exchange *exchange;
    struct buffer body;
    int fd;
    struct tls *tls = connect_tls(&fd);

    http_verdict.body_max = HTTP_BODY_SIZE_MAX;
    buffer_init(&body);
    memset(buffer_reserve(&body, 1000000), 'a', 1000000);
    buffer_added(&body, 1000000);
    send_tls(fd, tls,
             slice_of("POST /later HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n"));
    send_tls(fd, tls, buffer_slice(&body));
    exchange = http_take();
    cr_assert(slice_equal(http_exchange_request(exchange)->body, buffer_slice(&body)));
    http_answer(exchange, "x");
    expect_tls(fd, tls, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" TLS_ALWAYS "\r\nx");
    tls_free(tls);
    (void)close(fd);
    buffer_release(&body);
}

Test(http_tls, a_refusal_arrives_and_says_goodbye)
{
    int fd;
    struct tls *tls = connect_tls(&fd);

    send_tls(fd, tls, slice_of("GET /echo HTTP/1.1\r\nHost: other\r\n\r\n"));
    expect_tls(fd, tls, "HTTP/1.1 421 Misdirected Request\r\n");
    while (true) {
        char bytes[1024];
        ssize_t count = tls_recv(tls, bytes, sizeof bytes);

        if (count == 0)
            break;
        cr_assert(count > 0 || errno == EAGAIN);
        if (count < 0)
            wait_for(fd, tls);
    }
    tls_free(tls);
    (void)close(fd);
}

Test(http_tls, a_peer_that_leaves_is_gone)
{
    int fd;
    struct tls *tls = connect_tls(&fd);

    send_tls(fd, tls, slice_of(HTTP_GET_HEAD("/later") "\r\n"));
    struct http_exchange *exchange = http_take();

    tls_free(tls); /* its goodbye is enough */
    http_wait_gone(1);
    http_answer(exchange, "");
    (void)close(fd);
}

Test(http_tls, a_handshake_has_five_seconds)
{
    int fd = http_connect();
    struct http_stats stats;

    do
        http_server_stats(http_server, &stats);
    while (stats.connections == 0);
    http_advance(5);
    cr_assert_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 600), 0);
    http_advance(0.1);
    http_expect_close(fd);
}

Test(http_tls, what_is_no_tls_is_closed_without_a_reply)
{
    int fd = http_connect();
    char bytes[256];
    ssize_t count;

    http_send_text(fd, HTTP_GET_HEAD("/echo") "\r\n");
    count = recv(fd, bytes, sizeof bytes, 0);
    cr_assert(count <= 0 || bytes[0] == 0x15); /* an alert, at most */
    (void)close(fd);
    cr_assert_eq(http_handled_count(), 0);
}
