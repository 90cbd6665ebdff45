/* commit.c - turns a collected transaction into one atomic batch.
 *
 * Always true: everything that a revision changes is in the same batch as the head record that
 * names the revision, so a crash leaves all of it or nothing. Commit does not sync: the writer
 * commits a group and syncs once (durability.c), and nothing of the group is acknowledged or
 * published before that sync. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/memory.h"
#include "storage/transaction.h"

#define REQUEST_DROP_NS INT64_C(3600000000000) /* how often the drop rule is renewed */

struct batch {
    struct arena arena; /* holds keys and values */
    struct kv_change *changes;
    size_t count;
    size_t capacity;
    size_t bytes; /* of keys and values */
    bool history; /* a value was superseded */
};

static char *
batch_bytes(struct batch *batch, size_t size)
{
    char *bytes = arena_take(&batch->arena, size);

    /* The arena has no cap of its own: the writer bounds a transaction before it is collected. */
    BEHALF_ASSERT(bytes != NULL);
    return bytes;
}

/* Key and value are borrowed until the batch is written. */
static void
batch_put(struct batch *batch, enum kv_keyspace keyspace, struct slice key, struct slice value)
{
    batch->changes =
        memory_reserve(batch->changes, batch->count + 1, &batch->capacity, sizeof *batch->changes);
    batch->changes[batch->count++] = (struct kv_change){keyspace, false, key, value};
    batch->bytes += key.size + value.size;
}

static void
batch_remove(struct batch *batch, enum kv_keyspace keyspace, struct slice key)
{
    batch->changes =
        memory_reserve(batch->changes, batch->count + 1, &batch->capacity, sizeof *batch->changes);
    batch->changes[batch->count++] = (struct kv_change){keyspace, true, key, {NULL, 0}};
    batch->bytes += key.size;
}

static struct slice
batch_u64(struct batch *batch, uint64_t value)
{
    char *bytes = batch_bytes(batch, 8);

    bytes_put_u64(bytes, value);
    return (struct slice){bytes, 8};
}

/* --- parts of the batch --- */

static void
add_next(struct batch *batch, uint16_t type, unsigned kind, uint64_t next)
{
    char *key = batch_bytes(batch, NEXT_KEY_SIZE);

    next_key_encode(type, kind, key);
    batch_put(batch, KV_META, (struct slice){key, NEXT_KEY_SIZE}, batch_u64(batch, next));
}

/* Both directions in one batch, so that a name always leads to a node, and a node to its name. */
static void
add_name(struct batch *batch, uint16_t type, unsigned kind, uint64_t node, struct slice name)
{
    char *key = batch_bytes(batch, 3 + name.size);
    char bytes[NAME_KEY_SIZE_MAX];
    struct slice name_key = name_key_encode(type, kind, name, bytes);
    struct slice number = batch_u64(batch, node);

    memcpy(key, name_key.data, name_key.size);
    batch_put(batch, KV_NAMES, (struct slice){key, name_key.size}, number);
    batch_put(batch, KV_NODES, number, name);
}

struct next_number {
    uint16_t type;
    uint64_t next;
};

struct next_numbers {
    struct next_number *items;
    size_t count;
    size_t capacity;
};

/* Notes the next free number of the node's type. Numbers of a type grow within a transaction, so
 * the last one decides. Types are few, so the search is linear. */
static void
next_note(struct next_numbers *numbers, uint64_t node)
{
    uint16_t type = NODE_TYPE(node);
    size_t index = 0;

    while (index < numbers->count && numbers->items[index].type != type)
        index++;
    if (index == numbers->count)
        numbers->items = memory_reserve(numbers->items, ++numbers->count, &numbers->capacity,
                                        sizeof *numbers->items);
    numbers->items[index] = (struct next_number){type, (node & NODE_SEQUENCE_MASK) + 1};
}

/* The counters written follow the numbers of this transaction, not the counters in memory: those
 * skip numbers that aborted transactions used up, which are in no changelog entry, so a replay
 * would write other bytes. */
