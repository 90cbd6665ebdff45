/* pool.c - worker threads with a fair, bounded queue per class of work.
 * Always true: a job is run exactly once, or expires once, or was refused; under `lock` nothing
 * runs, allocates or waits but pthread_cond_wait. */
#include "engine/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/fair_queue.h"
#include "engine/limits.h"
#include "engine/state.h"

#define RETRY_AFTER_MS_MIN 1
#define RETRY_AFTER_MS_MAX 10000
/* A job that waits so long of the time it has left is refused: a caller who is told at once can go
 * elsewhere, while one whose answer comes too late was served for nothing, and kept others from
 * being served in time. */
#define WAIT_PART 2
#define PAST_NS 1 /* a deadline that has come */
#define EXPIRE_EVERY_NS INT64_C(20000000)
#define THREADS_BESIDE 2 /* those that jobs of checks and lookups never run on */
#define SERVICE_WEIGHT 8 /* of the mean time a job takes, against the last one */

struct class_queue {
    struct fair_queue jobs;
    uint32_t running;
    uint32_t running_max; /* threads that may run jobs of this class at once */
    int64_t service_ns;   /* mean time that a job took lately; 0 = not known */
};

struct pool {
    struct engine *engine;
    pthread_t
        *threads; /* behind those of the jobs: one for ENGINE_CLASS_ADMIN, one for deadlines */
    uint32_t thread_count;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;
    pthread_cond_t admin;     /* jobs of ENGINE_CLASS_ADMIN */
    pthread_cond_t deadlines; /* there are some to watch */
    struct class_queue queues[ENGINE_CLASS_COUNT];
    enum engine_class last_class; /* that a thread took a job of */
    struct engine_queued *offers; /* newest last */
    uint64_t refused;
    uint64_t expired;
    int64_t earliest_ns; /* no queued job has an earlier deadline */
    bool closing;
    atomic_bool
        wanted; /* a job of a class waits for nothing but a thread; written under the lock */
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
}

static struct engine_job *
take_of_class(struct pool *pool, enum engine_class class)
{
    struct class_queue *queue = &pool->queues[class];

    if (!may_start(queue))
        return NULL;
    queue->running++;
    return job_of(fair_queue_pop(&queue->jobs));
}

static struct engine_job *
take_offer(struct pool *pool)
{
    struct engine_queued *offer = pool->offers;

    if (offer == NULL)
        return NULL;
    pool->offers = offer->next;
    offer->next = NULL;
    return job_of(offer);
}

/* A job that may start now, or NULL: of the class that was not served last, if there is one. */
static struct engine_job *
take_job(struct pool *pool, enum engine_class *class)
{
    struct engine_job *job;

    *class = pool->last_class == ENGINE_CLASS_CHECK ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK;
    job = take_of_class(pool, *class);
    if (job == NULL) {
        *class = pool->last_class;
        job = take_of_class(pool, *class);
    }
    if (job != NULL) {
        pool->last_class = *class;
        note_wanted(pool);
        return job;
    }
    *class = ENGINE_CLASS_COUNT;
    return take_offer(pool);
}

static bool
is_drained(const struct pool *pool)
{
    return pool->queues[ENGINE_CLASS_CHECK].jobs.length == 0 &&
           pool->queues[ENGINE_CLASS_LOOKUP].jobs.length == 0;
}

/* --- running --- */

/* Not under the lock; a deadline that came while the job was queued is the job's end. The time it
 * took, or 0 when it was not run. */
static int64_t
run_job(struct pool *pool, struct engine_job *job, struct engine_worker *worker)
{
    const struct env *env = pool->engine->env;
    int64_t begun = env_monotonic_ns(env);

    if (job->expire != NULL && job->queued.deadline_ns != 0 && job->queued.deadline_ns <= begun) {
        job->expire(job);
        return 0;
    }
    job->run(job, worker); /* may free the job */
    return env_monotonic_ns(env) - begun;
}

static void
note_service(struct class_queue *queue, int64_t took_ns)
{
    if (took_ns <= 0)
        return;
    if (queue->service_ns == 0)
        queue->service_ns = took_ns;
    else
        queue->service_ns += (took_ns - queue->service_ns) / SERVICE_WEIGHT;
    if (queue->service_ns <= 0)
        queue->service_ns = 1;
}

/* The job of the class has ended. */
static void
give_back(struct pool *pool, enum engine_class class, int64_t took_ns)
{
    struct class_queue *queue = &pool->queues[class];

    queue->running--;
    note_service(queue, took_ns);
    note_wanted(pool);
    /* The place this job held in its class may be what a queued one waits for, while this thread
     * may take one of another class. */
    if (queue->jobs.length > 0)
        pthread_cond_signal(&pool->work);
    if (pool->closing && is_drained(pool))
        pthread_cond_broadcast(&pool->work);
}

