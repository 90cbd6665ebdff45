/* validation.h - validation files: what one holds, what it means, what came of it.
 *
 *   file --validation_yaml_read--> struct validation_file --validation_run--> cases --> a report
 *                                       struct validation_world (engine over a store in memory)
 *
 * Always true: answers come from the engine that the server runs; nothing here decides a
 * permission. Every case knows the line it comes from. A file that cannot be understood is a failed
 * case, never a passed one.
 * Threads: one, beside the engine's own. Memory: everything lies in the arena given; slices of a
 * validation file that were not escaped in it still are copies. */
#ifndef BEHALF_CLI_VALIDATION_H
#define BEHALF_CLI_VALIDATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/relationship.h"
#include "base/slice.h"
#include "engine/engine.h"
#include "schema/schema.h"

/* --- what a file holds (validation_yaml.c) ---------------------------------------------------- */

/* Text and where it stands. In a literal block (`|`) line n of the text is line + n of the file. */
struct validation_scalar {
    struct slice text;
    uint32_t line; /* of its first character, from 1 */
    uint32_t column;
    bool literal;
    bool present;
};

struct validation_assertion {
    struct validation_scalar source;
    enum decision expected;
};

/* One key of `validation` and its list. */
struct validation_relation {
    struct validation_scalar key;
    struct validation_scalar *subjects;
    uint32_t subject_count;
};

struct validation_file {
    struct validation_scalar schema;
    struct validation_scalar schema_file;
    struct validation_scalar relationships;
    struct validation_assertion *assertions;
    uint32_t assertion_count;
    struct validation_relation *relations;
    uint32_t relation_count;
    uint32_t block_first; /* lines of the `validation` block; 0 when there is none */
    uint32_t block_last;
    struct validation_scalar *unknown; /* keys that mean nothing here */
    uint32_t unknown_count;
};

/* MALFORMED_REQUEST with line and column: not YAML, keys that exclude each other, old keys. */
enum status validation_yaml_read(struct slice text, struct arena *arena,
                                 struct validation_file *file, struct error *error) BEHALF_MUST_USE;

/* --- the little languages inside it (validation_parse.c) -------------------------------------- */

/* `resource#permission@subject`, perhaps ` with {json}`. */
enum status validation_assertion_parse(struct slice text, struct arena *arena,
                                       struct relationship *question,
                                       struct error *error) BEHALF_MUST_USE;

struct expected_exception {
    struct object subject;
    bool conditional;
};

/* `[user:* - {user:a, user:b[...]}] is <note:n1#owner>/<group:eng#member>` */
struct expected_subject {
    struct object subject;
    bool conditional; /* marked [...] */
    struct expected_exception *exceptions;
    uint32_t exception_count;
    struct object *holders; /* object#relation each */
    uint32_t holder_count;
};

enum status validation_expected_parse(struct slice text, struct arena *arena,
                                      struct expected_subject *expected,
                                      struct error *error) BEHALF_MUST_USE;

/* --- the world of a file (validation_world.c) ------------------------------------------------- */

struct store;

struct validation_world {
    struct store *store; /* in memory */
    struct engine *engine;
    struct engine_worker *worker;
    struct schema *schema; /* after validation_world_schema */
};

enum status validation_world_open(struct validation_world *world,
                                  struct error *error) BEHALF_MUST_USE;
void validation_world_close(struct validation_world *world); /* accepts one of zeroes */

/* Compiles and writes the schema. */
enum status validation_world_schema(struct validation_world *world, struct slice text,
                                    struct error *error) BEHALF_MUST_USE;

/* All or nothing; at most ENGINE_UPDATES_MAX. */
enum status validation_world_write(struct validation_world *world, const struct update *updates,
                                   size_t count, struct error *error) BEHALF_MUST_USE;

enum status validation_world_check(struct validation_world *world, struct arena *arena,
                                   const struct object *resource, const struct object *subject,
                                   enum decision *decision, struct error *error) BEHALF_MUST_USE;

/* --- who is found, and through what (validation_found.c) -------------------------------------- */

struct found_subject {
    struct object subject;
    struct object *excluded; /* of a wildcard */
    size_t excluded_count;
    struct object *holders; /* object#relation each, in the order of their text */
    size_t holder_count;
};

