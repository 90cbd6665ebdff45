/* test_write_request.c - requests.create, .approve, .deny and .cancel: one outcome for each
 * request, and each rule refuses what it is about. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "tests/unit/test_consent_support.h"

static struct consent consent;
static struct record_id session;

static const char schema[] = "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition team {\n"
                             "    relation admin: user | agent\n"
                             "    permission agent_approver = admin\n"
                             "}\n"
                             "definition folder {}\n"
                             "definition document {\n"
                             "    relation parent: folder\n"
                             "    relation viewer: user\n"
                             "    permission view = viewer\n"
                             "    permission edit = viewer\n"
                             "    permission within = parent\n"
                             "}\n"
                             "definition vault {\n"
                             "    relation keeper: user | agent\n"
                             "    relation reader: user\n"
                             "    permission open = reader\n"
                             "    permission agent_approver = keeper\n"
                             "}\n";

static void
open_consent(void)
{
    consent_open(&consent);
    consent_schema(&consent, schema);
    session = consent_session(&consent);
}

static void
close_consent(void)
{
    consent_close(&consent);
}

TestSuite(write_request, .init = open_consent, .fini = close_consent);

/* --- asking --- */

/* agent:bot asks user:ann for `edit` on document:d1. */
static struct engine_new_access_request
new_request(void)
{
    return (struct engine_new_access_request){
        .principal = consent_object("user:ann"),
        .agent = consent_object("agent:bot"),
        .resource = consent_object("document:d1"),
        .permission = SLICE_LITERAL("edit"),
    };
}

static enum status
ask_as(const struct engine_new_access_request *new, const struct object *bound)
{
    consent.write = (struct engine_write){
        .kind = WRITE_REQUEST_CREATE, .new_access_request = new, .bound = bound};
    return harness_submit(&consent.side, &consent.write);
}

static struct record_id
asked(const struct engine_new_access_request *new)
{
    cr_assert_eq(ask_as(new, NULL), BEHALF_OK, "%s", consent.write.error.message);
    cr_assert(consent.write.has_access_request);
    return consent.write.access_request;
}

static struct record_id
asked_for(const char *resource, const char *permission)
{
    struct engine_new_access_request new = new_request();

    new.resource = consent_object(resource);
    new.permission = slice_of(permission);
    return asked(&new);
}

static void
assert_not_asked(const struct engine_new_access_request *new, const struct object *bound,
                 enum status status, const char *text)
{
    uint64_t head = consent_head(&consent);

    (void)ask_as(new, bound);
    consent_assert_refused(&consent, head, status, text);
}

/* --- deciding --- */

static struct engine_access_approval
new_approval(struct record_id request)
{
    return (struct engine_access_approval){
        .request = request,
        .grant = {.session = session,
                  .terms.end.in_ns = CONSENT_HOUR / 2,
                  .approval = {.approver = consent_object("user:ann")}},
    };
}

static enum status
approve(struct engine_access_approval *approval)
{
    consent.write =
        (struct engine_write){.kind = WRITE_REQUEST_APPROVE, .access_approval = approval};
    cr_assert_eq(engine_write_prepare(consent.side.worker, &consent.write), BEHALF_OK, "%s",
                 consent.write.error.message);
    return harness_submit(&consent.side, &consent.write);
}

static struct record_id
approved(struct engine_access_approval *approval)
{
    cr_assert_eq(approve(approval), BEHALF_OK, "%s", consent.write.error.message);
    cr_assert(consent.write.has_grant && consent.write.has_access_request);
    cr_assert(record_id_equal(&consent.write.access_request, &approval->request));
    return consent.write.grant;
}

static void
assert_not_approved(struct engine_access_approval *approval, enum status status, const char *text)
{
    uint64_t head = consent_head(&consent);

    (void)approve(approval);
    consent_assert_refused(&consent, head, status, text);
}

static enum status
close_as(struct record_id request, enum access_request_close close, const char *approver,
         const struct object *bound)
{
    struct engine_access_refusal refusal = {
        .request = request, .close = close, .reason = SLICE_LITERAL("not today")};

    if (approver != NULL)
        refusal.approver = consent_object(approver);
    consent.write = (struct engine_write){
        .kind = WRITE_REQUEST_CLOSE, .access_refusal = &refusal, .bound = bound};
    cr_assert_eq(engine_write_prepare(consent.side.worker, &consent.write), BEHALF_OK);
    return harness_submit(&consent.side, &consent.write);
}

static enum status
close_request(struct record_id request, enum access_request_close close)
{
    return close_as(request, close, NULL, NULL);
}

static const char *
body_of(struct record_id request)
{
    return consent_body(&consent, RECORD_REQUEST, request);
}

