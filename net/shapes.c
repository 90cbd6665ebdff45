/* shapes.c - objects, relationships, filters and the rest, from MessagePack to the engine's
 * structs. */
#include "net/shapes.h"

#include "net/contexts.h"
#include "net/shapes_agents.h"

/* --- scalars --- */

enum status
decode_number(struct decoder *decoder, uint64_t largest, enum status too_large, uint64_t *number)
{
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_UNSIGNED, "an unsigned integer", &value);

    if (status != BEHALF_OK)
        return status;
    if (value.number > largest)
        return decoder_refuse(decoder, too_large, "%llu is more than the largest allowed, %llu",
                              (unsigned long long)value.number, (unsigned long long)largest);
    *number = value.number;
    return BEHALF_OK;
}

static enum status
decode_u32_up_to(struct decoder *decoder, uint32_t largest, enum status too_large, void *into)
{
    uint64_t number = 0;
    enum status status = decode_number(decoder, largest, too_large, &number);

    if (status == BEHALF_OK)
        *(uint32_t *)into = (uint32_t)number;
    return status;
}

enum status
decode_u32(struct decoder *decoder, void *into)
{
    return decode_u32_up_to(decoder, UINT32_MAX, BEHALF_MALFORMED_REQUEST, into);
}

enum status
decode_deadline(struct decoder *decoder, void *into)
{
    return decode_u32_up_to(decoder, LIMIT_DEADLINE_MS, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                            into);
}

enum status
decode_page_limit(struct decoder *decoder, void *into)
{
    return decode_u32_up_to(decoder, LIMIT_PAGE, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, into);
}

enum status
decode_delete_limit(struct decoder *decoder, void *into)
{
    return decode_u32_up_to(decoder, LIMIT_DELETE, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT, into);
}

enum status
decode_text(struct decoder *decoder, void *into)
{
    struct slice *text = into;
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_TEXT, "a string", &value);

    if (status != BEHALF_OK)
        return status;
    if (value.bytes.size == 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must not be empty");
    *text = value.bytes;
    return BEHALF_OK;
}

enum status
decode_word(struct decoder *decoder, const char *const *words, size_t count, const char *what,
            size_t *place)
{
    struct slice text = {NULL, 0};
    enum status status = decode_text(decoder, &text);

    if (status != BEHALF_OK)
        return status;
    for (size_t at = 0; at < count; at++) {
        if (slice_equal(text, slice_of(words[at]))) {
            *place = at;
            return BEHALF_OK;
        }
    }
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "%s", what);
}

/* A string or binary. */
static enum status
decode_bytes(struct decoder *decoder, struct slice *bytes)
{
    struct wire_value value;

    if (!reader_next(&decoder->reader, &value))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    if (value.kind != VALUE_TEXT && value.kind != VALUE_BINARY)
        return decoder_mismatch(decoder, &value, "a string or binary");
    *bytes = value.bytes;
    return BEHALF_OK;
}

static enum status
check_type_name(struct decoder *decoder, struct slice name)
{
    if (type_name_is_valid(name))
        return BEHALF_OK;
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "not a valid name of a definition");
}

enum status
decode_caveat_name(struct decoder *decoder, void *into)
{
    struct slice *name = into;
    enum status status = decode_text(decoder, name);

    if (status != BEHALF_OK || caveat_name_is_valid(*name))
        return status;
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "not a valid name of a caveat");
}

enum status
decode_type_name(struct decoder *decoder, void *into)
{
    struct slice *name = into;
    enum status status = decode_text(decoder, name);

    return status != BEHALF_OK ? status : check_type_name(decoder, *name);
}

enum status
decode_relation_name(struct decoder *decoder, void *into)
{
    struct slice *name = into;
    enum status status = decode_text(decoder, name);

    if (status != BEHALF_OK || relation_name_is_valid(*name))
        return status;
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                          "not a valid name of a relation or permission");
}

/* Also "" and "...", which say: no relation. */
static enum status
decode_subject_relation(struct decoder *decoder, void *into)
{
    static const struct slice ellipsis = {"...", 3};
    struct slice *name = into;
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_TEXT, "a string", &value);

    if (status != BEHALF_OK)
        return status;
    *name = (struct slice){NULL, 0};
    if (value.bytes.size == 0 || slice_equal(value.bytes, ellipsis))
        return BEHALF_OK;
    if (!relation_name_is_valid(value.bytes))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "not a valid relation name");
    *name = value.bytes;
    return BEHALF_OK;
}

