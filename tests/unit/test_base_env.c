/* The real environment: clocks that go forwards, bytes that differ. */
#include <criterion/criterion.h>

#include <string.h>

#include "base/env.h"

Test(base_env, the_monotonic_clock_never_steps_back)
{
    const struct env *env = env_system();
    int64_t before = env_monotonic_ns(env);

    for (int round = 0; round < 10000; round++) {
        int64_t now = env_monotonic_ns(env);

        cr_assert_geq(now, before);
        before = now;
    }
}

Test(base_env, the_wall_clock_is_of_this_century)
{
    int64_t seconds = env_wall_ns(env_system()) / 1000000000;

    cr_assert_gt(seconds, 1700000000);
    cr_assert_lt(seconds, INT64_C(4102444800));
}

Test(base_env, random_bytes_fill_what_was_asked_and_no_more)
{
    const struct env *env = env_system();
    unsigned char first[64];
    unsigned char second[64];

    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    env->random_bytes(env->context, first, 32);
    env->random_bytes(env->context, second, 32);
    cr_assert_neq(memcmp(first, second, 32), 0);
    for (size_t at = 32; at < sizeof first; at++)
        cr_assert_eq(first[at], 0);
}
