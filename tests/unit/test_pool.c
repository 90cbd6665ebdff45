/* The pool: every accepted job runs once, a full queue refuses, lookups leave room for checks. */
#include <criterion/criterion.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/memory.h"
#include "engine/limits.h"
#include "engine/pool.h"
#include "storage/store.h"

static struct store *store;
static struct engine *engine;

static void
open_engine(void)
{
    struct store_options stored = {.path = NULL, .env = env_system()};
    struct error error;

    cr_assert_eq(store_open(&stored, &store, &error), BEHALF_OK);
    cr_assert_eq(engine_open(&(struct engine_options){.store = store,
                                                      .env = env_system(),
                                                      .workers = 1,
                                                      .graph_memory_bytes = 1},
                             &engine, &error),
                 BEHALF_OK);
}

static void
close_engine(void)
{
    engine_close(engine);
    store_close(store);
}

TestSuite(pool, .init = open_engine, .fini = close_engine);

/* A gate at which jobs wait, and what they saw there. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open;
    unsigned waiting;
    unsigned waiting_most;
    unsigned done;
};

#define GATE_CLOSED                                                                                \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

struct gate_job {
    struct engine_job job;
    struct gate *gate;
};

static void
pass_gate(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    if (gate->waiting > gate->waiting_most)
        gate->waiting_most = gate->waiting;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open)
        pthread_cond_wait(&gate->changed, &gate->lock);
    gate->waiting--;
    gate->done++;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static void
run_at_gate(struct engine_job *job, struct engine_worker *worker)
{
    cr_assert_not_null(worker);
    pass_gate(((struct gate_job *)job)->gate);
}

static void
gate_await(struct gate *gate, const unsigned *value, unsigned least)
{
    pthread_mutex_lock(&gate->lock);
    while (*value < least)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void
gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static struct gate_job
job_at(struct gate *gate)
{
    return (struct gate_job){.job = {.run = run_at_gate}, .gate = gate};
}

static void
submit(struct pool *pool, enum engine_class class, struct gate_job *job)
{
    struct error error;

    cr_assert_eq(pool_submit(pool, class, &job->job, &error), BEHALF_OK);
}

Test(pool, every_accepted_job_runs_once)
{
    enum { JOBS = 2000 };
    static struct gate_job jobs[JOBS];
    struct gate gate = GATE_CLOSED;
    struct pool *pool = pool_new(engine, 3);

    gate.open = true;
    for (uint32_t at = 0; at < JOBS; at++) {
        jobs[at] = job_at(&gate);
        submit(pool, at % 3 == 0 ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK, &jobs[at]);
    }
    gate_await(&gate, &gate.done, JOBS);
    pool_free(pool);
    cr_assert_eq(gate.done, JOBS);
}

Test(pool, freeing_runs_what_is_queued)
{
    enum { JOBS = 500 };
    static struct gate_job jobs[JOBS];
    struct gate gate = GATE_CLOSED;
    struct pool *pool = pool_new(engine, 2);

    gate.open = true;
    for (uint32_t at = 0; at < JOBS; at++) {
        jobs[at] = job_at(&gate);
        submit(pool, at % 2 == 0 ? ENGINE_CLASS_LOOKUP : ENGINE_CLASS_CHECK, &jobs[at]);
    }
    pool_free(pool);
    cr_assert_eq(gate.done, JOBS);
}

/* Lookups hold all that they may; a check that comes last still runs. */
static void
check_passes_lookups(unsigned threads, unsigned lookups_at_once)
{
    enum { LOOKUPS = 20 };
    struct gate_job lookups[LOOKUPS];
    struct gate gate = GATE_CLOSED;
    struct gate checks = GATE_CLOSED;
    struct gate_job check = job_at(&checks);
    struct pool *pool = pool_new(engine, threads);

    for (uint32_t at = 0; at < LOOKUPS; at++) {
        lookups[at] = job_at(&gate);
        submit(pool, ENGINE_CLASS_LOOKUP, &lookups[at]);
    }
    gate_await(&gate, &gate.waiting, lookups_at_once);
    checks.open = true;
    submit(pool, ENGINE_CLASS_CHECK, &check);
    if (lookups_at_once < threads)
        gate_await(&checks, &checks.done, 1);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(gate.done, LOOKUPS);
    cr_assert_eq(gate.waiting_most, lookups_at_once);
    cr_assert_eq(checks.done, 1);
}

Test(pool, lookups_take_at_most_half_of_the_threads_rounded_up)
{
    check_passes_lookups(1, 1);
    check_passes_lookups(2, 1);
    check_passes_lookups(3, 2);
    check_passes_lookups(4, 2);
}

