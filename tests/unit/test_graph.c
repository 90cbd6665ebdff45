/* The graph through its views: one revision, whatever is cached, written or evicted. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "base/memory.h"
#include "graph/limits.h"
#include "graph/readers.h"
#include "tests/support/graph_store.h"

#define PLENTY ((size_t)64 * 1024 * 1024)

struct world {
    struct graph_store data;
    struct graph *graph;
    struct budget budget;
};

static struct world w;

static void
open_world(uint32_t resources, uint32_t subjects, size_t memory_bytes)
{
    graph_store_open(&w.data, resources, subjects);
    w.graph = graph_new(w.data.store, memory_bytes);
    budget_init(&w.budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
}

static void
close_world(void)
{
    const char *reason;

    cr_assert(graph_validate(w.graph, &reason), "%s", reason);
    graph_free(w.graph);
    graph_store_close(&w.data);
}

static struct edge_key
key_of(uint32_t resource, uint32_t relation, uint32_t subject)
{
    return graph_store_key(&w.data, resource, relation, subject);
}

static uint64_t
put(uint32_t resource, uint32_t relation, uint32_t subject)
{
    struct edge_key key = key_of(resource, relation, subject);

    return graph_store_put(&w.data, w.graph, &key);
}

static uint64_t
remove_edge(uint32_t resource, uint32_t relation, uint32_t subject)
{
    struct edge_key key = key_of(resource, relation, subject);

    return graph_store_remove(&w.data, w.graph, &key);
}

static uint64_t
head(void)
{
    return store_head_revision(w.data.store);
}

static enum status
ask(uint64_t revision, bool may_block, const struct edge_key *key, bool *found)
{
    const struct edge_traits *traits;
    struct graph_view view;
    struct error error;
    enum status status;

    graph_view_init(&view, w.graph, w.data.store, revision, 0, may_block, &w.budget);
    status = graph_view_contains(&view, key, found, &traits, &error);
    graph_view_release(&view);
    return status;
}

static bool
contains_at(uint64_t revision, uint32_t resource, uint32_t relation, uint32_t subject)
{
    struct edge_key key = key_of(resource, relation, subject);
    bool found = false;

    cr_assert_eq(ask(revision, true, &key, &found), BEHALF_OK);
    return found;
}

/* Reads a range to its end in batches; the nodes as places in resources or subjects. */
static size_t
read_all(uint64_t revision, struct graph_range range, size_t batch, uint64_t *nodes, size_t most)
{
    struct graph_view view;
    struct error error;
    size_t total = 0;
    struct graph_batch read = {.capacity = batch};

    graph_view_init(&view, w.graph, w.data.store, revision, 0, true, &w.budget);
    do {
        cr_assert_leq(total + batch, most);
        read.nodes = nodes + total;
        cr_assert_eq(graph_view_read(&view, &range, &read, &error), BEHALF_OK);
        total += read.count;
        if (read.count > 0)
            range.from = nodes[total - 1] + 1;
    } while (read.count == batch);
    graph_view_release(&view);
    return total;
}

static struct graph_range
subjects_of(uint32_t resource, uint32_t relation)
{
    return (struct graph_range){
        .direction = EDGE_FORWARD,
        .node = w.data.resources[resource],
        .relation = w.data.relations[relation],
        .to = UINT64_MAX,
    };
}

static struct graph_range
resources_of(uint32_t subject, uint32_t relation)
{
    return (struct graph_range){
        .direction = EDGE_REVERSE,
        .node = w.data.subjects[subject],
        .relation = w.data.relations[relation],
        .to = UINT64_MAX,
    };
}

static size_t budgets[] = {1, 4096, (size_t)128 * 1024, PLENTY};

TestSuite(graph, .fini = close_world);

ParameterizedTestParameters(graph, every_revision_keeps_its_own_state)
{
    return cr_make_param_array(size_t, budgets, BEHALF_COUNT_OF(budgets), NULL);
}

