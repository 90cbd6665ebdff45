/* eval_private.h - shared by the files of the evaluation core, and by no other file.
 *   eval.c        the machine: nodes, frames, operators
 *   eval_walk.c   leaves and scans: reads from the graph
 *   eval_cycle.c  solves components of mutually dependent nodes
 *   eval_doubt.c  says why nodes of such a component stay open */
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

/* Decision domain: a solved cycle is valid no longer than any value that was read while solving it,
 * since each of them may have decided it. */
static inline void
eval_note_until(struct eval *eval, const struct value *value)
{
    if (eval->solving && value->until < eval->group_until)
        eval->group_until = value->until;
}

/* Pushes a frame that computes `rewrite` on `object`, for `entry` or as an inner operator. The
 * array of frames may move: pointers to frames are invalid afterwards. */
enum status eval_push(struct eval *eval, uint64_t object, uint32_t rewrite, uint32_t entry,
                      bool subtracted, struct error *error) BEHALF_MUST_USE;

/* Asks for a node. Either *done is true and *value is set, or a frame was pushed that delivers the
 * value later. *low is the lowlink of the value, EVAL_NONE when it is final. */
enum status eval_ask(struct eval *eval, uint64_t object, uint32_t member, bool *done,
                     struct value *value, uint32_t *low, struct error *error) BEHALF_MUST_USE;

/* Runs until the stack is down to `floor` frames; the value is in eval->result. */
enum status eval_run(struct eval *eval, uint32_t floor, struct error *error) BEHALF_MUST_USE;

/* Combines a value into the frame on top. */
enum status eval_absorb(struct eval *eval, const struct value *value, uint32_t low,
                        struct error *error) BEHALF_MUST_USE;

/* Subjects domain: a userset contains itself, so the node is added to its own set when the question
 * asks for usersets of its member. */
enum status eval_add_identity(struct eval *eval, const struct eval_entry *entry,
                              struct value *value, struct error *error) BEHALF_MUST_USE;

/* *value = *value AND the condition of an edge, in the domain of the evaluation. False when the
 * arena is spent. */
bool eval_apply_hop(struct eval *eval, const struct value *hop,
                    struct value *value) BEHALF_MUST_USE;

/* Subjects domain: records a subject that a condition may distinguish from the others, even when an
 * operator removes it and a wildcard includes it again. False when the arena is spent. */
bool eval_note_met(struct eval *eval, uint64_t sequence) BEHALF_MUST_USE;

/* eval_walk.c */

/* The value of the stored edges alone, without following usersets. */
enum status eval_direct(struct eval *eval, uint64_t object, uint32_t relation, struct value *value,
                        struct error *error) BEHALF_MUST_USE;
/* Initialises the walk of a frame whose rewrite is STORED, ARROW or ARROW_ALL. */
enum status eval_walk_start(struct eval *eval, struct eval_frame *frame,
                            struct error *error) BEHALF_MUST_USE;
void eval_walk_stop(struct eval *eval, struct eval_walk *walk);
/* The next far node whose member `walk->child` is to be evaluated, under frame->hop; *end after the
 * last. *dead: an ARROW_ALL met an object that cannot hold the subject, so its value is a deny and
 * the node need not be asked. */
enum status eval_walk_next(struct eval *eval, struct eval_frame *frame, uint64_t *object, bool *end,
                           bool *dead, struct error *error) BEHALF_MUST_USE;

/* eval_cycle.c */

/* Solves pending[base..] and makes it final. Every other node that these depend on is final. */
enum status eval_solve(struct eval *eval, uint32_t base, struct error *error) BEHALF_MUST_USE;

/* Evaluates the rewrite of a node against the current approximation of its component. */
enum status eval_again(struct eval *eval, const struct eval_entry *entry, struct value *value,
                       struct error *error) BEHALF_MUST_USE;

/* eval_doubt.c */

/* Decision domain: sets the doubt of every open node of pending[base..]. Their intervals are those
 * of the well-founded model, and their state is still ENTRY_SOLVING. */
enum status eval_classify(struct eval *eval, uint32_t base, struct error *error) BEHALF_MUST_USE;

#endif
