/* server.c - life of a server, and its inbox. */
#include "http/server.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "http/characters.h"
#include "http/connection.h"

#define TICK_MS 250
#define TICK_STOPPING_MS 20
#define DRAIN_NS INT64_C(10000000000)
#define MESSAGES_PER_TURN 256
#define AUTHORITIES_BY_DEFAULT 4

/* Whose loop this thread is. */
static _Thread_local const struct http_server *looping;

/* --- messages --- */

void
http_server_send(struct http_exchange *exchange, struct buffer *bytes, unsigned flags)
{
    struct http_server *server = exchange->server;
    struct exchange_message *message = memory_new(sizeof *message);

    *message = (struct exchange_message){.exchange = exchange, .flags = flags, .bytes = *bytes};
    buffer_init(bytes);
    inbox_send(&server->inbox, &message->link);
}

bool
http_server_is_serving(const struct http_exchange *exchange)
{
    return looping == exchange->server && exchange->connection != NULL &&
           exchange->connection->serving;
}

static struct exchange_message *
next_message(struct http_server *server)
{
    return (struct exchange_message *)inbox_next(&server->inbox);
}

static struct http_connection *
deliver(struct exchange_message *message)
{
    struct http_connection *connection = message->exchange->connection;

    http_connection_deliver(message->exchange, &message->bytes, message->flags);
    memory_free(message);
    return connection;
}

/* A timer, not an activated event: libevent polls before timers, so others come first. */
static void
schedule_turn(struct http_server *server)
{
    struct timeval at_once = {0, 0};

    if (server->turn_pending)
        return;
    server->turn_pending = true;
    (void)event_add(server->turn, &at_once);
}

static void
receive_some(struct http_server *server)
{
    inbox_take(&server->inbox);
    for (int count = 0; count < MESSAGES_PER_TURN; count++) {
        struct exchange_message *message = next_message(server);
        struct http_connection *connection;

        if (message == NULL)
            return;
        connection = deliver(message);
        if (connection != NULL)
            http_connection_run(connection);
    }
    schedule_turn(server);
}

/* --- connections --- */

int64_t
http_server_read_clock(struct http_server *server)
{
    server->now_ns = env_monotonic_ns(server->options.env);
    return server->now_ns;
}

void
http_server_add_turn(struct http_server *server, struct http_connection *connection)
{
    if (connection->in_turns)
        return;
    connection->in_turns = true;
    connection->turn_next = server->turns;
    server->turns = connection;
    schedule_turn(server);
}

void
http_server_reap(struct http_server *server)
{
    struct http_connection *connection = server->closed;

    server->closed = NULL;
    while (connection != NULL) {
        struct http_connection *next = connection->closed_next;

        if (connection->in_turns) { /* later: the list of turns leads to it */
            connection->closed_next = server->closed;
            server->closed = connection;
        } else {
            memory_free(connection);
        }
        connection = next;
    }
}

/* --- stopping --- */

static void
begin_drain(struct http_server *server)
{
    struct timeval often = {.tv_usec = TICK_STOPPING_MS * 1000};
    struct http_connection *next;

    server->drain_until_ns = atomic_load(&server->stopping_since_ns) + DRAIN_NS;
    http_listener_stop(&server->listener);
    (void)event_add(server->tick, &often);
    for (struct http_connection *at = server->connections; at != NULL; at = next) {
        next = at->next;
        http_connection_drain(at);
    }
}

static void
close_all(struct http_server *server)
{
    struct http_connection *next;

    for (struct http_connection *at = server->connections; at != NULL; at = next) {
        next = at->next;
        http_connection_close(at);
    }
}

/* Peers that linger do not count: all that they asked for has left. */
static bool
is_busy(const struct http_server *server)
{
    for (const struct http_connection *at = server->connections; at != NULL; at = at->next)
        if (at->phase != CONNECTION_LINGER)
            return true;
    return false;
}

static void
check_stopping(struct http_server *server)
{
    if (!atomic_load(&server->stopping))
        return;
    if (server->drain_until_ns == 0)
        begin_drain(server);
    if (is_busy(server)) {
        if (server->now_ns < server->drain_until_ns)
            return;
        server->drained_in_time = false;
    }
    close_all(server);
    (void)event_base_loopbreak(server->base);
}

