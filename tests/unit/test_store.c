/* test_store.c - what a store promises to its readers and its writer. */
#include "tests/unit/test_store_support.h"

#include <stdio.h>

static struct store_snapshot *
snapshot_of(struct store *store)
{
    struct store_snapshot *snapshot = NULL;

    OK(store_snapshot_open(store, &snapshot, &store_error));
    return snapshot;
}

/* Whether an edge is there at a revision, and since when (0 = not). */
static uint64_t
since(struct store *store, uint64_t revision, const struct edge_key *key)
{
    struct store_snapshot *snapshot = snapshot_of(store);
    struct edge edge = {.created_revision = 0};
    struct buffer context;
    bool found = false;

    buffer_init(&context);
    OK(store_edge_find(snapshot, revision, key, &edge, &context, &found, &store_error));
    store_snapshot_close(snapshot);
    buffer_release(&context);
    return found ? edge.created_revision : 0;
}

Test(store, a_new_store_is_at_revision_zero_and_empty)
{
    struct store *store = store_test_open(NULL);

    cr_assert_eq(store_head_revision(store), 0);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 0), 0);
    cr_assert_eq(store_secret(store).size, STORE_SECRET_SIZE);
    cr_assert_eq(store_incarnation(store).size, INCARNATION_SIZE);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, each_revision_keeps_its_own_state)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct edge edge = {.key = store_test_key(transaction, "doc:a", "viewer", "user:ann")};
    struct store_previous previous = {.existed = true};

    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    cr_assert_not(previous.existed);
    cr_assert_eq(store_test_commit(transaction), 1);
    transaction = store_test_begin(store); /* revision 2 changes the value */
    edge.expires_at = 77;
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    cr_assert(previous.existed && previous.expires_at == 0);
    cr_assert_eq(store_test_commit(transaction), 2);
    transaction = store_test_begin(store); /* revision 3 removes it */
    OK(store_transaction_remove(transaction, &edge.key, &previous, &store_error));
    cr_assert(previous.existed && previous.expires_at == 77);
    cr_assert_eq(store_test_commit(transaction), 3);
    transaction = store_test_begin(store); /* revision 4 brings it back */
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    cr_assert_not(previous.existed);
    cr_assert_eq(store_test_commit(transaction), 4);
    cr_assert_eq(since(store, 0, &edge.key), 0);
    cr_assert_eq(since(store, 1, &edge.key), 1);
    cr_assert_eq(since(store, 2, &edge.key), 2);
    cr_assert_eq(since(store, 3, &edge.key), 0);
    cr_assert_eq(since(store, 4, &edge.key), 4);
    for (uint64_t revision = 0; revision <= 4; revision++) {
        cr_assert_eq(store_test_count(store, EDGE_FORWARD, revision),
                     revision % 3 != 0 || revision > 3);
        cr_assert_eq(store_test_count(store, EDGE_REVERSE, revision),
                     revision % 3 != 0 || revision > 3);
    }
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, a_snapshot_never_changes)
{
    struct store *store = store_test_open(NULL);
    struct store_snapshot *snapshot;
    struct edge_range all = {.direction = EDGE_FORWARD, .unbounded = true};
    struct store_scan *scan;
    struct edge edge;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    snapshot = snapshot_of(store);
    (void)store_test_write(store, "doc:b", "viewer", "user:ann");
    cr_assert_eq(store_snapshot_head(snapshot), 1);
    OK(store_scan_open(snapshot, 1, &all, &scan, &store_error));
    OK(store_scan_next(scan, &edge, &store_error));
    FAILS(store_scan_next(scan, &edge, &store_error), BEHALF_DONE);
    FAILS(store_scan_next(scan, &edge, &store_error), BEHALF_DONE);
    store_scan_close(scan);
    FAILS(store_scan_open(snapshot, 2, &all, &scan, &store_error), BEHALF_REVISION_UNKNOWN);
    store_snapshot_close(snapshot);
    store_close(store);
}

