/* server.h - CONTRACT of the net floor: bytes from and to clients.
 *
 * Always true: a request gets one reply or its connection is closed; a reply is sent only after the
 * engine gave the answer, for a write: after it is durable. No loop thread waits for storage. What
 * one client can make the server hold is bounded (net/limits.h), and a slow or silent one is
 * closed. Threads: server_open starts nothing; server_start makes one thread per loop. The other
 * functions are called by the thread that opened it.
 * Memory: options are read during server_open; engine and env are borrowed until server_close. */
#ifndef BEHALF_NET_SERVER_H
#define BEHALF_NET_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/env.h"
#include "base/error.h"

struct engine;
struct keys;
struct server;
struct tls_server;

#define SERVER_ADDRESS_SIZE 64

/* What the process may take, and how that is divided. The net floor keeps to `calls` and `buffers`;
 * the whole is shown to clients. A loop has at least the shares below, whatever is given. */
struct server_memory {
    size_t limit;
    size_t graph;    /* edge sets, names, and what lookups keep for their next pages */
    size_t storage;  /* memtables and block cache */
    size_t calls;    /* requests that wait or run elsewhere, with the writes they carry */
    size_t buffers;  /* unfinished requests and unread replies */
    size_t requests; /* what answering takes: arenas */
    size_t rest;     /* the program, its threads, schemas, what the allocator keeps */
};

#define SERVER_LOOP_CALL_BYTES ((size_t)8 * 1024 * 1024)    /* one call of the largest size */
#define SERVER_LOOP_BUFFER_BYTES ((size_t)16 * 1024 * 1024) /* one connection */

struct server_options {
    struct engine *engine;
    const struct env *env;
    struct keys *keys;          /* borrowed; NULL = whoever reaches the server may do everything */
    struct tls_server *tls;     /* of the TCP port; borrowed; NULL = plain */
    bool insecure_plaintext;    /* off loopback too, without TLS; never without keys */
    const char *listen_address; /* "127.0.0.1:23425", "[::1]:0" (any port), NULL = no TCP */
    const char *unix_path;      /* NULL = none; its directory: see listener.h */
    const char *unix_group;     /* NULL = the group of the process */
    mode_t unix_mode;           /* of the socket */
    unsigned loops;             /* 0 = half of the cores, at least 1 */
    unsigned connections;       /* 0 = LIMIT_CONNECTIONS */
    unsigned connections_per_key;     /* 0 = LIMIT_CONNECTIONS_OF_KEY */
    unsigned connections_per_address; /* 0 = LIMIT_CONNECTIONS_OF_ADDRESS but of loopback */
    unsigned idle_s;                  /* silence that closes a connection; 0 = never */
    unsigned write_stall_s;           /* the same, while replies wait to be read */
    struct server_memory memory;
};

/* The loops that these options make. */
unsigned server_loop_count(const struct server_options *options);

/* Binds and listens, so that the address is known and a failure is seen before anything is
 * announced. A message says what to do: port taken, address not on loopback, directory open to
 * others. */
enum status server_open(const struct server_options *options, struct server **server,
                        struct error *error) BEHALF_MUST_USE;

/* "127.0.0.1:23425" with the real port; "" without TCP. Valid until close. */
const char *server_address(const struct server *server);

enum status server_start(struct server *server, struct error *error) BEHALF_MUST_USE;

/* When the loop that is least alive last had a turn, by the monotonic clock: each has one a second
 * at least, unless it is stuck. Any thread, from server_start to server_drain. */
int64_t server_alive_ns(const struct server *server);

/* Stops accepting and reading, lets what runs end and its replies leave, at most LIMIT_DRAIN_MS,
 * then closes all connections and joins the loops. False when the bound came first. */
bool server_drain(struct server *server);

/* After server_drain, or instead of server_start. The engine may be closed afterwards. */
void server_close(struct server *server); /* accepts NULL */

/* "libevent 2.1.12-stable, msgpack-c 4.0.0", for `behalfd --version`. */
#define SERVER_LIBRARIES_SIZE 64
void server_libraries(char text[SERVER_LIBRARIES_SIZE]);

#endif
