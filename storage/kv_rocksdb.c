/* kv_rocksdb.c - the adapter for RocksDB; kv_rocksdb*.[ch] are the only files that see it.
 *
 * Always true: no RocksDB handle or error string leaves these files; every errptr becomes a status
 * in `translate` and is freed there. Every read verifies checksums. A scan reads the iterator's
 * status before it reports the end, because an iterator that met a bad block looks exactly like one
 * that is finished. docs/storage-format.md gives the reason for every setting. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "storage/kv_adapter.h"
#include "storage/kv_rocksdb_background.h"
#include "storage/kv_rocksdb_drop.h"
#include "storage/kv_rocksdb_options.h"

#define FREE_BYTES_MIN (256 * MEGABYTE)
#define SEEK_STEPS 8 /* a key this near is cheaper to reach by steps */
/* A fifth is block cache. Two fifths are memtables, and they may take twice that while they are
 * flushed. */
#define MEMORY_DEFAULT (320 * MEGABYTE)
#define CACHE_PART 5

/* RocksDB requires a family of this name; nothing is kept in it. */
#define UNUSED_FAMILY "default"
#define FAMILY_COUNT (KV_KEYSPACE_COUNT + 1)

/* Names are on disk and never change; the order is that of enum kv_keyspace. */
static const char *const family_names[FAMILY_COUNT] = {
    "meta",    "names",  "nodes",    "forward", "reverse",      "history", "changelog",
    "schemas", "expiry", "requests", "records", "record_index", "seen",    UNUSED_FAMILY,
};

/* The families from here on came with a later format: an older database lacks them. */
#define LATER_FAMILIES KV_RECORDS

struct rocks_kv {
    struct kv base;
    char *path;
    rocksdb_t *database;
    rocksdb_options_t *options[FAMILY_COUNT];
    /* A family that the database lacks has the handle of the unused one, which is empty. */
    rocksdb_column_family_handle_t *families[FAMILY_COUNT];
    bool missing[FAMILY_COUNT];
    rocksdb_readoptions_t *read_newest; /* never changed after open: shared by all threads */
    rocksdb_cache_t *cache;
    struct drop_rule rules[KV_KEYSPACE_COUNT];
    /* Writer thread only. */
    rocksdb_writebatch_t *batch;
    rocksdb_writeoptions_t *write_lazy;
    rocksdb_writeoptions_t *write_durable;
    rocksdb_writeoptions_t *write_nothing; /* without the log: for empty batches only */
    uint64_t bulk_files;
    bool group_begun; /* a write is not synced yet */
    struct compactor compactor;
    bool read_only;
    atomic_bool failed;               /* a write or sync failed: no write until reopened */
    _Atomic uint64_t errors_outlived; /* background errors after which a write succeeded */
};

struct rocks_snapshot {
    struct kv_snapshot base;
    const rocksdb_snapshot_t *snapshot;
    rocksdb_readoptions_t *read;
};

struct rocks_scan {
    struct kv_scan base;
    rocksdb_readoptions_t *read;
    rocksdb_iterator_t *iterator;
    struct buffer from; /* the iterator borrows its bounds: they live as long */
    struct buffer to;
    bool reverse;
    bool started;
    bool ahead; /* positioned at a key that was not given yet */
};

/* --- errors --- */

static enum status
translate(const struct rocks_kv *kv, const char *what, char *errptr, struct error *error)
{
    const char *why;
    enum status status;

    if (errptr == NULL)
        return BEHALF_OK;
    status = kv_rocksdb_classify(errptr, &why);
    (void)error_set(error, status, "cannot %s '%s': %s", what, kv->path, why);
    rocksdb_free(errptr);
    return status;
}

/* As `translate`, and stops all writes until the store is reopened: after a failed append or sync
 * nobody knows which bytes the kernel kept. */
static enum status
translate_write(struct rocks_kv *kv, const char *what, char *errptr, struct error *error)
{
    if (errptr != NULL)
        atomic_store(&kv->failed, true);
    return translate(kv, what, errptr, error);
}

