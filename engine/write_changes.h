/* write_changes.h - what the transactions of a group changed, for the caches of graph and records,
 * and the stops that it leaves.
 *
 * Always true: changes of a transaction are noted before its commit, which frees it, and settled
 * after it: those of one that failed are forgotten, and so is what the caches hold of them.
 * Threads: the writer thread. */
#ifndef BEHALF_ENGINE_WRITE_CHANGES_H
#define BEHALF_ENGINE_WRITE_CHANGES_H

#include "engine/record_cache.h"
#include "engine/write.h"

struct write_changes {
    struct engine *engine;
    struct graph_change *edges;
    size_t edge_count;
    size_t edge_capacity;
    struct record_change *records;
    size_t record_count;
    size_t record_capacity;
    struct arena memory;       /* contexts of edges, blocks of records */
    struct stops *next_stops;  /* as the noted transaction leaves them; NULL = as they are */
    uint64_t records_revision; /* the last that changed a session, grant or stop; 0 = none */

    size_t edges_before; /* of the noted transaction */
    size_t records_before;
};

void write_changes_init(struct write_changes *changes, struct engine *engine);
void write_changes_release(struct write_changes *changes);
/* Before a group. */
void write_changes_begin(struct write_changes *changes);

/* STORAGE_CORRUPT when a record is not what the writer makes. */
enum status write_changes_note(struct write_changes *changes, struct write_group *group,
                               const struct store_transaction *transaction,
                               struct error *error) BEHALF_MUST_USE;
/* `revision` is that of the transaction, where its commit gave `status` BEHALF_OK. */
void write_changes_settle(struct write_changes *changes, struct write_group *group,
                          enum status status, uint64_t revision);

/* After the group, before publication. */
void write_changes_apply(struct write_changes *changes, uint64_t published);

#endif
