/* test_caveat_attributes.c - reserved parameters: their flags, what fills them, and what is unknown
 * of a map that lacks a key. */
#include "tests/unit/test_caveat_support.h"
#include "tests/unit/test_schema_support.h"

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

TestSuite(caveat_attributes, .init = set_up, .fini = tear_down);

#define ALL "subject map<any>, resource map<any>, action map<any>, context map<any>"

/* One evaluation: maps as JSON, NULL = none. */
struct given {
    const char *subject;
    const char *resource;
    const char *action;
    const char *context; /* of the request, whole */
    const char *stored;
    uint32_t open;
};

static const struct datum *
json(const char *text)
{
    return text == NULL ? NULL : caveat_test_json(&arena, slice_of(text));
}

static struct caveat_inputs
inputs_of(const struct given *given)
{
    return (struct caveat_inputs){
        .context = json(given->context),
        .reserved = {json(given->subject), json(given->resource), json(given->action),
                     json(given->context)},
        .open = given->open,
    };
}

static struct schema *
schema_with(const char *flag, const char *parameters, const char *expression)
{
    struct buffer text;
    struct schema *schema;

    buffer_init(&text);
    buffer_add_format(&text, "%s\ncaveat c(%s) { %s }", flag, parameters, expression);
    schema = schema_given(text.data);
    buffer_release(&text);
    return schema;
}

/* "true", "false", "missing NAME NAME", or the error's message behind its status. */
static void
print_outcome(const struct caveat *caveat, const struct given *given, struct buffer *out)
{
    const struct caveat_inputs inputs = inputs_of(given);
    struct caveat_result result;
    struct error error;
    enum status status = caveat_evaluate(caveat, caveat_test_bytes(&arena, json(given->stored)),
                                         &inputs, CAVEAT_STEPS_MAX, &arena, &result, &error);

    if (status != BEHALF_OK) {
        buffer_add_format(out, "%s %s", status_name(status), error.message);
        return;
    }
    buffer_add_text(out, result.outcome == CAVEAT_TRUE    ? "true"
                         : result.outcome == CAVEAT_FALSE ? "false"
                                                          : "missing");
    for (size_t at = 0; at < caveat_parameter_count(caveat); at++)
        if (result.outcome == CAVEAT_UNKNOWN && (result.missing >> at & 1) != 0)
            buffer_add_format(out, " %.*s", SLICE_PRINTF(caveat_parameter_at(caveat, at)->name));
}

static void
expect_under(const char *flag, const char *parameters, const char *expression,
             const struct given *given, const char *expected)
{
    struct schema *schema = schema_with(flag, parameters, expression);
    struct buffer found;

    buffer_init(&found);
    print_outcome(schema->caveats[0].compiled, given, &found);
    cr_expect_str_eq(found.data, expected, "%s: %s", expression, found.data);
    buffer_release(&found);
    schema_unref(schema);
}

static void
expect(const char *parameters, const char *expression, const struct given *given,
       const char *expected)
{
    expect_under("use attributes", parameters, expression, given, expected);
}

/* --- flags --- */

Test(caveat_attributes, flags_are_known_and_the_second_implies_the_first)
{
    struct schema *none = schema_given("definition user {}");
    struct schema *stored = schema_given("use attributes\ndefinition user {}");
    struct schema *request = schema_given("use request_attributes\ndefinition user {}");

    cr_expect(!none->has_attributes && !none->has_request_attributes);
    cr_expect(stored->has_attributes && !stored->has_request_attributes);
    cr_expect(request->has_attributes && request->has_request_attributes);
    schema_unref(none);
    schema_unref(stored);
    schema_unref(request);
}

Test(caveat_attributes, flags_are_printed_and_make_no_word_a_keyword)
{
    struct buffer out;
    struct error error;
    const char *text = "use attributes\nuse request_attributes\n\n"
                       "definition attributes {\n    relation request_attributes: attributes\n}\n";

    buffer_init(&out);
    cr_assert_eq(schema_format(slice_of(text), &out, &error), BEHALF_OK, "%s", error.message);
    cr_expect_str_eq(out.data, text);
    buffer_release(&out);
    schema_unref(schema_given(text));
}

