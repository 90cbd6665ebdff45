/* caveat_residual.c - what is left of an expression when the known values are put in.
 * A part whose value is known stands as its value; of the rest only what can still matter is
 * written. A part that fails stays as it was written: it may fail in the end too. The variables of
 * macros are unknown here, marked by a bit that no parameter has. */
#include <math.h>

#include "schema/caveat_run.h"
#include "schema/cel_convert.h"

#define LOCAL_BIT (UINT32_C(1) << 31)
#define PRINT_STEPS 4
#define PRINT_DOUBLE_STEPS 16

_Static_assert(CAVEAT_PARAMETERS_MAX <= 31, "the last bit is for the variables of macros");

/* How tightly a part binds, as in the grammar. */
enum level {
    LEVEL_CONDITION,
    LEVEL_OR,
    LEVEL_AND,
    LEVEL_RELATION,
    LEVEL_SUM,
    LEVEL_PRODUCT,
    LEVEL_UNARY,
    LEVEL_MEMBER,
};

struct residual_printer {
    struct caveat_run run;
    const struct caveat *caveat;
    struct buffer *out;
};

static void print_node(struct residual_printer *printer, const struct cel_node *node,
                       enum level level);
static bool print_value(struct residual_printer *printer, const struct cel_value *value,
                        size_t depth);

