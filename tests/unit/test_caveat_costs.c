/* test_caveat_costs.c - what an expression takes where it is written down, compiled or refused, not
 * only where it decides. */
#include "tests/unit/test_caveat_support.h"

static struct arena arena;

static const struct slice nothing = {NULL, 0};

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

TestSuite(caveat_costs, .init = set_up, .fini = tear_down);

static const struct caveat *
compile(const char *parameters, const char *text)
{
    const struct caveat *caveat = NULL;
    struct error error;

    cr_assert_eq(caveat_test_compile(&arena, parameters, text, &caveat, &error), BEHALF_OK, "%s",
                 error.message);
    return caveat;
}

/* Steps of a residual; `*size` gets that of its text. */
static uint32_t
residual(const char *parameters, const char *text, const char *json, enum status *status,
         size_t *size)
{
    const struct caveat *caveat = compile(parameters, text);
    uint32_t steps = 0;
    struct buffer out;
    struct error error;

    buffer_init(&out);
    *status = caveat_residual(
        caveat, nothing,
        &(struct caveat_inputs){.context = caveat_test_json(&arena, slice_of(json))}, &arena, &out,
        &steps, &error);
    *size = out.size;
    buffer_release(&out);
    caveat_release(caveat);
    return steps;
}

static struct caveat_result
evaluate(const struct caveat *caveat, const char *json, enum status *status)
{
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    struct error error;

    *status = caveat_evaluate(
        caveat, nothing,
        &(struct caveat_inputs){.context = caveat_test_json(&arena, slice_of(json))},
        CAVEAT_STEPS_MAX, &arena, &result, &error);
    return result;
}

/* Ten times the same list, seven times: some kilobytes in memory, tens of megabytes as a text. */
Test(caveat_costs, the_text_of_shared_lists_is_bounded)
{
    struct buffer text;
    enum status status;
    size_t size;

    buffer_init(&text);
    buffer_add_text(&text, "q == [n]");
    for (int level = 0; level < 7; level++)
        buffer_add_format(&text, ".map(x%d, [x%d, x%d, x%d, x%d, x%d, x%d, x%d, x%d, x%d, x%d])",
                          level, level, level, level, level, level, level, level, level, level,
                          level);
    (void)residual("q any, n any", text.data, "{\"n\":1}", &status, &size);
    cr_expect_eq(status, BEHALF_BUDGET_EXHAUSTED);
    cr_expect_eq(size, 0);
    buffer_release(&text);
}

Test(caveat_costs, each_value_of_a_residual_takes_steps)
{
    enum status status;
    size_t size;
    struct buffer json;
    uint32_t steps;

    buffer_init(&json);
    buffer_add_text(&json, "{\"p\":\"");
    for (int count = 0; count < 8000; count++)
        buffer_add_byte(&json, 'x');
    buffer_add_text(&json, "\"}");
    steps = residual("q string, p string", "q == p || p == q + 'x'", json.data, &status, &size);
    cr_expect_eq(status, BEHALF_OK);
    cr_expect_gt(size, 16000);
    cr_expect_geq(steps, 2000);
    buffer_release(&json);
}

Test(caveat_costs, a_pattern_of_the_context_takes_steps_in_a_residual)
{
    static const char json[] = "{\"p\":\"(a{0,30}b{0,30}){0,10}k\"}";
    enum status status;
    size_t size;
    uint32_t one = residual("q string, p string", "q.matches(p)", json, &status, &size);

    cr_expect_eq(status, BEHALF_OK);
    cr_expect_gt(one, 1000);
    /* Two of them, in turn, so that none is the last one. */
    cr_expect_gt(
        residual("q string, p string",
                 "q.matches(p) || q.matches(p + 'x') || q.matches(p) || q.matches(p + 'x')", json,
                 &status, &size),
        3 * one);
}

