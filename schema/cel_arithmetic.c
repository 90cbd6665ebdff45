/* cel_arithmetic.c - operators: exact, or an error; nothing wraps around. */
#include "schema/cel_convert.h"
#include "schema/cel_functions.h"

#define OVERFLOWS "the result does not fit its type"

static bool
both(const struct cel_value *arguments, enum cel_kind kind)
{
    return arguments[0].kind == kind && arguments[1].kind == kind;
}

/* Where one is an int and the other a whole double, both as ints: only a dyn hides such a pair, and
 * a whole number of the context under `any` counts as an int beside one. */
static bool
as_ints(const struct cel_value *arguments, struct cel_value *ints)
{
    size_t real = arguments[0].kind == CEL_DOUBLE ? 0 : 1;
    int64_t whole;

    if (arguments[real].kind != CEL_DOUBLE || arguments[1 - real].kind != CEL_INT ||
        !cel_double_to_int(arguments[real].as.real, &whole) ||
        (double)whole != arguments[real].as.real)
        return false;
    ints[real] = cel_int(whole);
    ints[1 - real] = arguments[1 - real];
    return true;
}

void
cel_equal(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
          struct cel_value *result)
{
    (void)count;
    *result = cel_bool(cel_same(machine, &arguments[0], &arguments[1]));
}

void
cel_unequal(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    (void)count;
    *result = cel_bool(!cel_same(machine, &arguments[0], &arguments[1]));
}

/* False when there is no order between the kinds; a NaN is neither less nor greater. */
static bool
ordered(struct cel_machine *machine, const struct cel_value *arguments, enum cel_order *order,
        struct cel_value *result)
{
    if (!cel_comparable(arguments[0].kind, arguments[1].kind)) {
        *result = cel_error(CEL_NO_OVERLOAD);
        return false;
    }
    if ((arguments[0].kind == CEL_STRING || arguments[0].kind == CEL_BYTES) &&
        !cel_charge_bytes(machine, arguments[0].as.text.size))
        return false;
    *order = cel_compare(&arguments[0], &arguments[1]);
    return true;
}

void
cel_less(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
         struct cel_value *result)
{
    enum cel_order order;

    (void)count;
    if (ordered(machine, arguments, &order, result))
        *result = cel_bool(order == CEL_LESS);
}

void
cel_less_equal(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
               struct cel_value *result)
{
    enum cel_order order;

    (void)count;
    if (ordered(machine, arguments, &order, result))
        *result = cel_bool(order == CEL_LESS || order == CEL_SAME);
}

void
cel_greater(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    enum cel_order order;

    (void)count;
    if (ordered(machine, arguments, &order, result))
        *result = cel_bool(order == CEL_GREATER);
}

void
cel_greater_equal(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                  struct cel_value *result)
{
    enum cel_order order;

    (void)count;
    if (ordered(machine, arguments, &order, result))
        *result = cel_bool(order == CEL_GREATER || order == CEL_SAME);
}

static void
join_texts(struct cel_machine *machine, const struct cel_value *arguments, struct cel_value *result)
{
    struct slice a = arguments[0].as.text;
    struct slice b = arguments[1].as.text;
    char *text;

    if (!cel_charge_bytes(machine, a.size + b.size))
        return;
    text = cel_take(machine, a.size + b.size + 1, 1);
    if (text == NULL)
        return;
    if (a.size > 0)
        memcpy(text, a.data, a.size);
    if (b.size > 0)
        memcpy(text + a.size, b.data, b.size);
    *result = cel_text(arguments[0].kind, (struct slice){text, a.size + b.size});
}

static void
join_lists(struct cel_machine *machine, const struct cel_value *arguments, struct cel_value *result)
{
    const struct cel_list *a = arguments[0].as.list;
    const struct cel_list *b = arguments[1].as.list;
    struct cel_value *items;

    if (!cel_charge(machine, a->count + b->count))
        return;
    items = cel_take(machine, a->count + b->count, sizeof *items);
    if (items == NULL)
        return;
    if (a->count > 0)
        memcpy(items, a->items, a->count * sizeof *items);
    if (b->count > 0)
        memcpy(items + a->count, b->items, b->count * sizeof *items);
    cel_give_list(machine, items, a->count + b->count, result);
}

