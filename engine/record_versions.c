/* record_versions.c - records in memory by key, and the protocol that keeps them exact.
 *
 * A slot holds the newest version of a record, or a chain of versions, newest first. A version is
 * in force from its created_revision until the next one's; the newest has no end. Claim: when a
 * reader of revision R finds a version with created_revision <= R < until at moment t, it is the
 * version in force at R.
 *
 * The writer handles transactions c in order:  commit(c) -> apply(c) -> publish(c or later).
 * The reader learned R from a publication before t, so every apply(c) with c <= R was over before
 * t. A version enters a slot in one of two ways:
 *   - apply(c) puts it in front of the one before, which ends at c.
 *   - A load read it at the head L of a snapshot that it opened after it had installed its mark. So
 *     each apply(c) with c > L came after the mark. It met the mark and left its version there, and
 *     the load installs that one and not its own; or it met the installed version. An apply(c) with
 *     c <= L is skipped where the version in the slot is as new.
 * So no change of the record that was applied before t lies in (created_revision, R].
 *
 * Cases that the claim must survive:
 *   - A snapshot that was opened before the mark: an apply between the two met an empty slot and
 *     left nothing. Hence the order above; a view's own snapshot is never used for a load.
 *   - The head L is newer than everything published: a reader at R < created_revision is told
 *     `storage`.
 *   - A commit fails with an unknown outcome. The writer drops the record, mark included: the
 *     loader sees `struck` and leaves the slot alone.
 *   - A removal. The slot is removed with all versions: readers of older revisions go to storage,
 *     and an absence is not kept. Attributes are the exception, as most objects have none: their
 *     absence is a version like another, which the writer replaces. One that the writer made is in
 *     force from its removal on, one that a load found from the head L of its snapshot on: what was
 *     in force before L is not known.
 *   - Eviction takes all versions of a record, and never a loading mark: the writer could no longer
 *     leave its change there.
 *   - Two records whose keys have the same 64 bits. Only one of them is in memory at a time; what
 *     comes for the other one passes it by.
 *
 * Uses have no older versions: the newest count is given to every reader. */
#include "engine/record_versions.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/memory.h"
#include "engine/record_block.h"
#include "graph/slot_table.h"

enum slot_kind { KIND_SESSION, KIND_GRANT, KIND_USES, KIND_ATTRIBUTES, KIND_CHAIN, KIND_LOADING };

#define EVICTABLE                                                                                  \
    (UINT32_C(1) << KIND_SESSION | UINT32_C(1) << KIND_GRANT | UINT32_C(1) << KIND_USES |          \
     UINT32_C(1) << KIND_ATTRIBUTES | UINT32_C(1) << KIND_CHAIN)

#define SHARDS_MAX UINT32_C(256)
#define SHARD_BYTES ((size_t)256 * 1024)
/* A record larger than this part of its shard's budget would evict nearly all the others. */
#define RECORD_PART_OF_SHARD 4
/* One hold of a shard's lock takes out at most so many records. */
#define SWEEP_VICTIMS 32
/* After so many looks in a row during which slots moved, a find takes the lock. */
#define LOOKS_MAX 8
/* One trim looks at so many chains, and at twice those added since the trim before. */
#define TRIM_STEPS 64

struct version {
    void *block;
    uint64_t until; /* UINT64_MAX: the newest */
};

/* Immutable, newest first; at least two versions: one alone needs no chain. */
struct chain {
    enum record_kind kind;
    size_t count;
    struct version versions[];
};

struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards all below */
    struct slot_table table;
    size_t bytes;      /* of the table, the records and the chains */
    size_t superseded; /* part of it: older versions and chains */
    uint64_t evicted;  /* records, for want of room */
};

struct record_versions {
    struct readers *readers;
    struct shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t shard_budget;

    /* The writer thread's: keys of slots with a chain; a key may occur twice. */
    uint64_t *chained;
    size_t chained_count;
    size_t chained_capacity;
    size_t trim_at;
    size_t trim_added;
};

/* --- life --- */

