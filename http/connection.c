/* connection.c - the states of a connection. */
#include "http/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <unistd.h>

#include "base/memory.h"
#include "http/characters.h"
#include "http/response.h"
#include "http/server.h"

#define SECOND_NS INT64_C(1000000000)
#define HANDSHAKE_S 5
#define LINGER_S 5
#define COMMENT_S 15
#define BODY_BYTES_PER_S ((size_t)64 * 1024)
#define OUTPUT_PAUSE ((size_t)64 * 1024)    /* more waits: the next request is not looked at */
#define OUTPUT_PROGRESS ((size_t)16 * 1024) /* to be taken within the time of a stall */
#define SWAPPED_SIZE ((size_t)4 * 1024)     /* of a reply: cheaper to copy below */
#define ECHOED_SIZE_MAX 256                 /* of a field that comes back in a refusal */
#define REQUESTS_PER_TURN 32
#define READS_PER_TURN 4

static const struct http_verdict verdict_without_judge = {.body_max = 64 * 1024};

static size_t
output_left(const struct http_connection *connection)
{
    return connection->output.size - connection->output_sent;
}

/* Whether a request that is here would be looked at. */
static bool
can_serve(const struct http_connection *connection)
{
    return (connection->phase == CONNECTION_HEAD || connection->phase == CONNECTION_BODY) &&
           output_left(connection) <= OUTPUT_PAUSE && connection->requests < REQUESTS_PER_TURN;
}

static bool
wants_bytes(const struct http_connection *connection)
{
    if (connection->phase == CONNECTION_WORK)
        return connection->input.size < CONNECTION_WAITING_SIZE;
    return connection->phase == CONNECTION_LINGER || can_serve(connection);
}

/* --- life --- */

static void
on_event(evutil_socket_t fd, short what, void *context)
{
    struct http_connection *connection = context;

    (void)fd;
    (void)http_server_read_clock(connection->server);
    connection->readable = true;
    connection->peer_closed |= (what & EV_CLOSED) != 0;
    http_connection_run(connection);
    http_server_reap(connection->server);
}

static void
begin_head(struct http_connection *connection)
{
    connection->phase = CONNECTION_HEAD;
    connection->begun_ns = connection->server->now_ns;
    head_init(&connection->head, connection->server->options.head_size,
              connection->server->options.allow_http_1_0);
}

void
http_connection_open(struct http_server *server, int fd, struct seat *seat, const char *peer)
{
    struct http_connection *connection = memory_new(sizeof *connection);

    connection->server = server;
    connection->fd = fd;
    connection->seat = seat;
    memcpy(connection->peer, peer, strlen(peer) + 1);
    buffer_init(&connection->input);
    buffer_init(&connection->output);
    connection->next = server->connections;
    if (server->connections != NULL)
        server->connections->previous = connection;
    server->connections = connection;
    atomic_fetch_add(&server->connection_count, 1);
    begin_head(connection);
    if (server->options.tls != NULL) {
        connection->phase = CONNECTION_HANDSHAKE;
        connection->tls = tls_accept(server->options.tls, fd);
    }
    connection->event =
        event_new(server->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, on_event,
                  connection);
    if ((server->options.tls != NULL && connection->tls == NULL) || connection->event == NULL ||
        event_add(connection->event, NULL) != 0)
        http_connection_close(connection);
}

/* The exchange goes on without its connection: its answerer is told. */
static void
leave_exchange(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->exchange;
    bool in_work = connection->phase == CONNECTION_WORK;

    connection->exchange = NULL;
    connection->streams = false;
    if (exchange == NULL)
        return;
    if (!in_work) {
        exchange_free(exchange);
        return;
    }
    exchange->connection = NULL;
    atomic_store(&exchange->gone, true);
    if (server->options.gone != NULL)
        server->options.gone(server->options.owner, exchange);
}

void
http_connection_close(struct http_connection *connection)
{
    struct http_server *server = connection->server;

    BEHALF_ASSERT(!connection->serving);
    if (connection->phase == CONNECTION_CLOSED)
        return;
    leave_exchange(connection);
    connection->phase = CONNECTION_CLOSED;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->event != NULL)
        event_free(connection->event);
    tls_free(connection->tls);
    (void)close(connection->fd);
    seats_give(&server->listener.seats, connection->seat);
    atomic_fetch_sub(&server->output_bytes, output_left(connection));
    buffer_release_secret(&connection->input);
    buffer_release(&connection->output);
    connection->output_sent = 0;
    atomic_fetch_sub(&server->connection_count, 1);
    connection->closed_next = server->closed;
    server->closed = connection;
}