Test(store, a_touch_without_change_and_a_delete_of_nothing_take_a_revision_and_write_no_edge)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction;
    struct edge_key absent;
    struct kv_range history = {.keyspace = KV_HISTORY};
    struct kv_scan *scan;
    struct slice bytes;
    struct store_previous previous = {.existed = true};
    size_t count = 9;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    transaction = store_test_begin(store);
    cr_assert(store_test_put(transaction, "doc:a", "viewer", "user:ann"));
    absent = store_test_key(transaction, "doc:a", "viewer", "user:bob");
    OK(store_transaction_remove(transaction, &absent, &previous, &store_error));
    cr_assert_not(previous.existed);
    (void)store_transaction_changes(transaction, &count);
    cr_assert_eq(count, 0);
    absent = store_test_key(transaction, "doc:a", "viewer", "user:ann");
    cr_assert_eq(store_test_commit(transaction), 2);
    cr_assert_eq(since(store, 2, &absent), 1);
    OK(kv_scan_open(store->kv, NULL, &history, &scan, &store_error));
    FAILS(kv_scan_next(scan, &bytes, &bytes, &store_error), BEHALF_DONE);
    kv_scan_close(scan);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, many_labels_of_one_transaction_are_told_apart)
{
    enum { COUNT = 60000 };
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned at = 0; at < COUNT; at++) {
            char name[16];

            (void)snprintf(name, sizeof name, "label%u", at);
            cr_assert_eq(store_test_relation(transaction, name), at + 1);
        }
    }
    cr_assert_eq(store_test_type(transaction, "label7"), 1);
    store_test_commit(transaction);
    cr_assert_eq(store_label_find(store, LABEL_RELATION, slice_of("label7")), 8);
    store_close(store);
}

Test(store, an_aborted_transaction_leaves_nothing_but_used_up_numbers)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct store_snapshot *snapshot;
    uint64_t first;
    uint64_t node;
    uint16_t type;
    uint16_t relation;
    bool found = true;

    cr_assert_not(store_test_put(transaction, "doc:a", "viewer", "user:ann"));
    first = store_test_node(transaction, "doc", "a");
    relation = store_test_relation(transaction, "viewer");
    type = store_test_type(transaction, "doc");
    store_transaction_abort(transaction);
    cr_assert_eq(store_head_revision(store), 0);
    cr_assert_eq(store_label_find(store, LABEL_TYPE, slice_of("doc")), LABEL_NONE);
    cr_assert_eq(store_label_name(store, LABEL_TYPE, type).size, 0);
    snapshot = snapshot_of(store);
    OK(store_node_find(snapshot, type, slice_of("a"), &node, &found, &store_error));
    cr_assert_not(found);
    FAILS(store_node_name(snapshot, first, &(struct buffer){.data = NULL}, &store_error),
          BEHALF_STORAGE_CORRUPT);
    store_snapshot_close(snapshot);
    transaction = store_test_begin(store);
    cr_assert_neq(store_test_relation(transaction, "viewer"), relation);
    cr_assert_neq(store_test_type(transaction, "doc"), type);
    cr_assert_neq(store_test_node(transaction, "doc", "a"), first);
    cr_assert_eq(store_test_commit(transaction), 1);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, a_name_keeps_its_node_when_its_edges_come_and_go)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct edge_key key = store_test_key(transaction, "doc:a", "viewer", "user:ann");
    struct buffer name;
    struct store_snapshot *snapshot;
    struct store_previous previous;

    buffer_init(&name);
    (void)store_test_put(transaction, "doc:a", "viewer", "user:ann");
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store);
    OK(store_transaction_remove(transaction, &key, &previous, &store_error));
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store);
    cr_assert_eq(store_test_node(transaction, "doc", "a"), key.resource);
    cr_assert_eq(store_test_node(transaction, "user", "ann"), key.subject);
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    buffer_add_text(&name, "doc:");
    OK(store_node_name(snapshot, key.resource, &name, &store_error));
    cr_assert_str_eq(name.data, "doc:a");
    store_snapshot_close(snapshot);
    buffer_release(&name);
    store_close(store);
}