static enum status
refuse_after_failure(const struct rocks_kv *kv, struct error *error)
{
    return error_set(error, BEHALF_STORAGE_FAILED,
                     "cannot write to '%s': an earlier write failed and the store was not reopened",
                     kv->path);
}

/* --- reading --- */

/* Turns off RocksDB's per-thread profile, which nothing reads. It took a twentieth of the time of a
 * read, since each counter is reached through thread-local storage. The level belongs to the
 * thread, hence the call before every operation. */
static void
count_nothing(void)
{
    rocksdb_set_perf_level(rocksdb_disable);
}

static rocksdb_readoptions_t *
read_options_new(const rocksdb_snapshot_t *snapshot)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();

    /* Without it a flipped bit in a block silently becomes a wrong value. */
    rocksdb_readoptions_set_verify_checksums(read, 1);
    if (snapshot != NULL)
        rocksdb_readoptions_set_snapshot(read, snapshot);
    return read;
}

static enum status
rocks_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    struct rocks_snapshot *result = memory_new(sizeof *result);

    (void)error;
    result->base.kv = kv;
    result->snapshot = rocksdb_create_snapshot(rocks->database);
    result->read = read_options_new(result->snapshot);
    *snapshot = &result->base;
    return BEHALF_OK;
}

static void
rocks_snapshot_close(struct kv_snapshot *snapshot)
{
    struct rocks_snapshot *rocks = (struct rocks_snapshot *)snapshot;
    struct rocks_kv *kv = (struct rocks_kv *)snapshot->kv;

    rocksdb_readoptions_destroy(rocks->read);
    rocksdb_release_snapshot(kv->database, rocks->snapshot);
    memory_free(rocks);
}

static enum status
rocks_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
          struct slice key, struct buffer *value, bool *found, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    /* Options without a snapshot are shared: creating them for each read costs an allocation. */
    const rocksdb_readoptions_t *read = rocks->read_newest;
    rocksdb_pinnableslice_t *pinned;
    char *errptr = NULL;

    if (snapshot != NULL)
        read = ((const struct rocks_snapshot *)snapshot)->read;
    count_nothing();
    buffer_clear(value);
    pinned = rocksdb_get_pinned_cf(rocks->database, read, rocks->families[keyspace], key.data,
                                   key.size, &errptr);
    if (errptr != NULL) {
        rocksdb_pinnableslice_destroy(pinned);
        return translate(rocks, "read", errptr, error);
    }
    /* Copied once from the pinned block; a pin that outlived the call would hold the block in the
     * cache. */
    *found = pinned != NULL;
    if (pinned != NULL) {
        size_t size;
        const char *bytes = rocksdb_pinnableslice_value(pinned, &size);

        buffer_add(value, bytes, size);
        rocksdb_pinnableslice_destroy(pinned);
    }
    return BEHALF_OK;
}

/* Takes the result of one key, its value or its error, and frees both handles. */
static enum status
batch_take(struct rocks_kv *kv, rocksdb_pinnableslice_t *pinned, char *errptr,
           struct kv_found *found, struct arena *arena, struct error *error)
{
    *found = (struct kv_found){.found = pinned != NULL};
    if (pinned != NULL) {
        size_t size;
        const char *bytes = rocksdb_pinnableslice_value(pinned, &size);

        found->value = arena_copy(arena, (struct slice){bytes, size});
        BEHALF_ASSERT(found->value.data != NULL);
        rocksdb_pinnableslice_destroy(pinned);
    }
    return translate(kv, "read", errptr, error);
}

/* Needs strictly ascending keys: RocksDB gives a wrong result for a repeated key when one of the
 * two cannot be read. */
