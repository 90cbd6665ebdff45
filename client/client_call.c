/* client_call.c - requests out, replies in.
 * Always true: a reply is handed out only when it is one whole value, [1, id, error, result], whose
 * id is in flight; anything else breaks the connection for good. Ids are given in order, so the
 * requests in flight lie in one window of ids, kept as a ring of one byte each. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/tls.h"
#include "client/client_internal.h"
#include "client/client_stream.h"

#define CONNECT_TIMEOUT_MS 5000
#define REPLY_SIZE_MAX ((size_t)256 * 1024 * 1024)
#define READ_SIZE ((size_t)64 * 1024)
#define WINDOW_FIRST 256U
#define WINDOW_MAX (1U << 20) /* requests between the oldest unanswered one and the newest */
#define METHOD_SIZE_MAX 128

enum id_state { ID_FREE = 0, ID_WAITED_FOR, ID_ABANDONED };

struct behalf_reply {
    struct behalf_reply *next;
    struct behalf_value error;
    struct behalf_value result;
    size_t size;
    uint32_t id;
    unsigned char bytes[];
};

struct behalf_client {
    int descriptor;
    struct client_tls tls;
    uint32_t timeout_ms;
    size_t reply_size_max;
    bool broken;
    struct behalf_error broken_by; /* repeated to every later call */

    struct client_bytes out;
    size_t out_sent;
    struct client_bytes in;
    struct client_scan scan; /* over the value at the start of `in` */

    uint8_t *window; /* enum id_state of id & (window_size - 1) */
    uint32_t window_size;
    uint32_t oldest; /* ids [oldest, next_id) may be in flight */
    uint32_t next_id;
    size_t waited_for;

    struct behalf_reply *first; /* read, not taken yet */
    struct behalf_reply **last;
    size_t queued_bytes;
    size_t queued;

    unsigned watches;           /* open; without one, notifications are dropped */
    struct behalf_reply *notes; /* notifications that were not taken yet, as far as credit goes */
    struct behalf_reply **last_note;
};

enum behalf_status
behalf_connect(const char *endpoint, const struct behalf_options *options,
               struct behalf_client **client, struct behalf_error *error)
{
    static const struct behalf_options defaults;
    struct behalf_client *made;
    enum behalf_status status;
    int64_t deadline_ms;

    if (endpoint == NULL)
        endpoint = BEHALF_DEFAULT_ENDPOINT;
    if (options == NULL)
        options = &defaults;
    status = client_tls_check(endpoint, options, error);
    if (status != BEHALF_SUCCESS)
        return status;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot connect: no memory");
    made->descriptor = -1;
    made->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : BEHALF_DEFAULT_TIMEOUT_MS;
    made->reply_size_max = options->reply_size_max > 0 ? options->reply_size_max : REPLY_SIZE_MAX;
    made->last = &made->first;
    made->last_note = &made->notes;
    client_scan_start(&made->scan);
    made->window_size = WINDOW_FIRST;
    made->window = calloc(WINDOW_FIRST, 1);
    if (made->window == NULL) {
        behalf_close(made);
        return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot connect: no memory");
    }
    deadline_ms = client_now_ms() + (options->connect_timeout_ms > 0 ? options->connect_timeout_ms
                                                                     : CONNECT_TIMEOUT_MS);
    status = client_socket_open(endpoint, deadline_ms, &made->descriptor, error);
    if (status == BEHALF_SUCCESS && options->tls)
        status =
            client_tls_open(&made->tls, endpoint, options, made->descriptor, deadline_ms, error);
    if (status == BEHALF_SUCCESS && options->key_file != NULL) {
        status = client_log_in(made, options->key_file, error);
        if (made->out.data != NULL) /* the key was sent from there */
            explicit_bzero(made->out.data, made->out.capacity);
    }
    if (status != BEHALF_SUCCESS) {
        behalf_close(made);
        return status;
    }
    *client = made;
    return BEHALF_SUCCESS;
}

