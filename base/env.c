/* env.c - the system's clocks and random bytes. */
#include "base/env.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

static int64_t
read_clock(clockid_t clock)
{
    struct timespec now;
    int result = clock_gettime(clock, &now);

    BEHALF_ASSERT(result == 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t
system_wall_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
system_monotonic_ns(void *context)
{
    (void)context;
    return read_clock(CLOCK_MONOTONIC);
}

static void
system_random_bytes(void *context, void *bytes, size_t size)
{
    char *at = bytes;

    (void)context;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);

        BEHALF_ASSERT(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            size -= (size_t)got;
        }
    }
}

const struct env *
env_system(void)
{
    static const struct env env = {
        .wall_ns = system_wall_ns,
        .monotonic_ns = system_monotonic_ns,
        .random_bytes = system_random_bytes,
        .context = NULL,
    };

    return &env;
}

unsigned
env_core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    return count > 0 ? (unsigned)count : 1;
}
