/* bench_numbers.c - the figures that the project holds itself to, as far as a client can see them;
 * those inside of the process are printed by bench/micro/.
 *
 * Each server is started, loaded, warmed and measured alone, beside its echo: a ratio to the echo
 * of the same minute says more on a shared machine than a rate. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/complain.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_grants.h"
#include "bench/bench_numbers.h"
#include "bench/bench_report.h"
#include "bench/bench_serve.h"

#define WRITE_RATE 500.0 /* transactions a second of ten relationships each */
#define WRITE_UPDATES 10
#define WRITERS 64
#define STEADY_RATE 20000.0 /* checks a second */
#define STEADY_TIMES 5.0    /* what the slowest hundredth may become beside writes */
#define LARGE_UPDATES 1000
#define LARGE_WRITERS 2
#define STEADY_ROUNDS 5
#define OVERLOAD_TIMES 3.0
#define OVERLOAD_DEADLINE_MS 500
#define OVERLOAD_DEPTH 256 /* so that the load tool is not what keeps requests back */
/* Warm is what was asked several times over; a slow machine gets no more than so many rounds. */
#define WARM_SECONDS 2.0
#define WARM_TIMES 4
#define WARM_ROUNDS 20
#define FIRST_SECONDS 2.0
#define WARM_TRIES 6000 /* ten minutes */
#define FILL_UPDATES 100
#define FILL_BYTES (14.0 * 1024 * 1024) /* of log that a crash finds: its bound is 16 MiB */
#define FILLS_MAX 5000

/* --- printing --------------------------------------------------------------------------------- */

void
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

enum bench_exit
stage_open(struct stage *stage, const struct bench_options *options, const char *name,
           uint64_t size)
{
    memset(stage, 0, sizeof *stage);
    stage->options = *options;
    stage->options.grants = NULL;
    if (!workload_open(name, size, options->seed, 0, &stage->workload))
        return BENCH_USAGE;
    if (ferror(stdout)) /* nobody reads the figures */
        return BENCH_WRONG;
    if (!bench_serve_start(&stage->server, options->server, options->graph_memory,
                           options->server_more))
        return BENCH_CONNECTION;
    stage->options.endpoint = stage->server.endpoint;
    stage->options.grants = bench_grants_new();
    return bench_load(&stage->options, &stage->workload, &stage->loaded);
}

void
stage_close(struct stage *stage)
{
    bench_serve_stop(&stage->server);
    bench_grants_free(stage->options.grants);
    stage->options.grants = NULL;
}

/* One method at so many connections and requests in flight. */
enum bench_exit
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

/* Asks (nearly) everything, so that what is measured is warm. */
enum bench_exit
stage_warm(const struct stage *stage)
{
    struct stage warm = *stage;
    enum bench_exit outcome = BENCH_OK;
    uint64_t asked = 0;

    warm.options.seconds = WARM_SECONDS;
    warm.options.repeat = 1;
    warm.options.echo = false;
    for (unsigned round = 0; outcome == BENCH_OK && round < WARM_ROUNDS &&
                             asked < (uint64_t)WARM_TIMES * warm.options.questions;
         round++) {
        struct report *report = NULL;

        outcome = stage_measure(&warm, METHOD_CHECK, 16, 16, &report);
        if (outcome == BENCH_OK)
            asked += report_main(report)->median.requests;
        report_free(report);
    }
    return outcome;
}

double
stage_rate(const struct report *report)
{
    return report_main(report)->median.requests_per_second;
}

/* --- N1 to N4 --------------------------------------------------------------------------------- */

/* What checks reached, in all and for each echo of the same minute. */
struct reached {
    double rate;
    double of_echo;
};

/* Prints the ratio to the echo. `reached` may be NULL. */
static enum bench_exit
number_of_echo(const struct stage *stage, const char *number, uint32_t depth, double target,
               struct reached *reached)
{
    struct report *report = NULL;
    enum bench_exit outcome = stage_measure(stage, METHOD_CHECK, 16, depth, &report);
    struct report_ratio ratio;
    char what[128];

