/* history.c - what changed for an object, newest first.
 *
 * The revisions come from the versions of the object's own relationships and attributes, and what
 * each of them changed from its changelog entry: a page costs what the object's history is, and one
 * entry for each revision on it, however much else was written. */
#include "base/bytes.h"
#include "engine/changes.h"
#include "engine/page_room.h"
#include "engine/request.h"
#include "engine/state.h"
#include "engine/token.h"
#include "engine/watch.h"
#include "engine/watch_record.h"

#define MESSAGE_BYTES ((size_t)320) /* what is around the changes, without caller and metadata */
#define CHANGE_BYTES ((size_t)32)

/* The `capacity` largest of what was added, ascending, each once. */
struct newest_revisions {
    uint64_t *items;
    size_t count;
    size_t capacity;
};

/* Position of a cursor: the revision that is next, and how many of its changes were given. */
struct place {
    uint64_t revision;
    uint64_t given;
};

struct history_page {
    struct snapshot *snapshot;
    const struct store_snapshot *storage;
    uint64_t node;
    struct place from; /* revision 0 = the newest */
    struct newest_revisions revisions;
    struct changes changes;
    struct page_room room;
    struct history_result *result;
    uint32_t message_capacity;
    uint32_t relationship_capacity;
    uint32_t record_capacity;
};

/* --- which revisions --- */

static void
newest_revisions_add(struct newest_revisions *newest, uint64_t revision)
{
    size_t low = 0;
    size_t high = newest->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (newest->items[middle] < revision)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < newest->count && newest->items[low] == revision)
        return;
    if (newest->count < newest->capacity) {
        memmove(newest->items + low + 1, newest->items + low,
                (newest->count - low) * sizeof *newest->items);
        newest->items[low] = revision;
        newest->count++;
    } else if (low > 0) {
        memmove(newest->items, newest->items + 1, (low - 1) * sizeof *newest->items);
        newest->items[low - 1] = revision;
    }
}

static enum status
visit_revision(void *context, uint64_t revision, struct error *error)
{
    struct history_page *page = context;

    if (revision <= page->snapshot->revision && revision >= page->result->retained_from &&
        (page->from.revision == 0 || revision <= page->from.revision))
        newest_revisions_add(&page->revisions, revision);
    return budget_spend(&page->snapshot->budget, 1, error);
}

static enum status
find_revisions(struct history_page *page, struct error *error)
{
    const struct store_revision_visit visit = {visit_revision, page};
    const struct edge_range as_resource = {
        .direction = EDGE_FORWARD,
        .from = {.resource = page->node},
        .to = {.resource = page->node + 1},
    };
    const struct edge_range as_subject = {
        .direction = EDGE_REVERSE,
        .from = {.subject = page->node},
        .to = {.subject = page->node + 1},
    };
    struct store_record_key attributes = {.kind = RECORD_ATTRIBUTES, .id_size = 8};
    enum status status = store_edge_revisions(page->storage, &as_resource, &visit, error);

    if (status == BEHALF_OK)
        status = store_edge_revisions(page->storage, &as_subject, &visit, error);
    bytes_put_u64(attributes.id, page->node);
    if (status == BEHALF_OK)
        status = store_record_revisions(page->storage, &attributes, &visit, error);
    return status;
}

/* --- what they changed --- */

static bool
concerns(const struct history_page *page, const struct store_entry_change *change)
{
    switch (change->kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        return change->edge.key.resource == page->node || change->edge.key.subject == page->node;
    case ENTRY_RECORD_PUT:
    case ENTRY_RECORD_REMOVE:
        return change->record.key.kind == RECORD_ATTRIBUTES &&
               bytes_get_u64(change->record.key.id) == page->node;
    case ENTRY_SCHEMA:
        return false;
    }
    BEHALF_UNREACHABLE();
}

static bool
keep(struct arena *arena, struct slice *bytes)
{
    if (bytes->size > 0)
        *bytes = arena_copy(arena, *bytes);
    return bytes->size == 0 || bytes->data != NULL;
}

