/* test_record.c - records of the store: versions, indexes, ends, changelog and replay. */
#include <stdlib.h>

#include "tests/unit/test_record_support.h"

static struct store *store;

static void
open_in_memory(void)
{
    store = store_test_open(NULL);
}

static void
finish(void)
{
    OK(store_verify(store, &store_error));
    store_close(store);
}

static const struct slice all = {NULL, 0};

Test(record, comes_back_as_it_was_put, .init = open_in_memory, .fini = finish)
{
    static const enum record_kind kinds[] = {RECORD_SESSION, RECORD_GRANT,      RECORD_USES,
                                             RECORD_REQUEST, RECORD_ATTRIBUTES, RECORD_STOP};

    for (size_t at = 0; at < BEHALF_COUNT_OF(kinds); at++) {
        uint64_t revision = record_test_write(store, kinds[at], 0xFF, 1000 + (int64_t)at, "body");
        struct record_seen seen = record_test_read(store, revision, kinds[at], 0xFF);

        cr_assert(seen.found && seen.created == revision && seen.ends == 1000 + (int64_t)at);
        cr_assert_eq(seen.entries,
                     kinds[at] == RECORD_SESSION || kinds[at] == RECORD_GRANT ? 2 : 0);
        cr_assert_str_eq(seen.body, "body");
        cr_assert_not(record_test_read(store, revision, kinds[at], 0).found);
    }
}

/* Put, put again, removed, put again: each revision reads its own version, from one snapshot. */
Test(record, is_read_as_it_was_at_each_revision, .init = open_in_memory, .fini = finish)
{
    static const char *const bodies[] = {NULL, "one", "one", "two", "two", NULL, "three"};

    cr_assert_eq(record_test_write(store, RECORD_GRANT, 1, 50, "one"), 1);
    cr_assert_eq(store_test_write(store, "doc:a", "viewer", "user:ann"), 2);
    cr_assert_eq(record_test_write(store, RECORD_GRANT, 1, 60, "two"), 3);
    cr_assert_eq(record_test_write(store, RECORD_GRANT, 2, 60, "other"), 4);
    cr_assert_eq(record_test_drop(store, RECORD_GRANT, 1), 5);
    cr_assert_eq(record_test_write(store, RECORD_GRANT, 1, 70, "three"), 6);
    for (uint64_t revision = 0; revision <= 6; revision++) {
        struct record_seen seen = record_test_read(store, revision, RECORD_GRANT, 1);

        cr_assert_eq(seen.found, bodies[revision] != NULL, "%d", (int)revision);
        cr_assert_str_eq(seen.body, seen.found ? bodies[revision] : "");
    }
    cr_assert_eq(record_test_read(store, 2, RECORD_GRANT, 1).created, 1);
    cr_assert_eq(record_test_read(store, 4, RECORD_GRANT, 1).created, 3);
}

Test(record, expires_with_the_horizon, .init = open_in_memory, .fini = finish)
{
    const struct store_record_key key = record_test_key(RECORD_GRANT, 1);
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct store_record_key written[2];
    struct buffer bytes;
    size_t count;
    bool found;

    buffer_init(&bytes);
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "one");
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "two");
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "three");
    OK(store_set_horizon(store, 2, &store_error));
    OK(store_snapshot_open(store, &snapshot, &store_error));
    FAILS(store_record_find(snapshot, 1, &key, &record, &bytes, &found, &store_error),
          BEHALF_REVISION_EXPIRED);
    OK(store_record_find(snapshot, 2, &key, &record, &bytes, &found, &store_error));
    cr_assert(found && slice_equal(record.body, slice_of("two")));
    FAILS(store_record_find(snapshot, 4, &key, &record, &bytes, &found, &store_error),
          BEHALF_REVISION_UNKNOWN);
    FAILS(store_records_written(snapshot, 2, written, 2, &count, &store_error),
          BEHALF_REVISION_EXPIRED);
    OK(store_records_written(snapshot, 3, written, 2, &count, &store_error));
    cr_assert_eq(count, 1);
    store_snapshot_close(snapshot);
    buffer_release(&bytes);
}

