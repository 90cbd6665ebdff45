/* test_oracle_support.h - asking the oracle about a world that a test wrote down. */
#ifndef BEHALF_TESTS_ORACLE_SUPPORT_H
#define BEHALF_TESTS_ORACLE_SUPPORT_H

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/oracle.h"

/* A world of a schema and tuples, which are separated by blanks. It is asked without a context at
 * the world's epoch, until asked_with and asked_at say otherwise. */
void oracle_given(const char *schema, const char *tuples);
void oracle_asked_with(const char *json);
void oracle_asked_at(const char *time);

/* "resource#member@subject" */
struct oracle_value oracle_value_of(const char *question);
/* As "allow", "deny", "conditional on a, b", "error: NAME"; valid until the next. */
const char *oracle_says(const char *question);
/* Concretes in the order of their first mention, then "*" with "-" and its exclusions; "open" when
 * something is. Valid until the next. */
const char *oracle_subjects(const char *resource, const char *subject_type);

/* Ends every test. */
void oracle_release_all(void);

#define EXPECT(question, expected)                                                                 \
    do {                                                                                           \
        const char *given_answer = oracle_says(question);                                          \
                                                                                                   \
        cr_expect_str_eq(given_answer, expected, "%s: %s", question, given_answer);                \
    } while (0)
#define EXPECT_SUBJECTS(resource, type, expected)                                                  \
    cr_expect_str_eq(oracle_subjects(resource, type), expected, "%s: %s", resource,                \
                     oracle_subjects(resource, type))

#endif
