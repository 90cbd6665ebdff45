/* utf8.h - one code point at a time.
 * Always true: only the shortest form is accepted, surrogates and values above U+10FFFF are not
 * (Unicode 15, table 3-7). */
#ifndef BEHALF_BASE_UTF8_H
#define BEHALF_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes of the code point at the start of `data`, and its value; 0 when it is not UTF-8. */
static inline size_t
utf8_decode(const char *data, size_t size, uint32_t *point)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *bytes = (const unsigned char *)data;
    uint32_t value;
    size_t length;

    if (size == 0)
        return 0;
    if (bytes[0] < 0x80) {
        *point = bytes[0];
        return 1;
    }
    if ((bytes[0] & 0xE0) == 0xC0) {
        length = 2;
        value = bytes[0] & 0x1F;
    } else if ((bytes[0] & 0xF0) == 0xE0) {
        length = 3;
        value = bytes[0] & 0x0F;
    } else if ((bytes[0] & 0xF8) == 0xF0) {
        length = 4;
        value = bytes[0] & 0x07;
    } else {
        return 0;
    }
    if (length > size)
        return 0;
    for (size_t index = 1; index < length; index++) {
        if ((bytes[index] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (bytes[index] & 0x3F);
    }
    if (value < smallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *point = value;
    return length;
}

/* Whether all of it is UTF-8. */
static inline bool
utf8_is_valid(const char *data, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint64_t eight;
        uint32_t point;
        size_t width;

        if (size - at >= sizeof eight) { /* ASCII is what most texts are */
            memcpy(&eight, data + at, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        width = utf8_decode(data + at, size - at, &point);
        if (width == 0)
            return false;
        at += width;
    }
    return true;
}

#endif