static void
assert_has(const char *body, const char *text)
{
    cr_assert_not_null(strstr(body, text), "%s has no %s", body, text);
}

static size_t
grants_of_session(void)
{
    struct store_snapshot *snapshot = NULL;
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct slice entry;
    struct error error;
    size_t count = 0;

    cr_assert_eq(store_snapshot_open(consent.side.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(store_record_scan_open(snapshot, RECORD_INDEX_SESSION,
                                        (struct slice){(const char *)session.bytes, RECORD_ID_SIZE},
                                        (struct slice){NULL, 0}, &scan, &error),
                 BEHALF_OK);
    while (store_record_scan_next(scan, &key, &entry, &error) == BEHALF_OK)
        count++;
    store_record_scan_close(scan);
    store_snapshot_close(snapshot);
    return count;
}

/* --- create --- */

Test(write_request, what_was_asked_is_stored_as_it_was_said)
{
    const struct engine_tool tools[] = {{SLICE_LITERAL("mail"), {0xab}}};
    const struct engine_denial denial = {{{7}}, CONSENT_NOW + 1, {0}};
    struct engine_new_access_request new = new_request();

    cr_assert_str_eq(body_of(asked(&new)),
                     "{\"agent\":\"agent:bot\",\"expires_at\":1798765200000000000,"
                     "\"permission\":\"edit\",\"principal\":\"user:ann\","
                     "\"resource\":\"document:d1\",\"status\":\"pending\"}");
    new.justification = SLICE_LITERAL("to fix a typo");
    new.end.in_ns = 24 * CONSENT_HOUR;
    new.denial = &denial;
    new.requested = (struct engine_requested_terms){
        .until = CONSENT_NOW + CONSENT_HOUR,
        .uses = 3,
        .binding = {SLICE_LITERAL("payment"), {0xff}},
        .tools = tools,
        .tool_count = 1,
    };
    cr_assert_str_eq(
        body_of(asked(&new)),
        "{\"agent\":\"agent:bot\",\"denial\":\"dec_07000000000000000000000000\","
        "\"expires_at\":1798848000000000000,\"justification\":\"to fix a typo\","
        "\"permission\":\"edit\",\"principal\":\"user:ann\",\"requested\":{\"bind\":{\"digest\":"
        "\"ff00000000000000000000000000000000000000000000000000000000000000\",\"method\":"
        "\"payment\"},\"tools\":[{\"name\":\"mail\",\"sha256\":"
        "\"ab00000000000000000000000000000000000000000000000000000000000000\"}],"
        "\"until\":1798765200000000000,\"uses\":3},"
        "\"resource\":\"document:d1\",\"status\":\"pending\"}");
}

Test(write_request, parties_are_as_for_sessions)
{
    struct engine_new_access_request new = new_request();

    new.agent = consent_object("user:bob");
    assert_not_asked(&new, NULL, BEHALF_DELEGATION_REFUSED, "agent: ");
    new = new_request();
    new.principal = consent_object("agent:sub");
    assert_not_asked(&new, NULL, BEHALF_DELEGATION_REFUSED, "principal: ");
    new.principal = consent_object("user:*");
    assert_not_asked(&new, NULL, BEHALF_WILDCARD_NOT_ALLOWED, "principal: ");
    new = new_request();
    new.agent = consent_object("robot:r");
    assert_not_asked(&new, NULL, BEHALF_UNKNOWN_DEFINITION, "agent: ");
}

Test(write_request, what_is_asked_for_is_a_permission_on_one_object)
{
    struct engine_new_access_request new = new_request();

    new.resource = consent_object("document:*");
    assert_not_asked(&new, NULL, BEHALF_WILDCARD_NOT_ALLOWED, "resource: ");
    new.resource = consent_object("document:d1#viewer");
    assert_not_asked(&new, NULL, BEHALF_MALFORMED_REQUEST, "resource: ");
    new = new_request();
    new.permission = SLICE_LITERAL("delete");
    assert_not_asked(&new, NULL, BEHALF_UNKNOWN_RELATION_OR_PERMISSION, "permission: ");
}

Test(write_request, it_ends_ahead_of_now_and_within_a_day)
{
    struct engine_new_access_request new = new_request();

    new.end.at = CONSENT_NOW;
    assert_not_asked(&new, NULL, BEHALF_MALFORMED_REQUEST, "expires_at: ");
    new.end.at = CONSENT_NOW + 24 * CONSENT_HOUR + 1;
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "expires_at: ");
    new.end.at = CONSENT_NOW + 24 * CONSENT_HOUR;
    (void)asked(&new);
    new.requested.until = CONSENT_NOW;
    assert_not_asked(&new, NULL, BEHALF_MALFORMED_REQUEST, "requested.until: ");
    new.requested.until = CONSENT_NOW + 1;
    (void)asked(&new);
}

Test(write_request, its_words_are_bounded)
{
    static char text[ENGINE_JUSTIFICATION_SIZE_MAX + 1];
    const struct engine_tool nameless = {.sha256 = {1}};
    struct engine_new_access_request new = new_request();

    memset(text, 'a', sizeof text);
    new.justification = (struct slice){text, sizeof text};
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "justification: ");
    new.justification.size--;
    (void)asked(&new);
    new.requested.uses = UINT64_C(1) << 32;
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "requested.uses: ");
    new.requested.uses = 0;
    new.requested.tools = &nameless;
    new.requested.tool_count = 1;
    assert_not_asked(&new, NULL, BEHALF_MALFORMED_REQUEST, "requested.tools[0]: ");
}

