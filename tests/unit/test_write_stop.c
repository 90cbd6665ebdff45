/* test_write_stop.c - agents.kill and .restore: what is stored, published and refused, and the stop
 * that a new incarnation begins with. */
#include <criterion/criterion.h>

#include "storage/kv_adapter.h"
#include "storage/store_internal.h"
#include "tests/support/kv_fault.h"
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

TestSuite(write_stop, .init = open_consent, .fini = close_consent);

/* The stop that is published, which must be what a start would load. Copied. */
static struct stop
published_stop(enum stop_scope scope, const char *party)
{
    struct store *store = consent.side.store;
    struct published *published = engine_published(consent.side.engine);
    struct store_snapshot *snapshot = NULL;
    struct stops *loaded = NULL;
    struct slice client = {NULL, 0};
    uint64_t node = 0;
    const struct stop *stop;
    const struct stop *stored;
    struct error error;
    bool found = false;
    struct stop copy;

    cr_assert_eq(store_snapshot_open(store, &snapshot, &error), BEHALF_OK);
    if (scope == STOP_CLIENT) {
        client = slice_of(party);
    } else if (scope != STOP_EVERYTHING) {
        struct object object = consent_object(party);

        cr_assert_eq(store_node_find(snapshot, store_label_find(store, LABEL_TYPE, object.type),
                                     object.id, &node, &found, &error),
                     BEHALF_OK);
        cr_assert(found);
    }
    cr_assert_eq(stops_load(snapshot, &loaded, &error), BEHALF_OK, "%s", error.message);
    stop = stops_on(published->stops, scope, node, client);
    stored = stops_on(loaded, scope, node, client);
    cr_assert_not_null(stop);
    cr_assert_not_null(stored);
    cr_assert_eq(stop->epoch, stored->epoch);
    cr_assert_eq(stop->in_force, stored->in_force);
    copy = *stop;
    copy.client = (struct slice){NULL, 0};
    store_snapshot_close(snapshot);
    stops_unref(loaded);
    published_unref(published);
    return copy;
}

static const struct {
    enum stop_scope scope;
    const char *party;
} parties[] = {{STOP_AGENT, "agent:bot"},
               {STOP_CLIENT, "https://client.example"},
               {STOP_PRINCIPAL, "user:ann"},
               {STOP_EVERYTHING, ""}};

Test(write_stop, a_kill_has_its_revision_as_epoch_and_is_in_force)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(parties); at++) {
        struct stop stop;

        cr_assert_eq(consent_stop(&consent, parties[at].scope, parties[at].party, false), BEHALF_OK,
                     "%s", consent.write.error.message);
        stop = published_stop(parties[at].scope, parties[at].party);
        cr_assert_eq(stop.epoch, consent.write.revision);
        cr_assert(stop.in_force);
    }
}

Test(write_stop, a_restore_ends_in_force_alone)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(parties); at++) {
        uint64_t epoch;
        struct stop stop;

        cr_assert_eq(consent_stop(&consent, parties[at].scope, parties[at].party, false),
                     BEHALF_OK);
        epoch = consent.write.revision;
        cr_assert_eq(consent_stop(&consent, parties[at].scope, parties[at].party, true), BEHALF_OK,
                     "%s", consent.write.error.message);
        cr_assert_eq(consent.write.revision, epoch + 1);
        stop = published_stop(parties[at].scope, parties[at].party);
        cr_assert_eq(stop.epoch, epoch);
        cr_assert_not(stop.in_force);
    }
}

/* What was granted between two kills dies as well. */
Test(write_stop, a_second_kill_moves_the_epoch)
{
    uint64_t first;

    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    first = consent.write.revision;
    consent_touch(&consent, "document:1#viewer@user:ann");
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    cr_assert_eq(consent.write.revision, first + 2);
    cr_assert_eq(published_stop(STOP_AGENT, "agent:bot").epoch, first + 2);
}

Test(write_stop, a_restore_may_be_repeated_but_needs_a_stop)
{
    uint64_t head = consent_head(&consent);

    for (size_t at = 0; at < BEHALF_COUNT_OF(parties); at++) {
        (void)consent_stop(&consent, parties[at].scope, parties[at].party, true);
        consent_assert_refused(&consent, head, BEHALF_UNKNOWN_RECORD, "no stop");
    }
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", false), BEHALF_OK);
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", true), BEHALF_OK);
    head = consent_head(&consent);
    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", true), BEHALF_OK);
    cr_assert_eq(consent_head(&consent), head);
}