Test(caveat_attributes, reserved_parameter_is_a_map_of_any)
{
    static const char *const names[] = {"subject", "resource", "action", "context"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        char text[200];
        char expected[300];

        snprintf(text, sizeof text, "use attributes\ncaveat c(%s string) { %s == \"a\" }",
                 names[at], names[at]);
        snprintf(
            expected, sizeof expected,
            "SCHEMA_TYPE_ERROR 2:%zu [string] the parameter '%s' must be of type map<any>, for "
            "the schema says 'use attributes' | the server fills it with attributes; declare "
            "'%s map<any>', or give the parameter another name",
            strlen("caveat c(") + strlen(names[at]) + 2, names[at], names[at]);
        expect_error(text, expected);
    }
    expect_error("use request_attributes\ncaveat c(subject map<string>) { subject.a == \"a\" }",
                 "SCHEMA_TYPE_ERROR 2:18 [map] the parameter 'subject' must be of type map<any>, "
                 "for the schema says 'use request_attributes' | the server fills it with "
                 "attributes; declare 'subject map<any>', or give the parameter another name");
}

Test(caveat_attributes, without_the_flag_they_are_parameters_like_others)
{
    schema_unref(schema_with("", "subject string, action int", "subject == \"a\" && action > 1"));
    expect_under("", "subject map<any>", "subject.role == 'admin'",
                 &(struct given){.subject = "{\"role\":\"admin\"}"}, "missing subject");
    expect_under("", "subject map<any>", "subject.role == 'admin'",
                 &(struct given){.context = "{\"subject\":{\"role\":\"admin\"}}"}, "true");
    expect_under("", "subject map<any>", "subject.role == 'admin'",
                 &(struct given){.stored = "{\"subject\":{\"role\":\"admin\"}}"}, "true");
    expect_under("", "subject map<any>", "subject.role == 'admin'",
                 &(struct given){.context = "{\"subject\":{}}"},
                 "CAVEAT_EVALUATION_ERROR cannot evaluate caveat 'c': the map has no such key");
}

Test(caveat_attributes, what_caveats_read_is_known)
{
    struct schema *schema =
        schema_given("use attributes\n"
                     "caveat plain(x int) { x == 1 }\n"
                     "caveat two(x int, resource map<any>) { resource.x == x }\n"
                     "caveat three(context map<any>, subject map<any>) "
                     "{ context.x == subject.x }");

    cr_expect_eq(caveat_reserved_read(schema->caveats[0].compiled), 0);
    cr_expect_eq(caveat_reserved_read(schema->caveats[1].compiled), 1U << CAVEAT_RESOURCE);
    cr_expect_eq(caveat_reserved_at(schema->caveats[1].compiled, 0), CAVEAT_RESERVED_COUNT);
    cr_expect_eq(caveat_reserved_at(schema->caveats[1].compiled, 1), CAVEAT_RESOURCE);
    cr_expect_eq(schema->reserved_read,
                 1U << CAVEAT_RESOURCE | 1U << CAVEAT_CONTEXT | 1U << CAVEAT_SUBJECT);
    schema_unref(schema);
}

/* --- what fills them --- */

Test(caveat_attributes, each_is_filled_from_its_own_map)
{
    expect(ALL, "subject.n == 'S' && resource.n == 'R' && action.n == 'A' && context.n == 'C'",
           &(struct given){"{\"n\":\"S\"}", "{\"n\":\"R\"}", "{\"n\":\"A\"}", "{\"n\":\"C\"}", NULL,
                           0},
           "true");
}

Test(caveat_attributes, names_of_the_contexts_do_not_leak_in)
{
    const char *forged = "{\"subject\":{\"role\":\"admin\"},\"resource\":{\"role\":\"admin\"},"
                         "\"action\":{\"role\":\"admin\"},\"context\":{\"role\":\"admin\"}}";
    static const char *const names[] = {"subject", "resource", "action", "context"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(names); at++) {
        char parameter[40];
        char expression[60];
        char missing[40];

        snprintf(parameter, sizeof parameter, "%s map<any>", names[at]);
        snprintf(expression, sizeof expression, "%s.role == 'admin'", names[at]);
        snprintf(missing, sizeof missing, "missing %s", names[at]);
        expect(parameter, expression, &(struct given){.context = forged}, missing);
        expect(parameter, expression, &(struct given){.stored = forged}, missing);
    }
}

Test(caveat_attributes, a_key_of_such_a_name_is_seen_through_context)
{
    const char *context = "{\"subject\":{\"role\":\"admin\"},\"x\":3}";

    expect("context map<any>, x int",
           "context.subject.role == 'admin' && context.x == 3.0 && x == 3",
           &(struct given){.context = context}, "true");
}

