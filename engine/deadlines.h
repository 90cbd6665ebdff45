/* deadlines.h - a thread that ends what is queued when its deadline comes, whatever the threads
 * that serve the queue are at.
 *
 * Always true: a deadline that is watched is seen at most DEADLINES_SLACK_NS after it came, and
 * deadlines that come within that time are seen together; the thread sleeps while none is watched,
 * and until the earliest one otherwise.
 * Threads: deadlines_watch from any thread, also under the lock that `expire` takes.
 * Memory: deadlines_free joins the thread. */
#ifndef BEHALF_ENGINE_DEADLINES_H
#define BEHALF_ENGINE_DEADLINES_H

#include "base/env.h"

#define DEADLINES_SLACK_NS INT64_C(20000000)
#define DEADLINE_PAST_NS 1 /* a deadline that has come */

struct deadlines;

/* `expire` ends what is due and gives the earliest deadline of the rest, INT64_MAX without one. */
struct deadlines *deadlines_new(const struct env *env,
                                int64_t (*expire)(void *owner, int64_t now_ns), void *owner,
                                const char *thread_name);
void deadlines_free(struct deadlines *deadlines); /* accepts NULL */

void deadlines_watch(struct deadlines *deadlines, int64_t deadline_ns);

#endif
