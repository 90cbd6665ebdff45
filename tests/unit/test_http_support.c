/* test_http_support.c - both readers, in every cut. */
#include "tests/unit/test_http_support.h"

#include <criterion/criterion.h>

#include "base/memory.h"

#define CUT_AT_EACH ((size_t)2048) /* of what is longer, some cuts */
#define CUTS 64

static const struct slice authorities[] = {{"a:1", 3}, {"[::1]:1", 7}};

/* `cut` is where the bytes come in two; 0 = one byte at a time. */
static void
read_head_cut(struct slice bytes, size_t cut, bool lenient, struct head *head,
              enum head_state *state)
{
    size_t step = cut == 0 ? 1 : cut;

    head_init(head, HTTP_HEAD_SIZE_MAX, lenient);
    *state = HEAD_PARTIAL;
    for (size_t size = step; *state == HEAD_PARTIAL; size = cut == 0 ? size + 1 : bytes.size) {
        /* A block of its own, so that a sanitizer sees a read behind the end. */
        size_t shown = size < bytes.size ? size : bytes.size;
        char *copy = memory_copy(bytes.data, shown > 0 ? shown : 1);

        *state = head_read(head, copy, shown);
        memory_free(copy);
        if (shown == bytes.size)
            break;
    }
}

static size_t
stride_of(struct slice bytes)
{
    return bytes.size <= CUT_AT_EACH ? 1 : bytes.size / CUTS;
}

static void
read_head(struct slice bytes, bool lenient, struct http_reading *reading)
{
    const struct head_rules rules = {
        .authorities = authorities,
        .authority_count = BEHALF_COUNT_OF(authorities),
        .allow_chunked = lenient,
    };
    struct head whole;

    *reading = (struct http_reading){.state = HEAD_PARTIAL};
    read_head_cut(bytes, bytes.size, lenient, &whole, &reading->state);
    for (size_t cut = 0; cut < bytes.size; cut += stride_of(bytes)) {
        struct head head;
        enum head_state state;

        read_head_cut(bytes, cut, lenient, &head, &state);
        cr_assert_eq(state, reading->state, "cut at %zu", cut);
        cr_assert_eq(head.at, whole.at, "cut at %zu", cut);
        cr_assert_eq(head.refusal.status, whole.refusal.status, "cut at %zu", cut);
        cr_assert_eq(head.field_count, whole.field_count, "cut at %zu", cut);
        cr_assert_eq(memcmp(head.fields, whole.fields, head.field_count * sizeof head.fields[0]),
                     0);
    }
    reading->head_size = whole.at;
    reading->refusal = whole.refusal;
    if (reading->state != HEAD_COMPLETE)
        return;
    head_describe(&whole, bytes.data, reading->fields, &reading->request);
    reading->refusal =
        head_understand(&whole, bytes.data, &rules, &reading->request, &reading->meaning);
}

void
http_read_head(struct slice bytes, struct http_reading *reading)
{
    read_head(bytes, true, reading);
}

void
http_read_strict(struct slice bytes, struct http_reading *reading)
{
    read_head(bytes, false, reading);
}

static unsigned
status_of(struct slice bytes, bool lenient)
{
    struct http_reading reading;

    read_head(bytes, lenient, &reading);
    cr_assert_neq(reading.state, HEAD_PARTIAL, "not decided: %.*s", SLICE_PRINTF(bytes));
    cr_assert_eq(reading.refusal.status == 0, reading.refusal.why == NULL);
    return reading.refusal.status;
}

unsigned
http_head_status(const char *bytes)
{
    return status_of(slice_of(bytes), true);
}

unsigned
http_strict_status(const char *bytes)
{
    return status_of(slice_of(bytes), false);
}

unsigned
http_head_status_of(struct slice bytes)
{
    return status_of(bytes, true);
}

/* --- bodies --- */

static void
read_body_cut(struct slice bytes, size_t cut, struct body body, struct http_body_reading *reading)
{
    size_t from = 0;

    buffer_init(&reading->content);
    reading->state = BODY_PARTIAL;
    do {
        size_t to = cut == 0 ? from + 1 : from == 0 ? cut : bytes.size;
        struct slice piece = {bytes.data + from, (to < bytes.size ? to : bytes.size) - from};
        struct slice content;

        while ((reading->state = body_read(&body, &piece, &content)) == BODY_CONTENT) {
            cr_assert_gt(content.size, 0);
            buffer_add_slice(&reading->content, content);
        }
        from = (size_t)(piece.data - bytes.data);
    } while (reading->state == BODY_PARTIAL && from < bytes.size);
    reading->left = bytes.size - from;
    reading->refusal = body.refusal;
}

static void
read_body(struct slice bytes, struct body body, struct http_body_reading *reading)
{
    read_body_cut(bytes, bytes.size, body, reading);
    for (size_t cut = 0; cut < bytes.size; cut += stride_of(bytes)) {
        struct http_body_reading other;

        read_body_cut(bytes, cut, body, &other);
        cr_assert_eq(other.state, reading->state, "cut at %zu", cut);
        cr_assert_eq(other.left, reading->left, "cut at %zu", cut);
        cr_assert_eq(other.refusal.status, reading->refusal.status, "cut at %zu", cut);
        cr_assert(slice_equal(buffer_slice(&other.content), buffer_slice(&reading->content)));
        buffer_release(&other.content);
    }
}

void
http_read_chunked(struct slice bytes, size_t size_max, struct http_body_reading *reading)
{
    struct body body;

    body_init_chunked(&body, size_max);
    read_body(bytes, body, reading);
}

void
http_read_length(struct slice bytes, uint64_t length, struct http_body_reading *reading)
{
    struct body body;

    body_init_length(&body, length);
    read_body(bytes, body, reading);
}