Test(pool, a_full_queue_refuses_with_a_retry_hint)
{
    struct gate_job *jobs = memory_new_array(LIMIT_POOL_QUEUE + 2, sizeof *jobs);
    struct gate gate = GATE_CLOSED;
    struct pool *pool = pool_new(engine, 1);
    struct error error;

    for (uint32_t at = 0; at < LIMIT_POOL_QUEUE + 2; at++)
        jobs[at] = job_at(&gate);
    submit(pool, ENGINE_CLASS_CHECK, &jobs[0]);
    gate_await(&gate, &gate.waiting, 1);
    for (uint32_t at = 1; at <= LIMIT_POOL_QUEUE; at++)
        submit(pool, ENGINE_CLASS_CHECK, &jobs[at]);
    cr_assert_eq(pool_submit(pool, ENGINE_CLASS_CHECK, &jobs[LIMIT_POOL_QUEUE + 1].job, &error),
                 BEHALF_OVERLOADED);
    cr_assert_gt(error.retry_after_ms, 0);
    cr_assert_eq(pool_ask(pool, ENGINE_CLASS_CHECK, &(struct engine_queued){.flow = NULL}, &error),
                 BEHALF_OVERLOADED);
    cr_assert_eq(pool_ask(pool, ENGINE_CLASS_LOOKUP, &(struct engine_queued){.flow = NULL}, &error),
                 BEHALF_OK);
    /* The other class has a queue of its own. */
    submit(pool, ENGINE_CLASS_LOOKUP, &jobs[LIMIT_POOL_QUEUE + 1]);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(gate.done, LIMIT_POOL_QUEUE + 2);
    memory_free(jobs);
}

/* --- fairness, waiting and deadlines --- */

/* Checks hold all that they may; a lookup that comes last still runs. */
Test(pool, checks_leave_a_thread_to_lookups)
{
    enum { CHECKS = 20 };
    struct gate_job checks[CHECKS];
    struct gate gate = GATE_CLOSED;
    struct gate lookups = GATE_CLOSED;
    struct gate_job lookup = job_at(&lookups);
    struct pool *pool = pool_new(engine, 3);

    for (uint32_t at = 0; at < CHECKS; at++) {
        checks[at] = job_at(&gate);
        submit(pool, ENGINE_CLASS_CHECK, &checks[at]);
    }
    gate_await(&gate, &gate.waiting, 2);
    lookups.open = true;
    submit(pool, ENGINE_CLASS_LOOKUP, &lookup);
    gate_await(&lookups, &lookups.done, 1);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(gate.waiting_most, 2);
}

Test(pool, an_operator_is_answered_while_all_threads_are_taken)
{
    struct gate gate = GATE_CLOSED;
    struct gate admin = GATE_CLOSED;
    struct gate_job jobs[2] = {job_at(&gate), job_at(&gate)};
    struct gate_job question = job_at(&admin);
    struct pool *pool = pool_new(engine, 1);

    submit(pool, ENGINE_CLASS_CHECK, &jobs[0]);
    submit(pool, ENGINE_CLASS_LOOKUP, &jobs[1]);
    gate_await(&gate, &gate.waiting, 1);
    admin.open = true;
    submit(pool, ENGINE_CLASS_ADMIN, &question);
    gate_await(&admin, &admin.done, 1);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(gate.done, 2);
}

/* In which order jobs of two callers ran. */
struct ordered_job {
    struct gate_job at_gate;
    unsigned *next;
    unsigned place;
};

static void
run_ordered(struct engine_job *job, struct engine_worker *worker)
{
    struct ordered_job *ordered = (struct ordered_job *)job;

    (void)worker;
    ordered->place = (*ordered->next)++;
}

Test(pool, a_caller_with_one_job_waits_for_one_of_a_caller_with_many)
{
    enum { MANY = 50 };
    struct engine_flow flows[2] = {{NULL}, {NULL}};
    struct ordered_job many[MANY];
    struct ordered_job one;
    struct gate gate = GATE_CLOSED;
    struct gate_job first = job_at(&gate);
    struct pool *pool = pool_new(engine, 1);
    unsigned next = 0;

    submit(pool, ENGINE_CLASS_CHECK, &first);
    gate_await(&gate, &gate.waiting, 1);
    for (uint32_t at = 0; at < MANY; at++) {
        many[at] = (struct ordered_job){
            .at_gate.job = {.queued.flow = &flows[0], .run = run_ordered}, .next = &next};
        submit(pool, ENGINE_CLASS_CHECK, &many[at].at_gate);
    }
    one = (struct ordered_job){.at_gate.job = {.queued.flow = &flows[1], .run = run_ordered},
                               .next = &next};
    submit(pool, ENGINE_CLASS_CHECK, &one.at_gate);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(one.place, 1);
    for (uint32_t at = 0; at < MANY; at++)
        cr_assert_eq(many[at].place, at == 0 ? 0 : at + 1);
}

