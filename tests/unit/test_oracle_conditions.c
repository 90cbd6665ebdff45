/* test_oracle_conditions.c - the oracle with caveats and expirations, against answers worked out by
 * hand. */
#include <stdio.h>

#include "tests/unit/test_oracle_support.h"

TestSuite(oracle_conditions, .fini = oracle_release_all);

/* --- one tuple --- */

#define LIMIT "caveat limit(count int, cap int) { count < cap } definition user {} "

Test(oracle_conditions, stored_and_request_context_decide)
{
    oracle_given(LIMIT "definition doc { relation viewer: user with limit }",
                 "doc:1#viewer@user:ann[limit:{\"cap\":3}] doc:1#viewer@user:bob[limit] "
                 "doc:1#viewer@user:cyd[limit:{\"cap\":3,\"count\":1}]");
    EXPECT("doc:1#viewer@user:ann", "conditional on count");
    EXPECT("doc:1#viewer@user:bob", "conditional on cap, count");
    EXPECT("doc:1#viewer@user:cyd", "allow");
    EXPECT("doc:1#viewer@user:dan", "deny");
    oracle_asked_with("{\"count\":2}");
    EXPECT("doc:1#viewer@user:ann", "allow");
    EXPECT("doc:1#viewer@user:bob", "conditional on cap");
    oracle_asked_with("{\"count\":3}");
    EXPECT("doc:1#viewer@user:ann", "deny");
}

Test(oracle_conditions, stored_context_wins)
{
    oracle_given(LIMIT "definition doc { relation viewer: user with limit }",
                 "doc:1#viewer@user:ann[limit:{\"cap\":3,\"count\":1}]");
    oracle_asked_with("{\"cap\":0,\"count\":9,\"other\":1}");
    EXPECT("doc:1#viewer@user:ann", "allow");
}

Test(oracle_conditions, a_wrong_type_is_an_error_where_it_matters)
{
    oracle_given(LIMIT
                 "definition doc { relation viewer: user with limit | user relation bot: user "
                 "permission view = viewer + bot }",
                 "doc:1#viewer@user:ann[limit:{\"cap\":3}] doc:1#viewer@user:bob "
                 "doc:1#bot@user:cyd doc:1#viewer@user:cyd[limit:{\"cap\":3}]");
    oracle_asked_with("{\"count\":\"few\"}");
    EXPECT("doc:1#viewer@user:ann", "error: CAVEAT_PARAMETER_TYPE_ERROR");
    EXPECT("doc:1#viewer@user:bob", "allow");
    EXPECT("doc:1#view@user:cyd", "allow");
}

Test(oracle_conditions, expired_is_not_there)
{
    oracle_given(
        "use expiration " LIMIT
        "definition doc { relation viewer: user with expiration | user with limit and expiration "
        "}",
        "doc:1#viewer@user:ann[expiration:2027-05-01T00:00:00Z] "
        "doc:1#viewer@user:bob[limit:{\"cap\":3}][expiration:2027-05-01T00:00:00Z]");
    EXPECT("doc:1#viewer@user:ann", "allow");
    EXPECT("doc:1#viewer@user:bob", "conditional on count");
    oracle_asked_at("2027-04-30T23:59:59.999999999Z");
    EXPECT("doc:1#viewer@user:ann", "allow");
    EXPECT("doc:1#viewer@user:bob", "conditional on count");
    oracle_asked_at("2027-05-01T00:00:00Z");
    EXPECT("doc:1#viewer@user:ann", "deny");
    EXPECT("doc:1#viewer@user:bob", "deny");
}

