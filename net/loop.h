/* loop.h - one thread, one libevent base, its connections.
 *
 * Always true: all that a loop owns is touched by its thread alone, but for `inbox`,
 * `reply_bytes` and `stopping`. Other threads speak to it by loop_send: the message is pushed on a
 * list without locks, and an eventfd wakes the loop when the list was empty.
 * In one wake-up a connection reads once, at most LIMIT_WINDOWS_PER_TURN windows of its frames are
 * answered and the replies leave with one send. What is left waits in the list of turns, behind one
 * more poll, so that no connection starves the others.
 * Messages of other threads are taken LIMIT_MESSAGES_PER_TURN at a time, or
 * LIMIT_MESSAGE_BYTES_PER_TURN of replies; the rest waits in the inbox for the next turn.
 * What its connections make it hold is bounded: `call_bytes` by refusing calls, `held_bytes` by
 * closing the connection that holds most, until the others are within the bound.
 * Threads: loop_send any; loop_stop any; the rest the loop's thread, but for open and close. */
#ifndef BEHALF_NET_LOOP_H
#define BEHALF_NET_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/env.h"
#include "engine/watch.h"
#include "net/admission.h"
#include "net/call.h"
#include "net/net_counts.h"
#include "net/server.h"

struct connection;
struct stream;
struct event;
struct event_base;

#define LOOP_READ_SIZE ((size_t)64 * 1024)

/* A list of connections, linked through one of their members. */
struct connection_list {
    struct connection *first;
    struct connection *last;
};

struct loop {
    struct event_base *base;
    struct engine *engine;         /* borrowed */
    const struct env *env;         /* borrowed */
    struct keys *keys;             /* borrowed; NULL = none are asked for */
    atomic_uint *connection_count; /* of the whole server; borrowed */
    struct admission *admission;   /* the same */
    int64_t idle_ns;               /* 0 = never, as in server_options */
    int64_t write_stall_ns;
    struct engine_worker *worker; /* made and freed on the loop's thread */

    struct event *wake;
    struct event *tick;
    struct event *turn;
    struct event *resume;
    bool turn_pending;

    struct connection *connections;
    struct connection_list turns;    /* with whole frames in their input */
    struct connection *paused;       /* of which nothing is read until `resume` */
    struct stream *streams;          /* of all connections */
    struct engine_listener listener; /* woken by it, while a stream has nothing to send */
    atomic_bool news;                /* something was published since */
    struct connection_list flushes;  /* with replies that came back in this wake-up */
    struct net_counts counts;
    struct server_memory memory; /* of the whole server */
    size_t calls;                /* that are elsewhere */
    size_t call_bytes;           /* that they hold, at most call_bound */
    size_t held_bytes;   /* of the buffers of connections, at most buffer_bound after a turn */
    size_t peak_bytes;   /* the largest of these since memory was given back */
    size_t call_bound;   /* this loop's share */
    size_t buffer_bound; /* the same */
    int64_t relieved_ns; /* when closing somebody was last logged */
    uint64_t relieved;   /* connections closed for what they held */
    int64_t handshake_logged_ns; /* when one that failed was last logged */
    int64_t now_ns;              /* read once per wake-up */
    int64_t drain_until_ns;      /* 0 while nobody asked to stop */
    bool drained_in_time;

    char *read_bytes;    /* LOOP_READ_SIZE, shared by all: a connection without a rest owns none */
    struct buffer spare; /* lent to the connection that writes replies */
    struct arena arena;  /* of requests that are answered inline */

    pthread_t thread;
    struct inbox inbox;
    atomic_size_t reply_bytes; /* of replies between the pool and their connections */
    atomic_bool stopping;
    _Atomic int64_t alive_ns; /* of the last tick; read by others */
};

/* Everything but the thread and the worker. */
enum status loop_open(struct loop *loop, const struct server_options *options, unsigned loop_count,
                      atomic_uint *connection_count, struct admission *admission,
                      struct error *error) BEHALF_MUST_USE;
enum status loop_start(struct loop *loop, struct error *error) BEHALF_MUST_USE;
void loop_stop(struct loop *loop);
void loop_join(struct loop *loop);
void loop_close(struct loop *loop);

void loop_send(struct loop *loop, struct loop_message *message);

/* The connection has whole frames left: serve it again after one poll. */
void loop_add_turn(struct loop *loop, struct connection *connection);

/* Nothing is to be read of the connection for a moment. */
void loop_add_paused(struct loop *loop, struct connection *connection);

/* Closes those who hold most while all hold too much. Last in a callback: any connection that
 * stands in no list may be gone afterwards. */
void loop_close_largest(struct loop *loop);

static inline void
loop_relieve(struct loop *loop)
{
    if (loop->held_bytes > loop->buffer_bound)
        loop_close_largest(loop);
}

static inline int64_t
loop_read_clock(struct loop *loop)
{
    loop->now_ns = env_monotonic_ns(loop->env);
    return loop->now_ns;
}

#endif
