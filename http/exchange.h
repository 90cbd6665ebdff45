/* exchange.h - a request that was handed over, and what comes back for it.
 *
 * Always true: an exchange belongs to its answerer from `handle` until http_respond or
 * http_stream_end; then the loop frees it. Replies are serialised on the answerer's thread and
 * reach the loop as messages, in the order in which they were sent; only within `handle` they go
 * to the connection at once.
 * Threads: what stands under "loop" is the loop's, the rest the answerer's, but for the atomics. */
#ifndef BEHALF_HTTP_EXCHANGE_H
#define BEHALF_HTTP_EXCHANGE_H

#include <netinet/in.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "base/inbox.h"
#include "http/head.h"

#define EXCHANGE_ENDS 1U      /* nothing follows; the exchange is freed */
#define EXCHANGE_CLOSES 2U    /* the connection ends with this reply */
#define EXCHANGE_ABORTS 4U    /* the connection is closed at once: its reply cannot be completed */
#define EXCHANGE_BEGINS 8U    /* the head of a stream */
#define EXCHANGE_EVENTS 16U   /* with BEGINS: of text/event-stream */
#define EXCHANGE_MID_LINE 32U /* what follows belongs to the same line */

struct http_connection;

enum exchange_phase { EXCHANGE_OPEN, EXCHANGE_STREAM, EXCHANGE_DISCARDS };

struct http_exchange {
    struct http_server *server;
    struct http_request request;
    size_t head_size;
    bool is_http_1_0;
    bool closes; /* the request says so */
    int64_t arrived_ns;
    void *owner;
    enum exchange_phase phase;

    atomic_bool gone;
    atomic_size_t waiting; /* bytes of a stream that the peer's socket has not taken */

    /* loop */
    struct http_connection *connection; /* NULL when it is closed */
    struct buffer body;
    bool has_comments;  /* it is an event stream */
    bool is_line_begin; /* a comment may be sent now */
    int64_t written_ns;

    char peer[INET6_ADDRSTRLEN];
    struct http_field fields[]; /* then the bytes of the head */
};

/* A reply, or a part of one, on its way to the loop. */
struct exchange_message {
    struct inbox_message link; /* first: the server casts back */
    struct http_exchange *exchange;
    unsigned flags;
    struct buffer bytes;
};

/* Copies the head; request has all but method, body and peer. */
struct http_exchange *exchange_new(struct http_server *server, const struct head *head,
                                   const char *bytes);
/* On the loop, or after it. */
void exchange_free(struct http_exchange *exchange);

/* A comment line of an event stream, as it is sent. */
void exchange_add_comment(const struct http_exchange *exchange, struct buffer *out);

#endif
