/* authzen_body.c - the bodies of AuthZEN requests. */
#include "net/authzen_body.h"

#include "base/relationship.h"

enum status
authzen_read_body(struct slice text, struct arena *arena, const struct datum **body,
                  struct error *error)
{
    enum status status;

    if (text.size == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "the body is empty");
    if (text.size > AUTHZEN_BODY_SIZE_MAX)
        return error_set(error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "the body has %zu bytes; at most %zu are allowed", text.size,
                         AUTHZEN_BODY_SIZE_MAX);
    status = datum_parse_json(text, arena, body, error);
    if (status == BEHALF_OK && (*body)->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "the body must be one JSON object");
    return status;
}

/* --- members --- */

static const char *
kind_text(enum datum_kind kind)
{
    switch (kind) {
    case DATUM_NULL:
        return "null";
    case DATUM_BOOL:
        return "true or false";
    case DATUM_INT:
        return "an integer";
    case DATUM_DOUBLE:
        return "a number";
    case DATUM_STRING:
        return "a string";
    case DATUM_LIST:
        return "an array";
    case DATUM_MAP:
        return "an object";
    }
    BEHALF_UNREACHABLE();
}

enum status
authzen_member(const struct datum *map, const char *path, const char *name, enum datum_kind kind,
               bool required, const struct datum **value, struct error *error)
{
    const struct datum *found = datum_field(map, slice_of(name));

    if (found == NULL && required)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s%s' is missing", path, name);
    if (found != NULL && found->kind != kind)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s%s' must be %s, not %s", path, name,
                         kind_text(kind), kind_text(found->kind));
    *value = found;
    return BEHALF_OK;
}

static enum status
read_text(const struct datum *map, const char *path, const char *name, struct slice *text,
          struct error *error)
{
    const struct datum *value = NULL;
    enum status status = authzen_member(map, path, name, DATUM_STRING, true, &value, error);

    if (status == BEHALF_OK)
        *text = value->as.string;
    return status;
}

/* --- entities --- */

/* What an entity is read from: its own map, and the default's for what is missing in it. */
struct entity_source {
    const struct datum *own;
    const struct datum *fallback; /* NULL where there is none */
};

static enum status
find_entity(const struct datum *item, const struct datum *defaults, const char *name,
            struct entity_source *source, struct error *error)
{
    const struct datum *own = NULL;
    const struct datum *fallback = NULL;
    enum status status = authzen_member(item, "", name, DATUM_MAP, defaults == NULL, &own, error);

    if (status == BEHALF_OK && defaults != NULL)
        status = authzen_member(defaults, "", name, DATUM_MAP, own == NULL, &fallback, error);
    if (status != BEHALF_OK)
        return status;
    *source = own != NULL ? (struct entity_source){own, fallback}
                          : (struct entity_source){fallback, NULL};
    return BEHALF_OK;
}

/* A member of an entity that must be there, and may be the default's. */
static enum status
read_required(const struct entity_source *source, const char *path, const char *name,
              struct slice *text, struct error *error)
{
    bool falls_back = source->fallback != NULL && datum_field(source->own, slice_of(name)) == NULL;

    return read_text(falls_back ? source->fallback : source->own, path, name, text, error);
}

static enum status
read_id(const struct entity_source *source, const char *path, struct slice *id, struct error *error)
{
    struct error problem;
    enum status status = read_required(source, path, "id", id, error);

    if (status != BEHALF_OK || object_id_check(*id, &problem) == BEHALF_OK)
        return status;
    return error_set(error, BEHALF_INVALID_OBJECT_ID, "'%sid': %s", path, problem.message);
}

/* `path` is the entity's name with a dot. */
static enum status
read_entity(const struct entity_source *source, const char *path, bool searched,
            struct authzen_entity *entity, struct error *error)
{
    enum status status = read_required(source, path, "type", &entity->type, error);

    if (status != BEHALF_OK)
        return status;
    if (searched) {
        const struct datum *properties = datum_field(source->own, SLICE_LITERAL("properties"));

        entity->properties =
            properties != NULL && properties->kind == DATUM_MAP ? properties : NULL;
        return BEHALF_OK;
    }
    status = read_id(source, path, &entity->id, error);
    if (status != BEHALF_OK)
        return status;
    return authzen_member(source->own, path, "properties", DATUM_MAP, false, &entity->properties,
                          error);
}

static enum status
read_action(const struct datum *item, const struct datum *defaults, struct authzen_words *words,
            struct error *error)
{
    struct entity_source source;
    enum status status = find_entity(item, defaults, "action", &source, error);

    if (status == BEHALF_OK)
        status = read_text(source.own, "action.", "name", &words->action, error);
    return status == BEHALF_OK ? authzen_member(source.own, "action.", "properties", DATUM_MAP,
                                                false, &words->action_properties, error)
                               : status;
}

static enum status
read_context(const struct datum *item, const struct datum *defaults, const struct datum **context,
             struct error *error)
{
    enum status status = authzen_member(item, "", "context", DATUM_MAP, false, context, error);

