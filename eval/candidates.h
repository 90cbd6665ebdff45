/* candidates.h - the set of resources that a lookup starts from: which resources may a subject
 * reach?
 *
 * One reverse walk (reverse.h) can only say "possible" for the operands of `&`, `-` and `.all`.
 * Here the operators of a permission are applied to sets instead. Each operand is found by a walk
 * of its own, and what it certainly contains, or certainly lacks, decides as it does in a check,
 * whatever the other operand contains. So the results of `viewer & organization->reader` and
 * `viewer - banned` need no checks, except where a condition or an `.all` leaves an operand open.
 *
 * In an intersection, the operand that ends first gives the candidates. The other operands, and the
 * right operand of `-`, get a budget in proportion to the number of candidates. If one exceeds it,
 * the candidates are checked one by one. A permission that depends on itself is found by one
 * reverse walk.
 *
 * Always true: the set contains every resource that is not a deny, and every closed entry of it is
 * an allow, as long as it is before `until`. Conditions of time and of the request are on edges
 * alone, so `until` is the earliest expiration of all edges that were walked.
 * Memory: the arena's. Threads: one request. Errors: those of reverse.h. */
#ifndef BEHALF_EVAL_CANDIDATES_H
#define BEHALF_EVAL_CANDIDATES_H

#include "eval/reverse.h"

struct known_set;

struct candidates {
    struct graph_view *view;
    struct condition_scope scope;
    const struct eval_subject *subject;
    uint64_t after; /* resources up to this sequence are skipped */

    int64_t until; /* the earliest expiration of edges walked; VALUE_FOR_EVER */

    uint8_t *ways;           /* by member: enum way */
    struct known_set *known; /* sets of members that were found to their end */
    uint32_t depth;
};

/* The resources of the member's type after `after`, as far as *to: RESOURCE_END when there are no
 * more, otherwise about LIMIT_CANDIDATES_WINDOW of them. The caller sets the fields above `until`;
 * the others are zero. */
enum status candidates_find(struct candidates *candidates, uint32_t member,
                            struct resource_set *set, uint64_t *to,
                            struct error *error) BEHALF_MUST_USE;

#endif
