/* watch_record.c - what became of a record, from the body that it has now: a first version has no
 * `made`, and what was done last to a later one is what it is marked with (engine/records.h). */
#include "engine/watch_record.h"

#include "base/datum.h"
#include "base/record_id.h"

struct kind_words {
    const char *kind;
    const char *prefix; /* of its id; NULL = it has none */
};

/* --- fields of a body --- */

/* False where there is no such field, or it is no scalar. */
static bool
find_field(struct slice body, const char *name, struct datum *value)
{
    struct datum_cursor cursor;
    struct slice key;
    struct slice bytes;

    if (!datum_open_map(body, &cursor))
        return false;
    while (cursor.left > 0) {
        if (!datum_next_field(&cursor, &key, &bytes))
            return false;
        if (slice_equal(key, slice_of(name)))
            return datum_read_scalar(bytes, value);
    }
    return false;
}

static bool
has_field(struct slice body, const char *name)
{
    struct datum_cursor cursor;
    struct slice key;
    struct slice bytes;

    if (!datum_open_map(body, &cursor))
        return false;
    while (cursor.left > 0 && datum_next_field(&cursor, &key, &bytes))
        if (slice_equal(key, slice_of(name)))
            return true;
    return false;
}

static struct slice
text_field(struct slice body, const char *name)
{
    struct datum value;

    if (find_field(body, name, &value) && value.kind == DATUM_STRING)
        return value.as.string;
    return (struct slice){NULL, 0};
}

/* --- events --- */

static struct slice
session_event(struct slice body)
{
    struct slice status = text_field(body, "status");

    if (!has_field(body, "made"))
        return SLICE_LITERAL("created");
    return slice_equal(status, SLICE_LITERAL("active")) ? SLICE_LITERAL("resumed") : status;
}

static struct slice
grant_event(struct slice body)
{
    if (has_field(body, "revoked"))
        return SLICE_LITERAL("revoked");
    return has_field(body, "parent") ? SLICE_LITERAL("delegated") : SLICE_LITERAL("created");
}

static struct slice
stop_event(struct slice body)
{
    struct datum in_force;

    if (!find_field(body, "in_force", &in_force) || in_force.kind != DATUM_BOOL)
        return (struct slice){NULL, 0};
    return in_force.as.boolean ? SLICE_LITERAL("ordered") : SLICE_LITERAL("lifted");
}

/* Empty for a body that is none of ours. */
static struct slice
event_of(const struct change *change)
{
    const struct store_record *record = &change->stored.record;

    if (change->stored.kind == ENTRY_RECORD_REMOVE)
        return SLICE_LITERAL("removed");
    switch (record->key.kind) {
    case RECORD_SESSION:
        return session_event(record->body);
    case RECORD_GRANT:
        return grant_event(record->body);
    case RECORD_REQUEST:
        return text_field(record->body, "status");
    case RECORD_STOP:
        return stop_event(record->body);
    case RECORD_USES:
    case RECORD_ATTRIBUTES:
        break;
    }
    return SLICE_LITERAL("written");
}

/* --- ids --- */

static struct slice
print_object(const struct object *object, struct arena *arena)
{
    struct buffer text;
    struct slice copy;

    buffer_init(&text);
    object_print(object, &text);
    copy = arena_copy(arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

static struct slice
print_id(const struct store_record_key *key, const char *prefix, struct arena *arena)
{
    struct record_id_text text;
    struct record_id id;

    memcpy(id.bytes, key->id, sizeof id.bytes);
    record_id_print(&id, prefix, &text);
    return arena_copy(arena, slice_of(text.text));
}

static struct slice
stopped_party(struct slice body, struct arena *arena)
{
    static const char *const parties[] = {"agent", "principal", "client"};
    static const struct slice none = {"", 0};

    for (size_t index = 0; index < BEHALF_COUNT_OF(parties); index++)
        if (has_field(body, parties[index]))
            return arena_copy(arena, text_field(body, parties[index]));
    return none;
}

static struct slice
id_of(const struct change *change, const char *prefix, struct arena *arena)
{
    const struct store_record *record = &change->stored.record;

    if (record->key.kind == RECORD_ATTRIBUTES)
        return print_object(&change->object, arena);
    if (prefix == NULL)
        return stopped_party(record->body, arena);
    return print_id(&record->key, prefix, arena);
}

enum status
watch_record_of(const struct change *change, struct arena *arena, struct watch_record *record,
                struct error *error)
{
    static const struct kind_words words[] = {
        [RECORD_SESSION] = {"session", RECORD_PREFIX_SESSION},
        [RECORD_GRANT] = {"grant", RECORD_PREFIX_GRANT},
        [RECORD_USES] = {"uses", RECORD_PREFIX_GRANT},
        [RECORD_REQUEST] = {"request", RECORD_PREFIX_REQUEST},
        [RECORD_ATTRIBUTES] = {"attributes", NULL},
        [RECORD_STOP] = {"stop", NULL},
    };
    const struct store_record_key *key = &change->stored.record.key;

    BEHALF_ASSERT(key->kind < BEHALF_COUNT_OF(words) && words[key->kind].kind != NULL);
    record->kind = words[key->kind].kind;
    record->event = event_of(change);
    if (record->event.size == 0)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a record in the changelog has no status");
    record->event = arena_copy(arena, record->event);
    record->id = id_of(change, words[key->kind].prefix, arena);
    return record->event.data != NULL && record->id.data != NULL
               ? BEHALF_OK
               : error_set(error, BEHALF_BUDGET_EXHAUSTED, "the message needs too much memory");
}
