/* cel_check.c - static types, from the leaves to the root: one pass over the nodes, no recursion.
 * DYN goes with everything; what it hides is looked at when the expression is evaluated. */
#include <stdio.h>

#include "schema/cel_node.h"
#include "schema/cel_zone.h"
#include "schema/regex.h"

struct checker {
    struct caveat *caveat;
    struct cel_node *nodes;
    struct arena *arena;
    struct error *error;
};

struct bindings {
    const struct cel_type *a;
    const struct cel_type *b;
};

static const struct cel_type *
child_type(const struct checker *checker, const struct cel_node *node, uint32_t index)
{
    return cel_child(checker->caveat, node, index)->type;
}

static enum status
fail_node(struct checker *checker, const struct cel_node *node)
{
    cel_error_at(checker->caveat, node->offset, node->size, checker->error);
    return BEHALF_SCHEMA_TYPE_ERROR;
}

/* "expected WANTED, found TYPE" */
static enum status
mismatch(struct checker *checker, const struct cel_node *node, const char *wanted)
{
    struct buffer found;

    buffer_init(&found);
    cel_type_print(node->type, &found);
    (void)error_set(checker->error, BEHALF_SCHEMA_TYPE_ERROR, "expected %s, found %s", wanted,
                    found.data);
    buffer_release(&found);
    return fail_node(checker, node);
}

static enum status
too_large(struct checker *checker)
{
    return error_set(checker->error, BEHALF_BUDGET_EXHAUSTED, "the caveat is too large");
}

static bool
is_dyn(const struct cel_type *type)
{
    return type->kind == CEL_DYN;
}

static enum status
set_of(struct checker *checker, struct cel_node *node, enum cel_kind kind,
       const struct cel_type *first, const struct cel_type *second)
{
    node->type = cel_type_of(checker->arena, kind, first, second);
    return node->type == NULL ? too_large(checker) : BEHALF_OK;
}

static bool
bind(const struct checker *checker, const struct cel_type **variable, const struct cel_type *type)
{
    const struct cel_type *joined =
        *variable == NULL ? type : cel_type_join(checker->arena, *variable, type);

    if (joined == NULL)
        return false;
    *variable = joined;
    return true;
}

static bool
pattern_matches(const struct checker *checker, uint8_t pattern, const struct cel_type *type,
                struct bindings *bindings)
{
    if (pattern == CEL_PATTERN_A)
        return bind(checker, &bindings->a, type);
    if (pattern == CEL_PATTERN_B)
        return bind(checker, &bindings->b, type);
    if (is_dyn(type))
        return true;
    if (pattern == CEL_PATTERN_LIST_A)
        return type->kind == CEL_LIST && bind(checker, &bindings->a, type->first);
    if (pattern == CEL_PATTERN_OPTIONAL_A)
        return type->kind == CEL_OPTIONAL && bind(checker, &bindings->a, type->first);
    if (pattern == CEL_PATTERN_MAP_AB)
        return type->kind == CEL_MAP && bind(checker, &bindings->a, type->first) &&
               bind(checker, &bindings->b, type->second);
    return type->kind == (enum cel_kind)pattern || pattern == CEL_DYN;
}

static const struct cel_type *
bound(const struct cel_type *variable)
{
    return variable == NULL ? cel_type_simple(CEL_DYN) : variable;
}

/* The result of an overload with its variables put in; NULL when the arena is spent. */
static const struct cel_type *
result_of(const struct checker *checker, uint8_t pattern, const struct bindings *bindings)
{
    const struct cel_type *a = bound(bindings->a);
    const struct cel_type *b = bound(bindings->b);

    switch (pattern) {
    case CEL_PATTERN_A:
        return a;
    case CEL_PATTERN_B:
        return b;
    case CEL_PATTERN_LIST_A:
        return cel_type_of(checker->arena, CEL_LIST, a, NULL);
    case CEL_PATTERN_OPTIONAL_A:
        return cel_type_of(checker->arena, CEL_OPTIONAL, a, NULL);
    case CEL_PATTERN_TYPE_A:
        return cel_type_simple(CEL_TYPE);
    case CEL_PATTERN_MAP_AB:
        return cel_type_of(checker->arena, CEL_MAP, a, b);
    default:
        return cel_type_simple((enum cel_kind)pattern);
    }
}

