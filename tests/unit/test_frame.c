/* test_frame.c - the scanner: every split, every bomb, every limit at n-1, n, n+1. */
#include "net/frame.h"

#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "net/codec.h"

static enum frame_state
scan_whole(const void *bytes, size_t size, size_t *end)
{
    struct frame_scanner scanner;
    enum frame_state state;

    frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
    state = frame_scan(&scanner, bytes, size);
    if (end != NULL)
        *end = scanner.at;
    return state;
}

/* One value of every form that MessagePack has, extensions apart. */
static void
put_every_form(struct buffer *out)
{
    static const char forms[] = "\xDC\x00\x13" /* array16 of 19 */
                                "\x00\x7F\xE0\xFF\xC0\xC2\xC3"
                                "\xCC\x80\xCD\x80\x00\xCE\x80\x00\x00\x00"
                                "\xCF\x80\x00\x00\x00\x00\x00\x00\x00"
                                "\xD0\x80\xD1\x80\x00\xD2\x80\x00\x00\x00"
                                "\xD3\x80\x00\x00\x00\x00\x00\x00\x00"
                                "\xCA\x3F\x80\x00\x00\xCB\x3F\xF0\x00\x00\x00\x00\x00\x00"
                                "\xA3"
                                "abc"
                                "\x81\xA1"
                                "k\x92\x01\x90";

    buffer_add(out, forms, sizeof forms - 1);
}

static void
put_every_length(struct buffer *out)
{
    static const unsigned char heads[][5] = {
        {0xD9, 3},    {0xDA, 0, 3},       {0xDB, 0, 0, 0, 3}, {0xC4, 3},
        {0xC5, 0, 3}, {0xC6, 0, 0, 0, 3}, {0xDC, 0, 3},       {0xDD, 0, 0, 0, 3},
    };
    static const size_t sizes[] = {2, 3, 5, 2, 3, 5, 3, 5};

    codec_put_array(out, BEHALF_COUNT_OF(heads) + 2);
    for (size_t index = 0; index < BEHALF_COUNT_OF(heads); index++) {
        buffer_add(out, heads[index], sizes[index]);
        buffer_add(out, "\x01\x02\x03", 3);
    }
    buffer_add(out, "\xDE\x00\x01\x01\x02", 5);
    buffer_add(out, "\xDF\x00\x00\x00\x01\x01\x02", 7);
}

/* Whole at once, in two pieces at every place, and byte by byte, with a second value behind. */
static void
check_every_split(const struct buffer *value)
{
    struct frame_scanner scanner;
    size_t end = 0;
    char *copy;

    cr_assert_eq(scan_whole(value->data, value->size, &end), FRAME_COMPLETE);
    cr_assert_eq(end, value->size);
    for (size_t at = 0; at < value->size; at++) {
        /* Exactly `at` bytes on the heap: a sanitizer sees a read behind them. */
        copy = malloc(at + 1);
        memcpy(copy, value->data, at);
        frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
        cr_assert_eq(frame_scan(&scanner, copy, at), FRAME_PARTIAL, "at %zu", at);
        cr_assert_eq(frame_scan(&scanner, value->data, value->size), FRAME_COMPLETE, "at %zu", at);
        cr_assert_eq(scanner.at, value->size);
        free(copy);
    }
    frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
    for (size_t at = 0; at < value->size; at++)
        cr_assert_eq(frame_scan(&scanner, value->data, at), FRAME_PARTIAL);
    cr_assert_eq(frame_scan(&scanner, value->data, value->size), FRAME_COMPLETE);
}

Test(frame, every_form_at_every_split)
{
    struct buffer value;

    buffer_init(&value);
    put_every_form(&value);
    check_every_split(&value);
    buffer_clear(&value);
    put_every_length(&value);
    check_every_split(&value);
    buffer_release(&value);
}

/* What another reader of MessagePack makes of each first byte, followed by nothing but zeros. */
Test(frame, each_first_byte_means_what_it_means_to_others)
{
    char bytes[64] = {0};

    for (unsigned first = 0; first < 256; first++) {
        bool forbidden =
            first == 0xC1 || (first >= 0xC7 && first <= 0xC9) || (first >= 0xD4 && first <= 0xD8);
        struct wire_reader reader = reader_of((struct slice){bytes, sizeof bytes});
        struct slice value;
        msgpack_unpacked unpacked;
        size_t theirs = 0;
        size_t ours = 0;

        bytes[0] = (char)first;
        if (forbidden) {
            cr_assert_eq(scan_whole(bytes, sizeof bytes, &ours), FRAME_FORBIDDEN, "%02X", first);
            cr_assert_not(reader_skip(&reader, &value), "%02X", first);
            continue;
        }
        msgpack_unpacked_init(&unpacked);
        cr_assert_eq(msgpack_unpack_next(&unpacked, bytes, sizeof bytes, &theirs),
                     MSGPACK_UNPACK_SUCCESS, "%02X", first);
        msgpack_unpacked_destroy(&unpacked);
        cr_assert_eq(scan_whole(bytes, sizeof bytes, &ours), FRAME_COMPLETE, "%02X", first);
        cr_assert_eq(ours, theirs, "%02X: %zu and %zu bytes", first, ours, theirs);
        cr_assert(reader_skip(&reader, &value), "%02X", first);
        cr_assert_eq(value.size, theirs, "%02X", first);
    }
}