Test(oracle_conditions, a_tuple_of_no_variant_is_not_seen)
{
    oracle_given("use expiration " LIMIT
                 "definition group { relation member: user relation other: user } definition doc { "
                 "relation strict: user with limit relation loose: user relation timed: user with "
                 "expiration relation set: group#member relation open: user permission view = "
                 "set->member permission each = set.all(member) }",
                 "doc:1#strict@user:ann doc:1#loose@user:ann[limit:{\"cap\":3,\"count\":1}] "
                 "doc:1#timed@user:ann doc:1#loose@user:bob[expiration:2099-01-01T00:00:00Z] "
                 "doc:1#set@group:g#other group:g#other@user:ann group:g#member@user:ann "
                 "doc:1#set@group:h doc:1#open@user:* doc:2#set@group:g#member doc:2#set@group:h");
    oracle_asked_with("{\"count\":1,\"cap\":9}");
    EXPECT("doc:1#strict@user:ann", "deny");
    EXPECT("doc:1#loose@user:ann", "deny");
    EXPECT("doc:1#loose@user:bob", "deny");
    EXPECT("doc:1#timed@user:ann", "deny");
    EXPECT("doc:1#set@user:ann", "deny");
    EXPECT("doc:1#set@group:g#other", "deny");
    EXPECT("doc:1#view@user:ann", "deny");
    EXPECT("doc:1#open@user:ann", "deny");
    EXPECT("doc:2#each@user:ann", "allow");
}

Test(oracle_conditions, a_wildcard_stands_for_all_under_its_condition)
{
    oracle_given(LIMIT
                 "definition doc { relation viewer: user:* with limit | user relation shut: user:* "
                 "with limit permission view = viewer - shut permission rest = viewer + shut }",
                 "doc:1#viewer@user:*[limit:{\"cap\":3}] doc:1#viewer@user:ann "
                 "doc:2#viewer@user:ann doc:2#shut@user:*[limit:{\"cap\":5}]");
    EXPECT("doc:1#viewer@user:bob", "conditional on count");
    EXPECT("doc:1#viewer@user:ann", "allow");
    EXPECT("doc:1#viewer@doc:1", "deny");
    EXPECT("doc:2#view@user:ann", "conditional on count");
    EXPECT("doc:2#view@user:bob", "deny");
    EXPECT_SUBJECTS("doc:1#viewer", "user", "open");
    oracle_asked_with("{\"count\":4}");
    EXPECT_SUBJECTS("doc:1#viewer", "user", "ann");
    EXPECT_SUBJECTS("doc:2#view", "user", "");
    EXPECT_SUBJECTS("doc:2#shut", "user", "*");
    oracle_asked_with("{\"count\":2}");
    EXPECT_SUBJECTS("doc:1#viewer", "user", "ann *");
    EXPECT_SUBJECTS("doc:2#rest", "user", "ann *");
}

/* --- the tables --- */

/* Relations of user:u that are worth: deny, an error, conditional on x (and on y), allow. */
#define VALUES                                                                                     \
    "caveat fails(m map<int>) { m[\"a\"] == 1 } caveat needs(x bool) { x } caveat wants(y bool) "  \
    "{ y } definition user {} definition doc { relation deny: user relation error: user with "     \
    "fails relation ifx: user with needs relation ify: user with wants relation allow: user "

#define VALUE_TUPLES                                                                               \
    "doc:1#error@user:u[fails:{\"m\":{}}] doc:1#ifx@user:u[needs] doc:1#ify@user:u[wants] "        \
    "doc:1#allow@user:u"

static const char *const operands[] = {"deny", "error", "ifx", "ify", "allow"};

#define DENY "deny"
#define FAIL "error: CAVEAT_EVALUATION_ERROR"
#define ON_X "conditional on x"
#define ON_Y "conditional on y"
#define BOTH "conditional on x, y"
#define ALLOW "allow"

/* What each pair of operands is worth joined by the operator, row by row. */
static void
expect_table(const char *operator, const char * const expected[5][5])
{
    char schema[1024];

    for (int left = 0; left < 5; left++) {
        for (int right = 0; right < 5; right++) {
            const char *found;

            snprintf(schema, sizeof schema, "%spermission view = %s %s %s }", VALUES,
                     operands[left], operator, operands[right]);
            oracle_given(schema, VALUE_TUPLES);
            found = oracle_says("doc:1#view@user:u");
            cr_expect_str_eq(found, expected[left][right], "%s %s %s: %s", operands[left], operator,
                             operands[right], found);
        }
    }
}

