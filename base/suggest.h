/* suggest.h - for "did you mean": which of some names a wrong one is a slip of.
 * Always true: what is suggested is within one edit of a name of up to 4 bytes, two of up to 8,
 * three of longer ones; among equals the first.
 * Threads: any. */
#ifndef BEHALF_BASE_SUGGEST_H
#define BEHALF_BASE_SUGGEST_H

#include <stdint.h>

#include "base/slice.h"

/* Keeps in `best` the candidate that is nearest to `wanted` by edits, if it is near enough to be a
 * slip. `*distance` begins as UINT32_MAX. */
void suggest(struct slice wanted, struct slice candidate, struct slice *best, uint32_t *distance);

#endif
