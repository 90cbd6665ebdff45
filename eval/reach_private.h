/* reach_private.h - shared by the files of reach.h, and by no other file.
 *   reach.c          the search from a node's own side
 *   reach_narrow.c   the reverse walk from the subject
 *   reach_wide.c     the choice between methods when a walk is wide
 *   reach_together.c interleaved walks of several questions
 *   frontier.c       a parallel search */
#ifndef BEHALF_EVAL_REACH_PRIVATE_H
#define BEHALF_EVAL_REACH_PRIVATE_H

#include "eval/broken.h"
#include "eval/reach.h"

#define REACH_BROKEN(reach, object, member, violated, error)                                       \
    BROKEN((reach)->scope.binding, (reach)->view, (object), (member), (violated), (error))

/* With reach->hand: whether a node holds the subject by its own edges. Its successors go to the
 * shared queue. */
enum status reach_look(struct reach *reach, uint64_t object, uint32_t member, bool *holds,
                       struct error *error) BEHALF_MUST_USE;

/* reach_ask in steps, for a fresh reach. Between two steps reach_fetch prefetches the edges of the
 * next node. */
enum reach_progress {
    REACH_HOLDS,
    REACH_DENIES,
    REACH_GOES_ON,
    REACH_IS_WIDE, /* the walk is abandoned, without a decision */
};

/* `before`: a walk that goes on, whose batch buffer this walk shares, or NULL. No step leaves
 * anything in the buffer. */
enum status reach_begin(struct reach *reach, uint64_t object, uint32_t member,
                        const struct reach *before, enum reach_progress *progress,
                        struct error *error) BEHALF_MUST_USE;
enum status reach_step(struct reach *reach, enum reach_progress *progress,
                       struct error *error) BEHALF_MUST_USE;
void reach_fetch(const struct reach *reach);

/* Makes the reverse walks of `other`, which has the same subject, available here. They are valid as
 * long as the memory of `other`. */
enum status reach_narrow_share(struct reach *reach, const struct reach *other,
                               struct error *error) BEHALF_MUST_USE;

/* Decides a node of a plain member whose walk turned out to be wide. */
enum status reach_widen(struct reach *reach, uint64_t object, uint32_t member, uint32_t walked,
                        bool *holds, struct error *error) BEHALF_MUST_USE;

/* With reach->visited: *taken when a parallel search has denied the node, or will visit it. */
enum status reach_visit(struct reach *reach, uint64_t object, uint32_t member, bool *taken,
                        struct error *error) BEHALF_MUST_USE;

#endif
