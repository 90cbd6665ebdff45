/* pool.c - worker threads with a bounded queue per class of work.
 * Always true: a job is run exactly once or was refused; under `lock` nothing runs, allocates or
 * waits but pthread_cond_wait. */
#include "engine/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/limits.h"

/* What a refused caller is told to wait. A queue of LIMIT_POOL_QUEUE checks of some ten
 * microseconds drains in about this time on one thread. */
#define RETRY_AFTER_MS 100

/* Offers stand behind the queues of the classes, and are taken last. */
enum { OFFERS = ENGINE_CLASS_COUNT, QUEUE_COUNT };

struct job_queue {
    struct engine_job *first;
    struct engine_job *last;
    uint32_t length;
    uint32_t running;
    uint32_t running_max; /* threads that may run jobs of this class at once */
};

struct pool {
    struct engine *engine;
    pthread_t *threads;
    uint32_t thread_count;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    struct job_queue queues[QUEUE_COUNT];
    uint64_t refused;
    bool closing;
    atomic_bool
        wanted; /* a job of a class waits for nothing but a thread; written under the lock */
};

static void
append(struct job_queue *queue, struct engine_job *job)
{
    job->next = NULL;
    if (queue->last != NULL)
        queue->last->next = job;
    else
        queue->first = job;
    queue->last = job;
    queue->length++;
}

/* After each change of the queues. Relaxed: a hint to those who help. */
static void
note_wanted(struct pool *pool)
{
    bool wanted = false;

    for (int at = 0; at < ENGINE_CLASS_COUNT; at++) {
        const struct job_queue *queue = &pool->queues[at];

        wanted = wanted || (queue->first != NULL && queue->running < queue->running_max);
    }
    atomic_store_explicit(&pool->wanted, wanted, memory_order_relaxed);
}

/* A job that may start now, or NULL. Checks go first: they are short and somebody waits for
 * each. */
static struct engine_job *
take_job(struct pool *pool, int *from)
{
    for (int at = 0; at < QUEUE_COUNT; at++) {
        struct job_queue *queue = &pool->queues[at];
        struct engine_job *job = queue->first;

        if (job == NULL || queue->running >= queue->running_max)
            continue;
        queue->first = job->next;
        if (queue->first == NULL)
            queue->last = NULL;
        queue->length--;
        queue->running++;
        job->next = NULL;
        note_wanted(pool);
        *from = at;
        return job;
    }
    return NULL;
}

static bool
is_drained(const struct pool *pool)
{
    for (int at = 0; at < ENGINE_CLASS_COUNT; at++) {
        if (pool->queues[at].length > 0)
            return false;
    }
    return true;
}

/* The worker is made at the first job, by the thread that uses it: the pool may be started before
 * the engine has anything to serve. */
static void *
run_thread(void *argument)
{
    struct pool *pool = argument;
    struct engine_worker *worker = NULL;
    int from;

    (void)pthread_setname_np(pthread_self(), "pool");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct engine_job *job = take_job(pool, &from);

        if (job == NULL) {
            if (pool->closing && is_drained(pool))
                break;
            pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        if (worker == NULL)
            worker = engine_worker_new(pool->engine, true);
        job->run(job, worker); /* may free the job */
        pthread_mutex_lock(&pool->lock);
        pool->queues[from].running--;
        note_wanted(pool);
        /* The place this job held in its class may be what a queued one waits for, while this
         * thread may take one of another class. */
        if (pool->queues[from].length > 0)
            pthread_cond_signal(&pool->work);
        if (pool->closing && is_drained(pool))
            pthread_cond_broadcast(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    engine_worker_free(worker);
    return NULL;
}

static void
start_threads(struct pool *pool)
{
    sigset_t all;
    sigset_t before;

    /* Signals are for the thread that waits for them, never for a worker. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t at = 0; at < pool->thread_count; at++) {
        int failure = pthread_create(&pool->threads[at], NULL, run_thread, pool);

        BEHALF_ASSERT(failure == 0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *
pool_new(struct engine *engine, unsigned threads)
{
    struct pool *pool = memory_new(sizeof *pool);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (threads == 0)
        threads = cores > 0 ? (unsigned)cores : 1;
    pool->engine = engine;
    pool->thread_count = threads;
    pool->threads = memory_new_array(threads, sizeof *pool->threads);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->queues[ENGINE_CLASS_CHECK].running_max = threads;
    pool->queues[ENGINE_CLASS_LOOKUP].running_max = (threads + 1) / 2;
    pool->queues[OFFERS].running_max = threads;
    atomic_init(&pool->wanted, false);
    start_threads(pool);
    return pool;
}

void
pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t at = 0; at < pool->thread_count; at++)
        pthread_join(pool->threads[at], NULL);
    BEHALF_ASSERT(is_drained(pool));
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool->threads);
    memory_free(pool);
}

enum status
pool_submit(struct pool *pool, enum engine_class class, struct engine_job *job, struct error *error)
{
    struct job_queue *queue = &pool->queues[class];
    bool accepted;

    pthread_mutex_lock(&pool->lock);
    BEHALF_ASSERT(!pool->closing);
    accepted = queue->length < LIMIT_POOL_QUEUE;
    if (accepted) {
        append(queue, job);
        note_wanted(pool);
        pthread_cond_signal(&pool->work);
    } else {
        pool->refused++;
    }
    pthread_mutex_unlock(&pool->lock);
    if (accepted)
        return BEHALF_OK;
    error_set(error, BEHALF_OVERLOADED, "%u requests are already waiting",
              (unsigned)LIMIT_POOL_QUEUE);
    if (error != NULL)
        error->retry_after_ms = RETRY_AFTER_MS;
    return BEHALF_OVERLOADED;
}

void
pool_stats_read(struct pool *pool, struct pool_stats *stats)
{
    pthread_mutex_lock(&pool->lock);
    for (int at = 0; at < ENGINE_CLASS_COUNT; at++)
        stats->waiting[at] = pool->queues[at].length;
    stats->refused = pool->refused;
    pthread_mutex_unlock(&pool->lock);
}

/* --- offers --- */

void
pool_offer(struct pool *pool, struct engine_job *job)
{
    pthread_mutex_lock(&pool->lock);
    append(&pool->queues[OFFERS], job);
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

bool
pool_withdraw(struct pool *pool, struct engine_job *job)
{
    struct job_queue *offers = &pool->queues[OFFERS];
    struct engine_job *before = NULL;
    struct engine_job *at;

    pthread_mutex_lock(&pool->lock);
    for (at = offers->first; at != NULL && at != job; at = at->next)
        before = at;
    if (at != NULL) {
        if (before == NULL)
            offers->first = job->next;
        else
            before->next = job->next;
        if (offers->last == job)
            offers->last = before;
        offers->length--;
    }
    pthread_mutex_unlock(&pool->lock);
    return at != NULL;
}

bool
pool_is_wanted(const struct pool *pool)
{
    return atomic_load_explicit(&pool->wanted, memory_order_relaxed);
}

unsigned
pool_thread_count(const struct pool *pool)
{
    return pool->thread_count;
}