Test(write_request, nobody_asks_where_a_stop_is_in_force)
{
    const struct engine_new_access_request new = new_request();

    cr_assert_eq(consent_stop(&consent, STOP_PRINCIPAL, "user:ann", false), BEHALF_OK);
    assert_not_asked(&new, NULL, BEHALF_AGENT_STOPPED, "principal: ");
    cr_assert_eq(consent_stop(&consent, STOP_PRINCIPAL, "user:ann", true), BEHALF_OK);
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    assert_not_asked(&new, NULL, BEHALF_AGENT_STOPPED, "agent: ");
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", true), BEHALF_OK);
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, NULL, false), BEHALF_OK);
    assert_not_asked(&new, NULL, BEHALF_AGENT_STOPPED, "agent: ");
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, NULL, true), BEHALF_OK);
    (void)asked(&new);
}

Test(write_request, a_denial_serves_one_request_until_its_end)
{
    const struct engine_denial denial = {{{7}}, CONSENT_NOW + 60 * CONSENT_SECOND, {0}};
    const struct engine_denial other = {{{7, 1}}, CONSENT_NOW + 60 * CONSENT_SECOND, {0}};
    struct engine_new_access_request new = new_request();

    new.denial = &denial;
    cr_assert_eq(close_request(asked(&new), ACCESS_REQUEST_CANCEL), BEHALF_OK);
    assert_not_asked(&new, NULL, BEHALF_DENIAL_INVALID, "denial: ");
    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND - 1);
    new.denial = &other;
    (void)asked(&new);
    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND);
    assert_not_asked(&new, NULL, BEHALF_DENIAL_EXPIRED, "denial: ");
}

Test(write_request, a_bound_caller_asks_those_who_gave_it_a_session)
{
    const struct object bot = consent_object("agent:bot");
    const struct object sub = consent_object("agent:sub");
    struct engine_new_session others = consent_new_session();
    struct engine_new_access_request new = new_request();

    /* Bob and the other agent know each other, and neither of them the two. */
    others.principal = consent_object("user:bob");
    others.agent = sub;
    cr_assert_eq(consent_create_session(&consent, &others), BEHALF_OK);
    assert_not_asked(&new, &sub, BEHALF_DELEGATION_REFUSED, "agent: ");
    cr_assert_eq(ask_as(&new, &bot), BEHALF_OK, "%s", consent.write.error.message);
    new.principal = consent_object("user:bob");
    assert_not_asked(&new, &bot, BEHALF_RECORD_NOT_ACTIVE, "no active session");
    new.principal = consent_object("user:ann");
    new.agent = sub;
    assert_not_asked(&new, &sub, BEHALF_RECORD_NOT_ACTIVE, "no active session");
    new.agent = bot;
    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    assert_not_asked(&new, &bot, BEHALF_RECORD_NOT_ACTIVE, "no active session");
    (void)consent_session(&consent); /* behind the suspended one in the index */
    cr_assert_eq(ask_as(&new, &bot), BEHALF_OK, "%s", consent.write.error.message);
    harness_set_time(&consent.side, CONSENT_NOW + 1800 * CONSENT_SECOND);
    assert_not_asked(&new, &bot, BEHALF_RECORD_NOT_ACTIVE, "no active session"); /* idle */
}

/* Names are for ever, and requests must not fill the dictionary. */
Test(write_request, what_is_asked_for_is_given_no_number)
{
    struct store_snapshot *snapshot = NULL;
    struct error error;
    uint64_t node = 0;
    bool found = true;

    (void)asked_for("document:unheard", "view");
    cr_assert_eq(store_snapshot_open(consent.side.store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(
        store_node_find(snapshot,
                        store_label_find(consent.side.store, LABEL_TYPE, slice_of("document")),
                        slice_of("unheard"), &node, &found, &error),
        BEHALF_OK);
    store_snapshot_close(snapshot);
    cr_assert_not(found);
}

Test(write_request, twenty_of_a_pair_are_pending)
{
    struct engine_new_access_request new = new_request();
    struct record_id first = asked(&new);

    for (int count = 1; count < ENGINE_REQUESTS_PENDING; count++)
        (void)asked(&new);
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "20 of its requests");
    new.principal = consent_object("user:bob");
    (void)asked(&new);
    new = new_request();
    new.agent = consent_object("agent:sub");
    (void)asked(&new);
    new = new_request();
    cr_assert_eq(close_request(first, ACCESS_REQUEST_DENY), BEHALF_OK);
    (void)asked(&new);
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "20 of its requests");
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR);
    (void)asked(&new);
}