static struct watch_message *
begin_message(struct history_page *page, const struct store_entry *entry)
{
    struct history_result *result = page->result;
    struct arena *arena = page->snapshot->request->arena;
    struct watch_message *grown = arena_grow(arena, result->messages, result->message_count,
                                             &page->message_capacity, sizeof *grown);
    struct watch_message *message;

    if (grown == NULL)
        return NULL;
    result->messages = grown;
    message = &grown[result->message_count];
    *message = (struct watch_message){
        .revision = entry->revision,
        .time_ns = entry->time_ns,
        .is_last = true,
        .is_sweep = entry->is_sweep,
        .caller = entry->caller,
        .metadata = entry->metadata,
    };
    token_seal(page->snapshot->engine->store, entry->revision, &message->token);
    if (!keep(arena, &message->caller) || !keep(arena, &message->metadata))
        return NULL;
    page_room_take(&page->room, MESSAGE_BYTES + entry->caller.size + entry->metadata.size);
    page->relationship_capacity = 0;
    page->record_capacity = 0;
    result->message_count++;
    return message;
}

static enum status
add_change(struct history_page *page, struct watch_message *message, const struct change *change,
           struct error *error)
{
    struct arena *arena = page->snapshot->request->arena;
    struct watch_relationship *relationships;
    struct watch_record *records;
    struct relationship *kept;

    if (change->stored.kind == ENTRY_RECORD_PUT || change->stored.kind == ENTRY_RECORD_REMOVE) {
        records = arena_grow(arena, message->records, message->record_count, &page->record_capacity,
                             sizeof *records);
        if (records == NULL)
            return budget_memory_spent(error);
        message->records = records;
        return watch_record_of(change, arena, &records[message->record_count++], error);
    }
    relationships = arena_grow(arena, message->relationships, message->relationship_count,
                               &page->relationship_capacity, sizeof *relationships);
    if (relationships == NULL)
        return budget_memory_spent(error);
    message->relationships = relationships;
    relationships[message->relationship_count] = (struct watch_relationship){
        .removed = change->stored.kind == ENTRY_EDGE_REMOVE,
        .relationship = change->relationship,
    };
    kept = &relationships[message->relationship_count].relationship;
    if (!keep(arena, &kept->resource.id) || !keep(arena, &kept->subject.id) ||
        !keep(arena, &kept->context))
        return budget_memory_spent(error);
    message->relationship_count++;
    return BEHALF_OK;
}

/* Gives a revision from a change on. *next is where the page ends: behind the revision, or inside
 * of it where there is no more room. */
static enum status
give_revision(struct history_page *page, uint64_t revision, uint64_t given, struct place *next,
              struct error *error)
{
    struct watch_message *message = NULL;
    struct store_entry entry;
    struct change change;
    uint64_t at = 0;
    enum status status = changes_open(&page->changes, page->storage, revision, &entry, error);

