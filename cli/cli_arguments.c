/* cli_arguments.c - words of the command line to a struct cli; help.
 * Always true: nothing is ignored. An option that the command does not have or that stands twice, a
 * value that is missing or no number, a word too many: each is a usage error that names it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/complain.h"
#include "base/suggest.h"
#include "cli/cli.h"

static const struct command *const families[] = {
    cli_check_commands,        cli_expand_commands, cli_lookup_commands,
    cli_relationship_commands, cli_schema_commands, cli_schema_tool_commands,
    cli_validate_commands,     cli_import_commands, cli_server_commands,
};

#define WAIT_DEFAULT_MS 10000

enum option_kind {
    KIND_ENDPOINT,
    KIND_TIMEOUT,
    KIND_JSON,
    KIND_HELP,
    KIND_CONSISTENCY,
    KIND_TOKEN,
    KIND_ACTOR,
    KIND_LIMIT,
    KIND_CURSOR,
    KIND_ALL,
    KIND_FILTER,
    KIND_DEPTH,
    KIND_CHECK,
    KIND_WRITE,
    KIND_STRICT,
    KIND_FROM,
    KIND_KEY,
    KIND_JUNIT,
    KIND_UPDATE,
    KIND_YES,
    KIND_CONTEXT,
    KIND_EXPLAIN,
    KIND_WAIT,
};

struct option_row {
    const char *name;
    const char *value; /* what follows; NULL for a switch, "[=...]" for what may be left out */
    enum option_kind kind;
    unsigned group; /* enum cli_option */
    const char *help;
};

static const struct option_row option_rows[] = {
    {"--actor", "A[,A...]", KIND_ACTOR, OPTION_ACTOR,
     "who really calls, on the subject's behalf; a chain, the first acts for the subject"},
    {"--all", NULL, KIND_ALL, OPTION_PAGE,
     "all of it, also with --limit, which is then the size of a page"},
    {"--check", NULL, KIND_CHECK, OPTION_CHECK,
     "write nothing; exit code 1 when the text would change"},
    {"--consistency", "MODE", KIND_CONSISTENCY, OPTION_READ,
     "full, minimize-latency, at-least-as-fresh or at-exact-snapshot"},
    {"--context", "JSON|@FILE", KIND_CONTEXT, OPTION_CONTEXT,
     "values for the parameters of caveats: a JSON object"},
    {"--cursor", "CURSOR", KIND_CURSOR, OPTION_CURSOR, "go on where a page ended"},
    {"--depth", "N", KIND_DEPTH, OPTION_DEPTH, "levels of usersets to open (default 1, 0 = all)"},
    {"--endpoint", "ENDPOINT", KIND_ENDPOINT, OPTION_COMMON,
     "ADDRESS:PORT or unix:PATH (default 127.0.0.1:23425, or BEHALF_ENDPOINT)"},
    {"--explain", NULL, KIND_EXPLAIN, OPTION_EXPLAIN, "show why, as a tree"},
    {"--fail-on-warn", NULL, KIND_STRICT, OPTION_STRICT,
     "warnings fail: exit code 1 (validate: 3)"},
    {"--filter", "FILTER", KIND_FILTER, OPTION_FILTER, "which relationships"},
    {"--from-line", "N", KIND_FROM, OPTION_FROM, "skip the lines before this one"},
    {"--help", NULL, KIND_HELP, OPTION_COMMON, "this text"},
    {"--idempotency-key", "KEY", KIND_KEY, OPTION_KEY,
     "repeat a write safely: the same key never writes twice"},
    {"--json", NULL, KIND_JSON, OPTION_COMMON, "one JSON document a line, for programs"},
    {"--junit", "FILE", KIND_JUNIT, OPTION_JUNIT, "write the results as JUnit XML too"},
    {"--limit", "N", KIND_LIMIT, OPTION_PAGE, "at most so many; exit code 4 when more follow"},
    {"--timeout", "SECONDS", KIND_TIMEOUT, OPTION_COMMON,
     "how long to wait for the server (default 30)"},
    {"--token", "TOKEN", KIND_TOKEN, OPTION_READ,
     "for at-least-as-fresh (taken when no mode is given) and at-exact-snapshot"},
    {"--update", NULL, KIND_UPDATE, OPTION_UPDATE,
     "rewrite the expected relations of the files as they are found"},
    {"--wait", "[=SECONDS]", KIND_WAIT, OPTION_WAIT,
     "try again until the server is there (default 10 seconds)"},
    {"--write", NULL, KIND_WRITE, OPTION_WRITE, "rewrite the file in place"},
    {"--yes", NULL, KIND_YES, OPTION_YES, "do not ask"},
};

