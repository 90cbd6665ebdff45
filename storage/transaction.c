/* transaction.c - collects a write and decides it against the state it began with.
 * Always true: nothing reaches the adapter before commit, so abort only frees memory. Numbers
 * handed out are never handed out again, also after an abort. Each edge key is changed at most
 * once. Superseded values are read here, while the state cannot change: there is one writer, and
 * one open transaction. */
#include "storage/transaction.h"

#include <inttypes.h>

#include "base/memory.h"

/* statvfs once a second: small writes come thousands a second, and at disk speed a second cannot
 * use up the reserve. */
#define SPACE_CHECK_NS INT64_C(1000000000)
#define SLOTS_FIRST 64

/* --- small tables --- */

static void
slots_insert(struct slots *slots, uint64_t hash, uint32_t item)
{
    size_t at = (size_t)hash & (slots->size - 1);

    while (slots->at[at].item != 0)
        at = (at + 1) & (slots->size - 1);
    slots->at[at] = (struct transaction_slot){hash, item + 1};
}

/* At most half full, so that probe sequences stay short. Equal hashes are kept side by side, and
 * the caller tells their items apart by the bytes. */
void
slots_add(struct slots *slots, uint64_t hash, uint32_t item)
{
    if ((slots->count + 1) * 2 > slots->size) {
        struct slots larger = {.size = slots->size > 0 ? slots->size * 2 : SLOTS_FIRST};

        larger.at = memory_new_array(larger.size, sizeof *larger.at);
        for (size_t index = 0; index < slots->size; index++) {
            if (slots->at[index].item != 0)
                slots_insert(&larger, slots->at[index].hash, slots->at[index].item - 1);
        }
        larger.count = slots->count;
        memory_free(slots->at);
        *slots = larger;
    }
    slots_insert(slots, hash, item);
    slots->count++;
}

/* Nothing is ever removed from a table, so a free slot ends every probe. */
uint32_t
slots_next(const struct slots *slots, uint64_t hash, size_t *at)
{
    if (slots->size == 0)
        return SLOTS_NONE;
    *at = *at == SIZE_MAX ? (size_t)hash & (slots->size - 1) : (*at + 1) & (slots->size - 1);
    while (slots->at[*at].item != 0) {
        if (slots->at[*at].hash == hash)
            return slots->at[*at].item - 1;
        *at = (*at + 1) & (slots->size - 1);
    }
    return SLOTS_NONE;
}

struct slice
transaction_keep(struct store_transaction *transaction, struct slice bytes)
{
    struct slice kept = arena_copy(&transaction->arena, bytes);

    BEHALF_ASSERT(kept.data !=
                  NULL); /* the arena has no cap of its own: writes are bounded above */
    return kept;
}

/* --- begin and end --- */

/* Refuses writes while the disk still has room to finish those that were accepted: a disk that
 * fills up in the middle of a flush is worse than a refused write. While space is low it is
 * measured for every write, so that writing resumes at once. Reading goes on in any case. */
static enum status
check_space(struct store *store, struct error *error)
{
    int64_t now = env_monotonic_ns(store->env);
    struct kv_stats stats;

    if (store->space_low || store->space_checked_ns == 0 ||
        now - store->space_checked_ns >= SPACE_CHECK_NS) {
        kv_stats_read(store->kv, &stats);
        store->space_checked_ns = now;
        store->space_low = stats.free_bytes < stats.reserve_bytes;
        atomic_store(&store->hindered, store->space_low || !stats.healthy);
        if (store->space_low)
            return error_set(error, BEHALF_SERVICE_READ_ONLY,
                             "the disk is nearly full: %" PRIu64 " MB free, writing stops below "
                             "%" PRIu64 " MB",
                             stats.free_bytes >> 20, stats.reserve_bytes >> 20);
    }
    return BEHALF_OK;
}

enum status
store_transaction_begin(struct store *store, struct store_transaction **transaction,
                        struct error *error)
{
    struct store_transaction *result;
    enum status status;

    /* After a failed write the head in memory and the head on disk may differ: nothing can be
     * decided against either. */
    BEHALF_ASSERT(store->transaction == NULL);
    if (atomic_load(&store->failed))
        return error_set(error, BEHALF_SERVICE_READ_ONLY,
                         "an earlier write failed: the store is read-only until it is reopened");
    status = check_space(store, error);
    if (status != BEHALF_OK)
        return status;
    result = memory_new(sizeof *result);
    result->store = store;
    buffer_init(&result->value);
    buffer_init(&result->tail);
    arena_init(&result->arena, SIZE_MAX / 2);
    /* No snapshot of the adapter: see struct store_transaction. */
    result->snapshot = (struct store_snapshot){
        .store = store,
        .head = store->head,
        .newest_history = atomic_load(&store->newest_history),
    };
    store->transaction = result;
    *transaction = result;
    return BEHALF_OK;
}

