/* contexts.h - values for conditions, between MessagePack and data (base/datum.h).
 *
 * Always true: what is decoded is valid data. Binary, a key that is no string, has a NUL or stands
 * twice, text that is not UTF-8, a number that is not finite and nesting beyond DATUM_DEPTH_MAX are
 * MALFORMED_REQUEST with the path of the place ("context.request.ips[3]"); an integer above the
 * 64 signed bits becomes a double, as in JSON.
 * Memory: in the request's arena; strings point into the frame. Threads: none. */
#ifndef BEHALF_NET_CONTEXTS_H
#define BEHALF_NET_CONTEXTS_H

#include "base/datum.h"
#include "net/arguments.h"

/* const struct datum *: a map of at most LIMIT_CONTEXT bytes. */
field_decode decode_context;

/* struct slice: the same as canonical bytes; an empty map is no context. What may be stored of it
 * is the engine's to say, and less. */
field_decode decode_stored_context;

/* The same, of at most `largest` canonical bytes; EXCEEDS_MAXIMUM_ALLOWABLE_LIMIT. */
enum status decode_canonical_map(struct decoder *decoder, size_t largest,
                                 struct slice *bytes) BEHALF_MUST_USE;

void context_put(struct buffer *out, const struct datum *datum);

#endif
