/* audit_follow.c - the follower's thread: reads revisions, puts their events, notes its place. */
#include "engine/audit_follow.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/audit_change.h"
#include "engine/audit_map.h"
#include "engine/audit_position.h"

#define ARENA_CAP ((size_t)4 * 1024 * 1024) /* of one event: a body has at most 64 KiB */
/* Revisions that one snapshot of the store serves: one that is held keeps its files. */
#define BATCH_REVISIONS 1000
/* The place is noted after so many events, or after this time when there is anything new: what
 * follows it is read again after a crash. */
#define STOP_NS INT64_C(2000000000) /* a longer backlog is left to the next start */
#define NOTE_EVENTS 4096
#define NOTE_EVERY_NS (INT64_C(5) * 1000000000)
/* Publications come thousands a second, and a follower that waits for each would be woken as often:
 * it sleeps this long once it is up to date. */
#define NAP_MS 10
#define TICK_MS 1000
#define RETRY_MS 200

struct audit_follow {
    struct store *store;
    const struct env *env;
    struct audit *audit;
    const char *directory;
    pthread_t thread;
    bool started;
    _Atomic uint64_t published;
    atomic_bool idle;

    /* The thread's. */
    struct changes changes;
    struct arena arena;
    struct buffer fields;
    struct audit_position place;
    uint64_t noted;    /* the revision of the note */
    int64_t noted_ns;  /* monotonic */
    size_t put_events; /* since then */
    bool unsure;       /* a sync failed: which of these are on the disk has to be read */
    bool failing;      /* and it was logged */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t wake;
    pthread_cond_t moved;
    bool stopping;
    uint64_t taken;
    uint64_t wanted; /* somebody waits until this revision is taken */
};

/* --- one revision --- */

