/* harness_tree.c - what a tree of expand says of a subject. */
#include "base/check.h"
#include "tests/support/harness.h"

struct walk {
    const struct object *subject;
    const struct harness_tree_asker *asker;
};

/* The least of an intersection decides. */
static enum harness_value
both(enum harness_value a, enum harness_value b)
{
    return a < b ? a : b;
}

static enum harness_value
either(enum harness_value a, enum harness_value b)
{
    static const int strength[] = {
        [HARNESS_DENY] = 0,
        [HARNESS_CONDITIONAL] = 1,
        [HARNESS_ERROR] = 2,
        [HARNESS_ALLOW] = 3,
    };

    return strength[a] > strength[b] ? a : b;
}

static enum harness_value
opposite(enum harness_value value)
{
    if (value == HARNESS_ALLOW)
        return HARNESS_DENY;
    return value == HARNESS_DENY ? HARNESS_ALLOW : value;
}

static enum harness_value
under_condition(const struct walk *walk, const struct expand_condition *condition,
                enum harness_value value)
{
    if (condition->caveat.size == 0)
        return value;
    return both(value, walk->asker->condition(walk->asker->context, condition));
}

static enum harness_value
leaf_value(const struct walk *walk, const struct expand_node *leaf)
{
    enum harness_value best = HARNESS_DENY;

    for (size_t i = 0; i < leaf->subject_count; i++) {
        const struct object *subject = &leaf->subjects[i].object;
        enum harness_value value = HARNESS_DENY;

        if (subject->relation.size > 0)
            value = walk->asker->userset(walk->asker->context, subject);
        else if (slice_equal(subject->type, walk->subject->type) &&
                 (subject->wildcard || slice_equal(subject->id, walk->subject->id)))
            value = HARNESS_ALLOW;
        best = either(best, under_condition(walk, &leaf->subjects[i].condition, value));
    }
    return best;
}

static enum harness_value
node_value(const struct walk *walk, const struct expand_node *node)
{
    bool every = node->op == EXPAND_INTERSECTION || node->op == EXPAND_ALL;
    enum harness_value result = every && node->child_count > 0 ? HARNESS_ALLOW : HARNESS_DENY;

    if (node->op == EXPAND_LEAF)
        return under_condition(walk, &node->condition, leaf_value(walk, node));
    if (node->op == EXPAND_EXCLUSION) {
        BEHALF_ASSERT(node->child_count == 2);
        result = both(node_value(walk, node->children[0]),
                      opposite(node_value(walk, node->children[1])));
        return under_condition(walk, &node->condition, result);
    }
    for (size_t i = 0; i < node->child_count; i++) {
        enum harness_value value = node_value(walk, node->children[i]);

        result = every ? both(result, value) : either(result, value);
    }
    return under_condition(walk, &node->condition, result);
}

enum harness_value
harness_tree_value(const struct expand_node *node, const struct object *subject,
                   const struct harness_tree_asker *asker)
{
    struct walk walk = {subject, asker};

    return node_value(&walk, node);
}
