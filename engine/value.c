/* value.c - interval arithmetic on decisions and on sets of subjects. */
#include "engine/value.h"

static void
combine_decisions(enum value_operation operation, struct value *a, const struct value *b)
{
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
    a->provisional = (a->provisional || b->provisional) && a->lower != a->upper;
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
    if (domain == VALUE_DECISION) {
        combine_decisions(operation, a, b);
        return true;
    }
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
