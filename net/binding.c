/* binding.c - reading addresses, and the rules for those off loopback. */
#include "net/binding.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
parse(const char *text, union socket_address *address, socklen_t *size)
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
binding_parse(const char *text, union socket_address *address, socklen_t *size, struct error *error)
{
    if (parse(text, address, size))
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST, "cannot listen on '%.100s': not an address", text);
    error_hint(error, "write numbers, like 127.0.0.1:23425 or [::1]:23425; port 0 takes any");
    return BEHALF_MALFORMED_REQUEST;
}

bool
binding_is_loopback(const union socket_address *address)
{
    if (address->any.sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
    return (ntohl(address->v4.sin_addr.s_addr) >> 24) == 127;
}

void
binding_print(const union socket_address *address, char *text, size_t room)
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof host);
        (void)snprintf(text, room, "[%s]:%u", host, (unsigned)ntohs(address->v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof host);
        (void)snprintf(text, room, "%s:%u", host, (unsigned)ntohs(address->v4.sin_port));
    }
}

enum status
binding_check(const char *text, const struct binding_guards *guards, struct error *error)
{
    union socket_address address;
    socklen_t size = 0;
    enum status status = binding_parse(text, &address, &size, error);

    if (status != BEHALF_OK || binding_is_loopback(&address))
        return status;
    if (!guards->keys) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "cannot listen on '%.100s': it is not on loopback, and without keys anybody who "
                  "reaches it could do everything",
                  text);
        error_hint(error, "give --keys FILE ('behalf key new' makes a key and the line for it), or "
                          "listen on 127.0.0.1 or [::1]");
        return BEHALF_MALFORMED_REQUEST;
    }
    if (!guards->tls && !guards->insecure_plaintext) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "cannot listen on '%.100s': it is not on loopback, and without TLS keys and "
                  "answers would cross the network for all to read",
                  text);
        error_hint(error, "give --tls-certificate and --tls-key, or --insecure-plaintext if "
                          "something else encrypts all that reaches this port");
        return BEHALF_MALFORMED_REQUEST;
    }
    return BEHALF_OK;
}