void
behalf_close(struct behalf_client *client)
{
    struct behalf_reply *reply;

    if (client == NULL)
        return;
    while ((reply = client->first) != NULL) {
        client->first = reply->next;
        behalf_reply_free(reply);
    }
    client_notes_drop(client, 0);
    client_tls_close(&client->tls);
    if (client->descriptor >= 0)
        (void)close(client->descriptor);
    client_bytes_release(&client->out);
    client_bytes_release(&client->in);
    free(client->window);
    free(client);
}

int
behalf_descriptor(const struct behalf_client *client)
{
    return client->descriptor;
}

size_t
behalf_in_flight(const struct behalf_client *client)
{
    return client->waited_for + client->queued;
}

/* --- breaking --- */

static enum behalf_status
break_off(struct behalf_client *client, enum behalf_status status, const char *reason,
          struct behalf_error *error)
{
    client->broken = true;
    client_error_set(&client->broken_by, status, "%s", reason);
    if (error != NULL)
        *error = client->broken_by;
    return status;
}

static enum behalf_status
still_broken(const struct behalf_client *client, struct behalf_error *error)
{
    if (error != NULL)
        *error = client->broken_by;
    return client->broken_by.status;
}

/* --- ids --- */

static uint8_t *
id_state(const struct behalf_client *client, uint32_t id)
{
    return &client->window[id & (client->window_size - 1)];
}

/* Makes room in the window for the next id. */
static bool
window_grow(struct behalf_client *client)
{
    uint32_t size = client->window_size * 2;
    uint8_t *window;

    if (size > WINDOW_MAX || (window = calloc(size, 1)) == NULL)
        return false;
    for (uint32_t id = client->oldest; id != client->next_id; id++)
        window[id & (size - 1)] = *id_state(client, id);
    free(client->window);
    client->window = window;
    client->window_size = size;
    return true;
}

static void
id_done(struct behalf_client *client, uint32_t id)
{
    *id_state(client, id) = ID_FREE;
    while (client->oldest != client->next_id && *id_state(client, client->oldest) == ID_FREE)
        client->oldest++;
}

/* --- reading --- */

/* Parses one whole message. The error is a static sentence. */
static const char *
parse_reply(const unsigned char *bytes, size_t size, uint32_t *id, struct behalf_value parts[2])
{
    struct behalf_value whole = {bytes, size};
    struct behalf_value rest;
    struct behalf_value item;
    uint32_t count;
    uint64_t number;

    if (!behalf_value_array(whole, &count, &rest) || count != 4)
        return "the server sent something that is no reply";
    if (!behalf_value_next(&rest, &item) || !behalf_value_uint(item, &number) || number != 1)
        return "the server sent something that is no reply";
    if (!behalf_value_next(&rest, &item) || !behalf_value_uint(item, &number) ||
        number > UINT32_MAX)
        return "the server sent a reply without an id";
    if (!behalf_value_next(&rest, &parts[0]) || !behalf_value_next(&rest, &parts[1]))
        return "the server sent a reply that is cut off";
    *id = (uint32_t)number;
    return NULL;
}

static bool
is_notification(const unsigned char *bytes, size_t size)
{
    return size >= 2 && bytes[0] == 0x93 && bytes[1] == 2;
}

/* A copy of a whole message, with room for what is in it. */
static struct behalf_reply *
reply_new(const unsigned char *bytes, size_t size)
{
    struct behalf_reply *reply = malloc(sizeof *reply + size);

    if (reply == NULL)
        return NULL;
    *reply = (struct behalf_reply){.size = size};
    memcpy(reply->bytes, bytes, size);
    return reply;
}

/* A notification, [2, method, [map]]: kept in place of a reply, its method where an error stands.
 * What nobody watches is dropped. */
static enum behalf_status
accept_note(struct behalf_client *client, const unsigned char *bytes, size_t size,
            struct behalf_error *error)
{
    struct behalf_value rest;
    struct behalf_value item;
    struct behalf_reply *note;
    uint32_t count;