Test(oracle_conditions, union_table)
{
    static const char *const expected[5][5] = {
        {DENY, FAIL, ON_X, ON_Y, ALLOW},     {FAIL, FAIL, FAIL, FAIL, ALLOW},
        {ON_X, FAIL, ON_X, BOTH, ALLOW},     {ON_Y, FAIL, BOTH, ON_Y, ALLOW},
        {ALLOW, ALLOW, ALLOW, ALLOW, ALLOW},
    };

    expect_table("+", expected);
}

Test(oracle_conditions, intersection_table)
{
    static const char *const expected[5][5] = {
        {DENY, DENY, DENY, DENY, DENY},  {DENY, FAIL, FAIL, FAIL, FAIL},
        {DENY, FAIL, ON_X, BOTH, ON_X},  {DENY, FAIL, BOTH, ON_Y, ON_Y},
        {DENY, FAIL, ON_X, ON_Y, ALLOW},
    };

    expect_table("&", expected);
}

Test(oracle_conditions, exclusion_table)
{
    static const char *const expected[5][5] = {
        {DENY, DENY, DENY, DENY, DENY},  {FAIL, FAIL, FAIL, FAIL, DENY},
        {ON_X, FAIL, ON_X, BOTH, DENY},  {ON_Y, FAIL, BOTH, ON_Y, DENY},
        {ALLOW, FAIL, ON_X, ON_Y, DENY},
    };

    expect_table("-", expected);
}

Test(oracle_conditions, more_operands_are_joined_by_the_same_tables)
{
    oracle_given(VALUES
                 "permission one = ifx + error + allow permission two = ifx & error & deny "
                 "permission three = ifx + error + deny permission four = (allow - ifx) & (ify + "
                 "error) permission five = (deny & ifx) + ify permission six = (allow + ifx) & ify "
                 "permission seven = allow - (ifx & deny) - ify }",
                 VALUE_TUPLES);
    EXPECT("doc:1#one@user:u", ALLOW);
    EXPECT("doc:1#two@user:u", DENY);
    EXPECT("doc:1#three@user:u", FAIL);
    EXPECT("doc:1#four@user:u", FAIL);
    EXPECT("doc:1#five@user:u", ON_Y);
    EXPECT("doc:1#six@user:u", ON_Y);
    EXPECT("doc:1#seven@user:u", ON_Y);
}

/* A hop with a condition, to an object whose member is worth something: by `before` member
 * `after`, or by the userset when `before` is NULL. */
static void
expect_hops(const char *before, const char *after, const char *const expected[5][5])
{
    static const char *const conditions[] = {"[needs:{\"x\":false}]", "[fails:{\"m\":{}}]",
                                             "[needs]", "[wants]", ""};
    char schema[1024];
    char tuples[1024];

    for (int hop = 0; hop < 5; hop++) {
        for (int far = 0; far < 5; far++) {
            const char *member = operands[far];
            const char *found;

            snprintf(
                schema, sizeof schema,
                "%s} definition box { relation next: doc | doc with needs | doc with wants | "
                "doc with fails relation set: doc#%s | doc#%s with needs | doc#%s with wants | "
                "doc#%s with fails permission view = %s%s%s }",
                VALUES, member, member, member, member, before != NULL ? before : "set",
                before != NULL ? member : "", after);
            snprintf(tuples, sizeof tuples, "%s box:1#next@doc:1%s box:1#set@doc:1#%s%s",
                     VALUE_TUPLES, conditions[hop], member, conditions[hop]);
            oracle_given(schema, tuples);
            found = oracle_says("box:1#view@user:u");
            cr_expect_str_eq(found, expected[hop][far], "%s: hop %s to %s: %s",
                             before != NULL ? before : "userset", conditions[hop], member, found);
        }
    }
}

