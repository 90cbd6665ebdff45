/* audit_follow.h - takes changes from the changelog into the audit log, on a thread of its own.
 *
 * Its place is kept as the note of the log: the store's incarnation, a revision up to which
 * everything is in the log and on the disk, and the size of the log then. Lines after that size are
 * read when it starts: it goes on exactly after the last change that is among them. So a change is
 * in the log once, whatever was lost or cut off in between.
 *
 *   note      1(1) incarnation(16) revision(8) size(8)
 *   log.gap   {from, to}: the history of these revisions was given up before it was followed
 *
 * In a new incarnation it begins at the first revision of that one; without a note, or where the
 * incarnation began while the audit was off, at the oldest revision that is kept.
 *
 * Always true: only durable revisions are taken; the history after the place in the note is not
 * trimmed while this exists; nobody waits for the log but the follower.
 * Errors: STORAGE_CORRUPT (a damaged note), those of audit/audit.h and of the store. */
#ifndef BEHALF_ENGINE_AUDIT_FOLLOW_H
#define BEHALF_ENGINE_AUDIT_FOLLOW_H

#include "audit/audit.h"
#include "storage/store.h"

struct audit_follow;

/* Finds the place. Before the stop that a new incarnation begins with is ordered, since it must be
 * known what that follows. All borrowed: store and env, log, its directory. */
enum status audit_follow_new(struct store *store, const struct env *env, struct audit *audit,
                             const char *directory, struct audit_follow **follow,
                             struct error *error) BEHALF_MUST_USE;
/* Begins to follow what the store has durably: up to `revision`, for now. */
void audit_follow_start(struct audit_follow *follow, uint64_t revision);
/* Takes what was published so far, notes the place, and ends. The log and the store are still
 * there. Accepts NULL, and one that was never started. */
void audit_follow_free(struct audit_follow *follow);

/* All up to `revision` is durable. Writer thread; never waits. Accepts NULL. */
void audit_follow_published(struct audit_follow *follow, uint64_t revision);

/* Everything up to this revision is in the log and on the disk. Any thread. */
uint64_t audit_follow_taken(struct audit_follow *follow);
/* Waits until audit_follow_taken is at least `revision`, which is published: however long the log
 * fails. */
void audit_follow_wait(struct audit_follow *follow, uint64_t revision);

#endif
