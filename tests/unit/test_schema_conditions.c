/* test_schema_conditions.c - what is wrong with a caveat is said where it stands. */
#include "tests/unit/test_schema_support.h"

#include "schema/caveat.h"

Test(schema_conditions, caveats_are_numbered_in_their_order_and_found_by_name)
{
    struct schema *schema =
        schema_given("caveat one_more(count int) { count < 4 }\ndefinition user {}\n"
                     "// How many.\ncaveat abc/limit(count int) {\n  count < 5\n}");

    cr_assert_eq(schema->caveat_count, 2);
    cr_expect_eq(schema_find_caveat(schema, SLICE_LITERAL("one_more")), 0);
    cr_expect_eq(schema_find_caveat(schema, SLICE_LITERAL("abc/limit")), 1);
    cr_expect_eq(schema_find_caveat(schema, SLICE_LITERAL("limit")), SCHEMA_NONE);
    cr_expect_eq(schema_find_caveat(schema, SLICE_LITERAL("user")), SCHEMA_NONE);
    cr_expect(slice_equal(schema->caveats[1].name, SLICE_LITERAL("abc/limit")));
    cr_expect(slice_equal(schema->caveats[1].comment, SLICE_LITERAL("How many.")));
    schema_unref(schema);
}

Test(schema_conditions, one_name_has_one_number_in_all_caveats)
{
    struct schema *schema = schema_given("caveat one_more(most int, count int) { count < most }\n"
                                         "caveat another(zone string, count int, alpha bool) {\n"
                                         "  alpha && zone.size() == count\n}");

    cr_assert_eq(schema->context_name_count, 4);
    cr_expect(slice_equal(schema->context_names[0], SLICE_LITERAL("alpha")));
    cr_expect(slice_equal(schema->context_names[1], SLICE_LITERAL("count")));
    cr_expect(slice_equal(schema->context_names[2], SLICE_LITERAL("most")));
    cr_expect(slice_equal(schema->context_names[3], SLICE_LITERAL("zone")));
    cr_expect_eq(schema->caveats[0].first_context, 0);
    cr_expect_eq(schema->caveats[1].first_context, 2);
    cr_expect_eq(schema->context_indexes[0], 2);
    cr_expect_eq(schema->context_indexes[1], 1);
    cr_expect_eq(schema->context_indexes[2], 3);
    cr_expect_eq(schema->context_indexes[3], 1);
    cr_expect_eq(schema->context_indexes[4], 0);
    schema_unref(schema);
}

Test(schema_conditions, a_compiled_caveat_lives_as_long_as_its_schema)
{
    struct schema *schema = schema_given("caveat limit(counts map<list<int>>, most int) {\n"
                                         "  counts[\"a\"].exists(one, one < most)\n}");
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    const struct datum *context = NULL;
    struct arena arena;
    struct error error;

    arena_init(&arena, 1 << 20);
    cr_assert_eq(datum_parse_json(SLICE_LITERAL("{\"counts\":{\"a\":[9,3]},\"most\":4}"), &arena,
                                  &context, &error),
                 BEHALF_OK);
    cr_assert_eq(caveat_evaluate(schema->caveats[0].compiled, (struct slice){NULL, 0},
                                 &(struct caveat_inputs){.context = context}, CAVEAT_STEPS_MAX,
                                 &arena, &result, &error),
                 BEHALF_OK, "%s", error.message);
    cr_expect_eq(result.outcome, CAVEAT_TRUE);
    arena_release(&arena);
    schema_unref(schema);
}

Test(schema_conditions, a_caveat_and_a_definition_cannot_share_a_name)
{
    expect_error("caveat limit(count int) { count < 4 }\ndefinition limit {}",
                 "SCHEMA_TYPE_ERROR 2:12 [limit] the name 'limit' is already that of the caveat in "
                 "line 1");
    expect_error("caveat limit(count int) { count < 4 }\ncaveat limit(count int) { count < 5 }",
                 "SCHEMA_TYPE_ERROR 2:8 [limit] the name 'limit' is already that of the caveat in "
                 "line 1");
    expect_error("use partial\ncaveat limit(count int) { count < 4 }\npartial limit {}",
                 "SCHEMA_TYPE_ERROR 3:9 [limit] the name 'limit' is already that of the caveat in "
                 "line 2");
    expect_error("use partial\ncaveat limit(count int) { count < 4 }\n"
                 "definition doc {\n ...limit\n}",
                 "SCHEMA_TYPE_ERROR 4:5 [limit] 'limit' is a caveat, not a partial, and cannot be "
                 "spliced in");
}

Test(schema_conditions, a_wrong_expression_is_found_at_its_place)
{
    expect_error("definition user {}\ncaveat limit(count int) {\n  count + 1\n}",
                 "SCHEMA_TYPE_ERROR 3:3 [count + 1] expected bool: a caveat says yes or no, found "
                 "int");
}

Test(schema_conditions, places_are_right_whatever_ends_a_line)
{
    expect_error("caveat limit(\r\ncount int) {\r\n  count +\r\n  1\r\n}",
                 "SCHEMA_TYPE_ERROR 3:3 [count +\r\n  1] expected bool: a caveat says yes or no, "
                 "found int");
    expect_error("caveat limit(\rcount int) {\r  count + 1\r}",
                 "SCHEMA_TYPE_ERROR 3:3 [count + 1] expected bool: a caveat says yes or no, found "
                 "int");
}

