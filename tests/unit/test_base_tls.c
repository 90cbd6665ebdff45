/* TLS over a pair of sockets: who is let in, what is refused and when, how a connection ends. */
#include <criterion/criterion.h>

#include <errno.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tls.h"
#include "tests/support/certificates.h"

#define PATH_SIZE 128
#define STEPS_MAX 100

static char folder[] = "/tmp/behalf-tls-XXXXXX";
static const char *const file_names[] = {"ca.pem", "server.pem", "server.key", "client.pem",
                                         "client.key"};
static char paths[5][PATH_SIZE];
#define CA paths[0]
#define SERVER_CERTIFICATE paths[1]
#define SERVER_KEY paths[2]
#define CLIENT_CERTIFICATE paths[3]
#define CLIENT_KEY paths[4]

static struct certificate *authority;
static struct tls_server *server;
static struct tls_client *client;
static int ends[2] = {-1, -1}; /* the client's and the server's */
static struct tls *of_client;
static struct tls *of_server;
static struct error client_error;
static struct error server_error;

/* Issues a certificate and writes it, with its key. */
static void
issue(const struct certificate_wish *wish, const char *path, const char *key_path)
{
    struct certificate *made = certificate_new(wish);

    certificate_write(made, path);
    certificate_write_key(made, key_path);
    certificate_free(made);
}

static void
setup(void)
{
    cr_assert_not_null(mkdtemp(folder));
    for (size_t at = 0; at < 5; at++)
        (void)snprintf(paths[at], PATH_SIZE, "%s/%s", folder, file_names[at]);
    authority = certificate_new(&(struct certificate_wish){.is_authority = true});
    certificate_write(authority, CA);
    issue(&(struct certificate_wish){.names = "DNS:db.test,IP:127.0.0.1", .issuer = authority},
          SERVER_CERTIFICATE, SERVER_KEY);
    issue(&(struct certificate_wish){.names = "DNS:app.test", .issuer = authority},
          CLIENT_CERTIFICATE, CLIENT_KEY);
}

static void
hang_up(void)
{
    tls_free(of_client);
    tls_free(of_server);
    of_client = of_server = NULL;
    for (int side = 0; side < 2; side++) {
        if (ends[side] >= 0)
            (void)close(ends[side]);
        ends[side] = -1;
    }
}

static void
teardown(void)
{
    hang_up();
    tls_client_free(client);
    tls_server_free(server);
    certificate_free(authority);
    for (size_t at = 0; at < 5; at++)
        (void)unlink(paths[at]);
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(base_tls, .init = setup, .fini = teardown);

static struct tls_server_files
server_files(void)
{
    return (struct tls_server_files){.certificate = SERVER_CERTIFICATE, .key = SERVER_KEY};
}

static void
make_server(const struct tls_server_files *files)
{
    struct error error;

    cr_assert_eq(tls_server_new(files, &server, &error), BEHALF_OK, "%s", error.message);
}

static void
make_client(const struct tls_client_files *files)
{
    struct error error;

    cr_assert_eq(tls_client_new(files, &client, &error), BEHALF_OK, "%s", error.message);
}

static void
call(const char *name)
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    of_client = tls_connect(client, ends[0], name);
    of_server = tls_accept(server, ends[1]);
    cr_assert_not_null(of_client);
    cr_assert_not_null(of_server);
}

/* Both sides in turn until both have their answer; one that failed closes its end, as a program
 * does. True when both are done. */
static bool
shake_hands(void)
{
    enum tls_progress to_client = TLS_WANT_READ;
    enum tls_progress to_server = TLS_WANT_READ;

    for (int step = 0; step < STEPS_MAX; step++) {
        if (to_client == TLS_WANT_READ || to_client == TLS_WANT_WRITE)
            to_client = tls_handshake(of_client, &client_error);
        if (to_client == TLS_FAILED)
            (void)shutdown(ends[0], SHUT_RDWR);
        if (to_server == TLS_WANT_READ || to_server == TLS_WANT_WRITE)
            to_server = tls_handshake(of_server, &server_error);
        if (to_server == TLS_FAILED)
            (void)shutdown(ends[1], SHUT_RDWR);
        if ((to_client == TLS_DONE || to_client == TLS_FAILED) &&
            (to_server == TLS_DONE || to_server == TLS_FAILED))
            break;
    }
    return to_client == TLS_DONE && to_server == TLS_DONE;
}

