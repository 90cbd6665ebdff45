/* world.h - a small world in plain numbers: types, members, rewrites, conditions, tuples, moments.
 *
 * What the oracle (oracle.h) evaluates, what the random generator makes, and what the property
 * programs write into the engine. It shares no code with the floors it helps to test.
 * Always true: names are indexes into the tables of names; a member's name is shared by all types
 * that have such a member; ids are shared by all types; the last id may be left out of all tuples
 * (nobody ever mentioned it). Caveats are counted from 1, so that a zeroed tuple or variant has
 * none. Contexts are JSON maps; an empty text is none. Capacities are fixed; going over one ends
 * the test program.
 * Threads: none. Memory: plain structs, copied by assignment. */
#ifndef BEHALF_TESTS_WORLD_H
#define BEHALF_TESTS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/relationship.h"

#define WORLD_TYPES_MAX 8
#define WORLD_MEMBERS_MAX 12
#define WORLD_NAMES_MAX 32
#define WORLD_IDS_MAX 20
#define WORLD_VARIANTS_MAX 12
#define WORLD_EXPRESSIONS_MAX 640
#define WORLD_TUPLES_MAX 160
#define WORLD_NAME_SIZE 48
#define WORLD_NODES_MAX (WORLD_TYPES_MAX * WORLD_IDS_MAX * WORLD_MEMBERS_MAX)
#define WORLD_CAVEATS_MAX 12
#define WORLD_PARAMETERS_MAX 6
#define WORLD_CONDITION_SIZE 160
#define WORLD_CONTEXT_SIZE 256
#define WORLD_REQUESTS_MAX 6
#define WORLD_MOMENTS_MAX 6
#define WORLD_EPOCH INT64_C(1800000000000000000) /* the first moment: in January 2027 */

enum world_op {
    WORLD_NIL,
    WORLD_SELF,
    WORLD_MEMBER,       /* name */
    WORLD_UNION,        /* left, right */
    WORLD_INTERSECTION, /* left, right */
    WORLD_EXCLUSION,    /* left - right */
    WORLD_ARROW,        /* name -> target, or name -> what `left` says on the object walked to */
    WORLD_ALL,          /* name.all(target), or the same with `left` */
    WORLD_OP_COUNT
};

struct world_expression {
    enum world_op op;
    int name;   /* MEMBER: the member; ARROW, ALL: the relation on the left */
    int target; /* ARROW, ALL: name of the member walked to; -1 when nested */
    int left;   /* operand; ARROW, ALL: the nested arrow, or -1 */
    int right;
    bool dotted; /* ARROW is written .any(...) */
};

struct world_parameter {
    char name[WORLD_NAME_SIZE];
    char type[WORLD_NAME_SIZE]; /* "list<int>" */
};

struct world_caveat {
    char name[WORLD_NAME_SIZE];
    struct world_parameter parameters[WORLD_PARAMETERS_MAX];
    int parameter_count;
    char condition[WORLD_CONDITION_SIZE];
};

struct world_variant {
    int type;
    int name; /* type#name, or -1 */
    bool wildcard;
    int caveat; /* from 1; 0 = none */
    bool expiring;
};

struct world_member {
    int name;
    int root; /* expression of a permission; -1 for a relation */
    struct world_variant variants[WORLD_VARIANTS_MAX];
    int variant_count;
};

struct world_type {
    char name[WORLD_NAME_SIZE];
    struct world_member members[WORLD_MEMBERS_MAX];
    int member_count;
};

struct world_tuple {
    int type;
    int id;
    int name; /* relation */
    int subject_type;
    int subject_id;   /* -1 = wildcard */
    int subject_name; /* -1 = plain */
    int caveat;       /* from 1; 0 = none */
    int64_t expires_at;
    char context[WORLD_CONTEXT_SIZE];
};

