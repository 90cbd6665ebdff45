/* write_repeat.c - see write_repeat.h. */
#include "engine/write_repeat.h"

#include "engine/agents.h"

#define RECORDS_MAX 8 /* that one write of sessions and grants puts, and some more */

/* The key of a use is that of its check. */
static void
take_use_key(struct engine_write *write)
{
    const struct engine_delegation *delegation = &write->use->delegation;

    write->idempotency_key = delegation->idempotency_key;
    memcpy(write->request_digest, delegation->request_digest, sizeof write->request_digest);
}

/* Bytes of any other caller, or of none, are never the same: no client's key is so long. */
struct slice
write_request_key(const struct engine_write *write, char room[WRITE_REQUEST_KEY_SIZE])
{
    size_t size = write->idempotency_key.size;

    if (write->caller.size == 0)
        return write->idempotency_key;
    BEHALF_ASSERT(write->caller.size <= ENGINE_CALLER_SIZE_MAX &&
                  size <= ENGINE_IDEMPOTENCY_KEY_SIZE_MAX);
    memset(room, 0, ENGINE_IDEMPOTENCY_KEY_SIZE_MAX + 1);
    memcpy(room, write->caller.data, write->caller.size);
    memcpy(room + ENGINE_IDEMPOTENCY_KEY_SIZE_MAX + 1, write->idempotency_key.data, size);
    return (struct slice){room, ENGINE_IDEMPOTENCY_KEY_SIZE_MAX + 1 + size};
}

static enum status
refuse_reuse(const struct store_request *request, struct error *error)
{
    error_set(error, BEHALF_IDEMPOTENCY_KEY_REUSED,
              "the idempotency key was used for another request, at revision %llu",
              (unsigned long long)request->revision);
    error_hint(error, "give every request a key of its own");
    return BEHALF_IDEMPOTENCY_KEY_REUSED;
}

static enum status
refuse_late_use(struct error *error)
{
    error_set(error, BEHALF_IDEMPOTENCY_KEY_REUSED,
              "the idempotency key took a use more than a minute ago");
    error_hint(error, "make the key for one call; a later call is another use");
    return BEHALF_IDEMPOTENCY_KEY_REUSED;
}

static bool
makes_records(const struct engine_write *write)
{
    return write->kind == WRITE_SESSION_CREATE || write->kind == WRITE_GRANT_CREATE ||
           write->kind == WRITE_GRANT_DELEGATE || write->kind == WRITE_REQUEST_CREATE ||
           write->kind == WRITE_REQUEST_APPROVE || write->kind == WRITE_REQUEST_CLOSE;
}

/* The ids are in the changelog entry of the revision that made them. */
static enum status
find_ids(const struct store_snapshot *snapshot, struct engine_write *write)
{
    struct store_record_key keys[RECORDS_MAX];
    size_t count = 0;
    enum status status = store_records_written(snapshot, write->revision, keys,
                                               BEHALF_COUNT_OF(keys), &count, &write->error);

    if (status != BEHALF_OK)
        return status;
    for (size_t at = 0; at < count; at++) {
        if (keys[at].kind == RECORD_SESSION) {
            memcpy(write->session.bytes, keys[at].id, RECORD_ID_SIZE);
            write->has_session = true;
        } else if (keys[at].kind == RECORD_GRANT) {
            memcpy(write->grant.bytes, keys[at].id, RECORD_ID_SIZE);
            write->has_grant = true;
        } else if (keys[at].kind == RECORD_REQUEST) {
            memcpy(write->access_request.bytes, keys[at].id, RECORD_ID_SIZE);
            write->has_access_request = true;
        }
    }
    return BEHALF_OK;
}

enum status
write_find_repeated(const struct store_transaction *transaction, int64_t now,
                    struct engine_write *write)
{
    const struct store_snapshot *snapshot = store_transaction_snapshot(transaction);
    struct store_request request = {0};
    char room[WRITE_REQUEST_KEY_SIZE];
    bool found = false;
    enum status status;

    write->repeated = false;
    write->has_session = false;
    write->has_grant = false;
    write->has_access_request = false;
    if (write->kind == WRITE_USE)
        take_use_key(write);
    if (write->idempotency_key.size == 0)
        return BEHALF_OK;
    status = store_request_find(snapshot, write_request_key(write, room), now, &request, &found,
                                &write->error);
    if (status != BEHALF_OK || !found)
        return status;
    if (!digest_equal(request.digest, write->request_digest, DIGEST_SIZE))
        return refuse_reuse(&request, &write->error);
    if (write->kind == WRITE_USE && now - request.time_ns > WRITE_USE_REPEAT_NS)
        return refuse_late_use(&write->error);
    write->revision = request.revision;
    write->repeated = true;
    if (write->kind == WRITE_USE)
        write->use->none_left = false; /* it has its use */
    return makes_records(write) ? find_ids(snapshot, write) : BEHALF_OK;
}
