/* test_net_agents.c - arguments of sessions, grants, stops and decisions by a grant: each shape,
 * each refusal with its path. Requests are written as JSON and packed by the client's writer. */
#include "net/shapes_agents.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "client/behalf.h"
#include "net/methods.h"

static struct arena arena;
static struct error error;
static struct behalf_writer *writer;

static void
begin(void)
{
    arena_init(&arena, LIMIT_CHECK_ARENA);
    writer = behalf_writer_new();
}

static void
end(void)
{
    behalf_writer_free(writer);
    arena_release(&arena);
}

TestSuite(net_agents, .init = begin, .fini = end);

#define SESSION "ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B"
#define GRANT "gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD"
#define REQUEST "req_01JZ9A6WV3T5N0R2M4K7C9X1BD"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"
#define SCOPE "\"scope\":[{\"selector\":\"document:*\",\"actions\":[\"view\"]}]"
#define APPROVAL "\"approval\":{\"approver\":\"user:ann\"}"

static struct wire_reader
packed(const char *json)
{
    struct slice bytes;

    behalf_writer_clear(writer);
    cr_assert_eq(behalf_write_json(writer, json, NULL), BEHALF_SUCCESS, "%s", json);
    bytes.data = (const char *)behalf_writer_bytes(writer, &bytes.size);
    return reader_of(bytes);
}

static const struct method_context context = {.arena = &arena, .caller = &key_of_all};

/* Decodes the arguments of a write. */
static enum status
prepare(const char *method, const char *json, struct engine_write *write)
{
    enum status status;

    *write = (struct engine_write){.kind = WRITE_SCHEMA};
    status = method_find(slice_of(method))->prepare(&context, packed(json), write, &error);
    if (status != BEHALF_OK)
        cr_assert_eq(error.status, status);
    return status;
}

static void
expect_refused(const char *method, const char *json, enum status status, const char *words)
{
    struct engine_write write;

    cr_expect_eq(prepare(method, json, &write), status, "%s: %s", json, error.message);
    cr_expect_not_null(strstr(error.message, words), "%s: %s", json, error.message);
}

#define REFUSED(method, json, words)                                                               \
    expect_refused((method), (json), BEHALF_MALFORMED_REQUEST, (words))
#define TOO_LARGE(method, json, words)                                                             \
    expect_refused((method), (json), BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, (words))

/* --- what is taken --- */

