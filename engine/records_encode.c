/* records_encode.c - bodies of records from their words: maps in an arena, then canonical bytes. */
#include "base/bytes.h"
#include "base/datum.h"
#include "engine/records.h"

/* A map that is being built. */
#define FIELDS_MAX 20

struct fields {
    struct datum_field *fields;
    size_t count;
    struct arena *arena;
    bool no_memory;
};

static struct fields
fields_new(struct arena *arena)
{
    struct fields made = {.arena = arena};

    made.fields = arena_take_array(arena, FIELDS_MAX, sizeof *made.fields);
    made.no_memory = made.fields == NULL;
    return made;
}

static void
add(struct fields *to, const char *key, struct datum value)
{
    struct datum *datum = arena_take(to->arena, sizeof *datum);

    if (datum == NULL || to->no_memory) {
        to->no_memory = true;
        return;
    }
    BEHALF_ASSERT(to->count < FIELDS_MAX);
    *datum = value;
    to->fields[to->count++] = (struct datum_field){slice_of(key), datum};
}

static void
add_text(struct fields *to, const char *key, struct slice text)
{
    add(to, key, (struct datum){.kind = DATUM_STRING, .as.string = text});
}

static void
add_some_text(struct fields *to, const char *key, struct slice text)
{
    if (text.size > 0)
        add_text(to, key, text);
}

static void
add_integer(struct fields *to, const char *key, int64_t integer)
{
    add(to, key, (struct datum){.kind = DATUM_INT, .as.integer = integer});
}

static void
add_boolean(struct fields *to, const char *key, bool boolean)
{
    add(to, key, (struct datum){.kind = DATUM_BOOL, .as.boolean = boolean});
}

static void
add_id(struct fields *to, const char *key, const struct record_id *id, const char *prefix)
{
    struct record_id_text *text = arena_take(to->arena, sizeof *text);

    if (text == NULL) {
        to->no_memory = true;
        return;
    }
    record_id_print(id, prefix, text);
    add_text(to, key, slice_of(text->text));
}

static void
add_digest(struct fields *to, const char *key, const uint8_t digest[32])
{
    static const char digits[] = "0123456789abcdef";
    char *text = arena_take(to->arena, 64);

    if (text == NULL) {
        to->no_memory = true;
        return;
    }
    for (size_t at = 0; at < 32; at++) {
        text[2 * at] = digits[digest[at] >> 4];
        text[2 * at + 1] = digits[digest[at] & 15];
    }
    add_text(to, key, (struct slice){text, 64});
}

/* Canonical bytes that somebody else made. */
static enum status
add_map(struct fields *to, const char *key, struct slice bytes, struct error *error)
{
    const struct datum *map = NULL;

    if (bytes.size == 0)
        return BEHALF_OK;
    if (datum_decode(bytes, to->arena, &map, error) != BEHALF_OK || map->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s' is not the bytes of a map", key);
    add(to, key, *map);
    return BEHALF_OK;
}

/* The map itself; void once there was no memory. */
static struct datum
close_map(struct fields *to)
{
    struct slice twice;
    bool distinct = to->no_memory || datum_sort_fields(to->fields, to->count, &twice);

    BEHALF_ASSERT(distinct);
    return (struct datum){.kind = DATUM_MAP, .as.map = {to->fields, to->count}};
}

static enum status
no_memory(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the record");
}

/* What an amendment may add. A new body leaves room for it: everything can be revoked. */
#define AMENDMENT_SIZE_MAX ((size_t)ENGINE_REASON_SIZE_MAX + 256)

/* The same of an access request, whose decision names an approver. */
#define DECISION_SIZE_MAX (AMENDMENT_SIZE_MAX + TYPE_NAME_SIZE_MAX + OBJECT_ID_SIZE_MAX)

static enum status
encode(struct fields *from, size_t size_max, struct buffer *body, struct error *error)
{
    struct datum map = close_map(from);
    const char *reason = NULL;
    size_t before = body->size;

    if (from->no_memory)
        return no_memory(error);
    if (!datum_validate(&map, &reason))
        return error_set(error, BEHALF_MALFORMED_REQUEST, "the record cannot be stored: %s",
                         reason);
    datum_encode(&map, body);
    if (body->size - before > size_max)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "the record takes %zu bytes in storage; at most %zu are allowed",
                         body->size - before, size_max);
    return BEHALF_OK;
}

/* --- lists --- */

