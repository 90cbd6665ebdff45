/* test_schema_conditions.c - what is wrong with a caveat is said where it stands. */
#include "tests/unit/test_schema_support.h"

Test(schema_conditions, a_right_caveat_is_refused_only_because_it_is_not_evaluated_yet)
{
    expect_error(
        "caveat limit(count int, most map<list<string>>) {\n  count < most[\"a\"].size()\n}",
        "SCHEMA_TYPE_ERROR 1:8 [limit] caveat 'limit': this version of the server does "
        "not evaluate caveats yet");
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
