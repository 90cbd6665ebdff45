/* bench_report.h - what was measured, for people and for programs.
 *
 * A report has a row per method, one over all of them when there are several, and one of the echo;
 * a row has a run per repeat. Figures of a row are medians over its runs, each figure by itself;
 * counts are sums, the largest latency and the histogram are those of all runs together.
 * Always true: a writer changes nothing, and what it writes depends on the report alone.
 * Memory: report_free; `command` is borrowed. Threads: none. */
#ifndef BEHALF_BENCH_REPORT_H
#define BEHALF_BENCH_REPORT_H

#include <stdio.h>

#include "bench/bench.h"

#define REPORT_ROWS_MAX (METHOD_COUNT + 2)
#define REPORT_ALL "all"
#define REPORT_ECHO "echo"

enum report_latency {
    REPORT_P50,
    REPORT_P90,
    REPORT_P99,
    REPORT_P999,
    REPORT_P9999,
    REPORT_MAX,
    REPORT_LATENCIES
};

/* "p50", and as a key of JSON "p50_us". */
const char *report_latency_name(enum report_latency latency);

struct report_figures {
    double requests_per_second;
    double answers_per_second;
    double good_per_second; /* requests answered before their deadline */
    double latency_us[REPORT_LATENCIES];
    uint64_t requests;
    uint64_t verified;
    uint64_t overloaded; /* refused; with a deadline these two are no errors */
    uint64_t expired;
    uint64_t errors;
    uint64_t wrong;
};

struct report_row {
    const char *name; /* static */
    struct report_figures *runs;
    uint32_t run_count;
    struct report_figures median; /* counts are sums, the maximum that of all runs */
    double lowest;                /* requests a second of the slowest run */
    double highest;
    struct histogram latency_ns;
};

struct report {
    const char *workload; /* NULL = none */
    const char *command;  /* the command line; NULL = not known */
    char started[32];     /* UTC, "2026-01-31T10:20:30Z" */
    char machine[256];    /* system, processor and cores of the load tool's machine */
    uint64_t relationships;
    uint64_t seed;
    double zipf;
    char mix[256];
    uint32_t connections;
    uint32_t depth;
    uint32_t threads;
    double rate;
    uint32_t deadline_ms; /* 0 = none */
    double seconds;
    double warmup_seconds;
    struct bench_load_result load; /* relationships 0 = nothing was loaded */
    struct report_row rows[REPORT_ROWS_MAX];
    uint32_t row_count;
    uint64_t late;
    uint64_t unsent;
    struct bench_sample samples[BENCH_SAMPLES_MAX]; /* of the last run */
    uint32_t sample_count;
};

struct report *report_new(const struct bench_options *options, const struct workload *workload);
void report_free(struct report *report); /* accepts NULL */

/* Adds a run to the row of that name (static), the first one makes the row. */
void report_add(struct report *report, const char *name, const struct bench_count *count,
                double seconds);
/* All rows of a run of the mix. */
void report_add_result(struct report *report, const struct bench_mix *mix,
                       const struct bench_result *result);

/* NULL when there is none. */
const struct report_row *report_find(const struct report *report, const char *name);

/* What the mix as a whole did: REPORT_ALL, or its only method. */
const struct report_row *report_main(const struct report *report);

/* Throughput of the main row as a part of the echo's, run by run: median, lowest, highest. False
 * without an echo. */
struct report_ratio {
    double median;
    double lowest;
    double highest;
    double p99; /* the main row's, over the echo's */
};
bool report_echo_ratio(const struct report *report, struct report_ratio *ratio);

/* Sorts `values` and gives the middle one; of two the mean. */
double report_median(double *values, size_t count);

void report_text(const struct report *report, struct buffer *out);
void report_json(const struct report *report, struct buffer *out); /* one document, a line */
void report_csv(const struct report *report, struct buffer *out);  /* a line per row and run */
void report_html(const struct report *report, struct buffer *out); /* needs nothing else */

/* --- comparing two JSON reports (bench_compare.c) --- */

struct report_judgement {
    uint32_t compared;  /* rows that both have */
    uint32_t slower;    /* of these, by more than the tolerance and the spread of the runs */
    uint32_t undecided; /* slower by more than the tolerance, but with too few runs to tell */
};

/* Rows of both documents side by side, `after` over `before`. What counts as slower: throughput in
 * a closed loop, p99 in an open one. A row is slower when its median moved by more than the
 * tolerance and its runs are all worse than all runs of the other report: that takes two runs of
 * each. False, with the reason in `problem`, when a text is no report. */
bool report_compare(struct slice before, struct slice after, double tolerance_percent, bool colour,
                    struct buffer *out, struct report_judgement *judgement,
                    struct buffer *problem) BEHALF_MUST_USE;

#endif
