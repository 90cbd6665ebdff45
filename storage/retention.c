/* retention.c - bounds the history that is kept, by age and by size.
 *
 * Always true: the horizon only grows and never passes the head, so writes and reads at the newest
 * revision are not affected. The oldest entry of the changelog shows how much is still to be
 * dropped. It is compacted after history, so a compaction that was aborted leaves it in place and
 * is requested again. */
#include "storage/store_internal.h"

/* A compaction rewrites what is kept, which pays once an eighth of it can be dropped. */
#define KEPT_PER_DROPPED 8

/* The newest state without a snapshot of the adapter: only the writer reads it, and it writes
 * nothing meanwhile. */
static struct store_snapshot
newest(struct store *store)
{
    return (struct store_snapshot){.store = store, .head = store->head};
}

static enum status
commit_time(const struct store_snapshot *snapshot, uint64_t revision, struct buffer *entry,
            int64_t *time_ns, struct error *error)
{
    struct changelog_reader reader;
    struct changelog_header header = {.revision = 0};
    enum status status = store_changelog_read(snapshot, revision, entry, error);

    if (status == BEHALF_OK)
        status = changelog_open(buffer_slice(entry), &reader, &header, error);
    *time_ns = header.time_ns;
    return status;
}

/* The newest revision committed by `since_ns`; the horizon when there is none above it. A binary
 * search, since commit times never run backwards. */
static enum status
revision_at(const struct store_snapshot *snapshot, uint64_t horizon, int64_t since_ns,
            uint64_t *revision, struct error *error)
{
    uint64_t low = horizon;
    uint64_t high = snapshot->head.revision;
    struct buffer entry;
    enum status status = BEHALF_OK;

    buffer_init(&entry);
    while (status == BEHALF_OK && low < high) {
        uint64_t middle = high - (high - low) / 2;
        int64_t time_ns = 0;

        status = commit_time(snapshot, middle, &entry, &time_ns, error);
        if (time_ns <= since_ns)
            low = middle;
        else
            high = middle - 1;
    }
    buffer_release(&entry);
    *revision = low;
    return status;
}

enum status
store_revision_at(const struct store_snapshot *snapshot, int64_t time_ns, uint64_t *revision,
                  struct error *error)
{
    uint64_t horizon = store_horizon(snapshot->store);
    enum status status;

    if (snapshot->head.time_ns <= time_ns && snapshot->head.revision > 0) {
        *revision = snapshot->head.revision;
        return BEHALF_OK;
    }
    status = revision_at(snapshot, horizon, time_ns, revision, error);
    if (status == BEHALF_OK && *revision == horizon && horizon > 0)
        status = error_set(error, BEHALF_REVISION_EXPIRED,
                           "what was in force at that time is no longer kept");
    return status;
}

/* The oldest revision in the changelog; above the head when it is empty. */
static enum status
oldest_entry(struct store *store, uint64_t *revision, struct error *error)
{
    const struct kv_range range = {.keyspace = KV_CHANGELOG};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    enum status status = kv_scan_open(store->kv, NULL, &range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    status = kv_scan_next(scan, &key, &value, error);
    *revision = store->head.revision + 1;
    if (status == BEHALF_OK)
        status = number_decode("changelog key", key, revision, error);
    kv_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static void
drop_past(struct store *store, uint64_t horizon)
{
    const struct slice unbounded = {NULL, 0};
    char end[REVISION_KEY_SIZE];

    bytes_put_u64(end, horizon + 1);
    /* In this order: see the top. */
    kv_compact(store->kv, KV_HISTORY, unbounded, unbounded, UINT64_MAX);
    kv_compact(store->kv, KV_CHANGELOG, unbounded, (struct slice){end, sizeof end}, UINT64_MAX);
}

void
store_hold_history(struct store *store, uint64_t revision)
{
    atomic_store(&store->held, revision);
}

enum status
store_trim_history(struct store *store, int64_t since_ns, uint64_t bytes_max, struct error *error)
{
    const struct store_snapshot snapshot = newest(store);
    uint64_t before = store_horizon(store);
    struct kv_stats stats;
    uint64_t horizon = 0;
    uint64_t oldest = 0;
    uint64_t kept;
    bool compacting;
    enum status status = revision_at(&snapshot, before, since_ns, &horizon, error);

    if (horizon > before)
        horizon--;
    if (status == BEHALF_OK)
        status = oldest_entry(store, &oldest, error);
    if (status != BEHALF_OK)
        return status;
    kv_stats_read(store->kv, &stats);
    compacting =
        (stats.compacting & (UINT32_C(1) << KV_HISTORY | UINT32_C(1) << KV_CHANGELOG)) != 0;
    kept = store->head.revision - horizon;
    /* The size counts what is on disk, so it says nothing while entries up to the horizon are still
     * to be dropped: a horizon moved by it would move too far. */
    if (stats.past_bytes > bytes_max && !compacting && oldest > horizon)
        horizon += kept - (uint64_t)((double)kept * (double)bytes_max / (double)stats.past_bytes);
    if (horizon > atomic_load(&store->held))
        horizon = atomic_load(&store->held);
    status = store_set_horizon(store, horizon, error);
    horizon = store_horizon(store); /* it never goes back */
    kept = store->head.revision - horizon;
    if (status == BEHALF_OK && !compacting && oldest <= horizon &&
        (horizon - oldest + 1) * KEPT_PER_DROPPED >= kept)
        drop_past(store, horizon);
    return status;
}
