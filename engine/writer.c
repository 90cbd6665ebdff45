/* writer.c - the queue, the thread, and the order of a group: decide, sync once, show, answer. */
#include "engine/writer.h"

#include <errno.h>
#include <pthread.h>

#include "base/memory.h"
#include "base/priority.h"
#include "engine/agents.h"
#include "engine/deadlines.h"
#include "engine/fair_queue.h"
#include "engine/state.h"
#include "engine/stops.h"
#include "engine/token.h"
#include "engine/upkeep.h"
#include "engine/wait_estimate.h"
#include "engine/write.h"
#include "engine/write_changes.h"
#include "engine/write_repeat.h"

#define ARENA_CAP ((size_t)16 * 1024 * 1024)
/* Silence after which a burst has ended: longer than a client takes from a reply to its next write,
 * so that a client that writes one after the other pays for one sync each, not for two. */
#define SETTLE_MS 20
/* A write that would wait beyond this part of the time it has left is refused, and so is one
 * without a deadline that would wait for so long and not be in the next group: its caller is told
 * while that is still of use, and the time of those that are taken goes to answers that somebody
 * waits for. */
#define WAIT_PART 3
#define WAIT_MAX_NS INT64_C(1000000000)
#define TRANSACTION_UNITS 3 /* what one costs beside its updates, in updates */
#define LARGE_GROUP_UNITS 512
#define UPDATE_NS 10000 /* what one is thought to cost before any was measured */

struct writer {
    struct engine *engine;
    pthread_t thread;
    struct deadlines *deadlines;
    pthread_mutex_t lock; /* guards all up to `stopping` */
    pthread_cond_t wake;
    struct fair_queue front; /* what takes authority away: taken before the others */
    struct fair_queue queue;
    uint64_t queued_units;       /* of `queue` */
    uint64_t deciding_units;     /* of the group that was taken: it is answered as a whole */
    struct wait_estimate wait;   /* a unit is an update */
    struct wait_estimate beside; /* a unit is what a group costs beside its updates */
    uint64_t groups;
    uint64_t refused;
    bool stopping;

    /* The writer thread's. */
    struct upkeep upkeep;
    struct write_group group;
    struct write_changes changes; /* of the transactions of the group that committed */
    uint64_t last_revision;       /* of the group; 0 = nothing committed */

    /* Written by the writer thread, read by any. */
    struct metric_histogram sizes;
    struct metric_histogram syncs;
    struct metric_histogram groups_took;
    _Atomic int64_t alive_ns;
};

static bool
is_waiting(const struct writer *writer)
{
    return writer->front.length > 0 || writer->queue.length > 0;
}

/* --- one transaction --- */

static enum status
check_sizes(const struct engine_write *write, struct error *error)
{
    if (write->precondition_count > ENGINE_PRECONDITIONS_MAX)
        return error_set(error, BEHALF_TOO_MANY_PRECONDITIONS_IN_REQUEST,
                         "the write has %zu preconditions; at most %d are allowed",
                         write->precondition_count, ENGINE_PRECONDITIONS_MAX);
    if (write->metadata.size > WRITE_METADATA_SIZE_MAX)
        return error_set(error, BEHALF_TRANSACTION_METADATA_TOO_LARGE,
                         "the metadata has %zu bytes; at most %d are allowed", write->metadata.size,
                         WRITE_METADATA_SIZE_MAX);
    if (write->kind == WRITE_DELETE && write->idempotency_key.size > 0)
        return error_set(error, BEHALF_UNKNOWN_ARGUMENT,
                         "a delete takes no idempotency key: its count could not be told again");
    return BEHALF_OK;
}