/* A moment and a span of time. */
static struct cel_value
shift(const struct cel_value *moment, int64_t nanoseconds)
{
    struct cel_value result = {.kind = CEL_TIMESTAMP};
    int64_t rest = nanoseconds % CEL_NANOSECONDS + (int64_t)moment->extra;

    result.as.integer = moment->as.integer + nanoseconds / CEL_NANOSECONDS;
    if (rest < 0) {
        rest += CEL_NANOSECONDS;
        result.as.integer--;
    } else if (rest >= CEL_NANOSECONDS) {
        rest -= CEL_NANOSECONDS;
        result.as.integer++;
    }
    result.extra = (uint32_t)rest;
    if (result.as.integer < CEL_SECONDS_MIN || result.as.integer > CEL_SECONDS_MAX)
        return cel_error("the timestamp is outside of the years 1 to 9999");
    return result;
}

void
cel_add(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
        struct cel_value *result)
{
    int64_t sum = 0;
    uint64_t natural = 0;
    struct cel_value ints[2];

    if (both(arguments, CEL_INT) || both(arguments, CEL_DURATION)) {
        if (__builtin_add_overflow(arguments[0].as.integer, arguments[1].as.integer, &sum))
            *result = cel_error(OVERFLOWS);
        else
            *result = (struct cel_value){.kind = arguments[0].kind, .as.integer = sum};
    } else if (both(arguments, CEL_UINT)) {
        bool over =
            __builtin_add_overflow(arguments[0].as.natural, arguments[1].as.natural, &natural);

        *result = over ? cel_error(OVERFLOWS) : cel_uint(natural);
    } else if (both(arguments, CEL_DOUBLE)) {
        *result = cel_double(arguments[0].as.real + arguments[1].as.real);
    } else if (both(arguments, CEL_STRING) || both(arguments, CEL_BYTES)) {
        join_texts(machine, arguments, result);
    } else if (both(arguments, CEL_LIST)) {
        join_lists(machine, arguments, result);
    } else if (arguments[0].kind == CEL_TIMESTAMP && arguments[1].kind == CEL_DURATION) {
        *result = shift(&arguments[0], arguments[1].as.integer);
    } else if (arguments[0].kind == CEL_DURATION && arguments[1].kind == CEL_TIMESTAMP) {
        *result = shift(&arguments[1], arguments[0].as.integer);
    } else if (as_ints(arguments, ints)) {
        cel_add(machine, ints, count, result);
    } else {
        *result = cel_error(CEL_NO_OVERLOAD);
    }
}

static struct cel_value
span(const struct cel_value *from, const struct cel_value *to)
{
    int64_t nanoseconds;

    if (__builtin_mul_overflow(to->as.integer - from->as.integer, CEL_NANOSECONDS, &nanoseconds) ||
        __builtin_add_overflow(nanoseconds, (int64_t)to->extra - (int64_t)from->extra,
                               &nanoseconds))
        return cel_error(OVERFLOWS);
    return cel_duration(nanoseconds);
}

void
cel_subtract(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
             struct cel_value *result)
{
    int64_t difference = 0;
    uint64_t natural = 0;
    struct cel_value ints[2];

    if (both(arguments, CEL_INT) || both(arguments, CEL_DURATION)) {
        if (__builtin_sub_overflow(arguments[0].as.integer, arguments[1].as.integer, &difference))
            *result = cel_error(OVERFLOWS);
        else
            *result = (struct cel_value){.kind = arguments[0].kind, .as.integer = difference};
    } else if (both(arguments, CEL_UINT)) {
        bool over =
            __builtin_sub_overflow(arguments[0].as.natural, arguments[1].as.natural, &natural);

        *result = over ? cel_error(OVERFLOWS) : cel_uint(natural);
    } else if (both(arguments, CEL_DOUBLE)) {
        *result = cel_double(arguments[0].as.real - arguments[1].as.real);
    } else if (both(arguments, CEL_TIMESTAMP)) {
        *result = span(&arguments[1], &arguments[0]);
    } else if (arguments[0].kind == CEL_TIMESTAMP && arguments[1].kind == CEL_DURATION) {
        *result = arguments[1].as.integer == INT64_MIN
                      ? cel_error(OVERFLOWS)
                      : shift(&arguments[0], -arguments[1].as.integer);
    } else if (as_ints(arguments, ints)) {
        cel_subtract(machine, ints, count, result);
    } else {
        *result = cel_error(CEL_NO_OVERLOAD);
    }
}

