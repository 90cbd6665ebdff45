/* dispatch.h - from a complete frame to a reply, without sockets and without threads of its own.
 *
 * Always true: every request gets exactly one reply, from whoever runs it. A reply is written
 * whole or cut back and replaced by an error; it is never larger than LIMIT_MESSAGE_SIZE.
 * Memory: a request's slices point into the frame.
 * Threads: none; a dispatcher belongs to one thread. */
#ifndef BEHALF_NET_DISPATCH_H
#define BEHALF_NET_DISPATCH_H

#include "base/buffer.h"
#include "net/methods.h"

struct request {
    uint32_t id;
    const struct method *method; /* NULL = none that there is */
    struct slice arguments;      /* the map's bytes */
    struct slice call;  /* the bytes of method and parameters: what an idempotency key names */
    enum status status; /* of its reply; BEHALF_WOULD_BLOCK = there is none yet */
};

enum dispatch_outcome {
    DISPATCH_REPLIED, /* the reply stands in `out` */
    DISPATCH_POOL,    /* to be run by dispatch_run in a thread that may block */
    DISPATCH_SPEND,   /* `use` says what a write has to take before it is run again; of dispatch_run
                         with a context that has one */
    DISPATCH_RECORD,  /* to be run again by dispatch_run once its record is on the disk */
    DISPATCH_WRITE,   /* to be prepared and handed to the writer */
    DISPATCH_CLOSE,   /* no request: say what stands in `out`, if anything, and close */
};

/* Reads the envelope of one frame, asks whether the caller may call the method, and where the
 * method and its class allow, answers it at once. `context->worker` must not block. */
enum dispatch_outcome dispatch_frame(const struct method_context *context, struct slice frame,
                                     struct request *request, struct buffer *out);

/* Runs a read and writes its reply or its error: DISPATCH_REPLIED. With DISPATCH_POOL,
 * DISPATCH_SPEND and DISPATCH_RECORD nothing was written. */
enum dispatch_outcome dispatch_run(const struct method_context *context, struct request *request,
                                   struct buffer *out);

/* Decodes a write; on failure the error reply is written and the result is false. */
bool dispatch_prepare(const struct method_context *context, struct request *request,
                      struct engine_write *write, struct buffer *out) BEHALF_MUST_USE;

/* The reply of a write that came back, on the thread of `worker`. */
void dispatch_written(struct engine_worker *worker, struct request *request,
                      const struct engine_write *write, struct buffer *out);

/* The reply to a read whose worker said that it would have to block although it may. */
void dispatch_stuck(const struct method_context *context, struct request *request,
                    struct buffer *out);

/* Whether no array or map of the frame has more elements than one before the login may have. */
bool dispatch_is_small(struct slice frame);

/* An error reply to a request. */
void dispatch_refuse(struct request *request, const struct error *error, struct buffer *out);

/* The reply to bytes that are no message: its id is the request's when it can be read from the
 * bytes so far, else nil. */
void dispatch_malformed(struct slice bytes, const char *what, struct buffer *out);

#endif
