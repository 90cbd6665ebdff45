/* cli_error.c - what went wrong, said once, with the place and what to do.
 *
 *   behalf: cannot write the schema 'docs.zed': unknown type 'usr' (SCHEMA_TYPE_ERROR)
 *     docs.zed:3:22
 *      3 |     relation viewer: usr
 *        |                      ^^^
 *   hint: define 'usr', or is 'user' meant? */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/utf8.h"
#include "cli/cli.h"

#define ACTION_SIZE 512
#define SOURCE_SHOWN_MAX 160 /* bytes of a source line */

static bool
color_on_errors(const struct cli *cli)
{
    return cli->color && isatty(STDERR_FILENO);
}

void
cli_adopt_error(struct cli *cli, const struct error *error)
{
    struct behalf_error *to = &cli->error;

    *to = (struct behalf_error){
        .status = BEHALF_FAILED_USAGE, .line = error->line, .column = error->column, .index = -1};
    (void)snprintf(to->code, sizeof to->code, "%s", status_code(error->status));
    (void)snprintf(to->reason, sizeof to->reason, "%s", status_name(error->status));
    (void)snprintf(to->message, sizeof to->message, "%s", error->message);
    (void)snprintf(to->hint, sizeof to->hint, "%s", error->hint);
    (void)snprintf(to->text, sizeof to->text, "%s", error->text);
}

/* An invalid schema is an invalid input, whoever found out. One that is valid and does not suit
 * what is stored has no place in its text that is wrong. */
static bool
is_invalid_schema(const struct behalf_error *error)
{
    return strcmp(error->reason, "SCHEMA_PARSE_ERROR") == 0 ||
           (strcmp(error->reason, "SCHEMA_TYPE_ERROR") == 0 && error->line > 0);
}

static enum cli_exit
exit_of(const struct behalf_error *error)
{
    switch (error->status) {
    case BEHALF_SUCCESS:
        return CLI_OK;
    case BEHALF_FAILED_USAGE:
        return CLI_USAGE;
    case BEHALF_FAILED_CONNECTION:
    case BEHALF_FAILED_TIMEOUT:
    case BEHALF_FAILED_PROTOCOL:
        return CLI_CONNECTION;
    case BEHALF_FAILED_MEMORY:
        return CLI_SERVER;
    case BEHALF_FAILED_SERVER:
        return is_invalid_schema(error) ? CLI_USAGE : CLI_SERVER;
    }
    return CLI_SERVER;
}

static void
put_hint(bool color, const char *hint)
{
    if (hint[0] == '\0')
        return;
    (void)fprintf(stderr, "%shint:%s ", cli_color(color, COLOR_BOLD), cli_color(color, COLOR_NONE));
    cli_put_message(stderr, slice_of(hint));
    (void)fputc('\n', stderr);
}

/* The first line: a message that begins with "cannot" says itself what could not be done. */
static void
put_message(const struct cli *cli, const char *action)
{
    const struct behalf_error *error = &cli->error;
    bool color = color_on_errors(cli);

    (void)fprintf(stderr, "%sbehalf:%s ", cli_color(color, COLOR_BAD),
                  cli_color(color, COLOR_NONE));
    if (strncmp(error->message, "cannot ", 7) != 0) {
        (void)fputs("cannot ", stderr);
        cli_put_message(stderr, slice_of(action));
        (void)fputs(": ", stderr);
    }
    cli_put_message(stderr, slice_of(error->message));
    if (error->reason[0] != '\0') {
        (void)fputs(" (", stderr);
        cli_put_message(stderr, slice_of(error->reason));
        (void)fputc(')', stderr);
    }
    (void)fputc('\n', stderr);
}

static void
put_json(const struct cli *cli)
{
    struct buffer line;

    buffer_init(&line);
    cli_json_error(&line, &cli->error);
    cli_put_message(stderr, buffer_slice(&line)); /* stays JSON of the same value */
    (void)fputc('\n', stderr);
    buffer_release(&line);
}

enum cli_exit
cli_fail(struct cli *cli, const char *format, ...)
{
    char action[ACTION_SIZE];
    va_list arguments;

    (void)fflush(stdout);
    va_start(arguments, format);
    (void)vsnprintf(action, sizeof action, format, arguments);
    va_end(arguments);
    if (cli->json) {
        put_json(cli);
    } else {
        put_message(cli, action);
        put_hint(color_on_errors(cli), cli->error.hint);
        if (cli->error.retry_after_ms > 0)
            (void)fprintf(stderr, "hint: try again in %u ms\n", cli->error.retry_after_ms);
    }
    return exit_of(&cli->error);
}