static const char *const hops[5][5] = {
    {DENY, DENY, DENY, DENY, DENY}, {DENY, FAIL, FAIL, FAIL, FAIL},  {DENY, FAIL, ON_X, BOTH, ON_X},
    {DENY, FAIL, BOTH, ON_Y, ON_Y}, {DENY, FAIL, ON_X, ON_Y, ALLOW},
};

Test(oracle_conditions, arrow_hop_table)
{
    expect_hops("next->", "", hops);
}

Test(oracle_conditions, any_hop_table)
{
    expect_hops("next.any(", ")", hops);
}

Test(oracle_conditions, all_hop_table)
{
    expect_hops("next.all(", ")", hops);
}

Test(oracle_conditions, userset_hop_table)
{
    expect_hops(NULL, "", hops);
}

/* --- arrows and .all over several tuples --- */

#define TEAMS                                                                                      \
    LIMIT "caveat day(on bool) { on } definition team { relation member: user | user with day } "  \
          "definition doc { relation team: team | team with limit permission any = team->member "  \
          "permission every = team.all(member) permission set = team.all(member) - team->member }"

Test(oracle_conditions, all_counts_every_tuple_and_its_condition)
{
    oracle_given(
        TEAMS,
        "team:x#member@user:u team:y#member@user:u[day] doc:one#team@team:x[limit:{\"cap\":3}] "
        "doc:two#team@team:x doc:two#team@team:z[limit:{\"cap\":3}] doc:three#team@team:x "
        "doc:three#team@team:y doc:four#team@team:x[limit:{\"cap\":3}] doc:four#team@team:y "
        "doc:five#team@team:y");
    EXPECT("doc:one#every@user:u", "conditional on count");
    EXPECT("doc:two#every@user:u", "deny");
    EXPECT("doc:two#any@user:u", "allow");
    EXPECT("doc:three#every@user:u", "conditional on on");
    EXPECT("doc:four#every@user:u", "conditional on count, on");
    EXPECT("doc:four#any@user:u", "conditional on count, on");
    EXPECT("doc:five#set@user:u", "conditional on on");
    EXPECT("doc:none#every@user:u", "deny");
    oracle_asked_with("{\"count\":3}");
    EXPECT("doc:one#every@user:u", "deny");
    EXPECT("doc:four#every@user:u", "deny");
    EXPECT("doc:four#any@user:u", "conditional on on");
    oracle_asked_with("{\"count\":1,\"on\":true}");
    EXPECT("doc:four#every@user:u", "allow");
}

Test(oracle_conditions, all_leaves_expired_tuples_out)
{
    oracle_given(
        "use expiration definition user {} definition team { relation member: user } definition "
        "doc { relation team: team | team with expiration permission every = team.all(member) }",
        "team:x#member@user:u doc:1#team@team:x "
        "doc:1#team@team:y[expiration:2027-05-01T00:00:00Z] "
        "doc:2#team@team:x[expiration:2027-05-01T00:00:00Z]");
    EXPECT("doc:1#every@user:u", "deny");
    EXPECT("doc:2#every@user:u", "allow");
    oracle_asked_at("2027-05-01T00:00:00Z");
    EXPECT("doc:1#every@user:u", "allow");
    EXPECT("doc:2#every@user:u", "deny");
}