void
store_transaction_abort(struct store_transaction *transaction)
{
    if (transaction == NULL)
        return;
    BEHALF_ASSERT(transaction->store->transaction == transaction);
    transaction->store->transaction = NULL;
    memory_free(transaction->names);
    memory_free(transaction->name_slots.at);
    memory_free(transaction->labels);
    memory_free(transaction->label_slots.at);
    memory_free(transaction->touched);
    memory_free(transaction->touched_slots.at);
    memory_free(transaction->fresh_slots.at);
    memory_free(transaction->names_read.slots.at);
    memory_free(transaction->edges_read.slots.at);
    memory_free(transaction->changes);
    memory_free(transaction->edges);
    memory_free(transaction->counts);
    memory_free(transaction->records_touched);
    memory_free(transaction->records_touched_slots.at);
    memory_free(transaction->record_changes);
    memory_free(transaction->records);
    buffer_release(&transaction->value);
    buffer_release(&transaction->tail);
    arena_release(&transaction->arena);
    memory_free(transaction);
}

const struct store_snapshot *
store_transaction_snapshot(const struct store_transaction *transaction)
{
    return &transaction->snapshot;
}

const struct store_change *
store_transaction_changes(const struct store_transaction *transaction, size_t *count)
{
    *count = transaction->change_count;
    return transaction->changes;
}

/* --- labels --- */

static uint64_t
label_hash(enum label_kind kind, struct slice name)
{
    return digest_hash(name) ^ digest_hash_u64(kind);
}

/* Labels that this transaction added: they enter store->labels at commit, so that other threads
 * never see a label of an aborted one. */
static uint16_t
label_pending(const struct store_transaction *transaction, enum label_kind kind, struct slice name)
{
    uint64_t hash = label_hash(kind, name);
    size_t at = SIZE_MAX;
    uint32_t item;

    while ((item = slots_next(&transaction->label_slots, hash, &at)) != SLOTS_NONE) {
        const struct transaction_label *label = &transaction->labels[item];

        if (label->kind == kind && slice_equal(label->name, name))
            return label->label;
    }
    return LABEL_NONE;
}

static void
label_remember(struct store_transaction *transaction, enum label_kind kind, uint16_t label,
               struct slice name)
{
    transaction->labels = memory_reserve(transaction->labels, transaction->label_count + 1,
                                         &transaction->label_capacity, sizeof *transaction->labels);
    transaction->labels[transaction->label_count] =
        (struct transaction_label){kind, label, transaction_keep(transaction, name)};
    slots_add(&transaction->label_slots, label_hash(kind, name),
              (uint32_t)transaction->label_count);
    transaction->label_count++;
}

enum status
store_transaction_label(struct store_transaction *transaction, enum label_kind kind,
                        struct slice name, uint16_t *label, struct error *error)
{
    struct store *store = transaction->store;
    uint16_t found = labels_find(store->labels, kind, name);

    BEHALF_ASSERT(name.size > 0 && name.size <= STORE_NAME_SIZE_MAX);
    if (found == LABEL_NONE)
        found = label_pending(transaction, kind, name);
    if (found == LABEL_NONE) {
        if (store->next_label[kind] > UINT16_MAX)
            return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                             "no label is left for '%.*s': all 65,535 are used",
                             SLICE_PRINTF(name));
        /* Used up even when this transaction is aborted: a number is never given to two names. */
        found = (uint16_t)store->next_label[kind]++;
        label_remember(transaction, kind, found, name);
    }
    *label = found;
    return BEHALF_OK;
}

enum status
transaction_adopt_label(struct store_transaction *transaction, enum label_kind kind, uint16_t label,
                        struct slice name, struct error *error)
{
    struct store *store = transaction->store;

    /* `label` below the next number may be in use, or was skipped by the source: both mean that the
     * entry does not continue this store. */
    if (labels_find(store->labels, kind, name) != LABEL_NONE ||
        label_pending(transaction, kind, name) != LABEL_NONE || label < store->next_label[kind])
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "changelog entry adds the label '%.*s' (%u) that is in use",
                         SLICE_PRINTF(name), label);
    store->next_label[kind] = (uint32_t)label + 1;
    label_remember(transaction, kind, label, name);
    return BEHALF_OK;
}

/* --- nodes --- */

static uint64_t
name_hash(uint16_t type, struct slice id)
{
    return digest_hash(id) ^ digest_hash_u64(type);
}

