/* kv.c - dispatches each call to the adapter that opened the handle. */
#include "storage/kv.h"

#include "storage/kv_adapter.h"

void
kv_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon)
{
    kv->operations->drop_hint(kv, keyspace, horizon);
}

void
kv_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
           uint64_t bytes_max)
{
    kv->operations->compact(kv, keyspace, from, to, bytes_max);
}

void
kv_close(struct kv *kv)
{
    if (kv != NULL)
        kv->operations->close(kv);
}

enum status
kv_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot, struct error *error)
{
    return kv->operations->snapshot_open(kv, snapshot, error);
}

void
kv_snapshot_close(struct kv_snapshot *snapshot)
{
    if (snapshot != NULL)
        snapshot->kv->operations->snapshot_close(snapshot);
}

enum status
kv_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
       struct slice key, struct buffer *value, bool *found, struct error *error)
{
    return kv->operations->get(kv, snapshot, keyspace, key, value, found, error);
}

enum status
kv_get_batch(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
             const struct slice *keys, size_t count, struct kv_found *found, struct arena *arena,
             struct error *error)
{
    /* Checked here for every adapter: RocksDB answers wrongly for unsorted or repeated keys. */
    for (size_t index = 1; index < count; index++)
        BEHALF_ASSERT(slice_compare(keys[index - 1], keys[index]) < 0);
    return count == 0 ? BEHALF_OK
                      : kv->operations->get_batch(kv, snapshot, keyspace, keys, count, found, arena,
                                                  error);
}

enum status
kv_scan_open(struct kv *kv, const struct kv_snapshot *snapshot, const struct kv_range *range,
             struct kv_scan **scan, struct error *error)
{
    return kv->operations->scan_open(kv, snapshot, range, scan, error);
}

enum status
kv_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value, struct error *error)
{
    return scan->kv->operations->scan_next(scan, key, value, error);
}

void
kv_scan_seek(struct kv_scan *scan, struct slice from)
{
    scan->kv->operations->scan_seek(scan, from);
}

void
kv_scan_close(struct kv_scan *scan)
{
    if (scan != NULL)
        scan->kv->operations->scan_close(scan);
}

enum status
kv_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
         struct error *error)
{
    return kv->operations->write(kv, changes, count, durable, error);
}

bool
kv_is_complete(const struct kv *kv)
{
    return kv->operations->is_complete(kv);
}

enum status
kv_complete(struct kv *kv, struct error *error)
{
    return kv->operations->complete(kv, error);
}

enum status
kv_sync(struct kv *kv, struct error *error)
{
    return kv->operations->sync(kv, error);
}

void
kv_settle(struct kv *kv)
{
    kv->operations->settle(kv);
}

enum status
kv_bulk_load(struct kv *kv, enum kv_keyspace keyspace, const struct kv_change *changes,
             size_t count, struct error *error)
{
    return kv->operations->bulk_load(kv, keyspace, changes, count, error);
}

void
kv_stats_read(struct kv *kv, struct kv_stats *stats)
{
    kv->operations->stats_read(kv, stats);
}

void
kv_figures_read(struct kv *kv, struct store_figures *figures)
{
    *figures = (struct store_figures){.memtable_bytes = 0};
    if (kv->operations->figures_read != NULL)
        kv->operations->figures_read(kv, figures);
}

enum status
kv_checkpoint(struct kv *kv, const char *path, struct error *error)
{
    return kv->operations->checkpoint(kv, path, error);
}
