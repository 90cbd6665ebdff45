/* watch.c - the changes behind a place, as messages.
 *
 * A message is filled change by change, with a look at the next one that passes before it is called
 * the last of its revision. Where the room ends, so does the result: the place says how many
 * changes of the entry were given, and the next call passes over them. */
#include "engine/watch.h"

#include "base/bytes.h"
#include "engine/changes.h"
#include "engine/filter.h"
#include "engine/page_room.h"
#include "engine/state.h"
#include "engine/token.h"
#include "engine/watch_record.h"

/* Of what does not pass the filter, in one call: some 10 ms. */
#define ENTRIES_MAX 4096
#define ENTRY_BYTES_MAX ((size_t)4 * 1024 * 1024)

#define MESSAGE_BYTES ((size_t)320) /* what is around the changes, without caller and metadata */
#define RECORD_BYTES ((size_t)64)
#define TEXT_BYTES_MIN ((size_t)4096) /* of a schema, in a piece that is not the last */

/* A filter in numbers. */
struct bound_filter {
    const struct relationship_filter *words; /* NULL = everything passes */
    bool nothing;                            /* passes: a name of it is not stored yet */
    bool takes_attributes;
    uint16_t resource_type; /* labels; LABEL_NONE = any */
    uint16_t relation;
    uint16_t subject_type;
    uint16_t subject_relation;
    uint64_t resource; /* nodes; 0 = any */
    uint64_t subject;
};

struct puller {
    struct engine *engine;
    struct arena *arena;
    const struct store_snapshot *snapshot;
    struct bound_filter filter;
    struct changes changes;
    struct store_entry entry; /* of the revision that is read */
    struct page_room room;
    struct watch_result *result;
    uint32_t message_capacity;
    struct watch_message *message; /* of this revision, or NULL while nothing of it passed */
    uint32_t relationship_capacity;
    uint32_t record_capacity;
    size_t entry_bytes; /* read so far */
};

/* --- filters --- */

static bool
takes_attributes(const struct relationship_filter *filter)
{
    return filter == NULL || (filter->relation.size == 0 && filter->subject_type.size == 0);
}

static enum status
find_label(struct store *store, enum label_kind kind, struct slice name, uint16_t *label,
           struct error *error)
{
    *label = LABEL_NONE;
    if (name.size == 0)
        return BEHALF_OK;
    *label = store_label_find(store, kind, name);
    if (*label != LABEL_NONE)
        return BEHALF_OK;
    return kind == LABEL_TYPE
               ? error_set(error, BEHALF_UNKNOWN_DEFINITION,
                           "no schema ever had a definition '%.*s'", SLICE_PRINTF(name))
               : error_set(error, BEHALF_UNKNOWN_RELATION_OR_PERMISSION,
                           "no schema ever had a relation '%.*s'", SLICE_PRINTF(name));
}

static enum status
bind_labels(struct store *store, const struct relationship_filter *filter,
            struct bound_filter *bound, struct error *error)
{
    enum status status =
        find_label(store, LABEL_TYPE, filter->resource_type, &bound->resource_type, error);

    if (status == BEHALF_OK)
        status = find_label(store, LABEL_RELATION, filter->relation, &bound->relation, error);
    if (status == BEHALF_OK)
        status = find_label(store, LABEL_TYPE, filter->subject_type, &bound->subject_type, error);
    if (status == BEHALF_OK)
        status = find_label(store, LABEL_RELATION, filter->subject_relation,
                            &bound->subject_relation, error);
    return status;
}

/* A name that is new in the revisions that are read is known to a snapshot of them all. Without a
 * type the name is compared by its bytes. */
static enum status
bind_node(struct puller *puller, uint16_t type, struct slice id, uint64_t *node,
          struct error *error)
{
    bool found = true;
    enum status status = BEHALF_OK;

    if (type != LABEL_NONE && id.size > 0)
        status = store_node_find(puller->snapshot, type, id, node, &found, error);
    if (!found)
        puller->filter.nothing = true;
    return status;
}

static enum status
bind_filter(struct puller *puller, const struct relationship_filter *filter, struct error *error)
{
    struct bound_filter *bound = &puller->filter;
    enum status status;

    bound->words = filter;
    bound->takes_attributes = takes_attributes(filter);
    if (filter == NULL)
        return BEHALF_OK;
    status = bind_labels(puller->engine->store, filter, bound, error);
    if (status == BEHALF_OK)
        status =
            bind_node(puller, bound->resource_type, filter->resource_id, &bound->resource, error);
    if (status == BEHALF_OK)
        status = bind_node(puller, bound->subject_type, filter->subject_id, &bound->subject, error);
    return status;
}

