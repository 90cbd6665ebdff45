/* fuzz_merge_patch.c - two JSON texts, each a line: a document and a patch.
 * What is merged is valid, has at each key what RFC 7396 says, and does not change when the patch
 * is laid over it once more. */
#include "base/merge_patch.h"

#include <string.h>

#define CAP ((size_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
same(const struct datum *a, const struct datum *b)
{
    struct buffer one;
    struct buffer other;
    bool equal;

    buffer_init(&one);
    buffer_init(&other);
    datum_encode(a, &one);
    datum_encode(b, &other);
    equal = slice_equal(buffer_slice(&one), buffer_slice(&other));
    buffer_release(&one);
    buffer_release(&other);
    return equal;
}

/* By the definition of the RFC, key by key. `target` NULL = there is none. */
static void
expect_merged(const struct datum *target, const struct datum *patch, const struct datum *merged)
{
    size_t kept = 0;

    if (patch->kind != DATUM_MAP) {
        BEHALF_ASSERT(same(patch, merged));
        return;
    }
    if (target != NULL && target->kind != DATUM_MAP)
        target = NULL;
    BEHALF_ASSERT(merged->kind == DATUM_MAP);
    for (size_t at = 0; at < patch->as.map.count; at++) {
        const struct datum_field *field = &patch->as.map.fields[at];
        const struct datum *value = datum_field(merged, field->key);

        BEHALF_ASSERT((field->value->kind == DATUM_NULL) == (value == NULL));
        if (value != NULL)
            expect_merged(target == NULL ? NULL : datum_field(target, field->key), field->value,
                          value);
        kept += value != NULL;
    }
    for (size_t at = 0; target != NULL && at < target->as.map.count; at++) {
        const struct datum_field *field = &target->as.map.fields[at];

        if (datum_field(patch, field->key) != NULL)
            continue;
        BEHALF_ASSERT(datum_field(merged, field->key) != NULL);
        BEHALF_ASSERT(same(datum_field(merged, field->key), field->value));
        kept++;
    }
    BEHALF_ASSERT(merged->as.map.count == kept);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(data, '\n', size) : NULL;
    const struct datum *target = NULL;
    const struct datum *patch = NULL;
    const struct datum *merged;
    const char *reason = NULL;
    struct arena arena;

    if (end == NULL || size > 4096)
        return 0;
    arena_init(&arena, CAP);
    if (datum_parse_json((struct slice){text, (size_t)(end - text)}, &arena, &target, NULL) ==
            BEHALF_OK &&
        datum_parse_json((struct slice){end + 1, (size_t)(text + size - end - 1)}, &arena, &patch,
                         NULL) == BEHALF_OK) {
        merged = merge_patch(target, patch, &arena);
        BEHALF_ASSERT(merged != NULL && datum_validate(merged, &reason));
        expect_merged(target, patch, merged);
        BEHALF_ASSERT(same(merge_patch(merged, patch, &arena), merged));
    }
    arena_release(&arena);
    return 0;
}
