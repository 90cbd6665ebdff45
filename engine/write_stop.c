/* write_stop.c - agents, clients, principals or everything are cut off, and let in again.
 *
 * A stop's epoch is the revision that orders it: the transaction's, one after the head that it is
 * decided against. Restoring ends `in_force` alone, so what was granted before stays dead. */
#include "engine/write_stop.h"

#include "engine/write_records.h"

/* --- whom --- */

static const char *const paths[] = {
    [STOP_AGENT] = "agent",
    [STOP_CLIENT] = "client",
    [STOP_PRINCIPAL] = "principal",
    [STOP_EVERYTHING] = "everything",
};

static enum status
take_client(const struct engine_stop_order *order, struct error *error)
{
    if (order->client.size == 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "client: it is empty");
    return write_check_size(order->client.size, ENGINE_CLIENT_SIZE_MAX, "client", error);
}

static enum status
take_object(struct write_group *group, struct store_transaction *transaction,
            const struct engine_stop_order *order, struct party *party, struct error *error)
{
    enum status status = write_needs_schema(group, error);

    if (status == BEHALF_OK)
        status = write_party(group, transaction, &order->object, paths[order->scope], party, error);
    if (status != BEHALF_OK || order->scope == STOP_PRINCIPAL || write_is_agent(group, party))
        return status;
    return error_set(error, BEHALF_DELEGATION_REFUSED, "agent: '%.*s' is of no agent type",
                     SLICE_PRINTF(party->text));
}

/* An agent or a principal has a node, once it is killed. */
static enum status
take_party(struct write_group *group, struct store_transaction *transaction,
           const struct engine_stop_order *order, struct party *party, struct error *error)
{
    *party = (struct party){.text = order->client};
    switch (order->scope) {
    case STOP_AGENT:
    case STOP_PRINCIPAL:
        return take_object(group, transaction, order, party, error);
    case STOP_CLIENT:
        return take_client(order, error);
    case STOP_EVERYTHING:
        return BEHALF_OK;
    }
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "one of agent, client, principal and everything is needed");
}

/* --- the record --- */

static enum status
put_stop(struct store_transaction *transaction, const struct stop_words *words, uint64_t node,
         struct arena *arena, struct error *error)
{
    struct store_record record = {.key = record_stop_key(words->scope, node, words->party)};
    struct buffer body;
    enum status status;

    buffer_init(&body);
    status = record_encode_stop(words, arena, &body, error);
    record.body = buffer_slice(&body);
    if (status == BEHALF_OK)
        status = store_transaction_record_put(transaction, &record, error);
    buffer_release(&body);
    return status;
}

static uint64_t
own_revision(const struct store_transaction *transaction)
{
    return store_snapshot_head(store_transaction_snapshot(transaction)) + 1;
}

enum status
write_stop(struct write_group *group, struct store_transaction *transaction,
           struct engine_write *write)
{
    const struct engine_stop_order *order = write->stop_order;
    struct error *error = &write->error;
    const struct stop *stop = NULL;
    struct party party;
    struct stop_words words;
    enum status status =
        write_check_size(order->reason.size, ENGINE_REASON_SIZE_MAX, "reason", error);

    if (status == BEHALF_OK)
        status = take_party(group, transaction, order, &party, error);
    if (status == BEHALF_OK && party.text.size > 0 && order->scope != STOP_CLIENT &&
        !order->restore)
        status = write_party_node(group, transaction, &party, error);
    if (status != BEHALF_OK)
        return status;
    stop = stops_on(group->stops, order->scope, party.node, order->client);
    if (order->restore && stop == NULL)
        return error_set(error, BEHALF_UNKNOWN_RECORD, "%s: no stop was ever ordered",
                         paths[order->scope]);
    if (order->restore && !stop->in_force)
        return BEHALF_DONE;
    words = (struct stop_words){
        .scope = order->scope,
        .party = party.text,
        .epoch = order->restore ? stop->epoch : own_revision(transaction),
        .in_force = !order->restore,
        .by = write->caller,
        .reason = order->reason,
        .at = group->time.kept,
    };
    return put_stop(transaction, &words, party.node, &group->arena, error);
}

/* --- a new incarnation --- */

enum status
write_incarnation_stop(struct store_transaction *transaction, const struct stops *stops, int64_t at,
                       struct error *error)
{
    const struct stop *stop = stops_on(stops, STOP_EVERYTHING, 0, (struct slice){NULL, 0});
    const struct stop_words words = {
        .scope = STOP_EVERYTHING,
        .epoch = own_revision(transaction),
        /* One that is in force stays so: it is the operator who ends it. */
        .in_force = stop_is_in_force(stop),
        .reason = SLICE_LITERAL("a new incarnation of the store"),
        .at = at,
    };
    struct arena arena;
    enum status status;

    arena_init(&arena, ARENA_SMALL);
    status = put_stop(transaction, &words, 0, &arena, error);
    arena_release(&arena);
    if (status == BEHALF_OK)
        store_transaction_stopped(transaction);
    return status;
}