static void
add_labels(struct batch *batch, const struct store_transaction *transaction)
{
    uint32_t next[LABEL_KIND_COUNT] = {0};

    for (size_t index = 0; index < transaction->label_count; index++) {
        const struct transaction_label *label = &transaction->labels[index];

        add_name(batch, LABEL_TYPE_NUMBER, (unsigned)label->kind + 1,
                 LABEL_NODE(label->kind, label->label), label->name);
        next[label->kind] = (uint32_t)label->label + 1;
    }
    for (unsigned kind = 0; kind < LABEL_KIND_COUNT; kind++) {
        if (next[kind] != 0)
            add_next(batch, LABEL_TYPE_NUMBER, kind + 1, next[kind]);
    }
}

static void
add_nodes(struct batch *batch, const struct store_transaction *transaction)
{
    struct next_numbers numbers = {NULL, 0, 0};

    for (size_t index = 0; index < transaction->name_count; index++) {
        const struct transaction_name *name = &transaction->names[index];

        if (name->fresh) {
            add_name(batch, name->type, 0, name->node, name->id);
            next_note(&numbers, name->node);
        }
    }
    for (size_t index = 0; index < numbers.count; index++)
        add_next(batch, numbers.items[index].type, 0, numbers.items[index].next);
    memory_free(numbers.items);
}

/* --- compaction of removed ranges --- */

/* A scan steps over every tombstone until it is compacted, at about a microsecond each: this many
 * cost a scan 8 ms. */
#define REMOVED_MAX 8192
/* A larger range is not rewritten. At 256 bytes per removal about an eighth of the range was
 * removed; below that, compaction writes more than it saves. */
#define REWRITTEN_BYTES_MAX (UINT64_C(256) * REMOVED_MAX)

static void
note_removed(struct store_removed *removed, const struct edge_key *key)
{
    for (int direction = EDGE_FORWARD; direction <= EDGE_REVERSE; direction++) {
        char bytes[EDGE_KEY_SIZE];

        edge_key_encode((enum edge_direction)direction, key, bytes);
        if (removed->count == 0 || memcmp(bytes, removed->from[direction], sizeof bytes) < 0)
            memcpy(removed->from[direction], bytes, sizeof bytes);
        if (removed->count == 0 || memcmp(bytes, removed->to[direction], sizeof bytes) > 0)
            memcpy(removed->to[direction], bytes, sizeof bytes);
    }
    removed->count++;
}

/* Called after the batch, so that the compaction meets its tombstones. Count and range restart even
 * if the range is not rewritten: a range with few tombstones is left to regular compaction. */
static void
compact_removed(struct store *store, const struct store_transaction *transaction)
{
    struct store_removed *removed = &store->removed;

    for (size_t index = 0; index < transaction->change_count; index++) {
        if (transaction->changes[index].removed)
            note_removed(removed, &transaction->changes[index].key);
    }
    if (removed->count < REMOVED_MAX)
        return;
    removed->count = 0;
    kv_compact(store->kv, KV_FORWARD, (struct slice){removed->from[EDGE_FORWARD], EDGE_KEY_SIZE},
               (struct slice){removed->to[EDGE_FORWARD], EDGE_KEY_SIZE}, REWRITTEN_BYTES_MAX);
    kv_compact(store->kv, KV_REVERSE, (struct slice){removed->from[EDGE_REVERSE], EDGE_KEY_SIZE},
               (struct slice){removed->to[EDGE_REVERSE], EDGE_KEY_SIZE}, REWRITTEN_BYTES_MAX);
}

static void
add_direction(struct batch *batch, enum edge_direction direction, const struct store_change *change,
              const struct transaction_edge *edge, struct slice value, uint64_t revision)
{
    enum kv_keyspace keyspace = direction == EDGE_FORWARD ? KV_FORWARD : KV_REVERSE;
    char *bytes = batch_bytes(batch, EDGE_KEY_SIZE);
    struct slice key = {bytes, EDGE_KEY_SIZE};

    edge_key_encode(direction, &change->key, bytes);
    if (change->removed)
        batch_remove(batch, keyspace, key);
    else
        batch_put(batch, keyspace, key, value);
    /* The superseded value goes to history under the revision that ended it, in the batch that ends
     * it. Readers at older revisions therefore find it in one of the two places at every moment. */
    if (edge->old_value.size > 0) {
        char *history = batch_bytes(batch, HISTORY_KEY_SIZE);

        history_key_encode(direction, bytes, revision, history);
        batch_put(batch, KV_HISTORY, (struct slice){history, HISTORY_KEY_SIZE}, edge->old_value);
        batch->history = true;
    }
}

