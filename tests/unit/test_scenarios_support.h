/* test_scenarios_support.h - words for scenario tests: each asks through every method of the
 * engine. */
#ifndef BEHALF_TESTS_SCENARIOS_SUPPORT_H
#define BEHALF_TESTS_SCENARIOS_SUPPORT_H

#include <criterion/criterion.h>

#include "tests/support/harness.h"

static struct harness scenario;

#define GIVEN(...) harness_open(&scenario, __VA_ARGS__, NULL)

#define EXPECT(question, expected)                                                                 \
    do {                                                                                           \
        const char *said = harness_check(&scenario, question);                                     \
        cr_expect_str_eq(said, expected, "%s: %s", question, said);                                \
    } while (0)

#define EXPECT_SUBJECTS(resource, type, expected)                                                  \
    do {                                                                                           \
        const char *found = harness_subjects(&scenario, resource, type);                           \
        cr_expect_str_eq(found, expected, "%s: %s", resource, found);                              \
    } while (0)

/* Conditions with a parameter of their own each, and one that fails where the divisor is 0. */
#define FOUR_CAVEATS                                                                               \
    "caveat if_left(left_is int) { left_is == 1 } "                                                \
    "caveat if_right(right_is int) { right_is == 1 } "                                             \
    "caveat if_other(other_is int) { other_is == 1 } "                                             \
    "caveat faulty(divisor int) { 1 / divisor == 1 } "

#define EXPECT_RESOURCES(question, expected)                                                       \
    do {                                                                                           \
        const char *found = harness_resources(&scenario, question);                                \
        cr_expect_str_eq(found, expected, "%s: %s", question, found);                              \
    } while (0)

/* Nothing disagreed on the way. */
#define AGREED()                                                                                   \
    do {                                                                                           \
        cr_expect_eq(scenario.failures, 0, "%s", scenario.failure);                                \
        harness_close(&scenario);                                                                  \
    } while (0)

#endif
