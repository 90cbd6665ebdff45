/* certificates.h - certificates for tests, made when they are needed: none is kept in the tree.
 * Memory: freed with certificate_free. Threads: any, one certificate one at a time. */
#ifndef TESTS_SUPPORT_CERTIFICATES_H
#define TESTS_SUPPORT_CERTIFICATES_H

#include <stdbool.h>

struct certificate;

struct certificate_wish {
    const char *names;                /* as OpenSSL writes them: "DNS:db.test,IP:127.0.0.1" */
    const struct certificate *issuer; /* NULL = itself */
    bool is_authority;
    long begins_s; /* from now; 0 = an hour ago */
    long ends_s;   /* from now; 0 = in an hour */
};

struct certificate *certificate_new(const struct certificate_wish *wish);
void certificate_free(struct certificate *certificate); /* accepts NULL */

/* PEM; of the key with mode 0600. */
void certificate_write(const struct certificate *certificate, const char *path);
void certificate_write_key(const struct certificate *certificate, const char *path);

#endif