static struct slice
expiry_key(struct batch *batch, const struct edge_key *key, int64_t expires_at)
{
    char *bytes = batch_bytes(batch, EXPIRY_KEY_SIZE);
    char forward[EDGE_KEY_SIZE];

    edge_key_encode(EDGE_FORWARD, key, forward);
    expiry_key_encode(expires_at, forward, bytes);
    return (struct slice){bytes, EXPIRY_KEY_SIZE};
}

/* Both indexes get the same key fields and the same value: a read from either end of an edge gives
 * the same answer, and verify compares the two byte by byte. */
static void
add_edges(struct batch *batch, const struct store_transaction *transaction, uint64_t revision)
{
    for (size_t index = 0; index < transaction->change_count; index++) {
        const struct store_change *change = &transaction->changes[index];
        const struct transaction_edge *edge = &transaction->edges[index];
        struct slice value = {NULL, 0};

        if (!change->removed) {
            char *bytes = batch_bytes(batch, 8 + edge->tail.size);

            bytes_put_u64(bytes, revision);
            memcpy(bytes + 8, edge->tail.data, edge->tail.size);
            value = (struct slice){bytes, 8 + edge->tail.size};
        }
        add_direction(batch, EDGE_FORWARD, change, edge, value, revision);
        add_direction(batch, EDGE_REVERSE, change, edge, value, revision);
        /* An unchanged expiration keeps its entry: a removal and a put of one key in one batch
         * would depend on their order. */
        if (edge->old_expires_at != 0 && edge->old_expires_at != edge->expires_at)
            batch_remove(batch, KV_EXPIRY, expiry_key(batch, &change->key, edge->old_expires_at));
        if (edge->expires_at != 0 && edge->old_expires_at != edge->expires_at)
            batch_put(batch, KV_EXPIRY, expiry_key(batch, &change->key, edge->expires_at),
                      (struct slice){NULL, 0});
    }
}

/* --- records --- */

static struct slice
index_key(struct batch *batch, enum record_index index, struct slice entry, struct slice record_key)
{
    char *bytes = batch_bytes(batch, 1 + entry.size + record_key.size);
    char key[INDEX_KEY_SIZE_MAX];
    struct slice encoded = index_key_encode(index, entry, record_key, key);

    memcpy(bytes, encoded.data, encoded.size);
    return (struct slice){bytes, encoded.size};
}

static struct slice
ends_key(struct batch *batch, int64_t ends, struct slice record_key)
{
    char entry[8];

    store_time_encode(ends, entry);
    return index_key(batch, RECORD_INDEX_ENDS, (struct slice){entry, sizeof entry}, record_key);
}

static bool
has_entry(const struct store_record *record, const struct store_record_entry *entry)
{
    for (size_t at = 0; at < record->entry_count; at++) {
        if (record->entries[at].index == entry->index &&
            slice_equal(record->entries[at].bytes, entry->bytes))
            return true;
    }
    return false;
}

/* Moves a record from its old entries to its new ones; either has none where there is no record. An
 * entry that stays is not touched, as an unchanged expiration. */
static void
add_entries(struct batch *batch, const struct store_record *old, const struct store_record *new,
            struct slice record_key)
{
    for (size_t at = 0; at < old->entry_count; at++) {
        const struct store_record_entry *entry = &old->entries[at];

        if (!has_entry(new, entry))
            batch_remove(batch, KV_RECORD_INDEX,
                         index_key(batch, entry->index, entry->bytes, record_key));
    }
    for (size_t at = 0; at < new->entry_count; at++) {
        const struct store_record_entry *entry = &new->entries[at];

        if (!has_entry(old, entry))
            batch_put(batch, KV_RECORD_INDEX,
                      index_key(batch, entry->index, entry->bytes, record_key),
                      (struct slice){NULL, 0});
    }
    if (old->ends != 0 && old->ends != new->ends)
        batch_remove(batch, KV_RECORD_INDEX, ends_key(batch, old->ends, record_key));
    if (new->ends != 0 && old->ends != new->ends)
        batch_put(batch, KV_RECORD_INDEX, ends_key(batch, new->ends, record_key),
                  (struct slice){NULL, 0});
}

