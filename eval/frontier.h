/* frontier.h - parallel breadth-first search over plain members.
 *
 * What the threads share is a queue of keys (object, member) that were reached and not visited yet,
 * never a subproblem. A thread takes a slice of the queue, visits each key (reach_look), which adds
 * the successors of the key to the queue, and takes the next slice. For plain members (plain.h) no
 * more is needed: one key whose own edges hold the subject makes the node an allow, and a search
 * that visited every reachable key without one is a deny of all of them.
 *
 * Always true: all threads use the revision, `now`, schema and subject of the asker. The first
 * outcome, an allow or an error, is the result; a deny requires that every key was visited. All
 * threads share the edges of one budget, its deadline and its cancellation.
 *
 * Threads: the asker searches, and offers shares to threads of the pool when the queue is long. It
 * never depends on them: it takes slices until the queue is empty, and then waits only for slices
 * that other threads are visiting. A helper leaves when requests wait for a thread. Each thread has
 * a view, an arena and a budget of its own.
 * Errors: those of graph.h and budget.h, the first that any thread met. */
#ifndef BEHALF_EVAL_FRONTIER_H
#define BEHALF_EVAL_FRONTIER_H

#include "eval/reach.h"

struct frontier_hand;

/* Searches from a node of a plain member. The keys in reach->wide->visited are known denies and are
 * skipped. After a deny, all visited keys are among them. */
enum status frontier_walk(struct reach *reach, uint64_t object, uint32_t member, bool *found,
                          struct error *error) BEHALF_MUST_USE;

/* Reports a successor of the key that is being visited; it is queued unless it was reached
 * before. */
enum status frontier_add(struct frontier_hand *hand, uint64_t object, uint32_t member,
                         struct error *error) BEHALF_MUST_USE;

#endif
