/* prefetch.c - what checks will look at soon, brought nearer to the processor.
 * A check of random objects among many finds nothing of what it needs in the processor's caches:
 * two slots of names, two names, a slot of edges and the edges. Each is found through the one
 * before it, so one check waits for them in turn; several checks can wait for theirs together. So
 * each step is taken for all names before the next one is. */
#include "engine/prefetch.h"

#include "engine/name_cache.h"
#include "engine/readers.h"

#define NAMES_MAX ((size_t)2 * ENGINE_PREFETCH_MAX)

struct wanted_name {
    struct slice id;
    uint64_t hash;
    uint64_t node; /* a wildcard: not known */
    uint16_t type_label;
};

/* What is known without a section. False when the schema has no such type. */
static bool
want(const struct binding *binding, const struct object *object, struct wanted_name *name)
{
    uint32_t type = schema_find_type(binding->schema, object->type);

    if (type == SCHEMA_NONE || object->id.size == 0)
        return false;
    name->id = object->id;
    name->type_label = binding->type_labels[type];
    name->hash = name_hash(name->type_label, object->id);
    return true;
}

static void
find_node(struct engine *engine, struct wanted_name *name)
{
    uint64_t known_at;

    if (!name_cache_find_node(engine->names, name->type_label, name->id, name->hash, &name->node,
                              &known_at))
        name->node = NODE_WILDCARD(name->type_label);
    else if (!NODE_IS_WILDCARD(name->node))
        graph_prefetch(engine->graph, name->node, EDGE_FORWARD);
}

/* Of subjects the names alone: their edges are looked at where a walk is wide, which is rare. */
void
prefetch_pairs(struct engine *engine, const struct binding *binding, uint64_t revision,
               const struct engine_pair *pairs, size_t count)
{
    struct wanted_name names[NAMES_MAX];
    struct reader *reader;
    size_t resources = 0;
    size_t wanted;

    BEHALF_ASSERT(count <= ENGINE_PREFETCH_MAX);
    for (size_t at = 0; at < count; at++)
        resources += want(binding, &pairs[at].resource, &names[resources]);
    wanted = resources;
    for (size_t at = 0; at < count; at++)
        wanted += want(binding, &pairs[at].subject, &names[wanted]);
    for (size_t at = 0; at < wanted; at++)
        name_cache_prefetch(engine->names, names[at].hash);
    reader = readers_claim(graph_readers(engine->graph), names, revision);
    if (reader == NULL)
        return;
    for (size_t at = 0; at < wanted; at++)
        name_cache_prefetch_entry(engine->names, names[at].hash);
    for (size_t at = 0; at < resources; at++)
        find_node(engine, &names[at]);
    for (size_t at = 0; at < resources; at++) {
        if (!NODE_IS_WILDCARD(names[at].node))
            graph_prefetch_edges(engine->graph, names[at].node, EDGE_FORWARD);
    }
    reader_release(reader);
}

void
engine_prefetch(struct engine_worker *worker, const struct engine_pair *pairs, size_t count)
{
    const struct published *newest = worker_refresh(worker);

    if (newest->binding != NULL)
        prefetch_pairs(worker->engine, newest->binding, newest->revision, pairs, count);
}
