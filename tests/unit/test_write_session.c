/* test_write_session.c - sessions.create, .suspend, .resume and .revoke: each rule refuses what it
 * is about, and what is allowed is stored as it was said. */
#include <criterion/criterion.h>

#include "base/datum.h"
#include "engine/seen.h"
#include "tests/unit/test_consent_support.h"

static struct consent consent;

static void
open_consent(void)
{
    consent_open(&consent);
}

static void
close_consent(void)
{
    consent_close(&consent);
}

TestSuite(write_session, .init = open_consent, .fini = close_consent);

/* Refused with this status and a message with this text, and nothing is written. */
static void
assert_refused(const struct engine_new_session *new, enum status status, const char *text)
{
    uint64_t head = consent_head(&consent);

    (void)consent_create_session(&consent, new);
    consent_assert_refused(&consent, head, status, text);
}

static struct slice
filled(size_t size)
{
    char *text = arena_take(&consent.arena, size);

    memset(text, 'a', size);
    return (struct slice){text, size};
}

/* --- create --- */

Test(write_session, a_session_is_stored_as_it_was_said)
{
    const struct record_id id = consent_session(&consent);
    const struct session *session = consent_read_session(&consent, id);

    cr_assert_str_eq(consent_body(&consent, RECORD_SESSION, id),
                     "{\"agent\":\"agent:bot\",\"client\":\"agent:bot\","
                     "\"created\":1798761600000000000,\"expires_at\":1798790400000000000,"
                     "\"idle_timeout_s\":1800,\"principal\":\"user:ann\",\"status\":\"active\"}");
    cr_assert_eq(session->status, SESSION_ACTIVE);
    cr_assert_eq(session->created, CONSENT_NOW);
    cr_assert_eq(session->expires_at, CONSENT_NOW + 8 * CONSENT_HOUR);
    cr_assert_eq(session->idle_timeout_ns, CONSENT_HOUR / 2);
    cr_assert_eq(session->created_revision, consent_head(&consent));
    cr_assert_eq(session->made_revision, consent_head(&consent));
    cr_assert(slice_equal(record_text(session, session->client), SLICE_LITERAL("agent:bot")));
    cr_assert(record_id_equal(&session->id, &id));
}

Test(write_session, what_a_request_leaves_out_it_may_say)
{
    struct engine_new_session new = consent_new_session();
    const struct datum *evidence = NULL;
    struct buffer bytes;
    struct error error;

    buffer_init(&bytes);
    cr_assert_eq(
        datum_parse_json(SLICE_LITERAL("{\"acr\":\"2\"}"), &consent.arena, &evidence, &error),
        BEHALF_OK);
    datum_encode(evidence, &bytes);
    new.client = SLICE_LITERAL("https://client.example");
    new.has_idle_timeout = true;
    new.idle_timeout_s = 0;
    new.end = (struct engine_end){.at = CONSENT_NOW + 1};
    new.evidence = buffer_slice(&bytes);
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                 consent.write.error.message);
    cr_assert_str_eq(consent_body(&consent, RECORD_SESSION, consent.write.session),
                     "{\"agent\":\"agent:bot\",\"client\":\"https://client.example\","
                     "\"created\":1798761600000000000,\"evidence\":{\"acr\":\"2\"},"
                     "\"expires_at\":1798761600000000001,\"idle_timeout_s\":0,"
                     "\"principal\":\"user:ann\",\"status\":\"active\"}");
    cr_assert_eq(consent_read_session(&consent, consent.write.session)->idle_timeout_ns, 0);
    buffer_release(&bytes);
}

Test(write_session, a_grant_is_made_in_the_same_transaction)
{
    struct engine_new_session new = consent_new_session();
    struct engine_root_grant grant = consent_new_grant((struct record_id){{0}});
    uint64_t head = consent_head(&consent);
    const struct grant *stored;

    new.grant = &grant;
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                 consent.write.error.message);
    cr_assert_eq(consent_head(&consent), head + 1);
    cr_assert(consent.write.has_session && consent.write.has_grant);
    stored = consent_read_grant(&consent, consent.write.grant);
    cr_assert(record_id_equal(&stored->session, &consent.write.session));
    cr_assert(stored->is_root);
}

