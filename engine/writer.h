/* writer.h - the one thread that changes the store.
 *
 * The way of a write: queue -> decide -> one batch per accepted transaction, unsynced -> one sync
 * for the group -> graph and names -> publish the group's last revision -> replies.
 * Always true: a transaction is decided (schema, preconditions, existence) against the state that
 * the ones before it in its group leave; a refused one changes nothing and takes no revision; no
 * reader sees and no reply names a revision that is not durable. When the sync fails every
 * transaction of the group is OUTCOME_UNKNOWN, nothing of it is published, and later ones are
 * SERVICE_READ_ONLY.
 * A write that would wait beyond a third of the time it has left is refused (OVERLOADED), as is one
 * without a deadline that would not be in the next group and would wait for more than a second. One
 * whose deadline comes while it is queued is DEADLINE, and nothing of it was written. Once it is in
 * a group its outcome is told as it is, however late.
 * Writes that take authority away (a session is suspended or revoked, a grant revoked, a stop
 * ordered) are decided before all others that wait, in short groups, and are refused only when
 * LIMIT_WRITE_FRONT of them wait.
 * Threads: writer_submit, writer_ask and writer_stats_read from any thread; all else on the writer
 * thread, but for `done` of a write whose deadline came, which a thread beside it may call.
 * writer_free answers what is queued, then joins. */
#ifndef BEHALF_ENGINE_WRITER_H
#define BEHALF_ENGINE_WRITER_H

#include "base/metric.h"
#include "engine/engine.h"

struct writer;

struct writer *writer_new(struct engine *engine);
void writer_free(struct writer *writer); /* accepts NULL */

struct writer_stats {
    size_t waiting;   /* writes in the queue */
    uint64_t groups;  /* decided together, with at most one sync */
    uint64_t refused; /* writes answered with an error, those that were not accepted included */
};

/* Of the groups since the start. */
struct writer_figures {
    struct metric_reading sizes;     /* transactions in a group */
    struct metric_reading syncs_ns;  /* what a sync took */
    struct metric_reading groups_ns; /* what a group took, from its first decision to its replies */
    int64_t alive_ns; /* when the thread last began something, monotonic; it does at least every
                         UPKEEP_TICK_MS, unless a group takes longer */
};

void writer_figures_read(struct writer *writer, struct writer_figures *figures); /* any thread */

void writer_stats_read(struct writer *writer, struct writer_stats *stats); /* from any thread */

enum status writer_submit(struct writer *writer, struct engine_write *write,
                          struct error *error) BEHALF_MUST_USE;
/* What writer_submit would answer now to a write of this flow and deadline, which need not exist
 * yet: a refusal that costs no more than the question. */
enum status writer_ask(struct writer *writer, const struct engine_queued *queued,
                       struct error *error) BEHALF_MUST_USE;

#endif
