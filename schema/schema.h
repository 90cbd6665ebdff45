/* schema.h - CONTRACT of the schema floor: text in, immutable meaning out.
 *
 * Always true: a schema never changes after schema_compile returns it; compiling is pure (no I/O,
 * no clock, no threads) and bounded (text size, definitions, nesting); equal text gives equal
 * results.
 * A schema numbers its own names: types 0..type_count-1, members 0..member_count-1 (the members of
 * a type are adjacent), caveats likewise. Whoever stores ids binds them to labels of his own.
 * Every rewrite is validated at compile time: operands are in range, an operand's index is smaller
 * than its operator's (so there is no cycle inside one permission's tree; cycles go through
 * members).
 * Threads: a compiled schema may be read from any thread. Memory: reference counted; the last
 * schema_unref frees it. Slices inside point into the schema.
 * Language: the schema language of SpiceDB with the additions of docs/schema-language.md.
 * Errors: SCHEMA_PARSE_ERROR, SCHEMA_TYPE_ERROR, with line, column, offending text and a hint. */
#ifndef BEHALF_SCHEMA_SCHEMA_H
#define BEHALF_SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/slice.h"

struct caveat; /* schema/caveat.h */

#define SCHEMA_NONE UINT32_MAX
#define SCHEMA_TEXT_SIZE_MAX ((size_t)4 * 1024 * 1024)
#define SCHEMA_DEFINITIONS_MAX 2000 /* partials and caveats included */
#define SCHEMA_MEMBERS_MAX                                                                         \
    65535                     /* hidden ones and those copied from partials included; an index
                                       fits 16 bits, which keys of the engine rely on */
#define SCHEMA_NESTING_MAX 64 /* parentheses and nested arrows in one expression */
#define SCHEMA_LINTS_MAX 1000 /* what one text is warned of at most */

/* One node of a rewrite program: how a member's subjects are computed.
 *
 *   op            first/count                      member
 *   NIL           -                                -
 *   SELF          -                                -
 *   STORED        -                                the relation itself
 *   COMPUTED      -                                member of same type
 *   UNION         operands[first..first+count)     -    count >= 2
 *   INTERSECTION  operands[first..first+count)     -    count >= 2
 *   EXCLUSION     operands[first], [first + 1]     -    count == 2
 *   ARROW         hops[first..first+count)         the tupleset relation
 *   ARROW_ALL     hops[first..first+count)         the tupleset relation
 *
 * `hops` gives, for each subject type that the tupleset relation allows, the member that the arrow
 * goes on to there, or SCHEMA_NONE where that type has no such name: an ARROW passes over such a
 * subject, an ARROW_ALL is empty because of it. */
enum rewrite_op {
    REWRITE_NIL,
    REWRITE_SELF,
    REWRITE_STORED,
    REWRITE_COMPUTED,
    REWRITE_UNION,
    REWRITE_INTERSECTION,
    REWRITE_EXCLUSION,
    REWRITE_ARROW,
    REWRITE_ARROW_ALL,
};

struct rewrite {
    enum rewrite_op op;
    uint32_t first;
    uint32_t count;
    uint32_t member;
};

struct schema_hop {
    uint32_t type;   /* subject type that the tupleset relation allows; each type once, ascending */
    uint32_t member; /* member of that type, or SCHEMA_NONE */
};

/* One kind of subject that a relation allows. Two variants differ in at least one field. */
struct schema_variant {
    uint32_t type;
    uint32_t relation; /* member of `type` for type#relation; SCHEMA_NONE for type and type:* */
    uint32_t caveat;   /* index into caveats; SCHEMA_NONE when none */
    bool wildcard;
    bool expiring;
    bool repeats; /* an earlier variant of the relation differs in caveat or expiration only: the
                     same stored subjects are met through that one */
};

/* A condition that relationships may carry; `compiled` lives as long as the schema. Parameter i is
 * called context_names[context_indexes[first_context + i]]: one number for one name in all caveats,
 * so that what is missing of a context can be counted and named together. */
struct schema_caveat {
    struct slice name;
    struct slice comment;
    const struct caveat *compiled; /* schema/caveat.h */
    uint32_t first_context;
};

enum schema_member_kind {
    SCHEMA_RELATION,
    SCHEMA_PERMISSION,
    SCHEMA_HIDDEN, /* part of a nested arrow; has no name that a request could use */
};

