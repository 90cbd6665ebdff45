/* authzen_graph.c - from words to the engine's structs. */
#include "net/authzen_graph.h"

#include "net/shapes_agents.h"

#define ISSUER_END '|'

static const struct slice behalf_name = {"behalf", 6};
static const struct slice approval_name = {"approval", 8};
static const struct slice agent_name = {"agent", 5};
static const struct slice grant_name = {"grant", 5};
static const struct slice act_name = {"act", 3};

static const struct datum *
field_of(const struct datum *map, struct slice name)
{
    return map != NULL ? datum_field(map, name) : NULL;
}

bool
authzen_names_agent(const struct authzen_words *words)
{
    return field_of(words->subject.properties, act_name) != NULL ||
           field_of(words->context, agent_name) != NULL;
}

bool
authzen_names_grant(const struct authzen_words *words)
{
    return field_of(words->context, approval_name) != NULL ||
           field_of(words->context, grant_name) != NULL;
}

static enum status
no_memory(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                     "the request needs more memory than it may use");
}

/* --- agents --- */

static bool
has_bar(struct slice text)
{
    return text.size > 0 && memchr(text.data, ISSUER_END, text.size) != NULL;
}

/* The agent's object. `issuer` empty: its own. */
static enum status
name_agent(const struct authzen_config *config, const char *path, struct slice issuer,
           struct slice sub, struct arena *arena, struct object *agent, struct error *error)
{
    struct error problem;
    char *id;

    *agent = (struct object){.type = config->agent_type, .id = sub};
    if (issuer.size == 0 && has_bar(sub))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'%s' has a '|' in it, which stands between an issuer and its agents",
                         path);
    if (issuer.size > 0) {
        id = arena_take(arena, issuer.size + 1 + sub.size);
        if (id == NULL)
            return no_memory(error);
        memcpy(id, issuer.data, issuer.size);
        id[issuer.size] = ISSUER_END;
        if (sub.size > 0)
            memcpy(id + issuer.size + 1, sub.data, sub.size);
        agent->id = (struct slice){id, issuer.size + 1 + sub.size};
    }
    if (sub.size == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s' is empty", path);
    if (object_id_check(agent->id, &problem) != BEHALF_OK)
        return error_set(error, BEHALF_INVALID_OBJECT_ID, "'%s': %s", path, problem.message);
    return BEHALF_OK;
}

/* One actor of `act`. */
static enum status
read_actor(const struct authzen_config *config, const struct datum *act, struct arena *arena,
           struct object *agent, struct error *error)
{
    static const char path[] = "subject.properties.act.";
    const struct datum *sub = NULL;
    const struct datum *iss = NULL;
    struct slice issuer = {NULL, 0};
    enum status status;

    if (act->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'subject.properties.act' must be an object");
    status = authzen_member(act, path, "sub", DATUM_STRING, true, &sub, error);
    if (status == BEHALF_OK)
        status = authzen_member(act, path, "iss", DATUM_STRING, false, &iss, error);
    if (status != BEHALF_OK)
        return status;
    if (iss != NULL && (iss->as.string.size == 0 || has_bar(iss->as.string)))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'subject.properties.act.iss' must be an issuer without '|'");
    if (iss != NULL && !slice_equal(iss->as.string, config->issuer))
        issuer = iss->as.string;
    return name_agent(config, "subject.properties.act.sub", issuer, sub->as.string, arena, agent,
                      error);
}

/* The outermost `act` is who asks now, so it is the last actor; those inside acted before it. */
static enum status
read_actors(const struct authzen_config *config, const struct datum *act, struct arena *arena,
            struct object **actors, size_t *count, struct error *error)
{
    const struct datum *inner = act;
    size_t depth = 0;

    while (inner != NULL && depth <= ENGINE_ACTORS_MAX) {
        depth++;
        inner = inner->kind == DATUM_MAP ? datum_field(inner, act_name) : NULL;
    }
    if (depth > ENGINE_ACTORS_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'subject.properties.act' names more than %d actors", ENGINE_ACTORS_MAX);
    *actors = arena_take_array(arena, depth, sizeof **actors);
    *count = depth;
    if (*actors == NULL)
        return no_memory(error);
    for (inner = act; depth > 0; inner = datum_field(inner, act_name)) {
        enum status status = read_actor(config, inner, arena, &(*actors)[--depth], error);

        if (status != BEHALF_OK)
            return status;
    }
    return BEHALF_OK;
}

/* The agent that `context.agent` names: the only actor, or the last one that `act` names. */
static enum status
read_agent(const struct authzen_config *config, const struct datum *value, struct arena *arena,
           struct check *check, struct error *error)
{
    struct object *agent = arena_take_array(arena, 1, sizeof *agent);
    enum status status;

