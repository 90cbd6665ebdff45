/* cel_strings.c - questions about strings; positions and case play no part in them, so bytes do. */
#include "schema/cel_functions.h"
#include "schema/regex.h"

/* Compiling a pattern, beside what its size costs; and what it may cost in all, which is taken for
 * one that turns out to be none. What cannot be paid for is not begun: on an event loop never. */
#define COMPILE_STEPS 100
#define COMPILE_STEPS_MAX (COMPILE_STEPS + 2 * REGEX_COST_MAX)
#define SHORT_MAX 256
#define PARTS_PER_STEP 16

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

/* Knuth, Morris and Pratt, "Fast pattern matching in strings" (1977): borders[i] is the length of
 * the longest proper border of the first i bytes. */
static bool
find_short(struct slice text, struct slice part)
{
    uint16_t borders[SHORT_MAX + 1];
    size_t matched = 0;

    borders[0] = 0;
    borders[1] = 0;
    for (size_t at = 1; at < part.size; at++) {
        while (matched > 0 && part.data[at] != part.data[matched])
            matched = borders[matched];
        matched += part.data[at] == part.data[matched];
        borders[at + 1] = (uint16_t)matched;
    }
    matched = 0;
    for (size_t at = 0; at < text.size; at++) {
        while (matched > 0 && text.data[at] != part.data[matched])
            matched = borders[matched];
        matched += text.data[at] == part.data[matched];
        if (matched == part.size)
            return true;
    }
    return false;
}

/* Linear, whatever the two are: for short parts memmem is not ("aaa..." and "aa..ab" take the
 * product of their sizes), for long ones it is (two-way). */
static bool
find(struct slice text, struct slice part)
{
    if (part.size == 0)
        return true;
    if (text.size < part.size)
        return false;
    if (part.size == 1)
        return memchr(text.data, part.data[0], text.size) != NULL;
    if (part.size <= SHORT_MAX)
        return find_short(text, part);
    return memmem(text.data, text.size, part.data, part.size) != NULL;
}

void
cel_contains(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
             struct cel_value *result)
{
    (void)count;
    if (two_strings(machine, arguments, result) &&
        cel_charge_reading(machine, arguments[0].as.text.size + arguments[1].as.text.size))
        *result = cel_bool(find(arguments[0].as.text, arguments[1].as.text));
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

/* The last pattern of a context is kept: a macro asks for the same again and again. */
const struct regex *
cel_pattern(struct cel_machine *machine, const struct cel_value *pattern)
{
    struct slice text = pattern->as.text;
    char reason[8];

    if (pattern->extra != 0)
        return machine->patterns[pattern->extra - 1];
    if (!cel_charge_bytes(machine, text.size))
        return NULL;
    if (machine->last_pattern.data != NULL && slice_equal(machine->last_pattern, text))
        return machine->last_regex;
    if (machine->steps < COMPILE_STEPS_MAX) {
        (void)cel_charge(machine, COMPILE_STEPS_MAX);
        return NULL;
    }
    cel_machine_end(machine);
    machine->last_regex = regex_compile(text, reason, sizeof reason);
    machine->last_pattern = text;
    (void)cel_charge(machine, machine->last_regex != NULL
                                  ? COMPILE_STEPS + 2 * regex_cost(machine->last_regex)
                                  : COMPILE_STEPS_MAX / 2);
    return machine->last_regex;
}

void
cel_matches(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
            struct cel_value *result)
{
    const struct regex *regex;

    (void)count;
    if (!two_strings(machine, arguments, result))
        return;
    regex = cel_pattern(machine, &arguments[1]);
    if (machine->status != BEHALF_OK)
        return;
    /* An automaton that does not fit into its memory is walked state by state: then a byte costs as
     * much as the pattern has parts. */
    if (regex != NULL &&
        !cel_charge(machine, arguments[0].as.text.size * regex_cost(regex) / PARTS_PER_STEP))
        return;
    *result = regex == NULL ? cel_error("the pattern is no regular expression")
                            : cel_bool(regex_search(regex, arguments[0].as.text));
}