static bool
connects(const char *name)
{
    bool done;

    hang_up();
    call(name);
    done = shake_hands();
    if (done) {
        char bytes[8];

        cr_assert_eq(tls_send(of_client, "ping", 4), 4);
        cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), 4);
        cr_assert_arr_eq(bytes, "ping", 4);
        cr_assert_eq(tls_send(of_server, "pong", 4), 4);
        cr_assert_eq(tls_recv(of_client, bytes, sizeof bytes), 4);
        cr_assert_arr_eq(bytes, "pong", 4);
    }
    return done;
}

/* With servers and clients that trust the CA, unless a test has made others. */
static void
make_both(void)
{
    const struct tls_server_files files = server_files();

    make_server(&files);
    make_client(&(struct tls_client_files){.ca = CA});
}

static void
expect_text(const char *message, const char *part)
{
    cr_assert_not_null(strstr(message, part), "'%s' does not say '%s'", message, part);
}

/* --- who is let in --- */

Test(base_tls, bytes_pass_both_ways)
{
    make_both();
    cr_assert(connects("db.test"));
    cr_assert_str_eq(tls_version(of_client), "TLSv1.3");
}

Test(base_tls, a_numeric_address_is_checked_as_an_address)
{
    make_both();
    cr_assert(connects("127.0.0.1"));
    cr_assert_not(connects("127.0.0.2"));
    expect_text(client_error.message,
                "the certificate of the server is refused: IP address mismatch");
}

Test(base_tls, a_server_of_another_name_is_refused)
{
    make_both();
    cr_assert_not(connects("other.test"));
    expect_text(client_error.message,
                "the certificate of the server is refused: hostname mismatch");
    hang_up();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    cr_assert_null(tls_connect(client, ends[0], ".test"), "a leading dot would match any name");
    cr_assert_null(tls_connect(client, ends[0], ""));
}

Test(base_tls, a_server_of_another_authority_is_refused)
{
    struct certificate *other = certificate_new(&(struct certificate_wish){.is_authority = true});

    make_both();
    issue(&(struct certificate_wish){.names = "DNS:db.test", .issuer = other}, SERVER_CERTIFICATE,
          SERVER_KEY);
    cr_assert_eq(tls_server_reload(server, NULL), BEHALF_OK);
    cr_assert_not(connects("db.test"));
    expect_text(client_error.message, "unable to get local issuer certificate");
    expect_text(server_error.message, "the TLS handshake failed");
    certificate_free(other);
}

Test(base_tls, a_self_signed_server_is_refused_unless_it_is_what_is_trusted)
{
    make_both();
    issue(&(struct certificate_wish){.names = "DNS:db.test"}, SERVER_CERTIFICATE, SERVER_KEY);
    cr_assert_eq(tls_server_reload(server, NULL), BEHALF_OK);
    cr_assert_not(connects("db.test"));
    expect_text(client_error.message, "self-signed certificate");
    tls_client_free(client);
    make_client(&(struct tls_client_files){.ca = SERVER_CERTIFICATE});
    cr_assert(connects("db.test"));
}

Test(base_tls, the_system_is_trusted_only_when_no_authority_is_named)
{
    make_both();
    tls_client_free(client);
    make_client(&(struct tls_client_files){.ca = NULL});
    cr_assert_not(connects("db.test"));
    expect_text(client_error.message, "the certificate of the server is refused");
}

/* --- clients --- */

static void
ask_clients(const char *names)
{
    struct tls_server_files files = server_files();

    files.client_ca = CA;
    files.client_names = names;
    make_server(&files);
}

static void
show_certificate(void)
{
    make_client(
        &(struct tls_client_files){.ca = CA, .certificate = CLIENT_CERTIFICATE, .key = CLIENT_KEY});
}

