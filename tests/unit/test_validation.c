/* Validation files: their form, assertions, expected subjects, who is found, what is rewritten. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/datum.h"
#include "base/memory.h"
#include "validate/validation.h"

static struct arena arena;
static struct error error;

static void
set_up(void)
{
    arena_init(&arena, 64 << 20);
    error = (struct error){.status = BEHALF_OK};
}

static void
tear_down(void)
{
    arena_release(&arena);
}

TestSuite(validation, .init = set_up, .fini = tear_down);

#define SCHEMA "schema: |-\n  definition user {}\n"

static enum status
read_text(const char *text, struct validation_file *file)
{
    return validation_yaml_read(slice_of(text), &arena, file, &error);
}

static void
expect_refused(const char *text, uint32_t line, const char *message)
{
    struct validation_file file;

    cr_expect_neq(read_text(text, &file), BEHALF_OK, "%s", text);
    cr_expect_eq(error.line, line, "%s: line %u", text, error.line);
    cr_expect(strstr(error.message, message) != NULL, "%s: %s", text, error.message);
}

Test(validation, every_part_keeps_its_line)
{
    struct validation_file file;

    cr_assert_eq(read_text("# first\nschema: |-\n  definition user {}\n\n  definition doc {}\n"
                           "relationships: \"doc:a#b@c:d\"\nassertions:\n  assertTrue:\n"
                           "    - one\n    - 'two'\n  assertFalse:\n  assertCaveated: [three]\n"
                           "validation:\n  doc:a#view:\n    - \"[user:x] is <y>\"\n  doc:b#view:\n"
                           "# behind\nother: 1\n",
                           &file),
                 BEHALF_OK, "%s", error.message);
    cr_expect(slice_equal(file.schema.text, slice_of("definition user {}\n\ndefinition doc {}")));
    cr_expect(file.schema.literal && file.schema.line == 2);
    cr_expect(file.relationships.present && !file.relationships.literal);
    cr_expect_eq(file.relationships.line, 6);
    cr_assert_eq(file.assertion_count, 3);
    cr_expect_eq(file.assertions[0].source.line, 9);
    cr_expect_eq(file.assertions[1].expected, DECISION_ALLOW);
    cr_expect_eq(file.assertions[2].expected, DECISION_CONDITIONAL);
    cr_expect_eq(file.assertions[2].source.line, 12);
    cr_assert_eq(file.relation_count, 2);
    cr_expect_eq(file.relations[0].subject_count, 1);
    cr_expect_eq(file.relations[0].subjects[0].line, 15);
    cr_expect_eq(file.relations[1].subject_count, 0);
    cr_expect_eq(file.block_first, 13);
    cr_expect_eq(file.block_last, 16);
    cr_assert_eq(file.unknown_count, 1);
    cr_expect(slice_equal(file.unknown[0].text, slice_of("other")));
}

Test(validation, empty_parts_are_absent_parts)
{
    struct validation_file file;

    cr_assert_eq(read_text(SCHEMA "relationships: ''\nassertions: {}\nvalidation: null\n", &file),
                 BEHALF_OK);
    cr_expect_eq(file.assertion_count + file.relation_count, 0);
    cr_assert_eq(read_text(SCHEMA "relationships:\nassertions:\nvalidation: {}\n", &file),
                 BEHALF_OK);
    cr_expect_not(file.relationships.present);
}

Test(validation, form_errors_name_their_line)
{
    expect_refused("", 0, "empty");
    expect_refused("- a\n", 1, "mapping");
    expect_refused("relationships: x\n", 0, "neither schema nor schemaFile");
    expect_refused(SCHEMA "schemaFile: x.zed\n", 3, "exclude each other");
    expect_refused(SCHEMA "namespace_configs: []\n", 3, "format that is gone");
    expect_refused(SCHEMA "validation_tuples: []\n", 3, "format that is gone");
    expect_refused(SCHEMA "schema: x\n", 3, "second time");
    expect_refused(SCHEMA "relationships: [a]\n", 3, "one text");
    expect_refused(SCHEMA "assertions: [a]\n", 3, "mapping");
    expect_refused(SCHEMA "assertions:\n  assertTure: []\n", 4, "assertTrue");
    expect_refused(SCHEMA "assertions:\n  assertTrue: a\n", 4, "list");
    expect_refused(SCHEMA "assertions:\n  assertTrue:\n    - {a: b}\n", 5, "must be text");
    expect_refused(SCHEMA "validation: [a]\n", 3, "validation must map");
    expect_refused(SCHEMA "validation:\n  a: b\n", 4, "must be a list");
    expect_refused(SCHEMA "---\nschema: x\n", 4, "second YAML document");
    expect_refused(SCHEMA "x: [\n", 4, "not YAML");
}

/* --- assertions ------------------------------------------------------------------------------- */

