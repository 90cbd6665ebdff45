/* kv.h - the interface to an ordered key-value engine, under the store.
 *
 * Always true: keys are ordered as unsigned bytes. A batch is applied as a whole or not at all. A
 * snapshot never changes. A scan returns BEHALF_DONE only for a true end: kv_scan_next is the only
 * way to advance, and it reads the engine's status first.
 * The interface names no engine. Adapters (kv_rocksdb.c, kv_memory.c, kv_fault.c in tests)
 * implement `struct kv_operations`, and nothing above an adapter sees its library.
 * Threads: reads, scans and snapshots on any thread; kv_write and kv_sync on one writer thread at a
 * time. A scan, and the slices it returns, belong to one thread.
 * Errors: STORAGE_FAILED (I/O, full disk: the message says which), STORAGE_CORRUPT (checksums),
 * SERVICE_READ_ONLY (nothing was written: fenced by another writer, or stopped after an error of
 * background work), TOO_MANY_UPDATES_IN_REQUEST (batch too big for the adapter), REVISION_EXPIRED
 * (snapshot too old). RocksDB raises only the first three, memory the first two. */
#ifndef BEHALF_STORAGE_KV_H
#define BEHALF_STORAGE_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "storage/figures.h"

/* The keyspaces of storage/keys.h, in this order. */
enum kv_keyspace {
    KV_META,
    KV_NAMES,
    KV_NODES,
    KV_FORWARD,
    KV_REVERSE,
    KV_HISTORY,
    KV_CHANGELOG,
    KV_SCHEMAS,
    KV_EXPIRY,
    KV_REQUESTS,
    KV_RECORDS, /* these three since format version 2: see kv_is_complete */
    KV_RECORD_INDEX,
    KV_SEEN,
    KV_KEYSPACE_COUNT
};

struct kv;
struct kv_snapshot;
struct kv_scan;

struct kv_options {
    const char *path; /* directory of the data; NULL for the in-memory adapter */
    bool create_if_missing;
    bool read_only;         /* changes no file; every write fails */
    bool drop_damaged_tail; /* open the log up to its first damaged record */
    size_t memory_bytes;    /* caches and memtables; 0 = the adapter's default */
    size_t cache_bytes;     /* part of it, for blocks; 0 = a fifth, or the rest */
};

/* One change of a batch. */
struct kv_change {
    enum kv_keyspace keyspace;
    bool remove;
    struct slice key;
    struct slice value; /* ignored when `remove` */
};

/* A rule for dropping old entries of a keyspace whenever the adapter finds it convenient: an entry
 * may vanish when the big-endian number in the last 8 bytes of its key is not above `horizon`. The
 * hint frees space and never decides an answer: readers compare with the horizon themselves. */
void kv_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon);

/* Asks for a compaction of the range in the background, so that tombstones in it, and entries that
 * may be dropped, cost neither space nor scan time. Skipped when the range takes more than about
 * `bytes_max`: the tombstones are then few among much live data. Returns at once; closing aborts
 * it. */
void kv_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
                uint64_t bytes_max);

enum status kv_open_rocksdb(const struct kv_options *options, struct kv **kv,
                            struct error *error) BEHALF_MUST_USE;
enum status kv_open_memory(struct kv **kv, struct error *error) BEHALF_MUST_USE;
void kv_close(struct kv *kv); /* accepts NULL; close every snapshot and scan first */

/* False for a database that was made when there were fewer keyspaces: the missing ones read as
 * empty, and are not to be written. */
bool kv_is_complete(const struct kv *kv);
/* Makes the missing keyspaces, each of them durably. After a failure or a crash some of them may
 * exist, and the call can be repeated. */
enum status kv_complete(struct kv *kv, struct error *error) BEHALF_MUST_USE;

enum status kv_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot,
                             struct error *error) BEHALF_MUST_USE;
void kv_snapshot_close(struct kv_snapshot *snapshot);

/* `snapshot` may be NULL: the newest state. *found says whether the key exists; the value replaces
 * the content of `value`. */
enum status kv_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
                   struct slice key, struct buffer *value, bool *found,
                   struct error *error) BEHALF_MUST_USE;

/* The value of a key, if it exists. */
struct kv_found {
    bool found;
    struct slice value;
};

/* kv_get of `count` keys of one keyspace, which ascend strictly (asserted), at one state: cheaper
 * than single reads. found[k] belongs to keys[k]; its value is in `arena`, which has no cap. When
 * one key cannot be read, the call fails and no result is valid. */
enum status kv_get_batch(struct kv *kv, const struct kv_snapshot *snapshot,
                         enum kv_keyspace keyspace, const struct slice *keys, size_t count,
                         struct kv_found *found, struct arena *arena,
                         struct error *error) BEHALF_MUST_USE;

/* Keys of [from, to) in ascending order, or descending when `reverse`. An empty `to` means no end.
 * Without a snapshot, the newest state at the moment the scan is opened. */
struct kv_range {
    enum kv_keyspace keyspace;
    struct slice from;
    struct slice to;
    bool reverse;
};

enum status kv_scan_open(struct kv *kv, const struct kv_snapshot *snapshot,
                         const struct kv_range *range, struct kv_scan **scan,
                         struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with key and value (valid until the next call on this scan), or BEHALF_DONE. */
enum status kv_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value,
                         struct error *error) BEHALF_MUST_USE;
/* Moves forward: the next key is the first key of the range that is not before `from`, which is
 * after the last key given. The end of the range stays. Cheaper than a new scan, and very cheap
 * when that key is near. Not for a reverse scan. The next kv_scan_next reports a failure. */
void kv_scan_seek(struct kv_scan *scan, struct slice from);
void kv_scan_close(struct kv_scan *scan);

/* Applies the batch atomically; durable only after kv_sync, or at once when `durable`. */
enum status kv_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
                     struct error *error) BEHALF_MUST_USE;
/* Makes every earlier kv_write durable. After a failure the fate of unsynced batches is unknown. */
enum status kv_sync(struct kv *kv, struct error *error) BEHALF_MUST_USE;
/* After an error of background work stopped writes: finds out whether they are possible again. The
 * first kv_write after a sync does the same; `healthy` below tells. Call it on the writer thread
 * when no write waits. */
void kv_settle(struct kv *kv);

/* Loads sorted unique keys into an empty range: fast, atomic and durable. Only tests and benches
 * call it; it is for copying a whole store. */
enum status kv_bulk_load(struct kv *kv, enum kv_keyspace keyspace, const struct kv_change *changes,
                         size_t count, struct error *error) BEHALF_MUST_USE;

struct kv_stats {
    uint64_t data_bytes;
    uint64_t free_bytes;    /* of the file system; UINT64_MAX = unbounded */
    uint64_t reserve_bytes; /* with less free space, writing should stop */
    uint64_t past_bytes;    /* of history and changelog */
    uint32_t compacting;    /* bit k: a kv_compact of keyspace k is not done */
    bool healthy;           /* false after a failed write or an error of background work */
};

void kv_stats_read(struct kv *kv, struct kv_stats *stats);
void kv_figures_read(struct kv *kv, struct store_figures *figures);

/* A consistent copy in a directory that does not exist yet. Only tests call it: backups copy the
 * files of a stopped server (docs/backup.md). */
enum status kv_checkpoint(struct kv *kv, const char *path, struct error *error) BEHALF_MUST_USE;

#endif
