/* graph_private.h - structures shared by graph.c and graph_load.c; no other file includes it. */
#ifndef BEHALF_GRAPH_GRAPH_PRIVATE_H
#define BEHALF_GRAPH_GRAPH_PRIVATE_H

#include "graph/graph.h"
#include "graph/readers.h"

struct graph_cache;

struct graph {
    struct store *store;
    struct readers *readers;
    struct graph_cache *cache;
};

/* Ends the section, before every read of storage: storage may wait for the disk, and memory retired
 * meanwhile could not be freed. The held set is void from here on. */
static inline void
graph_view_leave(struct graph_view *view)
{
    view->held = NULL;
    if (view->inside)
        reader_leave(view->reader);
    view->inside = false;
}

#endif
