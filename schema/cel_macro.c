/* cel_macro.c - the macros over lists, maps and optionals.
 * `all` and `exists` are `&&` and `||` over the elements; the others need every element, so an
 * error in one is an error, and an unknown one is unknown. A map that may lack keys counts as one
 * with an unknown element more. */
#include "schema/cel_node.h"

/* What one run through a range has seen. */
struct walk {
    struct cel_value failed; /* an ERROR, or NULL */
    uint32_t missing;
    size_t matches;
    struct cel_value *items; /* of the list that is made; NULL when none is */
    size_t count;
};

static void
note(struct walk *walk, const struct caveat *caveat, const struct cel_node *node,
     const struct cel_value *value)
{
    if (value->kind == CEL_UNKNOWN) {
        walk->missing |= value->as.missing;
    } else if (walk->failed.kind != CEL_ERROR) {
        walk->failed = value->kind == CEL_ERROR ? *value : cel_error(CEL_NO_OVERLOAD);
        if (walk->failed.extra == 0)
            walk->failed.extra = (uint32_t)(node - caveat->nodes) + 1;
    }
}

/* Keeps the element, or what the last operand makes of it. */
static void
keep(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
     const struct cel_value *element, struct walk *walk)
{
    const struct cel_node *last = cel_child(caveat, node, node->count - 1);
    struct cel_value value = *element;

    if (node->op != CEL_OP_FILTER) {
        cel_evaluate(machine, caveat, last, &value);
        if (machine->status != BEHALF_OK)
            return;
        if (value.kind == CEL_UNKNOWN || value.kind == CEL_ERROR) {
            note(walk, caveat, last, &value);
            return;
        }
    }
    walk->items[walk->count++] = value;
}

/* One element. True when it settles `all` or `exists`, whose value is then in `result`. */
static bool
step(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
     const struct cel_value *element, struct walk *walk, struct cel_value *result)
{
    const struct cel_node *predicate = cel_child(caveat, node, 1);
    struct cel_value value;

    machine->locals[node->slot] = *element;
    if (node->op == CEL_OP_EACH) {
        keep(machine, caveat, node, element, walk);
        return false;
    }
    cel_evaluate(machine, caveat, predicate, &value);
    if (machine->status != BEHALF_OK)
        return true;
    if (value.kind != CEL_BOOL) {
        note(walk, caveat, predicate, &value);
        return false;
    }
    if ((node->op == CEL_OP_ALL && !value.as.boolean) ||
        (node->op == CEL_OP_EXISTS && value.as.boolean)) {
        *result = value;
        return true;
    }
    if (value.as.boolean) {
        walk->matches++;
        if (walk->items != NULL)
            keep(machine, caveat, node, element, walk);
    }
    return false;
}

static void
give(struct cel_machine *machine, const struct cel_node *node, const struct walk *walk,
     struct cel_value *result)
{
    bool absorbing = node->op == CEL_OP_ALL || node->op == CEL_OP_EXISTS;
    bool failed = walk->failed.kind == CEL_ERROR;

    if (failed && (!absorbing || walk->missing == 0))
        *result = walk->failed;
    else if (walk->missing != 0)
        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = walk->missing};
    else if (walk->items != NULL)
        cel_give_list(machine, walk->items, walk->count, result);
    else if (node->op == CEL_OP_EXISTS_ONE)
        *result = cel_bool(walk->matches == 1);
    else
        *result = cel_bool(node->op == CEL_OP_ALL);
}

static void
over_range(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
           const struct cel_value *range, struct cel_value *result)
{
    bool is_list = range->kind == CEL_LIST;
    size_t count = is_list ? range->as.list->count : range->as.map->count;
    bool makes_list =
        node->op == CEL_OP_FILTER || node->op == CEL_OP_EACH || node->op == CEL_OP_EACH_IF;
    struct walk walk = {.failed = {.kind = CEL_NULL}, .missing = cel_lacking(range)};

    if (makes_list) {
        walk.items = cel_take(machine, count, sizeof *walk.items);
        if (walk.items == NULL)
            return;
    }
    for (size_t index = 0; index < count; index++) {
        const struct cel_value *element =
            is_list ? &range->as.list->items[index] : &range->as.map->entries[index].key;

        if (step(machine, caveat, node, element, &walk, result) || machine->status != BEHALF_OK)
            return;
    }
    give(machine, node, &walk, result);
}

static void
over_optional(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
              const struct cel_value *optional, struct cel_value *result)
{
    *result = *optional;
    if (optional->as.optional == NULL)
        return;
    machine->locals[node->slot] = *optional->as.optional;
    cel_evaluate(machine, caveat, cel_child(caveat, node, 1), result);
    if (machine->status != BEHALF_OK || result->kind == CEL_UNKNOWN || result->kind == CEL_ERROR)
        return;
    if (node->op == CEL_OP_OPT_MAP) {
        struct cel_value inner = *result;

        cel_give_optional(machine, &inner, result);
    } else if (result->kind != CEL_OPTIONAL) {
        *result = cel_error("the expression of optFlatMap is no optional");
    }
}

void
cel_evaluate_macro(struct cel_machine *machine, const struct caveat *caveat,
                   const struct cel_node *node, struct cel_value *result)
{
    bool optional = node->op == CEL_OP_OPT_MAP || node->op == CEL_OP_OPT_FLAT_MAP;
    struct cel_value range;

    cel_evaluate(machine, caveat, cel_child(caveat, node, 0), &range);
    if (machine->status != BEHALF_OK)
        return;
    if (range.kind == CEL_UNKNOWN || range.kind == CEL_ERROR)
        *result = range;
    else if (optional && range.kind == CEL_OPTIONAL)
        over_optional(machine, caveat, node, &range, result);
    else if (!optional && (range.kind == CEL_LIST || range.kind == CEL_MAP))
        over_range(machine, caveat, node, &range, result);
    else
        *result = cel_error("the macro cannot walk over a value of this type");
    if (machine->status == BEHALF_OK && result->kind == CEL_ERROR && result->extra == 0)
        result->extra = (uint32_t)(node - caveat->nodes) + 1;
}
