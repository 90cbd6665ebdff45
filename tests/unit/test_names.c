/* Strings to nodes and back: equal bytes, equal node, whatever is cached, written or evicted. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "graph/names.h"
#include "tests/support/graph_store.h"

#define PLENTY ((size_t)16 * 1024 * 1024)

static struct graph_store data;
static struct graph *graph;
static struct name_cache *cache;
static struct budget budget;
static struct arena arena;

static void
open_names(uint32_t subjects, size_t memory_bytes)
{
    graph_store_open(&data, 1, subjects);
    graph = graph_new(data.store, 1);
    cache = name_cache_new(graph_readers(graph), memory_bytes);
    budget_init(&budget, env_system(), UINT64_MAX / 2, INT64_MAX, NULL);
    arena_init(&arena, (size_t)16 * 1024 * 1024);
}

static void
close_names(void)
{
    const char *reason;

    cr_assert(name_cache_validate(cache, &reason), "%s", reason);
    arena_release(&arena);
    name_cache_free(cache);
    graph_free(graph);
    graph_store_close(&data);
}

struct request {
    struct graph_view view;
    struct resolver resolver;
    struct error error;
};

static void
request_open(struct request *request, uint64_t revision, bool may_block)
{
    graph_view_init(&request->view, graph, data.store, revision, 0, may_block, &budget);
    resolver_init(&request->resolver, cache, &request->view, &arena);
}

static void
request_close(struct request *request)
{
    graph_view_release(&request->view);
}

static uint64_t
node_of(struct request *request, const char *id)
{
    uint64_t node = 0;

    cr_assert_eq(
        resolver_node(&request->resolver, data.subject_type, slice_of(id), &node, &request->error),
        BEHALF_OK);
    return node;
}

static struct slice
id_of(struct request *request, uint64_t node)
{
    struct slice id = {NULL, 0};

    cr_assert_eq(resolver_id(&request->resolver, node, &id, &request->error), BEHALF_OK);
    return id;
}

/* A new name, by a transaction of its own. */
static uint64_t
make_name(const char *id, uint64_t *node)
{
    struct store_transaction *transaction = NULL;
    struct error error;
    uint64_t revision = 0;

    graph_store_must(store_transaction_begin(data.store, &transaction, &error), &error, "begin");
    graph_store_must(
        store_transaction_node(transaction, data.subject_type, slice_of(id), node, &error), &error,
        "node");
    graph_store_must(store_transaction_commit(transaction, 1, &revision, &error), &error, "commit");
    return revision;
}

TestSuite(names, .fini = close_names);

Test(names, stored_names_go_both_ways)
{
    struct request request;

    open_names(20, PLENTY);
    request_open(&request, store_head_revision(data.store), true);
    for (int round = 0; round < 2; round++) {
        for (uint32_t at = 0; at < 20; at++) {
            char id[16];

            (void)snprintf(id, sizeof id, "%u", at);
            cr_assert_eq(node_of(&request, id), data.subjects[at]);
            cr_assert(slice_equal(id_of(&request, data.subjects[at]), slice_of(id)));
        }
    }
    request_close(&request);
}

Test(names, the_type_is_part_of_the_name)
{
    struct request request;
    uint64_t node = 0;

    open_names(1, PLENTY);
    request_open(&request, store_head_revision(data.store), true);
    cr_assert_eq(node_of(&request, "0"), data.subjects[0]);
    cr_assert_eq(resolver_node(&request.resolver, data.resource_type, SLICE_LITERAL("0"), &node,
                               &request.error),
                 BEHALF_OK);
    cr_assert_eq(node, data.resources[0]);
    request_close(&request);
}

Test(names, loops_are_answered_from_memory_or_sent_away)
{
    struct request request;
    uint64_t node = 0;
    struct slice id;

    open_names(1, PLENTY);
    request_open(&request, store_head_revision(data.store), false);
    cr_assert_eq(resolver_node(&request.resolver, data.subject_type, SLICE_LITERAL("0"), &node,
                               &request.error),
                 BEHALF_WOULD_BLOCK);
    cr_assert_eq(resolver_id(&request.resolver, data.subjects[0], &id, &request.error),
                 BEHALF_WOULD_BLOCK);
    request_close(&request);
    request_open(&request, store_head_revision(data.store), true);
    (void)id_of(&request, node_of(&request, "0"));
    request_close(&request);
    request_open(&request, store_head_revision(data.store), false);
    cr_assert_eq(node_of(&request, "0"), data.subjects[0]);
    cr_assert(slice_equal(id_of(&request, data.subjects[0]), SLICE_LITERAL("0")));
    cr_assert_null(request.view.snapshot);
    request_close(&request);
}