/* Each edge comes and goes in turn; all revisions are asked again and again while it goes on. */
ParameterizedTest(size_t *memory_bytes, graph, every_revision_keeps_its_own_state)
{
    enum { STEPS = 24, SUBJECTS = 4 };
    bool state[STEPS + 1][SUBJECTS] = {{false}};
    uint64_t revisions[STEPS + 1];

    open_world(1, SUBJECTS, *memory_bytes);
    revisions[0] = head();
    for (uint32_t step = 1; step <= STEPS; step++) {
        uint32_t subject = step % SUBJECTS;

        memcpy(state[step], state[step - 1], sizeof state[step]);
        state[step][subject] = !state[step][subject];
        revisions[step] = state[step][subject] ? put(0, 1, subject) : remove_edge(0, 1, subject);
        for (uint32_t past = 0; past <= step; past++) {
            for (uint32_t at = 0; at < SUBJECTS; at++)
                cr_assert_eq(contains_at(revisions[past], 0, 1, at), state[past][at],
                             "step %u, asked at step %u", step, past);
        }
    }
}

Test(graph, a_view_does_not_move_when_something_is_written)
{
    const struct edge_traits *traits;
    struct edge_key key;
    struct graph_view view;
    struct error error;
    bool found = false;

    open_world(1, 1, PLENTY);
    key = key_of(0, 0, 0);
    (void)put(0, 0, 0);
    graph_view_init(&view, w.graph, w.data.store, head(), 0, true, &w.budget);
    cr_assert_eq(graph_view_contains(&view, &key, &found, &traits, &error), BEHALF_OK);
    cr_assert(found);
    (void)remove_edge(0, 0, 0);
    cr_assert_eq(graph_view_contains(&view, &key, &found, &traits, &error), BEHALF_OK);
    cr_assert(found);
    graph_view_release(&view);
    cr_assert_not(contains_at(head(), 0, 0, 0));
}

/* The set is loaded while a commit is not published yet: it must not serve the published
 * revision. */
Test(graph, an_unpublished_commit_is_not_seen_through_the_cache)
{
    struct edge_key key;
    uint64_t published;
    uint64_t committed;

    open_world(1, 1, PLENTY);
    published = head();
    key = key_of(0, 0, 0);
    committed = graph_store_commit(&w.data, &(struct graph_store_change){.key = key}, 1);
    cr_assert_not(contains_at(published, 0, 0, 0));
    cr_assert_not(contains_at(published, 0, 0, 0));
    graph_store_tell(w.graph, &(struct graph_store_change){.key = key}, 1, committed, published);
    cr_assert_not(contains_at(published, 0, 0, 0));
    cr_assert(contains_at(committed, 0, 0, 0));
    cr_assert_not(contains_at(published, 0, 0, 0));
}

Test(graph, loops_are_answered_from_memory_or_sent_away)
{
    struct edge_key key;
    bool found = false;

    open_world(2, 2, PLENTY);
    (void)put(0, 0, 0);
    key = key_of(0, 0, 0);
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_WOULD_BLOCK);
    cr_assert_eq(ask(head(), true, &key, &found), BEHALF_OK);
    found = false;
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
    cr_assert(found);
    cr_assert_eq(ask(head() - 1, false, &key, &found), BEHALF_WOULD_BLOCK);
    /* Known to be empty, after one ask that may wait. */
    key = key_of(1, 0, 1);
    cr_assert_eq(ask(head(), true, &key, &found), BEHALF_OK);
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
    cr_assert_not(found);
}

Test(graph, a_loop_never_reaches_storage_without_a_cache)
{
    struct edge_key key;
    bool found = false;

    open_world(1, 1, 1);
    (void)put(0, 0, 0);
    key = key_of(0, 0, 0);
    cr_assert_eq(ask(head(), true, &key, &found), BEHALF_OK);
    cr_assert(found);
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_WOULD_BLOCK);
}

