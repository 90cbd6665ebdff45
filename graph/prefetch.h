/* prefetch.h - what checks will look at soon, brought nearer to the processor.
 * Always true: nothing is answered and nothing changed; it may see less than there is.
 * Threads: any. */
#ifndef BEHALF_GRAPH_PREFETCH_H
#define BEHALF_GRAPH_PREFETCH_H

#include "graph/names.h"

#define PREFETCH_OBJECTS_MAX ((size_t)32)

struct prefetch_object {
    struct slice id;
    uint64_t hash; /* name_hash */
    uint16_t type_label;
    bool is_resource; /* its edges are looked at as well */
};

/* At most PREFETCH_OBJECTS_MAX objects, of requests at this revision. */
void graph_prefetch_objects(struct graph *graph, struct name_cache *names, uint64_t revision,
                            const struct prefetch_object *objects, size_t count);

#endif