struct world {
    struct world_type types[WORLD_TYPES_MAX];
    int type_count;
    char names[WORLD_NAMES_MAX][WORLD_NAME_SIZE]; /* of members */
    int name_count;
    char ids[WORLD_IDS_MAX][WORLD_NAME_SIZE];
    int id_count;
    struct world_expression expressions[WORLD_EXPRESSIONS_MAX];
    int expression_count;
    struct world_tuple tuples[WORLD_TUPLES_MAX];
    int tuple_count;
    struct world_caveat caveats[WORLD_CAVEATS_MAX]; /* number 1 comes first */
    int caveat_count;
    char requests[WORLD_REQUESTS_MAX][WORLD_CONTEXT_SIZE]; /* contexts to ask with */
    int request_count;
    int64_t moments[WORLD_MOMENTS_MAX]; /* to ask at, ascending */
    int moment_count;
    bool all_parentheses; /* printed with all of them; otherwise precedence is used */
};

/* --- looking things up --- */

/* Each gives an index, or -1. */
int world_find_type(const struct world *world, const char *name);
int world_find_name(const struct world *world, const char *name);
int world_find_id(const struct world *world, const char *id);
/* The member of `type` with that name. */
int world_find_member(const struct world *world, int type, int name);

/* Number of a node, below world_node_count. */
int world_node(const struct world *world, int type, int id, int member);
int world_node_count(const struct world *world);
/* Whether both have the same resource, relation and subject: one takes the place of the other. */
bool world_tuple_equal(const struct world_tuple *a, const struct world_tuple *b);
/* Whether the relation has a variant for the tuple, its caveat and expiration included. */
bool world_tuple_is_allowed(const struct world *world, const struct world_tuple *tuple);
/* Whether some relation has a variant with that caveat. */
bool world_uses_caveat(const struct world *world, int caveat);
/* Whether some expression of the world is such an operator. */
bool world_uses(const struct world *world, enum world_op op);

/* When to write it. Before the first moment: each commit moves time on, be it by a nanosecond. */
int64_t world_written_at(const struct world *world);

/* --- text --- */

void world_print_schema(const struct world *world, struct buffer *out);
void world_print_tuple(const struct world *world, const struct world_tuple *tuple,
                       struct buffer *out);
/* Schema, tuples, and with which contexts and when it is asked. */
void world_print(const struct world *world, struct buffer *out);

/* Reads a schema without comments. Meant for tests that write worlds down: whatever it does not
 * understand ends the program with a message. The world is then asked without a context, at
 * WORLD_EPOCH. */
void world_read_schema(struct world *world, const char *text);
/* A relationship, with its caveat and expiration; it takes the place of an equal one. */
void world_add_tuple(struct world *world, const char *text);
/* Makes sure that the id exists, so that questions may use it. */
int world_add_id(struct world *world, const char *id);
/* `type:id#relation` or `type:id`; *name is -1 for the latter, *id is -1 for `*`. */
void world_read_object(struct world *world, const char *text, int *type, int *id, int *name);

/* --- making --- */

struct world_random {
    uint64_t state;
};

uint64_t world_random_next(struct world_random *random);
int world_random_below(struct world_random *random, int bound); /* 0..bound-1 */
bool world_random_chance(struct world_random *random, int percent);

/* A random world; equal seeds give equal worlds. A small one has few of everything. */
enum world_size { WORLD_USUAL, WORLD_SMALL };

void world_make(struct world *world, uint64_t seed, enum world_size size);

/* Adds caveats and expirations to most worlds: to variants, to tuples; some tuples of variants that
 * the relation does not allow; contexts and moments to ask with. The part of world_make that comes
 * last, with random numbers of its own. */
void world_make_conditions(struct world *world, uint64_t seed, enum world_size size);

/* Takes one part away, for shrinking: part 0, 1, ... until it says false. The world stays readable,
 * but the schema may no longer be a valid one. */
bool world_drop(const struct world *world, int part, struct world *smaller);

#endif
