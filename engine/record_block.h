/* record_block.h - sessions, grants, counts of uses and attributes as blocks in memory.
 * Always true: a block is immutable and has the id and the revision of its version. The block of
 * attributes may say that there are none, from a revision on. A grant without
 * a binding is kept without the digest of one: with it, a common grant would take 32 bytes more.
 * Threads: pure functions. Memory: a block is one allocation of memory_new. */
#ifndef BEHALF_ENGINE_RECORD_BLOCK_H
#define BEHALF_ENGINE_RECORD_BLOCK_H

#include "base/arena.h"
#include "engine/records.h"

/* A record as of one revision. */
struct record_image {
    uint64_t revision; /* that wrote it; of an absence of attributes: at which it was seen */
    const void *block; /* as in record_change; NULL = there is none, or it could not be read */
    size_t size;       /* of attributes 0: there are none */
};

/* NULL when the image has no block, or its block would take more than `bytes_max`. */
void *record_block_new(enum record_kind kind, const struct record_id *id,
                       const struct record_image *image, size_t bytes_max);

/* The session or grant as it was; attributes as a struct record_attributes_block. NULL when the
 * arena is spent. */
const void *record_block_copy(enum record_kind kind, const void *block,
                              struct arena *arena) BEHALF_MUST_USE;

/* What it takes of the heap. */
size_t record_block_bytes(enum record_kind kind, const void *block);

struct record_uses_block {
    struct record_id id;
    uint64_t revision;
    uint64_t left;
};

struct record_attributes_block {
    struct record_id id;
    uint64_t revision;
    uint32_t size; /* 0 = there are none */
    char body[];
};

static inline const struct record_id *
record_block_id(enum record_kind kind, const void *block)
{
    if (kind == RECORD_SESSION)
        return &((const struct session *)block)->id;
    if (kind == RECORD_GRANT)
        return &((const struct grant *)block)->id;
    if (kind == RECORD_ATTRIBUTES)
        return &((const struct record_attributes_block *)block)->id;
    return &((const struct record_uses_block *)block)->id;
}

static inline uint64_t
record_block_revision(enum record_kind kind, const void *block)
{
    if (kind == RECORD_SESSION)
        return ((const struct session *)block)->created_revision;
    if (kind == RECORD_GRANT)
        return ((const struct grant *)block)->created_revision;
    if (kind == RECORD_ATTRIBUTES)
        return ((const struct record_attributes_block *)block)->revision;
    return ((const struct record_uses_block *)block)->revision;
}

static inline uint64_t
record_block_left(const void *block)
{
    return ((const struct record_uses_block *)block)->left;
}

#endif
