/* test_scenarios_cycles.c - cycles in data and schemas, and the laws that hold
 * whatever the data. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"

Test(scenarios_cycles, a_ban_that_names_the_permission_it_guards_never_allows)
{
    GIVEN(
        "definition user {} definition doc { relation restricted: user | doc#view relation viewer: "
        "user permission view = viewer - restricted }",
        "doc:1#restricted@doc:1#view", "doc:1#viewer@user:jon");
    EXPECT("doc:1#view@user:jon", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#view@user:other", "deny");
    EXPECT_RESOURCES("doc#view@user:jon", "1?");
    EXPECT_SUBJECTS("doc:1#view", "user", "CYCLE_THROUGH_EXCLUSION");
    AGREED();
}

Test(scenarios_cycles, a_ban_by_membership_denies_the_members)
{
    GIVEN("definition user {} definition doc { relation viewer: user relation restricted: user | "
          "doc#viewer permission view = viewer - restricted }",
          "doc:1#restricted@doc:1#viewer", "doc:1#viewer@user:jon");
    EXPECT("doc:1#view@user:jon", "deny");
    EXPECT_SUBJECTS("doc:1#view", "user", "");
    AGREED();
}

Test(scenarios_cycles, a_pure_cycle_gives_nobody_anything)
{
    GIVEN("definition user {} definition doc { relation editor: user | doc#viewer relation stored: "
          "doc#editor permission viewer = stored + editor }",
          "doc:1#editor@doc:1#viewer", "doc:1#stored@doc:1#editor");
    EXPECT("doc:1#viewer@user:u", "deny");
    EXPECT("doc:1#editor@user:u", "deny");
    EXPECT("doc:1#editor@doc:1#viewer", "allow");
    EXPECT_SUBJECTS("doc:1#viewer", "user", "");
    EXPECT_RESOURCES("doc#viewer@user:u", "");
    AGREED();
}

Test(scenarios_cycles, cycles_of_each_length_reach_their_member)
{
    for (unsigned length = 1; length <= 10; length++) {
        char text[96];

        GIVEN("definition user {} definition group { relation member: user | group#member }",
              (const char *)NULL);
        for (unsigned i = 0; i < length; i++) {
            snprintf(text, sizeof text, "group:%u#member@group:%u#member", i, (i + 1) % length);
            cr_expect_eq(harness_create(&scenario, text), BEHALF_OK);
        }
        EXPECT("group:0#member@user:u", "deny");
        snprintf(text, sizeof text, "group:%u#member@user:u", length - 1);
        cr_expect_eq(harness_create(&scenario, text), BEHALF_OK);
        EXPECT("group:0#member@user:u", "allow");
        EXPECT(text, "allow");
        EXPECT("group:0#member@user:v", "deny");
        AGREED();
    }
}

static const char mutual_schema[] =
    "definition user {} definition group { relation left: user | group#right "
    "relation right: user | group#left }";

static void
mutual(void)
{
    GIVEN(mutual_schema, "group:1#left@group:2#right", "group:2#right@group:1#left",
          "group:2#right@group:3#left", "group:3#left@user:u");
}

Test(scenarios_cycles, inner_node_first_then_outer)
{
    mutual();
    EXPECT("group:2#right@user:u", "allow");
    EXPECT("group:1#left@user:u", "allow");
    EXPECT("group:1#left@user:v", "deny");
    AGREED();
}

Test(scenarios_cycles, outer_node_first_then_inner)
{
    mutual();
    EXPECT("group:1#left@user:v", "deny");
    EXPECT("group:1#left@user:u", "allow");
    EXPECT("group:2#right@user:u", "allow");
    EXPECT("group:2#right@user:v", "deny");
    AGREED();
}

Test(scenarios_cycles, a_member_behind_a_cycle_inside_an_exclusion)
{
    GIVEN("definition user {} definition group { relation left: user | group#right relation right: "
          "user | group#left } definition doc { relation viewer: user relation banned: group#left "
          "permission view = viewer - banned }",
          "group:1#left@group:2#right", "group:2#right@group:1#left", "group:2#right@group:3#left",
          "group:3#left@user:u", "doc:1#viewer@user:u", "doc:1#viewer@user:v",
          "doc:1#banned@group:1#left");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:1#view@user:v", "allow");
    EXPECT_SUBJECTS("doc:1#view", "user", "v");
    AGREED();
}

/* A spent deadline or a cancelled question leaves nothing behind that answers the next one. */
Test(scenarios_cycles, an_interrupted_question_is_answered_rightly_afterwards)
{
    struct check check = {.resource = {.type = SLICE_LITERAL("group"), .id = SLICE_LITERAL("0")},
                          .permission = SLICE_LITERAL("member"),
                          .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")}};

    GIVEN("definition user {} definition group { relation member: user | group#member }",
          "group:3000#member@user:u");
    for (unsigned i = 0; i < 3000; i += 100) {
        char text[96];

        for (unsigned k = i; k < i + 100; k++) {
            snprintf(text, sizeof text, "group:%u#member@group:%u#member", k, k + 1);
            cr_assert_eq(harness_touch(&scenario, text), BEHALF_OK);
        }
    }
    for (int side = 0; side < 2; side++) {
        for (int step = 0; step < 60; step++) {
            struct engine_request request = harness_request(&scenario.sides[side], NULL);
            atomic_bool cancelled = step % 2 == 0;
            struct check_result result = {.decision = DECISION_DENY};
            struct error error;
            enum status status;

            request.cancelled = &cancelled;
            request.deadline_ns = env_monotonic_ns(env_system()) + (int64_t)step * 20000;
            status = engine_check(scenario.sides[side].worker, &request, &check, &result, &error);
            cr_expect(status != BEHALF_OK || result.decision == DECISION_ALLOW,
                      "an interrupted check is a deny");
        }
    }
    EXPECT("group:0#member@user:u", "allow");
    EXPECT("group:0#member@user:v", "deny");
    AGREED();
}

Test(scenarios_cycles, permissions_without_entry_have_the_least_fixpoint)
{
    GIVEN(
        "definition user {} definition doc { relation base: user permission aaa = base & bbb & ccc "
        "permission bbb = base & aaa & ccc permission ccc = base & aaa & bbb permission xxx = base "
        "& yyy permission yyy = base & zzz permission zzz = base + xxx }",
        "doc:1#base@user:u");
    EXPECT("doc:1#aaa@user:u", "deny");
    EXPECT("doc:1#xxx@user:u", "allow");
    EXPECT("doc:1#yyy@user:u", "allow");
    EXPECT("doc:1#zzz@user:u", "allow");
    EXPECT("doc:1#xxx@user:v", "deny");
    EXPECT_RESOURCES("doc#xxx@user:u", "1");
    EXPECT_SUBJECTS("doc:1#aaa", "user", "");
    AGREED();
}

Test(scenarios_cycles, negation_on_one_object_is_refused_and_through_data_is_exact)
{
    GIVEN(NULL, (const char *)NULL);
    cr_expect_eq(
        harness_schema(&scenario,
                       "definition user {} definition doc { relation base: user permission "
                       "xxx = base - yyy permission yyy = base - zzz permission zzz = base "
                       "+ xxx }"),
        BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_eq(
        harness_schema(&scenario,
                       "definition user {} definition pos { relation may: user relation "
                       "move: pos permission win = may & move->lose permission lose = may - "
                       "win }"),
        BEHALF_OK);
    for (unsigned i = 1; i <= 5; i++) {
        char text[64];

        snprintf(text, sizeof text, "pos:%u#may@user:u", i);
        cr_expect_eq(harness_touch(&scenario, text), BEHALF_OK);
    }
    harness_touch(&scenario, "pos:1#move@pos:2");
    harness_touch(&scenario, "pos:2#move@pos:1");
    harness_touch(&scenario, "pos:3#move@pos:4");
    harness_touch(&scenario, "pos:5#move@pos:1");
    harness_touch(&scenario, "pos:5#move@pos:4");
    EXPECT("pos:1#win@user:u", "CYCLE_THROUGH_EXCLUSION");
    EXPECT("pos:5#win@user:u", "allow");
    EXPECT("pos:3#win@user:u", "allow");
    EXPECT("pos:4#win@user:u", "deny");
    EXPECT("pos:4#lose@user:u", "allow");
    EXPECT("pos:1#win@user:v", "deny");
    EXPECT_RESOURCES("pos#win@user:u", "3 5 1? 2?");
    AGREED();
}

/* What a lint may say of each pair of permissions must not cost a walk of each pair of paths: that
 * would take hours. */
Test(scenarios_cycles, wide_permissions_are_validated_without_walking_all_paths, .timeout = 120)
{
    struct buffer text = {0};

    GIVEN(NULL, (const char *)NULL);
    buffer_init(&text);
    buffer_add_text(&text, "definition user {}\ndefinition doc {\nrelation base: user\n");
    for (int i = 0; i < 25; i++)
        buffer_add_format(&text, "permission perm%d = perm%d & perm%d & perm%d\n", i, (i + 1) % 25,
                          (i + 2) % 25, (i + 3) % 25);
    buffer_add_text(&text, "}\n");
    cr_expect_eq(harness_schema(&scenario, text.data), BEHALF_OK);
    buffer_release(&text);
    AGREED();
}

Test(scenarios_cycles, laws_of_sets)
{
    GIVEN("definition user {} definition group { relation member: user | group#member } definition "
          "doc { relation aaa: user | user:* | group#member relation bbb: user | user:* | "
          "group#member "
          "permission none = aaa - aaa permission also_none = (aaa + bbb) - (bbb + aaa) permission "
          "abb "
          "= aaa & bbb permission baa = bbb & aaa permission sum = aaa + bbb permission mus = bbb "
          "+ aaa "
          "permission nothing = aaa & nil permission same = aaa + nil }",
          "doc:1#aaa@user:*", "doc:1#aaa@group:g#member", "doc:1#bbb@user:u", "doc:1#bbb@user:v",
          "group:g#member@user:v", "group:g#member@group:h#member", "group:h#member@group:g#member",
          "doc:2#aaa@group:h#member", "doc:2#bbb@user:*");
    static const char *const users[] = {"u", "v", "w"};

    for (int doc = 1; doc <= 2; doc++) {
        for (size_t i = 0; i < 3; i++) {
            char question[64];
            const char *first;

            snprintf(question, sizeof question, "doc:%d#none@user:%s", doc, users[i]);
            EXPECT(question, "deny");
            snprintf(question, sizeof question, "doc:%d#also_none@user:%s", doc, users[i]);
            EXPECT(question, "deny");
            snprintf(question, sizeof question, "doc:%d#nothing@user:%s", doc, users[i]);
            EXPECT(question, "deny");
            snprintf(question, sizeof question, "doc:%d#abb@user:%s", doc, users[i]);
            first = harness_check(&scenario, question);
            snprintf(question, sizeof question, "doc:%d#baa@user:%s", doc, users[i]);
            EXPECT(question, first);
            snprintf(question, sizeof question, "doc:%d#sum@user:%s", doc, users[i]);
            first = harness_check(&scenario, question);
            snprintf(question, sizeof question, "doc:%d#mus@user:%s", doc, users[i]);
            EXPECT(question, first);
            snprintf(question, sizeof question, "doc:%d#aaa@user:%s", doc, users[i]);
            first = harness_check(&scenario, question);
            snprintf(question, sizeof question, "doc:%d#same@user:%s", doc, users[i]);
            EXPECT(question, first);
        }
    }
    EXPECT_SUBJECTS("doc:1#abb", "user", "u v");
    EXPECT_SUBJECTS("doc:1#baa", "user", "u v");
    EXPECT_SUBJECTS("doc:1#sum", "user", "*{} u v");
    EXPECT_SUBJECTS("doc:2#abb", "user", "v");
    EXPECT_SUBJECTS("doc:1#none", "user", "");
    AGREED();
}

Test(scenarios_cycles, what_has_nothing_to_do_with_it_changes_nothing)
{
    GIVEN(
        "definition user {} definition doc { relation aaa: user relation bbb: user permission view "
        "= aaa - bbb }",
        "doc:1#aaa@user:u");
    EXPECT("doc:1#view@user:u", "allow");
    harness_touch(&scenario, "doc:2#bbb@user:u");
    harness_touch(&scenario, "doc:1#bbb@user:w");
    EXPECT("doc:1#view@user:u", "allow");
    harness_touch(&scenario, "doc:1#bbb@user:u");
    EXPECT("doc:1#view@user:u", "deny");
    harness_delete(&scenario, "doc:1#bbb@user:u");
    EXPECT("doc:1#view@user:u", "allow");
    AGREED();
}
