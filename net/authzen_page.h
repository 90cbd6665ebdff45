/* authzen_page.h - tokens of the pages of AuthZEN searches.
 *
 * A token is "CURSOR.LIMIT.DIGEST": where the next page begins (a cursor of the engine, or a
 * place), the limit of the page before it, and 16 hex digits of SHA-256 over all other members
 * of the request. Always true: a token serves the request that it came with, and no other. It is no
 * secret and allows nothing: what a page shows is decided anew, and the engine's cursor is sealed.
 * Threads: none; pure functions. */
#ifndef BEHALF_NET_AUTHZEN_PAGE_H
#define BEHALF_NET_AUTHZEN_PAGE_H

#include "net/authzen_body.h"

/* Puts the limit and the cursor of the token into the page. MALFORMED_REQUEST: the token is none,
 * or of another request. Without a token nothing changes. */
enum status authzen_page_open(const struct datum *body, struct authzen_page *page,
                              struct slice *cursor, struct error *error) BEHALF_MUST_USE;

void authzen_page_token(const struct datum *body, const struct authzen_page *page,
                        struct slice cursor, struct buffer *token);

#endif
