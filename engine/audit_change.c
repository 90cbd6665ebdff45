/* audit_change.c - names of events, and stored bodies as the audit log shows them. */
#include "engine/audit_change.h"

#include "base/datum.h"
#include "base/record_id.h"
#include "engine/audit_map.h"

/* --- which --- */

static const char *const events[] = {
    "session.created",  "session.resumed", "session.suspended",  "session.revoked",
    "grant.created",    "grant.delegated", "grant.revoked",      "request.created",
    "request.approved", "request.denied",  "request.cancelled",  "stop.ordered",
    "stop.lifted",      "schema.written",  "attributes.written",
};

bool
audit_change_made(struct slice event)
{
    for (size_t at = 0; at < BEHALF_COUNT_OF(events); at++) {
        if (slice_equal(event, slice_of(events[at])))
            return true;
    }
    return false;
}

bool
audit_change_is_event(const struct store_entry *entry, const struct change *change)
{
    enum record_kind kind = change->stored.record.key.kind;

    if (entry->is_sweep)
        return false;
    switch (change->stored.kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        return false;
    case ENTRY_SCHEMA:
        return true;
    case ENTRY_RECORD_PUT:
        return kind != RECORD_USES;
    case ENTRY_RECORD_REMOVE:
        return kind == RECORD_ATTRIBUTES; /* nothing else goes but by a sweep */
    }
    return false;
}

static struct slice
text_of(const struct datum *map, const char *key)
{
    const struct datum *value = datum_field(map, slice_of(key));

    return value != NULL && value->kind == DATUM_STRING ? value->as.string
                                                        : (struct slice){NULL, 0};
}

/* The first version of a record does not say which one that was. */
static bool
is_first(const struct datum *body)
{
    return datum_field(body, SLICE_LITERAL("made")) == NULL;
}

static const char *
session_event(const struct datum *body)
{
    struct slice status = text_of(body, "status");

    if (slice_equal(status, SLICE_LITERAL("suspended")))
        return "session.suspended";
    if (slice_equal(status, SLICE_LITERAL("revoked")))
        return "session.revoked";
    return is_first(body) ? "session.created" : "session.resumed";
}

static const char *
grant_event(const struct datum *body)
{
    if (datum_field(body, SLICE_LITERAL("revoked")) != NULL)
        return "grant.revoked";
    return datum_field(body, SLICE_LITERAL("parent")) != NULL ? "grant.delegated" : "grant.created";
}

static const char *
request_event(const struct datum *body)
{
    struct slice status = text_of(body, "status");

    if (slice_equal(status, SLICE_LITERAL("approved")))
        return "request.approved";
    if (slice_equal(status, SLICE_LITERAL("denied")))
        return "request.denied";
    if (slice_equal(status, SLICE_LITERAL("cancelled")))
        return "request.cancelled";
    return "request.created";
}

static const char *
stop_event(const struct datum *body)
{
    const struct datum *in_force = datum_field(body, SLICE_LITERAL("in_force"));

    return in_force != NULL && in_force->kind == DATUM_BOOL && in_force->as.boolean ? "stop.ordered"
                                                                                    : "stop.lifted";
}

/* --- the body --- */

static bool
is_time(struct slice key)
{
    static const char *const times[] = {"created", "expires_at", "not_before", "at", "until"};

    for (size_t at = 0; at < BEHALF_COUNT_OF(times); at++) {
        if (slice_equal(key, slice_of(times[at])))
            return true;
    }
    return false;
}

static const struct datum *shown(struct arena *arena, const struct datum *datum);

/* A context holds what its caller wrote: doubles, nulls, and keys in any script. One of control
 * characters alone is six times as long as JSON, and a record has many. */
#define CONTEXT_SHOWN_MAX 8192

static void
add_context(struct audit_map *fields, const struct datum *datum)
{
    struct buffer json;

    buffer_init(&json);
    datum_print_json(datum, &json);
    if (json.size <= CONTEXT_SHOWN_MAX)
        audit_map_copy(fields, "context", buffer_slice(&json));
    else
        audit_map_sha256(fields, "context_sha256", buffer_slice(&json));
    buffer_release(&json);
}

