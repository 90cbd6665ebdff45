/* schema_load.c - schemas for commands. */
#include "cli/schema_load.h"
#include "base/file.h"

#include <string.h>

/* The line that is wrong may stand in a file that was imported: it is read once more to be
 * shown. */
static enum cli_exit
fail_in_file(struct cli *cli, const struct schema_file *file, const struct schema_file_error *error)
{
    struct buffer text;
    struct slice shown = file->composed ? (struct slice){"", 0} : file->text;
    enum cli_exit result;
    int problem;

    buffer_init(&text);
    cli_adopt_error(cli, &error->error);
    if (error->unreadable)
        cli->error.reason[0] = '\0';
    if (strcmp(error->path, "-") != 0 && file_load(error->path, &text, &problem))
        shown = buffer_slice(&text);
    result = cli_fail_source(cli, error->path, shown, "accept the schema");
    buffer_release(&text);
    return result;
}

enum cli_exit
schema_load_file(struct cli *cli, const char *path, struct schema_file *file,
                 struct schema_described *described)
{
    struct schema_file_error error;
    enum status status;

    *file = (struct schema_file){.text = {"", 0}};
    status = schema_file_read(&cli->arena, path, file, &error);
    if (status == BEHALF_OK) {
        status = schema_describe(&cli->arena, file->text, described, &error.error);
        if (status != BEHALF_OK)
            error.path = schema_file_place(file, &error.error.line, &error.error.column);
    }
    return status == BEHALF_OK ? CLI_OK : fail_in_file(cli, file, &error);
}

enum cli_exit
schema_load_server(struct cli *cli, enum schema_load_mode mode, struct schema_described *described)
{
    struct slice text = {"", 0};
    struct behalf_reply *reply;
    struct error error;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_schema_read(cli->client, &cli->read, &reply, &cli->error) == BEHALF_SUCCESS) {
        text = arena_copy(&cli->arena, cli_get_text(behalf_reply_result(reply), "text"));
        behalf_reply_free(reply);
        BEHALF_ASSERT(text.data != NULL);
    } else if (mode != SCHEMA_LOAD_OPTIONAL || strcmp(cli->error.reason, "NO_SCHEMA") != 0) {
        return cli_fail(cli, "read the schema");
    }
    if (schema_describe(&cli->arena, text, described, &error) == BEHALF_OK)
        return CLI_OK;
    cli_adopt_error(cli, &error);
    return cli_fail(cli, "understand the schema of the server");
}
