/* fuzz_http_body.c - chunks against themselves: any cut gives the same content, and what is
 * accepted, written as one chunk, is read as the same. The first byte chooses the limit. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "base/check.h"
#include "http/body.h"
#include "http/response.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct reading {
    struct body body;
    enum body_state state;
    struct buffer content;
    size_t taken;
};

/* `stride` 0 = whole. */
static void
read_body(struct reading *reading, struct slice bytes, size_t size_max, unsigned stride)
{
    body_init_chunked(&reading->body, size_max);
    buffer_init(&reading->content);
    reading->taken = 0;
    do {
        size_t left = bytes.size - reading->taken;
        size_t here = stride == 0 || left == 0
                          ? left
                          : 1 + (unsigned char)bytes.data[reading->taken] % stride;
        struct slice piece = {bytes.data + reading->taken, here < left ? here : left};
        struct slice content;

        while ((reading->state = body_read(&reading->body, &piece, &content)) == BODY_CONTENT)
            buffer_add_slice(&reading->content, content);
        reading->taken = (size_t)(piece.data - bytes.data);
    } while (reading->state == BODY_PARTIAL && reading->taken < bytes.size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data + 1, size - 1};
    struct reading whole;
    struct reading other;
    size_t size_max;

    if (size == 0)
        return 0;
    size_max = (size_t)data[0] * data[0];
    read_body(&whole, bytes, size_max, 0);
    BEHALF_ASSERT(whole.content.size <= size_max && whole.taken <= bytes.size);
    for (unsigned stride = 1; stride <= 13; stride += 6) {
        read_body(&other, bytes, size_max, stride);
        BEHALF_ASSERT(other.state == whole.state && other.taken == whole.taken);
        BEHALF_ASSERT(other.body.refusal.status == whole.body.refusal.status);
        BEHALF_ASSERT(slice_equal(buffer_slice(&other.content), buffer_slice(&whole.content)));
        buffer_release(&other.content);
    }
    if (whole.state == BODY_COMPLETE) {
        struct buffer out;

        buffer_init(&out);
        if (whole.content.size > 0)
            response_write_chunk(&out, buffer_slice(&whole.content));
        response_write_last_chunk(&out);
        read_body(&other, buffer_slice(&out), size_max, 0);
        BEHALF_ASSERT(other.state == BODY_COMPLETE && other.taken == out.size);
        BEHALF_ASSERT(slice_equal(buffer_slice(&other.content), buffer_slice(&whole.content)));
        buffer_release(&other.content);
        buffer_release(&out);
    }
    buffer_release(&whole.content);
    return 0;
}
