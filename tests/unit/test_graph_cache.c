/* The load protocol, step by step, and what is counted and evicted. */
#include <criterion/criterion.h>

#include "base/memory.h"
#include "graph/graph_cache.h"
#include "tests/support/graph_store.h"

#define PLENTY ((size_t)64 * 1024 * 1024)

static struct graph_store data;
static struct readers *readers;
static struct reader *reader; /* always in a section, as a view that finds and loads */
static struct graph_cache *cache;

static void
open_data(uint32_t resources, uint32_t subjects, size_t memory_bytes)
{
    graph_store_open(&data, resources, subjects);
    readers = readers_new();
    reader = readers_claim(readers, &data, 0);
    cache = graph_cache_new(readers, memory_bytes);
}

static void
close_data(void)
{
    const char *reason = NULL;

    cr_assert(graph_cache_validate(cache, NULL, &reason), "%s", reason);
    graph_cache_free(cache);
    reader_release(reader);
    readers_free(readers);
    graph_store_close(&data);
}

static struct edge_set *
read_now(uint64_t node)
{
    struct store_snapshot *snapshot = NULL;
    struct edge_set *set = NULL;
    struct error error;

    cr_assert_eq(store_snapshot_open(data.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(edge_set_load(snapshot, store_snapshot_head(snapshot), node, EDGE_FORWARD,
                               graph_cache_set_bytes_max(cache), &set, &error),
                 BEHALF_OK);
    store_snapshot_close(snapshot);
    return set;
}

static void
load(uint64_t node)
{
    struct graph_load load;
    uint64_t until;

    cr_assert(graph_cache_load_begin(cache, node, EDGE_FORWARD, &load));
    graph_cache_load_end(cache, &load, read_now(node), &until);
    cr_assert_eq(until, UINT64_MAX);
}

static enum graph_cache_answer
find(uint64_t node, uint64_t revision)
{
    const struct edge_set *set;

    return graph_cache_find(cache, node, EDGE_FORWARD, revision, &set);
}

static struct graph_stats
stats(void)
{
    struct graph_stats result;

    graph_cache_stats_read(cache, &result);
    return result;
}

static uint64_t
put(uint32_t resource, uint32_t subject)
{
    struct edge_key key = graph_store_key(&data, resource, 0, subject);

    return graph_store_put(&data, NULL, &key);
}

/* The revisions that some view may read at. */
static struct reader_pins pins;

static struct edge_change
change_of(uint32_t subject, bool removed, uint64_t revision)
{
    return (struct edge_change){
        .node = data.subjects[subject],
        .revision = revision,
        .group_key = edge_group_key(EDGE_FORWARD, data.relations[0], LABEL_NONE),
        .removed = removed,
    };
}

/* Tells the cache that an edge of resource 0 came at `revision`. */
static void
apply_put(uint32_t subject, uint64_t revision, uint64_t published)
{
    struct edge_change change = change_of(subject, false, revision);

    graph_cache_apply(cache, data.resources[0], EDGE_FORWARD, &change, 1, published, &pins);
}

/* Edges of resource 0 as the cache gives them; -1 when it gives no set. */
static int
edges_at(uint64_t revision)
{
    const struct edge_set *set;

    if (graph_cache_find(cache, data.resources[0], EDGE_FORWARD, revision, &set) != GRAPH_CACHE_SET)
        return -1;
    return (int)edge_set_edge_count(set);
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
    const struct edge_set *set;

    open_data(1, 1, PLENTY);
    (void)put(0, 0);
    load(data.resources[0]);
    cr_assert_eq(graph_cache_find(cache, data.resources[0], EDGE_REVERSE, UINT64_MAX, &set),
                 GRAPH_CACHE_ABSENT);
    graph_cache_drop(cache, data.resources[0], EDGE_REVERSE);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_SET);
}

Test(graph_cache, a_change_makes_a_version_and_the_older_one_stays_for_who_reads_it)
{
    uint64_t first;
    uint64_t second;

    open_data(1, 2, PLENTY);
    first = put(0, 0);
    load(data.resources[0]);
    second = put(0, 1);
    apply_put(1, second, first);
    cr_assert_eq(edges_at(first - 1), -1);
    cr_assert_eq(edges_at(first), 1);
    cr_assert_eq(edges_at(second), 2);
    cr_assert_eq(stats().chain_count, 1);
    cr_assert_gt(stats().superseded_bytes, 0);
    graph_cache_trim(cache, first, &pins); /* not published yet */
    cr_assert_eq(edges_at(first), 1);
    pins = (struct reader_pins){.revisions = {first}, .count = 1};
    graph_cache_trim(cache, second, &pins);
    cr_assert_eq(edges_at(first), 1);
    pins.count = 0;
    graph_cache_trim(cache, second, &pins);
    cr_assert_eq(edges_at(first), -1);
    cr_assert_eq(edges_at(second), 2);
    cr_assert_eq(stats().chain_count, 0);
    cr_assert_eq(stats().superseded_bytes, 0);
    cr_assert_gt(stats().retired_bytes, 0); /* this test is in a section all the time */
}

/* Many chains that somebody pins are not all looked at again and again: once they are needed no
 * more, they go some at a time. */
Test(graph_cache, a_trim_looks_at_a_bounded_number_of_chains)
{
    enum { NODES = 1000, TRIMS = 20 };
    uint64_t base;

    open_data(NODES, 2, PLENTY);
    for (uint32_t at = 0; at < NODES; at++)
        (void)put(at, 0);
    base = store_head_revision(data.store);
    for (uint32_t at = 0; at < NODES; at++) {
        struct edge_change change = change_of(1, false, base + 1);

        load(data.resources[at]);
        graph_cache_apply(cache, data.resources[at], EDGE_FORWARD, &change, 1, base, &pins);
    }
    pins = (struct reader_pins){.revisions = {base}, .count = 1};
    for (uint32_t at = 0; at < TRIMS; at++)
        graph_cache_trim(cache, base + 1, &pins);
    cr_assert_eq(stats().chain_count, NODES);
    pins.count = 0;
    graph_cache_trim(cache, base + 1, &pins);
    cr_assert_gt(stats().chain_count, NODES / 2);
    for (uint32_t at = 0; at < TRIMS; at++)
        graph_cache_trim(cache, base + 1, &pins);
    cr_assert_eq(stats().chain_count, 0);
}

/* A group of transactions is one version; a revision between them is not answered from memory. */
Test(graph_cache, a_group_is_one_version)
{
    uint64_t first;
    struct edge_change changes[3];

    open_data(1, 3, PLENTY);
    first = put(0, 0);
    load(data.resources[0]);
    (void)put(0, 1);
    (void)put(0, 2);
    changes[0] = change_of(2, false, first + 2);
    changes[1] = change_of(1, false, first + 1);
    changes[2] = change_of(0, false, first); /* is in the set already */
    graph_cache_apply(cache, data.resources[0], EDGE_FORWARD, changes, 3, first, &pins);
    cr_assert_eq(edges_at(first), 1);
    cr_assert_eq(edges_at(first + 1), -1);
    cr_assert_eq(edges_at(first + 2), 3);
}

Test(graph_cache, the_last_change_of_an_edge_in_a_group_counts)
{
    struct edge_change changes[3];
    uint64_t base;

    open_data(1, 1, PLENTY);
    base = store_head_revision(data.store);
    load(data.resources[0]);
    changes[0] = change_of(0, false, base + 1);
    changes[1] = change_of(0, true, base + 2);
    changes[2] = change_of(0, false, base + 3);
    graph_cache_apply(cache, data.resources[0], EDGE_FORWARD, changes, 3, base, &pins);
    cr_assert_eq(edges_at(base + 3), 1);
    changes[0] = change_of(0, true, base + 4);
    graph_cache_apply(cache, data.resources[0], EDGE_FORWARD, changes, 1, base, &pins);
    cr_assert_eq(edges_at(base), 0);
    cr_assert_eq(edges_at(base + 3), 1);
    cr_assert_eq(edges_at(base + 4), 0);
    graph_cache_trim(cache, base + 4, &pins);
    cr_assert_eq(stats().empty_count, 1);
}

Test(graph_cache, changes_of_nodes_that_are_not_in_memory_are_not_kept)
{
    open_data(1, 1, PLENTY);
    apply_put(0, 5, 4);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_ABSENT);
    cr_assert_eq(stats().bytes, 0);
}

