/* tree.h - the Merkle tree of a log's folder: .leaves below, `roots` above.
 * Always true: a hash comes from the files or is an error; nothing is kept between calls but open
 * descriptors, so a tree of 10^9 leaves needs no more memory than one of ten.
 * Threads: a tree belongs to one. */
#ifndef BEHALF_AUDIT_TREE_H
#define BEHALF_AUDIT_TREE_H

#include "audit/files.h"
#include "base/merkle.h"

#define TREE_SEGMENT_LEVEL 16 /* a full segment is the subtree of this level */

_Static_assert(UINT64_C(1) << TREE_SEGMENT_LEVEL == AUDIT_SEGMENT_RECORDS, "a perfect subtree");

struct tree {
    int folder; /* borrowed */
    int roots;
    int leaves;
    uint64_t leaves_segment; /* of `leaves` */
};

enum status tree_open(int folder, struct tree *tree, struct error *error) BEHALF_MUST_USE;
void tree_close(struct tree *tree);

/* Full segments with a root. */
enum status tree_root_count(const struct tree *tree, uint64_t *count,
                            struct error *error) BEHALF_MUST_USE;
/* Of a segment. */
enum status tree_leaf_count(struct tree *tree, uint64_t segment, uint64_t *count,
                            struct error *error) BEHALF_MUST_USE;
/* STORAGE_FAILED for leaves of a segment that was dropped. */
struct merkle_source tree_source(struct tree *tree);
/* The root of the first `size` leaves. */
enum status tree_root(struct tree *tree, uint64_t size, uint8_t root[DIGEST_SIZE],
                      struct error *error) BEHALF_MUST_USE;

#endif