    if (outcome == BENCH_OK && report_echo_ratio(report, &ratio)) {
        (void)snprintf(what, sizeof what, "check, %s, 16 x %u: %.0f/s (%.3f to %.3f)",
                       stage->workload.name, depth, stage_rate(report), ratio.lowest,
                       ratio.highest);
        print_number(number, what, ratio.median, AIM_AT_LEAST, target, "of echo");
        if (strcmp(number, "N1") == 0)
            print_number("", "  p99 of it", ratio.p99, AIM_AT_MOST, 3, "x echo's");
        if (reached != NULL)
            *reached = (struct reached){stage_rate(report), ratio.median};
    }
    report_free(report);
    return outcome;
}

/* Bulks against single checks of the same questions, without an echo, as many in flight. */
static enum bench_exit
number_bulk(const struct stage *stage)
{
    double single_rate = 0;
    struct stage quiet = *stage;
    struct report *report = NULL;
    enum bench_exit outcome;
    char what[128];

    quiet.options.echo = false;
    outcome = stage_measure(&quiet, METHOD_CHECK, 16, 16, &report);
    if (outcome == BENCH_OK)
        single_rate = stage_rate(report);
    report_free(report);
    report = NULL;
    if (outcome == BENCH_OK)
        outcome = stage_measure(&quiet, METHOD_CHECK_BULK, 16, 16, &report);
    if (outcome == BENCH_OK && single_rate > 0) {
        double rate = report_main(report)->median.answers_per_second;

        (void)snprintf(what, sizeof what, "check_bulk of %u, %s: %.0f checks/s, single %.0f/s",
                       quiet.options.batch, stage->workload.name, rate, single_rate);
        print_number("N4", what, rate / single_rate, AIM_AT_LEAST, 2, "x single");
    }
    report_free(report);
    return outcome;
}

/* --- N7: checks while others write ------------------------------------------------------------ */

/* Writes beside checks: so many connections, each with so many writes in flight. */
struct write_load {
    uint32_t connections;
    uint32_t depth;
    uint32_t updates;
    double rate; /* 0 = as fast as they are answered */
};

struct number_writer {
    pthread_t thread;
    struct stage stage;
    const struct write_load *load;
    enum bench_exit outcome;
    double rate;
};

static void *
write_along(void *context)
{
    struct number_writer *writer = context;
    struct report *report = NULL;

    writer->outcome = stage_measure(&writer->stage, METHOD_WRITE, writer->load->connections,
                                    writer->load->depth, &report);
    if (writer->outcome == BENCH_OK)
        writer->rate = stage_rate(report);
    report_free(report);
    return NULL;
}

/* One run of checks, with or without the writer. */
struct along {
    double per_cpu_second; /* checks per second that the loop's thread was on a core */
    double p99_us;
    double write_rate;
};

/* `load` NULL: nobody writes. */
static enum bench_exit
check_along(const struct stage *stage, const struct write_load *load, double rate,
            struct along *along)
{
    struct stage quiet = *stage;
    struct number_writer writer = {.stage = *stage, .load = load, .outcome = BENCH_OK};
    struct bench_threads before;
    struct report *report = NULL;
    double loop_seconds;
    enum bench_exit outcome;

    quiet.options.echo = false;
    quiet.options.repeat = 1;
    quiet.options.warmup_seconds = 0;
    quiet.options.rate = rate;
    writer.stage.options = quiet.options;
    if (load != NULL) {
        writer.stage.options.rate = load->rate;
        writer.stage.options.updates = load->updates;
        if (pthread_create(&writer.thread, NULL, write_along, &writer) != 0)
            return BENCH_CONNECTION;
    }
    bench_serve_threads(&stage->server, &before);
    outcome = stage_measure(&quiet, METHOD_CHECK, 16, 16, &report);
    loop_seconds = (double)bench_serve_busiest_ns(&stage->server, &before) / 1e9;
    if (load != NULL)
        (void)pthread_join(writer.thread, NULL);
    if (outcome == BENCH_OK)
        *along = (struct along){(double)report_main(report)->median.requests / loop_seconds,
                                report_main(report)->median.latency_us[REPORT_P99], writer.rate};
    report_free(report);
    return outcome == BENCH_OK ? writer.outcome : outcome;
}

