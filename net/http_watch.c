/* http_watch.c - a thread that reads the changelog for those who listen over HTTP. */
#include "net/http_watch.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>

#include "base/inbox.h"
#include "base/memory.h"
#include "engine/audit.h"
#include "net/caller.h"
#include "net/http_side_reply.h"
#include "net/http_watch_query.h"
#include "net/json_out.h"
#include "net/results_watch.h"

#define ARENA_SIZE ((size_t)16 * 1024 * 1024)
#define TICK_MS 1000
#define BLOCKED_MS 20 /* while a socket takes its time */

struct event_stream {
    struct inbox_message message; /* first */
    struct http_exchange *exchange;
    struct event_stream *next;
    const struct key *key; /* a reference */
    uint64_t generation;   /* of the keys */
    struct arena arena;    /* of the query */
    struct watch_query query;
    struct watch_place place;
    int64_t written_ns;
    bool ended;
};

struct http_watch {
    struct http_watch_options options;
    struct engine_listener listener;
    struct inbox inbox;
    pthread_t thread;
    bool started;
    atomic_uint count; /* of streams, with those on their way */
    atomic_bool stopping;
    atomic_bool closing;

    /* The thread's. */
    struct engine_worker *worker;
    struct event_stream *streams;
    struct arena arena;
    struct buffer value;
    struct buffer text;
};

/* --- refusals --- */

static unsigned
http_status(enum status status)
{
    static const struct {
        enum status status;
        unsigned http;
    } known[] = {
        {BEHALF_REVISION_EXPIRED, 410}, {BEHALF_UNKNOWN_KEY, 401},     {BEHALF_ROLE_REQUIRED, 403},
        {BEHALF_OVERLOADED, 503},       {BEHALF_SERVER_STOPPING, 503}, {BEHALF_STORAGE_FAILED, 503},
        {BEHALF_STORAGE_CORRUPT, 500},  {BEHALF_INTERNAL, 500},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(known); index++)
        if (known[index].status == status)
            return known[index].http;
    return 400;
}

/* "REASON: message" in a line. */
static void
refuse(struct http_exchange *exchange, const struct error *error)
{
    const struct http_field ask = {SLICE_LITERAL("WWW-Authenticate"), SLICE_LITERAL("Bearer")};
    const struct http_field later = {SLICE_LITERAL("Retry-After"), SLICE_LITERAL("2")};
    unsigned status = http_status(error->status);
    struct buffer text;

    buffer_init(&text);
    buffer_add_format(&text, "%s: %s\n", status_name(error->status), error->message);
    http_respond(exchange, &(struct http_response){
                               .status = status,
                               .type = SLICE_LITERAL("text/plain; charset=utf-8"),
                               .fields = status == 401 ? &ask : &later,
                               .field_count = status == 401 || status == 503 ? 1 : 0,
                               .body = buffer_slice(&text),
                           });
    buffer_release(&text);
}

static void
free_stream(struct http_watch *watch, struct event_stream *stream)
{
    key_release(stream->key);
    arena_release(&stream->arena);
    memory_free(stream);
    atomic_fetch_sub(&watch->count, 1);
}

/* --- events --- */

/* The value that was put into `value`, as an event. */
static bool
send_event(struct http_watch *watch, struct event_stream *stream, const char *name,
           const struct engine_token *token)
{
    struct wire_reader reader = reader_of(buffer_slice(&watch->value));
    struct json_out json;

    buffer_clear(&watch->text);
    buffer_add_format(&watch->text, "event: %s\nid: %s\ndata: ", name, token->text);
    json = json_begin(&watch->text);
    if (!json_put_wire(&json, NULL, &reader))
        return false;
    buffer_add_text(&watch->text, "\n\n");
    stream->written_ns = env_monotonic_ns(watch->options.env);
    return http_stream_write(stream->exchange, buffer_slice(&watch->text));
}

static void
end_stream(struct http_watch *watch, struct event_stream *stream, const struct error *why)
{
    struct engine_token token;

    engine_watch_token(watch->options.engine, &stream->place, &token);
    buffer_clear(&watch->value);
    result_put_ended(&watch->value, 0, &token, why);
    (void)send_event(watch, stream, "ended", &token);
    stream->ended = true;
}

static void
send_checkpoint(struct http_watch *watch, struct event_stream *stream)
{
    struct engine_token token;

    engine_watch_token(watch->options.engine, &stream->place, &token);
    buffer_clear(&watch->value);
    result_put_checkpoint(&watch->value, 0, stream->place.revision, &token);
    (void)send_event(watch, stream, "checkpoint", &token);
}

static enum status
send_changes(struct http_watch *watch, struct event_stream *stream,
             const struct watch_result *result, struct error *error)
{
    struct buffer scratch;
    enum status status = BEHALF_OK;

    buffer_init(&scratch);
    for (uint32_t index = 0; status == BEHALF_OK && index < result->message_count; index++) {
        buffer_clear(&watch->value);
        status = result_put_changes(&watch->value, 0, &result->messages[index], &scratch, error);
        if (status == BEHALF_OK &&
            !send_event(watch, stream, "changes", &result->messages[index].token) &&
            !http_exchange_is_gone(stream->exchange))
            status =
                error_internal(error, "a change has a form in JSON", __FILE__, __LINE__, "%s", "");
    }
    buffer_release(&scratch);
    return status;
}