static bool
subject_passes(const struct bound_filter *bound, const struct edge_key *key)
{
    const struct relationship_filter *words = bound->words;
    bool wildcard = NODE_IS_WILDCARD(key->subject);

    if (bound->subject_type == LABEL_NONE)
        return true;
    if (NODE_TYPE(key->subject) != bound->subject_type ||
        (bound->subject != 0 && key->subject != bound->subject))
        return false;
    if (words->subject_wildcard)
        return wildcard;
    if (bound->subject_relation != LABEL_NONE)
        return key->subject_relation == bound->subject_relation;
    return !words->has_subject_relation || (key->subject_relation == LABEL_NONE && !wildcard);
}

static bool
node_passes(const struct bound_filter *bound, uint64_t node)
{
    return (bound->resource_type == LABEL_NONE || NODE_TYPE(node) == bound->resource_type) &&
           (bound->resource == 0 || node == bound->resource);
}

/* As far as numbers tell. */
static bool
may_pass(const struct bound_filter *bound, const struct store_entry_change *change)
{
    const struct edge_key *key = &change->edge.key;

    if (bound->words == NULL)
        return true;
    if (bound->nothing)
        return false;
    switch (change->kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        return node_passes(bound, key->resource) &&
               (bound->relation == LABEL_NONE || key->relation == bound->relation) &&
               subject_passes(bound, key);
    case ENTRY_RECORD_PUT:
    case ENTRY_RECORD_REMOVE:
        return bound->takes_attributes && change->record.key.kind == RECORD_ATTRIBUTES &&
               node_passes(bound, bytes_get_u64(change->record.key.id));
    case ENTRY_SCHEMA:
        return false;
    }
    BEHALF_UNREACHABLE();
}

/* Once it has its names. */
static bool
id_passes(const struct bound_filter *bound, const struct change *change)
{
    const struct relationship_filter *words = bound->words;
    bool is_edge =
        change->stored.kind == ENTRY_EDGE_PUT || change->stored.kind == ENTRY_EDGE_REMOVE;
    struct slice id = is_edge ? change->relationship.resource.id : change->object.id;

    if (words == NULL)
        return true;
    return (words->resource_id.size == 0 || slice_equal(id, words->resource_id)) &&
           slice_starts_with(id, words->resource_id_prefix);
}

/* --- messages --- */

static enum status
no_memory(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the message needs too much memory");
}

/* Copies in place; false when there is no memory. */
static bool
keep(struct arena *arena, struct slice *bytes)
{
    if (bytes->size == 0)
        return true;
    *bytes = arena_copy(arena, *bytes);
    return bytes->data != NULL;
}

static size_t
message_bytes(const struct store_entry *entry)
{
    return MESSAGE_BYTES + entry->caller.size + entry->metadata.size;
}

/* Its token is that of the revision before until it is the last part. */
static enum status
begin_message(struct puller *puller, struct error *error)
{
    struct watch_result *result = puller->result;
    struct watch_message *grown = arena_grow(puller->arena, result->messages, result->message_count,
                                             &puller->message_capacity, sizeof *grown);
    struct watch_message *message;

    if (grown == NULL)
        return no_memory(error);
    result->messages = grown;
    message = &grown[result->message_count];
    *message = (struct watch_message){
        .revision = puller->entry.revision,
        .time_ns = puller->entry.time_ns,
        .is_sweep = puller->entry.is_sweep,
        .caller = puller->entry.caller,
        .metadata = puller->entry.metadata,
    };
    token_seal(puller->engine->store, message->revision - 1, &message->token);
    if (!keep(puller->arena, &message->caller) || !keep(puller->arena, &message->metadata))
        return no_memory(error);
    page_room_take(&puller->room, message_bytes(&puller->entry));
    result->message_count++;
    puller->message = message;
    puller->relationship_capacity = 0;
    puller->record_capacity = 0;
    return BEHALF_OK;
}

static enum status
add_relationship(struct puller *puller, const struct change *change, struct error *error)
{
    struct watch_message *message = puller->message;
    struct watch_relationship *grown =
        arena_grow(puller->arena, message->relationships, message->relationship_count,
                   &puller->relationship_capacity, sizeof *grown);
    struct relationship *kept;

    if (grown == NULL)
        return no_memory(error);
    message->relationships = grown;
    grown[message->relationship_count] = (struct watch_relationship){
        .removed = change->stored.kind == ENTRY_EDGE_REMOVE,
        .relationship = change->relationship,
    };
    kept = &grown[message->relationship_count].relationship;
    if (!keep(puller->arena, &kept->resource.id) || !keep(puller->arena, &kept->subject.id) ||
        !keep(puller->arena, &kept->context))
        return no_memory(error);
    message->relationship_count++;
    return BEHALF_OK;
}

