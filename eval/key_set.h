/* key_set.h - a set of 64-bit keys to which several threads add at once, and never take from.
 *
 * When chosen: for the nodes visited by a walk that is split over threads. What one thread alone
 * visits is in base/table.h.
 * How: levels of buckets, each level four times the one before, a bucket a cache line of eight
 * keys. A key goes to the first free place of its bucket in the first level where that bucket is
 * not full; when the arena has no room for the next level, to one of the buckets that follow its
 * own in the last one, so that a few keys with like hashes do not fill the set. Places are filled
 * once and for all, so whoever looks for a key passes by the place where it stands, and two that
 * add the same key at once want the same place: no lock, no growth that moves keys, and each key is
 * added once.
 * Always true: 0 is no key.
 * Threads: add and has from any; they wait for each other only where a level is to be made.
 * Memory: the arena, which belongs to the set alone as long as several threads use it; 16 to 32
 * bytes a key. */
#ifndef BEHALF_EVAL_KEY_SET_H
#define BEHALF_EVAL_KEY_SET_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define KEY_SET_LEVELS 10

struct key_set {
    _Atomic(_Atomic uint64_t *) levels[KEY_SET_LEVELS]; /* NULL after the last */
    atomic_uint level_end; /* KEY_SET_LEVELS, or fewer once the arena has no room for the next */
    pthread_mutex_t lock;  /* guards the arena */
    struct arena *arena;
};

void key_set_init(struct key_set *set, struct arena *arena);
void key_set_release(struct key_set *set); /* the lock; the memory is the arena's */

enum key_set_answer {
    KEY_SET_ADDED,
    KEY_SET_PRESENT,
    KEY_SET_FULL, /* the arena is spent, and so are the places of this key */
};

enum key_set_answer key_set_add(struct key_set *set, uint64_t key) BEHALF_MUST_USE;
bool key_set_has(const struct key_set *set, uint64_t key);

#endif
