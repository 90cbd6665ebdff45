/* Reports of the load tool: figures are medians, and every format is what it claims to be. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/datum.h"
#include "bench/bench_options.h"
#include "bench/bench_report.h"

static struct bench_count count; /* large */

static void
add_run(struct report *report, const char *name, uint64_t requests, uint64_t latency_us)
{
    memset(&count, 0, sizeof count);
    count.requests = requests;
    count.answers = requests;
    count.verified = requests / 2;
    for (int times = 0; times < 1000; times++)
        histogram_add(&count.latency_ns, latency_us * 1000);
    report_add(report, name, &count, 2.0);
}

/* Three runs of checks at 100, 300 and 200 a second, and an echo of 1,000. */
static struct report *
make_report(const char *workload_name)
{
    struct bench_options options = {.connections = 2, .depth = 3, .threads = 1, .seconds = 2};
    struct workload workload = {.name = workload_name, .relationships = 1000};
    struct report *report;

    options.mix.weights[METHOD_CHECK] = 1;
    options.mix.total = 1;
    options.command = "behalf-bench run --mix \"a\"";
    report = report_new(&options, &workload);
    add_run(report, "check", 200, 50);
    add_run(report, "check", 600, 30);
    add_run(report, "check", 400, 40);
    for (int run = 0; run < 3; run++)
        add_run(report, REPORT_ECHO, 2000, 10);
    report->samples[0] = (struct bench_sample){1, 100};
    report->samples[1] = (struct bench_sample){2, 300};
    report->sample_count = 2;
    return report;
}

static bool
contains(const struct buffer *text, const char *part)
{
    return memmem(text->data, text->size, part, strlen(part)) != NULL;
}

Test(bench_report, a_row_is_the_median_of_its_runs)
{
    struct report *report = make_report("w");
    const struct report_row *row = report_find(report, "check");
    struct report_ratio ratio;

    cr_assert_eq(row, report_main(report));
    cr_assert_eq(row->run_count, 3);
    cr_assert_float_eq(row->median.requests_per_second, 200, 1e-9);
    cr_assert_float_eq(row->lowest, 100, 1e-9);
    cr_assert_float_eq(row->highest, 300, 1e-9);
    cr_assert_float_eq(row->median.latency_us[REPORT_P50], 40, 1);
    cr_assert_float_eq(row->median.latency_us[REPORT_MAX], 50, 1e-9); /* the largest of all */
    cr_assert_eq(row->median.requests, 1200);
    cr_assert_eq(row->latency_ns.count, 3000);
    cr_assert(report_echo_ratio(report, &ratio));
    cr_assert_float_eq(ratio.median, 0.2, 1e-9);
    cr_assert_float_eq(ratio.lowest, 0.1, 1e-9);
    cr_assert_float_eq(ratio.highest, 0.3, 1e-9);
    cr_assert_float_eq(ratio.p99, 4, 0.1);
    cr_assert_null(report_find(report, "write"));
    report_free(report);
}

/* --- goodput --- */

/* Replies as the server writes them: an answer to a check, and an error with a reason. */
static struct behalf_value
reply_value(struct behalf_writer *writer, const char *key, const char *text)
{
    struct behalf_value value;

    behalf_writer_clear(writer);
    behalf_write_map(writer, 1);
    behalf_write_text(writer, key);
    behalf_write_text(writer, text);
    value.bytes = behalf_writer_bytes(writer, &value.size);
    return value;
}

