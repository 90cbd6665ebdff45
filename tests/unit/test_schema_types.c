/* test_schema_types.c - kinds of subjects and the rules about them. */
#include "tests/unit/test_schema_support.h"

Test(schema_types, variants_keep_their_order_and_kind)
{
    struct schema *schema = doc_given("relation aaa: user:* | user | group#member | group#...");
    const struct schema_member *member = &schema->members[member_of(schema, "doc#aaa")];
    const struct schema_variant *variants = &schema->variants[member->first_variant];

    cr_assert_eq(member->variant_count, 4);
    cr_expect(variants[0].wildcard && variants[0].relation == SCHEMA_NONE);
    cr_expect(!variants[1].wildcard && variants[1].relation == SCHEMA_NONE);
    cr_expect_eq(variants[2].relation, member_of(schema, "group#member"));
    cr_expect_eq(variants[3].relation, SCHEMA_NONE);
    cr_expect_eq(variants[3].type, schema_find_type(schema, SLICE_LITERAL("group")));
    cr_expect(member->has_usersets);
    cr_expect_eq(variants[0].caveat, SCHEMA_NONE);
    schema_unref(schema);
}

Test(schema_types, unknown_names_are_refused_with_the_nearest)
{
    expect_doc_error("relation aaa: usr",
                     "SCHEMA_TYPE_ERROR 1:15 [usr] there is no definition 'usr' | did you mean "
                     "'user'?");
    expect_doc_error("relation aaa: group#mebmer",
                     "SCHEMA_TYPE_ERROR 1:21 [mebmer] 'group' has no relation or permission "
                     "'mebmer' | did you mean 'member'?");
    expect_doc_error("relation aaa: team", "SCHEMA_TYPE_ERROR 1:15 [team] there is no definition "
                                           "'team'");
}

Test(schema_types, same_kind_twice_is_refused)
{
    expect_doc_error("relation aaa: user | user:* | user",
                     "SCHEMA_TYPE_ERROR 1:31 [user] relation 'aaa' allows this kind of subject "
                     "twice");
    expect_doc_error("relation aaa: user | user#...",
                     "SCHEMA_TYPE_ERROR 1:22 [user#...] relation 'aaa' allows this kind of subject "
                     "twice");
    expect_doc_error("relation aaa: group#member | group#member",
                     "SCHEMA_TYPE_ERROR 1:30 [group#member] relation 'aaa' allows this kind of "
                     "subject twice");
}

#define CONDITIONS                                                                                 \
    "use expiration\ncaveat cond(aaa int) { aaa == 1 }\n"                                          \
    "caveat office_hours(now timestamp) { now.getHours() < 17 }\ndefinition user {}\n"             \
    "definition group { relation member: user }\n"

static void
expect_variant(const struct schema *schema, const struct schema_variant *variant,
               const char *caveat, bool expiring, bool repeats)
{
    cr_expect_eq(variant->caveat, schema_find_caveat(schema, slice_of(caveat)));
    cr_expect_eq(variant->expiring, expiring);
    cr_expect_eq(variant->repeats, repeats);
}

Test(schema_types, conditions_are_part_of_a_kind)
{
    struct schema *schema = schema_given(
        CONDITIONS "definition doc {\nrelation aaa: user with cond | group#member | user | "
                   "user with expiration | user:* with office_hours | group with cond | "
                   "user with cond and expiration | group#member with cond\n}");
    const struct schema_member *member = &schema->members[member_of(schema, "doc#aaa")];
    const struct schema_variant *variants = &schema->variants[member->first_variant];

    cr_assert_eq(member->variant_count, 8);
    cr_expect(schema->has_expirations);
    expect_variant(schema, &variants[0], "cond", false, false);
    expect_variant(schema, &variants[1], "", false, false);
    expect_variant(schema, &variants[2], "", false, true);
    expect_variant(schema, &variants[3], "", true, true);
    expect_variant(schema, &variants[4], "office_hours", false, false);
    expect_variant(schema, &variants[5], "cond", false, false);
    expect_variant(schema, &variants[6], "cond", true, true);
    expect_variant(schema, &variants[7], "cond", false, true);
    schema_unref(schema);
}

Test(schema_types, expirations_are_known_only_where_there_are_any)
{
    struct schema *schema =
        schema_given(CONDITIONS "definition doc { relation aaa: user with cond }");

    cr_expect(!schema->has_expirations);
    schema_unref(schema);
}

Test(schema_types, same_kind_with_the_same_condition_twice_is_refused)
{
    expect_error(CONDITIONS "definition doc {\nrelation aaa: user with cond | user with cond\n}",
                 "SCHEMA_TYPE_ERROR 7:32 [user with cond] relation 'aaa' allows this kind of "
                 "subject twice");
    expect_error(CONDITIONS
                 "definition doc {\nrelation aaa: user with cond and expiration | user | "
                 "user with cond and expiration\n}",
                 "SCHEMA_TYPE_ERROR 7:54 [user with cond and expiration] relation 'aaa' allows "
                 "this kind of subject twice");
    expect_error(CONDITIONS "definition doc {\nrelation aaa: user with expiration | "
                            "user#... with expiration\n}",
                 "SCHEMA_TYPE_ERROR 7:38 [user#... with expiration] relation 'aaa' allows this "
                 "kind of subject twice");
}

Test(schema_types, unknown_conditions_are_refused)
{
    expect_error(CONDITIONS "definition doc {\nrelation aaa: user with ofice_hours\n}",
                 "SCHEMA_TYPE_ERROR 7:25 [ofice_hours] there is no caveat 'ofice_hours' | did you "
                 "mean 'office_hours'?");
    expect_error(CONDITIONS "definition doc {\nrelation aaa: user with group\n}",
                 "SCHEMA_TYPE_ERROR 7:25 [group] there is no caveat 'group'");
    expect_doc_error("relation aaa: user with expiration",
                     "SCHEMA_TYPE_ERROR 1:25 [expiration] there is no caveat 'expiration' | "
                     "'expiration' is a keyword only behind a line 'use expiration' at the top");
}

Test(schema_types, wildcard_through_userset_of_another_definition_is_refused)
{
    expect_error("definition user {}\ndefinition group {\nrelation member: user:*\n}\n"
                 "definition team {\nrelation member: user\n}\n"
                 "definition doc {\nrelation okay: team#member\nrelation viewer: group#member\n}",
                 "SCHEMA_TYPE_ERROR 10:18 [group#member] relation 'viewer' cannot allow "
                 "'group#member', which can hold a wildcard | allow the wildcard on 'viewer' "
                 "itself, as type:*");
}

Test(schema_types, wildcard_through_several_usersets_is_refused)
{
    expect_error("definition user {}\ndefinition group {\nrelation everyone: user:*\n"
                 "relation member: group#everyone\n}\ndefinition doc {\n"
                 "relation viewer: group#member\n}",
                 "SCHEMA_TYPE_ERROR 7:18 [group#member] relation 'viewer' cannot allow "
                 "'group#member', which can hold a wildcard | allow the wildcard on 'viewer' "
                 "itself, as type:*");
}

Test(schema_types, wildcard_through_userset_of_the_same_definition_is_accepted)
{
    schema_unref(schema_given("definition user {}\ndefinition group {\n"
                              "relation member: user:* | group#member\n}"));
}

Test(schema_types, wildcard_of_one_definition_says_nothing_about_another)
{
    /* Both relations are called `member`: what is known of one must not be said of the other. */
    schema_unref(schema_given("definition user {}\n"
                              "definition open { relation member: user:* }\n"
                              "definition team { relation member: user }\n"
                              "definition doc { relation viewer: team#member }"));
}