Test(names, unknown_names_are_local_and_equal_bytes_are_equal_nodes)
{
    struct request request;
    uint64_t ann;

    open_names(1, PLENTY);
    request_open(&request, store_head_revision(data.store), true);
    ann = node_of(&request, "ann");
    cr_assert(NODE_IS_LOCAL(ann));
    cr_assert_eq(NODE_TYPE(ann), data.subject_type);
    cr_assert_eq(node_of(&request, "ann"), ann);
    cr_assert_neq(node_of(&request, "ann "), ann);
    cr_assert(slice_equal(id_of(&request, ann), SLICE_LITERAL("ann")));
    request_close(&request);
}

Test(names, many_unknown_names_stay_apart)
{
    enum { NAMES = 2000 };
    static char ids[NAMES][8];
    static uint64_t nodes[NAMES];
    struct request request;

    open_names(1, PLENTY);
    request_open(&request, store_head_revision(data.store), true);
    for (uint32_t at = 0; at < NAMES; at++) {
        (void)snprintf(ids[at], sizeof ids[at], "x%u", at);
        nodes[at] = node_of(&request, ids[at]);
        cr_assert(NODE_IS_LOCAL(nodes[at]));
        cr_assert(at == 0 || nodes[at] > nodes[at - 1]);
        cr_assert_eq(node_of(&request, ids[at / 2]), nodes[at / 2]);
    }
    for (uint32_t at = 0; at < NAMES; at++) {
        cr_assert_eq(node_of(&request, ids[at]), nodes[at]);
        cr_assert(slice_equal(id_of(&request, nodes[at]), slice_of(ids[at])));
    }
    request_close(&request);
}

Test(names, absence_is_remembered_up_to_the_revision_it_was_read_at)
{
    struct request request;
    uint64_t before;
    uint64_t after;
    uint64_t made = 0;
    uint64_t node = 0;

    open_names(1, PLENTY);
    before = store_head_revision(data.store);
    request_open(&request, before, true);
    cr_assert(NODE_IS_LOCAL(node_of(&request, "ann")));
    after = make_name("ann", &made);
    cr_assert(NODE_IS_LOCAL(node_of(&request, "ann")));
    request_close(&request);

    request_open(&request, before, false); /* a loop learns it without storage */
    cr_assert(NODE_IS_LOCAL(node_of(&request, "ann")));
    request_close(&request);
    request_open(&request, after, false); /* what was absent before says nothing of now */
    cr_assert_eq(resolver_node(&request.resolver, data.subject_type, SLICE_LITERAL("ann"), &node,
                               &request.error),
                 BEHALF_WOULD_BLOCK);
    request_close(&request);
    request_open(&request, after, true);
    cr_assert_eq(node_of(&request, "ann"), made);
    request_close(&request);
    request_open(&request, after, false);
    cr_assert_eq(node_of(&request, "ann"), made);
    request_close(&request);
}

/* The cache knows of the absence, then of the name: within one request it stays what it was. */
Test(names, a_name_that_was_local_stays_local_in_its_request)
{
    struct request old;
    struct request young;
    uint64_t made = 0;
    uint64_t local;

    open_names(1, PLENTY);
    request_open(&old, store_head_revision(data.store), true);
    (void)node_of(&old, "ann");
    request_close(&old);
    request_open(&old, store_head_revision(data.store), true);
    local = node_of(&old, "ann");
    cr_assert(NODE_IS_LOCAL(local));
    cr_assert_null(old.view.snapshot);
    request_open(&young, make_name("ann", &made), true);
    cr_assert_eq(node_of(&young, "ann"), made);
    request_close(&young);
    cr_assert_eq(node_of(&old, "ann"), local);
    request_close(&old);
}

/* Another request knows the name by now, the first one's storage snapshot does not: with and
 * without the cache entry the first one must see one and the same node. */
Test(names, a_cached_name_younger_than_the_request_does_not_split_it)
{
    struct request old;
    struct request young;
    uint64_t revision;
    uint64_t made = 0;
    uint64_t local;

    open_names(1, PLENTY);
    request_open(&old, store_head_revision(data.store), true);
    cr_assert_eq(node_of(&old, "0"), data.subjects[0]);
    revision = make_name("ann", &made);
    request_open(&young, revision, true);
    cr_assert_eq(node_of(&young, "ann"), made);
    request_close(&young);
    local = node_of(&old, "ann");
    cr_assert(NODE_IS_LOCAL(local));
    cr_assert_eq(node_of(&old, "ann"), local);
    request_close(&old);
}

