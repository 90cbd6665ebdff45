/* test_store_damage.c - verify finds each kind of damage and says where it is. */
#include "base/bytes.h"
#include "tests/support/kv_fault.h"
#include "tests/unit/test_store_support.h"

static struct kv *below;
static struct kv_fault control;
static struct store *store;

static void
open_over(void)
{
    const struct store_options options = {.env = store_test_env()};

    OK(store_open_on(kv_fault_open(below, &control), &options, &store, &store_error));
}

static void
prepare(void)
{
    struct store_transaction *transaction;
    struct edge edge = {.expires_at = 9};
    struct store_previous previous;

    OK(kv_open_memory(&below, &store_error));
    open_over();
    transaction = store_test_begin(store);
    (void)store_test_put(transaction, "doc:a", "viewer", "user:ann");
    (void)store_test_put(transaction, "doc:a", "viewer", "user:bob");
    edge.key = store_test_key(transaction, "doc:a", "viewer", "user:cid");
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    OK(store_transaction_schema(transaction, slice_of("text"), &store_error));
    store_transaction_request(transaction, slice_of("key"), (const uint8_t[DIGEST_SIZE]){1});
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store);
    edge.key = store_test_key(transaction, "doc:a", "viewer", "user:bob");
    OK(store_transaction_remove(transaction, &edge.key, &previous, &store_error));
    (void)store_test_commit(transaction);
    OK(store_verify(store, &store_error));
}

static void
finish(void)
{
    store_close(store);
    kv_close(below);
}

/* The entry of a family with this number, in key order; copies, so that they can be changed. */
static void
entry_number(enum kv_keyspace keyspace, size_t number, struct buffer *key, struct buffer *value)
{
    struct kv_range all = {.keyspace = keyspace};
    struct kv_scan *scan;
    struct slice found_key;
    struct slice found_value;

    buffer_init(key);
    buffer_init(value);
    OK(kv_scan_open(below, NULL, &all, &scan, &store_error));
    for (size_t index = 0; index <= number; index++)
        OK(kv_scan_next(scan, &found_key, &found_value, &store_error));
    buffer_add_slice(key, found_key);
    buffer_add_slice(value, found_value);
    kv_scan_close(scan);
}

static void
put_raw(enum kv_keyspace keyspace, struct slice key, struct slice value)
{
    const struct kv_change change = {keyspace, false, key, value};

    OK(kv_write(below, &change, 1, false, &store_error));
}

static void
remove_raw(enum kv_keyspace keyspace, struct slice key)
{
    const struct kv_change change = {keyspace, true, key, {NULL, 0}};

    OK(kv_write(below, &change, 1, false, &store_error));
}

/* Verify names `family`; the damage is undone, and verify is content again. */
static void
expect_found(enum kv_keyspace keyspace, struct slice key, struct slice good, const char *family)
{
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, family), "'%s' is not about %s",
                       store_error.message, family);
    put_raw(keyspace, key, good);
    OK(store_verify(store, &store_error));
}

static const struct {
    enum kv_keyspace keyspace;
    const char *family; /* a word of the message when an entry is missing */
} families[] = {
    {KV_NAMES, "names"},     {KV_NODES, "nodes"},     {KV_FORWARD, "forward"},
    {KV_REVERSE, "reverse"}, {KV_HISTORY, "history"}, {KV_CHANGELOG, "changelog"},
    {KV_SCHEMAS, "schemas"}, {KV_EXPIRY, "expiry"},
};

Test(store_damage, a_missing_entry_is_found_in_every_family, .init = prepare, .fini = finish)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(families); index++) {
        struct buffer key;
        struct buffer value;

        entry_number(families[index].keyspace, 0, &key, &value);
        remove_raw(families[index].keyspace, buffer_slice(&key));
        expect_found(families[index].keyspace, buffer_slice(&key), buffer_slice(&value),
                     families[index].family);
        buffer_release(&key);
        buffer_release(&value);
    }
}

Test(store_damage, every_changed_byte_of_a_value_is_found, .init = prepare, .fini = finish)
{
    static const enum kv_keyspace keyspaces[] = {KV_NAMES,     KV_NODES,   KV_FORWARD, KV_REVERSE,
                                                 KV_CHANGELOG, KV_SCHEMAS, KV_HISTORY, KV_REQUESTS};

    for (size_t index = 0; index < BEHALF_COUNT_OF(keyspaces); index++) {
        struct buffer key;
        struct buffer value;
        struct buffer bad;

        entry_number(keyspaces[index], 0, &key, &value);
        buffer_init(&bad);
        buffer_add_slice(&bad, buffer_slice(&value));
        for (size_t at = 0; at < value.size; at++) {
            bad.data[at] = (char)(bad.data[at] ^ 1);
            put_raw(keyspaces[index], buffer_slice(&key), buffer_slice(&bad));
            expect_found(keyspaces[index], buffer_slice(&key), buffer_slice(&value), "");
            bad.data[at] = value.data[at];
        }
        put_raw(keyspaces[index], buffer_slice(&key), (struct slice){value.data, value.size - 1});
        expect_found(keyspaces[index], buffer_slice(&key), buffer_slice(&value), "");
        buffer_release(&key);
        buffer_release(&value);
        buffer_release(&bad);
    }
}

