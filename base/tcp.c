/* tcp.c - see tcp.h. */
#include "base/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024
#define NETWORK_SIZE 8 /* bytes of a /64 */

#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_COUNT 3
#define USER_TIMEOUT_MS 30000

/* --- addresses --- */

static bool
parse_port(const char *text, uint16_t *port)
{
    char *end = NULL;
    unsigned long number;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool
parse(const char *text, union tcp_address *address, socklen_t *size)
{
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(text, ':');
    size_t host_size;
    uint16_t port = 0;
    bool bracketed = text[0] == '[';

    if (colon == NULL || !parse_port(colon + 1, &port))
        return false;
    host_size = (size_t)(colon - text);
    if (bracketed) {
        if (host_size < 2 || text[host_size - 1] != ']')
            return false;
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

enum status
tcp_parse(const char *text, union tcp_address *address, socklen_t *size, struct error *error)
{
    if (parse(text, address, size))
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST, "cannot listen on '%.100s': not an address", text);
    error_hint(error, "write numbers, like 127.0.0.1:23425 or [::1]:23425; port 0 takes any");
    return BEHALF_MALFORMED_REQUEST;
}

void
tcp_print(const union tcp_address *address, char text[static TCP_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
        (void)snprintf(text, TCP_TEXT_SIZE, "[%s]:%u", host,
                       (unsigned)ntohs(address->v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host);
        (void)snprintf(text, TCP_TEXT_SIZE, "%s:%u", host, (unsigned)ntohs(address->v4.sin_port));
    }
}

/* The four bytes of IPv4, also of one that is mapped into IPv6; NULL of others. */
static const void *
bytes_of_v4(const union tcp_address *address)
{
    if (address->any.sa_family == AF_INET)
        return &address->v4.sin_addr;
    return IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr) ? &address->v6.sin6_addr.s6_addr[12] : NULL;
}

void
tcp_print_host(const union tcp_address *address, char host[static INET6_ADDRSTRLEN])
{
    const void *v4 = bytes_of_v4(address);

    if (v4 != NULL)
        (void)inet_ntop(AF_INET, v4, host, INET6_ADDRSTRLEN);
    else
        (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, host, INET6_ADDRSTRLEN);
}

bool
tcp_is_loopback(const union tcp_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return (ntohl(address->v4.sin_addr.s_addr) >> 24) == 127;
}

struct slice
tcp_origin(const union tcp_address *address, char bytes[static TCP_ORIGIN_SIZE])
{
    const void *v4 = bytes_of_v4(address);
    size_t size = v4 != NULL ? sizeof address->v4.sin_addr : NETWORK_SIZE;

    memcpy(bytes, v4 != NULL ? v4 : (const void *)&address->v6.sin6_addr, size);
    return (struct slice){bytes, size};
}

/* --- sockets --- */

static enum status
refuse_listening(const char *text, int cause, struct error *error)
{
    error_set(error, BEHALF_OVERLOADED, "cannot listen on '%.100s': %s", text, strerror(cause));
    if (cause == EADDRINUSE)
        error_hint(error, "another program has the port; stop it or choose another port");
    return BEHALF_OVERLOADED;
}

enum status
tcp_listen(const char *text, int *result, char bound[static TCP_TEXT_SIZE], struct error *error)
{
    union tcp_address address;
    socklen_t size = 0;
    int on = 1;
    int fd;
    enum status status = tcp_parse(text, &address, &size, error);

    if (status != BEHALF_OK)
        return status;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refuse_listening(text, errno, error);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.any, size) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, &address.any, &size) != 0) {
        int cause = errno;

        (void)close(fd);
        return refuse_listening(text, cause, error);
    }
    tcp_print(&address, bound);
    *result = fd;
    return BEHALF_OK;
}

void
tcp_set_options(int fd)
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
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(options); at++)
        (void)setsockopt(fd, options[at].level, options[at].name, &options[at].value,
                         sizeof options[at].value);
}
