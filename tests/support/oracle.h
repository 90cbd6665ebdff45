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
 *   allow   in lower; deny: not in upper; in between: undefined, which is CYCLE_THROUGH_EXCLUSION
 *
 * Threads: none. Memory: plain structs. */
#ifndef BEHALF_TESTS_ORACLE_H
#define BEHALF_TESTS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/world.h"

#define ORACLE_LANES 64
#define ORACLE_STRANGER (-1) /* an id that nothing mentions, not even the question's resource */

enum oracle_answer { ORACLE_DENY, ORACLE_UNDEFINED, ORACLE_ALLOW };

struct oracle_subject {
    int type;
    int id;   /* or ORACLE_STRANGER */
    int name; /* userset type:id#name; -1 = plain */
};

struct oracle {
    const struct world *world;
    struct oracle_subject subjects[ORACLE_LANES];
    int subject_count;
    uint64_t lanes; /* a bit per subject */
    uint64_t lower[WORLD_NODES_MAX];
    uint64_t upper[WORLD_NODES_MAX];
    uint64_t current[WORLD_NODES_MAX];
};

/* Solves for the subjects; the world is borrowed as long as answers are asked. */
void oracle_solve(struct oracle *oracle, const struct world *world,
                  const struct oracle_subject *subjects, int subject_count);

/* The answer for the subject number `lane`. A type without the member is deny. */
enum oracle_answer oracle_answer(const struct oracle *oracle, int type, int id, int name, int lane);

/* One question; slow, for tests. */
enum oracle_answer oracle_check(const struct world *world, int type, int id, int name,
                                struct oracle_subject subject);

/* The same with actors (objects: types and ids): the first acts on behalf of the subject, the next
 * of the first. Every actor's type has a member acts_on_behalf_of. */
enum oracle_answer oracle_check_chain(const struct world *world, int type, int id, int name,
                                      struct oracle_subject subject,
                                      const struct oracle_subject *actors, int actor_count);

/* Ids, one bit each, whose check is allow or undefined. */
struct oracle_resources {
    uint32_t allowed;
    uint32_t undecided;
};

struct oracle_resources oracle_lookup_resources(const struct oracle *oracle, int type, int name,
                                                int lane);

/* What lookup subjects finds at a node: at most one wildcard with exclusions, and concretes. */
struct oracle_set {
    bool undefined; /* some subject's check is: the lookup is an error */
    bool wildcard;
    uint32_t excluded; /* ids that the wildcard does not stand for */
    uint32_t concrete; /* ids reported by themselves */
    bool exact; /* else, beside a wildcard, `concrete` is not known: undefined nodes are near */
};

struct oracle_sets {
    struct oracle oracle; /* lanes: the ids in order, behind them the stranger when plain */
    struct oracle_set nodes[WORLD_NODES_MAX];
};

/* Solves lookup subjects of `type` (name -1), or of usersets type#name, at every node. */
void oracle_solve_subjects(struct oracle_sets *sets, const struct world *world, int type, int name);

#endif
