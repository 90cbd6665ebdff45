/* explain.h - explains an answer: builds the tree of engine.h's struct explanation.
 *
 * Always true: it decides nothing. Each node shows a value that the evaluation core computed; this
 * module only chooses which of them to show. A request that does not ask for an explanation pays
 * nothing.
 *   explain_search.c  claims: the statements that can be made, and the grounds of each
 *   explain_cost.c    chooses the smallest proof, or the deny that is nearest to an allow
 *   explain.c         builds the tree and its texts
 *
 * It is charged to what the question left of its budget. When that is spent, the tree is cut with a
 * message at the cut, and the answer remains valid.
 * Threads: one request. Memory: the tree in the request's arena, everything else in the scratch
 * arena.
 * Errors: STORAGE_*, REVISION_EXPIRED, WOULD_BLOCK. */
#ifndef BEHALF_ENGINE_EXPLAIN_H
#define BEHALF_ENGINE_EXPLAIN_H

#include "engine/request.h"

struct explain_question {
    struct eval *eval; /* has decided the question; not to be used afterwards */
    uint64_t resource;
    uint32_t member;
    const struct request_chain *chain;
    const struct inputs *inputs; /* of the request */
    struct value value;          /* the answer, delegation included */
    /* Of a tree that is part of a larger one: how many nodes it may have, less those that it got;
     * NULL = it is the whole. And the depth of its root; 0 = it is the root of the whole. */
    size_t *nodes_left;
    uint32_t depth;
};

/* *explanation is NULL when the answer left no memory for the tree. */
enum status explain(struct snapshot *snapshot, const struct explain_question *question,
                    const struct explanation **explanation, struct error *error) BEHALF_MUST_USE;

#endif