static void
print_text(const struct cel_value *value, struct buffer *out)
{
    static const char hex[] = "0123456789abcdef";
    bool bytes = value->kind == CEL_BYTES;

    buffer_add_text(out, bytes ? "b\"" : "\"");
    for (size_t index = 0; index < value->as.text.size; index++) {
        unsigned char byte = (unsigned char)value->as.text.data[index];

        if (byte == '"' || byte == '\\')
            buffer_add(out, (char[]){'\\', (char)byte}, 2);
        else if (byte < 0x20 || byte == 0x7F || (bytes && byte >= 0x80))
            buffer_add(out, (char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
        else
            buffer_add_byte(out, (char)byte);
    }
    buffer_add_byte(out, '"');
}

static void
print_double_literal(double value, struct buffer *out)
{
    size_t start = out->size;

    if (isnan(value) || isinf(value)) {
        buffer_add_text(out, isnan(value) ? "double(\"NaN\")"
                             : value > 0  ? "double(\"inf\")"
                                          : "double(\"-inf\")");
        return;
    }
    cel_print_double(value, out);
    if (strpbrk(out->data + start, ".e") == NULL)
        buffer_add_text(out, ".0");
}

static bool
print_list(struct residual_printer *printer, const struct cel_list *list, size_t depth)
{
    struct buffer *out = printer->out;
    bool printed = true;

    buffer_add_byte(out, '[');
    for (size_t index = 0; index < list->count && printed; index++) {
        if (index > 0)
            buffer_add_text(out, ", ");
        printed = print_value(printer, &list->items[index], depth + 1);
    }
    buffer_add_byte(out, ']');
    return printed;
}

static bool
print_map(struct residual_printer *printer, const struct cel_map *map, size_t depth)
{
    struct buffer *out = printer->out;
    bool printed = true;

    buffer_add_byte(out, '{');
    for (size_t index = 0; index < map->count && printed; index++) {
        if (index > 0)
            buffer_add_text(out, ", ");
        printed = print_value(printer, &map->entries[index].key, depth + 1);
        buffer_add_text(out, ": ");
        printed = printed && print_value(printer, &map->entries[index].value, depth + 1);
    }
    buffer_add_byte(out, '}');
    return printed;
}

static bool
print_type(enum cel_kind kind, struct buffer *out)
{
    if (kind == CEL_TIMESTAMP || kind == CEL_DURATION)
        buffer_add_text(out, kind == CEL_TIMESTAMP ? "google.protobuf.Timestamp"
                                                   : "google.protobuf.Duration");
    else
        buffer_add_text(out, cel_kind_name(kind));
    return true;
}

static bool
print_call(const char *name, const struct cel_value *value, struct buffer *out)
{
    buffer_add_format(out, "%s(\"", name);
    if (value->kind == CEL_DURATION)
        cel_print_duration(value->as.integer, out);
    else if (value->kind == CEL_TIMESTAMP)
        cel_print_timestamp(value, out);
    else
        cel_print_address(value, out);
    buffer_add_text(out, "\")");
    return true;
}

/* The text of a value is charged while it grows: lists that share their elements are small in
 * memory and may have a text of any size. */
static bool
charge_value(struct cel_machine *machine, const struct cel_value *value)
{
    switch (value->kind) {
    case CEL_STRING:
    case CEL_BYTES:
        return cel_charge(machine, PRINT_STEPS) && cel_charge_reading(machine, value->as.text.size);
    case CEL_INT:
    case CEL_UINT:
    case CEL_DURATION:
    case CEL_TIMESTAMP:
    case CEL_IPADDRESS:
        return cel_charge(machine, PRINT_STEPS);
    case CEL_DOUBLE:
        return cel_charge(machine, PRINT_DOUBLE_STEPS);
    case CEL_NULL:
    case CEL_BOOL:
    case CEL_LIST:
    case CEL_MAP:
    case CEL_TYPE:
    case CEL_OPTIONAL:
    case CEL_DYN:
    case CEL_UNKNOWN:
    case CEL_ERROR:
        break;
    }
    return cel_charge(machine, 1);
}

/* A value as an expression that gives it. False: it has none, or is nested too deep for one, or
 * steps are spent. */
static bool
print_value(struct residual_printer *printer, const struct cel_value *value, size_t depth)
{
    struct buffer *out = printer->out;

    if (depth > CEL_DEPTH_MAX / 4 || !charge_value(&printer->run.machine, value))
        return false;
    switch (value->kind) {
    case CEL_NULL:
        buffer_add_text(out, "null");
        return true;
    case CEL_BOOL:
        buffer_add_text(out, value->as.boolean ? "true" : "false");
        return true;
    case CEL_INT:
        buffer_add_format(out, "%lld", (long long)value->as.integer);
        return true;
    case CEL_UINT:
        buffer_add_format(out, "%lluu", (unsigned long long)value->as.natural);
        return true;
    case CEL_DOUBLE:
        print_double_literal(value->as.real, out);
        return true;
    case CEL_STRING:
    case CEL_BYTES:
        print_text(value, out);
        return true;
    case CEL_DURATION:
        return print_call("duration", value, out);
    case CEL_TIMESTAMP:
        return print_call("timestamp", value, out);
    case CEL_IPADDRESS:
        return print_call("ipaddress", value, out);
    case CEL_LIST:
        return print_list(printer, value->as.list, depth);
    case CEL_MAP: /* written out, one that may lack keys would be one that does not */
        return cel_lacking(value) == 0 && print_map(printer, value->as.map, depth);
    case CEL_TYPE:
        return print_type(value->as.type, out);
    case CEL_OPTIONAL:
        if (value->as.optional == NULL) {
            buffer_add_text(out, "optional.none()");
            return true;
        }
        buffer_add_text(out, "optional.of(");
        if (!print_value(printer, value->as.optional, depth + 1))
            return false;
        buffer_add_byte(out, ')');
        return true;
    case CEL_DYN:
    case CEL_UNKNOWN:
    case CEL_ERROR:
        break;
    }
    return false;
}

/* Whether the value of a part is known; a failure counts as not known. */
static bool
is_known(struct residual_printer *printer, const struct cel_node *node, struct cel_value *value)
{
    if (node->op == CEL_OP_MAYBE_ENTRY || node->op == CEL_OP_LOCAL)
        return false;
    for (size_t slot = 0; slot < CEL_LOCALS_MAX; slot++) /* a macro leaves its last element there */
        printer->run.machine.locals[slot] =
            (struct cel_value){.kind = CEL_UNKNOWN, .as.missing = LOCAL_BIT};
    cel_evaluate(&printer->run.machine, printer->caveat, node, value);
    return printer->run.machine.status == BEHALF_OK && value->kind != CEL_UNKNOWN &&
           value->kind != CEL_ERROR;
}

static void
open_at(struct residual_printer *printer, enum level found, enum level wanted)
{
    if (found < wanted)
        buffer_add_byte(printer->out, '(');
}

static void
close_at(struct residual_printer *printer, enum level found, enum level wanted)
{
    if (found < wanted)
        buffer_add_byte(printer->out, ')');
}

/* Whether the operand of && or || is known to change nothing. */
static bool
is_neutral(struct residual_printer *printer, const struct cel_node *node)
{
    struct cel_value value;

    return is_known(printer, node, &value) && value.kind == CEL_BOOL;
}

/* How many operands are left, and whether the last of them is a dyn. */
static uint32_t
count_left(struct residual_printer *printer, const struct cel_node *node, bool *dynamic)
{
    uint32_t left = 0;

    for (uint32_t index = 0; index < node->count; index++) {
        const struct cel_node *child = cel_child(printer->caveat, node, index);

        if (!is_neutral(printer, child)) {
            left++;
            *dynamic = child->type->kind == CEL_DYN;
        }
    }
    return left;
}

/* A single dyn keeps a neutral operand beside it, so that the whole stays a bool. */
static void
print_logic(struct residual_printer *printer, const struct cel_node *node, enum level wanted)
{
    bool is_and = node->op == CEL_OP_AND;
    enum level own = is_and ? LEVEL_AND : LEVEL_OR;
    bool dynamic = false;
    uint32_t left = count_left(printer, node, &dynamic);
    bool single = left == 1 && !dynamic;
    uint32_t written = 0;

    open_at(printer, single ? LEVEL_MEMBER : own, wanted);
    if (left == 1 && dynamic) {
        buffer_add_text(printer->out, is_and ? "true" : "false");
        written++;
    }
    for (uint32_t index = 0; index < node->count; index++) {
        const struct cel_node *child = cel_child(printer->caveat, node, index);

        if (is_neutral(printer, child))
            continue;
        if (written++ > 0)
            buffer_add_text(printer->out, is_and ? " && " : " || ");
        print_node(printer, child, single ? wanted : (enum level)(own + 1));
    }
    close_at(printer, single ? LEVEL_MEMBER : own, wanted);
}

static void
print_condition(struct residual_printer *printer, const struct cel_node *node, enum level wanted)
{
    struct cel_value value;

    if (is_known(printer, cel_child(printer->caveat, node, 0), &value) && value.kind == CEL_BOOL) {
        print_node(printer, cel_child(printer->caveat, node, value.as.boolean ? 1 : 2), wanted);
        return;
    }
    open_at(printer, LEVEL_CONDITION, wanted);
    print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_OR);
    buffer_add_text(printer->out, " ? ");
    print_node(printer, cel_child(printer->caveat, node, 1), LEVEL_OR);
    buffer_add_text(printer->out, " : ");
    print_node(printer, cel_child(printer->caveat, node, 2), LEVEL_CONDITION);
    close_at(printer, LEVEL_CONDITION, wanted);
}

static enum level
level_of(const struct cel_node *node)
{
    if (node->count == 1)
        return LEVEL_UNARY;
    if (slice_equal(node->name, SLICE_LITERAL("+")) || slice_equal(node->name, SLICE_LITERAL("-")))
        return LEVEL_SUM;
    if (slice_equal(node->name, SLICE_LITERAL("*")) ||
        slice_equal(node->name, SLICE_LITERAL("/")) || slice_equal(node->name, SLICE_LITERAL("%")))
        return LEVEL_PRODUCT;
    return LEVEL_RELATION;
}

static void
print_children(struct residual_printer *printer, const struct cel_node *node, uint32_t from)
{
    for (uint32_t index = from; index < node->count; index++) {
        if (index > from)
            buffer_add_text(printer->out, ", ");
        print_node(printer, cel_child(printer->caveat, node, index), LEVEL_CONDITION);
    }
}

static void
print_operator(struct residual_printer *printer, const struct cel_node *node, enum level wanted)
{
    enum level own = level_of(node);

    if (cel_overloads[node->overload].run == cel_index) {
        print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_MEMBER);
        buffer_add_byte(printer->out, '[');
        print_children(printer, node, 1);
        buffer_add_byte(printer->out, ']');
        return;
    }
    open_at(printer, own, wanted);
    if (node->count == 1) {
        buffer_add_slice(printer->out, node->name);
        print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_MEMBER);
    } else {
        print_node(printer, cel_child(printer->caveat, node, 0), own);
        buffer_add_format(printer->out, " %.*s ", SLICE_PRINTF(node->name));
        print_node(printer, cel_child(printer->caveat, node, 1), (enum level)(own + 1));
    }
    close_at(printer, own, wanted);
}