Test(write_request, a_hundred_of_a_pair_have_not_expired)
{
    const struct engine_new_access_request new = new_request();

    for (int count = 0; count < ENGINE_REQUESTS_PER_PAIR; count++)
        cr_assert_eq(close_request(asked(&new), ACCESS_REQUEST_CANCEL), BEHALF_OK);
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "100 of its requests");
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR - 1);
    assert_not_asked(&new, NULL, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "100 of its requests");
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR);
    (void)asked(&new);
}

/* --- approve --- */

Test(write_request, an_approval_makes_the_grant_that_was_asked_for)
{
    struct record_id request = asked_for("document:d1", "edit");
    struct engine_access_approval approval = new_approval(request);
    uint64_t head = consent_head(&consent);
    struct record_id grant = approved(&approval);
    struct record_id_text text;
    char expected[256];

    cr_assert_eq(consent_head(&consent), head + 1, "one transaction");
    record_id_print(&request, RECORD_PREFIX_REQUEST, &text);
    (void)snprintf(expected, sizeof expected,
                   "{\"approval\":{\"approver\":\"user:ann\",\"at\":1798761600000000000,"
                   "\"request\":\"%s\"},",
                   text.text);
    assert_has(consent_body(&consent, RECORD_GRANT, grant), expected);
    assert_has(consent_body(&consent, RECORD_GRANT, grant),
               "\"scope\":[{\"actions\":[\"edit\"],\"selector\":\"document:d1\"}]");
    cr_assert_eq(consent_read_grant(&consent, grant)->max_depth, 0);
    record_id_print(&grant, RECORD_PREFIX_GRANT, &text);
    (void)snprintf(expected, sizeof expected,
                   "{\"agent\":\"agent:bot\",\"decided\":{\"approver\":\"user:ann\","
                   "\"at\":1798761600000000000},\"expires_at\":1798765200000000000,"
                   "\"grant\":\"%s\",",
                   text.text);
    assert_has(body_of(request), expected);
    assert_has(body_of(request), "\"status\":\"approved\"");
}

Test(write_request, what_an_approval_leaves_out_is_as_requested)
{
    const struct engine_tool tools[] = {{SLICE_LITERAL("mail"), {0xab}}};
    struct engine_new_access_request new = new_request();
    struct engine_access_approval approval;
    const struct grant *grant;
    const char *body;

    new.requested = (struct engine_requested_terms){
        .until = CONSENT_NOW + CONSENT_HOUR,
        .uses = 3,
        .binding = {SLICE_LITERAL("payment"), {0xff}},
        .tools = tools,
        .tool_count = 1,
    };
    approval = new_approval(asked(&new));
    approval.grant.terms.end.in_ns = 0;
    grant = consent_read_grant(&consent, approved(&approval));
    body = consent_body(&consent, RECORD_GRANT, grant->id);
    cr_assert_eq(grant->expires_at, CONSENT_NOW + CONSENT_HOUR);
    cr_assert_eq(consent_uses(&consent, grant->id), 3);
    assert_has(body, "\"bind\":{\"digest\":\"ff000000");
    assert_has(body, "\"tools\":[{\"name\":\"mail\",\"sha256\":\"ab000000");
    /* An end was never asked for: then it is the approver's to say. */
    new.requested.until = 0;
    approval = new_approval(asked(&new));
    approval.grant.terms.end.in_ns = 0;
    assert_not_approved(&approval, BEHALF_MALFORMED_REQUEST, "expires_at: ");
    approval.grant.terms.end.in_ns = CONSENT_HOUR / 2;
    approval.grant.terms.uses = 2;
    grant = consent_read_grant(&consent, approved(&approval));
    cr_assert_eq(grant->expires_at, CONSENT_NOW + CONSENT_HOUR / 2);
    cr_assert_eq(consent_uses(&consent, grant->id), 2);
}

Test(write_request, one_request_makes_one_grant)
{
    struct engine_access_approval approval = new_approval(asked_for("document:d1", "edit"));

    (void)approved(&approval);
    assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, "approved");
    cr_assert_eq(grants_of_session(), 1);
}

