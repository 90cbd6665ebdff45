/* test_write_use.c - uses of grants: one from every counted grant of a chain, or none. */
#include <criterion/criterion.h>

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

TestSuite(write_use, .init = open_consent, .fini = close_consent);

static struct record_id
counted_root(uint64_t uses)
{
    struct engine_root_grant grant = consent_new_grant(session);

    grant.terms.max_depth = 7;
    grant.terms.uses = uses;
    cr_assert_eq(consent_create_grant(&consent, &grant), BEHALF_OK, "%s",
                 consent.write.error.message);
    return consent.write.grant;
}

static struct record_id
counted_child(struct record_id parent, const char *actor, const char *delegatee, uint64_t uses,
              uint32_t max_depth)
{
    struct engine_delegated_grant grant = consent_new_child(parent);

    grant.actor = consent_object(actor);
    grant.delegatee = consent_object(delegatee);
    grant.terms.uses = uses;
    grant.terms.max_depth = max_depth;
    cr_assert_eq(consent_delegate(&consent, &grant), BEHALF_OK, "%s", consent.write.error.message);
    return consent.write.grant;
}

/* Of a chain of one. */
static struct engine_use
use_of(struct record_id grant)
{
    return (struct engine_use){.chain = {grant}, .chain_length = 1};
}

static void
assert_taken(struct engine_use *use)
{
    cr_assert_eq(consent_use(&consent, use), BEHALF_OK, "%s", consent.write.error.message);
    cr_assert_not(use->none_left);
}

/* Not an error: the check says why. But no allow. */
static void
assert_not_taken(struct engine_use *use)
{
    uint64_t head = consent_head(&consent);

    use->none_left = false;
    cr_assert_eq(consent_use(&consent, use), BEHALF_OK, "%s", consent.write.error.message);
    cr_assert(use->none_left);
    cr_assert_eq(consent_head(&consent), head);
}

Test(write_use, uses_are_taken_one_by_one_until_none_is_left)
{
    const struct record_id grant = counted_root(2);
    struct engine_use use = use_of(grant);

    assert_taken(&use);
    cr_assert_eq(consent_uses(&consent, grant), 1);
    assert_taken(&use);
    cr_assert_eq(consent_uses(&consent, grant), 0);
    assert_not_taken(&use);
    cr_assert_eq(consent_uses(&consent, grant), 0);
}

Test(write_use, one_is_taken_from_every_counted_grant_of_the_chain)
{
    const struct record_id root = counted_root(5);
    const struct record_id middle = counted_child(root, "agent:bot", "agent:mid", 0, 6);
    const struct record_id last = counted_child(middle, "agent:mid", "agent:sub", 3, 5);
    struct engine_use use = {.chain = {root, middle, last}, .chain_length = 3};

    assert_taken(&use);
    cr_assert_eq(consent_uses(&consent, root), 4);
    cr_assert_eq(consent_uses(&consent, middle), UINT64_MAX);
    cr_assert_eq(consent_uses(&consent, last), 2);
}

Test(write_use, where_one_grant_has_none_left_none_is_taken)
{
    const struct record_id root = counted_root(5);
    const struct record_id child = counted_child(root, "agent:bot", "agent:sub", 1, 0);
    struct engine_use use = {.chain = {root, child}, .chain_length = 2};

    assert_taken(&use);
    assert_not_taken(&use);
    cr_assert_eq(consent_uses(&consent, root), 4);
}

Test(write_use, a_chain_without_counts_needs_no_revision)
{
    const struct record_id grant = consent_grant(&consent, session, 0);
    struct engine_use use = use_of(grant);
    uint64_t head = consent_head(&consent);

    assert_taken(&use);
    cr_assert_eq(consent_head(&consent), head);
}

