/* stored_context.h - contexts as relationships carry them, from JSON. */
#ifndef BEHALF_TESTS_STORED_CONTEXT_H
#define BEHALF_TESTS_STORED_CONTEXT_H

#include "base/arena.h"
#include "base/slice.h"

/* Canonical bytes in the arena; empty where the text is. A text that is not JSON
 * ends the program. */
struct slice stored_context(struct slice json, struct arena *arena);

#endif