/* --- events --- */

static void
on_wake(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;

    (void)fd;
    (void)what;
    inbox_rest(&server->inbox);
    (void)http_server_read_clock(server);
    receive_some(server);
    check_stopping(server);
    http_server_reap(server);
}

static void
on_tick(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    struct http_connection *next;

    (void)fd;
    (void)what;
    (void)http_server_read_clock(server);
    for (struct http_connection *at = server->connections; at != NULL; at = next) {
        next = at->next;
        http_connection_check_time(at);
    }
    receive_some(server); /* also without a wake-up */
    check_stopping(server);
    http_server_reap(server);
}

static void
on_turn(evutil_socket_t fd, short what, void *context)
{
    struct http_server *server = context;
    struct http_connection *connection = server->turns;

    (void)fd;
    (void)what;
    (void)http_server_read_clock(server);
    server->turns = NULL;
    server->turn_pending = false;
    while (connection != NULL) {
        struct http_connection *next = connection->turn_next;

        connection->in_turns = false;
        http_connection_run(connection);
        connection = next;
    }
    receive_some(server);
    http_server_reap(server);
}

/* --- options --- */

static size_t
size_or(size_t value, size_t otherwise)
{
    return value != 0 ? value : otherwise;
}

static unsigned
number_or(unsigned value, unsigned otherwise)
{
    return value != 0 ? value : otherwise;
}

static void
set_options(struct http_server *server, const struct http_options *options)
{
    struct http_options *set = &server->options;

    BEHALF_ASSERT(options->handle != NULL && options->head_size <= HTTP_HEAD_SIZE_MAX);
    *set = *options;
    set->head_size = size_or(options->head_size, HTTP_HEAD_SIZE_MAX);
    set->head_s = number_or(options->head_s, 10);
    set->body_s = number_or(options->body_s, 10);
    set->idle_s = number_or(options->idle_s, 60);
    set->write_stall_s = number_or(options->write_stall_s, 30);
    set->connections = number_or(options->connections, 10000);
    set->connections_per_address = number_or(options->connections_per_address, 256);
    set->body_sum = size_or(options->body_sum, (size_t)512 * 1024 * 1024);
    set->output_sum = size_or(options->output_sum, (size_t)512 * 1024 * 1024);
}

static void
add_authority(struct http_server *server, const char *text, size_t size)
{
    char *copy = memory_copy(text, size > 0 ? size : 1);

    for (size_t at = 0; at < size; at++)
        copy[at] = character_lower(copy[at]);
    server->authorities[server->rules.authority_count++] = (struct slice){copy, size};
}

/* The address, and localhost; without the port too where clients leave it out. */
static void
add_authorities_by_default(struct http_server *server)
{
    const char *address = server->listener.address;
    size_t host_size = (size_t)(strrchr(address, ':') - address);
    const char *port = address + host_size + 1;
    char localhost[32];

    (void)snprintf(localhost, sizeof localhost, "localhost:%s", port);
    add_authority(server, address, strlen(address));
    add_authority(server, localhost, strlen(localhost));
    if (strcmp(port, server->options.tls != NULL ? "443" : "80") == 0) {
        add_authority(server, address, host_size);
        add_authority(server, localhost, strlen("localhost"));
    }
}

static void
set_rules(struct http_server *server)
{
    const struct http_options *options = &server->options;
    size_t count = options->authorities != NULL ? options->authority_count : AUTHORITIES_BY_DEFAULT;

    server->authorities = memory_new_array(count + 1, sizeof server->authorities[0]);
    server->rules = (struct head_rules){.authorities = server->authorities,
                                        .allow_chunked = options->allow_chunked};
    if (options->authorities == NULL) {
        add_authorities_by_default(server);
        return;
    }
    for (size_t at = 0; at < count; at++)
        add_authority(server, options->authorities[at], strlen(options->authorities[at]));
}

/* --- life --- */

