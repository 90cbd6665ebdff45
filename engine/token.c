/* token.c - sealing and opening. Base64 is written here because a lenient decoder would give one
 * token many spellings: exactly one text opens, the one that was sealed. */
#include "engine/token.h"

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/digest.h"

#define VERSION_BYTE 1
#define KIND_SIZE 2
#define INCARNATION_PART 8
#define TOKEN_BODY_SIZE (KIND_SIZE + INCARNATION_PART + 8)
#define TOKEN_BYTES (TOKEN_BODY_SIZE + DIGEST_MAC_SIZE)
#define CURSOR_BODY_SIZE (KIND_SIZE + INCARNATION_PART + 8 + 8 + CURSOR_POSITION_SIZE)
#define CURSOR_BYTES (CURSOR_BODY_SIZE + DIGEST_MAC_SIZE)
#define DENIAL_BODY_SIZE (KIND_SIZE + INCARNATION_PART + 8 + RECORD_ID_SIZE + DIGEST_SIZE)
#define DENIAL_BYTES (DENIAL_BODY_SIZE + DIGEST_MAC_SIZE)
#define TEXT_SIZE(bytes) (((bytes)*8 + 5) / 6)
#define NOT_A_DIGIT 64U

_Static_assert(TEXT_SIZE(CURSOR_BYTES) <= ENGINE_TOKEN_SIZE, "a cursor fits into a token's room");
_Static_assert(TEXT_SIZE(DENIAL_BYTES) <= ENGINE_TOKEN_SIZE, "and so does a denial");
_Static_assert(INCARNATION_PART <= INCARNATION_SIZE, "part of the incarnation");

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static uint32_t
digit_value(char digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return (uint32_t)(digit - 'A');
    if (digit >= 'a' && digit <= 'z')
        return (uint32_t)(digit - 'a') + 26;
    if (digit >= '0' && digit <= '9')
        return (uint32_t)(digit - '0') + 52;
    if (digit == '-')
        return 62;
    return digit == '_' ? 63 : NOT_A_DIGIT;
}

static void
encode(const uint8_t *bytes, size_t size, struct engine_token *token)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t length = 0;

    for (size_t index = 0; index < size; index++) {
        bits = bits << 8 | bytes[index];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            token->text[length++] = digits[bits >> (bit_count - 6) & 63];
    }
    if (bit_count > 0)
        token->text[length++] = digits[bits << (6 - bit_count) & 63];
    BEHALF_ASSERT(length <= ENGINE_TOKEN_SIZE);
    token->text[length] = '\0';
}

/* False unless the text is the one way to write exactly `size` bytes. */
static bool
decode(struct slice text, uint8_t *bytes, size_t size)
{
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t length = 0;

    if (text.size != TEXT_SIZE(size))
        return false;
    for (size_t index = 0; index < text.size; index++) {
        uint32_t value = digit_value(text.data[index]);

        if (value == NOT_A_DIGIT)
            return false;
        bits = bits << 6 | value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes[length++] = (uint8_t)(bits >> bit_count);
        }
    }
    BEHALF_ASSERT(length == size);
    return (bits & ((1U << bit_count) - 1)) == 0;
}

static void
put_head(const struct store *store, char kind, uint64_t number, uint8_t *bytes)
{
    struct slice incarnation = store_incarnation(store);

    BEHALF_ASSERT(incarnation.size == INCARNATION_SIZE);
    bytes[0] = (uint8_t)kind;
    bytes[1] = VERSION_BYTE;
    memcpy(bytes + KIND_SIZE, incarnation.data, INCARNATION_PART);
    bytes_put_u64(bytes + KIND_SIZE + INCARNATION_PART, number);
}

/* The mac covers the kind, so a token never opens as a cursor, whatever their sizes become. */
static void
seal(const struct store *store, uint8_t *bytes, size_t body_size, struct engine_token *token)
{
    digest_mac(store_secret(store), (struct slice){(const char *)bytes, body_size},
               bytes + body_size);
    encode(bytes, body_size + DIGEST_MAC_SIZE, token);
}

static bool
verify(const struct store *store, struct slice text, char kind, uint8_t *bytes, size_t body_size)
{
    uint8_t mac[DIGEST_MAC_SIZE];

    if (!decode(text, bytes, body_size + DIGEST_MAC_SIZE))
        return false;
    digest_mac(store_secret(store), (struct slice){(const char *)bytes, body_size}, mac);
    if (!digest_equal(mac, bytes + body_size, DIGEST_MAC_SIZE))
        return false;
    /* Only this code seals, so what follows differs for other kinds, versions and incarnations. */
    return bytes[0] == (uint8_t)kind && bytes[1] == VERSION_BYTE &&
           memcmp(bytes + KIND_SIZE, store_incarnation(store).data, INCARNATION_PART) == 0;
}

