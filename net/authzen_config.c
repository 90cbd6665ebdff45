/* authzen_config.c - the file of --authzen. */
#include "net/authzen_config.h"

#include <string.h>

#include "base/file.h"

#define CONFIG_SIZE_MAX ((size_t)1024 * 1024)
#define URL_SIZE_MAX ((size_t)2048)
#define SCHEME SLICE_LITERAL("https://")

/* --- members --- */

/* What a map may hold. */
struct member {
    const char *name;
    enum datum_kind kind;
    bool required;
};

static const char *
kind_text(enum datum_kind kind)
{
    switch (kind) {
    case DATUM_STRING:
        return "a string";
    case DATUM_LIST:
        return "a list";
    case DATUM_NULL:
    case DATUM_BOOL:
    case DATUM_INT:
    case DATUM_DOUBLE:
    case DATUM_MAP:
        break;
    }
    return "an object";
}

static const struct member *
find_member(const struct member *members, size_t count, struct slice name)
{
    for (size_t index = 0; index < count; index++)
        if (slice_equal(slice_of(members[index].name), name))
            return &members[index];
    return NULL;
}

/* `where` names the map in messages. */
static enum status
check_map(const struct datum *map, const char *where, const struct member *members, size_t count,
          struct error *error)
{
    if (map->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "%s must be an object", where);
    for (size_t index = 0; index < map->as.map.count; index++) {
        const struct datum_field *field = &map->as.map.fields[index];
        const struct member *member = find_member(members, count, field->key);

        if (member == NULL)
            return error_set(error, BEHALF_MALFORMED_REQUEST, "%s has an unknown member '%.*s'",
                             where, SLICE_PRINTF(field->key));
        if (field->value->kind != member->kind)
            return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s' of %s must be %s", member->name,
                             where, kind_text(member->kind));
        if (member->kind == DATUM_STRING && field->value->as.string.size == 0)
            return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s' of %s is empty", member->name,
                             where);
    }
    for (size_t index = 0; index < count; index++)
        if (members[index].required && datum_field(map, slice_of(members[index].name)) == NULL)
            return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s' of %s is missing",
                             members[index].name, where);
    return BEHALF_OK;
}

/* Empty where there is none. */
static struct slice
text_of(const struct datum *map, const char *name)
{
    const struct datum *value = datum_field(map, slice_of(name));

    return value != NULL ? value->as.string : (struct slice){NULL, 0};
}

/* --- policy_decision_point --- */

static bool
is_url_byte(char byte)
{
    return byte > ' ' && byte < 0x7F && strchr("\"<>\\^`{|}?#@", byte) == NULL;
}

static enum status
read_pdp(struct slice url, struct authzen_config *config, struct error *error)
{
    bool good = url.size > SCHEME.size && url.size <= URL_SIZE_MAX &&
                slice_starts_with(url, SCHEME) && url.data[SCHEME.size] != '/';
    const char *slash;

    for (size_t index = 0; good && index < url.size; index++)
        good = is_url_byte(url.data[index]);
    if (!good) {
        (void)error_set(error, BEHALF_MALFORMED_REQUEST,
                        "'policy_decision_point' must be an https URL without query and fragment");
        error_hint(error, "write it as clients reach this server: https://pdp.example.com");
        return BEHALF_MALFORMED_REQUEST;
    }
    config->pdp = url;
    config->base = url;
    if (url.data[url.size - 1] == '/')
        config->base.size--;
    slash = memchr(config->base.data + SCHEME.size, '/', config->base.size - SCHEME.size);
    if (slash != NULL)
        config->path =
            (struct slice){slash, config->base.size - (size_t)(slash - config->base.data)};
    return BEHALF_OK;
}

/* --- actions --- */