static const struct transaction_name *
name_find(const struct store_transaction *transaction, uint16_t type, struct slice id,
          uint64_t hash)
{
    size_t at = SIZE_MAX;
    uint32_t item;

    while ((item = slots_next(&transaction->name_slots, hash, &at)) != SLOTS_NONE) {
        const struct transaction_name *name = &transaction->names[item];

        if (name->type == type && slice_equal(name->id, id))
            return name;
    }
    return NULL;
}

static void
name_remember(struct store_transaction *transaction, uint64_t node, struct slice id, bool fresh)
{
    uint16_t type = NODE_TYPE(node);

    /* Found names are kept too: a resource of a thousand edges is read once. */
    transaction->names = memory_reserve(transaction->names, transaction->name_count + 1,
                                        &transaction->name_capacity, sizeof *transaction->names);
    transaction->names[transaction->name_count] =
        (struct transaction_name){node, type, fresh, transaction_keep(transaction, id)};
    slots_add(&transaction->name_slots, name_hash(type, id), (uint32_t)transaction->name_count);
    /* Only new nodes: is_fresh is asked for both ends of every edge. */
    if (fresh)
        slots_add(&transaction->fresh_slots, digest_hash_u64(node),
                  (uint32_t)transaction->name_count);
    transaction->name_count++;
}

static enum status
next_sequence_load(struct store *store, uint16_t type, struct error *error)
{
    /* Read on the first new node of a type: 65,536 counters at every open would cost more than they
     * save. */
    if (store->next_sequence[type] != 0)
        return BEHALF_OK;
    return store_next_read(store->kv, type, 0, &store->next_sequence[type], error);
}

static enum status
node_allocate(struct store *store, uint16_t type, uint64_t *node, struct error *error)
{
    enum status status = next_sequence_load(store, type, error);

    if (status != BEHALF_OK)
        return status;
    if (store->next_sequence[type] >= NODE_SEQUENCE_LOCAL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "type %u has no node number left", type);
    /* Used up even when this transaction is aborted: other threads may have seen the number
     * meanwhile. */
    *node = NODE_WILDCARD(type) | store->next_sequence[type]++;
    return BEHALF_OK;
}

enum status
store_transaction_node(struct store_transaction *transaction, uint16_t type, struct slice id,
                       uint64_t *node, struct error *error)
{
    /* Names of this transaction first: a new one is not in the store yet. */
    const struct transaction_name *name = name_find(transaction, type, id, name_hash(type, id));
    uint64_t number = 0;
    bool found = false;
    enum status status;

    if (name != NULL) {
        *node = name->node;
        return BEHALF_OK;
    }
    if (type == LABEL_TYPE_NUMBER || id.size == 0 || id.size > STORE_NAME_SIZE_MAX)
        return error_set(error, BEHALF_INVALID_OBJECT_ID,
                         "an id of %zu bytes cannot be stored: 1 to %d are possible", id.size,
                         STORE_NAME_SIZE_MAX);
    status = store_transaction_find(transaction, type, id, &number, &found, error);
    if (status == BEHALF_OK && !found)
        status = node_allocate(transaction->store, type, &number, error);
    if (status != BEHALF_OK)
        return status;
    name_remember(transaction, number, id, !found);
    *node = number;
    return BEHALF_OK;
}

enum status
transaction_adopt_node(struct store_transaction *transaction, uint64_t node, struct slice id,
                       struct error *error)
{
    struct store *store = transaction->store;
    uint16_t type = NODE_TYPE(node);
    uint64_t number;
    bool found = name_find(transaction, type, id, name_hash(type, id)) != NULL;
    enum status status = BEHALF_OK;

    /* An entry may come from outside, so its numbers are verified and not asserted. */
    if (!found)
        status = store_node_find(&transaction->snapshot, type, id, &number, &found, error);
    if (status == BEHALF_OK)
        status = next_sequence_load(store, type, error);
    if (status != BEHALF_OK)
        return status;
    if (found || (node & NODE_SEQUENCE_MASK) < store->next_sequence[type])
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "changelog entry adds the node %016" PRIx64 " that is in use", node);
    store->next_sequence[type] = (node & NODE_SEQUENCE_MASK) + 1;
    name_remember(transaction, node, id, true);
    return BEHALF_OK;
}

/* --- edges --- */

static bool
touched(const struct store_transaction *transaction, uint64_t hash, const char bytes[EDGE_KEY_SIZE])
{
    /* Compares encoded keys, since the padding of a struct has no defined bytes. */
    char other[EDGE_KEY_SIZE];
    size_t at = SIZE_MAX;
    uint32_t item;

    while ((item = slots_next(&transaction->touched_slots, hash, &at)) != SLOTS_NONE) {
        edge_key_encode(EDGE_FORWARD, &transaction->touched[item], other);
        if (memcmp(other, bytes, EDGE_KEY_SIZE) == 0)
            return true;
    }
    return false;
}

