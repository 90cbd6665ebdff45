/* cel_zone.c - a reader of TZif files, version 2 and later.
 *
 *   header(44) data of 32 bits   header(44) data of 64 bits   \n TZ string \n
 *
 * Data: moments(8 each), type of each(1), types (offset(4) dst(1) name(1)), names and more that is
 * not needed. Behind the last moment the TZ string rules. Files with leap seconds are refused. */
#include "schema/cel_zone.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/calendar.h"
#include "base/memory.h"
#include "schema/cel_convert.h"

#define FOLDER "/usr/share/zoneinfo/"
#define NAME_SIZE_MAX 64
#define FILE_SIZE_MAX ((size_t)64 * 1024)
#define HEADER_SIZE 44

/* When daylight saving begins or ends in a year. */
struct rule {
    enum { RULE_MONTH, RULE_JULIAN, RULE_DAY } kind;
    int64_t month;
    int64_t week;
    int64_t day;
    int64_t seconds; /* of the local day */
};

struct zone {
    struct zone *next;
    struct slice name;
    const char *moments; /* 8 bytes each, ascending */
    const char *indexes; /* of types */
    const char *types;   /* 6 bytes each */
    uint32_t moment_count;
    uint32_t type_count;
    bool has_footer;
    bool has_summer;
    int64_t standard;
    int64_t summer;
    struct rule begins;
    struct rule ends;
};

static _Atomic(struct zone *) zones;
static pthread_mutex_t growing = PTHREAD_MUTEX_INITIALIZER; /* guards the growth of the list */
static size_t zone_count;                                   /* under `growing` */

struct reader {
    const char *at;
    const char *end;
};

