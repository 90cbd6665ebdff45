/* audit_position.h - where the follower of the changelog is, from the log and its note.
 * Threads: the follower's, or before it runs. */
#ifndef BEHALF_ENGINE_AUDIT_POSITION_H
#define BEHALF_ENGINE_AUDIT_POSITION_H

#include "audit/audit.h"
#include "storage/store.h"

#define AUDIT_GAP_EVENT "log.gap"

struct audit_position {
    uint64_t revision; /* the next one */
    size_t events;     /* of it that are in the log already */
};

/* Everything that was put must be on the disk, or lost. STORAGE_CORRUPT when the note is damaged or
 * a line does not parse. */
enum status audit_position_find(struct audit *audit, const char *directory, struct store *store,
                                struct audit_position *place, struct error *error) BEHALF_MUST_USE;
/* All events up to `revision` are among the first `size` lines, on the disk, and no later one
 * is. */
enum status audit_position_keep(struct audit *audit, struct slice incarnation, uint64_t revision,
                                uint64_t size, struct error *error) BEHALF_MUST_USE;

#endif