static enum status
rocks_get_batch(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
                const struct slice *keys, size_t count, struct kv_found *found, struct arena *arena,
                struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    const rocksdb_readoptions_t *read = rocks->read_newest;
    const char **bytes = memory_new_array(count, sizeof *bytes);
    size_t *sizes = memory_new_array(count, sizeof *sizes);
    rocksdb_pinnableslice_t **pinned = memory_new_array(count, sizeof(rocksdb_pinnableslice_t *));
    char **errptrs = memory_new_array(count, sizeof *errptrs);
    enum status status = BEHALF_OK;

    if (snapshot != NULL)
        read = ((const struct rocks_snapshot *)snapshot)->read;
    for (size_t index = 0; index < count; index++) {
        bytes[index] = keys[index].data;
        sizes[index] = keys[index].size;
    }
    count_nothing();
    rocksdb_batched_multi_get_cf(rocks->database, read, rocks->families[keyspace], count, bytes,
                                 sizes, pinned, errptrs, true);
    for (size_t index = 0; index < count; index++) {
        enum status of_key =
            batch_take(rocks, pinned[index], errptrs[index], &found[index], arena, error);

        /* Go on after an error: every remaining value and error text must be freed. */
        if (of_key != BEHALF_OK)
            status = of_key;
    }
    memory_free(bytes);
    memory_free(sizes);
    memory_free(pinned);
    memory_free(errptrs);
    return status;
}

static enum status
rocks_scan_open(struct kv *kv, const struct kv_snapshot *snapshot, const struct kv_range *range,
                struct kv_scan **scan, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    struct rocks_scan *result = memory_new(sizeof *result);

    (void)error;
    count_nothing();
    result->base.kv = kv;
    result->reverse = range->reverse;
    buffer_init(&result->from);
    buffer_init(&result->to);
    buffer_add_slice(&result->from, range->from);
    buffer_add_slice(&result->to, range->to);
    result->read = read_options_new(
        snapshot != NULL ? ((const struct rocks_snapshot *)snapshot)->snapshot : NULL);
    rocksdb_readoptions_set_iterate_lower_bound(result->read, result->from.data, result->from.size);
    /* With an upper bound RocksDB stops at the end of the range. Without one it would step over all
     * tombstones after it to find a key that the scan does not want. */
    if (range->to.size > 0)
        rocksdb_readoptions_set_iterate_upper_bound(result->read, result->to.data, result->to.size);
    result->iterator =
        rocksdb_create_iterator_cf(rocks->database, result->read, rocks->families[range->keyspace]);
    *scan = &result->base;
    return BEHALF_OK;
}

static void
scan_step(struct rocks_scan *scan)
{
    if (scan->started) {
        if (scan->reverse)
            rocksdb_iter_prev(scan->iterator);
        else
            rocksdb_iter_next(scan->iterator);
        return;
    }
    scan->started = true;
    if (scan->reverse)
        rocksdb_iter_seek_to_last(scan->iterator);
    else
        rocksdb_iter_seek(scan->iterator, scan->from.data, scan->from.size);
}

static enum status
rocks_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value, struct error *error)
{
    struct rocks_scan *rocks = (struct rocks_scan *)scan;

    if (!rocks->ahead && (!rocks->started || rocksdb_iter_valid(rocks->iterator)))
        scan_step(rocks);
    rocks->ahead = false;
    if (!rocksdb_iter_valid(rocks->iterator)) {
        char *errptr = NULL;
        enum status status;

        /* An invalid iterator is at the end or met a bad block; only its status tells which. */
        rocksdb_iter_get_error(rocks->iterator, &errptr);
        status = translate((const struct rocks_kv *)scan->kv, "read", errptr, error);
        return status == BEHALF_OK ? BEHALF_DONE : status;
    }
    key->data = rocksdb_iter_key(rocks->iterator, &key->size);
    value->data = rocksdb_iter_value(rocks->iterator, &value->size);
    return BEHALF_OK;
}

/* Tries a few steps before a search: a scan that moves from node to node is usually close. An
 * invalid iterator may have met a bad block, and a seek would clear that error: it stays as it is,
 * and the next step reports it. */
