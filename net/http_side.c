/* http_side.c - one HTTP server, whose requests are sorted by path. */
#include "net/http_side.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/tcp.h"
#include "engine/engine.h"
#include "http/http.h"
#include "net/authzen.h"
#include "net/binding.h"
#include "net/http_side_reply.h"
#include "net/http_watch.h"

#define BODY_MAX ((size_t)64 * 1024) /* of a request that is answered without a look at it */

struct http_side {
    struct http_side_state state;
    struct http_server *http;
    struct authzen *authzen;
    struct http_watch *watch;
    char **hosts;
    size_t host_count;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    size_t on_pool; /* guarded by the lock: requests that are not answered yet */
};

/* A request on its way through the pool. */
struct side_call {
    struct engine_job job; /* first */
    struct http_side *side;
    struct http_exchange *exchange;
    http_side_reply *reply;
};

/* --- answers --- */

static void
respond(struct http_exchange *exchange, unsigned status, const char *text,
        const struct http_field *fields, size_t field_count)
{
    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .type = SLICE_LITERAL("text/plain; charset=utf-8"),
                               .fields = fields,
                               .field_count = field_count,
                               .body = slice_of(text),
                           });
}

static void
refuse_overloaded(struct http_exchange *exchange, const struct error *error)
{
    char seconds[16];
    const struct http_field retry = {SLICE_LITERAL("Retry-After"), {seconds, 0}};
    struct http_field field = retry;

    field.value.size =
        (size_t)snprintf(seconds, sizeof seconds, "%u", (error->retry_after_ms + 999) / 1000 + 1);
    respond(exchange, 503, "the server is overloaded\n", &field, 1);
}

/* --- the pool --- */

static void
end_call(struct side_call *call)
{
    struct http_side *side = call->side;

    memory_free(call);
    (void)pthread_mutex_lock(&side->lock);
    BEHALF_ASSERT(side->on_pool > 0);
    if (--side->on_pool == 0)
        (void)pthread_cond_broadcast(&side->idle);
    (void)pthread_mutex_unlock(&side->lock);
}

static void
run_call(struct engine_job *job, struct engine_worker *worker)
{
    struct side_call *call = (struct side_call *)(void *)job;

    (void)worker;
    call->reply(&call->side->state, call->exchange);
    end_call(call);
}

static void
submit(struct http_side *side, struct http_exchange *exchange, http_side_reply *reply)
{
    struct side_call *call = memory_new(sizeof *call);
    struct error error;

    *call =
        (struct side_call){.job.run = run_call, .side = side, .exchange = exchange, .reply = reply};
    (void)pthread_mutex_lock(&side->lock);
    side->on_pool++;
    (void)pthread_mutex_unlock(&side->lock);
    if (engine_submit(side->state.engine, ENGINE_CLASS_ADMIN, &call->job, &error) == BEHALF_OK)
        return;
    refuse_overloaded(exchange, &error);
    end_call(call);
}

/* --- routing --- */

struct route {
    const char *path;
    http_side_reply *reply;
    bool on_pool;
};

static const struct route routes[] = {
    {"/healthz", http_side_reply_health, false},
    {"/readyz", http_side_reply_ready, true},
    {"/metrics", http_side_reply_metrics, true},
};

static const struct route *
find_route(struct slice path)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(routes); index++)
        if (slice_equal(path, slice_of(routes[index].path)))
            return &routes[index];
    return NULL;
}

static struct http_verdict
judge(void *owner, const struct http_request *head)
{
    struct http_side *side = owner;

    if (authzen_handles(head->path))
        return authzen_judge(side->authzen, head);
    return (struct http_verdict){.body_max = BODY_MAX};
}

static void
handle(void *owner, struct http_exchange *exchange)
{
    const struct http_field allow = {SLICE_LITERAL("Allow"), SLICE_LITERAL("GET, HEAD")};
    struct http_side *side = owner;
    const struct http_request *request = http_exchange_request(exchange);
    const struct route *route;
    bool is_watch;

    if (authzen_handles(request->path)) {
        authzen_handle(side->authzen, exchange);
        return;
    }
    route = find_route(request->path);
    is_watch = slice_equal(request->path, HTTP_WATCH_PATH);
    if (route == NULL && !is_watch)
        respond(exchange, 404, "there is nothing at this path\n", NULL, 0);
    else if (request->method != HTTP_GET && request->method != HTTP_HEAD)
        respond(exchange, 405, "only GET and HEAD are answered here\n", &allow, 1);
    else if (is_watch)
        http_watch_handle(side->watch, exchange);
    else if (route->on_pool)
        submit(side, exchange, route->reply);
    else
        route->reply(&side->state, exchange);
}

static void
gone(void *owner, struct http_exchange *exchange)
{
    struct http_side *side = owner;

    if (authzen_handles(http_exchange_request(exchange)->path))
        authzen_gone(side->authzen, exchange);
    else
        http_watch_gone(side->watch);
}

/* --- life --- */

