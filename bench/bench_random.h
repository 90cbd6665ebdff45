/* bench_random.h - the load tool's own random numbers: the same seed gives the same ones anywhere.
 * SplitMix64 (Steele, Lea, Flood 2014): one word of state, any seed is good.
 * Threads: none; a generator belongs to one thread. */
#ifndef BEHALF_BENCH_RANDOM_H
#define BEHALF_BENCH_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct bench_random {
    uint64_t state;
};

static inline uint64_t
bench_random_next(struct bench_random *random)
{
    uint64_t mixed = random->state += UINT64_C(0x9E3779B97F4A7C15);

    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

/* 0 to count - 1; uneven by less than count / 2^32. */
static inline uint32_t
bench_random_below(struct bench_random *random, uint32_t count)
{
    return (uint32_t)(((bench_random_next(random) >> 32) * count) >> 32);
}

/* 0 to just below 1. */
static inline double
bench_random_unit(struct bench_random *random)
{
    return (double)(bench_random_next(random) >> 11) * 0x1p-53;
}

/* True in `percent` of a hundred cases. */
static inline bool
bench_random_chance(struct bench_random *random, uint32_t percent)
{
    return bench_random_below(random, 100) < percent;
}

/* An independent generator for part `number` of what `seed` names. */
static inline struct bench_random
bench_random_of(uint64_t seed, uint64_t number)
{
    struct bench_random random = {seed * UINT64_C(0xD1342543DE82EF95) ^ number};

    random.state = bench_random_next(&random);
    return random;
}

#endif