static void
pull(struct http_watch *watch, struct event_stream *stream)
{
    const struct engine_request request = {.arena = &watch->arena};
    const struct watch_pull how = {
        .filter = stream->query.has_filter ? &stream->query.filter : NULL,
        .place = stream->place,
        .most_bytes = LIMIT_STREAM_BATCH,
    };
    struct watch_result result;
    struct error error;
    enum status status;

    arena_reset(&watch->arena, ARENA_SIZE);
    status = engine_watch_next(watch->worker, &request, &how, &result, &error);
    if (status == BEHALF_OK)
        status = send_changes(watch, stream, &result, &error);
    if (status == BEHALF_OK)
        stream->place = result.place;
    else
        end_stream(watch, stream, &error);
    arena_reset(&watch->arena, ARENA_SIZE);
}

/* --- the thread --- */

/* Whether the key of the stream may still read; another set of keys may have come. */
static bool
may_read(struct http_watch *watch, struct event_stream *stream)
{
    struct keys *keys = watch->options.keys;

    if (keys == NULL || stream->generation == keys_generation(keys))
        return true;
    stream->generation = keys_generation(keys);
    stream->key = keys_renew(keys, stream->key);
    return stream->key != NULL && key_has_role(stream->key, ROLE_READ);
}

/* What is to be done for a stream now. How long it may wait until it is looked at again, in
 * milliseconds. */
static int
serve(struct http_watch *watch, struct event_stream *stream)
{
    int64_t now = env_monotonic_ns(watch->options.env);
    struct error why;

    if (atomic_load(&watch->stopping)) {
        error_set(&why, BEHALF_SERVER_STOPPING, "the server stops");
        end_stream(watch, stream, &why);
        return 0;
    }
    if (!may_read(watch, stream)) {
        error_set(&why, BEHALF_ROLE_REQUIRED, "the key may not watch any more");
        end_stream(watch, stream, &why);
        return 0;
    }
    if (http_stream_waiting(stream->exchange) > LIMIT_STREAM_OUTPUT)
        return BLOCKED_MS;
    if (engine_watch_has_more(watch->worker, &stream->place)) {
        pull(watch, stream);
        return 0;
    }
    if (now - stream->written_ns >= (int64_t)LIMIT_CHECKPOINT_MS * 1000000)
        send_checkpoint(watch, stream);
    return TICK_MS;
}

static void
begin_stream(struct http_watch *watch, struct event_stream *stream)
{
    const struct http_response head = {.status = 200, .type = SLICE_LITERAL("text/event-stream")};
    struct error error;
    enum status status = engine_watch_begin(watch->worker, stream->query.from,
                                            stream->query.has_filter ? &stream->query.filter : NULL,
                                            &stream->place, &error);

    if (status == BEHALF_OK && atomic_load(&watch->stopping))
        status = error_set(&error, BEHALF_SERVER_STOPPING, "the server stops");
    if (status != BEHALF_OK) {
        refuse(stream->exchange, &error);
        free_stream(watch, stream);
        return;
    }
    (void)http_stream_begin(stream->exchange, &head);
    stream->written_ns = env_monotonic_ns(watch->options.env);
    stream->ended = http_exchange_request(stream->exchange)->method == HTTP_HEAD;
    stream->next = watch->streams;
    watch->streams = stream;
}

/* Serves each stream once and takes out those that have ended. How long nothing is to be done. */
static int
serve_all(struct http_watch *watch)
{
    struct event_stream **at = &watch->streams;
    int least_ms = TICK_MS;

    while (*at != NULL) {
        struct event_stream *stream = *at;
        bool gone = http_exchange_is_gone(stream->exchange);
        int wait_ms = gone || stream->ended ? 0 : serve(watch, stream);

        if (gone || stream->ended) {
            *at = stream->next;
            http_stream_end(stream->exchange);
            free_stream(watch, stream);
            continue;
        }
        least_ms = wait_ms < least_ms ? wait_ms : least_ms;
        at = &stream->next;
    }
    return least_ms;
}

static void *
run(void *context)
{
    struct http_watch *watch = context;
    struct inbox_message *message;

    (void)pthread_setname_np(pthread_self(), "http watch");
    watch->worker = engine_worker_new(watch->options.engine, true);
    engine_listen(watch->options.engine, &watch->listener);
    while (!atomic_load(&watch->closing) || atomic_load(&watch->count) > 0) {
        struct pollfd ready = {.fd = watch->inbox.fd, .events = POLLIN};
        int wait_ms;

        if (watch->streams != NULL) /* before any of them is asked whether there is more */
            engine_listener_arm(&watch->listener);
        wait_ms = serve_all(watch);
        (void)poll(&ready, 1, wait_ms);
        inbox_rest(&watch->inbox);
        inbox_take(&watch->inbox);
        while ((message = inbox_next(&watch->inbox)) != NULL)
            begin_stream(watch, (struct event_stream *)(void *)message);
    }
    engine_unlisten(watch->options.engine, &watch->listener);
    engine_worker_free(watch->worker);
    return NULL;
}

