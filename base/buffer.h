/* buffer.h - owned, growing bytes.
 * Always true: `data` is never NULL after buffer_init and always has a NUL behind `size` bytes, so
 * a buffer of text can be printed as it is. Growth ends the process on exhaustion (memory.h): what
 * a client can make grow is bounded by its caller.
 * Threads: none. Memory: buffer_release frees; a zeroed buffer may be released too. */
#ifndef BEHALF_BASE_BUFFER_H
#define BEHALF_BASE_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/slice.h"

struct buffer {
    char *data;
    size_t size;
    size_t capacity;
};

void buffer_init(struct buffer *buffer);
void buffer_release(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* keeps the memory */

/* Makes room for `extra` more bytes and returns where they go; buffer_added says how many came. */
char *buffer_grow(struct buffer *buffer, size_t extra); /* what buffer_reserve does without room */

static inline char *
buffer_reserve(struct buffer *buffer, size_t extra)
{
    /* Less than what is free, as a NUL follows; an empty buffer has nothing free. */
    if (BEHALF_LIKELY(extra < buffer->capacity - buffer->size))
        return buffer->data + buffer->size;
    return buffer_grow(buffer, extra);
}

static inline void
buffer_added(struct buffer *buffer, size_t count)
{
    BEHALF_ASSERT(count == 0 || buffer->size + count < buffer->capacity);
    buffer->size += count;
    if (buffer->capacity > 0)
        buffer->data[buffer->size] = '\0';
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t size);
void buffer_add_slice(struct buffer *buffer, struct slice bytes);
void buffer_add_text(struct buffer *buffer, const char *text);
void buffer_add_byte(struct buffer *buffer, char byte);
void buffer_add_format(struct buffer *buffer, const char *format, ...) BEHALF_PRINTF(2, 3);
void buffer_add_arguments(struct buffer *buffer, const char *format, va_list arguments)
    BEHALF_PRINTF(2, 0);

/* Removes the first `count` bytes. */
void buffer_drop(struct buffer *buffer, size_t count);

/* Of a buffer that may hold a part of a secret: memory that its bytes leave is overwritten, where
 * they come from too. */
void buffer_move_secret(struct buffer *buffer, void *bytes, size_t size);
void buffer_drop_secret(struct buffer *buffer, size_t count);
void buffer_release_secret(struct buffer *buffer);

static inline struct slice
buffer_slice(const struct buffer *buffer)
{
    return (struct slice){buffer->data, buffer->size};
}

void buffer_swap(struct buffer *one, struct buffer *other);

/* Hands the bytes over: the caller frees them with memory_free; the buffer is empty again. */
char *buffer_take(struct buffer *buffer, size_t *size);

#endif
