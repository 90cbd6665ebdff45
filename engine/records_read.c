/* records_read.c - sessions, grants, access requests and stops as they are stored, and what the
 * record conditions say of them now.
 * Always true: everything is read at the newest published revision, on every page of a list. A
 * record's body is that of the version from which its state was decided. */
#include "base/bytes.h"
#include "engine/delegated.h"
#include "engine/page_room.h"
#include "engine/record_cache.h"
#include "engine/record_conditions.h"
#include "engine/seen.h"
#include "engine/token.h"

/* A record on the wire beside its body: id, state, chain, counts, and times as text. */
#define PAGE_RECORD_BYTES ((size_t)1024)

struct reading {
    struct snapshot snapshot;
    const struct store_snapshot *storage;
    int64_t now;
    bool is_bound;       /* to the node of an agent */
    uint64_t bound;      /* a local one is nobody's */
    struct buffer bytes; /* of the record that was read last */
    struct buffer block; /* and what it was decoded to, of an access request */
};

static enum status
bind_reading(struct reading *reading, struct error *error)
{
    const struct object *bound = reading->snapshot.request->bound;
    uint32_t type;

    reading->is_bound = bound != NULL;
    if (bound == NULL)
        return BEHALF_OK;
    return request_resource(&reading->snapshot, bound, &type, &reading->bound, error);
}

static enum status
reading_open(struct engine_worker *worker, const struct engine_request *request,
             enum request_class class, struct reading *reading, struct error *error)
{
    enum status status;

    if (request_is_of_the_past(request))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "records are read at the newest revision, never at_exact_snapshot or "
                         "at_time");
    status = snapshot_open(worker, request, class, 0, &reading->snapshot, error);
    if (status != BEHALF_OK)
        return status;
    status = graph_view_storage(&reading->snapshot.view, &reading->storage, error);
    if (status == BEHALF_OK)
        status = bind_reading(reading, error);
    if (status != BEHALF_OK) {
        snapshot_close(&reading->snapshot);
        return status;
    }
    reading->now = clock_read(&worker->engine->clock).now;
    buffer_init(&reading->bytes);
    buffer_init(&reading->block);
    return BEHALF_OK;
}

static void
reading_close(struct reading *reading)
{
    buffer_release(&reading->block);
    buffer_release(&reading->bytes);
    snapshot_close(&reading->snapshot);
}

static enum status
unknown(enum record_kind kind, struct error *error)
{
    const char *what = kind == RECORD_SESSION ? "session"
                       : kind == RECORD_GRANT ? "grant"
                                              : "request";

    return error_set(error, BEHALF_UNKNOWN_RECORD, "there is no such %s", what);
}

/* The stored body, copied for the answer. */
static enum status
read_body(struct reading *reading, enum record_kind kind, struct engine_record *record,
          struct store_record *stored, struct error *error)
{
    const struct snapshot *snapshot = &reading->snapshot;
    struct store_record_key key = record_key(kind, &record->id);
    bool found = false;
    enum status status = store_record_find(reading->storage, snapshot->revision, &key, stored,
                                           &reading->bytes, &found, error);

    if (status == BEHALF_OK && !found)
        status = unknown(kind, error);
    if (status != BEHALF_OK)
        return status;
    record->body = arena_copy(snapshot->request->arena, stored->body);
    return record->body.data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

/* --- states --- */

static enum status
describe_session(struct reading *reading, struct engine_record *record, struct error *error)
{
    struct snapshot *snapshot = &reading->snapshot;
    const struct session *session = NULL;
    enum status status = record_cache_session(snapshot->engine->records, &snapshot->view,
                                              &record->id, snapshot->scratch, &session, error);

    if (status == BEHALF_OK &&
        (session == NULL || (reading->is_bound && session->agent != reading->bound)))
        status = unknown(RECORD_SESSION, error);
    if (status == BEHALF_OK)
        status = seen_at(snapshot->engine->seen, session, snapshot->view.may_block,
                         &record->last_seen, error);
    if (status == BEHALF_OK) {
        const struct record_facts facts = {.binding = snapshot->binding,
                                           .stops = snapshot->newest->stops,
                                           .session = session,
                                           .last_seen = record->last_seen};
        int64_t ends;

        record->state = session_conditions(&facts, reading->now, &ends);
    }
    return status;
}

/* The grants from the root to this one. Where one of them is missing, there is no chain. */
static enum status
copy_chain(struct reading *reading, const struct delegated *delegated, struct engine_record *record,
           struct error *error)
{
    struct record_id *chain =
        arena_take_array(reading->snapshot.request->arena, delegated->length + 1, sizeof *chain);

