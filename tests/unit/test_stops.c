/* Sets of stops: who is found, what replaces what, what a stop ends, and what is read back. */
#include <criterion/criterion.h>

#include "engine/records.h"
#include "engine/stops.h"

static const struct slice nobody = {NULL, 0};

static struct stop
on_node(enum stop_scope scope, uint64_t node, uint64_t epoch, bool in_force)
{
    return (struct stop){.scope = scope, .node = node, .epoch = epoch, .in_force = in_force};
}

static struct stop
on_client(const char *client, uint64_t epoch, bool in_force)
{
    return (struct stop){STOP_CLIENT, 0, epoch, in_force, slice_of(client)};
}

Test(stops, nothing_stops_anybody)
{
    struct stops *none = stops_with(NULL, NULL, 0);
    size_t count = 1;

    cr_assert_null(stops_on(NULL, STOP_AGENT, 1, nobody));
    cr_assert_null(stops_on(none, STOP_AGENT, 1, nobody));
    cr_assert_null(stops_on(none, STOP_EVERYTHING, 0, nobody));
    cr_assert_null(stops_on(none, STOP_CLIENT, 0, SLICE_LITERAL("gateway")));
    (void)stops_agents(none, &count);
    cr_assert_eq(count, 0);
    (void)stops_agents(NULL, &count);
    cr_assert_eq(count, 0);
    cr_assert_not(stop_is_in_force(NULL));
    cr_assert_not(stop_ends(NULL, 0));
    stops_unref(none);
    stops_unref(NULL);
    cr_assert_null(stops_ref(NULL));
}

/* The same number names another party in each scope. */
Test(stops, a_party_is_found_in_its_scope_alone)
{
    struct stop agent = on_node(STOP_AGENT, 7, 3, true);
    struct stop principal = on_node(STOP_PRINCIPAL, 8, 4, true);
    struct stop client = on_client("gateway", 5, true);
    struct stop everything = on_node(STOP_EVERYTHING, 0, 6, true);
    struct stop all[] = {agent, principal, client, everything};

    for (size_t at = 0; at < BEHALF_COUNT_OF(all); at++) {
        struct stops *stops = stops_with(NULL, &all[at], 1);

        cr_assert_eq(stops_on(stops, STOP_AGENT, 7, nobody) != NULL, at == 0);
        cr_assert_eq(stops_on(stops, STOP_PRINCIPAL, 7, nobody) != NULL, false);
        cr_assert_eq(stops_on(stops, STOP_PRINCIPAL, 8, nobody) != NULL, at == 1);
        cr_assert_eq(stops_on(stops, STOP_AGENT, 8, nobody) != NULL, false);
        cr_assert_eq(stops_on(stops, STOP_CLIENT, 0, slice_of("gateway")) != NULL, at == 2);
        cr_assert_eq(stops_on(stops, STOP_CLIENT, 0, slice_of("gatewaY")) != NULL, false);
        cr_assert_eq(stops_on(stops, STOP_CLIENT, 0, slice_of("gatewa")) != NULL, false);
        cr_assert_eq(stops_on(stops, STOP_EVERYTHING, 0, nobody) != NULL, at == 3);
        cr_assert_eq(stops_on(stops, STOP_EVERYTHING, 9, slice_of("x")) != NULL, at == 3);
        stops_unref(stops);
    }
}

