/* main.c - `behalf-bench`, the load tool.
 * Exit codes: enum bench_exit of bench/bench.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/complain.h"
#include "base/file.h"
#include "bench/bench_options.h"
#include "bench/bench_report.h"

static bool
read_whole(const char *path, struct buffer *out)
{
    FILE *file = fopen(path, "rb");
    bool good = file != NULL;

    while (file != NULL) {
        size_t count = fread(buffer_reserve(out, BUFSIZ), 1, BUFSIZ, file);

        buffer_added(out, count);
        if (count == 0)
            break;
    }
    if (file != NULL) {
        good = ferror(file) == 0;
        (void)fclose(file);
    }
    if (!good)
        complain(NULL, "cannot read '%s': %s", path, strerror(errno));
    return good;
}

static enum bench_exit
compare(const struct bench_command_line *line)
{
    bool colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL;
    struct report_judgement judgement = {.compared = 0};
    enum bench_exit outcome = BENCH_USAGE;
    struct buffer texts[2];
    struct buffer problem;
    struct buffer table;

    buffer_init(&texts[0]);
    buffer_init(&texts[1]);
    buffer_init(&problem);
    buffer_init(&table);
    if (read_whole(line->files[0], &texts[0]) && read_whole(line->files[1], &texts[1])) {
        if (report_compare(buffer_slice(&texts[0]), buffer_slice(&texts[1]),
                           line->tolerance_percent, colour, &table, &judgement, &problem))
            outcome = judgement.slower > 0 ? BENCH_SLOWER : BENCH_OK;
        else
            complain(NULL, "%.*s", SLICE_PRINTF(buffer_slice(&problem)));
    }
    if (outcome != BENCH_USAGE) {
        (void)fwrite(table.data, 1, table.size, stdout);
        if (judgement.undecided > 0)
            (void)printf("%u row%s may be slower: give both reports --repeat 2 or more, so that "
                         "their spread is known\n",
                         judgement.undecided, judgement.undecided == 1 ? "" : "s");
        (void)printf("%u of %u rows slower by more than %g %% and the spread of the runs\n",
                     judgement.slower, judgement.compared, line->tolerance_percent);
    }
    buffer_release(&texts[0]);
    buffer_release(&texts[1]);
    buffer_release(&problem);
    buffer_release(&table);
    return outcome;
}

static enum bench_exit
generate(const struct bench_command_line *line)
{
    const struct bench_options *options = &line->options;
    struct workload workload;

    if (!workload_open(options->workload, options->size, options->seed, options->zipf, &workload) ||
        !workload_save(&workload, line->files[0], options->questions))
        return BENCH_USAGE;
    return BENCH_OK;
}

static enum bench_exit
obey(const struct bench_command_line *line)
{
    switch (line->command) {
    case COMMAND_LOAD:
        return bench_session(&line->options, BENCH_LOAD);
    case COMMAND_RUN:
        return bench_session(&line->options, BENCH_RUN);
    case COMMAND_BOTH:
        return bench_session(&line->options, BENCH_LOAD | BENCH_RUN);
    case COMMAND_GENERATE:
        return generate(line);
    case COMMAND_COMPARE:
        return compare(line);
    case COMMAND_NUMBERS:
        return bench_numbers(&line->options);
    case COMMAND_SIEGE:
        return bench_siege(&line->options);
    case COMMAND_WORKLOADS:
        workload_list(stdout);
        return BENCH_OK;
    case COMMAND_HELP:
        (void)fputs(bench_help, stdout);
        return BENCH_OK;
    case COMMAND_VERSION:
        (void)printf("behalf-bench %s\n", behalf_version());
        return BENCH_OK;
    }
    return BENCH_USAGE;
}

static void
print_command(int argc, char **argv, struct buffer *out)
{
    for (int index = 0; index < argc; index++)
        buffer_add_format(out, index > 0 ? " %s" : "%s", argv[index]);
    buffer_add_byte(out, '\0');
}

/* A reader of standard output that left ends the program quietly, as it ends others. */
static enum bench_exit
output_failed(void)
{
    int problem = errno;
    struct pollfd output = {.fd = STDOUT_FILENO};

    if (problem == EPIPE || (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0)) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
    complain(NULL, "cannot write the output%s%s", problem != 0 ? ": " : "",
             problem != 0 ? strerror(problem) : "");
    return BENCH_WRONG;
}

/* What the command line does not say. */
static void
read_environment(struct bench_options *options)
{
    struct behalf_options *connect = &options->connect;
    const char *tls = getenv("BEHALF_TLS");
    const char *key_file = getenv("BEHALF_KEY_FILE");

    if (options->endpoint == NULL)
        options->endpoint = getenv("BEHALF_ENDPOINT");
    if (connect->key_file == NULL && key_file != NULL && key_file[0] != '\0')
        connect->key_file = key_file;
    connect->tls = connect->tls || (tls != NULL && strcmp(tls, "true") == 0);
    if (!connect->tls)
        return;
    if (connect->ca_file == NULL)
        connect->ca_file = getenv("BEHALF_CA_FILE");
    if (connect->certificate == NULL && connect->certificate_key == NULL) {
        connect->certificate = getenv("BEHALF_CERTIFICATE");
        connect->certificate_key = getenv("BEHALF_CERTIFICATE_KEY");
    }
}

int
main(int argc, char **argv)
{
    struct bench_command_line line;
    enum bench_exit outcome = BENCH_USAGE;
    struct buffer command;
    struct buffer problem;

    file_occupy_standard();
    (void)signal(SIGPIPE, SIG_IGN); /* a server that was started has to be ended first */
    complain_as("behalf-bench", complain_asked(argc - 1, argv + 1, "--json"));
    buffer_init(&command);
    buffer_init(&problem);
    print_command(argc, argv, &command);
    if (!bench_options_parse(argc - 1, argv + 1, &line, &problem)) {
        complain("see behalf-bench --help", "%.*s", SLICE_PRINTF(buffer_slice(&problem)));
    } else {
        line.options.command = command.data;
        read_environment(&line.options);
        outcome = obey(&line);
    }
    buffer_release(&command);
    buffer_release(&problem);
    return (int)(file_flush_output() ? outcome : output_failed());
}
