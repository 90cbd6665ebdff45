/* call.c - requests on the pool and with the writer. */
#include "net/call.h"

#include "base/memory.h"
#include "net/connection.h"
#include "net/loop.h"

#define RETRY_AFTER_MS 100 /* some of what waits is answered by then */

static struct slice
moved(struct slice bytes, struct slice from, const char *to)
{
    /* Arguments that stand in static storage (no params at all) stay where they are. */
    if (bytes.data < from.data || bytes.data > from.data + from.size)
        return bytes;
    return (struct slice){to + (bytes.data - from.data), bytes.size};
}

static void
count_bytes(struct call *call, size_t bytes)
{
    call->bytes += bytes;
    call->connection->call_bytes += bytes;
    call->loop->call_bytes += bytes;
    if (call->loop->call_bytes > call->loop->peak_bytes)
        call->loop->peak_bytes = call->loop->call_bytes;
}

static struct call *
call_new(struct connection *connection, const struct request *request, struct slice frame)
{
    struct call *call = memory_new(sizeof *call);

    call->message.kind = LOOP_MESSAGE_CALL;
    call->loop = connection->loop;
    call->connection = connection;
    call->arrived_ns = connection->arrived_ns;
    call->caller = key_hold(connection->caller.key);
    call->frame = memory_copy(frame.data, frame.size);
    call->request = *request;
    call->request.arguments = moved(request->arguments, frame, call->frame);
    call->request.call = moved(request->call, frame, call->frame);
    if (request->method->class == METHOD_CLASS_WRITE) /* which counts among the bytes of calls */
        arena_init(&call->arena, LIMIT_CHECK_ARENA);
    else
        arena_init_request(&call->arena, request->method->class == METHOD_CLASS_LOOKUP
                                             ? LIMIT_LOOKUP_ARENA
                                             : LIMIT_CHECK_ARENA);
    buffer_init(&call->reply);
    connection->calls++;
    connection->loop->calls++;
    count_bytes(call, sizeof *call + frame.size);
    return call;
}

static void
refuse(struct connection *connection, struct request *request, const struct error *error,
       struct buffer *out)
{
    dispatch_refuse(request, error, out);
    if (error->status == BEHALF_OVERLOADED)
        connection_pause(connection, error->retry_after_ms);
}

/* Large calls leave a reserve, so that small ones are served beside any number of them. False with
 * the refusal in `out`. */
static bool
admitted(struct loop *loop, struct request *request, struct slice frame, struct buffer *out)
{
    size_t reserve = frame.size > LIMIT_SMALL ? loop->call_bound / LIMIT_RESERVE_PART : 0;
    struct error error;

    if (loop->call_bytes + sizeof(struct call) + frame.size <= loop->call_bound - reserve)
        return true;
    net_count(&loop->counts, NET_LIMIT_CALL_MEMORY);
    error_set(&error, BEHALF_OVERLOADED, "the requests that wait take all the memory they may");
    error_hint(&error, "repeat it after retry_after_ms, or send less at a time");
    error.retry_after_ms = RETRY_AFTER_MS;
    dispatch_refuse(request, &error, out);
    return false;
}

static void
call_free(struct call *call)
{
    call->connection->calls--;
    call->loop->calls--;
    call->connection->call_bytes -= call->bytes;
    call->loop->call_bytes -= call->bytes;
    atomic_fetch_sub(&call->loop->reply_bytes, call->reply_bytes);
    arena_release(&call->arena);
    buffer_release(&call->reply);
    key_release(call->caller);
    memory_free(call->frame);
    memory_free(call);
}

static struct method_context
call_context(struct call *call, struct engine_worker *worker)
{
    return (struct method_context){
        .engine = call->loop->engine,
        .worker = worker,
        .arena = &call->arena,
        .arrived_ns = call->arrived_ns,
        .cancelled = &call->connection->gone,
        .caller = call->caller,
        .memory = &call->loop->memory,
        .gives_way = call->gives_way,
        .use = call->is_write ? NULL : &call->spend.use,
        .recording = call->is_write ? NULL : &call->recording.check,
    };
}