Test(stops, a_new_order_takes_the_place_of_the_old_one_in_a_copy)
{
    struct stop first[] = {on_node(STOP_AGENT, 7, 3, true), on_client("gateway", 4, true)};
    struct stop second[] = {on_node(STOP_AGENT, 7, 3, false), on_node(STOP_AGENT, 9, 5, true),
                            on_client("gateway", 6, true), on_client("gateway", 7, false)};
    struct stops *before = stops_with(NULL, first, 2);
    struct stops *after = stops_with(before, second, 4);
    const struct stop *stop;

    cr_assert(stop_is_in_force(stops_on(before, STOP_AGENT, 7, nobody)));
    cr_assert_null(stops_on(before, STOP_AGENT, 9, nobody));
    cr_assert_eq(stops_on(before, STOP_CLIENT, 0, slice_of("gateway"))->epoch, 4);
    stops_unref(before);
    stop = stops_on(after, STOP_AGENT, 7, nobody);
    cr_assert_not(stop_is_in_force(stop));
    cr_assert_eq(stop->epoch, 3);
    cr_assert(stop_is_in_force(stops_on(after, STOP_AGENT, 9, nobody)));
    /* Of one party the last counts; the client lies in the set. */
    stop = stops_on(after, STOP_CLIENT, 0, slice_of("gateway"));
    cr_assert_eq(stop->epoch, 7);
    cr_assert(slice_equal(stop->client, SLICE_LITERAL("gateway")));
    cr_assert_neq(stop->client.data, second[3].client.data);
    stops_unref(after);
}

Test(stops, a_set_lives_as_long_as_somebody_holds_it)
{
    struct stop one = on_client("gateway", 4, true);
    struct stops *stops = stops_with(NULL, &one, 1);

    cr_assert_eq(stops_ref(stops), stops);
    stops_unref(stops);
    cr_assert_eq(stops_on(stops, STOP_CLIENT, 0, slice_of("gateway"))->epoch, 4);
    stops_unref(stops);
}

/* Made in the revision that ordered it, or before: ended, whether it is in force or not. */
Test(stops, an_epoch_ends_what_was_made_by_then)
{
    for (int in_force = 0; in_force < 2; in_force++) {
        struct stop stop = on_node(STOP_AGENT, 7, 10, in_force == 1);

        cr_assert(stop_ends(&stop, 9));
        cr_assert(stop_ends(&stop, 10));
        cr_assert_not(stop_ends(&stop, 11));
        cr_assert_eq(stop_is_in_force(&stop), in_force == 1);
    }
}

Test(stops, many_are_all_found)
{
    enum { COUNT = 3000 };
    struct stops *stops = NULL;
    size_t count;
    const uint64_t *agents;

    for (uint64_t at = 0; at < COUNT; at += 100) {
        struct stop some[100];
        struct stops *with;

        /* Descending, so that the order of agents is made. */
        for (uint64_t i = 0; i < 100; i++) {
            uint64_t node = COUNT - at - i;

            some[i] = on_node(i % 3 == 0 ? STOP_PRINCIPAL : STOP_AGENT, node, node, i % 2 == 0);
        }
        with = stops_with(stops, some, 100);
        stops_unref(stops);
        stops = with;
    }
    for (uint64_t at = 0; at < COUNT; at++) {
        enum stop_scope scope = at % 100 % 3 == 0 ? STOP_PRINCIPAL : STOP_AGENT;
        const struct stop *stop = stops_on(stops, scope, COUNT - at, nobody);

        cr_assert_not_null(stop);
        cr_assert_eq(stop->epoch, COUNT - at);
        cr_assert_null(
            stops_on(stops, scope == STOP_AGENT ? STOP_PRINCIPAL : STOP_AGENT, COUNT - at, nobody));
    }
    agents = stops_agents(stops, &count);
    cr_assert_eq(count, COUNT / 100 * 33);
    for (size_t at = 0; at < count; at++) {
        cr_assert(stop_is_in_force(stops_on(stops, STOP_AGENT, agents[at], nobody)));
        cr_assert(at == 0 || agents[at - 1] < agents[at]);
    }
    stops_unref(stops);
}

/* --- stored stops --- */

static struct arena arena;
static struct buffer body;

static void
setup(void)
{
    arena_init(&arena, (size_t)1024 * 1024);
    buffer_init(&body);
}

static void
teardown(void)
{
    arena_release(&arena);
    buffer_release(&body);
}