static enum status
parse_assertion(const char *text, struct validation_question *question)
{
    return validation_assertion_parse(slice_of(text), &arena, question, &error);
}

Test(validation, assertions_are_relationships_and_perhaps_a_context)
{
    static const char *const bad[] = {
        "doc:a#view",
        "doc:a#view@user:x with",
        "doc:a#view@user:x with {\"a\": }",
        "doc:a#view@user:x with []",
        "doc:a#view@user:x with null",
        "doc:a#view@user:x with {} with {}",
        "doc:a#view@user:x[name]",
        "doc:a#view@user:x[name] with {}",
        "doc:a#view@user:x[expiration:2030-01-01T00:00:00Z]",
        "",
    };
    struct validation_question question;

    cr_assert_eq(parse_assertion(" doc:a#view@group:g#member with { } ", &question), BEHALF_OK,
                 "%s", error.message);
    cr_expect(slice_equal(question.asked.resource.relation, slice_of("view")));
    cr_expect(slice_equal(question.asked.subject.relation, slice_of("member")));
    cr_expect_eq(question.context->as.map.count, 0);
    cr_assert_eq(parse_assertion("doc:a#view@user:x", &question), BEHALF_OK);
    cr_expect_null(question.context);
    cr_expect_eq(question.actor_count, 0);
    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++)
        cr_expect_neq(parse_assertion(bad[index], &question), BEHALF_OK, "%s", bad[index]);
}

Test(validation, context_begins_at_the_first_with_outside_of_quotes)
{
    static const char text[] =
        "doc:a#view@user:\"x with {}\" with {\"words\": \"a with b\", \"count\": 3}";
    const struct datum *words;
    struct validation_question question;

    cr_assert_eq(parse_assertion(text, &question), BEHALF_OK, "%s", error.message);
    cr_expect(slice_equal(question.asked.subject.id, slice_of("x with {}")));
    cr_assert_eq(question.context->as.map.count, 2);
    words = datum_field(question.context, slice_of("words"));
    cr_expect(slice_equal(words->as.string, slice_of("a with b")));
}

Test(validation, actors_stand_between_the_question_and_its_context)
{
    struct validation_question question;

    cr_assert_eq(parse_assertion("doc:a#view@user:\"x actor=y\" "
                                 "actor=agent:bot,agent:\"the helper, with {}\" "
                                 "with {\"a\": \"b actor=c\"}",
                                 &question),
                 BEHALF_OK, "%s", error.message);
    cr_expect(slice_equal(question.asked.subject.id, slice_of("x actor=y")));
    cr_assert_eq(question.actor_count, 2);
    cr_expect(slice_equal(question.actors[0].type, slice_of("agent")));
    cr_expect(slice_equal(question.actors[0].id, slice_of("bot")));
    cr_expect(slice_equal(question.actors[1].id, slice_of("the helper, with {}")));
    cr_expect_eq(question.actor_columns[0], 35);
    cr_expect_eq(question.actor_columns[1], 45);
    cr_expect_eq(question.context->as.map.count, 1);
    cr_assert_eq(parse_assertion("doc:a#view@user:x actor=agent:bot", &question), BEHALF_OK);
    cr_expect_eq(question.actor_count, 1);
    cr_expect_null(question.context);
}

