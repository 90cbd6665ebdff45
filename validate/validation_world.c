/* validation_world.c - one engine over one store in memory: what the server runs, without a
 * server. */
#include "base/env.h"
#include "base/memory.h"
#include "validate/validation.h"
#include "storage/store.h"

#define WORLD_GRAPH_BYTES ((size_t)256 * 1024 * 1024)
/* Ends in a file may lie as far ahead as its expirations do: it is run again in years. */
#define WORLD_TTL_MAX_NS (INT64_C(100) * 365 * 24 * 3600 * 1000000000)
#define WORLD_GRANT_NS (INT64_C(3600) * 1000000000) /* of a grant that names no end */

enum status
validation_world_open(struct validation_world *world, struct error *error)
{
    struct store_options store_options = {.env = env_system()};
    struct engine_options options = {.env = env_system(),
                                     .workers = 1,
                                     .graph_memory_bytes = WORLD_GRAPH_BYTES,
                                     .session_ttl_max_ns = WORLD_TTL_MAX_NS,
                                     .grant_ttl_max_ns = WORLD_TTL_MAX_NS};
    enum status status = store_open(&store_options, &world->store, error);

    if (status != BEHALF_OK)
        return status;
    options.store = world->store;
    status = engine_open(&options, &world->engine, error);
    if (status != BEHALF_OK)
        return status;
    world->worker = engine_worker_new(world->engine, true);
    return BEHALF_OK;
}

void
validation_world_close(struct validation_world *world)
{
    engine_worker_free(world->worker);
    engine_close(world->engine);
    store_close(world->store);
    schema_unref(world->schema);
    memory_free(world->grants);
    *world = (struct validation_world){.store = NULL};
}

/* --- writing ---------------------------------------------------------------------------------- */

enum status
validation_world_schema(struct validation_world *world, struct slice text, struct error *error)
{
    struct engine_write write = {.kind = WRITE_SCHEMA, .schema_text = text};
    enum status status = schema_compile(text, &world->schema, error);

    return status == BEHALF_OK ? engine_write_wait(world->engine, &write, error) : status;
}

enum status
validation_world_write(struct validation_world *world, const struct update *updates, size_t count,
                       struct error *error)
{
    struct engine_write write = {
        .kind = WRITE_RELATIONSHIPS, .updates = updates, .update_count = count};

    return engine_write_wait(world->engine, &write, error);
}

enum status
validation_world_describe(struct validation_world *world,
                          const struct validation_attributes *attributes, struct arena *arena,
                          struct error *error)
{
    struct engine_attributes_update update = {.op = ATTRIBUTES_SET,
                                              .attributes = attributes->attributes};
    const struct engine_attributes_write described = {&update, 1};
    struct engine_write write = {.kind = WRITE_ATTRIBUTES, .attributes = &described};
    enum status status = object_parse(attributes->object.text, arena, &update.object, error);

    return status == BEHALF_OK ? engine_write_wait(world->engine, &write, error) : status;
}

/* --- grants ----------------------------------------------------------------------------------- */

const struct named_grant *
validation_world_find_grant(const struct validation_world *world, struct slice name)
{
    for (size_t index = 0; index < world->grant_count; index++)
        if (slice_equal(world->grants[index].name, name))
            return &world->grants[index];
    return NULL;
}

/* A session that is good for this grant and nothing else, and the grant, in one transaction. */
static enum status
make_root(struct validation_world *world, const struct grant_arguments *arguments,
          struct record_id *id, struct error *error)
{
    struct engine_root_grant grant = {.terms = arguments->terms,
                                      .approval = {.approver = arguments->principal}};
    struct engine_new_session session = {
        .principal = arguments->principal,
        .agent = arguments->agent,
        .has_idle_timeout = true, /* none: a file's run has no pauses of its own */
        .grant = &grant,
    };
    struct engine_write write = {.kind = WRITE_SESSION_CREATE, .new_session = &session};
    enum status status;

    if (grant.terms.end.at == 0 && grant.terms.end.in_ns == 0)
        grant.terms.end.in_ns = WORLD_GRANT_NS;
    session.end = grant.terms.end;
    status = engine_write_wait(world->engine, &write, error);
    *id = write.grant;
    return status;
}

static enum status
make_delegated(struct validation_world *world, const struct grant_arguments *arguments,
               struct record_id *id, struct error *error)
{
    const struct named_grant *parent = validation_world_find_grant(world, arguments->parent);
    struct engine_delegated_grant grant = {
        .actor = arguments->actor, .delegatee = arguments->delegatee, .terms = arguments->terms};
    struct engine_write write = {.kind = WRITE_GRANT_DELEGATE, .delegated_grant = &grant};
    enum status status;

    if (parent == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "parent: there is no grant '%.*s' before this one",
                         SLICE_PRINTF(arguments->parent));
    grant.parent = parent->id;
    if (grant.actor.type.size == 0)
        grant.actor = parent->delegatee;
    status = engine_write_wait(world->engine, &write, error);
    *id = write.grant;
    return status;
}

enum status
validation_world_grant(struct validation_world *world, struct slice name,
                       const struct grant_arguments *arguments, struct error *error)
{
    bool is_root = arguments->principal.type.size > 0;
    struct named_grant made = {.name = name,
                               .delegatee = is_root ? arguments->agent : arguments->delegatee};
    enum status status = is_root ? make_root(world, arguments, &made.id, error)
                                 : make_delegated(world, arguments, &made.id, error);

    if (status != BEHALF_OK)
        return status;
    world->grants = memory_reserve(world->grants, world->grant_count + 1, &world->grant_capacity,
                                   sizeof *world->grants);
    world->grants[world->grant_count++] = made;
    return BEHALF_OK;
}

/* --- asking ----------------------------------------------------------------------------------- */

enum status
validation_world_check(struct validation_world *world, struct arena *arena,
                       const struct validation_question *question, bool explain,
                       struct check_result *result, struct error *error)
{
    const struct named_grant *grant = validation_world_find_grant(world, question->grant);
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct engine_use use = {.spent = false};
    struct engine_write write = {.kind = WRITE_USE, .use = &use};
    struct engine_delegation delegation = {.given = true};
    struct check check = {
        .resource = {.type = question->asked.resource.type, .id = question->asked.resource.id},
        .permission = question->asked.resource.relation,
        .subject = question->asked.subject,
        .actors = question->actors,
        .actor_count = question->actor_count,
        .context = question->context,
        .use = &use,
        .explain = explain,
    };
    enum status status;

    use.write = &write;
    if (question->grant.size > 0 && grant == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "the file has no grant '%.*s'",
                         SLICE_PRINTF(question->grant));
    if (grant != NULL) {
        delegation.grant = grant->id;
        check.delegation = &delegation;
    }
    status = engine_check(world->worker, &request, &check, result, error);
    if (status != BEHALF_MUST_SPEND || explain)
        return status;
    status = engine_write_wait(world->engine, &write, error);
    use.spent = true;
    return status == BEHALF_OK ? engine_check(world->worker, &request, &check, result, error)
                               : status;
}

enum status
validation_world_expand(struct validation_world *world, struct arena *arena,
                        const struct object *resource, const struct expand_node **tree,
                        struct error *error)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct expand expand = {.resource = {.type = resource->type, .id = resource->id},
                            .permission = resource->relation};
    struct expand_result result;
    enum status status = engine_expand(world->worker, &request, &expand, &result, error);

    if (status == BEHALF_OK)
        *tree = result.tree;
    return status;
}