bool
transaction_touched(const struct store_transaction *transaction, const struct edge_key *key)
{
    char bytes[EDGE_KEY_SIZE];

    edge_key_encode(EDGE_FORWARD, key, bytes);
    return touched(transaction, digest_hash((struct slice){bytes, sizeof bytes}), bytes);
}

/* Notes a key that is put or removed. A second change of the same key would supersede a value of
 * its own revision: an interval [r, r) that is in force nowhere, under a history key that is
 * taken. */
static void
touch(struct store_transaction *transaction, const struct edge_key *key,
      const char bytes[EDGE_KEY_SIZE])
{
    uint64_t hash = digest_hash((struct slice){bytes, EDGE_KEY_SIZE});

    BEHALF_ASSERT(!touched(transaction, hash, bytes));
    transaction->touched =
        memory_reserve(transaction->touched, transaction->touched_count + 1,
                       &transaction->touched_capacity, sizeof *transaction->touched);
    transaction->touched[transaction->touched_count] = *key;
    slots_add(&transaction->touched_slots, hash, (uint32_t)transaction->touched_count);
    transaction->touched_count++;
}

/* Collects a change of a count. It is added to the stored count at commit, so an abort leaves no
 * trace. */
static void
count_add(struct store_transaction *transaction, const struct edge *edge, int64_t delta)
{
    struct edge_variant variant;
    struct transaction_count *count;

    /* Variants of one transaction are few, so the search is linear. */
    edge_variant_of(edge, &variant);
    for (size_t index = 0; index < transaction->count_count; index++) {
        count = &transaction->counts[index];
        if (count->variant.resource_type == variant.resource_type &&
            count->variant.relation == variant.relation &&
            count->variant.subject_type == variant.subject_type &&
            count->variant.subject_relation == variant.subject_relation &&
            count->variant.caveat == variant.caveat &&
            count->variant.wildcard == variant.wildcard &&
            count->variant.expiring == variant.expiring) {
            count->delta += delta;
            return;
        }
    }
    transaction->counts = memory_reserve(transaction->counts, transaction->count_count + 1,
                                         &transaction->count_capacity, sizeof *transaction->counts);
    transaction->counts[transaction->count_count++] = (struct transaction_count){variant, delta};
}

/* The two arrays share an index: `changes` is what the graph is told, `edges` what only the batch
 * needs. */
static void
change_add(struct store_transaction *transaction, const struct store_change *change,
           const struct transaction_edge *edge)
{
    transaction->changes =
        memory_reserve(transaction->changes, transaction->change_count + 1,
                       &transaction->change_capacity, sizeof *transaction->changes);
    transaction->edges = memory_reserve(transaction->edges, transaction->change_count + 1,
                                        &transaction->edge_capacity, sizeof *transaction->edges);
    transaction->changes[transaction->change_count] = *change;
    transaction->edges[transaction->change_count] = *edge;
    transaction->change_count++;
}

/* Whether this transaction created the node. No edge of such a node can be stored, which spares a
 * read for most edges of an import. */
static bool
is_fresh(const struct store_transaction *transaction, uint64_t node)
{
    size_t at = SIZE_MAX;
    uint32_t item;

    while ((item = slots_next(&transaction->fresh_slots, digest_hash_u64(node), &at)) !=
           SLOTS_NONE) {
        if (transaction->names[item].node == node)
            return true;
    }
    return false;
}

/* Reads the edge as it is before this transaction. */
static enum status
edge_read(struct store_transaction *transaction, const char bytes[EDGE_KEY_SIZE], struct edge *old,
          struct kv_found *read, struct error *error)
{
    enum status status;

    *read = (struct kv_found){.found = false};
    /* A new node has no stored edges: no read. */
    if (is_fresh(transaction, old->key.resource) || is_fresh(transaction, old->key.subject))
        return BEHALF_OK;
    status =
        transaction_get(transaction, KV_FORWARD, (struct slice){bytes, EDGE_KEY_SIZE}, read, error);
    if (status == BEHALF_OK && read->found)
        status = edge_value_decode(read->value, old, error);
    return status;
}

enum status
store_transaction_put(struct store_transaction *transaction, const struct edge *edge,
                      struct store_previous *previous, struct error *error)
{
    struct store_change change = {
        .key = edge->key, .caveat = edge->caveat, .expires_at = edge->expires_at};
    struct transaction_edge pending = {.expires_at = edge->expires_at};
    struct edge old = {.key = edge->key};
    char bytes[EDGE_KEY_SIZE];
    struct kv_found read;
    struct slice tail;
    enum status status;

