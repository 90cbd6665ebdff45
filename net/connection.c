/* connection.c - bytes in, frames answered, bytes out. */
#include "net/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/tls.h"
#include "net/dispatch.h"
#include "net/lookahead.h"
#include "net/stream.h"

#define KEPT_INPUT_SIZE ((size_t)4 * 1024)    /* a smaller rest keeps its buffer */
#define KEPT_SPARE_SIZE ((size_t)1024 * 1024) /* a larger output buffer is given back to malloc */
#define DROP_ROUNDS 64                        /* reads before a close: as much as a message */
#define LOG_EVERY_NS INT64_C(10000000000)

static size_t
input_left(const struct connection *connection)
{
    return connection->input.size - connection->input_at;
}

static void
connection_set_state(struct connection *connection, enum connection_state state)
{
    BEHALF_ASSERT(state > connection->state);
    connection->state = state;
}

/* After each change of the buffers that outlasts a turn. */
static void
count_held(struct connection *connection)
{
    struct loop *loop = connection->loop;
    size_t held = connection->input.capacity + connection->output.capacity;

    if (held == connection->held_bytes)
        return;
    loop->held_bytes = loop->held_bytes - connection->held_bytes + held;
    connection->held_bytes = held;
    if (loop->held_bytes > loop->peak_bytes)
        loop->peak_bytes = loop->held_bytes;
}

static bool
is_full(const struct connection *connection)
{
    return connection->calls >= LIMIT_CALLS_IN_FLIGHT || connection->call_bytes >= LIMIT_CALL_BYTES;
}

/* --- the key --- */

static bool
is_nobody(const struct connection *connection)
{
    return connection->caller.key == &key_of_nobody;
}

static void
scan_anew(struct connection *connection)
{
    frame_scanner_init(&connection->scanner,
                       is_nobody(connection) ? LIMIT_LOGIN_MESSAGE : LIMIT_MESSAGE_SIZE);
}

/* --- life --- */

struct connection *
connection_new(struct loop *loop, int fd, const struct connection_admitted *admitted)
{
    struct connection *connection = memory_new(sizeof *connection);

    connection->message.kind = LOOP_MESSAGE_CONNECTION;
    connection->loop = loop;
    connection->fd = fd;
    connection->tls_server = admitted->tls;
    connection->address_seat = admitted->address;
    connection->on_trial = admitted->on_trial;
    buffer_init(&connection->input);
    buffer_init(&connection->output);
    atomic_fetch_add(loop->connection_count, 1);
    return connection;
}

void
connection_close(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection->state != CONNECTION_NEW) {
        if (connection->previous != NULL)
            connection->previous->next = connection->next;
        else
            loop->connections = connection->next;
        if (connection->next != NULL)
            connection->next->previous = connection->previous;
    }
    connection_set_state(connection, CONNECTION_CLOSED);
    atomic_store(&connection->gone, true);
    streams_drop(connection);
    /* Writes are left: whoever sent one and left may well count on it. */
    for (int class = 0; connection->calls > 0 && class < ENGINE_CLASS_COUNT; class ++)
        engine_abandon(loop->engine, &connection->flows[class]);
    if (connection->readable != NULL)
        event_free(connection->readable);
    if (connection->writable != NULL)
        event_free(connection->writable);
    tls_free(connection->tls);
    connection->tls = NULL;
    (void)close(connection->fd);
    buffer_release_secret(&connection->input);
    buffer_release(&connection->output);
    connection->output_sent = 0;
    connection->input_at = 0;
    count_held(connection);
    seats_give(&loop->admission->addresses, connection->address_seat);
    seats_give(&loop->admission->keys, connection->key_seat);
    connection->address_seat = connection->key_seat = NULL;
    atomic_fetch_sub(loop->connection_count, 1);
}

void
connection_settle(struct connection *connection)
{
    if (connection->state == CONNECTION_CLOSED && connection->calls == 0 &&
        connection->pulls == 0 && !connection->in_turns && !connection->in_flushes &&
        !connection->paused) {
        caller_release(&connection->caller);
        memory_free(connection);
    }
}

