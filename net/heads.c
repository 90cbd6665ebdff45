/* heads.c - the table, in the order of the bytes. */
#include "net/heads.h"

#define TIMES_2(...) __VA_ARGS__, __VA_ARGS__
#define TIMES_4(...) TIMES_2(__VA_ARGS__), TIMES_2(__VA_ARGS__)
#define TIMES_16(...)                                                                              \
    TIMES_4(__VA_ARGS__), TIMES_4(__VA_ARGS__), TIMES_4(__VA_ARGS__), TIMES_4(__VA_ARGS__)
#define TIMES_32(...) TIMES_16(__VA_ARGS__), TIMES_16(__VA_ARGS__)
#define TIMES_128(...)                                                                             \
    TIMES_32(__VA_ARGS__), TIMES_32(__VA_ARGS__), TIMES_32(__VA_ARGS__), TIMES_32(__VA_ARGS__)

#define HEAD(kind, width, mask)                                                                    \
    {                                                                                              \
        (kind), (width), (mask)                                                                    \
    }
#define FORBIDDEN HEAD(HEAD_FORBIDDEN, 0, 0)

const struct head head_table[] = {
    TIMES_128(HEAD(VALUE_UNSIGNED, 0, 0x7F)), /* 0x00 */
    TIMES_16(HEAD(VALUE_MAP, 0, 0x0F)),       /* 0x80 */
    TIMES_16(HEAD(VALUE_ARRAY, 0, 0x0F)),     /* 0x90 */
    TIMES_32(HEAD(VALUE_TEXT, 0, 0x1F)),      /* 0xA0 */
    HEAD(VALUE_NIL, 0, 0),                    /* 0xC0 */
    FORBIDDEN,                                /* 0xC1 */
    TIMES_2(HEAD(VALUE_BOOL, 0, 0x01)),       /* 0xC2 */
    HEAD(VALUE_BINARY, 1, 0),                 /* 0xC4 */
    HEAD(VALUE_BINARY, 2, 0),
    HEAD(VALUE_BINARY, 4, 0),
    FORBIDDEN, /* 0xC7: extensions */
    TIMES_2(FORBIDDEN),
    HEAD(VALUE_FLOAT, 4, 0), /* 0xCA */
    HEAD(VALUE_FLOAT, 8, 0),
    HEAD(VALUE_UNSIGNED, 1, 0), /* 0xCC */
    HEAD(VALUE_UNSIGNED, 2, 0),
    HEAD(VALUE_UNSIGNED, 4, 0),
    HEAD(VALUE_UNSIGNED, 8, 0),
    HEAD(VALUE_NEGATIVE, 1, 0), /* 0xD0 */
    HEAD(VALUE_NEGATIVE, 2, 0),
    HEAD(VALUE_NEGATIVE, 4, 0),
    HEAD(VALUE_NEGATIVE, 8, 0),
    TIMES_4(FORBIDDEN), /* 0xD4: extensions */
    FORBIDDEN,
    HEAD(VALUE_TEXT, 1, 0), /* 0xD9 */
    HEAD(VALUE_TEXT, 2, 0),
    HEAD(VALUE_TEXT, 4, 0),
    HEAD(VALUE_ARRAY, 2, 0), /* 0xDC */
    HEAD(VALUE_ARRAY, 4, 0),
    HEAD(VALUE_MAP, 2, 0), /* 0xDE */
    HEAD(VALUE_MAP, 4, 0),
    TIMES_32(HEAD(VALUE_NEGATIVE, 0, 0xFF)), /* 0xE0 */
};

_Static_assert(sizeof head_table / sizeof *head_table == 256, "each byte has its row");
