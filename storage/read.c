/* read.c - snapshots, and all reads from one except ranges of edges (scan.c).
 *
 * Always true: a read below the horizon fails. The horizon is compared after the read as well as
 * before it, because a compaction may drop history under an open snapshot (kv_rocksdb_drop.c): what
 * was found is valid only if the revision is still above the horizon afterwards. */
#include <inttypes.h>

#include "base/memory.h"
#include "storage/store_internal.h"

uint64_t
store_head_revision(struct store *store)
{
    return atomic_load(&store->head_revision);
}

enum status
store_snapshot_open(struct store *store, struct store_snapshot **snapshot, struct error *error)
{
    struct store_snapshot *result = memory_new(sizeof *result);
    struct buffer value;
    bool found = false;
    enum status status;

    buffer_init(&value);
    result->store = store;
    status = kv_snapshot_open(store->kv, &result->kv, error);
    if (status != BEHALF_OK)
        goto done;
    /* Read after the storage snapshot was opened. The writer raises the bound before the batch that
     * needs it, so a snapshot that has the batch has a bound that covers it. */
    result->newest_history = atomic_load(&store->newest_history);
    status = kv_get(store->kv, result->kv, KV_META, META_HEAD, &value, &found, error);
    if (status == BEHALF_OK && !found)
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "the head record is missing");
    if (status == BEHALF_OK)
        status = head_decode(buffer_slice(&value), &result->head, error);
done:
    buffer_release(&value);
    if (status != BEHALF_OK)
        store_snapshot_close(result);
    else
        *snapshot = result;
    return status;
}

void
store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    kv_snapshot_close(snapshot->kv);
    memory_free(snapshot);
}

uint64_t
store_snapshot_head(const struct store_snapshot *snapshot)
{
    return snapshot->head.revision;
}

int64_t
store_snapshot_time(const struct store_snapshot *snapshot)
{
    return snapshot->head.time_ns;
}

enum status
store_revision_check(const struct store_snapshot *snapshot, uint64_t revision, struct error *error)
{
    uint64_t horizon = atomic_load(&snapshot->store->horizon);

    if (revision > snapshot->head.revision)
        return error_set(error, BEHALF_REVISION_UNKNOWN,
                         "revision %" PRIu64 " is not reached: the snapshot is at %" PRIu64,
                         revision, snapshot->head.revision);
    if (revision < horizon)
        return error_set(error, BEHALF_REVISION_EXPIRED,
                         "revision %" PRIu64 " is gone: history is kept from %" PRIu64, revision,
                         horizon);
    return BEHALF_OK;
}

enum status
store_history_find(const struct store_snapshot *snapshot, uint64_t revision, struct slice versions,
                   struct buffer *value, bool *found, struct error *error)
{
    char from[HISTORY_KEY_SIZE_MAX];
    char to[HISTORY_KEY_SIZE_MAX];
    struct kv_range range = {KV_HISTORY, {from, versions.size + 8}, {to, versions.size + 8}, false};
    struct kv_scan *scan;
    struct slice key;
    struct slice bytes;
    enum status status;

    BEHALF_ASSERT(versions.size + 8 <= sizeof from);
    memcpy(from, versions.data, versions.size);
    memcpy(to, versions.data, versions.size);
    bytes_put_u64(from + versions.size, revision + 1);
    bytes_put_u64(to + versions.size, UINT64_MAX);
    *found = false;
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);
    if (status != BEHALF_OK)
        return status;
    status = kv_scan_next(scan, &key, &bytes, error);
    if (status == BEHALF_OK && bytes.size < 8) {
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "a value in history is cut short");
    } else if (status == BEHALF_OK) {
        if (bytes_get_u64(bytes.data) <= revision) {
            buffer_clear(value);
            buffer_add_slice(value, bytes);
            *found = true;
        }
    } else if (status == BEHALF_DONE) {
        status = BEHALF_OK;
    }
    kv_scan_close(scan);
    return status;
}

enum status
store_edge_find(const struct store_snapshot *snapshot, uint64_t revision,
                const struct edge_key *key, struct edge *edge, struct buffer *context, bool *found,
                struct error *error)
{
    char bytes[EDGE_KEY_SIZE];
    struct buffer own;
    struct buffer *value = context != NULL ? context : &own;
    struct edge read = {.key = *key};
    bool there = false;
    enum status status = store_revision_check(snapshot, revision, error);

