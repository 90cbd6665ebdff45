/* cel_convert.h - texts of numbers, times and addresses, as contexts and expressions have them.
 * Always true: a text that is not wholly such a thing is refused, never cut or clamped.
 * Threads: any; pure functions but for cel_zone_find (cel_zone.h). */
#ifndef BEHALF_SCHEMA_CEL_CONVERT_H
#define BEHALF_SCHEMA_CEL_CONVERT_H

#include "base/buffer.h"
#include "schema/cel_value.h"

/* A part of a duration has a unit, and may have a fraction: some 20 ns a byte, which are paid for
 * beside reading it. */
#define CEL_DURATION_PRICE 3
#define CEL_NANOSECONDS INT64_C(1000000000)
#define CEL_SECONDS_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define CEL_SECONDS_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

bool cel_read_int(struct slice text, int64_t *value);   /* sign and decimal digits */
bool cel_read_uint(struct slice text, uint64_t *value); /* decimal digits */

/* Decimal, with fraction and exponent, or inf, infinity, nan in any case. False when too large. */
bool cel_read_double(struct slice text, double *value);

/* What fits an integer once the fraction is dropped. */
bool cel_double_to_int(double value, int64_t *result);
bool cel_double_to_uint(double value, uint64_t *result);

bool cel_read_duration(struct slice text, int64_t *nanoseconds);     /* "1h30m", "-1.5s" */
bool cel_read_timestamp(struct slice text, struct cel_value *value); /* RFC 3339 */
bool cel_read_address(struct slice text, struct cel_value *value);   /* IPv4 out of IPv6 */
bool cel_read_base64(struct slice text, char *out, size_t *size);    /* out: 3/4 of the text */

void cel_print_double(double value, struct buffer *out);
void cel_print_duration(int64_t nanoseconds, struct buffer *out);
void cel_print_timestamp(const struct cel_value *value, struct buffer *out);
void cel_print_address(const struct cel_value *value, struct buffer *out);

#endif