struct record_versions *
record_versions_new(struct readers *readers, size_t memory_bytes)
{
    struct record_versions *versions = memory_new(sizeof *versions);
    size_t size;

    versions->readers = readers;
    if (memory_bytes < RECORD_VERSIONS_SMALLEST)
        return versions;
    versions->shard_count = 1;
    while (versions->shard_count < SHARDS_MAX &&
           versions->shard_count * 2 * SHARD_BYTES <= memory_bytes)
        versions->shard_count *= 2;
    versions->shard_budget = memory_bytes / versions->shard_count;
    versions->slots_max = slot_table_count_within(versions->shard_budget / 2);
    size = versions->shard_count * sizeof *versions->shards;
    versions->shards = aligned_alloc(64, size);
    BEHALF_ASSERT(versions->shards != NULL);
    memset(versions->shards, 0, size);
    for (uint32_t at = 0; at < versions->shard_count; at++)
        pthread_mutex_init(&versions->shards[at].lock, NULL);
    return versions;
}

static enum slot_kind
kind_of(uint64_t value)
{
    return (enum slot_kind)(value & SLOT_KIND_MASK);
}

static void *
pointer_of(uint64_t value)
{
    return (void *)(uintptr_t)(value & ~(SLOT_KIND_MASK | SLOT_USED));
}

static uint64_t
value_of(const void *pointer, enum slot_kind kind)
{
    uint64_t bits = (uint64_t)(uintptr_t)pointer;

    BEHALF_ASSERT((bits & (SLOT_KIND_MASK | SLOT_USED)) == 0);
    return bits | SLOT_USED | (uint64_t)kind;
}

static enum slot_kind
slot_kind_of(enum record_kind kind)
{
    if (kind == RECORD_SESSION)
        return KIND_SESSION;
    if (kind == RECORD_GRANT)
        return KIND_GRANT;
    if (kind == RECORD_ATTRIBUTES)
        return KIND_ATTRIBUTES;
    BEHALF_ASSERT(kind == RECORD_USES);
    return KIND_USES;
}

/* --- values of slots --- */

static size_t
chain_bytes(size_t count)
{
    return memory_block_bytes(sizeof(struct chain) + count * sizeof(struct version));
}

/* The versions in a slot, newest first; a view onto the slot's chain, or onto `single`. */
struct versions {
    enum record_kind kind;
    const struct version *items;
    size_t count;
    struct version single;
};

/* For all kinds but the loading mark. Do not move *versions: `items` may point into it. */
static void
versions_of(uint64_t value, struct versions *versions)
{
    static const enum record_kind kinds[] = {RECORD_SESSION, RECORD_GRANT, RECORD_USES,
                                             RECORD_ATTRIBUTES};
    const struct chain *chain = pointer_of(value);

    BEHALF_ASSERT(kind_of(value) != KIND_LOADING);
    if (kind_of(value) == KIND_CHAIN) {
        versions->kind = chain->kind;
        versions->items = chain->versions;
        versions->count = chain->count;
        return;
    }
    versions->kind = kinds[kind_of(value)];
    versions->single = (struct version){pointer_of(value), UINT64_MAX};
    versions->items = &versions->single;
    versions->count = 1;
}

static bool
is_of(const struct versions *versions, enum record_kind kind, const struct record_id *id)
{
    return versions->kind == kind &&
           record_id_equal(record_block_id(kind, versions->items[0].block), id);
}

static size_t
superseded_bytes(const struct versions *versions)
{
    size_t bytes = versions->count > 1 ? chain_bytes(versions->count) : 0;

    for (size_t at = 1; at < versions->count; at++)
        bytes += record_block_bytes(versions->kind, versions->items[at].block);
    return bytes;
}

/* Under the shard's lock, as it enters a slot, and as it leaves it again. */
static void
count_value(struct shard *shard, uint64_t value, bool added)
{
    struct versions versions;
    size_t superseded;
    size_t bytes;

    versions_of(value, &versions);
    superseded = superseded_bytes(&versions);
    bytes = superseded + record_block_bytes(versions.kind, versions.items[0].block);
    shard->bytes += added ? bytes : -bytes;
    shard->superseded += added ? superseded : -superseded;
}

static void
retire_block(enum record_kind kind, void *block, struct retirees *retirees)
{
    retirees_add(retirees, block, record_block_bytes(kind, block));
}

