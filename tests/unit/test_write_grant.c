/* test_write_grant.c - grants.create, .delegate and .revoke: each rule refuses what it is about,
 * and what is allowed is stored as it was said. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "base/datum.h"
#include "schema/schema.h"
#include "tests/unit/test_consent_support.h"

static struct consent consent;
static struct record_id session;

static void
open_consent(void)
{
    consent_open(&consent);
    session = consent_session(&consent);
}

static void
close_consent(void)
{
    consent_close(&consent);
}

TestSuite(write_grant, .init = open_consent, .fini = close_consent);

static void
assert_refused(struct engine_root_grant *grant, enum status status, const char *text)
{
    uint64_t head = consent_head(&consent);

    (void)consent_create_grant(&consent, grant);
    consent_assert_refused(&consent, head, status, text);
}

static void
assert_child_refused(const struct engine_delegated_grant *grant, enum status status,
                     const char *text)
{
    uint64_t head = consent_head(&consent);

    (void)consent_delegate(&consent, grant);
    consent_assert_refused(&consent, head, status, text);
}

static void
assert_made(struct engine_root_grant *grant)
{
    cr_assert_eq(consent_create_grant(&consent, grant), BEHALF_OK, "%s",
                 consent.write.error.message);
}

static struct slice
filled(size_t size)
{
    char *text = arena_take(&consent.arena, size);

    memset(text, 'a', size);
    return (struct slice){text, size};
}

/* Canonical bytes of JSON. */
static struct slice
bytes_of(const char *json)
{
    const struct datum *datum = NULL;
    struct buffer bytes;
    struct slice copy;
    struct error error;

    buffer_init(&bytes);
    cr_assert_eq(datum_parse_json(slice_of(json), &consent.arena, &datum, &error), BEHALF_OK);
    datum_encode(datum, &bytes);
    copy = arena_copy(&consent.arena, buffer_slice(&bytes));
    buffer_release(&bytes);
    return copy;
}

/* A scope of one element. */
static void
set_scope(struct engine_grant_terms *terms, const char *selector, const char *action)
{
    struct slice *actions = arena_take_array(&consent.arena, 1, sizeof *actions);
    struct engine_scope_element *element = arena_take_array(&consent.arena, 1, sizeof *element);

    actions[0] = slice_of(action);
    *element = (struct engine_scope_element){slice_of(selector), actions, 1};
    terms->scope = element;
    terms->scope_count = 1;
}

/* --- a root grant --- */

Test(write_grant, a_root_grant_is_stored_as_it_was_said)
{
    const struct record_id id = consent_grant(&consent, session, 0);
    const struct grant *grant = consent_read_grant(&consent, id);
    const struct grant_element *element = record_at(grant, grant->elements);
    struct record_id_text text;
    char expected[512];

    record_id_print(&session, RECORD_PREFIX_SESSION, &text);
    (void)snprintf(expected, sizeof expected,
                   "{\"approval\":{\"approver\":\"user:ann\",\"at\":1798761600000000000},"
                   "\"delegatee\":\"agent:bot\",\"delegator\":\"user:ann\","
                   "\"expires_at\":1798763400000000000,\"max_depth\":0,"
                   "\"scope\":[{\"actions\":[\"view\"],\"selector\":\"document:*\"}],"
                   "\"session\":\"%s\"}",
                   text.text);
    cr_assert_str_eq(consent_body(&consent, RECORD_GRANT, id), expected);
    cr_assert(grant->is_root);
    cr_assert(record_id_equal(&grant->session, &session));
    cr_assert_eq(grant->delegatee, consent_read_session(&consent, session)->agent);
    cr_assert_eq(grant->made_revision, consent_head(&consent));
    cr_assert_eq(grant->elements.count, 1);
    cr_assert_eq(element->form, SELECTOR_TYPE);
    cr_assert_eq(element->actions.count, 1);
    cr_assert_eq(consent_uses(&consent, id), UINT64_MAX);
}