/* Uses change with every call: they leave nothing behind. */
Test(record, uses_are_in_no_history_and_read_as_the_newest, .init = open_in_memory, .fini = finish)
{
    const struct kv_range history = {.keyspace = KV_HISTORY};
    struct kv_scan *scan = NULL;
    struct slice key;
    struct slice value;

    (void)record_test_write(store, RECORD_USES, 1, 50, "5");
    (void)record_test_write(store, RECORD_USES, 1, 50, "4");
    (void)record_test_write(store, RECORD_USES, 2, 50, "9");
    (void)record_test_drop(store, RECORD_USES, 2);
    for (uint64_t revision = 0; revision <= 4; revision++) {
        cr_assert_str_eq(record_test_read(store, revision, RECORD_USES, 1).body, "4");
        cr_assert_not(record_test_read(store, revision, RECORD_USES, 2).found);
    }
    OK(kv_scan_open(store->kv, NULL, &history, &scan, &store_error));
    FAILS(kv_scan_next(scan, &key, &value, &store_error), BEHALF_DONE);
    kv_scan_close(scan);
}

Test(record, that_says_the_same_is_a_new_version, .init = open_in_memory, .fini = finish)
{
    (void)record_test_write(store, RECORD_STOP, 1, 0, "stop");
    cr_assert_eq(record_test_write(store, RECORD_STOP, 1, 0, "stop"), 2);
    cr_assert_eq(record_test_read(store, 2, RECORD_STOP, 1).created, 2);
    cr_assert_eq(record_test_read(store, 1, RECORD_STOP, 1).created, 1);
}

Test(record, above_the_largest_size_is_refused_and_changes_nothing, .init = open_in_memory,
     .fini = finish)
{
    struct store_record record = {.key = record_test_key(RECORD_STOP, 1)};
    struct store_transaction *transaction = store_test_begin(store);
    char *body = calloc(1, STORE_RECORD_SIZE_MAX + 1);
    size_t count = 9;

    record.body = (struct slice){body, STORE_RECORD_SIZE_MAX + 1};
    FAILS(store_transaction_record_put(transaction, &record, &store_error),
          BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT);
    (void)store_transaction_record_changes(transaction, &count);
    cr_assert_eq(count, 0);
    record.body.size--;
    OK(store_transaction_record_put(transaction, &record, &store_error));
    (void)store_test_commit(transaction);
    cr_assert(record_test_read(store, 1, RECORD_STOP, 1).found);
    free(body);
}

Test(record, is_found_in_each_of_its_indexes_and_only_there, .init = open_in_memory, .fini = finish)
{
    char prefix[24];
    char fills[RECORD_TEXT_MAX];
    char from[64];

    (void)record_test_write(store, RECORD_SESSION, 2, 300, "");
    (void)record_test_write(store, RECORD_SESSION, 1, 200, "");
    (void)record_test_write(store, RECORD_SESSION, 3, 100, "");
    (void)record_test_write(store, RECORD_GRANT, 9, 150, "");
    /* By agent 7: in the order of their ends. */
    bytes_put_u64(prefix, 7);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, (struct slice){prefix, 8}, all, fills),
                 3);
    cr_assert_eq(memcmp(fills, "\3\1\2", 3), 0);
    cr_assert_eq(
        record_test_scan(store, RECORD_INDEX_DELEGATEE, (struct slice){prefix, 8}, all, fills), 1);
    cr_assert_eq(fills[0], 9);
    /* From a time on: what limits count. */
    bytes_put_u64(from, 7);
    store_time_encode(200, from + 8);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, (struct slice){prefix, 8},
                                  (struct slice){from, 16}, fills),
                 2);
    cr_assert_eq(memcmp(fills, "\1\2", 2), 0);
    store_time_encode(301, from + 8);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, (struct slice){prefix, 8},
                                  (struct slice){from, 16}, fills),
                 0);
    /* A place before the prefix is its beginning, one behind its end is its end. */
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, (struct slice){prefix, 8},
                                  (struct slice){"\0", 1}, fills),
                 3);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, (struct slice){prefix, 8},
                                  (struct slice){"\1", 1}, fills),
                 0);
    bytes_put_u64(prefix, 8);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, (struct slice){prefix, 8}, all, fills),
                 0);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_PRINCIPAL, all, all, fills), 3);
    cr_assert_eq(memcmp(fills, "\1\2\3", 3), 0);
}