Test(write_request, a_request_is_decided_once)
{
    static const enum access_request_close closes[] = {ACCESS_REQUEST_DENY, ACCESS_REQUEST_CANCEL};
    static const char *const words[] = {"denied", "cancelled"};

    for (size_t at = 0; at < 2; at++) {
        struct record_id request = asked_for("document:d1", "edit");
        struct engine_access_approval approval = new_approval(request);

        cr_assert_eq(close_request(request, closes[at]), BEHALF_OK);
        assert_has(body_of(request), words[at]);
        assert_has(body_of(request),
                   "\"decided\":{\"at\":1798761600000000000,\"reason\":\"not today\"}");
        assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, words[at]);
        cr_assert_eq(close_request(request, ACCESS_REQUEST_DENY), BEHALF_RECORD_NOT_ACTIVE);
        cr_assert_eq(close_request(request, ACCESS_REQUEST_CANCEL), BEHALF_RECORD_NOT_ACTIVE);
    }
    cr_assert_eq(grants_of_session(), 0);
}

Test(write_request, one_that_was_approved_is_neither_denied_nor_cancelled)
{
    struct engine_access_approval approval = new_approval(asked_for("document:d1", "edit"));

    (void)approved(&approval);
    cr_assert_eq(close_request(approval.request, ACCESS_REQUEST_DENY), BEHALF_RECORD_NOT_ACTIVE);
    cr_assert_eq(close_request(approval.request, ACCESS_REQUEST_CANCEL), BEHALF_RECORD_NOT_ACTIVE);
    assert_has(body_of(approval.request), "\"status\":\"approved\"");
}

Test(write_request, nothing_is_decided_after_its_end)
{
    struct engine_new_access_request new = new_request();
    struct engine_access_approval approval;
    struct record_id request;

    new.end.in_ns = 60 * CONSENT_SECOND;
    request = asked(&new);
    approval = new_approval(request);
    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND);
    assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, "expired");
    cr_assert_eq(close_request(request, ACCESS_REQUEST_DENY), BEHALF_RECORD_NOT_ACTIVE);
    cr_assert_eq(close_request(request, ACCESS_REQUEST_CANCEL), BEHALF_RECORD_NOT_ACTIVE);
    request = asked(&new);
    approval = new_approval(request);
    harness_set_time(&consent.side, CONSENT_NOW + 120 * CONSENT_SECOND - 1);
    (void)approved(&approval);
}

Test(write_request, its_session_is_active_and_of_the_two)
{
    struct record_id request = asked_for("document:d1", "edit");
    struct engine_access_approval approval = new_approval(request);
    struct engine_new_session new = consent_new_session();

    approval.grant.session = (struct record_id){{9}};
    assert_not_approved(&approval, BEHALF_UNKNOWN_RECORD, "ses_");
    new.principal = consent_object("user:bob");
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    approval.grant.session = consent.write.session;
    assert_not_approved(&approval, BEHALF_DELEGATION_REFUSED, "session: ");
    new = consent_new_session();
    new.agent = consent_object("agent:sub");
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    approval.grant.session = consent.write.session;
    assert_not_approved(&approval, BEHALF_DELEGATION_REFUSED, "session: ");
    approval.grant.session = session;
    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, "suspended");
    cr_assert_eq(consent_change(&consent, session, SESSION_REVOKE), BEHALF_OK);
    assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, "revoked");
    assert_has(body_of(request), "pending");
}

Test(write_request, nothing_is_approved_after_the_session_ended_or_was_stopped)
{
    struct engine_new_access_request new = new_request();
    struct engine_access_approval approval;

    new.end.in_ns = 24 * CONSENT_HOUR;
    approval = new_approval(asked(&new));
    approval.grant.terms.end.in_ns = 1;
    harness_set_time(&consent.side, CONSENT_NOW + 1800 * CONSENT_SECOND);
    assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, "idle");
    harness_set_time(&consent.side, CONSENT_NOW + 8 * CONSENT_HOUR);
    assert_not_approved(&approval, BEHALF_RECORD_NOT_ACTIVE, "ended");
    approval.grant.session = consent_session(&consent);
    cr_assert_eq(consent_stop(&consent, STOP_CLIENT, "agent:bot", false), BEHALF_OK);
    assert_not_approved(&approval, BEHALF_AGENT_STOPPED, "a stop cuts off");
}

Test(write_request, what_names_the_schema_lost_is_not_approved)
{
    struct engine_access_approval approval = new_approval(asked_for("document:d1", "edit"));

    consent_schema(&consent, "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition document { relation viewer: user\n"
                             "permission view = viewer }\n");
    assert_not_approved(&approval, BEHALF_UNKNOWN_RELATION_OR_PERMISSION, "scope[0]: ");
}