static void
close_counted(struct connection *connection, enum net_event why)
{
    net_count(&connection->loop->counts, why);
    connection_close(connection);
}

/* --- bytes --- */

static ssize_t
receive_bytes(struct connection *connection, char *bytes, size_t size)
{
    ssize_t count;

    if (BEHALF_LIKELY(connection->tls == NULL))
        return recv(connection->fd, bytes, size, 0);
    count = tls_recv(connection->tls, bytes, size);
    connection->read_waits = count < 0 && errno == EAGAIN && tls_wants_write(connection->tls);
    return count;
}

static ssize_t
send_bytes(struct connection *connection, const char *bytes, size_t size)
{
    ssize_t count;

    if (BEHALF_LIKELY(connection->tls == NULL))
        return send(connection->fd, bytes, size, MSG_NOSIGNAL);
    count = tls_send(connection->tls, bytes, size);
    /* Without renegotiation a send never has to read first; to wait for what does not come would be
     * worse than to close. */
    if (count < 0 && errno == EAGAIN && !tls_wants_write(connection->tls))
        errno = EPROTO;
    return count;
}

/* --- sending --- */

/* Output is written into the loop's spare buffer where it can be: then a connection that is
 * answered within one wake-up needs none of its own. */
struct buffer *
connection_output(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (connection->output.capacity == 0 && loop->spare.capacity > 0) {
        connection->output = loop->spare;
        buffer_init(&loop->spare);
    }
    return &connection->output;
}

static void
output_end(struct connection *connection)
{
    struct loop *loop = connection->loop;

    buffer_clear(&connection->output);
    connection->output_sent = 0;
    if (loop->spare.capacity == 0 && connection->output.capacity <= KEPT_SPARE_SIZE) {
        loop->spare = connection->output;
        buffer_init(&connection->output);
    } else {
        buffer_release(&connection->output);
    }
}

static void
set_writing(struct connection *connection, bool writing)
{
    if (writing == connection->writing)
        return;
    connection->writing = writing;
    if ((writing ? event_add(connection->writable, NULL) : event_del(connection->writable)) != 0)
        connection_close(connection);
}

/* Reads only while there is room for what a client may ask for next. */
static void
update_reading(struct connection *connection)
{
    size_t output_bound = connection->reading ? LIMIT_OUTPUT_PAUSE : LIMIT_OUTPUT_RESUME;
    bool room = connection->reading ? !is_full(connection)
                                    : connection->calls < LIMIT_CALLS_IN_FLIGHT / 2 &&
                                          connection->call_bytes < LIMIT_CALL_BYTES / 2;
    bool reading = connection->state == CONNECTION_OPEN &&
                   connection_output_left(connection) <= output_bound && room;
    bool wanted = reading && !connection->paused && !connection->read_waits;

    connection->reading = reading;
    if (connection->readable_added != wanted) {
        connection->readable_added = !connection->readable_added;
        if ((connection->readable_added ? event_add(connection->readable, NULL)
                                        : event_del(connection->readable)) != 0) {
            connection_close(connection);
            return;
        }
        /* The client was not the one who waited. */
        connection->frame_ns = connection->loop->now_ns;
    }
    if (reading && connection->held) {
        connection->held = false;
        connection->unserved = true;
        loop_add_turn(connection->loop, connection);
    }
    if (connection->tls != NULL && wanted && tls_has_pending(connection->tls))
        loop_add_turn(connection->loop, connection);
}

static void
pause_reading(struct connection *connection)
{
    net_count(&connection->loop->counts, NET_LIMIT_PAUSE);
    loop_add_paused(connection->loop, connection);
}

void
connection_pause(struct connection *connection, uint32_t retry_after_ms)
{
    if (!connection->paused && retry_after_ms >= LIMIT_PAUSE_MS * LIMIT_PAUSE_PART)
        pause_reading(connection);
}

