/* bench.h - what the files of `behalf-bench` share.
 * Always true: requests are encoded before the clock starts; while it runs a request costs a copy,
 * an id and a place in a buffer, and nothing is allocated, so that the server is what is measured.
 * Threads: options and requests are written before the threads start and read by all of them. */
#ifndef BEHALF_BENCH_BENCH_H
#define BEHALF_BENCH_BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/slice.h"
#include "bench/bench_histogram.h"
#include "bench/bench_mix.h"
#include "bench/workload.h"
#include "client/behalf.h"

enum bench_exit {
    BENCH_OK = 0,
    BENCH_USAGE = 1,
    BENCH_CONNECTION = 2,
    BENCH_WRONG = 3,
    BENCH_SLOWER = 4
};

enum bench_output { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_CSV };

struct bench_grants;
struct bench_serve_more;

struct bench_options {
    const char *command; /* the whole command line, for reports; NULL = not known */
    const char *endpoint;
    struct behalf_options connect; /* how: TLS */
    const char *workload;          /* a shape or a directory; NULL for a ping without one */
    uint64_t size;                 /* relationships of a shape */
    uint64_t seed;
    double zipf;
    uint32_t questions; /* generated for each kind of request; lookups a tenth */
    struct bench_mix mix;
    uint32_t connections;
    uint32_t depth; /* requests in flight on each connection */
    uint32_t threads;
    uint32_t batch;   /* items of a bulk */
    uint32_t updates; /* of a write */
    uint32_t repeat;
    double rate;          /* requests a second of an open loop; 0 = closed loop */
    uint32_t deadline_ms; /* of each request; 0 = none is named */
    double seconds;
    double warmup_seconds;
    bool echo; /* measure ping beside each run */
    enum bench_output output;
    const char *html;         /* file for the report; NULL = none */
    const char *server;       /* behalfd to start; NULL = the one beside this program */
    const char *graph_memory; /* of the server started; NULL = its default */
    const struct bench_serve_more *server_more; /* NULL = nothing */
    uint32_t idle;                              /* connections of a siege */
    bool serve;
    struct bench_grants *grants; /* that questions show: made as decks are built; of one endpoint */
    uint64_t grant_uses;         /* of each; 0 = any number */
    bool without_grants;         /* the same questions for the principal alone */
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

/* All requests of one method. */
struct bench_requests {
    enum bench_method method;
    struct buffer bytes;
    struct bench_request *items;
    size_t count;
    size_t capacity;
    uint32_t *expected;  /* decision (0 deny, 1 allow) or number of results; EXPECT_UNKNOWN */
    struct slice *texts; /* the line each expectation comes from */
    size_t expected_count;
    size_t expected_capacity;
    size_t text_capacity;
    struct buffer source; /* the lines the texts point into */
    int64_t deadline_ns;  /* that each names; 0 = none */
};

/* Those of every method of a mix. */
struct bench_deck {
    struct bench_requests methods[METHOD_COUNT]; /* empty where the weight is 0 */
    struct bench_mix mix;
};

/* False after saying on standard error what is wrong. `workload` NULL: only pings are possible. */
bool bench_deck_build(const struct bench_options *options, const struct workload *workload,
                      const struct bench_mix *mix, struct bench_deck *deck) BEHALF_MUST_USE;
void bench_deck_release(struct bench_deck *deck);

/* --- answers (bench_answers.c) ---------------------------------------------------------------- */

#define BENCH_SHOWN_MAX 8
#define BENCH_SHOWN_SIZE 400

/* What one method did in one run. */
struct bench_count {
    struct histogram latency_ns;
    uint64_t requests;
    uint64_t answers;    /* requests, or the items of bulks */
    uint64_t good;       /* requests answered, and before their deadline */
    uint64_t overloaded; /* requests with a deadline that were refused with OVERLOADED */
    uint64_t expired;    /* the same with DEADLINE */
    uint64_t errors;     /* others */
    uint64_t wrong;
    uint64_t verified; /* answers that had an expectation */
};

/* The first errors and wrong answers. */
struct bench_shown {
    uint32_t count;
    char lines[BENCH_SHOWN_MAX][BENCH_SHOWN_SIZE];
};

/* Compares a reply's parts with what is expected of `request` and counts. Latencies are those of
 * all replies, or, where requests have a deadline, of answers: a refusal is meant to be quick. */
void bench_answer(const struct bench_requests *requests, const struct bench_request *request,
                  struct behalf_value error, struct behalf_value value, int64_t latency_ns,
                  struct bench_count *count, struct bench_shown *shown);

/* --- running (bench_run.c) -------------------------------------------------------------------- */

#define BENCH_SAMPLES_MAX 2000

/* Requests answered in a stretch of time. */
struct bench_sample {
    double seconds; /* its end, since the clock started */
    double requests_per_second;
};

struct bench_result {
    struct bench_count methods[METHOD_COUNT];
    struct bench_shown shown;
    double seconds;
    uint64_t late;   /* open loop: sent more than BENCH_LATE_NS after they were due */
    uint64_t unsent; /* open loop: never sent; they count in no latency and no rate */
    struct bench_sample samples[BENCH_SAMPLES_MAX];
    uint32_t sample_count;
};

#define BENCH_LATE_NS INT64_C(1000000)

/* One timed run after its warm-up. `name` is for the line that shows the progress at a terminal. */
enum bench_exit bench_run(const struct bench_options *options, const struct bench_deck *deck,
                          const char *name, struct bench_result *result) BEHALF_MUST_USE;

/* All methods of a result as one. */
void bench_result_total(const struct bench_result *result, struct bench_count *total);

/* --- loading (bench_load.c) ------------------------------------------------------------------- */

struct bench_load_result {
    uint64_t relationships;
    double seconds;
};

enum bench_exit bench_load(const struct bench_options *options, const struct workload *workload,
                           struct bench_load_result *result) BEHALF_MUST_USE;

/* --- programs (bench_session.c, bench_numbers.c) ---------------------------------------------- */

/* Load, run or both, with a server of its own where the options say so, and the report. */
enum bench_parts { BENCH_LOAD = 1, BENCH_RUN = 2 };
enum bench_exit bench_session(const struct bench_options *options, unsigned parts) BEHALF_MUST_USE;

struct report;

/* Runs the mix and its echo, as often as the options say. `*report` is the caller's to free,
 * whatever came out; it has a row only with BENCH_OK and BENCH_WRONG. */
enum bench_exit bench_measure(const struct bench_options *options, const struct workload *workload,
                              struct report **report) BEHALF_MUST_USE;

/* The figures that the project holds itself to. */
enum bench_exit bench_numbers(const struct bench_options *options) BEHALF_MUST_USE;

/* Honest clients beside those that are not (bench_siege.c). */
enum bench_exit bench_siege(const struct bench_options *options) BEHALF_MUST_USE;

int64_t bench_now_ns(void);

#endif
