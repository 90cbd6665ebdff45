/* frame.c - the bounded scanner. */
#include "net/frame.h"

#include "base/bytes.h"
#include "base/check.h"
#include "net/heads.h"

struct header {
    size_t size;     /* of the header itself; 0 when it is not all here */
    size_t payload;  /* bytes behind it that are no values */
    size_t children; /* values behind it */
};

void
frame_scanner_init(struct frame_scanner *scanner, size_t size_limit)
{
    scanner->at = 0;
    scanner->pending = 1;
    scanner->size_limit = size_limit;
    scanner->depth = 0;
}

/* The length or count of a text, binary, array or map; false when it is not all here. */
static inline bool
read_number(const uint8_t *bytes, size_t available, const struct head *head, size_t *number)
{
    *number = bytes[0] & head->mask;
    if (BEHALF_LIKELY(head->width == 0))
        return true;
    if (available < 1 + (size_t)head->width)
        return false;
    *number = head->width == 1   ? bytes[1]
              : head->width == 2 ? bytes_get_u16(bytes + 1)
                                 : bytes_get_u32(bytes + 1);
    return true;
}

static inline struct header
header_at(const uint8_t *bytes, size_t available, const struct head *head)
{
    size_t number;

    if (head->kind < VALUE_TEXT)
        return (struct header){.size = 1, .payload = head->width};
    if (!read_number(bytes, available, head, &number))
        return (struct header){0};
    return (struct header){
        .size = 1 + (size_t)head->width,
        .payload = head->kind <= VALUE_BINARY ? number : 0,
        .children = head->kind == VALUE_ARRAY ? number
                    : head->kind == VALUE_MAP ? number * 2
                                              : 0,
    };
}

/* What most maps begin with: short texts that are all here, up to the last of the map or array,
 * which ends a level. `bound`: of what is here and may be. Gives how many there are. */
static inline size_t
skip_short_texts(const uint8_t *bytes, size_t bound, size_t pending, size_t left, size_t *at)
{
    size_t passed = 0;

    while (passed + 1 < left && *at < bound && (bytes[*at] & HEAD_FIXTEXT_MASK) == HEAD_FIXTEXT) {
        size_t end = *at + 1 + (bytes[*at] & (uint8_t)~HEAD_FIXTEXT_MASK);

        if (end + pending - passed - 1 > bound)
            break;
        *at = end;
        passed++;
    }
    return passed;
}

/* One turn of the scan keeps its place in registers: the bytes could alias the scanner. */
static inline enum frame_state
stop(struct frame_scanner *scanner, size_t at, size_t pending, unsigned depth,
     enum frame_state state)
{
    scanner->at = at;
    scanner->pending = pending;
    scanner->depth = depth;
    return state;
}

enum frame_state
frame_scan(struct frame_scanner *scanner, const void *start, size_t size)
{
    const uint8_t *bytes = start;
    const size_t bound = size < scanner->size_limit ? size : scanner->size_limit;
    size_t at = scanner->at;
    size_t pending = scanner->pending;
    unsigned depth = scanner->depth;

    while (pending > 0) {
        const struct head *head;
        struct header header;
        size_t end;

        if (at >= size)
            return stop(scanner, at, pending, depth, FRAME_PARTIAL);
        head = &head_table[bytes[at]];
        if (head->kind == HEAD_FORBIDDEN)
            return FRAME_FORBIDDEN;
        if (head->kind >= VALUE_ARRAY && depth == LIMIT_DEPTH)
            return FRAME_TOO_DEEP;
        header = header_at(bytes + at, size - at, head);
        if (header.size == 0)
            return stop(scanner, at, pending, depth, FRAME_PARTIAL);
        /* Lengths have at most 33 bits and `at` and `pending` are below the limit: no overflow. */
        end = at + header.size + header.payload;
        if (end + header.children + pending - 1 > scanner->size_limit)
            return FRAME_TOO_LARGE;
        at = end;
        pending += header.children;
        pending--;
        if (header.children > 0) {
            size_t passed = skip_short_texts(bytes, bound, pending, header.children, &at);

            pending -= passed;
            scanner->left[depth++] = header.children - passed;
            continue;
        }
        while (depth > 0 && --scanner->left[depth - 1] == 0)
            depth--;
    }
    BEHALF_ASSERT(depth == 0);
    return stop(scanner, at, pending, depth, at <= size ? FRAME_COMPLETE : FRAME_PARTIAL);
}

const char *
frame_state_text(enum frame_state state)
{
    switch (state) {
    case FRAME_COMPLETE:
        return "complete";
    case FRAME_PARTIAL:
        return "not all here yet";
    case FRAME_TOO_LARGE:
        return "the message announces more than 4 MiB";
    case FRAME_TOO_DEEP:
        return "the message nests arrays and maps deeper than 16 levels";
    case FRAME_FORBIDDEN:
        return "the message holds an extension type or the unused byte 0xC1";
    }
    BEHALF_UNREACHABLE();
}
