/* The load protocol, step by step, and what is counted and evicted. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "engine/graph_cache.h"
#include "engine/limits.h"
#include "tests/support/graph_store.h"

#define PLENTY ((size_t)64 * 1024 * 1024)

static struct graph_store data;
static struct graph_cache *cache;

static void
open_data(uint32_t resources, uint32_t subjects, size_t memory_bytes)
{
    graph_store_open(&data, resources, subjects);
    cache = graph_cache_new(memory_bytes);
}

static void
close_data(void)
{
    const char *reason;

    cr_assert(graph_cache_validate(cache, &reason), "%s", reason);
    graph_cache_free(cache);
    graph_store_close(&data);
}

static struct edge_set *
read_now(uint64_t node)
{
    struct store_snapshot *snapshot = NULL;
    struct edge_set *set = NULL;
    struct error error;

    cr_assert_eq(store_snapshot_open(data.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(edge_set_load(snapshot, node, EDGE_FORWARD, &set, &error), BEHALF_OK);
    store_snapshot_close(snapshot);
    return set;
}

static void
load(uint64_t node)
{
    struct graph_load load;
    struct edge_set *set;

    cr_assert(graph_cache_load_begin(cache, node, EDGE_FORWARD, &load));
    set = read_now(node);
    graph_cache_load_end(cache, &load, set);
    edge_set_unref(set);
}

static enum graph_cache_answer
find(uint64_t node, uint64_t revision)
{
    struct edge_set *set = NULL;
    enum graph_cache_answer answer = graph_cache_find(cache, node, EDGE_FORWARD, revision, &set);

    edge_set_unref(set);
    return answer;
}

static struct graph_cache_stats
stats(void)
{
    struct graph_cache_stats result;

    graph_cache_stats_read(cache, &result);
    return result;
}

static uint64_t
put(uint32_t resource, uint32_t subject)
{
    struct edge_key key = graph_store_key(&data, resource, 0, subject);

    return graph_store_put(&data, NULL, &key);
}

TestSuite(graph_cache, .fini = close_data);

Test(graph_cache, a_set_serves_its_revision_and_later_ones)
{
    uint64_t revision;

    open_data(1, 1, PLENTY);
    revision = put(0, 0);
    cr_assert_eq(find(data.resources[0], revision), GRAPH_CACHE_ABSENT);
    load(data.resources[0]);
    cr_assert_eq(find(data.resources[0], revision), GRAPH_CACHE_SET);
    cr_assert_eq(find(data.resources[0], revision + 1), GRAPH_CACHE_SET);
    cr_assert_eq(find(data.resources[0], revision - 1), GRAPH_CACHE_STORAGE);
}

Test(graph_cache, an_empty_node_has_a_revision_as_well)
{
    uint64_t revision;

    open_data(1, 1, PLENTY);
    revision = store_head_revision(data.store);
    load(data.resources[0]);
    cr_assert_eq(stats().empty_count, 1);
    cr_assert_eq(find(data.resources[0], revision), GRAPH_CACHE_SET);
    cr_assert_eq(find(data.resources[0], revision - 1), GRAPH_CACHE_STORAGE);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert_eq(find(data.resources[0], revision), GRAPH_CACHE_ABSENT);
}

Test(graph_cache, the_directions_of_a_node_are_apart)
{
    struct edge_set *set = NULL;

    open_data(1, 1, PLENTY);
    (void)put(0, 0);
    load(data.resources[0]);
    cr_assert_eq(graph_cache_find(cache, data.resources[0], EDGE_REVERSE, UINT64_MAX, &set),
                 GRAPH_CACHE_ABSENT);
    graph_cache_drop(cache, data.resources[0], EDGE_REVERSE);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_SET);
}

/* drop between the loader's snapshot and its install: case 2 of the argument. */
Test(graph_cache, a_struck_load_installs_nothing)
{
    struct graph_load load;
    struct edge_set *stale;

    open_data(1, 2, PLENTY);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &load));
    stale = read_now(data.resources[0]);
    (void)put(0, 1);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    graph_cache_load_end(cache, &load, stale);
    edge_set_unref(stale);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_ABSENT);
}

Test(graph_cache, a_struck_load_leaves_the_next_one_alone)
{
    struct graph_load first;
    struct graph_load second;
    struct edge_set *stale;
    struct edge_set *fresh;

    open_data(1, 2, PLENTY);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &first));
    stale = read_now(data.resources[0]);
    (void)put(0, 1);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &second));
    graph_cache_load_end(cache, &first, stale);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
    cr_assert_eq(stats().loading_count, 1);
    fresh = read_now(data.resources[0]);
    graph_cache_load_end(cache, &second, fresh);
    cr_assert_eq(find(data.resources[0], fresh->valid_from), GRAPH_CACHE_SET);
    cr_assert_eq(find(data.resources[0], stale->valid_from), GRAPH_CACHE_STORAGE);
    edge_set_unref(stale);
    edge_set_unref(fresh);
}