/* A page ends at an entry; the next begins at the bytes that follow it. */
Test(record, index_is_read_page_by_page_from_where_the_last_ended, .init = open_in_memory,
     .fini = finish)
{
    struct store_snapshot *snapshot = NULL;
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct buffer from;
    struct slice entry;
    unsigned pages = 0;

    buffer_init(&from);
    for (uint8_t fill = 1; fill <= 5; fill++)
        (void)record_test_write(store, RECORD_SESSION, (uint8_t)(0xFA + fill), 100, "");
    OK(store_snapshot_open(store, &snapshot, &store_error));
    for (;;) {
        enum status status;

        OK(store_record_scan_open(snapshot, RECORD_INDEX_PRINCIPAL, all, buffer_slice(&from), &scan,
                                  &store_error));
        status = store_record_scan_next(scan, &key, &entry, &store_error);
        if (status == BEHALF_OK) {
            cr_assert_eq(key.id[0], 0xFB + pages);
            buffer_clear(&from);
            buffer_add_slice(&from, entry);
            buffer_add_byte(&from, 0);
            pages++;
        }
        store_record_scan_close(scan);
        if (status == BEHALF_DONE)
            break;
        OK(status);
    }
    cr_assert_eq(pages, 5);
    store_snapshot_close(snapshot);
    buffer_release(&from);
}

Test(record, that_changes_moves_in_its_indexes, .init = open_in_memory, .fini = finish)
{
    char fills[RECORD_TEXT_MAX];

    (void)record_test_write(store, RECORD_SESSION, 1, 100, "a");
    (void)record_test_write(store, RECORD_SESSION, 1, 100, "b"); /* the entries stay */
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_ENDS, all, all, fills), 1);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, all, all, fills), 1);
    (void)record_test_write(store, RECORD_SESSION, 1, 200, "c");
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_ENDS, all, all, fills), 1);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_PRINCIPAL, all, all, fills), 1);
    OK(store_verify(store, &store_error));
    (void)record_test_drop(store, RECORD_SESSION, 1);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_ENDS, all, all, fills), 0);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_AGENT, all, all, fills), 0);
    cr_assert_eq(record_test_scan(store, RECORD_INDEX_PRINCIPAL, all, all, fills), 0);
}

static size_t
ended(int64_t now_ns, struct store_record_key keys[4], size_t capacity)
{
    struct store_snapshot *snapshot = NULL;
    size_t count = 99;

    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_records_ended(snapshot, now_ns, keys, capacity, &count, &store_error));
    store_snapshot_close(snapshot);
    return count;
}

Test(record, that_has_ended_is_listed_earliest_first, .init = open_in_memory, .fini = finish)
{
    struct store_record_key keys[4];

    (void)record_test_write(store, RECORD_GRANT, 1, 300, "");
    (void)record_test_write(store, RECORD_SESSION, 2, 200, "");
    (void)record_test_write(store, RECORD_USES, 3, 100, "");
    (void)record_test_write(store, RECORD_STOP, 4, 0, ""); /* never ends */
    cr_assert_eq(ended(99, keys, 4), 0);
    cr_assert_eq(ended(100, keys, 4), 1);
    cr_assert(keys[0].kind == RECORD_USES && keys[0].id[15] == 3);
    cr_assert_eq(ended(INT64_MAX, keys, 4), 3);
    cr_assert(keys[1].kind == RECORD_SESSION && keys[2].kind == RECORD_GRANT);
    cr_assert_eq(ended(INT64_MAX, keys, 2), 2);
    cr_assert_eq(ended(INT64_MAX, keys, 0), 0);
}

static enum status
sweep(enum record_kind kind, uint8_t fill, int64_t time_ns, bool with_put)
{
    struct store_transaction *transaction = store_test_begin(store);
    uint64_t revision;

    record_test_remove(transaction, kind, fill);
    if (with_put)
        record_test_put(transaction, RECORD_STOP, 9, 1, "");
    store_transaction_sweep(transaction, time_ns);
    return store_transaction_commit(transaction, store_test_wall_ns, &revision, &store_error);
}

Test(record, is_swept_when_it_has_ended_and_not_before, .init = open_in_memory, .fini = finish)
{
    (void)record_test_write(store, RECORD_GRANT, 1, 100, "");
    (void)record_test_write(store, RECORD_GRANT, 2, 0, "");
    FAILS(sweep(RECORD_GRANT, 1, 99, false), BEHALF_STORAGE_CORRUPT);
    FAILS(sweep(RECORD_GRANT, 2, INT64_MAX, false), BEHALF_STORAGE_CORRUPT);
    FAILS(sweep(RECORD_GRANT, 1, 100, true), BEHALF_STORAGE_CORRUPT);
    cr_assert_eq(store_head_revision(store), 2);
    OK(sweep(RECORD_GRANT, 1, 100, false));
    cr_assert_not(record_test_read(store, 3, RECORD_GRANT, 1).found);
    cr_assert(record_test_read(store, 2, RECORD_GRANT, 1).found);
    cr_assert(record_test_read(store, 3, RECORD_GRANT, 2).found);
}

