/* eval_private.h - shared by the files of the evaluation core and by nobody else.
 *   eval.c        the machine: nodes, frames, operators
 *   eval_walk.c   leaves and walks: what is read from the graph
 *   eval_cycle.c  components of nodes that wait for each other
 *   eval_doubt.c  what of such a component stays open, and why */
#ifndef BEHALF_EVAL_EVAL_PRIVATE_H
#define BEHALF_EVAL_EVAL_PRIVATE_H

#include "eval/broken.h"
#include "eval/eval.h"

#define EVAL_BROKEN(eval, object, member, violated, error)                                         \
    BROKEN((eval)->binding, (eval)->view, (object), (member), (violated), (error))

static inline struct eval_frame *
eval_top(struct eval *eval)
{
    return &eval->frames[eval->frame_count - 1];
}

/* Decision domain: the nodes of a cycle stand no longer than any value met while
 * they are solved. */
static inline void
eval_note_until(struct eval *eval, const struct value *value)
{
    if (eval->solving && value->until < eval->group_until)
        eval->group_until = value->until;
}

/* Pushes a frame that computes `rewrite` on `object`, for `entry` or as an inner operator. */
enum status eval_push(struct eval *eval, uint64_t object, uint32_t rewrite, uint32_t entry,
                      bool subtracted, struct error *error) BEHALF_MUST_USE;

/* Asks for a node: *done with its value now, or a frame was pushed and delivers it later.
 * *low is the order leaned on, EVAL_NONE when the value is final. */
enum status eval_ask(struct eval *eval, uint64_t object, uint32_t member, bool *done,
                     struct value *value, uint32_t *low, struct error *error) BEHALF_MUST_USE;

/* Runs until the stack is back at `floor` frames; the value is in eval->result. */
enum status eval_run(struct eval *eval, uint32_t floor, struct error *error) BEHALF_MUST_USE;

/* Takes a value into the frame on top. */
enum status eval_absorb(struct eval *eval, const struct value *value, uint32_t low,
                        struct error *error) BEHALF_MUST_USE;

/* In the subjects domain: the node itself is one of its members when its kind is asked about. */
enum status eval_add_identity(struct eval *eval, const struct eval_entry *entry,
                              struct value *value, struct error *error) BEHALF_MUST_USE;

/* *value = *value under the condition of an edge, in the domain of the evaluation. False when the
 * arena is spent. */
bool eval_apply_hop(struct eval *eval, const struct value *hop,
                    struct value *value) BEHALF_MUST_USE;

/* Subjects domain: keeps a subject that some condition may make different from all others, also one
 * that an operator takes away and a wildcard gives back. False when the memory is spent. */
bool eval_note_met(struct eval *eval, uint64_t sequence) BEHALF_MUST_USE;

/* eval_walk.c */

/* What the stored edges say without following usersets. */
enum status eval_direct(struct eval *eval, uint64_t object, uint32_t relation, struct value *value,
                        struct error *error) BEHALF_MUST_USE;
/* Readies the walk of a frame whose rewrite is STORED, ARROW or ARROW_ALL. */
enum status eval_walk_start(struct eval *eval, struct eval_frame *frame,
                            struct error *error) BEHALF_MUST_USE;
void eval_walk_stop(struct eval *eval, struct eval_walk *walk);
/* The next far node whose member `walk->child` is to be evaluated, under frame->hop; *end when
 * there is none. *dead: an ARROW_ALL met an object that cannot hold the subject, so all of it is
 * nothing. */
enum status eval_walk_next(struct eval *eval, struct eval_frame *frame, uint64_t *object, bool *end,
                           bool *dead, struct error *error) BEHALF_MUST_USE;

/* eval_cycle.c */

/* Makes pending[base..] final. Nothing outside of them is open. */
enum status eval_solve(struct eval *eval, uint32_t base, struct error *error) BEHALF_MUST_USE;

/* The rewrite of a node with the group at its current approximation. */
enum status eval_again(struct eval *eval, const struct eval_entry *entry, struct value *value,
                       struct error *error) BEHALF_MUST_USE;

/* eval_doubt.c */

/* Decision domain: gives every node of pending[base..] that is open its doubt. Their intervals are
 * those of the model, and still in ENTRY_SOLVING. */
enum status eval_classify(struct eval *eval, uint32_t base, struct error *error) BEHALF_MUST_USE;

#endif
