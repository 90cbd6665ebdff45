/* tls.c - the only user of OpenSSL's ssl.h.
 * Always true: a context never changes once it is published; a reload makes another one. All bytes
 * pass through a BIO of ours, so that no write raises SIGPIPE and a short read is known to have
 * emptied the socket. What failed once fails from then on. Allocates with OpenSSL's functions,
 * which return NULL where base/memory.h would end the process: the client library has this file. */
#include "base/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_SIZE_MAX ((size_t)32 * 1024)
#define CHAIN_SIZE_MAX (32L * 1024) /* of certificates that a peer sends */
#define DNS_NAME_SIZE_MAX 253
#define MODE_REFUSED 037 /* of a key file: all but its owner, and its group's reading */
#define REASON_SIZE 160

/* Forward secrecy and authenticated encryption; those of TLS 1.3 all are. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
    pthread_mutex_t lock; /* of `context` */
    SSL_CTX *context;
    struct tls_server_files files; /* owned */
};

struct tls_client {
    SSL_CTX *context;
};

struct tls {
    SSL *ssl;
    int fd;
    int failed; /* errno of what broke it; 0 = nothing did */
    bool shaken;
    bool ended;      /* the descriptor gave end of file */
    bool said_ended; /* the other side said goodbye */
    bool drained;    /* the last read took all that the socket had */
    bool blocked;    /* the last receive stopped for the descriptor, not for want of room */
    bool wants_write;
    char reason[REASON_SIZE]; /* of `failed` */
};

/* --- files --- */

/* The oldest reason that OpenSSL queued on this thread, which is the cause; empties the queue. */
static const char *
take_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code == 0 ? NULL : ERR_reason_error_string(code);

    ERR_clear_error();
    return reason != NULL ? reason : "unknown reason";
}

static enum status
no_memory(struct error *error)
{
    ERR_clear_error();
    return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot set TLS up: no memory");
}

/* A key with a passphrase would make OpenSSL ask for it on the terminal. */
static int
no_passphrase(char *text, int size, int writing, void *context)
{
    (void)text;
    (void)size;
    (void)writing;
    *(bool *)context = true;
    return -1;
}

/* The whole file; 0 with errno when it is empty, longer than `size` or cannot be read. */
static size_t
read_whole(int fd, char *bytes, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t count = read(fd, bytes + used, size - used);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return 0;
        if (count == 0) {
            errno = ENODATA;
            return used;
        }
        used += (size_t)count;
    }
    errno = EFBIG;
    return 0;
}

static enum status
check_key_mode(int fd, const char *path, struct error *error)
{
    struct stat info;

    if (fstat(fd, &info) != 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot look at the key '%.200s': %s",
                         path, strerror(errno));
    if ((info.st_mode & MODE_REFUSED) == 0)
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST,
              "cannot use the key '%.200s': its mode %04o lets others read or change it", path,
              (unsigned)(info.st_mode & 07777));
    error_hint(error, "chmod 600 %.200s", path);
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
parse_key(char *bytes, size_t size, const char *path, EVP_PKEY **key, struct error *error)
{
    bool is_sealed = false;
    BIO *text = BIO_new_mem_buf(bytes, (int)size);

    if (text == NULL)
        return no_memory(error);
    *key = PEM_read_bio_PrivateKey(text, NULL, no_passphrase, &is_sealed);
    (void)BIO_free(text);
    ERR_clear_error();
    if (*key != NULL)
        return BEHALF_OK;
    if (!is_sealed)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "cannot use the key '%.200s': it holds no private key in PEM", path);
    error_set(error, BEHALF_MALFORMED_REQUEST, "cannot use the key '%.200s': it has a passphrase",
              path);
    error_hint(error, "openssl pkey -in %.100s -out KEY writes it without one", path);
    return BEHALF_MALFORMED_REQUEST;
}

