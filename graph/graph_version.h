/* graph_version.h - the value of a slot in the graph cache: a set, a chain of its versions, or a
 * mark.
 *
 * Always true: versions are ordered newest first and do not overlap; the newest has no end. What a
 * slot points to is immutable: a change makes a new chain, and blocks that only the old chain had
 * are retired. Adjacent versions share pieces (edge_set.h says which).
 * Threads: values are read on any thread inside a section of readers.h, and made under the lock of
 * the cache's shard. */
#ifndef BEHALF_GRAPH_GRAPH_VERSION_H
#define BEHALF_GRAPH_GRAPH_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/edge_set.h"
#include "graph/readers.h"
#include "graph/slot_table.h"

/* The kind of a slot's value, in its lowest bits. */
enum slot_kind {
    KIND_SET,     /* pointer to an edge set */
    KIND_EMPTY,   /* payload: the revision from which the node has no edges */
    KIND_CHAIN,   /* pointer to a chain of versions */
    KIND_DIRECT,  /* payload: asks left until a load is tried again */
    KIND_LOADING, /* pointer to the loader's record */
};

/* Immutable; right for revisions in [from, until). `set` is NULL where the node has no edges. */
struct version {
    struct edge_set *set;
    uint64_t from;
    uint64_t until;
};

/* Newest first, and the newest has `until` UINT64_MAX. At least two: one alone needs no chain. */
struct chain {
    size_t count;
    struct version versions[];
};

static inline enum slot_kind
version_kind(uint64_t value)
{
    return (enum slot_kind)(value & SLOT_KIND_MASK);
}

static inline uint64_t
version_payload(uint64_t value)
{
    return value >> SLOT_PAYLOAD_SHIFT;
}

static inline uint64_t
version_payload_value(uint64_t payload, enum slot_kind kind)
{
    return payload << SLOT_PAYLOAD_SHIFT | SLOT_USED | (uint64_t)kind;
}

static inline void *
version_pointer(uint64_t value)
{
    return (void *)(uintptr_t)(value & ~(SLOT_KIND_MASK | SLOT_USED));
}

static inline uint64_t
version_pointer_value(const void *pointer, enum slot_kind kind)
{
    uint64_t bits = (uint64_t)(uintptr_t)pointer;

    BEHALF_ASSERT((bits & (SLOT_KIND_MASK | SLOT_USED)) == 0);
    return bits | SLOT_USED | (uint64_t)kind;
}

/* The versions in a slot, newest first; a view onto the slot's chain, or onto `single`. */
struct versions {
    const struct version *items;
    size_t count;
    struct version single;
};

/* For the kinds set, chain and empty. Do not move or copy *versions: `items` may point into it. */
void versions_of(uint64_t value, struct versions *versions);

/* Allocated bytes of a chain, of the newest version, and of everything older (chain included). */
size_t version_chain_bytes(size_t count);
size_t versions_newest_bytes(const struct versions *versions);
size_t versions_superseded_bytes(const struct versions *versions);

/* The slot value for these versions; takes over the sets. */
uint64_t versions_value(const struct version *versions, size_t count);

/* Whether a reader may still ask for a revision of this version: one that pinned it, or one that
 * begins while `published` is the newest published revision. */
bool version_is_needed(const struct version *version, uint64_t published,
                       const struct reader_pins *pins);
/* Whether that holds for every version of the chain; the newest is always needed. */
bool version_chain_is_needed(const struct chain *chain, uint64_t published,
                             const struct reader_pins *pins);

/* Adds all blocks owned by a slot's value to `retirees`. The second function adds one block, as the
 * `visit` of edge_set_visit_own. */
void version_retire(uint64_t value, struct retirees *retirees);
void version_retire_block(void *retirees, const void *block, size_t bytes);

/* Applies the changes to `old`, sets the end of `old` and gives the new version; sorts the changes.
 * False when `old` has them all. `empty` replaces a NULL set. */
bool version_make(const struct edge_set *empty, struct version *old, struct edge_change *changes,
                  size_t count, struct version *made);

#endif
