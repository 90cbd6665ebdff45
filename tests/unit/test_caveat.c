/* test_caveat.c - conditions: places of errors, contexts, limits, and what is left of them. */
#include "tests/unit/test_caveat_support.h"

#include <stdio.h>

static struct arena arena;

static void
set_up(void)
{
    arena_init(&arena, CAVEAT_TEST_CAP);
}

static void
tear_down(void)
{
    arena_release(&arena);
}

TestSuite(caveat, .init = set_up, .fini = tear_down);

static const struct caveat *
compile(const char *parameters, const char *text)
{
    const struct caveat *caveat = NULL;
    struct error error;

    cr_assert_eq(caveat_test_compile(&arena, parameters, text, &caveat, &error), BEHALF_OK,
                 "%s: %s", text, error.message);
    return caveat;
}

static void
expect_error(const char *parameters, const char *text, enum status status, uint32_t line,
             uint32_t column, const char *offending, const char *hint)
{
    const struct caveat *caveat = NULL;
    struct error error = {.status = BEHALF_OK};

    cr_expect_eq(caveat_test_compile(&arena, parameters, text, &caveat, &error), status, "%s",
                 text);
    cr_expect_eq(error.line, line, "%s: line %u", text, error.line);
    cr_expect_eq(error.column, column, "%s: column %u", text, error.column);
    cr_expect_str_eq(error.text, offending, "%s: %s", text, error.text);
    cr_expect_str_eq(error.hint, hint, "%s: %s", text, error.hint);
}

static const struct slice nothing = {NULL, 0};

static struct slice
bytes_of(const char *json)
{
    return json == NULL ? nothing
                        : caveat_test_bytes(&arena, caveat_test_json(&arena, slice_of(json)));
}

static struct caveat_result
evaluate(const struct caveat *caveat, const char *stored, const char *request)
{
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    struct error error;

    cr_assert_eq(
        caveat_evaluate(
            caveat, bytes_of(stored),
            &(struct caveat_inputs){
                .context = request == NULL ? NULL : caveat_test_json(&arena, slice_of(request))},
            CAVEAT_STEPS_MAX, &arena, &result, &error),
        BEHALF_OK, "%s", error.message);
    return result;
}

Test(caveat, errors_have_a_place_a_text_and_a_hint)
{
    expect_error("count int", "coutn < 1", BEHALF_SCHEMA_TYPE_ERROR, 1, 1, "coutn",
                 "did you mean 'count'?");
    expect_error("count int", "count <\n   'a'", BEHALF_SCHEMA_TYPE_ERROR, 1, 1, "count <\n   'a'",
                 "it takes (bool, bool), (int, int), (uint, uint), (double, double), "
                 "(string, string), (bytes, bytes), (duration, duration), (timestamp, timestamp), "
                 "(int, uint), (int, double), (uint, int), (uint, double)");
    expect_error("s string", "s.startWith('a')", BEHALF_SCHEMA_TYPE_ERROR, 1, 3, "startWith",
                 "did you mean 'startsWith'?");
    expect_error("s string", "startsWith(s, 'a')", BEHALF_SCHEMA_TYPE_ERROR, 1, 1, "startsWith",
                 "write x.startsWith()");
    expect_error("x int, y double", "x > 0 &&\n  x == y", BEHALF_SCHEMA_TYPE_ERROR, 2, 3, "x == y",
                 "convert one side, with int(x), uint(x) or double(x)");
    expect_error("x any", "x", BEHALF_SCHEMA_TYPE_ERROR, 1, 1, "x", "compare it: ... == true");
    expect_error("a bool, b bool", "a && b ||\r\n )", BEHALF_SCHEMA_PARSE_ERROR, 2, 2, ")", "");
    expect_error("a bool", "a & a", BEHALF_SCHEMA_PARSE_ERROR, 1, 3, "&", "write '&&'");
    expect_error("a string", "a == 'x\\q'", BEHALF_SCHEMA_PARSE_ERROR, 1, 8, "\\q", "");
    expect_error("a string", "a.matches('(')", BEHALF_SCHEMA_TYPE_ERROR, 1, 11, "'('", "");
    expect_error("m map<int>", "m?.a == 1", BEHALF_SCHEMA_TYPE_ERROR, 1, 4, "a",
                 "an optional field is written a.?b");
    expect_error("a int, b int", "a == 1", BEHALF_SCHEMA_TYPE_ERROR, 1, 1, "b",
                 "remove the parameter, or use it in the expression");
}