static enum status
load_key(const char *path, EVP_PKEY **key, struct error *error)
{
    char bytes[KEY_FILE_SIZE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    enum status status;

    if (fd < 0)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot read the key '%.200s': %s", path,
                         strerror(errno));
    status = check_key_mode(fd, path, error);
    if (status == BEHALF_OK) {
        size = read_whole(fd, bytes, sizeof bytes);
        status = size > 0 ? parse_key(bytes, size, path, key, error)
                          : error_set(error, BEHALF_MALFORMED_REQUEST,
                                      "cannot read the key '%.200s': %s", path, strerror(errno));
    }
    OPENSSL_cleanse(bytes, size);
    (void)close(fd);
    return status;
}

static void
free_certificate(X509 *certificate)
{
    X509_free(certificate);
}

/* All certificates of a file, at least one. */
static enum status
load_certificates(const char *path, const char *what, STACK_OF(X509) * *list, struct error *error)
{
    STACK_OF(X509) *found = sk_X509_new_null();
    FILE *file = fopen(path, "re");
    BIO *text = file != NULL ? BIO_new_fp(file, BIO_CLOSE) : NULL;
    int problem = errno;
    X509 *one = NULL;
    bool kept = found != NULL && text != NULL;

    while (kept && (one = PEM_read_bio_X509(text, NULL, NULL, NULL)) != NULL) {
        kept = sk_X509_push(found, one) > 0;
        if (!kept)
            X509_free(one);
    }
    ERR_clear_error();
    if (text != NULL)
        (void)BIO_free(text);
    else if (file != NULL)
        (void)fclose(file);
    if (kept && sk_X509_num(found) > 0) {
        *list = found;
        return BEHALF_OK;
    }
    sk_X509_pop_free(found, free_certificate);
    if (file == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot read the %s '%.200s': %s", what,
                         path, strerror(problem));
    if (!kept)
        return no_memory(error);
    return error_set(error, BEHALF_MALFORMED_REQUEST,
                     "cannot use the %s '%.200s': it holds no certificate in PEM", what, path);
}

/* A server that shows what every client refuses had better not start. */
static enum status
check_dates(const X509 *certificate, const char *path, struct error *error)
{
    bool ended = X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0;

    if (!ended && X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0)
        return BEHALF_OK;
    error_set(error, BEHALF_MALFORMED_REQUEST, "cannot use the certificate '%.200s': it %s", path,
              ended ? "has expired" : "is not valid yet");
    error_hint(error, "%s", ended ? "have another one issued" : "look at the clock of the machine");
    return BEHALF_MALFORMED_REQUEST;
}

/* Shows the first certificate of the file, with those behind it as its chain. */
static enum status
use_certificates(SSL_CTX *context, STACK_OF(X509) * list, EVP_PKEY *key, const char *path,
                 struct error *error)
{
    X509 *own = sk_X509_value(list, 0);
    enum status status = check_dates(own, path, error);

    if (status != BEHALF_OK)
        return status;
    if (X509_check_private_key(own, key) != 1) {
        ERR_clear_error();
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "cannot use the certificate '%.200s': the key belongs to another certificate",
                  path);
        error_hint(error, "the server's own certificate comes first in its file");
        return BEHALF_MALFORMED_REQUEST;
    }
    if (SSL_CTX_use_certificate(context, own) != 1 || SSL_CTX_use_PrivateKey(context, key) != 1)
        return error_set(error, BEHALF_MALFORMED_REQUEST, "cannot use the certificate '%.200s': %s",
                         path, take_reason());
    for (int at = 1; at < sk_X509_num(list); at++)
        if (SSL_CTX_add1_chain_cert(context, sk_X509_value(list, at)) != 1)
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "cannot use the chain in '%.200s': %s", path, take_reason());
    return BEHALF_OK;
}