/* Names that a folding, normalising or trimming comparison would take for the same. */
Test(store, names_are_compared_byte_for_byte)
{
    static const char *const names[] = {
        "Alice",
        "alice",
        "ALICE",
        "alice ",
        " alice",
        "\xc3\xa1lice",
        "a\xcc\x81lice",
        "\xef\xbd\x81\xef\xbd\x8c\xef\xbd\x89\xef\xbd\x83\xef\xbd\x85",
        "alice\xc2\xa0",
        ("al\xc4\xb1"
         "ce"),
    };
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    uint16_t type = store_test_type(transaction, "user");
    uint64_t nodes[BEHALF_COUNT_OF(names)];
    struct store_snapshot *snapshot;
    struct buffer id;
    uint64_t node;
    bool found;

    buffer_init(&id);
    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        nodes[index] = store_test_node(transaction, "user", names[index]);
        for (size_t before = 0; before < index; before++)
            cr_assert_neq(nodes[index], nodes[before]);
        cr_assert_eq(store_test_node(transaction, "user", names[index]), nodes[index]);
    }
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        OK(store_node_find(snapshot, type, slice_of(names[index]), &node, &found, &store_error));
        cr_assert(found);
        cr_assert_eq(node, nodes[index]);
        buffer_clear(&id);
        OK(store_node_name(snapshot, node, &id, &store_error));
        cr_assert_str_eq(id.data, names[index]);
    }
    OK(store_node_find(snapshot, type, slice_of("aLICE"), &node, &found, &store_error));
    cr_assert_not(found);
    store_snapshot_close(snapshot);
    buffer_release(&id);
    store_close(store);
}

Test(store, ids_of_a_prefix_come_in_byte_order)
{
    static const char *const ids[] = {"a", "ab", "ab\xff", "ab\xff\xff", "ab\xff\xff!", "abc", "b"};
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    uint16_t type = store_test_type(transaction, "user");
    uint64_t expected[7];
    uint64_t nodes[8];
    struct store_snapshot *snapshot;
    size_t count;

    for (size_t index = 7; index > 0; index--)
        expected[index - 1] = store_test_node(transaction, "user", ids[index - 1]);
    (void)store_test_node(transaction, "zzz", "ab"); /* another type */
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_nodes_with_prefix(snapshot, type, slice_of(""), slice_of(""), nodes, 8, &count,
                               &store_error));
    cr_assert_eq(count, 7);
    OK(store_nodes_with_prefix(snapshot, type, slice_of("ab"), slice_of(""), nodes, 8, &count,
                               &store_error));
    cr_assert_eq(count, 5);
    cr_assert_eq(nodes[0], expected[1]);
    cr_assert_eq(nodes[1], expected[5]); /* "abc": 'c' is below 0xff */
    cr_assert_eq(nodes[4], expected[4]);
    OK(store_nodes_with_prefix(snapshot, type, slice_of("ab\xff"), slice_of("ab\xff"), nodes, 8,
                               &count, &store_error));
    cr_assert_eq(count, 2);
    cr_assert_eq(nodes[0], expected[3]);
    OK(store_nodes_with_prefix(snapshot, type, slice_of("ab"), slice_of("ab"), nodes, 2, &count,
                               &store_error));
    cr_assert_eq(count, 2);
    OK(store_nodes_with_prefix(snapshot, type, slice_of("ab"), slice_of("b"), nodes, 8, &count,
                               &store_error));
    cr_assert_eq(count, 0);
    store_snapshot_close(snapshot);
    store_close(store);
}

struct variants {
    struct edge_variant found[8];
    uint64_t counts[8];
    size_t count;
};

static bool
collect(void *context, const struct edge_variant *variant, uint64_t count)
{
    struct variants *variants = context;

    variants->found[variants->count] = *variant;
    variants->counts[variants->count++] = count;
    return true;
}

