/* record.c - reads of records, of their indexes, and of what is kept beside sessions.
 *
 * Always true: the store does not interpret bodies. The indexes have the state of the snapshot's
 * head; a record at an older revision is found by its key alone. A version that is not in `records`
 * is looked for in history, as for edges (read.c); uses are in no history. */
#include "base/memory.h"
#include "storage/store_internal.h"

/* --- one record --- */

static enum status
version_find(const struct store_snapshot *snapshot, uint64_t revision, struct slice record_key,
             struct buffer *bytes, bool *found, struct error *error)
{
    char history[RECORD_HISTORY_KEY_SIZE_MAX];
    struct slice versions = record_history_key_encode(record_key, 0, history);
    enum status status;

    versions.size -= 8; /* the key without its revision */
    status = store_history_find(snapshot, revision, versions, bytes, found, error);
    if (status == BEHALF_OK)
        status = store_revision_check(snapshot, revision, error);
    return status;
}

enum status
store_record_find(const struct store_snapshot *snapshot, uint64_t revision,
                  const struct store_record_key *key, struct store_record *record,
                  struct buffer *bytes, bool *found, struct error *error)
{
    struct store_record read = {.key = *key};
    char key_bytes[RECORD_KEY_SIZE_MAX];
    struct slice record_key = record_key_encode(key, key_bytes);
    bool there = false;
    enum status status = store_revision_check(snapshot, revision, error);

    if (status == BEHALF_OK)
        status =
            kv_get(snapshot->store->kv, snapshot->kv, KV_RECORDS, record_key, bytes, &there, error);
    if (status == BEHALF_OK && there) {
        status = record_value_decode(buffer_slice(bytes), &read, error);
        there = read.created_revision <= revision || key->kind == RECORD_USES;
    }
    if (status == BEHALF_OK && !there && key->kind != RECORD_USES &&
        revision < snapshot->newest_history && revision < snapshot->head.revision) {
        status = version_find(snapshot, revision, record_key, bytes, &there, error);
        if (status == BEHALF_OK && there)
            status = record_value_decode(buffer_slice(bytes), &read, error);
    }
    if (status == BEHALF_OK) {
        *found = there;
        if (there)
            *record = read;
    }
    return status;
}

enum status
store_records(const struct store_snapshot *snapshot, enum record_kind kind,
              bool (*visit)(void *context, const struct store_record *record), void *context,
              struct error *error)
{
    const char from = (char)kind;
    const char to = (char)(kind + 1);
    const struct kv_range range = {KV_RECORDS, {&from, 1}, {&to, 1}, false};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    enum status status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    while ((status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        struct store_record record;

        status = record_key_decode(key, &record.key, error);
        if (status == BEHALF_OK)
            status = record_value_decode(value, &record, error);
        if (status != BEHALF_OK || !visit(context, &record))
            break;
    }
    kv_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* --- indexes --- */

struct store_record_scan {
    struct kv_scan *scan;
};

/* The first bytes behind all keys that start with `prefix`, which does not end in 0xFF alone: the
 * number of an index comes first. */
static struct slice
prefix_end(char *prefix, size_t size)
{
    while (size > 0 && prefix[size - 1] == (char)UINT8_MAX)
        size--;
    BEHALF_ASSERT(size > 0);
    prefix[size - 1]++;
    return (struct slice){prefix, size};
}

enum status
store_record_scan_open(const struct store_snapshot *snapshot, enum record_index index,
                       struct slice prefix, struct slice from, struct store_record_scan **scan,
                       struct error *error)
{
    char first[INDEX_KEY_SIZE_MAX];
    char end[1 + STORE_INDEX_KEY_MAX];
    struct kv_range range = {.keyspace = KV_RECORD_INDEX};
    struct store_record_scan *result;
    enum status status;

    BEHALF_ASSERT(prefix.size <= STORE_INDEX_KEY_MAX && from.size < sizeof first);
    end[0] = (char)index;
    if (prefix.size > 0)
        memcpy(end + 1, prefix.data, prefix.size);
    if (slice_compare(from, prefix) < 0)
        from = prefix;
    first[0] = (char)index;
    if (from.size > 0)
        memcpy(first + 1, from.data, from.size);
    range.from = (struct slice){first, 1 + from.size};
    range.to = prefix_end(end, 1 + prefix.size);
    /* Nothing lies between: a bound below the first key is for no adapter. */
    if (slice_compare(range.from, range.to) > 0)
        range.from = range.to;
    result = memory_new(sizeof *result);
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &result->scan, error);
    if (status != BEHALF_OK)
        memory_free(result);
    else
        *scan = result;
    return status;
}

enum status
store_record_scan_next(struct store_record_scan *scan, struct store_record_key *key,
                       struct slice *entry, struct error *error)
{
    struct slice index_key;
    struct slice value;
    struct slice bytes;
    enum record_index index;
    enum status status = kv_scan_next(scan->scan, &index_key, &value, error);

