/* cel_time.c - the parts of moments and spans, and their texts.
 * The calendar is the proleptic Gregorian one; a day has 86,400 seconds. */
#include "base/calendar.h"
#include "schema/cel_convert.h"
#include "schema/cel_functions.h"
#include "schema/cel_zone.h"

struct time_reader {
    const char *at;
    const char *end;
};

static bool
read_byte(struct time_reader *reader, char byte)
{
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static bool
is_digit(const struct time_reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool
read_digits(struct time_reader *reader, int width, int64_t *value)
{
    *value = 0;
    for (int index = 0; index < width; index++) {
        if (!is_digit(reader))
            return false;
        *value = *value * 10 + (*reader->at++ - '0');
    }
    return true;
}

/* Digits behind a dot as billionths; what is smaller is dropped. */
static bool
read_fraction(struct time_reader *reader, int64_t *billionths)
{
    int64_t scale = CEL_NANOSECONDS;

    *billionths = 0;
    if (!read_byte(reader, '.'))
        return true;
    if (!is_digit(reader))
        return false;
    while (is_digit(reader)) {
        scale /= 10;
        *billionths += (*reader->at++ - '0') * scale;
    }
    return true;
}

static bool
read_offset(struct time_reader *reader, int64_t *seconds)
{
    int64_t hours;
    int64_t minutes;
    bool negative;

    *seconds = 0;
    if (read_byte(reader, 'Z'))
        return true;
    negative = read_byte(reader, '-');
    if ((!negative && !read_byte(reader, '+')) || !read_digits(reader, 2, &hours) ||
        !read_byte(reader, ':') || !read_digits(reader, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = (hours * 3600 + minutes * 60) * (negative ? -1 : 1);
    return true;
}

bool
cel_read_timestamp(struct slice text, struct cel_value *value)
{
    struct time_reader reader = {text.data, text.size > 0 ? text.data + text.size : text.data};
    int64_t year, month, day, hour, minute, second, fraction, offset, seconds;

    if (!read_digits(&reader, 4, &year) || !read_byte(&reader, '-') ||
        !read_digits(&reader, 2, &month) || !read_byte(&reader, '-') ||
        !read_digits(&reader, 2, &day) || !read_byte(&reader, 'T') ||
        !read_digits(&reader, 2, &hour) || !read_byte(&reader, ':') ||
        !read_digits(&reader, 2, &minute) || !read_byte(&reader, ':') ||
        !read_digits(&reader, 2, &second) || !read_fraction(&reader, &fraction) ||
        !read_offset(&reader, &offset) || reader.at != reader.end)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > calendar_days_of_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    seconds = calendar_days(year, month, day) * CALENDAR_SECONDS_PER_DAY + hour * 3600 +
              minute * 60 + second - offset;
    if (seconds < CEL_SECONDS_MIN || seconds > CEL_SECONDS_MAX)
        return false;
    *value = (struct cel_value){
        .kind = CEL_TIMESTAMP, .extra = (uint32_t)fraction, .as.integer = seconds};
    return true;
}

/* A unit of durations, in nanoseconds; 0 when none stands here. */
static int64_t
read_unit(struct time_reader *reader)
{
    static const struct {
        const char *text;
        int64_t nanoseconds;
    } units[] = {{"ns", 1},
                 {"us", 1000},
                 {"\xC2\xB5s", 1000}, /* micro sign */
                 {"\xCE\xBCs", 1000}, /* mu */
                 {"ms", 1000000},
                 {"s", CEL_NANOSECONDS},
                 {"m", 60 * CEL_NANOSECONDS},
                 {"h", 3600 * CEL_NANOSECONDS}};

    for (size_t index = 0; index < BEHALF_COUNT_OF(units); index++) {
        struct slice unit = slice_of(units[index].text);

        if ((size_t)(reader->end - reader->at) >= unit.size &&
            memcmp(reader->at, unit.data, unit.size) == 0) {
            reader->at += unit.size;
            return units[index].nanoseconds;
        }
    }
    return 0;
}

/* "1.5h": added to the total, which is negative so that the smallest duration can be read too. */
static bool
read_part(struct time_reader *reader, int64_t *total)
{
    int64_t whole = 0;
    int64_t fraction = 0;
    const char *start = reader->at;
    int64_t unit;

    while (is_digit(reader))
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_sub_overflow(whole, *reader->at++ - '0', &whole))
            return false;
    if (reader->at == start && (reader->at == reader->end || *reader->at != '.'))
        return false;
    if (reader->at < reader->end && *reader->at == '.') {
        bool leading = reader->at > start;

        reader->at++;
        if (!is_digit(reader) && !leading)
            return false;
        for (int64_t scale = CEL_NANOSECONDS / 10; is_digit(reader); scale /= 10)
            fraction += (*reader->at++ - '0') * scale;
    }
    unit = read_unit(reader);
    fraction = unit >= CEL_NANOSECONDS ? fraction * (unit / CEL_NANOSECONDS)
                                       : fraction * unit / CEL_NANOSECONDS;
    return unit != 0 && !__builtin_mul_overflow(whole, unit, &whole) &&
           !__builtin_add_overflow(*total, whole, total) &&
           !__builtin_sub_overflow(*total, fraction, total);
}

bool
cel_read_duration(struct slice text, int64_t *nanoseconds)
{
    struct time_reader reader = {text.data, text.size > 0 ? text.data + text.size : text.data};
    bool negative = read_byte(&reader, '-');
    int64_t total = 0;

    if (!negative)
        (void)read_byte(&reader, '+');
    if (reader.end - reader.at == 1 && *reader.at == '0') {
        *nanoseconds = 0;
        return true;
    }
    if (reader.at == reader.end)
        return false;
    while (reader.at < reader.end)
        if (!read_part(&reader, &total))
            return false;
    if (!negative && total == INT64_MIN)
        return false;
    *nanoseconds = negative ? total : -total;
    return true;
}

/* ".5", or nothing. */
static void
print_fraction(uint32_t billionths, struct buffer *out)
{
    char digits[16];
    size_t size = 9;

    if (billionths == 0)
        return;
    for (size_t index = 9; index > 0; index--) {
        digits[index - 1] = (char)('0' + billionths % 10);
        billionths /= 10;
    }
    while (digits[size - 1] == '0')
        size--;
    buffer_add_byte(out, '.');
    buffer_add(out, digits, size);
}

void
cel_print_duration(int64_t nanoseconds, struct buffer *out)
{
    uint64_t size = nanoseconds < 0 ? 0 - (uint64_t)nanoseconds : (uint64_t)nanoseconds;

    buffer_add_format(out, "%s%llu", nanoseconds < 0 ? "-" : "",
                      (unsigned long long)(size / (uint64_t)CEL_NANOSECONDS));
    print_fraction((uint32_t)(size % (uint64_t)CEL_NANOSECONDS), out);
    buffer_add_byte(out, 's');
}

/* A moment taken apart in a zone. */
struct parts {
    int64_t year, month, day;
    int64_t weekday;
    int64_t day_of_year;
    int64_t second; /* of the day */
};

static struct parts
take_apart(int64_t seconds)
{
    int64_t days =
        seconds / CALENDAR_SECONDS_PER_DAY - (seconds % CALENDAR_SECONDS_PER_DAY < 0 ? 1 : 0);
    struct parts parts;

    calendar_date(days, &parts.year, &parts.month, &parts.day);
    parts.weekday = ((days + 4) % 7 + 7) % 7;
    parts.day_of_year = days - calendar_days(parts.year, 1, 1);
    parts.second = seconds - days * CALENDAR_SECONDS_PER_DAY;
    return parts;
}

void
cel_print_timestamp(const struct cel_value *value, struct buffer *out)
{
    struct parts parts = take_apart(value->as.integer);

    buffer_add_format(out, "%04d-%02d-%02dT%02d:%02d:%02d", (int)parts.year, (int)parts.month,
                      (int)parts.day, (int)(parts.second / 3600), (int)(parts.second / 60 % 60),
                      (int)(parts.second % 60));
    print_fraction(value->extra, out);
    buffer_add_byte(out, 'Z');
}

/* The parts of a timestamp, in the zone of the second argument if there is one. */
static bool
parts_of(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
         struct parts *parts, struct cel_value *result)
{
    int64_t offset = 0;

    *result = cel_error(CEL_NO_OVERLOAD);
    if (arguments[0].kind != CEL_TIMESTAMP || (count == 2 && arguments[1].kind != CEL_STRING))
        return false;
    if (count == 2) {
        *result = cel_error("there is no such time zone");
        if (!cel_charge(machine, 10) ||
            !cel_zone_offset(arguments[1].as.text, arguments[0].as.integer, &offset))
            return false;
    }
    *parts = take_apart(arguments[0].as.integer + offset);
    return true;
}

#define MOMENT(name, expression)                                                                   \
    void name(struct cel_machine *machine, const struct cel_value *arguments, size_t count,        \
              struct cel_value *result)                                                            \
    {                                                                                              \
        struct parts parts;                                                                        \
                                                                                                   \
        if (parts_of(machine, arguments, count, &parts, result))                                   \
            *result = cel_int(expression);                                                         \
    }

MOMENT(cel_get_full_year, parts.year)
MOMENT(cel_get_month, parts.month - 1)
MOMENT(cel_get_date, parts.day)
MOMENT(cel_get_day_of_month, parts.day - 1)
MOMENT(cel_get_day_of_week, parts.weekday)
MOMENT(cel_get_day_of_year, parts.day_of_year)

/* Of a duration: how many whole units it has. */
static void
clock_part(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
           int64_t unit, int64_t limit, struct cel_value *result)
{
    struct parts parts;

    if (arguments[0].kind == CEL_DURATION && count == 1)
        *result = cel_int(arguments[0].as.integer / CEL_NANOSECONDS / unit);
    else if (parts_of(machine, arguments, count, &parts, result))
        *result = cel_int(parts.second / unit % limit);
}

void
cel_get_hours(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
              struct cel_value *result)
{
    clock_part(machine, arguments, count, 3600, 24, result);
}

void
cel_get_minutes(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                struct cel_value *result)
{
    clock_part(machine, arguments, count, 60, 60, result);
}

void
cel_get_seconds(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                struct cel_value *result)
{
    clock_part(machine, arguments, count, 1, 60, result);
}

/* Of a duration all of them, as SpiceDB's library has it, not the part below a second. */
void
cel_get_milliseconds(struct cel_machine *machine, const struct cel_value *arguments, size_t count,
                     struct cel_value *result)
{
    struct parts parts;

    if (arguments[0].kind == CEL_DURATION && count == 1)
        *result = cel_int(arguments[0].as.integer / 1000000);
    else if (parts_of(machine, arguments, count, &parts, result))
        *result = cel_int(arguments[0].extra / 1000000);
}
