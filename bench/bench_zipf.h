/* bench_zipf.h - ranks by Zipf's law: rank k is drawn in proportion to 1 / (k + 1)^theta.
 *
 * Rejection-inversion (Hoermann and Derflinger 1996): no table, so ten million objects cost no more
 * than ten. theta 0 is the uniform choice; about 1 is what popularity looks like.
 * Threads: a sampler is read only once made. */
#ifndef BEHALF_BENCH_ZIPF_H
#define BEHALF_BENCH_ZIPF_H

#include <stdint.h>

#include "bench/bench_random.h"

struct bench_zipf {
    uint64_t count;
    double theta;
    double first; /* bounds of the area that is drawn from */
    double last;
    double accept; /* within this distance of a rank nothing has to be computed */
};

/* `count` at least 1, `theta` at least 0. */
void bench_zipf_init(struct bench_zipf *zipf, uint64_t count, double theta);

/* 0 to count - 1, 0 the most frequent. */
uint64_t bench_zipf_next(const struct bench_zipf *zipf, struct bench_random *random);

/* Spreads neighbouring ranks over all of 0 to count - 1; one to one. `count` below 2^32 - 5. */
uint64_t bench_zipf_scatter(uint64_t rank, uint64_t count);

#endif
