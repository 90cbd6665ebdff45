/* bench_numbers.c - the figures that the project holds itself to, as far as a client can see them;
 * those inside of the process are printed by bench/micro/.
 *
 * Each server is started, loaded, warmed and measured alone, beside its echo: a ratio to the echo
 * of the same minute says more on a shared machine than a rate. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_report.h"
#include "bench/bench_serve.h"

#define WRITE_RATE 500.0 /* transactions a second of ten relationships each */
#define WRITE_UPDATES 10
#define WRITERS 64
#define WARM_SECONDS 4.0

/* A loaded server. */
struct stage {
    struct bench_options options; /* with its endpoint */
    struct workload workload;
    struct bench_server server;
    struct bench_load_result loaded;
};

/* --- printing --------------------------------------------------------------------------------- */

enum aim { AIM_AT_LEAST, AIM_AT_MOST, AIM_NONE };

static void
print_number(const char *number, const char *what, double figure, enum aim aim, double target,
             const char *unit)
{
    bool reached = aim == AIM_AT_LEAST ? figure >= target : figure <= target;
    char goal[32] = "";

    if (aim != AIM_NONE)
        (void)snprintf(goal, sizeof goal, "%s %g", aim == AIM_AT_LEAST ? ">=" : "<=", target);
    (void)printf("%-4s %-58s %14.3f %-14s %-10s %s\n", number, what, figure, unit, goal,
                 aim == AIM_NONE ? ""
                 : reached       ? "reached"
                                 : "missed");
    (void)fflush(stdout);
}

/* --- stages ----------------------------------------------------------------------------------- */

static enum bench_exit
stage_open(struct stage *stage, const struct bench_options *options, const char *name,
           uint64_t size)
{
    memset(stage, 0, sizeof *stage);
    stage->options = *options;
    if (!workload_open(name, size, options->seed, 0, &stage->workload))
        return BENCH_USAGE;
    if (!bench_serve_start(&stage->server, options->server, options->graph_memory))
        return BENCH_CONNECTION;
    stage->options.endpoint = stage->server.endpoint;
    return bench_load(&stage->options, &stage->workload, &stage->loaded);
}

static void
stage_close(struct stage *stage)
{
    bench_serve_stop(&stage->server);
}

/* One method at so many connections and requests in flight. */
static enum bench_exit
stage_measure(const struct stage *stage, enum bench_method method, uint32_t connections,
              uint32_t depth, struct report **report)
{
    struct bench_options options = stage->options;

    options.mix = (struct bench_mix){.total = 1};
    options.mix.weights[method] = 1;
    options.connections = connections;
    options.depth = depth;
    return bench_measure(&options, &stage->workload, report);
}

/* Asks everything once, so that what is measured is warm. */
static enum bench_exit
stage_warm(const struct stage *stage)
{
    struct stage warm = *stage;
    struct report *report = NULL;
    enum bench_exit outcome;

    warm.options.seconds = WARM_SECONDS;
    warm.options.repeat = 1;
    warm.options.echo = false;
    outcome = stage_measure(&warm, METHOD_CHECK, 16, 16, &report);
    report_free(report);
    return outcome;
}

static double
rate_of(const struct report *report)
{
    return report_main(report)->median.requests_per_second;
}

/* --- N1 to N4 --------------------------------------------------------------------------------- */

/* Prints the ratio to the echo. `*rate` (may be NULL) gets the throughput. */
static enum bench_exit
number_of_echo(const struct stage *stage, const char *number, uint32_t depth, double target,
               double *rate)
{
    struct report *report = NULL;
    enum bench_exit outcome = stage_measure(stage, METHOD_CHECK, 16, depth, &report);
    struct report_ratio ratio;
    char what[128];

    if (outcome == BENCH_OK && report_echo_ratio(report, &ratio)) {
        (void)snprintf(what, sizeof what, "check, %s, 16 x %u: %.0f/s (%.3f to %.3f)",
                       stage->workload.name, depth, rate_of(report), ratio.lowest, ratio.highest);
        print_number(number, what, ratio.median, AIM_AT_LEAST, target, "of echo");
        if (strcmp(number, "N1") == 0)
            print_number("", "  p99 of it", ratio.p99, AIM_AT_MOST, 3, "x echo's");
        if (rate != NULL)
            *rate = rate_of(report);
    }
    report_free(report);
    return outcome;
}

