/* cli_context.c - contexts for conditions: JSON text on the command line, or in a file. */
#include <string.h>

#include "cli/cli.h"

static void
say_no_object(struct cli *cli)
{
    cli->error =
        (struct behalf_error){.status = BEHALF_FAILED_USAGE, .line = 1, .column = 1, .index = -1};
    (void)snprintf(cli->error.message, sizeof cli->error.message,
                   "cannot take this as a context: it must be a JSON object");
}

enum cli_exit
cli_context_check(struct cli *cli, const char *name, const char *text)
{
    struct behalf_writer *writer = behalf_writer_new();
    struct behalf_value value;
    enum behalf_status status;

    BEHALF_ASSERT(writer != NULL);
    status = behalf_write_json(writer, text, &cli->error);
    if (status == BEHALF_SUCCESS) {
        value.bytes = behalf_writer_bytes(writer, &value.size);
        if (behalf_value_type(value) != BEHALF_TYPE_MAP) {
            say_no_object(cli);
            status = BEHALF_FAILED_USAGE;
        }
    }
    behalf_writer_free(writer);
    if (status == BEHALF_SUCCESS)
        return CLI_OK;
    return cli_fail_source(cli, name, slice_of(text), "read the context");
}

/* The text of a file, in the arena; NULL after saying what is wrong. */
static const char *
read_file(struct cli *cli, const char *path)
{
    const char *text = NULL;
    struct buffer bytes;

    buffer_init(&bytes);
    if (cli_lines_read(cli, path, &bytes))
        text = cli_copy(cli, buffer_slice(&bytes));
    buffer_release(&bytes);
    return text;
}

enum cli_exit
cli_context_read(struct cli *cli, const char *option, const char **value)
{
    const char *name = option;

    if ((*value)[0] == '@') {
        name = *value + 1;
        *value = read_file(cli, name);
    }
    return *value == NULL ? CLI_USAGE : cli_context_check(cli, name, *value);
}
