/* key_set.c - see key_set.h for why a key stands in one place only.
 * Memory orders: a level is published by a release, and so read as zeroes at first. Keys are
 * relaxed: a place is taken by an exchange, and nothing is handed over with a key. */
#include "engine/key_set.h"

#include "base/digest.h"
#include "engine/limits.h"

#define BUCKET_KEYS 8
#define BUCKET_BYTES ((size_t)64)

void
key_set_init(struct key_set *set, struct arena *arena)
{
    for (unsigned level = 0; level < KEY_SET_LEVELS; level++)
        atomic_init(&set->levels[level], NULL);
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

/* The level, made now when nobody made it yet; NULL when the arena is spent. */
static _Atomic uint64_t *
make_level(struct key_set *set, unsigned level)
{
    _Atomic uint64_t *keys;

    pthread_mutex_lock(&set->lock);
    keys = atomic_load_explicit(&set->levels[level], memory_order_relaxed);
    if (keys == NULL) {
        char *block = arena_take_array(set->arena, bucket_count(level) + 1, BUCKET_BYTES);

        if (block != NULL) {
            block += -(uintptr_t)block % BUCKET_BYTES;
            keys = (_Atomic uint64_t *)(void *)block;
            atomic_store_explicit(&set->levels[level], keys, memory_order_release);
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

enum key_set_answer
key_set_add(struct key_set *set, uint64_t key)
{
    uint64_t hash = digest_hash_u64(key);

    BEHALF_ASSERT(key != 0);
    for (unsigned level = 0; level < KEY_SET_LEVELS; level++) {
        _Atomic uint64_t *keys = atomic_load_explicit(&set->levels[level], memory_order_acquire);
        _Atomic uint64_t *bucket;

        if (keys == NULL)
            keys = make_level(set, level);
        if (keys == NULL)
            return KEY_SET_FULL;
        bucket = bucket_of(keys, level, hash);
        for (unsigned at = 0; at < BUCKET_KEYS; at++) {
            uint64_t there = atomic_load_explicit(&bucket[at], memory_order_relaxed);

            if (there == 0 &&
                atomic_compare_exchange_strong_explicit(&bucket[at], &there, key,
                                                        memory_order_relaxed, memory_order_relaxed))
                return KEY_SET_ADDED;
            if (there == key)
                return KEY_SET_PRESENT;
        }
    }
    return KEY_SET_FULL;
}

bool
key_set_has(const struct key_set *set, uint64_t key)
{
    uint64_t hash = digest_hash_u64(key);

    for (unsigned level = 0; level < KEY_SET_LEVELS; level++) {
        _Atomic uint64_t *keys = atomic_load_explicit(&set->levels[level], memory_order_acquire);
        _Atomic uint64_t *bucket = keys == NULL ? NULL : bucket_of(keys, level, hash);

        for (unsigned at = 0; bucket != NULL && at < BUCKET_KEYS; at++) {
            uint64_t there = atomic_load_explicit(&bucket[at], memory_order_relaxed);

            if (there == key || there == 0)
                return there == key;
        }
        if (bucket == NULL)
            return false;
    }
    return false;
}
