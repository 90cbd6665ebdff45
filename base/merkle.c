/* merkle.c - RFC 6962 section 2.1. A range of leaves is cut at the largest power of two below its
 * size, which is where the recursions of that section cut. */
#include "base/merkle.h"

#include "base/check.h"

void
merkle_leaf(struct slice data, uint8_t hash[DIGEST_SIZE])
{
    struct slice parts[] = {{"\0", 1}, data};

    digest_sha256(parts, BEHALF_COUNT_OF(parts), hash);
}

void
merkle_node(const uint8_t left[DIGEST_SIZE], const uint8_t right[DIGEST_SIZE],
            uint8_t hash[DIGEST_SIZE])
{
    struct slice parts[] = {
        {"\1", 1}, {(const char *)left, DIGEST_SIZE}, {(const char *)right, DIGEST_SIZE}};

    digest_sha256(parts, BEHALF_COUNT_OF(parts), hash);
}

void
merkle_add(struct merkle_frontier *frontier, unsigned level, const uint8_t hash[DIGEST_SIZE])
{
    uint8_t node[DIGEST_SIZE];
    uint64_t left = UINT64_C(1) << level;

    BEHALF_ASSERT(level < MERKLE_LEVELS && (frontier->size & (left - 1)) == 0);
    memcpy(node, hash, DIGEST_SIZE);
    frontier->size += left;
    /* A carry joins two perfect subtrees to one. */
    for (left = frontier->size - left; (left >> level & 1) != 0; level++)
        merkle_node(frontier->hashes[level], node, node);
    memcpy(frontier->hashes[level], node, DIGEST_SIZE);
}

void
merkle_root(const struct merkle_frontier *frontier, uint8_t root[DIGEST_SIZE])
{
    bool begun = false;

    if (frontier->size == 0)
        digest_sha256(NULL, 0, root);
    for (unsigned level = 0; level < MERKLE_LEVELS; level++) {
        if ((frontier->size >> level & 1) == 0)
            continue;
        if (begun)
            merkle_node(frontier->hashes[level], root, root);
        else
            memcpy(root, frontier->hashes[level], DIGEST_SIZE);
        begun = true;
    }
}

/* The level of the largest power of two that is not above `size`. */
static unsigned
level_of(uint64_t size)
{
    BEHALF_ASSERT(size > 0);
    return 63 - (unsigned)__builtin_clzll(size);
}

/* The largest power of two below `size`. */
static uint64_t
split_of(uint64_t size)
{
    return UINT64_C(1) << level_of(size - 1);
}

enum status
merkle_range(const struct merkle_source *source, uint64_t start, uint64_t end,
             uint8_t root[DIGEST_SIZE], struct error *error)
{
    struct merkle_frontier frontier = {.size = 0};
    enum status status = BEHALF_OK;

    while (status == BEHALF_OK && start < end) {
        unsigned level = level_of(end - start);
        uint8_t node[DIGEST_SIZE];

        BEHALF_ASSERT((start & ((UINT64_C(1) << level) - 1)) == 0);
        status = source->node(source->context, level, start >> level, node, error);
        if (status == BEHALF_OK)
            merkle_add(&frontier, level, node);
        start += UINT64_C(1) << level;
    }
    if (status == BEHALF_OK)
        merkle_root(&frontier, root);
    return status;
}

static enum status
add_range(const struct merkle_source *source, uint64_t start, uint64_t end,
          struct merkle_proof *proof, struct error *error)
{
    BEHALF_ASSERT(proof->count < MERKLE_PROOF_MAX);
    return merkle_range(source, start, end, proof->hashes[proof->count++], error);
}

/* Proofs are found from the root down, and stand from the leaf up. */
static void
turn(struct merkle_proof *proof)
{
    for (size_t index = 0; index < proof->count / 2; index++) {
        uint8_t *one = proof->hashes[index];
        uint8_t *other = proof->hashes[proof->count - 1 - index];
        uint8_t kept[DIGEST_SIZE];

        memcpy(kept, one, DIGEST_SIZE);
        memcpy(one, other, DIGEST_SIZE);
        memcpy(other, kept, DIGEST_SIZE);
    }
}

enum status
merkle_prove_inclusion(const struct merkle_source *source, uint64_t index, uint64_t size,
                       struct merkle_proof *proof, struct error *error)
{
    enum status status = BEHALF_OK;
    uint64_t start = 0;
    uint64_t end = size;

