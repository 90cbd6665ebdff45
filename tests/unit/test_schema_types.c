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

Test(schema_types, conditions_are_refused_for_now)
{
    expect_doc_error("relation aaa: user with cond",
                     "SCHEMA_TYPE_ERROR 1:25 [cond] there is no caveat 'cond' | this version of "
                     "the server does not evaluate caveats yet");
    expect_doc_error("relation aaa: user with expiration",
                     "SCHEMA_TYPE_ERROR 1:25 [expiration] there is no caveat 'expiration' | "
                     "'expiration' is a keyword only behind a line 'use expiration' at the top");
    expect_error("use expiration\ndefinition user {}\n"
                 "definition doc { relation aaa: user with expiration }",
                 "SCHEMA_TYPE_ERROR 3:32 [user with expiration] 'with expiration': this version of "
                 "the server does not evaluate expirations yet");
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
