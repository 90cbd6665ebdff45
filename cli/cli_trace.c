/* cli_trace.c - why a decision is what it is, as a tree of lines.
 *
 *   document:plan#view  conditional (missing: hour)
 *   `- union  conditional (missing: hour)
 *      |- document:plan#viewer@user:bob[office]  conditional (missing: hour)  left: hour < 18
 *      |- no document:plan#owner@user:bob  deny
 *      `- 3 more  deny */
#include "cli/cli.h"

static void
put_relationship(struct behalf_value relationship, FILE *out)
{
    struct buffer text;

    buffer_init(&text);
    cli_relationship_text(relationship, &text);
    cli_put_safe(out, buffer_slice(&text));
    buffer_release(&text);
}

/* What a node is about. */
static void
put_subject(struct behalf_value node, FILE *out)
{
    struct behalf_value kind = behalf_value_get(node, "kind");
    struct slice relation = cli_get_text(node, "relation");
    uint64_t omitted = 0;

    if (behalf_value_is(kind, "member") || behalf_value_is(kind, "delegation")) {
        cli_put_safe(out, cli_get_text(node, "object"));
        if (relation.size > 0)
            (void)fputc('#', out);
        cli_put_safe(out, relation);
        if (behalf_value_is(kind, "delegation"))
            (void)fputs(" acts on behalf", out);
    } else if (behalf_value_is(kind, "relationship") || behalf_value_is(kind, "absent")) {
        (void)fputs(behalf_value_is(kind, "absent") ? "no " : "", out);
        put_relationship(behalf_value_get(node, "relationship"), out);
    } else if (behalf_value_is(kind, "identity")) {
        (void)fputs("the subject itself", out);
    } else if (behalf_value_is(kind, "condition")) {
        cli_put_safe(out, cli_get_text(node, "id"));
    } else if (behalf_value_is(kind, "more")) {
        (void)behalf_value_uint(behalf_value_get(node, "omitted"), &omitted);
        (void)fprintf(out, "%llu more", (unsigned long long)omitted);
    } else {
        cli_put_safe(out, cli_get_text(node, "kind"));
    }
}

static void
put_outcome(struct cli *cli, struct behalf_value node, FILE *out)
{
    struct behalf_value problem = behalf_value_get(node, "error");
    struct slice message = cli_get_text(node, "message");

    (void)fputs("  ", out);
    if (problem.bytes == NULL) {
        cli_put_decision(cli, node, out);
    } else {
        (void)fprintf(out, "%serror%s ", cli_color(cli->color, COLOR_BAD),
                      cli_color(cli->color, COLOR_NONE));
        cli_put_message(out, cli_get_text(problem, "reason"));
        message = cli_get_text(problem, "message");
    }
    if (message.size > 0) {
        (void)fputs(": ", out);
        cli_put_message(out, message);
    }
}

/* `with {"limit":2}, left: count < 2` behind the caveat that was evaluated. */
static void
put_condition(struct cli *cli, struct behalf_value node, FILE *out)
{
    struct behalf_value context = behalf_value_get(node, "context");
    struct slice residual = cli_get_text(node, "residual");
    struct buffer text;

    if (context.bytes == NULL && residual.size == 0)
        return;
    buffer_init(&text);
    if (context.bytes != NULL) {
        buffer_add_text(&text, "with ");
        cli_json_value(&text, context);
    }
    if (residual.size > 0) {
        buffer_add_text(&text, text.size > 0 ? ", left: " : "left: ");
        buffer_add_slice(&text, residual);
    }
    (void)fprintf(out, "  %s", cli_color(cli->color, COLOR_FAINT));
    cli_put_safe(out, buffer_slice(&text));
    (void)fputs(cli_color(cli->color, COLOR_NONE), out);
    buffer_release(&text);
}

static void
put_branch(struct cli *cli, const struct cli_tree *tree, FILE *out)
{
    (void)fputs(cli_color(cli->color, COLOR_FAINT), out);
    cli_tree_prefix(tree, out);
    (void)fputs(cli_color(cli->color, COLOR_NONE), out);
}

/* Recursion ends at CLI_TREE_DEPTH_MAX; what is below is shown as one line. */
static void
put_node(struct cli *cli, struct cli_tree *tree, struct behalf_value node, FILE *out)
{
    struct behalf_value rest;
    struct behalf_value one;
    uint32_t count = 0;

    put_branch(cli, tree, out);
    put_subject(node, out);
    put_outcome(cli, node, out);
    put_condition(cli, node, out);
    (void)fputc('\n', out);
    if (!behalf_value_array(behalf_value_get(node, "children"), &count, &rest))
        return;
    tree->depth++;
    for (uint32_t index = 0; index < count && behalf_value_next(&rest, &one); index++) {
        tree->last[tree->depth - 1] = index + 1 == count;
        if (tree->depth < CLI_TREE_DEPTH_MAX) {
            put_node(cli, tree, one, out);
        } else {
            put_branch(cli, tree, out);
            (void)fputs("... deeper than can be shown; use --json\n", out);
        }
    }
    tree->depth--;
}

void
cli_put_trace(struct cli *cli, struct behalf_value trace, FILE *out)
{
    struct cli_tree tree = {.ascii = !cli->lines};

    put_node(cli, &tree, trace, out);
}