    if (agent == NULL)
        return no_memory(error);
    if (value->kind != DATUM_STRING)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'context.agent' must be a string");
    status = name_agent(config, "context.agent", (struct slice){NULL, 0}, value->as.string, arena,
                        agent, error);
    if (status != BEHALF_OK)
        return status;
    if (check->actor_count > 0 && !slice_equal(check->actors[check->actor_count - 1].id, agent->id))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'context.agent' and 'subject.properties.act' name different agents");
    if (check->actor_count == 0) {
        check->actors = agent;
        check->actor_count = 1;
    }
    return BEHALF_OK;
}

static enum status
ask_agents(const struct authzen_config *config, const struct authzen_words *words,
           struct arena *arena, struct check *check, struct error *error)
{
    const struct datum *act = field_of(words->subject.properties, act_name);
    const struct datum *agent = field_of(words->context, agent_name);
    struct object *actors = NULL;
    enum status status = BEHALF_OK;

    if ((act != NULL || agent != NULL) && !config->has_agents) {
        (void)error_set(error, BEHALF_MALFORMED_REQUEST,
                        "the request names an agent, but this server has none");
        error_hint(error, "its AuthZEN configuration needs 'agents'");
        return BEHALF_MALFORMED_REQUEST;
    }
    if (act != NULL) {
        status = read_actors(config, act, arena, &actors, &check->actor_count, error);
        check->actors = actors;
    }
    if (status == BEHALF_OK && agent != NULL)
        status = read_agent(config, agent, arena, check, error);
    return status;
}

/* --- grants --- */

static enum status
read_grant(const struct authzen_words *words, struct slice *grant, struct error *error)
{
    const struct datum *approval = field_of(words->context, approval_name);
    const struct datum *id = NULL;
    const struct datum *named = field_of(words->context, grant_name);
    enum status status = BEHALF_OK;

    if (approval != NULL && approval->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'context.approval' must be an object");
    if (approval != NULL)
        status =
            authzen_member(approval, "context.approval.", "id", DATUM_STRING, true, &id, error);
    if (status != BEHALF_OK)
        return status;
    if (named != NULL && named->kind != DATUM_STRING)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'context.grant' must be a string");
    if (named != NULL && id != NULL && !slice_equal(named->as.string, id->as.string))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'context.grant' and 'context.approval.id' name different grants");
    if (named == NULL)
        named = id;
    if (named != NULL)
        *grant = named->as.string;
    return BEHALF_OK;
}

static enum status
ask_grant(const struct authzen_words *words, struct authzen_question *question, struct error *error)
{
    enum status status;

    if (!authzen_names_grant(words))
        return BEHALF_OK;
    if (question->check.actor_count == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the request names a grant, but no agent that shows it");
    status = read_grant(words, &question->grant, error);
    /* What is no id is the name of no grant: the engine denies it. */
    question->delegation.given = true;
    if (status == BEHALF_OK &&
        !record_id_parse(question->grant, RECORD_PREFIX_GRANT, &question->delegation.grant))
        question->delegation.grant = (struct record_id){{0}};
    question->check.delegation = &question->delegation;
    return status;
}

/* --- context.behalf --- */

/* Members beyond these are refused. */
static enum status
check_names(const struct datum *map, const char *path, const char *const *names, size_t count,
            struct error *error)
{
    for (size_t index = 0; index < map->as.map.count; index++) {
        struct slice key = map->as.map.fields[index].key;
        bool known = false;

        for (size_t at = 0; at < count; at++)
            known = known || slice_equal(key, slice_of(names[at]));
        if (!known)
            return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s%.*s' is unknown", path,
                             SLICE_PRINTF(key));
    }
    return BEHALF_OK;
}

/* A map of two texts, one of them the digest of something. */
static enum status
read_digested(const struct datum *map, const char *path, const char *const names[2],
              struct slice *text, uint8_t digest[32], struct error *error)
{
    const struct datum *name = NULL;
    const struct datum *hex = NULL;
    enum status status = check_names(map, path, names, 2, error);

    if (status == BEHALF_OK)
        status = authzen_member(map, path, names[0], DATUM_STRING, true, &name, error);
    if (status == BEHALF_OK)
        status = authzen_member(map, path, names[1], DATUM_STRING, true, &hex, error);
    if (status != BEHALF_OK)
        return status;
    *text = name->as.string;
    if (text->size == 0 || text->size > ENGINE_NAME_SIZE_MAX)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s%s' must have 1 to %d bytes", path,
                         names[0], ENGINE_NAME_SIZE_MAX);
    if (!shape_read_digest(hex->as.string, digest))
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'%s%s' must be 64 hex digits", path,
                         names[1]);
    return BEHALF_OK;
}

static enum status
ask_call(const struct datum *behalf, struct authzen_question *question, struct error *error)
{
    static const char *const binding_names[2] = {"method", "digest"};
    static const char *const tool_names[2] = {"name", "sha256"};
    const struct datum *binding = NULL;
    const struct datum *tool = NULL;
    enum status status =
        authzen_member(behalf, "context.behalf.", "binding", DATUM_MAP, false, &binding, error);

    if (status == BEHALF_OK)
        status = authzen_member(behalf, "context.behalf.", "tool", DATUM_MAP, false, &tool, error);
    if (status != BEHALF_OK || (binding == NULL && tool == NULL))
        return status;
    if (!question->delegation.given)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'binding' and 'tool' of 'context.behalf' need a grant");
    if (binding != NULL)
        status = read_digested(binding, "context.behalf.binding.", binding_names,
                               &question->delegation.binding.method,
                               question->delegation.binding.digest, error);
    if (status == BEHALF_OK && tool != NULL)
        status =
            read_digested(tool, "context.behalf.tool.", tool_names, &question->delegation.tool.name,
                          question->delegation.tool.sha256, error);
    return status;
}

static enum status
ask_behalf(const struct datum *behalf, struct authzen_question *question, struct error *error)
{
    static const char *const names[] = {"explain", "at_least", "binding", "tool"};
    static const char path[] = "context.behalf.";
    const struct datum *explain = NULL;
    const struct datum *at_least = NULL;
    enum status status;

    if (behalf->kind != DATUM_MAP)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'context.behalf' must be an object");
    question->has_behalf = true;
    status = check_names(behalf, path, names, BEHALF_COUNT_OF(names), error);
    if (status == BEHALF_OK)
        status = authzen_member(behalf, path, "explain", DATUM_BOOL, false, &explain, error);
    if (status == BEHALF_OK)
        status = authzen_member(behalf, path, "at_least", DATUM_STRING, false, &at_least, error);
    if (status != BEHALF_OK)
        return status;
    question->check.explain = explain != NULL && explain->as.boolean;
    if (at_least != NULL)
        question->at_least = at_least->as.string;
    if (at_least != NULL && (question->at_least.size == 0 || question->at_least.size > LIMIT_TOKEN))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'context.behalf.at_least' must be a Behalf-Revision");
    return ask_call(behalf, question, error);
}

/* --- context and properties --- */

/* The context of the check: what is not for us. */
static enum status
ask_context(const struct authzen_words *words, struct arena *arena, struct check *check,
            struct error *error)
{
    const struct datum *sent = words->context;
    struct datum_field *fields;
    struct datum *context;
    size_t count = 0;

