/* client_json.c - JSON text (RFC 8259) as MessagePack, for contexts.
 * Always true: what is not JSON leaves the writer as it was. Whole numbers of 64 bits stay whole,
 * larger ones become doubles; the locale of the program does not matter. */
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "client/client_internal.h"

#define DEPTH_MAX 64 /* the server takes less, and says so */
#define HEAD_SIZE 5  /* of the largest container */

struct json_reader {
    const char *at; /* the text ends with a NUL, which is no part of JSON */
    struct behalf_writer *writer;
    locale_t numbers; /* with a dot before the fraction */
    const char *problem;
    unsigned depth;
};

static bool
refuse(struct json_reader *reader, const char *problem)
{
    reader->problem = problem;
    return false;
}

static void
skip_blanks(struct json_reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
}

static bool
take(struct json_reader *reader, char byte)
{
    skip_blanks(reader);
    if (*reader->at != byte)
        return false;
    reader->at++;
    return true;
}

/* --- strings --- */

static bool
read_hex(struct json_reader *reader, uint32_t *unit)
{
    *unit = 0;
    for (int digits = 0; digits < 4; digits++) {
        char byte = *reader->at;

        if (byte >= '0' && byte <= '9')
            *unit = *unit * 16 + (uint32_t)(byte - '0');
        else if (byte >= 'a' && byte <= 'f')
            *unit = *unit * 16 + (uint32_t)(byte - 'a' + 10);
        else if (byte >= 'A' && byte <= 'F')
            *unit = *unit * 16 + (uint32_t)(byte - 'A' + 10);
        else
            return refuse(reader, "four hexadecimal digits must follow \\u");
        reader->at++;
    }
    return true;
}

static size_t
put_point(uint32_t point, char *to)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xC0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3F));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xE0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3F));
        to[2] = (char)(0x80 | (point & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3F));
    to[2] = (char)(0x80 | (point >> 6 & 0x3F));
    to[3] = (char)(0x80 | (point & 0x3F));
    return 4;
}

/* Behind \u: one unit, or two that make one code point. */
static bool
read_unicode(struct json_reader *reader, char *to, size_t *size)
{
    uint32_t point;
    uint32_t low;

    if (!read_hex(reader, &point))
        return false;
    if (point >= 0xDC00 && point < 0xE000)
        return refuse(reader, "the second half of a surrogate pair stands alone");
    if (point >= 0xD800 && point < 0xDC00) {
        if (reader->at[0] != '\\' || reader->at[1] != 'u')
            return refuse(reader, "the first half of a surrogate pair stands alone");
        reader->at += 2;
        if (!read_hex(reader, &low))
            return false;
        if (low < 0xDC00 || low >= 0xE000)
            return refuse(reader, "the first half of a surrogate pair stands alone");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    *size += put_point(point, to + *size);
    return true;
}

/* Behind a backslash. */
static bool
read_escape(struct json_reader *reader, char *to, size_t *size)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    char letter = *reader->at;
    const char *found = letter != '\0' ? strchr(letters, letter) : NULL;

    if (letter == 'u') {
        reader->at++;
        return read_unicode(reader, to, size);
    }
    if (found == NULL)
        return refuse(reader, "there is no such escape");
    to[(*size)++] = meanings[found - letters];
    reader->at++;
    return true;
}

/* Behind the opening quote, into `to`, which has room for as many bytes as the text. */
static bool
read_characters(struct json_reader *reader, char *to, size_t *size)
{
    *size = 0;
    while (*reader->at != '"') {
        uint32_t point;
        size_t width;

        if (*reader->at == '\0')
            return refuse(reader, "a string does not end");
        if ((unsigned char)*reader->at < 0x20)
            return refuse(reader, "a control character must be escaped");
        if (*reader->at == '\\') {
            reader->at++;
            if (!read_escape(reader, to, size))
                return false;
            continue;
        }
        width = utf8_decode(reader->at, strnlen(reader->at, 4), &point);
        if (width == 0)
            return refuse(reader, "a string is not UTF-8");
        memcpy(to + *size, reader->at, width);
        *size += width;
        reader->at += width;
    }
    reader->at++;
    return true;
}

/* The end of a string cannot be told without reading it; a backslash hides one quote at most. */
static size_t
string_room(const char *at)
{
    size_t size = 0;

    while (at[size] != '\0' && at[size] != '"')
        size += at[size] == '\\' && at[size + 1] != '\0' ? 2 : 1;
    return size;
}

static bool
read_string(struct json_reader *reader)
{
    char *text = malloc(string_room(reader->at) + 1);
    size_t size;
    bool good;

    if (text == NULL) {
        reader->writer->failed = true;
        return refuse(reader, "no memory");
    }
    good = read_characters(reader, text, &size);
    if (good)
        behalf_write_string(reader->writer, text, size);
    free(text);
    return good;
}

/* --- numbers --- */

static size_t
skip_digits(const char **at)
{
    size_t count = strspn(*at, "0123456789");

    *at += count;
    return count;
}

/* A whole number that fits 64 bits. */
static bool
write_whole(struct behalf_writer *writer, const char *digits, size_t count, bool negative)
{
    uint64_t value = 0;

    for (size_t index = 0; index < count; index++)
        if (__builtin_mul_overflow(value, 10U, &value) ||
            __builtin_add_overflow(value, (unsigned)(digits[index] - '0'), &value))
            return false;
    if (!negative)
        behalf_write_uint(writer, value);
    else if (value <= (uint64_t)INT64_MAX)
        behalf_write_int(writer, -(int64_t)value);
    else if (value == (uint64_t)INT64_MAX + 1)
        behalf_write_int(writer, INT64_MIN);
    else
        return false;
    return true;
}