Test(write_grant, all_terms_are_stored)
{
    static const struct slice actions[] = {{"view", 4}, {"edit", 4}, {"view", 4}};
    const struct engine_scope_element scope[] = {
        {SLICE_LITERAL("document:d1"), actions, 3},
        {SLICE_LITERAL("document:*#within@folder:f"), actions, 1},
        {SLICE_LITERAL("document:*#viewer@$principal"), actions, 1},
    };
    const struct engine_constraint constraints[] = {
        {SLICE_LITERAL("during"), bytes_of("{\"hour\":9}")}, {SLICE_LITERAL("during"), {NULL, 0}}};
    const struct engine_tool tools[] = {{SLICE_LITERAL("mail"), {0xab}}};
    struct engine_root_grant asked = consent_new_grant(session);
    const struct grant *grant;
    const struct grant_element *elements;
    const struct grant_constraint *stored;
    const struct grant_tool *tool;
    uint8_t digest[32];
    const char *body;

    asked.terms.scope = scope;
    asked.terms.scope_count = 3;
    asked.terms.constraints = constraints;
    asked.terms.constraint_count = 2;
    asked.terms.tools = tools;
    asked.terms.tool_count = 1;
    asked.terms.binding = (struct engine_binding){SLICE_LITERAL("POST"), {0x01, 0xff}};
    asked.terms.not_before = CONSENT_NOW + 1;
    asked.terms.max_depth = 7;
    asked.terms.uses = 3;
    asked.terms.purpose = SLICE_LITERAL("the report");
    asked.approval.at = CONSENT_NOW - 5;
    asked.approval.channel = SLICE_LITERAL("browser");
    asked.approval.evidence = bytes_of("{\"acr\":\"2\"}");
    assert_made(&asked);
    cr_assert_eq(consent_uses(&consent, consent.write.grant), 3);
    grant = consent_read_grant(&consent, consent.write.grant);
    cr_assert_eq(grant->not_before, CONSENT_NOW + 1);
    cr_assert_eq(grant->max_depth, 7);
    cr_assert_eq(grant->uses, 3);
    elements = record_at(grant, grant->elements);
    cr_assert_eq(grant->elements.count, 3);
    cr_assert_eq(elements[0].form, SELECTOR_OBJECT);
    cr_assert(slice_equal(record_text(grant, elements[0].id), SLICE_LITERAL("d1")));
    cr_assert_eq(elements[0].actions.count, 2); /* each once */
    cr_assert_eq(elements[1].form, SELECTOR_MEMBERS);
    cr_assert(slice_equal(record_text(grant, elements[1].id), SLICE_LITERAL("f")));
    /* $principal is the one of now. */
    cr_assert(slice_equal(record_text(grant, elements[2].id), SLICE_LITERAL("ann")));
    cr_assert(slice_equal(record_text(grant, grant->method), SLICE_LITERAL("POST")));
    cr_assert_eq(grant->digest[1], 0xff);
    tool = record_at(grant, grant->tools);
    cr_assert(slice_equal(record_text(grant, tool->name), SLICE_LITERAL("mail")));
    cr_assert_eq(tool->sha256[0], 0xab);
    stored = record_at(grant, grant->constraints);
    cr_assert_eq(grant->constraints.count, 2);
    cr_assert(slice_equal(record_text(grant, stored[0].context), constraints[0].context));
    cr_assert_eq(stored[1].context.count, 0);
    {
        struct published *published = engine_published(consent.side.engine);
        const struct schema *schema = published->binding->schema;

        schema_caveat_digest(schema, schema_find_caveat(schema, SLICE_LITERAL("during")), digest);
        published_unref(published);
    }
    cr_assert_arr_eq(stored[1].digest, digest, sizeof digest);
    body = consent_body(&consent, RECORD_GRANT, consent.write.grant);
    cr_assert_not_null(strstr(body, "\"selector\":\"document:*#viewer@user:ann\""), "%s", body);
    cr_assert_not_null(strstr(body, "\"purpose\":\"the report\""), "%s", body);
    cr_assert_not_null(strstr(body, "\"channel\":\"browser\",\"evidence\":{\"acr\":\"2\"}"), "%s",
                       body);
}

Test(write_grant, its_session_exists_and_is_active)
{
    struct engine_root_grant grant = consent_new_grant((struct record_id){{9}});

    assert_refused(&grant, BEHALF_UNKNOWN_RECORD, "ses_");
    grant.session = session;
    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    assert_refused(&grant, BEHALF_RECORD_NOT_ACTIVE, "suspended");
    cr_assert_eq(consent_change(&consent, session, SESSION_REVOKE), BEHALF_OK);
    assert_refused(&grant, BEHALF_RECORD_NOT_ACTIVE, "revoked");
}

Test(write_grant, its_session_was_not_idle_and_has_not_ended)
{
    struct engine_new_session new = consent_new_session();
    struct engine_root_grant grant = consent_new_grant(session);

    grant.terms.end.in_ns = 1;
    harness_set_time(&consent.side, CONSENT_NOW + 1800 * CONSENT_SECOND);
    assert_refused(&grant, BEHALF_RECORD_NOT_ACTIVE, "idle");
    new.has_idle_timeout = true;
    new.end.in_ns = CONSENT_HOUR;
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    grant.session = consent.write.session;
    harness_set_time(&consent.side, CONSENT_NOW + 1800 * CONSENT_SECOND + CONSENT_HOUR);
    assert_refused(&grant, BEHALF_RECORD_NOT_ACTIVE, "ended");
}

