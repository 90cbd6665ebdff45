/* value.h - what a node of the evaluation is worth.
 *
 * A value is an interval [lower, upper]: what certainly holds and what possibly holds. In the
 * decision domain the ends are bits; in the subjects domain they are sets of subjects. Deny is
 * [0, 0], allow [1, 1]; an error is [0, 1], and so is what hangs on context that nobody gave. With
 * the operators applied to both ends (crosswise for the right side of an exclusion) the tables of
 * docs/ARCHITECTURE.md follow: union = allow if any allow, else open if any is open, else deny;
 * intersection = deny if any deny, else open, else allow; a - b = deny if a denies or b allows,
 * else open if either is, else allow. The same arithmetic gives the well-founded model of a cycle
 * through exclusion (eval_cycle.c).
 *
 * An open decision says why by its doubt, the union of the doubts of its open operands: an error
 * if any of them is one, else the context names that are missing. The subjects domain keeps no
 * doubts and no times: who wants to know about an open subject asks for its decision.
 *
 * `until` is a moment before which no expiration can change the value (docs/consistency.md has the
 * rules): of an allowing union that of a branch that allows, of a denying intersection that of a
 * branch that denies, else the earliest of what was combined.
 *
 * `provisional` marks a value that leaned on a node still being evaluated, taken as [0, 1]. A
 * provisional value whose ends meet does not depend on that node after all and is not provisional.
 * In the subjects domain a provisional value has no sets. */
#ifndef BEHALF_EVAL_VALUE_H
#define BEHALF_EVAL_VALUE_H

#include <stdbool.h>

#include "eval/doubt.h"
#include "eval/subject_set.h"

#define VALUE_FOR_EVER INT64_MAX

struct value {
    bool lower; /* decision domain */
    bool upper;
    bool provisional;
    union {
        struct {                       /* decision domain */
            int64_t until;             /* nanoseconds since 1970 */
            const struct doubt *doubt; /* of an open value that is not provisional, else NULL */
        };
        struct { /* subjects domain */
            const struct subject_set *lower_set;
            const struct subject_set *upper_set;
        };
    };
};

enum value_domain { VALUE_DECISION, VALUE_SUBJECTS };

enum value_operation { VALUE_UNION, VALUE_INTERSECTION, VALUE_EXCLUSION };

static inline struct value
value_decision(bool allowed)
{
    return (struct value){.lower = allowed, .upper = allowed, .until = VALUE_FOR_EVER};
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
    return (struct value){.upper = true, .provisional = true, .until = VALUE_FOR_EVER};
}

/* A decision that hangs on something. */
static inline struct value
value_open(const struct doubt *doubt)
{
    return (struct value){.upper = true, .until = VALUE_FOR_EVER, .doubt = doubt};
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