static enum status
load_identity(SSL_CTX *context, const char *certificate, const char *key_path, struct error *error)
{
    STACK_OF(X509) *list = NULL;
    EVP_PKEY *key = NULL;
    enum status status = load_certificates(certificate, "certificate", &list, error);

    if (status == BEHALF_OK)
        status = load_key(key_path, &key, error);
    if (status == BEHALF_OK)
        status = use_certificates(context, list, key, certificate, error);
    EVP_PKEY_free(key);
    sk_X509_pop_free(list, free_certificate);
    return status;
}

/* Trusts the certificates of a file and nothing else. */
static enum status
load_trusted(SSL_CTX *context, const char *path, bool to_clients, struct error *error)
{
    STACK_OF(X509) *list = NULL;
    enum status status = load_certificates(path, "certificates of the CA", &list, error);

    for (int at = 0; status == BEHALF_OK && at < sk_X509_num(list); at++)
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), sk_X509_value(list, at)) != 1 ||
            (to_clients && SSL_CTX_add_client_CA(context, sk_X509_value(list, at)) != 1))
            status = error_set(error, BEHALF_MALFORMED_REQUEST,
                               "cannot use the certificates of the CA '%.200s': %s", path,
                               take_reason());
    sk_X509_pop_free(list, free_certificate);
    return status;
}

/* --- contexts --- */

/* What holds for both sides. */
static SSL_CTX *
new_context(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);

    if (context == NULL)
        return NULL;
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, CIPHERS) != 1 ||
        SSL_CTX_set_num_tickets(context, 0) != 1) {
        SSL_CTX_free(context);
        return NULL;
    }
    (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                           SSL_OP_CLEANSE_PLAINTEXT); /* a key may be in it */
    (void)SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_max_cert_list(context, CHAIN_SIZE_MAX);
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_read_ahead(context,
                           1); /* one read a record, or for many, instead of two for each */
    return context;
}

/* OpenSSL reads a leading dot as "any name below", which nobody asked for. */
static bool
is_dns_name(const char *name, size_t size)
{
    if (size == 0 || size > DNS_NAME_SIZE_MAX || name[0] == '.')
        return false;
    return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") >=
           size;
}

static enum status
add_client_names(SSL_CTX *context, const char *names, struct error *error)
{
    X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(context);

    X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NO_WILDCARDS |
                                                X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    for (const char *at = names;; at++) {
        size_t size = strcspn(at, ",");

        if (!is_dns_name(at, size))
            return error_set(error, BEHALF_MALFORMED_REQUEST,
                             "cannot use the names of clients '%.200s': '%.*s' is no DNS name",
                             names, size < 100 ? (int)size : 100, at);
        if (X509_VERIFY_PARAM_add1_host(wanted, at, size) != 1)
            return no_memory(error);
        at += size;
        if (*at == '\0')
            return BEHALF_OK;
    }
}

static enum status
ask_for_certificates(SSL_CTX *context, const struct tls_server_files *files, struct error *error)
{
    enum status status = load_trusted(context, files->client_ca, true, error);

    if (status != BEHALF_OK)
        return status;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return files->client_names == NULL ? BEHALF_OK
                                       : add_client_names(context, files->client_names, error);
}

static enum status
make_server_context(const struct tls_server_files *files, SSL_CTX **result, struct error *error)
{
    SSL_CTX *context;
    enum status status;

    if (files->client_names != NULL && files->client_ca == NULL)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "names of clients need the certificates of the CA that issues theirs");
    ERR_clear_error();
    context = new_context(TLS_server_method());
    if (context == NULL)
        return no_memory(error);
    status = load_identity(context, files->certificate, files->key, error);
    if (status == BEHALF_OK && files->client_ca != NULL)
        status = ask_for_certificates(context, files, error);
    if (status != BEHALF_OK) {
        SSL_CTX_free(context);
        return status;
    }
    *result = context;
    return BEHALF_OK;
}

/* --- servers --- */

/* False when memory ran out. */
static bool
copy_text(const char *text, const char **copy)
{
    *copy = text == NULL ? NULL : OPENSSL_strdup(text);
    return text == NULL || *copy != NULL;
}

static void
free_text(const char *text)
{
    OPENSSL_free((void *)(uintptr_t)text);
}

