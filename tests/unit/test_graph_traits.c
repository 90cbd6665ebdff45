/* What edges carry, and edges that expire, through the views: the same from memory and storage, in
 * both directions, at every revision. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#include "base/memory.h"
#include "graph/limits.h"
#include "tests/support/graph_store.h"

#define PLENTY ((size_t)64 * 1024 * 1024)
#define CONTEXT_MOST 4096
#define NOW 1000

static struct graph_store data;
static struct graph *graph;
static struct budget budget;

static void
open_world(uint32_t resources, uint32_t subjects, size_t memory_bytes)
{
    graph_store_open(&data, resources, subjects);
    graph = graph_new(data.store, memory_bytes);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
}

static void
close_world(void)
{
    graph_free(graph);
    graph_store_close(&data);
}

static uint64_t
head(void)
{
    return store_head_revision(data.store);
}

static uint64_t
put(uint32_t resource, uint32_t relation, uint32_t subject, struct edge_traits traits)
{
    struct edge_key key = graph_store_key(&data, resource, relation, subject);

    return graph_store_put_special(&data, graph, &key, traits);
}

static struct edge_traits
plain(void)
{
    return (struct edge_traits){.caveat = LABEL_NONE};
}

static struct edge_traits
expiring(int64_t expires_at)
{
    return (struct edge_traits){.expires_at = expires_at};
}

static struct edge_traits
conditional(uint32_t caveat, struct slice context)
{
    return (struct edge_traits){.context = context, .caveat = data.caveats[caveat]};
}

static void
expect_traits(const struct edge_traits *traits, const struct edge_traits *expected)
{
    if (expected->caveat == LABEL_NONE && expected->expires_at == 0) {
        cr_assert_null(traits);
        return;
    }
    cr_assert_not_null(traits);
    cr_assert_eq(traits->expires_at, expected->expires_at);
    cr_assert_eq(traits->caveat, expected->caveat);
    cr_assert(slice_equal(traits->context, expected->context));
}

static void
open_view(struct graph_view *view, uint64_t revision, int64_t now)
{
    graph_view_init(view, graph, data.store, revision, now, true, &budget);
}

static bool
probe(struct graph_view *view, uint32_t resource, uint32_t relation, uint32_t subject,
      const struct edge_traits **traits)
{
    struct edge_key key = graph_store_key(&data, resource, relation, subject);
    struct error error;
    bool found = false;

    cr_assert_eq(graph_view_contains(view, &key, &found, traits, &error), BEHALF_OK);
    return found;
}

static struct graph_range
range_of(enum edge_direction direction, uint32_t node, uint32_t relation)
{
    return (struct graph_range){
        .direction = direction,
        .node = direction == EDGE_FORWARD ? data.resources[node] : data.subjects[node],
        .relation = data.relations[relation],
        .to = UINT64_MAX,
    };
}

static void
read_batch(struct graph_view *view, const struct graph_range *range, struct graph_batch *batch)
{
    struct error error;

    cr_assert_eq(graph_view_read(view, range, batch, &error), BEHALF_OK);
}

/* Storage alone, a cache that evicts all the time, and one that has room. */
static size_t memories[] = {1, 4096, PLENTY};

TestSuite(graph_traits, .fini = close_world);

ParameterizedTestParameters(graph_traits, an_edge_expires_at_its_moment)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph_traits, an_edge_expires_at_its_moment)
{
    open_world(1, 1, *memory_bytes);
    (void)put(0, 0, 0, expiring(NOW));
    for (int64_t now = NOW - 1; now <= NOW + 1; now++) {
        for (enum edge_direction direction = EDGE_FORWARD; direction <= EDGE_REVERSE; direction++) {
            struct graph_range range = range_of(direction, 0, 0);
            const struct edge_traits *traits;
            const struct edge_traits expected = expiring(NOW);
            struct graph_view view;
            uint64_t nodes[2];
            struct graph_batch batch = {.nodes = nodes, .capacity = 2};
            size_t there = now < NOW ? 1 : 0;

            open_view(&view, head(), now);
            read_batch(&view, &range, &batch);
            cr_assert_eq(batch.count, there, "now is %+d", (int)(now - NOW));
            cr_assert_eq(batch.traits != NULL, there == 1);
            if (there == 1)
                expect_traits(batch.traits[0], &expected);
            cr_assert_eq(probe(&view, 0, 0, 0, &traits), there == 1);
            cr_assert_eq(traits != NULL, there == 1);
            if (there == 1)
                expect_traits(traits, &expected);
            graph_view_release(&view);
        }
    }
}