Test(write_grant, nothing_is_granted_to_what_is_stopped)
{
    struct engine_root_grant grant = consent_new_grant(session);

    cr_assert_eq(consent_stop(&consent, STOP_PRINCIPAL, "user:ann", false), BEHALF_OK);
    assert_refused(&grant, BEHALF_AGENT_STOPPED, "a stop cuts off");
    cr_assert_eq(consent_stop(&consent, STOP_PRINCIPAL, "user:ann", true), BEHALF_OK);
    grant.session = consent_session(&consent);
    cr_assert_eq(consent_stop(&consent, STOP_CLIENT, "agent:bot", false), BEHALF_OK);
    assert_refused(&grant, BEHALF_AGENT_STOPPED, "a stop cuts off");
}

Test(write_grant, its_agent_is_of_an_agent_type_by_the_schema_of_now)
{
    struct engine_root_grant grant = consent_new_grant(session);

    consent_schema(&consent, "definition user {}\ndefinition agent {}\n"
                             "definition document { relation viewer: user\n"
                             "permission view = viewer }\n");
    assert_refused(&grant, BEHALF_DELEGATION_REFUSED, "session: ");
}

Test(write_grant, it_ends_ahead_of_now_with_its_session_and_within_its_life)
{
    struct engine_root_grant grant = consent_new_grant(session);
    struct engine_new_session new = consent_new_session();

    grant.terms.end = (struct engine_end){.at = 0};
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "expires_at: ");
    grant.terms.end = (struct engine_end){.at = CONSENT_NOW};
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "ahead");
    grant.terms.end = (struct engine_end){.at = CONSENT_NOW + 1, .in_ns = 1};
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "twice");
    grant.terms.end = (struct engine_end){.at = CONSENT_NOW + 8 * CONSENT_HOUR + 1};
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "session");
    grant.terms.end = (struct engine_end){.at = CONSENT_NOW + 8 * CONSENT_HOUR};
    assert_made(&grant);
    new.end.in_ns = 24 * CONSENT_HOUR;
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    grant.session = consent.write.session;
    grant.terms.end = (struct engine_end){.at = CONSENT_NOW + 24 * CONSENT_HOUR + 1};
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "expires_at: ");
    grant.terms.end = (struct engine_end){.at = CONSENT_NOW + 24 * CONSENT_HOUR};
    assert_made(&grant);
}

Test(write_grant, it_is_valid_before_it_ends)
{
    struct engine_root_grant grant = consent_new_grant(session);

    grant.terms.not_before = -1;
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "not_before: ");
    grant.terms.not_before = CONSENT_NOW + CONSENT_HOUR / 2;
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "not_before: ");
    grant.terms.not_before--;
    assert_made(&grant);
}

/* --- scope --- */

Test(write_grant, a_scope_has_elements_with_actions_within_the_limits)
{
    struct slice view = SLICE_LITERAL("view");
    struct slice actions[ENGINE_SCOPE_ACTIONS_MAX + 1];
    struct engine_scope_element scope[ENGINE_SCOPE_ELEMENTS_MAX + 1];
    struct engine_root_grant grant = consent_new_grant(session);

    for (size_t at = 0; at < BEHALF_COUNT_OF(actions); at++)
        actions[at] = view;
    for (size_t at = 0; at < BEHALF_COUNT_OF(scope); at++)
        scope[at] = (struct engine_scope_element){SLICE_LITERAL("document:*"), actions, 1};
    grant.terms.scope = scope;
    grant.terms.scope_count = 0;
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "scope: ");
    grant.terms.scope_count = ENGINE_SCOPE_ELEMENTS_MAX + 1;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "scope: ");
    grant.terms.scope_count = ENGINE_SCOPE_ELEMENTS_MAX;
    assert_made(&grant);
    scope[1].action_count = 0;
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "scope[1]: ");
    cr_assert_eq(consent.write.error.index, 1);
    scope[1].action_count = ENGINE_SCOPE_ACTIONS_MAX + 1;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "scope[1]: ");
    scope[1].action_count = ENGINE_SCOPE_ACTIONS_MAX;
    assert_made(&grant);
}

Test(write_grant, an_encoded_scope_is_bounded)
{
    struct slice view = SLICE_LITERAL("view");
    struct engine_scope_element scope[17];
    struct engine_root_grant grant = consent_new_grant(session);
    struct buffer selector;

    buffer_init(&selector);
    buffer_add_text(&selector, "document:");
    buffer_add_slice(&selector, filled(1000));
    for (size_t at = 0; at < BEHALF_COUNT_OF(scope); at++)
        scope[at] = (struct engine_scope_element){buffer_slice(&selector), &view, 1};
    grant.terms.scope = scope;
    grant.terms.scope_count = 17;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "16384");
    grant.terms.scope_count = 15;
    assert_made(&grant);
    buffer_release(&selector);
}

