/* seen.c - times of sessions in memory: shards of a slot table, moved by compare-and-swap.
 *
 * Always true: `time` of an entry only grows, until whoever takes the entry out of its slot makes
 * it GONE, which ends it for those that still hold a pointer: a time that moved is never lost with
 * an evicted entry, because eviction exchanges the kept time alone. `kept` is what the store has;
 * the writer thread alone changes it, after a write.
 * A touch allocates nothing and takes no lock: it works in a section of the holder's own readers
 * (graph/readers.h), as not every caller has a view of the graph. */
#include "engine/seen.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/readers.h"
#include "graph/slot_table.h"

/* The kind of a slot's value. KIND_MOVED only spares the evictions the way to an entry that they
 * found not to be kept; the times in the entry decide. */
enum entry_kind { KIND_EVICTABLE, KIND_MOVED };

#define SHARDS_MAX UINT32_C(256)
#define SHARD_BYTES ((size_t)64 * 1024)
#define LOOKS_MAX 8
/* One session that comes looks at so many victims at most. */
#define VICTIMS_MAX 64
/* Reads of the store for one answer, where entries are evicted between read and insertion; then one
 * under the lock. */
#define READS_MAX 3
#define WRITTEN_TOGETHER 1024
#define STEPS_OF_TIMEOUT 8

#define GONE INT64_MIN

struct entry {
    struct record_id id;
    int64_t step_ns; /* it is kept once it moved by so much */
    _Atomic int64_t time;
    _Atomic int64_t kept;
};

struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards the three below */
    struct slot_table table;
    size_t bytes;       /* of the table and the entries */
    uint64_t evictions; /* so far */
    bool pressed;       /* a session found no room, since all that are here have moved */
    int64_t due_ns;     /* the writer thread's: monotonic */
};

struct seen {
    struct store *store;
    struct readers *readers;
    struct shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t shard_budget;

    /* The writer thread's. */
    struct entry **moved; /* to be written */
    size_t moved_count;
    size_t moved_capacity;
    bool started;
};

/* --- life --- */

struct seen *
seen_new(struct store *store, size_t memory_bytes)
{
    struct seen *seen = memory_new(sizeof *seen);
    size_t size;

    /* Without any memory no session would move. */
    if (memory_bytes < SHARD_BYTES)
        memory_bytes = SHARD_BYTES;
    seen->store = store;
    seen->readers = readers_new();
    seen->shard_count = 1;
    while (seen->shard_count < SHARDS_MAX && seen->shard_count * 2 * SHARD_BYTES <= memory_bytes)
        seen->shard_count *= 2;
    seen->shard_budget = memory_bytes / seen->shard_count;
    seen->slots_max = slot_table_count_within(seen->shard_budget / 2);
    size = seen->shard_count * sizeof *seen->shards;
    seen->shards = aligned_alloc(64, size);
    BEHALF_ASSERT(seen->shards != NULL);
    memset(seen->shards, 0, size);
    for (uint32_t at = 0; at < seen->shard_count; at++)
        pthread_mutex_init(&seen->shards[at].lock, NULL);
    return seen;
}

static struct entry *
entry_of(uint64_t value)
{
    return (struct entry *)(uintptr_t)(value & ~(SLOT_KIND_MASK | SLOT_USED));
}

static uint64_t
value_of(const struct entry *entry, enum entry_kind kind)
{
    return (uint64_t)(uintptr_t)entry | SLOT_USED | (uint64_t)kind;
}

void
seen_free(struct seen *seen)
{
    if (seen == NULL)
        return;
    for (uint32_t at = 0; at < seen->shard_count; at++) {
        struct slot_table *table = &seen->shards[at].table;

        for (size_t slot = 0; slot < slot_table_slots(table); slot++)
            memory_free(entry_of(slot_value(slot_table_at(table, slot))));
        slot_table_release(table);
        pthread_mutex_destroy(&seen->shards[at].lock);
    }
    readers_free(seen->readers);
    memory_free(seen->moved);
    free(seen->shards);
    memory_free(seen);
}

/* --- finding --- */

/* Ids are random. */
static uint64_t
key_of(const struct record_id *id)
{
    uint64_t key;

    memcpy(&key, id->bytes, sizeof key);
    return key;
}

static struct shard *
shard_of(struct seen *seen, uint64_t key)
{
    return &seen->shards[(digest_hash_u64(key) >> 40) & (seen->shard_count - 1)];
}

/* Under the shard's lock. Of two sessions of one key, only one is in memory at a time. */
static struct slot *
slot_of(struct shard *shard, const struct record_id *id)
{
    struct slot *slot = slot_table_find(&shard->table, key_of(id));

    return slot != NULL && record_id_equal(&entry_of(slot_value(slot))->id, id) ? slot : NULL;
}

