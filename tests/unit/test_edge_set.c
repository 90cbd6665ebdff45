/* Edge sets with special edges: what is found, what is counted, and what is too big. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "graph/edge_set.h"
#include "graph/limits.h"
#include "graph/slot_table.h"
#include "tests/support/graph_store.h"

#define NOW 1000

static struct graph_store data;

static void
close_data(void)
{
    graph_store_close(&data);
}

static struct edge_set *
load_within(uint64_t node, enum edge_direction direction, size_t bytes_max)
{
    struct store_snapshot *snapshot = NULL;
    struct edge_set *set = NULL;
    const char *reason;
    struct error error;

    cr_assert_eq(store_snapshot_open(data.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(edge_set_load(snapshot, store_snapshot_head(snapshot), node, direction, bytes_max,
                               &set, &error),
                 BEHALF_OK);
    store_snapshot_close(snapshot);
    cr_assert(set == NULL || edge_set_validate(set, &reason), "%s", reason);
    return set;
}

static struct edge_set *
load(uint64_t node, enum edge_direction direction)
{
    return load_within(node, direction, SIZE_MAX);
}

static void
put(uint32_t relation, uint32_t subject, struct edge_traits traits)
{
    struct edge_key key = graph_store_key(&data, 0, relation, subject);

    (void)graph_store_put_special(&data, NULL, &key, traits);
}

static uint32_t
forward_key(uint32_t relation)
{
    return edge_group_key(EDGE_FORWARD, data.relations[relation], LABEL_NONE);
}

static struct edge_traits
with_context(struct slice context)
{
    return (struct edge_traits){.context = context, .caveat = data.caveats[0]};
}

TestSuite(edge_set, .fini = close_data);

Test(edge_set, plain_edges_take_eight_bytes_and_nothing_else)
{
    struct edge_set *set;

    graph_store_open(&data, 1, 3);
    for (uint32_t at = 0; at < 3; at++)
        put(at % 2, at, (struct edge_traits){.caveat = LABEL_NONE});
    set = load(data.resources[0], EDGE_FORWARD);
    cr_assert_not(edge_set_has_special(set));
    cr_assert_eq(edge_block_bytes(set), 16 + 2 * 8 + 3 * 8);
    edge_set_free(set);
}

Test(edge_set, special_edges_are_counted_with_their_contexts)
{
    struct edge_set *set;

    graph_store_open(&data, 1, 3);
    put(0, 0, (struct edge_traits){.caveat = LABEL_NONE});
    put(0, 1, (struct edge_traits){.expires_at = NOW});
    put(1, 2, with_context(SLICE_LITERAL("seven b")));
    set = load(data.resources[0], EDGE_FORWARD);
    cr_assert(edge_set_has_special(set));
    cr_assert_eq(edge_set_edge_count(set), 3);
    cr_assert_eq(edge_set_group_count(set), 2);
    cr_assert_eq(edge_block_bytes(set), 16 + 2 * 8 + 3 * 8 + 8 + 2 * (32 + 4) + 7);
    edge_set_free(set);
}

Test(edge_set, a_set_of_too_many_bytes_is_none)
{
    enum { CONTEXT = 100, BYTES = 16 + 8 + 8 + 8 + 36 + CONTEXT };
    char context[CONTEXT] = {0};
    struct edge_set *set;

    graph_store_open(&data, 1, 1);
    put(0, 0, with_context((struct slice){context, CONTEXT}));
    set = load_within(data.resources[0], EDGE_FORWARD, BYTES);
    cr_assert_not_null(set);
    cr_assert_eq(edge_block_bytes(set), BYTES);
    edge_set_free(set);
    cr_assert_null(load_within(data.resources[0], EDGE_FORWARD, BYTES - 1));
}

Test(edge_set, a_context_that_is_not_where_it_should_be_is_found_by_the_check)
{
    struct edge_special_cursor cursor;
    struct edge_traits *traits;
    struct edge_set *set;
    const char *reason;

    graph_store_open(&data, 1, 1);
    put(0, 0, with_context(SLICE_LITERAL("abc")));
    set = load(data.resources[0], EDGE_FORWARD);
    cursor = edge_set_specials(set, edge_set_run(set, forward_key(0)).nodes);
    memcpy(&traits, &cursor.traits, sizeof traits);
    traits->context.data++;
    cr_assert_not(edge_set_validate(set, &reason));
    cr_assert_str_eq(reason, "contexts do not stand behind one another");
    traits->context.data--;
    traits->context.size--;
    cr_assert_not(edge_set_validate(set, &reason));
    cr_assert_str_eq(reason, "contexts are counted wrong");
    edge_set_free(set);
}

Test(edge_set, a_group_that_forgot_its_special_edges_is_found_by_the_check)
{
    struct edge_set *set;
    const char *reason;

    graph_store_open(&data, 1, 2);
    put(0, 0, (struct edge_traits){.expires_at = NOW});
    put(1, 1, (struct edge_traits){.caveat = LABEL_NONE});
    set = load(data.resources[0], EDGE_FORWARD);
    set->groups[0].end &= ~EDGE_SPECIAL;
    cr_assert_not(edge_set_validate(set, &reason));
    set->groups[0].end |= EDGE_SPECIAL;
    set->groups[1].end |= EDGE_SPECIAL;
    cr_assert_not(edge_set_validate(set, &reason));
    edge_set_free(set);
}

/* --- random sets against a plain list --- */

