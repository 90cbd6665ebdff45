/* command_lookup.c - lookup-resources, lookup-subjects, lookup-permissions. */
#include <stdlib.h>
#include <string.h>

#include "base/relationship.h"
#include "cli/cli.h"

/* "  conditional (missing: hour)" behind a result that is not a plain allow. */
static void
put_condition(struct cli *cli, struct behalf_value item)
{
    if (!behalf_value_is(behalf_value_get(item, "decision"), "conditional"))
        return;
    (void)fputs("  ", stdout);
    cli_put_decision(cli, item, stdout);
}

/* Ids come bare; printed as objects they can be pasted into the next command. */
static void
put_object(const char *type, struct slice id, const char *relation)
{
    struct buffer text;
    struct object object = {.type = slice_of(type), .id = id};

    if (relation != NULL)
        object.relation = slice_of(relation);
    buffer_init(&text);
    object_print(&object, &text);
    cli_put_safe(stdout, buffer_slice(&text));
    buffer_release(&text);
}

/* --- lookup-resources ------------------------------------------------------------------------- */

static enum behalf_status
ask_resources(struct cli *cli, const void *request, const struct behalf_page *page,
              struct behalf_reply **reply)
{
    struct cli_members members;

    (void)request;
    cli_members_init(&members);
    cli_member_text(&members, "resource_type", cli->arguments[0]);
    cli_member_text(&members, "permission", cli->arguments[1]);
    cli_member_text(&members, "subject", cli->arguments[2]);
    cli_member_actors(&members, cli->actors, cli->actor_count);
    cli_member_text(&members, "grant", cli->records.grant);
    cli_member_json(&members, "context", cli->context);
    cli_member_page(&members, page);
    cli_member_read(&members, &cli->read);
    return cli_ask(cli, "lookup_resources", &members, reply);
}

static void
print_resource(struct cli *cli, const void *request, struct behalf_value item)
{
    (void)request;
    put_object(cli->arguments[0], cli_get_text(item, "id"), NULL);
    put_condition(cli, item);
    (void)putchar('\n');
}

static enum cli_exit
run_lookup_resources(struct cli *cli)
{
    return cli_list_print(cli, &(struct cli_list){.action = "look up resources",
                                                  .member = "resources",
                                                  .ask = ask_resources,
                                                  .print = print_resource});
}

/* --- lookup-subjects -------------------------------------------------------------------------- */

/* TYPE or TYPE#RELATION of the third argument. */
struct subject_kind {
    const char *type;
    const char *relation; /* NULL = plain subjects */
};

static enum behalf_status
ask_subjects(struct cli *cli, const void *request, const struct behalf_page *page,
             struct behalf_reply **reply)
{
    const struct subject_kind *kind = request;

    return behalf_lookup_subjects(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                                  kind->type, kind->relation, cli->context, page, reply,
                                  &cli->error);
}

static void
put_excluded(const char *type, struct behalf_value excluded)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count;

    if (!behalf_value_array(excluded, &count, &rest) || count == 0)
        return;
    (void)fputs("  except", stdout);
    while (count-- > 0 && behalf_value_next(&rest, &one)) {
        (void)putchar(' ');
        put_object(type, cli_get_text(one, "id"), NULL);
        if (behalf_value_is(behalf_value_get(one, "decision"), "conditional"))
            (void)fputs(" (conditional)", stdout);
    }
}

static void
print_subject(struct cli *cli, const void *request, struct behalf_value item)
{
    const struct subject_kind *kind = request;
    bool wildcard = false;
    bool more = false;

    (void)behalf_value_bool(behalf_value_get(item, "wildcard"), &wildcard);
    if (wildcard)
        cli_put_format(stdout, "%s:*", kind->type);
    else
        put_object(kind->type, cli_get_text(item, "id"), kind->relation);
    put_condition(cli, item);
    put_excluded(kind->type, behalf_value_get(item, "excluded"));
    (void)behalf_value_bool(behalf_value_get(item, "more_excluded"), &more);
    if (more)
        (void)fputs(" and more below", stdout);
    (void)putchar('\n');
}

