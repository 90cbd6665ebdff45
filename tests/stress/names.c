/* names.c - several readers of names, while names are made, learned, evicted and moved.
 *
 * One thread makes names, in transactions of one, and publishes each. Readers ask for the nodes of
 * names and the names of nodes, at the newest revision and at older ones, from memory or from
 * storage, through caches that have room for all, for some, or for none. Whether a name is stored,
 * and as what, is known by arithmetic: names are numbers, made in order, and equal bytes must be
 * equal nodes within a request. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "graph/names.h"
#include "tests/support/graph_store.h"

#define NAMES 3000
#define READERS 3
#define ID_SIZE 24
#define ASKS_MOST 30
#define IDS_MOST 20 /* at once */

struct stress {
    struct graph_store data;
    struct graph *graph;
    struct name_cache *cache;
    uint64_t first_revision; /* that made name 0 */
    uint64_t nodes[NAMES];   /* written before `made` says so */
    _Atomic uint32_t made;   /* names that are published */
    atomic_size_t answers;
    atomic_bool stopped;
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
    return *state >> 8;
}

/* Of different lengths, so that entries are. */
static struct slice
id_of(uint32_t at, char id[ID_SIZE])
{
    (void)snprintf(id, ID_SIZE, "%0*u", (int)(4 + at % 16), at);
    return slice_of(id);
}

static _Noreturn void
differs(const char *what, uint32_t at)
{
    fprintf(stderr, "names: %s differs: name %u\n", what, at);
    abort();
}

/* --- reading --- */

static void
ask_node(struct asker *asker, struct resolver *resolver, uint32_t at, struct slice id,
         uint32_t published)
{
    struct stress *stress = asker->stress;
    struct error error;
    uint64_t node = 0;
    uint64_t again = 0;
    enum status status = resolver_node(resolver, stress->data.subject_type, id, &node, &error);

    if (status == BEHALF_WOULD_BLOCK)
        return;
    graph_store_must(status, &error, "node");
    /* One that is younger than the revision may be known already. */
    if ((at < published || !NODE_IS_LOCAL(node)) && node != stress->nodes[at])
        differs("the node", at);
    if (resolver_node(resolver, stress->data.subject_type, id, &again, &error) == BEHALF_OK &&
        node != again)
        differs("the second node", at);
    atomic_fetch_add(&stress->answers, 1);
}

static void
ask_names(struct asker *asker, struct resolver *resolver, uint32_t at, uint32_t published)
{
    struct stress *stress = asker->stress;
    struct error error;
    char expected[ID_SIZE];
    struct slice ids[IDS_MOST];
    size_t count = at + IDS_MOST < published ? IDS_MOST : published - at;
    enum status status = resolver_ids(resolver, &stress->nodes[at], count, ids, &error);

    if (status == BEHALF_WOULD_BLOCK)
        return;
    graph_store_must(status, &error, "id");
    for (uint32_t i = 0; i < count; i++)
        if (!slice_equal(ids[i], id_of(at + i, expected)))
            differs("the id", at + i);
    atomic_fetch_add(&stress->answers, 1);
}

static void
one_request(struct asker *asker, struct arena *arena, struct budget *budget)
{
    struct stress *stress = asker->stress;
    uint32_t made = atomic_load(&stress->made);
    uint32_t back = (uint32_t)(next_random(&asker->random) % 40);
    uint32_t published = made > back ? made - back : made;
    bool may_block = next_random(&asker->random) % 3 != 0;
    struct graph_view view;
    struct resolver resolver;
    char ids[ASKS_MOST][ID_SIZE];

    arena_reset(arena, SIZE_MAX / 2);
    graph_view_init(&view, stress->graph, stress->data.store,
                    stress->first_revision - 1 + published, 0, may_block, budget);
    resolver_init(&resolver, stress->cache, &view, arena);
    for (uint32_t ask = 0; ask < ASKS_MOST; ask++) {
        uint32_t at = (uint32_t)(next_random(&asker->random) % (published + 20));

        if (ask % 4 == 3 && at < published)
            ask_names(asker, &resolver, at, published);
        else if (at < NAMES)
            ask_node(asker, &resolver, at, id_of(at, ids[ask]), published);
    }
    graph_view_release(&view);
}

static void *
run_asker(void *argument)
{
    struct asker *asker = argument;
    struct budget budget;
    struct arena arena;

    arena_init(&arena, SIZE_MAX / 2);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    while (!atomic_load(&asker->stress->stopped))
        one_request(asker, &arena, &budget);
    arena_release(&arena);
    return NULL;
}

/* --- writing --- */

static void
make_name(struct stress *stress, uint32_t at)
{
    struct store_transaction *transaction = NULL;
    struct error error;
    char id[ID_SIZE];
    uint64_t revision = 0;

    graph_store_must(store_transaction_begin(stress->data.store, &transaction, &error), &error,
                     "begin");
    graph_store_must(store_transaction_node(transaction, stress->data.subject_type, id_of(at, id),
                                            &stress->nodes[at], &error),
                     &error, "node");
    graph_store_must(store_transaction_commit(transaction, 1, &revision, &error), &error, "commit");
    BEHALF_ASSERT(revision == stress->first_revision + at);
    atomic_store(&stress->made, at + 1);
}

static void
run_world(size_t memory_bytes, uint64_t seed)
{
    struct stress *stress = memory_new(sizeof *stress);
    struct asker askers[READERS];
    const char *reason;

    graph_store_open(&stress->data, 1, 1);
    stress->graph = graph_new(stress->data.store, 1);
    stress->cache = name_cache_new(graph_readers(stress->graph), memory_bytes);
    stress->first_revision = store_head_revision(stress->data.store) + 1;
    for (uint32_t at = 0; at < READERS; at++) {
        int failure;

        askers[at] = (struct asker){.stress = stress, .random = seed + at + 1};
        failure = pthread_create(&askers[at].thread, NULL, run_asker, &askers[at]);
        BEHALF_ASSERT(failure == 0);
    }
    for (uint32_t at = 0; at < NAMES; at++)
        make_name(stress, at);
    atomic_store(&stress->stopped, true);
    for (uint32_t at = 0; at < READERS; at++)
        pthread_join(askers[at].thread, NULL);
    printf("names: budget %zu: %zu answers right\n", memory_bytes, atomic_load(&stress->answers));
    if (!name_cache_validate(stress->cache, &reason)) {
        fprintf(stderr, "names: %s\n", reason);
        abort();
    }
    name_cache_free(stress->cache);
    graph_free(stress->graph);
    graph_store_close(&stress->data);
    memory_free(stress);
}

int
main(void)
{
    static const size_t budgets[] = {(size_t)4 * 1024 * 1024, 64 * 1024, NAME_CACHE_SMALLEST, 1};
    const char *text = getenv("BEHALF_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20261123;

    printf("names: BEHALF_SEED=%llu\n", (unsigned long long)seed);
    for (size_t at = 0; at < BEHALF_COUNT_OF(budgets); at++)
        run_world(budgets[at], seed | 1);
    return 0;
}
