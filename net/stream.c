/* stream.c - pulls, credit, checkpoints and ends of streams. */
#include "net/stream.h"

#include "base/memory.h"
#include "net/caller.h"
#include "net/connection.h"
#include "net/loop.h"
#include "net/results_watch.h"

#define RETRY_AFTER_MS 1000

struct stream {
    struct loop_message message; /* first: the loop casts back */
    struct engine_job job;
    struct loop *loop;
    struct connection *connection;
    struct stream *next; /* of the connection */
    struct stream *loop_previous;
    struct stream *loop_next;
    uint64_t id;
    struct seat *seat; /* of its key; NULL where there are no keys */
    bool has_filter;
    struct relationship_filter filter;
    char *filter_bytes;
    struct watch_place place; /* all up to there was sent */
    int64_t credit;
    int64_t starved_ns; /* since when something waits for credit; 0 = nothing does */
    int64_t said_ns;    /* when something was sent of it last */
    bool pulling;
    atomic_bool cancelled; /* it ended, and is freed when its job is back */

    /* The job's, while pulling. */
    size_t most_bytes;
    struct buffer batch;
    struct watch_place batch_place;
    enum status status;
    struct error error;
};

/* --- notifications --- */

/* [2, method, [map]]: the map follows. */
static void
put_head(struct buffer *out, const char *method)
{
    codec_put_array(out, 3);
    codec_put_unsigned(out, 2);
    codec_put_literal(out, method);
    codec_put_array(out, 1);
}

static void
put_checkpoint(struct stream *stream)
{
    struct buffer *out = connection_output(stream->connection);
    struct engine_token token;
    size_t before = out->size;

    engine_watch_token(stream->loop->engine, &stream->place, &token);
    put_head(out, "watch.checkpoint");
    result_put_checkpoint(out, stream->id, stream->place.revision, &token);
    stream->credit -= (int64_t)(out->size - before);
    stream->said_ns = stream->loop->now_ns;
}

static void
put_ended(struct stream *stream, const struct error *why)
{
    struct buffer *out = connection_output(stream->connection);
    struct engine_token token;

    engine_watch_token(stream->loop->engine, &stream->place, &token);
    put_head(out, "watch.ended");
    result_put_ended(out, stream->id, &token, why);
}

/* --- life --- */

/* The slices of a filter, one after the other. */
static void
copy_filter(struct stream *stream, const struct relationship_filter *filter)
{
    struct slice *texts[] = {
        &stream->filter.resource_type,      &stream->filter.resource_id,
        &stream->filter.resource_id_prefix, &stream->filter.relation,
        &stream->filter.subject_type,       &stream->filter.subject_id,
        &stream->filter.subject_relation,
    };
    size_t size = 0;
    char *at;

    stream->has_filter = true;
    stream->filter = *filter;
    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++)
        size += texts[index]->size;
    at = stream->filter_bytes = memory_new(size + 1);
    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++) {
        if (texts[index]->size == 0)
            continue;
        memcpy(at, texts[index]->data, texts[index]->size);
        texts[index]->data = at;
        at += texts[index]->size;
    }
}

static void
free_stream(struct stream *stream)
{
    buffer_release(&stream->batch);
    memory_free(stream->filter_bytes);
    memory_free(stream);
}

/* Takes it out of the lists; its connection has it no more. */
static void
remove_stream(struct stream *stream)
{
    struct loop *loop = stream->loop;
    struct stream **at = &stream->connection->streams;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    if (stream->loop_previous != NULL)
        stream->loop_previous->loop_next = stream->loop_next;
    else
        loop->streams = stream->loop_next;
    if (stream->loop_next != NULL)
        stream->loop_next->loop_previous = stream->loop_previous;
    stream->connection->stream_count--;
    seats_give(&loop->admission->streams, stream->seat);
    stream->seat = NULL;
    atomic_store(&stream->cancelled, true);
    if (!stream->pulling)
        free_stream(stream);
}

static void
end_stream(struct stream *stream, const struct error *why)
{
    net_count(&stream->loop->counts, NET_STREAM_CUT);
    put_ended(stream, why);
    remove_stream(stream);
}

/* --- pulling --- */

/* On a thread of the pool. What cannot be written ends the stream with the reason. */
static enum status
fill_batch(struct stream *stream, struct engine_worker *worker, struct arena *arena)
{
    const struct engine_request request = {.arena = arena, .cancelled = &stream->cancelled};
    const struct watch_pull pull = {
        .filter = stream->has_filter ? &stream->filter : NULL,
        .place = stream->place,
        .most_bytes = stream->most_bytes,
    };
    struct watch_result result;
    struct buffer scratch;
    enum status status = engine_watch_next(worker, &request, &pull, &result, &stream->error);

    buffer_init(&scratch);
    for (uint32_t index = 0; status == BEHALF_OK && index < result.message_count; index++) {
        put_head(&stream->batch, "watch.changes");
        status = result_put_changes(&stream->batch, stream->id, &result.messages[index], &scratch,
                                    &stream->error);
    }
    buffer_release(&scratch);
    stream->batch_place = result.place;
    return status;
}