Test(write_stop, a_stop_names_what_there_can_be)
{
    static const struct slice none = {NULL, 0};
    uint64_t head = consent_head(&consent);
    struct engine_stop_order order = {.scope = STOP_CLIENT, .client = none};

    (void)consent_stop(&consent, STOP_AGENT, "user:ann", false);
    consent_assert_refused(&consent, head, BEHALF_DELEGATION_REFUSED, "agent: ");
    (void)consent_stop(&consent, STOP_AGENT, "agent:*", false);
    consent_assert_refused(&consent, head, BEHALF_WILDCARD_NOT_ALLOWED, "agent: ");
    (void)consent_stop(&consent, STOP_PRINCIPAL, "team:ops#admin", false);
    consent_assert_refused(&consent, head, BEHALF_MALFORMED_REQUEST, "principal: ");
    (void)consent_stop(&consent, STOP_PRINCIPAL, "person:ann", false);
    consent_assert_refused(&consent, head, BEHALF_UNKNOWN_DEFINITION, "principal: ");
    consent.write = (struct engine_write){.kind = WRITE_STOP, .stop_order = &order};
    (void)harness_submit(&consent.side, &consent.write);
    consent_assert_refused(&consent, head, BEHALF_MALFORMED_REQUEST, "client: ");
    order.client.data = arena_take_array(&consent.arena, 1, 513);
    order.client.size = 513;
    (void)harness_submit(&consent.side, &consent.write);
    consent_assert_refused(&consent, head, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, "client: ");
}

/* A session that was made before a kill and one that was made after its restore. */
Test(write_stop, what_was_granted_before_a_kill_stays_dead)
{
    const struct record_id before = consent_session(&consent);
    struct engine_root_grant grant = consent_new_grant(before);

    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", false), BEHALF_OK);
    cr_assert_eq(consent_stop(&consent, STOP_AGENT, "agent:bot", true), BEHALF_OK);
    cr_assert_eq(consent_create_grant(&consent, &grant), BEHALF_AGENT_STOPPED);
    grant.session = consent_session(&consent);
    cr_assert_eq(consent_create_grant(&consent, &grant), BEHALF_OK, "%s",
                 consent.write.error.message);
}

Test(write_stop, stops_survive_a_restart)
{
    uint64_t epoch;
    struct stop stop;

    cr_assert_eq(consent_stop(&consent, STOP_CLIENT, "browser", false), BEHALF_OK);
    epoch = consent.write.revision;
    harness_engine_reopen(&consent.side, 0);
    stop = published_stop(STOP_CLIENT, "browser");
    cr_assert_eq(stop.epoch, epoch);
    cr_assert(stop.in_force);
}

/* --- a new incarnation --- */

/* As a restore leaves the store; the engine opens it. */
static void
renew(void)
{
    struct error error;

    cr_assert_eq(store_renew(consent.side.store, &error), BEHALF_OK, "%s", error.message);
    harness_engine_reopen(&consent.side, 0);
}

Test(write_stop, a_new_incarnation_ends_what_was_granted_before_it)
{
    const struct record_id session = consent_session(&consent);
    struct engine_root_grant grant = consent_new_grant(session);
    uint64_t head = consent_head(&consent);
    struct stop stop;

    renew();
    cr_assert_eq(consent_head(&consent), head + 1);
    cr_assert_not(store_needs_stop(consent.side.store));
    stop = published_stop(STOP_EVERYTHING, "");
    cr_assert_eq(stop.epoch, head + 1);
    cr_assert_not(stop.in_force);
    cr_assert_eq(consent_create_grant(&consent, &grant), BEHALF_AGENT_STOPPED);
    grant.session = consent_session(&consent);
    cr_assert_eq(consent_create_grant(&consent, &grant), BEHALF_OK, "%s",
                 consent.write.error.message);
    /* Once for each incarnation. */
    head = consent_head(&consent);
    harness_engine_reopen(&consent.side, 0);
    cr_assert_eq(consent_head(&consent), head);
}

