/* warming.c - steps of a warm-up on a thread of its own, until it is done or the engine closes. */
#include "engine/warming.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/priority.h"
#include "engine/pool.h"
#include "engine/state.h"
#include "graph/warm.h"

/* While checks wait, a step is followed by a pause. */
#define PAUSE_MS 1
/* How often it is looked whether much was written. */
#define LOOK_MS 250

struct warming {
    struct engine *engine;
    enum engine_warm warm;
    struct buffer note;
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    /* The thread's own: */
    bool low;                     /* its priority */
    uint64_t passed_revision;     /* when the last pass began */
    uint64_t passed;              /* relationships then */
    struct engine_warming before; /* what the passes before the last one loaded */
    pthread_mutex_t lock;         /* guards the rest */
    pthread_cond_t stop;
    bool past_note; /* what was in use at the last stop is loaded */
    struct engine_warming stats;
};

/* --- the note --- */

static void
read_note(struct warming *warming)
{
    struct error error;
    bool found;

    if (store_read_note(warming->engine->store, &warming->note, &found, &error) != BEHALF_OK)
        log_line(LOG_WARN, "what was in use at the last stop cannot be read and is not needed",
                 "reason=\"%s\"", error.message);
}

/* Not before all that the last note names was looked at: what is in use now is a part of it. */
static void
leave_note(const struct warming *warming)
{
    struct engine *engine = warming->engine;
    struct buffer note;
    struct error error;

    if (!warming->past_note)
        return;
    buffer_init(&note);
    warm_note_write(engine->graph, engine->names, &note);
    if (store_leave_note(engine->store, buffer_slice(&note), &error) != BEHALF_OK)
        log_line(LOG_WARN, "what is in use cannot be noted for the next start", "reason=\"%s\"",
                 error.message);
    buffer_release(&note);
}

/* --- the thread --- */

static void
note_progress(struct warming *warming, const struct warm_up *warm_up)
{
    static const enum engine_warming_state states[] = {
        [WARM_NOTED] = ENGINE_WARMING_HOT,
        [WARM_ALL] = ENGINE_WARMING_ALL,
        [WARM_DONE] = ENGINE_WARMING_DONE,
    };
    int64_t now = env_monotonic_ns(warming->engine->env);
    struct warm_progress progress;

    warm_up_progress(warm_up, &progress);
    pthread_mutex_lock(&warming->lock);
    warming->stats.state = states[progress.state];
    warming->past_note = progress.state != WARM_NOTED;
    warming->stats.full = progress.full;
    warming->stats.sets = warming->before.sets + progress.sets;
    warming->stats.edges = warming->before.edges + progress.edges;
    warming->stats.names = warming->before.names + progress.names;
    warming->stats.took_ns = now - warming->engine->opened_ns;
    pthread_mutex_unlock(&warming->lock);
}

static void
end(struct warming *warming, enum engine_warming_state state)
{
    pthread_mutex_lock(&warming->lock);
    warming->stats.state = state;
    pthread_mutex_unlock(&warming->lock);
}

static void
log_end(const struct engine_warming *stats)
{
    log_line(LOG_INFO, "warm", "sets=%llu relationships=%llu names=%llu all_fits=%s ms=%lld",
             (unsigned long long)stats->sets, (unsigned long long)stats->edges,
             (unsigned long long)stats->names, stats->full ? "false" : "true",
             (long long)(stats->took_ns / 1000000));
}

/* Sleeps, unless the engine closes. */
static void
pause_for(struct warming *warming, int64_t ms)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&warming->lock);
    if (!atomic_load(&warming->stopping))
        (void)pthread_cond_timedwait(&warming->stop, &warming->lock, &until);
    pthread_mutex_unlock(&warming->lock);
}

/* While checks wait, but not much longer than a step takes: under a load that never ends the
 * warm-up goes on, and what it loads those checks need not. */
static void
give_way(struct warming *warming)
{
    if (atomic_load_explicit(pool_checks_wait(warming->engine->pool), memory_order_relaxed))
        pause_for(warming, PAUSE_MS);
}

static uint64_t
published_revision(struct warming *warming)
{
    struct published *published = engine_published(warming->engine);
    uint64_t revision = published->revision;

    published_unref(published);
    return revision;
}

static enum status
step(struct warming *warming, struct warm_up *warm_up, struct error *error)
{
    return warm_up_step(warm_up, published_revision(warming), error);
}

