/* kv_memory.c - the in-memory adapter: a persistent treap per keyspace (copy on write along a
 * path).
 *
 * Always true: a node that more than one holder can reach is never written. A batch builds new
 * roots beside the old ones and swaps them all under the lock, so a snapshot, which holds the roots
 * it found, sees a batch as a whole or not at all. A node's priority is the hash of its key under
 * the seed of the process, so the height of a treap is about 3 log2(n), whatever keys a client
 * chooses.
 * Threads: `lock` guards `roots` only; the trees under a held root are read without it. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/memory.h"
#include "storage/kv_adapter.h"

/* Far above the height of a treap of 2^40 keys with random priorities. Asserted where a path is
 * stored. Recursion has no other bound than that height. */
#define HEIGHT_MAX 256

struct memory_entry {
    atomic_size_t references;
    size_t key_size;
    size_t value_size;
    char bytes[]; /* key, then value */
};

struct node {
    atomic_size_t references;
    uint64_t priority;
    struct memory_entry *entry;
    struct node *left;
    struct node *right;
};

struct memory_kv {
    struct kv base;
    pthread_mutex_t lock;
    struct node *roots[KV_KEYSPACE_COUNT];
};

struct memory_snapshot {
    struct kv_snapshot base;
    struct node *roots[KV_KEYSPACE_COUNT];
};

struct memory_scan {
    struct kv_scan base;
    struct node *root; /* a held reference */
    bool reverse;
    struct memory_entry *bound; /* from `to`, or from `from` in reverse; NULL = none */
    size_t depth;
    struct node *path[HEIGHT_MAX]; /* nodes still to visit, the next on top */
};

/* --- entries and nodes --- */

static struct slice
entry_key(const struct memory_entry *entry)
{
    return (struct slice){entry->bytes, entry->key_size};
}

static struct slice
entry_value(const struct memory_entry *entry)
{
    return (struct slice){entry->bytes + entry->key_size, entry->value_size};
}

static struct memory_entry *
entry_new(struct slice key, struct slice value)
{
    struct memory_entry *entry = memory_new(sizeof *entry + key.size + value.size);

    atomic_init(&entry->references, 1);
    entry->key_size = key.size;
    entry->value_size = value.size;
    if (key.size > 0)
        memcpy(entry->bytes, key.data, key.size);
    if (value.size > 0)
        memcpy(entry->bytes + key.size, value.data, value.size);
    return entry;
}

static void
entry_unref(struct memory_entry *entry)
{
    if (entry != NULL && atomic_fetch_sub(&entry->references, 1) == 1)
        memory_free(entry);
}

static struct node *
node_ref(struct node *node)
{
    if (node != NULL)
        (void)atomic_fetch_add(&node->references, 1);
    return node;
}

/* Recursion is as deep as the tree is high. */
static void
node_unref(struct node *node)
{
    if (node == NULL || atomic_fetch_sub(&node->references, 1) != 1)
        return;
    node_unref(node->left);
    node_unref(node->right);
    entry_unref(node->entry);
    memory_free(node);
}

/* Returns a node that only the caller can reach: `node` itself, or a copy. Takes the caller's
 * reference. A count of one means one holder; others could reach the node only through a root that
 * is swapped in later, so the count cannot rise during the test. */
static struct node *
node_own(struct node *node)
{
    struct node *copy;

    if (atomic_load(&node->references) == 1)
        return node;
    copy = memory_new(sizeof *copy);
    atomic_init(&copy->references, 1);
    copy->priority = node->priority;
    copy->entry = node->entry;
    (void)atomic_fetch_add(&copy->entry->references, 1);
    copy->left = node_ref(node->left);
    copy->right = node_ref(node->right);
    node_unref(node);
    return copy;
}

static struct node *
rotate_right(struct node *node)
{
    struct node *top = node->left;

    node->left = top->right;
    top->right = node;
    return top;
}

static struct node *
rotate_left(struct node *node)
{
    struct node *top = node->right;

    node->right = top->left;
    top->left = node;
    return top;
}

