/* plain.h - the members of a schema that are decided by reachability alone, as short programs.
 *
 * A member is plain when its rewrite is a union of steps over edges that carry neither caveat nor
 * expiration, and every member that it leads to is plain too. It then holds a subject exactly when
 * a path of stored edges leads there: no order of branches, no cycle and no condition can change
 * that, and each node needs one visit and no value (reach.c).
 *
 * The program of a member lists, in labels, what to ask of one object: which edges hold a subject
 * at once, and which edges to follow to other objects. Members of the same object that the rewrite
 * includes (`permission view = owner + edit`) are folded into it.
 *
 * Always true: the steps of a plain member lead to plain members only.
 * Threads: immutable once built. Memory: the arena of the binding. */
#ifndef BEHALF_EVAL_PLAIN_H
#define BEHALF_EVAL_PLAIN_H

#include "base/arena.h"
#include "graph/graph.h"
#include "schema/schema.h"

/* How an object holds a subject by itself: by an edge, or by being the subject. */
struct plain_probe {
    uint32_t type;     /* of the subjects */
    uint32_t member;   /* of usersets; SCHEMA_NONE = plain subjects */
    uint16_t relation; /* label of the edge; LABEL_NONE = the object is the subject */
    bool wildcard;     /* the edge names all subjects of the type */
    uint64_t kind;     /* of the edge: graph_kind_bit */
};

/* Edges to follow. */
struct plain_step {
    uint32_t member;           /* asked of each far object */
    uint16_t type;             /* labels: of the far objects */
    uint16_t relation;         /* of the edges */
    uint16_t subject_relation; /* of the edges */
    uint64_t kind;             /* of the edges: graph_kind_bit */
};

/* For a member that is not plain, both arrays are empty and `plain` is false. */
struct plain_program {
    const struct plain_probe *probes;
    const struct plain_step *steps;
    uint16_t probe_count;
    uint16_t step_count;
    bool plain;
};

/* The programs, by member; NULL when the arena is spent. The labels are by type and by member, as
 * in binding.h. */
const struct plain_program *plain_build(const struct schema *schema, const uint16_t *type_labels,
                                        const uint16_t *member_labels,
                                        struct arena *arena) BEHALF_MUST_USE;

#endif
