/* test_eval_conditions_graph.c - conditions in cycles, and on few of very many edges. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>

#define ANY_OF(subject)                                                                            \
    subject " | " subject " with if_left | " subject " with if_right | " subject                   \
            " with if_other | " subject " with faulty | " subject " with expiration"

/* --- cycles without exclusion --- */

#define GROUPS                                                                                     \
    "use expiration " FOUR_CAVEATS                                                                 \
    "definition user {} definition group { relation member: " ANY_OF("user") " | " ANY_OF(         \
        "group#member") " } "

Test(eval_conditions_graph, an_edge_of_a_cycle_has_a_condition)
{
    GIVEN(GROUPS, "group:1#member@group:2#member[if_left]", "group:2#member@group:1#member",
          "group:2#member@user:u", "group:1#member@user:v");
    EXPECT("group:1#member@user:u", "conditional on left_is");
    EXPECT("group:2#member@user:u", "allow");
    EXPECT("group:1#member@user:v", "allow");
    EXPECT("group:2#member@user:v", "allow");
    EXPECT("group:1#member@user:w", "deny");
    EXPECT("group:2#member@user:w", "deny");
    EXPECT_RESOURCES("group#member@user:u", "1[...] 2");
    EXPECT_SUBJECTS("group:1#member", "user", "u[...] v");
    harness_context(&scenario, "{\"left_is\":0}");
    EXPECT("group:1#member@user:u", "deny");
    EXPECT_SUBJECTS("group:1#member", "user", "v");
    harness_context(&scenario, "{\"left_is\":1}");
    EXPECT("group:1#member@user:u", "allow");
    AGREED();
}

/* Each node of a cycle hangs on all that any of them hangs on. */
Test(eval_conditions_graph, what_enters_a_cycle_under_a_condition)
{
    GIVEN(GROUPS, "group:1#member@group:2#member[if_left]", "group:2#member@group:3#member",
          "group:3#member@group:1#member", "group:1#member@user:u[if_right]",
          "group:3#member@user:v[if_other]", "group:2#member@user:v[if_other:{\"other_is\":0}]");
    EXPECT("group:1#member@user:u", "conditional on left_is, right_is");
    EXPECT("group:2#member@user:u", "conditional on left_is, right_is");
    EXPECT("group:3#member@user:u", "conditional on left_is, right_is");
    EXPECT("group:1#member@user:v", "conditional on left_is, other_is");
    EXPECT("group:2#member@user:v", "conditional on left_is, other_is");
    EXPECT_RESOURCES("group#member@user:u", "1[...] 2[...] 3[...]");
    EXPECT_SUBJECTS("group:2#member", "user", "u[...] v[...]");
    harness_context(&scenario, "{\"left_is\":0}");
    EXPECT("group:1#member@user:u", "conditional on right_is");
    EXPECT("group:2#member@user:u", "conditional on right_is");
    EXPECT("group:1#member@user:v", "deny");
    EXPECT("group:2#member@user:v", "conditional on other_is");
    harness_context(&scenario, "{\"right_is\":1}");
    EXPECT("group:1#member@user:u", "allow");
    EXPECT("group:3#member@user:u", "allow");
    EXPECT("group:1#member@user:v", "conditional on left_is, other_is");
    harness_context(&scenario, "{\"right_is\":0}");
    EXPECT("group:1#member@user:u", "deny");
    EXPECT("group:2#member@user:u", "deny");
    AGREED();
}

/* Names spread against the direction of edges only. */
Test(eval_conditions_graph, a_cycle_that_leads_into_another)
{
    GIVEN(GROUPS, "group:1#member@group:2#member", "group:2#member@group:1#member",
          "group:2#member@user:u[if_left]", "group:3#member@group:1#member[if_right]",
          "group:3#member@group:4#member", "group:4#member@group:3#member",
          "group:4#member@user:u[if_other:{\"other_is\":3}]");
    EXPECT("group:1#member@user:u", "conditional on left_is");
    EXPECT("group:2#member@user:u", "conditional on left_is");
    EXPECT("group:3#member@user:u", "conditional on left_is, right_is");
    EXPECT("group:4#member@user:u", "conditional on left_is, right_is");
    harness_context(&scenario, "{\"left_is\":1}");
    EXPECT("group:1#member@user:u", "allow");
    EXPECT("group:4#member@user:u", "conditional on right_is");
    harness_context(&scenario, "{\"right_is\":1}");
    EXPECT("group:4#member@user:u", "conditional on left_is");
    AGREED();
}

