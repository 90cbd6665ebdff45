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
    cr_assert_eq(
        caveat_evaluate(schema->caveats[0].compiled, NULL, context, &arena, &result, &error),
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
