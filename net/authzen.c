/* authzen.c - AuthZEN requests between the HTTP loop, the engine's pool and its writer.
 *
 * A request is admitted on the loop and answered on the pool (authzen_answer.h), but for short
 * evaluations: these are tried on the loop, by a worker that never waits, since two changes of
 * threads cost more than the answer. A check that takes uses of a grant goes to the writer and to
 * the pool again (spend.h), and so does what makes or cancels an access request. A call is in the
 * list until just before its exchange is answered, so that whoever went away is found. */
#include "net/authzen.h"

#include <pthread.h>

#include "base/digest.h"
#include "base/memory.h"
#include "net/authzen_admit.h"
#include "net/authzen_answer.h"
#include "net/authzen_counts.h"
#include "net/recording.h"
#include "net/spend.h"

#define INLINE_BODY_MAX ((size_t)4 * 1024)
#define FLOWS 64 /* queues of the engine; callers share them by their address */
#define API_PATH SLICE_LITERAL("/access/v1/")
#define METADATA_PATH SLICE_LITERAL("/.well-known/authzen-configuration")

struct call {
    struct engine_job job; /* first */
    struct spend spend;
    struct engine_write write;  /* of the uses, or of an access request */
    bool written;               /* that of an access request is done */
    struct recording recording; /* of an evaluation that waits for its record */
    struct authzen *authzen;
    struct http_exchange *exchange;
    struct authzen_admission admission;
    struct authzen_reply reply;
    struct arena arena;
    atomic_bool gone;
    bool gives_way; /* a check that was not among the lookups yet */
    size_t flow;
    struct call *next; /* in the list */
    struct call *previous;
};

struct authzen {
    struct authzen_options options;
    struct authzen_config config;
    struct engine_worker *worker; /* of the loop; may not block */
    struct arena arena;           /* the same: of one request */
    struct engine_flow flows[ENGINE_CLASS_COUNT][FLOWS];
    struct engine_flow writes[FLOWS];
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct call *calls; /* guarded by the lock; so are `next` and `previous` */
    size_t call_count;  /* the same: of those that were not freed yet */
};

/* --- life --- */

enum status
authzen_open(const struct authzen_options *options, struct authzen **result, struct error *error)
{
    struct authzen *authzen = memory_new(sizeof *authzen);

    authzen->options = *options;
    authzen->worker = engine_worker_new(options->engine, false);
    arena_init_request(&authzen->arena, LIMIT_CHECK_ARENA);
    (void)pthread_mutex_init(&authzen->lock, NULL);
    (void)pthread_cond_init(&authzen->idle, NULL);
    if (options->path != NULL) {
        enum status status = authzen_config_open(options->path, &authzen->config, error);

        if (status != BEHALF_OK) {
            authzen_close(authzen);
            return status;
        }
    }
    *result = authzen;
    return BEHALF_OK;
}

void
authzen_close(struct authzen *authzen)
{
    if (authzen == NULL)
        return;
    (void)pthread_mutex_lock(&authzen->lock);
    while (authzen->call_count > 0)
        (void)pthread_cond_wait(&authzen->idle, &authzen->lock);
    (void)pthread_mutex_unlock(&authzen->lock);
    authzen_config_close(&authzen->config);
    arena_release(&authzen->arena);
    engine_worker_free(authzen->worker);
    (void)pthread_cond_destroy(&authzen->idle);
    (void)pthread_mutex_destroy(&authzen->lock);
    memory_free(authzen);
}

/* --- calls --- */

/* Who asks for what they may not is in the record. */
static void
report(const struct authzen *authzen, struct http_exchange *exchange,
       const struct authzen_admission *admission, unsigned status)
{
    const struct http_request *request = http_exchange_request(exchange);
    const struct key *caller = admission->caller;

    if (status != 401 && status != 403)
        return;
    engine_audit_event(
        authzen->options.engine, status == 401 ? AUDIT_EVENT_KEY_REFUSED : AUDIT_EVENT_ROLE_REFUSED,
        &(struct engine_audit_report){
            .caller = caller != NULL ? (struct slice){caller->name, caller->name_size}
                                     : (struct slice){NULL, 0},
            .method = request->path,
            .peer = request->peer,
            .request_id = admission->request_id,
        });
}

