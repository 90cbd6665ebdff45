/* graph.c - what a probe and a read of a cached edge set cost.
 *
 * Method: a store in memory holds resources with sets of one size; every set is loaded once. Then
 * each thread asks views that it opens anew every OPERATIONS_PER_VIEW operations, as a request
 * would. The resources asked are one, which the view then holds, or several in a random order. A
 * number is the median of ROUNDS rounds, in nanoseconds of a thread's own CPU time per operation,
 * so that what else runs on the machine counts little; the threads of a round start together.
 * Hits and misses come in a random order. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "engine/graph.h"
#include "storage/store.h"

#define ROUNDS 9
#define OPERATIONS 400000
#define OPERATIONS_PER_VIEW 16
#define READ_CAPACITY 16
#define EDGES_OF_ALL UINT32_C(200000)
#define CHANGES_PER_TRANSACTION 1000
#define THREADS_MAX 2
#define CACHE_BYTES ((size_t)256 * 1024 * 1024)

struct bench {
    struct store *store;
    struct graph *graph;
    uint64_t *resources;
    uint64_t *subjects;
    uint32_t resource_count;
    uint32_t set_size;
    uint16_t relation;
    uint64_t revision;
};

enum operation { OPERATION_CONTAINS, OPERATION_READ };

struct worker {
    pthread_t thread;
    const struct bench *bench;
    pthread_barrier_t *start;
    enum operation operation;
    uint32_t spread; /* resources in use: 1 = one hot set */
    uint64_t random;
    int64_t elapsed_ns;
    uint64_t sum; /* so that nothing is left out as unused */
};

static void
must(enum status status, const struct error *error)
{
    if (status == BEHALF_OK)
        return;
    fprintf(stderr, "micro/graph: %s: %s\n", status_name(status), error->message);
    exit(1);
}

/* --- the data
 * ----------------------------------------------------------------------------------- */

static struct store_transaction *
begin(struct bench *bench)
{
    struct store_transaction *transaction = NULL;
    struct error error;

    must(store_transaction_begin(bench->store, &transaction, &error), &error);
    return transaction;
}

static void
commit(struct bench *bench, struct store_transaction *transaction)
{
    struct error error;

    must(store_transaction_commit(transaction, 1, &bench->revision, &error), &error);
}

static uint64_t *
make_nodes(struct bench *bench, uint16_t type, uint32_t count)
{
    uint64_t *nodes = memory_new_array(count, sizeof *nodes);
    struct store_transaction *transaction = begin(bench);
    struct error error;
    char id[16];

    for (uint32_t at = 0; at < count; at++) {
        (void)snprintf(id, sizeof id, "%u", at);
        must(store_transaction_node(transaction, type, slice_of(id), &nodes[at], &error), &error);
        if ((at + 1) % CHANGES_PER_TRANSACTION == 0) {
            commit(bench, transaction);
            transaction = begin(bench);
        }
    }
    commit(bench, transaction);
    return nodes;
}

/* Twice as many subjects as a set has: every second one is in it. */
static void
make_edges(struct bench *bench)
{
    struct store_transaction *transaction = begin(bench);
    struct error error;
    uint32_t pending = 0;
    bool existed;

    for (uint32_t resource = 0; resource < bench->resource_count; resource++) {
        for (uint32_t subject = 0; subject < bench->set_size; subject++) {
            struct edge edge = {.key = {.resource = bench->resources[resource],
                                        .subject = bench->subjects[2 * subject],
                                        .relation = bench->relation}};

            must(store_transaction_put(transaction, &edge, &existed, &error), &error);
            if (++pending % CHANGES_PER_TRANSACTION == 0) {
                commit(bench, transaction);
                transaction = begin(bench);
            }
        }
    }
    commit(bench, transaction);
}

static void
bench_open(struct bench *bench, uint32_t set_size)
{
    struct store_options options = {.path = NULL, .env = env_system()};
    struct store_transaction *transaction;
    uint16_t resource_type;
    uint16_t subject_type;
    struct error error;

    *bench = (struct bench){.set_size = set_size, .resource_count = EDGES_OF_ALL / set_size};
    if (bench->resource_count > 20000)
        bench->resource_count = 20000;
    must(store_open(&options, &bench->store, &error), &error);
    transaction = begin(bench);
    must(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("document"), &resource_type,
                                 &error),
         &error);
    must(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("user"), &subject_type,
                                 &error),
         &error);
    must(store_transaction_label(transaction, LABEL_RELATION, SLICE_LITERAL("viewer"),
                                 &bench->relation, &error),
         &error);
    commit(bench, transaction);
    bench->resources = make_nodes(bench, resource_type, bench->resource_count);
    bench->subjects = make_nodes(bench, subject_type, 2 * set_size);
    make_edges(bench);
    bench->graph = graph_new(bench->store, CACHE_BYTES);
}

