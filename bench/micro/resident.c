/* resident.c - what much data costs in memory, on disk, and in the time of a check.
 *
 *     resident [RELATIONSHIPS [WORKLOAD]]      100000 and drive, when not given
 *
 * Method: the workload is loaded into a store on disk. Then a graph and its names, with room for
 * all of it, are made to hold every node's edges in both directions and every name both ways; the
 * bytes are those that they count against their budgets, tables and allocator's overhead included.
 * Checks are measured in CPU time, warm, on QUESTIONS random questions, against those of a store of
 * SMALL relationships of the same shape. The disk is measured last, with the store closed: all is
 * in sorted files then, as far compacted as it is while a server runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/micro/micro_world.h"
#include "graph/graph.h"
#include "graph/names.h"

#define SMALL UINT64_C(10000)
#define QUESTIONS 200000
#define ROUND_NS INT64_C(500000000)
#define ARENA_SIZE ((size_t)64 * 1024 * 1024)
#define ROOM ((size_t)8 << 30)
#define NODES_PER_VIEW 1000

static void
print_row(const char *number, const char *what, double figure, double most, const char *unit)
{
    (void)printf("%-4s %-58s %10.3f %-6s", number, what, figure, unit);
    if (most > 0)
        (void)printf(" <= %-4g %s", most, figure <= most ? "reached" : "missed");
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* --- memory ----------------------------------------------------------------------------------- */

struct memory {
    struct store *store;
    struct graph *graph;
    struct name_cache *names;
    uint64_t revision;
    struct arena arena;
};

/* Makes the edges of these nodes, and their names, resident. */
static void
touch_nodes(struct memory *memory, enum edge_direction direction, const uint64_t *nodes,
            size_t count)
{
    struct resolver resolver;
    struct graph_view view;
    struct budget budget;

    arena_reset(&memory->arena, ARENA_SIZE);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    graph_view_init(&view, memory->graph, memory->store, memory->revision, 0, true, &budget);
    resolver_init(&resolver, memory->names, &view, &memory->arena);
    for (size_t at = 0; at < count; at++) {
        /* Any question about a node brings all of its edges. */
        struct graph_range range = {
            .direction = direction, .node = nodes[at], .relation = 1, .to = UINT64_MAX};
        uint64_t far;
        struct graph_batch batch = {.nodes = &far, .capacity = 1};
        struct error error;
        struct slice id;
        uint64_t node;

        micro_must("edges", graph_view_read(&view, &range, &batch, &error), &error);
        if (NODE_IS_WILDCARD(nodes[at]))
            continue;
        micro_must("name", resolver_id(&resolver, nodes[at], &id, &error), &error);
        micro_must("node", resolver_node(&resolver, NODE_TYPE(nodes[at]), id, &node, &error),
                   &error);
        BEHALF_ASSERT(node == nodes[at]);
    }
    graph_view_release(&view);
}

/* Every node that stands on the near side of an edge, each once: edges come in its order. */
static void
touch_all(struct memory *memory, enum edge_direction direction)
{
    const struct edge_range all = {.direction = direction, .unbounded = true};
    uint64_t nodes[NODES_PER_VIEW];
    struct store_snapshot *snapshot;
    struct store_scan *scan;
    struct edge edge;
    struct error error;
    enum status status;
    size_t count = 0;

    micro_must("snapshot", store_snapshot_open(memory->store, &snapshot, &error), &error);
    micro_must("scan", store_scan_open(snapshot, memory->revision, &all, &scan, &error), &error);
    while ((status = store_scan_next(scan, &edge, &error)) == BEHALF_OK) {
        uint64_t node = direction == EDGE_FORWARD ? edge.key.resource : edge.key.subject;

        if (count > 0 && nodes[count - 1] == node)
            continue;
        if (count == NODES_PER_VIEW) {
            touch_nodes(memory, direction, nodes, count);
            count = 0;
        }
        nodes[count++] = node;
    }
    if (status != BEHALF_DONE)
        micro_must("scan", status, &error);
    touch_nodes(memory, direction, nodes, count);
    store_scan_close(scan);
    store_snapshot_close(snapshot);
}

