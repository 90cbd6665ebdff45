/* audit_change.h - a change of the changelog as a record of the audit log.
 *
 *   session.created .resumed .suspended .revoked      grant.created .delegated .revoked
 *   request.created .approved .denied .cancelled      stop.ordered .lifted
 *   attributes.written                                schema.written
 *
 * Each has `revision`, `now` (the time of the commit), `caller`, the parties (`principal`, `agent`,
 * `session`, `grant`, `request`, as far as they concern it), and `record` as it is after the
 * change: its stored body, in which times are text, evidence is its SHA-256, a context is a string
 * of canonical JSON, of attributes only the object and the keys stand, and of a schema its SHA-256
 * and size.
 *
 * Always true: which changes of a revision are events, and in which order, follows from its
 * changelog entry alone: so a place among them can be found again.
 * Threads: pure functions. Memory: the caller's arena and buffer. */
#ifndef BEHALF_ENGINE_AUDIT_CHANGE_H
#define BEHALF_ENGINE_AUDIT_CHANGE_H

#include "base/arena.h"
#include "engine/changes.h"

/* Relationships are none, nor is what a sweep removed, nor a use that was counted. */
bool audit_change_is_event(const struct store_entry *entry, const struct change *change);

/* Whether `event` is one of those above. */
bool audit_change_made(struct slice event);

/* Appends what audit_put takes. `changes` has been given this change last. BUDGET_EXHAUSTED,
 * STORAGE_CORRUPT, STORAGE_FAILED. */
enum status audit_change_fields(struct changes *changes, const struct store_entry *entry,
                                struct change *change, struct arena *arena, struct buffer *fields,
                                struct error *error) BEHALF_MUST_USE;

#endif