static void
retire_value(uint64_t value, struct retirees *retirees)
{
    struct versions versions;

    versions_of(value, &versions);
    for (size_t at = 0; at < versions.count; at++)
        retire_block(versions.kind, versions.items[at].block, retirees);
    if (kind_of(value) == KIND_CHAIN)
        retirees_add(retirees, pointer_of(value), chain_bytes(versions.count));
}

void
record_versions_free(struct record_versions *versions)
{
    struct retirees retirees = {.count = 0};

    if (versions == NULL)
        return;
    for (uint32_t at = 0; at < versions->shard_count; at++) {
        struct slot_table *table = &versions->shards[at].table;

        for (size_t slot = 0; slot < slot_table_slots(table); slot++) {
            uint64_t value = slot_value(slot_table_at(table, slot));

            if (value != 0)
                retire_value(value, &retirees);
        }
        slot_table_release(table);
        pthread_mutex_destroy(&versions->shards[at].lock);
    }
    readers_retire(versions->readers, &retirees);
    memory_free(versions->chained);
    free(versions->shards);
    memory_free(versions);
}

/* --- finding --- */

/* Ids are random, or begin with a node; the kind tells a grant from its uses. */
static uint64_t
key_of(enum record_kind kind, const struct record_id *id)
{
    uint64_t bits;

    memcpy(&bits, id->bytes, sizeof bits);
    return bits ^ (uint64_t)kind;
}

static struct shard *
shard_of(struct record_versions *versions, uint64_t key)
{
    return &versions->shards[(digest_hash_u64(key) >> 40) & (versions->shard_count - 1)];
}

/* The value in the slot of the key; 0 when there is none. The slot may move after the lock is given
 * back: the caller uses it for a compare-and-swap on the value alone. */
static uint64_t
look(struct shard *shard, uint64_t key, struct slot **slot)
{
    uint64_t value;

    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        if (BEHALF_LIKELY(slot_table_look(&shard->table, key, slot, &value)))
            return value;
    }
    pthread_mutex_lock(&shard->lock);
    *slot = slot_table_find(&shard->table, key);
    value = *slot == NULL ? 0 : slot_value(*slot);
    pthread_mutex_unlock(&shard->lock);
    return value;
}

static enum record_answer
find(struct record_versions *versions, enum record_kind kind, const struct record_id *id,
     struct versions *found)
{
    uint64_t key = key_of(kind, id);
    struct slot *slot = NULL;
    uint64_t value;

    if (versions->shard_count == 0)
        return RECORD_STORAGE;
    value = look(shard_of(versions, key), key, &slot);
    if (value == 0)
        return RECORD_ABSENT;
    /* Without the lock, a mark's record in the loader's frame is out of reach. */
    if (kind_of(value) == KIND_LOADING)
        return RECORD_STORAGE;
    versions_of(value, found);
    if (!is_of(found, kind, id))
        return RECORD_STORAGE;
    slot_mark_used(slot, value);
    return RECORD_FOUND;
}

enum record_answer
record_versions_find(struct record_versions *versions, enum record_kind kind,
                     const struct record_id *id, uint64_t revision, struct arena *arena,
                     const void **copy)
{
    struct versions found;
    enum record_answer answer = find(versions, kind, id, &found);

    if (answer != RECORD_FOUND)
        return answer;
    for (size_t at = 0; at < found.count; at++) {
        const struct version *version = &found.items[at];

        if (revision < record_block_revision(kind, version->block))
            continue;
        if (revision >= version->until)
            return RECORD_STORAGE;
        *copy = record_block_copy(kind, version->block, arena);
        return RECORD_FOUND;
    }
    return RECORD_STORAGE;
}

enum record_answer
record_versions_uses(struct record_versions *versions, const struct record_id *grant,
                     uint64_t *left)
{
    struct versions found;
    enum record_answer answer = find(versions, RECORD_USES, grant, &found);

    if (answer == RECORD_FOUND)
        *left = record_block_left(found.items[0].block);
    return answer;
}

/* --- room --- */

/* Under the shard's lock; never a loading mark. */
static void
take_out(struct shard *shard, struct slot *slot, struct retirees *retirees)
{
    uint64_t value = slot_value(slot);

    count_value(shard, value, false);
    retire_value(value, retirees);
    slot_table_remove(&shard->table, slot);
}

