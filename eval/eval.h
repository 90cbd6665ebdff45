/* eval.h - the evaluation core: what a permission is worth to a subject. Every decision comes from
 * here: candidates.h proposes whom a lookup asks about, expand and explain only show what it saw.
 *
 * It computes the value of nodes (object, member) for one subject (decision domain) or for all
 * subjects of a kind at once (subjects domain), by walking the rewrite program of the schema over
 * the graph with an explicit stack. Depth costs memory only.
 *
 * Always true:
 * - A node is evaluated once per eval; its final value is kept and depends neither on the node that
 *   was asked first nor on the order of branches.
 * - Stored edges are read by the variants the schema allows; an edge of another variant is never
 *   seen. What an edge's caveat and expiration say comes from condition.h and is AND-ed with what
 *   the edge leads to.
 * - A node asked for while it is in progress is worth "unknown" ([0, 1], provisional). A value that
 *   leaned on an unknown and is still open waits in `pending`; when the walk leaves the node that
 *   closes the cycle, the whole waiting group is solved by eval_cycle.c and becomes final. So a
 *   value found inside a cycle is never taken for an answer.
 * - Whatever stays open when final is never a deny or an allow: its doubt says whether context is
 *   missing, or which error it is (eval_doubt.c tells them apart for nodes of a cycle).
 * Source: Tarjan 1972 for the components; Van Gelder 1993 (alternating fixpoint) for their model.
 *
 * Threads: an eval belongs to one request. Memory: everything from the arena given;
 * BUDGET_EXHAUSTED when it is spent.
 * Errors: those of graph.h and budget.h; after one the eval must not be used again. */
#ifndef BEHALF_EVAL_EVAL_H
#define BEHALF_EVAL_EVAL_H

#include "base/table.h"
#include "eval/reach.h"

#define EVAL_NONE UINT32_MAX

enum entry_state {
    ENTRY_ACTIVE,  /* on the stack */
    ENTRY_PENDING, /* left open by a cycle that is not closed yet */
    ENTRY_SOLVING, /* its cycle is being solved; `value` is the current approximation */
    ENTRY_FINAL,
};

/* What is known of one node. */
struct eval_entry {
    uint64_t object;
    uint32_t member;
    uint32_t order; /* of discovery */
    enum entry_state state;
    struct value value;
    struct value frozen; /* ENTRY_SOLVING: what the right sides of exclusions see */
};

/* The run of a tupleset through the graph, a batch at a time. */
struct eval_walk {
    uint32_t variant; /* next variant of the relation to run through */
    uint32_t variant_end;
    uint32_t child; /* member evaluated on each far node */
    struct graph_range range;
    uint64_t *batch;           /* far nodes; behind them room for as many hops */
    const struct value **hops; /* by place: the edge's condition, NULL where it is plain; NULL when
                                  all are */
    uint32_t batch_size;
    uint32_t batch_count;
    uint32_t batch_at;
    const struct reverse_walk *narrow; /* the far nodes worth walking; NULL = all */
    uint32_t walked;                   /* edges of the range that were read */
    bool batch_full;                   /* as it was read */
    bool more;                         /* the range may hold more behind the batch */
    bool plain_allowed;                /* the relation allows edges without traits, of this kind */
};

/* One level of the explicit stack: an operator over operands, or over the edges of a relation. */
struct eval_frame {
    uint64_t object;
    uint32_t rewrite;
    uint32_t entry;        /* whose value this frame computes; EVAL_NONE for an inner operator */
    uint32_t low;          /* lowest order leaned on in the subtree; EVAL_NONE when none */
    uint32_t pending_base; /* pending nodes below are older than this frame */
    uint32_t operand;      /* next operand */
    enum value_operation operation;
    bool started;    /* `value` holds at least one operand */
    bool subtracted; /* stands in the right side of an exclusion of its node */
    struct value value;
    const struct value *hop; /* AND-ed with what the edge walked now leads to; NULL = nothing */
    const struct subject_set **gathered; /* subjects domain: sets to be united at the end */
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
    /* Subjects domain, where the schema has caveats: sequences of all subjects that were read, and
     * of those that are subjects of themselves. */
    uint64_t *met;
    uint32_t met_count;
    uint32_t met_size;
    /* Subjects domain: the set of a plain member is found by one search (subject_walk.h) instead
     * of from a set for each node. Slower where many nodes share such members, but in little
     * memory. */
    bool flat;
    int64_t earliest; /* expiration of all edges seen so far; VALUE_FOR_EVER when none expires */

    struct table index; /* node key -> entry; made when the first entry is */
    struct eval_entry *entries;
    uint32_t entry_count;
    uint32_t entry_size;
    uint32_t *pending; /* entries, in order of completion */
    uint32_t pending_count;
    uint32_t pending_size;
    struct eval_frame *frames;
    uint32_t frame_count;
    uint32_t frame_size;
    struct reach reach;            /* nodes of plain members, and the subject's side */
    struct batch_link *free_small; /* batches to use again */
    struct batch_link *free_grown;

    bool solving;        /* eval_cycle.c is at work: every node it meets has an entry already */
    int64_t group_until; /* the earliest of all values met while solving */
    bool has_result;     /* `result` waits to be taken in by the frame on top */
    struct value result;
    uint32_t result_low;
};

/* `context`: of the request, a map or NULL. */
void eval_init(struct eval *eval, enum value_domain domain, const struct binding *binding,
               struct graph_view *view, struct arena *arena, const struct eval_subject *subject,
               const struct datum *context);

/* The final value of a node: never provisional. */
enum status eval_node(struct eval *eval, uint64_t object, uint32_t member, struct value *value,
                      struct error *error) BEHALF_MUST_USE;

/* The final value of a rewrite on an object: what an operand of a permission comes to there. */
enum status eval_operand(struct eval *eval, uint64_t object, uint32_t rewrite, struct value *value,
                         struct error *error) BEHALF_MUST_USE;

#endif
