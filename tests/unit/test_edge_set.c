/* Edge sets with special edges: what is found, what is counted, and what is too big. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/memory.h"
#include "engine/edge_set.h"
#include "engine/limits.h"
#include "tests/support/graph_store.h"

#define NOW 1000

static struct graph_store data;

static void
close_data(void)
{
    graph_store_close(&data);
}

static struct edge_set *
load(uint64_t node, enum edge_direction direction)
{
    struct store_snapshot *snapshot = NULL;
    struct edge_set *set = NULL;
    const char *reason;
    struct error error;

    cr_assert_eq(store_snapshot_open(data.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(edge_set_load(snapshot, node, direction, &set, &error), BEHALF_OK);
    store_snapshot_close(snapshot);
    cr_assert(set == NULL || edge_set_validate(set, &reason), "%s", reason);
    return set;
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
    cr_assert_eq(edge_set_bytes(set), 16 + 2 * 8 + 3 * 8);
    edge_set_unref(set);
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
    cr_assert_eq(edge_set_bytes(set), 16 + 2 * 8 + 3 * 8 + 8 + 2 * (32 + 4) + 7);
    edge_set_unref(set);
}

/* A set of one edge with a context of `size`. */
static struct edge_set *
load_with_context(size_t size)
{
    char *context = memory_new(size);

    put(0, 0, with_context((struct slice){context, size}));
    memory_free(context);
    return load(data.resources[0], EDGE_FORWARD);
}

Test(edge_set, a_set_of_too_many_bytes_is_none)
{
    size_t most = LIMIT_GRAPH_SET_BYTES - (16 + 8 + 8 + 8 + 36);
    struct edge_set *set;

    graph_store_open(&data, 1, 1);
    set = load_with_context(most);
    cr_assert_not_null(set);
    cr_assert_eq(edge_set_bytes(set), LIMIT_GRAPH_SET_BYTES);
    edge_set_unref(set);
    cr_assert_null(load_with_context(most + 1));
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
    edge_set_unref(set);
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
    edge_set_unref(set);
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
        if (most > LIMIT_GRAPH_SET_EDGES)
            most = LIMIT_GRAPH_SET_EDGES;
        write_random(&random, most, shares[world % BEHALF_COUNT_OF(shares)]);
        set = load(data.resources[0], EDGE_FORWARD);
        cr_assert_not_null(set);
        if (edge_set_has_special(set)) {
            check_probes(set);
            check_cursors(set);
        }
        cr_assert(world % BEHALF_COUNT_OF(shares) != 0 || !edge_set_has_special(set));
        edge_set_unref(set);
        if (world < 59)
            graph_store_close(&data);
    }
}