struct items {
    const struct datum **items;
    size_t count;
};

static bool
items_new(struct arena *arena, size_t capacity, struct items *made)
{
    *made = (struct items){arena_take_array(arena, capacity + 1, sizeof *made->items), 0};
    return made->items != NULL;
}

static bool
add_item(struct arena *arena, struct items *to, struct datum value)
{
    struct datum *datum = arena_take(arena, sizeof *datum);

    if (datum == NULL)
        return false;
    *datum = value;
    to->items[to->count++] = datum;
    return true;
}

static bool
add_map_item(struct items *to, struct fields *map)
{
    struct datum closed = close_map(map);

    return !map->no_memory && add_item(map->arena, to, closed);
}

static struct datum
list_of(const struct items *items)
{
    return (struct datum){.kind = DATUM_LIST, .as.list = {items->items, items->count}};
}

/* --- grants --- */

static bool
add_element(struct arena *arena, const struct element_words *words, struct items *to)
{
    struct fields element = fields_new(arena);
    struct items actions;

    if (!items_new(arena, words->action_count, &actions))
        return false;
    for (size_t at = 0; at < words->action_count; at++) {
        if (!add_item(arena, &actions,
                      (struct datum){.kind = DATUM_STRING, .as.string = words->actions[at]}))
            return false;
    }
    add_text(&element, "selector", words->selector);
    add(&element, "actions", list_of(&actions));
    return add_map_item(to, &element);
}

static enum status
add_scope(struct fields *to, const struct grant_words *words, struct error *error)
{
    struct items elements;
    struct datum scope;
    struct buffer bytes;
    size_t size;

    if (!items_new(to->arena, words->scope_count, &elements))
        return no_memory(error);
    for (size_t at = 0; at < words->scope_count; at++) {
        if (!add_element(to->arena, &words->scope[at], &elements))
            return no_memory(error);
    }
    scope = list_of(&elements);
    buffer_init(&bytes);
    datum_encode(&scope, &bytes);
    size = bytes.size;
    buffer_release(&bytes);
    if (size > ENGINE_SCOPE_SIZE_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "scope: it takes %zu bytes in storage; at most %zu are allowed", size,
                         ENGINE_SCOPE_SIZE_MAX);
    add(to, "scope", scope);
    return BEHALF_OK;
}

static enum status
add_constraints(struct fields *to, const struct grant_words *words, struct error *error)
{
    struct items constraints;

    if (words->constraint_count == 0)
        return BEHALF_OK;
    if (!items_new(to->arena, words->constraint_count, &constraints))
        return no_memory(error);
    for (size_t at = 0; at < words->constraint_count; at++) {
        const struct constraint_words *constraint = &words->constraints[at];
        struct fields map = fields_new(to->arena);
        enum status status = add_map(&map, "context", constraint->context, error);

        if (status != BEHALF_OK)
            return status;
        add_text(&map, "caveat", constraint->caveat);
        add_digest(&map, "digest", constraint->digest);
        if (!add_map_item(&constraints, &map))
            return no_memory(error);
    }
    add(to, "constraints", list_of(&constraints));
    return BEHALF_OK;
}

static enum status
add_tools(struct fields *to, const struct engine_tool *tools, size_t count, struct error *error)
{
    struct items items;

    if (count == 0)
        return BEHALF_OK;
    if (!items_new(to->arena, count, &items))
        return no_memory(error);
    for (size_t at = 0; at < count; at++) {
        struct fields map = fields_new(to->arena);

        add_text(&map, "name", tools[at].name);
        add_digest(&map, "sha256", tools[at].sha256);
        if (!add_map_item(&items, &map))
            return no_memory(error);
    }
    add(to, "tools", list_of(&items));
    return BEHALF_OK;
}

static void
add_binding(struct fields *to, const struct engine_binding *binding)
{
    struct fields map = fields_new(to->arena);

    if (binding->method.size == 0)
        return;
    add_text(&map, "method", binding->method);
    add_digest(&map, "digest", binding->digest);
    add(to, "bind", close_map(&map));
    to->no_memory = to->no_memory || map.no_memory;
}

