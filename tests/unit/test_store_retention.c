/* test_store_retention.c - the past is given up by time and by size, and really leaves the disk. */
#include <stdio.h>
#include <time.h>

#include "tests/unit/test_store_support.h"

#define SECOND INT64_C(1000000000)
#define START (INT64_C(1800000000) * SECOND)
#define BYTES_UNBOUNDED UINT64_MAX

static char path[64];

static void
make(void)
{
    store_test_directory(path);
}

static void
clean(void)
{
    store_test_directory_remove(path);
}

/* Revision n at START + n seconds: user n becomes the viewer in place of user n - 1. */
static void
write_turns(struct store *store, unsigned from, unsigned to)
{
    for (unsigned turn = from; turn <= to; turn++) {
        struct store_transaction *transaction = store_test_begin(store);
        struct edge_key key;
        char subject[32];
        struct store_previous previous = {.existed = true};

        store_test_wall_ns = START + turn * SECOND;
        if (turn > 1) {
            (void)snprintf(subject, sizeof subject, "user:%u", turn - 1);
            key = store_test_key(transaction, "doc:a", "viewer", subject);
            OK(store_transaction_remove(transaction, &key, &previous, &store_error));
            cr_assert(previous.existed);
        }
        (void)snprintf(subject, sizeof subject, "user:%u", turn);
        (void)store_test_put(transaction, "doc:a", "viewer", subject);
        cr_assert_eq(store_test_commit(transaction), turn);
    }
    OK(store_sync(store, &store_error));
}

static enum status
changelog_status(struct store *store, uint64_t revision)
{
    struct store_snapshot *snapshot = NULL;
    struct buffer entry;
    enum status status;

    buffer_init(&entry);
    OK(store_snapshot_open(store, &snapshot, &store_error));
    status = store_changelog_read(snapshot, revision, &entry, &store_error);
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    return status;
}

static size_t
entries(struct store *store, enum kv_keyspace keyspace)
{
    struct kv_range range = {.keyspace = keyspace};
    struct kv_scan *scan = NULL;
    struct slice key;
    struct slice value;
    size_t count = 0;

    OK(kv_scan_open(store->kv, NULL, &range, &scan, &store_error));
    while (kv_scan_next(scan, &key, &value, &store_error) == BEHALF_OK)
        count++;
    kv_scan_close(scan);
    return count;
}

/* Until what was asked for is done. */
static void
wait_for_compactions(struct store *store)
{
    const struct timespec moment = {.tv_nsec = 5000000};
    struct kv_stats stats = {.compacting = 1};

    while (stats.compacting != 0) {
        (void)nanosleep(&moment, NULL);
        kv_stats_read(store->kv, &stats);
    }
}

