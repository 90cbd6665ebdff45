/* http.h - CONTRACT of the http floor: a strict HTTP/1.1 server.
 *
 * Always true: a request is handed over whole, once, and only when every byte of its head is what
 * RFC 9110 and RFC 9112 allow and this page does not forbid; whatever is ambiguous is refused and
 * the connection closed, so that nobody before or behind us can read it otherwise. One request at a
 * time per connection; up to 64 KiB of the next one wait. What one peer can make the server hold
 * is bounded. Every reply carries Cache-Control: no-store, X-Content-Type-Options: nosniff,
 * Referrer-Policy: same-origin, and under TLS Strict-Transport-Security. A field that our reader
 * would refuse is never written.
 * Knows nothing of Behalf: no floor but base/.
 *
 * Refused, each with its status and a line of text/plain, then closed: what is no HTTP (400), a
 * head that is too large (431), a target that is (414), another version (505), another method
 * (501), a Host that is not ours (421), none or two Hosts, any once-only field twice, a folded
 * line, bare LF, blanks before a colon, an empty name (400), Content-Length beside
 * Transfer-Encoding (400), a body that is too large (413), Expect but 100-continue (417), no room
 * (503). Of HTTP/1.0 too a Host is needed, and the connection ends with its reply. When several
 * apply: what is no HTTP comes first, then Host, method, Expect, judge, the body's size. A request
 * that is refused has up to 64 KiB of its body read and thrown away, so that the reply arrives.
 *
 * Threads: the server has one thread, its loop; `handler`, `body_limit` and `gone` are called on
 * it and must not block. http_respond and the http_stream_* functions may be called on any thread.
 * Memory: a request's slices live until its exchange is answered; replies are copied. */
#ifndef BEHALF_HTTP_HTTP_H
#define BEHALF_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "base/slice.h"
#include "base/tls.h"

struct http_exchange;
struct http_server;

#define HTTP_FIELDS_MAX 64
#define HTTP_HEAD_SIZE_MAX ((size_t)16 * 1024)
#define HTTP_TARGET_SIZE_MAX ((size_t)8 * 1024)
#define HTTP_BODY_SIZE_MAX ((size_t)4 * 1024 * 1024)
#define HTTP_OUTPUT_SIZE_MAX ((size_t)8 * 1024 * 1024) /* of a reply, or waiting of a stream */

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_DELETE, HTTP_OPTIONS };

struct http_field {
    struct slice name;  /* as sent; compared without case */
    struct slice value; /* without blanks around it */
};

struct http_request {
    enum http_method method;
    struct slice target; /* origin form, as sent */
    struct slice path;   /* of the target, before '?' ; nothing is decoded */
    struct slice query;  /* behind '?', or empty */
    const struct http_field *fields;
    size_t field_count;
    struct slice body;
    struct slice peer; /* the address without a port */
};

/* The value of a field, or an empty slice without data; of one that stands twice the first. */
struct slice http_request_field(const struct http_request *request, const char *name);

/* What a head asks for: how large its body may be, or why not. */
struct http_verdict {
    size_t body_max; /* at most HTTP_BODY_SIZE_MAX counts */
    unsigned status; /* 0 = accepted; else the refusal's */
};

