/* cel_strings.c - questions about strings; positions and case play no part in them, so bytes do. */
#include "schema/cel_functions.h"
#include "schema/regex.h"

#define COMPILE_STEPS 100 /* of a pattern, beside those for its size */

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
cel_machine_end(struct cel_machine *machine)
{
    regex_free(machine->last_regex);
    machine->last_regex = NULL;
    machine->last_pattern = (struct slice){NULL, 0};
}

/* A pattern that is a value of the context. The last one is kept: a macro asks for the same again
 * and again. False when steps are spent. */
static bool
find_pattern(struct cel_machine *machine, struct slice pattern)
{
    char reason[8];

    if (machine->last_pattern.data != NULL && slice_equal(machine->last_pattern, pattern))
        return true;
    cel_machine_end(machine);
    machine->last_regex = regex_compile(pattern, reason, sizeof reason);
    machine->last_pattern = pattern;
    return cel_charge(machine,
                      COMPILE_STEPS + (machine->last_regex != NULL ? regex_cost(machine->last_regex)
                                                                   : REGEX_COST_MAX / 4));
}

void
cel_matches(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    const struct cel_value *pattern = &arguments[1];
    const struct regex *regex;

    (void)count;
    if (!two_strings(machine, arguments, result))
        return;
    if (pattern->extra == 0 && !find_pattern(machine, pattern->as.text))
        return;
    regex = pattern->extra == 0 ? machine->last_regex : machine->patterns[pattern->extra - 1];
    *result = regex == NULL ? cel_error("the pattern is no regular expression")
                            : cel_bool(regex_search(regex, arguments[0].as.text));
}