/* On a thread of the pool, which may be faster than the loop that sends: what it has no room for is
 * given up here, but for the only one that waits. */
static void
count_reply(struct call *call)
{
    struct loop *loop = call->loop;
    struct error error;

    size_t waiting = atomic_load(&loop->reply_bytes);

    if (call->reply.capacity > LIMIT_SMALL && waiting > 0 &&
        waiting + call->reply.capacity > loop->buffer_bound / LIMIT_REPLIES_PART) {
        buffer_release(&call->reply);
        call->reply_refused = true;
        error_set(&error, BEHALF_OVERLOADED, "the replies that wait take all the memory they may");
        error_hint(&error, "repeat it after retry_after_ms, or ask for less at a time");
        error.retry_after_ms = RETRY_AFTER_MS;
        dispatch_refuse(&call->request, &error, &call->reply);
    }
    call->reply_bytes = call->reply.capacity;
    atomic_fetch_add(&loop->reply_bytes, call->reply_bytes);
}

/* On a thread of the pool: a check that took its slice starts anew among the lookups, so that no
 * more than that is waited for by others. False: it was refused there, and told so. */
static bool
give_way(struct call *call)
{
    struct error error;

    call->gives_way = false;
    arena_release(&call->arena);
    call->class = ENGINE_CLASS_LOOKUP;
    call->job.queued.flow = &call->connection->flows[call->class];
    if (engine_submit(call->loop->engine, call->class, &call->job, &error) == BEHALF_OK)
        return true; /* it may be freed by now */
    dispatch_refuse(&call->request, &error, &call->reply);
    return false;
}

/* --- uses --- */

/* On the thread that knows it: the check is not run again. A write that failed is the answer. */
static void
spend_ended(struct spend *spend, const struct error *error)
{
    struct call *call = (struct call *)(void *)((char *)spend - offsetof(struct call, spend));

    if (error == &call->write.error)
        call->is_write = true;
    else if (error != NULL)
        dispatch_refuse(&call->request, error, &call->reply);
    loop_send(call->loop, &call->message);
}

/* On a thread of the pool, which is not held while the writer works. Nor is the arena: what the use
 * holds points into the frame. False: the writer refused, and it is told so. */
static bool
take_uses(struct call *call)
{
    struct error error;

    BEHALF_ASSERT(!call->is_write);
    arena_release(&call->arena);
    call->spend.engine = call->loop->engine;
    call->spend.job = &call->job;
    call->spend.class = call->class;
    call->spend.gone = &call->connection->gone;
    call->spend.ended = spend_ended;
    call->spend.caller = slice_of(call->caller->name);
    if (spend_begin(&call->spend, &call->connection->writes, &error) == BEHALF_OK)
        return true; /* it may be freed by now */
    dispatch_refuse(&call->request, &error, &call->reply);
    return false;
}

/* --- records --- */

/* On the thread that knows it: the check is not run again. */
static void
recording_ended(struct recording *recording, const struct error *error)
{
    struct call *call =
        (struct call *)(void *)((char *)recording - offsetof(struct call, recording));

    arena_release(&call->arena);
    if (error != NULL)
        dispatch_refuse(&call->request, error, &call->reply);
    loop_send(call->loop, &call->message);
}

/* What the answer points to lies in the arena, which stays until the check is run again. */
static void
begin_recording(struct call *call)
{
    recording_init(&call->recording);
    call->recording.engine = call->loop->engine;
    call->recording.job = &call->job;
    call->recording.gone = &call->connection->gone;
    call->recording.ended = recording_ended;
}

/* --- the pool --- */

