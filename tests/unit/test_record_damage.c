/* test_record_damage.c - verify finds each kind of damage of records and says where it is. */
#include "tests/support/kv_fault.h"
#include "tests/unit/test_record_support.h"

static struct kv *below;
static struct kv_fault control;
static struct store *store;

/* A grant in three versions, of which one is in force; uses, a session that was removed, and one
 * with a time of use; attributes that were changed, and some that were removed. */
static void
prepare(void)
{
    const struct store_options options = {.env = store_test_env()};
    struct store_seen seen = {.time_ns = 5};

    OK(kv_open_memory(&below, &store_error));
    OK(store_open_on(kv_fault_open(below, &control), &options, &store, &store_error));
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "one");
    (void)record_test_write(store, RECORD_GRANT, 1, 50, "two");
    (void)record_test_write(store, RECORD_GRANT, 1, 60, "three");
    (void)record_test_write(store, RECORD_USES, 1, 60, "5");
    (void)record_test_write(store, RECORD_USES, 1, 60, "4");
    (void)record_test_write(store, RECORD_SESSION, 2, 70, "gone");
    (void)record_test_drop(store, RECORD_SESSION, 2);
    (void)record_test_write(store, RECORD_SESSION, 0, 70, "kept");
    (void)record_test_write(store, RECORD_ATTRIBUTES, 3, 0, "old");
    (void)record_test_write(store, RECORD_ATTRIBUTES, 3, 0, "new");
    (void)record_test_write(store, RECORD_ATTRIBUTES, 4, 0, "gone");
    (void)record_test_drop(store, RECORD_ATTRIBUTES, 4);
    OK(store_set_seen(store, &seen, 1, &store_error));
    OK(store_verify(store, &store_error));
}

static void
finish(void)
{
    store_close(store);
    kv_close(below);
}

static void
write_raw(enum kv_keyspace keyspace, bool removed, struct slice key, struct slice value)
{
    const struct kv_change change = {keyspace, removed, key, value};

    OK(kv_write(below, &change, 1, false, &store_error));
}

/* The entry with this number of a family, in key order; false behind the last. Copies. */
static bool
entry_number(enum kv_keyspace keyspace, size_t number, struct buffer *key, struct buffer *value)
{
    const struct kv_range all = {.keyspace = keyspace};
    struct kv_scan *scan;
    struct slice found_key = {NULL, 0};
    struct slice found_value = {NULL, 0};
    enum status status = BEHALF_OK;

    buffer_clear(key);
    buffer_clear(value);
    OK(kv_scan_open(below, NULL, &all, &scan, &store_error));
    for (size_t index = 0; status == BEHALF_OK && index <= number; index++)
        status = kv_scan_next(scan, &found_key, &found_value, &store_error);
    if (status == BEHALF_OK) {
        buffer_add_slice(key, found_key);
        buffer_add_slice(value, found_value);
    }
    kv_scan_close(scan);
    return status == BEHALF_OK;
}

/* Verify is not content until the entry is as it was. */
static void
expect_found(enum kv_keyspace keyspace, const struct buffer *key, const struct buffer *value)
{
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    write_raw(keyspace, false, buffer_slice(key), buffer_slice(value));
    OK(store_verify(store, &store_error));
}

static const enum kv_keyspace keyspaces[] = {KV_RECORDS, KV_RECORD_INDEX, KV_HISTORY, KV_CHANGELOG};
static const size_t entry_counts[] = {4, 7, 5, 12};

Test(record_damage, a_missing_entry_is_found, .init = prepare, .fini = finish)
{
    struct buffer key;
    struct buffer value;

    buffer_init(&key);
    buffer_init(&value);
    for (size_t index = 0; index < BEHALF_COUNT_OF(keyspaces); index++) {
        size_t number = 0;

        for (; entry_number(keyspaces[index], number, &key, &value); number++) {
            write_raw(keyspaces[index], true, buffer_slice(&key), (struct slice){NULL, 0});
            expect_found(keyspaces[index], &key, &value);
        }
        cr_assert_eq(number, entry_counts[index], "%zu of family %zu", number, index);
    }
    buffer_release(&key);
    buffer_release(&value);
}

Test(record_damage, every_changed_byte_of_a_value_is_found, .init = prepare, .fini = finish)
{
    struct buffer key;
    struct buffer value;
    struct buffer bad;

    buffer_init(&key);
    buffer_init(&value);
    buffer_init(&bad);
    for (size_t index = 0; index < BEHALF_COUNT_OF(keyspaces); index++) {
        for (size_t number = 0; entry_number(keyspaces[index], number, &key, &value); number++) {
            for (size_t at = 0; at < value.size; at++) {
                buffer_clear(&bad);
                buffer_add_slice(&bad, buffer_slice(&value));
                bad.data[at] = (char)(bad.data[at] ^ 1);
                write_raw(keyspaces[index], false, buffer_slice(&key), buffer_slice(&bad));
                expect_found(keyspaces[index], &key, &value);
            }
            buffer_clear(&bad);
            buffer_add_slice(&bad, buffer_slice(&value));
            buffer_add_byte(&bad, 1);
            write_raw(keyspaces[index], false, buffer_slice(&key), buffer_slice(&bad));
            expect_found(keyspaces[index], &key, &value);
        }
    }
    buffer_release(&key);
    buffer_release(&value);
    buffer_release(&bad);
}