    BEHALF_ASSERT(index < size);
    proof->count = 0;
    while (status == BEHALF_OK && end - start > 1) {
        uint64_t middle = start + split_of(end - start);

        if (index < middle) {
            status = add_range(source, middle, end, proof, error);
            end = middle;
        } else {
            status = add_range(source, start, middle, proof, error);
            start = middle;
        }
    }
    turn(proof);
    return status;
}

enum status
merkle_prove_consistency(const struct merkle_source *source, uint64_t from, uint64_t size,
                         struct merkle_proof *proof, struct error *error)
{
    enum status status = BEHALF_OK;
    uint64_t start = 0;
    uint64_t end = size;

    BEHALF_ASSERT(from > 0 && from <= size);
    proof->count = 0;
    /* SUBPROOF: `start` is 0 as long as the old tree itself is the subtree that is left. */
    while (status == BEHALF_OK && from < end) {
        uint64_t middle = start + split_of(end - start);

        if (from <= middle) {
            status = add_range(source, middle, end, proof, error);
            end = middle;
        } else {
            status = add_range(source, start, middle, proof, error);
            start = middle;
        }
    }
    if (status == BEHALF_OK && start > 0)
        status = add_range(source, start, end, proof, error);
    turn(proof);
    return status;
}

bool
merkle_check_inclusion(const uint8_t leaf[DIGEST_SIZE], uint64_t index, uint64_t size,
                       const struct merkle_proof *proof, const uint8_t root[DIGEST_SIZE])
{
    uint8_t node[DIGEST_SIZE];
    uint64_t last = size - 1;

    if (index >= size || proof->count > MERKLE_PROOF_MAX)
        return false;
    memcpy(node, leaf, DIGEST_SIZE);
    for (size_t at = 0; at < proof->count; at++) {
        if (last == 0)
            return false;
        if ((index & 1) != 0 || index == last) {
            merkle_node(proof->hashes[at], node, node);
            while ((index & 1) == 0 && index != 0) {
                index >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(node, proof->hashes[at], node);
        }
        index >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(node, root, DIGEST_SIZE) == 0;
}

/* 0 < from < size. A perfect old tree is its own first hash, which the proof leaves out. */
static bool
check_growth(uint64_t from, const uint8_t from_root[DIGEST_SIZE], uint64_t size,
             const uint8_t root[DIGEST_SIZE], const struct merkle_proof *proof)
{
    bool perfect = (from & (from - 1)) == 0;
    size_t at = perfect ? 0 : 1;
    uint64_t index = from - 1;
    uint64_t last = size - 1;
    uint8_t old[DIGEST_SIZE];
    uint8_t node[DIGEST_SIZE];

    if (proof->count == 0 || proof->count > MERKLE_PROOF_MAX)
        return false;
    memcpy(old, perfect ? from_root : proof->hashes[0], DIGEST_SIZE);
    memcpy(node, old, DIGEST_SIZE);
    for (; (index & 1) != 0; index >>= 1)
        last >>= 1;
    for (; at < proof->count; at++) {
        if (last == 0)
            return false;
        if ((index & 1) != 0 || index == last) {
            merkle_node(proof->hashes[at], old, old);
            merkle_node(proof->hashes[at], node, node);
            while ((index & 1) == 0 && index != 0) {
                index >>= 1;
                last >>= 1;
            }
        } else {
            merkle_node(node, proof->hashes[at], node);
        }
        index >>= 1;
        last >>= 1;
    }
    return last == 0 && memcmp(old, from_root, DIGEST_SIZE) == 0 &&
           memcmp(node, root, DIGEST_SIZE) == 0;
}

bool
merkle_check_consistency(uint64_t from, const uint8_t from_root[DIGEST_SIZE], uint64_t size,
                         const uint8_t root[DIGEST_SIZE], const struct merkle_proof *proof)
{
    uint8_t empty[DIGEST_SIZE];

    if (from > size)
        return false;
    if (from == size)
        return proof->count == 0 && memcmp(from_root, root, DIGEST_SIZE) == 0;
    if (from > 0)
        return check_growth(from, from_root, size, root, proof);
    digest_sha256(NULL, 0, empty);
    return proof->count == 0 && memcmp(from_root, empty, DIGEST_SIZE) == 0;
}
