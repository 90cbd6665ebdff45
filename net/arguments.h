/* arguments.h - maps of named arguments into structs, by tables of fields.
 *
 * Always true: nothing is ignored. A key that the table does not have is UNKNOWN_ARGUMENT, a key
 * that stands twice, a value of another type and a required one that is missing are
 * MALFORMED_REQUEST; the message names the whole path ("updates[3].relationship.subject") and,
 * inside `updates` or `items`, the error carries the index.
 * Memory: what is decoded points into the frame, or into the arena where bytes had to be changed.
 * Threads: none; a decoder belongs to one request. */
#ifndef BEHALF_NET_ARGUMENTS_H
#define BEHALF_NET_ARGUMENTS_H

#include <stddef.h>

#include "base/arena.h"
#include "base/error.h"
#include "net/codec.h"
#include "net/limits.h"

/* A member of a map, or an element of an array inside of an array, which has no name. */
struct decoder_step {
    const char *name; /* not NUL-terminated; NULL when there is none */
    uint32_t name_size;
    int32_t index; /* element of an array, or ERROR_NO_INDEX */
};

struct decoder {
    struct wire_reader reader;
    struct arena *arena;
    struct error *error;
    size_t context_texts;   /* bytes of contexts in the text of relationships, so far */
    bool trusts_properties; /* the caller's key has the role for it */
    unsigned depth;
    struct decoder_step path[LIMIT_DEPTH];
};

enum field_need { FIELD_OPTIONAL, FIELD_REQUIRED };

/* Decodes the value at the cursor into `into`. */
typedef enum status field_decode(struct decoder *decoder, void *into);

struct field {
    const char *name;
    size_t name_size;
    size_t offset; /* of the member in the struct that is filled */
    field_decode *decode;
    enum field_need need;
};

#define FIELD(holder, member, text, function, is_needed)                                           \
    {                                                                                              \
        .name = (text), .name_size = sizeof(text) - 1, .offset = offsetof(struct holder, member),  \
        .decode = (function), .need = (is_needed)                                                  \
    }

#define FIELDS_MAX 31 /* of a table */

/* A static array of fields, where it is used: what is required stands first. Pointers to all of
 * them lie in a section, so that a test finds each. */
struct field_table {
    const char *file;
    const struct field *fields;
    size_t count;
};

#define FIELD_TABLE(array)                                                                         \
    __extension__({                                                                                \
        static const struct field_table field_table = {                                            \
            .file = __FILE__, .fields = (array), .count = BEHALF_COUNT_OF(array)};                 \
        static const struct field_table *const found_by_test                                       \
            __attribute__((used, section("field_tables"))) = &field_table;                         \
        &field_table;                                                                              \
    })

/* Fills `into` from the map at the cursor. Bit n of `seen` says that field n was there; NULL when
 * nobody asks. */
enum status decode_map(struct decoder *decoder, const struct field_table *table, void *into,
                       uint32_t *seen) BEHALF_MUST_USE;
#define DECODE_MAP(decoder, fields, into, seen)                                                    \
    decode_map((decoder), FIELD_TABLE(fields), (into), (seen))

/* For decoding functions: the next header must be of `kind`; `what` says it in words ("a map"). */
enum status decoder_expect(struct decoder *decoder, enum value_kind kind, const char *what,
                           struct wire_value *value) BEHALF_MUST_USE;

/* "argument 'PATH' must be WHAT, not a map". */
enum status decoder_mismatch(struct decoder *decoder, const struct wire_value *value,
                             const char *what);

/* "argument 'PATH': ..." */
enum status decoder_refuse(struct decoder *decoder, enum status status, const char *format, ...)
    BEHALF_PRINTF(3, 4);

/* BUDGET_EXHAUSTED: the arena is full. */
enum status decoder_no_memory(struct decoder *decoder);

/* Puts the path before the message of an error that another module set. */
enum status decoder_name(struct decoder *decoder, enum status status);

/* False when the path is as long as it may be: what is decoded is nested too deep. */
static inline bool
decoder_enter(struct decoder *decoder, struct slice name)
{
    if (decoder->depth == LIMIT_DEPTH)
        return false;
    decoder->path[decoder->depth++] =
        (struct decoder_step){name.data, (uint32_t)name.size, ERROR_NO_INDEX};
    return true;
}

static inline void
decoder_leave(struct decoder *decoder)
{
    decoder->depth--;
}

/* The array element that is being decoded. */
static inline void
decoder_element(struct decoder *decoder, size_t index)
{
    decoder->path[decoder->depth - 1].index = (int32_t)index;
}

static inline void
decoder_elements_end(struct decoder *decoder)
{
    decoder->path[decoder->depth - 1].index = ERROR_NO_INDEX;
}

#endif
