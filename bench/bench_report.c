/* bench_report.c - what was measured, for people and for programs. */
#include <stdio.h>
#include <stdlib.h>

#include "bench/bench.h"

static const struct {
    const char *name;
    double percent;
} percentiles[] = {{"p50", 50}, {"p95", 95}, {"p99", 99}, {"p99.9", 99.9}};

static double
microseconds(uint64_t nanoseconds)
{
    return (double)nanoseconds / 1000.0;
}

static void
report_json(const struct bench_options *options, const struct bench_result *result, uint32_t run)
{
    (void)printf("{\"method\":\"%s\",\"run\":%u,\"connections\":%u,\"depth\":%u,\"threads\":%u,"
                 "\"seconds\":%.3f,\"requests\":%llu,\"requests_per_second\":%.0f,"
                 "\"answers_per_second\":%.0f",
                 bench_method_name(options->method), run, options->connections, options->depth,
                 options->threads, result->seconds, (unsigned long long)result->requests,
                 (double)result->requests / result->seconds,
                 (double)result->answers / result->seconds);
    for (size_t index = 0; index < BEHALF_COUNT_OF(percentiles); index++)
        (void)printf(
            ",\"%s_us\":%.1f", percentiles[index].name,
            microseconds(histogram_percentile(&result->latency_ns, percentiles[index].percent)));
    (void)printf(",\"max_us\":%.1f,\"verified\":%llu,\"errors\":%llu,\"wrong\":%llu}\n",
                 microseconds(result->latency_ns.max), (unsigned long long)result->verified,
                 (unsigned long long)result->errors, (unsigned long long)result->wrong);
}

void
bench_report(const struct bench_options *options, const struct bench_result *result, uint32_t run)
{
    for (uint32_t index = 0; index < result->shown_count; index++)
        (void)fprintf(stderr, "%s\n", result->shown[index]);
    if (options->json) {
        report_json(options, result, run);
        return;
    }
    if (run == 1)
        (void)printf("%s, %u connections x %u in flight, %u thread%s, %.1f s after %.1f s\n",
                     bench_method_name(options->method), options->connections, options->depth,
                     options->threads, options->threads == 1 ? "" : "s", options->seconds,
                     options->warmup_seconds);
    (void)printf("  %.0f requests/s", (double)result->requests / result->seconds);
    if (options->method == METHOD_CHECK_BULK)
        (void)printf("  %.0f checks/s", (double)result->answers / result->seconds);
    for (size_t index = 0; index < BEHALF_COUNT_OF(percentiles); index++)
        (void)printf(
            "  %s %.0f us", percentiles[index].name,
            microseconds(histogram_percentile(&result->latency_ns, percentiles[index].percent)));
    (void)printf("  max %.0f us  errors %llu  wrong %llu of %llu\n",
                 microseconds(result->latency_ns.max), (unsigned long long)result->errors,
                 (unsigned long long)result->wrong, (unsigned long long)result->verified);
    (void)fflush(stdout);
}

static int
compare_rates(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

void
bench_report_summary(const struct bench_options *options, double *rates, uint32_t count)
{
    if (options->json || count < 2)
        return;
    qsort(rates, count, sizeof *rates, compare_rates);
    (void)printf("  median %.0f requests/s of %u runs (%.0f to %.0f)\n", rates[count / 2], count,
                 rates[0], rates[count - 1]);
}
