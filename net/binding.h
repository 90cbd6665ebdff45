/* binding.h - which addresses may be listened on.
 * Always true: on loopback everything is allowed. Elsewhere there must be keys, without exception,
 * and TLS, unless somebody said in so many words that something else encrypts. Threads: any. */
#ifndef BEHALF_NET_BINDING_H
#define BEHALF_NET_BINDING_H

#include <stdbool.h>

#include "base/error.h"

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
