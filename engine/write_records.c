/* write_records.c - see write_records.h. */
#include "engine/write_records.h"

#include <stdarg.h>

#include "engine/seen.h"

/* --- arguments --- */

enum status
write_error_path(struct error *error, const char *format, ...)
{
    struct buffer message;
    va_list arguments;
    size_t size;

    buffer_init(&message);
    va_start(arguments, format);
    buffer_add_arguments(&message, format, arguments);
    va_end(arguments);
    buffer_add_format(&message, ": %s", error->message);
    size = message.size < sizeof error->message ? message.size : sizeof error->message - 1;
    memcpy(error->message, message.data, size);
    error->message[size] = '\0';
    buffer_release(&message);
    return error->status;
}

enum status
write_check_size(size_t size, size_t most, const char *path, struct error *error)
{
    if (size <= most)
        return BEHALF_OK;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     "%s: it takes %zu bytes; at most %zu are allowed", path, size, most);
}

struct slice
write_object_text(struct write_group *group, const struct object *object)
{
    struct buffer text;
    struct slice copy;

    buffer_init(&text);
    object_print(object, &text);
    copy = arena_copy(&group->arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

static enum status
no_memory(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the write");
}

static enum status
check_plain(const struct object *object, struct error *error)
{
    if (object->type.size == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "an object is needed");
    if (object->wildcard)
        return error_set(error, BEHALF_WILDCARD_NOT_ALLOWED,
                         "one object is needed, and '%.*s:*' is a wildcard",
                         SLICE_PRINTF(object->type));
    if (object->relation.size > 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "one object is needed, without '#%.*s'",
                         SLICE_PRINTF(object->relation));
    return object_id_check(object->id, error);
}

enum status
write_party(struct write_group *group, struct store_transaction *transaction,
            const struct object *object, const char *path, struct party *party, struct error *error)
{
    const struct binding *binding = group->binding;
    enum status status = check_plain(object, error);

    *party = (struct party){.object = *object};
    if (status == BEHALF_OK)
        status = schema_resolve_type(binding->schema, object->type, &party->type, error);
    if (status != BEHALF_OK)
        return write_error_path(error, "%s", path);
    party->text = write_object_text(group, object);
    if (party->text.data == NULL)
        return no_memory(error);
    return store_transaction_find(transaction, binding->type_labels[party->type], object->id,
                                  &party->node, &party->has_node, error);
}

enum status
write_party_node(struct write_group *group, struct store_transaction *transaction,
                 struct party *party, struct error *error)
{
    enum status status = BEHALF_OK;

    if (!party->has_node)
        status = store_transaction_node(transaction, group->binding->type_labels[party->type],
                                        party->object.id, &party->node, error);
    party->has_node = status == BEHALF_OK;
    return status;
}

enum status
write_party_of(struct write_group *group, struct store_transaction *transaction, uint64_t node,
               struct party *party, struct error *error)
{
    struct store *store = group->engine->store;
    struct buffer id;
    enum status status;

    buffer_init(&id);
    status = store_node_name(store_transaction_snapshot(transaction), node, &id, error);
    *party = (struct party){
        .object = {.type = store_label_name(store, LABEL_TYPE, NODE_TYPE(node)),
                   .id = arena_copy(&group->arena, buffer_slice(&id))},
        .type = group->binding == NULL ? SCHEMA_NONE : binding_type(group->binding, node),
        .node = node,
        .has_node = true,
    };
    buffer_release(&id);
    if (status != BEHALF_OK)
        return status;
    if (party->object.id.data == NULL)
        return no_memory(error);
    party->text = write_object_text(group, &party->object);
    return party->text.data == NULL ? no_memory(error) : BEHALF_OK;
}

bool
write_is_agent(const struct write_group *group, const struct party *party)
{
    return party->type != SCHEMA_NONE && binding_is_agent_type(group->binding, party->type);
}

static int64_t
later(int64_t time, int64_t by)
{
    return by > INT64_MAX - time ? INT64_MAX : time + by;
}

enum status
write_end(const struct write_group *group, const struct engine_end *end, int64_t most_ns,
          const char *path, int64_t *expires_at, struct error *error)
{
    const struct clock_reading *time = &group->time;

    if (end->at != 0 && end->in_ns != 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "%s: the end is given twice, as a moment and in seconds", path);
    if (end->at == 0 && end->in_ns == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "%s: an end is needed", path);
    if (end->at < 0 || end->in_ns < 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "%s: it does not lie ahead", path);
    *expires_at = end->at != 0 ? end->at : later(time->kept, end->in_ns);
    if (*expires_at <= time->now)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "%s: it does not lie ahead", path);
    if (*expires_at > later(time->kept, most_ns))
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "%s: it may lie at most %lld seconds ahead", path,
                         (long long)(most_ns / 1000000000));
    return BEHALF_OK;
}

int64_t
write_swept_from(const struct write_group *group, int64_t expires_at)
{
    return later(expires_at, group->engine->record_retention_ns);
}

/* --- records --- */

