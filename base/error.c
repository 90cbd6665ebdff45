/* error.c - names of statuses and the filling of struct error.
 * Text that comes from a client is cut to the field, at a whole UTF-8 character. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

struct status_row {
    const char *name;
    const char *code;
    const char *text;
};

static const struct status_row rows[] = {
    [BEHALF_OK] = {"OK", "OK", "success"},
    [BEHALF_DONE] = {"DONE", "OK", "nothing more"},
    [BEHALF_WOULD_BLOCK] = {"WOULD_BLOCK", "INTERNAL", "the answer needs storage"},
    [BEHALF_MUST_SPEND] = {"MUST_SPEND", "INTERNAL", "the answer needs a use of a grant"},
    [BEHALF_MUST_WRITE] = {"MUST_WRITE", "INTERNAL", "the answer is that of a write"},
    [BEHALF_MUST_RECORD] = {"MUST_RECORD", "INTERNAL", "the answer waits for its record"},
#define X(name, code, text) [BEHALF_##name] = {#name, #code, text},
#include "base/error.def"
#undef X
};

_Static_assert(BEHALF_COUNT_OF(rows) == BEHALF_STATUS_COUNT, "one row per status");

const char *
status_name(enum status status)
{
    BEHALF_ASSERT((unsigned)status < BEHALF_STATUS_COUNT);
    return rows[status].name;
}

const char *
status_code(enum status status)
{
    BEHALF_ASSERT((unsigned)status < BEHALF_STATUS_COUNT);
    return rows[status].code;
}

const char *
status_text(enum status status)
{
    BEHALF_ASSERT((unsigned)status < BEHALF_STATUS_COUNT);
    return rows[status].text;
}

/* Drops the bytes of a character that vsnprintf or memcpy cut in two. */
static void
cut_at_character(char *text)
{
    size_t size = strlen(text);
    size_t start = size;
    size_t width;
    unsigned char lead;

    while (start > 0 && size - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    lead = (unsigned char)text[start - 1];
    width = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (width > 1 && size - (start - 1) < width)
        text[start - 1] = '\0';
}

enum status
error_set(struct error *error, enum status status, const char *format, ...)
{
    va_list arguments;

    BEHALF_ASSERT(status != BEHALF_OK);
    if (error == NULL)
        return status;
    *error = (struct error){.status = status, .index = ERROR_NO_INDEX};
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    cut_at_character(error->message);
    return status;
}

enum status
error_internal(struct error *error, const char *violated, const char *file, int line,
               const char *context, ...)
{
    char where[ERROR_MESSAGE_SIZE / 2];
    va_list arguments;

    va_start(arguments, context);
    (void)vsnprintf(where, sizeof where, context, arguments);
    va_end(arguments);
    error_set(error, BEHALF_INTERNAL,
              "an invariant of the server does not hold: %.120s (%.60s:%d)%s%s", violated, file,
              line, where[0] != '\0' ? " at " : "", where);
    error_hint(error, "this is a defect of the server: report it with the line of its log");
    return BEHALF_INTERNAL;
}

void
error_hint(struct error *error, const char *format, ...)
{
    va_list arguments;

    if (error == NULL)
        return;
    va_start(arguments, format);
    (void)vsnprintf(error->hint, sizeof error->hint, format, arguments);
    va_end(arguments);
    cut_at_character(error->hint);
}

void
error_at(struct error *error, uint32_t line, uint32_t column, struct slice text)
{
    size_t size = text.size < sizeof error->text - 1 ? text.size : sizeof error->text - 1;

    if (error == NULL)
        return;
    error->line = line;
    error->column = column;
    if (size > 0)
        memcpy(error->text, text.data, size);
    error->text[size] = '\0';
    cut_at_character(error->text);
}

void
error_index(struct error *error, size_t index)
{
    if (error != NULL)
        error->index = (int64_t)index;
}
