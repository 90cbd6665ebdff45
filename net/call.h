/* call.h - a request that left its loop: on the pool or with the writer.
 *
 * Always true: from call_new until call_finish the loop counts it in its connection, so neither the
 * connection nor the loop goes away under it. A call owns a copy of its frame, and what it holds is
 * counted in both (limits.h): a call that would be too much is refused.
 * Threads: made, finished and freed by the loop that owns the connection; in between it belongs to
 * one thread of the engine, which gives it back through the loop's queue. */
#ifndef BEHALF_NET_CALL_H
#define BEHALF_NET_CALL_H

#include "base/buffer.h"
#include "base/inbox.h"
#include "net/dispatch.h"
#include "net/recording.h"
#include "net/spend.h"

struct connection;
struct loop;

/* Anything that comes to a loop from another thread. */
enum loop_message_kind { LOOP_MESSAGE_CALL, LOOP_MESSAGE_CONNECTION, LOOP_MESSAGE_STREAM };

struct loop_message {
    struct inbox_message link; /* first: the loop casts back */
    enum loop_message_kind kind;
};

struct call {
    struct loop_message message; /* first: the loop casts back */
    struct engine_job job;
    struct engine_write write;  /* of a write, or of what `spend` takes */
    struct spend spend;         /* of a check whose chain of grants has uses */
    struct recording recording; /* of a check that waits for its record */
    struct loop *loop;
    struct connection *connection;
    const struct key *caller; /* a reference */
    struct request request;   /* its slices point into `frame` */
    char *frame;
    struct arena arena;
    int64_t arrived_ns;
    enum engine_class class; /* of `job` */
    bool is_write;           /* the reply is that of `write` */
    bool reply_refused;      /* its reply found no memory */
    bool gives_way;          /* a check that was not among the lookups yet */
    size_t bytes;            /* counted for it: its frame and its decoded write */
    struct buffer reply;     /* of a read */
    size_t reply_bytes;      /* counted in its loop's `reply_bytes` */
};

/* Sends the request to the pool. When the engine refuses, `out` gets the error reply, and nothing
 * is left of the call. */
void call_read(struct connection *connection, struct request *request, struct slice frame,
               struct buffer *out);

/* Decodes the write and hands it to the writer; the same on refusal. Both
 * ask the engine first whether it would refuse: a refusal costs neither copy nor decoding. */
void call_write(struct connection *connection, struct request *request, struct slice frame,
                struct buffer *out);

/* The reply of a call that came back, appended to `out`; `out` NULL when nobody wants it. A large
 * reply changes places with an empty `out` and is not copied. Frees the call. */
void call_finish(struct call *call, struct buffer *out);

#endif