static enum status
read_record(struct write_group *group, struct store_transaction *transaction,
            const struct store_record_key *key, struct store_record *record, bool *found,
            struct error *error)
{
    const struct store_snapshot *snapshot = store_transaction_snapshot(transaction);

    return store_record_find(snapshot, store_snapshot_head(snapshot), key, record, &group->record,
                             found, error);
}

/* The block that was decoded last, where no later one moves it. */
static const void *
keep_block(struct write_group *group)
{
    void *copy = arena_take(&group->arena, group->block.size);

    if (copy != NULL)
        memcpy(copy, group->block.data, group->block.size);
    return copy;
}

static enum status
find_session(struct write_group *group, struct store_transaction *transaction,
             const struct record_id *id, struct store_record *record,
             const struct session **session, struct error *error)
{
    const struct store_record_key key = record_key(RECORD_SESSION, id);
    bool found = false;
    enum status status = read_record(group, transaction, &key, record, &found, error);

    *session = NULL;
    if (status != BEHALF_OK || !found)
        return status;
    status = record_session(group->engine->store, record, &group->block, error);
    if (status != BEHALF_OK)
        return status;
    *session = keep_block(group);
    return *session == NULL ? no_memory(error) : BEHALF_OK;
}

static enum status
find_grant(struct write_group *group, struct store_transaction *transaction,
           const struct record_id *id, struct store_record *record, const struct grant **grant,
           struct error *error)
{
    const struct store_record_key key = record_key(RECORD_GRANT, id);
    bool found = false;
    enum status status = read_record(group, transaction, &key, record, &found, error);

    *grant = NULL;
    if (status != BEHALF_OK || !found)
        return status;
    status = record_grant(group->engine->store, record, &group->block, error);
    if (status != BEHALF_OK)
        return status;
    *grant = keep_block(group);
    return *grant == NULL ? no_memory(error) : BEHALF_OK;
}

static enum status
unknown_record(const struct record_id *id, const char *prefix, struct error *error)
{
    struct record_id_text text;

    record_id_print(id, prefix, &text);
    return error_set(error, BEHALF_UNKNOWN_RECORD, "there is no '%s'", text.text);
}

enum status
write_no_access_request(const struct record_id *id, struct error *error)
{
    return unknown_record(id, RECORD_PREFIX_REQUEST, error);
}

enum status
write_read_access_request(struct write_group *group, struct store_transaction *transaction,
                          const struct record_id *id, struct store_record *record,
                          const struct access_request **request, struct error *error)
{
    const struct store_record_key key = record_key(RECORD_REQUEST, id);
    struct store_record ignored;
    bool found = false;
    enum status status;

    if (record == NULL)
        record = &ignored;
    *request = NULL;
    status = read_record(group, transaction, &key, record, &found, error);
    if (status == BEHALF_OK && !found)
        status = write_no_access_request(id, error);
    if (status == BEHALF_OK)
        status = record_access_request(record, &group->block, error);
    if (status != BEHALF_OK)
        return status;
    *request = keep_block(group);
    return *request == NULL ? no_memory(error) : BEHALF_OK;
}

enum status
write_no_grant(const struct record_id *id, struct error *error)
{
    return unknown_record(id, RECORD_PREFIX_GRANT, error);
}

enum status
write_read_session(struct write_group *group, struct store_transaction *transaction,
                   const struct record_id *id, struct store_record *record,
                   const struct session **session, struct error *error)
{
    struct store_record ignored;
    enum status status =
        find_session(group, transaction, id, record != NULL ? record : &ignored, session, error);

    if (status == BEHALF_OK && *session == NULL)
        status = unknown_record(id, RECORD_PREFIX_SESSION, error);
    return status;
}

enum status
write_read_grant(struct write_group *group, struct store_transaction *transaction,
                 const struct record_id *id, struct store_record *record,
                 const struct grant **grant, struct error *error)
{
    struct store_record ignored;
    enum status status =
        find_grant(group, transaction, id, record != NULL ? record : &ignored, grant, error);

    if (status == BEHALF_OK && *grant == NULL)
        status = unknown_record(id, RECORD_PREFIX_GRANT, error);
    return status;
}

enum status
write_read_uses(struct write_group *group, struct store_transaction *transaction,
                const struct record_id *grant, struct store_record *record, uint64_t *left,
                struct error *error)
{
    const struct store_record_key key = record_key(RECORD_USES, grant);
    bool found = false;
    enum status status = read_record(group, transaction, &key, record, &found, error);

    *left = 0;
    if (status != BEHALF_OK || !found)
        return status;
    return record_uses(record, left, error);
}

enum status
write_session_facts(struct write_group *group, const struct session *session,
                    struct record_facts *facts, struct error *error)
{
    *facts = (struct record_facts){
        .binding = group->binding,
        .stops = group->stops,
        .session = session,
    };
    if (session == NULL)
        return BEHALF_OK;
    return seen_at(group->engine->seen, session, true, &facts->last_seen, error);
}