Test(net_agents, a_session_with_its_grant)
{
    const struct engine_new_session *session;
    struct engine_write write;

    cr_assert_eq(prepare("sessions.create",
                         "{\"principal\":\"user:ann\",\"agent\":\"agent:bot\",\"expires_in_s\":60,"
                         "\"client\":\"desk\",\"idle_timeout_s\":0,\"evidence\":{\"acr\":\"high\"},"
                         "\"idempotency_key\":\"k\",\"metadata\":{\"a\":1},"
                         "\"grant\":{" SCOPE ",\"expires_at\":\"2027-01-01T00:00:00Z\"," APPROVAL
                         "}}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    session = write.new_session;
    cr_expect_eq(write.kind, WRITE_SESSION_CREATE);
    cr_expect(slice_equal(write.idempotency_key, SLICE_LITERAL("k")) && write.metadata.size == 4);
    cr_expect(slice_equal(session->principal.id, SLICE_LITERAL("ann")));
    cr_expect(slice_equal(session->agent.id, SLICE_LITERAL("bot")));
    cr_expect(slice_equal(session->client, SLICE_LITERAL("desk")));
    cr_expect(session->has_idle_timeout && session->idle_timeout_s == 0);
    cr_expect(session->end.at == 0 && session->end.in_ns == INT64_C(60000000000));
    cr_expect(slice_equal(session->evidence, SLICE_LITERAL("\7\0\0\0\1\0\0\0\3acr\5\0\0\0\4high")));
    cr_assert_not_null(session->grant);
    cr_expect_eq(session->grant->terms.end.at, INT64_C(1798761600000000000));
    cr_expect(slice_equal(session->grant->approval.approver.id, SLICE_LITERAL("ann")));
}

Test(net_agents, what_is_left_out_of_a_session_is_the_default)
{
    struct engine_write write;

    cr_assert_eq(prepare("sessions.create",
                         "{\"principal\":\"user:ann\",\"agent\":\"agent:bot\",\"expires_in_s\":1}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    cr_expect(!write.new_session->has_idle_timeout && write.new_session->client.size == 0);
    cr_expect(write.new_session->grant == NULL && write.new_session->evidence.size == 0);
}

Test(net_agents, a_grant_with_all_its_terms)
{
    const struct engine_grant_terms *terms;
    struct engine_write write;

    cr_assert_eq(
        prepare("grants.create",
                "{\"session\":\"" SESSION "\"," SCOPE ",\"expires_in_s\":4294967295,"
                "\"not_before\":\"1970-01-01T00:00:00Z\",\"max_depth\":7,\"uses\":4294967295,"
                "\"constraints\":[{\"caveat\":\"quota\"},{\"caveat\":\"quota\",\"context\":{"
                "\"n\":1}}],\"bind\":{\"method\":\"POST /x\",\"digest\":\"" HEX "\"},"
                "\"tools\":[{\"name\":\"mail\",\"sha256\":\"" HEX "\"}],\"purpose\":\"trip\","
                "\"approval\":{\"approver\":\"user:ann\",\"at\":\"2026-01-01T00:00:00Z\","
                "\"channel\":\"browser\",\"request\":\"req_01JZ8Q6WV3T5N0R2M4K7C9X1BD\","
                "\"evidence\":{}}}",
                &write),
        BEHALF_OK, "%s", error.message);
    terms = &write.root_grant->terms;
    cr_expect_eq(write.kind, WRITE_GRANT_CREATE);
    cr_expect(terms->scope_count == 1 && terms->scope[0].action_count == 1);
    cr_expect(slice_equal(terms->scope[0].selector, SLICE_LITERAL("document:*")));
    cr_expect(slice_equal(terms->scope[0].actions[0], SLICE_LITERAL("view")));
    cr_expect_eq(terms->end.in_ns, INT64_C(4294967295) * 1000000000);
    cr_expect_eq(terms->not_before, 1, "0 would be none");
    cr_expect(terms->max_depth == 7 && terms->uses == UINT32_MAX);
    cr_expect(terms->constraint_count == 2 && terms->constraints[0].context.size == 0 &&
              terms->constraints[1].context.size == 19);
    cr_expect(slice_equal(terms->binding.method, SLICE_LITERAL("POST /x")));
    cr_expect(terms->binding.digest[1] == 0x11 && terms->binding.digest[31] == 0xFF);
    cr_expect(terms->tool_count == 1 && terms->tools[0].sha256[26] == 0xAA);
    cr_expect(slice_equal(write.root_grant->approval.channel, SLICE_LITERAL("browser")));
    cr_expect_not(write.root_grant->approved);
}

Test(net_agents, a_delegated_grant_may_leave_its_end_to_its_parent)
{
    struct engine_write write;

    cr_assert_eq(prepare("grants.delegate",
                         "{\"parent\":\"" GRANT "\",\"actor\":\"agent:bot\",\"delegatee\":"
                         "\"agent:helper\"," SCOPE "}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    cr_expect_eq(write.kind, WRITE_GRANT_DELEGATE);
    cr_expect_not(end_is_given(&write.delegated_grant->terms.end));
    cr_expect(slice_equal(write.delegated_grant->delegatee.id, SLICE_LITERAL("helper")));
}

Test(net_agents, a_request_says_what_is_asked_for_and_within_which_limits)
{
    const struct engine_new_access_request *request;
    struct engine_write write;

    cr_assert_eq(prepare("requests.create",
                         "{\"principal\":\"user:ann\",\"agent\":\"agent:bot\",\"resource\":"
                         "\"document:d1\",\"permission\":\"edit\",\"justification\":\"why\","
                         "\"expires_in_s\":60,\"requested\":{\"until\":\"2027-01-01T00:00:00Z\","
                         "\"uses\":2,\"bind\":{\"method\":\"POST /x\",\"digest\":\"" HEX "\"},"
                         "\"tools\":[{\"name\":\"mail\",\"sha256\":\"" HEX "\"}]}}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    request = write.new_access_request;
    cr_expect_eq(write.kind, WRITE_REQUEST_CREATE);
    cr_expect(slice_equal(request->principal.id, SLICE_LITERAL("ann")));
    cr_expect(slice_equal(request->agent.id, SLICE_LITERAL("bot")));
    cr_expect(slice_equal(request->resource.id, SLICE_LITERAL("d1")));
    cr_expect(slice_equal(request->permission, SLICE_LITERAL("edit")));
    cr_expect(slice_equal(request->justification, SLICE_LITERAL("why")));
    cr_expect(request->end.in_ns == INT64_C(60000000000) && request->denial == NULL);
    cr_expect_eq(request->requested.until, INT64_C(1798761600000000000));
    cr_expect(request->requested.uses == 2 && request->requested.tool_count == 1);
    cr_expect(slice_equal(request->requested.binding.method, SLICE_LITERAL("POST /x")));
    cr_expect_eq(request->requested.tools[0].sha256[26], 0xAA);
}

Test(net_agents, an_approval_may_leave_everything_as_requested)
{
    const struct engine_access_approval *approval;
    struct engine_write write;

    cr_assert_eq(prepare("requests.approve",
                         "{\"request\":\"" REQUEST "\",\"session\":\"" SESSION "\","
                         "\"approver\":\"user:ann\"}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    approval = write.access_approval;
    cr_expect_eq(write.kind, WRITE_REQUEST_APPROVE);
    cr_expect(slice_equal(approval->grant.approval.approver.id, SLICE_LITERAL("ann")));
    cr_expect(approval->grant.terms.scope_count == 0 && !end_is_given(&approval->grant.terms.end));
    cr_expect_not(approval->grant.approved);
    cr_assert_eq(prepare("requests.approve",
                         "{\"request\":\"" REQUEST "\",\"session\":\"" SESSION "\","
                         "\"approver\":\"user:ann\",\"channel\":\"browser\",\"uses\":3," SCOPE
                         ",\"max_depth\":1,\"expires_in_s\":60,\"evidence\":{}}",
                         &write),
                 BEHALF_OK, "%s", error.message);
    approval = write.access_approval;
    cr_expect(approval->grant.terms.scope_count == 1 && approval->grant.terms.uses == 3);
    cr_expect(slice_equal(approval->grant.approval.channel, SLICE_LITERAL("browser")));
}

Test(net_agents, refusals_of_a_request_name_what_they_do)
{
    static const char arguments[] = "{\"request\":\"" REQUEST "\",\"reason\":\"no\"}";
    struct engine_write write;

    cr_assert_eq(prepare("requests.deny", arguments, &write), BEHALF_OK);
    cr_expect_eq(write.kind, WRITE_REQUEST_CLOSE);
    cr_expect_eq(write.access_refusal->close, ACCESS_REQUEST_DENY);
    cr_expect_eq(write.access_refusal->approver.type.size, 0);
    cr_assert_eq(prepare("requests.cancel", arguments, &write), BEHALF_OK);
    cr_expect_eq(write.access_refusal->close, ACCESS_REQUEST_CANCEL);
    cr_expect(slice_equal(write.access_refusal->reason, SLICE_LITERAL("no")));
    cr_assert_eq(prepare("requests.deny",
                         "{\"request\":\"" REQUEST "\",\"reason\":\"no\",\"approver\":"
                         "\"user:ann\"}",
                         &write),
                 BEHALF_OK);
    cr_expect(slice_equal(write.access_refusal->approver.id, SLICE_LITERAL("ann")));
}

Test(net_agents, a_stop_has_one_scope)
{
    static const struct {
        const char *json;
        enum stop_scope scope;
    } rows[] = {
        {"{\"agent\":\"agent:bot\",\"reason\":\"x\"}", STOP_AGENT},
        {"{\"client\":\"desk\",\"reason\":\"x\"}", STOP_CLIENT},
        {"{\"principal\":\"user:ann\",\"reason\":\"x\"}", STOP_PRINCIPAL},
        {"{\"everything\":true,\"reason\":\"x\"}", STOP_EVERYTHING},
    };
    struct engine_write write;

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++) {
        cr_assert_eq(prepare("agents.kill", rows[index].json, &write), BEHALF_OK);
        cr_expect(write.kind == WRITE_STOP && write.stop_order->scope == rows[index].scope);
        cr_expect_not(write.stop_order->restore);
        cr_assert_eq(prepare("agents.restore", rows[index].json, &write), BEHALF_OK);
        cr_expect(write.stop_order->restore);
    }
    REFUSED("agents.kill", "{\"reason\":\"x\"}", "one of the arguments");
    REFUSED("agents.kill", "{\"agent\":\"agent:bot\",\"client\":\"desk\",\"reason\":\"x\"}",
            "one of the arguments");
    REFUSED("agents.kill", "{\"everything\":false,\"reason\":\"x\"}", "'everything'");
    REFUSED("agents.kill", "{\"everything\":true}", "'reason' is missing");
}

Test(net_agents, changes_of_a_session_name_what_they_do)
{
    static const char *const methods[] = {"sessions.suspend", "sessions.resume", "sessions.revoke"};
    struct engine_write write;

    for (int change = SESSION_SUSPEND; change <= SESSION_REVOKE; change++) {
        cr_assert_eq(
            prepare(methods[change], "{\"session\":\"" SESSION "\",\"reason\":\"x\"}", &write),
            BEHALF_OK);
        cr_expect(write.kind == WRITE_SESSION_CHANGE &&
                  write.session_change->change == (enum session_change)change);
        REFUSED(methods[change], "{\"session\":\"" SESSION "\"}", "'reason' is missing");
    }
}

/* --- what is refused --- */

#define NEW_SESSION "\"principal\":\"user:ann\",\"agent\":\"agent:bot\""

Test(net_agents, parties_are_plain_objects)
{
    expect_refused("sessions.create",
                   "{\"principal\":\"user:*\",\"agent\":\"agent:bot\",\"expires_in_s\":1}",
                   BEHALF_WILDCARD_NOT_ALLOWED, "'principal'");
    REFUSED("sessions.create",
            "{\"principal\":\"user:ann\",\"agent\":\"group:a#member\",\"expires_in_s\":1}",
            "'agent'");
    expect_refused("grants.delegate",
                   "{\"parent\":\"" GRANT
                   "\",\"actor\":\"agent:bot\",\"delegatee\":\"agent:*\"," SCOPE "}",
                   BEHALF_WILDCARD_NOT_ALLOWED, "'delegatee'");
    REFUSED("grants.create",
            "{\"session\":\"" SESSION "\"," SCOPE ",\"expires_in_s\":1,"
            "\"approval\":{\"approver\":\"group:a#member\"}}",
            "'approval.approver'");
    expect_refused("agents.kill", "{\"principal\":\"user:*\",\"reason\":\"x\"}",
                   BEHALF_WILDCARD_NOT_ALLOWED, "'principal'");
}

Test(net_agents, an_end_is_given_once)
{
    REFUSED("sessions.create", "{" NEW_SESSION "}", "'expires_at' (or 'expires_in_s') is missing");
    REFUSED("sessions.create",
            "{" NEW_SESSION ",\"expires_at\":\"2027-01-01T00:00:00Z\",\"expires_in_s\":1}",
            "argument 'expires_in_s'");
    REFUSED("sessions.create",
            "{" NEW_SESSION ",\"expires_in_s\":1,\"expires_at\":\"2027-01-01T00:00:00Z\"}",
            "argument 'expires_at'");
    REFUSED("sessions.create", "{" NEW_SESSION ",\"expires_in_s\":0}", "'expires_in_s'");
    REFUSED("sessions.create", "{" NEW_SESSION ",\"expires_in_s\":-1}", "'expires_in_s'");
    TOO_LARGE("sessions.create", "{" NEW_SESSION ",\"expires_in_s\":4294967296}", "'expires_in_s'");
    REFUSED("sessions.create", "{" NEW_SESSION ",\"expires_at\":\"tomorrow\"}", "'expires_at'");
    REFUSED("sessions.create",
            "{" NEW_SESSION ",\"expires_in_s\":1,\"grant\":{" SCOPE "," APPROVAL "}}",
            "argument 'grant'");
    REFUSED("sessions.create",
            "{" NEW_SESSION ",\"expires_in_s\":1,\"grant\":{" SCOPE "," APPROVAL
            ",\"expires_in_s\":1,\"expires_at\":\"2027-01-01T00:00:00Z\"}}",
            "argument 'grant.expires_at'");
    REFUSED("grants.create", "{\"session\":\"" SESSION "\"," SCOPE "," APPROVAL "}",
            "'expires_at' (or 'expires_in_s') is missing");
}

Test(net_agents, ids_are_canonical)
{
    static const char *const wrong[] = {
        "gr_01jz8q6wv3t5n0r2m4k7c9x1bd",  "gr_01JZ8Q6WV3T5N0R2M4K7C9X1B",
        "ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B", "gr_81JZ8Q6WV3T5N0R2M4K7C9X1BD",
        "gr_01JZ8Q6WV3T5N0R2M4K7C9X1BI",  "",
    };
    char json[200];

    for (size_t index = 0; index < BEHALF_COUNT_OF(wrong); index++) {
        (void)snprintf(json, sizeof json, "{\"grant\":\"%s\",\"reason\":\"x\"}", wrong[index]);
        REFUSED("grants.revoke", json, "argument 'grant'");
    }
    REFUSED("sessions.revoke", "{\"session\":\"" GRANT "\",\"reason\":\"x\"}", "'session'");
    REFUSED("grants.create",
            "{\"session\":\"" SESSION "\"," SCOPE ",\"expires_in_s\":1,"
            "\"approval\":{\"approver\":\"user:ann\",\"request\":\"" GRANT "\"}}",
            "'approval.request'");
}

/* A delegation with one member more or another one. */
#define DELEGATE(member)                                                                           \
    "{\"parent\":\"" GRANT "\",\"actor\":\"agent:bot\",\"delegatee\":\"agent:two\"," member "}"

Test(net_agents, scopes_are_refused_with_the_place)
{
    REFUSED("grants.delegate", DELEGATE("\"uses\":1"), "'scope' is missing");
    REFUSED("grants.delegate", DELEGATE("\"scope\":[]"), "argument 'scope'");
    REFUSED("grants.delegate", DELEGATE("\"scope\":[{\"actions\":[\"view\"]}]"),
            "argument 'scope[0]': the argument 'selector' is missing");
    REFUSED("grants.delegate", DELEGATE("\"scope\":[{\"selector\":\"doc:b\",\"actions\":[]}]"),
            "'scope[0].actions'");
    REFUSED("grants.delegate", DELEGATE("\"scope\":[{\"selector\":\"doc:b\",\"actions\":[\"*\"]}]"),
            "'scope[0].actions[0]'");
    cr_expect_eq(error.index, 0);
    expect_refused(
        "grants.delegate",
        DELEGATE("\"scope\":[{\"selector\":\"doc:b\",\"actions\":[\"view\"],\"effect\":\"deny\"}]"),
        BEHALF_UNKNOWN_ARGUMENT, "'effect'");
}

Test(net_agents, terms_are_refused_with_the_place)
{
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"uses\":0"), "'uses'");
    TOO_LARGE("grants.delegate", DELEGATE(SCOPE ",\"uses\":4294967296"), "'uses'");
    TOO_LARGE("grants.delegate", DELEGATE(SCOPE ",\"max_depth\":8"), "'max_depth'");
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"not_before\":5"), "'not_before'");
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"constraints\":[]"), "'constraints'");
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"constraints\":[{\"caveat\":\"-\"}]"),
            "'constraints[0].caveat'");
    REFUSED("grants.delegate",
            DELEGATE(SCOPE ",\"constraints\":[{\"caveat\":\"a\",\"context\":3}]"),
            "'constraints[0].context'");
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"tools\":[]"), "'tools'");
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"tools\":[{\"name\":\"a\",\"sha256\":\"00\"}]"),
            "'tools[0].sha256': must be 64 hex digits");
    REFUSED("grants.delegate",
            DELEGATE(SCOPE ",\"bind\":{\"method\":\"m\",\"digest\":\"" HEX "0\"}"),
            "'bind.digest'");
    REFUSED("grants.delegate",
            DELEGATE(SCOPE ",\"bind\":{\"method\":\"m\",\"digest\":\"g" HEX "\"}"),
            "'bind.digest'");
    REFUSED("grants.delegate", DELEGATE(SCOPE ",\"bind\":{\"method\":\"m\"}"),
            "'digest' is missing");
    expect_refused("grants.delegate", DELEGATE(SCOPE "," APPROVAL), BEHALF_UNKNOWN_ARGUMENT,
                   "'approval'");
    REFUSED("grants.create", "{\"session\":\"" SESSION "\"," SCOPE ",\"expires_in_s\":1}",
            "'approval' is missing");
    expect_refused("sessions.create",
                   "{" NEW_SESSION ",\"expires_in_s\":1,\"grant\":{\"session\":\"" SESSION
                   "\"," SCOPE "," APPROVAL ",\"expires_in_s\":1}}",
                   BEHALF_UNKNOWN_ARGUMENT, "'session'");
}