/* --- a group of all kinds --- */

enum { KINDS = 6 };

static char long_context[CONTEXT_MOST];

static struct edge_traits
traits_of_kind(uint32_t kind)
{
    struct edge_traits both = conditional(1, (struct slice){long_context, CONTEXT_MOST});

    both.expires_at = NOW + 1;
    switch (kind) {
    case 0:
        return plain();
    case 1:
        return conditional(0, (struct slice){NULL, 0});
    case 2:
        return conditional(1, SLICE_LITERAL("a short one"));
    case 3:
        return expiring(NOW + 1);
    case 4:
        return both;
    default:
        return expiring(NOW - 1);
    }
}

static bool
kind_is_there(uint32_t kind)
{
    return kind < KINDS - 1;
}

ParameterizedTestParameters(graph_traits, traits_are_what_was_written)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

/* Probed by the set of the resource, by that of the subject, and twice: loaded and at hand. */
ParameterizedTest(size_t *memory_bytes, graph_traits, traits_are_what_was_written)
{
    memset(long_context, 'x', sizeof long_context);
    open_world(1, KINDS, *memory_bytes);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        (void)put(0, 1, kind, traits_of_kind(kind));
        (void)put(0, 0, kind, plain());
    }
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t kind = 0; kind < KINDS; kind++) {
            struct edge_traits expected = traits_of_kind(kind);
            struct graph_range range = range_of(EDGE_REVERSE, kind, 1);
            const struct edge_traits *traits;
            struct graph_view view;
            uint64_t nodes[2];
            struct graph_batch batch = {.nodes = nodes, .capacity = 2};

            open_view(&view, head(), NOW);
            if (round % 2 == 1)
                read_batch(&view, &range, &batch);
            cr_assert_eq(probe(&view, 0, 1, kind, &traits), kind_is_there(kind));
            if (kind_is_there(kind))
                expect_traits(traits, &expected);
            else
                cr_assert_null(traits);
            cr_assert(probe(&view, 0, 0, kind, &traits));
            cr_assert_null(traits);
            graph_view_release(&view);
        }
    }
}

/* --- batches --- */

/* Kind of the edge at a place: enough of each kind behind and between one another. */
static uint32_t
kind_at(uint32_t at)
{
    return (at * at + at / 5) % KINDS;
}

/* A read to the end in batches of one size, of the edges from..to. */
static void
check_batches(enum edge_direction direction, size_t capacity, uint32_t from, uint32_t to)
{
    const uint64_t *far = direction == EDGE_FORWARD ? data.subjects : data.resources;
    struct graph_range range = range_of(direction, 0, 1);
    uint64_t nodes[64];
    struct graph_batch batch = {.nodes = nodes, .capacity = capacity};
    struct graph_view view;
    uint32_t next = from;

    range.from = far[from];
    range.to = far[to];
    open_view(&view, head(), NOW);
    do {
        bool all_plain = true;

        read_batch(&view, &range, &batch);
        for (size_t at = 0; at < batch.count; at++, next++) {
            struct edge_traits expected;

            while (!kind_is_there(kind_at(next)))
                next++;
            cr_assert_lt(next, to);
            cr_assert_eq(nodes[at], far[next]);
            expected = traits_of_kind(kind_at(next));
            all_plain &= kind_at(next) == 0;
            expect_traits(batch.traits == NULL ? NULL : batch.traits[at], &expected);
            range.from = nodes[at] + 1;
        }
        cr_assert_eq(batch.traits == NULL, all_plain);
    } while (batch.count == capacity);
    while (next < to && !kind_is_there(kind_at(next)))
        next++;
    cr_assert_geq(next, to);
    graph_view_release(&view);
}

