/* validation.h - validation files: what one holds, what it means, what came of it.
 *
 *   file --validation_yaml_read--> struct validation_file --validation_run--> cases --> a report
 *                                       struct validation_world (engine over a store in memory)
 *
 * Always true: answers come from the engine that the server runs. Assertions are its checks;
 * expected relations are read off the tree that it expands, without evaluating any condition, by
 * the set algebra of validation_tree.c. Every case knows the line it comes from. A file that cannot
 * be understood is a failed case, never a passed one.
 * Threads: one, beside the engine's own. Memory: everything lies in the arena given; slices of a
 * validation file that were not escaped in it still are copies. */
#ifndef BEHALF_VALIDATE_VALIDATION_H
#define BEHALF_VALIDATE_VALIDATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/relationship.h"
#include "base/slice.h"
#include "engine/agents.h"
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

/* One key of `grants` and what is below it. */
struct validation_grant {
    struct validation_scalar name;
    const struct datum *arguments; /* a map */
};

/* One key of `attributes` and what is below it. */
struct validation_attributes {
    struct validation_scalar object;
    const struct datum *attributes; /* a map */
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
    struct validation_attributes *attributes; /* in the order of the file */
    uint32_t attributes_count;
    struct validation_grant *grants; /* the same */
    uint32_t grant_count;
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

/* The key of a validation file that another word is a slip of; empty when there is none. */
struct slice validation_key_nearest(struct slice key);

/* --- the little languages inside it (validation_parse.c) -------------------------------------- */

/* What an assertion asks: the parts of a check. */
struct validation_question {
    struct relationship asked; /* its relation is the permission; no caveat, no expiration */
    struct object *actors;     /* in the order of struct check */
    uint32_t *actor_columns;   /* the column of each in the text, from 1 */
    uint32_t actor_count;
    struct slice grant; /* its name in the file; empty = none */
    uint32_t grant_column;
    const struct datum *context; /* a map, or NULL */
};

/* `resource#permission@subject`, then perhaps ` actor=type:id[,type:id...]` and ` grant=name`, then
 * perhaps ` with {json}`: the words of a line of `behalf check-bulk`. `error->column` is one of
 * `text`. Whether the actors may stand in a chain is decided by the engine. */
enum status validation_assertion_parse(struct slice text, struct arena *arena,
                                       struct validation_question *question,
                                       struct error *error) BEHALF_MUST_USE;

/* What `arguments` of a grant say: those of grants.create with `principal` and `agent` in place of
 * session and approval, or those of grants.delegate with the name of the parent. */
struct grant_arguments {
    struct object principal; /* of a root grant; empty type = it is none */
    struct object agent;
    struct slice parent; /* of a delegated one */
    struct object actor; /* empty type = the parent's delegatee */
    struct object delegatee;
    struct engine_grant_terms terms;
};

/* MALFORMED_REQUEST: the message names the argument. */
enum status validation_grant_parse(const struct datum *map, struct arena *arena,
                                   struct grant_arguments *arguments,
                                   struct error *error) BEHALF_MUST_USE;

/* A subject, marked `[...]` where it hangs on a condition. */
struct marked_subject {
    struct object subject;
    bool conditional;
};

/* `[user:* - {user:a, user:b[...]}] is <note:n1#owner>/<group:eng#member>`: what a file expects,
 * and what is found. */
struct listed_subject {
    struct marked_subject who;
    struct marked_subject *exceptions; /* of a wildcard */
    uint32_t exception_count;
    struct object *holders; /* object#relation each */
    uint32_t holder_count;
};

enum status validation_expected_parse(struct slice text, struct arena *arena,
                                      struct listed_subject *expected,
                                      struct error *error) BEHALF_MUST_USE;

/* The form that is parsed above, the same for the same subject. */
void validation_subject_print(const struct listed_subject *listed, struct buffer *out);

/* `<a:b#c>/<d:e#f>` */
void validation_holders_print(const struct object *holders, size_t count, struct buffer *out);

/* --- the world of a file (validation_world.c) ------------------------------------------------- */

struct store;

/* A grant of the file that was made. */
struct named_grant {
    struct slice name;
    struct record_id id;
    struct object delegatee;
};

struct validation_world {
    struct store *store; /* in memory */
    struct engine *engine;
    struct engine_worker *worker;
    struct schema *schema; /* after validation_world_schema */
    struct named_grant *grants;
    size_t grant_count;
    size_t grant_capacity;
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

/* Gives an object its attributes as the server would. */
enum status validation_world_describe(struct validation_world *world,
                                      const struct validation_attributes *attributes,
                                      struct arena *arena, struct error *error) BEHALF_MUST_USE;

/* Makes a grant as the server would, a root one in a session of its own. `name` and `arguments`
 * live as long as the world. */
enum status validation_world_grant(struct validation_world *world, struct slice name,
                                   const struct grant_arguments *arguments,
                                   struct error *error) BEHALF_MUST_USE;

/* NULL when the file has no such grant, or it was not made. */
const struct named_grant *validation_world_find_grant(const struct validation_world *world,
                                                      struct slice name);

/* The check of the server; with an explanation when `explain`. A use of a grant is taken, but not
 * for an explanation: BEHALF_MUST_SPEND. */
enum status validation_world_check(struct validation_world *world, struct arena *arena,
                                   const struct validation_question *question, bool explain,
                                   struct check_result *result,
                                   struct error *error) BEHALF_MUST_USE;

enum status validation_world_expand(struct validation_world *world, struct arena *arena,
                                    const struct object *resource, const struct expand_node **tree,
                                    struct error *error) BEHALF_MUST_USE;

/* --- one subject in the tree of a permission (validation_tree.c) ------------------------------ */

/* What can be said without evaluating a condition. */
enum certainty { CERTAINTY_NO, CERTAINTY_PERHAPS, CERTAINTY_YES };

struct source;

/* One way of belonging, and the relations that it comes from. */
struct belonging {
    enum certainty certainty;
    struct source *source;
};

/* How a subject belongs to a set `{a, b[c], * - {d}}`. Naming and covering stand side by side, as
 * such a set prints: `[user:*]` beside `[user:tom[...]]`. */
struct membership {
    struct belonging named;    /* by its own name */
    struct belonging covered;  /* by the wildcard of its type */
    struct belonging excepted; /* from that wildcard */
};

/* A stored subject and where it is stored. */
struct listing {
    struct object subject;
    size_t spot;
    bool conditional;
};

struct spot;
struct way_back;

struct validation_tree {
    const struct schema *schema;
    struct arena *arena;
    struct arena work; /* of the subject being followed */
    struct arena kept; /* of the wildcard followed last */
    struct spot *spots;
    size_t spot_count;
    size_t *active; /* spots that the subject being followed can be worth something in */
    size_t active_count;
    size_t *covered; /* spots that hold the wildcard of `covered_type` */
    size_t covered_count;
    struct slice covered_type; /* of the wildcard followed last; empty = none */
    bool is_wild;              /* the subject being followed is covered by it */
    struct listing *listings;  /* every stored subject, each place; in the order of subjects */
    uint32_t listing_count;
    uint32_t listing_capacity;
    struct way_back *ways_back;
    uint32_t way_back_count;
    uint32_t way_back_capacity;
    size_t collections;
    bool has_negation; /* a way back leads through the right side of an exclusion */
    bool is_spent;     /* no room is left in `work` */
};

/* Borrows the tree and the schema. BUDGET_EXHAUSTED when it is too large for the arena. To be
 * released whatever came of it. */
enum status validation_tree_open(struct validation_tree *tree, const struct schema *schema,
                                 const struct expand_node *root, struct arena *arena,
                                 struct error *error) BEHALF_MUST_USE;
void validation_tree_release(struct validation_tree *tree);

/* How the subject belongs to the root; valid until the next call. A wildcard is followed for what
 * covers everybody of its type. CYCLE_THROUGH_EXCLUSION when that depends on its own negation. */
enum status validation_tree_follow(struct validation_tree *tree, const struct object *subject,
                                   struct membership *membership,
                                   struct error *error) BEHALF_MUST_USE;

/* Sources, for the time of the tree's `work`. NULL is a source of nothing; without room `is_spent`
 * is set. */
struct source *validation_source_of(struct validation_tree *tree, const struct expand_node *node);
struct source *validation_source_join(struct validation_tree *tree, struct source *left,
                                      struct source *right);

/* The relations of a source, in the order of their text, each once. */
enum status validation_tree_holders(struct validation_tree *tree, struct source *source,
                                    struct object **holders, uint32_t *count,
                                    struct error *error) BEHALF_MUST_USE;

/* Orders objects by type, wildcards first, then by id and relation. */
int validation_object_compare(const void *left, const void *right);

/* --- who is found, and through what (validation_found.c) -------------------------------------- */

/* The subjects in a tree of `resource` (its `relation` is the permission), in the order of their
 * text. No condition is evaluated. */
enum status validation_find(struct validation_tree *tree, struct listed_subject **found,
                            uint32_t *count, struct error *error) BEHALF_MUST_USE;

/* As validation_find, of what is stored in the world. */
enum status validation_find_stored(struct validation_world *world, const struct object *resource,
                                   struct arena *arena, struct listed_subject **found,
                                   uint32_t *count, struct error *error) BEHALF_MUST_USE;

/* --- why an answer is what it is (validation_explain.c) --------------------------------------- */

/* An indented tree, a node a line, without an end of line behind the last one. */
void validation_explanation_print(const struct explanation *explanation, struct buffer *out);

/* ` (missing: count, limit)`, or nothing. */
void validation_missing_print(const struct missing_context *missing, struct buffer *out);

/* "allow", "conditional", "deny". */
const char *validation_decision_name(enum decision decision);

/* --- running (validation_run.c) --------------------------------------------------------------- */

enum validation_kind {
    VALIDATION_FILE, /* its form */
    VALIDATION_SCHEMA,
    VALIDATION_RELATIONSHIPS,
    VALIDATION_ATTRIBUTES,
    VALIDATION_GRANT,
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
    struct slice why;     /* may be empty, may have lines */
    const char *expected; /* of an assertion that was answered: decisions by name; else NULL */
    const char *answer;
    struct slice reason;            /* of a decision by actors or a grant; empty = none */
    struct missing_context missing; /* of a conditional answer */
};

struct validation_result {
    const char *path;
    struct validation_case *cases;
    uint32_t case_count;
    size_t capacity;
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

#endif