static enum bench_exit
number_bulk(const struct stage *stage, double single_rate)
{
    struct stage quiet = *stage;
    struct report *report = NULL;
    enum bench_exit outcome;
    char what[128];

    quiet.options.echo = false;
    outcome = stage_measure(&quiet, METHOD_CHECK_BULK, 16, 4, &report);
    if (outcome == BENCH_OK) {
        double rate = report_main(report)->median.answers_per_second;

        (void)snprintf(what, sizeof what, "check_bulk of %u: %.0f checks/s", quiet.options.batch,
                       rate);
        print_number("N4", what, rate / single_rate, AIM_AT_LEAST, 2, "x N1");
    }
    report_free(report);
    return outcome;
}

/* --- N7: checks while others write ------------------------------------------------------------ */

struct writer {
    pthread_t thread;
    struct stage stage;
    enum bench_exit outcome;
    double rate;
};

static void *
write_along(void *context)
{
    struct writer *writer = context;
    struct report *report = NULL;

    writer->outcome = stage_measure(&writer->stage, METHOD_WRITE, 4, 64, &report);
    if (writer->outcome == BENCH_OK)
        writer->rate = rate_of(report);
    report_free(report);
    return NULL;
}

/* One run of checks, with or without the writer. */
struct along {
    double per_cpu_second; /* checks per second that the loop's thread was on a core */
    double p99_us;
    double write_rate;
};

static enum bench_exit
check_along(const struct stage *stage, bool writing, double rate, struct along *along)
{
    struct stage quiet = *stage;
    struct writer writer = {.stage = *stage, .outcome = BENCH_OK};
    pid_t loop = bench_serve_busiest_thread(&stage->server);
    int64_t before_ns = bench_serve_cpu_ns(&stage->server, loop);
    struct report *report = NULL;
    enum bench_exit outcome;

    quiet.options.echo = false;
    quiet.options.repeat = 1;
    quiet.options.warmup_seconds = 0;
    quiet.options.rate = rate;
    writer.stage.options = quiet.options;
    writer.stage.options.rate = WRITE_RATE;
    writer.stage.options.updates = WRITE_UPDATES;
    if (writing && pthread_create(&writer.thread, NULL, write_along, &writer) != 0)
        return BENCH_CONNECTION;
    outcome = stage_measure(&quiet, METHOD_CHECK, 16, 16, &report);
    if (writing)
        (void)pthread_join(writer.thread, NULL);
    if (outcome == BENCH_OK) {
        double cpu_seconds = (double)(bench_serve_cpu_ns(&stage->server, loop) - before_ns) / 1e9;

        *along = (struct along){(double)report_main(report)->median.requests / cpu_seconds,
                                report_main(report)->median.latency_us[REPORT_P99], writer.rate};
    }
    report_free(report);
    return outcome == BENCH_OK ? writer.outcome : outcome;
}

static enum bench_exit
number_writing(const struct stage *stage, double single_rate)
{
    struct along alone = {0};
    struct along along = {0};
    enum bench_exit outcome = check_along(stage, false, 0, &alone);

    if (outcome == BENCH_OK)
        outcome = check_along(stage, true, 0, &along);
    if (outcome != BENCH_OK)
        return outcome;
    print_number("N7", "checks per CPU second of the loop, 5,000 writes/s against none",
                 along.per_cpu_second / alone.per_cpu_second, AIM_AT_LEAST, 0.8, "of without");
    print_number("", "  the writer keeps its rate", along.write_rate / WRITE_RATE, AIM_AT_LEAST,
                 0.99, "of asked");
    outcome = check_along(stage, false, single_rate / 2, &alone);
    if (outcome == BENCH_OK)
        outcome = check_along(stage, true, single_rate / 2, &along);
    if (outcome == BENCH_OK)
        print_number("", "  p99 at half of N1's rate, open loop, with writes",
                     along.p99_us / alone.p99_us, AIM_AT_MOST, 2, "x without");
    return outcome;
}

/* --- N9: durable writes ----------------------------------------------------------------------- */

static enum bench_exit
number_writers(const struct stage *stage)
{
    struct stage quiet = *stage;
    struct report *many = NULL;
    struct report *one = NULL;
    enum bench_exit outcome;
    char what[128];

    quiet.options.echo = false;
    outcome = stage_measure(&quiet, METHOD_WRITE, WRITERS, 1, &many);
    if (outcome == BENCH_OK)
        outcome = stage_measure(&quiet, METHOD_WRITE, 1, 1, &one);
    if (outcome == BENCH_OK) {
        (void)snprintf(what, sizeof what, "durable writes, 64 writers: %.0f/s, 1 writer: %.0f/s",
                       rate_of(many), rate_of(one));
        print_number("N9", what, rate_of(many) / rate_of(one), AIM_NONE, 0, "x one writer");
    }
    report_free(many);
    report_free(one);
    return outcome;
}