enum { RELATIONS = 3, SUBJECTS = 24 };

/* What is written for (relation, subject), so that each edge's traits are its own. */
struct listed {
    bool there;
    struct edge_traits traits;
    char context[32];
};

static struct listed list[RELATIONS][SUBJECTS];

static uint64_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* `special` of 100 edges are. */
static void
write_random(uint64_t *random, uint32_t most, uint32_t special)
{
    struct graph_store_change changes[RELATIONS * SUBJECTS];
    size_t count = 0;

    for (uint32_t relation = 0; relation < RELATIONS; relation++) {
        for (uint32_t subject = 0; subject < SUBJECTS; subject++) {
            struct listed *item = &list[relation][subject];

            *item = (struct listed){.there = count < most && next_random(random) % 2 == 0};
            if (!item->there)
                continue;
            if (next_random(random) % 100 < special) {
                uint64_t kind = next_random(random) % 4;

                if (kind != 0)
                    item->traits.expires_at = (int64_t)(NOW + next_random(random) % 3 - 1);
                if (kind != 1)
                    item->traits.caveat = data.caveats[next_random(random) % 2];
                if (kind > 2)
                    (void)snprintf(item->context, sizeof item->context, "%u of %u", subject,
                                   relation);
                item->traits.context = slice_of(item->context);
            }
            changes[count++] = (struct graph_store_change){
                .key = graph_store_key(&data, 0, relation, subject), .traits = item->traits};
        }
    }
    (void)graph_store_commit(&data, changes, count);
}

static bool
is_plain(const struct edge_traits *traits)
{
    return traits->caveat == LABEL_NONE && traits->expires_at == 0;
}

static void
expect_traits(const struct edge_traits *traits, const struct edge_traits *expected)
{
    if (is_plain(expected)) {
        cr_assert_null(traits);
        return;
    }
    cr_assert_not_null(traits);
    cr_assert_eq(traits->expires_at, expected->expires_at);
    cr_assert_eq(traits->caveat, expected->caveat);
    cr_assert(slice_equal(traits->context, expected->context));
}

static void
check_probes(const struct edge_set *set)
{
    for (uint32_t relation = 0; relation < RELATIONS; relation++) {
        for (uint32_t subject = 0; subject < SUBJECTS; subject++) {
            const struct listed *item = &list[relation][subject];
            bool expired = item->traits.expires_at != 0 && item->traits.expires_at <= NOW;
            const struct edge_traits *traits;
            bool found = edge_set_contains_special(set, forward_key(relation),
                                                   data.subjects[subject], NOW, &traits);

            cr_assert_eq(found, item->there && !expired);
            if (found)
                expect_traits(traits, &item->traits);
            else
                cr_assert_null(traits);
            cr_assert_eq(edge_set_contains(set, forward_key(relation), data.subjects[subject]),
                         item->there);
        }
    }
}

