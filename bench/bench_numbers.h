/* bench_numbers.h - what bench_numbers*.c and bench_siege.c share: a loaded server, and rows of
 * figures.
 * Threads: a stage is one thread's; copies of it with other options may be measured beside it. */
#ifndef BEHALF_BENCH_BENCH_NUMBERS_H
#define BEHALF_BENCH_BENCH_NUMBERS_H

#include "bench/bench.h"
#include "bench/bench_report.h"
#include "bench/bench_serve.h"

/* A loaded server. */
struct stage {
    struct bench_options options; /* with its endpoint */
    struct workload workload;
    struct bench_server server;
    struct bench_load_result loaded;
};

/* Loads the workload of that name into a server of its own. */
enum bench_exit stage_open(struct stage *stage, const struct bench_options *options,
                           const char *name, uint64_t size) BEHALF_MUST_USE;
void stage_close(struct stage *stage);

/* One method at so many connections and requests in flight. */
enum bench_exit stage_measure(const struct stage *stage, enum bench_method method,
                              uint32_t connections, uint32_t depth,
                              struct report **report) BEHALF_MUST_USE;
/* Asks (nearly) everything, so that what is measured is warm. */
enum bench_exit stage_warm(const struct stage *stage) BEHALF_MUST_USE;
double stage_rate(const struct report *report);

/* Answers a second within a deadline of half a second: in a closed loop, or in an open one at
 * `rate`, with more in flight, so that the load tool is not what keeps requests back. */
enum bench_exit stage_goodput(const struct stage *stage, enum bench_method method, double rate,
                              double *goodput) BEHALF_MUST_USE;

enum aim { AIM_AT_LEAST, AIM_AT_MOST, AIM_NONE };

void print_number(const char *number, const char *what, double figure, enum aim aim, double target,
                  const char *unit);

/* Figures of decisions by grants (bench_numbers_grants.c). */
enum bench_exit numbers_of_grants(const struct bench_options *options,
                                  const char *name) BEHALF_MUST_USE;

#endif