static enum status
add_record(struct puller *puller, const struct change *change, struct error *error)
{
    struct watch_message *message = puller->message;
    struct watch_record *grown = arena_grow(puller->arena, message->records, message->record_count,
                                            &puller->record_capacity, sizeof *grown);
    enum status status;

    if (grown == NULL)
        return no_memory(error);
    message->records = grown;
    status = watch_record_of(change, puller->arena, &grown[message->record_count], error);
    if (status == BEHALF_OK)
        message->record_count++;
    return status;
}

/* As much of the text as there is room for, cut between two characters. *ended is false when some
 * is left. */
static enum status
add_text(struct puller *puller, struct slice text, bool *ended, struct error *error)
{
    struct watch_place *place = &puller->result->place;
    size_t most =
        puller->room.left > (int64_t)TEXT_BYTES_MIN ? (size_t)puller->room.left : TEXT_BYTES_MIN;
    struct slice piece;

    if (place->text > text.size)
        return error_set(error, BEHALF_STORAGE_CORRUPT, "a schema in the changelog was cut");
    piece = (struct slice){text.data + place->text, text.size - place->text};
    *ended = piece.size <= most;
    if (!*ended)
        for (piece.size = most; ((uint8_t)piece.data[piece.size] & 0xC0) == 0x80;)
            piece.size--;
    place->text = *ended ? 0 : place->text + piece.size;
    page_room_take(&puller->room, piece.size);
    puller->message->schema = piece;
    return keep(puller->arena, &puller->message->schema) ? BEHALF_OK : no_memory(error);
}

static size_t
change_bytes(const struct change *change)
{
    switch (change->stored.kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        return page_relationship_bytes(&change->relationship) + 32;
    case ENTRY_SCHEMA:
        return TEXT_BYTES_MIN;
    case ENTRY_RECORD_PUT:
    case ENTRY_RECORD_REMOVE:
        return RECORD_BYTES + 2 * change->object.id.size + change->object.type.size;
    }
    BEHALF_UNREACHABLE();
}

/* A change that passed. *full: it, or the rest of it, belongs to the next call. */
static enum status
add_change(struct puller *puller, const struct change *change, bool *full, struct error *error)
{
    bool continues = puller->message != NULL;
    size_t bytes = change_bytes(change);
    bool ended = true;
    enum status status = BEHALF_OK;

    if (!continues)
        bytes += message_bytes(&puller->entry);
    *full = puller->result->message_count > 0 && !page_room_has(&puller->room, bytes);
    if (*full)
        return BEHALF_OK;
    if (!continues)
        status = begin_message(puller, error);
    if (status != BEHALF_OK)
        return status;
    switch (change->stored.kind) {
    case ENTRY_EDGE_PUT:
    case ENTRY_EDGE_REMOVE:
        page_room_take(&puller->room, change_bytes(change));
        return add_relationship(puller, change, error);
    case ENTRY_SCHEMA:
        status = add_text(puller, change->stored.schema, &ended, error);
        *full = !ended;
        return status;
    case ENTRY_RECORD_PUT:
    case ENTRY_RECORD_REMOVE:
        page_room_take(&puller->room, change_bytes(change));
        return add_record(puller, change, error);
    }
    BEHALF_UNREACHABLE();
}

/* --- revisions --- */

/* What passes of the entry, from the place on; *full as above. */
static enum status
read_changes(struct puller *puller, bool *full, struct error *error)
{
    struct watch_place *place = &puller->result->place;
    struct change change;
    enum status status = BEHALF_OK;

    for (uint64_t at = 0;; at++) {
        status = changes_next(&puller->changes, &change, error);
        if (status != BEHALF_OK)
            return status == BEHALF_DONE ? BEHALF_OK : status;
        if (at < place->changes)
            continue;
        if (may_pass(&puller->filter, &change.stored)) {
            status = changes_name(&puller->changes, &change, error);
            if (status == BEHALF_OK && id_passes(&puller->filter, &change))
                status = add_change(puller, &change, full, error);
            if (status != BEHALF_OK || *full)
                return status;
        }
        place->changes = at + 1;
    }
}