static enum status
put_gap(struct audit_follow *follow, uint64_t from, uint64_t to, struct error *error)
{
    struct audit_map fields;
    const struct datum *map;

    arena_reset(&follow->arena, ARENA_CAP);
    buffer_clear(&follow->fields);
    audit_map_begin(&fields, &follow->arena);
    audit_map_text(&fields, "event", SLICE_LITERAL(AUDIT_GAP_EVENT));
    audit_map_number(&fields, "from", from);
    audit_map_number(&fields, "to", to);
    map = audit_map_end(&fields);
    if (map == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for an audit record");
    datum_encode(map, &follow->fields);
    log_line(LOG_WARN, "the audit log cannot follow revisions whose history was given up",
             "from=%" PRIu64 " to=%" PRIu64, from, to);
    return audit_put(follow->audit, AUDIT_PLACE_CHANGE, env_wall_ns(follow->env),
                     buffer_slice(&follow->fields), NULL, error);
}

static enum status
put_event(struct audit_follow *follow, const struct store_entry *entry, struct change *change,
          struct error *error)
{
    enum status status;

    arena_reset(&follow->arena, ARENA_CAP);
    buffer_clear(&follow->fields);
    status = audit_change_fields(&follow->changes, entry, change, &follow->arena, &follow->fields,
                                 error);
    if (status == BEHALF_OK)
        status = audit_put(follow->audit, AUDIT_PLACE_CHANGE, env_wall_ns(follow->env),
                           buffer_slice(&follow->fields), NULL, error);
    return status;
}

/* Puts the events of the next revision that were not put before. */
static enum status
take_revision(struct audit_follow *follow, const struct store_snapshot *snapshot,
              struct error *error)
{
    struct audit_position *place = &follow->place;
    struct store_entry entry;
    struct change change;
    size_t at = 0;
    enum status status = changes_open(&follow->changes, snapshot, place->revision, &entry, error);

    if (status == BEHALF_REVISION_EXPIRED) {
        uint64_t horizon = store_horizon(follow->store);

        status = put_gap(follow, place->revision, horizon, error);
        if (status == BEHALF_OK) {
            *place = (struct audit_position){.revision = horizon + 1};
            follow->put_events++;
        }
        return status;
    }
    while (status == BEHALF_OK &&
           (status = changes_next(&follow->changes, &change, error)) == BEHALF_OK) {
        if (!audit_change_is_event(&entry, &change) || at++ < place->events)
            continue;
        status = put_event(follow, &entry, &change, error);
        if (status == BEHALF_OK) {
            place->events++;
            follow->put_events++;
        }
    }
    if (status != BEHALF_DONE)
        return status;
    *place = (struct audit_position){.revision = place->revision + 1};
    return BEHALF_OK;
}

/* BEHALF_DONE when nothing follows. */
static enum status
take_batch(struct audit_follow *follow, struct error *error)
{
    uint64_t published = atomic_load(&follow->published);
    struct store_snapshot *snapshot = NULL;
    enum status status = BEHALF_OK;

    if (follow->place.revision > published)
        return BEHALF_DONE;
    status = store_snapshot_open(follow->store, &snapshot, error);
    for (unsigned count = 0; status == BEHALF_OK && count < BATCH_REVISIONS; count++) {
        if (follow->place.revision > published)
            break;
        /* A place inside of a revision cannot be noted: it is put to its end first. */
        if (follow->put_events >= NOTE_EVENTS && follow->place.events == 0)
            break;
        status = take_revision(follow, snapshot, error);
    }
    store_snapshot_close(snapshot);
    return status;
}

/* --- the place --- */

static void
set_taken(struct audit_follow *follow, uint64_t revision)
{
    pthread_mutex_lock(&follow->lock);
    follow->taken = revision;
    pthread_cond_broadcast(&follow->moved);
    pthread_mutex_unlock(&follow->lock);
}

static enum status
keep_note(struct audit_follow *follow, struct error *error)
{
    struct audit_stats stats;
    uint64_t revision = follow->place.revision - 1;
    enum status status;

    /* Nobody else puts changes: all of them are before this size. */
    audit_stats_read(follow->audit, &stats);
    status = audit_position_keep(follow->audit, store_incarnation(follow->store), revision,
                                 stats.size, error);
    if (status != BEHALF_OK)
        return status;
    follow->noted = revision;
    follow->noted_ns = env_monotonic_ns(follow->env);
    follow->put_events = 0;
    store_hold_history(follow->store, revision);
    set_taken(follow, revision);
    return BEHALF_OK;
}

/* Makes the events durable and notes the place after them. After a failed sync the log itself says
 * which of them it has, once it can be synced again. */
static enum status
settle(struct audit_follow *follow, struct error *error)
{
    enum status status = BEHALF_OK;

    if (follow->put_events > 0 || follow->unsure) {
        status = audit_flush(follow->audit, error);
        if (status != BEHALF_OK)
            follow->unsure = true;
    }
    if (status == BEHALF_OK && follow->unsure) {
        status = audit_position_find(follow->audit, follow->directory, follow->store,
                                     &follow->place, error);
        follow->unsure = status != BEHALF_OK;
    }
    /* A revision whose events are put in part is not behind the place. */
    if (status == BEHALF_OK && follow->place.events == 0)
        status = keep_note(follow, error);
    return status;
}

static bool
is_wanted(struct audit_follow *follow)
{
    bool wanted;

    pthread_mutex_lock(&follow->lock);
    wanted = follow->wanted > follow->taken;
    pthread_mutex_unlock(&follow->lock);
    return wanted;
}

static bool
is_note_due(struct audit_follow *follow)
{
    bool moved = follow->place.revision - 1 > follow->noted;

    return follow->unsure || follow->put_events >= NOTE_EVENTS || (moved && is_wanted(follow)) ||
           (moved && env_monotonic_ns(follow->env) - follow->noted_ns >= NOTE_EVERY_NS);
}

/* --- the thread --- */

/* Sleeps, unless it is to stop. `until_woken`: or something is published, or wanted. */
static void
sleep_for(struct audit_follow *follow, int64_t ms, bool until_woken)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&follow->lock);
    if (until_woken)
        atomic_store(&follow->idle, true);
    /* What is published from here on sees `idle`. */
    if (!follow->stopping &&
        (!until_woken || (follow->wanted <= follow->taken &&
                          atomic_load(&follow->published) < follow->place.revision)))
        (void)pthread_cond_timedwait(&follow->wake, &follow->lock, &until);
    atomic_store(&follow->idle, false);
    pthread_mutex_unlock(&follow->lock);
}

static bool
is_stopping(struct audit_follow *follow)
{
    bool stopping;

    pthread_mutex_lock(&follow->lock);
    stopping = follow->stopping;
    pthread_mutex_unlock(&follow->lock);
    return stopping;
}

static void
note_failure(struct audit_follow *follow, enum status status, const struct error *error)
{
    if (status != BEHALF_OK && status != BEHALF_DONE && !follow->failing)
        log_line(LOG_ERROR, "the audit log does not follow the changes, and tries again",
                 "revision=%" PRIu64 " reason=\"%s\"", follow->place.revision, error->message);
    else if (status == BEHALF_DONE && follow->failing)
        log_line(LOG_INFO, "the audit log has followed all changes", "revision=%" PRIu64,
                 follow->place.revision - 1);
    if (status == BEHALF_DONE)
        follow->failing = false;
    else
        follow->failing |= status != BEHALF_OK;
}

