/* prefetch.h - prefetches names and edges that checks will read soon.
 * Always true: a hint alone. It answers nothing and changes nothing, and may miss what is there.
 * Threads: any. */
#ifndef BEHALF_GRAPH_PREFETCH_H
#define BEHALF_GRAPH_PREFETCH_H

#include "graph/names.h"

#define PREFETCH_OBJECTS_MAX ((size_t)32)

struct prefetch_object {
    struct slice id;
    uint64_t hash; /* name_hash */
    uint16_t type_label;
    bool is_resource; /* its edges are prefetched as well */
};

/* Prefetches at most PREFETCH_OBJECTS_MAX objects, for requests at this revision. */
void graph_prefetch_objects(struct graph *graph, struct name_cache *names, uint64_t revision,
                            const struct prefetch_object *objects, size_t count);

#endif
