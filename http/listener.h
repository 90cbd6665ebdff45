/* listener.h - a listening TCP socket: accepts, counts, refuses.
 * Always true: no connection waits in the queue because of a limit: it is accepted, told 503 where
 * it can understand it, and closed. Without descriptors one is closed by the reserve and the
 * listener rests for a moment, so the loop does not spin.
 * Threads: the loop's, but for open and close. */
#ifndef BEHALF_HTTP_LISTENER_H
#define BEHALF_HTTP_LISTENER_H

#include "base/error.h"
#include "base/seats.h"
#include "base/tcp.h"

struct event;
struct http_server;

struct http_listener {
    int fd;
    int reserve_fd;
    struct event *acceptable;
    struct event *retry;
    struct seats seats; /* by address */
    int64_t complained_ns;
    char address[TCP_TEXT_SIZE]; /* with the real port */
};

enum status http_listener_open(struct http_listener *listener, const char *text,
                               unsigned per_address, struct error *error) BEHALF_MUST_USE;
enum status http_listener_start(struct http_listener *listener, struct http_server *server,
                                struct error *error) BEHALF_MUST_USE;
void http_listener_stop(struct http_listener *listener); /* accepts no more */
/* Also instead of stop, and after an open that failed; once no connection is left. */
void http_listener_close(struct http_listener *listener);

#endif
