/* memory.c - allocation that cannot fail from its caller's point of view. */
#include "base/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LARGE_BLOCK (256 * 1024)
#define FIRST_ELEMENTS ((size_t)16)

static _Noreturn void
exhausted(size_t size)
{
    fprintf(stderr, "behalf: out of memory (%zu bytes)\n", size);
    abort();
}

void *
memory_new(size_t size)
{
    void *block = calloc(1, size > 0 ? size : 1);

    if (block == NULL)
        exhausted(size);
    return block;
}

void *
memory_new_array(size_t count, size_t size)
{
    void *block = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

    if (block == NULL)
        exhausted(count);
    return block;
}

void *
memory_resize(void *block, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total))
        exhausted(count);
    block = realloc(block, total > 0 ? total : 1);
    if (block == NULL)
        exhausted(total);
    return block;
}

void *
memory_reserve(void *array, size_t count, size_t *capacity, size_t element_size)
{
    size_t wanted = *capacity > 0 ? *capacity : FIRST_ELEMENTS;

    if (count <= *capacity)
        return array;
    while (wanted < count) {
        if (__builtin_mul_overflow(wanted, 2, &wanted))
            exhausted(count);
    }
    array = memory_resize(array, wanted, element_size);
    *capacity = wanted;
    return array;
}

void *
memory_copy(const void *bytes, size_t size)
{
    void *block = memory_new(size);

    if (size > 0)
        memcpy(block, bytes, size);
    return block;
}

void
memory_tune(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
    (void)mallopt(M_TRIM_THRESHOLD, 4 * LARGE_BLOCK);
}

void
memory_trim(void)
{
    (void)malloc_trim(0);
}

void
memory_free(void *block)
{
    free(block);
}
