/* test_record_conditions.c - each record condition by itself: what denies, at which place of the
 * chain, in which order, and until when. */
#include <criterion/criterion.h>

#include "engine/record_conditions.h"
#include "tests/unit/test_consent_support.h"

#define NOW CONSENT_NOW
#define MADE 10 /* revision of the session; grant i was made at MADE + 1 + i */
#define LENGTH 3

/* A chain of three grants that holds, of which each test breaks something. */
struct facts {
    struct {
        struct session session;
        char client[8];
    } block;
    struct grant grants[ENGINE_CHAIN_MAX + 1];
    const struct grant *chain[ENGINE_CHAIN_MAX + 1];
    struct record_facts facts;
    struct published *published;
    struct stops *stops; /* those of the facts */
    size_t at;
    int64_t ends;
};

static struct consent consent;
static struct facts world;

static uint64_t
node(const char *type, uint64_t sequence)
{
    uint16_t label = store_label_find(consent.side.store, LABEL_TYPE, slice_of(type));

    cr_assert_neq(label, LABEL_NONE);
    return NODE_WILDCARD(label) | sequence;
}

static void
add_grant(size_t at)
{
    world.grants[at] = (struct grant){
        .size = sizeof world.grants[at],
        .id = {{2, (uint8_t)at}},
        .session = {{1}},
        .parent = {{2, (uint8_t)(at - 1)}},
        .is_root = at == 0,
        .made_revision = MADE + 1 + at,
        .delegatee = node("agent", 1 + at),
        .expires_at = NOW + 100 * CONSENT_SECOND,
        .max_depth = (uint8_t)(ENGINE_DEPTH_MAX - at),
    };
    world.chain[at] = &world.grants[at];
}

static void
make_facts(void)
{
    world = (struct facts){.at = 0};
    consent_open(&consent);
    world.block.session = (struct session){
        .size = sizeof world.block,
        .status = SESSION_ACTIVE,
        .id = {{1}},
        .made_revision = MADE,
        .principal = node("user", 1),
        .agent = node("agent", 1),
        .created = NOW,
        .expires_at = NOW + 200 * CONSENT_SECOND,
        .client = {offsetof(struct session, client), 0},
    };
    memcpy(world.block.client, "browser!", 8);
    world.block.session.client = (struct record_part){
        (uint32_t)(world.block.client - (char *)&world.block), sizeof world.block.client};
    for (size_t at = 0; at < LENGTH; at++)
        add_grant(at);
    world.published = engine_published(consent.side.engine);
    world.facts = (struct record_facts){
        .binding = world.published->binding,
        .session = &world.block.session,
        .chain = world.chain,
        .length = LENGTH,
        .last_seen = NOW,
    };
}

static void
drop_facts(void)
{
    stops_unref(world.stops);
    published_unref(world.published);
    consent_close(&consent);
}

TestSuite(record_conditions, .init = make_facts, .fini = drop_facts);

static enum engine_reason
decide(int64_t now)
{
    return record_conditions(&world.facts, now, &world.at, &world.ends);
}

static void
order(enum stop_scope scope, uint64_t party, const char *client, uint64_t epoch, bool in_force)
{
    const struct stop stop = {scope, party, epoch, in_force, slice_of(client)};
    struct stops *next = stops_with(world.stops, &stop, 1);

    stops_unref(world.stops);
    world.stops = next;
    world.facts.stops = next;
}

static void
no_stops(void)
{
    stops_unref(world.stops);
    world.stops = NULL;
    world.facts.stops = NULL;
}

Test(record_conditions, what_holds_holds_until_its_earliest_end)
{
    cr_assert_eq(decide(NOW), REASON_NONE);
    cr_assert_eq(world.ends, NOW + 100 * CONSENT_SECOND);
    world.grants[1].expires_at = NOW + 50 * CONSENT_SECOND;
    cr_assert_eq(decide(NOW), REASON_NONE);
    cr_assert_eq(world.ends, NOW + 50 * CONSENT_SECOND);
    world.block.session.expires_at = NOW + 40 * CONSENT_SECOND;
    cr_assert_eq(decide(NOW), REASON_NONE);
    cr_assert_eq(world.ends, NOW + 40 * CONSENT_SECOND);
    world.block.session.idle_timeout_ns = 30 * CONSENT_SECOND;
    cr_assert_eq(decide(NOW), REASON_NONE);
    cr_assert_eq(world.ends, NOW + 30 * CONSENT_SECOND);
}

/* --- D2 --- */

Test(record_conditions, without_all_of_the_chain_there_is_no_grant)
{
    world.facts.length = 0;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    cr_assert_eq(world.ends, RECORD_CONDITIONS_NO_END);
    world.facts.length = LENGTH;
    world.facts.session = NULL;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
}

Test(record_conditions, a_chain_begins_with_a_root_and_each_grant_has_the_one_before_as_parent)
{
    world.grants[0].is_root = false;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    world.grants[0].is_root = true;
    world.grants[2].is_root = true;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    cr_assert_eq(world.at, 2);
    world.grants[2].is_root = false;
    world.grants[1].parent.bytes[1] = 9;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    cr_assert_eq(world.at, 1);
}