/* Takes the references to `root` and `entry`; returns an owned root. */
static struct node *
tree_put(struct node *root, struct memory_entry *entry, uint64_t priority)
{
    int order;

    if (root == NULL) {
        root = memory_new(sizeof *root);
        atomic_init(&root->references, 1);
        root->priority = priority;
        root->entry = entry;
        return root;
    }
    root = node_own(root);
    order = slice_compare(entry_key(entry), entry_key(root->entry));
    if (order == 0) {
        entry_unref(root->entry);
        root->entry = entry;
    } else if (order < 0) {
        root->left = tree_put(root->left, entry, priority);
        if (root->left->priority > root->priority)
            root = rotate_right(root);
    } else {
        root->right = tree_put(root->right, entry, priority);
        if (root->right->priority > root->priority)
            root = rotate_left(root);
    }
    return root;
}

/* Joins two trees of which every key of `left` is below every key of `right`. Takes both. */
static struct node *
tree_join(struct node *left, struct node *right)
{
    if (left == NULL)
        return right;
    if (right == NULL)
        return left;
    if (left->priority > right->priority) {
        left = node_own(left);
        left->right = tree_join(left->right, right);
        return left;
    }
    right = node_own(right);
    right->left = tree_join(left, right->left);
    return right;
}

/* `key` must be in the tree. */
static struct node *
tree_remove(struct node *root, struct slice key)
{
    int order;
    struct node *rest;

    BEHALF_ASSERT(root != NULL);
    root = node_own(root);
    order = slice_compare(key, entry_key(root->entry));
    if (order < 0) {
        root->left = tree_remove(root->left, key);
        return root;
    }
    if (order > 0) {
        root->right = tree_remove(root->right, key);
        return root;
    }
    rest = tree_join(root->left, root->right);
    root->left = NULL;
    root->right = NULL;
    node_unref(root);
    return rest;
}

static const struct memory_entry *
tree_find(const struct node *root, struct slice key)
{
    while (root != NULL) {
        int order = slice_compare(key, entry_key(root->entry));

        if (order == 0)
            return root->entry;
        root = order < 0 ? root->left : root->right;
    }
    return NULL;
}

/* --- reading --- */

static struct node *
root_hold(struct memory_kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace)
{
    struct node *root;

    if (snapshot != NULL)
        return node_ref(((const struct memory_snapshot *)snapshot)->roots[keyspace]);
    (void)pthread_mutex_lock(&kv->lock);
    root = node_ref(kv->roots[keyspace]);
    (void)pthread_mutex_unlock(&kv->lock);
    return root;
}

static enum status
memory_snapshot_open(struct kv *kv, struct kv_snapshot **snapshot, struct error *error)
{
    struct memory_kv *memory = (struct memory_kv *)kv;
    struct memory_snapshot *result = memory_new(sizeof *result);

    (void)error;
    result->base.kv = kv;
    (void)pthread_mutex_lock(&memory->lock);
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++)
        result->roots[index] = node_ref(memory->roots[index]);
    (void)pthread_mutex_unlock(&memory->lock);
    *snapshot = &result->base;
    return BEHALF_OK;
}

static void
memory_snapshot_close(struct kv_snapshot *snapshot)
{
    struct memory_snapshot *memory = (struct memory_snapshot *)snapshot;

    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++)
        node_unref(memory->roots[index]);
    memory_free(memory);
}

static enum status
memory_get(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
           struct slice key, struct buffer *value, bool *found, struct error *error)
{
    struct node *root = root_hold((struct memory_kv *)kv, snapshot, keyspace);
    const struct memory_entry *entry = tree_find(root, key);

    (void)error;
    buffer_clear(value);
    *found = entry != NULL;
    if (entry != NULL)
        buffer_add_slice(value, entry_value(entry));
    node_unref(root);
    return BEHALF_OK;
}

static enum status
memory_get_batch(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
                 const struct slice *keys, size_t count, struct kv_found *found,
                 struct arena *arena, struct error *error)
{
    struct node *root = root_hold((struct memory_kv *)kv, snapshot, keyspace);

    (void)error;
    for (size_t index = 0; index < count; index++) {
        const struct memory_entry *entry = tree_find(root, keys[index]);

        found[index] = (struct kv_found){.found = entry != NULL};
        if (entry != NULL) {
            found[index].value = arena_copy(arena, entry_value(entry));
            BEHALF_ASSERT(found[index].value.data != NULL);
        }
    }
    node_unref(root);
    return BEHALF_OK;
}