static void
add_types(struct checker *checker, const struct cel_node *node, struct buffer *out)
{
    for (uint32_t index = 0; index < node->count; index++) {
        if (index > 0)
            buffer_add_text(out, ", ");
        cel_type_print(child_type(checker, node, index), out);
    }
}

static const char *
pattern_name(uint8_t pattern)
{
    switch (pattern) {
    case CEL_PATTERN_A:
        return "A";
    case CEL_PATTERN_B:
        return "B";
    case CEL_PATTERN_LIST_A:
        return "list<A>";
    case CEL_PATTERN_MAP_AB:
        return "map<A, B>";
    case CEL_PATTERN_OPTIONAL_A:
        return "optional_type<A>";
    default:
        return cel_kind_name((enum cel_kind)pattern);
    }
}

static bool
is_numeric(const struct cel_type *type)
{
    return type->kind == CEL_INT || type->kind == CEL_UINT || type->kind == CEL_DOUBLE;
}

static enum status
no_overload(struct checker *checker, const struct cel_node *node)
{
    const struct cel_overload *first = &cel_overloads[node->overload];
    struct buffer found;
    struct buffer hint;

    buffer_init(&found);
    buffer_init(&hint);
    add_types(checker, node, &found);
    (void)error_set(checker->error, BEHALF_SCHEMA_TYPE_ERROR, "'%s' does not take (%s)",
                    first->name, found.data);
    if (node->count == 2 && first->style == CEL_OPERATOR &&
        is_numeric(child_type(checker, node, 0)) && is_numeric(child_type(checker, node, 1))) {
        buffer_add_text(&hint, "convert one side, with int(x), uint(x) or double(x)");
    } else {
        buffer_add_text(&hint, "it takes ");
        for (const struct cel_overload *row = first;
             row < cel_overloads + cel_overload_count && row->run == first->run &&
             row->style == first->style && hint.size < ERROR_HINT_SIZE - 64;
             row++) {
            if (row->count != first->count)
                continue;
            buffer_add_text(&hint, row == first ? "(" : ", (");
            for (uint8_t index = 0; index < row->count; index++)
                buffer_add_format(&hint, "%s%s", index > 0 ? ", " : "",
                                  pattern_name(row->arguments[index]));
            buffer_add_byte(&hint, ')');
        }
    }
    error_hint(checker->error, "%s", hint.data);
    buffer_release(&found);
    buffer_release(&hint);
    return fail_node(checker, node);
}

/* A pattern that stands in the text is tried now: what is wrong with it has a place. */
static enum status
check_pattern(struct checker *checker, const struct cel_node *node)
{
    struct cel_node *pattern = &checker->nodes[checker->caveat->operands[node->first + 1]];
    struct regex *regex;
    char reason[128];

    if (cel_overloads[node->overload].run != cel_matches || pattern->op != CEL_OP_CONSTANT ||
        pattern->constant->kind != CEL_STRING)
        return BEHALF_OK;
    regex = regex_compile(pattern->constant->as.text, reason, sizeof reason);
    if (regex == NULL) {
        (void)error_set(checker->error, BEHALF_SCHEMA_TYPE_ERROR,
                        "the pattern is no regular expression: %s", reason);
        return fail_node(checker, pattern);
    }
    if (!cel_pay_pattern(checker->caveat, regex_cost(regex))) {
        (void)error_set(checker->error, BEHALF_SCHEMA_TYPE_ERROR,
                        "the patterns of the schema are too large: with this one, of %zu parts, "
                        "they have more than %zu",
                        regex_cost(regex), CAVEAT_PATTERN_PARTS_MAX);
        error_hint(checker->error, "a part is a letter, a class or a repetition; x{0,30} is thirty "
                                   "of them, and each pattern counts for at least 1,000");
        regex_free(regex);
        return fail_node(checker, pattern);
    }
    if (checker->caveat->pattern_count == CEL_PATTERNS_MAX || pattern->constant->extra != 0) {
        regex_free(regex);
        return BEHALF_OK;
    }
    return cel_keep_pattern(checker->caveat, pattern, regex, checker->arena) ? BEHALF_OK
                                                                             : too_large(checker);
}

