/* loop.c - a thread around a libevent base. */
#include "net/loop.h"

#include <errno.h>
#include <event2/event.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/priority.h"
#include "net/connection.h"
#include "net/stream.h"

#define TICK_MS 1000
#define TICK_STOPPING_MS 20
#define LOG_EVERY_NS INT64_C(10000000000)
#define TRIM_ABOVE ((size_t)16 * 1024 * 1024) /* a peak that is worth giving memory back after */
#define TRIM_BELOW ((size_t)1024 * 1024)

/* --- messages --- */

void
loop_send(struct loop *loop, struct loop_message *message)
{
    inbox_send(&loop->inbox, &message->link);
}

static struct loop_message *
next_message(struct loop *loop)
{
    return (struct loop_message *)inbox_next(&loop->inbox);
}

/* On the writer's thread. */
static void
on_published(struct engine_listener *listener)
{
    struct loop *loop = (struct loop *)(void *)((char *)listener - offsetof(struct loop, listener));

    atomic_store(&loop->news, true);
    inbox_wake(&loop->inbox);
}

static void
add_flush(struct loop *loop, struct connection *connection)
{
    if (connection->in_flushes)
        return;
    connection->in_flushes = true;
    connection->flush_next = NULL;
    if (loop->flushes.last != NULL)
        loop->flushes.last->flush_next = connection;
    else
        loop->flushes.first = connection;
    loop->flushes.last = connection;
}

static void
flush_all(struct loop *loop)
{
    while (loop->flushes.first != NULL) {
        struct connection *connection = loop->flushes.first;

        loop->flushes.first = connection->flush_next;
        if (loop->flushes.first == NULL)
            loop->flushes.last = NULL;
        connection->in_flushes = false;
        connection_flush(connection);
        connection_settle(connection);
    }
}

/* How many bytes of replies that was. */
static size_t
receive(struct loop *loop, struct loop_message *message)
{
    size_t bytes = 0;

    if (message->kind == LOOP_MESSAGE_STREAM) {
        struct connection *connection;

        bytes = stream_finish(message, &connection);
        add_flush(loop, connection);
    } else if (message->kind == LOOP_MESSAGE_CALL) {
        struct call *call = (struct call *)(void *)message;
        struct connection *connection = call->connection;

        bytes = call->reply.size;
        connection_finish(connection, call);
        add_flush(loop, connection);
    } else {
        struct connection *connection = (struct connection *)(void *)message;

        if (loop->drain_until_ns != 0)
            connection_close(connection);
        else
            connection_begin(connection);
        connection_settle(connection);
    }
    return bytes;
}

/* A timer, not an activated event: libevent polls before timers, so others come first. */
static void
schedule_turn(struct loop *loop)
{
    struct timeval at_once = {0, 0};

    if (loop->turn_pending)
        return;
    loop->turn_pending = true;
    (void)event_add(loop->turn, &at_once);
}

/* As many as one turn allows; megabytes of replies do not keep the next poll waiting. */
static void
receive_some(struct loop *loop)
{
    size_t bytes = 0;

    inbox_take(&loop->inbox);
    for (int count = 0; count < LIMIT_MESSAGES_PER_TURN && bytes < LIMIT_MESSAGE_BYTES_PER_TURN;
         count++) {
        struct loop_message *message = next_message(loop);

        if (message == NULL)
            break;
        bytes += receive(loop, message);
    }
    flush_all(loop);
    if (inbox_has_more(&loop->inbox))
        schedule_turn(loop);
}

/* --- memory --- */

static struct connection *
largest(const struct loop *loop)
{
    struct connection *found = NULL;

    for (struct connection *at = loop->connections; at != NULL; at = at->next)
        if (found == NULL || at->held_bytes > found->held_bytes)
            found = at;
    return found;
}

void
loop_close_largest(struct loop *loop)
{
    struct connection *connection = largest(loop);

    while (connection != NULL && loop->held_bytes > loop->buffer_bound) {
        loop->relieved++;
        net_count(&loop->counts, NET_CLOSED_MEMORY);
        connection_close(connection);
        connection_settle(connection);
        connection = largest(loop);
    }
    if (loop->relieved_ns != 0 && loop->now_ns - loop->relieved_ns < LOG_EVERY_NS)
        return;
    loop->relieved_ns = loop->now_ns;
    log_line(LOG_WARN, "connections closed",
             "reason=\"unfinished requests and unread replies take all the memory they may\" "
             "closed=%llu",
             (unsigned long long)loop->relieved);
}

