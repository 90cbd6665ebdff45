/* prefetch.c - see prefetch.h. */
#include "engine/prefetch.h"

#include "graph/prefetch.h"

_Static_assert(2 * ENGINE_PREFETCH_MAX <= PREFETCH_OBJECTS_MAX, "a pair is two objects");

/* False when the schema has no such type. */
static bool
want(const struct binding *binding, const struct object *object, bool is_resource,
     struct prefetch_object *wanted)
{
    uint32_t type = schema_find_type(binding->schema, object->type);

    if (type == SCHEMA_NONE || object->id.size == 0)
        return false;
    *wanted = (struct prefetch_object){object->id, binding->type_labels[type], is_resource};
    return true;
}

/* Of subjects the names alone: their edges are looked at where a walk is wide, which is rare. */
void
prefetch_pairs(struct engine *engine, const struct binding *binding, uint64_t revision,
               const struct engine_pair *pairs, size_t count)
{
    struct prefetch_object wanted[2 * ENGINE_PREFETCH_MAX];
    size_t found = 0;

    BEHALF_ASSERT(count <= ENGINE_PREFETCH_MAX);
    for (size_t at = 0; at < count; at++) {
        found += want(binding, &pairs[at].resource, true, &wanted[found]);
        found += want(binding, &pairs[at].subject, false, &wanted[found]);
    }
    graph_prefetch_objects(engine->graph, engine->names, revision, wanted, found);
}

void
engine_prefetch(struct engine_worker *worker, const struct engine_pair *pairs, size_t count)
{
    const struct published *newest = worker_refresh(worker);

    if (newest->binding != NULL)
        prefetch_pairs(worker->engine, newest->binding, newest->revision, pairs, count);
}
