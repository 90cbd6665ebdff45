/* trace.c - an explanation in the reply. It may be as deep as the data, so it is written in
 * pre-order with a stack of its own; at most EXPLAIN_NODES_MAX nodes are on it. */
#include "engine/agents.h"
#include "net/limits.h"
#include "net/results.h"

static const char *
kind_name(enum explanation_kind kind)
{
    switch (kind) {
    case EXPLAIN_MEMBER:
        return "member";
    case EXPLAIN_UNION:
        return "union";
    case EXPLAIN_INTERSECTION:
        return "intersection";
    case EXPLAIN_EXCLUSION:
        return "exclusion";
    case EXPLAIN_ALL:
        return "all";
    case EXPLAIN_RELATIONSHIP:
        return "relationship";
    case EXPLAIN_ABSENT:
        return "absent";
    case EXPLAIN_IDENTITY:
        return "identity";
    case EXPLAIN_DELEGATION:
        return "delegation";
    case EXPLAIN_CONDITION:
        return "condition";
    case EXPLAIN_MORE:
        return "more";
    }
    BEHALF_UNREACHABLE();
}

static bool
has_relationship(const struct explanation *node)
{
    return node->kind == EXPLAIN_RELATIONSHIP || node->kind == EXPLAIN_ABSENT;
}

/* `decision`, or the error with its message. */
static void
put_outcome(struct buffer *out, const struct explanation *node)
{
    struct slice message = node->message;

    if (node->status == BEHALF_OK) {
        codec_put_literal(out, "decision");
        result_put_decision(out, node->decision);
        if (node->decision == DECISION_CONDITIONAL)
            result_put_missing(out, &node->missing);
        if (message.size > 0) {
            codec_put_literal(out, "message");
            codec_put_message(out, message);
        }
        return;
    }
    if (message.size == 0)
        message = slice_of(status_text(node->status));
    codec_put_literal(out, "error");
    codec_put_map(out, 3);
    codec_put_literal(out, "code");
    codec_put_literal(out, status_code(node->status));
    codec_put_literal(out, "reason");
    codec_put_literal(out, status_name(node->status));
    codec_put_literal(out, "message");
    codec_put_message(out, message);
}

static size_t
count_pairs(const struct explanation *node)
{
    size_t count = 3; /* kind, decision or error, children */

    count += node->status == BEHALF_OK && node->decision == DECISION_CONDITIONAL;
    count += node->status == BEHALF_OK && node->message.size > 0;
    count += node->object.type.size > 0;
    count += node->relation.size > 0;
    count += has_relationship(node);
    count += node->context.size > 0;
    count += node->residual.size > 0;
    count += node->condition.size > 0;
    count += node->reason != REASON_NONE;
    count += node->kind == EXPLAIN_MORE;
    return count;
}

/* All of a node but its children, whose array stands last. */
static enum status
put_node(struct buffer *out, const struct explanation *node, struct buffer *scratch,
         struct error *error)
{
    enum status status = BEHALF_OK;

    codec_put_map(out, count_pairs(node));
    codec_put_literal(out, "kind");
    codec_put_literal(out, kind_name(node->kind));
    if (node->condition.size > 0) {
        codec_put_literal(out, "id");
        codec_put_text(out, node->condition);
    }
    put_outcome(out, node);
    if (node->reason != REASON_NONE) {
        codec_put_literal(out, "reason");
        codec_put_text(out, engine_reason_word(node->reason));
    }
    if (node->object.type.size > 0) {
        codec_put_literal(out, "object");
        result_put_object(out, &node->object, scratch);
    }
    if (node->relation.size > 0) {
        codec_put_literal(out, "relation");
        codec_put_text(out, node->relation);
    }
    if (has_relationship(node)) {
        codec_put_literal(out, "relationship");
        status = result_put_relationship(out, &node->relationship, scratch, error);
    }
    if (status == BEHALF_OK && node->context.size > 0) {
        codec_put_literal(out, "context");
        status = result_put_context(out, node->context, error);
    }
    if (status == BEHALF_OK && node->residual.size > 0) {
        codec_put_literal(out, "residual");
        codec_put_text(out, node->residual);
    }
    if (status == BEHALF_OK && node->kind == EXPLAIN_MORE) {
        codec_put_literal(out, "omitted");
        codec_put_unsigned(out, node->omitted);
    }
    codec_put_literal(out, "children");
    codec_put_array(out, node->child_count);
    return status;
}

struct trace_level {
    const struct explanation *node;
    size_t next; /* child to write */
};

enum status
result_put_trace(struct buffer *out, const struct explanation *root, struct arena *arena,
                 struct error *error)
{
    struct trace_level *stack = arena_take_array(arena, EXPLAIN_NODES_MAX, sizeof *stack);
    struct buffer scratch;
    size_t mark = out->size;
    size_t depth = 1;
    enum status status;

    if (stack == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                         "the explanation needs more memory than the request may have");
    buffer_init(&scratch);
    stack[0].node = root;
    status = put_node(out, root, &scratch, error);
    while (status == BEHALF_OK && depth > 0 && out->size - mark <= LIMIT_MESSAGE_SIZE) {
        struct trace_level *level = &stack[depth - 1];

        if (level->next == level->node->child_count) {
            depth--;
            continue;
        }
        BEHALF_ASSERT(depth < EXPLAIN_NODES_MAX);
        stack[depth++] = (struct trace_level){level->node->children[level->next++], 0};
        status = put_node(out, stack[depth - 1].node, &scratch, error);
    }
    buffer_release(&scratch);
    return status;
}