void
connection_resume(struct connection *connection)
{
    if (connection->state != CONNECTION_CLOSED)
        update_reading(connection);
}

static void
send_output(struct connection *connection)
{
    while (connection_output_left(connection) > 0) {
        ssize_t sent = send_bytes(connection, connection->output.data + connection->output_sent,
                                  connection_output_left(connection));

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            break;
        if (sent < 0) {
            connection_close(connection);
            return;
        }
        connection->output_sent += (size_t)sent;
        connection->progress += (size_t)sent;
        if (connection->progress >= LIMIT_OUTPUT_PROGRESS) {
            connection->progress_ns = connection->loop->now_ns;
            connection->progress = 0;
        }
        connection->active_ns = connection->loop->now_ns;
    }
    if (connection_output_left(connection) == 0)
        output_end(connection);
}

/* Closing a socket whose received bytes were not read sends a reset, which may overtake the last
 * reply: so what is here is read and dropped first. */
static void
close_after_reply(struct connection *connection)
{
    tls_free(connection->tls);
    connection->tls = NULL;
    (void)shutdown(connection->fd, SHUT_WR);
    for (int round = 0; round < DROP_ROUNDS; round++)
        if (recv(connection->fd, connection->loop->read_bytes, LOOP_READ_SIZE, MSG_DONTWAIT) <= 0)
            break;
    explicit_bzero(connection->loop->read_bytes, LOOP_READ_SIZE);
    connection_close(connection);
}

void
connection_flush(struct connection *connection)
{
    bool waited = connection->writing;

    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection_output_left(connection) > 0)
        send_output(connection);
    else if (connection->output.capacity > 0)
        output_end(connection);
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection_output_left(connection) >
        (is_nobody(connection) ? LIMIT_LOGIN_OUTPUT : LIMIT_OUTPUT_HARD)) {
        close_counted(connection, NET_CLOSED_OUTPUT);
        return;
    }
    if (connection->output_sent > LIMIT_OUTPUT_PAUSE) {
        buffer_drop(&connection->output, connection->output_sent);
        connection->output_sent = 0;
    }
    if (!waited && connection_output_left(connection) > 0) {
        connection->progress_ns = connection->loop->now_ns;
        connection->progress = 0;
    }
    count_held(connection);
    set_writing(connection, connection_output_left(connection) > 0 || connection->read_waits);
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (connection->state == CONNECTION_ENDING && connection->calls == 0 &&
        connection_output_left(connection) == 0)
        close_after_reply(connection);
    else
        update_reading(connection);
    if (BEHALF_UNLIKELY(connection->streams != NULL))
        streams_resume(connection);
}

/* --- answering --- */

void
connection_end(struct connection *connection)
{
    struct error stopping;

    if (connection->state == CONNECTION_SHAKING) {
        connection_close(connection);
        return;
    }
    if (connection->state == CONNECTION_OPEN)
        connection_set_state(connection, CONNECTION_ENDING);
    error_set(&stopping, BEHALF_SERVER_STOPPING, "the server stops");
    error_hint(&stopping, "connect again and go on from the token");
    streams_end(connection, &stopping);
    connection_flush(connection);
}

static void
malformed(struct connection *connection, struct slice bytes, enum frame_state state)
{
    const char *what = state == FRAME_TOO_LARGE && is_nobody(connection)
                           ? "a message before auth has at most 16 KiB"
                           : frame_state_text(state);

    dispatch_malformed(bytes, what, &connection->output);
    net_count(&connection->loop->counts, NET_CLOSED_MALFORMED);
    connection_set_state(connection, CONNECTION_ENDING);
}

static void
ask(struct connection *connection, struct slice frame, const struct engine_pair *ahead,
    struct request *request)
{
    struct loop *loop = connection->loop;
    struct buffer *out = &connection->output;
    struct method_context context = {
        .engine = loop->engine,
        .worker = loop->worker,
        .arena = &loop->arena,
        .arrived_ns = connection->arrived_ns,
        .cancelled = NULL,
        .caller = connection->caller.key,
        .logs_in = &connection->caller,
        .connection = connection,
        .memory = &loop->memory,
        .ahead = ahead,
    };

