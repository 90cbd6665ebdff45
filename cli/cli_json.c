/* cli_json.c - MessagePack values as JSON text.
 * Always true: what is printed parses as JSON, whatever the value is (RFC 8259). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "cli/cli.h"

void
cli_json_string(struct buffer *out, struct slice text)
{
    size_t at = 0;

    buffer_add_byte(out, '"');
    while (at < text.size) {
        uint32_t point;
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        if (length == 0) {
            buffer_add_text(out, "\\ufffd");
            at++;
            continue;
        }
        if (point == '"' || point == '\\')
            buffer_add_format(out, "\\%c", (int)point);
        else if (point == '\n')
            buffer_add_text(out, "\\n");
        else if (point == '\t')
            buffer_add_text(out, "\\t");
        else if (point < 0x20 || (point >= 0x7F && point < 0xA0))
            buffer_add_format(out, "\\u%04x", point);
        else
            buffer_add(out, text.data + at, length);
        at += length;
    }
    buffer_add_byte(out, '"');
}

/* The shortest text that reads back the same, and never as a whole number: what is printed may be
 * the context of a relationship that is written again. */
static void
put_double(struct buffer *out, double value)
{
    char text[40];

    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_add_text(out, text);
    if (text[strcspn(text, ".e")] == '\0')
        buffer_add_text(out, ".0");
}

static void
put_scalar(struct buffer *out, struct behalf_value value)
{
    struct slice text;
    double real;
    uint64_t whole;
    int64_t negative;
    bool truth;

    if (behalf_value_string(value, &text.data, &text.size))
        cli_json_string(out, text);
    else if (behalf_value_bool(value, &truth))
        buffer_add_text(out, truth ? "true" : "false");
    else if (behalf_value_uint(value, &whole))
        buffer_add_format(out, "%llu", (unsigned long long)whole);
    else if (behalf_value_int(value, &negative))
        buffer_add_format(out, "%lld", (long long)negative);
    else if (behalf_value_double(value, &real) && isfinite(real))
        put_double(out, real);
    else
        buffer_add_text(out, "null");
}

/* A container that is being printed. */
struct level {
    uint32_t left; /* items, or pairs */
    bool is_map;
    bool first;
};

/* `rest` begins with the value to print next; all values lie one behind the other, so each byte is
 * read once, however deep it is. */
struct printer {
    struct buffer *out;
    struct behalf_value rest;
    struct level *levels;
    size_t count;
    size_t capacity;
};

/* A container is opened and stays to be printed, anything else is printed at once. */
static void
put_start(struct printer *printer)
{
    struct behalf_value item = {NULL, 0};
    struct level level = {.first = true};

    if (behalf_value_map(printer->rest, &level.left, &printer->rest)) {
        level.is_map = true;
    } else if (!behalf_value_array(printer->rest, &level.left, &printer->rest)) {
        if (!behalf_value_next(&printer->rest, &item))
            printer->rest = item;
        put_scalar(printer->out, item);
        return;
    }
    buffer_add_byte(printer->out, level.is_map ? '{' : '[');
    printer->levels = memory_reserve(printer->levels, printer->count + 1, &printer->capacity,
                                     sizeof *printer->levels);
    printer->levels[printer->count++] = level;
}

/* The next item of the innermost container, or its end. */
static void
put_next(struct printer *printer)
{
    struct level *level = &printer->levels[printer->count - 1];
    struct behalf_value name;
    struct slice key = SLICE_LITERAL("?");

    if (level->left == 0 || printer->rest.size == 0) {
        buffer_add_byte(printer->out, level->is_map ? '}' : ']');
        printer->count--;
        return;
    }
    level->left--;
    if (!level->first)
        buffer_add_byte(printer->out, ',');
    level->first = false;
    if (level->is_map) {
        if (behalf_value_next(&printer->rest, &name))
            (void)behalf_value_string(name, &key.data, &key.size);
        else
            printer->rest = (struct behalf_value){NULL, 0};
        cli_json_string(printer->out, key);
        buffer_add_byte(printer->out, ':');
    }
    put_start(printer);
}

void
cli_json_value(struct buffer *out, struct behalf_value value)
{
    struct printer printer = {.out = out, .rest = value};

    put_start(&printer);
    while (printer.count > 0)
        put_next(&printer);
    memory_free(printer.levels);
}

static void
put_member(struct buffer *out, const char *name, const char *text)
{
    if (text[0] == '\0')
        return;
    if (out->data[out->size - 1] != '{')
        buffer_add_byte(out, ',');
    buffer_add_format(out, "\"%s\":", name);
    cli_json_string(out, slice_of(text));
}

void
cli_json_error(struct buffer *out, const struct behalf_error *error)
{
    buffer_add_text(out, "{\"error\":{");
    put_member(out, "code", error->code);
    put_member(out, "reason", error->reason);
    put_member(out, "message", error->message);
    put_member(out, "hint", error->hint);
    if (error->line > 0) {
        buffer_add_format(out, ",\"at\":{\"line\":%u,\"column\":%u", error->line, error->column);
        if (error->text[0] != '\0') {
            buffer_add_text(out, ",\"text\":");
            cli_json_string(out, slice_of(error->text));
        }
        buffer_add_byte(out, '}');
    }
    if (error->index >= 0)
        buffer_add_format(out, ",\"index\":%lld", (long long)error->index);
    if (error->retry_after_ms > 0)
        buffer_add_format(out, ",\"retry_after_ms\":%u", error->retry_after_ms);
    buffer_add_text(out, "}}");
}
