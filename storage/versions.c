/* versions.c - the revisions at which edges and records changed, from the interval of each of their
 * versions: the newest in forward, reverse or records, the others in history.
 * Always true: every change after the horizon is given. A version that ended by the horizon may
 * have been dropped, and it began before it. */
#include "storage/store_internal.h"

static enum status
give(const struct store_revision_visit *visit, uint64_t revision, struct error *error)
{
    return visit->visit(visit->context, revision, error);
}

/* The revision that began the version with this value. */
static enum status
give_created(const struct store_revision_visit *visit, struct slice value, struct error *error)
{
    if (value.size < 8)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a value is cut short");
    return give(visit, bytes_get_u64(value.data), error);
}

/* Each key of history ends with the revision that ended the version. */
static enum status
visit_versions(const struct store_snapshot *snapshot, const struct kv_range *range,
               const struct store_revision_visit *visit, struct error *error)
{
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    enum status status = kv_scan_open(snapshot->store->kv, snapshot->kv, range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    while ((status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        status = give_created(visit, value, error);
        if (status == BEHALF_OK && range->keyspace == KV_HISTORY && key.size >= 8)
            status = give(visit, bytes_get_u64(key.data + key.size - 8), error);
        if (status != BEHALF_OK)
            break;
    }
    kv_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
store_edge_revisions(const struct store_snapshot *snapshot, const struct edge_range *range,
                     const struct store_revision_visit *visit, struct error *error)
{
    enum kv_keyspace family = range->direction == EDGE_FORWARD ? KV_FORWARD : KV_REVERSE;
    char from[EDGE_KEY_SIZE];
    char to[EDGE_KEY_SIZE];
    char past_from[HISTORY_KEY_SIZE];
    char past_to[HISTORY_KEY_SIZE];
    const struct kv_range newest = {family, {from, sizeof from}, {to, sizeof to}, false};
    const struct kv_range past = {
        KV_HISTORY, {past_from, sizeof past_from}, {past_to, sizeof past_to}, false};
    enum status status;

    BEHALF_ASSERT(!range->unbounded);
    edge_key_encode(range->direction, &range->from, from);
    edge_key_encode(range->direction, &range->to, to);
    history_key_encode(range->direction, from, 0, past_from);
    history_key_encode(range->direction, to, 0, past_to);
    status = visit_versions(snapshot, &newest, visit, error);
    return status == BEHALF_OK ? visit_versions(snapshot, &past, visit, error) : status;
}

enum status
store_record_revisions(const struct store_snapshot *snapshot, const struct store_record_key *key,
                       const struct store_revision_visit *visit, struct error *error)
{
    char bytes[RECORD_KEY_SIZE_MAX];
    char from[RECORD_HISTORY_KEY_SIZE_MAX];
    char to[RECORD_HISTORY_KEY_SIZE_MAX];
    struct slice record = record_key_encode(key, bytes);
    const struct kv_range past = {KV_HISTORY, record_history_key_encode(record, 0, from),
                                  record_history_key_encode(record, UINT64_MAX, to), false};
    struct buffer value;
    bool found = false;
    enum status status;

    buffer_init(&value);
    status = kv_get(snapshot->store->kv, snapshot->kv, KV_RECORDS, record, &value, &found, error);
    if (status == BEHALF_OK && found)
        status = give_created(visit, buffer_slice(&value), error);
    buffer_release(&value);
    return status == BEHALF_OK ? visit_versions(snapshot, &past, visit, error) : status;
}