Test(base_tls, a_client_without_a_certificate_is_refused_and_told)
{
    char byte;
    struct error why;

    ask_clients(NULL);
    make_client(&(struct tls_client_files){.ca = CA});
    cr_assert_not(connects("db.test"));
    expect_text(server_error.message, "peer did not return a certificate");
    /* TLS 1.3 lets the client finish first: it learns of it with its first read. */
    cr_assert_eq(tls_recv(of_client, &byte, 1), -1);
    cr_assert_eq(errno, EPROTO);
    tls_explain(of_client, &why);
    expect_text(why.message, "certificate required");
    expect_text(why.hint, "the server wants a certificate of its clients");
}

Test(base_tls, a_client_of_the_authority_is_let_in)
{
    ask_clients(NULL);
    show_certificate();
    cr_assert(connects("db.test"));
}

Test(base_tls, a_client_of_another_authority_is_refused)
{
    struct certificate *other = certificate_new(&(struct certificate_wish){.is_authority = true});

    issue(&(struct certificate_wish){.names = "DNS:app.test", .issuer = other}, CLIENT_CERTIFICATE,
          CLIENT_KEY);
    ask_clients(NULL);
    show_certificate();
    cr_assert_not(connects("db.test"));
    expect_text(server_error.message, "the certificate of the client is refused");
    certificate_free(other);
}

/* By hand, because a client of ours would not load it. */
Test(base_tls, a_client_whose_certificate_has_expired_is_refused)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *expired;
    enum tls_progress progress = TLS_WANT_READ;

    issue(
        &(struct certificate_wish){
            .names = "DNS:app.test", .issuer = authority, .begins_s = -7200, .ends_s = -60},
        CLIENT_CERTIFICATE, CLIENT_KEY);
    ask_clients(NULL);
    make_client(&(struct tls_client_files){.ca = CA});
    call("db.test");
    cr_assert_eq(SSL_CTX_use_certificate_file(context, CLIENT_CERTIFICATE, SSL_FILETYPE_PEM), 1);
    cr_assert_eq(SSL_CTX_use_PrivateKey_file(context, CLIENT_KEY, SSL_FILETYPE_PEM), 1);
    expired = SSL_new(context);
    cr_assert_eq(SSL_set_fd(expired, ends[0]), 1);
    for (int step = 0; step < STEPS_MAX && progress == TLS_WANT_READ; step++) {
        (void)SSL_connect(expired);
        progress = tls_handshake(of_server, &server_error);
    }
    cr_assert_eq(progress, TLS_FAILED);
    expect_text(server_error.message,
                "the certificate of the client is refused: certificate has expired");
    SSL_free(expired);
    SSL_CTX_free(context);
}

Test(base_tls, only_named_clients_are_let_in)
{
    ask_clients("web.test,app.test");
    show_certificate();
    cr_assert(connects("db.test"));
    tls_server_free(server);
    ask_clients("web.test");
    cr_assert_not(connects("db.test"));
    expect_text(server_error.message,
                "the certificate of the client is refused: hostname mismatch");
}

Test(base_tls, a_wildcard_in_the_certificate_of_a_client_is_no_name)
{
    issue(&(struct certificate_wish){.names = "DNS:*.test", .issuer = authority},
          CLIENT_CERTIFICATE, CLIENT_KEY);
    ask_clients("app.test");
    show_certificate();
    cr_assert_not(connects("db.test"));
}

static void
expect_refused(const struct tls_server_files *files, const char *part)
{
    struct tls_server *made = NULL;
    struct error error;

    cr_assert_eq(tls_server_new(files, &made, &error), BEHALF_MALFORMED_REQUEST);
    cr_assert_null(made);
    expect_text(error.message, part);
}

Test(base_tls, names_of_clients_are_whole_dns_names)
{
    static const char *const bad[] = {"",      ",a.test", "a.test,",        "a.test,,b.test",
                                      ".test", "a test",  "a.test, b.test", "*.test"};
    struct tls_server_files files = server_files();

    files.client_names = "a.test";
    expect_refused(&files, "names of clients need the certificates of the CA");
    files.client_ca = CA;
    for (size_t at = 0; at < BEHALF_COUNT_OF(bad); at++) {
        files.client_names = bad[at];
        expect_refused(&files, "is no DNS name");
    }
}

/* --- files --- */