static enum status
add_approval(struct fields *to, const struct approval_words *words, struct error *error)
{
    struct fields map = fields_new(to->arena);
    enum status status;

    if (words == NULL)
        return BEHALF_OK;
    status = add_map(&map, "evidence", words->evidence, error);
    if (status != BEHALF_OK)
        return status;
    add_text(&map, "approver", words->approver);
    add_integer(&map, "at", words->at);
    add_some_text(&map, "channel", words->channel);
    add_some_text(&map, "request", words->request);
    add(to, "approval", close_map(&map));
    to->no_memory = to->no_memory || map.no_memory;
    return BEHALF_OK;
}

enum status
record_encode_grant(const struct grant_words *words, struct arena *arena, struct buffer *body,
                    struct error *error)
{
    struct fields map = fields_new(arena);
    enum status status = add_scope(&map, words, error);

    if (status == BEHALF_OK)
        status = add_constraints(&map, words, error);
    if (status == BEHALF_OK)
        status = add_tools(&map, words->tools, words->tool_count, error);
    if (status == BEHALF_OK)
        status = add_approval(&map, words->approval, error);
    if (status != BEHALF_OK)
        return status;
    add_id(&map, "session", &words->session, RECORD_PREFIX_SESSION);
    if (words->parent != NULL)
        add_id(&map, "parent", words->parent, RECORD_PREFIX_GRANT);
    add_text(&map, "delegator", words->delegator);
    add_text(&map, "delegatee", words->delegatee);
    if (words->not_before != 0)
        add_integer(&map, "not_before", words->not_before);
    add_integer(&map, "expires_at", words->expires_at);
    add_integer(&map, "max_depth", words->max_depth);
    if (words->uses != 0)
        add_integer(&map, "uses", words->uses);
    add_binding(&map, &words->binding);
    add_some_text(&map, "purpose", words->purpose);
    return encode(&map, STORE_RECORD_SIZE_MAX - AMENDMENT_SIZE_MAX, body, error);
}

/* --- access requests --- */

static enum status
add_requested(struct fields *to, const struct engine_requested_terms *requested,
              struct error *error)
{
    struct fields map = fields_new(to->arena);
    enum status status = add_tools(&map, requested->tools, requested->tool_count, error);

    if (status != BEHALF_OK)
        return status;
    if (requested->until != 0)
        add_integer(&map, "until", requested->until);
    if (requested->uses != 0)
        add_integer(&map, "uses", (int64_t)requested->uses);
    add_binding(&map, &requested->binding);
    if (map.count > 0)
        add(to, "requested", close_map(&map));
    to->no_memory = to->no_memory || map.no_memory;
    return BEHALF_OK;
}

enum status
record_encode_access_request(const struct access_request_words *words, struct arena *arena,
                             struct buffer *body, struct error *error)
{
    struct fields map = fields_new(arena);
    enum status status = add_requested(&map, words->requested, error);

    if (status != BEHALF_OK)
        return status;
    add_text(&map, "principal", words->principal);
    add_text(&map, "agent", words->agent);
    add_text(&map, "resource", words->resource);
    add_text(&map, "permission", words->permission);
    add_some_text(&map, "justification", words->justification);
    add_text(&map, "status", engine_access_request_word(ACCESS_REQUEST_PENDING));
    add_integer(&map, "expires_at", words->expires_at);
    if (words->denial != NULL)
        add_id(&map, "denial", words->denial, RECORD_PREFIX_DECISION);
    return encode(&map, STORE_RECORD_SIZE_MAX - DECISION_SIZE_MAX, body, error);
}

/* --- sessions, stops, uses --- */

enum status
record_encode_session(const struct session_words *words, struct arena *arena, struct buffer *body,
                      struct error *error)
{
    struct fields map = fields_new(arena);
    enum status status = add_map(&map, "evidence", words->evidence, error);

    if (status != BEHALF_OK)
        return status;
    add_text(&map, "principal", words->principal);
    add_text(&map, "agent", words->agent);
    add_text(&map, "client", words->client);
    add_integer(&map, "created", words->created);
    add_integer(&map, "expires_at", words->expires_at);
    add_integer(&map, "idle_timeout_s", words->idle_timeout_s);
    add_text(&map, "status", SLICE_LITERAL("active"));
    return encode(&map, STORE_RECORD_SIZE_MAX - AMENDMENT_SIZE_MAX, body, error);
}

enum status
record_encode_stop(const struct stop_words *words, struct arena *arena, struct buffer *body,
                   struct error *error)
{
    struct fields map = fields_new(arena);