Test(write_session, a_wrong_grant_makes_no_session)
{
    struct engine_new_session new = consent_new_session();
    struct engine_root_grant grant = consent_new_grant((struct record_id){{0}});

    new.grant = &grant;
    grant.terms.max_depth = 8;
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "grant.max_depth");
}

Test(write_session, parties_are_plain_objects_of_defined_types)
{
    struct engine_new_session new = consent_new_session();

    new.principal = consent_object("user:*");
    assert_refused(&new, BEHALF_WILDCARD_NOT_ALLOWED, "principal: ");
    new.principal = consent_object("team:ops#admin");
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "principal: ");
    new.principal = consent_object("person:ann");
    assert_refused(&new, BEHALF_UNKNOWN_DEFINITION, "principal: ");
    new = consent_new_session();
    new.agent = consent_object("agent:*");
    assert_refused(&new, BEHALF_WILDCARD_NOT_ALLOWED, "agent: ");
    new.agent = consent_object("agent:bot#acts_on_behalf_of");
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "agent: ");
    new.agent = consent_object("robot:bot");
    assert_refused(&new, BEHALF_UNKNOWN_DEFINITION, "agent: ");
    new.agent = (struct object){.type = {NULL, 0}};
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "agent: ");
}

Test(write_session, an_agent_is_of_an_agent_type_and_its_principal_of_none)
{
    struct engine_new_session new = consent_new_session();

    new.agent = consent_object("user:bob");
    assert_refused(&new, BEHALF_DELEGATION_REFUSED, "agent: ");
    new.agent = consent_object("agent:bot");
    new.principal = consent_object("agent:other");
    assert_refused(&new, BEHALF_DELEGATION_REFUSED, "principal: ");
    new.principal = consent_object("agent:bot");
    assert_refused(&new, BEHALF_DELEGATION_REFUSED, "principal: ");
    /* A relation of the name makes an agent type too. */
    new = consent_new_session();
    new.agent = consent_object("service:mail");
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
}

Test(write_session, the_end_is_given_once_and_lies_ahead)
{
    struct engine_new_session new = consent_new_session();

    new.end = (struct engine_end){.at = 0};
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "expires_at: ");
    new.end = (struct engine_end){.at = CONSENT_NOW + CONSENT_HOUR, .in_ns = CONSENT_HOUR};
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "twice");
    new.end = (struct engine_end){.at = CONSENT_NOW};
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "ahead");
    new.end = (struct engine_end){.in_ns = -1};
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "ahead");
}

Test(write_session, its_life_is_bounded)
{
    struct engine_new_session new = consent_new_session();

    new.end = (struct engine_end){.at = CONSENT_NOW + 24 * CONSENT_HOUR + 1};
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "expires_at: ");
    new.end = (struct engine_end){.in_ns = INT64_MAX};
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "expires_at: ");
    new.end = (struct engine_end){.at = CONSENT_NOW + 24 * CONSENT_HOUR};
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
}

Test(write_session, sizes_are_bounded)
{
    struct engine_new_session new = consent_new_session();
    struct buffer agent;

    new.client = filled(513);
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "client: ");
    new.client = filled(512);
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    new.client = (struct slice){"\xff", 1};
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "UTF-8");
    new = consent_new_session();
    new.evidence = filled(4097);
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "evidence: ");
    new.evidence = filled(10);
    assert_refused(&new, BEHALF_MALFORMED_REQUEST, "evidence");
    /* An agent whose text is no client: one has to be named. */
    buffer_init(&agent);
    new = consent_new_session();
    new.agent.id = filled(600);
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "client: ");
    buffer_release(&agent);
}