    if (client->watches == 0)
        return BEHALF_SUCCESS;
    note = reply_new(bytes, size);
    if (note == NULL)
        return break_off(client, BEHALF_FAILED_MEMORY, "no memory for a notification", error);
    if (!behalf_value_array((struct behalf_value){note->bytes, size}, &count, &rest) ||
        !behalf_value_next(&rest, &item) || !behalf_value_next(&rest, &note->error) ||
        !behalf_value_next(&rest, &item) || !behalf_value_array(item, &count, &rest) ||
        count != 1 || !behalf_value_next(&rest, &note->result)) {
        behalf_reply_free(note);
        return break_off(client, BEHALF_FAILED_PROTOCOL,
                         "the server sent a notification that is none of this protocol", error);
    }
    *client->last_note = note;
    client->last_note = &note->next;
    return BEHALF_SUCCESS;
}

/* Queues the message at the start of `in`, or drops it when nobody waits for it any more. */
static enum behalf_status
accept_message(struct behalf_client *client, const unsigned char *bytes, size_t size,
               struct behalf_error *error)
{
    struct behalf_value parts[2];
    struct behalf_reply *reply;
    const char *problem;
    uint32_t id;
    uint8_t state;

    if (is_notification(bytes, size))
        return accept_note(client, bytes, size, error);
    problem = parse_reply(bytes, size, &id, parts);
    if (problem != NULL)
        return break_off(client, BEHALF_FAILED_PROTOCOL, problem, error);
    state = id - client->oldest < client->next_id - client->oldest ? *id_state(client, id)
                                                                   : (uint8_t)ID_FREE;
    if (state == ID_FREE)
        return break_off(client, BEHALF_FAILED_PROTOCOL,
                         "the server answered a request that was not made", error);
    id_done(client, id);
    if (state == ID_ABANDONED)
        return BEHALF_SUCCESS;
    client->waited_for--;
    reply = reply_new(bytes, size);
    if (reply == NULL)
        return break_off(client, BEHALF_FAILED_MEMORY, "no memory for a reply", error);
    reply->id = id;
    reply->error = (struct behalf_value){reply->bytes + (parts[0].bytes - bytes), parts[0].size};
    reply->result = (struct behalf_value){reply->bytes + (parts[1].bytes - bytes), parts[1].size};
    *client->last = reply;
    client->last = &reply->next;
    client->queued++;
    client->queued_bytes += size;
    return BEHALF_SUCCESS;
}

/* Turns what was read into replies. */
static enum behalf_status
parse_input(struct behalf_client *client, struct behalf_error *error)
{
    enum behalf_status status = BEHALF_SUCCESS;
    size_t from = 0;

    while (status == BEHALF_SUCCESS && from < client->in.size) {
        switch (client_scan_go(&client->scan, client->in.data + from, client->in.size - from,
                               client->reply_size_max)) {
        case CLIENT_SCAN_BROKEN:
            return break_off(client, BEHALF_FAILED_PROTOCOL,
                             "the server sent bytes that are no MessagePack, or a reply that is "
                             "larger than allowed",
                             error);
        case CLIENT_SCAN_MORE:
            client_bytes_drop(&client->in, from);
            return BEHALF_SUCCESS;
        case CLIENT_SCAN_WHOLE:
            status = accept_message(client, client->in.data + from, client->scan.at, error);
            from += client->scan.at;
            client_scan_start(&client->scan);
            break;
        }
    }
    if (status == BEHALF_SUCCESS)
        client_bytes_drop(&client->in, from);
    return status;
}

ssize_t
client_stream_receive(struct behalf_client *client, void *bytes, size_t size)
{
    return client->tls.tls == NULL ? recv(client->descriptor, bytes, size, 0)
                                   : tls_recv(client->tls.tls, bytes, size);
}