static void
rocks_scan_seek(struct kv_scan *scan, struct slice from)
{
    struct rocks_scan *rocks = (struct rocks_scan *)scan;

    BEHALF_ASSERT(!rocks->reverse);
    rocks->ahead = false;
    for (unsigned step = 0; rocks->started && step <= SEEK_STEPS; step++) {
        struct slice key;

        if (!rocksdb_iter_valid(rocks->iterator))
            return;
        key.data = rocksdb_iter_key(rocks->iterator, &key.size);
        rocks->ahead = slice_compare(key, from) >= 0;
        if (rocks->ahead)
            return;
        if (step < SEEK_STEPS)
            rocksdb_iter_next(rocks->iterator);
    }
    rocks->started = true;
    rocks->ahead = true;
    rocksdb_iter_seek(rocks->iterator, from.data, from.size);
}

static void
rocks_scan_close(struct kv_scan *scan)
{
    struct rocks_scan *rocks = (struct rocks_scan *)scan;

    rocksdb_iter_destroy(rocks->iterator);
    rocksdb_readoptions_destroy(rocks->read);
    buffer_release(&rocks->from);
    buffer_release(&rocks->to);
    memory_free(rocks);
}

/* --- writing --- */

/* Errors of background work since opening. RocksDB never takes one back, recovered or not. */
static uint64_t
background_errors(struct rocks_kv *kv)
{
    uint64_t count = 0;

    (void)rocksdb_property_int(kv->database, "rocksdb.background-errors", &count);
    return count;
}

/* Whether RocksDB accepts writes. After some errors of flushes and compactions it refuses them
 * until it has recovered, and does not report the recovery. An empty batch without the log finds
 * out: an append that failed would damage the log that the next writes need. A stop without an
 * error of a flush or compaction (a new log could not be begun) is not counted here; the next write
 * meets it. */
static bool
goes_on_writing(struct rocks_kv *kv)
{
    uint64_t errors =
        background_errors(kv); /* read first: an error during the write is not outlived */
    char *errptr = NULL;

    if (errors == atomic_load(&kv->errors_outlived))
        return true;
    rocksdb_writebatch_clear(kv->batch);
    rocksdb_write(kv->database, kv->write_nothing, kv->batch, &errptr);
    if (errptr != NULL) {
        rocksdb_free(errptr);
        return false;
    }
    atomic_store(&kv->errors_outlived, errors);
    return true;
}

static void
rocks_settle(struct kv *kv)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;

    if (!rocks->read_only && !atomic_load(&rocks->failed))
        (void)goes_on_writing(rocks);
}

/* Appends one batch to the log and applies it to the memtables, atomically. The writer syncs a
 * group with rocks_sync; `durable` syncs this batch alone. */
static enum status
rocks_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
            struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    char *errptr = NULL;

    if (atomic_load(&rocks->failed))
        return refuse_after_failure(rocks, error);
    /* Asked once per group, before its first write: a refusal there has a known outcome, since
     * nothing was written. */
    if (!rocks->group_begun && !goes_on_writing(rocks))
        return error_set(
            error, BEHALF_SERVICE_READ_ONLY,
            "writing to '%s' stopped after an error in the background: it goes on once "
            "there is space, or after a restart",
            rocks->path);
    rocks->group_begun = !durable;
    count_nothing();
    rocksdb_writebatch_clear(rocks->batch);
    for (size_t index = 0; index < count; index++) {
        const struct kv_change *change = &changes[index];
        rocksdb_column_family_handle_t *family = rocks->families[change->keyspace];

        if (change->remove)
            rocksdb_writebatch_delete_cf(rocks->batch, family, change->key.data, change->key.size);
        else
            rocksdb_writebatch_put_cf(rocks->batch, family, change->key.data, change->key.size,
                                      change->value.data, change->value.size);
    }
    rocksdb_write(rocks->database, durable ? rocks->write_durable : rocks->write_lazy, rocks->batch,
                  &errptr);
    return translate_write(rocks, "write to", errptr, error);
}

