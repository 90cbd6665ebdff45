/* kv_fault.c - counts operations and fails the chosen one. */
#include "tests/support/kv_fault.h"

#include "base/memory.h"
#include "storage/kv_adapter.h"

struct fault_kv {
    struct kv base;
    struct kv *below;
    struct kv_fault *control;
};

struct fault_snapshot {
    struct kv_snapshot base;
    struct kv_snapshot *below;
};

struct fault_scan {
    struct kv_scan base;
    struct kv_scan *below;
};

static void
call_hook(struct kv_fault *control, uint64_t operation, bool after)
{
    void (*hook)(void *context) = control->hook;

    if (hook == NULL || control->hook_at != operation || control->hook_after != after)
        return;
    control->hook = NULL;
    hook(control->hook_context);
}

static bool
fails(struct fault_kv *kv)
{
    struct kv_fault *control = kv->control;

    if (control->before != NULL) {
        control->before(control->context);
        return false;
    }
    if (control->home != NULL && !pthread_equal(*control->home, pthread_self()))
        return true;
    control->operations++;
    call_hook(control, control->operations, false);
    if (control->fail_at == 0)
        return false;
    return control->for_ever ? control->operations >= control->fail_at
                             : control->operations == control->fail_at;
}

static enum status
fault(struct fault_kv *kv, const char *what, struct error *error)
{
    return error_set(error, kv->control->status, "cannot %s: planted fault", what);
}

static enum status
fault_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;
    struct fault_snapshot *result;
    enum status status;

    if (fails(own))
        return fault(own, "open a snapshot", error);
    result = memory_new(sizeof *result);
    result->base.kv = kv;
    status = kv_snapshot_open(own->below, &result->below, error);
    if (status != BEHALF_OK)
        memory_free(result);
    else
        *snapshot = &result->base;
    return status;
}

static void
fault_snapshot_close(struct kv_snapshot *snapshot)
{
    kv_snapshot_close(((struct fault_snapshot *)snapshot)->below);
    memory_free(snapshot);
}

static const struct kv_snapshot *
below_snapshot(const struct kv_snapshot *snapshot)
{
    return snapshot != NULL ? ((const struct fault_snapshot *)snapshot)->below : NULL;
}

static enum status
fault_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
          struct slice key, struct buffer *value, bool *found, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;
    /* Without a hook, threads that are not `home` do not look at the count. */
    uint64_t operation = own->control->hook == NULL ? 0 : own->control->operations + 1;
    enum status status;

    if (fails(own))
        return fault(own, "get", error);
    status = kv_get(own->below, below_snapshot(snapshot), keyspace, key, value, found, error);
    call_hook(own->control, operation, true);
    return status;
}

static enum status
fault_get_batch(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
                const struct slice *keys, size_t count, struct kv_found *found, struct arena *arena,
                struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;

    for (size_t index = 0; index < count; index++) {
        if (fails(own))
            return fault(own, "get", error);
    }
    return kv_get_batch(own->below, below_snapshot(snapshot), keyspace, keys, count, found, arena,
                        error);
}

static enum status
fault_scan_open(struct kv *kv, const struct kv_snapshot *snapshot, const struct kv_range *range,
                struct kv_scan **scan, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;
    struct fault_scan *result;
    enum status status;

    if (fails(own))
        return fault(own, "open a scan", error);
    if (own->control->before_scan != NULL)
        own->control->before_scan();
    result = memory_new(sizeof *result);
    result->base.kv = kv;
    status = kv_scan_open(own->below, below_snapshot(snapshot), range, &result->below, error);
    if (status != BEHALF_OK)
        memory_free(result);
    else
        *scan = &result->base;
    return status;
}

static enum status
fault_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)scan->kv;

    if (fails(own))
        return fault(own, "scan", error);
    return kv_scan_next(((struct fault_scan *)scan)->below, key, value, error);
}

static void
fault_scan_seek(struct kv_scan *scan, struct slice from)
{
    kv_scan_seek(((struct fault_scan *)scan)->below, from);
}

static void
fault_scan_close(struct kv_scan *scan)
{
    kv_scan_close(((struct fault_scan *)scan)->below);
    memory_free(scan);
}

static enum status
fault_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
            struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;
    bool failing = fails(own) || own->control->fail_writes;
    enum status status = BEHALF_OK;

    if (!failing || own->control->write_anyway)
        status = kv_write(own->below, changes, count, durable, error);
    return failing ? fault(own, "write", error) : status;
}

static enum status
fault_sync(struct kv *kv, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;

    if (fails(own) || own->control->fail_writes || own->control->fail_syncs)
        return fault(own, "sync", error);
    return kv_sync(own->below, error);
}

static void
fault_settle(struct kv *kv)
{
    kv_settle(((struct fault_kv *)kv)->below);
}

static enum status
fault_bulk_load(struct kv *kv, enum kv_keyspace keyspace, const struct kv_change *changes,
                size_t count, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;

    if (fails(own) || own->control->fail_writes)
        return fault(own, "load", error);
    return kv_bulk_load(own->below, keyspace, changes, count, error);
}

static void
fault_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon)
{
    kv_drop_hint(((struct fault_kv *)kv)->below, keyspace, horizon);
}

static void
fault_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
              uint64_t bytes_max)
{
    ((struct fault_kv *)kv)->control->compactions[keyspace]++;
    kv_compact(((struct fault_kv *)kv)->below, keyspace, from, to, bytes_max);
}

static bool
fault_is_complete(const struct kv *kv)
{
    const struct fault_kv *own = (const struct fault_kv *)kv;

    return !own->control->incomplete && kv_is_complete(own->below);
}

static enum status
fault_complete(struct kv *kv, struct error *error)
{
    struct fault_kv *own = (struct fault_kv *)kv;

    if (fails(own) || own->control->fail_writes)
        return fault(own, "make keyspaces", error);
    own->control->incomplete = false;
    return kv_complete(own->below, error);
}

static void
fault_stats_read(struct kv *kv, struct kv_stats *stats)
{
    struct fault_kv *own = (struct fault_kv *)kv;

    kv_stats_read(own->below, stats);
    if (own->control->free_bytes != 0)
        stats->free_bytes = own->control->free_bytes;
    if (own->control->reserve_bytes != 0)
        stats->reserve_bytes = own->control->reserve_bytes;
}

static enum status
fault_checkpoint(struct kv *kv, const char *path, struct error *error)
{
    return kv_checkpoint(((struct fault_kv *)kv)->below, path, error);
}

static void
fault_close(struct kv *kv)
{
    memory_free(kv);
}

static const struct kv_operations fault_operations = {
    .close = fault_close,
    .drop_hint = fault_drop_hint,
    .compact = fault_compact,
    .is_complete = fault_is_complete,
    .complete = fault_complete,
    .snapshot_open = fault_snapshot_open,
    .snapshot_close = fault_snapshot_close,
    .get = fault_get,
    .get_batch = fault_get_batch,
    .scan_open = fault_scan_open,
    .scan_next = fault_scan_next,
    .scan_seek = fault_scan_seek,
    .scan_close = fault_scan_close,
    .write = fault_write,
    .sync = fault_sync,
    .settle = fault_settle,
    .bulk_load = fault_bulk_load,
    .stats_read = fault_stats_read,
    .checkpoint = fault_checkpoint,
};

struct kv *
kv_fault_open(struct kv *below, struct kv_fault *control)
{
    struct fault_kv *result = memory_new(sizeof *result);

    result->base.operations = &fault_operations;
    result->below = below;
    result->control = control;
    return &result->base;
}
