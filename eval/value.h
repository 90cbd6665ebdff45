/* value.h - interval arithmetic: what a node of the evaluation is worth.
 *
 * A value is an interval [lower, upper]: what certainly holds and what possibly holds. The ends are
 * bits in the decision domain and sets of subjects in the subjects domain. Deny is [0, 0], allow is
 * [1, 1]. An error is [0, 1], and so is a value that depends on missing context. Operators apply to
 * both ends (for the right operand of an exclusion the ends cross over), which gives the tables of
 * docs/ARCHITECTURE.md: union = allow if any allow, else open if any is open, else deny;
 * intersection = deny if any deny, else open if any is open, else allow; a - b = deny if a denies
 * or b allows, else open if either is, else allow. The same arithmetic gives the well-founded model
 * of a cycle through exclusion (eval_cycle.c).
 *
 * Always true: lower <= upper, and operators are monotone: narrower operands never give a wider
 * result.
 *
 * An open decision has a doubt, the union of the doubts of its open operands: an error if any of
 * them is an error, else the names of the missing context. The subjects domain has neither doubts
 * nor times; a lookup evaluates the decision of each open subject.
 *
 * `until` is a moment before which no expiration can change the value (docs/consistency.md has the
 * rules): that of an allowing operand for an allowing union, that of a denying operand for a
 * denying intersection, else the earliest of all operands.
 *
 * `provisional` marks a value that used a node in progress, assumed to be [0, 1]. When the ends of
 * a provisional value meet, it does not depend on that node and is no longer provisional. A
 * provisional value of the subjects domain has no sets. */
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
            const struct doubt *doubt; /* why a final value is open; NULL when it is not */
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

/* The value of a node in progress. */
static inline struct value
value_unknown(void)
{
    return (struct value){.upper = true, .provisional = true, .until = VALUE_FOR_EVER};
}

/* An open decision, with the reason. */
static inline struct value
value_open(const struct doubt *doubt)
{
    return (struct value){.upper = true, .until = VALUE_FOR_EVER, .doubt = doubt};
}

/* The empty value: a deny, or no subjects. */
static inline struct value
value_none(enum value_domain domain)
{
    return domain == VALUE_DECISION ? value_decision(false) : value_set(&subject_set_none);
}

/* *a = *a operation b. False when the arena is spent. */
bool value_combine(enum value_domain domain, enum value_operation operation, struct arena *arena,
                   struct value *a, const struct value *b) BEHALF_MUST_USE;

/* Whether no further operand of the operation can change the value: the lower end of a union is 1,
 * or the upper end of an intersection or exclusion is 0. Operators are monotone, so this holds for
 * every operand that could follow. A union of sets is never settled. */
static inline bool
value_is_settled(enum value_domain domain, enum value_operation operation,
                 const struct value *value)
{
    if (domain == VALUE_DECISION)
        return operation == VALUE_UNION ? value->lower : !value->upper;
    return operation != VALUE_UNION && !value->provisional && subject_set_is_none(value->upper_set);
}

/* Whether the ends differ. A final open value is an error or depends on missing context. */
static inline bool
value_is_open(enum value_domain domain, const struct value *value)
{
    if (domain == VALUE_DECISION)
        return value->lower != value->upper;
    return !subject_set_same_members(value->lower_set, value->upper_set);
}

#endif