/* --- finding ---------------------------------------------------------------------------------- */

const struct command *
cli_command_find(const char *family, const char *name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(families); index++)
        for (const struct command *one = families[index]; one->name != NULL; one++) {
            bool same_family = one->family == NULL || family == NULL
                                   ? one->family == NULL && family == NULL
                                   : strcmp(one->family, family) == 0;

            if (same_family && strcmp(one->name, name) == 0)
                return one;
        }
    return NULL;
}

void
cli_suggest_command(struct cli *cli, const char *family, const char *word)
{
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < BEHALF_COUNT_OF(families); index++)
        for (const struct command *one = families[index]; one->name != NULL; one++) {
            if (family == NULL)
                suggest(slice_of(word), slice_of(one->family != NULL ? one->family : one->name),
                        &cli->meant, &distance);
            else if (one->family != NULL && strcmp(one->family, family) == 0)
                suggest(slice_of(word), slice_of(one->name), &cli->meant, &distance);
        }
}

/* Of the options that go with the command, or of all before it is known. */
static void
suggest_option(struct cli *cli, struct slice name)
{
    uint32_t distance = UINT32_MAX;

    for (size_t index = 0; index < BEHALF_COUNT_OF(option_rows); index++)
        if (cli->command == NULL ||
            (option_rows[index].group & (cli->command->options | OPTION_COMMON)) != 0)
            suggest(name, slice_of(option_rows[index].name), &cli->meant, &distance);
}

static bool
is_family(const char *word)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(families); index++)
        for (const struct command *one = families[index]; one->name != NULL; one++)
            if (one->family != NULL && strcmp(one->family, word) == 0)
                return true;
    return false;
}

static const struct option_row *
find_option(struct slice name)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(option_rows); index++)
        if (slice_equal(slice_of(option_rows[index].name), name))
            return &option_rows[index];
    return NULL;
}

/* --- help ------------------------------------------------------------------------------------- */

static void
put_command_name(const struct command *command, FILE *out)
{
    (void)fprintf(out, "%s%s%s%s%s", command->family != NULL ? command->family : "",
                  command->family != NULL ? " " : "", command->name,
                  command->usage[0] != '\0' ? " " : "", command->usage);
}

static void
put_option(const struct option_row *row, FILE *out)
{
    char head[64];

    (void)snprintf(head, sizeof head, "%s%s%s", row->name,
                   row->value != NULL && row->value[0] != '[' ? " " : "",
                   row->value != NULL ? row->value : "");
    (void)fprintf(out, "  %-24s %s\n", head, row->help);
}

static void
put_exit_codes(FILE *out)
{
    static const struct {
        enum cli_exit code;
        const char *text;
    } rows[] = {
#define X(name, code, text) {CLI_##name, text},
#include "cli/exit_codes.def"
#undef X
    };

    (void)fputs("\nexit codes:\n", out);
    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++)
        (void)fprintf(out, "  %3d  %s\n", rows[index].code, rows[index].text);
}

void
cli_help_command(const struct command *command, FILE *out)
{
    (void)fputs("usage: behalf ", out);
    put_command_name(command, out);
    (void)fprintf(out, " [OPTION...]\n\n%s\n\noptions:\n", command->summary);
    for (size_t index = 0; index < BEHALF_COUNT_OF(option_rows); index++)
        if (option_rows[index].group & (command->options | OPTION_COMMON))
            put_option(&option_rows[index], out);
    if (command->details != NULL)
        (void)fprintf(out, "\n%s", command->details);
    put_exit_codes(out);
}

void
cli_help_all(FILE *out)
{
    (void)fputs(
        "usage: behalf COMMAND [ARGUMENT...] [OPTION...]\n\n"
        "Asks and tells a Behalf server: may this actor, on whose behalf, do this to that?\n"
        "\ncommands:\n",
        out);
    for (size_t index = 0; index < BEHALF_COUNT_OF(families); index++)
        for (const struct command *one = families[index]; one->name != NULL; one++) {
            char head[64];

            (void)snprintf(head, sizeof head, "%s%s%s", one->family != NULL ? one->family : "",
                           one->family != NULL ? " " : "", one->name);
            (void)fprintf(out, "  %-22s %s\n", head, one->summary);
        }
    (void)fputs("\noptions of all commands:\n", out);
    for (size_t index = 0; index < BEHALF_COUNT_OF(option_rows); index++)
        if (option_rows[index].group == OPTION_COMMON)
            put_option(&option_rows[index], out);
    put_exit_codes(out);
    (void)fputs("\n`behalf COMMAND --help` says more.\n", out);
}

