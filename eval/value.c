/* value.c - interval arithmetic on decisions and on sets of subjects.
 *
 * Each end of a result is computed from one end of each operand, independently of the other end.
 * The ends of the right operand of an exclusion cross over: what is certainly subtracted limits the
 * upper end, what is possibly subtracted limits the lower end. That crossing is why an open `b`
 * cannot turn `a - b` into an allow:
 *
 *   allow - open = [1, 1] - [0, 1] = [1 and not 1, 1 and not 0] = [0, 1]   open
 *   open - allow = [0, 1] - [1, 1] = [0 and not 1, 1 and not 1] = [0, 0]   deny */
#include "eval/value.h"

#include "base/check.h"

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The validity of a decision that one operand alone enforces. If both enforce it, it holds as long
 * as either does, hence the later of the two. */
static int64_t
carried_until(bool by_a, bool by_b, const struct value *a, const struct value *b)
{
    if (by_a && by_b)
        return a->until > b->until ? a->until : b->until;
    return by_a ? a->until : b->until;
}

/* Which operands enforce the result alone: an allowing one in a union, a denying one in an
 * intersection, a denying left or an allowing right one in an exclusion. Without such an operand
 * the result depends on both, and any change of either may change it. */
static int64_t
until_of(enum value_operation operation, const struct value *a, const struct value *b)
{
    bool by_a = false;
    bool by_b = false;

    switch (operation) {
    case VALUE_UNION:
        by_a = a->lower;
        by_b = b->lower;
        break;
    case VALUE_INTERSECTION:
        by_a = !a->upper;
        by_b = !b->upper;
        break;
    case VALUE_EXCLUSION:
        by_a = !a->upper;
        by_b = b->lower;
        break;
    }
    return by_a || by_b ? carried_until(by_a, by_b, a, b) : earlier(a->until, b->until);
}

/* Combines both ends and keeps the invariants of struct value: lower <= upper, a doubt only on an
 * open value that is not provisional. */
static bool
combine_decisions(enum value_operation operation, struct arena *arena, struct value *a,
                  const struct value *b)
{
    /* First, as it reads the ends of both operands before they are combined. */
    a->until = until_of(operation, a, b);
    switch (operation) {
    case VALUE_UNION:
        a->lower = a->lower || b->lower;
        a->upper = a->upper || b->upper;
        break;
    case VALUE_INTERSECTION:
        a->lower = a->lower && b->lower;
        a->upper = a->upper && b->upper;
        break;
    case VALUE_EXCLUSION:
        a->lower = a->lower && !b->upper;
        a->upper = a->upper && !b->lower;
        break;
    }
    /* lower <= upper: an inverted interval would allow by one end and deny by the other. */
    BEHALF_ASSERT(a->upper || !a->lower);
    /* Ends that meet are definite for whatever value the node in progress gets, so the mark and the
     * doubt are dropped. The doubt of a value that is still provisional is unknown as well. */
    a->provisional = (a->provisional || b->provisional) && a->lower != a->upper;
    if (a->lower == a->upper || a->provisional) {
        a->doubt = NULL;
        return true;
    }
    return doubt_union(arena, &a->doubt, b->doubt);
}

static enum subject_operation
set_operation(enum value_operation operation)
{
    switch (operation) {
    case VALUE_UNION:
        return SUBJECTS_UNION;
    case VALUE_INTERSECTION:
        return SUBJECTS_INTERSECTION;
    case VALUE_EXCLUSION:
        return SUBJECTS_DIFFERENCE;
    }
    BEHALF_UNREACHABLE();
}

/* The empty set absorbs in an intersection and on the left of an exclusion, even when the other
 * operand is unknown. It is the only definite result that an unknown permits in this domain. */
static bool
is_none_for_certain(const struct value *value)
{
    return !value->provisional && subject_set_is_none(value->upper_set);
}

static bool
combine_sets(enum value_operation operation, struct arena *arena, struct value *a,
             const struct value *b)
{
    /* The common case: both operands are exact, so one set is both ends and no second merge is
     * needed. */
    bool exact = a->lower_set == a->upper_set && b->lower_set == b->upper_set;
    bool crosswise = operation == VALUE_EXCLUSION;
    const struct subject_set *lower;
    const struct subject_set *upper;

    lower = subject_set_combine(arena, set_operation(operation), a->lower_set,
                                crosswise ? b->upper_set : b->lower_set);
    upper = exact ? lower
                  : subject_set_combine(arena, set_operation(operation), a->upper_set,
                                        crosswise ? b->lower_set : b->upper_set);
    a->lower_set = lower;
    a->upper_set = upper;
    return lower != NULL && upper != NULL;
}

bool
value_combine(enum value_domain domain, enum value_operation operation, struct arena *arena,
              struct value *a, const struct value *b)
{
    if (domain == VALUE_DECISION)
        return combine_decisions(operation, arena, a, b);
    if (operation != VALUE_UNION && is_none_for_certain(a))
        return true;
    if (operation == VALUE_INTERSECTION && is_none_for_certain(b)) {
        *a = *b;
        return true;
    }
    /* A provisional value has no sets, so nothing between "unknown" and "empty" is tracked. The
     * node is computed again, with sets, when its component is solved. */
    if (a->provisional || b->provisional) {
        *a = value_unknown();
        return true;
    }
    return combine_sets(operation, arena, a, b);
}