/* An operator's stop on everything is not lifted by it. */
Test(write_stop, a_new_incarnation_leaves_a_stop_in_force)
{
    struct stop stop;

    cr_assert_eq(consent_stop(&consent, STOP_EVERYTHING, "", false), BEHALF_OK);
    renew();
    stop = published_stop(STOP_EVERYTHING, "");
    cr_assert_eq(stop.epoch, consent_head(&consent));
    cr_assert(stop.in_force);
}

/* A store over memory that stays when it is closed, with a fault on the way. */
struct faulty {
    struct kv *memory;
    struct kv_fault control;
    struct store *store;
    struct engine *engine;
};

/* Without faults, or so that the operation of storage with this number, counted from the opening of
 * the engine, fails, and all after it. */
static enum status
open_faulty(struct faulty *faulty, uint64_t number, bool write_anyway)
{
    const struct store_options options = {.env = env_system()};
    struct engine_options engine_options = {
        .workers = 1, .env = env_system(), .sweep_every_ns = ENGINE_SWEEP_NEVER};
    struct error error;

    faulty->control =
        (struct kv_fault){.status = BEHALF_STORAGE_FAILED, .write_anyway = write_anyway};
    cr_assert_eq(store_open_on(kv_fault_open(faulty->memory, &faulty->control), &options,
                               &faulty->store, &error),
                 BEHALF_OK, "%s", error.message);
    if (number > 0)
        faulty->control.fail_at = faulty->control.operations + number;
    faulty->control.for_ever = true;
    engine_options.store = faulty->store;
    faulty->engine = NULL;
    return engine_open(&engine_options, &faulty->engine, &error);
}

static void
close_faulty(struct faulty *faulty)
{
    engine_close(faulty->engine);
    store_close(faulty->store);
}

static void
must_write(struct faulty *faulty, struct engine_write *write)
{
    cr_assert_eq(engine_write_wait(faulty->engine, write, &write->error), BEHALF_OK, "%s",
                 write->error.message);
}

/* A store with a session, which is given a new incarnation. Returns the session's revision. */
static uint64_t
renew_faulty(struct faulty *faulty)
{
    const struct engine_new_session new = consent_new_session();
    struct engine_write made = {
        .kind = WRITE_SCHEMA,
        .schema_text = SLICE_LITERAL("definition user {}\n"
                                     "definition agent { permission acts_on_behalf_of = nil }")};
    struct error error;

    cr_assert_eq(kv_open_memory(&faulty->memory, &error), BEHALF_OK);
    cr_assert_eq(open_faulty(faulty, 0, false), BEHALF_OK);
    must_write(faulty, &made);
    made = (struct engine_write){.kind = WRITE_SESSION_CREATE, .new_session = &new};
    must_write(faulty, &made);
    engine_close(faulty->engine);
    cr_assert_eq(store_renew(faulty->store, &error), BEHALF_OK);
    store_close(faulty->store);
    return made.revision;
}

/* A crash while the engine opens: at the next start the session has ended, before anybody is
 * answered. Whether the engine opened in spite of the fault. */
static bool
crash_at(uint64_t number, bool write_anyway)
{
    struct faulty faulty;
    struct published *published;
    uint64_t made = renew_faulty(&faulty);
    bool opened = open_faulty(&faulty, number, write_anyway) == BEHALF_OK;

    close_faulty(&faulty);
    cr_assert_eq(open_faulty(&faulty, 0, false), BEHALF_OK);
    cr_assert_not(store_needs_stop(faulty.store));
    published = engine_published(faulty.engine);
    cr_assert(
        stop_ends(stops_on(published->stops, STOP_EVERYTHING, 0, (struct slice){NULL, 0}), made),
        "after operation %llu", (unsigned long long)number);
    published_unref(published);
    close_faulty(&faulty);
    kv_close(faulty.memory);
    return opened;
}

Test(write_stop, a_crash_while_a_new_incarnation_begins_repeats_its_stop)
{
    uint64_t number = 1;

    while (!crash_at(number, false))
        number++;
    cr_assert_gt(number, 3); /* it did fail before */
    while (number > 1)
        (void)crash_at(--number, true);
}

Test(write_stop, a_fresh_store_needs_no_stop)
{
    struct published *published = engine_published(consent.side.engine);

    cr_assert_null(stops_on(published->stops, STOP_EVERYTHING, 0, (struct slice){NULL, 0}));
    cr_assert_eq(published->records_revision, 0);
    published_unref(published);
}
