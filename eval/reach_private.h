/* reach_private.h - shared by the files of reach.h and by nobody else.
 *   reach.c         the walk from a node's own side
 *   reach_narrow.c  the subject's side
 *   reach_wide.c    which side, where a walk turns out to be wide
 *   reach_together.c walks of several questions, in turns
 *   frontier.c      a wide walk split over threads */
#ifndef BEHALF_EVAL_REACH_PRIVATE_H
#define BEHALF_EVAL_REACH_PRIVATE_H

#include "eval/broken.h"
#include "eval/reach.h"

#define REACH_BROKEN(reach, object, member, violated, error)                                       \
    BROKEN((reach)->scope.binding, (reach)->view, (object), (member), (violated), (error))

/* With reach->hand: whether a node holds the subject by its own edges; those it leads to go to the
 * frontier. */
enum status reach_look(struct reach *reach, uint64_t object, uint32_t member, bool *holds,
                       struct error *error) BEHALF_MUST_USE;

/* The same in steps, for a fresh evaluation. Between two steps the walk waits for its next node, of
 * which reach_fetch brings the edges nearer. */
enum reach_progress {
    REACH_HOLDS,
    REACH_DENIES,
    REACH_GOES_ON,
    REACH_IS_WIDE, /* not to be gone on with */
};

/* `before`: an evaluation that goes on, whose room for a batch of edges this one uses too, or NULL.
 */
enum status reach_begin(struct reach *reach, uint64_t object, uint32_t member,
                        const struct reach *before, enum reach_progress *progress,
                        struct error *error) BEHALF_MUST_USE;
enum status reach_step(struct reach *reach, enum reach_progress *progress,
                       struct error *error) BEHALF_MUST_USE;
void reach_fetch(const struct reach *reach);

/* What another one has found from the side of the same subject is known to this one too, as long as
 * the other's memory stays. */
enum status reach_narrow_share(struct reach *reach, const struct reach *other,
                               struct error *error) BEHALF_MUST_USE;

/* Decides a node of a plain member whose walk turned out to be wide. */
enum status reach_widen(struct reach *reach, uint64_t object, uint32_t member, uint32_t walked,
                        bool *holds, struct error *error) BEHALF_MUST_USE;

/* With reach->visited, of a node of a plain member: *taken when a frontier has found that it
 * denies, or will look at it. */
enum status reach_visit(struct reach *reach, uint64_t object, uint32_t member, bool *taken,
                        struct error *error) BEHALF_MUST_USE;

#endif
