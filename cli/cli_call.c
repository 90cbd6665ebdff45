/* cli_call.c - the connection of a command, and calls on it. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* Of a variable that is not empty. */
static const char *
from_environment(const char *given, const char *variable)
{
    const char *value = given == NULL ? getenv(variable) : given;

    return value != NULL && value[0] != '\0' ? value : NULL;
}

struct behalf_options
cli_connect_options(const struct cli *cli)
{
    struct behalf_options options = cli->connect;
    const char *tls = getenv("BEHALF_TLS");

    options.timeout_ms = cli->timeout_ms;
    options.connect_timeout_ms = cli->timeout_ms;
    options.key_file = from_environment(options.key_file, "BEHALF_KEY_FILE");
    options.tls = options.tls || (tls != NULL && strcmp(tls, "true") == 0);
    if (!options.tls)
        return options;
    options.ca_file = from_environment(options.ca_file, "BEHALF_CA_FILE");
    if (options.certificate == NULL && options.certificate_key == NULL) {
        options.certificate = from_environment(NULL, "BEHALF_CERTIFICATE");
        options.certificate_key = from_environment(NULL, "BEHALF_CERTIFICATE_KEY");
    }
    return options;
}

enum cli_exit
cli_connect(struct cli *cli)
{
    struct behalf_options options = cli_connect_options(cli);

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