struct mortal_job {
    struct gate_job at_gate;
    atomic_uint expired;
};

static void
note_expired(struct engine_job *job)
{
    atomic_fetch_add(&((struct mortal_job *)job)->expired, 1);
}

static void
never(struct engine_job *job, struct engine_worker *worker)
{
    (void)job;
    (void)worker;
    cr_assert_fail("a job whose deadline came was run");
}

/* Nobody has to finish for that: the thread that could run it is taken all the time. */
Test(pool, a_queued_job_whose_deadline_comes_is_told_and_not_run)
{
    struct gate gate = GATE_CLOSED;
    struct gate_job first = job_at(&gate);
    struct mortal_job mortal = {.expired = 0};
    struct pool *pool = pool_new(engine, 1);
    struct pool_stats stats;

    submit(pool, ENGINE_CLASS_LOOKUP, &first);
    gate_await(&gate, &gate.waiting, 1);
    mortal.at_gate.job =
        (struct engine_job){.queued.deadline_ns = env_monotonic_ns(env_system()) + 50000000,
                            .run = never,
                            .expire = note_expired};
    submit(pool, ENGINE_CLASS_LOOKUP, &mortal.at_gate);
    while (atomic_load(&mortal.expired) == 0)
        (void)usleep(1000);
    pool_stats_read(pool, &stats);
    cr_assert_eq(stats.expired, 1);
    cr_assert_eq(stats.waiting[ENGINE_CLASS_LOOKUP], 0);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(atomic_load(&mortal.expired), 1);
}

/* The operators' thread is taken as well: deadlines wait for no job of any class. */
Test(pool, deadlines_are_told_while_an_operator_is_served)
{
    struct gate gate = GATE_CLOSED;
    struct gate_job taken[2] = {job_at(&gate), job_at(&gate)};
    struct mortal_job mortal = {.expired = 0};
    struct pool *pool = pool_new(engine, 1);

    submit(pool, ENGINE_CLASS_LOOKUP, &taken[0]);
    submit(pool, ENGINE_CLASS_ADMIN, &taken[1]);
    gate_await(&gate, &gate.waiting, 2);
    mortal.at_gate.job =
        (struct engine_job){.queued.deadline_ns = env_monotonic_ns(env_system()) + 50000000,
                            .run = never,
                            .expire = note_expired};
    submit(pool, ENGINE_CLASS_LOOKUP, &mortal.at_gate);
    while (atomic_load(&mortal.expired) == 0)
        (void)usleep(1000);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(atomic_load(&mortal.expired), 1);
}

/* Deadlines of an hour: nothing but the abandoning ends the jobs before the gate opens. */
Test(pool, jobs_of_a_caller_that_is_gone_leave_the_queue_and_those_of_others_stay)
{
    enum { MANY = 50 };
    struct engine_flow flows[2] = {{NULL}, {NULL}};
    struct mortal_job gone[MANY];
    struct gate gate = GATE_CLOSED;
    struct gate_job first = job_at(&gate);
    struct gate_job other = job_at(&gate);
    struct pool *pool = pool_new(engine, 1);
    int64_t hour = env_monotonic_ns(env_system()) + INT64_C(3600000000000);
    struct pool_stats stats;

    submit(pool, ENGINE_CLASS_LOOKUP, &first);
    gate_await(&gate, &gate.waiting, 1);
    for (uint32_t at = 0; at < MANY; at++) {
        gone[at] =
            (struct mortal_job){.at_gate.job = {.queued = {.flow = &flows[0], .deadline_ns = hour},
                                                .run = never,
                                                .expire = note_expired}};
        submit(pool, ENGINE_CLASS_LOOKUP, &gone[at].at_gate);
    }
    other.job.queued = (struct engine_queued){.flow = &flows[1], .deadline_ns = hour};
    other.job.expire = note_expired;
    submit(pool, ENGINE_CLASS_LOOKUP, &other);
    pool_abandon(pool, &flows[0]);
    for (uint32_t at = 0; at < MANY; at++) {
        while (atomic_load(&gone[at].expired) == 0)
            (void)usleep(1000);
    }
    pool_stats_read(pool, &stats);
    cr_assert_eq(stats.waiting[ENGINE_CLASS_LOOKUP], 1);
    cr_assert_eq(flows[0].length, 0);
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(gate.done, 2);
}

