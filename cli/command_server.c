/* command_server.c - status, server clock, server stats, ping, version, help. */
#include <string.h>
#include <time.h>

#include "cli/cli.h"

static void
add_row(struct cli_table *table, const char *name, struct slice text)
{
    cli_table_cell(table, slice_of(name));
    cli_table_cell(table, text);
}

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

/* What an operator has to decide; nothing when the clocks agree. */
static void
warn_of_clock(struct behalf_value clock)
{
    struct slice state = cli_get_text(clock, "state");

    if (slice_equal(state, SLICE_LITERAL("ahead")))
        (void)fputs("behalf: the server's wall clock is ahead of what its monotonic clock allows; "
                    "until somebody decides, nothing is swept\n"
                    "hint: is the time right? behalf server clock confirm; else behalf server "
                    "clock reject\n",
                    stderr);
    else if (slice_equal(state, SLICE_LITERAL("rejected")))
        (void)fputs("behalf: the server's wall clock was rejected and is left out until it agrees "
                    "again\n"
                    "hint: set the clock right, or take the rejection back: behalf server clock "
                    "confirm\n",
                    stderr);
}

static enum cli_exit
run_clock(struct cli *cli)
{
    const char *action = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    struct behalf_value clock;
    struct behalf_reply *reply;
    struct cli_table table;
    enum cli_exit result;

    if (action != NULL && strcmp(action, "confirm") != 0 && strcmp(action, "reject") != 0)
        return cli_usage(cli, "'%s' is neither confirm nor reject", action);
    result = cli_connect(cli);
    if (result != CLI_OK)
        return result;
    if (behalf_server_clock(cli->client, action, &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "%s the clock", action != NULL ? action : "ask for");
    clock = behalf_reply_result(reply);
    if (cli->json) {
        cli_print_json(clock);
    } else {
        cli_table_init(&table, 2);
        add_row(&table, "clock", cli_get_text(clock, "state"));
        add_row(&table, "expirations are judged by", cli_get_text(clock, "now"));
        add_row(&table, "the system's clock shows", cli_get_text(clock, "wall"));
        add_row(&table, "the monotonic clock allows", cli_get_text(clock, "trusted"));
        cli_table_print(&table, stdout);
        cli_table_release(&table);
        warn_of_clock(clock);
    }
    behalf_reply_free(reply);
    return CLI_OK;
}

static enum cli_exit
run_status(struct cli *cli)
{
    struct behalf_value clock;
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
        clock = behalf_value_get(behalf_reply_result(reply), "clock");
        add_row(&table, "server", slice_of(cli->endpoint));
        add_rows(&table, behalf_reply_result(reply));
        add_row(&table, "clock", cli_get_text(clock, "state"));
        cli_table_print(&table, stdout);
        cli_table_release(&table);
        warn_of_clock(clock);
    }
    behalf_reply_free(reply);
    return CLI_OK;
}

/* One map of maps: "graph bytes", "graph sets", ... */
static void
add_counts(struct cli_table *table, struct behalf_value map)
{
    struct behalf_value rest;
    struct behalf_value key;
    struct behalf_value value;
    struct buffer name;
    struct slice plain;
    uint32_t count;

    if (!behalf_value_map(map, &count, &rest))
        return;
    buffer_init(&name);
    while (count-- > 0 && behalf_value_next(&rest, &key) && behalf_value_next(&rest, &value)) {
        struct behalf_value inner;
        struct buffer number;
        uint32_t inner_count;

        if (!behalf_value_string(key, &plain.data, &plain.size) ||
            !behalf_value_map(value, &inner_count, &inner))
            continue;
        buffer_init(&number);
        while (inner_count-- > 0 && behalf_value_next(&inner, &key) &&
               behalf_value_next(&inner, &value)) {
            struct slice word;

            if (!behalf_value_string(key, &word.data, &word.size))
                continue;
            buffer_clear(&name);
            buffer_clear(&number);
            buffer_add_format(&name, "%.*s %.*s", SLICE_PRINTF(plain), SLICE_PRINTF(word));
            cli_json_value(&number, value);
            add_row(table, name.data, buffer_slice(&number));
        }
        buffer_release(&number);
    }
    buffer_release(&name);
}

static enum cli_exit
run_stats(struct cli *cli)
{
    struct behalf_reply *reply;
    struct cli_table table;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_server_stats(cli->client, &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "ask for the statistics");
    if (cli->json) {
        cli_print_json(behalf_reply_result(reply));
    } else {
        cli_table_init(&table, 2);
        add_row(&table, "server", slice_of(cli->endpoint));
        add_rows(&table, behalf_reply_result(reply));
        add_counts(&table, behalf_reply_result(reply));
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

/* Connects, again and again for as long as --wait says: a server that starts is not there yet. */
static enum cli_exit
connect_in_time(struct cli *cli)
{
    static const struct timespec pause = {.tv_nsec = 50000000};
    struct behalf_options options = cli_connect_options(cli);
    double end_us = now_us() + cli->wait_ms * 1e3;

    while (now_us() < end_us) {
        enum behalf_status status =
            behalf_connect(cli->endpoint, &options, &cli->client, &cli->error);

        if (status == BEHALF_SUCCESS)
            return CLI_OK;
        if (status != BEHALF_FAILED_CONNECTION)
            break;
        (void)nanosleep(&pause, NULL);
    }
    return cli_connect(cli);
}

static enum cli_exit
run_ping(struct cli *cli)
{
    enum cli_exit result = connect_in_time(cli);
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
    if (wanted == NULL && cli->argument_count == 1)
        cli_suggest_command(cli, NULL, cli->arguments[0]);
    else if (wanted == NULL)
        cli_suggest_command(cli, cli->arguments[0], cli->arguments[1]);
    if (wanted == NULL)
        return cli_usage(cli, "no command '%s%s%s'", cli->arguments[0],
                         cli->argument_count > 1 ? " " : "",
                         cli->argument_count > 1 ? cli->arguments[1] : "");
    cli_help_command(wanted, stdout);
    return CLI_OK;
}

const struct command cli_server_commands[] = {
    {NULL, "status", "", "what the server says of itself", NULL, 0, 0, 0, run_status},
    {"server", "clock", "[confirm|reject]", "the clock by which relationships expire",
     "When the system's clock is more than an hour ahead of what the monotonic clock allows,\n"
     "expirations follow it, but nothing is swept before somebody decides: `confirm` says that\n"
     "the time is right (the machine slept), `reject` that it is wrong and is to be left out\n"
     "until it agrees again. While the clocks agree both change nothing.\n",
     0, 0, 1, run_clock},
    {"server", "stats", "", "memory, queues and counters of the server",
     "What the rows mean stands in protocol.md; counters begin when the server starts.\n", 0, 0, 0,
     run_stats},
    {NULL, "ping", "", "ask whether the server answers, and how fast",
     "  behalfd --data ./data & behalf ping --wait && behalf schema write plan.zed\n", OPTION_WAIT,
     0, 0, run_ping},
    {NULL, "version", "", "the version of this program", NULL, 0, 0, 0, run_version},
    {NULL, "help", "[COMMAND...]", "this list, or the help of one command", NULL, 0, 0, 2,
     run_help},
    {.name = NULL},
};
