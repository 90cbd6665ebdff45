/* binding.c - the rules for addresses off loopback. */
#include "net/binding.h"

#include "base/tcp.h"

enum status
binding_check(const char *text, const struct binding_guards *guards, struct error *error)
{
    union tcp_address address;
    socklen_t size = 0;
    enum status status = tcp_parse(text, &address, &size, error);

    if (status != BEHALF_OK || tcp_is_loopback(&address))
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
