/* bench_options.h - the command line of `behalf-bench`.
 * Always true: nothing is ignored; an unknown word, a value that does not fit and an option that
 * the command does not have are refused. Memory: texts are borrowed from the arguments. */
#ifndef BEHALF_BENCH_BENCH_OPTIONS_H
#define BEHALF_BENCH_BENCH_OPTIONS_H

#include "bench/bench.h"

enum bench_command {
    COMMAND_LOAD,
    COMMAND_RUN,
    COMMAND_BOTH, /* no word: load, then run */
    COMMAND_GENERATE,
    COMMAND_COMPARE,
    COMMAND_NUMBERS,
    COMMAND_SIEGE,
    COMMAND_WORKLOADS,
    COMMAND_HELP,
    COMMAND_VERSION,
};

struct bench_command_line {
    enum bench_command command;
    struct bench_options options;
    const char *files[2]; /* of compare; of generate the directory */
    double tolerance_percent;
};

/* Arguments without the program's name. False with a message, lower case, without the program's
 * name, in `problem`. */
bool bench_options_parse(int count, char *const *arguments, struct bench_command_line *line,
                         struct buffer *problem) BEHALF_MUST_USE;

extern const char bench_help[];

#endif