ParameterizedTestParameters(graph_traits, batches_pass_over_what_expired)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph_traits, batches_pass_over_what_expired)
{
    enum { EDGES = 24 };

    open_world(EDGES + 1, EDGES + 1, *memory_bytes);
    for (uint32_t at = 0; at < EDGES; at++) {
        (void)put(0, 1, at, traits_of_kind(kind_at(at)));
        if (at > 0)
            (void)put(at, 1, 0, traits_of_kind(kind_at(at)));
        /* Groups beside it, so that places in the set are not those in the run. */
        (void)put(0, 0, at, at % 2 == 0 ? expiring(NOW) : plain());
        (void)put(0, 2, at, plain());
    }
    for (size_t capacity = 1; capacity <= EDGES + 2; capacity++) {
        check_batches(EDGE_FORWARD, capacity, 0, EDGES);
        check_batches(EDGE_REVERSE, capacity, 0, EDGES);
    }
    for (uint32_t from = 0; from < EDGES; from++) {
        for (uint32_t to = from; to <= EDGES; to++)
            check_batches(EDGE_FORWARD, 3, from, to);
    }
}

ParameterizedTestParameters(graph_traits, plain_groups_beside_special_ones_have_none)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph_traits, plain_groups_beside_special_ones_have_none)
{
    struct graph_range range;
    struct graph_view view;
    uint64_t nodes[4];
    struct graph_batch batch = {.nodes = nodes, .capacity = 4};

    open_world(1, 2, *memory_bytes);
    (void)put(0, 0, 0, conditional(0, SLICE_LITERAL("context")));
    (void)put(0, 1, 1, plain());
    open_view(&view, head(), NOW);
    range = range_of(EDGE_FORWARD, 0, 0);
    read_batch(&view, &range, &batch);
    cr_assert_eq(batch.count, 1);
    cr_assert_not_null(batch.traits);
    range = range_of(EDGE_FORWARD, 0, 1);
    read_batch(&view, &range, &batch);
    cr_assert_eq(batch.count, 1);
    cr_assert_eq(nodes[0], data.subjects[1]);
    cr_assert_null(batch.traits);
    graph_view_release(&view);
}

/* --- revisions --- */

ParameterizedTestParameters(graph_traits, every_revision_keeps_its_own_traits)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

/* One edge through all kinds, asked at all revisions again after each write. */
ParameterizedTest(size_t *memory_bytes, graph_traits, every_revision_keeps_its_own_traits)
{
    uint64_t revisions[KINDS];

    open_world(1, 1, *memory_bytes);
    for (uint32_t step = 0; step < KINDS; step++) {
        revisions[step] = put(0, 0, 0, traits_of_kind(step));
        for (uint32_t past = 0; past <= step; past++) {
            struct edge_traits expected = traits_of_kind(past);
            struct graph_range range = range_of(EDGE_REVERSE, 0, 0);
            const struct edge_traits *traits;
            struct graph_view view;
            uint64_t nodes[1];
            struct graph_batch batch = {.nodes = nodes, .capacity = 1};

            open_view(&view, revisions[past], NOW);
            cr_assert_eq(probe(&view, 0, 0, 0, &traits), kind_is_there(past));
            if (kind_is_there(past))
                expect_traits(traits, &expected);
            read_batch(&view, &range, &batch);
            cr_assert_eq(batch.count, kind_is_there(past) ? 1 : 0);
            if (batch.count == 1)
                expect_traits(batch.traits == NULL ? NULL : batch.traits[0], &expected);
            graph_view_release(&view);
        }
    }
}

ParameterizedTestParameters(graph_traits, time_passes_at_older_revisions_too)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

