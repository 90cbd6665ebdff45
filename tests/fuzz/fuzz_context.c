/* fuzz_context.c - contexts on their way: any bytes as MessagePack and as JSON text.
 * What is decoded is valid, prints as JSON that means the same, and is written as MessagePack that
 * decodes to the same. The client's JSON and the server's agree on what is JSON and what it means:
 * what the server reads as text, it reads of the client's bytes too. */
#include <string.h>

#include "client/behalf.h"
#include "net/contexts.h"

#define CAP ((size_t)4 * 1024 * 1024)
#define SIZE_LIMIT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* NULL when it is refused; then the error has the argument's name. */
static const struct datum *
decode(struct slice bytes, struct arena *arena)
{
    struct error error = {.status = BEHALF_OK};
    struct decoder decoder = {.reader = reader_of(bytes), .arena = arena, .error = &error};
    const struct datum *context = NULL;

    BEHALF_ASSERT(decoder_enter(&decoder, slice_of("context")));
    if (decode_context(&decoder, &context) == BEHALF_OK) {
        BEHALF_ASSERT(decoder.depth == 1 && decoder.reader.at <= decoder.reader.end);
        return context;
    }
    BEHALF_ASSERT(strncmp(error.message, "argument 'context", 17) == 0);
    BEHALF_ASSERT(context == NULL);
    return NULL;
}

static void
expect_same(const struct datum *one, const struct datum *other)
{
    struct buffer left;
    struct buffer right;

    BEHALF_ASSERT(one != NULL && other != NULL);
    buffer_init(&left);
    buffer_init(&right);
    datum_encode(one, &left);
    datum_encode(other, &right);
    BEHALF_ASSERT(slice_equal(buffer_slice(&left), buffer_slice(&right)));
    buffer_release(&left);
    buffer_release(&right);
}

static void
try_bytes(struct slice input, struct arena *arena)
{
    const struct datum *context = decode(input, arena);
    const struct datum *again = NULL;
    const char *reason = NULL;
    struct buffer out;

    if (context == NULL)
        return;
    BEHALF_ASSERT(datum_validate(context, &reason));
    buffer_init(&out);
    context_put(&out, context);
    expect_same(context, decode(buffer_slice(&out), arena));
    buffer_clear(&out);
    datum_print_json(context, &out);
    BEHALF_ASSERT(datum_parse_json(buffer_slice(&out), arena, &again, NULL) == BEHALF_OK);
    expect_same(context, again);
    buffer_release(&out);
}

static void
try_text(struct slice input, struct arena *arena)
{
    struct slice copy = arena_copy(arena, input);
    struct slice text = {copy.data, strlen(copy.data)};
    struct behalf_writer *writer = behalf_writer_new();
    const struct datum *expected = NULL;
    struct behalf_error error;
    struct slice bytes;
    bool written = behalf_write_json(writer, text.data, &error) == BEHALF_SUCCESS;
    bool read = datum_parse_json(text, arena, &expected, NULL) == BEHALF_OK;

    bytes.data = (const char *)behalf_writer_bytes(writer, &bytes.size);
    /* The client leaves it to the server to refuse what is too deep and keys that stand twice. */
    BEHALF_ASSERT(written || !read);
    if (written) {
        const struct datum *context = decode(bytes, arena);

        BEHALF_ASSERT(behalf_value_measure(bytes.data, bytes.size) == bytes.size);
        if (context != NULL)
            expect_same(context, expected);
    } else {
        BEHALF_ASSERT(bytes.size == 0 && error.line > 0 && error.column <= text.size + 1);
    }
    behalf_writer_free(writer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = {(const char *)data, size};
    struct arena arena;

    if (size > SIZE_LIMIT)
        return 0;
    arena_init(&arena, CAP);
    try_bytes(input, &arena);
    try_text(input, &arena);
    arena_release(&arena);
    return 0;
}