static void
note_nothing(struct engine_job *job)
{
    (void)job;
}

static void
run_slowly(struct engine_job *job, struct engine_worker *worker)
{
    (void)job;
    (void)worker;
    (void)usleep(20000);
}

static void
learn_of_slow_jobs(struct pool *pool)
{
    static struct engine_job jobs[8];
    struct error error;

    for (size_t at = 0; at < BEHALF_COUNT_OF(jobs); at++) {
        jobs[at] = (struct engine_job){.run = run_slowly};
        cr_assert_eq(pool_submit(pool, ENGINE_CLASS_LOOKUP, &jobs[at], &error), BEHALF_OK);
        (void)usleep(30000);
    }
}

/* Jobs of 20 ms are known to take that long; with a deadline of 200 ms some ten could be served in
 * time, and the queue is not let grow beyond half of them. */
Test(pool, a_job_that_would_wait_too_long_is_refused_with_a_true_hint)
{
    enum { JOBS = 60 };
    struct engine_job jobs[JOBS];
    struct pool *pool = pool_new(engine, 1);
    struct error error = {.status = BEHALF_OK};
    unsigned accepted = 0;
    unsigned refused = 0;

    learn_of_slow_jobs(pool);
    for (int at = 0; at < JOBS; at++) {
        jobs[at] =
            (struct engine_job){.queued.deadline_ns = env_monotonic_ns(env_system()) + 200000000,
                                .run = run_slowly,
                                .expire = note_nothing};
        if (pool_submit(pool, ENGINE_CLASS_LOOKUP, &jobs[at], &error) == BEHALF_OK) {
            accepted++;
        } else {
            cr_assert_eq(error.status, BEHALF_OVERLOADED);
            cr_assert_geq(error.retry_after_ms, 50);
            cr_assert_leq(error.retry_after_ms, 1000);
            refused++;
        }
    }
    cr_assert_geq(accepted, 2);
    cr_assert_leq(accepted, 12);
    cr_assert_gt(refused, 40);
    pool_free(pool);
}

/* Whoever asks for one thing after the other may ask before the thread has given back its place. */
Test(pool, the_first_in_a_queue_is_taken_however_long_jobs_take)
{
    struct gate gate = GATE_CLOSED;
    struct gate_job long_one = job_at(&gate);
    struct engine_job next[2];
    struct pool *pool = pool_new(engine, 1);
    struct error error = {.status = BEHALF_OK};

    learn_of_slow_jobs(pool);
    submit(pool, ENGINE_CLASS_LOOKUP, &long_one);
    gate_await(&gate, &gate.waiting, 1);
    for (int at = 0; at < 2; at++)
        next[at] =
            (struct engine_job){.queued.deadline_ns = env_monotonic_ns(env_system()) + 30000000,
                                .run = run_slowly,
                                .expire = note_nothing};
    cr_assert_eq(pool_submit(pool, ENGINE_CLASS_LOOKUP, &next[0], &error), BEHALF_OK);
    cr_assert_eq(pool_submit(pool, ENGINE_CLASS_LOOKUP, &next[1], &error), BEHALF_OVERLOADED);
    gate_open(&gate);
    pool_free(pool);
}

static atomic_llong clock_ns = 1000000000;

static int64_t
set_clock(void *context)
{
    (void)context;
    return atomic_load(&clock_ns);
}

/* What a thread takes from the queue after its deadline leaves nothing behind that looks like a
 * stall: the time until the next job was nobody's waiting. */