Test(schema_conditions, an_unused_parameter_is_found)
{
    expect_error("caveat limit(count int, other int) { count < 4 }",
                 "SCHEMA_TYPE_ERROR 1:37 [other] parameter 'other' of caveat 'limit' is not used | "
                 "remove the parameter, or use it in the expression");
}

Test(schema_conditions, types_of_parameters_are_known_and_take_what_they_take)
{
    expect_error("caveat limit(count integer) { count < 4 }",
                 "SCHEMA_TYPE_ERROR 1:20 [integer] 'integer' is no type of a parameter | the types "
                 "are any, bool, string, int, uint, double, bytes, duration, timestamp, ipaddress, "
                 "list<T> and map<T>");
    expect_error("caveat limit(names list) { names.size() < 4 }",
                 "SCHEMA_TYPE_ERROR 1:20 [list] type 'list' takes one type in '<>'");
    expect_error("caveat limit(count int<int>) { count < 4 }",
                 "SCHEMA_TYPE_ERROR 1:20 [int] type 'int' takes no types in '<>'");
}

/* The text of the only caveat of a schema. */
static void
expect_text(const char *body, const char *expected)
{
    struct buffer text;
    struct schema *schema;

    buffer_init(&text);
    buffer_add_format(&text, "caveat cond(aaa string) {%s}\ndefinition user {}", body);
    schema = schema_given(text.data);
    cr_expect(slice_equal(caveat_text(schema->caveats[0].compiled), slice_of(expected)), "%s: %.*s",
              body, SLICE_PRINTF(caveat_text(schema->caveats[0].compiled)));
    cr_expect_eq(schema->type_count, 1, "%s", body);
    schema_unref(schema);
    buffer_release(&text);
}

Test(schema_conditions, strings_of_an_expression_hide_quotes_and_braces)
{
    static const char *const texts[] = {
        "aaa == \"\\\"\"",            /* "\"" */
        "aaa == '\\'' || aaa == '}'", /* '\'' */
        "aaa == \"}\\\"}\"",          /* "}\"}" */
        "aaa == \"\\\\\" || aaa == \"{\"",
        "aaa == r\"\\\" || aaa == \"}\"",
        "aaa == R'\\' || aaa == '}'",
        "bytes(aaa) == br'\\' || aaa == '}'",
        "bytes(aaa) == b'\\'}'",
        "aaa == \"\"\"a\\\"\"\"}\"\"\"", /* """a\"""}""" */
        "aaa == r\"\"\"a\\\"\"\" || aaa == '}'",
        "aaa == '''}\n'\\''''",
        "aaa in ['//', \"/*\"] // it's \"",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++) {
        struct buffer body;

        buffer_init(&body);
        buffer_add_format(&body, "\n  %s\n", texts[index]);
        expect_text(body.data, texts[index]);
        buffer_release(&body);
    }
}

Test(schema_conditions, strings_without_an_end_are_found)
{
    expect_error("caveat cond(aaa string) { aaa == \"\\\" }",
                 "SCHEMA_PARSE_ERROR 1:34 [\"] the string has no end");
    expect_error("caveat cond(aaa string) { aaa == 'x\\\n' }",
                 "SCHEMA_PARSE_ERROR 1:34 ['] the string has no end");
    expect_error("caveat cond(aaa string) { aaa == bar'\\' }",
                 "SCHEMA_PARSE_ERROR 1:37 ['] the string has no end");
    expect_error("use import\nimport \"a\\\"\ndefinition user {}",
                 "SCHEMA_TYPE_ERROR 2:8 [\"a\\\"] imports are not resolved here | the command line "
                 "puts imported files into one text before it writes a schema");
}

/* The patterns of all caveats share one bound: each takes time to compile, and memory. */
Test(schema_conditions, patterns_that_are_too_large_together_are_refused_and_named)
{
    static const char pattern[] = "(a{0,30}b{0,30}){0,30}k";
    struct schema *schema = NULL;
    struct error error;
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "definition user {}\n");
    for (int count = 0; count < 60; count++)
        buffer_add_format(&text,
                          "caveat large_%d(s string) { s.matches('%s') || s.matches('x%s') }\n",
                          count, pattern, pattern);
    cr_assert_eq(schema_compile(buffer_slice(&text), &schema, &error), BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_not_null(strstr(error.message, "the patterns of the schema are too large"), "%s",
                       error.message);
    cr_expect_eq(error.text[0], '\'', "%s", error.text);
    cr_expect_gt(error.line, 1);
    /* A store that took it before must open all the same. */
    cr_assert_eq(schema_compile_stored(buffer_slice(&text), &schema, &error), BEHALF_OK, "%s",
                 error.message);
    schema_unref(schema);
    buffer_release(&text);
}

Test(schema_conditions, small_patterns_fit_by_the_hundred)
{
    struct schema *schema = NULL;
    struct error error;
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "definition user {}\n");
    for (int count = 0; count < 256; count++)
        buffer_add_format(&text, "caveat small_%d(s string) { s.matches('^name-[0-9]+$') }\n",
                          count);
    cr_assert_eq(schema_compile(buffer_slice(&text), &schema, &error), BEHALF_OK, "%s",
                 error.message);
    schema_unref(schema);
    buffer_add_text(&text, "caveat one_more(s string) { s.matches('a') }\n");
    cr_assert_eq(schema_compile(buffer_slice(&text), &schema, &error), BEHALF_SCHEMA_TYPE_ERROR);
    buffer_release(&text);
}
