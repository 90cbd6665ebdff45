/* record_id.h - ids of records and decisions: 128 random bits, and their text.
 *
 * Text is a prefix ("ses_", "gr_", "req_", "dec_") and 26 characters of Crockford's base32, upper
 * case, most significant bits first; the first character has 3 bits. Each id has one text: lower
 * case, I, L, O, U, and a first character above 7 are refused.
 * An id is a name and no secret: knowing it allows nothing.
 * Threads: pure functions. */
#ifndef BEHALF_BASE_RECORD_ID_H
#define BEHALF_BASE_RECORD_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/env.h"
#include "base/slice.h"

#define RECORD_ID_SIZE 16
#define RECORD_ID_TEXT_SIZE 30 /* of the longest text, without a NUL */

#define RECORD_PREFIX_SESSION "ses_"
#define RECORD_PREFIX_GRANT "gr_"
#define RECORD_PREFIX_REQUEST "req_"
#define RECORD_PREFIX_DECISION "dec_"

struct record_id {
    uint8_t bytes[RECORD_ID_SIZE];
};

/* NUL-terminated. */
struct record_id_text {
    char text[RECORD_ID_TEXT_SIZE + 1];
};

/* From the env's random source. */
void record_id_make(const struct env *env, struct record_id *id);

/* False when the text is not the canonical one of an id with this prefix. */
bool record_id_parse(struct slice text, const char *prefix, struct record_id *id) BEHALF_MUST_USE;
void record_id_print(const struct record_id *id, const char *prefix, struct record_id_text *text);

bool record_id_equal(const struct record_id *a, const struct record_id *b);

#endif