/* --- sending --- */

static void
count_sent(struct http_connection *connection, size_t sent)
{
    struct http_server *server = connection->server;
    size_t earlier = sent < connection->output_before ? sent : connection->output_before;

    connection->output_sent += sent;
    connection->output_before -= earlier;
    atomic_fetch_sub(&server->output_bytes, sent);
    if (connection->streams)
        atomic_fetch_sub(&connection->exchange->waiting, sent - earlier);
    connection->progress += sent;
    if (connection->progress >= OUTPUT_PROGRESS) {
        connection->progress = 0;
        connection->progress_ns = server->now_ns;
    }
}

/* Everything is said. Bytes of the peer that nobody read would turn the close into a reset, so what
 * comes is thrown away until the peer closes too. */
static void
begin_linger(struct http_connection *connection)
{
    tls_free(connection->tls); /* says goodbye */
    connection->tls = NULL;
    connection->phase = CONNECTION_LINGER;
    connection->begun_ns = connection->server->now_ns;
    connection->dropped = connection->input.size;
    buffer_release_secret(&connection->input);
    if (shutdown(connection->fd, SHUT_WR) != 0 || connection->dropped > CONNECTION_DROPPED_SIZE)
        http_connection_close(connection);
}

static ssize_t
send_some(struct http_connection *connection)
{
    const char *bytes = connection->output.data + connection->output_sent;

    return connection->tls != NULL
               ? tls_send(connection->tls, bytes, output_left(connection))
               : send(connection->fd, bytes, output_left(connection), MSG_NOSIGNAL);
}

static void
flush(struct http_connection *connection)
{
    while (output_left(connection) > 0) {
        ssize_t sent = send_some(connection);

        if (sent > 0) {
            count_sent(connection, (size_t)sent);
        } else if (sent < 0 && errno == EAGAIN) {
            if (connection->output_sent > OUTPUT_PAUSE) {
                buffer_drop(&connection->output, connection->output_sent);
                connection->output_sent = 0;
            }
            return;
        } else if (sent == 0 || errno != EINTR) {
            http_connection_close(connection);
            return;
        }
    }
    buffer_clear(&connection->output);
    connection->output_sent = 0;
    if (connection->phase == CONNECTION_ENDING)
        begin_linger(connection);
}

/* Where output begins that is written directly. */
static size_t
begin_output(struct http_connection *connection)
{
    if (output_left(connection) == 0) {
        connection->progress = 0;
        connection->progress_ns = connection->server->now_ns;
    }
    return connection->output.size;
}

static void
end_output(struct http_connection *connection, size_t begin)
{
    atomic_fetch_add(&connection->server->output_bytes, connection->output.size - begin);
}

/* --- refusing --- */

/* The field by which whoever asks knows a reply again. Of a head that could not be read, none. */
static bool
find_echoed(const struct http_connection *connection, struct http_field *echoed)
{
    const char *name = connection->server->options.echoed;
    const struct http_request *request;
    size_t found = 0;
    bool visible = true;

    if (name == NULL || connection->exchange == NULL)
        return false;
    request = &connection->exchange->request;
    for (size_t at = 0; at < request->field_count; at++) {
        if (!characters_same(request->fields[at].name, slice_of(name)))
            continue;
        *echoed = (struct http_field){slice_of(name), request->fields[at].value};
        found++;
    }
    for (size_t at = 0; found == 1 && at < echoed->value.size; at++)
        visible = visible && echoed->value.data[at] > ' ' && echoed->value.data[at] < 0x7F;
    return found == 1 && visible && echoed->value.size > 0 && echoed->value.size <= ECHOED_SIZE_MAX;
}

static void
refuse(struct http_connection *connection, struct http_refusal refusal)
{
    struct http_server *server = connection->server;
    struct http_field echoed;
    bool echoes = find_echoed(connection, &echoed);
    const struct response_framing framing = {
        .length = RESPONSE_SIZED,
        .is_head =
            connection->exchange != NULL && connection->exchange->request.method == HTTP_HEAD,
        .closes = true,
        .is_tls = server->options.tls != NULL,
    };
    size_t begin = begin_output(connection);

    atomic_fetch_add(&server->refused_requests, 1);
    response_write_text(&connection->output, &framing, refusal.status, refusal.why,
                        echoes ? &echoed : NULL);
    end_output(connection, begin);
    leave_exchange(connection);
    connection->phase = CONNECTION_ENDING;
}