static enum status
decide(struct writer *writer, struct store_transaction *transaction, struct engine_write *write)
{
    struct write_group *group = &writer->group;
    const struct env *env = writer->engine->env;

    arena_reset(&group->arena, ARENA_CAP);
    budget_init(&group->budget, env, LIMIT_CHECK_EDGES, env_monotonic_ns(env) + LIMIT_CHECK_NS,
                NULL);
    switch (write->kind) {
    case WRITE_RELATIONSHIPS:
        return write_relationships(group, transaction, write);
    case WRITE_DELETE:
        return write_delete(group, transaction, write);
    case WRITE_SCHEMA:
        return write_schema(group, transaction, write);
    case WRITE_SWEEP:
        return write_sweep(group, transaction, write);
    case WRITE_SESSION_CREATE:
        return write_session_create(group, transaction, write);
    case WRITE_SESSION_CHANGE:
        return write_session_change(group, transaction, write);
    case WRITE_GRANT_CREATE:
        return write_grant_create(group, transaction, write);
    case WRITE_GRANT_DELEGATE:
        return write_grant_delegate(group, transaction, write);
    case WRITE_GRANT_REVOKE:
        return write_grant_revoke(group, transaction, write);
    case WRITE_REQUEST_CREATE:
        return write_request_create(group, transaction, write);
    case WRITE_REQUEST_APPROVE:
        return write_request_approve(group, transaction, write);
    case WRITE_REQUEST_CLOSE:
        return write_request_close(group, transaction, write);
    case WRITE_STOP:
        return write_stop(group, transaction, write);
    case WRITE_USE:
        return write_use(group, transaction, write);
    case WRITE_ATTRIBUTES:
        return write_attributes(group, transaction, write);
    }
    BEHALF_UNREACHABLE();
}

/* From here on the group is decided against the schema this transaction wrote. */
static enum status
adopt_schema(struct writer *writer, struct engine_write *write)
{
    struct write_group *group = &writer->group;
    struct binding *binding = NULL;
    enum status status = binding_new(group->compiled, write->revision, writer->engine->store,
                                     &binding, &write->error);

    if (status != BEHALF_OK) {
        atomic_store(&writer->engine->broken, true);
        return status;
    }
    binding_unref(group->binding);
    group->binding = binding;
    return BEHALF_OK;
}

/* Frees the transaction. */
static enum status
commit(struct writer *writer, struct store_transaction *transaction, struct engine_write *write)
{
    char room[WRITE_REQUEST_KEY_SIZE];
    enum status status =
        write_changes_note(&writer->changes, &writer->group, transaction, &write->error);

    if (status != BEHALF_OK) {
        store_transaction_abort(transaction);
        return status;
    }
    if (write->metadata.size > 0)
        store_transaction_metadata(transaction, write->metadata);
    if (write->kind != WRITE_SWEEP)
        store_transaction_caller(transaction, write->caller);
    if (write->idempotency_key.size > 0)
        store_transaction_request(transaction, write_request_key(write, room),
                                  write->request_digest);
    status = store_transaction_commit(transaction, writer->group.time.kept, &write->revision,
                                      &write->error);
    write_changes_settle(&writer->changes, &writer->group, status, write->revision);
    if (status != BEHALF_OK)
        return status;
    writer->last_revision = write->revision;
    return write->kind == WRITE_SCHEMA ? adopt_schema(writer, write) : BEHALF_OK;
}

static enum status
run_one(struct writer *writer, struct engine_write *write)
{
    struct store_transaction *transaction = NULL;
    enum status status = check_sizes(write, &write->error);

    if (status != BEHALF_OK)
        return status;
    if (atomic_load(&writer->engine->broken))
        return error_set(&write->error, BEHALF_SERVICE_READ_ONLY,
                         "writing stopped after a failure, until the server is restarted");
    status = store_transaction_begin(writer->engine->store, &transaction, &write->error);
    if (status != BEHALF_OK)
        return status;
    writer->group.time = clock_read(&writer->engine->clock);
    status = write_find_repeated(transaction, writer->group.time.kept, write);
    if (status == BEHALF_OK && !write->repeated)
        status = decide(writer, transaction, write);
    if (status == BEHALF_OK && !write->repeated)
        status = commit(writer, transaction, write);
    else
        store_transaction_abort(transaction);
    if (status == BEHALF_DONE) {
        write->revision = store_head_revision(writer->engine->store);
        status = BEHALF_OK;
    }
    schema_unref(writer->group.compiled);
    writer->group.compiled = NULL;
    return status;
}