ssize_t
client_stream_send(struct behalf_client *client, const void *bytes, size_t size)
{
    return client->tls.tls == NULL ? send(client->descriptor, bytes, size, MSG_NOSIGNAL)
                                   : tls_send(client->tls.tls, bytes, size);
}

bool
client_stream_has_pending(const struct behalf_client *client)
{
    return client->tls.tls != NULL && tls_has_pending(client->tls.tls);
}

/* With the errno of a receive or send that failed. */
static enum behalf_status
connection_failed(struct behalf_client *client, struct behalf_error *error)
{
    char reason[CLIENT_REASON_SIZE];

    return break_off(
        client, BEHALF_FAILED_CONNECTION,
        client->tls.tls == NULL ? strerror(errno) : client_tls_reason(&client->tls, reason), error);
}

const char *
client_stream_reason(struct behalf_client *client)
{
    (void)connection_failed(client, NULL);
    return client->broken_by.message;
}

/* Reads what is there, without waiting; all of it that TLS holds, which no poll tells of. */
static enum behalf_status
receive(struct behalf_client *client, struct behalf_error *error)
{
    enum behalf_status status = BEHALF_SUCCESS;

    do {
        ssize_t count;

        if (client->in.size + client->queued_bytes > client->reply_size_max)
            return break_off(client, BEHALF_FAILED_PROTOCOL,
                             "the server sent more than the client holds; take replies sooner, or "
                             "ask for smaller pages",
                             error);
        if (!client_bytes_reserve(&client->in, READ_SIZE))
            return break_off(client, BEHALF_FAILED_MEMORY, "no memory for replies", error);
        count = client_stream_receive(client, client->in.data + client->in.size,
                                      client->in.capacity - client->in.size);
        if (count == 0)
            return break_off(client, BEHALF_FAILED_CONNECTION, "the server closed the connection",
                             error);
        if (count < 0)
            return errno == EAGAIN || errno == EINTR ? BEHALF_SUCCESS
                                                     : connection_failed(client, error);
        client->in.size += (size_t)count;
        status = parse_input(client, error);
    } while (status == BEHALF_SUCCESS && client_stream_has_pending(client));
    return status;
}

/* --- sending --- */

/* Sends what the socket takes, without waiting. */
static enum behalf_status
transmit(struct behalf_client *client, struct behalf_error *error)
{
    while (client->out_sent < client->out.size) {
        ssize_t count = client_stream_send(client, client->out.data + client->out_sent,
                                           client->out.size - client->out_sent);

        if (count > 0) {
            client->out_sent += (size_t)count;
        } else if (count < 0 && errno == EINTR) {
            continue;
        } else if (count < 0 && errno == EAGAIN) {
            return BEHALF_SUCCESS;
        } else {
            return connection_failed(client, error);
        }
    }
    client->out.size = 0;
    client->out_sent = 0;
    return BEHALF_SUCCESS;
}

/* Waits once for the socket and does what it allows. While sending, replies are read too: a server
 * may stop reading when its own replies find no way out. */
static enum behalf_status
turn(struct behalf_client *client, int64_t deadline_ms, struct behalf_error *error)
{
    struct pollfd watched = {.fd = client->descriptor, .events = POLLIN};
    enum behalf_status status = BEHALF_SUCCESS;
    int64_t left_ms = deadline_ms - client_now_ms();
    int ready;

    if (client->out_sent < client->out.size)
        watched.events |= POLLOUT;
    ready = poll(&watched, 1, client_poll_ms(left_ms));
    if (ready < 0 && errno != EINTR)
        return break_off(client, BEHALF_FAILED_CONNECTION, strerror(errno), error);
    if (ready == 0 && left_ms <= INT_MAX)
        return client_error_set(error, BEHALF_FAILED_TIMEOUT, "no reply within %u ms",
                                client->timeout_ms);
    if (ready <= 0)
        return BEHALF_SUCCESS;
    if (watched.revents & POLLOUT)
        status = transmit(client, error);
    if (status == BEHALF_SUCCESS && (watched.revents & (POLLIN | POLLHUP | POLLERR)))
        status = receive(client, error);
    return status;
}