    if (status == BEHALF_OK)
        status = index_key_decode(index_key, &index, &bytes, key, error);
    if (status == BEHALF_OK)
        *entry = (struct slice){index_key.data + 1, index_key.size - 1};
    return status;
}

void
store_record_scan_close(struct store_record_scan *scan)
{
    if (scan == NULL)
        return;
    kv_scan_close(scan->scan);
    memory_free(scan);
}

enum status
store_records_ended(const struct store_snapshot *snapshot, int64_t now_ns,
                    struct store_record_key *keys, size_t capacity, size_t *count,
                    struct error *error)
{
    const struct slice all = {NULL, 0};
    struct store_record_scan *scan;
    struct slice entry;
    size_t filled = 0;
    enum status status =
        store_record_scan_open(snapshot, RECORD_INDEX_ENDS, all, all, &scan, error);

    if (status != BEHALF_OK)
        return status;
    while (filled < capacity) {
        status = store_record_scan_next(scan, &keys[filled], &entry, error);
        if (status != BEHALF_OK || bytes_get_u64(entry.data) > time_to_bits(now_ns))
            break;
        filled++;
    }
    store_record_scan_close(scan);
    if (status != BEHALF_OK && status != BEHALF_DONE)
        return status;
    *count = filled;
    return BEHALF_OK;
}

enum status
store_records_written(const struct store_snapshot *snapshot, uint64_t revision,
                      struct store_record_key *keys, size_t capacity, size_t *count,
                      struct error *error)
{
    struct changelog_reader reader;
    struct changelog_header header;
    struct changelog_record record;
    struct buffer entry;
    size_t filled = 0;
    enum status status;

    buffer_init(&entry);
    status = store_changelog_read(snapshot, revision, &entry, error);
    if (status == BEHALF_OK)
        status = changelog_open(buffer_slice(&entry), &reader, &header, error);
    while (status == BEHALF_OK && filled < capacity) {
        status = changelog_next(&reader, &record, error);
        if (status == BEHALF_OK && record.kind == CHANGELOG_RECORD_PUT)
            keys[filled++] = record.record.key;
    }
    buffer_release(&entry);
    if (status != BEHALF_OK && status != BEHALF_DONE)
        return status;
    *count = filled;
    return BEHALF_OK;
}

/* --- when sessions were used last --- */

enum status
store_seen_read(struct store *store, const uint8_t session[16], int64_t *time_ns, bool *found,
                struct error *error)
{
    const struct slice key = {(const char *)session, SEEN_KEY_SIZE};
    struct store_seen seen = {.time_ns = 0};
    struct buffer value;
    bool there = false;
    enum status status;

    buffer_init(&value);
    status = kv_get(store->kv, NULL, KV_SEEN, key, &value, &there, error);
    if (status == BEHALF_OK && there)
        status = seen_decode(key, buffer_slice(&value), &seen, error);
    if (status == BEHALF_OK) {
        *found = there;
        *time_ns = seen.time_ns;
    }
    buffer_release(&value);
    return status;
}