Test(write_request, an_unknown_request_is_said_to_be_unknown)
{
    struct engine_access_approval approval = new_approval((struct record_id){{9}});

    assert_not_approved(&approval, BEHALF_UNKNOWN_RECORD, "req_");
    cr_assert_eq(close_request(approval.request, ACCESS_REQUEST_DENY), BEHALF_UNKNOWN_RECORD);
}

/* --- approvers --- */

Test(write_request, no_agent_and_no_other_person_approves)
{
    struct engine_access_approval approval = new_approval(asked_for("document:d1", "edit"));

    approval.grant.approval.approver = consent_object("agent:bot");
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "agent type");
    approval.grant.approval.approver = consent_object("user:bob");
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "user:bob");
    approval.grant.approval.approver = (struct object){.type = {NULL, 0}};
    assert_not_approved(&approval, BEHALF_MALFORMED_REQUEST, "approver: ");
    approval = new_approval(approval.request);
    (void)approved(&approval);
}

Test(write_request, approvers_of_the_resource_approve)
{
    struct engine_access_approval approval = new_approval(asked_for("vault:v", "open"));

    approval.grant.approval.approver = consent_object("user:bob");
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "user:bob");
    consent_touch(&consent, "vault:other#keeper@user:bob");
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "user:bob");
    consent_touch(&consent, "vault:v#keeper@user:bob");
    assert_has(consent_body(&consent, RECORD_GRANT, approved(&approval)),
               "\"approver\":\"user:bob\"");
    assert_has(body_of(approval.request), "\"approver\":\"user:bob\"");
}

Test(write_request, approvers_of_the_principal_approve)
{
    struct engine_new_session new = consent_new_session();
    struct engine_new_access_request request = new_request();
    struct engine_access_approval approval;

    new.principal = consent_object("team:ops");
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    session = consent.write.session;
    request.principal = consent_object("team:ops");
    approval = new_approval(asked(&request));
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "user:ann");
    consent_touch(&consent, "team:ops#admin@user:ann");
    (void)approved(&approval);
}

Test(write_request, an_agent_that_is_an_approver_by_the_relationships_is_none)
{
    struct engine_access_approval approval = new_approval(asked_for("vault:v", "open"));

    consent_touch(&consent, "vault:v#keeper@agent:bot");
    approval.grant.approval.approver = consent_object("agent:bot");
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "agent type");
    cr_assert_eq(close_as(approval.request, ACCESS_REQUEST_DENY, "agent:bot", NULL),
                 BEHALF_APPROVER_REFUSED);
}

/* What a worker found of one who has lost the permission since is looked up again. */
Test(write_request, the_approver_is_the_present_one)
{
    struct engine_access_approval approval = new_approval(asked_for("vault:v", "open"));
    struct update update = {.op = UPDATE_DELETE};
    struct error error;

    approval.grant.approval.approver = consent_object("user:bob");
    approval.grant.approved = true; /* as a caller might claim */
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "user:bob");
    consent_touch(&consent, "vault:v#keeper@user:bob");
    cr_assert_eq(relationship_parse(slice_of("vault:v#keeper@user:bob"), &consent.arena,
                                    &update.relationship, &error),
                 BEHALF_OK);
    cr_assert_eq(harness_write_updates(&consent.side, &update, 1, NULL, &error), BEHALF_OK);
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "user:bob");
}

/* --- more than was asked --- */

static const struct slice open_only[] = {{"open", 4}};
static const struct slice edit_and_view[] = {{"edit", 4}, {"view", 4}};
static const struct slice view_only[] = {{"view", 4}};

Test(write_request, another_scope_contains_what_was_asked)
{
    static const struct engine_scope_element wrong[] = {
        {{"document:*", 10}, view_only, 1},
        {{"document:d2", 11}, edit_and_view, 2},
        {{"vault:*", 7}, open_only, 1},
    };
    static const struct engine_scope_element right[] = {
        {{"vault:*", 7}, open_only, 1},
        {{"document:*", 10}, edit_and_view, 2},
    };
    static const struct engine_scope_element members = {
        {"document:*#within@folder:f", 26}, edit_and_view, 2};
    struct engine_access_approval approval = new_approval(asked_for("document:d1", "edit"));

    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++) {
        approval.grant.terms.scope = &wrong[at];
        approval.grant.terms.scope_count = 1;
        assert_not_approved(&approval, BEHALF_SCOPE_NOT_NARROWER, "scope: ");
    }
    approval.grant.terms.scope = right;
    approval.grant.terms.scope_count = 2;
    cr_assert_eq(consent_read_grant(&consent, approved(&approval))->elements.count, 2);
    approval = new_approval(asked_for("document:d1", "edit"));
    approval.grant.terms.scope = &members;
    approval.grant.terms.scope_count = 1;
    (void)approved(&approval);
}