struct http_options {
    const struct env *env;
    const char *address;            /* "127.0.0.1:8080", "[::1]:0"; numbers only */
    struct tls_server *tls;         /* borrowed; NULL = plain */
    const char *const *authorities; /* that Host may be, lower case; NULL = the address, localhost
                                       with its port */
    size_t authority_count;
    bool allow_http_1_0;
    bool allow_chunked;               /* else any Transfer-Encoding is 400 */
    size_t head_size;                 /* 0 = HTTP_HEAD_SIZE_MAX */
    unsigned head_s;                  /* 0 = 10; from the first byte to the last of a head */
    unsigned body_s;                  /* 0 = 10, and a second more for each 64 KiB */
    unsigned idle_s;                  /* 0 = 60 */
    unsigned write_stall_s;           /* 0 = 30 */
    unsigned connections;             /* 0 = 10,000 */
    unsigned connections_per_address; /* 0 = 256; of IPv6 for each /64 */
    size_t body_sum;   /* 0 = 512 MiB; bytes of all bodies that are held; beyond it 503 */
    size_t output_sum; /* 0 = 512 MiB; bytes of replies that wait; beyond it connections close */
    /* A field that comes back in refusals of a head that was read, where it stands once and has 1
     * to 256 visible ASCII characters; NULL = none. */
    const char *echoed;
    /* On the loop, for each head that is well-formed; NULL = 64 KiB for all. */
    struct http_verdict (*judge)(void *owner, const struct http_request *head);
    /* On the loop, once the body is here too. The exchange is to be answered, by any thread. */
    void (*handle)(void *owner, struct http_exchange *exchange);
    /* On the loop, in the turn in which the peer closed or half-closed its connection, or it was
     * closed for a limit, before http_respond or http_stream_end; the exchange is still to be
     * answered, and what is said goes nowhere. May be NULL. */
    void (*gone)(void *owner, struct http_exchange *exchange);
    void *owner;
};

/* Binds and listens. MALFORMED_REQUEST: an address that is none; OVERLOADED: the system refuses. */
enum status http_server_open(const struct http_options *options, struct http_server **server,
                             struct error *error) BEHALF_MUST_USE;
const char *http_server_address(const struct http_server *server); /* with the real port */
enum status http_server_start(struct http_server *server, struct error *error) BEHALF_MUST_USE;
/* It will be drained, and its ten seconds begin now: whoever stops more than this waits no longer
 * for all of it. Requests are still answered, each reply ending its connection. */
void http_server_stopping(struct http_server *server);
/* Stops accepting, lets exchanges end for at most ten seconds since then or now, joins the loop.
 * False when the bound came first; exchanges that are not answered yet must still be, before
 * http_server_close. */
bool http_server_drain(struct http_server *server);
void http_server_close(struct http_server *server); /* accepts NULL */

struct http_stats {
    uint64_t connections; /* now */
    uint64_t accepted;
    uint64_t refused_connections; /* at a limit */
    uint64_t requests;
    uint64_t refused_requests; /* by this floor */
};
void http_server_stats(const struct http_server *server, struct http_stats *stats);

/* --- an exchange: one request and its answer --- */

const struct http_request *http_exchange_request(const struct http_exchange *exchange);
/* When the last byte of its request came, by the env's monotonic clock. */
int64_t http_exchange_arrived_ns(const struct http_exchange *exchange);
/* The caller's own, NULL at first. */
void http_exchange_set_owner(struct http_exchange *exchange, void *owner);
void *http_exchange_owner(const struct http_exchange *exchange);
bool http_exchange_is_gone(const struct http_exchange *exchange);

struct http_response {
    unsigned status;
    struct slice type;               /* Content-Type; empty = none */
    const struct http_field *fields; /* more, beside those that every reply carries */
    size_t field_count;
    struct slice body; /* of HEAD only its length is sent */
};

/* Exactly one of http_respond and http_stream_begin, once, by one thread at a time; the exchange
 * and its request are no longer the caller's after http_respond or http_stream_end. A response with
 * a field that must not be sent (one our reader would refuse, or one that this floor writes itself:
 * Content-Length, Content-Type, Connection, those of every reply), or with a body of more than 8
 * MiB, is logged and a 500 is sent instead. */
void http_respond(struct http_exchange *exchange, const struct http_response *response);

/* A reply of unknown length, chunked (to HTTP/1.0 until the connection closes), with
 * X-Accel-Buffering: no. A text/event-stream gets a comment line after each 15 s without a write,
 * between two lines. False: nobody reads any more, or 8 MiB wait, and the connection is closed;
 * then only end is left. */
bool http_stream_begin(struct http_exchange *exchange, const struct http_response *head);
bool http_stream_write(struct http_exchange *exchange, struct slice bytes);
/* Bytes of a stream that the peer has not taken yet. */
size_t http_stream_waiting(const struct http_exchange *exchange);
void http_stream_end(struct http_exchange *exchange);

#endif
