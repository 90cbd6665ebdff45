/* bench_connection.c - see bench_connection.h. */
#include "bench/bench_connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/complain.h"
#include "base/memory.h"
#include "base/tls.h"

#define HANDSHAKE_MS 5000
#define HOST_SIZE 256
#define READ_SIZE ((size_t)256 * 1024)

/* "[::1]:23425" to "::1" */
static void
host_of(const char *endpoint, char host[HOST_SIZE])
{
    const char *colon = strrchr(endpoint, ':');
    size_t size = colon != NULL ? (size_t)(colon - endpoint) : strlen(endpoint);
    bool bracketed = size > 2 && endpoint[0] == '[';

    (void)snprintf(host, HOST_SIZE, "%.*s", (int)(bracketed ? size - 2 : size),
                   bracketed ? endpoint + 1 : endpoint);
}

static bool
begin_tls(struct bench_connection *connection, const struct bench_options *options)
{
    const struct tls_client_files files = {.ca = options->connect.ca_file,
                                           .certificate = options->connect.certificate,
                                           .key = options->connect.certificate_key};
    char host[HOST_SIZE];
    struct error error;
    enum tls_progress progress;

    host_of(options->endpoint, host);
    if (tls_client_new(&files, &connection->tls_client, &error) != BEHALF_OK) {
        complain(error.hint, "%s", error.message);
        return false;
    }
    connection->tls = tls_connect(connection->tls_client, connection->descriptor, host);
    if (connection->tls == NULL) {
        complain(NULL, "cannot use TLS with '%s'", options->endpoint);
        return false;
    }
    while ((progress = tls_handshake(connection->tls, &error)) != TLS_DONE) {
        struct pollfd watched = {.fd = connection->descriptor,
                                 .events = progress == TLS_WANT_WRITE ? POLLOUT : POLLIN};

        if (progress != TLS_FAILED && poll(&watched, 1, HANDSHAKE_MS) > 0)
            continue;
        complain(NULL, "cannot connect to '%s': %s", options->endpoint,
                 progress == TLS_FAILED ? error.message : "no TLS handshake in time");
        return false;
    }
    return true;
}

/* Only the socket is the client library's: TLS over it is ours, as requests and replies are. */
static bool
connect_socket(struct bench_connection *connection, const struct bench_options *options)
{
    struct behalf_options plain = options->connect;
    struct behalf_error error;

    if (plain.tls && plain.key_file != NULL) {
        complain("leave --tls or --key-file", "this program does not log in over TLS");
        return false;
    }
    plain.tls = false;
    plain.ca_file = plain.certificate = plain.certificate_key = NULL;
    if (behalf_connect(options->endpoint, &plain, &connection->client, &error) != BEHALF_SUCCESS) {
        complain(error.hint, "%s", error.message);
        return false;
    }
    connection->descriptor = behalf_descriptor(connection->client);
    return !options->connect.tls || begin_tls(connection, options);
}

bool
bench_connection_open(struct bench_connection *connection, const struct bench_options *options,
                      const struct bench_deck *deck, int poller, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};

    *connection = (struct bench_connection){
        .deck = deck, .poller = poller, .random = bench_random_of(options->seed, number)};
    buffer_init(&connection->out);
    buffer_init(&connection->in);
    if (!connect_socket(connection, options))
        return false;
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
    tls_free(connection->tls);
    tls_client_free(connection->tls_client);
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

static ssize_t
send_bytes(struct bench_connection *connection, const char *bytes, size_t size)
{
    return connection->tls == NULL ? send(connection->descriptor, bytes, size, MSG_NOSIGNAL)
                                   : tls_send(connection->tls, bytes, size);
}

bool
bench_connection_send(struct bench_connection *connection)
{
    while (connection->out_sent < connection->out.size) {
        ssize_t count = send_bytes(connection, connection->out.data + connection->out_sent,
                                   connection->out.size - connection->out_sent);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return watch(connection, true);
        if (count < 0)
            return fail(connection, strerror(errno));
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
        ssize_t count = connection->tls == NULL ? recv(connection->descriptor, to, READ_SIZE, 0)
                                                : tls_recv(connection->tls, to, READ_SIZE);

        if (count == 0)
            return fail(connection, "the server closed the connection");
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            return fail(connection, strerror(errno));
        if (count > 0)
            buffer_added(&connection->in, (size_t)count);
    } while (connection->tls != NULL && tls_has_pending(connection->tls));
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
