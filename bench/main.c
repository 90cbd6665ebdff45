/* main.c - `behalf-bench`, the load tool.
 * Exit codes: 0 done, 1 usage, 2 no connection, 3 an error or a wrong answer. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

#define CONNECTIONS_MAX 4096
#define DEPTH_MAX 4096
#define THREADS_MAX 256
#define BATCH_MAX 1000
#define BULK_DEFAULT 100
#define REPEAT_MAX 1000

static const char help_text[] =
    "usage: behalf-bench load --workload DIR [OPTION...]\n"
    "       behalf-bench run [--workload DIR] [--method METHOD] [OPTION...]\n"
    "\n"
    "load writes DIR/schema.zed and DIR/relationships.txt to the server. run asks it in a closed\n"
    "loop and compares the answers with those of the workload's files. ping, with a payload that\n"
    "makes it as large as a check, is what the network and the loop cost alone.\n"
    "\n"
    "options:\n"
    "  --batch N        checks of a bulk (default 100), relationships of a write (default 1)\n"
    "  --connections N  default 16 (load: 4)\n"
    "  --depth N        requests in flight on each connection, default 16\n"
    "  --endpoint E     ADDRESS:PORT or unix:PATH, default 127.0.0.1:23425 or BEHALF_ENDPOINT\n"
    "  --json           one JSON document for each run\n"
    "  --method M       check, check_bulk, lookup_resources, lookup_subjects,\n"
    "                   lookup_permissions, expand, write, ping; default check, without a\n"
    "                   workload ping\n"
    "  --repeat N       runs, default 1\n"
    "  --seconds S      length of a run, default 10\n"
    "  --threads N      threads that drive the connections, default 1\n"
    "  --warmup S       before each run, default 1\n"
    "  --workload DIR   schema.zed, relationships.txt, checks.txt ...; see behalf-bench(1)\n";

static bool
parse_count(const char *text, uint32_t largest, uint32_t *number)
{
    char *end;
    unsigned long value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || *end != '\0' || value < 1 || value > largest)
        return false;
    *number = (uint32_t)value;
    return true;
}

static bool
parse_seconds(const char *text, double smallest, double *seconds)
{
    char *end;
    double value;

    if ((text[0] < '0' || text[0] > '9') && text[0] != '.')
        return false;
    value = strtod(text, &end);
    if (*end != '\0' || !(value >= smallest && value <= 86400.0))
        return false;
    *seconds = value;
    return true;
}

static bool
parse_method(const char *text, enum bench_method *method)
{
    for (int index = METHOD_CHECK; index <= METHOD_PING; index++)
        if (strcmp(bench_method_name((enum bench_method)index), text) == 0) {
            *method = (enum bench_method)index;
            return true;
        }
    return false;
}

struct parsed {
    struct bench_options options;
    bool has_method;
    bool load;
};

/* One option with its value. */
static bool
take_option(struct parsed *parsed, const char *name, const char *value)
{
    struct bench_options *options = &parsed->options;

    if (strcmp(name, "--endpoint") == 0) {
        options->endpoint = value;
        return true;
    }
    if (strcmp(name, "--workload") == 0) {
        options->workload = value;
        return true;
    }
    if (strcmp(name, "--method") == 0) {
        parsed->has_method = true;
        return parse_method(value, &options->method);
    }
    if (strcmp(name, "--connections") == 0)
        return parse_count(value, CONNECTIONS_MAX, &options->connections);
    if (strcmp(name, "--depth") == 0)
        return parse_count(value, DEPTH_MAX, &options->depth);
    if (strcmp(name, "--threads") == 0)
        return parse_count(value, THREADS_MAX, &options->threads);
    if (strcmp(name, "--batch") == 0)
        return parse_count(value, BATCH_MAX, &options->batch);
    if (strcmp(name, "--repeat") == 0)
        return parse_count(value, REPEAT_MAX, &options->repeat);
    if (strcmp(name, "--seconds") == 0)
        return parse_seconds(value, 0.01, &options->seconds);
    if (strcmp(name, "--warmup") == 0)
        return parse_seconds(value, 0.0, &options->warmup_seconds);
    return false;
}

static enum bench_exit
usage(const char *problem, const char *word)
{
    (void)fprintf(stderr, "behalf-bench: %s '%s'\nhint: see behalf-bench --help\n", problem, word);
    return BENCH_USAGE;
}

static enum bench_exit
parse(int argc, char **argv, struct parsed *parsed)
{
    struct bench_options *options = &parsed->options;

    if (argc < 2)
        return usage("no command", "");
    parsed->load = strcmp(argv[1], "load") == 0;
    if (!parsed->load && strcmp(argv[1], "run") != 0)
        return usage("no command", argv[1]);
    for (int at = 2; at < argc; at++) {
        if (strcmp(argv[at], "--json") == 0) {
            options->json = true;
            continue;
        }
        if (at + 1 == argc)
            return usage("no option, or no value for", argv[at]);
        if (!take_option(parsed, argv[at], argv[at + 1]))
            return usage("no option, or no such value for", argv[at]);
        at++;
    }
    if (!parsed->has_method && options->workload == NULL)
        options->method = METHOD_PING;
    if (options->workload == NULL && (parsed->load || options->method != METHOD_PING))
        return usage("no --workload for", argv[1]);
    if (options->connections == 0)
        options->connections = parsed->load ? 4 : 16;
    if (options->threads > options->connections)
        options->threads = options->connections;
    if (options->batch == 0)
        options->batch = options->method == METHOD_CHECK_BULK ? BULK_DEFAULT : 1;
    return BENCH_OK;
}

static enum bench_exit
run(const struct bench_options *options)
{
    static struct bench_result result; /* large; main alone uses it */
    static double rates[REPEAT_MAX];
    struct bench_requests requests;
    enum bench_exit outcome = BENCH_OK;
    uint32_t done = 0;

    if (!bench_requests_build(options, &requests))
        outcome = BENCH_USAGE;
    while (outcome == BENCH_OK && done < options->repeat) {
        outcome = bench_run(options, &requests, &result);
        if (outcome == BENCH_CONNECTION)
            break;
        rates[done++] = (double)result.requests / result.seconds;
        bench_report(options, &result, done);
    }
    bench_report_summary(options, rates, done);
    bench_requests_release(&requests);
    return outcome;
}

int
main(int argc, char **argv)
{
    struct parsed parsed = {
        .options = {.endpoint = getenv("BEHALF_ENDPOINT"),
                    .depth = 16,
                    .threads = 1,
                    .repeat = 1,
                    .seconds = 10,
                    .warmup_seconds = 1},
    };
    enum bench_exit outcome;

    (void)signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                      strcmp(argv[1], "help") == 0)) {
        (void)fputs(help_text, stdout);
        return BENCH_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)printf("behalf-bench %s\n", behalf_version());
        return BENCH_OK;
    }
    outcome = parse(argc, argv, &parsed);
    if (outcome == BENCH_OK)
        outcome = parsed.load ? bench_load(&parsed.options) : run(&parsed.options);
    if (fflush(stdout) != 0)
        return BENCH_WRONG;
    return (int)outcome;
}