Test(caveat, places_are_those_of_the_file)
{
    struct caveat_parameter parameter = {SLICE_LITERAL("a"), {CAVEAT_INT, NULL}};
    const struct caveat *caveat = NULL;
    struct error error;

    cr_expect_eq(caveat_compile(SLICE_LITERAL("c"), &parameter, 1, false, SLICE_LITERAL(" b == 1"),
                                7, 20, NULL, &arena, &caveat, &error),
                 BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_eq(error.line, 7);
    cr_expect_eq(error.column, 21);
    cr_expect_eq(caveat_compile(SLICE_LITERAL("c"), &parameter, 1, false,
                                SLICE_LITERAL("\n  b == 1"), 7, 20, NULL, &arena, &caveat, &error),
                 BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_eq(error.line, 8);
    cr_expect_eq(error.column, 3);
}

Test(caveat, stored_values_win)
{
    const struct caveat *caveat = compile("count int, limit int", "count < limit");

    cr_expect_eq(evaluate(caveat, "{\"limit\":4}", "{\"count\":3,\"limit\":0}").outcome,
                 CAVEAT_TRUE);
    cr_expect_eq(evaluate(caveat, "{\"limit\":2}", "{\"count\":3,\"limit\":9}").outcome,
                 CAVEAT_FALSE);
    cr_expect_eq(evaluate(caveat, "{\"limit\":2}", NULL).outcome, CAVEAT_UNKNOWN);
    cr_expect_eq(evaluate(caveat, "{\"limit\":2}", NULL).missing, 1);
    cr_expect_eq(evaluate(caveat, NULL, NULL).missing, 3);
    cr_expect_eq(evaluate(caveat, "{\"limit\":2}", "{\"count\":1,\"else\":{}}").outcome,
                 CAVEAT_TRUE);
}

Test(caveat, stored_bytes_that_are_damaged_are_no_answer)
{
    const struct caveat *caveat = compile("count int, names list<string>", "count in [1] || "
                                                                           "'x' in names");
    struct slice bytes = bytes_of("{\"count\":1,\"names\":[\"x\"],\"zone\":{\"a\":[1]}}");
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    struct error error;

    cr_expect_eq(caveat_evaluate(caveat, bytes, &(struct caveat_inputs){.context = NULL},
                                 CAVEAT_STEPS_MAX, &arena, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.outcome, CAVEAT_TRUE);
    for (size_t size = 1; size < bytes.size; size++)
        cr_expect_eq(caveat_evaluate(caveat, (struct slice){bytes.data, size},
                                     &(struct caveat_inputs){.context = NULL}, CAVEAT_STEPS_MAX,
                                     &arena, &result, &error),
                     BEHALF_STORAGE_CORRUPT, "%zu bytes", size);
}

Test(caveat, a_value_of_the_wrong_type_is_said_with_both_types)
{
    static const struct {
        const char *type, *json, *message, *hint;
    } cases[] = {
        {"list<int>", "[1,true]", "list<int>, found a list [1,true]",
         "an int is a whole number of 64 bits, or its decimal digits as a string"},
        {"uint", "-1", "uint, found an integer -1",
         "a uint is a whole number of 0 or more, or its decimal digits as a string"},
        {"bool", "\"true\"", "bool, found a string \"true\"", ""},
        {"timestamp", "0", "timestamp, found an integer 0",
         "a timestamp is a string like \"2027-01-31T09:30:00Z\" (RFC 3339)"},
        {"string", "null", "string, found null", ""},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(cases); index++) {
        struct caveat_result result;
        struct error error;
        char text[256];
        char json[64];

        (void)snprintf(text, sizeof text, "a %s", cases[index].type);
        (void)snprintf(json, sizeof json, "{\"a\":%s}", cases[index].json);
        cr_expect_eq(caveat_evaluate(compile(text, "dyn(a) == 1"), nothing,
                                     &(struct caveat_inputs){
                                         .context = caveat_test_json(&arena, slice_of(json))},
                                     CAVEAT_STEPS_MAX, &arena, &result, &error),
                     BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
        (void)snprintf(text, sizeof text, "parameter 'a' of caveat 'c' expects %s",
                       cases[index].message);
        cr_expect_str_eq(error.message, text);
        cr_expect_str_eq(error.hint, cases[index].hint);
    }
}

Test(caveat, a_wrong_type_is_found_where_it_cannot_matter)
{
    const struct caveat *caveat = compile("a bool, b int", "a || b > 1");
    struct caveat_result result;
    struct error error;

    cr_expect_eq(caveat_evaluate(
                     caveat, nothing,
                     &(struct caveat_inputs){.context = caveat_test_json(
                                                 &arena, SLICE_LITERAL("{\"a\":true,\"b\":[]}"))},
                     CAVEAT_STEPS_MAX, &arena, &result, &error),
                 BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
}

Test(caveat, only_what_can_matter_is_missing)
{
    const struct caveat *caveat = compile("a bool, b bool, c int, d int", "a && (b || c > d)");

    cr_expect_eq(evaluate(caveat, NULL, "{}").missing, 15);
    cr_expect_eq(evaluate(caveat, NULL, "{\"a\":true}").missing, 14);
    cr_expect_eq(evaluate(caveat, NULL, "{\"a\":true,\"b\":false,\"c\":1}").missing, 8);
    cr_expect_eq(evaluate(caveat, NULL, "{\"b\":true}").missing, 1);
    cr_expect_eq(evaluate(caveat, NULL, "{\"a\":false}").outcome, CAVEAT_FALSE);
}

Test(caveat, evaluation_errors_have_a_place)
{
    const struct caveat *caveat = compile("a int, b int", "a > 0 &&\n  10 / b > 1");
    struct caveat_result result = {.outcome = CAVEAT_TRUE, .missing = 77};
    struct error error;

    cr_expect_eq(
        caveat_evaluate(caveat, nothing,
                        &(struct caveat_inputs){.context = caveat_test_json(
                                                    &arena, SLICE_LITERAL("{\"a\":1,\"b\":0}"))},
                        CAVEAT_STEPS_MAX, &arena, &result, &error),
        BEHALF_CAVEAT_EVALUATION_ERROR);
    cr_expect_str_eq(error.message, "cannot evaluate caveat 'c': division by zero");
    cr_expect_str_eq(error.text, "10 / b");
    cr_expect_eq(error.line, 2);
    cr_expect_eq(error.column, 3);
    cr_expect_eq(result.missing, 77, "an error writes no result");
}

static enum status
check_context(const struct caveat *caveat, const char *json)
{
    struct error error;

    return caveat_check_context(caveat, caveat_test_json(&arena, slice_of(json)), &arena, &error);
}

Test(caveat, contexts_are_checked_before_they_are_stored)
{
    const struct caveat *caveat = compile("a int, l list<string>", "a == 1 && 'x' in l");

    cr_expect_eq(check_context(caveat, "{}"), BEHALF_OK);
    cr_expect_eq(check_context(caveat, "{\"a\":1}"), BEHALF_OK);
    cr_expect_eq(check_context(caveat, "{\"a\":\"1\",\"l\":[\"x\"]}"), BEHALF_OK);
    cr_expect_eq(check_context(caveat, "{\"b\":1}"), BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_eq(check_context(caveat, "{\"a\":\"x\"}"), BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_eq(check_context(caveat, "{\"l\":[1]}"), BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_eq(check_context(caveat, "[1]"), BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_eq(caveat_check_context(caveat, NULL, &arena, NULL), BEHALF_OK);
}

Test(caveat, an_unknown_name_in_a_stored_context_is_said_with_the_nearest)
{
    const struct caveat *caveat = compile("count int, limit int", "count < limit");
    struct error error;

    cr_expect_eq(caveat_check_context(caveat,
                                      caveat_test_json(&arena, SLICE_LITERAL("{\"limti\":1}")),
                                      &arena, &error),
                 BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_str_eq(error.message, "caveat 'c' has no parameter 'limti'");
    cr_expect_str_eq(error.hint, "did you mean 'limit'?");
}

static void
expect_residual(const char *parameters, const char *text, const char *json, const char *expected)
{
    uint32_t steps;
    const struct caveat *caveat = compile(parameters, text);
    struct buffer out;
    struct error error;

    buffer_init(&out);
    cr_expect_eq(caveat_residual(caveat, bytes_of(json), &(struct caveat_inputs){.context = NULL},
                                 &arena, &out, &steps, &error),
                 BEHALF_OK);
    cr_expect_str_eq(out.data, expected, "%s: %s", text, out.data);
    buffer_release(&out);
}

Test(caveat, what_is_left_is_an_expression)
{
    expect_residual("count int, limit int", "count < limit", "{\"limit\":4}", "count < 4");
    expect_residual("count int, limit int", "count < limit", "{\"count\":1,\"limit\":4}", "true");
    expect_residual("count int, limit int", "count < limit", "{}", "count < limit");
    expect_residual("a bool, b bool, c bool", "a && b && c", "{\"b\":true}", "a && c");
    expect_residual("a bool, b bool, c bool", "a && (b || c)", "{\"a\":true}", "b || c");
    expect_residual("a bool, b bool, c bool", "(a || b) && c", "{\"c\":true}", "a || b");
    expect_residual("a bool, b bool, c bool", "a && (b || c)", "{}", "a && (b || c)");
    expect_residual("a bool, b int, c int", "a ? b > 1 : c > 2", "{\"a\":false}", "c > 2");
    expect_residual("a int, b int, c int", "(a + b) * c > 1", "{\"c\":-2}", "(a + b) * -2 > 1");
    expect_residual("a int, b int, c int", "a - (b - c) > 1", "{\"c\":2}", "a - (b - 2) > 1");
    expect_residual("s string, t string", "s.startsWith(t)", "{\"t\":\"a\\\"\\n\"}",
                    "s.startsWith(\"a\\\"\\x0a\")");
    expect_residual("l list<int>, x int", "l.all(y, y > x)", "{\"l\":[1,2]}",
                    "[1, 2].all(y, y > x)");
    expect_residual("l list<int>, x int", "l.all(y, y > x)", "{\"x\":2}", "l.all(y, y > 2)");
    expect_residual("t timestamp, d duration, n timestamp", "n < t + d",
                    "{\"t\":\"2023-01-01T00:00:00Z\",\"d\":\"1h\"}",
                    "n < timestamp(\"2023-01-01T01:00:00Z\")");
    expect_residual("ip ipaddress, r string", "ip.in_cidr(r)", "{\"ip\":\"::ffff:1.2.3.4\"}",
                    "ipaddress(\"1.2.3.4\").in_cidr(r)");
    expect_residual("m map<int>, k string", "m[k] == 1", "{\"m\":{\"a\":1}}", "{\"a\": 1}[k] == 1");
    expect_residual("a bool, b int", "a && 1 / b > 1", "{\"b\":0}", "a && 1 / 0 > 1");
    expect_residual("x double, y double", "x < y", "{\"y\":2}", "x < 2.0");
}

Test(caveat, long_chains_are_not_deep)
{
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "a == 0");
    for (int count = 1; count < 5000; count++)
        buffer_add_format(&text, " || a == %d", count);
    cr_expect_eq(evaluate(compile("a int", text.data), NULL, "{\"a\":4999}").outcome, CAVEAT_TRUE);
    cr_expect_eq(evaluate(compile("a int", text.data), NULL, "{\"a\":5000}").outcome, CAVEAT_FALSE);
    buffer_release(&text);
}

static enum status
compile_repeated(const char *before, const char *middle, const char *after, int times)
{
    const struct caveat *caveat = NULL;
    struct buffer text;
    struct error error;
    enum status status;

    buffer_init(&text);
    for (int count = 0; count < times; count++)
        buffer_add_text(&text, before);
    buffer_add_text(&text, middle);
    for (int count = 0; count < times; count++)
        buffer_add_text(&text, after);
    status = caveat_test_compile(&arena, "a bool", text.data, &caveat, &error);
    buffer_release(&text);
    return status;
}

Test(caveat, depth_is_limited)
{
    cr_expect_eq(compile_repeated("(", "a", ")", 60), BEHALF_OK);
    cr_expect_eq(compile_repeated("(", "a", ")", 70), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("(", "a", ")", 40000), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("[", "a", "]", 40000), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("{1:", "a", "}", 20000), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("!", "a", "", 50000), BEHALF_OK);
    cr_expect_eq(compile_repeated("a?a:", "a", "", 20), BEHALF_OK);
    cr_expect_eq(compile_repeated("a?a:", "a", "", 10000), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("", "a", ".b", 10000), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("", "1", "+1", 10000), BEHALF_SCHEMA_PARSE_ERROR);
    cr_expect_eq(compile_repeated("", "1", "", 100001), BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_eq(compile_repeated(" ", "a", "", 100001), BEHALF_SCHEMA_PARSE_ERROR);
}

Test(caveat, work_is_limited)
{
    const struct caveat *cubic =
        compile("l list<int>", "l.all(x, l.all(y, l.all(z, x + y + z >= 0)))");
    const struct caveat *growing =
        compile("s string", "[1, 2, 3, 4, 5, 6, 7, 8].map(a, s + s + s + s).map(b, b + b + b + b)"
                            ".map(c, c + c + c + c).map(d, d + d + d + d).size() > 0");
    struct caveat_result result;
    struct buffer json;
    struct error error;

    buffer_init(&json);
    buffer_add_text(&json, "{\"l\":[0");
    for (int count = 0; count < 200; count++)
        buffer_add_text(&json, ",1");
    buffer_add_text(&json, "]}");
    cr_expect_eq(caveat_evaluate(cubic, nothing,
                                 &(struct caveat_inputs){
                                     .context = caveat_test_json(&arena, buffer_slice(&json))},
                                 CAVEAT_STEPS_MAX, &arena, &result, &error),
                 BEHALF_BUDGET_EXHAUSTED);
    cr_expect(result.too_long);
    buffer_clear(&json);
    buffer_add_text(&json, "{\"s\":\"");
    for (int count = 0; count < 200000; count++)
        buffer_add_byte(&json, 'x');
    buffer_add_text(&json, "\"}");
    cr_expect_eq(caveat_evaluate(growing, nothing,
                                 &(struct caveat_inputs){
                                     .context = caveat_test_json(&arena, buffer_slice(&json))},
                                 CAVEAT_STEPS_MAX, &arena, &result, &error),
                 BEHALF_BUDGET_EXHAUSTED);
    buffer_release(&json);
}

Test(caveat, a_simple_comparison_takes_no_memory)
{
    static const struct {
        const char *parameters, *text, *json;
    } cases[] = {
        {"a int, b int", "a < b", "{\"a\":1,\"b\":2}"},
        {"a string", "a in ['x', 'y', 'z']", "{\"a\":\"z\"}"},
        {"a timestamp", "a > timestamp('2020-01-01T00:00:00Z')",
         "{\"a\":\"2021-01-01T00:00:00Z\"}"},
        {"a ipaddress", "a.in_cidr('10.0.0.0/8')", "{\"a\":\"10.1.2.3\"}"},
        {"a int, b bool", "a == 1 && b", "{\"a\":1,\"b\":true}"},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(cases); index++) {
        const struct caveat *caveat = compile(cases[index].parameters, cases[index].text);
        const struct datum *context = caveat_test_json(&arena, slice_of(cases[index].json));
        struct slice stored = caveat_test_bytes(&arena, context);
        struct arena none = {.cap_bytes = 0};
        struct caveat_result result = {.outcome = CAVEAT_FALSE};

        cr_expect_eq(caveat_evaluate(caveat, nothing, &(struct caveat_inputs){.context = context},
                                     CAVEAT_STEPS_MAX, &none, &result, NULL),
                     BEHALF_OK, "%s", cases[index].text);
        cr_expect_eq(result.outcome, CAVEAT_TRUE, "%s", cases[index].text);
        result.outcome = CAVEAT_FALSE;
        cr_expect_eq(caveat_evaluate(caveat, stored, &(struct caveat_inputs){.context = NULL},
                                     CAVEAT_STEPS_MAX, &none, &result, NULL),
                     BEHALF_OK, "%s", cases[index].text);
        cr_expect_eq(result.outcome, CAVEAT_TRUE, "%s", cases[index].text);
        cr_expect_null(none.chunks, "%s", cases[index].text);
    }
}

static enum caveat_outcome
outcome_of_patterns(const char *text, const char *json)
{
    const struct caveat *caveat = compile("s list<string>, p list<string>", text);
    enum caveat_outcome outcome = evaluate(caveat, NULL, json).outcome;

    caveat_release(caveat);
    return outcome;
}

Test(caveat, patterns_of_the_text_and_of_the_context_are_the_same)
{
    cr_expect_eq(outcome_of_patterns("s.all(x, x.matches('^a+$')) && p == p",
                                     "{\"s\":[\"a\",\"aaa\"],\"p\":[]}"),
                 CAVEAT_TRUE);
    cr_expect_eq(outcome_of_patterns("s.all(x, p.all(y, x.matches(y)))",
                                     "{\"s\":[\"ab\",\"bb\"],\"p\":[\"b\",\"^..$\"]}"),
                 CAVEAT_TRUE);
    cr_expect_eq(outcome_of_patterns("s[0].matches('^' + 'a') && s[0].matches('^a') && p == p",
                                     "{\"s\":[\"ab\"],\"p\":[]}"),
                 CAVEAT_TRUE);
    cr_expect_eq(outcome_of_patterns("s[0].matches(p[0]) || s[0].matches('^b')",
                                     "{\"s\":[\"b\"],\"p\":[\"(\"]}"),
                 CAVEAT_TRUE);
}

Test(caveat, more_patterns_than_are_kept_are_still_right)
{
    struct buffer text;

    buffer_init(&text);
    buffer_add_text(&text, "p == p");
    for (int count = 0; count < 40; count++)
        buffer_add_format(&text, " && s[0].matches('^x%d$') == %s", count,
                          count == 33 ? "true" : "false");
    cr_expect_eq(outcome_of_patterns(text.data, "{\"s\":[\"x33\"],\"p\":[]}"), CAVEAT_TRUE);
    buffer_release(&text);
}

Test(caveat, compiling_patterns_costs_steps)
{
    const struct caveat *caveat = compile("l list<string>", "l.all(x, x.matches('^' + x))");
    struct caveat_result result;
    struct buffer json;
    struct error error;

    buffer_init(&json);
    buffer_add_text(&json, "{\"l\":[\"x\"");
    for (int count = 0; count < 2000; count++)
        buffer_add_format(&json, ",\"x%d\"", count);
    buffer_add_text(&json, "]}");
    cr_expect_eq(caveat_evaluate(caveat, nothing,
                                 &(struct caveat_inputs){
                                     .context = caveat_test_json(&arena, buffer_slice(&json))},
                                 CAVEAT_STEPS_MAX, &arena, &result, &error),
                 BEHALF_BUDGET_EXHAUSTED);
    buffer_release(&json);
}

Test(caveat, line_breaks_in_strings_and_comments)
{
    cr_expect_eq(evaluate(compile("a string", "a == '''x\ny''' // 'not a string\n && true"), NULL,
                          "{\"a\":\"x\\ny\"}")
                     .outcome,
                 CAVEAT_TRUE);
    expect_error("a string", "a == 'x\ny'", BEHALF_SCHEMA_PARSE_ERROR, 1, 6, "'", "");
    expect_error("a string", "a == \"\"\"x", BEHALF_SCHEMA_PARSE_ERROR, 1, 6, "\"\"\"", "");
    expect_error("a string", "a == '\xFF'", BEHALF_SCHEMA_PARSE_ERROR, 1, 7, "", "");
}

Test(caveat, a_compiled_caveat_keeps_nothing_of_its_callers)
{
    char name[] = "c";
    char text[] = "abc == 'x'";
    char parameter[] = "abc";
    struct caveat_parameter declared = {{parameter, 3}, {CAVEAT_STRING, NULL}};
    const struct caveat *caveat = NULL;
    struct error error;

    cr_assert_eq(caveat_compile(slice_of(name), &declared, 1, false, slice_of(text), 1, 1, NULL,
                                &arena, &caveat, &error),
                 BEHALF_OK);
    memset(name, '?', 1);
    memset(text, '?', sizeof text - 1);
    memset(parameter, '?', 3);
    cr_expect_eq(evaluate(caveat, NULL, "{\"abc\":\"x\"}").outcome, CAVEAT_TRUE);
    cr_expect_eq(caveat_parameter_count(caveat), 1);
    cr_expect(slice_equal(caveat_parameter_at(caveat, 0)->name, SLICE_LITERAL("abc")));
}

Test(caveat, parameters_are_checked)
{
    struct caveat_parameter many[CAVEAT_PARAMETERS_MAX + 1];
    struct caveat_parameter odd = {SLICE_LITERAL("9a"), {CAVEAT_INT, NULL}};
    const struct caveat *caveat = NULL;
    struct error error;

    for (size_t index = 0; index < BEHALF_COUNT_OF(many); index++)
        many[index] = (struct caveat_parameter){SLICE_LITERAL("a"), {CAVEAT_INT, NULL}};
    cr_expect_eq(caveat_compile(SLICE_LITERAL("c"), many, BEHALF_COUNT_OF(many), false,
                                SLICE_LITERAL("true"), 1, 1, NULL, &arena, &caveat, &error),
                 BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_eq(caveat_compile(SLICE_LITERAL("c"), many, 0, false, SLICE_LITERAL("true"), 1, 1,
                                NULL, &arena, &caveat, &error),
                 BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_eq(caveat_compile(SLICE_LITERAL("c"), &odd, 1, false, SLICE_LITERAL("true"), 1, 1,
                                NULL, &arena, &caveat, &error),
                 BEHALF_SCHEMA_TYPE_ERROR);
    cr_expect_null(caveat);
}

/* --- what steps are taken for --- */

static uint32_t
steps_of(const char *parameters, const char *text, const struct datum *context, enum status *status)
{
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    const struct caveat *caveat = compile(parameters, text);
    struct error error;

    *status = caveat_evaluate(caveat, nothing, &(struct caveat_inputs){.context = context},
                              CAVEAT_STEPS_MAX, &arena, &result, &error);
    caveat_release(caveat); /* with its patterns */
    return result.steps;
}

static const struct datum *
context_of(const char *name, const char *unit, size_t times, const char *other)
{
    const struct datum *context;
    struct buffer json;

    buffer_init(&json);
    buffer_add_format(&json, "{\"%s\":\"", name);
    while (times-- > 0)
        buffer_add_text(&json, unit);
    buffer_add_format(&json, "\"%s}", other);
    context = caveat_test_json(&arena, buffer_slice(&json));
    buffer_release(&json);
    return context;
}

Test(caveat, a_function_takes_steps_for_each_byte_it_reads)
{
    static const struct {
        const char *text;
        const char *unit;
    } rows[] = {
        {"a.contains('x') || b", "a"},
        {"b || a.contains('aaaaaaaaaaaaaaaab')", "a"},
        {"b || duration(a) > duration('1h')", "0h"},
        {"b || int(a) == 7", "0"},
        {"b || double(a) == 7.0", "0"},
        {"b || a.matches('^[a-c]+$')", "ab"},
        {"b || string(bytes(a)) == 'x'", "a"},
        {"b || a in {'x': 1, 'y': 2}", "a"},
    };

    for (size_t row = 0; row < BEHALF_COUNT_OF(rows); row++) {
        enum status status;
        uint32_t few = steps_of("a string, b bool", rows[row].text,
                                context_of("a", rows[row].unit, 100, ",\"b\":false"), &status);
        uint32_t many = steps_of("a string, b bool", rows[row].text,
                                 context_of("a", rows[row].unit, 6400, ",\"b\":false"), &status);

        cr_expect_gt(many, few + 90, "%s: %u and %u steps", rows[row].text, few, many);
    }
}

Test(caveat, values_of_a_context_take_steps_to_be_read)
{
    enum status status;
    struct buffer json;

    buffer_init(&json);
    buffer_add_text(&json, "{\"l\":[0");
    for (int count = 1; count < 20000; count++)
        buffer_add_text(&json, ",0");
    buffer_add_text(&json, "]}");
    cr_expect_geq(steps_of("l list<any>", "size(l) > 0",
                           caveat_test_json(&arena, buffer_slice(&json)), &status),
                  20000);
    cr_expect_eq(status, BEHALF_OK);
    buffer_release(&json);
}

/* A pattern of the request is compiled only by those who can pay for the largest one: an event loop
 * allows less. */
Test(caveat, a_pattern_of_the_context_is_not_compiled_with_few_steps)
{
    const struct caveat *caveat = compile("p string", "'abc'.matches(p)");
    const struct datum *context = caveat_test_json(&arena, SLICE_LITERAL("{\"p\":\"b\"}"));
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    struct error error;

    cr_expect_eq(caveat_evaluate(caveat, nothing, &(struct caveat_inputs){.context = context},
                                 20000, &arena, &result, &error),
                 BEHALF_BUDGET_EXHAUSTED);
    cr_expect(result.too_long);
    cr_expect_eq(caveat_evaluate(caveat, nothing, &(struct caveat_inputs){.context = context},
                                 CAVEAT_STEPS_MAX, &arena, &result, &error),
                 BEHALF_OK);
    cr_expect_eq(result.outcome, CAVEAT_TRUE);
    cr_expect_lt(result.steps, 1000);
}

/* Against a search that looks at every place, over texts of two letters that repeat a lot. */
Test(caveat, contains_finds_what_is_there_and_nothing_else)
{
    uint32_t random = 7;
    unsigned found = 0;

    for (int round = 0; round < 3000; round++) {
        char json[256];
        char text[64];
        char part[64];
        size_t sizes[2];
        struct caveat_result result;

        for (int which = 0; which < 2; which++) {
            char *to = which == 0 ? text : part;

            random = random * 1664525 + 1013904223;
            sizes[which] = (random >> 16) % (which == 0 ? 40 : 9);
            for (size_t at = 0; at < sizes[which]; at++) {
                random = random * 1664525 + 1013904223;
                to[at] = (random >> 20) % 5 == 0 ? 'b' : 'a';
            }
            to[sizes[which]] = '\0';
        }
        (void)snprintf(json, sizeof json, "{\"a\":\"%s\",\"b\":\"%s\"}", text, part);
        result = evaluate(compile("a string, b string", "a.contains(b)"), NULL, json);
        cr_assert_eq(result.outcome == CAVEAT_TRUE, strstr(text, part) != NULL, "%s in %s", part,
                     text);
        found += result.outcome == CAVEAT_TRUE;
    }
    cr_assert_gt(found, 300);
    cr_assert_lt(found, 2700);
}

Test(caveat, spellings_of_a_zone_are_no_zones)
{
    static const char *const names[] = {"Europe//Berlin",      "Europe/Berlin/", "/Europe/Berlin",
                                        "Europe/./Berlin",     "europe/berlin",  "Europe",
                                        "posix/Europe/Berlin", "zone.tab",       "../zoneinfo/UTC"};
    static const char text[] = "timestamp(0).getHours(z) == 1";
    const struct caveat *caveat = compile("z string", text);
    struct error error;

    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};

        cr_expect_eq(caveat_evaluate(
                         caveat, nothing,
                         &(struct caveat_inputs){.context = context_of("z", names[index], 1, "")},
                         CAVEAT_STEPS_MAX, &arena, &result, &error),
                     BEHALF_CAVEAT_EVALUATION_ERROR, "%s", names[index]);
    }
    /* However many of them were asked for, every zone is still there. */
    for (int spelling = 0; spelling < 3000; spelling++) {
        struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
        char name[32];

        (void)snprintf(name, sizeof name, "Europe/City%d", spelling);
        cr_expect_eq(
            caveat_evaluate(caveat, nothing,
                            &(struct caveat_inputs){.context = context_of("z", name, 1, "")},
                            CAVEAT_STEPS_MAX, &arena, &result, &error),
            BEHALF_CAVEAT_EVALUATION_ERROR);
    }
    cr_expect_eq(evaluate(caveat, NULL, "{\"z\":\"Europe/Rome\"}").outcome, CAVEAT_TRUE);
    cr_expect_eq(evaluate(caveat, NULL, "{\"z\":\"America/Argentina/Salta\"}").outcome,
                 CAVEAT_FALSE);
}
