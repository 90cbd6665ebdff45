/* explain.h - why an answer is what it is: the tree of engine.h's struct explanation.
 *
 * Always true: it decides nothing. Each node shows a value that the evaluation core gives; what is
 * done here is choosing which of them to show. Nobody who did not ask for it pays anything.
 *   explain_search.c  claims: what can be said, and what each stands on
 *   explain_cost.c    which of it is the smallest proof, or the nearest to an allow
 *   explain.c         the tree, in words
 *
 * It is paid from what the question left of its budget. When that is spent the tree is cut, with a
 * message at the cut, and the answer stays an answer.
 * Threads: one request. Memory: the tree in the request's arena, everything else in the scratch.
 * Errors: STORAGE_*, REVISION_EXPIRED, WOULD_BLOCK. */
#ifndef BEHALF_ENGINE_EXPLAIN_H
#define BEHALF_ENGINE_EXPLAIN_H

#include "engine/request.h"

struct explain_question {
    struct eval *eval; /* has decided it, and must not be used any more afterwards */
    uint64_t resource;
    uint32_t member;
    const struct request_chain *chain;
    struct value value; /* the answer, the chain included */
};

/* *explanation is NULL when the answer left no memory for it. */
enum status explain(struct snapshot *snapshot, const struct explain_question *question,
                    const struct explanation **explanation, struct error *error) BEHALF_MUST_USE;

#endif
