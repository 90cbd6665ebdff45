/* plain.h - the members of a schema whose questions are reachability, as short programs.
 *
 * A member is plain when its rewrite is a union of steps over edges that carry neither caveat nor
 * expiration, and so is that of every member it leads to. Whether it holds a subject is then
 * whether a row of stored edges leads there: no order of branches, no cycle and no condition can
 * change that, and each node needs to be visited once, without a value of its own (reach.c).
 *
 * The program of a member says what is asked of one object, in labels: which edges hold a subject
 * at once, and which lead on to other objects. Members of the same object that the rewrite includes
 * (`permission view = owner + edit`) are folded into it.
 *
 * Always true: a plain member leads to plain members only; far members of its program are plain.
 * Threads: immutable once built. Memory: the arena of the binding that it is built for. */
#ifndef BEHALF_EVAL_PLAIN_H
#define BEHALF_EVAL_PLAIN_H

#include "base/arena.h"
#include "graph/graph.h"
#include "schema/schema.h"

/* How an object holds a subject by itself: by an edge, or because it is the one asked about. */
struct plain_probe {
    uint32_t type;     /* of the subjects it is about */
    uint32_t member;   /* of usersets; SCHEMA_NONE = plain subjects */
    uint16_t relation; /* label of the edge; LABEL_NONE = the object is the subject's own */
    bool wildcard;     /* the edge stands for all subjects of the type */
    uint64_t kind;     /* of the edge: graph_kind_bit */
};

/* Edges to the objects to be asked next. */
struct plain_step {
    uint32_t member;           /* asked of each far object */
    uint16_t type;             /* labels: of the far objects */
    uint16_t relation;         /* of the edges */
    uint16_t subject_relation; /* of the edges */
    uint64_t kind;             /* of the edges: graph_kind_bit */
};

/* Of a member that is not plain, both are empty and `plain` is false. */
struct plain_program {
    const struct plain_probe *probes;
    const struct plain_step *steps;
    uint16_t probe_count;
    uint16_t step_count;
    bool plain;
};

/* By member; NULL when the arena is spent. The labels: by type and by member, as in binding.h. */
const struct plain_program *plain_build(const struct schema *schema, const uint16_t *type_labels,
                                        const uint16_t *member_labels,
                                        struct arena *arena) BEHALF_MUST_USE;

#endif