enum cli_exit
cli_fail_source(struct cli *cli, const char *path, struct slice text, const char *action)
{
    if (cli->json) {
        put_json(cli);
    } else {
        put_message(cli, action);
        if (cli->error.line > 0)
            cli_show_source(stderr, path, text, cli->error.line, cli->error.column,
                            cli_text_width(slice_of(cli->error.text)), color_on_errors(cli));
        put_hint(color_on_errors(cli), cli->error.hint);
    }
    return exit_of(&cli->error);
}

static enum cli_exit
fail_plainly(struct cli *cli, enum cli_exit code, const char *hint, const char *format,
             va_list arguments)
{
    bool color = color_on_errors(cli);

    (void)fflush(stdout);
    cli->error = (struct behalf_error){.status = BEHALF_FAILED_USAGE, .index = -1};
    (void)vsnprintf(cli->error.message, sizeof cli->error.message, format, arguments);
    if (hint != NULL)
        (void)snprintf(cli->error.hint, sizeof cli->error.hint, "%s", hint);
    if (cli->json || cli->json_errors) {
        put_json(cli);
        return code;
    }
    (void)fprintf(stderr, "%sbehalf:%s ", cli_color(color, COLOR_BAD),
                  cli_color(color, COLOR_NONE));
    cli_put_message(stderr, slice_of(cli->error.message));
    (void)fputc('\n', stderr);
    put_hint(color, cli->error.hint);
    return code;
}

enum cli_exit
cli_problem(struct cli *cli, enum cli_exit code, const char *hint, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    code = fail_plainly(cli, code, hint, format, arguments);
    va_end(arguments);
    return code;
}

enum cli_exit
cli_usage(struct cli *cli, const char *format, ...)
{
    const struct command *command = cli->command;
    char hint[ACTION_SIZE] = "see behalf --help";
    va_list arguments;

    if (cli->meant.size > 0)
        (void)snprintf(hint, sizeof hint, "did you mean '%.*s'?", SLICE_PRINTF(cli->meant));
    else if (command != NULL)
        (void)snprintf(hint, sizeof hint, "see behalf %s%s%s --help",
                       command->family != NULL ? command->family : "",
                       command->family != NULL ? " " : "", command->name);
    va_start(arguments, format);
    (void)fail_plainly(cli, CLI_USAGE, hint, format, arguments);
    va_end(arguments);
    return CLI_USAGE;
}

enum cli_exit
cli_fail_reply(struct cli *cli, const char *action, const char *what)
{
    cli->error = (struct behalf_error){.status = BEHALF_FAILED_PROTOCOL, .index = -1};
    (void)snprintf(cli->error.message, sizeof cli->error.message,
                   "the reply has no '%s' that can be read", what);
    return cli_fail(cli, "%s", action);
}

void
cli_show_place(FILE *out, const char *path, uint32_t line, uint32_t column)
{
    (void)fputs("  ", out);
    cli_put_format(out, "%s:%u:%u", path, line, column);
    (void)fputc('\n', out);
}

void
cli_show_source(FILE *out, const char *path, struct slice text, uint32_t line, uint32_t column,
                size_t width, bool color)
{
    struct slice rest = text;
    struct slice shown = {"", 0};
    struct buffer spaced;
    int digits;
    size_t before;

    for (uint32_t number = 0; number < line; number++)
        if (!line_next(&rest, &shown))
            shown = (struct slice){"", 0};
    cli_show_place(out, path, line, column);
    if (shown.size > SOURCE_SHOWN_MAX)
        return;
    digits = fprintf(out, "%4u", line);
    (void)fputs(" | ", out);
    buffer_init(&spaced);
    buffer_add_slice(&spaced, shown);
    for (size_t index = 0; index < spaced.size; index++)
        if (spaced.data[index] == '\t')
            spaced.data[index] = ' ';
    cli_put_safe(out, buffer_slice(&spaced));
    before = column > 0 ? column - 1 : 0;
    if (before > shown.size)
        before = shown.size;
    (void)fprintf(out, "\n%*s | %*s%s", digits, "",
                  (int)cli_safe_width(out, (struct slice){spaced.data, before}), "",
                  cli_color(color, COLOR_BAD));
    buffer_release(&spaced);
    if (width > shown.size - before)
        width = shown.size - before;
    for (size_t index = 0; index == 0 || index < width; index++)
        (void)fputc('^', out);
    (void)fprintf(out, "%s\n", cli_color(color, COLOR_NONE));
}
