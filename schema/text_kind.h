/* text_kind.h - what a text is: for hints, when it was given to a reader of something else.
 * Always true: judged by the first line that says it; nothing but a hint may depend on it.
 * Threads: any. */
#ifndef BEHALF_SCHEMA_TEXT_KIND_H
#define BEHALF_SCHEMA_TEXT_KIND_H

#include "base/slice.h"

enum text_kind { TEXT_UNKNOWN, TEXT_SCHEMA, TEXT_VALIDATION_FILE, TEXT_RELATIONSHIPS };

enum text_kind text_kind_of(struct slice text);

/* "this looks like a schema: behalf ..."; NULL of what is unknown. Static storage. */
const char *text_kind_hint(enum text_kind kind);

#endif
