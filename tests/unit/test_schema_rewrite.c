/* test_schema_rewrite.c - expressions to rewrites, arrows and their rules. */
#include "tests/unit/test_schema_support.h"

#define RELATIONS                                                                                  \
    "relation parent: folder\nrelation other: folder | group\nrelation viewer: user\n"             \
    "relation banned: user\nrelation public: user:*\n"

static void
expect_reading(const char *expression, const char *expected)
{
    struct buffer body;
    struct schema *schema;

    buffer_init(&body);
    buffer_add_text(&body, RELATIONS "permission view = ");
    buffer_add_text(&body, expression);
    schema = doc_given(body.data);
    expect_rewrite(schema, "doc#view", expected);
    schema_unref(schema);
    buffer_release(&body);
}

static void
expect_refusal(const char *expression, const char *expected)
{
    struct buffer body;

    buffer_init(&body);
    buffer_add_text(&body, RELATIONS "permission view = ");
    buffer_add_text(&body, expression);
    expect_doc_error(body.data, expected);
    buffer_release(&body);
}

Test(schema_rewrite, relation_is_stored)
{
    struct schema *schema = doc_given(RELATIONS);

    expect_rewrite(schema, "doc#viewer", "[viewer]");
    schema_unref(schema);
}

Test(schema_rewrite, unions_and_intersections_are_flattened)
{
    expect_reading("viewer + (banned + (public + viewer))", "(+ viewer banned public viewer)");
    expect_reading("viewer & (banned & public)", "(& viewer banned public)");
    expect_reading("viewer + (banned & (public & viewer))", "(+ viewer (& banned public viewer))");
}

Test(schema_rewrite, nil_is_folded_where_the_meaning_stays)
{
    expect_reading("nil", "nil");
    expect_reading("viewer + nil", "viewer");
    expect_reading("nil + nil", "nil");
    expect_reading("viewer & nil", "nil");
    expect_reading("banned + (viewer & nil & public)", "banned");
    expect_reading("viewer - nil", "viewer");
    expect_reading("nil - viewer", "nil");
    expect_reading("(viewer & nil) - banned - public", "nil");
    expect_reading("viewer - (banned & nil) - public", "(- viewer public)");
}

Test(schema_rewrite, folded_parts_are_still_checked)
{
    expect_refusal("nil - vieuwer", "SCHEMA_TYPE_ERROR 6:25 [vieuwer] 'doc' has no relation or "
                                    "permission 'vieuwer' | did you mean 'viewer'?");
    expect_refusal("nil & vieuwer", "SCHEMA_TYPE_ERROR 6:25 [vieuwer] 'doc' has no relation or "
                                    "permission 'vieuwer' | did you mean 'viewer'?");
}

Test(schema_rewrite, arrow_has_a_hop_per_subject_type)
{
    expect_reading("parent->view", "parent->{folder#view}");
    expect_reading("other->view", "other->{group# folder#view}");
    expect_reading("other.any(member)", "other->{group#member folder#}");
    expect_reading("other.all(view)", "other=>{group# folder#view}");
    expect_reading("other->nothing", "other->{group# folder#}");
}

Test(schema_rewrite, nested_arrow_becomes_a_hidden_member)
{
    struct schema *schema = doc_given(RELATIONS "permission view = parent->parent->view\n"
                                                "permission more = other->parent.all(viewer)");

    expect_rewrite(schema, "doc#view", "parent->{folder#parent->view}");
    expect_rewrite(schema, "folder#parent->view", "parent->{folder#view}");
    expect_rewrite(schema, "doc#more",
                   "other->{group#parent.all(viewer) folder#parent.all(viewer)}");
    expect_rewrite(schema, "folder#parent.all(viewer)", "parent=>{folder#viewer}");
    expect_rewrite(schema, "group#parent.all(viewer)", "nil");
    cr_expect_eq(schema_find_member(schema, 2, SLICE_LITERAL("parent->view")), SCHEMA_NONE);
    schema_unref(schema);
}

Test(schema_rewrite, arrow_to_an_expression_becomes_a_hidden_member)
{
    struct schema *schema =
        doc_given(RELATIONS "permission view = other->(member + view - parent->viewer)");

    expect_rewrite(schema, "folder#member + view - parent->viewer",
                   "(- view parent->{folder#viewer})");
    expect_rewrite(schema, "group#member + view - parent->viewer", "member");
    schema_unref(schema);
}

