/* replay.c - rebuilds a store from changelog entries, one revision each.
 * Always true: an entry is applied only when it continues the chain, and when committing its
 * records produces the same entry again, byte for byte. A replayed store therefore has the same
 * bytes as its source. */
#include <inttypes.h>

#include "storage/transaction.h"

static enum status
record_apply(struct store_transaction *transaction, const struct changelog_record *record,
             struct error *error)
{
    enum status status = BEHALF_OK;
    struct store_previous previous;

    /* An entry may come from outside, so an edge that occurs in it twice is an error here; for a
     * caller of store_transaction_put it is a broken contract, and asserted. */
    if ((record->kind == CHANGELOG_PUT || record->kind == CHANGELOG_REMOVE) &&
        transaction_touched(transaction, &record->edge.key))
        return error_set(error, BEHALF_STORAGE_CORRUPT, "changelog entry changes an edge twice");
    if ((record->kind == CHANGELOG_RECORD_PUT || record->kind == CHANGELOG_RECORD_REMOVE) &&
        transaction_record_touched(transaction, &record->record.key))
        return error_set(error, BEHALF_STORAGE_CORRUPT, "changelog entry changes a record twice");
    switch (record->kind) {
    case CHANGELOG_LABEL:
        status = transaction_adopt_label(transaction, record->label_kind, record->label,
                                         record->bytes, error);
        break;
    case CHANGELOG_NODE:
        status = transaction_adopt_node(transaction, record->node, record->bytes, error);
        break;
    case CHANGELOG_PUT:
        status = store_transaction_put(transaction, &record->edge, &previous, error);
        break;
    case CHANGELOG_REMOVE:
        status = store_transaction_remove(transaction, &record->edge.key, &previous, error);
        break;
    case CHANGELOG_SCHEMA:
        status = store_transaction_schema(transaction, record->bytes, error);
        break;
    case CHANGELOG_METADATA:
        store_transaction_metadata(transaction, record->bytes);
        break;
    case CHANGELOG_REQUEST:
        transaction->has_request = true;
        memcpy(transaction->request_key, record->bytes.data, REQUEST_DIGEST_SIZE);
        memcpy(transaction->request_digest, record->digest, DIGEST_SIZE);
        break;
    case CHANGELOG_SWEEP:
        store_transaction_sweep(transaction, record->time_ns);
        break;
    case CHANGELOG_CALLER:
        store_transaction_caller(transaction, record->bytes);
        break;
    case CHANGELOG_RECORD_PUT:
        status = store_transaction_record_put(transaction, &record->record, error);
        break;
    case CHANGELOG_RECORD_REMOVE:
        status = store_transaction_record_remove(transaction, &record->record.key, error);
        break;
    }
    return status;
}

/* Frees the numbers adopted by a refused entry: no reader saw them, and the true entry must find
 * them free. The numbers of an aborted write stay used. */
static void
numbers_reload(struct store *store)
{
    memset(store->next_sequence, 0, ((size_t)UINT16_MAX + 1) * sizeof *store->next_sequence);
    for (unsigned kind = 1; kind <= LABEL_KIND_COUNT; kind++) {
        uint64_t next;

        /* When this read fails, the numbers stay used and the true entry is refused, which does no
         * harm. */
        if (store_next_read(store->kv, LABEL_TYPE_NUMBER, kind, &next, NULL) == BEHALF_OK)
            store->next_label[kind - 1] = (uint32_t)next;
    }
}

enum status
store_replay(struct store *store, struct slice entry, struct error *error)
{
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    struct store_transaction *transaction = NULL;
    uint64_t revision;
    enum status status = changelog_open(entry, &reader, &header, error);

    if (status != BEHALF_OK)
        return status;
    if (header.revision != store->head.revision + 1)
        return error_set(error, BEHALF_REVISION_UNKNOWN,
                         "cannot replay revision %" PRIu64 ": the store is at %" PRIu64,
                         header.revision, store->head.revision);
    /* The store and the source must agree on everything before this entry. */
    if (memcmp(header.previous, store->head.chain, DIGEST_SIZE) != 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "changelog entry %" PRIu64 " does not continue the chain",
                         header.revision);
    status = store_transaction_begin(store, &transaction, error);
    if (status != BEHALF_OK)
        return status;
    while ((status = changelog_next(&reader, &record, error)) == BEHALF_OK) {
        status = record_apply(transaction, &record, error);
        if (status != BEHALF_OK)
            break;
    }
    if (status == BEHALF_DONE)
        status = transaction_commit_as(transaction, header.time_ns, &entry, &revision, error);
    else
        store_transaction_abort(transaction);
    if (status != BEHALF_OK)
        numbers_reload(store);
    return status;
}
