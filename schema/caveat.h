/* caveat.h - CONTRACT: conditions in the Common Expression Language, compiled and evaluated.
 *
 * Always true: a compiled caveat never changes; it reads nothing but its parameters. Evaluation
 * always ends, within CAVEAT_STEPS_MAX steps and the arena given. It has three outcomes; names
 * without a value make an expression unknown only where its outcome depends on them (`false && x`
 * is false, `true || x` is true, and so are both with an error in the place of x). An evaluation
 * error is a status, never an outcome: CAVEAT_EVALUATION_ERROR; a value of the wrong type is
 * CAVEAT_PARAMETER_TYPE_ERROR.
 * Steps or memory that run out are BUDGET_EXHAUSTED. Types of lists and maps may be nested at most
 * 64 deep. The names, the text and the parameters are copied; element types are borrowed for
 * as long as the caveat.
 * A reserved parameter is filled from caveat_inputs.reserved and by nothing else. Selecting a key
 * that its map lacks is unknown; so is reading the map as a whole, unless a key that it has settles
 * the outcome. `has`, `in` and optionals tell absence.
 * Language: docs/caveats.md; the CEL language definition with SpiceDB's types and functions.
 * Threads: a compiled caveat may be evaluated by many threads at once. Memory: owned by its schema;
 * in an arena, but for the patterns of `matches`, so that it is to be released before the arena. */
#ifndef BEHALF_SCHEMA_CAVEAT_H
#define BEHALF_SCHEMA_CAVEAT_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/datum.h"
#include "base/error.h"

#define CAVEAT_PARAMETERS_MAX 20
#define CAVEAT_TEXT_MAX 100000
#define CAVEAT_STEPS_MAX 100000
/* Parts of the automata of all patterns of a schema, each of which counts for at least 1,000: some
 * 100 ms to compile, and at most 256 patterns, which keep up to 512 KiB each while they are in
 * use. */
#define CAVEAT_PATTERN_PARTS_MAX ((size_t)256000)

struct caveat;

/* A declared type: `list<string>` is {LIST, &{STRING}}. */
enum caveat_type_kind {
    CAVEAT_ANY,
    CAVEAT_BOOL,
    CAVEAT_STRING,
    CAVEAT_INT,
    CAVEAT_UINT,
    CAVEAT_DOUBLE,
    CAVEAT_BYTES,
    CAVEAT_DURATION,
    CAVEAT_TIMESTAMP,
    CAVEAT_LIST,
    CAVEAT_MAP,
    CAVEAT_IPADDRESS,
};

struct caveat_type {
    enum caveat_type_kind kind;
    const struct caveat_type *element; /* of LIST and MAP */
};

struct caveat_parameter {
    struct slice name;
    struct caveat_type type;
};

/* Compiles and type-checks. `line` and `column` say where the text begins in its file, so that
 * errors (SCHEMA_PARSE_ERROR, SCHEMA_TYPE_ERROR: position, expected and found type) point there.
 * The result type must be bool and every parameter used. The arena lives as long as the caveat.
 * `reserves`: parameters with the names of enum caveat_reserved are those; they must be `map<any>`.
 * `pattern_parts` is what the patterns of `matches` may still take of a bound that all caveats of a
 * schema share (CAVEAT_PATTERN_PARTS_MAX at first), and is taken from; NULL = no bound. */
enum status caveat_compile(struct slice name, const struct caveat_parameter *parameters,
                           size_t parameter_count, bool reserves, struct slice text, uint32_t line,
                           uint32_t column, size_t *pattern_parts, struct arena *arena,
                           const struct caveat **caveat, struct error *error) BEHALF_MUST_USE;

void caveat_release(const struct caveat *caveat); /* accepts NULL */

size_t caveat_parameter_count(const struct caveat *caveat);
const struct caveat_parameter *caveat_parameter_at(const struct caveat *caveat, size_t index);