/* True when the call is on its way to somebody else. */
static bool
run(struct call *call, struct engine_worker *worker)
{
    struct method_context context = call_context(call, worker);

    call->recording.class = call->class;
    switch (dispatch_run(&context, &call->request, &call->reply)) {
    case DISPATCH_REPLIED:
        return false;
    case DISPATCH_SPEND:
        return !atomic_load(&call->connection->gone) && take_uses(call);
    case DISPATCH_RECORD:
        call->gives_way = false;
        recording_leave(&call->recording); /* it may be freed by now */
        return true;
    case DISPATCH_POOL:
        if (call->gives_way)
            return give_way(call);
        dispatch_stuck(&context, &call->request, &call->reply);
        return false;
    case DISPATCH_WRITE:
    case DISPATCH_CLOSE:
        break;
    }
    BEHALF_UNREACHABLE();
}

/* On a thread of the pool. A check whose chain of grants has uses comes here twice: it finds that
 * it would allow, the writer takes the uses, and it is decided again. */
static void
run_on_pool(struct engine_job *job, struct engine_worker *worker)
{
    struct call *call = (struct call *)(void *)((char *)job - offsetof(struct call, job));

    if (!atomic_load(&call->connection->gone) && run(call, worker))
        return;
    arena_release(&call->arena);
    count_reply(call);
    loop_send(call->loop, &call->message);
}

/* On a thread of the engine: the deadline came while the call was queued. */
static void
expire_on_pool(struct engine_job *job)
{
    struct call *call = (struct call *)(void *)((char *)job - offsetof(struct call, job));
    struct error error;

    error_set(&error, BEHALF_DEADLINE, "the request did not begin before its deadline");
    error_hint(&error, "the server is busy: send less at a time, or allow more time");
    spend_hint(&call->spend, &error);
    if (call->is_write) {
        call->write.error = error;
        call->write.status = BEHALF_DEADLINE;
    } else {
        dispatch_refuse(&call->request, &error, &call->reply);
    }
    loop_send(call->loop, &call->message);
}

/* What takes long by its size is among the lookups: it must not keep short checks waiting. */
static enum engine_class
class_of(const struct request *request, struct slice frame)
{
    switch (request->method->class) {
    case METHOD_CLASS_ADMIN:
        return ENGINE_CLASS_ADMIN;
    case METHOD_CLASS_LOOKUP:
        return ENGINE_CLASS_LOOKUP;
    case METHOD_CLASS_TRIVIAL:
    case METHOD_CLASS_INLINE:
    case METHOD_CLASS_WRITE:
        break;
    }
    return frame.size > LIMIT_INLINE_FRAME ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK;
}

void
call_read(struct connection *connection, struct request *request, struct slice frame,
          struct buffer *out)
{
    enum engine_class class = class_of(request, frame);
    struct engine_queued queued = {
        .flow = &connection->flows[class],
        .deadline_ns =
            method_deadline_ns(request->method, request->arguments, connection->arrived_ns),
    };
    struct call *call;
    struct error error;

    if (!admitted(connection->loop, request, frame, out))
        return;
    if (engine_ask(connection->loop->engine, class, &queued, &error) != BEHALF_OK) {
        refuse(connection, request, &error, out);
        return;
    }
    call = call_new(connection, request, frame);
    call->job = (struct engine_job){queued, run_on_pool, expire_on_pool};
    call->class = class;
    spend_init(&call->spend, &call->write);
    begin_recording(call);
    call->gives_way = class == ENGINE_CLASS_CHECK;
    if (engine_submit(call->loop->engine, class, &call->job, &error) != BEHALF_OK) {
        dispatch_refuse(request, &error, out);
        call_free(call);
    }
}

/* --- writes --- */

/* On the writer's thread or that of its deadlines. */
static void
give_back_write(struct engine_write *write)
{
    struct call *call = write->owner;

    loop_send(call->loop, &call->message);
}

