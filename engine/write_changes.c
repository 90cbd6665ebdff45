/* write_changes.c - see write_changes.h. */
#include "engine/write_changes.h"

#include "base/memory.h"
#include "engine/seen.h"
#include "engine/state.h"
#include "engine/stops.h"

void
write_changes_init(struct write_changes *changes, struct engine *engine)
{
    *changes = (struct write_changes){.engine = engine};
    arena_init(&changes->memory, SIZE_MAX / 2);
}

void
write_changes_release(struct write_changes *changes)
{
    BEHALF_ASSERT(changes->next_stops == NULL);
    arena_release(&changes->memory);
    memory_free(changes->edges);
    memory_free(changes->records);
}

void
write_changes_begin(struct write_changes *changes)
{
    arena_reset(&changes->memory, SIZE_MAX / 2);
    changes->edge_count = 0;
    changes->record_count = 0;
    changes->records_revision = 0;
}

/* --- noting --- */

static void
note_edges(struct write_changes *changes, const struct store_transaction *transaction)
{
    size_t count = 0;
    const struct store_change *changed = store_transaction_changes(transaction, &count);

    changes->edges = memory_reserve(changes->edges, changes->edge_count + count,
                                    &changes->edge_capacity, sizeof *changes->edges);
    for (size_t index = 0; index < count; index++) {
        const struct store_change *change = &changed[index];

        changes->edges[changes->edge_count++] = (struct graph_change){
            .key = change->key,
            .traits = {change->expires_at, arena_copy(&changes->memory, change->context),
                       change->caveat},
            .removed = change->removed,
        };
    }
}

static enum status
note_stop(struct write_changes *changes, const struct write_group *group,
          const struct store_record *record, struct error *error)
{
    const struct stops *last = changes->next_stops != NULL ? changes->next_stops : group->stops;
    struct stop stop;
    struct stops *next;
    enum status status = stop_decode(record, &stop, error);

    if (status != BEHALF_OK)
        return status;
    next = stops_with(last, &stop, 1);
    stops_unref(changes->next_stops);
    changes->next_stops = next;
    return BEHALF_OK;
}

/* As struct record_change holds it. */
static enum status
decode(struct write_changes *changes, struct write_group *group, const struct store_record *record,
       struct record_change *change, struct error *error)
{
    struct store *store = changes->engine->store;
    uint64_t left = 0;
    struct slice block = {(const char *)&left, sizeof left};
    enum status status;

    if (record->key.kind == RECORD_USES) {
        status = record_uses(record, &left, error);
    } else if (record->key.kind == RECORD_ATTRIBUTES) {
        block = record->body;
        status = BEHALF_OK;
    } else {
        status = record->key.kind == RECORD_SESSION
                     ? record_session(store, record, &group->block, error)
                     : record_grant(store, record, &group->block, error);
        block = buffer_slice(&group->block);
    }
    if (status != BEHALF_OK)
        return status;
    block = arena_copy(&changes->memory, block);
    BEHALF_ASSERT(block.data != NULL);
    change->block = block.data;
    change->size = block.size;
    return BEHALF_OK;
}

static enum status
note_record(struct write_changes *changes, struct write_group *group, uint64_t revision,
            const struct store_record_change *changed, struct error *error)
{
    struct store_record record = changed->record;
    struct record_change *change = &changes->records[changes->record_count];
    enum status status = BEHALF_OK;

    record.created_revision = revision;
    *change = (struct record_change){
        .key = record.key,
        .revision = revision,
        .removed = changed->removed,
    };
    switch (record.key.kind) {
    case RECORD_SESSION:
    case RECORD_GRANT:
    case RECORD_USES:
    case RECORD_ATTRIBUTES:
        if (!changed->removed)
            status = decode(changes, group, &record, change, error);
        break;
    case RECORD_STOP:
        BEHALF_ASSERT(!changed->removed);
        status = note_stop(changes, group, &record, error);
        break;
    case RECORD_REQUEST:
        return BEHALF_OK; /* no cache holds it, and no decision by a grant depends on it */
    }
    if (status == BEHALF_OK)
        changes->record_count++;
    return status;
}

enum status
write_changes_note(struct write_changes *changes, struct write_group *group,
                   const struct store_transaction *transaction, struct error *error)
{
    uint64_t revision = store_snapshot_head(store_transaction_snapshot(transaction)) + 1;
    size_t count = 0;
    const struct store_record_change *changed =
        store_transaction_record_changes(transaction, &count);
    enum status status = BEHALF_OK;

    changes->edges_before = changes->edge_count;
    changes->records_before = changes->record_count;
    note_edges(changes, transaction);
    changes->records = memory_reserve(changes->records, changes->record_count + count,
                                      &changes->record_capacity, sizeof *changes->records);
    for (size_t at = 0; status == BEHALF_OK && at < count; at++)
        status = note_record(changes, group, revision, &changed[at], error);
    if (status != BEHALF_OK)
        write_changes_settle(changes, group, status, 0);
    return status;
}

/* --- settling --- */

static void
forget(struct write_changes *changes)
{
    for (size_t at = changes->edges_before; at < changes->edge_count; at++)
        graph_invalidate(changes->engine->graph, &changes->edges[at].key);
    for (size_t at = changes->records_before; at < changes->record_count; at++)
        record_cache_invalidate(changes->engine->records, &changes->records[at].key);
    changes->edge_count = changes->edges_before;
    changes->record_count = changes->records_before;
    stops_unref(changes->next_stops);
    changes->next_stops = NULL;
}

static void
keep_record(struct write_changes *changes, const struct record_change *change, uint64_t revision)
{
    struct record_id id;

    BEHALF_ASSERT(change->revision == revision);
    if (change->key.kind != RECORD_USES && change->key.kind != RECORD_ATTRIBUTES)
        changes->records_revision = revision;
    if (change->key.kind != RECORD_SESSION || !change->removed)
        return;
    memcpy(id.bytes, change->key.id, RECORD_ID_SIZE);
    seen_forget(changes->engine->seen, &id);
}

void
write_changes_settle(struct write_changes *changes, struct write_group *group, enum status status,
                     uint64_t revision)
{
    if (status != BEHALF_OK) {
        forget(changes);
        return;
    }
    for (size_t at = changes->edges_before; at < changes->edge_count; at++)
        changes->edges[at].revision = revision;
    for (size_t at = changes->records_before; at < changes->record_count; at++)
        keep_record(changes, &changes->records[at], revision);
    if (changes->next_stops != NULL) {
        stops_unref(group->stops);
        group->stops = changes->next_stops;
        changes->next_stops = NULL;
    }
}

void
write_changes_apply(struct write_changes *changes, uint64_t published)
{
    graph_apply(changes->engine->graph, changes->edges, changes->edge_count, published);
    if (changes->record_count > 0)
        record_cache_apply(changes->engine->records, changes->records, changes->record_count,
                           published);
}
