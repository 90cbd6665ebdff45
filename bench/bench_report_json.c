/* bench_report_json.c - a report as JSON and as CSV, for programs. docs/performance.md has the
 * members; bench_compare.c reads them. */
#include "base/escape.h"
#include "bench/bench_report.h"

static void
put_string(struct buffer *out, const char *text)
{
    buffer_add_byte(out, '"');
    escape_json(slice_of(text), out);
    buffer_add_byte(out, '"');
}

static void
put_string_or_null(struct buffer *out, const char *text)
{
    if (text != NULL)
        put_string(out, text);
    else
        buffer_add_text(out, "null");
}

static void
put_figures(struct buffer *out, const struct report_figures *figures)
{
    buffer_add_format(
        out, "\"requests_per_second\":%.1f,\"answers_per_second\":%.1f,\"good_per_second\":%.1f",
        figures->requests_per_second, figures->answers_per_second, figures->good_per_second);
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        buffer_add_format(out, ",\"%s_us\":%.3f", report_latency_name((enum report_latency)index),
                          figures->latency_us[index]);
    buffer_add_format(out,
                      ",\"requests\":%llu,\"verified\":%llu,\"overloaded\":%llu,\"expired\":%llu,"
                      "\"errors\":%llu,\"wrong\":%llu",
                      (unsigned long long)figures->requests, (unsigned long long)figures->verified,
                      (unsigned long long)figures->overloaded, (unsigned long long)figures->expired,
                      (unsigned long long)figures->errors, (unsigned long long)figures->wrong);
}

static void
put_row(struct buffer *out, const struct report_row *row)
{
    buffer_add_format(out, "{\"name\":\"%s\",", row->name);
    put_figures(out, &row->median);
    buffer_add_format(out, ",\"lowest_per_second\":%.1f,\"highest_per_second\":%.1f,\"runs\":[",
                      row->lowest, row->highest);
    for (uint32_t run = 0; run < row->run_count; run++) {
        buffer_add_text(out, run > 0 ? ",{" : "{");
        put_figures(out, &row->runs[run]);
        buffer_add_byte(out, '}');
    }
    buffer_add_text(out, "]}");
}

void
report_json(const struct report *report, struct buffer *out)
{
    struct report_ratio ratio;

    buffer_add_format(out, "{\"version\":\"%s\",\"started\":\"%s\",\"machine\":", behalf_version(),
                      report->started);
    put_string(out, report->machine);
    buffer_add_text(out, ",\"command\":");
    put_string_or_null(out, report->command);
    buffer_add_text(out, ",\"workload\":");
    put_string_or_null(out, report->workload);
    buffer_add_format(out, ",\"relationships\":%llu,\"seed\":%llu,\"zipf\":%g,\"mix\":",
                      (unsigned long long)report->relationships, (unsigned long long)report->seed,
                      report->zipf);
    put_string(out, report->mix);
    buffer_add_format(out,
                      ",\"connections\":%u,\"depth\":%u,\"threads\":%u,\"rate\":%g,"
                      "\"deadline_ms\":%u,\"seconds\":%g,\"warmup_seconds\":%g",
                      report->connections, report->depth, report->threads, report->rate,
                      report->deadline_ms, report->seconds, report->warmup_seconds);
    if (report->load.relationships > 0)
        buffer_add_format(out, ",\"load\":{\"relationships\":%llu,\"seconds\":%.3f}",
                          (unsigned long long)report->load.relationships, report->load.seconds);
    if (report->rate > 0)
        buffer_add_format(out, ",\"late\":%llu,\"unsent\":%llu", (unsigned long long)report->late,
                          (unsigned long long)report->unsent);
    if (report_echo_ratio(report, &ratio))
        buffer_add_format(out,
                          ",\"of_echo\":{\"median\":%.4f,\"lowest\":%.4f,\"highest\":%.4f,"
                          "\"p99\":%.4f}",
                          ratio.median, ratio.lowest, ratio.highest, ratio.p99);
    buffer_add_text(out, ",\"rows\":[");
    for (uint32_t index = 0; index < report->row_count; index++) {
        if (index > 0)
            buffer_add_byte(out, ',');
        put_row(out, &report->rows[index]);
    }
    buffer_add_text(out, "]}\n");
}

/* --- CSV -------------------------------------------------------------------------------------- */

/* Always quoted, a quote inside doubled (RFC 4180). */
static void
put_field(struct buffer *out, const char *text)
{
    buffer_add_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buffer_add_byte(out, '"');
        buffer_add_byte(out, *text);
    }
    buffer_add_byte(out, '"');
}

static void
put_line(const struct report *report, const struct report_row *row, uint32_t run,
         struct buffer *out)
{
    const struct report_figures *figures = &row->runs[run];

    put_field(out, report->workload != NULL ? report->workload : "");
    buffer_add_format(out, ",%llu,", (unsigned long long)report->relationships);
    put_field(out, report->mix);
    buffer_add_format(out, ",%u,%u,%u,%g,%u,%s,%u,%.1f,%.1f,%.1f", report->connections,
                      report->depth, report->threads, report->rate, report->deadline_ms, row->name,
                      run + 1, figures->requests_per_second, figures->answers_per_second,
                      figures->good_per_second);
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        buffer_add_format(out, ",%.3f", figures->latency_us[index]);
    buffer_add_format(out, ",%llu,%llu,%llu,%llu,%llu,%llu\n",
                      (unsigned long long)figures->requests, (unsigned long long)figures->verified,
                      (unsigned long long)figures->overloaded, (unsigned long long)figures->expired,
                      (unsigned long long)figures->errors, (unsigned long long)figures->wrong);
}

void
report_csv(const struct report *report, struct buffer *out)
{
    buffer_add_text(out,
                    "workload,relationships,mix,connections,depth,threads,rate,deadline_ms,row,"
                    "run,requests_per_second,answers_per_second,good_per_second");
    for (size_t index = 0; index < REPORT_LATENCIES; index++)
        buffer_add_format(out, ",%s_us", report_latency_name((enum report_latency)index));
    buffer_add_text(out, ",requests,verified,overloaded,expired,errors,wrong\n");
    for (uint32_t index = 0; index < report->row_count; index++)
        for (uint32_t run = 0; run < report->rows[index].run_count; run++)
            put_line(report, &report->rows[index], run, out);
}
