/* command_validate.c - `behalf validate`: schemas and their tests, without a server.
 * Always true: exit code 3 says that a file was run and is not as it should be; what could not be
 * read, and a schema that is not valid, is 1, whatever the other files are. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/validation_report.h"

/* The rewritten file has to pass before it replaces the old one. */
static bool
update_file(struct cli *cli, const struct validation_result *result)
{
    struct validation_result again;
    bool good;

    validation_run(result->path, result->updated, VALIDATION_COMPARE, &cli->arena, &again);
    good = again.failed_count <= result->failed_count;
    if (!good) {
        (void)cli_problem(cli, CLI_USAGE, NULL,
                          "cannot update '%s': the new text would not pass; it is as it was",
                          result->path);
    } else if (cli_file_replace(cli, result->path, result->updated)) {
        if (!cli->json) {
            cli_put_format(stdout, "updated %s", result->path);
            (void)putchar('\n');
        }
    } else {
        good = false;
    }
    memory_free(again.cases);
    return good;
}

static bool
run_file(struct cli *cli, const char *path, struct validation_result *result)
{
    struct buffer bytes;
    struct slice text = {"", 0};
    bool good;

    *result = (struct validation_result){.path = path};
    buffer_init(&bytes);
    good = cli_file_read(cli, path, &bytes);
    if (good) {
        text = arena_copy(&cli->arena, buffer_slice(&bytes));
        good = text.data != NULL;
        if (!good)
            (void)cli_problem(cli, CLI_USAGE, NULL, "cannot read '%s': it is too large", path);
    }
    buffer_release(&bytes);
    if (!good)
        return false;
    validation_run(path, text, cli->update ? VALIDATION_REGENERATE : VALIDATION_COMPARE,
                   &cli->arena, result);
    if (!cli->json)
        validation_print(result, cli->color);
    return result->updated.size == 0 || update_file(cli, result);
}

static bool
write_junit(struct cli *cli, const struct validation_result *results, size_t count)
{
    struct buffer text;
    bool good;

    buffer_init(&text);
    validation_junit("validate", results, count, &text);
    good = cli_file_replace(cli, cli->junit, buffer_slice(&text));
    buffer_release(&text);
    return good;
}

/* Nothing of such a file was run: every command ends with 1 for an invalid schema. */
static bool
has_invalid_schema(const struct validation_result *result)
{
    for (uint32_t index = 0; index < result->case_count; index++)
        if (result->cases[index].kind == VALIDATION_SCHEMA &&
            result->cases[index].outcome == VALIDATION_FAILED)
            return true;
    return false;
}

static enum cli_exit
run_files(struct cli *cli, struct validation_result *results)
{
    enum cli_exit result = CLI_OK;
    size_t count = 0;

    for (size_t index = 0; index < cli->argument_count; index++) {
        struct validation_result *one = &results[count];

        if (!run_file(cli, cli->arguments[index], one) || has_invalid_schema(one))
            result = CLI_USAGE;
        else if (result == CLI_OK &&
                 (one->failed_count > 0 || (cli->strict && one->warning_count > 0)))
            result = CLI_NOT_AS_EXPECTED;
        count += one->case_count > 0;
    }
    if (cli->json)
        validation_print_json(results, count);
    else if (cli->argument_count > 1)
        validation_print_total(results, count);
    if (cli->junit != NULL && !write_junit(cli, results, count))
        result = CLI_USAGE;
    for (size_t index = 0; index < count; index++)
        memory_free(results[index].cases);
    return result;
}

static enum cli_exit
run_validate(struct cli *cli)
{
    struct validation_result *results;
    enum cli_exit result;

    for (size_t index = 0; index < cli->argument_count; index++) {
        const char *path = cli->arguments[index];

        if (strcmp(path, "-") == 0 && cli->update)
            return cli_usage(cli, "--update needs a file");
        if (strcmp(path, "-") != 0 && !validation_is_schema(path) && !validation_is_yaml(path))
            return cli_usage(cli, "'%s' is no .yaml, .yml, .zaml or .zed file", path);
    }
    results = memory_new_array(cli->argument_count, sizeof *results);
    result = run_files(cli, results);
    memory_free(results);
    return result;
}

const struct command cli_validate_commands[] = {
    {NULL, "validate", "FILE...", "run schemas and their tests here: validation files, or .zed",
     "Needs no server. Runs each file's schema, relationships, assertions and expected relations;\n"
     "standard input is a validation file.\n"
     "Exits with 0 when all passed, 3 when something is not as expected, 1 when a file could not\n"
     "be read or its schema is not valid.\n",
     OPTION_STRICT | OPTION_JUNIT | OPTION_UPDATE, 1, 1000000, run_validate},
    {.name = NULL},
};
