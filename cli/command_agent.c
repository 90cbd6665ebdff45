/* command_agent.c - agent kill, restore, stopped, audit. */
#include <stdlib.h>

#include "cli/cli.h"

/* --- kill, restore ---------------------------------------------------------------------------- */

static enum cli_exit
order_stop(struct cli *cli, const char *action, const char *method)
{
    const struct cli_records *records = &cli->records;
    const char *agent = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    struct cli_members members;
    enum cli_exit result;

    if ((agent != NULL) + (records->client != NULL) + (records->principal != NULL) +
            records->everything !=
        1)
        return cli_need(cli, NULL, "one of AGENT, --client, --principal and --everything");
    result = cli_need(cli, records->reason, "--reason");
    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "agent", agent);
    cli_member_text(&members, "client", records->client);
    cli_member_text(&members, "principal", records->principal);
    if (records->everything) {
        cli_member(&members, "everything");
        behalf_write_bool(members.body, true);
    }
    cli_member_text(&members, "reason", records->reason);
    return cli_write_record(cli, action, method, &members);
}

static enum cli_exit
run_kill(struct cli *cli)
{
    return order_stop(cli, "order the stop", "agents.kill");
}

static enum cli_exit
run_restore(struct cli *cli)
{
    return order_stop(cli, "lift the stop", "agents.restore");
}

/* --- stopped ---------------------------------------------------------------------------------- */

static void
print_stops(uint32_t count, struct behalf_value rest)
{
    static const char *const parties[] = {"agent", "principal", "client"};
    struct behalf_value stop;
    struct cli_table table;
    struct buffer text;

    cli_table_init(&table, 5);
    cli_table_cell(&table, slice_of("who"));
    cli_table_cell(&table, slice_of("in force"));
    cli_table_cell(&table, slice_of("epoch"));
    cli_table_cell(&table, slice_of("at"));
    cli_table_cell(&table, slice_of("reason"));
    buffer_init(&text);
    while (count-- > 0 && behalf_value_next(&rest, &stop)) {
        struct slice who = SLICE_LITERAL("everything");
        bool in_force = false;

        buffer_clear(&text);
        for (size_t index = 0; index < BEHALF_COUNT_OF(parties); index++)
            if (behalf_value_is(behalf_value_get(stop, "scope"), parties[index]))
                buffer_add_format(&text, "%s ", parties[index]);
        for (size_t index = 0; index < BEHALF_COUNT_OF(parties); index++)
            if (cli_get_text(stop, parties[index]).size > 0)
                who = cli_get_text(stop, parties[index]);
        buffer_add_slice(&text, who);
        cli_table_cell(&table, buffer_slice(&text));
        (void)behalf_value_bool(behalf_value_get(stop, "in_force"), &in_force);
        cli_table_cell(&table, slice_of(in_force ? "yes" : "no"));
        buffer_clear(&text);
        cli_json_value(&text, behalf_value_get(stop, "epoch"));
        cli_table_cell(&table, buffer_slice(&text));
        cli_table_cell(&table, cli_get_text(stop, "at"));
        cli_table_cell(&table, cli_get_text(stop, "reason"));
    }
    cli_table_print(&table, stdout);
    cli_table_release(&table);
    buffer_release(&text);
}

static enum cli_exit
run_stopped(struct cli *cli)
{
    struct cli_members members;
    struct behalf_reply *reply;
    struct behalf_value rest;
    enum cli_exit result = cli_connect(cli);
    uint32_t count;

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    result = cli_call_members(cli, "list stops", "agents.stopped", &members, &reply);
    if (result != CLI_OK)
        return result;
    if (!behalf_value_array(behalf_value_get(behalf_reply_result(reply), "stops"), &count, &rest))
        result = cli_fail_reply(cli, "list stops", "stops");
    else if (cli->json)
        cli_print_json(behalf_reply_result(reply));
    else if (count > 0)
        print_stops(count, rest);
    behalf_reply_free(reply);
    return result;
}

/* --- audit ------------------------------------------------------------------------------------ */

static enum behalf_status
ask_findings(struct cli *cli, const void *request, const struct behalf_page *page,
             struct behalf_reply **reply)
{
    struct cli_members members;

    (void)request;
    cli_members_init(&members);
    if (cli->argument_count > 0) {
        cli_member(&members, "types");
        behalf_write_array(members.body, (uint32_t)cli->argument_count);
        for (size_t index = 0; index < cli->argument_count; index++)
            behalf_write_text(members.body, cli->arguments[index]);
    }
    cli_member_page(&members, page);
    return cli_ask(cli, "agents.audit", &members, reply);
}

static void
print_finding(struct cli *cli, const void *request, struct behalf_value item)
{
    struct slice example = cli_get_text(item, "example");

    (void)cli;
    (void)request;
    cli_put_safe(stdout, cli_get_text(item, "agent"));
    if (cli_get_text(item, "principal").size > 0) {
        (void)fputs(" acts on behalf of ", stdout);
        cli_put_safe(stdout, cli_get_text(item, "principal"));
    } else {
        (void)fputs(" has ", stdout);
        cli_put_safe(stdout, cli_get_text(item, "resource_type"));
        (void)putchar('#');
        cli_put_safe(stdout, cli_get_text(item, "permission"));
    }
    if (example.size > 0) {
        (void)fputs(", as on ", stdout);
        cli_put_safe(stdout, example);
    }
    (void)putchar('\n');
}

static enum cli_exit
run_audit(struct cli *cli)
{
    uint64_t found = 0;
    enum cli_exit result = cli_list_print(cli, &(struct cli_list){.action = "audit agents",
                                                                  .member = "findings",
                                                                  .ask = ask_findings,
                                                                  .print = print_finding,
                                                                  .printed = &found});

    /* What was found counts also where it is not all. */
    return found > 0 && (result == CLI_OK || result == CLI_INCOMPLETE) ? CLI_FOUND : result;
}

#define PARTY_HELP "Of AGENT, or of all agents of a client, for a principal, or of everything.\n"

const struct command cli_agent_commands[] = {
    {"agent", "kill", "[AGENT]", "cut off an agent, a client, a principal or everything, at once",
     PARTY_HELP "What was granted before stays dead, also after `agent restore`.\n"
                "\n"
                "  behalf agent kill agent:bot --reason 'incident 42'\n"
                "  behalf agent kill --client https://app.example --reason 'leaked key'\n"
                "  behalf agent kill --everything --reason 'incident 42'\n",
     OPTION_STOP | OPTION_REASON | OPTION_KEY, 0, 1, run_kill},
    {"agent", "restore", "[AGENT]", "let an agent act again by what is granted from now on",
     PARTY_HELP "\n"
                "  behalf agent restore agent:bot --reason 'incident 42 is closed'\n",
     OPTION_STOP | OPTION_REASON | OPTION_KEY, 0, 1, run_restore},
    {"agent", "stopped", "", "every stop that was ordered",
     "One that is not in force any more still ends what was granted before its epoch.\n"
     "\n"
     "  behalf agent stopped\n",
     0, 0, 0, run_stopped},
    {"agent", "audit", "[TYPE...]", "what agents may do without any grant",
     "For each agent of the agent types (all of them by default) the permissions that it has by\n"
     "itself, and those on whose behalf it acts without end. Exits with 0 when there is nothing,\n"
     "with 12 when something was found, and with 4 when nothing was found and not all was looked\n"
     "at.\n"
     "\n"
     "  behalf agent audit\n"
     "  behalf agent audit agent service_agent\n",
     OPTION_PAGE | OPTION_CURSOR, 0, 1000, run_audit},
    {.name = NULL},
};
