/* head.h - the head of a request, read byte by byte, and what it means.
 *
 * Always true: the reader is an automaton over single bytes, so any cut of the same bytes gives the
 * same result, and nothing is looked at twice. What it calls COMPLETE is a request line in origin
 * form and fields, each ended by CR LF, and nothing else. Positions count from the head's first
 * byte. Pure: no allocation, no clock, no socket.
 *
 * Refused although RFC 9112 lets a server be lenient: an empty line before the request line, bare
 * LF, blanks in places where none belong, folded lines, bytes above 0x7E, a target in any form but
 * origin form (so also "OPTIONS *" and CONNECT), a '%' without two hexadecimal digits, a version
 * that is not 1.1 (or 1.0, where the listener allows it). */
#ifndef BEHALF_HTTP_HEAD_H
#define BEHALF_HTTP_HEAD_H

#include "http/http.h"

/* What a request is refused with; status 0 = not refused. `why` is static. */
struct http_refusal {
    unsigned status;
    const char *why;
};

enum head_state { HEAD_PARTIAL, HEAD_COMPLETE, HEAD_REFUSED };

/* Heads are at most HTTP_HEAD_SIZE_MAX, so 16 bits are enough. */
struct head_place {
    uint16_t at;
    uint16_t size;
};

struct head_field {
    struct head_place name;
    struct head_place value;
};

struct head {
    uint16_t at; /* bytes read; of a COMPLETE head its size */
    uint16_t size_max;
    uint16_t begin; /* of the element that is being read */
    uint8_t expected;
    uint8_t field_count;
    uint8_t hex_left; /* digits that a '%' still needs */
    bool allow_http_1_0;
    bool is_http_1_0;
    char version[3];
    struct head_place method;
    struct head_place target;
    struct http_refusal refusal;
    struct head_field fields[HTTP_FIELDS_MAX];
};

/* `size_max` is at most HTTP_HEAD_SIZE_MAX. */
void head_init(struct head *head, size_t size_max, bool allow_http_1_0);
/* `bytes` from the first of the head, with those that were read before. */
enum head_state head_read(struct head *head, const char *bytes, size_t size);

static inline struct slice
head_slice(const char *bytes, struct head_place place)
{
    return (struct slice){bytes + place.at, place.size};
}

/* --- what a head that is complete means --- */

struct head_rules {
    const struct slice *authorities; /* lower case */
    size_t authority_count;
    bool allow_chunked;
};

struct head_meaning {
    bool closes; /* the connection ends with this request */
    bool is_chunked;
    bool expects_continue;
    uint64_t content_length; /* 0 without one; UINT64_MAX for what 64 bits do not hold */
};

/* Target and fields as slices of `bytes`; `fields` has room for `field_count`. */
void head_describe(const struct head *head, const char *bytes, struct http_field *fields,
                   struct http_request *request);

/* In this order: once-only fields, framing and Host's presence (400), Host (421), method (501),
 * Expect (417). `request` is what head_describe made; its method is set when it is known. HTTP/1.0
 * needs a Host too: a request without one could be meant for anybody. */
struct http_refusal head_understand(const struct head *head, const char *bytes,
                                    const struct head_rules *rules, struct http_request *request,
                                    struct head_meaning *meaning);

#endif