/* A pattern that is none must not stand as a literal: the compiler would refuse what may still
 * fail. */
static bool
is_bad_pattern(struct residual_printer *printer, const struct cel_node *node)
{
    struct cel_value value;

    return cel_overloads[node->overload].run == cel_matches &&
           is_known(printer, cel_child(printer->caveat, node, 1), &value) &&
           value.kind == CEL_STRING && cel_pattern(&printer->run.machine, &value) == NULL;
}

static void
print_function(struct residual_printer *printer, const struct cel_node *node, enum level wanted)
{
    enum cel_style style = cel_overloads[node->overload].style;

    if (style == CEL_OPERATOR) {
        print_operator(printer, node, wanted);
        return;
    }
    if (style == CEL_MEMBER) {
        print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_MEMBER);
        buffer_add_byte(printer->out, '.');
    }
    buffer_add_format(printer->out, "%.*s(", SLICE_PRINTF(node->name));
    if (is_bad_pattern(printer, node)) {
        if (style == CEL_GLOBAL) {
            print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_CONDITION);
            buffer_add_text(printer->out, ", ");
        }
        buffer_add_text(printer->out, "string(");
        print_children(printer, node, 1);
        buffer_add_byte(printer->out, ')');
    } else {
        print_children(printer, node, style == CEL_MEMBER ? 1 : 0);
    }
    buffer_add_byte(printer->out, ')');
}

