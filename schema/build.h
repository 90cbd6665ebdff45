/* build.h - a schema in the making: what the passes of the compiler share.
 *
 *   resolve_names      items to types and members; partials spliced in     resolve.c
 *   build_conditions   caveats compiled, their parameters numbered         conditions.c
 *   build_ceilings     agent_ceiling_X only beside X                      agents.c
 *   build_types        variants of relations, and their rules              types.c
 *   build_rewrites     expressions to rewrites, hidden members             rewrite.c
 *   build_dependencies who leads to whom, cycles                           depend.c
 *   build_reach        entries, terminal types, the rows of schema_reaches reach.c
 *
 * Always true: after build_rewrites the numbering is final (members of a type adjacent, hidden ones
 * behind the named ones), and `sources` and `expressions` run parallel to `members` and `rewrites`.
 * Threads: none. Memory: everything lies in `arena`, whose cap bounds what a text can cost, but for
 * the compiled caveats, which lie in `caveat_arena`; a pass that finds one of them spent returns
 * build_too_large.
 * Errors: SCHEMA_TYPE_ERROR with the place of what is wrong. */
#ifndef BEHALF_SCHEMA_BUILD_H
#define BEHALF_SCHEMA_BUILD_H

#include "base/arena.h"
#include "base/error.h"
#include "schema/ast.h"
#include "schema/names.h"
#include "schema/schema.h"

/* Of a text of 4 MiB the tree alone takes some 100 MiB; the rest is room for what partials copy. */
#define BUILD_ARENA_MAX ((size_t)384 * 1024 * 1024)

struct build_type {
    const struct ast_item *item;
    uint32_t first_member;
    uint32_t member_count;
};

struct build_source {
    const struct ast_member *member;         /* of a hidden member: the one it is part of */
    const struct ast_expression *expression; /* of a permission or hidden member */
    uint32_t first_subject; /* relations: subject_types[first_subject..+subject_count), ascending */
    uint32_t subject_count;
    bool holds_wildcard; /* relations: directly, or through usersets */
};

/* Member `from` is computed from member `to`. */
struct build_edge {
    uint32_t from;
    uint32_t to;
    uint32_t rewrite;  /* the operand that says so; SCHEMA_NONE for a userset variant */
    bool same_object;  /* COMPUTED */
    bool subtracted;   /* below the right side of `-` */
    bool alone;        /* only unions stand above the operand, and it is no `.all` */
    uint32_t tupleset; /* ARROW, ARROW_ALL; otherwise SCHEMA_NONE */
};

/* What stands above an operand in its expression. */
enum build_operand_flag {
    BUILD_OPERAND_ALONE = 1,      /* nothing but unions */
    BUILD_OPERAND_SUBTRACTED = 2, /* the right side of a `-` */
};

/* Compressed lists: edges[first[from]..first[from + 1]) are those of `from`. */
struct build_edges {
    struct build_edge *edges;
    uint32_t *first;
    uint32_t count;
};

/* Strongly connected components, numbered so that an edge never goes to a higher number. */
struct build_components {
    uint32_t *of_member;
    uint32_t *members; /* members[first[c]..first[c + 1]) */
    uint32_t *first;
    uint32_t count;
};

struct build {
    struct arena *arena;
    struct arena *caveat_arena;
    size_t *pattern_parts; /* left for the patterns of caveats; NULL = no bound */
    struct error *error;
    const struct ast_file *file;

    struct build_type *types;
    uint32_t type_count;
    struct names type_names; /* scope 0 */

    struct schema_caveat *caveats;
    const struct ast_item **caveat_items;
    uint32_t caveat_count;
    struct names caveat_names;   /* scope 0 */
    struct slice *context_names; /* ascending, each once */
    uint32_t *context_indexes;   /* of all parameters, caveat by caveat */
    uint32_t context_name_count;
    uint32_t context_index_count;

    struct schema_member *members;
    struct build_source *sources;
    uint32_t member_count;
    uint32_t member_capacity;
    uint32_t source_capacity;
    struct names member_names; /* scope: type; hidden members are not in it */

    struct schema_variant *variants;
    uint32_t variant_count;
    uint32_t variant_capacity;
    bool has_expirations;
    bool has_attributes;
    bool has_request_attributes;
    uint32_t reserved_read;
    uint32_t *subject_types;
    uint32_t subject_count;
    uint32_t subject_capacity;

    struct rewrite *rewrites;
    const struct ast_expression **expressions;
    uint32_t rewrite_count;
    uint32_t rewrite_capacity;
    uint32_t expression_capacity;
    uint32_t *operands;
    uint32_t operand_count;
    uint32_t operand_capacity;
    uint32_t *stack; /* operands of expressions in progress */
    uint32_t stack_count;
    uint32_t stack_capacity;
    struct schema_hop *hops;
    uint32_t hop_count;
    uint32_t hop_capacity;

    uint32_t *owners;       /* per rewrite: its member */
    uint8_t *operand_flags; /* per rewrite: enum build_operand_flag */
    struct build_edges edges;
    struct build_components components; /* over all edges */

    struct schema_entry *entries;
    uint32_t entry_count;
    uint32_t *type_entries;   /* first entry per type, and one more */
    uint32_t *member_entries; /* first entry per member, and one more */
    uint64_t *rows;           /* per member: `row_words` of plain types, then of userset types */
    uint32_t row_words;
};

/* Whether a text was accepted once (schema_compile_stored). */
enum build_origin { BUILD_NEW, BUILD_STORED };

/* Parses and runs all passes, without build_ceilings for a stored text. `text` and the arenas
 * outlive the build; they may be the same. A build that failed holds nothing; another is released,
 * or its caveats are kept. */
enum status build_schema(struct build *build, struct slice text, enum build_origin origin,
                         size_t *pattern_parts, struct arena *arena, struct arena *caveat_arena,
                         struct error *error) BEHALF_MUST_USE;

void build_release(struct build *build);

enum status resolve_names(struct build *build) BEHALF_MUST_USE;
enum status build_conditions(struct build *build) BEHALF_MUST_USE;
enum status build_ceilings(struct build *build) BEHALF_MUST_USE;
enum status build_types(struct build *build) BEHALF_MUST_USE;
enum status build_rewrites(struct build *build) BEHALF_MUST_USE;
enum status build_dependencies(struct build *build) BEHALF_MUST_USE;
enum status build_reach(struct build *build) BEHALF_MUST_USE;

/* Components of the edges, or of those on the same object only. */
enum status build_find_components(struct build *build, bool same_object_only,
                                  struct build_components *components) BEHALF_MUST_USE;

/* Shared by the passes. */

/* The array with room for one more element of `size`, or NULL when the arena is spent. */
void *build_grow(struct build *build, void *array, uint32_t count, uint32_t *capacity,
                 size_t size) BEHALF_MUST_USE;

enum status build_too_large(struct build *build) BEHALF_MUST_USE;

/* Adds the place to an error that was set with SCHEMA_TYPE_ERROR. */
enum status build_error_at(struct build *build, struct place place) BEHALF_MUST_USE;

struct slice build_type_name(const struct build *build, uint32_t type);

/* Hints at the nearest name of a type, of a caveat, or of a member of `type`. */
void build_suggest_type(struct build *build, struct slice wanted);
void build_suggest_caveat(struct build *build, struct slice wanted);
void build_suggest_member(struct build *build, uint32_t type, struct slice wanted);

/* Adds a member behind all others. */
enum status build_add_member(struct build *build, const struct schema_member *member,
                             const struct build_source *source) BEHALF_MUST_USE;

#endif
