/* doubt.h - why a value is open: an error, or missing context.
 *
 * A doubt is a set of items and possibly a fault. With a fault the value is that error, whatever
 * names are missing too. An item is the number of a context name of the schema (struct schema,
 * context_names). While eval_doubt.c solves a cycle, an item may also be a reference to a node
 * whose own doubt is not known yet.
 *
 * Always true: items are in ascending order and unique.
 * Memory: immutable, in the given arena. NULL means no doubt and is the neutral element of the
 * union; doubt_union reports a spent arena by its result. */
#ifndef BEHALF_EVAL_DOUBT_H
#define BEHALF_EVAL_DOUBT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct doubt {
    const struct error *fault; /* NULL: items only */
    const uint32_t *items;
    uint32_t count;
};

/* A reference to an entry of an evaluation. It is negative in the right operand of an exclusion. */
#define DOUBT_REFERENCE UINT32_C(0x80000000)
#define DOUBT_REFERENCE_TO(entry, negative) (DOUBT_REFERENCE | (entry) << 1 | (uint32_t)(negative))
#define DOUBT_IS_REFERENCE(item) (((item)&DOUBT_REFERENCE) != 0)
#define DOUBT_ENTRY(item) (((item) & ~DOUBT_REFERENCE) >> 1)
#define DOUBT_IS_NEGATIVE(item) (((item)&1) != 0)

/* *a = the union of *a and *b: all items, and a fault if either has one. False when the arena is
 * spent. */
bool doubt_union(struct arena *arena, const struct doubt **a,
                 const struct doubt *b) BEHALF_MUST_USE;

#endif
