/* test_caveat_support.h - caveats compiled from text, for tests. */
#ifndef BEHALF_TESTS_UNIT_TEST_CAVEAT_SUPPORT_H
#define BEHALF_TESTS_UNIT_TEST_CAVEAT_SUPPORT_H

#include <criterion/criterion.h>

#include "schema/caveat.h"

#define CAVEAT_TEST_CAP ((size_t)16 * 1024 * 1024)

/* "a int, b list<string>" to parameters; the count. */
size_t caveat_test_parameters(struct arena *arena, struct slice text,
                              struct caveat_parameter parameters[CAVEAT_PARAMETERS_MAX]);

/* Compiles an expression over such parameters, named "c", at line 1, column 1. */
enum status caveat_test_compile(struct arena *arena, const char *parameters, const char *text,
                                const struct caveat **caveat, struct error *error);

const struct datum *caveat_test_json(struct arena *arena, struct slice text);

/* The canonical bytes of a datum, nothing of NULL. */
struct slice caveat_test_bytes(struct arena *arena, const struct datum *datum);

#endif
