/* response.h - the head of a reply, and chunks.
 *
 * Always true: what is written here is read by a strict reader as exactly what was meant: no field
 * has a byte that our own reader would refuse, and none that decides framing comes from the caller.
 * Pure but for the growth of `out`. */
#ifndef BEHALF_HTTP_RESPONSE_H
#define BEHALF_HTTP_RESPONSE_H

#include "base/buffer.h"
#include "http/http.h"

enum response_length {
    RESPONSE_SIZED,       /* Content-Length */
    RESPONSE_CHUNKED,     /* a stream */
    RESPONSE_UNTIL_CLOSE, /* a stream to a peer of HTTP/1.0 */
};

struct response_framing {
    enum response_length length;
    bool is_head; /* the head alone is sent */
    bool closes;  /* the connection ends with it */
    bool is_tls;
};

/* Head and, when it is SIZED and not of HEAD, body. False with nothing written: the response has a
 * field that must not be sent. */
bool response_write(struct buffer *out, const struct response_framing *framing,
                    const struct http_response *response) BEHALF_MUST_USE;

/* A line of text/plain; what is said for a refusal, or in place of a reply that must not be sent.
 * `why` is ASCII. `field` may be NULL; else it is one that may be sent. */
void response_write_text(struct buffer *out, const struct response_framing *framing,
                         unsigned status, const char *why, const struct http_field *field);

void response_write_chunk(struct buffer *out, struct slice bytes); /* not empty */
void response_write_last_chunk(struct buffer *out);

/* The reason phrase of RFC 9110, or "". */
const char *response_reason(unsigned status);

#endif
