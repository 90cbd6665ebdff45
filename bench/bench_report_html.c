/* bench_report_html.c - a report as one HTML file: figures in tables, curves as inline SVG.
 * Always true: it loads nothing, runs nothing and is well-formed XML; light or dark as the reader
 * has it. */
#include "bench/bench_report.h"

#include <math.h>
#include <string.h>

#define WIDTH 760.0
#define HEIGHT 260.0
#define LEFT 70.0 /* room for the numbers at the axes */
#define BOTTOM 30.0
#define TOP 10.0
#define RIGHT 40.0 /* half of the last label */
#define TICKS 5
#define PERCENTILE_STEPS 200
#define NINES 5 /* the curve of latencies ends at 99.999 % */

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}"
    "div{overflow-x:auto}code{overflow-wrap:anywhere}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}"
    "th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #ccc}"
    ".facts td{text-align:left}"
    "th:first-child,td:first-child{text-align:left}"
    ".bad{color:#b00020;font-weight:bold}"
    "svg{width:100%;height:auto}svg text{font-size:12px;fill:#666}"
    ".axis{stroke:#bbb;stroke-width:1}.line{fill:none;stroke-width:2}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}"
    "svg text{fill:#aaa}.axis{stroke:#555}.bad{color:#ff6b81}}";

static const char *const colours[] = {"#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e"};

static void
put_text(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++)
        switch (*text) {
        case '&':
            buffer_add_text(out, "&amp;");
            break;
        case '<':
            buffer_add_text(out, "&lt;");
            break;
        case '>':
            buffer_add_text(out, "&gt;");
            break;
        case '"':
            buffer_add_text(out, "&quot;");
            break;
        default:
            buffer_add_text(out, (unsigned char)*text < 0x20 ? " " : (char[2]){*text, '\0'});
        }
}

/* --- tables ----------------------------------------------------------------------------------- */

static void
put_fact(struct buffer *out, const char *name, int decimals, double value)
{
    buffer_add_format(out, "<tr><td>%s</td><td>%.*f</td></tr>\n", name, decimals, value);
}

static void
put_text_fact(struct buffer *out, const char *name, const char *value)
{
    buffer_add_format(out, "<tr><td>%s</td><td><code>", name);
    put_text(out, value);
    buffer_add_text(out, "</code></td></tr>\n");
}

static void
put_facts(const struct report *report, struct buffer *out)
{
    struct report_ratio ratio;

    buffer_add_text(out, "<div><table class=\"facts\">\n");
    put_text_fact(out, "started", report->started);
    put_text_fact(out, "machine", report->machine);
    if (report->command != NULL)
        put_text_fact(out, "command", report->command);
    put_text_fact(out, "requests", report->mix);
    put_fact(out, "seed", 0, (double)report->seed);
    if (report->relationships > 0)
        put_fact(out, "relationships", 0, (double)report->relationships);
    put_fact(out, "connections", 0, report->connections);
    put_fact(out, "in flight on each", 0, report->depth);
    if (report->rate > 0) {
        put_fact(out, "open loop, requests/s", 0, report->rate);
        put_fact(out, "sent over 1 ms late", 0, (double)report->late);
        put_fact(out, "never sent", 0, (double)report->unsent);
    }
    put_fact(out, "seconds a run", 1, report->seconds);
    put_fact(out, "runs", 0, report_main(report)->run_count);
    if (report_echo_ratio(report, &ratio)) {
        put_fact(out, "of echo throughput", 3, ratio.median);
        put_fact(out, "p99 over echo's", 2, ratio.p99);
    }
    buffer_add_text(out, "</table></div>\n");
}

static void
put_rows(const struct report *report, struct buffer *out)
{
    buffer_add_text(out, "<div><table>\n<tr><th></th><th>requests/s</th><th>lowest</th>"
                         "<th>highest</th>");
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        buffer_add_format(out, "<th>%s &#181;s</th>",
                          report_latency_name((enum report_latency)index));
    if (report->deadline_ms > 0)
        buffer_add_text(out, "<th>good/s</th><th>OVERLOADED</th><th>DEADLINE</th>");
    buffer_add_text(out, "<th>errors</th><th>wrong</th></tr>\n");
    for (uint32_t index = 0; index < report->row_count; index++) {
        const struct report_row *row = &report->rows[index];
        const char *open =
            row->median.errors + row->median.wrong > 0 ? "<td class=\"bad\">" : "<td>";

        buffer_add_format(out, "<tr><td>%s</td><td>%.0f</td><td>%.0f</td><td>%.0f</td>", row->name,
                          row->median.requests_per_second, row->lowest, row->highest);
        for (size_t latency = 0; latency < REPORT_LATENCIES; latency++)
            buffer_add_format(out, "<td>%.0f</td>", row->median.latency_us[latency]);
        if (report->deadline_ms > 0)
            buffer_add_format(out, "<td>%.0f</td><td>%llu</td><td>%llu</td>",
                              row->median.good_per_second,
                              (unsigned long long)row->median.overloaded,
                              (unsigned long long)row->median.expired);
        buffer_add_format(out, "%s%llu</td>%s%llu</td></tr>\n", open,
                          (unsigned long long)row->median.errors, open,
                          (unsigned long long)row->median.wrong);
    }
    buffer_add_text(out, "</table></div>\n");
}