/* The record of these words; its body is `body`. */
static struct store_record
stored(const struct stop_words *words, uint64_t node)
{
    struct error error;

    buffer_clear(&body);
    cr_assert_eq(record_encode_stop(words, &arena, &body, &error), BEHALF_OK);
    return (struct store_record){.key = record_stop_key(words->scope, node, words->party),
                                 .body = buffer_slice(&body)};
}

static const struct stop_words agent_words = {STOP_AGENT, {"agent:bot", 9}, 12, true, {NULL, 0},
                                              5,          {NULL, 0}};
static const struct stop_words client_words = {STOP_CLIENT, {"gateway", 7}, 13, false, {"why", 3},
                                               5,           {NULL, 0}};

TestSuite(stops_stored, .init = setup, .fini = teardown);

Test(stops_stored, a_stop_is_read_as_it_was_written)
{
    static const struct stop_words principal = {
        STOP_PRINCIPAL, {"user:ann", 8}, 14, true, {"left", 4}, 6, {"consent", 7}};
    static const struct stop_words everything = {STOP_EVERYTHING, {NULL, 0}, 0,        false,
                                                 {NULL, 0},       7,         {NULL, 0}};
    struct store_record record = stored(&agent_words, 77);
    struct error error;
    struct stop stop;

    cr_assert_eq(stop_decode(&record, &stop, &error), BEHALF_OK);
    cr_assert(stop.scope == STOP_AGENT && stop.node == 77 && stop.epoch == 12 && stop.in_force);
    record = stored(&client_words, 0);
    cr_assert_eq(stop_decode(&record, &stop, &error), BEHALF_OK);
    cr_assert(stop.scope == STOP_CLIENT && stop.epoch == 13 && !stop.in_force);
    cr_assert(slice_equal(stop.client, SLICE_LITERAL("gateway")));
    record = stored(&principal, 78);
    cr_assert_eq(stop_decode(&record, &stop, &error), BEHALF_OK);
    cr_assert(stop.scope == STOP_PRINCIPAL && stop.node == 78 && stop.epoch == 14 && stop.in_force);
    record = stored(&everything, 0);
    cr_assert_eq(stop_decode(&record, &stop, &error), BEHALF_OK);
    cr_assert(stop.scope == STOP_EVERYTHING && stop.epoch == 0 && !stop.in_force);
}

static void
refused(const struct store_record *record)
{
    struct error error;
    struct stop stop;

    cr_assert_eq(stop_decode(record, &stop, &error), BEHALF_STORAGE_CORRUPT);
}

Test(stops_stored, what_no_writer_writes_is_damage)
{
    struct store_record record = stored(&agent_words, 77);
    struct store_record wrong = record;

    /* Every shorter body, and one that goes on. */
    for (size_t size = 0; size < record.body.size; size++) {
        wrong.body.size = size;
        refused(&wrong);
    }
    wrong = record;
    buffer_add_byte(&body, '\0');
    wrong.body = buffer_slice(&body);
    refused(&wrong);
    /* Keys of other scopes and sizes. */
    wrong = stored(&agent_words, 77);
    wrong.key.id[0] = STOP_PRINCIPAL;
    refused(&wrong);
    wrong.key.id[0] = 0;
    refused(&wrong);
    wrong.key.id[0] = STOP_EVERYTHING + 1;
    refused(&wrong);
    wrong = stored(&agent_words, 77);
    wrong.key.id[16] = 1;
    refused(&wrong);
    wrong = stored(&agent_words, 77);
    wrong.key.id_size = 16;
    refused(&wrong);
    wrong = stored(&agent_words, 77);
    wrong.key.kind = RECORD_GRANT;
    refused(&wrong);
    /* A client with the digest of another. */
    wrong = stored(&client_words, 0);
    wrong.key = record_stop_key(STOP_CLIENT, 0, SLICE_LITERAL("gatewaY"));
    refused(&wrong);
}

/* --- all that a store has --- */