enum behalf_status
behalf_flush(struct behalf_client *client, struct behalf_error *error)
{
    int64_t deadline_ms = client_now_ms() + client->timeout_ms;
    enum behalf_status status;

    if (client->broken)
        return still_broken(client, error);
    status = transmit(client, error);
    while (status == BEHALF_SUCCESS && client->out_sent < client->out.size)
        status = turn(client, deadline_ms, error);
    return status;
}

/* --- calls --- */

enum behalf_status
behalf_submit(struct behalf_client *client, const char *method,
              const struct behalf_writer *arguments, uint32_t *id, struct behalf_error *error)
{
    struct behalf_writer head = {.failed = false};
    const unsigned char *bytes = (const unsigned char *)"\x80"; /* an empty map */
    size_t size = 1;
    uint32_t given;

    if (client->broken)
        return still_broken(client, error);
    if (strlen(method) > METHOD_SIZE_MAX)
        return client_error_set(error, BEHALF_FAILED_USAGE, "cannot call '%.32s...': too long",
                                method);
    if (arguments != NULL)
        bytes = behalf_writer_bytes(arguments, &size);
    if (bytes == NULL)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot call '%s': no memory", method);
    if (client->next_id - client->oldest == client->window_size && !window_grow(client))
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot call '%s': %u requests are in flight", method,
                                client->window_size);
    /* Written in place; taken back when memory runs out in the middle of it. */
    given = client->next_id;
    head.bytes = client->out;
    behalf_write_array(&head, 4);
    behalf_write_uint(&head, 0);
    behalf_write_uint(&head, given);
    behalf_write_text(&head, method);
    behalf_write_array(&head, 1);
    behalf_write_raw(&head, bytes, size);
    if (head.failed || head.bytes.size - client->out.size > BEHALF_REQUEST_SIZE_MAX) {
        head.bytes.size = client->out.size;
        client->out = head.bytes;
        if (head.failed)
            return client_error_set(error, BEHALF_FAILED_MEMORY, "cannot call '%s': no memory",
                                    method);
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot call '%s': the request has %zu bytes, and the server takes "
                                "at most %d MiB",
                                method, size, BEHALF_REQUEST_SIZE_MAX >> 20);
    }
    client->out = head.bytes;
    client->next_id++;
    *id_state(client, given) = ID_WAITED_FOR;
    client->waited_for++;
    if (id != NULL)
        *id = given;
    return BEHALF_SUCCESS;
}

/* Takes a queued reply: that of `id`, or the oldest when `any`. */
static struct behalf_reply *
queue_take(struct behalf_client *client, uint32_t id, bool any)
{
    for (struct behalf_reply **at = &client->first; *at != NULL; at = &(*at)->next) {
        struct behalf_reply *reply = *at;

        if (!any && reply->id != id)
            continue;
        *at = reply->next;
        if (client->last == &reply->next)
            client->last = at;
        client->queued--;
        client->queued_bytes -= reply->size;
        return reply;
    }
    return NULL;
}

/* Waits for a reply; a deadline counts from now. */
static enum behalf_status
await(struct behalf_client *client, uint32_t id, bool any, struct behalf_reply **reply,
      struct behalf_error *error)
{
    int64_t deadline_ms = client_now_ms() + client->timeout_ms;
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *found;

    for (;;) {
        found = queue_take(client, id, any);
        if (found != NULL) {
            *reply = found;
            return BEHALF_SUCCESS;
        }
        if (status != BEHALF_SUCCESS)
            return status;
        if (client->broken)
            return still_broken(client, error);
        if (client->out_sent < client->out.size)
            status = transmit(client, error);
        if (status == BEHALF_SUCCESS)
            status = turn(client, deadline_ms, error);
    }
}