/* t.getHours(zone) and its like. */
static bool
asks_zone(const struct cel_node *node)
{
    return node->count == 2 &&
           slice_starts_with(slice_of(cel_overloads[node->overload].name), SLICE_LITERAL("get"));
}

static const struct cel_type *element_of(const struct cel_type *type);

static enum status
check_call(struct checker *checker, struct cel_node *node)
{
    const struct cel_overload *first = &cel_overloads[node->overload];
    const struct cel_type *result = NULL;

    if (first->run == cel_index && child_type(checker, node, 0)->kind == CEL_OPTIONAL) {
        const struct cel_type *inner = element_of(child_type(checker, node, 0)->first);

        return set_of(checker, node, CEL_OPTIONAL, bound(inner), NULL);
    }
    for (const struct cel_overload *row = first;
         row < cel_overloads + cel_overload_count && row->run == first->run &&
         row->style == first->style;
         row++) {
        struct bindings bindings = {NULL, NULL};
        bool matches = row->count == node->count;

        for (uint32_t index = 0; index < node->count && matches; index++)
            matches = pattern_matches(checker, row->arguments[index],
                                      child_type(checker, node, index), &bindings);
        if (!matches)
            continue;
        if (result != NULL) {
            const struct cel_type *other = result_of(checker, row->result, &bindings);

            if (other == NULL)
                return too_large(checker);
            if (other->kind != result->kind)
                result = cel_type_simple(CEL_DYN);
            continue;
        }
        result = result_of(checker, row->result, &bindings);
        if (result == NULL)
            return too_large(checker);
    }
    if (result == NULL)
        return no_overload(checker, node);
    node->type = result;
    if (asks_zone(node))
        cel_zones_load();
    return node->count == 2 ? check_pattern(checker, node) : BEHALF_OK;
}

/* What a field or an index of such a thing is; NULL when it has none. */
static const struct cel_type *
element_of(const struct cel_type *type)
{
    if (is_dyn(type))
        return type;
    return type->kind == CEL_MAP ? type->second : type->kind == CEL_LIST ? type->first : NULL;
}

/* a.b, a.?b, a[?b] and has(a.b); selecting from an optional gives an optional. */
static enum status
check_select(struct checker *checker, struct cel_node *node)
{
    const struct cel_node *operand = cel_child(checker->caveat, node, 0);
    const struct cel_type *inside = operand->type;
    bool maybe = node->op == CEL_OP_MAYBE || node->op == CEL_OP_MAYBE_AT;
    const struct cel_type *element;

    if (inside->kind == CEL_OPTIONAL) {
        inside = inside->first;
        maybe = true;
    }
    element = inside->kind == CEL_LIST && node->op != CEL_OP_MAYBE_AT ? NULL : element_of(inside);
    if (element == NULL) {
        enum status status =
            mismatch(checker, operand, node->op == CEL_OP_MAYBE_AT ? "a list or a map" : "a map");

        if (inside->kind == CEL_IPADDRESS || inside->kind == CEL_STRING)
            error_hint(checker->error, "a function is called with parentheses: x.%.*s()",
                       SLICE_PRINTF(node->name));
        return status;
    }
    if (node->op == CEL_OP_HAS) {
        node->type = cel_type_simple(CEL_BOOL);
        return BEHALF_OK;
    }
    node->type = element;
    return maybe ? set_of(checker, node, CEL_OPTIONAL, element, NULL) : BEHALF_OK;
}

static enum status
expect_bool(struct checker *checker, const struct cel_node *node)
{
    return node->type->kind == CEL_BOOL || is_dyn(node->type) ? BEHALF_OK
                                                              : mismatch(checker, node, "bool");
}