/* The worker is made at the first job, by the thread that uses it: the pool may be started before
 * the engine has anything to serve. */
static void *
run_thread(void *argument)
{
    struct pool *pool = argument;
    struct engine_worker *worker = NULL;
    enum engine_class class;

    (void)pthread_setname_np(pthread_self(), "pool");
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct engine_job *job = take_job(pool, &class);
        int64_t took_ns;

        if (job == NULL) {
            if (pool->closing && is_drained(pool))
                break;
            pthread_cond_wait(&pool->work, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        if (worker == NULL)
            worker = engine_worker_new(pool->engine, true);
        took_ns = run_job(pool, job, worker);
        pthread_mutex_lock(&pool->lock);
        if (class != ENGINE_CLASS_COUNT)
            give_back(pool, class, took_ns);
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
        struct engine_job *job = take_of_class(pool, ENGINE_CLASS_ADMIN);
        int64_t took_ns;

        if (job == NULL) {
            if (pool->closing)
                break;
            pthread_cond_wait(&pool->admin, &pool->lock);
            continue;
        }
        pthread_mutex_unlock(&pool->lock);
        if (worker == NULL)
            worker = engine_worker_new(pool->engine, true);
        took_ns = run_job(pool, job, worker);
        pthread_mutex_lock(&pool->lock);
        give_back(pool, ENGINE_CLASS_ADMIN, took_ns);
    }
    pthread_mutex_unlock(&pool->lock);
    engine_worker_free(worker);
    return NULL;
}

/* --- the thread that ends what waited too long: it runs no job, so that none can delay it --- */

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

/* Under the lock, which is let go of while the jobs are told. */
static void
expire_queues(struct pool *pool)
{
    int64_t now = env_monotonic_ns(pool->engine->env);
    struct engine_queued *expired[ENGINE_CLASS_COUNT];

    if (now < pool->earliest_ns)
        return;
    pool->earliest_ns = INT64_MAX;
    for (int class = 0; class < ENGINE_CLASS_COUNT; class ++) {
        int64_t earliest;

        expired[class] = fair_queue_expire(&pool->queues[class].jobs, now, &earliest);
        pool->earliest_ns = earliest < pool->earliest_ns ? earliest : pool->earliest_ns;
        for (const struct engine_queued *job = expired[class]; job != NULL; job = job->next)
            pool->expired++;
    }
    note_wanted(pool);
    pthread_mutex_unlock(&pool->lock);
    for (int class = 0; class < ENGINE_CLASS_COUNT; class ++)
        expire_jobs(expired[class]);
    pthread_mutex_lock(&pool->lock);
}

static void
wait_for_deadlines(struct pool *pool)
{
    struct timespec until;

    if (pool->earliest_ns == INT64_MAX) {
        pthread_cond_wait(&pool->deadlines, &pool->lock);
        return;
    }
    /* How often to look is measured on the clock of the condition; what is seen, on the env's. */
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += EXPIRE_EVERY_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&pool->deadlines, &pool->lock, &until);
}

