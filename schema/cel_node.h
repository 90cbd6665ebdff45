/* cel_node.h - a compiled expression: nodes in one array, children before their parents.
 *
 * Always true: node i has only children below i; the root is the last node; a path from the root to
 * a leaf has at most CEL_DEPTH_MAX nodes, so that evaluation may recurse. Children of a node are
 * operands[first .. first + count). Every place lies in the text.
 * Threads: any. Memory: all in the arena that was given to caveat_compile. */
#ifndef BEHALF_SCHEMA_CEL_NODE_H
#define BEHALF_SCHEMA_CEL_NODE_H

#include "schema/caveat.h"
#include "schema/cel_functions.h"
#include "schema/cel_type.h"

enum cel_op {
    CEL_OP_CONSTANT,
    CEL_OP_PARAMETER,
    CEL_OP_LOCAL,
    CEL_OP_SELECT,    /* a.name */
    CEL_OP_HAS,       /* has(a.name) */
    CEL_OP_MAYBE,     /* a.?name */
    CEL_OP_MAYBE_AT,  /* a[?b] */
    CEL_OP_CALL,      /* an overload of cel_functions.def */
    CEL_OP_AND,       /* two operands or more */
    CEL_OP_OR,        /* two operands or more */
    CEL_OP_CONDITION, /* a ? b : c */
    CEL_OP_LIST,      /* elements; MAYBE_ENTRY around those with a `?` */
    CEL_OP_MAP,       /* keys and values in turn; MAYBE_ENTRY around the value of a `?` */
    CEL_OP_MAYBE_ENTRY,
    CEL_OP_ALL,        /* range, predicate */
    CEL_OP_EXISTS,     /* range, predicate */
    CEL_OP_EXISTS_ONE, /* range, predicate */
    CEL_OP_FILTER,     /* range, predicate */
    CEL_OP_EACH,       /* range.map(x, transform): range, transform */
    CEL_OP_EACH_IF,    /* range.map(x, predicate, transform) */
    CEL_OP_OPT_MAP,    /* a.optMap(x, transform) */
    CEL_OP_OPT_FLAT_MAP,
    CEL_OP_OPT_OR,       /* a.or(b) */
    CEL_OP_OPT_OR_VALUE, /* a.orValue(b) */
};

struct cel_node {
    uint8_t op;
    uint8_t height;     /* nodes on the longest path to a leaf */
    uint8_t slot;       /* LOCAL, and macros: which variable; PARAMETER: which parameter */
    bool parameterised; /* a parameter stands in it */
    uint16_t overload;  /* CALL: first row; PARAMETER: 1 behind a dot; LOCAL: 1 of an optional */
    uint32_t first;
    uint32_t count;
    uint32_t offset;
    uint32_t size;
    struct slice name; /* of the field (SELECT, HAS, MAYBE), variable, parameter or function */
    const struct cel_value *constant;
    const struct cel_type *type;
};

#define CEL_PATTERNS_MAX 16 /* kept compiled with a caveat; those beyond are compiled anew */

struct caveat {
    struct slice name;
    struct slice text;
    uint32_t line; /* where the text begins in its file */
    uint32_t column;
    struct caveat_parameter parameters[CAVEAT_PARAMETERS_MAX];
    const struct cel_type *types[CAVEAT_PARAMETERS_MAX];
    size_t parameter_count;
    uint8_t reserved[CAVEAT_PARAMETERS_MAX]; /* enum caveat_reserved; CAVEAT_RESERVED_COUNT: none */
    uint32_t reserved_read;                  /* bit i for enum caveat_reserved i */
    const struct cel_node *nodes;
    uint32_t node_count;
    const uint32_t *operands;
    struct regex *patterns[CEL_PATTERNS_MAX];
    uint32_t pattern_count;
    size_t *pattern_parts; /* left for patterns; NULL = no bound, and after compiling */
};

static inline const struct cel_node *
cel_child(const struct caveat *caveat, const struct cel_node *node, uint32_t index)
{
    return &caveat->nodes[caveat->operands[node->first + index]];
}

/* Text to nodes without types. SCHEMA_PARSE_ERROR, or SCHEMA_TYPE_ERROR for a name that is not
 * declared. Writes nodes, node_count and operands; `used` gets a bit for each parameter that stands
 * in it. */
enum status cel_parse(struct caveat *caveat, struct arena *arena, uint32_t *used,
                      struct error *error) BEHALF_MUST_USE;

/* Finds the type of each node and the overload of each call. SCHEMA_TYPE_ERROR. */
enum status cel_check(struct caveat *caveat, struct cel_node *nodes, struct arena *arena,
                      struct error *error) BEHALF_MUST_USE;

/* Calls of constants become constants, where they do not fail. */
void cel_fold(const struct caveat *caveat, struct cel_node *nodes, struct arena *arena);

/* Takes a pattern of that many parts from what is left for all. */
bool cel_pay_pattern(struct caveat *caveat, size_t parts) BEHALF_MUST_USE;

/* Makes the pattern one of the caveat, which then owns it, and marks its constant. False when the
 * arena is spent. */
bool cel_keep_pattern(struct caveat *caveat, struct cel_node *pattern, struct regex *regex,
                      struct arena *arena) BEHALF_MUST_USE;

/* The value of a node; recursion is as deep as the node is high. */
void cel_evaluate(struct cel_machine *machine, const struct caveat *caveat,
                  const struct cel_node *node, struct cel_value *result);

/* The macros, for cel_evaluate. */
void cel_evaluate_macro(struct cel_machine *machine, const struct caveat *caveat,
                        const struct cel_node *node, struct cel_value *result);

/* Puts the place of some text of the expression into an error that was set. */
void cel_error_at(const struct caveat *caveat, uint32_t offset, uint32_t size, struct error *error);

/* A value from the context as a parameter of this type has it. False: it has another type. A spent
 * arena is said by the machine. */
bool cel_convert_datum(struct cel_machine *machine, const struct caveat_type *type,
                       const struct datum *datum, struct cel_value *value) BEHALF_MUST_USE;

#endif
