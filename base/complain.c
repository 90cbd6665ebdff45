/* complain.c - see complain.h. */
#include "base/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/escape.h"

static struct {
    const char *program;
    bool json;
} form;

void
complain_as(const char *program, bool json)
{
    form.program = program;
    form.json = json;
}

/* Lines of files are quoted in messages; their tabs do no harm. */
static void
add_text(struct buffer *out, struct slice text)
{
    while (text.size > 0) {
        const char *tab = memchr(text.data, '\t', text.size);
        size_t size = tab != NULL ? (size_t)(tab - text.data) : text.size;

        escape_text((struct slice){text.data, size}, out);
        if (tab != NULL)
            buffer_add_byte(out, '\t');
        size += tab != NULL;
        text = (struct slice){text.data + size, text.size - size};
    }
}

static void
add_lines(struct buffer *out, struct slice message, struct slice hint)
{
    buffer_add_format(out, "%s: ", form.program);
    add_text(out, message);
    buffer_add_byte(out, '\n');
    if (hint.size == 0)
        return;
    buffer_add_text(out, "hint: ");
    add_text(out, hint);
    buffer_add_byte(out, '\n');
}

static void
add_json(struct buffer *out, struct slice message, struct slice hint)
{
    buffer_add_text(out, "{\"error\":{\"message\":\"");
    escape_json(message, out);
    if (hint.size > 0) {
        buffer_add_text(out, "\",\"hint\":\"");
        escape_json(hint, out);
    }
    buffer_add_text(out, "\"}}\n");
}

void
complain(const char *hint, const char *format, ...)
{
    struct buffer message;
    struct buffer out;
    va_list arguments;

    buffer_init(&message);
    buffer_init(&out);
    va_start(arguments, format);
    buffer_add_arguments(&message, format, arguments);
    va_end(arguments);
    (form.json ? add_json : add_lines)(&out, buffer_slice(&message),
                                       slice_of(hint != NULL ? hint : ""));
    (void)fflush(stdout);                            /* what was printed before comes before */
    (void)!write(STDERR_FILENO, out.data, out.size); /* else there is nobody to tell */
    buffer_release(&message);
    buffer_release(&out);
}

bool
complain_asked(int count, char *const *words, const char *word)
{
    for (int at = 0; at < count && strcmp(words[at], "--") != 0; at++)
        if (strcmp(words[at], word) == 0)
            return true;
    return false;
}
