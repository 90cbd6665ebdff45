/* validation_world.c - one engine over one store in memory: what the server runs, without a
 * server. */
#include "base/env.h"
#include "validate/validation.h"
#include "storage/store.h"

#define WORLD_GRAPH_BYTES ((size_t)256 * 1024 * 1024)

enum status
validation_world_open(struct validation_world *world, struct error *error)
{
    struct store_options store_options = {.env = env_system()};
    struct engine_options options = {
        .env = env_system(), .workers = 1, .graph_memory_bytes = WORLD_GRAPH_BYTES};
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

/* --- asking ----------------------------------------------------------------------------------- */

enum status
validation_world_check(struct validation_world *world, struct arena *arena,
                       const struct validation_question *question, bool explain,
                       struct check_result *result, struct error *error)
{
    struct engine_request request = {.arena = arena, .consistency = CONSISTENCY_FULL};
    struct check check = {
        .resource = {.type = question->asked.resource.type, .id = question->asked.resource.id},
        .permission = question->asked.resource.relation,
        .subject = question->asked.subject,
        .actors = question->actors,
        .actor_count = question->actor_count,
        .context = question->context,
        .explain = explain,
    };

    return engine_check(world->worker, &request, &check, result, error);
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
