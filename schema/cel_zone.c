/* cel_zone.c - a reader of TZif files, version 2 and later.
 *
 *   header(44) data of 32 bits   header(44) data of 64 bits   \n TZ string \n
 *
 * Data: moments(8 each), type of each(1), types (offset(4) dst(1) name(1)), names and more that is
 * not needed. Behind the last moment the TZ string rules. Files with leap seconds are refused. */
#include "schema/cel_zone.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/calendar.h"
#include "base/memory.h"
#include "schema/cel_convert.h"

#define FOLDER "/usr/share/zoneinfo"
#define FOLDER_DEPTH 3
#define NAME_SIZE_MAX 64
#define PATH_SIZE_MAX 256
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

/* All of the database, sorted by name; written once. */
static struct zone *zones;
static size_t zone_count;

struct zone_reader {
    const char *at;
    const char *end;
};

static bool
read_byte(struct zone_reader *reader, char byte)
{
    if (reader->at == reader->end || *reader->at != byte)
        return false;
    reader->at++;
    return true;
}

static bool
read_number(struct zone_reader *reader, int64_t limit, int64_t *value)
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
read_clock(struct zone_reader *reader, int64_t hours_max, int64_t *seconds)
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
skip_name(struct zone_reader *reader)
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
read_rule(struct zone_reader *reader, struct rule *rule)
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
    struct zone_reader reader = {text.data, text.data + text.size};

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
    struct zone zone = {.moments = NULL};

    if (!read_zone(file, &zone))
        return false;
    *offset = offset_of(&zone, seconds);
    return true;
}

/* --- the database --- */

static bool
load_zone(const char *path, struct zone *zone)
{
    FILE *file = fopen(path, "rbe");
    char *data;
    size_t size;
    bool good;

    if (file == NULL)
        return false;
    data = memory_new(FILE_SIZE_MAX);
    size = fread(data, 1, FILE_SIZE_MAX, file);
    (void)fclose(file);
    *zone = (struct zone){.moments = NULL};
    good = size < FILE_SIZE_MAX && read_zone((struct slice){data, size}, zone);
    if (good) {
        char *copy = memory_copy(data, size + 1);

        good = read_zone((struct slice){copy, size}, zone);
        BEHALF_ASSERT(good);
    }
    memory_free(data);
    return good;
}

static void
add_zone(const char *path, const char *name)
{
    struct zone zone;

    if (zone_count == CEL_ZONES_MAX || !load_zone(path, &zone))
        return;
    zone.name = (struct slice){memory_copy(name, strlen(name) + 1), strlen(name)};
    zones[zone_count++] = zone;
}

/* "posix" is the database once more, "right" counts leap seconds. */
static bool
is_skipped(const char *name)
{
    return name[0] == '.' || strcmp(name, "posix") == 0 || strcmp(name, "right") == 0;
}

/* Recursion: names of zones have at most FOLDER_DEPTH parts ("America/Argentina/Salta"). */
static void
load_folder(const char *folder, const char *prefix, int depth)
{
    DIR *listing = opendir(folder);
    const struct dirent *entry;

    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        char path[PATH_SIZE_MAX];
        char name[NAME_SIZE_MAX];
        struct stat about;
        bool fits =
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) < (int)sizeof path &&
            snprintf(name, sizeof name, "%s%s", prefix, entry->d_name) < (int)sizeof name;

        if (!fits || is_skipped(entry->d_name) || stat(path, &about) != 0)
            continue;
        if (S_ISREG(about.st_mode)) {
            add_zone(path, name);
        } else if (S_ISDIR(about.st_mode) && depth < FOLDER_DEPTH &&
                   strlen(name) + 1 < sizeof name) {
            memcpy(name + strlen(name), "/", 2);
            load_folder(path, name, depth + 1);
        }
    }
    if (listing != NULL)
        (void)closedir(listing);
}

static int
compare_zones(const void *a, const void *b)
{
    return slice_compare(((const struct zone *)a)->name, ((const struct zone *)b)->name);
}

static void
load_database(void)
{
    zones = memory_new_array(CEL_ZONES_MAX, sizeof *zones);
    load_folder(FOLDER, "", 1);
    qsort(zones, zone_count, sizeof *zones, compare_zones);
}

void
cel_zones_load(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, load_database);
}

static const struct zone *
find_zone(struct slice name)
{
    const struct zone key = {.name = name};

    cel_zones_load();
    return bsearch(&key, zones, zone_count, sizeof *zones, compare_zones);
}

bool
cel_zone_offset(struct slice name, int64_t seconds, int64_t *offset)
{
    struct zone_reader reader = {name.data, name.data + name.size};
    const struct zone *zone;

    if (name.size == 0 || slice_equal(name, SLICE_LITERAL("UTC"))) {
        *offset = 0;
        return true;
    }
    if (memchr(name.data, ':', name.size) != NULL)
        return name.size <= 6 && read_clock(&reader, 23, offset) && reader.at == reader.end;
    zone = find_zone(name);
    if (zone == NULL)
        return false;
    *offset = offset_of(zone, seconds);
    return true;
}