Test(write_session, a_principal_has_a_thousand_sessions_that_have_not_expired)
{
    struct engine_new_session new = consent_new_session();

    for (size_t at = 0; at < ENGINE_SESSIONS_PER_PRINCIPAL; at++) {
        new.end.in_ns = at == 0 ? CONSENT_HOUR : 2 * CONSENT_HOUR;
        cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%zu: %s", at,
                     consent.write.error.message);
    }
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "at most 1000");
    new.principal = consent_object("user:bob");
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    /* The first one expires. */
    new.principal = consent_object("user:ann");
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR - 1);
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "at most 1000");
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR);
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                 consent.write.error.message);
    assert_refused(&new, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "at most 1000");
}

/* Of each scope; what was restored is no bar. */
Test(write_session, nothing_is_consented_to_what_is_stopped)
{
    static const struct {
        enum stop_scope scope;
        const char *party;
    } stops[] = {{STOP_AGENT, "agent:bot"},
                 {STOP_PRINCIPAL, "user:ann"},
                 {STOP_CLIENT, "agent:bot"},
                 {STOP_EVERYTHING, ""}};
    struct engine_new_session new = consent_new_session();

    for (size_t at = 0; at < BEHALF_COUNT_OF(stops); at++) {
        cr_assert_eq(consent_stop(&consent, stops[at].scope, stops[at].party, false), BEHALF_OK,
                     "%s", consent.write.error.message);
        assert_refused(&new, BEHALF_AGENT_STOPPED, "a stop cuts off");
        cr_assert_eq(consent_stop(&consent, stops[at].scope, stops[at].party, true), BEHALF_OK);
        cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                     consent.write.error.message);
    }
}

Test(write_session, others_are_not_cut_off_by_a_stop)
{
    struct engine_new_session new = consent_new_session();

    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:other", false), BEHALF_OK);
    cr_assert_eq(consent_stop(&consent, STOP_PRINCIPAL, "user:bob", false), BEHALF_OK);
    cr_assert_eq(consent_stop(&consent, STOP_CLIENT, "another", false), BEHALF_OK);
    /* By its scope: ann is no agent. */
    cr_assert_eq(consent_stop(&consent, STOP_PRINCIPAL, "agent:bot", false), BEHALF_OK);
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                 consent.write.error.message);
}

/* --- suspend, resume, revoke --- */

Test(write_session, a_session_is_suspended_and_resumed)
{
    const struct record_id id = consent_session(&consent);
    uint64_t made = consent_head(&consent);
    const struct session *session;

    cr_assert_eq(consent_change(&consent, id, SESSION_SUSPEND), BEHALF_OK);
    session = consent_read_session(&consent, id);
    cr_assert_eq(session->status, SESSION_SUSPENDED);
    cr_assert_eq(session->created_revision, made + 1);
    cr_assert_eq(session->made_revision, made);
    cr_assert_not_null(strstr(consent_body(&consent, RECORD_SESSION, id),
                              "\"reason\":\"a test\",\"status\":\"suspended\""));
    cr_assert_eq(consent_change(&consent, id, SESSION_RESUME), BEHALF_OK, "%s",
                 consent.write.error.message);
    session = consent_read_session(&consent, id);
    cr_assert_eq(session->status, SESSION_ACTIVE);
    cr_assert_eq(session->made_revision, made);
    cr_assert_eq(session->expires_at, CONSENT_NOW + 8 * CONSENT_HOUR);
}

Test(write_session, taking_away_may_be_repeated_and_revoking_is_final)
{
    const struct record_id id = consent_session(&consent);
    uint64_t head;

    cr_assert_eq(consent_change(&consent, id, SESSION_SUSPEND), BEHALF_OK);
    head = consent_head(&consent);
    cr_assert_eq(consent_change(&consent, id, SESSION_SUSPEND), BEHALF_OK);
    cr_assert_eq(consent_head(&consent), head);
    cr_assert_eq(consent.write.revision, head);
    cr_assert_eq(consent_change(&consent, id, SESSION_REVOKE), BEHALF_OK);
    cr_assert_eq(consent_read_session(&consent, id)->status, SESSION_REVOKED);
    head = consent_head(&consent);
    cr_assert_eq(consent_change(&consent, id, SESSION_REVOKE), BEHALF_OK);
    cr_assert_eq(consent_head(&consent), head);
    (void)consent_change(&consent, id, SESSION_SUSPEND);
    consent_assert_refused(&consent, head, BEHALF_RECORD_NOT_ACTIVE, "revoked");
    (void)consent_change(&consent, id, SESSION_RESUME);
    consent_assert_refused(&consent, head, BEHALF_RECORD_NOT_ACTIVE, "revoked");
}

