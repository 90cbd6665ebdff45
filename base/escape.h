/* escape.h - text from outside for the eyes of a person.
 * Always true: what is written holds nothing that a terminal obeys, and nothing that it hides
 * although it changes what the text is. JSON stays JSON of the same value.
 * Threads: any. */
#ifndef BEHALF_BASE_ESCAPE_H
#define BEHALF_BASE_ESCAPE_H

#include "base/buffer.h"
#include "base/slice.h"

/* Appends the text with controls, marks of direction and characters without width as `\u202E`
 * (above U+FFFF as two surrogates), and bytes that are no UTF-8 as `\xFF`. */
void escape_text(struct slice text, struct buffer *out);

/* Appends the text as the inside of a JSON string: the same are escaped, and quotes and
 * backslashes. A byte that is no UTF-8 becomes U+FFFD. */
void escape_json(struct slice text, struct buffer *out);

#endif
