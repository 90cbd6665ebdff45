/* warm.h - the warm-up: graph and names are filled before somebody asks, so that the first requests
 * after a start do not each wait for storage.
 *
 * First what a note of the last life names (the nodes that were in use then), then everything, in
 * the order of nodes, until it is all in memory or there is no room left beside it. It goes by the
 * loads of graph_cache.c, so that nothing new is to be shown: a set that a warm-up brings is as
 * true as one that a request loads.
 *
 * Always true: what a note says decides what is loaded first and nothing else; one that is damaged
 * is as good as none. A step is short: it reads some hundred nodes, or one of many edges.
 * Threads: a warm-up belongs to one thread; the graph and the names are shared.
 * Errors: STORAGE_*; DEADLINE after it was cancelled. */
#ifndef BEHALF_GRAPH_WARM_H
#define BEHALF_GRAPH_WARM_H

#include "graph/graph.h"
#include "graph/name_cache.h"

struct warm_up;

struct warm_options {
    struct graph *graph;
    struct name_cache *names;
    struct store *store;
    const struct env *env;
    const atomic_bool *cancelled;
    struct slice note; /* borrowed for as long as the warm-up lives; empty = there is none */
    bool all;          /* go on with everything */
};

struct warm_up *warm_up_new(const struct warm_options *options);
void warm_up_free(struct warm_up *warm_up); /* accepts NULL */

enum warm_state {
    WARM_NOTED, /* at what the note names */
    WARM_ALL,   /* at everything */
    WARM_DONE,
};

/* Reads some more, at `revision`, which is published. */
enum status warm_up_step(struct warm_up *warm_up, uint64_t revision,
                         struct error *error) BEHALF_MUST_USE;

struct warm_progress {
    enum warm_state state;
    bool full;      /* the graph's memory, or that of the names, did not hold everything */
    uint64_t noted; /* entries of the note */
    uint64_t sets;
    uint64_t edges; /* in them */
    uint64_t names;
};

void warm_up_progress(const struct warm_up *warm_up, struct warm_progress *progress);

/* Appends a note of what is in use now; of more than some million nodes, of that many. */
void warm_note_write(struct graph *graph, struct name_cache *names, struct buffer *note);

#endif
