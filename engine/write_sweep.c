/* write_sweep.c - removing relationships that have expired, and records that ended a while ago, one
 * bounded transaction at a time.
 * It is decided on the writer's state like any other write, so what was touched meanwhile, and
 * expires later or never, is not among what the index of expirations gives. */
#include "engine/write.h"

static enum status
sweep_edges(struct write_group *group, struct store_transaction *transaction, uint32_t limit,
            size_t *count, struct error *error)
{
    struct edge_key *keys = arena_take_array(&group->arena, limit, sizeof *keys);
    enum status status;

    if (keys == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the sweep");
    status = store_expired(store_transaction_snapshot(transaction), group->time.trusted, keys,
                           limit, count, error);
    for (size_t index = 0; status == BEHALF_OK && index < *count; index++) {
        struct store_previous previous = {.existed = false};

        status = store_transaction_remove(transaction, &keys[index], &previous, error);
        if (status == BEHALF_OK && !previous.existed)
            status = error_set(error, BEHALF_STORAGE_CORRUPT,
                               "a relationship stands among the expirations but in no index");
    }
    return status;
}

/* Sessions, grants and uses, a retention after their ends. */
static enum status
sweep_records(struct write_group *group, struct store_transaction *transaction, size_t limit,
              size_t *count, struct error *error)
{
    struct store_record_key *keys;
    enum status status;

    *count = 0;
    if (limit == 0)
        return BEHALF_OK;
    keys = arena_take_array(&group->arena, limit, sizeof *keys);
    if (keys == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the sweep");
    status = store_records_ended(store_transaction_snapshot(transaction), group->time.trusted, keys,
                                 limit, count, error);
    for (size_t index = 0; status == BEHALF_OK && index < *count; index++)
        status = store_transaction_record_remove(transaction, &keys[index], error);
    return status;
}

enum status
write_sweep(struct write_group *group, struct store_transaction *transaction,
            struct engine_write *write)
{
    uint32_t limit = write->limit == 0 ? ENGINE_SWEEP_DEFAULT : write->limit;
    size_t edges = 0;
    size_t records = 0;
    enum status status;

    write->complete = true;
    write->count = 0;
    if (group->time.state == ENGINE_CLOCK_AHEAD)
        return BEHALF_DONE;
    if (limit > ENGINE_DELETE_MAX)
        return error_set(&write->error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "limit %u is above the %d relationships that one sweep may remove",
                         (unsigned)limit, ENGINE_DELETE_MAX);
    status = sweep_edges(group, transaction, limit, &edges, &write->error);
    if (status == BEHALF_OK)
        status = sweep_records(group, transaction, limit - edges, &records, &write->error);
    if (status != BEHALF_OK)
        return status;
    write->count = edges + records;
    write->complete = write->count < limit;
    if (write->count == 0)
        return BEHALF_DONE;
    store_transaction_sweep(transaction, group->time.trusted);
    return BEHALF_OK;
}