/* Under the shard's lock. What one hold could not evict, the next one goes on with. */
static void
evict(struct record_versions *versions, struct shard *shard, struct retirees *retirees)
{
    for (unsigned victims = 0; victims < SWEEP_VICTIMS; victims++) {
        struct slot *slot;

        if (shard->bytes <= versions->shard_budget)
            return;
        slot = slot_table_victim(&shard->table, EVICTABLE);
        if (slot == NULL)
            continue;
        shard->evicted++;
        take_out(shard, slot, retirees);
    }
}

/* Under the shard's lock. The old array is retired: a find may be probing it. */
static bool
add_in_table(struct record_versions *versions, struct shard *shard, uint64_t key, uint64_t value,
             struct retirees *retirees)
{
    size_t before = slot_table_bytes(&shard->table);
    void *replaced;
    bool added = slot_table_add(&shard->table, key, value, versions->slots_max, &replaced);

    if (replaced != NULL)
        retirees_add(retirees, replaced, before);
    shard->bytes += slot_table_bytes(&shard->table) - before;
    return added;
}

/* Under the shard's lock. Where the table may not grow, the clock's victim gives up its slot. */
static bool
add_slot(struct record_versions *versions, struct shard *shard, uint64_t key, uint64_t value,
         struct retirees *retirees)
{
    struct slot *slot;

    if (add_in_table(versions, shard, key, value, retirees))
        return true;
    slot = slot_table_victim(&shard->table, EVICTABLE);
    if (slot == NULL)
        return false;
    shard->evicted++;
    take_out(shard, slot, retirees);
    return add_in_table(versions, shard, key, value, retirees);
}

/* --- loading --- */

static size_t
block_bytes_max(const struct record_versions *versions)
{
    return versions->shard_budget / RECORD_PART_OF_SHARD;
}

bool
record_versions_load_begin(struct record_versions *versions, enum record_kind kind,
                           const struct record_id *id, struct record_load *load)
{
    uint64_t key = key_of(kind, id);
    struct retirees retirees = {.count = 0};
    struct shard *shard;
    bool installed;

    *load = (struct record_load){.kind = kind, .id = *id};
    if (versions->shard_count == 0)
        return false;
    shard = shard_of(versions, key);
    pthread_mutex_lock(&shard->lock);
    installed = slot_table_find(&shard->table, key) == NULL &&
                add_slot(versions, shard, key, value_of(load, KIND_LOADING), &retirees);
    pthread_mutex_unlock(&shard->lock);
    readers_retire(versions->readers, &retirees);
    return installed;
}

/* Under the shard's lock: puts a block in the place of the mark, or nothing. */
static void
replace_mark(struct shard *shard, const struct record_load *load, void *block)
{
    struct slot *slot = slot_table_find(&shard->table, key_of(load->kind, &load->id));

    /* Nothing else removes the mark of a load that was not struck. */
    BEHALF_ASSERT(slot != NULL);
    BEHALF_ASSERT(kind_of(slot_value(slot)) == KIND_LOADING);
    BEHALF_ASSERT(pointer_of(slot_value(slot)) == load);
    if (block == NULL) {
        slot_table_remove(&shard->table, slot);
        return;
    }
    slot_set_value(slot, value_of(block, slot_kind_of(load->kind)));
    count_value(shard, slot_value(slot), true);
}

void
record_versions_load_end(struct record_versions *versions, struct record_load *load,
                         const struct record_image *image, uint64_t head)
{
    struct shard *shard = shard_of(versions, key_of(load->kind, &load->id));
    struct retirees retirees = {.count = 0};
    void *block = record_block_new(load->kind, &load->id, image, block_bytes_max(versions));
    void *unused;
    void *struck = NULL;

    pthread_mutex_lock(&shard->lock);
    if (load->struck) {
        unused = block;
        struck = load->left;
    } else if (load->revision > head) {
        /* The record changed after the snapshot: what was read is old. */
        unused = block;
        replace_mark(shard, load, load->left);
    } else {
        unused = load->left;
        replace_mark(shard, load, block);
    }
    evict(versions, shard, &retirees);
    pthread_mutex_unlock(&shard->lock);
    memory_free(unused); /* was in no slot, as the other */
    memory_free(struck);
    readers_retire(versions->readers, &retirees);
}