/* One step. BEHALF_DONE when it is up to date. */
static enum status
step(struct audit_follow *follow, struct error *error)
{
    enum status taken = BEHALF_OK;
    enum status noted = BEHALF_OK;

    if (!follow->unsure)
        taken = take_batch(follow, error);
    if (taken == BEHALF_OK || taken == BEHALF_DONE) {
        if (is_note_due(follow))
            noted = settle(follow, error);
        return noted != BEHALF_OK ? noted : taken;
    }
    return taken;
}

static void *
run(void *context)
{
    struct audit_follow *follow = context;
    struct error error;
    int64_t give_up_ns = INT64_MAX;
    bool stopping;
    enum status status;

    do {
        stopping = is_stopping(follow);
        if (stopping && give_up_ns == INT64_MAX)
            give_up_ns = env_monotonic_ns(follow->env) + STOP_NS;
        status = step(follow, &error);
        note_failure(follow, status, &error);
        if (stopping || status == BEHALF_OK)
            continue;
        if (status == BEHALF_DONE) {
            sleep_for(follow, NAP_MS, false);
            sleep_for(follow, TICK_MS, true);
        } else {
            sleep_for(follow, RETRY_MS, false);
        }
    } while (!stopping || (status == BEHALF_OK && env_monotonic_ns(follow->env) < give_up_ns));
    if ((status == BEHALF_DONE || status == BEHALF_OK) && settle(follow, &error) != BEHALF_OK)
        log_line(LOG_WARN,
                 "the audit log is left behind the changes, and goes on at the next start",
                 "reason=\"%s\"", error.message);
    return NULL;
}

/* --- life --- */

enum status
audit_follow_new(struct store *store, const struct env *env, struct audit *audit,
                 const char *directory, struct audit_follow **follow, struct error *error)
{
    struct audit_follow *made = memory_new(sizeof *made);
    pthread_condattr_t attributes;
    enum status status;

    made->store = store;
    made->env = env;
    made->audit = audit;
    made->directory = directory;
    atomic_init(&made->published, 0);
    atomic_init(&made->idle, false);
    changes_init(&made->changes, store);
    arena_init(&made->arena, ARENA_CAP);
    buffer_init(&made->fields);
    pthread_mutex_init(&made->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&made->wake, &attributes);
    pthread_cond_init(&made->moved, NULL);
    pthread_condattr_destroy(&attributes);
    status = audit_position_find(audit, directory, store, &made->place, error);
    if (status == BEHALF_OK && made->place.events == 0)
        status = keep_note(made, error);
    if (status == BEHALF_OK) {
        store_hold_history(store, made->place.revision - 1);
        *follow = made;
    } else {
        audit_follow_free(made);
    }
    return status;
}

void
audit_follow_start(struct audit_follow *follow, uint64_t revision)
{
    atomic_store(&follow->published, revision);
    follow->started = pthread_create(&follow->thread, NULL, run, follow) == 0;
    BEHALF_ASSERT(follow->started);
}

void
audit_follow_free(struct audit_follow *follow)
{
    if (follow == NULL)
        return;
    pthread_mutex_lock(&follow->lock);
    follow->stopping = true;
    pthread_cond_signal(&follow->wake);
    pthread_mutex_unlock(&follow->lock);
    if (follow->started)
        pthread_join(follow->thread, NULL);
    store_hold_history(follow->store, UINT64_MAX);
    pthread_cond_destroy(&follow->moved);
    pthread_cond_destroy(&follow->wake);
    pthread_mutex_destroy(&follow->lock);
    buffer_release(&follow->fields);
    arena_release(&follow->arena);
    changes_release(&follow->changes);
    memory_free(follow);
}

void
audit_follow_published(struct audit_follow *follow, uint64_t revision)
{
    if (follow == NULL)
        return;
    atomic_store(&follow->published, revision);
    if (!atomic_load(&follow->idle))
        return;
    pthread_mutex_lock(&follow->lock);
    pthread_cond_signal(&follow->wake);
    pthread_mutex_unlock(&follow->lock);
}

uint64_t
audit_follow_taken(struct audit_follow *follow)
{
    uint64_t taken;

    pthread_mutex_lock(&follow->lock);
    taken = follow->taken;
    pthread_mutex_unlock(&follow->lock);
    return taken;
}

void
audit_follow_wait(struct audit_follow *follow, uint64_t revision)
{
    pthread_mutex_lock(&follow->lock);
    if (follow->wanted < revision)
        follow->wanted = revision;
    pthread_cond_signal(&follow->wake);
    while (follow->taken < revision)
        pthread_cond_wait(&follow->moved, &follow->lock);
    pthread_mutex_unlock(&follow->lock);
}