/* A child of an aggregate, with the `?` of an optional entry in front of `before`. */
static void
print_aggregate(struct residual_printer *printer, const struct cel_node *node)
{
    bool map = node->op == CEL_OP_MAP;

    buffer_add_byte(printer->out, map ? '{' : '[');
    for (uint32_t index = 0; index < node->count; index += map ? 2 : 1) {
        const struct cel_node *last = cel_child(printer->caveat, node, index + (map ? 1 : 0));

        if (index > 0)
            buffer_add_text(printer->out, ", ");
        if (last->op == CEL_OP_MAYBE_ENTRY) {
            buffer_add_byte(printer->out, '?');
            last = cel_child(printer->caveat, last, 0);
        }
        if (map) {
            print_node(printer, cel_child(printer->caveat, node, index), LEVEL_CONDITION);
            buffer_add_text(printer->out, ": ");
        }
        print_node(printer, last, LEVEL_CONDITION);
    }
    buffer_add_byte(printer->out, map ? '}' : ']');
}

static const char *const methods[] = {
    [CEL_OP_ALL] = "all",
    [CEL_OP_EXISTS] = "exists",
    [CEL_OP_EXISTS_ONE] = "exists_one",
    [CEL_OP_FILTER] = "filter",
    [CEL_OP_EACH] = "map",
    [CEL_OP_EACH_IF] = "map",
    [CEL_OP_OPT_MAP] = "optMap",
    [CEL_OP_OPT_FLAT_MAP] = "optFlatMap",
    [CEL_OP_OPT_OR] = "or",
    [CEL_OP_OPT_OR_VALUE] = "orValue",
};

static void
print_method(struct residual_printer *printer, const struct cel_node *node)
{
    print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_MEMBER);
    buffer_add_format(printer->out, ".%s(", methods[node->op]);
    if (node->name.size > 0)
        buffer_add_format(printer->out, "%.*s, ", SLICE_PRINTF(node->name));
    print_children(printer, node, 1);
    buffer_add_byte(printer->out, ')');
}

static void
print_select(struct residual_printer *printer, const struct cel_node *node)
{
    if (node->op == CEL_OP_HAS)
        buffer_add_text(printer->out, "has(");
    print_node(printer, cel_child(printer->caveat, node, 0), LEVEL_MEMBER);
    if (node->op == CEL_OP_MAYBE_AT) {
        buffer_add_text(printer->out, "[?");
        print_children(printer, node, 1);
        buffer_add_byte(printer->out, ']');
        return;
    }
    buffer_add_format(printer->out, node->op == CEL_OP_MAYBE ? ".?%.*s" : ".%.*s",
                      SLICE_PRINTF(node->name));
    if (node->op == CEL_OP_HAS)
        buffer_add_byte(printer->out, ')');
}