Test(store_damage, an_entry_too_many_is_found_in_every_family, .init = prepare, .fini = finish)
{
    static const enum kv_keyspace keyspaces[] = {KV_META,    KV_NAMES,   KV_NODES,     KV_FORWARD,
                                                 KV_REVERSE, KV_HISTORY, KV_CHANGELOG, KV_SCHEMAS,
                                                 KV_EXPIRY,  KV_REQUESTS};

    for (size_t index = 0; index < BEHALF_COUNT_OF(keyspaces); index++) {
        struct buffer key;
        struct buffer value;

        entry_number(keyspaces[index], 0, &key, &value);
        key.data[key.size - 1] = (char)(key.data[key.size - 1] ^ 0x20);
        put_raw(keyspaces[index], buffer_slice(&key), buffer_slice(&value));
        FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
        remove_raw(keyspaces[index], buffer_slice(&key));
        OK(store_verify(store, &store_error));
        buffer_release(&key);
        buffer_release(&value);
    }
}

/* A warm-up reads all names by their nodes, and takes them as they are. */
Test(store_damage, names_by_node_are_not_read_past_one_that_cannot_be, .init = prepare,
     .fini = finish)
{
    static char long_name[STORE_NAME_SIZE_MAX + 1];
    const struct {
        uint64_t node;
        struct slice name;
    } impossible[] = {
        {NODE_WILDCARD(40), slice_of("wildcard")},
        {NODE_WILDCARD(40) | NODE_SEQUENCE_LOCAL | 1, slice_of("of one request")},
        {NODE_WILDCARD(40) + 1, {long_name, sizeof long_name}},
    };

    for (size_t at = 0; at < BEHALF_COUNT_OF(impossible); at++) {
        struct store_snapshot *snapshot;
        struct store_names *names;
        char key[NODE_KEY_SIZE];
        struct slice id;
        uint64_t node;

        bytes_put_u64(key, impossible[at].node);
        put_raw(KV_NODES, (struct slice){key, sizeof key}, impossible[at].name);
        OK(store_snapshot_open(store, &snapshot, &store_error));
        OK(store_names_open(snapshot, &names, &store_error));
        store_names_move(names, NODE_WILDCARD(40));
        FAILS(store_names_next(names, &node, &id, &store_error), BEHALF_STORAGE_CORRUPT);
        store_names_close(names);
        store_snapshot_close(snapshot);
        remove_raw(KV_NODES, (struct slice){key, sizeof key});
    }
}

Test(store_damage, a_wrong_count_is_found, .init = prepare, .fini = finish)
{
    struct buffer key;
    struct buffer value;

    entry_number(KV_META, 0, &key, &value); /* "count/" sorts first */
    cr_assert_eq(memcmp(key.data, "count/", 6), 0);
    put_raw(KV_META, buffer_slice(&key), (struct slice){"\0\0\0\0\0\0\0\7", 8});
    expect_found(KV_META, buffer_slice(&key), buffer_slice(&value), "count");
    buffer_release(&key);
    buffer_release(&value);
}

Test(store_damage, two_values_at_one_revision_are_found, .init = prepare, .fini = finish)
{
    struct buffer key;
    struct buffer value;

    for (size_t direction = 0; direction < 2; direction++) {
        entry_number(KV_HISTORY, direction, &key, &value);
        bytes_put_u64(value.data, 3); /* created after it was deleted */
        put_raw(KV_HISTORY, buffer_slice(&key), buffer_slice(&value));
        buffer_release(&key);
        buffer_release(&value);
    }
    FAILS(store_verify(store, &store_error), BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "ended before it began"));
}

Test(store_damage, a_head_that_is_not_that_of_the_changelog_refuses_to_open, .init = prepare,
     .fini = finish)
{
    const struct store_options options = {.env = store_test_env()};
    struct store *again = NULL;
    struct buffer good;
    bool found;

    buffer_init(&good);
    OK(kv_get(below, NULL, KV_META, META_HEAD, &good, &found, &store_error));
    good.data[8] = (char)(good.data[8] ^ 1);
    put_raw(KV_META, META_HEAD, buffer_slice(&good));
    FAILS(store_open_on(kv_fault_open(below, &control), &options, &again, &store_error),
          BEHALF_STORAGE_CORRUPT);
    cr_assert_not_null(strstr(store_error.message, "chain is broken"), "%s", store_error.message);
    buffer_release(&good);
}

Test(store_damage, bad_bytes_under_a_read_are_an_error_and_not_an_absence, .init = prepare,
     .fini = finish)
{
    const struct edge_range all = {.direction = EDGE_FORWARD, .unbounded = true};
    struct store_snapshot *snapshot = NULL;
    struct store_scan *scan = NULL;
    struct edge edge;
    struct edge_key edge_key;
    struct buffer key;
    struct buffer value;
    bool found;

    entry_number(KV_FORWARD, 0, &key, &value);
    OK(edge_key_decode(EDGE_FORWARD, buffer_slice(&key), &edge_key, &store_error));
    put_raw(KV_FORWARD, buffer_slice(&key), (struct slice){value.data, value.size - 1});
    OK(store_snapshot_open(store, &snapshot, &store_error));
    FAILS(store_edge_find(snapshot, 2, &edge_key, NULL, NULL, &found, &store_error),
          BEHALF_STORAGE_CORRUPT);
    OK(store_scan_open(snapshot, 2, &all, &scan, &store_error));
    FAILS(store_scan_next(scan, &edge, &store_error), BEHALF_STORAGE_CORRUPT);
    store_scan_close(scan);
    store_snapshot_close(snapshot);
    buffer_release(&key);
    buffer_release(&value);
}
