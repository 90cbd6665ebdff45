/* cel_type.h - static types of expressions.
 * Always true: a type never changes; DYN goes with every type. LIST, OPTIONAL and TYPE have
 * `first`, MAP has `first` (keys) and `second` (values). Nested at most CEL_DEPTH_MAX deep.
 * Memory: in the arena, or static. Threads: any. */
#ifndef BEHALF_SCHEMA_CEL_TYPE_H
#define BEHALF_SCHEMA_CEL_TYPE_H

#include "base/buffer.h"
#include "schema/caveat.h"
#include "schema/cel_value.h"

struct cel_type {
    enum cel_kind kind;
    const struct cel_type *first;
    const struct cel_type *second;
};

/* A kind without parts; LIST, MAP and the like of DYN. Static storage. */
const struct cel_type *cel_type_simple(enum cel_kind kind);

/* NULL when the arena is spent. */
const struct cel_type *cel_type_of(struct arena *arena, enum cel_kind kind,
                                   const struct cel_type *first, const struct cel_type *second);

/* The type that a parameter declares; NULL when the arena is spent or it is nested too deep. */
const struct cel_type *cel_type_declared(struct arena *arena, const struct caveat_type *type);

/* The type of both; NULL when they do not go together. DYN where one of them is DYN. */
const struct cel_type *cel_type_join(struct arena *arena, const struct cel_type *a,
                                     const struct cel_type *b);

/* "list<string>", as messages say it. */
void cel_type_print(const struct cel_type *type, struct buffer *out);

#endif