Test(write_grant, names_of_a_scope_are_of_the_schema)
{
    static const struct {
        const char *selector;
        const char *action;
        enum status status;
    } wrong[] = {
        {"page:*", "view", BEHALF_UNKNOWN_DEFINITION},
        {"document:*", "delete", BEHALF_UNKNOWN_RELATION_OR_PERMISSION},
        {"document:*", "*", BEHALF_UNKNOWN_RELATION_OR_PERMISSION},
        {"*", "view", BEHALF_MALFORMED_REQUEST},
        {"*:*", "view", BEHALF_MALFORMED_REQUEST},
        {"document:*#owner@folder:f", "view", BEHALF_UNKNOWN_RELATION_OR_PERMISSION},
        {"document:*#within@drawer:f", "view", BEHALF_UNKNOWN_DEFINITION},
        {"document:*#within@folder:*", "view", BEHALF_WILDCARD_NOT_ALLOWED},
        {"document:*#within@team:ops#admin", "view", BEHALF_MALFORMED_REQUEST},
        {"document:d1#viewer@user:ann", "view", BEHALF_MALFORMED_REQUEST},
    };
    struct engine_root_grant grant = consent_new_grant(session);

    for (size_t at = 0; at < BEHALF_COUNT_OF(wrong); at++) {
        set_scope(&grant.terms, wrong[at].selector, wrong[at].action);
        assert_refused(&grant, wrong[at].status, "scope[0]: ");
    }
}

/* --- the other terms --- */

Test(write_grant, a_constraint_names_a_caveat_and_fits_it)
{
    struct engine_constraint constraint = {SLICE_LITERAL("night"), {NULL, 0}};
    struct engine_root_grant grant = consent_new_grant(session);

    grant.terms.constraints = &constraint;
    grant.terms.constraint_count = 1;
    assert_refused(&grant, BEHALF_UNKNOWN_CAVEAT, "constraints[0]: ");
    constraint = (struct engine_constraint){SLICE_LITERAL("during"), bytes_of("{\"hour\":\"x\"}")};
    assert_refused(&grant, BEHALF_CAVEAT_PARAMETER_TYPE_ERROR, "constraints[0]: ");
    constraint.context = filled(4097);
    assert_refused(&grant, BEHALF_MAX_RELATIONSHIP_CONTEXT_SIZE, "constraints[0]: ");
}

Test(write_grant, terms_are_bounded)
{
    struct engine_constraint constraints[ENGINE_CONSTRAINTS_MAX + 1];
    struct engine_tool tools[ENGINE_TOOLS_MAX + 1];
    struct engine_root_grant grant = consent_new_grant(session);

    for (size_t at = 0; at < BEHALF_COUNT_OF(constraints); at++)
        constraints[at] = (struct engine_constraint){SLICE_LITERAL("during"), {NULL, 0}};
    for (size_t at = 0; at < BEHALF_COUNT_OF(tools); at++)
        tools[at] = (struct engine_tool){SLICE_LITERAL("mail"), {0}};
    grant.terms.constraints = constraints;
    grant.terms.constraint_count = ENGINE_CONSTRAINTS_MAX + 1;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "constraints: ");
    grant.terms.constraint_count = ENGINE_CONSTRAINTS_MAX;
    grant.terms.tools = tools;
    grant.terms.tool_count = ENGINE_TOOLS_MAX + 1;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "tools: ");
    grant.terms.tool_count = ENGINE_TOOLS_MAX;
    grant.terms.max_depth = ENGINE_DEPTH_MAX + 1;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "max_depth: ");
    grant.terms.max_depth = ENGINE_DEPTH_MAX;
    grant.terms.uses = (uint64_t)UINT32_MAX + 1;
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "uses: ");
    grant.terms.uses = UINT32_MAX;
    grant.terms.purpose = filled(ENGINE_PURPOSE_SIZE_MAX + 1);
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "purpose: ");
    grant.terms.purpose.size--;
    grant.terms.binding.method = filled(ENGINE_NAME_SIZE_MAX + 1);
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "bind.method: ");
    grant.terms.binding.method.size--;
    tools[3].name = filled(ENGINE_NAME_SIZE_MAX + 1);
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "tools[3]: ");
    tools[3].name.size = 0;
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "tools[3]: ");
    tools[3].name = filled(ENGINE_NAME_SIZE_MAX);
    assert_made(&grant);
    cr_assert_eq(consent_uses(&consent, consent.write.grant), UINT32_MAX);
}