Test(graph_cache, a_struck_load_may_fail_too)
{
    struct graph_load first;
    struct graph_load second;

    open_data(1, 1, PLENTY);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &first));
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &second));
    graph_cache_load_failed(cache, &first);
    cr_assert_eq(stats().loading_count, 1);
    graph_cache_load_failed(cache, &second);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_ABSENT);
}

Test(graph_cache, a_second_asker_is_sent_to_storage_and_may_not_load)
{
    struct graph_load load;
    struct graph_load other;

    open_data(1, 1, PLENTY);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &load));
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
    cr_assert_not(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &other));
    graph_cache_load_failed(cache, &load);
}

Test(graph_cache, a_held_set_outlives_its_drop)
{
    struct edge_set *held = NULL;

    open_data(1, 1, PLENTY);
    (void)put(0, 0);
    load(data.resources[0]);
    cr_assert_eq(graph_cache_find(cache, data.resources[0], EDGE_FORWARD, UINT64_MAX, &held),
                 GRAPH_CACHE_SET);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert(edge_set_contains(held, edge_group_key(EDGE_FORWARD, data.relations[0], LABEL_NONE),
                                data.subjects[0]));
    edge_set_unref(held);
}

Test(graph_cache, a_tiny_budget_is_no_cache)
{
    struct graph_load load;

    open_data(1, 1, 1);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
    cr_assert_not(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &load));
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert_eq(stats().bytes, 0);
}

/* A thousand nodes through a cache that has room for some tens. */
Test(graph_cache, eviction_stays_within_the_budget)
{
    enum { NODES = 1000, BUDGET = 8192 };
    const char *reason;

    open_data(NODES, 4, BUDGET);
    for (uint32_t at = 0; at < NODES; at++) {
        (void)put(at, 0);
        (void)put(at, 1);
    }
    for (uint32_t at = 0; at < NODES; at++) {
        load(data.resources[at]);
        cr_assert_leq(stats().bytes, BUDGET);
        cr_assert(graph_cache_validate(cache, &reason), "%s", reason);
    }
    cr_assert_gt(stats().set_count, 20);
    cr_assert_lt(stats().set_count, NODES);
}

/* Empty nodes take slots only; a full table gives up one of them for the next. */
Test(graph_cache, a_full_table_makes_room)
{
    enum { NODES = 2000, BUDGET = 8192 };

    open_data(NODES, 1, BUDGET);
    for (uint32_t at = 0; at < NODES; at++)
        load(data.resources[at]);
    cr_assert_leq(stats().bytes, BUDGET / 2);
    cr_assert_gt(stats().empty_count, 100);
    cr_assert_lt(stats().empty_count, NODES);
}

Test(graph_cache, loading_marks_are_never_evicted)
{
    enum { NODES = 2000, BUDGET = 4096 };
    struct graph_load mark;
    struct edge_set *set;

    open_data(NODES, 1, BUDGET);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &mark));
    for (uint32_t at = 1; at < NODES; at++)
        load(data.resources[at]);
    cr_assert_eq(stats().loading_count, 1);
    set = read_now(data.resources[0]);
    graph_cache_load_end(cache, &mark, set);
    edge_set_unref(set);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_SET);
}

/* More loads at once than the table has room for: the rest read for themselves. */
Test(graph_cache, too_many_loads_at_once_are_refused)
{
    enum { NODES = 200, BUDGET = 4096 };
    struct graph_load loads[NODES];
    bool begun[NODES];
    size_t count = 0;

    open_data(NODES, 1, BUDGET);
    for (uint32_t at = 0; at < NODES; at++) {
        begun[at] = graph_cache_load_begin(cache, data.resources[at], EDGE_FORWARD, &loads[at]);
        count += begun[at];
    }
    cr_assert_gt(count, 50);
    cr_assert_lt(count, NODES);
    for (uint32_t at = 0; at < NODES; at++) {
        if (begun[at])
            graph_cache_load_failed(cache, &loads[at]);
    }
}

#ifndef BEHALF_TORTURE
static void
put_many(uint32_t resource, uint32_t count)
{
    struct graph_store_change *changes = memory_new_array(count, sizeof *changes);

    for (uint32_t at = 0; at < count; at++)
        changes[at] = (struct graph_store_change){.key = graph_store_key(&data, resource, 0, at)};
    (void)graph_store_commit(&data, changes, count);
    memory_free(changes);
}

/* A big set that was dropped cools down: reads from storage first, and a load only after some. */
Test(graph_cache, a_big_set_is_not_loaded_again_at_once)
{
    enum { EDGES = 2048, ASKS = EDGES / 32 };

    open_data(1, EDGES, PLENTY);
    put_many(0, EDGES);
    load(data.resources[0]);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    for (uint32_t at = 0; at < ASKS; at++)
        cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_ABSENT);
}

Test(graph_cache, a_set_too_big_for_the_budget_stays_in_storage)
{
    enum { EDGES = 2048 };

    open_data(1, EDGES, 64 * 1024);
    put_many(0, EDGES);
    load(data.resources[0]);
    cr_assert_eq(stats().direct_count, 1);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
}
#endif
