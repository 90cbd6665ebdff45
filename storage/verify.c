/* verify.c - fsck: meta records, names and nodes, and the order of the whole run.
 * Each family is checked against the others in both directions: names against nodes and nodes
 * against names, so that a record missing on either side is found. */
#include "storage/verify.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/memory.h"

#define PROGRESS_ENTRIES 16384 /* entries between two reports */

/* In the order of enum kv_keyspace. */
static const char *const families[KV_KEYSPACE_COUNT] = {
    "meta",    "names",  "nodes",    "forward", "reverse",      "history", "changelog",
    "schemas", "expiry", "requests", "records", "record_index", "seen",
};

static void
show_progress(const struct verifier *verifier, enum kv_keyspace keyspace, uint64_t entries)
{
    const struct store_progress *progress = verifier->progress;

    if (progress != NULL && entries % PROGRESS_ENTRIES == 0)
        progress->show(progress->context, families[keyspace], entries);
}

enum status
verify_each(struct verifier *verifier, enum kv_keyspace keyspace, verify_visit *visit,
            struct error *error)
{
    struct kv_range range = {.keyspace = keyspace};
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    uint64_t entries = 0;
    enum status status =
        kv_scan_open(verifier->store->kv, verifier->snapshot->kv, &range, &scan, error);

    if (status != BEHALF_OK)
        return status;
    while ((status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        show_progress(verifier, keyspace, entries++);
        status = visit(verifier, key, value, error);
        if (status != BEHALF_OK)
            break;
    }
    kv_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
verify_get(struct verifier *verifier, enum kv_keyspace keyspace, struct slice key, bool *found,
           struct error *error)
{
    return kv_get(verifier->store->kv, verifier->snapshot->kv, keyspace, key, &verifier->other,
                  found, error);
}

enum status
verify_edge_wrong(struct error *error, const char *family, const struct edge_key *key,
                  const char *what)
{
    return error_set(error, BEHALF_STORAGE_CORRUPT,
                     "%s: the edge %016" PRIx64 " #%u @ %016" PRIx64 " #%u %s", family,
                     key->resource, key->relation, key->subject, key->subject_relation, what);
}

const char *
verify_interval(struct verifier *verifier, struct slice versions, uint64_t created,
                uint64_t deleted)
{
    const struct slice last = {verifier->last_key, verifier->last_size};
    bool same = slice_equal(versions, last);

    if (created >= deleted || deleted > verifier->snapshot->head.revision)
        return "ended before it began or too late";
    if (same && created < verifier->last_deleted)
        return "has two values at one revision";
    BEHALF_ASSERT(versions.size <= sizeof verifier->last_key);
    memcpy(verifier->last_key, versions.data, versions.size);
    verifier->last_size = versions.size;
    verifier->last_deleted = deleted;
    return NULL;
}

/* --- meta --- */

static enum status
next_check(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    uint16_t type;
    unsigned kind;
    uint64_t next = 0;
    enum status status;

    (void)verifier;
    if (key.size != NEXT_KEY_SIZE)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "meta: a next number has a wrong key");
    type = bytes_get_u16(key.data + 5);
    kind = (unsigned char)key.data[7];
    status = number_decode("next number", value, &next, error);
    if (status != BEHALF_OK)
        return status;
    if ((type == LABEL_TYPE_NUMBER) != (kind != 0) || kind > LABEL_KIND_COUNT || next < 2 ||
        next > (kind != 0 ? (uint64_t)UINT16_MAX + 1 : NODE_SEQUENCE_LOCAL))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "meta: the next number of type %u, kind %u is impossible: %" PRIu64, type,
                         kind, next);
    return BEHALF_OK;
}

static enum status
meta_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    static const struct slice names[] = {
        {"format", 6}, {"incarnation", 11}, {"stopped", 7}, {"secret", 6},
        {"head", 4},   {"horizon", 7},      {"clock", 5},
    };
    static const size_t sizes[] = {
        4, INCARNATION_SIZE, INCARNATION_SIZE, STORE_SECRET_SIZE, HEAD_SIZE, 8, CLOCK_SIZE};

    if (slice_starts_with(key, SLICE_LITERAL(META_NEXT)))
        return next_check(verifier, key, value, error);
    if (slice_starts_with(key, SLICE_LITERAL(META_COUNT))) {
        verifier->counts_stored++; /* compared after the edges were counted */
        return BEHALF_OK;
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        if (slice_equal(key, names[index]) && value.size == sizes[index])
            return BEHALF_OK;
    }
    return error_set(error, BEHALF_STORAGE_CORRUPT, "meta: an unknown or damaged record");
}