static void
scan_push(struct memory_scan *scan, struct node *node)
{
    BEHALF_ASSERT(scan->depth < HEIGHT_MAX);
    scan->path[scan->depth++] = node;
}

/* Fills the path with the nodes not below `from`, smallest on top; in reverse with the nodes below
 * `to` (an empty `to` = all), largest on top. */
static void
scan_seek(struct memory_scan *scan, const struct kv_range *range)
{
    struct node *node = scan->root;

    while (node != NULL) {
        struct slice key = entry_key(node->entry);
        bool wanted;

        if (range->reverse)
            wanted = range->to.size == 0 || slice_compare(key, range->to) < 0;
        else
            wanted = slice_compare(key, range->from) >= 0;
        if (wanted)
            scan_push(scan, node);
        node = wanted == range->reverse ? node->right : node->left;
    }
}

static enum status
memory_scan_open(struct kv *kv, const struct kv_snapshot *snapshot, const struct kv_range *range,
                 struct kv_scan **scan, struct error *error)
{
    struct memory_scan *result = memory_new(sizeof *result);
    struct slice bound = range->reverse ? range->from : range->to;

    (void)error;
    result->base.kv = kv;
    result->root = root_hold((struct memory_kv *)kv, snapshot, range->keyspace);
    result->reverse = range->reverse;
    if (bound.size > 0)
        result->bound = entry_new(bound, (struct slice){NULL, 0});
    scan_seek(result, range);
    *scan = &result->base;
    return BEHALF_OK;
}

static enum status
memory_scan_next(struct kv_scan *scan, struct slice *key, struct slice *value, struct error *error)
{
    struct memory_scan *memory = (struct memory_scan *)scan;
    struct node *node;

    (void)error;
    if (memory->depth == 0)
        return BEHALF_DONE;
    node = memory->path[memory->depth - 1];
    if (memory->bound != NULL) {
        int order = slice_compare(entry_key(node->entry), entry_key(memory->bound));

        if (memory->reverse ? order < 0 : order >= 0) {
            memory->depth = 0;
            return BEHALF_DONE;
        }
    }
    memory->depth--;
    *key = entry_key(node->entry);
    *value = entry_value(node->entry);
    node = memory->reverse ? node->left : node->right;
    while (node != NULL) {
        scan_push(memory, node);
        node = memory->reverse ? node->right : node->left;
    }
    return BEHALF_OK;
}

static void
memory_scan_seek(struct kv_scan *scan, struct slice from)
{
    struct memory_scan *memory = (struct memory_scan *)scan;

    BEHALF_ASSERT(!memory->reverse);
    if (memory->depth == 0)
        return; /* already at the end */
    memory->depth = 0;
    scan_seek(memory, &(struct kv_range){.from = from});
}

static void
memory_scan_close(struct kv_scan *scan)
{
    struct memory_scan *memory = (struct memory_scan *)scan;

    entry_unref(memory->bound);
    node_unref(memory->root);
    memory_free(memory);
}

/* --- writing --- */

/* Swaps in `roots` and releases the old ones. */
static void
roots_swap(struct memory_kv *kv, struct node **roots)
{
    (void)pthread_mutex_lock(&kv->lock);
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++) {
        struct node *old = kv->roots[index];

        kv->roots[index] = roots[index];
        roots[index] = old;
    }
    (void)pthread_mutex_unlock(&kv->lock);
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++)
        node_unref(roots[index]);
}

/* There is one writer, so no other thread swaps the roots between hold and swap. */
static void
roots_hold(struct memory_kv *kv, struct node **roots)
{
    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++)
        roots[index] = root_hold(kv, NULL, (enum kv_keyspace)index);
}

static enum status
memory_write(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
             struct error *error)
{
    struct node *roots[KV_KEYSPACE_COUNT];

