/* records.c - stored records to structs: keys, index entries, bodies. */
#include "engine/records.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/datum.h"
#include "base/digest.h"
#include "engine/scope.h"

#define BODY_ARENA ((size_t)4 * 1024 * 1024) /* to take one body apart */

/* --- keys and index entries --- */

struct store_record_key
record_key(enum record_kind kind, const struct record_id *id)
{
    struct store_record_key key = {.kind = kind, .id_size = RECORD_ID_SIZE};

    memcpy(key.id, id->bytes, RECORD_ID_SIZE);
    return key;
}

struct store_record_key
record_stop_key(enum stop_scope scope, uint64_t node, struct slice client)
{
    struct store_record_key key = {.kind = RECORD_STOP, .id_size = 1 + 16};
    uint8_t digest[DIGEST_SIZE];

    key.id[0] = (uint8_t)scope;
    switch (scope) {
    case STOP_AGENT:
    case STOP_PRINCIPAL:
        bytes_put_u64(key.id + 1, node);
        break;
    case STOP_CLIENT:
        digest_sha256(&client, 1, digest);
        memcpy(key.id + 1, digest, 16);
        break;
    case STOP_EVERYTHING:
        break;
    }
    return key;
}

struct store_record_key
record_attributes_key(uint64_t node)
{
    struct store_record_key key = {.kind = RECORD_ATTRIBUTES, .id_size = sizeof node};

    bytes_put_u64(key.id, node);
    return key;
}

static void
index_entry(struct store_record *record, char *bytes, enum record_index index, const void *party,
            size_t party_size, int64_t expires_at)
{
    memcpy(bytes, party, party_size);
    store_time_encode(expires_at, bytes + party_size);
    BEHALF_ASSERT(record->entry_count < STORE_RECORD_INDEXES_MAX);
    record->entries[record->entry_count++] =
        (struct store_record_entry){index, {bytes, party_size + 8}};
}

void
record_index_session(struct store_record *record, struct record_entries *entries,
                     uint64_t principal, uint64_t agent, int64_t expires_at)
{
    char node[8];

    bytes_put_u64(node, principal);
    index_entry(record, entries->bytes[0], RECORD_INDEX_PRINCIPAL, node, sizeof node, expires_at);
    bytes_put_u64(node, agent);
    index_entry(record, entries->bytes[1], RECORD_INDEX_AGENT, node, sizeof node, expires_at);
}

void
record_index_grant(struct store_record *record, struct record_entries *entries,
                   const struct record_id *session, uint64_t delegatee, int64_t expires_at)
{
    char node[8];

    index_entry(record, entries->bytes[0], RECORD_INDEX_SESSION, session->bytes, RECORD_ID_SIZE,
                expires_at);
    bytes_put_u64(node, delegatee);
    index_entry(record, entries->bytes[1], RECORD_INDEX_DELEGATEE, node, sizeof node, expires_at);
}

void
record_index_access_request(struct store_record *record, struct record_entries *entries,
                            uint64_t principal, uint64_t agent, int64_t expires_at,
                            const struct record_id *denial)
{
    char parties[16];

    bytes_put_u64(parties, principal);
    bytes_put_u64(parties + 8, agent);
    index_entry(record, entries->bytes[0], RECORD_INDEX_PARTIES, parties, sizeof parties,
                expires_at);
    if (denial == NULL)
        return;
    memcpy(entries->bytes[1], denial->bytes, RECORD_ID_SIZE);
    record->entries[record->entry_count++] =
        (struct store_record_entry){RECORD_INDEX_DENIAL, {entries->bytes[1], RECORD_ID_SIZE}};
}

void
record_index_from(uint64_t party, int64_t time, char bytes[16])
{
    bytes_put_u64(bytes, party);
    store_time_encode(time, bytes + 8);
}

/* --- reading a map --- */

/* A map that must have known fields only: those that were taken are counted. */
struct fields {
    const struct datum *map;
    size_t taken;
    bool wrong;
};

