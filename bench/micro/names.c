/* names.c - what it costs to find the node of a name, and the name of a node.
 *
 * Method: a store in memory holds names, and the cache is filled with all of them. Then each thread
 * asks for random ones through resolvers that it opens anew every OPERATIONS_PER_VIEW operations,
 * as a request would; the strings asked with lie in one array, so that the cold case misses there
 * as well. With `prefetch`, the places of the names of one view are asked for before the first of
 * them is used. A number is the median of ROUNDS rounds, in nanoseconds of a thread's own CPU time
 * per operation; the threads of a round start together. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "graph/graph.h"
#include "graph/names.h"
#include "storage/store.h"

#define ROUNDS 9
#define OPERATIONS 400000
#define OPERATIONS_PER_VIEW 16
#define NAMES UINT32_C(500000)
#define ID_SIZE 16
#define CHANGES_PER_TRANSACTION 1000
#define THREADS_MAX 2
#define CACHE_BYTES ((size_t)256 * 1024 * 1024)

struct names_bench {
    struct store *store;
    struct graph *graph;
    struct name_cache *names;
    uint64_t *nodes;
    char (*ids)[ID_SIZE];
    uint16_t type;
    uint64_t revision;
};

enum operation { OPERATION_NODE, OPERATION_NODE_PREFETCHED, OPERATION_ID };

struct names_worker {
    pthread_t thread;
    struct names_bench *bench;
    pthread_barrier_t *start;
    enum operation operation;
    uint32_t spread; /* names in use */
    uint64_t random;
    struct arena arena;
    int64_t elapsed_ns;
};

static void
must(enum status status, const struct error *error)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "micro/names: %s: %s\n", status_name(status), error->message);
    exit(1);
}

/* --- the data --- */

static void
bench_open(struct names_bench *bench)
{
    struct store_options options = {.path = NULL, .env = env_system()};
    struct store_transaction *transaction = NULL;
    struct error error;

    *bench = (struct names_bench){.nodes = memory_new_array(NAMES, sizeof *bench->nodes),
                                  .ids = memory_new_array(NAMES, sizeof *bench->ids)};
    must(store_open(&options, &bench->store, &error), &error);
    for (uint32_t at = 0; at < NAMES; at++) {
        if (at % CHANGES_PER_TRANSACTION == 0)
            must(store_transaction_begin(bench->store, &transaction, &error), &error);
        if (at == 0)
            must(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("user"),
                                         &bench->type, &error),
                 &error);
        (void)snprintf(bench->ids[at], ID_SIZE, "user-%u", at);
        must(store_transaction_node(transaction, bench->type, slice_of(bench->ids[at]),
                                    &bench->nodes[at], &error),
             &error);
        if ((at + 1) % CHANGES_PER_TRANSACTION == 0)
            must(store_transaction_commit(transaction, 1, &bench->revision, &error), &error);
    }
    bench->graph = graph_new(bench->store, CACHE_BYTES);
    bench->names = name_cache_new(graph_readers(bench->graph), CACHE_BYTES);
}

static void
bench_close(struct names_bench *bench)
{
    name_cache_free(bench->names);
    graph_free(bench->graph);
    store_close(bench->store);
    memory_free(bench->nodes);
    memory_free(bench->ids);
}

static void
ask(struct names_worker *worker, struct resolver *resolver, uint32_t at)
{
    struct names_bench *bench = worker->bench;
    struct error error;
    struct slice id;
    uint64_t node;

    if (worker->operation == OPERATION_ID) {
        must(resolver_id(resolver, bench->nodes[at], &id, &error), &error);
        BEHALF_ASSERT(id.size > 5);
    } else {
        must(resolver_node(resolver, bench->type, slice_of(bench->ids[at]), &node, &error), &error);
        BEHALF_ASSERT(node == bench->nodes[at]);
    }
}

static void
ask_first_time(struct names_bench *bench)
{
    struct names_worker worker = {.bench = bench};
    struct resolver resolver;
    struct graph_view view;
    struct budget budget;

    arena_init(&worker.arena, SIZE_MAX / 2);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    graph_view_init(&view, bench->graph, bench->store, bench->revision, 0, true, &budget);
    resolver_init(&resolver, bench->names, &view, &worker.arena);
    for (uint32_t at = 0; at < NAMES; at++) {
        worker.operation = OPERATION_NODE;
        ask(&worker, &resolver, at);
        worker.operation = OPERATION_ID;
        ask(&worker, &resolver, at);
        arena_reset(&worker.arena, SIZE_MAX / 2);
    }
    graph_view_release(&view);
    arena_release(&worker.arena);
}

