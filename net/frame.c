/* frame.c - the bounded scanner. The headers are those of the MessagePack specification. */
#include "net/frame.h"

#include "base/bytes.h"

struct header {
    size_t size;     /* of the header itself; 0 when it is not all here */
    size_t payload;  /* bytes behind it that are no values */
    size_t children; /* values behind it */
    bool container;
    bool forbidden;
};

void
frame_scanner_init(struct frame_scanner *scanner, size_t size_limit)
{
    scanner->at = 0;
    scanner->pending = 1;
    scanner->size_limit = size_limit;
    scanner->depth = 0;
}

/* A big-endian number of 1, 2 or 4 bytes behind the type byte; false when it is not all here. */
static bool
read_length(const uint8_t *bytes, size_t available, unsigned width, size_t *length)
{
    if (available < 1 + (size_t)width)
        return false;
    *length = width == 1   ? bytes[1]
              : width == 2 ? bytes_get_u16(bytes + 1)
                           : bytes_get_u32(bytes + 1);
    return true;
}

static struct header
header_counted(const uint8_t *bytes, size_t available, unsigned width, size_t children_each)
{
    struct header header = {.container = children_each > 0};
    size_t length = 0;

    if (!read_length(bytes, available, width, &length))
        return header;
    header.size = 1 + (size_t)width;
    if (children_each > 0)
        header.children = length * children_each;
    else
        header.payload = length;
    return header;
}

/* Type bytes 0xC0 to 0xDF. */
static struct header
header_long(const uint8_t *bytes, size_t available)
{
    switch (bytes[0]) {
    case 0xC0: /* nil, false, true */
    case 0xC2:
    case 0xC3:
        return (struct header){.size = 1};
    case 0xC4: /* bin */
    case 0xC5:
    case 0xC6:
        return header_counted(bytes, available, 1U << (bytes[0] - 0xC4), 0);
    case 0xCA: /* float32, and integers of 4 bytes */
    case 0xCE:
    case 0xD2:
        return (struct header){.size = 1, .payload = 4};
    case 0xCB: /* float64, and integers of 8 bytes */
    case 0xCF:
    case 0xD3:
        return (struct header){.size = 1, .payload = 8};
    case 0xCC:
    case 0xD0:
        return (struct header){.size = 1, .payload = 1};
    case 0xCD:
    case 0xD1:
        return (struct header){.size = 1, .payload = 2};
    case 0xD9: /* str */
    case 0xDA:
    case 0xDB:
        return header_counted(bytes, available, 1U << (bytes[0] - 0xD9), 0);
    case 0xDC: /* array */
    case 0xDD:
        return header_counted(bytes, available, 2U << (bytes[0] - 0xDC), 1);
    case 0xDE: /* map */
    case 0xDF:
        return header_counted(bytes, available, 2U << (bytes[0] - 0xDE), 2);
    default: /* 0xC1 and all extension types */
        return (struct header){.forbidden = true};
    }
}

static inline struct header
header_at(const uint8_t *bytes, size_t available)
{
    uint8_t lead = bytes[0];

    if (lead < 0x80 || lead >= 0xE0) /* small integers */
        return (struct header){.size = 1};
    if (lead < 0x90) /* small map */
        return (struct header){.size = 1, .children = (lead & 0x0FU) * 2U, .container = true};
    if (lead < 0xA0) /* small array */
        return (struct header){.size = 1, .children = lead & 0x0FU, .container = true};
    if (lead < 0xC0) /* short str */
        return (struct header){.size = 1, .payload = lead & 0x1FU};
    return header_long(bytes, available);
}

enum frame_state
frame_scan(struct frame_scanner *scanner, const void *start, size_t size)
{
    const uint8_t *bytes = start;

    while (scanner->pending > 0) {
        struct header header;
        size_t end;

        if (scanner->at >= size)
            return FRAME_PARTIAL;
        header = header_at(bytes + scanner->at, size - scanner->at);
        if (header.forbidden)
            return FRAME_FORBIDDEN;
        if (header.container && scanner->depth == LIMIT_DEPTH)
            return FRAME_TOO_DEEP;
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