struct schema_member {
    struct slice name;    /* of a hidden member: text with a character no name can have */
    struct slice comment; /* documentation, decoration trimmed; may be empty */
    enum schema_member_kind kind;
    uint32_t type;
    uint32_t root;          /* rewrite; for a relation a STORED */
    uint32_t first_variant; /* relations only: variants[first_variant..+variant_count) */
    uint32_t variant_count;
    uint32_t first_entry; /* entries[first_entry..+entry_count): what this member leads to */
    uint32_t entry_count;
    bool has_usersets; /* relations only: some variant is type#relation */
};

struct schema_type {
    struct slice name;
    struct slice comment;
    uint32_t first_member;
    uint32_t member_count;
    uint32_t
        first_entry; /* entries: what a plain subject (or the wildcard) of this type leads to */
    uint32_t entry_count;
};

/* One step of the reachability graph, walked from subjects towards resources. Who is a subject of
 * the source (a type as plain subject, or a member) may be a subject of `target`:
 *   STORED    through a stored tuple of relation `target` whose subject is the source
 *             (for a member source: the userset object#member)
 *   COMPUTED  on the same object, through the rewrite of permission `target`
 *   ARROW     on the objects that name the source's object on relation `tupleset`, through an arrow
 *             in the rewrite of permission `target`
 *   SELF      (type sources only) the subject itself as resource of permission `target`
 * `certain` is true when the step alone decides, as far as the schema knows: `target`'s rewrite
 * reaches it through unions only, and the arrow is not .all. A stored tuple's own caveat and
 * expiration are its own matter. */
enum schema_entry_kind {
    SCHEMA_ENTRY_STORED,
    SCHEMA_ENTRY_COMPUTED,
    SCHEMA_ENTRY_ARROW,
    SCHEMA_ENTRY_SELF
};

struct schema_entry {
    enum schema_entry_kind kind;
    uint32_t target;   /* member */
    uint32_t tupleset; /* relation, for ARROW; otherwise SCHEMA_NONE */
    bool certain;
    bool wildcard; /* STORED from a type: the variant is type:* (else the plain type) */
};

struct schema {
    const struct schema_type *types;
    const struct schema_member *members;
    const struct schema_variant *variants;
    const struct rewrite *rewrites;
    const uint32_t *operands; /* indexes into rewrites */
    const struct schema_hop *hops;
    const struct schema_entry *entries;
    const struct schema_caveat *caveats;
    const uint32_t *context_indexes;
    const struct slice *context_names; /* ascending, each once */
    uint32_t type_count;
    uint32_t member_count;
    uint32_t variant_count;
    uint32_t rewrite_count;
    uint32_t operand_count;
    uint32_t hop_count; /* arrows over the same relation to the same name share their hops */
    uint32_t entry_count;
    uint32_t caveat_count;
    uint32_t context_name_count;
    bool has_expirations; /* some variant is expiring */
    /* `use attributes`, which `use request_attributes` implies: parameters of caveats are reserved
     * (schema/caveat.h). `reserved_read`: by any caveat, bit i for enum caveat_reserved i. */
    bool has_attributes;
    bool has_request_attributes;
    uint32_t reserved_read;
    struct slice text; /* as given to schema_compile */
};

/* `text` is copied. Partials are expanded; `import` is refused (the command line resolves it). */
enum status schema_compile(struct slice text, struct schema **schema,
                           struct error *error) BEHALF_MUST_USE;

/* The same for a text that was accepted once, perhaps by an earlier version: bounds of what
 * compiling may take do not apply, and a ceiling may be without its member, so that a store always
 * opens. */
enum status schema_compile_stored(struct slice text, struct schema **schema,
                                  struct error *error) BEHALF_MUST_USE;
struct schema *schema_ref(const struct schema *schema);
void schema_unref(const struct schema *schema); /* accepts NULL */

/* Indexes by name, or SCHEMA_NONE. Hidden members are never found. */
uint32_t schema_find_type(const struct schema *schema, struct slice name);
uint32_t schema_find_member(const struct schema *schema, uint32_t type, struct slice name);
uint32_t schema_find_caveat(const struct schema *schema, struct slice name);

/* The member that an arrow goes on to on objects of a type. */
uint32_t schema_hop_member(const struct schema *schema, const struct rewrite *arrow, uint32_t type);

