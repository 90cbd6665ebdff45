/* test_record_support.c - small words for tests of records. */
#include "tests/unit/test_record_support.h"

#include <stdio.h>

struct store_record_key
record_test_key(enum record_kind kind, uint8_t fill)
{
    struct store_record_key key = {.kind = kind, .id_size = 16};

    if (kind == RECORD_ATTRIBUTES)
        key.id_size = 8;
    if (kind == RECORD_STOP)
        key.id_size = 17;
    memset(key.id, fill, key.id_size);
    return key;
}

void
record_test_put(struct store_transaction *transaction, enum record_kind kind, uint8_t fill,
                int64_t ends, const char *body)
{
    struct store_record record = {
        .key = record_test_key(kind, fill), .ends = ends, .body = slice_of(body)};
    char entries[2][24];
    size_t front = kind == RECORD_GRANT ? 16 : 8;

    memset(entries[0], fill, sizeof entries[0]);
    store_time_encode(ends, entries[0] + front);
    bytes_put_u64(entries[1], 7);
    store_time_encode(ends, entries[1] + 8);
    if (kind == RECORD_SESSION || kind == RECORD_GRANT) {
        record.entry_count = 2;
        record.entries[0] = (struct store_record_entry){
            kind == RECORD_GRANT ? RECORD_INDEX_SESSION : RECORD_INDEX_PRINCIPAL,
            {entries[0], front + 8}};
        record.entries[1] = (struct store_record_entry){
            kind == RECORD_GRANT ? RECORD_INDEX_DELEGATEE : RECORD_INDEX_AGENT, {entries[1], 16}};
    }
    OK(store_transaction_record_put(transaction, &record, &store_error));
}

void
record_test_remove(struct store_transaction *transaction, enum record_kind kind, uint8_t fill)
{
    const struct store_record_key key = record_test_key(kind, fill);

    OK(store_transaction_record_remove(transaction, &key, &store_error));
}

uint64_t
record_test_write(struct store *store, enum record_kind kind, uint8_t fill, int64_t ends,
                  const char *body)
{
    struct store_transaction *transaction = store_test_begin(store);

    record_test_put(transaction, kind, fill, ends, body);
    return store_test_commit(transaction);
}

uint64_t
record_test_drop(struct store *store, enum record_kind kind, uint8_t fill)
{
    struct store_transaction *transaction = store_test_begin(store);

    record_test_remove(transaction, kind, fill);
    return store_test_commit(transaction);
}

struct record_seen
record_test_read(struct store *store, uint64_t revision, enum record_kind kind, uint8_t fill)
{
    const struct store_record_key key = record_test_key(kind, fill);
    struct record_seen seen = {.found = false};
    struct store_snapshot *snapshot = NULL;
    struct store_record record;
    struct buffer bytes;

    buffer_init(&bytes);
    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_record_find(snapshot, revision, &key, &record, &bytes, &seen.found, &store_error));
    if (seen.found) {
        seen.created = record.created_revision;
        seen.ends = record.ends;
        seen.entries = record.entry_count;
        (void)snprintf(seen.body, sizeof seen.body, "%.*s", SLICE_PRINTF(record.body));
    }
    store_snapshot_close(snapshot);
    buffer_release(&bytes);
    return seen;
}

size_t
record_test_scan(struct store *store, enum record_index index, struct slice prefix,
                 struct slice from, char fills[RECORD_TEXT_MAX])
{
    struct store_snapshot *snapshot = NULL;
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct slice entry;
    size_t count = 0;
    enum status status;

    OK(store_snapshot_open(store, &snapshot, &store_error));
    OK(store_record_scan_open(snapshot, index, prefix, from, &scan, &store_error));
    while ((status = store_record_scan_next(scan, &key, &entry, &store_error)) == BEHALF_OK) {
        cr_assert_lt(count, RECORD_TEXT_MAX);
        cr_assert_eq(memcmp(entry.data + entry.size - key.id_size, key.id, key.id_size), 0);
        fills[count++] = (char)key.id[0];
    }
    cr_assert_eq(status, BEHALF_DONE);
    store_record_scan_close(scan);
    store_snapshot_close(snapshot);
    return count;
}
