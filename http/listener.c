/* listener.c - accepts within the limits. */
#include "http/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "http/connection.h"
#include "http/response.h"
#include "http/server.h"

#define ACCEPTS_PER_WAKE 64
#define RETRY_MS 100
#define COMPLAIN_NS INT64_C(10000000000)
/* Not more waits in the kernel: what waits is counted here, and progress of slow readers seen. */
#define UNSENT_SIZE (128 * 1024)

/* --- refusing --- */

static void
complain(struct http_server *server, const char *why)
{
    struct http_listener *listener = &server->listener;
    uint64_t refused = atomic_fetch_add(&server->refused_connections, 1) + 1;
    int64_t now_ns = http_server_read_clock(server);

    if (listener->complained_ns != 0 && now_ns - listener->complained_ns < COMPLAIN_NS)
        return;
    listener->complained_ns = now_ns;
    log_line(LOG_WARN, "http connection refused", "reason=\"%s\" refused=%llu", why,
             (unsigned long long)refused);
}

/* What fits into the socket's buffer leaves; a peer that speaks TLS is told nothing. */
static void
refuse(struct http_server *server, int fd, const char *why)
{
    const struct response_framing framing = {.length = RESPONSE_SIZED, .closes = true};
    char dropped[4096];
    struct buffer bytes;

    complain(server, why);
    if (server->options.tls == NULL) {
        buffer_init(&bytes);
        response_write_text(&bytes, &framing, 503, why, NULL);
        (void)!send(fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        buffer_release(&bytes);
        (void)shutdown(fd, SHUT_WR);
        /* Bytes that were not read would make the close a reset, which may overtake the reply. */
        (void)!recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
        explicit_bzero(dropped, sizeof dropped);
    }
    (void)close(fd);
}

static void
refuse_without_descriptor(struct http_server *server)
{
    struct http_listener *listener = &server->listener;
    struct timeval rest = {.tv_usec = RETRY_MS * 1000};

    if (listener->reserve_fd >= 0) {
        int fd;

        (void)close(listener->reserve_fd);
        fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            refuse(server, fd, "there are no file descriptors left");
        listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    (void)event_del(listener->acceptable);
    (void)event_add(listener->retry, &rest);
}

/* --- accepting --- */

static void
admit(struct http_server *server, int fd, const union tcp_address *address)
{
    const int unsent = UNSENT_SIZE;
    char origin[TCP_ORIGIN_SIZE];
    char peer[INET6_ADDRSTRLEN] = "";
    struct seat *seat;

    if (atomic_load(&server->connection_count) >= server->options.connections) {
        refuse(server, fd, "there are too many connections");
        return;
    }
    seat = seats_take(&server->listener.seats, tcp_origin(address, origin));
    if (seat == NULL) {
        refuse(server, fd, "there are too many connections of this address");
        return;
    }
    tcp_set_options(fd);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
    tcp_print_host(address, peer);
    atomic_fetch_add(&server->accepted, 1);
    http_connection_open(server, fd, seat, peer);
}

static void
on_acceptable(evutil_socket_t listening, short what, void *context)
{
    struct http_server *server = context;
    struct http_listener *listener = &server->listener;

    (void)listening;
    (void)what;
    (void)http_server_read_clock(server);
    for (int count = 0; count < ACCEPTS_PER_WAKE; count++) {
        union tcp_address address;
        socklen_t size = sizeof address;
        int fd = accept4(listener->fd, &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(server, fd, &address);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            refuse_without_descriptor(server);
        if (errno != EINTR && errno != ECONNABORTED)
            break;
    }
    http_server_reap(server);
}

static void
on_retry(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;

    (void)fd;
    (void)what;
    (void)event_add(server->listener.acceptable, NULL);
}

/* --- life --- */

enum status
http_listener_open(struct http_listener *listener, const char *text, unsigned per_address,
                   struct error *error)
{
    *listener = (struct http_listener){.fd = -1, .reserve_fd = -1};
    seats_init(&listener->seats, per_address);
    listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return tcp_listen(text, &listener->fd, listener->address, error);
}

enum status
http_listener_start(struct http_listener *listener, struct http_server *server, struct error *error)
{
    listener->acceptable =
        event_new(server->base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, server);
    listener->retry = event_new(server->base, -1, 0, on_retry, server);
    if (listener->acceptable == NULL || listener->retry == NULL ||
        event_add(listener->acceptable, NULL) != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot wait for connections");
    return BEHALF_OK;
}

void
http_listener_stop(struct http_listener *listener)
{
    if (listener->acceptable != NULL)
        event_free(listener->acceptable);
    if (listener->retry != NULL)
        event_free(listener->retry);
    listener->acceptable = NULL;
    listener->retry = NULL;
    if (listener->fd >= 0)
        (void)close(listener->fd);
    listener->fd = -1;
}

void
http_listener_close(struct http_listener *listener)
{
    http_listener_stop(listener);
    if (listener->reserve_fd >= 0)
        (void)close(listener->reserve_fd);
    listener->reserve_fd = -1;
    seats_release(&listener->seats);
}
