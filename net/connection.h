/* connection.h - one client.
 *
 * Always true: `state` changes in connection_set_state alone. Bytes of `input` before `input_at`
 * are answered; the scanner knows those behind it. While whole frames wait, while replies of more
 * than LIMIT_OUTPUT_PAUSE or LIMIT_CALLS_IN_FLIGHT calls are under way, and for LIMIT_PAUSE_MS
 * after a refusal, nothing is read: the rest stays in the kernel and slows the client down.
 * Memory: an idle connection owns no buffers. It is freed when it is closed, no call points to it
 * and it stands in no list.
 * Threads: its loop's; `gone` is read by those who work for it. */
#ifndef BEHALF_NET_CONNECTION_H
#define BEHALF_NET_CONNECTION_H

#include <stdatomic.h>

#include "net/call.h"
#include "net/caller.h"
#include "net/frame.h"
#include "net/loop.h"

enum connection_state {
    CONNECTION_NEW,     /* accepted, not yet with its loop */
    CONNECTION_SHAKING, /* TLS is being agreed on, within LIMIT_HANDSHAKE_MS */
    CONNECTION_OPEN,    /* requests are answered */
    CONNECTION_ENDING,  /* nothing is read; calls may end and replies leave, then it closes */
    CONNECTION_CLOSED,  /* no descriptor any more */
};

struct stream;

struct connection {
    struct loop_message message; /* first: on its way to its loop */
    struct loop *loop;
    enum connection_state state;
    int fd;
    struct tls_server *tls_server; /* of its port, until the handshake begins; NULL = plain */
    struct seat *address_seat;     /* NULL = its address counts for nothing */
    struct seat *key_seat;         /* NULL = nobody has logged in */
    bool on_trial;                 /* has a place that is kept for administration */
    struct tls *tls;               /* NULL = plain */
    struct event *readable;
    struct event *writable;
    bool reading; /* there is room for more */
    bool paused;  /* in the loop's list: it was refused */
    bool readable_added;
    bool writing;
    bool read_waits; /* for the descriptor to become writable: TLS may have to answer first */

    struct caller caller;
    int64_t begun_ns; /* when it came */

    struct buffer input;
    size_t input_at;
    struct frame_scanner scanner;
    bool frame_begun;
    bool held; /* whole frames may stand in `input`, kept back until replies or calls are fewer */
    bool unserved; /* the same, for their next turn */

    struct buffer output;
    size_t output_sent;

    struct engine_flow flows[ENGINE_CLASS_COUNT]; /* of its calls on the pool, by class */
    struct engine_flow writes;
    unsigned calls;    /* elsewhere */
    size_t call_bytes; /* that they hold */
    size_t held_bytes; /* of both buffers, as counted in the loop */
    atomic_bool gone;

    struct stream *streams; /* net/stream.h */
    unsigned stream_count;
    unsigned pulls; /* jobs of streams on the pool, of those too that have ended */
    uint64_t stream_ids;

    int64_t active_ns;  /* last byte in either direction */
    int64_t arrived_ns; /* last byte read: deadlines count from here, also of frames held back */
    int64_t frame_ns;   /* when the unfinished frame began */
    int64_t
        progress_ns; /* when LIMIT_OUTPUT_PROGRESS had been read last, or output began to wait */
    size_t progress; /* bytes read since */

    struct connection *previous; /* in the loop's list */
    struct connection *next;
    struct connection *turn_next;
    struct connection *flush_next;
    struct connection *paused_next;
    bool in_turns;
    bool in_flushes;
};

/* With what the listener let it in. */
struct connection_admitted {
    struct tls_server *tls; /* borrowed; NULL = plain */
    struct seat *address;   /* given back when the connection is closed */
    bool on_trial;
};

/* Takes the descriptor (non-blocking). Any thread; loop_send brings it to its loop. */
struct connection *connection_new(struct loop *loop, int fd,
                                  const struct connection_admitted *admitted);

/* On the loop's thread, once. */
void connection_begin(struct connection *connection);

/* Serves frames that wait, or reads what TLS has here already, and sends. */
void connection_take_turn(struct connection *connection);

/* A request was refused, to be repeated after so long: nothing is read for a small part of that. */
void connection_pause(struct connection *connection, uint32_t retry_after_ms);
void connection_resume(struct connection *connection);

/* A call came back: its reply joins the output, which is sent by connection_flush. */
void connection_finish(struct connection *connection, struct call *call);
void connection_flush(struct connection *connection);

/* Where what is sent is put, before connection_flush; how much of it was not sent yet. */
struct buffer *connection_output(struct connection *connection);
static inline size_t
connection_output_left(const struct connection *connection)
{
    return connection->output.size - connection->output_sent;
}

/* Reads no more, ends its streams, and closes when all is answered and sent. */
void connection_end(struct connection *connection);
void connection_close(struct connection *connection);

/* Closes what is idle, slow or stuck. */
void connection_check_time(struct connection *connection, int64_t now_ns);

/* Frees it when it is closed and nobody points to it; the last thing done with it in a callback. */
void connection_settle(struct connection *connection);

#endif