static void
add_sha256_of(struct audit_map *fields, const char *key, const struct datum *datum)
{
    struct buffer bytes;

    buffer_init(&bytes);
    datum_encode(datum, &bytes);
    audit_map_sha256(fields, key, buffer_slice(&bytes));
    buffer_release(&bytes);
}

static const struct datum *
shown_map(struct arena *arena, const struct datum *map)
{
    struct audit_map fields;

    audit_map_begin(&fields, arena);
    for (size_t at = 0; at < map->as.map.count; at++) {
        const struct datum_field *field = &map->as.map.fields[at];

        if (field->value->kind == DATUM_INT && is_time(field->key))
            audit_map_add(&fields, field->key, audit_datum_time(arena, field->value->as.integer));
        else if (slice_equal(field->key, SLICE_LITERAL("evidence")))
            add_sha256_of(&fields, "evidence_sha256", field->value);
        else if (slice_equal(field->key, SLICE_LITERAL("context")))
            add_context(&fields, field->value);
        else
            audit_map_add(&fields, field->key, shown(arena, field->value));
    }
    return audit_map_end(&fields);
}

static const struct datum *
shown_list(struct arena *arena, const struct datum *list)
{
    size_t count = list->as.list.count;
    const struct datum **items = arena_take_array(arena, count + 1, sizeof(const struct datum *));
    struct datum *result = arena_take(arena, sizeof *result);

    if (items == NULL || result == NULL)
        return NULL;
    for (size_t at = 0; at < count; at++) {
        items[at] = shown(arena, list->as.list.items[at]);
        if (items[at] == NULL)
            return NULL;
    }
    *result = (struct datum){.kind = DATUM_LIST, .as.list = {items, count}};
    return result;
}

/* A body as the log shows it, NULL when the arena is full. Its depth is bounded, as of every
 * datum. */
static const struct datum *
shown(struct arena *arena, const struct datum *datum)
{
    if (datum->kind == DATUM_MAP)
        return shown_map(arena, datum);
    return datum->kind == DATUM_LIST ? shown_list(arena, datum) : datum;
}

/* --- events --- */

static void
add_id(struct audit_map *fields, const char *key, const char *prefix,
       const struct store_record_key *record)
{
    struct record_id_text text;
    struct record_id id;

    memcpy(id.bytes, record->id, sizeof id.bytes);
    record_id_print(&id, prefix, &text);
    audit_map_copy(fields, key, slice_of(text.text));
}

/* On whose behalf a grant is: its session says so, at the revision of the change. A session that
 * was swept before its grant leaves the principal out. */
static enum status
add_principal_of(struct audit_map *fields, const struct changes *changes, uint64_t revision,
                 struct slice session, struct error *error)
{
    struct store_record_key key = {.kind = RECORD_SESSION, .id_size = RECORD_ID_SIZE};
    struct store_record record;
    const struct datum *body;
    struct record_id id;
    struct buffer bytes;
    bool found = false;
    enum status status;

    if (!record_id_parse(session, RECORD_PREFIX_SESSION, &id))
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a grant names no session");
    memcpy(key.id, id.bytes, sizeof id.bytes);
    buffer_init(&bytes);
    status = store_record_find(changes->snapshot, revision, &key, &record, &bytes, &found, error);
    if (status == BEHALF_OK && found)
        status = datum_decode(record.body, fields->arena, &body, error);
    if (status == BEHALF_OK && found)
        audit_map_copy(fields, "principal", text_of(body, "principal"));
    buffer_release(&bytes);
    return status;
}

/* Event, parties and record of one that has a body. */
static enum status
add_body(struct audit_map *fields, const struct changes *changes, const struct store_record *record,
         struct error *error)
{
    const struct datum *body;
    enum status status = datum_decode(record->body, fields->arena, &body, error);