/* What a flood left behind in the allocator goes back to the system when it is over. */
static void
give_memory_back(struct loop *loop)
{
    if (loop->peak_bytes < TRIM_ABOVE || loop->held_bytes + loop->call_bytes > TRIM_BELOW)
        return;
    loop->peak_bytes = 0;
    memory_trim();
}

/* --- stopping --- */

static void
begin_drain(struct loop *loop)
{
    struct timeval often = {.tv_usec = TICK_STOPPING_MS * 1000};
    struct connection *next;

    loop->drain_until_ns = loop->now_ns + (int64_t)LIMIT_DRAIN_MS * 1000000;
    (void)event_add(loop->tick, &often);
    for (struct connection *connection = loop->connections; connection != NULL; connection = next) {
        next = connection->next;
        connection_end(connection);
        connection_settle(connection);
    }
}

/* Ends the thread when nothing is left: calls hold pointers into the loop, so it waits for them
 * also beyond the bound, when their connections are closed and they are cancelled. */
static void
end_when_drained(struct loop *loop)
{
    struct connection *next;

    if (loop->connections != NULL && loop->now_ns >= loop->drain_until_ns) {
        loop->drained_in_time = false;
        for (struct connection *connection = loop->connections; connection != NULL;
             connection = next) {
            next = connection->next;
            connection_close(connection);
            connection_settle(connection);
        }
    }
    if (loop->connections == NULL && loop->calls == 0)
        (void)event_base_loopbreak(loop->base);
}

static void
check_stopping(struct loop *loop)
{
    if (!atomic_load(&loop->stopping))
        return;
    if (loop->drain_until_ns == 0)
        begin_drain(loop);
    end_when_drained(loop);
}

/* --- events --- */

static void
on_wake(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;

    (void)fd;
    (void)what;
    inbox_rest(&loop->inbox);
    (void)loop_read_clock(loop);
    if (atomic_exchange(&loop->news, false))
        streams_wake(loop);
    receive_some(loop);
    loop_relieve(loop);
    check_stopping(loop);
}

static void
on_tick(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    struct connection *next;
    int64_t now_ns = loop_read_clock(loop);

    (void)fd;
    (void)what;
    atomic_store(&loop->alive_ns, now_ns);
    for (struct connection *connection = loop->connections; connection != NULL; connection = next) {
        next = connection->next;
        connection_check_time(connection, now_ns);
        connection_settle(connection);
    }
    receive_some(loop); /* also without a wake-up */
    loop_relieve(loop);
    give_memory_back(loop);
    check_stopping(loop);
}

void
loop_add_turn(struct loop *loop, struct connection *connection)
{
    if (connection->in_turns)
        return;
    connection->in_turns = true;
    connection->turn_next = NULL;
    if (loop->turns.last != NULL)
        loop->turns.last->turn_next = connection;
    else
        loop->turns.first = connection;
    loop->turns.last = connection;
    schedule_turn(loop);
}

static void
on_turn(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;
    struct connection *connection = loop->turns.first;

    (void)fd;
    (void)what;
    (void)loop_read_clock(loop);
    loop->turns = (struct connection_list){NULL, NULL};
    loop->turn_pending = false;
    while (connection != NULL) {
        struct connection *next = connection->turn_next;

        connection->in_turns = false;
        connection_take_turn(connection);
        connection_settle(connection);
        connection = next;
    }
    if (inbox_has_more(&loop->inbox))
        receive_some(loop);
    loop_relieve(loop);
}

/* The first one sets the time for all that follow. */
void
loop_add_paused(struct loop *loop, struct connection *connection)
{
    struct timeval pause = {.tv_usec = LIMIT_PAUSE_MS * 1000};

    BEHALF_ASSERT(!connection->paused);
    if (loop->paused == NULL)
        (void)event_add(loop->resume, &pause);
    connection->paused = true;
    connection->paused_next = loop->paused;
    loop->paused = connection;
}

static void
resume_all(struct loop *loop)
{
    struct connection *connection = loop->paused;

    loop->paused = NULL;
    while (connection != NULL) {
        struct connection *next = connection->paused_next;

        connection->paused = false;
        connection_resume(connection);
        connection_settle(connection);
        connection = next;
    }
}

static void
on_resume(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;

    (void)fd;
    (void)what;
    (void)loop_read_clock(loop);
    resume_all(loop);
}

/* --- life --- */

