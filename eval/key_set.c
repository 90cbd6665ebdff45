/* key_set.c - lock-free insertion into levels of buckets; key_set.h explains why a key has one
 * slot.
 *
 * Memory orders: a level is published by a release store, so that its reader sees it zeroed. Keys
 * are relaxed: a compare-exchange decides who fills a slot, and a key publishes no other data. */
#include "eval/key_set.h"

#include "base/digest.h"
#include "eval/limits.h"

#define BUCKET_KEYS 8
#define BUCKET_BYTES ((size_t)64)

/* How many buckets after its own a key may use in the last level. More than a thousand keys of one
 * hash find a slot, and with distinct hashes nine tenths of the slots are filled before one key
 * does not. */
#define BUCKETS_AFTER ((size_t)127)

void
key_set_init(struct key_set *set, struct arena *arena)
{
    for (unsigned level = 0; level < KEY_SET_LEVELS; level++)
        atomic_init(&set->levels[level], NULL);
    atomic_init(&set->level_end, KEY_SET_LEVELS);
    pthread_mutex_init(&set->lock, NULL);
    set->arena = arena;
}

void
key_set_release(struct key_set *set)
{
    pthread_mutex_destroy(&set->lock);
}

static size_t
bucket_count(unsigned level)
{
    return (size_t)LIMIT_KEY_SET_BUCKETS << 2 * level;
}

/* The level, created by the first thread that needs it; NULL when the arena is spent. It must stay
 * NULL from then on, although the arena may have room later: keys that went to later buckets of the
 * level before would not be found any more. */
static _Atomic uint64_t *
make_level(struct key_set *set, unsigned level)
{
    _Atomic uint64_t *keys;

    pthread_mutex_lock(&set->lock);
    keys = atomic_load_explicit(&set->levels[level], memory_order_relaxed);
    if (keys == NULL && atomic_load_explicit(&set->level_end, memory_order_relaxed) > level) {
        char *block = arena_take_array(set->arena, bucket_count(level) + 1, BUCKET_BYTES);

        if (block != NULL) {
            block += -(uintptr_t)block % BUCKET_BYTES;
            keys = (_Atomic uint64_t *)(void *)block;
            atomic_store_explicit(&set->levels[level], keys, memory_order_release);
        } else {
            atomic_store_explicit(&set->level_end, level, memory_order_relaxed);
        }
    }
    pthread_mutex_unlock(&set->lock);
    return keys;
}

static _Atomic uint64_t *
bucket_of(_Atomic uint64_t *keys, unsigned level, uint64_t hash)
{
    return keys + (hash & (bucket_count(level) - 1)) * BUCKET_KEYS;
}

/* FULL refers to this bucket. A failed exchange leaves the winner's key in `there`: if it is this
 * key, another thread has added it. */
static enum key_set_answer
bucket_add(_Atomic uint64_t *bucket, uint64_t key)
{
    for (unsigned at = 0; at < BUCKET_KEYS; at++) {
        uint64_t there = atomic_load_explicit(&bucket[at], memory_order_relaxed);

        if (there == 0 && atomic_compare_exchange_strong_explicit(
                              &bucket[at], &there, key, memory_order_relaxed, memory_order_relaxed))
            return KEY_SET_ADDED;
        if (there == key)
            return KEY_SET_PRESENT;
    }
    return KEY_SET_FULL;
}

enum found { FOUND, ABSENT, ELSEWHERE_IF_AT_ALL };

static enum found
bucket_find(const _Atomic uint64_t *bucket, uint64_t key)
{
    for (unsigned at = 0; at < BUCKET_KEYS; at++) {
        uint64_t there = atomic_load_explicit(&bucket[at], memory_order_relaxed);

        if (there == key || there == 0)
            return there == key ? FOUND : ABSENT;
    }
    return ELSEWHERE_IF_AT_ALL;
}

/* In a small level every other bucket is tried once. */
static size_t
buckets_after(unsigned level)
{
    size_t others = bucket_count(level) - 1;

    return others < BUCKETS_AFTER ? others : BUCKETS_AFTER;
}

enum key_set_answer
key_set_add(struct key_set *set, uint64_t key)
{
    uint64_t hash = digest_hash_u64(key);
    enum key_set_answer answer = KEY_SET_FULL;
    _Atomic uint64_t *last = NULL;
    unsigned level;

    BEHALF_ASSERT(key != 0);
    for (level = 0; level < KEY_SET_LEVELS; level++) {
        _Atomic uint64_t *keys = atomic_load_explicit(&set->levels[level], memory_order_acquire);

        if (keys == NULL)
            keys = make_level(set, level);
        if (keys == NULL)
            break;
        answer = bucket_add(bucket_of(keys, level, hash), key);
        if (answer != KEY_SET_FULL)
            return answer;
        last = keys;
    }
    for (size_t after = 1; level > 0 && after <= buckets_after(level - 1); after++) {
        answer = bucket_add(bucket_of(last, level - 1, hash + after), key);
        if (answer != KEY_SET_FULL)
            return answer;
    }
    return KEY_SET_FULL;
}

bool
key_set_has(const struct key_set *set, uint64_t key)
{
    uint64_t hash = digest_hash_u64(key);
    enum found found = ELSEWHERE_IF_AT_ALL;
    _Atomic uint64_t *last = NULL;
    unsigned level;

    for (level = 0; found == ELSEWHERE_IF_AT_ALL && level < KEY_SET_LEVELS; level++) {
        _Atomic uint64_t *keys = atomic_load_explicit(&set->levels[level], memory_order_acquire);

        if (keys == NULL)
            break;
        found = bucket_find(bucket_of(keys, level, hash), key);
        last = keys;
    }
    /* While another level may follow, no key is outside of its own bucket. */
    if (level < atomic_load_explicit(&set->level_end, memory_order_relaxed))
        return found == FOUND;
    for (size_t after = 1;
         found == ELSEWHERE_IF_AT_ALL && level > 0 && after <= buckets_after(level - 1); after++)
        found = bucket_find(bucket_of(last, level - 1, hash + after), key);
    return found == FOUND;
}
