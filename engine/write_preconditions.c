/* write_preconditions.c - what has to hold before a write, asked of the very state it changes. */
#include <stdio.h>

#include "engine/write.h"

struct filter_view
write_filter_view(const struct write_group *group, const struct store_transaction *transaction)
{
    const struct store_snapshot *snapshot = store_transaction_snapshot(transaction);

    return (struct filter_view){
        .binding = group->binding,
        .snapshot = snapshot,
        .revision = store_snapshot_head(snapshot),
        .now = group->time.now,
    };
}

static enum status
has_match(struct write_group *group, const struct store_transaction *transaction,
          const struct relationship_filter *filter, bool *match, struct error *error)
{
    const struct filter_view view = write_filter_view(group, transaction);
    struct filter_scan *scan = NULL;
    struct edge edge;
    enum status status = filter_scan_open(filter, &view, NULL, &group->arena, &scan, error);

    if (status != BEHALF_OK)
        return status;
    filter_scan_pay(scan, &group->budget);
    status = filter_scan_next(scan, &edge, error);
    filter_scan_close(scan);
    *match = status == BEHALF_OK;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

static enum status
check_one(struct write_group *group, const struct store_transaction *transaction,
          const struct precondition *precondition, size_t index, struct error *error)
{
    bool match = false;
    enum status status;

    if (filter_is_empty(&precondition->filter))
        return error_set(error, BEHALF_EMPTY_PRECONDITION, "precondition %zu has an empty filter",
                         index);
    status = has_match(group, transaction, &precondition->filter, &match, error);
    if (status != BEHALF_OK || match == precondition->must_match)
        return status;
    return error_set(error, BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE,
                     precondition->must_match
                         ? "precondition %zu does not hold: no relationship matches its filter"
                         : "precondition %zu does not hold: a relationship matches its filter",
                     index);
}

/* `index` of an error counts preconditions where its reason speaks of one; any other reason may be
 * that of an update as well, so there the message alone says which precondition it is. */
static void
name_precondition(struct error *error, size_t index)
{
    char message[ERROR_MESSAGE_SIZE];

    if (error->status == BEHALF_WRITE_OR_DELETE_PRECONDITION_FAILURE ||
        error->status == BEHALF_EMPTY_PRECONDITION) {
        error_index(error, index);
        return;
    }
    memcpy(message, error->message, sizeof message);
    (void)snprintf(error->message, sizeof error->message, "precondition %zu: %.400s", index,
                   message);
}

enum status
write_check_preconditions(struct write_group *group, const struct store_transaction *transaction,
                          struct engine_write *write)
{
    for (size_t index = 0; index < write->precondition_count; index++) {
        enum status status =
            check_one(group, transaction, &write->preconditions[index], index, &write->error);

        if (status != BEHALF_OK) {
            name_precondition(&write->error, index);
            return status;
        }
    }
    return BEHALF_OK;
}

enum status
write_needs_schema(const struct write_group *group, struct error *error)
{
    if (group->binding != NULL)
        return BEHALF_OK;
    error_set(error, BEHALF_NO_SCHEMA, "no schema was written yet");
    error_hint(error, "write a schema first: it says which relationships there can be");
    return BEHALF_NO_SCHEMA;
}
