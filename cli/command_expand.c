/* command_expand.c - expand: the tree of subjects, followed through all parts of the server.
 * Always true: a part is asked for once, however many nodes lead to it, so that groups which
 * contain each other come to an end; every part that a node leads to was printed, or the exit code
 * says otherwise. */
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "base/relationship.h"
#include "base/table.h"
#include "cli/cli.h"

/* The parts that nodes lead to. The cursor of a part is a function of its place in the graph: equal
 * cursors are the same part. */
struct expansion {
    struct table known;   /* digest of a cursor to its number */
    const char **cursors; /* in the order of their nodes */
    uint32_t count;
    uint32_t capacity;
    struct cli_until until; /* of all parts */
};

/* --- lines ------------------------------------------------------------------------------------ */

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

/* What stands behind the name of a node; empty for a leaf. */
static struct slice
node_remark(struct behalf_value node, bool seen)
{
    if (seen)
        return SLICE_LITERAL("see above");
    if (cli_get_text(node, "relation").size == 0)
        return SLICE_LITERAL("has no such member");
    if (behalf_value_is(behalf_value_get(node, "op"), "leaf"))
        return SLICE_LITERAL("");
    return cli_get_text(node, "op");
}

/* The line of a node; `condition` is that of the relationship that led to it, `seen` means that
 * what is below it was shown before. */
static void
put_node_line(struct cli *cli, const struct cli_tree *tree, struct behalf_value node,
              struct behalf_value condition, bool seen)
{
    struct slice relation = cli_get_text(node, "relation");
    struct slice remark = node_remark(node, seen);

    put_branch(cli, tree);
    put_node_object(behalf_value_get(node, "object"));
    if (relation.size > 0)
        (void)putchar('#');
    cli_put_safe(stdout, relation);
    (void)fputs(cli_color(cli->color, COLOR_FAINT), stdout);
    (void)fputs(remark.size > 0 ? "  " : "", stdout);
    cli_put_safe(stdout, remark);
    (void)fputs(cli_color(cli->color, COLOR_NONE), stdout);
    put_node_condition(cli, condition);
    (void)putchar('\n');
}

/* --- parts ------------------------------------------------------------------------------------ */

/* Notes a cursor; false when it was known. */
static bool
is_new_part(struct cli *cli, struct expansion *expansion, struct slice cursor)
{
    uint64_t hash = digest_hash(cursor);
    uint32_t at;
    bool added;

    while ((at = table_find(&expansion->known, hash)) != TABLE_NONE) {
        if (slice_equal(slice_of(expansion->cursors[at]), cursor))
            return false;
        hash++; /* another cursor of the same hash */
    }
    expansion->cursors = arena_grow(&cli->arena, expansion->cursors, expansion->count,
                                    &expansion->capacity, sizeof *expansion->cursors);
    added = expansion->cursors != NULL && table_add(&expansion->known, hash, expansion->count);
    BEHALF_ASSERT(added);
    expansion->cursors[expansion->count++] = cli_copy(cli, cursor);
    return true;
}

static const char *
newest(const struct expansion *expansion)
{
    return expansion->cursors[expansion->count - 1];
}

/* Whether nothing of a node is here but its cursor. */
static bool
is_truncated(struct behalf_value node)
{
    return behalf_value_is(behalf_value_get(node, "op"), "truncated");
}

/* Asks for the tree from a cursor on; NULL is the whole of it. */
static enum cli_exit
ask_tree(struct cli *cli, struct expansion *expansion, const char *cursor,
         struct behalf_reply **reply, struct behalf_value *root)
{
    enum cli_exit result;

    if (behalf_expand_from(cli->client, &cli->read, cli->arguments[0], cli->arguments[1],
                           cli->depth, cursor, reply, &cli->error) != BEHALF_SUCCESS)
        return cli_fail(cli, "expand");
    *root = behalf_value_get(behalf_reply_result(*reply), "tree");
    if (behalf_value_type(*root) == BEHALF_TYPE_MAP) {
        cli_note_until(&expansion->until, behalf_reply_result(*reply));
        return CLI_OK;
    }
    result = cli_fail_reply(cli, "expand", "tree");
    behalf_reply_free(*reply);
    return result;
}

/* --- as lines --------------------------------------------------------------------------------- */

static enum cli_exit put_node(struct cli *cli, struct expansion *expansion, struct cli_tree *tree,
                              struct behalf_value node);

/* What one reply has below a node. Recursion ends at CLI_TREE_DEPTH_MAX; what is below is shown as
 * one line. CLI_INCOMPLETE when not all was shown. */
static enum cli_exit
put_below(struct cli *cli, struct expansion *expansion, struct cli_tree *tree,
          struct behalf_value node)
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
                shown = put_node(cli, expansion, tree, one);
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
put_all_below(struct cli *cli, struct expansion *expansion, struct cli_tree *tree,
              struct behalf_value node)
{
    struct behalf_reply *held = NULL;
    enum cli_exit result = put_below(cli, expansion, tree, node);
    struct slice cursor;

    while ((result == CLI_OK || result == CLI_INCOMPLETE) && !ferror(stdout) &&
           (cursor = cli_get_text(node, "cursor")).size > 0) {
        struct behalf_reply *reply;
        enum cli_exit shown;

        if (!is_new_part(cli, expansion, cursor)) {
            tree->last[tree->depth - 1] = true;
            put_branch(cli, tree);
            (void)puts("... more: see above");
            break;
        }
        shown = ask_tree(cli, expansion, newest(expansion), &reply, &node);
        behalf_reply_free(held);
        held = shown == CLI_OK ? reply : NULL;
        if (shown == CLI_OK)
            shown = put_below(cli, expansion, tree, node);
        if (shown != CLI_OK)
            result = shown;
    }
    behalf_reply_free(held);
    return result;
}

