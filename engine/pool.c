/* pool.c - worker threads with a fair, bounded queue per class of work.
 * Always true: a job is run exactly once, or expires once, or was refused; under `lock` nothing
 * runs, allocates or waits but pthread_cond_wait. */
#include "engine/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/deadlines.h"
#include "engine/fair_queue.h"
#include "engine/limits.h"
#include "engine/state.h"
#include "engine/wait_estimate.h"

/* A job that waits so long of the time it has left is refused: a caller who is told at once can go
 * elsewhere, while one whose answer comes too late was served for nothing, and kept others from
 * being served in time. */
#define WAIT_PART 3

struct class_queue {
    struct fair_queue jobs;
    uint32_t running;
    uint32_t running_max;      /* threads that may run jobs of this class at once */
    struct wait_estimate wait; /* a unit is a job */
};

struct pool {
    struct executor executor; /* first: it casts back */
    struct engine *engine;
    pthread_t *threads; /* after those of the jobs one for ENGINE_CLASS_ADMIN */
    struct deadlines *deadlines;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    pthread_cond_t admin; /* jobs of ENGINE_CLASS_ADMIN */
    struct class_queue queues[ENGINE_CLASS_COUNT];
    enum engine_class last_class;  /* that a thread took a job of */
    struct executor_share *shares; /* offered; newest last */
    uint64_t refused;
    uint64_t expired;
    bool closing;
    /* Written under the lock: */
    atomic_bool wanted;      /* a job of a class waits for nothing but a thread */
    atomic_bool checks_wait; /* a job of ENGINE_CLASS_CHECK is queued */
};

static struct engine_job *
job_of(struct engine_queued *queued)
{
    return (struct engine_job *)(void *)queued;
}

static bool
may_start(const struct class_queue *queue)
{
    return queue->jobs.length > 0 && queue->running < queue->running_max;
}

/* After each change of the queues. Relaxed: a hint to those who help. */
static void
note_wanted(struct pool *pool)
{
    bool wanted = may_start(&pool->queues[ENGINE_CLASS_CHECK]) ||
                  may_start(&pool->queues[ENGINE_CLASS_LOOKUP]);

    atomic_store_explicit(&pool->wanted, wanted, memory_order_relaxed);
    atomic_store_explicit(&pool->checks_wait, pool->queues[ENGINE_CLASS_CHECK].jobs.length > 0,
                          memory_order_relaxed);
}

static bool
is_due(const struct engine_job *job, int64_t now_ns)
{
    return job->expire != NULL && job->queued.deadline_ns != 0 && job->queued.deadline_ns <= now_ns;
}

static struct engine_job *
take_of_class(struct pool *pool, enum engine_class class, int64_t now_ns)
{
    struct class_queue *queue = &pool->queues[class];
    struct engine_job *job;

    if (!may_start(queue))
        return NULL;
    queue->running++;
    job = job_of(fair_queue_pop(&queue->jobs));
    if (!is_due(job, now_ns)) {
        wait_estimate_drained(&queue->wait, now_ns, 1, queue->jobs.length > 0);
        return job;
    }
    /* It costs nothing, and says nothing of those that do. */
    pool->expired++;
    if (queue->jobs.length == 0)
        wait_estimate_end(&queue->wait);
    return job;
}

static struct executor_share *
take_share(struct pool *pool)
{
    struct executor_share *share = pool->shares;

    if (share != NULL)
        pool->shares = share->next;
    return share;
}

/* A job that may start now, or NULL: of the class that was not served last, if there is one. */
static struct engine_job *
take_job(struct pool *pool, enum engine_class *class, int64_t now_ns)
{
    struct engine_job *job;

    *class = pool->last_class == ENGINE_CLASS_CHECK ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK;
    job = take_of_class(pool, *class, now_ns);
    if (job == NULL) {
        *class = pool->last_class;
        job = take_of_class(pool, *class, now_ns);
    }
    if (job != NULL) {
        pool->last_class = *class;
        note_wanted(pool);
    }
    return job;
}