static void
respond(struct authzen *authzen, struct http_exchange *exchange,
        const struct authzen_admission *admission, const struct authzen_reply *reply)
{
    struct http_field fields[AUTHZEN_FIELDS_MAX];
    struct http_response response = {
        .status = reply->status,
        .type = reply->type,
        .fields = fields,
        .body = buffer_slice(&reply->body),
    };
    struct buffer scratch;

    buffer_init(&scratch);
    report(authzen, exchange, admission, reply->status);
    response.field_count = authzen_reply_fields(reply, admission->request_id, fields, &scratch);
    authzen_count_reply(authzen->options.counts, admission->target.endpoint, reply->status);
    http_respond(exchange, &response);
    buffer_release(&scratch);
}

static void recording_ended(struct recording *recording, const struct error *error);

static struct call *
call_new(struct authzen *authzen, struct http_exchange *exchange,
         const struct authzen_admission *admission)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct call *call = memory_new(sizeof *call);

    call->authzen = authzen;
    call->exchange = exchange;
    call->admission = *admission;
    call->flow = digest_hash(request->peer) % FLOWS;
    authzen_reply_init(&call->reply);
    spend_init(&call->spend, &call->write);
    recording_init(&call->recording);
    call->recording.engine = authzen->options.engine;
    call->recording.job = &call->job;
    call->recording.gone = &call->gone;
    call->recording.ended = recording_ended;
    (void)pthread_mutex_lock(&authzen->lock);
    call->next = authzen->calls;
    if (call->next != NULL)
        call->next->previous = call;
    authzen->calls = call;
    authzen->call_count++;
    (void)pthread_mutex_unlock(&authzen->lock);
    return call;
}

/* From here on nobody finds the call by its exchange, which may be another's soon. */
static void
unlist(struct call *call)
{
    struct authzen *authzen = call->authzen;

    (void)pthread_mutex_lock(&authzen->lock);
    if (call->next != NULL)
        call->next->previous = call->previous;
    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        authzen->calls = call->next;
    (void)pthread_mutex_unlock(&authzen->lock);
}

/* Answers with what stands in the reply, and frees the call. */
static void
end_call(struct call *call)
{
    struct authzen *authzen = call->authzen;

    unlist(call);
    respond(authzen, call->exchange, &call->admission, &call->reply);
    key_release(call->admission.caller);
    authzen_reply_release(&call->reply);
    arena_release(&call->arena);
    memory_free(call);
    (void)pthread_mutex_lock(&authzen->lock);
    BEHALF_ASSERT(authzen->call_count > 0);
    if (--authzen->call_count == 0)
        (void)pthread_cond_broadcast(&authzen->idle);
    (void)pthread_mutex_unlock(&authzen->lock);
}

static void
end_with(struct call *call, const struct error *error)
{
    authzen_refuse_asked(call->admission.target.endpoint, error, &call->reply);
    end_call(call);
}

/* --- the pool --- */

static void
end_gone(struct call *call)
{
    authzen_refuse(&call->reply, 503, "the client went away");
    end_call(call);
}

static void
spend_ended(struct spend *spend, const struct error *error)
{
    struct call *call = (struct call *)(void *)((char *)spend - offsetof(struct call, spend));

    if (error == NULL)
        end_gone(call);
    else
        end_with(call, error);
}

/* The uses are taken, and the same is asked again. What the use holds lies in the arena and the
 * request: both stay. */
static void
take_uses(struct call *call)
{
    struct authzen *authzen = call->authzen;
    struct error error;

    if (atomic_load(&call->gone)) {
        end_gone(call);
        return;
    }
    if (call->spend.use.spent || call->spend.use.chain_length == 0) {
        (void)error_internal(&error, "a use is taken once", __FILE__, __LINE__, "%s", "");
        end_with(call, &error);
        return;
    }
    call->spend.engine = authzen->options.engine;
    call->spend.job = &call->job;
    call->spend.caller = slice_of(call->admission.caller->name);
    call->spend.gone = &call->gone;
    call->spend.ended = spend_ended;
    if (spend_begin(&call->spend, &authzen->writes[call->flow], &error) != BEHALF_OK)
        end_with(call, &error);
}

