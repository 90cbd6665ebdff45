/* key_ring.h - keys that wait for their turn, in the order in which they came.
 * Threads: none; the holder's lock. Memory: one block that grows by doubling; a ring of zeroes is
 * empty. */
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
/* The oldest. False when there is none. */
bool key_ring_take(struct key_ring *ring, uint64_t *key);
void key_ring_release(struct key_ring *ring);

#endif
