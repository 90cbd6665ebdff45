/* relationships_read.c - pages of stored relationships, and the schema as it was written.
 * A cursor holds the first edge that was not given: it exists at the cursor's revision for as long
 * as that revision can be read, so the next page begins exactly there, or behind it when it has
 * expired by then: each page has a time of its own. */
#include "base/bytes.h"
#include "engine/filter.h"
#include "engine/page_room.h"
#include "engine/request.h"
#include "engine/state.h"
#include "engine/token.h"

/* Neighbours in an index mostly share a type, a relation and one end: the last of each is kept. */
struct namer {
    struct snapshot *snapshot;
    struct arena *arena;
    struct {
        uint16_t label;
        struct slice name;
    } resource_type, relation, subject_type, subject_relation, caveat;
    struct {
        uint64_t node;
        struct slice id;
    } resource, subject;
};

static uint64_t
filter_digest(const struct engine_request *request, const struct relationship_filter *filter)
{
    struct slice parts[] = {
        SLICE_LITERAL("relationships.read"),
        filter->resource_type,
        filter->resource_id,
        filter->resource_id_prefix,
        filter->relation,
        filter->subject_type,
        filter->subject_id,
        filter->subject_relation,
        {"+", filter->has_subject_relation ? 1 : 0},
        {"*", filter->subject_wildcard ? 1 : 0},
        request_time(request),
    };

    return cursor_request_digest(parts, BEHALF_COUNT_OF(parts), NULL);
}

/* The position: resource 8 | relation 2 | subject relation 2 | subject 8. */
static void
position_put(const struct edge_key *key, uint8_t position[CURSOR_POSITION_SIZE])
{
    bytes_put_u64(position, key->resource);
    bytes_put_u16(position + 8, key->relation);
    bytes_put_u16(position + 10, key->subject_relation);
    bytes_put_u64(position + 12, key->subject);
}

static struct edge_key
position_get(const uint8_t position[CURSOR_POSITION_SIZE])
{
    return (struct edge_key){
        .resource = bytes_get_u64(position),
        .relation = bytes_get_u16(position + 8),
        .subject_relation = bytes_get_u16(position + 10),
        .subject = bytes_get_u64(position + 12),
    };
}

/* --- words --- */

static enum status
name_label(struct namer *namer, enum label_kind kind, uint16_t label, uint16_t *last,
           struct slice *name, struct error *error)
{
    if (label == *last)
        return BEHALF_OK;
    *name = store_label_name(namer->snapshot->engine->store, kind, label);
    if (name->size == 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "label %u has no name", (unsigned)label);
    *name = arena_copy(namer->arena, *name);
    if (name->data == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the page needs too much memory");
    *last = label;
    return BEHALF_OK;
}

static enum status
name_node(struct namer *namer, uint64_t node, uint64_t *last, struct slice *id, struct error *error)
{
    enum status status = BEHALF_OK;

    if (node != *last)
        status = resolver_id(&namer->snapshot->resolver, node, id, error);
    if (status == BEHALF_OK)
        *last = node;
    return status;
}

static enum status
name_resource(struct namer *namer, const struct edge_key *key, struct object *object,
              struct error *error)
{
    enum status status = name_label(namer, LABEL_TYPE, NODE_TYPE(key->resource),
                                    &namer->resource_type.label, &namer->resource_type.name, error);

    if (status == BEHALF_OK)
        status = name_label(namer, LABEL_RELATION, key->relation, &namer->relation.label,
                            &namer->relation.name, error);
    if (status == BEHALF_OK)
        status = name_node(namer, key->resource, &namer->resource.node, &namer->resource.id, error);
    object->type = namer->resource_type.name;
    object->id = namer->resource.id;
    object->relation = namer->relation.name;
    return status;
}

static enum status
name_subject(struct namer *namer, const struct edge_key *key, struct object *object,
             struct error *error)
{
    enum status status = name_label(namer, LABEL_TYPE, NODE_TYPE(key->subject),
                                    &namer->subject_type.label, &namer->subject_type.name, error);

    object->type = namer->subject_type.name;
    if (status == BEHALF_OK && key->subject_relation != LABEL_NONE) {
        status = name_label(namer, LABEL_RELATION, key->subject_relation,
                            &namer->subject_relation.label, &namer->subject_relation.name, error);
        object->relation = namer->subject_relation.name;
    }
    object->wildcard = NODE_IS_WILDCARD(key->subject);
    if (status == BEHALF_OK && !object->wildcard) {
        status = name_node(namer, key->subject, &namer->subject.node, &namer->subject.id, error);
        object->id = namer->subject.id;
    }
    return status;
}

static enum status
name_condition(struct namer *namer, const struct edge *edge, struct relationship *relationship,
               struct error *error)
{
    enum status status = BEHALF_OK;

    relationship->expires_at = edge->expires_at;
    if (edge->caveat == LABEL_NONE)
        return BEHALF_OK;
    status = name_label(namer, LABEL_CAVEAT, edge->caveat, &namer->caveat.label,
                        &namer->caveat.name, error);
    relationship->caveat = namer->caveat.name;
    if (status != BEHALF_OK || edge->context.size == 0)
        return status;
    relationship->context = arena_copy(namer->arena, edge->context);
    return relationship->context.data != NULL
               ? BEHALF_OK
               : error_set(error, BEHALF_BUDGET_EXHAUSTED, "the page needs too much memory");
}

static enum status
name_edge(struct namer *namer, const struct edge *edge, struct relationship *relationship,
          struct error *error)
{
    enum status status = name_resource(namer, &edge->key, &relationship->resource, error);

