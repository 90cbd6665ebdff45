/* test_audit_change.c - records of the audit log, made of changes. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/datum.h"
#include "engine/audit_change.h"
#include "tests/support/harness_attributes.h"
#include "tests/unit/test_consent_support.h"

static struct consent consent;
static struct changes changes;
static struct store_snapshot *snapshot;
static struct error error;

static void
setup(void)
{
    consent_open(&consent);
    changes_init(&changes, consent.side.store);
}

static void
teardown(void)
{
    store_snapshot_close(snapshot);
    changes_release(&changes);
    consent_close(&consent);
}

TestSuite(audit_change, .init = setup, .fini = teardown);

/* The records of a revision as canonical JSON, a line for each. */
static const char *
records_of(uint64_t revision)
{
    static struct buffer out;
    struct store_entry entry;
    struct change change;
    struct arena arena;
    struct buffer fields;
    enum status status;

    buffer_release(&out);
    buffer_init(&out);
    buffer_init(&fields);
    arena_init(&arena, SIZE_MAX / 2);
    store_snapshot_close(snapshot);
    cr_assert_eq(store_snapshot_open(consent.side.store, &snapshot, &error), BEHALF_OK);
    status = changes_open(&changes, snapshot, revision, &entry, &error);
    while (status == BEHALF_OK && (status = changes_next(&changes, &change, &error)) == BEHALF_OK) {
        if (!audit_change_is_event(&entry, &change))
            continue;
        buffer_clear(&fields);
        status = audit_change_fields(&changes, &entry, &change, &arena, &fields, &error);
        if (status == BEHALF_OK) {
            datum_print_encoded(buffer_slice(&fields), &out);
            buffer_add_byte(&out, '\n');
        }
    }
    cr_assert_eq(status, BEHALF_DONE, "%s", error.message);
    arena_release(&arena);
    buffer_release(&fields);
    return out.data;
}

static const char *
newest(void)
{
    return records_of(consent_head(&consent));
}

static void
expect_has(const char *record, const char *part)
{
    cr_expect_not_null(strstr(record, part), "'%s' is not in %s", part, record);
}

static void
expect_event(const char *event)
{
    char part[64];

    snprintf(part, sizeof part, "\"event\":\"%s\"", event);
    expect_has(newest(), part);
}

static const char *
id_text(const struct record_id *id, const char *prefix)
{
    static struct record_id_text text;

    record_id_print(id, prefix, &text);
    return text.text;
}

Test(audit_change, each_step_of_a_session_and_its_grants_has_its_name)
{
    struct record_id session = consent_session(&consent);
    struct record_id grant;
    struct record_id child;

    expect_event("session.created");
    expect_has(newest(), "\"principal\":\"user:ann\"");
    expect_has(newest(), "\"agent\":\"agent:bot\"");
    expect_has(newest(), id_text(&session, RECORD_PREFIX_SESSION));
    expect_has(newest(), "\"now\":\"2027-01-01T00:00:00Z\"");
    expect_has(newest(), "\"expires_at\":\"2027-01-01T08:00:00Z\"");
    expect_has(newest(), "\"status\":\"active\"");
    grant = consent_grant(&consent, session, 1);
    expect_event("grant.created");
    expect_has(newest(), id_text(&grant, RECORD_PREFIX_GRANT));
    expect_has(newest(), id_text(&session, RECORD_PREFIX_SESSION));
    expect_has(newest(), "\"principal\":\"user:ann\"");
    child = consent_child(&consent, grant, "agent:bot", "agent:sub", 0);
    expect_event("grant.delegated");
    expect_has(newest(), "\"agent\":\"agent:sub\"");
    expect_has(newest(), "\"principal\":\"user:ann\""); /* by its session */
    cr_assert_eq(consent_revoke(&consent, child), BEHALF_OK);
    expect_event("grant.revoked");
    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    expect_event("session.suspended");
    cr_assert_eq(consent_change(&consent, session, SESSION_RESUME), BEHALF_OK);
    expect_event("session.resumed");
    cr_assert_eq(consent_change(&consent, session, SESSION_REVOKE), BEHALF_OK);
    expect_event("session.revoked");
}

