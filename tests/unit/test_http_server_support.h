/* test_http_server_support.h - a server on loopback with a clock of the test's, and plain sockets.
 *
 * Paths of its handler: /echo answers at once with method, path and body; /later is left to the
 * test, which takes exchanges in the order in which they came.
 * Threads: the test's, and the loop. */
#ifndef BEHALF_TESTS_HTTP_SERVER_SUPPORT_H
#define BEHALF_TESTS_HTTP_SERVER_SUPPORT_H

#include "base/buffer.h"
#include "http/http.h"

#define HTTP_ALWAYS                                                                                \
    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"                               \
    "Referrer-Policy: same-origin\r\n"
/* Of the test server, whatever its port. */
#define HTTP_GET_HEAD(path) "GET " path " HTTP/1.1\r\nHost: test\r\n"

/* Zeros, but for what the test changes before http_begin. */
extern struct http_options http_options;
extern struct http_verdict http_verdict; /* of every request: 64 KiB at first */
extern struct http_server *http_server;

void http_reset(void); /* the .init of a suite */
void http_begin(void);
void http_end(void);               /* drains, which must succeed, and closes */
void http_advance(double seconds); /* the clock, which stands otherwise */

/* An exchange of /later, waiting for it. */
struct http_exchange *http_take(void);
/* How many were told to be gone, waiting until they are `count`. */
void http_wait_gone(unsigned count);
unsigned http_gone_count(void);
unsigned http_handled_count(void); /* requests that reached the handler */

void http_answer(struct http_exchange *exchange, const char *body); /* 200 */

/* --- peers --- */

int http_connect(void);
int http_connect_from(const char *address); /* of loopback */
void http_send(int fd, struct slice bytes);
void http_send_text(int fd, const char *text);
/* As many bytes, or what came before the end. Fails the test after ten seconds of nothing. */
void http_receive(int fd, struct buffer *out, size_t size);
/* Until the peer closes; a reset fails the test. */
void http_receive_all(int fd, struct buffer *out);
/* The next reply, by its Content-Length; static storage. */
const char *http_reply(int fd);
void http_expect(int fd, const char *reply);       /* exactly these bytes next */
void http_expect_close(int fd);                    /* nothing more comes; closes */
void http_expect_status(int fd, const char *line); /* then the end; closes */
/* Until a reply of /echo came, which shows that the loop has seen all that was sent before. */
void http_settle(void);

#endif