static enum bench_exit
number_writing(const struct stage *stage, double single_rate)
{
    static const struct write_load load = {4, 64, WRITE_UPDATES, WRITE_RATE};
    struct along alone = {0};
    struct along along = {0};
    enum bench_exit outcome = check_along(stage, NULL, 0, &alone);

    if (outcome == BENCH_OK)
        outcome = check_along(stage, &load, 0, &along);
    if (outcome != BENCH_OK)
        return outcome;
    print_number("N7", "checks per CPU second of the loop, 5,000 writes/s against none",
                 along.per_cpu_second / alone.per_cpu_second, AIM_AT_LEAST, 0.8, "of without");
    print_number("", "  the writer keeps its rate", along.write_rate / WRITE_RATE, AIM_AT_LEAST,
                 0.99, "of asked");
    outcome = check_along(stage, NULL, single_rate / 2, &alone);
    if (outcome == BENCH_OK)
        outcome = check_along(stage, &load, single_rate / 2, &along);
    if (outcome == BENCH_OK)
        print_number("", "  p99 at half of N1's rate, open loop, with writes",
                     along.p99_us / alone.p99_us, AIM_AT_MOST, 2, "x without");
    return outcome;
}

/* --- N15: the slowest hundredth of checks beside writers -------------------------------------- */