Test(record, changes_of_a_transaction_and_what_a_revision_wrote_are_listed_in_order,
     .init = open_in_memory, .fini = finish)
{
    const struct store_record_change *changes;
    struct store_transaction *transaction;
    struct store_snapshot *snapshot = NULL;
    struct store_record_key keys[4];
    size_t count = 0;

    (void)record_test_write(store, RECORD_GRANT, 1, 100, "old");
    transaction = store_test_begin(store);
    (void)store_test_put(transaction, "doc:a", "viewer", "user:ann");
    record_test_put(transaction, RECORD_SESSION, 5, 100, "session");
    record_test_remove(transaction, RECORD_GRANT, 1);
    record_test_remove(transaction, RECORD_GRANT, 2); /* is not there: no change */
    record_test_put(transaction, RECORD_GRANT, 3, 100, "new");
    changes = store_transaction_record_changes(transaction, &count);
    cr_assert_eq(count, 3);
    cr_assert(!changes[0].removed && slice_equal(changes[0].record.body, slice_of("session")));
    cr_assert(changes[0].record.entry_count == 2 && changes[0].record.ends == 100);
    cr_assert(changes[1].removed && changes[1].record.key.id[0] == 1);
    cr_assert(!changes[2].removed && changes[2].record.key.id[0] == 3);
    (void)store_test_commit(transaction);
    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_records_written(snapshot, 2, keys, 4, &count, &store_error));
    cr_assert_eq(count, 2);
    cr_assert(keys[0].kind == RECORD_SESSION && keys[1].kind == RECORD_GRANT);
    cr_assert_eq(keys[1].id[0], 3);
    OK(store_records_written(snapshot, 2, keys, 1, &count, &store_error));
    cr_assert_eq(count, 1);
    store_snapshot_close(snapshot);
}

static bool
note_body(void *context, const struct store_record *record)
{
    struct buffer *bodies = context;

    buffer_add_slice(bodies, record->body);
    return bodies->size < 6;
}

Test(record, of_a_kind_are_visited_until_enough, .init = open_in_memory, .fini = finish)
{
    struct store_snapshot *snapshot = NULL;
    struct buffer bodies;

    buffer_init(&bodies);
    (void)record_test_write(store, RECORD_ATTRIBUTES, 1, 0, "no");
    (void)record_test_write(store, RECORD_STOP, 2, 0, "bb");
    (void)record_test_write(store, RECORD_STOP, 1, 0, "aa");
    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_records(snapshot, RECORD_STOP, note_body, &bodies, &store_error));
    cr_assert_str_eq(bodies.data, "aabb");
    buffer_clear(&bodies);
    store_snapshot_close(snapshot);
    (void)record_test_write(store, RECORD_STOP, 3, 0, "cc");
    (void)record_test_write(store, RECORD_STOP, 4, 0, "dd");
    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_records(snapshot, RECORD_STOP, note_body, &bodies, &store_error));
    cr_assert_str_eq(bodies.data, "aabbcc");
    store_snapshot_close(snapshot);
    buffer_release(&bodies);
}

/* A transaction reads records as all committed ones left them. */
Test(record, is_read_in_a_transaction_as_it_is_without_it, .init = open_in_memory, .fini = finish)
{
    const struct store_record_key key = record_test_key(RECORD_GRANT, 1);
    struct store_transaction *transaction;
    struct store_record record;
    struct buffer bytes;
    bool found;

    buffer_init(&bytes);
    (void)record_test_write(store, RECORD_GRANT, 1, 100, "one");
    transaction = store_test_begin(store);
    record_test_put(transaction, RECORD_GRANT, 1, 100, "two");
    OK(store_record_find(store_transaction_snapshot(transaction), 1, &key, &record, &bytes, &found,
                         &store_error));
    cr_assert(found && slice_equal(record.body, slice_of("one")));
    store_transaction_abort(transaction);
    cr_assert_str_eq(record_test_read(store, 1, RECORD_GRANT, 1).body, "one");
    buffer_release(&bytes);
}