Test(graph, the_other_end_answers_when_the_resource_is_not_in_memory)
{
    struct edge_key key;
    struct graph_range range;
    uint64_t nodes[4];
    bool found = false;

    open_world(1, 2, PLENTY);
    (void)put(0, 0, 1);
    range = resources_of(1, 0);
    cr_assert_eq(read_all(head(), range, 2, nodes, 4), 1);
    key = key_of(0, 0, 1);
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
    cr_assert(found);
}

Test(graph, local_nodes_have_no_edges_and_reach_nothing)
{
    uint64_t local;
    struct edge_key key;
    struct graph_view view;
    struct error error;
    uint64_t nodes[2];
    struct graph_batch batch = {.nodes = nodes, .capacity = 2, .count = 7};
    bool found = true;

    open_world(1, 1, PLENTY);
    local = NODE_WILDCARD(w.data.subject_type) | NODE_SEQUENCE_LOCAL;
    key = key_of(0, 0, 0);
    key.subject = local;
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
    cr_assert_not(found);
    key = key_of(0, 0, 0);
    key.resource = local;
    found = true;
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
    cr_assert_not(found);
    graph_view_init(&view, w.graph, w.data.store, head(), 0, false, &w.budget);
    cr_assert_eq(graph_view_read(&view,
                                 &(struct graph_range){.direction = EDGE_REVERSE,
                                                       .node = local,
                                                       .relation = w.data.relations[0],
                                                       .to = UINT64_MAX},
                                 &batch, &error),
                 BEHALF_OK);
    cr_assert_eq(batch.count, 0);
    cr_assert_null(view.snapshot);
    graph_view_release(&view);
}

