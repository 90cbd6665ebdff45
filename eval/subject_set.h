/* subject_set.h - sets of subjects of one kind, closed under union, intersection and difference.
 *
 * A set is an optional wildcard ("all except the excluded") and concrete members beside it (the
 * algebra of docs/schema-language.md, "Lookup subjects"). A concrete member of a set with a
 * wildcard is kept: it is reported in addition to the wildcard.
 *
 *   entries   sequence << 1 | excluded, in ascending order, one per sequence
 *
 * Always true: `excluded` entries exist only with `wildcard`. A sequence with an entry is a member
 * or excluded as the entry says; one without an entry is a member exactly if `wildcard` is set.
 * Memory: immutable once made; everything in the given arena; NULL when the arena is spent.
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

/* `sequences` are in ascending order, unique, and borrowed for the call; sequence 0 is the
 * wildcard. */
const struct subject_set *subject_set_new(struct arena *arena, const uint64_t *sequences,
                                          size_t count) BEHALF_MUST_USE;

/* The union of many sets at the cost of sorting them; sets[0..count) is used as scratch space. */
const struct subject_set *subject_set_union_all(struct arena *arena,
                                                const struct subject_set **sets,
                                                size_t count) BEHALF_MUST_USE;

bool subject_set_is_none(const struct subject_set *set);

/* The same members, whether concrete or by the wildcard. */
bool subject_set_same_members(const struct subject_set *a, const struct subject_set *b);
/* The same entries too. */
bool subject_set_identical(const struct subject_set *a, const struct subject_set *b);

#endif
