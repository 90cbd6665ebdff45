/* http_side_reply.h - what /healthz, /readyz and /metrics answer.
 * Always true: each answers its exchange exactly once, and none names an object or an id.
 * Threads: health any; ready and metrics a thread that may wait for the engine. */
#ifndef BEHALF_NET_HTTP_SIDE_REPLY_H
#define BEHALF_NET_HTTP_SIDE_REPLY_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/env.h"
#include "http/http.h"
#include "net/authzen_counts.h"

struct engine;
struct keys;
struct server;

/* Borrowed, all of it. */
struct http_side_state {
    const struct env *env;
    struct engine *engine;
    struct server *server;
    struct keys *keys; /* NULL = nobody is asked */
    struct http_server *http;
    atomic_bool stopping;
    _Atomic uint64_t keys_known; /* that were shown to /metrics */
    _Atomic uint64_t keys_unknown;
    struct authzen_counts authzen;
};

/* The key after "Bearer "; empty without data when there is none. */
struct slice http_side_bearer(const struct http_request *request);

typedef void http_side_reply(struct http_side_state *state, struct http_exchange *exchange);

/* 200 as long as the process serves. */
http_side_reply http_side_reply_health;
/* 200 when requests are taken; else 503 and a line that says why not. */
http_side_reply http_side_reply_ready;
/* Prometheus text format 0.0.4. With keys: for the roles read and admin. */
http_side_reply http_side_reply_metrics;

#endif
