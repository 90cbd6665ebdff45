/* cli_options.h - the options of all commands, once: names, help, and where their values go. */
#ifndef BEHALF_CLI_CLI_OPTIONS_H
#define BEHALF_CLI_CLI_OPTIONS_H

#include "cli/cli.h"

/* The type of the member of struct cli that takes the value. */
enum option_kind {
    KIND_SWITCH,   /* bool */
    KIND_TEXT,     /* const char *, not empty */
    KIND_TEXTS,    /* struct cli_texts: the option may stand again */
    KIND_NUMBER,   /* uint32_t */
    KIND_LIMIT,    /* uint32_t, at least 1 */
    KIND_COUNT,    /* uint64_t, at least 1 */
    KIND_DURATION, /* uint64_t, seconds, at least 1 */
    KIND_TIMEOUT,  /* uint32_t, milliseconds */
    KIND_CONSISTENCY,
    KIND_ACTOR, /* may stand again: the chain goes on */
    KIND_IDLE,
    KIND_WAIT,
};

struct option_row {
    const char *name;
    const char *value; /* what follows; NULL for a switch, "[=...]" for what may be left out */
    enum option_kind kind;
    uint64_t group; /* OPTION_...: it goes with the commands of any of these */
    size_t at;      /* offset in struct cli; unused where the kind says nothing of a type */
    const char *help;
};

/* Ascending by name, so that help reads well. */
extern const struct option_row cli_option_rows[];
extern const size_t cli_option_count;

/* NULL when there is none. */
const struct option_row *cli_option_find(struct slice name);

/* Whether it may stand more than once. */
bool cli_option_repeats(const struct option_row *row);

/* False when the value is none. */
bool cli_option_take(struct cli *cli, const struct option_row *row,
                     const char *value) BEHALF_MUST_USE;

#endif