Test(base_tls, an_expired_certificate_is_refused_when_it_is_loaded)
{
    const struct tls_server_files files = server_files();

    issue(
        &(struct certificate_wish){
            .names = "DNS:db.test", .issuer = authority, .begins_s = -7200, .ends_s = -60},
        SERVER_CERTIFICATE, SERVER_KEY);
    expect_refused(&files, "server.pem': it has expired");
    issue(
        &(struct certificate_wish){
            .names = "DNS:db.test", .issuer = authority, .begins_s = 600, .ends_s = 7200},
        SERVER_CERTIFICATE, SERVER_KEY);
    expect_refused(&files, "server.pem': it is not valid yet");
}

Test(base_tls, a_key_that_others_may_read_is_refused)
{
    static const mode_t refused[] = {0644, 0604, 0660, 0620, 0602, 0777};
    static const mode_t good[] = {0600, 0640, 0400, 0440};
    const struct tls_server_files files = server_files();

    for (size_t at = 0; at < BEHALF_COUNT_OF(refused); at++) {
        cr_assert_eq(chmod(SERVER_KEY, refused[at]), 0);
        expect_refused(&files, "lets others read or change it");
    }
    for (size_t at = 0; at < BEHALF_COUNT_OF(good); at++) {
        cr_assert_eq(chmod(SERVER_KEY, good[at]), 0);
        tls_server_free(server);
        make_server(&files);
    }
}

Test(base_tls, files_that_hold_something_else_are_named)
{
    struct tls_server_files files = server_files();

    files.key = CLIENT_KEY;
    expect_refused(&files, "server.pem': the key belongs to another certificate");
    files.key = SERVER_CERTIFICATE;
    expect_refused(&files, "server.pem': it holds no private key in PEM");
    files.key = "/dev/null";
    expect_refused(&files, "/dev/null");
    files.key = "/nowhere/server.key";
    expect_refused(&files, "cannot read the key '/nowhere/server.key': No such file or directory");
    files = server_files();
    files.certificate = SERVER_KEY;
    expect_refused(&files, "server.key': it holds no certificate in PEM");
    files.certificate = "/nowhere/server.pem";
    expect_refused(&files, "'/nowhere/server.pem': No such file or directory");
    files = server_files();
    files.client_ca = SERVER_KEY;
    expect_refused(&files, "it holds no certificate in PEM");
}

Test(base_tls, a_client_needs_the_key_of_its_certificate)
{
    struct tls_client *made = NULL;
    struct error error;

    cr_assert_eq(tls_client_new(&(struct tls_client_files){.certificate = CLIENT_CERTIFICATE},
                                &made, &error),
                 BEHALF_MALFORMED_REQUEST);
    expect_text(error.message, "go together");
    cr_assert_eq(tls_client_new(&(struct tls_client_files){.ca = SERVER_KEY}, &made, &error),
                 BEHALF_MALFORMED_REQUEST);
    expect_text(error.message, "it holds no certificate in PEM");
}

/* --- reload --- */

Test(base_tls, a_reload_serves_new_connections_and_leaves_old_ones)
{
    char byte = 0;

    make_both();
    call("db.test");
    cr_assert(shake_hands());
    issue(&(struct certificate_wish){.names = "DNS:new.test", .issuer = authority},
          SERVER_CERTIFICATE, SERVER_KEY);
    cr_assert_eq(tls_server_reload(server, NULL), BEHALF_OK);
    cr_assert_eq(tls_send(of_client, "x", 1), 1);
    cr_assert_eq(tls_recv(of_server, &byte, 1), 1);
    cr_assert_eq(byte, 'x');
    cr_assert(connects("new.test"));
    cr_assert_not(connects("db.test"));
}

Test(base_tls, a_reload_that_fails_changes_nothing)
{
    struct error error;

    make_both();
    cr_assert_eq(unlink(SERVER_CERTIFICATE), 0);
    cr_assert_eq(tls_server_reload(server, &error), BEHALF_MALFORMED_REQUEST);
    cr_assert(connects("db.test"));
    issue(
        &(struct certificate_wish){
            .names = "DNS:db.test", .issuer = authority, .begins_s = -7200, .ends_s = -60},
        SERVER_CERTIFICATE, SERVER_KEY);
    cr_assert_eq(tls_server_reload(server, &error), BEHALF_MALFORMED_REQUEST);
    expect_text(error.message, "it has expired");
    cr_assert(connects("db.test"));
}

