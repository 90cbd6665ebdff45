/* datum.h - tagged values: contexts of conditions as requests, relationships and tests carry them.
 *
 * Always true: a datum never changes once built; maps are sorted by key (byte order) and each key
 * stands once; equal data encode to equal bytes and different ones (1, 1.0, "1", true, null) to
 * different bytes. Depth is at most DATUM_DEPTH_MAX.
 * Memory: everything in the arena given; strings may point into the source text, which then must
 * live as long. Threads: none.
 * Errors: MALFORMED_REQUEST (not JSON, duplicate key, too deep: with the byte), BUDGET_EXHAUSTED. */
#ifndef BEHALF_BASE_DATUM_H
#define BEHALF_BASE_DATUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"

#define DATUM_DEPTH_MAX 16

enum datum_kind {
    DATUM_NULL,
    DATUM_BOOL,
    DATUM_INT,    /* a number written without fraction and exponent that fits 64 signed bits */
    DATUM_DOUBLE,
    DATUM_STRING, /* UTF-8 */
    DATUM_LIST,
    DATUM_MAP,
};

struct datum;

struct datum_field {
    struct slice key;
    const struct datum *value;
};

struct datum {
    enum datum_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct slice string;
        struct {
            const struct datum *const *items;
            size_t count;
        } list;
        struct {
            const struct datum_field *fields; /* sorted by key */
            size_t count;
        } map;
    } as;
};

/* The field of a map, or NULL. */
const struct datum *datum_field(const struct datum *map, struct slice key);

/* JSON text (RFC 8259) to a datum and back; the printed form is canonical: keys sorted, no spaces,
 * the shortest number that reads back the same. */
enum status datum_parse_json(struct slice text, struct arena *arena, const struct datum **datum,
                             struct error *error) BEHALF_MUST_USE;
void datum_print_json(const struct datum *datum, struct buffer *out);

/* The canonical bytes for storage: tag byte, big-endian lengths and numbers, fields sorted. Decoding
 * is bounds-checked and refuses what encoding cannot give: STORAGE_CORRUPT. */
void datum_encode(const struct datum *datum, struct buffer *out);
enum status datum_decode(struct slice bytes, struct arena *arena, const struct datum **datum,
                         struct error *error) BEHALF_MUST_USE;

#endif