Test(stops_stored, a_store_gives_those_of_its_head)
{
    struct store_options options = {.env = env_system()};
    struct store_transaction *transaction = NULL;
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct stops *stops = NULL;
    struct store *store = NULL;
    struct error error;
    uint64_t revision;

    cr_assert_eq(store_open(&options, &store, &error), BEHALF_OK);
    cr_assert_eq(store_snapshot_open(store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(stops_load(snapshot, &stops, &error), BEHALF_OK);
    cr_assert_null(stops_on(stops, STOP_AGENT, 77, nobody));
    stops_unref(stops);
    store_snapshot_close(snapshot);
    cr_assert_eq(store_transaction_begin(store, &transaction, &error), BEHALF_OK);
    record = stored(&agent_words, 77);
    cr_assert_eq(store_transaction_record_put(transaction, &record, &error), BEHALF_OK);
    record = stored(&client_words, 0);
    cr_assert_eq(store_transaction_record_put(transaction, &record, &error), BEHALF_OK);
    cr_assert_eq(store_transaction_commit(transaction, 1, &revision, &error), BEHALF_OK);
    cr_assert_eq(store_snapshot_open(store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(stops_load(snapshot, &stops, &error), BEHALF_OK);
    store_snapshot_close(snapshot);
    cr_assert_eq(stops_on(stops, STOP_AGENT, 77, nobody)->epoch, 12);
    cr_assert_eq(stops_on(stops, STOP_CLIENT, 0, slice_of("gateway"))->epoch, 13);
    cr_assert_null(stops_on(stops, STOP_PRINCIPAL, 77, nobody));
    stops_unref(stops);
    /* One that is damaged is no reason to know of fewer. */
    record = stored(&agent_words, 77);
    record.body.size--;
    cr_assert_eq(store_transaction_begin(store, &transaction, &error), BEHALF_OK);
    cr_assert_eq(store_transaction_record_put(transaction, &record, &error), BEHALF_OK);
    cr_assert_eq(store_transaction_commit(transaction, 1, &revision, &error), BEHALF_OK);
    cr_assert_eq(store_snapshot_open(store, &snapshot, &error), BEHALF_OK);
    cr_assert_eq(stops_load(snapshot, &stops, &error), BEHALF_STORAGE_CORRUPT);
    store_snapshot_close(snapshot);
    store_close(store);
}

/* Each revision has its own: what was ordered later is unknown to it, and what changed is as it
 * was. */
Test(stops_stored, a_past_revision_has_its_own)
{
    const struct store_options options = {.env = env_system()};
    struct stop_words lifted = agent_words;
    struct store_transaction *transaction = NULL;
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct store *store = NULL;
    struct error error;
    uint64_t revisions[3];

    lifted.in_force = false;
    cr_assert_eq(store_open(&options, &store, &error), BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(revisions); at++) {
        cr_assert_eq(store_transaction_begin(store, &transaction, &error), BEHALF_OK);
        record = at == 0 ? stored(&client_words, 0) : stored(at == 1 ? &agent_words : &lifted, 77);
        cr_assert_eq(store_transaction_record_put(transaction, &record, &error), BEHALF_OK);
        cr_assert_eq(store_transaction_commit(transaction, 1, &revisions[at], &error), BEHALF_OK);
    }
    cr_assert_eq(store_snapshot_open(store, &snapshot, &error), BEHALF_OK);
    for (size_t at = 0; at < BEHALF_COUNT_OF(revisions); at++) {
        const struct stop *stop;
        struct stops *stops = NULL;

        cr_assert_eq(stops_load_at(snapshot, revisions[at], &stops, &error), BEHALF_OK);
        cr_expect_not_null(stops_on(stops, STOP_CLIENT, 0, slice_of("gateway")));
        stop = stops_on(stops, STOP_AGENT, 77, nobody);
        cr_expect_eq(stop != NULL, at > 0);
        cr_expect_eq(stop_is_in_force(stop), at == 1);
        stops_unref(stops);
    }
    store_snapshot_close(snapshot);
    store_close(store);
}
