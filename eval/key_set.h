/* key_set.h - a set of 64-bit keys to which several threads add at once. Keys are never removed.
 *
 * Use it for the visited nodes of a parallel search; base/table.h serves one thread.
 *
 * Layout: levels of buckets, each level four times as large as the one before. A bucket is a cache
 * line of eight keys. A key goes to the first free slot of its bucket, in the first level where
 * that bucket is not full. When the arena has no room for another level, the key goes to one of the
 * buckets that follow its own in the last level, so that a few keys with similar hashes do not fill
 * the set.
 *
 * Always true: 0 is not a key. A slot is filled once and never changes, so a lookup passes the slot
 * of its key before it meets an empty slot, and two threads that add the same key compete for the
 * same slot. Hence no locks on the way, no moving of keys, and exactly one thread gets
 * KEY_SET_ADDED for a key.
 *
 * Threads: any thread may add and look up; they wait for each other only while a level is created.
 * Memory: the arena, which belongs to the set alone as long as several threads use it; 16 to 32
 * bytes per key. */
#ifndef BEHALF_EVAL_KEY_SET_H
#define BEHALF_EVAL_KEY_SET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define KEY_SET_LEVELS 10

struct key_set {
    _Atomic(_Atomic uint64_t *) levels[KEY_SET_LEVELS]; /* NULL after the last level */
    /* Number of levels that there can be: KEY_SET_LEVELS, or fewer once the arena has no room for
     * the next. */
    atomic_uint level_end;
    pthread_mutex_t lock; /* guards the arena */
    struct arena *arena;
};

void key_set_init(struct key_set *set, struct arena *arena);
void key_set_release(struct key_set *set); /* frees the lock; the memory is the arena's */

enum key_set_answer {
    KEY_SET_ADDED,
    KEY_SET_PRESENT,
    KEY_SET_FULL, /* the arena is spent and the key has no free slot left */
};

enum key_set_answer key_set_add(struct key_set *set, uint64_t key) BEHALF_MUST_USE;
bool key_set_has(const struct key_set *set, uint64_t key);

#endif
