/* test_schema_format.c - the canonical text. More of it in the golden files. */
#include <criterion/criterion.h>

#include "schema/schema.h"

/* Prints as expected, and the print prints as itself. */
static void
expect_format(const char *text, const char *expected)
{
    struct buffer once;
    struct buffer twice;
    struct error error;

    buffer_init(&once);
    buffer_init(&twice);
    cr_assert_eq(schema_format(slice_of(text), &once, &error), BEHALF_OK, "%s", error.message);
    cr_expect_str_eq(once.data, expected);
    cr_assert_eq(schema_format(buffer_slice(&once), &twice, &error), BEHALF_OK, "%s",
                 error.message);
    cr_expect_str_eq(twice.data, once.data);
    buffer_release(&once);
    buffer_release(&twice);
}

Test(schema_format, nothing_is_nothing)
{
    expect_format("", "");
    expect_format("\n\n;;\n", "");
    expect_format("// only this", "// only this\n");
}

Test(schema_format, blanks_become_canonical)
{
    expect_format("use   self\nuse partial;definition  user{ }\ndefinition doc{relation a23:user|\n"
                  "user:*|doc # view;permission view=a23+(b23   +e23)->c23.any( d23 )+self}",
                  "use self\nuse partial\n\ndefinition user {}\n\n"
                  "definition doc {\n    relation a23: user | user:* | doc#view\n\n"
                  "    permission view = a23 + (b23 + e23)->c23.any(d23) + self\n}\n");
}

Test(schema_format, parentheses_around_operators_stay)
{
    expect_format(
        "definition doc { permission view = ((aaa) + (bbb)) & ccc - (ddd) - (eee - fff) }",
        "definition doc {\n"
        "    permission view = (aaa + bbb) & ccc - ddd - (eee - fff)\n}\n");
    expect_format(
        "definition doc { permission view = aaa->(bbb->(ccc + ddd)) + aaa.all((bbb)) }",
        "definition doc {\n    permission view = aaa->bbb->(ccc + ddd) + aaa.all(bbb)\n}\n");
}

Test(schema_format, ellipsis_relation_is_left_out)
{
    expect_format("definition doc { relation aaa: user#... }",
                  "definition doc {\n    relation aaa: user\n}\n");
}

Test(schema_format, traits_and_annotations_are_kept)
{
    expect_format(
        "use expiration\ndefinition doc { relation aaa: user with abc/cond and expiration "
        "| user with expiration | user with cond\npermission view:user|bot=aaa }",
        "use expiration\n\ndefinition doc {\n    relation aaa: user with abc/cond and "
        "expiration | user with expiration | user with cond\n\n"
        "    permission view: user | bot = aaa\n}\n");
}

Test(schema_format, body_of_a_caveat_is_kept_as_written)
{
    expect_format("caveat  cond( aaa int,bbb map < list<any> > ){\n\n  aaa ==  1 // one\n && bbb }",
                  "caveat cond(aaa int, bbb map<list<any>>) {\n    aaa ==  1 // one\n && bbb\n}\n");
}

Test(schema_format, comments_stay_with_their_statement)
{
    expect_format("// top\n\n/* of user */ definition user {} // people\n"
                  "definition doc { // first\nrelation aaa: user // direct\n\n// above\n"
                  "permission view = aaa + // inside\nbbb\n// last\n} // end\n// tail",
                  "// top\n/* of user */\ndefinition user {} // people\n\n"
                  "definition doc {\n    // first\n    relation aaa: user // direct\n\n"
                  "    // above\n    // inside\n    permission view = aaa + bbb\n\n"
                  "    // last\n} // end\n\n// tail\n");
}

Test(schema_format, line_comment_is_the_last_behind_a_statement)
{
    expect_format("definition user {} // one\n; // two\ndefinition doc {}",
                  "definition user {} // one\n\n// two\ndefinition doc {}\n");
}

Test(schema_format, stars_of_a_block_line_up)
{
    expect_format("definition doc {\n/**\n      * One.\n* Two.\n  drawn\n*/\nrelation aaa: user\n}",
                  "definition doc {\n    /**\n     * One.\n     * Two.\n  drawn\n     */\n"
                  "    relation aaa: user\n}\n");
}

Test(schema_format, partials_and_imports_are_printed)
{
    expect_format("use partial\nuse import\nimport 'a.zed'\npartial base { ...more }",
                  "use partial\nuse import\n\nimport 'a.zed'\n\npartial base {\n    ...more\n}\n");
}

Test(schema_format, text_that_does_not_parse_is_refused)
{
    struct buffer out;
    struct error error;

    buffer_init(&out);
    cr_expect_eq(schema_format(SLICE_LITERAL("definition"), &out, &error),
                 BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(out.size, 0);
    cr_expect_eq(error.column, 11);
    buffer_release(&out);
}