/* Changes between the loader's snapshot and its install, and one that it has seen. */
Test(graph_cache, a_load_takes_the_changes_that_were_made_meanwhile)
{
    struct graph_load load;
    struct edge_set *set;
    uint64_t seen;
    uint64_t until;

    open_data(1, 4, PLENTY);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &load));
    seen = put(0, 1);
    set = read_now(data.resources[0]);
    apply_put(1, seen, seen - 1);
    (void)put(0, 2);
    apply_put(2, seen + 1, seen);
    (void)put(0, 3);
    apply_put(3, seen + 2, seen + 1);
    graph_cache_load_end(cache, &load, set, &until);
    cr_assert_eq(until, seen + 1);
    cr_assert_eq(edges_at(seen - 1), -1);
    cr_assert_eq(edges_at(seen), 2);
    cr_assert_eq(edges_at(seen + 1), -1);
    cr_assert_eq(edges_at(seen + 2), 4);
}

/* The outcome of a commit is not known: what was read before says nothing any more. */
Test(graph_cache, a_struck_load_installs_nothing)
{
    struct graph_load load;
    uint64_t until;

    open_data(1, 2, PLENTY);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &load));
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    graph_cache_load_end(cache, &load, read_now(data.resources[0]), &until);
    cr_assert_eq(until, store_head_revision(data.store) + 1);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_ABSENT);
}