static enum status
decode_object_id(struct decoder *decoder, void *into)
{
    struct slice *id = into;
    enum status status = decode_bytes(decoder, id);

    if (status != BEHALF_OK)
        return status;
    status = object_id_check(*id, decoder->error);
    return status == BEHALF_OK ? status : decoder_name(decoder, status);
}

enum status
decode_flag(struct decoder *decoder, void *into)
{
    bool *flag = into;
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_BOOL, "true or false", &value);

    if (status == BEHALF_OK)
        *flag = value.number != 0;
    return status;
}

enum status
decode_true(struct decoder *decoder, void *into)
{
    bool *flag = into;
    struct wire_value value;
    enum status status = decoder_expect(decoder, VALUE_BOOL, "true", &value);

    if (status != BEHALF_OK)
        return status;
    if (value.number == 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must be true or left out");
    *flag = true;
    return BEHALF_OK;
}

enum status
decode_cursor(struct decoder *decoder, void *into)
{
    struct slice *cursor = into;
    enum status status = decode_text(decoder, cursor);

    if (status == BEHALF_OK && cursor->size > LIMIT_TOKEN)
        return decoder_refuse(decoder, BEHALF_INVALID_CURSOR, "no cursor is that long");
    return status;
}

enum status
decode_payload(struct decoder *decoder, void *into)
{
    struct slice *bytes = into;
    struct wire_reader peek = decoder->reader;
    struct wire_value value;

    if (reader_next(&peek, &value) && value.kind != VALUE_TEXT && value.kind != VALUE_BINARY)
        return decoder_mismatch(decoder, &value, "a string or binary");
    if (!reader_skip(&decoder->reader, bytes))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    return BEHALF_OK;
}

enum status
decode_schema_text(struct decoder *decoder, void *into)
{
    const struct slice *text = into;
    enum status status = decode_text(decoder, into);

    if (status == BEHALF_OK && text->size > LIMIT_SCHEMA_SIZE)
        return decoder_refuse(decoder, BEHALF_SCHEMA_PARSE_ERROR,
                              "the schema has %zu bytes; at most %zu are allowed", text->size,
                              LIMIT_SCHEMA_SIZE);
    return status;
}

enum status
decode_metadata(struct decoder *decoder, void *into)
{
    struct slice *bytes = into;
    struct wire_reader peek = decoder->reader;
    struct wire_value value;

    if (reader_next(&peek, &value) && value.kind != VALUE_MAP)
        return decoder_mismatch(decoder, &value, "a map");
    if (!reader_skip(&decoder->reader, bytes))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    if (bytes->size > LIMIT_METADATA)
        return decoder_refuse(decoder, BEHALF_TRANSACTION_METADATA_TOO_LARGE,
                              "%zu bytes; at most %zu are allowed", bytes->size, LIMIT_METADATA);
    return BEHALF_OK;
}

enum status
decode_idempotency_key(struct decoder *decoder, void *into)
{
    struct slice *key = into;
    enum status status = decode_bytes(decoder, key);

    if (status != BEHALF_OK)
        return status;
    if (key->size == 0 || key->size > LIMIT_IDEMPOTENCY_KEY)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                              "has %zu bytes; it must have 1 to %zu", key->size,
                              LIMIT_IDEMPOTENCY_KEY);
    return BEHALF_OK;
}

/* --- consistency --- */

static enum status
decode_mode(struct decoder *decoder, void *into)
{
    static const char *const modes[] = {
        [CONSISTENCY_FULL] = "fully_consistent",
        [CONSISTENCY_MINIMIZE_LATENCY] = "minimize_latency",
        [CONSISTENCY_AT_LEAST_AS_FRESH] = "at_least_as_fresh",
        [CONSISTENCY_AT_EXACT_SNAPSHOT] = "at_exact_snapshot",
        [CONSISTENCY_AT_TIME] = "at_time",
    };
    size_t place = CONSISTENCY_FULL;
    enum status status =
        decode_word(decoder, modes, BEHALF_COUNT_OF(modes), "not a mode of consistency", &place);

    if (status != BEHALF_OK)
        error_hint(decoder->error, "modes are fully_consistent, minimize_latency, "
                                   "at_least_as_fresh, at_exact_snapshot and at_time");
    *(enum consistency_mode *)into = (enum consistency_mode)place;
    return status;
}

