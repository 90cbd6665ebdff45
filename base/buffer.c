/* buffer.c - growing bytes. */
#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

#define SMALLEST_CAPACITY ((size_t)64)

static char empty[1];

void
buffer_init(struct buffer *buffer)
{
    *buffer = (struct buffer){.data = empty};
}

void
buffer_release(struct buffer *buffer)
{
    if (buffer->capacity > 0)
        memory_free(buffer->data);
    buffer_init(buffer);
}

void
buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->capacity > 0)
        buffer->data[0] = '\0';
}

char *
buffer_grow(struct buffer *buffer, size_t extra)
{
    size_t needed;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : SMALLEST_CAPACITY;

    BEHALF_ASSERT(extra < SIZE_MAX / 4 && buffer->size < SIZE_MAX / 4);
    needed = buffer->size + extra + 1;
    if (needed > buffer->capacity) {
        while (capacity < needed)
            capacity *= 2;
        buffer->data = memory_resize(buffer->capacity > 0 ? buffer->data : NULL, capacity, 1);
        buffer->capacity = capacity;
        buffer->data[buffer->size] = '\0';
    }
    return buffer->data + buffer->size;
}

void
buffer_add(struct buffer *buffer, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    memcpy(buffer_reserve(buffer, size), bytes, size);
    buffer_added(buffer, size);
}

void
buffer_add_slice(struct buffer *buffer, struct slice bytes)
{
    buffer_add(buffer, bytes.data, bytes.size);
}

void
buffer_add_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

void
buffer_add_byte(struct buffer *buffer, char byte)
{
    buffer_add(buffer, &byte, 1);
}

void
buffer_add_arguments(struct buffer *buffer, const char *format, va_list arguments)
{
    va_list again;
    int size;

    va_copy(again, arguments);
    size = vsnprintf(NULL, 0, format, arguments);
    BEHALF_ASSERT(size >= 0);
    (void)vsnprintf(buffer_reserve(buffer, (size_t)size), (size_t)size + 1, format, again);
    va_end(again);
    buffer_added(buffer, (size_t)size);
}

void
buffer_add_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    buffer_add_arguments(buffer, format, arguments);
    va_end(arguments);
}

void
buffer_drop(struct buffer *buffer, size_t count)
{
    BEHALF_ASSERT(count <= buffer->size);
    if (count == 0)
        return;
    memmove(buffer->data, buffer->data + count, buffer->size - count);
    buffer->size -= count;
    buffer->data[buffer->size] = '\0';
}

/* A larger block is made beside the old one, as realloc(3) would leave a copy. */
void
buffer_move_secret(struct buffer *buffer, void *bytes, size_t size)
{
    struct buffer larger;

    if (size == 0)
        return;
    if (size >= buffer->capacity - buffer->size) {
        buffer_init(&larger);
        (void)buffer_reserve(&larger, 2 * buffer->size + size);
        buffer_add(&larger, buffer->data, buffer->size);
        buffer_release_secret(buffer);
        *buffer = larger;
    }
    buffer_add(buffer, bytes, size);
    explicit_bzero(bytes, size);
}

void
buffer_drop_secret(struct buffer *buffer, size_t count)
{
    buffer_drop(buffer, count);
    if (count > 0)
        explicit_bzero(buffer->data + buffer->size, count);
}

void
buffer_release_secret(struct buffer *buffer)
{
    if (buffer->capacity > 0)
        explicit_bzero(buffer->data, buffer->capacity);
    buffer_release(buffer);
}

void
buffer_swap(struct buffer *one, struct buffer *other)
{
    struct buffer kept = *one;

    *one = *other;
    *other = kept;
}

char *
buffer_take(struct buffer *buffer, size_t *size)
{
    char *data;

    (void)buffer_reserve(buffer, 0);
    data = buffer->data;
    *size = buffer->size;
    buffer_init(buffer);
    return data;
}
