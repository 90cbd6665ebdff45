/* command_server.c - status, ping, version, help. */
#include <string.h>
#include <time.h>

#include "cli/cli.h"

/* Rows of a table from a map. What is nested (methods, limits) is for --json. */
static void
add_rows(struct cli_table *table, struct behalf_value map)
{
    struct behalf_value rest;
    struct behalf_value key;
    struct behalf_value value;
    struct buffer text;
    struct slice plain;
    uint32_t count;

    if (!behalf_value_map(map, &count, &rest))
        return;
    buffer_init(&text);
    while (count-- > 0 && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value)) {
        buffer_clear(&text);
        if (!behalf_value_string(key, &plain.data, &plain.size) ||
            behalf_value_type(value) == BEHALF_TYPE_ARRAY ||
            behalf_value_type(value) == BEHALF_TYPE_MAP)
            continue;
        cli_table_cell(table, plain);
        if (behalf_value_string(value, &plain.data, &plain.size))
            buffer_add_slice(&text, plain);
        else
            cli_json_value(&text, value);
        cli_table_cell(table, buffer_slice(&text));
    }
    buffer_release(&text);
}

static enum cli_exit
run_status(struct cli *cli)
{
    struct behalf_reply *reply;
    struct cli_table table;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_server_info(cli->client, &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "ask for the status");
    if (cli->json) {
        cli_print_json(behalf_reply_result(reply));
    } else {
        cli_table_init(&table, 2);
        cli_table_cell(&table, slice_of("server"));
        cli_table_cell(&table, slice_of(cli->endpoint));
        add_rows(&table, behalf_reply_result(reply));
        cli_table_print(&table, stdout);
        cli_table_release(&table);
    }
    behalf_reply_free(reply);
    return CLI_OK;
}

static double
now_us(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static enum cli_exit
run_ping(struct cli *cli)
{
    enum cli_exit result = cli_connect(cli);
    double start_us = now_us();

    if (result != CLI_OK)
        return result;
    if (behalf_ping(cli->client, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "ping");
    (void)printf(cli->json ? "{\"ok\":true,\"microseconds\":%.0f}\n" : "pong after %.0f us\n",
                 now_us() - start_us);
    return CLI_OK;
}

static enum cli_exit
run_version(struct cli *cli)
{
    (void)printf(cli->json ? "{\"version\":\"%s\"}\n" : "behalf %s\n", behalf_version());
    return CLI_OK;
}

static enum cli_exit
run_help(struct cli *cli)
{
    const struct command *wanted;

    if (cli->argument_count == 0) {
        cli_help_all(stdout);
        return CLI_OK;
    }
    wanted = cli->argument_count == 1 ? cli_command_find(NULL, cli->arguments[0])
                                      : cli_command_find(cli->arguments[0], cli->arguments[1]);
    if (wanted == NULL)
        return cli_usage(cli, "no command '%s%s%s'", cli->arguments[0],
                         cli->argument_count > 1 ? " " : "",
                         cli->argument_count > 1 ? cli->arguments[1] : "");
    cli_help_command(wanted, stdout);
    return CLI_OK;
}

const struct command cli_server_commands[] = {
    {NULL, "status", "", "what the server says of itself", NULL, 0, 0, 0, run_status},
    {NULL, "ping", "", "ask whether the server answers, and how fast", NULL, 0, 0, 0, run_ping},
    {NULL, "version", "", "the version of this program", NULL, 0, 0, 0, run_version},
    {NULL, "help", "[COMMAND...]", "this list, or the help of one command", NULL, 0, 0, 2,
     run_help},
    {.name = NULL},
};
