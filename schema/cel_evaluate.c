/* cel_evaluate.c - the value of a node.
 * A function over an ERROR is that error, whatever else is missing: no value could mend it.
 * Otherwise one over an UNKNOWN is unknown, and one that reads the whole of a map that may lack
 * keys. `&&`, `||`, `?:` and the macros built on them absorb both where the outcome is certain. */
#include <math.h>

#include "schema/cel_node.h"

static void
mark(const struct caveat *caveat, const struct cel_node *node, struct cel_value *result)
{
    if (result->kind == CEL_ERROR && result->extra == 0)
        result->extra = (uint32_t)(node - caveat->nodes) + 1;
}

/* What a function finds in a map that may lack keys could be otherwise with them. */
static void
run(struct cel_machine *machine, const struct cel_node *node, const struct cel_value *arguments,
    struct cel_value *result)
{
    machine->looked_whole = 0;
    cel_overloads[node->overload].run(machine, arguments, node->count, result);
    if (BEHALF_UNLIKELY(machine->looked_whole != 0) && result->kind != CEL_ERROR)
        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = machine->looked_whole};
}

static void
call(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
     struct cel_value *result)
{
    struct cel_value arguments[CEL_ARGUMENTS_MAX];
    const struct cel_value *failed = NULL;
    uint32_t missing = 0;

    for (uint32_t index = 0; index < node->count; index++) {
        cel_evaluate(machine, caveat, cel_child(caveat, node, index), &arguments[index]);
        if (machine->status != BEHALF_OK)
            return;
        if (arguments[index].kind == CEL_ERROR && failed == NULL)
            failed = &arguments[index];
        else if (arguments[index].kind == CEL_UNKNOWN)
            missing |= arguments[index].as.missing;
    }
    if (failed != NULL)
        *result = *failed;
    else if (missing != 0)
        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = missing};
    else
        run(machine, node, arguments, result);
    mark(caveat, node, result);
}

/* `decisive` is what settles it: false for &&, true for ||. */
static void
logic(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
      bool decisive, struct cel_value *result)
{
    struct cel_value failed = {.kind = CEL_NULL};
    struct cel_value operand;
    uint32_t missing = 0;

    for (uint32_t index = 0; index < node->count; index++) {
        const struct cel_node *child = cel_child(caveat, node, index);

        cel_evaluate(machine, caveat, child, &operand);
        if (machine->status != BEHALF_OK)
            return;
        if (operand.kind == CEL_BOOL) {
            if (operand.as.boolean == decisive) {
                *result = operand;
                return;
            }
        } else if (operand.kind == CEL_UNKNOWN) {
            missing |= operand.as.missing;
        } else if (failed.kind == CEL_NULL) {
            failed = operand.kind == CEL_ERROR ? operand : cel_error(CEL_NO_OVERLOAD);
            mark(caveat, child, &failed);
        }
    }
    if (missing != 0)
        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = missing};
    else
        *result = failed.kind == CEL_ERROR ? failed : cel_bool(!decisive);
}

static void
condition(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
          struct cel_value *result)
{
    cel_evaluate(machine, caveat, cel_child(caveat, node, 0), result);
    if (machine->status != BEHALF_OK || result->kind == CEL_ERROR || result->kind == CEL_UNKNOWN)
        return;
    if (result->kind != CEL_BOOL) {
        *result = cel_error(CEL_NO_OVERLOAD);
        mark(caveat, node, result);
        return;
    }
    cel_evaluate(machine, caveat, cel_child(caveat, node, result->as.boolean ? 1 : 2), result);
}

static const struct cel_value none = {.kind = CEL_OPTIONAL};