Test(validation, actors_and_grant_come_in_any_order)
{
    static const char *const texts[] = {
        "doc:a#view@user:x actor=agent:b grant=reading with {}",
        "doc:a#view@user:x grant=reading  actor=agent:b with {}",
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(texts); index++) {
        struct validation_question question;

        cr_assert_eq(parse_assertion(texts[index], &question), BEHALF_OK, "%s", error.message);
        cr_expect_eq(question.actor_count, 1);
        cr_expect(slice_equal(question.grant, slice_of("reading")));
        cr_expect_eq(question.grant_column, index == 0 ? 39 : 25);
        cr_expect_not_null(question.context);
    }
}

/* --- grants ----------------------------------------------------------------------------------- */

/* The arguments of the one grant `g` of a file. */
static enum status
parse_grant(const char *yaml, struct grant_arguments *arguments)
{
    static char text[4096];
    struct validation_file file;
    enum status status;

    (void)snprintf(text, sizeof text, "schema: definition user {}\ngrants:\n  g: %s\n", yaml);
    status = validation_yaml_read(slice_of(text), &arena, &file, &error);
    if (status != BEHALF_OK)
        return status;
    cr_assert_eq(file.grant_count, 1);
    return validation_grant_parse(file.grants[0].arguments, &arena, arguments, &error);
}

#define SCOPE "scope: [{selector: \"doc:*\", actions: [view]}]"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

Test(validation, a_root_grant_with_everything)
{
    struct grant_arguments grant;

    cr_assert_eq(
        parse_grant("{principal: user:ann, agent: \"agent:bot\", " SCOPE ", max_depth: 7, "
                    "uses: 3, not_before: 2027-01-01T00:00:00Z, expires_at: 2027-01-02T00:00:00Z, "
                    "constraints: [{caveat: few, context: {limit: 3, on: true, s: \"3\"}}], "
                    "bind: {method: POST, digest: " HEX "}, tools: [{name: mail, sha256: " HEX
                    "}], purpose: taxes}",
                    &grant),
        BEHALF_OK, "%s", error.message);
    cr_expect(slice_equal(grant.principal.id, slice_of("ann")));
    cr_expect(slice_equal(grant.agent.type, slice_of("agent")));
    cr_assert_eq(grant.terms.scope_count, 1);
    cr_expect(slice_equal(grant.terms.scope[0].selector, slice_of("doc:*")));
    cr_assert_eq(grant.terms.scope[0].action_count, 1);
    cr_expect(slice_equal(grant.terms.scope[0].actions[0], slice_of("view")));
    cr_expect_eq(grant.terms.max_depth, 7);
    cr_expect_eq(grant.terms.uses, 3);
    cr_expect_eq(grant.terms.end.at - grant.terms.not_before, INT64_C(86400) * 1000000000);
    cr_assert_eq(grant.terms.constraint_count, 1);
    cr_expect(slice_equal(grant.terms.constraints[0].caveat, slice_of("few")));
    cr_expect_gt(grant.terms.constraints[0].context.size, 0);
    cr_expect(slice_equal(grant.terms.binding.method, slice_of("POST")));
    cr_expect_eq(grant.terms.binding.digest[31], 0xFF);
    cr_assert_eq(grant.terms.tool_count, 1);
    cr_expect_eq(grant.terms.tools[0].sha256[1], 0x11);
    cr_expect(slice_equal(grant.terms.purpose, slice_of("taxes")));
}

Test(validation, a_part_of_a_grant)
{
    struct grant_arguments grant;

    cr_assert_eq(
        parse_grant("{parent: whole, delegatee: agent:b, " SCOPE ", expires_in_s: 60}", &grant),
        BEHALF_OK, "%s", error.message);
    cr_expect(slice_equal(grant.parent, slice_of("whole")));
    cr_expect_eq(grant.actor.type.size, 0);
    cr_expect_eq(grant.terms.end.in_ns, INT64_C(60) * 1000000000);
    cr_assert_eq(
        parse_grant("{parent: whole, actor: agent:a, delegatee: agent:b, " SCOPE "}", &grant),
        BEHALF_OK);
    cr_expect(slice_equal(grant.actor.id, slice_of("a")));
}