    if (chain == NULL)
        return budget_memory_spent(error);
    for (size_t at = 0; at < delegated->length; at++)
        chain[at] = delegated->chain[at]->id;
    record->chain = chain;
    record->chain_length = delegated->length;
    return BEHALF_OK;
}

/* Where a part of the chain is missing, nothing says whose it was. */
static bool
has_bound(const struct reading *reading, const struct delegated *delegated)
{
    bool has = !reading->is_bound;

    for (size_t at = 0; at < delegated->length; at++)
        has = has || delegated->chain[at]->delegatee == reading->bound;
    return has;
}

static enum status
describe_grant(struct reading *reading, struct engine_record *record, struct error *error)
{
    struct snapshot *snapshot = &reading->snapshot;
    const struct engine_delegation asked = {.given = true, .grant = record->id};
    const struct grant *grant = NULL;
    struct delegated delegated;
    enum status status = record_cache_grant(snapshot->engine->records, &snapshot->view, &record->id,
                                            snapshot->scratch, &grant, error);

    if (status == BEHALF_OK && grant == NULL)
        status = unknown(RECORD_GRANT, error);
    if (status == BEHALF_OK)
        status = delegated_open(snapshot, &asked, NULL, &delegated, error);
    if (status == BEHALF_OK && !has_bound(reading, &delegated))
        status = unknown(RECORD_GRANT, error);
    if (status == BEHALF_OK)
        status = copy_chain(reading, &delegated, record, error);
    if (status != BEHALF_OK)
        return status;
    record->state = delegated.reason;
    record->has_uses = grant->uses > 0;
    return record->has_uses ? record_cache_uses(snapshot->engine->records, &snapshot->view,
                                                &record->id, &record->uses_left, error)
                            : BEHALF_OK;
}

static enum status
describe_access_request(struct reading *reading, const struct store_record *stored,
                        struct engine_record *record, struct error *error)
{
    const struct access_request *request;
    enum status status = record_access_request(stored, &reading->block, error);

    if (status != BEHALF_OK)
        return status;
    request = (const struct access_request *)(const void *)reading->block.data;
    if (reading->is_bound && request->agent != reading->bound)
        return unknown(RECORD_REQUEST, error);
    record->access_request = (struct engine_access_request){
        .status = access_request_status_at(request, reading->now),
        .expires_at = request->expires_at,
        .decided_at = request->decided_at,
        .has_grant = request->has_grant,
        .grant = request->grant,
    };
    return BEHALF_OK;
}

static enum status
read_record(struct reading *reading, enum record_kind kind, const struct record_id *id,
            struct engine_record *record, struct error *error)
{
    struct store_record stored;
    enum status status;