    if (status != BEHALF_OK)
        return status;
    BEHALF_ASSERT(edge == NULL || context != NULL);
    buffer_init(&own);
    edge_key_encode(EDGE_FORWARD, key, bytes);
    status = kv_get(snapshot->store->kv, snapshot->kv, KV_FORWARD,
                    (struct slice){bytes, sizeof bytes}, value, &there, error);
    /* A newer value than the revision says nothing about it: the value in force then is in
     * history. */
    if (status == BEHALF_OK && there) {
        status = edge_value_decode(buffer_slice(value), &read, error);
        there = status == BEHALF_OK && read.created_revision <= revision;
    }
    if (status == BEHALF_OK && !there && revision < snapshot->newest_history &&
        revision < snapshot->head.revision) {
        char history[HISTORY_KEY_SIZE];

        /* Skipped when no value was superseded after `revision`, as for every read at the head. */
        history_key_encode(EDGE_FORWARD, bytes, 0, history);
        status = store_history_find(snapshot, revision, (struct slice){history, sizeof history - 8},
                                    value, &there, error);
        if (status == BEHALF_OK)
            status = store_revision_check(snapshot, revision, error);
    }
    if (status == BEHALF_OK && there)
        status = edge_value_decode(buffer_slice(value), &read, error);
    if (status == BEHALF_OK && there && edge != NULL)
        *edge = read;
    if (status == BEHALF_OK)
        *found = there;
    buffer_release(&own);
    return status;
}

enum status
store_variants(const struct store_snapshot *snapshot,
               bool (*visit)(void *context, const struct edge_variant *variant, uint64_t count),
               void *context, struct error *error)
{
    /* '0' is the character after '/'. */
    struct kv_range range = {KV_META, SLICE_LITERAL("count/"), SLICE_LITERAL("count0"), false};
    struct edge_variant variant;
    uint64_t edges;
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    enum status status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    while ((status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        status = count_key_decode(key, &variant, error);
        if (status == BEHALF_OK)
            status = number_decode("edge count", value, &edges, error);
        if (status != BEHALF_OK || !visit(context, &variant, edges))
            break;
    }
    kv_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
store_schema_read(const struct store_snapshot *snapshot, uint64_t revision, struct buffer *text,
                  uint64_t *schema_revision, struct error *error)
{
    char to[REVISION_KEY_SIZE];
    struct kv_range range = {.keyspace = KV_SCHEMAS, .to = {to, sizeof to}, .reverse = true};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    uint64_t written = 0;
    enum status status = store_revision_check(snapshot, revision, error);

    if (status != BEHALF_OK)
        return status;
    bytes_put_u64(to, revision + 1);
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);
    if (status != BEHALF_OK)
        return status;
    status = kv_scan_next(scan, &key, &value, error);
    if (status == BEHALF_OK)
        status = number_decode("schema key", key, &written, error);
    if (status == BEHALF_OK) {
        buffer_clear(text);
        buffer_add_slice(text, value);
        *schema_revision = written;
    } else if (status == BEHALF_DONE) {
        status = error_set(error, BEHALF_NO_SCHEMA, "no schema was written up to revision %" PRIu64,
                           revision);
    }
    kv_scan_close(scan);
    return status;
}

enum status
store_changelog_read(const struct store_snapshot *snapshot, uint64_t revision, struct buffer *entry,
                     struct error *error)
{
    char key[REVISION_KEY_SIZE];
    bool found = false;
    enum status status;

    bytes_put_u64(key, revision);
    status = kv_get(snapshot->store->kv, snapshot->kv, KV_CHANGELOG,
                    (struct slice){key, sizeof key}, entry, &found, error);
    /* After the read, so that the answer does not depend on whether the entry was dropped
     * already. */
    if (status == BEHALF_OK && revision <= store_horizon(snapshot->store) && revision > 0)
        return error_set(error, BEHALF_REVISION_EXPIRED,
                         "the changelog is kept from revision %" PRIu64 " on, %" PRIu64 " is older",
                         store_horizon(snapshot->store) + 1, revision);
    if (status == BEHALF_OK && !found)
        status = error_set(error, BEHALF_REVISION_UNKNOWN, "the changelog has no revision %" PRIu64,
                           revision);
    return status;
}

enum status
store_request_find(const struct store_snapshot *snapshot, struct slice key, int64_t now_ns,
                   struct store_request *request, bool *found, struct error *error)
{
    uint8_t digest[DIGEST_SIZE];
    char from[REQUEST_KEY_SIZE];
    char to[REQUEST_KEY_SIZE];
    struct kv_range range = {KV_REQUESTS, {from, sizeof from}, {to, sizeof to}, true};
    struct store_request read;
    struct kv_scan *scan;
    struct slice at;
    struct slice value;
    bool there = false;
    enum status status;

    digest_sha256(&key, 1, digest);
    request_key_encode(digest, 0, from);
    request_key_encode(digest, INT64_MAX, to);
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);
    if (status != BEHALF_OK)
        return status;
    /* The newest use counts. Older ones remain until a compaction drops them. */
    status = kv_scan_next(scan, &at, &value, error);
    if (status == BEHALF_OK) {
        status = request_decode(at, value, &read, error);
        there = status == BEHALF_OK && read.time_ns > now_ns - REQUEST_KEPT_NS;
    } else if (status == BEHALF_DONE) {
        status = BEHALF_OK;
    }
    kv_scan_close(scan);
    if (status == BEHALF_OK && there)
        *request = read;
    if (status == BEHALF_OK)
        *found = there;
    return status;
}

