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

#define BACKLOG 1024
#define ACCEPTS_PER_WAKE 64
#define RETRY_MS 100
#define COMPLAIN_NS INT64_C(10000000000)
#define USER_TIMEOUT_MS 30000
#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT 3
/* Not more waits in the kernel: what waits is counted here, and progress of slow readers seen. */
#define UNSENT_SIZE (128 * 1024)

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* --- addresses as text --- */

static bool
parse_port(const char *text, uint16_t *port)
{
    unsigned long value = 0;

    for (const char *at = text; *at != '\0'; at++) {
        if (*at < '0' || *at > '9')
            return false;
        value = value * 10 + (unsigned long)(*at - '0');
        if (value > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)value;
    return text[0] != '\0';
}

static bool
parse_address(const char *text, union socket_address *address, socklen_t *size)
{
    const char *colon = strrchr(text, ':');
    size_t host_size = colon == NULL ? 0 : (size_t)(colon - text);
    bool bracketed = host_size >= 2 && text[0] == '[' && text[host_size - 1] == ']';
    char host[INET6_ADDRSTRLEN];
    uint16_t port;

    if (colon == NULL || !parse_port(colon + 1, &port))
        return false;
    if (bracketed) {
        text++;
        host_size -= 2;
    }
    if (host_size >= sizeof host)
        return false;
    memcpy(host, text, host_size);
    host[host_size] = '\0';
    memset(address, 0, sizeof *address);
    if (bracketed) {
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = htons(port);
        *size = sizeof address->v6;
        return inet_pton(AF_INET6, host, &address->v6.sin6_addr) == 1;
    }
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = htons(port);
    *size = sizeof address->v4;
    return inet_pton(AF_INET, host, &address->v4.sin_addr) == 1;
}

/* Of IPv4 inside IPv6 the IPv4 address. */
static void
print_host(const union socket_address *address, char host[static INET6_ADDRSTRLEN])
{
    const struct in6_addr *v6 = &address->v6.sin6_addr;

    if (address->any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &address->v4.sin_addr, host, INET6_ADDRSTRLEN);
    else if (IN6_IS_ADDR_V4MAPPED(v6))
        (void)inet_ntop(AF_INET, &v6->s6_addr[12], host, INET6_ADDRSTRLEN);
    else
        (void)inet_ntop(AF_INET6, v6, host, INET6_ADDRSTRLEN);
}

static void
print_address(struct http_listener *listener)
{
    union socket_address address;
    socklen_t size = sizeof address;
    char host[INET6_ADDRSTRLEN] = "";

    memset(&address, 0, sizeof address);
    (void)getsockname(listener->fd, &address.any, &size);
    print_host(&address, host);
    listener->port =
        ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    listener->host_size = (size_t)snprintf(listener->address, sizeof listener->address,
                                           strchr(host, ':') != NULL ? "[%s]" : "%s", host);
    (void)snprintf(listener->address + listener->host_size,
                   sizeof listener->address - listener->host_size, ":%u", listener->port);
}

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
        response_write_text(&bytes, &framing, 503, why);
        (void)!send(fd, bytes.data, bytes.size, MSG_NOSIGNAL | MSG_DONTWAIT);
        buffer_release(&bytes);
        (void)shutdown(fd, SHUT_WR);
        /* Bytes that were not read would make the close a reset, which may overtake the reply. */
        (void)!recv(fd, dropped, sizeof dropped, MSG_DONTWAIT);
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
set_socket_options(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_SIZE},
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(options); at++)
        (void)setsockopt(fd, options[at].level, options[at].name, &options[at].value,
                         sizeof options[at].value);
}

static void
admit(struct http_server *server, int fd, const union socket_address *address)
{
    struct address_entry *entry;
    char peer[INET6_ADDRSTRLEN] = "";

    if (atomic_load(&server->connection_count) >= server->options.connections) {
        refuse(server, fd, "there are too many connections");
        return;
    }
    entry = addresses_add(&server->listener.addresses, &address->any,
                          server->options.connections_per_address);
    if (entry == NULL) {
        refuse(server, fd, "there are too many connections of this address");
        return;
    }
    set_socket_options(fd);
    print_host(address, peer);
    atomic_fetch_add(&server->accepted, 1);
    http_connection_open(server, fd, entry, peer);
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
        union socket_address address;
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
http_listener_open(struct http_listener *listener, const char *text, struct error *error)
{
    union socket_address address;
    socklen_t size = 0;
    int on = 1;

    *listener = (struct http_listener){.fd = -1, .reserve_fd = -1};
    if (!parse_address(text, &address, &size)) {
        error_set(error, BEHALF_MALFORMED_REQUEST, "cannot listen on '%.100s': not an address",
                  text);
        error_hint(error, "write numbers, like 127.0.0.1:8080 or [::1]:8080; port 0 takes any");
        return BEHALF_MALFORMED_REQUEST;
    }
    listener->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    listener->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd >= 0)
        (void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (listener->fd < 0 || bind(listener->fd, &address.any, size) != 0 ||
        listen(listener->fd, BACKLOG) != 0) {
        int cause = errno;

        error_set(error, BEHALF_OVERLOADED, "cannot listen on '%.100s': %s", text, strerror(cause));
        if (cause == EADDRINUSE)
            error_hint(error, "another program has the port; stop it or choose another port");
        http_listener_close(listener);
        return BEHALF_OVERLOADED;
    }
    print_address(listener);
    return BEHALF_OK;
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
}