/* A section, or the shard's lock where all places of the readers are taken: either keeps an entry
 * that is found from being freed. */
struct hold {
    struct shard *shard;
    struct reader *reader; /* NULL: the lock */
};

static struct hold
hold_begin(struct seen *seen, const struct record_id *id)
{
    struct hold hold = {shard_of(seen, key_of(id)), NULL};

    hold.reader = readers_claim(seen->readers, &hold, 0);
    if (BEHALF_UNLIKELY(hold.reader == NULL))
        pthread_mutex_lock(&hold.shard->lock);
    return hold;
}

static void
hold_end(struct hold *hold)
{
    if (BEHALF_LIKELY(hold->reader != NULL))
        reader_release(hold->reader);
    else
        pthread_mutex_unlock(&hold->shard->lock);
}

/* The entry of the session, or NULL: it is not there, or slots were moving all the time. */
static struct entry *
look(const struct hold *hold, const struct record_id *id)
{
    uint64_t key = key_of(id);
    struct entry *entry;
    struct slot *slot;
    uint64_t value = 0;

    if (BEHALF_UNLIKELY(hold->reader == NULL)) {
        slot = slot_of(hold->shard, id);
        return slot == NULL ? NULL : entry_of(slot_value(slot));
    }
    for (unsigned looks = 0; !slot_table_look(&hold->shard->table, key, &slot, &value); looks++) {
        if (looks == LOOKS_MAX)
            return NULL;
    }
    entry = entry_of(value);
    if (value == 0 || !record_id_equal(&entry->id, id))
        return NULL;
    slot_mark_used(slot, value);
    return entry;
}

/* Relaxed, here and below: a time says nothing of other memory. */
static int64_t
time_of(const struct entry *entry)
{
    return atomic_load_explicit(&entry->time, memory_order_relaxed);
}

static int64_t
kept_of(const struct entry *entry)
{
    return atomic_load_explicit(&entry->kept, memory_order_relaxed);
}

/* --- room --- */

static size_t
entry_bytes(void)
{
    return memory_block_bytes(sizeof(struct entry));
}

/* Under the shard's lock. */
static void
take_out(struct shard *shard, struct slot *slot, struct retirees *retirees)
{
    retirees_add(retirees, entry_of(slot_value(slot)), entry_bytes());
    slot_table_remove(&shard->table, slot);
    shard->bytes -= entry_bytes();
}

/* Under the shard's lock: takes out one entry whose time is kept. */
static bool
evict_one(struct shard *shard, struct retirees *retirees)
{
    for (unsigned victims = 0; victims < VICTIMS_MAX; victims++) {
        struct slot *slot = slot_table_victim(&shard->table, UINT32_C(1) << KIND_EVICTABLE);
        struct entry *entry;
        int64_t kept;

        if (slot == NULL)
            continue;
        entry = entry_of(slot_value(slot));
        kept = kept_of(entry);
        /* From here on no touch moves it: none is lost that moved it. */
        if (atomic_compare_exchange_strong_explicit(&entry->time, &kept, GONE, memory_order_relaxed,
                                                    memory_order_relaxed)) {
            take_out(shard, slot, retirees);
            shard->evictions++;
            return true;
        }
        slot_set_value(slot, value_of(entry, KIND_MOVED));
    }
    return false;
}

/* Under the shard's lock. */
static bool
add_in_table(struct seen *seen, struct shard *shard, uint64_t key, uint64_t value,
             struct retirees *retirees)
{
    size_t before = slot_table_bytes(&shard->table);
    void *replaced;
    bool added = slot_table_add(&shard->table, key, value, seen->slots_max, &replaced);

    if (replaced != NULL)
        retirees_add(retirees, replaced, before);
    shard->bytes += slot_table_bytes(&shard->table) - before;
    return added;
}

/* Under the shard's lock: a session that is not there, and whose time is kept as `kept`. */
static void
insert(struct seen *seen, struct shard *shard, const struct session *session, int64_t kept,
       struct retirees *retirees)
{
    int64_t timeout = session->idle_timeout_ns;
    bool room = true;
    struct entry *entry;

    /* Another session has the key. */
    if (slot_table_find(&shard->table, key_of(&session->id)) != NULL)
        return;
    while (room &&
           shard->bytes + entry_bytes() + slot_table_growth(&shard->table) > seen->shard_budget)
        room = evict_one(shard, retirees);
    if (!room) {
        shard->pressed = true;
        return;
    }
    if (timeout == 0)
        timeout = INT64_C(1000000000) * ENGINE_IDLE_TIMEOUT_DEFAULT_S;
    entry = memory_new(sizeof *entry);
    entry->id = session->id;
    entry->step_ns = timeout / STEPS_OF_TIMEOUT;
    atomic_init(&entry->time, kept);
    atomic_init(&entry->kept, kept);
    if (add_in_table(seen, shard, key_of(&session->id), value_of(entry, KIND_EVICTABLE), retirees))
        shard->bytes += entry_bytes();
    else
        memory_free(entry);
}