static bool
read_byte(struct reader *reader, char byte)
{
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static bool
read_number(struct reader *reader, int64_t limit, int64_t *value)
{
    const char *start = reader->at;

    *value = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') {
        *value = *value * 10 + (*reader->at++ - '0');
        if (*value > limit)
            return false;
    }
    return reader->at > start;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool
read_clock(struct reader *reader, int64_t hours_max, int64_t *seconds)
{
    bool negative = read_byte(reader, '-');
    int64_t part;

    if (!negative)
        (void)read_byte(reader, '+');
    if (!read_number(reader, hours_max, &part))
        return false;
    *seconds = part * 3600;
    for (int64_t unit = 60; unit > 0 && read_byte(reader, ':'); unit = unit == 60 ? 1 : 0) {
        if (!read_number(reader, 59, &part))
            return false;
        *seconds += part * unit;
    }
    if (negative)
        *seconds = -*seconds;
    return true;
}

/* The name of a zone in a TZ string: letters, or anything between `<` and `>`. */
static bool
skip_name(struct reader *reader)
{
    const char *start = reader->at;

    if (read_byte(reader, '<')) {
        while (reader->at < reader->end && *reader->at != '>')
            reader->at++;
        return read_byte(reader, '>');
    }
    while (reader->at < reader->end && ((*reader->at >= 'a' && *reader->at <= 'z') ||
                                        (*reader->at >= 'A' && *reader->at <= 'Z')))
        reader->at++;
    return reader->at > start;
}

static bool
read_rule(struct reader *reader, struct rule *rule)
{
    rule->seconds = 2 * 3600;
    if (!read_byte(reader, ','))
        return false;
    if (read_byte(reader, 'M')) {
        rule->kind = RULE_MONTH;
        if (!read_number(reader, 12, &rule->month) || !read_byte(reader, '.') ||
            !read_number(reader, 5, &rule->week) || !read_byte(reader, '.') ||
            !read_number(reader, 6, &rule->day) || rule->month < 1 || rule->week < 1)
            return false;
    } else {
        rule->kind = read_byte(reader, 'J') ? RULE_JULIAN : RULE_DAY;
        if (!read_number(reader, 365, &rule->day))
            return false;
    }
    return !read_byte(reader, '/') || read_clock(reader, 167, &rule->seconds);
}

/* "CET-1CEST,M3.5.0,M10.5.0/3": offsets count to the west there. */
static bool
read_footer(struct slice text, struct zone *zone)
{
    struct reader reader = {text.data, text.data + text.size};

    if (!skip_name(&reader) || !read_clock(&reader, 24, &zone->standard))
        return false;
    zone->standard = -zone->standard;
    zone->has_footer = true;
    if (reader.at == reader.end)
        return true;
    zone->has_summer = true;
    zone->summer = zone->standard + 3600;
    if (!skip_name(&reader))
        return false;
    if (reader.at < reader.end && *reader.at != ',') {
        if (!read_clock(&reader, 24, &zone->summer))
            return false;
        zone->summer = -zone->summer;
    }
    return read_rule(&reader, &zone->begins) && read_rule(&reader, &zone->ends) &&
           reader.at == reader.end;
}

struct counts {
    uint64_t utc, standard, leaps, moments, types, letters;
};

static bool
read_header(struct slice file, size_t at, struct counts *counts)
{
    const char *data;

    if (file.size < at || file.size - at < HEADER_SIZE)
        return false;
    data = file.data + at;
    if (memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return false;
    *counts = (struct counts){bytes_get_u32(data + 20), bytes_get_u32(data + 24),
                              bytes_get_u32(data + 28), bytes_get_u32(data + 32),
                              bytes_get_u32(data + 36), bytes_get_u32(data + 40)};
    return true;
}

static uint64_t
data_size(const struct counts *counts, uint64_t width)
{
    return counts->moments * (width + 1) + counts->types * 6 + counts->letters +
           counts->leaps * (width + 4) + counts->standard + counts->utc;
}

/* The slices of the zone point into the file. */
static bool
read_zone(struct slice file, struct zone *zone)
{
    struct counts counts;
    uint64_t at;
    uint64_t size;
    const char *end;

    if (!read_header(file, 0, &counts))
        return false;
    at = HEADER_SIZE + data_size(&counts, 4);
    if (at > file.size || !read_header(file, (size_t)at, &counts))
        return false;
    at += HEADER_SIZE;
    size = data_size(&counts, 8);
    if (size > file.size - at || counts.leaps > 0 || counts.types == 0 || counts.types > 256)
        return false;
    zone->moments = file.data + at;
    zone->moment_count = (uint32_t)counts.moments;
    zone->indexes = zone->moments + counts.moments * 8;
    zone->types = zone->indexes + counts.moments;
    zone->type_count = (uint32_t)counts.types;
    for (uint32_t index = 0; index < zone->moment_count; index++)
        if ((unsigned char)zone->indexes[index] >= zone->type_count)
            return false;
    at += size;
    if (file.size - at < 2 || file.data[at] != '\n')
        return true;
    end = memchr(file.data + at + 1, '\n', file.size - (size_t)at - 1);
    if (end == NULL || end == file.data + at + 1)
        return true;
    return read_footer(
        (struct slice){file.data + at + 1, (size_t)(end - file.data - (ptrdiff_t)at - 1)}, zone);
}

static bool
is_leap_year(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The local second, counted from 1970 without any offset, at which a rule strikes in a year. */
static int64_t
strikes_at(const struct rule *rule, int64_t year)
{
    int64_t day = calendar_days(year, 1, 1);

    switch (rule->kind) {
    case RULE_MONTH: {
        int64_t first = calendar_days(year, rule->month, 1);
        int64_t next = first + calendar_days_of_month(year, rule->month);
        int64_t weekday = ((first + 4) % 7 + 7) % 7;

        day = first + (rule->day - weekday + 7) % 7 + (rule->week - 1) * 7;
        if (day >= next)
            day -= 7;
        break;
    }
    case RULE_JULIAN: /* 1 to 365, February 29 is never counted */
        day += rule->day - 1 + (is_leap_year(year) && rule->day >= 60 ? 1 : 0);
        break;
    case RULE_DAY:
        day += rule->day;
        break;
    }
    return day * CALENDAR_SECONDS_PER_DAY + rule->seconds;
}

static int64_t
offset_by_footer(const struct zone *zone, int64_t seconds)
{
    int64_t local = seconds + zone->standard;
    int64_t days =
        local / CALENDAR_SECONDS_PER_DAY - (local % CALENDAR_SECONDS_PER_DAY < 0 ? 1 : 0);
    int64_t year, month, day, begins, ends;
    bool summer;

    if (!zone->has_summer)
        return zone->standard;
    calendar_date(days, &year, &month, &day);
    begins = strikes_at(&zone->begins, year) - zone->standard;
    ends = strikes_at(&zone->ends, year) - zone->summer;
    summer =
        begins < ends ? seconds >= begins && seconds < ends : seconds >= begins || seconds < ends;
    return summer ? zone->summer : zone->standard;
}

static int64_t
offset_of(const struct zone *zone, int64_t seconds)
{
    uint32_t low = 0;
    uint32_t high = zone->moment_count;
    uint32_t type = 0;

    while (low < high) { /* the first moment that is later */
        uint32_t middle = low + (high - low) / 2;

        if ((int64_t)bytes_get_u64(zone->moments + (size_t)middle * 8) <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->moment_count && zone->has_footer)
        return offset_by_footer(zone, seconds);
    if (low > 0)
        type = (unsigned char)zone->indexes[low - 1];
    return (int32_t)bytes_get_u32(zone->types + (size_t)type * 6);
}

bool
cel_zone_offset_in(struct slice file, int64_t seconds, int64_t *offset)
{
    struct zone zone = {.next = NULL};

    if (!read_zone(file, &zone))
        return false;
    *offset = offset_of(&zone, seconds);
    return true;
}

static const struct zone *
find_known(struct slice name)
{
    const struct zone *zone = atomic_load_explicit(&zones, memory_order_acquire);

    while (zone != NULL && !slice_equal(zone->name, name))
        zone = zone->next;
    return zone;
}

/* Only names that stay inside of the folder. */
static bool
is_zone_name(struct slice name)
{
    if (name.size == 0 || name.size > NAME_SIZE_MAX || name.data[0] == '/')
        return false;
    for (size_t index = 0; index < name.size; index++) {
        char byte = name.data[index];

        if (!(byte >= 'a' && byte <= 'z') && !(byte >= 'A' && byte <= 'Z') &&
            !(byte >= '0' && byte <= '9') && byte != '_' && byte != '+' && byte != '-' &&
            byte != '/')
            return false;
    }
    return true;
}

static struct zone *
load(struct slice name)
{
    char path[sizeof FOLDER + NAME_SIZE_MAX];
    struct zone *zone = NULL;
    char *data;
    FILE *file;
    size_t size;

    (void)snprintf(path, sizeof path, FOLDER "%.*s", SLICE_PRINTF(name));
    file = fopen(path, "rbe");
    if (file == NULL)
        return NULL;
    data = memory_new(FILE_SIZE_MAX);
    size = fread(data, 1, FILE_SIZE_MAX, file);
    (void)fclose(file);
    if (size < FILE_SIZE_MAX) {
        char *copy = memory_copy(data, size + 1);

        zone = memory_new(sizeof *zone);
        if (read_zone((struct slice){copy, size}, zone)) {
            zone->name = (struct slice){memory_copy(name.data, name.size), name.size};
        } else {
            memory_free(copy);
            memory_free(zone);
            zone = NULL;
        }
    }
    memory_free(data);
    return zone;
}

/* Reading the file under the mutex keeps a zone from being loaded twice; it happens once a name. */
static const struct zone *
find_or_load(struct slice name)
{
    const struct zone *known = find_known(name);
    struct zone *loaded = NULL;

    if (known != NULL || !is_zone_name(name))
        return known;
    (void)pthread_mutex_lock(&growing);
    known = find_known(name);
    if (known == NULL && zone_count < CEL_ZONES_MAX)
        loaded = load(name);
    if (loaded != NULL) {
        zone_count++;
        loaded->next = atomic_load_explicit(&zones, memory_order_relaxed); /* under the mutex */
        atomic_store_explicit(&zones, loaded, memory_order_release);
        known = loaded;
    }
    (void)pthread_mutex_unlock(&growing);
    return known;
}

bool
cel_zone_offset(struct slice name, int64_t seconds, int64_t *offset)
{
    struct reader reader = {name.data, name.data + name.size};
    const struct zone *zone;

    if (name.size == 0 || slice_equal(name, SLICE_LITERAL("UTC"))) {
        *offset = 0;
        return true;
    }
    if (memchr(name.data, ':', name.size) != NULL)
        return name.size <= 6 && read_clock(&reader, 23, offset) && reader.at == reader.end;
    zone = find_or_load(name);
    if (zone == NULL)
        return false;
    *offset = offset_of(zone, seconds);
    return true;
}
