/* changes.c - names for the changes of a changelog entry. A name stands in the entry only where it
 * is new, so it is read from the dictionary, which never changes or forgets one. */
#include "engine/changes.h"

#include "base/bytes.h"

void
changes_init(struct changes *changes, struct store *store)
{
    *changes = (struct changes){.store = store};
    buffer_init(&changes->entry);
    buffer_init(&changes->ids[0]);
    buffer_init(&changes->ids[1]);
}

void
changes_release(struct changes *changes)
{
    buffer_release(&changes->entry);
    buffer_release(&changes->ids[0]);
    buffer_release(&changes->ids[1]);
}

enum status
changes_open(struct changes *changes, const struct store_snapshot *snapshot, uint64_t revision,
             struct store_entry *entry, struct error *error)
{
    enum status status;

    changes->snapshot = snapshot;
    status = store_changelog_read(snapshot, revision, &changes->entry, error);
    if (status == BEHALF_OK)
        status = store_entry_open(buffer_slice(&changes->entry), entry, &changes->cursor, error);
    if (status == BEHALF_OK && entry->revision != revision)
        status = error_set(error, BEHALF_STORAGE_CORRUPT,
                           "a changelog entry names another revision than its key");
    return status;
}

enum status
changes_next(struct changes *changes, struct change *change, struct error *error)
{
    *change = (struct change){.relationship = {.expires_at = 0}};
    return store_entry_next(&changes->cursor, &change->stored, error);
}

/* Updates of one transaction often share a resource or a subject, whose name is read once. */
static enum status
name_object(struct changes *changes, unsigned place, uint64_t node, struct object *object,
            struct error *error)
{
    struct buffer *id = &changes->ids[place];
    enum status status = BEHALF_OK;

    *object = (struct object){
        .type = store_label_name(changes->store, LABEL_TYPE, NODE_TYPE(node)),
        .wildcard = NODE_IS_WILDCARD(node),
    };
    if (object->type.size == 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a node has a type without a name");
    if (object->wildcard)
        return BEHALF_OK;
    if (changes->named_nodes[place] != node) {
        changes->named_nodes[place] = 0;
        buffer_clear(id);
        status = store_node_name(changes->snapshot, node, id, error);
    }
    if (status != BEHALF_OK)
        return status;
    changes->named_nodes[place] = node;
    object->id = buffer_slice(id);
    return BEHALF_OK;
}

static enum status
name_label(struct changes *changes, enum label_kind kind, uint16_t label, struct slice *name,
           struct error *error)
{
    *name = (struct slice){NULL, 0};
    if (label == LABEL_NONE)
        return BEHALF_OK;
    *name = store_label_name(changes->store, kind, label);
    if (name->size == 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "an edge has a label without a name");
    return BEHALF_OK;
}

static enum status
name_edge(struct changes *changes, struct change *change, struct error *error)
{
    const struct edge *edge = &change->stored.edge;
    struct relationship *named = &change->relationship;
    enum status status = name_object(changes, 0, edge->key.resource, &named->resource, error);

    if (status == BEHALF_OK)
        status = name_label(changes, LABEL_RELATION, edge->key.relation, &named->resource.relation,
                            error);
    if (status == BEHALF_OK)
        status = name_object(changes, 1, edge->key.subject, &named->subject, error);
    if (status == BEHALF_OK)
        status = name_label(changes, LABEL_RELATION, edge->key.subject_relation,
                            &named->subject.relation, error);
    if (status == BEHALF_OK)
        status = name_label(changes, LABEL_CAVEAT, edge->caveat, &named->caveat, error);
    named->context = edge->context;
    named->expires_at = edge->expires_at;
    return status;
}

enum status
changes_name(struct changes *changes, struct change *change, struct error *error)
{
    const struct store_record_key *key = &change->stored.record.key;

    switch (change->stored.kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        return name_edge(changes, change, error);
    case ENTRY_SCHEMA:
        return BEHALF_OK;
    case ENTRY_RECORD_PUT:
    case ENTRY_RECORD_REMOVE:
        if (key->kind != RECORD_ATTRIBUTES)
            return BEHALF_OK;
        return name_object(changes, 0, bytes_get_u64(key->id), &change->object, error);
    }
    BEHALF_UNREACHABLE();
}
