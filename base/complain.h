/* complain.h - what went wrong, on standard error.
 *
 *   behalfd: there is no option '--lissten'
 *   hint: did you mean '--listen'?
 *
 * Always true: a complaint is one write, and holds nothing that a terminal obeys or hides (see
 * escape.h). With JSON it is the one line that `behalf --json` prints:
 * {"error":{"message":"...","hint":"..."}}.
 * Threads: any, after complain_as. */
#ifndef BEHALF_BASE_COMPLAIN_H
#define BEHALF_BASE_COMPLAIN_H

#include <stdbool.h>

#include "base/check.h"

/* Whose complaints these are; before other threads start. */
void complain_as(const char *program, bool json);

/* The hint, what to do, may be NULL or empty. */
void complain(const char *hint, const char *format, ...) BEHALF_PRINTF(2, 3);

/* Whether a word stands on a command line before "--". A command line that is wrong is reported as
 * JSON when it asks for JSON anywhere. */
bool complain_asked(int count, char *const *words, const char *word);

#endif