static void
on_published(struct engine_listener *listener)
{
    struct http_watch *watch =
        (struct http_watch *)(void *)((char *)listener - offsetof(struct http_watch, listener));

    inbox_wake(&watch->inbox);
}

/* --- the HTTP loop --- */

static enum status
find_key(struct http_watch *watch, const struct http_request *request, const struct key **key,
         struct error *error)
{
    struct slice secret = http_side_bearer(request);

    *key = &key_of_all;
    if (watch->options.keys == NULL)
        return BEHALF_OK;
    *key = secret.size > 0 ? keys_find(watch->options.keys, secret) : NULL;
    if (*key == NULL)
        return error_set(error, BEHALF_UNKNOWN_KEY, "the request needs a key of this server");
    return caller_admit(*key, method_find(SLICE_LITERAL("watch")),
                        env_monotonic_ns(watch->options.env), error);
}

/* Who asks for what they may not is in the record. */
static void
report(const struct http_watch *watch, const struct http_request *request, const struct key *key,
       enum status status)
{
    if (status != BEHALF_UNKNOWN_KEY && status != BEHALF_ROLE_REQUIRED)
        return;
    engine_audit_event(watch->options.engine,
                       status == BEHALF_UNKNOWN_KEY ? AUDIT_EVENT_KEY_REFUSED
                                                    : AUDIT_EVENT_ROLE_REFUSED,
                       &(struct engine_audit_report){
                           .caller = key != NULL ? (struct slice){key->name, key->name_size}
                                                 : (struct slice){NULL, 0},
                           .method = SLICE_LITERAL("watch"),
                           .peer = request->peer,
                       });
}

static enum status
read_request(struct http_watch *watch, struct event_stream *stream, struct error *error)
{
    const struct http_request *request = http_exchange_request(stream->exchange);
    struct slice last = http_request_field(request, "Last-Event-ID");
    enum status status;

    if (watch->options.keys != NULL)
        stream->generation = keys_generation(watch->options.keys);
    status = find_key(watch, request, &stream->key, error);
    report(watch, request, stream->key, status);
    if (status == BEHALF_OK)
        status = watch_query_read(request->query, &stream->arena, &stream->query, error);
    if (status == BEHALF_OK && last.size > 0) {
        stream->query.from = arena_copy(&stream->arena, last);
        if (stream->query.from.data == NULL)
            status = error_set(error, BEHALF_BUDGET_EXHAUSTED, "the request is too large");
    }
    if (status == BEHALF_OK && atomic_load(&watch->stopping))
        status = error_set(error, BEHALF_SERVER_STOPPING, "the server stops");
    if (status == BEHALF_OK && atomic_load(&watch->count) > HTTP_WATCH_STREAMS)
        status = error_set(error, BEHALF_OVERLOADED, "there are %d streams over HTTP already",
                           HTTP_WATCH_STREAMS);
    return status;
}

void
http_watch_handle(struct http_watch *watch, struct http_exchange *exchange)
{
    struct event_stream *stream = memory_new(sizeof *stream);
    struct error error;

    atomic_fetch_add(&watch->count, 1);
    stream->exchange = exchange;
    arena_init(&stream->arena, ARENA_SIZE);
    if (read_request(watch, stream, &error) == BEHALF_OK) {
        inbox_send(&watch->inbox, &stream->message);
        return;
    }
    refuse(exchange, &error);
    free_stream(watch, stream);
}

void
http_watch_gone(struct http_watch *watch)
{
    inbox_wake(&watch->inbox);
}

/* --- life --- */

enum status
http_watch_open(const struct http_watch_options *options, struct http_watch **result,
                struct error *error)
{
    struct http_watch *watch = memory_new(sizeof *watch);
    int failure;

    watch->options = *options;
    watch->listener.published = on_published;
    arena_init(&watch->arena, ARENA_SIZE);
    buffer_init(&watch->value);
    buffer_init(&watch->text);
    *result = watch;
    if (!inbox_open(&watch->inbox)) {
        failure = errno;
        http_watch_close(watch);
        return error_set(error, BEHALF_OVERLOADED, "cannot make an event descriptor: %s",
                         strerror(failure));
    }
    failure = pthread_create(&watch->thread, NULL, run, watch);
    watch->started = failure == 0;
    if (watch->started)
        return BEHALF_OK;
    http_watch_close(watch);
    return error_set(error, BEHALF_OVERLOADED, "cannot start a thread: %s", strerror(failure));
}

void
http_watch_stop(struct http_watch *watch)
{
    atomic_store(&watch->stopping, true);
    inbox_wake(&watch->inbox);
}

void
http_watch_close(struct http_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->started) {
        atomic_store(&watch->closing, true);
        http_watch_stop(watch);
        (void)pthread_join(watch->thread, NULL);
    }
    inbox_close(&watch->inbox);
    arena_release(&watch->arena);
    buffer_release(&watch->value);
    buffer_release(&watch->text);
    memory_free(watch);
}
