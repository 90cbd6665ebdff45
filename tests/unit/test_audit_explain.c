/* test_audit_explain.c - the record of a decision by its id, the states of its session and grants
 * now, and records of gateways. */
#include <stdio.h>
#include <string.h>

#include "base/datum.h"
#include "tests/unit/test_audit_support.h"

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition doc { relation viewer: user\n"
                             "  permission view = viewer }\n";

static void
begin(void)
{
    audited_begin();
    agents_open(schema, NULL);
}

static void
end(void)
{
    agents_close();
    audited_end();
}

TestSuite(audit_explain, .init = begin, .fini = end);
TestSuite(audit_append, .init = begin, .fini = end);

/* --- explain --- */

static enum status
explain(const char *id, struct audit_explain_result *result, struct error *error)
{
    const struct engine_request request = audited_request();

    return engine_audit_explain(agents.worker, &request, slice_of(id), result, error);
}

/* The states now, as JSON. Static storage. */
static const char *
states(const char *id)
{
    static char text[4096];
    struct audit_explain_result result;
    struct buffer out;
    struct error error;

    cr_assert_eq(explain(id, &result, &error), BEHALF_OK, "%s", error.message);
    buffer_init(&out);
    datum_print_json(result.now, &out);
    (void)snprintf(text, sizeof text, "%s", out.data);
    buffer_release(&out);
    return text;
}

/* A record of a decision `seconds` behind the start whose line is written at `written`. */
static struct record_id_text
put_decision(int64_t seconds, int64_t written, const char *more)
{
    struct record_id_text id = audited_decision_id(seconds);
    char json[2048];

    (void)snprintf(json, sizeof json, "{\"event\":\"decision\",\"decision_id\":\"%s\"%s}", id.text,
                   more);
    audited_put(written, json);
    return id;
}

Test(audit_explain, a_decision_is_found_by_its_id)
{
    struct record_id_text id = put_decision(5, 5, ",\"n\":1");
    struct audit_explain_result result;
    struct error error;

    (void)put_decision(6, 6, ",\"n\":2");
    cr_assert_eq(explain(id.text, &result, &error), BEHALF_OK, "%s", error.message);
    cr_expect_not_null(strstr(result.record.data, "\"n\":1"), "%s", result.record.data);
    cr_expect_str_eq(states(id.text), "{}");
}

/* An allow that became a deny after its record was on the disk has two. */
Test(audit_explain, the_last_record_of_a_decision_counts)
{
    struct record_id_text id = put_decision(5, 5, ",\"n\":1");
    struct audit_explain_result result;
    struct error error;

    (void)put_decision(5, 7, ",\"n\":2");
    cr_assert_eq(explain(id.text, &result, &error), BEHALF_OK, "%s", error.message);
    cr_expect_not_null(strstr(result.record.data, "\"n\":2"), "%s", result.record.data);
}

Test(audit_explain, an_id_that_only_stands_in_fields_is_no_decision)
{
    struct record_id_text id = audited_decision_id(5);
    struct audit_explain_result result;
    struct error error;
    char json[256];

    (void)snprintf(json, sizeof json,
                   "{\"event\":\"gateway.x\",\"fields\":{\"decision_id\":\"%s\"}}", id.text);
    audited_put(5, json);
    cr_expect_eq(explain(id.text, &result, &error), BEHALF_UNKNOWN_RECORD);
}

Test(audit_explain, an_unknown_decision_and_what_is_no_id)
{
    struct record_id_text id = audited_decision_id(5);
    struct audit_explain_result result;
    struct error error;

    cr_expect_eq(explain(id.text, &result, &error), BEHALF_UNKNOWN_RECORD);
    cr_expect_not_null(strstr(error.hint, "'decision'"), "%s", error.hint);
    cr_expect_eq(explain("dec_1", &result, &error), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(explain("", &result, &error), BEHALF_MALFORMED_REQUEST);
}

/* States are those of now, and what is not stored any more has none. */
Test(audit_explain, states_of_session_grant_and_chain)
{
    struct record_id session = agents_session((struct session_words){0});
    struct record_id root =
        agents_root(session, (struct grant_words){.scope = "doc:* view", .depth = 1});
    struct record_id child = agents_delegate(root, "agent:bot", "agent:helper",
                                             (struct grant_words){.scope = "doc:1 view"});
    struct record_id_text of_session;
    struct record_id_text of_root;
    struct record_id_text of_child;
    struct record_id_text id;
    char more[1024];
    char expected[1024];

    record_id_print(&session, RECORD_PREFIX_SESSION, &of_session);
    record_id_print(&root, RECORD_PREFIX_GRANT, &of_root);
    record_id_print(&child, RECORD_PREFIX_GRANT, &of_child);
    (void)snprintf(more, sizeof more,
                   ",\"session\":\"%s\",\"grant\":\"%s\",\"chain\":[{\"grant\":\"%s\"},"
                   "{\"grant\":\"%s\"},{\"grant\":\"gr_00000000000000000000000000\"}]",
                   of_session.text, of_child.text, of_root.text, of_child.text);
    id = put_decision(5, 5, more);
    agents_revoke(child);
    (void)snprintf(expected, sizeof expected,
                   "{\"chain\":[{\"grant\":\"%s\",\"state\":\"active\"},{\"grant\":\"%s\","
                   "\"state\":\"grant_revoked\"}],\"grant\":\"grant_revoked\",\"session\":"
                   "\"active\"}",
                   of_root.text, of_child.text);
    cr_expect_str_eq(states(id.text), expected);
}

/* --- append --- */

static enum status
append(const char *event, const char *fields, struct error *error)
{
    struct engine_request request = audited_request();
    struct audit_append record = {.event = slice_of(event)};
    struct arena arena;
    enum status status;

    arena_init(&arena, SIZE_MAX);
    request.caller = SLICE_LITERAL("gateway");
    request.request_id = SLICE_LITERAL("7f3a");
    if (fields != NULL)
        cr_assert_eq(datum_parse_json(slice_of(fields), &arena, &record.fields, error), BEHALF_OK);
    status = engine_audit_append(agents.worker, &request, &record, error);
    arena_release(&arena);
    return status;
}

Test(audit_append, a_record_has_its_caller_and_its_fields)
{
    const struct audit_read read = {.filter.event = SLICE_LITERAL("gateway.*")};
    struct error error;

    cr_assert_eq(append("gateway.login", "{\"a\":[1,{\"b\":\"c\"}],\"t\":true}", &error), BEHALF_OK,
                 "%s", error.message);
    audited_put(0, "{\"event\":\"test.row\"}");
    cr_expect_str_eq(audited_values(&read, "event"), "gateway.login");
    cr_expect_str_eq(audited_values(&read, "caller"), "gateway");
    cr_expect_str_eq(audited_values(&read, "request_id"), "7f3a");
    cr_expect_str_eq(audited_values(&read, "fields"), "{\"a\":[1,{\"b\":\"c\"}],\"t\":true}");
}

Test(audit_append, events_of_the_family_only)
{
    static const char *const wrong[] = {
        "gateway.",
        "gateway",
        "decision",
        "grant.revoked",
        "gateway.Login",
        "gateway.a b",
        "gateway.012345678901234567890123456789012345678901234567890123456",
        "Gateway.x",
        ""};
    struct error error;

    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++)
        cr_expect_eq(append(wrong[at], NULL, &error), BEHALF_MALFORMED_REQUEST, "%s", wrong[at]);
    cr_expect_eq(
        append("gateway.01234567890123456789012345678901234567890123456789012345", NULL, &error),
        BEHALF_OK);
}

/* What a line of the log may not hold. */
Test(audit_append, fields_that_are_refused)
{
    static const char *const wrong[] = {
        "{\"a\":null}",
        "{\"a\":1.5}",
        "{\"a\":9007199254740992}",
        "{\"a\":-9007199254740992}",
        "{\"\xC3\xA4\":1}",
        "{\"a\":{\"b\":[null]}}",
    };
    struct error error;
    char large[1200];

    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++) {
        cr_expect_eq(append("gateway.x", wrong[at], &error), BEHALF_MALFORMED_REQUEST, "%s",
                     wrong[at]);
        cr_expect_not_null(strstr(error.message, "'fields'"), "%s", error.message);
    }
    cr_expect_eq(append("gateway.x", "{\"a\":9007199254740991}", &error), BEHALF_OK);
    /* 5 bytes of a map, 5 of a key, 5 of a string */
    (void)snprintf(large, sizeof large, "{\"a\":\"%0*d\"}", 1024 - 15, 0);
    cr_expect_eq(append("gateway.x", large, &error), BEHALF_OK, "%s", error.message);
    (void)snprintf(large, sizeof large, "{\"a\":\"%0*d\"}", 1024 - 14, 0);
    cr_expect_eq(append("gateway.x", large, &error), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
}

/* A bound caller speaks of what it may see. */
Test(audit_append, a_bound_caller_names_its_own)
{
    struct record_id session = agents_session((struct session_words){0});
    struct record_id root = agents_root(session, (struct grant_words){.scope = "doc:* view"});
    const struct object bot = agents_object("agent:bot");
    const struct object other = agents_object("agent:other");
    struct engine_request request = audited_request();
    struct record_id_text of_session;
    struct record_id_text of_grant;
    struct audit_append record = {.event = SLICE_LITERAL("gateway.x")};
    struct error error;

    record_id_print(&session, RECORD_PREFIX_SESSION, &of_session);
    record_id_print(&root, RECORD_PREFIX_GRANT, &of_grant);
    record.session = slice_of(of_session.text);
    record.grant = slice_of(of_grant.text);
    request.bound = &bot;
    cr_expect_eq(engine_audit_append(agents.worker, &request, &record, &error), BEHALF_OK, "%s",
                 error.message);
    request.bound = &other;
    cr_expect_eq(engine_audit_append(agents.worker, &request, &record, &error),
                 BEHALF_UNKNOWN_RECORD);
    record.session = (struct slice){NULL, 0};
    cr_expect_eq(engine_audit_append(agents.worker, &request, &record, &error),
                 BEHALF_UNKNOWN_RECORD);
}