static void
run_on_pool(struct engine_job *job, struct engine_worker *worker)
{
    struct stream *stream = (struct stream *)(void *)((char *)job - offsetof(struct stream, job));
    struct arena arena;

    stream->status = BEHALF_WOULD_BLOCK;
    if (!atomic_load(&stream->cancelled)) {
        arena_init_request(&arena, LIMIT_LOOKUP_ARENA);
        stream->status = fill_batch(stream, worker, &arena);
        arena_release(&arena);
    }
    atomic_fetch_add(&stream->loop->reply_bytes, stream->batch.capacity);
    loop_send(stream->loop, &stream->message);
}

static bool
may_pull(const struct stream *stream)
{
    const struct loop *loop = stream->loop;

    return !stream->pulling && stream->connection->state == CONNECTION_OPEN && stream->credit > 0 &&
           connection_output_left(stream->connection) <= LIMIT_STREAM_OUTPUT &&
           atomic_load(&loop->reply_bytes) <= loop->buffer_bound / LIMIT_REPLIES_PART;
}

/* A pool that has no room is asked again at the next tick. */
static void
pull(struct stream *stream)
{
    struct connection *connection = stream->connection;
    struct error error;

    stream->most_bytes =
        stream->credit < (int64_t)LIMIT_STREAM_BATCH ? (size_t)stream->credit : LIMIT_STREAM_BATCH;
    stream->job = (struct engine_job){
        .queued.flow = &connection->flows[ENGINE_CLASS_LOOKUP],
        .run = run_on_pool,
    };
    stream->pulling = true;
    connection->pulls++;
    stream->loop->calls++;
    if (engine_submit(stream->loop->engine, ENGINE_CLASS_LOOKUP, &stream->job, &error) == BEHALF_OK)
        return;
    stream->pulling = false;
    connection->pulls--;
    stream->loop->calls--;
}

/* Pulls where there is something, or waits for the next publication. */
static void
go_on(struct stream *stream)
{
    struct loop *loop = stream->loop;

    if (!may_pull(stream))
        return;
    if (!engine_watch_has_more(loop->worker, &stream->place)) {
        engine_listener_arm(&loop->listener);
        if (!engine_watch_has_more(loop->worker, &stream->place))
            return;
    }
    pull(stream);
}

static void
take_batch(struct stream *stream)
{
    struct buffer *out = connection_output(stream->connection);

    stream->place = stream->batch_place;
    if (stream->batch.size == 0)
        return;
    stream->credit -= (int64_t)stream->batch.size;
    stream->said_ns = stream->loop->now_ns;
    if (out->size == 0 && stream->batch.size > LIMIT_SMALL)
        buffer_swap(out, &stream->batch);
    else
        buffer_add_slice(out, buffer_slice(&stream->batch));
}

size_t
stream_finish(struct loop_message *message, struct connection **connection)
{
    struct stream *stream = (struct stream *)(void *)message;
    size_t bytes = stream->batch.size;

    *connection = stream->connection;
    stream->pulling = false;
    stream->connection->pulls--;
    stream->loop->calls--;
    atomic_fetch_sub(&stream->loop->reply_bytes, stream->batch.capacity);
    if (atomic_load(&stream->cancelled)) {
        free_stream(stream);
        return 0;
    }
    if (stream->status != BEHALF_OK) {
        end_stream(stream, &stream->error);
        return 0;
    }
    take_batch(stream);
    buffer_release(&stream->batch);
    go_on(stream);
    return bytes;
}

/* --- what clients ask --- */

static struct stream *
find_stream(struct connection *connection, uint64_t id)
{
    struct stream *stream = connection->streams;

    while (stream != NULL && stream->id != id)
        stream = stream->next;
    return stream;
}

static enum status
refuse_stream(const struct connection *connection, const char *who, struct error *error)
{
    net_count(&connection->loop->counts, NET_LIMIT_STREAMS);
    error_set(error, BEHALF_OVERLOADED, "the %s has too many streams", who);
    error_hint(error, "end one with watch.end, or let programs share one");
    error->retry_after_ms = RETRY_AFTER_MS;
    return BEHALF_OVERLOADED;
}

static void
add_stream(struct stream *stream)
{
    struct connection *connection = stream->connection;
    struct loop *loop = stream->loop;

    stream->next = connection->streams;
    connection->streams = stream;
    connection->stream_count++;
    stream->loop_next = loop->streams;
    if (loop->streams != NULL)
        loop->streams->loop_previous = stream;
    loop->streams = stream;
}