/* Two answers in time and one too late, of two kinds of refusals one and two, and another error. */
static void
answer_all(int64_t deadline_ns, struct bench_shown *shown)
{
    static const struct {
        const char *reason; /* NULL: an answer */
        int64_t latency_ns;
    } replies[] = {{NULL, 1000000},    {NULL, 5000000},      {NULL, 5000001},  {"OVERLOADED", 100},
                   {"DEADLINE", 7000}, {"DEADLINE", 800000}, {"INTERNAL", 100}};
    static const unsigned char nil = 0xC0;
    uint32_t expected = 1;
    struct slice text = SLICE_LITERAL("document:a#view@user:b");
    struct bench_requests requests = {
        .method = METHOD_CHECK, .expected = &expected, .texts = &text, .deadline_ns = deadline_ns};
    struct bench_request request = {.count = 1};
    struct behalf_writer *writer = behalf_writer_new();

    memset(&count, 0, sizeof count);
    for (size_t at = 0; at < sizeof replies / sizeof replies[0]; at++) {
        struct behalf_value none = {&nil, 1};
        bool answered = replies[at].reason == NULL;
        struct behalf_value value = answered ? reply_value(writer, "decision", "allow")
                                             : reply_value(writer, "reason", replies[at].reason);

        bench_answer(&requests, &request, answered ? none : value, answered ? value : none,
                     replies[at].latency_ns, &count, shown);
    }
    behalf_writer_free(writer);
}

Test(bench_report, an_answer_is_good_before_its_deadline_and_a_refusal_is_no_error)
{
    struct bench_shown shown = {.count = 0};

    answer_all(5000000, &shown);
    cr_assert_eq(count.requests, 7);
    cr_assert_eq(count.good, 2);
    cr_assert_eq(count.overloaded, 1);
    cr_assert_eq(count.expired, 2);
    cr_assert_eq(count.errors, 1);
    cr_assert_eq(count.latency_ns.count, 3, "of answers alone");
    cr_assert_eq(shown.count, 1);
    cr_assert_str_eq(shown.lines[0], "error: document:a#view@user:b: INTERNAL");
}

Test(bench_report, without_a_deadline_each_answer_is_good_and_each_refusal_an_error)
{
    struct bench_shown shown = {.count = 0};

    answer_all(0, &shown);
    cr_assert_eq(count.good, 3);
    cr_assert_eq(count.overloaded, 0);
    cr_assert_eq(count.expired, 0);
    cr_assert_eq(count.errors, 4);
    cr_assert_eq(count.latency_ns.count, 7);
}

Test(bench_report, goodput_is_a_median_and_refusals_are_sums)
{
    struct bench_options options = {.connections = 1, .depth = 1, .threads = 1, .deadline_ms = 50};
    struct report *report;
    struct buffer out;

    options.mix.weights[METHOD_CHECK] = 1;
    options.mix.total = 1;
    report = report_new(&options, NULL);
    for (uint64_t run = 1; run <= 3; run++) {
        memset(&count, 0, sizeof count);
        count = (struct bench_count){
            .requests = 1000, .good = 100 * run, .overloaded = 10 * run, .expired = run};
        report_add(report, "check", &count, 2.0);
    }
    cr_assert_float_eq(report_main(report)->median.good_per_second, 100, 1e-9);
    cr_assert_eq(report_main(report)->median.overloaded, 60);
    cr_assert_eq(report_main(report)->median.expired, 6);
    buffer_init(&out);
    report_text(report, &out);
    cr_assert(contains(&out, "deadline 50 ms, 3 x"));
    cr_assert(contains(&out, "100 good/s; 60 OVERLOADED, 6 DEADLINE\n"));
    buffer_clear(&out);
    report_json(report, &out);
    cr_assert(contains(&out, "\"deadline_ms\":50,"));
    cr_assert(contains(&out, "\"good_per_second\":100.0,"));
    cr_assert(contains(&out, "\"overloaded\":60,\"expired\":6,\"errors\":0,"));
    buffer_clear(&out);
    report_html(report, &out);
    cr_assert(contains(&out, "<th>good/s</th><th>OVERLOADED</th><th>DEADLINE</th>"));
    buffer_release(&out);
    report_free(report);
}

Test(bench_report, the_median_of_an_even_number_is_the_mean_of_two)
{
    double even[] = {4, 1, 3, 2};
    double one[] = {7};

    cr_assert_float_eq(report_median(even, 4), 2.5, 1e-12);
    cr_assert_float_eq(report_median(one, 1), 7, 1e-12);
    cr_assert_float_eq(report_median(one, 0), 0, 1e-12);
}

