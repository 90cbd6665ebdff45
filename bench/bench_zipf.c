/* bench_zipf.c - see bench_zipf.h.
 *
 * 1 / x^theta has the integral H(x); the area between H(1.5) - 1 and H(count + 0.5) is drawn from
 * evenly and H turned round gives a real number near a rank, which is taken or drawn again. Both
 * functions are written so that they hold at theta = 1, where the plain formulas divide by 0. */
#include "bench/bench_zipf.h"

#include <math.h>

#include "base/check.h"

#define PRIME UINT64_C(4294967291)

/* expm1(x) / x and log1p(x) / x, with their limits at 0. */
static double
expm1_over(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double
log1p_over(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

static double
density(double x, double theta)
{
    return exp(-theta * log(x));
}

static double
integral(double x, double theta)
{
    double logarithm = log(x);

    return expm1_over((1 - theta) * logarithm) * logarithm;
}

static double
integral_inverse(double area, double theta)
{
    double scaled = area * (1 - theta);

    if (scaled < -1) /* rounding */
        scaled = -1;
    return exp(log1p_over(scaled) * area);
}

void
bench_zipf_init(struct bench_zipf *zipf, uint64_t count, double theta)
{
    BEHALF_ASSERT(count > 0);
    BEHALF_ASSERT(theta >= 0);
    *zipf = (struct bench_zipf){.count = count, .theta = theta};
    zipf->first = integral(1.5, theta) - 1;
    zipf->last = integral((double)count + 0.5, theta);
    zipf->accept = 2 - integral_inverse(integral(2.5, theta) - density(2, theta), theta);
}

uint64_t
bench_zipf_next(const struct bench_zipf *zipf, struct bench_random *random)
{
    for (;;) {
        double area = zipf->last + bench_random_unit(random) * (zipf->first - zipf->last);
        double x = integral_inverse(area, zipf->theta);
        double rank = floor(x + 0.5);

        if (rank < 1)
            rank = 1;
        if (rank > (double)zipf->count)
            rank = (double)zipf->count;
        if (rank - x <= zipf->accept ||
            area >= integral(rank + 0.5, zipf->theta) - density(rank, zipf->theta))
            return (uint64_t)rank - 1;
    }
}

uint64_t
bench_zipf_scatter(uint64_t rank, uint64_t count)
{
    /* A prime larger than the count has no common divisor with it. */
    BEHALF_ASSERT(count < PRIME);
    return rank * PRIME % count;
}