/* --- curves ----------------------------------------------------------------------------------- */

static double
place_x(double part)
{
    return LEFT + part * (WIDTH - LEFT - RIGHT);
}

static double
place_y(double part)
{
    return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP);
}

/* A round number at least as large, so that the ticks are readable. */
static double
round_up(double value)
{
    double power = value > 0 ? pow(10, floor(log10(value))) : 1;

    if (value <= power)
        return power;
    if (value <= 2 * power)
        return 2 * power;
    return value <= 5 * power ? 5 * power : 10 * power;
}

static void
open_chart(struct buffer *out, const char *title)
{
    buffer_add_format(out, "<h2>%s</h2>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", title,
                      WIDTH, HEIGHT);
}

/* A line across the chart, with its value. */
static void
put_grid_line(struct buffer *out, double part, double value)
{
    double y = place_y(part);

    buffer_add_format(out,
                      "<line class=\"axis\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                      "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.0f</text>\n",
                      LEFT, y, WIDTH - RIGHT, y, LEFT - 6, y + 4, value);
}

static void
put_tick(struct buffer *out, double part, const char *text)
{
    buffer_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n",
                      place_x(part), HEIGHT - 8, text);
}

static void
put_throughput(const struct report *report, struct buffer *out)
{
    double largest = 0;
    double last = report->samples[report->sample_count - 1].seconds;
    char text[32];

    for (uint32_t index = 0; index < report->sample_count; index++)
        if (report->samples[index].requests_per_second > largest)
            largest = report->samples[index].requests_per_second;
    largest = round_up(largest);
    open_chart(out, "Requests per second, last run");
    for (int tick = 0; tick <= TICKS; tick++) {
        put_grid_line(out, (double)tick / TICKS, largest * tick / TICKS);
        (void)snprintf(text, sizeof text, "%.1f s", last * tick / TICKS);
        put_tick(out, (double)tick / TICKS, text);
    }
    buffer_add_format(out, "<polyline class=\"line\" stroke=\"%s\" points=\"", colours[0]);
    for (uint32_t index = 0; index < report->sample_count; index++)
        buffer_add_format(out, "%.1f,%.1f ", place_x(report->samples[index].seconds / last),
                          place_y(report->samples[index].requests_per_second / largest));
    buffer_add_text(out, "\"/>\n</svg>\n");
}

/* Decades of microseconds, from 1 on: a tail is a thousand times the median. */
static double
decades_of(double us)
{
    return us > 1 ? log10(us) : 0;
}

/* Percentiles on a scale of nines: 90, 99, 99.9 % are equally far apart, as tails are read. */
static void
put_latency_line(const struct report_row *row, const char *colour, int decades, struct buffer *out)
{
    buffer_add_format(out, "<polyline class=\"line\" stroke=\"%s\" points=\"", colour);
    for (int step = 0; step <= PERCENTILE_STEPS; step++) {
        double part = (double)step / PERCENTILE_STEPS;
        double percent = 100 - 100 * pow(10, -NINES * part);
        double us = (double)histogram_percentile(&row->latency_ns, percent) / 1000.0;

        buffer_add_format(out, "%.1f,%.1f ", place_x(part), place_y(decades_of(us) / decades));
    }
    buffer_add_text(out, "\"/>\n");
}

static void
put_latencies(const struct report *report, struct buffer *out)
{
    static const char *const ticks[NINES + 1] = {"0 %",    "90 %",    "99 %",
                                                 "99.9 %", "99.99 %", "99.999 %"};
    double largest = 0;
    int decades;

    for (uint32_t index = 0; index < report->row_count; index++) {
        double us = (double)histogram_percentile(&report->rows[index].latency_ns, 99.999) / 1000.0;

        largest = us > largest ? us : largest;
    }
    decades = largest > 10 ? (int)ceil(log10(largest)) : 1;
    open_chart(out, "Latency by percentile, microseconds, all runs");
    for (int decade = 0; decade <= decades; decade++)
        put_grid_line(out, (double)decade / decades, pow(10, decade));
    for (int tick = 0; tick <= NINES; tick++)
        put_tick(out, (double)tick / NINES, ticks[tick]);
    for (uint32_t index = 0; index < report->row_count; index++) {
        const char *colour = colours[index % BEHALF_COUNT_OF(colours)];

        put_latency_line(&report->rows[index], colour, decades, out);
        buffer_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" style=\"fill:%s\">%s</text>\n",
                          LEFT + 10, TOP + 14 + 16 * index, colour, report->rows[index].name);
    }
    buffer_add_text(out, "</svg>\n");
}

void
report_html(const struct report *report, struct buffer *out)
{
    const char *name = report->workload != NULL ? report->workload : report->mix;

    buffer_add_text(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                         "<title>behalf-bench: ");
    put_text(out, name);
    buffer_add_format(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", style);
    put_text(out, name);
    buffer_add_text(out, "</h1>\n");
    put_facts(report, out);
    put_rows(report, out);
    if (report->sample_count > 0)
        put_throughput(report, out);
    put_latencies(report, out);
    buffer_add_format(
        out,
        "<p>behalf-bench %s. Figures are medians over the runs, max is the largest of "
        "all.</p>\n"
        "</body>\n</html>\n",
        behalf_version());
}