/* Whatever was stored can be revoked, with the longest reason. */
Test(write_grant, the_largest_record_leaves_room_to_revoke_it)
{
    struct engine_tool tools[ENGINE_TOOLS_MAX];
    struct engine_root_grant grant = consent_new_grant(session);
    struct engine_grant_revoke revoke = {.reason = filled(ENGINE_REASON_SIZE_MAX)};
    size_t size = ENGINE_NAME_SIZE_MAX;

    grant.terms.tools = tools;
    grant.terms.tool_count = ENGINE_TOOLS_MAX;
    do {
        for (size_t at = 0; at < BEHALF_COUNT_OF(tools); at++)
            tools[at] = (struct engine_tool){filled(size), {0}};
        size--;
        (void)consent_create_grant(&consent, &grant);
    } while (consent.write.status == BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    cr_assert_eq(consent.write.status, BEHALF_OK, "%s", consent.write.error.message);
    revoke.grant = consent.write.grant;
    consent.write = (struct engine_write){.kind = WRITE_GRANT_REVOKE, .grant_revoke = &revoke};
    cr_assert_eq(harness_submit(&consent.side, &consent.write), BEHALF_OK, "%s",
                 consent.write.error.message);
}

Test(write_grant, a_session_has_a_thousand_grants_ended_ones_too)
{
    struct engine_root_grant grant = consent_new_grant(session);
    struct record_id last;
    struct engine_delegated_grant child;

    grant.terms.max_depth = 1;
    grant.terms.end.in_ns = 1;
    assert_made(&grant);
    grant.terms.end.in_ns = CONSENT_HOUR;
    /* One that is refused for something else takes nobody's place. */
    grant.terms.not_before = INT64_MAX;
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "not_before");
    grant.terms.not_before = 0;
    for (size_t at = 1; at < ENGINE_GRANTS_PER_SESSION; at++)
        assert_made(&grant);
    last = consent.write.grant;
    harness_set_time(&consent.side, CONSENT_NOW + 1);
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "at most 1000");
    child = consent_new_child(last);
    assert_child_refused(&child, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "at most 1000");
    grant.session = consent_session(&consent);
    assert_made(&grant);
}

/* --- approvers --- */

/* As a front end does it: prepared, then submitted. */
static enum status
prepare_and_create(struct engine_root_grant *grant)
{
    struct engine_write *write = &consent.write;

    *write = (struct engine_write){.kind = WRITE_GRANT_CREATE, .root_grant = grant};
    cr_assert(engine_write_needs_preparing(write));
    cr_assert_eq(engine_write_prepare(consent.side.worker, write), BEHALF_OK, "%s",
                 write->error.message);
    return harness_submit(&consent.side, write);
}

static struct record_id
session_of(const char *principal)
{
    struct engine_new_session new = consent_new_session();

    new.principal = consent_object(principal);
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                 consent.write.error.message);
    return consent.write.session;
}

Test(write_grant, an_approver_is_the_principal_or_has_agent_approver_on_it)
{
    struct engine_root_grant grant = consent_new_grant(session_of("team:ops"));

    consent_touch(&consent, "team:ops#admin@user:ann");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_OK, "%s", consent.write.error.message);
    cr_assert_not_null(strstr(consent_body(&consent, RECORD_GRANT, consent.write.grant),
                              "\"approver\":\"user:ann\""));
    grant.approval.approver = consent_object("user:bob");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_APPROVER_REFUSED);
    grant.approval.approver = consent_object("team:ops");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_OK, "%s", consent.write.error.message);
    /* Two people's sessions that a consent page mixed up. */
    grant = consent_new_grant(session);
    grant.approval.approver = consent_object("user:bob");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_APPROVER_REFUSED);
}

Test(write_grant, a_conditional_approver_is_none)
{
    struct engine_root_grant grant = consent_new_grant(session_of("team:ops"));

    consent_touch(&consent, "team:ops#admin@user:ann[during]");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_APPROVER_REFUSED);
}

/* What has not been decided by a worker is not believed. */
Test(write_grant, without_preparation_only_the_principal_approves)
{
    struct engine_root_grant grant = consent_new_grant(session_of("team:ops"));

    consent_touch(&consent, "team:ops#admin@user:ann");
    assert_refused(&grant, BEHALF_APPROVER_REFUSED, "approval.approver: ");
}

Test(write_grant, a_relation_called_agent_approver_makes_no_approvers)
{
    struct engine_root_grant grant = consent_new_grant(session_of("club:chess"));

    consent_touch(&consent, "club:chess#agent_approver@user:ann");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_APPROVER_REFUSED);
}