/* The expression as it was written, without the blanks around it. */
struct slice caveat_text(const struct caveat *caveat);

/* A declared type as the schema writes it: `map<list<int>>`. */
void caveat_type_print(const struct caveat_type *type, struct buffer *out);

/* The parameters that a schema with `use attributes` reserves, each `map<any>`, in this order. No
 * stored context, constraint or request gives them a value. */
enum caveat_reserved {
    CAVEAT_SUBJECT,
    CAVEAT_RESOURCE,
    CAVEAT_ACTION,
    CAVEAT_CONTEXT,
    CAVEAT_RESERVED_COUNT,
};

#define CAVEAT_RESERVED_ALL ((UINT32_C(1) << CAVEAT_RESERVED_COUNT) - 1)

/* CAVEAT_RESERVED_COUNT for any other name. */
enum caveat_reserved caveat_reserved_of(struct slice name);
/* Static storage. */
struct slice caveat_reserved_name(enum caveat_reserved which);

/* Whether a type is the `map<any>` that these have. */
bool caveat_type_is_reserved(const struct caveat_type *type);

/* What a caveat is evaluated with beside the stored context. `context` is the request's: a map, or
 * NULL. `reserved`: maps, NULL = empty. A key that a reserved map lacks is unknown where it is
 * selected: the parameter is missing, and never an error or false. `open`: bit i for a reserved
 * parameter i that is unknown as a whole, since more than one subject or resource is meant. */
struct caveat_inputs {
    const struct datum *context;
    const struct datum *reserved[CAVEAT_RESERVED_COUNT];
    uint32_t open;
};

/* Which reserved parameters the caveat reads: bit i for enum caveat_reserved i. */
uint32_t caveat_reserved_read(const struct caveat *caveat);

/* Which one the parameter at `index` is; CAVEAT_RESERVED_COUNT: none. */
enum caveat_reserved caveat_reserved_at(const struct caveat *caveat, size_t index);

enum caveat_outcome { CAVEAT_FALSE, CAVEAT_UNKNOWN, CAVEAT_TRUE };

struct caveat_result {
    enum caveat_outcome outcome;
    uint32_t missing; /* CAVEAT_UNKNOWN: bit i for parameter i that the outcome depends on */
    uint32_t steps;   /* that were taken, also where the status is an error */
    bool too_long;    /* with BUDGET_EXHAUSTED: its steps ran out, not the memory */
};

/* At most `steps` are taken, of CAVEAT_STEPS_MAX. What a function looks at is what it is charged
 * for, so that a step takes some nanoseconds, whatever the values are: bench/micro/caveat prints
 * the price of a step of each function at its worst.
 * `stored` is the canonical bytes of a map (base/datum.h), read in place, or nothing. Where it and
 * the request's context have a name, stored wins. Names that are no parameters are ignored.
 * What the contexts give is converted even where it cannot matter: a wrong type is always said.
 * Bytes that are damaged are STORAGE_CORRUPT. A decided simple comparison allocates nothing. */
enum status caveat_evaluate(const struct caveat *caveat, struct slice stored,
                            const struct caveat_inputs *inputs, uint32_t steps, struct arena *arena,
                            struct caveat_result *result, struct error *error) BEHALF_MUST_USE;

/* What is left of the condition when the known values are put in, as CEL text ("count < 4"). With
 * the values that were missing it gives what the whole gives. A part that fails stays as it is
 * written. `steps` gets those that were taken. */
enum status caveat_residual(const struct caveat *caveat, struct slice stored,
                            const struct caveat_inputs *inputs, struct arena *arena,
                            struct buffer *out, uint32_t *steps,
                            struct error *error) BEHALF_MUST_USE;

/* A context about to be stored: a map, only names of parameters, none reserved, each value of its
 * type. */
enum status caveat_check_context(const struct caveat *caveat, const struct datum *context,
                                 struct arena *arena, struct error *error) BEHALF_MUST_USE;

#endif