/* The edge is there no more at the head, and at its own revision only as long as it lasted. */
ParameterizedTest(size_t *memory_bytes, graph_traits, time_passes_at_older_revisions_too)
{
    struct edge_key key;
    uint64_t written;

    open_world(1, 1, *memory_bytes);
    written = put(0, 0, 0, expiring(NOW));
    key = graph_store_key(&data, 0, 0, 0);
    (void)graph_store_remove(&data, graph, &key);
    for (uint32_t round = 0; round < 2; round++) {
        for (int64_t now = NOW - 1; now <= NOW; now++) {
            struct graph_range range = range_of(EDGE_FORWARD, 0, 0);
            const struct edge_traits *traits;
            struct graph_view view;
            uint64_t nodes[1];
            struct graph_batch batch = {.nodes = nodes, .capacity = 1};

            open_view(&view, written, now);
            cr_assert_eq(probe(&view, 0, 0, 0, &traits), now < NOW);
            read_batch(&view, &range, &batch);
            cr_assert_eq(batch.count, now < NOW ? 1 : 0);
            graph_view_release(&view);
            open_view(&view, head(), now);
            cr_assert_not(probe(&view, 0, 0, 0, &traits));
            graph_view_release(&view);
        }
    }
}

/* --- what a view lends and what it costs --- */

Test(graph_traits, lent_traits_outlive_a_write)
{
    struct edge_traits expected;
    const struct edge_traits *traits;
    struct graph_view view;

    open_world(1, 1, PLENTY);
    expected = conditional(0, SLICE_LITERAL("the first"));
    (void)put(0, 0, 0, expected);
    open_view(&view, head(), NOW);
    cr_assert(probe(&view, 0, 0, 0, &traits));
    (void)put(0, 0, 0, conditional(1, SLICE_LITERAL("the second")));
    expect_traits(traits, &expected);
    cr_assert(probe(&view, 0, 0, 0, &traits));
    expect_traits(traits, &expected);
    graph_view_release(&view);
    open_view(&view, head(), NOW);
    expected = conditional(1, SLICE_LITERAL("the second"));
    cr_assert(probe(&view, 0, 0, 0, &traits));
    expect_traits(traits, &expected);
    graph_view_release(&view);
}

ParameterizedTestParameters(graph_traits, expired_edges_cost_the_same_everywhere)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

/* Subjects 0..5: there, expired, expired, there, there, expired. */
ParameterizedTest(size_t *memory_bytes, graph_traits, expired_edges_cost_the_same_everywhere)
{
    static const uint64_t costs[] = {2, 5, 6, 7};
    struct graph_range range;
    const struct edge_traits *traits;
    struct graph_view view;
    uint64_t nodes[4];

    open_world(1, 6, *memory_bytes);
    for (uint32_t at = 0; at < 6; at++)
        (void)put(0, 0, at, at == 0 || at == 3 || at == 4 ? plain() : expiring(NOW));
    open_view(&view, head(), NOW);
    range = range_of(EDGE_FORWARD, 0, 0);
    for (size_t capacity = 1; capacity <= 4; capacity++) {
        struct graph_batch batch = {.nodes = nodes, .capacity = capacity};
        uint64_t before = budget.edges_left;

        read_batch(&view, &range, &batch);
        cr_assert_eq(batch.count, capacity < 4 ? capacity : 3);
        cr_assert_eq(before - budget.edges_left, costs[capacity - 1]);
    }
    budget.edges_left = 1;
    cr_assert_not(probe(&view, 0, 0, 1, &traits));
    cr_assert_eq(budget.edges_left, 0);
    graph_view_release(&view);
}