Test(eval_conditions_graph, an_error_in_a_cycle)
{
    GIVEN(GROUPS, "group:1#member@group:2#member", "group:2#member@group:1#member[if_left]",
          "group:2#member@user:u[faulty:{\"divisor\":0}]", "group:1#member@user:v",
          "group:2#member@user:v[faulty:{\"divisor\":0}]", "group:3#member@group:3#member",
          "group:3#member@group:1#member[if_right]", "group:2#member@user:w[if_right]");
    EXPECT("group:1#member@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("group:2#member@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("group:3#member@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("group:1#member@user:v", "allow");
    EXPECT("group:2#member@user:v", "CAVEAT_EVALUATION_ERROR");
    EXPECT("group:3#member@user:v", "conditional on right_is");
    EXPECT("group:1#member@user:w", "conditional on left_is, right_is");
    EXPECT_RESOURCES("group#member@user:u", "1? 2? 3?");
    EXPECT_RESOURCES("group#member@user:v", "1 3[...] 2?");
    EXPECT_SUBJECTS("group:1#member", "user", "CAVEAT_EVALUATION_ERROR");
    harness_context(&scenario, "{\"left_is\":1,\"right_is\":0}");
    EXPECT("group:2#member@user:v", "allow");
    EXPECT("group:3#member@user:u", "deny");
    AGREED();
}

/* In operators, arrows and .all of a cycle. */
Test(eval_conditions_graph, a_cycle_through_operators_and_arrows)
{
    GIVEN(FOUR_CAVEATS
          "definition user {} definition doc { relation viewer: user | user with if_left relation "
          "cleared: user | user with if_right relation parent: doc | doc with if_other permission "
          "view = (viewer + parent->view) & cleared permission every = viewer + "
          "parent.all(every) }",
          "doc:1#parent@doc:2[if_other]", "doc:2#parent@doc:1", "doc:2#viewer@user:u[if_left]",
          "doc:1#cleared@user:u", "doc:2#cleared@user:u[if_right]", "doc:1#viewer@user:v",
          "doc:2#cleared@user:v", "doc:3#parent@doc:3", "doc:3#parent@doc:2");
    EXPECT("doc:1#view@user:u", "conditional on left_is, other_is, right_is");
    EXPECT("doc:2#view@user:u", "conditional on left_is, other_is, right_is");
    EXPECT("doc:1#view@user:v", "deny");
    EXPECT("doc:2#view@user:v", "deny");
    EXPECT("doc:1#every@user:u", "conditional on left_is, other_is");
    EXPECT("doc:2#every@user:u", "conditional on left_is, other_is");
    EXPECT("doc:3#every@user:u", "deny");
    EXPECT("doc:2#every@user:v", "allow");
    harness_context(&scenario, "{\"left_is\":1,\"right_is\":1}");
    EXPECT("doc:1#view@user:u", "conditional on other_is");
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:1#every@user:u", "conditional on other_is");
    EXPECT("doc:2#every@user:u", "allow");
    AGREED();
}

/* --- cycles through exclusion --- */

#define GUARDED                                                                                    \
    FOUR_CAVEATS "definition user {} definition doc { relation viewer: user | user with if_right " \
                 "relation near: doc | doc with if_other "                                         \
                 "relation restricted: user | doc#view | doc#view with if_left "                   \
                 "permission view = viewer - restricted permission some = near->view "             \
                 "permission sure = viewer + view permission also = viewer & view }"

/* Only under a condition does the answer depend on its own negation; without the context that is
 * not known, and not decided. */
Test(eval_conditions_graph, a_cycle_through_exclusion_under_a_condition)
{
    GIVEN(GUARDED, "doc:1#viewer@user:u", "doc:1#restricted@doc:1#view[if_left]",
          "doc:2#near@doc:1[if_other]", "doc:3#viewer@user:u[if_right]",
          "doc:3#restricted@doc:3#view", "doc:4#near@doc:3");
    EXPECT("doc:1#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#view@user:v", "deny");
    EXPECT("doc:1#sure@user:u", "allow");
    EXPECT("doc:1#also@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:2#some@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:3#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:4#some@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT_RESOURCES("doc#view@user:u", "1? 3?");
    EXPECT_SUBJECTS("doc:1#view", "user", "CYCLE_THROUGH_EXCLUSION");
    harness_context(&scenario, "{\"left_is\":1,\"right_is\":1,\"other_is\":1}");
    EXPECT("doc:1#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:2#some@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:3#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    harness_context(&scenario, "{\"left_is\":0,\"right_is\":0}");
    EXPECT("doc:1#view@user:u", "allow");
    EXPECT("doc:2#some@user:u", "conditional on other_is");
    EXPECT("doc:3#view@user:u", "deny");
    EXPECT("doc:4#some@user:u", "deny");
    EXPECT_RESOURCES("doc#view@user:u", "1");
    EXPECT_SUBJECTS("doc:1#view", "user", "u");
    harness_context(&scenario, "{\"other_is\":0}");
    EXPECT("doc:2#some@user:u", "deny");
    AGREED();
}

Test(eval_conditions_graph, two_documents_that_restrict_each_other)
{
    GIVEN(GUARDED, "doc:1#viewer@user:u", "doc:2#viewer@user:u", "doc:1#restricted@doc:2#view",
          "doc:2#restricted@doc:1#view[if_left]", "doc:3#viewer@user:u",
          "doc:3#restricted@doc:4#view[if_left]", "doc:4#viewer@user:u[if_right]");
    EXPECT("doc:1#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:2#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    /* an exclusion outside of any cycle hangs on context only */
    EXPECT("doc:3#view@user:u", "conditional on left_is, right_is");
    harness_context(&scenario, "{\"left_is\":0}");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:3#view@user:u", "allow");
    harness_context(&scenario, "{\"left_is\":1}");
    EXPECT("doc:1#view@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:3#view@user:u", "conditional on right_is");
    AGREED();
}

/* Beside a branch that decides, the open part does not matter. */
Test(eval_conditions_graph, a_game_whose_moves_have_conditions)
{
    GIVEN(FOUR_CAVEATS
          "definition user {} definition pos { relation may: user relation move: pos | pos "
          "with if_left permission win = may & move->lose permission lose = may - win }",
          "pos:1#may@user:u", "pos:2#may@user:u", "pos:3#may@user:u", "pos:4#may@user:u",
          "pos:5#may@user:u", "pos:6#may@user:u", "pos:1#move@pos:2[if_left]", "pos:2#move@pos:1",
          "pos:3#move@pos:4[if_left]", "pos:3#move@pos:5", "pos:4#move@pos:3",
          "pos:6#move@pos:5[if_left]");
    EXPECT("pos:1#win@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("pos:2#win@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("pos:3#win@user:u", "allow");
    EXPECT("pos:4#win@user:u", "deny");
    EXPECT("pos:4#lose@user:u", "allow");
    EXPECT("pos:6#win@user:u", "conditional on left_is");
    EXPECT("pos:6#lose@user:u", "conditional on left_is");
    EXPECT_RESOURCES("pos#win@user:u", "3 6[...] 1? 2?");
    harness_context(&scenario, "{\"left_is\":0}");
    EXPECT("pos:1#win@user:u", "deny");
    EXPECT("pos:2#win@user:u", "allow");
    EXPECT("pos:6#win@user:u", "deny");
    EXPECT("pos:6#lose@user:u", "allow");
    AGREED();
}

/* --- wide walks --- */

static void
touch_with(const char *before, unsigned number, const char *behind, const char *traits)
{
    char text[128];

    snprintf(text, sizeof text, "%s%u%s%s", before, number, behind, traits);
    cr_assert_eq(harness_touch(&scenario, text), BEHALF_OK, "%s", text);
}

static void
touch(const char *before, unsigned number, const char *behind)
{
    touch_with(before, number, behind, "");
}

/* clang-format off */
#define WIDE \
    "use expiration " FOUR_CAVEATS "definition user {} " \
    "definition part { relation held: " ANY_OF("user") " | " ANY_OF( \
    "part#held") " } " \
    "definition doc { relation via: " ANY_OF("part#held") " relation near: " ANY_OF( \
    "part") " permission some = near->held permission every = near.all(held) }"
/* clang-format on */

/* Documents with `count` parts, most of them plainly; who holds which part says
 * what is expected. */
static void
given_wide(unsigned count)
{
    GIVEN(WIDE, (const char *)NULL);
    harness_touch_range(&scenario, "doc:1#via@part:p", 0, count, "#held");
    harness_touch_range(&scenario, "doc:1#near@part:p", 0, count, "");
    for (size_t i = 0; i < 2; i++) {
        const char *edge = i == 0 ? "doc:1#via@part:p" : "doc:1#near@part:p";
        const char *behind = i == 0 ? "#held" : "";

        touch_with(edge, 3, behind, "[if_left]");
        touch_with(edge, 7, behind, "[expiration:2000-01-01T00:00:00Z]");
        touch_with(edge, count - 2, behind, "[if_left:{\"left_is\":0}]");
        touch_with(edge, count - 1, behind, "[if_other]");
    }
    touch("part:p", 1, "#held@user:one");
    touch("part:p", 3, "#held@user:hop");
    touch("part:p", 4, "#held@user:member[if_right]");
    touch("part:p", 3, "#held@user:both[if_right]");
    touch("part:p", count - 2, "#held@user:never");
    touch("part:p", 3, "#held@user:two");
    touch("part:p", count - 1, "#held@user:two");
    touch("part:p", count - 1, "#held@user:far");
    touch("part:p", 6, "#held@part:inner#held[if_right]");
    cr_assert_eq(harness_touch(&scenario, "part:inner#held@user:deep"), BEHALF_OK);
    touch("part:p", 7, "#held@user:late");
    touch("part:p", 3, "#held@user:rich");
    touch("part:p", count / 2, "#held@user:rich");
}

static const struct {
    const char *user;
    const char *expected;
} wide[] = {
    {"one", "allow"},
    {"hop", "conditional on left_is"},
    {"member", "conditional on right_is"},
    {"both", "conditional on left_is, right_is"},
    {"never", "deny"},
    {"two", "conditional on left_is, other_is"},
    {"far", "conditional on other_is"},
    {"deep", "conditional on right_is"},
    {"late", "deny"},
    {"rich", "allow"},
    {"stranger", "deny"},
};

static void
expect_wide(const char *permission)
{
    char question[96];

    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        snprintf(question, sizeof question, "doc:1#%s@user:%s", permission, wide[i].user);
        EXPECT(question, wide[i].expected);
    }
    snprintf(question, sizeof question, "doc:1#%s", permission);
    EXPECT_SUBJECTS(question, "user",
                    "both[...] deep[...] far[...] hop[...] member[...] one rich two[...]");
    snprintf(question, sizeof question, "doc#%s@user:two", permission);
    EXPECT_RESOURCES(question, "1[...]");
    snprintf(question, sizeof question, "doc#%s@user:never", permission);
    EXPECT_RESOURCES(question, "");
}

static void
expect_wide_errors(unsigned count)
{
    touch("doc:1#via@part:p", 5, "#held[faulty:{\"divisor\":0}]");
    touch("doc:1#near@part:p", 5, "[faulty:{\"divisor\":0}]");
    touch("part:p", 5, "#held@user:bad");
    touch("part:p", 5, "#held@user:rich");
    touch("part:p", count - 3, "#held@user:worse[faulty:{\"divisor\":0}]");
    touch("part:p", 3, "#held@user:worse");
    EXPECT("doc:1#via@user:bad", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:1#some@user:bad", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:1#via@user:worse", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:1#some@user:worse", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:1#via@user:rich", "allow");
    EXPECT("doc:1#some@user:one", "allow");
}

/* Whoever holds all of them: one condition that fails is enough. */
static void
expect_wide_all(unsigned count)
{
    harness_touch_range(&scenario, "part:p", 0, count, "#held@user:all");
    harness_touch_range(&scenario, "doc:2#near@part:p", 0, count, "");
    cr_assert_eq(harness_delete(&scenario, "part:p7#held@user:all"), BEHALF_OK);
    EXPECT("doc:1#every@user:all", "deny");
    EXPECT("doc:2#every@user:all", "deny");
    touch("doc:2#near@part:p", 7, "[expiration:2000-01-01T00:00:00Z]");
    EXPECT("doc:2#every@user:all", "allow");
    touch("doc:2#near@part:p", count - 1, "[if_other]");
    touch("doc:2#near@part:p", 3, "[if_left]");
    EXPECT("doc:2#every@user:all", "conditional on left_is, other_is");
    EXPECT_SUBJECTS("doc:2#every", "user", "all[...]");
    EXPECT_RESOURCES("doc#every@user:all", "2[...]");
    touch("doc:2#near@part:p", count - 1, "[if_other:{\"other_is\":9}]");
    EXPECT("doc:2#every@user:all", "deny");
}

static void
ask_wide(unsigned count)
{
    given_wide(count);
    expect_wide("via");
    expect_wide("some");
    harness_context(&scenario, "{\"left_is\":1,\"other_is\":0}");
    EXPECT("doc:1#via@user:two", "allow");
    EXPECT("doc:1#some@user:far", "deny");
    EXPECT("doc:1#via@user:both", "conditional on right_is");
    EXPECT("doc:1#via@user:never", "deny");
    harness_context(&scenario, NULL);
    expect_wide_all(count);
    expect_wide_errors(count);
    AGREED();
}

Test(eval_conditions_graph, more_edges_than_a_first_batch)
{
    ask_wide(17);
    ask_wide(40);
}

Test(eval_conditions_graph, more_edges_than_a_grown_batch, .timeout = 120)
{
    ask_wide(1100);
}

Test(eval_conditions_graph, conditions_on_every_one_of_many_edges, .timeout = 120)
{
    GIVEN("use expiration " FOUR_CAVEATS
          "definition user {} definition part { relation held: user } "
          "definition doc { relation via: part#held with if_left relation near: part with if_left "
          "permission some = near->held permission every = near.all(held) }",
          "part:p5#held@user:u", "part:p1200#held@user:u");
    harness_touch_range(&scenario, "doc:1#via@part:p", 0, 1201, "#held[if_left]");
    harness_touch_range(&scenario, "doc:1#near@part:p", 0, 1201, "[if_left]");
    EXPECT("doc:1#via@user:u", "conditional on left_is");
    EXPECT("doc:1#some@user:u", "conditional on left_is");
    EXPECT("doc:1#every@user:u", "deny");
    EXPECT("doc:1#via@user:v", "deny");
    EXPECT("doc:1#some@user:v", "deny");
    touch("doc:1#via@part:p", 1200, "#held[if_left:{\"left_is\":1}]");
    touch("doc:1#near@part:p", 5, "[if_left:{\"left_is\":0}]");
    EXPECT("doc:1#via@user:u", "allow");
    EXPECT("doc:1#some@user:u", "conditional on left_is");
    harness_context(&scenario, "{\"left_is\":0}");
    EXPECT("doc:1#some@user:u", "deny");
    EXPECT("doc:1#via@user:u", "allow");
    AGREED();
}
