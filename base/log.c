/* log.c - one line, one write.
 * The format is walked here, conversion by conversion, because only so it is known which bytes are
 * a value: quotes, backslashes and what a terminal obeys or hides are escaped inside a %s, and not
 * in the format. Whoever reads the line, or the JSON made from it, can then split it without
 * guessing. */
#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/env.h"
#include "base/escape.h"
#include "base/relationship.h"

#define VALUE_SIZE 512 /* one formatted number, or the part of a string that is shown */

static struct log_options options = {.level = LOG_INFO};

static const char *const level_names[] = {
    [LOG_DEBUG] = "debug",
    [LOG_INFO] = "info",
    [LOG_WARN] = "warn",
    [LOG_ERROR] = "error",
};

void
log_configure(const struct log_options *wanted)
{
    options = *wanted;
}

bool
log_level_parse(const char *name, enum log_level *level)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(level_names); index++) {
        if (strcmp(name, level_names[index]) == 0) {
            *level = (enum log_level)index;
            return true;
        }
    }
    return false;
}

/* A conversion: "%s", "%.*s", "%d", "%u", "%zu", "%ld", "%lu", "%lld", "%llu", "%x", "%%". */
struct conversion {
    const char *end; /* behind the letter */
    char letter;
    unsigned longs; /* 'l's; 'z' counts as one */
    bool counted;   /* ".*" */
};

static struct conversion
read_conversion(const char *at)
{
    struct conversion conversion = {.longs = 0};

    at++;
    if (at[0] == '.' && at[1] == '*') {
        conversion.counted = true;
        at += 2;
    }
    while (*at == 'l' || *at == 'z') {
        conversion.longs++;
        at++;
    }
    conversion.letter = *at;
    conversion.end = *at != '\0' ? at + 1 : at;
    return conversion;
}

static void
add_signed(struct buffer *line, long long value)
{
    buffer_add_format(line, "%lld", value);
}

static void
add_unsigned(struct buffer *line, unsigned long long value, char letter)
{
    if (letter == 'x')
        buffer_add_format(line, "%llx", value);
    else
        buffer_add_format(line, "%llu", value);
}

/* One va_list for the whole line: it is passed by reference and moves on. */
static void
add_value(struct buffer *line, const struct conversion *conversion, va_list *arguments)
{
    unsigned longs = conversion->longs;

    switch (conversion->letter) {
    case 's': {
        size_t size = conversion->counted ? (size_t)va_arg(*arguments, int) : VALUE_SIZE;
        const char *text = va_arg(*arguments, const char *);

        if (size > VALUE_SIZE)
            size = VALUE_SIZE;
        /* As in JSON, so that one escaping serves both forms. */
        escape_json((struct slice){text, strnlen(text, size)}, line);
        return;
    }
    case 'd':
        add_signed(line, longs == 0   ? va_arg(*arguments, int)
                         : longs == 1 ? va_arg(*arguments, long)
                                      : va_arg(*arguments, long long));
        return;
    case 'u':
    case 'x':
        add_unsigned(line,
                     longs == 0   ? va_arg(*arguments, unsigned)
                     : longs == 1 ? va_arg(*arguments, unsigned long)
                                  : va_arg(*arguments, unsigned long long),
                     conversion->letter);
        return;
    case '%':
        buffer_add_byte(line, '%');
        return;
    default:
        BEHALF_UNREACHABLE(); /* a conversion that this file does not know */
    }
}

static void
add_pairs(struct buffer *line, const char *format, va_list *arguments)
{
    while (*format != '\0') {
        size_t plain = strcspn(format, "%");

        buffer_add(line, format, plain);
        format += plain;
        if (*format == '%') {
            struct conversion conversion = read_conversion(format);

            add_value(line, &conversion, arguments);
            format = conversion.end;
        }
    }
}

/* The end of the value that starts at `at`: behind its closing quote, or at the next blank. */
static size_t
value_end(struct slice pairs, size_t at)
{
    if (at < pairs.size && pairs.data[at] == '"') {
        for (at++; at < pairs.size && pairs.data[at] != '"'; at++)
            if (pairs.data[at] == '\\')
                at++;
        return at < pairs.size ? at + 1 : pairs.size;
    }
    while (at < pairs.size && pairs.data[at] != ' ')
        at++;
    return at;
}

static bool
is_number(struct slice value)
{
    size_t start = value.size > 1 && value.data[0] == '-';

    for (size_t index = start; index < value.size; index++)
        if (value.data[index] < '0' || value.data[index] > '9')
            return false;
    return value.size > 0 && (value.size == start + 1 || value.data[start] != '0');
}

/* `key=value key="value"` as members of a JSON object: quoted values are JSON strings already. */
static void
add_json_pairs(struct buffer *line, struct slice pairs)
{
    size_t at = 0;

    while (at < pairs.size) {
        const char *equals = memchr(pairs.data + at, '=', pairs.size - at);
        size_t name_end = equals != NULL ? (size_t)(equals - pairs.data) : pairs.size;
        size_t start = name_end < pairs.size ? name_end + 1 : pairs.size;
        size_t end = value_end(pairs, start);
        struct slice value = {pairs.data + start, end - start};
        bool bare = is_number(value) || (value.size > 1 && value.data[0] == '"');

        buffer_add_text(line, ",\"");
        buffer_add(line, pairs.data + at, name_end - at);
        buffer_add_text(line, bare ? "\":" : "\":\"");
        buffer_add_slice(line, value);
        if (!bare)
            buffer_add_byte(line, '"');
        at = end;
        while (at < pairs.size && pairs.data[at] == ' ')
            at++;
    }
}

/* "2026-11-23T06:00:00.123Z": always three digits, so that lines align. */
static void
add_time(struct buffer *line)
{
    int64_t now_ns = env_wall_ns(env_system());
    struct buffer text;

    buffer_init(&text);
    time_print(now_ns - now_ns % 1000000000, &text);
    buffer_add(line, text.data, text.size > 0 ? text.size - 1 : 0);
    buffer_add_format(line, ".%03dZ", (int)(now_ns / 1000000 % 1000));
    buffer_release(&text);
}

static void
write_line(const struct buffer *line)
{
    /* A log that cannot be written has nobody to tell. */
    (void)!write(STDERR_FILENO, line->data, line->size);
}

void
log_line(enum log_level level, const char *event, const char *format, ...)
{
    struct buffer pairs;
    struct buffer line;
    va_list arguments;

    if (level < options.level)
        return;
    buffer_init(&pairs);
    buffer_init(&line);
    va_start(arguments, format);
    add_pairs(&pairs, format, &arguments);
    va_end(arguments);
    if (options.json) {
        buffer_add_text(&line, "{\"time\":\"");
        add_time(&line);
        buffer_add_format(&line, "\",\"level\":\"%s\",\"event\":\"%s\"", level_names[level], event);
        add_json_pairs(&line, buffer_slice(&pairs));
        buffer_add_text(&line, "}\n");
    } else {
        add_time(&line);
        buffer_add_format(&line, " %-5s %s", level_names[level], event);
        if (pairs.size > 0)
            buffer_add_byte(&line, ' ');
        buffer_add_slice(&line, buffer_slice(&pairs));
        buffer_add_byte(&line, '\n');
    }
    write_line(&line);
    buffer_release(&line);
    buffer_release(&pairs);
}
