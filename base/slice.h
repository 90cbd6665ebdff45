/* slice.h - borrowed bytes.
 * Always true: a slice owns nothing and is not NUL-terminated; size 0 may come with data NULL.
 * Identifiers are compared byte for byte, never by a locale. */
#ifndef BEHALF_BASE_SLICE_H
#define BEHALF_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size;
};

#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

/* For printf: "%.*s" with SLICE_PRINTF(slice). */
#define SLICE_PRINTF(slice) (int)(slice).size, (slice).size > 0 ? (slice).data : ""

static inline struct slice
slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Order of unsigned bytes; a proper prefix comes first. */
static inline int
slice_compare(struct slice a, struct slice b)
{
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;

    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

static inline bool
slice_starts_with(struct slice text, struct slice prefix)
{
    return text.size >= prefix.size &&
           (prefix.size == 0 || memcmp(text.data, prefix.data, prefix.size) == 0);
}

#endif
