/* regex.h - regular expressions: the seam in front of RE2, in C.
 *
 * Always true: matching is linear in the text, whatever the pattern; a pattern has at most
 * REGEX_PATTERN_MAX bytes and a compiled one a bounded size, automata included. No exception leaves
 * it. Threads: a compiled pattern may be searched for by many threads at once. Memory: owned by the
 * caller. */
#ifndef BEHALF_SCHEMA_REGEX_H
#define BEHALF_SCHEMA_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define REGEX_PATTERN_MAX 4096
#define REGEX_COST_MAX 20000

#ifdef __cplusplus
extern "C" {
#endif

struct regex;

/* The pattern, of UTF-8; NULL when it is none: then `reason` gets a text, cut to `size`. */
struct regex *regex_compile(struct slice pattern, char *reason, size_t size);
void regex_free(struct regex *regex); /* accepts NULL */

/* Whether the pattern is found anywhere in the text, which is UTF-8. */
bool regex_search(const struct regex *regex, struct slice text);

/* What compiling it took, in parts of its automaton: at most REGEX_COST_MAX. */
size_t regex_cost(const struct regex *regex);

#ifdef __cplusplus
}
#endif

#endif