enum status
tls_server_new(const struct tls_server_files *files, struct tls_server **result,
               struct error *error)
{
    struct tls_server *server = OPENSSL_zalloc(sizeof *server);
    enum status status;

    if (server == NULL)
        return no_memory(error);
    (void)pthread_mutex_init(&server->lock, NULL);
    status = copy_text(files->certificate, &server->files.certificate) &&
                     copy_text(files->key, &server->files.key) &&
                     copy_text(files->client_ca, &server->files.client_ca) &&
                     copy_text(files->client_names, &server->files.client_names)
                 ? make_server_context(files, &server->context, error)
                 : no_memory(error);
    if (status != BEHALF_OK) {
        tls_server_free(server);
        return status;
    }
    *result = server;
    return BEHALF_OK;
}

enum status
tls_server_reload(struct tls_server *server, struct error *error)
{
    SSL_CTX *made = NULL;
    SSL_CTX *old;
    enum status status = make_server_context(&server->files, &made, error);

    if (status != BEHALF_OK)
        return status;
    (void)pthread_mutex_lock(&server->lock);
    old = server->context;
    server->context = made;
    (void)pthread_mutex_unlock(&server->lock);
    SSL_CTX_free(old); /* connections that stand hold it */
    return BEHALF_OK;
}

void
tls_server_free(struct tls_server *server)
{
    if (server == NULL)
        return;
    SSL_CTX_free(server->context);
    free_text(server->files.certificate);
    free_text(server->files.key);
    free_text(server->files.client_ca);
    free_text(server->files.client_names);
    (void)pthread_mutex_destroy(&server->lock);
    OPENSSL_free(server);
}

/* --- clients --- */

enum status
tls_client_new(const struct tls_client_files *files, struct tls_client **result,
               struct error *error)
{
    struct tls_client *client = OPENSSL_zalloc(sizeof *client);
    enum status status = BEHALF_OK;

    if ((files->certificate == NULL) != (files->key == NULL)) {
        OPENSSL_free(client);
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "a certificate and its key go together: one of them is missing");
    }
    ERR_clear_error();
    if (client != NULL)
        client->context = new_context(TLS_client_method());
    if (client == NULL || client->context == NULL)
        status = no_memory(error);
    if (status == BEHALF_OK && files->ca != NULL)
        status = load_trusted(client->context, files->ca, false, error);
    if (status == BEHALF_OK && files->ca == NULL &&
        SSL_CTX_set_default_verify_paths(client->context) != 1)
        status =
            error_set(error, BEHALF_MALFORMED_REQUEST,
                      "cannot read the certificates that this system trusts: %s", take_reason());
    if (status == BEHALF_OK && files->certificate != NULL)
        status = load_identity(client->context, files->certificate, files->key, error);
    if (status != BEHALF_OK) {
        tls_client_free(client);
        return status;
    }
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    *result = client;
    return BEHALF_OK;
}

void
tls_client_free(struct tls_client *client)
{
    if (client == NULL)
        return;
    SSL_CTX_free(client->context);
    OPENSSL_free(client);
}

/* --- the descriptor --- */