static enum cli_exit
put_node(struct cli *cli, struct expansion *expansion, struct cli_tree *tree,
         struct behalf_value node)
{
    struct behalf_value condition = behalf_value_get(node, "condition");
    struct behalf_reply *reply = NULL;
    enum cli_exit result = CLI_OK;

    if (is_truncated(node)) {
        struct slice cursor = cli_get_text(node, "cursor");

        if (cursor.size == 0)
            return cli_fail_reply(cli, "expand", "cursor");
        if (!is_new_part(cli, expansion, cursor)) {
            put_node_line(cli, tree, node, condition, true);
            return CLI_OK;
        }
        result = ask_tree(cli, expansion, newest(expansion), &reply, &node);
    }
    if (result != CLI_OK)
        return result;
    put_node_line(cli, tree, node, condition, false);
    tree->depth++;
    result = put_all_below(cli, expansion, tree, node);
    tree->depth--;
    behalf_reply_free(reply);
    return result;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

/* The nodes of a reply that are still to be looked at: no stack, since a server may nest them as
 * deep as a message is long. */
struct nodes {
    struct behalf_value *items;
    size_t count;
    size_t capacity;
};

static void
nodes_add(struct nodes *nodes, struct behalf_value node)
{
    nodes->items =
        memory_reserve(nodes->items, nodes->count + 1, &nodes->capacity, sizeof *nodes->items);
    nodes->items[nodes->count++] = node;
}

/* Notes the cursors of a tree, level by level. */
static enum cli_exit
note_parts(struct cli *cli, struct expansion *expansion, struct behalf_value root)
{
    struct nodes nodes = {.count = 0};
    bool good = true;

    nodes_add(&nodes, root);
    for (size_t at = 0; at < nodes.count && good; at++) {
        struct slice cursor = cli_get_text(nodes.items[at], "cursor");
        struct behalf_value rest;
        struct behalf_value one;
        uint32_t count = 0;

        if (cursor.size > 0)
            (void)is_new_part(cli, expansion, cursor);
        good = cursor.size > 0 || !is_truncated(nodes.items[at]);
        if (behalf_value_array(behalf_value_get(nodes.items[at], "children"), &count, &rest))
            while (count-- > 0 && behalf_value_next(&rest, &one))
                nodes_add(&nodes, one);
    }
    memory_free(nodes.items);
    return good ? CLI_OK : cli_fail_reply(cli, "expand", "cursor");
}

/* The reply as one line; of a part with the cursor that it continues. */
static void
print_part(const char *cursor, struct behalf_value result)
{
    struct buffer line;
    struct buffer members;

    buffer_init(&line);
    buffer_init(&members);
    cli_json_value(&members, result);
    buffer_add_text(&line, "{\"continues\":");
    cli_json_string(&line, slice_of(cursor));
    buffer_add_byte(&line, ',');
    buffer_add(&line, members.data + 1, members.size - 1);
    cli_put_safe(stdout, buffer_slice(&line));
    (void)putchar('\n');
    buffer_release(&members);
    buffer_release(&line);
}

static enum cli_exit
print_parts(struct cli *cli, struct expansion *expansion)
{
    enum cli_exit result = CLI_OK;

    for (uint32_t at = 0; result == CLI_OK && at < expansion->count && !ferror(stdout); at++) {
        struct behalf_reply *reply;
        struct behalf_value root;

        result = ask_tree(cli, expansion, expansion->cursors[at], &reply, &root);
        if (result != CLI_OK)
            return result;
        print_part(expansion->cursors[at], behalf_reply_result(reply));
        result = note_parts(cli, expansion, root);
        behalf_reply_free(reply);
    }
    return result;
}

static enum cli_exit
run_expand(struct cli *cli)
{
    struct expansion expansion = {.count = 0};
    struct cli_tree tree = {.depth = 0};
    struct behalf_value root;
    struct behalf_reply *reply;
    enum cli_exit result = cli_connect(cli);
    bool room = table_init(&expansion.known, &cli->arena, 0);

    BEHALF_ASSERT(room);
    if (result == CLI_OK)
        result = ask_tree(cli, &expansion, NULL, &reply, &root);
    if (result != CLI_OK)
        return result;
    if (cli->json) {
        cli_print_json(behalf_reply_result(reply));
        result = note_parts(cli, &expansion, root);
        if (result == CLI_OK)
            result = print_parts(cli, &expansion);
    } else {
        result = put_node(cli, &expansion, &tree, root);
        cli_say_until(&expansion.until);
    }
    behalf_reply_free(reply);
    return result;
}

const struct command cli_expand_commands[] = {
    {NULL, "expand", "RESOURCE PERMISSION", "the tree of subjects behind a permission",
     "Conditions are shown behind what they hold for; nothing of them is evaluated.\n"
     "A tree that is larger than one reply is asked for in parts, all of one revision. A part\n"
     "that several nodes lead to is shown once, and `see above` where it comes again.\n"
     "With --json each part is a document; all but the first name the cursor they continue.\n"
     "Exit code 4 when the tree is deeper than can be drawn.\n",
     OPTION_READ | OPTION_DEPTH, 2, 2, run_expand},
    {.name = NULL},
};
