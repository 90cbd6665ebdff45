/* server.c - listeners and loops together. */
#include "net/server.h"

#include <event2/event.h>
#include <stdio.h>

#include "base/memory.h"
#include "net/codec.h"
#include "net/limits.h"
#include "net/listener.h"
#include "net/loop.h"

#define LISTENERS_MAX 2

struct server {
    struct loop *loops;
    unsigned loop_count;
    unsigned loops_open;
    unsigned loops_running;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    struct admission admission;
    atomic_uint connection_count;
};

static enum status
open_listeners(struct server *server, const struct server_options *options, struct error *error)
{
    enum status status;

    if (options->listen_address != NULL) {
        status = listener_open_tcp(&server->listeners[server->listener_count], options, error);
        if (status != BEHALF_OK)
            return status;
        server->listener_count++;
    }
    if (options->unix_path != NULL) {
        status = listener_open_unix(&server->listeners[server->listener_count], options, error);
        if (status != BEHALF_OK)
            return status;
        server->listener_count++;
    }
    if (server->listener_count == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "there is neither an address nor a Unix socket to listen on");
    return BEHALF_OK;
}

/* Half of the cores: the kernel's side of the connections, the pool and the writer
 * need the others. */
unsigned
server_loop_count(const struct server_options *options)
{
    unsigned cores = env_core_count();

    if (options->loops > 0)
        return options->loops;
    return cores < 4 ? 1 : cores / 2;
}

enum status
server_open(const struct server_options *options, struct server **result, struct error *error)
{
    struct server *server = memory_new(sizeof *server);
    enum status status;

    server->loop_count = server_loop_count(options);
    admission_init(&server->admission, options->connections, options->connections_per_address,
                   options->connections_per_key);
    server->loops = memory_new_array(server->loop_count, sizeof *server->loops);
    status = open_listeners(server, options, error);
    while (status == BEHALF_OK && server->loops_open < server->loop_count) {
        status = loop_open(&server->loops[server->loops_open], options, server->loop_count,
                           &server->connection_count, &server->admission, error);
        if (status == BEHALF_OK)
            server->loops_open++;
    }
    for (unsigned index = 0; status == BEHALF_OK && index < server->listener_count; index++)
        status = listener_start(&server->listeners[index], server->loops, server->loop_count,
                                &server->admission, error);
    if (status != BEHALF_OK) {
        server_close(server);
        return status;
    }
    *result = server;
    return BEHALF_OK;
}

const char *
server_address(const struct server *server)
{
    for (unsigned index = 0; index < server->listener_count; index++)
        if (server->listeners[index].is_tcp)
            return server->listeners[index].address;
    return "";
}

enum status
server_start(struct server *server, struct error *error)
{
    while (server->loops_running < server->loop_count) {
        enum status status = loop_start(&server->loops[server->loops_running], error);

        if (status != BEHALF_OK)
            return status;
        server->loops_running++;
    }
    return BEHALF_OK;
}

int64_t
server_alive_ns(const struct server *server)
{
    int64_t least = INT64_MAX;

    for (unsigned index = 0; index < server->loops_running; index++) {
        int64_t alive = atomic_load(&server->loops[index].alive_ns);

        least = alive < least ? alive : least;
    }
    return least;
}

void
server_counts_read(const struct server *server, struct net_reading *reading)
{
    for (unsigned index = 0; index < server->loops_open; index++)
        net_counts_gather(&server->loops[index].counts, reading);
    reading->connections = atomic_load(&server->connection_count);
}

const struct server_memory *
server_memory_of(const struct server *server)
{
    return &server->loops[0].memory;
}

bool
server_drain(struct server *server)
{
    bool in_time = true;

    for (unsigned index = 0; index < server->loops_running; index++)
        loop_stop(&server->loops[index]);
    for (unsigned index = 0; index < server->loops_running; index++) {
        loop_join(&server->loops[index]);
        in_time = in_time && server->loops[index].drained_in_time;
    }
    server->loops_running = 0;
    return in_time;
}

void
server_close(struct server *server)
{
    if (server == NULL)
        return;
    BEHALF_ASSERT(server->loops_running == 0);
    for (unsigned index = 0; index < server->listener_count; index++)
        listener_close(&server->listeners[index]);
    for (unsigned index = 0; index < server->loops_open; index++)
        loop_close(&server->loops[index]);
    admission_release(&server->admission);
    memory_free(server->loops);
    memory_free(server);
}

void
server_libraries(char text[SERVER_LIBRARIES_SIZE])
{
    (void)snprintf(text, SERVER_LIBRARIES_SIZE, "libevent %s, msgpack-c %s", event_get_version(),
                   codec_library_version());
}
