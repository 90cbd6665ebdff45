/* write_delete.c - deleting what a filter matches, one bounded transaction at a time. */
#include "engine/write.h"

/* Up to `limit` keys that match, and whether those are all. They are taken before the first is
 * removed, so the scan reads a state that stands still. */
static enum status
collect(struct write_group *group, struct store_transaction *transaction,
        struct engine_write *write, uint32_t limit, struct edge_key *keys, size_t *count)
{
    const struct filter_view view = write_filter_view(group, transaction);
    struct filter_scan *scan = NULL;
    struct edge edge;
    enum status status =
        filter_scan_open(&write->filter, &view, NULL, &group->arena, &scan, &write->error);

    if (status != BEHALF_OK)
        return status;
    filter_scan_pay(scan, &group->budget);
    *count = 0;
    for (;;) {
        status = filter_scan_next(scan, &edge, &write->error);
        if (status != BEHALF_OK || *count == limit)
            break;
        keys[(*count)++] = edge.key;
    }
    filter_scan_close(scan);
    write->complete = status == BEHALF_DONE;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
write_delete(struct write_group *group, struct store_transaction *transaction,
             struct engine_write *write)
{
    uint32_t limit = write->limit == 0 ? ENGINE_DELETE_DEFAULT : write->limit;
    struct edge_key *keys;
    size_t count = 0;
    enum status status = write_needs_schema(group, &write->error);

    if (status != BEHALF_OK)
        return status;
    if (limit > ENGINE_DELETE_MAX)
        return error_set(&write->error, BEHALF_EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT,
                         "limit %u is above the %d relationships that one delete may remove",
                         (unsigned)limit, ENGINE_DELETE_MAX);
    keys = arena_take_array(&group->arena, limit, sizeof *keys);
    if (keys == NULL)
        return error_set(&write->error, BEHALF_BUDGET_EXHAUSTED, "no memory left for the delete");
    status = write_check_preconditions(group, transaction, write);
    if (status == BEHALF_OK)
        status = collect(group, transaction, write, limit, keys, &count);
    for (size_t index = 0; status == BEHALF_OK && index < count; index++) {
        struct store_previous previous = {.existed = false};

        status = store_transaction_remove(transaction, &keys[index], &previous, &write->error);
        if (status == BEHALF_OK && !previous.existed)
            status = error_set(&write->error, BEHALF_STORAGE_CORRUPT,
                               "a relationship stands in one index but not in the other");
    }
    write->count = count;
    return status;
}