Test(caveat_attributes, stored_contexts_may_not_name_them)
{
    struct schema *schema =
        schema_with("use attributes", "subject map<any>, x int", "subject.level == x");
    const struct caveat *caveat = schema->caveats[0].compiled;
    struct error error;

    cr_expect_eq(caveat_check_context(caveat, json("{\"x\":1}"), &arena, &error), BEHALF_OK);
    cr_expect_eq(caveat_check_context(caveat, json("{\"subject\":{}}"), &arena, &error),
                 BEHALF_CAVEAT_PARAMETER_TYPE_ERROR);
    cr_expect_str_eq(error.message,
                     "no stored context gives the parameter 'subject' of caveat 'c' a value");
    cr_expect_str_eq(error.hint,
                     "the schema says 'use attributes': the server fills it for each decision");
    schema_unref(schema);
}

/* --- a map that lacks a key --- */

static const struct given ann = {.subject = "{\"role\":\"admin\",\"tags\":{\"a\":1},\"no\":[]}"};

Test(caveat_attributes, selecting_what_a_map_lacks_is_unknown)
{
    static const char *const selections[] = {
        "subject.level == 1.0",
        "subject['level'] == 1.0",
        "subject['le' + 'vel'] == 1.0",
        "dyn(subject).level == 1.0",
        "[subject][0].level == 1.0",
        "(true ? subject : {}).level == 1.0",
        "{'a': subject}.a.level == 1.0",
        "optional.of(subject).value().level == 1.0",
        "!(subject.level == 1.0)",
        "subject.level != 1.0",
        "subject.level > 1.0",
        "subject.level.startsWith('a')",
        "subject.level.x.y == 1.0",
        "subject.level in [1.0, 2.0]",
        "[1.0].all(x, x == subject.level)",
        "subject.level == resource.level", /* missing both: below */
    };

    for (size_t at = 0; at + 1 < BEHALF_COUNT_OF(selections); at++)
        expect("subject map<any>", selections[at], &ann, "missing subject");
    expect("subject map<any>, resource map<any>", "subject.level == resource.level", &ann,
           "missing subject resource");
    expect("subject map<any>", "subject.level == 1.0", &(struct given){.subject = NULL},
           "missing subject");
}

Test(caveat_attributes, what_is_certain_without_the_key_is_certain)
{
    expect("subject map<any>", "subject.role == 'admin' || subject.level == 1.0", &ann, "true");
    expect("subject map<any>", "subject.role == 'x' && subject.level == 1.0", &ann, "false");
    expect("subject map<any>", "subject.level == 1.0 || subject.role == 'admin'", &ann, "true");
    expect("subject map<any>", "has(subject.level) && subject.level == 1.0", &ann, "false");
}

Test(caveat_attributes, absence_is_told)
{
    static const char *const present[] = {"has(subject.role)", "'role' in subject",
                                          "subject.?role.hasValue()",
                                          "subject[?'role'].orValue('x') == 'admin'"};
    static const char *const absent[] = {"has(subject.level)",
                                         "'level' in subject",
                                         "subject.?level.hasValue()",
                                         "subject[?'level'].hasValue()",
                                         "subject.?level.?more.hasValue()",
                                         "optional.of(subject).level.hasValue()",
                                         "optional.of(subject)['level'].hasValue()",
                                         "subject.?level.orValue(0.0) > 0.0"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(present); at++)
        expect("subject map<any>", present[at], &ann, "true");
    for (size_t at = 0; at < BEHALF_COUNT_OF(absent); at++)
        expect("subject map<any>", absent[at], &ann, "false");
}

Test(caveat_attributes, values_inside_behave_as_before)
{
    expect("subject map<any>", "subject.tags.a == 1.0", &ann, "true");
    expect("subject map<any>", "subject.tags.b == 1.0", &ann,
           "CAVEAT_EVALUATION_ERROR cannot evaluate caveat 'c': the map has no such key");
    expect("subject map<any>", "has(subject.tags.b)", &ann, "false");
    expect("subject map<any>", "subject.tags == {'a': 1.0}", &ann, "true");
    expect("subject map<any>", "subject.tags.all(k, k == 'a') && size(subject.tags) == 1", &ann,
           "true");
    expect("subject map<any>", "subject.no == []", &ann, "true");
}