static struct fields
fields_of(const struct datum *map)
{
    return (struct fields){map, 0, map == NULL || map->kind != DATUM_MAP};
}

enum presence { REQUIRED, OPTIONAL };

static const struct datum *
take(struct fields *from, const char *key, enum datum_kind kind, enum presence presence)
{
    const struct datum *value = from->wrong ? NULL : datum_field(from->map, slice_of(key));

    if (value == NULL) {
        from->wrong = from->wrong || presence == REQUIRED;
        return NULL;
    }
    from->taken++;
    from->wrong = from->wrong || value->kind != kind;
    return from->wrong ? NULL : value;
}

/* Empty where it is absent; present ones are not empty. */
static struct slice
take_text(struct fields *from, const char *key, enum presence presence)
{
    const struct datum *value = take(from, key, DATUM_STRING, presence);

    if (value == NULL)
        return (struct slice){NULL, 0};
    from->wrong = from->wrong || value->as.string.size == 0;
    return value->as.string;
}

/* Not negative; 0 where it is absent. */
static int64_t
take_integer(struct fields *from, const char *key, enum presence presence)
{
    const struct datum *value = take(from, key, DATUM_INT, presence);

    if (value == NULL)
        return 0;
    from->wrong = from->wrong || value->as.integer < 0;
    return value->as.integer;
}

static void
take_id(struct fields *from, const char *key, const char *prefix, struct record_id *id)
{
    struct slice text = take_text(from, key, REQUIRED);

    from->wrong = from->wrong || !record_id_parse(text, prefix, id);
}

static bool
hexadecimal(char digit, uint8_t *value)
{
    bool is_number = digit >= '0' && digit <= '9';

    *value = (uint8_t)(is_number ? digit - '0' : digit - 'a' + 10);
    return is_number || (digit >= 'a' && digit <= 'f');
}

static void
take_digest(struct fields *from, const char *key, uint8_t digest[32])
{
    struct slice text = take_text(from, key, REQUIRED);

    from->wrong = from->wrong || text.size != 64;
    for (size_t at = 0; !from->wrong && at < 32; at++) {
        uint8_t high;
        uint8_t low;

        from->wrong =
            !hexadecimal(text.data[2 * at], &high) || !hexadecimal(text.data[2 * at + 1], &low);
        if (!from->wrong)
            digest[at] = (uint8_t)(high << 4 | low);
    }
}

/* Whether the map was what it has to be, and had nothing else. */
static bool
all_taken(const struct fields *from)
{
    return !from->wrong && from->taken == from->map->as.map.count;
}

/* The body's list; NULL where there is none, or where it is empty. */
static const struct datum *
take_list(struct fields *from, const char *key, enum presence presence)
{
    const struct datum *value = take(from, key, DATUM_LIST, presence);

    from->wrong = from->wrong || (value != NULL && value->as.list.count == 0);
    return from->wrong ? NULL : value;
}

/* --- blocks --- */

static struct record_part
append(struct buffer *block, const void *bytes, uint32_t count, size_t size, size_t alignment)
{
    static const char zeros[8];
    size_t padding = (alignment - block->size % alignment) % alignment;
    struct record_part part;

    buffer_add(block, zeros, padding);
    part = (struct record_part){(uint32_t)block->size, count};
    buffer_add(block, bytes, count * size);
    return part;
}

static struct record_part
append_text(struct buffer *block, struct slice text)
{
    if (text.size == 0)
        return (struct record_part){0, 0};
    return append(block, text.data, (uint32_t)text.size, 1, 1);
}

static enum status
corrupt(const char *what, struct error *error)
{
    return error_set(error, BEHALF_STORAGE_CORRUPT, "the stored %s is not what is written", what);
}