static void
bench_close(struct bench *bench)
{
    graph_free(bench->graph);
    store_close(bench->store);
    memory_free(bench->resources);
    memory_free(bench->subjects);
}

/* --- one round
 * ---------------------------------------------------------------------------------- */

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 16;
}

static void
operate(struct worker *worker, struct graph_view *view)
{
    const struct bench *bench = worker->bench;
    uint64_t random = next_random(&worker->random);
    uint64_t resource = bench->resources[random % worker->spread];
    uint64_t subject = bench->subjects[(random >> 20) % (2 * bench->set_size)];
    struct error error;

    if (worker->operation == OPERATION_CONTAINS) {
        struct edge_key key = {resource, subject, bench->relation, LABEL_NONE};
        const struct edge_traits *traits;
        bool found = false;

        must(graph_view_contains(view, &key, &found, &traits, &error), &error);
        worker->sum += found;
    } else {
        struct graph_range range = {.direction = EDGE_FORWARD,
                                    .node = resource,
                                    .relation = bench->relation,
                                    .from = subject,
                                    .to = UINT64_MAX};
        uint64_t nodes[READ_CAPACITY];
        struct graph_batch batch = {.nodes = nodes, .capacity = READ_CAPACITY};

        must(graph_view_read(view, &range, &batch, &error), &error);
        worker->sum += batch.count;
    }
}

static int64_t
thread_cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void *
run(void *argument)
{
    struct worker *worker = argument;
    struct budget budget;
    struct graph_view view;
    int64_t begun;

    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    pthread_barrier_wait(worker->start);
    begun = thread_cpu_ns();
    for (uint32_t at = 0; at < OPERATIONS; at += OPERATIONS_PER_VIEW) {
        graph_view_init(&view, worker->bench->graph, worker->bench->store, worker->bench->revision,
                        0, true, &budget);
        for (uint32_t step = 0; step < OPERATIONS_PER_VIEW; step++)
            operate(worker, &view);
        graph_view_release(&view);
    }
    worker->elapsed_ns = thread_cpu_ns() - begun;
    return NULL;
}

static double
round_ns(const struct bench *bench, enum operation operation, uint32_t spread, uint32_t threads)
{
    struct worker workers[THREADS_MAX];
    pthread_barrier_t start;
    int64_t elapsed_ns = 0;

    pthread_barrier_init(&start, NULL, threads);
    for (uint32_t at = 0; at < threads; at++) {
        int failure;

        workers[at] = (struct worker){.bench = bench,
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
median_ns(const struct bench *bench, enum operation operation, uint32_t spread, uint32_t threads)
{
    double rounds[ROUNDS];

    (void)round_ns(bench, operation, spread, threads); /* loads the sets */
    for (size_t at = 0; at < ROUNDS; at++)
        rounds[at] = round_ns(bench, operation, spread, threads);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    return rounds[ROUNDS / 2];
}

static void
print_rows(const struct bench *bench, uint32_t spread)
{
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++)
        printf("%8u %9u %7u %13.1f %13.1f\n", bench->set_size, spread, threads,
               median_ns(bench, OPERATION_CONTAINS, spread, threads),
               median_ns(bench, OPERATION_READ, spread, threads));
}

int
main(void)
{
    /* One set is held by the view; four fit any cache; twenty thousand do not. */
    static const uint32_t spreads[] = {1, 4, 20000};
    static const uint32_t sizes[] = {1, 10, 1000, 50000};
    struct bench bench;

    printf("graph: CPU ns per operation, median of %d rounds of %d\n", ROUNDS, OPERATIONS);
    printf("%8s %9s %7s %13s %13s\n", "edges", "sets", "threads", "contains", "read of 16");
    for (size_t at = 0; at < BEHALF_COUNT_OF(sizes); at++) {
        bench_open(&bench, sizes[at]);
        for (size_t which = 0; which < BEHALF_COUNT_OF(spreads); which++) {
            if (spreads[which] <= bench.resource_count)
                print_rows(&bench, spreads[which]);
        }
        bench_close(&bench);
    }
    return 0;
}