/* Upwards from the named grant. *length is 0 when a parent is missing. */
static enum status
read_parents(struct write_group *group, struct store_transaction *transaction,
             const struct grant *grant, struct write_chain *chain, size_t *length,
             struct error *error)
{
    const struct grant *upwards[ENGINE_CHAIN_MAX];
    struct store_record record;
    size_t count = 0;

    *length = 0;
    upwards[count++] = grant;
    while (!grant->is_root && count < ENGINE_CHAIN_MAX) {
        enum status status = find_grant(group, transaction, &grant->parent, &record, &grant, error);

        if (status != BEHALF_OK || grant == NULL)
            return status;
        upwards[count++] = grant;
    }
    if (!grant->is_root)
        return BEHALF_OK;
    for (size_t at = 0; at < count; at++)
        chain->grants[at] = upwards[count - 1 - at];
    *length = count;
    return BEHALF_OK;
}

enum status
write_read_chain(struct write_group *group, struct store_transaction *transaction,
                 const struct record_id *grant, struct write_chain *chain, struct error *error)
{
    const struct session *session = NULL;
    const struct grant *named = NULL;
    struct store_record record;
    size_t length = 0;
    enum status status = write_read_grant(group, transaction, grant, &record, &named, error);

    if (status == BEHALF_OK)
        status = read_parents(group, transaction, named, chain, &length, error);
    if (status == BEHALF_OK)
        status = find_session(group, transaction, &named->session, &record, &session, error);
    if (status == BEHALF_OK)
        status = write_session_facts(group, session, &chain->facts, error);
    if (status != BEHALF_OK)
        return status;
    chain->facts.chain = chain->grants;
    chain->facts.length = length;
    return BEHALF_OK;
}

/* --- refusals --- */

/* Of the record conditions; the others are not asked by a writer. */
static const struct refusal {
    enum status status;
    const char *message;
} refusals[] = {
    [REASON_NO_GRANT] = {BEHALF_RECORD_NOT_ACTIVE,
                         "a part of the chain is gone, or an agent of it is of no agent type"},
    [REASON_SESSION_REVOKED] = {BEHALF_RECORD_NOT_ACTIVE, "the session is revoked"},
    [REASON_SESSION_SUSPENDED] = {BEHALF_RECORD_NOT_ACTIVE, "the session is suspended"},
    [REASON_SESSION_EXPIRED] = {BEHALF_RECORD_NOT_ACTIVE, "the session has ended"},
    [REASON_SESSION_IDLE] = {BEHALF_RECORD_NOT_ACTIVE, "the session was idle for too long"},
    [REASON_GRANT_REVOKED] = {BEHALF_RECORD_NOT_ACTIVE, "a grant of the chain is revoked"},
    [REASON_AGENT_STOPPED] = {BEHALF_AGENT_STOPPED,
                              "a stop cuts off the principal, an agent, the client or everything"},
    [REASON_GRANT_NOT_YET_VALID] = {BEHALF_RECORD_NOT_ACTIVE,
                                    "a grant of the chain is not valid yet"},
    [REASON_GRANT_EXPIRED] = {BEHALF_RECORD_NOT_ACTIVE, "a grant of the chain has ended"},
    [REASON_DEPTH_EXCEEDED] = {BEHALF_DELEGATION_REFUSED,
                               "the chain is longer than its grants allow"},
};

enum status
write_refuse(enum engine_reason reason, const char *path, struct error *error)
{
    BEHALF_ASSERT(reason < BEHALF_COUNT_OF(refusals) && refusals[reason].message != NULL);
    return error_set(error, refusals[reason].status, "%s: %s", path, refusals[reason].message);
}

bool
write_is_stopped(const struct write_group *group, enum stop_scope scope, const struct party *party,
                 struct slice client)
{
    /* Who has no node has no stop: ordering one gives it a node. */
    if (party != NULL && !party->has_node)
        return false;
    return stop_is_in_force(stops_on(group->stops, scope, party != NULL ? party->node : 0, client));
}

/* What stands in the index, up to `most`. */
static enum status
count_entries(struct store_transaction *transaction, enum record_index index, struct slice prefix,
              struct slice from, size_t most, size_t *count, struct error *error)
{
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct slice entry;
    enum status status = store_record_scan_open(store_transaction_snapshot(transaction), index,
                                                prefix, from, &scan, error);

    *count = 0;
    while (status == BEHALF_OK && *count < most) {
        status = store_record_scan_next(scan, &key, &entry, error);
        *count += status == BEHALF_OK;
    }
    store_record_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
write_check_count(const struct write_group *group, struct store_transaction *transaction,
                  enum record_index index, struct slice prefix, struct slice from, size_t most,
                  const char *what, struct error *error)
{
    size_t count;
    enum status status = BEHALF_OK;

    if (!write_counts_find(group->counts, index, prefix, &count) || count >= most)
        status = count_entries(transaction, index, prefix, from, most, &count, error);
    if (status != BEHALF_OK)
        return status;
    if (count >= most)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "%s already; at most %zu are allowed", what, most);
    write_counts_keep(group->counts, index, prefix, count + 1);
    return BEHALF_OK;
}
