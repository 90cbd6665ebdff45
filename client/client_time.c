/* client_time.c - times of a reply: RFC 3339 in UTC, as the server prints them. */
#include "base/calendar.h"
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
    if (parts[0] < 1970 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
        parts[2] > calendar_days_of_month(parts[0], parts[1]) || parts[3] > 23 || parts[4] > 59 ||
        parts[5] > 59)
        return false;
    result = calendar_days(parts[0], parts[1], parts[2]) * CALENDAR_SECONDS_PER_DAY +
             parts[3] * 3600 + parts[4] * 60 + parts[5];
    if (__builtin_mul_overflow(result, NANOSECONDS, &result) ||
        __builtin_add_overflow(result, fraction, &result))
        return false;
    *nanoseconds = result;
    return true;
}
