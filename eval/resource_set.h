/* resource_set.h - what a subject may reach among the resources of one type.
 *
 *   entries   sequence << 1 | open, ascending, each sequence once
 *
 * Always true: an entry that is not open is an allow, one that is open may be one, and a resource
 * without an entry is a deny. The operations keep that: they say no more than their operands do.
 * Memory: immutable once made; 8 bytes an entry, in the arena given. Threads: none of its own. */
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

/* The part of the set up to a sequence. */
struct resource_set resource_set_up_to(struct resource_set set, uint64_t to);

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

/* Takes runs of ascending entries in any order, equal ones among them. What comes in order is not
 * sorted, and equal entries do not pile up. With a window no more than about twice as many entries
 * are held: the least of those behind `after`, up to `to`, which comes down as they get too many.
 * What is not in (after, to] need not be added. */
struct resource_gather {
    struct arena *arena;
    uint64_t after;
    uint64_t to;
    uint32_t window; /* 0 = all of them */
    uint64_t *entries;
    uint64_t *spare; /* as long; NULL until needed */
    uint32_t count;
    uint32_t size;
    bool disordered;
};

void resource_gather_init(struct resource_gather *gather, struct arena *arena, uint64_t after,
                          uint32_t window);

/* Room behind what is there for the next run: at least one entry, *room of them. NULL when the
 * arena is spent. */
uint64_t *resource_gather_room(struct resource_gather *gather, uint32_t *room) BEHALF_MUST_USE;

/* Takes in the first `count` entries of the room, which ascend. */
void resource_gather_add(struct resource_gather *gather, uint32_t count);

/* What was gathered in (after, to]; of equal sequences one that is certain counts. False when the
 * arena is spent. */
bool resource_gather_end(struct resource_gather *gather, struct resource_set *set) BEHALF_MUST_USE;

#endif