static enum cli_exit
run_lookup_subjects(struct cli *cli)
{
    const char *text = cli->arguments[2];
    const char *hash = strchr(text, '#');
    struct subject_kind kind = {.type = text};

    if (hash != NULL) {
        kind.type = cli_copy(cli, (struct slice){text, (size_t)(hash - text)});
        kind.relation = hash + 1;
    }
    return cli_list_print(cli, &(struct cli_list){.action = "look up subjects",
                                                  .member = "subjects",
                                                  .ask = ask_subjects,
                                                  .print = print_subject,
                                                  .request = &kind});
}

/* --- lookup-permissions ----------------------------------------------------------------------- */

static void
print_permissions(uint32_t count, struct behalf_value rest)
{
    struct behalf_value one;
    struct cli_table table;
    struct buffer decision;

    cli_table_init(&table, 3);
    cli_table_cell(&table, slice_of("permission"));
    cli_table_cell(&table, slice_of("decision"));
    cli_table_cell(&table, slice_of("until"));
    buffer_init(&decision);
    while (count-- > 0 && behalf_value_next(&rest, &one)) {
        struct behalf_value problem = behalf_value_get(one, "error");

        buffer_clear(&decision);
        if (problem.bytes != NULL)
            buffer_add_slice(&decision, cli_get_text(problem, "reason"));
        else
            cli_decision_text(one, &decision);
        cli_table_cell(&table, cli_get_text(one, "permission"));
        cli_table_cell(&table, buffer_slice(&decision));
        cli_table_cell(&table, cli_get_text(one, "valid_until"));
    }
    cli_table_print(&table, stdout);
    cli_table_release(&table);
    buffer_release(&decision);
}

static enum cli_exit
run_lookup_permissions(struct cli *cli)
{
    struct behalf_value permissions;
    struct behalf_value rest;
    struct cli_members members;
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);
    uint32_t count;

    if (result != CLI_OK)
        return result;
    cli_members_init(&members);
    cli_member_text(&members, "resource", cli->arguments[0]);
    cli_member_text(&members, "subject", cli->arguments[1]);
    cli_member_actors(&members, cli->actors, cli->actor_count);
    cli_member_text(&members, "grant", cli->records.grant);
    cli_member_json(&members, "context", cli->context);
    cli_member_read(&members, &cli->read);
    result = cli_call_members(cli, "look up permissions", "lookup_permissions", &members, &reply);
    if (result != CLI_OK)
        return result;
    permissions = behalf_value_get(behalf_reply_result(reply), "permissions");
    if (!behalf_value_array(permissions, &count, &rest)) {
        result = cli_fail_reply(cli, "look up permissions", "permissions");
    } else {
        if (cli->json)
            cli_print_json(behalf_reply_result(reply));
        else
            print_permissions(count, rest);
        if (!cli->json)
            cli_say_reason(behalf_reply_result(reply));
        if (cli_say_undecided(cli, permissions, "permission") > 0)
            result = CLI_INCOMPLETE;
    }
    behalf_reply_free(reply);
    return result;
}

const struct command cli_lookup_commands[] = {
    {NULL, "lookup-resources", "TYPE PERMISSION SUBJECT",
     "all resources of a type on which the subject has the permission",
     "One resource a line; a conditional one says so after it. " CLI_LIST_HELP "\n"
     "  behalf lookup-resources document view user:ann\n"
     "  behalf lookup-resources document view user:ann --actor agent:bot \\\n"
     "      --grant gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD\n",
     OPTION_READ | OPTION_ACTOR | OPTION_GRANT | OPTION_CONTEXT | OPTION_PAGE | OPTION_CURSOR, 3, 3,
     run_lookup_resources},
    {NULL, "lookup-subjects", "RESOURCE PERMISSION TYPE[#RELATION]",
     "all subjects of a type that have the permission",
     "One subject a line; `type:*` is everybody but those behind `except`.\n" CLI_LIST_HELP,
     OPTION_READ | OPTION_CONTEXT | OPTION_PAGE | OPTION_CURSOR, 3, 3, run_lookup_subjects},
    {NULL, "lookup-permissions", "RESOURCE SUBJECT",
     "every permission of a resource with its decision for the subject",
     "  behalf lookup-permissions document:plan user:ann\n"
     "  behalf lookup-permissions document:plan user:ann --actor agent:bot \\\n"
     "      --grant gr_01JZ8Q6WV3T5N0R2M4K7C9X1BD\n",
     OPTION_READ | OPTION_ACTOR | OPTION_GRANT | OPTION_CONTEXT, 2, 2, run_lookup_permissions},
    {.name = NULL},
};