enum status
stream_open(struct connection *connection, const struct stream_opening *opening, uint64_t *id,
            struct engine_token *token, struct error *error)
{
    struct loop *loop = connection->loop;
    struct watch_place place;
    struct seat *seat = NULL;
    struct stream *stream;
    enum status status =
        engine_watch_begin(loop->worker, opening->from, opening->filter, &place, error);

    if (status != BEHALF_OK)
        return status;
    if (connection->stream_count >= LIMIT_STREAMS_OF_CONNECTION)
        return refuse_stream(connection, "connection", error);
    if (connection->caller.keys != NULL) {
        seat = seats_take(&loop->admission->streams, slice_of(connection->caller.key->name));
        if (seat == NULL)
            return refuse_stream(connection, "key", error);
    }
    stream = memory_new(sizeof *stream);
    stream->message.kind = LOOP_MESSAGE_STREAM;
    stream->loop = loop;
    stream->connection = connection;
    stream->id = ++connection->stream_ids;
    stream->seat = seat;
    stream->place = place;
    stream->credit = (int64_t)opening->credit;
    stream->said_ns = loop->now_ns;
    buffer_init(&stream->batch);
    if (opening->filter != NULL)
        copy_filter(stream, opening->filter);
    add_stream(stream);
    *id = stream->id;
    engine_watch_token(loop->engine, &place, token);
    go_on(stream);
    return BEHALF_OK;
}

enum status
stream_give_credit(struct connection *connection, uint64_t id, uint64_t bytes, bool *open,
                   struct error *error)
{
    struct stream *stream = find_stream(connection, id);

    *open = stream != NULL;
    if (stream == NULL)
        return BEHALF_OK;
    if (bytes > LIMIT_STREAM_CREDIT || stream->credit + (int64_t)bytes > LIMIT_STREAM_CREDIT)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "the stream would have more credit than %d bytes", LIMIT_STREAM_CREDIT);
    stream->credit += (int64_t)bytes;
    if (stream->credit > 0)
        stream->starved_ns = 0;
    go_on(stream);
    return BEHALF_OK;
}

bool
stream_stop(struct connection *connection, uint64_t id)
{
    struct stream *stream = find_stream(connection, id);

    if (stream != NULL)
        remove_stream(stream);
    return stream != NULL;
}

/* --- for the loop and the connection --- */

void
streams_wake(struct loop *loop)
{
    for (struct stream *stream = loop->streams; stream != NULL; stream = stream->loop_next)
        go_on(stream);
}

void
streams_resume(struct connection *connection)
{
    for (struct stream *stream = connection->streams; stream != NULL; stream = stream->next)
        go_on(stream);
}

/* True when it was cut: what waits has found no credit for too long. */
static bool
cut_starved(struct stream *stream, int64_t now_ns)
{
    struct error why;

    if (stream->credit > 0 || !engine_watch_has_more(stream->loop->worker, &stream->place)) {
        stream->starved_ns = 0;
        return false;
    }
    if (stream->starved_ns == 0)
        stream->starved_ns = now_ns;
    if (now_ns - stream->starved_ns <= (int64_t)LIMIT_STREAM_STALL_MS * 1000000)
        return false;
    error_set(&why, BEHALF_SLOW_CONSUMER, "the stream was given no credit for %d s",
              LIMIT_STREAM_STALL_MS / 1000);
    error_hint(&why, "go on from the token; give credit for what was taken");
    end_stream(stream, &why);
    return true;
}

static bool
cut_unallowed(struct stream *stream)
{
    const struct key *key = stream->connection->caller.key;
    struct error why;

    if (key_has_role(key, ROLE_READ))
        return false;
    error_set(&why, BEHALF_ROLE_REQUIRED, "the key of the connection may not watch any more");
    error_hint(&why, "watch needs a key with the role read");
    end_stream(stream, &why);
    return true;
}

static bool
is_silent(const struct stream *stream, int64_t now_ns)
{
    return !stream->pulling && stream->credit > 0 && stream->place.changes == 0 &&
           stream->place.text == 0 &&
           connection_output_left(stream->connection) <= LIMIT_STREAM_OUTPUT &&
           now_ns - stream->said_ns >= (int64_t)LIMIT_CHECKPOINT_MS * 1000000;
}

void
streams_check_time(struct connection *connection, int64_t now_ns)
{
    size_t before = connection_output_left(connection);
    struct stream *next;

    for (struct stream *stream = connection->streams; stream != NULL; stream = next) {
        next = stream->next;
        if (cut_unallowed(stream) || cut_starved(stream, now_ns))
            continue;
        if (is_silent(stream, now_ns))
            put_checkpoint(stream);
        go_on(stream);
    }
    if (connection_output_left(connection) > before)
        connection_flush(connection);
}

void
streams_end(struct connection *connection, const struct error *why)
{
    while (connection->streams != NULL)
        end_stream(connection->streams, why);
}

void
streams_drop(struct connection *connection)
{
    while (connection->streams != NULL)
        remove_stream(connection->streams);
}