/* --- one group --- */

/* Whoever needed this group's state to be durable is told that nobody knows whether it is. One that
 * was refused may have been refused because of it; only a repeated write of before is sure. */
static void
fail_group(struct engine_write *first, uint64_t published, const struct error *error)
{
    for (struct engine_write *write = first; write != NULL; write = write->next) {
        if (write->status == BEHALF_OK && write->revision <= published)
            continue;
        write->status = error_set(&write->error, BEHALF_OUTCOME_UNKNOWN,
                                  "the write may or may not have happened: %s", error->message);
        error_hint(&write->error, "once the server writes again, repeat it with the same "
                                  "idempotency key, or read what is stored");
    }
}

/* Under the lock. Small groups say what a group costs, large ones what an update does: a write of
 * one update that took long says nothing of a thousand. */
static void
note_group(struct writer *writer, int64_t took_ns)
{
    uint64_t units = writer->deciding_units;
    int64_t part;

    if (units < LARGE_GROUP_UNITS) {
        part = took_ns - wait_estimate_ns(&writer->wait, writer->wait.since_ns, units);
        wait_estimate_note(&writer->beside, part > 0 ? part : 0, 1);
    } else {
        part = took_ns - wait_estimate_ns(&writer->beside, 0, 1);
        wait_estimate_note(&writer->wait, part > took_ns / 2 ? part : took_ns / 2, units);
    }
}

static void
observe_ns(struct metric_histogram *histogram, int64_t took_ns)
{
    metric_observe(histogram, metric_times_ns, took_ns > 0 ? (uint64_t)took_ns : 0, 1);
}

static void
count_group(struct writer *writer, const struct engine_write *first)
{
    int64_t now = env_monotonic_ns(writer->engine->env);
    uint64_t refused = 0;
    uint64_t size = 0;

    for (const struct engine_write *write = first; write != NULL; write = write->next) {
        refused += write->status != BEHALF_OK;
        size++;
    }
    metric_observe(&writer->sizes, metric_sizes, size, 1);
    observe_ns(&writer->groups_took, now - atomic_load(&writer->alive_ns));
    pthread_mutex_lock(&writer->lock);
    if (writer->deciding_units > 0) { /* else it is upkeep, which the next one waited for too */
        if (writer->wait.since_ns != 0)
            note_group(writer, now - writer->wait.since_ns);
        writer->wait.since_ns = is_waiting(writer) ? now : 0;
    }
    writer->deciding_units = 0;
    writer->groups++;
    writer->refused += refused;
    pthread_mutex_unlock(&writer->lock);
}

static void
answer_group(struct writer *writer, struct engine_write *first)
{
    struct engine_write *next;

    for (struct engine_write *write = first; write != NULL; write = next) {
        next = write->next; /* `done` may free it */
        if (write->status == BEHALF_OK)
            token_seal(writer->engine->store, write->revision, &write->written_at);
        write->next = NULL;
        write->done(write);
    }
}

/* What the group leaves, with the last revision that changed a session, grant or stop. */
static void
publish_group(struct writer *writer, const struct published *last)
{
    struct write_group *group = &writer->group;
    uint64_t records = writer->changes.records_revision;

    engine_publish(writer->engine, writer->last_revision,
                   group->binding == NULL ? NULL : binding_ref(group->binding),
                   stops_ref(group->stops), records != 0 ? records : last->records_revision);
}

static void
trim_caches(struct engine *engine)
{
    struct published *published = engine_published(engine);

    graph_trim(engine->graph, published->revision);
    record_cache_trim(engine->records, published->revision);
    published_unref(published);
}

