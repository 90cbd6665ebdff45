/* validation_grants.c - the arguments of a grant in a validation file.
 *
 *   {principal: "user:ann", agent: "agent:bot", scope: [{selector: "document:*", actions: [view]}]}
 *   {parent: reading, delegatee: "agent:x", scope: [{selector: "document:d", actions: [view]}]}
 *
 * Only the form is read here: whether the grant may be made is decided by the engine. */
#include <stdio.h>

#include "base/datum.h"
#include "base/suggest.h"
#include "validate/validation.h"

#define SECONDS_MAX (INT64_MAX / INT64_C(1000000000))

struct grant_reader {
    struct arena *arena;
    struct error *error;
};

typedef enum status (*argument_function)(struct grant_reader *reader, const char *path,
                                         const struct datum *value, void *at);

/* One argument, and the member that it fills. */
struct argument {
    const char *name;
    argument_function read;
    size_t at; /* offset in what the arguments are of */
};

static enum status
malformed(struct grant_reader *reader, const char *path, const char *what)
{
    return error_set(reader->error, BEHALF_MALFORMED_REQUEST, "%s must be %s", path, what);
}

static enum status
spent(struct grant_reader *reader)
{
    return error_set(reader->error, BEHALF_MALFORMED_REQUEST, "the grant is too large");
}

