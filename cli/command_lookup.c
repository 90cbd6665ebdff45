/* command_lookup.c - expand, lookup-resources, lookup-subjects, lookup-permissions. */
#include <stdlib.h>
#include <string.h>

#include "base/relationship.h"
#include "cli/cli.h"

/* --- pages ------------------------------------------------------------------------------------ */

/* Sends one page's request with this page. */
typedef enum behalf_status page_ask(struct cli *cli, const struct behalf_page *page,
                                    struct behalf_reply **reply);
/* Prints one page's result. */
typedef void page_print(struct cli *cli, struct behalf_value result);

static void
warn_incomplete(struct cli *cli, struct behalf_value result, const char *cursor)
{
    struct behalf_value undecided = behalf_value_get(result, "undecided");
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count;

    if (behalf_value_array(undecided, &count, &rest))
        for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
            struct behalf_value problem = behalf_value_get(one, "error");

            (void)fputs("behalf: undecided: ", stderr);
            cli_put_safe(stderr, cli_get_text(one, "id"));
            (void)fputs(": ", stderr);
            cli_put_safe(stderr, cli_get_text(problem, "message"));
            (void)fputs(" (", stderr);
            cli_put_safe(stderr, cli_get_text(problem, "reason"));
            (void)fputs(")\n", stderr);
        }
    if (cursor[0] != '\0' && !cli->json)
        (void)fprintf(stderr, "more: --cursor %s (or --all)\n", cursor);
}

/* "  conditional (missing: hour)" behind a result that is not a plain allow. */
static void
put_condition(struct cli *cli, struct behalf_value item)
{
    if (!behalf_value_is(behalf_value_get(item, "decision"), "conditional"))
        return;
    (void)fputs("  ", stdout);
    cli_put_decision(cli, item, stdout);
}

/* Beside the answer, so that lines of the answer are results and nothing else. */
static void
say_until(struct behalf_value result)
{
    struct slice until = cli_get_text(result, "valid_until");

    if (until.size == 0)
        return;
    (void)fputs("valid until ", stderr);
    cli_put_safe(stderr, until);
    (void)fputc('\n', stderr);
}

static enum cli_exit
run_pages(struct cli *cli, const char *action, page_ask *ask, page_print *print)
{
    struct behalf_page page = cli->page;
    char cursor[BEHALF_TOKEN_SIZE];
    enum cli_exit result = cli_connect(cli);
    bool more = true;

    while (result == CLI_OK && more) {
        struct behalf_reply *reply;
        struct behalf_value value;
        struct slice next;

        if (ask(cli, &page, &reply) != BEHALF_SUCCESS)
            return cli_fail(cli, "%s", action);
        value = behalf_reply_result(reply);
        if (cli->json) {
            cli_print_json(value);
        } else {
            print(cli, value);
            say_until(value);
        }
        next = cli_get_text(value, "cursor");
        if (next.size >= sizeof cursor)
            next.size = 0;
        memcpy(cursor, next.data, next.size);
        cursor[next.size] = '\0';
        page.cursor = cursor;
        more = cli->all && cursor[0] != '\0';
        warn_incomplete(cli, value, more ? "" : cursor);
        behalf_reply_free(reply);
    }
    return result;
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
ask_resources(struct cli *cli, const struct behalf_page *page, struct behalf_reply **reply)
{
    return behalf_lookup_resources(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                                   cli->arguments[2], cli->actors, cli->actor_count, cli->context,
                                   page, reply, &cli->error);
}

static void
print_resources(struct cli *cli, struct behalf_value result)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count;

    if (!behalf_value_array(behalf_value_get(result, "resources"), &count, &rest))
        return;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
        put_object(cli->arguments[0], cli_get_text(one, "id"), NULL);
        put_condition(cli, one);
        (void)putchar('\n');
    }
}

static enum cli_exit
run_lookup_resources(struct cli *cli)
{
    return run_pages(cli, "look up resources", ask_resources, print_resources);
}

/* --- lookup-subjects -------------------------------------------------------------------------- */

