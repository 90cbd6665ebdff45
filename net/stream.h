/* stream.h - what is committed, as notifications to the client of a connection.
 *
 * A stream pulls: it asks the engine for the changes behind its place, on the pool in the class of
 * lookups, when the client has given credit for them, the connection's output has room and there is
 * something to send. What it gets is sent and then the place moves. So of a stream nothing waits in
 * memory beyond one batch, and nothing of a connection beyond LIMIT_STREAM_OUTPUT and one batch for
 * each of its streams.
 * Notifications: [2, "watch.changes" | "watch.checkpoint" | "watch.ended", [map]];
 * docs/protocol.md.
 *
 * Always true: a stream sends while its credit is above 0, so at most one change more than the
 * credit. After watch.ended, or the reply of watch.end, nothing is sent of it. A stream ends with
 * its connection; the token it gave last goes on from there.
 * Threads: its loop's; in between, while `pulling`, its job belongs to one thread of the pool.
 * Memory: it owns what its filter points to; freed by the loop, not before its job is back. */
#ifndef BEHALF_NET_STREAM_H
#define BEHALF_NET_STREAM_H

#include "engine/watch.h"
#include "net/call.h"

struct connection;
struct loop;
struct seat;

struct stream;

struct stream_opening {
    struct slice from;                        /* a token; empty = now */
    const struct relationship_filter *filter; /* NULL = everything; copied */
    uint64_t credit;                          /* bytes */
};

/* OVERLOADED: the connection or its key has as many as it may; else as engine_watch_begin. */
enum status stream_open(struct connection *connection, const struct stream_opening *opening,
                        uint64_t *id, struct engine_token *token,
                        struct error *error) BEHALF_MUST_USE;

/* More bytes for a stream. *open is false when the connection has none with that id (any more).
 * EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT: more credit than a stream may have; nothing was given. */
enum status stream_give_credit(struct connection *connection, uint64_t id, uint64_t bytes,
                               bool *open, struct error *error) BEHALF_MUST_USE;

/* The client wants no more of it. False when there is none with that id (any more). */
bool stream_stop(struct connection *connection, uint64_t id);

/* --- for the loop and the connection --- */

/* Something was published: those that waited for it go on. */
void streams_wake(struct loop *loop);
/* The output has room again. */
void streams_resume(struct connection *connection);
/* Checkpoints, and the end of those that get no credit or whose key may not read any more. */
void streams_check_time(struct connection *connection, int64_t now_ns);
/* Ends all with this reason. */
void streams_end(struct connection *connection, const struct error *why);
/* The connection is closed: nobody is told. */
void streams_drop(struct connection *connection);
/* A job came back: its notifications join the output of its connection, which is given, to be
 * flushed. How many bytes that was. */
size_t stream_finish(struct loop_message *message, struct connection **connection);

#endif
