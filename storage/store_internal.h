/* store_internal.h - structures shared by the files of the store. Outside storage/ only tests and
 * benches that put an adapter of their own under a store include it.
 *
 * Always true: `head` is the head of the newest batch that the adapter took; `head_revision`
 * repeats its revision for other threads. A label in memory is also in the adapter. Numbers handed
 * out only grow, also across aborted transactions.
 * Threads: each group of fields in struct store names its own. */
#ifndef BEHALF_STORAGE_STORE_INTERNAL_H
#define BEHALF_STORAGE_STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "storage/changelog.h"
#include "storage/directory.h"
#include "storage/keys.h"
#include "storage/kv.h"
#include "storage/labels.h"
#include "storage/store.h"

/* How long an idempotency key is remembered. */
#define REQUEST_KEPT_NS (INT64_C(24) * 3600 * 1000000000)

/* Edges removed since the last compaction request: how many, and the first and last key in each
 * direction. */
struct store_removed {
    uint64_t count;
    char from[2][EDGE_KEY_SIZE];
    char to[2][EDGE_KEY_SIZE];
};

struct store {
    /* Set at open, read by any thread. */
    struct kv *kv;
    const struct env *env;
    struct directory *directory; /* NULL for a store in memory */
    uint8_t incarnation[INCARNATION_SIZE];
    uint8_t secret[STORE_SECRET_SIZE];

    /* Read by any thread, written by the writer. */
    _Atomic uint64_t head_revision;
    _Atomic uint64_t horizon;
    _Atomic uint64_t held; /* the horizon is not trimmed beyond it */
    /* An upper bound for the deleted revisions in history, raised before the batch that adds an
     * entry. */
    _Atomic uint64_t newest_history;
    atomic_bool failed;     /* a write or sync failed: read-only until reopened */
    atomic_bool needs_stop; /* this incarnation has not begun with a stop yet */
    atomic_bool hindered;   /* no room for writes, or an error of background work */
    _Atomic uint64_t committed;
    _Atomic uint64_t committed_bytes;
    _Atomic uint64_t syncs;
    struct labels *labels;

    /* Writer thread only. */
    struct store_head head;
    struct store_transaction *transaction; /* the open transaction, or NULL */
    uint64_t *next_sequence;               /* by type; 0 = not read yet */
    uint32_t next_label[LABEL_KIND_COUNT];
    int64_t space_checked_ns; /* monotonic; 0 = never */
    bool space_low;
    struct store_removed removed;
    int64_t requests_dropped_ns; /* commit time at the last drop hint for requests */
};

struct store_snapshot {
    struct store *store;
    struct kv_snapshot *kv; /* NULL: the newest state, for the writer */
    struct store_head head;
    uint64_t newest_history; /* read after the storage snapshot: never too low */
};

/* Opens a store over an open adapter; takes over `kv`, also on failure. */
enum status store_open_on(struct kv *kv, const struct store_options *options, struct store **store,
                          struct error *error) BEHALF_MUST_USE;

/* REVISION_UNKNOWN or REVISION_EXPIRED when the snapshot cannot answer for `revision`. Call it
 * before a read for an early answer, and after it for a true one. */
enum status store_revision_check(const struct store_snapshot *snapshot, uint64_t revision,
                                 struct error *error) BEHALF_MUST_USE;

/* Looks up the value that was in force at `revision` among those of history whose keys are
 * `versions` and the revision that ended them. The first that was superseded after `revision` is
 * the candidate; it counts if it was created by then. It replaces the content of `value`. Check the
 * revision again afterwards. */
enum status store_history_find(const struct store_snapshot *snapshot, uint64_t revision,
                               struct slice versions, struct buffer *value, bool *found,
                               struct error *error) BEHALF_MUST_USE;

/* Decodes the node of an object's name, which must be of this type; otherwise STORAGE_CORRUPT. */
enum status node_decode(struct slice value, uint16_t type, uint64_t *node,
                        struct error *error) BEHALF_MUST_USE;
/* The next free number of a type, or of a kind of label. */
enum status store_next_read(struct kv *kv, uint16_t type, unsigned kind, uint64_t *next,
                            struct error *error) BEHALF_MUST_USE;

/* Verifies the links of the newest changelog entries, at most `count` and about `bytes_max` bytes,
 * up to the head record. */
enum status store_chain_check(const struct store_snapshot *snapshot, uint64_t count,
                              size_t bytes_max, struct error *error) BEHALF_MUST_USE;

#endif
