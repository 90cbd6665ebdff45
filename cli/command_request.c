/* command_request.c - request list, show, create, approve, deny, cancel. */
#include "cli/cli.h"

/* --- create ----------------------------------------------------------------------------------- */

/* The limits that are asked for; nothing where none are. */
static enum cli_exit
member_requested(struct cli *cli, struct cli_members *members)
{
    const struct cli_records *records = &cli->records;
    struct cli_members requested;
    enum cli_exit result;

    cli_members_init(&requested);
    cli_member_text(&requested, "until", records->until);
    if (records->uses > 0)
        cli_member_uint(&requested, "uses", records->uses);
    result = cli_member_binding(cli, &requested, "bind");
    if (result == CLI_OK)
        result = cli_member_tools(cli, &requested);
    if (requested.count == 0) {
        behalf_writer_free(requested.body);
        return result;
    }
    cli_member(members, "requested");
    cli_members_end(&requested, members->body);
    return result;
}

static enum cli_exit
run_create(struct cli *cli)
{
    struct cli_members members;
    enum cli_exit result = cli_check_end(cli);

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "principal", cli->arguments[0]);
    cli_member_text(&members, "agent", cli->arguments[1]);
    cli_member_text(&members, "resource", cli->arguments[2]);
    cli_member_text(&members, "permission", cli->arguments[3]);
    cli_member_text(&members, "denial", cli->records.denial);
    cli_member_text(&members, "justification", cli->records.justification);
    cli_member_end(cli, &members);
    result = member_requested(cli, &members);
    if (result == CLI_OK)
        return cli_write_record(cli, "ask", "requests.create", &members);
    behalf_writer_free(members.body);
    return result;
}

/* --- list, show ------------------------------------------------------------------------------- */

static enum behalf_status
ask_requests(struct cli *cli, const void *request, const struct behalf_page *page,
             struct behalf_reply **reply)
{
    struct cli_members members;

    (void)request;
    cli_members_init(&members);
    cli_member_text(&members, "principal", cli->records.principal);
    cli_member_text(&members, "status", cli->records.status);
    cli_member_page(&members, page);
    return cli_ask(cli, "requests.list", &members, reply);
}

static void
print_request(struct cli *cli, const void *request, struct behalf_value item)
{
    struct slice status = cli_get_text(item, "status");
    bool pending = slice_equal(status, SLICE_LITERAL("pending"));
    bool approved = slice_equal(status, SLICE_LITERAL("approved"));

    (void)request;
    cli_put_safe(stdout, cli_get_text(item, "request"));
    (void)fputs("  ", stdout);
    cli_put_safe(stdout, cli_get_text(item, "agent"));
    (void)fputs("  ", stdout);
    cli_put_safe(stdout, cli_get_text(item, "resource"));
    (void)putchar('#');
    cli_put_safe(stdout, cli_get_text(item, "permission"));
    (void)fprintf(stdout, "  %s",
                  cli_color(cli->color, approved  ? COLOR_GOOD
                                        : pending ? COLOR_NONE
                                                  : COLOR_BAD));
    cli_put_safe(stdout, status);
    (void)fputs(cli_color(cli->color, COLOR_NONE), stdout);
    if (pending) {
        (void)fputs(" until ", stdout);
        cli_put_safe(stdout, cli_get_text(item, "expires_at"));
    }
    (void)putchar('\n');
}

static enum cli_exit
run_list(struct cli *cli)
{
    enum cli_exit result = cli_need(cli, cli->records.principal, "--principal");

    if (result != CLI_OK)
        return result;
    return cli_list_print(cli, &(struct cli_list){.action = "list requests",
                                                  .member = "requests",
                                                  .ask = ask_requests,
                                                  .print = print_request});
}

static enum cli_exit
run_show(struct cli *cli)
{
    return cli_read_record(cli, "show the request", "requests.read", "request");
}

/* --- approve, deny, cancel -------------------------------------------------------------------- */