/* --- values ----------------------------------------------------------------------------------- */

static bool
parse_number(const char *text, uint64_t largest, uint64_t *number)
{
    char *end;
    unsigned long long value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0' || value > largest)
        return false;
    *number = value;
    return true;
}

static bool
parse_u32(const char *text, uint32_t *number)
{
    uint64_t value;

    if (!parse_number(text, UINT32_MAX, &value))
        return false;
    *number = (uint32_t)value;
    return true;
}

/* Seconds, with a fraction or without, to milliseconds. */
static bool
parse_seconds(const char *text, uint32_t *milliseconds)
{
    char *end;
    double value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    value = strtod(text, &end);
    if (*end != '\0' || !(value >= 0.001 && value <= 86400.0))
        return false;
    *milliseconds = (uint32_t)(value * 1000.0);
    return true;
}

static bool
parse_consistency(const char *text, enum behalf_consistency *consistency)
{
    static const struct {
        const char *name;
        const char *wire_name;
        enum behalf_consistency mode;
    } modes[] = {
        {"full", "fully_consistent", BEHALF_CONSISTENCY_FULL},
        {"minimize-latency", "minimize_latency", BEHALF_CONSISTENCY_MINIMIZE_LATENCY},
        {"at-least-as-fresh", "at_least_as_fresh", BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH},
        {"at-exact-snapshot", "at_exact_snapshot", BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(modes); index++)
        if (strcmp(modes[index].name, text) == 0 || strcmp(modes[index].wire_name, text) == 0) {
            *consistency = modes[index].mode;
            return true;
        }
    return false;
}

/* --actor may stand several times: the chain goes on. */
static bool
parse_actors(struct cli *cli, const char *text)
{
    size_t count = cli_list_split(cli, slice_of(text), cli->actors + cli->actor_count,
                                  CLI_ACTORS_MAX - cli->actor_count);

    cli->actor_count += count;
    return count > 0;
}

/* False when the value is none. */
static bool
take_option(struct cli *cli, const struct option_row *row, const char *value)
{
    switch (row->kind) {
    case KIND_ENDPOINT:
        cli->endpoint = value;
        return value[0] != '\0';
    case KIND_TIMEOUT:
        return parse_seconds(value, &cli->timeout_ms);
    case KIND_JSON:
        cli->json = true;
        return true;
    case KIND_HELP:
        cli->help = true;
        return true;
    case KIND_CONSISTENCY:
        return parse_consistency(value, &cli->read.consistency);
    case KIND_TOKEN:
        cli->read.token = value;
        return value[0] != '\0';
    case KIND_ACTOR:
        return parse_actors(cli, value);
    case KIND_LIMIT:
        return parse_u32(value, &cli->page.limit) && cli->page.limit > 0;
    case KIND_CURSOR:
        cli->page.cursor = value;
        return value[0] != '\0';
    case KIND_ALL:
        cli->all = true;
        return true;
    case KIND_FILTER:
        cli->filter = value;
        return value[0] != '\0';
    case KIND_DEPTH:
        return parse_u32(value, &cli->depth);
    case KIND_CHECK:
        cli->check = true;
        return true;
    case KIND_WRITE:
        cli->write = true;
        return true;
    case KIND_STRICT:
        cli->strict = true;
        return true;
    case KIND_FROM:
        return parse_number(value, UINT64_MAX, &cli->from_line) && cli->from_line > 0;
    case KIND_JUNIT:
        cli->junit = value;
        return value[0] != '\0';
    case KIND_UPDATE:
        cli->update = true;
        return true;
    case KIND_YES:
        cli->yes = true;
        return true;
    case KIND_CONTEXT:
        cli->context = value;
        return value[0] != '\0';
    case KIND_EXPLAIN:
        cli->explain = true;
        return true;
    case KIND_WAIT:
        cli->wait_ms = WAIT_DEFAULT_MS;
        return value[0] == '\0' || parse_seconds(value, &cli->wait_ms);
    case KIND_KEY:
        cli->idempotency_key = value;
        return value[0] != '\0';
    }
    return false;
}

/* --- parsing ---------------------------------------------------------------------------------- */

/* Takes the option at words[*at]; `*at` is moved to its last word. */
static enum cli_exit
parse_option(struct cli *cli, int count, char *const *words, int *at)
{
    const char *word = words[*at];
    const char *equals = strchr(word, '=');
    struct slice name = {word, equals != NULL ? (size_t)(equals - word) : strlen(word)};
    const struct option_row *row;
    const char *value = "";
    unsigned bit;

    if (strcmp(word, "-h") == 0)
        name = SLICE_LITERAL("--help");
    row = find_option(name);
    if (row == NULL) {
        suggest_option(cli, name);
        return cli_usage(cli, "no option '%.*s'", SLICE_PRINTF(name));
    }
    if (row->group != OPTION_COMMON &&
        (cli->command == NULL || (row->group & cli->command->options) == 0))
        return cli_usage(cli, "option '%s' does not go with this command", row->name);
    bit = 1U << (row - option_rows);
    if ((cli->options_seen & bit) != 0 && row->kind != KIND_ACTOR)
        return cli_usage(cli, "option '%s' stands twice", row->name);
    cli->options_seen |= bit;
    if (row->value == NULL && equals != NULL)
        return cli_usage(cli, "option '%s' takes no value", row->name);
    if (row->value != NULL) {
        if (equals != NULL)
            value = equals + 1;
        else if (row->value[0] == '[')
            value = "";
        else if (*at + 1 < count)
            value = words[++*at];
        else
            return cli_usage(cli, "option '%s' needs %s", row->name, row->value);
    }
    if (!take_option(cli, row, value))
        return cli_usage(cli, "option '%s': '%s' is no %s", row->name, value, row->value);
    return CLI_OK;
}

/* The command at the front: one word or two. Moves `*at` behind it. */
static enum cli_exit
parse_command(struct cli *cli, int count, char *const *words, int *at)
{
    const char *first = words[*at];

    if (!is_family(first)) {
        cli->command = cli_command_find(NULL, first);
        ++*at;
        if (cli->command == NULL) {
            cli_suggest_command(cli, NULL, first);
            return cli_usage(cli, "no command '%s'", first);
        }
        return CLI_OK;
    }
    ++*at;
    if (*at >= count || words[*at][0] == '-')
        return cli_usage(cli, "'%s' needs a second word", first);
    cli->command = cli_command_find(first, words[*at]);
    if (cli->command == NULL) {
        cli_suggest_command(cli, first, words[*at]);
        return cli_usage(cli, "no command '%s %s'", first, words[*at]);
    }
    ++*at;
    return CLI_OK;
}

static enum cli_exit
check_arguments(struct cli *cli)
{
    const struct command *command = cli->command;

    if (cli->help)
        return CLI_OK;
    if (cli->argument_count < command->arguments_min)
        return cli_usage(cli, "too few arguments: '%s%s%s' needs %s",
                         command->family != NULL ? command->family : "",
                         command->family != NULL ? " " : "", command->name, command->usage);
    if (cli->argument_count > command->arguments_max)
        return cli_usage(cli, "an argument too many: '%s'", cli->arguments[command->arguments_max]);
    if (cli->read.token != NULL && cli->read.consistency == BEHALF_CONSISTENCY_DEFAULT)
        cli->read.consistency = BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH;
    if (cli->read.token == NULL && (cli->read.consistency == BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH ||
                                    cli->read.consistency == BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT))
        return cli_usage(cli, "this consistency needs --token");
    return cli->context != NULL ? cli_context_read(cli, cli->context) : CLI_OK;
}

enum cli_exit
cli_arguments_parse(struct cli *cli, int count, char *const *words)
{
    const char **arguments = arena_take_array(&cli->arena, (size_t)count + 1, sizeof *arguments);
    enum cli_exit result = CLI_OK;
    bool options_end = false;
    int at = 0;

    BEHALF_ASSERT(arguments != NULL);
    cli->arguments = arguments;
    cli->json_errors = complain_asked(count, words, "--json");
    while (at < count && result == CLI_OK) {
        if (!options_end && strcmp(words[at], "--") == 0) {
            options_end = true;
            at++;
        } else if (!options_end && words[at][0] == '-' && words[at][1] != '\0') {
            result = parse_option(cli, count, words, &at);
            at++;
        } else if (cli->command == NULL) {
            result = parse_command(cli, count, words, &at);
        } else {
            arguments[cli->argument_count++] = words[at++];
        }
    }
    if (result != CLI_OK)
        return result;
    if (cli->command == NULL && !cli->help)
        return cli_usage(cli, "no command");
    if (cli->command != NULL)
        result = check_arguments(cli);
    cli->json_errors = cli->json;
    return result;
}
