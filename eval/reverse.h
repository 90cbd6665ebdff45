/* reverse.h - the walk from a subject towards resources: an upper bound of what the subject may
 * reach.
 *
 * The walk follows stored edges in reverse and the schema's reachability graph from member to
 * member, but only to members from which the target can still be reached. An edge whose condition
 * is false is not followed. A node (object, target) that was reached through certain steps and
 * edges whose conditions hold is certain: the subject is one of its subjects. Any other node that
 * was reached is only possible.
 *
 * Always true: every resource that is not a deny is found. Each way in which a member can include a
 * subject is an entry of the reachability graph, and operators that only remove subjects are
 * followed as if they removed none.
 *
 * Costs: 8 bytes for each resource found, and 16 bytes for each node visited on the way. A node
 * whose only successor is the target, on the same object, is not visited but found at once, in runs
 * as the graph stores them. Memory: the arena's. Threads: one request.
 * Errors: those of graph.h, budget.h and condition.h. */
#ifndef BEHALF_EVAL_REVERSE_H
#define BEHALF_EVAL_REVERSE_H

#include "base/table.h"
#include "eval/condition.h"
#include "eval/resource_set.h"

/* The subject of a question, or the kind of all its subjects. */
struct eval_subject {
    uint64_t node;   /* unused when the question asks for all subjects of a kind */
    uint32_t type;   /* schema type */
    uint32_t member; /* member of `type` for a userset; SCHEMA_NONE for a plain subject */
};

/* The key of a node. The member implies the type of the object, so the type is left out. */
static inline uint64_t
eval_key(uint64_t object, uint32_t member)
{
    return (object & NODE_SEQUENCE_MASK) << 16 | member;
}

_Static_assert(SCHEMA_MEMBERS_MAX <= UINT16_MAX, "a member fits beside the sequence of its object");

struct reverse_step;

struct reverse_walk {
    struct graph_view *view;
    struct condition_scope scope;
    uint32_t target; /* member */
    uint32_t most;   /* nodes to visit; 0 = no bound */
    uint64_t after;  /* resources up to this sequence are skipped */
    uint32_t window; /* how many of the following are wanted; 0 = all */

    struct resource_set found; /* of the target's type: all in (after, to] */
    uint64_t to;               /* RESOURCE_END when there are no more */
    uint64_t type_node;        /* the wildcard of that type: its first node */
    bool cut;                  /* `most` was reached: `found` is no bound of anything */
    int64_t until;             /* the earliest expiration of edges walked; VALUE_FOR_EVER */

    uint8_t *leads;       /* by member: enum lead */
    struct table visited; /* node key -> whether certain */
    struct resource_gather gather;
    struct reverse_step *steps; /* nodes to follow: the queue */
    uint32_t step_count;
    uint32_t step_size;
    uint32_t reached; /* nodes reached; some are counted twice */
};

/* Runs the walk. The caller sets the fields above `found`; the others are zero. */
enum status reverse_walk(struct reverse_walk *walk, const struct eval_subject *subject,
                         struct error *error) BEHALF_MUST_USE;

/* Finds the resources that name one of the objects, which are of `type`, on the relation `target`,
 * as an arrow does. A resource is open when the object is, or when the condition of the edge is.
 * Fields as above. */
enum status reverse_name(struct reverse_walk *walk, uint32_t type, struct resource_set objects,
                         struct error *error) BEHALF_MUST_USE;

/* The node of an entry of `found`. */
static inline uint64_t
reverse_node(const struct reverse_walk *walk, uint32_t at)
{
    return walk->type_node | RESOURCE_SEQUENCE(walk->found.entries[at]);
}

/* The index of the first found node that is not below `node`, which is of the target's type. */
static inline uint32_t
reverse_lower_bound(const struct reverse_walk *walk, uint64_t node)
{
    return resource_set_lower_bound(walk->found, node & NODE_SEQUENCE_MASK);
}

#endif
