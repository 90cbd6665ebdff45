/* audit_append.c - records of other programs: events of the family "gateway.". */
#include "base/datum.h"
#include "engine/audit_log.h"
#include "engine/request.h"

#define FAMILY SLICE_LITERAL("gateway.")
#define FIELDS SLICE_LITERAL("fields")
#define INTEGER_MAX (INT64_C(1) << 53)

static bool
is_event(struct slice event)
{
    if (event.size <= FAMILY.size || event.size > AUDIT_APPEND_EVENT_SIZE_MAX ||
        !slice_starts_with(event, FAMILY))
        return false;
    for (size_t at = 0; at < event.size; at++) {
        char letter = event.data[at];

        if (!(letter >= 'a' && letter <= 'z') && !(letter >= '0' && letter <= '9') &&
            letter != '_' && letter != '.')
            return false;
    }
    return true;
}

static enum status
refuse_field(struct slice key, const char *why, struct error *error)
{
    return error_set(error, BEHALF_MALFORMED_REQUEST, "argument 'fields': '%.*s' %s",
                     SLICE_PRINTF(key), why);
}

static bool
is_ascii(struct slice key)
{
    for (size_t at = 0; at < key.size; at++) {
        if ((unsigned char)key.data[at] < ' ' || (unsigned char)key.data[at] > '~')
            return false;
    }
    return true;
}

/* What a record may hold, so that each has one JSON text. Recursion: as deep as a datum may be. */
static enum status
check_value(struct slice key, const struct datum *value, struct error *error)
{
    enum status status = BEHALF_OK;

    switch (value->kind) {
    case DATUM_NULL:
        return refuse_field(key, "is null: leave it out", error);
    case DATUM_DOUBLE:
        return refuse_field(key, "is no integer: records hold no fractions", error);
    case DATUM_INT:
        if (value->as.integer > -INTEGER_MAX && value->as.integer < INTEGER_MAX)
            return BEHALF_OK;
        return refuse_field(key, "is beyond 2^53: write it as text", error);
    case DATUM_BOOL:
    case DATUM_STRING:
        break;
    case DATUM_LIST:
        for (size_t at = 0; status == BEHALF_OK && at < value->as.list.count; at++)
            status = check_value(key, value->as.list.items[at], error);
        break;
    case DATUM_MAP:
        for (size_t at = 0; status == BEHALF_OK && at < value->as.map.count; at++) {
            const struct datum_field *field = &value->as.map.fields[at];

            status = is_ascii(field->key)
                         ? check_value(field->key, field->value, error)
                         : refuse_field(field->key, "is a key that is not of ASCII", error);
        }
        break;
    }
    return status;
}

/* The canonical bytes of the record; without what is empty. */
static void
encode(const struct engine_request *request, const struct audit_append *append, struct buffer *out)
{
    const struct {
        struct slice key; /* ascending */
        struct slice text;
        const struct datum *value;
    } members[] = {
        {SLICE_LITERAL("caller"), request->caller, NULL},
        {SLICE_LITERAL("event"), append->event, NULL},
        {SLICE_LITERAL("fields"), {NULL, 0}, append->fields},
        {SLICE_LITERAL("grant"), append->grant, NULL},
        {SLICE_LITERAL("request_id"), request->request_id, NULL},
        {SLICE_LITERAL("session"), append->session, NULL},
    };
    struct datum texts[BEHALF_COUNT_OF(members)];
    struct datum_field fields[BEHALF_COUNT_OF(members)];
    struct datum map = {.kind = DATUM_MAP, .as.map.fields = fields};

    for (size_t at = 0; at < BEHALF_COUNT_OF(members); at++) {
        texts[at] = (struct datum){.kind = DATUM_STRING, .as.string = members[at].text};
        if (members[at].value != NULL || members[at].text.size > 0)
            fields[map.as.map.count++] = (struct datum_field){
                members[at].key, members[at].value != NULL ? members[at].value : &texts[at]};
    }
    datum_encode(&map, out);
}

static enum status
check_append(const struct audit_append *append, struct error *error)
{
    struct buffer encoded;
    size_t size;
    enum status status;

    if (!is_event(append->event))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "argument 'event': must be \"gateway.\" and at most %zu bytes of a-z, "
                         "0-9, '_' and '.' in all",
                         AUDIT_APPEND_EVENT_SIZE_MAX);
    if (append->fields == NULL)
        return BEHALF_OK;
    status = check_value(FIELDS, append->fields, error);
    if (status != BEHALF_OK)
        return status;
    buffer_init(&encoded);
    datum_encode(append->fields, &encoded);
    size = encoded.size;
    buffer_release(&encoded);
    if (size <= AUDIT_APPEND_SIZE_MAX)
        return BEHALF_OK;
    return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                     "argument 'fields': %zu bytes; at most %zu are allowed", size,
                     AUDIT_APPEND_SIZE_MAX);
}

/* A bound caller reports of its own sessions and grants. */
static enum status
check_bound(struct engine_worker *worker, const struct engine_request *request,
            const struct audit_append *append, struct error *error)
{
    struct engine_record_result ignored;
    struct record_id id;
    enum status status = BEHALF_OK;

    if (request->bound == NULL)
        return BEHALF_OK;
    if (record_id_parse(append->session, RECORD_PREFIX_SESSION, &id))
        status = engine_session_read(worker, request, &id, &ignored, error);
    if (status == BEHALF_OK && record_id_parse(append->grant, RECORD_PREFIX_GRANT, &id))
        status = engine_grant_read(worker, request, &id, &ignored, error);
    return status;
}

enum status
engine_audit_append(struct engine_worker *worker, const struct engine_request *request,
                    const struct audit_append *append, struct error *error)
{
    struct audit *audit;
    struct buffer fields;
    enum status status = check_append(append, error);

    if (status == BEHALF_OK)
        status = audit_log_find(worker->engine, &audit, error);
    if (status == BEHALF_OK)
        status = check_bound(worker, request, append, error);
    if (status != BEHALF_OK)
        return status;
    buffer_init(&fields);
    encode(request, append, &fields);
    status = audit_put(audit, AUDIT_PLACE_APPENDED, env_wall_ns(worker->engine->env),
                       buffer_slice(&fields), NULL, error);
    buffer_release(&fields);
    return status;
}
