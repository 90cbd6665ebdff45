/* arena.c - a bump allocator over doubling chunks. */
#include "base/arena.h"

#include <stdatomic.h>
#include <stdlib.h>

#define ALIGNMENT ((size_t)16)
#define RETRY_AFTER_MS 100 /* some of what runs has ended by then */
#define LARGEST_CHUNK ((size_t)4 * 1024 * 1024)
#define FIRST_ELEMENTS 16 /* of a growing array */

struct arena_chunk {
    struct arena_chunk *older;
    size_t size; /* bytes behind this header */
};

_Static_assert(sizeof(struct arena_chunk) % ALIGNMENT == 0, "the first block stays aligned");

/* --- all requests together --- */

#define RESERVE_PART 4

static size_t request_bound = SIZE_MAX;
static atomic_size_t request_bytes;
static _Thread_local bool refused;

void
arena_bound_requests(size_t bytes)
{
    request_bound = bytes;
}

size_t
arena_request_bytes(void)
{
    return atomic_load_explicit(&request_bytes, memory_order_relaxed);
}

bool
arena_was_refused(void)
{
    bool was = refused;

    refused = false;
    return was;
}

void
arena_describe_refusal(struct error *error)
{
    error_set(error, BEHALF_OVERLOADED, "the requests under way take all the memory they may");
    error_hint(error, "repeat it after retry_after_ms, or ask for less at once");
    if (error != NULL)
        error->retry_after_ms = RETRY_AFTER_MS;
}

static bool
is_counted(const struct arena *arena, size_t chunk_size)
{
    return arena->of_request && chunk_size > ARENA_FIRST_CHUNK;
}

static bool
count_chunk(size_t size, bool small)
{
    size_t bound = small ? request_bound : request_bound - request_bound / RESERVE_PART;
    size_t taken = atomic_load_explicit(&request_bytes, memory_order_relaxed);

    do {
        if (taken > bound || size > bound - taken) {
            refused = true;
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&request_bytes, &taken, taken + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static void
uncount_chunk(size_t size)
{
    size_t before = atomic_fetch_sub_explicit(&request_bytes, size, memory_order_relaxed);

    BEHALF_ASSERT(before >= size);
}

/* --- one arena --- */

void
arena_init(struct arena *arena, size_t cap_bytes)
{
    *arena = (struct arena){.cap_bytes = cap_bytes};
}

void
arena_init_request(struct arena *arena, size_t cap_bytes)
{
    *arena = (struct arena){.cap_bytes = cap_bytes, .of_request = true};
}

void
arena_release(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;

    while (chunk != NULL) {
        struct arena_chunk *older = chunk->older;

        if (is_counted(arena, chunk->size))
            uncount_chunk(chunk->size);
        free(chunk);
        chunk = older;
    }
    *arena = (struct arena){.cap_bytes = arena->cap_bytes, .of_request = arena->of_request};
}

void
arena_reset(struct arena *arena, size_t cap_bytes)
{
    struct arena_chunk *first = arena->chunks;

    arena->cap_bytes = cap_bytes;
    if (first == NULL)
        return;
    if (first->older != NULL || first->size > ARENA_FIRST_CHUNK) {
        arena_release(arena);
        return;
    }
    arena->next = (char *)(first + 1);
    arena->used_bytes = 0;
}

static bool
add_chunk(struct arena *arena, size_t needed)
{
    size_t left = (size_t)(arena->limit - arena->next);
    size_t in_use = arena->used_bytes + (arena->chunks == NULL ? 0 : arena->chunks->size - left);
    size_t size = arena->chunks == NULL ? ARENA_FIRST_CHUNK : arena->chunks->size * 2;
    struct arena_chunk *chunk;

    if (in_use > arena->cap_bytes || needed > arena->cap_bytes - in_use)
        return false;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    if (size > arena->cap_bytes - in_use)
        size = (arena->cap_bytes - in_use) & ~(ALIGNMENT - 1);
    if (size < needed)
        size = needed;
    if (is_counted(arena, size) && !count_chunk(size, in_use + size <= ARENA_SMALL))
        return false;
    chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        if (is_counted(arena, size))
            uncount_chunk(size);
        return false;
    }
    chunk->older = arena->chunks;
    chunk->size = size;
    arena->used_bytes = in_use;
    arena->chunks = chunk;
    arena->next = (char *)(chunk + 1);
    arena->limit = arena->next + size;
    return true;
}

void *
arena_take(struct arena *arena, size_t size)
{
    void *block;

    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    if (size == 0)
        size = 1; /* a block of its own all the same: NULL means that memory is spent */
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (size > (size_t)(arena->limit - arena->next) && !add_chunk(arena, size))
        return NULL;
    block = arena->next;
    arena->next += size;
    return block;
}

void *
arena_take_array(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    void *block;

    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    block = arena_take(arena, total);
    if (block != NULL && total > 0)
        memset(block, 0, total);
    return block;
}

void *
arena_grow(struct arena *arena, void *array, uint32_t count, uint32_t *size, size_t element_size)
{
    uint32_t wanted = *size == 0 ? FIRST_ELEMENTS : *size * 2;
    void *grown;

    if (count < *size)
        return array;
    if (wanted <= *size)
        return NULL;
    grown = arena_take(arena, wanted * element_size);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, array, count * element_size);
    *size = wanted;
    return grown;
}

struct slice
arena_copy(struct arena *arena, struct slice bytes)
{
    char *copy = bytes.size < SIZE_MAX ? arena_take(arena, bytes.size + 1) : NULL;

    if (copy == NULL)
        return (struct slice){NULL, 0};
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return (struct slice){copy, bytes.size};
}