static int
compare_doubles(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double
median_of(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* With and without in turns, so that a minute in which the machine was busy counts for both. */
static enum bench_exit
number_steady(const struct stage *stage, const char *number, const struct write_load *load)
{
    double alone_us[STEADY_ROUNDS];
    double along_us[STEADY_ROUNDS];
    double writes[STEADY_ROUNDS];
    enum bench_exit outcome = BENCH_OK;
    char what[128];

    for (size_t round = 0; round < STEADY_ROUNDS; round++) {
        struct along alone = {0};
        struct along along = {0};

        outcome = check_along(stage, NULL, STEADY_RATE, &alone);
        if (outcome == BENCH_OK)
            outcome = check_along(stage, load, STEADY_RATE, &along);
        if (outcome != BENCH_OK)
            return outcome;
        alone_us[round] = alone.p99_us;
        along_us[round] = along.p99_us;
        writes[round] = along.write_rate;
    }
    (void)snprintf(what, sizeof what,
                   "p99 at 20,000/s beside %u writers of %u: %.0f, alone %.0f us",
                   load->connections, load->updates, median_of(along_us, STEADY_ROUNDS),
                   median_of(alone_us, STEADY_ROUNDS));
    print_number(number, what,
                 median_of(along_us, STEADY_ROUNDS) / median_of(alone_us, STEADY_ROUNDS),
                 AIM_AT_MOST, STEADY_TIMES, "x alone");
    print_number("", "  relationships written meanwhile",
                 median_of(writes, STEADY_ROUNDS) * load->updates, AIM_NONE, 0, "/s");
    return BENCH_OK;
}

static enum bench_exit
numbers_of_steadiness(const struct stage *stage)
{
    static const struct write_load single = {16, 1, 1, 0};
    static const struct write_load large = {LARGE_WRITERS, 1, LARGE_UPDATES, 0};
    enum bench_exit outcome = number_steady(stage, "N15", &single);

    return outcome == BENCH_OK ? number_steady(stage, "", &large) : outcome;
}

/* --- N9: durable writes ----------------------------------------------------------------------- */

struct write_counts {
    uint64_t transactions;
    uint64_t syncs;
};

static enum bench_exit
read_write_counts(const struct stage *stage, struct write_counts *counts)
{
    struct behalf_client *client = NULL;
    enum bench_exit outcome = BENCH_CONNECTION;
    struct behalf_reply *reply;
    struct behalf_value writes;

    if (behalf_connect(stage->options.endpoint, NULL, &client, NULL) == BEHALF_SUCCESS &&
        behalf_server_stats(client, &reply, NULL) == BEHALF_SUCCESS) {
        writes = behalf_value_get(behalf_reply_result(reply), "writes");
        if (behalf_value_uint(behalf_value_get(writes, "transactions"), &counts->transactions) &&
            behalf_value_uint(behalf_value_get(writes, "syncs"), &counts->syncs))
            outcome = BENCH_OK;
        behalf_reply_free(reply);
    }
    behalf_close(client);
    return outcome;
}

/* So many writers with one write in flight each. */
static enum bench_exit
write_with(const struct stage *stage, uint32_t writers, double *rate, double *per_sync)
{
    struct stage quiet = *stage;
    struct write_counts before = {0};
    struct write_counts after = {0};
    struct report *report = NULL;
    enum bench_exit outcome = read_write_counts(stage, &before);

    quiet.options.echo = false;
    if (outcome == BENCH_OK)
        outcome = stage_measure(&quiet, METHOD_WRITE, writers, 1, &report);
    if (outcome == BENCH_OK) {
        *rate = stage_rate(report);
        outcome = read_write_counts(stage, &after);
    }
    if (outcome == BENCH_OK)
        *per_sync = (double)(after.transactions - before.transactions) /
                    (double)(after.syncs - before.syncs);
    report_free(report);
    return outcome;
}

static enum bench_exit
number_writers(const struct stage *stage)
{
    double many = 0;
    double one = 0;
    double per_sync = 0;
    double alone = 0;
    enum bench_exit outcome = write_with(stage, WRITERS, &many, &per_sync);
    char what[128];

    if (outcome == BENCH_OK)
        outcome = write_with(stage, 1, &one, &alone);
    if (outcome != BENCH_OK)
        return outcome;
    (void)snprintf(what, sizeof what, "durable writes, 64 writers: %.0f/s, 1 writer: %.0f/s", many,
                   one);
    print_number("N9", what, per_sync, AIM_AT_LEAST, 24, "per sync");
    return BENCH_OK;
}

/* Relationships in large transactions against loading, which has them in order. */
static enum bench_exit
number_large(const struct stage *stage)
{
    struct stage large = *stage;
    double loading = (double)stage->loaded.relationships / stage->loaded.seconds;
    double rate = 0;
    double per_sync = 0;
    enum bench_exit outcome;
    char what[128];

    large.options.updates = LARGE_UPDATES;
    outcome = write_with(&large, LARGE_WRITERS, &rate, &per_sync);
    if (outcome != BENCH_OK)
        return outcome;
    (void)snprintf(what, sizeof what, "transactions of %d relationships: %.0f relationships/s",
                   LARGE_UPDATES, rate * LARGE_UPDATES);
    print_number("N16", what, rate * LARGE_UPDATES / loading, AIM_NONE, 0, "of loading");
    return BENCH_OK;
}

/* --- N13: goodput beyond capacity ------------------------------------------------------------- */

/* At a rate of 0 in a closed loop. */
enum bench_exit
stage_goodput(const struct stage *stage, enum bench_method method, double rate, double *goodput)
{
    struct stage beyond = *stage;
    struct report *report = NULL;
    enum bench_exit outcome;

    beyond.options.echo = false;
    beyond.options.deadline_ms = OVERLOAD_DEADLINE_MS;
    beyond.options.rate = rate;
    outcome = stage_measure(&beyond, method, 16, rate > 0 ? OVERLOAD_DEPTH : 16, &report);
    if (outcome == BENCH_OK)
        *goodput = report_main(report)->median.good_per_second;
    report_free(report);
    return outcome;
}

/* Answers within the deadline at three times the rate that a closed loop reaches, for each of
 * those. */
static enum bench_exit
number_goodput(const struct stage *stage, enum bench_method method, const char *what)
{
    enum bench_exit outcome;
    double beyond = 0;
    double peak = 0;
    char text[128];

    outcome = stage_goodput(stage, method, 0, &peak);
    if (outcome != BENCH_OK || peak <= 0)
        return outcome;
    outcome = stage_goodput(stage, method, OVERLOAD_TIMES * peak, &beyond);
    if (outcome == BENCH_OK) {
        (void)snprintf(text, sizeof text, "goodput, %s, at 3 x %.0f/s, deadline %d ms", what, peak,
                       OVERLOAD_DEADLINE_MS);
        print_number("N13", text, beyond / peak, AIM_AT_LEAST, 0.8, "of peak");
    }
    return outcome;
}

static enum bench_exit
numbers_of_overload(const struct stage *stage)
{
    enum bench_exit outcome = number_goodput(stage, METHOD_CHECK, "check");

    if (outcome == BENCH_OK)
        outcome = number_goodput(stage, METHOD_LOOKUP_RESOURCES, "lookup");
    if (outcome == BENCH_OK)
        outcome = number_goodput(stage, METHOD_WRITE, "write");
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
             double target, double *seconds)
{
    const struct behalf_question question = {
        .resource = "document:0-0", .permission = "view", .subject = "user:0-0"};
    int64_t from_ns;
    struct behalf_client *client = NULL;
    struct behalf_answer answer;
    enum bench_exit outcome = BENCH_CONNECTION;

    bench_serve_end(&stage->server, signal_number);
    from_ns = bench_now_ns();
    if (bench_serve_restart(&stage->server)) {
        stage->options.endpoint = stage->server.endpoint;
        if (behalf_connect(stage->options.endpoint, NULL, &client, NULL) == BEHALF_SUCCESS &&
            behalf_check(client, NULL, &question, &answer, NULL, NULL) == BEHALF_SUCCESS)
            outcome = BENCH_OK;
    }
    behalf_close(client);
    *seconds = (double)(bench_now_ns() - from_ns) / 1e9;
    if (outcome == BENCH_OK)
        print_number(number, what, *seconds, AIM_AT_MOST, target, "s");
    return outcome;
}

/* One transaction of relationships that are new. */
static bool
write_fill(struct behalf_client *client, unsigned fill)
{
    struct behalf_update updates[FILL_UPDATES];
    char texts[FILL_UPDATES][64];
    struct behalf_transaction transaction = {.updates = updates, .update_count = FILL_UPDATES};

    for (unsigned index = 0; index < FILL_UPDATES; index++) {
        (void)snprintf(texts[index], sizeof texts[index], "document:fill-%u-%u#viewer@user:0-%u",
                       fill, index, index);
        updates[index] = (struct behalf_update){BEHALF_TOUCH, texts[index]};
    }
    return behalf_relationships_write(client, &transaction, NULL, NULL) == BEHALF_SUCCESS;
}

/* Writes until a crash would find a log that is nearly as large as it may be. */
static enum bench_exit
fill_log(const struct stage *stage, double *bytes)
{
    struct behalf_client *client = NULL;
    bool good = behalf_connect(stage->options.endpoint, NULL, &client, NULL) == BEHALF_SUCCESS;

    *bytes = 0;
    for (unsigned fill = 0; good && *bytes < FILL_BYTES && fill < FILLS_MAX; fill++) {
        good = write_fill(client, fill);
        *bytes = (double)bench_serve_log_bytes(&stage->server);
    }
    behalf_close(client);
    return good ? BENCH_OK : BENCH_CONNECTION;
}

static enum bench_exit
number_starts(struct stage *stage)
{
    double orderly = 0;
    double crashed = 0;
    double bytes = 0;
    enum bench_exit outcome =
        number_start(stage, "N11", "first answer after an orderly end", SIGTERM, 1, &orderly);
    char what[128];

    if (outcome == BENCH_OK)
        outcome = fill_log(stage, &bytes);
    (void)snprintf(what, sizeof what, "  after kill -9 with a log of %.1f MB", bytes / 1e6);
    if (outcome == BENCH_OK)
        outcome = number_start(stage, "", what, SIGKILL, 2, &crashed);
    if (outcome == BENCH_OK && crashed > orderly)
        print_number("", "  so the log is replayed, and its sorted files written, at",
                     bytes / 1e6 / (crashed - orderly), AIM_NONE, 0, "MB/s");
    return outcome;
}

/* --- N14: just loaded, and after a restart ---------------------------------------------------- */

/* Asks at once what was encoded before; `restart`: of a server that was ended and started again.
 * What is refused for want of time is no answer, and no failure either. */
static enum bench_exit
run_first(struct stage *stage, bool restart, double *rate)
{
    struct bench_options options = stage->options;
    struct bench_result *result = memory_new(sizeof *result);
    enum bench_exit outcome = BENCH_USAGE;
    struct bench_deck deck;
    struct bench_count total;

    options.mix = (struct bench_mix){.total = 1};
    options.mix.weights[METHOD_CHECK] = 1;
    options.connections = options.depth = 16;
    options.seconds = FIRST_SECONDS;
    options.warmup_seconds = 0;
    if (bench_deck_build(&options, &stage->workload, &options.mix, &deck)) {
        outcome = BENCH_CONNECTION;
        if (restart)
            bench_serve_end(&stage->server, SIGTERM);
        if (!restart || bench_serve_restart(&stage->server)) {
            options.endpoint = stage->options.endpoint = stage->server.endpoint;
            outcome = bench_run(&options, &deck, "first", result);
        }
        bench_result_total(result, &total);
        *rate = (double)(total.requests - total.errors) / result->seconds;
        if (outcome == BENCH_WRONG && total.wrong == 0)
            outcome = BENCH_OK;
    }
    bench_deck_release(&deck);
    memory_free(result);
    return outcome;
}

/* How far the warm-up is; a server that knows none is as warm as it gets. */
static enum bench_exit
read_warm_up(const struct stage *stage, bool *done, uint64_t *ms)
{
    struct behalf_client *client = NULL;
    enum bench_exit outcome = BENCH_CONNECTION;
    struct behalf_reply *reply;
    const char *state;
    size_t size;

    *done = true;
    if (behalf_connect(stage->options.endpoint, NULL, &client, NULL) == BEHALF_SUCCESS &&
        behalf_server_stats(client, &reply, NULL) == BEHALF_SUCCESS) {
        struct behalf_value warm_up = behalf_value_get(behalf_reply_result(reply), "warm_up");

        outcome = BENCH_OK;
        if (behalf_value_string(behalf_value_get(warm_up, "state"), &state, &size))
            *done = size == 4 && memcmp(state, "done", 4) == 0;
        if (!behalf_value_uint(behalf_value_get(warm_up, "ms"), ms))
            *ms = 0;
        behalf_reply_free(reply);
    }
    behalf_close(client);
    return outcome;
}

static enum bench_exit
number_restart(struct stage *stage, double warm_rate)
{
    const struct timespec tenth = {.tv_nsec = 100000000};
    enum bench_exit outcome;
    double first_rate = 0;
    bool done = false;
    uint64_t ms = 0;
    char what[128];

    outcome = run_first(stage, true, &first_rate);
    if (outcome != BENCH_OK)
        return outcome;
    (void)snprintf(what, sizeof what, "check, %s, the first %g s after a restart: %.0f/s",
                   stage->workload.name, FIRST_SECONDS, first_rate);
    print_number("N14", what, first_rate / warm_rate, AIM_AT_LEAST, 0.4, "of warm");
    for (unsigned tries = 0; outcome == BENCH_OK && !done && tries < WARM_TRIES; tries++) {
        outcome = read_warm_up(stage, &done, &ms);
        if (!done)
            (void)nanosleep(&tenth, NULL);
    }
    if (outcome == BENCH_OK && done && ms > 0)
        print_number("", "  everything is in memory after", (double)ms / 1e3, AIM_AT_MOST, 60, "s");
    return outcome;
}

static void
print_loaded(const struct stage *stage, double first_rate, double warm_rate)
{
    char what[128];

    (void)snprintf(what, sizeof what, "check, %s, the first %g s when all is loaded: %.0f/s",
                   stage->workload.name, FIRST_SECONDS, first_rate);
    print_number("N14", what, first_rate / warm_rate, AIM_AT_LEAST, 0.4, "of warm");
}

/* --- N3, N12 ---------------------------------------------------------------------------------- */

/* By the echo of each: between the two the machine may have become another. */
static enum bench_exit
number_small(const struct bench_options *options, const struct reached *large)
{
    struct stage stage;
    struct report *report = NULL;
    enum bench_exit outcome = stage_open(&stage, options, "one-hop", WORKLOAD_SMALL);
    struct report_ratio ratio;

    if (outcome == BENCH_OK)
        outcome = stage_measure(&stage, METHOD_CHECK, 16, 16, &report);
    if (outcome == BENCH_OK && report_echo_ratio(report, &ratio))
        print_number("N12", "cost of a check in echoes, one-hop, this size against 10,000",
                     ratio.median / large->of_echo, AIM_AT_MOST, 4, "x");
    report_free(report);
    stage_close(&stage);
    return outcome;
}

static enum bench_exit
number_of_workload(const struct bench_options *options, const char *name)
{
    struct stage stage;
    struct reached reached = {0};
    double first_rate = 0;
    enum bench_exit outcome = stage_open(&stage, options, name, options->size);

    if (outcome == BENCH_OK)
        outcome = run_first(&stage, false, &first_rate);
    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = number_of_echo(&stage, "N3", 16, options->size > WORKLOAD_MEDIUM ? 0.06 : 0.10,
                                 &reached);
    if (outcome == BENCH_OK)
        outcome = number_bulk(&stage);
    if (outcome == BENCH_OK && reached.rate > 0)
        print_loaded(&stage, first_rate, reached.rate);
    if (outcome == BENCH_OK && reached.rate > 0 && strcmp(name, "drive") == 0)
        outcome = number_restart(&stage, reached.rate);
    if (outcome == BENCH_OK && strcmp(name, "drive") == 0)
        outcome = numbers_of_overload(&stage);
    stage_close(&stage);
    return outcome;
}

/* N4 alone, of shapes that no other number is about. */
static enum bench_exit
number_of_shape(const struct bench_options *options, const char *name)
{
    struct stage stage;
    enum bench_exit outcome = stage_open(&stage, options, name, options->size);

    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = number_bulk(&stage);
    stage_close(&stage);
    return outcome;
}

static enum bench_exit
numbers_of_one_hop(const struct bench_options *options, struct reached *reached)
{
    struct stage stage;
    enum bench_exit outcome = stage_open(&stage, options, "one-hop", options->size);

    if (outcome == BENCH_OK)
        outcome = stage_warm(&stage);
    if (outcome == BENCH_OK)
        outcome = number_of_echo(&stage, "N1", 16, 0.33, reached);
    if (outcome == BENCH_OK)
        outcome = number_of_echo(&stage, "N2", 1, 0.80, NULL);
    if (outcome == BENCH_OK)
        outcome = number_bulk(&stage);
    if (outcome == BENCH_OK)
        number_bytes(&stage);
    if (outcome == BENCH_OK)
        outcome = number_writing(&stage, reached->rate);
    if (outcome == BENCH_OK)
        outcome = numbers_of_steadiness(&stage);
    if (outcome == BENCH_OK)
        outcome = number_writers(&stage);
    if (outcome == BENCH_OK)
        outcome = number_large(&stage);
    if (outcome == BENCH_OK)
        outcome = number_starts(&stage);
    stage_close(&stage);
    return outcome;
}

static bool
is_wanted(const struct bench_options *options, const char *workload)
{
    return options->workload == NULL || strcmp(options->workload, workload) == 0;
}

/* What is measured of each shape but the first. */
static const struct {
    const char *name;
    enum bench_exit (*measure)(const struct bench_options *options, const char *name);
} shapes[] = {
    {"drive", number_of_workload},          {"github", number_of_workload},
    {"agents", number_of_workload},         {"delegated", number_of_workload},
    {"grants", numbers_of_grants},          {"wide-groups", number_of_shape},
    {"deep-arrows", number_of_workload},    {"wide-direct", number_of_shape},
    {"double-wide-arrow", number_of_shape}, {"lookup-intersection", number_of_shape},
    {"share-with", number_of_shape},
};

enum bench_exit
bench_numbers(const struct bench_options *options)
{
    bool known = is_wanted(options, "one-hop");
    struct reached reached = {0};
    enum bench_exit outcome = BENCH_OK;

    for (size_t index = 0; index < BEHALF_COUNT_OF(shapes); index++)
        known = known || is_wanted(options, shapes[index].name);
    if (!known) {
        complain(NULL, "there are no numbers of '%s'", options->workload);
        return BENCH_USAGE;
    }
    (void)printf("%.0e relationships, one event loop, medians of %u runs of %g s; N5, N6, N8: "
                 "bench/micro\n",
                 (double)options->size, options->repeat, options->seconds);
    if (is_wanted(options, "one-hop")) {
        outcome = numbers_of_one_hop(options, &reached);
        if (outcome == BENCH_OK)
            outcome = number_small(options, &reached);
    }
    for (size_t index = 0; index < BEHALF_COUNT_OF(shapes) && outcome == BENCH_OK; index++)
        if (is_wanted(options, shapes[index].name))
            outcome = shapes[index].measure(options, shapes[index].name);
    return outcome;
}