    *record = (struct engine_record){.id = *id};
    status = read_body(reading, kind, record, &stored, error);
    if (status != BEHALF_OK)
        return status;
    if (kind == RECORD_REQUEST)
        return describe_access_request(reading, &stored, record, error);
    return kind == RECORD_SESSION ? describe_session(reading, record, error)
                                  : describe_grant(reading, record, error);
}

/* --- one record --- */

static enum status
read_one(struct engine_worker *worker, const struct engine_request *request, enum record_kind kind,
         const struct record_id *id, struct engine_record_result *result, struct error *error)
{
    struct engine_record_result found;
    struct reading reading;
    enum status status = reading_open(worker, request, REQUEST_CHECK, &reading, error);

    if (status != BEHALF_OK)
        return status;
    status = read_record(&reading, kind, id, &found.record, error);
    found.read_at = reading.snapshot.token;
    if (status == BEHALF_OK)
        *result = found;
    reading_close(&reading);
    return status;
}

enum status
engine_session_read(struct engine_worker *worker, const struct engine_request *request,
                    const struct record_id *session, struct engine_record_result *result,
                    struct error *error)
{
    return read_one(worker, request, RECORD_SESSION, session, result, error);
}

enum status
engine_grant_read(struct engine_worker *worker, const struct engine_request *request,
                  const struct record_id *grant, struct engine_record_result *result,
                  struct error *error)
{
    return read_one(worker, request, RECORD_GRANT, grant, result, error);
}

enum status
engine_access_request_read(struct engine_worker *worker, const struct engine_request *request,
                           const struct record_id *access_request,
                           struct engine_record_result *result, struct error *error)
{
    return read_one(worker, request, RECORD_REQUEST, access_request, result, error);
}

/* --- lists --- */

/* An index entry is prefix | order | kind 1 | id 16. The order is expires_at 8, of access requests
 * agent 8 | expires_at 8; the kind is the list's. The position of a cursor is order | id of the
 * first record that is not given yet, with as many bytes of the id as it has room for: 12 at least,
 * which two records of one order do not share. */
#define ORDER_END 8
#define ORDER_AGENT_END (8 + ORDER_END)
#define ENTRY_TAIL_MAX (ORDER_AGENT_END + 1 + RECORD_ID_SIZE)

struct record_page {
    struct reading *reading;
    enum record_index index;
    enum record_kind kind;
    uint8_t prefix[RECORD_ID_SIZE];
    size_t prefix_size; /* 0: a party that was never stored, which nothing is listed for */
    size_t order_size;
    struct cursor cursor;
    size_t limit;
    struct page_room room;
    struct engine_record_list_result *result;
    uint32_t capacity;
    bool has_status; /* of access requests: only these */
    enum access_request_status status;
    bool hides_none; /* an answer without records would show that there is such a session */
};

_Static_assert(ORDER_AGENT_END + 12 <= CURSOR_POSITION_SIZE, "a position fits a cursor");

static uint64_t
list_digest(const struct engine_record_list *list)
{
    const char by = (char)('0' + list->by);
    const char status = (char)('0' + (list->has_status ? 1 + (int)list->status : 0));
    bool of_session = list->by == LIST_GRANTS_OF_SESSION;
    struct slice parts[] = {
        SLICE_LITERAL("records.list"),
        {&by, 1},
        list->object.type,
        list->object.id,
        {(const char *)list->session.bytes, of_session ? RECORD_ID_SIZE : 0},
        {&status, 1},
    };

    return cursor_request_digest(parts, BEHALF_COUNT_OF(parts), NULL);
}

static enum status
bind_party(struct record_page *page, const struct engine_record_list *list, struct error *error)
{
    uint32_t type;
    uint64_t node;
    enum status status =
        request_resource(&page->reading->snapshot, &list->object, &type, &node, error);

    if (status != BEHALF_OK || NODE_IS_LOCAL(node))
        return status;
    bytes_put_u64(page->prefix, node);
    page->prefix_size = sizeof node;
    return BEHALF_OK;
}

static enum status
bind_session(struct record_page *page, const struct record_id *id, struct error *error)
{
    struct snapshot *snapshot = &page->reading->snapshot;
    const struct session *session = NULL;
    enum status status = record_cache_session(snapshot->engine->records, &snapshot->view, id,
                                              snapshot->scratch, &session, error);

    if (status == BEHALF_OK && session == NULL)
        return unknown(RECORD_SESSION, error);
    if (status == BEHALF_OK)
        page->hides_none = page->reading->is_bound && session->agent != page->reading->bound;
    memcpy(page->prefix, id->bytes, RECORD_ID_SIZE);
    page->prefix_size = RECORD_ID_SIZE;
    return status;
}

static enum status
bind_list(struct record_page *page, const struct engine_record_list *list, struct error *error)
{
    page->order_size = ORDER_END;
    switch (list->by) {
    case LIST_SESSIONS_OF_PRINCIPAL:
        page->index = RECORD_INDEX_PRINCIPAL;
        page->kind = RECORD_SESSION;
        break;
    case LIST_SESSIONS_OF_AGENT:
        page->index = RECORD_INDEX_AGENT;
        page->kind = RECORD_SESSION;
        break;
    case LIST_GRANTS_OF_SESSION:
        page->index = RECORD_INDEX_SESSION;
        page->kind = RECORD_GRANT;
        return bind_session(page, &list->session, error);
    case LIST_GRANTS_OF_AGENT:
        page->index = RECORD_INDEX_DELEGATEE;
        page->kind = RECORD_GRANT;
        break;
    case LIST_REQUESTS_OF_PRINCIPAL:
        page->index = RECORD_INDEX_PARTIES;
        page->kind = RECORD_REQUEST;
        page->order_size = ORDER_AGENT_END;
        page->has_status = list->has_status;
        page->status = list->status;
        break;
    }
    return bind_party(page, list, error);
}

static size_t
position_id_size(const struct record_page *page)
{
    size_t room = CURSOR_POSITION_SIZE - page->order_size;

    return room < RECORD_ID_SIZE ? room : RECORD_ID_SIZE;
}

/* Where the page begins: the entry's bytes, kind and id. */
static size_t
first_entry(const struct record_page *page, uint8_t from[STORE_INDEX_KEY_MAX + ENTRY_TAIL_MAX])
{
    uint8_t *at = from + page->prefix_size;

    memcpy(from, page->prefix, page->prefix_size);
    memcpy(at, page->cursor.position, page->order_size);
    at += page->order_size;
    at[0] = (uint8_t)page->kind;
    memset(at + 1, 0, RECORD_ID_SIZE);
    memcpy(at + 1, page->cursor.position + page->order_size, position_id_size(page));
    return page->prefix_size + page->order_size + 1 + RECORD_ID_SIZE;
}

/* The page ends before this record. */
static void
end_page(struct record_page *page, const struct store_record_key *key, struct slice entry)
{
    struct cursor next = {.revision = page->reading->snapshot.revision,
                          .request_digest = page->cursor.request_digest};

    memcpy(next.position, entry.data + page->prefix_size, page->order_size);
    memcpy(next.position + page->order_size, key->id, position_id_size(page));
    cursor_seal(page->reading->snapshot.engine->store, &next, &page->result->cursor);
    page->result->complete = false;
}

static bool
is_listed(const struct record_page *page, const struct engine_record *record)
{
    return !page->has_status || record->access_request.status == page->status;
}

/* Adds the record, or ends the page before it. One that the storage's head has and the revision
 * has not, or no more, is not listed. */
static enum status
list_record(struct record_page *page, const struct store_record_key *key, struct slice entry,
            struct error *error)
{
    struct engine_record_list_result *result = page->result;
    struct record_id id;
    struct engine_record record;
    struct engine_record *rows;
    enum status status;
    size_t bytes;

