/* comments.c - reading of comments line by line. */
#include "schema/comments.h"

static const struct slice directive = {"spicedb-ignore-warning:", 23};

static bool
is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static struct slice
trim(struct slice text)
{
    while (text.size > 0 && is_blank(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && is_blank(text.data[text.size - 1]))
        text.size--;
    return text;
}

static struct slice
strip(struct slice text, size_t front, size_t back)
{
    return (struct slice){text.data + front, text.size - front - back};
}

/* The text between the markers; `//` and `/` and `*` that follow them are decoration as well. */
static struct slice
inner_text(struct slice comment)
{
    if (comment.data[1] == '/') {
        comment = strip(comment, 2, 0);
        while (comment.size > 0 && comment.data[0] == '/')
            comment = strip(comment, 1, 0);
        return trim(comment);
    }
    comment = strip(comment, 2, 2);
    while (comment.size > 0 && comment.data[0] == '*')
        comment = strip(comment, 1, 0);
    while (comment.size > 0 && comment.data[comment.size - 1] == '*')
        comment = strip(comment, 0, 1);
    return trim(comment);
}

/* Takes the next line off `text`, without a star that decorates its beginning. */
static struct slice
next_line(struct slice *text)
{
    const char *newline = memchr(text->data, '\n', text->size);
    size_t size = newline == NULL ? text->size : (size_t)(newline - text->data);
    struct slice line = trim((struct slice){text->data, size});

    *text = newline == NULL ? (struct slice){text->data + size, 0} : strip(*text, size + 1, 0);
    if (line.size > 0 && line.data[0] == '*')
        line = trim(strip(line, 1, 0));
    return line;
}

static void
list_text(const struct comment_list *list, size_t start, struct buffer *out)
{
    for (const struct comment *comment = list->first; comment != NULL; comment = comment->next) {
        struct slice text = inner_text(comment->text);

        if (slice_starts_with(text, directive))
            continue;
        do {
            struct slice line = next_line(&text);

            if (out->size > start)
                buffer_add_byte(out, '\n');
            buffer_add_slice(out, line);
        } while (text.size > 0);
    }
}

void
comments_text(const struct comments *comments, struct buffer *out)
{
    size_t start = out->size;

    list_text(&comments->above, start, out);
    list_text(&comments->behind, start, out);
}

static bool
list_silences(const struct comment_list *list, struct slice name)
{
    for (const struct comment *comment = list->first; comment != NULL; comment = comment->next) {
        struct slice text = inner_text(comment->text);

        if (slice_starts_with(text, directive) &&
            slice_equal(trim(strip(text, directive.size, 0)), name))
            return true;
    }
    return false;
}

bool
comments_silence(const struct comments *comments, struct slice name)
{
    return list_silences(&comments->above, name) || list_silences(&comments->behind, name);
}
