/* dictionary.c - names to numbers and back, as stored.
 * Always true: a name and its node are written in one batch and never change, so a read needs no
 * revision. Every number that is read is checked against the type it must have. */
#include <inttypes.h>

#include "base/memory.h"
#include "storage/store_internal.h"

uint16_t
store_label_find(struct store *store, enum label_kind kind, struct slice name)
{
    return labels_find(store->labels, kind, name);
}

struct slice
store_label_name(struct store *store, enum label_kind kind, uint16_t label)
{
    return labels_name(store->labels, kind, label);
}

enum status
store_next_read(struct kv *kv, uint16_t type, unsigned kind, uint64_t *next, struct error *error)
{
    char key[NEXT_KEY_SIZE];
    struct buffer value;
    uint64_t number = 1;
    bool found;
    enum status status;

    buffer_init(&value);
    next_key_encode(type, kind, key);
    status = kv_get(kv, NULL, KV_META, (struct slice){key, sizeof key}, &value, &found, error);
    if (status == BEHALF_OK && found)
        status = number_decode("next number", buffer_slice(&value), &number, error);
    if (status == BEHALF_OK && number == 0)
        status = error_set(error, BEHALF_STORAGE_CORRUPT, "the next number of type %u is 0", type);
    if (status == BEHALF_OK)
        *next = number;
    buffer_release(&value);
    return status;
}

static bool
is_object(uint64_t node)
{
    return !NODE_IS_WILDCARD(node) && !NODE_IS_LOCAL(node);
}

enum status
node_decode(struct slice value, uint16_t type, uint64_t *node, struct error *error)
{
    uint64_t number;
    enum status status = number_decode("node", value, &number, error);

    if (status != BEHALF_OK)
        return status;
    if (NODE_TYPE(number) != type || !is_object(number))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "a name of type %u has the impossible node %016" PRIx64, type, number);
    *node = number;
    return BEHALF_OK;
}

enum status
store_node_find(const struct store_snapshot *snapshot, uint16_t type, struct slice id,
                uint64_t *node, bool *found, struct error *error)
{
    char key[NAME_KEY_SIZE_MAX];
    struct buffer value;
    bool there = false;
    enum status status;

    if (type == LABEL_TYPE_NUMBER || id.size > STORE_NAME_SIZE_MAX) {
        *found = false; /* neither is ever stored */
        return BEHALF_OK;
    }
    buffer_init(&value);
    status = kv_get(snapshot->store->kv, snapshot->kv, KV_NAMES, name_key_encode(type, 0, id, key),
                    &value, &there, error);
    if (status == BEHALF_OK && there)
        status = node_decode(buffer_slice(&value), type, node, error);
    if (status == BEHALF_OK)
        *found = there;
    buffer_release(&value);
    return status;
}

enum status
store_node_name(const struct store_snapshot *snapshot, uint64_t node, struct buffer *id,
                struct error *error)
{
    char key[NODE_KEY_SIZE];
    struct buffer value;
    bool found = false;
    enum status status;

    buffer_init(&value);
    bytes_put_u64(key, node);
    if (NODE_TYPE(node) != LABEL_TYPE_NUMBER) {
        status = kv_get(snapshot->store->kv, snapshot->kv, KV_NODES,
                        (struct slice){key, sizeof key}, &value, &found, error);
        if (status != BEHALF_OK)
            goto done;
    }
    status = BEHALF_OK;
    if (!found)
        status =
            error_set(error, BEHALF_STORAGE_CORRUPT, "the node %016" PRIx64 " has no name", node);
    else
        buffer_add_slice(id, buffer_slice(&value));
done:
    buffer_release(&value);
    return status;
}

/* The first key after all keys that start with `key`. Trailing bytes 0xFF have no successor and are
 * cut; the type in front keeps something to increment. */
static struct slice
key_behind(struct slice key, char bytes[NAME_KEY_SIZE_MAX])
{
    memcpy(bytes, key.data, key.size);
    while (key.size > 0 && (unsigned char)bytes[key.size - 1] == 0xFF)
        key.size--;
    if (key.size > 0)
        bytes[key.size - 1] = (char)((unsigned char)bytes[key.size - 1] + 1);
    return (struct slice){bytes, key.size};
}

enum status
store_nodes_with_prefix(const struct store_snapshot *snapshot, uint16_t type, struct slice prefix,
                        struct slice after, uint64_t *nodes, size_t capacity, size_t *count,
                        struct error *error)
{
    char from[NAME_KEY_SIZE_MAX];
    char to[NAME_KEY_SIZE_MAX];
    struct kv_range range = {.keyspace = KV_NAMES};
    bool behind = after.size > 0 && slice_compare(after, prefix) >= 0;
    struct kv_scan *scan;
    struct slice key;
    struct slice value;
    size_t filled = 0;
    enum status status;

    if (type == LABEL_TYPE_NUMBER || prefix.size > STORE_NAME_SIZE_MAX ||
        after.size > STORE_NAME_SIZE_MAX) {
        *count = 0;
        return BEHALF_OK;
    }
    range.from = name_key_encode(type, 0, prefix, from);
    range.to = key_behind(range.from, to);
    if (behind)
        range.from = name_key_encode(type, 0, after, from);
    if (range.to.size > 0 && slice_compare(range.from, range.to) >= 0) {
        *count = 0;
        return BEHALF_OK;
    }
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);
    if (status != BEHALF_OK)
        return status;
    while (filled < capacity && (status = kv_scan_next(scan, &key, &value, error)) == BEHALF_OK) {
        if (behind && slice_equal(key, range.from))
            continue;
        status = node_decode(value, type, &nodes[filled], error);
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

/* --- all names --- */

struct store_names {
    struct kv_scan *scan;
};

enum status
store_names_open(const struct store_snapshot *snapshot, struct store_names **names,
                 struct error *error)
{
    char from[NODE_KEY_SIZE];
    struct kv_range range = {.keyspace = KV_NODES, .from = {from, sizeof from}};
    struct kv_scan *scan;
    enum status status;

    bytes_put_u64(from, NODE_WILDCARD(LABEL_TYPE_NUMBER + 1));
    status = kv_scan_open(snapshot->store->kv, snapshot->kv, &range, &scan, error);
    if (status != BEHALF_OK)
        return status;
    *names = memory_new(sizeof **names);
    (*names)->scan = scan;
    return BEHALF_OK;
}

void
store_names_move(struct store_names *names, uint64_t node)
{
    char from[NODE_KEY_SIZE];

    bytes_put_u64(from, node);
    kv_scan_seek(names->scan, (struct slice){from, sizeof from});
}

enum status
store_names_next(struct store_names *names, uint64_t *node, struct slice *id, struct error *error)
{
    struct slice key;
    enum status status = kv_scan_next(names->scan, &key, id, error);

    if (status == BEHALF_OK)
        status = number_decode("node", key, node, error);
    if (status == BEHALF_OK && (!is_object(*node) || id->size > STORE_NAME_SIZE_MAX))
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "the node %016" PRIx64 " or its name of %zu bytes is impossible", *node,
                           id->size);
    return status;
}

void
store_names_close(struct store_names *names)
{
    if (names == NULL)
        return;
    kv_scan_close(names->scan);
    memory_free(names);
}
