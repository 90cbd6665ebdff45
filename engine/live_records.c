/* live_records.c - see live_records.h. */
#include "engine/live_records.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/datum.h"
#include "base/memory.h"
#include "base/priority.h"

#define BEGIN_S 3
#define REST_S 10        /* at least */
#define REST_FOR_WORK 30 /* times what a count took */

struct live_records {
    struct engine *engine;
    _Atomic uint64_t sessions;
    _Atomic uint64_t grants;
    atomic_bool stopping;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* guards nothing but the wait */
    pthread_cond_t stop;
};

/* --- counting --- */

struct counting {
    const struct live_records *live;
    int64_t now;
    uint64_t count;
};

/* By its own words. A body that cannot be read is not counted: reading it says what is wrong. */
static bool
is_live(struct slice body, int64_t now)
{
    struct datum_cursor cursor;
    struct slice key;
    struct slice value;
    struct datum datum;
    bool good = datum_open_map(body, &cursor);
    bool live = false;

    while (good && cursor.left > 0) {
        good = datum_next_field(&cursor, &key, &value);
        if (!good || slice_equal(key, SLICE_LITERAL("revoked")))
            return false;
        if (slice_equal(key, SLICE_LITERAL("expires_at")))
            live = datum_read_scalar(value, &datum) && datum.kind == DATUM_INT &&
                   datum.as.integer > now;
        if (slice_equal(key, SLICE_LITERAL("status")) &&
            (!datum_read_scalar(value, &datum) || datum.kind != DATUM_STRING ||
             slice_equal(datum.as.string, SLICE_LITERAL("revoked"))))
            return false;
    }
    return good && live;
}

static bool
count_one(void *context, const struct store_record *record)
{
    struct counting *counting = context;

    counting->count += is_live(record->body, counting->now);
    return !atomic_load(&counting->live->stopping);
}

static enum status
count_kind(const struct live_records *live, const struct store_snapshot *snapshot,
           enum record_kind kind, uint64_t *count, struct error *error)
{
    struct counting counting = {.live = live, .now = clock_read(&live->engine->clock).now};
    enum status status = store_records(snapshot, kind, count_one, &counting, error);

    *count = counting.count;
    if (status == BEHALF_OK && atomic_load(&live->stopping))
        status = error_set(error, BEHALF_DEADLINE, "the engine closes");
    return status;
}

enum status
live_records_count(struct live_records *live, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    uint64_t sessions = 0;
    uint64_t grants = 0;
    enum status status = store_snapshot_open(live->engine->store, &snapshot, error);

    if (status == BEHALF_OK)
        status = count_kind(live, snapshot, RECORD_SESSION, &sessions, error);
    if (status == BEHALF_OK)
        status = count_kind(live, snapshot, RECORD_GRANT, &grants, error);
    store_snapshot_close(snapshot);
    if (status != BEHALF_OK)
        return status;
    atomic_store(&live->sessions, sessions);
    atomic_store(&live->grants, grants);
    return BEHALF_OK;
}

void
live_records_read(const struct live_records *live, uint64_t *sessions, uint64_t *grants)
{
    *sessions = live == NULL ? 0 : atomic_load(&live->sessions);
    *grants = live == NULL ? 0 : atomic_load(&live->grants);
}

/* --- the thread --- */

/* Until the time has passed or the engine closes. */
static void
rest(struct live_records *live, int64_t seconds)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)seconds;
    pthread_mutex_lock(&live->lock);
    while (!atomic_load(&live->stopping) &&
           pthread_cond_timedwait(&live->stop, &live->lock, &until) == 0)
        continue;
    pthread_mutex_unlock(&live->lock);
}

static void *
run(void *context)
{
    struct live_records *live = context;
    const struct env *env = live->engine->env;

    priority_lower();
    rest(live, BEGIN_S);
    while (!atomic_load(&live->stopping)) {
        int64_t begun_ns = env_monotonic_ns(env);
        struct error error;
        int64_t seconds;

        if (live_records_count(live, &error) != BEHALF_OK && atomic_load(&live->stopping))
            break;
        seconds = (env_monotonic_ns(env) - begun_ns) / INT64_C(1000000000) * REST_FOR_WORK;
        rest(live, seconds > REST_S ? seconds : REST_S);
    }
    return NULL;
}

struct live_records *
live_records_new(struct engine *engine)
{
    struct live_records *live = memory_new(sizeof *live);
    pthread_condattr_t attributes;

    live->engine = engine;
    pthread_mutex_init(&live->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&live->stop, &attributes);
    pthread_condattr_destroy(&attributes);
    live->started = pthread_create(&live->thread, NULL, run, live) == 0;
    return live;
}

void
live_records_free(struct live_records *live)
{
    if (live == NULL)
        return;
    pthread_mutex_lock(&live->lock);
    atomic_store(&live->stopping, true);
    pthread_cond_signal(&live->stop);
    pthread_mutex_unlock(&live->lock);
    if (live->started)
        (void)pthread_join(live->thread, NULL);
    pthread_cond_destroy(&live->stop);
    pthread_mutex_destroy(&live->lock);
    memory_free(live);
}