/* --- changing --- */

/* One hold of a shard's lock by the writer. */
struct hold {
    struct record_versions *versions;
    struct shard *shard;
    struct slot *slot;
    uint64_t published;
    const struct reader_pins *pins;
    struct retirees retirees;
};

/* Whether a reader may ask for a revision of this version: one that pinned it, or one that begins
 * while `published` is the newest. */
static bool
is_needed(const struct hold *hold, enum record_kind kind, const struct version *version)
{
    uint64_t from = record_block_revision(kind, version->block);

    if (from <= hold->published && hold->published < version->until)
        return true;
    for (size_t at = 0; at < hold->pins->count; at++) {
        if (hold->pins->revisions[at] >= from && hold->pins->revisions[at] < version->until)
            return true;
    }
    return false;
}

/* Queues a slot that has just got a chain for the next trims. */
static void
note_chain(struct record_versions *versions, uint64_t key)
{
    versions->chained = memory_reserve(versions->chained, versions->chained_count + 1,
                                       &versions->chained_capacity, sizeof *versions->chained);
    versions->chained[versions->chained_count++] = key;
    versions->trim_added++;
}

/* Replaces the versions in the slot by those of `all` that are needed, and always the newest. `all`
 * equals the slot's versions, with at most a new first one. */
static void
keep_needed(struct hold *hold, enum record_kind kind, struct version *all, size_t count)
{
    uint64_t before = slot_value(hold->slot);
    uint64_t after = value_of(all[0].block, slot_kind_of(kind));
    size_t kept = 1;

    count_value(hold->shard, before, false);
    for (size_t at = 1; at < count; at++) {
        if (is_needed(hold, kind, &all[at]))
            all[kept++] = all[at];
        else
            retire_block(kind, all[at].block, &hold->retirees);
    }
    if (kept > 1) {
        struct chain *chain = memory_new(sizeof *chain + kept * sizeof *all);

        chain->kind = kind;
        chain->count = kept;
        memcpy(chain->versions, all, kept * sizeof *all);
        after = value_of(chain, KIND_CHAIN);
    }
    if (kind_of(before) == KIND_CHAIN) {
        const struct chain *chain = pointer_of(before);

        retirees_add(&hold->retirees, pointer_of(before), chain_bytes(chain->count));
    } else if (kept > 1) {
        note_chain(hold->versions, slot_key(hold->slot));
    }
    /* One store publishes the versions: a find sees the old word or the new one, and both are
     * complete. */
    slot_set_value(hold->slot, after);
    count_value(hold->shard, after, true);
}

static void
put_in_front(struct hold *hold, const struct versions *before, void *block)
{
    struct version *all = memory_new_array(before->count + 1, sizeof *all);

    all[0] = (struct version){block, UINT64_MAX};
    memcpy(all + 1, before->items, before->count * sizeof *all);
    all[1].until = record_block_revision(before->kind, block);
    keep_needed(hold, before->kind, all, before->count + 1);
    memory_free(all);
}

/* Takes over `block`, which is what the change made of the record; NULL = not to be kept. */
static void
change_slot(struct hold *hold, uint64_t revision, void *block)
{
    uint64_t value = slot_value(hold->slot);
    struct versions before;

    versions_of(value, &before);
    if (revision <= record_block_revision(before.kind, before.items[0].block)) {
        memory_free(block); /* a load brought it already */
    } else if (block == NULL) {
        take_out(hold->shard, hold->slot, &hold->retirees);
    } else if (before.kind == RECORD_USES) {
        count_value(hold->shard, value, false);
        retire_value(value, &hold->retirees);
        slot_set_value(hold->slot, value_of(block, KIND_USES));
        count_value(hold->shard, slot_value(hold->slot), true);
    } else {
        put_in_front(hold, &before, block);
    }
}

static bool
mark_is_of(uint64_t value, enum record_kind kind, const struct record_id *id)
{
    const struct record_load *load = pointer_of(value);

    return load->kind == kind && record_id_equal(&load->id, id);
}