Test(write_request, only_the_principal_approves_more_than_was_asked)
{
    static const struct engine_scope_element wide[] = {{{"vault:*", 7}, open_only, 1}};
    static const struct engine_scope_element exact[] = {{{"vault:v", 7}, open_only, 1}};
    const struct engine_tool tools[] = {{SLICE_LITERAL("mail"), {0xab}},
                                        {SLICE_LITERAL("mail"), {0xac}}};
    struct engine_new_access_request new = new_request();
    struct engine_access_approval approval;
    struct engine_access_approval exactly;

    consent_touch(&consent, "vault:v#keeper@user:bob");
    new.resource = consent_object("vault:v");
    new.permission = SLICE_LITERAL("open");
    new.requested = (struct engine_requested_terms){
        .until = CONSENT_NOW + CONSENT_HOUR,
        .uses = 3,
        .binding = {SLICE_LITERAL("payment"), {0xff}},
        .tools = tools,
        .tool_count = 1,
    };
    exactly = new_approval(asked(&new));
    exactly.grant.approval.approver = consent_object("user:bob");
    approval = exactly;
    approval.grant.terms.scope = wide;
    approval.grant.terms.scope_count = 1;
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "scope: ");
    approval = exactly;
    approval.grant.terms.end.in_ns = CONSENT_HOUR + 1;
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "expires_at: ");
    approval.grant.terms.end = (struct engine_end){.at = CONSENT_NOW + CONSENT_HOUR + 1};
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "expires_at: ");
    approval = exactly;
    approval.grant.terms.uses = 4;
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "uses: ");
    approval = exactly;
    approval.grant.terms.binding = (struct engine_binding){SLICE_LITERAL("payment"), {0xfe}};
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "bind: ");
    approval.grant.terms.binding = (struct engine_binding){SLICE_LITERAL("transfer"), {0xff}};
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "bind: ");
    approval = exactly;
    approval.grant.terms.tools = tools;
    approval.grant.terms.tool_count = 2;
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "tools: ");
    approval = exactly;
    approval.grant.terms.max_depth = 1;
    assert_not_approved(&approval, BEHALF_APPROVER_REFUSED, "max_depth: ");
    /* The same in other words is not more. */
    approval = exactly;
    approval.grant.terms.scope = exact;
    approval.grant.terms.scope_count = 1;
    approval.grant.terms.end.in_ns = CONSENT_HOUR;
    approval.grant.terms.uses = 3;
    (void)approved(&approval);
    /* And the principal may. */
    approval = new_approval(asked(&new));
    approval.grant.terms.scope = wide;
    approval.grant.terms.scope_count = 1;
    approval.grant.terms.end.in_ns = 2 * CONSENT_HOUR;
    approval.grant.terms.uses = 4;
    approval.grant.terms.max_depth = 1;
    (void)approved(&approval);
}

Test(write_request, the_grant_keeps_within_the_limits_of_grants)
{
    struct engine_access_approval approval = new_approval(asked_for("document:d1", "edit"));

    approval.grant.terms.end.in_ns = 8 * CONSENT_HOUR + 1;
    assert_not_approved(&approval, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "session");
    approval.grant.terms.end.in_ns = CONSENT_HOUR;
    approval.grant.terms.not_before = CONSENT_NOW + CONSENT_HOUR;
    assert_not_approved(&approval, BEHALF_MALFORMED_REQUEST, "not_before: ");
    assert_has(body_of(approval.request), "pending");
}

/* --- deny, cancel --- */

Test(write_request, who_denies_by_name_is_an_approver)
{
    struct record_id request = asked_for("vault:v", "open");

    cr_assert_eq(close_as(request, ACCESS_REQUEST_DENY, "user:bob", NULL), BEHALF_APPROVER_REFUSED);
    consent_touch(&consent, "vault:v#keeper@user:bob");
    cr_assert_eq(close_as(request, ACCESS_REQUEST_DENY, "user:bob", NULL), BEHALF_OK);
    assert_has(body_of(request), "\"approver\":\"user:bob\"");
    request = asked_for("vault:v", "open");
    cr_assert_eq(close_as(request, ACCESS_REQUEST_CANCEL, "user:ann", NULL), BEHALF_OK);
    assert_has(body_of(request), "\"approver\":\"user:ann\"");
}

