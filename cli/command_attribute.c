/* command_attribute.c - attribute set, merge, delete, read. */
#include <stdlib.h>

#include "base/lines.h"
#include "base/memory.h"
#include "cli/cli.h"

/* --- writing ---------------------------------------------------------------------------------- */

/* One transaction on its way. */
struct updates {
    struct behalf_attributes_update *rows;
    size_t count;
    size_t *lines; /* of the file; NULL when they come from the command line */
};

static enum cli_exit
send_updates(struct cli *cli, const struct updates *updates)
{
    const struct behalf_write write = {.idempotency_key = cli->idempotency_key};
    char written_at[BEHALF_TOKEN_SIZE];
    struct buffer text;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_attributes_write(cli->client, updates->rows, updates->count, &write, written_at,
                                &cli->error) != BEHALF_SUCCESS) {
        int64_t at = cli->error.index;

        if (updates->lines != NULL && at >= 0 && (size_t)at < updates->count)
            return cli_fail(cli, "write line %zu of '%s'", updates->lines[at], cli->file);
        return cli_fail(cli, "write attributes");
    }
    buffer_init(&text);
    buffer_add_text(&text, cli->json ? "{\"written_at\":" : "written_at ");
    if (cli->json)
        cli_json_string(&text, slice_of(written_at));
    else
        buffer_add_text(&text, written_at);
    buffer_add_text(&text, cli->json ? "}" : "");
    cli_put_safe(stdout, buffer_slice(&text));
    (void)putchar('\n');
    buffer_release(&text);
    return CLI_OK;
}

/* "OBJECT {...}", of a delete "OBJECT"; an empty line or a comment is no update. */
static enum cli_exit
parse_line(struct cli *cli, enum behalf_attributes_operation operation, size_t number,
           struct slice line, struct updates *updates)
{
    struct slice object = cli_word_next(&line);
    const char *attributes = cli_copy(cli, line_trim(line));
    enum cli_exit result;

    if (object.size == 0 || slice_starts_with(object, SLICE_LITERAL("//")))
        return CLI_OK;
    if ((attributes[0] == '\0') != (operation == BEHALF_ATTRIBUTES_DELETE))
        return cli_usage(cli, "line %zu of '%s': %s", number, cli->file,
                         attributes[0] == '\0' ? "attributes are missing: OBJECT {...}"
                                               : "an object and nothing else");
    if (operation == BEHALF_ATTRIBUTES_DELETE) {
        attributes = NULL;
    } else {
        result = cli_context_check(cli, "the attributes", attributes);
        if (result != CLI_OK)
            return result;
    }
    updates->lines[updates->count] = number;
    updates->rows[updates->count++] =
        (struct behalf_attributes_update){operation, cli_copy(cli, object), attributes};
    return CLI_OK;
}

static enum cli_exit
write_file(struct cli *cli, enum behalf_attributes_operation operation)
{
    struct updates updates = {.count = 0};
    struct buffer text;
    struct slice rest;
    struct slice line;
    size_t number = 0;
    enum cli_exit result = CLI_OK;

    buffer_init(&text);
    if (!cli_lines_read(cli, cli->file, &text)) {
        buffer_release(&text);
        return CLI_USAGE;
    }
    for (rest = buffer_slice(&text); line_next(&rest, &line);)
        number++;
    updates.rows = memory_new_array(number + 1, sizeof *updates.rows);
    updates.lines = memory_new_array(number + 1, sizeof *updates.lines);
    number = 0;
    for (rest = buffer_slice(&text); result == CLI_OK && line_next(&rest, &line);)
        result = parse_line(cli, operation, ++number, line, &updates);
    if (result == CLI_OK && updates.count == 0)
        result = cli_usage(cli, "'%s' has no line with an object", cli->file);
    if (result == CLI_OK)
        result = send_updates(cli, &updates);
    memory_free(updates.rows);
    memory_free(updates.lines);
    buffer_release(&text);
    return result;
}

