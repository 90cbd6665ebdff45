/* characters.c - the table of bytes, and comparison without case. */
#include "http/characters.h"

/* Sixteen bytes a row, from 0x00; those from 0x80 are nowhere allowed. The sums of the classes. */
/* clang-format off */
const unsigned char character_classes[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     4,  7,  4,  5,  7,  7,  7,  7,  6,  6,  7,  7,  6,  7,  7,  6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  6,  4,  6,  4,  6,
     6, 15, 15, 15, 15, 15, 15,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  4,  4,  4,  5,  7,
     5, 15, 15, 15, 15, 15, 15,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  4,  5,  4,  7,  0,
};
/* clang-format on */

bool
characters_start_with(struct slice text, struct slice lower)
{
    if (text.size < lower.size)
        return false;
    for (size_t at = 0; at < lower.size; at++)
        if (character_lower(text.data[at]) != lower.data[at])
            return false;
    return true;
}

bool
characters_equal(struct slice text, struct slice lower)
{
    return text.size == lower.size && characters_start_with(text, lower);
}

bool
characters_same(struct slice one, struct slice other)
{
    if (one.size != other.size)
        return false;
    for (size_t at = 0; at < one.size; at++)
        if (character_lower(one.data[at]) != character_lower(other.data[at]))
            return false;
    return true;
}

static bool
are_all(struct slice text, unsigned class)
{
    for (size_t at = 0; at < text.size; at++)
        if (!character_is(text.data[at], class))
            return false;
    return true;
}

bool
characters_are_name(struct slice text)
{
    return text.size > 0 && are_all(text, CHARACTER_TOKEN);
}

bool
characters_are_value(struct slice text)
{
    return are_all(text, CHARACTER_VALUE);
}