Test(record_damage, every_changed_byte_of_a_key_is_found, .init = prepare, .fini = finish)
{
    struct buffer key;
    struct buffer value;

    buffer_init(&key);
    buffer_init(&value);
    for (size_t index = 0; index < BEHALF_COUNT_OF(keyspaces); index++) {
        for (size_t at = 0; entry_number(keyspaces[index], 0, &key, &value) && at < key.size;
             at++) {
            write_raw(keyspaces[index], true, buffer_slice(&key), (struct slice){NULL, 0});
            key.data[at] = (char)(key.data[at] ^ 0x20);
            write_raw(keyspaces[index], false, buffer_slice(&key), buffer_slice(&value));
            FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
            write_raw(keyspaces[index], true, buffer_slice(&key), (struct slice){NULL, 0});
            key.data[at] = (char)(key.data[at] ^ 0x20);
            expect_found(keyspaces[index], &key, &value);
        }
    }
    buffer_release(&key);
    buffer_release(&value);
}

/* A copy of a grant under another id, with all its entries: only the changelog tells that nobody
 * made it. */
Test(record_damage, a_record_that_nobody_wrote_is_found, .init = prepare, .fini = finish)
{
    const struct store_record_key key = record_test_key(RECORD_ATTRIBUTES, 9);
    struct store_record record = {.key = key, .created_revision = 3};
    char key_bytes[RECORD_KEY_SIZE_MAX];
    struct buffer value;

    buffer_init(&value);
    bytes_put_u64(buffer_reserve(&value, 8), record.created_revision);
    buffer_added(&value, 8);
    record_tail_encode(&record, &value);
    write_raw(KV_RECORDS, false, record_key_encode(&key, key_bytes), buffer_slice(&value));
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "0909"), "%s", store_error.message);
    buffer_release(&value);
}

/* Uses are in no history: what was spent must not come back unnoticed. */
Test(record_damage, uses_set_back_to_an_earlier_count_are_found, .init = prepare, .fini = finish)
{
    const struct store_record_key uses = record_test_key(RECORD_USES, 1);
    struct store_record record = {.key = uses, .created_revision = 4, .ends = 60};
    char key_bytes[RECORD_KEY_SIZE_MAX];
    struct buffer value;

    buffer_init(&value);
    record.body = slice_of("5");
    bytes_put_u64(buffer_reserve(&value, 8), record.created_revision);
    buffer_added(&value, 8);
    record_tail_encode(&record, &value);
    write_raw(KV_RECORDS, false, record_key_encode(&uses, key_bytes), buffer_slice(&value));
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "was put"), "%s", store_error.message);
    buffer_release(&value);
}

Test(record_damage, of_what_sessions_were_used_last_the_shape_is_checked, .init = prepare,
     .fini = finish)
{
    struct buffer key;
    struct buffer value;

    buffer_init(&key);
    buffer_init(&value);
    cr_assert(entry_number(KV_SEEN, 0, &key, &value));
    write_raw(KV_SEEN, false, buffer_slice(&key), (struct slice){value.data, 7});
    expect_found(KV_SEEN, &key, &value);
    write_raw(KV_SEEN, false, (struct slice){key.data, 15}, buffer_slice(&value));
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    buffer_release(&key);
    buffer_release(&value);
}

/* Above the horizon all of it is compared; below, what is missing may have been dropped. */
Test(record_damage, is_told_from_history_that_was_given_up, .init = prepare, .fini = finish)
{
    struct buffer key;
    struct buffer value;

    buffer_init(&key);
    buffer_init(&value);
    OK(store_set_horizon(store, 5, &store_error));
    OK(store_verify(store, &store_error));
    cr_assert(entry_number(KV_HISTORY, 0, &key, &value)); /* of the session that was removed */
    cr_assert_eq(bytes_get_u64(key.data + key.size - 8), 7);
    write_raw(KV_HISTORY, true, buffer_slice(&key), (struct slice){NULL, 0});
    expect_found(KV_HISTORY, &key, &value);
    buffer_release(&key);
    buffer_release(&value);
}

Test(record_damage, under_a_read_is_an_error_and_not_an_absence, .init = prepare, .fini = finish)
{
    const struct store_record_key grant = record_test_key(RECORD_GRANT, 1);
    struct store_snapshot *snapshot = NULL;
    struct store_record_scan *scan = NULL;
    struct store_record_key found_key;
    struct store_record record;
    struct slice entry;
    struct buffer bytes;
    struct buffer key;
    struct buffer value;
    char record_key[RECORD_KEY_SIZE_MAX];
    bool found;

    buffer_init(&bytes);
    buffer_init(&key);
    buffer_init(&value);
    write_raw(KV_RECORDS, false, record_key_encode(&grant, record_key), SLICE_LITERAL("short"));
    cr_assert(entry_number(KV_HISTORY, 0, &key, &value));
    write_raw(KV_HISTORY, false, buffer_slice(&key), (struct slice){value.data, 12});
    write_raw(KV_RECORD_INDEX, false, SLICE_LITERAL("\1short"), (struct slice){NULL, 0});
    OK(store_snapshot_open(store, &snapshot, &store_error));
    FAILS(store_record_find(snapshot, 8, &grant, &record, &bytes, &found, &store_error),
          BEHALF_STORAGE_CORRUPT);
    FAILS(store_record_find(snapshot, 1, &grant, &record, &bytes, &found, &store_error),
          BEHALF_STORAGE_CORRUPT);
    OK(store_record_scan_open(snapshot, RECORD_INDEX_PRINCIPAL, SLICE_LITERAL("short"),
                              (struct slice){NULL, 0}, &scan, &store_error));
    FAILS(store_record_scan_next(scan, &found_key, &entry, &store_error), BEHALF_STORAGE_CORRUPT);
    store_record_scan_close(scan);
    store_snapshot_close(snapshot);
    buffer_release(&bytes);
    buffer_release(&key);
    buffer_release(&value);
}
