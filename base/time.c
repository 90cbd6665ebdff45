/* time.c - RFC 3339 text and nanoseconds since 1970 UTC.
 * Always true: what prints parses again to the same value; a moment before 1970 is refused, and one
 * behind the last that fits is taken as that last one. The calendar is the proleptic Gregorian one,
 * counted in days from 1970-01-01. */
#include "base/calendar.h"
#include "base/relationship.h"

#define NANOSECONDS INT64_C(1000000000)

struct time_reader {
    const char *next;
    const char *end;
};

/* Exactly `width` digits. */
static bool
read_number(struct time_reader *reader, size_t width, int64_t *value)
{
    *value = 0;
    if ((size_t)(reader->end - reader->next) < width)
        return false;
    for (size_t index = 0; index < width; index++) {
        char digit = *reader->next++;

        if (digit < '0' || digit > '9')
            return false;
        *value = *value * 10 + (digit - '0');
    }
    return true;
}

static bool
read_byte(struct time_reader *reader, char byte)
{
    if (reader->next == reader->end || *reader->next != byte)
        return false;
    reader->next++;
    return true;
}

/* Digits behind a dot, at most nine: more than a nanosecond cannot be kept, so it is refused. */
static bool
read_fraction(struct time_reader *reader, int64_t *nanoseconds)
{
    int64_t scale = NANOSECONDS;

    *nanoseconds = 0;
    if (!read_byte(reader, '.'))
        return true;
    while (reader->next < reader->end && *reader->next >= '0' && *reader->next <= '9') {
        scale /= 10;
        if (scale == 0)
            return false;
        *nanoseconds += (*reader->next++ - '0') * scale;
    }
    return scale < NANOSECONDS;
}

/* `Z` or `-hh:mm`: the offset to add to reach UTC. */
static bool
read_zone(struct time_reader *reader, int64_t *seconds)
{
    int64_t hours;
    int64_t minutes;

    *seconds = 0;
    if (read_byte(reader, 'Z'))
        return true;
    if (!read_byte(reader, '-') || !read_number(reader, 2, &hours) || !read_byte(reader, ':') ||
        !read_number(reader, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = hours * 3600 + minutes * 60;
    return true;
}

bool
time_parse(struct slice text, int64_t *time_ns)
{
    struct time_reader reader = {text.data, text.size > 0 ? text.data + text.size : text.data};
    int64_t year, month, day, hour, minute, second, nanoseconds, offset, seconds, total;

    if (!read_number(&reader, 4, &year) || !read_byte(&reader, '-') ||
        !read_number(&reader, 2, &month) || !read_byte(&reader, '-') ||
        !read_number(&reader, 2, &day) || !read_byte(&reader, 'T') ||
        !read_number(&reader, 2, &hour) || !read_byte(&reader, ':') ||
        !read_number(&reader, 2, &minute) || !read_byte(&reader, ':') ||
        !read_number(&reader, 2, &second) || !read_fraction(&reader, &nanoseconds) ||
        !read_zone(&reader, &offset) || reader.next != reader.end)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > calendar_days_of_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    seconds = calendar_days(year, month, day) * CALENDAR_SECONDS_PER_DAY + hour * 3600 +
              minute * 60 + second + offset;
    if (seconds < 0)
        return false;
    if (__builtin_mul_overflow(seconds, NANOSECONDS, &total) ||
        __builtin_add_overflow(total, nanoseconds, &total))
        total = INT64_MAX;
    *time_ns = total;
    return true;
}

bool
expiration_parse(struct slice text, int64_t *expires_at)
{
    if (!time_parse(text, expires_at))
        return false;
    if (*expires_at == 0)
        *expires_at = 1;
    return true;
}

/* `count` digits of a number that has no more. */
static void
put_digits(char *text, size_t count, uint64_t number)
{
    for (; count > 0; count--, number /= 10)
        text[count - 1] = (char)('0' + number % 10);
}

void
time_print(int64_t time_ns, struct buffer *out)
{
    int64_t nanoseconds = time_ns % NANOSECONDS;
    int64_t seconds, days, year, month, day;
    char text[] = "0000-00-00T00:00:00.000000000";
    size_t size = sizeof "0000-00-00T00:00:00" - 1;

    if (nanoseconds < 0)
        nanoseconds += NANOSECONDS;
    seconds = time_ns / NANOSECONDS - (time_ns % NANOSECONDS < 0 ? 1 : 0);
    days = seconds / CALENDAR_SECONDS_PER_DAY - (seconds % CALENDAR_SECONDS_PER_DAY < 0 ? 1 : 0);
    seconds -= days * CALENDAR_SECONDS_PER_DAY;
    calendar_date(days, &year, &month, &day);
    put_digits(text, 4, (uint64_t)year);
    put_digits(text + 5, 2, (uint64_t)month);
    put_digits(text + 8, 2, (uint64_t)day);
    put_digits(text + 11, 2, (uint64_t)seconds / 3600);
    put_digits(text + 14, 2, (uint64_t)seconds / 60 % 60);
    put_digits(text + 17, 2, (uint64_t)seconds % 60);
    if (nanoseconds != 0) {
        put_digits(text + size + 1, 9, (uint64_t)nanoseconds);
        for (size += 10; text[size - 1] == '0'; size--)
            continue;
    }
    buffer_add(out, text, size);
    buffer_add_byte(out, 'Z');
}