/* Under the shard's lock. */
static bool
slot_is_of(uint64_t value, enum record_kind kind, const struct record_id *id)
{
    struct versions versions;

    if (kind_of(value) == KIND_LOADING)
        return mark_is_of(value, kind, id);
    versions_of(value, &versions);
    return is_of(&versions, kind, id);
}

/* Under the shard's lock: the newest change is all that the load needs. Gives up `block`. */
static void
leave_change(struct record_load *load, uint64_t revision, void *block)
{
    BEHALF_ASSERT(revision > load->revision);
    memory_free(load->left);
    load->left = block;
    load->revision = revision;
}

/* That of attributes is followed by zeros. */
static const struct record_id *
key_id(const struct store_record_key *key)
{
    BEHALF_ASSERT(key->id_size ==
                  (key->kind == RECORD_ATTRIBUTES ? sizeof(uint64_t) : RECORD_ID_SIZE));
    return (const struct record_id *)key->id;
}

/* What the change makes of the record. */
static struct record_image
image_of(const struct record_change *change)
{
    if (!change->removed)
        return (struct record_image){change->revision, change->block, change->size};
    return (struct record_image){change->revision,
                                 change->key.kind == RECORD_ATTRIBUTES ? "" : NULL, 0};
}

void
record_versions_apply(struct record_versions *versions, const struct record_change *change,
                      uint64_t published, const struct reader_pins *pins)
{
    const struct record_id *id = key_id(&change->key);
    struct record_image image = image_of(change);
    uint64_t key = key_of(change->key.kind, id);
    struct hold hold = {.versions = versions, .published = published, .pins = pins};

    if (versions->shard_count == 0)
        return;
    hold.shard = shard_of(versions, key);
    pthread_mutex_lock(&hold.shard->lock);
    hold.slot = slot_table_find(&hold.shard->table, key);
    if (hold.slot != NULL && slot_is_of(slot_value(hold.slot), change->key.kind, id)) {
        void *block = record_block_new(change->key.kind, id, &image, block_bytes_max(versions));

        if (kind_of(slot_value(hold.slot)) == KIND_LOADING)
            leave_change(pointer_of(slot_value(hold.slot)), change->revision, block);
        else
            change_slot(&hold, change->revision, block);
        evict(versions, hold.shard, &hold.retirees);
    }
    pthread_mutex_unlock(&hold.shard->lock);
    readers_retire(versions->readers, &hold.retirees);
}

void
record_versions_drop(struct record_versions *versions, enum record_kind kind,
                     const struct record_id *id)
{
    uint64_t key = key_of(kind, id);
    struct retirees retirees = {.count = 0};
    struct shard *shard;
    struct slot *slot;

    if (versions->shard_count == 0)
        return;
    shard = shard_of(versions, key);
    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    if (slot != NULL && slot_is_of(slot_value(slot), kind, id)) {
        if (kind_of(slot_value(slot)) == KIND_LOADING) {
            struct record_load *load = pointer_of(slot_value(slot));

            /* The loader learns it under this lock, at its end. From here on nothing leads to its
             * record. */
            load->struck = true;
            slot_table_remove(&shard->table, slot);
        } else {
            take_out(shard, slot, &retirees);
        }
    }
    pthread_mutex_unlock(&shard->lock);
    readers_retire(versions->readers, &retirees);
}

/* --- trimming --- */

static bool
all_are_needed(const struct hold *hold, const struct chain *chain)
{
    for (size_t at = 1; at < chain->count; at++) {
        if (!is_needed(hold, chain->kind, &chain->versions[at]))
            return false;
    }
    return true;
}

/* Whether the slot of the key still has a chain. */
static bool
trim_key(struct record_versions *versions, uint64_t key, uint64_t published,
         const struct reader_pins *pins)
{
    struct hold hold = {.versions = versions, .published = published, .pins = pins};
    bool chained = false;

    hold.shard = shard_of(versions, key);
    pthread_mutex_lock(&hold.shard->lock);
    hold.slot = slot_table_find(&hold.shard->table, key);
    /* It may have been evicted since, or loaded anew without a chain. */
    if (hold.slot != NULL && kind_of(slot_value(hold.slot)) == KIND_CHAIN) {
        const struct chain *chain = pointer_of(slot_value(hold.slot));

        if (!all_are_needed(&hold, chain)) {
            struct version *all = memory_copy(chain->versions, chain->count * sizeof *all);

            keep_needed(&hold, chain->kind, all, chain->count);
            memory_free(all);
        }
        chained = kind_of(slot_value(hold.slot)) == KIND_CHAIN;
    }
    pthread_mutex_unlock(&hold.shard->lock);
    readers_retire(versions->readers, &hold.retirees);
    return chained;
}

