/* Digests against published values, and the order of bytes. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"

static const char *
hex(const uint8_t *bytes, size_t size)
{
    static char text[2 * DIGEST_SIZE + 1];

    for (size_t at = 0; at < size; at++)
        (void)snprintf(text + 2 * at, 3, "%02x", bytes[at]);
    return text;
}

/* FIPS 180-4, examples of SHA-256. */
Test(base_digest, sha256_of_published_messages)
{
    uint8_t digest[DIGEST_SIZE];
    struct slice abc = SLICE_LITERAL("abc");

    digest_sha256(&abc, 1, digest);
    cr_assert_str_eq(hex(digest, sizeof digest),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_sha256(NULL, 0, digest);
    cr_assert_str_eq(hex(digest, sizeof digest),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(base_digest, parts_are_one_message)
{
    struct slice parts[] = {SLICE_LITERAL("a"), {NULL, 0}, SLICE_LITERAL("bc")};
    uint8_t digest[DIGEST_SIZE];

    digest_sha256(parts, BEHALF_COUNT_OF(parts), digest);
    cr_assert_str_eq(hex(digest, sizeof digest),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test cases 1 and 2, cut to 128 bits. */
Test(base_digest, mac_of_published_messages)
{
    uint8_t mac[DIGEST_MAC_SIZE];
    char key[20];

    memset(key, 0x0B, sizeof key);
    digest_mac((struct slice){key, sizeof key}, SLICE_LITERAL("Hi There"), mac);
    cr_assert_str_eq(hex(mac, sizeof mac), "b0344c61d8db38535ca8afceaf0bf12b");
    digest_mac(SLICE_LITERAL("Jefe"), SLICE_LITERAL("what do ya want for nothing?"), mac);
    cr_assert_str_eq(hex(mac, sizeof mac), "5bdcc146bf60754e6a042426089575c7");
}

Test(base_digest, equality_sees_every_byte)
{
    uint8_t a[DIGEST_SIZE] = {0};
    uint8_t b[DIGEST_SIZE] = {0};

    cr_assert(digest_equal(a, b, sizeof a));
    for (size_t at = 0; at < sizeof a; at++) {
        b[at] = 1;
        cr_assert_not(digest_equal(a, b, sizeof a));
        b[at] = 0;
    }
    b[DIGEST_SIZE - 1] = 1;
    cr_assert(digest_equal(a, b, DIGEST_SIZE - 1));
}

Test(base_digest, checksums_are_the_same_in_every_process)
{
    cr_assert_eq(digest_checksum(SLICE_LITERAL("")), UINT64_C(0x2D06800538D394C2));
    cr_assert_neq(digest_checksum(SLICE_LITERAL("a")), digest_checksum(SLICE_LITERAL("b")));
}

/* Of keys chosen to share a bucket of the mix that everybody knows, few share one of the hash. */
Test(base_digest, whoever_knows_the_mix_does_not_know_the_buckets)
{
    enum { KEYS = 64, SLOTS = 4096 };
    unsigned counts[SLOTS] = {0};
    uint64_t key = 0;

    for (unsigned found = 0; found < KEYS; key++) {
        if (digest_mix_u64(key) % SLOTS != 0)
            continue;
        found++;
        cr_assert_lt(counts[digest_hash_u64(key) % SLOTS]++, 8, "key %lu", key);
    }
}

Test(base_digest, hashes_depend_on_the_bytes_and_on_the_seed_of_the_process)
{
    uint64_t seed = digest_seed;
    uint64_t bytes = digest_hash(SLICE_LITERAL("identity"));
    uint64_t number = digest_hash_u64(7);

    digest_seed = seed + 1;
    cr_assert_neq(digest_hash(SLICE_LITERAL("identity")), bytes);
    cr_assert_neq(digest_hash_u64(7), number);
    digest_seed = seed;
    cr_assert_eq(digest_hash(SLICE_LITERAL("identity")), bytes);
    cr_assert_eq(digest_hash_u64(7), number);
    cr_assert_neq(seed, 0, "a seed was drawn");
}

Test(base_digest, hashes_do_not_depend_on_where_the_bytes_are)
{
    char one[] = "identity";
    char two[] = "identity";

    cr_assert_eq(digest_hash(slice_of(one)), digest_hash(slice_of(two)));
    cr_assert_neq(digest_hash(slice_of(one)), digest_hash(SLICE_LITERAL("identitx")));
    cr_assert_eq(digest_hash((struct slice){NULL, 0}), digest_hash(SLICE_LITERAL("")));
}

/* A mix without collisions: each step of it can be undone. */
Test(base_digest, mixing_spreads_neighbours_over_small_tables)
{
    enum { SLOTS = 1024 };
    unsigned counts[SLOTS] = {0};

    for (uint64_t key = 0; key < 16 * SLOTS; key++)
        counts[digest_hash_u64(key) % SLOTS]++;
    for (size_t slot = 0; slot < SLOTS; slot++)
        cr_assert_lt(counts[slot], 64);
}

Test(base_digest, big_endian_bytes_sort_as_numbers)
{
    static const uint64_t numbers[] = {0, 1, 255, 256, 65535, UINT64_C(1) << 47, UINT64_MAX};
    char before[8];
    char bytes[8];

    for (size_t at = 0; at < BEHALF_COUNT_OF(numbers); at++) {
        bytes_put_u64(bytes, numbers[at]);
        cr_assert_eq(bytes_get_u64(bytes), numbers[at]);
        cr_assert(at == 0 || memcmp(before, bytes, sizeof bytes) < 0);
        memcpy(before, bytes, sizeof bytes);
        bytes_put_u32(bytes, (uint32_t)numbers[at]);
        cr_assert_eq(bytes_get_u32(bytes), (uint32_t)numbers[at]);
        bytes_put_u16(bytes, (uint16_t)numbers[at]);
        cr_assert_eq(bytes_get_u16(bytes), (uint16_t)numbers[at]);
    }
    bytes_put_u32(bytes, UINT32_C(0x01020304));
    cr_assert_eq(memcmp(bytes, "\x01\x02\x03\x04", 4), 0);
}