Test(graph_cache, a_struck_load_leaves_the_next_one_alone)
{
    struct graph_load first;
    struct graph_load second;
    struct edge_set *stale;
    uint64_t until;

    open_data(1, 2, PLENTY);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &first));
    stale = read_now(data.resources[0]);
    (void)put(0, 1);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &second));
    graph_cache_load_end(cache, &first, stale, &until);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
    cr_assert_eq(stats().loading_count, 1);
    graph_cache_load_end(cache, &second, read_now(data.resources[0]), &until);
    cr_assert_eq(edges_at(UINT64_MAX), 2);
    cr_assert_eq(edges_at(stale->valid_from), -1);
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
    const struct edge_set *held = NULL;

    open_data(1, 1, PLENTY);
    (void)put(0, 0);
    load(data.resources[0]);
    cr_assert_eq(graph_cache_find(cache, data.resources[0], EDGE_FORWARD, UINT64_MAX, &held),
                 GRAPH_CACHE_SET);
    graph_cache_drop(cache, data.resources[0], EDGE_FORWARD);
    cr_assert(edge_set_contains(held, edge_group_key(EDGE_FORWARD, data.relations[0], LABEL_NONE),
                                data.subjects[0]));
    cr_assert_gt(stats().retired_bytes, 0);
    reader_leave(reader);
    readers_collect(readers);
    cr_assert_eq(stats().retired_bytes, 0);
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
        cr_assert(graph_cache_validate(cache, NULL, &reason), "%s", reason);
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
    uint64_t until;

    open_data(NODES, 1, BUDGET);
    (void)put(0, 0);
    cr_assert(graph_cache_load_begin(cache, data.resources[0], EDGE_FORWARD, &mark));
    for (uint32_t at = 1; at < NODES; at++)
        load(data.resources[at]);
    cr_assert_eq(stats().loading_count, 1);
    graph_cache_load_end(cache, &mark, read_now(data.resources[0]), &until);
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

#ifndef BEHALF_SHRUNK
static void
put_many(uint32_t resource, uint32_t count)
{
    struct graph_store_change *changes = memory_new_array(count, sizeof *changes);

    for (uint32_t at = 0; at < count; at++)
        changes[at] = (struct graph_store_change){.key = graph_store_key(&data, resource, 0, at)};
    (void)graph_store_commit(&data, changes, count);
    memory_free(changes);
}

Test(graph_cache, a_set_too_big_for_the_budget_stays_in_storage_for_many_asks)
{
    enum { EDGES = 4096 };

    open_data(1, EDGES, 64 * 1024);
    put_many(0, EDGES);
    load(data.resources[0]);
    cr_assert_eq(stats().direct_count, 1);
    for (uint32_t asks = 0; asks < 65536; asks++)
        cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_STORAGE);
    cr_assert_eq(find(data.resources[0], UINT64_MAX), GRAPH_CACHE_ABSENT);
    cr_assert_eq(stats().direct_count, 0);
}

/* Every change of a set of this budget leaves an older version behind, and evicts it in the end. */
Test(graph_cache, versions_stay_within_the_budget)
{
    enum { BUDGET = 64 * 1024, EDGES = 500, CHANGES = 100 };
    uint64_t base;

    open_data(1, EDGES, BUDGET);
    put_many(0, EDGES);
    base = store_head_revision(data.store);
    for (uint64_t at = 1; at <= CHANGES; at++) {
        if (find(data.resources[0], base) == GRAPH_CACHE_ABSENT)
            load(data.resources[0]);
        pins.revisions[pins.count++] = base + at - 1; /* all of them are needed */
        apply_put(0, base + at, base + at - 1);
        cr_assert_leq(stats().bytes, BUDGET);
    }
    cr_assert_gt(stats().retired_bytes, BUDGET);
}
#endif