/* The field of what was selected from: gives has(), the value, or an optional of it. */
static void
give_field(struct cel_machine *machine, const struct cel_node *node,
           const struct cel_value *operand, const struct cel_value *key, struct cel_value *result)
{
    bool maybe = node->op == CEL_OP_MAYBE || node->op == CEL_OP_MAYBE_AT;
    const struct cel_value *found = NULL;
    struct cel_value inner;

    if (operand->kind == CEL_OPTIONAL) {
        maybe = true;
        if (operand->as.optional == NULL) {
            *result = node->op == CEL_OP_HAS ? cel_bool(false) : none;
            return;
        }
        inner = *operand->as.optional;
        operand = &inner;
    }
    if (operand->kind == CEL_LIST && node->op == CEL_OP_MAYBE_AT) {
        struct cel_value pair[2] = {*operand, *key};
        struct cel_value item;

        cel_index(machine, pair, 2, &item);
        found = item.kind == CEL_ERROR ? NULL : &item;
        if (found == NULL)
            *result = none;
        else
            cel_give_optional(machine, found, result);
        return;
    }
    if (operand->kind != CEL_MAP) {
        *result = cel_error("only a map has fields");
        return;
    }
    found = cel_map_find(machine, operand->as.map, key);
    if (node->op == CEL_OP_HAS)
        *result = cel_bool(found != NULL);
    else if (maybe && found == NULL)
        *result = none;
    else if (maybe)
        cel_give_optional(machine, found, result);
    else if (found != NULL)
        *result = *found;
    else
        cel_give_lacking(operand, result);
}

static void
select_field(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
             struct cel_value *result)
{
    struct cel_value key = cel_text(CEL_STRING, node->name);
    struct cel_value operand;

    cel_evaluate(machine, caveat, cel_child(caveat, node, 0), &operand);
    if (machine->status != BEHALF_OK)
        return;
    *result = operand;
    if (operand.kind == CEL_ERROR)
        return;
    if (node->op == CEL_OP_MAYBE_AT) {
        cel_evaluate(machine, caveat, cel_child(caveat, node, 1), &key);
        if (machine->status != BEHALF_OK)
            return;
        if (key.kind == CEL_ERROR) {
            *result = key;
            return;
        }
    }
    if (operand.kind == CEL_UNKNOWN || key.kind == CEL_UNKNOWN) {
        uint32_t missing = (operand.kind == CEL_UNKNOWN ? operand.as.missing : 0) |
                           (key.kind == CEL_UNKNOWN ? key.as.missing : 0);

        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = missing};
        return;
    }
    give_field(machine, node, &operand, &key, result);
    mark(caveat, node, result);
}

/* Evaluates an entry of a list or map. False: the whole is an error; `missing` grows by unknowns;
 * `*present` is false where an optional has no value. */
static bool
entry(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
      struct cel_value *value, uint32_t *missing, bool *present)
{
    bool maybe = node->op == CEL_OP_MAYBE_ENTRY;

    *present = true;
    cel_evaluate(machine, caveat, maybe ? cel_child(caveat, node, 0) : node, value);
    if (machine->status != BEHALF_OK)
        return false;
    if (value->kind == CEL_UNKNOWN) {
        *missing |= value->as.missing;
        return true;
    }
    if (maybe && value->kind != CEL_ERROR) {
        if (value->kind != CEL_OPTIONAL) {
            *value = cel_error("the entry is no optional");
            mark(caveat, node, value);
        } else if (value->as.optional == NULL) {
            *present = false;
        } else {
            *value = *value->as.optional;
        }
    }
    return value->kind != CEL_ERROR;
}

static void
make_list(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
          struct cel_value *result)
{
    struct cel_value *items = cel_take(machine, node->count, sizeof *items);
    struct cel_value failed = {.kind = CEL_NULL};
    uint32_t missing = 0;
    size_t count = 0;

    if (items == NULL)
        return;
    for (uint32_t index = 0; index < node->count; index++) {
        bool present;

        if (!entry(machine, caveat, cel_child(caveat, node, index), &items[count], &missing,
                   &present)) {
            if (machine->status != BEHALF_OK)
                return;
            if (failed.kind == CEL_NULL)
                failed = items[count];
        }
        count += present ? 1 : 0;
    }
    if (failed.kind == CEL_ERROR)
        *result = failed;
    else if (missing != 0)
        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = missing};
    else
        cel_give_list(machine, items, count, result);
}

/* A whole double too, where the checker saw a dyn: a number of the context. */
static bool
is_key(const struct cel_value *key)
{
    return key->kind == CEL_BOOL || key->kind == CEL_INT || key->kind == CEL_UINT ||
           key->kind == CEL_STRING || key->kind == CEL_UNKNOWN || key->kind == CEL_ERROR ||
           (key->kind == CEL_DOUBLE && trunc(key->as.real) == key->as.real);
}