/* Even one that somebody wrote into the relation of approvers. */
Test(write_grant, no_agent_approves)
{
    struct engine_root_grant grant;

    consent_schema(&consent, "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition user {}\n"
                             "definition team { relation admin: user | agent\n"
                             "permission agent_approver = admin }\n"
                             "definition document { relation viewer: user\n"
                             "permission view = viewer }\n");
    grant = consent_new_grant(session_of("team:ops"));
    grant.approval.approver = consent_object("agent:bot");
    consent_touch(&consent, "team:ops#admin@agent:bot");
    cr_assert_eq(prepare_and_create(&grant), BEHALF_APPROVER_REFUSED);
    grant.approved = true;
    assert_refused(&grant, BEHALF_APPROVER_REFUSED, "agent type");
}

Test(write_grant, an_approver_is_a_plain_object)
{
    struct engine_root_grant grant = consent_new_grant(session);

    grant.approval.approver = consent_object("user:*");
    assert_refused(&grant, BEHALF_WILDCARD_NOT_ALLOWED, "approval.approver: ");
    grant.approval.approver = consent_object("team:ops#admin");
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "approval.approver: ");
    grant.approval.approver = (struct object){.type = {NULL, 0}};
    assert_refused(&grant, BEHALF_MALFORMED_REQUEST, "approval.approver: ");
    grant.approval.approver = consent_object("person:ann");
    assert_refused(&grant, BEHALF_UNKNOWN_DEFINITION, "approval.approver: ");
}

Test(write_grant, only_another_approver_needs_preparing)
{
    struct engine_new_session new = consent_new_session();
    struct engine_root_grant grant = consent_new_grant(session);
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &new};

    cr_assert_not(engine_write_needs_preparing(&write));
    new.grant = &grant;
    cr_assert_not(engine_write_needs_preparing(&write));
    grant.approval.approver = consent_object("user:bob");
    cr_assert(engine_write_needs_preparing(&write));
    cr_assert_eq(engine_write_prepare(consent.side.worker, &write), BEHALF_OK);
    cr_assert_not(grant.approved);
    cr_assert_eq(harness_submit(&consent.side, &write), BEHALF_APPROVER_REFUSED);
}

Test(write_grant, an_approval_is_bounded)
{
    struct engine_root_grant grant = consent_new_grant(session);

    grant.approval.channel = filled(ENGINE_NAME_SIZE_MAX + 1);
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "approval.channel: ");
    grant.approval.channel = (struct slice){NULL, 0};
    grant.approval.evidence = filled(ENGINE_EVIDENCE_SIZE_MAX + 1);
    assert_refused(&grant, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "approval.evidence: ");
}

/* --- grants that are passed on --- */

Test(write_grant, a_grant_is_passed_on)
{
    const struct record_id root = consent_grant(&consent, session, 2);
    const struct engine_delegated_grant asked = consent_new_child(root);
    const struct grant *child;
    const struct grant *parent;
    const char *body;

    cr_assert_eq(consent_delegate(&consent, &asked), BEHALF_OK, "%s", consent.write.error.message);
    child = consent_read_grant(&consent, consent.write.grant);
    parent = consent_read_grant(&consent, root);
    cr_assert_not(child->is_root);
    cr_assert(record_id_equal(&child->parent, &root));
    cr_assert(record_id_equal(&child->session, &session));
    cr_assert_neq(child->delegatee, parent->delegatee);
    cr_assert_eq(child->expires_at, parent->expires_at); /* by default */
    body = consent_body(&consent, RECORD_GRANT, consent.write.grant);
    cr_assert_not_null(strstr(body, "\"delegatee\":\"agent:sub\",\"delegator\":\"agent:bot\""),
                       "%s", body);
    cr_assert_null(strstr(body, "approval"));
}

Test(write_grant, a_parent_exists_and_its_record_conditions_hold)
{
    const struct record_id root = consent_grant(&consent, session, 2);
    const struct record_id middle = consent_child(&consent, root, "agent:bot", "agent:mid", 1);
    struct engine_delegated_grant child = consent_new_child((struct record_id){{7}});

    child.actor = consent_object("agent:mid");
    assert_child_refused(&child, BEHALF_UNKNOWN_RECORD, "gr_");
    child.parent = middle;
    cr_assert_eq(consent_revoke(&consent, root), BEHALF_OK);
    assert_child_refused(&child, BEHALF_RECORD_NOT_ACTIVE, "revoked");
    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    assert_child_refused(&child, BEHALF_RECORD_NOT_ACTIVE, "suspended");
}

