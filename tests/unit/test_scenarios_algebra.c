/* test_scenarios_algebra.c - wildcards, operators, arrows and usersets: what others answered
 * wrongly once. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>

Test(scenarios_algebra, a_wildcard_inside_an_intersection_that_is_excluded)
{
    GIVEN(
        "definition user {} definition res { relation viewer: user | user:* relation banned1: user "
        "| user:* relation banned2: user | user:* permission banned = banned1 & banned2 permission "
        "view = viewer - banned }",
        "res:1#viewer@user:*", "res:1#banned1@user:g", "res:1#banned2@user:g",
        "res:1#banned1@user:a");
    EXPECT("res:1#view@user:g", "deny");
    EXPECT("res:1#view@user:a", "allow");
    EXPECT("res:1#view@user:z", "allow");
    EXPECT_SUBJECTS("res:1#view", "user", "*{g}");
    EXPECT_RESOURCES("res#view@user:g", "");
    EXPECT_RESOURCES("res#view@user:a", "1");
    EXPECT_RESOURCES("res#view@user:z", "1");
    AGREED();
}

Test(scenarios_algebra, both_banned_by_wildcard_and_by_name)
{
    GIVEN(
        "definition user {} definition res { relation viewer: user | user:* relation banned1: user "
        "| user:* relation banned2: user | user:* permission banned = banned1 & banned2 permission "
        "view = viewer - banned }",
        "res:1#viewer@user:*", "res:1#banned1@user:*", "res:1#banned2@user:g");
    EXPECT("res:1#view@user:g", "deny");
    EXPECT("res:1#view@user:z", "allow");
    EXPECT_SUBJECTS("res:1#view", "user", "*{g}");
    EXPECT_SUBJECTS("res:1#banned", "user", "g");
    AGREED();
}

Test(scenarios_algebra, a_wildcard_right_of_an_exclusion_denies_everybody)
{
    GIVEN("definition user {} definition res { relation viewer: user | user:* relation banned: "
          "user:* permission view = viewer - banned }",
          "res:1#viewer@user:g", "res:1#banned@user:*", "res:2#viewer@user:*",
          "res:2#viewer@user:g", "res:2#banned@user:*");
    EXPECT("res:1#view@user:g", "deny");
    EXPECT("res:1#view@user:z", "deny");
    EXPECT("res:2#view@user:g", "deny");
    EXPECT("res:2#view@user:z", "deny");
    EXPECT_SUBJECTS("res:1#view", "user", "");
    EXPECT_SUBJECTS("res:2#view", "user", "");
    EXPECT_RESOURCES("res#view@user:g", "");
    AGREED();
}

/* All orders of the operands; `active` once concrete, once a wildcard. */
Test(scenarios_algebra, a_banned_subject_stays_out_whatever_the_order_of_operands)
{
    static const char *const orders[] = {
        "(org - banned) & active & verified", "(org - banned) & verified & active",
        "active & (org - banned) & verified", "active & verified & (org - banned)",
        "verified & (org - banned) & active", "verified & active & (org - banned)"};
    char schema[512];

    for (size_t i = 0; i < 6; i++) {
        snprintf(schema, sizeof schema,
                 "definition user {} definition res { relation org: user:* relation banned: user "
                 "relation active: user | user:* relation verified: user:* permission two = (org - "
                 "banned) & active permission view = %s }",
                 orders[i]);
        GIVEN(schema, "res:1#org@user:*", "res:1#banned@user:eve", "res:1#active@user:alice",
              "res:1#active@user:eve", "res:1#verified@user:*", "res:2#org@user:*",
              "res:2#banned@user:eve", "res:2#active@user:*", "res:2#verified@user:*");
        EXPECT_SUBJECTS("res:1#two", "user", "alice");
        EXPECT_SUBJECTS("res:1#view", "user", "alice");
        EXPECT_SUBJECTS("res:2#two", "user", "*{eve}");
        EXPECT_SUBJECTS("res:2#view", "user", "*{eve}");
        EXPECT("res:1#view@user:eve", "deny");
        EXPECT("res:2#view@user:eve", "deny");
        EXPECT("res:2#view@user:bob", "allow");
        EXPECT("res:1#view@user:bob", "deny");
        AGREED();
    }
}

