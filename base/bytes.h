/* bytes.h - fixed-width integers as bytes, big-endian, so that byte order is numeric order.
 * Signed times are stored with the sign bit flipped for the same reason. */
#ifndef BEHALF_BASE_BYTES_H
#define BEHALF_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline void
bytes_put_u16(void *at, uint16_t value)
{
    value = __builtin_bswap16(value);
    memcpy(at, &value, sizeof value);
}

static inline void
bytes_put_u32(void *at, uint32_t value)
{
    value = __builtin_bswap32(value);
    memcpy(at, &value, sizeof value);
}

static inline void
bytes_put_u64(void *at, uint64_t value)
{
    value = __builtin_bswap64(value);
    memcpy(at, &value, sizeof value);
}

static inline uint16_t
bytes_get_u16(const void *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t
bytes_get_u32(const void *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t
bytes_get_u64(const void *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the swaps above assume little-endian");

#endif
