/* listener.h - a listening TCP socket: accepts, counts, refuses.
 * Always true: no connection waits in the queue because of a limit: it is accepted, told 503 where
 * it can understand it, and closed. Without descriptors one is closed by the reserve and the
 * listener rests for a moment, so the loop does not spin.
 * Threads: the loop's, but for open and close. */
#ifndef BEHALF_HTTP_LISTENER_H
#define BEHALF_HTTP_LISTENER_H

#include "base/error.h"
#include "http/addresses.h"

struct event;
struct http_server;

#define LISTENER_ADDRESS_SIZE 64

struct http_listener {
    int fd;
    int reserve_fd;
    struct event *acceptable;
    struct event *retry;
    struct addresses addresses;
    int64_t complained_ns;
    char address[LISTENER_ADDRESS_SIZE]; /* with the real port */
    size_t host_size;                    /* of `address`, without ":port" */
    unsigned port;
};

enum status http_listener_open(struct http_listener *listener, const char *text,
                               struct error *error) BEHALF_MUST_USE;
enum status http_listener_start(struct http_listener *listener, struct http_server *server,
                                struct error *error) BEHALF_MUST_USE;
void http_listener_stop(struct http_listener *listener);  /* accepts no more */
void http_listener_close(struct http_listener *listener); /* also instead of stop */

#endif
