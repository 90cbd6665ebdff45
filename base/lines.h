/* lines.h - the lines of a text in memory.
 * Threads: none. Memory: slices point into the text. */
#ifndef BEHALF_BASE_LINES_H
#define BEHALF_BASE_LINES_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

static inline bool
line_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* Takes the next line off `rest`, without its end (\n or \r\n). False at the end. */
bool line_next(struct slice *rest, struct slice *line);

/* Without the blanks at both ends. */
struct slice line_trim(struct slice text);

/* Appends `text`, whose lines end in LF, with the line ends of `original`: CRLF where its first
 * line ends so. */
void lines_add_like(struct slice original, struct slice text, struct buffer *out);

#endif