static enum status
rocks_sync(struct kv *kv, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    char *errptr = NULL;

    /* After a failed sync a second one may report success for pages that the kernel threw away. */
    if (atomic_load(&rocks->failed))
        return refuse_after_failure(rocks, error);
    rocks->group_begun = false;
    rocksdb_flush_wal(rocks->database, 1, &errptr);
    return translate_write(rocks, "sync", errptr, error);
}

/* Writes a sorted file beside the database. Until it is ingested, the database does not know it, so
 * a crash leaves only a file that nothing reads. */
static enum status
bulk_file_write(struct rocks_kv *kv, const char *path, enum kv_keyspace keyspace,
                const struct kv_change *changes, size_t count, struct error *error)
{
    rocksdb_envoptions_t *environment = rocksdb_envoptions_create();
    rocksdb_sstfilewriter_t *writer =
        rocksdb_sstfilewriter_create(environment, kv->options[keyspace]);
    char *errptr = NULL;

    rocksdb_sstfilewriter_open(writer, path, &errptr);
    for (size_t index = 0; errptr == NULL && index < count; index++) {
        BEHALF_ASSERT(changes[index].keyspace == keyspace && !changes[index].remove);
        rocksdb_sstfilewriter_put(writer, changes[index].key.data, changes[index].key.size,
                                  changes[index].value.data, changes[index].value.size, &errptr);
    }
    if (errptr == NULL)
        rocksdb_sstfilewriter_finish(writer, &errptr);
    rocksdb_sstfilewriter_destroy(writer);
    rocksdb_envoptions_destroy(environment);
    return translate(kv, "write sorted file into", errptr, error);
}

static enum status
rocks_bulk_load(struct kv *kv, enum kv_keyspace keyspace, const struct kv_change *changes,
                size_t count, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    rocksdb_ingestexternalfileoptions_t *options = NULL;
    struct buffer path;
    const char *files[1];
    char *errptr = NULL;
    enum status status = BEHALF_OK;

    if (count == 0)
        return BEHALF_OK;
    if (atomic_load(&rocks->failed))
        return refuse_after_failure(rocks, error);
    buffer_init(&path);
    buffer_add_format(&path, "%s/bulk-%" PRIu64 ".part", rocks->path, rocks->bulk_files++);
    status = bulk_file_write(rocks, path.data, keyspace, changes, count, error);
    if (status != BEHALF_OK)
        goto done;
    /* Ingestion links the file in with one atomic edit of the manifest: all of it becomes visible,
     * or nothing. */
    options = rocksdb_ingestexternalfileoptions_create();
    rocksdb_ingestexternalfileoptions_set_move_files(options, 1);
    files[0] = path.data;
    rocksdb_ingest_external_file_cf(rocks->database, rocks->families[keyspace], files, 1, options,
                                    &errptr);
    status = translate_write(rocks, "load sorted file into", errptr, error);
done:
    (void)unlink(path.data); /* already gone when it was ingested */
    if (options != NULL)
        rocksdb_ingestexternalfileoptions_destroy(options);
    buffer_release(&path);
    return status;
}

static void
rocks_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;

    /* Compaction threads read the horizon; an atomic store is enough, since an old value only drops
     * less. */
    BEHALF_ASSERT(rocks->rules[keyspace].filter != NULL);
    atomic_store(&rocks->rules[keyspace].horizon, horizon);
}

/* --- upkeep --- */

static void
rocks_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
              uint64_t bytes_max)
{
    compactor_ask(&((struct rocks_kv *)kv)->compactor, keyspace, from, to, bytes_max);
}

