/* cli_arguments.c - words of the command line to a struct cli; help.
 * Always true: nothing is ignored. An option that the command does not have or that stands twice, a
 * value that is missing or no number, a word too many: each is a usage error that names it. */
#include <string.h>

#include "base/complain.h"
#include "base/relationship.h"
#include "base/suggest.h"
#include "cli/cli_options.h"

static const struct command *const families[] = {
    cli_check_commands,  cli_filter_commands,      cli_expand_commands,
    cli_lookup_commands, cli_history_commands,     cli_session_commands,
    cli_grant_commands,  cli_request_commands,     cli_attribute_commands,
    cli_agent_commands,  cli_audit_commands,       cli_relationship_commands,
    cli_schema_commands, cli_schema_tool_commands, cli_validate_commands,
    cli_import_commands, cli_server_commands,      cli_key_commands,
    cli_watch_commands,
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

    for (size_t index = 0; index < cli_option_count; index++)
        if (cli->command == NULL ||
            (cli_option_rows[index].group & (cli->command->options | OPTION_COMMON)) != 0)
            suggest(name, slice_of(cli_option_rows[index].name), &cli->meant, &distance);
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
    (void)fprintf(out, "  %-28s %s\n", head, row->help);
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
    for (size_t index = 0; index < cli_option_count; index++)
        if (cli_option_rows[index].group & (command->options | OPTION_COMMON))
            put_option(&cli_option_rows[index], out);
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
    for (size_t index = 0; index < cli_option_count; index++)
        if (cli_option_rows[index].group == OPTION_COMMON)
            put_option(&cli_option_rows[index], out);
    put_exit_codes(out);
    (void)fputs("\n`behalf COMMAND --help` says more.\n", out);
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
    bool *seen;

    if (strcmp(word, "-h") == 0)
        name = SLICE_LITERAL("--help");
    row = cli_option_find(name);
    if (row == NULL) {
        suggest_option(cli, name);
        return cli_usage(cli, "no option '%.*s'", SLICE_PRINTF(name));
    }
    if (row->group != OPTION_COMMON &&
        (cli->command == NULL || (row->group & cli->command->options) == 0))
        return cli_usage(cli, "option '%s' does not go with this command", row->name);
    seen = &cli->options_seen[row - cli_option_rows];
    if (*seen && !cli_option_repeats(row))
        return cli_usage(cli, "option '%s' stands twice", row->name);
    *seen = true;
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
    if (!cli_option_take(cli, row, value))
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

/* Options whose value is a JSON object or a file of it. */
static enum cli_exit
read_objects(struct cli *cli)
{
    enum cli_exit result = CLI_OK;

    if (cli->context != NULL)
        result = cli_context_read(cli, "--context", &cli->context);
    if (result == CLI_OK && cli->records.evidence != NULL)
        result = cli_context_read(cli, "--evidence", &cli->records.evidence);
    return result;
}

/* A token is never taken for a time, which has colons. */
static enum cli_exit
take_moment(struct cli *cli)
{
    int64_t time_ns;

    if (cli->read.token != NULL || cli->read.consistency != BEHALF_CONSISTENCY_DEFAULT)
        return cli_usage(cli, "--at stands alone, without --token and --consistency");
    if (strchr(cli->at, ':') == NULL) {
        cli->read.token = cli->at;
        cli->read.consistency = BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT;
        return CLI_OK;
    }
    if (!time_parse(slice_of(cli->at), &time_ns))
        return cli_usage(cli, "--at: '%s' is no time like 2027-03-01T10:30:00Z and no token",
                         cli->at);
    cli->read.time = cli->at;
    cli->read.consistency = BEHALF_CONSISTENCY_AT_TIME;
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
    if (cli->at != NULL && take_moment(cli) != CLI_OK)
        return CLI_USAGE;
    if (cli->read.token != NULL && cli->read.consistency == BEHALF_CONSISTENCY_DEFAULT)
        cli->read.consistency = BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH;
    if (cli->read.token == NULL && (cli->read.consistency == BEHALF_CONSISTENCY_AT_LEAST_AS_FRESH ||
                                    cli->read.consistency == BEHALF_CONSISTENCY_AT_EXACT_SNAPSHOT))
        return cli_usage(cli, "this consistency needs --token");
    return read_objects(cli);
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
