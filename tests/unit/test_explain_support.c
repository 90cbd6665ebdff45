/* test_explain_support.c - see the header. */
#include "base/datum.h"
#include "engine/agents.h"
#include "tests/unit/test_explain_support.h"

#include <criterion/criterion.h>

static const char *
name_of(enum explanation_kind kind)
{
    static const char *const names[] = {
        [EXPLAIN_MEMBER] = "member",
        [EXPLAIN_UNION] = "union",
        [EXPLAIN_INTERSECTION] = "intersection",
        [EXPLAIN_EXCLUSION] = "exclusion",
        [EXPLAIN_ALL] = "all",
        [EXPLAIN_RELATIONSHIP] = "relationship",
        [EXPLAIN_ABSENT] = "absent",
        [EXPLAIN_IDENTITY] = "identity",
        [EXPLAIN_DELEGATION] = "delegation",
        [EXPLAIN_CONDITION] = "condition",
        [EXPLAIN_MORE] = "more",
    };

    return names[kind];
}

static const char *
outcome_of(const struct explanation *node)
{
    static const char *const decisions[] = {"deny", "conditional", "allow"};

    return node->status == BEHALF_OK ? decisions[node->decision] : status_name(node->status);
}

static void
print_node(const struct explanation *node, size_t depth, struct buffer *out)
{
    buffer_add_format(out, "%*s%s %s", (int)(2 * depth), "", outcome_of(node), name_of(node->kind));
    if (node->object.type.size > 0) {
        buffer_add_byte(out, ' ');
        object_print(&node->object, out);
    }
    if (node->relation.size > 0)
        buffer_add_format(out, "#%.*s", SLICE_PRINTF(node->relation));
    if (node->kind == EXPLAIN_RELATIONSHIP || node->kind == EXPLAIN_ABSENT) {
        buffer_add_byte(out, ' ');
        relationship_print(&node->relationship, out);
    }
    if (node->kind == EXPLAIN_CONDITION)
        buffer_add_format(out, " %.*s", SLICE_PRINTF(node->condition));
    if (node->reason != REASON_NONE)
        buffer_add_format(out, " (%.*s)", SLICE_PRINTF(engine_reason_word(node->reason)));
    if (node->kind == EXPLAIN_MORE)
        buffer_add_format(out, " %zu", node->omitted);
    if (node->context.size > 0) {
        buffer_add_text(out, " with ");
        datum_print_encoded(node->context, out);
    }
    if (node->residual.size > 0)
        buffer_add_format(out, " left %.*s", SLICE_PRINTF(node->residual));
    for (size_t i = 0; i < node->missing.count; i++)
        buffer_add_format(out, "%s %.*s", i == 0 ? " needs" : "",
                          SLICE_PRINTF(node->missing.names[i]));
    if (node->message.size > 0)
        buffer_add_format(out, " ; %.*s", SLICE_PRINTF(node->message));
    buffer_add_byte(out, '\n');
}

struct level {
    const struct explanation *node;
    size_t next;
};

/* Prints when `out` is not NULL. Trees are as deep as the data, so this is no recursion. */
static size_t
walk(const struct explanation *root, struct buffer *out)
{
    static struct level levels[EXPLAIN_NODES_MAX];
    size_t depth = 1;
    size_t count = 1;

    levels[0] = (struct level){root, 0};
    if (out != NULL)
        print_node(root, 0, out);
    while (depth > 0) {
        struct level *level = &levels[depth - 1];
        const struct explanation *child;

        if (level->next == level->node->child_count) {
            depth--;
            continue;
        }
        child = level->node->children[level->next++];
        if (out != NULL)
            print_node(child, depth, out);
        count++;
        cr_assert_leq(count, EXPLAIN_NODES_MAX, "the tree has too many nodes");
        levels[depth++] = (struct level){child, 0};
    }
    return count;
}

void
explanation_print(const struct explanation *root, struct buffer *out)
{
    walk(root, out);
}

size_t
explanation_count(const struct explanation *root)
{
    return walk(root, NULL);
}
