/* http_watch_query.c - the query of GET /watch. A '+' is a plus: ids have them. */
#include "net/http_watch_query.h"

#include <ctype.h>

#include "net/limits.h"

enum parameter_kind { KIND_TOKEN, KIND_TYPE, KIND_RELATION, KIND_ID, KIND_PREFIX };

struct parameter {
    const char *name;
    enum parameter_kind kind;
    size_t offset; /* of a slice in struct watch_query */
};

#define AT(member) offsetof(struct watch_query, member)

static const struct parameter parameters[] = {
    {"from", KIND_TOKEN, AT(from)},
    {"resource_type", KIND_TYPE, AT(filter.resource_type)},
    {"resource_id", KIND_ID, AT(filter.resource_id)},
    {"resource_id_prefix", KIND_PREFIX, AT(filter.resource_id_prefix)},
    {"relation", KIND_RELATION, AT(filter.relation)},
    {"subject_type", KIND_TYPE, AT(filter.subject_type)},
    {"subject_id", KIND_ID, AT(filter.subject_id)},
    {"subject_relation", KIND_RELATION, AT(filter.subject_relation)},
};

static unsigned
hex_value(char digit)
{
    return isdigit((unsigned char)digit) ? (unsigned)(digit - '0')
                                         : (unsigned)(tolower((unsigned char)digit) - 'a') + 10;
}

static bool
decode(struct slice text, struct arena *arena, struct slice *decoded)
{
    char *bytes = arena_take(arena, text.size + 1);
    size_t size = 0;

    if (bytes == NULL)
        return false;
    for (size_t at = 0; at < text.size; at++) {
        if (text.data[at] == '%' && at + 2 < text.size) {
            bytes[size++] =
                (char)(hex_value(text.data[at + 1]) * 16 + hex_value(text.data[at + 2]));
            at += 2;
        } else {
            bytes[size++] = text.data[at];
        }
    }
    *decoded = (struct slice){bytes, size};
    return true;
}

static enum status
check_value(const struct parameter *parameter, struct slice value, struct error *error)
{
    bool good = true;

    switch (parameter->kind) {
    case KIND_TOKEN:
        good = value.size > 0 && value.size <= LIMIT_TOKEN;
        break;
    case KIND_TYPE:
        good = type_name_is_valid(value);
        break;
    case KIND_RELATION:
        good = relation_name_is_valid(value) ||
               (value.size == 0 && parameter->offset == AT(filter.subject_relation));
        break;
    case KIND_ID:
        if (slice_equal(value, SLICE_LITERAL("*")) && parameter->offset == AT(filter.subject_id))
            return BEHALF_OK;
        return object_id_check(value, error);
    case KIND_PREFIX:
        good = value.size > 0 && value.size <= OBJECT_ID_SIZE_MAX;
        break;
    }
    return good ? BEHALF_OK
                : error_set(error, BEHALF_MALFORMED_REQUEST,
                            "the value of the parameter '%s' cannot be one", parameter->name);
}

static const struct parameter *
find_parameter(struct slice name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(parameters); index++)
        if (slice_equal(name, slice_of(parameters[index].name)))
            return &parameters[index];
    return NULL;
}

/* One "name=value". */
static enum status
read_pair(struct slice pair, struct arena *arena, uint32_t *seen, struct watch_query *read,
          struct error *error)
{
    const char *equals = pair.size > 0 ? memchr(pair.data, '=', pair.size) : NULL;
    size_t name_size = equals != NULL ? (size_t)(equals - pair.data) : pair.size;
    const struct parameter *parameter = find_parameter((struct slice){pair.data, name_size});
    struct slice value;
    uint32_t bit;
    enum status status;

    if (parameter == NULL || equals == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "there is no parameter '%.*s'",
                         name_size < 64 ? (int)name_size : 64, pair.data);
    bit = 1U << (parameter - parameters);
    if ((*seen & bit) != 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "the parameter '%s' stands twice",
                         parameter->name);
    *seen |= bit;
    if (!decode((struct slice){equals + 1, pair.size - name_size - 1}, arena, &value))
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the query needs too much memory");
    status = check_value(parameter, value, error);
    *(struct slice *)(void *)((char *)read + parameter->offset) = value;
    if (parameter->offset == AT(filter.subject_relation))
        read->filter.has_subject_relation = true;
    return status;
}

enum status
watch_query_read(struct slice query, struct arena *arena, struct watch_query *read,
                 struct error *error)
{
    uint32_t seen = 0;
    enum status status = BEHALF_OK;

    *read = (struct watch_query){.has_filter = false};
    while (status == BEHALF_OK && query.size > 0) {
        const char *end = memchr(query.data, '&', query.size);
        size_t size = end != NULL ? (size_t)(end - query.data) : query.size;

        status = read_pair((struct slice){query.data, size}, arena, &seen, read, error);
        size += end != NULL;
        query = (struct slice){query.data + size, query.size - size};
    }
    read->has_filter = (seen & ~1U) != 0;
    if (slice_equal(read->filter.subject_id, SLICE_LITERAL("*"))) {
        read->filter.subject_wildcard = true;
        read->filter.subject_id = (struct slice){NULL, 0};
    }
    return status;
}