static int
bio_read(BIO *bio, char *bytes, int size)
{
    struct tls *tls = BIO_get_data(bio);
    ssize_t count = -1;

    BIO_clear_retry_flags(bio);
    if (tls->drained) {
        /* What came since makes the descriptor readable. */
        BIO_set_retry_read(bio);
        return -1;
    }
    do
        count = recv(tls->fd, bytes, (size_t)size, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    tls->drained = count > 0 && count < size;
    tls->ended = count == 0;
    return (int)count;
}

static int
bio_write(BIO *bio, const char *bytes, int size)
{
    const struct tls *tls = BIO_get_data(bio);
    ssize_t count;

    BIO_clear_retry_flags(bio);
    do
        count = send(tls->fd, bytes, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    return (int)count;
}

static long
bio_control(BIO *bio, int command, long number, void *pointer)
{
    const struct tls *tls = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF)
        return tls->ended;
    return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *bio_method;

static void
make_bio_method(void)
{
    BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "descriptor");

    if (made == NULL || BIO_meth_set_read(made, bio_read) != 1 ||
        BIO_meth_set_write(made, bio_write) != 1 || BIO_meth_set_ctrl(made, bio_control) != 1)
        BIO_meth_free(made);
    else
        bio_method = made;
}

/* `context` is borrowed: an SSL has a reference of its own. */
static struct tls *
new_tls(SSL_CTX *context, int fd)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls *tls = OPENSSL_zalloc(sizeof *tls);
    BIO *bio;

    (void)pthread_once(&once, make_bio_method);
    bio = bio_method != NULL ? BIO_new(bio_method) : NULL;
    if (tls != NULL)
        tls->ssl = SSL_new(context);
    if (tls == NULL || tls->ssl == NULL || bio == NULL) {
        (void)BIO_free(bio);
        tls_free(tls);
        ERR_clear_error();
        return NULL;
    }
    tls->fd = fd;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    return tls;
}

struct tls *
tls_accept(struct tls_server *server, int fd)
{
    SSL_CTX *context;
    struct tls *tls;

    (void)pthread_mutex_lock(&server->lock);
    context = server->context;
    (void)SSL_CTX_up_ref(context);
    (void)pthread_mutex_unlock(&server->lock);
    tls = new_tls(context, fd);
    SSL_CTX_free(context);
    if (tls != NULL)
        SSL_set_accept_state(tls->ssl);
    return tls;
}

static bool
is_numeric_address(const char *name)
{
    struct in6_addr address;

    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

struct tls *
tls_connect(struct tls_client *client, int fd, const char *name)
{
    struct tls *tls = new_tls(client->context, fd);
    bool good;

    if (tls == NULL)
        return NULL;
    if (is_numeric_address(name)) {
        good = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), name) == 1;
    } else {
        SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        good = is_dns_name(name, strlen(name)) && SSL_set1_host(tls->ssl, name) == 1 &&
               SSL_set_tlsext_host_name(tls->ssl, name) == 1;
    }
    if (!good) {
        tls_free(tls);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_connect_state(tls->ssl);
    return tls;
}

void
tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->shaken && tls->failed == 0) {
        ERR_clear_error();
        (void)SSL_shutdown(tls->ssl);
        ERR_clear_error();
    }
    SSL_free(tls->ssl);
    OPENSSL_free(tls);
}

/* --- handshake and bytes --- */

static void
fail(struct tls *tls, int problem, const char *reason)
{
    tls->failed = problem;
    (void)snprintf(tls->reason, sizeof tls->reason, "%s", reason);
    ERR_clear_error();
}

/* Why the verification of the other side's certificate failed, or NULL. */
static const char *
verdict(const struct tls *tls)
{
    long result = SSL_get_verify_result(tls->ssl);

    return result == X509_V_OK ? NULL : X509_verify_cert_error_string(result);
}

/* After a call of OpenSSL that gave `result` <= 0, with its errno. */
static enum tls_progress
stopped(struct tls *tls, int result, int problem)
{
    unsigned long code;

    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        tls->wants_write = false;
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        tls->wants_write = true;
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        tls->said_ended = true;
        return TLS_DONE;
    case SSL_ERROR_SYSCALL:
        fail(tls, problem != 0 ? problem : ECONNRESET,
             problem != 0 ? strerror(problem) : "the connection was cut off");
        return TLS_FAILED;
    default:
        break;
    }
    code = ERR_peek_error();
    if (ERR_GET_LIB(code) == ERR_LIB_SSL &&
        ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        fail(tls, ECONNRESET, "the connection was cut off");
    else
        fail(tls, EPROTO, take_reason());
    return TLS_FAILED;
}