/* From every place of every run to its end. */
static void
check_cursors(const struct edge_set *set)
{
    for (uint32_t relation = 0; relation < RELATIONS; relation++) {
        bool special = false;
        bool expected_special = false;
        struct edge_run run = edge_set_run_special(set, forward_key(relation), &special);

        for (size_t from = 0; from < run.count; from++) {
            struct edge_special_cursor cursor = edge_set_specials(set, run.nodes + from);

            for (size_t at = from; at < run.count; at++) {
                uint32_t subject = 0;

                while (data.subjects[subject] != run.nodes[at])
                    subject++;
                expect_traits(edge_special_take(&cursor, run.nodes + at),
                              &list[relation][subject].traits);
                expected_special |= !is_plain(&list[relation][subject].traits);
            }
        }
        cr_assert_eq(special, expected_special);
    }
}

Test(edge_set, random_sets_match_a_plain_list)
{
    static const uint32_t shares[] = {0, 5, 50, 95, 100};
    uint64_t random = 11;

    for (uint32_t world = 0; world < 60; world++) {
        uint32_t most = 1 + (uint32_t)(next_random(&random) % (RELATIONS * SUBJECTS));
        struct edge_set *set;

        graph_store_open(&data, 1, SUBJECTS);
        if (most > LIMIT_GRAPH_PIECE_EDGES)
            most = LIMIT_GRAPH_PIECE_EDGES;
        write_random(&random, most, shares[world % BEHALF_COUNT_OF(shares)]);
        set = load(data.resources[0], EDGE_FORWARD);
        cr_assert_not_null(set);
        if (edge_set_has_special(set)) {
            check_probes(set);
            check_cursors(set);
        }
        cr_assert(world % BEHALF_COUNT_OF(shares) != 0 || !edge_set_has_special(set));
        edge_set_free(set);
        if (world < 59)
            graph_store_close(&data);
    }
}

/* --- sets in pieces, and changes --- */

/* What a set should hold, by (group, node) in order: a wide world of few traits. */
enum { GROUPS = 3, NODES = 4 * LIMIT_GRAPH_PIECE_EDGES };

enum trait_state { GONE, PLAIN, EXPIRES, WITH_CONTEXT, STATES };

static uint8_t wide[GROUPS][NODES];

static struct edge_traits
traits_of(enum trait_state state)
{
    switch (state) {
    case GONE:
    case PLAIN:
        break;
    case EXPIRES:
        return (struct edge_traits){.expires_at = NOW};
    case WITH_CONTEXT:
        return (struct edge_traits){.caveat = 3, .context = SLICE_LITERAL("a context")};
    case STATES:
        break;
    }
    return (struct edge_traits){.caveat = LABEL_NONE};
}

static uint64_t
wide_node(uint32_t at)
{
    return 1000 + 2 * (uint64_t)at;
}

static void
expect_wide(const struct edge_set *set)
{
    struct edge_cursor cursor = {.set = set};
    struct edge_item item;
    const char *reason = NULL;

    cr_assert(edge_set_validate(set, &reason), "%s", reason);
    for (uint32_t group = 0; group < GROUPS; group++) {
        for (uint32_t at = 0; at < NODES; at++) {
            struct edge_traits expected = traits_of(wide[group][at]);
            const struct edge_set *block =
                edge_set_block(set, edge_set_block_place(set, group, wide_node(at)));

            cr_assert_eq(edge_set_contains(block, group, wide_node(at)), wide[group][at] != GONE);
            if (wide[group][at] == GONE)
                continue;
            cr_assert(edge_cursor_next(&cursor, &item));
            cr_assert_eq(item.group_key, group);
            cr_assert_eq(item.node, wide_node(at));
            expect_traits(item.traits, &expected);
        }
    }
    cr_assert_not(edge_cursor_next(&cursor, &item));
}

static void
free_own(void *context, const void *block, size_t bytes)
{
    *(size_t *)context += bytes;
    memory_free((void *)(uintptr_t)block);
}

