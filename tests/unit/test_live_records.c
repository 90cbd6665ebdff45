/* test_live_records.c - sessions and grants are live until they end or are revoked themselves. */
#include <criterion/criterion.h>

#include "engine/live_records.h"
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

TestSuite(live_records, .init = open_consent, .fini = close_consent);

static void
expect_live(uint64_t sessions, uint64_t grants)
{
    struct live_records *live = consent.side.engine->live;
    struct error error;
    uint64_t found_sessions;
    uint64_t found_grants;

    cr_assert_eq(live_records_count(live, &error), BEHALF_OK, "%s", error.message);
    live_records_read(live, &found_sessions, &found_grants);
    cr_expect_eq(found_sessions, sessions);
    cr_expect_eq(found_grants, grants);
}

Test(live_records, what_is_revoked_or_has_ended_is_not_counted)
{
    const struct record_id session = consent_session(&consent);
    const struct record_id other = consent_session(&consent);
    const struct record_id grant = consent_grant(&consent, session, 1);

    (void)consent_grant(&consent, other, 0);
    (void)consent_child(&consent, grant, "agent:bot", "agent:sub", 0);
    expect_live(2, 3);
    cr_assert_eq(consent_revoke(&consent, grant), BEHALF_OK);
    expect_live(2, 2);
    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    expect_live(2, 2);
    cr_assert_eq(consent_change(&consent, session, SESSION_REVOKE), BEHALF_OK);
    expect_live(1, 2);
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR / 2 - 1);
    expect_live(1, 2);
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR / 2);
    expect_live(1, 0);
    harness_set_time(&consent.side, CONSENT_NOW + 8 * CONSENT_HOUR);
    expect_live(0, 0);
}
