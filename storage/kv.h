/* kv.h - the ordered key-value seam under the store.
 *
 * Always true: keys are bytes in unsigned byte order; a batch is applied whole or not at all; a
 * snapshot never changes; a loop over a scan has read its status before it believes the end
 * (kv_scan_next is the only way to advance, and returns BEHALF_DONE only for a true end).
 * No word of any particular engine stands here; adapters (kv_rocksdb.c, kv_memory.c, kv_fault.c in
 * tests) implement `struct kv_operations`. Nothing above an adapter sees its library.
 * Threads: reads, scans and snapshots from any thread; kv_write and kv_sync from one writer thread
 * at a time. A scan and the slices it returns belong to one thread.
 * Errors: STORAGE_FAILED (I/O, full disk: the message says which), STORAGE_CORRUPT (checksums),
 * SERVICE_READ_ONLY (nothing was written: fenced by another writer, or stopped after an error of
 * background work), TOO_MANY_UPDATES_IN_REQUEST (batch too big for the adapter), REVISION_EXPIRED
 * (snapshot grew too old). RocksDB raises only the first three, memory the first two. */
#ifndef BEHALF_STORAGE_KV_H
#define BEHALF_STORAGE_KV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

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
    KV_KEYSPACE_COUNT
};

struct kv;
struct kv_snapshot;
struct kv_scan;

struct kv_options {
    const char *path; /* directory of the data; NULL for the in-memory adapter */
    bool create_if_missing;
    bool read_only;         /* changes no file; every write fails */
    bool drop_damaged_tail; /* open what stands before the first damaged record of the log */
    size_t memory_bytes;    /* of caches and of what is not flushed yet; 0 = adapter's default */
    size_t cache_bytes;     /* of that, for what was read; 0 = a fifth, or what is left over */
};

/* One change of a batch. */
struct kv_change {
    enum kv_keyspace keyspace;
    bool remove;
    struct slice key;
    struct slice value; /* ignored when `remove` */
};

/* A rule for dropping old entries of a keyspace whenever the adapter finds it convenient: entries
 * whose trailing 8-byte big-endian number is not above `horizon` may vanish. Readers compare the
 * horizon themselves; the hint frees space, it never decides an answer. */
void kv_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon);

/* Asks for the range to be rewritten in the background, so that what was removed from it, or may be
 * dropped, costs neither room nor the time of scans. Not done when the range takes more than about
 * `bytes_max`: what was removed then lies among much that was not. Returns at once; closing breaks
 * it off. */
void kv_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
                uint64_t bytes_max);

enum status kv_open_rocksdb(const struct kv_options *options, struct kv **kv,
                            struct error *error) BEHALF_MUST_USE;
enum status kv_open_memory(struct kv **kv, struct error *error) BEHALF_MUST_USE;
void kv_close(struct kv *kv); /* accepts NULL; every snapshot and scan must be closed before */

enum status kv_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot,
                             struct error *error) BEHALF_MUST_USE;
void kv_snapshot_close(struct kv_snapshot *snapshot);

/* `snapshot` may be NULL: the newest state. *found says whether the key exists; the value replaces
 * the content of `value`. */
enum status kv_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
                   struct slice key, struct buffer *value, bool *found,
                   struct error *error) BEHALF_MUST_USE;

/* What stands at a key. */
struct kv_found {
    bool found;
    struct slice value;
};

/* kv_get of `count` keys of one keyspace, which ascend strictly (asserted), at one state: cheaper
 * than one after the other. found[k] is of keys[k], its value in `arena`, which has no cap. When
 * one cannot be read, the call fails and says nothing of any. */
enum status kv_get_batch(struct kv *kv, const struct kv_snapshot *snapshot,
                         enum kv_keyspace keyspace, const struct slice *keys, size_t count,
                         struct kv_found *found, struct arena *arena,
                         struct error *error) BEHALF_MUST_USE;

/* Keys of [from, to) in ascending order, or descending when `reverse`. An empty `to` means
 * no end. Without a snapshot, the newest state when the scan is opened. */
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
/* The next key is the first one of the range that is not before `from`, which lies behind the key
 * given last. The end stays the end. Costs less than another scan, and little when that key is
 * near. Not of a reverse scan. A failure is told by the next kv_scan_next. */
void kv_scan_seek(struct kv_scan *scan, struct slice from);
void kv_scan_close(struct kv_scan *scan);

/* Applies the batch atomically; durable only after kv_sync, or at once when `durable`. */
enum status kv_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
                     struct error *error) BEHALF_MUST_USE;
/* Makes every earlier kv_write durable. After a failure nothing is known of unsynced batches. */
enum status kv_sync(struct kv *kv, struct error *error) BEHALF_MUST_USE;
/* Finds out whether writing that an error of background work stopped is possible again, and so does
 * the first kv_write after a sync; `healthy` below tells. The writer thread, when nothing waits. */
void kv_settle(struct kv *kv);

/* Loads sorted unique keys into an empty range fast, atomically and durably. Nothing calls it but
 * tests and benches: it is how a replica will take its first copy, and an import a whole store. */
enum status kv_bulk_load(struct kv *kv, enum kv_keyspace keyspace, const struct kv_change *changes,
                         size_t count, struct error *error) BEHALF_MUST_USE;

struct kv_stats {
    uint64_t data_bytes;
    uint64_t free_bytes;    /* of the file system; UINT64_MAX when unbounded */
    uint64_t reserve_bytes; /* with less free than this, writing should stop before it must */
    uint64_t past_bytes;    /* of history and changelog */
    uint32_t compacting;    /* bit k: something asked for by kv_compact of keyspace k is not done */
    bool healthy;           /* false after a failed write, and while background work may stop it */
};

void kv_stats_read(struct kv *kv, struct kv_stats *stats);

/* A consistent copy in a directory that does not exist yet. Nothing calls it but tests: backups are
 * made of a stopped server's files (docs/backup.md) until the server makes them with this. */
enum status kv_checkpoint(struct kv *kv, const char *path, struct error *error) BEHALF_MUST_USE;

#endif