static enum status
check_actions(const struct datum *actions, struct error *error)
{
    for (size_t index = 0; index < actions->as.map.count; index++) {
        const struct datum_field *type = &actions->as.map.fields[index];

        if (!type_name_is_valid(type->key) || type->value->kind != DATUM_MAP)
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "'actions' must be an object of types of the schema, each with an "
                             "object; '%.*s' is none",
                             SLICE_PRINTF(type->key));
        for (size_t at = 0; at < type->value->as.map.count; at++) {
            const struct datum_field *action = &type->value->as.map.fields[at];

            if (action->value->kind != DATUM_STRING ||
                !relation_name_is_valid(action->value->as.string))
                return error_set(error, BEHALF_MALFORMED_REQUEST,
                                 "the action '%.*s' of '%.*s' must be the name of a permission",
                                 SLICE_PRINTF(action->key), SLICE_PRINTF(type->key));
        }
    }
    return BEHALF_OK;
}

/* --- resources --- */

static enum status
read_alias(const struct datum *map, struct authzen_config *config, struct authzen_alias *alias,
           struct error *error)
{
    static const struct member members[] = {
        {"type", DATUM_STRING, true},
        {"action", DATUM_STRING, false},
        {"as", DATUM_STRING, true},
    };
    enum status status =
        check_map(map, "an element of 'resources'", members, BEHALF_COUNT_OF(members), error);
    struct error problem;

    if (status != BEHALF_OK)
        return status;
    alias->type = text_of(map, "type");
    alias->action = text_of(map, "action");
    status = object_parse(text_of(map, "as"), &config->arena, &alias->as, &problem);
    if (status != BEHALF_OK || alias->as.wildcard || alias->as.relation.size > 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'as' of the resources of type '%.*s' must be one object, as in "
                         "'todo:shared'",
                         SLICE_PRINTF(alias->type));
    for (const struct authzen_alias *other = config->aliases; other < alias; other++)
        if (slice_equal(other->type, alias->type) && slice_equal(other->action, alias->action))
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "'resources' names the type '%.*s' twice%s", SLICE_PRINTF(alias->type),
                             alias->action.size > 0 ? " for the same action" : "");
    return BEHALF_OK;
}

