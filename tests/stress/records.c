/* records.c - one writer, several readers, and every answer compared with what was written.
 *
 * The writer changes random sessions, grants, uses and attributes, in transactions that it
 * publishes one by one or in groups, as the engine does: commit all, tell the cache, publish the
 * last. Before a commit it writes the values that the revision will have into a row of the model,
 * so that whoever reads a published revision can see the row. Readers open views at the newest or
 * at an older revision, ask several times, and compare with the row of exactly that revision; of
 * uses, with the rows from there on. Now and then the writer forgets a record, as after an unknown
 * outcome. The memory goes from plenty to none: in between, everything is evicted all the time,
 * loads are overtaken by changes, and marks are met.
 *
 * Times of sessions: readers ask for them and move them, by a clock that goes on, while the writer
 * keeps them. No answer is older than one that was given before, and what the end keeps is the
 * latest of each. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/seen.h"
#include "graph/readers.h"
#include "tests/support/record_store.h"

#define KINDS 4
#define RECORDS 60
#define REVISIONS 4000
#define READERS 3
#define GROUP_MAX 5
#define CHANGES_MOST 3
#define ASKS_MOST 8
#define OLDER_MOST 20
#define ARENA ((size_t)256 * 1024)

static const enum record_kind kinds[KINDS] = {RECORD_SESSION, RECORD_GRANT, RECORD_USES,
                                              RECORD_ATTRIBUTES};

/* A row per revision. */
struct row {
    uint16_t values[KINDS][RECORDS];
};

struct stress {
    struct record_store data;
    struct graph *graph;
    struct record_cache *cache;
    struct row *rows;
    uint64_t first; /* revision of rows[0] */
    _Atomic uint64_t published;
    _Atomic uint64_t written; /* rows */
    atomic_bool stopped;
    atomic_size_t answers;
    atomic_size_t sent_away;
};

struct asker {
    struct stress *stress;
    pthread_t thread;
    uint64_t random;
};

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Half of all goes to the first four of them. */
static uint32_t
skewed(uint64_t *random)
{
    uint64_t value = next_random(random) >> 8;

    return (uint32_t)((value >> 1) % (value % 2 == 0 ? 4 : RECORDS));
}

static struct row *
row_of(const struct stress *stress, uint64_t revision)
{
    return &stress->rows[revision - stress->first];
}

static struct store *
open_store(void)
{
    struct store_options options = {.env = env_system()};
    struct store *store = NULL;
    struct error error;

    if (store_open(&options, &store, &error) != BEHALF_OK)
        abort();
    return store;
}

/* --- reading --- */

/* The answer is that of the view's revision; of uses, of one from there on. */
static void
compare(const struct stress *stress, uint64_t revision, unsigned kind, uint32_t number,
        uint32_t value)
{
    uint64_t last = kinds[kind] == RECORD_USES ? atomic_load(&stress->written) : revision;

    for (uint64_t at = revision; at <= last; at++) {
        if (row_of(stress, at)->values[kind][number] == value)
            return;
    }
    fprintf(stderr, "record %u of kind %d is %u at revision %llu, not %u\n", number, kinds[kind],
            row_of(stress, revision)->values[kind][number], (unsigned long long)revision, value);
    abort();
}

static void
ask(struct asker *asker, struct graph_view *view, struct arena *arena)
{
    struct stress *stress = asker->stress;
    unsigned kind = (unsigned)(next_random(&asker->random) >> 8) % KINDS;
    uint32_t number = skewed(&asker->random);
    struct error error;
    uint32_t value = 0;
    enum status status =
        record_store_ask(stress->cache, view, kinds[kind], number, arena, &value, &error);

    if (status == BEHALF_WOULD_BLOCK && !view->may_block) {
        atomic_fetch_add(&stress->sent_away, 1);
        return;
    }
    if (status != BEHALF_OK) {
        fprintf(stderr, "ask: %s: %s\n", status_name(status), error.message);
        abort();
    }
    compare(stress, view->revision, kind, number, value);
    atomic_fetch_add(&stress->answers, 1);
}

static void *
read_all_the_time(void *context)
{
    struct asker *asker = context;
    struct stress *stress = asker->stress;
    struct arena arena;

    arena_init(&arena, ARENA);
    while (!atomic_load(&stress->stopped)) {
        uint64_t revision = atomic_load(&stress->published);
        uint64_t older = next_random(&asker->random) % OLDER_MOST;
        uint64_t asks = 1 + next_random(&asker->random) % ASKS_MOST;
        struct graph_view view;
        struct budget budget;

        if (next_random(&asker->random) % 4 == 0 && revision - stress->first > older)
            revision -= older;
        budget_init(&budget, env_system(), 1000, INT64_MAX, NULL);
        graph_view_init(&view, stress->graph, stress->data.store, revision, 0,
                        next_random(&asker->random) % 4 != 0, &budget);
        for (uint64_t at = 0; at < asks; at++)
            ask(asker, &view, &arena);
        graph_view_release(&view);
        arena_reset(&arena, ARENA);
    }
    arena_release(&arena);
    return NULL;
}