static void
submit(struct call *call)
{
    struct authzen *authzen = call->authzen;
    struct error error;

    call->job.queued.flow = &authzen->flows[call->spend.class][call->flow];
    if (engine_submit(authzen->options.engine, call->spend.class, &call->job, &error) != BEHALF_OK)
        end_with(call, &error);
}

/* On the writer's thread or that of its deadlines: the pool shows what became of the request. */
static void
request_written(struct engine_write *write)
{
    struct call *call = write->owner;

    if (write->status != BEHALF_OK) {
        end_with(call, &write->error);
        return;
    }
    call->written = true;
    submit(call);
}

/* The write is ready, and what it points to lies in the arena. */
static void
write_request(struct call *call)
{
    struct authzen *authzen = call->authzen;
    struct error error;

    call->write.queued.flow = &authzen->writes[call->flow];
    call->write.done = request_written;
    call->write.owner = call;
    if (engine_write_submit(authzen->options.engine, &call->write, &error) != BEHALF_OK)
        end_with(call, &error);
}

/* A check that took its slice starts anew among the lookups. */
static void
give_way(struct call *call)
{
    struct error error;

    if (!call->gives_way) {
        (void)error_internal(&error, "a worker of the pool may block", __FILE__, __LINE__, "%s",
                             "");
        end_with(call, &error);
        return;
    }
    call->gives_way = false;
    call->spend.class = ENGINE_CLASS_LOOKUP;
    submit(call);
}

static void
recording_ended(struct recording *recording, const struct error *error)
{
    struct call *call =
        (struct call *)(void *)((char *)recording - offsetof(struct call, recording));

    if (error == NULL)
        end_gone(call);
    else
        end_with(call, error);
}

static void
run_on_pool(struct engine_job *job, struct engine_worker *worker)
{
    struct call *call = (struct call *)(void *)job;
    struct authzen *authzen = call->authzen;
    const struct authzen_asked asked = {
        .config = &authzen->config,
        .endpoint = call->admission.target.endpoint,
        .text = http_exchange_request(call->exchange)->body,
        .idempotency_key = call->admission.idempotency_key,
        .caller = call->admission.caller,
        .engine = authzen->options.engine,
        .worker = worker,
        .arena = &call->arena,
        .cancelled = &call->gone,
        .task = call->admission.target.task,
        .use = &call->spend.use,
        .write = &call->write,
        .written = call->written,
        .recording = &call->recording.check,
        .request_id = call->admission.request_id,
        .arrived_ns = http_exchange_arrived_ns(call->exchange),
        .gives_way = call->gives_way,
    };
    enum status status;

    if (atomic_load(&call->gone)) {
        end_gone(call);
        return;
    }
    call->recording.class = call->spend.class;
    status = authzen_answer(&asked, &call->reply);
    if (status == BEHALF_MUST_SPEND) {
        take_uses(call);
    } else if (status == BEHALF_MUST_RECORD) {
        call->gives_way = false;
        recording_leave(&call->recording); /* it may be freed by now */
    } else if (status == BEHALF_MUST_WRITE) {
        write_request(call);
    } else if (status == BEHALF_WOULD_BLOCK) {
        give_way(call);
    } else {
        end_call(call);
    }
}

/* On a thread of the engine: the deadline came while the call was queued. */
static void
expire_on_pool(struct engine_job *job)
{
    struct call *call = (struct call *)(void *)job;
    struct error error;

    (void)error_set(&error, BEHALF_DEADLINE, "the request did not begin before its deadline");
    spend_hint(&call->spend, &error);
    if (call->written)
        error_hint(&error, "the access request was written: repeat the call with the same "
                           "Idempotency-Key to see it");
    end_with(call, &error);
}

/* --- the loop --- */

bool
authzen_handles(struct slice path)
{
    if (slice_starts_with(path, API_PATH))
        return true;
    return slice_starts_with(path, METADATA_PATH) &&
           (path.size == METADATA_PATH.size || path.data[METADATA_PATH.size] == '/');
}

