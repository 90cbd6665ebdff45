/* value.c - interval arithmetic on decisions and on sets of subjects. */
#include "eval/value.h"

#include "base/check.h"

static int64_t
earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Until when a decision stands that either operand carries by itself. */
static int64_t
carried_until(bool by_a, bool by_b, const struct value *a, const struct value *b)
{
    if (by_a && by_b)
        return a->until > b->until ? a->until : b->until;
    return by_a ? a->until : b->until;
}

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

static bool
combine_decisions(enum value_operation operation, struct arena *arena, struct value *a,
                  const struct value *b)
{
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
    BEHALF_ASSERT(a->upper || !a->lower); /* what certainly holds possibly holds */
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

/* Nothing and-ed with, or nothing less, whatever the unknown turns out to be, is nothing. */
static bool
is_none_for_certain(const struct value *value)
{
    return !value->provisional && subject_set_is_none(value->upper_set);
}

static bool
combine_sets(enum value_operation operation, struct arena *arena, struct value *a,
             const struct value *b)
{
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
    if (a->provisional || b->provisional) {
        *a = value_unknown();
        return true;
    }
    return combine_sets(operation, arena, a, b);
}