/* --- writing --- */

struct transaction {
    struct record_value values[CHANGES_MOST];
    size_t count;
    uint64_t revision;
};

/* Draws changes of distinct records and writes the row of the revision that they will have. */
static void
draw(struct stress *stress, uint64_t *random, uint64_t revision, struct transaction *transaction)
{
    struct row *row = row_of(stress, revision);

    *row = *row_of(stress, revision - 1);
    transaction->count = 1 + (size_t)(next_random(random) % CHANGES_MOST);
    for (size_t at = 0; at < transaction->count; at++) {
        unsigned kind = (unsigned)(next_random(random) >> 8) % KINDS;
        uint32_t number = (skewed(random) / CHANGES_MOST * CHANGES_MOST + (uint32_t)at) % RECORDS;
        /* Removed now and then. */
        uint32_t value = next_random(random) % 16 == 0 ? 0 : 1 + (uint32_t)(revision % 60000);

        transaction->values[at] = (struct record_value){kinds[kind], number, value};
        row->values[kind][number] = (uint16_t)value;
    }
    atomic_store(&stress->written, revision);
}

static void
forget_one(struct stress *stress, uint64_t *random)
{
    struct record_id id = record_store_id(skewed(random));
    struct store_record_key key = record_key(kinds[next_random(random) % KINDS], &id);

    record_cache_invalidate(stress->cache, &key);
}

static void
write_group(struct stress *stress, uint64_t *random)
{
    struct transaction group[GROUP_MAX];
    uint64_t published = atomic_load(&stress->published);
    size_t count = 1 + (size_t)(next_random(random) % GROUP_MAX);

    for (size_t at = 0; at < count; at++) {
        draw(stress, random, published + 1 + at, &group[at]);
        group[at].revision = record_store_commit(&stress->data, group[at].values, group[at].count);
        if (group[at].revision != published + 1 + at)
            abort();
    }
    for (size_t at = 0; at < count; at++)
        record_store_tell(&stress->data, stress->cache, group[at].values, group[at].count,
                          group[at].revision, published);
    if (next_random(random) % 8 == 0)
        forget_one(stress, random);
    atomic_store(&stress->published, published + count);
    record_cache_trim(stress->cache, published + count);
    readers_collect(graph_readers(stress->graph));
}

static void
run_cache(size_t memory_bytes, uint64_t revisions)
{
    struct stress stress = {.stopped = false};
    struct asker askers[READERS];
    uint64_t random = 88172645463325252u;
    struct record_cache_stats stats;
    const char *reason = NULL;

    record_store_open(&stress.data, open_store());
    stress.graph = graph_new(stress.data.store, 1);
    stress.cache = record_cache_new(stress.data.store, graph_readers(stress.graph), memory_bytes);
    stress.first = store_head_revision(stress.data.store);
    stress.rows = memory_new_array(revisions + GROUP_MAX + 1, sizeof *stress.rows);
    atomic_store(&stress.published, stress.first);
    atomic_store(&stress.written, stress.first);
    for (size_t at = 0; at < READERS; at++) {
        askers[at] = (struct asker){.stress = &stress, .random = 7919 * (at + 1)};
        pthread_create(&askers[at].thread, NULL, read_all_the_time, &askers[at]);
    }
    while (atomic_load(&stress.published) - stress.first < revisions)
        write_group(&stress, &random);
    atomic_store(&stress.stopped, true);
    for (size_t at = 0; at < READERS; at++)
        pthread_join(askers[at].thread, NULL);
    record_cache_stats_read(stress.cache, &stats);
    if (!record_cache_validate(stress.cache, &reason) || stats.bytes > memory_bytes ||
        stats.loading > 0) {
        fprintf(stderr, "at the end: %s; %zu bytes, %zu loading\n",
                reason == NULL ? "valid" : reason, stats.bytes, stats.loading);
        abort();
    }
    printf("records, %zu bytes: %zu answers, %zu sent away, %zu records at the end\n", memory_bytes,
           atomic_load(&stress.answers), atomic_load(&stress.sent_away), stats.records);
    record_cache_free(stress.cache);
    graph_free(stress.graph);
    record_store_close(&stress.data);
    memory_free(stress.rows);
}

