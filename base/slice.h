/* slice.h - borrowed bytes.
 * Always true: a slice owns nothing and is not NUL-terminated; size 0 may come with data NULL.
 * Identifiers are compared byte for byte, never by a locale. */
#ifndef BEHALF_BASE_SLICE_H
#define BEHALF_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

/* A slice of SLICE_SHORT_MIN to SLICE_SHORT_MAX bytes as two words, its first bytes and its last,
 * which may overlap: with the size they tell all of it. Most names of a request are that short, and
 * a call of memcmp or of a hash for long texts costs more than the work. */
#define SLICE_SHORT_MIN sizeof(uint32_t)
#define SLICE_SHORT_MAX (2 * sizeof(uint64_t))

struct slice_ends {
    uint64_t first;
    uint64_t last;
};

static inline struct slice_ends
slice_ends_of(struct slice text)
{
    struct slice_ends ends;
    uint32_t halves[2];

    if (text.size >= sizeof ends.first) {
        memcpy(&ends.first, text.data, sizeof ends.first);
        memcpy(&ends.last, text.data + text.size - sizeof ends.last, sizeof ends.last);
    } else {
        memcpy(&halves[0], text.data, sizeof halves[0]);
        memcpy(&halves[1], text.data + text.size - sizeof halves[1], sizeof halves[1]);
        ends = (struct slice_ends){halves[0], halves[1]};
    }
    return ends;
}

static inline bool
slice_equal(struct slice a, struct slice b)
{
    if (a.size != b.size)
        return false;
    if (a.size >= SLICE_SHORT_MIN && a.size <= SLICE_SHORT_MAX) {
        struct slice_ends one = slice_ends_of(a);
        struct slice_ends other = slice_ends_of(b);

        return one.first == other.first && one.last == other.last;
    }
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
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
