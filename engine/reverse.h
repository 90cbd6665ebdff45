/* reverse.h - the walk from a subject towards resources: an upper bound of what it may reach.
 *
 * It goes along stored edges in reverse and along the schema's reachability graph from member to
 * member, only where the target member can still be reached. An edge whose condition is false leads
 * nowhere. A node (object, target) that was reached through certain steps and edges whose
 * conditions hold is reached `certain`: the subject is one of its subjects. One that was not may
 * be.
 *
 * Always true: whatever is not a deny is found, since each way by which a subject can be counted to
 * a node is an entry, and operators that only take away are walked as if they did not.
 * Costs: 16 bytes a node visited. Memory: the arena's. Threads: one request.
 * Errors: those of graph.h, budget.h and condition.h. */
#ifndef BEHALF_ENGINE_REVERSE_H
#define BEHALF_ENGINE_REVERSE_H

#include "base/table.h"
#include "engine/condition.h"

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

struct reverse_node {
    uint64_t node;
    bool certain;
};

struct reverse_step;

struct reverse_walk {
    struct graph_view *view;
    struct condition_scope scope;
    uint32_t target; /* member */
    uint32_t most;   /* nodes to visit; 0 = as many as there are */

    struct reverse_node *found; /* ascending, each node once */
    uint32_t found_count;
    bool cut;      /* `most` was reached: what was found says nothing */
    int64_t until; /* the earliest expiration among the edges walked; VALUE_FOR_EVER */

    bool *leads;                /* by member: can lead to the target */
    struct table visited;       /* node key -> whether certain */
    struct reverse_step *steps; /* to be walked from */
    uint32_t step_count;
    uint32_t step_size;
    uint32_t found_size;
};

/* Walks. The fields above `found` are set, the others zero. */
enum status reverse_walk(struct reverse_walk *walk, const struct eval_subject *subject,
                         struct error *error) BEHALF_MUST_USE;

/* The place of the first node found that is not below `node`. */
uint32_t reverse_lower_bound(const struct reverse_walk *walk, uint64_t node);

#endif