Test(validation, what_is_wrong_with_a_grant_is_named)
{
    static const struct {
        const char *yaml;
        const char *message;
    } bad[] = {
        {"3", "map its arguments"},
        {"{}", "principal and agent, or parent"},
        {"{principal: user:ann, " SCOPE "}", "principal and agent, or parent"},
        {"{principal: user:ann, agent: agent:b, parent: g, " SCOPE "}", "or parent, delegatee"},
        {"{parent: g, " SCOPE "}", "or parent, delegatee"},
        {"{parent: g, delegatee: agent:b, agent: agent:c, " SCOPE "}", "or parent, delegatee"},
        {"{principal: user:ann, agent: agent:b}", "scope is missing"},
        {"{principal: ann, agent: agent:b, " SCOPE "}", "principal: "},
        {"{principal: [user:ann], agent: agent:b, " SCOPE "}", "principal must be an object"},
        {"{session: s, principal: user:ann, agent: agent:b, " SCOPE "}", "no 'session'"},
        {"{approval: {}, principal: user:ann, agent: agent:b, " SCOPE "}", "no 'approval'"},
        {"{principal: user:ann, agent: agent:b, scope: []}", "scope must be a list"},
        {"{principal: user:ann, agent: agent:b, scope: {}}", "scope must be a list"},
        {"{principal: user:ann, agent: agent:b, scope: [x]}", "scope[0] must be a mapping"},
        {"{principal: user:ann, agent: agent:b, scope: [{selector: x}]}", "scope[0] must be"},
        {"{principal: user:ann, agent: agent:b, scope: [{selector: x, actions: [3]}]}",
         "scope[0].actions[0] must be text"},
        {"{principal: user:ann, agent: agent:b, scope: [{selector: x, action: [y]}]}",
         "no 'scope[0].action'"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", uses: 0}", "uses must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", uses: \"3\"}", "uses must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", max_depth: 8}", "max_depth must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", max_depth: 1.0}", "max_depth must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", expires_at: soon}",
         "expires_at must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", expires_in_s: 0}", "expires_in_s must"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", expires_in_s: 9223372037}",
         "expires_in_s must"},
        {"{principal: user:ann, agent: agent:b, " SCOPE
         ", expires_in_s: 1, expires_at: 2027-01-01T00:00:00Z}",
         "exclude each other"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", bind: {method: x}}", "bind must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", bind: {method: x, digest: ab}}",
         "bind.digest must be 64"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", tools: [{name: x}]}",
         "tools[0] must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", constraints: [{}]}",
         "constraints[0] must be"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", constraints: [{caveat: c, context: 3}]}",
         "constraints[0].context must be a mapping"},
        {"{principal: user:ann, agent: agent:b, " SCOPE ", uses: 1, uses: 2}", "second time"},
        {"&a {principal: *a}", "nested too deep"},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++) {
        struct grant_arguments grant;

        error.message[0] = '\0';
        cr_expect_neq(parse_grant(bad[index].yaml, &grant), BEHALF_OK, "%s", bad[index].yaml);
        cr_expect_not_null(strstr(error.message, bad[index].message), "%s: %s", bad[index].yaml,
                           error.message);
    }
}

Test(validation, names_of_grants_are_words)
{
    expect_refused(SCHEMA "grants:\n  a b: {}\n", 4, "name of a grant");
    expect_refused(SCHEMA "grants:\n  \"\": {}\n", 4, "name of a grant");
    expect_refused(SCHEMA "grants: [a]\n", 3, "grants must map");
    expect_refused(SCHEMA "grants:\n  a: {}\n  a: {}\n", 5, "second time");
}

