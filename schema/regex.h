/* regex.h - regular expressions: the seam in front of RE2, in C.
 *
 * Always true: matching is linear in the text, whatever the pattern; a pattern has at most
 * REGEX_PATTERN_MAX bytes and a compiled one a bounded size. Compiled patterns are kept in a table
 * of fixed size for the whole process, so nothing has to be released.
 * Threads: any; the table has a mutex that is held for a look-up only, never while compiling or
 * matching. No exception leaves it. */
#ifndef BEHALF_SCHEMA_REGEX_H
#define BEHALF_SCHEMA_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

#define REGEX_PATTERN_MAX 4096

#ifdef __cplusplus
extern "C" {
#endif

enum regex_outcome { REGEX_NO, REGEX_YES, REGEX_BAD_PATTERN };

/* Whether the pattern is found anywhere in the text. Both are UTF-8. */
enum regex_outcome regex_search(struct slice pattern, struct slice text);

/* Whether the pattern compiles; otherwise `reason` gets a text, cut to `size`. */
bool regex_check(struct slice pattern, char *reason, size_t size);

#ifdef __cplusplus
}
#endif

#endif
