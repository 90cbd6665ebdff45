/* durability.c - makes batches durable, and writes what belongs to this store alone.
 *
 * Always true: the mark never names a revision that is not durable, and nothing is acknowledged
 * above it. What takes no revision is in no changelog entry. After a failed write or sync nobody
 * knows which bytes a restart will find, so the store takes no further write until it is
 * reopened. */
#include "base/memory.h"
#include "storage/store_internal.h"

/* Writes what belongs to this store alone and takes no revision. */
static enum status
write_apart(struct store *store, const struct kv_change *changes, size_t count, bool durable,
            struct error *error)
{
    enum status status;

    if (atomic_load(&store->failed))
        return error_set(error, BEHALF_SERVICE_READ_ONLY,
                         "an earlier write failed: the store is read-only until it is reopened");
    status = kv_write(store->kv, changes, count, durable, error);
    /* A failed append leaves the end of the log unknown, for these records and for every batch
     * after them. */
    if (status != BEHALF_OK && status != BEHALF_SERVICE_READ_ONLY)
        atomic_store(&store->failed, true);
    return status;
}

static enum status
write_meta(struct store *store, struct slice name, struct slice value, struct error *error)
{
    const struct kv_change change = {KV_META, false, name, value};

    return write_apart(store, &change, 1, true, error);
}

/* After the sync and before any reply: however this process ends, the next one knows what was
 * acknowledged. The pwrite survives a kill; a power cut may take the mark back to the last
 * directory_sync_mark, which leaves a lower bound that is still true. */
static enum status
mark_head(struct store *store, struct error *error)
{
    enum status status = BEHALF_OK;

    if (store->directory == NULL)
        return BEHALF_OK;
    status = directory_set_mark(store->directory, store->head.revision, store->incarnation, error);
    if (status == BEHALF_OK)
        /* Lazily: a second fsync for each group would halve the write rate of a single client. */
        directory_sync_mark(store->directory, env_monotonic_ns(store->env), true);
    return status;
}

enum status
store_sync(struct store *store, struct error *error)
{
    enum status status;

    if (atomic_load(&store->failed))
        return error_set(error, BEHALF_OUTCOME_UNKNOWN,
                         "an earlier write failed: the store is read-only until it is reopened");
    /* The order matters: a mark above the durable log would make an intact store look as if it had
     * lost data. */
    status = kv_sync(store->kv, error);
    if (status == BEHALF_OK)
        status = mark_head(store, error);
    if (status != BEHALF_OK) {
        /* Never sync again and believe it: the kernel reports a lost page once, and a second fsync
         * would succeed without the data. */
        atomic_store(&store->failed, true);
        if (error != NULL)
            error->status = BEHALF_OUTCOME_UNKNOWN;
        return BEHALF_OUTCOME_UNKNOWN;
    }
    atomic_fetch_add(&store->syncs, 1);
    return BEHALF_OK;
}

void
store_settle(struct store *store)
{
    kv_settle(store->kv);
    if (store->directory != NULL)
        /* Not lazily: after a burst no further write may come to sync the mark. */
        directory_sync_mark(store->directory, env_monotonic_ns(store->env), false);
}

enum status
store_set_horizon(struct store *store, uint64_t revision, struct error *error)
{
    char bytes[8];
    enum status status;

    /* The horizon never moves back: history up to it may be gone. */
    BEHALF_ASSERT(revision <= store->head.revision);
    if (revision <= atomic_load(&store->horizon))
        return BEHALF_OK;
    bytes_put_u64(bytes, revision);
    status = write_meta(store, META_HORIZON, (struct slice){bytes, sizeof bytes}, error);
    if (status != BEHALF_OK)
        return status;
    /* The record is durable, so a restart cannot serve a revision whose history was dropped.
     * Readers learn the horizon before anything is dropped, and compare with it again after they
     * have read. */
    atomic_store(&store->horizon, revision);
    kv_drop_hint(store->kv, KV_HISTORY, revision);
    kv_drop_hint(store->kv, KV_CHANGELOG, revision);
    return BEHALF_OK;
}

uint64_t
store_horizon(struct store *store)
{
    return atomic_load(&store->horizon);
}

enum status
store_renew(struct store *store, struct error *error)
{
    uint8_t incarnation[INCARNATION_SIZE];
    uint8_t secret[STORE_SECRET_SIZE];
    const struct kv_change changes[] = {
        {KV_META, false, META_INCARNATION, {(const char *)incarnation, sizeof incarnation}},
        {KV_META, false, META_SECRET, {(const char *)secret, sizeof secret}},
    };
    enum status status;

    store->env->random_bytes(store->env->context, incarnation, sizeof incarnation);
    store->env->random_bytes(store->env->context, secret, sizeof secret);
    /* A crash before the mark is written leaves one of the old incarnation, which the open accepts
     * as long as the store needs a stop: its revision still holds. */
    status = kv_write(store->kv, changes, BEHALF_COUNT_OF(changes), true, error);
    if (status == BEHALF_OK) {
        memcpy(store->incarnation, incarnation, sizeof incarnation);
        memcpy(store->secret, secret, sizeof secret);
        atomic_store(&store->needs_stop, true);
        status = mark_head(store, error);
    }
    explicit_bzero(secret, sizeof secret);
    /* After a failure in the middle it is unknown which pair the disk has: nothing may be written
     * on top of it. */
    if (status != BEHALF_OK)
        atomic_store(&store->failed, true);
    return status;
}

enum status
store_set_clock(struct store *store, const struct store_clock *clock, struct error *error)
{
    char bytes[CLOCK_SIZE];

    clock_encode(clock, bytes);
    return write_meta(store, META_CLOCK, (struct slice){bytes, sizeof bytes}, error);
}

bool
store_needs_stop(const struct store *store)
{
    return atomic_load(&store->needs_stop);
}

/* A record of `seen` without its session would stay for ever: nothing removes it but the batch that
 * removes the session. */
static enum status
session_exists(struct store *store, const uint8_t session[16], struct buffer *value, bool *exists,
               struct error *error)
{
    struct store_record_key key = {.kind = RECORD_SESSION, .id_size = SEEN_KEY_SIZE};
    char bytes[RECORD_KEY_SIZE_MAX];

    memcpy(key.id, session, SEEN_KEY_SIZE);
    return kv_get(store->kv, NULL, KV_RECORDS, record_key_encode(&key, bytes), value, exists,
                  error);
}

enum status
store_set_seen(struct store *store, const struct store_seen *seen, size_t count,
               struct error *error)
{
    struct kv_change *changes = memory_new_array(count > 0 ? count : 1, sizeof *changes);
    char(*times)[SEEN_VALUE_SIZE] = memory_new_array(count > 0 ? count : 1, sizeof *times);
    struct buffer value;
    size_t kept = 0;
    enum status status = BEHALF_OK;

    buffer_init(&value);
    for (size_t at = 0; status == BEHALF_OK && at < count; at++) {
        bool exists = false;

        status = session_exists(store, seen[at].session, &value, &exists, error);
        if (status != BEHALF_OK || !exists)
            continue;
        store_time_encode(seen[at].time_ns, times[kept]);
        changes[kept] = (struct kv_change){KV_SEEN,
                                           false,
                                           {(const char *)seen[at].session, SEEN_KEY_SIZE},
                                           {times[kept], SEEN_VALUE_SIZE}};
        kept++;
    }
    if (status == BEHALF_OK && kept > 0)
        status = write_apart(store, changes, kept, false, error);
    memory_free(changes);
    memory_free(times);
    buffer_release(&value);
    return status;
}
