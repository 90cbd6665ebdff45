/* resource_set.h - the resources of one type that a subject may reach.
 *
 *   entries   sequence << 1 | open, in ascending order, one per sequence
 *
 * Always true: a closed entry is an allow, an open entry may be one, and a resource without an
 * entry is a deny. The operations preserve that: a result claims no more than its operands do.
 * Memory: immutable once made; 8 bytes per entry, in the given arena. Threads: none of its own. */
#ifndef BEHALF_EVAL_RESOURCE_SET_H
#define BEHALF_EVAL_RESOURCE_SET_H

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

#define RESOURCE_END (UINT64_MAX >> 1) /* no sequence is greater */

/* The entries up to a sequence, inclusive. */
struct resource_set resource_set_up_to(struct resource_set set, uint64_t to);

/* The index of the first entry whose sequence is not below `sequence`. */
uint32_t resource_set_lower_bound(struct resource_set set, uint64_t sequence);

/* The set operations. False when the arena is spent. */
bool resource_set_union(struct arena *arena, struct resource_set a, struct resource_set b,
                        struct resource_set *result) BEHALF_MUST_USE;
bool resource_set_intersection(struct arena *arena, struct resource_set a, struct resource_set b,
                               struct resource_set *result) BEHALF_MUST_USE;
bool resource_set_difference(struct arena *arena, struct resource_set a, struct resource_set b,
                             struct resource_set *result) BEHALF_MUST_USE;

/* The same resources, all open. */
bool resource_set_opened(struct arena *arena, struct resource_set set,
                         struct resource_set *result) BEHALF_MUST_USE;

/* --- making one --- */

/* Collects runs of ascending entries; the runs may come in any order and overlap. Runs that arrive
 * in order are not sorted again, and duplicates do not accumulate. With a window, at most about
 * twice as many entries are held: the smallest ones after `after`, up to `to`, which falls when
 * there are too many. Entries outside of (after, to] need not be added. */
struct resource_gather {
    struct arena *arena;
    uint64_t after;
    uint64_t to;
    uint32_t window; /* 0 = all of them */
    uint64_t *entries;
    uint64_t *spare; /* of the same size; NULL until needed */
    uint32_t count;
    uint32_t size;
    bool disordered;
};

void resource_gather_init(struct resource_gather *gather, struct arena *arena, uint64_t after,
                          uint32_t window);

/* Room for the next run after the entries so far: at least one entry, *room of them. NULL when the
 * arena is spent. */
uint64_t *resource_gather_room(struct resource_gather *gather, uint32_t *room) BEHALF_MUST_USE;

/* Adds the first `count` entries of the room, which are in ascending order. */
void resource_gather_add(struct resource_gather *gather, uint32_t count);

/* The entries in (after, to]; a sequence is closed if one of its entries is. False when the arena
 * is spent. */
bool resource_gather_end(struct resource_gather *gather, struct resource_set *set) BEHALF_MUST_USE;

#endif
