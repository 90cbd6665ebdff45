/* lookup_subjects.h - cursors into the answer of a lookup of subjects, for those who kept a place
 * in it and no cursor.
 * Threads: a pure function. */
#ifndef BEHALF_ENGINE_LOOKUP_SUBJECTS_H
#define BEHALF_ENGINE_LOOKUP_SUBJECTS_H

#include "engine/engine.h"

/* Of the page that begins behind the subject with this sequence of its node; 0 = behind the
 * wildcard. */
void lookup_subjects_cursor(const struct store *store, uint64_t revision,
                            const struct engine_request *request,
                            const struct lookup_subjects *lookup, uint64_t after,
                            struct engine_token *cursor);

#endif