static void
add_record(struct batch *batch, const struct store_record_change *change,
           const struct transaction_record *record, uint64_t revision)
{
    enum record_kind kind = change->record.key.kind;

    if (change->removed) {
        batch_remove(batch, KV_RECORDS, record->key);
    } else {
        char *bytes = batch_bytes(batch, 8 + record->tail.size);

        bytes_put_u64(bytes, revision);
        memcpy(bytes + 8, record->tail.data, record->tail.size);
        batch_put(batch, KV_RECORDS, record->key, (struct slice){bytes, 8 + record->tail.size});
    }
    add_entries(batch, &record->old, &change->record, record->key);
    /* Uses change with every delegated call, and nobody asks for their past. */
    if (record->old_value.size > 0 && kind != RECORD_USES) {
        char *history = batch_bytes(batch, RECORD_HISTORY_KEY_SIZE_MAX);

        batch_put(batch, KV_HISTORY, record_history_key_encode(record->key, revision, history),
                  record->old_value);
        batch->history = true;
    }
    /* Not in the changelog, and gone with the session: ids are never reused. */
    if (change->removed && kind == RECORD_SESSION)
        batch_remove(batch, KV_SEEN, (struct slice){record->key.data + 1, SEEN_KEY_SIZE});
}

/* Adds the counts of the transaction to the stored ones. A count that becomes 0 is removed, so
 * equal states have equal bytes whatever led to them. */
static enum status
add_counts(struct batch *batch, struct store_transaction *transaction, struct error *error)
{
    for (size_t index = 0; index < transaction->count_count; index++) {
        const struct transaction_count *count = &transaction->counts[index];
        char *bytes = batch_bytes(batch, COUNT_KEY_SIZE);
        struct slice key = {bytes, COUNT_KEY_SIZE};
        uint64_t edges = 0;
        bool found = false;
        enum status status;

        if (count->delta == 0)
            continue;
        count_key_encode(&count->variant, bytes);
        status = kv_get(transaction->store->kv, transaction->snapshot.kv, KV_META, key,
                        &transaction->value, &found, error);
        if (status == BEHALF_OK && found)
            status = number_decode("edge count", buffer_slice(&transaction->value), &edges, error);
        if (status != BEHALF_OK)
            return status;
        /* Counts are exact because they change in the batch of the edges. A count below zero proves
         * that the store is damaged, and writing would spread the damage. */
        if (count->delta < 0 && edges < (uint64_t)-count->delta)
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "an edge count would fall below zero: run verify");
        edges += (uint64_t)count->delta;
        if (edges > 0)
            batch_put(batch, KV_META, key, batch_u64(batch, edges));
        else
            batch_remove(batch, KV_META, key);
    }
    return BEHALF_OK;
}

static void
add_request(struct batch *batch, const struct store_transaction *transaction, uint64_t revision,
            int64_t time_ns)
{
    char *key = batch_bytes(batch, REQUEST_KEY_SIZE);
    char *value = batch_bytes(batch, REQUEST_VALUE_SIZE);

    request_key_encode(transaction->request_key, time_ns, key);
    memcpy(value, transaction->request_digest, DIGEST_SIZE);
    bytes_put_u64(value + DIGEST_SIZE, revision);
    batch_put(batch, KV_REQUESTS, (struct slice){key, REQUEST_KEY_SIZE},
              (struct slice){value, REQUEST_VALUE_SIZE});
}

/* Records have one order (changelog.h), so a transaction has exactly one entry. The chain hash and
 * the comparison of a replay depend on it. */