static enum status
check_logic(struct checker *checker, struct cel_node *node)
{
    enum status status = BEHALF_OK;

    for (uint32_t index = 0; index < node->count && status == BEHALF_OK; index++)
        status = expect_bool(checker, cel_child(checker->caveat, node, index));
    node->type = cel_type_simple(CEL_BOOL);
    return status;
}

static enum status
check_condition(struct checker *checker, struct cel_node *node)
{
    enum status status = expect_bool(checker, cel_child(checker->caveat, node, 0));
    struct buffer wanted;

    if (status != BEHALF_OK)
        return status;
    node->type =
        cel_type_join(checker->arena, child_type(checker, node, 1), child_type(checker, node, 2));
    if (node->type != NULL)
        return BEHALF_OK;
    buffer_init(&wanted);
    cel_type_print(child_type(checker, node, 1), &wanted);
    buffer_add_text(&wanted, ", the type of the other branch");
    status = mismatch(checker, cel_child(checker->caveat, node, 2), wanted.data);
    buffer_release(&wanted);
    return status;
}

static void
join_into(const struct checker *checker, const struct cel_type **joined,
          const struct cel_type *type)
{
    const struct cel_type *both =
        *joined == NULL ? type : cel_type_join(checker->arena, *joined, type);

    *joined = both == NULL ? cel_type_simple(CEL_DYN) : both;
}

static enum status
check_list(struct checker *checker, struct cel_node *node)
{
    const struct cel_type *element = NULL;

    for (uint32_t index = 0; index < node->count; index++)
        join_into(checker, &element, child_type(checker, node, index));
    return set_of(checker, node, CEL_LIST, bound(element), NULL);
}

static enum status
check_map(struct checker *checker, struct cel_node *node)
{
    const struct cel_type *key = NULL;
    const struct cel_type *value = NULL;

    for (uint32_t index = 0; index < node->count; index += 2) {
        enum cel_kind kind = child_type(checker, node, index)->kind;

        if (kind != CEL_BOOL && kind != CEL_INT && kind != CEL_UINT && kind != CEL_STRING &&
            kind != CEL_DYN)
            return mismatch(checker, cel_child(checker->caveat, node, index),
                            "a key of a map: bool, int, uint or string");
        join_into(checker, &key, child_type(checker, node, index));
        join_into(checker, &value, child_type(checker, node, index + 1));
    }
    return set_of(checker, node, CEL_MAP, bound(key), bound(value));
}

static enum status
check_entry(struct checker *checker, struct cel_node *node)
{
    const struct cel_node *operand = cel_child(checker->caveat, node, 0);

    if (operand->type->kind != CEL_OPTIONAL && !is_dyn(operand->type))
        return mismatch(checker, operand, "an optional");
    node->type = is_dyn(operand->type) ? operand->type : operand->type->first;
    return BEHALF_OK;
}

/* What the variable of a macro over such a range is; NULL when it is no range. */
static const struct cel_type *
variable_of(const struct cel_type *range, bool optional)
{
    if (is_dyn(range))
        return range;
    if (optional)
        return range->kind == CEL_OPTIONAL ? range->first : NULL;
    return range->kind == CEL_LIST || range->kind == CEL_MAP ? range->first : NULL;
}

static enum status
check_macro(struct checker *checker, struct cel_node *node)
{
    const struct cel_node *range = cel_child(checker->caveat, node, 0);
    const struct cel_node *last = cel_child(checker->caveat, node, node->count - 1);
    bool optional = node->op == CEL_OP_OPT_MAP || node->op == CEL_OP_OPT_FLAT_MAP;
    enum status status = BEHALF_OK;

    if (variable_of(range->type, optional) == NULL)
        return mismatch(checker, range, optional ? "an optional" : "a list or a map");
    if (node->op != CEL_OP_EACH && !optional)
        status = expect_bool(checker, cel_child(checker->caveat, node, 1));
    if (status != BEHALF_OK)
        return status;
    if (node->op == CEL_OP_FILTER)
        return set_of(checker, node, CEL_LIST, variable_of(range->type, false), NULL);
    if (node->op == CEL_OP_EACH || node->op == CEL_OP_EACH_IF)
        return set_of(checker, node, CEL_LIST, last->type, NULL);
    if (node->op == CEL_OP_OPT_MAP)
        return set_of(checker, node, CEL_OPTIONAL, last->type, NULL);
    if (node->op == CEL_OP_OPT_FLAT_MAP) {
        if (last->type->kind != CEL_OPTIONAL && !is_dyn(last->type))
            return mismatch(checker, last, "an optional");
        node->type = last->type;
        return BEHALF_OK;
    }
    node->type = cel_type_simple(CEL_BOOL);
    return BEHALF_OK;
}

