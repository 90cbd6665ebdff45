/* bench.h - what the files of `behalf-bench` share.
 * Always true: requests are encoded before the clock starts; while it runs a request costs a copy,
 * an id and a place in a buffer, and nothing is allocated, so that the server is what is measured.
 * Threads: options and requests are written before the threads start and read by all of them. */
#ifndef BEHALF_BENCH_BENCH_H
#define BEHALF_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/slice.h"
#include "bench/bench_histogram.h"
#include "client/behalf.h"

enum bench_exit { BENCH_OK = 0, BENCH_USAGE = 1, BENCH_CONNECTION = 2, BENCH_WRONG = 3 };

enum bench_method {
    METHOD_CHECK,
    METHOD_CHECK_BULK,
    METHOD_LOOKUP_RESOURCES,
    METHOD_LOOKUP_SUBJECTS,
    METHOD_LOOKUP_PERMISSIONS,
    METHOD_EXPAND,
    METHOD_WRITE,
    METHOD_PING,
};

struct bench_options {
    const char *endpoint;
    const char *workload; /* directory; NULL for a ping without one */
    enum bench_method method;
    uint32_t connections;
    uint32_t depth; /* requests in flight on each connection */
    uint32_t threads;
    uint32_t batch; /* items of a bulk, updates of a write; 0 = the method's default */
    uint32_t repeat;
    double seconds;
    double warmup_seconds;
    bool json;
};

/* --- requests (bench_requests.c) -------------------------------------------------------------- */

#define EXPECT_UNKNOWN UINT32_MAX

/* One encoded request: [0, id, method, [arguments]], the id as four bytes at BENCH_ID_AT. */
#define BENCH_ID_AT 3

struct bench_request {
    size_t at; /* in requests.bytes */
    uint32_t size;
    uint32_t first; /* its first item in requests.expected */
    uint32_t count; /* how many answers it has: 1, or the items of a bulk */
};

struct bench_requests {
    struct buffer bytes;
    struct bench_request *items;
    size_t count;
    size_t capacity;
    uint32_t *expected;  /* decision (0 deny, 1 allow) or number of results; EXPECT_UNKNOWN */
    struct slice *texts; /* the line each expectation comes from */
    size_t expected_count;
    size_t expected_capacity;
    struct buffer source; /* the file the texts point into */
};

/* False after saying on standard error what is wrong. */
bool bench_requests_build(const struct bench_options *options,
                          struct bench_requests *requests) BEHALF_MUST_USE;
void bench_requests_release(struct bench_requests *requests);

/* Reads DIRECTORY/NAME whole. When it is absent: false, and silent when `optional`. */
bool bench_file_read(const char *directory, const char *name, bool optional,
                     struct buffer *out) BEHALF_MUST_USE;

/* Takes the next line off `rest`; false at the end. */
bool bench_line_next(struct slice *rest, struct slice *line);

/* --- running (bench_run.c) -------------------------------------------------------------------- */

#define BENCH_SHOWN_MAX 8
#define BENCH_SHOWN_SIZE 400

struct bench_result {
    struct histogram latency_ns;
    uint64_t requests;
    uint64_t answers; /* requests, or the items of bulks */
    uint64_t errors;
    uint64_t wrong;
    uint64_t verified; /* answers that had an expectation */
    double seconds;
    uint32_t shown_count;
    char shown[BENCH_SHOWN_MAX][BENCH_SHOWN_SIZE]; /* the first errors and wrong answers */
};

/* One timed run after its warm-up. */
enum bench_exit bench_run(const struct bench_options *options,
                          const struct bench_requests *requests,
                          struct bench_result *result) BEHALF_MUST_USE;

void bench_report(const struct bench_options *options, const struct bench_result *result,
                  uint32_t run);
void bench_report_summary(const struct bench_options *options, double *rates, uint32_t count);

const char *bench_method_name(enum bench_method method);

/* --- answers (bench_answers.c) ---------------------------------------------------------------- */

/* Compares a reply's parts with what is expected of `request` and counts in `result`. */
void bench_answer(const struct bench_options *options, const struct bench_requests *requests,
                  const struct bench_request *request, struct behalf_value error,
                  struct behalf_value value, struct bench_result *result);

/* --- loading (bench_load.c) ------------------------------------------------------------------- */

enum bench_exit bench_load(const struct bench_options *options) BEHALF_MUST_USE;

#endif
