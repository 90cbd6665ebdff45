/* fuzz_datum.c - any bytes as JSON and as stored data.
 * What is read is valid, prints as JSON that reads back as the same bytes, and decodes from its own
 * bytes; stored bytes that decode are the only ones of their datum. */
#include "base/datum.h"

#define CAP ((size_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct datum *datum, struct arena *arena)
{
    const struct datum *again = NULL;
    const char *reason = NULL;
    struct buffer bytes;
    struct buffer twice;
    struct buffer json;

    buffer_init(&bytes);
    buffer_init(&twice);
    buffer_init(&json);
    BEHALF_ASSERT(datum_validate(datum, &reason));
    datum_encode(datum, &bytes);
    BEHALF_ASSERT(datum_decode(buffer_slice(&bytes), arena, &again, NULL) == BEHALF_OK);
    datum_encode(again, &twice);
    BEHALF_ASSERT(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)));
    datum_print_json(datum, &json);
    buffer_clear(&twice);
    /* A key with a NUL comes from stored bytes only. */
    if (datum_parse_json(buffer_slice(&json), arena, &again, NULL) == BEHALF_OK) {
        datum_encode(again, &twice);
        BEHALF_ASSERT(slice_equal(buffer_slice(&bytes), buffer_slice(&twice)));
    } else {
        BEHALF_ASSERT(memmem(json.data, json.size, "\\u0000", 6) != NULL);
    }
    buffer_release(&bytes);
    buffer_release(&twice);
    buffer_release(&json);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = {(const char *)data, size};
    const struct datum *datum = NULL;
    struct buffer bytes;
    struct arena arena;
    struct error error = {.status = BEHALF_OK};

    if (size > 4096)
        return 0;
    arena_init(&arena, CAP);
    buffer_init(&bytes);
    if (datum_parse_json(input, &arena, &datum, &error) == BEHALF_OK)
        check(datum, &arena);
    if (datum_decode(input, &arena, &datum, &error) == BEHALF_OK) {
        check(datum, &arena);
        datum_encode(datum, &bytes);
        BEHALF_ASSERT(slice_equal(buffer_slice(&bytes), input));
    }
    buffer_release(&bytes);
    arena_release(&arena);
    return 0;
}