/* TYPE or TYPE#RELATION of the third argument. */
static void
subject_type(struct cli *cli, const char **type, const char **relation)
{
    const char *text = cli->arguments[2];
    const char *hash = strchr(text, '#');

    *type = hash == NULL ? text : cli_copy(cli, (struct slice){text, (size_t)(hash - text)});
    *relation = hash == NULL ? NULL : hash + 1;
}

static enum behalf_status
ask_subjects(struct cli *cli, const struct behalf_page *page, struct behalf_reply **reply)
{
    const char *type;
    const char *relation;

    subject_type(cli, &type, &relation);
    return behalf_lookup_subjects(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                                  type, relation, cli->context, page, reply, &cli->error);
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
print_subjects(struct cli *cli, struct behalf_value result)
{
    struct behalf_value rest;
    struct behalf_value one;
    const char *type;
    const char *relation;
    uint32_t count;

    subject_type(cli, &type, &relation);
    if (!behalf_value_array(behalf_value_get(result, "subjects"), &count, &rest))
        return;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
        bool wildcard = false;

        (void)behalf_value_bool(behalf_value_get(one, "wildcard"), &wildcard);
        if (wildcard)
            (void)printf("%s:*", type);
        else
            put_object(type, cli_get_text(one, "id"), relation);
        put_condition(cli, one);
        put_excluded(type, behalf_value_get(one, "excluded"));
        (void)putchar('\n');
    }
}

static enum cli_exit
run_lookup_subjects(struct cli *cli)
{
    return run_pages(cli, "look up subjects", ask_subjects, print_subjects);
}

/* --- lookup-permissions ----------------------------------------------------------------------- */

static void
print_permissions(struct behalf_value result)
{
    struct behalf_value rest;
    struct behalf_value one;
    struct cli_table table;
    struct buffer decision;
    uint32_t count;

    cli_table_init(&table, 3);
    cli_table_cell(&table, slice_of("permission"));
    cli_table_cell(&table, slice_of("decision"));
    cli_table_cell(&table, slice_of("until"));
    buffer_init(&decision);
    if (behalf_value_array(behalf_value_get(result, "permissions"), &count, &rest))
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
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_lookup_permissions(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                                  cli->actors, cli->actor_count, cli->context, &reply,
                                  &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "look up permissions");
    if (cli->json)
        cli_print_json(behalf_reply_result(reply));
    else
        print_permissions(behalf_reply_result(reply));
    behalf_reply_free(reply);
    return CLI_OK;
}

/* --- expand ----------------------------------------------------------------------------------- */

/* An object as it came: text, or a map of its parts. */
static void
put_node_object(struct behalf_value object)
{
    struct slice text;
    struct buffer printed;
    struct object parts;

    if (behalf_value_string(object, &text.data, &text.size)) {
        cli_put_safe(stdout, text);
        return;
    }
    parts = (struct object){.type = cli_get_text(object, "type"),
                            .id = cli_get_text(object, "id"),
                            .relation = cli_get_text(object, "relation")};
    (void)behalf_value_bool(behalf_value_get(object, "wildcard"), &parts.wildcard);
    buffer_init(&printed);
    object_print(&parts, &printed);
    cli_put_safe(stdout, buffer_slice(&printed));
    buffer_release(&printed);
}

/* "  [during:{"hour":3}]" behind what holds under a condition. */
static void
put_node_condition(struct cli *cli, struct behalf_value condition)
{
    struct buffer text;

    buffer_init(&text);
    cli_condition_text(condition, &text);
    if (text.size > 0) {
        (void)printf("  %s", cli_color(cli->color, COLOR_DOUBT));
        cli_put_safe(stdout, buffer_slice(&text));
        (void)fputs(cli_color(cli->color, COLOR_NONE), stdout);
    }
    buffer_release(&text);
}

/* A subject of a leaf: an object, or a map that has it and its condition. */
static void
put_node_subject(struct cli *cli, struct behalf_value subject)
{
    struct behalf_value object = behalf_value_get(subject, "subject");

    put_node_object(object.bytes != NULL ? object : subject);
    if (object.bytes != NULL)
        put_node_condition(cli, subject);
    (void)putchar('\n');
}