Test(write_session, only_what_is_suspended_is_resumed)
{
    const struct record_id id = consent_session(&consent);
    uint64_t head = consent_head(&consent);

    (void)consent_change(&consent, id, SESSION_RESUME);
    consent_assert_refused(&consent, head, BEHALF_RECORD_NOT_ACTIVE, "not suspended");
}

Test(write_session, an_unknown_session_is_said_to_be_unknown)
{
    static const struct record_id unknown = {{1, 2, 3}};
    uint64_t head = consent_head(&consent);

    for (int change = SESSION_SUSPEND; change <= SESSION_REVOKE; change++) {
        (void)consent_change(&consent, unknown, (enum session_change)change);
        consent_assert_refused(&consent, head, BEHALF_UNKNOWN_RECORD, "ses_");
    }
}

static struct record_id
suspended(uint32_t idle_timeout_s)
{
    struct engine_new_session new = consent_new_session();
    struct record_id id;

    new.has_idle_timeout = true;
    new.idle_timeout_s = idle_timeout_s;
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK);
    id = consent.write.session;
    cr_assert_eq(consent_change(&consent, id, SESSION_SUSPEND), BEHALF_OK);
    return id;
}

Test(write_session, what_expired_is_not_resumed)
{
    const struct record_id id = suspended(0);
    uint64_t head = consent_head(&consent);

    harness_set_time(&consent.side, CONSENT_NOW + 8 * CONSENT_HOUR);
    (void)consent_change(&consent, id, SESSION_RESUME);
    consent_assert_refused(&consent, head, BEHALF_RECORD_NOT_ACTIVE, "ended");
    /* It may still be taken away. */
    cr_assert_eq(consent_change(&consent, id, SESSION_REVOKE), BEHALF_OK);
}

Test(write_session, what_was_idle_is_not_resumed)
{
    const struct record_id id = suspended(60);
    uint64_t head;

    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND - 1);
    cr_assert_eq(consent_change(&consent, id, SESSION_RESUME), BEHALF_OK, "%s",
                 consent.write.error.message);
    cr_assert_eq(consent_change(&consent, id, SESSION_SUSPEND), BEHALF_OK);
    head = consent_head(&consent);
    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND);
    (void)consent_change(&consent, id, SESSION_RESUME);
    consent_assert_refused(&consent, head, BEHALF_RECORD_NOT_ACTIVE, "idle");
}

/* A stop in force, and one whose epoch ended the session for ever. */
Test(write_session, what_is_stopped_is_not_resumed_but_may_be_taken_away)
{
    const struct record_id id = suspended(0);
    uint64_t head;

    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    head = consent_head(&consent);
    (void)consent_change(&consent, id, SESSION_RESUME);
    consent_assert_refused(&consent, head, BEHALF_AGENT_STOPPED, "a stop cuts off");
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", true), BEHALF_OK);
    head = consent_head(&consent);
    (void)consent_change(&consent, id, SESSION_RESUME);
    consent_assert_refused(&consent, head, BEHALF_AGENT_STOPPED, "a stop cuts off");
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", false), BEHALF_OK);
    cr_assert_eq(consent_change(&consent, id, SESSION_REVOKE), BEHALF_OK);
}

Test(write_session, a_reason_is_bounded)
{
    const struct record_id id = consent_session(&consent);
    struct engine_session_change change = {id, SESSION_REVOKE, filled(1025)};
    uint64_t head = consent_head(&consent);

    consent.write = (struct engine_write){.kind = WRITE_SESSION_CHANGE, .session_change = &change};
    (void)harness_submit(&consent.side, &consent.write);
    consent_assert_refused(&consent, head, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "reason: ");
    change.reason = filled(1024);
    cr_assert_eq(harness_submit(&consent.side, &consent.write), BEHALF_OK);
}

