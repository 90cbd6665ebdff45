/* doubt.h - why a value is open: an error, or context that nobody gave.
 *
 * A doubt is a set of items, and a fault where there is an error: then the value is that error,
 * whatever names are missing as well. An item is the number
 * of a context name of the schema (struct schema, context_names), or, only while eval_doubt.c sorts
 * out a cycle, a reference to a node whose own doubt is not known yet.
 * Always true: items ascend, each once.
 * Memory: immutable, in the arena given. NULL is no doubt and the neutral element of the union; the
 * arena being spent is told apart by doubt_union's result. */
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

/* A reference to an entry of an evaluation; negative when it stands in the right side of an
 * exclusion. */
#define DOUBT_REFERENCE UINT32_C(0x80000000)
#define DOUBT_REFERENCE_TO(entry, negative) (DOUBT_REFERENCE | (entry) << 1 | (uint32_t)(negative))
#define DOUBT_IS_REFERENCE(item) (((item)&DOUBT_REFERENCE) != 0)
#define DOUBT_ENTRY(item) (((item) & ~DOUBT_REFERENCE) >> 1)
#define DOUBT_IS_NEGATIVE(item) (((item)&1) != 0)

/* *a = *a and *b together: the items of both, a fault if either has one. False when the arena is
 * spent. */
bool doubt_union(struct arena *arena, const struct doubt **a,
                 const struct doubt *b) BEHALF_MUST_USE;

#endif
