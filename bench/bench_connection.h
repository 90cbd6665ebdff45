/* bench_connection.h - one connection with requests in flight.
 *
 * Always true: a slot's number is the id of its request; a slot is busy from put to its reply.
 * Latency runs from the slot's `start_ns`: in a closed loop when the request was put, in an open
 * one when it was due.
 * Threads: none; a connection belongs to one thread. */
#ifndef BEHALF_BENCH_CONNECTION_H
#define BEHALF_BENCH_CONNECTION_H

#include "bench/bench.h"
#include "bench/bench_random.h"

struct bench_slot {
    enum bench_method method;
    uint32_t request;
    bool busy;
    int64_t start_ns;
    uint32_t next_free; /* of a slot that is not busy */
};

struct bench_connection {
    const struct bench_deck *deck;
    struct behalf_client *client; /* connects, logs in and carries the bytes */
    int poller;                   /* epoll; borrowed */
    int descriptor;
    struct bench_slot *slots;
    uint32_t depth;
    uint32_t busy;
    uint32_t first_free;         /* `depth` when all are busy */
    uint32_t next[METHOD_COUNT]; /* the request of each method that comes next */
    struct bench_random random;  /* of the method */
    struct buffer out;
    size_t out_sent;
    struct buffer in;
    bool wants_write;
    const char *failure; /* NULL, or why it cannot be used any more */
};

/* Connects and registers with `poller`. `number` of `count` connections: they start evenly spread
 * over the requests. False after saying why. */
bool bench_connection_open(struct bench_connection *connection, const struct bench_options *options,
                           const struct bench_deck *deck, int poller,
                           uint32_t number) BEHALF_MUST_USE;
void bench_connection_release(struct bench_connection *connection);

/* Puts the next request of the mix into a free slot; there must be one. */
void bench_connection_put(struct bench_connection *connection, int64_t start_ns);

/* Sends what was put, as much as the socket takes. False with `failure` set. */
bool bench_connection_send(struct bench_connection *connection) BEHALF_MUST_USE;

/* Reads what has come. False with `failure` set. */
bool bench_connection_receive(struct bench_connection *connection) BEHALF_MUST_USE;

/* One reply: its parts, and the slot as it was. */
struct bench_reply {
    struct bench_slot slot;
    struct behalf_value error;
    struct behalf_value value;
};

/* Takes the next whole reply; its slot is free again. The reply lives until `drop`. False when none
 * is whole, or with `failure` set. */
bool bench_connection_take(struct bench_connection *connection, size_t *at,
                           struct bench_reply *reply) BEHALF_MUST_USE;

/* Forgets the first `at` bytes of what was read. */
void bench_connection_drop(struct bench_connection *connection, size_t at);

#endif