void
cel_multiply(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
             struct cel_value *result)
{
    int64_t product = 0;
    uint64_t natural = 0;
    struct cel_value ints[2];

    if (both(arguments, CEL_INT)) {
        bool over =
            __builtin_mul_overflow(arguments[0].as.integer, arguments[1].as.integer, &product);

        *result = over ? cel_error(OVERFLOWS) : cel_int(product);
    } else if (both(arguments, CEL_UINT)) {
        bool over =
            __builtin_mul_overflow(arguments[0].as.natural, arguments[1].as.natural, &natural);

        *result = over ? cel_error(OVERFLOWS) : cel_uint(natural);
    } else if (both(arguments, CEL_DOUBLE)) {
        *result = cel_double(arguments[0].as.real * arguments[1].as.real);
    } else if (as_ints(arguments, ints)) {
        cel_multiply(machine, ints, count, result);
    } else {
        *result = cel_error(CEL_NO_OVERLOAD);
    }
}

/* What integers cannot be divided by; NULL when they can. */
static const char *
division_fault(const struct cel_value *arguments, const char *by_zero)
{
    if (arguments[1].as.natural == 0)
        return by_zero;
    if (arguments[0].kind == CEL_INT && arguments[0].as.integer == INT64_MIN &&
        arguments[1].as.integer == -1)
        return OVERFLOWS;
    return NULL;
}

void
cel_divide(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
           struct cel_value *result)
{
    struct cel_value ints[2];
    const char *fault;

    if (both(arguments, CEL_DOUBLE)) {
        *result = cel_double(arguments[0].as.real / arguments[1].as.real);
        return;
    }
    if (as_ints(arguments, ints)) {
        cel_divide(machine, ints, count, result);
        return;
    }
    if (!both(arguments, CEL_INT) && !both(arguments, CEL_UINT)) {
        *result = cel_error(CEL_NO_OVERLOAD);
        return;
    }
    fault = division_fault(arguments, "division by zero");
    if (fault != NULL)
        *result = cel_error(fault);
    else if (arguments[0].kind == CEL_INT)
        *result = cel_int(arguments[0].as.integer / arguments[1].as.integer);
    else
        *result = cel_uint(arguments[0].as.natural / arguments[1].as.natural);
}

void
cel_modulo(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
           struct cel_value *result)
{
    struct cel_value ints[2];
    const char *fault;

    if (as_ints(arguments, ints)) {
        cel_modulo(machine, ints, count, result);
        return;
    }
    if (!both(arguments, CEL_INT) && !both(arguments, CEL_UINT)) {
        *result = cel_error(CEL_NO_OVERLOAD);
        return;
    }
    fault = division_fault(arguments, "modulus by zero");
    if (fault != NULL)
        *result = cel_error(fault);
    else if (arguments[0].kind == CEL_INT)
        *result = cel_int(arguments[0].as.integer % arguments[1].as.integer);
    else
        *result = cel_uint(arguments[0].as.natural % arguments[1].as.natural);
}

void
cel_not(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
        struct cel_value *result)
{
    (void)machine;
    (void)count;
    *result = arguments[0].kind == CEL_BOOL ? cel_bool(!arguments[0].as.boolean)
                                            : cel_error(CEL_NO_OVERLOAD);
}

void
cel_negate(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
           struct cel_value *result)
{
    (void)machine;
    (void)count;
    if (arguments[0].kind == CEL_DOUBLE)
        *result = cel_double(-arguments[0].as.real);
    else if (arguments[0].kind != CEL_INT)
        *result = cel_error(CEL_NO_OVERLOAD);
    else if (arguments[0].as.integer == INT64_MIN)
        *result = cel_error(OVERFLOWS);
    else
        *result = cel_int(-arguments[0].as.integer);
}
