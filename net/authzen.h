/* authzen.h - OpenID AuthZEN Authorization API 1.0 over the HTTP port.
 *
 * Always true: every exchange handed over is answered exactly once, by http_respond, on the HTTP
 * loop or on a thread of the engine's pool. What would have to wait runs on the pool: the HTTP loop
 * never waits.
 * Threads: open and close one; judge, handle and gone the HTTP loop.
 * Memory: options are read during open; engine, env, keys and counts are borrowed until close. */
#ifndef BEHALF_NET_AUTHZEN_H
#define BEHALF_NET_AUTHZEN_H

#include <stdbool.h>

#include "base/env.h"
#include "base/error.h"
#include "http/http.h"

struct authzen;
struct authzen_counts;
struct engine;
struct keys;

struct authzen_options {
    const struct env *env;
    struct engine *engine;
    struct keys *keys; /* NULL = nobody is asked for a key */
    struct authzen_counts *counts;
    const char *path; /* of the configuration, JSON; NULL = nothing of AuthZEN is answered */
};

/* MALFORMED_REQUEST: a configuration that cannot be read or used; the message says where. */
enum status authzen_open(const struct authzen_options *options, struct authzen **authzen,
                         struct error *error) BEHALF_MUST_USE;
/* Waits until the pool has answered what it has. After the HTTP loop has ended. */
void authzen_close(struct authzen *authzen); /* accepts NULL */

/* Whether a path is AuthZEN's, with whatever method: /access/v1/... and
 * /.well-known/authzen-configuration, alone or with a path behind it. */
bool authzen_handles(struct slice path);

/* How large the body of a request may be whose path is AuthZEN's; or the status that refuses it. */
struct http_verdict authzen_judge(struct authzen *authzen, const struct http_request *head);

void authzen_handle(struct authzen *authzen, struct http_exchange *exchange);

/* The peer of an exchange that is not answered yet went away. */
void authzen_gone(struct authzen *authzen, struct http_exchange *exchange);

#endif