static void
one_good_parent(unsigned parents, unsigned good)
{
    char text[96];

    GIVEN("definition user {} definition folder { relation member: user relation banned: user "
          "permission view = member - banned } definition res { relation folder: folder permission "
          "view = folder->view }",
          (const char *)NULL);
    harness_touch_range(&scenario, "folder:", 0, parents, "#member@user:both");
    harness_touch_range(&scenario, "folder:", 0, parents, "#banned@user:both");
    harness_touch_range(&scenario, "folder:", 0, parents, "#member@user:out");
    harness_touch_range(&scenario, "folder:", 0, parents, "#banned@user:out");
    harness_touch_range(&scenario, "res:1#folder@folder:", 0, parents, "");
    snprintf(text, sizeof text, "folder:%u#banned@user:both", good);
    cr_expect_eq(harness_delete(&scenario, text), BEHALF_OK);
    EXPECT("res:1#view@user:both", "allow");
    EXPECT("res:1#view@user:out", "deny");
    EXPECT("res:1#view@user:other", "deny");
    EXPECT_RESOURCES("res#view@user:both", "1");
    EXPECT_RESOURCES("res#view@user:out", "");
    EXPECT_SUBJECTS("res:1#view", "user", "both");
    AGREED();
}

Test(scenarios_algebra, banned_by_one_parent_is_allowed_by_another)
{
    one_good_parent(1, 0);
    one_good_parent(2, 0);
    one_good_parent(2, 1);
}

Test(scenarios_algebra, banned_by_all_parents_but_one_of_many)
{
    one_good_parent(101, 0);
    /* around the end of a first batch of edges */
    one_good_parent(101, 15);
    one_good_parent(101, 16);
    one_good_parent(101, 17);
    one_good_parent(101, 100);
    one_good_parent(1025, 0);
    one_good_parent(1025, 1024);
}

/* The subject's own side is looked at again and again while a relation turns out to be wider, and
 * is never small enough: all of that together still costs a part of the walk. */
Test(scenarios_algebra, a_wide_relation_and_a_subject_with_more_memberships)
{
    enum { GROUPS = 10000, MEMBERSHIPS = 4 * GROUPS };

    GIVEN("definition user {} definition group { relation member: user } "
          "definition doc { relation viewer: group#member }",
          "group:last#member@user:both", "doc:1#viewer@group:last#member");
    harness_touch_range(&scenario, "doc:1#viewer@group:g", 0, GROUPS, "#member");
    harness_touch_range(&scenario, "group:other", 0, MEMBERSHIPS, "#member@user:both");
    harness_touch_range(&scenario, "group:other", 0, MEMBERSHIPS, "#member@user:out");
    EXPECT("doc:1#viewer@user:both", "allow");
    EXPECT("doc:1#viewer@user:out", "deny");
}

/* Where a relation allows conditions, its permissions are walked with values, else as mere
 * reachability: the two must agree. */
#define OPEN "caveat open(yes bool) { yes } "

static void
expect_arrows_to_usersets(void)
{
    EXPECT("doc:1#view@user:tom", "allow");
    EXPECT("doc:1#view@user:fred", "allow");
    EXPECT("doc:1#view@user:no", "deny");
    EXPECT_SUBJECTS("doc:1#view", "user", "fred tom");
    EXPECT_RESOURCES("doc#view@user:fred", "1");
    AGREED();
}

Test(scenarios_algebra, an_arrow_walks_to_objects_and_to_those_behind_usersets)
{
    GIVEN(
        "definition user {} definition folder { relation parent: folder relation viewer: user } "
        "definition doc { relation folder: folder#parent | folder permission view = folder->viewer "
        "}",
        "doc:1#folder@folder:1", "doc:1#folder@folder:2#parent", "folder:1#viewer@user:tom",
        "folder:2#viewer@user:fred", "folder:2#parent@folder:3", "folder:3#viewer@user:no");
    expect_arrows_to_usersets();
}

Test(scenarios_algebra, an_arrow_walks_to_usersets_where_conditions_are_allowed)
{
    GIVEN(OPEN "definition user {} definition folder { relation parent: folder relation viewer: "
               "user | user with open } definition doc { relation folder: folder#parent | folder "
               "permission view = folder->viewer }",
          "doc:1#folder@folder:1", "doc:1#folder@folder:2#parent", "folder:1#viewer@user:tom",
          "folder:2#viewer@user:fred", "folder:2#parent@folder:3", "folder:3#viewer@user:no");
    expect_arrows_to_usersets();
}

static void
expect_members_by_type(void)
{
    EXPECT("system:1#view@special_user:s", "allow");
    EXPECT("system:1#view@special_user:t", "allow");
    EXPECT("system:2#view@special_user:s", "allow");
    EXPECT("system:2#view@special_user:t", "deny");
    EXPECT_RESOURCES("system#view@special_user:s", "1 2");
    EXPECT_SUBJECTS("system:1#view", "special_user", "s t");
    EXPECT_SUBJECTS("system:1#view", "user", "u");
    AGREED();
}

