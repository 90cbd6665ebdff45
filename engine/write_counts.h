/* write_counts.h - how many entries an index of records has under a prefix, remembered: a session
 * with 900 grants is not counted again for the next one.
 *
 * Always true: what is remembered is the exact count or more, never less. Each create adds one when
 * it was let through, also where it is refused later; sweeps and the passing of time take away, and
 * are not noticed. So a limit that seems to be reached is counted anew.
 * Threads: the writer thread. Memory: a table of fixed size, in which a prefix takes the place of
 * another. */
#ifndef BEHALF_ENGINE_WRITE_COUNTS_H
#define BEHALF_ENGINE_WRITE_COUNTS_H

#include "storage/store.h"

struct write_counts;

struct write_counts *write_counts_new(void);
void write_counts_free(struct write_counts *counts); /* accepts NULL */

/* False when nothing is remembered of the prefix, of at most RECORD_ID_SIZE bytes. */
bool write_counts_find(const struct write_counts *counts, enum record_index index,
                       struct slice prefix, size_t *count);
void write_counts_keep(struct write_counts *counts, enum record_index index, struct slice prefix,
                       size_t count);

#endif
