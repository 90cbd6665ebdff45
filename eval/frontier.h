/* frontier.h - a wide walk of unions, split over the threads of an executor.
 *
 * What is split is a frontier, never a subproblem: keys (object, member) that were reached and not
 * looked at yet. A thread takes a slice of them, looks at each (reach_look), which puts
 * what they lead to on the frontier, and takes the next slice. For plain members (plain.h) that is
 * all there is to it: one key that holds the subject by its own edges is an allow of the node
 * asked; none among all that can be reached is a deny of every one of them.
 *
 * Always true: one revision, one `now`, one schema and one subject, which are the asker's; what
 * happens first, an allow or an error, is what the walk comes to, and a deny only when every key
 * was looked at. All share the edges of one budget, its deadline and its cancellation.
 * Threads: the asker walks, and offers shares to threads of the pool when the frontier is wide. It
 * never needs one: it takes slices until there are none, and waits only for a slice that somebody
 * is at. Who helps leaves when requests wait for a thread. Each has a view, an arena and a budget
 * of its own.
 * Errors: those of graph.h and budget.h, of whoever met one first. */
#ifndef BEHALF_EVAL_FRONTIER_H
#define BEHALF_EVAL_FRONTIER_H

#include "eval/reach.h"

struct frontier_hand;

/* Walks from a node of a plain member. The keys of reach->wide->visited are known to deny; after a
 * deny it has all that were looked at. */
enum status frontier_walk(struct reach *reach, uint64_t object, uint32_t member, bool *found,
                          struct error *error) BEHALF_MUST_USE;

/* A node was met while a key was looked at. */
enum status frontier_add(struct frontier_hand *hand, uint64_t object, uint32_t member,
                         struct error *error) BEHALF_MUST_USE;

#endif
