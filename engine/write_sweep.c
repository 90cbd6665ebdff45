/* write_sweep.c - removing what has expired, one bounded transaction at a time.
 * It is decided on the writer's state like any other write, so what was touched meanwhile, and
 * expires later or never, is not among what the index of expirations gives. */
#include "engine/write.h"

enum status
write_sweep(struct write_group *group, struct store_transaction *transaction,
            struct engine_write *write)
{
    const struct store_snapshot *snapshot = store_transaction_snapshot(transaction);
    uint32_t limit = write->limit == 0 ? ENGINE_SWEEP_DEFAULT : write->limit;
    struct edge_key *keys;
    size_t count = 0;
    enum status status;

    write->complete = true;
    write->count = 0;
    if (group->time.state == ENGINE_CLOCK_AHEAD)
        return BEHALF_DONE;
    if (limit > ENGINE_DELETE_MAX)
        return error_set(&write->error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "limit %u is above the %d relationships that one sweep may remove",
                         (unsigned)limit, ENGINE_DELETE_MAX);
    keys = arena_take_array(&group->arena, limit, sizeof *keys);
    if (keys == NULL)
        return error_set(&write->error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the sweep");
    status = store_expired(snapshot, group->time.trusted, keys, limit, &count, &write->error);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++) {
        struct store_previous previous = {.existed = false};

        status = store_transaction_remove(transaction, &keys[index], &previous, &write->error);
        if (status == BEHALF_OK && !previous.existed)
            status = error_set(&write->error, BEHALF_STORAGE_CORRUPT,
                               "a relationship stands among the expirations but in no index");
    }
    if (status != BEHALF_OK)
        return status;
    write->count = count;
    write->complete = count < limit;
    if (count == 0)
        return BEHALF_DONE;
    store_transaction_sweep(transaction, group->time.trusted);
    return BEHALF_OK;
}