static bool
is_drained(const struct pool *pool)
{
    return pool->queues[ENGINE_CLASS_CHECK].jobs.length == 0 &&
           pool->queues[ENGINE_CLASS_LOOKUP].jobs.length == 0;
}

/* --- running --- */

/* Not under the lock; a deadline that came while the job was queued is the job's end. When it
 * ended, or 0 when it was not run. */
static int64_t
run_job(struct pool *pool, struct engine_job *job, struct engine_worker *worker, int64_t taken_ns)
{
    if (is_due(job, taken_ns)) {
        job->expire(job);
        return 0;
    }
    job->run(job, worker); /* may free the job */
    return env_monotonic_ns(pool->engine->env);
}

/* The job of the class has ended. */
static void
give_back(struct pool *pool, enum engine_class class, int64_t taken_ns, int64_t ended_ns)
{
    struct class_queue *queue = &pool->queues[class];

    queue->running--;
    if (ended_ns != 0 && queue->wait.since_ns == 0)
        wait_estimate_note(&queue->wait, (ended_ns - taken_ns) / queue->running_max, 1);
    note_wanted(pool);
    /* The place this job held in its class may be what a queued one waits for, while this thread
     * may take one of another class. */
    if (queue->jobs.length > 0)
        pthread_cond_signal(&pool->work);
    if (pool->closing && is_drained(pool))
        pthread_cond_broadcast(&pool->work);
}

/* Made at the first job, by the thread that uses it: the pool may be started before the engine has
 * anything to serve. Not under the lock. */
static struct engine_worker *
worker_of(struct pool *pool, struct engine_worker **worker)
{
    if (*worker == NULL)
        *worker = engine_worker_new(pool->engine, true);
    return *worker;
}

/* Under the lock, which is let go of while the share runs. */
static void
run_share(struct pool *pool, struct executor_share *share, struct engine_worker **worker)
{
    struct arena *scratch;

    pthread_mutex_unlock(&pool->lock);
    scratch = &worker_of(pool, worker)->scratch;
    arena_reset(scratch, LIMIT_CHECK_SCRATCH);
    share->run(share, scratch); /* may free the share */
    arena_reset(scratch, LIMIT_CHECK_SCRATCH);
    pthread_mutex_lock(&pool->lock);
}

/* Under the lock, which is let go of while the job runs. */
static void
serve(struct pool *pool, enum engine_class class, struct engine_job *job,
      struct engine_worker **worker, int64_t taken_ns)
{
    int64_t ended_ns;

    pthread_mutex_unlock(&pool->lock);
    ended_ns = run_job(pool, job, worker_of(pool, worker), taken_ns);
    pthread_mutex_lock(&pool->lock);
    give_back(pool, class, taken_ns, ended_ns);
}

static void *
run_thread(void *argument)
{
    struct pool *pool = argument;
    struct engine_worker *worker = NULL;
    enum engine_class class;

    (void)pthread_setname_np(pthread_self(), "pool");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        int64_t taken_ns = env_monotonic_ns(pool->engine->env);
        struct engine_job *job = take_job(pool, &class, taken_ns);
        struct executor_share *share = job == NULL ? take_share(pool) : NULL;

        if (job != NULL)
            serve(pool, class, job, &worker, taken_ns);
        else if (share != NULL)
            run_share(pool, share, &worker);
        else if (pool->closing && is_drained(pool))
            break;
        else
            pthread_cond_wait(&pool->work, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    engine_worker_free(worker);
    return NULL;
}

/* --- the thread of the operators --- */

static void *
run_admin_thread(void *argument)
{
    struct pool *pool = argument;
    struct engine_worker *worker = NULL;

    (void)pthread_setname_np(pthread_self(), "pool admin");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        int64_t taken_ns = env_monotonic_ns(pool->engine->env);
        struct engine_job *job = take_of_class(pool, ENGINE_CLASS_ADMIN, taken_ns);

        if (job == NULL) {
            if (pool->closing)
                break;
            pthread_cond_wait(&pool->admin, &pool->lock);
            continue;
        }
        serve(pool, ENGINE_CLASS_ADMIN, job, &worker, taken_ns);
    }
    pthread_mutex_unlock(&pool->lock);
    engine_worker_free(worker);
    return NULL;
}

