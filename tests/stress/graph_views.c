/* graph_views.c - one writer, several readers, and every answer compared with what was written.
 *
 * The writer changes random edges, in transactions that it publishes one by one or in groups, as
 * the engine does: commit all, sync, tell the graph, publish the last. Before a commit it writes
 * the state that the revision will have into a row of the model, so that whoever reads a published
 * revision can see the row. Readers open views at the newest or at an older revision and compare
 * probes and ranges, in both directions, with the row of exactly that revision. Edges come in
 * states: absent, plain, and several with caveats, contexts and expirations; a view's `now` says
 * which of them have expired, and what each carries is compared byte by byte.
 *
 * Beside them a thread warms the graph up, over and over, from notes of what is in use and from the
 * beginning to the end, and breaks off; readers prepare nodes that they may ask for.
 *
 * Some edges hang on a few hot nodes, so that loads are struck, sets shared, and drops met while
 * they are held. The budgets go from plenty to none; in between, everything is evicted all the
 * time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/graph_cache.h"
#include "graph/names.h"
#include "graph/warm.h"
#include "tests/support/graph_store.h"

#define RESOURCES 12
#define SUBJECTS 40
#define RELATIONS 2
#define REVISIONS 4000
#define READERS 3
#define GROUP_MAX 5
#define CHANGES_MOST 3

/* Of an edge. */
enum state { ABSENT, PLAIN, CAVEAT, CONTEXT, EXPIRING, EXPIRING_CONTEXT, STATES };

/* When the expiring ones do, and the moments of views around them. */
#define EXPIRES_AT 100
#define EXPIRES_LATER 200
#define NOW_MOST 250

#define CONTEXT_SIZE 40

/* A row per revision. */
struct row {
    uint8_t states[RESOURCES][RELATIONS][SUBJECTS];
};