    arena_reset(&loop->arena, LIMIT_CHECK_ARENA);
    switch (dispatch_frame(&context, frame, request, out)) {
    case DISPATCH_REPLIED:
        break;
    case DISPATCH_POOL:
        call_read(connection, request, frame, out);
        break;
    case DISPATCH_WRITE:
        call_write(connection, request, frame, out);
        break;
    case DISPATCH_CLOSE:
        connection_set_state(connection, CONNECTION_ENDING);
        net_count(&loop->counts, NET_CLOSED_MALFORMED);
        break;
    case DISPATCH_SPEND:
    case DISPATCH_RECORD:
        BEHALF_UNREACHABLE(); /* a loop's context has no use */
    }
    if (request->status != BEHALF_WOULD_BLOCK)
        net_count_answered(&loop->counts, request);
}

/* After a login: the connection counts for its key now. A reply that was written already is taken
 * back when there are too many. */
static void
take_key_seat(struct connection *connection, struct request *request, size_t before)
{
    struct seats *keys = &connection->loop->admission->keys;
    const struct key *key = connection->caller.key;
    struct error error;

    seats_give(keys, connection->key_seat);
    connection->key_seat = NULL;
    if (is_nobody(connection))
        return;
    if (connection->on_trial && !key_has_role(key, ROLE_ADMIN)) {
        error_set(&error, BEHALF_OVERLOADED,
                  "the server has too many connections; the rest is kept for administration");
    } else {
        connection->key_seat = seats_take(keys, slice_of(key->name));
        if (connection->key_seat != NULL)
            return;
        error_set(&error, BEHALF_OVERLOADED, "the key '%s' has too many connections", key->name);
        error_hint(&error, "close some, or share those that are open");
    }
    connection->output.size = before;
    dispatch_refuse(request, &error, &connection->output);
    net_count(&connection->loop->counts,
              connection->on_trial ? NET_REFUSED_TOTAL : NET_REFUSED_KEY);
    connection_set_state(connection, CONNECTION_ENDING);
}

/* Where keys are asked for. Whose key was taken away is told so, and closed. */
static void
answer_caller(struct connection *connection, struct slice frame, const struct engine_pair *ahead)
{
    bool known = caller_is_known(&connection->caller);
    bool was_nobody = is_nobody(connection);
    size_t before = connection->output.size;
    struct request request = {.method = NULL};

    if (was_nobody && !dispatch_is_small(frame)) {
        dispatch_malformed(frame, "an array or map before auth has at most 10 elements",
                           &connection->output);
        net_count(&connection->loop->counts, NET_CLOSED_MALFORMED);
        connection_set_state(connection, CONNECTION_ENDING);
        return;
    }
    ask(connection, frame, ahead, &request);
    if (request.method != NULL && request.method->run == method_auth &&
        connection->state == CONNECTION_OPEN)
        take_key_seat(connection, &request, before);
    if (request.method != NULL && request.method->run == method_auth)
        explicit_bzero((char *)(uintptr_t)frame.data, frame.size); /* bytes of this connection */
    if (was_nobody != is_nobody(connection))
        scan_anew(connection);
    if (!known && is_nobody(connection) && connection->state == CONNECTION_OPEN) {
        net_count(&connection->loop->counts, NET_CLOSED_KEY);
        connection_set_state(connection, CONNECTION_ENDING);
    }
}

static void
answer(struct connection *connection, struct slice frame, const struct engine_pair *ahead)
{
    struct request request;

    if (BEHALF_LIKELY(connection->caller.keys == NULL))
        ask(connection, frame, ahead, &request);
    else
        answer_caller(connection, frame, ahead);
}

/* Whole frames that stand behind one another, and what is known of the bytes behind them. */
struct window {
    struct slice frames[LIMIT_WINDOW];
    size_t count;
    enum frame_state rest; /* FRAME_COMPLETE: nothing */
};