enum behalf_status
behalf_next(struct behalf_client *client, struct behalf_reply **reply, struct behalf_error *error)
{
    if (behalf_in_flight(client) == 0)
        return client_error_set(error, BEHALF_FAILED_USAGE,
                                "cannot wait for a reply: nothing is in flight");
    return await(client, 0, true, reply, error);
}

void
client_forget(struct behalf_client *client, uint32_t id)
{
    *id_state(client, id) = ID_ABANDONED;
    client->waited_for--;
}

enum behalf_status
behalf_call(struct behalf_client *client, const char *method, const struct behalf_writer *arguments,
            struct behalf_reply **reply, struct behalf_error *error)
{
    struct behalf_reply *got;
    enum behalf_status status;
    uint32_t id;

    status = behalf_submit(client, method, arguments, &id, error);
    if (status != BEHALF_SUCCESS)
        return status;
    status = await(client, id, false, &got, error);
    if (status == BEHALF_FAILED_TIMEOUT)
        client_forget(client, id);
    if (status != BEHALF_SUCCESS)
        return status;
    status = behalf_reply_check(got, error);
    if (status != BEHALF_SUCCESS) {
        behalf_reply_free(got);
        return status;
    }
    *reply = got;
    return BEHALF_SUCCESS;
}

/* --- notifications --- */

static bool
is_of_stream(const struct behalf_reply *note, uint64_t stream)
{
    uint64_t id;

    return behalf_value_uint(behalf_value_get(note->result, "stream"), &id) && id == stream;
}

void
client_watching(struct behalf_client *client, bool begins)
{
    client->watches += begins ? 1 : -1U;
}

void
client_notes_drop(struct behalf_client *client, uint64_t stream)
{
    struct behalf_reply **at = &client->notes;

    while (*at != NULL) {
        struct behalf_reply *note = *at;

        if (stream != 0 && !is_of_stream(note, stream)) {
            at = &note->next;
            continue;
        }
        *at = note->next;
        behalf_reply_free(note);
    }
    client->last_note = at;
}

static struct behalf_reply *
take_note(struct behalf_client *client, uint64_t stream)
{
    for (struct behalf_reply **at = &client->notes; *at != NULL; at = &(*at)->next) {
        struct behalf_reply *note = *at;

        if (!is_of_stream(note, stream))
            continue;
        *at = note->next;
        if (client->last_note == &note->next)
            client->last_note = at;
        note->next = NULL;
        return note;
    }
    return NULL;
}

enum behalf_status
client_await_note(struct behalf_client *client, uint64_t stream, uint32_t timeout_ms,
                  struct client_note *note, struct behalf_error *error)
{
    int64_t deadline_ms = client_now_ms() + timeout_ms;
    enum behalf_status status = BEHALF_SUCCESS;
    struct behalf_reply *found;

    while ((found = take_note(client, stream)) == NULL) {
        if (status != BEHALF_SUCCESS)
            return status;
        if (client->broken)
            return still_broken(client, error);
        if (client->out_sent < client->out.size)
            status = transmit(client, error);
        if (status == BEHALF_SUCCESS)
            status = turn(client, deadline_ms, error);
        if (status == BEHALF_FAILED_TIMEOUT)
            return client_error_set(error, status, "nothing came within %u ms", timeout_ms);
    }
    *note = (struct client_note){found, found->error, found->result, found->size};
    return BEHALF_SUCCESS;
}

/* --- replies --- */

void
behalf_reply_free(struct behalf_reply *reply)
{
    free(reply);
}

uint32_t
behalf_reply_id(const struct behalf_reply *reply)
{
    return reply->id;
}

enum behalf_status
behalf_reply_check(const struct behalf_reply *reply, struct behalf_error *error)
{
    if (behalf_value_type(reply->error) == BEHALF_TYPE_NIL)
        return BEHALF_SUCCESS;
    return client_error_read(error, reply->error);
}

struct behalf_value
behalf_reply_result(const struct behalf_reply *reply)
{
    return reply->result;
}