/* Of set and merge: OBJECT and JSON, or --file. */
static enum cli_exit
write_attributes(struct cli *cli, enum behalf_attributes_operation operation)
{
    struct behalf_attributes_update row = {.operation = operation};
    enum cli_exit result;

    if (cli->file != NULL)
        return cli->argument_count == 0 ? write_file(cli, operation)
                                        : cli_usage(cli, "either --file or an object");
    if (cli->argument_count != 2)
        return cli_usage(cli, "an object and its attributes are needed, or --file FILE");
    row.object = cli->arguments[0];
    row.attributes = cli->arguments[1];
    result = cli_context_read(cli, "the attributes", &row.attributes);
    return result == CLI_OK ? send_updates(cli, &(struct updates){.rows = &row, .count = 1})
                            : result;
}

static enum cli_exit
run_set(struct cli *cli)
{
    return write_attributes(cli, BEHALF_ATTRIBUTES_SET);
}

static enum cli_exit
run_merge(struct cli *cli)
{
    return write_attributes(cli, BEHALF_ATTRIBUTES_MERGE);
}

static enum cli_exit
run_delete(struct cli *cli)
{
    struct updates updates = {.count = cli->argument_count};
    enum cli_exit result;

    if (cli->file != NULL)
        return cli->argument_count == 0 ? write_file(cli, BEHALF_ATTRIBUTES_DELETE)
                                        : cli_usage(cli, "either --file or objects");
    if (cli->argument_count == 0)
        return cli_usage(cli, "delete whose attributes? Objects, or --file FILE");
    updates.rows = memory_new_array(updates.count, sizeof *updates.rows);
    for (size_t index = 0; index < updates.count; index++)
        updates.rows[index] = (struct behalf_attributes_update){
            .operation = BEHALF_ATTRIBUTES_DELETE, .object = cli->arguments[index]};
    result = send_updates(cli, &updates);
    memory_free(updates.rows);
    return result;
}

/* --- read ------------------------------------------------------------------------------------- */

/* What is printed can be set again. */
static enum cli_exit
run_read(struct cli *cli)
{
    struct behalf_value result;
    struct behalf_value attributes;
    struct behalf_reply *reply;
    enum cli_exit code = cli_connect(cli);

    if (code != CLI_OK)
        return code;
    if (behalf_attributes_read(cli->client, &cli->read, cli->arguments[0], &reply, &cli->error) !=
        BEHALF_SUCCESS)
        return cli_fail(cli, "read the attributes");
    result = behalf_reply_result(reply);
    attributes = behalf_value_get(result, "attributes");
    if (behalf_value_type(attributes) != BEHALF_TYPE_MAP)
        code = cli_fail_reply(cli, "read the attributes", "attributes");
    else
        cli_print_json(cli->json ? result : attributes);
    behalf_reply_free(reply);
    return code;
}

#define FILE_HELP                                                                                  \
    "Each is one object, and all of them are one transaction;\n"                                   \
    "// begins a comment line.\n\n"

const struct command cli_attribute_commands[] = {
    {"attribute", "set", "[OBJECT JSON|@FILE]", "give an object these attributes and no others",
     "Lines of a file: OBJECT {...}. " FILE_HELP
     "  behalf attribute set user:ann '{\"role\": \"admin\", \"level\": 3}'\n"
     "  behalf attribute set --file attributes.txt\n",
     OPTION_FILE | OPTION_KEY, 0, 2, run_set},
    {"attribute", "merge", "[OBJECT JSON|@FILE]", "change some attributes of an object",
     "A JSON Merge Patch (RFC 7396): null removes a key, maps are merged, all else is replaced.\n"
     "Lines of a file: OBJECT {...}. " FILE_HELP
     "  behalf attribute merge record:r2 '{\"status\": \"archived\", \"owner\": null}'\n",
     OPTION_FILE | OPTION_KEY, 0, 2, run_merge},
    {"attribute", "delete", "[OBJECT...]", "take all attributes of objects away",
     "Lines of a file: OBJECT. " FILE_HELP "  behalf attribute delete user:ann user:bob\n",
     OPTION_FILE | OPTION_KEY, 0, CLI_UPDATES_MAX, run_delete},
    {"attribute", "read", "OBJECT", "the attributes of an object",
     "One line of JSON; {} where it has none.\n\n"
     "  behalf attribute read user:ann\n",
     OPTION_READ, 1, 1, run_read},
    {.name = NULL},
};