static enum status
sync_group(struct writer *writer, struct error *error)
{
    const struct env *env = writer->engine->env;
    int64_t begun = env_monotonic_ns(env);
    enum status status = store_sync(writer->engine->store, error);

    observe_ns(&writer->syncs, env_monotonic_ns(env) - begun);
    return status;
}

static void
run_group(struct writer *writer, struct engine_write *first)
{
    struct engine *engine = writer->engine;
    struct published *published = engine_published(engine);
    struct error error = {.status = BEHALF_OK};
    enum status status = BEHALF_OK;

    write_changes_begin(&writer->changes);
    writer->last_revision = 0;
    writer->group.binding = published->binding == NULL ? NULL : binding_ref(published->binding);
    writer->group.stops = stops_ref(published->stops);
    for (struct engine_write *write = first; write != NULL; write = write->next) {
        write->error = (struct error){.status = BEHALF_OK, .index = ERROR_NO_INDEX};
        write->status = run_one(writer, write);
        engine_write_abandon(write); /* of one that was refused before it was looked at */
    }
    if (writer->last_revision != 0)
        status = sync_group(writer, &error);
    if (status == BEHALF_OK && atomic_load(&engine->broken) && writer->last_revision != 0)
        status = error_set(&error, BEHALF_STORAGE_CORRUPT, "the schema written cannot be used");
    if (status != BEHALF_OK)
        fail_group(first, published->revision, &error);
    /* Also after a failure: what storage shows now is not what the caches have read before. */
    write_changes_apply(&writer->changes, published->revision);
    if (status == BEHALF_OK && writer->last_revision != 0)
        publish_group(writer, published);
    binding_unref(writer->group.binding);
    stops_unref(writer->group.stops);
    writer->group.binding = NULL;
    writer->group.stops = NULL;
    published_unref(published);
    count_group(writer, first);
    answer_group(writer, first);
    trim_caches(engine);
}

/* --- what nobody asked for --- */

static void
ignore(struct engine_write *write)
{
    (void)write;
}

static void
say_alive(struct writer *writer)
{
    atomic_store(&writer->alive_ns, env_monotonic_ns(writer->engine->env));
}

/* Whether there is more to do at once; whoever waits in the queue comes first. */
static bool
keep_up(struct writer *writer)
{
    struct engine_write sweep = {.kind = WRITE_SWEEP, .done = ignore};

    if (!upkeep_step(&writer->upkeep))
        return false;
    say_alive(writer);
    run_group(writer, &sweep);
    return upkeep_swept(&writer->upkeep, &sweep);
}

/* --- the queue and the thread --- */

/* On the clock of `wake`, which no env stands before: how often to look, not what is seen. */
static struct timespec
tick_after(long wait_ms)
{
    struct timespec tick;

    (void)clock_gettime(CLOCK_MONOTONIC, &tick);
    tick.tv_nsec += wait_ms % 1000 * 1000000L;
    tick.tv_sec += wait_ms / 1000 + tick.tv_nsec / 1000000000;
    tick.tv_nsec %= 1000000000;
    return tick;
}

static struct engine_write *
write_of(struct engine_queued *queued)
{
    return (struct engine_write *)(void *)queued;
}

static uint64_t
units_of(const struct engine_write *write)
{
    if (write->kind == WRITE_RELATIONSHIPS)
        return TRANSACTION_UNITS + write->update_count;
    if (write->kind == WRITE_ATTRIBUTES)
        return TRANSACTION_UNITS + write->attributes->update_count;
    return TRANSACTION_UNITS;
}

/* What takes authority away goes first, whatever others wait for. */
static bool
goes_first(const struct engine_write *write)
{
    switch (write->kind) {
    case WRITE_SESSION_CHANGE: /* a resume too: it must not be decided after a later suspend */
    case WRITE_GRANT_REVOKE:
    case WRITE_STOP:
        return true;
    case WRITE_RELATIONSHIPS:
    case WRITE_DELETE:
    case WRITE_SCHEMA:
    case WRITE_SESSION_CREATE:
    case WRITE_GRANT_CREATE:
    case WRITE_GRANT_DELEGATE:
    case WRITE_REQUEST_CREATE:
    case WRITE_REQUEST_APPROVE:
    case WRITE_REQUEST_CLOSE:
    case WRITE_USE:
    case WRITE_ATTRIBUTES:
    case WRITE_SWEEP:
        break;
    }
    return false;
}