/* --- names and nodes --- */

/* A number must be below the next free number of its type, or it could be handed out again. */
static enum status
number_used(struct verifier *verifier, uint64_t node, struct error *error)
{
    bool label = NODE_TYPE(node) == LABEL_TYPE_NUMBER;
    unsigned kind = label ? (unsigned)(node >> 16) : 0;
    uint64_t number = label ? node & UINT16_MAX : node & NODE_SEQUENCE_MASK;
    char key[NEXT_KEY_SIZE];
    uint64_t next = 1;
    bool found = false;
    enum status status;

    if (label && (kind < 1 || kind > LABEL_KIND_COUNT))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "nodes: the label node %016" PRIx64 " has an impossible kind", node);
    next_key_encode(NODE_TYPE(node), kind, key);
    status = verify_get(verifier, KV_META, (struct slice){key, sizeof key}, &found, error);
    if (status == BEHALF_OK && found)
        status = number_decode("next number", buffer_slice(&verifier->other), &next, error);
    if (status != BEHALF_OK)
        return status;
    if (number == 0 || number >= next)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "nodes: the node %016" PRIx64 " was never handed out", node);
    return BEHALF_OK;
}

static enum status
node_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    char bytes[NAME_KEY_SIZE_MAX];
    uint64_t node = 0;
    bool found = false;
    enum status status = number_decode("node key", key, &node, error);

    if (status == BEHALF_OK)
        status = number_used(verifier, node, error);
    if (status != BEHALF_OK)
        return status;
    if (value.size == 0 || value.size > STORE_NAME_SIZE_MAX)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "nodes: the node %016" PRIx64 " has an impossible name", node);
    key = name_key_encode(NODE_TYPE(node),
                          NODE_TYPE(node) == LABEL_TYPE_NUMBER ? (unsigned)(node >> 16) : 0, value,
                          bytes);
    status = verify_get(verifier, KV_NAMES, key, &found, error);
    if (status != BEHALF_OK)
        return status;
    if (!found || verifier->other.size != 8 || bytes_get_u64(verifier->other.data) != node)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "names: the name of node %016" PRIx64 " does not lead back to it", node);
    return BEHALF_OK;
}

static enum status
name_visit(struct verifier *verifier, struct slice key, struct slice value, struct error *error)
{
    size_t front = 2;
    uint64_t node = 0;
    bool found = false;
    enum status status = number_decode("name", value, &node, error);

    if (status != BEHALF_OK)
        return status;
    if (key.size >= 2 && bytes_get_u16(key.data) == LABEL_TYPE_NUMBER)
        front = 3;
    if (key.size <= front || bytes_get_u16(key.data) != NODE_TYPE(node) ||
        (front == 3 && (unsigned char)key.data[2] != node >> 16))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "names: a name has a node of another type: %016" PRIx64, node);
    status = verify_get(verifier, KV_NODES, value, &found, error);
    if (status != BEHALF_OK)
        return status;
    if (!found || !slice_equal(buffer_slice(&verifier->other),
                               (struct slice){key.data + front, key.size - front}))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "nodes: the node %016" PRIx64 " does not lead back to its name", node);
    return BEHALF_OK;
}

enum status
verify_names(struct verifier *verifier, struct error *error)
{
    enum status status = verify_each(verifier, KV_META, meta_visit, error);

    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_NODES, node_visit, error);
    if (status == BEHALF_OK)
        status = verify_each(verifier, KV_NAMES, name_visit, error);
    return status;
}

/* --- the run --- */

enum status
store_verify(struct store *store, struct error *error)
{
    return store_verify_showing(store, NULL, error);
}

enum status
store_verify_showing(struct store *store, const struct store_progress *progress,
                     struct error *error)
{
    struct verifier verifier = {.store = store, .next_revision = 1, .progress = progress};
    struct store_snapshot *snapshot = NULL;
    enum status status;

    buffer_init(&verifier.value);
    buffer_init(&verifier.other);
    status = store_snapshot_open(store, &snapshot, error);
    if (status != BEHALF_OK)
        goto done;
    verifier.snapshot = snapshot;
    verifier.horizon = store_horizon(store);
    status = verify_names(&verifier, error);
    if (status == BEHALF_OK)
        status = verify_edges(&verifier, error);
    if (status == BEHALF_OK)
        status = verify_records(&verifier, error);
    if (status == BEHALF_OK)
        status = verify_changelog(&verifier, error);
done:
    store_snapshot_close(snapshot);
    memory_free(verifier.counts);
    buffer_release(&verifier.value);
    buffer_release(&verifier.other);
    return status;
}
