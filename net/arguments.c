/* arguments.c - the walk over a map of named arguments. */
#include "net/arguments.h"

#include <stdarg.h>
#include <stdio.h>

#define PATH_SIZE 160
#define NAME_SHOWN 64 /* bytes of a client's key that a message repeats */

/* "updates[3].relationship"; a name that a client chose is cut. */
static void
print_path(const struct decoder *decoder, char path[PATH_SIZE])
{
    size_t size = 0;

    path[0] = '\0';
    for (unsigned level = 0; level < decoder->depth && size < PATH_SIZE; level++) {
        const struct decoder_step *step = &decoder->path[level];
        int shown = (int)(step->name_size < NAME_SHOWN ? step->name_size : NAME_SHOWN);
        int added = 0;

        if (step->name != NULL)
            added = snprintf(path + size, PATH_SIZE - size, "%s%.*s", level > 0 ? "." : "", shown,
                             step->name);
        BEHALF_ASSERT(added >= 0);
        size += (size_t)added;
        if (step->index == ERROR_NO_INDEX || size >= PATH_SIZE)
            continue;
        added = snprintf(path + size, PATH_SIZE - size, "[%d]", (int)step->index);
        BEHALF_ASSERT(added >= 0);
        size += (size_t)added;
    }
}

static bool
is_called(const struct decoder_step *step, const char *name)
{
    return step->name != NULL &&
           slice_equal((struct slice){step->name, step->name_size}, slice_of(name));
}

/* `index` on the wire names the item of `updates`, `items`, `resources` or `scope`, or of
 * `preconditions` where the reason speaks of one. */
static void
set_index(const struct decoder *decoder)
{
    const struct decoder_step *first = &decoder->path[0];

    if (decoder->depth > 0 && first->index != ERROR_NO_INDEX &&
        (is_called(first, "updates") || is_called(first, "items") ||
         is_called(first, "resources") || is_called(first, "scope") ||
         decoder->error->status == BEHALF_EMPTY_PRECONDITION))
        error_index(decoder->error, (size_t)first->index);
}

enum status
decoder_refuse(struct decoder *decoder, enum status status, const char *format, ...)
{
    char path[PATH_SIZE];
    char message[ERROR_MESSAGE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    print_path(decoder, path);
    if (path[0] == '\0')
        error_set(decoder->error, status, "%s", message);
    else
        error_set(decoder->error, status, "argument '%s': %s", path, message);
    set_index(decoder);
    return status;
}

enum status
decoder_no_memory(struct decoder *decoder)
{
    return decoder_refuse(decoder, BEHALF_BUDGET_EXHAUSTED,
                          "the request needs more memory than it may have");
}

enum status
decoder_name(struct decoder *decoder, enum status status)
{
    char path[PATH_SIZE];
    char message[ERROR_MESSAGE_SIZE];
    struct error *error = decoder->error;

    print_path(decoder, path);
    if (path[0] != '\0') {
        memcpy(message, error->message, sizeof message);
        (void)snprintf(error->message, sizeof error->message, "argument '%s': %.300s", path,
                       message);
    }
    set_index(decoder);
    return status;
}

enum status
decoder_mismatch(struct decoder *decoder, const struct wire_value *value, const char *what)
{
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "must be %s, not %s", what,
                          value_kind_text(value->kind));
}

enum status
decoder_expect(struct decoder *decoder, enum value_kind kind, const char *what,
               struct wire_value *value)
{
    if (!reader_next(&decoder->reader, value))
        return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the value is cut short");
    if (value->kind != kind)
        return decoder_mismatch(decoder, value, what);
    return BEHALF_OK;
}

/* From field `likely` on, around the table: most clients send arguments in its order. */
static size_t
find_field(const struct field *fields, size_t count, size_t likely, struct slice name)
{
    for (size_t passed = 0, index = likely; passed < count; passed++, index++) {
        if (index >= count)
            index = 0;
        if (slice_equal((struct slice){fields[index].name, fields[index].name_size}, name))
            return index;
    }
    return count;
}

static enum status
unknown_field(struct decoder *decoder, const struct field *fields, size_t count, struct slice name)
{
    char known[ERROR_HINT_SIZE];
    size_t size = 0;
    enum status status = decoder_refuse(
        decoder, BEHALF_UNKNOWN_ARGUMENT, "there is no argument '%.*s'",
        (int)(name.size < NAME_SHOWN ? name.size : NAME_SHOWN), name.size > 0 ? name.data : "");

    if (count == 0) {
        error_hint(decoder->error, "this method takes no arguments");
        return status;
    }
    known[0] = '\0';
    for (size_t index = 0; index < count && size < sizeof known; index++) {
        int added = snprintf(known + size, sizeof known - size, "%s%s", index > 0 ? ", " : "",
                             fields[index].name);

        BEHALF_ASSERT(added >= 0);
        size += (size_t)added;
    }
    error_hint(decoder->error, "known here: %s", known);
    return status;
}

static enum status
missing_field(struct decoder *decoder, const struct field *field)
{
    return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST, "the argument '%s' is missing",
                          field->name);
}

enum status
decode_map(struct decoder *decoder, const struct field_table *table, void *into, uint32_t *seen)
{
    const struct field *fields = table->fields;
    size_t count = table->count;
    uint32_t found = 0;
    size_t likely = 0;
    struct wire_value map;
    enum status status;

    BEHALF_ASSERT(count <= FIELDS_MAX && decoder->depth < LIMIT_DEPTH);
    status = decoder_expect(decoder, VALUE_MAP, "a map", &map);
    if (status != BEHALF_OK)
        return status;
    for (uint64_t pair = 0; pair < map.number; pair++) {
        struct wire_value key;
        size_t index;

        status = decoder_expect(decoder, VALUE_TEXT, "a map with strings as keys", &key);
        if (status != BEHALF_OK)
            return status;
        index = find_field(fields, count, likely, key.bytes);
        likely = index + 1;
        if (index == count)
            return unknown_field(decoder, fields, count, key.bytes);
        if (found & (UINT32_C(1) << index))
            return decoder_refuse(decoder, BEHALF_MALFORMED_REQUEST,
                                  "the argument '%s' stands twice", fields[index].name);
        found |= UINT32_C(1) << index;
        if (!decoder_enter(decoder, (struct slice){fields[index].name, fields[index].name_size}))
            BEHALF_UNREACHABLE();
        status = fields[index].decode(decoder, (char *)into + fields[index].offset);
        if (status != BEHALF_OK)
            return status;
        decoder_leave(decoder);
    }
    for (size_t index = 0; index < count && fields[index].need == FIELD_REQUIRED; index++)
        if (!(found & (UINT32_C(1) << index)))
            return missing_field(decoder, &fields[index]);
    if (seen != NULL)
        *seen = found;
    return BEHALF_OK;
}
