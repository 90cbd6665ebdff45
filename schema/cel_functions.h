/* cel_functions.h - what expressions can call: operators and functions by the table
 * cel_functions.def.
 *
 * Always true: rows of one name, style and number of arguments stand together and share one
 * implementation, which looks at the kinds of its arguments: a `dyn` may be anything. Arguments are
 * never UNKNOWN nor ERROR; a failure is an ERROR in the result; the result is always written unless
 * the machine has stopped. Threads: any. */
#ifndef BEHALF_SCHEMA_CEL_FUNCTIONS_H
#define BEHALF_SCHEMA_CEL_FUNCTIONS_H

#include "schema/cel_type.h"
#include "schema/cel_value.h"

#define CEL_ARGUMENTS_MAX 3

typedef void cel_function(struct cel_machine *machine, const struct cel_value *arguments,
                          size_t count, struct cel_value *result);

enum cel_style {
    CEL_GLOBAL,   /* f(a, b) */
    CEL_MEMBER,   /* a.f(b) */
    CEL_OPERATOR, /* a f b */
};

/* Patterns of types: a kind, or one of these with their variables. */
enum cel_pattern {
    CEL_PATTERN_NONE = CEL_ERROR + 1,
    CEL_PATTERN_A,
    CEL_PATTERN_LIST_A,
    CEL_PATTERN_MAP_AB,
    CEL_PATTERN_B,
    CEL_PATTERN_OPTIONAL_A,
    CEL_PATTERN_TYPE_A,
};

struct cel_overload {
    const char *name;
    enum cel_style style;
    cel_function *run;
    uint8_t result;
    uint8_t count;
    uint8_t arguments[CEL_ARGUMENTS_MAX];
};

extern const struct cel_overload cel_overloads[];
extern const size_t cel_overload_count;

/* The first row of a name, style and number of arguments; cel_overload_count when there is none. */
size_t cel_overload_find(struct slice name, enum cel_style style, size_t count);

#define CEL_FUNCTION(name) cel_function name;
#include "schema/cel_names.def"
#undef CEL_FUNCTION

#define CEL_NO_OVERLOAD "no overload of the function takes values of these types"

#endif