Test(validation, assertion_errors_name_their_column)
{
    static const struct {
        const char *text;
        uint32_t column;
        const char *message;
    } bad[] = {
        {"doc:a#view@user:x actor=", 25, "an actor is missing"},
        {"doc:a#view@user:x actor= with {}", 25, "an actor is missing"},
        {"doc:a#view@user:x actor=agent:bot,", 35, "an actor is missing"},
        {"doc:a#view@user:x actor=agent:bot, agent:b", 35, "an actor is missing"},
        {"doc:a#view@user:x actor=agent:bot,,agent:b", 35, "an actor is missing"},
        {"doc:a#view@user:x actor=bot", 25, ""},
        {"doc:a#view@user:x actor=agent:bot,helper with {}", 35, ""},
        {"doc:a#view@user:x actor=agent:b actor=agent:c", 33, "'actor=agent:c' is not understood"},
        {"doc:a#view@user:x actor=agent:b grant=", 39, "a name is missing"},
        {"doc:a#view@user:x grant=g grant=h", 27, "'grant=h' is not understood"},
        {"doc:a#view@user:x grant=g actor=agent:b grant=h", 41, "'grant=h' is not understood"},
        {"doc:a#view@user:x grant=g actor=", 33, "an actor is missing"},
        {"doc:a#view@user:x actor=agent:b with", 33, "'with' is not understood"},
        {"doc:a#view@user:x with {} actor=agent:b", 24, ""},
        {"doc:a#view@user:x actor=agent:b with []", 38, "JSON object"},
        {" doc:a#view@user:x[c] actor=agent:b", 2, "carries no caveat"},
    };
    struct validation_question question;

    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++) {
        cr_expect_eq(parse_assertion(bad[index].text, &question), BEHALF_MALFORMED_REQUEST, "%s",
                     bad[index].text);
        cr_expect(error.column >= bad[index].column &&
                      strstr(error.message, bad[index].message) != NULL,
                  "%s: %u: %s", bad[index].text, error.column, error.message);
        if (bad[index].message[0] != '\0')
            cr_expect_eq(error.column, bad[index].column, "%s: %u", bad[index].text, error.column);
    }
}

/* --- expected subjects ------------------------------------------------------------------------ */

static bool
parse_expected(const char *text, struct listed_subject *expected)
{
    return validation_expected_parse(slice_of(text), &arena, expected, &error) == BEHALF_OK;
}

Test(validation, expected_subject_with_all_its_parts)
{
    struct listed_subject expected;

    cr_assert(parse_expected("[user:* - {user:a, user:b[...]}] might be <doc:a#view>/<doc:b#c-d>",
                             &expected) == false);
    cr_assert(parse_expected("[user:* - {user:a, user:b[...]}] might be <doc:a#view>/<doc:b#edit>",
                             &expected),
              "%s", error.message);
    cr_expect(expected.who.subject.wildcard && !expected.who.conditional);
    cr_assert_eq(expected.exception_count, 2);
    cr_expect(!expected.exceptions[0].conditional && expected.exceptions[1].conditional);
    cr_expect(slice_equal(expected.exceptions[1].subject.id, slice_of("b")));
    cr_assert_eq(expected.holder_count, 2);
    cr_expect(slice_equal(expected.holders[1].relation, slice_of("edit")));
}

Test(validation, expected_subject_marks_and_usersets)
{
    struct listed_subject expected;

    cr_assert(parse_expected("[user:tom[...]] is <doc:a#view>", &expected));
    cr_expect(expected.who.conditional);
    cr_assert(parse_expected("[group:eng#member] is <doc:a#view>", &expected));
    cr_expect(slice_equal(expected.who.subject.relation, slice_of("member")));
    cr_assert(parse_expected("[user:\"a ] b > {c}\"] is <doc:\"<x>\"#view>", &expected), "%s",
              error.message);
    cr_expect(slice_equal(expected.who.subject.id, slice_of("a ] b > {c}")));
    cr_expect(slice_equal(expected.holders[0].id, slice_of("<x>")));
}

Test(validation, expected_subject_nonsense_is_refused)
{
    static const char *const bad[] = {
        "",
        "user:tom is <doc:a#view>",
        "[user:tom",
        "[user:tom] is <doc:a#view",
        "[user:tom] is <doc:a>",
        "[user] is <doc:a#view>",
        "[user:tom user:bob] is <doc:a#view>",
        "[user:* - user:a] is <doc:a#view>",
        "[user:* - {}] is <doc:a#view>",
        "[user:* - {user:*}] is <doc:a#view>",
        "[user:* - {user:a user:b}] is <doc:a#view>",
        "[user:tom - {user:a}] is <doc:a#view>",
    };
    struct listed_subject expected;

    for (size_t index = 0; index < BEHALF_COUNT_OF(bad); index++)
        cr_expect_not(parse_expected(bad[index], &expected), "%s", bad[index]);
}

