/* candidates.h - which resources may a subject reach? The set that a lookup starts from.
 *
 * A walk (reverse.h) takes what stands behind `&`, `-` and `.all` for no more than possible. Here
 * the operators of a permission are applied to sets: each operand is found by a walk of its own,
 * and what they certainly hold, or certainly do not, decides as in a check, whatever stands on the
 * other side. So the answers of `viewer & organization->reader` and `viewer - banned` need no
 * checks, except where a condition or an `.all` left an operand open.
 *
 * Of an intersection the operand that ends first gives the candidates. The others, and the right
 * side of `-`, are walked in proportion to these; one that turns out to be larger is left to the
 * checks of the candidates. A permission that depends on itself is walked.
 *
 * Always true: the set holds every resource that is not a deny, and what is not open in it is an
 * allow, as long as it is before `until`. Conditions of time and of the request stand behind edges
 * alone, so that is the earliest expiration of all edges walked.
 * Memory: the arena's. Threads: one request. Errors: those of reverse.h. */
#ifndef BEHALF_EVAL_CANDIDATES_H
#define BEHALF_EVAL_CANDIDATES_H

#include "eval/reverse.h"

struct known_set;

struct candidates {
    struct graph_view *view;
    struct condition_scope scope;
    const struct eval_subject *subject;
    uint64_t after; /* resources up to this sequence are left out */

    int64_t until; /* the earliest expiration of edges walked; VALUE_FOR_EVER */

    uint8_t *ways;           /* by member: whether it is walked */
    struct known_set *known; /* sets that were found before, in whole */
    uint32_t depth;
};

/* The resources of the member's type behind `after`, as far as *to: RESOURCE_END when these are all
 * there are, and otherwise some LIMIT_CANDIDATES_WINDOW of them. The fields above `until` are set,
 * the others zero. */
enum status candidates_find(struct candidates *candidates, uint32_t member,
                            struct resource_set *set, uint64_t *to,
                            struct error *error) BEHALF_MUST_USE;

#endif