/* The subjects of `resource` (its `relation` is the permission): those that the engine finds among
 * the ones stored below it, in the order of their text. */
enum status validation_find(struct validation_world *world, const struct object *resource,
                            struct arena *arena, struct found_subject **found, size_t *count,
                            struct error *error) BEHALF_MUST_USE;

/* Why the answer for one subject is what it is: the relations that hold it. `decides` are those the
 * answer leans on; `other` those that an intersection or an exclusion cuts off. */
struct validation_trace {
    struct object *decides;
    size_t decides_count;
    struct object *other;
    size_t other_count;
};

enum status validation_trace(struct validation_world *world, const struct object *resource,
                             const struct object *subject, struct arena *arena,
                             struct validation_trace *trace, struct error *error) BEHALF_MUST_USE;

/* `[user:* - {user:a}] is <note:n1#owner>` */
void validation_found_print(const struct found_subject *found, struct buffer *out);

/* `<a:b#c>/<d:e#f>` */
void validation_holders_print(const struct object *holders, size_t count, struct buffer *out);

/* --- running (validation_run.c) --------------------------------------------------------------- */

enum validation_kind {
    VALIDATION_FILE, /* its form */
    VALIDATION_SCHEMA,
    VALIDATION_RELATIONSHIPS,
    VALIDATION_ASSERTION,
    VALIDATION_RELATION,
    VALIDATION_LINT,
};

enum validation_outcome { VALIDATION_PASSED, VALIDATION_FAILED, VALIDATION_WARNED };

struct validation_case {
    enum validation_kind kind;
    enum validation_outcome outcome;
    const char *path; /* a schema may stand in another file */
    uint32_t line;    /* 0: the whole file */
    uint32_t column;
    struct slice name;    /* what was asked */
    struct slice message; /* what was expected, what came */
    struct slice why;     /* may be empty */
};

struct validation_result {
    const char *path;
    struct validation_case *cases;
    uint32_t case_count;
    uint32_t capacity;
    uint32_t relationship_count; /* loaded */
    uint32_t assertion_count;    /* run */
    uint32_t relation_count;     /* expected relations compared */
    uint32_t failed_count;
    uint32_t warning_count;
    struct slice text;           /* of the file */
    struct validation_file file; /* when it is YAML and was understood */
    struct slice updated;        /* the file with fresh expected relations, when asked for */
};

enum validation_expected { VALIDATION_COMPARE, VALIDATION_REGENERATE };

/* Runs one file whose text was read. Whatever is wrong becomes a failed case. */
void validation_run(const char *path, struct slice text, enum validation_expected expected,
                    struct arena *arena, struct validation_result *result);

/* The parts of it that others need. Adds a case of the file itself; borrowed until the next one. */
struct validation_case *validation_case_add(struct validation_result *result,
                                            enum validation_kind kind,
                                            enum validation_outcome outcome, struct slice name);
struct slice validation_keep(struct arena *arena, struct slice text);

/* The expected relations (validation_relations.c): compares them, or makes `result->updated`. */
void validation_relations_run(struct validation_world *world, enum validation_expected expected,
                              struct arena *arena, struct validation_result *result);

/* Whether the name of a file says that it is a schema alone, or a validation file. */
bool validation_is_schema(const char *path);
bool validation_is_yaml(const char *path);

/* --- rewriting (validation_update.c) ---------------------------------------------------------- */

/* What stands under one key, anew. */
struct validation_block {
    struct slice key;
    struct slice *lines;
    size_t line_count;
};

/* The text of the file with its `validation` block made of `blocks`; all else byte for byte. */
enum status validation_rewrite(struct slice text, const struct validation_file *file,
                               const struct validation_block *blocks, size_t count,
                               struct buffer *out, struct error *error) BEHALF_MUST_USE;

/* --- reports (validation_report.c) ------------------------------------------------------------ */

void validation_print(const struct validation_result *result, bool color);
void validation_print_total(const struct validation_result *results, size_t count);
void validation_print_json(const struct validation_result *results, size_t count);
void validation_junit(const struct validation_result *results, size_t count, struct buffer *out);

#endif