/* Nothing of the write was looked at, nor will be. */
static void
expire_write(struct engine_write *write)
{
    write->error = (struct error){.status = BEHALF_OK, .index = ERROR_NO_INDEX};
    write->status = error_set(&write->error, BEHALF_DEADLINE,
                              "the write did not begin before its deadline: nothing was written");
    error_hint(&write->error, "the server is busy: send less at a time, or allow more time");
    engine_write_abandon(write);
    write->done(write);
}

static void
expire_writes(struct engine_queued *expired)
{
    while (expired != NULL) {
        struct engine_queued *next = expired->next;

        expired->next = NULL;
        expire_write(write_of(expired));
        expired = next;
    }
}

/* Under the lock: the write has left the queue and will not be decided. */
static void
count_expired(struct writer *writer, const struct engine_write *write)
{
    if (!write->queued.goes_first)
        writer->queued_units -= units_of(write);
    writer->refused++;
}

/* Under the lock. */
static struct engine_queued *
expire_one(struct writer *writer, struct fair_queue *queue, int64_t now_ns, int64_t *earliest_ns)
{
    int64_t earliest;
    struct engine_queued *expired = fair_queue_expire(queue, now_ns, &earliest);

    for (struct engine_queued *item = expired; item != NULL; item = item->next)
        count_expired(writer, write_of(item));
    if (earliest < *earliest_ns)
        *earliest_ns = earliest;
    return expired;
}

/* On the thread of the deadlines. */
static int64_t
expire_queue(void *owner, int64_t now_ns)
{
    struct writer *writer = owner;
    struct engine_queued *first;
    struct engine_queued *others;
    int64_t earliest = INT64_MAX;

    pthread_mutex_lock(&writer->lock);
    first = expire_one(writer, &writer->front, now_ns, &earliest);
    others = expire_one(writer, &writer->queue, now_ns, &earliest);
    if (!is_waiting(writer) && writer->deciding_units == 0)
        wait_estimate_end(&writer->wait);
    pthread_mutex_unlock(&writer->lock);
    expire_writes(first);
    expire_writes(others);
    return earliest;
}

/* A group that is being taken off the queues. */
struct taking {
    int64_t now_ns;
    struct engine_write **end; /* of the group */
    size_t count;
    struct engine_queued **expired; /* end of what waited until its deadline */
};

/* Under the lock: from one queue, until the group has so many writes, and so many units of this
 * queue. */
static void
take_from(struct writer *writer, struct fair_queue *queue, size_t count_max, uint64_t units_max,
          struct taking *taking)
{
    uint64_t units = 0;

    while (queue->length > 0 && taking->count < count_max && units < units_max) {
        struct engine_write *write = write_of(fair_queue_pop(queue));

        if (!write->queued.goes_first)
            writer->queued_units -= units_of(write);
        if (write->queued.deadline_ns != 0 && write->queued.deadline_ns <= taking->now_ns) {
            writer->refused++;
            *taking->expired = &write->queued;
            taking->expired = &write->queued.next;
            continue;
        }
        units += units_of(write);
        *taking->end = write;
        taking->end = &write->next;
        taking->count++;
    }
    writer->deciding_units += units;
}

/* Under the lock: a group of what waits, and what waited until its deadline, which the thread of
 * the deadlines has not seen yet. A group that begins with the front is short, as it is answered
 * as a whole; half of its places are for the others, so that no flood of revocations shuts them
 * out. */