Test(store_retention, the_state_in_force_at_the_time_is_the_oldest_that_is_kept)
{
    struct store *store = store_test_open(NULL);

    write_turns(store, 1, 10);
    OK(store_trim_history(store, START, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 0); /* nothing is that old */
    OK(store_trim_history(store, START + 5 * SECOND + SECOND / 2, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 4); /* the entry of 5 says when it began */
    OK(store_trim_history(store, START + 3 * SECOND, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 4); /* it never goes back */
    for (uint64_t revision = 4; revision <= 10; revision++)
        cr_assert_eq(store_test_count(store, EDGE_FORWARD, revision), 1);
    FAILS(changelog_status(store, 4), BEHALF_REVISION_EXPIRED);
    FAILS(changelog_status(store, 5), BEHALF_OK);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store_retention, the_newest_state_is_kept_however_old_it_is)
{
    struct store *store = store_test_open(NULL);

    write_turns(store, 1, 10);
    OK(store_trim_history(store, START + 1000 * SECOND, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 9);
    cr_assert_eq(store_test_count(store, EDGE_REVERSE, 10), 1);
    OK(store_verify(store, &store_error));
    write_turns(store, 11, 12);
    cr_assert_eq(store_test_count(store, EDGE_REVERSE, 12), 1);
    OK(store_verify(store, &store_error));
    store_close(store);
}

static enum status
revision_at(struct store *store, int64_t time_ns, uint64_t *revision)
{
    struct store_snapshot *snapshot = NULL;
    enum status status;

    OK(store_snapshot_open(store, &snapshot, &store_error));
    status = store_revision_at(snapshot, time_ns, revision, &store_error);
    store_snapshot_close(snapshot);
    return status;
}

Test(store_retention, a_time_has_the_revision_that_was_in_force_or_is_no_longer_known)
{
    struct store *store = store_test_open(NULL);
    uint64_t revision = 7;

    OK(revision_at(store, START, &revision));
    cr_assert_eq(revision, 0); /* nothing was written yet */
    write_turns(store, 1, 10);
    OK(revision_at(store, START, &revision));
    cr_assert_eq(revision, 0);
    for (int64_t at = 1; at <= 10; at++) {
        OK(revision_at(store, START + at * SECOND, &revision));
        cr_assert_eq(revision, (uint64_t)at);
        OK(revision_at(store, START + at * SECOND + SECOND - 1, &revision));
        cr_assert_eq(revision, (uint64_t)at);
    }
    OK(revision_at(store, INT64_MAX, &revision));
    cr_assert_eq(revision, 10);
    OK(store_trim_history(store, START + 5 * SECOND + SECOND / 2, BYTES_UNBOUNDED, &store_error));
    FAILS(revision_at(store, START + 5 * SECOND - 1, &revision), BEHALF_REVISION_EXPIRED);
    OK(revision_at(store, START + 5 * SECOND, &revision));
    cr_assert_eq(revision, 5);
    OK(store_trim_history(store, START + 1000 * SECOND, BYTES_UNBOUNDED, &store_error));
    FAILS(revision_at(store, START + 10 * SECOND - 1, &revision), BEHALF_REVISION_EXPIRED);
    OK(revision_at(store, START + 10 * SECOND, &revision));
    cr_assert_eq(revision, 10);
    store_close(store);
}

Test(store_retention, what_somebody_still_follows_is_kept, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);

    write_turns(store, 1, 50);
    store_hold_history(store, 20);
    OK(store_trim_history(store, START + 40 * SECOND, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 20);
    wait_for_compactions(store);
    store_close(store); /* which puts all of it into sorted files */
    store = store_test_open(path);
    store_hold_history(store, 25);
    OK(store_trim_history(store, INT64_MIN, 1, &store_error));
    cr_assert_eq(store_horizon(store), 25);
    store_hold_history(store, 10); /* too late: what is gone is gone */
    OK(store_trim_history(store, START + 40 * SECOND, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 25);
    store_hold_history(store, UINT64_MAX);
    OK(store_trim_history(store, START + 40 * SECOND, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 39);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store_retention, a_hole_in_what_is_kept_of_the_changelog_is_damage)
{
    struct store *store = store_test_open(NULL);
    char key[REVISION_KEY_SIZE];
    const struct kv_change change = {KV_CHANGELOG, true, {key, sizeof key}, {NULL, 0}};

    write_turns(store, 1, 10);
    OK(store_trim_history(store, START + 5 * SECOND, BYTES_UNBOUNDED, &store_error));
    bytes_put_u64(key, 6);
    OK(kv_write(store->kv, &change, 1, true, &store_error));
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "revision 6 is missing"), "%s",
                       store_error.message);
    store_close(store);
}

Test(store_retention, what_was_given_up_leaves_the_disk, .init = make, .fini = clean)
{
    struct store *store = store_test_open(path);

    write_turns(store, 1, 50);
    cr_assert_eq(entries(store, KV_HISTORY), 2 * 49);
    cr_assert_eq(entries(store, KV_CHANGELOG), 50);
    OK(store_trim_history(store, START + 40 * SECOND, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 39);
    wait_for_compactions(store);
    cr_assert_eq(entries(store, KV_HISTORY), 2 * 11);
    cr_assert_eq(entries(store, KV_CHANGELOG), 11);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 39), 1);
    OK(store_verify(store, &store_error));
    store_close(store);
    store = store_test_open(path);
    cr_assert_eq(store_horizon(store), 39);
    write_turns(store, 51, 52);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store_retention, a_past_that_takes_too_much_room_is_given_up_before_its_time, .init = make,
     .fini = clean)
{
    struct store *store = store_test_open(path);

    write_turns(store, 1, 50);
    store_close(store); /* which puts all of it into sorted files */
    store = store_test_open(path);
    OK(store_trim_history(store, INT64_MIN, BYTES_UNBOUNDED, &store_error));
    cr_assert_eq(store_horizon(store), 0);
    OK(store_trim_history(store, INT64_MIN, 1, &store_error));
    cr_assert_geq(store_horizon(store), 49);
    OK(store_trim_history(store, INT64_MIN, BYTES_UNBOUNDED, &store_error));
    wait_for_compactions(store);
    cr_assert_leq(entries(store, KV_CHANGELOG), 1);
    OK(store_verify(store, &store_error));
    store_close(store);
}