Test(write_grant, a_parent_is_valid_now)
{
    struct engine_root_grant root = consent_new_grant(session);
    struct engine_delegated_grant child;

    root.terms.max_depth = 1;
    root.terms.not_before = CONSENT_NOW + 10;
    root.terms.end = (struct engine_end){.at = CONSENT_NOW + 20};
    assert_made(&root);
    child = consent_new_child(consent.write.grant);
    assert_child_refused(&child, BEHALF_RECORD_NOT_ACTIVE, "not valid yet");
    harness_set_time(&consent.side, CONSENT_NOW + 20);
    assert_child_refused(&child, BEHALF_RECORD_NOT_ACTIVE, "ended");
}

Test(write_grant, who_passes_on_holds_the_grant)
{
    struct engine_delegated_grant child = consent_new_child(consent_grant(&consent, session, 1));

    child.actor = consent_object("agent:other");
    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "actor: ");
    child.actor = consent_object("user:ann");
    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "actor: ");
    child.actor = consent_object("agent:*");
    assert_child_refused(&child, BEHALF_WILDCARD_NOT_ALLOWED, "actor: ");
}

Test(write_grant, a_delegatee_is_an_agent_that_the_chain_does_not_have)
{
    const struct record_id root = consent_grant(&consent, session, 3);
    const struct record_id middle = consent_child(&consent, root, "agent:bot", "agent:mid", 2);
    struct engine_delegated_grant child = consent_new_child(middle);

    child.actor = consent_object("agent:mid");
    child.delegatee = consent_object("user:bob");
    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "delegatee: ");
    child.delegatee = consent_object("user:ann");
    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "delegatee: ");
    child.delegatee = consent_object("agent:mid");
    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "stands in the chain");
    child.delegatee = consent_object("agent:bot");
    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "stands in the chain");
    child.delegatee = consent_object("agent:*");
    assert_child_refused(&child, BEHALF_WILDCARD_NOT_ALLOWED, "delegatee: ");
    child.delegatee = consent_object("team:ops#admin");
    assert_child_refused(&child, BEHALF_MALFORMED_REQUEST, "delegatee: ");
}

Test(write_grant, nothing_is_passed_on_to_what_is_stopped)
{
    const struct record_id root = consent_grant(&consent, session, 1);
    const struct engine_delegated_grant child = consent_new_child(root);

    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:sub", false), BEHALF_OK);
    assert_child_refused(&child, BEHALF_AGENT_STOPPED, "delegatee: ");
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:sub", true), BEHALF_OK);
    cr_assert_eq(consent_delegate(&consent, &child), BEHALF_OK, "%s", consent.write.error.message);
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    assert_child_refused(&child, BEHALF_AGENT_STOPPED, "parent: ");
}

Test(write_grant, a_child_may_pass_on_less_often_than_its_parent)
{
    struct engine_delegated_grant child = consent_new_child(consent_grant(&consent, session, 0));

    assert_child_refused(&child, BEHALF_DELEGATION_REFUSED, "max_depth is 0");
    child.parent = consent_grant(&consent, session, 2);
    child.terms.max_depth = 2;
    assert_child_refused(&child, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "max_depth: ");
    child.terms.max_depth = 1;
    cr_assert_eq(consent_delegate(&consent, &child), BEHALF_OK);
}

Test(write_grant, a_chain_has_eight_grants)
{
    struct record_id parent = consent_grant(&consent, session, 7);
    struct engine_delegated_grant ninth;
    char actor[16] = "agent:bot";
    char delegatee[16];

    for (uint32_t at = 1; at < ENGINE_CHAIN_MAX; at++) {
        (void)snprintf(delegatee, sizeof delegatee, "agent:a%u", (unsigned)at);
        parent = consent_child(&consent, parent, actor, delegatee, 7 - at);
        memcpy(actor, delegatee, sizeof actor);
    }
    ninth = consent_new_child(parent);
    ninth.actor = consent_object(actor);
    assert_child_refused(&ninth, BEHALF_DELEGATION_REFUSED, "max_depth is 0");
}

Test(write_grant, a_child_ends_with_its_parent_or_before)
{
    struct engine_delegated_grant child = consent_new_child(consent_grant(&consent, session, 1));

    child.terms.end = (struct engine_end){.at = CONSENT_NOW + CONSENT_HOUR / 2 + 1};
    assert_child_refused(&child, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "parent");
    child.terms.end = (struct engine_end){.at = CONSENT_NOW, .in_ns = 0};
    assert_child_refused(&child, BEHALF_MALFORMED_REQUEST, "ahead");
    child.terms.end = (struct engine_end){.in_ns = CONSENT_HOUR / 2};
    cr_assert_eq(consent_delegate(&consent, &child), BEHALF_OK);
    child.terms.end = (struct engine_end){.in_ns = 1};
    cr_assert_eq(consent_delegate(&consent, &child), BEHALF_OK);
    cr_assert_eq(consent_read_grant(&consent, consent.write.grant)->expires_at, CONSENT_NOW + 1);
}