static struct engine_write *
pop_group(struct writer *writer, struct engine_queued **expired)
{
    struct engine_write *first = NULL;
    struct taking taking = {
        .now_ns = env_monotonic_ns(writer->engine->env),
        .end = &first,
        .expired = expired,
    };

    take_from(writer, &writer->front, LIMIT_WRITE_GROUP / 2, LIMIT_WRITE_GROUP_UNITS, &taking);
    take_from(writer, &writer->queue, LIMIT_WRITE_GROUP,
              taking.count > 0 ? LIMIT_WRITE_FRONT_UNITS : LIMIT_WRITE_GROUP_UNITS, &taking);
    *taking.end = NULL;
    if (first == NULL)
        wait_estimate_end(&writer->wait);
    return first;
}

/* Takes up to one group of what waits; NULL when there is none for so long. *stopped when nothing
 * waits and nothing more will. */
static struct engine_write *
take_group(struct writer *writer, long wait_ms, bool *stopped)
{
    struct timespec tick = tick_after(wait_ms);
    struct engine_queued *expired = NULL;
    struct engine_write *first;
    int waited = wait_ms == 0 ? ETIMEDOUT : 0;

    pthread_mutex_lock(&writer->lock);
    while (!is_waiting(writer) && !writer->stopping && waited == 0)
        waited = pthread_cond_timedwait(&writer->wake, &writer->lock, &tick);
    first = pop_group(writer, &expired);
    *stopped = first == NULL && writer->stopping;
    pthread_mutex_unlock(&writer->lock);
    expire_writes(expired);
    return first;
}

static void *
writer_run(void *argument)
{
    struct writer *writer = argument;
    bool stopped = false;
    long wait_ms = UPKEEP_TICK_MS;

    (void)pthread_setname_np(pthread_self(), "writer");
    priority_lower();
    while (!stopped) {
        struct engine_write *first = take_group(writer, wait_ms, &stopped);

        say_alive(writer);
        wait_ms = UPKEEP_TICK_MS;
        if (first != NULL) {
            run_group(writer, first);
            wait_ms = SETTLE_MS;
        } else {
            store_settle(writer->engine->store);
            trim_caches(writer->engine);
        }
        if (!stopped && keep_up(writer))
            wait_ms = 0;
    }
    upkeep_end(&writer->upkeep);
    return NULL;
}