Test(oracle_conditions, nested_arrows_carry_the_conditions_of_all_hops)
{
    oracle_given(
        LIMIT "caveat day(on bool) { on } definition folder { relation parent: folder with day "
              "relation viewer: user permission see = viewer } definition doc { relation folder: "
              "folder with limit permission view = folder->parent->see permission every = "
              "folder.all(parent)->see }",
        "folder:b#viewer@user:u folder:a#parent@folder:b[day] doc:1#folder@folder:a[limit] ");
    EXPECT("doc:1#view@user:u", "conditional on cap, count, on");
    EXPECT("doc:1#every@user:u", "conditional on cap, count, on");
    oracle_asked_with("{\"on\":false}");
    EXPECT("doc:1#view@user:u", "deny");
    oracle_asked_with("{\"on\":true,\"cap\":1,\"count\":0}");
    EXPECT("doc:1#view@user:u", "allow");
}

Test(oracle_conditions, identity_needs_no_condition)
{
    oracle_given(LIMIT "definition group { relation member: user | group#member with limit }",
                 "group:a#member@group:b#member[limit:{\"cap\":3}] group:b#member@user:u");
    EXPECT("group:b#member@group:b#member", "allow");
    EXPECT("group:a#member@group:b#member", "conditional on count");
    EXPECT("group:a#member@user:u", "conditional on count");
}

/* --- cycles --- */

Test(oracle_conditions, a_cycle_of_unions_names_all_that_is_missing)
{
    oracle_given(
        LIMIT "caveat day(on bool) { on } definition group { relation member: user with limit | "
              "user with day | group#member | group#member with day }",
        "group:a#member@group:b#member group:b#member@group:c#member[day] "
        "group:c#member@group:a#member group:c#member@user:u[limit:{\"cap\":3}] "
        "group:a#member@user:v[day] group:x#member@group:y#member group:y#member@group:x#member");
    EXPECT("group:c#member@user:u", "conditional on count, on");
    EXPECT("group:a#member@user:u", "conditional on count, on");
    EXPECT("group:b#member@user:v", "conditional on on");
    EXPECT("group:x#member@user:u", "deny");
    oracle_asked_with("{\"on\":false}");
    EXPECT("group:c#member@user:u", "conditional on count");
    EXPECT("group:a#member@user:u", "deny");
    oracle_asked_with("{\"on\":true,\"count\":1}");
    EXPECT("group:a#member@user:u", "allow");
}

Test(oracle_conditions, a_cycle_through_a_condition_proves_nothing)
{
    oracle_given(
        "caveat day(on bool) { on } definition user {} definition group { relation member: user "
        "| group#member with day relation peer: group with day permission near = member & "
        "peer->near }",
        "group:a#member@group:b#member[day] group:b#member@group:a#member[day] "
        "group:a#member@user:v group:b#member@user:v group:a#peer@group:b[day] "
        "group:b#peer@group:a[day]");
    EXPECT("group:a#member@user:u", "deny");
    EXPECT("group:a#near@user:v", "deny");
}

Test(oracle_conditions, an_error_in_a_cycle_of_unions_spreads)
{
    oracle_given(
        "caveat fails(m map<int>) { m[\"a\"] == 1 } caveat day(on bool) { on } definition user "
        "{} definition group { relation member: user | user with fails | group#member | "
        "group#member with day }",
        "group:a#member@group:b#member group:b#member@group:a#member[day] "
        "group:b#member@user:u[fails:{\"m\":{}}] group:a#member@user:v "
        "group:b#member@user:w[fails:{\"m\":{}}] group:a#member@user:w");
    EXPECT("group:a#member@user:u", FAIL);
    EXPECT("group:b#member@user:u", FAIL);
    EXPECT("group:b#member@user:v", "conditional on on");
    EXPECT("group:a#member@user:w", "allow");
    EXPECT("group:b#member@user:w", FAIL);
}

#define GAME                                                                                       \
    "caveat day(on bool) { on } definition user {} definition pos { relation may: user | user "    \
    "with day relation move: pos | pos with day permission win = may & move->lose permission "     \
    "lose = may - win }"

