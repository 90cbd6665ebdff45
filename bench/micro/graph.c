/* graph.c - what a probe and a read of a cached edge set cost.
 *
 * Method: a store in memory holds resources with sets of one size; every set is loaded once. Then
 * each thread asks views that it opens anew every OPERATIONS_PER_VIEW operations, as a request
 * would. The resources asked are one, which the view then holds, or several in a random order. A
 * number is the median of ROUNDS rounds, in nanoseconds of a thread's own CPU time per operation,
 * so that what else runs on the machine counts little; the threads of a round start together.
 * Hits and misses come in a random order.
 *
 * Then the same probes while a writer adds and removes edges of the resources asked, in
 * transactions of ten at a fixed rate, against none; what a set of a million edges costs to load
 * and to change; and what the graph and the names of a store of some size take in memory. */
#include <pthread.h>
#include <stdatomic.h>
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
#define READ_CAPACITY 16
#define EDGES_OF_ALL UINT32_C(200000)
#define CHANGES_PER_TRANSACTION 1000
#define THREADS_MAX 2
#define CACHE_BYTES ((size_t)256 * 1024 * 1024)

#define CHANGES_PER_WRITE 10
#define WRITES_PER_SECOND 500

#define LARGE_EDGES UINT32_C(1000000)
#define LARGE_CHANGES 1000

#define FILL_RESOURCES UINT32_C(100000)
#define FILL_SUBJECTS UINT32_C(20000)
#define FILL_EDGES_PER_RESOURCE 5

struct graph_bench {
    struct store *store;
    struct graph *graph;
    uint64_t *resources;
    uint64_t *subjects;
    uint32_t resource_count;
    uint32_t set_size;
    uint16_t relation;
    uint16_t resource_type;
    uint16_t subject_type;
    uint64_t revision;
    _Atomic uint64_t published;
};

enum operation { OPERATION_CONTAINS, OPERATION_READ };

struct graph_worker {
    pthread_t thread;
    struct graph_bench *bench;
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
begin(struct graph_bench *bench)
{
    struct store_transaction *transaction = NULL;
    struct error error;

    must(store_transaction_begin(bench->store, &transaction, &error), &error);
    return transaction;
}

static void
commit(struct graph_bench *bench, struct store_transaction *transaction)
{
    struct error error;

    must(store_transaction_commit(transaction, 1, &bench->revision, &error), &error);
}

static uint64_t *
make_nodes(struct graph_bench *bench, uint16_t type, uint32_t count)
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
make_edges(struct graph_bench *bench)
{
    struct store_transaction *transaction = begin(bench);
    struct error error;
    uint32_t pending = 0;
    struct store_previous previous;

    for (uint32_t resource = 0; resource < bench->resource_count; resource++) {
        for (uint32_t subject = 0; subject < bench->set_size; subject++) {
            struct edge edge = {.key = {.resource = bench->resources[resource],
                                        .subject = bench->subjects[2 * subject],
                                        .relation = bench->relation}};

            must(store_transaction_put(transaction, &edge, &previous, &error), &error);
            if (++pending % CHANGES_PER_TRANSACTION == 0) {
                commit(bench, transaction);
                transaction = begin(bench);
            }
        }
    }
    commit(bench, transaction);
}

static void
store_begin(struct graph_bench *bench)
{
    struct store_options options = {.path = NULL, .env = env_system()};
    struct store_transaction *transaction;
    struct error error;

    must(store_open(&options, &bench->store, &error), &error);
    transaction = begin(bench);
    must(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("document"),
                                 &bench->resource_type, &error),
         &error);
    must(store_transaction_label(transaction, LABEL_TYPE, SLICE_LITERAL("user"),
                                 &bench->subject_type, &error),
         &error);
    must(store_transaction_label(transaction, LABEL_RELATION, SLICE_LITERAL("viewer"),
                                 &bench->relation, &error),
         &error);
    commit(bench, transaction);
}

