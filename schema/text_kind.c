/* text_kind.c - what a text is, by its lines. */
#include "schema/text_kind.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"

#define LOOKED_AT ((size_t)64 * 1024) /* what a text is, its beginning says */

static struct slice
skip(struct slice text, size_t count)
{
    return (struct slice){text.data + count, text.size - count};
}

static struct slice
skip_any(struct slice text, const char *bytes)
{
    while (text.size > 0 && text.data[0] != '\0' && strchr(bytes, text.data[0]) != NULL)
        text = skip(text, 1);
    return text;
}

static size_t
find(struct slice text, char byte)
{
    const char *found = text.size > 0 ? memchr(text.data, byte, text.size) : NULL;

    return found != NULL ? (size_t)(found - text.data) : text.size;
}

static bool
is_schema(struct slice line)
{
    static const char *const words[] = {"definition ", "caveat ", "partial ", "use ", "import "};

    for (size_t index = 0; index < BEHALF_COUNT_OF(words); index++)
        if (slice_starts_with(line, slice_of(words[index])))
            return true;
    return false;
}

/* A key of a validation file, perhaps in quotes or in braces. */
static bool
is_validation_file(struct slice line)
{
    static const char *const keys[] = {"schema", "schemaFile", "relationships", "assertions",
                                       "validation"};
    struct slice key = skip_any(line, "{ \t\"'");

    if (slice_starts_with(line, SLICE_LITERAL("---")))
        return true;
    for (size_t index = 0; index < BEHALF_COUNT_OF(keys); index++) {
        struct slice word = slice_of(keys[index]);

        if (slice_starts_with(key, word) &&
            slice_starts_with(skip_any(skip(key, word.size), "\"' \t"), SLICE_LITERAL(":")))
            return true;
    }
    return false;
}

/* type:id#relation@type:id */
static bool
is_relationship(struct slice line)
{
    size_t colon = find(line, ':');
    size_t hash = find(line, '#');
    size_t at = find(line, '@');

    return colon > 0 && colon < hash && hash < at && at < line.size;
}

enum text_kind
text_kind_of(struct slice text)
{
    if (slice_starts_with(text, SLICE_LITERAL("\xEF\xBB\xBF"))) /* a byte order mark */
        text = skip(text, 3);
    if (text.size > LOOKED_AT)
        text.size = LOOKED_AT;
    while (text.size > 0) {
        struct slice line = {text.data, find(text, '\n')};
        bool comment = slice_starts_with(line, SLICE_LITERAL("//")) ||
                       slice_starts_with(line, SLICE_LITERAL("#"));

        if (is_schema(line))
            return TEXT_SCHEMA;
        if (is_validation_file(line))
            return TEXT_VALIDATION_FILE;
        if (!comment && is_relationship(line))
            return TEXT_RELATIONSHIPS;
        text = skip(text, line.size < text.size ? line.size + 1 : line.size);
    }
    return TEXT_UNKNOWN;
}

const char *
text_kind_hint(enum text_kind kind)
{
    switch (kind) {
    case TEXT_UNKNOWN:
        return NULL;
    case TEXT_SCHEMA:
        return "this looks like a schema: behalf schema validate FILE, or schema write FILE";
    case TEXT_VALIDATION_FILE:
        return "this looks like a validation file: behalf validate FILE, whose name ends in .yaml";
    case TEXT_RELATIONSHIPS:
        return "this looks like relationships: behalf import FILE";
    }
    BEHALF_UNREACHABLE();
}
