/* prefetch.c - brings names and edges that several checks need into the processor's caches.
 * A check of random objects among many misses the caches at every step: two slots of names, two
 * names, a slot of edges, and the edges. Each step is found through the one before it, so a single
 * check waits for the misses one by one. The misses of several checks overlap. So each step is
 * taken for all objects before the next step begins. */
#include "graph/prefetch.h"

#include "graph/readers.h"

struct wanted {
    const struct prefetch_object *object;
    uint64_t node; /* the wildcard when the name is not in memory */
};

static void
find_node(struct graph *graph, struct name_cache *names, struct wanted *wanted)
{
    const struct prefetch_object *object = wanted->object;
    uint64_t known_at;

    if (!name_cache_find_node(names, object->type_label, object->id, object->hash, &wanted->node,
                              &known_at))
        wanted->node = NODE_WILDCARD(object->type_label);
    else if (!NODE_IS_WILDCARD(wanted->node))
        graph_prefetch(graph, wanted->node, EDGE_FORWARD);
}

void
graph_prefetch_objects(struct graph *graph, struct name_cache *names, uint64_t revision,
                       const struct prefetch_object *objects, size_t count)
{
    struct wanted wanted[PREFETCH_OBJECTS_MAX];
    struct reader *reader;

    BEHALF_ASSERT(count <= PREFETCH_OBJECTS_MAX);
    for (size_t at = 0; at < count; at++) {
        wanted[at].object = &objects[at];
        name_cache_prefetch(names, objects[at].hash);
    }
    reader = readers_claim(graph_readers(graph), wanted, revision);
    if (reader == NULL)
        return;
    for (size_t at = 0; at < count; at++)
        name_cache_prefetch_entry(names, objects[at].hash);
    for (size_t at = 0; at < count; at++) {
        if (objects[at].is_resource)
            find_node(graph, names, &wanted[at]);
    }
    for (size_t at = 0; at < count; at++) {
        if (objects[at].is_resource && !NODE_IS_WILDCARD(wanted[at].node))
            graph_prefetch_edges(graph, wanted[at].node, EDGE_FORWARD);
    }
    reader_release(reader);
}