static void
put_branch(struct cli *cli, const struct cli_tree *tree)
{
    (void)fputs(cli_color(cli->color, COLOR_FAINT), stdout);
    cli_tree_prefix(tree, stdout);
    (void)fputs(cli_color(cli->color, COLOR_NONE), stdout);
}

/* Recursion ends at CLI_TREE_DEPTH_MAX; what is below is shown as one line. */
static void
put_node(struct cli *cli, struct cli_tree *tree, struct behalf_value node)
{
    struct behalf_value rest;
    struct behalf_value one;
    struct slice relation = cli_get_text(node, "relation");
    uint32_t count = 0;

    put_branch(cli, tree);
    put_node_object(behalf_value_get(node, "object"));
    if (relation.size > 0)
        (void)putchar('#');
    cli_put_safe(stdout, relation);
    (void)fputs(cli_color(cli->color, COLOR_FAINT), stdout);
    if (relation.size == 0)
        (void)fputs("  has no such member", stdout);
    else if (!behalf_value_is(behalf_value_get(node, "op"), "leaf")) {
        (void)fputs("  ", stdout);
        cli_put_safe(stdout, cli_get_text(node, "op"));
    }
    (void)fputs(cli_color(cli->color, COLOR_NONE), stdout);
    put_node_condition(cli, behalf_value_get(node, "condition"));
    (void)putchar('\n');
    tree->depth++;
    if (behalf_value_array(behalf_value_get(node, "children"), &count, &rest))
        for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
            tree->last[tree->depth - 1] = index + 1 == count;
            if (tree->depth < CLI_TREE_DEPTH_MAX) {
                put_node(cli, tree, one);
            } else {
                put_branch(cli, tree);
                (void)puts("... deeper than can be shown; use --json");
            }
        }
    if (behalf_value_array(behalf_value_get(node, "subjects"), &count, &rest))
        for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
            tree->last[tree->depth - 1] = index + 1 == count;
            put_branch(cli, tree);
            put_node_subject(cli, one);
        }
    tree->depth--;
}

static enum cli_exit
run_expand(struct cli *cli)
{
    struct cli_tree tree = {.depth = 0};
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);

    if (result != CLI_OK)
        return result;
    if (behalf_expand(cli->client, &cli->read, cli->arguments[0], cli->arguments[1], cli->depth,
                      &reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "expand");
    if (cli->json) {
        cli_print_json(behalf_reply_result(reply));
    } else {
        put_node(cli, &tree, behalf_value_get(behalf_reply_result(reply), "tree"));
        say_until(behalf_reply_result(reply));
    }
    behalf_reply_free(reply);
    return CLI_OK;
}

const struct command cli_lookup_commands[] = {
    {NULL, "expand", "RESOURCE PERMISSION", "the tree of subjects behind a permission",
     "Conditions are shown behind what they hold for; nothing of them is evaluated.\n",
     OPTION_READ | OPTION_DEPTH, 2, 2, run_expand},
    {NULL, "lookup-resources", "TYPE PERMISSION SUBJECT",
     "all resources of a type on which the subject has the permission",
     "One resource a line; a conditional one says so behind it.\n",
     OPTION_READ | OPTION_ACTOR | OPTION_CONTEXT | OPTION_LIMIT | OPTION_PAGE, 3, 3,
     run_lookup_resources},
    {NULL, "lookup-subjects", "RESOURCE PERMISSION TYPE[#RELATION]",
     "all subjects of a type that have the permission",
     "One subject a line; `type:*` stands for everybody but those listed behind `except`.\n",
     OPTION_READ | OPTION_CONTEXT | OPTION_LIMIT | OPTION_PAGE, 3, 3, run_lookup_subjects},
    {NULL, "lookup-permissions", "RESOURCE SUBJECT",
     "every permission of a resource with its decision for the subject", NULL,
     OPTION_READ | OPTION_ACTOR | OPTION_CONTEXT, 2, 2, run_lookup_permissions},
    {.name = NULL},
};