/* The revision behind the place. */
static enum status
read_revision(struct puller *puller, bool *full, struct error *error)
{
    struct watch_place *place = &puller->result->place;
    uint64_t revision = place->revision + 1;
    bool continues = place->changes > 0 || place->text > 0;
    enum status status =
        changes_open(&puller->changes, puller->snapshot, revision, &puller->entry, error);

    if (status != BEHALF_OK)
        return status;
    puller->entry_bytes += puller->changes.entry.size;
    puller->message = NULL;
    status = read_changes(puller, full, error);
    if (status != BEHALF_OK || *full)
        return status;
    /* What changed nothing, but has metadata, is a revision too. */
    if (puller->message == NULL && puller->filter.words == NULL && !continues) {
        *full = puller->result->message_count > 0 &&
                !page_room_has(&puller->room, message_bytes(&puller->entry));
        status = *full ? BEHALF_OK : begin_message(puller, error);
        if (status != BEHALF_OK || *full)
            return status;
    }
    if (puller->message != NULL) {
        puller->message->is_last = true;
        token_seal(puller->engine->store, revision, &puller->message->token);
    }
    *place = (struct watch_place){.revision = revision};
    return BEHALF_OK;
}

static enum status
read_up_to(struct puller *puller, uint64_t newest, const atomic_bool *cancelled,
           struct error *error)
{
    struct watch_place *place = &puller->result->place;
    bool full = false;
    enum status status = BEHALF_OK;

    for (unsigned entries = 0; status == BEHALF_OK && !full && entries < ENTRIES_MAX &&
                               puller->entry_bytes < ENTRY_BYTES_MAX && place->revision < newest;
         entries++) {
        if (cancelled != NULL && atomic_load(cancelled))
            break;
        status = read_revision(puller, &full, error);
    }
    return status;
}

static enum status
check_retained(struct store *store, uint64_t revision, struct error *error)
{
    if (revision >= store_horizon(store))
        return BEHALF_OK;
    error_set(error, BEHALF_REVISION_EXPIRED, "the changes behind revision %llu are no longer kept",
              (unsigned long long)revision);
    error_hint(error, "read what there is now and watch from its read_at; --history keeps more");
    return BEHALF_REVISION_EXPIRED;
}

/* --- the contract --- */

enum status
engine_watch_begin(struct engine_worker *worker, struct slice token,
                   const struct relationship_filter *filter, struct watch_place *place,
                   struct error *error)
{
    struct store *store = worker->engine->store;
    struct bound_filter bound = {.words = filter};
    uint64_t newest = worker_refresh(worker)->revision;
    uint64_t revision = newest;
    enum status status = BEHALF_OK;

    if (token.size > 0)
        status = token_open(store, token, &revision, error);
    if (status == BEHALF_OK && revision > newest)
        status = error_set(error, BEHALF_REVISION_UNKNOWN,
                           "the token names revision %llu, this store is at %llu",
                           (unsigned long long)revision, (unsigned long long)newest);
    if (status == BEHALF_OK)
        status = check_retained(store, revision, error);
    if (status == BEHALF_OK && filter != NULL)
        status = filter_check(filter, error);
    if (status == BEHALF_OK && filter != NULL)
        status = bind_labels(store, filter, &bound, error);
    *place = (struct watch_place){.revision = revision};
    return status;
}

enum status
engine_watch_next(struct engine_worker *worker, const struct engine_request *request,
                  const struct watch_pull *pull, struct watch_result *result, struct error *error)
{
    struct puller puller = {
        .engine = worker->engine,
        .arena = request->arena,
        .room = page_room_of(pull->most_bytes),
        .result = result,
    };
    uint64_t newest = worker_refresh(worker)->revision;
    struct store_snapshot *snapshot = NULL;
    enum status status = store_snapshot_open(worker->engine->store, &snapshot, error);

    *result = (struct watch_result){.place = pull->place};
    if (status != BEHALF_OK)
        return status;
    puller.snapshot = snapshot;
    changes_init(&puller.changes, worker->engine->store);
    status = bind_filter(&puller, pull->filter, error);
    if (status == BEHALF_OK)
        status = read_up_to(&puller, newest, request->cancelled, error);
    if (status == BEHALF_REVISION_EXPIRED)
        status = check_retained(worker->engine->store, result->place.revision, error);
    changes_release(&puller.changes);
    store_snapshot_close(snapshot);
    return status;
}

void
engine_watch_token(struct engine *engine, const struct watch_place *place,
                   struct engine_token *token)
{
    token_seal(engine->store, place->revision, token);
}

bool
engine_watch_has_more(struct engine_worker *worker, const struct watch_place *place)
{
    return worker_refresh(worker)->revision > place->revision;
}
