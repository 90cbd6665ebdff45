/* pool.c - many submitters, both classes, full queues, deadlines that come while jobs wait or
 * begin, callers that leave, and pools that are freed while jobs wait. Every job that was accepted
 * has run or expired, exactly once, when pool_free returns; a refused one never. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "engine/pool.h"
#include "storage/store.h"

#define SUBMITTERS 4
#define JOBS 20000
#define ROUNDS 12
#define LEAVES_EVERY 512        /* jobs, and then the submitter abandons what it has queued */
#define DEADLINE_NS_MAX 5000000 /* some queued jobs expire, others are begun just before */

struct counted_job {
    struct engine_job job;
    atomic_uint runs;
    atomic_uint expiries;
    atomic_uint *running_lookups;
    unsigned lookups_most;
    bool is_lookup;
    bool accepted;
};

struct submitter {
    pthread_t thread;
    struct pool *pool;
    struct counted_job *jobs;
    struct engine_flow flows[ENGINE_CLASS_COUNT];
};

static void
run_counted(struct engine_job *job, struct engine_worker *worker)
{
    struct counted_job *counted = (struct counted_job *)job;

    BEHALF_ASSERT(worker != NULL);
    if (counted->is_lookup) {
        unsigned running = atomic_fetch_add(counted->running_lookups, 1) + 1;

        BEHALF_ASSERT(running <= counted->lookups_most);
        atomic_fetch_sub(counted->running_lookups, 1);
    }
    atomic_fetch_add(&counted->runs, 1);
}

static void
expire_counted(struct engine_job *job)
{
    atomic_fetch_add(&((struct counted_job *)job)->expiries, 1);
}

static void *
run_submitter(void *argument)
{
    struct submitter *submitter = argument;

    for (uint32_t at = 0; at < JOBS; at++) {
        struct counted_job *job = &submitter->jobs[at];
        enum engine_class class = job->is_lookup ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK;
        struct error error;
        enum status status;

        job->job.queued.flow = &submitter->flows[class];
        if (at % 2 == 0)
            job->job.queued.deadline_ns =
                env_monotonic_ns(env_system()) + 1 + (int64_t)at * 7919 % DEADLINE_NS_MAX;
        status = pool_submit(submitter->pool, class, &job->job, &error);
        BEHALF_ASSERT(status == BEHALF_OK || status == BEHALF_OVERLOADED);
        job->accepted = status == BEHALF_OK;
        if (at % LEAVES_EVERY == LEAVES_EVERY - 1)
            pool_abandon(submitter->pool, &submitter->flows[class]);
    }
    return NULL;
}

struct counts {
    size_t refused;
    size_t expired;
};

static void
count_jobs(const struct counted_job *jobs, struct counts *counts)
{
    for (uint32_t at = 0; at < JOBS; at++) {
        unsigned runs = atomic_load(&jobs[at].runs);
        unsigned expiries = atomic_load(&jobs[at].expiries);

        BEHALF_ASSERT(runs + expiries == (jobs[at].accepted ? 1 : 0));
        BEHALF_ASSERT(expiries == 0 || jobs[at].job.queued.deadline_ns != 0);
        counts->refused += !jobs[at].accepted;
        counts->expired += expiries;
    }
}

static void
run_round(struct engine *engine, unsigned threads, struct counts *counts)
{
    struct submitter submitters[SUBMITTERS];
    atomic_uint running_lookups = 0;
    struct pool *pool = pool_new(engine, threads);

    for (uint32_t at = 0; at < SUBMITTERS; at++) {
        int failure;

        submitters[at] = (struct submitter){
            .pool = pool, .jobs = memory_new_array(JOBS, sizeof(struct counted_job))};
        for (uint32_t job = 0; job < JOBS; job++) {
            struct counted_job *counted = &submitters[at].jobs[job];

            counted->job.run = run_counted;
            counted->job.expire = expire_counted;
            counted->is_lookup = (job + at) % 3 == 0;
            counted->running_lookups = &running_lookups;
            counted->lookups_most = (threads + 1) / 2;
        }
        failure = pthread_create(&submitters[at].thread, NULL, run_submitter, &submitters[at]);
        BEHALF_ASSERT(failure == 0);
    }
    for (uint32_t at = 0; at < SUBMITTERS; at++)
        pthread_join(submitters[at].thread, NULL);
    pool_free(pool);
    for (uint32_t at = 0; at < SUBMITTERS; at++) {
        count_jobs(submitters[at].jobs, counts);
        memory_free(submitters[at].jobs);
    }
}

int
main(void)
{
    struct store_options stored = {.path = NULL, .env = env_system()};
    struct engine_options options = {.env = env_system(), .workers = 1, .graph_memory_bytes = 1};
    struct engine *engine = NULL;
    struct store *store = NULL;
    struct error error;
    struct counts counts = {0, 0};

    if (store_open(&stored, &store, &error) != BEHALF_OK)
        abort();
    options.store = store;
    if (engine_open(&options, &engine, &error) != BEHALF_OK)
        abort();
    for (unsigned round = 0; round < ROUNDS; round++)
        run_round(engine, 1 + round % 4, &counts);
    printf("pool: %d jobs, %zu refused, %zu expired, every other one ran once\n",
           ROUNDS * SUBMITTERS * JOBS, counts.refused, counts.expired);
    engine_close(engine);
    store_close(store);
    return 0;
}