Test(pool, what_expired_in_the_queue_is_no_reason_to_refuse)
{
    static struct env env; /* the engine is closed after this function has returned */
    int64_t hour = INT64_C(3600000000000);
    struct gate gate = GATE_CLOSED;
    struct mortal_job dead = {.at_gate.job = {.run = never, .expire = note_expired}};
    struct gate_job jobs[4];
    struct pool *pool;

    env = *env_system();
    env.monotonic_ns = set_clock;
    engine_close(engine);
    cr_assert_eq(engine_open(&(struct engine_options){.store = store, .env = &env, .workers = 1},
                             &engine, &(struct error){.status = BEHALF_OK}),
                 BEHALF_OK);
    pool = pool_new(engine, 1);
    for (uint32_t at = 0; at < 4; at++)
        jobs[at] = job_at(&gate);
    submit(pool, ENGINE_CLASS_LOOKUP, &jobs[0]);
    gate_await(&gate, &gate.waiting, 1);
    dead.at_gate.job.queued.deadline_ns = atomic_load(&clock_ns) + hour;
    submit(pool, ENGINE_CLASS_LOOKUP, &dead.at_gate);
    (void)usleep(50000); /* the thread of the deadlines sleeps again, and for an hour */
    atomic_fetch_add(&clock_ns, 2 * hour);
    gate_open(&gate);
    while (atomic_load(&dead.expired) == 0)
        (void)usleep(1000);
    gate_await(&gate, &gate.done, 1);
    gate.open = false;
    atomic_fetch_add(&clock_ns, 100 * hour);
    submit(pool, ENGINE_CLASS_LOOKUP, &jobs[1]);
    gate_await(&gate, &gate.waiting, 1);
    for (uint32_t at = 2; at < 4; at++) { /* the first waits anyway, the other is judged */
        jobs[at].job.queued.deadline_ns = atomic_load(&clock_ns) + 30 * hour;
        jobs[at].job.expire = note_nothing;
        submit(pool, ENGINE_CLASS_LOOKUP, &jobs[at]);
    }
    gate_open(&gate);
    pool_free(pool);
    cr_assert_eq(gate.done, 4);
}

/* --- shares --- */

struct offered_share {
    struct executor_share share; /* first */
    struct gate *gate;
};

static void
run_offered(struct executor_share *share, struct arena *scratch)
{
    cr_assert_eq(scratch->used_bytes, 0, "the share's scratch is empty");
    cr_assert_not_null(arena_take(scratch, 1000));
    pass_gate(((struct offered_share *)share)->gate);
}

static struct offered_share
share_at(struct gate *gate)
{
    return (struct offered_share){{NULL, run_offered}, gate};
}

Test(pool, a_share_is_taken_by_a_thread_that_has_nothing_to_do)
{
    struct gate gate = GATE_CLOSED;
    struct offered_share offered = share_at(&gate);
    struct pool *pool = pool_new(engine, 1);
    struct executor *executor = pool_executor(pool);

    gate.open = true;
    executor->offer(executor, &offered.share);
    gate_await(&gate, &gate.done, 1);
    cr_assert_not(executor->withdraw(executor, &offered.share));
    pool_free(pool);
    cr_assert_eq(gate.done, 1);
}

Test(pool, what_was_withdrawn_is_never_run)
{
    enum { SHARES = 5 };
    struct gate gate = GATE_CLOSED;
    struct gate open = GATE_CLOSED;
    struct gate_job job = job_at(&gate);
    struct offered_share offered[SHARES];
    struct pool *pool = pool_new(engine, 1);
    struct executor *executor = pool_executor(pool);

    open.open = true;
    submit(pool, ENGINE_CLASS_CHECK, &job);
    gate_await(&gate, &gate.waiting, 1);
    for (uint32_t at = 0; at < SHARES; at++) {
        offered[at] = share_at(&open);
        executor->offer(executor, &offered[at].share);
    }
    /* From the middle, the end and the front; what comes after is still found. */
    cr_assert(executor->withdraw(executor, &offered[2].share));
    cr_assert(executor->withdraw(executor, &offered[4].share));
    cr_assert(executor->withdraw(executor, &offered[0].share));
    cr_assert_not(executor->withdraw(executor, &offered[2].share));
    executor->offer(executor, &offered[4].share);
    gate_open(&gate);
    gate_await(&open, &open.done, 3);
    pool_free(pool);
    cr_assert_eq(open.done, 3);
}

Test(pool, a_share_waits_for_every_job)
{
    struct gate gate = GATE_CLOSED;
    struct gate late = GATE_CLOSED;
    struct gate open = GATE_CLOSED;
    struct gate_job jobs[2] = {job_at(&gate), job_at(&late)};
    struct offered_share offered = share_at(&open);
    struct pool *pool = pool_new(engine, 1);
    struct executor *executor = pool_executor(pool);

    submit(pool, ENGINE_CLASS_CHECK, &jobs[0]);
    gate_await(&gate, &gate.waiting, 1);
    executor->offer(executor, &offered.share);
    cr_assert_not(executor->is_wanted(executor), "a share wants nobody");
    submit(pool, ENGINE_CLASS_LOOKUP, &jobs[1]);
    cr_assert(executor->is_wanted(executor));
    gate_open(&gate);
    gate_await(&late, &late.waiting, 1);
    cr_assert_not(executor->is_wanted(executor));
    cr_assert(executor->withdraw(executor, &offered.share), "the lookup came later and went first");
    gate_open(&late);
    pool_free(pool);
    cr_assert_eq(open.done, 0);
}

Test(pool, no_pool_can_be_freed)
{
    pool_free(NULL);
}
