/* inputs.c - see inputs.h. */
#include "engine/inputs.h"

#include "engine/attributes.h"

/* --- properties --- */

static const struct datum *
property_of(const struct check_properties *properties, enum caveat_reserved which)
{
    switch (which) {
    case CAVEAT_SUBJECT:
        return properties->subject;
    case CAVEAT_RESOURCE:
        return properties->resource;
    case CAVEAT_ACTION:
        return properties->action;
    case CAVEAT_CONTEXT:
    case CAVEAT_RESERVED_COUNT:
        break;
    }
    return NULL;
}

/* Why a property does not count, or NULL. */
static const char *
why_not(const struct schema *schema, const struct check_properties *given,
        const struct inputs_request *request, enum caveat_reserved which)
{
    if (!schema->has_request_attributes)
        return "the schema does not say 'use request_attributes'";
    if (!given->trusted)
        return "the key has no role 'properties'";
    if (request->delegated && which != CAVEAT_ACTION)
        return "an actor's request does not describe its subject or resource";
    if ((request->looked_for >> which & 1) != 0)
        return "it is what the request looks for";
    return NULL;
}

enum status
inputs_count(const struct snapshot *snapshot, const struct check_properties *given,
             const struct inputs_request *request, const struct check_properties **counted,
             struct error *error)
{
    struct check_properties *made;
    uint32_t count = 0;

    *counted = NULL;
    if (BEHALF_LIKELY(given == NULL))
        return BEHALF_OK;
    made = arena_take(snapshot->request->arena, sizeof *made);
    if (made == NULL)
        return budget_memory_spent(error);
    *made = *given;
    for (uint32_t which = CAVEAT_SUBJECT; which <= CAVEAT_ACTION; which++) {
        const char *why = why_not(snapshot->binding->schema, given, request, which);

        if (property_of(given, which) == NULL)
            continue;
        if (why == NULL) {
            count++;
            continue;
        }
        if (!given->pass_over)
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "'properties.%.*s' does not count: %s",
                             SLICE_PRINTF(caveat_reserved_name(which)), why);
        if (which == CAVEAT_SUBJECT)
            made->subject = NULL;
        else if (which == CAVEAT_RESOURCE)
            made->resource = NULL;
        else
            made->action = NULL;
    }
    *counted = count > 0 ? made : NULL;
    return BEHALF_OK;
}

void
inputs_print_properties(const struct check_properties *properties, struct buffer *out)
{
    if (properties == NULL)
        return;
    buffer_add_byte(out, (char)((properties->trusted ? 1 : 0) | (properties->pass_over ? 2 : 0)));
    for (uint32_t which = CAVEAT_SUBJECT; which <= CAVEAT_ACTION; which++) {
        const struct datum *map = property_of(properties, which);

        buffer_add_byte(out, map != NULL ? (char)(which + 1) : 0);
        if (map != NULL)
            datum_encode(map, out);
    }
}

/* --- maps --- */

/* The fields of both, `above` before `below` where both have a key. */
static size_t
merge(const struct datum *below, const struct datum *above, struct datum_field *fields)
{
    size_t low = 0;
    size_t high = 0;
    size_t count = 0;

    while (low < below->as.map.count || high < above->as.map.count) {
        int order = low == below->as.map.count    ? 1
                    : high == above->as.map.count ? -1
                                                  : slice_compare(below->as.map.fields[low].key,
                                                                  above->as.map.fields[high].key);

        fields[count++] = order < 0 ? below->as.map.fields[low] : above->as.map.fields[high];
        low += order <= 0;
        high += order >= 0;
    }
    return count;
}

static enum status
lay_over(const struct datum *below, const struct datum *above, struct arena *arena,
         const struct datum **map, struct error *error)
{
    struct datum *made;
    struct datum_field *fields;

    *map = above != NULL ? above : below;
    if (below == NULL || above == NULL)
        return BEHALF_OK;
    made = arena_take(arena, sizeof *made);
    fields = arena_take_array(arena, below->as.map.count + above->as.map.count + 1, sizeof *fields);
    if (made == NULL || fields == NULL)
        return budget_memory_spent(error);
    *made = (struct datum){.kind = DATUM_MAP, .as.map.fields = fields};
    made->as.map.count = merge(below, above, fields);
    *map = made;
    return BEHALF_OK;
}

static enum status
find_object(struct inputs_attributes *attributes, uint64_t node, const struct datum *properties,
            struct arena *arena, const struct datum **map, struct error *error)
{
    struct snapshot *snapshot = attributes->snapshot;
    const struct datum *stored = NULL;
    enum status status = BEHALF_OK;

    if (!NODE_IS_LOCAL(node)) /* nothing is stored of one that has no name yet */
        status = attributes_find(snapshot->engine->records, &snapshot->view, node, arena, &stored,
                                 error);
    return status == BEHALF_OK ? lay_over(stored, properties, arena, map, error) : status;
}

static enum status
find_action(const struct inputs_attributes *attributes, const struct datum *properties,
            struct arena *arena, const struct datum **map, struct error *error)
{
    struct datum *name = arena_take(arena, sizeof *name);
    struct datum *named = arena_take(arena, sizeof *named);
    struct datum_field *field = arena_take(arena, sizeof *field);

    if (name == NULL || named == NULL || field == NULL)
        return budget_memory_spent(error);
    *name = (struct datum){.kind = DATUM_STRING, .as.string = attributes->inputs.action};
    *field = (struct datum_field){SLICE_LITERAL("name"), name};
    *named = (struct datum){.kind = DATUM_MAP, .as.map = {field, 1}};
    return lay_over(properties, named, arena, map, error);
}

static enum status
find(struct condition_attributes *common, enum caveat_reserved which, struct arena *arena,
     struct error *error)
{
    struct inputs_attributes *attributes = (struct inputs_attributes *)common;
    const struct check_properties *given = attributes->inputs.properties;
    const struct datum *properties = given != NULL ? property_of(given, which) : NULL;
    const struct datum **map = &common->maps[which];

    switch (which) {
    case CAVEAT_SUBJECT:
        return find_object(attributes, attributes->subject, properties, arena, map, error);
    case CAVEAT_RESOURCE:
        return find_object(attributes, attributes->resource, properties, arena, map, error);
    case CAVEAT_ACTION:
        return find_action(attributes, properties, arena, map, error);
    case CAVEAT_CONTEXT:
        *map = attributes->inputs.context;
        return BEHALF_OK;
    case CAVEAT_RESERVED_COUNT:
        break;
    }
    BEHALF_UNREACHABLE();
}

void
inputs_attributes_init(struct inputs_attributes *attributes, struct snapshot *snapshot,
                       const struct inputs *inputs, uint64_t subject, uint64_t resource)
{
    *attributes = (struct inputs_attributes){
        .common.find = find,
        .snapshot = snapshot,
        .inputs = *inputs,
        .subject = subject,
        .resource = resource,
    };
}

bool
inputs_are_same(const struct inputs_attributes *attributes, const struct inputs *inputs,
                uint64_t resource)
{
    const struct snapshot *snapshot = attributes->snapshot;

    return attributes->inputs.properties == inputs->properties &&
           (attributes->resource == resource || !inputs_read(snapshot, CAVEAT_RESOURCE)) &&
           (slice_equal(attributes->inputs.action, inputs->action) ||
            !inputs_read(snapshot, CAVEAT_ACTION));
}