static void
bench_open(struct graph_bench *bench, uint32_t set_size)
{
    *bench = (struct graph_bench){.set_size = set_size, .resource_count = EDGES_OF_ALL / set_size};
    if (bench->resource_count == 0)
        bench->resource_count = 1;
    if (bench->resource_count > 20000)
        bench->resource_count = 20000;
    store_begin(bench);
    bench->resources = make_nodes(bench, bench->resource_type, bench->resource_count);
    bench->subjects = make_nodes(bench, bench->subject_type, 2 * set_size);
    make_edges(bench);
    bench->graph = graph_new(bench->store, CACHE_BYTES);
    atomic_store(&bench->published, bench->revision);
}

static void
bench_close(struct graph_bench *bench)
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
operate(struct graph_worker *worker, struct graph_view *view)
{
    const struct graph_bench *bench = worker->bench;
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
    struct graph_worker *worker = argument;
    struct budget budget;
    struct graph_view view;
    int64_t begun;

    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    pthread_barrier_wait(worker->start);
    begun = thread_cpu_ns();
    for (uint32_t at = 0; at < OPERATIONS; at += OPERATIONS_PER_VIEW) {
        graph_view_init(&view, worker->bench->graph, worker->bench->store,
                        atomic_load(&worker->bench->published), 0, true, &budget);
        for (uint32_t step = 0; step < OPERATIONS_PER_VIEW; step++)
            operate(worker, &view);
        graph_view_release(&view);
    }
    worker->elapsed_ns = thread_cpu_ns() - begun;
    return NULL;
}

