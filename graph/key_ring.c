/* key_ring.c - a ring buffer of keys that doubles when it is full. */
#include "graph/key_ring.h"

#include "base/memory.h"

#define FIRST_CAPACITY 64

static void
grow(struct key_ring *ring)
{
    size_t capacity = ring->capacity == 0 ? FIRST_CAPACITY : ring->capacity * 2;
    uint64_t *grown = memory_new_array(capacity, sizeof *grown);

    for (size_t at = 0; at < ring->count; at++)
        grown[at] = ring->keys[(ring->first + at) & (ring->capacity - 1)];
    memory_free(ring->keys);
    *ring = (struct key_ring){grown, 0, ring->count, capacity};
}

void
key_ring_add(struct key_ring *ring, uint64_t key)
{
    if (ring->count == ring->capacity)
        grow(ring);
    ring->keys[(ring->first + ring->count) & (ring->capacity - 1)] = key;
    ring->count++;
}

bool
key_ring_take(struct key_ring *ring, uint64_t *key)
{
    if (ring->count == 0)
        return false;
    *key = ring->keys[ring->first];
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
    return true;
}

void
key_ring_release(struct key_ring *ring)
{
    memory_free(ring->keys);
    *ring = (struct key_ring){NULL, 0, 0, 0};
}