/* `text` repeated `count` times between `before` and `after`. */
static const char *
repeated(const char *before, const char *text, size_t count, const char *after)
{
    static struct buffer json;

    buffer_clear(&json);
    buffer_add_text(&json, before);
    for (size_t index = 0; index < count; index++) {
        buffer_add_text(&json, text);
    }
    buffer_add_text(&json, after);
    buffer_add(&json, "", 1);
    return json.data;
}

/* At n and n+1. */
static void
expect_bound(const char *method, const char *before, const char *text, size_t largest,
             const char *after, const char *path)
{
    struct engine_write write;

    cr_expect_eq(prepare(method, repeated(before, text, largest, after), &write), BEHALF_OK,
                 "%s: %s", path, error.message);
    TOO_LARGE(method, repeated(before, text, largest + 1, after), path);
}

Test(net_agents, every_bound_is_the_largest_that_is_taken)
{
    const char *start =
        "{\"parent\":\"" GRANT "\",\"actor\":\"agent:bot\",\"delegatee\":\"agent:two\",";
    char before[300];

    expect_bound("sessions.create", "{" NEW_SESSION ",\"expires_in_s\":1,\"client\":\"", "c", 512,
                 "\"}", "'client'");
    expect_bound("sessions.revoke", "{\"session\":\"" SESSION "\",\"reason\":\"", "r", 1024, "\"}",
                 "'reason'");
    /* A map of one key and its text: 5 + 4 + 1 + 5 bytes beside the text. */
    expect_bound("sessions.create", "{" NEW_SESSION ",\"expires_in_s\":1,\"evidence\":{\"a\":\"",
                 "e", 4096 - 15, "\"}}", "'evidence'");
    (void)snprintf(before, sizeof before, "%s" SCOPE ",\"purpose\":\"", start);
    expect_bound("grants.delegate", before, "p", 1024, "\"}", "'purpose'");
    (void)snprintf(before, sizeof before,
                   "%s\"scope\":[{\"selector\":\"doc:b\",\"actions\":[\"view\"]}", start);
    expect_bound("grants.delegate", before, ",{\"selector\":\"doc:b\",\"actions\":[\"view\"]}", 63,
                 "]}", "'scope'");
    (void)snprintf(before, sizeof before,
                   "%s\"scope\":[{\"selector\":\"doc:b\",\"actions\":[\"view\"", start);
    expect_bound("grants.delegate", before, ",\"view\"", 31, "]}]}", "'scope[0].actions'");
    (void)snprintf(before, sizeof before, "%s" SCOPE ",\"constraints\":[{\"caveat\":\"a\"}", start);
    expect_bound("grants.delegate", before, ",{\"caveat\":\"a\"}", 15, "]}", "'constraints'");
    (void)snprintf(before, sizeof before,
                   "%s" SCOPE ",\"tools\":[{\"name\":\"a\",\"sha256\":\"" HEX "\"}", start);
    expect_bound("grants.delegate", before, ",{\"name\":\"a\",\"sha256\":\"" HEX "\"}", 255, "]}",
                 "'tools'");
    (void)snprintf(before, sizeof before,
                   "%s" SCOPE ",\"bind\":{\"digest\":\"" HEX "\",\"method\":\"", start);
    expect_bound("grants.delegate", before, "m", 256, "\"}}", "'bind.method'");
}

