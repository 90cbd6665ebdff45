/* bench_session.c - load, run, report: what one command line asks for. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/complain.h"
#include "base/file.h"
#include "base/memory.h"
#include "bench/bench.h"
#include "bench/bench_grants.h"
#include "bench/bench_report.h"
#include "bench/bench_serve.h"

/* The decks of a measurement and what it gives. */
struct measurement {
    const struct bench_options *options;
    const struct workload *workload;
    struct bench_deck deck;
    struct bench_deck echo;
    struct bench_result result; /* of the run at hand */
    struct bench_result echoed;
    struct report *report;
};

static void
show_problems(const struct bench_result *result)
{
    for (uint32_t index = 0; index < result->shown.count; index++)
        complain(NULL, "%s", result->shown.lines[index]);
}

/* --- running ---------------------------------------------------------------------------------- */

static bool
wants_echo(const struct bench_options *options)
{
    return options->echo && bench_mix_single(&options->mix) != METHOD_PING;
}

static bool
build_decks(struct measurement *measurement)
{
    const struct bench_options *options = measurement->options;
    struct bench_mix ping = {.total = 1};

    ping.weights[METHOD_PING] = 1;
    return bench_deck_build(options, measurement->workload, &options->mix, &measurement->deck) &&
           (!wants_echo(options) ||
            bench_deck_build(options, measurement->workload, &ping, &measurement->echo));
}

/* A run and, behind it, its echo, so that both see the machine in the same minute. */
static enum bench_exit
run_once(struct measurement *measurement)
{
    const struct bench_options *options = measurement->options;
    struct bench_result *result = &measurement->result;
    struct bench_result *echoed = &measurement->echoed;
    enum bench_exit outcome =
        bench_run(options, &measurement->deck, measurement->report->mix, result);
    enum bench_exit echo = BENCH_OK;

    if (outcome == BENCH_CONNECTION)
        return outcome;
    report_add_result(measurement->report, &options->mix, result);
    show_problems(result);
    if (!wants_echo(options))
        return outcome;
    echo = bench_run(options, &measurement->echo, REPORT_ECHO, echoed);
    if (echo != BENCH_CONNECTION)
        report_add(measurement->report, REPORT_ECHO, &echoed->methods[METHOD_PING],
                   echoed->seconds);
    return outcome == BENCH_OK ? echo : outcome;
}

enum bench_exit
bench_measure(const struct bench_options *options, const struct workload *workload,
              struct report **report)
{
    struct measurement *measurement = memory_new(sizeof *measurement);
    enum bench_exit worst = BENCH_OK;
    enum bench_exit outcome;

    *measurement = (struct measurement){
        .options = options, .workload = workload, .report = report_new(options, workload)};
    if (!build_decks(measurement))
        worst = BENCH_USAGE;
    for (uint32_t run = 0; run < options->repeat; run++) {
        if (worst == BENCH_USAGE || worst == BENCH_CONNECTION)
            break;
        outcome = run_once(measurement);
        worst = outcome != BENCH_OK ? outcome : worst;
    }
    *report = measurement->report;
    bench_deck_release(&measurement->deck);
    bench_deck_release(&measurement->echo);
    memory_free(measurement);
    return worst;
}

/* --- reporting -------------------------------------------------------------------------------- */

static enum bench_exit
write_html(const struct report *report, const char *path)
{
    struct buffer text;
    bool good;

    buffer_init(&text);
    report_html(report, &text);
    good = file_replace(path, buffer_slice(&text));
    buffer_release(&text);
    if (!good)
        complain(NULL, "cannot write '%s': %s", path, strerror(errno));
    return good ? BENCH_OK : BENCH_USAGE;
}

static enum bench_exit
write_report(const struct bench_options *options, const struct report *report)
{
    struct buffer text;

    buffer_init(&text);
    switch (options->output) {
    case OUTPUT_TEXT:
        report_text(report, &text);
        break;
    case OUTPUT_JSON:
        report_json(report, &text);
        break;
    case OUTPUT_CSV:
        report_csv(report, &text);
        break;
    }
    (void)fwrite(text.data, 1, text.size, stdout);
    buffer_release(&text);
    return options->html != NULL ? write_html(report, options->html) : BENCH_OK;
}

static void
print_loaded(const struct bench_options *options, const struct bench_load_result *loaded)
{
    double rate = (double)loaded->relationships / loaded->seconds;
    unsigned long long count = loaded->relationships;

    if (options->output == OUTPUT_TEXT)
        (void)printf("loaded %llu relationships in %.1f s, %.0f/s\n", count, loaded->seconds, rate);
    else
        (void)printf("{\"loaded\":%llu,\"seconds\":%.3f,\"per_second\":%.0f}\n", count,
                     loaded->seconds, rate);
}

/* --- the session ------------------------------------------------------------------------------ */

static enum bench_exit
load_and_run(const struct bench_options *options, const struct workload *workload, unsigned parts)
{
    struct bench_load_result loaded = {.relationships = 0};
    enum bench_exit outcome = BENCH_OK;
    struct report *report = NULL;

    if ((parts & BENCH_LOAD) != 0)
        outcome = bench_load(options, workload, &loaded);
    if (outcome == BENCH_OK && parts == BENCH_LOAD)
        print_loaded(options, &loaded);
    if (outcome != BENCH_OK || (parts & BENCH_RUN) == 0)
        return outcome;
    outcome = bench_measure(options, workload, &report);
    report->load = loaded;
    if (outcome == BENCH_OK || outcome == BENCH_WRONG) {
        enum bench_exit written = write_report(options, report);

        outcome = outcome == BENCH_OK ? written : outcome;
    }
    report_free(report);
    return outcome;
}

enum bench_exit
bench_session(const struct bench_options *options, unsigned parts)
{
    struct bench_options used = *options;
    struct workload workload;
    struct bench_server server = {.process = 0};
    enum bench_exit outcome = BENCH_CONNECTION;
    bool has_workload = options->workload != NULL;

    if (has_workload &&
        !workload_open(options->workload, options->size, options->seed, options->zipf, &workload))
        return BENCH_USAGE;
    used.grants = bench_grants_new();
    if (!options->serve) {
        outcome = load_and_run(&used, has_workload ? &workload : NULL, parts);
    } else if (bench_serve_start(&server, options->server, options->graph_memory, NULL)) {
        used.endpoint = server.endpoint;
        outcome = load_and_run(&used, &workload, parts);
    }
    bench_serve_stop(&server);
    bench_grants_free(used.grants);
    return outcome;
}
