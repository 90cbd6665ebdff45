/* prefetch.c - see prefetch.h. */
#include "engine/prefetch.h"

#include "graph/prefetch.h"

_Static_assert(2 * ENGINE_PREFETCH_MAX <= PREFETCH_OBJECTS_MAX, "a pair is two objects");

/* False when the schema has no such type. */
static bool
want(const struct binding *binding, const struct object *object, uint64_t id_hash, bool is_resource,
     struct prefetch_object *wanted)
{
    uint32_t type = schema_find_type(binding->schema, object->type);

    if (type == SCHEMA_NONE || object->id.size == 0)
        return false;
    *wanted = (struct prefetch_object){object->id, name_hash(binding->type_labels[type], id_hash),
                                       binding->type_labels[type], is_resource};
    return true;
}

/* Also where there is no schema yet: the checks may find one. */
static void
hash_pairs(struct engine_pair *pairs, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        pairs[at].resource_hash = name_id_hash(pairs[at].resource.id);
        pairs[at].subject_hash = name_id_hash(pairs[at].subject.id);
    }
}

/* Of subjects the names alone: their edges are looked at where a walk is wide, which is rare. */
void
prefetch_pairs(struct engine *engine, const struct binding *binding, uint64_t revision,
               struct engine_pair *pairs, size_t count)
{
    struct prefetch_object wanted[2 * ENGINE_PREFETCH_MAX];
    size_t found = 0;

    BEHALF_ASSERT(count <= ENGINE_PREFETCH_MAX);
    hash_pairs(pairs, count);
    for (size_t at = 0; at < count; at++) {
        const struct engine_pair *pair = &pairs[at];

        found += want(binding, &pair->resource, pair->resource_hash, true, &wanted[found]);
        found += want(binding, &pair->subject, pair->subject_hash, false, &wanted[found]);
    }
    graph_prefetch_objects(engine->graph, engine->names, revision, wanted, found);
}

void
engine_prefetch(struct engine_worker *worker, struct engine_pair *pairs, size_t count)
{
    const struct published *newest = worker_refresh(worker);

    if (newest->binding == NULL)
        hash_pairs(pairs, count);
    else
        prefetch_pairs(worker->engine, newest->binding, newest->revision, pairs, count);
}
