/* graph_private.h - what graph.c and graph_load.c share; nothing else includes it. */
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

/* Before storage is read. */
static inline void
graph_view_leave(struct graph_view *view)
{
    view->held = NULL;
    if (view->inside)
        reader_leave(view->reader);
    view->inside = false;
}

#endif
