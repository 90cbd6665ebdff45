/* cel_functions.c - the table of overloads. */
#include "schema/cel_functions.h"

/* Patterns of no variables are kinds: one name space for the rows. */
enum {
    PATTERN_NONE = CEL_PATTERN_NONE,
    PATTERN_BOOL = CEL_BOOL,
    PATTERN_INT = CEL_INT,
    PATTERN_UINT = CEL_UINT,
    PATTERN_DOUBLE = CEL_DOUBLE,
    PATTERN_STRING = CEL_STRING,
    PATTERN_BYTES = CEL_BYTES,
    PATTERN_DURATION = CEL_DURATION,
    PATTERN_TIMESTAMP = CEL_TIMESTAMP,
    PATTERN_OPTIONAL = CEL_OPTIONAL,
    PATTERN_IPADDRESS = CEL_IPADDRESS,
    PATTERN_DYN = CEL_DYN,
    PATTERN_A = CEL_PATTERN_A,
    PATTERN_B = CEL_PATTERN_B,
    PATTERN_LIST_A = CEL_PATTERN_LIST_A,
    PATTERN_MAP_AB = CEL_PATTERN_MAP_AB,
    PATTERN_OPTIONAL_A = CEL_PATTERN_OPTIONAL_A,
    PATTERN_TYPE_A = CEL_PATTERN_TYPE_A,
};

const struct cel_overload cel_overloads[] = {
#define X(name, style, run, result, count, a, b, c)                                                \
    {name, CEL_##style, run, PATTERN_##result, count, {PATTERN_##a, PATTERN_##b, PATTERN_##c}},
#include "schema/cel_functions.def"
#undef X
};

const size_t cel_overload_count = BEHALF_COUNT_OF(cel_overloads);

size_t
cel_overload_find(struct slice name, enum cel_style style, size_t count)
{
    size_t index = 0;

    while (index < cel_overload_count &&
           (cel_overloads[index].style != style || cel_overloads[index].count != count ||
            !slice_equal(slice_of(cel_overloads[index].name), name)))
        index++;
    return index;
}
