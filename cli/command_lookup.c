/* command_lookup.c - expand, lookup-resources, lookup-subjects, lookup-permissions. */
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
    (void)request;
    return behalf_lookup_resources(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                                   cli->arguments[2], cli->actors, cli->actor_count, cli->context,
                                   page, reply, &cli->error);
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
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);
    uint32_t count;

    if (result != CLI_OK)
        return result;
    if (behalf_lookup_permissions(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                                  cli->actors, cli->actor_count, cli->context, &reply,
                                  &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "look up permissions");
    permissions = behalf_value_get(behalf_reply_result(reply), "permissions");
    if (!behalf_value_array(permissions, &count, &rest)) {
        result = cli_fail_reply(cli, "look up permissions", "permissions");
    } else {
        if (cli->json)
            cli_print_json(behalf_reply_result(reply));
        else
            print_permissions(count, rest);
        if (cli_say_undecided(cli, permissions, "permission") > 0)
            result = CLI_INCOMPLETE;
    }
    behalf_reply_free(reply);
    return result;
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

/* The line of a node; `condition` is that of the relationship that led to it. */
static void
put_node_line(struct cli *cli, const struct cli_tree *tree, struct behalf_value node,
              struct behalf_value condition)
{
    struct slice relation = cli_get_text(node, "relation");

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
    put_node_condition(cli, condition);
    (void)putchar('\n');
}

/* Asks for the tree from a cursor on; NULL is the whole of it. */
static enum cli_exit
ask_tree(struct cli *cli, const char *cursor, struct behalf_reply **reply,
         struct behalf_value *root)
{
    enum cli_exit result;

    if (behalf_expand_from(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                           cli->depth, cursor, reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "expand");
    *root = behalf_value_get(behalf_reply_result(*reply), "tree");
    if (behalf_value_type(*root) == BEHALF_TYPE_MAP)
        return CLI_OK;
    result = cli_fail_reply(cli, "expand", "tree");
    behalf_reply_free(*reply);
    return result;
}

/* The reply that a node's cursor leads to. */
static enum cli_exit
ask_rest(struct cli *cli, struct behalf_value node, struct behalf_reply **reply,
         struct behalf_value *root)
{
    char cursor[256];
    struct slice text = cli_get_text(node, "cursor");

    (void)snprintf(cursor, sizeof cursor, "%.*s", (int)text.size, text.data);
    return ask_tree(cli, cursor, reply, root);
}

static enum cli_exit put_node(struct cli *cli, struct cli_tree *tree, struct behalf_value node);

/* What one reply has below a node. Recursion ends at CLI_TREE_DEPTH_MAX; what is below is shown as
 * one line. CLI_INCOMPLETE when not all was shown. */
static enum cli_exit
put_below(struct cli *cli, struct cli_tree *tree, struct behalf_value node)
{
    bool more = cli_get_text(node, "cursor").size > 0;
    enum cli_exit result = CLI_OK;
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count = 0;

    if (behalf_value_array(behalf_value_get(node, "children"), &count, &rest))
        for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
            enum cli_exit shown = CLI_INCOMPLETE;

            tree->last[tree->depth - 1] = index + 1 == count && !more;
            if (tree->depth < CLI_TREE_DEPTH_MAX) {
                shown = put_node(cli, tree, one);
            } else {
                put_branch(cli, tree);
                (void)puts("... deeper than can be shown; use --json");
            }
            if (shown != CLI_OK && shown != CLI_INCOMPLETE)
                return shown;
            if (shown != CLI_OK)
                result = shown;
        }
    if (behalf_value_array(behalf_value_get(node, "subjects"), &count, &rest))
        for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
            tree->last[tree->depth - 1] = index + 1 == count && !more;
            put_branch(cli, tree);
            put_node_subject(cli, one);
        }
    return result;
}

