/* tls.h - TLS 1.2 and 1.3 over a non-blocking descriptor, for those who accept and who connect.
 *
 * Always true: no renegotiation, no compression, no session that outlives its connection. The
 * caller owns the descriptor and waits for it; nothing here blocks. A certificate of the other side
 * that was asked for and cannot be verified fails the handshake, never later. A reload that fails
 * changes nothing; connections that stand keep what they were made with.
 * Sources: RFC 8446, RFC 5246, RFC 6125 for names. Only tls.c sees OpenSSL's ssl.h.
 * Threads: a tls_server, tls_client: any; one tls: one thread at a time.
 * Errors: MALFORMED_REQUEST with the file and what is wrong with it (cannot be read, no
 * certificate, key of another certificate, expired, key readable by others). */
#ifndef BEHALF_BASE_TLS_H
#define BEHALF_BASE_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/slice.h"

struct tls;
struct tls_client;
struct tls_server;

/* Paths; NULL where there is none. */
struct tls_server_files {
    const char *certificate; /* PEM, the chain behind it */
    const char *key;         /* PEM, mode 0600 or 0640 */
    const char
        *client_ca; /* a client without a certificate of these is refused; NULL = not asked */
    const char
        *client_names; /* comma-separated: DNS names (SAN), one of which a client must have */
};

/* The texts are copied. */
enum status tls_server_new(const struct tls_server_files *files, struct tls_server **server,
                           struct error *error) BEHALF_MUST_USE;
/* Reads the files again: for connections that are accepted from then on. */
enum status tls_server_reload(struct tls_server *server, struct error *error) BEHALF_MUST_USE;
void tls_server_free(struct tls_server *server); /* accepts NULL; after its connections */

struct tls_client_files {
    const char *ca;          /* trusted instead of the system's; NULL = the system's */
    const char *certificate; /* shown when asked for; NULL = none */
    const char *key;
};

enum status tls_client_new(const struct tls_client_files *files, struct tls_client **client,
                           struct error *error) BEHALF_MUST_USE;
void tls_client_free(struct tls_client *client); /* accepts NULL */

/* NULL when memory runs out. */
struct tls *tls_accept(struct tls_server *server, int fd);
/* `name`: the DNS name or numeric address that the server's certificate must be for; NULL also when
 * it is neither. */
struct tls *tls_connect(struct tls_client *client, int fd, const char *name);
/* Says goodbye if it can without waiting; the descriptor stays open. Accepts NULL. */
void tls_free(struct tls *tls);

enum tls_progress { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_FAILED };

/* Repeated when the descriptor is ready until it is DONE or FAILED; `error` says why: for the log
 * of a server, for the user of a client. */
enum tls_progress tls_handshake(struct tls *tls, struct error *error);

/* As recv(2) and send(2) of a non-blocking socket: -1 with errno EAGAIN when nothing can be done
 * now, -1 with another errno when the connection is broken, 0 at the end (a truncation without the
 * other side's goodbye is -1, ECONNRESET). After EAGAIN, `tls_wants_write` says that it is writing
 * the descriptor has to become ready for, else reading: a read may have to write, and the other way
 * round. A send that was EAGAIN may be repeated with other bytes at another address as long as
 * they begin alike. */
ssize_t tls_recv(struct tls *tls, void *bytes, size_t size);
ssize_t tls_send(struct tls *tls, const void *bytes, size_t size);
bool tls_wants_write(const struct tls *tls);
/* Bytes are here already, for which the descriptor never becomes readable. */
bool tls_has_pending(const struct tls *tls);

/* Why tls_recv or tls_send gave an errno other than EAGAIN, in words. */
void tls_explain(const struct tls *tls, struct error *error);

/* "TLSv1.3"; static storage. */
const char *tls_version(const struct tls *tls);

#endif
