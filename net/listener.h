/* listener.h - sockets that listen, and what they may be bound to.
 *
 * Always true: TCP is bound as binding.h allows. A Unix
 * socket is in a directory that is ours and that nobody passes through but those who may use the
 * socket: a socket is reachable between bind and chmod, so the directory protects it. Its mode is
 * 0600 unless the options name a group or a mode. Above the limit of
 * connections, and without descriptors, a client is accepted and closed: it must not wait for
 * nothing. Threads: opened before the loops start; afterwards its events run on the first loop. */
#ifndef BEHALF_NET_LISTENER_H
#define BEHALF_NET_LISTENER_H

#include "net/loop.h"
#include "net/server.h"

struct listener {
    int fd;
    int reserve_fd; /* closed for a moment to accept and close when descriptors are out */
    struct event *acceptable;
    struct event *retry;
    struct loop *loops; /* connections go round */
    unsigned loop_count;
    unsigned next_loop;
    const struct admission *admission;
    bool has_keys; /* administrators may log in */
    uint64_t refused;
    int64_t complained_ns;  /* when a refusal was last logged */
    struct tls_server *tls; /* borrowed; NULL = plain */
    bool is_tcp;
    char address[SERVER_ADDRESS_SIZE];
    char *unix_path; /* to be unlinked */
};

/* Errors: MALFORMED_REQUEST when the address or path is not allowed, OVERLOADED when the system
 * refuses (taken, no permission). */
enum status listener_open_tcp(struct listener *listener, const struct server_options *options,
                              struct error *error) BEHALF_MUST_USE;
/* The path, the group and the mode of the options. */
enum status listener_open_unix(struct listener *listener, const struct server_options *options,
                               struct error *error) BEHALF_MUST_USE;

/* Connections go to `loops` in turn; the events run on the first. Before the loops start. */
enum status listener_start(struct listener *listener, struct loop *loops, unsigned loop_count,
                           const struct admission *admission, struct error *error) BEHALF_MUST_USE;

/* On the first loop, or when it ended. */
void listener_stop(struct listener *listener);
void listener_close(struct listener *listener);

#endif