/* The bytes before the time of the record's entry in an index. */
static bool
entry_of(const struct store_record *record, enum record_index index, size_t party_size,
         int64_t expires_at, struct slice *party)
{
    char time[8];

    store_time_encode(expires_at, time);
    for (size_t at = 0; at < record->entry_count; at++) {
        struct slice bytes = record->entries[at].bytes;

        if (record->entries[at].index != index || bytes.size != party_size + 8)
            continue;
        *party = (struct slice){bytes.data, party_size};
        return memcmp(bytes.data + party_size, time, 8) == 0;
    }
    return false;
}

/* Revision of the first version. */
static uint64_t
made_revision(struct fields *from, uint64_t created_revision)
{
    uint64_t made = (uint64_t)take_integer(from, "made", OPTIONAL);

    from->wrong = from->wrong || made > created_revision;
    return made == 0 ? created_revision : made;
}

/* --- tools and bindings --- */

static bool
read_tools(const struct datum *list, struct arena *arena, struct buffer *block,
           struct record_part *part)
{
    size_t count = list == NULL ? 0 : list->as.list.count;
    struct grant_tool *tools;

    if (count == 0)
        return true;
    tools = arena_take_array(arena, count, sizeof *tools);
    if (tools == NULL || count > ENGINE_TOOLS_MAX)
        return false;
    for (size_t at = 0; at < count; at++) {
        struct fields from = fields_of(list->as.list.items[at]);

        tools[at].name = append_text(block, take_text(&from, "name", REQUIRED));
        take_digest(&from, "sha256", tools[at].sha256);
        if (!all_taken(&from))
            return false;
    }
    *part = append(block, tools, (uint32_t)count, sizeof *tools, 8);
    return true;
}

static bool
read_binding(const struct datum *map, struct buffer *block, struct record_part *method,
             uint8_t digest[32])
{
    struct fields from = fields_of(map);

    if (map == NULL)
        return true;
    *method = append_text(block, take_text(&from, "method", REQUIRED));
    take_digest(&from, "digest", digest);
    return all_taken(&from);
}

/* --- sessions --- */

static enum session_status
status_of(struct fields *from)
{
    struct slice word = take_text(from, "status", REQUIRED);

    if (slice_equal(word, SLICE_LITERAL("active")))
        return SESSION_ACTIVE;
    if (slice_equal(word, SLICE_LITERAL("suspended")))
        return SESSION_SUSPENDED;
    from->wrong = from->wrong || !slice_equal(word, SLICE_LITERAL("revoked"));
    return SESSION_REVOKED;
}

static bool
read_session(const struct store_record *record, const struct datum *map, struct session *session,
             struct slice *client)
{
    struct fields from = fields_of(map);
    struct slice principal;
    struct slice agent;
    int64_t idle_timeout_s;

    (void)take_text(&from, "principal", REQUIRED);
    (void)take_text(&from, "agent", REQUIRED);
    (void)take_text(&from, "reason", OPTIONAL);
    (void)take(&from, "evidence", DATUM_MAP, OPTIONAL);
    *client = take_text(&from, "client", REQUIRED);
    session->status = status_of(&from);
    session->created = take_integer(&from, "created", REQUIRED);
    session->expires_at = take_integer(&from, "expires_at", REQUIRED);
    idle_timeout_s = take_integer(&from, "idle_timeout_s", REQUIRED);
    session->made_revision = made_revision(&from, record->created_revision);
    if (!all_taken(&from) || idle_timeout_s > UINT32_MAX ||
        !entry_of(record, RECORD_INDEX_PRINCIPAL, 8, session->expires_at, &principal) ||
        !entry_of(record, RECORD_INDEX_AGENT, 8, session->expires_at, &agent))
        return false;
    session->idle_timeout_ns = idle_timeout_s * 1000000000;
    session->principal = bytes_get_u64(principal.data);
    session->agent = bytes_get_u64(agent.data);
    return true;
}

enum status
record_session(struct store *store, const struct store_record *record, struct buffer *block,
               struct error *error)
{
    struct session session = {.created_revision = record->created_revision};
    const struct datum *map = NULL;
    struct slice client;
    struct arena arena;
    enum status status;