struct stress {
    struct graph_store data;
    struct graph *graph;
    struct name_cache *names;
    struct row *rows;
    uint64_t first; /* revision of rows[0] */
    _Atomic uint64_t published;
    atomic_bool stopped;
    atomic_size_t answers;
    atomic_size_t sent_away;
    atomic_size_t warmed; /* sets */
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

/* Half of all goes to the first of them. */
static uint32_t
skewed(uint64_t *random, uint32_t count)
{
    uint64_t value = next_random(random) >> 8;

    return value % 2 == 0 ? 0 : (uint32_t)((value >> 1) % count);
}

/* What an edge in a state carries; its context names it and lies in `text`. */
static struct edge_traits
traits_of(const struct stress *stress, enum state state, const struct edge_key *key,
          char text[CONTEXT_SIZE])
{
    struct edge_traits traits = {.caveat = LABEL_NONE};

    if (state == CAVEAT || state == CONTEXT || state == EXPIRING_CONTEXT)
        traits.caveat = stress->data.caveats[state % GRAPH_STORE_CAVEATS];
    if (state == EXPIRING)
        traits.expires_at = EXPIRES_AT;
    if (state == EXPIRING_CONTEXT)
        traits.expires_at = EXPIRES_LATER;
    if (state == CONTEXT || state == EXPIRING_CONTEXT) {
        (void)snprintf(text, CONTEXT_SIZE, "%llx %x %llx", (unsigned long long)key->resource,
                       key->relation, (unsigned long long)key->subject);
        traits.context = slice_of(text);
    }
    return traits;
}

static bool
is_there(enum state state, int64_t now)
{
    return state != ABSENT && !(state == EXPIRING && now >= EXPIRES_AT) &&
           !(state == EXPIRING_CONTEXT && now >= EXPIRES_LATER);
}

static const struct row *
row_of(const struct stress *stress, uint64_t revision)
{
    return &stress->rows[revision - stress->first];
}

static _Noreturn void
differs(const char *what, uint64_t revision, uint32_t resource, uint32_t relation, uint64_t subject)
{
    fprintf(stderr, "%s differs at revision %llu: resource %u, relation %u, subject %llu\n", what,
            (unsigned long long)revision, resource, relation, (unsigned long long)subject);
    abort();
}

/* --- reading --- */

static void
compare_traits(const struct stress *stress, const struct graph_view *view,
               const struct edge_traits *traits, enum state state, const struct edge_key *key)
{
    char text[CONTEXT_SIZE];
    struct edge_traits expected = traits_of(stress, state, key, text);
    bool same = (traits == NULL) == (state == PLAIN);

    if (same && traits != NULL)
        same = traits->caveat == expected.caveat && traits->expires_at == expected.expires_at &&
               slice_equal(traits->context, expected.context);
    if (!same)
        differs("what an edge carries", view->revision, (uint32_t)(key->resource & 0xffffffff),
                key->relation, key->subject);
}

static void
probe(struct asker *reader, struct graph_view *view)
{
    struct stress *stress = reader->stress;
    uint32_t resource = skewed(&reader->random, RESOURCES);
    uint32_t relation = (uint32_t)(next_random(&reader->random) % RELATIONS);
    uint32_t subject = skewed(&reader->random, SUBJECTS);
    struct edge_key key = graph_store_key(&stress->data, resource, relation, subject);
    enum state state = row_of(stress, view->revision)->states[resource][relation][subject];
    const struct edge_traits *traits;
    struct error error;
    bool found = false;
    enum status status = graph_view_contains(view, &key, &found, &traits, &error);

    if (status == BEHALF_WOULD_BLOCK && !view->may_block) {
        atomic_fetch_add(&stress->sent_away, 1);
        return;
    }
    graph_store_must(status, &error, "contains");
    if (found != is_there(state, view->now))
        differs("an edge", view->revision, resource, relation, subject);
    if (found)
        compare_traits(stress, view, traits, state, &key);
    atomic_fetch_add(&stress->answers, 1);
}

/* Subjects of a resource, or resources of a subject. */
struct question {
    enum edge_direction direction;
    uint32_t relation;
    uint32_t near;
};

static enum state
state_of(const struct row *row, const struct question *question, uint32_t far)
{
    return question->direction == EDGE_FORWARD
               ? row->states[question->near][question->relation][far]
               : row->states[far][question->relation][question->near];
}

/* Compares a batch with the row from `*far` on, which becomes the place behind it. */
static void
compare_batch(struct asker *reader, const struct graph_view *view, const struct question *question,
              const struct graph_batch *batch, uint32_t *far)
{
    const struct stress *stress = reader->stress;
    const struct row *row = row_of(stress, view->revision);
    bool forward = question->direction == EDGE_FORWARD;
    const uint64_t *places = forward ? stress->data.subjects : stress->data.resources;
    uint32_t far_count = forward ? SUBJECTS : RESOURCES;

    for (size_t at = 0; at < batch->count; at++, (*far)++) {
        struct edge_key key;

        while (*far < far_count && !is_there(state_of(row, question, *far), view->now))
            (*far)++;
        if (*far == far_count || batch->nodes[at] != places[*far])
            differs("a range", view->revision, question->near, question->relation,
                    batch->nodes[at]);
        key = graph_store_key(&stress->data, forward ? question->near : *far, question->relation,
                              forward ? *far : question->near);
        compare_traits(stress, view, batch->traits == NULL ? NULL : batch->traits[at],
                       state_of(row, question, *far), &key);
    }
    if (batch->count == batch->capacity)
        return;
    for (; *far < far_count; (*far)++) {
        if (is_there(state_of(row, question, *far), view->now))
            differs("the end of a range", view->revision, question->near, question->relation,
                    places[*far]);
    }
}

/* All nodes of a range, in batches of a random size. */
static void
read_range(struct asker *reader, struct graph_view *view, enum edge_direction direction)
{
    const struct graph_store *data = &reader->stress->data;
    bool forward = direction == EDGE_FORWARD;
    struct question question = {
        .direction = direction,
        .relation = (uint32_t)(next_random(&reader->random) % RELATIONS),
        .near = skewed(&reader->random, forward ? RESOURCES : SUBJECTS),
    };
    struct graph_range range = {
        .direction = direction,
        .node = forward ? data->resources[question.near] : data->subjects[question.near],
        .relation = data->relations[question.relation],
        .to = UINT64_MAX,
    };
    uint64_t nodes[16];
    struct graph_batch batch = {
        .nodes = nodes,
        .capacity = 1 + (size_t)(next_random(&reader->random) % 16),
    };
    uint32_t far = 0;
    struct error error;

    do {
        enum status status = graph_view_read(view, &range, &batch, &error);

        if (status == BEHALF_WOULD_BLOCK && !view->may_block)
            return;
        graph_store_must(status, &error, "read");
        compare_batch(reader, view, &question, &batch, &far);
        if (batch.count > 0)
            range.from = nodes[batch.count - 1] + 1;
    } while (batch.count == batch.capacity);
}

/* Some nodes of either side, as if one had been missed; now and then for somebody who is gone. */
static void
prepare(struct asker *reader, struct graph_view *view)
{
    const struct graph_store *data = &reader->stress->data;
    bool forward = next_random(&reader->random) % 2 == 0;
    atomic_bool cancelled;
    uint64_t nodes[8];

    for (size_t at = 0; at < BEHALF_COUNT_OF(nodes); at++)
        nodes[at] = forward ? data->resources[skewed(&reader->random, RESOURCES)]
                            : data->subjects[skewed(&reader->random, SUBJECTS)];
    atomic_init(&cancelled, next_random(&reader->random) % 8 == 0);
    view->budget->cancelled = &cancelled;
    view->loads = 1;
    graph_view_prepare(view, nodes, BEHALF_COUNT_OF(nodes), forward ? EDGE_FORWARD : EDGE_REVERSE);
    view->budget->cancelled = NULL;
}

static uint64_t
choose_revision(struct asker *reader)
{
    uint64_t newest = atomic_load(&reader->stress->published);
    uint64_t back = next_random(&reader->random) % 8 == 0 ? next_random(&reader->random) % 20 : 0;

    return newest - reader->stress->first < back ? reader->stress->first : newest - back;
}

static void *
run_reader(void *argument)
{
    struct asker *reader = argument;
    struct stress *stress = reader->stress;
    struct budget budget;
    struct graph_view view;

    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    while (!atomic_load(&stress->stopped)) {
        uint64_t steps = 1 + next_random(&reader->random) % 30;
        bool may_block = next_random(&reader->random) % 4 != 0;
        int64_t now = (int64_t)(next_random(&reader->random) % NOW_MOST);

        graph_view_init(&view, stress->graph, stress->data.store, choose_revision(reader), now,
                        may_block, &budget);
        for (uint64_t step = 0; step < steps; step++) {
            switch (next_random(&reader->random) % 5) {
            case 4:
                prepare(reader, &view);
                break;
            case 0:
                read_range(reader, &view, EDGE_FORWARD);
                break;
            case 1:
                read_range(reader, &view, EDGE_REVERSE);
                break;
            default:
                probe(reader, &view);
            }
        }
        graph_view_release(&view);
    }
    return NULL;
}

/* --- warming up --- */

static void
warm_once(struct asker *warmer, const atomic_bool *cancelled, struct slice note)
{
    struct stress *stress = warmer->stress;
    struct warm_up *warm_up = warm_up_new(&(struct warm_options){
        .graph = stress->graph,
        .names = stress->names,
        .store = stress->data.store,
        .env = env_system(),
        .cancelled = cancelled,
        .note = note,
        .all = next_random(&warmer->random) % 4 != 0,
    });
    struct warm_progress progress;
    struct error error;

    do {
        enum status status = warm_up_step(warm_up, atomic_load(&stress->published), &error);

        if (status != BEHALF_DEADLINE || !atomic_load(cancelled))
            graph_store_must(status, &error, "warm up");
        warm_up_progress(warm_up, &progress);
    } while (progress.state != WARM_DONE && !atomic_load(cancelled));
    atomic_fetch_add(&stress->warmed, (size_t)progress.sets);
    warm_up_free(warm_up);
}

static void *
run_warmer(void *argument)
{
    struct asker *warmer = argument;
    struct stress *stress = warmer->stress;
    struct buffer note;

    buffer_init(&note);
    while (!atomic_load(&stress->stopped)) {
        buffer_clear(&note);
        warm_note_write(stress->graph, stress->names, &note);
        warm_once(warmer, &stress->stopped, buffer_slice(&note));
    }
    buffer_release(&note);
    return NULL;
}

/* --- writing --- */

/* The changes of a group, as the graph is told of them. */
struct told {
    struct graph_change changes[GROUP_MAX * CHANGES_MOST];
    char contexts[GROUP_MAX * CHANGES_MOST][CONTEXT_SIZE];
    size_t count;
};

/* One transaction of some changes, which are appended to `told`. Half of them take an edge away, if
 * it is there. */
static void
write_some(struct stress *stress, uint64_t revision, uint64_t *random, struct told *told)
{
    struct graph_store_change changes[CHANGES_MOST];
    struct row *row = &stress->rows[revision - stress->first];
    uint32_t resource = skewed(random, RESOURCES);
    size_t count = 1 + (size_t)(next_random(random) % CHANGES_MOST);

    *row = stress->rows[revision - stress->first - 1];
    for (size_t at = 0; at < count; at++) {
        /* Different relations or subjects: a key stands once in a transaction. */
        uint32_t relation = (uint32_t)(next_random(random) % RELATIONS);
        uint32_t subject = (skewed(random, SUBJECTS / 3) * 3 + (uint32_t)at) % SUBJECTS;
        uint8_t *state = &row->states[resource][relation][subject];
        uint64_t choice = next_random(random) >> 8;
        struct edge_key key = graph_store_key(&stress->data, resource, relation, subject);

        if (*state != ABSENT && choice % 2 == 0)
            *state = ABSENT;
        else
            *state = (uint8_t)(PLAIN + (choice >> 1) % (STATES - PLAIN));
        changes[at] = (struct graph_store_change){
            .key = key,
            .remove = *state == ABSENT,
            .traits = traits_of(stress, *state, &key, told->contexts[told->count]),
        };
        told->changes[told->count++] = (struct graph_change){
            .key = key,
            .traits = changes[at].traits,
            .revision = revision,
            .removed = changes[at].remove,
        };
    }
    BEHALF_ASSERT(graph_store_commit(&stress->data, changes, count) == revision);
}

static void
run_writer(struct stress *stress, uint64_t *random)
{
    uint64_t revision = stress->first;

    while (revision + GROUP_MAX < stress->first + REVISIONS) {
        uint64_t group = 1 + next_random(random) % GROUP_MAX;
        uint64_t published = revision;
        struct told told = {.count = 0};

        for (uint64_t at = 0; at < group; at++)
            write_some(stress, ++revision, random, &told);
        graph_apply(stress->graph, told.changes, told.count, published);
        /* As after a commit whose outcome nobody knows. */
        if (next_random(random) % 16 == 0)
            graph_invalidate(stress->graph, &told.changes[0].key);
        atomic_store(&stress->published, revision);
        graph_trim(stress->graph, revision);
    }
}

/* Every version in memory is what the store has, and nothing waits for readers that are gone. */
static void
compare_at_rest(struct stress *stress)
{
    struct graph_stats stats;
    const char *reason;

    if (!graph_validate(stress->graph, &reason)) {
        fprintf(stderr, "graph_views: %s\n", reason);
        abort();
    }
    graph_trim(stress->graph, atomic_load(&stress->published));
    graph_stats_read(stress->graph, &stats);
    BEHALF_ASSERT(stats.retired_bytes == 0);
    BEHALF_ASSERT(stats.loading_count == 0);
}

static void
run_world(size_t memory_bytes, uint64_t seed)
{
    struct stress *stress = memory_new(sizeof *stress);
    struct asker askers[READERS + 1]; /* the last one warms up */
    const char *reason;
    int failure;

    graph_store_open(&stress->data, RESOURCES, SUBJECTS);
    stress->graph = graph_new(stress->data.store, memory_bytes);
    stress->names = name_cache_new(graph_readers(stress->graph), memory_bytes);
    stress->rows = memory_new_array(REVISIONS + 1, sizeof *stress->rows);
    stress->first = store_head_revision(stress->data.store);
    atomic_store(&stress->published, stress->first);
    for (uint32_t at = 0; at <= READERS; at++) {
        askers[at] = (struct asker){.stress = stress, .random = seed + at + 1};
        failure = pthread_create(&askers[at].thread, NULL, at < READERS ? run_reader : run_warmer,
                                 &askers[at]);
        BEHALF_ASSERT(failure == 0);
    }
    run_writer(stress, &seed);
    atomic_store(&stress->stopped, true);
    for (uint32_t at = 0; at <= READERS; at++)
        pthread_join(askers[at].thread, NULL);
    printf("graph_views: budget %zu: %zu probes right, %zu sent away, %zu sets warmed up\n",
           memory_bytes, atomic_load(&stress->answers), atomic_load(&stress->sent_away),
           atomic_load(&stress->warmed));
    compare_at_rest(stress);
    BEHALF_ASSERT(name_cache_validate(stress->names, &reason));
    name_cache_free(stress->names);
    graph_free(stress->graph);
    graph_store_close(&stress->data);
    memory_free(stress->rows);
    memory_free(stress);
}

int
main(void)
{
    static const size_t budgets[] = {(size_t)16 * 1024 * 1024, 8192, GRAPH_CACHE_SMALLEST, 1};
    const char *text = getenv("BEHALF_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20261123;

    printf("graph_views: BEHALF_SEED=%llu\n", (unsigned long long)seed);
    for (size_t at = 0; at < BEHALF_COUNT_OF(budgets); at++)
        run_world(budgets[at], seed | 1);
    return 0;
}
