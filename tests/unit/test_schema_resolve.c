/* test_schema_resolve.c - names of definitions and members, partials. */
#include "tests/unit/test_schema_support.h"

Test(schema_resolve, definitions_and_partials_share_one_space_of_names)
{
    expect_error("definition user {}\ndefinition user {}",
                 "SCHEMA_TYPE_ERROR 2:12 [user] the name 'user' is already that of the definition "
                 "in line 1");
    expect_error("use partial\npartial user {}\ndefinition user {}",
                 "SCHEMA_TYPE_ERROR 3:12 [user] the name 'user' is already that of the partial in "
                 "line 2");
    expect_error("definition user {}\ncaveat user(aaa int) { aaa == 1 }",
                 "SCHEMA_TYPE_ERROR 2:8 [user] the name 'user' is already that of the definition "
                 "in line 1");
}

Test(schema_resolve, member_names_are_unique_in_a_definition)
{
    expect_doc_error("relation aaa: user\npermission aaa = nil",
                     "SCHEMA_TYPE_ERROR 2:12 [aaa] 'doc' has a relation or permission 'aaa' "
                     "already, from line 9");
}

Test(schema_resolve, partials_are_spliced_in_their_place)
{
    struct schema *schema = schema_given("use partial\n"
                                         "definition doc {\nrelation first: user\n...base\n"
                                         "permission last = viewer + first\n}\n"
                                         "partial base {\n...inner\nrelation viewer: user\n}\n"
                                         "partial inner {\nrelation owner: user\n}\n"
                                         "definition user {}");

    cr_expect_eq(member_of(schema, "doc#first"), 0);
    cr_expect_eq(member_of(schema, "doc#owner"), 1);
    cr_expect_eq(member_of(schema, "doc#viewer"), 2);
    cr_expect_eq(member_of(schema, "doc#last"), 3);
    cr_expect_eq(schema->type_count, 2);
    schema_unref(schema);
}

Test(schema_resolve, one_partial_serves_several_definitions)
{
    struct schema *schema = schema_given("use partial\ndefinition user {}\n"
                                         "partial base { relation parent: one | two\n"
                                         "permission view = parent->(view + other) }\n"
                                         "definition one { ...base\nrelation other: user }\n"
                                         "definition two { ...base }\n");

    expect_rewrite(schema, "one#view", "parent->{one#view + other two#view + other}");
    expect_rewrite(schema, "two#view", "parent->{one#view + other two#view + other}");
    expect_rewrite(schema, "two#view + other", "view");
    schema_unref(schema);
}

Test(schema_resolve, unknown_partial_is_an_error)
{
    expect_error("use partial\ndefinition doc { ...base }",
                 "SCHEMA_TYPE_ERROR 2:21 [base] there is no partial 'base'");
    expect_error("use partial\ndefinition user {}\ndefinition doc { ...user }",
                 "SCHEMA_TYPE_ERROR 3:21 [user] 'user' is a definition, not a partial, and cannot "
                 "be spliced in");
    expect_error("definition doc { ...base }",
                 "SCHEMA_PARSE_ERROR 1:18 [...] '...' needs partials | write 'use partial' at the "
                 "top");
}

Test(schema_resolve, circle_of_partials_is_named)
{
    expect_error("use partial\npartial aaa { ...bbb }\npartial bbb { ...ccc }\n"
                 "partial ccc { ...bbb }",
                 "SCHEMA_TYPE_ERROR 4:18 [bbb] partials splice each other in a circle: bbb, ccc, "
                 "bbb");
}

Test(schema_resolve, splicing_a_partial_twice_repeats_its_members)
{
    expect_error("use partial\ndefinition user {}\npartial aaa { relation viewer: user }\n"
                 "partial bbb { ...aaa }\ndefinition doc { ...aaa\n...bbb }",
                 "SCHEMA_TYPE_ERROR 3:24 [viewer] 'doc' has a relation or permission 'viewer' "
                 "already, from line 3");
    schema_unref(schema_given("use partial\npartial aaa {}\ndefinition doc { ...aaa\n...aaa }"));
}

Test(schema_resolve, imports_are_refused)
{
    expect_error("use import\nimport \"base.zed\"",
                 "SCHEMA_TYPE_ERROR 2:8 [\"base.zed\"] imports are not resolved here | the command "
                 "line puts imported files into one text before it writes a schema");
}