Test(store, variants_are_counted_exactly)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct variants variants = {.count = 0};
    struct store_snapshot *snapshot;
    struct edge edge = {.created_revision = 0};
    struct store_stats stats;
    struct store_previous previous;

    (void)store_test_put(transaction, "doc:a", "viewer", "user:ann");
    (void)store_test_put(transaction, "doc:b", "viewer", "user:ann");
    (void)store_test_put(transaction, "doc:b", "viewer", "user:*");
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store); /* one of the two becomes an expiring one */
    edge.key = store_test_key(transaction, "doc:a", "viewer", "user:ann");
    edge.expires_at = 5;
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store); /* and the wildcard goes */
    edge.key = store_test_key(transaction, "doc:b", "viewer", "user:*");
    OK(store_transaction_remove(transaction, &edge.key, &previous, &store_error));
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_variants(snapshot, collect, &variants, &store_error));
    cr_assert_eq(variants.count, 2);
    cr_assert(variants.counts[0] == 1 && variants.counts[1] == 1);
    cr_assert(!variants.found[0].expiring && variants.found[1].expiring);
    cr_assert(!variants.found[0].wildcard && !variants.found[1].wildcard);
    store_snapshot_close(snapshot);
    OK(store_stats_read(store, &stats, &store_error));
    cr_assert(stats.edge_count == 2 && stats.head_revision == 3 && stats.writable);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, the_schema_of_a_revision_is_the_last_one_before_it)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction;
    struct store_snapshot *snapshot;
    struct buffer text;
    uint64_t written = 0;

    buffer_init(&text);
    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    for (const char *const *at = (const char *const[]){"first", "second", NULL}; *at != NULL;
         at++) {
        transaction = store_test_begin(store);
        OK(store_transaction_schema(transaction, slice_of(*at), &store_error));
        (void)store_test_commit(transaction);
        (void)store_test_write(store, "doc:a", "viewer", *at[0] == 'f' ? "user:b" : "user:c");
    }
    snapshot = snapshot_of(store);
    FAILS(store_schema_read(snapshot, 1, &text, &written, &store_error), BEHALF_NO_SCHEMA);
    for (uint64_t revision = 2; revision <= 5; revision++) {
        OK(store_schema_read(snapshot, revision, &text, &written, &store_error));
        cr_assert_str_eq(text.data, revision < 4 ? "first" : "second");
        cr_assert_eq(written, revision < 4 ? 2 : 4);
    }
    store_snapshot_close(snapshot);
    buffer_release(&text);
    store_close(store);
}

