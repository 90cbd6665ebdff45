/* bench_report.c - see bench_report.h: the figures, and the table for people. */
#include "bench/bench_report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/memory.h"

static const struct {
    const char *name;
    double percent;
} latencies[REPORT_LATENCIES] = {
    [REPORT_P50] = {"p50", 50},         [REPORT_P90] = {"p90", 90},
    [REPORT_P99] = {"p99", 99},         [REPORT_P999] = {"p99.9", 99.9},
    [REPORT_P9999] = {"p99.99", 99.99}, [REPORT_MAX] = {"max", 100},
};

const char *
report_latency_name(enum report_latency latency)
{
    return latencies[latency].name;
}

/* --- figures ---------------------------------------------------------------------------------- */

/* The processor's name as the kernel gives it on x86; empty elsewhere. */
static void
read_processor(char *name, size_t size)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[256];

    name[0] = '\0';
    while (file != NULL && name[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
        const char *value = strchr(line, ':');

        if (value == NULL || strncmp(line, "model name", strlen("model name")) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        (void)snprintf(name, size, ", %s", value + strspn(value, ": "));
    }
    if (file != NULL)
        (void)fclose(file);
}

static void
note_circumstances(struct report *report)
{
    time_t now = time(NULL);
    char processor[160];
    struct utsname system;
    struct tm utc;

    if (gmtime_r(&now, &utc) != NULL)
        (void)strftime(report->started, sizeof report->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
    read_processor(processor, sizeof processor);
    if (uname(&system) == 0)
        (void)snprintf(report->machine, sizeof report->machine, "%.20s %.40s %.20s%s, %ld cores",
                       system.sysname, system.release, system.machine, processor,
                       sysconf(_SC_NPROCESSORS_ONLN));
}

struct report *
report_new(const struct bench_options *options, const struct workload *workload)
{
    struct report *report = memory_new(sizeof *report);
    struct buffer mix;

    *report = (struct report){.command = options->command,
                              .zipf = options->zipf,
                              .seed = options->seed,
                              .connections = options->connections,
                              .depth = options->depth,
                              .threads = options->threads,
                              .rate = options->rate,
                              .deadline_ms = options->deadline_ms,
                              .seconds = options->seconds,
                              .warmup_seconds = options->warmup_seconds};
    if (workload != NULL) {
        report->workload = workload->name;
        report->relationships = workload->relationships;
    }
    note_circumstances(report);
    buffer_init(&mix);
    bench_mix_print(&options->mix, &mix);
    (void)snprintf(report->mix, sizeof report->mix, "%.*s", SLICE_PRINTF(buffer_slice(&mix)));
    buffer_release(&mix);
    return report;
}

void
report_free(struct report *report)
{
    if (report == NULL)
        return;
    for (uint32_t index = 0; index < report->row_count; index++)
        memory_free(report->rows[index].runs);
    memory_free(report);
}

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

double
report_median(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare_doubles);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

/* The median of one figure over the runs; `offset` is its place in a report_figures. */
static double
median_of(const struct report_row *row, size_t offset, double *scratch)
{
    for (uint32_t run = 0; run < row->run_count; run++)
        memcpy(&scratch[run], (const char *)&row->runs[run] + offset, sizeof scratch[run]);
    return report_median(scratch, row->run_count);
}

static void
summarize(struct report_row *row)
{
    double *scratch = memory_new_array(row->run_count, sizeof *scratch);
    struct report_figures *median = &row->median;

    *median = (struct report_figures){.requests = 0};
    median->answers_per_second =
        median_of(row, offsetof(struct report_figures, answers_per_second), scratch);
    median->good_per_second =
        median_of(row, offsetof(struct report_figures, good_per_second), scratch);
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        median->latency_us[index] = median_of(
            row, offsetof(struct report_figures, latency_us) + index * sizeof(double), scratch);
    median->latency_us[REPORT_MAX] = (double)row->latency_ns.max / 1000.0;
    /* Last: `scratch` is then sorted by throughput. */
    median->requests_per_second =
        median_of(row, offsetof(struct report_figures, requests_per_second), scratch);
    row->lowest = scratch[0];
    row->highest = scratch[row->run_count - 1];
    for (uint32_t run = 0; run < row->run_count; run++) {
        median->requests += row->runs[run].requests;
        median->verified += row->runs[run].verified;
        median->overloaded += row->runs[run].overloaded;
        median->expired += row->runs[run].expired;
        median->errors += row->runs[run].errors;
        median->wrong += row->runs[run].wrong;
    }
    memory_free(scratch);
}

static struct report_row *
row_of(struct report *report, const char *name)
{
    struct report_row *row;

    for (uint32_t index = 0; index < report->row_count; index++)
        if (strcmp(report->rows[index].name, name) == 0)
            return &report->rows[index];
    BEHALF_ASSERT(report->row_count < REPORT_ROWS_MAX);
    row = &report->rows[report->row_count++];
    row->name = name;
    return row;
}

const struct report_row *
report_find(const struct report *report, const char *name)
{
    for (uint32_t index = 0; index < report->row_count; index++)
        if (strcmp(report->rows[index].name, name) == 0)
            return &report->rows[index];
    return NULL;
}

void
report_add(struct report *report, const char *name, const struct bench_count *count, double seconds)
{
    struct report_row *row = row_of(report, name);
    struct report_figures figures = {.requests_per_second = (double)count->requests / seconds,
                                     .answers_per_second = (double)count->answers / seconds,
                                     .good_per_second = (double)count->good / seconds,
                                     .requests = count->requests,
                                     .verified = count->verified,
                                     .overloaded = count->overloaded,
                                     .expired = count->expired,
                                     .errors = count->errors,
                                     .wrong = count->wrong};

    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        figures.latency_us[index] =
            (double)histogram_percentile(&count->latency_ns, latencies[index].percent) / 1000.0;
    row->runs = memory_resize(row->runs, row->run_count + 1, sizeof *row->runs);
    row->runs[row->run_count++] = figures;
    histogram_merge(&row->latency_ns, &count->latency_ns);
    summarize(row);
}

void
report_add_result(struct report *report, const struct bench_mix *mix,
                  const struct bench_result *result)
{
    struct bench_count *total = memory_new(sizeof *total);

    if (bench_mix_single(mix) == METHOD_COUNT) {
        bench_result_total(result, total);
        report_add(report, REPORT_ALL, total, result->seconds);
    }
    for (uint32_t method = 0; method < METHOD_COUNT; method++)
        if (mix->weights[method] > 0)
            report_add(report, bench_method_name((enum bench_method)method),
                       &result->methods[method], result->seconds);
    report->late += result->late;
    report->unsent += result->unsent;
    memcpy(report->samples, result->samples, sizeof report->samples);
    report->sample_count = result->sample_count;
    memory_free(total);
}

const struct report_row *
report_main(const struct report *report)
{
    /* The row over all methods is made before those of the methods. */
    BEHALF_ASSERT(report->row_count > 0);
    return &report->rows[0];
}

bool
report_echo_ratio(const struct report *report, struct report_ratio *ratio)
{
    const struct report_row *echo = report_find(report, REPORT_ECHO);
    const struct report_row *row = report_main(report);
    uint32_t count = echo == NULL ? 0 : echo->run_count;
    double *ratios;

    if (count > row->run_count)
        count = row->run_count;
    if (count == 0 || echo->lowest <= 0)
        return false;
    ratios = memory_new_array(count, sizeof *ratios);
    for (uint32_t run = 0; run < count; run++)
        ratios[run] = row->runs[run].requests_per_second / echo->runs[run].requests_per_second;
    *ratio = (struct report_ratio){.median = report_median(ratios, count)};
    ratio->lowest = ratios[0];
    ratio->highest = ratios[count - 1];
    if (echo->median.latency_us[REPORT_P99] > 0)
        ratio->p99 = row->median.latency_us[REPORT_P99] / echo->median.latency_us[REPORT_P99];
    memory_free(ratios);
    return true;
}

/* --- for people ------------------------------------------------------------------------------- */

static void
text_head(const struct report *report, struct buffer *out)
{
    if (report->load.relationships > 0)
        buffer_add_format(out, "loaded %llu relationships in %.1f s, %.0f/s\n",
                          (unsigned long long)report->load.relationships, report->load.seconds,
                          (double)report->load.relationships / report->load.seconds);
    if (report->workload != NULL)
        escape_text(slice_of(report->workload), out);
    if (report->relationships > 0)
        buffer_add_format(out, ", %llu relationships, seed %llu",
                          (unsigned long long)report->relationships,
                          (unsigned long long)report->seed);
    if (report->zipf > 0)
        buffer_add_format(out, ", zipf %g", report->zipf);
    buffer_add_format(out, "%s%s\n%u connections x %u in flight, %u thread%s, ",
                      report->workload != NULL ? ": " : "", report->mix, report->connections,
                      report->depth, report->threads, report->threads == 1 ? "" : "s");
    if (report->rate > 0)
        buffer_add_format(out, "open loop at %.0f/s, ", report->rate);
    else
        buffer_add_text(out, "closed loop, ");
    if (report->deadline_ms > 0)
        buffer_add_format(out, "deadline %u ms, ", report->deadline_ms);
    buffer_add_format(out, "%u x %.1f s after %.1f s\n\n", report_main(report)->run_count,
                      report->seconds, report->warmup_seconds);
}

static void
text_row(const struct report *report, const struct report_row *row, struct buffer *out)
{
    const struct report_figures *median = &row->median;

    buffer_add_format(out, "%-20s %12.0f", row->name, median->requests_per_second);
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        buffer_add_format(out, " %9.0f", median->latency_us[index]);
    buffer_add_format(out, " %7llu %6llu\n", (unsigned long long)median->errors,
                      (unsigned long long)median->wrong);
    if (row->run_count > 1)
        buffer_add_format(out, "%-20s %12.0f to %.0f in %u runs\n", "", row->lowest, row->highest,
                          row->run_count);
    if (median->answers_per_second > 1.001 * median->requests_per_second)
        buffer_add_format(out, "%-20s %12.0f answers/s\n", "", median->answers_per_second);
    if (report->deadline_ms > 0 && strcmp(row->name, REPORT_ECHO) != 0)
        buffer_add_format(out, "%-20s %12.0f good/s; %llu OVERLOADED, %llu DEADLINE\n", "",
                          median->good_per_second, (unsigned long long)median->overloaded,
                          (unsigned long long)median->expired);
}

void
report_text(const struct report *report, struct buffer *out)
{
    struct report_ratio ratio;
    uint64_t verified = 0;

    text_head(report, out);
    buffer_add_format(out, "%-20s %12s", "", "requests/s");
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        buffer_add_format(out, " %6s us", latencies[index].name);
    buffer_add_format(out, " %7s %6s\n", "errors", "wrong");
    for (uint32_t index = 0; index < report->row_count; index++) {
        text_row(report, &report->rows[index], out);
        verified += index == 0 ? report->rows[index].median.verified : 0;
    }
    buffer_add_format(out, "\n%llu answers compared with what is expected",
                      (unsigned long long)verified);
    if (report->rate > 0)
        buffer_add_format(out,
                          "; latency from when a request was due; %llu sent over 1 ms late, %llu "
                          "never sent",
                          (unsigned long long)report->late, (unsigned long long)report->unsent);
    if (report_echo_ratio(report, &ratio))
        buffer_add_format(out, "\n%.3f of echo throughput (%.3f to %.3f), p99 %.2f x echo's",
                          ratio.median, ratio.lowest, ratio.highest, ratio.p99);
    buffer_add_byte(out, '\n');
}
