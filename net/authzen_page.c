/* authzen_page.c - tokens of pages. */
#include "net/authzen_page.h"

#include "base/digest.h"

#define TOKEN_DIGEST_BYTES 8
#define TOKEN_DIGEST_SIZE (2 * TOKEN_DIGEST_BYTES)
#define TOKEN_LIMIT_SIZE_MAX 6 /* LIMIT_PAGE */
#define TOKEN_END '.'

static void
encode_field(const struct datum_field *field, struct buffer *out)
{
    const struct datum key = {.kind = DATUM_STRING, .as.string = field->key};

    datum_encode(&key, out);
    datum_encode(field->value, out);
}

/* All members of the request but `page.limit` and `page.token`; an empty page is none. */
static void
encode_request(const struct datum *body, struct buffer *out)
{
    for (size_t index = 0; index < body->as.map.count; index++) {
        const struct datum_field *field = &body->as.map.fields[index];
        const struct datum *page = field->value;

        if (!slice_equal(field->key, SLICE_LITERAL("page"))) {
            encode_field(field, out);
            continue;
        }
        for (size_t at = 0; at < page->as.map.count; at++) {
            const struct datum_field *member = &page->as.map.fields[at];

            if (!slice_equal(member->key, SLICE_LITERAL("limit")) &&
                !slice_equal(member->key, SLICE_LITERAL("token")))
                encode_field(member, out);
        }
    }
}

static void
digest_request(const struct datum *body, char text[TOKEN_DIGEST_SIZE + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[DIGEST_SIZE];
    struct slice part;
    struct buffer bytes;

    buffer_init(&bytes);
    encode_request(body, &bytes);
    part = buffer_slice(&bytes);
    digest_sha256(&part, 1, digest);
    buffer_release(&bytes);
    for (size_t index = 0; index < TOKEN_DIGEST_BYTES; index++) {
        text[2 * index] = digits[digest[index] >> 4];
        text[2 * index + 1] = digits[digest[index] & 15];
    }
    text[TOKEN_DIGEST_SIZE] = '\0';
}

void
authzen_page_token(const struct datum *body, const struct authzen_page *page, struct slice cursor,
                   struct buffer *token)
{
    char digest[TOKEN_DIGEST_SIZE + 1];

    digest_request(body, digest);
    buffer_add_slice(token, cursor);
    buffer_add_format(token, "%c%u%c%s", TOKEN_END, page->limit, TOKEN_END, digest);
}

/* Cuts what stands before the last TOKEN_END off the end of the text. */
static bool
cut_last(struct slice *text, struct slice *last)
{
    size_t at = text->size;

    while (at > 0 && text->data[at - 1] != TOKEN_END)
        at--;
    if (at == 0)
        return false;
    *last = (struct slice){text->data + at, text->size - at};
    text->size = at - 1;
    return true;
}

static bool
read_limit(struct slice text, uint32_t *limit)
{
    *limit = 0;
    if (text.size == 0 || text.size > TOKEN_LIMIT_SIZE_MAX)
        return false;
    for (size_t index = 0; index < text.size; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
        *limit = *limit * 10 + (uint32_t)(text.data[index] - '0');
    }
    return *limit <= LIMIT_PAGE;
}

enum status
authzen_page_open(const struct datum *body, struct authzen_page *page, struct slice *cursor,
                  struct error *error)
{
    char expected[TOKEN_DIGEST_SIZE + 1];
    struct slice rest = page->token;
    struct slice digest;
    struct slice limit_text;
    uint32_t limit = 0;

    *cursor = (struct slice){NULL, 0};
    if (rest.size == 0)
        return BEHALF_OK;
    if (!cut_last(&rest, &digest) || !cut_last(&rest, &limit_text) ||
        !read_limit(limit_text, &limit) || rest.size == 0 || rest.size > LIMIT_TOKEN)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "'page.token' is not one of this server");
    digest_request(body, expected);
    if (!slice_equal(digest, slice_of(expected)) || (page->has_limit && page->limit != limit))
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "'page.token' is of a request whose other members are different");
    page->limit = limit;
    *cursor = rest;
    return BEHALF_OK;
}