struct writer *
writer_new(struct engine *engine)
{
    struct writer *writer = memory_new(sizeof *writer);
    pthread_condattr_t monotonic;
    int failure;

    writer->engine = engine;
    writer->group.engine = engine;
    arena_init(&writer->group.arena, ARENA_CAP);
    writer->group.counts = write_counts_new();
    buffer_init(&writer->group.record);
    buffer_init(&writer->group.block);
    write_changes_init(&writer->changes, engine);
    writer->front.one_flow = true;
    pthread_mutex_init(&writer->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    upkeep_init(&writer->upkeep, engine);
    say_alive(writer);
    wait_estimate_note(&writer->wait, (int64_t)LARGE_GROUP_UNITS * UPDATE_NS, LARGE_GROUP_UNITS);
    writer->deadlines = deadlines_new(engine->env, expire_queue, writer, "write deadlines");
    failure = pthread_create(&writer->thread, NULL, writer_run, writer);
    BEHALF_ASSERT(failure == 0);
    return writer;
}

void
writer_free(struct writer *writer)
{
    if (writer == NULL)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    deadlines_free(writer->deadlines);
    BEHALF_ASSERT(!is_waiting(writer) && writer->queued_units == 0);
    pthread_cond_destroy(&writer->wake);
    pthread_mutex_destroy(&writer->lock);
    arena_release(&writer->group.arena);
    write_counts_free(writer->group.counts);
    buffer_release(&writer->group.record);
    buffer_release(&writer->group.block);
    write_changes_release(&writer->changes);
    memory_free(writer);
}

/* --- submitting --- */

/* What stands between a write that is submitted now and its group: each write costs as much as what
 * is queued does in the mean. */
struct ahead {
    uint64_t units;
    uint64_t groups; /* whole ones, after that which is being decided */
};

static struct ahead
ahead_of(const struct writer *writer, const struct engine_flow *flow)
{
    uint64_t writes = fair_queue_ahead(&writer->queue, flow);
    uint64_t units = writes > 0 ? writes * writer->queued_units / writer->queue.length : 0;
    uint64_t by_count = writes / LIMIT_WRITE_GROUP;
    uint64_t by_units = units / LIMIT_WRITE_GROUP_UNITS;

    return (struct ahead){units, by_count > by_units ? by_count : by_units};
}

/* Under the lock. The first in the queue is never refused. Whoever names no deadline has time: a
 * group that is slow is no reason to refuse what would be in the next one. */
static bool
has_room(const struct writer *writer, const struct engine_queued *queued, int64_t now_ns,
         int64_t *wait_ns)
{
    struct ahead ahead = ahead_of(writer, queued->flow);
    uint64_t groups = ahead.groups + (writer->deciding_units > 0) + (ahead.units > 0);

    *wait_ns = wait_estimate_ns(&writer->wait, now_ns, writer->deciding_units + ahead.units) +
               wait_estimate_ns(&writer->beside, now_ns, groups);
    if (queued->goes_first)
        return writer->front.length < LIMIT_WRITE_FRONT;
    if (writer->queue.length == 0)
        return true;
    if (writer->queue.length >= LIMIT_WRITE_QUEUE)
        return false;
    if (queued->deadline_ns != 0)
        return *wait_ns <= (queued->deadline_ns - now_ns) / WAIT_PART;
    return ahead.groups == 0 || *wait_ns <= WAIT_MAX_NS;
}

/* Under the lock. */
static void
push_write(struct writer *writer, struct engine_write *write)
{
    if (write->queued.goes_first) {
        fair_queue_push(&writer->front, &write->queued);
        return;
    }
    fair_queue_push(&writer->queue, &write->queued);
    writer->queued_units += units_of(write);
}

/* `write` NULL: only the question. */
static enum status
admit(struct writer *writer, const struct engine_queued *queued, struct engine_write *write,
      struct error *error)
{
    int64_t now = env_monotonic_ns(writer->engine->env);
    uint32_t length;
    int64_t wait;
    bool accepted;

    pthread_mutex_lock(&writer->lock);
    BEHALF_ASSERT(!writer->stopping);
    length = queued->goes_first ? writer->front.length : writer->queue.length;
    accepted = has_room(writer, queued, now, &wait);
    if (!accepted) {
        writer->refused++;
    } else if (write != NULL) {
        wait_estimate_begin(&writer->wait, now);
        push_write(writer, write);
        if (queued->deadline_ns != 0)
            deadlines_watch(writer->deadlines, queued->deadline_ns);
        pthread_cond_signal(&writer->wake);
    }
    pthread_mutex_unlock(&writer->lock);
    return accepted ? BEHALF_OK : wait_refuse(wait, length, "writes", error);
}

enum status
writer_submit(struct writer *writer, struct engine_write *write, struct error *error)
{
    write->next = NULL;
    write->queued.goes_first = goes_first(write); /* by what it is, not by what it says */
    return admit(writer, &write->queued, write, error);
}

enum status
writer_ask(struct writer *writer, const struct engine_queued *queued, struct error *error)
{
    return admit(writer, queued, NULL, error);
}

void
writer_stats_read(struct writer *writer, struct writer_stats *stats)
{
    pthread_mutex_lock(&writer->lock);
    *stats = (struct writer_stats){writer->front.length + writer->queue.length, writer->groups,
                                   writer->refused};
    pthread_mutex_unlock(&writer->lock);
}

void
writer_figures_read(struct writer *writer, struct writer_figures *figures)
{
    *figures = (struct writer_figures){.alive_ns = atomic_load(&writer->alive_ns)};
    metric_gather(&writer->sizes, &figures->sizes);
    metric_gather(&writer->syncs, &figures->syncs_ns);
    metric_gather(&writer->groups_took, &figures->groups_ns);
}
