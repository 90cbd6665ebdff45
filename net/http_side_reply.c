/* http_side_reply.c - health and metrics. */
#include "net/http_side_reply.h"

#include <strings.h>

#include "engine/engine.h"
#include "net/keys.h"
#include "net/metrics.h"
#include "net/metrics_text.h"

static void
respond(struct http_exchange *exchange, unsigned status, struct slice text)
{
    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .type = SLICE_LITERAL("text/plain; charset=utf-8"),
                               .body = text,
                           });
}

void
http_side_reply_health(struct http_side_state *state, struct http_exchange *exchange)
{
    (void)state;
    respond(exchange, 200, SLICE_LITERAL("ok\n"));
}

void
http_side_reply_ready(struct http_side_state *state, struct http_exchange *exchange)
{
    struct engine_info info;
    struct error error;

    if (atomic_load(&state->stopping))
        respond(exchange, 503, SLICE_LITERAL("the server is stopping\n"));
    else if (engine_info_read(state->engine, &info, &error) != BEHALF_OK)
        respond(exchange, 503, SLICE_LITERAL("the storage cannot be read\n"));
    else if (!info.writable)
        respond(exchange, 200, SLICE_LITERAL("ready, reads only: the storage takes no writes\n"));
    else
        respond(exchange, 200, SLICE_LITERAL("ready\n"));
}

/* --- metrics --- */

struct slice
http_side_bearer(const struct http_request *request)
{
    static const char scheme[] = "Bearer ";
    struct slice value = http_request_field(request, "Authorization");
    size_t size = sizeof scheme - 1;

    if (value.size <= size || strncasecmp(value.data, scheme, size) != 0)
        return (struct slice){NULL, 0};
    return (struct slice){value.data + size, value.size - size};
}

/* 0 = it may read metrics; else the status of the refusal. */
static unsigned
judge_caller(struct http_side_state *state, const struct http_request *request)
{
    struct slice secret;
    const struct key *key;
    bool may;

    if (state->keys == NULL)
        return 0;
    secret = http_side_bearer(request);
    key = secret.size > 0 ? keys_find(state->keys, secret) : NULL;
    if (secret.size > 0)
        atomic_fetch_add(key != NULL ? &state->keys_known : &state->keys_unknown, 1);
    if (key == NULL)
        return 401;
    may = (key->roles & (ROLE_READ | ROLE_ADMIN)) != 0;
    key_release(key);
    return may ? 0 : 403;
}

static void
refuse_caller(struct http_exchange *exchange, unsigned status)
{
    const struct http_field ask = {SLICE_LITERAL("WWW-Authenticate"), SLICE_LITERAL("Bearer")};

    http_respond(exchange,
                 &(struct http_response){
                     .status = status,
                     .type = SLICE_LITERAL("text/plain; charset=utf-8"),
                     .fields = &ask,
                     .field_count = status == 401 ? 1 : 0,
                     .body = status == 401 ? SLICE_LITERAL("metrics need a key of this server\n")
                                           : SLICE_LITERAL("metrics need a key with the role read "
                                                           "or admin\n"),
                 });
}

void
http_side_reply_metrics(struct http_side_state *state, struct http_exchange *exchange)
{
    unsigned refused = judge_caller(state, http_exchange_request(exchange));
    struct buffer text;
    struct error error;

    if (refused != 0) {
        refuse_caller(exchange, refused);
        return;
    }
    buffer_init(&text);
    if (metrics_write(state, &text, &error) != BEHALF_OK)
        respond(exchange, 503, SLICE_LITERAL("the storage cannot be read\n"));
    else
        http_respond(exchange, &(struct http_response){
                                   .status = 200,
                                   .type = SLICE_LITERAL(METRICS_TYPE),
                                   .body = buffer_slice(&text),
                               });
    buffer_release(&text);
}