static bool
read_number(struct json_reader *reader)
{
    const char *start = reader->at;
    bool negative = *start == '-';
    const char *digits = start + (negative ? 1 : 0);
    const char *at = digits;
    size_t count = skip_digits(&at);
    bool whole = *at != '.' && *at != 'e' && *at != 'E';
    double value;

    if (count == 0 || (count > 1 && digits[0] == '0'))
        return refuse(reader, "this is no JSON value");
    if (*at == '.') {
        at++;
        if (skip_digits(&at) == 0)
            return refuse(reader, "digits must follow the dot of a number");
    }
    if (*at == 'e' || *at == 'E') {
        at += at[1] == '+' || at[1] == '-' ? 2 : 1;
        if (skip_digits(&at) == 0)
            return refuse(reader, "digits must follow the exponent of a number");
    }
    if (whole && write_whole(reader->writer, digits, count, negative)) {
        reader->at = at;
        return true;
    }
    value = strtod_l(start, NULL, reader->numbers);
    if (!isfinite(value))
        return refuse(reader, "a number is too large");
    behalf_write_double(reader->writer, value);
    reader->at = at;
    return true;
}

/* --- values --- */

static bool read_value(struct json_reader *reader);

static bool
read_word(struct json_reader *reader)
{
    if (strncmp(reader->at, "true", 4) == 0)
        behalf_write_bool(reader->writer, true);
    else if (strncmp(reader->at, "null", 4) == 0)
        behalf_write_nil(reader->writer);
    else if (strncmp(reader->at, "false", 5) == 0)
        behalf_write_bool(reader->writer, false);
    else
        return refuse(reader, "this is no JSON value");
    reader->at += *reader->at == 'f' ? 5 : 4;
    return true;
}

/* Replaces the room of HEAD_SIZE bytes at `head` by the head of a container, moving what it has. */
static void
close_container(struct behalf_writer *writer, size_t head, bool map, uint32_t count)
{
    unsigned char *at;
    size_t size;

    if (writer->failed)
        return;
    at = writer->bytes.data + head;
    if (count < 16) {
        at[0] = (unsigned char)((map ? 0x80 : 0x90) | count);
        size = 1;
    } else if (count <= UINT16_MAX) {
        at[0] = map ? 0xDE : 0xDC;
        bytes_put_u16(at + 1, (uint16_t)count);
        size = 3;
    } else {
        at[0] = map ? 0xDF : 0xDD;
        bytes_put_u32(at + 1, count);
        size = 5;
    }
    memmove(at + size, at + HEAD_SIZE, writer->bytes.size - head - HEAD_SIZE);
    writer->bytes.size -= HEAD_SIZE - size;
}

static bool
read_key(struct json_reader *reader)
{
    if (!take(reader, '"'))
        return refuse(reader, "a key must be a string");
    if (!read_string(reader))
        return false;
    return take(reader, ':') || refuse(reader, "a colon must follow a key");
}

/* Behind the opening bracket. Recursion: at most DEPTH_MAX deep. */
static bool
read_container(struct json_reader *reader, bool map)
{
    size_t head = reader->writer->bytes.size;
    char end = map ? '}' : ']';
    uint32_t count = 0;

    if (reader->depth == DEPTH_MAX)
        return refuse(reader, "arrays and objects are nested too deep");
    reader->depth++;
    behalf_write_raw(reader->writer, "\0\0\0\0", HEAD_SIZE);
    if (!take(reader, end)) {
        do {
            if (map && !read_key(reader))
                return false;
            if (!read_value(reader))
                return false;
            count++;
        } while (take(reader, ','));
        if (!take(reader, end))
            return refuse(reader, map ? "a comma or } is missing" : "a comma or ] is missing");
    }
    close_container(reader->writer, head, map, count);
    reader->depth--;
    return true;
}

static bool
read_value(struct json_reader *reader)
{
    skip_blanks(reader);
    switch (*reader->at) {
    case '"':
        reader->at++;
        return read_string(reader);
    case '{':
    case '[':
        return read_container(reader, *reader->at++ == '{');
    case '-':
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return read_number(reader);
    default:
        return read_word(reader);
    }
}

static bool
read_document(struct json_reader *reader)
{
    if (!read_value(reader))
        return false;
    skip_blanks(reader);
    return *reader->at == '\0' || refuse(reader, "something stands behind the value");
}

/* With the place, which is counted in bytes. */
static enum behalf_status
say_problem(const struct json_reader *reader, const char *text, struct behalf_error *error)
{
    uint32_t line = 1;
    const char *start = text;

    for (const char *at = text; at < reader->at; at++)
        if (*at == '\n') {
            line++;
            start = at + 1;
        }
    (void)client_error_set(error, BEHALF_FAILED_USAGE, "cannot read the JSON text: %s",
                           reader->problem);
    if (error != NULL) {
        error->line = line;
        error->column = (uint32_t)(reader->at - start) + 1;
    }
    return BEHALF_FAILED_USAGE;
}

enum behalf_status
behalf_write_json(struct behalf_writer *writer, const char *text, struct behalf_error *error)
{
    struct json_reader reader = {.at = text, .writer = writer};
    size_t before = writer->bytes.size;
    bool good;

    reader.numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (reader.numbers == (locale_t)0)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "no memory to read JSON");
    good = read_document(&reader);
    freelocale(reader.numbers);
    if (writer->failed)
        return client_error_set(error, BEHALF_FAILED_MEMORY, "no memory to read JSON");
    if (good)
        return BEHALF_SUCCESS;
    writer->bytes.size = before;
    return say_problem(&reader, text, error);
}