    (void)store;
    BEHALF_ASSERT(record->key.kind == RECORD_SESSION);
    arena_init(&arena, BODY_ARENA);
    status = datum_decode(record->body, &arena, &map, error);
    if (status == BEHALF_OK && !read_session(record, map, &session, &client))
        status = corrupt("session", error);
    if (status == BEHALF_OK) {
        memcpy(session.id.bytes, record->key.id, RECORD_ID_SIZE);
        buffer_clear(block);
        buffer_add(block, &session, sizeof session);
        session.client = append_text(block, client);
        session.size = (uint32_t)block->size;
        memcpy(block->data, &session, sizeof session);
    }
    arena_release(&arena);
    return status;
}

/* --- grants --- */

/* What reading a grant needs beside its map. */
struct grant_reader {
    struct store *store;
    struct arena arena;
    struct buffer *block;
    struct grant grant;
};

static bool
label(struct grant_reader *reader, enum label_kind kind, struct slice name, uint16_t *found)
{
    *found = store_label_find(reader->store, kind, name);
    return *found != LABEL_NONE;
}

static int
compare_labels(const void *a, const void *b)
{
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Ascending, each once: a request may name an action twice. */
static bool
read_actions(struct grant_reader *reader, const struct datum *list, struct record_part *part)
{
    uint16_t labels[ENGINE_SCOPE_ACTIONS_MAX];
    size_t count = list->as.list.count;
    uint32_t distinct = 0;

    if (count > ENGINE_SCOPE_ACTIONS_MAX)
        return false;
    for (size_t at = 0; at < count; at++) {
        const struct datum *action = list->as.list.items[at];

        if (action->kind != DATUM_STRING ||
            !label(reader, LABEL_RELATION, action->as.string, &labels[at]))
            return false;
    }
    qsort(labels, count, sizeof labels[0], compare_labels);
    for (size_t at = 0; at < count; at++) {
        if (at == 0 || labels[at] != labels[at - 1])
            labels[distinct++] = labels[at];
    }
    *part = append(reader->block, labels, distinct, sizeof labels[0], 2);
    return true;
}

static bool
read_selector(struct grant_reader *reader, struct slice text, struct grant_element *element)
{
    struct selector selector;
    struct error ignored;

    if (selector_parse(text, &reader->arena, &selector, &ignored) != BEHALF_OK ||
        selector.is_principal)
        return false;
    element->form = (uint8_t)selector.form;
    if (!label(reader, LABEL_TYPE, selector.type, &element->type))
        return false;
    switch (selector.form) {
    case SELECTOR_OBJECT:
        element->id = append_text(reader->block, selector.id);
        return true;
    case SELECTOR_TYPE:
        return true;
    case SELECTOR_MEMBERS:
        element->id = append_text(reader->block, selector.object.id);
        return label(reader, LABEL_RELATION, selector.member, &element->member) &&
               label(reader, LABEL_TYPE, selector.object.type, &element->object_type);
    }
    return false;
}

static bool
read_scope(struct grant_reader *reader, const struct datum *list)
{
    struct grant_element elements[ENGINE_SCOPE_ELEMENTS_MAX] = {{.form = 0}};
    size_t count = list == NULL ? 0 : list->as.list.count;

    if (count == 0 || count > ENGINE_SCOPE_ELEMENTS_MAX)
        return false;
    for (size_t at = 0; at < count; at++) {
        struct fields from = fields_of(list->as.list.items[at]);
        struct slice selector = take_text(&from, "selector", REQUIRED);
        const struct datum *actions = take_list(&from, "actions", REQUIRED);

        if (!all_taken(&from) || !read_selector(reader, selector, &elements[at]) ||
            !read_actions(reader, actions, &elements[at].actions))
            return false;
    }
    reader->grant.elements =
        append(reader->block, elements, (uint32_t)count, sizeof elements[0], 8);
    return true;
}

static bool
read_constraints(struct grant_reader *reader, const struct datum *list)
{
    struct grant_constraint constraints[ENGINE_CONSTRAINTS_MAX] = {{.caveat = 0}};
    size_t count = list == NULL ? 0 : list->as.list.count;
    struct buffer context;
    bool right = count <= ENGINE_CONSTRAINTS_MAX;

    buffer_init(&context);
    for (size_t at = 0; right && at < count; at++) {
        struct fields from = fields_of(list->as.list.items[at]);
        struct slice caveat = take_text(&from, "caveat", REQUIRED);
        const struct datum *map = take(&from, "context", DATUM_MAP, OPTIONAL);

        take_digest(&from, "digest", constraints[at].digest);
        right = all_taken(&from) && label(reader, LABEL_CAVEAT, caveat, &constraints[at].caveat);
        if (right && map != NULL) {
            buffer_clear(&context);
            datum_encode(map, &context);
            constraints[at].context = append_text(reader->block, buffer_slice(&context));
        }
    }
    buffer_release(&context);
    if (right && count > 0)
        reader->grant.constraints =
            append(reader->block, constraints, (uint32_t)count, sizeof constraints[0], 8);
    return right;
}

static bool
read_revocation(struct grant_reader *reader, const struct datum *map)
{
    struct fields from = fields_of(map);

    if (map == NULL)
        return true;
    reader->grant.revoked_at = take_integer(&from, "at", REQUIRED);
    (void)take_text(&from, "by", OPTIONAL);
    (void)take_text(&from, "reason", OPTIONAL);
    return all_taken(&from) && reader->grant.revoked_at != 0;
}

static bool
read_approval(struct grant_reader *reader, const struct datum *map)
{
    struct fields from = fields_of(map);
    struct grant *grant = &reader->grant;
    struct slice channel;

    if (map == NULL)
        return true;
    grant->approver = append_text(reader->block, take_text(&from, "approver", REQUIRED));
    grant->approved_at = take_integer(&from, "at", REQUIRED);
    channel = take_text(&from, "channel", OPTIONAL);
    (void)append_text(reader->block, channel); /* right behind the approver's */
    grant->channel_size = (uint16_t)channel.size;
    (void)take_text(&from, "request", OPTIONAL);
    (void)take(&from, "evidence", DATUM_MAP, OPTIONAL);
    return all_taken(&from) && grant->approver.count > 0 && channel.size <= ENGINE_NAME_SIZE_MAX;
}

static void
read_numbers(struct fields *from, const struct store_record *record, struct grant *grant)
{
    int64_t max_depth = take_integer(from, "max_depth", REQUIRED);

    grant->max_depth = (uint8_t)max_depth;
    grant->not_before = take_integer(from, "not_before", OPTIONAL);
    grant->expires_at = take_integer(from, "expires_at", REQUIRED);
    grant->uses = (uint64_t)take_integer(from, "uses", OPTIONAL);
    grant->made_revision = made_revision(from, record->created_revision);
    from->wrong = from->wrong || max_depth > ENGINE_DEPTH_MAX || grant->uses > UINT32_MAX;
}

static bool
read_grant(struct grant_reader *reader, const struct store_record *record, const struct datum *map)
{
    struct fields from = fields_of(map);
    struct grant *grant = &reader->grant;
    const struct datum *scope = take_list(&from, "scope", REQUIRED);
    const struct datum *constraints = take_list(&from, "constraints", OPTIONAL);
    const struct datum *tools = take_list(&from, "tools", OPTIONAL);
    const struct datum *binding = take(&from, "bind", DATUM_MAP, OPTIONAL);
    const struct datum *approval = take(&from, "approval", DATUM_MAP, OPTIONAL);
    const struct datum *revoked = take(&from, "revoked", DATUM_MAP, OPTIONAL);
    struct slice session;
    struct slice delegatee;

    take_id(&from, "session", RECORD_PREFIX_SESSION, &grant->session);
    grant->is_root = approval != NULL;
    if (!grant->is_root)
        take_id(&from, "parent", RECORD_PREFIX_GRANT, &grant->parent);
    (void)take_text(&from, "delegator", REQUIRED);
    (void)take_text(&from, "delegatee", REQUIRED);
    (void)take_text(&from, "purpose", OPTIONAL);
    read_numbers(&from, record, grant);
    if (!all_taken(&from) ||
        !entry_of(record, RECORD_INDEX_SESSION, RECORD_ID_SIZE, grant->expires_at, &session) ||
        memcmp(session.data, grant->session.bytes, RECORD_ID_SIZE) != 0 ||
        !entry_of(record, RECORD_INDEX_DELEGATEE, 8, grant->expires_at, &delegatee))
        return false;
    grant->delegatee = bytes_get_u64(delegatee.data);
    return read_scope(reader, scope) && read_constraints(reader, constraints) &&
           read_tools(tools, &reader->arena, reader->block, &grant->tools) &&
           read_binding(binding, reader->block, &grant->method, grant->digest) &&
           read_approval(reader, approval) && read_revocation(reader, revoked);
}

enum status
record_grant(struct store *store, const struct store_record *record, struct buffer *block,
             struct error *error)
{
    struct grant_reader reader = {
        .store = store,
        .block = block,
        .grant = {.created_revision = record->created_revision},
    };
    const struct datum *map = NULL;
    enum status status;

    BEHALF_ASSERT(record->key.kind == RECORD_GRANT);
    memcpy(reader.grant.id.bytes, record->key.id, RECORD_ID_SIZE);
    arena_init(&reader.arena, BODY_ARENA);
    buffer_clear(block);
    buffer_add(block, &reader.grant, sizeof reader.grant); /* its place */
    status = datum_decode(record->body, &reader.arena, &map, error);
    if (status == BEHALF_OK && !read_grant(&reader, record, map))
        status = corrupt("grant", error);
    if (status == BEHALF_OK) {
        reader.grant.size = (uint32_t)block->size;
        memcpy(block->data, &reader.grant, sizeof reader.grant);
    }
    arena_release(&reader.arena);
    return status;
}

/* --- access requests --- */

static const struct slice access_request_words[] = {
    [ACCESS_REQUEST_PENDING] = {"pending", sizeof "pending" - 1},
    [ACCESS_REQUEST_APPROVED] = {"approved", sizeof "approved" - 1},
    [ACCESS_REQUEST_DENIED] = {"denied", sizeof "denied" - 1},
    [ACCESS_REQUEST_CANCELLED] = {"cancelled", sizeof "cancelled" - 1},
    [ACCESS_REQUEST_EXPIRED] = {"expired", sizeof "expired" - 1},
};

struct slice
engine_access_request_word(enum access_request_status status)
{
    return access_request_words[status];
}

enum access_request_status
access_request_status_at(const struct access_request *request, int64_t now)
{
    bool has_ended = request->status == ACCESS_REQUEST_PENDING && now >= request->expires_at;

    return has_ended ? ACCESS_REQUEST_EXPIRED : request->status;
}

static enum access_request_status
take_access_request_status(struct fields *from)
{
    struct slice word = take_text(from, "status", REQUIRED);

    for (unsigned at = ACCESS_REQUEST_PENDING; at <= ACCESS_REQUEST_CANCELLED; at++)
        if (slice_equal(word, access_request_words[at]))
            return (enum access_request_status)at;
    from->wrong = true;
    return ACCESS_REQUEST_CANCELLED;
}

static bool
read_requested(const struct datum *map, struct arena *arena, struct buffer *block,
               struct access_request *request)
{
    struct fields from = fields_of(map);
    const struct datum *tools;
    const struct datum *binding;
    int64_t uses;

    if (map == NULL)
        return true;
    tools = take_list(&from, "tools", OPTIONAL);
    binding = take(&from, "bind", DATUM_MAP, OPTIONAL);
    request->until = take_integer(&from, "until", OPTIONAL);
    uses = take_integer(&from, "uses", OPTIONAL);
    request->uses = (uint32_t)uses;
    return all_taken(&from) && uses <= UINT32_MAX &&
           read_tools(tools, arena, block, &request->tools) &&
           read_binding(binding, block, &request->method, request->digest);
}

/* What was decided, when it no longer is pending: an approval always has its grant. */
static bool
read_access_decision(const struct datum *map, struct slice grant, struct access_request *request)
{
    struct fields from = fields_of(map);

    request->has_grant = grant.size > 0;
    if ((map == NULL) != (request->status == ACCESS_REQUEST_PENDING) ||
        request->has_grant != (request->status == ACCESS_REQUEST_APPROVED))
        return false;
    if (map == NULL)
        return true;
    (void)take_text(&from, "approver", OPTIONAL);
    (void)take_text(&from, "reason", OPTIONAL);
    request->decided_at = take_integer(&from, "at", REQUIRED);
    return all_taken(&from) &&
           (!request->has_grant || record_id_parse(grant, RECORD_PREFIX_GRANT, &request->grant));
}

static bool
read_access_request(const struct store_record *record, const struct datum *map, struct arena *arena,
                    struct buffer *block, struct access_request *request)
{
    struct fields from = fields_of(map);
    const struct datum *requested = take(&from, "requested", DATUM_MAP, OPTIONAL);
    const struct datum *decided = take(&from, "decided", DATUM_MAP, OPTIONAL);
    struct slice grant = take_text(&from, "grant", OPTIONAL);
    struct slice parties;

    (void)take_text(&from, "principal", REQUIRED);
    (void)take_text(&from, "agent", REQUIRED);
    (void)take_text(&from, "justification", OPTIONAL);
    (void)take_text(&from, "denial", OPTIONAL);
    request->resource = append_text(block, take_text(&from, "resource", REQUIRED));
    request->permission = append_text(block, take_text(&from, "permission", REQUIRED));
    request->status = take_access_request_status(&from);
    request->expires_at = take_integer(&from, "expires_at", REQUIRED);
    if (!all_taken(&from) ||
        !entry_of(record, RECORD_INDEX_PARTIES, 16, request->expires_at, &parties))
        return false;
    request->principal = bytes_get_u64(parties.data);
    request->agent = bytes_get_u64(parties.data + 8);
    return read_access_decision(decided, grant, request) &&
           read_requested(requested, arena, block, request);
}

enum status
record_access_request(const struct store_record *record, struct buffer *block, struct error *error)
{
    struct access_request request = {.status = ACCESS_REQUEST_PENDING};
    const struct datum *map = NULL;
    struct arena arena;
    enum status status;

    BEHALF_ASSERT(record->key.kind == RECORD_REQUEST);
    memcpy(request.id.bytes, record->key.id, RECORD_ID_SIZE);
    arena_init(&arena, BODY_ARENA);
    buffer_clear(block);
    buffer_add(block, &request, sizeof request); /* its place */
    status = datum_decode(record->body, &arena, &map, error);
    if (status == BEHALF_OK && !read_access_request(record, map, &arena, block, &request))
        status = corrupt("access request", error);
    if (status == BEHALF_OK) {
        request.size = (uint32_t)block->size;
        memcpy(block->data, &request, sizeof request);
    }
    arena_release(&arena);
    return status;
}

/* --- uses --- */

enum status
record_uses(const struct store_record *record, uint64_t *left, struct error *error)
{
    BEHALF_ASSERT(record->key.kind == RECORD_USES);
    if (record->body.size != 4)
        return corrupt("count of uses", error);
    *left = bytes_get_u32(record->body.data);
    return BEHALF_OK;
}