static enum status
read_aliases(const struct datum *list, struct authzen_config *config, struct error *error)
{
    size_t count = list->as.list.count;
    struct authzen_alias *aliases = arena_take_array(&config->arena, count, sizeof *aliases);
    enum status status = BEHALF_OK;

    if (aliases == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'resources' is too long");
    config->aliases = aliases;
    for (size_t index = 0; status == BEHALF_OK && index < count; index++)
        status = read_alias(list->as.list.items[index], config, &aliases[index], error);
    config->alias_count = count;
    return status;
}

/* --- agents --- */

static enum status
read_agents(const struct datum *map, struct authzen_config *config, struct error *error)
{
    static const struct member members[] = {
        {"type", DATUM_STRING, true},
        {"issuer", DATUM_STRING, false},
    };
    enum status status = check_map(map, "'agents'", members, BEHALF_COUNT_OF(members), error);

    if (status != BEHALF_OK)
        return status;
    config->has_agents = true;
    config->agent_type = text_of(map, "type");
    config->issuer = text_of(map, "issuer");
    if (!type_name_is_valid(config->agent_type))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'type' of 'agents' must be an agent type of the schema");
    /* It stands between an issuer and an agent in the ids of others. */
    if (config->issuer.size > 0 && memchr(config->issuer.data, '|', config->issuer.size) != NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'issuer' of 'agents' has a '|' in it");
    return BEHALF_OK;
}

/* --- the whole --- */

static enum status
read_members(const struct datum *map, struct authzen_config *config, struct error *error)
{
    static const struct member members[] = {
        {"policy_decision_point", DATUM_STRING, false},
        {"actions", DATUM_MAP, false},
        {"resources", DATUM_LIST, false},
        {"agents", DATUM_MAP, false},
    };
    const struct datum *value;
    enum status status =
        check_map(map, "the configuration", members, BEHALF_COUNT_OF(members), error);

    if (status == BEHALF_OK && text_of(map, "policy_decision_point").size > 0)
        status = read_pdp(text_of(map, "policy_decision_point"), config, error);
    if (status == BEHALF_OK) {
        config->actions = datum_field(map, SLICE_LITERAL("actions"));
        status = config->actions == NULL ? BEHALF_OK : check_actions(config->actions, error);
    }
    value = status == BEHALF_OK ? datum_field(map, SLICE_LITERAL("resources")) : NULL;
    if (value != NULL)
        status = read_aliases(value, config, error);
    value = status == BEHALF_OK ? datum_field(map, SLICE_LITERAL("agents")) : NULL;
    if (value != NULL)
        status = read_agents(value, config, error);
    return status;
}

enum status
authzen_config_read(struct slice text, struct authzen_config *config, struct error *error)
{
    const struct datum *map = NULL;
    struct slice kept;
    enum status status = BEHALF_OK;

    *config = (struct authzen_config){.has_agents = false};
    arena_init(&config->arena, SIZE_MAX / 2);
    if (text.size > CONFIG_SIZE_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "it is larger than 1 MiB");
    kept = arena_copy(&config->arena, text);
    if (kept.data == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "there is no memory for it");
    status = datum_parse_json(kept, &config->arena, &map, error);
    return status == BEHALF_OK ? read_members(map, config, error) : status;
}

enum status
authzen_config_open(const char *path, struct authzen_config *config, struct error *error)
{
    struct error found = {.status = BEHALF_OK};
    struct buffer text;
    int problem = 0;
    enum status status;

    *config = (struct authzen_config){.has_agents = false};
    buffer_init(&text);
    if (!file_load(path, &text, &problem)) {
        buffer_release(&text);
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the AuthZEN configuration '%.200s' cannot be read: %s", path,
                         strerror(problem));
    }
    status = authzen_config_read(buffer_slice(&text), config, &found);
    buffer_release(&text);
    if (status == BEHALF_OK)
        return BEHALF_OK;
    authzen_config_close(config);
    (void)error_set(error, BEHALF_MALFORMED_REQUEST, "the AuthZEN configuration '%.150s': %.300s",
                    path, found.message);
    if (found.line > 0)
        error_at(error, found.line, found.column, slice_of(found.text));
    error_hint(error, "%s",
               found.hint[0] != '\0' ? found.hint : "docs/authzen.md describes the file");
    return BEHALF_MALFORMED_REQUEST;
}

void
authzen_config_close(struct authzen_config *config)
{
    arena_release(&config->arena);
    *config = (struct authzen_config){.has_agents = false};
}

/* --- asking --- */

static const struct datum *
actions_of(const struct authzen_config *config, struct slice type)
{
    return config->actions != NULL ? datum_field(config->actions, type) : NULL;
}

struct slice
authzen_permission(const struct authzen_config *config, struct slice type, struct slice action)
{
    const struct datum *names = actions_of(config, type);
    const struct datum *permission = names != NULL ? datum_field(names, action) : NULL;

    return permission != NULL ? permission->as.string : action;
}

bool
authzen_action_name(const struct authzen_config *config, struct slice type, struct slice permission,
                    size_t nth, struct slice *name)
{
    const struct datum *names = actions_of(config, type);
    size_t found = 0;

    for (size_t index = 0; names != NULL && index < names->as.map.count; index++) {
        const struct datum_field *field = &names->as.map.fields[index];

        if (!slice_equal(field->value->as.string, permission))
            continue;
        *name = field->key;
        if (found++ == nth)
            return true;
    }
    *name = permission;
    return found == 0 && nth == 0 &&
           slice_equal(authzen_permission(config, type, permission), permission);
}

const struct authzen_alias *
authzen_alias_of(const struct authzen_config *config, struct slice type, struct slice action)
{
    const struct authzen_alias *general = NULL;

    for (size_t index = 0; index < config->alias_count; index++) {
        const struct authzen_alias *alias = &config->aliases[index];

        if (!slice_equal(alias->type, type))
            continue;
        if (alias->action.size == 0)
            general = alias;
        else if (slice_equal(alias->action, action))
            return alias;
    }
    return general;
}