/* An old revision, asked now: its storage snapshot is new and has the name. */
Test(names, an_old_revision_uses_young_names_that_its_snapshot_has)
{
    struct request request;
    uint64_t before;
    uint64_t made = 0;

    open_names(1, PLENTY);
    before = store_head_revision(data.store);
    request_open(&request, make_name("ann", &made), true);
    cr_assert_eq(node_of(&request, "ann"), made);
    request_close(&request);
    request_open(&request, before, true);
    cr_assert_eq(node_of(&request, "ann"), made);
    request_close(&request);
}

Test(names, a_spent_arena_is_an_error)
{
    struct request request;
    struct arena small;
    uint64_t node = 0;
    static char ids[4000][8];
    enum status status = BEHALF_OK;

    open_names(1, PLENTY);
    arena_init(&small, 32 * 1024);
    request_open(&request, store_head_revision(data.store), true);
    request.resolver.arena = &small;
    for (uint32_t at = 0; at < 4000 && status == BEHALF_OK; at++) {
        (void)snprintf(ids[at], sizeof ids[at], "x%u", at);
        status = resolver_node(&request.resolver, data.subject_type, slice_of(ids[at]), &node,
                               &request.error);
    }
    cr_assert_eq(status, BEHALF_BUDGET_EXHAUSTED);
    request_close(&request);
    arena_release(&small);
}

Test(names, eviction_stays_within_the_budget)
{
    enum { NAMES = 2000, BUDGET = 16 * 1024 };
    struct request request;
    struct name_cache_stats stats;
    const char *reason;

    open_names(NAMES, BUDGET);
    for (uint32_t at = 0; at < NAMES; at++) {
        char id[16];

        (void)snprintf(id, sizeof id, "%u", at);
        request_open(&request, store_head_revision(data.store), true);
        cr_assert_eq(node_of(&request, id), data.subjects[at]);
        cr_assert(slice_equal(id_of(&request, data.subjects[at]), slice_of(id)));
        request_close(&request);
        name_cache_stats_read(cache, &stats);
        cr_assert_leq(stats.bytes, BUDGET);
    }
    cr_assert(name_cache_validate(cache, &reason), "%s", reason);
    cr_assert_gt(stats.entry_count, 50);
}

Test(names, a_budget_of_one_byte_works)
{
    struct request request;

    open_names(2, 1);
    request_open(&request, store_head_revision(data.store), true);
    cr_assert_eq(node_of(&request, "1"), data.subjects[1]);
    cr_assert(slice_equal(id_of(&request, data.subjects[1]), SLICE_LITERAL("1")));
    request_close(&request);
}

/* Names of one hash, made by lying about it: the bytes decide, and only some of them are kept. */
Test(names, equal_hashes_are_told_apart_by_their_bytes)
{
    enum { NAMES = 12 };
    struct request request;
    uint32_t kept = 0;

    open_names(1, PLENTY);
    request_open(&request, 1, false);
    cr_assert(graph_view_enter(&request.view));
    for (uint64_t at = 0; at < NAMES; at++) {
        char id[4] = {'a', (char)('a' + at), '\0', '\0'};

        name_cache_add_node(cache, NODE_WILDCARD(1) + 1 + at, slice_of(id), 42, 1);
    }
    for (uint64_t at = 0; at < NAMES; at++) {
        char id[4] = {'a', (char)('a' + at), '\0', '\0'};
        uint64_t node = 0;
        uint64_t known_at = 0;

        if (name_cache_find_node(cache, 1, slice_of(id), 42, &node, &known_at)) {
            cr_assert_eq(node, NODE_WILDCARD(1) + 1 + at);
            kept++;
        }
        cr_assert_not(name_cache_find_node(cache, 2, slice_of(id), 42, &node, &known_at));
    }
    cr_assert_eq(kept, 8);
    request_close(&request);
}

/* Asks for names until the memory is spent, and then again: what failed once must not be half
 * there. */
Test(names, names_beyond_the_memory_are_errors_and_nothing_else)
{
    for (size_t cap = 0; cap <= 8192; cap += 16) {
        struct request request;
        uint64_t nodes[40] = {0};

        open_names(1, PLENTY);
        arena_release(&arena);
        arena_init(&arena, cap);
        request_open(&request, store_head_revision(data.store), true);
        for (int round = 0; round < 3; round++) {
            for (size_t at = 0; at < 40; at++) {
                static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP";
                uint64_t node = 0;

                if (resolver_node(&request.resolver, data.subject_type,
                                  (struct slice){letters + at, 1}, &node,
                                  &request.error) != BEHALF_OK)
                    continue;
                cr_assert(nodes[at] == 0 || nodes[at] == node, "%zu bytes, name %zu", cap, at);
                nodes[at] = node;
            }
        }
        request_close(&request);
        if (cap < 8192)
            close_names();
    }
}