Test(record_conditions, all_grants_are_of_one_session)
{
    world.grants[1].session.bytes[0] = 9;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    cr_assert_eq(world.at, 1);
}

Test(record_conditions, the_root_goes_to_the_agent_of_the_session)
{
    world.grants[0].delegatee = node("agent", 9);
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    cr_assert_eq(world.at, 0);
}

Test(record_conditions, each_agent_is_of_an_agent_type)
{
    world.grants[2].delegatee = node("user", 3);
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    cr_assert_eq(world.at, 2);
    world.grants[2].delegatee = node("service", 3);
    cr_assert_eq(decide(NOW), REASON_NONE);
    /* A label that no definition has any more. */
    world.grants[2].delegatee = NODE_WILDCARD(60000) | 3;
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
}

/* --- D6 --- */

Test(record_conditions, a_session_is_active_and_has_not_ended)
{
    struct session *session = &world.block.session;

    session->status = SESSION_SUSPENDED;
    cr_assert_eq(decide(NOW), REASON_SESSION_SUSPENDED);
    session->status = SESSION_REVOKED;
    cr_assert_eq(decide(NOW), REASON_SESSION_REVOKED);
    cr_assert_eq(world.ends, RECORD_CONDITIONS_NO_END);
    session->status = SESSION_ACTIVE;
    session->expires_at = NOW;
    cr_assert_eq(decide(NOW), REASON_SESSION_EXPIRED);
    cr_assert_eq(world.ends, RECORD_CONDITIONS_NO_END);
    cr_assert_eq(decide(NOW - 1), REASON_NONE);
}

Test(record_conditions, a_session_that_was_idle_has_ended)
{
    world.block.session.idle_timeout_ns = 10 * CONSENT_SECOND;
    cr_assert_eq(decide(NOW + 10 * CONSENT_SECOND - 1), REASON_NONE);
    cr_assert_eq(world.ends, NOW + 10 * CONSENT_SECOND);
    cr_assert_eq(decide(NOW + 10 * CONSENT_SECOND), REASON_SESSION_IDLE);
    world.facts.last_seen = NOW + 1;
    cr_assert_eq(decide(NOW + 10 * CONSENT_SECOND), REASON_NONE);
    world.block.session.idle_timeout_ns = 0;
    world.facts.last_seen = NOW - 1000 * CONSENT_SECOND;
    cr_assert_eq(decide(NOW), REASON_NONE);
}

/* --- D7 --- */

Test(record_conditions, no_grant_of_the_chain_is_revoked)
{
    world.grants[1].revoked_at = NOW - 1;
    cr_assert_eq(decide(NOW), REASON_GRANT_REVOKED);
    cr_assert_eq(world.at, 1);
    cr_assert_eq(world.ends, RECORD_CONDITIONS_NO_END);
}

/* Whatever its epoch. */
Test(record_conditions, a_stop_in_force_on_any_party_denies)
{
    order(STOP_PRINCIPAL, world.block.session.principal, "", 1, true);
    cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED);
    no_stops();
    order(STOP_CLIENT, 0, "browser!", 1, true);
    cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED);
    no_stops();
    order(STOP_EVERYTHING, 0, "", 1, true);
    cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED);
    for (size_t at = 0; at < LENGTH; at++) {
        no_stops();
        order(STOP_AGENT, world.grants[at].delegatee, "", 1, true);
        cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED);
        cr_assert_eq(world.at, at);
    }
}

Test(record_conditions, a_stop_denies_by_its_scope_alone)
{
    order(STOP_AGENT, world.block.session.principal, "", 100, true);
    order(STOP_PRINCIPAL, world.grants[1].delegatee, "", 100, true);
    order(STOP_PRINCIPAL, node("user", 2), "", 100, true);
    order(STOP_CLIENT, 0, "another", 100, true);
    cr_assert_eq(decide(NOW), REASON_NONE);
}

/* "Made" is compared with the epoch: what was made in the same revision or before ends. */
Test(record_conditions, an_epoch_ends_the_sessions_that_were_made_before)
{
    static const enum stop_scope scopes[] = {STOP_PRINCIPAL, STOP_AGENT, STOP_CLIENT,
                                             STOP_EVERYTHING};

    for (size_t at = 0; at < BEHALF_COUNT_OF(scopes); at++) {
        uint64_t party = scopes[at] == STOP_PRINCIPAL ? world.block.session.principal
                                                      : world.block.session.agent;

        no_stops();
        order(scopes[at], party, "browser!", MADE - 1, false);
        cr_assert_eq(decide(NOW), REASON_NONE, "%zu", at);
        order(scopes[at], party, "browser!", MADE, false);
        cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED, "%zu", at);
        order(scopes[at], party, "browser!", MADE + 1, false);
        cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED, "%zu", at);
    }
}

Test(record_conditions, an_epoch_on_an_agent_ends_the_grants_to_it_that_were_made_before)
{
    order(STOP_AGENT, world.grants[2].delegatee, "", MADE + 2, false);
    cr_assert_eq(decide(NOW), REASON_NONE);
    order(STOP_AGENT, world.grants[2].delegatee, "", MADE + 3, false);
    cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED);
    cr_assert_eq(world.at, 2);
}