/* --- a request --- */

static void
begin_work(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->exchange;

    exchange->request.body = buffer_slice(&exchange->body);
    exchange->arrived_ns = server->now_ns;
    connection->phase = CONNECTION_WORK;
    connection->requests++;
    atomic_fetch_add(&server->requests, 1);
    connection->serving = true;
    server->options.handle(server->options.owner, exchange);
    connection->serving = false;
    if (connection->is_aborted)
        http_connection_close(connection);
}

static void
serve_body(struct http_connection *connection, struct slice *bytes)
{
    struct http_server *server = connection->server;
    struct http_exchange *exchange = connection->exchange;
    struct slice content;
    enum body_state state;

    while ((state = body_read(&connection->body, bytes, &content)) == BODY_CONTENT) {
        if (content.size > server->options.body_sum - server->body_bytes) {
            refuse(connection, (struct http_refusal){503, "there is no room for the body now"});
            return;
        }
        server->body_bytes += content.size;
        buffer_add_slice(&exchange->body, content);
    }
    if (state == BODY_REFUSED)
        refuse(connection, connection->body.refusal);
    else if (state == BODY_COMPLETE)
        begin_work(connection);
}

static const char *
why_judged(unsigned status)
{
    const char *reason = response_reason(status);

    return reason[0] != '\0' ? reason : "refused";
}

/* What is asked before the body is read. */
static struct http_refusal
judge(struct http_connection *connection, const struct head_meaning *meaning)
{
    struct http_server *server = connection->server;
    struct http_verdict verdict =
        server->options.judge != NULL
            ? server->options.judge(server->options.owner, &connection->exchange->request)
            : verdict_without_judge;

    if (verdict.status != 0)
        return (struct http_refusal){verdict.status, why_judged(verdict.status)};
    if (verdict.body_max > HTTP_BODY_SIZE_MAX)
        verdict.body_max = HTTP_BODY_SIZE_MAX;
    if (meaning->content_length > verdict.body_max)
        return (struct http_refusal){413, "the body is too large"};
    if (meaning->is_chunked)
        body_init_chunked(&connection->body, verdict.body_max);
    else
        body_init_length(&connection->body, meaning->content_length);
    return (struct http_refusal){0, NULL};
}

/* The head is whole; `rest` is what came with it. */
static void
begin_request(struct http_connection *connection, const char *bytes, struct slice *rest)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_server *server = connection->server;
    struct http_exchange *exchange = exchange_new(server, &connection->head, bytes);
    struct head_meaning meaning;
    struct http_refusal refusal;

    connection->exchange = exchange;
    exchange->connection = connection;
    memcpy(exchange->peer, connection->peer, sizeof exchange->peer);
    exchange->request.peer = slice_of(exchange->peer);
    refusal =
        head_understand(&connection->head, bytes, &server->rules, &exchange->request, &meaning);
    exchange->closes = meaning.closes;
    if (refusal.status == 0)
        refusal = judge(connection, &meaning);
    if (refusal.status != 0) {
        refuse(connection, refusal);
        return;
    }
    connection->phase = CONNECTION_BODY;
    connection->begun_ns = server->now_ns;
    if (meaning.expects_continue && rest->size == 0 &&
        (meaning.is_chunked || meaning.content_length > 0)) {
        size_t begin = begin_output(connection);

        buffer_add(&connection->output, go_on, sizeof go_on - 1);
        end_output(connection, begin);
    }
    serve_body(connection, rest);
}

/* `bytes` begin with the head. False when it is not whole. */
static bool
serve_head(struct http_connection *connection, struct slice *bytes)
{
    const char *begin = bytes->data;
    enum head_state state;

    if (connection->head.at == 0)
        connection->begun_ns = connection->server->now_ns;
    state = head_read(&connection->head, begin, bytes->size);
    if (state == HEAD_PARTIAL)
        return false;
    if (state == HEAD_REFUSED) {
        refuse(connection, connection->head.refusal);
        return false;
    }
    *bytes = (struct slice){begin + connection->head.at, bytes->size - connection->head.at};
    begin_request(connection, begin, bytes);
    return true;
}

/* Takes from the front what is of a request that can be looked at now. */
static void
serve(struct http_connection *connection, struct slice *bytes)
{
    while (bytes->size > 0 && can_serve(connection)) {
        if (connection->phase == CONNECTION_BODY)
            serve_body(connection, bytes);
        else if (!serve_head(connection, bytes))
            break;
        /* In no other phase: lingering gives the input back, where `bytes` may be. */
        if (output_left(connection) > OUTPUT_PAUSE && connection->phase == CONNECTION_HEAD)
            flush(connection);
    }
}