struct http_verdict
authzen_judge(struct authzen *authzen, const struct http_request *head)
{
    (void)head;
    if (authzen->options.path == NULL)
        return (struct http_verdict){.status = 404};
    return (struct http_verdict){.body_max = AUTHZEN_BODY_SIZE_MAX};
}

/* What is answered without the engine. */
static void
answer_here(struct authzen *authzen, struct http_exchange *exchange,
            const struct authzen_admission *admission, struct authzen_reply *reply, bool admitted)
{
    if (admitted)
        authzen_put_metadata(&authzen->config, &reply->body);
    respond(authzen, exchange, admission, reply);
}

/* A short evaluation of what is in memory. False: the pool is to answer. */
static bool
evaluate_here(struct authzen *authzen, struct http_exchange *exchange,
              const struct authzen_admission *admission, struct authzen_reply *reply)
{
    const struct http_request *request = http_exchange_request(exchange);
    struct engine_use use = {.write = NULL}; /* of a grant with uses: the pool takes them */
    const struct authzen_asked asked = {
        .config = &authzen->config,
        .endpoint = admission->target.endpoint,
        .text = request->body,
        .idempotency_key = admission->idempotency_key,
        .caller = admission->caller,
        .engine = authzen->options.engine,
        .worker = authzen->worker,
        .arena = &authzen->arena,
        .use = &use,
        .request_id = admission->request_id,
        .arrived_ns = http_exchange_arrived_ns(exchange),
        .on_loop = true,
    };

    if (admission->target.endpoint != AUTHZEN_EVALUATION || request->body.size > INLINE_BODY_MAX)
        return false;
    arena_reset(&authzen->arena, LIMIT_CHECK_ARENA);
    if (authzen_answer(&asked, reply) != BEHALF_OK)
        return false;
    respond(authzen, exchange, admission, reply);
    key_release(admission->caller);
    return true;
}

static void
submit_new(struct authzen *authzen, struct http_exchange *exchange,
           const struct authzen_admission *admission)
{
    size_t body_size = http_exchange_request(exchange)->body.size;
    int64_t arrived_ns = http_exchange_arrived_ns(exchange);
    struct call *call = call_new(authzen, exchange, admission);

    call->spend.class = authzen_class(admission->target.endpoint, body_size);
    call->gives_way = call->spend.class == ENGINE_CLASS_CHECK;
    arena_init_request(&call->arena, call->gives_way ? LIMIT_CHECK_ARENA : LIMIT_LOOKUP_ARENA);
    call->job = (struct engine_job){
        .queued = {.deadline_ns = authzen_deadline_ns(admission->target.endpoint, arrived_ns)},
        .run = run_on_pool,
        .expire = expire_on_pool,
    };
    submit(call);
}

static void
count_key(struct authzen_counts *counts, enum authzen_key key)
{
    if (key != AUTHZEN_KEY_NONE)
        atomic_fetch_add_explicit(key == AUTHZEN_KEY_KNOWN ? &counts->keys_known
                                                           : &counts->keys_unknown,
                                  1, memory_order_relaxed);
}

void
authzen_handle(struct authzen *authzen, struct http_exchange *exchange)
{
    struct authzen_admission admission;
    struct authzen_reply reply;
    bool admitted;

    authzen_reply_init(&reply);
    admitted =
        authzen_admit(&authzen->config, authzen->options.keys, http_exchange_request(exchange),
                      http_exchange_arrived_ns(exchange), &admission, &reply);
    count_key(authzen->options.counts, admission.key);
    if (!admitted || admission.target.endpoint == AUTHZEN_METADATA)
        answer_here(authzen, exchange, &admission, &reply, admitted);
    else if (!evaluate_here(authzen, exchange, &admission, &reply))
        submit_new(authzen, exchange, &admission);
    authzen_reply_release(&reply);
}

void
authzen_gone(struct authzen *authzen, struct http_exchange *exchange)
{
    (void)pthread_mutex_lock(&authzen->lock);
    for (struct call *call = authzen->calls; call != NULL; call = call->next)
        if (call->exchange == exchange)
            atomic_store(&call->gone, true);
    (void)pthread_mutex_unlock(&authzen->lock);
}
