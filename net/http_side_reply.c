/* http_side_reply.c - health and metrics. */
#include "net/http_side_reply.h"

#include "engine/engine.h"

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

void
http_side_reply_metrics(struct http_side_state *state, struct http_exchange *exchange)
{
    (void)state;
    respond(exchange, 503, SLICE_LITERAL("there are no metrics yet\n"));
}