static void
entry_build(const struct store_transaction *transaction, const struct changelog_header *header,
            struct buffer *entry)
{
    changelog_begin(entry, header);
    for (size_t index = 0; index < transaction->label_count; index++) {
        const struct transaction_label *label = &transaction->labels[index];

        changelog_add_label(entry, label->kind, label->label, label->name);
    }
    for (size_t index = 0; index < transaction->name_count; index++) {
        const struct transaction_name *name = &transaction->names[index];

        if (name->fresh)
            changelog_add_node(entry, name->node, name->id);
    }
    for (size_t index = 0; index < transaction->change_count; index++) {
        const struct store_change *change = &transaction->changes[index];

        if (change->removed)
            changelog_add_remove(entry, &change->key);
        else
            changelog_add_put(entry, &change->key, transaction->edges[index].tail);
    }
    if (transaction->has_schema)
        changelog_add_schema(entry, transaction->schema);
    if (transaction->metadata.size > 0)
        changelog_add_metadata(entry, transaction->metadata);
    if (transaction->has_request)
        changelog_add_request(entry, transaction->request_key, transaction->request_digest);
    if (transaction->is_sweep)
        changelog_add_sweep(entry, transaction->sweep_time_ns);
    for (size_t index = 0; index < transaction->record_count; index++) {
        const struct store_record_change *change = &transaction->record_changes[index];

        if (change->removed)
            changelog_add_record_remove(entry, &change->record.key);
        else
            changelog_add_record_put(entry, &change->record.key, transaction->records[index].tail);
    }
    if (transaction->caller.size > 0)
        changelog_add_caller(entry, transaction->caller);
}

/* Verifies that a transaction marked as a sweep removes expired edges and ended records, and does
 * nothing else. Sweeps run without a caller who asked for them, and a replayed entry may come from
 * outside. */
static enum status
sweep_check(const struct store_transaction *transaction, struct error *error)
{
    if (!transaction->is_sweep)
        return BEHALF_OK;
    if (transaction->label_count > 0 || transaction->name_count > 0 || transaction->has_schema ||
        transaction->metadata.size > 0 || transaction->has_request || transaction->caller.size > 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "a sweep would do more than remove edges and records");
    for (size_t index = 0; index < transaction->change_count; index++) {
        int64_t expired = transaction->edges[index].old_expires_at;

        if (!transaction->changes[index].removed || expired == 0 ||
            expired > transaction->sweep_time_ns)
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "a sweep would change an edge that has not expired");
    }
    for (size_t index = 0; index < transaction->record_count; index++) {
        int64_t ends = transaction->records[index].old.ends;

        if (!transaction->record_changes[index].removed || ends == 0 ||
            ends > transaction->sweep_time_ns)
            return error_set(error, BEHALF_STORAGE_CORRUPT,
                             "a sweep would change a record that has not ended");
    }
    return BEHALF_OK;
}

/* Collects everything that the revision changes. Nothing of a revision is written outside its
 * batch. */
static enum status
batch_build(struct batch *batch, struct store_transaction *transaction,
            const struct store_head *head, const struct buffer *entry, struct error *error)
{
    char *head_bytes = batch_bytes(batch, HEAD_SIZE);
    /* Counts first: only they can fail, and nothing is written then. */
    struct slice revision = batch_u64(batch, head->revision);
    enum status status = add_counts(batch, transaction, error);

    if (status != BEHALF_OK)
        return status;
    add_labels(batch, transaction);
    add_nodes(batch, transaction);
    add_edges(batch, transaction, head->revision);
    if (transaction->has_schema)
        batch_put(batch, KV_SCHEMAS, revision, transaction->schema);
    if (transaction->has_request)
        add_request(batch, transaction, head->revision, head->time_ns);
    for (size_t index = 0; index < transaction->record_count; index++)
        add_record(batch, &transaction->record_changes[index], &transaction->records[index],
                   head->revision);
    if (transaction->is_stop)
        batch_put(batch, KV_META, META_STOPPED,
                  (struct slice){(const char *)transaction->store->incarnation, INCARNATION_SIZE});
    batch_put(batch, KV_CHANGELOG, revision, buffer_slice(entry));
    head_encode(head, head_bytes);
    batch_put(batch, KV_META, META_HEAD, (struct slice){head_bytes, HEAD_SIZE});
    return BEHALF_OK;
}

/* --- commit --- */

static int
compare_changes(const void *a, const void *b)
{
    const struct kv_change *left = a;
    const struct kv_change *right = b;

    if (left->keyspace != right->keyspace)
        return left->keyspace < right->keyspace ? -1 : 1;
    return slice_compare(left->key, right->key);
}

/* Sorts the changes. RocksDB's memtable continues at the place of the key inserted last, so
 * ascending keys cost a third of what keys in random order do. Each key occurs once in a batch
 * (asserted), so their order means nothing. */
static void
batch_sort(struct batch *batch)
{
    qsort(batch->changes, batch->count, sizeof *batch->changes, compare_changes);
    for (size_t index = 1; index < batch->count; index++)
        BEHALF_ASSERT(compare_changes(&batch->changes[index - 1], &batch->changes[index]) < 0);
}