/* --- N10, N11: memory, disk, start ------------------------------------------------------------ */

static void
number_bytes(const struct stage *stage)
{
    double count = (double)stage->loaded.relationships;
    char what[128];

    (void)snprintf(what, sizeof what, "resident bytes, all included, per relationship at %.0e",
                   count);
    print_number("N10", what, (double)bench_serve_resident_bytes(&stage->server) / count, AIM_NONE,
                 0, "bytes");
    print_number("", "  disk, changelog and log files included",
                 (double)bench_serve_disk_bytes(&stage->server) / count, AIM_NONE, 0, "bytes");
}

static enum bench_exit
number_start(struct stage *stage, const char *number, const char *what, int signal_number,
             double target)
{
    const struct behalf_question question = {
        .resource = "document:0-0", .permission = "view", .subject = "user:0-0"};
    int64_t from_ns = bench_now_ns();
    struct behalf_client *client = NULL;
    struct behalf_answer answer;
    enum bench_exit outcome = BENCH_CONNECTION;

    if (bench_serve_restart(&stage->server, signal_number)) {
        stage->options.endpoint = stage->server.endpoint;
        if (behalf_connect(stage->options.endpoint, NULL, &client, NULL) == BEHALF_SUCCESS &&
            behalf_check(client, NULL, &question, &answer, NULL, NULL) == BEHALF_SUCCESS)
            outcome = BENCH_OK;
    }
    behalf_close(client);
    if (outcome == BENCH_OK)
        print_number(number, what, (double)(bench_now_ns() - from_ns) / 1e9, AIM_AT_MOST, target,
                     "s");
    return outcome;
}

/* --- N3, N12 ---------------------------------------------------------------------------------- */

static enum bench_exit
number_small(const struct bench_options *options, double large_rate)
{
    struct stage stage;
    struct report *report = NULL;
    enum bench_exit outcome = stage_open(&stage, options, "one-hop", WORKLOAD_SMALL);

    stage.options.echo = false;
    if (outcome == BENCH_OK)
        outcome = stage_measure(&stage, METHOD_CHECK, 16, 16, &report);
    if (outcome == BENCH_OK)
        print_number("N12", "cost of a check, one-hop, this size against 10,000",
                     rate_of(report) / large_rate, AIM_AT_MOST, 4, "x");
    report_free(report);
    stage_close(&stage);
    return outcome;
}

static enum bench_exit
number_of_workload(const struct bench_options *options, const char *name)
{
    struct stage stage;
    enum bench_exit outcome = stage_open(&stage, options, name, options->size);

    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome =
            number_of_echo(&stage, "N3", 16, options->size > WORKLOAD_MEDIUM ? 0.06 : 0.10, NULL);
    stage_close(&stage);
    return outcome;
}

static enum bench_exit
numbers_of_one_hop(const struct bench_options *options, double *rate)
{
    struct stage stage;
    enum bench_exit outcome = stage_open(&stage, options, "one-hop", options->size);

    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = number_of_echo(&stage, "N1", 16, 0.33, rate);
    if (outcome == BENCH_OK)
        outcome = number_of_echo(&stage, "N2", 1, 0.80, NULL);
    if (outcome == BENCH_OK)
        outcome = number_bulk(&stage, *rate);
    if (outcome == BENCH_OK)
        number_bytes(&stage);
    if (outcome == BENCH_OK)
        outcome = number_writing(&stage, *rate);
    if (outcome == BENCH_OK)
        outcome = number_writers(&stage);
    if (outcome == BENCH_OK)
        outcome = number_start(&stage, "N11", "first answer after an orderly end", SIGTERM, 1);
    if (outcome == BENCH_OK)
        outcome = number_start(&stage, "", "  after kill -9", SIGKILL, 2);
    stage_close(&stage);
    return outcome;
}

enum bench_exit
bench_numbers(const struct bench_options *options)
{
    static const char *const names[] = {"drive", "github", "agents", "delegated"};
    double rate = 0;
    enum bench_exit outcome;

    (void)printf("%.0e relationships, one event loop, medians of %u runs of %g s; N5, N6, N8: "
                 "bench/micro\n",
                 (double)options->size, options->repeat, options->seconds);
    outcome = numbers_of_one_hop(options, &rate);
    for (size_t index = 0; index < BEHALF_COUNT_OF(names) && outcome == BENCH_OK; index++)
        outcome = number_of_workload(options, names[index]);
    if (outcome == BENCH_OK)
        outcome = number_small(options, rate);
    return outcome;
}