/* --- asking and moving --- */

/* What the store has. */
static enum status
read_kept(struct seen *seen, const struct session *session, int64_t *kept, struct error *error)
{
    bool found = false;
    enum status status = store_seen_read(seen->store, session->id.bytes, kept, &found, error);

    if (status == BEHALF_OK && (!found || *kept < session->created))
        *kept = session->created;
    return status;
}

/* Under the shard's lock: answers by the entry, where there is one. */
static bool
is_there(struct shard *shard, const struct session *session, int64_t *time_ns)
{
    struct slot *slot = slot_of(shard, &session->id);

    if (slot != NULL)
        *time_ns = time_of(entry_of(slot_value(slot)));
    return slot != NULL;
}

/* Whether `kept`, read since `evictions`, tells the session's time: it may have been here, moved,
 * been kept and evicted since. */
static bool
settle(struct seen *seen, const struct session *session, uint64_t evictions, int64_t kept,
       int64_t *time_ns)
{
    struct shard *shard = shard_of(seen, key_of(&session->id));
    struct retirees retirees = {.count = 0};
    bool settled = true;

    pthread_mutex_lock(&shard->lock);
    if (!is_there(shard, session, time_ns)) {
        settled = shard->evictions == evictions;
        *time_ns = kept;
        if (settled)
            insert(seen, shard, session, kept, &retirees);
    }
    pthread_mutex_unlock(&shard->lock);
    readers_retire(seen->readers, &retirees);
    return settled;
}

/* Reads under the lock, so that nothing comes between; others of the shard wait for the disk. */
static enum status
load_alone(struct seen *seen, const struct session *session, int64_t *time_ns, struct error *error)
{
    struct shard *shard = shard_of(seen, key_of(&session->id));
    struct retirees retirees = {.count = 0};
    enum status status = BEHALF_OK;

    pthread_mutex_lock(&shard->lock);
    if (!is_there(shard, session, time_ns)) {
        status = read_kept(seen, session, time_ns, error);
        if (status == BEHALF_OK)
            insert(seen, shard, session, *time_ns, &retirees);
    }
    pthread_mutex_unlock(&shard->lock);
    readers_retire(seen->readers, &retirees);
    return status;
}

static enum status
load(struct seen *seen, const struct session *session, int64_t *time_ns, struct error *error)
{
    struct shard *shard = shard_of(seen, key_of(&session->id));

    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        enum status status;
        uint64_t evictions;
        int64_t kept;

        pthread_mutex_lock(&shard->lock);
        evictions = shard->evictions;
        pthread_mutex_unlock(&shard->lock);
        status = read_kept(seen, session, &kept, error);
        if (status != BEHALF_OK || settle(seen, session, evictions, kept, time_ns))
            return status;
    }
    return load_alone(seen, session, time_ns, error);
}

enum status
seen_at(struct seen *seen, const struct session *session, bool may_block, int64_t *time_ns,
        struct error *error)
{
    struct hold hold = hold_begin(seen, &session->id);
    const struct entry *entry = look(&hold, &session->id);
    int64_t time = entry == NULL ? GONE : time_of(entry);

    hold_end(&hold);
    if (BEHALF_LIKELY(time != GONE)) {
        *time_ns = time;
        return BEHALF_OK;
    }
    return may_block ? load(seen, session, time_ns, error) : BEHALF_WOULD_BLOCK;
}

static bool
may_move(const struct session *session, int64_t time, int64_t to)
{
    if (time == GONE || to < time || to - time < SEEN_MOVES_EVERY_NS)
        return false;
    /* Idle is final. */
    return session->idle_timeout_ns == 0 || to - time < session->idle_timeout_ns;
}

void
seen_touch(struct seen *seen, const struct session *session, int64_t kept_ns)
{
    struct hold hold = hold_begin(seen, &session->id);
    struct entry *entry = look(&hold, &session->id);

    /* One that was evicted since the request asked for it moves with the next request. */
    if (entry != NULL) {
        int64_t time = time_of(entry);

        while (may_move(session, time, kept_ns) &&
               !atomic_compare_exchange_weak_explicit(&entry->time, &time, kept_ns,
                                                      memory_order_relaxed, memory_order_relaxed))
            continue;
    }
    hold_end(&hold);
}

/* --- keeping --- */

/* Adds those of the shard that are to be written; *any time that moved with `all`. They are not
 * evicted until they are kept, and only this thread forgets them. */