Test(write_request, a_bound_caller_cancels_its_own_in_nobodys_name)
{
    const struct object bot = consent_object("agent:bot");
    const struct object sub = consent_object("agent:sub");
    const struct object stranger = consent_object("agent:stranger");
    struct record_id request = asked_for("document:d1", "edit");
    struct engine_new_access_request new = new_request();

    new.agent = sub;
    (void)asked(&new);
    cr_assert_eq(close_as(request, ACCESS_REQUEST_CANCEL, NULL, &sub), BEHALF_UNKNOWN_RECORD);
    cr_assert_eq(close_as(request, ACCESS_REQUEST_CANCEL, NULL, &stranger), BEHALF_UNKNOWN_RECORD);
    cr_assert_eq(close_as(request, ACCESS_REQUEST_CANCEL, "user:ann", &bot),
                 BEHALF_APPROVER_REFUSED);
    cr_assert_eq(close_as(request, ACCESS_REQUEST_CANCEL, NULL, &bot), BEHALF_OK);
}

Test(write_request, reasons_are_bounded)
{
    static char text[ENGINE_REASON_SIZE_MAX + 1];
    struct engine_access_refusal refusal = {.request = asked_for("document:d1", "edit"),
                                            .reason = {text, sizeof text}};

    memset(text, 'a', sizeof text);
    consent.write = (struct engine_write){.kind = WRITE_REQUEST_CLOSE, .access_refusal = &refusal};
    cr_assert_eq(harness_submit(&consent.side, &consent.write),
                 BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    refusal.reason.size--;
    cr_assert_eq(harness_submit(&consent.side, &consent.write), BEHALF_OK);
}

/* --- repeats, sweeps, preparing --- */

static enum status
repeat(struct engine_write write, const char *key)
{
    consent.write = write;
    consent.write.idempotency_key = slice_of(key);
    cr_assert_eq(engine_write_prepare(consent.side.worker, &consent.write), BEHALF_OK);
    return harness_submit(&consent.side, &consent.write);
}

Test(write_request, repeats_with_a_key_give_the_same_ids)
{
    const struct engine_new_access_request new = new_request();
    const struct engine_write create = {.kind = WRITE_REQUEST_CREATE, .new_access_request = &new};
    struct engine_access_approval approval;
    struct engine_write approving = {.kind = WRITE_REQUEST_APPROVE, .access_approval = &approval};
    struct record_id grant;
    uint64_t head;

    cr_assert_eq(repeat(create, "create"), BEHALF_OK);
    approval = new_approval(consent.write.access_request);
    head = consent_head(&consent);
    cr_assert_eq(repeat(create, "create"), BEHALF_OK);
    cr_assert(consent.write.repeated && consent.write.has_access_request);
    cr_assert(record_id_equal(&consent.write.access_request, &approval.request));
    cr_assert_eq(consent_head(&consent), head);

    cr_assert_eq(repeat(approving, "approve"), BEHALF_OK);
    grant = consent.write.grant;
    head = consent_head(&consent);
    for (int again = 0; again < 3; again++) {
        cr_assert_eq(repeat(approving, "approve"), BEHALF_OK);
        cr_assert(consent.write.repeated && consent.write.has_grant);
        cr_assert(record_id_equal(&consent.write.grant, &grant));
        cr_assert(record_id_equal(&consent.write.access_request, &approval.request));
    }
    cr_assert_eq(repeat(approving, "another key"), BEHALF_RECORD_NOT_ACTIVE);
    cr_assert_eq(consent_head(&consent), head);
    cr_assert_eq(grants_of_session(), 1);
}

Test(write_request, it_is_swept_after_the_retention)
{
    const int64_t retention = consent.side.engine->record_retention_ns;
    struct record_id request = asked_for("document:d1", "edit");
    struct engine_access_approval approval = new_approval(request);
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR + retention - 1);
    (void)harness_submit(&consent.side, &sweep);
    assert_has(body_of(request), "pending");
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR + retention);
    cr_assert_eq(harness_submit(&consent.side, &sweep), BEHALF_OK);
    assert_not_approved(&approval, BEHALF_UNKNOWN_RECORD, "req_");
}

Test(write_request, only_a_named_approver_needs_preparing)
{
    struct engine_access_refusal refusal = {.request = {{9}}};
    struct engine_access_approval approval = new_approval((struct record_id){{9}});
    struct engine_write write = {.kind = WRITE_REQUEST_CLOSE, .access_refusal = &refusal};

    cr_assert_not(engine_write_needs_preparing(&write));
    refusal.approver = consent_object("user:ann");
    cr_assert(engine_write_needs_preparing(&write));
    write = (struct engine_write){.kind = WRITE_REQUEST_APPROVE, .access_approval = &approval};
    cr_assert(engine_write_needs_preparing(&write));
}

/* A decision by a grant is looked at again after a revision that changed a session, grant or stop:
 * agents who ask must not make everybody look again. */
Test(write_request, asking_changes_nothing_that_decisions_depend_on)
{
    const struct published *before = worker_refresh(consent.side.worker);
    uint64_t revision = before->records_revision;

    (void)asked_for("document:d1", "edit");
    cr_assert_eq(worker_refresh(consent.side.worker)->records_revision, revision);
}