Test(bench_report, json_is_json_whatever_the_workload_is_called)
{
    struct report *report = make_report("a \"quoted\" \\ path\n");
    const struct datum *document;
    const struct datum *rows;
    struct buffer out;
    struct error error;
    struct arena arena;

    buffer_init(&out);
    arena_init(&arena, SIZE_MAX);
    report_json(report, &out);
    cr_assert_eq(datum_parse_json(buffer_slice(&out), &arena, &document, &error), BEHALF_OK, "%s",
                 error.message);
    cr_assert(slice_equal(datum_field(document, SLICE_LITERAL("workload"))->as.string,
                          SLICE_LITERAL("a \"quoted\" \\ path\n")));
    rows = datum_field(document, SLICE_LITERAL("rows"));
    cr_assert_eq(rows->as.list.count, 2);
    cr_assert_float_eq(
        datum_field(rows->as.list.items[0], SLICE_LITERAL("requests_per_second"))->as.real, 200,
        1e-9);
    cr_assert_eq(datum_field(rows->as.list.items[0], SLICE_LITERAL("runs"))->as.list.count, 3);
    cr_assert_not_null(datum_field(rows->as.list.items[0], SLICE_LITERAL("p99.99_us")));
    cr_assert_not_null(datum_field(document, SLICE_LITERAL("of_echo")));
    cr_assert_null(datum_field(document, SLICE_LITERAL("unsent")));
    arena_release(&arena);
    buffer_release(&out);
    report_free(report);
}

Test(bench_report, each_line_of_csv_has_the_columns_of_the_first)
{
    struct report *report = make_report("a \"quoted\", path");
    struct buffer out;
    struct slice rest;
    struct slice line;
    size_t columns = 0;
    size_t lines = 0;

    buffer_init(&out);
    report_csv(report, &out);
    rest = buffer_slice(&out);
    while (workload_line_next(&rest, &line)) {
        size_t found = 1;
        bool quoted = false;

        for (size_t at = 0; at < line.size; at++) {
            if (line.data[at] == '"')
                quoted = !quoted;
            found += line.data[at] == ',' && !quoted;
        }
        cr_assert_not(quoted);
        columns = columns == 0 ? found : columns;
        cr_assert_eq(found, columns, "%.*s", SLICE_PRINTF(line));
        lines++;
    }
    cr_assert_eq(lines, 1 + 6);
    cr_assert_eq(columns, 25);
    cr_assert(
        contains(&out, "\"a \"\"quoted\"\", path\",1000,\"check=1\",2,3,1,0,0,check,2,300.0,"));
    buffer_release(&out);
    report_free(report);
}

/* Every element that opens is closed in its order, and no stray < or & is left. */
static void
assert_well_formed(struct slice text)
{
    char open[32][16];
    size_t depth = 0;

    for (size_t at = 0; at < text.size; at++) {
        struct slice rest = {text.data + at, text.size - at};
        bool closing = slice_starts_with(rest, SLICE_LITERAL("</"));
        const char *end;
        size_t size = closing ? 2 : 1;
        char name[16];
        size_t length = 0;

        if (text.data[at] == '&')
            cr_assert_not_null(memchr(text.data + at, ';', 8));
        if (text.data[at] != '<' || slice_starts_with(rest, SLICE_LITERAL("<!DOCTYPE")))
            continue;
        end = memchr(rest.data, '>', rest.size);
        cr_assert_not_null(end);
        for (; rest.data[size] != '>' && rest.data[size] != ' ' && rest.data[size] != '/'; size++)
            name[length++] = rest.data[size];
        name[length] = '\0';
        if (closing) {
            cr_assert(depth > 0);
            cr_assert_str_eq(open[--depth], name);
        } else if (end[-1] != '/') {
            memcpy(open[depth++], name, sizeof name);
        }
    }
    cr_assert_eq(depth, 0);
}

