/* test_metric.c - histograms of base/metric.h and the text of net/metrics_text.h. */
#include <criterion/criterion.h>

#include "base/metric.h"
#include "net/metrics_text.h"

Test(metric, a_value_belongs_to_the_first_bound_that_is_not_below_it)
{
    static struct metric_histogram histogram;
    struct metric_reading reading = {.sum = 0};

    metric_observe(&histogram, metric_sizes, 1, 3);
    metric_observe(&histogram, metric_sizes, 2, 1);
    metric_observe(&histogram, metric_sizes, 3, 1);
    metric_observe(&histogram, metric_sizes, UINT64_C(1) << 40, 1);
    metric_gather(&histogram, &reading);
    cr_assert_eq(reading.counts[0], 3);
    cr_assert_eq(reading.counts[1], 1);
    cr_assert_eq(reading.counts[2], 1);
    cr_assert_eq(reading.counts[METRIC_BUCKETS - 1], 1);
    cr_assert_eq(reading.sum, 8 + (UINT64_C(1) << 40));
    metric_gather(&histogram, &reading);
    cr_assert_eq(reading.counts[0], 6, "readings add up");
}

Test(metric, bounds_ascend)
{
    for (size_t at = 1; at < METRIC_BUCKETS - 1; at++) {
        cr_assert_gt(metric_times_ns[at], metric_times_ns[at - 1]);
        cr_assert_gt(metric_sizes[at], metric_sizes[at - 1]);
    }
}

Test(metric, samples_of_a_metric_stand_below_one_head)
{
    struct buffer out;
    struct metrics_text text;

    buffer_init(&out);
    metrics_text_init(&text, &out);
    metrics_put(&text, METRIC_WAITING, "queue=\"checks\"", 1);
    metrics_put(&text, METRIC_WAITING, "queue=\"writes\"", 2);
    metrics_put_seconds(&text, METRIC_UPTIME, "", 1500000000);
    buffer_add_byte(&out, '\0');
    cr_assert_str_eq(out.data, "# HELP behalf_requests_waiting Requests in a queue now\n"
                               "# TYPE behalf_requests_waiting gauge\n"
                               "behalf_requests_waiting{queue=\"checks\"} 1\n"
                               "behalf_requests_waiting{queue=\"writes\"} 2\n"
                               "# HELP behalf_uptime_seconds Time since the engine was opened\n"
                               "# TYPE behalf_uptime_seconds gauge\n"
                               "behalf_uptime_seconds 1.5\n");
    buffer_release(&out);
}

Test(metric, a_histogram_is_cumulative_in_seconds)
{
    static struct metric_histogram histogram;
    struct metric_reading reading = {.sum = 0};
    struct buffer out;
    struct metrics_text text;

    metric_observe(&histogram, metric_times_ns, 20000, 2);
    metric_observe(&histogram, metric_times_ns, 2000000, 1);
    metric_gather(&histogram, &reading);
    buffer_init(&out);
    metrics_text_init(&text, &out);
    metrics_put_histogram(&text, METRIC_REQUEST_DURATION, "class=\"check\"", &reading,
                          metric_times_ns, true);
    buffer_add_byte(&out, '\0');
#define CONTAINS(line)                                                                             \
    cr_assert_not_null(strstr(out.data, "behalf_request_duration_seconds" line "\n"), line)
    CONTAINS("_bucket{class=\"check\",le=\"0.00001\"} 0");
    CONTAINS("_bucket{class=\"check\",le=\"0.000025\"} 2");
    CONTAINS("_bucket{class=\"check\",le=\"0.0025\"} 3");
    CONTAINS("_bucket{class=\"check\",le=\"10.0\"} 3");
    CONTAINS("_bucket{class=\"check\",le=\"+Inf\"} 3");
    CONTAINS("_sum{class=\"check\"} 0.00204");
    CONTAINS("_count{class=\"check\"} 3");
    buffer_release(&out);
}
