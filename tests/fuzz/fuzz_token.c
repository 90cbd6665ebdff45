/* fuzz_token.c - hostile tokens and cursors: nothing that was not sealed opens. */
#include "base/memory.h"
#include "engine/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct store *
fuzz_store(void)
{
    static struct store *store; /* Exception: a fuzzer has no other place for what lives for ever */

    if (store == NULL) {
        struct store_options options = {.env = env_system()};
        enum status status = store_open(&options, &store, NULL);

        BEHALF_ASSERT(status == BEHALF_OK);
    }
    return store;
}

/* The sealed text with the input laid over it byte by byte (xor), so that the fuzzer begins close
 * to what opens; an input of zeroes leaves it as it is. */
static size_t
disturb(const struct engine_token *sealed, const uint8_t *data, size_t size, char *text)
{
    size_t length = strlen(sealed->text);

    for (size_t at = 0; at < length; at++)
        text[at] = (char)(sealed->text[at] ^ (at < size ? (char)data[at] : '\0'));
    return length;
}

static void
try_token(const struct store *store, struct slice text, const struct engine_token *sealed)
{
    uint64_t revision = 0;
    enum status status = token_open(store, text, &revision, NULL);

    BEHALF_ASSERT((status == BEHALF_OK) == slice_equal(text, slice_of(sealed->text)));
    BEHALF_ASSERT(status != BEHALF_OK || revision == 7);
}

static void
try_cursor(const struct store *store, struct slice text, const struct engine_token *sealed)
{
    struct cursor cursor;
    enum status status = cursor_open(store, text, 9, &cursor, NULL);

    BEHALF_ASSERT((status == BEHALF_OK) == slice_equal(text, slice_of(sealed->text)));
    BEHALF_ASSERT(status != BEHALF_OK || cursor.revision == 7);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct store *store = fuzz_store();
    struct slice input = {(const char *)data, size};
    struct cursor place = {.revision = 7, .request_digest = 9};
    struct engine_token token;
    struct engine_token cursor;
    char text[ENGINE_TOKEN_SIZE];

    token_seal(store, 7, &token);
    cursor_seal(store, &place, &cursor);
    try_token(store, input, &token);
    try_cursor(store, input, &cursor);
    try_token(store, (struct slice){text, disturb(&token, data, size, text)}, &token);
    try_cursor(store, (struct slice){text, disturb(&cursor, data, size, text)}, &cursor);
    (void)cursor_request_digest(&input, 1, NULL);
    return 0;
}