Test(bench_report, html_is_well_formed_and_loads_nothing)
{
    struct report *report = make_report("<script>alert(1)</script> & \"more\"");
    struct buffer out;

    buffer_init(&out);
    report_html(report, &out);
    assert_well_formed(buffer_slice(&out));
    cr_assert(contains(&out, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;more&quot;"));
    cr_assert_not(contains(&out, "<script"));
    cr_assert_not(contains(&out, "http"));
    cr_assert_not(contains(&out, "src="));
    cr_assert_not(contains(&out, "nan"));
    cr_assert_not(contains(&out, "inf"));
    cr_assert(contains(&out, "<polyline"));
    cr_assert(contains(&out, "<td>command</td><td><code>behalf-bench run --mix &quot;a&quot;"));
    /* Latencies of 10 to 50 us: a decade apart on the axis from 1 to 100. */
    cr_assert(contains(&out, ">1</text>") && contains(&out, ">10</text>"));
    cr_assert(contains(&out, ">100</text>") && !contains(&out, ">1000</text>"));
    buffer_release(&out);
    report_free(report);
}

Test(bench_report, a_report_without_any_answer_is_written_all_the_same)
{
    struct bench_options options = {.connections = 1, .depth = 1, .threads = 1, .seconds = 1};
    struct report *report;
    struct buffer out;

    options.mix.weights[METHOD_PING] = 1;
    options.mix.total = 1;
    report = report_new(&options, NULL);
    memset(&count, 0, sizeof count);
    report_add(report, "ping", &count, 1);
    buffer_init(&out);
    report_html(report, &out);
    assert_well_formed(buffer_slice(&out));
    cr_assert_not(contains(&out, "nan"));
    report_text(report, &out);
    report_json(report, &out);
    cr_assert_not(contains(&out, "nan"));
    buffer_release(&out);
    report_free(report);
}

/* --- comparing --- */

static bool
compare(const char *before, const char *after, double tolerance, bool colour, struct buffer *out,
        struct report_judgement *judgement)
{
    struct buffer problem;
    bool good;

    buffer_init(&problem);
    good = report_compare(slice_of(before), slice_of(after), tolerance, colour, out, judgement,
                          &problem);
    cr_assert_eq(good, problem.size == 0);
    buffer_release(&problem);
    return good;
}

#define ROW(name, rate, p99)                                                                       \
    "{\"name\":\"" name "\",\"requests_per_second\":" rate ",\"p50_us\":1,\"p90_us\":1,"           \
    "\"p99_us\":" p99 ",\"p99.9_us\":1,\"p99.99_us\":1,\"max_us\":1}"
/* Two runs that differ by a little, as they do on any machine. */
#define RUNS(name, rate, p99, rate2, p99_2)                                                        \
    "{\"name\":\"" name "\",\"requests_per_second\":" rate ",\"p50_us\":1,\"p90_us\":1,"           \
    "\"p99_us\":" p99 ",\"p99.9_us\":1,\"p99.99_us\":1,\"max_us\":1,\"runs\":["                    \
    "{\"requests_per_second\":" rate ",\"p99_us\":" p99 "},"                                       \
    "{\"requests_per_second\":" rate2 ",\"p99_us\":" p99_2 "}]}"
#define CLOSED(rows) "{\"rate\":0,\"rows\":[" rows "]}"
#define OPEN(rows) "{\"rate\":5,\"rows\":[" rows "]}"

Test(bench_compare, slower_is_less_throughput_by_more_than_the_tolerance)
{
    const char *before =
        CLOSED(RUNS("check", "1000", "10", "990", "11") "," ROW("echo", "5000", "3"));
    struct report_judgement judgement;
    struct buffer out;

    buffer_init(&out);
    cr_assert(compare(before, CLOSED(RUNS("check", "905", "99", "906", "99")), 10, false, &out,
                      &judgement));
    cr_assert_eq(judgement.compared, 1);
    cr_assert_eq(judgement.slower, 0);
    cr_assert(contains(&out, " 0.905"));
    cr_assert_not(contains(&out, "\033"));
    cr_assert(compare(before, CLOSED(RUNS("check", "895", "10", "896", "10")), 10, false, &out,
                      &judgement));
    cr_assert_eq(judgement.slower, 1);
    /* As slow in the median, but a run was as fast as one before: that is noise. */
    cr_assert(compare(before, CLOSED(RUNS("check", "895", "10", "995", "10")), 10, false, &out,
                      &judgement));
    cr_assert_eq(judgement.slower, 0);
    cr_assert_eq(judgement.undecided, 0);
    /* One run says nothing of the spread. */
    cr_assert(compare(before, CLOSED(ROW("check", "500", "10")), 10, false, &out, &judgement));
    cr_assert_eq(judgement.slower, 0);
    cr_assert_eq(judgement.undecided, 1);
    /* The echo is shown and judges nothing. */
    cr_assert(compare(before, CLOSED(ROW("check", "1000", "10") "," ROW("echo", "1", "3")), 10,
                      false, &out, &judgement));
    cr_assert_eq(judgement.compared, 2);
    cr_assert_eq(judgement.slower, 0);
    buffer_release(&out);
}

Test(bench_compare, in_an_open_loop_slower_is_a_longer_tail)
{
    const char *before = OPEN(RUNS("check", "1000", "10", "1000", "10.5"));
    struct report_judgement judgement;
    struct buffer out;

    buffer_init(&out);
    cr_assert(compare(before, OPEN(RUNS("check", "1000", "10.9", "1000", "10.8")), 10, false, &out,
                      &judgement));
    cr_assert_eq(judgement.slower, 0);
    cr_assert(compare(before, OPEN(RUNS("check", "1000", "11.1", "1000", "11.2")), 10, false, &out,
                      &judgement));
    cr_assert_eq(judgement.slower, 1);
    buffer_release(&out);
}

Test(bench_compare, colour_stands_where_a_figure_moved)
{
    struct report_judgement judgement;
    struct buffer out;

    buffer_init(&out);
    cr_assert(compare(CLOSED(ROW("check", "1000", "10")), CLOSED(ROW("check", "2000", "20")), 10,
                      true, &out, &judgement));
    cr_assert(contains(&out, "\033[32m 2.000\033[0m"));
    cr_assert(contains(&out, "\033[31m 2.000\033[0m"));
    buffer_release(&out);
}

Test(bench_compare, what_is_no_report_is_refused)
{
    const char *good = CLOSED(ROW("check", "1000", "10"));
    struct report_judgement judgement;
    struct buffer out;

    buffer_init(&out);
    cr_assert_not(compare("nonsense", good, 10, false, &out, &judgement));
    cr_assert_not(compare(good, "{}", 10, false, &out, &judgement));
    cr_assert_not(compare(good, "[]", 10, false, &out, &judgement));
    cr_assert_not(compare(good, CLOSED(ROW("write", "1", "1")), 10, false, &out, &judgement));
    /* A figure that is missing is never good news. */
    cr_assert(compare(good, CLOSED("{\"name\":\"check\"}"), 10, false, &out, &judgement));
    cr_assert_eq(judgement.slower, 1);
    buffer_release(&out);
}

/* --- the command line --- */

static bool
parse(struct bench_command_line *line, const char *problem_expected, int argument_count,
      const char *const *arguments)
{
    char *copies[16];
    struct buffer problem;
    bool good;

    for (int index = 0; index < argument_count; index++)
        copies[index] = strdup(arguments[index]);
    buffer_init(&problem);
    good = bench_options_parse(argument_count, copies, line, &problem);
    if (problem_expected != NULL)
        cr_assert(slice_equal(buffer_slice(&problem), slice_of(problem_expected)), "%.*s",
                  SLICE_PRINTF(buffer_slice(&problem)));
    buffer_release(&problem);
    for (int index = 0; index < argument_count; index++)
        free(copies[index]);
    return good;
}
/* What the line has borrowed is gone behind it: only numbers are looked at. */
#define PARSE(line, problem, ...)                                                                  \
    parse((line), (problem),                                                                       \
          (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)),                \
          (const char *const[]){__VA_ARGS__})

Test(bench_options, without_a_word_it_loads_and_runs)
{
    struct bench_command_line line;

    cr_assert(PARSE(&line, NULL, "--workload", "drive", "--size", "medium", "--rate", "500",
                    "--mix", "check=9,write=1", "--serve", "--json"));
    cr_assert_eq(line.command, COMMAND_BOTH);
    cr_assert_eq(line.options.size, 1000000);
    cr_assert_eq(line.options.mix.weights[METHOD_WRITE], 1);
    cr_assert_eq(line.options.output, OUTPUT_JSON);
    cr_assert(line.options.serve && line.options.echo);
    cr_assert_float_eq(line.options.rate, 500, 1e-9);
    cr_assert(PARSE(&line, NULL, "--compare", "a", "b", "--tolerance", "2.5"));
    cr_assert_eq(line.command, COMMAND_COMPARE);
    cr_assert_float_eq(line.tolerance_percent, 2.5, 1e-9);
    cr_assert(PARSE(&line, NULL, "run", "--seconds", "1", "--help"));
    cr_assert_eq(line.command, COMMAND_HELP);
    cr_assert(PARSE(&line, NULL, "compare", "-h"));
    cr_assert_eq(line.command, COMMAND_HELP);
    cr_assert(PARSE(&line, NULL, "run"));
    cr_assert_eq(bench_mix_single(&line.options.mix), METHOD_PING);
}

Test(bench_options, what_does_not_fit_is_named)
{
    struct bench_command_line line;

    cr_assert_not(PARSE(&line, "no command 'frob'", "frob"));
    cr_assert_not(PARSE(&line, "no --workload", "--seconds", "1"));
    cr_assert_not(PARSE(&line, "no --workload", "run", "--method", "check"));
    cr_assert_not(PARSE(&line, "no option '--serve' here", "run", "--serve"));
    cr_assert_not(PARSE(&line, "no option '--mix' here", "load", "--mix", "check"));
    cr_assert_not(PARSE(&line, "no value for '--depth'", "run", "--depth"));
    cr_assert_not(PARSE(&line, "no such value for '--depth': '0'", "run", "--depth", "0"));
    cr_assert_not(PARSE(&line, "no such value for '--depth': '4097'", "run", "--depth", "4097"));
    cr_assert_not(PARSE(&line, "no such value for '--rate': '-1'", "run", "--rate", "-1"));
    cr_assert_not(PARSE(&line, "no such value for '--rate': 'nan'", "run", "--rate", "nan"));
    cr_assert_not(PARSE(&line, "no such value for '--mix': 'chekc'", "run", "--mix", "chekc"));
    cr_assert_not(PARSE(&line, "compare needs 2 names", "compare", "a"));
    cr_assert_not(PARSE(&line, "generate needs 1 name", "generate", "--workload", "drive"));
}

Test(bench_options, every_option_stands_in_the_help)
{
    static const char *const options[] = {
        "--workload",  "--size",    "--seed",         "--mix",     "--method",
        "--zipf",      "--batch",   "--updates",      "--depth",   "--connections",
        "--questions", "--threads", "--rate",         "--seconds", "--warmup",
        "--repeat",    "--no-echo", "--endpoint",     "--serve",   "--server",
        "--json",      "--csv",     "--graph-memory", "--html",    "--tolerance",
    };

    for (size_t index = 0; index < sizeof options / sizeof options[0]; index++)
        cr_assert_not_null(strstr(bench_help, options[index]), "%s", options[index]);
}