/* Changes a stretch of the nodes of a group, and gives back what only the older set had. */
static struct edge_set *
change_stretch(struct edge_set *set, uint64_t *random, uint32_t most, bool removes)
{
    struct edge_change *changes = memory_new_array(most, sizeof *changes);
    uint32_t group = (uint32_t)(next_random(random) % GROUPS);
    uint32_t at = (uint32_t)(next_random(random) % NODES);
    size_t before = edge_set_bytes(set);
    struct edge_set *changed;
    uint32_t count = 0;
    size_t freed = 0;
    size_t own;

    for (; count < most && at < NODES; at += 1 + (uint32_t)(next_random(random) % 3)) {
        enum trait_state state = removes && next_random(random) % 4 != 0
                                     ? GONE
                                     : (enum trait_state)(next_random(random) % STATES);

        wide[group][at] = (uint8_t)state;
        changes[count++] = (struct edge_change){.node = wide_node(at),
                                                .group_key = group,
                                                .traits = traits_of(state),
                                                .removed = state == GONE};
    }
    changed = edge_set_update(set, changes, count, set->valid_from + 1);
    cr_assert_eq(changed->valid_from, set->valid_from + 1);
    own = edge_set_bytes_beside(set, changed);
    edge_set_visit_own(set, changed, NULL, free_own, &freed);
    cr_assert_eq(freed, own);
    cr_assert_eq(edge_set_bytes_beside(changed, NULL), edge_set_bytes(changed));
    cr_assert_leq(freed, before);
    memory_free(changes);
    return changed;
}

Test(edge_set, changes_of_sets_of_every_size_match_a_plain_list, .fini = NULL)
{
    static const uint32_t stretches[] = {1, 3, 40, LIMIT_GRAPH_PIECE_EDGES * 3};
    struct edge_set *set = edge_set_new_empty();
    uint64_t random = 5;
    uint32_t most_pieces = 0;

    memset(wide, 0, sizeof wide);
    for (uint32_t step = 0; step < 240; step++) {
        set = change_stretch(set, &random, stretches[step % BEHALF_COUNT_OF(stretches)],
                             step / 60 % 2 == 1);
        expect_wide(set);
        if (set->piece_count > most_pieces)
            most_pieces = set->piece_count;
    }
    cr_assert_gt(most_pieces, 3);
    edge_set_free(set);
}

Test(edge_set, a_change_of_a_large_set_copies_one_piece, .fini = NULL)
{
    enum { EDGES = 20 * LIMIT_GRAPH_PIECE_EDGES };
    struct edge_change *changes = memory_new_array(EDGES, sizeof *changes);
    struct edge_set *empty = edge_set_new_empty();
    struct edge_set *set;
    struct edge_set *changed;
    size_t freed = 0;

    for (uint32_t at = 0; at < EDGES; at++)
        changes[at].node = wide_node(at);
    set = edge_set_update(empty, changes, EDGES, 1);
    cr_assert_eq(set->piece_count, 20);
    cr_assert_eq(edge_set_edge_count(set), EDGES);
    changes[EDGES / 2].removed = true;
    changed = edge_set_update(set, &changes[EDGES / 2], 1, 2);
    cr_assert_eq(edge_set_edge_count(changed), EDGES - 1);
    for (uint32_t at = 0; at < 20; at++)
        cr_assert_eq(edge_set_block(set, at) == edge_set_block(changed, at), at != 10);
    edge_set_visit_own(set, changed, NULL, free_own, &freed);
    cr_assert_leq(freed, 2 * memory_block_bytes(16 + 8 + 8 * LIMIT_GRAPH_PIECE_EDGES) + 600);
    edge_set_free(changed);
    edge_set_free(empty);
    memory_free(changes);
}

Test(edge_set, sets_are_equal_whatever_their_pieces, .fini = NULL)
{
    enum { EDGES = 3 * LIMIT_GRAPH_PIECE_EDGES };
    struct edge_change *changes = memory_new_array(EDGES, sizeof *changes);
    struct edge_set *empty = edge_set_new_empty();
    struct edge_set *at_once;
    struct edge_set *halves;
    struct edge_set *both;

    for (uint32_t at = 0; at < EDGES; at++)
        changes[at].node = wide_node(at);
    at_once = edge_set_update(empty, changes, EDGES, 1);
    halves = edge_set_update(empty, changes + EDGES / 2, EDGES - EDGES / 2, 1);
    both = edge_set_update(halves, changes, EDGES / 2, 1);
    cr_assert(edge_set_equal(at_once, both));
    cr_assert_not(edge_set_equal(at_once, halves));
    edge_set_visit_own(halves, both, NULL, free_own, &(size_t){0});
    changes[EDGES / 3].traits.expires_at = NOW;
    halves = edge_set_update(both, &changes[EDGES / 3], 1, 1);
    cr_assert_not(edge_set_equal(at_once, halves));
    edge_set_visit_own(both, halves, NULL, free_own, &(size_t){0});
    edge_set_free(at_once);
    edge_set_free(halves);
    edge_set_free(empty);
    memory_free(changes);
}