    if (sent == NULL || sent->as.map.count == 0)
        return BEHALF_OK;
    context = arena_take_array(arena, 1, sizeof *context);
    fields = arena_take_array(arena, sent->as.map.count, sizeof *fields);
    if (context == NULL || fields == NULL)
        return no_memory(error);
    for (size_t index = 0; index < sent->as.map.count; index++) {
        struct slice key = sent->as.map.fields[index].key;

        if (!slice_equal(key, behalf_name) && !slice_equal(key, approval_name) &&
            !slice_equal(key, agent_name) && !slice_equal(key, grant_name))
            fields[count++] = sent->as.map.fields[index];
    }
    *context = (struct datum){.kind = DATUM_MAP, .as.map = {fields, count}};
    check->context = context;
    return BEHALF_OK;
}

static void
ask_properties(const struct key *caller, const struct authzen_words *words,
               struct authzen_question *question)
{
    question->properties = (struct check_properties){
        .subject = words->subject.properties,
        .resource = words->resource.properties,
        .action = words->action_properties,
        .trusted = key_has_role(caller, ROLE_PROPERTIES),
        .pass_over = true,
    };
    if (words->subject.properties != NULL || words->resource.properties != NULL ||
        words->action_properties != NULL)
        question->check.properties = &question->properties;
}

/* --- the whole --- */

enum status
authzen_ask(const struct authzen_config *config, const struct key *caller,
            const struct authzen_words *words, struct arena *arena,
            struct authzen_question *question, struct error *error)
{
    const struct authzen_alias *alias =
        authzen_alias_of(config, words->resource.type, words->action);
    const struct datum *behalf = field_of(words->context, behalf_name);
    struct check *check = &question->check;
    enum status status;

    *question = (struct authzen_question){.words = *words};
    question->has_approval =
        authzen_takes_requests(config) && field_of(words->context, approval_name) != NULL;
    check->subject = (struct object){.type = words->subject.type, .id = words->subject.id};
    check->resource = alias != NULL
                          ? alias->as
                          : (struct object){.type = words->resource.type, .id = words->resource.id};
    check->permission = authzen_permission(config, check->resource.type, words->action);
    ask_properties(caller, words, question);
    status = ask_agents(config, words, arena, check, error);
    if (status == BEHALF_OK)
        status = ask_grant(words, question, error);
    if (status == BEHALF_OK && behalf != NULL)
        status = ask_behalf(behalf, question, error);
    return status == BEHALF_OK ? ask_context(words, arena, check, error) : status;
}
