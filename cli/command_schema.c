/* command_schema.c - schema read, write, validate, fmt. The last two need no server. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/memory.h"
#include "cli/schema_load.h"

#define BYTE_ORDER_MARK SLICE_LITERAL("\xEF\xBB\xBF")

static enum cli_exit
run_schema_read(struct cli *cli)
{
    struct behalf_reply *reply;
    struct slice text;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_schema_read(cli->client, &cli->read, &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "read the schema");
    if (cli->json) {
        cli_print_json(behalf_reply_result(reply));
    } else {
        text = cli_get_text(behalf_reply_result(reply), "text");
        cli_put_lines(stdout, text);
        if (text.size > 0 && text.data[text.size - 1] != '\n')
            (void)putchar('\n');
    }
    behalf_reply_free(reply);
    return CLI_OK;
}

static void
put_written(const struct cli *cli, const char *token)
{
    struct buffer line;

    buffer_init(&line);
    if (cli->json) {
        buffer_add_text(&line, "{\"written_at\":");
        cli_json_string(&line, slice_of(token));
        buffer_add_byte(&line, '}');
    } else {
        buffer_add_format(&line, "written_at %s", token);
    }
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

static enum cli_exit
run_schema_write(struct cli *cli)
{
    const char *path = cli->arguments[0];
    char token[BEHALF_TOKEN_SIZE];
    char action[512];
    struct buffer text;
    enum cli_exit result;

    buffer_init(&text);
    if (!cli_file_read(cli, path, &text)) {
        buffer_release(&text);
        return CLI_USAGE;
    }
    result = cli_connect(cli);
    if (result == CLI_OK && behalf_schema_write(cli->client, text.data, text.size, token,
                                                &cli->error) != BEHALF_SUCCESS) {
        (void)snprintf(action, sizeof action, "write the schema '%s'", path);
        result = cli_fail_source(cli, path, buffer_slice(&text), action);
    } else if (result == CLI_OK) {
        put_written(cli, token);
    }
    buffer_release(&text);
    return result;
}

/* --- validate --------------------------------------------------------------------------------- */

static void
print_lints_json(const struct schema_file *file, const struct schema_lint *lints, size_t count)
{
    struct buffer line;

    buffer_init(&line);
    buffer_add_text(&line, "{\"valid\":true,\"warnings\":[");
    for (size_t index = 0; index < count; index++) {
        uint32_t number = lints[index].line;
        uint32_t column = lints[index].column;
        const char *path = schema_file_place(file, &number, &column);

        if (index > 0)
            buffer_add_byte(&line, ',');
        buffer_add_text(&line, "{\"name\":");
        cli_json_string(&line, slice_of(lints[index].name));
        buffer_add_text(&line, ",\"path\":");
        cli_json_string(&line, slice_of(path));
        buffer_add_format(&line, ",\"line\":%u,\"column\":%u,\"message\":", number, column);
        cli_json_string(&line, slice_of(lints[index].message));
        buffer_add_byte(&line, '}');
    }
    buffer_add_text(&line, "]}");
    cli_put_lines(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&line);
}

/* The line is shown where the file is one text. */
static void
print_lints(const struct cli *cli, const struct schema_file *file, const struct schema_lint *lints,
            size_t count)
{
    bool color = cli->color && isatty(STDERR_FILENO);

    for (size_t index = 0; index < count; index++) {
        uint32_t number = lints[index].line;
        uint32_t column = lints[index].column;
        const char *path = schema_file_place(file, &number, &column);

        (void)fprintf(stderr, "%swarning:%s ", cli_color(color, COLOR_DOUBT),
                      cli_color(color, COLOR_NONE));
        cli_put_safe(stderr, slice_of(lints[index].message));
        (void)fprintf(stderr, " [%s]\n", lints[index].name);
        if (file->composed)
            cli_show_place(stderr, path, number, column);
        else
            cli_show_source(stderr, path, file->text, number, column, 1, color);
    }
}

