/* test_store_sweep.c - transactions that remove what has expired, and the record of the clock. */
#include "tests/unit/test_store_support.h"

#include <criterion/criterion.h>

/* "doc:late" and "doc:soon" expire at 200 and 100, "doc:ever" does not. */
static struct edge_key late;
static struct edge_key soon;
static struct edge_key ever;

static struct store *
open_with_three(const char *path)
{
    struct store *store = store_test_open(path);
    struct store_transaction *transaction = store_test_begin(store);
    struct edge edges[3] = {{.expires_at = 200}, {.expires_at = 100}, {.expires_at = 0}};
    struct store_previous previous;

    late = store_test_key(transaction, "doc:late", "viewer", "user:ann");
    soon = store_test_key(transaction, "doc:soon", "viewer", "user:ann");
    ever = store_test_key(transaction, "doc:ever", "viewer", "user:ann");
    edges[0].key = late;
    edges[1].key = soon;
    edges[2].key = ever;
    for (size_t index = 0; index < BEHALF_COUNT_OF(edges); index++)
        OK(store_transaction_put(transaction, &edges[index], &previous, &store_error));
    (void)store_test_commit(transaction);
    return store;
}

static enum status
sweep(struct store *store, const struct edge_key *key, int64_t time_ns, const char *metadata,
      const char *caller)
{
    struct store_transaction *transaction = store_test_begin(store);
    uint64_t revision;
    struct store_previous previous;

    OK(store_transaction_remove(transaction, key, &previous, &store_error));
    cr_assert(previous.existed);
    store_transaction_sweep(transaction, time_ns);
    store_transaction_metadata(transaction, slice_of(metadata));
    store_transaction_caller(transaction, slice_of(caller));
    return store_transaction_commit(transaction, store_test_wall_ns, &revision, &store_error);
}

Test(store_sweep, removes_what_has_expired_and_nothing_else)
{
    struct store *store = open_with_three(NULL);

    FAILS(sweep(store, &soon, 99, "", ""), BEHALF_STORAGE_CORRUPT);
    FAILS(sweep(store, &ever, 1000, "", ""), BEHALF_STORAGE_CORRUPT);
    FAILS(sweep(store, &soon, 100, "{}", ""), BEHALF_STORAGE_CORRUPT);
    FAILS(sweep(store, &soon, 100, "", "console"), BEHALF_STORAGE_CORRUPT);
    cr_assert_eq(store_head_revision(store), 1);
    OK(sweep(store, &soon, 100, "", ""));
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 1), 3);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 2), 2);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store_sweep, is_marked_in_the_changelog_and_replays)
{
    struct store *store = open_with_three(NULL);
    struct store *copy = store_test_open(NULL);
    struct store_snapshot *snapshot;
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    struct buffer entry;

    buffer_init(&entry);
    OK(sweep(store, &late, 250, "", ""));
    OK(store_snapshot_open(store, &snapshot, &store_error));
    for (uint64_t revision = 1; revision <= 2; revision++) {
        OK(store_changelog_read(snapshot, revision, &entry, &store_error));
        OK(store_replay(copy, buffer_slice(&entry), &store_error));
    }
    OK(changelog_open(buffer_slice(&entry), &reader, &header, &store_error));
    OK(changelog_next(&reader, &record, &store_error));
    cr_assert_eq(record.kind, CHANGELOG_REMOVE);
    OK(changelog_next(&reader, &record, &store_error));
    cr_assert_eq(record.kind, CHANGELOG_SWEEP);
    cr_assert_eq(record.time_ns, 250);
    FAILS(changelog_next(&reader, &record, &store_error), BEHALF_DONE);
    cr_assert_eq(store_test_count(copy, EDGE_REVERSE, 2), 2);
    OK(store_verify(copy, &store_error));
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    store_close(copy);
    store_close(store);
}

Test(store_sweep, the_clock_record_outlives_the_store_and_is_verified)
{
    const struct store_clock written = {.floor_ns = 30, .trusted_ns = 20, .ahead = true};
    struct store_clock read = {.floor_ns = 0};
    struct store *store;
    char path[64];
    bool found = true;

    store_test_directory(path);
    store = store_test_open(path);
    OK(store_clock_read(store, &read, &found, &store_error));
    cr_assert_not(found);
    OK(store_set_clock(store, &written, &store_error));
    store_close(store);
    store = store_test_open(path);
    OK(store_clock_read(store, &read, &found, &store_error));
    cr_assert(found && read.floor_ns == 30 && read.trusted_ns == 20);
    cr_assert(read.ahead);
    OK(store_verify(store, &store_error));
    store_close(store);
    store_test_directory_remove(path);
}
