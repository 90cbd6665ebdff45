/* edge_set.h - all edges of one node in one direction, as one immutable block.
 *
 *   | references 4 | group_count 4 | valid_from 8 | groups 8 x group_count | far nodes 8 x edges |
 *
 * A group is one (relation, subject_relation); it has the place where its run of far nodes ends,
 * and begins where the one before it ended. A pair without edges has no group.
 * Always true: groups ascend by key, far nodes ascend within a group, nothing stands twice; the set
 * is exactly the state of its node at revision `valid_from`. Nothing but `references` ever changes.
 * Threads: read anywhere by who holds a reference; the reference count is atomic. */
#ifndef BEHALF_ENGINE_EDGE_SET_H
#define BEHALF_ENGINE_EDGE_SET_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "storage/store.h"

struct edge_group {
    uint32_t key; /* edge_group_key */
    uint32_t end; /* index of the far node behind its last */
};

struct edge_set {
    atomic_uint references;
    uint32_t group_count;
    uint64_t valid_from;
    struct edge_group groups[]; /* then the far nodes */
};

_Static_assert(sizeof(struct edge_set) == 16, "far nodes stay aligned and the set stays small");

/* In the order of the index that a set is read from, so that groups come sorted. */
static inline uint32_t
edge_group_key(enum edge_direction direction, uint16_t relation, uint16_t subject_relation)
{
    return direction == EDGE_FORWARD ? (uint32_t)relation << 16 | subject_relation
                                     : (uint32_t)subject_relation << 16 | relation;
}

/* A sorted run of far nodes; borrowed from the set. */
struct edge_run {
    const uint64_t *nodes;
    size_t count;
};

struct edge_run edge_set_run(const struct edge_set *set, uint32_t group_key);

/* The place of the first node that is not below `node`; `count` when there is none. */
size_t edge_run_lower_bound(struct edge_run run, uint64_t node);

static inline bool
edge_set_contains(const struct edge_set *set, uint32_t group_key, uint64_t node)
{
    struct edge_run run = edge_set_run(set, group_key);
    size_t at = edge_run_lower_bound(run, node);

    return at < run.count && run.nodes[at] == node;
}

static inline uint32_t
edge_set_edge_count(const struct edge_set *set)
{
    return set->group_count == 0 ? 0 : set->groups[set->group_count - 1].end;
}

size_t edge_set_bytes(const struct edge_set *set);

/* Reads the edges of `node` at the snapshot's head. *set is NULL when there are more than
 * LIMIT_GRAPH_SET_EDGES; otherwise it has one reference, the caller's. STORAGE_*. */
enum status edge_set_load(const struct store_snapshot *snapshot, uint64_t node,
                          enum edge_direction direction, struct edge_set **set,
                          struct error *error) BEHALF_MUST_USE;

/* A set of no edges that many threads are given at once: references to it are not counted, so that
 * they do not all write to one place. It ends with edge_set_free_empty. */
struct edge_set *edge_set_new_empty(void);
void edge_set_free_empty(struct edge_set *set);

#define EDGE_SET_UNCOUNTED UINT_MAX

/* Relaxed: a set is uncounted from its beginning to its end, or never. */
static inline bool
edge_set_is_uncounted(struct edge_set *set)
{
    return atomic_load_explicit(&set->references, memory_order_relaxed) == EDGE_SET_UNCOUNTED;
}

static inline void
edge_set_ref(struct edge_set *set)
{
    if (edge_set_is_uncounted(set))
        return;
    /* Relaxed: who takes a reference has one already, or holds the lock of the shard that has; the
     * contents were made visible by that. */
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
}

void edge_set_unref(struct edge_set *set); /* accepts NULL */

bool edge_set_validate(const struct edge_set *set, const char **reason);

#endif
