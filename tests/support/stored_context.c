/* stored_context.c */
#include "tests/support/stored_context.h"

#include "base/datum.h"

struct slice
stored_context(struct slice json, struct arena *arena)
{
    const struct datum *datum = NULL;
    struct slice bytes = {NULL, 0};
    struct buffer encoded;
    struct error error;

    if (json.size == 0)
        return bytes;
    BEHALF_ASSERT(datum_parse_json(json, arena, &datum, &error) == BEHALF_OK);
    buffer_init(&encoded);
    datum_encode(datum, &encoded);
    bytes = arena_copy(arena, buffer_slice(&encoded));
    buffer_release(&encoded);
    BEHALF_ASSERT(bytes.data != NULL);
    return bytes;
}