Test(scenarios_algebra, a_relation_used_directly_and_as_base_of_an_arrow)
{
    GIVEN(
        "definition special_user {} definition user { relation special: special_user } definition "
        "group { relation member: user | special_user permission membership = member + "
        "member->special } definition system { relation viewer: user | group#membership permission "
        "view = viewer + viewer->special }",
        "user:u#special@special_user:s", "group:g#member@user:u",
        "system:1#viewer@group:g#membership", "system:2#viewer@user:u",
        "group:g#member@special_user:t");
    expect_members_by_type();
}

Test(scenarios_algebra, a_base_of_an_arrow_where_conditions_are_allowed)
{
    GIVEN(OPEN
          "definition special_user {} definition user { relation special: special_user | "
          "special_user with open } definition group { relation member: user | special_user "
          "permission special = member permission membership = member + member->special } "
          "definition system { relation viewer: group | user | group#membership permission view = "
          "viewer + viewer->special }",
          "user:u#special@special_user:s", "group:g#member@user:u",
          "system:1#viewer@group:g#membership", "system:2#viewer@user:u",
          "group:g#member@special_user:t");
    expect_members_by_type();
}

Test(scenarios_algebra, large_unions_give_each_resource_once_at_any_page_size)
{
    static const uint32_t limits[] = {104, 1023, 15101, 20000};

    GIVEN("definition user {} definition doc { relation viewer: user relation editor: user "
          "permission view = viewer + editor }",
          (const char *)NULL);
    harness_touch_range(&scenario, "doc:d", 0, 15100, "#viewer@user:u");
    harness_touch_range(&scenario, "doc:d", 0, 15100, "#editor@user:u");
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(harness_count_resources(&scenario, "doc#view@user:u", limits[i]), 15100);
    harness_engine_reopen(&scenario.sides[0], 1);
    cr_expect_eq(harness_count_resources(&scenario, "doc#view@user:u", 1023), 15100);
    AGREED();
}

Test(scenarios_algebra, two_usersets_of_one_type_are_told_apart)
{
    GIVEN("definition user {} definition thing { relation reader: user relation writer: user } "
          "definition list { relation shown: thing#reader | thing#writer }",
          "thing:1#reader@user:u", "thing:1#writer@user:u", "thing:1#writer@user:w",
          "list:1#shown@thing:1#reader");
    for (int i = 0; i < 50; i++)
        EXPECT_RESOURCES("list#shown@user:u", "1");
    EXPECT_RESOURCES("list#shown@user:w", "");
    EXPECT("list:1#shown@user:w", "deny");
    EXPECT("list:1#shown@thing:1#writer", "deny");
    EXPECT_RESOURCES("list#shown@thing:1#reader", "1");
    AGREED();
}

Test(scenarios_algebra, exclusion_between_two_arrows_over_usersets)
{
    GIVEN("definition user {} definition group { relation member: user | group#member } definition "
          "org { relation staff: user | group#member relation barred: user | group#member } "
          "definition "
          "doc { relation owner: org relation guard: org permission view = owner->staff - "
          "guard->barred }",
          "group:a#member@user:u", "group:b#member@group:a#member", "group:b#member@user:v",
          "org:1#staff@group:b#member", "org:2#barred@group:a#member", "doc:1#owner@org:1",
          "doc:1#guard@org:2", "doc:2#owner@org:1", "doc:2#guard@org:1");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:1#view@user:v", "allow");
    EXPECT("doc:2#view@user:u", "allow");
    EXPECT("doc:1#view@group:b#member", "allow");
    EXPECT("doc:1#view@group:a#member", "deny");
    EXPECT_SUBJECTS("doc:1#view", "user", "v");
    EXPECT_SUBJECTS("doc:2#view", "user", "u v");
    EXPECT_RESOURCES("doc#view@user:u", "2");
    EXPECT_RESOURCES("doc#view@user:v", "1 2");
    AGREED();
}

Test(scenarios_algebra, a_userset_is_not_matched_by_a_wildcard)
{
    struct object folder = {.type = SLICE_LITERAL("folder"), .id = SLICE_LITERAL("1")};
    struct object everybody = {.type = SLICE_LITERAL("group"), .wildcard = true};

    GIVEN("definition user {} definition group { relation member: user } definition folder { "
          "relation viewer: group | group:* | group#member }",
          "folder:1#viewer@group:*", "group:1#member@user:u");
    EXPECT("folder:1#viewer@group:1", "allow");
    EXPECT("folder:1#viewer@group:1#member", "deny");
    EXPECT("folder:1#viewer@user:u", "deny");
    EXPECT_SUBJECTS("folder:1#viewer", "group", "*{}");
    EXPECT_SUBJECTS("folder:1#viewer", "group#member", "");
    cr_expect_str_eq(harness_check_object(&scenario, &folder, "viewer", &everybody),
                     "WILDCARD_NOT_ALLOWED");
    AGREED();
}

