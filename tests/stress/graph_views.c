/* graph_views.c - one writer, several readers, and every answer compared with what was written.
 *
 * The writer flips random edges, in transactions that it publishes one by one or in groups, as the
 * engine does: commit all, sync, tell the graph, publish the last. Before a commit it writes the
 * state that the revision will have into a row of the model, so that whoever reads a published
 * revision can see the row. Readers open views at the newest or at an older revision and compare
 * probes and ranges, in both directions, with the row of exactly that revision.
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
#include "engine/graph_cache.h"
#include "tests/support/graph_store.h"

#define RESOURCES 12
#define SUBJECTS 40
#define RELATIONS 2
#define REVISIONS 4000
#define READERS 3
#define GROUP_MAX 5

/* A row per revision: subjects of each (resource, relation) as bits. */
struct row {
    uint64_t subjects[RESOURCES][RELATIONS];
};

struct stress {
    struct graph_store data;
    struct graph *graph;
    struct row *rows;
    uint64_t first; /* revision of rows[0] */
    _Atomic uint64_t published;
    atomic_bool stopped;
    atomic_size_t answers;
    atomic_size_t sent_away;
};

struct reader {
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
probe(struct reader *reader, struct graph_view *view)
{
    struct stress *stress = reader->stress;
    uint32_t resource = skewed(&reader->random, RESOURCES);
    uint32_t relation = (uint32_t)(next_random(&reader->random) % RELATIONS);
    uint32_t subject = skewed(&reader->random, SUBJECTS);
    struct edge_key key = graph_store_key(&stress->data, resource, relation, subject);
    uint64_t expected = row_of(stress, view->revision)->subjects[resource][relation] >> subject & 1;
    const struct edge_traits *traits;
    struct error error;
    bool found = false;
    enum status status = graph_view_contains(view, &key, &found, &traits, &error);

    if (status == BEHALF_WOULD_BLOCK && !view->may_block) {
        atomic_fetch_add(&stress->sent_away, 1);
        return;
    }
    graph_store_must(status, &error, "contains");
    if (found != (expected != 0))
        differs("an edge", view->revision, resource, relation, subject);
    atomic_fetch_add(&stress->answers, 1);
}

/* All nodes of a range, in batches of a random size; *complete is false when it was sent away. */
static uint64_t
read_bits(struct reader *reader, struct graph_view *view, struct graph_range range,
          const uint64_t *places, uint32_t place_count, bool *complete)
{
    uint64_t nodes[16];
    struct graph_batch batch = {
        .nodes = nodes,
        .capacity = 1 + (size_t)(next_random(&reader->random) % 16),
    };
    uint64_t bits = 0;
    struct error error;

    *complete = true;
    do {
        enum status status = graph_view_read(view, &range, &batch, &error);

        if (status == BEHALF_WOULD_BLOCK && !view->may_block) {
            *complete = false;
            return 0;
        }
        graph_store_must(status, &error, "read");
        for (size_t at = 0; at < batch.count; at++) {
            uint32_t place = 0;

            while (place < place_count && places[place] != nodes[at])
                place++;
            bits |= UINT64_C(1) << place;
            range.from = nodes[at] + 1;
        }
    } while (batch.count == batch.capacity);
    return bits;
}

static void
read_forward(struct reader *reader, struct graph_view *view)
{
    const struct stress *stress = reader->stress;
    uint32_t resource = skewed(&reader->random, RESOURCES);
    uint32_t relation = (uint32_t)(next_random(&reader->random) % RELATIONS);
    struct graph_range range = {
        .direction = EDGE_FORWARD,
        .node = stress->data.resources[resource],
        .relation = stress->data.relations[relation],
        .to = UINT64_MAX,
    };
    bool complete;
    uint64_t bits = read_bits(reader, view, range, stress->data.subjects, SUBJECTS, &complete);

    if (complete && bits != row_of(stress, view->revision)->subjects[resource][relation])
        differs("a forward range", view->revision, resource, relation, bits);
}

static void
read_reverse(struct reader *reader, struct graph_view *view)
{
    const struct stress *stress = reader->stress;
    const struct row *row = row_of(stress, view->revision);
    uint32_t subject = skewed(&reader->random, SUBJECTS);
    uint32_t relation = (uint32_t)(next_random(&reader->random) % RELATIONS);
    struct graph_range range = {
        .direction = EDGE_REVERSE,
        .node = stress->data.subjects[subject],
        .relation = stress->data.relations[relation],
        .to = UINT64_MAX,
    };
    uint64_t expected = 0;
    bool complete;
    uint64_t bits = read_bits(reader, view, range, stress->data.resources, RESOURCES, &complete);

    for (uint32_t at = 0; at < RESOURCES; at++)
        expected |= (row->subjects[at][relation] >> subject & 1) << at;
    if (complete && bits != expected)
        differs("a reverse range", view->revision, 0, relation, subject);
}

static uint64_t
choose_revision(struct reader *reader)
{
    uint64_t newest = atomic_load(&reader->stress->published);
    uint64_t back = next_random(&reader->random) % 8 == 0 ? next_random(&reader->random) % 20 : 0;

    return newest - reader->stress->first < back ? reader->stress->first : newest - back;
}

static void *
run_reader(void *argument)
{
    struct reader *reader = argument;
    struct stress *stress = reader->stress;
    struct budget budget;
    struct graph_view view;

    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    while (!atomic_load(&stress->stopped)) {
        uint64_t steps = 1 + next_random(&reader->random) % 30;
        bool may_block = next_random(&reader->random) % 4 != 0;

        graph_view_init(&view, stress->graph, stress->data.store, choose_revision(reader), 0,
                        may_block, &budget);
        for (uint64_t step = 0; step < steps; step++) {
            switch (next_random(&reader->random) % 4) {
            case 0:
                read_forward(reader, &view);
                break;
            case 1:
                read_reverse(reader, &view);
                break;
            default:
                probe(reader, &view);
            }
        }
        graph_view_release(&view);
    }
    return NULL;
}

/* --- writing --- */

/* One transaction of some flips; the edges changed are appended to `keys`. */
static uint64_t
write_some(struct stress *stress, uint64_t revision, uint64_t *random, struct edge_key *keys,
           size_t *key_count)
{
    struct graph_store_change changes[3];
    struct row *row = &stress->rows[revision - stress->first];
    uint32_t resource = skewed(random, RESOURCES);
    size_t count = 1 + (size_t)(next_random(random) % 3);

    *row = stress->rows[revision - stress->first - 1];
    for (size_t at = 0; at < count; at++) {
        /* Different relations or subjects: a key stands once in a transaction. */
        uint32_t relation = (uint32_t)(next_random(random) % RELATIONS);
        uint32_t subject = (skewed(random, SUBJECTS / 3) * 3 + (uint32_t)at) % SUBJECTS;
        uint64_t bit = UINT64_C(1) << subject;

        changes[at].key = graph_store_key(&stress->data, resource, relation, subject);
        changes[at].remove = (row->subjects[resource][relation] & bit) != 0;
        row->subjects[resource][relation] ^= bit;
        keys[(*key_count)++] = changes[at].key;
    }
    return graph_store_commit(&stress->data, changes, count);
}

static void
run_writer(struct stress *stress, uint64_t *random)
{
    uint64_t revision = stress->first;

    while (revision + GROUP_MAX < stress->first + REVISIONS) {
        uint64_t group = 1 + next_random(random) % GROUP_MAX;
        struct edge_key keys[GROUP_MAX * 3];
        size_t key_count = 0;

        for (uint64_t at = 0; at < group; at++) {
            uint64_t written = write_some(stress, ++revision, random, keys, &key_count);

            BEHALF_ASSERT(written == revision);
        }
        for (size_t at = 0; at < key_count; at++)
            graph_invalidate(stress->graph, &keys[at]);
        atomic_store(&stress->published, revision);
    }
}

static void
run_world(size_t memory_bytes, uint64_t seed)
{
    struct stress *stress = memory_new(sizeof *stress);
    struct reader readers[READERS];
    int failure;

    graph_store_open(&stress->data, RESOURCES, SUBJECTS);
    stress->graph = graph_new(stress->data.store, memory_bytes);
    stress->rows = memory_new_array(REVISIONS + 1, sizeof *stress->rows);
    stress->first = store_head_revision(stress->data.store);
    atomic_store(&stress->published, stress->first);
    for (uint32_t at = 0; at < READERS; at++) {
        readers[at] = (struct reader){.stress = stress, .random = seed + at + 1};
        failure = pthread_create(&readers[at].thread, NULL, run_reader, &readers[at]);
        BEHALF_ASSERT(failure == 0);
    }
    run_writer(stress, &seed);
    atomic_store(&stress->stopped, true);
    for (uint32_t at = 0; at < READERS; at++)
        pthread_join(readers[at].thread, NULL);
    printf("graph_views: budget %zu: %zu probes right, %zu sent away\n", memory_bytes,
           atomic_load(&stress->answers), atomic_load(&stress->sent_away));
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
