/* certificates.c - X.509 version 3 with keys of P-256. */
#include "tests/support/certificates.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"

#define HOUR_S 3600L

struct certificate {
    X509 *x509;
    EVP_PKEY *key;
};

static void
add_extension(X509 *x509, int kind, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    BEHALF_ASSERT(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

struct certificate *
certificate_new(const struct certificate_wish *wish)
{
    static atomic_long serial = 1;
    struct certificate *made = calloc(1, sizeof *made);
    const struct certificate *issuer = wish->issuer != NULL ? wish->issuer : made;
    char name[32];
    long number = atomic_fetch_add(&serial, 1);
    X509_NAME *subject;

    BEHALF_ASSERT(made != NULL);
    made->key = EVP_EC_gen("P-256");
    made->x509 = X509_new();
    BEHALF_ASSERT(made->key != NULL && made->x509 != NULL);
    BEHALF_ASSERT(X509_set_version(made->x509, X509_VERSION_3) == 1);
    BEHALF_ASSERT(ASN1_INTEGER_set(X509_get_serialNumber(made->x509), number) == 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(made->x509),
                          wish->begins_s != 0 ? wish->begins_s : -HOUR_S);
    (void)X509_gmtime_adj(X509_getm_notAfter(made->x509),
                          wish->ends_s != 0 ? wish->ends_s : HOUR_S);
    (void)snprintf(name, sizeof name, "test %ld", number);
    subject = X509_get_subject_name(made->x509);
    BEHALF_ASSERT(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                             (const unsigned char *)name, -1, -1, 0) == 1);
    BEHALF_ASSERT(X509_set_issuer_name(made->x509, X509_get_subject_name(issuer->x509)) == 1);
    BEHALF_ASSERT(X509_set_pubkey(made->x509, made->key) == 1);
    add_extension(made->x509, NID_basic_constraints,
                  wish->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish->names != NULL)
        add_extension(made->x509, NID_subject_alt_name, wish->names);
    BEHALF_ASSERT(X509_sign(made->x509, issuer->key, EVP_sha256()) > 0);
    return made;
}

void
certificate_free(struct certificate *certificate)
{
    if (certificate == NULL)
        return;
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    free(certificate);
}

static FILE *
create(const char *path)
{
    int fd;
    FILE *file;

    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file = fd >= 0 ? fdopen(fd, "w") : NULL;
    BEHALF_ASSERT(file != NULL);
    return file;
}

void
certificate_write(const struct certificate *certificate, const char *path)
{
    FILE *file = create(path);

    BEHALF_ASSERT(PEM_write_X509(file, certificate->x509) == 1 && fclose(file) == 0);
}

void
certificate_write_key(const struct certificate *certificate, const char *path)
{
    FILE *file = create(path);

    BEHALF_ASSERT(PEM_write_PrivateKey(file, certificate->key, NULL, NULL, 0, NULL, NULL) == 1 &&
                  fclose(file) == 0);
}
