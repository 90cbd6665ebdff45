/* key_ring.h - a first-in, first-out queue of keys.
 * Always true: `capacity` is 0 or a power of two, so positions wrap by a mask. A zeroed ring is
 * empty.
 * Threads: none; the holder's lock guards it. Memory: one block that grows by doubling and never
 * shrinks. */
#ifndef BEHALF_GRAPH_KEY_RING_H
#define BEHALF_GRAPH_KEY_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct key_ring {
    uint64_t *keys;
    size_t first;
    size_t count;
    size_t capacity; /* a power of two, or 0 */
};

void key_ring_add(struct key_ring *ring, uint64_t key);
/* Takes the oldest key. False when the ring is empty. */
bool key_ring_take(struct key_ring *ring, uint64_t *key);
void key_ring_release(struct key_ring *ring);

#endif
