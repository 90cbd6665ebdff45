/* transaction_prefetch.c - reads the keys that a large transaction needs in two sorted batches.
 *
 * A sorted batch costs a fraction of single reads: neighbouring keys share blocks and parts of the
 * index. Names come first, because the keys of edges consist of the nodes they give.
 * Always true: a prefetched key has the value that the transaction would read now, since nothing is
 * written between begin and commit. A key that was not prefetched is simply read. */
#include <stdlib.h>

#include "base/memory.h"
#include "storage/transaction.h"

static void *
take_array(struct store_transaction *transaction, size_t count, size_t size)
{
    void *array = arena_take_array(&transaction->arena, count, size);

    BEHALF_ASSERT(array != NULL); /* no cap: writes are bounded above */
    return array;
}

/* --- reading through the prefetched keys --- */

static struct transaction_prefetched *
prefetched_of(struct store_transaction *transaction, enum kv_keyspace keyspace)
{
    BEHALF_ASSERT(keyspace == KV_NAMES || keyspace == KV_FORWARD);
    return keyspace == KV_NAMES ? &transaction->names_read : &transaction->edges_read;
}

enum status
transaction_get(struct store_transaction *transaction, enum kv_keyspace keyspace, struct slice key,
                struct kv_found *result, struct error *error)
{
    const struct transaction_prefetched *read = prefetched_of(transaction, keyspace);
    uint64_t hash = digest_hash(key);
    size_t at = SIZE_MAX;
    uint32_t item;
    enum status status;

    while ((item = slots_next(&read->slots, hash, &at)) != SLOTS_NONE) {
        if (slice_equal(read->keys[item], key)) {
            *result = read->found[item];
            return BEHALF_OK;
        }
    }
    status = kv_get(transaction->store->kv, transaction->snapshot.kv, keyspace, key,
                    &transaction->value, &result->found, error);
    result->value = buffer_slice(&transaction->value);
    return status;
}

enum status
store_transaction_find(struct store_transaction *transaction, uint16_t type, struct slice id,
                       uint64_t *node, bool *found, struct error *error)
{
    char key[NAME_KEY_SIZE_MAX];
    struct kv_found result;
    enum status status;

    *found = false;
    if (type == LABEL_TYPE_NUMBER || id.size > STORE_NAME_SIZE_MAX)
        return BEHALF_OK; /* neither is ever stored */
    status =
        transaction_get(transaction, KV_NAMES, name_key_encode(type, 0, id, key), &result, error);
    if (status == BEHALF_OK && result.found)
        status = node_decode(result.value, type, node, error);
    if (status == BEHALF_OK)
        *found = result.found;
    return status;
}

/* --- prefetching --- */

static int
compare_keys(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* Reads `keys`, which may be unsorted and contain duplicates; takes over the array. kv_get_batch
 * demands strictly ascending keys. */
static enum status
prefetch(struct store_transaction *transaction, enum kv_keyspace keyspace, struct slice *keys,
         size_t key_count, struct error *error)
{
    struct transaction_prefetched *read = prefetched_of(transaction, keyspace);
    size_t count = 0;
    enum status status;

    BEHALF_ASSERT(read->keys == NULL);
    qsort(keys, key_count, sizeof *keys, compare_keys);
    for (size_t index = 0; index < key_count; index++) {
        if (count == 0 || !slice_equal(keys[index], keys[count - 1]))
            keys[count++] = keys[index];
    }
    read->keys = keys;
    read->found = take_array(transaction, count, sizeof *read->found);
    status = kv_get_batch(transaction->store->kv, transaction->snapshot.kv, keyspace, keys, count,
                          read->found, &transaction->arena, error);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++)
        slots_add(&read->slots, digest_hash(keys[index]), (uint32_t)index);
    return status;
}

static enum status
prefetch_names(struct store_transaction *transaction, const struct store_identity *identities,
               size_t count, struct error *error)
{
    struct slice *keys = take_array(transaction, 2 * count, sizeof *keys);
    char bytes[NAME_KEY_SIZE_MAX];
    size_t used = 0;

    for (size_t index = 0; index < 2 * count; index++) {
        const struct store_identity *identity = &identities[index / 2];
        bool is_subject = index % 2 == 1;
        uint16_t type = is_subject ? identity->subject_type : identity->resource_type;
        struct slice id = is_subject ? identity->subject : identity->resource;

        if (type == LABEL_TYPE_NUMBER || id.size > STORE_NAME_SIZE_MAX ||
            (is_subject && identity->wildcard))
            continue;
        keys[used] = arena_copy(&transaction->arena, name_key_encode(type, 0, id, bytes));
        BEHALF_ASSERT(keys[used].data != NULL);
        used++;
    }
    return prefetch(transaction, KV_NAMES, keys, used, error);
}

/* The key of an edge whose names are all stored. *found is false when a name is missing: such an
 * edge cannot exist. */
static enum status
find_edge_key(struct store_transaction *transaction, const struct store_identity *identity,
              char bytes[EDGE_KEY_SIZE], bool *found, struct error *error)
{
    struct edge_key key = {.relation = identity->relation,
                           .subject = NODE_WILDCARD(identity->subject_type),
                           .subject_relation = identity->subject_relation};
    enum status status = store_transaction_find(transaction, identity->resource_type,
                                                identity->resource, &key.resource, found, error);

    if (status == BEHALF_OK && *found && !identity->wildcard)
        status = store_transaction_find(transaction, identity->subject_type, identity->subject,
                                        &key.subject, found, error);
    if (status == BEHALF_OK && *found)
        edge_key_encode(EDGE_FORWARD, &key, bytes);
    return status;
}

static enum status
prefetch_edges(struct store_transaction *transaction, const struct store_identity *identities,
               size_t count, struct error *error)
{
    struct slice *keys = take_array(transaction, count, sizeof *keys);
    char(*bytes)[EDGE_KEY_SIZE] = take_array(transaction, count, sizeof *bytes);
    size_t used = 0;

    for (size_t index = 0; index < count; index++) {
        bool found = false;
        enum status status =
            find_edge_key(transaction, &identities[index], bytes[used], &found, error);

        if (status != BEHALF_OK)
            return status;
        if (found) {
            keys[used] = (struct slice){bytes[used], EDGE_KEY_SIZE};
            used++;
        }
    }
    return prefetch(transaction, KV_FORWARD, keys, used, error);
}

enum status
store_transaction_prefetch(struct store_transaction *transaction,
                           const struct store_identity *identities, size_t count,
                           struct error *error)
{
    enum status status = prefetch_names(transaction, identities, count, error);

    return status == BEHALF_OK ? prefetch_edges(transaction, identities, count, error) : status;
}