Test(audit_change, stops_attributes_and_schemas_have_theirs)
{
    struct engine_write write = {.kind = WRITE_ATTRIBUTES, .caller = SLICE_LITERAL("console")};
    char expected[512];

    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    expect_event("stop.ordered");
    expect_has(newest(), "\"agent\":\"agent:bot\"");
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", true), BEHALF_OK);
    expect_event("stop.lifted");
    cr_assert_eq(harness_write_attributes(
                     &consent.side, "set user:ann {\"role\":\"secret\",\"level\":1.5}", &write),
                 BEHALF_OK);
    snprintf(
        expected, sizeof expected,
        "{\"caller\":\"console\",\"event\":\"attributes.written\",\"now\":\"2027-01-01T00:00:00Z"
        "\",\"record\":{\"keys\":[\"level\",\"role\"],\"object\":\"user:ann\"},"
        "\"revision\":%d}\n",
        (int)write.revision);
    cr_expect_str_eq(newest(), expected);
    cr_assert_eq(harness_write_attributes(&consent.side, "delete user:ann", &write), BEHALF_OK);
    expect_has(newest(), "\"record\":{\"keys\":[],\"object\":\"user:ann\"}");
    consent_schema(&consent, "definition user {}");
    expect_has(newest(), "\"event\":\"schema.written\"");
    expect_has(newest(), "\"size\":18");
    expect_has(newest(),
               "\"sha256\":\"5e0391289cada7ba735ab31c8c9e3bfc1559303f6e9e72affb2f2cdead3c05de\"");
}

Test(audit_change, relationships_uses_and_what_is_swept_are_none)
{
    struct record_id session = consent_session(&consent);
    struct engine_write sweep = {.kind = WRITE_SWEEP};

    (void)consent_grant(&consent, session, 0);
    consent_touch(&consent, "document:a#viewer@user:ann");
    cr_expect_str_eq(newest(), "");
    harness_set_time(&consent.side, CONSENT_NOW + INT64_C(60) * 24 * CONSENT_HOUR);
    cr_assert_eq(harness_submit(&consent.side, &sweep), BEHALF_OK);
    cr_assert_gt(sweep.count, 0);
    cr_expect_str_eq(newest(), "");
}

/* What a caller wrote itself is a digest, or text: no floats, no null, no keys but ASCII. */
Test(audit_change, evidence_is_a_digest_and_a_context_is_text)
{
    const struct datum channel = {.kind = DATUM_STRING, .as.string = SLICE_LITERAL("browser")};
    const struct datum_field field = {SLICE_LITERAL("channel"), &channel};
    const struct datum evidence = {.kind = DATUM_MAP, .as.map = {&field, 1}};
    const struct datum hour = {.kind = DATUM_INT, .as.integer = 9};
    const struct datum_field hour_field = {SLICE_LITERAL("hour"), &hour};
    const struct datum context = {.kind = DATUM_MAP, .as.map = {&hour_field, 1}};
    struct engine_constraint constraint = {.caveat = SLICE_LITERAL("during")};
    struct buffer evidence_bytes;
    struct buffer context_bytes;
    struct engine_root_grant grant;
    struct engine_new_session new = consent_new_session();

    buffer_init(&evidence_bytes);
    buffer_init(&context_bytes);
    datum_encode(&evidence, &evidence_bytes);
    datum_encode(&context, &context_bytes);
    new.evidence = buffer_slice(&evidence_bytes);
    constraint.context = buffer_slice(&context_bytes);
    cr_assert_eq(consent_create_session(&consent, &new), BEHALF_OK, "%s",
                 consent.write.error.message);
    expect_has(newest(), "\"evidence_sha256\":\"");
    cr_expect_null(strstr(newest(), "browser"));
    grant = consent_new_grant(consent.write.session);
    grant.terms.constraints = &constraint;
    grant.terms.constraint_count = 1;
    cr_assert_eq(consent_create_grant(&consent, &grant), BEHALF_OK, "%s",
                 consent.write.error.message);
    expect_has(newest(), "\"context\":\"{\\\"hour\\\":9}\"");
    buffer_release(&evidence_bytes);
    buffer_release(&context_bytes);
}
