/* http_side.h - the HTTP port of behalfd: health, metrics, and the door of AuthZEN.
 *
 * Paths: /healthz, /readyz and /metrics (http_side_reply.h), /watch (http_watch.h), and what
 * authzen_handles says is AuthZEN's (authzen.h). Another path is 404; another method than a path
 * has is 405 with Allow.
 * HEAD is answered as GET, without the body.
 *
 * Always true: the HTTP loop never waits: what needs the engine runs on the engine's pool. /healthz
 * and /readyz need no key, and say nothing but the state; with a keys file /metrics needs the role
 * read or admin. A head is at most HTTP_SIDE_HEAD_SIZE and has HTTP_SIDE_HEAD_S seconds.
 * Threads: open, start, stopping, drain and close by one thread; the HTTP loop is one of its own.
 * Memory: options are read during open; engine, env, server, keys and TLS are borrowed until close,
 * which waits for requests that are still on the pool: the engine is closed after it. */
#ifndef BEHALF_NET_HTTP_SIDE_H
#define BEHALF_NET_HTTP_SIDE_H

#include <stdbool.h>

#include "base/env.h"
#include "base/error.h"
#include "base/tls.h"

struct engine;
struct http_side;
struct keys;
struct server;

#define HTTP_SIDE_HEAD_SIZE ((size_t)8 * 1024)
#define HTTP_SIDE_HEAD_S 5
#define HTTP_SIDE_BODY_S 5
#define HTTP_SIDE_IDLE_S 60
#define HTTP_SIDE_CONNECTIONS 64

struct http_side_options {
    const struct env *env;
    struct engine *engine;
    struct server *server;    /* whose figures /metrics shows */
    struct keys *keys;        /* NULL = nobody is asked for a key */
    struct tls_server *tls;   /* NULL = plain */
    bool insecure_plaintext;  /* off loopback without TLS: something else encrypts */
    const char *address;      /* "127.0.0.1:8080", port 0 takes any */
    const char *hosts;        /* comma-separated values of Host; NULL = the address, localhost */
    const char *authzen_path; /* of its configuration; NULL = defaults */
    unsigned connections;     /* 0 = HTTP_SIDE_CONNECTIONS */
};

/* Binds and listens. MALFORMED_REQUEST: an address, host or configuration that cannot be used;
 * OVERLOADED: the system refuses. The message says what to do. */
enum status http_side_open(const struct http_side_options *options, struct http_side **side,
                           struct error *error) BEHALF_MUST_USE;

/* "127.0.0.1:8080" with the real port. Valid until close. */
const char *http_side_address(const struct http_side *side);

enum status http_side_start(struct http_side *side, struct error *error) BEHALF_MUST_USE;

/* From now on /readyz says that the server stops; all else is answered as before, each reply ending
 * its connection. The ten seconds of http_side_drain begin. */
void http_side_stopping(struct http_side *side);

/* Stops accepting and lets exchanges end, for at most ten seconds since http_side_stopping. False
 * when the bound came first. */
bool http_side_drain(struct http_side *side);

/* After http_side_drain, or instead of http_side_start. */
void http_side_close(struct http_side *side); /* accepts NULL */

#endif