    if (status == BEHALF_OK)
        status = name_subject(namer, &edge->key, &relationship->subject, error);
    if (status == BEHALF_OK)
        status = name_condition(namer, edge, relationship, error);
    return status;
}

/* --- the page --- */

struct relationship_page {
    struct relationship *relationships;
    uint32_t count;
    uint32_t capacity;
    struct page_room room;
    size_t limit;
    bool complete;
    struct edge_key next; /* the first edge not in the page, when not complete */
};

/* Adds the edge, or ends the page before it. */
static enum status
page_add(struct relationship_page *page, struct namer *namer, const struct edge *edge,
         struct error *error)
{
    struct relationship *grown =
        arena_grow(namer->arena, page->relationships, page->count, &page->capacity, sizeof *grown);
    struct relationship *relationship;
    enum status status;
    size_t bytes;

    if (grown == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the page needs too much memory");
    page->relationships = grown;
    relationship = &grown[page->count];
    *relationship = (struct relationship){.expires_at = 0};
    status = name_edge(namer, edge, relationship, error);
    if (status != BEHALF_OK)
        return status;
    bytes = page_relationship_bytes(relationship);
    page->complete = page->count == 0 || page_room_has(&page->room, bytes);
    if (!page->complete)
        return BEHALF_OK;
    page_room_take(&page->room, bytes);
    page->count++;
    return BEHALF_OK;
}

/* One edge ahead, to know whether another follows. */
static enum status
page_fill(struct relationship_page *page, struct namer *namer, struct filter_scan *scan,
          struct error *error)
{
    struct edge edge;
    enum status status;

    do {
        status = filter_scan_next(scan, &edge, error);
        page->complete = status == BEHALF_DONE || page->count < page->limit;
        if (status == BEHALF_OK && page->complete)
            status = page_add(page, namer, &edge, error);
    } while (status == BEHALF_OK && page->complete);
    if (status == BEHALF_OK)
        page->next = edge.key;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static enum status
page_read(struct snapshot *snapshot, const struct relationship_filter *filter,
          const struct edge_key *from, struct relationship_page *page, struct error *error)
{
    struct namer namer = {.snapshot = snapshot, .arena = snapshot->request->arena};
    struct filter_view view = {
        .binding = snapshot->binding,
        .revision = snapshot->revision,
        .now = snapshot->view.now,
    };
    struct filter_scan *scan = NULL;
    enum status status = graph_view_storage(&snapshot->view, &view.snapshot, error);

    if (status == BEHALF_OK)
        status = filter_scan_open(filter, &view, from, snapshot->scratch, &scan, error);
    if (status != BEHALF_OK)
        return status;
    filter_scan_pay(scan, &snapshot->budget);
    status = page_fill(page, &namer, scan, error);
    filter_scan_close(scan);
    return status;
}

/* --- methods --- */

static enum status
read_page(struct snapshot *snapshot, const struct relationships_read *read,
          const struct cursor *cursor, size_t limit, struct relationships_read_result *result,
          struct error *error)
{
    struct relationship_page page = {.room = page_room_of(read->most_bytes), .limit = limit};
    struct cursor next = {.revision = snapshot->revision, .request_digest = cursor->request_digest};
    struct edge_key from = position_get(cursor->position);
    enum status status =
        page_read(snapshot, &read->filter, cursor->revision == 0 ? NULL : &from, &page, error);

    if (status != BEHALF_OK)
        return status;
    *result = (struct relationships_read_result){
        .relationships = page.relationships,
        .relationship_count = page.count,
        .complete = page.complete,
        .read_at = snapshot->token,
    };
    if (!page.complete) {
        position_put(&page.next, next.position);
        cursor_seal(snapshot->engine->store, &next, &result->cursor);
    }
    return BEHALF_OK;
}

enum status
engine_relationships_read(struct engine_worker *worker, const struct engine_request *request,
                          const struct relationships_read *read,
                          struct relationships_read_result *result, struct error *error)
{
    struct cursor cursor = {.request_digest = filter_digest(request, &read->filter)};
    struct snapshot snapshot;
    size_t limit = 0;
    enum status status = request_limit(read->limit, &limit, error);

    if (status == BEHALF_OK && read->cursor.size > 0)
        status =
            cursor_open(worker->engine->store, read->cursor, cursor.request_digest, &cursor, error);
    if (status == BEHALF_OK)
        status = snapshot_open(worker, request, REQUEST_LOOKUP, cursor.revision, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    status = read_page(&snapshot, read, &cursor, limit, result, error);
    snapshot_close(&snapshot);
    return status;
}

enum status
engine_schema_read(struct engine_worker *worker, const struct engine_request *request,
                   struct schema_read_result *result, struct error *error)
{
    struct snapshot snapshot;
    struct slice text;
    enum status status = snapshot_open(worker, request, REQUEST_CHECK, 0, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    text = arena_copy(request->arena, snapshot.binding->schema->text);
    if (text.data != NULL)
        *result = (struct schema_read_result){.text = text, .read_at = snapshot.token};
    else
        status = error_set(error, BEHALF_BUDGET_EXHAUSTED, "the schema does not fit the answer");
    snapshot_close(&snapshot);
    return status;
}
