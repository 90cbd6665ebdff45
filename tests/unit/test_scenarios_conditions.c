/* test_scenarios_conditions.c - conditions: what others answered wrongly once. */
#include "tests/unit/test_scenarios_support.h"

#include <stdio.h>

Test(scenarios_conditions, one_subject_through_two_conditional_usersets)
{
    GIVEN("caveat limited(limit int, count int) { count < limit } definition user {} definition "
          "role { relation member: user } definition database { relation writer: role#member with "
          "limited permission write = writer }",
          "database:l#writer@role:default#member[limited:{\"limit\":2}]",
          "database:l#writer@role:premium#member[limited:{\"limit\":4}]",
          "role:default#member@user:bob", "role:premium#member@user:bob",
          "role:default#member@user:ann");
    EXPECT("database:l#write@user:bob", "conditional on count");
    EXPECT("database:l#write@user:cyd", "deny");
    EXPECT_SUBJECTS("database:l#write", "user", "ann[...] bob[...]");
    harness_context(&scenario, "{\"count\":3}");
    EXPECT("database:l#write@user:bob", "allow");
    EXPECT("database:l#write@user:ann", "deny");
    EXPECT_RESOURCES("database#write@user:bob", "l");
    EXPECT_RESOURCES("database#write@user:ann", "");
    EXPECT_SUBJECTS("database:l#write", "user", "bob");
    harness_context(&scenario, "{\"count\":4}");
    EXPECT("database:l#write@user:bob", "deny");
    EXPECT_SUBJECTS("database:l#write", "user", "");
    /* what is stored wins over what is asked with */
    harness_context(&scenario, "{\"count\":3,\"limit\":1}");
    EXPECT("database:l#write@user:bob", "allow");
    harness_context(&scenario, "{\"count\":1,\"limit\":9}");
    EXPECT("database:l#write@user:ann", "allow");
    AGREED();
}

static void
given_offices(const char *arrow)
{
    char schema[768];

    snprintf(schema, sizeof schema,
             "caveat equals(required string, actual string) { required == actual } "
             "definition user {} "
             "definition office { relation manager: user relation parent: office "
             "permission read = manager + parent%s } "
             "definition group { relation parent: office permission read = parent%s } "
             "definition document { relation owner: group with equals permission read = owner%s }",
             arrow, arrow, arrow);
    GIVEN(schema, "office:head#manager@user:maria", "office:branch1#parent@office:head",
          "group:admins#parent@office:branch1", "group:managers#parent@office:head",
          "document:b#owner@group:admins[equals:{\"required\":\"admin\"}]",
          "document:b#owner@group:managers[equals:{\"required\":\"manager\"}]",
          "document:a#owner@group:admins[equals:{\"required\":\"admin\"}]");
}

Test(scenarios_conditions, arrows_of_several_branches_under_conditions)
{
    given_offices("->read");
    EXPECT("document:b#read@user:maria", "conditional on actual");
    EXPECT_RESOURCES("document#read@user:maria", "a[...] b[...]");
    harness_context(&scenario, "{\"actual\":\"admin\"}");
    EXPECT("document:b#read@user:maria", "allow");
    EXPECT("document:a#read@user:maria", "allow");
    EXPECT("document:b#read@user:otto", "deny");
    EXPECT_SUBJECTS("document:b#read", "user", "maria");
    harness_context(&scenario, "{\"actual\":\"manager\"}");
    EXPECT("document:b#read@user:maria", "allow");
    EXPECT("document:a#read@user:maria", "deny");
    EXPECT_RESOURCES("document#read@user:maria", "b");
    harness_context(&scenario, "{\"actual\":\"unknown\"}");
    EXPECT("document:b#read@user:maria", "deny");
    EXPECT_RESOURCES("document#read@user:maria", "");
    EXPECT_SUBJECTS("document:b#read", "user", "");
    AGREED();
}

