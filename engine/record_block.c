/* record_block.c - blocks of records as they are kept, and as they are given. */
#include "engine/record_block.h"

#include <stddef.h>
#include <string.h>

#include "base/memory.h"

/* What is left out is the end of the struct; the parts of the block follow it. */
#define CUT_AT offsetof(struct grant, digest)

_Static_assert(CUT_AT + sizeof(((struct grant *)0)->digest) == sizeof(struct grant),
               "the digest ends the struct");

static size_t
cut_of(enum record_kind kind, const void *block)
{
    const struct grant *grant = block;

    return kind == RECORD_GRANT && grant->method.count == 0 ? sizeof grant->digest : 0;
}

static size_t
attributes_size(size_t body_size)
{
    return sizeof(struct record_attributes_block) + body_size;
}

/* Of a session or a grant, which begin with it: before the cut. Of attributes as they are kept. */
static size_t
whole_size(enum record_kind kind, const void *block)
{
    if (kind == RECORD_ATTRIBUTES)
        return attributes_size(((const struct record_attributes_block *)block)->size);
    return kind == RECORD_SESSION ? ((const struct session *)block)->size
                                  : ((const struct grant *)block)->size;
}

size_t
record_block_bytes(enum record_kind kind, const void *block)
{
    if (kind == RECORD_USES)
        return memory_block_bytes(sizeof(struct record_uses_block));
    return memory_block_bytes(whole_size(kind, block) - cut_of(kind, block));
}

static void *
new_uses(const struct record_id *id, const struct record_image *image)
{
    struct record_uses_block *uses = memory_new(sizeof *uses);

    BEHALF_ASSERT(image->size == sizeof uses->left);
    uses->id = *id;
    uses->revision = image->revision;
    memcpy(&uses->left, image->block, sizeof uses->left);
    return uses;
}

static void *
new_attributes(const struct record_id *id, const struct record_image *image, size_t bytes_max)
{
    struct record_attributes_block *attributes;

    if (memory_block_bytes(attributes_size(image->size)) > bytes_max)
        return NULL;
    attributes = memory_new(attributes_size(image->size));
    attributes->id = *id;
    attributes->revision = image->revision;
    attributes->size = (uint32_t)image->size;
    if (image->size > 0)
        memcpy(attributes->body, image->block, image->size);
    return attributes;
}

void *
record_block_new(enum record_kind kind, const struct record_id *id,
                 const struct record_image *image, size_t bytes_max)
{
    const char *bytes = image->block;
    size_t cut;
    char *block;

    if (bytes == NULL)
        return NULL;
    if (kind == RECORD_USES)
        return new_uses(id, image);
    if (kind == RECORD_ATTRIBUTES)
        return new_attributes(id, image, bytes_max);
    BEHALF_ASSERT(whole_size(kind, bytes) == image->size);
    BEHALF_ASSERT(record_block_revision(kind, bytes) == image->revision);
    BEHALF_ASSERT(record_id_equal(record_block_id(kind, bytes), id));
    if (record_block_bytes(kind, bytes) > bytes_max)
        return NULL;
    cut = cut_of(kind, bytes);
    if (cut == 0)
        return memory_copy(bytes, image->size);
    block = memory_new(image->size - cut);
    memcpy(block, bytes, CUT_AT);
    memcpy(block + CUT_AT, bytes + CUT_AT + cut, image->size - CUT_AT - cut);
    return block;
}

const void *
record_block_copy(enum record_kind kind, const void *block, struct arena *arena)
{
    const char *bytes = block;
    size_t size = whole_size(kind, block);
    size_t cut = cut_of(kind, block);
    char *copy = arena_take(arena, size);

    if (copy == NULL)
        return NULL;
    if (cut == 0)
        return memcpy(copy, bytes, size);
    memcpy(copy, bytes, CUT_AT);
    memset(copy + CUT_AT, 0, cut);
    memcpy(copy + CUT_AT + cut, bytes + CUT_AT, size - CUT_AT - cut);
    return copy;
}
