/* graph_version.h - what a slot of the graph cache holds: a set, or a chain of its versions.
 *
 * Always true: versions stand newest first, and do not overlap; the newest has no end. Nothing
 * changes once it stands in a slot: a change makes a new chain, and what the old one alone had is
 * retired. Sets of neighbouring versions share pieces (edge_set.h says which).
 * Threads: values are read anywhere within a section of readers.h; made under the lock of the
 * cache's shard. */
#ifndef BEHALF_GRAPH_GRAPH_VERSION_H
#define BEHALF_GRAPH_GRAPH_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/edge_set.h"
#include "graph/readers.h"
#include "graph/slot_table.h"

/* What a slot's value holds, in its lowest bits. */
enum slot_kind {
    KIND_SET,     /* pointer to an edge set */
    KIND_EMPTY,   /* payload: the revision from which the node is known to have no edges */
    KIND_CHAIN,   /* pointer to a chain of versions */
    KIND_DIRECT,  /* payload: asks left until the node is looked at again */
    KIND_LOADING, /* pointer to the loader's record */
};

/* Immutable. `set` is NULL where the node has no edges. */
struct version {
    struct edge_set *set;
    uint64_t from;
    uint64_t until;
};

/* Newest first; its `until` is UINT64_MAX. At least two. */
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

/* The versions that a slot with sets holds, newest first. */
struct versions {
    const struct version *items;
    size_t count;
    struct version single;
};

/* Of a slot with a set, a chain or an empty node; `versions` is not moved afterwards. */
void versions_of(uint64_t value, struct versions *versions);

/* Allocated bytes: of a chain, of the newest version, and of all that is not the newest. */
size_t version_chain_bytes(size_t count);
size_t versions_newest_bytes(const struct versions *versions);
size_t versions_superseded_bytes(const struct versions *versions);

/* What a slot holds for these versions; sets go over to it. */
uint64_t versions_value(const struct version *versions, size_t count);

/* Whether some reader may ask for a revision of this version: one that has pinned it, or one that
 * begins while `published` is what readers are given. */
bool version_is_needed(const struct version *version, uint64_t published,
                       const struct reader_pins *pins);
/* The same of all versions of a chain but the newest. */
bool version_chain_is_needed(const struct chain *chain, uint64_t published,
                             const struct reader_pins *pins);

/* Adds all blocks that a slot's value owns to `retirees`; and one block, for edge_set_visit_own. */
void version_retire(uint64_t value, struct retirees *retirees);
void version_retire_block(void *retirees, const void *block, size_t bytes);

/* The version that the changes make of `old`, whose end they set; sorts the changes. False when it
 * has them all already. `empty` stands for a set of no edges. */
bool version_make(const struct edge_set *empty, struct version *old, struct edge_change *changes,
                  size_t count, struct version *made);

#endif
