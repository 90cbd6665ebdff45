/* exchange.c - what http.h offers to those who answer. */
#include "http/exchange.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "http/characters.h"
#include "http/connection.h"
#include "http/response.h"
#include "http/server.h"

struct http_exchange *
exchange_new(struct http_server *server, const struct head *head, const char *bytes)
{
    size_t fields_size = head->field_count * sizeof(struct http_field);
    struct http_exchange *exchange = memory_new(sizeof *exchange + fields_size + head->at);
    char *copy = (char *)exchange->fields + fields_size;

    memcpy(copy, bytes, head->at);
    exchange->head_size = head->at;
    exchange->server = server;
    exchange->is_http_1_0 = head->is_http_1_0;
    exchange->is_line_begin = true;
    buffer_init(&exchange->body);
    head_describe(head, copy, exchange->fields, &exchange->request);
    server->exchanges++;
    return exchange;
}

void
exchange_free(struct http_exchange *exchange)
{
    exchange->server->exchanges--;
    exchange->server->body_bytes -= exchange->body.size;
    buffer_release(&exchange->body);
    /* Its Authorization. */
    explicit_bzero((char *)exchange->fields +
                       exchange->request.field_count * sizeof(struct http_field),
                   exchange->head_size);
    memory_free(exchange);
}

/* --- what is asked of it --- */

struct slice
http_request_field(const struct http_request *request, const char *name)
{
    for (size_t at = 0; at < request->field_count; at++)
        if (characters_same(request->fields[at].name, slice_of(name)))
            return request->fields[at].value;
    return (struct slice){NULL, 0};
}

const struct http_request *
http_exchange_request(const struct http_exchange *exchange)
{
    return &exchange->request;
}

int64_t
http_exchange_arrived_ns(const struct http_exchange *exchange)
{
    return exchange->arrived_ns;
}

void
http_exchange_set_owner(struct http_exchange *exchange, void *owner)
{
    exchange->owner = owner;
}

void *
http_exchange_owner(const struct http_exchange *exchange)
{
    return exchange->owner;
}

bool
http_exchange_is_gone(const struct http_exchange *exchange)
{
    return atomic_load(&exchange->gone);
}

/* --- answering --- */

static struct response_framing
framing_of(const struct http_exchange *exchange, enum response_length length)
{
    return (struct response_framing){
        .length = length,
        .is_head = exchange->request.method == HTTP_HEAD,
        .closes = exchange->closes || length == RESPONSE_UNTIL_CLOSE ||
                  atomic_load(&exchange->server->stopping_since_ns) != 0,
        .is_tls = exchange->server->options.tls != NULL,
    };
}

/* In place of a reply that must not be sent: what the answerer meant is not known. */
static void
write_failure(struct buffer *out, const struct response_framing *framing, const char *why)
{
    log_line(LOG_ERROR, "reply refused", "reason=\"%s\"", why);
    response_write_text(out, framing, 500, "the reply could not be sent", NULL);
}

/* The bytes are taken. */
static void
send_bytes(struct http_exchange *exchange, struct buffer *bytes, unsigned flags)
{
    struct http_server *server = exchange->server;
    size_t waiting = atomic_fetch_add(&server->output_bytes, bytes->size) + bytes->size;

    if (waiting > server->options.output_sum) {
        atomic_fetch_sub(&server->output_bytes, bytes->size);
        buffer_release(bytes);
        flags |= EXCHANGE_ABORTS;
    }
    if (http_server_is_serving(exchange))
        http_connection_deliver(exchange, bytes, flags);
    else
        http_server_send(exchange, bytes, flags);
}

void
http_respond(struct http_exchange *exchange, const struct http_response *response)
{
    struct response_framing framing = framing_of(exchange, RESPONSE_SIZED);
    struct buffer bytes;

    BEHALF_ASSERT(exchange->phase == EXCHANGE_OPEN);
    buffer_init(&bytes);
    if (response->body.size > HTTP_OUTPUT_SIZE_MAX)
        write_failure(&bytes, &framing, "its body is larger than 8 MiB");
    else if (!response_write(&bytes, &framing, response))
        write_failure(&bytes, &framing, "a field or the status is not allowed");
    send_bytes(exchange, &bytes, EXCHANGE_ENDS | (framing.closes ? EXCHANGE_CLOSES : 0));
}

bool
http_stream_begin(struct http_exchange *exchange, const struct http_response *head)
{
    struct response_framing framing =
        framing_of(exchange, exchange->is_http_1_0 ? RESPONSE_UNTIL_CLOSE : RESPONSE_CHUNKED);
    unsigned flags = EXCHANGE_BEGINS;
    struct buffer bytes;
    bool taken;

    BEHALF_ASSERT(exchange->phase == EXCHANGE_OPEN);
    buffer_init(&bytes);
    taken = response_write(&bytes, &framing, head);
    exchange->phase = taken && !framing.is_head ? EXCHANGE_STREAM : EXCHANGE_DISCARDS;
    if (!taken) {
        framing.length = RESPONSE_SIZED;
        write_failure(&bytes, &framing, "a field or the status is not allowed");
    }
    if (exchange->phase == EXCHANGE_STREAM &&
        characters_start_with(head->type, SLICE_LITERAL("text/event-stream")))
        flags |= EXCHANGE_EVENTS;
    send_bytes(exchange, &bytes, flags | (framing.closes ? EXCHANGE_CLOSES : 0));
    return taken && !http_exchange_is_gone(exchange);
}

static void
add_to_stream(const struct http_exchange *exchange, struct buffer *out, struct slice bytes)
{
    if (exchange->is_http_1_0)
        buffer_add_slice(out, bytes);
    else
        response_write_chunk(out, bytes);
}

void
exchange_add_comment(const struct http_exchange *exchange, struct buffer *out)
{
    add_to_stream(exchange, out, SLICE_LITERAL(":\n"));
}

bool
http_stream_write(struct http_exchange *exchange, struct slice bytes)
{
    struct buffer chunk;

    BEHALF_ASSERT(exchange->phase != EXCHANGE_OPEN);
    if (http_exchange_is_gone(exchange))
        return false;
    if (exchange->phase == EXCHANGE_DISCARDS || bytes.size == 0)
        return exchange->request.method == HTTP_HEAD || exchange->phase == EXCHANGE_STREAM;
    buffer_init(&chunk);
    if (bytes.size > HTTP_OUTPUT_SIZE_MAX ||
        atomic_load(&exchange->waiting) > HTTP_OUTPUT_SIZE_MAX - bytes.size) {
        exchange->phase = EXCHANGE_DISCARDS;
        send_bytes(exchange, &chunk, EXCHANGE_ABORTS);
        return false;
    }
    add_to_stream(exchange, &chunk, bytes);
    atomic_fetch_add(&exchange->waiting, chunk.size);
    send_bytes(exchange, &chunk, bytes.data[bytes.size - 1] == '\n' ? 0 : EXCHANGE_MID_LINE);
    return true;
}

size_t
http_stream_waiting(const struct http_exchange *exchange)
{
    return atomic_load(&exchange->waiting);
}

void
http_stream_end(struct http_exchange *exchange)
{
    struct buffer last;

    BEHALF_ASSERT(exchange->phase != EXCHANGE_OPEN);
    buffer_init(&last);
    if (exchange->phase == EXCHANGE_STREAM && !exchange->is_http_1_0)
        response_write_last_chunk(&last);
    send_bytes(exchange, &last, EXCHANGE_ENDS);
}