static void
measure_memory(struct store *store, double relationships)
{
    struct memory memory = {
        .store = store, .graph = graph_new(store, ROOM), .revision = store_head_revision(store)};
    struct name_cache_stats names;
    struct graph_stats graph;

    memory.names = name_cache_new(graph_readers(memory.graph), ROOM);
    arena_init(&memory.arena, ARENA_SIZE);
    touch_all(&memory, EDGE_FORWARD);
    touch_all(&memory, EDGE_REVERSE);
    graph_stats_read(memory.graph, &graph);
    name_cache_stats_read(memory.names, &names);
    print_row("N10", "resident, both directions, without names, a relationship",
              (double)graph.bytes / relationships, 64, "bytes");
    (void)printf("       %zu sets of %.2f relationships in the mean\n", graph.set_count,
                 (double)graph.edge_count / (double)graph.set_count);
    print_row("", "  a name, both ways", (double)names.bytes * 2 / (double)names.entry_count, 90,
              "bytes");
    arena_release(&memory.arena);
    name_cache_free(memory.names);
    graph_free(memory.graph);
}

/* --- time ------------------------------------------------------------------------------------- */

static double
check_us(const struct micro_world *world, const struct workload *workload)
{
    double rounds[MICRO_ROUNDS];
    struct micro_question *questions;
    struct buffer text;
    struct arena arena;

    questions = micro_questions(workload, QUESTIONS, &text);
    arena_init(&arena, ARENA_SIZE);
    for (size_t index = 0; index < QUESTIONS; index++)
        micro_ask(world->worker, &arena, &questions[index]);
    for (size_t round = 0; round < MICRO_ROUNDS; round++) {
        int64_t begun = micro_cpu_ns();
        size_t asked = 0;

        for (; micro_cpu_ns() - begun < ROUND_NS; asked++)
            micro_ask(world->worker, &arena, &questions[asked % QUESTIONS]);
        rounds[round] = (double)(micro_cpu_ns() - begun) / 1e3 / (double)asked;
    }
    memory_free(questions);
    buffer_release(&text);
    arena_release(&arena);
    return micro_median(rounds, MICRO_ROUNDS);
}

static double
check_small_us(const char *name)
{
    struct micro_world world;
    struct workload workload;
    double us;

    micro_world_load(&world, name, SMALL, &workload);
    us = check_us(&world, &workload);
    micro_world_close(&world);
    return us;
}

int
main(int count, char **arguments)
{
    uint64_t size = count > 1 ? strtoull(arguments[1], NULL, 10) : 100000;
    const char *name = count > 2 ? arguments[2] : "drive";
    struct micro_directory directory = {.path = ""};
    struct store_stats stats;
    struct micro_world world;
    struct workload workload;
    struct error error;
    double relationships;
    int64_t begun;
    double us;

    micro_directory_make(&directory);
    begun = micro_wall_ns();
    micro_world_load_at(&world, &directory, name, size, &workload);
    micro_must("stats", store_stats_read(world.store, &stats, &error), &error);
    relationships = (double)stats.edge_count;
    (void)printf("%s, %.0f relationships, loaded at %.0f/s\n", name, relationships,
                 relationships * 1e9 / (double)(micro_wall_ns() - begun));
    us = check_us(&world, &workload);
    print_row("N12", "a check, warm, this size against 10,000", us / check_small_us(name), 10, "x");
    (void)printf("       %.3f us of CPU\n", us);
    measure_memory(world.store, relationships);
    micro_world_close(&world);
    print_row("N10", "disk, with changelog, a relationship",
              (double)micro_directory_bytes(&directory) / relationships, 60, "bytes");
    micro_directory_remove(&directory);
    return 0;
}
