/* digest.h - SHA-256, HMAC-SHA-256, Ed25519, checksums and the hashes of tables.
 * Always true: digest_hash and digest_hash_u64 depend on a seed that each process draws when it
 * starts, so whoever chooses keys cannot choose which of them collide. Their values never leave the
 * process: no file, message or order of results may depend on them. What is stored is guarded by
 * digest_checksum.
 * Sources: FIPS 180-4, RFC 2104, RFC 8032, xxHash (XXH3). Only digest.c sees OpenSSL, for digests.
 * Threads: any. */
#ifndef BEHALF_BASE_DIGEST_H
#define BEHALF_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define DIGEST_SIZE 32
#define DIGEST_MAC_SIZE                                                                            \
    16 /* an HMAC cut to 128 bits: enough for tokens that cannot be tried offline */

/* SHA-256 over the parts, one behind the other. */
void digest_sha256(const struct slice *parts, size_t count, uint8_t digest[DIGEST_SIZE]);

/* The first 16 bytes of HMAC-SHA-256. */
void digest_mac(struct slice key, struct slice message, uint8_t mac[DIGEST_MAC_SIZE]);

/* Ed25519 (RFC 8032): a secret key is 32 random bytes. */
#define DIGEST_KEY_SIZE 32
#define DIGEST_SIGNATURE_SIZE 64

void digest_public_key(const uint8_t secret[DIGEST_KEY_SIZE], uint8_t public[DIGEST_KEY_SIZE]);
void digest_sign(const uint8_t secret[DIGEST_KEY_SIZE], struct slice message,
                 uint8_t signature[DIGEST_SIGNATURE_SIZE]);
bool digest_verify(const uint8_t public[DIGEST_KEY_SIZE], struct slice message,
                   const uint8_t signature[DIGEST_SIGNATURE_SIZE]);
/* Overwrites a secret that is no longer needed. */
void digest_forget(void *bytes, size_t size);

/* Compares in constant time. */
bool digest_equal(const uint8_t *a, const uint8_t *b, size_t size);

/* XXH3 of bytes, the same in every process. Finds damage, not forgery. */
uint64_t digest_checksum(struct slice bytes);

/* XXH3 of bytes under the seed: chooses buckets, never decides equality. */
uint64_t digest_hash(struct slice bytes);

/* Drawn before main, constant from then on. */
extern uint64_t digest_seed;

/* Mixes 64 bits, the same in every process. No two keys have the same mix. */
static inline uint64_t
digest_mix_u64(uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C(0x9E3779B97F4A7C15);
    key ^= key >> 29;
    key *= UINT64_C(0xBF58476D1CE4E5B9);
    return key ^ (key >> 32);
}

/* Mixes one 64-bit key under the seed, for a hash table. */
static inline uint64_t
digest_hash_u64(uint64_t key)
{
    return digest_mix_u64(key ^ digest_seed);
}

#endif