/* On a thread of the pool: what a write needs before the writer sees it. */
static void
prepare_write(struct engine_job *job, struct engine_worker *worker)
{
    struct call *call = (struct call *)(void *)((char *)job - offsetof(struct call, job));
    struct engine_write *write = &call->write;

    if (engine_write_prepare(worker, write) == BEHALF_OK) {
        enum status status = engine_write_submit(call->loop->engine, write, &write->error);

        if (status == BEHALF_OK)
            return; /* the writer gives the call back: it may be freed by now */
        write->status = status;
        engine_write_abandon(write);
    }
    loop_send(call->loop, &call->message);
}

/* Writes of a connection reach the writer in the order in which they were sent: of two that name
 * the same relationship the last one counts. So all of them are decoded on the loop. */
static enum status
submit_write(struct call *call, struct error *error)
{
    if (!engine_write_needs_preparing(&call->write))
        return engine_write_submit(call->loop->engine, &call->write, error);
    call->job.run = prepare_write;
    call->job.expire = expire_on_pool;
    call->job.queued.flow = &call->connection->flows[ENGINE_CLASS_LOOKUP];
    call->job.queued.deadline_ns = call->write.queued.deadline_ns;
    return engine_submit(call->loop->engine, ENGINE_CLASS_LOOKUP, &call->job, error);
}

/* What takes authority away is not asked to wait for others (struct engine_queued), nor what gives
 * back what was taken so: it keeps its place among them. */
static bool
goes_first(const struct method *method)
{
    return method->prepare == method_sessions_suspend ||
           method->prepare == method_sessions_revoke || method->prepare == method_sessions_resume ||
           method->prepare == method_grants_revoke || method->prepare == method_agents_kill ||
           method->prepare == method_agents_restore;
}

void
call_write(struct connection *connection, struct request *request, struct slice frame,
           struct buffer *out)
{
    struct engine_queued queued = {
        .flow = &connection->writes,
        .deadline_ns =
            method_deadline_ns(request->method, request->arguments, connection->arrived_ns),
        .goes_first = goes_first(request->method),
    };
    struct method_context context;
    struct call *call;
    struct error error;

    /* Those that go first are bounded by their places with the writer. */
    if (!(queued.goes_first && frame.size <= LIMIT_SMALL) &&
        !admitted(connection->loop, request, frame, out))
        return;
    if (engine_write_ask(connection->loop->engine, &queued, &error) != BEHALF_OK) {
        refuse(connection, request, &error, out);
        return;
    }
    call = call_new(connection, request, frame);
    call->write.queued = queued;
    context = call_context(call, call->loop->worker);
    call->is_write = true;
    call->write.done = give_back_write;
    call->write.owner = call;
    if (!dispatch_prepare(&context, &call->request, &call->write, out)) {
        request->status = call->request.status;
        call_free(call);
        return;
    }
    /* Chunks double: at most half of what the arena took is not used. */
    count_bytes(call, 2 * call->arena.used_bytes);
    if (submit_write(call, &error) != BEHALF_OK) {
        dispatch_refuse(request, &error, out);
        call_free(call);
    }
}

/* What nobody waits for any more counts as what became of it; what was not run, not at all. */
static void
count(struct call *call)
{
    struct loop *loop = call->loop;

    if (call->is_write)
        call->request.status = call->write.status;
    if (call->reply_refused)
        net_count(&loop->counts, NET_LIMIT_REPLY_MEMORY);
    if (call->request.status != BEHALF_WOULD_BLOCK)
        net_count_returned(&loop->counts, &call->request, loop->now_ns - call->arrived_ns);
}

void
call_finish(struct call *call, struct buffer *out)
{
    if (out != NULL && call->is_write)
        dispatch_written(call->loop->worker, &call->request, &call->write, out);
    else if (out != NULL && out->size == 0 && call->reply.size > LIMIT_SMALL)
        buffer_swap(out, &call->reply);
    else if (out != NULL)
        buffer_add_slice(out, buffer_slice(&call->reply));
    count(call);
    call_free(call);
}
