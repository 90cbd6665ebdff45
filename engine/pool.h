/* pool.h - worker threads with a fair, bounded queue per class of work.
 *
 * Always true: a job that would wait beyond a third of the time it has left is refused
 * (OVERLOADED, with retry_after_ms: when it would be taken) unless none is queued before it, as
 * is one that finds its queue full; nobody waits to submit. Within a class callers are served in
 * turn (fair_queue.h). Lookups run on at most half of the threads, rounded up, and checks leave
 * one to them, so that neither starves the other; with one thread they take turns.
 * ENGINE_CLASS_ADMIN has a thread of its own, and so have the deadlines of what is queued,
 * beside those that are asked for: a queued job whose deadline comes is told within 20 ms,
 * whatever runs. Jobs do not submit jobs and wait for them; a job may submit itself again, also
 * while the pool is freed.
 *
 * Beside the queues stand shares of work (eval/executor.h), for threads that find no job.
 *
 * Threads: pool_submit and the executor from any thread; jobs run on the pool's
 * threads, each with its own engine_worker (may_block = true). pool_free runs what is queued, then
 * joins. */
#ifndef BEHALF_ENGINE_POOL_H
#define BEHALF_ENGINE_POOL_H

#include "engine/engine.h"
#include "eval/executor.h"

struct pool;

struct pool *pool_new(struct engine *engine, unsigned threads);
void pool_free(struct pool *pool); /* accepts NULL */

struct pool_stats {
    uint32_t waiting[ENGINE_CLASS_COUNT]; /* jobs */
    uint64_t refused;                     /* jobs that found their queue too long */
    uint64_t expired;                     /* jobs whose deadline came while they were queued */
};

void pool_stats_read(struct pool *pool, struct pool_stats *stats); /* from any thread */

enum status pool_submit(struct pool *pool, enum engine_class class, struct engine_job *job,
                        struct error *error) BEHALF_MUST_USE;
/* What pool_submit would answer now to a job of this flow and deadline, which need not exist yet:
 * a refusal that costs no more than the question. */
enum status pool_ask(struct pool *pool, enum engine_class class, const struct engine_queued *queued,
                     struct error *error) BEHALF_MUST_USE;

/* The caller is gone: what it has queued in the flow's class and has a deadline expires, as if that
 * had come. What has none, and what has begun, is left alone. From any thread, while the flow is
 * where it is. */
void pool_abandon(struct pool *pool, struct engine_flow *flow);

/* Its threads, for who has work that others may join in while they have nothing else to do. */
struct executor *pool_executor(struct pool *pool);
/* Whether checks are queued. To be read without the lock, for as long as the pool is there. */
const atomic_bool *pool_checks_wait(const struct pool *pool);

#endif
