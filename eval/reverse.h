/* reverse.h - the walk from a subject towards resources: an upper bound of what it may reach.
 *
 * It goes along stored edges in reverse and along the schema's reachability graph from member to
 * member, only where the target member can still be reached. An edge whose condition is false leads
 * nowhere. A node (object, target) that was reached through certain steps and edges whose
 * conditions hold is certain: the subject is one of its subjects. One that was not may be.
 *
 * Always true: whatever is not a deny is found, since each way by which a subject can be counted to
 * a node is an entry, and operators that only take away are walked as if they did not.
 * Costs: 8 bytes a resource found, and 16 bytes a node visited on the way. A node from which the
 * target is the only way to go, on the same object, is not visited but found at once, in runs as
 * the graph has them. Memory: the arena's. Threads: one request.
 * Errors: those of graph.h, budget.h and condition.h. */
#ifndef BEHALF_EVAL_REVERSE_H
#define BEHALF_EVAL_REVERSE_H

#include "base/table.h"
#include "eval/condition.h"
#include "eval/resource_set.h"

/* Whom a question asks about. */
struct eval_subject {
    uint64_t node;   /* unused where all subjects of the kind are asked about */
    uint32_t type;   /* schema type */
    uint32_t member; /* member of `type` for a userset; SCHEMA_NONE for a plain subject */
};

/* The key of a node. The type of the object is left out: it is the member's. */
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
    uint32_t most;   /* nodes to visit; 0 = as many as there are */
    uint64_t after;  /* resources up to this sequence are left out */
    uint32_t window; /* resources behind it that are wanted; 0 = all */

    struct resource_set found; /* of the target's type: all in (after, to] */
    uint64_t to;               /* RESOURCE_END when that is all there are */
    uint64_t type_node;        /* the wildcard of that type */
    bool cut;                  /* `most` was reached: what was found says nothing */
    int64_t until;             /* the earliest expiration of edges walked; VALUE_FOR_EVER */

    uint8_t *leads;       /* by member: whether and how it leads to the target */
    struct table visited; /* node key -> whether certain */
    struct resource_gather gather;
    struct reverse_step *steps; /* to be walked from */
    uint32_t step_count;
    uint32_t step_size;
    uint32_t reached; /* nodes, some of them more than once */
};

/* Walks. The fields above `found` are set, the others zero. */
enum status reverse_walk(struct reverse_walk *walk, const struct eval_subject *subject,
                         struct error *error) BEHALF_MUST_USE;

/* Finds the resources that name one of the objects, which are of `type`, on the relation `target`,
 * as an arrow goes: open where the object or the condition of the edge is. Fields as above. */
enum status reverse_name(struct reverse_walk *walk, uint32_t type, struct resource_set objects,
                         struct error *error) BEHALF_MUST_USE;

/* The node of an entry of `found`. */
static inline uint64_t
reverse_node(const struct reverse_walk *walk, uint32_t at)
{
    return walk->type_node | RESOURCE_SEQUENCE(walk->found.entries[at]);
}

/* The place of the first node found that is not below `node`, which is of the target's type. */
static inline uint32_t
reverse_lower_bound(const struct reverse_walk *walk, uint64_t node)
{
    return resource_set_lower_bound(walk->found, node & NODE_SEQUENCE_MASK);
}

#endif