    edge_key_encode(EDGE_FORWARD, &edge->key, bytes);
    status = edge_key_decode(EDGE_FORWARD, (struct slice){bytes, sizeof bytes}, &old.key, NULL);
    BEHALF_ASSERT(status == BEHALF_OK); /* a key that could not be read back is never written */
    touch(transaction, &edge->key, bytes);
    status = edge_read(transaction, bytes, &old, &read, error);
    if (status != BEHALF_OK)
        return status;
    /* The tail is the value without its created revision. An edge whose tail is already exactly so
     * keeps its revision, and no history is written. */
    buffer_clear(&transaction->tail);
    edge_tail_encode(edge, &transaction->tail);
    tail = buffer_slice(&transaction->tail);
    *previous = (struct store_previous){read.found, old.expires_at};
    if (read.found) {
        if (slice_equal((struct slice){read.value.data + 8, read.value.size - 8}, tail))
            return BEHALF_OK;
        pending.old_value = transaction_keep(transaction, read.value);
        pending.old_expires_at = old.expires_at;
        count_add(transaction, &old, -1);
    }
    pending.tail = transaction_keep(transaction, tail);
    /* The context is the last part of the tail, so the change borrows it from the arena, which
     * lives until the graph was told. */
    change.context = (struct slice){pending.tail.data + pending.tail.size - edge->context.size,
                                    edge->context.size};
    count_add(transaction, edge, 1);
    change_add(transaction, &change, &pending);
    return BEHALF_OK;
}

enum status
store_transaction_remove(struct store_transaction *transaction, const struct edge_key *key,
                         struct store_previous *previous, struct error *error)
{
    const struct store_change change = {.key = *key, .removed = true};
    struct transaction_edge pending = {.expires_at = 0};
    struct edge old = {.key = *key};
    char bytes[EDGE_KEY_SIZE];
    struct kv_found read;
    enum status status;

    edge_key_encode(EDGE_FORWARD, key, bytes);
    touch(transaction, key, bytes);
    status = edge_read(transaction, bytes, &old, &read, error);
    if (status != BEHALF_OK)
        return status;
    /* Removing an absent edge changes nothing: no history entry, no changelog record. */
    if (read.found) {
        pending.old_value = transaction_keep(transaction, read.value);
        pending.old_expires_at = old.expires_at;
        count_add(transaction, &old, -1);
        change_add(transaction, &change, &pending);
    }
    *previous = (struct store_previous){read.found, old.expires_at};
    return BEHALF_OK;
}

/* --- the rest --- */

enum status
store_transaction_schema(struct store_transaction *transaction, struct slice text,
                         struct error *error)
{
    /* The size field of a changelog record has 4 bytes. */
    if (text.size > UINT32_MAX)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "a schema of %zu bytes cannot be stored",
                         text.size);
    BEHALF_ASSERT(!transaction->has_schema);
    transaction->has_schema = true;
    transaction->schema = transaction_keep(transaction, text);
    return BEHALF_OK;
}

void
store_transaction_metadata(struct store_transaction *transaction, struct slice metadata)
{
    BEHALF_ASSERT(transaction->metadata.size == 0 && metadata.size <= UINT32_MAX);
    if (metadata.size > 0)
        transaction->metadata = transaction_keep(transaction, metadata);
}

void
store_transaction_caller(struct store_transaction *transaction, struct slice caller)
{
    BEHALF_ASSERT(transaction->caller.size == 0 && caller.size <= STORE_CALLER_SIZE_MAX);
    if (caller.size > 0)
        transaction->caller = transaction_keep(transaction, caller);
}

void
store_transaction_request(struct store_transaction *transaction, struct slice key,
                          const uint8_t digest[DIGEST_SIZE])
{
    uint8_t whole[DIGEST_SIZE];

    BEHALF_ASSERT(!transaction->has_request);
    /* Clients choose keys of any length; a digest makes the record's key fixed-width. */
    digest_sha256(&key, 1, whole);
    transaction->has_request = true;
    memcpy(transaction->request_key, whole, REQUEST_DIGEST_SIZE);
    memcpy(transaction->request_digest, digest, DIGEST_SIZE);
}

void
store_transaction_sweep(struct store_transaction *transaction, int64_t time_ns)
{
    BEHALF_ASSERT(!transaction->is_sweep);
    transaction->is_sweep = true;
    transaction->sweep_time_ns = time_ns;
}