ParameterizedTestParameters(graph_traits, a_budget_spent_on_expired_edges_is_no_answer)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph_traits, a_budget_spent_on_expired_edges_is_no_answer)
{
    enum { EDGES = 8 };
    struct graph_range range;
    struct graph_view view;
    struct error error;
    uint64_t nodes[1];
    struct graph_batch batch = {.nodes = nodes, .capacity = 1, .count = 99};

    open_world(1, EDGES, *memory_bytes);
    for (uint32_t at = 0; at < EDGES; at++)
        (void)put(0, 0, at, expiring(NOW));
    range = range_of(EDGE_FORWARD, 0, 0);
    budget_init(&budget, env_system(), EDGES, INT64_MAX, NULL);
    open_view(&view, head(), NOW);
    cr_assert_eq(graph_view_read(&view, &range, &batch, &error), BEHALF_BUDGET_EXHAUSTED);
    cr_assert_eq(batch.count, 99);
    cr_assert_null(batch.traits);
    graph_view_release(&view);
    budget_init(&budget, env_system(), EDGES + 1, INT64_MAX, NULL);
    open_view(&view, head(), NOW);
    read_batch(&view, &range, &batch);
    cr_assert_eq(batch.count, 0);
    graph_view_release(&view);
}

ParameterizedTestParameters(graph_traits, a_batch_too_large_for_its_traits_is_refused)
{
    return cr_make_param_array(size_t, memories, BEHALF_COUNT_OF(memories), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph_traits, a_batch_too_large_for_its_traits_is_refused)
{
    size_t capacity = LIMIT_GRAPH_TRAITS / sizeof(void *) + 1;
    struct graph_range range;
    struct graph_view view;
    struct error error;
    struct graph_batch batch;

    open_world(1, 1, *memory_bytes);
    batch = (struct graph_batch){.nodes = memory_new_array(capacity, sizeof *batch.nodes),
                                 .capacity = capacity};
    (void)put(0, 0, 0, conditional(0, SLICE_LITERAL("context")));
    (void)put(0, 1, 0, plain());
    open_view(&view, head(), NOW);
    range = range_of(EDGE_FORWARD, 0, 0);
    cr_assert_eq(graph_view_read(&view, &range, &batch, &error), BEHALF_BUDGET_EXHAUSTED);
    range = range_of(EDGE_FORWARD, 0, 1);
    read_batch(&view, &range, &batch);
    cr_assert_eq(batch.count, 1);
    graph_view_release(&view);
    memory_free(batch.nodes);
}

#ifndef BEHALF_SHRUNK
/* Some megabytes of contexts, in memory or in storage as the budget allows. */
static void
check_long_contexts(size_t memory_bytes, bool resident)
{
    enum { EDGES = 1100, BATCH = 100 };
    struct graph_store_change *changes = memory_new_array(EDGES, sizeof *changes);
    struct edge_traits expected;
    struct graph_range range;
    struct graph_view view;
    uint64_t nodes[BATCH];
    struct graph_batch batch = {.nodes = nodes, .capacity = BATCH};
    size_t total = 0;

    open_world(1, EDGES, memory_bytes);
    memset(long_context, 'y', sizeof long_context);
    expected = conditional(0, (struct slice){long_context, CONTEXT_MOST});
    for (uint32_t at = 0; at < EDGES; at++)
        changes[at] = (struct graph_store_change){.key = graph_store_key(&data, 0, 0, at),
                                                  .traits = expected};
    (void)graph_store_write(&data, graph, changes, EDGES);
    range = range_of(EDGE_FORWARD, 0, 0);
    open_view(&view, head(), NOW);
    do {
        read_batch(&view, &range, &batch);
        for (size_t at = 0; at < batch.count; at++) {
            expect_traits(batch.traits[at], &expected);
            range.from = nodes[at] + 1;
        }
        total += batch.count;
    } while (batch.count == BATCH);
    cr_assert_eq(total, EDGES);
    cr_assert_eq(view.held != NULL, resident);
    graph_view_release(&view);
    memory_free(changes);
}

Test(graph_traits, long_contexts_are_kept_in_pieces)
{
    check_long_contexts(PLENTY, true);
}

Test(graph_traits, contexts_beyond_the_budget_are_read_from_storage)
{
    check_long_contexts((size_t)1024 * 1024, false);
}
#endif
