/* oracle.h - what the answers have to be: a naive evaluator of small worlds.
 *
 * Written from the meaning of the language alone. It computes, for up to 64 subjects at once (one
 * bit each, and no bit ever looks at another), the value of every (object, member) of a world: the
 * well-founded model by the alternating fixpoint. No pruning, no order, no early end.
 *
 *   lower   the subjects that surely are members; upper: those that may be. Starting from nobody
 *           and everybody, each round computes both again as least fixpoints in which the right
 *           side of every `-` is read from the last round (for lower: its upper bound, for upper:
 *           its lower bound). A right side is so read as if it were a permission of its own:
 *           `a - (b - p)` inside `p` passes two exclusions and leaves p undefined.
 *   open    in between. A tuple whose condition is undecided (or fails to evaluate) is open from
 *           the start: nobody for lower, all whom it leads to for upper.
 *   allow   in lower; deny: not in upper
 *
 * Why an open node is open is found afterwards, per subject, in the graph of open nodes. An edge
 * leads from a node to each open node that its own value is open for, along operands that are
 * open themselves. Nodes of a cycle with an edge through the right side of a `-` are the error
 * CYCLE_THROUGH_EXCLUSION; any other node is what it reaches: an error when it reaches one, else
 * conditional on all the names that it reaches.
 *
 * Threads: none. Memory: plain structs, but for what the release functions give back. */
#ifndef BEHALF_TESTS_ORACLE_H
#define BEHALF_TESTS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "schema/caveat.h"
#include "tests/support/world.h"

#define ORACLE_LANES 64
#define ORACLE_STRANGER (-1) /* an id that nothing mentions, not even the question's resource */
#define ORACLE_NAMES_MAX 48

/* --- conditions --- */

/* The caveats of a world, compiled, and the names of all their parameters. */
struct oracle_caveats {
    struct arena arena;
    struct world_caveat sources[WORLD_CAVEATS_MAX];
    const struct caveat *compiled[WORLD_CAVEATS_MAX];
    int count;
    char names[ORACLE_NAMES_MAX][WORLD_NAME_SIZE]; /* ascending, each once */
    int name_count;
};

void oracle_caveats_init(struct oracle_caveats *caveats);
void oracle_caveats_release(struct oracle_caveats *caveats);
/* Compiles what the world has, unless it is the same as before. A caveat that does not compile ends
 * the program. */
void oracle_caveats_prepare(struct oracle_caveats *caveats, const struct world *world);

/* A caveat with what is stored (JSON, or empty) and what is asked with (or NULL). The one thing
 * that tests ask of the floors under test: what the language of conditions means is proven
 * elsewhere. */
enum status oracle_caveat_evaluate(const struct caveat *caveat, struct slice stored,
                                   const struct datum *request, struct arena *arena,
                                   struct caveat_result *result, struct error *error);

/* Why a value is open: a bit per name that is missing, and bits of errors. */
#define ORACLE_CYCLE (UINT64_C(1) << 63)      /* CYCLE_THROUGH_EXCLUSION */
#define ORACLE_EVALUATION (UINT64_C(1) << 62) /* CAVEAT_EVALUATION_ERROR */
#define ORACLE_PARAMETER (UINT64_C(1) << 61)  /* CAVEAT_PARAMETER_TYPE_ERROR */
#define ORACLE_ERRORS (ORACLE_CYCLE | ORACLE_EVALUATION | ORACLE_PARAMETER)

enum oracle_condition {
    ORACLE_ABSENT, /* expired, or of a variant that the relation does not allow: not there at all */
    ORACLE_FAILS,
    ORACLE_OPEN,
    ORACLE_HOLDS
};

/* What the tuples of a world are worth to one question: its context (JSON, or empty) and time. */
struct oracle_facts {
    const struct world *world;
    enum oracle_condition conditions[WORLD_TUPLES_MAX];
    uint64_t reasons[WORLD_TUPLES_MAX]; /* of ORACLE_OPEN */
};

/* One caveat (from 1) with what is stored and what is asked with. */
enum oracle_condition oracle_condition_find(const struct oracle_caveats *caveats, int caveat,
                                            const char *stored, const char *context,
                                            uint64_t *reasons);

/* The world is borrowed as long as the facts are used. */
void oracle_facts_find(struct oracle_facts *facts, const struct world *world,
                       const struct oracle_caveats *caveats, const char *context, int64_t now);

/* --- values --- */

enum oracle_answer { ORACLE_DENY, ORACLE_ERROR, ORACLE_CONDITIONAL, ORACLE_ALLOW };

struct oracle_value {
    enum oracle_answer answer;
    uint64_t reasons; /* CONDITIONAL: the names; ERROR: what it may be called, at least one */
};

/* Both must hold: delegation. */
struct oracle_value oracle_both(struct oracle_value a, struct oracle_value b);
bool oracle_value_equal(struct oracle_value a, struct oracle_value b);
/* "allow", "deny", "conditional on a, b", "error: NAME". */
void oracle_print_value(const struct oracle_caveats *caveats, struct oracle_value value,
                        struct buffer *out);
/* Whether the error of that value may be this status. */
bool oracle_error_fits(struct oracle_value value, enum status status);

struct oracle_subject {
    int type;
    int id;   /* or ORACLE_STRANGER */
    int name; /* userset type:id#name; -1 = plain */
};

/* All zeroes before the first oracle_solve. */
struct oracle {
    const struct world *world;
    const struct oracle_facts *facts;
    struct oracle_subject subjects[ORACLE_LANES];
    int subject_count;
    uint64_t lanes; /* a bit per subject */
    uint64_t lower[WORLD_NODES_MAX];
    uint64_t upper[WORLD_NODES_MAX];
    uint64_t current[WORLD_NODES_MAX];
    uint64_t *reasons;  /* per node and subject, of open nodes */
    size_t reason_size; /* elements there is room for */
    uint64_t explained; /* lanes whose reasons are known */
};

/* Solves for the subjects; the facts are borrowed as long as answers are asked. */
void oracle_solve(struct oracle *oracle, const struct oracle_facts *facts,
                  const struct oracle_subject *subjects, int subject_count);
void oracle_release(struct oracle *oracle);

/* The value for the subject number `lane`. A type without the member is deny. */
struct oracle_value oracle_value(struct oracle *oracle, int type, int id, int name, int lane);

/* --- lookup subjects --- */

/* What lookup subjects finds at a node where nothing is open: at most one wildcard with exclusions,
 * and concretes. */
struct oracle_set {
    bool wildcard;
    uint32_t excluded; /* ids that the wildcard does not stand for */
    uint32_t concrete; /* ids reported by themselves */
};

struct oracle_sets {
    struct oracle oracle; /* lanes: the ids in order, behind them the stranger when plain */
    bool exact;           /* nothing is open anywhere, not even a condition: `nodes` holds */
    struct oracle_set nodes[WORLD_NODES_MAX];
};

/* Solves lookup subjects of `type` (name -1), or of usersets type#name, at every node. Zeroes
 * before the first time; oracle_release its oracle. */
void oracle_solve_subjects(struct oracle_sets *sets, const struct oracle_facts *facts, int type,
                           int name);

#endif
