/* token.h - tokens and cursors: printable, sealed strings that only this store can make.
 *
 * A token names a revision of one incarnation of one store; a cursor names a place in the answer to
 * one request at one revision; a denial names a decision, until when access may be requested for
 * it, and what was asked by whom. All are base64url (RFC 4648, no padding) of
 *
 *   token   | 'T' 1 | incarnation 8 | revision 8 | mac 16 |
 *   cursor  | 'C' 1 | incarnation 8 | revision 8 | request digest 8 | position 28 | mac 16 |
 *   denial  | 'D' 1 | incarnation 8 | end 8 | decision id 16 | digest of the words 32 | mac 16 |
 *
 * with the first 8 bytes of the incarnation and an HMAC-SHA-256 cut to 16 bytes under the store's
 * secret over all that stands before it.
 * Always true: what does not verify is UNKNOWN_TOKEN / INVALID_CURSOR / DENIAL_INVALID and is used
 * for nothing.
 * Threads: pure functions. */
#ifndef BEHALF_ENGINE_TOKEN_H
#define BEHALF_ENGINE_TOKEN_H

#include "base/digest.h"
#include "engine/agents.h"
#include "storage/store.h"

#define CURSOR_POSITION_SIZE 28

struct cursor {
    uint64_t revision;
    uint64_t request_digest;                /* of everything but limit, cursor, deadline */
    uint8_t position[CURSOR_POSITION_SIZE]; /* the method's own; unused bytes zero */
};

void token_seal(const struct store *store, uint64_t revision, struct engine_token *token);
enum status token_open(const struct store *store, struct slice text, uint64_t *revision,
                       struct error *error) BEHALF_MUST_USE;

void cursor_seal(const struct store *store, const struct cursor *cursor,
                 struct engine_token *token);
/* INVALID_CURSOR also when the digest is not `request_digest`: a cursor serves one request only. */
enum status cursor_open(const struct store *store, struct slice text, uint64_t request_digest,
                        struct cursor *cursor, struct error *error) BEHALF_MUST_USE;

void denial_seal(const struct store *store, const struct engine_denial *denial,
                 struct engine_token *token);
/* DENIAL_INVALID also when the words are others. Whether it has expired is not looked at. */
enum status denial_open(const struct store *store, struct slice text,
                        const uint8_t words[DIGEST_SIZE], struct engine_denial *denial,
                        struct error *error) BEHALF_MUST_USE;

/* What a cursor is tied to: the first 8 bytes of SHA-256 over the parts of the request, each behind
 * its length, so that no bytes of one part can pass for another's. Begin with the method's name.
 * `whole` (may be NULL) is given all 32: what is remembered of a request is told by these. */
uint64_t cursor_request_digest(const struct slice *parts, size_t count, uint8_t whole[DIGEST_SIZE]);

#endif