/* --- deadlines --- */

static void
expire_jobs(struct engine_queued *expired)
{
    while (expired != NULL) {
        struct engine_queued *next = expired->next;
        struct engine_job *job = job_of(expired);

        expired->next = NULL;
        job->expire(job); /* may free the job */
        expired = next;
    }
}

/* On the thread of the deadlines. */
static int64_t
expire_queues(void *owner, int64_t now_ns)
{
    struct pool *pool = owner;
    struct engine_queued *expired[ENGINE_CLASS_COUNT];
    int64_t next = INT64_MAX;

    pthread_mutex_lock(&pool->lock);
    for (int class = 0; class < ENGINE_CLASS_COUNT; class ++) {
        struct class_queue *queue = &pool->queues[class];
        int64_t earliest;

        expired[class] = fair_queue_expire(&queue->jobs, now_ns, &earliest);
        next = earliest < next ? earliest : next;
        if (queue->jobs.length == 0)
            wait_estimate_end(&queue->wait);
        for (const struct engine_queued *job = expired[class]; job != NULL; job = job->next)
            pool->expired++;
    }
    note_wanted(pool);
    if (pool->closing && is_drained(pool))
        pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (int class = 0; class < ENGINE_CLASS_COUNT; class ++)
        expire_jobs(expired[class]);
    return next;
}

/* --- shares --- */

static struct pool *
pool_of(struct executor *executor)
{
    return (struct pool *)executor;
}