    (void)durable;
    (void)error;
    roots_hold((struct memory_kv *)kv, roots);
    for (size_t index = 0; index < count; index++) {
        const struct kv_change *change = &changes[index];
        struct node **root = &roots[change->keyspace];

        if (!change->remove)
            *root =
                tree_put(*root, entry_new(change->key, change->value), digest_hash(change->key));
        else if (tree_find(*root, change->key) != NULL)
            *root = tree_remove(*root, change->key);
    }
    roots_swap((struct memory_kv *)kv, roots);
    return BEHALF_OK;
}

static enum status
memory_sync(struct kv *kv, struct error *error)
{
    (void)kv;
    (void)error;
    return BEHALF_OK;
}

static void
memory_settle(struct kv *kv)
{
    (void)kv;
}

static enum status
memory_bulk_load(struct kv *kv, enum kv_keyspace keyspace, const struct kv_change *changes,
                 size_t count, struct error *error)
{
    for (size_t index = 0; index < count; index++)
        BEHALF_ASSERT(changes[index].keyspace == keyspace && !changes[index].remove);
    return memory_write(kv, changes, count, true, error);
}

/* Drops at once. RocksDB drops at some later time, so tests with this adapter show the harder case
 * for readers. */
static void
memory_drop_hint(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon)
{
    struct memory_kv *memory = (struct memory_kv *)kv;
    struct kv_range all = {.keyspace = keyspace};
    struct node *roots[KV_KEYSPACE_COUNT];
    struct kv_scan *scan;
    struct slice key;
    struct slice value;

    if (memory_scan_open(kv, NULL, &all, &scan, NULL) != BEHALF_OK)
        return;
    roots_hold(memory, roots);
    while (memory_scan_next(scan, &key, &value, NULL) == BEHALF_OK) {
        if (key.size >= 8 && bytes_get_u64(key.data + key.size - 8) <= horizon)
            roots[keyspace] = tree_remove(roots[keyspace], key);
    }
    memory_scan_close(scan);
    roots_swap(memory, roots);
}

static bool
memory_is_complete(const struct kv *kv)
{
    (void)kv;
    return true;
}

static enum status
memory_complete(struct kv *kv, struct error *error)
{
    (void)kv;
    (void)error;
    return BEHALF_OK;
}

/* Nothing to compact: removed entries are freed at once. */
static void
memory_compact(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
               uint64_t bytes_max)
{
    (void)kv;
    (void)keyspace;
    (void)from;
    (void)to;
    (void)bytes_max;
}

static void
memory_stats_read(struct kv *kv, struct kv_stats *stats)
{
    (void)kv;
    *stats = (struct kv_stats){.free_bytes = UINT64_MAX, .healthy = true};
}

static enum status
memory_checkpoint(struct kv *kv, const char *path, struct error *error)
{
    (void)kv;
    return error_set(error, BEHALF_STORAGE_FAILED,
                     "cannot copy the store to '%s': it lives in memory", path);
}

static void
memory_close(struct kv *kv)
{
    struct memory_kv *memory = (struct memory_kv *)kv;

    for (size_t index = 0; index < KV_KEYSPACE_COUNT; index++)
        node_unref(memory->roots[index]);
    (void)pthread_mutex_destroy(&memory->lock);
    memory_free(memory);
}

static const struct kv_operations memory_operations = {
    .close = memory_close,
    .drop_hint = memory_drop_hint,
    .compact = memory_compact,
    .is_complete = memory_is_complete,
    .complete = memory_complete,
    .snapshot_open = memory_snapshot_open,
    .snapshot_close = memory_snapshot_close,
    .get = memory_get,
    .get_batch = memory_get_batch,
    .scan_open = memory_scan_open,
    .scan_next = memory_scan_next,
    .scan_seek = memory_scan_seek,
    .scan_close = memory_scan_close,
    .write = memory_write,
    .sync = memory_sync,
    .settle = memory_settle,
    .bulk_load = memory_bulk_load,
    .stats_read = memory_stats_read,
    .checkpoint = memory_checkpoint,
};

enum status
kv_open_memory(struct kv **kv, struct error *error)
{
    struct memory_kv *result = memory_new(sizeof *result);
    int failed = pthread_mutex_init(&result->lock, NULL);

    (void)error;
    BEHALF_ASSERT(failed == 0);
    result->base.operations = &memory_operations;
    *kv = &result->base;
    return BEHALF_OK;
}