ParameterizedTestParameters(graph, ranges_resume_at_every_batch_size)
{
    return cr_make_param_array(size_t, budgets, BEHALF_COUNT_OF(budgets), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph, ranges_resume_at_every_batch_size)
{
    enum { SUBJECTS = 21 };
    uint64_t nodes[64];

    open_world(2, SUBJECTS, *memory_bytes);
    for (uint32_t at = 0; at < SUBJECTS; at++) {
        (void)put(0, 1, at);
        if (at % 2 == 0)
            (void)put(0, 0, at);
        if (at % 3 == 0)
            (void)put(1, 2, at);
    }
    for (size_t batch = 1; batch <= SUBJECTS + 2; batch++) {
        cr_assert_eq(read_all(head(), subjects_of(0, 1), batch, nodes, 64), SUBJECTS);
        for (uint32_t at = 0; at < SUBJECTS; at++)
            cr_assert_eq(nodes[at], w.data.subjects[at]);
        cr_assert_eq(read_all(head(), subjects_of(0, 0), batch, nodes, 64), (SUBJECTS + 1) / 2);
        cr_assert_eq(read_all(head(), subjects_of(0, 2), batch, nodes, 64), 0);
        cr_assert_eq(read_all(head(), resources_of(6, 2), batch, nodes, 64), 1);
        cr_assert_eq(nodes[0], w.data.resources[1]);
    }
}

/* Every pair of bounds, on, between and outside the edges. */
static void
check_bounds(void)
{
    uint64_t nodes[16];

    for (uint32_t from = 0; from < 10; from++) {
        for (uint32_t to = 0; to < 10; to++) {
            struct graph_range range = subjects_of(0, 0);
            size_t expected = 0;

            range.from = w.data.subjects[from];
            range.to = w.data.subjects[to];
            for (uint32_t at = from; at < to; at++)
                expected += at % 2;
            cr_assert_eq(read_all(head(), range, 3, nodes, 16), expected, "%u..%u", from, to);
        }
    }
}

ParameterizedTestParameters(graph, bounds_of_ranges_are_exact)
{
    return cr_make_param_array(size_t, budgets, BEHALF_COUNT_OF(budgets), NULL);
}

ParameterizedTest(size_t *memory_bytes, graph, bounds_of_ranges_are_exact)
{
    open_world(1, 10, *memory_bytes);
    for (uint32_t at = 1; at < 10; at += 2)
        (void)put(0, 0, at);
    check_bounds();
}

Test(graph, userset_subjects_are_groups_of_their_own)
{
    struct edge_key key;
    bool found = false;

    open_world(1, 1, PLENTY);
    key = key_of(0, 0, 0);
    key.subject_relation = w.data.relations[2];
    (void)graph_store_put(&w.data, w.graph, &key);
    cr_assert_eq(ask(head(), true, &key, &found), BEHALF_OK);
    cr_assert(found);
    cr_assert_not(contains_at(head(), 0, 0, 0));
    cr_assert_not(contains_at(head(), 0, 2, 0));
}

/* A set of many pieces, loaded and then changed; and one that a quarter of the budget has no room
 * for. */
static void
check_large(size_t memory_bytes, bool resident)
{
    enum { SUBJECTS = 5 * LIMIT_GRAPH_PIECE_EDGES + 5 };
    struct graph_store_change *changes = memory_new_array(1000, sizeof *changes);
    uint64_t *nodes = memory_new_array(SUBJECTS + 2000, sizeof *nodes);
    struct edge_key key;
    uint64_t before;
    bool found = false;

    open_world(1, SUBJECTS, memory_bytes);
    for (uint32_t at = 0; at < SUBJECTS;) {
        size_t count = 0;

        while (count < 1000 && at < SUBJECTS)
            changes[count++] = (struct graph_store_change){.key = key_of(0, 1, at++)};
        (void)graph_store_write(&w.data, w.graph, changes, count);
    }
    cr_assert_not(contains_at(head(), 0, 0, SUBJECTS - 1));
    cr_assert(contains_at(head(), 0, 1, SUBJECTS - 1));
    cr_assert_eq(read_all(head(), subjects_of(0, 1), 1024, nodes, SUBJECTS + 2000), SUBJECTS);
    before = head();
    (void)remove_edge(0, 1, 3);
    cr_assert_not(contains_at(head(), 0, 1, 3));
    cr_assert(contains_at(before, 0, 1, 3));
    for (size_t batch = 7; batch <= 1000; batch += 331)
        cr_assert_eq(read_all(head(), subjects_of(0, 1), batch, nodes, SUBJECTS + 2000),
                     SUBJECTS - 1);
    key = key_of(0, 1, 4);
    cr_assert_eq(ask(head(), false, &key, &found), resident ? BEHALF_OK : BEHALF_WOULD_BLOCK);
    cr_assert_eq(found, resident);
    memory_free(changes);
    memory_free(nodes);
}

Test(graph, a_large_set_stays_in_memory_while_it_is_written)
{
    check_large(PLENTY, true);
}

#ifndef BEHALF_SHRUNK
Test(graph, a_set_beyond_its_part_of_the_budget_is_read_from_storage)
{
    check_large(sizeof(uint64_t) * 4 * LIMIT_GRAPH_PIECE_EDGES + 4096, false);
}
#endif

/* An edge and its pieces carry traits here and there; a range crosses them. */
Test(graph, ranges_cross_pieces_with_and_without_traits)
{
    enum { SUBJECTS = 3 * LIMIT_GRAPH_PIECE_EDGES };
    struct graph_store_change *changes = memory_new_array(SUBJECTS, sizeof *changes);
    uint64_t *nodes = memory_new_array(SUBJECTS, sizeof *nodes);
    struct graph_batch batch = {.nodes = nodes, .capacity = SUBJECTS};
    struct graph_range range;
    struct graph_view view;
    struct error error;

    open_world(1, SUBJECTS, PLENTY);
    for (uint32_t at = 0; at < SUBJECTS; at++)
        changes[at] = (struct graph_store_change){.key = key_of(0, 1, at)};
    changes[1].traits.expires_at = 5;
    changes[SUBJECTS - 1].traits.caveat = w.data.caveats[1];
    (void)graph_store_write(&w.data, w.graph, changes, SUBJECTS);
    range = subjects_of(0, 1);
    graph_view_init(&view, w.graph, w.data.store, head(), 4, true, &w.budget);
    cr_assert_eq(graph_view_read(&view, &range, &batch, &error), BEHALF_OK);
    cr_assert_eq(batch.count, SUBJECTS);
    cr_assert_not_null(batch.traits);
    for (uint32_t at = 0; at < SUBJECTS; at++) {
        cr_assert_eq(nodes[at], w.data.subjects[at]);
        cr_assert_eq(batch.traits[at] != NULL, at == 1 || at == SUBJECTS - 1);
    }
    cr_assert_eq(batch.traits[1]->expires_at, 5);
    cr_assert_eq(batch.traits[SUBJECTS - 1]->caveat, w.data.caveats[1]);
    graph_view_release(&view);
    memory_free(changes);
    memory_free(nodes);
}

/* More views than there are places: those without one read storage, and are right. */
Test(graph, views_beyond_the_places_read_storage)
{
    enum { VIEWS = READERS_MAX + 2 };
    static struct graph_view views[VIEWS];
    const struct edge_traits *traits;
    struct edge_key key;
    struct error error;
    bool found = false;

    open_world(1, 1, PLENTY);
    (void)put(0, 0, 0);
    key = key_of(0, 0, 0);
    cr_assert_eq(ask(head(), true, &key, &found), BEHALF_OK);
    for (uint32_t at = 0; at < VIEWS; at++) {
        enum status expected = at < READERS_MAX ? BEHALF_OK : BEHALF_WOULD_BLOCK;

        graph_view_init(&views[at], w.graph, w.data.store, head(), 0, at > READERS_MAX, &w.budget);
        found = false;
        cr_assert_eq(graph_view_contains(&views[at], &key, &found, &traits, &error),
                     at > READERS_MAX ? BEHALF_OK : expected);
        cr_assert_eq(found, at != READERS_MAX);
    }
    for (uint32_t at = 0; at < VIEWS; at++)
        graph_view_release(&views[at]);
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
}

/* A write makes a new version, and a view that began before keeps its own without storage. */
Test(graph, a_loop_is_answered_across_writes)
{
    const struct edge_traits *traits;
    struct edge_key key;
    struct graph_view old;
    struct graph_stats stats;
    struct error error;
    bool found = false;

    open_world(1, 1, PLENTY);
    (void)put(0, 0, 0);
    key = key_of(0, 0, 0);
    cr_assert_eq(ask(head(), true, &key, &found), BEHALF_OK);
    graph_view_init(&old, w.graph, w.data.store, head(), 0, false, &w.budget);
    cr_assert(graph_view_enter(&old)); /* its revision is pinned */
    (void)remove_edge(0, 0, 0);
    cr_assert_eq(ask(head(), false, &key, &found), BEHALF_OK);
    cr_assert_not(found);
    (void)put(0, 0, 0);
    (void)remove_edge(0, 0, 0);
    cr_assert_eq(graph_view_contains(&old, &key, &found, &traits, &error), BEHALF_OK);
    cr_assert(found);
    graph_stats_read(w.graph, &stats);
    cr_assert_eq(stats.chain_count, 1);
    cr_assert_gt(stats.superseded_bytes, 0);
    graph_view_release(&old);
    graph_trim(w.graph, head());
    graph_stats_read(w.graph, &stats);
    cr_assert_eq(stats.chain_count, 0);
    cr_assert_eq(stats.superseded_bytes, 0);
    cr_assert_eq(stats.retired_bytes, 0);
}

Test(graph, a_spent_budget_is_an_error_and_no_answer)
{
    struct edge_key key;
    struct graph_range range;
    struct graph_view view;
    struct error error;
    uint64_t nodes[8];
    struct graph_batch batch = {.nodes = nodes, .capacity = 8, .count = 99};
    const struct edge_traits *traits;
    bool found = true;

    open_world(1, 4, PLENTY);
    for (uint32_t at = 0; at < 4; at++)
        (void)put(0, 0, at);
    key = key_of(0, 0, 0);
    range = subjects_of(0, 0);
    budget_init(&w.budget, env_system(), 4, INT64_MAX, NULL);
    graph_view_init(&view, w.graph, w.data.store, head(), 0, true, &w.budget);
    cr_assert_eq(graph_view_read(&view, &range, &batch, &error), BEHALF_BUDGET_EXHAUSTED);
    cr_assert_eq(batch.count, 99);
    cr_assert_eq(graph_view_contains(&view, &key, &found, &traits, &error),
                 BEHALF_BUDGET_EXHAUSTED);
    cr_assert(found);
    graph_view_release(&view);
}

Test(graph, an_older_revision_behind_the_horizon_is_an_error)
{
    struct edge_key key;
    struct error error;
    uint64_t old;
    bool found = true;

    open_world(1, 1, PLENTY);
    old = head();
    key = key_of(0, 0, 0);
    (void)put(0, 0, 0);
    (void)remove_edge(0, 0, 0);
    cr_assert_eq(store_set_horizon(w.data.store, head(), &error), BEHALF_OK);
    cr_assert_eq(ask(old, true, &key, &found), BEHALF_REVISION_EXPIRED);
}

/* What a load reads costs no budget, since who comes later does not pay it, but it takes time. */
Test(graph, loads_bring_the_look_at_the_deadline_nearer)
{
    enum { RESOURCES = 400, EDGES = 8 };
    struct graph_store_change *changes = memory_new_array(RESOURCES * EDGES, sizeof *changes);
    enum status status = BEHALF_OK;
    uint64_t left;

    open_world(RESOURCES, EDGES, PLENTY);
    for (uint32_t at = 0; at < RESOURCES * EDGES; at++)
        changes[at].key = key_of(at / EDGES, 0, at % EDGES);
    graph_store_write(&w.data, w.graph, changes, RESOURCES * EDGES);
    budget_init(&w.budget, env_system(), BUDGET_CLOCK_EDGES - 1, 1, NULL);
    for (uint32_t at = 0; status == BEHALF_OK && at < RESOURCES; at++) {
        struct edge_key key = key_of(at, 0, 0);
        bool found;

        left = w.budget.edges_left;
        status = ask(head(), true, &key, &found);
        cr_expect(status != BEHALF_OK || w.budget.edges_left == left - 1);
    }
    cr_assert_eq(status, BEHALF_DEADLINE);
    memory_free(changes);
}

/* --- kinds of edges --- */

static uint64_t
kinds_at(uint64_t revision, uint64_t node)
{
    struct graph_view view;
    uint64_t kinds;

    graph_view_init(&view, w.graph, w.data.store, revision, 0, true, &w.budget);
    kinds = graph_view_kinds(&view, node);
    graph_view_release(&view);
    return kinds;
}

Test(graph, kinds_are_those_of_the_revision_and_all_where_they_are_not_at_hand)
{
    struct edge_key first;
    struct edge_key second;
    uint64_t before;
    bool found;

    open_world(2, 2, PLENTY);
    first = key_of(0, 0, 0);
    second = key_of(0, 1, 1);
    before = put(0, 0, 0);
    cr_expect_eq(kinds_at(before, first.resource), UINT64_MAX); /* not in memory */
    cr_assert_eq(ask(before, true, &first, &found), BEHALF_OK);
    cr_expect_eq(kinds_at(before, first.resource),
                 graph_kind_bit(first.relation, first.subject_relation));
    (void)put(0, 1, 1);
    cr_expect_eq(kinds_at(head(), first.resource),
                 graph_kind_bit(first.relation, first.subject_relation) |
                     graph_kind_bit(second.relation, second.subject_relation));
    cr_expect_eq(kinds_at(head(), NODE_WILDCARD(1) | NODE_SEQUENCE_LOCAL), 0);
}