/* --- decisions --- */

static enum status
decode_items(const char *json, struct checks *checks)
{
    struct decoder decoder = {.reader = packed(json), .arena = &arena, .error = &error};

    cr_assert(decoder_enter(&decoder, SLICE_LITERAL("items")));
    return decode_checks(&decoder, checks);
}

#define CHECK "\"resource\":\"document:a\",\"permission\":\"view\",\"subject\":\"user:ann\""

Test(net_agents, a_check_shows_its_grant_and_its_call)
{
    const struct engine_delegation *delegation;
    struct checks checks;

    cr_assert_eq(decode_items("[{" CHECK ",\"tool\":{\"name\":\"mail\",\"sha256\":\"" HEX "\"},"
                              "\"grant\":\"" GRANT
                              "\",\"binding\":{\"method\":\"m\",\"digest\":\"" HEX
                              "\"},\"idempotency_key\":\"k\",\"request_id\":\"~!\"},{" CHECK "}]",
                              &checks),
                 BEHALF_OK, "%s", error.message);
    delegation = checks.items[0].delegation;
    cr_assert(delegation != NULL && delegation->given);
    cr_expect_eq(delegation->grant.bytes[0], 0x01);
    cr_expect(slice_equal(delegation->tool.name, SLICE_LITERAL("mail")));
    cr_expect(delegation->tool.sha256[1] == 0x11 && delegation->binding.digest[2] == 0x22);
    cr_expect(slice_equal(delegation->idempotency_key, SLICE_LITERAL("k")));
    cr_expect(checks.items[1].delegation == NULL && checks.items[0].use == NULL);
}

