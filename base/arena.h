/* arena.h - request memory.
 * Always true: everything in an arena dies together; an arena never gives out more than its cap,
 * and says so by NULL, which its caller turns into BUDGET_EXHAUSTED, or into OVERLOADED when the
 * bound of all requests was the reason. Blocks are aligned to 16 bytes.
 * What the arenas of all requests take together is bounded as well (arena_bound_requests), but for
 * a chunk of ARENA_FIRST_CHUNK each. A quarter of that is left to arenas of at most
 * ARENA_SMALL: large requests do not take the memory of small ones.
 * Threads: one arena belongs to one request, used by one thread at a time.
 * Memory: chunks double from ARENA_FIRST_CHUNK; arena_reset keeps a first chunk of this size, so
 * that a thread that answers small requests from a reused arena does not allocate at all. */
#ifndef BEHALF_BASE_ARENA_H
#define BEHALF_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"

#define ARENA_FIRST_CHUNK ((size_t)16 * 1024)
#define ARENA_SMALL ((size_t)1024 * 1024)

struct arena_chunk;

struct arena {
    char *next;                 /* first free byte of the current chunk */
    char *limit;                /* end of the current chunk */
    struct arena_chunk *chunks; /* newest first */
    size_t used_bytes;          /* size of all chunks but the free end of the newest */
    size_t cap_bytes;
    bool of_request;
};

void arena_init(struct arena *arena, size_t cap_bytes);
/* One that counts among those of all requests. */
void arena_init_request(struct arena *arena, size_t cap_bytes);
void arena_release(struct arena *arena); /* accepts an arena of zeroes */
void arena_reset(struct arena *arena, size_t cap_bytes);

/* Bytes are not cleared. NULL when the cap would be exceeded (or the machine has no memory). */
void *arena_take(struct arena *arena, size_t size) BEHALF_MUST_USE;

/* As arena_take for count * size bytes, zeroed; NULL also when the product overflows. */
void *arena_take_array(struct arena *arena, size_t count, size_t size) BEHALF_MUST_USE;

/* Room for one more element behind the `count` of an array of `*size`: the array, moved and doubled
 * when it was full (NULL and 0 at first). NULL when the cap is reached; the array is then
 * unchanged. New elements are not cleared. */
void *arena_grow(struct arena *arena, void *array, uint32_t count, uint32_t *size,
                 size_t element_size) BEHALF_MUST_USE;

/* Copies bytes (a NUL is added behind them, not counted); data is NULL when the cap is reached. */
struct slice arena_copy(struct arena *arena, struct slice bytes) BEHALF_MUST_USE;

/* --- all requests together --- */

/* Before there are threads; without it there is no bound. */
void arena_bound_requests(size_t bytes);
size_t arena_request_bytes(void); /* taken now */

/* Whether this thread was refused memory since it last asked because all requests together take
 * too much: the same request may be answered later. */
bool arena_was_refused(void);
/* OVERLOADED, with when to ask again. */
void arena_describe_refusal(struct error *error);

#endif