Test(frame, stops_at_the_end_of_the_first_value)
{
    size_t end = 0;

    cr_assert_eq(scan_whole("\x93\x01\x02\x03\x94\x01", 6, &end), FRAME_COMPLETE);
    cr_assert_eq(end, 4);
    cr_assert_eq(scan_whole("\x80\x80", 2, &end), FRAME_COMPLETE);
    cr_assert_eq(end, 1);
}

Test(frame, bombs_are_refused_with_the_bytes_that_carry_them)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum frame_state state;
    } rows[] = {
        {"\xDD\x07\xFF\xFF\xFF", 5, FRAME_TOO_LARGE},
        {"\xDF\xFF\xFF\xFF\xFF", 5, FRAME_TOO_LARGE},
        {"\xDB\xFF\xFF\xFF\xFF", 5, FRAME_TOO_LARGE},
        {"\xC6\xFF\xFF\xFF\xFF", 5, FRAME_TOO_LARGE},
        {"\xC9\xFF\xFF\xFF\xFF", 5, FRAME_FORBIDDEN},
        {"\x92\xDD\x00\x1F\xFF\x00\xDD\x00\x1F\xFF\x00", 11, FRAME_PARTIAL},
        {"\x92\xDD\x00\x20\x00\x00\xDD\x00\x3F\xFF\x00", 11, FRAME_TOO_LARGE},
        {"\xC1", 1, FRAME_FORBIDDEN},
        {"\xC7\x00\x00", 3, FRAME_FORBIDDEN},
        {"\xD4\x00\x00", 3, FRAME_FORBIDDEN},
        {"\xD8", 1, FRAME_FORBIDDEN},
    };

    for (size_t index = 0; index < BEHALF_COUNT_OF(rows); index++)
        cr_assert_eq(scan_whole(rows[index].bytes, rows[index].size, NULL), rows[index].state,
                     "row %zu", index);
}

Test(frame, depth_limit)
{
    char deep[LIMIT_DEPTH + 3];

    for (size_t levels = LIMIT_DEPTH - 1; levels <= LIMIT_DEPTH + 1; levels++) {
        memset(deep, 0x91, sizeof deep);
        deep[levels] = 0x01;
        cr_assert_eq(scan_whole(deep, levels + 1, NULL),
                     levels <= LIMIT_DEPTH ? FRAME_COMPLETE : FRAME_TOO_DEEP);
    }
    /* An empty array is a level too. */
    memset(deep, 0x91, sizeof deep);
    deep[LIMIT_DEPTH] = (char)0x90;
    cr_assert_eq(scan_whole(deep, LIMIT_DEPTH + 1, NULL), FRAME_TOO_DEEP);
}

Test(frame, a_million_arrays_are_refused_early)
{
    static char bytes[1000000];
    size_t end = 0;

    memset(bytes, 0x91, sizeof bytes);
    cr_assert_eq(scan_whole(bytes, sizeof bytes, &end), FRAME_TOO_DEEP);
    cr_assert_leq(end, LIMIT_DEPTH);
}

Test(frame, size_limit)
{
    struct frame_scanner scanner;

    for (size_t size = 9; size <= 11; size++) {
        char bytes[11] = {(char)(0xA0 + size - 1)};

        frame_scanner_init(&scanner, 10);
        cr_assert_eq(frame_scan(&scanner, bytes, size),
                     size <= 10 ? FRAME_COMPLETE : FRAME_TOO_LARGE);
    }
    /* Values still announced count: 4 bytes of text and two more elements do not fit in 6. */
    frame_scanner_init(&scanner, 6);
    cr_assert_eq(frame_scan(&scanner, "\x93\xA3", 2), FRAME_TOO_LARGE);
    frame_scanner_init(&scanner, 7);
    cr_assert_eq(frame_scan(&scanner, "\x93\xA3", 2), FRAME_PARTIAL);
}

Test(frame, payload_is_skipped_not_read)
{
    struct frame_scanner scanner;
    size_t announced = LIMIT_MESSAGE_SIZE - 5;
    unsigned char head[5] = {0xDB, (unsigned char)(announced >> 24),
                             (unsigned char)(announced >> 16), (unsigned char)(announced >> 8),
                             (unsigned char)announced};

    /* `size` grows without bytes behind the header: nothing there may be touched. */
    frame_scanner_init(&scanner, LIMIT_MESSAGE_SIZE);
    cr_assert_eq(frame_scan(&scanner, head, 5), FRAME_PARTIAL);
    for (size_t size = 6; size < LIMIT_MESSAGE_SIZE; size += 1000)
        cr_assert_eq(frame_scan(&scanner, head, size), FRAME_PARTIAL);
    cr_assert_eq(frame_scan(&scanner, head, LIMIT_MESSAGE_SIZE), FRAME_COMPLETE);
}
