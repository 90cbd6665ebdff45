/* known_subjects.h - the objects of a type that the store has a name of, in the order of their
 * nodes.
 * Always true: each object whose name was stored before the view's storage was opened comes once.
 * Threads: a request that may block. Memory: closed by its holder, also after a failure. */
#ifndef BEHALF_ENGINE_KNOWN_SUBJECTS_H
#define BEHALF_ENGINE_KNOWN_SUBJECTS_H

#include "graph/graph.h"

#define KNOWN_END UINT64_MAX

struct known_subjects {
    struct store_names *names;
    uint16_t type_label;
    uint64_t sequence; /* of the one that is current; KNOWN_END behind the last */
};

/* Begins at the first behind a sequence; 0 = at the first. WOULD_BLOCK, STORAGE_*. */
enum status known_subjects_open(struct known_subjects *known, struct graph_view *view,
                                uint16_t type_label, uint64_t after,
                                struct error *error) BEHALF_MUST_USE;
/* Not behind the last. */
enum status known_subjects_next(struct known_subjects *known, struct error *error) BEHALF_MUST_USE;
void known_subjects_close(struct known_subjects *known);

#endif