/* --- times --- */

#define SESSIONS 2000
#define HOT 50
#define CLOCK_STEP (INT64_C(100) * 1000000000)
#define KEEPS 150

struct times {
    struct record_store data;
    struct seen *seen;
    atomic_int_fast64_t clock;
    atomic_int_fast64_t latest[SESSIONS]; /* that was answered */
    atomic_bool stopped;
    atomic_size_t answers;
};

struct toucher {
    struct times *times;
    pthread_t thread;
    uint64_t random;
};

static struct session
session_of(uint32_t number)
{
    return (struct session){
        .size = sizeof(struct session), .id = record_store_id(number), .created = 1};
}

static int64_t
ask_time(struct times *times, uint32_t number)
{
    struct session session = session_of(number);
    int64_t before = atomic_load(&times->latest[number]);
    struct error error;
    int64_t time = 0;

    if (seen_at(times->seen, &session, true, &time, &error) != BEHALF_OK)
        abort();
    if (time < before) {
        fprintf(stderr, "the time of session %u went back from %lld to %lld\n", number,
                (long long)before, (long long)time);
        abort();
    }
    while (time > before && !atomic_compare_exchange_weak(&times->latest[number], &before, time))
        continue;
    atomic_fetch_add(&times->answers, 1);
    return time;
}

static void *
touch_all_the_time(void *context)
{
    struct toucher *toucher = context;
    struct times *times = toucher->times;

    while (!atomic_load(&times->stopped)) {
        uint64_t value = next_random(&toucher->random) >> 8;
        uint32_t number = (uint32_t)((value >> 1) % (value % 2 == 0 ? HOT : SESSIONS));
        struct session session = session_of(number);

        (void)ask_time(times, number);
        seen_touch(times->seen, &session, atomic_fetch_add(&times->clock, CLOCK_STEP));
    }
    return NULL;
}

static void
compare_kept(struct times *times)
{
    for (uint32_t number = 0; number < SESSIONS; number++) {
        struct record_id id = record_store_id(number);
        int64_t latest = ask_time(times, number);
        struct error error;
        int64_t kept = 0;
        bool found = false;

        if (store_seen_read(times->data.store, id.bytes, &kept, &found, &error) != BEHALF_OK)
            abort();
        if (latest > 1 && (!found || kept != latest)) {
            fprintf(stderr, "session %u is kept as %lld, not %lld\n", number, (long long)kept,
                    (long long)latest);
            abort();
        }
    }
}

static void
run_times(size_t memory_bytes)
{
    static struct times times;
    struct toucher touchers[READERS];
    struct seen_stats stats;
    struct error error;

    memset(&times, 0, sizeof times);
    record_store_open(&times.data, open_store());
    for (uint32_t number = 0; number < SESSIONS; number++)
        (void)record_store_commit(&times.data, &(struct record_value){RECORD_SESSION, number, 1},
                                  1);
    times.seen = seen_new(times.data.store, memory_bytes);
    atomic_store(&times.clock, CLOCK_STEP);
    for (size_t at = 0; at < READERS; at++) {
        touchers[at] = (struct toucher){.times = &times, .random = 104729 * (at + 1)};
        pthread_create(&touchers[at].thread, NULL, touch_all_the_time, &touchers[at]);
    }
    for (int64_t keeps = 1; keeps <= KEEPS; keeps++) {
        enum status status =
            seen_keep(times.seen, keeps * SEEN_KEPT_EVERY_NS, keeps % 3 == 0, &error);
        size_t answers = atomic_load(&times.answers);

        if (status != BEHALF_OK && status != BEHALF_DONE)
            abort();
        while (atomic_load(&times.answers) < answers + 100)
            sched_yield();
    }
    atomic_store(&times.stopped, true);
    for (size_t at = 0; at < READERS; at++)
        pthread_join(touchers[at].thread, NULL);
    if (seen_keep(times.seen, 0, true, &error) > BEHALF_DONE)
        abort();
    compare_kept(&times);
    seen_stats_read(times.seen, &stats);
    printf("times, %zu bytes: %zu answers, %zu sessions at the end\n", memory_bytes,
           atomic_load(&times.answers), stats.sessions);
    seen_free(times.seen);
    record_store_close(&times.data);
}

int
main(void)
{
    static const size_t memories[] = {(size_t)64 * 1024 * 1024, 24 * 1024, 6 * 1024, 0};

    for (size_t at = 0; at < BEHALF_COUNT_OF(memories); at++)
        run_cache(memories[at], REVISIONS / (at + 1));
    run_times((size_t)16 * 1024 * 1024);
    run_times(0);
    return 0;
}
