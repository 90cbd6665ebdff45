/* datum.h - tagged values: contexts of conditions as requests, relationships and tests carry them.
 *
 * Always true: a datum never changes once built; maps are sorted by key (byte order) and each key
 * stands once; equal data encode to equal bytes and different ones (1, 1.0, "1", true, null) to
 * different bytes. Lists and maps are nested at most DATUM_DEPTH_MAX deep, strings and keys are
 * UTF-8 (NUL may stand in them, Unicode is not normalised), a double is finite, and -0.0 is not
 * 0.0. Memory: everything in the arena given; strings may point into the source text, which then
 * must live as long. Threads: none.
 * Errors: MALFORMED_REQUEST (not JSON, duplicate key, too deep, a number beyond doubles: with line
 * and column), BUDGET_EXHAUSTED. */
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
    DATUM_INT, /* a number written without fraction and exponent that fits 64 signed bits */
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

/* Sorts the fields of a map that is being built. False when a key stands twice: it
 * is in `twice`. */
bool datum_sort_fields(struct datum_field *fields, size_t count,
                       struct slice *twice) BEHALF_MUST_USE;

/* Whether what stands under "Always true" is true; for those who build data themselves. */
bool datum_validate(const struct datum *datum, const char **reason) BEHALF_MUST_USE;

/* JSON text (RFC 8259) to a datum and back; the printed form is canonical: keys sorted, no spaces,
 * the shortest number that reads back the same (a double never looks like an integer). An integer
 * that does not fit 64 signed bits is read as a double. A key with a NUL in it is refused. */
enum status datum_parse_json(struct slice text, struct arena *arena, const struct datum **datum,
                             struct error *error) BEHALF_MUST_USE;
void datum_print_json(const struct datum *datum, struct buffer *out);

/* The first `size` bytes of that and some more, for messages. Takes as long as they do. */
void datum_print_json_start(const struct datum *datum, size_t size, struct buffer *out);

/* The canonical bytes for storage; every number is big-endian:
 *
 *   00                      null          05 size(4) bytes             string
 *   01                      false         06 count(4) data             list
 *   02                      true          07 count(4) { size(4) key datum }   map, keys ascending
 *   03 value(8)             int, two's complement
 *   04 value(8)             double, IEEE 754
 *
 * Decoding is bounds-checked and refuses what encoding cannot give: STORAGE_CORRUPT. */
void datum_encode(const struct datum *datum, struct buffer *out);
enum status datum_decode(struct slice bytes, struct arena *arena, const struct datum **datum,
                         struct error *error) BEHALF_MUST_USE;

/* The canonical JSON of canonical bytes that datum_encode made. */
void datum_print_encoded(struct slice bytes, struct buffer *out);

/* A map's canonical bytes read in place: each field's key, and where its value's bytes lie. */
struct datum_cursor {
    struct slice rest;
    uint32_t left; /* fields that were not read yet */
};

/* False when the bytes are no map. */
bool datum_open_map(struct slice bytes, struct datum_cursor *cursor) BEHALF_MUST_USE;

/* The next of the fields that are left. False when the bytes are damaged: bounds are checked, and
 * no byte may follow the last field; what is inside of values is not looked at beyond that. */
bool datum_next_field(struct datum_cursor *cursor, struct slice *key,
                      struct slice *value) BEHALF_MUST_USE;

/* A value that is neither list nor map, from all of its bytes, which a string then points into.
 * False when it is one of those, or the bytes are damaged. */
bool datum_read_scalar(struct slice bytes, struct datum *datum) BEHALF_MUST_USE;

#endif
