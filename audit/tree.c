/* tree.c - see tree.h. */
#include "audit/tree.h"

#include <inttypes.h>
#include <unistd.h>

enum status
tree_open(int folder, struct tree *tree, struct error *error)
{
    *tree = (struct tree){.folder = folder, .leaves = -1};
    tree->roots = files_open(folder, "roots", false, error);
    return tree->roots < 0 ? error->status : BEHALF_OK;
}

void
tree_close(struct tree *tree)
{
    if (tree->roots >= 0)
        (void)close(tree->roots);
    if (tree->leaves >= 0)
        (void)close(tree->leaves);
}

static enum status
count_hashes(int fd, const char *name, uint64_t *count, struct error *error)
{
    uint64_t size;
    enum status status = files_size(fd, name, &size, error);

    if (status == BEHALF_OK)
        *count = size / DIGEST_SIZE;
    return status;
}

enum status
tree_root_count(const struct tree *tree, uint64_t *count, struct error *error)
{
    return count_hashes(tree->roots, "roots", count, error);
}

static enum status
open_leaves(struct tree *tree, uint64_t segment, char name[FILES_NAME_SIZE], struct error *error)
{
    files_name(FILES_LEAVES, segment, name);
    if (tree->leaves >= 0 && tree->leaves_segment == segment)
        return BEHALF_OK;
    if (tree->leaves >= 0)
        (void)close(tree->leaves);
    tree->leaves = files_open(tree->folder, name, false, error);
    tree->leaves_segment = segment;
    return tree->leaves < 0 ? error->status : BEHALF_OK;
}

enum status
tree_leaf_count(struct tree *tree, uint64_t segment, uint64_t *count, struct error *error)
{
    char name[FILES_NAME_SIZE];
    enum status status = open_leaves(tree, segment, name, error);

    return status == BEHALF_OK ? count_hashes(tree->leaves, name, count, error) : status;
}

/* Whole subtrees inside of one segment. */
static enum status
node_of_leaves(struct tree *tree, unsigned level, uint64_t index, uint8_t hash[DIGEST_SIZE],
               struct error *error)
{
    struct merkle_frontier frontier = {.size = 0};
    uint64_t first = index << level;
    uint64_t left = UINT64_C(1) << level;
    uint64_t offset = first % AUDIT_SEGMENT_RECORDS * DIGEST_SIZE;
    uint8_t leaves[256][DIGEST_SIZE];
    char name[FILES_NAME_SIZE];
    enum status status = open_leaves(tree, first / AUDIT_SEGMENT_RECORDS, name, error);

    while (status == BEHALF_OK && left > 0) {
        size_t count = left < BEHALF_COUNT_OF(leaves) ? (size_t)left : BEHALF_COUNT_OF(leaves);

        status = files_read(tree->leaves, name, leaves, count * DIGEST_SIZE, offset, error);
        for (size_t at = 0; status == BEHALF_OK && at < count; at++)
            merkle_add(&frontier, 0, leaves[at]);
        offset += count * DIGEST_SIZE;
        left -= count;
    }
    if (status == BEHALF_OK)
        merkle_root(&frontier, hash);
    return status;
}

static enum status
node_of_roots(struct tree *tree, unsigned level, uint64_t index, uint8_t hash[DIGEST_SIZE],
              struct error *error)
{
    struct merkle_frontier frontier = {.size = 0};
    uint64_t count = UINT64_C(1) << (level - TREE_SEGMENT_LEVEL);
    uint64_t first = index * count;
    enum status status = BEHALF_OK;

    for (uint64_t at = 0; status == BEHALF_OK && at < count; at++) {
        uint8_t root[DIGEST_SIZE];

        status =
            files_read(tree->roots, "roots", root, sizeof root, (first + at) * DIGEST_SIZE, error);
        if (status == BEHALF_OK)
            merkle_add(&frontier, 0, root);
    }
    if (status == BEHALF_OK)
        merkle_root(&frontier, hash);
    return status;
}

static enum status
node(void *context, unsigned level, uint64_t index, uint8_t hash[DIGEST_SIZE], struct error *error)
{
    uint64_t roots;
    enum status status;

    if (level > TREE_SEGMENT_LEVEL)
        return node_of_roots(context, level, index, hash, error);
    if (level < TREE_SEGMENT_LEVEL)
        return node_of_leaves(context, level, index, hash, error);
    /* The last segment may be full and have no root yet. */
    status = tree_root_count(context, &roots, error);
    if (status != BEHALF_OK)
        return status;
    return index < roots ? node_of_roots(context, level, index, hash, error)
                         : node_of_leaves(context, level, index, hash, error);
}

struct merkle_source
tree_source(struct tree *tree)
{
    return (struct merkle_source){.node = node, .context = tree};
}

enum status
tree_root(struct tree *tree, uint64_t size, uint8_t root[DIGEST_SIZE], struct error *error)
{
    const struct merkle_source source = tree_source(tree);
    const struct merkle_frontier empty = {.size = 0};

    if (size > 0)
        return merkle_range(&source, 0, size, root, error);
    merkle_root(&empty, root);
    return BEHALF_OK;
}