static enum status
decode_token(struct decoder *decoder, void *into)
{
    struct slice *token = into;
    enum status status = decode_text(decoder, token);

    if (status == BEHALF_OK && token->size > LIMIT_TOKEN)
        return decoder_refuse(decoder, BEHALF_UNKNOWN_TOKEN, "no token is that long");
    return status;
}

enum status
decode_consistency(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(read_arguments, consistency, "mode", decode_mode, FIELD_REQUIRED),
        FIELD(read_arguments, token, "token", decode_token, FIELD_OPTIONAL),
        FIELD(read_arguments, at_ns, "time", decode_time, FIELD_OPTIONAL),
    };
    struct read_arguments *read = into;
    bool needs_token;
    enum status status = DECODE_MAP(decoder, fields, read, NULL);

    if (status != BEHALF_OK)
        return status;
    needs_token = read->consistency == CONSISTENCY_AT_LEAST_AS_FRESH ||
                  read->consistency == CONSISTENCY_AT_EXACT_SNAPSHOT;
    if (needs_token && read->token.size == 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "this mode needs a token");
    if (!needs_token && read->token.size > 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "this mode takes no token");
    if ((read->consistency == CONSISTENCY_AT_TIME) != (read->at_ns != 0))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                              read->at_ns == 0 ? "this mode needs a time"
                                               : "this mode takes no time");
    return BEHALF_OK;
}

/* --- objects --- */

static enum status
decode_object_map(struct decoder *decoder, struct object *object)
{
    static const struct field fields[] = {
        FIELD(object, type, "type", decode_type_name, FIELD_REQUIRED),
        FIELD(object, id, "id", decode_object_id, FIELD_OPTIONAL),
        FIELD(object, relation, "relation", decode_subject_relation, FIELD_OPTIONAL),
        FIELD(object, wildcard, "wildcard", decode_true, FIELD_OPTIONAL),
    };
    enum status status;

    *object = (struct object){.wildcard = false};
    status = DECODE_MAP(decoder, fields, object, NULL);
    if (status != BEHALF_OK)
        return status;
    if (!object->wildcard && object->id.size == 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the argument 'id' is missing");
    if (object->wildcard && (object->id.size > 0 || object->relation.size > 0))
        return decoder_refuse(decoder, BEHALF_WILDCARD_NOT_ALLOWED,
                              "a wildcard has a type and nothing else");
    return BEHALF_OK;
}

enum status
decode_subject(struct decoder *decoder, void *into)
{
    struct object *object = into;
    struct wire_reader peek = decoder->reader;
    struct wire_value value;
    enum status status;

    if (!reader_next(&peek, &value))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    if (value.kind == VALUE_MAP)
        return decode_object_map(decoder, object);
    if (value.kind != VALUE_TEXT)
        return decoder_mismatch(decoder, &value, "an object (a string or a map)");
    decoder->reader = peek;
    status = object_parse(value.bytes, decoder->arena, object, decoder->error);
    return status == BEHALF_OK ? status : decoder_name(decoder, status);
}

enum status
decode_resource(struct decoder *decoder, void *into)
{
    struct object *object = into;
    enum status status = decode_subject(decoder, object);

    if (status != BEHALF_OK)
        return status;
    if (object->wildcard)
        return decoder_refuse(decoder, BEHALF_WILDCARD_NOT_ALLOWED, "a wildcard cannot stand here");
    if (object->relation.size > 0)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                              "must be an object without a relation (type:id)");
    return BEHALF_OK;
}