/* --- running ---------------------------------------------------------------------------------- */

#define WORLD                                                                                      \
    "schema: |-\n"                                                                                 \
    "  definition user {}\n"                                                                       \
    "  definition group { relation member: user | group#member }\n"                                \
    "  definition doc {\n"                                                                         \
    "    relation viewer: user | user:* | group#member\n"                                          \
    "    relation banned: user\n"                                                                  \
    "    permission view = viewer - banned\n"                                                      \
    "  }\n"                                                                                        \
    "relationships: |-\n"                                                                          \
    "  doc:a#viewer@user:*\n"                                                                      \
    "  doc:a#viewer@group:eng#member\n"                                                            \
    "  doc:a#banned@user:eve\n"                                                                    \
    "  group:eng#member@user:ann\n"

static struct validation_result
run_text(const char *text, enum validation_expected expected)
{
    struct validation_result result;

    validation_run("a.yaml", slice_of(text), expected, &arena, &result);
    return result;
}

/* A case without a line when there is none. */
static const struct validation_case *
first_failure(const struct validation_result *result)
{
    static const struct validation_case none = {.message = {"", 0}};

    for (uint32_t index = 0; index < result->case_count; index++)
        if (result->cases[index].outcome == VALIDATION_FAILED)
            return &result->cases[index];
    return &none;
}

Test(validation, right_expectations_pass)
{
    struct validation_result result =
        run_text(WORLD "assertions:\n  assertTrue: ['doc:a#view@user:x']\nvalidation:\n"
                       "  doc:a#view:\n    - '[user:ann] is <group:eng#member>'\n"
                       "    - '[user:* - {user:eve}] is <doc:a#viewer>'\n"
                       "    - '[group:eng#member] is <doc:a#viewer>'\n",
                 VALIDATION_COMPARE);

    cr_expect_eq(result.failed_count, 0);
    cr_expect_eq(result.relationship_count, 4);
    cr_expect_eq(result.assertion_count, 1);
    cr_expect_eq(result.relation_count, 1);
    memory_free(result.cases);
}

static void
expect_failure(const char *validation, uint32_t line, const char *message)
{
    struct validation_result result;
    const struct validation_case *failure;
    char text[4096];

    (void)snprintf(text, sizeof text, WORLD "%s", validation);
    result = run_text(text, VALIDATION_COMPARE);
    failure = first_failure(&result);
    cr_assert_eq(result.case_count > 0 && failure->line > 0, true, "%s", validation);
    cr_expect_eq(failure->line, line, "%s: line %u", validation, failure->line);
    cr_expect(strstr(failure->message.data, message) != NULL, "%s: %s", validation,
              failure->message.data);
    memory_free(result.cases);
}

Test(validation, attributes_map_objects_to_maps)
{
    struct validation_result result =
        run_text(WORLD "attributes:\n  user:ann: {role: admin, level: 3, tags: [a, \"1\"]}\n"
                       "  'doc:\"a b\"':\n    open: true\n"
                       "assertions:\n  assertTrue: ['doc:a#view@user:x']\n",
                 VALIDATION_COMPARE);
    struct buffer text;

    cr_expect_eq(result.failed_count, 0, "%s", first_failure(&result)->message.data);
    cr_assert_eq(result.file.attributes_count, 2);
    buffer_init(&text);
    datum_print_json(result.file.attributes[0].attributes, &text);
    cr_expect(slice_equal(buffer_slice(&text),
                          slice_of("{\"level\":3,\"role\":\"admin\",\"tags\":[\"a\",\"1\"]}")));
    buffer_release(&text);
    memory_free(result.cases);
}

