/* command_validate.c - `behalf validate`: schemas and their tests, without a server.
 * Always true: exit code 3 says that a file was run and is not as it should be; what could not be
 * read is 1, whatever the other files are. */
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/cli.h"
#include "cli/validation.h"

/* The rewritten file has to pass before it replaces the old one. */
static bool
update_file(struct cli *cli, const struct validation_result *result)
{
    struct validation_result again;
    bool good;

    validation_run(result->path, result->updated, VALIDATION_COMPARE, &cli->arena, &again);
    good = again.failed_count <= result->failed_count;
    if (!good) {
        (void)fprintf(stderr,
                      "behalf: cannot update '%s': the new text would not pass; it is as it was\n",
                      result->path);
    } else if (cli_file_replace(result->path, result->updated)) {
        if (!cli->json)
            (void)printf("updated %s\n", result->path);
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
    good = cli_file_read(path, &bytes);
    if (good) {
        text = arena_copy(&cli->arena, buffer_slice(&bytes));
        good = text.data != NULL;
        if (!good)
            (void)fprintf(stderr, "behalf: cannot read '%s': it is too large\n", path);
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
write_junit(const struct cli *cli, const struct validation_result *results, size_t count)
{
    struct buffer text;
    bool good;

    buffer_init(&text);
    validation_junit(results, count, &text);
    good = cli_file_replace(cli->junit, buffer_slice(&text));
    buffer_release(&text);
    return good;
}

static enum cli_exit
run_files(struct cli *cli, struct validation_result *results)
{
    enum cli_exit result = CLI_OK;
    size_t count = 0;

    for (size_t index = 0; index < cli->argument_count; index++) {
        struct validation_result *one = &results[count];

        if (!run_file(cli, cli->arguments[index], one))
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

    for (size_t index = 0; index < cli->argument_count; index++)
        if (!validation_is_schema(cli->arguments[index]) &&
            !validation_is_yaml(cli->arguments[index]))
            return cli_usage(cli, "'%s' is no .yaml, .yml, .zaml or .zed file",
                             cli->arguments[index]);
    results = memory_new_array(cli->argument_count, sizeof *results);
    result = run_files(cli, results);
    memory_free(results);
    return result;
}

const struct command cli_validate_commands[] = {
    {NULL, "validate", "FILE...", "run schemas and their tests here: validation files, or .zed",
     "Needs no server. Runs each file's schema, relationships, assertions and expected relations.\n"
     "Exits with 0 when all passed, 3 when something is not as expected, 1 when a file could not\n"
     "be read.\n",
     OPTION_STRICT | OPTION_VALIDATE, 1, 1000000, run_validate},
    {.name = NULL},
};
