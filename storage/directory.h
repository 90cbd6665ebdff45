/* directory.h - the data directory: its lock and its high-water mark.
 *
 *   <path>/LOCK   held (flock) by the process that uses the directory
 *   <path>/HWM    two slots of 64 bytes, of which the one not synced last is overwritten:
 *                 magic(8) counter(8) revision(8) incarnation(16) zero(16) XXH3 of these 56(8)
 *   <path>/NOTE   of note.c; nothing depends on it
 *   <path>/db/    the storage engine's own files
 *
 * Always true: the revision in HWM was durable when it was written. It is a lower bound of what was
 * acknowledged: a store that opens below it has lost acknowledged data. After kill -9 it is exact,
 * since the mark is written before the replies leave. After a power cut it may be as old as the
 * last directory_sync_mark.
 * Threads: one. Errors: STORAGE_FAILED with a message that names the path, STORAGE_CORRUPT. */
#ifndef BEHALF_STORAGE_DIRECTORY_H
#define BEHALF_STORAGE_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/env.h"
#include "base/error.h"
#include "storage/store.h"

struct directory;

/* Makes the directory (0700) when it is missing, and locks it. Refuses one that belongs to another
 * user, or that others may use. */
enum status directory_open(const char *path, struct directory **directory,
                           struct error *error) BEHALF_MUST_USE;
/* Locks an existing directory and changes nothing in it. Its owner does not matter. */
enum status directory_open_to_read(const char *path, struct directory **directory,
                                   struct error *error) BEHALF_MUST_USE;
void directory_close(struct directory *directory); /* accepts NULL */

const char *directory_path(const struct directory *directory);
const char *directory_database(const struct directory *directory); /* <path>/db */
bool directory_has_database(const struct directory *directory);

/* Makes an empty folder beside the database for a new one, and removes what an interrupted start
 * left there. directory_created renames it, so <path>/db is complete or absent. */
enum status directory_create(struct directory *directory, const char **path,
                             struct error *error) BEHALF_MUST_USE;
enum status directory_created(struct directory *directory, struct error *error) BEHALF_MUST_USE;

/* The content of the mark; false when there is none (a directory that was never used). */
bool directory_mark(const struct directory *directory, uint64_t *revision,
                    uint8_t incarnation[INCARNATION_SIZE]);

/* Sets the mark with one pwrite and no sync, which survives a kill. After a failure the old mark is
 * still a true lower bound, and nothing above it may be acknowledged. */
enum status directory_set_mark(struct directory *directory, uint64_t revision,
                               const uint8_t incarnation[INCARNATION_SIZE],
                               struct error *error) BEHALF_MUST_USE;
/* Syncs the mark, so that it survives a power cut. `lazy` skips this until 1,000 revisions or a
 * second have passed since the last sync. A failure is logged once and tried again. */
void directory_sync_mark(struct directory *directory, int64_t monotonic_ns, bool lazy);

/* Makes a copy of the database beside it, to open without touching the original. */
enum status directory_salvage_copy(struct directory *directory, const char **path,
                                   struct error *error) BEHALF_MUST_USE;
/* Removes the copy. Files that cannot be removed do no harm. */
void directory_salvage_drop(struct directory *directory);
/* Puts the copy in place of the database, and keeps the original as <path>/db.damaged-<n>. */
enum status directory_salvage_accept(struct directory *directory,
                                     struct error *error) BEHALF_MUST_USE;

#endif
