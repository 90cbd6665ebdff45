/* graph_store.h - a store in memory with numbered nodes, for programs that test the graph.
 * Always true: a step that fails ends the program with its message. Nodes are made with ids "0",
 * "1", ... in their own type, so that the node of a number is found by arithmetic.
 * Threads: writing functions on one thread, which is the store's writer. */
#ifndef BEHALF_TESTS_GRAPH_STORE_H
#define BEHALF_TESTS_GRAPH_STORE_H

#include "graph/graph.h"
#include "storage/store.h"

#define GRAPH_STORE_RELATIONS 3
#define GRAPH_STORE_CAVEATS 2

struct graph_store {
    struct store *store;
    uint16_t resource_type;
    uint16_t subject_type;
    uint16_t relations[GRAPH_STORE_RELATIONS]; /* ascending labels */
    uint16_t caveats[GRAPH_STORE_CAVEATS];
    uint64_t *resources; /* nodes, ascending */
    uint64_t *subjects;
    uint32_t resource_count;
    uint32_t subject_count;
};

void graph_store_open(struct graph_store *graph_store, uint32_t resources, uint32_t subjects);
void graph_store_close(struct graph_store *graph_store);

/* Plain edge resources[resource] #relations[relation] subjects[subject]. */
struct edge_key graph_store_key(const struct graph_store *graph_store, uint32_t resource,
                                uint32_t relation, uint32_t subject);

struct graph_store_change {
    struct edge_key key;
    bool remove;
    struct edge_traits traits; /* zeroes: a plain edge */
};

/* One transaction; its revision. Tells no graph. */
uint64_t graph_store_commit(struct graph_store *graph_store,
                            const struct graph_store_change *changes, size_t count);

/* Tells the graph of one that was committed as `revision`. */
void graph_store_tell(struct graph *graph, const struct graph_store_change *changes, size_t count,
                      uint64_t revision, uint64_t published);

/* Commits, tells the graph (unless NULL), and returns the revision. */
uint64_t graph_store_write(struct graph_store *graph_store, struct graph *graph,
                           const struct graph_store_change *changes, size_t count);
uint64_t graph_store_put(struct graph_store *graph_store, struct graph *graph,
                         const struct edge_key *key);
uint64_t graph_store_put_special(struct graph_store *graph_store, struct graph *graph,
                                 const struct edge_key *key, struct edge_traits traits);
uint64_t graph_store_remove(struct graph_store *graph_store, struct graph *graph,
                            const struct edge_key *key);

/* Ends the program unless `status` is BEHALF_OK. */
void graph_store_must(enum status status, const struct error *error, const char *what);

#endif