Test(oracle_conditions, an_open_cycle_through_exclusion_is_an_error)
{
    oracle_given(GAME, "pos:1#may@user:u pos:2#may@user:u pos:1#move@pos:2[day] pos:2#move@pos:1");
    EXPECT("pos:1#win@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("pos:2#lose@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    oracle_asked_with("{\"on\":false}");
    EXPECT("pos:1#win@user:u", "deny");
    EXPECT("pos:1#lose@user:u", "allow");
    EXPECT("pos:2#win@user:u", "allow");
    oracle_asked_with("{\"on\":true}");
    EXPECT("pos:1#win@user:u", "error: CYCLE_THROUGH_EXCLUSION");
}

Test(oracle_conditions, exclusion_without_a_cycle_is_conditional)
{
    oracle_given(GAME, "pos:1#may@user:u pos:2#may@user:u pos:3#may@user:u[day] pos:1#move@pos:2 "
                       "pos:2#move@pos:3");
    EXPECT("pos:3#win@user:u", "deny");
    EXPECT("pos:3#lose@user:u", "conditional on on");
    EXPECT("pos:2#win@user:u", "conditional on on");
    EXPECT("pos:2#lose@user:u", "conditional on on");
    EXPECT("pos:1#win@user:u", "conditional on on");
    oracle_asked_with("{\"on\":true}");
    EXPECT("pos:2#win@user:u", "allow");
    EXPECT("pos:1#win@user:u", "deny");
}

Test(oracle_conditions, what_leans_on_such_a_cycle_is_an_error_unless_decided)
{
    oracle_given(
        "caveat day(on bool) { on } definition user {} definition doc { relation may: user "
        "relation maybe: user with day relation next: doc permission odd = may - next->odd "
        "permission sum = odd + maybe permission cut = odd & maybe permission not = maybe - odd "
        "permission safe = odd + may permission none = odd & nil }",
        "doc:1#may@user:u doc:1#next@doc:1 doc:1#maybe@user:u[day]");
    EXPECT("doc:1#odd@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#sum@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#cut@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#not@user:u", "error: CYCLE_THROUGH_EXCLUSION");
    EXPECT("doc:1#safe@user:u", "allow");
    EXPECT("doc:1#none@user:u", "deny");
    oracle_asked_with("{\"on\":true}");
    EXPECT("doc:1#sum@user:u", "allow");
    oracle_asked_with("{\"on\":false}");
    EXPECT("doc:1#cut@user:u", "deny");
    EXPECT("doc:1#not@user:u", "deny");
}

Test(oracle_conditions, a_cycle_beside_an_exclusion_stays_conditional)
{
    /* The `-` stands outside of the cycle of `all`, and its right side leads to nothing open. */
    oracle_given(
        "caveat day(on bool) { on } definition user {} definition doc { relation may: user with "
        "day relation ban: user relation next: doc permission all = may + next->all permission "
        "view = all - ban permission two = may - (ban - next->two) }",
        "doc:1#may@user:u[day] doc:1#next@doc:2 doc:2#next@doc:1");
    EXPECT("doc:2#view@user:u", "conditional on on");
    EXPECT("doc:1#all@user:u", "conditional on on");
    EXPECT("doc:1#two@user:u", "conditional on on");
}

Test(oracle_conditions, errors_of_several_kinds_may_be_called_either)
{
    oracle_given(
        "caveat fails(m map<int>) { m[\"a\"] == 1 } caveat day(on bool) { on } definition user "
        "{} definition doc { relation may: user relation bad: user with fails relation typed: "
        "user with day relation next: doc permission odd = may - next->odd permission any = odd "
        "+ bad + typed }",
        "doc:1#may@user:u doc:1#next@doc:1 doc:1#bad@user:u[fails:{\"m\":{}}] "
        "doc:1#typed@user:u[day]");
    oracle_asked_with("{\"on\":7}");
    EXPECT("doc:1#any@user:u", "error: CYCLE_THROUGH_EXCLUSION or CAVEAT_EVALUATION_ERROR or "
                               "CAVEAT_PARAMETER_TYPE_ERROR");
    cr_expect(
        oracle_error_fits(oracle_value_of("doc:1#any@user:u"), BEHALF_CAVEAT_EVALUATION_ERROR));
    cr_expect_not(
        oracle_error_fits(oracle_value_of("doc:1#odd@user:u"), BEHALF_CAVEAT_EVALUATION_ERROR));
    cr_expect_not(oracle_error_fits(oracle_value_of("doc:1#may@user:u"), BEHALF_OK));
}

/* --- delegation --- */

Test(oracle_conditions, a_chain_is_an_intersection)
{
    struct oracle_value allow;
    struct oracle_value deny;
    struct oracle_value error;
    struct oracle_value on_x;
    struct oracle_value on_y;
    struct oracle_value both;

    oracle_given(VALUES "permission both = ifx & ify }", VALUE_TUPLES);
    allow = oracle_value_of("doc:1#allow@user:u");
    deny = oracle_value_of("doc:1#deny@user:u");
    error = oracle_value_of("doc:1#error@user:u");
    on_x = oracle_value_of("doc:1#ifx@user:u");
    on_y = oracle_value_of("doc:1#ify@user:u");
    both = oracle_value_of("doc:1#both@user:u");
    cr_expect(oracle_value_equal(oracle_both(on_x, on_y), both));
    cr_expect(oracle_value_equal(oracle_both(allow, on_y), on_y));
    cr_expect(oracle_value_equal(oracle_both(error, on_y), error));
    cr_expect(oracle_value_equal(oracle_both(on_x, error), error));
    cr_expect(oracle_value_equal(oracle_both(deny, error), deny));
    cr_expect(oracle_value_equal(oracle_both(on_x, deny), deny));
    cr_expect(oracle_value_equal(oracle_both(allow, allow), allow));
    cr_expect_not(oracle_value_equal(on_x, on_y));
}

/* --- scenarios --- */

Test(oracle_conditions, two_conditional_usersets_of_one_relation)
{
    oracle_given(
        LIMIT "definition role { relation member: user } definition database { relation writer: "
              "role#member with limit }",
        "database:l#writer@role:default#member[limit:{\"cap\":2}] "
        "database:l#writer@role:premium#member[limit:{\"cap\":4}] role:default#member@user:bob "
        "role:premium#member@user:bob");
    EXPECT("database:l#writer@user:bob", "conditional on count");
    oracle_asked_with("{\"count\":3}");
    EXPECT("database:l#writer@user:bob", "allow");
    oracle_asked_with("{\"count\":4}");
    EXPECT("database:l#writer@user:bob", "deny");
}

Test(oracle_conditions, conditions_on_several_branches_of_an_arrow)
{
    oracle_given(
        "caveat equals(actual string, required string) { actual == required } definition user "
        "{} definition office { relation parent: office relation manager: user permission read "
        "= manager + parent->read } definition group { relation parent: office permission read "
        "= parent->read } definition document { relation owner: group with equals permission "
        "read = owner->read permission every = owner.all(read) }",
        "office:head#manager@user:maria office:branch1#parent@office:head "
        "group:admins#parent@office:branch1 group:managers#parent@office:branch1 "
        "document:b#owner@group:admins[equals:{\"required\":\"admin\"}] "
        "document:b#owner@group:managers[equals:{\"required\":\"manager\"}]");
    EXPECT("document:b#read@user:maria", "conditional on actual");
    EXPECT("document:b#every@user:maria", "conditional on actual");
    oracle_asked_with("{\"actual\":\"admin\"}");
    EXPECT("document:b#read@user:maria", "allow");
    EXPECT("document:b#every@user:maria", "deny");
    oracle_asked_with("{\"actual\":\"manager\"}");
    EXPECT("document:b#read@user:maria", "allow");
    oracle_asked_with("{\"actual\":\"unknown\"}");
    EXPECT("document:b#read@user:maria", "deny");
}
