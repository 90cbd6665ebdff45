/* names.h - strings to nodes and back, for one request.
 *
 * Always true: equal (type, id) bytes give equal nodes within a request. A name that was never
 * stored gets a request-local node (NODE_IS_LOCAL): it has no edges but still meets wildcards,
 * `self` and identity. Names are never removed or renamed, so a node found once is right for ever,
 * and a name that was absent at some head of the storage is absent for every revision up to it.
 * Threads: the cache is shared, and what is in it is found without a lock, within a section of the
 * resolver's view; a resolver belongs to one request.
 * Memory: local names and returned ids live in the resolver's arena. */
#ifndef BEHALF_GRAPH_NAMES_H
#define BEHALF_GRAPH_NAMES_H

#include "base/arena.h"
#include "base/relationship.h"
#include "base/table.h"
#include "graph/graph.h"
#include "graph/name_cache.h"

struct name_local;

struct resolver {
    struct name_cache *cache;
    struct graph_view *view; /* gives the storage snapshot, and whether it may be waited for */
    struct arena *arena;
    struct name_local *locals;    /* names without a stored node, newest first */
    struct table local_buckets;   /* hash -> newest local of that bucket */
    struct name_local **local_at; /* by sequence - NODE_SEQUENCE_LOCAL */
    uint32_t local_count;
    uint32_t local_capacity;
};

void resolver_init(struct resolver *resolver, struct name_cache *cache, struct graph_view *view,
                   struct arena *arena);

/* The node of `id` in the type with this label; a local one when it was never stored. `id` must
 * live as long as the resolver. */
enum status resolver_node(struct resolver *resolver, uint16_t type_label, struct slice id,
                          uint64_t *node, struct error *error) BEHALF_MUST_USE;

/* The same for who has name_id_hash of `id` already. */
enum status resolver_node_hashed(struct resolver *resolver, uint16_t type_label, struct slice id,
                                 uint64_t id_hash, uint64_t *node,
                                 struct error *error) BEHALF_MUST_USE;

/* The id of a node, stored or local (not of a wildcard). */
enum status resolver_id(struct resolver *resolver, uint64_t node, struct slice *id,
                        struct error *error) BEHALF_MUST_USE;

/* The same of many nodes, whose names are brought nearer together. */
enum status resolver_ids(struct resolver *resolver, const uint64_t *nodes, size_t count,
                         struct slice *ids, struct error *error) BEHALF_MUST_USE;

#endif
