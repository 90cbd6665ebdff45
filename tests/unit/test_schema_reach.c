/* test_schema_reach.c - entries, the rows of schema_reaches, annotations of permissions. */
#include "tests/unit/test_schema_support.h"

Test(schema_reach, entries_of_a_type_are_the_relations_that_name_it)
{
    struct schema *schema = doc_given("relation viewer: user | user:* | group#member\n"
                                      "relation team: group");

    expect_entries(schema, "user",
                   "stored group#member\nstored folder#viewer\n"
                   "stored doc#viewer\nstored doc#viewer *\n");
    expect_entries(schema, "group", "stored doc#team\n");
    expect_entries(schema, "group#member",
                   "stored group#member\nstored folder#viewer\nstored doc#viewer\n");
    expect_entries(schema, "doc", "");
    schema_unref(schema);
}

Test(schema_reach, entries_are_certain_below_unions_only)
{
    struct schema *schema =
        doc_given("relation aaa: user\nrelation bbb: user\nrelation parent: folder\n"
                  "permission either = aaa + (bbb + aaa)\npermission both = aaa & bbb\n"
                  "permission minus = aaa - bbb\npermission twice = aaa + (aaa & bbb)\n"
                  "permission upper = parent->view\npermission every = parent.all(view)");

    expect_entries(schema, "doc#aaa",
                   "computed doc#either\ncomputed doc#both ?\n"
                   "computed doc#minus ?\ncomputed doc#twice\n");
    expect_entries(schema, "doc#bbb",
                   "computed doc#either\ncomputed doc#both ?\ncomputed doc#twice ?\n");
    expect_entries(schema, "folder#view",
                   "arrow folder#view via parent\narrow doc#upper via parent\n"
                   "arrow doc#every via parent ?\n");
    schema_unref(schema);
}

Test(schema_reach, steps_over_conditions_are_as_certain_as_others)
{
    struct schema *schema = schema_given(
        "use expiration\ncaveat cond(aaa int) { aaa == 1 }\ndefinition user {}\n"
        "definition group { relation member: user with expiration }\n"
        "definition folder { relation viewer: user:* with cond | user }\n"
        "definition doc {\nrelation some: user | group#member with cond | user with cond | "
        "group#member\nrelation plain: user | group#member\n"
        "relation upper: folder | group with cond | group\n"
        "permission view = upper->viewer + upper->member\npermission all_of = some\n}");

    expect_entries(schema, "user",
                   "stored group#member\nstored folder#viewer\nstored folder#viewer *\n"
                   "stored doc#some\nstored doc#plain\n");
    expect_entries(schema, "group#member",
                   "stored doc#some\nstored doc#plain\narrow doc#view via upper\n");
    expect_entries(schema, "folder#viewer", "arrow doc#view via upper\n");
    expect_entries(schema, "doc#some", "computed doc#all_of\n");
    expect_reaches(schema, "doc#some", "user group# doc#");
    schema_unref(schema);
}

Test(schema_reach, self_begins_at_its_own_type)
{
    struct schema *schema = schema_given("use self\ndefinition user {\nrelation friend: user\n"
                                         "permission view = self + friend\n"
                                         "permission both = self & friend\n"
                                         "permission none = friend - self\n}");

    expect_entries(schema, "user", "stored user#friend\nself user#view\nself user#both ?\n");
    expect_reaches(schema, "user#none", "user user#");
    schema_unref(schema);
}

Test(schema_reach, hidden_members_are_steps_like_others)
{
    struct schema *schema = doc_given("relation parent: folder\n"
                                      "permission view = parent->parent->viewer");

    expect_entries(schema, "folder#parent->viewer", "arrow doc#view via parent\n");
    expect_entries(schema, "folder#viewer",
                   "computed folder#view\narrow folder#parent->viewer via parent\n");
    expect_reaches(schema, "folder#parent->viewer", "user group# folder#");
    schema_unref(schema);
}

Test(schema_reach, rows_name_plain_subjects_and_usersets)
{
    struct schema *schema = doc_given("relation viewer: user | group#member\nrelation team: group\n"
                                      "permission view = viewer\npermission none = nil");

    expect_reaches(schema, "doc#viewer", "user group# doc#");
    expect_reaches(schema, "doc#team", "group doc#");
    expect_reaches(schema, "doc#view", "user group# doc#");
    expect_reaches(schema, "doc#none", "doc#");
    expect_reaches(schema, "group#member", "user group#");
    expect_reaches(schema, "folder#view", "user group# folder#");
    schema_unref(schema);
}

Test(schema_reach, intersection_keeps_what_all_operands_have)
{
    struct schema *schema =
        doc_given("relation viewer: user | group#member\nrelation team: group | user\n"
                  "permission both = viewer & team\npermission minus = viewer - team\n"
                  "permission nested = (viewer & (team + (viewer & team))) + nil");

    expect_reaches(schema, "doc#both", "user doc#");
    expect_reaches(schema, "doc#minus", "user group# doc#");
    expect_reaches(schema, "doc#nested", "user doc#");
    schema_unref(schema);
}

Test(schema_reach, members_of_a_cycle_reach_what_any_of_them_does)
{
    struct schema *schema = schema_given("definition user {}\ndefinition bot {}\n"
                                         "definition one { relation aaa: user | two#bbb }\n"
                                         "definition two { relation bbb: bot | one#aaa }\n");

    expect_reaches(schema, "one#aaa", "user bot one# two#");
    expect_reaches(schema, "two#bbb", "user bot one# two#");
    schema_unref(schema);
}

Test(schema_reach, annotation_names_every_terminal_type)
{
    const char *schema = "use typechecking\ndefinition user {}\ndefinition bot {}\n"
                         "definition group { relation member: user | group#member }\n"
                         "definition doc {\nrelation viewer: group#member\nrelation banned: bot\n"
                         "permission view: user = viewer - banned\n}";

    expect_error(schema, "SCHEMA_TYPE_ERROR 8:12 [view] permission 'view' can reach subjects of "
                         "type 'bot', which its annotation does not name");
    /* Without the flag the annotation says nothing. */
    schema_unref(schema_given(schema + strlen("use typechecking\n")));
    schema_unref(schema_given("use typechecking\ndefinition user {}\n"
                              "definition doc { relation viewer: user:*\n"
                              "permission view: user = viewer }"));
    expect_error("use typechecking\ndefinition user {}\ndefinition doc { relation viewer: user\n"
                 "permission view: users = viewer }",
                 "SCHEMA_TYPE_ERROR 4:18 [users] there is no definition 'users' | did you mean "
                 "'user'?");
}
