/* characters.h - which bytes may stand where in a head (RFC 9110 5.6.2, 5.5; RFC 3986 3.3, 3.4).
 * Pure. Reader and writer ask the same functions, so one never writes what the other refuses. */
#ifndef BEHALF_HTTP_CHARACTERS_H
#define BEHALF_HTTP_CHARACTERS_H

#include <stdbool.h>

#include "base/slice.h"

/* SLICE_LITERAL for tables of static storage. */
#define SLICE_ENTRY(text)                                                                          \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

#define CHARACTER_TOKEN 1U  /* of names and methods */
#define CHARACTER_TARGET 2U /* of paths and queries, '%' among them */
#define CHARACTER_VALUE 4U  /* of the value of a field: visible ASCII, blank, tab */
#define CHARACTER_HEX 8U

extern const unsigned char character_classes[256];

static inline bool
character_is(char byte, unsigned class)
{
    return (character_classes[(unsigned char)byte] & class) != 0;
}

static inline bool
character_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline char
character_lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

/* Without case, of ASCII alone; `lower` is in lower case already. */
bool characters_equal(struct slice text, struct slice lower);
bool characters_same(struct slice one, struct slice other); /* both in any case */
bool characters_start_with(struct slice text, struct slice lower);

bool characters_are_name(struct slice text);  /* a token, not empty */
bool characters_are_value(struct slice text); /* may be empty */

#endif
