/* fuzz_http_head.c - the reader of heads against itself: any cut gives the same result, and what is
 * accepted, written again from its parts, is read as the same. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "base/memory.h"
#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct slice authorities[] = {{"a", 1}, {"localhost:8080", 14}};
static const struct head_rules rules = {
    .authorities = authorities,
    .authority_count = BEHALF_COUNT_OF(authorities),
    .allow_chunked = true,
};

struct reading {
    struct head head;
    enum head_state state;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_request request;
    struct head_meaning meaning;
    struct http_refusal refusal;
};

static void
understand(struct reading *reading, const char *bytes)
{
    head_describe(&reading->head, bytes, reading->fields, &reading->request);
    reading->refusal =
        head_understand(&reading->head, bytes, &rules, &reading->request, &reading->meaning);
}

static void
read_whole(struct reading *reading, struct slice bytes)
{
    head_init(&reading->head, HTTP_HEAD_SIZE_MAX, true);
    reading->state = head_read(&reading->head, bytes.data, bytes.size);
    if (reading->state == HEAD_COMPLETE)
        understand(reading, bytes.data);
}

/* In pieces whose sizes the input itself chooses, each in a block of its own. */
static void
check_pieces(const struct reading *whole, const uint8_t *data, size_t size)
{
    struct head head;
    enum head_state state = HEAD_PARTIAL;

    head_init(&head, HTTP_HEAD_SIZE_MAX, true);
    for (size_t here = 0; state == HEAD_PARTIAL && here < size;) {
        char *copy;

        here += 1 + data[here] % 13U;
        here = here < size ? here : size;
        copy = memory_copy(data, here);
        state = head_read(&head, copy, here);
        memory_free(copy);
    }
    BEHALF_ASSERT(state == whole->state && head.at == whole->head.at);
    BEHALF_ASSERT(head.refusal.status == whole->head.refusal.status);
    BEHALF_ASSERT(head.field_count == whole->head.field_count);
    BEHALF_ASSERT(
        memcmp(head.fields, whole->head.fields, head.field_count * sizeof head.fields[0]) == 0);
}

static void
check_again(const struct reading *whole, const char *bytes)
{
    static struct reading again;
    struct buffer out;

    buffer_init(&out);
    buffer_add_slice(&out, head_slice(bytes, whole->head.method));
    buffer_add_byte(&out, ' ');
    buffer_add_slice(&out, whole->request.target);
    buffer_add_format(&out, " HTTP/1.%d\r\n", whole->head.is_http_1_0 ? 0 : 1);
    for (size_t at = 0; at < whole->request.field_count; at++) {
        buffer_add_slice(&out, whole->fields[at].name);
        buffer_add_text(&out, ":");
        buffer_add_slice(&out, whole->fields[at].value);
        buffer_add_text(&out, "\r\n");
    }
    buffer_add_text(&out, "\r\n");
    BEHALF_ASSERT(out.size <= whole->head.at);
    read_whole(&again, buffer_slice(&out));
    BEHALF_ASSERT(again.state == HEAD_COMPLETE && again.head.at == out.size);
    BEHALF_ASSERT(again.refusal.status == whole->refusal.status);
    BEHALF_ASSERT(slice_equal(again.request.target, whole->request.target));
    BEHALF_ASSERT(slice_equal(again.request.path, whole->request.path));
    BEHALF_ASSERT(slice_equal(again.request.query, whole->request.query));
    BEHALF_ASSERT(again.request.method == whole->request.method);
    BEHALF_ASSERT(again.request.field_count == whole->request.field_count);
    for (size_t at = 0; at < again.request.field_count; at++) {
        BEHALF_ASSERT(slice_equal(again.fields[at].name, whole->fields[at].name));
        BEHALF_ASSERT(slice_equal(again.fields[at].value, whole->fields[at].value));
    }
    BEHALF_ASSERT(again.meaning.closes == whole->meaning.closes);
    BEHALF_ASSERT(again.meaning.is_chunked == whole->meaning.is_chunked);
    BEHALF_ASSERT(again.meaning.expects_continue == whole->meaning.expects_continue);
    BEHALF_ASSERT(again.meaning.content_length == whole->meaning.content_length);
    buffer_release(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct reading whole;

    read_whole(&whole, (struct slice){(const char *)data, size});
    check_pieces(&whole, data, size);
    if (whole.state != HEAD_COMPLETE)
        return 0;
    BEHALF_ASSERT(whole.head.at <= size);
    check_again(&whole, (const char *)data);
    if (whole.refusal.status == 0) {
        BEHALF_ASSERT(whole.request.target.size > 0 && whole.request.target.data[0] == '/');
        BEHALF_ASSERT(!whole.meaning.is_chunked || whole.meaning.content_length == 0);
        BEHALF_ASSERT(!whole.meaning.is_chunked || !whole.head.is_http_1_0);
    }
    return 0;
}