/* "a.example, b.example:8080" in lower case, each its own text. */
static enum status
read_hosts(struct http_side *side, const char *hosts, struct error *error)
{
    const char *at = hosts;

    while (at != NULL) {
        const char *end = strchr(at, ',');
        size_t size;
        char *host;

        while (*at == ' ')
            at++;
        size = end != NULL ? (size_t)(end - at) : strlen(at);
        while (size > 0 && at[size - 1] == ' ')
            size--;
        if (size == 0)
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "a name in the list of HTTP hosts '%.200s' is empty", hosts);
        host = memory_new(size + 1);
        for (size_t index = 0; index < size; index++)
            host[index] = (char)tolower((unsigned char)at[index]);
        side->hosts = memory_resize(side->hosts, side->host_count + 1, sizeof *side->hosts);
        side->hosts[side->host_count++] = host;
        at = end != NULL ? end + 1 : NULL;
    }
    return BEHALF_OK;
}

/* Who listens on every address cannot tell by its own what a Host should be. */
static enum status
check_address(const struct http_side_options *options, struct error *error)
{
    const struct binding_guards guards = {
        .keys = options->keys != NULL,
        .tls = options->tls != NULL,
        .insecure_plaintext = options->insecure_plaintext,
    };
    static const struct in6_addr any = IN6ADDR_ANY_INIT;
    union tcp_address address;
    socklen_t size;
    enum status status = binding_check(options->address, &guards, error);

    if (status == BEHALF_OK)
        status = tcp_parse(options->address, &address, &size, error);
    if (status != BEHALF_OK || options->hosts != NULL)
        return status;
    if (address.any.sa_family == AF_INET6 ? memcmp(&address.v6.sin6_addr, &any, sizeof any) != 0
                                          : address.v4.sin_addr.s_addr != htonl(INADDR_ANY))
        return BEHALF_OK;
    (void)error_set(error, BEHALF_MALFORMED_REQUEST,
                    "cannot serve HTTP on '%.100s': it stands for every address, and no request "
                    "names it as its Host",
                    options->address);
    error_hint(error, "say by which names it is reached: --http-host NAME:PORT,...");
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
open_http(struct http_side *side, const struct http_side_options *options, struct error *error)
{
    unsigned connections = options->connections > 0 ? options->connections : HTTP_SIDE_CONNECTIONS;
    const struct http_options http = {
        .env = options->env,
        .address = options->address,
        .tls = options->tls,
        .authorities = (const char *const *)side->hosts,
        .authority_count = side->host_count,
        .allow_http_1_0 = true,
        .echoed = "X-Request-ID",
        .head_size = HTTP_SIDE_HEAD_SIZE,
        .head_s = HTTP_SIDE_HEAD_S,
        .body_s = HTTP_SIDE_BODY_S,
        .idle_s = HTTP_SIDE_IDLE_S,
        .connections = connections,
        .connections_per_address = connections - connections / 4, /* some are left to others */
        .judge = judge,
        .handle = handle,
        .gone = gone,
        .owner = side,
    };

    return http_server_open(&http, &side->http, error);
}

enum status
http_side_open(const struct http_side_options *options, struct http_side **result,
               struct error *error)
{
    struct http_side *side = memory_new(sizeof *side);
    const struct authzen_options authzen = {
        .env = options->env,
        .engine = options->engine,
        .keys = options->keys,
        .counts = &side->state.authzen,
        .path = options->authzen_path,
    };
    const struct http_watch_options watch = {
        .env = options->env,
        .engine = options->engine,
        .keys = options->keys,
    };
    enum status status;

    side->state.env = options->env;
    side->state.engine = options->engine;
    side->state.server = options->server;
    side->state.keys = options->keys;
    (void)pthread_mutex_init(&side->lock, NULL);
    (void)pthread_cond_init(&side->idle, NULL);
    status = check_address(options, error);
    if (status == BEHALF_OK)
        status = read_hosts(side, options->hosts, error);
    if (status == BEHALF_OK)
        status = authzen_open(&authzen, &side->authzen, error);
    if (status == BEHALF_OK)
        status = http_watch_open(&watch, &side->watch, error);
    if (status == BEHALF_OK)
        status = open_http(side, options, error);
    if (status != BEHALF_OK) {
        http_side_close(side);
        return status;
    }
    side->state.http = side->http;
    *result = side;
    return BEHALF_OK;
}

const char *
http_side_address(const struct http_side *side)
{
    return http_server_address(side->http);
}

enum status
http_side_start(struct http_side *side, struct error *error)
{
    return http_server_start(side->http, error);
}

void
http_side_stopping(struct http_side *side)
{
    atomic_store(&side->state.stopping, true);
    http_watch_stop(side->watch);
    http_server_stopping(side->http);
}

bool
http_side_drain(struct http_side *side)
{
    return http_server_drain(side->http);
}

void
http_side_close(struct http_side *side)
{
    if (side == NULL)
        return;
    (void)pthread_mutex_lock(&side->lock);
    while (side->on_pool > 0)
        (void)pthread_cond_wait(&side->idle, &side->lock);
    (void)pthread_mutex_unlock(&side->lock);
    http_watch_close(side->watch);
    authzen_close(side->authzen);
    http_server_close(side->http);
    for (size_t index = 0; index < side->host_count; index++)
        memory_free(side->hosts[index]);
    memory_free(side->hosts);
    (void)pthread_cond_destroy(&side->idle);
    (void)pthread_mutex_destroy(&side->lock);
    memory_free(side);
}