/* Those that say by themselves what to do. */
static void
hint_of(const struct tls *tls, struct error *error)
{
    if (strstr(tls->reason, "wrong version number") != NULL ||
        strstr(tls->reason, "http request") != NULL)
        error_hint(error, "the other side does not speak TLS");
    else if (strstr(tls->reason, "certificate required") != NULL)
        error_hint(error, "the server wants a certificate of its clients");
}

static void
explain(const struct tls *tls, struct error *error)
{
    const char *why = tls->shaken ? NULL : verdict(tls);
    bool is_server = SSL_is_server(tls->ssl) == 1;

    if (why != NULL) {
        error_set(error, BEHALF_MALFORMED_REQUEST, "the certificate of the %s is refused: %s",
                  is_server ? "client" : "server", why);
        return;
    }
    error_set(error, BEHALF_MALFORMED_REQUEST, "%s: %s",
              tls->shaken ? "TLS failed" : "the TLS handshake failed", tls->reason);
    hint_of(tls, error);
}

enum tls_progress
tls_handshake(struct tls *tls, struct error *error)
{
    enum tls_progress progress = TLS_FAILED;

    if (tls->failed == 0 && !tls->shaken) {
        int result;

        ERR_clear_error();
        tls->drained = false;
        tls->wants_write = false;
        errno = 0;
        result = SSL_do_handshake(tls->ssl);
        tls->shaken = result == 1;
        progress = result == 1 ? TLS_DONE : stopped(tls, result, errno);
        if (progress == TLS_DONE && !tls->shaken) {
            fail(tls, ECONNRESET, "the other side ended it");
            progress = TLS_FAILED;
        }
    } else if (tls->failed == 0) {
        progress = TLS_DONE;
    }
    if (progress == TLS_FAILED)
        explain(tls, error);
    return progress;
}

ssize_t
tls_recv(struct tls *tls, void *bytes, size_t size)
{
    size_t got = 0;

    tls->drained = false;
    tls->blocked = false;
    tls->wants_write = false;
    ERR_clear_error();
    while (got < size && tls->failed == 0 && !tls->said_ended && !tls->blocked) {
        size_t part = 0;
        int result;

        errno = 0;
        result = SSL_read_ex(tls->ssl, (char *)bytes + got, size - got, &part);
        if (result == 1) {
            got += part;
            tls->blocked = tls->drained && SSL_has_pending(tls->ssl) == 0;
        } else {
            enum tls_progress progress = stopped(tls, result, errno);

            tls->blocked = progress == TLS_WANT_READ || progress == TLS_WANT_WRITE;
        }
    }
    if (got > 0)
        return (ssize_t)got;
    if (tls->said_ended)
        return 0;
    errno = tls->failed != 0 ? tls->failed : EAGAIN;
    return -1;
}

ssize_t
tls_send(struct tls *tls, const void *bytes, size_t size)
{
    size_t sent = 0;
    bool blocked = false;

    tls->drained = false;
    tls->wants_write = false;
    ERR_clear_error();
    while (sent < size && tls->failed == 0 && !blocked) {
        size_t part = 0;
        int result;

        errno = 0;
        result = SSL_write_ex(tls->ssl, (const char *)bytes + sent, size - sent, &part);
        if (result == 1)
            sent += part;
        else
            blocked = stopped(tls, result, errno) != TLS_FAILED;
    }
    if (sent > 0 || size == 0)
        return (ssize_t)sent;
    errno = tls->failed != 0 ? tls->failed : EAGAIN;
    return -1;
}

bool
tls_wants_write(const struct tls *tls)
{
    return tls->wants_write;
}

bool
tls_has_pending(const struct tls *tls)
{
    return !tls->blocked && tls->failed == 0 && !tls->said_ended && SSL_has_pending(tls->ssl) == 1;
}

void
tls_explain(const struct tls *tls, struct error *error)
{
    BEHALF_ASSERT(tls->failed != 0);
    explain(tls, error);
}

const char *
tls_version(const struct tls *tls)
{
    return SSL_get_version(tls->ssl);
}