enum status
decode_list(struct decoder *decoder, const struct list_shape *shape, void **elements, size_t *count)
{
    struct wire_value value;
    char *array;
    enum status status = decoder_expect(decoder, VALUE_ARRAY, "an array", &value);

    if (status != BEHALF_OK)
        return status;
    if (value.number > shape->largest)
        return decoder_refuse(decoder, shape->too_many, "%llu elements; at most %zu are allowed",
                              (unsigned long long)value.number, shape->largest);
    if (value.number < shape->least)
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the array must not be empty");
    if (value.number > (uint64_t)(decoder->reader.end - decoder->reader.at))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the array is cut short");
    *count = (size_t)value.number;
    if (*count == 0)
        return BEHALF_OK;
    array = arena_take_array(decoder->arena, *count, shape->element_size);
    if (array == NULL)
        return decoder_no_memory(decoder);
    for (size_t index = 0; index < *count; index++) {
        decoder_element(decoder, index);
        status = shape->decode(decoder, array + index * shape->element_size);
        if (status != BEHALF_OK)
            return status;
    }
    decoder_elements_end(decoder);
    *elements = array;
    return BEHALF_OK;
}

enum status
decode_actors(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = LIMIT_ACTORS,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct object),
        .decode = decode_resource,
    };
    struct actors *actors = into;
    struct wire_reader peek = decoder->reader;
    struct wire_value value;
    void *objects = NULL;
    enum status status;

    if (!reader_next(&peek, &value))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    if (value.kind == VALUE_ARRAY) {
        status = decode_list(decoder, &shape, &objects, &actors->count);
    } else {
        objects = arena_take(decoder->arena, sizeof(struct object));
        if (objects == NULL)
            return decoder_no_memory(decoder);
        status = decode_resource(decoder, objects);
        actors->count = 1;
    }
    actors->objects = objects;
    return status;
}

enum status
decode_resources(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = LIMIT_FILTER,
        .too_many = BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
        .element_size = sizeof(struct object),
        .decode = decode_resource,
    };
    struct resources *resources = into;
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, &resources->count);

    resources->items = items;
    return status;
}

/* --- relationships --- */

enum status
decode_time(struct decoder *decoder, void *into)
{
    int64_t *expires_at = into;
    struct slice text = {NULL, 0};
    enum status status = decode_text(decoder, &text);

    if (status != BEHALF_OK)
        return status;
    if (!expiration_parse(text, expires_at))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                              "not a time like 2027-01-01T00:00:00Z, from 1970 to 9999");
    return BEHALF_OK;
}

static enum status
decode_caveat(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(relationship, caveat, "name", decode_caveat_name, FIELD_REQUIRED),
        FIELD(relationship, context, "context", decode_stored_context, FIELD_OPTIONAL),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

/* The whole struct: so that `caveat` can fill two members of it. */
struct relationship_map {
    struct relationship relationship;
    struct slice relation;
};

static enum status
decode_relationship_map(struct decoder *decoder, struct relationship *relationship)
{
    static const struct field fields[] = {
        FIELD(relationship_map, relationship.resource, "resource", decode_resource, FIELD_REQUIRED),
        FIELD(relationship_map, relation, "relation", decode_relation_name, FIELD_REQUIRED),
        FIELD(relationship_map, relationship.subject, "subject", decode_subject, FIELD_REQUIRED),
        FIELD(relationship_map, relationship, "caveat", decode_caveat, FIELD_OPTIONAL),
        FIELD(relationship_map, relationship.expires_at, "expires_at", decode_time, FIELD_OPTIONAL),
    };
    struct relationship_map map = {.relation = {NULL, 0}};
    enum status status = DECODE_MAP(decoder, fields, &map, NULL);

    if (status != BEHALF_OK)
        return status;
    map.relationship.resource.relation = map.relation;
    *relationship = map.relationship;
    return BEHALF_OK;
}

static enum status
refuse_context_texts(struct decoder *decoder)
{
    enum status status =
        decoder_refuse(decoder, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                       "the contexts of relationships in text take more than %zu bytes in all",
                       LIMIT_CONTEXT_TEXTS);

    error_hint(decoder->error, "send their contexts as maps, or less at a time");
    return status;
}

enum status
decode_relationship(struct decoder *decoder, void *into)
{
    struct relationship *relationship = into;
    struct wire_reader peek = decoder->reader;
    struct wire_value value;
    enum status status;

    if (!reader_next(&peek, &value))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    if (value.kind == VALUE_MAP)
        return decode_relationship_map(decoder, relationship);
    if (value.kind != VALUE_TEXT)
        return decoder_mismatch(decoder, &value, "a relationship (a string or a map)");
    decoder->reader = peek;
    status = relationship_parse(value.bytes, decoder->arena, relationship, decoder->error);
    if (status != BEHALF_OK)
        return decoder_name(decoder, status);
    /* After the name of the caveat stand its context, and perhaps an expiration. */
    if (relationship->context.size > 0)
        decoder->context_texts += (size_t)(value.bytes.data + value.bytes.size -
                                           (relationship->caveat.data + relationship->caveat.size));
    if (decoder->context_texts > LIMIT_CONTEXT_TEXTS)
        return refuse_context_texts(decoder);
    return BEHALF_OK;
}

static enum status
decode_op(struct decoder *decoder, void *into)
{
    static const char *const names[] = {
        [UPDATE_CREATE] = "create",
        [UPDATE_TOUCH] = "touch",
        [UPDATE_DELETE] = "delete",
    };
    size_t place = UPDATE_CREATE;
    enum status status = decode_word(decoder, names, BEHALF_COUNT_OF(names),
                                     "must be \"create\", \"touch\" or \"delete\"", &place);

    *(enum update_op *)into = (enum update_op)place;
    return status;
}

static enum status
decode_update(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(update, op, "op", decode_op, FIELD_REQUIRED),
        FIELD(update, relationship, "relationship", decode_relationship, FIELD_REQUIRED),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

enum status
decode_updates(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = LIMIT_UPDATES,
        .too_many = BEHALF_TOO_MANY_UPDATES_IN_REQUEST,
        .element_size = sizeof(struct update),
        .decode = decode_update,
    };
    struct updates *updates = into;
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, &updates->count);

    updates->items = items;
    return status;
}