static void
make_map(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
         struct cel_value *result)
{
    struct cel_entry *entries = cel_take(machine, node->count / 2, sizeof *entries);
    struct cel_value failed = {.kind = CEL_NULL};
    uint32_t missing = 0;
    size_t count = 0;

    if (entries == NULL)
        return;
    for (uint32_t index = 0; index < node->count; index += 2) {
        const struct cel_node *key = cel_child(caveat, node, index);
        struct cel_entry *made = &entries[count];
        bool present;
        bool fine = entry(machine, caveat, key, &made->key, &missing, &present);

        if (machine->status == BEHALF_OK && !is_key(&made->key)) {
            made->key = cel_error("a value of this type is no key of a map");
            mark(caveat, key, &made->key);
            fine = false;
        }
        if (!fine && failed.kind == CEL_NULL)
            failed = made->key;
        if (machine->status == BEHALF_OK &&
            !entry(machine, caveat, cel_child(caveat, node, index + 1), &made->value, &missing,
                   &present) &&
            failed.kind == CEL_NULL)
            failed = made->value;
        if (machine->status != BEHALF_OK)
            return;
        count += present ? 1 : 0;
    }
    if (failed.kind == CEL_ERROR)
        *result = failed;
    else if (missing != 0)
        *result = (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = missing};
    else
        cel_give_map(machine, entries, count, result);
    mark(caveat, node, result);
}

/* a.or(b), a.orValue(b): the right side only where the left has no value. */
static void
choose(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
       struct cel_value *result)
{
    cel_evaluate(machine, caveat, cel_child(caveat, node, 0), result);
    if (machine->status != BEHALF_OK || result->kind == CEL_ERROR || result->kind == CEL_UNKNOWN)
        return;
    if (result->kind != CEL_OPTIONAL) {
        *result = cel_error(CEL_NO_OVERLOAD);
        mark(caveat, node, result);
        return;
    }
    if (result->as.optional != NULL) {
        if (node->op == CEL_OP_OPT_OR_VALUE)
            *result = *result->as.optional;
        return;
    }
    cel_evaluate(machine, caveat, cel_child(caveat, node, 1), result);
    if (machine->status == BEHALF_OK && node->op == CEL_OP_OPT_OR && result->kind != CEL_OPTIONAL &&
        result->kind != CEL_ERROR && result->kind != CEL_UNKNOWN) {
        *result = cel_error(CEL_NO_OVERLOAD);
        mark(caveat, node, result);
    }
}

/* Recursion: at most CEL_DEPTH_MAX deep, which the parser saw to. */
void
cel_evaluate(struct cel_machine *machine, const struct caveat *caveat, const struct cel_node *node,
             struct cel_value *result)
{
    if (!cel_charge(machine, 1))
        return;
    switch ((enum cel_op)node->op) {
    case CEL_OP_CONSTANT:
        *result = *node->constant;
        return;
    case CEL_OP_PARAMETER:
        *result = machine->parameters[node->slot];
        return;
    case CEL_OP_LOCAL:
        *result = machine->locals[node->slot];
        return;
    case CEL_OP_SELECT:
    case CEL_OP_HAS:
    case CEL_OP_MAYBE:
    case CEL_OP_MAYBE_AT:
        select_field(machine, caveat, node, result);
        return;
    case CEL_OP_CALL:
        call(machine, caveat, node, result);
        return;
    case CEL_OP_AND:
    case CEL_OP_OR:
        logic(machine, caveat, node, node->op == CEL_OP_OR, result);
        return;
    case CEL_OP_CONDITION:
        condition(machine, caveat, node, result);
        return;
    case CEL_OP_LIST:
        make_list(machine, caveat, node, result);
        return;
    case CEL_OP_MAP:
        make_map(machine, caveat, node, result);
        return;
    case CEL_OP_MAYBE_ENTRY: /* only inside a list or map, which look into it */
        BEHALF_UNREACHABLE();
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_FILTER:
    case CEL_OP_EACH:
    case CEL_OP_EACH_IF:
    case CEL_OP_OPT_MAP:
    case CEL_OP_OPT_FLAT_MAP:
        cel_evaluate_macro(machine, caveat, node, result);
        return;
    case CEL_OP_OPT_OR:
    case CEL_OP_OPT_OR_VALUE:
        choose(machine, caveat, node, result);
        return;
    }
}
