/* frame.h - finds the end of one MessagePack value in bytes that arrive in any pieces.
 *
 * Always true: nothing is allocated and no length is believed. Each value still announced needs at
 * least one byte, so `at + payload + pending <= size_limit` is checked before a header is
 * accepted: a header that announces more than the message may hold is refused with the bytes that
 * carry it. Extension types are refused. The work is linear in the bytes over all calls together:
 * payload is skipped, not read, and of an incomplete header at most eight bytes are looked at
 * again. Threads: none; one scanner belongs to one connection. */
#ifndef BEHALF_NET_FRAME_H
#define BEHALF_NET_FRAME_H

#include <stddef.h>

#include "net/limits.h"

enum frame_state {
    FRAME_COMPLETE,  /* `at` is the size of the value */
    FRAME_PARTIAL,   /* call again with more bytes behind the same ones */
    FRAME_TOO_LARGE, /* it announces more than the limit */
    FRAME_TOO_DEEP,
    FRAME_FORBIDDEN, /* an extension type, or the byte 0xC1 that MessagePack never uses */
};

struct frame_scanner {
    size_t at;      /* where the next header stands; may lie behind the bytes that are here */
    size_t pending; /* values still to come, over all levels */
    size_t size_limit;
    unsigned depth;
    size_t left[LIMIT_DEPTH]; /* values still to come at each level */
};

void frame_scanner_init(struct frame_scanner *scanner, size_t size_limit);

/* `bytes` are all bytes since the value began, those of earlier calls included. After anything but
 * FRAME_PARTIAL the scanner is spent until it is initialised again. */
enum frame_state frame_scan(struct frame_scanner *scanner, const void *bytes, size_t size);

/* What is wrong, for a message; static storage. */
const char *frame_state_text(enum frame_state state);

#endif
