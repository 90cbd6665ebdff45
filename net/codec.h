/* codec.h - MessagePack, as bytes that are read in place and bytes that are written in place.
 *
 * Reading is a cursor over one scanned frame (net/frame.h): it makes no tree and allocates nothing.
 * It stays inside its bytes whatever they are, so it may also be used on bytes nobody scanned.
 * Writing goes through msgpack-c's packer straight into a buffer; codec.c alone sees msgpack.h.
 * Threads: none. Memory: slices point into the bytes that are read. */
#ifndef BEHALF_NET_CODEC_H
#define BEHALF_NET_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/slice.h"
#include "net/heads.h"

struct wire_value {
    enum value_kind kind;
    uint64_t number;    /* of a bool (0 or 1), an integer (two's complement), an array or map: its
                         * count of elements or pairs, which follow; of a float: its binary64 bits
                         * */
    struct slice bytes; /* of text and binary */
};

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct wire_reader
reader_of(struct slice bytes)
{
    const uint8_t *start = (const uint8_t *)bytes.data;

    return (struct wire_reader){start, bytes.size > 0 ? start + bytes.size : start};
}

/* Reads one header and, for text and binary, its bytes; stops at the first element of an array or
 * map. False when the bytes end or are not MessagePack without extensions. */
bool reader_next_any(struct wire_reader *reader, struct wire_value *value) BEHALF_MUST_USE;

/* The same: nearly all that a request holds are short texts, which are read in place. */
static inline BEHALF_MUST_USE bool
reader_next(struct wire_reader *reader, struct wire_value *value)
{
    size_t left = (size_t)(reader->end - reader->at);
    size_t size;

    if (BEHALF_UNLIKELY(left == 0 || (*reader->at & HEAD_FIXTEXT_MASK) != HEAD_FIXTEXT))
        return reader_next_any(reader, value);
    size = *reader->at & (uint8_t)~HEAD_FIXTEXT_MASK;
    if (size >= left)
        return false;
    value->kind = VALUE_TEXT;
    value->number = 0;
    value->bytes = (struct slice){(const char *)reader->at + 1, size};
    reader->at += 1 + size;
    return true;
}

/* Passes one whole value and gives its bytes. */
bool reader_skip(struct wire_reader *reader, struct slice *bytes) BEHALF_MUST_USE;

/* For messages: "a string". Static storage. */
const char *value_kind_text(enum value_kind kind);

void codec_put_nil(struct buffer *out);
void codec_put_bool(struct buffer *out, bool value);
void codec_put_unsigned(struct buffer *out, uint64_t value);
void codec_put_signed(struct buffer *out, int64_t value);
void codec_put_double(struct buffer *out, double value);
void codec_put_text(struct buffer *out, struct slice text);
void codec_put_literal(struct buffer *out, const char *text);
void codec_put_binary(struct buffer *out, struct slice bytes);
void codec_put_array(struct buffer *out, size_t count);
void codec_put_map(struct buffer *out, size_t count);

/* A time (nanoseconds since 1970, UTC) as RFC 3339 text. */
void codec_put_time(struct buffer *out, int64_t time_ns);

/* Text that may hold bytes of a client: what is not UTF-8 is replaced by '?', so that no reader of
 * the reply fails over an error message. */
void codec_put_message(struct buffer *out, struct slice text);

/* "4.0.0"; static storage. */
const char *codec_library_version(void);

#endif