void
record_versions_trim(struct record_versions *versions, uint64_t published,
                     const struct reader_pins *pins)
{
    size_t steps = 2 * versions->trim_added + TRIM_STEPS;

    if (steps > versions->chained_count)
        steps = versions->chained_count;
    versions->trim_added = 0;
    for (; steps > 0; steps--) {
        if (versions->trim_at >= versions->chained_count)
            versions->trim_at = 0;
        if (trim_key(versions, versions->chained[versions->trim_at], published, pins))
            versions->trim_at++;
        else
            versions->chained[versions->trim_at] = versions->chained[--versions->chained_count];
    }
}

/* --- looking at all of it --- */

void
record_versions_stats_read(struct record_versions *versions, struct record_cache_stats *stats)
{
    *stats = (struct record_cache_stats){.bytes = 0};
    for (uint32_t at = 0; at < versions->shard_count; at++) {
        struct shard *shard = &versions->shards[at];

        pthread_mutex_lock(&shard->lock);
        stats->bytes += shard->bytes;
        stats->superseded_bytes += shard->superseded;
        for (size_t slot = 0; slot < slot_table_slots(&shard->table); slot++) {
            uint64_t value = slot_value(slot_table_at(&shard->table, slot));

            stats->records += value != 0 && kind_of(value) != KIND_LOADING;
            stats->loading += value != 0 && kind_of(value) == KIND_LOADING;
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

void
record_versions_figures_read(struct record_versions *versions, struct record_cache_figures *figures)
{
    *figures = (struct record_cache_figures){.bytes = 0};
    for (uint32_t at = 0; at < versions->shard_count; at++) {
        struct shard *shard = &versions->shards[at];

        pthread_mutex_lock(&shard->lock);
        figures->bytes += shard->bytes;
        figures->records += shard->table.count;
        figures->evicted += shard->evicted;
        pthread_mutex_unlock(&shard->lock);
    }
}

static const char *
validate_value(uint64_t value, uint64_t key)
{
    struct versions versions;

    versions_of(value, &versions);
    if (key_of(versions.kind, record_block_id(versions.kind, versions.items[0].block)) != key)
        return "a record is in the slot of another key";
    if (versions.items[0].until != UINT64_MAX)
        return "the newest version has an end";
    for (size_t at = 1; at < versions.count; at++) {
        if (!is_of(&versions, versions.kind,
                   record_block_id(versions.kind, versions.items[at].block)))
            return "the versions of a chain are of several records";
        if (versions.items[at].until >
            record_block_revision(versions.kind, versions.items[at - 1].block))
            return "a version is in force beside a newer one";
        if (versions.items[at].until <=
            record_block_revision(versions.kind, versions.items[at].block))
            return "a version is in force at no revision";
    }
    return NULL;
}

bool
record_versions_validate(struct record_versions *versions, const char **reason)
{
    *reason = NULL;
    for (uint32_t at = 0; at < versions->shard_count && *reason == NULL; at++) {
        const struct slot_table *table = &versions->shards[at].table;
        struct shard recount = {.bytes = slot_table_bytes(table)};

        for (size_t slot = 0; slot < slot_table_slots(table) && *reason == NULL; slot++) {
            uint64_t value = slot_value(slot_table_at(table, slot));

            if (value == 0 || kind_of(value) == KIND_LOADING)
                continue;
            count_value(&recount, value, true);
            *reason = validate_value(value, slot_key(slot_table_at(table, slot)));
        }
        if (*reason == NULL && (recount.bytes != versions->shards[at].bytes ||
                                recount.superseded != versions->shards[at].superseded))
            *reason = "the bytes are counted wrong";
    }
    return *reason == NULL;
}
