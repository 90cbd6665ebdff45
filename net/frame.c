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

/* Most of what a request holds: short texts that are all here, but for the last of their array or
 * map, which ends a level. */
static inline void
skip_short_texts(struct frame_scanner *scanner, const uint8_t *bytes, size_t size)
{
    size_t left = scanner->depth > 0 ? scanner->left[scanner->depth - 1] : 0;
    size_t bound = size < scanner->size_limit ? size : scanner->size_limit;
    size_t passed = 0;
    size_t at = scanner->at;

    while (passed + 1 < left && at < bound && (bytes[at] & HEAD_FIXTEXT_MASK) == HEAD_FIXTEXT) {
        size_t end = at + 1 + (bytes[at] & (uint8_t)~HEAD_FIXTEXT_MASK);

        if (end + scanner->pending - passed - 1 > bound)
            break;
        at = end;
        passed++;
    }
    if (passed == 0)
        return;
    scanner->at = at;
    scanner->pending -= passed;
    scanner->left[scanner->depth - 1] = left - passed;
}

enum frame_state
frame_scan(struct frame_scanner *scanner, const void *start, size_t size)
{
    const uint8_t *bytes = start;

    while (scanner->pending > 0) {
        const struct head *head;
        struct header header;
        size_t end;

        skip_short_texts(scanner, bytes, size);
        if (scanner->at >= size)
            return FRAME_PARTIAL;
        head = &head_table[bytes[scanner->at]];
        if (head->kind == HEAD_FORBIDDEN)
            return FRAME_FORBIDDEN;
        if (head->kind >= VALUE_ARRAY && scanner->depth == LIMIT_DEPTH)
            return FRAME_TOO_DEEP;
        header = header_at(bytes + scanner->at, size - scanner->at, head);
        if (header.size == 0)
            return FRAME_PARTIAL;
        /* Lengths have at most 33 bits and `at` and `pending` are below the limit: no overflow. */
        end = scanner->at + header.size + header.payload;
        if (end + header.children + scanner->pending - 1 > scanner->size_limit)
            return FRAME_TOO_LARGE;
        scanner->at = end;
        scanner->pending += header.children;
        scanner->pending--;
        if (header.children > 0) {
            scanner->left[scanner->depth++] = header.children;
            continue;
        }
        while (scanner->depth > 0 && --scanner->left[scanner->depth - 1] == 0)
            scanner->depth--;
    }
    BEHALF_ASSERT(scanner->depth == 0);
    return scanner->at <= size ? FRAME_COMPLETE : FRAME_PARTIAL;
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
