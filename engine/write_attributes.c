/* write_attributes.c - attributes of objects: set, merged and deleted.
 *
 * An object without attributes has no record: the empty map is stored as none. An update that
 * changes nothing puts no version; a write of such updates alone commits nothing, unless it has an
 * idempotency key or metadata, which are kept with a revision: a repeat of it must not be applied
 * to what others wrote since. */
#include "base/merge_patch.h"
#include "base/table.h"
#include "engine/attributes.h"
#include "engine/write_records.h"

#define UPDATE_ARENA ((size_t)4 * 1024 * 1024) /* to take one object's attributes apart */

/* --- the objects --- */

struct resolved_object {
    struct party party;
    uint32_t same_hash; /* the earlier update with the same hash; TABLE_NONE = none */
};

static enum status
no_memory(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
}

static enum status
check_counts(const struct engine_attributes_write *attributes, struct error *error)
{
    if (attributes->update_count == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "a write needs at least one update");
    if (attributes->update_count <= ENGINE_ATTRIBUTE_UPDATES_MAX)
        return BEHALF_OK;
    error_set(error, BEHALF_TOO_MANY_UPDATES_IN_REQUEST,
              "the write has %zu updates; at most %d are allowed", attributes->update_count,
              ENGINE_ATTRIBUTE_UPDATES_MAX);
    error_hint(error, "split it: what must be atomic fits in one write");
    return BEHALF_TOO_MANY_UPDATES_IN_REQUEST;
}

/* The hash only chooses whom to compare with. */
static enum status
check_distinct(struct table *seen, struct resolved_object *objects, uint32_t index,
               struct error *error)
{
    const struct party *party = &objects[index].party;
    uint64_t hash = digest_hash(party->text);
    uint32_t head = table_find(seen, hash);

    objects[index].same_hash = head;
    for (uint32_t at = head; at != TABLE_NONE; at = objects[at].same_hash) {
        if (slice_equal(objects[at].party.text, party->text))
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "two updates of one write name '%.*s'; the other is update %u",
                             SLICE_PRINTF(party->text), (unsigned)at);
    }
    if (head != TABLE_NONE)
        table_set(seen, hash, index);
    else if (!table_add(seen, hash, index))
        return no_memory(error);
    return BEHALF_OK;
}

static enum status
check_update(const struct engine_attributes_update *update, struct error *error)
{
    if (update->op == ATTRIBUTES_DELETE) {
        if (update->attributes == NULL)
            return BEHALF_OK;
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "attributes: 'delete' takes none; 'merge' with null removes single ones");
    }
    if (update->attributes != NULL && update->attributes->kind == DATUM_MAP)
        return BEHALF_OK;
    return error_set(error, BEHALF_MALFORMED_REQUEST, "attributes: a map is needed");
}

static enum status
take_objects(struct write_group *group, struct store_transaction *transaction,
             const struct engine_attributes_write *attributes, struct resolved_object *objects,
             struct error *error)
{
    struct table seen;

    if (!table_init(&seen, &group->arena, (uint32_t)attributes->update_count))
        return no_memory(error);
    for (uint32_t index = 0; index < attributes->update_count; index++) {
        const struct engine_attributes_update *update = &attributes->updates[index];
        enum status status = check_update(update, error);

        if (status == BEHALF_OK)
            status = write_party(group, transaction, &update->object, "object",
                                 &objects[index].party, error);
        if (status == BEHALF_OK)
            status = check_distinct(&seen, objects, index, error);
        if (status != BEHALF_OK) {
            error_index(error, index);
            return status;
        }
    }
    return BEHALF_OK;
}

/* --- what is stored --- */

/* The way to the first null in a value, in `path`; false when there is none. */
static bool
find_null(const struct datum *datum, struct buffer *path)
{
    size_t size = path->size;

    if (datum->kind == DATUM_NULL)
        return true;
    if (datum->kind == DATUM_LIST) {
        for (size_t at = 0; at < datum->as.list.count; at++) {
            buffer_add_format(path, "[%zu]", at);
            if (find_null(datum->as.list.items[at], path))
                return true;
            path->size = size;
        }
    } else if (datum->kind == DATUM_MAP) {
        for (size_t at = 0; at < datum->as.map.count; at++) {
            buffer_add_format(path, ".%.*s", SLICE_PRINTF(datum->as.map.fields[at].key));
            if (find_null(datum->as.map.fields[at].value, path))
                return true;
            path->size = size;
        }
    }
    return false;
}

static enum status
check_no_null(const struct datum *attributes, struct error *error)
{
    enum status status = BEHALF_OK;
    struct buffer path;

    buffer_init(&path);
    buffer_add_text(&path, "attributes");
    if (find_null(attributes, &path)) {
        status = error_set(error, BEHALF_MALFORMED_REQUEST, "%.*s: attributes are never null",
                           SLICE_PRINTF(buffer_slice(&path)));
        error_hint(error, "leave the key out, or remove it: merge it with null");
    }
    buffer_release(&path);
    return status;
}