    if (status != BEHALF_OK)
        return status;
    audit_map_text(fields, "agent",
                   text_of(body, record->key.kind == RECORD_GRANT ? "delegatee" : "agent"));
    if (record->key.kind != RECORD_GRANT)
        audit_map_text(fields, "principal", text_of(body, "principal"));
    switch (record->key.kind) {
    case RECORD_SESSION:
        audit_map_text(fields, "event", slice_of(session_event(body)));
        add_id(fields, "session", RECORD_PREFIX_SESSION, &record->key);
        break;
    case RECORD_GRANT:
        audit_map_text(fields, "event", slice_of(grant_event(body)));
        add_id(fields, "grant", RECORD_PREFIX_GRANT, &record->key);
        audit_map_text(fields, "session", text_of(body, "session"));
        status = add_principal_of(fields, changes, record->created_revision,
                                  text_of(body, "session"), error);
        break;
    case RECORD_REQUEST:
        audit_map_text(fields, "event", slice_of(request_event(body)));
        add_id(fields, "request", RECORD_PREFIX_REQUEST, &record->key);
        audit_map_text(fields, "grant", text_of(body, "grant"));
        break;
    case RECORD_STOP:
        audit_map_text(fields, "event", slice_of(stop_event(body)));
        break;
    case RECORD_USES:
    case RECORD_ATTRIBUTES:
        break;
    }
    audit_map_add(fields, SLICE_LITERAL("record"), shown(fields->arena, body));
    return status;
}

static enum status
add_attributes(struct audit_map *fields, struct changes *changes, struct change *change,
               struct error *error)
{
    struct arena *arena = fields->arena;
    const struct datum *body = NULL;
    struct audit_map record;
    struct datum *keys = arena_take(arena, sizeof *keys);
    const struct datum **items;
    struct buffer text;
    size_t count = 0;
    enum status status = changes_name(changes, change, error);

    if (status == BEHALF_OK && change->stored.kind == ENTRY_RECORD_PUT)
        status = datum_decode(change->stored.record.body, arena, &body, error);
    if (status != BEHALF_OK)
        return status;
    if (body != NULL && body->kind == DATUM_MAP)
        count = body->as.map.count;
    items = arena_take_array(arena, count + 1, sizeof(const struct datum *));
    for (size_t at = 0; at < count && items != NULL; at++)
        items[at] = audit_datum_text(arena, body->as.map.fields[at].key);
    if (keys == NULL || items == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for an audit record");
    for (size_t at = 0; at < count; at++) {
        if (items[at] == NULL)
            return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for an audit record");
    }
    *keys = (struct datum){.kind = DATUM_LIST, .as.list = {items, count}};
    buffer_init(&text);
    object_print(&change->object, &text);
    audit_map_begin(&record, arena);
    audit_map_copy(&record, "object", buffer_slice(&text));
    audit_map_add(&record, SLICE_LITERAL("keys"), keys);
    audit_map_text(fields, "event", SLICE_LITERAL("attributes.written"));
    audit_map_add(fields, SLICE_LITERAL("record"), audit_map_end(&record));
    buffer_release(&text);
    return BEHALF_OK;
}

static void
add_schema(struct audit_map *fields, struct slice text)
{
    struct audit_map record;

    audit_map_begin(&record, fields->arena);
    audit_map_sha256(&record, "sha256", text);
    audit_map_number(&record, "size", text.size);
    audit_map_text(fields, "event", SLICE_LITERAL("schema.written"));
    audit_map_add(fields, SLICE_LITERAL("record"), audit_map_end(&record));
}

enum status
audit_change_fields(struct changes *changes, const struct store_entry *entry, struct change *change,
                    struct arena *arena, struct buffer *out, struct error *error)
{
    const struct datum *map = NULL;
    struct audit_map fields;
    enum status status = BEHALF_OK;

    audit_map_begin(&fields, arena);
    audit_map_number(&fields, "revision", entry->revision);
    audit_map_time(&fields, "now", entry->time_ns);
    audit_map_text(&fields, "caller", entry->caller);
    if (change->stored.kind == ENTRY_SCHEMA)
        add_schema(&fields, change->stored.schema);
    else if (change->stored.record.key.kind == RECORD_ATTRIBUTES)
        status = add_attributes(&fields, changes, change, error);
    else
        status = add_body(&fields, changes, &change->stored.record, error);
    if (status == BEHALF_OK) {
        map = audit_map_end(&fields);
        if (map == NULL)
            status =
                error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for an audit record");
    }
    if (map != NULL)
        datum_encode(map, out);
    return status;
}
