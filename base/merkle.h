/* merkle.h - the Merkle tree of RFC 6962 section 2.1: hashes, roots and proofs.
 *
 * Always true: a leaf's hash is SHA-256(0x00, data), a node's SHA-256(0x01, left, right), the empty
 * tree's SHA-256 of nothing. A tree of n leaves splits at the largest power of two below n, so its
 * root follows from the perfect subtrees that the bits of n name: nothing here needs more memory
 * than 64 hashes.
 * Sources: RFC 6962 section 2.1; the checks of proofs are those of RFC 9162 sections 2.1.3.2 and
 * 2.1.4.2.
 * Threads: any; a frontier belongs to one. */
#ifndef BEHALF_BASE_MERKLE_H
#define BEHALF_BASE_MERKLE_H

#include "base/digest.h"
#include "base/error.h"

#define MERKLE_LEVELS 64
#define MERKLE_PROOF_MAX 128 /* hashes; a consistency proof goes both ways */

void merkle_leaf(struct slice data, uint8_t hash[DIGEST_SIZE]);
/* `hash` may be one of the other two. */
void merkle_node(const uint8_t left[DIGEST_SIZE], const uint8_t right[DIGEST_SIZE],
                 uint8_t hash[DIGEST_SIZE]);

/* A tree that grows: `hashes[level]` is the root of the perfect subtree that bit `level` of `size`
 * names. Zeroed it is the empty tree. */
struct merkle_frontier {
    uint64_t size; /* in leaves */
    uint8_t hashes[MERKLE_LEVELS][DIGEST_SIZE];
};

/* Adds a perfect subtree of 2^level leaves; `size` must be a multiple of that. */
void merkle_add(struct merkle_frontier *frontier, unsigned level, const uint8_t hash[DIGEST_SIZE]);
void merkle_root(const struct merkle_frontier *frontier, uint8_t root[DIGEST_SIZE]);

/* Where the hashes of perfect subtrees come from. */
struct merkle_source {
    /* The root of the leaves [index << level, (index + 1) << level). */
    enum status (*node)(void *context, unsigned level, uint64_t index, uint8_t hash[DIGEST_SIZE],
                        struct error *error);
    void *context;
};

struct merkle_proof {
    uint8_t hashes[MERKLE_PROOF_MAX][DIGEST_SIZE];
    size_t count;
};

/* The root of the leaves [start, end); `start` must be a multiple of the largest power of two that
 * is not above end - start, as it is in every tree's recursion. An error is the source's. */
enum status merkle_range(const struct merkle_source *source, uint64_t start, uint64_t end,
                         uint8_t root[DIGEST_SIZE], struct error *error) BEHALF_MUST_USE;
/* PATH(index, D[size]) of RFC 6962 2.1.1; index < size. */
enum status merkle_prove_inclusion(const struct merkle_source *source, uint64_t index,
                                   uint64_t size, struct merkle_proof *proof,
                                   struct error *error) BEHALF_MUST_USE;
/* PROOF(from, D[size]) of RFC 6962 2.1.2; 0 < from <= size. Empty for from = size. */
enum status merkle_prove_consistency(const struct merkle_source *source, uint64_t from,
                                     uint64_t size, struct merkle_proof *proof,
                                     struct error *error) BEHALF_MUST_USE;

/* False for what proves nothing. From the empty tree everything follows, by no proof. */
bool merkle_check_inclusion(const uint8_t leaf[DIGEST_SIZE], uint64_t index, uint64_t size,
                            const struct merkle_proof *proof,
                            const uint8_t root[DIGEST_SIZE]) BEHALF_MUST_USE;
bool merkle_check_consistency(uint64_t from, const uint8_t from_root[DIGEST_SIZE], uint64_t size,
                              const uint8_t root[DIGEST_SIZE],
                              const struct merkle_proof *proof) BEHALF_MUST_USE;

#endif