static enum status
make_events(struct loop *loop, struct error *error)
{
    struct timeval tick = {.tv_sec = TICK_MS / 1000};
    struct event_config *config = event_config_new();

    /* One thread touches the base: no locks. The change list saves an epoll_ctl where a connection
     * stops and starts reading within one turn. */
    if (config != NULL) {
        (void)event_config_set_flag(config,
                                    EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (loop->base != NULL) {
        loop->wake = event_new(loop->base, loop->inbox.fd, EV_READ | EV_PERSIST, on_wake, loop);
        loop->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
        loop->turn = event_new(loop->base, -1, 0, on_turn, loop);
        loop->resume = event_new(loop->base, -1, 0, on_resume, loop);
    }
    if (loop->base == NULL || loop->wake == NULL || loop->tick == NULL || loop->turn == NULL ||
        loop->resume == NULL || event_add(loop->wake, NULL) != 0 ||
        event_add(loop->tick, &tick) != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot make an event loop");
    return BEHALF_OK;
}

static size_t
share(size_t bytes, unsigned loop_count, size_t least)
{
    return bytes / loop_count > least ? bytes / loop_count : least;
}

enum status
loop_open(struct loop *loop, const struct server_options *options, unsigned loop_count,
          atomic_uint *connection_count, struct admission *admission, struct error *error)
{
    enum status status;

    *loop = (struct loop){
        .engine = options->engine,
        .env = options->env,
        .keys = options->keys,
        .connection_count = connection_count,
        .admission = admission,
        .idle_ns = (int64_t)options->idle_s * 1000000000,
        .write_stall_ns = (int64_t)options->write_stall_s * 1000000000,
        .drained_in_time = true,
        .memory = options->memory,
        .call_bound = share(options->memory.calls, loop_count, SERVER_LOOP_CALL_BYTES),
        .buffer_bound = share(options->memory.buffers, loop_count, SERVER_LOOP_BUFFER_BYTES),
    };
    if (!inbox_open(&loop->inbox))
        return error_set(error, BEHALF_OVERLOADED, "cannot make an event descriptor: %s",
                         strerror(errno));
    loop->read_bytes = memory_new(LOOP_READ_SIZE);
    buffer_init(&loop->spare);
    (void)buffer_reserve(&loop->spare, LOOP_READ_SIZE);
    arena_init_request(&loop->arena, LIMIT_CHECK_ARENA);
    status = make_events(loop, error);
    if (status != BEHALF_OK)
        loop_close(loop);
    return status;
}

static void *
run(void *context)
{
    struct loop *loop = context;

    (void)pthread_setname_np(pthread_self(), "loop");
    priority_short_slice();
    loop->worker = engine_worker_new(loop->engine, false);
    loop->listener.published = on_published;
    engine_listen(loop->engine, &loop->listener);
    (void)loop_read_clock(loop);
    (void)event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
    engine_unlisten(loop->engine, &loop->listener);
    engine_worker_free(loop->worker);
    loop->worker = NULL;
    return NULL;
}

enum status
loop_start(struct loop *loop, struct error *error)
{
    int failure;

    atomic_store(&loop->alive_ns, loop_read_clock(loop));
    failure = pthread_create(&loop->thread, NULL, run, loop);

    if (failure != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot start the thread of an event loop: %s",
                         strerror(failure));
    return BEHALF_OK;
}

void
loop_stop(struct loop *loop)
{
    atomic_store(&loop->stopping, true);
    inbox_wake(&loop->inbox);
}

void
loop_join(struct loop *loop)
{
    (void)pthread_join(loop->thread, NULL);
}

void
loop_close(struct loop *loop)
{
    struct loop_message *message;

    inbox_await_senders(&loop->inbox);
    BEHALF_ASSERT(loop->calls == 0 && loop->connections == NULL);
    while (loop->turns.first != NULL) { /* closed while they waited */
        struct connection *connection = loop->turns.first;

        loop->turns.first = connection->turn_next;
        connection->in_turns = false;
        connection_settle(connection);
    }
    resume_all(loop);         /* the same */
    inbox_take(&loop->inbox); /* accepted, but the loop had ended */
    while ((message = next_message(loop)) != NULL) {
        struct connection *connection = (struct connection *)(void *)message;

        BEHALF_ASSERT(message->kind == LOOP_MESSAGE_CONNECTION);
        connection_close(connection);
        connection_settle(connection);
    }
    if (loop->wake != NULL)
        event_free(loop->wake);
    if (loop->tick != NULL)
        event_free(loop->tick);
    if (loop->turn != NULL)
        event_free(loop->turn);
    if (loop->resume != NULL)
        event_free(loop->resume);
    if (loop->base != NULL)
        event_base_free(loop->base);
    inbox_close(&loop->inbox);
    memory_free(loop->read_bytes);
    buffer_release(&loop->spare);
    arena_release(&loop->arena);
}