    memcpy(id.bytes, key->id, sizeof id.bytes);
    arena_reset(page->reading->snapshot.scratch, LIMIT_LOOKUP_SCRATCH); /* of the row before */
    status = read_record(page->reading, page->kind, &id, &record, error);
    if (status != BEHALF_OK)
        return status == BEHALF_UNKNOWN_RECORD ? BEHALF_OK : status;
    if (!is_listed(page, &record))
        return BEHALF_OK;
    bytes = PAGE_RECORD_BYTES + record.body.size;
    if (result->record_count == page->limit ||
        (result->record_count > 0 && !page_room_has(&page->room, bytes))) {
        end_page(page, key, entry);
        return BEHALF_OK;
    }
    rows = arena_grow(page->reading->snapshot.request->arena, result->records,
                      (uint32_t)result->record_count, &page->capacity, sizeof *rows);
    if (rows == NULL)
        return budget_memory_spent(error);
    result->records = rows;
    rows[result->record_count++] = record;
    page_room_take(&page->room, bytes);
    return BEHALF_OK;
}

static enum status
list_records(struct record_page *page, bool from_cursor, struct error *error)
{
    uint8_t from[STORE_INDEX_KEY_MAX + ENTRY_TAIL_MAX];
    struct slice prefix = {(const char *)page->prefix, page->prefix_size};
    struct slice first = {(const char *)from, from_cursor ? first_entry(page, from) : 0};
    struct store_record_scan *scan = NULL;
    enum status status =
        store_record_scan_open(page->reading->storage, page->index, prefix, first, &scan, error);

    while (status == BEHALF_OK && page->result->complete) {
        struct store_record_key key;
        struct slice entry;

        status = budget_spend(&page->reading->snapshot.budget, 1, error);
        if (status == BEHALF_OK)
            status = store_record_scan_next(scan, &key, &entry, error);
        if (status == BEHALF_OK)
            status = list_record(page, &key, entry, error);
    }
    store_record_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
engine_record_list(struct engine_worker *worker, const struct engine_request *request,
                   const struct engine_record_list *list, struct engine_record_list_result *result,
                   struct error *error)
{
    struct engine_record_list_result found = {.complete = true};
    struct reading reading;
    struct record_page page = {
        .reading = &reading,
        .cursor = {.request_digest = list_digest(list)},
        .room = page_room_of(list->most_bytes),
        .result = &found,
    };
    enum status status = request_limit(list->limit, &page.limit, error);

    if (status == BEHALF_OK && list->cursor.size > 0)
        status = cursor_open(worker->engine->store, list->cursor, page.cursor.request_digest,
                             &page.cursor, error);
    if (status == BEHALF_OK)
        status = reading_open(worker, request, REQUEST_LOOKUP, &reading, error);
    if (status != BEHALF_OK)
        return status;
    status = bind_list(&page, list, error);
    if (status == BEHALF_OK && page.prefix_size > 0)
        status = list_records(&page, list->cursor.size > 0, error);
    if (status == BEHALF_OK && page.hides_none && found.record_count == 0)
        status = unknown(RECORD_SESSION, error);
    found.read_at = reading.snapshot.token;
    if (status == BEHALF_OK)
        *result = found;
    reading_close(&reading);
    return status;
}

/* --- stops --- */

struct stop_list {
    struct store_record_key *keys;
    uint32_t count;
    uint32_t capacity;
    struct arena *arena;
    bool spent;
};

static bool
collect_stop(void *context, const struct store_record *record)
{
    struct stop_list *list = context;
    struct store_record_key *keys =
        arena_grow(list->arena, list->keys, list->count, &list->capacity, sizeof *keys);

    list->spent = keys == NULL;
    if (keys == NULL)
        return false;
    list->keys = keys;
    keys[list->count++] = record->key;
    return true;
}

/* The party of a stop on an object, as text. */
static enum status
name_party(struct reading *reading, uint64_t node, struct slice *text, struct error *error)
{
    struct object object = {
        .type = store_label_name(reading->snapshot.engine->store, LABEL_TYPE, NODE_TYPE(node))};
    struct buffer printed;
    enum status status = resolver_id(&reading->snapshot.resolver, node, &object.id, error);

    if (status != BEHALF_OK)
        return status;
    buffer_init(&printed);
    object_print(&object, &printed);
    *text = arena_copy(reading->snapshot.request->arena, buffer_slice(&printed));
    buffer_release(&printed);
    return text->data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

/* The fields that the decision does not need. */
static enum status
read_words(struct slice body, struct engine_stop *stop, struct error *error)
{
    struct datum_cursor fields;
    struct slice key;
    struct slice value;

    if (!datum_open_map(body, &fields))
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a stored stop is no map");
    while (fields.left > 0) {
        struct datum datum;

        if (!datum_next_field(&fields, &key, &value) || !datum_read_scalar(value, &datum))
            return error_set(error, BEHALF_STORAGE_CORRUPT, "a stored stop is damaged");
        if (slice_equal(key, SLICE_LITERAL("reason")) && datum.kind == DATUM_STRING)
            stop->reason = datum.as.string;
        if (slice_equal(key, SLICE_LITERAL("by")) && datum.kind == DATUM_STRING)
            stop->by = datum.as.string;
        if (slice_equal(key, SLICE_LITERAL("at")) && datum.kind == DATUM_INT)
            stop->at = datum.as.integer;
    }
    return BEHALF_OK;
}

static enum status
copy_words(struct arena *arena, struct slice *words, struct error *error)
{
    if (words->size == 0)
        return BEHALF_OK;
    *words = arena_copy(arena, *words);
    return words->data != NULL ? BEHALF_OK : budget_memory_spent(error);
}

/* One that was ordered after the revision is left out. */
static enum status
read_stop(struct reading *reading, const struct store_record_key *key,
          struct engine_stops_result *result, struct error *error)
{
    struct arena *arena = reading->snapshot.request->arena;
    struct engine_stop *row = &result->stops[result->stop_count];
    struct store_record record;
    struct stop stop;
    bool found = false;
    enum status status = store_record_find(reading->storage, reading->snapshot.revision, key,
                                           &record, &reading->bytes, &found, error);

    if (status != BEHALF_OK || !found)
        return status;
    status = stop_decode(&record, &stop, error);
    if (status != BEHALF_OK)
        return status;
    *row = (struct engine_stop){
        .scope = stop.scope, .client = stop.client, .epoch = stop.epoch, .in_force = stop.in_force};
    status = read_words(record.body, row, error);
    if (status == BEHALF_OK)
        status = copy_words(arena, &row->client, error);
    if (status == BEHALF_OK)
        status = copy_words(arena, &row->by, error);
    if (status == BEHALF_OK)
        status = copy_words(arena, &row->reason, error);
    if (status == BEHALF_OK && (stop.scope == STOP_AGENT || stop.scope == STOP_PRINCIPAL))
        status = name_party(reading, stop.node, &row->object, error);
    result->stop_count += status == BEHALF_OK;
    return status;
}

static enum status
read_stops(struct reading *reading, struct engine_stops_result *result, struct error *error)
{
    struct stop_list list = {.arena = reading->snapshot.scratch};
    enum status status = store_records(reading->storage, RECORD_STOP, collect_stop, &list, error);

    if (status == BEHALF_OK && list.spent)
        status = budget_memory_spent(error);
    if (status != BEHALF_OK)
        return status;
    result->stops = arena_take_array(reading->snapshot.request->arena, (size_t)list.count + 1,
                                     sizeof *result->stops);
    if (result->stops == NULL)
        return budget_memory_spent(error);
    for (uint32_t at = 0; status == BEHALF_OK && at < list.count; at++)
        status = read_stop(reading, &list.keys[at], result, error);
    return status;
}

enum status
engine_stops_read(struct engine_worker *worker, const struct engine_request *request,
                  struct engine_stops_result *result, struct error *error)
{
    struct engine_stops_result found = {.stop_count = 0};
    struct reading reading;
    enum status status = reading_open(worker, request, REQUEST_LOOKUP, &reading, error);

    if (status != BEHALF_OK)
        return status;
    status = read_stops(&reading, &found, error);
    found.read_at = reading.snapshot.token;
    if (status == BEHALF_OK)
        *result = found;
    reading_close(&reading);
    return status;
}