/* A refusal (batch too big, store fenced or stopped) wrote nothing and leaves the store usable.
 * After any other failure a restart may find the batch or not: its outcome is unknown. */
static enum status
write_batch(struct store *store, const struct batch *batch, uint64_t revision, struct error *error)
{
    enum status status;

    /* Before the batch: a reader that sees the batch must also know that history counts. Raised too
     * early, it costs a needless look into history; raised too late, a reader at an older revision
     * would miss the superseded value. */
    if (batch->history)
        atomic_store(&store->newest_history, revision);
    status = kv_write(store->kv, batch->changes, batch->count, false, error);
    if (status == BEHALF_OK || status == BEHALF_SERVICE_READ_ONLY ||
        status == BEHALF_TOO_MANY_UPDATES_IN_REQUEST)
        return status;
    atomic_store(&store->failed, true);
    if (error != NULL)
        error->status = BEHALF_OUTCOME_UNKNOWN;
    return BEHALF_OUTCOME_UNKNOWN;
}

static void
commit_finish(struct store_transaction *transaction, const struct store_head *head)
{
    struct store *store = transaction->store;

    /* After the batch: a label in memory is always in the adapter too, and labels_add cannot be
     * undone. */
    for (size_t index = 0; index < transaction->label_count; index++) {
        const struct transaction_label *label = &transaction->labels[index];

        labels_add(store->labels, label->kind, label->label, label->name);
    }
    store->head = *head;
    atomic_store(&store->head_revision, head->revision);
    if (transaction->is_stop)
        atomic_store(&store->needs_stop, false);
    /* The hint only frees space: store_request_find compares times itself. */
    if (head->time_ns - store->requests_dropped_ns >= REQUEST_DROP_NS) {
        store->requests_dropped_ns = head->time_ns;
        kv_drop_hint(store->kv, KV_REQUESTS, time_to_bits(head->time_ns - REQUEST_KEPT_NS));
    }
}

enum status
transaction_commit_as(struct store_transaction *transaction, int64_t time_ns,
                      const struct slice *expected, uint64_t *revision, struct error *error)
{
    struct store *store = transaction->store;
    struct changelog_header header = {.revision = store->head.revision + 1};
    struct store_head head;
    struct batch batch = {.count = 0};
    struct buffer entry;
    enum status status;

    /* A clock that stepped back must not make a later revision older: retention searches commit
     * times by halves. */
    header.time_ns = time_ns > store->head.time_ns ? time_ns : store->head.time_ns;
    memcpy(header.previous, store->head.chain, DIGEST_SIZE);
    arena_init(&batch.arena, SIZE_MAX / 2);
    buffer_init(&entry);
    /* The entry comes before the batch, since the head record in the batch has the hash of the
     * entry. */
    entry_build(transaction, &header, &entry);
    head.revision = header.revision;
    head.time_ns = header.time_ns;
    changelog_chain(store->head.chain, buffer_slice(&entry), head.chain);
    /* A replay must reproduce its entry byte for byte, or the two stores have diverged. Compared
     * before anything is written. */
    if (expected != NULL && !slice_equal(*expected, buffer_slice(&entry))) {
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "changelog entry %" PRIu64 " does not fit the state before it",
                           head.revision);
        goto done;
    }
    status = sweep_check(transaction, error);
    if (status == BEHALF_OK)
        status = batch_build(&batch, transaction, &head, &entry, error);
    if (status != BEHALF_OK)
        goto done;
    batch_sort(&batch);
    status = write_batch(store, &batch, head.revision, error);
    if (status != BEHALF_OK)
        goto done;
    compact_removed(store, transaction);
    commit_finish(transaction, &head);
    atomic_fetch_add(&store->committed, 1);
    atomic_fetch_add(&store->committed_bytes, batch.bytes);
    *revision = head.revision;
done:
    store_transaction_abort(transaction);
    memory_free(batch.changes);
    arena_release(&batch.arena);
    buffer_release(&entry);
    return status;
}

enum status
store_transaction_commit(struct store_transaction *transaction, int64_t time_ns, uint64_t *revision,
                         struct error *error)
{
    return transaction_commit_as(transaction, time_ns, NULL, revision, error);
}