static void
serve_input(struct http_connection *connection)
{
    struct slice bytes = buffer_slice(&connection->input);
    size_t served;

    if (bytes.size == 0 || !can_serve(connection))
        return;
    serve(connection, &bytes);
    if (connection->phase == CONNECTION_CLOSED)
        return;
    served = connection->input.size - bytes.size;
    if (served > 0)
        buffer_drop_secret(&connection->input, served);
    if (connection->input.size == 0)
        buffer_release_secret(&connection->input);
}

/* --- reading --- */

static void
serve_received(struct http_connection *connection, struct slice bytes)
{
    if (connection->phase == CONNECTION_LINGER) {
        connection->dropped += bytes.size;
        if (connection->dropped > CONNECTION_DROPPED_SIZE)
            http_connection_close(connection);
        return;
    }
    if (connection->input.size > 0) {
        buffer_move_secret(&connection->input, (char *)(uintptr_t)bytes.data, bytes.size);
        serve_input(connection);
        return;
    }
    serve(connection, &bytes);
    if (connection->phase != CONNECTION_CLOSED)
        buffer_move_secret(&connection->input, (char *)(uintptr_t)bytes.data, bytes.size);
}

/* Everything that was asked is answered, but not all has left: it may yet be read. */
static bool
ends_by_peer(const struct http_connection *connection)
{
    return connection->phase == CONNECTION_HEAD && connection->head.at == 0 &&
           output_left(connection) > 0;
}

static void
receive(struct http_connection *connection)
{
    char *bytes = connection->server->read_bytes;
    size_t room = SERVER_READ_SIZE;
    ssize_t count;

    if (connection->phase == CONNECTION_WORK)
        room = CONNECTION_WAITING_SIZE - connection->input.size;
    count = connection->tls != NULL ? tls_recv(connection->tls, bytes, room)
                                    : recv(connection->fd, bytes, room, 0);
    if (count > 0) {
        /* Less than asked for is all there is, but not where an end follows. */
        if ((size_t)count < room && connection->tls == NULL && !connection->peer_closed)
            connection->readable = false;
        serve_received(connection, (struct slice){bytes, (size_t)count});
        explicit_bzero(bytes, (size_t)count); /* an Authorization may be among them */
    } else if (count < 0 && errno == EAGAIN) {
        connection->readable = false;
    } else if (count == 0 && ends_by_peer(connection)) {
        connection->readable = false;
        connection->phase = CONNECTION_ENDING;
    } else if (count == 0 || errno != EINTR) {
        http_connection_close(connection);
    }
}

