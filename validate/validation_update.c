/* validation_update.c - a validation file with its `validation` block written anew. Lines before
 * and behind the block are copied as they are; comments inside of it are lost with it. */
#include "base/lines.h"
#include "validate/validation.h"

/* Offset of the beginning of a line (from 1), or of the end of the text. */
static size_t
line_offset(struct slice text, uint32_t line)
{
    size_t at = 0;

    for (uint32_t number = 1; number < line && at < text.size; number++) {
        const char *end = memchr(text.data + at, '\n', text.size - at);

        at = end == NULL ? text.size : (size_t)(end - text.data) + 1;
    }
    return at;
}

static bool
is_plain_key(struct slice key)
{
    for (size_t at = 0; at < key.size; at++) {
        char byte = key.data[at];

        if ((byte < 'a' || byte > 'z') && (byte < 'A' || byte > 'Z') &&
            (byte < '0' || byte > '9') && strchr("_/|-=+:#", byte) == NULL)
            return false;
    }
    return true;
}

/* YAML text in quotes: double ones where nothing in it needs an escape. */
static void
add_quoted(struct buffer *out, struct slice text)
{
    bool single =
        memchr(text.data, '"', text.size) != NULL || memchr(text.data, '\\', text.size) != NULL;

    buffer_add_byte(out, single ? '\'' : '"');
    for (size_t at = 0; at < text.size; at++) {
        if (single && text.data[at] == '\'')
            buffer_add_byte(out, '\'');
        buffer_add_byte(out, text.data[at]);
    }
    buffer_add_byte(out, single ? '\'' : '"');
}

static void
add_block(struct buffer *out, const struct validation_block *block)
{
    buffer_add_text(out, "  ");
    if (is_plain_key(block->key))
        buffer_add_slice(out, block->key);
    else
        add_quoted(out, block->key);
    buffer_add_text(out, block->line_count > 0 ? ":\n" : ": []\n");
    for (size_t index = 0; index < block->line_count; index++) {
        buffer_add_text(out, "    - ");
        add_quoted(out, block->lines[index]);
        buffer_add_byte(out, '\n');
    }
}

enum status
validation_rewrite(struct slice text, const struct validation_file *file,
                   const struct validation_block *blocks, size_t count, struct buffer *out,
                   struct error *error)
{
    size_t from = line_offset(text, file->block_first);
    size_t to = line_offset(text, file->block_last + 1);
    struct buffer made;

    if (!slice_starts_with((struct slice){text.data + from, text.size - from},
                           SLICE_LITERAL("validation:"))) {
        error_set(error, BEHALF_MALFORMED_REQUEST,
                  "cannot update: 'validation:' must begin its line");
        error_at(error, file->block_first, 1, (struct slice){"", 0});
        return BEHALF_MALFORMED_REQUEST;
    }
    buffer_add(out, text.data, from);
    buffer_init(&made);
    buffer_add_text(&made, count > 0 ? "validation:\n" : "validation: {}\n");
    for (size_t index = 0; index < count; index++)
        add_block(&made, &blocks[index]);
    lines_add_like(text, buffer_slice(&made), out);
    buffer_release(&made);
    buffer_add(out, text.data + to, text.size - to);
    return BEHALF_OK;
}
