/* changes.h - what a revision changed, from its changelog entry, with names.
 *
 * A pure pull reader for whoever follows the changelog: the audit's follower, watch, history. It
 * holds one entry at a time.
 *
 *   changes_init(&changes, store);
 *   status = changes_open(&changes, snapshot, revision, &entry, error);
 *   while (status == BEHALF_OK && (status = changes_next(&changes, &change, error)) == BEHALF_OK)
 *       if (wanted(&change))
 *           status = changes_name(&changes, &change, error);
 *
 * Always true: the changes of revisions 1 to R, applied in order to nothing, are exactly the
 * relationships and records at R; of one revision they come in the order relationships, schema,
 * records, and each relationship or record once. Only revisions up to the published one may be
 * shown to anybody: what is newer may not be durable.
 * Threads: a reader belongs to one. Memory: slices of an entry live until the next changes_open,
 * those that changes_name fills until the next changes_name.
 * Errors: REVISION_EXPIRED up to the horizon, REVISION_UNKNOWN beyond the snapshot's head,
 * STORAGE_CORRUPT, STORAGE_FAILED. */
#ifndef BEHALF_ENGINE_CHANGES_H
#define BEHALF_ENGINE_CHANGES_H

#include "base/relationship.h"
#include "storage/store.h"

struct change {
    /* In numbers: enough to tell whether anybody wants the names. Of an edge or record that was
     * removed only the key. */
    struct store_entry_change stored;

    /* Set by changes_name. */
    struct relationship relationship; /* ENTRY_EDGE_PUT; of ENTRY_EDGE_REMOVE without condition */
    struct object object;             /* of RECORD_ATTRIBUTES: whose they are */
};

struct changes {
    struct store *store;
    const struct store_snapshot *snapshot; /* borrowed, from changes_open on */
    struct buffer entry;
    struct store_entry_cursor cursor;
    struct buffer ids[2];    /* of the nodes named last: resource or object, subject */
    uint64_t named_nodes[2]; /* 0 = none */
};

void changes_init(struct changes *changes, struct store *store);
void changes_release(struct changes *changes); /* accepts zeroes */

/* Goes to a revision. `entry->is_sweep`: what was removed had expired, and nobody asked for it. The
 * snapshot must live until the last change was named; one serves any number of revisions. */
enum status changes_open(struct changes *changes, const struct store_snapshot *snapshot,
                         uint64_t revision, struct store_entry *entry,
                         struct error *error) BEHALF_MUST_USE;
/* BEHALF_OK with the next change of the revision, or BEHALF_DONE. */
enum status changes_next(struct changes *changes, struct change *change,
                         struct error *error) BEHALF_MUST_USE;
/* Gives the change its names. A name costs a read of the storage. */
enum status changes_name(struct changes *changes, struct change *change,
                         struct error *error) BEHALF_MUST_USE;

#endif