Test(net_agents, what_is_shown_without_a_grant_is_not_passed_over)
{
    static const char *const members[] = {
        "\"tool\":{\"name\":\"mail\",\"sha256\":\"" HEX "\"}",
        "\"binding\":{\"method\":\"m\",\"digest\":\"" HEX "\"}",
        "\"idempotency_key\":\"k\"",
    };
    struct checks checks;
    char json[300];

    for (size_t index = 0; index < BEHALF_COUNT_OF(members); index++) {
        (void)snprintf(json, sizeof json, "[{" CHECK "},{" CHECK ",%s}]", members[index]);
        cr_expect_eq(decode_items(json, &checks), BEHALF_MALFORMED_REQUEST);
        cr_expect_not_null(strstr(error.message, "'items[1]'"), "%s", error.message);
        cr_expect_eq(error.index, 1);
    }
}

Test(net_agents, a_request_id_is_visible_ascii)
{
    struct checks checks;

    cr_expect_eq(decode_items("[{" CHECK ",\"request_id\":\"a b\"}]", &checks),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "'items[0].request_id'"), "%s", error.message);
    cr_expect_eq(decode_items("[{" CHECK ",\"request_id\":\"\u00e9\"}]", &checks),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(decode_items(repeated("[{" CHECK ",\"request_id\":\"", "a", 256, "\"}]"), &checks),
                 BEHALF_OK);
    cr_expect_eq(decode_items(repeated("[{" CHECK ",\"request_id\":\"", "a", 257, "\"}]"), &checks),
                 BEHALF_MALFORMED_REQUEST);
}

