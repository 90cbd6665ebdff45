/* schema_diff.h - what one schema says that another does not.
 *
 * Always true: the comparison is of meanings. The order of definitions, members, variants, operands
 * of `+` and `&`, parentheses that change nothing, partials and comments are no difference; nor are
 * the order of a caveat's parameters, or blanks and constant parts of its expression.
 * Threads: none. Memory: everything lies in the arena; slices also point into the two schemas,
 * which outlive the changes. */
#ifndef BEHALF_CLI_SCHEMA_DIFF_H
#define BEHALF_CLI_SCHEMA_DIFF_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "schema/schema.h"

enum schema_change_kind { SCHEMA_ADDED, SCHEMA_REMOVED, SCHEMA_CHANGED };

enum schema_part {
    SCHEMA_PART_DEFINITION,
    SCHEMA_PART_RELATION,
    SCHEMA_PART_PERMISSION,
    SCHEMA_PART_VARIANT,
    SCHEMA_PART_CAVEAT,
    SCHEMA_PART_PARAMETER,
    SCHEMA_PART_FLAG /* that says what caveats are filled with: `use attributes`, or
                        `use request_attributes`, which implies it */
};

/* A relation that became a permission is a relation removed and a permission added. Members of a
 * definition that was added or removed as a whole are listed too, behind it; so are the variants of
 * a relation, but only those of relations that were there before, and the parameters of a caveat
 * that was there before. A parameter whose type changed is one removed and one added. The flag
 * comes last. */
struct schema_change {
    enum schema_change_kind kind;
    enum schema_part part;
    struct slice type;   /* of a caveat and a parameter: the caveat's name; empty for a flag */
    struct slice member; /* empty for a definition, a caveat and a flag */
    struct slice before; /* expression, variant in words, parameters and expression of a caveat, or
                            type of a parameter, name of a flag; empty when there was none */
    struct slice after;
    uint32_t variant; /* of a variant removed: its index in the old schema; else SCHEMA_NONE */
};

struct schema_changes {
    struct schema_change *rows; /* definitions, then caveats; in the order of the old schema, then
                                   of the new one; then the flag */
    uint32_t count;
};

/* A compiled schema beside what its text says of members. */
struct schema_described {
    struct schema *schema;
    struct schema_source *sources; /* per member */
};

/* Compiles and describes; the caller unrefs `schema`. */
enum status schema_describe(struct arena *arena, struct slice text,
                            struct schema_described *described,
                            struct error *error) BEHALF_MUST_USE;

enum status schema_diff(struct arena *arena, const struct schema_described *before,
                        const struct schema_described *after, struct schema_changes *changes,
                        struct error *error) BEHALF_MUST_USE;

#endif