Test(store, an_idempotency_key_is_remembered_for_a_day)
{
    const uint8_t digest[DIGEST_SIZE] = {1, 2, 3};
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct store_snapshot *snapshot;
    struct store_request request;
    bool found = true;

    store_transaction_request(transaction, slice_of("key"), digest);
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_request_find(snapshot, slice_of("other"), store_test_wall_ns, &request, &found,
                          &store_error));
    cr_assert_not(found);
    OK(store_request_find(snapshot, slice_of("key"), store_test_wall_ns, &request, &found,
                          &store_error));
    cr_assert(found);
    cr_assert(request.revision == 1 && request.time_ns == store_test_wall_ns);
    cr_assert_eq(memcmp(request.digest, digest, sizeof digest), 0);
    store_test_wall_ns += REQUEST_KEPT_NS - 1;
    OK(store_request_find(snapshot, slice_of("key"), store_test_wall_ns, &request, &found,
                          &store_error));
    cr_assert(found);
    store_test_wall_ns += 1;
    OK(store_request_find(snapshot, slice_of("key"), store_test_wall_ns, &request, &found,
                          &store_error));
    cr_assert_not(found);
    store_snapshot_close(snapshot);
    /* Used again, it stands for the newer request; the next commit lets the old one go. */
    transaction = store_test_begin(store);
    store_transaction_request(transaction, slice_of("key"), (const uint8_t[DIGEST_SIZE]){9});
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_request_find(snapshot, slice_of("key"), store_test_wall_ns, &request, &found,
                          &store_error));
    cr_assert(found && request.revision == 2 && request.digest[0] == 9);
    store_snapshot_close(snapshot);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, reads_behind_the_horizon_expire_and_never_come_short)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction;
    struct edge_range all = {.direction = EDGE_REVERSE, .unbounded = true};
    struct store_snapshot *snapshot;
    struct store_scan *scan;
    struct edge edge;
    struct edge_key key;
    struct store_previous previous;
    bool found;
    enum status status;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    (void)store_test_write(store, "doc:b", "viewer", "user:ann");
    transaction = store_test_begin(store);
    key = store_test_key(transaction, "doc:a", "viewer", "user:ann");
    OK(store_transaction_remove(transaction, &key, &previous, &store_error));
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_scan_open(snapshot, 2, &all, &scan, &store_error));
    OK(store_scan_next(scan, &edge, &store_error));
    /* The horizon passes in the middle of the scan. */
    OK(store_set_horizon(store, 3, &store_error));
    cr_assert_eq(store_horizon(store), 3);
    do
        status = store_scan_next(scan, &edge, &store_error);
    while (status == BEHALF_OK);
    cr_assert_eq(status, BEHALF_REVISION_EXPIRED);
    store_scan_close(scan);
    FAILS(store_scan_open(snapshot, 2, &all, &scan, &store_error), BEHALF_REVISION_EXPIRED);
    FAILS(store_edge_find(snapshot, 2, &key, NULL, NULL, &found, &store_error),
          BEHALF_REVISION_EXPIRED);
    store_snapshot_close(snapshot);
    cr_assert_eq(store_test_count(store, EDGE_FORWARD, 3), 1);
    OK(store_set_horizon(store, 1, &store_error)); /* it never goes back */
    cr_assert_eq(store_horizon(store), 3);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, expired_edges_are_found_for_the_sweeper_oldest_first)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    struct edge edge = {.created_revision = 0};
    struct edge_key keys[3];
    struct store_snapshot *snapshot;
    size_t count;
    struct store_previous previous;

    edge.key = store_test_key(transaction, "doc:late", "viewer", "user:ann");
    edge.expires_at = 300;
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    edge.key = store_test_key(transaction, "doc:early", "viewer", "user:ann");
    edge.expires_at = 100;
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    edge.key = store_test_key(transaction, "doc:moved", "viewer", "user:ann");
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    (void)store_test_commit(transaction);
    transaction = store_test_begin(store);
    edge.expires_at = 0; /* no longer expiring */
    OK(store_transaction_put(transaction, &edge, &previous, &store_error));
    (void)store_test_commit(transaction);
    snapshot = snapshot_of(store);
    OK(store_expired(snapshot, 99, keys, 3, &count, &store_error));
    cr_assert_eq(count, 0);
    OK(store_expired(snapshot, 100, keys, 3, &count, &store_error));
    cr_assert_eq(count, 1);
    OK(store_expired(snapshot, 300, keys, 3, &count, &store_error));
    cr_assert_eq(count, 2);
    cr_assert_lt(keys[1].resource, keys[0].resource); /* "late" got its node first */
    store_snapshot_close(snapshot);
    OK(store_verify(store, &store_error));
    store_close(store);
}

Test(store, time_never_runs_backwards_from_revision_to_revision)
{
    struct store *store = store_test_open(NULL);
    int64_t noon = store_test_wall_ns;
    struct store_snapshot *snapshot;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    store_test_wall_ns -= 1000;
    (void)store_test_write(store, "doc:b", "viewer", "user:ann");
    snapshot = snapshot_of(store);
    cr_assert_eq(store_snapshot_time(snapshot), noon);
    store_snapshot_close(snapshot);
    store_close(store);
}

