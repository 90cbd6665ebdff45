/* eval.h - the evaluation core: computes what a permission is worth to a subject.
 *
 * Every decision comes from here, with two exceptions that give the same decisions without it:
 * closed entries of candidates.h are allows, and reach_together.h decides plain nodes of a bulk.
 * Expand decides nothing, and explain shows the values that were computed here.
 *
 * It computes the value of nodes (object, member) either for one subject (decision domain) or for
 * all subjects of a kind at once (subjects domain). It interprets the rewrite program of the schema
 * over the graph with an explicit stack, so depth costs memory and never C stack.
 *
 * Always true:
 * - A node is evaluated once per eval. Its final value is kept, and depends neither on the node
 *   asked first nor on the order of branches.
 * - Stored edges are read by the variants that the schema allows; an edge of another variant is
 *   invisible. condition.h decides what the caveat and the expiration of an edge are worth, and
 *   that value is AND-ed with the value of the edge's far node.
 * - A node requested while it is in progress is worth "unknown" ([0, 1], provisional). A value that
 *   used an unknown and is still open waits in `pending`. When the walk leaves the root of the
 *   strongly connected component, eval_cycle.c solves the whole component and its nodes become
 *   final. So no value computed inside an unfinished cycle is ever an answer.
 * - A final value that is open is neither a deny nor an allow. Its doubt says whether context is
 *   missing or which error occurred (eval_doubt.c determines the doubts of a cycle's nodes).
 *
 * Sources: Tarjan 1972 for the components; Van Gelder 1993 (alternating fixpoint) for their model.
 *
 * Threads: an eval belongs to one request. Memory: all of it comes from the given arena; a spent
 * arena is BUDGET_EXHAUSTED.
 * Errors: those of graph.h and budget.h. After an error the eval must not be used again. */
#ifndef BEHALF_EVAL_EVAL_H
#define BEHALF_EVAL_EVAL_H

#include "base/table.h"
#include "eval/reach.h"

#define EVAL_NONE UINT32_MAX

enum entry_state {
    ENTRY_ACTIVE,  /* on the stack */
    ENTRY_PENDING, /* evaluated, open, its cycle is not solved yet */
    ENTRY_SOLVING, /* its cycle is being solved; `value` is an approximation */
    ENTRY_FINAL,
};

/* One node that was asked for. */
struct eval_entry {
    uint64_t object;
    uint32_t member;
    uint32_t order; /* of discovery; Tarjan's index */
    enum entry_state state;
    struct value value;
    struct value frozen; /* ENTRY_SOLVING: the value that subtracted occurrences read */
};

/* A scan over the edges of a relation or a tupleset, one batch at a time. */
struct eval_walk {
    uint32_t variant; /* the next variant of the relation to scan */
    uint32_t variant_end;
    uint32_t child; /* member evaluated on each far node */
    struct graph_range range;
    uint64_t *batch; /* far nodes, followed by room for as many hops */
    /* By place: the edge's condition, NULL for an unconditional edge. The array is NULL when all
     * are unconditional. */
    const struct value **hops;
    uint32_t batch_size;
    uint32_t batch_count;
    uint32_t batch_at;
    const struct reverse_walk *narrow; /* the far nodes worth asking; NULL = all */
    uint32_t walked;                   /* edges of the range that were read */
    bool batch_full;                   /* the graph filled it; conditions may have removed some */
    bool more;                         /* the range may have edges after this batch */
    bool plain_allowed;                /* the relation allows this kind of edge without traits */
};

/* One level of the explicit stack: an operator over operands, or over the edges of a relation. */
struct eval_frame {
    uint64_t object;
    uint32_t rewrite;
    uint32_t entry; /* whose value this frame computes; EVAL_NONE for an inner operator */
    /* Tarjan's lowlink: the lowest order of an unfinished node that the subtree used; EVAL_NONE
     * when none. */
    uint32_t low;
    uint32_t pending_base; /* pending[0..pending_base) was there before this frame */
    uint32_t operand;      /* next operand */
    enum value_operation operation;
    bool started;    /* `value` holds at least one operand */
    bool subtracted; /* is in the right operand of an exclusion of its node */
    struct value value;
    const struct value *hop; /* condition of the current edge, to be AND-ed; NULL = none */
    const struct subject_set **gathered; /* subjects domain: sets to unite at the end */
    uint32_t gathered_count;
    uint32_t gathered_size;
    struct eval_walk walk;
};

struct batch_link;

struct eval {
    const struct binding *binding;
    const struct schema *schema;
    struct graph_view *view;
    struct arena *arena;
    enum value_domain domain;
    struct eval_subject subject;
    uint16_t subject_label; /* of the subject's relation; LABEL_NONE for a plain subject */
    struct condition_scope scope;
    /* Subjects domain, if the schema has caveats: the sequences of all subjects that were read, and
     * of usersets that are subjects of themselves. */
    uint64_t *met;
    uint32_t met_count;
    uint32_t met_size;
    /* Subjects domain: one search (subject_walk.h) computes the set of a plain member, instead of
     * one set for each node. It uses little memory, and is slower where many nodes share such
     * members. */
    bool flat;
    int64_t earliest; /* expiration of all edges seen so far; VALUE_FOR_EVER when none expires */

    struct table index; /* node key -> entry; created with the first entry */
    struct eval_entry *entries;
    uint32_t entry_count;
    uint32_t entry_size;
    uint32_t *pending; /* entries, in order of completion */
    uint32_t pending_count;
    uint32_t pending_size;
    struct eval_frame *frames;
    uint32_t frame_count;
    uint32_t frame_size;
    struct reach reach;            /* plain members, and the reverse walk from the subject */
    struct batch_link *free_small; /* free lists of batches */
    struct batch_link *free_grown;

    bool solving;        /* eval_cycle.c is running: every node it meets has an entry */
    int64_t group_until; /* while solving: the earliest `until` of all values read */
    bool has_result;     /* `result` is to be absorbed by the frame on top */
    struct value result;
    uint32_t result_low;
};

/* `context` is the request's: a map or NULL. `attributes`: NULL, or what lives as long as the
 * eval. */
void eval_init(struct eval *eval, enum value_domain domain, const struct binding *binding,
               struct graph_view *view, struct arena *arena, const struct eval_subject *subject,
               const struct datum *context, struct condition_attributes *attributes);

/* The final value of a node: never provisional. */
enum status eval_node(struct eval *eval, uint64_t object, uint32_t member, struct value *value,
                      struct error *error) BEHALF_MUST_USE;

/* The final value of a rewrite on an object, for example of one operand of a permission. */
enum status eval_operand(struct eval *eval, uint64_t object, uint32_t rewrite, struct value *value,
                         struct error *error) BEHALF_MUST_USE;

#endif