static enum cli_exit
run_approve(struct cli *cli)
{
    struct cli_members members;
    enum cli_exit result = cli_check_end(cli);

    if (result == CLI_OK)
        result = cli_need(cli, cli->records.approver, "--approver");
    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "request", cli->arguments[0]);
    cli_member_text(&members, "session", cli->arguments[1]);
    cli_member_text(&members, "approver", cli->records.approver);
    cli_member_text(&members, "channel", cli->records.channel);
    cli_member_end(cli, &members);
    result = cli_member_terms(cli, &members);
    if (result == CLI_OK)
        return cli_write_record(cli, "approve the request", "requests.approve", &members);
    behalf_writer_free(members.body);
    return result;
}

static enum cli_exit
close_request(struct cli *cli, const char *action, const char *method)
{
    struct cli_members members;
    enum cli_exit result = cli_need(cli, cli->records.reason, "--reason");

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "request", cli->arguments[0]);
    cli_member_text(&members, "approver", cli->records.approver);
    cli_member_text(&members, "reason", cli->records.reason);
    return cli_write_record(cli, action, method, &members);
}

static enum cli_exit
run_deny(struct cli *cli)
{
    return close_request(cli, "deny the request", "requests.deny");
}

static enum cli_exit
run_cancel(struct cli *cli)
{
    return close_request(cli, "cancel the request", "requests.cancel");
}

const struct command cli_request_commands[] = {
    {"request", "create", "PRINCIPAL AGENT RESOURCE PERMISSION",
     "an agent asks for one permission on one object",
     "It waits for an hour unless an end says otherwise. --until, --uses, --method with --digest,\n"
     "and --tool say within which limits the agent wants the grant. Prints the id.\n"
     "\n"
     "  behalf request create user:ann agent:bot document:plan edit --uses 1 \\\n"
     "      --justification 'to fix a typo'\n",
     OPTION_REQUEST | OPTION_CALL | OPTION_END | OPTION_KEY, 4, 4, run_create},
    {"request", "show", "REQUEST", "a request, and what became of it",
     "`status` is pending, approved, denied, cancelled or expired.\n"
     "\n"
     "  behalf request show req_01JZ9A6WV3T5N0R2M4K7C9X1BD\n",
     0, 1, 1, run_show},
    {"request", "list", "", "the requests to a principal",
     "One request a line, with its status. " CLI_LIST_HELP "\n"
     "  behalf request list --principal user:ann --status pending\n"
     "  behalf request list --principal user:ann --json\n",
     OPTION_LIST_REQUESTS | OPTION_PAGE | OPTION_CURSOR, 0, 0, run_list},
    {"request", "approve", "REQUEST SESSION", "make the grant that was asked for",
     "What is left out is as requested: without --scope exactly the resource and the permission.\n"
     "Only the principal approves more than was asked for. Prints the ids of request and grant.\n"
     "\n"
     "  behalf request approve req_01JZ9A6WV3T5N0R2M4K7C9X1BD ses_01JZ8PZ6WV3T5N0R2M4K7C9X1B \\\n"
     "      --approver user:ann --expires-in 5m\n",
     OPTION_APPROVAL | OPTION_END | OPTION_TERMS | OPTION_CALL | OPTION_KEY, 2, 2, run_approve},
    {"request", "deny", "REQUEST", "refuse a request",
     "  behalf request deny req_01JZ9A6WV3T5N0R2M4K7C9X1BD --reason 'not now'\n"
     "  behalf request deny req_01JZ9A6WV3T5N0R2M4K7C9X1BD --approver user:ann --reason 'no'\n",
     OPTION_APPROVER | OPTION_REASON | OPTION_KEY, 1, 1, run_deny},
    {"request", "cancel", "REQUEST", "take a request back",
     "  behalf request cancel req_01JZ9A6WV3T5N0R2M4K7C9X1BD --reason 'done without it'\n",
     OPTION_APPROVER | OPTION_REASON | OPTION_KEY, 1, 1, run_cancel},
    {.name = NULL},
};
