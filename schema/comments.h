/* comments.h - what comments say: documentation, and lints to keep quiet. */
#ifndef BEHALF_SCHEMA_COMMENTS_H
#define BEHALF_SCHEMA_COMMENTS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "schema/ast.h"

/* Appends the text without its markers, decoration and outer blanks, one line each, the lines
 * joined by newlines; comments above come before those behind. Directives to silence lints are left
 * out. */
void comments_text(const struct comments *comments, struct buffer *out);

/* Whether a comment says `spicedb-ignore-warning: name`. */
bool comments_silence(const struct comments *comments, struct slice name);

#endif