static enum status
make_events(struct http_server *server, struct error *error)
{
    struct timeval tick = {.tv_usec = TICK_MS * 1000};
    struct event_config *config = event_config_new();

    /* One thread touches the base: no locks. */
    if (config != NULL) {
        (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        (void)event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
        server->base = event_base_new_with_config(config);
        event_config_free(config);
    }
    if (server->base != NULL) {
        server->wake =
            event_new(server->base, server->inbox.fd, EV_READ | EV_PERSIST, on_wake, server);
        server->tick = event_new(server->base, -1, EV_PERSIST, on_tick, server);
        server->turn = event_new(server->base, -1, 0, on_turn, server);
    }
    if (server->base == NULL || server->wake == NULL || server->tick == NULL ||
        server->turn == NULL || event_add(server->wake, NULL) != 0 ||
        event_add(server->tick, &tick) != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot make an event loop");
    return http_listener_start(&server->listener, server, error);
}

enum status
http_server_open(const struct http_options *options, struct http_server **server,
                 struct error *error)
{
    struct http_server *opened = memory_new(sizeof *opened);
    enum status status;

    set_options(opened, options);
    opened->drained_in_time = true;
    opened->read_bytes = memory_new(SERVER_READ_SIZE);
    status = http_listener_open(&opened->listener, options->address,
                                opened->options.connections_per_address, error);
    if (!inbox_open(&opened->inbox) && status == BEHALF_OK)
        status = error_set(error, BEHALF_OVERLOADED, "cannot make an event descriptor: %s",
                           strerror(errno));
    if (status == BEHALF_OK) {
        set_rules(opened);
        status = make_events(opened, error);
    }
    if (status != BEHALF_OK) {
        http_server_close(opened);
        return status;
    }
    *server = opened;
    return BEHALF_OK;
}

const char *
http_server_address(const struct http_server *server)
{
    return server->listener.address;
}

static void *
run(void *context)
{
    struct http_server *server = context;

    (void)pthread_setname_np(pthread_self(), "http");
    looping = server;
    (void)http_server_read_clock(server);
    (void)event_base_loop(server->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

enum status
http_server_start(struct http_server *server, struct error *error)
{
    int failure = pthread_create(&server->thread, NULL, run, server);

    if (failure != 0)
        return error_set(error, BEHALF_OVERLOADED, "cannot start the thread of an event loop: %s",
                         strerror(failure));
    server->started = true;
    return BEHALF_OK;
}

void
http_server_stopping(struct http_server *server)
{
    if (atomic_load(&server->stopping_since_ns) == 0)
        atomic_store(&server->stopping_since_ns, env_monotonic_ns(server->options.env));
}

bool
http_server_drain(struct http_server *server)
{
    http_server_stopping(server);
    if (server->started && !server->joined) {
        atomic_store(&server->stopping, true);
        inbox_wake(&server->inbox);
        (void)pthread_join(server->thread, NULL);
        server->joined = true;
    }
    return server->drained_in_time;
}

void
http_server_close(struct http_server *server)
{
    struct exchange_message *message;

    if (server == NULL)
        return;
    (void)http_server_drain(server);
    inbox_await_senders(&server->inbox);
    inbox_take(&server->inbox);
    while ((message = next_message(server)) != NULL)
        (void)deliver(message);
    BEHALF_ASSERT(server->exchanges == 0 && server->connections == NULL);
    http_listener_close(&server->listener);
    for (struct http_connection *at = server->turns; at != NULL; at = at->turn_next)
        at->in_turns = false; /* closed while they waited */
    http_server_reap(server);
    if (server->wake != NULL)
        event_free(server->wake);
    if (server->tick != NULL)
        event_free(server->tick);
    if (server->turn != NULL)
        event_free(server->turn);
    if (server->base != NULL)
        event_base_free(server->base);
    inbox_close(&server->inbox);
    for (size_t at = 0; at < server->rules.authority_count; at++)
        memory_free((void *)(uintptr_t)server->authorities[at].data);
    memory_free(server->authorities);
    memory_free(server->read_bytes);
    memory_free(server);
}

void
http_server_stats(const struct http_server *server, struct http_stats *stats)
{
    *stats = (struct http_stats){
        .connections = atomic_load(&server->connection_count),
        .accepted = atomic_load(&server->accepted),
        .refused_connections = atomic_load(&server->refused_connections),
        .requests = atomic_load(&server->requests),
        .refused_requests = atomic_load(&server->refused_requests),
    };
}
