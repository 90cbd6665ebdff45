/* value.h - what a node of the evaluation is worth.
 *
 * A value is an interval [lower, upper]: what certainly holds and what possibly holds. In the
 * decision domain the ends are bits; in the subjects domain they are sets of subjects. Deny is
 * [0, 0], allow [1, 1], an error [0, 1]. With the operators applied to both ends (crosswise for the
 * right side of an exclusion) the tables of docs/ARCHITECTURE.md follow: union = allow if any
 * allow, else error if any error, else deny; intersection = deny if any deny, else error, else
 * allow; a - b = deny if a denies or b allows, else error if either is, else allow. The same
 * arithmetic gives the well-founded model of a cycle through exclusion (eval_cycle.c).
 *
 * `provisional` marks a value that leaned on a node still being evaluated, taken as [0, 1]. A
 * provisional value whose ends meet does not depend on that node after all and is not provisional.
 * In the subjects domain a provisional value has no sets. */
#ifndef BEHALF_ENGINE_VALUE_H
#define BEHALF_ENGINE_VALUE_H

#include <stdbool.h>

#include "engine/subject_set.h"

struct value {
    bool lower; /* decision domain */
    bool upper;
    bool provisional;
    const struct subject_set *lower_set; /* subjects domain */
    const struct subject_set *upper_set;
};

enum value_domain { VALUE_DECISION, VALUE_SUBJECTS };

enum value_operation { VALUE_UNION, VALUE_INTERSECTION, VALUE_EXCLUSION };

static inline struct value
value_decision(bool allowed)
{
    return (struct value){.lower = allowed, .upper = allowed};
}

static inline struct value
value_set(const struct subject_set *set)
{
    return (struct value){.lower_set = set, .upper_set = set};
}

/* The value of a node that is still being evaluated. */
static inline struct value
value_unknown(void)
{
    return (struct value){.upper = true, .provisional = true};
}

/* Nothing holds. */
static inline struct value
value_none(enum value_domain domain)
{
    return domain == VALUE_DECISION ? value_decision(false) : value_set(&subject_set_none);
}

/* *a = *a operation b. False when the arena is spent. */
bool value_combine(enum value_domain domain, enum value_operation operation, struct arena *arena,
                   struct value *a, const struct value *b) BEHALF_MUST_USE;

/* Whether no further operand of the operation can change the value. */
static inline bool
value_is_settled(enum value_domain domain, enum value_operation operation,
                 const struct value *value)
{
    if (domain == VALUE_DECISION)
        return operation == VALUE_UNION ? value->lower : !value->upper;
    return operation != VALUE_UNION && !value->provisional && subject_set_is_none(value->upper_set);
}

/* Whether the ends differ: an error, once nothing is provisional any more. */
static inline bool
value_is_open(enum value_domain domain, const struct value *value)
{
    if (domain == VALUE_DECISION)
        return value->lower != value->upper;
    return !subject_set_same_members(value->lower_set, value->upper_set);
}

#endif
