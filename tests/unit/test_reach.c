/* test_reach.c - walks over unions of unconditional edges: what one of them found out is used
 * by the next, and wide nodes are read in parts or from the subject's side. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>

#include "graph/limits.h"
#include "eval/limits.h"
#include "tests/unit/test_writer_support.h"

static const char groups[] = "definition user {} definition group { relation member: user | "
                             "group#member } definition doc { relation viewer: user | "
                             "group#member relation editor: group#member permission both = viewer "
                             "& editor permission only = viewer - editor }";

Test(reach, a_node_that_an_answer_left_behind_is_asked_again)
{
    GIVEN(groups, "doc:1#viewer@group:a#member", "doc:1#viewer@group:c#member",
          "group:a#member@user:ann", "doc:1#editor@group:c#member", "group:c#member@group:d#member",
          "group:d#member@user:ann");
    EXPECT("doc:1#both@user:ann", "allow");
    EXPECT("doc:1#only@user:ann", "deny");
    AGREED();
}

Test(reach, a_node_on_the_way_to_an_answer_holds)
{
    GIVEN(groups, "doc:1#viewer@group:a#member", "group:a#member@group:b#member",
          "group:b#member@group:c#member", "group:c#member@user:ann", "doc:1#editor@group:b#member",
          "doc:2#viewer@group:a#member", "doc:2#editor@group:e#member");
    EXPECT("doc:1#both@user:ann", "allow");
    EXPECT("doc:1#only@user:ann", "deny");
    EXPECT("doc:2#both@user:ann", "deny");
    EXPECT("doc:2#only@user:ann", "allow");
    AGREED();
}

Test(reach, a_node_beside_the_way_to_an_answer_does_not_hold)
{
    GIVEN(groups, "doc:1#viewer@group:a#member", "doc:1#viewer@group:b#member",
          "doc:1#viewer@group:c#member", "group:b#member@user:ann", "doc:1#editor@group:a#member",
          "doc:1#editor@group:c#member");
    EXPECT("doc:1#viewer@user:ann", "allow");
    EXPECT("doc:1#both@user:ann", "deny");
    EXPECT("doc:1#only@user:ann", "allow");
    AGREED();
}

Test(reach, a_node_that_holds_nothing_stays_so)
{
    GIVEN(groups, "doc:1#viewer@user:ann", "doc:1#editor@group:a#member",
          "doc:2#viewer@group:a#member", "doc:2#editor@group:a#member",
          "group:a#member@group:b#member", "group:b#member@group:a#member",
          "group:b#member@user:bob");
    EXPECT("doc:1#only@user:ann", "allow");
    EXPECT("doc:2#both@user:ann", "deny");
    EXPECT("doc:2#both@user:bob", "allow");
    EXPECT("doc:2#both@group:b#member", "allow");
    EXPECT("doc:2#both@group:a#member", "allow");
    EXPECT("doc:2#both@group:c#member", "deny");
    AGREED();
}

/* --- wide nodes --- */

#define WIDE (LIMIT_EDGE_BATCH_GROWN * 2 + 100)

static struct rig rig;

/* Touches "BEFORE number AFTER" for each number. */
static void
touch_each(const char *before, unsigned from, unsigned to, const char *after)
{
    struct buffer lines;

    buffer_init(&lines);
    for (unsigned at = from; at < to; at++) {
        buffer_add_format(&lines, "touch %s%u%s\n", before, at, after);
        if ((at - from) % ENGINE_UPDATES_MAX == ENGINE_UPDATES_MAX - 1 || at + 1 == to) {
            cr_assert_eq(rig_do(&rig, lines.data)->status, BEHALF_OK);
            buffer_clear(&lines);
        }
    }
    buffer_release(&lines);
}

static void
expect(const char *user, enum decision expected)
{
    struct engine_request request = {.arena = &rig.arena};
    const struct check check = {
        .resource = {.type = SLICE_LITERAL("doc"), .id = SLICE_LITERAL("wide")},
        .permission = SLICE_LITERAL("viewer"),
        .subject = {.type = SLICE_LITERAL("user"), .id = slice_of(user)},
    };
    struct check_result result;
    struct error error;

    cr_assert_eq(engine_check(rig.worker, &request, &check, &result, &error), BEHALF_OK, "%s",
                 error.message);
    cr_expect_eq(result.decision, expected, "%s", user);
}

/* In the first batch, behind it, behind the first grown one, at the very end and nowhere. */
static const unsigned places[] = {0, LIMIT_EDGE_BATCH - 1, LIMIT_EDGE_BATCH,
                                  LIMIT_EDGE_BATCH + LIMIT_EDGE_BATCH_GROWN, WIDE - 1};

/* `others`: groups that a subject is in as well, and that nothing leads to. */
static void
check_wide(unsigned others)
{
    char before[64];

    rig_open(&rig, groups);
    touch_each("doc:wide#viewer@group:g", 0, WIDE, "#member");
    for (size_t at = 0; at < BEHALF_COUNT_OF(places); at++) {
        snprintf(before, sizeof before, "touch group:g%u#member@user:u%zu\n", places[at], at);
        cr_assert_eq(rig_do(&rig, before)->status, BEHALF_OK);
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(places); at++) {
        snprintf(before, sizeof before, "#member@user:u%zu", at);
        touch_each("group:other", 0, others, before);
    }
    touch_each("group:other", 0, others, "#member@user:nobody");
    for (size_t at = 0; at < BEHALF_COUNT_OF(places); at++) {
        snprintf(before, sizeof before, "u%zu", at);
        expect(before, DECISION_ALLOW);
    }
    expect("nobody", DECISION_DENY);
    expect("unknown", DECISION_DENY);
    rig_close(&rig);
}

Test(reach, wide_nodes_from_the_side_of_a_subject_in_few_groups)
{
    check_wide(2);
}

/* Finding the subject's side is given up each time. */
Test(reach, wide_nodes_in_parts_where_the_subject_is_in_more_groups, .timeout = 60)
{
    check_wide(LIMIT_NARROW_FACTOR * (WIDE + 100));
}