/* --- one round --- */

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 16;
}

static int64_t
thread_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
one_view(struct names_worker *worker, struct budget *budget)
{
    struct names_bench *bench = worker->bench;
    uint32_t asked[OPERATIONS_PER_VIEW];
    struct resolver resolver;
    struct graph_view view;

    for (size_t at = 0; at < OPERATIONS_PER_VIEW; at++)
        asked[at] = (uint32_t)(next_random(&worker->random) % worker->spread);
    for (size_t at = 0; worker->operation == OPERATION_NODE_PREFETCHED && at < OPERATIONS_PER_VIEW;
         at++)
        name_cache_prefetch(bench->names,
                            name_hash(bench->type, name_id_hash(slice_of(bench->ids[asked[at]]))));
    arena_reset(&worker->arena, SIZE_MAX / 2);
    graph_view_init(&view, bench->graph, bench->store, bench->revision, 0, true, budget);
    resolver_init(&resolver, bench->names, &view, &worker->arena);
    for (size_t at = 0; at < OPERATIONS_PER_VIEW; at++)
        ask(worker, &resolver, asked[at]);
    graph_view_release(&view);
}

static void *
run(void *argument)
{
    struct names_worker *worker = argument;
    struct budget budget;
    int64_t begun;

    arena_init(&worker->arena, SIZE_MAX / 2);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    pthread_barrier_wait(worker->start);
    begun = thread_cpu_ns();
    for (uint32_t at = 0; at < OPERATIONS; at += OPERATIONS_PER_VIEW)
        one_view(worker, &budget);
    worker->elapsed_ns = thread_cpu_ns() - begun;
    arena_release(&worker->arena);
    return NULL;
}

static double
round_ns(struct names_bench *bench, enum operation operation, uint32_t spread, uint32_t threads)
{
    struct names_worker workers[THREADS_MAX];
    pthread_barrier_t start;
    int64_t elapsed_ns = 0;

    pthread_barrier_init(&start, NULL, threads);
    for (uint32_t at = 0; at < threads; at++) {
        int failure;

        workers[at] = (struct names_worker){.bench = bench,
                                            .start = &start,
                                            .operation = operation,
                                            .spread = spread,
                                            .random = 88172645463325252U + at * 7919};
        failure = pthread_create(&workers[at].thread, NULL, run, &workers[at]);
        BEHALF_ASSERT(failure == 0);
    }
    for (uint32_t at = 0; at < threads; at++) {
        pthread_join(workers[at].thread, NULL);
        elapsed_ns += workers[at].elapsed_ns;
    }
    pthread_barrier_destroy(&start);
    return (double)elapsed_ns / threads / OPERATIONS;
}

static int
compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double
median_ns(struct names_bench *bench, enum operation operation, uint32_t spread, uint32_t threads)
{
    double rounds[ROUNDS];

    for (size_t at = 0; at < ROUNDS; at++)
        rounds[at] = round_ns(bench, operation, spread, threads);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    return rounds[ROUNDS / 2];
}

int
main(void)
{
    static const uint32_t spreads[] = {16, 1000, NAMES};
    struct names_bench bench;

    bench_open(&bench);
    ask_first_time(&bench);
    printf("names: CPU ns per operation, median of %d rounds of %d\n", ROUNDS, OPERATIONS);
    printf("%8s %7s %13s %13s %13s\n", "names", "threads", "node", "prefetched", "id");
    for (size_t at = 0; at < BEHALF_COUNT_OF(spreads); at++) {
        for (uint32_t threads = 1; threads <= THREADS_MAX; threads++)
            printf("%8u %7u %13.1f %13.1f %13.1f\n", spreads[at], threads,
                   median_ns(&bench, OPERATION_NODE, spreads[at], threads),
                   median_ns(&bench, OPERATION_NODE_PREFETCHED, spreads[at], threads),
                   median_ns(&bench, OPERATION_ID, spreads[at], threads));
    }
    bench_close(&bench);
    return 0;
}