static void
offer(struct executor *executor, struct executor_share *share)
{
    struct pool *pool = pool_of(executor);
    struct executor_share **end = &pool->shares;

    pthread_mutex_lock(&pool->lock);
    while (*end != NULL) /* at most LIMIT_WIDE_HELPERS of each wide walk */
        end = &(*end)->next;
    share->next = NULL;
    *end = share;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static bool
withdraw(struct executor *executor, struct executor_share *share)
{
    struct pool *pool = pool_of(executor);
    struct executor_share **at = &pool->shares;
    bool found;

    pthread_mutex_lock(&pool->lock);
    while (*at != NULL && *at != share)
        at = &(*at)->next;
    found = *at != NULL;
    if (found)
        *at = share->next;
    pthread_mutex_unlock(&pool->lock);
    return found;
}

static bool
is_wanted(const struct executor *executor)
{
    const struct pool *pool = (const struct pool *)executor;

    return atomic_load_explicit(&pool->wanted, memory_order_relaxed);
}

struct executor *
pool_executor(struct pool *pool)
{
    return &pool->executor;
}

/* --- life --- */

static void
start_threads(struct pool *pool)
{
    sigset_t all;
    sigset_t before;

    /* Signals are for the thread that waits for them, never for a worker. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t at = 0; at <= pool->executor.thread_count; at++) {
        int failure =
            pthread_create(&pool->threads[at], NULL,
                           at < pool->executor.thread_count ? run_thread : run_admin_thread, pool);

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
    pool->executor = (struct executor){threads, offer, withdraw, is_wanted};
    pool->engine = engine;
    pool->threads = memory_new_array(threads + 1, sizeof *pool->threads);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->admin, NULL);
    pool->queues[ENGINE_CLASS_CHECK].running_max = threads > 1 ? threads - 1 : 1;
    pool->queues[ENGINE_CLASS_LOOKUP].running_max = (threads + 1) / 2;
    pool->queues[ENGINE_CLASS_ADMIN].running_max = 1;
    atomic_init(&pool->wanted, false);
    atomic_init(&pool->checks_wait, false);
    pool->deadlines = deadlines_new(engine->env, expire_queues, pool, "pool deadlines");
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
    pthread_cond_broadcast(&pool->admin);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t at = 0; at <= pool->executor.thread_count; at++)
        pthread_join(pool->threads[at], NULL);
    deadlines_free(pool->deadlines);
    BEHALF_ASSERT(is_drained(pool) && pool->queues[ENGINE_CLASS_ADMIN].jobs.length == 0);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->admin);
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool->threads);
    memory_free(pool);
}

/* --- submitting --- */

/* How long a job that is submitted now would wait. */
static int64_t
expected_wait_ns(const struct class_queue *queue, const struct engine_flow *flow, int64_t now_ns)
{
    uint32_t before = fair_queue_ahead(&queue->jobs, flow) + queue->running;

    if (before < queue->running_max)
        return 0;
    return wait_estimate_ns(&queue->wait, now_ns, before - queue->running_max + 1);
}

/* Under the lock. The first in a queue is never refused: whoever asks for one job after the other
 * may do so before the thread has given back its place. */
static bool
has_room(const struct class_queue *queue, const struct engine_queued *job, int64_t now_ns,
         int64_t *wait_ns)
{
    int64_t left = job->deadline_ns != 0 ? job->deadline_ns - now_ns : INT64_MAX;

    *wait_ns = expected_wait_ns(queue, job->flow, now_ns);
    return queue->jobs.length == 0 ||
           (queue->jobs.length < LIMIT_POOL_QUEUE && *wait_ns <= left / WAIT_PART);
}

static void
enqueue(struct pool *pool, enum engine_class class, struct engine_job *job, int64_t now_ns)
{
    struct class_queue *queue = &pool->queues[class];

    if (queue->running >= queue->running_max || queue->jobs.length > 0)
        wait_estimate_begin(&queue->wait, now_ns);
    fair_queue_push(&queue->jobs, &job->queued);
    note_wanted(pool);
    pthread_cond_signal(class == ENGINE_CLASS_ADMIN ? &pool->admin : &pool->work);
    if (job->queued.deadline_ns != 0)
        deadlines_watch(pool->deadlines, job->queued.deadline_ns);
}

static bool
has_running(const struct pool *pool)
{
    return pool->queues[ENGINE_CLASS_CHECK].running > 0 ||
           pool->queues[ENGINE_CLASS_LOOKUP].running > 0;
}

/* `job` NULL: only the question. */
static enum status
admit(struct pool *pool, enum engine_class class, const struct engine_queued *queued,
      struct engine_job *job, struct error *error)
{
    struct class_queue *queue = &pool->queues[class];
    int64_t now = env_monotonic_ns(pool->engine->env);
    int64_t wait;
    uint32_t length;
    bool accepted;

    pthread_mutex_lock(&pool->lock);
    BEHALF_ASSERT(!pool->closing || has_running(pool));
    length = queue->jobs.length;
    accepted = has_room(queue, queued, now, &wait);
    if (!accepted)
        pool->refused++;
    else if (job != NULL)
        enqueue(pool, class, job, now);
    pthread_mutex_unlock(&pool->lock);
    return accepted ? BEHALF_OK : wait_refuse(wait, length, "requests of its kind", error);
}

enum status
pool_submit(struct pool *pool, enum engine_class class, struct engine_job *job, struct error *error)
{
    BEHALF_ASSERT(job->queued.deadline_ns == 0 || job->expire != NULL);
    return admit(pool, class, &job->queued, job, error);
}

enum status
pool_ask(struct pool *pool, enum engine_class class, const struct engine_queued *queued,
         struct error *error)
{
    return admit(pool, class, queued, NULL, error);
}

void
pool_abandon(struct pool *pool, struct engine_flow *flow)
{
    pthread_mutex_lock(&pool->lock);
    for (struct engine_queued *item = flow->first; item != NULL; item = item->next) {
        if (item->deadline_ns != 0)
            item->deadline_ns = DEADLINE_PAST_NS;
    }
    if (flow->first != NULL)
        deadlines_watch(pool->deadlines, DEADLINE_PAST_NS);
    pthread_mutex_unlock(&pool->lock);
}

void
pool_stats_read(struct pool *pool, struct pool_stats *stats)
{
    pthread_mutex_lock(&pool->lock);
    for (int class = 0; class < ENGINE_CLASS_COUNT; class ++)
        stats->waiting[class] = pool->queues[class].jobs.length;
    stats->refused = pool->refused;
    stats->expired = pool->expired;
    pthread_mutex_unlock(&pool->lock);
}

const atomic_bool *
pool_checks_wait(const struct pool *pool)
{
    return &pool->checks_wait;
}