static void
rocks_stats_read(struct kv *kv, struct kv_stats *stats)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    struct statvfs disk;
    uint64_t value;

    *stats = (struct kv_stats){.healthy = !atomic_load(&rocks->failed)};
    /* The reserve holds everything that was accepted and is not in sorted files yet: the memtables,
     * twice while they are flushed, and the log. */
    stats->reserve_bytes = FREE_BYTES_MIN;
    if (stats->reserve_bytes < 2 * MEMTABLES_SIZE_MAX + WAL_SIZE_MAX)
        stats->reserve_bytes = 2 * MEMTABLES_SIZE_MAX + WAL_SIZE_MAX;
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        if (rocksdb_property_int_cf(rocks->database, rocks->families[index],
                                    "rocksdb.total-sst-files-size", &value) == 0)
            stats->data_bytes += value;
        /* Live files only: files that a snapshot still holds are given up already, and must not
         * move the horizon further. */
        if ((index == KV_HISTORY || index == KV_CHANGELOG) &&
            rocksdb_property_int_cf(rocks->database, rocks->families[index],
                                    "rocksdb.live-sst-files-size", &value) == 0)
            stats->past_bytes += value;
    }
    if (background_errors(rocks) != atomic_load(&rocks->errors_outlived))
        stats->healthy = false;
    stats->compacting = compactor_pending(&rocks->compactor);
    if (statvfs(rocks->path, &disk) == 0)
        stats->free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
}

static uint64_t
sum_of(struct rocks_kv *rocks, const char *property)
{
    uint64_t sum = 0;
    uint64_t value;

    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++)
        if (rocks->families[index] != NULL &&
            rocksdb_property_int_cf(rocks->database, rocks->families[index], property, &value) == 0)
            sum += value;
    return sum;
}

/* Of the whole database, or of the cache, which all families share. */
static uint64_t
figure_of(struct rocks_kv *rocks, const char *property)
{
    uint64_t value = 0;

    (void)rocksdb_property_int(rocks->database, property, &value);
    return value;
}

/* A property that RocksDB gives as text only. */
static uint64_t
level0_files(struct rocks_kv *rocks)
{
    uint64_t sum = 0;

    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        char *text = rocks->families[index] == NULL
                         ? NULL
                         : rocksdb_property_value_cf(rocks->database, rocks->families[index],
                                                     "rocksdb.num-files-at-level0");

        if (text != NULL)
            sum += strtoull(text, NULL, 10);
        rocksdb_free(text);
    }
    return sum;
}

static void
rocks_figures_read(struct kv *kv, struct store_figures *figures)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;

    *figures = (struct store_figures){
        .memtable_bytes = sum_of(rocks, "rocksdb.size-all-mem-tables"),
        .immutable_memtables = sum_of(rocks, "rocksdb.num-immutable-mem-table"),
        .cache_bytes = figure_of(rocks, "rocksdb.block-cache-usage"),
        .cache_pinned_bytes = figure_of(rocks, "rocksdb.block-cache-pinned-usage"),
        .cache_capacity = figure_of(rocks, "rocksdb.block-cache-capacity"),
        .table_reader_bytes = sum_of(rocks, "rocksdb.estimate-table-readers-mem"),
        .level0_files = level0_files(rocks),
        .pending_compaction_bytes = sum_of(rocks, "rocksdb.estimate-pending-compaction-bytes"),
        .running_compactions = figure_of(rocks, "rocksdb.num-running-compactions"),
        .running_flushes = figure_of(rocks, "rocksdb.num-running-flushes"),
        .background_errors = background_errors(rocks),
        .delayed_write_bytes = figure_of(rocks, "rocksdb.actual-delayed-write-rate"),
        .writes_stopped = figure_of(rocks, "rocksdb.is-write-stopped") != 0,
    };
}

static enum status
rocks_checkpoint(struct kv *kv, const char *path, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;
    rocksdb_checkpoint_t *checkpoint;
    char *errptr = NULL;

    checkpoint = rocksdb_checkpoint_object_create(rocks->database, &errptr);
    if (errptr != NULL)
        return translate(rocks, "copy", errptr, error);
    /* Size 0 flushes first, so the copy needs no log: this version does not sync the log that it
     * copies. */
    rocksdb_checkpoint_create(checkpoint, path, 0, &errptr);
    rocksdb_checkpoint_object_destroy(checkpoint);
    return translate(rocks, "copy", errptr, error);
}

/* Flushes everything, so that a start after a clean stop replays nothing. A failure costs the next
 * start time and loses nothing: the log has it all. */
