/* test_schema_lint.c - warnings. More of them in the golden files. */
#include "tests/unit/test_schema_support.h"

#include "base/memory.h"

/* `expected` has "line name" per lint, each behind a blank. */
static void
expect_lints(const char *text, const char *expected)
{
    struct schema_lint *lints = NULL;
    size_t count = 0;
    struct error error;
    struct buffer found;

    cr_assert_eq(schema_lint(slice_of(text), &lints, &count, &error), BEHALF_OK, "%s",
                 error.message);
    buffer_init(&found);
    for (size_t index = 0; index < count; index++)
        buffer_add_format(&found, " %u %s", lints[index].line, lints[index].name);
    cr_expect_str_eq(found.data, expected);
    buffer_release(&found);
    memory_free(lints);
}

Test(schema_lint, clean_schema_has_no_lints)
{
    expect_lints("definition user {}\ndefinition doc {\nrelation owner: user\n"
                 "permission view = owner\n}",
                 "");
}

Test(schema_lint, name_that_ends_in_its_definition)
{
    expect_lints("definition user {}\ndefinition abc/doc {\nrelation owned_doc: user\n}",
                 " 3 relation-name-references-parent");
}

Test(schema_lint, permission_that_names_itself)
{
    expect_lints("definition user {}\ndefinition doc {\nrelation owner: user\n"
                 "permission view = owner + view\n}",
                 " 4 permission-references-itself");
}

Test(schema_lint, arrow_to_a_relation)
{
    expect_lints("definition user {}\ndefinition doc {\nrelation parent: doc\n"
                 "relation owner: user\npermission view = parent->owner\n}",
                 "");
    expect_lints("definition user {}\ndefinition folder {\nrelation owner: user\n}\n"
                 "definition doc {\nrelation parent: doc | folder\npermission view = "
                 "parent->owner\n}",
                 " 7 arrow-references-relation");
}

Test(schema_lint, arrow_to_nothing)
{
    expect_lints("definition user {}\ndefinition doc {\nrelation parent: user\n"
                 "permission view = parent->owner\n}",
                 " 4 arrow-references-unreachable-relation");
}

/* Scenario R-30: accepted, with a lint. */
Test(schema_lint, arrow_over_usersets)
{
    expect_lints("definition user {}\ndefinition folder {\nrelation member: user\n"
                 "permission view = member\n}\n"
                 "definition doc {\nrelation parent: folder#member\n"
                 "permission view = parent->view\n}",
                 " 8 arrow-walks-subject-relation");
}

Test(schema_lint, precedence_that_surprises)
{
    const char *text = "definition user {}\ndefinition doc {\nrelation aaa: user\n"
                       "relation bbb: user\npermission view = aaa + bbb & aaa - bbb\n"
                       "permission fine = (aaa + bbb) & aaa\npermission same = aaa - bbb - aaa\n}";
    struct schema_lint *lints = NULL;
    size_t count = 0;

    expect_lints(text, " 5 mixed-operators-without-parentheses");
    cr_assert_eq(schema_lint(slice_of(text), &lints, &count, NULL), BEHALF_OK);
    cr_expect_str_eq(lints[0].message, "'+' binds tighter than '&', and '&' tighter than '-': this "
                                       "reads as ((aaa + bbb) & aaa) - bbb");
    memory_free(lints);
}

Test(schema_lint, exclusion_that_data_can_close_to_a_cycle)
{
    expect_lints("definition user {}\ndefinition doc {\nrelation near: doc\nrelation owner: user\n"
                 "permission view = owner - near->view\n}",
                 " 5 cycle-through-exclusion-possible");
    expect_lints("definition user {}\ndefinition doc {\nrelation owner: user | doc#view\n"
                 "relation banned: user\npermission view = owner - banned\n}",
                 "");
}

/* Scenario R-32: accepted, with a lint. */
Test(schema_lint, cycle_on_the_same_object)
{
    expect_lints("definition user {}\ndefinition doc {\nrelation user1: user\n"
                 "permission xxx = user1 & yyy\npermission yyy = user1 & zzz\n"
                 "permission zzz = user1 + xxx\n}",
                 " 4 permission-cycle-on-same-object 5 permission-cycle-on-same-object 6 "
                 "permission-cycle-on-same-object");
}

Test(schema_lint, recursion_without_a_base)
{
    expect_lints("definition doc {\nrelation parent: doc\npermission view = parent->view\n}",
                 " 3 recursive-permission-without-base");
}

Test(schema_lint, wildcard_through_a_userset_of_the_same_definition)
{
    expect_lints("definition user {}\ndefinition group {\n"
                 "relation member: user:* | group#member\n}",
                 " 3 wildcard-reached-through-own-userset");
}

Test(schema_lint, comment_silences_one_name_on_one_member)
{
    expect_lints("definition folder {\nrelation owner: folder\n}\ndefinition doc {\n"
                 "relation parent: folder\n"
                 "// spicedb-ignore-warning: arrow-references-relation\n"
                 "permission view = parent->owner\n"
                 "permission edit = parent->owner // spicedb-ignore-warning: other\n"
                 "permission read = parent->owner // spicedb-ignore-warning: "
                 "arrow-references-relation\n}",
                 " 8 arrow-references-relation");
}

Test(schema_lint, place_in_a_partial_is_reported_once)
{
    expect_lints("use partial\ndefinition user {}\npartial base {\nrelation parent: one | two\n"
                 "relation owner: user\npermission view = parent->owner\n}\n"
                 "definition one { ...base }\ndefinition two { ...base }",
                 " 6 arrow-references-relation");
}

Test(schema_lint, text_that_does_not_compile_has_an_error)
{
    struct schema_lint *lints = NULL;
    size_t count = 0;
    struct error error;

    cr_expect_eq(
        schema_lint(SLICE_LITERAL("definition doc { relation aaa: user }"), &lints, &count, &error),
        BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_null(lints);
}
