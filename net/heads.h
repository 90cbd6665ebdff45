/* heads.h - what the first byte of a MessagePack value says: the one table of it.
 * Source: the MessagePack specification, "Formats". Extension types, and the byte 0xC1 that it
 * never uses, are HEAD_FORBIDDEN.
 * Threads: any; nothing changes. */
#ifndef BEHALF_NET_HEADS_H
#define BEHALF_NET_HEADS_H

#include <stdbool.h>
#include <stdint.h>

enum value_kind {
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_UNSIGNED, /* also a positive number that was sent as signed */
    VALUE_NEGATIVE,
    VALUE_FLOAT,
    VALUE_TEXT,
    VALUE_BINARY,
    VALUE_ARRAY,
    VALUE_MAP,
};

#define HEAD_FORBIDDEN 0xFF

/* Of a first byte. The number that belongs to a value, which is a length or a count from VALUE_TEXT
 * on, stands in `width` bytes after it, big-endian; where that is 0, in the byte itself. */
struct head {
    uint8_t kind; /* enum value_kind, or HEAD_FORBIDDEN; VALUE_NEGATIVE: signed */
    uint8_t width;
    uint8_t mask; /* of the number in the byte itself */
};

extern const struct head head_table[];

/* First bytes that are written. */
#define HEAD_FIXMAP 0x80   /* | pairs, below 16 */
#define HEAD_FIXARRAY 0x90 /* | elements, below 16 */
#define HEAD_FIXTEXT 0xA0  /* | bytes, below 32 */
#define HEAD_FIXTEXT_MASK 0xE0
#define HEAD_NIL 0xC0
#define HEAD_UINT32 0xCE
#define HEAD_TEXT8 0xD9

#endif
