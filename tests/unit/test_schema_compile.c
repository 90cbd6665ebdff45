/* test_schema_compile.c - the compiled object: life, names, comments, limits. */
#include "tests/unit/test_schema_support.h"

#include <stdlib.h>
#include <time.h>

static bool
slice_is(struct slice text, const char *expected)
{
    return slice_equal(text, slice_of(expected));
}

Test(schema_compile, empty_text_is_a_schema)
{
    struct schema *schema = schema_given("");

    cr_expect_eq(schema->type_count, 0);
    cr_expect_eq(schema_find_type(schema, SLICE_LITERAL("user")), SCHEMA_NONE);
    schema_unref(schema);
}

Test(schema_compile, text_and_names_outlive_what_was_given)
{
    char text[] = "definition user {}";
    struct schema *schema = schema_given(text);

    memset(text, 'x', sizeof text - 1);
    cr_expect(slice_is(schema->text, "definition user {}"));
    cr_expect(slice_is(schema->types[0].name, "user"));
    cr_expect_eq(schema_find_type(schema, SLICE_LITERAL("user")), 0);
    schema_unref(schema);
}

Test(schema_compile, last_reference_frees)
{
    struct schema *schema = schema_given("definition user {}");
    struct schema *second = schema_ref(schema);

    cr_expect_eq(schema, second);
    schema_unref(schema);
    cr_expect(slice_is(second->types[0].name, "user"));
    schema_unref(second);
    schema_unref(NULL);
}

Test(schema_compile, types_and_members_keep_the_order_of_the_text)
{
    struct schema *schema =
        schema_given("definition zebra { relation yak: ant\nrelation bee: ant }\n"
                     "definition ant { relation cow: zebra }");

    cr_expect(slice_is(schema->types[0].name, "zebra"));
    cr_expect(slice_is(schema->types[1].name, "ant"));
    cr_expect(slice_is(schema->members[0].name, "yak"));
    cr_expect(slice_is(schema->members[1].name, "bee"));
    cr_expect(slice_is(schema->members[2].name, "cow"));
    cr_expect_eq(schema_find_member(schema, 1, SLICE_LITERAL("bee")), SCHEMA_NONE);
    schema_unref(schema);
}

Test(schema_compile, comments_are_documentation)
{
    struct schema *schema =
        schema_given("// One who acts.\ndefinition user {}\n\n/**\n * A thing\n * to read.\n */\n"
                     "definition doc {\n    // spicedb-ignore-warning: whatever\n"
                     "    /* Who reads. */\n    relation viewer: user // directly\n"
                     "    permission view = viewer\n}");

    cr_expect(slice_is(schema->types[0].comment, "One who acts."));
    cr_expect(slice_is(schema->types[1].comment, "A thing\nto read."));
    cr_expect(slice_is(schema->members[0].comment, "Who reads.\ndirectly"));
    cr_expect_eq(schema->members[1].comment.size, 0);
    schema_unref(schema);
}

Test(schema_compile, text_over_the_limit_is_refused)
{
    size_t size = SCHEMA_TEXT_SIZE_MAX + 1;
    char *text = malloc(size);
    struct schema *schema;

    cr_assert_not_null(text);
    memset(text, ' ', size);
    cr_expect_eq(schema_compile((struct slice){text, size}, &schema, NULL),
                 BEHALF_SCHEMA_PARSE_ERROR);
    cr_assert_eq(schema_compile((struct slice){text, size - 1}, &schema, NULL), BEHALF_OK);
    schema_unref(schema);
    free(text);
}

Test(schema_compile, definitions_over_the_limit_are_refused)
{
    struct buffer text;
    struct schema *schema;

    buffer_init(&text);
    for (int index = 0; index < SCHEMA_DEFINITIONS_MAX; index++)
        buffer_add_format(&text, "definition type%d {}\n", index);
    cr_assert_eq(schema_compile(buffer_slice(&text), &schema, NULL), BEHALF_OK);
    schema_unref(schema);
    buffer_add_text(&text, "definition more {}\n");
    cr_expect_eq(schema_compile(buffer_slice(&text), &schema, NULL), BEHALF_SCHEMA_TYPE_ERROR);
    buffer_release(&text);
}

Test(schema_compile, members_copied_from_partials_are_bounded)
{
    struct buffer text;
    struct schema *schema;
    struct error error;

    buffer_init(&text);
    buffer_add_text(&text, "use partial\ndefinition user {}\npartial base {\n");
    for (int index = 0; index < 1000; index++)
        buffer_add_format(&text, "relation rel%d: user\n", index);
    buffer_add_text(&text, "}\n");
    for (int index = 0; index < 101; index++)
        buffer_add_format(&text, "definition type%d { ...base }\n", index);
    cr_expect_eq(schema_compile(buffer_slice(&text), &schema, &error), BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_str_eq(error.message, "the schema has more than 65535 relations and permissions");
    buffer_release(&text);
}

/* Seconds of processor time; generous, as sanitizers run this too. */
static double
seconds_to_compile(const struct buffer *text)
{
    clock_t start = clock();
    struct schema *schema = NULL;
    struct error error;

    if (schema_compile(buffer_slice(text), &schema, &error) != BEHALF_OK)
        cr_expect_neq(error.line, 0);
    schema_unref(schema);
    return (double)(clock() - start) / CLOCKS_PER_SEC;
}

Test(schema_compile, thousand_types_take_no_time)
{
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "definition user {}\n");
    for (int index = 0; index < 1000; index++)
        buffer_add_format(&text,
                          "definition type%d {\n relation parent: type%d\n"
                          " relation viewer: user | type%d#view\n"
                          " permission view = viewer & parent->view - viewer\n}\n",
                          index, (index + 1) % 1000, index * 7 % 1000);
    cr_expect_lt(seconds_to_compile(&text), 1.0);
    buffer_release(&text);
}

Test(schema_compile, mutual_intersections_do_not_explode)
{
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "definition user {}\ndefinition doc {\n");
    for (int index = 0; index < 25; index++)
        buffer_add_format(&text,
                          "relation rel%d: user | doc#per%d\n"
                          "permission per%d = rel%d & per%d & per%d\n",
                          index, (index + 1) % 25, index, index, (index + 1) % 25,
                          (index + 2) % 25);
    buffer_add_text(&text, "}");
    cr_expect_lt(seconds_to_compile(&text), 0.5);
    buffer_release(&text);
}

Test(schema_compile, bombs_end_quickly)
{
    static const char *const pieces[] = {
        "(", "definition doc {", "aaa->", "/*", "\"", "caveat abc(", "list<",
        "{", "use self\n",       "// x\n"};
    struct buffer text;

    for (size_t index = 0; index < BEHALF_COUNT_OF(pieces); index++) {
        buffer_init(&text);
        buffer_add_text(&text, index == 6 ? "caveat abc(aaa "
                               : index == 0 || index == 2
                                   ? "definition user {}\ndefinition doc {\npermission ppp = "
                                   : "");
        while (text.size < 1 << 20)
            buffer_add_text(&text, pieces[index]);
        cr_expect_lt(seconds_to_compile(&text), 3.0, "%s", pieces[index]);
        buffer_release(&text);
    }
}
