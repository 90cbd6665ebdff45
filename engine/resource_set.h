/* resource_set.h - what a subject may reach among the resources of one type.
 *
 *   entries   sequence << 1 | open, ascending, each sequence once
 *
 * Always true: an entry that is not open is an allow, one that is open may be one, and a resource
 * without an entry is a deny. The operations keep that: they say no more than their operands do.
 * Memory: immutable once made; 8 bytes an entry, in the arena given. Threads: none of its own. */
#ifndef BEHALF_ENGINE_RESOURCE_SET_H
#define BEHALF_ENGINE_RESOURCE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct resource_set {
    const uint64_t *entries;
    uint32_t count;
};

#define RESOURCE_ENTRY(sequence, open) ((sequence) << 1 | (uint64_t)(open))
#define RESOURCE_SEQUENCE(entry) ((entry) >> 1)
#define RESOURCE_OPEN(entry) (((entry)&1) != 0)

/* The place of the first entry whose sequence is not below `sequence`. */
uint32_t resource_set_lower_bound(struct resource_set set, uint64_t sequence);

/* The operations of the same names on what the sets stand for. False when the arena is spent. */
bool resource_set_union(struct arena *arena, struct resource_set a, struct resource_set b,
                        struct resource_set *result) BEHALF_MUST_USE;
bool resource_set_intersection(struct arena *arena, struct resource_set a, struct resource_set b,
                               struct resource_set *result) BEHALF_MUST_USE;
bool resource_set_difference(struct arena *arena, struct resource_set a, struct resource_set b,
                             struct resource_set *result) BEHALF_MUST_USE;

/* The same resources, of which none is certain any more. */
bool resource_set_opened(struct arena *arena, struct resource_set set,
                         struct resource_set *result) BEHALF_MUST_USE;

/* --- making one --- */

/* Takes runs of ascending entries in any order, equal ones among them; begins as zeroes but for the
 * arena. What comes in order is not sorted, and equal entries do not pile up. */
struct resource_gather {
    struct arena *arena;
    uint64_t *entries;
    uint64_t *spare; /* as long; NULL until needed */
    uint32_t count;
    uint32_t size;
    bool disordered;
};

/* Room behind what is there for the next run: at least one entry, *room of them. NULL when the
 * arena is spent. */
uint64_t *resource_gather_room(struct resource_gather *gather, uint32_t *room) BEHALF_MUST_USE;

/* Takes in the first `count` entries of the room, which ascend. */
void resource_gather_add(struct resource_gather *gather, uint32_t count);

/* What was gathered; of equal sequences one that is certain counts. False when the arena is
 * spent. */
bool resource_gather_end(struct resource_gather *gather, struct resource_set *set) BEHALF_MUST_USE;

#endif
