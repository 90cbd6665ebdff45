/* subject_set.h - sets of subjects of one kind, closed under union, intersection and difference.
 *
 * A set is at most one wildcard "all but the excluded" and concrete members beside it (the algebra
 * of docs/schema-language.md, "Lookup subjects"). A concrete member of a public set is kept: it is
 * reported as well as the wildcard.
 *
 *   entries   sequence << 1 | excluded, ascending, each sequence once
 *
 * Always true: `excluded` entries stand only in a set with `wildcard`; a sequence is a member when
 * its entry says so, excluded when its entry says so, and without an entry exactly as `wildcard`
 * says.
 * Memory: immutable once made; everything in the arena given; NULL when the arena is spent.
 * Threads: none of its own. */
#ifndef BEHALF_EVAL_SUBJECT_SET_H
#define BEHALF_EVAL_SUBJECT_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct subject_set {
    const uint64_t *entries;
    size_t count;
    bool wildcard;
};

#define SUBJECT_ENTRY(sequence, excluded) ((sequence) << 1 | (uint64_t)(excluded))
#define SUBJECT_SEQUENCE(entry) ((entry) >> 1)
#define SUBJECT_EXCLUDED(entry) (((entry)&1) != 0)

enum subject_operation { SUBJECTS_UNION, SUBJECTS_INTERSECTION, SUBJECTS_DIFFERENCE };

extern const struct subject_set subject_set_none;
extern const struct subject_set subject_set_all; /* the wildcard without exclusions */

const struct subject_set *subject_set_combine(struct arena *arena, enum subject_operation operation,
                                              const struct subject_set *a,
                                              const struct subject_set *b) BEHALF_MUST_USE;

/* `sequences` ascending and unique, borrowed for the call; sequence 0 is the wildcard. */
const struct subject_set *subject_set_new(struct arena *arena, const uint64_t *sequences,
                                          size_t count) BEHALF_MUST_USE;

/* Union of many at the cost of sorting: sets[0..count) is used as working space. */
const struct subject_set *subject_set_union_all(struct arena *arena,
                                                const struct subject_set **sets,
                                                size_t count) BEHALF_MUST_USE;

bool subject_set_is_none(const struct subject_set *set);

/* Same members, whether concrete or by the wildcard. */
bool subject_set_same_members(const struct subject_set *a, const struct subject_set *b);
/* Same entries as well. */
bool subject_set_identical(const struct subject_set *a, const struct subject_set *b);

#endif
