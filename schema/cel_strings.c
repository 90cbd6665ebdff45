/* cel_strings.c - questions about strings; positions and case play no part in them, so bytes do. */
#include "schema/cel_functions.h"
#include "schema/regex.h"

/* False when one of the two is no string or steps are spent. */
static bool
two_strings(struct cel_machine *machine, const struct cel_value *arguments,
            struct cel_value *result)
{
    if (arguments[0].kind != CEL_STRING || arguments[1].kind != CEL_STRING) {
        *result = cel_error(CEL_NO_OVERLOAD);
        return false;
    }
    return cel_charge_bytes(machine, arguments[0].as.text.size + arguments[1].as.text.size);
}

void
cel_contains(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
             struct cel_value *result)
{
    struct slice text = arguments[0].as.text;
    struct slice part = arguments[1].as.text;

    (void)count;
    if (two_strings(machine, arguments, result))
        *result = cel_bool(
            part.size == 0 ||
            (text.size >= part.size && memmem(text.data, text.size, part.data, part.size) != NULL));
}

void
cel_starts_with(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                struct cel_value *result)
{
    (void)count;
    if (two_strings(machine, arguments, result))
        *result = cel_bool(slice_starts_with(arguments[0].as.text, arguments[1].as.text));
}

void
cel_ends_with(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
              struct cel_value *result)
{
    struct slice text = arguments[0].as.text;
    struct slice part = arguments[1].as.text;

    (void)count;
    if (!two_strings(machine, arguments, result))
        return;
    *result = cel_bool(
        text.size >= part.size &&
        slice_equal(
            (struct slice){text.size > 0 ? text.data + text.size - part.size : NULL, part.size},
            part));
}

void
cel_matches(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    enum regex_outcome outcome;

    (void)count;
    if (!two_strings(machine, arguments, result))
        return;
    outcome = regex_search(arguments[1].as.text, arguments[0].as.text);
    *result = outcome == REGEX_BAD_PATTERN ? cel_error("the pattern is no regular expression")
                                           : cel_bool(outcome == REGEX_YES);
}