static double
round_ns(struct graph_bench *bench, enum operation operation, uint32_t spread, uint32_t threads)
{
    struct graph_worker workers[THREADS_MAX];
    pthread_barrier_t start;
    int64_t elapsed_ns = 0;

    pthread_barrier_init(&start, NULL, threads);
    for (uint32_t at = 0; at < threads; at++) {
        int failure;

        workers[at] = (struct graph_worker){.bench = bench,
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
median_ns(struct graph_bench *bench, enum operation operation, uint32_t spread, uint32_t threads)
{
    double rounds[ROUNDS];

    (void)round_ns(bench, operation, spread, threads); /* loads the sets */
    for (size_t at = 0; at < ROUNDS; at++)
        rounds[at] = round_ns(bench, operation, spread, threads);
    qsort(rounds, ROUNDS, sizeof rounds[0], compare);
    return rounds[ROUNDS / 2];
}

static void
print_rows(struct graph_bench *bench, uint32_t spread)
{
    for (uint32_t threads = 1; threads <= THREADS_MAX; threads++)
        printf("%8u %9u %7u %13.1f %13.1f\n", bench->set_size, spread, threads,
               median_ns(bench, OPERATION_CONTAINS, spread, threads),
               median_ns(bench, OPERATION_READ, spread, threads));
}

/* --- beside a writer --- */

struct graph_writer {
    struct graph_bench *bench;
    pthread_t thread;
    uint32_t spread;
    uint64_t random;
    uint64_t writes;
    atomic_bool stopped;
};

/* Ten edges of as many resources come, or go again. */
static void
write_once(struct graph_writer *writer)
{
    struct graph_bench *bench = writer->bench;
    struct store_transaction *transaction = begin(bench);
    struct graph_change changes[CHANGES_PER_WRITE];
    uint64_t published = bench->revision;
    struct error error;
    struct store_previous previous;

    for (size_t at = 0; at < CHANGES_PER_WRITE; at++) {
        uint64_t random = next_random(&writer->random);
        uint64_t stretch = writer->spread / CHANGES_PER_WRITE;
        uint64_t resource = at * stretch + random % stretch;
        struct edge edge = {
            .key = {.resource = bench->resources[resource],
                    .subject = bench->subjects[(random >> 20) % (2 * bench->set_size)],
                    .relation = bench->relation}};

        changes[at] = (struct graph_change){.key = edge.key, .removed = random >> 19 & 1};
        if (changes[at].removed)
            must(store_transaction_remove(transaction, &edge.key, &previous, &error), &error);
        else
            must(store_transaction_put(transaction, &edge, &previous, &error), &error);
    }
    commit(bench, transaction);
    for (size_t at = 0; at < CHANGES_PER_WRITE; at++)
        changes[at].revision = bench->revision;
    graph_apply(bench->graph, changes, CHANGES_PER_WRITE, published);
    atomic_store(&bench->published, bench->revision);
    graph_trim(bench->graph, bench->revision);
    writer->writes++;
}

static void *
run_writer(void *argument)
{
    struct graph_writer *writer = argument;
    struct timespec next;

    (void)clock_gettime(CLOCK_MONOTONIC, &next);
    while (!atomic_load(&writer->stopped)) {
        write_once(writer);
        next.tv_nsec += 1000000000 / WRITES_PER_SECOND;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    return NULL;
}

/* Rounds with and without the writer take turns, so that both see the same machine. */
static void
print_beside_writer(struct graph_bench *bench, uint32_t spread)
{
    double quiet[ROUNDS];
    double written[ROUNDS];
    uint64_t writes = 0;

    (void)round_ns(bench, OPERATION_CONTAINS, spread, 1);
    for (size_t at = 0; at < ROUNDS; at++) {
        struct graph_writer writer = {.bench = bench, .spread = spread, .random = 7919 + at};
        int failure;

        quiet[at] = round_ns(bench, OPERATION_CONTAINS, spread, 1);
        failure = pthread_create(&writer.thread, NULL, run_writer, &writer);
        BEHALF_ASSERT(failure == 0);
        written[at] = round_ns(bench, OPERATION_CONTAINS, spread, 1);
        atomic_store(&writer.stopped, true);
        pthread_join(writer.thread, NULL);
        writes += writer.writes;
    }
    qsort(quiet, ROUNDS, sizeof quiet[0], compare);
    qsort(written, ROUNDS, sizeof written[0], compare);
    printf("%8u %9u %13.1f %13.1f %8.2f   (%llu writes)\n", bench->set_size, spread,
           quiet[ROUNDS / 2], written[ROUNDS / 2], quiet[ROUNDS / 2] / written[ROUNDS / 2],
           (unsigned long long)writes);
}

/* --- a large set --- */

static void
print_large(void)
{
    struct graph_bench bench;
    struct graph_worker worker = {.bench = &bench, .spread = 1, .random = 17};
    struct graph_change change = {.removed = true};
    struct graph_view view;
    struct budget budget;
    int64_t begun;
    int64_t loaded;

    bench_open(&bench, LARGE_EDGES);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    graph_view_init(&view, bench.graph, bench.store, bench.revision, 0, true, &budget);
    begun = thread_cpu_ns();
    operate(&worker, &view);
    loaded = thread_cpu_ns();
    graph_view_release(&view);
    printf("a set of %u edges: loaded in %.0f ms", LARGE_EDGES, (double)(loaded - begun) / 1e6);
    begun = thread_cpu_ns();
    for (uint32_t at = 0; at < LARGE_CHANGES; at++) {
        uint64_t subject = next_random(&worker.random) % LARGE_EDGES;

        change.key = (struct edge_key){bench.resources[0], bench.subjects[2 * subject],
                                       bench.relation, LABEL_NONE};
        change.revision = ++bench.revision;
        graph_apply(bench.graph, &change, 1, bench.revision - 1);
        graph_trim(bench.graph, bench.revision);
    }
    printf(", changed in %.1f us\n", (double)(thread_cpu_ns() - begun) / 1e3 / LARGE_CHANGES);
    bench_close(&bench);
}

/* --- memory --- */

/* Both directions of all edges, and all names both ways, are asked for once. */
static void
ask_for_all(struct graph_bench *bench, struct resolver *resolver, uint32_t at, uint16_t type,
            uint64_t node, enum edge_direction direction)
{
    struct graph_range range = {
        .direction = direction, .node = node, .relation = bench->relation, .to = UINT64_MAX};
    uint64_t nodes[READ_CAPACITY];
    struct graph_batch batch = {.nodes = nodes, .capacity = READ_CAPACITY};
    struct error error;
    struct slice id;
    uint64_t found;
    char text[16];

    (void)snprintf(text, sizeof text, "%u", at);
    arena_reset(resolver->arena, SIZE_MAX / 2);
    must(graph_view_read(resolver->view, &range, &batch, &error), &error);
    must(resolver_node(resolver, type, slice_of(text), &found, &error), &error);
    BEHALF_ASSERT(found == node);
    must(resolver_id(resolver, node, &id, &error), &error);
}

static void
print_memory(void)
{
    struct graph_bench bench = {.set_size = FILL_EDGES_PER_RESOURCE};
    struct name_cache *names;
    struct name_cache_stats of_names;
    struct graph_stats of_graph;
    struct resolver resolver;
    struct graph_view view;
    struct budget budget;
    struct arena arena;
    uint64_t random = 17;
    struct store_transaction *transaction;
    struct error error;
    struct store_previous previous;

    store_begin(&bench);
    bench.resources = make_nodes(&bench, bench.resource_type, FILL_RESOURCES);
    bench.subjects = make_nodes(&bench, bench.subject_type, FILL_SUBJECTS);
    transaction = begin(&bench);
    for (uint32_t at = 0; at < FILL_RESOURCES; at++) {
        uint64_t subject = next_random(&random);

        for (uint32_t edge = 0; edge < FILL_EDGES_PER_RESOURCE; edge++) {
            struct edge put = {
                .key = {.resource = bench.resources[at],
                        .subject = bench.subjects[(subject + edge * 101) % FILL_SUBJECTS],
                        .relation = bench.relation}};

            must(store_transaction_put(transaction, &put, &previous, &error), &error);
        }
        if (at % 100 == 99) {
            commit(&bench, transaction);
            transaction = begin(&bench);
        }
    }
    commit(&bench, transaction);
    bench.graph = graph_new(bench.store, CACHE_BYTES);
    names = name_cache_new(graph_readers(bench.graph), CACHE_BYTES);
    arena_init(&arena, SIZE_MAX / 2);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    graph_view_init(&view, bench.graph, bench.store, bench.revision, 0, true, &budget);
    resolver_init(&resolver, names, &view, &arena);
    for (uint32_t at = 0; at < FILL_RESOURCES; at++)
        ask_for_all(&bench, &resolver, at, bench.resource_type, bench.resources[at], EDGE_FORWARD);
    for (uint32_t at = 0; at < FILL_SUBJECTS; at++)
        ask_for_all(&bench, &resolver, at, bench.subject_type, bench.subjects[at], EDGE_REVERSE);
    graph_view_release(&view);
    graph_stats_read(bench.graph, &of_graph);
    name_cache_stats_read(names, &of_names);
    printf("memory: %u resources of %d relationships, %u subjects: %.1f bytes per relationship in "
           "both directions, %.1f per name that is known one way, %.1f both ways\n",
           FILL_RESOURCES, FILL_EDGES_PER_RESOURCE, FILL_SUBJECTS,
           (double)of_graph.bytes * 2 / (double)of_graph.edge_count,
           (double)of_names.bytes / (double)of_names.entry_count,
           (double)of_names.bytes * 2 / (double)of_names.entry_count);
    arena_release(&arena);
    name_cache_free(names);
    bench_close(&bench);
}

int
main(void)
{
    /* One set is held by the view; four fit any cache; twenty thousand do not. */
    static const uint32_t spreads[] = {1, 4, 20000};
    static const uint32_t sizes[] = {1, 10, 1000, 50000};
    struct graph_bench bench;

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
    printf("graph: probes of one thread, CPU ns, with no writer and beside one of %d changes/s\n",
           CHANGES_PER_WRITE * WRITES_PER_SECOND);
    printf("%8s %9s %13s %13s %8s\n", "edges", "sets", "no writer", "written", "ratio");
    for (size_t at = 1; at + 1 < BEHALF_COUNT_OF(sizes); at++) {
        bench_open(&bench, sizes[at]);
        print_beside_writer(&bench, bench.resource_count);
        bench_close(&bench);
    }
    print_large();
    print_memory();
    return 0;
}