/* --- filters --- */

static enum status
decode_prefix(struct decoder *decoder, void *into)
{
    struct slice *prefix = into;
    enum status status = decode_bytes(decoder, prefix);

    if (status == BEHALF_OK && (prefix->size == 0 || prefix->size > LIMIT_OBJECT_ID))
        return decoder_refuse(decoder, BEHALF_INVALID_OBJECT_ID,
                              "the prefix has %zu bytes; it must have 1 to %d", prefix->size,
                              LIMIT_OBJECT_ID);
    return status;
}

static enum status
decode_subject_filter(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(relationship_filter, subject_type, "type", decode_type_name, FIELD_REQUIRED),
        FIELD(relationship_filter, subject_id, "id", decode_object_id, FIELD_OPTIONAL),
        FIELD(relationship_filter, subject_relation, "relation", decode_subject_relation,
              FIELD_OPTIONAL),
        FIELD(relationship_filter, subject_wildcard, "wildcard", decode_true, FIELD_OPTIONAL),
    };
    struct relationship_filter *filter = into;
    uint32_t seen = 0;
    enum status status = DECODE_MAP(decoder, fields, filter, &seen);

    filter->has_subject_relation = (seen & 4) != 0;
    if (status == BEHALF_OK && filter->subject_wildcard && (seen & (2 | 4)) != 0)
        return decoder_refuse(decoder, BEHALF_INVALID_FILTER,
                              "the wildcard has neither an id nor a relation");
    return status;
}

/* `empty` is the status of a filter without any field. */
static enum status
decode_filter_fields(struct decoder *decoder, struct relationship_filter *filter, enum status empty)
{
    static const struct field fields[] = {
        FIELD(relationship_filter, resource_type, "resource_type", decode_type_name,
              FIELD_OPTIONAL),
        FIELD(relationship_filter, resource_id, "resource_id", decode_object_id, FIELD_OPTIONAL),
        FIELD(relationship_filter, resource_id_prefix, "resource_id_prefix", decode_prefix,
              FIELD_OPTIONAL),
        FIELD(relationship_filter, relation, "relation", decode_relation_name, FIELD_OPTIONAL),
        {"subject", 7, 0, decode_subject_filter, FIELD_OPTIONAL},
    };
    uint32_t seen = 0;
    enum status status;

    *filter = (struct relationship_filter){.has_subject_relation = false};
    status = DECODE_MAP(decoder, fields, filter, &seen);
    if (status != BEHALF_OK)
        return status;
    if (seen == 0)
        return decoder_refuse(decoder, empty, "the filter needs at least one field");
    if (filter->resource_id.size > 0 && filter->resource_id_prefix.size > 0)
        return decoder_refuse(decoder, BEHALF_INVALID_FILTER,
                              "resource_id and resource_id_prefix exclude each other");
    return BEHALF_OK;
}