/* Of the writer's own state: the check that asked may not have seen these. */
Test(write_use, nothing_is_taken_where_a_record_condition_denies)
{
    const struct record_id root = counted_root(5);
    const struct record_id child = counted_child(root, "agent:bot", "agent:sub", 5, 0);
    struct engine_use use = {.chain = {root, child}, .chain_length = 2};

    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    assert_not_taken(&use);
    cr_assert_eq(consent_change(&consent, session, SESSION_RESUME), BEHALF_OK);
    assert_taken(&use);
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", false), BEHALF_OK);
    assert_not_taken(&use);
    cr_assert_eq(consent_uses(&consent, root), 4);
    cr_assert_eq(consent_uses(&consent, child), 4);
}

Test(write_use, nothing_is_taken_after_a_revocation_an_end_or_of_no_grant)
{
    const struct record_id root = counted_root(5);
    const struct record_id child = counted_child(root, "agent:bot", "agent:sub", 5, 0);
    struct engine_use use = {.chain = {root, child}, .chain_length = 2};
    struct engine_use unknown = use_of((struct record_id){{9}});

    assert_not_taken(&unknown);
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR / 2 - 1);
    assert_taken(&use);
    cr_assert_eq(consent_revoke(&consent, root), BEHALF_OK);
    assert_not_taken(&use);
    use = use_of(counted_root(1));
    harness_set_time(&consent.side, CONSENT_NOW + CONSENT_HOUR);
    assert_not_taken(&use);
}

/* --- idempotency --- */

static struct engine_use
keyed(struct record_id grant, const char *key)
{
    struct engine_use use = use_of(grant);

    use.delegation.idempotency_key = slice_of(key);
    use.delegation.request_digest[0] = 1;
    return use;
}

Test(write_use, the_same_key_within_a_minute_takes_no_second_use)
{
    const struct record_id grant = counted_root(1);
    struct engine_use use = keyed(grant, "call-1");
    uint64_t head;

    assert_taken(&use);
    head = consent_head(&consent);
    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND);
    assert_taken(&use);
    cr_assert(consent.write.repeated);
    cr_assert_eq(consent.write.revision, head);
    cr_assert_eq(consent_uses(&consent, grant), 0);
    cr_assert_eq(consent_head(&consent), head);
}

Test(write_use, a_key_is_of_one_call)
{
    const struct record_id grant = counted_root(5);
    struct engine_use use = keyed(grant, "call-1");
    struct engine_use other = keyed(grant, "call-2");

    assert_taken(&use);
    other.delegation.idempotency_key = SLICE_LITERAL("call-1");
    other.delegation.request_digest[0] = 2;
    cr_assert_eq(consent_use(&consent, &other), BEHALF_IDEMPOTENCY_KEY_REUSED);
    harness_set_time(&consent.side, CONSENT_NOW + 60 * CONSENT_SECOND + 1);
    cr_assert_eq(consent_use(&consent, &use), BEHALF_IDEMPOTENCY_KEY_REUSED);
    cr_assert_eq(consent_uses(&consent, grant), 4);
    use = keyed(grant, "call-3");
    assert_taken(&use);
    cr_assert_eq(consent_uses(&consent, grant), 3);
}

/* The key of a use that was not taken is free. */
Test(write_use, a_use_that_was_not_taken_may_be_repeated)
{
    const struct record_id grant = counted_root(5);
    struct engine_use use = keyed(grant, "call-1");

    cr_assert_eq(consent_change(&consent, session, SESSION_SUSPEND), BEHALF_OK);
    assert_not_taken(&use);
    cr_assert_eq(consent_change(&consent, session, SESSION_RESUME), BEHALF_OK);
    assert_taken(&use);
    cr_assert_eq(consent_uses(&consent, grant), 4);
}

/* A use changes no session, grant or stop: no answer has to be looked at again. */
Test(write_use, a_use_is_no_change_of_the_records)
{
    struct engine_use use = use_of(counted_root(5));
    struct published *published;
    uint64_t made = consent_head(&consent);

    assert_taken(&use);
    published = engine_published(consent.side.engine);
    cr_assert_eq(published->revision, made + 1);
    cr_assert_eq(published->records_revision, made);
    published_unref(published);
}