/* --- repeats, sweeps, publication --- */

Test(write_session, a_repeat_finds_the_ids_that_it_made)
{
    struct engine_new_session new = consent_new_session();
    struct engine_root_grant grant = consent_new_grant((struct record_id){{0}});
    struct engine_write first = {
        .kind = WRITE_SESSION_CREATE, .idempotency_key = SLICE_LITERAL("key"), .new_session = &new};
    struct engine_write repeat;
    uint64_t head;

    new.grant = &grant;
    grant.terms.uses = 3; /* a third record beside the two */
    repeat = first;
    cr_assert_eq(harness_submit(&consent.side, &first), BEHALF_OK, "%s", first.error.message);
    head = consent_head(&consent);
    /* Whatever became of it since. */
    cr_assert_eq(consent_change(&consent, first.session, SESSION_REVOKE), BEHALF_OK);
    cr_assert_eq(harness_submit(&consent.side, &repeat), BEHALF_OK, "%s", repeat.error.message);
    cr_assert(repeat.repeated && repeat.has_session && repeat.has_grant);
    cr_assert_eq(repeat.revision, head);
    cr_assert(record_id_equal(&repeat.session, &first.session));
    cr_assert(record_id_equal(&repeat.grant, &first.grant));
    cr_assert_eq(consent_head(&consent), head + 1);
    repeat.request_digest[0] = 1;
    cr_assert_eq(harness_submit(&consent.side, &repeat), BEHALF_IDEMPOTENCY_KEY_REUSED);
}

Test(write_session, what_ended_is_swept_a_retention_later)
{
    const struct record_id id = consent_session(&consent);
    const struct record_id grant = consent_grant(&consent, id, 0);
    int64_t gone = CONSENT_NOW + 8 * CONSENT_HOUR + ENGINE_RECORD_RETENTION_NS;
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    (void)grant;
    /* The monotonic clock comes along: what is swept is swept by trusted time. */
    harness_set_time(&consent.side, gone - 1);
    cr_assert_eq(harness_submit(&consent.side, &sweep), BEHALF_OK, "%s", sweep.error.message);
    cr_assert_leq(sweep.count, 1); /* the grant ended before; perhaps upkeep swept it already */
    cr_assert_eq(consent_read_session(&consent, id)->status, SESSION_ACTIVE);
    harness_set_time(&consent.side, gone);
    while (sweep.count > 0 || !sweep.complete)
        cr_assert_eq(harness_submit(&consent.side, &sweep), BEHALF_OK);
    (void)consent_change(&consent, id, SESSION_REVOKE);
    cr_assert_eq(consent.write.status, BEHALF_UNKNOWN_RECORD);
}

/* A second after the session was made; less than an eighth of its idle timeout, so nothing but the
 * end keeps it. */
Test(write_session, when_a_session_was_used_is_kept_at_the_end)
{
    const struct record_id id = consent_session(&consent);
    const struct session *session = consent_read_session(&consent, id);
    int64_t used = CONSENT_NOW + CONSENT_SECOND;
    struct error error;
    int64_t seen = 0;

    cr_assert_eq(seen_at(consent.side.engine->seen, session, true, &seen, &error), BEHALF_OK);
    cr_assert_eq(seen, CONSENT_NOW);
    seen_touch(consent.side.engine->seen, session, used);
    harness_engine_reopen(&consent.side, 0);
    cr_assert_eq(seen_at(consent.side.engine->seen, session, true, &seen, &error), BEHALF_OK);
    cr_assert_eq(seen, used);
}

Test(write_session, the_revision_of_records_is_published_and_is_not_that_of_relationships)
{
    struct published *published;
    uint64_t head;

    (void)consent_session(&consent);
    head = consent_head(&consent);
    consent_touch(&consent, "document:1#viewer@user:ann");
    published = engine_published(consent.side.engine);
    cr_assert_eq(published->records_revision, head);
    cr_assert_eq(published->revision, head + 1);
    published_unref(published);
}
