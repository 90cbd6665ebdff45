/* lines.c - see lines.h. */
#include "base/lines.h"

#include <string.h>

bool
line_next(struct slice *rest, struct slice *line)
{
    const char *end;

    if (rest->size == 0)
        return false;
    end = memchr(rest->data, '\n', rest->size);
    *line = (struct slice){rest->data, end != NULL ? (size_t)(end - rest->data) : rest->size};
    rest->data += line->size + (end != NULL ? 1 : 0);
    rest->size -= line->size + (end != NULL ? 1 : 0);
    if (line->size > 0 && line->data[line->size - 1] == '\r')
        line->size--;
    return true;
}

struct slice
line_trim(struct slice text)
{
    while (text.size > 0 && line_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && line_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

void
lines_add_like(struct slice original, struct slice text, struct buffer *out)
{
    const char *end = original.size > 0 ? memchr(original.data, '\n', original.size) : NULL;
    bool crlf = end != NULL && end > original.data && end[-1] == '\r';

    for (size_t at = 0; at < text.size; at++) {
        if (crlf && text.data[at] == '\n')
            buffer_add_byte(out, '\r');
        buffer_add_byte(out, text.data[at]);
    }
}