/* a.or(b) and a.orValue(b) */
static enum status
check_or(struct checker *checker, struct cel_node *node)
{
    const struct cel_node *left = cel_child(checker->caveat, node, 0);
    const struct cel_node *right = cel_child(checker->caveat, node, 1);
    const struct cel_type *type = left->type;
    struct buffer wanted;
    enum status status;

    if (type->kind != CEL_OPTIONAL && !is_dyn(type))
        return mismatch(checker, left, "an optional");
    if (node->op == CEL_OP_OPT_OR_VALUE && !is_dyn(type))
        type = type->first;
    node->type = cel_type_join(checker->arena, type, right->type);
    if (node->type != NULL)
        return BEHALF_OK;
    buffer_init(&wanted);
    cel_type_print(type, &wanted);
    status = mismatch(checker, right, wanted.data);
    buffer_release(&wanted);
    return status;
}

static enum status
check_node(struct checker *checker, struct cel_node *node)
{
    switch ((enum cel_op)node->op) {
    case CEL_OP_CONSTANT:
        node->type = cel_type_simple(node->constant->kind);
        return BEHALF_OK;
    case CEL_OP_PARAMETER:
        node->type = checker->caveat->types[node->slot];
        return BEHALF_OK;
    case CEL_OP_LOCAL: /* `first` is the range; the macro itself will refuse a wrong one */
        node->type = bound(variable_of(checker->nodes[node->first].type, node->overload != 0));
        return BEHALF_OK;
    case CEL_OP_SELECT:
    case CEL_OP_HAS:
    case CEL_OP_MAYBE:
    case CEL_OP_MAYBE_AT:
        return check_select(checker, node);
    case CEL_OP_CALL:
        return check_call(checker, node);
    case CEL_OP_AND:
    case CEL_OP_OR:
        return check_logic(checker, node);
    case CEL_OP_CONDITION:
        return check_condition(checker, node);
    case CEL_OP_LIST:
        return check_list(checker, node);
    case CEL_OP_MAP:
        return check_map(checker, node);
    case CEL_OP_MAYBE_ENTRY:
        return check_entry(checker, node);
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_FILTER:
    case CEL_OP_EACH:
    case CEL_OP_EACH_IF:
    case CEL_OP_OPT_MAP:
    case CEL_OP_OPT_FLAT_MAP:
        return check_macro(checker, node);
    case CEL_OP_OPT_OR:
    case CEL_OP_OPT_OR_VALUE:
        return check_or(checker, node);
    }
    BEHALF_UNREACHABLE();
}

enum status
cel_check(struct caveat *caveat, struct cel_node *nodes, struct arena *arena, struct error *error)
{
    struct checker checker = {caveat, nodes, arena, error};
    const struct cel_node *root = &nodes[caveat->node_count - 1];

    for (uint32_t index = 0; index < caveat->node_count; index++) {
        enum status status = check_node(&checker, &nodes[index]);

        if (status != BEHALF_OK)
            return status;
    }
    if (root->type->kind == CEL_BOOL)
        return BEHALF_OK;
    (void)mismatch(&checker, root, "bool: a caveat says yes or no");
    if (is_dyn(root->type))
        error_hint(error, "compare it: ... == true");
    return BEHALF_SCHEMA_TYPE_ERROR;
}