Test(store, a_transaction_lists_what_it_changed)
{
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction;
    const struct store_change *changes;
    struct edge_key gone;
    size_t count = 0;
    struct store_previous previous;

    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    transaction = store_test_begin(store);
    gone = store_test_key(transaction, "doc:a", "viewer", "user:ann");
    OK(store_transaction_remove(transaction, &gone, &previous, &store_error));
    (void)store_test_put(transaction, "doc:a", "viewer", "user:bob");
    changes = store_transaction_changes(transaction, &count);
    cr_assert_eq(count, 2);
    cr_assert(changes[0].removed && changes[0].key.subject == gone.subject);
    cr_assert(!changes[1].removed && changes[1].key.subject != gone.subject);
    store_transaction_abort(transaction);
    store_close(store);
}

Test(store, a_replay_refuses_an_entry_that_does_not_fit)
{
    struct store *store = store_test_open(NULL);
    struct store *copy = store_test_open(NULL);
    struct store_snapshot *snapshot;
    struct buffer entry;

    buffer_init(&entry);
    (void)store_test_write(store, "doc:a", "viewer", "user:ann");
    (void)store_test_write(store, "doc:b", "viewer", "user:ann");
    snapshot = snapshot_of(store);
    OK(store_changelog_read(snapshot, 2, &entry, &store_error));
    FAILS(store_replay(copy, buffer_slice(&entry), &store_error), BEHALF_REVISION_UNKNOWN);
    OK(store_changelog_read(snapshot, 1, &entry, &store_error));
    for (size_t index = 0; index < entry.size; index++) {
        entry.data[index] ^= 0x40;
        if (store_replay(copy, buffer_slice(&entry), &store_error) == BEHALF_OK) {
            /* A changed name or time is still a whole entry; the chain tells them apart. */
            cr_assert_neq(memcmp(copy->head.chain, store->head.chain, DIGEST_SIZE), 0);
            store_close(copy);
            copy = store_test_open(NULL);
        }
        entry.data[index] ^= 0x40;
    }
    OK(store_replay(copy, buffer_slice(&entry), &store_error));
    FAILS(store_replay(copy, buffer_slice(&entry), &store_error), BEHALF_REVISION_UNKNOWN);
    FAILS(store_changelog_read(snapshot, 3, &entry, &store_error), BEHALF_REVISION_UNKNOWN);
    store_snapshot_close(snapshot);
    buffer_release(&entry);
    store_close(copy);
    store_close(store);
}

/* Counts that a 16-bit counter or chunk would cut. */
Test(store, fan_outs_beyond_sixteen_bits_are_complete)
{
    static const size_t sizes[] = {65534, 65535, 65536, 65537, 70000, 131073};
    struct store *store = store_test_open(NULL);
    struct store_transaction *transaction = store_test_begin(store);
    uint16_t user = store_test_type(transaction, "user");
    struct edge_key key = store_test_key(transaction, "doc:wide", "viewer", "user:0");
    uint64_t revisions[BEHALF_COUNT_OF(sizes)];
    size_t written = 0;
    struct store_previous previous;

    for (size_t index = 0; index < BEHALF_COUNT_OF(sizes); index++) {
        if (transaction == NULL)
            transaction = store_test_begin(store);
        for (; written < sizes[index]; written++) {
            struct edge edge = {.key = key};
            char id[16];

            (void)snprintf(id, sizeof id, "%zu", written);
            OK(store_transaction_node(transaction, user, slice_of(id), &edge.key.subject,
                                      &store_error));
            OK(store_transaction_put(transaction, &edge, &previous, &store_error));
        }
        revisions[index] = store_test_commit(transaction);
        transaction = NULL;
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(sizes); index++) {
        struct edge_key last = key;

        last.subject += sizes[index] - 1; /* nodes of a type are numbered in a row */
        cr_assert_eq(store_test_count(store, EDGE_FORWARD, revisions[index]), sizes[index]);
        cr_assert_eq(store_test_count(store, EDGE_REVERSE, revisions[index]), sizes[index]);
        cr_assert_eq(since(store, revisions[index], &last), revisions[index]);
        last.subject++;
        cr_assert_eq(since(store, revisions[index], &last), 0);
    }
    OK(store_verify(store, &store_error));
    store_close(store);
}