static void
flush_all(struct rocks_kv *kv)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();

    rocksdb_flushoptions_set_wait(options, 1);
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        char *errptr = NULL;

        rocksdb_flush_cf(kv->database, options, kv->families[index], &errptr);
        rocksdb_free(errptr);
    }
    rocksdb_flushoptions_destroy(options);
}

static void
rocks_close(struct kv *kv)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;

    /* The order matters: the compactor uses the database, compactions use the rules until the
     * database is closed, and a failed database is not flushed, since its memtables may hold writes
     * whose outcome was reported as unknown. */
    compactor_stop(&rocks->compactor);
    if (rocks->database != NULL && !rocks->read_only && !atomic_load(&rocks->failed))
        flush_all(rocks);
    for (size_t index = 0; index < FAMILY_COUNT; index++) {
        if (rocks->families[index] != NULL && !rocks->missing[index])
            rocksdb_column_family_handle_destroy(rocks->families[index]);
    }
    if (rocks->database != NULL)
        rocksdb_close(rocks->database);
    rocksdb_writebatch_destroy(rocks->batch);
    rocksdb_writeoptions_destroy(rocks->write_lazy);
    rocksdb_writeoptions_destroy(rocks->write_durable);
    rocksdb_writeoptions_destroy(rocks->write_nothing);
    rocksdb_readoptions_destroy(rocks->read_newest);
    for (size_t index = 0; index < FAMILY_COUNT; index++)
        rocksdb_options_destroy(rocks->options[index]);
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        if (rocks->rules[index].filter != NULL)
            rocksdb_compactionfilter_destroy(rocks->rules[index].filter);
    }
    rocksdb_cache_destroy(rocks->cache);
    memory_free(rocks->path);
    memory_free(rocks);
}

static bool
rocks_is_complete(const struct kv *kv)
{
    const struct rocks_kv *rocks = (const struct rocks_kv *)kv;

    for (size_t index = 0; index < FAMILY_COUNT; index++) {
        if (rocks->missing[index])
            return false;
    }
    return true;
}

static enum status
rocks_complete(struct kv *kv, struct error *error)
{
    struct rocks_kv *rocks = (struct rocks_kv *)kv;

    BEHALF_ASSERT(!rocks->read_only);
    for (size_t index = 0; index < FAMILY_COUNT; index++) {
        rocksdb_column_family_handle_t *family;
        char *errptr = NULL;

        if (!rocks->missing[index])
            continue;
        family = rocksdb_create_column_family(rocks->database, rocks->options[index],
                                              family_names[index], &errptr);
        if (errptr != NULL)
            return translate_write(rocks, "add a family to", errptr, error);
        rocks->families[index] = family;
        rocks->missing[index] = false;
    }
    return BEHALF_OK;
}

static const struct kv_operations rocks_operations = {
    .close = rocks_close,
    .drop_hint = rocks_drop_hint,
    .compact = rocks_compact,
    .is_complete = rocks_is_complete,
    .complete = rocks_complete,
    .snapshot_open = rocks_snapshot_open,
    .snapshot_close = rocks_snapshot_close,
    .get = rocks_get,
    .get_batch = rocks_get_batch,
    .scan_open = rocks_scan_open,
    .scan_next = rocks_scan_next,
    .scan_seek = rocks_scan_seek,
    .scan_close = rocks_scan_close,
    .write = rocks_write,
    .sync = rocks_sync,
    .settle = rocks_settle,
    .bulk_load = rocks_bulk_load,
    .stats_read = rocks_stats_read,
    .figures_read = rocks_figures_read,
    .checkpoint = rocks_checkpoint,
};

/* --- opening --- */

