/* bench_connection.c - see bench_connection.h. */
#include "bench/bench_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/bytes.h"
#include "base/complain.h"
#include "base/memory.h"
#include "client/client_stream.h"

#define READ_SIZE ((size_t)256 * 1024)

bool
bench_connection_open(struct bench_connection *connection, const struct bench_options *options,
                      const struct bench_deck *deck, int poller, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    struct behalf_error error;

    *connection = (struct bench_connection){
        .deck = deck, .poller = poller, .random = bench_random_of(options->seed, number)};
    buffer_init(&connection->out);
    buffer_init(&connection->in);
    if (behalf_connect(options->endpoint, &options->connect, &connection->client, &error) !=
        BEHALF_SUCCESS) {
        complain(error.hint, "%s", error.message);
        return false;
    }
    connection->descriptor = behalf_descriptor(connection->client);
    connection->depth = options->depth;
    connection->slots = memory_new_array(options->depth, sizeof *connection->slots);
    for (uint32_t slot = 0; slot < options->depth; slot++)
        connection->slots[slot].next_free = slot + 1;
    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        connection->next[method] =
            (uint32_t)((uint64_t)number * deck->methods[method].count / options->connections);
    return epoll_ctl(poller, EPOLL_CTL_ADD, connection->descriptor, &event) == 0;
}

void
bench_connection_release(struct bench_connection *connection)
{
    behalf_close(connection->client);
    memory_free(connection->slots);
    buffer_release(&connection->out);
    buffer_release(&connection->in);
}

void
bench_connection_put(struct bench_connection *connection, int64_t start_ns)
{
    const struct bench_mix *mix = &connection->deck->mix;
    enum bench_method method = bench_mix_single(mix);
    const struct bench_requests *requests;
    const struct bench_request *request;
    uint32_t id = connection->first_free;
    struct bench_slot *slot;
    char *to;

    BEHALF_ASSERT(id < connection->depth);
    if (method == METHOD_COUNT)
        method = bench_mix_pick(mix, bench_random_below(&connection->random, mix->total));
    requests = &connection->deck->methods[method];
    request = &requests->items[connection->next[method]];
    to = buffer_reserve(&connection->out, request->size);
    memcpy(to, requests->bytes.data + request->at, request->size);
    bytes_put_u32(to + BENCH_ID_AT, id);
    buffer_added(&connection->out, request->size);
    slot = &connection->slots[id];
    connection->first_free = slot->next_free;
    connection->busy++;
    *slot = (struct bench_slot){method, connection->next[method], true, start_ns, 0};
    if (++connection->next[method] == requests->count)
        connection->next[method] = 0;
}

/* --- sending ---------------------------------------------------------------------------------- */

static bool
fail(struct bench_connection *connection, const char *failure)
{
    connection->failure = failure;
    return false;
}

static bool
watch(struct bench_connection *connection, bool writing)
{
    struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0),
                                .data.ptr = connection};

    if (connection->wants_write == writing)
        return true;
    connection->wants_write = writing;
    if (epoll_ctl(connection->poller, EPOLL_CTL_MOD, connection->descriptor, &event) != 0)
        return fail(connection, strerror(errno));
    return true;
}

bool
bench_connection_send(struct bench_connection *connection)
{
    while (connection->out_sent < connection->out.size) {
        ssize_t count =
            client_stream_send(connection->client, connection->out.data + connection->out_sent,
                               connection->out.size - connection->out_sent);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return watch(connection, true);
        if (count < 0)
            return fail(connection, client_stream_reason(connection->client));
        connection->out_sent += (size_t)count;
    }
    buffer_clear(&connection->out);
    connection->out_sent = 0;
    return watch(connection, false);
}

/* --- replies ---------------------------------------------------------------------------------- */

/* All that TLS holds, which no poll tells of. */
bool
bench_connection_receive(struct bench_connection *connection)
{
    do {
        char *to = buffer_reserve(&connection->in, READ_SIZE);
        ssize_t count = client_stream_receive(connection->client, to, READ_SIZE);

        if (count == 0)
            return fail(connection, "the server closed the connection");
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            return fail(connection, client_stream_reason(connection->client));
        if (count > 0)
            buffer_added(&connection->in, (size_t)count);
    } while (client_stream_has_pending(connection->client));
    return true;
}

/* [1, id, error, result] */
static bool
read_reply(struct bench_connection *connection, struct behalf_value bytes,
           struct bench_reply *reply)
{
    struct behalf_value rest;
    struct behalf_value kind;
    struct behalf_value name;
    uint32_t count;
    uint64_t id;

    if (!behalf_value_array(bytes, &count, &rest) || count != 4 ||
        !behalf_value_next(&rest, &kind) || !behalf_value_next(&rest, &name) ||
        !behalf_value_next(&rest, &reply->error) || !behalf_value_next(&rest, &reply->value) ||
        !behalf_value_uint(name, &id) || id >= connection->depth || !connection->slots[id].busy)
        return fail(connection, "the server sent something that is no reply to a request");
    reply->slot = connection->slots[id];
    connection->slots[id].busy = false;
    connection->slots[id].next_free = connection->first_free;
    connection->first_free = (uint32_t)id;
    connection->busy--;
    return true;
}

bool
bench_connection_take(struct bench_connection *connection, size_t *at, struct bench_reply *reply)
{
    const char *from = connection->in.data + *at;
    size_t size;

    if (*at == connection->in.size)
        return false;
    size = behalf_value_measure(from, connection->in.size - *at);
    if (size == SIZE_MAX)
        return fail(connection, "the server sent bytes that are no MessagePack");
    if (size == 0)
        return false;
    *at += size;
    return read_reply(connection, (struct behalf_value){(const unsigned char *)from, size}, reply);
}

void
bench_connection_drop(struct bench_connection *connection, size_t at)
{
    buffer_drop(&connection->in, at);
}