static enum status
check_limits(const struct datum *attributes, struct slice body, struct error *error)
{
    if (attributes->as.map.count > ENGINE_ATTRIBUTES_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "attributes: the object would have %zu keys; at most %d are allowed",
                         attributes->as.map.count, ENGINE_ATTRIBUTES_MAX);
    return write_check_size(body.size, ENGINE_ATTRIBUTES_SIZE_MAX, "attributes", error);
}

/* What the object has afterwards, as stored: empty = none. */
static enum status
make_body(const struct engine_attributes_update *update, struct slice stored, struct arena *scratch,
          struct buffer *body, struct error *error)
{
    const struct datum *attributes = update->attributes;
    const struct datum *before = NULL;
    enum status status = BEHALF_OK;

    if (update->op == ATTRIBUTES_DELETE)
        return BEHALF_OK;
    if (update->op == ATTRIBUTES_MERGE && stored.size > 0)
        status = attributes_decode(stored, scratch, &before, error);
    if (status != BEHALF_OK)
        return status;
    if (update->op == ATTRIBUTES_MERGE)
        attributes = merge_patch(before, attributes, scratch);
    if (attributes == NULL)
        return no_memory(error);
    status = check_no_null(attributes, error);
    if (status != BEHALF_OK || attributes->as.map.count == 0)
        return status;
    datum_encode(attributes, body);
    return check_limits(attributes, buffer_slice(body), error);
}

/* The body that the object's record has; empty = there is no record. It lives until the next record
 * is read. */
static enum status
read_stored(struct write_group *group, struct store_transaction *transaction,
            const struct party *party, struct slice *stored, struct error *error)
{
    const struct store_snapshot *snapshot = store_transaction_snapshot(transaction);
    struct store_record_key key;
    struct store_record record;
    bool found = false;
    enum status status;

    *stored = (struct slice){NULL, 0};
    if (!party->has_node)
        return BEHALF_OK;
    key = record_attributes_key(party->node);
    status = store_record_find(snapshot, store_snapshot_head(snapshot), &key, &record,
                               &group->record, &found, error);
    if (status == BEHALF_OK && found)
        *stored = record.body;
    return status;
}

static enum status
put_body(struct write_group *group, struct store_transaction *transaction, struct party *party,
         struct slice body, struct error *error)
{
    struct store_record record = {.body = body};
    enum status status = write_party_node(group, transaction, party, error);

    if (status != BEHALF_OK)
        return status;
    record.key = record_attributes_key(party->node);
    return body.size > 0 ? store_transaction_record_put(transaction, &record, error)
                         : store_transaction_record_remove(transaction, &record.key, error);
}

static enum status
apply_update(struct write_group *group, struct store_transaction *transaction,
             const struct engine_attributes_update *update, struct party *party,
             struct arena *scratch, bool *changed, struct error *error)
{
    struct slice stored;
    struct buffer body;
    enum status status = read_stored(group, transaction, party, &stored, error);

    buffer_init(&body);
    if (status == BEHALF_OK)
        status = make_body(update, stored, scratch, &body, error);
    if (status == BEHALF_OK && !slice_equal(stored, buffer_slice(&body))) {
        status = put_body(group, transaction, party, buffer_slice(&body), error);
        *changed = true;
    }
    buffer_release(&body);
    return status;
}

/* --- the whole write --- */

enum status
write_attributes(struct write_group *group, struct store_transaction *transaction,
                 struct engine_write *write)
{
    const struct engine_attributes_write *attributes = write->attributes;
    struct error *error = &write->error;
    struct resolved_object *objects;
    struct arena scratch;
    bool changed = false;
    enum status status = check_counts(attributes, error);

    if (status == BEHALF_OK)
        status = write_needs_schema(group, error);
    if (status != BEHALF_OK)
        return status;
    objects = arena_take_array(&group->arena, attributes->update_count, sizeof *objects);
    if (objects == NULL)
        return no_memory(error);
    status = take_objects(group, transaction, attributes, objects, error);
    arena_init(&scratch, UPDATE_ARENA);
    for (size_t index = 0; status == BEHALF_OK && index < attributes->update_count; index++) {
        arena_reset(&scratch, UPDATE_ARENA);
        status = apply_update(group, transaction, &attributes->updates[index],
                              &objects[index].party, &scratch, &changed, error);
        if (status != BEHALF_OK)
            error_index(error, index);
    }
    arena_release(&scratch);
    if (status == BEHALF_OK && !changed && write->idempotency_key.size == 0 &&
        write->metadata.size == 0)
        return BEHALF_DONE;
    return status;
}
