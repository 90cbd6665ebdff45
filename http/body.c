/* body.c - Content-Length and chunks. */
#include "http/body.h"

#include "http/characters.h"

#define CHUNK_DIGITS_MAX 8

/* What the next byte belongs to. */
enum expected {
    EXPECT_CONTENT, /* of a known length */
    EXPECT_SIZE,
    EXPECT_SIZE_END, /* LF of a chunk's size */
    EXPECT_CHUNK,
    EXPECT_CHUNK_CR,
    EXPECT_CHUNK_LF,
    EXPECT_LAST_CR, /* after the size of the last chunk */
    EXPECT_LAST_LF,
    EXPECT_NOTHING,
};

void
body_init_length(struct body *body, uint64_t length)
{
    *body = (struct body){.left = length, .expected = length > 0 ? EXPECT_CONTENT : EXPECT_NOTHING};
}

void
body_init_chunked(struct body *body, size_t size_max)
{
    *body = (struct body){.size_max = size_max, .expected = EXPECT_SIZE};
}

static enum body_state
refuse(struct body *body, unsigned status, const char *why)
{
    body->refusal = (struct http_refusal){status, why};
    return BODY_REFUSED;
}

static enum body_state
expect(struct body *body, enum expected expected)
{
    body->expected = (uint8_t)expected;
    return expected == EXPECT_NOTHING ? BODY_COMPLETE : BODY_PARTIAL;
}

static uint64_t
hex_value(char byte)
{
    return (uint64_t)(character_is_digit(byte) ? byte - '0' : character_lower(byte) - 'a' + 10);
}

static enum body_state
read_size(struct body *body, char byte)
{
    if (character_is(byte, CHARACTER_HEX)) {
        if (body->digits == CHUNK_DIGITS_MAX)
            return refuse(body, 400, "the size of a chunk has more than eight digits");
        body->digits++;
        body->left = body->left * 16 + hex_value(byte);
        return BODY_PARTIAL;
    }
    if (byte == ';' && body->digits > 0)
        return refuse(body, 400, "a chunk has an extension");
    if (byte != '\r' || body->digits == 0)
        return refuse(body, 400, "the size of a chunk must be hexadecimal digits and CR LF");
    return expect(body, EXPECT_SIZE_END);
}

static enum body_state
begin_chunk(struct body *body)
{
    body->digits = 0;
    if (body->left > body->size_max - body->size)
        return refuse(body, 413, "the body is too large");
    body->size += (size_t)body->left;
    return expect(body, body->left > 0 ? EXPECT_CHUNK : EXPECT_LAST_CR);
}

/* One byte that is no content. */
static enum body_state
read_byte(struct body *body, char byte)
{
    bool is_cr = byte == '\r';
    bool is_lf = byte == '\n';

    switch ((enum expected)body->expected) {
    case EXPECT_SIZE:
        return read_size(body, byte);
    case EXPECT_SIZE_END:
        return is_lf ? begin_chunk(body)
                     : refuse(body, 400, "the size of a chunk must end in CR LF");
    case EXPECT_CHUNK_CR:
        return is_cr ? expect(body, EXPECT_CHUNK_LF)
                     : refuse(body, 400, "a chunk is longer than its size");
    case EXPECT_CHUNK_LF:
        return is_lf ? expect(body, EXPECT_SIZE) : refuse(body, 400, "a chunk must end in CR LF");
    case EXPECT_LAST_CR:
        return is_cr ? expect(body, EXPECT_LAST_LF)
                     : refuse(body, 400, "the last chunk has a trailer");
    case EXPECT_LAST_LF:
        return is_lf ? expect(body, EXPECT_NOTHING)
                     : refuse(body, 400, "the last chunk must end in CR LF");
    case EXPECT_CONTENT:
    case EXPECT_CHUNK:
    case EXPECT_NOTHING:
        break;
    }
    BEHALF_UNREACHABLE();
}

static void
take_content(struct body *body, struct slice *bytes, struct slice *content)
{
    size_t size = body->left < bytes->size ? (size_t)body->left : bytes->size;

    *content = (struct slice){bytes->data, size};
    *bytes = (struct slice){bytes->data + size, bytes->size - size};
    body->left -= size;
    if (body->left == 0)
        body->expected = body->expected == EXPECT_CHUNK ? EXPECT_CHUNK_CR : EXPECT_NOTHING;
}

enum body_state
body_read(struct body *body, struct slice *bytes, struct slice *content)
{
    enum body_state state = BODY_PARTIAL;

    BEHALF_ASSERT(body->refusal.status == 0);
    if (body->expected == EXPECT_NOTHING)
        return BODY_COMPLETE;
    while (state == BODY_PARTIAL && bytes->size > 0) {
        if (body->expected == EXPECT_CONTENT || body->expected == EXPECT_CHUNK) {
            take_content(body, bytes, content);
            return BODY_CONTENT;
        }
        state = read_byte(body, bytes->data[0]);
        *bytes = (struct slice){bytes->data + 1, bytes->size - 1};
    }
    return state;
}