Test(validation, attributes_that_the_server_would_refuse_fail_where_they_stand)
{
    expect_failure("attributes:\n  user:ann: {a: 1}\n  users:ann: {a: 1}\n", 16, "users");
    expect_failure("attributes:\n  user:*: {a: 1}\n", 15, "wildcard");
    expect_failure("attributes:\n  ann: {a: 1}\n", 15, "");
    expect_failure("attributes:\n  user:ann: {a: [null]}\n", 15, "attributes.a[0]");
    expect_failure("attributes:\n  user:ann: 3\n", 15, "must be a mapping");
    expect_failure("attributes: [user:ann]\n", 14, "must map objects");
    expect_failure("attributes:\n  user:ann: {a: 1}\n  user:ann: {a: 1}\n", 16, "second time");
}

Test(validation, wrong_expectations_fail_where_they_stand)
{
    expect_failure("assertions:\n  assertFalse:\n  - doc:a#view@user:x\n", 16, "answer is allow");
    expect_failure("assertions:\n  assertCaveated:\n  - doc:a#view@user:x\n", 16,
                   "expected conditional");
    expect_failure("assertions:\n  assertTrue:\n  - doc:a#nope@user:x\n", 16, "nope");
    expect_failure("assertions:\n  assertTrue:\n  - doc:a#view@user:*\n", 16, "wildcard");
    expect_failure("validation:\n  doc:a#banned:\n  - '[user:ann] is <doc:a#banned>'\n", 16,
                   "not found");
    expect_failure("validation:\n  doc:a#banned: []\n", 15, "not expected");
    expect_failure("validation:\n  doc:a#banned:\n  - '[user:eve] is <doc:a#viewer>'\n", 16,
                   "found '[user:eve] is <doc:a#banned>'");
    expect_failure("validation:\n  doc:a#banned:\n"
                   "  - '[user:eve] is <doc:a#banned>/<doc:a#viewer>'\n",
                   16, "found");
    expect_failure("validation:\n  doc:a#banned:\n  - '[user:eve[...]] is <doc:a#banned>'\n", 16,
                   "found '[user:eve] is <doc:a#banned>'");
    expect_failure("validation:\n  group:eng#member:\n  - '[user:ann] is <group:eng#member>'\n"
                   "  - '[user:ann] is <group:eng#member>'\n",
                   17, "twice");
    expect_failure("validation:\n  doc:a:\n  - '[user:eve] is <doc:a#banned>'\n", 15,
                   "object#relation");
    expect_failure("validation:\n  doc:a#view:\n  - '[user:*] is <doc:a#viewer>'\n", 16,
                   "[user:* - {user:eve}]");
}

Test(validation, bad_relationships_are_named_each)
{
    struct validation_result result =
        run_text("schema: |-\n  definition user {}\n  definition doc { relation viewer: user }\n"
                 "relationships: |-\n  doc:a#viewer@user:x\n  nonsense\n  doc:a#viewer@user:\"x\"\n"
                 "  doc:a#nope@user:x\n",
                 VALIDATION_COMPARE);

    cr_assert_eq(result.failed_count, 1);
    cr_expect_eq(first_failure(&result)->line, 6);
    memory_free(result.cases);
    result = run_text(
        "schema: |-\n  definition user {}\n  definition doc { relation viewer: user }\n"
        "relationships: |-\n  doc:a#viewer@user:x\n  // again\n  doc:a#viewer@user:\"x\"\n",
        VALIDATION_COMPARE);
    cr_assert_eq(result.failed_count, 1);
    cr_expect_eq(first_failure(&result)->line, 7);
    cr_expect(strstr(first_failure(&result)->message.data, "line 5") != NULL);
    memory_free(result.cases);
    result = run_text(
        "schema: |-\n  definition user {}\n  definition doc { relation viewer: user }\n"
        "relationships: |-\n  doc:a#viewer@user:x\n  doc:a#nope@user:x\n  doc:a#viewer@doc:b\n",
        VALIDATION_COMPARE);
    cr_assert_eq(result.failed_count, 2);
    cr_expect_eq(first_failure(&result)->line, 6);
    memory_free(result.cases);
}