static void *
reload_often(void *context)
{
    (void)context;
    for (int count = 0; count < 50; count++)
        if (tls_server_reload(server, NULL) != BEHALF_OK)
            return NULL;
    return server;
}

Test(base_tls, connections_are_accepted_while_another_thread_reloads)
{
    pthread_t thread;
    void *done = NULL;

    make_both();
    cr_assert_eq(pthread_create(&thread, NULL, reload_often, NULL), 0);
    for (int count = 0; count < 50; count++)
        cr_assert(connects("db.test"));
    cr_assert_eq(pthread_join(thread, &done), 0);
    cr_assert_eq(done, server);
}

/* --- handshakes that go wrong --- */

Test(base_tls, half_a_handshake_waits_and_then_fails)
{
    make_both();
    call("db.test");
    cr_assert_eq(tls_handshake(of_server, &server_error), TLS_WANT_READ);
    cr_assert_eq(tls_handshake(of_client, &client_error), TLS_WANT_READ);
    cr_assert_eq(tls_handshake(of_server, &server_error), TLS_WANT_READ);
    cr_assert_not(tls_wants_write(of_server));
    cr_assert_eq(shutdown(ends[0], SHUT_WR), 0);
    cr_assert_eq(tls_handshake(of_server, &server_error), TLS_FAILED);
    expect_text(server_error.message, "the TLS handshake failed: the connection was cut off");
    cr_assert_eq(tls_handshake(of_server, &server_error), TLS_FAILED, "it failed for good");
}

Test(base_tls, who_does_not_speak_tls_is_told_apart)
{
    make_both();
    call("db.test");
    cr_assert_eq(send(ends[0], "GET / HTTP/1.1\r\nHost: db.test\r\n\r\n", 34, 0), 34);
    cr_assert_eq(tls_handshake(of_server, &server_error), TLS_FAILED);
    expect_text(server_error.hint, "the other side does not speak TLS");
    hang_up();
    call("db.test");
    cr_assert_eq(tls_handshake(of_client, &client_error), TLS_WANT_READ);
    cr_assert_eq(send(ends[1], "\x94\x01\x00\xc0\xc0 no TLS", 12, 0), 12);
    cr_assert_eq(tls_handshake(of_client, &client_error), TLS_FAILED);
    expect_text(client_error.hint, "the other side does not speak TLS");
}

/* A client that speaks less than TLS 1.2, made by hand: ours cannot. */
Test(base_tls, old_versions_are_refused)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *old = SSL_new(context);

    make_both();
    call("db.test");
    SSL_set_security_level(old, 0);
    cr_assert_eq(SSL_set_max_proto_version(old, TLS1_1_VERSION), 1);
    cr_assert_eq(SSL_set_min_proto_version(old, TLS1_VERSION), 1);
    cr_assert_eq(SSL_set_cipher_list(old, "ALL:@SECLEVEL=0"), 1);
    cr_assert_eq(SSL_set_fd(old, ends[0]), 1);
    (void)SSL_connect(old);
    cr_assert_eq(tls_handshake(of_server, &server_error), TLS_FAILED);
    expect_text(server_error.message, "unsupported protocol");
    SSL_free(old);
    SSL_CTX_free(context);
}

/* --- bytes --- */

Test(base_tls, a_goodbye_is_the_end_and_a_cut_is_a_failure)
{
    char bytes[8];
    struct error why;

    make_both();
    cr_assert(connects("db.test"));
    cr_assert_eq(tls_send(of_client, "last", 4), 4);
    tls_free(of_client);
    of_client = NULL;
    cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), 4);
    cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), 0);
    cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), 0, "it stays the end");
    cr_assert(connects("db.test"));
    cr_assert_eq(tls_send(of_client, "last", 4), 4);
    cr_assert_eq(shutdown(ends[0], SHUT_WR), 0);
    cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), 4);
    cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), -1);
    cr_assert_eq(errno, ECONNRESET);
    tls_explain(of_server, &why);
    expect_text(why.message, "TLS failed: the connection was cut off");
    cr_assert_eq(tls_send(of_server, "x", 1), -1, "it failed for good");
    cr_assert_eq(errno, ECONNRESET);
}

