/* connection.h - one peer: bytes in, one request at a time, bytes out.
 *
 * Always true: `phase` says what the next byte that comes is for. While an exchange is in work (its
 * reply is not whole) up to CONNECTION_WAITING_SIZE of the next request are read, so that a close
 * by the peer is seen at once; beyond that nothing is read and the close is seen by poll(2). Events
 * are edge-triggered: `readable` is what is known of the socket, and every way that makes room to
 * read or to serve goes through http_connection_run. A connection is closed in the end by whoever
 * has nothing more to say: when that is us, with unread bytes maybe, it lingers, or the reset would
 * overtake the reply.
 * Memory: what a peer sent is overwritten wherever it leaves, as it may be a key. An idle
 * connection owns no buffers. Freed by http_server_reap after http_connection_close.
 * Threads: its loop's. */
#ifndef BEHALF_HTTP_CONNECTION_H
#define BEHALF_HTTP_CONNECTION_H

#include "base/tls.h"
#include "http/body.h"
#include "http/exchange.h"

struct seat;
struct event;

#define CONNECTION_WAITING_SIZE ((size_t)64 * 1024) /* of requests that wait */
#define CONNECTION_DROPPED_SIZE ((size_t)64 * 1024) /* of what is read after a refusal */

enum connection_phase {
    CONNECTION_HANDSHAKE,
    CONNECTION_HEAD,   /* of the next request, of which nothing may be here yet */
    CONNECTION_BODY,   /* `exchange` is being read */
    CONNECTION_WORK,   /* `exchange` is its answerer's */
    CONNECTION_ENDING, /* output leaves, nothing is read */
    CONNECTION_LINGER, /* all is said; what comes is thrown away */
    CONNECTION_CLOSED, /* no descriptor any more */
};

struct http_connection {
    struct http_server *server;
    int fd;
    enum connection_phase phase;
    struct tls *tls; /* NULL = plain */
    struct event *event;
    struct seat *seat; /* of its address */

    bool readable;    /* the socket may have bytes */
    bool peer_closed; /* it will end */
    bool serving;     /* inside the handler: its reply may be added directly */
    bool closes;      /* after the reply that is due */
    bool is_aborted;  /* closed when http_connection_run is next called */
    bool in_turns;

    struct buffer input;
    struct head head;
    struct body body;
    struct http_exchange *exchange;
    bool streams;      /* its reply is one, which has begun */
    unsigned requests; /* served in this turn */

    struct buffer output;
    size_t output_sent;
    size_t output_before; /* of earlier replies, before the stream's bytes */

    int64_t begun_ns;    /* handshake, head, body or lingering; of an empty head: idle */
    int64_t progress_ns; /* when enough of the output left, or it began to wait */
    size_t progress;     /* bytes that left since */
    size_t dropped;

    struct http_connection *previous;
    struct http_connection *next;
    struct http_connection *turn_next;
    struct http_connection *closed_next;
    char peer[INET6_ADDRSTRLEN];
};

/* Takes the descriptor and the place among the addresses. */
void http_connection_open(struct http_server *server, int fd, struct seat *seat, const char *peer);

/* Sends, reads, serves: as much as one turn allows. */
void http_connection_run(struct http_connection *connection);

/* A reply or a part of one; takes the bytes, which are counted in the server's output, and with
 * EXCHANGE_ENDS the exchange. The connection may be gone. http_connection_run sends. */
void http_connection_deliver(struct http_exchange *exchange, struct buffer *bytes, unsigned flags);

/* Closes what is idle, slow or stuck; adds comments to streams. */
void http_connection_check_time(struct http_connection *connection);

/* The server stops: what is not in work ends now, the rest with its reply. */
void http_connection_drain(struct http_connection *connection);

void http_connection_close(struct http_connection *connection);

#endif
