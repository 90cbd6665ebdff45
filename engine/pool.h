/* pool.h - worker threads with a bounded queue per class of work.
 *
 * Always true: a full queue refuses (OVERLOADED, with retry_after_ms) and never waits; jobs do not
 * submit jobs and wait for them; lookups run on at most half of the threads, rounded up, so that
 * they cannot starve checks.
 *
 * Beside the queues stand offers: work that somebody does himself, and in which a thread without
 * anything better to do may join. An offer delays no job that waits, and whoever made it never
 * depends on its being taken.
 *
 * Threads: pool_submit and the functions for offers from any thread; jobs run on the pool's
 * threads, each with its own engine_worker (may_block = true). pool_free runs what is queued, then
 * joins. */
#ifndef BEHALF_ENGINE_POOL_H
#define BEHALF_ENGINE_POOL_H

#include "engine/engine.h"

struct pool;

struct pool *pool_new(struct engine *engine, unsigned threads);
void pool_free(struct pool *pool); /* accepts NULL */

struct pool_stats {
    uint32_t waiting[ENGINE_CLASS_COUNT]; /* jobs */
    uint64_t refused;                     /* jobs that found their queue full */
};

void pool_stats_read(struct pool *pool, struct pool_stats *stats); /* from any thread */

enum status pool_submit(struct pool *pool, enum engine_class class, struct engine_job *job,
                        struct error *error) BEHALF_MUST_USE;

/* Offers a job to a thread that has nothing else to do. It is run at most once; its memory has to
 * stay until it was run or withdrawn. */
void pool_offer(struct pool *pool, struct engine_job *job);
/* True: the job was not begun and will not be. False: a thread has taken it. */
bool pool_withdraw(struct pool *pool, struct engine_job *job);
/* Whether jobs wait for nothing but a thread: who helps should leave. A look, without the lock. */
bool pool_is_wanted(const struct pool *pool);
unsigned pool_thread_count(const struct pool *pool);

#endif