Test(scenarios_algebra, a_userset_lets_in_its_own_members_only)
{
    GIVEN(
        "definition user {} definition role { relation assignee: user } definition res { relation "
        "can_access: user:* | role#assignee }",
        "res:1#can_access@role:superadmin#assignee", "role:superadmin#assignee@user:root");
    EXPECT("res:1#can_access@user:jdoe", "deny");
    EXPECT("res:1#can_access@user:root", "allow");
    cr_expect_eq(harness_touch(&scenario, "res:1#can_access@user:jdoe"),
                 BEHALF_INVALID_SUBJECT_TYPE);
    cr_expect_eq(harness_touch(&scenario, "res:1#can_access@role:superadmin"),
                 BEHALF_INVALID_SUBJECT_TYPE);
    EXPECT("res:1#can_access@user:jdoe", "deny");
    EXPECT_SUBJECTS("res:1#can_access", "user", "root");
    AGREED();
}

static void
expect_verified_alone(void)
{
    EXPECT("res:1#access@user:bob", "deny");
    EXPECT("res:1#access@user:ann", "allow");
    EXPECT("res:1#access@user:cyd", "allow");
    EXPECT_SUBJECTS("res:1#access", "user", "ann cyd");
    EXPECT_RESOURCES("res#access@user:bob", "");
    AGREED();
}

Test(scenarios_algebra, a_public_relation_does_not_open_its_verified_neighbour)
{
    GIVEN("definition user {} definition scope { relation verified: user | scope#verified relation "
          "public: user } definition res { relation access: scope#public | scope#verified }",
          "res:1#access@scope:A#verified", "scope:A#public@user:bob", "scope:A#verified@user:ann",
          "scope:A#verified@scope:B#verified", "scope:B#public@user:bob",
          "scope:B#verified@user:cyd");
    expect_verified_alone();
}

Test(scenarios_algebra, a_public_relation_opens_nothing_where_conditions_are_allowed)
{
    GIVEN(OPEN "definition user {} definition scope { relation verified: user | user with open | "
               "scope#verified relation public: user | user with open } definition res { relation "
               "access: scope#public | scope#verified }",
          "res:1#access@scope:A#verified", "scope:A#public@user:bob", "scope:A#verified@user:ann",
          "scope:A#verified@scope:B#verified", "scope:B#public@user:bob",
          "scope:B#verified@user:cyd");
    expect_verified_alone();
}

Test(scenarios_algebra, wildcard_and_concrete_on_neighbouring_objects)
{
    GIVEN("definition user {} definition obj { relation viewer: user | user:* }",
          "obj:1#viewer@user:*", "obj:1#viewer@user:a", "obj:2#viewer@user:a",
          "obj:3#viewer@user:b");
    EXPECT("obj:1#viewer@user:a", "allow");
    EXPECT("obj:1#viewer@user:b", "allow");
    EXPECT("obj:2#viewer@user:a", "allow");
    EXPECT("obj:2#viewer@user:b", "deny");
    EXPECT("obj:3#viewer@user:a", "deny");
    EXPECT_RESOURCES("obj#viewer@user:a", "1 2");
    EXPECT_RESOURCES("obj#viewer@user:b", "1 3");
    EXPECT_RESOURCES("obj#viewer@user:c", "1");
    EXPECT_SUBJECTS("obj:1#viewer", "user", "*{} a");
    AGREED();
}

Test(scenarios_algebra, an_actor_needs_the_rights_and_every_hop)
{
    GIVEN("definition user {} definition agent { relation acts_on_behalf_of: user | agent } "
          "definition doc { relation viewer: user }",
          "doc:1#viewer@user:ann", "doc:2#viewer@user:bob", "agent:x#acts_on_behalf_of@user:ann",
          "agent:x#acts_on_behalf_of@user:bob", "agent:y#acts_on_behalf_of@agent:x");
    cr_expect_str_eq(harness_check_as(&scenario, "doc:1#viewer@user:ann", "agent:x"), "allow");
    cr_expect_str_eq(harness_check_as(&scenario, "doc:2#viewer@user:ann", "agent:x"), "deny");
    cr_expect_str_eq(harness_check_as(&scenario, "doc:1#viewer@user:bob", "agent:x"), "deny");
    cr_expect_str_eq(harness_check_as(&scenario, "doc:1#viewer@user:ann", "agent:x agent:y"),
                     "allow");
    cr_expect_str_eq(harness_check_as(&scenario, "doc:1#viewer@user:ann", "agent:y"), "deny");
    cr_expect_str_eq(harness_check_as(&scenario, "doc:1#viewer@user:ann", "agent:x agent:z"),
                     "deny");
    AGREED();
}