/* All that is below a node: this reply's part, and those that its cursors lead to. */
static enum cli_exit
put_all_below(struct cli *cli, struct cli_tree *tree, struct behalf_value node)
{
    struct behalf_reply *held = NULL;
    enum cli_exit result = put_below(cli, tree, node);

    while ((result == CLI_OK || result == CLI_INCOMPLETE) &&
           cli_get_text(node, "cursor").size > 0) {
        struct behalf_reply *reply;
        enum cli_exit shown = ask_rest(cli, node, &reply, &node);

        behalf_reply_free(held);
        held = NULL;
        if (shown == CLI_OK) {
            held = reply;
            shown = put_below(cli, tree, node);
        }
        if (shown != CLI_OK)
            result = shown;
        if (held == NULL)
            break;
    }
    behalf_reply_free(held);
    return result;
}

static enum cli_exit
put_node(struct cli *cli, struct cli_tree *tree, struct behalf_value node)
{
    struct behalf_value condition = behalf_value_get(node, "condition");
    struct behalf_reply *reply = NULL;
    enum cli_exit result = CLI_OK;

    if (behalf_value_is(behalf_value_get(node, "op"), "truncated"))
        result = ask_rest(cli, node, &reply, &node);
    if (result != CLI_OK)
        return result;
    put_node_line(cli, tree, node, condition);
    tree->depth++;
    result = put_all_below(cli, tree, node);
    tree->depth--;
    behalf_reply_free(reply);
    return result;
}

/* Whether a reply leaves out part of the tree. */
static bool
is_cut(struct behalf_value node)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count = 0;

    if (cli_get_text(node, "cursor").size > 0)
        return true;
    if (behalf_value_array(behalf_value_get(node, "children"), &count, &rest))
        for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++)
            if (is_cut(one))
                return true;
    return false;
}

static enum cli_exit
run_expand(struct cli *cli)
{
    struct cli_tree tree = {.depth = 0};
    struct behalf_value root;
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);

    if (result == CLI_OK)
        result = ask_tree(cli, NULL, &reply, &root);
    if (result != CLI_OK)
        return result;
    if (cli->json) {
        cli_print_json(behalf_reply_result(reply));
        result = is_cut(root) ? CLI_INCOMPLETE : CLI_OK;
    } else {
        result = put_node(cli, &tree, root);
        cli_say_until(cli_get_text(behalf_reply_result(reply), "valid_until"));
    }
    behalf_reply_free(reply);
    return result;
}

const struct command cli_lookup_commands[] = {
    {NULL, "expand", "RESOURCE PERMISSION", "the tree of subjects behind a permission",
     "Conditions are shown behind what they hold for; nothing of them is evaluated.\n"
     "A tree that is larger than one reply is asked for in parts, all of one revision.\n"
     "Exit code 4 when it is deeper than can be drawn, or with --json when it is larger than\n"
     "one reply: nodes with a cursor are not whole.\n",
     OPTION_READ | OPTION_DEPTH, 2, 2, run_expand},
    {NULL, "lookup-resources", "TYPE PERMISSION SUBJECT",
     "all resources of a type on which the subject has the permission",
     "One resource a line; a conditional one says so behind it. " CLI_LIST_HELP,
     OPTION_READ | OPTION_ACTOR | OPTION_CONTEXT | OPTION_PAGE | OPTION_CURSOR, 3, 3,
     run_lookup_resources},
    {NULL, "lookup-subjects", "RESOURCE PERMISSION TYPE[#RELATION]",
     "all subjects of a type that have the permission",
     "One subject a line; `type:*` is everybody but those behind `except`.\n" CLI_LIST_HELP,
     OPTION_READ | OPTION_CONTEXT | OPTION_PAGE | OPTION_CURSOR, 3, 3, run_lookup_subjects},
    {NULL, "lookup-permissions", "RESOURCE SUBJECT",
     "every permission of a resource with its decision for the subject", NULL,
     OPTION_READ | OPTION_ACTOR | OPTION_CONTEXT, 2, 2, run_lookup_permissions},
    {.name = NULL},
};