void
token_seal(const struct store *store, uint64_t revision, struct engine_token *token)
{
    uint8_t bytes[TOKEN_BYTES];

    put_head(store, 'T', revision, bytes);
    seal(store, bytes, TOKEN_BODY_SIZE, token);
}

enum status
token_open(const struct store *store, struct slice text, uint64_t *revision, struct error *error)
{
    uint8_t bytes[TOKEN_BYTES];

    if (!verify(store, text, 'T', bytes, TOKEN_BODY_SIZE)) {
        error_set(error, BEHALF_UNKNOWN_TOKEN,
                  "the token is malformed or was not given by this store");
        error_hint(error, "pass a token of an answer of this server, unchanged");
        return BEHALF_UNKNOWN_TOKEN;
    }
    *revision = bytes_get_u64(bytes + KIND_SIZE + INCARNATION_PART);
    return BEHALF_OK;
}

void
cursor_seal(const struct store *store, const struct cursor *cursor, struct engine_token *token)
{
    uint8_t bytes[CURSOR_BYTES];
    uint8_t *at = bytes + KIND_SIZE + INCARNATION_PART + 8;

    put_head(store, 'C', cursor->revision, bytes);
    bytes_put_u64(at, cursor->request_digest);
    memcpy(at + 8, cursor->position, CURSOR_POSITION_SIZE);
    seal(store, bytes, CURSOR_BODY_SIZE, token);
}

enum status
cursor_open(const struct store *store, struct slice text, uint64_t request_digest,
            struct cursor *cursor, struct error *error)
{
    uint8_t bytes[CURSOR_BYTES];
    const uint8_t *at = bytes + KIND_SIZE + INCARNATION_PART;

    if (!verify(store, text, 'C', bytes, CURSOR_BODY_SIZE))
        return error_set(error, BEHALF_INVALID_CURSOR,
                         "the cursor is malformed or was not given by this store");
    if (bytes_get_u64(at + 8) != request_digest) {
        error_set(error, BEHALF_INVALID_CURSOR, "the cursor belongs to another request");
        error_hint(error, "a next page repeats every argument but limit and cursor");
        return BEHALF_INVALID_CURSOR;
    }
    cursor->revision = bytes_get_u64(at);
    cursor->request_digest = request_digest;
    memcpy(cursor->position, at + 16, CURSOR_POSITION_SIZE);
    return BEHALF_OK;
}

void
denial_seal(const struct store *store, const struct engine_denial *denial,
            struct engine_token *token)
{
    uint8_t bytes[DENIAL_BYTES];
    uint8_t *at = bytes + KIND_SIZE + INCARNATION_PART + 8;

    put_head(store, 'D', (uint64_t)denial->ends, bytes);
    memcpy(at, denial->decision.bytes, RECORD_ID_SIZE);
    memcpy(at + RECORD_ID_SIZE, denial->words, DIGEST_SIZE);
    seal(store, bytes, DENIAL_BODY_SIZE, token);
}

enum status
denial_open(const struct store *store, struct slice text, const uint8_t words[DIGEST_SIZE],
            struct engine_denial *denial, struct error *error)
{
    uint8_t bytes[DENIAL_BYTES];
    const uint8_t *at = bytes + KIND_SIZE + INCARNATION_PART;

    if (!verify(store, text, 'D', bytes, DENIAL_BODY_SIZE))
        return error_set(error, BEHALF_DENIAL_INVALID,
                         "the denial is malformed or was not given by this store");
    if (memcmp(at + 8 + RECORD_ID_SIZE, words, DIGEST_SIZE) != 0) {
        error_set(error, BEHALF_DENIAL_INVALID, "the denial belongs to another request");
        error_hint(error, "a request repeats who asked, through which agent, for what, as it was "
                          "denied");
        return BEHALF_DENIAL_INVALID;
    }
    denial->ends = (int64_t)bytes_get_u64(at);
    memcpy(denial->decision.bytes, at + 8, RECORD_ID_SIZE);
    memcpy(denial->words, words, DIGEST_SIZE);
    return BEHALF_OK;
}

uint64_t
cursor_request_digest(const struct slice *parts, size_t count, uint8_t whole[DIGEST_SIZE])
{
    struct buffer buffer;
    struct slice all;
    uint8_t digest[DIGEST_SIZE];

    buffer_init(&buffer);
    for (size_t index = 0; index < count; index++) {
        uint8_t size[8];

        bytes_put_u64(size, parts[index].size);
        buffer_add(&buffer, size, sizeof size);
        if (parts[index].size > 0)
            buffer_add_slice(&buffer, parts[index]);
    }
    all = buffer_slice(&buffer);
    digest_sha256(&all, 1, digest);
    buffer_release(&buffer);
    if (whole != NULL)
        memcpy(whole, digest, sizeof digest);
    return bytes_get_u64(digest);
}
