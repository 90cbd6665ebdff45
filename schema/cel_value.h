/* cel_value.h - values of expressions, and the machine that computes them.
 *
 * Always true: a value never changes once another value or a variable holds it; what it points to
 * lies in the arena, in the context or in the expression, and lives as long as the evaluation. A
 * map is sorted by cel_key_order and has each key once. UNKNOWN and ERROR are values too, but never
 * stand inside another one: whoever meets them passes them on or absorbs them.
 * When steps or memory run out `machine->status` says so, every function returns at once, and no
 * value means anything any more.
 * Threads: a machine belongs to one thread. */
#ifndef BEHALF_SCHEMA_CEL_VALUE_H
#define BEHALF_SCHEMA_CEL_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#define CEL_DEPTH_MAX 64 /* of nested expressions and of nested values */
#define CEL_TWO_63 9223372036854775808.0
#define CEL_TWO_64 18446744073709551616.0
#define CEL_LOCALS_MAX 16 /* variables of macros that are visible at one place */

enum cel_kind {
    CEL_NULL,
    CEL_BOOL,
    CEL_INT,
    CEL_UINT,
    CEL_DOUBLE,
    CEL_STRING,
    CEL_BYTES,
    CEL_DURATION,  /* integer: nanoseconds */
    CEL_TIMESTAMP, /* integer: seconds since 1970 UTC; extra: nanoseconds, 0 to 999,999,999 */
    CEL_LIST,
    CEL_MAP,
    CEL_TYPE,
    CEL_OPTIONAL,
    CEL_IPADDRESS, /* extra: 32 or 128, the bits of the address */
    CEL_DYN,       /* a type only */
    CEL_UNKNOWN,
    CEL_ERROR, /* extra: one more than the node where it arose, 0 until that is known */
};

struct cel_value {
    enum cel_kind kind;
    uint32_t
        extra; /* as its kind has it; of a STRING that stands in the expression as a pattern, one
                       more than its number among machine->patterns; of a MAP that a reserved
                       parameter is, one more than its number: it may lack keys; else 0 */
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double real;
        struct slice text; /* STRING, BYTES */
        const struct cel_list *list;
        const struct cel_map *map;
        const struct cel_value *optional; /* NULL: none */
        enum cel_kind type;
        uint8_t address[16];
        uint32_t missing;   /* UNKNOWN: bit i for parameter i */
        const char *reason; /* ERROR: static text */
    } as;
};

struct cel_list {
    const struct cel_value *items;
    size_t count;
};

struct cel_entry {
    struct cel_value key;
    struct cel_value value;
};

struct cel_map {
    const struct cel_entry *entries;
    size_t count;
};

struct regex; /* schema/regex.h */

struct cel_machine {
    struct arena *arena;
    const struct cel_value *parameters;
    struct regex *const *patterns; /* those of the caveat */
    struct slice last_pattern;     /* compiled by this evaluation: a text and the pattern, NULL */
    struct regex *last_regex;      /* when it is none; cel_machine_end frees it */
    uint32_t steps;                /* left */
    uint32_t looked_whole;         /* at what a function looked whole: bit i for parameter i whose
                                      map may lack keys */
    enum status status;
    struct cel_value locals[CEL_LOCALS_MAX];
};

enum cel_order { CEL_LESS = -1, CEL_SAME = 0, CEL_GREATER = 1, CEL_UNORDERED = 2 };

static inline struct cel_value
cel_bool(bool value)
{
    return (struct cel_value){.kind = CEL_BOOL, .as.boolean = value};
}

static inline struct cel_value
cel_int(int64_t value)
{
    return (struct cel_value){.kind = CEL_INT, .as.integer = value};
}

static inline struct cel_value
cel_uint(uint64_t value)
{
    return (struct cel_value){.kind = CEL_UINT, .as.natural = value};
}

static inline struct cel_value
cel_double(double value)
{
    return (struct cel_value){.kind = CEL_DOUBLE, .as.real = value};
}

static inline struct cel_value
cel_text(enum cel_kind kind, struct slice text)
{
    return (struct cel_value){.kind = kind, .as.text = text};
}

static inline struct cel_value
cel_duration(int64_t nanoseconds)
{
    return (struct cel_value){.kind = CEL_DURATION, .as.integer = nanoseconds};
}

static inline struct cel_value
cel_error(const char *reason)
{
    return (struct cel_value){.kind = CEL_ERROR, .as.reason = reason};
}

/* The pattern that a STRING is, owned by the machine or the caveat; compiling it takes steps. NULL:
 * it is none, or steps are spent, which the machine then knows. */
const struct regex *cel_pattern(struct cel_machine *machine, const struct cel_value *pattern);

/* Releases what the machine holds beside its arena. */
void cel_machine_end(struct cel_machine *machine);

/* Takes steps; false when too few are left. */
bool cel_charge(struct cel_machine *machine, size_t steps);

/* Takes the steps that looking at so many bytes costs: to compare or copy them; or to read them as
 * a value, byte by byte. */
bool cel_charge_bytes(struct cel_machine *machine, size_t bytes);
bool cel_charge_reading(struct cel_machine *machine, size_t bytes);

/* Zeroed memory for `count` things; NULL when the arena is spent, which the machine then knows. */
void *cel_take(struct cel_machine *machine, size_t count, size_t size) BEHALF_MUST_USE;

/* Numbers, strings, bytes, booleans, times of the same kind, and numbers of different kinds, which
 * are compared exactly. UNORDERED: a NaN is among them, or their kinds have no order. */
enum cel_order cel_compare(const struct cel_value *a, const struct cel_value *b);

/* Whether two values of these kinds have an order at all. */
bool cel_comparable(enum cel_kind a, enum cel_kind b);

/* Equality of CEL: numbers by value whatever their kind, other kinds never equal another kind. */
bool cel_same(struct cel_machine *machine, const struct cel_value *a, const struct cel_value *b);

/* Total order of what may be a key: booleans, numbers, strings. */
int cel_key_order(const struct cel_value *a, const struct cel_value *b);

/* The value under a key, or NULL: also when steps are spent, which the machine then knows. */
const struct cel_value *cel_map_find(struct cel_machine *machine, const struct cel_map *map,
                                     const struct cel_value *key);

/* A map of a reserved parameter: what it lacks is unknown. The bit of the parameter, else 0. */
static inline uint32_t
cel_lacking(const struct cel_value *value)
{
    return value->kind == CEL_MAP && value->extra > 0 ? UINT32_C(1) << (value->extra - 1) : 0;
}

/* Notes that the outcome hangs on all keys of the value, if that is a map that may lack some. */
static inline void
cel_look_whole(struct cel_machine *machine, const struct cel_value *value)
{
    machine->looked_whole |= cel_lacking(value);
}

/* What the selection of a key is that the map does not have. */
void cel_give_lacking(const struct cel_value *map, struct cel_value *result);

/* Gives a list or map of what was built; an optional of a copy of the value. */
void cel_give_list(struct cel_machine *machine, const struct cel_value *items, size_t count,
                   struct cel_value *result);
void cel_give_map(struct cel_machine *machine, struct cel_entry *entries, size_t count,
                  struct cel_value *result);
void cel_give_optional(struct cel_machine *machine, const struct cel_value *value,
                       struct cel_value *result);

/* How messages and `type()` call a kind. Static storage. */
const char *cel_kind_name(enum cel_kind kind);

#endif