/* --- reads --- */

static enum status
run(const char *method, const char *json)
{
    struct buffer out;
    enum status status;

    buffer_init(&out);
    status = method_find(slice_of(method))->run(&context, packed(json), &out, &error);
    cr_expect_eq(out.size, 0);
    buffer_release(&out);
    return status;
}

Test(net_agents, reads_and_lists_are_refused_before_anything_is_asked)
{
    cr_expect_eq(run("sessions.read", "{\"session\":\"" GRANT "\"}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("grants.read", "{}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("sessions.list", "{}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("sessions.list", "{\"principal\":\"user:a\",\"agent\":\"agent:a\"}"),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("sessions.list", "{\"principal\":\"user:*\"}"), BEHALF_WILDCARD_NOT_ALLOWED);
    cr_expect_eq(run("grants.list", "{}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("grants.list", "{\"session\":\"" SESSION "\",\"agent\":\"agent:a\"}"),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("grants.list", "{\"agent\":\"agent:a\",\"limit\":100001}"),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    cr_expect_eq(run("agents.stopped", "{\"limit\":1}"), BEHALF_UNKNOWN_ARGUMENT);
    cr_expect_eq(run("agents.audit", "{\"types\":[]}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("agents.audit", "{\"types\":[\"A\"]}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "'types[0]'"), "%s", error.message);
    cr_expect_eq(run("check", "{" CHECK ",\"idempotency_key\":\"k\"}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("expand",
                     "{\"resource\":\"document:a\",\"permission\":\"view\",\"grant\":\"" GRANT
                     "\"}"),
                 BEHALF_UNKNOWN_ARGUMENT);
    cr_expect_eq(run("lookup_subjects",
                     "{\"resource\":\"document:a\",\"permission\":\"view\",\"subject_type\":"
                     "\"user\",\"grant\":\"" GRANT "\"}"),
                 BEHALF_UNKNOWN_ARGUMENT);
}

Test(net_agents, requests_are_refused_with_the_place)
{
#define ASKED                                                                                      \
    "\"principal\":\"user:ann\",\"agent\":\"agent:bot\",\"resource\":\"document:d1\","             \
    "\"permission\":\"edit\""
    REFUSED("requests.create", "{\"principal\":\"user:ann\",\"agent\":\"agent:bot\"}",
            "'resource'");
    REFUSED("requests.create", "{" ASKED ",\"requested\":{\"uses\":0}}", "'requested.uses'");
    TOO_LARGE("requests.create", repeated("{" ASKED ",\"justification\":\"", "a", 1025, "\"}"),
              "'justification'");
    expect_refused("requests.create", "{" ASKED ",\"requested\":{\"scope\":[]}}",
                   BEHALF_UNKNOWN_ARGUMENT, "'scope'");
    REFUSED("requests.create",
            "{" ASKED ",\"expires_in_s\":1,\"expires_at\":\"2027-01-01T00:00:00Z\"}", "expires_");
    REFUSED("requests.approve",
            "{\"request\":\"" GRANT "\",\"session\":\"" SESSION "\",\"approver\":\"user:ann\"}",
            "'request'");
    REFUSED("requests.approve", "{\"request\":\"" REQUEST "\",\"session\":\"" SESSION "\"}",
            "'approver'");
    REFUSED("requests.deny", "{\"request\":\"" REQUEST "\"}", "'reason'");
    cr_expect_eq(run("requests.list", "{}"), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("requests.list", "{\"principal\":\"user:ann\",\"status\":\"lost\"}"),
                 BEHALF_MALFORMED_REQUEST);
    cr_expect_not_null(strstr(error.message, "'status'"), "%s", error.message);
    cr_expect_eq(run("requests.read", "{\"request\":\"" SESSION "\"}"), BEHALF_MALFORMED_REQUEST);
#undef ASKED
}

Test(net_agents, filter_takes_ten_thousand_resources)
{
    const char *start = "{\"permission\":\"view\",\"subject\":\"user:ann\",\"resources\":[";

    cr_expect_eq(run("filter_resources", repeated(start, "", 0, "]}")), BEHALF_MALFORMED_REQUEST);
    cr_expect_eq(run("filter_resources", repeated(start, "\"doc:b\",", 10000, "\"doc:b\"]}")),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    cr_expect_eq(run("filter_resources", repeated(start, "\"doc:b\",", 9999, "\"doc:*\"]}")),
                 BEHALF_WILDCARD_NOT_ALLOWED);
    cr_expect_not_null(strstr(error.message, "'resources[9999]'"), "%s", error.message);
    cr_expect_eq(error.index, 9999);
    cr_expect_eq(run("filter_resources", "{\"permission\":\"view\",\"subject\":\"user:ann\","
                                         "\"resources\":[\"doc:b\"],\"explain\":true}"),
                 BEHALF_UNKNOWN_ARGUMENT);
}

/* --- roles --- */

Test(net_agents, every_method_names_the_roles_that_may_call_it)
{
    static const struct {
        const char *method;
        unsigned roles;
    } rows[] = {
        {"check", ROLE_CHECK | ROLE_DELEGATED},
        {"check_bulk", ROLE_CHECK | ROLE_DELEGATED},
        {"filter_resources", ROLE_CHECK | ROLE_DELEGATED},
        {"lookup_permissions", ROLE_CHECK | ROLE_DELEGATED | ROLE_READ},
        {"lookup_resources", ROLE_DELEGATED | ROLE_READ},
        {"lookup_subjects", ROLE_READ},
        {"expand", ROLE_READ},
        {"sessions.read", ROLE_CHECK | ROLE_DELEGATED | ROLE_GRANTS | ROLE_READ},
        {"sessions.list", ROLE_GRANTS | ROLE_READ},
        {"sessions.create", ROLE_GRANTS},
        {"sessions.suspend", ROLE_GRANTS},
        {"sessions.resume", ROLE_GRANTS},
        {"sessions.revoke", ROLE_GRANTS},
        {"grants.read", ROLE_CHECK | ROLE_DELEGATED | ROLE_AGENT | ROLE_GRANTS | ROLE_READ},
        {"grants.list", ROLE_AGENT | ROLE_GRANTS | ROLE_READ},
        {"grants.create", ROLE_GRANTS},
        {"grants.delegate", ROLE_AGENT | ROLE_GRANTS},
        {"grants.revoke", ROLE_AGENT | ROLE_GRANTS},
        {"requests.read", ROLE_CHECK | ROLE_DELEGATED | ROLE_AGENT | ROLE_GRANTS | ROLE_READ},
        {"requests.list", ROLE_GRANTS | ROLE_READ},
        {"requests.create", ROLE_CHECK | ROLE_DELEGATED | ROLE_AGENT | ROLE_GRANTS},
        {"requests.approve", ROLE_GRANTS},
        {"requests.deny", ROLE_GRANTS},
        {"requests.cancel", ROLE_CHECK | ROLE_DELEGATED | ROLE_GRANTS},
        {"agents.kill", ROLE_GRANTS},
        {"agents.restore", ROLE_ADMIN},
        {"agents.stopped", ROLE_READ},
        {"agents.audit", ROLE_READ},
        {"attributes.write", ROLE_WRITE},
        {"attributes.read", ROLE_READ | ROLE_WRITE},
        {"relationships.write", ROLE_WRITE},
        {"relationships.delete", ROLE_WRITE},
        {"relationships.read", ROLE_READ | ROLE_WRITE},
        {"relationships.history", ROLE_READ},
        {"schema.write", ROLE_SCHEMA},
        {"watch", ROLE_READ},
        {"watch.credit", ROLE_READ},
        {"watch.end", ROLE_READ},
        {"audit.append", ROLE_DELEGATED | ROLE_GRANTS},
        {"audit.read", ROLE_AUDIT},
        {"audit.checkpoint", ROLE_AUDIT},
        {"audit.proof", ROLE_AUDIT},
        {"audit.verify", ROLE_AUDIT},
        {"audit.explain", ROLE_AUDIT},
        {"audit.replay", ROLE_AUDIT},
        {"schema.read", ROLE_READ},
        {"server.stats", ROLE_READ},
        {"server.clock", ROLE_READ},
        {"server.info", ROLE_ANY},
        {"ping", ROLE_ANY | ROLE_NOBODY},
        {"auth", ROLE_ANY | ROLE_NOBODY},
    };
    size_t count;

    (void)method_table(&count);
    cr_assert_eq(count, BEHALF_COUNT_OF(rows), "a method is not in the matrix");
    for (size_t index = 0; index < count; index++) {
        const struct method *method = method_find(slice_of(rows[index].method));

        cr_assert_not_null(method, "%s", rows[index].method);
        cr_expect_eq(method->roles, rows[index].roles, "%s", rows[index].method);
    }
}