static void
scan(struct connection *connection, const char *bytes, size_t size, struct window *window)
{
    /* What follows a login may be larger than what comes before it. */
    size_t most = is_nobody(connection) ? 1 : LIMIT_WINDOW;
    size_t at = 0;

    window->count = 0;
    window->rest = FRAME_COMPLETE;
    while (at < size && window->count < most) {
        window->rest = frame_scan(&connection->scanner, bytes + at, size - at);
        if (window->rest != FRAME_COMPLETE)
            return;
        window->frames[window->count++] = (struct slice){bytes + at, connection->scanner.at};
        at += connection->scanner.at;
        connection->frame_begun = false;
        scan_anew(connection);
    }
}

/* Answers the frames of a window in their order; how many bytes of it are done with. */
static size_t
answer_window(struct connection *connection, const struct window *window)
{
    struct lookahead ahead;
    size_t served = 0;

    lookahead(connection->loop->worker, window->frames, window->count, &ahead);
    for (size_t at = 0; at < window->count && connection->state == CONNECTION_OPEN; at++) {
        if (connection_output_left(connection) > LIMIT_OUTPUT_PAUSE || is_full(connection)) {
            /* Until update_reading lets it go on, which scans them again. */
            connection->held = true;
            net_count(&connection->loop->counts,
                      is_full(connection) ? NET_LIMIT_CALLS : NET_LIMIT_OUTPUT);
            scan_anew(connection);
            break;
        }
        answer(connection, window->frames[at], ahead.of_frame[at]);
        served += window->frames[at].size;
    }
    return served;
}

static void
begin_frame(struct connection *connection)
{
    if (!connection->frame_begun)
        connection->frame_ns = connection->loop->now_ns;
    connection->frame_begun = true;
}

/* Answers whole frames from the start of `bytes`, as many as one turn allows. `*served` says how
 * far it came; a rest that may hold another whole frame puts the connection on the
 * list of turns. */
static void
serve(struct connection *connection, const char *bytes, size_t size, size_t *served)
{
    unsigned windows = 0;
    size_t at = 0;

    while (at < size && connection->state == CONNECTION_OPEN && !connection->held) {
        struct window window;

        if (windows++ == LIMIT_WINDOWS_PER_TURN) {
            connection->unserved = true;
            loop_add_turn(connection->loop, connection);
            break;
        }
        scan(connection, bytes + at, size - at, &window);
        at += answer_window(connection, &window);
        if (connection->state != CONNECTION_OPEN || connection->held ||
            window.rest == FRAME_COMPLETE)
            continue;
        if (window.rest == FRAME_PARTIAL)
            begin_frame(connection);
        else
            malformed(connection, (struct slice){bytes + at, size - at}, window.rest);
        break;
    }
    *served = at;
}

/* One look at the clock for all that was answered in this wake-up. */
static void
count_durations(struct connection *connection)
{
    struct loop *loop = connection->loop;

    if (loop->counts.answered_all > 0)
        net_counts_settle(&loop->counts, loop_read_clock(loop) - connection->arrived_ns);
}

static void
serve_input(struct connection *connection)
{
    bool was_nobody = is_nobody(connection);
    size_t served = 0;

    connection->unserved = false;
    (void)connection_output(connection);
    serve(connection, connection->input.data + connection->input_at, input_left(connection),
          &served);
    connection->input_at += served;
    if (input_left(connection) == 0) {
        connection->input_at = 0;
        if (was_nobody || connection->input.capacity > KEPT_INPUT_SIZE)
            buffer_release_secret(&connection->input);
        else
            buffer_clear(&connection->input);
    }
    connection_flush(connection);
    count_durations(connection);
}

/* --- reading --- */

/* False when there is nothing to serve: nothing came, or the client is gone. */
static bool
received(struct connection *connection, ssize_t count)
{
    if (count > 0) {
        connection->active_ns = connection->loop->now_ns;
        connection->arrived_ns = connection->loop->now_ns;
        return true;
    }
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    connection_close(connection);
    return false;
}

