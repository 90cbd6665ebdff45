/* body.h - the body of a request, out of bytes that come in any pieces.
 *
 * Always true: any cut of the same bytes gives the same content and the same end. A chunk's size is
 * one to eight hexadecimal digits and CR LF, nothing else; the last one has no trailer. What is too
 * large is refused when its size is known, before its bytes come.
 * Pure: nothing is allocated or kept; content is a slice of what was given. */
#ifndef BEHALF_HTTP_BODY_H
#define BEHALF_HTTP_BODY_H

#include "http/head.h"

enum body_state {
    BODY_CONTENT, /* `content` has at least one byte; call again */
    BODY_PARTIAL, /* all bytes are taken; more must come */
    BODY_COMPLETE,
    BODY_REFUSED,
};

struct body {
    uint64_t left; /* of this chunk, or of the body */
    size_t size;   /* of the content so far, with the rest of this chunk */
    size_t size_max;
    uint8_t expected;
    uint8_t digits;
    struct http_refusal refusal;
};

/* `length` is at most what the caller allows. */
void body_init_length(struct body *body, uint64_t length);
void body_init_chunked(struct body *body, size_t size_max);

/* Takes bytes from the front of `*bytes`. After COMPLETE what is left there is not the body's. */
enum body_state body_read(struct body *body, struct slice *bytes, struct slice *content);

#endif