Test(write_grant, a_child_promises_no_more_than_its_parent)
{
    static const struct {
        const char *parent;
        const char *child;
        const char *action; /* the parent has view */
        bool accepted;
    } cases[] = {
        {"document:*", "document:*", "view", true},
        {"document:*", "document:d1", "view", true},
        {"document:*", "document:*#within@folder:f", "view", true},
        {"document:*", "document:*", "edit", false},
        {"document:*", "folder:*", "view", false},
        {"document:d1", "document:d1", "view", true},
        {"document:d1", "document:d2", "view", false},
        {"document:d1", "document:*", "view", false},
        {"document:*#within@folder:f", "document:*#within@folder:f", "view", true},
        {"document:*#within@folder:f", "document:*#within@folder:g", "view", false},
        {"document:*#within@folder:f", "document:d1", "view", true},
        {"document:*#within@folder:f", "document:*", "view", false},
        {"document:*#viewer@$principal", "document:*#viewer@user:ann", "view", true},
        {"document:*#viewer@user:ann", "document:*#viewer@$principal", "view", true},
    };

    consent_schema(&consent, "caveat during(hour int) { hour < 18 }\n"
                             "definition user {}\n"
                             "definition agent { permission acts_on_behalf_of = nil }\n"
                             "definition folder { relation viewer: user\n"
                             "permission view = viewer }\n"
                             "definition document { relation parent: folder\n"
                             "relation viewer: user\nrelation editor: user\n"
                             "permission view = viewer\npermission edit = editor\n"
                             "permission within = parent }\n");
    for (size_t at = 0; at < BEHALF_COUNT_OF(cases); at++) {
        struct engine_root_grant root = consent_new_grant(session);
        struct engine_delegated_grant child;

        root.terms.max_depth = 1;
        set_scope(&root.terms, cases[at].parent, "view");
        assert_made(&root);
        child = consent_new_child(consent.write.grant);
        set_scope(&child.terms, cases[at].child, cases[at].action);
        cr_assert_eq(consent_delegate(&consent, &child),
                     cases[at].accepted ? BEHALF_OK : BEHALF_SCOPE_NOT_NARROWER, "%s: %s",
                     cases[at].child, consent.write.error.message);
        if (!cases[at].accepted)
            cr_assert_eq(consent.write.error.index, 0);
    }
}

/* --- revoke --- */

Test(write_grant, a_grant_is_revoked_and_stays_so)
{
    const struct record_id id = consent_grant(&consent, session, 0);
    uint64_t made = consent_head(&consent);
    const struct grant *grant;

    harness_set_time(&consent.side, CONSENT_NOW + 7);
    cr_assert_eq(consent_revoke(&consent, id), BEHALF_OK, "%s", consent.write.error.message);
    grant = consent_read_grant(&consent, id);
    cr_assert_eq(grant->revoked_at, CONSENT_NOW + 7);
    cr_assert_eq(grant->made_revision, made);
    cr_assert_eq(grant->created_revision, made + 1);
    cr_assert_not_null(strstr(consent_body(&consent, RECORD_GRANT, id),
                              "\"revoked\":{\"at\":1798761600000000007,\"reason\":\"a test\"}"));
    harness_set_time(&consent.side, CONSENT_NOW + 8);
    cr_assert_eq(consent_revoke(&consent, id), BEHALF_OK);
    cr_assert_eq(consent_head(&consent), made + 1);
    cr_assert_eq(consent_read_grant(&consent, id)->revoked_at, CONSENT_NOW + 7);
}

/* Never refused for what takes away: not by a stop, an end or a missing schema's name. */
Test(write_grant, what_is_stopped_or_has_ended_may_be_revoked)
{
    const struct record_id id = consent_grant(&consent, session, 0);

    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", false), BEHALF_OK);
    consent_schema(&consent, "definition user {}");
    harness_set_time(&consent.side, CONSENT_NOW + 100 * CONSENT_HOUR);
    cr_assert_eq(consent_revoke(&consent, id), BEHALF_OK, "%s", consent.write.error.message);
}

Test(write_grant, an_unknown_grant_is_said_to_be_unknown)
{
    uint64_t head = consent_head(&consent);

    (void)consent_revoke(&consent, (struct record_id){{5}});
    consent_assert_refused(&consent, head, BEHALF_UNKNOWN_RECORD, "gr_");
}
