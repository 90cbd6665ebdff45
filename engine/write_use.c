/* write_use.c - a check by a counted grant takes one use from each counted grant of its chain.
 *
 * Always true: it takes from all of them or from none. Where it takes none the caller is told
 * (`none_left`), and its check gives no allow: the writer's state may know of a revocation that the
 * decision before it has not seen. */
#include "engine/write_records.h"

/* Whether the chain that was asked is the one that is stored, and may act now. */
static enum status
may_act(struct write_group *group, struct store_transaction *transaction,
        const struct engine_use *use, struct write_chain *chain, bool *may, struct error *error)
{
    const struct record_id *named = &use->chain[use->chain_length - 1];
    size_t at;
    int64_t ends;
    enum status status = write_read_chain(group, transaction, named, chain, error);

    *may = false;
    if (status == BEHALF_UNKNOWN_RECORD)
        return BEHALF_OK;
    if (status == BEHALF_OK)
        *may = record_conditions(&chain->facts, group->time.now, &at, &ends) == REASON_NONE;
    return status;
}

static enum status
read_counts(struct write_group *group, struct store_transaction *transaction,
            const struct write_chain *chain, uint64_t *left, bool *all, struct error *error)
{
    struct store_record record;

    for (size_t at = 0; at < chain->facts.length; at++) {
        const struct grant *grant = chain->grants[at];
        enum status status;

        if (grant->uses == 0)
            continue;
        status = write_read_uses(group, transaction, &grant->id, &record, &left[at], error);
        if (status != BEHALF_OK)
            return status;
        *all = *all && left[at] > 0;
    }
    return BEHALF_OK;
}

static enum status
take_one(struct write_group *group, struct store_transaction *transaction,
         const struct grant *grant, uint64_t left, struct error *error)
{
    char body[4];
    const struct store_record record = {
        .key = record_key(RECORD_USES, &grant->id),
        .ends = write_swept_from(group, grant->expires_at),
        .body = {body, sizeof body},
    };

    BEHALF_ASSERT(left > 0 && left <= UINT32_MAX);
    record_encode_uses((uint32_t)left - 1, body);
    return store_transaction_record_put(transaction, &record, error);
}

enum status
write_use(struct write_group *group, struct store_transaction *transaction,
          struct engine_write *write)
{
    struct engine_use *use = write->use;
    uint64_t left[ENGINE_CHAIN_MAX] = {0};
    struct write_chain chain;
    bool may = false;
    bool takes = false;
    enum status status = write_needs_schema(group, &write->error);

    use->none_left = true; /* until all of it is decided */
    if (use->chain_length == 0 || use->chain_length > ENGINE_CHAIN_MAX)
        return error_set(&write->error, BEHALF_MALFORMED_REQUEST, "a use needs a grant");
    if (status == BEHALF_OK)
        status = may_act(group, transaction, use, &chain, &may, &write->error);
    if (status == BEHALF_OK && may)
        status = read_counts(group, transaction, &chain, left, &may, &write->error);
    if (status != BEHALF_OK)
        return status;
    for (size_t at = 0; status == BEHALF_OK && may && at < chain.facts.length; at++) {
        if (chain.grants[at]->uses == 0)
            continue;
        status = take_one(group, transaction, chain.grants[at], left[at], &write->error);
        takes = true;
    }
    if (status != BEHALF_OK)
        return status;
    use->none_left = !may;
    return takes ? BEHALF_OK : BEHALF_DONE;
}
