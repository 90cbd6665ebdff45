/* command_grant.c - grant create, delegate, read, list, revoke. */
#include <stdlib.h>

#include "cli/cli.h"

/* --- create, delegate ------------------------------------------------------------------------- */

/* Takes the members on to the server, or frees them. */
static enum cli_exit
write_grant(struct cli *cli, const char *action, const char *method, struct cli_members *members)
{
    enum cli_exit result = cli_member_terms(cli, members);

    cli_member_end(cli, members);
    if (result == CLI_OK)
        return cli_write_record(cli, action, method, members);
    behalf_writer_free(members->body);
    return result;
}

static enum cli_exit
need_scope(struct cli *cli)
{
    return cli->records.scope.count > 0 ? CLI_OK : cli_need(cli, NULL, "--scope");
}

static enum cli_exit
run_create(struct cli *cli)
{
    struct cli_members members;
    enum cli_exit result = need_scope(cli);

    if (result == CLI_OK)
        result = cli_need_end(cli);
    if (result == CLI_OK)
        result = cli_need(cli, cli->records.approver, "--approver");
    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "session", cli->arguments[0]);
    cli_member_approval(cli, &members);
    return write_grant(cli, "create the grant", "grants.create", &members);
}

static enum cli_exit
run_delegate(struct cli *cli)
{
    struct cli_members members;
    enum cli_exit result = need_scope(cli);

    if (result == CLI_OK)
        result = cli_check_end(cli);
    if (result == CLI_OK && cli->actor_count != 1)
        result = cli_need(cli, NULL, "one --actor, who passes the grant on");
    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "parent", cli->arguments[0]);
    cli_member_actors(&members, cli->actors, cli->actor_count);
    cli_member_text(&members, "delegatee", cli->arguments[1]);
    return write_grant(cli, "delegate the grant", "grants.delegate", &members);
}

/* --- read, list, revoke ----------------------------------------------------------------------- */

static enum cli_exit
run_read(struct cli *cli)
{
    return cli_read_record(cli, "read the grant", "grants.read", "grant");
}

static enum behalf_status
ask_grants(struct cli *cli, const void *request, const struct behalf_page *page,
           struct behalf_reply **reply)
{
    struct cli_members members;

    (void)request;
    cli_members_init(&members);
    cli_member_text(&members, "session", cli->records.session);
    cli_member_text(&members, "agent", cli->records.agent);
    cli_member_page(&members, page);
    return cli_ask(cli, "grants.list", &members, reply);
}

static void
print_grant(struct cli *cli, const void *request, struct behalf_value item)
{
    struct buffer scope;

    (void)request;
    cli_put_safe(stdout, cli_get_text(item, "grant"));
    (void)fputs("  ", stdout);
    cli_put_safe(stdout, cli_get_text(item, "delegatee"));
    cli_put_state(cli, item);
    (void)fputs("  ", stdout);
    buffer_init(&scope);
    cli_scope_text(behalf_value_get(item, "scope"), &scope);
    cli_put_safe(stdout, buffer_slice(&scope));
    buffer_release(&scope);
    (void)putchar('\n');
}

static enum cli_exit
run_list(struct cli *cli)
{
    if ((cli->records.session == NULL) == (cli->records.agent == NULL))
        return cli_need(cli, NULL, "--session or --agent");
    return cli_list_print(cli, &(struct cli_list){.action = "list grants",
                                                  .member = "grants",
                                                  .ask = ask_grants,
                                                  .print = print_grant});
}

static enum cli_exit
run_revoke(struct cli *cli)
{
    struct cli_members members;
    enum cli_exit result = cli_need(cli, cli->records.reason, "--reason");

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "grant", cli->arguments[0]);
    cli_member_text(&members, "reason", cli->records.reason);
    return cli_write_record(cli, "revoke the grant", "grants.revoke", &members);
}

#define SCOPE_HELP                                                                                 \
    "A SCOPE is SELECTOR=ACTION[,ACTION...]; actions are permissions or relations of the type.\n"  \
    "SELECTOR is `type:id`, `type:*`, or `type:*#member@object`: the objects of the type on\n"     \
    "which the object has the relation or permission `member`.\n"                                  \
    "\n"

const struct command cli_grant_commands[] = {
    {"grant", "create", "SESSION", "a slice of the principal's authority for the session's agent",
     SCOPE_HELP
     "  behalf grant create ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B --scope 'document:*=view' \\\n"
     "      --expires-in 30m --max-depth 1 --approver user:ann --channel browser\n"
     "  behalf grant create ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B --expires-in 5m --uses 1 \\\n"
     "      --scope 'document:*#within@folder:plans=edit' --approver user:ann\n",
     OPTION_END | OPTION_TERMS | OPTION_APPROVAL | OPTION_CALL | OPTION_KEY, 1, 1, run_create},
    {"grant", "delegate", "GRANT AGENT", "pass part of a grant on to a further agent",
     "--actor is who passes it on: the agent that holds GRANT. The part holds no more than the\n"
     "whole, and ends with it unless an end says sooner.\n"
     "\n" SCOPE_HELP
     "  behalf grant delegate gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD agent:helper --actor agent:bot \\\n"
     "      --scope document:plan=view --expires-in 10m\n",
     OPTION_ACTOR | OPTION_END | OPTION_TERMS | OPTION_CALL | OPTION_KEY, 2, 2, run_delegate},
    {"grant", "read", "GRANT", "a grant, its chain, the uses it has left, and whether it is active",
     "`state` is active, or the reason that a decision would give now.\n"
     "\n"
     "  behalf grant read gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD\n",
     0, 1, 1, run_read},
    {"grant", "list", "", "the grants of a session or to an agent",
     "One grant a line, ended ones too, with its state. " CLI_LIST_HELP "\n"
     "  behalf grant list --session ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B\n"
     "  behalf grant list --agent agent:helper --json\n",
     OPTION_LIST_GRANTS | OPTION_PAGE | OPTION_CURSOR, 0, 0, run_list},
    {"grant", "revoke", "GRANT", "end a grant and all that was passed on of it",
     "It is final, and may be repeated.\n"
     "\n"
     "  behalf grant revoke gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD --reason 'no longer needed'\n",
     OPTION_REASON | OPTION_KEY, 1, 1, run_revoke},
    {.name = NULL},
};