enum status
store_expired(const struct store_snapshot *snapshot, int64_t now_ns, struct edge_key *keys,
              size_t capacity, size_t *count, struct error *error)
{
    char to[8];
    struct kv_range range = {.keyspace = KV_EXPIRY, .to = {to, sizeof to}};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    int64_t expires_at;
    size_t filled = 0;
    enum status status;

    bytes_put_u64(to, time_to_bits(now_ns) + 1);
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);
    if (status != BEHALF_OK)
        return status;
    while (filled < capacity && (status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        status = expiry_key_decode(key, &expires_at, &keys[filled], error);
        if (status != BEHALF_OK)
            break;
        filled++;
    }
    kv_scan_close(scan);
    if (status == BEHALF_OK || status == BEHALF_DONE) {
        *count = filled;
        status = BEHALF_OK;
    }
    return status;
}

enum status
store_clock_read(struct store *store, struct store_clock *clock, bool *found, struct error *error)
{
    struct buffer value;
    bool there = false;
    enum status status;

    buffer_init(&value);
    status = kv_get(store->kv, NULL, KV_META, META_CLOCK, &value, &there, error);
    if (status == BEHALF_OK && there)
        status = clock_decode(buffer_slice(&value), clock, error);
    if (status == BEHALF_OK)
        *found = there;
    buffer_release(&value);
    return status;
}

static bool
add_up(void *context, const struct edge_variant *variant, uint64_t count)
{
    uint64_t *sum = context;

    (void)variant;
    *sum += count;
    return true;
}

static bool
can_write(const struct kv_stats *below)
{
    return below->healthy && below->free_bytes >= below->reserve_bytes;
}

bool
store_is_writable(const struct store *store)
{
    return !atomic_load_explicit(&store->failed, memory_order_relaxed) &&
           !atomic_load_explicit(&store->hindered, memory_order_relaxed);
}

void
store_watch(struct store *store)
{
    struct kv_stats below;

    kv_stats_read(store->kv, &below);
    atomic_store(&store->hindered, !can_write(&below));
}

enum status
store_stats_read(struct store *store, struct store_stats *stats, struct error *error)
{
    struct store_snapshot *snapshot;
    struct kv_stats below;
    uint64_t edges = 0;
    enum status status = store_snapshot_open(store, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    status = store_variants(snapshot, add_up, &edges, error);
    if (status == BEHALF_OK) {
        kv_stats_read(store->kv, &below);
        *stats = (struct store_stats){
            .head_revision = snapshot->head.revision,
            .horizon = store_horizon(store),
            .edge_count = edges,
            .data_bytes = below.data_bytes,
            .free_bytes = below.free_bytes,
            .writable = !atomic_load(&store->failed) && can_write(&below),
            .committed = atomic_load(&store->committed),
            .committed_bytes = atomic_load(&store->committed_bytes),
            .syncs = atomic_load(&store->syncs),
        };
    }
    store_snapshot_close(snapshot);
    return status;
}

void
store_figures_read(struct store *store, struct store_figures *figures)
{
    kv_figures_read(store->kv, figures);
}