/* No actual is both: all branches together hold for nobody, and one alone for its own value. */
Test(scenarios_conditions, arrows_of_all_branches_under_conditions)
{
    given_offices(".all(read)");
    EXPECT("document:b#read@user:maria", "conditional on actual");
    EXPECT("document:b#read@user:otto", "deny");
    harness_context(&scenario, "{\"actual\":\"admin\"}");
    EXPECT("document:b#read@user:maria", "deny");
    EXPECT("document:a#read@user:maria", "allow");
    EXPECT_RESOURCES("document#read@user:maria", "a");
    harness_context(&scenario, "{\"actual\":\"manager\"}");
    EXPECT("document:b#read@user:maria", "deny");
    EXPECT("document:a#read@user:maria", "deny");
    harness_context(&scenario, NULL);
    cr_expect_eq(harness_touch(&scenario,
                               "document:b#owner@group:managers[equals:{\"required\":\"admin\"}]"),
                 BEHALF_OK);
    EXPECT("document:b#read@user:maria", "conditional on actual");
    harness_context(&scenario, "{\"actual\":\"admin\"}");
    EXPECT("document:b#read@user:maria", "allow");
    EXPECT_SUBJECTS("document:b#read", "user", "maria");
    AGREED();
}

static size_t
count_of(const char *decision, uint32_t limit)
{
    struct lookup_resources lookup = {
        .resource_type = SLICE_LITERAL("document"),
        .permission = SLICE_LITERAL("view"),
        .subject = {.type = SLICE_LITERAL("user"), .id = SLICE_LITERAL("u")},
        .context = scenario.context,
        .limit = limit};
    struct engine_token cursor = {.text = ""};
    size_t count = 0;

    do {
        struct engine_request request = harness_request(&scenario.sides[0], NULL);
        struct lookup_resources_result result;
        struct error error;

        lookup.cursor = slice_of(cursor.text);
        cr_assert_eq(
            engine_lookup_resources(scenario.sides[0].worker, &request, &lookup, &result, &error),
            BEHALF_OK, "%s", error.message);
        cr_expect_eq(result.undecided_count, 0);
        for (size_t i = 0; i < result.resource_count; i++) {
            const struct missing_context *missing = &result.resources[i].missing;

            cr_expect_eq(result.resources[i].decision,
                         decision[0] == 'a' ? DECISION_ALLOW : DECISION_CONDITIONAL);
            cr_expect_eq(missing->count, decision[0] == 'a' ? 0 : 1);
            if (missing->count > 0)
                cr_expect(slice_equal(missing->names[0], SLICE_LITERAL("somevalue")));
        }
        count += result.resource_count;
        cursor = result.cursor;
    } while (cursor.text[0] != '\0');
    return count;
}

Test(scenarios_conditions, the_context_reaches_every_candidate_of_a_lookup, .timeout = 120)
{
    static const uint32_t limits[] = {100, 1023, 2450, 5000};

    GIVEN("caveat right_value(somevalue int) { somevalue == 42 } definition user {} definition "
          "container { relation access: user with right_value } definition document { relation "
          "viewer: user with right_value relation container: container permission view = viewer "
          "& container->access }",
          "container:c#access@user:u[right_value]");
    harness_touch_range(&scenario, "document:d", 0, 2450, "#viewer@user:u[right_value]");
    harness_touch_range(&scenario, "document:d", 0, 2450, "#container@container:c");
    for (size_t i = 0; i < 4; i++) {
        harness_context(&scenario, "{\"somevalue\":42}");
        cr_expect_eq(count_of("allow", limits[i]), 2450);
        harness_context(&scenario, NULL);
        cr_expect_eq(count_of("conditional", limits[i]), 2450);
        harness_context(&scenario, "{\"somevalue\":41}");
        cr_expect_eq(count_of("allow", limits[i]), 0);
        harness_context(&scenario, "{\"othervalue\":42}");
        cr_expect_eq(count_of("conditional", limits[i]), 2450);
    }
    harness_context(&scenario, NULL);
    EXPECT("document:d2449#view@user:u", "conditional on somevalue");
    harness_context(&scenario, "{\"somevalue\":42}");
    EXPECT("document:d2449#view@user:u", "allow");
    EXPECT("document:d2450#view@user:u", "deny");
    AGREED();
}

