/* memory.h - heap allocation for objects whose size no client chooses.
 * Always true: these never return NULL; exhaustion ends the process with a message, as it would
 * inside RocksDB anyway. Sizes a client chooses come from a capped arena instead (arena.h).
 * Threads: any. */
#ifndef BEHALF_BASE_MEMORY_H
#define BEHALF_BASE_MEMORY_H

#include <stddef.h>

#include "base/check.h"

void *memory_new(size_t size) __attribute__((returns_nonnull, malloc));             /* zeroed */
void *memory_new_array(size_t count, size_t size) __attribute__((returns_nonnull)); /* zeroed */

/* Grows or shrinks; new bytes are not cleared. count * size is checked for overflow. */
void *memory_resize(void *block, size_t count, size_t size) __attribute__((returns_nonnull));

/* Room for `count` elements in an array of `*capacity`, NULL and 0 at first: the array, moved and
 * at least doubled when it had no room. New elements are not cleared. The one way to grow an array
 * on the heap; arena_grow is the same for arenas. */
void *memory_reserve(void *array, size_t count, size_t *capacity, size_t element_size);

void *memory_copy(const void *bytes, size_t size) __attribute__((returns_nonnull));

void memory_free(void *block); /* accepts NULL */

/* Bytes that a block of `size` takes with malloc of glibc: chunks of 16 with 8 bytes of its own. */
static inline size_t
memory_block_bytes(size_t size)
{
    size_t chunk = (size + 8 + 15) & ~(size_t)15;

    return chunk < 32 ? 32 : chunk;
}

/* Once, before threads start: large blocks go back to the system when they are freed, and do not
 * raise the size from which a block counts as large. */
void memory_tune(void);
/* Gives free memory back to the system; milliseconds, during which others may wait to allocate. */
void memory_trim(void);

#endif