Test(schema_rewrite, arrow_over_a_union_is_distributed)
{
    expect_reading("(parent + other)->view",
                   "(+ parent->{folder#view} other->{group# folder#view})");
    expect_reading("viewer + (parent + other)->view",
                   "(+ viewer parent->{folder#view} other->{group# folder#view})");
    expect_reading("viewer & (parent + other)->view",
                   "(& viewer (+ parent->{folder#view} other->{group# folder#view}))");
    expect_reading("(parent)->view", "parent->{folder#view}");
}

Test(schema_rewrite, unknown_names_are_refused)
{
    expect_refusal("vieuwer", "SCHEMA_TYPE_ERROR 6:19 [vieuwer] 'doc' has no relation or "
                              "permission 'vieuwer' | did you mean 'viewer'?");
    expect_refusal("parents->view", "SCHEMA_TYPE_ERROR 6:19 [parents] 'doc' has no relation or "
                                    "permission 'parents' | did you mean 'parent'?");
    expect_refusal("other->(view + vieuw)",
                   "SCHEMA_TYPE_ERROR 6:34 [vieuw] no type of subject on 'other' has a relation or "
                   "permission 'vieuw'");
    expect_refusal("other->parnt->view",
                   "SCHEMA_TYPE_ERROR 6:26 [parnt] no type of subject on 'other' has a relation or "
                   "permission 'parnt'");
}

/* Scenario R-30, the part of the schema. */
Test(schema_rewrite, arrow_does_not_walk_a_permission)
{
    expect_refusal("parent->viewer\npermission more = view->viewer",
                   "SCHEMA_TYPE_ERROR 7:19 [view] 'view' of 'doc' is a permission; an arrow walks "
                   "a relation");
    expect_refusal("parent->view->viewer",
                   "SCHEMA_TYPE_ERROR 6:27 [view] 'view' of 'folder' is a permission; an arrow "
                   "walks a relation");
}

Test(schema_rewrite, arrow_does_not_walk_a_wildcard)
{
    expect_error("definition user {}\ndefinition folder {\nrelation viewer: user\n}\n"
                 "definition doc {\nrelation parent: folder:*\npermission view = parent->viewer\n}",
                 "SCHEMA_TYPE_ERROR 7:19 [parent] relation 'parent' of 'doc' can hold a wildcard, "
                 "which an arrow cannot walk");
}

Test(schema_rewrite, arrow_does_not_walk_a_wildcard_behind_usersets)
{
    expect_error("definition user {}\ndefinition doc {\nrelation anyone: user:*\n"
                 "relation member: doc#anyone\npermission view = member->anyone\n}",
                 "SCHEMA_TYPE_ERROR 5:19 [member] relation 'member' of 'doc' can hold a wildcard, "
                 "which an arrow cannot walk");
}

Test(schema_rewrite, arrow_walks_the_objects_of_usersets)
{
    struct schema *schema =
        doc_given("relation team: group#member\npermission view = team->member");

    expect_rewrite(schema, "doc#view", "team->{group#member}");
    schema_unref(schema);
}

Test(schema_rewrite, self_is_the_resource_itself)
{
    struct schema *schema =
        schema_given("use self\ndefinition user {\nrelation friend: user\n"
                     "permission view = self + friend\npermission more = friend->(self)\n}");

    expect_rewrite(schema, "user#view", "(+ self friend)");
    expect_rewrite(schema, "user#more", "friend->{user#(self)}");
    expect_rewrite(schema, "user#(self)", "self");
    schema_unref(schema);
}

Test(schema_rewrite, shared_steps_do_not_multiply)
{
    struct buffer text;
    struct schema *schema;

    buffer_init(&text);
    buffer_add_text(&text, "definition doc {\nrelation aaa: doc\nrelation bbb: doc\n"
                           "permission view = ");
    for (int at = 0; at < 60; at++)
        buffer_add_text(&text, "(aaa + bbb)->");
    buffer_add_text(&text, "aaa\n}");
    schema = schema_given(text.data);
    cr_expect_eq(schema->member_count, 3 + 59);
    schema_unref(schema);
    buffer_release(&text);
}
