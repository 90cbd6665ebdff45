/* deadlines.c - see deadlines.h. */
#include "engine/deadlines.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"

struct deadlines {
    const struct env *env;
    int64_t (*expire)(void *owner, int64_t now_ns);
    void *owner;
    const char *thread_name;
    pthread_t thread;

    pthread_mutex_t lock; /* guards the changes of the two below */
    pthread_cond_t changed;
    _Atomic int64_t earliest_ns; /* no deadline that is watched comes before; INT64_MAX = none */
    bool closing;
};

static bool
is_due(const struct deadlines *deadlines)
{
    return env_monotonic_ns(deadlines->env) >= atomic_load(&deadlines->earliest_ns);
}

/* Under the lock. The condition has a clock of its own: only how long to sleep comes from the
 * env's. */
static void
sleep_until_due(struct deadlines *deadlines)
{
    int64_t earliest = atomic_load(&deadlines->earliest_ns);
    int64_t left;
    struct timespec until;

    if (earliest == INT64_MAX) {
        pthread_cond_wait(&deadlines->changed, &deadlines->lock);
        return;
    }
    left = earliest - env_monotonic_ns(deadlines->env);
    left = (left > 0 ? left : 0) + DEADLINES_SLACK_NS;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    left += until.tv_nsec;
    until.tv_sec += left / 1000000000;
    until.tv_nsec = left % 1000000000;
    (void)pthread_cond_timedwait(&deadlines->changed, &deadlines->lock, &until);
}

static void *
run(void *argument)
{
    struct deadlines *deadlines = argument;

    (void)pthread_setname_np(pthread_self(), deadlines->thread_name);
    pthread_mutex_lock(&deadlines->lock);
    while (!deadlines->closing) {
        int64_t next;

        sleep_until_due(deadlines);
        if (!is_due(deadlines))
            continue;
        /* What is queued from here on is watched anew, what was before is seen by `expire`. */
        atomic_store(&deadlines->earliest_ns, INT64_MAX);
        pthread_mutex_unlock(&deadlines->lock);
        next = deadlines->expire(deadlines->owner, env_monotonic_ns(deadlines->env));
        pthread_mutex_lock(&deadlines->lock);
        if (next < atomic_load(&deadlines->earliest_ns))
            atomic_store(&deadlines->earliest_ns, next);
    }
    pthread_mutex_unlock(&deadlines->lock);
    return NULL;
}

struct deadlines *
deadlines_new(const struct env *env, int64_t (*expire)(void *owner, int64_t now_ns), void *owner,
              const char *thread_name)
{
    struct deadlines *deadlines = memory_new(sizeof *deadlines);
    pthread_condattr_t monotonic;
    sigset_t all;
    sigset_t before;
    int failure;

    deadlines->env = env;
    deadlines->expire = expire;
    deadlines->owner = owner;
    deadlines->thread_name = thread_name;
    atomic_init(&deadlines->earliest_ns, INT64_MAX);
    pthread_mutex_init(&deadlines->lock, NULL);
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&deadlines->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    /* Signals are for the thread that waits for them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&deadlines->thread, NULL, run, deadlines);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    BEHALF_ASSERT(failure == 0);
    return deadlines;
}

void
deadlines_free(struct deadlines *deadlines)
{
    if (deadlines == NULL)
        return;
    pthread_mutex_lock(&deadlines->lock);
    deadlines->closing = true;
    pthread_cond_signal(&deadlines->changed);
    pthread_mutex_unlock(&deadlines->lock);
    pthread_join(deadlines->thread, NULL);
    pthread_cond_destroy(&deadlines->changed);
    pthread_mutex_destroy(&deadlines->lock);
    memory_free(deadlines);
}

void
deadlines_watch(struct deadlines *deadlines, int64_t deadline_ns)
{
    if (deadline_ns >= atomic_load(&deadlines->earliest_ns))
        return;
    pthread_mutex_lock(&deadlines->lock);
    if (deadline_ns < atomic_load(&deadlines->earliest_ns)) {
        atomic_store(&deadlines->earliest_ns, deadline_ns);
        pthread_cond_signal(&deadlines->changed);
    }
    pthread_mutex_unlock(&deadlines->lock);
}