/* While nothing is read of a connection in work. */
static bool
is_left_by_peer(const struct http_connection *connection)
{
    struct pollfd poller = {.fd = connection->fd, .events = POLLRDHUP};

    return poll(&poller, 1, 0) > 0 &&
           (poller.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static bool
shake_hands(struct http_connection *connection)
{
    struct error error;

    switch (tls_handshake(connection->tls, &error)) {
    case TLS_DONE:
        begin_head(connection);
        return true;
    case TLS_WANT_READ:
    case TLS_WANT_WRITE:
        return false;
    case TLS_FAILED:
        break;
    }
    http_connection_close(connection);
    return false;
}

void
http_connection_run(struct http_connection *connection)
{
    connection->requests = 0;
    if (connection->is_aborted)
        http_connection_close(connection);
    if (connection->phase == CONNECTION_CLOSED ||
        (connection->phase == CONNECTION_HANDSHAKE && !shake_hands(connection)))
        return;
    flush(connection);
    serve_input(connection);
    if (connection->phase != CONNECTION_CLOSED)
        flush(connection);
    for (int reads = 0; connection->readable && wants_bytes(connection); reads++) {
        if (reads == READS_PER_TURN) {
            http_server_add_turn(connection->server, connection);
            break;
        }
        receive(connection);
        if (connection->phase != CONNECTION_CLOSED)
            flush(connection);
    }
    if (connection->phase == CONNECTION_WORK && connection->readable && !wants_bytes(connection) &&
        is_left_by_peer(connection))
        http_connection_close(connection);
    if (connection->phase == CONNECTION_CLOSED)
        return;
    if (connection->requests == REQUESTS_PER_TURN)
        http_server_add_turn(connection->server, connection);
    if (output_left(connection) == 0)
        buffer_release(&connection->output);
}

/* --- replies --- */

static void
take_output(struct http_connection *connection, struct buffer *bytes)
{
    (void)begin_output(connection);
    if (output_left(connection) == 0) {
        buffer_clear(&connection->output);
        connection->output_sent = 0;
    }
    if (connection->output.size == 0 && bytes->size > SWAPPED_SIZE)
        buffer_swap(&connection->output, bytes);
    else
        buffer_add_slice(&connection->output, buffer_slice(bytes));
}

static void
end_exchange(struct http_connection *connection)
{
    connection->exchange = NULL;
    connection->streams = false;
    connection->output_before = 0;
    if (connection->closes)
        connection->phase = CONNECTION_ENDING;
    else
        begin_head(connection);
}

void
http_connection_deliver(struct http_exchange *exchange, struct buffer *bytes, unsigned flags)
{
    struct http_connection *connection = exchange->connection;
    struct http_server *server = exchange->server;

    if (connection == NULL) {
        atomic_fetch_sub(&server->output_bytes, bytes->size);
    } else if ((flags & EXCHANGE_ABORTS) != 0) {
        /* Within the handler only marked: what runs there still holds the connection. */
        atomic_fetch_sub(&server->output_bytes, bytes->size);
        connection->is_aborted = true;
        if ((flags & EXCHANGE_ENDS) != 0) {
            connection->exchange = NULL;
            connection->streams = false;
        }
    } else {
        if ((flags & EXCHANGE_BEGINS) != 0) {
            connection->streams = true;
            connection->output_before = output_left(connection) + bytes->size;
            exchange->has_comments = (flags & EXCHANGE_EVENTS) != 0;
        }
        take_output(connection, bytes);
        connection->closes |= (flags & EXCHANGE_CLOSES) != 0;
        exchange->is_line_begin = (flags & EXCHANGE_MID_LINE) == 0;
        exchange->written_ns = server->now_ns;
        if ((flags & EXCHANGE_ENDS) != 0)
            end_exchange(connection);
    }
    buffer_release(bytes);
    if ((flags & EXCHANGE_ENDS) != 0)
        exchange_free(exchange);
}

/* --- time --- */

static void
add_comment(struct http_connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    struct http_server *server = connection->server;
    size_t begin;

    if (!exchange->is_line_begin || output_left(connection) > 0 ||
        server->now_ns - exchange->written_ns < COMMENT_S * SECOND_NS)
        return;
    exchange->written_ns = server->now_ns;
    begin = begin_output(connection);
    exchange_add_comment(exchange, &connection->output);
    end_output(connection, begin);
    connection->output_before += connection->output.size - begin;
    http_connection_run(connection);
}

/* How long the peer may take for what it is doing; 0 = as long as it likes. */
static int64_t
allowed_s(const struct http_connection *connection)
{
    const struct http_options *options = &connection->server->options;

    if (output_left(connection) > 0)
        return 0;
    switch (connection->phase) {
    case CONNECTION_HANDSHAKE:
        return HANDSHAKE_S;
    case CONNECTION_HEAD:
        return connection->head.at > 0 ? options->head_s : options->idle_s;
    case CONNECTION_BODY:
        return options->body_s + (int64_t)(connection->exchange->body.size / BODY_BYTES_PER_S);
    case CONNECTION_LINGER:
        return LINGER_S;
    case CONNECTION_WORK:
    case CONNECTION_ENDING:
    case CONNECTION_CLOSED:
        break;
    }
    return 0;
}

void
http_connection_check_time(struct http_connection *connection)
{
    const struct http_server *server = connection->server;
    int64_t allowed = allowed_s(connection);

    if (connection->phase == CONNECTION_CLOSED)
        return;
    if ((allowed > 0 && server->now_ns - connection->begun_ns > allowed * SECOND_NS) ||
        (output_left(connection) > 0 &&
         server->now_ns - connection->progress_ns > server->options.write_stall_s * SECOND_NS))
        http_connection_close(connection);
    else if (connection->phase == CONNECTION_WORK && connection->exchange->has_comments)
        add_comment(connection);
}

void
http_connection_drain(struct http_connection *connection)
{
    connection->closes = true;
    if (connection->phase == CONNECTION_WORK || connection->phase == CONNECTION_ENDING)
        return;
    if (output_left(connection) == 0) {
        http_connection_close(connection);
        return;
    }
    leave_exchange(connection);
    connection->phase = CONNECTION_ENDING;
}
