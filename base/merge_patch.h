/* merge_patch.h - JSON Merge Patch (RFC 7396) over data.
 * Always true: the result is a valid datum, nested no deeper than the deeper of the two; it is made
 * of parts of both, which must live as long. A null in a list of the patch stays: lists are
 * replaced as a whole.
 * Threads: pure functions. Memory: the arena given. */
#ifndef BEHALF_BASE_MERGE_PATCH_H
#define BEHALF_BASE_MERGE_PATCH_H

#include "base/datum.h"

/* `target` with the patch laid over it; `target` NULL = there is none. NULL when the arena is
 * spent. */
const struct datum *merge_patch(const struct datum *target, const struct datum *patch,
                                struct arena *arena) BEHALF_MUST_USE;

#endif