/* Reads the fields of a map. `path` names it, and is empty for the grant itself. */
static enum status
read_fields(struct grant_reader *reader, const char *path, const struct datum *map,
            const struct argument *arguments, size_t count, void *out)
{
    if (map->kind != DATUM_MAP)
        return malformed(reader, path, "a mapping");
    for (size_t field = 0; field < map->as.map.count; field++) {
        const struct datum_field *given = &map->as.map.fields[field];
        struct slice meant = {"", 0};
        uint32_t distance = UINT32_MAX;
        char name[128];
        enum status status;
        size_t index = 0;

        while (index < count && !slice_equal(given->key, slice_of(arguments[index].name)))
            suggest(given->key, slice_of(arguments[index++].name), &meant, &distance);
        (void)snprintf(name, sizeof name, "%s%s%.*s", path, path[0] != '\0' ? "." : "",
                       SLICE_PRINTF(given->key));
        if (index == count) {
            error_set(reader->error, BEHALF_UNKNOWN_ARGUMENT, "a grant has no '%s' here", name);
            if (meant.size > 0)
                error_hint(reader->error, "did you mean '%.*s'?", SLICE_PRINTF(meant));
            return BEHALF_UNKNOWN_ARGUMENT;
        }
        status =
            arguments[index].read(reader, name, given->value, (char *)out + arguments[index].at);
        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

/* --- scalars ---------------------------------------------------------------------------------- */

static enum status
read_text(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    if (value->kind != DATUM_STRING || value->as.string.size == 0)
        return malformed(reader, path, "text");
    *(struct slice *)at = value->as.string;
    return BEHALF_OK;
}

static enum status
read_object(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    struct error problem;

    if (value->kind != DATUM_STRING)
        return malformed(reader, path, "an object, type:id");
    if (object_parse(value->as.string, reader->arena, at, &problem) == BEHALF_OK)
        return BEHALF_OK;
    return error_set(reader->error, problem.status, "%s: %s", path, problem.message);
}

static enum status
read_time(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    if (value->kind != DATUM_STRING || !time_parse(value->as.string, at) || *(int64_t *)at <= 0)
        return malformed(reader, path, "a time after 1970, as 2027-03-01T10:30:00Z");
    return BEHALF_OK;
}

static enum status
read_seconds(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    if (value->kind != DATUM_INT || value->as.integer < 1 || value->as.integer > SECONDS_MAX)
        return malformed(reader, path, "a whole number of seconds");
    *(int64_t *)at = value->as.integer * INT64_C(1000000000);
    return BEHALF_OK;
}

static enum status
read_depth(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    if (value->kind != DATUM_INT || value->as.integer < 0 || value->as.integer > ENGINE_DEPTH_MAX)
        return malformed(reader, path, "a whole number from 0 to 7");
    *(uint32_t *)at = (uint32_t)value->as.integer;
    return BEHALF_OK;
}

static enum status
read_uses(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    if (value->kind != DATUM_INT || value->as.integer < 1)
        return malformed(reader, path, "a whole number, at least 1");
    *(uint64_t *)at = (uint64_t)value->as.integer;
    return BEHALF_OK;
}

static int
hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : -1;
}

static enum status
read_sha256(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    uint8_t *bytes = at;

    if (value->kind != DATUM_STRING || value->as.string.size != 64)
        return malformed(reader, path, "64 hex digits");
    for (size_t index = 0; index < 32; index++) {
        int high = hex_digit(value->as.string.data[2 * index]);
        int low = hex_digit(value->as.string.data[2 * index + 1]);

        if (high < 0 || low < 0)
            return malformed(reader, path, "64 hex digits");
        bytes[index] = (uint8_t)(high * 16 + low);
    }
    return BEHALF_OK;
}

/* The canonical bytes of a map. */
static enum status
read_context(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    struct slice *context = at;
    struct buffer bytes;

    if (value->kind != DATUM_MAP)
        return malformed(reader, path, "a mapping");
    buffer_init(&bytes);
    datum_encode(value, &bytes);
    *context = arena_copy(reader->arena, buffer_slice(&bytes));
    buffer_release(&bytes);
    return context->data != NULL ? BEHALF_OK : spent(reader);
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Reads each item into an array of the arena; at least one. */
static enum status
read_items(struct grant_reader *reader, const char *path, const struct datum *value,
           argument_function read, size_t size, const void **items, size_t *count)
{
    enum status status = BEHALF_OK;
    char *array;

    if (value->kind != DATUM_LIST || value->as.list.count == 0)
        return malformed(reader, path, "a list that is not empty");
    array = arena_take_array(reader->arena, value->as.list.count, size);
    if (array == NULL)
        return spent(reader);
    memset(array, 0, value->as.list.count * size);
    for (size_t index = 0; status == BEHALF_OK && index < value->as.list.count; index++) {
        char name[160];

        (void)snprintf(name, sizeof name, "%s[%zu]", path, index);
        status = read(reader, name, value->as.list.items[index], array + index * size);
    }
    *items = array;
    *count = value->as.list.count;
    return status;
}

static enum status
read_actions(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    struct engine_scope_element *element = at;
    const void *items = NULL;
    enum status status = read_items(reader, path, value, read_text, sizeof *element->actions,
                                    &items, &element->action_count);

    element->actions = items;
    return status;
}

static enum status
read_element(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    static const struct argument arguments[] = {
        {"selector", read_text, offsetof(struct engine_scope_element, selector)},
        {"actions", read_actions, 0},
    };
    const struct engine_scope_element *element = at;
    enum status status =
        read_fields(reader, path, value, arguments, BEHALF_COUNT_OF(arguments), at);

    if (status == BEHALF_OK && (element->selector.size == 0 || element->action_count == 0))
        status = malformed(reader, path, "{selector, actions}");
    return status;
}

static enum status
read_constraint(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    static const struct argument arguments[] = {
        {"caveat", read_text, offsetof(struct engine_constraint, caveat)},
        {"context", read_context, offsetof(struct engine_constraint, context)},
    };
    const struct engine_constraint *constraint = at;
    enum status status =
        read_fields(reader, path, value, arguments, BEHALF_COUNT_OF(arguments), at);

    if (status == BEHALF_OK && constraint->caveat.size == 0)
        status = malformed(reader, path, "{caveat, context?}");
    return status;
}

static enum status
read_tool(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    static const struct argument arguments[] = {
        {"name", read_text, offsetof(struct engine_tool, name)},
        {"sha256", read_sha256, offsetof(struct engine_tool, sha256)},
    };
    enum status status =
        read_fields(reader, path, value, arguments, BEHALF_COUNT_OF(arguments), at);

    if (status == BEHALF_OK && value->as.map.count != BEHALF_COUNT_OF(arguments))
        status = malformed(reader, path, "{name, sha256}");
    return status;
}

static enum status
read_binding(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    static const struct argument arguments[] = {
        {"method", read_text, offsetof(struct engine_binding, method)},
        {"digest", read_sha256, offsetof(struct engine_binding, digest)},
    };
    enum status status =
        read_fields(reader, path, value, arguments, BEHALF_COUNT_OF(arguments), at);

    if (status == BEHALF_OK && value->as.map.count != BEHALF_COUNT_OF(arguments))
        status = malformed(reader, path, "{method, digest}");
    return status;
}

static enum status
read_scope(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    struct engine_grant_terms *terms = at;
    const void *items = NULL;
    enum status status = read_items(reader, path, value, read_element, sizeof *terms->scope, &items,
                                    &terms->scope_count);

    terms->scope = items;
    return status;
}

static enum status
read_constraints(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    struct engine_grant_terms *terms = at;
    const void *items = NULL;
    enum status status = read_items(reader, path, value, read_constraint,
                                    sizeof *terms->constraints, &items, &terms->constraint_count);

    terms->constraints = items;
    return status;
}

static enum status
read_tools(struct grant_reader *reader, const char *path, const struct datum *value, void *at)
{
    struct engine_grant_terms *terms = at;
    const void *items = NULL;
    enum status status = read_items(reader, path, value, read_tool, sizeof *terms->tools, &items,
                                    &terms->tool_count);

    terms->tools = items;
    return status;
}

/* --- the grant -------------------------------------------------------------------------------- */

/* Those of a root grant, or those of a delegated one, and none of the other. */
static enum status
check_parties(struct grant_reader *reader, const struct grant_arguments *arguments)
{
    bool principal = arguments->principal.type.size > 0;
    bool agent = arguments->agent.type.size > 0;
    bool parent = arguments->parent.size > 0;
    bool actor = arguments->actor.type.size > 0;
    bool delegatee = arguments->delegatee.type.size > 0;
    bool is_root = principal && agent && !parent && !actor && !delegatee;
    bool is_delegated = parent && delegatee && !principal && !agent;

    if (is_root || is_delegated)
        return BEHALF_OK;
    return error_set(reader->error, BEHALF_MALFORMED_REQUEST,
                     "a grant has principal and agent, or parent, delegatee and perhaps actor");
}

enum status
validation_grant_parse(const struct datum *map, struct arena *arena,
                       struct grant_arguments *arguments, struct error *error)
{
#define AT(member) offsetof(struct grant_arguments, member)
    static const struct argument known[] = {
        {"principal", read_object, AT(principal)},
        {"agent", read_object, AT(agent)},
        {"parent", read_text, AT(parent)},
        {"actor", read_object, AT(actor)},
        {"delegatee", read_object, AT(delegatee)},
        {"scope", read_scope, AT(terms)},
        {"not_before", read_time, AT(terms.not_before)},
        {"expires_at", read_time, AT(terms.end.at)},
        {"expires_in_s", read_seconds, AT(terms.end.in_ns)},
        {"max_depth", read_depth, AT(terms.max_depth)},
        {"uses", read_uses, AT(terms.uses)},
        {"constraints", read_constraints, AT(terms)},
        {"bind", read_binding, AT(terms.binding)},
        {"tools", read_tools, AT(terms)},
        {"purpose", read_text, AT(terms.purpose)},
    };
#undef AT
    struct grant_reader reader = {.arena = arena, .error = error};
    enum status status;

    *arguments = (struct grant_arguments){.parent = {NULL, 0}};
    status = read_fields(&reader, "", map, known, BEHALF_COUNT_OF(known), arguments);
    if (status == BEHALF_OK)
        status = check_parties(&reader, arguments);
    if (status == BEHALF_OK && arguments->terms.scope_count == 0)
        status = error_set(error, BEHALF_MALFORMED_REQUEST, "scope is missing");
    if (status == BEHALF_OK && arguments->terms.end.at != 0 && arguments->terms.end.in_ns != 0)
        status = error_set(error, BEHALF_MALFORMED_REQUEST,
                           "expires_at and expires_in_s exclude each other");
    return status;
}
