/* test_store_faults.c - every operation below fails in turn, and no answer is ever wrong. */
#include <stdio.h>

#include "tests/support/kv_fault.h"
#include "tests/unit/test_store_support.h"

#define EDGES 4 /* in force before the faults; see `prepare` */

static struct kv *below;
static struct kv_fault control;

static enum status
open_over(struct store **store)
{
    const struct store_options options = {.env = store_test_env()};

    return store_open_on(kv_fault_open(below, &control), &options, store, &store_error);
}

/* Some history, some names, a schema, an expiring edge, a request. */
static void
prepare(void)
{
    struct store *store = NULL;
    struct store_transaction *transaction;
    struct edge edge = {.expires_at = 9};
    struct store_previous previous;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(open_over(&store));
    transaction = store_test_begin(store);
    (void)store_test_put(transaction, "doc:a", "viewer", "user:ann");
    (void)store_test_put(transaction, "doc:a", "viewer", "user:*");
    (void)store_test_put(transaction, "doc:b", "viewer", "user:ann");
    OK(store_transaction_schema(transaction, slice_of("text"), &store_error));
    store_transaction_request(transaction, slice_of("key"), (const uint8_t[DIGEST_SIZE]){1});
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store);
    edge.key = store_test_key(transaction, "doc:b", "viewer", "user:bob");
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    edge.key = store_test_key(transaction, "doc:b", "viewer", "user:ann");
    OK(store_transaction_remove(transaction, &edge.key, &previous, &store_error));
    (void)store_test_put(transaction, "doc:c", "viewer", "user:ann");
    (void)store_test_commit(transaction);
    store_close(store);
}

/* Opens, reads everything at both revisions, verifies. The first failure ends it. */
static enum status
read_all(void)
{
    const struct edge_range all = {.direction = EDGE_REVERSE, .unbounded = true};
    struct store *store = NULL;
    struct store_snapshot *snapshot = NULL;
    struct store_scan *scan = NULL;
    struct store_request request;
    struct buffer text;
    struct edge edge;
    uint64_t number;
    size_t count = 0;
    bool found;
    enum status status;

    buffer_init(&text);
    status = open_over(&store);
    if (status == BEHALF_OK)
        status = store_snapshot_open(store, &snapshot, &store_error);
    for (uint64_t revision = 1; status == BEHALF_OK && revision <= 2; revision++, count = 0) {
        status = store_scan_open(snapshot, revision, &all, &scan, &store_error);
        while (status == BEHALF_OK &&
               (status = store_scan_next(scan, &edge, &store_error)) == BEHALF_OK)
            count++;
        store_scan_close(scan);
        scan = NULL;
        if (status != BEHALF_DONE)
            break;
        /* A list that says it is complete is complete. */
        cr_assert_eq(count, revision == 1 ? 3 : EDGES);
        status = store_edge_find(snapshot, revision, &edge.key, NULL, NULL, &found, &store_error);
        cr_assert(status != BEHALF_OK || found);
    }
    if (status == BEHALF_OK)
        status = store_schema_read(snapshot, 2, &text, &number, &store_error);
    if (status == BEHALF_OK)
        status = store_request_find(snapshot, slice_of("key"), store_test_wall_ns, &request, &found,
                                    &store_error);
    cr_assert(status != BEHALF_OK || found);
    if (status == BEHALF_OK)
        status = store_verify(store, &store_error);
    store_snapshot_close(snapshot);
    store_close(store);
    buffer_release(&text);
    return status;
}

static void
finish(void)
{
    kv_close(below);
}

Test(store_faults, a_read_error_is_never_an_answer, .init = prepare, .fini = finish)
{
    uint64_t fail_at = 1;
    enum status status;

    do {
        control = (struct kv_fault){.fail_at = fail_at, .status = BEHALF_STORAGE_FAILED};
        status = read_all();
        cr_assert(status == BEHALF_OK || status == BEHALF_STORAGE_FAILED, "%s at operation %zu",
                  status_name(status), (size_t)fail_at);
        fail_at++;
    } while (status != BEHALF_OK);
    cr_assert_gt(fail_at, 100);
}