    switch (words->scope) {
    case STOP_AGENT:
        add_text(&map, "agent", words->party);
        break;
    case STOP_CLIENT:
        add_text(&map, "client", words->party);
        break;
    case STOP_PRINCIPAL:
        add_text(&map, "principal", words->party);
        break;
    case STOP_EVERYTHING:
        add_boolean(&map, "everything", true);
        break;
    }
    add_integer(&map, "epoch", (int64_t)words->epoch);
    add_boolean(&map, "in_force", words->in_force);
    add_some_text(&map, "by", words->by);
    add_some_text(&map, "reason", words->reason);
    add_integer(&map, "at", words->at);
    return encode(&map, STORE_RECORD_SIZE_MAX, body, error);
}

void
record_encode_uses(uint32_t left, char body[4])
{
    bytes_put_u32(body, left);
}

/* --- amendments --- */

/* The fields of a stored body but those with these keys. */
static enum status
fields_without(struct slice stored, const char *const *keys, size_t key_count, struct arena *arena,
               struct fields *kept, struct error *error)
{
    const struct datum *map = NULL;
    enum status status = datum_decode(stored, arena, &map, error);

    if (status != BEHALF_OK)
        return status;
    *kept = fields_new(arena);
    if (kept->no_memory)
        return no_memory(error);
    if (map->kind != DATUM_MAP || map->as.map.count + key_count > FIELDS_MAX)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "the body of a record is not its map");
    for (size_t at = 0; at < map->as.map.count; at++) {
        bool replaced = false;

        for (size_t key = 0; key < key_count; key++)
            replaced = replaced || slice_equal(map->as.map.fields[at].key, slice_of(keys[key]));
        if (!replaced)
            kept->fields[kept->count++] = map->as.map.fields[at];
    }
    return BEHALF_OK;
}

enum status
record_amend_session(struct slice stored, enum session_status status, struct slice reason,
                     uint64_t made, struct arena *arena, struct buffer *body, struct error *error)
{
    static const char *const replaced[] = {"status", "reason", "made"};
    static const char *const words[] = {
        [SESSION_ACTIVE] = "active",
        [SESSION_SUSPENDED] = "suspended",
        [SESSION_REVOKED] = "revoked",
    };
    struct fields map;
    enum status failed =
        fields_without(stored, replaced, BEHALF_COUNT_OF(replaced), arena, &map, error);

    if (failed != BEHALF_OK)
        return failed;
    add_text(&map, "status", slice_of(words[status]));
    add_some_text(&map, "reason", reason);
    add_integer(&map, "made", (int64_t)made);
    return encode(&map, STORE_RECORD_SIZE_MAX, body, error);
}

enum status
record_amend_grant(struct slice stored, int64_t revoked_at, struct slice by, struct slice reason,
                   uint64_t made, struct arena *arena, struct buffer *body, struct error *error)
{
    static const char *const replaced[] = {"revoked", "made"};
    struct fields map;
    struct fields revoked = fields_new(arena);
    enum status failed =
        fields_without(stored, replaced, BEHALF_COUNT_OF(replaced), arena, &map, error);

    if (failed != BEHALF_OK)
        return failed;
    add_integer(&revoked, "at", revoked_at);
    add_some_text(&revoked, "by", by);
    add_some_text(&revoked, "reason", reason);
    add(&map, "revoked", close_map(&revoked));
    map.no_memory = map.no_memory || revoked.no_memory;
    add_integer(&map, "made", (int64_t)made);
    return encode(&map, STORE_RECORD_SIZE_MAX, body, error);
}

enum status
record_amend_access_request(struct slice stored, const struct access_decision_words *words,
                            struct arena *arena, struct buffer *body, struct error *error)
{
    static const char *const replaced[] = {"status", "decided", "grant"};
    struct fields map;
    struct fields decided = fields_new(arena);
    enum status failed =
        fields_without(stored, replaced, BEHALF_COUNT_OF(replaced), arena, &map, error);

    if (failed != BEHALF_OK)
        return failed;
    add_some_text(&decided, "approver", words->approver);
    add_integer(&decided, "at", words->at);
    add_some_text(&decided, "reason", words->reason);
    add_text(&map, "status", engine_access_request_word(words->status));
    add(&map, "decided", close_map(&decided));
    map.no_memory = map.no_memory || decided.no_memory;
    if (words->grant != NULL)
        add_id(&map, "grant", words->grant, RECORD_PREFIX_GRANT);
    return encode(&map, STORE_RECORD_SIZE_MAX, body, error);
}
