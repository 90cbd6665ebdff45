/* cli_call.c - the connection of a command, and calls on it. */
#include "cli/cli.h"

enum cli_exit
cli_connect(struct cli *cli)
{
    struct behalf_options options = {.timeout_ms = cli->timeout_ms,
                                     .connect_timeout_ms = cli->timeout_ms};

    if (behalf_connect(cli->endpoint, &options, &cli->client, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "connect to '%s'", cli->endpoint);
    return CLI_OK;
}

enum cli_exit
cli_call(struct cli *cli, const char *action, const char *method, struct behalf_writer *writer,
         struct behalf_reply **reply)
{
    enum behalf_status status = behalf_call(cli->client, method, writer, reply, &cli->error);

    behalf_writer_free(writer);
    return status == BEHALF_SUCCESS ? CLI_OK : cli_fail(cli, "%s", action);
}

enum behalf_status
cli_ask(struct cli *cli, const char *method, struct cli_members *members,
        struct behalf_reply **reply)
{
    struct behalf_writer *writer = behalf_writer_new();
    enum behalf_status status;

    BEHALF_ASSERT(writer != NULL);
    cli_members_end(members, writer);
    status = behalf_call(cli->client, method, writer, reply, &cli->error);
    behalf_writer_free(writer);
    return status;
}

enum cli_exit
cli_call_members(struct cli *cli, const char *action, const char *method,
                 struct cli_members *members, struct behalf_reply **reply)
{
    return cli_ask(cli, method, members, reply) == BEHALF_SUCCESS ? CLI_OK
                                                                  : cli_fail(cli, "%s", action);
}