/* Whether it came to its end. */
static bool
warm(struct warming *warming, struct warm_up *warm_up)
{
    enum status status = BEHALF_OK;
    struct error error;

    do {
        if (!warming->low && warming->stats.state == ENGINE_WARMING_ALL) {
            warming->low = true;
            priority_lower();
        }
        if (warming->low)
            give_way(warming);
        status = step(warming, warm_up, &error);
        note_progress(warming, warm_up);
    } while (status == BEHALF_OK && !atomic_load(&warming->stopping) &&
             warming->stats.state != ENGINE_WARMING_DONE);
    if (atomic_load(&warming->stopping)) {
        end(warming, ENGINE_WARMING_STOPPED);
    } else if (status == BEHALF_OK) {
        log_end(&warming->stats);
        return true;
    } else {
        end(warming, ENGINE_WARMING_FAILED);
        log_line(LOG_WARN, "the warm-up was given up", "reason=\"%s\"", error.message);
    }
    return false;
}

static bool
add_count(void *context, const struct edge_variant *variant, uint64_t count)
{
    (void)variant;
    *(uint64_t *)context += count;
    return true;
}

/* Relationships that are stored; none when they cannot be counted. */
static uint64_t
count_stored(struct warming *warming)
{
    struct store_snapshot *snapshot = NULL;
    struct error error;
    uint64_t count = 0;
    enum status status = store_snapshot_open(warming->engine->store, &snapshot, &error);

    if (status == BEHALF_OK)
        status = store_variants(snapshot, add_count, &count, &error);
    store_snapshot_close(snapshot);
    return status == BEHALF_OK ? count : 0;
}

/* Waits until much more is stored than before the last pass, and nothing more was written for a
 * moment. So all passes together go over thrice what is stored at last. False when the engine
 * closes. */
static bool
wait_for_growth(struct warming *warming)
{
    uint64_t seen = warming->passed_revision;

    while (!atomic_load(&warming->stopping)) {
        uint64_t revision = published_revision(warming);

        if (revision == seen && revision != warming->passed_revision) {
            warming->passed_revision = revision;
            if (count_stored(warming) >= warming->passed * 3 / 2 + LIMIT_WARM_GROWTH)
                return true;
        }
        seen = revision;
        pause_for(warming, LOOK_MS);
    }
    return false;
}

/* One pass over the note, if there is one, and then over everything. */
static bool
pass(struct warming *warming)
{
    struct engine *engine = warming->engine;
    struct warm_up *warm_up = warm_up_new(&(struct warm_options){
        .graph = engine->graph,
        .names = engine->names,
        .store = engine->store,
        .env = engine->env,
        .cancelled = &warming->stopping,
        .note = buffer_slice(&warming->note),
        .all = warming->warm == ENGINE_WARM_ALL,
    });
    bool ended;

    warming->before = warming->stats;
    warming->passed_revision = published_revision(warming);
    warming->passed = count_stored(warming);
    ended = warm(warming, warm_up);
    warm_up_free(warm_up);
    buffer_release(&warming->note);
    return ended;
}

static void *
run(void *argument)
{
    struct warming *warming = argument;

    (void)pthread_setname_np(pthread_self(), "warm-up");
    read_note(warming);
    while (pass(warming) && warming->warm == ENGINE_WARM_ALL && wait_for_growth(warming))
        continue;
    return NULL;
}

/* --- life --- */

struct warming *
warming_new(struct engine *engine, enum engine_warm warm)
{
    struct warming *warming = memory_new(sizeof *warming);
    pthread_condattr_t monotonic;
    sigset_t all;
    sigset_t before;

    warming->engine = engine;
    warming->warm = warm;
    buffer_init(&warming->note);
    atomic_init(&warming->stopping, false);
    pthread_mutex_init(&warming->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&warming->stop, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (warm == ENGINE_WARM_OFF)
        return warming;
    warming->stats.state = ENGINE_WARMING_HOT;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    warming->started = pthread_create(&warming->thread, NULL, run, warming) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!warming->started)
        warming->stats.state = ENGINE_WARMING_FAILED;
    return warming;
}

void
warming_stop(struct warming *warming)
{
    if (warming == NULL)
        return;
    pthread_mutex_lock(&warming->lock);
    atomic_store(&warming->stopping, true);
    pthread_cond_signal(&warming->stop);
    pthread_mutex_unlock(&warming->lock);
    if (warming->started)
        pthread_join(warming->thread, NULL);
    warming->started = false;
}

void
warming_free(struct warming *warming)
{
    if (warming == NULL)
        return;
    BEHALF_ASSERT(!warming->started);
    leave_note(warming);
    pthread_cond_destroy(&warming->stop);
    pthread_mutex_destroy(&warming->lock);
    buffer_release(&warming->note);
    memory_free(warming);
}

void
warming_stats_read(struct warming *warming, struct engine_warming *stats)
{
    pthread_mutex_lock(&warming->lock);
    *stats = warming->stats;
    pthread_mutex_unlock(&warming->lock);
}
