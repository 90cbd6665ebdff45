/* binding.h - addresses to listen on, and which of them may be opened.
 * Always true: names are not resolved; an address is numbers. On loopback everything is allowed.
 * Elsewhere there must be keys, without exception, and TLS, unless somebody said in so many words
 * that something else encrypts. Threads: any. */
#ifndef BEHALF_NET_BINDING_H
#define BEHALF_NET_BINDING_H

#include <netinet/in.h>
#include <stdbool.h>

#include "base/error.h"

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "127.0.0.1:23425" or "[::1]:23425". MALFORMED_REQUEST when it is neither. */
enum status binding_parse(const char *text, union socket_address *address, socklen_t *size,
                          struct error *error) BEHALF_MUST_USE;
bool binding_is_loopback(const union socket_address *address);
/* With the port, as binding_parse reads it. */
void binding_print(const union socket_address *address, char *text, size_t room);

/* What protects a port. */
struct binding_guards {
    bool keys;
    bool tls;
    bool insecure_plaintext; /* instead of TLS */
};

/* MALFORMED_REQUEST with what to do, for a port that must not be opened. */
enum status binding_check(const char *text, const struct binding_guards *guards,
                          struct error *error) BEHALF_MUST_USE;

#endif