/* What a missing key could turn is unknown; what the keys that are there settle is certain. */
Test(caveat_attributes, the_whole_of_a_map_is_unknown_unless_its_keys_settle_it)
{
    static const char *const unknown[] = {
        "size(subject) == 3",
        "subject.size() < 100",
        "subject == {'role': 'admin'}",
        "subject != {'role': 'admin'}",
        "dyn([subject]) == dyn([{}])",
        "subject in [{'role': 'admin'}]",
        "subject.isSubtreeOf({'role': 'admin'})",
        "{'role': 'admin'}.isSubtreeOf(subject)",
        "subject.all(k, k != 'banned')",
        "!subject.exists(k, k == 'banned')",
        "subject.exists_one(k, k == 'role')",
        "subject.filter(k, k == 'role') == ['role']",
        "subject.map(k, k) == ['role']",
        "optional.ofNonZeroValue(subject).hasValue()",
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(unknown); at++) {
        expect("subject map<any>", unknown[at], &ann, "missing subject");
        expect("subject map<any>", unknown[at], &(struct given){.subject = "{}"},
               "missing subject");
    }
    expect("subject map<any>", "subject.exists(k, k == 'role')", &ann, "true");
    expect("subject map<any>", "subject.all(k, k != 'role')", &ann, "false");
    expect("subject map<any>, resource map<any>", "subject == resource",
           &(struct given){.subject = "{}", .resource = "{}"}, "missing subject resource");
    expect("subject map<any>", "dyn(subject) == dyn('a')", &ann, "false");
}

Test(caveat_attributes, an_error_beside_what_is_unknown_is_one)
{
    expect("subject map<any>", "subject.level + (1 / 0) == 1", &ann,
           "CAVEAT_EVALUATION_ERROR cannot evaluate caveat 'c': division by zero");
}

Test(caveat_attributes, an_open_parameter_is_unknown_wherever_it_is_read)
{
    const struct given open = {
        .subject = "{\"role\":\"admin\"}", .resource = "{\"x\":1}", .open = 1U << CAVEAT_SUBJECT};

    expect("subject map<any>", "subject.role == 'admin'", &open, "missing subject");
    expect("subject map<any>", "has(subject.level)", &open, "missing subject");
    expect("subject map<any>", "!('level' in subject)", &open, "missing subject");
    expect("subject map<any>, resource map<any>", "subject.role == 'a' || resource.x == 1.0", &open,
           "true");
    expect("subject map<any>, resource map<any>", "subject.role == 'a' && resource.x == 2.0", &open,
           "false");
}

/* --- what is left --- */

static void
expect_residual(const char *parameters, const char *expression, const struct given *given,
                const char *expected)
{
    struct schema *schema = schema_with("use attributes", parameters, expression);
    const struct caveat_inputs inputs = inputs_of(given);
    struct buffer out;
    uint32_t steps;
    struct error error;

    buffer_init(&out);
    cr_assert_eq(caveat_residual(schema->caveats[0].compiled, (struct slice){NULL, 0}, &inputs,
                                 &arena, &out, &steps, &error),
                 BEHALF_OK);
    cr_expect_str_eq(out.data, expected, "%s: %s", expression, out.data);
    buffer_release(&out);
    schema_unref(schema);
}

Test(caveat_attributes, residual_keeps_what_a_map_lacks)
{
    expect_residual("subject map<any>, resource map<any>",
                    "subject.role == 'admin' && subject.level == resource.level",
                    &(struct given){.subject = "{\"role\":\"admin\",\"level\":2}"},
                    "dyn(2.0) == resource.level");
    expect_residual("subject map<any>", "subject['level'] == 1.0 || has(subject.x)", &ann,
                    "subject[\"level\"] == 1.0");
    expect_residual("subject map<any>", "size(subject) == 3", &ann, "size(subject) == 3");
    expect_residual("subject map<any>", "subject == {'a': 1}", &ann, "subject == {\"a\": 1}");
    expect_residual("subject map<any>", "[subject][0].level == 1.0", &ann,
                    "[subject][0].level == 1.0");
    expect_residual("subject map<any>", "subject.exists(k, k == 'x')", &ann,
                    "subject.exists(k, k == \"x\")");
}

/* --- digests --- */

static void
digest_under(const char *flag, const char *parameters, const char *expression,
             uint8_t digest[DIGEST_SIZE])
{
    struct schema *schema = schema_with(flag, parameters, expression);

    schema_caveat_digest(schema, 0, digest);
    schema_unref(schema);
}

Test(caveat_attributes, digest_says_whether_parameters_are_reserved)
{
    uint8_t plain[DIGEST_SIZE];
    uint8_t reserved[DIGEST_SIZE];

    digest_under("", "x int", "x == 1", plain);
    digest_under("use attributes", "x int", "x == 1", reserved);
    cr_expect_arr_eq(plain, reserved, DIGEST_SIZE, "no parameter is reserved");
    digest_under("", "subject map<any>", "subject.x == 1.0", plain);
    digest_under("use attributes", "subject map<any>", "subject.x == 1.0", reserved);
    cr_expect_arr_neq(plain, reserved, DIGEST_SIZE);
    digest_under("use request_attributes", "subject map<any>", "subject.x == 1.0", plain);
    cr_expect_arr_eq(plain, reserved, DIGEST_SIZE);
}
