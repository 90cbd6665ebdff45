/* transaction_record.c - records that a transaction puts and removes.
 * Always true: each record key is changed at most once. Superseded values are read here, while the
 * state cannot change; what a put points to is in the arena of the transaction. */
#include "base/memory.h"
#include "storage/transaction.h"

static bool
touched(const struct store_transaction *transaction, struct slice key)
{
    uint64_t hash = digest_hash(key);
    size_t at = SIZE_MAX;
    uint32_t item;

    while ((item = slots_next(&transaction->records_touched_slots, hash, &at)) != SLOTS_NONE) {
        if (slice_equal(transaction->records_touched[item], key))
            return true;
    }
    return false;
}

bool
transaction_record_touched(const struct store_transaction *transaction,
                           const struct store_record_key *key)
{
    char bytes[RECORD_KEY_SIZE_MAX];

    return touched(transaction, record_key_encode(key, bytes));
}

/* Notes a key that is put or removed, for the reason that edges have (transaction.c). Returns its
 * bytes in the arena. */
static struct slice
touch(struct store_transaction *transaction, const struct store_record_key *key)
{
    char bytes[RECORD_KEY_SIZE_MAX];
    struct slice kept = transaction_keep(transaction, record_key_encode(key, bytes));

    BEHALF_ASSERT(!touched(transaction, kept));
    transaction->records_touched =
        memory_reserve(transaction->records_touched, transaction->records_touched_count + 1,
                       &transaction->records_touched_capacity, sizeof kept);
    transaction->records_touched[transaction->records_touched_count] = kept;
    slots_add(&transaction->records_touched_slots, digest_hash(kept),
              (uint32_t)transaction->records_touched_count);
    transaction->records_touched_count++;
    return kept;
}

/* Reads the record as it is before this transaction. */
static enum status
old_read(struct store_transaction *transaction, struct transaction_record *pending,
         struct error *error)
{
    bool found = false;
    enum status status = kv_get(transaction->store->kv, transaction->snapshot.kv, KV_RECORDS,
                                pending->key, &transaction->value, &found, error);

    if (status != BEHALF_OK || !found)
        return status;
    pending->old_value = transaction_keep(transaction, buffer_slice(&transaction->value));
    return record_value_decode(pending->old_value, &pending->old, error);
}

static void
change_add(struct store_transaction *transaction, const struct store_record_change *change,
           const struct transaction_record *pending)
{
    transaction->record_changes =
        memory_reserve(transaction->record_changes, transaction->record_count + 1,
                       &transaction->record_change_capacity, sizeof *transaction->record_changes);
    transaction->records =
        memory_reserve(transaction->records, transaction->record_count + 1,
                       &transaction->record_capacity, sizeof *transaction->records);
    transaction->record_changes[transaction->record_count] = *change;
    transaction->records[transaction->record_count] = *pending;
    transaction->record_count++;
}

/* A put of exactly what is there is a new version too: that a stop was ordered again counts, though
 * it says the same. */
enum status
store_transaction_record_put(struct store_transaction *transaction,
                             const struct store_record *record, struct error *error)
{
    struct store_record_change change = {.record = {.key = record->key}};
    struct transaction_record pending = {.old_value = {NULL, 0}};
    enum status status;

    if (record->body.size > STORE_RECORD_SIZE_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "a record of %zu bytes cannot be stored: at most %zu are possible",
                         record->body.size, STORE_RECORD_SIZE_MAX);
    pending.key = touch(transaction, &record->key);
    buffer_clear(&transaction->tail);
    record_tail_encode(record, &transaction->tail);
    pending.tail = transaction_keep(transaction, buffer_slice(&transaction->tail));
    status = record_tail_decode(pending.tail, &change.record, NULL);
    BEHALF_ASSERT(status == BEHALF_OK); /* what could not be read back is never written */
    status = old_read(transaction, &pending, error);
    if (status == BEHALF_OK)
        change_add(transaction, &change, &pending);
    return status;
}

enum status
store_transaction_record_remove(struct store_transaction *transaction,
                                const struct store_record_key *key, struct error *error)
{
    const struct store_record_change change = {.removed = true, .record = {.key = *key}};
    struct transaction_record pending = {.key = touch(transaction, key)};
    enum status status = old_read(transaction, &pending, error);

    if (status == BEHALF_OK && pending.old_value.size > 0)
        change_add(transaction, &change, &pending);
    return status;
}

const struct store_record_change *
store_transaction_record_changes(const struct store_transaction *transaction, size_t *count)
{
    *count = transaction->record_count;
    return transaction->record_changes;
}

void
store_transaction_stopped(struct store_transaction *transaction)
{
    transaction->is_stop = true;
}