/* Prefetches edges of which some are stored, puts them all and gives it up. */
static enum status
put_prefetched(struct store *store)
{
    static const char *const resources[] = {"a", "b", "c", "new", "b", "newer"};
    static const bool stored[] = {true, false, true, false, true, false};
    struct store_transaction *transaction = NULL;
    struct store_identity identities[BEHALF_COUNT_OF(resources)];
    struct store_previous previous;
    struct edge edge = {.key = {.subject_relation = LABEL_NONE}};
    enum status status = store_transaction_begin(store, &transaction, &store_error);

    for (size_t index = 0; index < BEHALF_COUNT_OF(resources); index++)
        identities[index] = (struct store_identity){
            .resource_type = store_label_find(store, LABEL_TYPE, slice_of("doc")),
            .relation = store_label_find(store, LABEL_RELATION, slice_of("viewer")),
            .subject_type = store_label_find(store, LABEL_TYPE, slice_of("user")),
            .subject_relation = LABEL_NONE,
            .resource = slice_of(resources[index]),
            .subject = slice_of(index == 4 ? "bob" : "ann")};
    if (status == BEHALF_OK)
        status = store_transaction_prefetch(transaction, identities, BEHALF_COUNT_OF(identities),
                                            &store_error);
    for (size_t index = 0; status == BEHALF_OK && index < BEHALF_COUNT_OF(identities); index++) {
        const struct store_identity *identity = &identities[index];

        edge.key.relation = identity->relation;
        status = store_transaction_node(transaction, identity->resource_type, identity->resource,
                                        &edge.key.resource, &store_error);
        if (status == BEHALF_OK)
            status = store_transaction_node(transaction, identity->subject_type, identity->subject,
                                            &edge.key.subject, &store_error);
        if (status == BEHALF_OK)
            status = store_transaction_put(transaction, &edge, &previous, &store_error);
        if (status == BEHALF_OK)
            cr_assert_eq(previous.existed, stored[index], "doc:%s", resources[index]);
    }
    store_transaction_abort(transaction);
    return status;
}

Test(store_faults, what_could_not_be_prefetched_is_an_error_and_not_an_absence, .init = prepare,
     .fini = finish)
{
    uint64_t fail_at = 1;
    struct store *store = NULL;
    enum status status;

    OK(open_over(&store));
    do {
        control = (struct kv_fault){.fail_at = fail_at, .status = BEHALF_STORAGE_FAILED};
        status = put_prefetched(store);
        cr_assert(status == BEHALF_OK || status == BEHALF_STORAGE_FAILED, "%s at operation %zu",
                  status_name(status), (size_t)fail_at);
        cr_assert(status == BEHALF_OK || control.operations >= fail_at);
        fail_at++;
    } while (status != BEHALF_OK);
    cr_assert_geq(fail_at, 11, "seven names and four edges");
    store_close(store);
}

/* One transaction that touches every family; the revision it reached, or why not. */
static enum status
write_once(struct store *store, const char *subject)
{
    struct store_transaction *transaction = NULL;
    struct edge edge = {.expires_at = 11};
    uint64_t node = 0;
    uint64_t revision;
    uint16_t type = 0;
    uint16_t relation = 0;
    struct store_previous previous;
    enum status status = store_transaction_begin(store, &transaction, &store_error);

    if (status != BEHALF_OK)
        return status;
    status = store_transaction_label(transaction, LABEL_TYPE, slice_of("doc"), &type, &store_error);
    if (status == BEHALF_OK)
        status = store_transaction_label(transaction, LABEL_RELATION, slice_of(subject), &relation,
                                         &store_error);
    if (status == BEHALF_OK)
        status = store_transaction_node(transaction, type, slice_of(subject), &node, &store_error);
    edge.key = (struct edge_key){node, node, relation, LABEL_NONE};
    if (status == BEHALF_OK)
        status = store_transaction_put(transaction, &edge, &previous, &store_error);
    if (status == BEHALF_OK)
        status = store_transaction_schema(transaction, slice_of("new"), &store_error);
    if (status != BEHALF_OK) {
        store_transaction_abort(transaction);
        return status;
    }
    store_transaction_request(transaction, slice_of(subject), (const uint8_t[DIGEST_SIZE]){3});
    status = store_transaction_commit(transaction, store_test_wall_ns, &revision, &store_error);
    return status == BEHALF_OK ? store_sync(store, &store_error) : status;
}

static void
write_at_each_fault(bool write_anyway)
{
    uint64_t fail_at = 1;
    uint64_t head = 2;
    enum status status;

    do {
        struct store *store = NULL;
        char subject[2] = {(char)('A' + fail_at), 0};
        uint64_t before = head;

        control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
        OK(open_over(&store));
        control = (struct kv_fault){
            .fail_at = fail_at, .write_anyway = write_anyway, .status = BEHALF_STORAGE_FAILED};
        status = write_once(store, subject);
        control.fail_at = 0;
        if (status == BEHALF_OUTCOME_UNKNOWN) {
            FAILS(write_once(store, "x"), BEHALF_SERVICE_READ_ONLY);
            FAILS(store_sync(store, &store_error), BEHALF_OUTCOME_UNKNOWN);
            store_close(store);
            OK(open_over(&store));
        } else if (status == BEHALF_STORAGE_FAILED) {
            cr_assert_eq(store_head_revision(store), before);
            OK(write_once(store, subject)); /* nothing happened: again, and it works */
        } else {
            cr_assert_eq(status, BEHALF_OK);
        }
        head = store_head_revision(store);
        cr_assert(head == before || head == before + 1);
        OK(store_verify(store, &store_error));
        store_close(store);
        fail_at++;
    } while (status != BEHALF_OK);
    cr_assert_gt(fail_at, 6); /* names, edge, count, write and sync are among them */
}