Test(validation, schema_errors_keep_their_place_in_the_yaml)
{
    struct validation_result result =
        run_text("schema: |-\n\n    definition doc {\n      relation viewer: usr\n    }\n",
                 VALIDATION_COMPARE);

    cr_assert_eq(result.failed_count, 1);
    cr_expect_eq(result.cases[0].line, 4);
    cr_expect_eq(result.cases[0].column, 24);
    memory_free(result.cases);
}

Test(validation, update_rewrites_only_the_block)
{
    static const char before[] = "# head\n" WORLD "validation: # list\n  doc:a#banned:\n"
                                 "    - '[user:old] is <doc:a#banned>'\n  doc:b#view: []\n"
                                 "\n# tail\nassertions: {}";
    static const char after[] = "# head\n" WORLD "validation:\n  doc:a#banned:\n"
                                "    - \"[user:eve] is <doc:a#banned>\"\n  doc:b#view: []\n"
                                "\n# tail\nassertions: {}";
    struct validation_result result = run_text(before, VALIDATION_REGENERATE);

    cr_expect_eq(result.failed_count, 0);
    cr_expect(slice_equal(result.updated, slice_of(after)), "%s", result.updated.data);
    memory_free(result.cases);
    result = run_text(after, VALIDATION_REGENERATE);
    cr_expect_eq(result.updated.size, 0);
    memory_free(result.cases);
    result = run_text(after, VALIDATION_COMPARE);
    cr_expect_eq(result.failed_count, 0);
    memory_free(result.cases);
}

/* --- explanations ----------------------------------------------------------------------------- */

static struct relationship
relationship_of(const char *text)
{
    struct relationship parsed;

    cr_assert_eq(relationship_parse(slice_of(text), &arena, &parsed, &error), BEHALF_OK, "%s",
                 text);
    return parsed;
}

Test(validation, explanation_is_a_line_a_node_indented_by_depth)
{
    static const struct slice missing[] = {{"count", 5}, {"limit", 5}};
    const struct explanation stored = {
        .kind = EXPLAIN_RELATIONSHIP,
        .decision = DECISION_CONDITIONAL,
        .relationship = relationship_of("doc:a#viewer@user:x[below:{\"limit\":4}]"),
        .context = relationship_of("doc:a#viewer@user:x[below:{\"limit\":4}]").context,
        .residual = slice_of("count < 4"),
        .missing = {missing, 1},
    };
    const struct explanation absent = {.kind = EXPLAIN_ABSENT,
                                       .relationship = relationship_of("doc:a#owner@user:x")};
    const struct explanation failed = {.kind = EXPLAIN_IDENTITY,
                                       .status = BEHALF_CAVEAT_EVALUATION_ERROR,
                                       .message = slice_of("division by zero")};
    const struct explanation more = {.kind = EXPLAIN_MORE, .omitted = 3};
    const struct explanation *const inner[] = {&stored, &absent};
    const struct explanation all = {.kind = EXPLAIN_UNION,
                                    .decision = DECISION_CONDITIONAL,
                                    .missing = {missing, 2},
                                    .children = inner,
                                    .child_count = 2};
    const struct explanation *const outer[] = {&all, &failed, &more};
    const struct explanation root = {.kind = EXPLAIN_MEMBER,
                                     .decision = DECISION_DENY,
                                     .object = relationship_of("doc:a#owner@user:x").resource,
                                     .relation = slice_of("view"),
                                     .children = outer,
                                     .child_count = 3};
    struct buffer text;

    buffer_init(&text);
    validation_explanation_print(&root, &text);
    cr_expect_str_eq(text.data,
                     "doc:a#view  deny\n"
                     "  union  conditional (missing: count, limit)\n"
                     "    doc:a#viewer@user:x[below:{\"limit\":4}]  conditional (missing: count)  "
                     "with {\"limit\":4}, left: count < 4\n"
                     "    no doc:a#owner@user:x  deny\n"
                     "  the subject itself  error CAVEAT_EVALUATION_ERROR: division by zero\n"
                     "  3 more  deny");
    buffer_release(&text);
}
