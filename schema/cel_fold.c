/* cel_fold.c - what an expression knows without any context: constants, and the patterns that stand
 * in its text. */
#include "schema/cel_node.h"
#include "schema/regex.h"

#define PATTERN_PARTS_MIN 1000

static bool
all_constant(const struct caveat *caveat, const struct cel_node *node)
{
    for (uint32_t index = 0; index < node->count; index++)
        if (cel_child(caveat, node, index)->op != CEL_OP_CONSTANT)
            return false;
    return true;
}

/* Folding would compile a pattern that nobody has paid for. */
static bool
asks_other_pattern(const struct caveat *caveat, const struct cel_node *node)
{
    return node->op == CEL_OP_CALL && cel_overloads[node->overload].run == cel_matches &&
           cel_child(caveat, node, 1)->constant->extra == 0;
}

/* What fails, or takes too long, stays as it is: its outcome may never be asked for. */
void
cel_fold(const struct caveat *caveat, struct cel_node *nodes, struct arena *arena)
{
    struct cel_machine machine = {
        .arena = arena, .patterns = caveat->patterns, .steps = CAVEAT_STEPS_MAX};

    for (uint32_t index = 0; index < caveat->node_count; index++) {
        struct cel_node *node = &nodes[index];
        struct cel_value value = {.kind = CEL_ERROR};
        struct cel_value *constant;

        if ((node->op != CEL_OP_CALL && node->op != CEL_OP_LIST && node->op != CEL_OP_MAP) ||
            !all_constant(caveat, node) || asks_other_pattern(caveat, node))
            continue;
        cel_evaluate(&machine, caveat, node, &value);
        if (machine.status != BEHALF_OK)
            return;
        constant = value.kind == CEL_ERROR ? NULL : arena_take(arena, sizeof *constant);
        if (constant == NULL)
            continue;
        *constant = value;
        node->constant = constant;
        node->op = CEL_OP_CONSTANT;
    }
}

bool
cel_pay_pattern(struct caveat *caveat, size_t parts)
{
    if (parts < PATTERN_PARTS_MIN)
        parts = PATTERN_PARTS_MIN;
    if (caveat->pattern_parts == NULL)
        return true;
    if (*caveat->pattern_parts < parts)
        return false;
    *caveat->pattern_parts -= parts;
    return true;
}

bool
cel_keep_pattern(struct caveat *caveat, struct cel_node *pattern, struct regex *regex,
                 struct arena *arena)
{
    struct cel_value *marked = arena_take(arena, sizeof *marked);

    BEHALF_ASSERT(caveat->pattern_count < CEL_PATTERNS_MAX);
    caveat->patterns[caveat->pattern_count++] = regex;
    if (marked == NULL)
        return false;
    *marked = *pattern->constant;
    marked->extra = caveat->pattern_count;
    pattern->constant = marked;
    return true;
}