static void
collect(struct seen *seen, struct shard *shard, bool all)
{
    pthread_mutex_lock(&shard->lock);
    all = all || shard->pressed;
    shard->pressed = false;
    for (size_t at = 0; at < slot_table_slots(&shard->table); at++) {
        uint64_t value = slot_value(slot_table_at(&shard->table, at));
        struct entry *entry = entry_of(value);
        int64_t moved;

        if (value == 0)
            continue;
        moved = time_of(entry) - kept_of(entry);
        if (moved == 0 || (!all && moved < entry->step_ns))
            continue;
        seen->moved = memory_reserve(seen->moved, seen->moved_count + 1, &seen->moved_capacity,
                                     sizeof *seen->moved);
        seen->moved[seen->moved_count++] = entry;
    }
    pthread_mutex_unlock(&shard->lock);
}

/* The entry's time is kept as `time`: it may be evicted unless it has moved on, and so from the
 * store on, which is therefore under the lock. */
static void
note_kept(struct seen *seen, struct entry *entry, int64_t time)
{
    struct shard *shard = shard_of(seen, key_of(&entry->id));
    struct slot *slot;

    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key_of(&entry->id));
    BEHALF_ASSERT(slot != NULL && entry_of(slot_value(slot)) == entry);
    atomic_store_explicit(&entry->kept, time, memory_order_relaxed);
    slot_set_value(slot, value_of(entry, KIND_EVICTABLE));
    pthread_mutex_unlock(&shard->lock);
}

static enum status
write_moved(struct seen *seen, struct error *error)
{
    struct store_seen times[WRITTEN_TOGETHER];
    enum status status = BEHALF_OK;

    for (size_t from = 0; from < seen->moved_count && status == BEHALF_OK;) {
        struct entry **moved = &seen->moved[from];
        size_t count = seen->moved_count - from;

        if (count > WRITTEN_TOGETHER)
            count = WRITTEN_TOGETHER;
        for (size_t at = 0; at < count; at++) {
            memcpy(times[at].session, moved[at]->id.bytes, sizeof times[at].session);
            times[at].time_ns = time_of(moved[at]);
        }
        status = store_set_seen(seen->store, times, count, error);
        for (size_t at = 0; at < count && status == BEHALF_OK; at++)
            note_kept(seen, moved[at], times[at].time_ns);
        from += count;
    }
    return status;
}

/* The shards are due one after the other, so that no call walks all of a large memory. */
static void
start(struct seen *seen, int64_t monotonic_ns)
{
    for (uint32_t at = 0; at < seen->shard_count; at++)
        seen->shards[at].due_ns =
            monotonic_ns + SEEN_KEPT_EVERY_NS / seen->shard_count * (int64_t)(at + 1);
    seen->started = true;
}

enum status
seen_keep(struct seen *seen, int64_t monotonic_ns, bool all, struct error *error)
{
    enum status status;

    if (!seen->started)
        start(seen, monotonic_ns);
    seen->moved_count = 0;
    for (uint32_t at = 0; at < seen->shard_count; at++) {
        struct shard *shard = &seen->shards[at];

        if (!all && monotonic_ns < shard->due_ns)
            continue;
        shard->due_ns = monotonic_ns + SEEN_KEPT_EVERY_NS;
        collect(seen, shard, all);
    }
    if (seen->moved_count == 0)
        return BEHALF_DONE;
    status = write_moved(seen, error);
    seen->moved_count = 0;
    return status;
}

void
seen_forget(struct seen *seen, const struct record_id *session)
{
    struct shard *shard = shard_of(seen, key_of(session));
    struct retirees retirees = {.count = 0};
    struct slot *slot;

    pthread_mutex_lock(&shard->lock);
    slot = slot_of(shard, session);
    if (slot != NULL) {
        atomic_store_explicit(&entry_of(slot_value(slot))->time, GONE, memory_order_relaxed);
        take_out(shard, slot, &retirees);
    }
    pthread_mutex_unlock(&shard->lock);
    readers_retire(seen->readers, &retirees);
}

void
seen_stats_read(struct seen *seen, struct seen_stats *stats)
{
    *stats = (struct seen_stats){.bytes = 0};
    for (uint32_t at = 0; at < seen->shard_count; at++) {
        struct shard *shard = &seen->shards[at];

        pthread_mutex_lock(&shard->lock);
        stats->bytes += shard->bytes;
        stats->sessions += shard->table.count;
        for (size_t slot = 0; slot < slot_table_slots(&shard->table); slot++) {
            const struct entry *entry = entry_of(slot_value(slot_table_at(&shard->table, slot)));

            stats->moved += entry != NULL && time_of(entry) != kept_of(entry);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}