static enum cli_exit
run_schema_validate(struct cli *cli)
{
    const char *path = cli->arguments[0];
    struct schema_described described = {.schema = NULL};
    struct schema_lint *lints = NULL;
    struct schema_file file;
    struct error error;
    uint32_t types;
    size_t count = 0;
    enum cli_exit result = schema_load_file(cli, path, &file, &described);

    if (result != CLI_OK)
        return result;
    types = described.schema->type_count;
    schema_unref(described.schema);
    if (schema_lint(file.text, &lints, &count, &error) != BEHALF_OK) {
        cli_adopt_error(cli, &error);
        return cli_fail(cli, "look for warnings");
    }
    if (cli->json)
        print_lints_json(&file, lints, count);
    else
        print_lints(cli, &file, lints, count);
    if (!cli->json) {
        cli_put_format(stdout, "%s: valid, %u definition%s, %zu warning%s", path, types,
                       types == 1 ? "" : "s", count, count == 1 ? "" : "s");
        (void)putchar('\n');
    }
    memory_free(lints);
    return cli->strict && count > 0 ? CLI_USAGE : CLI_OK;
}

/* --- fmt -------------------------------------------------------------------------------------- */

/* A file keeps its byte order mark and its line ends. */
static enum cli_exit
format_text(struct cli *cli, const char *path, struct slice text)
{
    struct slice mark = {text.data, slice_starts_with(text, BYTE_ORDER_MARK) ? 3 : 0};
    struct slice body = {text.data + mark.size, text.size - mark.size};
    struct buffer lines;
    struct buffer formatted;
    struct error error;
    char hint[512];
    enum cli_exit result = CLI_OK;
    bool changes;

    buffer_init(&lines);
    buffer_init(&formatted);
    if (schema_format(body, &lines, &error) != BEHALF_OK) {
        cli_adopt_error(cli, &error);
        buffer_release(&lines);
        return cli_fail_source(cli, path, body, "format the schema");
    }
    buffer_add_slice(&formatted, mark);
    lines_add_like(body, buffer_slice(&lines), &formatted);
    buffer_release(&lines);
    changes = !slice_equal(text, buffer_slice(&formatted));
    if (cli->check && changes) {
        (void)snprintf(hint, sizeof hint, "behalf schema fmt --write %s", path);
        result = cli_problem(cli, CLI_USAGE, hint, "'%s' is not formatted", path);
    } else if (cli->write && !cli->check) {
        result =
            !changes || cli_file_replace(cli, path, buffer_slice(&formatted)) ? CLI_OK : CLI_USAGE;
    } else if (!cli->check) {
        cli_put_lines(stdout, buffer_slice(&formatted));
    }
    buffer_release(&formatted);
    return result;
}

static enum cli_exit
run_schema_fmt(struct cli *cli)
{
    const char *path = cli->arguments[0];
    struct buffer text;
    enum cli_exit result = CLI_USAGE;

    if (cli->write && cli->check)
        return cli_usage(cli, "either --check or --write");
    if (cli->write && strcmp(path, "-") == 0)
        return cli_usage(cli, "--write needs a file");
    buffer_init(&text);
    if (cli_file_read(cli, path, &text))
        result = format_text(cli, path, buffer_slice(&text));
    buffer_release(&text);
    return result;
}

const struct command cli_schema_commands[] = {
    {"schema", "read", "", "the schema of the server", NULL, OPTION_READ, 0, 0, run_schema_read},
    {"schema", "write", "FILE|-", "replace the schema of the server", NULL, 0, 1, 1,
     run_schema_write},
    {"schema", "validate", "FILE|-", "compile a schema here and show its warnings",
     "Needs no server. Exits with 1 when the schema is not valid.\n", OPTION_STRICT, 1, 1,
     run_schema_validate},
    {"schema", "lint", "FILE|-", "the same as schema validate, as other tools call it",
     "Needs no server. Exits with 1 when the schema is not valid.\n", OPTION_STRICT, 1, 1,
     run_schema_validate},
    {"schema", "fmt", "FILE|-", "print a schema in its canonical form", "Needs no server.\n",
     OPTION_CHECK | OPTION_WRITE, 1, 1, run_schema_fmt},
    {.name = NULL},
};