Test(base_tls, a_changed_byte_is_a_failure)
{
    char bytes[256];
    ssize_t size;

    make_both();
    cr_assert(connects("db.test"));
    cr_assert_eq(tls_send(of_client, "order", 5), 5);
    size = recv(ends[1], bytes, sizeof bytes, 0);
    cr_assert_gt(size, 5);
    bytes[size - 1] ^= 1;
    cr_assert_eq(send(ends[0], bytes, (size_t)size, 0), size);
    cr_assert_eq(tls_recv(of_server, bytes, sizeof bytes), -1);
    cr_assert_eq(errno, EPROTO);
}

Test(base_tls, nothing_to_read_is_no_end)
{
    char byte;

    make_both();
    cr_assert(connects("db.test"));
    cr_assert_eq(tls_recv(of_server, &byte, 1), -1);
    cr_assert_eq(errno, EAGAIN);
    cr_assert_not(tls_wants_write(of_server));
    cr_assert_not(tls_has_pending(of_server));
}

/* What OpenSSL has read already never makes the descriptor readable. */
Test(base_tls, what_did_not_fit_is_pending)
{
    char bytes[4];

    make_both();
    cr_assert(connects("db.test"));
    cr_assert_eq(tls_send(of_client, "123", 3), 3);
    cr_assert_eq(tls_send(of_client, "4567", 4), 4);
    cr_assert_eq(tls_recv(of_server, bytes, 2), 2);
    cr_assert(tls_has_pending(of_server));
    cr_assert_eq(recv(ends[1], bytes, 1, MSG_PEEK), -1, "the socket itself is empty");
    cr_assert_eq(tls_recv(of_server, bytes, 4), 4);
    cr_assert_arr_eq(bytes, "3456", 4);
    cr_assert(tls_has_pending(of_server));
    cr_assert_eq(tls_recv(of_server, bytes, 4), 1);
    cr_assert_not(tls_has_pending(of_server));
}

/* Part of a record is nothing that could be served: who asked again would spin. */
Test(base_tls, half_a_record_is_not_pending)
{
    char bytes[256];
    ssize_t size;

    make_both();
    cr_assert(connects("db.test"));
    cr_assert_eq(tls_send(of_client, "order", 5), 5);
    size = recv(ends[1], bytes, sizeof bytes, 0);
    cr_assert_eq(send(ends[0], bytes, (size_t)size - 1, 0), size - 1);
    cr_assert_eq(tls_recv(of_server, bytes + size, 8), -1);
    cr_assert_eq(errno, EAGAIN);
    cr_assert_not(tls_has_pending(of_server));
    cr_assert_eq(send(ends[0], bytes + size - 1, 1, 0), 1);
    cr_assert_eq(tls_recv(of_server, bytes, 8), 5);
}

Test(base_tls, a_full_socket_makes_a_send_wait)
{
    enum { SIZE = 4 * 1024 * 1024 };
    char *out = malloc(SIZE);
    char *in = malloc(SIZE);
    size_t sent = 0;
    size_t got = 0;
    bool waited = false;

    for (int at = 0; at < SIZE; at++)
        out[at] = (char)(at * 7 + at / 251);
    make_both();
    cr_assert(connects("db.test"));
    while (got < SIZE) {
        ssize_t count = 1;

        while (sent < SIZE && count > 0) {
            count = tls_send(of_client, out + sent, SIZE - sent);
            sent += count > 0 ? (size_t)count : 0;
        }
        if (count < 0) {
            cr_assert_eq(errno, EAGAIN);
            cr_assert(tls_wants_write(of_client));
            waited = true;
        }
        count = tls_recv(of_server, in + got, SIZE - got);
        cr_assert_gt(count, 0);
        got += (size_t)count;
    }
    cr_assert(waited);
    cr_assert_eq(memcmp(in, out, SIZE), 0);
    free(out);
    free(in);
}
