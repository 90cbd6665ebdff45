/* server.h - the loop of an http_server: its thread, its connections, its inbox.
 *
 * Always true: all that a server owns is touched by its loop alone, but for the atomics. Other
 * threads push a message on a list without locks, and an eventfd wakes the loop when the list was
 * empty. A connection that is closed is freed at the end of the callback that closed it, so that
 * whoever iterates never meets freed memory.
 * Threads: http_server_send and http_server_is_serving any; the rest the loop's. */
#ifndef BEHALF_HTTP_SERVER_H
#define BEHALF_HTTP_SERVER_H

#include <pthread.h>

#include "http/exchange.h"
#include "http/listener.h"

struct event;
struct event_base;

#define SERVER_READ_SIZE ((size_t)64 * 1024)

struct http_server {
    struct http_options options; /* without zeros; its texts are not used after open */
    struct slice *authorities;   /* owned, lower case */
    struct head_rules rules;
    struct http_listener listener;

    struct event_base *base;
    struct event *wake;
    struct event *tick;
    struct event *turn;
    bool turn_pending;
    pthread_t thread;
    bool started;
    bool joined;

    struct http_connection *connections;
    struct http_connection *turns;  /* with more to do than one turn allows */
    struct http_connection *closed; /* to be freed */
    size_t exchanges;               /* not answered yet */
    size_t body_bytes;              /* that they hold */
    int64_t now_ns;                 /* read once per wake-up */
    int64_t drain_until_ns;         /* 0 while nobody asked to stop */
    bool drained_in_time;
    char *read_bytes; /* SERVER_READ_SIZE, shared: a connection without a rest owns none */

    struct inbox inbox;
    atomic_size_t output_bytes; /* of replies that wait, in messages too */
    atomic_bool stopping;
    _Atomic int64_t stopping_since_ns; /* 0 while nobody said so */
    atomic_uint_fast64_t connection_count;
    atomic_uint_fast64_t accepted;
    atomic_uint_fast64_t refused_connections;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t refused_requests;
};

/* Takes the bytes. */
void http_server_send(struct http_exchange *exchange, struct buffer *bytes, unsigned flags);
/* Whether the caller is in the handler of this exchange: it goes to its connection at once. */
bool http_server_is_serving(const struct http_exchange *exchange);

int64_t http_server_read_clock(struct http_server *server);
/* The connection goes on after one poll. */
void http_server_add_turn(struct http_server *server, struct http_connection *connection);
/* Frees closed connections: the last thing in a callback. */
void http_server_reap(struct http_server *server);

#endif
