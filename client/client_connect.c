/* client_connect.c - endpoints and sockets.
 * Always true: the socket is non-blocking and closed on exec; every address a name resolves to is
 * tried within one common deadline. */
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/client_internal.h"

#define HOST_SIZE CLIENT_HOST_SIZE
#define PORT_SIZE 6
#define UNIX_PREFIX "unix:"

int64_t
client_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
client_poll_ms(int64_t left_ms)
{
    if (left_ms <= 0)
        return 0;
    return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* 0, or an errno. */
static int
wait_connected(int descriptor, int64_t deadline_ms)
{
    struct pollfd watched = {.fd = descriptor, .events = POLLOUT};
    int problem = 0;
    socklen_t size = sizeof problem;

    for (;;) {
        int64_t left_ms = deadline_ms - client_now_ms();
        int ready = poll(&watched, 1, client_poll_ms(left_ms));

        if (ready > 0)
            break;
        if (ready == 0 && left_ms <= INT_MAX)
            return ETIMEDOUT;
        if (ready < 0 && errno != EINTR)
            return errno;
    }
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
        return errno;
    return problem;
}

/* 0 and a connected socket, or an errno. */
static int
open_socket(int family, const struct sockaddr *address, socklen_t size, int64_t deadline_ms,
            int *descriptor)
{
    int opened = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1;
    int problem = 0;

    if (opened < 0)
        return errno;
    if (connect(opened, address, size) != 0)
        problem =
            errno == EINPROGRESS || errno == EINTR ? wait_connected(opened, deadline_ms) : errno;
    if (problem != 0) {
        (void)close(opened);
        return problem;
    }
    /* Requests are small and batched here already; waiting for more would only add delay. */
    if (family != AF_UNIX)
        (void)setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *descriptor = opened;
    return 0;
}

static enum behalf_status
open_unix(const char *endpoint, int64_t deadline_ms, int *descriptor, struct behalf_error *error)
{
    const char *path = endpoint + strlen(UNIX_PREFIX);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    int problem;

    if (size == 0 || size >= sizeof address.sun_path)
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot use endpoint '%s': a socket path has 1 to %zu bytes",
                                endpoint, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, size);
    problem = open_socket(AF_UNIX, (const struct sockaddr *)&address, (socklen_t)sizeof address,
                          deadline_ms, descriptor);
    if (problem != 0)
        return client_error_set(error, BEHALF_FAILED_CONNECTION, "cannot connect to '%s': %s",
                                endpoint, strerror(problem));
    return BEHALF_SUCCESS;
}

/* Splits "host:port" and "[host]:port". */
static bool
split_address(const char *endpoint, char host[HOST_SIZE], char port[PORT_SIZE])
{
    const char *colon = strrchr(endpoint, ':');
    const char *from = endpoint;
    size_t host_size;
    size_t port_size;

    if (colon == NULL)
        return false;
    host_size = (size_t)(colon - endpoint);
    if (endpoint[0] == '[') {
        if (host_size < 3 || colon[-1] != ']')
            return false;
        from++;
        host_size -= 2;
    } else if (memchr(endpoint, ':', host_size) != NULL) {
        return false;
    }
    port_size = strlen(colon + 1);
    if (host_size == 0 || host_size >= HOST_SIZE || port_size == 0 || port_size >= PORT_SIZE ||
        strspn(colon + 1, "0123456789") != port_size)
        return false;
    memcpy(host, from, host_size);
    host[host_size] = '\0';
    memcpy(port, colon + 1, port_size + 1);
    return strtoul(port, NULL, 10) <= UINT16_MAX;
}

bool
client_endpoint_is_unix(const char *endpoint)
{
    return strncmp(endpoint, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0;
}

bool
client_endpoint_host(const char *endpoint, char host[CLIENT_HOST_SIZE])
{
    char port[PORT_SIZE];

    return split_address(endpoint, host, port);
}

enum behalf_status
client_socket_open(const char *endpoint, int64_t deadline_ms, int *descriptor,
                   struct behalf_error *error)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    char host[HOST_SIZE];
    char port[PORT_SIZE];
    int problem = ECONNREFUSED;
    int resolved;

    if (client_endpoint_is_unix(endpoint))
        return open_unix(endpoint, deadline_ms, descriptor, error);
    if (!split_address(endpoint, host, port)) {
        client_error_set(error, BEHALF_FAILED_USAGE, "cannot use endpoint '%s': not an endpoint",
                         endpoint);
        if (error != NULL)
            (void)snprintf(error->hint, sizeof error->hint,
                           "write ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH");
        return BEHALF_FAILED_USAGE;
    }
    resolved = getaddrinfo(host, port, &hints, &addresses);
    if (resolved != 0)
        return client_error_set(error, BEHALF_FAILED_CONNECTION, "cannot resolve '%s': %s", host,
                                gai_strerror(resolved));
    for (const struct addrinfo *one = addresses; one != NULL; one = one->ai_next) {
        problem =
            open_socket(one->ai_family, one->ai_addr, one->ai_addrlen, deadline_ms, descriptor);
        if (problem == 0)
            break;
    }
    freeaddrinfo(addresses);
    if (problem != 0) {
        client_error_set(error, BEHALF_FAILED_CONNECTION, "cannot connect to '%s': %s", endpoint,
                         strerror(problem));
        if (error != NULL && problem == ECONNREFUSED)
            (void)snprintf(error->hint, sizeof error->hint,
                           "is behalfd running, and does it listen there?");
        return BEHALF_FAILED_CONNECTION;
    }
    return BEHALF_SUCCESS;
}
