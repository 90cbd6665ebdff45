/* test_http_support.h - heads and bodies, read whole and in every cut. */
#ifndef BEHALF_TESTS_HTTP_SUPPORT_H
#define BEHALF_TESTS_HTTP_SUPPORT_H

#include "base/buffer.h"
#include "http/body.h"
#include "http/head.h"

#define HTTP_LINE "GET /x HTTP/1.1\r\n"
#define HTTP_HOST "Host: a:1\r\n"
#define HTTP_START HTTP_LINE HTTP_HOST

/* What a request means to the two readers; slices of the bytes that were given. */
struct http_reading {
    enum head_state state;
    struct http_refusal refusal; /* of the automaton, or of its meaning */
    size_t head_size;
    struct http_field fields[HTTP_FIELDS_MAX];
    struct http_request request;
    struct head_meaning meaning;
};

/* Of a server that is "a:1" and "[::1]:1", takes chunked bodies and HTTP/1.0. Whole, byte by byte
 * and cut once at each place (of long ones: at some): the same, or the test fails. */
void http_read_head(struct slice bytes, struct http_reading *reading);
void http_read_strict(struct slice bytes, struct http_reading *reading); /* neither */

/* 0 when the head is accepted. */
unsigned http_head_status(const char *bytes);
unsigned http_strict_status(const char *bytes);
unsigned http_head_status_of(struct slice bytes);

struct http_body_reading {
    enum body_state state;
    struct http_refusal refusal;
    struct buffer content;
    size_t left; /* bytes behind the body */
};

/* In every cut, like heads. The content is the caller's to release. */
void http_read_chunked(struct slice bytes, size_t size_max, struct http_body_reading *reading);
void http_read_length(struct slice bytes, uint64_t length, struct http_body_reading *reading);

#endif
