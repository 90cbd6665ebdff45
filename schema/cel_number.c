/* cel_number.c - numbers and base64 as text. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "schema/cel_convert.h"

#define NUMBER_SIZE_MAX 512

bool
cel_read_int(struct slice text, int64_t *value)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t first = negative || (text.size > 0 && text.data[0] == '+') ? 1 : 0;
    int64_t total = 0;

    if (text.size == first)
        return false;
    for (size_t index = first; index < text.size; index++) {
        int digit = text.data[index] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(total, 10, &total) ||
            __builtin_add_overflow(total, negative ? -digit : digit, &total))
            return false;
    }
    *value = total;
    return true;
}

bool
cel_read_uint(struct slice text, uint64_t *value)
{
    uint64_t total = 0;

    if (text.size == 0)
        return false;
    for (size_t index = 0; index < text.size; index++) {
        int digit = text.data[index] - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(total, 10, &total) ||
            __builtin_add_overflow(total, (uint64_t)digit, &total))
            return false;
    }
    *value = total;
    return true;
}

static size_t
skip_digits(const char *text, size_t at)
{
    while (text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

/* Exactly the grammar of decimal numbers: strtod would take hexadecimal ones and blanks too. */
static bool
is_decimal(const char *text)
{
    size_t start = text[0] == '+' || text[0] == '-' ? 1 : 0;
    size_t at = skip_digits(text, start);
    size_t digits = at - start;

    if (text[at] == '.') {
        size_t fraction = skip_digits(text, at + 1);

        digits += fraction - at - 1;
        at = fraction;
    }
    if (digits == 0)
        return false;
    if (text[at] == 'e' || text[at] == 'E') {
        size_t exponent = at + 1 + (text[at + 1] == '+' || text[at + 1] == '-' ? 1 : 0);

        at = skip_digits(text, exponent);
        if (at == exponent)
            return false;
    }
    return text[at] == '\0';
}

bool
cel_read_double(struct slice text, double *value)
{
    char copy[NUMBER_SIZE_MAX];
    const char *word = copy;

    if (text.size == 0 || text.size >= sizeof copy || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (is_decimal(copy)) {
        *value = strtod(copy, NULL);
        return isfinite(*value);
    }
    if (strcasecmp(copy, "nan") == 0) {
        *value = (double)NAN;
        return true;
    }
    if (copy[0] == '+' || copy[0] == '-')
        word++;
    if (strcasecmp(word, "inf") != 0 && strcasecmp(word, "infinity") != 0)
        return false;
    *value = copy[0] == '-' ? -(double)INFINITY : (double)INFINITY;
    return true;
}

bool
cel_double_to_int(double value, int64_t *result)
{
    if (!(value > -CEL_TWO_63 && value < CEL_TWO_63))
        return false;
    *result = (int64_t)value;
    return true;
}

bool
cel_double_to_uint(double value, uint64_t *result)
{
    if (!(value >= 0 && value < CEL_TWO_64))
        return false;
    *result = (uint64_t)value;
    return true;
}

/* The fewest digits that read back the same; with an exponent from 1e6 on and below 1e-4, as
 * SpiceDB's library prints them. */
void
cel_print_double(double value, struct buffer *out)
{
    char text[64];
    char *exponent;
    long power;
    size_t digits;

    if (isnan(value) || isinf(value)) {
        buffer_add_text(out, isnan(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int precision = 14; precision <= 16; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    exponent = strchr(text, 'e');
    BEHALF_ASSERT(exponent != NULL);
    power = strtol(exponent + 1, NULL, 10);
    digits = (size_t)(exponent - text);
    while (text[digits - 1] == '0' && text[digits - 2] != '.')
        digits--;
    if (text[digits - 1] == '0' && digits > 2)
        digits -= 2; /* ".0" */
    if (power < -4 || power >= 6) {
        buffer_add(out, text, digits);
        buffer_add_format(out, "e%c%02ld", power < 0 ? '-' : '+', power < 0 ? -power : power);
    } else {
        size_t shown = digits - (text[0] == '-' ? 1 : 0);
        long places = (shown > 1 ? (long)shown - 2 : 0) - power;

        buffer_add_format(out, "%.*f", places > 0 ? (int)places : 0, value);
    }
}

static int
base64_value(char byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* The standard alphabet with its padding (RFC 4648, 4). */
bool
cel_read_base64(struct slice text, char *out, size_t *size)
{
    size_t padding = 0;

    *size = 0;
    if (text.size % 4 != 0)
        return false;
    while (padding < 2 && padding < text.size && text.data[text.size - 1 - padding] == '=')
        padding++;
    for (size_t at = 0; at < text.size; at += 4) {
        bool last = at + 4 == text.size;
        uint32_t group = 0;

        for (size_t index = 0; index < 4; index++) {
            bool pad = last && index >= 4 - padding;
            int value = pad ? 0 : base64_value(text.data[at + index]);

            if (value < 0)
                return false;
            group = group << 6 | (uint32_t)value;
        }
        for (size_t index = 0; index < 3 - (last ? padding : 0); index++)
            out[(*size)++] = (char)(unsigned char)(group >> (16 - 8 * index));
    }
    return true;
}
