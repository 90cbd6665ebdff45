/* digest.c - the only user of OpenSSL's and xxHash's digests. */
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <xxhash.h>

#include "base/check.h"
#include "base/env.h"

static EVP_MD *sha256_method;

static void
fetch_sha256(void)
{
    sha256_method = EVP_MD_fetch(NULL, "SHA256", NULL);
    BEHALF_ASSERT(sha256_method != NULL);
}

/* Found once: what EVP_sha256() stands for is looked up again by each digest, under locks. */
static const EVP_MD *
sha256(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, fetch_sha256);
    return sha256_method;
}

void
digest_sha256(const struct slice *parts, size_t count, uint8_t digest[DIGEST_SIZE])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned size = 0;
    int good = context != NULL && EVP_DigestInit_ex(context, sha256(), NULL) == 1;

    for (size_t i = 0; good && i < count; i++)
        good = EVP_DigestUpdate(context, parts[i].data, parts[i].size) == 1;
    good = good && EVP_DigestFinal_ex(context, digest, &size) == 1 && size == DIGEST_SIZE;
    EVP_MD_CTX_free(context);
    BEHALF_ASSERT(good);
}

void
digest_mac(struct slice key, struct slice message, uint8_t mac[DIGEST_MAC_SIZE])
{
    uint8_t whole[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    const void *done;

    BEHALF_ASSERT(key.size > 0 && key.size <= 1024);
    done = HMAC(sha256(), key.data, (int)key.size, (const unsigned char *)message.data,
                message.size, whole, &size);
    BEHALF_ASSERT(done != NULL && size == DIGEST_SIZE);
    memcpy(mac, whole, DIGEST_MAC_SIZE);
    OPENSSL_cleanse(whole, sizeof whole);
}

void
digest_public_key(const uint8_t secret[DIGEST_KEY_SIZE], uint8_t public[DIGEST_KEY_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, DIGEST_KEY_SIZE);
    size_t size = DIGEST_KEY_SIZE;
    bool good = key != NULL && EVP_PKEY_get_raw_public_key(key, public, &size) == 1 &&
                size == DIGEST_KEY_SIZE;

    EVP_PKEY_free(key);
    BEHALF_ASSERT(good);
}

void
digest_sign(const uint8_t secret[DIGEST_KEY_SIZE], struct slice message,
            uint8_t signature[DIGEST_SIGNATURE_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, DIGEST_KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t size = DIGEST_SIGNATURE_SIZE;
    bool good = key != NULL && context != NULL &&
                EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &size, (const unsigned char *)message.data,
                               message.size) == 1 &&
                size == DIGEST_SIGNATURE_SIZE;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    BEHALF_ASSERT(good);
}

bool
digest_verify(const uint8_t public[DIGEST_KEY_SIZE], struct slice message,
              const uint8_t signature[DIGEST_SIGNATURE_SIZE])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public, DIGEST_KEY_SIZE);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key != NULL && context != NULL &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, DIGEST_SIGNATURE_SIZE,
                                 (const unsigned char *)message.data, message.size) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return good;
}

void
digest_forget(void *bytes, size_t size)
{
    OPENSSL_cleanse(bytes, size);
}

bool
digest_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    return CRYPTO_memcmp(a, b, size) == 0;
}

uint64_t
digest_checksum(struct slice bytes)
{
    return XXH3_64bits(bytes.data, bytes.size);
}

uint64_t digest_seed;

/* Before main, so that no table can be older than the seed. */
__attribute__((constructor)) static void
draw_seed(void)
{
    const struct env *env = env_system();

    env->random_bytes(env->context, &digest_seed, sizeof digest_seed);
}

uint64_t
digest_hash(struct slice bytes)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.size, digest_seed);
}
