/* cel_literal.c - the values of literals.
 * In a string `\x` and octal escapes are code points, in bytes they are bytes; `\u` has no place in
 * bytes. Unescaping never makes text longer. */
#include <stdlib.h>

#include "base/utf8.h"
#include "schema/cel_convert.h"
#include "schema/cel_lex.h"

struct unescaper {
    const struct caveat *caveat;
    struct error *error;
    struct slice body;
    uint32_t offset; /* of the body in the expression */
    size_t at;
    char *out;
    size_t size;
    bool bytes;
};

static enum status
fail_literal(const struct caveat *caveat, uint32_t offset, size_t size, struct error *error,
             const char *message)
{
    (void)error_set(error, BEHALF_SCHEMA_PARSE_ERROR, "%s", message);
    cel_error_at(caveat, offset, (uint32_t)size, error);
    return BEHALF_SCHEMA_PARSE_ERROR;
}

static enum status
fail_escape(struct unescaper *unescaper, size_t size, const char *message)
{
    size_t left = unescaper->body.size - unescaper->at;

    return fail_literal(unescaper->caveat, unescaper->offset + (uint32_t)unescaper->at,
                        size < left ? size : left, unescaper->error, message);
}

static void
put_byte(struct unescaper *unescaper, uint32_t byte)
{
    unescaper->out[unescaper->size++] = (char)(unsigned char)byte;
}

static void
put_point(struct unescaper *unescaper, uint32_t point)
{
    if (point < 0x80) {
        put_byte(unescaper, point);
    } else if (point < 0x800) {
        put_byte(unescaper, 0xC0 | point >> 6);
        put_byte(unescaper, 0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        put_byte(unescaper, 0xE0 | point >> 12);
        put_byte(unescaper, 0x80 | (point >> 6 & 0x3F));
        put_byte(unescaper, 0x80 | (point & 0x3F));
    } else {
        put_byte(unescaper, 0xF0 | point >> 18);
        put_byte(unescaper, 0x80 | (point >> 12 & 0x3F));
        put_byte(unescaper, 0x80 | (point >> 6 & 0x3F));
        put_byte(unescaper, 0x80 | (point & 0x3F));
    }
}

static int
digit_value(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    if (byte >= 'a' && byte <= 'f')
        return byte - 'a' + 10;
    return byte >= 'A' && byte <= 'F' ? byte - 'A' + 10 : 99;
}

/* A code of `digits` digits to `base`, `skip` bytes behind the backslash. */
static enum status
unescape_code(struct unescaper *unescaper, size_t skip, size_t digits, int base, bool unicode)
{
    uint32_t code = 0;

    if (unicode && unescaper->bytes)
        return fail_escape(unescaper, 2, "bytes have no code points: use \\x");
    for (size_t index = 0; index < digits; index++) {
        size_t at = unescaper->at + skip + index;
        int digit = at < unescaper->body.size ? digit_value(unescaper->body.data[at]) : 99;

        if (digit >= base)
            return fail_escape(unescaper, skip + digits, "an escape has too few digits");
        code = code * (uint32_t)base + (uint32_t)digit;
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) || (!unicode && code > 0xFF))
        return fail_escape(unescaper, skip + digits, "an escape is no code point");
    if (unescaper->bytes)
        put_byte(unescaper, code);
    else
        put_point(unescaper, code);
    unescaper->at += skip + digits;
    return BEHALF_OK;
}

static enum status
unescape(struct unescaper *unescaper)
{
    static const char plain[] = "abfnrtv\\?\"'`";
    static const char meant[] = "\a\b\f\n\r\t\v\\?\"'`";
    const char *found;
    char byte = '\0';

    if (unescaper->at + 1 < unescaper->body.size)
        byte = unescaper->body.data[unescaper->at + 1];
    found = byte != '\0' ? strchr(plain, byte) : NULL;
    if (found != NULL) {
        put_byte(unescaper, (unsigned char)meant[found - plain]);
        unescaper->at += 2;
        return BEHALF_OK;
    }
    if (byte == 'x' || byte == 'X')
        return unescape_code(unescaper, 2, 2, 16, false);
    if (byte == 'u')
        return unescape_code(unescaper, 2, 4, 16, true);
    if (byte == 'U')
        return unescape_code(unescaper, 2, 8, 16, true);
    if (byte >= '0' && byte <= '3')
        return unescape_code(unescaper, 1, 3, 8, false);
    return fail_escape(unescaper, 2, "there is no such escape");
}

