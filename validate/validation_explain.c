/* validation_explain.c - an explanation in words: a node a line, what it leads on to below it. */
#include "validate/validation.h"

#include "base/datum.h"

#define INDENT_MAX 60 /* columns; what stands deeper is not moved further */

const char *
validation_decision_name(enum decision decision)
{
    switch (decision) {
    case DECISION_ALLOW:
        return "allow";
    case DECISION_CONDITIONAL:
        return "conditional";
    case DECISION_DENY:
        return "deny";
    }
    BEHALF_UNREACHABLE();
}

void
validation_missing_print(const struct missing_context *missing, struct buffer *out)
{
    for (size_t index = 0; index < missing->count; index++) {
        buffer_add_text(out, index == 0 ? " (missing: " : ", ");
        buffer_add_slice(out, missing->names[index]);
    }
    if (missing->count > 0)
        buffer_add_byte(out, ')');
}

/* In the words of the traces that `behalf check --explain` prints. */
static void
print_subject(const struct explanation *node, struct buffer *out)
{
    struct object object = {
        .type = node->object.type, .id = node->object.id, .relation = node->relation};

    switch (node->kind) {
    case EXPLAIN_MEMBER:
        object_print(&object, out);
        break;
    case EXPLAIN_UNION:
        buffer_add_text(out, "union");
        break;
    case EXPLAIN_INTERSECTION:
        buffer_add_text(out, "intersection");
        break;
    case EXPLAIN_EXCLUSION:
        buffer_add_text(out, "exclusion");
        break;
    case EXPLAIN_ALL:
        buffer_add_text(out, "all");
        break;
    case EXPLAIN_RELATIONSHIP:
        relationship_print(&node->relationship, out);
        break;
    case EXPLAIN_ABSENT:
        buffer_add_text(out, "no ");
        relationship_print(&node->relationship, out);
        break;
    case EXPLAIN_IDENTITY:
        buffer_add_text(out, "the subject itself");
        break;
    case EXPLAIN_DELEGATION:
        object_print(&object, out);
        buffer_add_text(out, " acts on behalf");
        break;
    case EXPLAIN_CONDITION:
        buffer_add_slice(out, node->condition);
        break;
    case EXPLAIN_MORE:
        buffer_add_format(out, "%zu more", node->omitted);
        break;
    }
}

static void
print_node(const struct explanation *node, struct buffer *out)
{
    print_subject(node, out);
    if (node->status != BEHALF_OK)
        buffer_add_format(out, "  error %s", status_name(node->status));
    else
        buffer_add_format(out, "  %s", validation_decision_name(node->decision));
    validation_missing_print(&node->missing, out);
    if (node->message.size > 0) {
        buffer_add_text(out, ": ");
        buffer_add_slice(out, node->message);
    }
    if (node->context.size > 0) {
        buffer_add_text(out, "  with ");
        datum_print_encoded(node->context, out);
    }
    if (node->residual.size > 0) {
        buffer_add_text(out, node->context.size > 0 ? ", left: " : "  left: ");
        buffer_add_slice(out, node->residual);
    }
}

void
validation_explanation_print(const struct explanation *explanation, struct buffer *out)
{
    struct {
        const struct explanation *node;
        size_t level;
    } open[EXPLAIN_NODES_MAX];
    size_t count = 0;

    open[count].node = explanation;
    open[count++].level = 0;
    while (count > 0) {
        const struct explanation *node = open[--count].node;
        size_t level = open[count].level;

        if (node != explanation)
            buffer_add_byte(out, '\n');
        for (size_t column = 0; column < 2 * level && column < INDENT_MAX; column++)
            buffer_add_byte(out, ' ');
        print_node(node, out);
        for (size_t child = node->child_count; child-- > 0 && count < EXPLAIN_NODES_MAX;) {
            open[count].node = node->children[child];
            open[count++].level = level + 1;
        }
    }
}