/* Nothing of an earlier read is left: read into the loop's bytes and keep only the rest. */
static void
read_fresh(struct connection *connection)
{
    char *bytes = connection->loop->read_bytes;
    ssize_t count = receive_bytes(connection, bytes, LOOP_READ_SIZE);
    bool was_nobody = is_nobody(connection);
    size_t served = 0;

    if (!received(connection, count))
        return;
    (void)connection_output(connection);
    serve(connection, bytes, (size_t)count, &served);
    if (served < (size_t)count)
        buffer_move_secret(&connection->input, bytes + served, (size_t)count - served);
    if (was_nobody)
        explicit_bzero(bytes, (size_t)count); /* also what was no frame */
    connection_flush(connection);
    count_durations(connection);
}

/* Also through the loop's bytes: a buffer grows by what came, not by what might come. */
static void
read_behind_rest(struct connection *connection)
{
    char *bytes = connection->loop->read_bytes;
    ssize_t count = receive_bytes(connection, bytes, LOOP_READ_SIZE);

    if (!received(connection, count))
        return;
    if (connection->input_at > 0) {
        buffer_drop_secret(&connection->input, connection->input_at);
        connection->input_at = 0;
    }
    buffer_move_secret(&connection->input, bytes, (size_t)count);
    serve_input(connection);
}

static void
read_more(struct connection *connection)
{
    if (input_left(connection) > 0)
        read_behind_rest(connection);
    else
        read_fresh(connection);
    if (connection->read_waits && connection->state != CONNECTION_CLOSED)
        connection_flush(connection);
}

/* Frames that wait come before new bytes, so that input does not grow. */
void
connection_take_turn(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN)
        return;
    if (connection->unserved || connection->tls == NULL)
        serve_input(connection);
    else if (connection->readable_added)
        read_more(connection);
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    struct loop *loop = connection->loop;

    (void)fd;
    (void)what;
    if (connection->in_turns)
        return; /* whole frames wait already; they have their turn behind this poll */
    (void)loop_read_clock(loop);
    read_more(connection);
    connection_settle(connection);
    loop_relieve(loop);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;
    struct loop *loop = connection->loop;

    (void)fd;
    (void)what;
    (void)loop_read_clock(loop);
    if (connection->read_waits) {
        connection->read_waits = false;
        if (connection->state == CONNECTION_OPEN && connection->reading)
            read_more(connection);
    }
    connection_flush(connection);
    connection_settle(connection);
    loop_relieve(loop);
}

/* --- beginning --- */

static bool
make_events(struct connection *connection, event_callback_fn readable, event_callback_fn writable)
{
    struct event_base *base = connection->loop->base;

    if (connection->readable != NULL)
        event_free(connection->readable);
    if (connection->writable != NULL)
        event_free(connection->writable);
    connection->readable =
        event_new(base, connection->fd, EV_READ | EV_PERSIST, readable, connection);
    connection->writable =
        event_new(base, connection->fd, EV_WRITE | EV_PERSIST, writable, connection);
    return connection->readable != NULL && connection->writable != NULL;
}

static void
open_for_requests(struct connection *connection)
{
    struct loop *loop = connection->loop;

    connection_set_state(connection, CONNECTION_OPEN);
    connection->active_ns = loop->now_ns;
    connection->arrived_ns = loop->now_ns;
    connection->begun_ns = loop->now_ns;
    caller_init(&connection->caller, loop->keys,
                loop->keys != NULL && caller_is_owner(connection->fd));
    scan_anew(connection);
    if (make_events(connection, on_readable, on_writable))
        update_reading(connection);
    else
        connection_close(connection);
}

/* One line tells of many: whoever reaches the port can make handshakes fail. */
static void
refuse_handshake(struct connection *connection, const struct error *why)
{
    struct loop *loop = connection->loop;

    close_counted(connection, NET_CLOSED_HANDSHAKE);
    if (loop->handshake_logged_ns != 0 && loop->now_ns - loop->handshake_logged_ns < LOG_EVERY_NS)
        return;
    loop->handshake_logged_ns = loop->now_ns;
    log_line(LOG_WARN, "handshake refused", "reason=\"%s\"", why->message);
}