static enum status
text_literal(const struct caveat *caveat, const struct cel_token *token, struct arena *arena,
             struct cel_value *value, struct error *error)
{
    bool bytes = token->kind == CEL_TOKEN_BYTES;
    size_t prefix = strcspn(token->text.data, "\"'");
    char quote = token->text.data[prefix];
    bool triple = token->text.size >= prefix + 6 && token->text.data[prefix + 1] == quote &&
                  token->text.data[prefix + 2] == quote;
    bool raw = prefix > 0 && (token->text.data[prefix - 1] | 0x20) == 'r';
    size_t quotes = triple ? 3 : 1;
    struct unescaper unescaper = {
        .caveat = caveat,
        .error = error,
        .body = {token->text.data + prefix + quotes, token->text.size - prefix - 2 * quotes},
        .offset = token->offset + (uint32_t)(prefix + quotes),
        .bytes = bytes};

    unescaper.out = arena_take(arena, unescaper.body.size + 1);
    if (unescaper.out == NULL)
        return error_set(error, BEHALF_BUDGET_EXHAUSTED, "the caveat is too large");
    while (unescaper.at < unescaper.body.size) {
        uint32_t point;
        size_t width = utf8_decode(unescaper.body.data + unescaper.at,
                                   unescaper.body.size - unescaper.at, &point);

        if (width == 0)
            return fail_escape(&unescaper, 1, "the expression is not UTF-8 here");
        if (point == '\\' && !raw) {
            enum status status = unescape(&unescaper);

            if (status != BEHALF_OK)
                return status;
            continue;
        }
        memcpy(unescaper.out + unescaper.size, unescaper.body.data + unescaper.at, width);
        unescaper.size += width;
        unescaper.at += width;
    }
    *value =
        cel_text(bytes ? CEL_BYTES : CEL_STRING, (struct slice){unescaper.out, unescaper.size});
    return BEHALF_OK;
}

static enum status
integer_literal(const struct caveat *caveat, const struct cel_token *token, bool negative,
                struct cel_value *value, struct error *error)
{
    bool natural = token->kind == CEL_TOKEN_UINT;
    size_t size = token->text.size - (natural ? 1 : 0);
    bool hexadecimal = size > 2 && (token->text.data[1] | 0x20) == 'x';
    uint64_t limit = natural ? UINT64_MAX : (uint64_t)INT64_MAX + (negative ? 1 : 0);
    uint64_t total = 0;

    for (size_t index = hexadecimal ? 2 : 0; index < size; index++) {
        uint64_t digit = (uint64_t)digit_value(token->text.data[index]);

        if (__builtin_mul_overflow(total, hexadecimal ? 16 : 10, &total) ||
            __builtin_add_overflow(total, digit, &total) || total > limit)
            return fail_literal(caveat, token->offset, token->text.size, error,
                                natural ? "the number does not fit a uint"
                                        : "the number does not fit an int");
    }
    if (natural)
        *value = cel_uint(total);
    else
        *value = cel_int((int64_t)(negative ? 0 - total : total));
    return BEHALF_OK;
}

enum status
cel_literal(const struct caveat *caveat, const struct cel_token *token, bool negative,
            struct arena *arena, struct cel_value *value, struct error *error)
{
    double real;

    if (token->kind == CEL_TOKEN_STRING || token->kind == CEL_TOKEN_BYTES)
        return text_literal(caveat, token, arena, value, error);
    if (token->kind != CEL_TOKEN_DOUBLE)
        return integer_literal(caveat, token, negative, value, error);
    if (!cel_read_double(token->text, &real))
        return fail_literal(caveat, token->offset, token->text.size, error,
                            "the number does not fit a double");
    *value = cel_double(negative ? -real : real);
    return BEHALF_OK;
}