/* What the checker knew as dyn must stay so, or it would refuse what it took before. */
static bool
has_dyn(const struct cel_type *type)
{
    while (type->first != NULL && type->kind != CEL_TYPE) {
        if (type->second != NULL && type->first->kind == CEL_DYN)
            return true;
        type = type->second != NULL ? type->second : type->first;
    }
    return type->kind == CEL_DYN;
}

/* True when the part stands as its value. */
static bool
print_known(struct residual_printer *printer, const struct cel_node *node, enum level wanted)
{
    struct cel_value value = {.kind = CEL_ERROR};
    size_t start = printer->out->size;
    bool negative;
    bool printed;

    if (!is_known(printer, node, &value))
        return false;
    negative = (value.kind == CEL_INT && value.as.integer < 0) ||
               (value.kind == CEL_DOUBLE && signbit(value.as.real));
    open_at(printer, negative ? LEVEL_UNARY : LEVEL_MEMBER, wanted);
    if (has_dyn(node->type))
        buffer_add_text(printer->out, "dyn(");
    printed = print_value(printer, &value, 0);
    if (has_dyn(node->type))
        buffer_add_byte(printer->out, ')');
    close_at(printer, negative ? LEVEL_UNARY : LEVEL_MEMBER, wanted);
    if (!printed) {
        printer->out->size = start;
        if (printer->out->capacity > 0)
            printer->out->data[start] = '\0';
    }
    return printed;
}

/* Recursion: as deep as the node is high. */
static void
print_node(struct residual_printer *printer, const struct cel_node *node, enum level wanted)
{
    if (printer->run.machine.status != BEHALF_OK || print_known(printer, node, wanted))
        return;
    switch ((enum cel_op)node->op) {
    case CEL_OP_CONSTANT: /* a value that cannot be written: the text of the schema has it */
        buffer_add_format(printer->out, "(%.*s)", (int)node->size,
                          printer->caveat->text.data + node->offset);
        return;
    case CEL_OP_PARAMETER:
        if (node->overload != 0) /* a variable of the same name hides it */
            buffer_add_byte(printer->out, '.');
        buffer_add_slice(printer->out, node->name);
        return;
    case CEL_OP_LOCAL:
        buffer_add_slice(printer->out, node->name);
        return;
    case CEL_OP_SELECT:
    case CEL_OP_HAS:
    case CEL_OP_MAYBE:
    case CEL_OP_MAYBE_AT:
        print_select(printer, node);
        return;
    case CEL_OP_CALL:
        print_function(printer, node, wanted);
        return;
    case CEL_OP_AND:
    case CEL_OP_OR:
        print_logic(printer, node, wanted);
        return;
    case CEL_OP_CONDITION:
        print_condition(printer, node, wanted);
        return;
    case CEL_OP_LIST:
    case CEL_OP_MAP:
        print_aggregate(printer, node);
        return;
    case CEL_OP_MAYBE_ENTRY: /* print_aggregate looks into it */
        BEHALF_UNREACHABLE();
    case CEL_OP_ALL:
    case CEL_OP_EXISTS:
    case CEL_OP_EXISTS_ONE:
    case CEL_OP_FILTER:
    case CEL_OP_EACH:
    case CEL_OP_EACH_IF:
    case CEL_OP_OPT_MAP:
    case CEL_OP_OPT_FLAT_MAP:
    case CEL_OP_OPT_OR:
    case CEL_OP_OPT_OR_VALUE:
        print_method(printer, node);
        return;
    }
}

enum status
caveat_residual(const struct caveat *caveat, struct slice stored,
                const struct caveat_inputs *inputs, struct arena *arena, struct buffer *out,
                uint32_t *steps, struct error *error)
{
    struct residual_printer printer = {.caveat = caveat, .out = out};
    size_t start = out->size;
    enum status status =
        caveat_run_begin(&printer.run, caveat, stored, inputs, CAVEAT_STEPS_MAX, arena, error);

    if (status == BEHALF_OK)
        print_node(&printer, &caveat->nodes[caveat->node_count - 1], LEVEL_CONDITION);
    *steps = CAVEAT_STEPS_MAX - printer.run.machine.steps;
    if (status != BEHALF_OK)
        return status;
    cel_machine_end(&printer.run.machine);
    if (printer.run.machine.status == BEHALF_OK)
        return BEHALF_OK;
    out->size = start;
    if (out->capacity > 0)
        out->data[start] = '\0';
    return caveat_run_spent(caveat, error);
}