/* --- D4 --- */

Test(record_conditions, a_grant_is_not_valid_yet)
{
    world.grants[1].not_before = NOW + 1;
    world.grants[2].not_before = NOW + 2;
    cr_assert_eq(decide(NOW), REASON_GRANT_NOT_YET_VALID);
    cr_assert_eq(world.at, 1);
    cr_assert_eq(world.ends, NOW + 1);
    cr_assert_eq(decide(NOW + 1), REASON_GRANT_NOT_YET_VALID);
    cr_assert_eq(world.at, 2);
    cr_assert_eq(decide(NOW + 2), REASON_NONE);
}

Test(record_conditions, a_grant_has_ended)
{
    world.grants[2].expires_at = NOW;
    cr_assert_eq(decide(NOW - 1), REASON_NONE);
    cr_assert_eq(decide(NOW), REASON_GRANT_EXPIRED);
    cr_assert_eq(world.at, 2);
    cr_assert_eq(world.ends, RECORD_CONDITIONS_NO_END);
}

/* --- D5 --- */

Test(record_conditions, each_grant_allows_the_hops_below_it)
{
    world.grants[0].max_depth = 2;
    world.grants[1].max_depth = 1;
    world.grants[2].max_depth = 0;
    cr_assert_eq(decide(NOW), REASON_NONE);
    world.grants[1].max_depth = 0;
    cr_assert_eq(decide(NOW), REASON_DEPTH_EXCEEDED);
    cr_assert_eq(world.at, 1);
    world.grants[0].max_depth = 1;
    cr_assert_eq(decide(NOW), REASON_DEPTH_EXCEEDED);
    cr_assert_eq(world.at, 0);
}

Test(record_conditions, a_chain_has_at_most_eight_grants)
{
    for (size_t at = LENGTH; at <= ENGINE_CHAIN_MAX; at++)
        add_grant(at);
    for (size_t at = 0; at <= ENGINE_CHAIN_MAX; at++)
        world.grants[at].max_depth = 100;
    world.facts.length = ENGINE_CHAIN_MAX;
    cr_assert_eq(decide(NOW), REASON_NONE);
    world.facts.length = ENGINE_CHAIN_MAX + 1;
    cr_assert_eq(decide(NOW), REASON_DEPTH_EXCEEDED);
}

/* --- the order --- */

/* All of them at once; each is taken away when it was the reason. */
Test(record_conditions, the_first_that_denies_is_the_reason)
{
    struct session *session = &world.block.session;

    session->status = SESSION_SUSPENDED;
    session->idle_timeout_ns = 1;
    session->expires_at = NOW;
    world.facts.last_seen = NOW - 1;
    world.grants[2].revoked_at = 1;
    order(STOP_EVERYTHING, 0, "", 1, true);
    world.grants[2].not_before = NOW + 1;
    world.grants[0].expires_at = NOW;
    world.grants[0].max_depth = 0;
    world.grants[2].delegatee = node("user", 3);
    cr_assert_eq(decide(NOW), REASON_NO_GRANT);
    world.grants[2].delegatee = node("agent", 3);
    cr_assert_eq(decide(NOW), REASON_SESSION_SUSPENDED);
    session->status = SESSION_ACTIVE;
    cr_assert_eq(decide(NOW), REASON_SESSION_EXPIRED);
    session->expires_at = NOW + 1;
    cr_assert_eq(decide(NOW), REASON_SESSION_IDLE);
    session->idle_timeout_ns = 0;
    cr_assert_eq(decide(NOW), REASON_GRANT_REVOKED);
    world.grants[2].revoked_at = 0;
    cr_assert_eq(decide(NOW), REASON_AGENT_STOPPED);
    no_stops();
    cr_assert_eq(decide(NOW), REASON_GRANT_NOT_YET_VALID);
    world.grants[2].not_before = 0;
    cr_assert_eq(decide(NOW), REASON_GRANT_EXPIRED);
    world.grants[0].expires_at = NOW + 1;
    cr_assert_eq(decide(NOW), REASON_DEPTH_EXCEEDED);
    world.grants[0].max_depth = 2;
    cr_assert_eq(decide(NOW), REASON_NONE);
}

Test(record_conditions, the_state_of_a_session_is_what_d6_and_d7_say_of_it_alone)
{
    int64_t ends;

    world.grants[0].revoked_at = 1;
    world.facts.length = 0;
    cr_assert_eq(session_conditions(&world.facts, NOW, &ends), REASON_NONE);
    cr_assert_eq(ends, NOW + 200 * CONSENT_SECOND);
    order(STOP_CLIENT, 0, "browser!", MADE, false);
    cr_assert_eq(session_conditions(&world.facts, NOW, &ends), REASON_AGENT_STOPPED);
    cr_assert_eq(ends, RECORD_CONDITIONS_NO_END);
    world.block.session.status = SESSION_REVOKED;
    cr_assert_eq(session_conditions(&world.facts, NOW, &ends), REASON_SESSION_REVOKED);
}