Test(store_faults, a_failed_write_is_whole_or_not_there, .init = prepare, .fini = finish)
{
    write_at_each_fault(false);
}

Test(store_faults, a_failed_write_that_reached_the_disk_is_whole, .init = prepare, .fini = finish)
{
    write_at_each_fault(true);
}

Test(store_faults, a_failed_sync_is_an_unknown_outcome_until_reopened, .init = prepare,
     .fini = finish)
{
    struct store *store = NULL;
    struct store_transaction *transaction = NULL;
    struct store_stats stats;

    OK(open_over(&store));
    (void)store_test_write(store, "doc:d", "viewer", "user:ann");
    control.fail_syncs = true;
    FAILS(store_sync(store, &store_error), BEHALF_OUTCOME_UNKNOWN);
    control.fail_syncs = false;
    FAILS(store_sync(store, &store_error), BEHALF_OUTCOME_UNKNOWN); /* no second try */
    FAILS(store_transaction_begin(store, &transaction, &store_error), BEHALF_SERVICE_READ_ONLY);
    FAILS(store_set_horizon(store, 1, &store_error), BEHALF_SERVICE_READ_ONLY);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 2), EDGES); /* reading goes on */
    OK(store_stats_read(store, &stats, &store_error));
    cr_assert_not(stats.writable);
    store_close(store);
    OK(open_over(&store));
    (void)store_test_write(store, "doc:e", "viewer", "user:ann");
    store_close(store);
}

Test(store_faults, a_refusal_of_the_adapter_is_no_unknown_outcome, .init = prepare, .fini = finish)
{
    struct store *store = NULL;

    OK(open_over(&store));
    control.fail_writes = true;
    control.status = BEHALF_TOO_MANY_UPDATES_IN_REQUEST;
    FAILS(write_once(store, "big"), BEHALF_TOO_MANY_UPDATES_IN_REQUEST);
    control.fail_writes = false;
    OK(write_once(store, "small"));
    store_close(store);
}

Test(store_faults, writing_stops_before_the_disk_is_full_and_reading_goes_on, .init = prepare,
     .fini = finish)
{
    struct store *store = NULL;
    struct store_transaction *transaction = NULL;

    OK(open_over(&store));
    control.reserve_bytes = 1000 << 20;
    control.free_bytes = 999 << 20;
    FAILS(store_transaction_begin(store, &transaction, &store_error), BEHALF_SERVICE_READ_ONLY);
    cr_assert_not_null(strstr(store_error.message, "999 MB free"), "%s", store_error.message);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 2), EDGES);
    control.free_bytes = 1000 << 20;
    (void)store_test_write(store, "doc:d", "viewer", "user:ann");
    /* The disk is asked once a second, not for each transaction. */
    control.free_bytes = 1;
    (void)store_test_write(store, "doc:e", "viewer", "user:ann");
    store_test_monotonic_ns += INT64_C(1000000000);
    FAILS(store_transaction_begin(store, &transaction, &store_error), BEHALF_SERVICE_READ_ONLY);
    store_close(store);
}

/* --- what was removed --- */

static void
write_many(struct store *store, unsigned from, unsigned to, bool remove)
{
    struct store_transaction *transaction = store_test_begin(store);

    for (unsigned at = from; at < to; at++) {
        char resource[16];
        struct edge_key key;
        struct store_previous previous = {.existed = false};

        (void)snprintf(resource, sizeof resource, "doc:%u", at);
        if (!remove) {
            cr_assert_not(store_test_put(transaction, resource, "viewer", "user:ann"));
            continue;
        }
        key = store_test_key(transaction, resource, "viewer", "user:ann");
        OK(store_transaction_remove(transaction, &key, &previous, &store_error));
        cr_assert(previous.existed);
    }
    (void)store_test_commit(transaction);
}

/* Else each scan of the range walks over all that was ever removed from it. */
Test(store_faults, edges_that_were_removed_are_compacted_away_by_the_thousand)
{
    struct store *store = NULL;

    control = (struct kv_fault){.status = BEHALF_STORAGE_FAILED};
    OK(kv_open_memory(&below, &store_error));
    OK(open_over(&store));
    for (unsigned at = 0; at < 20000; at += 1000)
        write_many(store, at, at + 1000, false);
    for (unsigned at = 0; at < 8000; at += 1000)
        write_many(store, at, at + 1000, true);
    cr_expect_eq(control.compactions[KV_FORWARD], 0);
    write_many(store, 8000, 9000, true);
    cr_expect_eq(control.compactions[KV_FORWARD], 1);
    cr_expect_eq(control.compactions[KV_REVERSE], 1);
    for (unsigned at = 9000; at < 18000; at += 1000)
        write_many(store, at, at + 1000, true);
    cr_expect_eq(control.compactions[KV_FORWARD], 2);
    cr_expect_eq(control.compactions[KV_REVERSE], 2);
    store_close(store);
    kv_close(below);
}
