/* env.h - what the world tells the process: time and randomness.
 * Always true: nothing below server/ reads a clock or makes random bytes but through an env, so a
 * test can stop the clock or replay a seed.
 * Threads: both functions of an env are safe from any thread.
 * Memory: an env is borrowed by all who hold it and outlives them. */
#ifndef BEHALF_BASE_ENV_H
#define BEHALF_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

struct env {
    int64_t (*wall_ns)(void *context);      /* nanoseconds since 1970 UTC */
    int64_t (*monotonic_ns)(void *context); /* for deadlines; starts anywhere, never steps back */
    void (*random_bytes)(void *context, void *bytes, size_t size); /* fit for keys */
    void *context;
};

/* The real clocks and the kernel's random generator. */
const struct env *env_system(void);

/* Processors of this machine, at least 1. */
unsigned env_core_count(void);

static inline int64_t
env_wall_ns(const struct env *env)
{
    return env->wall_ns(env->context);
}

static inline int64_t
env_monotonic_ns(const struct env *env)
{
    return env->monotonic_ns(env->context);
}

#endif