    *next = (struct place){.revision = 0};
    while (status == BEHALF_OK &&
           (status = changes_next(&page->changes, &change, error)) == BEHALF_OK) {
        size_t bytes = CHANGE_BYTES;

        if (!concerns(page, &change.stored) || at++ < given)
            continue;
        status = changes_name(&page->changes, &change, error);
        if (status != BEHALF_OK)
            break;
        if (change.relationship.resource.id.size > 0)
            bytes += page_relationship_bytes(&change.relationship);
        if ((message != NULL || page->result->message_count > 0) &&
            !page_room_has(&page->room, bytes + (message == NULL ? MESSAGE_BYTES : 0))) {
            *next = (struct place){revision, at - 1};
            if (message != NULL)
                message->is_last = false;
            return BEHALF_OK;
        }
        if (message == NULL)
            message = begin_message(page, &entry);
        if (message == NULL)
            return budget_memory_spent(error);
        page_room_take(&page->room, bytes);
        status = add_change(page, message, &change, error);
    }
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* What the horizon has passed since the revisions were found is gone: the history ends there. */
static enum status
give_all(struct history_page *page, size_t limit, struct place *next, struct error *error)
{
    const struct newest_revisions *revisions = &page->revisions;
    enum status status = BEHALF_OK;

    *next = (struct place){.revision = 0};
    for (size_t left = revisions->count; left > 0; left--) {
        uint64_t revision = revisions->items[left - 1];

        if (revisions->count - left == limit) {
            *next = (struct place){.revision = revision};
            return BEHALF_OK;
        }
        status = give_revision(page, revision,
                               revision == page->from.revision ? page->from.given : 0, next, error);
        if (status == BEHALF_REVISION_EXPIRED)
            return BEHALF_OK;
        if (status != BEHALF_OK || next->revision != 0)
            break;
    }
    return status;
}

/* --- the request --- */

static uint64_t
digest_of(const struct engine_request *request, const struct history *history)
{
    const struct slice parts[] = {
        SLICE_LITERAL("relationships.history"),
        history->object.type,
        history->object.id,
        request_time(request),
    };

    return cursor_request_digest(parts, BEHALF_COUNT_OF(parts), NULL);
}

/* A type that the schema no longer has still has its history. */
static enum status
find_node(struct history_page *page, const struct object *object, struct error *error)
{
    struct store *store = page->snapshot->engine->store;
    uint16_t label = store_label_find(store, LABEL_TYPE, object->type);
    bool found = false;
    uint32_t type;
    enum status status = request_resource(page->snapshot, object, &type, &page->node, error);

    if (status != BEHALF_UNKNOWN_DEFINITION || label == LABEL_NONE)
        return status;
    page->node = NODE_SEQUENCE_LOCAL; /* of no type: nothing is stored of it */
    return store_node_find(page->storage, label, object->id, &page->node, &found, error);
}

static enum status
make_page(struct history_page *page, const struct history *history, size_t limit, uint64_t digest,
          struct error *error)
{
    struct history_result *result = page->result;
    struct cursor cursor = {.revision = page->snapshot->revision, .request_digest = digest};
    struct place next = {.revision = 0};
    enum status status = graph_view_storage(&page->snapshot->view, &page->storage, error);

    if (status == BEHALF_OK)
        status = find_node(page, &history->object, error);
    if (status != BEHALF_OK)
        return status;
    result->retained_from = store_horizon(page->snapshot->engine->store) + 1;
    page->revisions.capacity = limit + 1;
    page->revisions.items =
        arena_take_array(page->snapshot->request->arena, limit + 1, sizeof *page->revisions.items);
    if (page->revisions.items == NULL)
        return budget_memory_spent(error);
    if (!NODE_IS_LOCAL(page->node))
        status = find_revisions(page, error);
    if (status == BEHALF_OK)
        status = give_all(page, limit, &next, error);
    if (status != BEHALF_OK)
        return status;
    result->complete = next.revision == 0;
    result->read_at = page->snapshot->token;
    if (!result->complete) {
        bytes_put_u64(cursor.position, next.revision);
        bytes_put_u64(cursor.position + 8, next.given);
        cursor_seal(page->snapshot->engine->store, &cursor, &result->cursor);
    }
    return BEHALF_OK;
}

enum status
engine_history(struct engine_worker *worker, const struct engine_request *request,
               const struct history *history, struct history_result *result, struct error *error)
{
    struct snapshot snapshot;
    struct history_page page = {
        .snapshot = &snapshot,
        .room = page_room_of(history->most_bytes),
        .result = result,
    };
    uint64_t digest = digest_of(request, history);
    struct cursor cursor = {.revision = 0};
    size_t limit = 0;
    enum status status = request_limit(history->limit, &limit, error);

    *result = (struct history_result){.message_count = 0};
    if (!worker->may_block)
        return BEHALF_WOULD_BLOCK;
    if (status == BEHALF_OK && history->cursor.size > 0)
        status = cursor_open(worker->engine->store, history->cursor, digest, &cursor, error);
    if (status == BEHALF_OK)
        status = snapshot_open(worker, request, REQUEST_LOOKUP, 0, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    page.from = (struct place){bytes_get_u64(cursor.position), bytes_get_u64(cursor.position + 8)};
    changes_init(&page.changes, worker->engine->store);
    status = make_page(&page, history, limit, digest, error);
    changes_release(&page.changes);
    snapshot_close(&snapshot);
    return status;
}
