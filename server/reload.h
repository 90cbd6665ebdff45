/* reload.h - what SIGHUP reads again, without a request that fails.
 * Always true: each part changes whole or not at all; what cannot be read is logged.
 * Threads: the one that waits for signals. */
#ifndef BEHALF_SERVER_RELOAD_H
#define BEHALF_SERVER_RELOAD_H

struct keys;
struct tls_server;

/* Each is NULL where the server has none. */
struct reload {
    struct keys *keys;
    struct tls_server *tls;
};

void server_reload(const struct reload *reload);

#endif