enum status
decode_filter(struct decoder *decoder, void *into)
{
    return decode_filter_fields(decoder, into, BEHALF_INVALID_FILTER);
}

static enum status
decode_precondition_filter(struct decoder *decoder, void *into)
{
    return decode_filter_fields(decoder, into, BEHALF_EMPTY_PRECONDITION);
}

static enum status
decode_must(struct decoder *decoder, void *into)
{
    static const char *const words[] = {"not_match", "match"};
    size_t place = 0;
    enum status status = decode_word(decoder, words, BEHALF_COUNT_OF(words),
                                     "must be \"match\" or \"not_match\"", &place);

    *(bool *)into = place == 1;
    return status;
}

static enum status
decode_precondition(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(precondition, must_match, "must", decode_must, FIELD_REQUIRED),
        FIELD(precondition, filter, "filter", decode_precondition_filter, FIELD_REQUIRED),
    };

    return DECODE_MAP(decoder, fields, into, NULL);
}

enum status
decode_preconditions(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 0,
        .largest = LIMIT_PRECONDITIONS,
        .too_many = BEHALF_TOO_MANY_PRECONDITIONS_IN_REQUEST,
        .element_size = sizeof(struct precondition),
        .decode = decode_precondition,
    };
    struct preconditions *preconditions = into;
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, &preconditions->count);

    preconditions->items = items;
    return status;
}

/* --- checks of a bulk --- */

enum status
decode_properties(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(check_properties, subject, "subject", decode_context, FIELD_OPTIONAL),
        FIELD(check_properties, resource, "resource", decode_context, FIELD_OPTIONAL),
        FIELD(check_properties, action, "action", decode_context, FIELD_OPTIONAL),
    };
    const struct check_properties **made = into;
    struct check_properties *properties = arena_take_array(decoder->arena, 1, sizeof *properties);

    if (properties == NULL)
        return decoder_no_memory(decoder);
    properties->trusted = decoder->trusts_properties;
    *made = properties;
    return DECODE_MAP(decoder, fields, properties, NULL);
}

struct check_map {
    struct check check;
    struct actors actors;
    struct engine_delegation *delegation;
    struct slice request_id;
};

static enum status
decode_check(struct decoder *decoder, void *into)
{
    static const struct field fields[] = {
        FIELD(check_map, check.resource, "resource", decode_resource, FIELD_REQUIRED),
        FIELD(check_map, check.permission, "permission", decode_relation_name, FIELD_REQUIRED),
        FIELD(check_map, check.subject, "subject", decode_subject, FIELD_REQUIRED),
        FIELD(check_map, actors, "actor", decode_actors, FIELD_OPTIONAL),
        FIELD(check_map, check.context, "context", decode_context, FIELD_OPTIONAL),
        FIELD(check_map, check.properties, "properties", decode_properties, FIELD_OPTIONAL),
        FIELD(check_map, check.explain, "explain", decode_flag, FIELD_OPTIONAL),
        DELEGATION_FIELDS(check_map),
        CALL_FIELDS(check_map),
    };
    struct check *check = into;
    struct check_map map = {.actors = {NULL, 0}};
    enum status status = DECODE_MAP(decoder, fields, &map, NULL);

    if (status != BEHALF_OK)
        return status;
    if (BEHALF_UNLIKELY(map.delegation != NULL && !map.delegation->given))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, MESSAGE_NO_GRANT);
    *check = map.check;
    check->actors = map.actors.objects;
    check->actor_count = map.actors.count;
    check->delegation = map.delegation;
    return BEHALF_OK;
}

enum status
decode_checks(struct decoder *decoder, void *into)
{
    static const struct list_shape shape = {
        .least = 1,
        .largest = LIMIT_CHECKS,
        .too_many = BEHALF_TOO_MANY_CHECKS_IN_REQUEST,
        .element_size = sizeof(struct check),
        .decode = decode_check,
    };
    struct checks *checks = into;
    void *items = NULL;
    enum status status = decode_list(decoder, &shape, &items, &checks->count);

    checks->items = items;
    return status;
}