/* While the pool closes, those that run what is left see to the deadlines. */
static void *
run_deadline_thread(void *argument)
{
    struct pool *pool = argument;

    (void)pthread_setname_np(pthread_self(), "pool deadlines");
    pthread_mutex_lock(&pool->lock);
    while (!pool->closing) {
        wait_for_deadlines(pool);
        expire_queues(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* --- life --- */

static void *(*thread_kind(const struct pool *pool, uint32_t at))(void *)
{
    if (at < pool->thread_count)
        return run_thread;
    return at == pool->thread_count ? run_admin_thread : run_deadline_thread;
}

static void
start_threads(struct pool *pool)
{
    sigset_t all;
    sigset_t before;

    /* Signals are for the thread that waits for them, never for a worker. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (uint32_t at = 0; at < pool->thread_count + THREADS_BESIDE; at++) {
        int failure = pthread_create(&pool->threads[at], NULL, thread_kind(pool, at), pool);

        BEHALF_ASSERT(failure == 0);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *
pool_new(struct engine *engine, unsigned threads)
{
    struct pool *pool = memory_new(sizeof *pool);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_condattr_t monotonic;

    if (threads == 0)
        threads = cores > 0 ? (unsigned)cores : 1;
    pool->engine = engine;
    pool->thread_count = threads;
    pool->threads = memory_new_array(threads + THREADS_BESIDE, sizeof *pool->threads);
    pool->earliest_ns = INT64_MAX;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->admin, NULL);
    pthread_cond_init(&pool->deadlines, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    pool->queues[ENGINE_CLASS_CHECK].running_max = threads > 1 ? threads - 1 : 1;
    pool->queues[ENGINE_CLASS_LOOKUP].running_max = (threads + 1) / 2;
    pool->queues[ENGINE_CLASS_ADMIN].running_max = 1;
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
    pthread_cond_broadcast(&pool->admin);
    pthread_cond_broadcast(&pool->deadlines);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t at = 0; at < pool->thread_count + THREADS_BESIDE; at++)
        pthread_join(pool->threads[at], NULL);
    BEHALF_ASSERT(is_drained(pool) && pool->queues[ENGINE_CLASS_ADMIN].jobs.length == 0);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->admin);
    pthread_cond_destroy(&pool->deadlines);
    pthread_mutex_destroy(&pool->lock);
    memory_free(pool->threads);
    memory_free(pool);
}

/* How long a job that is submitted now would wait. */
static int64_t
expected_wait_ns(const struct class_queue *queue, const struct engine_job *job)
{
    uint32_t before = fair_queue_ahead(&queue->jobs, job->queued.flow) + queue->running;

    if (before < queue->running_max)
        return 0;
    return (int64_t)(before - queue->running_max + 1) * queue->service_ns /
           (int64_t)queue->running_max;
}

static enum status
refuse(int64_t wait_ns, uint32_t length, struct error *error)
{
    int64_t retry_ms = wait_ns / 1000000;

    error_set(error, BEHALF_OVERLOADED,
              "%u requests of its kind are waiting; this one would wait too long", length);
    error_hint(error, "repeat it after retry_after_ms, or send less at a time");
    if (error != NULL)
        error->retry_after_ms = (uint32_t)(retry_ms < RETRY_AFTER_MS_MIN   ? RETRY_AFTER_MS_MIN
                                           : retry_ms > RETRY_AFTER_MS_MAX ? RETRY_AFTER_MS_MAX
                                                                           : retry_ms);
    return BEHALF_OVERLOADED;
}

static void
watch_deadline(struct pool *pool, int64_t deadline_ns)
{
    bool watched = pool->earliest_ns != INT64_MAX;

    if (deadline_ns >= pool->earliest_ns)
        return;
    pool->earliest_ns = deadline_ns;
    if (!watched)
        pthread_cond_signal(&pool->deadlines);
}

static void
enqueue(struct pool *pool, enum engine_class class, struct engine_job *job)
{
    fair_queue_push(&pool->queues[class].jobs, &job->queued);
    note_wanted(pool);
    pthread_cond_signal(class == ENGINE_CLASS_ADMIN ? &pool->admin : &pool->work);
    if (job->queued.deadline_ns != 0)
        watch_deadline(pool, job->queued.deadline_ns);
}

enum status
pool_submit(struct pool *pool, enum engine_class class, struct engine_job *job, struct error *error)
{
    struct class_queue *queue = &pool->queues[class];
    int64_t deadline = job->queued.deadline_ns;
    int64_t left = deadline != 0 ? deadline - env_monotonic_ns(pool->engine->env) : INT64_MAX;
    int64_t wait;
    uint32_t length;
    bool accepted;

    BEHALF_ASSERT(deadline == 0 || job->expire != NULL);
    pthread_mutex_lock(&pool->lock);
    BEHALF_ASSERT(!pool->closing);
    wait = expected_wait_ns(queue, job);
    length = queue->jobs.length;
    accepted = length < LIMIT_POOL_QUEUE && wait <= left / WAIT_PART;
    if (accepted)
        enqueue(pool, class, job);
    else
        pool->refused++;
    pthread_mutex_unlock(&pool->lock);
    return accepted ? BEHALF_OK : refuse(wait, length, error);
}

void
pool_abandon(struct pool *pool, struct engine_flow *flow)
{
    pthread_mutex_lock(&pool->lock);
    for (struct engine_queued *item = flow->first; item != NULL; item = item->next) {
        if (item->deadline_ns != 0)
            item->deadline_ns = PAST_NS;
    }
    if (flow->first != NULL)
        watch_deadline(pool, PAST_NS);
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

/* --- offers --- */

void
pool_offer(struct pool *pool, struct engine_job *job)
{
    struct engine_queued **end = &pool->offers;

    pthread_mutex_lock(&pool->lock);
    while (*end != NULL) /* at most LIMIT_WIDE_HELPERS of each wide walk */
        end = &(*end)->next;
    job->queued.next = NULL;
    *end = &job->queued;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

bool
pool_withdraw(struct pool *pool, struct engine_job *job)
{
    struct engine_queued **at = &pool->offers;
    bool found;

    pthread_mutex_lock(&pool->lock);
    while (*at != NULL && *at != &job->queued)
        at = &(*at)->next;
    found = *at != NULL;
    if (found)
        *at = job->queued.next;
    pthread_mutex_unlock(&pool->lock);
    return found;
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
