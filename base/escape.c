/* escape.c - what a terminal obeys or hides, made visible. */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "base/utf8.h"

/* Controls, format characters that are not seen (Unicode 15, Cf and Default_Ignorable_Code_Point),
 * and the separators of lines. In order. */
static const struct {
    uint32_t first;
    uint32_t last;
} hidden[] = {
    {0x0000, 0x001F}, {0x007F, 0x009F},   {0x00AD, 0x00AD},   {0x034F, 0x034F},   {0x061C, 0x061C},
    {0x115F, 0x1160}, {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},
    {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},   {0xFFA0, 0xFFA0},
    {0xFFF0, 0xFFFB}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
};

static bool
is_hidden(uint32_t point)
{
    for (size_t index = 0; index < BEHALF_COUNT_OF(hidden) && point >= hidden[index].first; index++)
        if (point <= hidden[index].last)
            return true;
    return false;
}

/* JSON is written with small digits everywhere. */
static const char text_digits[] = "0123456789ABCDEF";
static const char json_digits[] = "0123456789abcdef";

static void
add_escaped(struct buffer *out, uint32_t point, const char *digits)
{
    if (point > 0xFFFF) {
        add_escaped(out, 0xD7C0 + (point >> 10), digits);
        point = 0xDC00 + (point & 0x3FF);
    }
    buffer_add_text(out, "\\u");
    for (int shift = 12; shift >= 0; shift -= 4)
        buffer_add_byte(out, digits[point >> shift & 0xF]);
}

void
escape_text(struct slice text, struct buffer *out)
{
    size_t at = 0;

    while (at < text.size) {
        uint32_t point;
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        if (length == 0)
            buffer_add_format(out, "\\x%02X", (unsigned)(unsigned char)text.data[at]);
        else if (is_hidden(point))
            add_escaped(out, point, text_digits);
        else
            buffer_add(out, text.data + at, length);
        at += length > 0 ? length : 1;
    }
}

void
escape_json(struct slice text, struct buffer *out)
{
    size_t at = 0;

    while (at < text.size) {
        uint32_t point;
        size_t length = utf8_decode(text.data + at, text.size - at, &point);

        if (length == 0)
            add_escaped(out, 0xFFFD, json_digits);
        else if (point == '"' || point == '\\')
            buffer_add_format(out, "\\%c", (char)point);
        else if (is_hidden(point))
            add_escaped(out, point, json_digits);
        else
            buffer_add(out, text.data + at, length);
        at += length > 0 ? length : 1;
    }
}