static void
options_make(struct rocks_kv *kv, const struct kv_options *wanted)
{
    size_t memory = wanted->memory_bytes > 0 ? wanted->memory_bytes : MEMORY_DEFAULT;
    size_t cache = wanted->cache_bytes > 0 ? wanted->cache_bytes : memory / CACHE_PART;
    size_t half = (memory - cache) / 2;
    size_t memtables = half < MEMTABLES_SIZE_MAX ? half : MEMTABLES_SIZE_MAX;

    BEHALF_ASSERT(cache < memory);
    /* Twice the memtables: full ones are flushed while new ones fill. */
    kv->cache = rocksdb_cache_create_lru(memory - 2 * memtables);
    for (size_t index = 0; index < FAMILY_COUNT; index++) {
        kv->options[index] = rocksdb_options_create();
        database_options_set(kv->options[index], wanted);
        family_options_set(kv->options[index], kv->cache, memtables, index);
        if (index == KV_HISTORY || index == KV_CHANGELOG || index == KV_REQUESTS) {
            drop_rule_begin(&kv->rules[index]);
            rocksdb_options_set_compaction_filter(kv->options[index], kv->rules[index].filter);
        }
    }
    kv->read_newest = read_options_new(NULL);
    kv->batch = rocksdb_writebatch_create();
    kv->write_lazy = rocksdb_writeoptions_create();
    kv->write_durable = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(kv->write_durable, 1);
    kv->write_nothing = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(kv->write_nothing, 1);
}

/* Finds the families that the database lacks. One that cannot be read is left to the open, whose
 * error says why; one that is not there gets them all. */
static void
missing_find(struct rocks_kv *kv)
{
    char *errptr = NULL;
    size_t count = 0;
    char **names = rocksdb_list_column_families(kv->options[0], kv->path, &count, &errptr);

    for (size_t index = LATER_FAMILIES; errptr == NULL && index < KV_KEYSPACE_COUNT; index++) {
        kv->missing[index] = true;
        for (size_t name = 0; name < count; name++) {
            if (strcmp(names[name], family_names[index]) == 0)
                kv->missing[index] = false;
        }
    }
    if (names != NULL)
        rocksdb_list_column_families_destroy(names, count);
    rocksdb_free(errptr);
}

static char *
database_open(struct rocks_kv *kv)
{
    const char *names[FAMILY_COUNT];
    const rocksdb_options_t *options[FAMILY_COUNT];
    rocksdb_column_family_handle_t *families[FAMILY_COUNT];
    size_t count = 0;
    size_t given = 0;
    char *errptr = NULL;

    for (size_t index = 0; index < FAMILY_COUNT; index++) {
        if (!kv->missing[index]) {
            names[count] = family_names[index];
            options[count++] = kv->options[index];
        }
    }
    if (kv->read_only)
        /* A log beside the files is read too: a store that was killed shows all it has. */
        kv->database = rocksdb_open_for_read_only_column_families(
            kv->options[0], kv->path, (int)count, names, options, families, 0, &errptr);
    else
        kv->database = rocksdb_open_column_families(kv->options[0], kv->path, (int)count, names,
                                                    options, families, &errptr);
    for (size_t index = 0; errptr == NULL && index < FAMILY_COUNT; index++)
        kv->families[index] = families[kv->missing[index] ? count - 1 : given++];
    return errptr;
}

enum status
kv_open_rocksdb(const struct kv_options *options, struct kv **kv, struct error *error)
{
    struct rocks_kv *result;
    enum status status;

    BEHALF_ASSERT(options->path != NULL);
    if (options->create_if_missing && mkdir(options->path, 0700) != 0 && errno != EEXIST)
        return error_set(error, BEHALF_STORAGE_FAILED, "cannot make directory '%s': %s",
                         options->path, strerror(errno));
    result = memory_new(sizeof *result);
    result->base.operations = &rocks_operations;
    result->path = memory_copy(options->path, strlen(options->path) + 1);
    options_make(result, options);
    compactor_init(&result->compactor);
    if (!options->read_only)
        rocksdb_threads_start();
    result->read_only = options->read_only;
    missing_find(result);
    /* rocks_close accepts a handle without a database. */
    status = translate(result, "open", database_open(result), error);
    if (status != BEHALF_OK) {
        rocks_close(&result->base);
        return status;
    }
    if (!options->read_only)
        compactor_start(&result->compactor, result->database, result->families);
    *kv = &result->base;
    return BEHALF_OK;
}