static void
shake_hands(struct connection *connection)
{
    struct error why;
    enum tls_progress progress = tls_handshake(connection->tls, &why);
    bool failed = false;

    switch (progress) {
    case TLS_DONE:
        open_for_requests(connection);
        return;
    case TLS_FAILED:
        refuse_handshake(connection, &why);
        return;
    case TLS_WANT_READ:
        failed = event_del(connection->writable) != 0 || event_add(connection->readable, NULL) != 0;
        break;
    case TLS_WANT_WRITE:
        failed = event_del(connection->readable) != 0 || event_add(connection->writable, NULL) != 0;
        break;
    }
    if (failed)
        connection_close(connection);
}

static void
on_handshake(evutil_socket_t fd, short what, void *context)
{
    struct connection *connection = context;

    (void)fd;
    (void)what;
    (void)loop_read_clock(connection->loop);
    shake_hands(connection);
    connection_settle(connection);
}

void
connection_begin(struct connection *connection)
{
    struct loop *loop = connection->loop;

    connection->next = loop->connections;
    if (loop->connections != NULL)
        loop->connections->previous = connection;
    loop->connections = connection;
    if (connection->tls_server == NULL) {
        open_for_requests(connection);
        return;
    }
    connection_set_state(connection, CONNECTION_SHAKING);
    connection->active_ns = loop->now_ns;
    connection->tls = tls_accept(connection->tls_server, connection->fd);
    if (connection->tls != NULL && make_events(connection, on_handshake, on_handshake))
        shake_hands(connection);
    else
        connection_close(connection);
}

/* --- calls that come back --- */

void
connection_finish(struct connection *connection, struct call *call)
{
    bool open = connection->state == CONNECTION_OPEN || connection->state == CONNECTION_ENDING;

    call_finish(call, open ? connection_output(connection) : NULL);
    /* Many large replies at once: let them leave one by one before they count against the limit. */
    if (open && connection_output_left(connection) > LIMIT_OUTPUT_PAUSE)
        connection_flush(connection);
}

/* --- time --- */

void
connection_check_time(struct connection *connection, int64_t now_ns)
{
    const struct loop *loop = connection->loop;
    size_t rest = input_left(connection);

    if (connection->state == CONNECTION_SHAKING) {
        if (now_ns - connection->active_ns > (int64_t)LIMIT_HANDSHAKE_MS * 1000000)
            close_counted(connection, NET_CLOSED_HANDSHAKE);
        return;
    }
    if (!caller_is_known(&connection->caller)) {
        close_counted(connection, NET_CLOSED_KEY);
        return;
    }
    if (is_nobody(connection) &&
        now_ns - connection->begun_ns > (int64_t)LIMIT_LOGIN_MS * 1000000) {
        close_counted(connection, NET_CLOSED_LOGIN);
        return;
    }
    if (connection->streams != NULL && connection->state == CONNECTION_OPEN)
        streams_check_time(connection, now_ns);
    if (connection_output_left(connection) > 0) {
        if (loop->write_stall_ns > 0 && now_ns - connection->progress_ns > loop->write_stall_ns)
            close_counted(connection, NET_CLOSED_SLOW_READER);
        return;
    }
    if (connection->state == CONNECTION_CLOSED || connection->calls > 0 || connection->in_turns ||
        !connection->reading)
        return;
    if (connection->frame_begun) {
        int64_t allowed_ms = LIMIT_FRAME_MS + (int64_t)(rest * 1000 / LIMIT_FRAME_RATE);

        if (now_ns - connection->frame_ns > allowed_ms * 1000000)
            close_counted(connection, NET_CLOSED_SLOW_SENDER);
    } else if (connection->streams == NULL && loop->idle_ns > 0 &&
               now_ns - connection->active_ns > loop->idle_ns) {
        close_counted(connection, NET_CLOSED_IDLE);
    }
}