    if (status == BEHALF_OK && *context == NULL && defaults != NULL)
        status = authzen_member(defaults, "", "context", DATUM_MAP, false, context, error);
    return status;
}

enum status
authzen_read_words(const struct datum *item, const struct datum *defaults, unsigned needs,
                   struct authzen_words *words, struct error *error)
{
    struct entity_source source;
    enum status status = BEHALF_OK;

    *words = (struct authzen_words){.action = {NULL, 0}};
    if (item->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "an evaluation must be an object");
    status = find_entity(item, defaults, "subject", &source, error);
    if (status == BEHALF_OK)
        status = read_entity(&source, "subject.", (needs & AUTHZEN_SUBJECT_ID) == 0,
                             &words->subject, error);
    if (status == BEHALF_OK && (needs & AUTHZEN_ACTION) != 0)
        status = read_action(item, defaults, words, error);
    if (status == BEHALF_OK)
        status = find_entity(item, defaults, "resource", &source, error);
    if (status == BEHALF_OK)
        status = read_entity(&source, "resource.", (needs & AUTHZEN_RESOURCE_ID) == 0,
                             &words->resource, error);
    return status == BEHALF_OK ? read_context(item, defaults, &words->context, error) : status;
}

/* --- evaluations --- */

static enum status
read_semantic(const struct datum *options, enum authzen_semantic *semantic, struct error *error)
{
    static const char *const names[] = {
        [AUTHZEN_EXECUTE_ALL] = "execute_all",
        [AUTHZEN_DENY_ON_FIRST_DENY] = "deny_on_first_deny",
        [AUTHZEN_PERMIT_ON_FIRST_PERMIT] = "permit_on_first_permit",
    };
    const struct datum *value = NULL;
    enum status status = authzen_member(options, "options.", "evaluations_semantic", DATUM_STRING,
                                        false, &value, error);

    if (status != BEHALF_OK || value == NULL)
        return status;
    for (size_t index = 0; index < BEHALF_COUNT_OF(names); index++) {
        if (!slice_equal(value->as.string, slice_of(names[index])))
            continue;
        *semantic = (enum authzen_semantic)index;
        return BEHALF_OK;
    }
    return error_set(
        error, BEHALF_MALFORMED_REQUEST,
        "'options.evaluations_semantic' must be 'execute_all', 'deny_on_first_deny' or "
        "'permit_on_first_permit'");
}

enum status
authzen_read_evaluations(const struct datum *body, struct authzen_evaluations *evaluations,
                         struct error *error)
{
    static const char *const entities[] = {"subject", "action", "resource", "context"};
    const struct datum *value = NULL;
    enum status status = BEHALF_OK;

    *evaluations = (struct authzen_evaluations){.semantic = AUTHZEN_EXECUTE_ALL};
    for (size_t index = 0; status == BEHALF_OK && index < BEHALF_COUNT_OF(entities); index++)
        status = authzen_member(body, "", entities[index], DATUM_MAP, false, &value, error);
    if (status == BEHALF_OK)
        status = authzen_member(body, "", "options", DATUM_MAP, false, &value, error);
    if (status == BEHALF_OK && value != NULL)
        status = read_semantic(value, &evaluations->semantic, error);
    if (status == BEHALF_OK)
        status = authzen_member(body, "", "evaluations", DATUM_LIST, false, &value, error);
    if (status != BEHALF_OK || value == NULL)
        return status;
    if (value->as.list.count > AUTHZEN_EVALUATIONS_MAX)
        return error_set(error, BEHALF_TOO_MANY_CHECKS_IN_REQUEST,
                         "'evaluations' has %zu elements; at most %d are allowed",
                         value->as.list.count, AUTHZEN_EVALUATIONS_MAX);
    evaluations->items = value->as.list.items;
    evaluations->count = value->as.list.count;
    return BEHALF_OK;
}

/* --- pages --- */

enum status
authzen_read_page(const struct datum *body, struct authzen_page *page, struct error *error)
{
    const struct datum *map = NULL;
    const struct datum *limit = NULL;
    const struct datum *token = NULL;
    enum status status = authzen_member(body, "", "page", DATUM_MAP, false, &map, error);

    *page = (struct authzen_page){.given = map != NULL};
    if (status != BEHALF_OK || map == NULL)
        return status;
    status = authzen_member(map, "page.", "limit", DATUM_INT, false, &limit, error);
    if (status == BEHALF_OK)
        status = authzen_member(map, "page.", "token", DATUM_STRING, false, &token, error);
    if (status != BEHALF_OK)
        return status;
    if (limit != NULL && limit->as.integer < 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'page.limit' must not be negative");
    page->has_limit = limit != NULL;
    if (limit != NULL)
        page->limit = limit->as.integer < LIMIT_PAGE ? (uint32_t)limit->as.integer : LIMIT_PAGE;
    if (token != NULL)
        page->token = token->as.string;
    return BEHALF_OK;
}