/* The same as schema_find_* for names of a request: UNKNOWN_DEFINITION, or
 * UNKNOWN_RELATION_OR_PERMISSION, with the nearest name as a hint. That looks at a bounded number
 * of names, so a flood of wrong ones costs little. */
enum status schema_resolve_type(const struct schema *schema, struct slice name, uint32_t *type,
                                struct error *error) BEHALF_MUST_USE;
enum status schema_resolve_member(const struct schema *schema, uint32_t type, struct slice name,
                                  uint32_t *member, struct error *error) BEHALF_MUST_USE;

/* A variant of subjects as it stands in a schema: `group#member with office_hours`. */
struct schema_variant_words {
    struct slice type;
    struct slice relation; /* empty = none */
    struct slice caveat;   /* empty = none */
    bool wildcard;
    bool expiring;
};

void schema_variant_words_print(const struct schema_variant_words *words, struct buffer *out);
void schema_variant_print(const struct schema *schema, const struct schema_variant *variant,
                          struct buffer *out);

/* --- agents (docs/schema-language.md) --- */

#define SCHEMA_ACTS_ON_BEHALF_OF "acts_on_behalf_of" /* a definition with it is an agent type */
#define SCHEMA_AGENT_CEILING "agent_ceiling"         /* agents that may do anything on an object */
#define SCHEMA_AGENT_CEILING_OF "agent_ceiling_"     /* before the name of a member: may do this */

bool schema_type_is_agent(const struct schema *schema, uint32_t type);

/* Whether a member of this name says what agents act for, or limits them: who has it may do nothing
 * by it. */
bool schema_is_agent_rule(struct slice name);

/* What a caveat says, without its name, blanks and comments: SHA-256 over the number of parameters
 * (4 bytes), for each in order its name and its type, and the tokens of the expression; each of
 * these behind its size (4 bytes); and four bytes FF where some of the parameters are reserved.
 * Stored in grants: it must not change from one version to the next. */
void schema_caveat_digest(const struct schema *schema, uint32_t caveat,
                          uint8_t digest[DIGEST_SIZE]);

/* Whether a subject of `subject_type` (plain, or a userset of that type when `userset`) can be a
 * subject of `member` for any stored tuples at all, identity of a userset with a member included.
 * False prunes; true promises nothing. One bit test. */
bool schema_reaches(const struct schema *schema, uint32_t member, uint32_t subject_type,
                    bool userset);

/* The canonical text: definitions as written in order, four spaces, comments kept.
 * Printing parses text again: parse(print(s)) = s and print(parse(print(s))) = print(s). */
enum status schema_format(struct slice text, struct buffer *out,
                          struct error *error) BEHALF_MUST_USE;

/* One warning. `name` is a stable kebab-case name ("relation-name-references-parent"). */
struct schema_lint {
    const char *name;
    uint32_t line;
    uint32_t column;
    char message[ERROR_MESSAGE_SIZE];
};

/* Warnings of a text that compiles, in source order; silenced ones are left out.
 * `lints` is allocated; the caller frees it with memory_free. */
enum status schema_lint(struct slice text, struct schema_lint **lints, size_t *count,
                        struct error *error) BEHALF_MUST_USE;

/* What stands in the text for a member, for people: what compiling forgets. */
struct schema_source {
    struct slice expression; /* of a permission, as schema_format prints it; else empty */
    uint32_t line;           /* of its name, where it was declared (in a partial, perhaps) */
    uint32_t column;
};

/* One source per member of the schema that `text` compiles to, hidden ones included, in its order.
 * They lie in the arena. */
enum status schema_sources(struct slice text, struct arena *arena, struct schema_source **sources,
                           size_t *count, struct error *error) BEHALF_MUST_USE;

/* A `use` or an `import` statement of a text. */
struct schema_directive {
    bool import;        /* else: use */
    struct slice value; /* the flag; of an import the path without its quotes */
    uint32_t offset;    /* the statement's bytes in the text, keyword included */
    uint32_t size;
    uint32_t line;
    uint32_t column; /* of the value */
};

/* In the order of the text, which only has to parse. They lie in the arena, values in the text. */
enum status schema_directives(struct slice text, struct arena *arena,
                              struct schema_directive **directives, size_t *count,
                              struct error *error) BEHALF_MUST_USE;

/* Every invariant of this header; false and a static sentence when one is broken. For tests. */
bool schema_validate(const struct schema *schema, const char **reason);

#endif
