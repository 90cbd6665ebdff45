/* test_expand.c - trees that do not fit a reply come in parts that leave nothing out. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"

#define USERS 500
#define CHAIN (3 * EXPAND_NESTING_MAX)

static const char GROUPS[] = "definition user {} definition group { relation member: user | "
                             "group#member } definition doc { relation viewer: user | user:* | "
                             "group#member permission view = viewer }";

static unsigned seen[USERS];
static unsigned wildcards;
static unsigned groups;
static unsigned replies;

static void
count_subjects(const struct expand_node *node)
{
    for (size_t i = 0; i < node->subject_count; i++) {
        const struct object *subject = &node->subjects[i].object;

        if (subject->wildcard)
            wildcards++;
        else
            seen[strtoul(subject->id.data, NULL, 10)]++;
    }
}

/* How many nodes are inside each other, once all that a cursor gives was asked for. */
static unsigned
follow(const struct expand_node *node, unsigned nesting, struct engine_token *cursors,
       unsigned *cursor_count)
{
    unsigned deepest = nesting;

    groups +=
        slice_equal(node->object.type, SLICE_LITERAL("group")) && node->op != EXPAND_TRUNCATED;
    if (node->cursor.size > 0)
        (void)snprintf(cursors[(*cursor_count)++].text, ENGINE_TOKEN_SIZE, "%.*s",
                       SLICE_PRINTF(node->cursor));
    count_subjects(node);
    for (size_t i = 0; i < node->child_count; i++) {
        unsigned depth = follow(node->children[i], nesting + 1, cursors, cursor_count);

        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

/* Asks for the tree of doc:1#view and for all that its cursors lead to. */
static void
expand_levels(size_t most_bytes, uint32_t depth)
{
    static struct engine_token cursors[4096];
    unsigned count = 1;

    cursors[0].text[0] = '\0';
    for (unsigned at = 0; at < count; at++, replies++) {
        struct harness_engine *side = &scenario.sides[0];
        struct engine_request request = harness_request(side, NULL);
        struct expand expand = {.resource = {SLICE_LITERAL("doc"), SLICE_LITERAL("1"), {0}},
                                .permission = SLICE_LITERAL("view"),
                                .depth = depth,
                                .most_bytes = most_bytes,
                                .cursor = slice_of(cursors[at].text)};
        struct expand_result result;
        struct error error;

        cr_assert_lt(count, 3000);
        cr_assert_eq(engine_expand(side->worker, &request, &expand, &result, &error), BEHALF_OK,
                     "%s", error.message);
        cr_assert_leq(follow(result.tree, 0, cursors, &count), EXPAND_NESTING_MAX + 2);
    }
}

static void
expand_all(size_t most_bytes)
{
    expand_levels(most_bytes, 0);
}

Test(expand, a_wide_group_comes_in_parts_each_member_once)
{
    GIVEN(GROUPS, "doc:1#viewer@group:0#member", "doc:1#viewer@user:*");
    harness_touch_range(&scenario, "group:0#member@user:", 0, USERS, "");
    expand_all(4000);
    cr_expect_gt(replies, 2);
    cr_expect_eq(wildcards, 1);
    for (unsigned at = 0; at < USERS; at++)
        cr_assert_eq(seen[at], 1, "user:%u %u times", at, seen[at]);
}

Test(expand, many_groups_come_in_parts_each_once)
{
    GIVEN(GROUPS, (const char *)NULL);
    harness_touch_range(&scenario, "doc:1#viewer@group:", 0, 50, "#member");
    for (unsigned at = 0; at < 50; at++) {
        char prefix[64];

        (void)snprintf(prefix, sizeof prefix, "group:%u#member@user:", at);
        harness_touch_range(&scenario, prefix, at, at + 1, "");
    }
    expand_all(4000);
    cr_expect_gt(replies, 2);
    cr_expect_eq(groups, 50, "%u", groups);
    for (unsigned at = 0; at < 50; at++)
        cr_assert_eq(seen[at], 1, "user:%u %u times", at, seen[at]);
}

static void
touch_chain(void)
{
    for (unsigned at = 0; at < CHAIN; at++) {
        char prefix[64];

        (void)snprintf(prefix, sizeof prefix, "group:%u#member@group:", at);
        harness_touch_range(&scenario, prefix, at + 1, at + 2, "#member");
    }
}

/* As many levels as were asked for are opened, however many replies they take. */
Test(expand, levels_are_counted_over_all_parts)
{
    static const uint32_t depths[] = {1, 127, 128, 255, 256, 300, CHAIN};

    GIVEN(GROUPS, "doc:1#viewer@group:0#member");
    touch_chain();
    for (size_t at = 0; at < BEHALF_COUNT_OF(depths); at++) {
        groups = 0;
        expand_levels((size_t)1024 * 1024, depths[at]);
        cr_expect_eq(groups, depths[at], "%u of %u", groups, depths[at]);
    }
}

Test(expand, a_chain_is_nested_no_deeper_than_libraries_read)
{
    GIVEN(GROUPS, "doc:1#viewer@group:0#member");
    touch_chain();
    harness_touch_range(&scenario, "group:384#member@user:", 7, 8, "");
    expand_all((size_t)1024 * 1024);
    cr_expect_eq(replies, 4, "%u", replies);
    cr_expect_eq(seen[7], 1);
}

Test(expand, a_cursor_serves_its_own_request_only)
{
    struct harness_engine *side = &scenario.sides[0];
    struct expand expand = {.resource = {SLICE_LITERAL("doc"), SLICE_LITERAL("1"), {0}},
                            .permission = SLICE_LITERAL("view"),
                            .most_bytes = 1000};
    struct engine_token cursor;
    struct engine_request request;
    struct expand_result result;
    struct error error;

    GIVEN(GROUPS, (const char *)NULL);
    harness_touch_range(&scenario, "doc:1#viewer@user:", 0, USERS, "");
    request = harness_request(side, NULL);
    cr_assert_eq(engine_expand(side->worker, &request, &expand, &result, &error), BEHALF_OK);
    cr_assert_eq(result.tree->child_count, 1);
    cr_assert_gt(result.tree->children[0]->cursor.size, 0);
    (void)snprintf(cursor.text, sizeof cursor.text, "%.*s",
                   SLICE_PRINTF(result.tree->children[0]->cursor));
    expand.cursor = slice_of(cursor.text);
    expand.permission = SLICE_LITERAL("viewer");
    request = harness_request(side, NULL);
    cr_assert_eq(engine_expand(side->worker, &request, &expand, &result, &error),
                 BEHALF_INVALID_CURSOR);
}

/* --- a chain that comes back to its first group at each step --- */

#define LONG_CHAIN 10000
#define SHORT_CHAIN (LONG_CHAIN / 8)

static void
put_chain(const char *prefix, unsigned length)
{
    struct relationship *rows = memory_new_array(2 * (size_t)length, sizeof *rows);
    struct arena arena;

    arena_init(&arena, SIZE_MAX);
    for (unsigned at = 0; at < length; at++) {
        char line[64];
        struct error error;

        for (unsigned back = 0; back < 2; back++) {
            (void)snprintf(line, sizeof line, "group:%s%u#member@group:%s%u#member", prefix, at,
                           prefix, back == 0 ? at + 1 : 0);
            cr_assert_eq(relationship_parse(arena_copy(&arena, slice_of(line)), &arena,
                                            &rows[2 * at + back], &error),
                         BEHALF_OK, "%s", error.message);
        }
    }
    harness_put(&scenario.sides[0], rows, 2 * (size_t)length);
    arena_release(&arena);
    memory_free(rows);
}

/* Each group is opened once, and the first is a name alone wherever it comes again. */
static void
expect_chain(const struct expand_node *node, unsigned length)
{
    for (unsigned at = 0; at < length; at++) {
        const struct expand_node *leaf;

        cr_assert_eq(node->op, EXPAND_UNION, "%u", at);
        cr_assert_eq(node->child_count, 2, "%u: %zu", at, node->child_count);
        leaf = node->children[1];
        cr_assert_eq(leaf->op, EXPAND_LEAF);
        cr_assert_eq(leaf->subject_count, 1);
        cr_assert_eq(leaf->subjects[0].object.id.data[1], '0');
        cr_assert_eq(leaf->subjects[0].object.id.size, 2);
        node = node->children[0];
    }
    cr_assert_eq(node->op, EXPAND_LEAF);
}

/* Processor time of the thread for the whole tree; the least of three. */
static int64_t
chain_cost(const char *prefix, unsigned length)
{
    struct harness_engine *side = &scenario.sides[0];
    char first[16];
    struct expand expand = {.resource.type = SLICE_LITERAL("group"),
                            .permission = SLICE_LITERAL("member")};
    int64_t least = INT64_MAX;

    (void)snprintf(first, sizeof first, "%s0", prefix);
    expand.resource.id = slice_of(first);
    for (unsigned round = 0; round < 3; round++) {
        struct engine_request request = harness_request(side, NULL);
        struct expand_result result;
        struct timespec from;
        struct timespec to;
        struct error error;
        int64_t cost;

        cr_assert_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from), 0);
        cr_assert_eq(engine_expand(side->worker, &request, &expand, &result, &error), BEHALF_OK,
                     "%s", error.message);
        cr_assert_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to), 0);
        expect_chain(result.tree, length);
        cost = (to.tv_sec - from.tv_sec) * INT64_C(1000000000) + to.tv_nsec - from.tv_nsec;
        least = cost < least ? cost : least;
    }
    return least;
}

/* Eight times as long: 8 times the cost, with room for the processor's caches, where a walk over
 * the whole path at each group takes 64 times. What else runs may slow down a try, but not all. */
Test(expand, a_long_chain_costs_as_much_a_group_as_a_short_one)
{
    int64_t small = INT64_MAX;
    int64_t large = INT64_MAX;

    GIVEN(GROUPS, (const char *)NULL);
    put_chain("s", SHORT_CHAIN);
    put_chain("l", LONG_CHAIN);
    for (unsigned tried = 0; tried < 20 && (tried == 0 || large / 32 >= small); tried++) {
        int64_t of_short = chain_cost("s", SHORT_CHAIN);
        int64_t of_long = chain_cost("l", LONG_CHAIN);

        small = of_short < small ? of_short : small;
        large = of_long < large ? of_long : large;
    }
    cr_expect_lt(large / 32, small, "%ld ns for %u groups, %ld ns for %u", small, SHORT_CHAIN,
                 large, LONG_CHAIN);
}