/* --- errors (the tables of operators are in test_eval_conditions.c) --- */

/* Elsewhere an error inside of what forbids let everybody in. */
Test(scenarios_conditions, an_error_in_a_branch_that_subtracts_is_an_error)
{
    GIVEN("caveat "
          "divides(divisor int) { 10 / divisor > 1 } definition user {} definition group { "
          "relation "
          "member: user | user with divides } definition doc { relation viewer: user relation "
          "banned: user | user with divides | group#member | group#member with divides relation "
          "org: group | group with divides permission view = viewer - banned permission inside = "
          "viewer - org->member permission every = viewer - org.all(member) permission deep = "
          "viewer - (viewer - banned) permission both = (viewer - banned) & viewer }",
          "doc:1#viewer@user:u", "doc:1#viewer@user:v", "doc:1#banned@user:u[divides]",
          "doc:2#viewer@user:u", "doc:2#banned@group:g#member", "group:g#member@user:u[divides]",
          "doc:3#viewer@user:u", "doc:3#banned@group:h#member[divides]", "group:h#member@user:u",
          "doc:4#viewer@user:u", "doc:4#org@group:g", "doc:5#viewer@user:u",
          "doc:5#org@group:h[divides]");
    harness_context(&scenario, "{\"divisor\":0}");
    EXPECT("doc:1#view@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:1#view@user:v", "allow");
    EXPECT("doc:1#deep@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:1#deep@user:v", "deny");
    EXPECT("doc:1#both@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:2#view@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:3#view@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:4#inside@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:4#every@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:5#inside@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT("doc:5#every@user:u", "CAVEAT_EVALUATION_ERROR");
    EXPECT_RESOURCES("doc#view@user:u", "4 5 1? 2? 3?");
    EXPECT_RESOURCES("doc#inside@user:u", "1 2 3 4? 5?");
    EXPECT_SUBJECTS("doc:1#view", "user", "CAVEAT_EVALUATION_ERROR");
    harness_context(&scenario, "{\"divisor\":\"none\"}");
    EXPECT("doc:1#view@user:u", "CAVEAT_PARAMETER_TYPE_ERROR");
    harness_context(&scenario, "{\"divisor\":2}");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:3#view@user:u", "deny");
    harness_context(&scenario, "{\"divisor\":100}");
    EXPECT("doc:1#view@user:u", "allow");
    EXPECT("doc:5#every@user:u", "allow");
    AGREED();
}

/* --- states made through the contract of the storage --- */

static void
put(const char *text)
{
    struct relationship relationship;
    struct error error;

    cr_assert_eq(relationship_parse(slice_of(text), &scenario.arena, &relationship, &error),
                 BEHALF_OK, "%s", text);
    for (int side = 0; side < 2; side++)
        harness_put(&scenario.sides[side], &relationship, 1);
    scenario.asked_count = 0;
}

Test(scenarios_conditions, an_unconditional_wildcard_where_only_a_conditional_one_is_allowed)
{
    GIVEN("caveat later(hour int) { hour > 8 } definition user {} definition group { relation "
          "member: user | user with later | user:* with later } definition doc { relation owner: "
          "group permission view = owner->member permission every = owner.all(member) }",
          "doc:1#owner@group:1", "group:1#member@user:ann", "group:2#member@user:*[later]");
    put("group:1#member@user:*");
    cr_expect_eq(harness_touch(&scenario, "group:1#member@user:*"), BEHALF_INVALID_SUBJECT_TYPE);
    EXPECT("group:1#member@user:u", "deny");
    EXPECT("group:1#member@user:ann", "allow");
    EXPECT("doc:1#view@user:u", "deny");
    EXPECT("doc:1#every@user:u", "deny");
    EXPECT("doc:1#view@user:ann", "allow");
    EXPECT_SUBJECTS("group:1#member", "user", "ann");
    EXPECT_SUBJECTS("doc:1#view", "user", "ann");
    EXPECT_RESOURCES("group#member@user:u", "2[...]");
    EXPECT_RESOURCES("doc#view@user:u", "");
    harness_context(&scenario, "{\"hour\":9}");
    EXPECT("group:1#member@user:u", "deny");
    EXPECT("group:2#member@user:u", "allow");
    EXPECT_RESOURCES("group#member@user:u", "2");
    put("group:1#member@user:*[later]");
    EXPECT("group:1#member@user:u", "allow");
    EXPECT("doc:1#view@user:u", "allow");
    put("group:1#member@user:ann[later]");
    harness_context(&scenario, "{\"hour\":7}");
    EXPECT("group:1#member@user:ann", "deny");
    EXPECT_SUBJECTS("group:1#member", "user", "");
    AGREED();
}

/* --- depth --- */

/* Elsewhere siblings shared one counter of depth, and the later ones starved. */
Test(scenarios_conditions, deep_siblings_do_not_starve_each_other)
{
    GIVEN("caveat given_one(one int) { one == 1 } caveat given_two(two int) { two == 2 } "
          "definition user {} definition group { relation member: user | user with given_one | "
          "group#member | group#member with given_two } definition doc { relation viewer: "
          "group#member relation near: group permission both = viewer & near->member permission "
          "every = near.all(member) }",
          "group:l0#member@user:u[given_one]", "group:r0#member@user:u");
    for (unsigned i = 1; i < 400; i++) {
        char text[96];

        snprintf(text, sizeof text, "group:l%u#member@group:l%u#member", i, i - 1);
        cr_assert_eq(harness_touch(&scenario, text), BEHALF_OK);
        snprintf(text, sizeof text, "group:r%u#member@group:r%u#member%s", i, i - 1,
                 i == 200 ? "[given_two]" : "");
        cr_assert_eq(harness_touch(&scenario, text), BEHALF_OK);
    }
    harness_touch(&scenario, "doc:1#viewer@group:l399#member");
    harness_touch(&scenario, "doc:1#viewer@group:r399#member");
    harness_touch(&scenario, "doc:1#near@group:l399");
    harness_touch(&scenario, "doc:1#near@group:r399");
    EXPECT("doc:1#viewer@user:u", "conditional on one, two");
    EXPECT("doc:1#both@user:u", "conditional on one, two");
    EXPECT("doc:1#every@user:u", "conditional on one, two");
    harness_context(&scenario, "{\"two\":2}");
    EXPECT("doc:1#viewer@user:u", "allow");
    EXPECT("doc:1#every@user:u", "conditional on one");
    harness_context(&scenario, "{\"one\":1}");
    EXPECT("doc:1#viewer@user:u", "allow");
    EXPECT("doc:1#every@user:u", "conditional on two");
    harness_context(&scenario, "{\"one\":0,\"two\":0}");
    EXPECT("doc:1#viewer@user:u", "deny");
    AGREED();
}

/* The relation has a condition, so that it is no plain one. */
Test(scenarios_conditions, a_userset_is_not_matched_by_a_wildcard_beside_a_condition)
{
    GIVEN("caveat if_open(open bool) { open } definition user {} definition group { relation "
          "member: user } definition folder { relation viewer: group | group:* | group#member | "
          "group with if_open }",
          "folder:1#viewer@group:*", "group:1#member@user:u");
    EXPECT("folder:1#viewer@group:1", "allow");
    EXPECT("folder:1#viewer@group:1#member", "deny");
    EXPECT("folder:1#viewer@user:u", "deny");
    EXPECT_SUBJECTS("folder:1#viewer", "group", "*{}");
    EXPECT_SUBJECTS("folder:1#viewer", "group#member", "");
    AGREED();
}