/* Compiling such patterns with the schema would be paid for by nobody. */
Test(caveat_costs, a_computed_pattern_is_compiled_by_whoever_asks_it)
{
    static const char *const texts[] = {"s.matches('^' + 'a')",
                                        "'a'.matches('^' + 'a') || s == ''"};

    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++) {
        const struct caveat *caveat = compile("s string", texts[index]);
        enum status status;
        struct caveat_result result = evaluate(caveat, "{\"s\":\"ab\"}", &status);

        cr_expect_eq(status, BEHALF_OK);
        cr_expect_eq(result.outcome, CAVEAT_TRUE);
        cr_expect_gt(result.steps, 100, "%s: %u steps", texts[index], result.steps);
        caveat_release(caveat);
    }
}

Test(caveat_costs, the_place_of_a_failure_takes_steps)
{
    struct buffer text;
    enum status status;
    struct caveat_result result;

    buffer_init(&text);
    buffer_add_text(&text, "(\n");
    for (int count = 0; count < 64000; count++)
        buffer_add_byte(&text, ' ');
    buffer_add_text(&text, "1 / x) == 1");
    result = evaluate(compile("x int", text.data), "{\"x\":0}", &status);
    cr_expect_eq(status, BEHALF_CAVEAT_EVALUATION_ERROR);
    cr_expect_geq(result.steps, 1000);
    buffer_release(&text);
}

Test(caveat_costs, a_stored_list_takes_steps_before_it_is_read)
{
    const struct caveat *caveat = compile("l list<int>", "size(l) > 0");
    struct caveat_result result = {.outcome = CAVEAT_UNKNOWN};
    struct buffer json;
    struct error error;

    buffer_init(&json);
    buffer_add_text(&json, "{\"l\":[true");
    for (int count = 1; count < 16000; count++)
        buffer_add_text(&json, ",1");
    buffer_add_text(&json, "]}");
    cr_expect_eq(
        caveat_evaluate(
            caveat, caveat_test_bytes(&arena, caveat_test_json(&arena, buffer_slice(&json))),
            &(struct caveat_inputs){.context = NULL}, CAVEAT_STEPS_MAX, &arena, &result, &error),
        BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_geq(result.steps, 16000 + 2000);
    buffer_release(&json);
}

Test(caveat_costs, a_duration_of_a_context_takes_as_much_as_one_of_the_text)
{
    struct buffer json;
    enum status status;

    buffer_init(&json);
    buffer_add_text(&json, "{\"a\":\"");
    for (int count = 0; count < 8000; count++)
        buffer_add_text(&json, "0h");
    buffer_add_text(&json, "\"}");
    cr_expect_geq(evaluate(compile("a duration", "a < duration('1h')"), json.data, &status).steps,
                  8000);
    cr_expect_eq(status, BEHALF_OK);
    cr_expect_geq(
        evaluate(compile("a string", "duration(a) < duration('1h')"), json.data, &status).steps,
        8000);
    cr_expect_eq(status, BEHALF_OK);
    buffer_release(&json);
}

/* What a message shows of a value is as much as is printed of it. */
Test(caveat_costs, the_start_of_a_long_value_is_printed_alone)
{
    static const struct {
        const char *front, *back;
    } shapes[] = {{"[1.5", "]"}, {"{\"k\":[1.5", "]}"}, {"[\"x\",[1.5", "]]"}};

    for (size_t index = 0; index < BEHALF_COUNT_OF(shapes); index++) {
        const struct datum *datum;
        struct buffer json;
        struct buffer start;

        buffer_init(&json);
        buffer_init(&start);
        buffer_add_text(&json, shapes[index].front);
        for (int count = 0; count < 1000; count++)
            buffer_add_text(&json, ",1.5");
        buffer_add_text(&json, shapes[index].back);
        datum = caveat_test_json(&arena, buffer_slice(&json));
        datum_print_json_start(datum, 65, &start);
        cr_expect_geq(start.size, 65);
        cr_expect_lt(start.size, 100);
        cr_expect_eq(memcmp(start.data, json.data, 65), 0, "%s", start.data);
        buffer_release(&json);
        buffer_release(&start);
    }
}
