/* command_session.c - session create, read, list, suspend, resume, revoke. */
#include <stdlib.h>

#include "cli/cli.h"

/* --- create ----------------------------------------------------------------------------------- */

/* The grant that is made with the session: the end of both is the session's unless the grant has
 * one of its own. */
static enum cli_exit
member_grant(struct cli *cli, struct cli_members *members)
{
    struct cli_members grant;
    enum cli_exit result;

    cli_members_init(&grant);
    if (cli->records.grant_expires_in_s > 0)
        cli_member_uint(&grant, "expires_in_s", cli->records.grant_expires_in_s);
    else
        cli_member_end(cli, &grant);
    cli_member_approval(cli, &grant);
    result = cli_member_terms(cli, &grant);
    cli_member(members, "grant");
    cli_members_end(&grant, members->body);
    return result;
}

/* Options of a grant without a scope would be left out without a word. */
static enum cli_exit
check_terms(struct cli *cli)
{
    const struct cli_records *records = &cli->records;

    if (records->scope.count > 0)
        return cli_need(cli, records->approver, "--approver with --scope");
    if (records->constraints.count > 0 || records->tools.count > 0 || records->method != NULL ||
        records->digest != NULL || records->not_before != NULL || records->max_depth > 0 ||
        records->uses > 0 || records->purpose != NULL || records->approver != NULL ||
        records->channel != NULL || records->grant_expires_in_s > 0)
        return cli_need(cli, NULL, "--scope with options of a grant");
    return CLI_OK;
}

static enum cli_exit
run_create(struct cli *cli)
{
    struct cli_members members;
    enum cli_exit result = cli_need_end(cli);

    if (result == CLI_OK)
        result = check_terms(cli);
    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "principal", cli->arguments[0]);
    cli_member_text(&members, "agent", cli->arguments[1]);
    cli_member_text(&members, "client", cli->records.client);
    cli_member_end(cli, &members);
    if (cli->records.has_idle_timeout)
        cli_member_uint(&members, "idle_timeout_s", cli->records.idle_timeout_s);
    cli_member_json(&members, "evidence", cli->records.evidence);
    if (cli->records.scope.count > 0)
        result = member_grant(cli, &members);
    if (result == CLI_OK)
        return cli_write_record(cli, "create the session", "sessions.create", &members);
    behalf_writer_free(members.body);
    return result;
}

/* --- read, list ------------------------------------------------------------------------------- */

static enum cli_exit
run_read(struct cli *cli)
{
    return cli_read_record(cli, "read the session", "sessions.read", "session");
}

static enum behalf_status
ask_sessions(struct cli *cli, const void *request, const struct behalf_page *page,
             struct behalf_reply **reply)
{
    struct cli_members members;

    (void)request;
    cli_members_init(&members);
    cli_member_text(&members, "principal", cli->records.principal);
    cli_member_text(&members, "agent", cli->records.agent);
    cli_member_page(&members, page);
    return cli_ask(cli, "sessions.list", &members, reply);
}

static void
print_session(struct cli *cli, const void *request, struct behalf_value item)
{
    (void)cli;
    (void)request;
    cli_put_safe(stdout, cli_get_text(item, "session"));
    (void)fputs("  ", stdout);
    cli_put_safe(stdout, cli_get_text(item, "principal"));
    (void)fputs("  ", stdout);
    cli_put_safe(stdout, cli_get_text(item, "agent"));
    cli_put_state(cli, item);
    (void)putchar('\n');
}

static enum cli_exit
run_list(struct cli *cli)
{
    if ((cli->records.principal == NULL) == (cli->records.agent == NULL))
        return cli_need(cli, NULL, "--principal or --agent");
    return cli_list_print(cli, &(struct cli_list){.action = "list sessions",
                                                  .member = "sessions",
                                                  .ask = ask_sessions,
                                                  .print = print_session});
}

/* --- suspend, resume, revoke ------------------------------------------------------------------ */

static enum cli_exit
change(struct cli *cli, const char *action, const char *method)
{
    struct cli_members members;
    enum cli_exit result = cli_need(cli, cli->records.reason, "--reason");

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "session", cli->arguments[0]);
    cli_member_text(&members, "reason", cli->records.reason);
    return cli_write_record(cli, action, method, &members);
}

static enum cli_exit
run_suspend(struct cli *cli)
{
    return change(cli, "suspend the session", "sessions.suspend");
}

static enum cli_exit
run_resume(struct cli *cli)
{
    return change(cli, "resume the session", "sessions.resume");
}

static enum cli_exit
run_revoke(struct cli *cli)
{
    return change(cli, "revoke the session", "sessions.revoke");
}

const struct command cli_session_commands[] = {
    {"session", "create", "PRINCIPAL AGENT", "a principal's consent to an agent",
     "With --scope a root grant is made in the same transaction; the options of `grant create`\n"
     "then say what it holds, and it ends with the session unless --grant-expires-in says "
     "sooner.\n"
     "Prints the ids.\n"
     "\n"
     "  behalf session create user:ann agent:bot --expires-in 8h\n"
     "  behalf session create user:ann agent:bot --expires-in 8h --grant-expires-in 30m \\\n"
     "      --scope 'document:*=view' --approver user:ann --channel browser\n",
     OPTION_END | OPTION_SESSION | OPTION_TERMS | OPTION_APPROVAL | OPTION_CALL | OPTION_KEY, 2, 2,
     run_create},
    {"session", "read", "SESSION", "a session, and whether it is active",
     "`state` is active, or the reason that a decision would give.\n"
     "\n"
     "  behalf session read ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B\n",
     0, 1, 1, run_read},
    {"session", "list", "", "the sessions of a principal or an agent",
     "One session a line, ended ones too, with its state. " CLI_LIST_HELP "\n"
     "  behalf session list --principal user:ann\n"
     "  behalf session list --agent agent:bot --json\n",
     OPTION_LIST_SESSIONS | OPTION_PAGE | OPTION_CURSOR, 0, 0, run_list},
    {"session", "suspend", "SESSION", "stop a session until it is resumed",
     "  behalf session suspend ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B --reason 'unknown device'\n",
     OPTION_REASON | OPTION_KEY, 1, 1, run_suspend},
    {"session", "resume", "SESSION", "let a suspended session go on",
     "  behalf session resume ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B --reason 'second factor'\n",
     OPTION_REASON | OPTION_KEY, 1, 1, run_resume},
    {"session", "revoke", "SESSION", "end a session and every grant of it",
     "It is final, and may be repeated.\n"
     "\n"
     "  behalf session revoke ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B --reason logout\n",
     OPTION_REASON | OPTION_KEY, 1, 1, run_revoke},
    {.name = NULL},
};
