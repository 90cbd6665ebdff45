/* client_time.c - times of a reply: RFC 3339 in UTC, as the server prints them. */
#include "client/client_internal.h"

#define NANOSECONDS INT64_C(1000000000)

/* `count` digits; false when another byte is among them. */
static bool
read_digits(const char *at, size_t count, int64_t *number)
{
    *number = 0;
    for (size_t index = 0; index < count; index++) {
        if (at[index] < '0' || at[index] > '9')
            return false;
        *number = *number * 10 + (at[index] - '0');
    }
    return true;
}

/* Days since 1970 of a date after 1600. Years begin in March: the leap day is the last of a year.
 */
static int64_t
days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    return 365 * year + year / 4 - year / 100 + year / 400 +
           (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1 - 719468;
}

/* ".5Z" or "Z" */
static bool
read_end(const char *at, size_t size, int64_t *nanoseconds)
{
    *nanoseconds = 0;
    if (size == 0 || at[size - 1] != 'Z')
        return false;
    if (size == 1)
        return true;
    if (at[0] != '.' || size < 3 || size > 11 || !read_digits(at + 1, size - 2, nanoseconds))
        return false;
    for (size_t digits = size - 2; digits < 9; digits++)
        *nanoseconds *= 10;
    return true;
}

bool
behalf_value_time(struct behalf_value value, int64_t *nanoseconds)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    static const size_t starts[6] = {0, 5, 8, 11, 14, 17};
    int64_t parts[6];
    int64_t fraction;
    int64_t result;
    const char *text;
    size_t size;

    if (!behalf_value_string(value, &text, &size) || size < sizeof form - 1)
        return false;
    for (size_t index = 0; index < sizeof form - 1; index++)
        if (form[index] != 'd' && form[index] != text[index])
            return false;
    for (size_t index = 0; index < BEHALF_COUNT_OF(parts); index++)
        if (!read_digits(text + starts[index], index == 0 ? 4 : 2, &parts[index]))
            return false;
    if (!read_end(text + sizeof form - 1, size - (sizeof form - 1), &fraction))
        return false;
    if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 || parts[2] > 31 ||
        parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
        return false;
    result = days_since_1970(parts[0], parts[1], parts[2]) * 86400 + parts[3] * 3600 +
             parts[4] * 60 + parts[5];
    if (__builtin_mul_overflow(result, NANOSECONDS, &result) ||
        __builtin_add_overflow(result, fraction, &result))
        return false;
    *nanoseconds = result;
    return true;
}
