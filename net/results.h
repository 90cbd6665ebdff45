/* results.h - the shapes of the protocol's results, written straight into the reply.
 * Threads: none; pure functions over a buffer. */
#ifndef BEHALF_NET_RESULTS_H
#define BEHALF_NET_RESULTS_H

#include "base/buffer.h"
#include "engine/engine.h"
#include "net/codec.h"

/* {code, reason, message, hint?, at?: {line, column, text}, index?, retry_after_ms?} */
void result_put_error(struct buffer *out, const struct error *error);

void result_put_decision(struct buffer *out, enum decision decision);
void result_put_token(struct buffer *out, const struct engine_token *token);

/* The token, or nil where there is none: the end of the pages. */
void result_put_cursor(struct buffer *out, const struct engine_token *cursor);

/* "type:id#relation"; `scratch` is cleared and used. */
void result_put_object(struct buffer *out, const struct object *object, struct buffer *scratch);

/* The pairs of one item: `decision`, or `error`. */
void result_put_item(struct buffer *out, const struct check_item *item);

#endif
